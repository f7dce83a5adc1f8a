"""What waivers, recourse, repurchases and redemptions look like on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cli.screen import Page, ShowAct, quote, show_moment
from cli.screen_parts import show_input, show_interval, show_receivable

WAYS: Final = MappingProxyType(
    {
        "account": "to the settlement account under the reference of this deal; "
        "the units move when the bank has recorded it",
        "direct": "directly; the units move when the payee signs that it has it",
    }
)


def show_waive(page: Page) -> str:
    """Show ``receivable.waive``."""
    currency = show_receivable(page, page.text("receivable"))
    principal = page.number("principal_minor")
    interest = page.number("interest_minor")
    page.line("principal", f"{page.money(principal, currency)}, all that is left")
    page.line("interest", f"up to {page.money(interest, currency)} for the delay")
    page.ask_amount(principal + interest, currency)
    return "all holders FORGIVE what is left; the debtor is discharged"


def _show_price(page: Page, units: int, currency: str) -> None:
    price = page.number("price_minor")
    page.line(
        "price", f"{page.money(price, currency)} for {page.money(units, currency)}"
    )
    way = page.text("way")
    page.line("paid", WAYS.get(way, quote(way)))
    page.line("pay by", show_moment(page.take("pay_by_ms")))
    page.ask_amount(price, currency)


def show_call(page: Page) -> str:
    """Show ``recourse.call``."""
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_input(page, "input", item, currency)
    units = page.number("input", "hi") - page.number("input", "lo")
    _show_price(page, units, currency)
    return "the holder calls on who passed it on WITH recourse to pay the price"


def _show_agreed(page: Page) -> None:
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_interval(page, "given", ("part",), currency)
    show_input(page, "input", item, currency)
    units = page.number("part", "hi") - page.number("part", "lo")
    _show_price(page, units, currency)


def show_redeem(page: Page) -> str:
    """Show ``holding.redeem``."""
    _show_agreed(page)
    return "the debtor redeems a part early; once the price is paid it is NOT OWED"


def show_repurchase(page: Page) -> str:
    """Show ``holding.repurchase``."""
    _show_agreed(page)
    return "who passed it on buys a part back; it returns once the price is paid"


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "holding.redeem": show_redeem,
        "holding.repurchase": show_repurchase,
        "receivable.waive": show_waive,
        "recourse.call": show_call,
    }
)
