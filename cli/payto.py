"""``pay-to``, ``misdirected``: where a debtor pays, what went past it."""

from __future__ import annotations

from typing import Any, Final

import click

from cli.command import argument, only_with, reads, signs
from cli.disputes import document_option
from cli.lookup import Lookup
from cli.tables import Column, print_list
from cli.typed import (
    AMOUNT,
    DATE,
    HASH,
    MEMBER,
    MOMENT,
    RECEIVABLE,
    Amount,
    Argument,
    read_hash,
)
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

SAID: Final[dict[Any, str]] = {None: "", True: "yes", False: "no"}


def _read_change(text: str) -> str:
    try:
        return read_hash(text)
    except LedgerError as error:
        error.details["fix"] = "Take it from the list: run: allonge pay-to list"
        raise


@click.group("pay-to", short_help="Change the account to pay to: propose, answer.")
def pay_to() -> None:
    """Pay to another account, with those whose money it is."""


@pay_to.command("propose")
@argument("receivable", RECEIVABLE)
@argument("account", HASH)
@document_option
@click.option("--until", type=MOMENT, required=True, help="When it is judged.")
@signs("payto.propose")
def propose(
    lookup: Lookup, receivable: JSONObject, account: str, until: int, **given: Any
) -> JSONObject:
    """Give notice that a RECEIVABLE is to be paid to another ACCOUNT.

    The account's owner tells its full id. Holders answer by the id of this
    transaction, in ten to ninety days.
    """
    lookup.moved[receivable["id"]] = account
    moved = {"account": account, "receivable": receivable}
    return {**given, **moved, "until_ms": until}


@pay_to.command("list")
@click.argument("receivable", type=RECEIVABLE, required=False)
@reads
def list_changes(lookup: Lookup, receivable: JSONObject | None) -> None:
    """List changes of account of what you hold or owe, or of one RECEIVABLE."""
    changes = [
        {**row, "answer": SAID[row.get("agrees")]}
        for row in lookup.session.client.items("/v1/paytos")
        if receivable is None or row["receivable"] == receivable["id"]
    ]
    columns = (
        Column("change", "text", "id"),
        Column("receivable", "receivable"),
        Column("to account", "account", "account"),
        Column("until", "moment", "until_ms"),
        Column("state"),
        Column("your answer", "text", "answer"),
    )
    note = "To answer as a holder: run: allonge pay-to answer --help"
    print_list(lookup.session, columns, changes, note if changes else "")


@pay_to.command("answer")
@argument("change", Argument("CHANGE", _read_change))
@click.argument("word", metavar="yes|no", type=click.Choice(["yes", "no"]))
@signs("payto.answer")
def answer(lookup: Lookup, change: str, word: str) -> JSONObject:
    """Agree to a CHANGE of account, by its id, or refuse it, as a holder."""
    found = lookup.record("payto", change)
    lookup.moved[found["receivable"]] = found["account"]
    return {"agrees": word == "yes", "holder": lookup.session.member, "payto": found}


@click.command("misdirected")
@argument("receivable", RECEIVABLE)
@argument("amount", AMOUNT, metavar='"CNY 1000.00"')
@click.option("--to", "recipient", type=MEMBER, required=True, help="Who got it.")
@click.option("--on", "paid_date", type=DATE, required=True, help="When it was paid.")
@document_option
@signs("receivable.misdirected")
def misdirected(
    lookup: Lookup, receivable: JSONObject, amount: Amount, **given: Any
) -> JSONObject:
    """Report that a RECEIVABLE was paid to a member directly; it is owed as before."""
    return {
        "amount_minor": amount.of(receivable["currency"]),
        "receivable": receivable,
        "reporter": lookup.session.member,
        **only_with(given, "document", "paid_date", "recipient"),
    }
