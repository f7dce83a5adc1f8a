"""Incoming money that is not distributed yet, as its members find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.names import short_id
from tests.cli.test_walkthrough import HEADER, _found_programme, submit
from tests.cli.wallets import Stage, open_stage
from tests.world import World

TODAY = "2026-01-05"


def _let_audit(world: World) -> None:
    world.let_see_all("auditor")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Return a stage with a programme."""
    with open_stage(tmp_path, monkeypatch, _let_audit) as stage:
        _found_programme(stage, tmp_path)
        yield stage


def test_money_not_distributed_is_listed(stage: Stage, tmp_path: Path) -> None:
    """State and id are listed for who keeps the account, audits it or paid."""
    item = submit(stage, "E-2", "70.00")
    debtor, beta = (stage.world.member(name) for name in ("debtor", "beta"))
    account = stage.world.scan("all", "account")[0]["id"]
    rows = [
        f"receipt,75.00,CNY,{TODAY},{TODAY},L1/1,,{debtor},{item},",
        f"receipt,9.00,CNY,{TODAY},{TODAY},L1/2,,{beta},,",
        f"receipt,8.00,CNY,{TODAY},{TODAY},L1/3,,,what is this,",
    ]
    file = tmp_path / "early.csv"
    file.write_text(HEADER + "\n".join(rows))
    stage.do("bank", "bank", "import", str(file), typed="3")
    waits = f"{TODAY} CNY 70.00 waiting debtor"
    early = f"{TODAY} CNY 5.00 unassigned debtor"
    lies = f"{TODAY} CNY 9.00 in suspense beta"
    lost = f"{TODAY} CNY 8.00 in suspense not known"
    seen = {
        "bank": [waits, early, lies, lost],
        "auditor": [waits, early, lies, lost],
        "debtor": [waits, early],
        "beta": [lies],
        "gamma": [],
        "lender": [],
    }
    for who, expected in seen.items():
        ended = stage.run(who, "bank", "receipts")
        lines = ended.out.splitlines()[1:]
        assert [" ".join(line.split()[1:]) for line in lines] == expected, who
        assert ("is distributed" in ended.err) == (not expected)
    (row,) = stage.do("debtor", "bank", "receipts", account)["items"]
    found = (row["waiting_minor"], row["unassigned_minor"], row["currency"])
    assert found == (7_000, 500, "CNY")
    # Who paid finds it where other things wait, under the id that match takes.
    (money,) = stage.do("beta", "inbox")["suspense"]
    assert short_id("entry", money["id"]) in stage.run("beta", "inbox").out
    assert stage.do("debtor", "inbox")["suspense"] == []


def test_the_list_is_named_where_an_id_is_needed(stage: Stage) -> None:
    """No account, no receipt: refused by name, and with where to look."""
    assert stage.refusal("bank", "bank", "receipts", "ab" * 32) == "not_found"
    wrong = short_id("receivable", "ab" * 32)
    assert stage.refusal("bank", "bank", "receipts", wrong) == "wrong_id_kind"
    gone = ["return", short_id("entry", "ab" * 32), "--amount", "CNY 1.00"]
    assert "run: allonge bank receipts" in stage.run("bank", "bank", *gone).err
