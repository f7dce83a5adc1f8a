"""Orders, reductions and disputes that do not add up are named by the audit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.bookcheck import check_books
from ledger.books import Books
from ledger.encoding import JSONObject, encode, load_record
from ledger.errors import LedgerError
from ledger.state import HEIGHT_BYTES
from tests import order_verbs, verbs
from tests.stage import Stage
from tests.world import make_actor


@pytest.fixture(scope="module")
def records() -> list[JSONObject]:
    """Return the records of a world with an order, a dispute and a reduction."""
    stage = Stage(more=(make_actor("regulator", "regulator"),))
    stage.begin()
    order_verbs.soft(stage, days=3)
    order_verbs.contest(stage, 5)
    order_verbs.reduce(stage, 7)
    order_verbs.freeze_amount(stage, 4)
    verbs.wait(stage, 3)
    verbs.receive(stage, 9)
    order_verbs.freeze_amount(stage, 2)
    stored = stage.chain.state.records.values()
    return [load_record(raw[HEIGHT_BYTES:]) for raw in stored]


def answer(records: list[JSONObject]) -> str:
    """Return the invariant that the audit names, ``ok`` if none is broken."""
    try:
        check_books(Books([encode(record) for record in records]))
    except LedgerError as error:
        return str(error.details["invariant"])
    return "ok"


def drop(name: str) -> Callable[[JSONObject], JSONObject]:
    """Return a change that takes a field away."""
    return lambda record: {key: record[key] for key in record if key != name}


def put(**fields: object) -> Callable[[JSONObject], JSONObject]:
    """Return a change that sets fields."""
    return lambda record: {**record, **fields}


def cut(**fields: object) -> Callable[[JSONObject], JSONObject]:
    """Return a change that sets fields of what was cut off a payout."""
    return lambda record: {**record, **fields} if "origin" in record else record


CHANGES = {
    "nothing": ("order", lambda record: record, "ok"),
    "an order that stands nowhere": ("standing", put(orders=[]), "orders"),
    "one that has ended": ("order", put(state="released"), "orders"),
    "less taken than held": ("order", put(taken_minor=3), "orders"),
    "more taken than its amount": ("order", put(taken_minor=5), "orders"),
    "money out of its reach": ("order", drop("limit_minor"), "orders"),
    "less taken than there is": ("order", put(limit_minor=7), "orders"),
    "a cut to somebody else": ("payout", cut(payee="0" * 64), "I9"),
    "a cut of more than there was": ("payout", cut(amount_minor=6), "I8"),
    "a cut of nothing": ("payout", cut(origin="0" * 64), "I9"),
    "held for no order": ("payout", drop("order"), "orders"),
    "more reduced than agreed": ("reduction", put(amount_minor=6), "reductions"),
    "another sum contested": ("dispute", put(amount_minor=6), "disputes"),
    "a dispute that has lapsed": ("dispute", put(state="lapsed"), "disputes"),
    "one nobody listed": ("receivable", drop("disputes"), "disputes"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_add_up_is_named(records: list[JSONObject], name: str) -> None:
    """One changed record is enough."""
    kind, change, expected = CHANGES[name]
    changed = [change(row) if row["kind"] == kind else row for row in records]
    assert answer(changed) == expected
