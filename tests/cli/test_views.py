"""Balances, forecasts, exposure and aged money: the figures each side asks for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.tables import Column, safe_cell, write_csv
from cli.typed import end_of_day
from cli.views import step_back
from ledger.errors import LedgerError
from ledger.names import short_id
from tests.cli.wallets import Stage, open_stage
from tests.lives import replay_here
from tests.world import World, ms_of


def prepare(world: World) -> None:
    """Make claims of two suppliers, of which one passes a part to the lender."""
    world.let_see_all("auditor")
    world.open_account()
    world.open_programme()
    for name in ("alpha", "beta", "lender"):
        world.register_payee(name)
    first = world.issue_live(10_000, "2026-03-02", number="A-1")
    world.issue_live(500, "2026-03-02", number="A-2")
    world.issue_live(700, "2026-04-15", number="B-1", supplier="beta")
    world.transfer(first, 0, 0, 4_000, "lender")
    world.receive("S1", 333, payer="", names="=what is this")
    world.receive("S2", 150, payer="debtor", names="A-2")
    body = {
        "input": world.input(first, 4_000),
        "part": {"hi": 5_000, "lo": 4_000},
        "receivable": first,
        "receiver": world.member("beta"),
        "recourse": "without",
        "until_ms": world.time + 86_400_000,
    }
    world.act("receivable.offer", body)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with live receivables and money."""
    folder = tmp_path_factory.mktemp("stage")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_stage(folder, patch, prepare) as stage,
    ):
        yield stage


def view(stage: Stage, who: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of a view."""
    rows: list[dict[str, Any]] = stage.do(who, "balance", name)["items"]
    return rows


def test_a_supplier_sees_what_is_owed_to_it(stage: Stage) -> None:
    """Sums by currency and by date; what is offered is locked."""
    found = stage.do("alpha", "balance")
    (total,) = found["totals"]
    assert (total["currency"], total["amount_minor"]) == ("CNY", 6_500)
    assert (total["locked_minor"], total["claims_minor"], total["paid_minor"]) == (
        *(6_000, 0, 0),
    )
    (due,) = found["due"]
    assert (due["adjusted_date"], due["count"]) == ("2026-03-02", 2)
    shown = stage.run("alpha", "balance").out
    assert "CNY 65.00" in shown.splitlines()[2]


def test_a_debtor_sees_what_to_have_where_and_when(stage: Stage) -> None:
    """Less what waits already; five to one business days before."""
    rows = view(stage, "debtor", "funding")
    assert [
        (row["adjusted_date"], row["amount_minor"], row["window"]) for row in rows
    ] == [
        ("2026-03-02", 10_350, "2026-02-23 to 2026-02-27"),
        ("2026-04-15", 700, "2026-04-08 to 2026-04-14"),
    ]
    assert view(stage, "alpha", "funding") == []


def test_a_lender_sees_who_owes_it(stage: Stage) -> None:
    """By debtor and by supplier."""
    (row,) = view(stage, "lender", "exposure")
    world = stage.world
    assert (row["debtor"], row["supplier"], row["amount_minor"]) == (
        *(world.member("debtor"), world.member("alpha"), 4_000),
    )
    assert row["overdue_minor"] == 0


def test_a_bank_sees_how_old_unmatched_money_is(stage: Stage) -> None:
    """Oldest first, with the reference the payer wrote, harmless in CSV."""
    (row,) = view(stage, "bank", "suspense")
    assert (row["amount_minor"], row["age_days"], row["band"]) == (333, 0, "to 7")
    assert view(stage, "beta", "suspense") == []


def test_the_inbox_names_a_command_for_each(stage: Stage) -> None:
    """Whoever has to answer sees how; a bank sees the days it has not closed."""
    rows = stage.do("beta", "inbox")["items"]
    assert [row["command"].split()[:2] for row in rows] == [["allonge", "accept"]]
    told = [row for row in stage.do("bank", "inbox")["items"] if "what" in row]
    assert [row["what"] for row in told] == ["money in suspense"]
    (stage.home / "wallets" / "beta" / "unknown-1.altx").write_text("{}")
    listed = stage.run("beta", "inbox").out
    assert "sent, no answer yet" in listed
    assert "allonge send" in listed


def test_a_record_is_shown_in_the_words_of_the_screens(stage: Stage) -> None:
    """Labels a clerk knows, nothing of the machine, moments to the minute."""
    item = stage.do("alpha", "balance", "receivables")["items"][0]["id"]
    shown = stage.run("alpha", "show", item).out
    labels = [line.split("  ")[0] for line in shown.splitlines()]
    for label in ("face", "still owed", "paid to", "paid on", "due date"):
        assert label in labels
    assert len(labels) == len({*labels})
    assert "confirmed order" not in labels
    assert not re.search(r"_|\d\d:\d\d:\d\d|[{}]", shown)
    full = stage.do("alpha", "show", item)
    assert full["confirmed_order"]


def test_files_that_lack_signatures_are_listed(stage: Stage, tmp_path: Path) -> None:
    """Who has not signed is told to; who has is told that others do."""
    words = ["--invoice", "G-1", "--issued", "2026-01-02", "--due", "2026-03-09"]
    words += ["--amount", "CNY 7.00", "--prepare", str(tmp_path / "g.altx")]
    stage.do("gamma", "submit", *words)

    def listed(who: str) -> list[tuple[str, str]]:
        rows = stage.do(who, "inbox", "--files", str(tmp_path))["items"]
        files = [row for row in rows if row["kind"] == "file"]
        return [(row["what"], row["command"].split()[-2]) for row in files]

    assert listed("gamma") == [("receivable.submit, 2 to sign", "sign")]
    stage.do("gamma", "sign", str(tmp_path / "g.altx"), typed="7.00")
    assert listed("gamma") == [("receivable.submit, 1 to sign", "others")]
    assert listed("gamma1") == [("receivable.submit, 1 to sign", "sign")]
    stage.do("gamma1", "sign", str(tmp_path / "g.altx"), typed="7.00")
    assert listed("gamma") == [("receivable.submit, 0 to sign", "send")]
    assert listed("alpha") == []


def test_a_view_becomes_a_table_for_spreadsheets(stage: Stage, tmp_path: Path) -> None:
    """Amounts are plain numbers, names cannot be formulas, nothing is overwritten."""
    file = tmp_path / "held.csv"
    words = ["balance", "holdings", "--csv", str(file), "--bom"]
    stage.do("alpha", *words)
    text = file.read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(row["amount"] for row in rows) == ["5.00", "60.00"]
    assert {row["amount currency"] for row in rows} == {"CNY"}
    assert rows[0]["debtor in full"] == stage.world.member("debtor")
    assert stage.refusal("alpha", *words) == "file_exists"
    assert stage.refusal("alpha", "balance", "--csv", str(file)) == "usage"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@A1", "'@A1"),
        ("\tx", "'\tx"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text: str, expected: str) -> None:
    """What a spreadsheet would run gets an apostrophe, and nothing else does."""
    assert safe_cell(text) == expected
    row = {"x": text}
    assert list(csv.reader(io.StringIO(write_csv(None, [Column("x")], [row]))))[1:] == [
        [expected]
    ]


def test_business_days_follow_the_calendar() -> None:
    """Weekends, holidays and worked weekends as the ledger's calendar says."""
    calendar = {
        "holidays": ["2026-03-06"],
        "weekend": [5, 6],
        "workdays": ["2026-03-07"],
    }
    monday = date(2026, 3, 9)
    assert step_back(monday, 1, calendar) == date(2026, 3, 7)
    assert step_back(monday, 2, calendar) == date(2026, 3, 5)
    assert step_back(monday, 1, {}) == date(2026, 3, 6)


def test_an_auditor_sees_all_members_as_at_a_date(stage: Stage) -> None:
    """Replayed from an export; the zone decides which block is the last."""
    words = ["balance", "--as-at", "2026-01-05", "--zone"]
    found = stage.do("auditor", *words, "Asia/Shanghai")["items"]
    owed = {stage.world.name_of(row["member"]): row["owed_minor"] for row in found}
    assert owed == {"alpha": 6_500, "beta": 700, "lender": 4_000}
    with replay_here():
        assert stage.do("auditor", *words, "+08:00")["items"] == found
        shown = stage.run("auditor", *words, "UTC").out
        late = stage.run("auditor", "balance", "--as-at", "2031-01-05").err
    assert "CNY 65.00" in shown
    assert ", the last one there, of 2026-01-05" in late
    early = ["balance", "--as-at", "2026-01-04"]
    assert stage.refusal("auditor", *early) == "not_found"
    assert stage.refusal("auditor", *early[:2], "soon") == "not_a_date"
    assert stage.refusal("auditor", *early, "--zone", "Moon/Base") == "usage"
    refused = stage.run("alpha", *words, "UTC")
    assert (refused.exit_code, "a grant of all" in refused.err) == (6, True)
    assert "certificate --help" in refused.err


def test_a_date_ends_where_its_zone_says() -> None:
    """A day of 23 hours is as long as it is."""
    begins = ms_of("2026-03-29") + 8 * 3_600_000
    assert end_of_day("2026-03-29", "UTC") + 1 == begins + 24 * 3_600_000
    assert end_of_day("2026-03-29", "Europe/Paris") + 1 == begins + 22 * 3_600_000
    for zone in ("+08:00", "Asia/Shanghai"):
        assert end_of_day("2026-03-28", zone) + 1 == begins - 8 * 3_600_000
    with pytest.raises(LedgerError):
        end_of_day("9999-12-31", "UTC")


def test_what_does_not_fit_waits_until_it_is_cleared(
    stage: Stage, tmp_path: Path
) -> None:
    """A return of nothing we sent is in the inbox of the account's keepers."""
    file = tmp_path / "day.csv"
    header = "type,amount,currency,booking_date,value_date,key,end_to_end"
    file.write_text(f"{header}\nreturn,1.00,CNY,2026-01-05,,S9/1,nowhere\n")
    stage.do("bank", "bank", "import", str(file), typed="1")
    other = tmp_path / "other.csv"
    for code, payer in (("wrong_id_kind", "nobody"), ("not_found", "ab" * 32)):
        strange = f"receipt,1.00,CNY,2026-01-05,2026-01-05,S9/2,,{payer}"
        other.write_text(f"{header},payer\n{strange}\n")
        wrong = stage.run("bank", "bank", "import", str(other), "--json").facts
        assert (wrong["code"], wrong.get("row")) == (code, 2), wrong
    rows = stage.do("bank", "inbox")["items"]
    (row,) = [row for row in rows if row["kind"] == "discrepancy"]
    name = short_id("discrepancy", row["id"])
    assert row["command"] == f"allonge bank clear {name}"
    told = f"discrepancy: {row['code']}"
    assert told in stage.run("bank", "inbox").out
    kinds = [row["kind"] for row in stage.do("alpha", "inbox")["items"]]
    assert "discrepancy" not in kinds
    words = ["bank", "close-day", "2026-01-05", "--closing", "CNY 7.00"]
    ended = stage.run("bank", *words, typed="7.00")
    assert (ended.exit_code, "2 facts do not fit" in ended.err) == (0, True), ended.err


def test_a_receipt_is_found_by_a_beginning_of_its_id(stage: Stage) -> None:
    """What is typed is what an error says was found, whatever the node calls it."""
    words = ["--invoice", "A-9", "--issued", "2026-01-02", "--due", "2026-03-09"]
    sent = stage.do("alpha", "submit", *words, "--amount", "CNY 7.00", typed="7.00")
    typed = short_id("transaction", sent["id"])
    for name in (sent["id"], typed, typed[:9], f" {typed.lower()} "):
        assert stage.do("alpha", "receipt", name)["id"] == sent["id"]
    mine = short_id("receivable", sent["created"]["id"])
    for who, command, name in (
        ("debtor", "receipt", "00" * 32),
        ("debtor", "receipt", short_id("transaction", "00" * 32)),
        ("debtor", "show", short_id("receivable", "00" * 32)),
        ("lender", "accept", sent["created"]["id"]),
    ):
        found = stage.run(who, command, name, "--json").facts
        assert (found["code"], found["found"]) == ("not_found", name)
    found = stage.run("debtor", "accept", mine, "--json", typed="7.00").facts
    assert (found["code"], found["found"]) == ("not_found", mine)
