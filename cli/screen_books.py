"""What accounts, programmes, bank entries and payouts look like on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cli.screen import Page, ShowAct, quote, show_moment, show_offset, show_rate

ENTRY_WORDS: Final = MappingProxyType(
    {
        "receipt": "money in",
        "return": "our payout came back",
        "reversal": "taken back by the bank",
        "payout": "our payout was paid",
        "charge": "bank charge",
        "interest": "interest in",
        "other": "other debit",
    }
)
DIRECTIONS: Final = MappingProxyType({"receipt": 1, "return": 1, "interest": 1})


def _show_account(page: Page, *path: str) -> str:
    item = page.text(*path)
    page.line("account", page.hash(item, "account"))
    return page.facts.account_currency(item)


def show_open(page: Page) -> str:
    """Show ``account.open``."""
    currency = page.text("currency")
    page.line("owner", page.id("member", "owner"))
    page.line("attested by", page.id("member", "attester"))
    page.line("number", f"as committed, {page.hash(page.text('commitment'))}")
    opening = page.number("opening_minor")
    page.line("opening", f"{page.money(opening, currency)} in {currency}")
    page.line("closed up to", page.text("closed_date"))
    if page.has("mandate"):
        limit = page.money(page.number("mandate", "limit_minor"), currency)
        until = page.text("mandate", "until")
        page.line("mandate", f"payouts of {limit} in all until {until}")
        page.document("", "mandate", "document")
    if page.has("message"):
        page.line("statements", f"by {quote(page.text('message'))} alone")
    page.ask_amount(opening, currency)
    return "open a collection account"


_PLAIN_TERMS: Final = (
    ("confirm_days", "confirm in", "{} days"),
    ("grace_days", "grace", "{} days"),
    ("tenor_norm_days", "tenor norm", "{} days"),
    ("tenor_cap_days", "tenor cap", "{} days"),
    ("tolerance_days", "tolerance for", "{} days"),
    ("record_days", "no transfer", "in the last {} business days"),
    ("transfer_max", "transfers", "at most {} a unit"),
)
_OPTIONAL_DAYS: Final = (
    ("recourse_days", "recourse call", "within {} days"),
    ("dispute_days", "dispute", "lapses after {} days"),
    ("late_close_days", "bank is late", "after {} days"),
    ("payout_days", "small payout", "after {} days at the latest"),
    ("suspense_days", "in suspense", "{} days, then returned"),
)
_OPTIONAL_WORDS: Final = (
    ("preset", "preset"),
    ("calendar", "calendar"),
    ("day_basis", "judged by day"),
    ("recourse_trigger", "recourse after"),
    ("recourse_price", "recourse price"),
    ("charges_to", "charges borne by"),
)
_WORD_TERMS: Final = (
    ("convention", "due day rule"),
    ("late_basis", "late basis"),
    ("late_from", "late from"),
    ("order", "paid first"),
    ("undertaking", "undertaking"),
    ("law", "law"),
    ("forum", "forum"),
)
_MONEY_TERMS: Final = (
    ("part_min_minor", "smallest part"),
    ("tolerance_minor", "tolerated"),
    ("exposure_max_minor", "limit"),
    ("debtor_max_minor", "limit in all"),
    ("payout_min_minor", "least payout"),
)


def show_programme(page: Page) -> str:
    """Show ``programme.new``."""
    currency = page.text("currency")
    page.line("name", quote(page.text("name")))
    page.line("debtor", page.id("member", "debtor"))
    for label, name in (("lender", "lenders"), ("supplier", "suppliers")):
        for n in range(page.items(name)):
            page.line(label, page.id("member", name, n))
    page.line("account", page.id("account", "account"))
    page.line("currency", currency)
    for name, label in _WORD_TERMS:
        page.line(label, quote(page.text(name)))
    for name, label, words in _PLAIN_TERMS:
        page.line(label, words.format(page.number(name)))
    page.line("late interest", f"{show_rate(page.number('late_ppm'))} a year")
    page.line("time zone", show_offset(page.number("offset_minutes")))
    for name, label in _MONEY_TERMS:
        if page.has(name):
            page.line(label, page.money(page.number(name), currency))
    _show_optional_terms(page, currency)
    registration = {True: "demanded", False: "not demanded"}
    page.line("registration", registration.get(page.take("registration"), "unknown"))
    page.document("undertaking", "undertaking_text")
    page.document("disclosure", "disclosure")
    if page.has("replaces"):
        page.line("replaces", page.id("programme", "replaces"))
    page.ask_count(1)
    return "debtor and lenders agree on a programme"


def _show_optional_terms(page: Page, currency: str) -> None:
    for name, label in _OPTIONAL_WORDS:
        if page.has(name):
            page.line(label, quote(page.text(name)))
    for name, label, words in _OPTIONAL_DAYS:
        if page.has(name):
            page.line(label, words.format(page.number(name)))
    if page.has("settlement_account"):
        page.line("prices paid to", page.id("account", "settlement_account"))
    for n in range(page.items("fees") if page.has("fees") else 0):
        at = ("fees", n)
        rate = show_rate(page.number(*at, "ppm"))
        fixed = page.money(page.number(*at, "fixed_minor"), currency)
        payer, name = page.text(*at, "payer"), page.text(*at, "name")
        payee = page.id("member", *at, "payee")
        page.line("fee", f"{quote(name)}: {rate} and {fixed} by the {payer}")
        page.line("fee goes to", payee)


def _show_payee(page: Page) -> None:
    page.line("member", page.id("member", "member"))
    page.line("currency", page.text("currency"))
    page.line("attested by", page.id("member", "attester"))
    page.line("number", f"as committed, {page.hash(page.text('commitment'))}")
    page.ask_count(1)


def show_register(page: Page) -> str:
    """Show ``payout_account.register``."""
    _show_payee(page)
    return "the member wants to be paid on this account"


def show_veto(page: Page) -> str:
    """Show ``payout_account.veto``."""
    page.line("member", page.id("member", "member"))
    page.line("currency", page.text("currency"))
    page.ask_count(1)
    return "a planned change of the payout account does not happen"


def show_verify(page: Page) -> str:
    """Show ``payout_account.verify``."""
    _show_payee(page)
    return "the attester says that this account is the member's"


# --- the bank ---


def _show_entry(page: Page, n: int) -> tuple[str, int]:
    at = ("entries", n)
    kind, currency = page.text(*at, "type"), page.text(*at, "currency")
    amount = page.number(*at, "amount_minor")
    words = ENTRY_WORDS.get(kind, "entry")
    dates = f"{page.text(*at, 'booking_date')}, value {page.text(*at, 'value_date')}"
    page.line(f"entry {n + 1}", f"{page.money(amount, currency)} {words} ({kind})")
    page.line("", f"booked {dates}, key {quote(page.text(*at, 'key'))}")
    if page.has(*at, "end_to_end"):
        page.line("", f"end-to-end id {quote(page.text(*at, 'end_to_end'))}")
    if page.has(*at, "payer"):
        page.line("", f"payer {page.id('member', *at, 'payer')}")
    for name, label in (("reference", "for"), ("original", "takes back")):
        if page.has(*at, name):
            page.line("", f"{label} {quote(page.text(*at, name))}")
    if page.has(*at, "charges_minor"):
        kept = page.money(page.number(*at, "charges_minor"), currency)
        page.line("", f"banks kept {kept} of it")
    return currency, DIRECTIONS.get(kind, -1) * amount


def show_record(page: Page) -> str:
    """Show ``bank.record``."""
    _show_account(page, "account")
    page.line("attester", page.id("member", "attester"))
    page.document("file", "file_hash")
    if page.has("message"):
        page.line("message", quote(page.text("message")))
    totals: dict[str, list[int]] = {}
    count = page.items("entries")
    for n in range(count):
        currency, amount = _show_entry(page, n)
        both = totals.setdefault(currency, [0, 0])
        both[amount < 0] += abs(amount)
    for currency, (money_in, money_out) in totals.items():
        page.line("credits", page.money(money_in, currency))
        page.line("debits", page.money(money_out, currency))
    page.ask_count(count)
    return "the attester says that these entries are booked"


def show_close(page: Page) -> str:
    """Show ``bank.close``."""
    currency = _show_account(page, "account")
    page.line("attester", page.id("member", "attester"))
    page.line("day", page.text("date"))
    closing = page.number("closing_minor")
    page.line("balance", f"{page.money(closing, currency)} at the end of the day")
    words = {True: "there were none", False: "as recorded"}
    page.line("movements", words.get(page.take("no_movement"), "unknown"))
    _show_file(page)
    page.ask_amount(closing, currency)
    return "the attester closes a day; what fell due may become overdue"


def _show_file(page: Page) -> None:
    if page.has("file_hash"):
        page.document("file", "file_hash")


def show_clear(page: Page) -> str:
    """Show ``discrepancy.clear``."""
    currency = _show_account(page, "account")
    item = page.text("discrepancy")
    code = page.facts.record("discrepancy", item).get("code", "unknown")
    page.line("misfit", f"{page.hash(item, 'discrepancy')}, {quote(str(code))}")
    amount = page.number("net_minor")
    page.line("moved", page.money(amount, currency))
    words = {"apply": "it counts for what it names", "own": "it is the owner's own"}
    page.line("was", words.get(page.take("outcome"), "unknown"))
    for name, label in (("end_to_end", "attempt"), ("original", "takes back")):
        if page.has(name):
            page.line(label, quote(page.text(name)))
    page.ask_amount(amount, currency)
    return "owner and attester say what a fact was that did not fit"


def show_hold(page: Page) -> str:
    """Show ``bank.hold``."""
    _receipt(page)
    page.line("kept until", page.text("until"))
    page.document("reason", "document")
    page.ask_count(1)
    return "money in suspense does not go back before that day"


def show_misdirected(page: Page) -> str:
    """Show ``receivable.misdirected``."""
    item = page.text("receivable")
    currency = page.facts.text("receivable", item, "currency")
    page.line("receivable", page.hash(item, "receivable"))
    page.line("reported by", page.id("member", "reporter"))
    page.line("paid to", page.id("member", "recipient"))
    amount = page.number("amount_minor")
    page.line("amount", page.money(amount, currency))
    page.line("on", page.text("paid_date"))
    page.document("proof", "document")
    page.ask_amount(amount, currency)
    return "the debtor paid past the account; it still owes"


def show_match(page: Page) -> str:
    """Show ``bank.match``."""
    currency = _receipt(page)
    amount = page.number("amount_minor")
    page.line("assigned", page.money(amount, currency))
    page.line("to", page.id("receivable", "receivable"))
    if page.has("vouched_by"):
        page.line("vouched for by", page.id("member", "vouched_by"))
    page.ask_amount(amount, currency)
    return "the debtor says what money in suspense is for"


def show_return(page: Page) -> str:
    """Show ``bank.return``."""
    currency = _receipt(page)
    amount = page.number("amount_minor")
    page.line("goes back", f"{page.money(amount, currency)} to where it came from")
    words = {"early": "what waits to be used", "suspense": "what is in suspense"}
    page.line("taken from", words.get(page.take("source"), "unknown"))
    page.ask_amount(amount, currency)
    return "money goes back to the account it came from"


def _receipt(page: Page) -> str:
    item = page.text("receipt")
    page.line("money in", page.hash(item, "receipt"))
    known = page.facts.record("receipt", item)
    return page.facts.account_currency(known.get("account", ""))


def show_reverse(page: Page) -> str:
    """Show ``receipt.reverse``."""
    currency = _show_account(page, "account")
    page.line("attester", page.id("member", "attester"))
    page.line("money in", page.id("receipt", "receipt"))
    amount = page.number("amount_minor")
    page.line("taken back", page.money(amount, currency))
    page.line("booked", page.text("booking_date"))
    page.line("bank key", quote(page.text("key")))
    _show_file(page)
    page.ask_amount(amount, currency)
    return "the bank took money back; what it paid is owed again"


def show_instruct(page: Page) -> str:
    """Show ``payout.instruct``."""
    currency = _show_account(page, "account")
    total = 0
    count = page.items("payouts")
    for n in range(count):
        item = page.text("payouts", n)
        known = page.facts.record("payout", item)
        amount = known.get("amount_minor")
        if type(amount) is not int:
            page.line(f"payout {n + 1}", page.hash(item, "payout"))
            continue
        total += amount
        payee = page.name("member", str(known.get("payee", "")))
        words = f"{page.hash(item, 'payout')} to {payee}"
        page.line(f"payout {n + 1}", f"{page.money(amount, currency)} {words}")
    page.line("in all", f"{page.money(total, currency)} as the node states it")
    page.ask_amount(total, currency)
    return f"the account's owner tells the bank to pay {count} payouts"


def show_mandate(page: Page) -> str:
    """Show ``mandate.set``."""
    currency = _show_account(page, "account")
    limit = page.number("limit_minor")
    until = page.text("until")
    page.line("limit", f"{page.money(limit, currency)} in all until {until}")
    page.document("mandate", "document")
    page.ask_amount(limit, currency)
    return "the account's owner lets the bank pay what is instructed"


def show_withdrawal(page: Page) -> str:
    """Show ``mandate.withdraw``."""
    _show_account(page, "account")
    page.document("mandate", "document")
    page.ask_count(1)
    return "the account's owner ends its mandate; nothing more is instructed"


def show_status(page: Page) -> str:
    """Show ``payout.status``."""
    _show_account(page, "account")
    page.line("attester", page.id("member", "attester"))
    page.document("file", "file_hash")
    count = page.items("statuses")
    for n in range(count):
        at = ("statuses", n)
        words = f"{quote(page.text(*at, 'end_to_end'))} {page.text(*at, 'status')}"
        page.line(f"attempt {n + 1}", words)
        if page.has(*at, "reason"):
            page.line("", quote(page.text(*at, "reason")))
    page.ask_count(count)
    return "the attester says what the bank accepted or rejected"


def show_request(page: Page) -> str:
    """Show ``payout.request``."""
    _show_account(page, "account")
    page.line("payee", page.id("member", "payee"))
    page.ask_count(1)
    return "the payee wants what has not reached the minimum"


def show_propose(page: Page) -> str:
    """Show ``payto.propose``."""
    item = page.text("receivable")
    page.line("receivable", page.hash(item, "receivable"))
    page.line("paid to", page.id("account", "account"))
    page.line("answers by", show_moment(page.take("until_ms")))
    page.document("notice", "document")
    page.ask_count(1)
    return "the debtor wants to pay to another account; holders may refuse"


def show_answer(page: Page) -> str:
    """Show ``payto.answer``."""
    page.line("change", page.text("payto"))
    page.line("holder", page.id("member", "holder"))
    words = {True: "AGREES", False: "refuses"}
    said = words.get(page.take("agrees"), "says unknown")
    page.ask_count(1)
    return f"the holder {said} that the debtor pays to another account"


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "account.open": show_open,
        "bank.close": show_close,
        "bank.hold": show_hold,
        "bank.match": show_match,
        "bank.record": show_record,
        "bank.return": show_return,
        "discrepancy.clear": show_clear,
        "mandate.set": show_mandate,
        "mandate.withdraw": show_withdrawal,
        "payout.instruct": show_instruct,
        "payout.request": show_request,
        "payto.answer": show_answer,
        "payto.propose": show_propose,
        "payout.status": show_status,
        "payout_account.register": show_register,
        "payout_account.verify": show_verify,
        "payout_account.veto": show_veto,
        "programme.new": show_programme,
        "receipt.reverse": show_reverse,
        "receivable.misdirected": show_misdirected,
    }
)
