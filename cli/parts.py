"""``split``, ``merge``, ``offer``, ``withdraw``, ``transfer``: passing on."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from typing import Final

import click

from cli.people import check_id
from cli.session import Session, with_signing
from cli.typed import check_moment, read_hash, read_moment
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

OFFER_DAYS: Final = "7d"

recourse_option = click.option(
    "--recourse",
    type=click.Choice(["with", "without"]),
    default="without",
    show_default=True,
    help="Whether the receiver may claim the price back on default.",
)
to_option = click.option(
    "--to", required=True, metavar="MEMBER", help="Who is to receive it."
)
part_option = click.option(
    "--amount",
    metavar='"CNY 40000.00"',
    help="How much; the whole holding by default.",
)
at_option = click.option(
    "--at",
    metavar="START",
    help="Where the part starts, if not where the holding does.",
)
document_option = click.option(
    "--document",
    metavar="SHA256|@FILE",
    help="The trade document, where the programme demands one.",
)
purpose_option = click.option(
    "--purpose", metavar="TEXT", help="What it is for, where the programme asks."
)


@click.command("split")
@click.argument("holding")
@click.argument("amounts", nargs=-1, required=True, metavar='"CNY 30000.00"...')
@with_signing
def split(session: Session, holding: str, amounts: tuple[str, ...]) -> None:
    """Cut a HOLDING into parts of these amounts and what is left."""
    check_id(holding.partition("/")[0], "receivable")
    from cli.acting import Act, run_acts
    from cli.amounts import format_amount, parse_amount
    from cli.lookup import Lookup, make_input, read_amount

    for text in amounts:
        parse_amount(text)
    lookup = Lookup(session)
    receivable, tile = lookup.find_holding(holding)
    cuts: list[int] = []
    position = tile["lo"]
    for text in amounts:
        position += read_amount(text, receivable["currency"])
        cuts.append(position)
    if cuts[-1] == tile["hi"]:
        cuts.pop()
    if not cuts or cuts[-1] > tile["hi"]:
        size = format_amount(tile["hi"] - tile["lo"], receivable["currency"])
        raise LedgerError("bad_cut", expected=f"less than {size}")
    body: JSONObject = {
        "cuts": cuts,
        "input": make_input(tile, receivable["id"]),
        "receivable": receivable["id"],
    }
    run_acts(session, [Act("receivable.split", body, lookup.facts(receivable))])


@click.command("merge")
@click.argument("left")
@click.argument("right")
@with_signing
def merge(session: Session, left: str, right: str) -> None:
    """Join the holdings LEFT and RIGHT, which are neighbours, into one."""
    for text in (left, right):
        check_id(text.partition("/")[0], "receivable")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, make_input

    lookup = Lookup(session)
    found = [lookup.find_holding(text) for text in (left, right)]
    found.sort(key=lambda pair: int(pair[1]["lo"]))
    receivable = found[0][0]
    body = {
        "left": make_input(found[0][1], receivable["id"]),
        "receivable": receivable["id"],
        "right": make_input(found[1][1], found[1][0]["id"]),
    }
    run_acts(session, [Act("receivable.merge", body, lookup.facts(receivable))])


@click.command("offer")
@click.argument("holding")
@to_option
@part_option
@at_option
@recourse_option
@document_option
@purpose_option
@click.option(
    "--until",
    metavar="SPAN",
    default=OFFER_DAYS,
    show_default=True,
    help="When it lapses: a span such as 3d or 12h, or a date and time.",
)
@with_signing
def offer(session: Session, **given: str | None) -> None:
    """Offer a HOLDING, or a part of it, to one member until a deadline."""
    _check_giving(given)
    check_moment(given["until"] or "")
    until_ms = read_moment(given["until"] or "", session.now_ms())
    run_giving(session, "receivable.offer", given, {"until_ms": until_ms})


@click.command("transfer")
@click.argument("holding")
@to_option
@part_option
@at_option
@recourse_option
@document_option
@purpose_option
@click.option("--aware", is_flag=True, help="The receiver takes it even if overdue.")
@with_signing
def transfer(session: Session, *, aware: bool, **given: str | None) -> None:
    """Pass a HOLDING on at once; giver and receiver sign one file (--prepare)."""
    _check_giving(given)
    run_giving(session, "receivable.transfer", given, {"aware_overdue": aware})


def _check_giving(given: dict[str, str | None]) -> None:
    """Check what can be checked before a node is asked."""
    from cli.amounts import parse_amount

    check_id((given["holding"] or "").partition("/")[0], "receivable")
    check_id(given["to"] or "", "member")
    if given["amount"] is not None:
        parse_amount(given["amount"])
    if given["document"] is not None:
        read_hash(given["document"])


def run_giving(
    session: Session, act: str, given: dict[str, str | None], more: JSONObject
) -> None:
    """Offer or transfer what the options say."""
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, make_input, read_part

    lookup = Lookup(session)
    receivable, tile = lookup.find_holding(given["holding"] or "")
    receiver = lookup.find("member", given["to"] or "")
    body: JSONObject = {
        "input": make_input(tile, receivable["id"]),
        "part": read_part(receivable, tile, given["at"], given["amount"]),
        "receivable": receivable["id"],
        "receiver": receiver["id"],
        "recourse": given["recourse"],
        **more,
    }
    if given["document"] is not None:
        body["document"] = read_hash(given["document"])
    if given["purpose"] is not None:
        body["purpose"] = given["purpose"]
    run_acts(session, [Act(act, body, lookup.facts(receivable, receiver))])


@click.command("withdraw")
@click.argument("offer")
@with_signing
def withdraw(session: Session, offer: str) -> None:
    """Take an OFFER back before it is accepted."""
    check_id(offer, "offer")
    end_offer(session, "offer.withdraw", offer)


def end_offer(session: Session, act: str, text: str) -> None:
    """Withdraw or decline an offer."""
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("offer", text)
    facts = lookup.facts(found, lookup.record("receivable", found["receivable"]))
    run_acts(session, [Act(act, {"offer": found["id"]}, facts)])


def accept_offer(session: Session, text: str, *, aware: bool) -> None:
    """Accept an offer exactly as it stands."""
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("offer", text)
    body = {
        "aware_overdue": aware,
        "offer": found["id"],
        "part": {"hi": found["hi"], "lo": found["lo"]},
        "receivable": found["receivable"],
    }
    facts = lookup.facts(found, lookup.record("receivable", found["receivable"]))
    run_acts(session, [Act("offer.accept", body, facts)])
