"""``recourse``, ``repurchase``, ``redeem``, ``waive``: units that go back."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from typing import Any, Final

import click

from cli.parts import at_option, part_option
from cli.people import check_id
from cli.session import Session, is_missing, with_signing
from cli.typed import check_moment, read_moment
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

PAY_DAYS: Final = "5d"

pay_by_option = click.option(
    "--pay-by",
    metavar="SPAN",
    default=PAY_DAYS,
    show_default=True,
    help="Until when it is to be paid: a span such as 3d, or a date and time.",
)
direct_option = click.option(
    "--direct",
    is_flag=True,
    help="Paid directly; the units move when the payee signs: allonge deal received.",
)
price_option = click.option(
    "--price", required=True, metavar='"CNY 39500.00"', help="What is paid for it."
)


@click.command("recourse")
@click.argument("holding")
@pay_by_option
@direct_option
@with_signing
def recourse(session: Session, holding: str, *, pay_by: str, direct: bool) -> None:
    """Call on who passed a HOLDING on to pay its price; the programme sets it."""
    check_id(holding.partition("/")[0], "receivable")
    check_moment(pay_by)
    from cli.lookup import Lookup
    from contracts.kit.v1.owed import recourse_price
    from contracts.kit.v1.records import group_key

    lookup = Lookup(session)
    receivable, tile = lookup.find_holding(holding)
    programme = lookup.record("programme", receivable["programme"])
    group = _read_group(lookup, receivable["id"], group_key(tile))
    units, day = tile["hi"] - tile["lo"], today_in(session, programme)
    price = recourse_price(programme, receivable, units, group, day)
    terms = _terms(session, receivable, tile, price, pay_by, direct=direct)
    _run(session, lookup, "recourse.call", terms, receivable)


def _read_group(lookup: Any, receivable: str, name: str) -> JSONObject:
    """Return what a group of the member's units was paid, and how many it has.

    {} if it was never paid late interest, and no late unit of it is retired.
    """
    from contracts.kit.v1.records import group_key

    path = f"/v1/records/interest/{name}"
    try:
        found = lookup.session.client.get(path, scope=receivable)
    except LedgerError as error:
        if not is_missing(error):
            raise
        return {}
    own = [row for row in lookup.tiles(receivable) if group_key(row) == name]
    units = sum(int(row["hi"]) - int(row["lo"]) for row in own)
    return {**found["record"], "units": units}


@click.command("repurchase")
@click.argument("holding")
@price_option
@part_option
@at_option
@pay_by_option
@direct_option
@with_signing
def repurchase(session: Session, **given: Any) -> None:
    """Let who passed a HOLDING on buy it back; both sign one file (--prepare)."""
    _agree(session, "holding.repurchase", given)


@click.command("redeem")
@click.argument("holding")
@price_option
@part_option
@at_option
@pay_by_option
@direct_option
@with_signing
def redeem(session: Session, **given: Any) -> None:
    """Let the debtor pay a HOLDING early; both sign one file (--prepare)."""
    _agree(session, "holding.redeem", given)


@click.command("waive")
@click.argument("receivable")
@with_signing
def waive(session: Session, receivable: str) -> None:
    """Forgive what is left of a due RECEIVABLE; all holders sign (--prepare)."""
    check_id(receivable, "receivable")
    from cli.lookup import Lookup
    from contracts.kit.v1.owed import owed_at

    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    programme = lookup.record("programme", found["programme"])
    owed = owed_at(programme, found, today_in(session, programme))
    body = {
        "interest_minor": owed.interest_minor,
        "principal_minor": owed.principal_minor,
        "receivable": found["id"],
    }
    _run(session, lookup, "receivable.waive", body, found)


def today_in(session: Session, programme: JSONObject) -> str:
    """Return today's date in a programme's zone."""
    from contracts.kit.v1.calendars import date_of_ms

    return date_of_ms(session.now_ms(), programme["offset_minutes"])


def _agree(session: Session, act: str, given: dict[str, Any]) -> None:
    from cli.amounts import parse_amount

    check_id(given["holding"].partition("/")[0], "receivable")
    check_moment(given["pay_by"])
    for name in ("price", "amount"):
        if given[name] is not None:
            parse_amount(given[name])
    from cli.lookup import Lookup, read_amount, read_part

    lookup = Lookup(session)
    receivable, tile = lookup.find_holding(given["holding"])
    price = read_amount(given["price"], receivable["currency"])
    terms = _terms(
        session, receivable, tile, price, given["pay_by"], direct=given["direct"]
    )
    terms["part"] = read_part(receivable, tile, given["at"], given["amount"])
    _run(session, lookup, act, terms, receivable)


def _terms(
    session: Session,
    receivable: JSONObject,
    tile: JSONObject,
    price_minor: int,
    pay_by: str,
    *,
    direct: bool,
) -> JSONObject:
    from cli.lookup import make_input

    return {
        "input": make_input(tile, receivable["id"]),
        "pay_by_ms": read_moment(pay_by, session.now_ms()),
        "price_minor": price_minor,
        "receivable": receivable["id"],
        "way": "direct" if direct else "account",
    }


def _run(
    session: Session, lookup: Any, act: str, body: JSONObject, receivable: JSONObject
) -> None:
    from cli.acting import Act, run_acts

    run_acts(session, [Act(act, body, lookup.facts(receivable))])
