"""Deals, recomputed from single records: locks, prices, payouts and refunds.

What a price paid is added up from payouts; what is locked is looked up on
tiles. Nothing is taken from what a deal says of itself alone.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from ledger.blocks import date_at
from ledger.books import LATE, Books, compare, sum_by, wrong
from ledger.encoding import JSONObject
from ledger.sweepcheck import late_days, round_interest

PAID: Final = ("moved", "returned")


def passed_on(books: Books) -> dict[str, int]:
    """Return what went on to payees of the price that each receipt was, by receipt."""
    return {
        deal["receipt"]: int(deal["price_minor"])
        for deal in books["deal"]
        if deal["state"] in PAID and "receipt" in deal
    }


def check_deals(books: Books) -> int:
    """I3, I8, I9: each deal locks its part while open, and pays its price out.

    Returns:
        How many deals there are, and payouts that might be of one.

    Raises:
        LedgerError: ``books_wrong``, naming the deal.
    """
    locked = _locked_parts(books)
    payouts = [it for it in books["payout"] if it["purpose"] in ("price", "fee")]
    paid = sum_by(payouts, "deal")
    for payout in payouts:
        item, purpose = payout["deal"], payout["purpose"]
        deal = books.by_id("deal").get(item)
        if deal and payout["payee"] not in _payees(deal, purpose):
            raise wrong("I9", item, f"{purpose} as agreed", payout["payee"])
    for deal in books["deal"]:
        item, price = deal["id"], deal["price_minor"]
        part = [(deal["lo"], deal["hi"])] if deal["state"] == "open" else []
        compare("I3", item, part, locked.pop(item, []))
        least = min(deal.get(name, 0) for name in ("cancelled_minor", "owed_minor"))
        compare("I9", item, 0, min(0, least))
        fees = sum(fee["amount_minor"] for fee in deal["fees"])
        compare("I8", item, price, deal["net_minor"] + fees)
        receipt = books.by_id("receipt").get(deal.get("receipt", ""), {})
        due = receipt.get("amount_minor", 0)
        compare("I8", item, price if "receipt" in deal else 0, due)
        compare("I9", item, due - deal.get("cancelled_minor", 0), paid.pop(item, 0))
    _check_recourse(books)
    _check_unaware(books)
    for item in (*locked, *paid):
        raise wrong("I3", item, "a deal", "none")
    return len(books["deal"]) + len(books["payout"])


def _payees(deal: JSONObject, purpose: str) -> list[str]:
    """Return who is paid the price or the fees of a deal."""
    fees = [fee["payee"] for fee in deal["fees"]]
    return fees if purpose == "fee" else [deal["payee"]]


def _check_recourse(books: Books) -> None:
    """I9: recourse costs the face, and late interest up to its pay-by at most."""
    for deal in books["deal"]:
        if deal["purpose"] != "recourse":
            continue
        record = books.receivables[deal["receivable"]]
        programme = books.programme_of(record)
        units = most = deal["hi"] - deal["lo"]
        if programme.get("recourse_price") != "face":
            pay_by = date_at(deal["pay_by_ms"], programme["offset_minutes"])
            days = late_days(programme, record, pay_by)
            most += round_interest(programme, units * programme["late_ppm"] * days)
        if not units <= deal["price_minor"] <= most:
            limits = f"{units} to {most}"
            raise wrong("I9", deal["id"], limits, deal["price_minor"])


def _check_unaware(books: Books) -> None:
    """I11: who has not signed to know it waits for nothing that is overdue."""
    lapsing = {job["target"] for job in books["job"] if job["what"] == "unaware"}
    for deal in books["deal"]:
        item, waits = deal["receivable"], deal["state"] == "open"
        late = item not in lapsing and books.receivables[item]["state"] in LATE
        if waits and late and not deal["aware_overdue"]:
            raise wrong("I11", deal["id"], "lapsed", "open")


def _locked_parts(books: Books) -> dict[str, list[tuple[int, int]]]:
    locked: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for tile in books["tile"]:
        for lock in tile["locks"]:
            if lock["kind"] == "deal" and tile["state"] == "live":
                locked[lock["id"]].append((lock["lo"], lock["hi"]))
    return locked
