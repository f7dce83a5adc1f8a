"""``reduce``, ``dispute``, ``close``: what a debtor owes less, contests, never pays."""

from __future__ import annotations

from typing import Any

import click

from cli.amounts import parse_minor
from cli.command import add_options, argument, reads, signs
from cli.lookup import Holding, Lookup
from cli.orders import read_authority
from cli.tables import print_list, table
from cli.typed import (
    AMOUNT,
    HASH,
    HOLDING,
    MEMBER,
    MOMENT,
    RECEIVABLE,
    Amount,
    an_id,
    option,
)
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

document_option = option("--document", HASH, "What it rests on.", required=True)
ORDERED = "If an authority ordered it."
# The words of an order, none of them needed unless an authority gave it.
order_options = add_options(
    option("--authority", "NAME", ORDERED),
    option("--reference", "TEXT", ORDERED),
    option("--order", HASH, ORDERED),
    option("--guardian", MEMBER, ORDERED),
)


def _check_order(given: dict[str, Any]) -> None:
    words = [given["authority"], given["reference"], given["order"]]
    if any(words) and not all(words):
        raise LedgerError("usage", found="--authority, --reference and --order belong")


def _read_order(lookup: Lookup, given: dict[str, Any]) -> JSONObject | None:
    """Return the authority's order as typed, or nothing."""
    if not given["order"]:
        return None
    return read_authority(lookup, {**given, "document": given["order"]})


@click.command("reduce")
@argument("receivable", RECEIVABLE)
@argument("amount", AMOUNT, metavar='"CNY 1000.00"')
@document_option
@option(
    "--take",
    (str, AMOUNT),
    "Then from another holder's part, which signs too.",
    metavar='START "CNY 500.00"',
    multiple=True,
)
@option("--dispute", an_id("dispute"), "The dispute that this settles.")
@order_options
@signs("receivable.reduce", _check_order)
def reduce(
    lookup: Lookup, receivable: JSONObject, amount: Amount, **given: Any
) -> JSONObject:
    """Agree that less is owed on a RECEIVABLE; debtor and supplier sign (--prepare)."""
    currency = receivable["currency"]
    parts = []
    for start, units in given["take"]:
        path = f"/v1/records/tile/{parse_minor(start, currency)}"
        tile = lookup.session.client.get(path, scope=receivable["id"])["record"]
        part = {name: tile[name] for name in ("hi", "lo", "rev")}
        parts.append({**part, "units_minor": units.of(currency)})
    return {
        "amount_minor": amount.of(currency),
        "dispute": given["dispute"],
        "document": given["document"],
        "order": _read_order(lookup, given),
        "parts": parts or None,
        "receivable": receivable,
    }


@click.command("close")
@argument("receivable", RECEIVABLE)
@option("--with others", MEMBER, "Sign as well.", multiple=True)
@signs("receivable.close")
def close(
    lookup: Lookup, receivable: JSONObject, others: tuple[JSONObject, ...]
) -> JSONObject:
    """Agree that a RECEIVABLE in default is uncollectable; all holders do."""
    holders = {lookup.own, *(other["id"] for other in others)}
    return {"holders": sorted(holders), "receivable": receivable}


@click.group("dispute", short_help="Contest an amount, extend, withdraw, list.")
def dispute() -> None:
    """Contest what is owed; only where the debtor kept its defences."""


@dispute.command("open")
@argument("receivable", RECEIVABLE)
@argument("amount", AMOUNT, metavar='"CNY 1000.00"')
@document_option
@option(
    "--of holding",
    HOLDING,
    "Limit it to the highest units of your holding; prepare it for the debtor.",
    metavar="HOLDING",
)
@signs("dispute.open")
def open_dispute(
    _: Lookup,
    receivable: JSONObject,
    amount: Amount,
    *,
    document: str,
    holding: Holding | None,
) -> JSONObject:
    """Contest an AMOUNT of a RECEIVABLE until the programme's deadline.

    It is contested pro rata on all units, unless a holder agrees that it is of its
    own alone: both sign one file (--prepare), and all others are paid first.
    """
    body: JSONObject = {"document": document, "receivable": receivable}
    body["amount_minor"] = amount.of(receivable["currency"])
    if holding is not None:
        body["tile"] = {name: holding.tile[name] for name in ("hi", "lo", "rev")}
    return body


@dispute.command("extend")
@argument("dispute", an_id("dispute"))
@option("--until", MOMENT, "A span, or a moment.", required=True)
@option(
    "--case",
    (str, str, HASH),
    "The case that is pending.",
    metavar="COURT REFERENCE SHA256|@FILE",
)
@order_options
@signs("dispute.extend", _check_order)
def extend(lookup: Lookup, dispute: JSONObject, **given: Any) -> JSONObject:
    """Keep a DISPUTE from lapsing, for a case or an authority's order."""
    names = ("court", "reference", "document")
    return {
        "case": dict(zip(names, given["case"] or (), strict=False)) or None,
        "dispute": dispute,
        "order": _read_order(lookup, given),
        "until_ms": given["until"],
    }


@dispute.command("withdraw")
@argument("dispute", an_id("dispute"))
@signs("dispute.withdraw")
def withdraw(_: Lookup, dispute: JSONObject) -> JSONObject:
    """Contest it no longer; all of it is owed as before."""
    return {"dispute": dispute}


@dispute.command("list")
@argument("receivable", RECEIVABLE)
@reads
def list_disputes(lookup: Lookup, receivable: JSONObject) -> None:
    """List the disputes that stand on a RECEIVABLE."""
    currency = receivable["currency"]
    rows = [
        {**lookup.record("dispute", row["id"]), "currency": currency}
        for row in receivable.get("disputes", [])
    ]
    columns = table("dispute:dispute=id | amount:money | until:moment=until_ms | state")
    print_list(lookup.session, columns, rows)
