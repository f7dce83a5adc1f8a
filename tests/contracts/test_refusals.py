"""Every declared refusal is provoked by a row of a table, or named here."""

from __future__ import annotations

from types import ModuleType

import pytest

from contracts import read_sources
from ledger.loader import load_rulebook
from ledger.rulebook import Rulebook
from tests.contracts import (
    test_advice,
    test_circulation,
    test_deals,
    test_disputes,
    test_insolvency,
    test_invoices,
    test_late,
    test_misfits,
    test_money,
    test_orders,
    test_payouts,
    test_payto,
    test_programmes,
    test_proposals,
    test_recourse,
    test_reversals,
    test_sales,
    test_theft,
    test_theft3,
)
from tests.rows import read_table, tables_of

MODULES = (
    test_advice,
    test_circulation,
    test_deals,
    test_disputes,
    test_insolvency,
    test_invoices,
    test_late,
    test_misfits,
    test_money,
    test_orders,
    test_payouts,
    test_payto,
    test_programmes,
    test_proposals,
    test_recourse,
    test_reversals,
    test_sales,
    test_theft,
    test_theft3,
)

# What no user can reach: the body's types or the rules' own checks come first.
# If one of these is ever answered, a check before it has been lost.
DEFECTS = {
    "bad_calendar": "a calendar is checked when it is published",
    "bad_date": "a body's dates are dates of the years 1900 to 2999",
    "bad_divisor": "rates and bases of a programme are never zero",
    "bad_offset": "a programme's zone lies between UTC-12 and UTC+14",
    "books_negative": "every sum is bounded before it is moved",
    "duplicate_key": "no two groups of one receivable begin at the same unit",
    "negative_amount": "amounts of a body are positive",
    "no_weights": "nothing is shared without units or needs to share it on",
    "unknown_basis": "a programme's day count is one of two words",
    "unknown_convention": "a programme's convention is one of five words",
    "unknown_method": "a price's method is one of three words",
}


def declared() -> set[str]:
    """Return the codes that the kit and all parts of the rule declare."""
    book = load_rulebook(read_sources())
    Rulebook(book)
    codes = set(book.modules["kit/v1/refusals.py"]["REFUSALS"])
    for rule in book.rules:
        codes |= set(rule.refusals)
    return codes


def provoked() -> set[str]:
    """Return the codes that rows of tables expect, and so provoke."""
    tables = [text for module in MODULES for text in tables_of(vars(module))]
    return {test_invoices.NO_DAY, *(row.code for t in tables for row in read_table(t))}


def test_every_refusal_is_provoked() -> None:
    """A code without a row is a check that could vanish unseen."""
    assert declared() - provoked() == set(DEFECTS)


def test_no_defect_is_provoked() -> None:
    """What is called unreachable is not expected by any row."""
    assert provoked() & set(DEFECTS) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_tables_are_run(module: ModuleType) -> None:
    """Every table of a module hangs on one of its tests."""
    expected = sum(len(list(read_table(text))) for text in tables_of(vars(module)))
    marks = [
        mark
        for test in vars(module).values()
        for mark in getattr(test, "pytestmark", [])
        if mark.args[0] == "row"
    ]
    assert sum(len(mark.args[1]) for mark in marks) == expected
