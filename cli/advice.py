"""``advice``: what a payment is for, told before it comes."""

from __future__ import annotations

import click

from cli.command import signs
from cli.lookup import Lookup
from cli.session import Session, with_node
from cli.tables import Column, print_list
from cli.typed import AMOUNT, MOMENT, RECEIVABLE, Amount, option
from ledger.encoding import JSONObject
from ledger.errors import LedgerError


@click.group("advice", short_help="Say what a payment will be for; list them.")
def advice() -> None:
    """Remittance advices: a payment under their reference is for what they list."""


@advice.command("give")
@option(
    "--for rows",
    (RECEIVABLE, AMOUNT),
    "What it pays, in this order; may repeat.",
    metavar='RECEIVABLE "CNY 600.00"',
    multiple=True,
    required=True,
)
@option("--until", MOMENT, default="30d")
@signs("payment.advise")
def give(
    lookup: Lookup, *, rows: tuple[tuple[JSONObject, Amount], ...], until: int
) -> JSONObject:
    """Sign, as debtor, what one payment is for; write its reference on it.

    Each receivable gets its amount in the order given, up to what is due; the
    rest is placed as ever. All are paid to one account.
    """
    accounts = {record["account"] for record, _ in rows}
    if len(accounts) > 1:
        raise LedgerError("usage", found=f"--for: of {len(accounts)} accounts")
    return {
        "account": accounts.pop(),
        "payer": lookup.session.member,
        "rows": [
            {"amount_minor": amount.of(record["currency"]), "receivable": record}
            for record, amount in rows
        ],
        "until_ms": until,
    }


@advice.command("list")
@with_node
def list_advices(session: Session) -> None:
    """List the advices whose payments are still to come, with their references."""
    columns = (
        Column("reference of the payment", "text", "reference"),
        Column("of", "money", "amount_minor"),
        Column("receivables", "number", "count"),
        Column("until", "moment", "until_ms"),
    )
    rows = [
        {
            **row,
            "amount_minor": sum(each["amount_minor"] for each in row["rows"]),
            "count": len(row["rows"]),
        }
        for row in session.client.items("/v1/advices")
    ]
    print_list(session, columns, rows)
