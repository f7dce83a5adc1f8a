"""``reduce``, ``dispute``, ``close``: what a debtor owes less, contests, never pays."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from typing import Any

import click

from cli.orders import add_options, read_authority
from cli.people import check_id
from cli.session import Session, with_node, with_signing
from cli.typed import check_moment, read_hash, read_moment
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

document_option = click.option(
    "--document", required=True, metavar="SHA256|@FILE", help="What it rests on."
)
# The same words, none of them needed unless an authority ordered it.
order_options = [
    click.option(f"--{name}", metavar=word, help="If an authority ordered it.")
    for name, word in (
        ("authority", "NAME"),
        ("reference", "TEXT"),
        ("order", "SHA256|@FILE"),
        ("guardian", "MEMBER"),
    )
]


def _read_order(lookup: Any, given: dict[str, Any]) -> JSONObject:
    """Return the authority's order as typed, or nothing."""
    words = [given["authority"], given["reference"], given["order"]]
    if not any(words):
        return {}
    if not all(words):
        raise LedgerError("usage", found="--authority, --reference and --order belong")
    order = {**given, "document": given["order"]}
    return {"order": read_authority(lookup, order)}


@click.command("reduce")
@click.argument("receivable")
@click.argument("amount", metavar='"CNY 1000.00"')
@document_option
@click.option(
    "--take",
    multiple=True,
    type=(str, str),
    metavar='START "CNY 500.00"',
    help="Then from another holder's part, which signs too.",
)
@click.option("--dispute", metavar="ID", help="The dispute that this settles.")
@add_options(*order_options)
@with_signing
def reduce(session: Session, receivable: str, amount: str, **given: Any) -> None:
    """Agree that less is owed on a RECEIVABLE; debtor and supplier sign (--prepare)."""
    check_id(receivable, "receivable")
    read_hash(given["document"])
    from cli.acting import Act, run_acts
    from cli.amounts import parse_amount, parse_minor
    from cli.lookup import Lookup, read_amount

    parse_amount(amount)
    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    currency = found["currency"]
    body: JSONObject = {
        "amount_minor": read_amount(amount, currency),
        "document": read_hash(given["document"]),
        "receivable": found["id"],
        **_read_order(lookup, given),
    }
    if given["dispute"] is not None:
        body["dispute"] = lookup.find("dispute", given["dispute"])["id"]
    parts = []
    for start, units in given["take"]:
        lo = str(parse_minor(start, currency))
        read = session.client.get(f"/v1/records/tile/{lo}", scope=found["id"])
        tile = read["record"]
        part = {name: tile[name] for name in ("hi", "lo", "rev")}
        parts.append({**part, "units_minor": read_amount(units, currency)})
    if parts:
        body["parts"] = parts
    run_acts(session, [Act("receivable.reduce", body, lookup.facts(found))])


@click.command("close")
@click.argument("receivable")
@click.option("--with", "others", multiple=True, metavar="MEMBER", help="Sign as well.")
@with_signing
def close(session: Session, receivable: str, others: tuple[str, ...]) -> None:
    """Agree that a RECEIVABLE in default is uncollectable; all holders do."""
    check_id(receivable, "receivable")
    for text in others:
        check_id(text, "member")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    holders = [session.member, *(lookup.find("member", text)["id"] for text in others)]
    body = {"holders": sorted(set(holders)), "receivable": found["id"]}
    facts = [*lookup.facts(found), *lookup.parties(*holders)]
    run_acts(session, [Act("receivable.close", body, facts)])


@click.group("dispute", short_help="Contest an amount, extend, withdraw, list.")
def dispute() -> None:
    """Contest what is owed; only where the debtor kept its defences."""


@dispute.command("open")
@click.argument("receivable")
@click.argument("amount", metavar='"CNY 1000.00"')
@document_option
@with_signing
def open_dispute(session: Session, receivable: str, amount: str, document: str) -> None:
    """Contest an AMOUNT of a RECEIVABLE until the programme's deadline."""
    check_id(receivable, "receivable")
    from cli.acting import Act, run_acts
    from cli.amounts import parse_amount
    from cli.lookup import Lookup, read_amount

    parse_amount(amount)
    body: JSONObject = {"document": read_hash(document)}
    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    body["amount_minor"] = read_amount(amount, found["currency"])
    body["receivable"] = found["id"]
    run_acts(session, [Act("dispute.open", body, lookup.facts(found))])


@dispute.command("extend")
@click.argument("dispute")
@click.option("--until", required=True, metavar="SPAN", help="A span, or a moment.")
@click.option(
    "--case",
    type=(str, str, str),
    metavar="COURT REFERENCE SHA256|@FILE",
    help="The case that is pending.",
)
@add_options(*order_options)
@with_signing
def extend(session: Session, **given: Any) -> None:
    """Keep a DISPUTE from lapsing, for a case or an authority's order."""
    check_id(given["dispute"], "dispute")
    check_moment(given["until"])
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("dispute", given["dispute"])
    body: JSONObject = {
        "dispute": found["id"],
        "until_ms": read_moment(given["until"], session.now_ms()),
        **_read_order(lookup, given),
    }
    if given["case"] is not None:
        court, reference, document = given["case"]
        case = {"court": court, "reference": reference}
        body["case"] = {**case, "document": read_hash(document)}
    run_acts(session, [Act("dispute.extend", body, lookup.facts(found))])


@dispute.command("withdraw")
@click.argument("dispute")
@with_signing
def withdraw(session: Session, dispute: str) -> None:
    """Contest it no longer; all of it is owed as before."""
    check_id(dispute, "dispute")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("dispute", dispute)
    act = Act("dispute.withdraw", {"dispute": found["id"]}, lookup.facts(found))
    run_acts(session, [act])


@dispute.command("list")
@click.argument("receivable")
@with_node
def list_disputes(session: Session, receivable: str) -> None:
    """List the disputes that stand on a RECEIVABLE."""
    check_id(receivable, "receivable")
    from cli.lookup import Lookup
    from cli.tables import Column, print_rows
    from cli.terminal import print_json

    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    rows = [
        {**lookup.record("dispute", row["id"]), "currency": found["currency"]}
        for row in found.get("disputes", [])
    ]
    if session.as_json:
        print_json({"items": rows})
        return
    columns = (
        Column("dispute", "dispute", "id"),
        Column("amount", "money", "amount_minor"),
        Column("until", "moment", "until_ms"),
        Column("state"),
    )
    print_rows(lookup, columns, rows)
