"""What a payment is for, and how a registry record ended, as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.names import short_id
from tests.cli.test_walkthrough import HEADER, _found_programme, submit
from tests.cli.wallets import Stage, open_stage

TODAY = "2026-01-05"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Return a stage with a programme."""
    with open_stage(tmp_path, monkeypatch) as stage:
        _found_programme(stage, tmp_path)
        yield stage


def test_a_payment_is_for_what_its_payer_listed(stage: Stage, tmp_path: Path) -> None:
    """The debtor signs a list; the bank's file carries its reference alone."""
    items = [submit(stage, number, "70.00") for number in ("E-1", "E-2")]
    first, second = (short_id("receivable", item) for item in items)
    rows = ["--for", second, "CNY 60.00", "--for", first, "CNY 5.00"]
    refused = stage.refusal("alpha", "advice", "give", *rows, typed="2")
    assert refused == "bad_advice"
    wrong = stage.refusal("debtor", "advice", "give", "--for", first, "EUR 1.00")
    assert wrong == "other_currency"
    ended = stage.run("debtor", "advice", "give", *rows, typed="2")
    assert (ended.exit_code, f"for           {second}: CNY 60.00" in ended.err) == (
        0,
        True,
    ), ended.err
    (listed,) = stage.do("debtor", "advice", "list")["items"]
    assert f"reference {listed['reference']} on the payment" in ended.err
    assert listed["reference"] in stage.run("debtor", "advice", "list").out
    for other in ("alpha", "lender"):
        assert stage.do(other, "advice", "list")["items"] == []
        path = f"/v1/records/advice/{listed['id']}"
        assert stage.served.get(path, other).status_code == 404
    file = tmp_path / "early.csv"
    reference = f"{listed['reference'][:20]} {listed['reference'][20:]}"
    row = f"receipt,68.00,CNY,{TODAY},{TODAY},L1/1,,,{reference},"
    file.write_text(HEADER + row)
    stage.do("bank", "bank", "import", str(file), typed="1")
    waiting = [stage.world.read("receivable", item)["waiting_minor"] for item in items]
    assert waiting == [500, 6_000]
    assert stage.do("debtor", "advice", "list")["items"] == []


def test_a_buyer_is_reminded_of_a_registry_record(stage: Stage) -> None:
    """It stands until the sale's end is noted there and here."""
    item = short_id("receivable", submit(stage, "E-3", "70.00"))
    lender = stage.world.member("lender")
    words = ["quote", "request", item, "--to", lender]
    asked = stage.do("alpha", *words, typed="1")["created"]["id"]
    words = ["quote", "give", asked, "--flat", "CNY 1.00"]
    quote = stage.do("lender", *words, typed="69.00")["created"]["id"]
    words = ["take", quote, "--registered", "central", "7", TODAY, "ab" * 32]
    deal = stage.do("alpha", *words, typed="70.00")["created"]["id"]
    change = ["deal", "register", deal, "discharged", "--registry", "central"]
    change += ["--number", "8", "--date", TODAY]
    assert stage.refusal("lender", *change, typed="1") == "still_assigned"
    file = str(stage.served.clock.parent / "cancel.altx")
    stage.do("alpha", "deal", "cancel", deal, "--prepare", file)
    for name in ("alpha", "lender"):
        stage.do(name, "sign", file, typed="1")
    stage.do("lender", "send", file)
    (row,) = [r for r in stage.do("lender", "inbox")["items"] if r["kind"] == "deal"]
    assert row["what"] == "a registration to discharge"
    assert row["command"].startswith("allonge deal register D")
    stage.do("lender", *change, typed="1")
    for name in ("alpha", "lender"):
        kinds = [row["kind"] for row in stage.do(name, "inbox")["items"]]
        assert "deal" not in kinds
    assert stage.do("alpha", "show", deal)["filings"][0]["number"] == "8"
