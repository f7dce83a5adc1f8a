"""The business cycle as people type it, against a real node."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.names import short_id
from tests.cli.wallets import Stage, open_stage

DUE = "2026-03-02"
HEADER = (
    "type,amount,currency,booking_date,value_date,key,"
    "end_to_end,payer,reference,reverses\n"
)
TERMS = """
name = "Core programme"
debtor = "{debtor}"
lenders = ["{lender}"]
currency = "CNY"
account = "{account}"
undertaking_text = "{hash}"
disclosure = "{hash}"
late_ppm = 60000
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with an account and a programme, made by commands."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch) as stage:
        _found_programme(stage, folder)
        yield stage


def _found_programme(
    stage: Stage, folder: Path, number: tuple[str, ...] = ("--commitment", "ab" * 32)
) -> None:
    world = stage.world
    account = stage.do(
        "bank",
        *("bank", "open", "--currency", "CNY", *number),
        *("--closed", "2026-01-04"),
        *("--mandate", "1000000.00", "2035-12-31", "cd" * 32),
        typed="0.00",
    )["created"]["id"]
    names = {name: world.member(name) for name in ("debtor", "lender")}
    terms = folder / "terms.toml"
    text = TERMS.format(account=account, hash="ef" * 32, **names)
    terms.write_text(text)
    file = folder / "programme.altx"
    copy = folder / "copy.altx"
    stage.do("debtor", "programme", "new", str(terms), "--prepare", str(file))
    copy.write_bytes(file.read_bytes())
    stage.do("debtor", "sign", str(file), typed="1")
    stage.do("lender", "sign", str(copy), typed="1")
    stage.do("debtor", "send", str(file), str(copy))
    for name in ("alpha", "beta", "lender"):
        card = folder / f"{name}.card"
        stage.do(
            name,
            *("member", "account", "register", "--currency", "CNY"),
            *("--attester", world.member("bank"), "--holder", name),
            *("--number", "DE89 3704", "-o", str(card)),
            typed="1",
        )
        stage.do("bank", "member", "account", "verify", str(card), typed="1")


def submit(stage: Stage, number: str, amount: str = "100000.00") -> str:
    """Submit and confirm an invoice of alpha; return the receivable's id."""
    words = ["--invoice", number, "--issued", "2026-01-02", "--due", DUE]
    made = stage.do(
        "alpha", "submit", *words, "--amount", f"CNY {amount}", typed=amount
    )
    item: str = made["created"]["id"]
    stage.do("debtor", "confirm", short_id("receivable", item), typed=amount)
    return item


def holdings(stage: Stage, name: str, receivable: str) -> list[tuple[int, int]]:
    """Return a member's live units of a receivable."""
    rows = stage.do(name, "balance")["holdings"]
    return [(r["lo"], r["hi"]) for r in rows if r["receivable"] == receivable]


def test_from_invoice_to_a_holder_elsewhere(stage: Stage) -> None:
    """Submit, confirm, split, offer, accept: each by its own wallet."""
    item = submit(stage, "A-1")
    name = short_id("receivable", item)
    stage.do("alpha", "split", name, "CNY 60000.00", typed="2")
    assert holdings(stage, "alpha", item) == [(0, 6_000_000), (6_000_000, 10_000_000)]
    lender = short_id("member", stage.world.member("lender"))
    assert stage.refusal("alpha", "offer", name, "--to", lender) == "which_holding"
    stage.do(
        "alpha",
        *("offer", f"{name}/60000.00", "--to", lender, "--amount", "CNY 25000.00"),
        typed="25000.00",
    )
    waiting = stage.run("lender", "inbox")
    line = next(row for row in waiting.out.splitlines() if "accept" in row)
    stage.do("lender", *line.partition("allonge ")[2].split(), typed="25000.00")
    assert holdings(stage, "lender", item) == [(6_000_000, 8_500_000)]
    shown = stage.run("alpha", "lineage", name).out
    assert "CNY 25000.00 from 60000.00: lender, block" in shown


def test_a_tenor_over_the_cap_is_told_before_it_is_signed(stage: Stage) -> None:
    """The debtor could not confirm it, so the supplier hears of it at once."""
    words = ["--invoice", "L-1", "--issued", "2026-01-02", "--amount", "CNY 5.00"]
    for due, warned in (("2026-12-31", False), ("2027-12-31", True)):
        ended = stage.run("alpha", "submit", *words, "--due", due, typed="no")
        assert (ended.exit_code, "the programme allows 365" in ended.err) == (3, warned)


def test_an_offer_is_declined_or_withdrawn(stage: Stage) -> None:
    """Either side ends it by its id; the holding is free for the next."""
    name = short_id("receivable", submit(stage, "A-2", "500.00"))
    beta = stage.world.member("beta")
    for who, verb in (("beta", "decline"), ("alpha", "withdraw")):
        made = stage.do("alpha", "offer", name, "--to", beta, typed="500.00")
        offer = short_id("offer", made["created"]["id"])
        again = stage.refusal("alpha", "offer", name, "--to", beta, typed="500.00")
        assert again == "part_locked"
        # Its fix names the inbox, where the giver finds the offer's id.
        assert [row["id"] for row in stage.do("alpha", "inbox")["made"]] == [
            made["created"]["id"]
        ]
        shown = stage.run("alpha", "inbox").out
        line = next(row for row in shown.splitlines() if offer in row)
        assert line.split()[:4] == [offer, name, "CNY", "500.00"]
        assert stage.do("beta", "inbox")["made"] == []
        stage.do(who, verb, offer, typed="1")
    stage.do("alpha", "offer", name, "--to", beta, "--until", "1h", typed="500.00")


def test_terms_are_argued_about(stage: Stage) -> None:
    """The debtor deducts a tax and pays a day later; the supplier agrees."""
    words = ["--invoice", "B-1", "--issued", "2026-01-02", "--due", DUE]
    made = stage.do("alpha", "submit", *words, "--amount", "CNY 900.00", typed="900.00")
    name = short_id("receivable", made["created"]["id"])
    less = ["--deduct", "withholding_tax", "CNY 90.00", "ab" * 32]
    stage.do("debtor", "counter", name, "--due", "2026-03-03", *less, typed="810.00")
    stage.do("alpha", "accept", name, typed="810.00")
    found = stage.do("alpha", "show", name)
    assert (found["state"], found["face_minor"]) == ("live", 81_000)
    assert found["due_date"] == "2026-03-03"


def test_the_debtor_begins(stage: Stage) -> None:
    """An approved payable is issued, and accepted by the supplier it names."""
    words = ["--invoice", "B-2", "--issued", "2026-01-02", "--due", DUE]
    words += ["--amount", "CNY 900.00", "--supplier", "TEST:ALPHA"]
    made = stage.do("debtor", "issue", *words, typed="900.00")
    stage.do("alpha", "accept", made["created"]["id"], typed="900.00")
    assert stage.do("debtor", "show", made["created"]["id"])["state"] == "live"


@pytest.mark.parametrize(
    ("who", "verb", "state"),
    [("debtor", "decline", "rejected"), ("alpha", "cancel", "cancelled")],
)
def test_a_claim_can_end_before_it_is_live(
    stage: Stage, who: str, verb: str, state: str
) -> None:
    """Refused by the debtor or taken back by the supplier."""
    words = ["--invoice", f"C-{verb}", "--issued", "2026-01-02", "--due", DUE]
    made = stage.do("alpha", "submit", *words, "--amount", "CNY 7.00", typed="7.00")
    name = short_id("receivable", made["created"]["id"])
    stage.do(who, verb, name, typed="1")
    assert stage.do("alpha", "show", name)["state"] == state


def test_what_two_members_sign_goes_through_a_file(
    stage: Stage, tmp_path: Path
) -> None:
    """A joint transfer and a cancellation by consent; alone it is refused."""
    item = submit(stage, "D-1", "300.00")
    name = short_id("receivable", item)
    beta = stage.world.member("beta")
    words = ["transfer", name, "--to", beta, "--amount", "CNY 100.00"]
    assert stage.refusal("alpha", *words, typed="100.00") == "policy_not_met"
    file = str(tmp_path / "t.altx")
    stage.do("alpha", *words, "--prepare", file)
    assert stage.refusal("alpha", *words, "--prepare", file) == "file_exists"
    assert stage.refusal("alpha", "send", file) == "policy_not_met"
    stage.do("alpha", "sign", file, typed="100.00")
    stage.do("beta", "sign", file, typed="100.00")
    first = stage.do("beta", "send", file)
    assert stage.do("beta", "send", file) == first
    assert holdings(stage, "beta", item) == [(0, 10_000)]


def test_two_persons_of_one_member_sign_one_file(stage: Stage, tmp_path: Path) -> None:
    """A policy of four eyes: alone it is refused with the way to do it."""
    words = ["--invoice", "G-1", "--issued", "2026-01-02", "--due", "2026-03-09"]
    words = ["submit", *words, "--amount", "CNY 7.00"]
    alone = stage.run("gamma", *words, "--json", typed="7.00").facts
    assert alone["code"] == "policy_not_met"
    assert "--prepare FILE" in alone["fix"]
    file = str(tmp_path / "t.altx")
    stage.do("gamma", *words, "--prepare", file)
    stage.do("gamma", "sign", file, typed="7.00")
    assert stage.refusal("gamma", "send", file) == "policy_not_met"
    stage.do("gamma1", "sign", file, typed="7.00")
    made = stage.do("gamma1", "send", file)
    assert made["created"]["kind"] == "receivable"


def test_members_are_named_by_their_identifiers(stage: Stage) -> None:
    """What a clerk knows of a partner is its LEI, not our id of it."""
    name = short_id("receivable", submit(stage, "H-1", "70.00"))
    words = ["offer", name, "--to", "test:beta", "-q"]
    made = stage.run("alpha", *words, typed="70.00")
    offer = stage.do("beta", "show", short_id("offer", made.out.strip()))
    assert offer["receiver"] == stage.world.member("beta")
    assert stage.refusal("alpha", "offer", name, "--to", "TEST:NOBODY") == "not_found"


def test_money_comes_in_and_goes_out(stage: Stage, tmp_path: Path) -> None:
    """Import, sweep, instruct, attest, reverse, close: to the cent."""
    item = submit(stage, "E-1", "1000.00")
    name = short_id("receivable", item)
    stage.do("alpha", "split", name, "CNY 600.00", typed="2")
    debtor = short_id("member", stage.world.member("debtor"))
    stage.advance(DUE)
    file = tmp_path / "day.csv"
    rows = [
        f"receipt,500.01,CNY,{DUE},,S1/1,,{debtor},{item},",
        f"receipt,10.00,CNY,{DUE},,S1/2,,,what is this,",
        f"charge,2.00,CNY,{DUE},,S1/3,,,,",
    ]
    file.write_text(HEADER + "\n".join(rows))
    stage.do("bank", "bank", "import", str(file), typed="3")
    assert stage.refusal("bank", "bank", "import", str(file)) == "nothing_new"
    due = stage.do("bank", "payout", "list", "--state", "due")["items"]
    assert [row["amount_minor"] for row in due] == [50_001]
    payout = short_id("payout", due[0]["id"])
    stage.do("bank", "payout", "instruct", payout, typed="500.01")
    table = stage.run("bank", "payout", "export", "--state", "instructed").out
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["payee"], row["amount"], row["currency"]) == ("alpha", "500.01", "CNY")
    waits = {row.get("what"): row for row in stage.do("bank", "inbox")["items"]}
    asked = waits["payout to attest"]["command"].split()[1:]
    stage.do("bank", *asked[:-1], DUE, typed="1")
    assert stage.do("bank", "show", payout)["state"] == "paid"
    file.write_text(HEADER + f"reversal,100.00,CNY,{DUE},,S2/1,,,,S1/1\n")
    stage.do("bank", "bank", "import", str(file), typed="1")
    assert stage.do("debtor", "show", name)["live_minor"] == 100_000 - 50_001 + 10_000
    entry = next(r for r in _receipts(stage) if r["suspense_minor"])
    (line,) = stage.run("bank", "bank", "receipts").out.splitlines()[1:]
    named = short_id("entry", entry["id"])
    assert line.split() == [
        *(named, DUE, "CNY", "10.00", "in", "suspense", "not", "known")
    ]
    assert stage.do("debtor", "bank", "receipts")["items"] == []
    money = ["bank", "return", entry["id"], "--amount", "CNY 10.00"]
    stage.do("bank", *money, typed="10.00")
    balance = ["bank", "close-day", DUE, "--closing"]
    warned = stage.run("bank", *balance, "CNY 1.00", typed="0.99")
    assert (warned.exit_code, "BLOCKS" in warned.err) == (3, True)
    assert "\n WARNING       by the entries recorded" in warned.err
    # 500.01 + 10.00 - 2.00 - 500.01 - 100.00: the account is overdrawn.
    quiet = stage.run("bank", *balance, "CNY -92.00", typed="-92.00")
    assert (quiet.exit_code, "BLOCKS" in quiet.err) == (0, False)
    account = stage.do("bank", "show", entry["account"])
    assert (account["closed_date"], account["status"]) == (DUE, "open")


def _receipts(stage: Stage) -> list[dict[str, Any]]:
    account = stage.world.scan("all", "account")[0]["id"]
    return stage.world.scan("suspense", account)


def test_a_transaction_is_found_again_by_its_id(stage: Stage) -> None:
    """The printed id answers what became of it."""
    words = ["--invoice", "F-1", "--issued", "2026-01-02", "--due", "2026-03-09"]
    made = stage.do("alpha", "submit", *words, "--amount", "CNY 7.00", typed="7.00")
    found = stage.do("alpha", "receipt", made["id"])
    assert (found["status"], found["height"]) == ("committed", made["height"])
    assert stage.refusal("beta", "receipt", made["id"]) == "not_found"


def test_what_is_read_needs_no_passphrase_for_ten_minutes(stage: Stage) -> None:
    """The grant is kept for its owner alone, and never outlives its chain."""
    stage.do("beta", "balance")
    grant = stage.home / "wallets" / "beta" / "grant.json"
    assert grant.stat().st_mode & 0o777 == 0o600
    before = grant.read_bytes()
    stage.do("beta", "inbox")
    assert grant.read_bytes() == before
    record = json.loads(before)
    grant.write_text(json.dumps(record | {"member": "00" * 32}))
    stage.do("beta", "inbox")
    assert grant.read_bytes() != before


def test_members_and_programmes_are_shown(stage: Stage) -> None:
    """Lists and single things, for people and for programs."""
    assert "settlement_bank" in stage.run("beta", "member", "list").out
    own = stage.do("alpha", "member", "show")
    assert own["name"] == "alpha"
    assert len(own["keys"]["items"]) == 1
    named = "{scheme}:{value}".format(**own["identifiers"][0])
    assert f"identifiers  {named}\n" in stage.run("alpha", "member", "show").out
    listed = stage.run("debtor", "programme", "show").out
    name = listed.splitlines()[1].split()[0]
    assert "CNY 0.01" in stage.run("debtor", "programme", "show", name).out
    other = name[:-1] + ("1" if name.endswith("0") else "0")
    assert stage.refusal("alpha", "show", other) in (
        "bad_id_check",
        "not_found",
    )
