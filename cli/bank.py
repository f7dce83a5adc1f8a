"""``allonge bank``: what the attester of a collection account says happened."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.people import check_id
from cli.session import Session, is_missing, with_node, with_signing
from cli.typed import read_date, read_hash
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

MESSAGES: Final = ("camt_053", "camt_054", "csv")

account_option = click.option(
    "--account", metavar="ID", help="Which collection account, if there are several."
)


@click.group("bank")
def bank() -> None:
    """Open accounts, record entries, close days, place money that came in."""


@bank.command("open")
@click.option("--currency", required=True, metavar="CODE", help="ISO 4217 code.")
@click.option("--commitment", metavar="SHA256|@FILE", help="If it is known already.")
@click.option("--holder", metavar="NAME", help="Name on the account.")
@click.option("--number", help="IBAN or account number; only its hash is recorded.")
@click.option("--bic", default="", help="BIC or national bank code.")
@click.option(
    "--message",
    type=click.Choice(MESSAGES),
    help="The one type of message that counts; the others are compared.",
)
@click.option("--closed", required=True, metavar="DATE", help="Last day closed.")
@click.option("--opening", default="0", metavar="NUMBER", help="Balance after it.")
@click.option("--owner", metavar="MEMBER", help="Legal owner, if not the attester.")
@click.option(
    "--mandate",
    type=(str, str, str),
    metavar="LIMIT DATE SHA256|@FILE",
    help="Standing order for payout lists: limit, end, document.",
)
@with_signing
def open_account(session: Session, **given: Any) -> None:
    """Open a collection account that this member attests.

    With --holder and --number its card is kept here, and its hash recorded.
    """
    from cli.acting import Act, run_acts
    from cli.amounts import parse_minor
    from cli.lookup import Lookup

    if given["owner"] is not None:
        check_id(given["owner"], "member")
    currency = given["currency"]
    if bool(given["commitment"]) == bool(given["holder"] and given["number"]):
        raise LedgerError("usage", found="give --commitment, or --holder and --number")
    body: JSONObject = {
        "attester": "",
        "closed_date": read_date(given["closed"]),
        "commitment": read_hash(given["commitment"] or "0" * 64),
        "currency": currency,
        "opening_minor": parse_minor(given["opening"], currency),
        "owner": "",
    }
    if given["mandate"] is not None:
        limit, until, document = given["mandate"]
        body["mandate"] = {
            "document": read_hash(document),
            "limit_minor": parse_minor(limit, currency),
            "until": read_date(until),
        }
    if given["message"] is not None:
        body["message"] = given["message"]
    lookup = Lookup(session)
    body["attester"] = body["owner"] = session.member
    if given["owner"] is not None:
        body["owner"] = lookup.find("member", given["owner"])["id"]
    if given["number"]:
        body["commitment"] = _keep_card(session, str(body["owner"]), given)
    facts = lookup.parties(body["owner"])
    run_acts(session, [Act("account.open", body, facts)])


def _keep_card(session: Session, owner: str, given: dict[str, Any]) -> str:
    from cli.cards import Cards
    from cli.requests import make_card

    names = {"bic": "bic", "name": "holder", "number": "number"}
    account = {name: given[option] for name, option in names.items()}
    # Kept first: a commitment nobody can open would be worth nothing.
    return Cards(session).keep(make_card(owner, given["currency"], account))


@bank.command("card")
@account_option
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@with_node
def write_card(session: Session, account: str | None, *, output: Path) -> None:
    """Write the card of a collection account, for debtors and suppliers.

    Who keeps it (allonge member account keep) is warned of invoices that ask to
    be paid anywhere else.
    """
    from cli.cards import Cards
    from cli.lookup import Lookup
    from cli.private import write_private
    from cli.terminal import print_json, print_note
    from ledger.encoding import encode

    if account is not None:
        check_id(account, "account")
    found = find_account(Lookup(session), account, "")
    card = Cards(session).card(found["commitment"], found["id"])
    write_private(output, encode(card))
    if session.as_json:
        print_json({"account": found["id"], "output": str(output)})
    print_note(f"Written to {output}: name and number in clear. Hand it over safely.")


# --- entries ---


@bank.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@account_option
@click.option(
    "--close/--no-close",
    default=True,
    help="Close the day with the statement's closing balance; so it is by default.",
)
@click.option("--skip-number", is_flag=True, help="The bank left out a number.")
@with_signing
def import_entries(
    session: Session, file: Path, account: str | None, *, close: bool, skip_number: bool
) -> int:
    """Record what a FILE of the bank says: camt.053 or .054, pain.002 or CSV.

    Entries known are left out, entries that are not booked are listed and left
    out. Nothing is recorded where the account, its currency, the balances, the
    order of statements or a known entry differ. An end-of-day statement closes
    its day. What is not the account's authoritative message, and camt.052
    always, is only compared.

    Columns of the CSV: type, amount, currency, booking_date, value_date, key,
    and where they apply end_to_end, payer, reference, reverses, charges. Types:
    receipt, return, payout, charge, interest, other, reversal. Amounts are in
    major units without sign. A reversal names in reverses the key of the
    receipt that was taken back; a return states in charges what banks kept.
    """
    from cli.formats.pain import is_pain002
    from cli.formats.statements import is_xml, read_statements
    from cli.importing import Import, by_uetr, check_members, find_attempts, read_bank

    raw = read_bank(file)
    if account is not None:
        check_id(account, "account")
    if is_pain002(raw):
        from cli.payouts import import_statuses

        import_statuses(session, raw, account)
        return 0
    # What the file itself gets wrong is named before a node is asked.
    statements = read_statements(raw)
    check_members(statements[0].entries)
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = find_account(lookup, account, statements[0].main_currency)
    attempts = find_attempts(lookup, found["id"]) if is_xml(raw) else {}
    if attempts:
        statements = read_statements(raw, by_uetr(attempts))
    return Import(lookup, found).run(statements, close=close, skip_number=skip_number)


def find_account(lookup: Any, text: str | None, currency: str) -> JSONObject:
    """Return the account as typed, else the only one this member attests.

    Raises:
        LedgerError: those of ``Lookup.find``; ``which_account``.
    """
    if text is not None:
        found: JSONObject = lookup.find("account", text)
        return found
    rows = [
        row
        for row in lookup.session.client.items("/v1/accounts")
        if lookup.session.member in (row.get("attester"), row.get("owner"))
        and currency in ("", row.get("currency"))
    ]
    if len(rows) != 1:
        raise LedgerError("which_account", found=len(rows))
    only: JSONObject = lookup.record("account", rows[0]["id"])
    return only


@bank.command("close-day")
@click.argument("day", metavar="DATE")
@click.option("--closing", required=True, metavar='"CNY 0.00"', help="Its balance.")
@click.option("--no-movement", is_flag=True, help="Nothing was booked on it.")
@click.option("--document", metavar="SHA256|@FILE", help="The bank's file.")
@account_option
@with_signing
def close_day(
    session: Session,
    day: str,
    *,
    closing: str,
    no_movement: bool,
    document: str | None,
    account: str | None,
) -> None:
    """Close a day of an account with its balance at the end of that DATE."""
    from cli.amounts import format_amount, parse_amount
    from cli.terminal import print_note

    date = read_date(day)
    amount, currency = parse_amount(closing)
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, read_amount

    lookup = Lookup(session)
    found = find_account(lookup, account, currency)
    read_amount(closing, found["currency"])
    body = {
        "account": found["id"],
        "attester": found["attester"],
        "closing_minor": amount,
        "date": date,
        "no_movement": no_movement,
    }
    if document is not None:
        body["file_hash"] = read_hash(document)
    expected = expected_closing(found, date)
    has_moved = any(day["date"] <= date for day in found["days"])
    if amount != expected or (no_movement and has_moved):
        print_note(
            "WARNING: by the entries recorded the balance is "
            f"{format_amount(expected, currency)}. "
            "Closing with another one BLOCKS the account's payouts."
        )
    run_acts(session, [Act("bank.close", body, lookup.facts(found))])


def expected_closing(account: JSONObject, date: str) -> int:
    """Return the balance that the recorded entries add up to, minor units."""
    days = [day for day in account["days"] if day["date"] <= date]
    closing: int = account["closing_minor"] + sum(day["net_minor"] for day in days)
    return closing


@bank.command("clear")
@click.argument("discrepancy")
@click.option("--own", is_flag=True, help="It is the account owner's own money.")
@click.option("--end-to-end", metavar="ID", help="The payout it was really about.")
@click.option("--original", metavar="KEY", help="The receipt it really takes back.")
@with_signing
def clear(session: Session, discrepancy: str, *, own: bool, **names: Any) -> None:
    """Say, as owner and attester, what an entry that does not fit was.

    Without --own it counts after all: as it says, or for what is named here.
    What does not fit is listed by: allonge inbox.
    """
    check_id(discrepancy, "discrepancy")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup
    from cli.people import find_id

    lookup = Lookup(session)
    waiting = session.client.whole
    item = find_id(
        discrepancy,
        lambda: [
            str(row["id"])
            for row in waiting("/v1/inbox")
            if row.get("kind") == "discrepancy"
        ],
    )
    found = lookup.record("discrepancy", item)
    body = {
        "account": found["account"],
        "discrepancy": found["id"],
        "net_minor": found["net_minor"],
        "outcome": "own" if own else "apply",
        **{name: value for name, value in names.items() if value},
    }
    facts = lookup.facts(found, lookup.record("account", found["account"]))
    run_acts(session, [Act("discrepancy.clear", body, facts)])


@bank.group("mandate")
def mandate() -> None:
    """Tell the ledger, as owner, how far payout lists may be instructed."""


@mandate.command("set")
@click.argument("limit", metavar='"CNY 1000000.00"')
@click.option("--until", required=True, metavar="DATE", help="Its last day.")
@click.option("--document", required=True, metavar="SHA256|@FILE")
@account_option
@with_signing
def set_mandate(
    session: Session, limit: str, *, until: str, document: str, account: str | None
) -> None:
    """Give the bank a payment mandate up to LIMIT, in place of the last one."""
    from cli.amounts import parse_amount

    minor, currency = parse_amount(limit)
    more = {"document": read_hash(document), "limit_minor": minor}
    _act_on_account(
        session, "mandate.set", account, currency, {**more, "until": read_date(until)}
    )


@mandate.command("withdraw")
@click.option("--document", required=True, metavar="SHA256|@FILE")
@account_option
@with_signing
def withdraw_mandate(session: Session, *, document: str, account: str | None) -> None:
    """End the payment mandate; what was instructed stays so."""
    body: JSONObject = {"document": read_hash(document)}
    _act_on_account(session, "mandate.withdraw", account, "", body)


def _act_on_account(
    session: Session, act: str, account: str | None, currency: str, body: JSONObject
) -> None:
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = find_account(lookup, account, currency)
    run_acts(session, [Act(act, {**body, "account": found["id"]}, lookup.facts(found))])


# --- money not distributed yet ---


@bank.command("receipts")
@click.argument("account", required=False)
@with_node
def list_receipts(session: Session, account: str | None) -> None:
    """List incoming money, of one ACCOUNT or all, that is not distributed yet.

    It waits for the date of a receivable, or is unassigned as its payer owes
    nothing more yet, or is in suspense: allonge bank match and bank return.
    """
    from cli.incoming import list_incoming, spread_incoming
    from cli.lookup import Lookup
    from cli.tables import print_rows
    from cli.terminal import print_json, print_note
    from cli.views import INCOMING

    items = list_incoming(session, account)
    if session.as_json:
        print_json({"items": items})
        return
    print_rows(Lookup(session), INCOMING, spread_incoming(items))
    if not items:
        print_note("All incoming money is distributed.")


@bank.command("match")
@click.argument("receipt")
@click.option("--to", "receivable", required=True, metavar="RECEIVABLE")
@click.option("--amount", required=True, metavar='"CNY 1000.00"')
@with_signing
def match(session: Session, receipt: str, *, receivable: str, amount: str) -> None:
    """Say, as debtor, which receivable a RECEIPT in suspense is for."""
    from cli.amounts import parse_amount

    check_id(receipt, "receipt")
    check_id(receivable, "receivable")
    parse_amount(amount)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, read_amount

    lookup = Lookup(session)
    found = lookup.find("receipt", receipt)
    target = lookup.find("receivable", receivable)
    body = {
        "amount_minor": read_amount(amount, target["currency"]),
        "receipt": found["id"],
        "receivable": target["id"],
    }
    facts = _receipt_facts(lookup, found, target)
    run_acts(session, [Act("bank.match", body, facts)])


@bank.command("return")
@click.argument("receipt")
@click.option("--amount", required=True, metavar='"CNY 1000.00"')
@click.option("--early", is_flag=True, help="Money that waits, not in suspense.")
@with_signing
def return_money(session: Session, receipt: str, *, amount: str, early: bool) -> None:
    """Send money of a RECEIPT back to the account it came from."""
    from cli.amounts import parse_amount

    check_id(receipt, "receipt")
    minor, _ = parse_amount(amount)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, read_amount

    lookup = Lookup(session)
    found = lookup.find("receipt", receipt)
    for row in _account_facts(lookup, found["account"])[:1]:
        read_amount(amount, row["currency"])
    body = {
        "amount_minor": minor,
        "receipt": found["id"],
        "source": "early" if early else "suspense",
    }
    run_acts(session, [Act("bank.return", body, _receipt_facts(lookup, found))])


@bank.command("hold")
@click.argument("receipt")
@click.option("--until", required=True, metavar="DATE", help="First day without it.")
@click.option("--document", required=True, metavar="SHA256|@FILE", help="The reason.")
@with_signing
def hold(session: Session, receipt: str, *, until: str, document: str) -> None:
    """Keep money of a RECEIPT in suspense, as owner, although it has aged."""
    check_id(receipt, "receipt")
    body: JSONObject = {"document": read_hash(document), "until": read_date(until)}
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("receipt", receipt)
    act = Act("bank.hold", {**body, "receipt": found["id"]})
    run_acts(session, [act._replace(facts=_receipt_facts(lookup, found))])


def _receipt_facts(lookup: Any, receipt: JSONObject, *more: JSONObject) -> Any:
    rows = _account_facts(lookup, receipt["account"])
    return lookup.facts(receipt, *rows, *more)


def _account_facts(lookup: Any, account: str) -> list[JSONObject]:
    """Return what tells an account's currency: itself, or a programme on it.

    The account is seen by those who keep it, the programme by who pays there.
    """
    try:
        return [lookup.record("account", account)]
    except LedgerError as error:
        if not is_missing(error):
            raise
    rows = lookup.session.client.items("/v1/programmes")
    return [{**row, "kind": "programme"} for row in rows if row["account"] == account]
