"""Hundreds of lines in one screen: what is typed, refused, kept and sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import cli.signing.sending
from ledger.encoding import decode
from ledger.names import short_id
from ledger.state import scan_records
from tests.cli.wallets import Stage, open_stage
from tests.node.serving import ROOT, close_world, reopen, run_node
from tests.world import World

DUE = "2026-03-02"
HEADER = "supplier,invoice,issued,amount,currency,due"


def prepare(world: World) -> None:
    """Give a world an account and a programme with a limit."""
    world.open_account()
    world.open_programme()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with a programme."""
    folder = tmp_path_factory.mktemp("stage")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_stage(folder, patch, prepare) as stage,
    ):
        yield stage


def line(number: str, amount: str = "10.00", **other: str) -> str:
    """Return a line of approved payables."""
    row = {"supplier": "TEST:ALPHA", "issued": "2026-01-02", "due": DUE, **other}
    return ",".join((row["supplier"], number, row["issued"], amount, "CNY", row["due"]))


def write(path: Path, lines: Sequence[str], header: str = HEADER) -> str:
    """Write a table and return its name."""
    path.write_text("\n".join((header, *lines)) + "\n")
    return str(path)


def issued(stage: Stage, prefix: str) -> list[str]:
    """Return the invoice numbers with a prefix that are on the ledger, sorted."""
    rows = stage.world.scan("parties", stage.world.member("debtor"))
    numbers = [row["invoices"][0]["number"] for row in rows]
    return sorted(number for number in numbers if number.startswith(prefix))


def test_a_file_is_issued_and_accepted_by_count_and_total(
    stage: Stage, tmp_path: Path
) -> None:
    """Debtor and suppliers type count and control total once each."""
    rows = [line(f"A-{n}", f"{n}.50") for n in range(1, 5)]
    rows.append(line("A-9", "1000.00", supplier="TEST:BETA"))
    file = write(tmp_path / "payables.csv", rows)
    for wrong in ("5 CNY 1012.01", "4 CNY 1012.00", "5", "1012.00"):
        assert stage.refusal("debtor", "issue", "--file", file, typed=wrong) == (
            "declined"
        )
    assert issued(stage, "A-") == []
    ended = stage.run("debtor", "issue", "--file", file, typed="5 CNY 1012.00")
    assert (ended.exit_code, ended.out) == (0, "5 committed, 0 refused, 0 unknown\n")
    for text in ("beta: once, CNY 1000.00", "alpha: 4 times, CNY 12.00"):
        assert text in ended.err
    assert "largest       CNY 1000.00 beta A-9" in ended.err
    listed = next((stage.home / "wallets" / "debtor").glob("batch-issue-*.txt"))
    assert sha256(listed.read_bytes()).hexdigest() in ended.err
    assert listed.read_text().count("signed by") == 5
    waiting = stage.do("alpha", "inbox")["items"]
    assert len(waiting) == 4
    some = stage.run("alpha", "accept", "--all", typed="4 CNY 13.00")
    assert "of them       4 issued" in some.err
    made = stage.do("alpha", "accept", "--all", typed="4 CNY 12.00")
    assert (made["committed"], made["refused"]) == (4, 0)
    assert stage.refusal("alpha", "accept", "--all", typed="1") == "nothing_to_do"


def test_the_same_file_is_never_issued_twice(stage: Stage, tmp_path: Path) -> None:
    """The same bytes are sent again and counted once; nothing is typed for it."""
    file = write(tmp_path / "twice.csv", [line("B-1"), line("B-2")])
    first = stage.do("debtor", "issue", "--file", file, typed="2 CNY 20.00")
    again = stage.do("debtor", "issue", "--file", file)
    assert again["items"] == first["items"]
    assert issued(stage, "B-") == ["B-1", "B-2"]


def test_every_refusal_is_listed_by_line_and_code(stage: Stage, tmp_path: Path) -> None:
    """Nothing is signed until the refused lines are left out on purpose."""
    rows = [
        line("C-1"),
        line("C-1"),
        line("c -1", "11.00"),
        line("C-2", due="2026-01-01"),
        line("C-3", supplier="TEST:NOBODY"),
        line("C-4", "1.005"),
        line("C-5", due="soon"),
        line("C-6"),
    ]
    file = write(tmp_path / "bad.csv", rows)
    ended = stage.run("debtor", "issue", "--file", file, typed="2 CNY 20.00")
    assert ended.exit_code == 7
    expected = {
        3: "duplicate_line",
        4: "duplicate_line",
        5: "past_due",
        6: "not_found",
        7: "too_many_decimals",
        8: "not_a_date",
    }
    for number, code in expected.items():
        assert f"line {number}: error[{code}]" in ended.err
    assert "error[lines_refused]" in ended.err
    told = stage.run("debtor", "issue", "--file", file, "--json").facts["refused"]
    assert told == [f"line {number}: {code}" for number, code in expected.items()]
    assert issued(stage, "C-") == []
    words = ["issue", "--file", file, "--keep-going", "--json"]
    done = stage.run("debtor", *words, typed="2 CNY 20.00")
    assert done.exit_code == 7
    assert (done.facts["committed"], done.facts["refused"]) == (2, 6)
    assert issued(stage, "C-") == ["C-1", "C-6"]


def test_what_is_issued_already_is_refused_by_line(
    stage: Stage, tmp_path: Path
) -> None:
    """A corrected file names the lines that stood in the first one."""
    first = write(tmp_path / "first.csv", [line("D-1")])
    stage.do("debtor", "issue", "--file", first, typed="1 CNY 10.00")
    file = write(tmp_path / "second.csv", [line("D-1"), line("D-2")])
    words = ["issue", "--file", file, "--keep-going", "--json"]
    found = stage.run("debtor", *words, typed="1 CNY 10.00").facts
    assert [row.get("code") for row in found["items"]] == [None, "invoice_overused"]
    assert issued(stage, "D-") == ["D-1", "D-2"]


def test_deductions_and_reasons_stand_out(stage: Stage, tmp_path: Path) -> None:
    """They are read from the line, counted on the screen, and change the total."""
    header = f"{HEADER},deductions,reason,use"
    rows = [
        f"{line('L-1')},retention 1.00 {'ab' * 32}|advance 2.00 {'cd' * 32},long,",
        f"{line('L-2')},,,4.00",
        f"{line('L-3')},gift 1.00 {'ab' * 32},,",
        f"{line('L-4')},retention,,",
    ]
    file = write(tmp_path / "less.csv", rows, header)
    words = ["issue", "--file", file, "--keep-going"]
    ended = stage.run("debtor", *words, typed="2 CNY 11.00")
    assert "2 committed, 2 refused" in ended.out
    assert ended.err.count("error[bad_deduction]") == 2
    for text in ("1 with deductions", "1 with a reason"):
        assert f"of them       {text}" in ended.err


def claims(stage: Stage, prefix: str, count: int) -> list[str]:
    """Let alpha claim invoices; return the ids people read."""
    made = []
    for n in range(count):
        words = ["--invoice", f"{prefix}{n}", "--issued", "2026-01-02", "--due", DUE]
        words += ["--amount", "CNY 7.00"]
        found = stage.do("alpha", "submit", *words, typed="7.00")
        made.append(short_id("receivable", found["created"]["id"]))
    return made


def test_claims_are_confirmed_by_a_file(stage: Stage, tmp_path: Path) -> None:
    """Each line says which and how much; another amount is refused by name."""
    one, two, three = claims(stage, "E-", 3)
    header = "receivable,amount,currency"
    rows = [f"{one},7.00,CNY", f"{two},7.01,CNY", f"{one.lower()},7.00,CNY"]
    file = write(tmp_path / "c.csv", rows, header)
    words = ["confirm", "--file", file, "--keep-going", "--json"]
    found = stage.run("debtor", *words, typed="1 CNY 7.00").facts
    told = {row["line"]: row.get("code", "") for row in found["items"]}
    assert told == {
        "line 2": "",
        "line 3": "line_differs",
        "line 4": "duplicate_line",
    }
    assert stage.do("debtor", "show", one)["state"] == "live"
    stage.do("debtor", "confirm", "--all", typed="2 CNY 14.00")
    assert stage.do("debtor", "show", three)["state"] == "live"


def test_offers_are_accepted_by_count_and_total(stage: Stage, tmp_path: Path) -> None:
    """As claims are; who gives, in what currency and what of it may be chosen."""
    file = write(tmp_path / "k.csv", [line("K-1", "90.00")])
    made = stage.do("debtor", "issue", "--file", file, typed="1 CNY 90.00")
    item = made["items"][0]["created"]["id"]
    stage.do("alpha", "accept", short_id("receivable", item), typed="90.00")
    holding = f"{short_id('receivable', item)}/"
    cuts = ("CNY 10.00", "CNY 10.00")
    stage.do("alpha", "split", holding + "0.00", *cuts, typed="3")
    for start in ("0.00", "10.00"):
        words = ["offer", holding + start, "--to", "TEST:BETA"]
        stage.do("alpha", *words, typed="10.00")
    words = ["accept", "--all", "--only", "offers"]
    for other in (["--from", "TEST:GAMMA"], ["--currency", "EUR"]):
        assert stage.refusal("beta", *words, *other) == "nothing_to_do"
    words += ["--from", "TEST:ALPHA", "--currency", "cny"]
    ended = stage.run("beta", *words, typed="2 CNY 20.01")
    assert ended.exit_code == 3
    assert "alpha: 2 times, CNY 20.00" in ended.err
    assert stage.do("beta", *words, typed="2 CNY 20.00")["committed"] == 2
    held = [
        row["amount_minor"] for row in stage.do("beta", "balance", "holdings")["items"]
    ]
    assert held == [1_000, 1_000]


def test_a_batch_goes_from_signer_to_signer(stage: Stage, tmp_path: Path) -> None:
    """Two persons of one member sign one file of many lines."""
    rows = [line(f"F-{n}", supplier="TEST:GAMMA") for n in range(3)]
    file = write(tmp_path / "g.csv", rows)
    stage.do("debtor", "issue", "--file", file, typed="3 CNY 30.00")
    alone = stage.run("gamma", "accept", "--all", typed="3 CNY 30.00")
    assert alone.err.count("error[policy_not_met]") == 3
    batch = tmp_path / "g.altb"
    stage.do("gamma", "accept", "--all", "--prepare", str(batch))
    copy = tmp_path / "copy.altb"
    copy.write_bytes(batch.read_bytes())
    assert stage.refusal("alpha", "sign", str(batch)) == "wrong_signers"
    stage.do("gamma", "sign", str(batch), typed="3 CNY 30.00")
    early = stage.run("gamma", "send", str(batch), "--json")
    assert (early.exit_code, early.facts["refused"]) == (7, 3)
    stage.do("gamma1", "sign", str(copy), typed="3 CNY 30.00")
    sent = stage.do("gamma1", "send", str(batch), str(copy))
    assert sent["committed"] == 3
    other = write(tmp_path / "text.altb", [], '{"items":[]}')
    assert stage.refusal("gamma", "sign", other) == "bad_batch"


def test_lines_out_of_their_window_are_signed_anew(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was never sent and can never count any more is shown and typed again."""
    file = write(tmp_path / "late.csv", [line("M-1"), line("M-2")])
    monkeypatch.setattr(cli.signing.sending, "PAUSE_S", 0)
    with monkeypatch.context() as patch:
        patch.setattr(cli.signing.sending, "_send_chunk", lambda *_: {})
        stage.run("debtor", "issue", "--file", file, typed="2 CNY 20.00")
    stage.served.advance(stage.world.time + 2 * 86_400_000)
    assert stage.refusal("debtor", "issue", "--file", file) == "no_terminal"
    found = stage.do("debtor", "issue", "--file", file, typed="2 CNY 20.00")
    assert found["committed"] == 2
    assert stage.do("debtor", "issue", "--file", file)["items"] == found["items"]
    assert issued(stage, "M-") == ["M-1", "M-2"]


class StoppedError(Exception):
    """The process is gone."""


def test_a_crash_in_the_middle_issues_nothing_twice(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half was sent when it stopped; the same command sends the same bytes."""
    rows = [line(f"G-{n}") for n in range(6)]
    file = write(tmp_path / "crash.csv", rows)
    real = cli.signing.sending._send_chunk
    sent: list[Any] = []

    def stop(session: Any, chunk: Any) -> Any:
        if sent:
            raise StoppedError
        sent.append(chunk)
        real(session, chunk)
        return {}

    monkeypatch.setattr(cli.signing.sending, "CHUNK_LINES", 3)
    monkeypatch.setattr(cli.signing.sending, "_send_chunk", stop)
    ended = stage.run("debtor", "issue", "--file", file, typed="6 CNY 60.00")
    assert (ended.exit_code, issued(stage, "G-")) == (1, ["G-0", "G-1", "G-2"])
    monkeypatch.setattr(cli.signing.sending, "_send_chunk", real)
    told = stage.do("debtor", "issue", "--file", file)
    assert (told["committed"], told["refused"]) == (6, 0)
    assert issued(stage, "G-") == [f"G-{n}" for n in range(6)]


def test_a_busy_or_silent_node_leaves_the_outcome_open(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was never answered is unknown, and said so by exit code 8."""
    file = write(tmp_path / "busy.csv", [line("H-1")])
    monkeypatch.setattr(cli.signing.sending, "PAUSE_S", 0)
    monkeypatch.setattr(cli.signing.sending, "_send_chunk", lambda *_: {})
    words = ["issue", "--file", file, "--json"]
    ended = stage.run("debtor", *words, typed="1 CNY 10.00")
    assert (ended.exit_code, ended.facts["unknown"]) == (8, 1)


@pytest.mark.parametrize(
    "words",
    [
        ["issue", "--file", "f", "--invoice", "1"],
        ["confirm"],
        ["confirm", "--all", "--file", "f"],
        ["confirm", "R123456", "--all"],
        ["accept", "--all", "--aware"],
        ["confirm", "--all", "--reason", "long"],
        ["accept", "--file", "f", "--only", "offers"],
    ],
    ids=" ".join,
)
def test_one_of_three_ways_is_chosen(stage: Stage, words: list[str]) -> None:
    """An id, a file or all; what belongs to a single act does not go with many."""
    assert stage.refusal("debtor", *words) == "usage"


def test_a_line_is_decoded_strictly() -> None:
    """An outcome counts only if it is certain."""
    for row in (
        {"status": "accepted"},
        {"status": "refused"},
        {"status": "refused", "problem": {"code": "node_busy", "kind": "busy"}},
    ):
        assert cli.signing.sending._outcome(row) == {}
    late = {"status": "committed", "receipt": {"code": "past_due"}}
    found = cli.signing.sending._outcome(late)
    assert (found["code"], found["is_final"]) == ("past_due", True)


@pytest.mark.slow
def test_eight_hundred_lines_in_a_minute_and_a_kill(tmp_path: Path) -> None:
    """A real node, a real process; killed while it sends, then done at once."""
    world = World(folder=tmp_path / "ledger")
    prepare(world)
    debtor = world.member("debtor")
    home = tmp_path / "home"
    home.mkdir()
    stage = _plant(world, home)
    close_world(world)
    clock = tmp_path / "clock"
    clock.write_text(f"{world.time}\n")
    with run_node(tmp_path / "ledger", "--clock", str(clock)) as node:
        done = _issue(stage, node.url, tmp_path / "one.csv", "J", kill=False)
        assert done < 60
        _issue(stage, node.url, tmp_path / "two.csv", "K", kill=True)
    chain = reopen(tmp_path / "ledger")
    try:
        rows = [
            row["invoices"][0]["number"]
            for row in scan_records(chain.state, "parties", debtor)
        ]
        assert len(rows) == len(set(rows)) == 1_600
    finally:
        chain.close()


def _plant(world: World, home: Path) -> Stage:
    class _Served:
        def __init__(self) -> None:
            self.world = world

    served: Any = _Served()
    return Stage(served, home)


def _issue(stage: Stage, url: str, path: Path, prefix: str, *, kill: bool) -> float:
    file = write(path, [line(f"{prefix}-{n}") for n in range(800)])
    words = [sys.executable, "-m", "cli.main", "issue", "--file", file]
    words = [sys.executable, "-c", "from cli.main import main; main()", *words[3:]]
    words += ["--node", url, "--home", str(stage.home), "--wallet", "debtor"]
    words += ["--passphrase-file", str(stage.secret)]
    words += ["--type-amount", "800 CNY 8000.00"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    begin = time.monotonic()
    if kill:
        popen = subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL)
        folder = stage.home / "wallets" / "debtor"
        name = f"batch-issue-{sha256(path.read_bytes()).hexdigest()[:16]}.altb"
        while not (folder / name).exists() and popen.poll() is None:
            time.sleep(0.001)
        time.sleep(0.05)
        popen.send_signal(signal.SIGKILL)
        assert popen.wait() == -signal.SIGKILL
        kept = decode((folder / name).read_bytes())
        assert len(kept["items"]) == 800
    ended = subprocess.run(words, env=env, capture_output=True, check=False)
    assert ended.stdout == b"800 committed, 0 refused, 0 unknown\n", ended.stderr
    return time.monotonic() - begin
