"""``recourse``, ``repurchase``, ``redeem``, ``waive``: units that go back."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from cli.parts import at_option, part_option
from cli.people import check_id
from cli.session import Session, with_signing
from cli.typed import check_moment, read_moment
from ledger.encoding import JSONObject

PAY_DAYS: Final = "5d"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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

    lookup = Lookup(session)
    receivable, tile = lookup.find_holding(holding)
    programme = lookup.record("programme", receivable["programme"])
    price = tile["hi"] - tile["lo"]
    if programme.get("recourse_price", "face_interest") == "face_interest":
        accrued = price * days_late(session, programme, receivable)
        price += to_minor(programme, accrued * programme["late_ppm"])
    terms = _terms(session, receivable, tile, price, pay_by, direct=direct)
    _run(session, lookup, "recourse.call", terms, receivable)


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

    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    programme = lookup.record("programme", found["programme"])
    days = days_late(session, programme, found)
    exact = int(found["retired_accumulator"])
    exact += found["live_minor"] * programme["late_ppm"] * days
    settled = found["interest_paid_minor"] + found.get("interest_waived_minor", 0)
    body = {
        "interest_minor": max(0, to_minor(programme, exact) - settled),
        "principal_minor": found["live_minor"],
        "receivable": found["id"],
    }
    _run(session, lookup, "receivable.waive", body, found)


def days_late(session: Session, programme: JSONObject, receivable: JSONObject) -> int:
    """Return for how many days a receivable is late today, in its zone."""
    from ledger.sweepcheck import late_days

    moment = timedelta(
        milliseconds=session.now_ms(), minutes=programme["offset_minutes"]
    )
    return late_days(programme, receivable, (EPOCH + moment).date().isoformat())


def to_minor(programme: JSONObject, exact: int) -> int:
    """Return units of unit, ppm and day as an amount, rounded half up."""
    from ledger.sweepcheck import PPM

    whole = PPM * (365 if programme["late_basis"] == "act365f" else 360)
    return (2 * exact + whole) // (2 * whole)


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
