"""``allonge bank``: what the attester of a collection account says happened."""

# ruff: noqa: PLC0415 - formats take longer to load than other commands to run

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.amounts import format_amount, parse_minor
from cli.command import argument, only_with, reads, signs
from cli.incoming import list_incoming, spread_incoming
from cli.lookup import Lookup
from cli.people import check_id, find_id, name_id
from cli.private import write_private
from cli.requests import make_card
from cli.session import Session, is_missing, with_node, with_signing
from cli.tables import print_rows
from cli.terminal import print_json, print_note
from cli.typed import (
    AMOUNT,
    BALANCE,
    DATE,
    HASH,
    MEMBER,
    PATH,
    RECEIVABLE,
    Amount,
    Argument,
    Asked,
    an_id,
    flag,
    option,
)
from cli.wallet.cards import Cards
from ledger.encoding import JSONObject, encode
from ledger.errors import LedgerError

MESSAGES: Final = ("camt_053", "camt_054", "csv")

ACCOUNT_HELP: Final = "Which collection account, if there are several."
account_option = option("--account", an_id("account"), ACCOUNT_HELP, metavar="ID")
# For commands that look it up later, or where it may not be seen.
account_name_option = option("--account", "ID", ACCOUNT_HELP)
document_option = option("--document", HASH, required=True)


@click.group("bank")
def bank() -> None:
    """Open accounts, record entries, close days, place money that came in."""


def _check_holder(given: dict[str, Any]) -> None:
    if bool(given["commitment"]) == bool(given["holder"] and given["number"]):
        raise LedgerError("usage", found="give --commitment, or --holder and --number")


@bank.command("open")
@option("--currency", "CODE", "ISO 4217 code.", required=True)
@option("--commitment", HASH, "If it is known already.")
@option("--holder", "NAME", "Name on the account.")
@option("--number", str, "IBAN or account number; only its hash is recorded.")
@option("--bic", str, "BIC or national bank code.", default="")
@option(
    "--message",
    click.Choice(MESSAGES),
    "The one type of message that counts; the others are compared.",
)
@option("--closed", DATE, "Last day closed.", required=True)
@option("--opening", "NUMBER", "Balance after it.", default="0", show_default=False)
@option("--owner", MEMBER, "Legal owner, if not the attester.")
@option(
    "--mandate",
    (str, DATE, HASH),
    "Standing order for payout lists: limit, end, document.",
    metavar="LIMIT DATE SHA256|@FILE",
)
@signs("account.open", _check_holder)
def open_account(lookup: Lookup, *, currency: str, **given: Any) -> JSONObject:
    """Open a collection account that this member attests.

    With --holder and --number its card is kept here, and its hash recorded.
    """
    opening = parse_minor(given["opening"], currency)
    mandate = None
    if given["mandate"] is not None:
        limit, until, document = given["mandate"]
        limit_minor = parse_minor(limit, currency)
        mandate = {"document": document, "limit_minor": limit_minor, "until": until}
    owner = given["owner"]["id"] if given["owner"] else lookup.own
    commitment = given["commitment"]
    if commitment is None:
        names = {"bic": "bic", "name": "holder", "number": "number"}
        account = {name: given[option] for name, option in names.items()}
        # Kept first: a commitment nobody can open would be worth nothing.
        commitment = Cards(lookup.session).keep(make_card(owner, currency, account))
    return {
        "attester": lookup.own,
        "closed_date": given["closed"],
        "commitment": commitment,
        "currency": currency,
        "mandate": mandate,
        "message": given["message"],
        "opening_minor": opening,
        "owner": owner,
    }


@bank.command("card")
@account_option
@option("-o --output", PATH, required=True)
@reads
def write_card(lookup: Lookup, *, account: JSONObject | None, output: Path) -> None:
    """Write the card of a collection account, for debtors and suppliers.

    Who keeps it (allonge member account keep) is warned of invoices that ask to
    be paid anywhere else.
    """
    found = account or only_account(lookup)
    card = Cards(lookup.session).card(found["commitment"], found["id"])
    write_private(output, encode(card))
    told = {"account": found["id"], "output": str(output)}
    note = f"Written to {output}: name and number in clear. Hand it over safely."
    lookup.session.tell(told, note)


# --- entries ---


@bank.command("import")
@click.argument("file", type=PATH)
@account_name_option
@click.option(
    "--close/--no-close",
    default=True,
    help="Close the day with the statement's closing balance; so it is by default.",
)
@flag("--skip-number", "The bank left out a number.")
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
    lookup = Lookup(session)
    found = find_account(lookup, account, statements[0].main_currency)
    attempts = find_attempts(lookup, found["id"]) if is_xml(raw) else {}
    if attempts:
        statements = read_statements(raw, by_uetr(attempts))
    return Import(lookup, found).run(statements, close=close, skip_number=skip_number)


def find_account(lookup: Lookup, text: str | None, currency: str) -> JSONObject:
    """Return the account as typed, else the only one this member keeps.

    Raises:
        LedgerError: those of ``Lookup.find``; ``which_account``.
    """
    if text is not None:
        return lookup.find("account", text)
    return only_account(lookup, currency)


def only_account(lookup: Lookup, currency: str = "") -> JSONObject:
    """Return the only account this member attests or owns.

    Raises:
        LedgerError: ``which_account``, there are several, or none.
    """
    rows = [
        row
        for row in lookup.session.client.items("/v1/accounts")
        if lookup.own in (row.get("attester"), row.get("owner"))
        and currency in ("", row.get("currency"))
    ]
    if len(rows) != 1:
        found = " and ".join(name_id("account", row["id"]) for row in rows) or "none"
        wanted = f"one account {currency}".strip()
        raise LedgerError("which_account", expected=wanted, found=found)
    return lookup.record("account", rows[0]["id"])


def tell_misfits(lookup: Lookup, body: JSONObject) -> None:
    """Say what does not fit on the account of a body, or is not assigned."""
    item = body["account"]["id"]
    account = lookup.session.client.get(f"/v1/accounts/{item}")
    count = account.get("discrepancies", 0)
    if count:
        print_note(
            f"{count} facts do not fit and hold back payouts of this account: "
            "run: allonge inbox"
        )
    left = account["suspense_minor"]
    if left:
        amount = format_amount(left, account["currency"])
        print_note(f"{amount} could not be assigned: run: allonge balance suspense")


@bank.command("close-day")
@argument("day", DATE, metavar="DATE")
@option("--closing", BALANCE, "Its balance; overdrawn with a minus.", required=True)
@flag("--no-movement", "Nothing was booked on it.")
@option("--document", HASH, "The bank's file.")
@account_option
@signs("bank.close", then=tell_misfits)
def close_day(
    lookup: Lookup, day: str, *, closing: Amount, no_movement: bool, **given: Any
) -> JSONObject:
    """Close a day of an account with its balance at the end of that DATE."""
    found = given["account"] or only_account(lookup, closing.currency)
    amount = closing.of(found["currency"])
    expected = expected_closing(found, day)
    if amount != expected or (no_movement and has_moved(found, day)):
        lookup.warn(
            "by the entries recorded the balance is "
            f"{format_amount(expected, closing.currency)}. "
            "Closing with another one BLOCKS the account's payouts."
        )
    return {
        "account": found,
        "attester": found["attester"],
        "closing_minor": amount,
        "date": day,
        "file_hash": given["document"],
        "no_movement": no_movement,
    }


def expected_closing(account: JSONObject, date: str) -> int:
    """Return the balance that the recorded entries add up to, minor units."""
    days = [day for day in account["days"] if day["date"] <= date]
    closing: int = account["closing_minor"] + sum(day["net_minor"] for day in days)
    return closing


def has_moved(account: JSONObject, date: str) -> bool:
    """Tell whether an entry is recorded up to a day that is not closed yet."""
    return any(day["date"] <= date for day in account["days"])


def _read_discrepancy(text: str) -> Asked:
    check_id(text, "discrepancy")

    def find(lookup: Lookup) -> JSONObject:
        rows = lookup.session.client.whole
        item = find_id(
            text,
            lambda: [
                str(row["id"])
                for row in rows("/v1/inbox")
                if row.get("kind") == "discrepancy"
            ],
        )
        return lookup.record("discrepancy", item)

    return Asked(find)


@bank.command("clear")
@argument("discrepancy", Argument("DISCREPANCY", _read_discrepancy))
@flag("--own", "It is the account owner's own money.")
@option("--end-to-end", "ID", "The payout it was really about.")
@option("--original", "KEY", "The receipt it really takes back.")
@signs("discrepancy.clear")
def clear(
    lookup: Lookup, discrepancy: JSONObject, *, own: bool, **names: Any
) -> JSONObject:
    """Say, as owner and attester, what an entry that does not fit was.

    Without --own it counts after all: as it says, or for what is named here.
    What does not fit is listed by: allonge inbox.
    """
    return {
        "account": lookup.record("account", discrepancy["account"]),
        "discrepancy": discrepancy,
        "net_minor": discrepancy["net_minor"],
        "outcome": "own" if own else "apply",
        **only_with(names, "end_to_end", "original"),
    }


@bank.group("mandate")
def mandate() -> None:
    """Tell the ledger, as owner, how far payout lists may be instructed."""


@mandate.command("set")
@argument("limit", AMOUNT, metavar='"CNY 1000000.00"')
@option("--until", DATE, "Its last day.", required=True)
@document_option
@account_option
@signs("mandate.set")
def set_mandate(
    lookup: Lookup, limit: Amount, *, account: JSONObject | None, **given: Any
) -> JSONObject:
    """Give the bank a payment mandate up to LIMIT, in place of the last one."""
    found = account or only_account(lookup, limit.currency)
    return {**given, "account": found, "limit_minor": limit.minor}


@mandate.command("withdraw")
@document_option
@account_option
@signs("mandate.withdraw")
def withdraw_mandate(
    lookup: Lookup, *, document: str, account: JSONObject | None
) -> JSONObject:
    """End the payment mandate; what was instructed stays so."""
    return {"account": account or only_account(lookup), "document": document}


# --- money not distributed yet ---


@bank.command("receipts")
@click.argument("account", required=False)
@with_node
def list_receipts(session: Session, account: str | None) -> None:
    """List incoming money, of one ACCOUNT or all, that is not distributed yet.

    It waits for the date of a receivable, or is unassigned as its payer owes
    nothing more yet, or is in suspense: allonge bank match and bank return.
    """
    from cli.views import INCOMING

    items = list_incoming(session, account)
    if session.as_json:
        print_json({"items": items})
        return
    print_rows(Lookup(session), INCOMING, spread_incoming(items))
    if not items:
        print_note("All incoming money is distributed.")


@bank.command("match")
@argument("receipt", an_id("receipt"))
@option("--to receivable", RECEIVABLE, required=True)
@option("--amount", AMOUNT, required=True)
@signs("bank.match")
def match(
    lookup: Lookup, receipt: JSONObject, *, receivable: JSONObject, amount: Amount
) -> JSONObject:
    """Say, as debtor, which receivable a RECEIPT in suspense is for."""
    _know_account(lookup, receipt["account"])
    matched = amount.of(receivable["currency"])
    return {"amount_minor": matched, "receipt": receipt, "receivable": receivable}


@bank.command("return")
@argument("receipt", an_id("receipt"))
@option("--amount", AMOUNT, required=True)
@flag("--early", "Money that waits, not in suspense.")
@signs("bank.return")
def return_money(
    lookup: Lookup, receipt: JSONObject, *, amount: Amount, early: bool
) -> JSONObject:
    """Send money of a RECEIPT back to the account it came from."""
    currency = _know_account(lookup, receipt["account"]) or amount.currency
    return {
        "amount_minor": amount.of(currency),
        "receipt": receipt,
        "source": "early" if early else "suspense",
    }


@bank.command("hold")
@argument("receipt", an_id("receipt"))
@option("--until", DATE, "First day without it.", required=True)
@option("--document", HASH, "The reason.", required=True)
@signs("bank.hold")
def hold(lookup: Lookup, receipt: JSONObject, **given: Any) -> JSONObject:
    """Keep money of a RECEIPT in suspense, as owner, although it has aged."""
    _know_account(lookup, receipt["account"])
    return {**given, "receipt": receipt}


def _know_account(lookup: Lookup, account: str) -> str:
    """Look up what tells an account's currency and return that, "" if unknown.

    The account is seen by those who keep it, a programme on it by who pays there.
    """
    try:
        return str(lookup.record("account", account)["currency"])
    except LedgerError as error:
        if not is_missing(error):
            raise
    rows = lookup.session.client.items("/v1/programmes")
    known = [row for row in rows if row["account"] == account]
    for row in known:
        lookup.keep({**row, "kind": "programme"})
    return str(known[0]["currency"]) if known else ""
