"""``recourse``, ``repurchase``, ``redeem``, ``waive``: units that go back."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from typing import Any, Final

import click

from cli.command import add_options, argument, signs
from cli.lookup import Holding, Lookup
from cli.parts import at_option, part_option
from cli.session import Session, is_missing
from cli.typed import AMOUNT, HOLDING, MOMENT, RECEIVABLE, flag, option
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

PAY_DAYS: Final = "5d"

pay_by_option = option(
    "--pay-by",
    MOMENT,
    "Until when it is to be paid: a span such as 3d, or a date and time.",
    default=PAY_DAYS,
)
direct_option = flag(
    "--direct",
    "Paid directly; the units move when the payee signs: allonge deal received.",
)
# What two sides agree on, for a part that goes back.
agreed = add_options(
    argument("holding", HOLDING),
    option("--price", AMOUNT, "What is paid for it.", required=True),
    part_option,
    at_option,
    pay_by_option,
    direct_option,
)


@click.command("recourse")
@argument("holding", HOLDING)
@pay_by_option
@direct_option
@signs("recourse.call")
def recourse(lookup: Lookup, holding: Holding, **given: Any) -> JSONObject:
    """Call on who passed a HOLDING on to pay its price; the programme sets it."""
    from contracts.kit.v1.owed import recourse_price
    from contracts.kit.v1.records import group_key

    receivable, tile = holding
    programme = lookup.record("programme", receivable["programme"])
    group = _read_group(lookup, receivable["id"], group_key(tile))
    units, day = tile["hi"] - tile["lo"], today_in(lookup.session, programme)
    price = recourse_price(programme, receivable, units, group, day)
    return _terms(holding, price, given)


@click.command("repurchase")
@agreed
@signs("holding.repurchase")
def repurchase(_: Lookup, holding: Holding, **given: Any) -> JSONObject:
    """Let who passed a HOLDING on buy it back; both sign one file (--prepare)."""
    return _agree(holding, given)


@click.command("redeem")
@agreed
@signs("holding.redeem")
def redeem(_: Lookup, holding: Holding, **given: Any) -> JSONObject:
    """Let the debtor pay a HOLDING early; both sign one file (--prepare)."""
    return _agree(holding, given)


@click.command("waive")
@argument("receivable", RECEIVABLE)
@signs("receivable.waive")
def waive(lookup: Lookup, receivable: JSONObject) -> JSONObject:
    """Forgive what is left of a due RECEIVABLE; all holders sign (--prepare)."""
    from contracts.kit.v1.owed import owed_at

    programme = lookup.record("programme", receivable["programme"])
    owed = owed_at(programme, receivable, today_in(lookup.session, programme))
    return {
        "interest_minor": owed.interest_minor,
        "principal_minor": owed.principal_minor,
        "receivable": receivable,
    }


def _read_group(lookup: Lookup, receivable: str, name: str) -> JSONObject:
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


def today_in(session: Session, programme: JSONObject) -> str:
    """Return today's date in a programme's zone."""
    from contracts.kit.v1.calendars import date_of_ms

    return date_of_ms(session.now_ms(), programme["offset_minutes"])


def _agree(holding: Holding, given: dict[str, Any]) -> JSONObject:
    price = given["price"].of(holding.receivable["currency"])
    part = holding.part(given["at"], given["amount"])
    return {**_terms(holding, price, given), "part": part}


def _terms(holding: Holding, price_minor: int, given: dict[str, Any]) -> JSONObject:
    return {
        "input": holding.input,
        "pay_by_ms": given["pay_by"],
        "price_minor": price_minor,
        "receivable": holding.receivable,
        "way": "direct" if given["direct"] else "account",
    }
