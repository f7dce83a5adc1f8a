"""``allonge payout``: what is due to whom, told to the bank, paid."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.bank import account_option, find_account
from cli.people import check_id, name_id
from cli.session import Session, with_node, with_signing
from cli.typed import read_date
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

COLUMNS: Final = (
    *("payout", "date", "state", "payee", "amount", "currency"),
    *("end_to_end", "purpose", "payout_id", "payee_id"),
)
# A cell that begins so is run as a formula by spreadsheets.
FORMULA_MARKS: Final = "=+-@\t\r"

state_option = click.option(
    "--state",
    type=click.Choice(["due", "instructed", "paid"]),
    help="Only payouts in this state.",
)


@click.group("payout")
def payout() -> None:
    """List, export, instruct and attest what is to be paid."""


def _read(
    session: Session, account: str | None, state: str | None
) -> tuple[Any, list[JSONObject]]:
    from cli.lookup import Lookup

    lookup = Lookup(session)
    if account is not None:
        accounts = [lookup.find("account", account)["id"]]
    else:
        # None for what is paid to this member, then each account it keeps.
        own = session.client.items("/v1/accounts")
        accounts = [None, *(row["id"] for row in own)]
    rows = {
        row["id"]: row
        for item in accounts
        for row in session.client.items("/v1/payouts", account=item, state=state)
        if row.get("amount_minor")
    }
    return lookup, sorted(rows.values(), key=lambda row: (row["date"], row["id"]))


@payout.command("list")
@state_option
@account_option
@with_node
def list_payouts(session: Session, *, state: str | None, account: str | None) -> None:
    """List payouts, of your accounts or to you."""
    from cli.amounts import format_amount
    from cli.terminal import print_json, print_table

    if account is not None:
        check_id(account, "account")
    lookup, rows = _read(session, account, state)
    if session.as_json:
        print_json({"items": rows})
        return
    print_table(
        ("payout", "date", "state", "to", "amount", "end-to-end id"),
        [
            (
                name_id("payout", row["id"]),
                row["date"],
                row["state"],
                lookup.name_of(row["payee"]),
                format_amount(row["amount_minor"], row["currency"]),
                row["attempts"][-1] if row.get("attempts") else "",
            )
            for row in rows
        ],
        numeric=(4,),
    )


@payout.command("export")
@state_option
@account_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@with_node
def export_payouts(
    session: Session, *, state: str | None, account: str | None, output: Path | None
) -> None:
    """Write payouts as CSV, one row each, to stdout or a FILE."""
    import csv
    import io

    from cli.private import write_private
    from cli.terminal import print_json

    if account is not None:
        check_id(account, "account")
    lookup, rows = _read(session, account, state)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_csv_row(lookup, row) for row in rows])
    if output is not None:
        write_private(output, text.getvalue().encode())
    if session.as_json:
        print_json({"items": rows, "output": str(output or "")})
    elif output is None:
        click.echo(text.getvalue(), nl=False)


def _csv_row(lookup: Any, row: JSONObject) -> list[str]:
    from cli.amounts import format_amount

    amount = format_amount(row["amount_minor"], row["currency"]).partition(" ")[2]
    cells = [
        name_id("payout", row["id"]),
        row["date"],
        row["state"],
        lookup.name_of(row["payee"]),
        amount,
        row["currency"],
        row["attempts"][-1] if row.get("attempts") else "",
        row.get("purpose", ""),
        row["id"],
        row["payee"],
    ]
    return [_cell(str(value)) for value in cells]


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in tuple(FORMULA_MARKS) else text


@payout.command("instruct")
@click.argument("payouts", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are due.")
@account_option
@with_signing
def instruct(
    session: Session, payouts: tuple[str, ...], *, every: bool, account: str | None
) -> None:
    """Tell the bank, as owner of the account, to pay these PAYOUTS."""
    for text in payouts:
        check_id(text, "payout")
    if bool(payouts) == every:
        raise LedgerError("usage", found="name payouts, or say --all")
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = find_account(lookup, account, "")
    if every:
        rows = _read(session, found["id"], "due")[1]
        rows = [{**row, "kind": "payout"} for row in rows]
    else:
        rows = [lookup.find("payout", text) for text in payouts]
    if not rows:
        raise LedgerError("not_found", found="a payout that is due")
    body = {"account": found["id"], "payouts": [row["id"] for row in rows]}
    run_acts(session, [Act("payout.instruct", body, lookup.facts(found, *rows))])


@payout.command("attest")
@click.argument("payouts", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that were instructed.")
@click.option("--date", "day", required=True, metavar="DATE", help="Booked on.")
@click.option("--returned", is_flag=True, help="They came back.")
@account_option
@with_signing
def attest(
    session: Session,
    payouts: tuple[str, ...],
    *,
    every: bool,
    day: str,
    returned: bool,
    account: str | None,
) -> None:
    """Say, as attester, that the bank paid these PAYOUTS, or that they came back."""
    for text in payouts:
        check_id(text, "payout")
    if bool(payouts) == every:
        raise LedgerError("usage", found="name payouts, or say --all")
    date = read_date(day)
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup
    from ledger.encoding import encode, hex_digest

    lookup = Lookup(session)
    found = find_account(lookup, account, "")
    state = "paid" if returned else "instructed"
    if every:
        rows = _read(session, found["id"], state)[1]
    else:
        rows = [lookup.find("payout", text) for text in payouts]
    kind = "return" if returned else "payout"
    entries = [_attested(row, kind, date, found["currency"]) for row in rows]
    if not entries:
        raise LedgerError("not_found", found=f"payout in state {state}")
    body = {
        "account": found["id"],
        "attester": found["attester"],
        "entries": entries,
        "file_hash": hex_digest(encode(entries)),
    }
    run_acts(session, [Act("bank.record", body, lookup.facts(found))])


def _attested(row: JSONObject, kind: str, date: str, currency: str) -> JSONObject:
    if not row.get("attempts"):
        raise LedgerError("wrong_state_of_payout", found=name_id("payout", row["id"]))
    attempt = row["attempts"][-1]
    return {
        "amount_minor": row["amount_minor"],
        "booking_date": date,
        "currency": currency,
        "end_to_end": attempt,
        "key": f"{kind}-{attempt}",
        "type": kind,
        "value_date": date,
    }
