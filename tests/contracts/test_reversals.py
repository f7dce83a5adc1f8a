"""Money the bank takes back: what gives way first, and who owes it then."""

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


REVERSALS = """
of no receipt              | live            | reverse 9          | not_found
of no account              | early 9         | reverse 9 account=x | not_found
by another attester        | early 9         | reverse 9 attester=agent | wrong_attester
of another account         | early 9,
                           | open_account    | reverse 9          | not_found
on a closed day            | early 9, close  | reverse 9          | day_closed
in two days                | early 9         | reverse 9 booked=2 | day_in_future
under a known reference    | early 9,
                           | reverse 4       | reverse 5          | reference_used
more than it brought       | early 9         | reverse 10         | reversal_too_large
more than is left          | early 9,
                           | reverse 4       | reverse 6 r2       | reversal_too_large
what was returned, too     | early 9,
                           | give_back 4 early | reverse 9          | ok
all of it                  | early 9         | reverse 9          | ok
all that is left           | early 9,
                           | reverse 4       | reverse 5 r2       | ok
what was swept             | paid 9          | reverse 9          | ok
what was swept, in parts   | paid 9,
                           | reverse 4       | reverse 5 r2       | ok
what was paid out          | sent 9, attest  | reverse 9          | ok
"""

# The second receivable of a row is not due; 4 of the 9 wait for nothing yet.
ORDER = """
suspense gives way         | stray 9, reverse 4            | books suspense    | 5
early money gives way      | early 9, reverse 4            | sum_of waiting    | 5
unnamed money gives way    | live, receive 9, reverse 4    | books unassigned  | 5
suspense before what waits | stray 9, match 4, reverse 5   | sum_of waiting    | 4
and then what waits        | stray 9, match 4, reverse 6   | sum_of waiting    | 3
unnamed before swept       | live face=5 days=3, live,
                           | wait 3, receive 9, reverse 4  | state first       | settled
and then the swept         | live face=5 days=3, live,
                           | wait 3, receive 9, reverse 5  | sum_of live first | 1
in the ratio of parts      | live days=3, transfer 0 300000, wait 3,
                           | receive 1000000, reverse 10   | held beta         | 3
and the other part         | live days=3, transfer 0 300000, wait 3,
                           | receive 1000000, reverse 10   | held alpha        | 7
for whom it had come from  | live days=3, transfer 0 1000000 recourse=with, wait 3,
                           | receive 9, reverse 9 | origin 999991 | beta < alpha/with
an odd unit to the lowest  | live days=3, transfer 0 500000, wait 3,
                           | receive 1000000, reverse 1    | held beta         | 1
"""

STATES = """
settled reopens in part   | paid 1000000, reverse 1        | state           | part_paid
settled reopens whole     | paid 1000000, reverse 1000000  | state           | live
part paid reopens         | paid 9, reverse 9              | state           | live
it is judged again        | paid 1000000, reverse 1, close | state           | overdue
overdue stays overdue     | live days=3, wait 3, close,
                          | wait 1, receive 9, reverse 9   | state           | overdue
paid once more            | paid 1000000,
                          | reverse 1, receive 1 k2        | state           | settled
interest as if never paid | paid 1000000, reverse 1000000,
                          | wait 12, receive 1002000 k2    | state           | settled
and not a unit less       | paid 1000000, reverse 1000000,
                          | wait 12, receive 1001999 k2    | state           | part_paid
interest gives way last   | live days=3, wait 15, receive 1002000,
                          | reverse 1000000                | sum_of interest_paid | 2000
principal gives way first | live days=3, wait 15, receive 1002000,
                          | reverse 1000001                | sum_of interest_paid | 1999
"""

CLAIMS = """
a payout not sent shrinks   | paid 9, reverse 4                    | credited alpha | 5
and is no claim             | paid 9, reverse 4                    | claimed alpha  | 0
a payout sent stays         | sent 9, reverse 4                    | credited alpha | 9
and is a claim              | sent 9, reverse 4                    | claimed alpha  | 4
also once paid              | sent 9, attest, reverse 4            | claimed alpha  | 4
two reversals, one claim    | sent 9, reverse 4, reverse 5 r2      | claimed alpha  | 9
one returned shrinks        | sent 9,
                            | attest, attest return, reverse 4     | credited alpha | 5
later money nets it         | sent 9, reverse 4, receive 10 k2     | claimed alpha  | 0
and the rest is paid        | sent 9,
                            | reverse 4, wait 1, receive 10 k2     | credited alpha | 15
little money nets a part    | sent 9, reverse 4, receive 3 k2      | claimed alpha  | 1
netting reversed            | sent 9, reverse 4,
                            | receive 3 k2, reverse 3 r2           | claimed alpha  | 4
another holder nets nothing | live days=3, transfer 0 500000, wait 3, receive 10,
                            | pick, instruct, reverse 10           | claimed beta   | 0
only its own claim          | live days=3, transfer 0 500000, wait 3, receive 10,
                            | pick, instruct, reverse 10           | claimed alpha  | 5
the books know it           | sent 9, reverse 4                    | books claims   | 4
and that it is netted       | sent 9, reverse 4, receive 10 k2     | books claims   | 0
"""


# Interest that went on with units is taken back of both sides, each its part.
CARRIED = """
beta's 6 of 38           | deal order=interest_first late_basis=act365f,
                         | live face=100000 days=3, wait 10, receive 300,
                         | transfer 33271 49907, reverse 223, wait 8,
                         | receive 607 k2 | credited beta | 101
and alpha's 32           | deal order=interest_first late_basis=act365f,
                         | live face=100000 days=3, wait 10, receive 300,
                         | transfer 33271 49907, reverse 223, wait 8,
                         | receive 607 k2 | credited alpha | 583
all of what it came with | deal order=interest_first late_ppm=1000000,
                         | live face=300 days=3, wait 11, receive 2,
                         | transfer 0 102 gamma, receive 2 k2, take_back 2,
                         | receive 305 k3 | credited gamma | 104
and of nothing else      | deal order=interest_first late_ppm=1000000,
                         | live face=300 days=3, wait 11, receive 2,
                         | transfer 0 102 gamma, receive 2 k2, take_back 2,
                         | receive 305 k3 | credited alpha | 203
through two hands        | deal order=interest_first, live days=3, wait 9,
                         | receive 900, transfer 0 500000, transfer 0 500000 gamma,
                         | reverse 900, wait 6,
                         | receive 1002000 k2 | credited gamma | 501000
and back again           | deal order=interest_first, live days=3, wait 9,
                         | receive 900, transfer 0 500000, rebuy 0 500000 9,
                         | price payer=alpha, take_back 900, wait 6,
                         | receive 1002000 k2 | credited alpha | 1002000
"""


@rows(REVERSALS)
def test_refusals(stage: Stage, row: Row) -> None:
    """Each reversal is answered with its code."""
    assert row.answer(stage) == row.code


@rows(ORDER, STATES, CLAIMS, CARRIED)
def test_effects(stage: Stage, row: Row) -> None:
    """What was not distributed gives way first; what was sent becomes a claim."""
    assert row.answer(stage) == row.code
