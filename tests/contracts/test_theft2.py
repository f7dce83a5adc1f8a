"""More ways to be paid twice, to pay nothing, or to stop others' money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rows import Row, rows
from tests.stage import Stage

# The supplier was paid and the bank took the money back: what is owed again is all
# that can repay it.
GIVEN_UP = """
reduced with the debtor  | soft days=3, wait 3, receive 1000000, pick, instruct,
                         | attest, reverse 1000000 | reduce 1000000 | claim_open
closed as uncollectable  | live days=3, wait 3, receive 1000000, pick, instruct, attest,
                         | wait 1, close -1, reverse 1000000, wait 2,
                         | close -1 | give_up alpha | claim_open
"""

# 5000 of interest a month; half the units are gamma's. Who gets units that have
# been paid their first month is not paid for it again out of gamma's second.
INTEREST = """
nothing is passed on    | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, wait 30, receive 5000 k2 | credited gamma | 5000
beta's to a friend      | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, transfer 0 500000 delta aware=1,
                        | wait 30, receive 5000 k2 | credited gamma | 5000
in many small parts     | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, transfer 0 100 delta aware=1,
                        | transfer 100 9000 delta aware=1 tile=100,
                        | transfer 9000 500000 delta aware=1 tile=9000,
                        | wait 30, receive 5000 k2 | credited gamma | 5000
taken back since        | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, transfer 0 500000 delta aware=1, reverse 5000,
                        | wait 30, receive 10000 k2 | credited gamma | 5000
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


@rows(GIVEN_UP)
def test_what_repays_a_claim_is_not_given_up(stage: Stage, row: Row) -> None:
    """Whoever owes money back does not let go of what would repay it."""
    assert row.answer(stage) == row.code


@rows(INTEREST)
def test_interest_paid_goes_with_the_units(stage: Stage, row: Row) -> None:
    """Passing units on does not let them earn the same interest twice."""
    assert row.answer(stage) == row.code
