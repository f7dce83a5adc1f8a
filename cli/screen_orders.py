"""What orders, insolvencies, reductions and disputes look like on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cli.screen import Page, ShowAct, quote, show_moment
from cli.screen_parts import show_receivable

COVERS: Final = MappingProxyType(
    {
        "account": "all money paid from this account",
        "amount": "an amount of what a member holds and is paid",
        "member": "all that a member holds and is paid",
        "payout_account": "all money to a member's account in one currency",
        "receipt": "this incoming money, as far as it is in suspense",
        "units": "these units, and what is paid on them",
    }
)
PLEDGED: Final = MappingProxyType(
    {
        True: "money of units pledged before is covered TOO",
        False: "money of units pledged before is not touched",
    }
)


def show_authority(page: Page, name: str) -> None:
    """Show whose order it is, on which paper, and who vouches for it."""
    authority = quote(page.text(name, "authority"))
    page.line("ordered by", f"{authority}, {quote(page.text(name, 'reference'))}")
    page.document("document", name, "document")
    page.line("placed by", page.id("member", name, "placer"))
    if page.has(name, "guardian"):
        page.line("vouched by", page.id("member", name, "guardian"))


def show_redirect(page: Page, name: str) -> None:
    """Show where money goes under an order."""
    account = page.hash(page.text(name, "commitment"))
    page.line("money goes", f"to {quote(page.text(name, 'payee'))}, account {account}")


def show_pledged(page: Page) -> None:
    """Show whether an order reaches behind a pledge, and its rank."""
    page.line("pledged", PLEDGED.get(page.take("pledged"), "?"))
    page.line("rank", f"{page.number('rank')} among orders on the same money")


def show_freeze(page: Page) -> str:
    """Show ``freeze.order``."""
    cover = page.text("cover")
    page.line("FREEZE", COVERS.get(cover, quote(cover)))
    for kind in ("member", "account", "receipt"):
        if page.has(kind):
            page.line(kind, page.id(kind, kind))
    currency = page.text("currency") if page.has("currency") else ""
    if currency:
        page.line("currency", currency)
    if page.has("receivable"):
        known = show_receivable(page, page.text("receivable"))
        lo, hi = page.number("lo"), page.number("hi")
        page.line("units", f"{page.money(hi - lo, known)}, units {lo} to {hi}")
        page.ask_amount(hi - lo, known)
    else:
        page.ask_count(1)
    if page.has("amount_minor"):
        amount = page.number("amount_minor")
        page.line("up to", page.money(amount, currency))
        page.ask_amount(amount, currency)
    if page.has("redirect"):
        show_redirect(page, "redirect")
    else:
        page.line("money", "is HELD until the order ends")
    show_pledged(page)
    page.line("until", show_moment(page.take("until_ms")))
    show_authority(page, "order")
    return "an authority's order; what it covers stays where it is"


def show_release(page: Page) -> str:
    """Show ``order.release``."""
    show_order_facts(page)
    show_authority(page, "ending")
    page.ask_count(1)
    return "an order ENDS; what it held is due again"


def show_order_facts(page: Page) -> None:
    """Show an order and what is known about it."""
    item = page.text("order")
    page.line("order", page.hash(item, "order"))
    known = page.facts.record("order", item)
    if isinstance(known.get("authority"), str):
        reference = quote(str(known.get("reference", "")))
        page.line("", f"of {quote(known['authority'])}, {reference}")
    if isinstance(known.get("member"), str):
        page.line("on", page.name("member", known["member"]))


def show_insolvency(page: Page) -> str:
    """Show ``insolvency.declare``."""
    page.line("INSOLVENT", page.id("member", "member"))
    page.line("effective", show_moment(page.take("effective_ms")))
    show_redirect(page, "administrator")
    disposal = page.take("disposal")
    words = {True: "may still pass on", False: "pass on no more"}
    page.line("its holdings", words.get(disposal, str(disposal)))
    show_pledged(page)
    show_authority(page, "order")
    page.ask_count(1)
    return "a member is insolvent; its open business lapses from this block on"


def show_successor(page: Page) -> str:
    """Show ``account.successor``."""
    page.line("account", page.id("account", "account"))
    page.line("attested by", page.id("member", "attester"))
    page.line("vouched by", page.id("member", "guardian"))
    page.ask_count(1)
    return "another bank attests an account from now on"


def show_reduce(page: Page) -> str:
    """Show ``receivable.reduce``."""
    currency = show_receivable(page, page.text("receivable"))
    amount = page.number("amount_minor")
    page.line("OWED LESS", page.money(amount, currency))
    page.document("document", "document")
    page.line("taken from", "the supplier's own units, highest first")
    for n in range(page.items("parts")):
        at = ("parts", n)
        units = page.money(page.number(*at, "units_minor"), currency)
        lo, hi = page.number(*at, "lo"), page.number(*at, "hi")
        page.line("then from", f"units {lo} to {hi}: up to {units}")
        page.line("", f"revision {page.number(*at, 'rev')}")
    page.line("the rest", "is a claim of the debtor on the supplier")
    if page.has("dispute"):
        page.line("settles", f"dispute {page.hash(page.text('dispute'), 'dispute')}")
    if page.has("order"):
        show_authority(page, "order")
    page.ask_amount(amount, currency)
    return "debtor and supplier agree that LESS IS OWED"


def show_open(page: Page) -> str:
    """Show ``dispute.open``."""
    currency = show_receivable(page, page.text("receivable"))
    amount = page.number("amount_minor")
    page.line("contested", f"{page.money(amount, currency)}, pro rata on all units")
    page.document("document", "document")
    page.ask_amount(amount, currency)
    return "the debtor contests an amount; it stays owed until that is decided"


def show_dispute_facts(page: Page) -> None:
    """Show a dispute and what is known about it."""
    item = page.text("dispute")
    page.line("dispute", page.hash(item, "dispute"))
    known = page.facts.record("dispute", item)
    if isinstance(known.get("receivable"), str):
        page.line("about", page.hash(known["receivable"], "receivable"))


def show_extend(page: Page) -> str:
    """Show ``dispute.extend``."""
    show_dispute_facts(page)
    page.line("stands until", show_moment(page.take("until_ms")))
    if page.has("case"):
        court = quote(page.text("case", "court"))
        page.line("case", f"{court}, {quote(page.text('case', 'reference'))}")
        page.document("document", "case", "document")
    if page.has("order"):
        show_authority(page, "order")
    page.ask_count(1)
    return "a dispute does not lapse on its day, for a case or an order"


def show_withdraw(page: Page) -> str:
    """Show ``dispute.withdraw``."""
    show_dispute_facts(page)
    page.ask_count(1)
    return "the debtor contests it no longer; all of it is owed as before"


def show_close(page: Page) -> str:
    """Show ``receivable.close``."""
    show_receivable(page, page.text("receivable"))
    count = page.items("holders")
    for n in range(count):
        page.line("agreed by", page.id("member", "holders", n))
    page.ask_count(count)
    return "holders agree that NOTHING MORE WILL BE PAID; the claim stays"


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "account.successor": show_successor,
        "dispute.extend": show_extend,
        "dispute.open": show_open,
        "dispute.withdraw": show_withdraw,
        "freeze.order": show_freeze,
        "insolvency.declare": show_insolvency,
        "order.release": show_release,
        "receivable.close": show_close,
        "receivable.reduce": show_reduce,
    }
)
