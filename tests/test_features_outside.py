"""What the best ledgers of receivables have: files, sight and evidence.

The rest of ``test_features.py``, with the command line and with nodes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cli.audit import audit
from cli.draft import draft
from cli.formats.sample_invoice import write_sample_invoice
from cli.terminal import run_command
from ledger.audit import Trust, verify_ledger
from ledger.blocks import Block
from ledger.names import short_id
from tests.cli.bank_files import camt
from tests.cli.test_bank_flow import PAYER, found_account
from tests.cli.test_walkthrough import DUE, submit
from tests.cli.wallets import Stage as Office
from tests.cli.wallets import open_stage
from tests.lives import (
    change_header,
    flip,
    full_life,
    live_in,
    relink,
    replay_here,
    source_of,
)
from tests.node.serving import (
    ENVELOPE,
    SECONDS_MAX,
    WAIT,
    found_world,
    run_node,
    sign_grant,
    write_clock,
)
from tests.world import digest_of

SAMPLES = Path(__file__).parent / "cli" / "samples"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A node with wallets: an account whose number is known, a programme, payees."""
    folder = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch) as office:
        found_account(office, folder)
        yield office


def party(name: str) -> dict[str, str]:
    """Return a party of an invoice."""
    return {"country": "CN", "name": name, "scheme": "TEST", "value": name.upper()}


def test_25_invoice_import(office: Office, tmp_path: Path) -> None:
    """A standard invoice becomes a claim of its own figures; no other paper does."""
    file, drafts = tmp_path / "invoice.xml", []
    for seller in ("alpha", "beta"):
        write_sample_invoice(
            file,
            number=f"X-{seller}",
            issue_date="2026-01-02",
            due_date="2026-03-09",
            amount="1234.50",
            currency="CNY",
            seller=party(seller),
            buyer=party("debtor"),
        )
        drafts.append(str(tmp_path / f"{seller}.json"))
        assert run_command(draft, [str(file), "-o", drafts[-1]]) == 0
    made = office.do("alpha", "submit", drafts[0], typed="1234.50")["created"]["id"]
    record = office.world.read("receivable", made)
    assert (record["face_minor"], record["due_date"]) == (123_450, "2026-03-09")
    assert record["invoices"][0]["number"] == "X-alpha"
    codes = [office.refusal("alpha", "submit", d, typed="1234.50") for d in drafts]
    assert codes == ["invoice_overused", "parties_differ"]
    none = tmp_path / "none.json"
    assert run_command(draft, [str(SAMPLES / "credit_note.xml"), "-o", str(none)]) != 0
    assert not none.exists()


def test_26_bank_statement_driven_settlement(office: Office, tmp_path: Path) -> None:
    """The statement settles and closes the day; nobody types that money came."""
    item = submit(office, "INV-26", "1000.00")
    office.advance(DUE)
    world, file = office.world, tmp_path / "statement.xml"
    paid = [("C 1000.00 ref=A1", f"- doc=INV-26 from={PAYER}")]
    words = ("bank", "import", str(file))
    file.write_bytes(camt(paid, number="DE02120300000000202051"))
    codes = [office.refusal("bank", *words)]
    file.write_bytes(camt(paid, balances="OPBD=0.00 CLBD=1000.00", sequence="7"))
    codes.append(office.refusal("debtor", *words))
    assert world.read("receivable", item)["state"] == "live"
    office.do("bank", *words, typed="2")
    assert world.read("receivable", item)["state"] == "settled"
    (account,) = world.scan("all", "account")
    assert (account["closed_date"], account["closing_minor"]) == (DUE, 100_000)
    assert [p["amount_minor"] for p in world.payouts("alpha")] == [100_000]
    codes.append(office.refusal("bank", *words))
    assert codes == ["other_account", "which_account", "nothing_new"]


def test_27_hash_chained_tamper_check() -> None:
    """A changed bit is found, and so is a result forged and hashed anew."""
    life = full_life()
    height = max(n for n, block in enumerate(life.blocks) if block.transactions)
    block = life.blocks[height]

    def judge(changed: Block, *, again: bool) -> dict[str, Any]:
        blocks = [*life.blocks[:height], changed, *life.blocks[height + 1 :]]
        source = source_of(life.chain, relink(blocks) if again else blocks)
        with replay_here():
            report = verify_ledger(source, Trust(life.chain), workers=1)
        assert report.fault is not None
        return {"verdict": report.verdict, **report.fault.details}

    first, *rest = block.transactions
    turned = replace(block, transactions=(flip(first, len(first) // 2), *rest))
    forged = change_header(block, state_root="ab" * 32)
    found = judge(turned, again=False), judge(forged, again=True)
    assert [each["verdict"] for each in found] == ["TAMPERED"] * 2
    assert [each["height"] for each in found] == [height] * 2


def test_29_privacy_between_members(office: Office) -> None:
    """Holders see their own part, the debtor its debt, others nothing at all."""
    world = office.world
    words = ["submit", "--invoice", "P-29", "--issued", "2026-01-02"]
    words += ["--due", "2026-03-16", "--amount", "CNY 70.00"]
    item = office.do("alpha", *words, typed="70.00")["created"]["id"]
    name = short_id("receivable", item)
    office.do("debtor", "confirm", name, typed="70.00")
    words = ["offer", name, "--to", "test:beta", "--amount", "CNY 30.00"]
    offer = office.do("alpha", *words, typed="30.00")["created"]["id"]
    office.do("beta", "accept", short_id("offer", offer), typed="30.00")

    def read(path: str, reader: str) -> Any:
        return office.served.get(f"/v1/receivables/{path}", reader)

    def holders(reader: str) -> set[str]:
        rows = read(f"{item}/tiles", reader).json()["items"]
        return {world.name_of(row["holder"]) for row in rows if "holder" in row}

    seen = {reader: holders(reader) for reader in ("alpha", "beta", "debtor")}
    assert seen == {"alpha": {"alpha"}, "beta": {"beta"}, "debtor": set()}
    assert read(item, "debtor").json()["live_minor"] == 7_000
    for path in ("{}", "{}/tiles", "{}/lineage"):
        hidden = read(path.format(item), "lender")
        absent = read(path.format(digest_of("none")), "lender")
        assert (hidden.status_code, hidden.json()) == (404, absent.json())


def test_31_replay_and_audit_tool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command replays a ledger from its file alone; its exit code says it all."""
    world = live_in(tmp_path / "ledger")
    file, other = tmp_path / "ledger.export", tmp_path / "other.export"
    folder = str(tmp_path / "ledger")
    assert run_command(audit, ["export", folder, "-o", str(file)]) == 0
    raw = file.read_bytes()

    def verify(raw: bytes, genesis: str = world.chain.chain_id) -> int:
        other.write_bytes(raw)
        words = ["--genesis", genesis, "--workers", "1"]
        return run_command(audit, ["verify", str(other), *words])

    assert verify(raw) == 0
    assert world.last is not None
    words = ["explain", str(file), world.last.transactions[0].id]
    with replay_here():
        codes = [verify(flip(raw, len(raw) - 3_000)), verify(raw[:-10])]
        assert [*codes, verify(raw, "ab" * 32)] == [20, 21, 22]
        assert run_command(audit, [*words, "--genesis", world.chain.chain_id]) == 0
    assert "late interest CNY 900.00" in capsys.readouterr().out


def test_32_production_in_one_process(tmp_path: Path) -> None:
    """One process and one folder serve over HTTP; kill -9 loses nothing."""
    world = found_world(tmp_path)
    world.open_account()
    world.open_programme()
    item = world.submit(1_000, "2026-03-16")
    body = {"face_minor": 1_000, "receivable": item}
    confirm = world.build("receivable.confirm", body)
    world.chain.close()
    write_clock(tmp_path / "clock", world.time)
    data, options = tmp_path / "ledger", ("--clock", str(tmp_path / "clock"))
    with run_node(data, *options) as process:
        url = process.url + "/v1/transactions"
        asked = {"headers": ENVELOPE | WAIT, "timeout": SECONDS_MAX}
        sent = httpx2.post(url, content=confirm, **asked)
        assert sent.status_code == 200
        assert children_of(process.popen.pid) == []
        with run_node(data, *options) as second:
            assert second.popen.wait(SECONDS_MAX) == 1
        process.stop(signal.SIGKILL)
    with run_node(data, *options) as process:
        url = f"{process.url}/v1/receivables/{item}"
        asked = {"headers": sign_grant(world, "alpha"), "timeout": SECONDS_MAX}
        found = httpx2.get(url, **asked).json()
        assert (found["state"], found["live_minor"]) == ("live", 1_000)
        assert process.stop() == 0


def children_of(pid: int) -> list[int]:
    """Return the processes that a process's threads have started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(n) for task in tasks for n in (task / "children").read_text().split()]
