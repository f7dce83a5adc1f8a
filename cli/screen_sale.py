"""What requests for a price, quotes, sales and deals look like on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from cli.screen import Page, ShowAct, quote, show_moment, show_rate
from cli.screen_parts import (
    RECOURSE,
    show_input,
    show_interval,
    show_kept,
    show_receivable,
)
from cli.screen_recourse import WAYS
from contracts.kit.v1.arithmetic import annual_cost_ppm
from ledger.encoding import JSONObject

METHODS: Final = MappingProxyType(
    {
        "bank_discount": "bank discount, a rate on the face",
        "true_discount": "true discount, a rate on the price",
        "flat": "a sum agreed on",
    }
)


def show_request(page: Page) -> str:
    """Show ``sale.request``."""
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_interval(page, "for sale", ("part",), currency)
    count = page.items("lenders")
    for n in range(count):
        page.line("asked", page.id("member", "lenders", n))
    show_input(page, "input", item, currency)
    page.line("until", show_moment(page.take("until_ms")))
    page.ask_count(count)
    return "ask for prices; nothing is locked, and none learns whom else you ask"


def _show_fees(page: Page, currency: str) -> None:
    if page.body["price"].get("fees") == []:
        page.left.discard(("price", "fees"))
        page.line("fees", "none")
        return
    for n in range(page.items("price", "fees")):
        at = ("price", "fees", n)
        amount = page.money(page.number(*at, "amount_minor"), currency)
        payer, payee = page.text(*at, "payer"), page.id("member", *at, "payee")
        name = quote(page.text(*at, "name"))
        page.line("fee", f"{amount} {name}, the {payer} pays {payee}")


def _show_price(page: Page, item: str, face: int, currency: str) -> None:
    """Show every figure and term of a price, and what it costs a year."""
    price = page.number("price", "price_minor")
    net = page.number("price", "net_minor")
    start = page.text("price", "from_date")
    method = page.text("price", "method")
    rate, basis = page.number("price", "rate_ppm"), page.text("price", "basis")
    page.line("face", page.money(face, currency))
    discount = page.money(page.number("price", "discount_minor"), currency)
    page.line("discount", f"{discount}: {METHODS.get(method, quote(method))},")
    page.line("", f"{show_rate(rate)} a year from {start} on, {quote(basis)}")
    _show_fees(page, currency)
    page.line("buyer pays", page.money(price, currency))
    page.line("seller gets", page.money(net, currency))
    due = page.facts.text("receivable", item, "adjusted_date")
    page.line("annual cost", annual_cost(face, net, start, due))
    recourse = page.text("price", "recourse")
    page.line("recourse", RECOURSE.get(recourse, quote(recourse)))
    way = page.text("price", "way")
    page.line("paid", WAYS.get(way, quote(way)))
    page.line("pay by", show_moment(page.take("price", "pay_by_ms")))
    aware = page.take("price", "aware_overdue")
    words = {True: "sold even if overdue", False: "lapses if overdue"}
    page.line("overdue", words.get(aware, str(aware)))


def annual_cost(face: int, net: int, start: str, due: str) -> str:
    """Return what selling a face for a net costs a year, as people read it.

    Args:
        face: what falls due, in minor units.
        net: what the seller gets.
        start: date from which days count.
        due: adjusted due date, "" if it is not known.
    """
    try:
        days = (date.fromisoformat(due) - date.fromisoformat(start)).days
    except ValueError:
        return "not known: the due date is not stated"
    if days <= 0 or not 0 < net <= face:
        return f"none can be named for {days} days"
    cost = show_rate(annual_cost_ppm(face, net, days))
    return f"{cost}: simple, on what is received, {days} days of 365, half up"


def show_quote(page: Page) -> str:
    """Show ``sale.quote``."""
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_interval(page, "you buy", ("part",), currency)
    page.line("from", page.id("member", "seller"))
    page.line("request", page.hash(page.text("request"), "request"))
    face = page.number("part", "hi") - page.number("part", "lo")
    _show_price(page, item, face, currency)
    page.line("firm until", show_moment(page.take("until_ms")))
    page.ask_amount(page.number("price", "price_minor"), currency)
    return "a FIRM price: the seller may take it until it expires"


def show_take(page: Page) -> str:
    """Show ``sale.take``."""
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_interval(page, "sold", ("part",), currency)
    page.line("to", page.id("member", "buyer"))
    show_kept(page, currency)
    show_input(page, "input", item, currency)
    page.line("quote", page.hash(page.text("quote"), "quote"))
    face = page.number("part", "hi") - page.number("part", "lo")
    _show_price(page, item, face, currency)
    if page.has("registration"):
        number = quote(page.text("registration", "number"))
        register = quote(page.text("registration", "registry"))
        date_of = page.text("registration", "date")
        page.line("registered", f"{register}, number {number}, {date_of}")
        page.document("", "registration", "search")
    page.ask_amount(face, currency)
    return "SELL a part at this price; it is locked until it is paid"


def _show_deal(page: Page) -> JSONObject:
    item = page.text("deal")
    page.line("deal", page.hash(item, "deal"))
    known: dict[str, Any] = page.facts.record("deal", item)
    receivable = known.get("receivable")
    if isinstance(receivable, str):
        show_receivable(page, receivable)
    for name, label in (("payer", "payer"), ("payee", "payee")):
        if isinstance(known.get(name), str):
            page.line(label, page.name("member", known[name]))
    if isinstance(known.get("purpose"), str):
        page.line("for", quote(known["purpose"]))
    return known


def show_received(page: Page) -> str:
    """Show ``deal.received``."""
    currency = str(_show_deal(page).get("currency", ""))
    received = page.number("received_minor")
    page.line("received", page.money(received, currency))
    if page.has("shortfall"):
        short = page.number("shortfall", "amount_minor")
        reason = quote(page.text("shortfall", "reason"))
        page.line("let go", f"{page.money(short, currency)} for {reason}")
    page.ask_amount(received, currency)
    return "the payee HAS the price; on this word alone the units move"


def show_end_deal(page: Page) -> str:
    """Show ``deal.cancel``."""
    _show_deal(page)
    page.ask_count(1)
    return "both sides end the deal; the part is free, a price that comes goes back"


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "deal.cancel": show_end_deal,
        "deal.received": show_received,
        "sale.quote": show_quote,
        "sale.request": show_request,
        "sale.take": show_take,
    }
)
