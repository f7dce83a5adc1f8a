"""The demo as a user runs it: a process that starts a node of its own."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.demo.command import demo
from cli.demo.stage import Stage, expect
from cli.demo.voice import Voice
from cli.formats.sample_invoice import write_sample_invoice
from cli.terminal import run_command
from ledger.errors import LedgerError

ROOT = Path(__file__).parents[2]
# Some four seconds where nothing else runs; the machine may be busy.
SECONDS_MAX = 300


class Run(NamedTuple):
    """What a demo left behind."""

    exit: int
    out: bytes
    err: str
    seconds: float
    temp: Path

    @property
    def facts(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def step(self, number: int) -> dict[str, Any]:
        """Return what a step says of itself."""
        found: dict[str, Any] = self.facts["steps"][number - 1]
        return found


def start_demo(temp: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a demo whose temporary files go to a folder of the test."""
    temp.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "demo", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temp)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_demo(temp: Path, *words: str) -> Run:
    """Run a demo to its end."""
    began = time.monotonic()
    process = start_demo(temp, *words)
    out, err = process.communicate(timeout=SECONDS_MAX)
    spent = time.monotonic() - began
    return Run(process.returncode, out, err.decode(), spent, temp)


def processes_with(text: str) -> list[str]:
    """Return the command lines of running processes that name a path."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


@pytest.fixture(scope="module")
def as_json(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the demo once with --json."""
    return run_demo(tmp_path_factory.mktemp("json"), "--json")


@pytest.fixture(scope="module")
def as_text(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the demo on an invoice of a user, as text into a pipe, keeping its folder."""
    temp = tmp_path_factory.mktemp("text")
    invoice = invoice_of("1000003", tmp_path_factory.mktemp("own") / "invoice.xml")
    return run_demo(temp, "--keep", str(temp / "kept"), "--file", str(invoice))


def test_all_steps_are_told_in_order(as_json: Run) -> None:
    """Ten steps succeed in reasonable time; stdout has one JSON object only."""
    assert (as_json.exit, as_json.out.count(b"\n")) == (0, 1), as_json.err
    assert [step["step"] for step in as_json.facts["steps"]] == list(range(1, 11))
    assert all(step["title"] for step in as_json.facts["steps"])
    spent_ms = sum(step["elapsed_ms"] for step in as_json.facts["steps"])
    assert spent_ms <= as_json.facts["elapsed_ms"] <= as_json.seconds * 1000
    assert "10/10" in as_json.err


def test_the_node_refuses_what_it_must(as_json: Run) -> None:
    """Double spend, forgery, replays, one signature of two and late acceptance."""
    refusals = as_json.step(6)["refusals"]
    assert refusals == {
        "double_spend": "stale_input",
        "forged_signature": "bad_signature",
        "other_chain": "wrong_chain",
        "replay": "duplicate",
        "stale_offer": "offer_over",
    }
    assert as_json.step(4)["refused_with_one_signature"] == "policy_not_met"


@pytest.mark.parametrize(
    ("step", "received", "shares", "state"),
    [
        pytest.param(7, 60_000_01, [15_000_00, 30_000_01, 15_000_00], "overdue"),
        pytest.param(8, 40_046_66, [10_011_67, 20_023_32, 10_011_67], "settled"),
    ],
    ids=["part", "rest"],
)
def test_money_is_swept_to_the_cent(
    as_json: Run, step: int, received: int, shares: list[int], state: str
) -> None:
    """Each payment is shared by largest remainder on what each member holds."""
    found = as_json.step(step)
    assert found["received_minor"] == received
    assert [row["amount_minor"] for row in found["shares"]] == shares
    assert found["state"] == state


def test_the_table_adds_up(as_json: Run) -> None:
    """Received, passed on, paid in and out and held, by member."""
    columns = ("received", "passed_on", "paid_in", "paid_out", "holds")
    table = {
        row["member"]: tuple(row[f"{name}_minor"] for name in columns)
        for row in as_json.facts["members"]
    }
    assert {name: row for name, row in table.items() if any(row)} == {
        "buyer": (0, 0, 100_046_67, 0, 0),
        "tier-one": (100_000_00, 75_000_00, 0, 25_011_67, 0),
        "tier-two": (75_000_00, 25_000_00, 0, 50_023_33, 0),
        "tier-three": (25_000_00, 0, 0, 25_011_67, 0),
    }
    assert as_json.step(9)["paid_minor"] == 100_046_67
    root = as_json.facts["lineage"]
    assert [child["holder"] for child in root["children"]] == ["tier-two"] * 2


def test_the_audit_tells_a_forged_copy_from_the_ledger(as_json: Run) -> None:
    """One byte more or less: TAMPERED with its block, else VALID."""
    found, confirmed = as_json.step(10), as_json.step(4)["height"]
    assert found["verdict"] == "VALID"
    assert (found["forged"]["verdict"], found["forged"]["block"]) == (
        "TAMPERED",
        confirmed,
    )
    assert found["forged"]["code"] == "bad_root"


def test_nothing_is_left_behind(as_json: Run) -> None:
    """No folder and no process outlives the demo."""
    assert list(as_json.temp.iterdir()) == []
    assert processes_with(str(as_json.temp)) == []


def test_piped_text_is_plain(as_text: Run) -> None:
    """Without a terminal there are no escapes; each fact has its time."""
    text = as_text.out.decode("ascii")
    assert (as_text.exit, as_text.err) == (0, "")
    assert not re.search(r"[^\n -~]", text)
    assert len(re.findall(r"(?m)^\[ {1,3}\d+\.\ds\] ", text)) > 50
    assert "refused, stale_input" in text
    assert re.search(r"(?m)^Tier Two +750001 .* 500234 +0$", text)
    table = text.partition("\nmember, in JPY ")[2].partition("\n\n")[0]
    assert len(table.splitlines()) == 5
    assert max(map(len, table.splitlines())) <= 80
    assert "|  |  +- Tier Three: JPY 250000 from 0" in text


def test_an_invoice_of_the_user_plays_in_its_own_time(as_text: Run) -> None:
    """Currency, dates and amounts come from the file; a Saturday moves on."""
    text = as_text.out.decode("ascii")
    assert "UBL invoice A-1: JPY 1000003 due 2024-03-09" in text
    assert "due date 2024-03-11: the bank's CSV file brings JPY 600002" in text
    assert "audit of the ledger: VALID" in text


def test_keep_keeps_what_can_be_gone_on_with(as_text: Run) -> None:
    """Ledger, wallets and export stay, and the node has ended."""
    kept = {path.name for path in (as_text.temp / "kept").iterdir()}
    assert {"clock", "home", "ledger", "ledger.export", "passphrase"} <= kept
    assert processes_with(str(as_text.temp)) == []


def test_an_interrupted_demo_ends_its_node(tmp_path: Path) -> None:
    """Stopped half way, as by Ctrl-C, it ends with 130 and leaves nothing."""
    temp = tmp_path / "temp"
    process = start_demo(temp)
    try:
        deadline = time.monotonic() + SECONDS_MAX
        # The port file is there when the node serves.
        while not list(temp.glob("*/port")) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SECONDS_MAX)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, b"error[interrupted]" in err) == (130, True)
    assert list(temp.iterdir()) == []
    assert processes_with(str(temp)) == []


def invoice_of(amount: str, path: Path) -> Path:
    """Write an invoice of an amount."""
    write_sample_invoice(
        path,
        number="A-1",
        issue_date="2024-01-10",
        due_date="2024-03-09",
        amount=amount,
        currency="JPY",
        seller={"name": "Seller"},
        buyer={"name": "Buyer"},
    )
    return path


def test_a_sale_ends_well(tmp_path: Path) -> None:
    """Two prices, one taken and paid, one short and one late; the audit agrees."""
    played = run_demo(tmp_path, "--chapter", "sale", "--json")
    assert played.exit == 0, played.err
    steps = {step["title"]: step for step in played.facts["steps"]}
    best, other = (r["net_minor"] for r in steps["Both give firm prices"]["bids"])
    assert best > other
    assert steps["The supplier takes the better one"]["refused"] == "part_locked"
    assert steps["A price comes a cent short"]["state"] == "open"
    assert steps["The price comes"]["net_minor"] == best
    assert steps["Another sale is paid too late"]["state"] == "lapsed"
    paid = steps["Everybody is paid"]["paid_minor"]
    # 0.05 % of 60000.00 and 5.00.
    assert (paid["price"], paid["fee"]) == (best, 3500)
    assert steps["An auditor verifies all of it"]["verdict"] == "VALID"


def test_bad_days_end_well(tmp_path: Path) -> None:
    """Contested, late, in default, back step by step, frozen, released, insolvent."""
    played = run_demo(tmp_path, "--chapter", "bad-days", "--json")
    assert played.exit == 0, played.err
    steps = {step["title"]: step for step in played.facts["steps"]}
    contested = steps["A part of it is contested"]
    assert (contested["reduced_minor"], contested["refused"]) == (
        200_000,
        "disputed_unaware",
    )
    ended = steps["The debtor is insolvent"]
    assert (ended["suspense_minor"], ended["refused"]) == (1_800_000, "insolvent")
    calls = steps["Parts go back, step by step"]["calls"]
    # 7 days at 6 % on 25000.00 and 35000.00.
    assert [call["price_minor"] for call in calls] == [2502917, 2502917, 3504083]
    assert steps["Money was there in time, and booked late"]["state"] == "settled"
    assert steps["What was frozen is released"]["held_minor"] in (1001166, 1001167)
    assert steps["An auditor verifies all of it"]["verdict"] == "VALID"


def test_what_cannot_be_played_is_refused(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """An amount too small to split and a folder in use end it before a node runs."""
    invoice = invoice_of("999", tmp_path / "invoice.xml")
    assert run_command(demo, ["--json", "--file", str(invoice)]) == 7
    assert json.loads(capsysbinary.readouterr().out)["code"] == "demo_amount"
    assert run_command(demo, ["--json", "--keep", str(tmp_path)]) == 9
    assert json.loads(capsysbinary.readouterr().out)["code"] == "file_exists"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage without a node."""
    return Stage(Voice(io.StringIO()), tmp_path / "stage")


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(lambda stage: stage.refused(lambda: None, "stale_input")),
        pytest.param(lambda _: expect(1, 2, what="one")),
        pytest.param(lambda _: expect("a", "c", what="one", is_one_of=("a", "b"))),
    ],
    ids=["accepted", "other", "none-of"],
)
def test_a_surprise_fails_loudly(stage: Stage, check: Callable[[Stage], Any]) -> None:
    """What is accepted though it must be refused ends the demo with a code."""
    with pytest.raises(LedgerError) as caught:
        check(stage)
    assert caught.value.code == "demo_surprise"


def test_a_node_that_does_not_start_is_named(stage: Stage) -> None:
    """A node without a ledger ends, and the demo with it, by what its log says."""
    stage.set_clock(date(2024, 1, 10))
    with pytest.raises(LedgerError) as caught:
        stage.start()
    stage.close()
    assert caught.value.code == "demo_node_failed"
    assert caught.value.found
