"""The steps of the demo: from a genesis to payouts, and the order of all."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.amounts import format_amount
from cli.demo.audit import verify_export
from cli.demo.cast import SUPPLIERS, TITLES
from cli.demo.refusals import refuse
from cli.demo.stage import Stage, expect
from cli.people import name_id
from ledger.encoding import INTEGER_MAX, JSONObject, encode, hex_digest
from ledger.errors import LedgerError

LATE_PPM: Final = 60_000
YEAR_DAYS: Final = 360
FACE_MINOR_MIN: Final = 1_000
FACE_MINOR_MAX: Final = INTEGER_MAX // 10
LATE_DAYS: Final = 7
CSV_COLUMNS: Final = (
    *("type", "amount", "currency", "booking_date", "value_date", "key"),
    *("payer", "reference"),
)
SCREEN_LABELS_LEFT_OUT: Final = ("valid", "rule", "chain", "nonce", "format")


class Step(NamedTuple):
    """One step.

    Attributes:
        title: what happens, in words.
        run: does it and returns what there is to say of it as data.
    """

    title: str
    run: Callable[[Stage], JSONObject]


def found(stage: Stage) -> JSONObject:
    """Found a test chain that all members have signed."""
    made = stage.found(stage.facts["start"])
    titles = [actor.title for actor in stage.cast]
    stage.voice.tell(
        f"{len(titles)} members: {', '.join(titles)}",
        f"{made['keys']} persons, each with an encrypted key file, sign one genesis",
        f"Anchor Buyer: above {stage.facts['band']} a day two of three persons sign",
        f"{made['rule_files']} files of rules are published as source in block 0",
    )
    members = [{"id": made["members"][a.name], "member": a.name} for a in stage.cast]
    return {"chain": made["chain"], "keys": made["keys"], "members": members}


def start(stage: Stage) -> JSONObject:
    """Start a node as a process of its own."""
    url = stage.start()
    stage.voice.tell(
        f"a node serves chain {stage.facts['chain'][:12]} at {url}",
        f"its clock is a file; there it is {stage.today}",
    )
    return {"today": stage.today.isoformat(), "url": url}


def agree(stage: Stage) -> JSONObject:
    """Open the collection account, sign the programme, register payees."""
    yesterday = (stage.today - timedelta(days=1)).isoformat()
    limit = stage.money(10 * stage.facts["face"]).partition(" ")[2]
    opened = stage.act(
        *("bank", "bank", "open", "--currency", stage.facts["currency"]),
        *("--commitment", hex_digest(b"collection account"), "--closed", yesterday),
        *("--mandate", limit, "2099-12-31", hex_digest(b"payment mandate")),
    )
    stage.facts["account"] = account = opened["created"]["id"]
    stage.voice.tell(f"collection account {name_id('account', account)} opened")
    made = stage.act("buyer-1 lender", "programme", "new", str(_write_terms(stage)))
    stage.facts["programme"] = programme = made["created"]["id"]
    name = name_id("programme", programme)
    stage.voice.tell(f"programme {name} signed by Anchor Buyer and Lender")
    for supplier in SUPPLIERS:
        register_payee(stage, supplier)
    stage.voice.tell("payout accounts of three suppliers registered and verified")
    let_audit(stage)
    return {"account": account, "payees": len(SUPPLIERS), "programme": programme}


def let_audit(stage: Stage) -> None:
    """Let the auditor see everything, for as long as a grant may last."""
    auditor = name_id("member", stage.member("auditor"))
    guardian = name_id("member", stage.member("lender"))
    words = ("member", "grant", "give", auditor, "--all", "--until", "399d")
    stage.act("operator lender", *words, "--guardian", guardian)
    stage.voice.tell("operator and lender let the auditor see all of it, for 399 days")


def _write_terms(stage: Stage) -> Path:
    path = stage.path("files") / "programme.json"
    terms = {
        "account": stage.facts["account"],
        "currency": stage.facts["currency"],
        "debtor": name_id("member", stage.member("buyer")),
        "disclosure": hex_digest(b"disclosure"),
        "late_ppm": LATE_PPM,
        "lenders": [name_id("member", stage.member("lender"))],
        "name": "Demo programme",
        "undertaking_text": hex_digest(b"we pay on the due date, without set-off"),
        **stage.facts.get("terms", {}),
    }
    path.write_bytes(encode(terms))
    return path


def register_payee(stage: Stage, supplier: str) -> None:
    """Register where a member is paid, and let the bank verify it."""
    card = str(stage.path("files") / f"account-{supplier}.json")
    stage.act(
        *(supplier, "member", "account", "register", "--output", card),
        *("--currency", stage.facts["currency"], "--holder", TITLES[supplier]),
        *("--number", f"DEMO {supplier}"),
        *("--attester", name_id("member", stage.member("bank"))),
    )
    stage.act("bank", "member", "account", "verify", card)


def confirm(stage: Stage) -> JSONObject:
    """Turn the invoice into a receivable the debtor undertakes to pay."""
    facts, draft = stage.facts, str(stage.path("files") / "invoice.draft.json")
    terms = stage.run("draft", str(facts["invoice"]), "--output", draft)
    face = stage.money(terms["face_minor"])
    stage.voice.tell(
        f"{terms['format'].upper()} invoice {terms['invoice_number']}: {face} "
        f"due {terms['due_date']}, {terms['creditor']['name']} to "
        f"{terms['debtor']['name']}"
    )
    programme = name_id("programme", facts["programme"])
    # The parties of an invoice of the user are played by the demo's members.
    agreed = () if facts["sample"] else ("--parties-agreed",)
    made = stage.act("tier-one", "submit", draft, "--programme", programme, *agreed)
    facts["receivable"] = made["created"]["id"]
    facts["name"] = name = name_id("receivable", facts["receivable"])
    stage.voice.tell(f"Tier One submits it as {name}")
    path = stage.prepare("buyer-1", "confirm", name, *agreed)
    stage.sign("buyer-1", path)
    early = stage.refused(lambda: stage.send("buyer-1", path), "policy_not_met")
    stage.voice.tell(f"signed by one person of Anchor Buyer: refused, {early.code}")
    stage.sign("buyer-2", path)
    stage.voice.tell("the second person reads the same bytes:")
    stage.voice.show(*main_lines(stage.screen))
    sent = stage.send("buyer-2", path)
    facts["confirmed_height"] = sent["height"]
    record = stage.receivable()
    expect("live", record["state"], what="state")
    facts["due"] = date.fromisoformat(record["adjusted_date"])
    stage.voice.tell(f"confirmed by two of three in block {sent['height']}: live")
    return {
        "due_date": record["adjusted_date"],
        "face_minor": record["face_minor"],
        "height": sent["height"],
        "invoice": terms["invoice_number"],
        "receivable": facts["receivable"],
        "refused_with_one_signature": early.code,
    }


def main_lines(screen: tuple[str, ...]) -> list[str]:
    """Return a signing screen without its hashes and technical frame."""
    kept = []
    for line in screen:
        words = line.split()
        if words[:2] == ["in", "full"]:
            break
        if words and words[0] not in (*SCREEN_LABELS_LEFT_OUT, "***"):
            kept.append(f"{'':13}|{line}")
    return kept


def circulate(stage: Stage) -> JSONObject:
    """Pass parts down the tiers as payment for goods."""
    facts, face = stage.facts, stage.facts["face"]
    first, second = face * 60 // 100, face * 25 // 100
    facts |= {"first": first, "second": second}
    stage.act("tier-one", "split", facts["name"], stage.money(first))
    rest = stage.money(face - first)
    stage.voice.tell(f"Tier One splits it: {stage.money(first)} and {rest}")
    pay_with(stage, "tier-one", "tier-two", first)
    pass_time(stage, facts["pause_days"])
    pay_with(stage, "tier-two", "tier-three", second)
    pass_time(stage, facts["pause_days"])
    return {"tier_two_minor": first, "tier_three_minor": second}


def pay_with(
    stage: Stage, giver: str, receiver: str, amount_minor: int, *more: str
) -> None:
    """Let a supplier pay another with a part of its holding."""
    order = f"goods delivered by {receiver} to {giver}".encode()
    made = stage.act(
        *(giver, "offer", f"{stage.facts['name']}/0"),
        *("--amount", stage.money(amount_minor)),
        *("--to", name_id("member", stage.member(receiver))),
        *("--document", hex_digest(order), *more),
    )
    offer = name_id("offer", made["created"]["id"])
    stage.act(receiver, "accept", offer)
    stage.voice.tell(
        f"{TITLES[giver]} pays {TITLES[receiver]} for goods with "
        f"{stage.money(amount_minor)} of it: offer {offer} accepted"
    )


def pass_time(stage: Stage, days: int) -> None:
    """Let days pass on the demo's clock."""
    stage.set_clock(stage.today + timedelta(days=days))
    stage.voice.tell(f"... {days} days pass; it is {stage.today}")


# -- money ---------------------------------------------------------------------------


def pay_part(stage: Stage) -> JSONObject:
    """Let a part of the money come on the due date."""
    facts = stage.facts
    stage.set_clock(facts["due"])
    facts["part"] = part = facts["face"] * 60 // 100 + 1
    import_receipt(stage, part, "DEMO-1")
    stage.wait_for(
        "the first sweep", lambda: stage.receivable()["retired_minor"] == part
    )
    stage.voice.tell(
        f"due date {facts['due']}: the bank's CSV file brings {stage.money(part)}",
        "swept pro rata on what each holds, to the cent:",
    )
    shares = _shares(stage, 0)
    expect(part, _total(shares), what="sum of the shares")
    close_day(stage, part)
    stage.wait_for("overdue", lambda: stage.receivable()["state"] == "overdue")
    left = facts["face"] - part
    stage.voice.tell(f"the bank closes the day: {stage.money(left)} are overdue")
    return {"received_minor": part, "shares": shares, "state": "overdue"}


def pay_rest(stage: Stage) -> JSONObject:
    """Let the rest come later, with the interest for the delay."""
    facts = stage.facts
    stage.set_clock(facts["due"] + timedelta(days=LATE_DAYS))
    left = facts["face"] - facts["part"]
    facts["interest"] = interest = late_interest(left, LATE_DAYS)
    facts["rest"] = rest = left + interest
    import_receipt(stage, rest, "DEMO-2")
    stage.wait_for("settled", lambda: stage.receivable()["state"] == "settled")
    stage.voice.tell(
        f"{LATE_DAYS} days later: {stage.money(rest)}, of it "
        f"{stage.money(interest)} late interest at 6 % (ACT/360)",
        "swept pro rata:",
    )
    shares = _shares(stage, 1)
    expect(rest, _total(shares), what="sum of the shares")
    stage.voice.tell("the receivable is settled")
    return {
        "interest_minor": interest,
        "received_minor": rest,
        "shares": shares,
        "state": "settled",
    }


def late_interest(amount_minor: int, days: int) -> int:
    """Return the late interest of an amount, rounded half up."""
    whole = YEAR_DAYS * 1_000_000
    return (2 * amount_minor * LATE_PPM * days + whole) // (2 * whole)


def import_receipt(
    stage: Stage,
    amount_minor: int,
    key: str,
    *,
    payer: str = "buyer",
    reference: str = "",
    value: date | None = None,
) -> None:
    """Let the bank's CSV file bring a credit that it books today.

    Args:
        stage: of the demo.
        amount_minor: minor units.
        key: the bank's reference.
        payer: who paid.
        reference: what the payer wrote; the number of the invoice by default.
        value: its value date; today by default.
    """
    path = stage.path("files") / f"{key.lower()}.csv"
    _, amount = stage.money(amount_minor).split(" ")
    cells = (
        *("receipt", amount, stage.facts["currency"]),
        *(stage.today.isoformat(), (value or stage.today).isoformat(), key),
        name_id("member", stage.member(payer)),
        reference or stage.facts["number"],
    )
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(CSV_COLUMNS)
        writer.writerow(cells)
    stage.act("bank", "bank", "import", str(path))


def _shares(stage: Stage, number: int) -> list[JSONObject]:
    """Tell and return what the payouts of a day bring each supplier."""
    rows = stage.run("payout", "list", wallet="bank")["items"]
    day = stage.today.isoformat()
    shares = []
    for supplier in SUPPLIERS:
        own = [row for row in rows if row["payee"] == stage.member(supplier)]
        own = [row for row in own if row["date"] == day]
        expect(1, len(own), what=f"payouts to {supplier} of sweep {number + 1}")
        shares.append({"amount_minor": own[0]["amount_minor"], "member": supplier})
        name = name_id("payout", own[0]["id"])
        amount = stage.money(own[0]["amount_minor"])
        stage.voice.tell(f"  {TITLES[supplier]:<12}{amount:>18}  payout {name}")
    return shares


def _total(shares: list[JSONObject]) -> int:
    return sum(row["amount_minor"] for row in shares)


def close_day(stage: Stage, closing_minor: int, day: date | None = None) -> None:
    """Let the bank close a day, today by default, with a balance."""
    closing = ("--closing", stage.money(closing_minor))
    stage.act("bank", "bank", "close-day", (day or stage.today).isoformat(), *closing)


def pay_everybody(stage: Stage) -> list[JSONObject]:
    """Let the bank instruct, pay and attest all payouts; return all that are paid."""
    stage.act("bank", "payout", "instruct", "--all")
    stage.act("bank", "payout", "attest", "--all", "--date", stage.today.isoformat())
    listed = stage.run("payout", "list", "--state", "paid", wallet="bank")
    rows: list[JSONObject] = listed["items"]
    return rows


def sum_by(rows: list[JSONObject], field: str) -> dict[str, int]:
    """Return the sums of what rows say of the same."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row[field]] = sums.get(row[field], 0) + row["amount_minor"]
    return sums


def pay_out(stage: Stage) -> JSONObject:
    """Pay everybody, and close the day with nothing on the account."""
    rows = pay_everybody(stage)
    close_day(stage, 0)
    total = sum(row["amount_minor"] for row in rows)
    expected = stage.facts["part"] + stage.facts["rest"]
    expect(expected, total, what="paid out in all")
    stage.voice.tell(
        f"{len(rows)} payouts instructed, paid and attested: {stage.money(total)}",
        f"the bank closes the day with {stage.money(0)} on the account",
    )
    record = stage.receivable()
    expect(("settled", 0), (record["state"], record["live_minor"]), what="the end")
    return {"paid_minor": total, "payouts": len(rows)}


STEPS: Final = (
    Step("A test chain is founded", found),
    Step("A node starts and wallets connect to it", start),
    Step("Bank, buyer, lender and suppliers agree on terms", agree),
    Step("An invoice becomes a receivable", confirm),
    Step("Parts of it pay for goods down the tiers", circulate),
    Step("What must be refused is refused", refuse),
    Step("On the due date a part of the money comes", pay_part),
    Step("The rest comes late, with interest", pay_rest),
    Step("The suppliers are paid", pay_out),
    Step("An auditor verifies all of it", verify_export),
)


def choose_invoice(stage: Stage, file: Path | None, today: date) -> None:
    """Take the user's invoice, or write one, and set the dates by it.

    Raises:
        LedgerError: what reading an invoice refuses with; ``demo_amount``.
    """
    facts: dict[str, Any] = stage.facts
    start = today
    if file is None:
        file = _write_invoice(stage, today)
    terms = stage.run("draft", str(file), "--dry-run")
    due = date.fromisoformat(terms["due_date"])
    if not FACE_MINOR_MIN <= terms["face_minor"] <= FACE_MINOR_MAX:
        low, high = (
            format_amount(limit, terms["currency"])
            for limit in (FACE_MINOR_MIN, FACE_MINOR_MAX)
        )
        raise LedgerError(
            "demo_amount", expected=f"{low} to {high}", found=terms["face"]
        )
    facts["sample"] = file.parent == stage.folder
    if not facts["sample"]:
        # A test chain may live in any time: where the invoice is not due yet.
        issued = date.fromisoformat(terms["issue_date"])
        start = max(due - timedelta(days=60), issued)
        start = min(start, due - timedelta(days=8))
    facts["pause_days"] = (due - start).days // 8
    facts["band"] = format_amount(terms["face_minor"] // 10, terms["currency"])
    facts |= {"invoice": file, "number": terms["invoice_number"], "start": start}
    facts |= {"currency": terms["currency"], "face": terms["face_minor"]}


def _write_invoice(stage: Stage, today: date) -> Path:
    from cli.formats.sample_invoice import write_sample_invoice

    due = today + timedelta(days=60)
    while due.weekday() > 4:
        due += timedelta(days=1)
    path = stage.path("invoice.xml")
    parties = [
        {"name": TITLES[n], "country": "CN", "scheme": "DEMO", "value": n.upper()}
        for n in ("tier-one", "buyer")
    ]
    write_sample_invoice(
        path,
        number="INV-1001",
        issue_date=today.isoformat(),
        due_date=due.isoformat(),
        amount="100000.00",
        currency="CNY",
        seller=parties[0],
        buyer=parties[1],
    )
    return path
