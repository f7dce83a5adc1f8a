"""``split``, ``merge``, ``offer``, ``withdraw``, ``transfer``: passing on."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

import click

from cli.command import Act, argument, only_with, signs
from cli.lookup import Holding, Lookup
from cli.typed import AMOUNT, HASH, HOLDING, MEMBER, MOMENT, Amount, an_id, flag, option
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

OFFER_DAYS: Final = "7d"

recourse_option = option(
    "--recourse",
    click.Choice(["with", "without"]),
    "Whether the receiver may claim the price back on default.",
    default="without",
)
to_option = option("--to receiver", MEMBER, "Who is to receive it.", required=True)
part_option = option("--amount", AMOUNT, "How much; the whole holding by default.")
at_option = option(
    "--at", "START", "Where the part starts, if not where the holding does."
)
document_option = option(
    "--document", HASH, "The trade document, where the programme demands one."
)
purpose_option = option(
    "--purpose", "TEXT", "What it is for, where the programme asks."
)


@click.command("split")
@argument("holding", HOLDING)
@argument("amounts", AMOUNT, nargs=-1, required=True, metavar='"CNY 30000.00"...')
@signs("receivable.split")
def split(_: Lookup, holding: Holding, amounts: tuple[Amount, ...]) -> JSONObject:
    """Cut a HOLDING into parts of these amounts and what is left."""
    receivable, tile = holding
    sizes = [amount.of(receivable["currency"]) for amount in amounts]
    cuts = [tile["lo"] + end for end in accumulate(sizes)]
    if cuts[-1] == tile["hi"]:
        cuts.pop()
    if 0 in sizes or not cuts or cuts[-1] > tile["hi"]:
        raise LedgerError("bad_cut", expected=f"some of, but not all {holding.size}")
    return {"cuts": cuts, "input": holding.input, "receivable": receivable}


@click.command("merge")
@argument("left", HOLDING)
@argument("right", HOLDING)
@signs("receivable.merge")
def merge(_: Lookup, left: Holding, right: Holding) -> JSONObject:
    """Join the holdings LEFT and RIGHT, which are neighbours, into one."""
    first, second = sorted((left, right), key=lambda each: int(each.tile["lo"]))
    receivable = first.receivable
    return {"left": first.input, "receivable": receivable, "right": second.input}


@click.command("offer")
@argument("holding", HOLDING)
@to_option
@part_option
@at_option
@recourse_option
@document_option
@purpose_option
@option(
    "--until",
    MOMENT,
    "When it lapses: a span such as 3d or 12h, or a date and time.",
    default=OFFER_DAYS,
)
@signs("receivable.offer")
def offer(_: Lookup, holding: Holding, until: int, **given: Any) -> JSONObject:
    """Offer a HOLDING, or a part of it, to one member until a deadline."""
    return {**_giving(holding, given), "until_ms": until}


@click.command("transfer")
@argument("holding", HOLDING)
@to_option
@part_option
@at_option
@recourse_option
@document_option
@purpose_option
@flag("--aware", "The receiver takes it even if overdue.")
@signs("receivable.transfer")
def transfer(_: Lookup, holding: Holding, *, aware: bool, **given: Any) -> JSONObject:
    """Pass a HOLDING on at once; giver and receiver sign one file (--prepare)."""
    return {**_giving(holding, given), "aware_overdue": aware}


def _giving(holding: Holding, given: dict[str, Any]) -> JSONObject:
    return {
        "input": holding.input,
        "part": holding.part(given["at"], given["amount"]),
        "receivable": holding.receivable,
        **only_with(given, "document", "purpose", "receiver", "recourse"),
    }


@click.command("withdraw")
@argument("offer", an_id("offer"))
@signs("offer.withdraw")
def withdraw(_: Lookup, offer: JSONObject) -> JSONObject:
    """Take an OFFER back before it is accepted."""
    return {"offer": offer}


def make_acceptance(lookup: Lookup, offer: JSONObject, *, aware: bool) -> Act:
    """Return the act that accepts an offer exactly as it stands."""
    body = {
        "aware_overdue": aware,
        "offer": offer["id"],
        "part": {"hi": offer["hi"], "lo": offer["lo"]},
        "receivable": offer["receivable"],
    }
    return Act("offer.accept", body, lookup.facts(offer))
