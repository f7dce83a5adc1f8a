"""Late money: when a debt is overdue, and what interest it then bears."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rows import Row, rows
from tests.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


OVERDUE = """
early money at midnight  | early 1000000 days=3, wait 3              | state | settled
early money before       | early 1000000 days=3, wait 2              | state | live
the bank is silent       | live days=3, wait 9                       | state | live
the day before is closed | live days=3, wait 2, close, wait 7        | state | live
the due day is closed    | live days=3, wait 3, close                | state | overdue
a later day is closed    | live days=3, wait 9, close -1             | state | overdue
paid                     | paid 1000000, close                       | state | settled
short by one             | paid 999999, close                        | state | overdue
booked after the close   | live days=3, wait 3,
                         | close, wait 1, receive 1000000 value=-1   | state | settled
valued a day late        | live days=3,
                         | wait 3, close, wait 1, receive 1000000    | state | overdue
short within tolerance   | deal tolerance_minor=5 tolerance_days=2,
                         | paid 999995, close                        | state | part_paid
short beyond it          | deal tolerance_minor=5 tolerance_days=2,
                         | paid 999994, close                        | state | overdue
on its last day          | deal tolerance_minor=5 tolerance_days=2,
                         | paid 999995, wait 1, close                | state | part_paid
after its last day       | deal tolerance_minor=5 tolerance_days=2,
                         | paid 999995, wait 2, close                | state | overdue
tolerated for no day     | deal tolerance_minor=5,
                         | paid 999995, close                        | state | overdue
withdrawn when tolerable | deal tolerance_minor=5 tolerance_days=2, live days=3, wait 3,
                         | close,
                         | wait 1, receive 999995 value=-1, close    | state | part_paid
overdue until judged     | deal tolerance_minor=5 tolerance_days=2, live days=3, wait 3,
                         | close, wait 1, receive 999995 value=-1    | state | overdue
cover in suspense        | live days=3, wait 3,
                         | receive 1000000 payer=nobody, close       | state | live
cover short by one       | live days=3, wait 3,
                         | receive 999999 payer=nobody, close        | state | overdue
cover that comes later   | live days=3, wait 3, close, wait 1,
                         | receive 1000167 payer=nobody, close       | state | live
cover short of interest  | live days=3, wait 3, close, wait 1,
                         | receive 1000166 payer=nobody, close       | state | overdue
cover sent back          | live days=3, wait 3, receive 1000000 payer=nobody,
                         | close, give_back 1, wait 1, close         | state | overdue
"""

# 1000000 units at 6 %: 12 days are 2000 on 360 days a year, 1973 on 365.
INTEREST = """
in time                     | paid 1000000              | sum_of interest_paid | 0
in full                     | live days=3,
                            | wait 15, receive 1002000  | state              | settled
in full, what               | live days=3,
                            | wait 15, receive 1002000  | sum_of interest_paid | 2000
one short                   | live days=3,
                            | wait 15, receive 1001999  | state              | part_paid
one too many                | live days=3,
                            | wait 15, receive 1002001  | books suspense     | 1
from its value date         | live days=3, wait 15,
                            | receive 1000000 value=-12 | state              | settled
one day before that         | live days=3, wait 15,
                            | receive 1000000 value=-11 | state              | part_paid
valued before it is due     | live days=3, wait 15,
                            | receive 1000000 value=-13 | state              | settled
on 365 days                 | deal late_basis=act365f, live days=3,
                            | wait 15, receive 1001973  | state              | settled
on 365 days, one short      | deal late_basis=act365f, live days=3,
                            | wait 15, receive 1001972  | state              | part_paid
in the grace                | deal late_from=grace grace_days=12, live days=3,
                            | wait 15, receive 1000000  | state              | settled
a day after the grace       | deal late_from=grace grace_days=11, live days=3,
                            | wait 15, receive 1000167  | state              | settled
and not in full             | deal late_from=grace grace_days=11, live days=3,
                            | wait 15, receive 1000166  | state              | part_paid
grace, but from the due day | deal late_from=due grace_days=12, live days=3,
                            | wait 15, receive 1000000  | state              | part_paid
principal first             | live days=3,
                            | wait 15, receive 999999   | sum_of interest_paid | 0
principal first, the rest   | live days=3,
                            | wait 15, receive 1000001  | sum_of interest_paid | 1
interest first              | deal order=interest_first, live days=3,
                            | wait 15, receive 2000     | sum_of live        | 1000000
interest first, the rest    | deal order=interest_first, live days=3,
                            | wait 15, receive 2001     | sum_of live        | 999999
interest in parts           | live days=3, wait 15, receive 1000500,
                            | receive 1500 k2           | state              | settled
interest bears none         | live days=3, wait 15, receive 1000500,
                            | wait 30, receive 1500 k2  | state              | settled
interest of two days        | live days=3, wait 9, receive 400000,
                            | wait 6, receive 601600 k2 | state              | settled
and one short of it         | live days=3, wait 9, receive 400000,
                            | wait 6, receive 601599 k2 | state              | part_paid
to the holder               | live days=3, transfer 0 250000,
                            | wait 15, receive 1002000  | credited beta      | 250500
to the other holder         | live days=3, transfer 0 250000,
                            | wait 15, receive 1002000  | credited alpha     | 751500
to the paid holder too      | live days=3, transfer 0 250000, wait 15, receive 1000000,
                            | receive 2000 k2           | credited beta      | 250500
rounded once                | live days=3, split 1 2 3,
                            | wait 15, receive 1002000  | credited alpha     | 1002000
"""


@rows(OVERDUE)
def test_overdue(stage: Stage, row: Row) -> None:
    """A debt is overdue once its day is closed and nothing can cover it."""
    assert row.answer(stage) == row.code


@rows(INTEREST)
def test_interest(stage: Stage, row: Row) -> None:
    """Late interest is exact, from the pinned day to the money's value date."""
    assert row.answer(stage) == row.code
