"""``quote``, ``take``, ``deal``: prices asked for, given, taken and paid."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from cli.parts import at_option, part_option
from cli.people import check_id
from cli.session import Session, with_node, with_signing
from cli.typed import check_moment, read_date, read_hash, read_moment
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

_RATE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?%?")
_UNITS_A_PERCENT: Final = 10_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
METHODS: Final = {"bank": "bank_discount", "true": "true_discount"}

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
    "--from", "start", metavar="DATE", help="First day of the discount; today."
)


@click.group("quote", short_help="Ask for a price, give one, estimate one.")
def quote() -> None:
    """Ask lenders for prices, give firm ones, see them, or estimate a sale."""


@quote.command("request")
@click.argument("holding")
@click.option(
    "--to",
    "lenders",
    multiple=True,
    required=True,
    metavar="MEMBER",
    help="A lender to ask; repeat it. None learns whom else you ask.",
)
@part_option
@at_option
@click.option("--until", default="7d", show_default=True, metavar="SPAN")
@with_signing
def request(session: Session, **given: Any) -> None:
    """Ask lenders for a price of a HOLDING, or a part; nothing is locked."""
    check_id(given["holding"].partition("/")[0], "receivable")
    for lender in given["lenders"]:
        check_id(lender, "member")
    check_moment(given["until"])
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, make_input, read_part

    lookup = Lookup(session)
    receivable, tile = lookup.find_holding(given["holding"])
    lenders = [lookup.find("member", text) for text in given["lenders"]]
    body = {
        "input": make_input(tile, receivable["id"]),
        "lenders": [lender["id"] for lender in lenders],
        "part": read_part(receivable, tile, given["at"], given["amount"]),
        "receivable": receivable["id"],
        "until_ms": read_moment(given["until"], session.now_ms()),
    }
    facts = lookup.facts(receivable, *lenders)
    run_acts(session, [Act("sale.request", body, facts)])


@quote.command("give")
@click.argument("request")
@click.option("--rate", metavar="RATE", help="A year, for example 4.5%.")
@click.option("--flat", metavar='"CNY 50.00"', help="A discount instead of a rate.")
@method_option
@basis_option
@from_option
@click.option("--until", default="1d", show_default=True, metavar="SPAN")
@click.option("--pay-by", default="3d", show_default=True, metavar="SPAN")
@click.option("--recourse", is_flag=True, help="You may claim the price back.")
@click.option("--direct", is_flag=True, help="You pay the seller directly.")
@click.option("--aware", is_flag=True, help="You take it even if it is overdue.")
@with_signing
def give(session: Session, **given: Any) -> None:
    """Give a firm price on a REQUEST; the figures follow from its terms."""
    check_id(given["request"], "request")
    for name in ("until", "pay_by"):
        check_moment(given[name])
    rate = _check_terms(given)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, read_amount

    lookup = Lookup(session)
    asked = lookup.find("request", given["request"])
    receivable = lookup.record("receivable", asked["receivable"])
    programme = lookup.record("programme", receivable["programme"])
    price: JSONObject = {
        "aware_overdue": given["aware"],
        "basis": given["basis"],
        "from_date": given["start"] or today_at(session, programme),
        "method": "flat" if given["flat"] else METHODS[given["method"]],
        "pay_by_ms": read_moment(given["pay_by"], session.now_ms()),
        "rate_ppm": rate,
        "recourse": "with" if given["recourse"] else "without",
        "way": "direct" if given["direct"] else "account",
    }
    if given["flat"]:
        price["discount_minor"] = read_amount(given["flat"], asked["currency"])
    face = asked["hi"] - asked["lo"]
    due = receivable["adjusted_date"]
    price |= compute_price(face, due, price, programme.get("fees", []))
    body = {
        "part": {"hi": asked["hi"], "lo": asked["lo"]},
        "price": price,
        "receivable": receivable["id"],
        "request": asked["id"],
        "seller": asked["seller"],
        "until_ms": read_moment(given["until"], session.now_ms()),
    }
    facts = lookup.facts(receivable, asked)
    facts += lookup.parties(*(fee["payee"] for fee in price["fees"]))
    run_acts(session, [Act("sale.quote", body, facts)])


def _check_terms(given: dict[str, Any]) -> int:
    """Return the rate in parts per million, 0 for a flat price."""
    if given["start"] is not None:
        read_date(given["start"])
    if bool(given["flat"]) == bool(given["rate"]):
        raise LedgerError("usage", expected="--rate or --flat, one of them")
    return read_rate(given["rate"]) if given["rate"] else 0


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


def today_at(session: Session, programme: JSONObject) -> str:
    """Return the date in a programme's zone."""
    moment = timedelta(
        milliseconds=session.now_ms(), minutes=programme["offset_minutes"]
    )
    return (EPOCH + moment).date().isoformat()


@quote.command("list")
@with_node
def list_quotes(session: Session) -> None:
    """List requests and quotes: those you made, and those you got."""
    from cli.lookup import Lookup
    from cli.tables import Column, print_rows
    from cli.terminal import print_json, print_note, print_text

    asked = list(session.client.items("/v1/requests"))
    given = list(session.client.items("/v1/quotes"))
    if session.as_json:
        print_json({"quotes": given, "requests": asked})
        return
    lookup = Lookup(session)
    sides = (
        Column("receivable", "receivable"),
        Column("part", "money"),
        Column("seller", "member"),
        Column("lender", "member"),
    )
    until = Column("until", "moment", "until_ms")
    for row in (*asked, *given):
        row["part"] = row["hi"] - row["lo"]
    print_rows(lookup, (Column("request", "request", "id"), *sides, until), asked)
    if given:
        print_text("")
        figures = (Column("net", "money"), Column("price", "money"))
        rows = [{**row, **_figures(row["price"])} for row in given]
        columns = (Column("quote", "quote", "id"), *sides, *figures, until)
        print_rows(lookup, columns, rows)
    print_note("To sell at a price: run: allonge take QUOTE")


def _figures(price: JSONObject) -> JSONObject:
    return {"net": price["net_minor"], "price": price["price_minor"]}


@quote.command("estimate")
@click.argument("amount", metavar='"CNY 40000.00"')
@click.option("--due", required=True, metavar="DATE", help="Adjusted due date.")
@click.option("--rate", required=True, metavar="RATE", help="A year, like 4.5%.")
@method_option
@basis_option
@from_option
@click.option("--fee-rate", default="0%", metavar="RATE", help="Of the amount.")
@click.option("--fee", metavar='"CNY 5.00"', help="Beside what depends on the amount.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def estimate(amount: str, *, as_json: bool, **given: Any) -> None:
    """Say what selling an AMOUNT would bring; asks no node and signs nothing."""
    from cli.amounts import format_amount, parse_amount
    from cli.lookup import read_amount
    from cli.screen_lines import annual_cost
    from cli.terminal import print_facts, print_json

    face, currency = parse_amount(amount)
    due = read_date(given["due"])
    start = read_date(given["start"]) if given["start"] else f"{datetime.now(UTC):%F}"
    fixed = read_amount(given["fee"], currency) if given["fee"] else 0
    fee = {"fixed_minor": fixed, "name": "fees", "payee": "", "payer": "seller"}
    terms = {
        "basis": given["basis"],
        "from_date": start,
        "method": METHODS[given["method"]],
        "rate_ppm": read_rate(given["rate"]),
    }
    fees = [{**fee, "ppm": read_rate(given["fee_rate"])}]
    found = compute_price(face, due, terms, fees)
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
@click.argument("quote_id", metavar="QUOTE")
@click.option(
    "--registered",
    nargs=4,
    metavar="REGISTER NUMBER DATE SHA256",
    help="Where the sale is registered; the hash of what a search there found.",
)
@with_signing
def take(
    session: Session, quote_id: str, registered: tuple[str, str, str, str] | None
) -> None:
    """Sell at the price of a QUOTE; the part is locked until it is paid."""
    check_id(quote_id, "quote")
    record: JSONObject = {}
    if registered is not None:
        register_name, number, day, search = registered
        record = {"date": read_date(day), "number": number}
        record |= {"registry": register_name, "search": read_hash(search)}
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup, make_input

    lookup = Lookup(session)
    found = lookup.find("quote", quote_id)
    receivable = lookup.record("receivable", found["receivable"])
    lo, hi = found["lo"], found["hi"]
    tiles = [t for t in lookup.tiles(receivable["id"]) if t["lo"] <= lo < t["hi"]]
    if not tiles:
        raise LedgerError("not_found", found="a holding with the part of the quote")
    body = {
        "buyer": found["lender"],
        "input": make_input(tiles[0], receivable["id"]),
        "part": {"hi": hi, "lo": lo},
        "price": found["price"],
        "quote": found["id"],
        "receivable": receivable["id"],
        **({"registration": record} if record else {}),
    }
    facts = lookup.facts(receivable, found)
    facts += lookup.parties(*(fee["payee"] for fee in found["price"]["fees"]))
    run_acts(session, [Act("sale.take", body, facts)])


@click.group("deal", short_help="Prices to be paid: list, received, cancel.")
def deal() -> None:
    """Deals: a price that is to be paid before units move."""


@deal.command("list")
@with_node
def list_deals(session: Session) -> None:
    """List the deals in which you pay or are paid, with their references."""
    from cli.lookup import Lookup
    from cli.tables import Column, print_rows
    from cli.terminal import print_json, print_note

    rows = list(session.client.items("/v1/deals"))
    if session.as_json:
        print_json({"items": rows})
        return
    lookup = Lookup(session)
    columns = (
        Column("deal", "deal", "id"),
        Column("for", "text", "purpose"),
        Column("state"),
        Column("payer", "member"),
        Column("payee", "member"),
        Column("price", "money", "price_minor"),
        Column("reference of the payment", "text", "reference"),
        Column("pay by", "moment", "pay_by_ms"),
    )
    print_rows(lookup, columns, rows)
    print_note("What is paid to the account names the reference, and nothing else.")


@deal.command("received")
@click.argument("deal_id", metavar="DEAL")
@click.option("--shortfall", metavar='"CNY 25.00"', help="What you let go.")
@click.option("--reason", metavar="TEXT", help="Why, such as bank charges.")
@with_signing
def received(session: Session, deal_id: str, **given: str | None) -> None:
    """Sign that you have the price of a DEAL paid directly; the units move."""
    check_id(deal_id, "deal")
    if (given["shortfall"] is None) != (given["reason"] is None):
        raise LedgerError("usage", expected="--shortfall with its --reason")
    from cli.lookup import Lookup, read_amount

    lookup = Lookup(session)
    found = lookup.find("deal", deal_id)
    due = found.get("owed_minor") or found["net_minor"]
    body: JSONObject = {"deal": found["id"], "received_minor": due}
    if given["shortfall"] is not None:
        short = read_amount(given["shortfall"], found["currency"])
        body["received_minor"] = due - short
        body["shortfall"] = {"amount_minor": short, "reason": given["reason"]}
    _run_deal(session, lookup, "deal.received", body, found)


@deal.command("cancel")
@click.argument("deal_id", metavar="DEAL")
@with_signing
def cancel(session: Session, deal_id: str) -> None:
    """End a DEAL before it is paid; both sides sign one file (--prepare)."""
    check_id(deal_id, "deal")
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("deal", deal_id)
    _run_deal(session, lookup, "deal.cancel", {"deal": found["id"]}, found)


def _run_deal(
    session: Session, lookup: Any, act: str, body: JSONObject, found: JSONObject
) -> None:
    from cli.acting import Act, run_acts

    receivable = lookup.record("receivable", found["receivable"])
    run_acts(session, [Act(act, body, lookup.facts(found, receivable))])
