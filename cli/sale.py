"""``quote``, ``take``, ``deal``: prices asked for, given, taken and paid."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

from cli.amounts import format_amount
from cli.command import argument, signs
from cli.lookup import Holding, Lookup
from cli.parts import at_option, part_option
from cli.recourse import today_in
from cli.session import Session, with_node
from cli.tables import print_list, print_rows, table
from cli.terminal import json_option, print_facts, print_json, print_note, print_text
from cli.typed import (
    AMOUNT,
    DATE,
    HASH,
    HOLDING,
    MEMBER,
    MOMENT,
    Amount,
    Argument,
    an_id,
    flag,
    option,
)
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

_RATE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?%?")
_UNITS_A_PERCENT: Final = 10_000
METHODS: Final = {"bank": "bank_discount", "true": "true_discount"}


def read_rate(text: str) -> int:
    """Return a rate typed as a percentage, in parts per million.

    Raises:
        LedgerError: ``bad_rate``.
    """
    match = _RATE.fullmatch(text.replace(" ", ""))
    if match is None:
        raise LedgerError("bad_rate", found=text[:40])
    rate = int(match[1]) * _UNITS_A_PERCENT + int((match[2] or "").ljust(4, "0"))
    if rate > 100 * _UNITS_A_PERCENT:
        raise LedgerError("bad_rate", expected="at most 100 %", found=text[:40])
    return rate


RATE: Final = Argument("RATE", read_rate)
method_option = option(
    "--method",
    click.Choice(list(METHODS)),
    "Discount as a rate on the face, or on the price.",
    default="bank",
)
basis_option = option(
    "--basis",
    click.Choice(["act360", "act365f", "30e360"]),
    "How days are counted.",
    default="act360",
)
from_option = option("--from start", DATE, "First day of the discount; today.")


@click.group("quote", short_help="Ask for a price, give one, estimate one.")
def quote() -> None:
    """Ask lenders for prices, give firm ones, see them, or estimate a sale."""


@quote.command("request")
@argument("holding", HOLDING)
@option(
    "--to lenders",
    MEMBER,
    "A lender to ask; repeat it. None learns whom else you ask.",
    multiple=True,
    required=True,
)
@part_option
@at_option
@option("--until", MOMENT, default="7d")
@signs("sale.request")
def request(_: Lookup, holding: Holding, **given: Any) -> JSONObject:
    """Ask lenders for a price of a HOLDING, or a part; nothing is locked."""
    return {
        "input": holding.input,
        "lenders": list(given["lenders"]),
        "part": holding.part(given["at"], given["amount"]),
        "receivable": holding.receivable,
        "until_ms": given["until"],
    }


def _check_price(given: dict[str, Any]) -> None:
    if (given["rate"] is None) == (given["flat"] is None):
        raise LedgerError("usage", expected="--rate or --flat, one of them")


@quote.command("give")
@argument("request", an_id("request"))
@option("--rate", RATE, "A year, for example 4.5%.")
@option("--flat", AMOUNT, "A discount instead of a rate.")
@method_option
@basis_option
@from_option
@option("--until", MOMENT, default="1d")
@option("--pay-by", MOMENT, default="3d")
@flag("--recourse", "You may claim the price back.")
@flag("--direct", "You pay the seller directly.")
@flag("--aware", "You take it even if it is overdue.")
@signs("sale.quote", _check_price)
def give(lookup: Lookup, request: JSONObject, **given: Any) -> JSONObject:
    """Give a firm price on a REQUEST; the figures follow from its terms."""
    rate, flat = given["rate"], given["flat"]
    receivable = lookup.record("receivable", request["receivable"])
    programme = lookup.record("programme", receivable["programme"])
    price: JSONObject = {
        "aware_overdue": given["aware"],
        "basis": given["basis"],
        "from_date": given["start"] or today_in(lookup.session, programme),
        "method": "flat" if flat else METHODS[given["method"]],
        "pay_by_ms": given["pay_by"],
        "rate_ppm": rate or 0,
        "recourse": "with" if given["recourse"] else "without",
        "way": "direct" if given["direct"] else "account",
    }
    if flat:
        price["discount_minor"] = flat.of(request["currency"])
    face, due = request["hi"] - request["lo"], receivable["adjusted_date"]
    return {
        "part": {"hi": request["hi"], "lo": request["lo"]},
        "price": price | compute_price(face, due, price, programme.get("fees", [])),
        "receivable": receivable,
        "request": request,
        "seller": request["seller"],
        "until_ms": given["until"],
    }


def compute_price(
    face_minor: int, due: str, terms: JSONObject, fees: list[JSONObject]
) -> JSONObject:
    """Return the figures of a price, as the rule will compute them again.

    Raises:
        LedgerError: what the rule would refuse with.
    """
    from contracts.kit.v1.arithmetic import ArithmeticRefusal, price_part

    try:
        return price_part(face_minor, due, terms, fees)
    except ArithmeticRefusal as error:
        raise LedgerError(error.code) from error


@quote.command("list")
@with_node
def list_quotes(session: Session) -> None:
    """List requests and quotes: those you made, and those you got."""
    asked = list(session.client.items("/v1/requests"))
    given = list(session.client.items("/v1/quotes"))
    if session.as_json:
        print_json({"quotes": given, "requests": asked})
        return
    lookup = Lookup(session)
    sides = "receivable:receivable | part:money=part | seller:member | lender:member"
    until = "until:moment=until_ms"
    for row in (*asked, *given):
        row["part"] = row["hi"] - row["lo"]
    print_rows(lookup, table(f"request:request=id | {sides} | {until}"), asked)
    if given:
        print_text("")
        figures = "net:money | price:money"
        rows = [{**row, **row["price"]} for row in given]
        columns = table(f"quote:quote=id | {sides} | {figures} | {until}")
        print_rows(lookup, columns, rows)
    print_note("To sell at a price: run: allonge take QUOTE")


@quote.command("estimate")
@argument("amount", AMOUNT, metavar='"CNY 40000.00"')
@option("--due", DATE, "Adjusted due date.", required=True)
@option("--rate", RATE, "A year, like 4.5%.", required=True)
@method_option
@basis_option
@from_option
@option("--fee-rate", RATE, "Of the amount.", default="0%", show_default=False)
@option("--fee", AMOUNT, "Beside what depends on the amount.")
@json_option
def estimate(amount: Amount, *, as_json: bool, **given: Any) -> None:
    """Say what selling an AMOUNT would bring; asks no node and signs nothing."""
    from cli.signing.lines import annual_cost

    face, currency = amount
    due, start = given["due"], given["start"] or f"{datetime.now(UTC):%F}"
    if due < start:
        raise LedgerError("usage", found=f"--due {due} lies before --from {start}")
    fee = {
        "fixed_minor": given["fee"].of(currency) if given["fee"] else 0,
        "name": "fees",
        "payee": "",
        "payer": "seller",
        "ppm": given["fee_rate"],
    }
    terms = {
        "basis": given["basis"],
        "from_date": start,
        "method": METHODS[given["method"]],
        "rate_ppm": given["rate"],
    }
    found = compute_price(face, due, terms, [fee])
    paid = found["fees"][0]["amount_minor"]
    if as_json:
        figures = {"discount_minor": found["discount_minor"], "fees_minor": paid}
        net = {"net_minor": found["net_minor"], "face_minor": face}
        print_json({**terms, **figures, **net, "currency": currency, "due_date": due})
        return
    print_facts(
        {
            "face": format_amount(face, currency),
            "discount": format_amount(found["discount_minor"], currency),
            "fees": format_amount(paid, currency),
            "you get": format_amount(found["net_minor"], currency),
            "annual cost": annual_cost(face, found["net_minor"], start, due),
        }
    )


@click.command("take")
@argument("quote", an_id("quote"))
@option(
    "--registered",
    (str, str, DATE, HASH),
    "Where the sale is registered; the hash of what a search there found.",
    metavar="REGISTER NUMBER DATE SHA256",
)
@signs("sale.take")
def take(
    lookup: Lookup, quote: JSONObject, registered: tuple[str, ...] | None
) -> JSONObject:
    """Sell at the price of a QUOTE; the part is locked until it is paid."""
    receivable = lookup.record("receivable", quote["receivable"])
    lo, hi = quote["lo"], quote["hi"]
    tiles = [t for t in lookup.tiles(receivable["id"]) if t["lo"] <= lo < t["hi"]]
    if not tiles:
        raise LedgerError("not_found", found="a holding with the part of the quote")
    names = ("registry", "number", "date", "search") if registered else ()
    return {
        "buyer": quote["lender"],
        "input": Holding(receivable, tiles[0]).input,
        "part": {"hi": hi, "lo": lo},
        "price": quote["price"],
        "quote": quote,
        "receivable": receivable,
        "registration": dict(zip(names, registered or (), strict=True)) or None,
    }


@click.group("deal", short_help="Prices to be paid: list, received, cancel.")
def deal() -> None:
    """Deals: a price that is to be paid before units move."""


@deal.command("list")
@with_node
def list_deals(session: Session) -> None:
    """List the deals in which you pay or are paid, with their references."""
    columns = table(
        "deal:deal=id | for=purpose | state | payer:member | payee:member | "
        "price:money | reference of the payment=reference | pay by:moment=pay_by_ms"
    )
    note = "What is paid to the account names the reference, and nothing else."
    print_list(session, columns, session.client.items("/v1/deals"), note)


def _check_shortfall(given: dict[str, Any]) -> None:
    if (given["shortfall"] is None) != (given["reason"] is None):
        raise LedgerError("usage", expected="--shortfall with its --reason")


@deal.command("received")
@argument("deal", an_id("deal"))
@option("--shortfall", AMOUNT, "What you let go.")
@option("--reason", "TEXT", "Why, such as bank charges.")
@signs("deal.received", _check_shortfall)
def received(
    _: Lookup, deal: JSONObject, *, shortfall: Amount | None, reason: str | None
) -> JSONObject:
    """Sign that you have the price of a DEAL paid directly; the units move."""
    due = deal.get("owed_minor") or deal["net_minor"]
    if shortfall is None:
        return {"deal": deal, "received_minor": due}
    short = shortfall.of(deal["currency"])
    let_go = {"amount_minor": short, "reason": reason}
    return {"deal": deal, "received_minor": due - short, "shortfall": let_go}


@deal.command("register")
@argument("deal", an_id("deal"))
@argument("change", click.Choice(["amended", "discharged"]))
@option("--registry", "NAME", "Which register.", required=True)
@option("--number", "TEXT", "Of the change there.", required=True)
@option("--date", DATE, "Of it.", required=True)
@signs("deal.register")
def register(_: Lookup, **given: Any) -> JSONObject:
    """Note, as buyer, how the registry record of a DEAL changed or ended."""
    return given


@deal.command("cancel")
@argument("deal", an_id("deal"))
@signs("deal.cancel")
def cancel(_: Lookup, deal: JSONObject) -> JSONObject:
    """End a DEAL before it is paid; both sides sign one file (--prepare)."""
    return {"deal": deal}
