"""What receivables, splits, offers and transfers look like on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from cli.screen import Page, ShowAct, quote, show_moment

RECOURSE: Final = MappingProxyType(
    {
        "with": "WITH recourse: if the debtor does not pay, the receiver may claim "
        "the price back from the giver",
        "without": "without recourse: the receiver bears the debtor's default",
    }
)


def show_receivable(page: Page, item: str) -> str:
    """Show a receivable and what is known about it; return its currency."""
    page.line("receivable", page.hash(item, "receivable"))
    known = page.facts.record("receivable", item)
    parties = [
        f"{role} {page.name('member', known[role])}"
        for role in ("debtor", "supplier")
        if isinstance(known.get(role), str)
    ]
    if parties:
        page.line("", ", ".join(parties))
    dates = [
        f"{label} {known[name]}"
        for name, label in (("due_date", "due"), ("adjusted_date", "paid on"))
        if isinstance(known.get(name), str)
    ]
    if dates:
        page.line("", ", ".join([*dates, f"state {known.get('state', 'unknown')}"]))
    if type(known.get("provisional_until_ms")) is int:
        until = show_moment(known["provisional_until_ms"])
        page.line("", f"paid on is provisional: the calendar may move it until {until}")
    currency = known.get("currency", "")
    return currency if isinstance(currency, str) else ""


def show_interval(page: Page, label: str, path: tuple[str | int, ...], of: str) -> None:
    """Show units as an interval and as their amount."""
    lo, hi = page.number(*path, "lo"), page.number(*path, "hi")
    page.line(label, f"{page.money(hi - lo, of)}, units {lo} to {hi}")


def show_input(page: Page, name: str, receivable: str, currency: str) -> None:
    """Show the holding an act starts from; another receivable is named."""
    same = page.text(name, "receivable")
    of = "" if same == receivable else f" of {page.hash(same, 'receivable')}"
    show_interval(page, "from holding", (name,), currency)
    page.line("", f"revision {page.number(name, 'rev')}{of}")


def show_recourse(page: Page) -> None:
    """Show the terms between giver and receiver."""
    terms = page.text("recourse")
    page.line("recourse", RECOURSE.get(terms, quote(terms)))


def show_aware(page: Page) -> None:
    """Show whether the receiver takes an overdue holding knowingly."""
    aware = page.take("aware_overdue")
    words = {True: "accepted even if overdue", False: "only if not overdue"}
    page.line("overdue", words.get(aware, str(aware)))


def show_kept(page: Page, currency: str) -> None:
    """Show what of the holding is not given away."""
    whole = page.number("input", "hi") - page.number("input", "lo")
    part = page.number("part", "hi") - page.number("part", "lo")
    page.line("kept", page.money(whole - part, currency))


# --- before it circulates ---


def show_terms(page: Page, currency: str) -> int:
    """Show due date, gross, deductions and face; return the face."""
    gross = page.number("terms", "gross_minor")
    face = gross
    page.line("due date", page.text("terms", "due_date"))
    page.line("gross", page.money(gross, currency))
    for n in range(page.items("terms", "deductions")):
        at = ("terms", "deductions", n)
        amount = page.number(*at, "amount_minor")
        face -= amount
        document = page.hash(page.text(*at, "document"))
        words = f"{quote(page.text(*at, 'type'))}, document SHA-256 {document}"
        page.line("less", f"{page.money(amount, currency)} {words}")
    page.line("face", page.money(face, currency))
    return face


def show_invoices(page: Page, currency: str) -> None:
    """Show every invoice and how much of it is used."""
    for n in range(page.items("invoices")):
        at = ("invoices", n)
        used = page.money(page.number(*at, "used_minor"), currency)
        whole = page.money(page.number(*at, "amount_minor"), currency)
        number = quote(page.text(*at, "number"))
        page.line("invoice", f"{number} of {page.text(*at, 'issue_date')}")
        page.line("", f"{used} used of {whole}")


def show_answers(page: Page) -> None:
    """Show the reason for a long tenor and what differs from a look-alike."""
    if page.has("reason"):
        page.line("reason", f"{quote(page.text('reason'))} for a tenor over the norm")
    for n in range(page.items("different")):
        item = page.hash(page.text("different", n))
        page.line("different", f"no duplicate, though alike: invoice {item}")


def _show_proposal(page: Page, title: str) -> str:
    programme = page.text("programme")
    known = page.facts.record("programme", programme)
    currency = str(known.get("currency", ""))
    page.line("programme", page.name("programme", programme))
    if isinstance(known.get("debtor"), str):
        page.line("debtor", page.name("member", known["debtor"]))
    page.line("supplier", page.id("member", "supplier"))
    face = show_terms(page, currency)
    show_invoices(page, currency)
    show_answers(page)
    page.document("document", "document")
    page.ask_amount(face, currency)
    return title


def show_submit(page: Page) -> str:
    """Show ``receivable.submit``."""
    return _show_proposal(page, "the supplier claims this from the debtor")


def show_issue(page: Page) -> str:
    """Show ``receivable.issue``."""
    return _show_proposal(page, "the debtor UNDERTAKES TO PAY this when it is due")


def _show_decision(page: Page, title: str) -> str:
    currency = show_receivable(page, page.text("receivable"))
    face = page.number("face_minor")
    page.line("face", page.money(face, currency))
    show_answers(page)
    page.ask_amount(face, currency)
    return title


def show_confirm(page: Page) -> str:
    """Show ``receivable.confirm``."""
    return _show_decision(page, "the debtor UNDERTAKES TO PAY this when it is due")


def show_agree(page: Page) -> str:
    """Show ``receivable.accept``."""
    return _show_decision(page, "the supplier agrees to what the debtor proposed")


def show_counter(page: Page) -> str:
    """Show ``receivable.counter``."""
    currency = show_receivable(page, page.text("receivable"))
    page.line("proposed by", f"the {page.text('party')}")
    face = show_terms(page, currency)
    show_answers(page)
    page.ask_amount(face, currency)
    return "other terms, for the other side to agree to"


def _show_end(page: Page, title: str) -> str:
    show_receivable(page, page.text("receivable"))
    page.ask_count(1)
    return title


def show_reject(page: Page) -> str:
    """Show ``receivable.reject``."""
    return _show_end(page, "the debtor refuses; the invoices are free again")


def show_decline_issue(page: Page) -> str:
    """Show ``receivable.decline``."""
    return _show_end(page, "the supplier declines; the invoices are free again")


def show_cancel(page: Page) -> str:
    """Show ``receivable.cancel``."""
    return _show_end(page, "the supplier takes its proposal back")


def show_void(page: Page) -> str:
    """Show ``receivable.void``."""
    return _show_end(page, "debtor and holder cancel it: NOTHING IS OWED any more")


def show_pay_early(page: Page) -> str:
    """Show ``receivable.pay_early``."""
    return _show_end(page, "money waiting is paid to the holders before the due date")


# --- circulation ---


def show_split(page: Page) -> str:
    """Show ``receivable.split``."""
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_input(page, "input", item, currency)
    cuts = [page.number("cuts", n) for n in range(page.items("cuts"))]
    edges = [page.number("input", "lo"), *cuts, page.number("input", "hi")]
    for n, (lo, hi) in enumerate(pairwise(edges), start=1):
        page.line(f"piece {n}", f"{page.money(hi - lo, currency)}, units {lo} to {hi}")
    page.ask_count(len(cuts) + 1)
    return "cut a holding; all pieces stay with its holder"


def show_merge(page: Page) -> str:
    """Show ``receivable.merge``."""
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_input(page, "left", item, currency)
    show_input(page, "right", item, currency)
    page.ask_count(2)
    return "join two neighbouring holdings of one holder"


def _show_giving(page: Page) -> None:
    item = page.text("receivable")
    currency = show_receivable(page, item)
    show_interval(page, "given", ("part",), currency)
    page.line("to", page.id("member", "receiver"))
    show_kept(page, currency)
    show_input(page, "input", item, currency)
    show_recourse(page)
    page.document("document", "document")
    part = page.number("part", "hi") - page.number("part", "lo")
    page.ask_amount(part, currency)


def show_transfer(page: Page) -> str:
    """Show ``receivable.transfer``."""
    _show_giving(page)
    show_aware(page)
    return "part of a holding passes AT ONCE; giver and receiver sign"


def show_offer(page: Page) -> str:
    """Show ``receivable.offer``."""
    _show_giving(page)
    page.line("offer ends", show_moment(page.take("until_ms")))
    return "part of a holding is offered; it is given when the receiver accepts"


def show_offer_facts(page: Page) -> None:
    """Show an open offer and who made it to whom on which terms."""
    item = page.text("offer")
    page.line("offer", page.hash(item, "offer"))
    known = page.facts.record("offer", item)
    for name, label in (("giver", "from"), ("receiver", "to")):
        if isinstance(known.get(name), str):
            page.line(label, page.name("member", known[name]))
    if known.get("recourse") in RECOURSE:
        page.line("recourse", RECOURSE[known["recourse"]])


def show_accept_offer(page: Page) -> str:
    """Show ``offer.accept``."""
    currency = show_receivable(page, page.text("receivable"))
    show_interval(page, "you take", ("part",), currency)
    show_offer_facts(page)
    show_aware(page)
    part = page.number("part", "hi") - page.number("part", "lo")
    page.ask_amount(part, currency)
    return "the receiver takes what is offered"


def _show_end_offer(page: Page, title: str) -> str:
    show_offer_facts(page)
    page.ask_count(1)
    return title


def show_decline_offer(page: Page) -> str:
    """Show ``offer.decline``."""
    return _show_end_offer(page, "the receiver declines the offer")


def show_withdraw(page: Page) -> str:
    """Show ``offer.withdraw``."""
    return _show_end_offer(page, "the giver takes the offer back")


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "offer.accept": show_accept_offer,
        "offer.decline": show_decline_offer,
        "offer.withdraw": show_withdraw,
        "receivable.accept": show_agree,
        "receivable.cancel": show_cancel,
        "receivable.confirm": show_confirm,
        "receivable.counter": show_counter,
        "receivable.decline": show_decline_issue,
        "receivable.issue": show_issue,
        "receivable.merge": show_merge,
        "receivable.offer": show_offer,
        "receivable.pay_early": show_pay_early,
        "receivable.reject": show_reject,
        "receivable.split": show_split,
        "receivable.submit": show_submit,
        "receivable.transfer": show_transfer,
        "receivable.void": show_void,
    }
)
