"""``allonge bank``: what the attester of a collection account says happened."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.people import FULL, check_id
from cli.session import Session, is_missing, with_node, with_signing
from cli.typed import read_date, read_hash
from ledger.encoding import JSONObject
from ledger.errors import Code, LedgerError, register

ENTRIES_MAX: Final = 100
ENTRIES_BYTES_MAX: Final = 30_000

register(
    Code(
        "nothing_new",
        "stale",
        "every entry of the file is known already",
        "Each entry of a statement counts once.",
        "Nothing to do; close the day with: run: allonge bank close-day --help",
    ),
    Code(
        "entry_differs",
        "refused",
        "an entry is recorded with other facts",
        "The key names an entry recorded before, and the row says otherwise.",
        "Ask the bank which is right; correct the row, or give a new entry a new "
        "key. Nothing of the file was recorded.",
    ),
    Code(
        "which_account",
        "malformed",
        "the account is not clear",
        "Several collection accounts fit, or none.",
        "Name it with --account ID.",
    ),
)

account_option = click.option(
    "--account", metavar="ID", help="Which collection account, if there are several."
)


@click.group("bank")
def bank() -> None:
    """Open accounts, record entries, close days, place money that came in."""


@bank.command("open")
@click.option("--currency", required=True, metavar="CODE", help="ISO 4217 code.")
@click.option("--commitment", required=True, metavar="SHA256|@FILE")
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
    """Open a collection account that this member attests."""
    from cli.acting import Act, run_acts
    from cli.amounts import parse_minor
    from cli.lookup import Lookup

    if given["owner"] is not None:
        check_id(given["owner"], "member")
    currency = given["currency"]
    body: JSONObject = {
        "attester": "",
        "closed_date": read_date(given["closed"]),
        "commitment": read_hash(given["commitment"]),
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
    lookup = Lookup(session)
    body["attester"] = body["owner"] = session.member
    if given["owner"] is not None:
        body["owner"] = lookup.find("member", given["owner"])["id"]
    facts = lookup.parties(body["owner"])
    run_acts(session, [Act("account.open", body, facts)])


# --- entries ---


@bank.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@account_option
@with_signing
def import_entries(session: Session, file: Path, account: str | None) -> None:
    """Record the booked entries of a CSV FILE; entries known are left out.

    A row that differs from the entry recorded under its key refuses the file.

    Columns: type, amount, currency, booking_date, value_date, key, and where
    they apply end_to_end, payer, reference, reverses. Types: receipt, return,
    payout, charge, interest, other, reversal. Amounts are in major units
    without sign. A reversal names in reverses the key of the receipt that was
    taken back.
    """
    from cli.formats.statements import read_statement

    statement = read_statement(file)
    for entry in statement.entries:
        if entry.payer:
            check_id(entry.payer, "member")
    if account is not None:
        check_id(account, "account")
    from cli.acting import run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = find_account(lookup, account, statement.entries[0].currency)
    fresh = [row for row in statement.entries if _is_new(lookup, found, row)]
    if not fresh:
        raise LedgerError("nothing_new", found=len(statement.entries))
    run_acts(session, make_acts(lookup, found, fresh, statement.file_sha256))


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


def entry_id(account: str, kind: str, key: str) -> str:
    """Return the id of an entry: each bank reference has one place."""
    from ledger.encoding import hex_digest

    return hex_digest(f"entry/{account}/{kind}/{key}".encode())


def _is_new(lookup: Any, account: JSONObject, row: Any) -> bool:
    try:
        known = lookup.record("entry", entry_id(account["id"], row.type, row.key))
    except LedgerError as error:
        if is_missing(error):
            return True
        raise
    _check_known(account, known, row)
    return False


def _check_known(account: JSONObject, known: JSONObject, row: Any) -> None:
    from cli.amounts import format_amount

    facts = {
        "type": (known["type"], row.type),
        "amount": (
            format_amount(known["amount_minor"], account["currency"]),
            format_amount(row.amount_minor, row.currency),
        ),
        "booking_date": (known["booking_date"], row.booking_date),
    }
    # The record of a reversal has no value date, but the receipt it reverses.
    if row.type == "reversal":
        taken_back = entry_id(account["id"], "receipt", row.reverses)
        facts["receipt reversed"] = (known["receipt"], taken_back)
    else:
        facts["value_date"] = (known["value_date"], row.value_date)
    for name, (recorded, stated) in facts.items():
        if recorded != stated:
            raise LedgerError(
                "entry_differs",
                expected=f"{name} {recorded}",
                found=f"{name} {stated}",
                key=row.key,
                row=row.row,
            )


def make_acts(
    lookup: Any, account: JSONObject, rows: list[Any], file_hash: str
) -> list[Any]:
    """Return the acts that record entries, in the order of the file."""
    from cli.acting import Act
    from ledger.encoding import encode

    facts = lookup.facts(account, *_payers(lookup, rows))
    acts: list[Any] = []
    run: list[JSONObject] = []

    def flush() -> None:
        if run:
            body = {
                "account": account["id"],
                "attester": account["attester"],
                "entries": list(run),
                "file_hash": file_hash,
            }
            acts.append(Act("bank.record", body, facts))
            run.clear()

    for row in rows:
        if row.type == "reversal":
            flush()
            acts.append(Act("receipt.reverse", _reversal(account, row), facts))
            continue
        entry = _entry(lookup, row)
        full = len(run) >= ENTRIES_MAX
        if full or len(encode([*run, entry])) > ENTRIES_BYTES_MAX:
            flush()
        run.append(entry)
    flush()
    return acts


def _payers(lookup: Any, rows: list[Any]) -> list[JSONObject]:
    texts = dict.fromkeys(row.payer for row in rows if row.payer)
    return [lookup.find("member", text) for text in texts]


def _entry(lookup: Any, row: Any) -> JSONObject:
    entry: JSONObject = {
        "amount_minor": row.amount_minor,
        "booking_date": row.booking_date,
        "currency": row.currency,
        "key": row.key,
        "type": row.type,
        "value_date": row.value_date,
    }
    if row.end_to_end:
        entry["end_to_end"] = row.end_to_end
    if row.payer:
        entry["payer"] = lookup.find("member", row.payer)["id"]
    if row.reference:
        entry["reference"] = _reference(lookup, row.reference)
    return entry


def _reference(lookup: Any, text: str) -> str:
    from cli.terminal import print_note

    # Payers write what they like: what is no id of ours is an invoice number.
    if FULL.fullmatch(text):
        return text
    try:
        if check_id(text) != "receivable":
            return text
    except LedgerError:
        return text
    try:
        return str(lookup.find("receivable", text)["id"])
    except LedgerError as error:
        if error.row.kind != "not_found":
            raise
        print_note(f"Warning: no receivable {text} that you may see; kept as written.")
        return text


def _reversal(account: JSONObject, row: Any) -> JSONObject:
    return {
        "account": account["id"],
        "amount_minor": row.amount_minor,
        "attester": account["attester"],
        "booking_date": row.booking_date,
        "key": row.key,
        "receipt": entry_id(account["id"], "receipt", row.reverses),
    }


@bank.command("close-day")
@click.argument("day", metavar="DATE")
@click.option("--closing", required=True, metavar='"CNY 0.00"', help="Its balance.")
@click.option("--no-movement", is_flag=True, help="Nothing was booked on it.")
@account_option
@with_signing
def close_day(
    session: Session, day: str, *, closing: str, no_movement: bool, account: str | None
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
    expected = expected_closing(found, date)
    if amount != expected or (no_movement and has_moved(found, date)):
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


def has_moved(account: JSONObject, date: str) -> bool:
    """Tell whether an entry is recorded up to a day that is not closed yet."""
    return any(day["date"] <= date for day in account["days"])


# --- money not distributed yet ---


@bank.command("receipts")
@click.argument("account", required=False)
@with_node
def list_receipts(session: Session, account: str | None) -> None:
    """List incoming money, of one ACCOUNT or all, that is not distributed yet.

    It waits for the date of a receivable, or is unassigned as its payer owes
    nothing more yet, or is in suspense: allonge bank match and bank return.
    """
    from cli.incoming import draw_incoming, list_incoming
    from cli.lookup import Lookup
    from cli.terminal import print_json, print_note, print_table

    items = list_incoming(session, account)
    if session.as_json:
        print_json({"items": items})
        return
    rows = list(draw_incoming(Lookup(session), items))
    print_table(("id", "date", "amount", "state", "payer"), rows, numeric=(2,))
    if not rows:
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
