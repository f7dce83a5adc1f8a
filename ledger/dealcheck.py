"""Deals, recomputed from single records: locks, prices, payouts and refunds.

What a price paid is added up from payouts; what is locked is looked up on
tiles. Nothing is taken from what a deal says of itself alone.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.sweepcheck import PPM, late_days

PAID: Final = ("moved", "returned")
LATE: Final = ("overdue", "default", "recovering")


class Records(Protocol):
    """All records of a state, by kind."""

    def __getitem__(self, kind: str) -> list[JSONObject]:
        """Return the records of a kind."""


def wrong(name: str, item: object, expected: object, found: object) -> LedgerError:
    """Return the finding that a record breaks an invariant."""
    return LedgerError(
        "books_wrong", expected=expected, found=found, invariant=name, record=item
    )


def compare(name: str, item: object, expected: object, found: object) -> None:
    """Accept a record in which what is found is as expected.

    Raises:
        LedgerError: ``books_wrong``.
    """
    if expected != found:
        raise wrong(name, item, expected, found)


def passed_on(books: Records) -> dict[str, int]:
    """Return what went on to payees of the price that each receipt was, by receipt."""
    return {
        deal["receipt"]: int(deal["price_minor"])
        for deal in books["deal"]
        if deal["state"] in PAID and "receipt" in deal
    }


def check_deals(books: Records) -> int:
    """I3, I8, I9: each deal locks its part while open, and pays its price out.

    Returns:
        How many deals there are, and payouts that might be of one.

    Raises:
        LedgerError: ``books_wrong``, naming the deal.
    """
    locked = _locked_parts(books)
    paid: dict[str, int] = defaultdict(int)
    payees = _payees(books)
    for payout in books["payout"]:
        if payout["purpose"] in ("price", "fee"):
            item, purpose = payout["deal"], payout["purpose"]
            paid[item] += payout["amount_minor"]
            if item in payees and payout["payee"] not in payees[item][purpose]:
                raise wrong("I9", item, f"{purpose} as agreed", payout["payee"])
    amounts = {receipt["id"]: receipt["amount_minor"] for receipt in books["receipt"]}
    for deal in books["deal"]:
        item, price = deal["id"], deal["price_minor"]
        part = [(deal["lo"], deal["hi"])] if deal["state"] == "open" else []
        compare("I3", item, part, locked.pop(item, []))
        least = min(deal.get(name, 0) for name in ("cancelled_minor", "owed_minor"))
        compare("I9", item, 0, min(0, least))
        fees = sum(fee["amount_minor"] for fee in deal["fees"])
        compare("I8", item, price, deal["net_minor"] + fees)
        due = amounts.get(deal["receipt"], 0) if "receipt" in deal else 0
        compare("I8", item, price if "receipt" in deal else 0, due)
        compare("I9", item, due - deal.get("cancelled_minor", 0), paid.pop(item, 0))
    _check_recourse(books)
    _check_unaware(books)
    for item in (*locked, *paid):
        raise wrong("I3", item, "a deal", "none")
    return len(books["deal"]) + len(books["payout"])


def _payees(books: Records) -> dict[str, dict[str, list[str]]]:
    """Return who is paid the price and the fees of each deal, by its id."""
    return {
        deal["id"]: {
            "fee": [fee["payee"] for fee in deal["fees"]],
            "price": [deal["payee"]],
        }
        for deal in books["deal"]
    }


def _check_recourse(books: Records) -> None:
    """I9: recourse costs the face, and late interest up to its pay-by at most."""
    programmes = {record["id"]: record for record in books["programme"]}
    receivables = {record["id"]: record for record in books["receivable"]}
    for deal in books["deal"]:
        if deal["purpose"] != "recourse":
            continue
        record = receivables[deal["receivable"]]
        programme = programmes[record["programme"]]
        units = most = deal["hi"] - deal["lo"]
        if programme.get("recourse_price") != "face":
            shift = timedelta(minutes=programme["offset_minutes"])
            pay_by = datetime.fromtimestamp(deal["pay_by_ms"] // 1000, UTC) + shift
            days = late_days(programme, record, pay_by.date().isoformat())
            whole = PPM * (365 if programme["late_basis"] == "act365f" else 360)
            most += (2 * units * programme["late_ppm"] * days + whole) // (2 * whole)
        if not units <= deal["price_minor"] <= most:
            limits = f"{units} to {most}"
            raise wrong("I9", deal["id"], limits, deal["price_minor"])


def _check_unaware(books: Records) -> None:
    """I11: who has not signed to know it waits for nothing that is overdue."""
    lapsing = {job["target"] for job in books["job"] if job["what"] == "unaware"}
    late = {r["id"] for r in books["receivable"] if r["state"] in LATE} - lapsing
    for deal in books["deal"]:
        waits = deal["state"] == "open" and not deal["aware_overdue"]
        if waits and deal["receivable"] in late:
            raise wrong("I11", deal["id"], "lapsed", "open")


def _locked_parts(books: Records) -> dict[str, list[tuple[int, int]]]:
    locked: dict[str, list[tuple[int, int]]] = {}
    for tile in books["tile"]:
        for lock in tile["locks"]:
            if lock["kind"] == "deal" and tile["state"] == "live":
                part = (lock["lo"], lock["hi"])
                locked.setdefault(lock["id"], []).append(part)
    return locked
