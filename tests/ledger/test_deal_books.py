"""Deals in the books: what a deal says of itself is compared with other records."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from ledger.bookcheck import check_books
from ledger.books import Books
from ledger.encoding import encode
from ledger.errors import LedgerError
from ledger.state import HEIGHT_BYTES
from tests.sale_verbs import bought, sold
from tests.stage import Stage

Damage = Callable[[dict[str, Any]], None]


@lru_cache(maxsize=1)
def played() -> Stage:
    """Return a world with one deal paid and one open, made once."""
    stage = Stage()
    stage.begin()
    bought(stage)
    sold(stage, 100_000, 200_000, tile=100_000)
    return stage


def books_after(damage: Damage | None = None, kind: str = "", state: str = "") -> Books:
    """Return the books of the world, one record of a kind damaged."""
    stored = played().chain.state.records.values()
    books = Books(raw[HEIGHT_BYTES:] for raw in stored)
    rows = [row for row in books[kind] if state in ("", row.get("state"))]
    if damage is not None:
        damage(rows[0])
    return Books(encode(record) for rows in books.records.values() for record in rows)


def change(name: str, by: int) -> Damage:
    """Return damage to a number."""

    def damage(record: dict[str, Any]) -> None:
        record[name] += by

    return damage


def put(name: str, value: object) -> Damage:
    """Return damage: a field says something else."""

    def damage(record: dict[str, Any]) -> None:
        record[name] = value

    return damage


ERRORS: dict[str, tuple[Damage, str, str, str]] = {
    "an open deal said to have lapsed": (put("state", "lapsed"), "deal", "open", "I3"),
    "a deal of another part": (change("hi", -1), "deal", "open", "I3"),
    "a price that is not net and fees": (change("net_minor", 1), "deal", "open", "I8"),
    "a receipt that is not the price": (put("receipt", "00"), "deal", "open", "I8"),
    "a price nobody was paid": (put("purpose", "holding"), "payout", "due", "I9"),
    "a payout of no deal": (put("deal", "00" * 32), "payout", "due", "I9"),
    "recourse below the face": (put("purpose", "recourse"), "deal", "open", "I9"),
    "money that went nowhere": (change("passed_minor", -1), "receipt", "", "I8"),
}


def test_good_deals_are_good() -> None:
    """The books of a world with deals add up."""
    assert check_books(books_after())["deals"] > 0


@pytest.mark.parametrize(
    ("damage", "kind", "state", "name"), ERRORS.values(), ids=ERRORS.keys()
)
def test_an_error_about_a_deal_is_named(
    damage: Damage, kind: str, state: str, name: str
) -> None:
    """One planted error is reported under the invariant it breaks."""
    with pytest.raises(LedgerError) as caught:
        check_books(books_after(damage, kind, state))
    assert caught.value.code == "books_wrong"
    assert caught.value.details["invariant"] == name
