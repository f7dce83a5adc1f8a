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
from cli.terminal import (
    json_option,
    print_facts,
    print_json,
    print_note,
    print_text,
)
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
method_option = click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    default="bank",
    show_default=True,
    help="Discount as a rate on the face, or on the price.",
)
basis_option = click.option(
    "--basis",
    type=click.Choice(["act360", "act365f", "30e360"]),
    default="act360",
    show_default=True,
    help="How days are counted.",
)
from_option = click.option(
    "--from",
    "start",
    type=DATE,
    help="First day of the discount; today.",
)


@click.group("quote", short_help="Ask for a price, give one, estimate one.")
def quote() -> None:
    """Ask lenders for prices, give firm ones, see them, or estimate a sale."""


@quote.command("request")
@argument("holding", HOLDING)
@click.option(
    "--to",
    "lenders",
    type=MEMBER,
    multiple=True,
    required=True,
    help="A lender to ask; repeat it. None learns whom else you ask.",
)
@part_option
@at_option
@click.option("--until", type=MOMENT, default="7d", show_default=True)
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
@click.option("--rate", type=RATE, help="A year, for example 4.5%.")
@click.option(
    "--flat",
    type=AMOUNT,
    help="A discount instead of a rate.",
)
@method_option
@basis_option
@from_option
@click.option("--until", type=MOMENT, default="1d", show_default=True)
@click.option("--pay-by", type=MOMENT, default="3d", show_default=True)
@click.option("--recourse", is_flag=True, help="You may claim the price back.")
@click.option("--direct", is_flag=True, help="You pay the seller directly.")
@click.option("--aware", is_flag=True, help="You take it even if it is overdue.")
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
        figures = "net:money=net | price:money=price"
        rows = [{**row, **_figures(row["price"])} for row in given]
        columns = table(f"quote:quote=id | {sides} | {figures} | {until}")
        print_rows(lookup, columns, rows)
    print_note("To sell at a price: run: allonge take QUOTE")


def _figures(price: JSONObject) -> JSONObject:
    return {"net": price["net_minor"], "price": price["price_minor"]}


@quote.command("estimate")
@argument("amount", AMOUNT, metavar='"CNY 40000.00"')
@click.option("--due", type=DATE, required=True, help="Adjusted due date.")
@click.option("--rate", type=RATE, required=True, help="A year, like 4.5%.")
@method_option
@basis_option
@from_option
@click.option("--fee-rate", type=RATE, default="0%", help="Of the amount.")
@click.option(
    "--fee",
    type=AMOUNT,
    help="Beside what depends on the amount.",
)
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
@click.option(
    "--registered",
    type=(str, str, DATE, HASH),
    metavar="REGISTER NUMBER DATE SHA256",
    help="Where the sale is registered; the hash of what a search there found.",
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
@click.option("--shortfall", type=AMOUNT, help="What you let go.")
@click.option("--reason", metavar="TEXT", help="Why, such as bank charges.")
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
@click.option("--registry", required=True, metavar="NAME", help="Which register.")
@click.option("--number", required=True, metavar="TEXT", help="Of the change there.")
@click.option("--date", type=DATE, required=True, help="Of it.")
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
