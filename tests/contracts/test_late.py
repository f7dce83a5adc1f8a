"""Late money: when a debt is overdue, and what interest it then bears."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from tests import verbs
from tests.rows import Row, rows
from tests.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()
    assert stage.watch.judged > 0


OVERDUE = """
early money at midnight  | early 1000000 days=3, wait 3 | state | settled
early money before       | early 1000000 days=3, wait 2 | state | live
the bank is silent       | live days=3, wait 9 | state | live
the day before is closed | live days=3, wait 2, close, wait 7 | state | live
the due day is closed    | live days=3, wait 3, close | state | overdue
a later day is closed    | deal grace_days=9, live days=3, wait 9,
                         | close -1 | state | overdue
paid                     | paid 1000000, close | state | settled
short by one             | paid 999999, close | state | overdue
booked after the close   | live days=3, wait 3, close, wait 1,
                         | receive 1000000 value=-1 | state | settled
valued a day late        | live days=3, wait 3, close, wait 1,
                         | receive 1000000 | state | overdue
short within tolerance   | deal tolerance_minor=5 tolerance_days=2, paid 999995,
                         | close | state | part_paid
short beyond it          | deal tolerance_minor=5 tolerance_days=2, paid 999994,
                         | close | state | overdue
on its last day          | deal tolerance_minor=5 tolerance_days=2, paid 999995, wait 1,
                         | close | state | part_paid
after its last day       | deal tolerance_minor=5 tolerance_days=2 grace_days=2,
                         | paid 999995, wait 2, close | state | overdue
tolerated for no day     | deal tolerance_minor=5, paid 999995, close | state | overdue
withdrawn when tolerable | deal tolerance_minor=5 tolerance_days=2, live days=3, wait 3,
                         | close, wait 1, receive 999995 value=-1,
                         | close | state | part_paid
and that at once         | deal tolerance_minor=5 tolerance_days=2, live days=3, wait 3,
                         | close, wait 1, receive 999995 value=-1 | state | part_paid
not if valued too late   | deal tolerance_minor=500 tolerance_days=2, live days=3,
                         | wait 3, close, wait 1, receive 999995 | state | overdue
cover in suspense        | live days=3, wait 3, receive 1000000 payer=nobody,
                         | close | state | live
cover short by one       | live days=3, wait 3, receive 999999 payer=nobody,
                         | close | state | overdue
cover that comes later   | live days=3, wait 3, close, wait 1,
                         | receive 1000167 payer=nobody, close | state | live
cover short of interest  | deal grace_days=1, live days=3, wait 3, close, wait 1,
                         | receive 1000166 payer=nobody, close | state | overdue
cover for one of two     | live face=10 days=3, live face=10 days=3, wait 3,
                         | receive 10 payer=nobody, close | state first | live
it covers only once      | live face=10 days=3, live face=10 days=3, wait 3,
                         | receive 10 payer=nobody, close | state | overdue
cover for all of two     | live face=10 days=3, live face=10 days=3, wait 3,
                         | receive 20 payer=nobody, close | state | live
the second one is later  | live face=10 days=2, live face=10 days=3, wait 3,
                         | receive 10 payer=nobody, close | state | overdue
too little for the first | live face=11 days=3, live face=10 days=3, wait 3,
                         | receive 10 payer=nobody, close | state | live
used by the first alone  | live face=10 days=3, live face=10 days=3, wait 3, close,
                         | wait 1, receive 10 payer=nobody,
                         | receive 5 k2 value=-1 names=it | state | overdue
and the first has it     | live face=10 days=3, live face=10 days=3, wait 3, close,
                         | wait 1, receive 10 payer=nobody,
                         | receive 5 k2 value=-1 names=first | state first | part_paid
cover sent back          | deal grace_days=1, live days=3, wait 3,
                         | receive 1000000 payer=nobody, close, give_back 1, wait 1,
                         | close | state | overdue
"""

# What money nobody has assigned covers bears no interest from its value date on.
STOPPED = """
the day after            | live days=3, wait 3, receive 1000000 payer=nobody, close,
                         | wait 1, close | state | live
a month after            | live days=3, wait 3, receive 1000000 payer=nobody, wait 30,
                         | close | state | live
valued in time           | live days=3, wait 4, receive 1000000 payer=nobody value=-1,
                         | wait 9, close | state | live
valued a day late        | live days=3, wait 4, receive 1000000 payer=nobody, wait 9,
                         | close | state | default
with a day's interest    | live days=3, wait 4, receive 1000167 payer=nobody, wait 9,
                         | close | state | live
in two payments          | live days=3, wait 3, receive 600000 payer=nobody, wait 1,
                         | receive 400067 k2 payer=nobody, wait 9,
                         | close | state | live
and one short            | live days=3, wait 3, receive 600000 payer=nobody, wait 1,
                         | receive 400066 k2 payer=nobody, wait 9,
                         | close | state | default
the later one first      | live days=3, wait 4, receive 400067 payer=nobody,
                         | receive 600000 k2 payer=nobody value=-1, wait 9,
                         | close | state | live
interest first           | deal order=interest_first, live days=3, wait 4,
                         | receive 600000 payer=nobody, wait 1,
                         | receive 400233 k2 payer=nobody, wait 9, close | state | live
interest first, one short | deal order=interest_first, live days=3, wait 4,
                         | receive 600000 payer=nobody, wait 1,
                         | receive 400232 k2 payer=nobody, wait 9,
                         | close | state | default
for two, the older one   | live days=3, live days=3, wait 3,
                         | receive 1000000 payer=nobody, wait 9,
                         | close | state first | live
and not for the other    | live days=3, live days=3, wait 3,
                         | receive 1000000 payer=nobody, wait 9,
                         | close | state | default
the other's came later   | live days=3, live days=3, wait 3,
                         | receive 1000000 payer=nobody, wait 1,
                         | receive 1000167 k2 payer=nobody, wait 9, close | state | live
matched, nothing is late | live days=3, wait 3, receive 1000000 payer=nobody, wait 9,
                         | close, match 1000000 | state | settled
returned, all of it is   | live days=3, wait 3, receive 1000000 payer=nobody, wait 9,
                         | close, give_back 1000000, wait 3, close | state | default
and its days are charged | live days=3, wait 3, receive 1000000 payer=nobody, wait 12,
                         | give_back 1000000, receive 1002000 k2 | state | settled
each of them             | live days=3, wait 3, receive 1000000 payer=nobody, wait 12,
                         | give_back 1000000, receive 1001999 k2 | state | part_paid
what is not contested    | soft days=3, contest 400000, wait 3,
                         | receive 600000 payer=nobody, wait 9, close | state | overdue
and one short of it      | soft days=3, contest 400000, wait 3,
                         | receive 599999 payer=nobody, wait 9, close | state | default
"""

# A bank that closes no day says nothing of the debtor, but of itself.
DATA = """
closed in time             | live days=3, wait 3, close,
                           | wait 9 | mark bank_data_late | none
not closed, third day      | live days=3, wait 6 | mark bank_data_late | none
and not on the fourth      | live days=3, wait 7 | mark bank_data_late | 0
said once                  | live days=3, wait 99 | told bank_data_late | 1
never overdue              | live days=3, wait 99 | told overdue | 0
the day before is closed   | live days=3, wait 2, close,
                           | wait 5 | mark bank_data_late | 0
as the programme says      | deal late_close_days=0, live days=3,
                           | wait 4 | mark bank_data_late | 0
paid without a close       | paid 1000000, wait 9 | told bank_data_late | 0
paid and taken back        | live days=3, wait 9, receive 1001000,
                           | reverse 1001000 | mark bank_data_late | -2
and its day closed since   | live days=3, wait 9, receive 1001000, close, wait 10,
                           | reverse 1001000 | mark bank_data_late | none
settled, then taken back   | paid 1000000, wait 9, reverse 9 | mark bank_data_late | 0
before it is late          | paid 1000000, wait 3,
                           | reverse 9 | mark bank_data_late | none
and then it is             | paid 1000000, wait 3, reverse 9,
                           | wait 1 | mark bank_data_late | 0
all may be recalled        | deal recall_days=30, paid 1000000, wait 9,
                           | reverse 9 | mark bank_data_late | 0
closed, then taken back    | paid 1000000, close, wait 9,
                           | reverse 9 | mark bank_data_late | none
not due, then taken back   | live, redeem 0 1000000 9, price payer=debtor,
                           | price_back | mark bank_data_late | none
due since                  | live days=9, redeem 0 1000000 9, price payer=debtor,
                           | wait 13, price_back | mark bank_data_late | 0
said once, not twice       | paid 1000000, wait 9, reverse 9,
                           | reverse 9 r2 | told bank_data_late | 1
and not on another day     | paid 1000000, wait 9, reverse 9, wait 1,
                           | reverse 9 r2 | mark bank_data_late | -1
closed in the end          | live days=3, wait 9, close | mark bank_data_late | none
and judged then            | live days=3, wait 9, close | state | default
by value: the due day      | deal day_basis=value, live days=3, wait 3,
                           | close | state | live
by value: the next one     | deal day_basis=value grace_days=2, live days=3, wait 4,
                           | close | state | overdue
by value: its bank is late | deal day_basis=value, live days=3, wait 3, close,
                           | wait 5 | mark bank_data_late | 0
by value: and not before   | deal day_basis=value, live days=3, wait 3, close,
                           | wait 4 | mark bank_data_late | none
"""

# Booked after the close, valued in time: what was called late never was.
CORRECTIONS = """
in full                    | live days=3, wait 3, close, wait 1,
                           | receive 1000000 value=-1 | told overdue_corrected | 1
it names the interest      | live days=3, wait 3, close, wait 12,
                           | receive 1000000 value=-12 | corrected interest | 2000
and the principal          | live days=3, wait 3, close, wait 12,
                           | receive 600000 value=-12 | corrected principal | 600000
no longer overdue          | live days=3, wait 3, close, wait 1,
                           | receive 1000000 value=-1 | mark overdue | none
in part: still overdue     | live days=3, wait 3, close, wait 1,
                           | receive 600000 value=-1 | state | overdue
its interest is the rest's | live days=3, wait 3, close, wait 1,
                           | receive 600000 value=-1, wait 11,
                           | receive 400800 k2 | state | settled
and that to the unit       | live days=3, wait 3, close, wait 1,
                           | receive 600000 value=-1, wait 11,
                           | receive 400799 k2 | state | overdue
after default              | live days=3, wait 4, close, wait 1,
                           | receive 1000000 value=-2 | mark default | none
a day late is no error     | live days=3, wait 3, close, wait 1,
                           | receive 1000000 | told overdue_corrected | 0
booked in time neither     | live days=3, wait 3, receive 1000000,
                           | close | told overdue_corrected | 0
"""

# Interest first, 12 days late: 2000 of it, for units whose money was there in time.
RETURNED = """
interest goes back       | deal order=interest_first, live days=3, wait 3, close,
                         | wait 12, receive 2000,
                         | receive 1000000 k2 value=-12 | books suspense | 2000
to whoever paid it       | deal order=interest_first, live days=3, wait 3, close,
                         | wait 12, receive 2000,
                         | receive 1000000 k2 value=-12 | credited alpha | 1000000
and is told              | deal order=interest_first, live days=3, wait 3, close,
                         | wait 12, receive 2000,
                         | receive 1000000 k2 value=-12 | told interest_returned | 1
what was sent is a claim | deal order=interest_first, live days=3, wait 3, close,
                         | wait 12, receive 2000, pick, instruct,
                         | receive 1000000 k2 value=-12 | claimed alpha | 2000
of the rest it is kept   | deal order=interest_first, live days=3, wait 3, close,
                         | wait 12, receive 2000,
                         | receive 600000 k2 value=-12 | sum_of interest_paid | 2000
and counts for it        | deal order=interest_first, live days=3, wait 3, close,
                         | wait 12, receive 2000, receive 600000 k2 value=-12,
                         | receive 400000 k3 | sum_of interest_paid | 800
with other debts first   | deal order=interest_first, live days=3 face=1000,
                         | live days=3, wait 3, close, wait 12, receive 2000 names=it,
                         | receive 1000000 k2 value=-12 names=it | state first | settled
"""

SHORT = """
it is told            | deal tolerance_minor=5 tolerance_days=2, paid 999995,
                      | close | told paid_short | 1
and told once         | deal tolerance_minor=5 tolerance_days=3, paid 999995, close,
                      | wait 1, close | told paid_short | 1
and since when        | deal tolerance_minor=5 tolerance_days=3, paid 999995, close,
                      | wait 1, close | mark short | -1
paid after all        | deal tolerance_minor=5 tolerance_days=3, paid 999995, close,
                      | wait 1, receive 5 k2 value=-1 | state | settled
too short is not told | deal tolerance_minor=5 tolerance_days=2, paid 999994,
                      | close | told paid_short | 0
"""

# Face 1000000, due on day 3, grace in days.
DEFAULTS = """
on the last day of grace | deal grace_days=2, live days=3, wait 5,
                         | close | state | overdue
the day after            | deal grace_days=2, live days=3, wait 6,
                         | close | state | default
not before a day closes  | deal grace_days=2, live days=3, wait 5, close,
                         | wait 9 | state | overdue
both told at once        | live days=3, wait 9, close | told overdue | 1
told once                | live days=3, wait 9, close, wait 1,
                         | close | told defaulted | 1
first money              | live days=3, wait 9, close -1, receive 9 | state | recovering
more of it               | live days=3, wait 9, close -1, receive 9, wait 1,
                         | receive 9 k2, close | state | recovering
all of it                | live days=3, wait 15, close -1,
                         | receive 1002000 | state | settled
only the principal       | live days=3, wait 15, close -1,
                         | receive 1000000 | state | recovering
first money taken back   | live days=3, wait 9, close -1, receive 9,
                         | reverse 9 | state | default
settled money taken back | live days=3, wait 15, close -1, receive 1002000,
                         | reverse 1002000 | state | live
and judged again         | live days=3, wait 15, close -1, receive 1002000,
                         | reverse 1002000, wait 1, close | state | default
covered by suspense      | live days=3, wait 9, close -1, receive 9999999 payer=nobody,
                         | wait 1, close | state | live
it counts in the limit   | deal exposure_max_minor=1000000, live days=3, wait 9,
                         | close | exposed | 1000000
it still is owed by      | live days=3, wait 9, close | sum_of live | 1000000
only who knows takes it  | live days=3, wait 9, close | transfer 0 5 | overdue_unaware
and he may               | live days=3, wait 9, close | transfer 0 5 aware=1 | ok
"""

# For two days after the day of its booking a bank may take money back.
RECALLED = """
paid                     | deal recall_days=2, paid 1000000 | state | part_paid
on the last of its days  | deal recall_days=2, paid 1000000, wait 2 | state | part_paid
after them               | deal recall_days=2, paid 1000000, wait 3 | state | settled
the day is closed        | deal recall_days=2, paid 1000000, close | state | part_paid
booked before it was due | deal recall_days=2, early 1000000 days=3,
                         | wait 3 | state | settled
paid late: so it was     | deal recall_days=2, live days=3, wait 3, close, wait 12,
                         | receive 1002000, close | state | overdue
and settled all the same | deal recall_days=2, live days=3, wait 3, close, wait 12,
                         | receive 1002000, close, wait 3 | state | settled
paid in default          | deal recall_days=2, live days=3, wait 15, close -1,
                         | receive 1002000, close | state | recovering
never late after all     | deal recall_days=2, live days=3, wait 3, close, wait 1,
                         | receive 1000000 value=-1 | state | part_paid
taken back meanwhile     | deal recall_days=2, paid 1000000, reverse 9,
                         | wait 3 | state | part_paid
and paid once more       | deal recall_days=2, paid 1000000, reverse 9, wait 1,
                         | receive 9 k2, wait 2 | state | part_paid
counts from there        | deal recall_days=2, paid 1000000, reverse 9, wait 1,
                         | receive 9 k2, wait 3 | state | settled
what is too much waits   | deal recall_days=2, paid 1000009 | books unassigned | 9
until it is settled      | deal recall_days=2, paid 1000009, wait 3 | books suspense | 9
the rest is waived       | deal recall_days=2 tolerance_minor=9, paid 999991,
                         | waive 9 | state | part_paid
and it is settled then   | deal recall_days=2 tolerance_minor=9, paid 999991,
                         | waive 9, wait 3 | state | settled
nobody waives nothing    | deal recall_days=2,
                         | paid 1000000 | waive 0 by=alpha | wrong_signers
redeemed                 | deal recall_days=2, live, redeem 0 1000000 9,
                         | price payer=debtor | state | part_paid
and final                | deal recall_days=2, live, redeem 0 1000000 9,
                         | price payer=debtor, wait 3 | state | settled
small sums, too          | deal recall_days=2 payout_min_minor=9999999, paid 1000000,
                         | wait 2 | payouts | small/1000000
are paid when it settles | deal recall_days=2 payout_min_minor=9999999, paid 1000000,
                         | wait 3 | payouts | due/1000000
"""

# 1000 of 1000000 may be short; 12 days at 6 % on 1000 are 2.
WAIVERS = """
of nothing              | deal | waive | not_found
for the holder          | deal tolerance_minor=1000,
                        | paid 999000 | waive 1000 by=beta | wrong_signers
only one of the holders | deal tolerance_minor=1000, live days=3, transfer 0 500000,
                        | wait 3, receive 999000 | waive 1000 by=beta | wrong_signers
all of them             | deal tolerance_minor=1000, live days=3, transfer 0 500000,
                        | wait 3, receive 999000 | waive 1000 | ok
not due                 | live face=5 | waive 5 | wrong_state
another rest            | deal tolerance_minor=1000,
                        | paid 999000 | waive 999 | waiver_differs
more interest by now    | deal tolerance_minor=1000, paid 999000,
                        | wait 12 | waive 1000 1 | waiver_differs
interest up to that     | deal tolerance_minor=1000, paid 999000,
                        | wait 12 | waive 1000 2 | ok
beyond the tolerance    | deal tolerance_minor=999,
                        | paid 999000 | waive 1000 | waiver_too_large
owing money back        | deal tolerance_minor=1000, sent 1000000,
                        | reverse 1000 | waive 1000 | encumbered
interest alone          | live days=3, wait 15, receive 1000000 | waive 0 2000 | ok
"""

WAIVED = """
settled             | deal tolerance_minor=1000, paid 999000,
                    | waive 1000 | state | settled
what is forgiven    | deal tolerance_minor=1000, paid 999000,
                    | waive 1000 | sum_of reduced | 1000
of the default      | deal tolerance_minor=1000, live days=3, wait 9, close -1,
                    | receive 999000, waive 1000 1002 | state | settled
of interest alone   | live days=3, wait 15, receive 1000000,
                    | waive 0 2000 | state | settled
the exposure falls  | deal tolerance_minor=1000, paid 999000, waive 1000 | exposed | 0
offers on it end    | deal tolerance_minor=1000, live days=3, offer 0 5 days=9, wait 3,
                    | receive 999000, offer 0 5 days=9, waive 1000 | take | offer_over
reversed: only that | live days=3, wait 15, receive 1000000, waive 0 2000,
                    | reverse 500000 | sum_of live | 500000
and interest of it  | live days=3, wait 15, receive 1000000, waive 0 2000,
                    | reverse 500000, receive 500000 k2 | state | settled
"""

# 1000000 units at 6 %: 12 days are 2000 on 360 days a year, 1973 on 365.
INTEREST = """
in time                     | paid 1000000 | sum_of interest_paid | 0
in full                     | live days=3, wait 15, receive 1002000 | state | settled
in full, what               | live days=3, wait 15,
                            | receive 1002000 | sum_of interest_paid | 2000
one short                   | live days=3, wait 15, receive 1001999 | state | part_paid
one too many                | live days=3, wait 15, receive 1002001 | books suspense | 1
from its value date         | live days=3, wait 15,
                            | receive 1000000 value=-12 | state | settled
one day before that         | live days=3, wait 15,
                            | receive 1000000 value=-11 | state | part_paid
valued before it is due     | live days=3, wait 15,
                            | receive 1000000 value=-13 | state | settled
on 365 days                 | deal late_basis=act365f, live days=3, wait 15,
                            | receive 1001973 | state | settled
on 365 days, one short      | deal late_basis=act365f, live days=3, wait 15,
                            | receive 1001972 | state | part_paid
in the grace                | deal late_from=grace grace_days=12, live days=3, wait 15,
                            | receive 1000000 | state | settled
a day after the grace       | deal late_from=grace grace_days=11, live days=3, wait 15,
                            | receive 1000167 | state | settled
and not in full             | deal late_from=grace grace_days=11, live days=3, wait 15,
                            | receive 1000166 | state | part_paid
grace, but from the due day | deal late_from=due grace_days=12, live days=3, wait 15,
                            | receive 1000000 | state | part_paid
principal first             | live days=3, wait 15,
                            | receive 999999 | sum_of interest_paid | 0
principal first, the rest   | live days=3, wait 15,
                            | receive 1000001 | sum_of interest_paid | 1
interest first              | deal order=interest_first, live days=3, wait 15,
                            | receive 2000 | sum_of live | 1000000
interest first, the rest    | deal order=interest_first, live days=3, wait 15,
                            | receive 2001 | sum_of live | 999999
interest in parts           | live days=3, wait 15, receive 1000500,
                            | receive 1500 k2 | state | settled
interest bears none         | live days=3, wait 15, receive 1000500, wait 30,
                            | receive 1500 k2 | state | settled
interest of two days        | live days=3, wait 9, receive 400000, wait 6,
                            | receive 601600 k2 | state | settled
and one short of it         | live days=3, wait 9, receive 400000, wait 6,
                            | receive 601599 k2 | state | part_paid
to the holder               | live days=3, transfer 0 250000, wait 15,
                            | receive 1002000 | credited beta | 250500
to the other holder         | live days=3, transfer 0 250000, wait 15,
                            | receive 1002000 | credited alpha | 751500
to the paid holder too      | live days=3, transfer 0 250000, wait 15, receive 1000000,
                            | receive 2000 k2 | credited beta | 250500
it follows the units        | live days=3, wait 9, transfer 0 1000000, wait 6,
                            | receive 1002000 | credited beta | 1002000
rounded once                | live days=3, split 1 2 3, wait 15,
                            | receive 1002000 | credited alpha | 1002000
"""


@rows(OVERDUE)
def test_overdue(stage: Stage, row: Row) -> None:
    """A debt is overdue once its day is closed and nothing can cover it."""
    assert row.answer(stage) == row.code


@rows(STOPPED)
def test_interest_stopped(stage: Stage, row: Row) -> None:
    """Nothing is overdue while money that is not assigned could have paid it."""
    assert row.answer(stage) == row.code


@rows(DATA, CORRECTIONS, RETURNED, SHORT)
def test_what_a_closed_day_says(stage: Stage, row: Row) -> None:
    """A late bank is no late debtor; what was wrongly called late is withdrawn."""
    assert row.answer(stage) == row.code


@rows(RECALLED)
def test_recall(stage: Stage, row: Row) -> None:
    """Nothing is settled while its bank may take back what paid it."""
    assert row.answer(stage) == row.code


@rows(DEFAULTS)
def test_default(stage: Stage, row: Row) -> None:
    """After the grace a debt is in default until all of it is paid."""
    assert row.answer(stage) == row.code


@rows(WAIVERS, WAIVED)
def test_waivers(stage: Stage, row: Row) -> None:
    """All holders may forgive a small rest, and its owners late interest."""
    assert row.answer(stage) == row.code


@rows(INTEREST)
def test_interest(stage: Stage, row: Row) -> None:
    """Late interest is exact, from the pinned day to the money's value date."""
    assert row.answer(stage) == row.code


def test_the_audit_judges_once_more() -> None:
    """A rule that lets money cover two debts is found out when a day is closed."""
    sources = read_sources()
    path, taken = "receivable/late.py", "judged.covered_minor, weights"
    assert taken in sources[path]
    sources[path] = sources[path].replace(taken, "0, weights")
    stage = Stage(sources=sources)
    stage.begin()
    for _ in range(2):
        verbs.live(stage, face=10, days=3)
    verbs.wait(stage, 3)
    verbs.receive(stage, 10, payer="nobody")
    with pytest.raises(LedgerError) as caught:
        verbs.close(stage)
    assert (caught.value.code, caught.value.details["record"]) == (
        "books_wrong",
        stage.it,
    )


# Money covers nothing behind three debts that it does not cover, in this world.
BEHIND = """
two it does not cover  | live face=99 days=3, live face=99 days=3, live face=9 days=3,
                       | wait 3, receive 9 payer=nobody, close | state | live
three of them          | live face=99 days=3, live face=99 days=3, live face=99 days=3,
                       | live face=9 days=3, wait 3, receive 9 payer=nobody,
                       | close                           | state | overdue
many that it covers    | live face=1 days=3, live face=1 days=3, live face=1 days=3,
                       | live face=1 days=3, live face=9 days=3, wait 3,
                       | receive 13 payer=nobody, close  | state | live
another debtor's apart | live face=99 days=3, live face=99 days=3, live face=99 days=3,
                       | deal debtor=buyer, live face=9 days=3, wait 3,
                       | receive 9 payer=nobody, close   | state | live
in any order           | live face=99 days=3, live face=99 days=3, live face=99 days=3,
                       | deal debtor=buyer, live face=99 days=3, live face=99 days=3,
                       | live face=99 days=3, live face=9 days=3, deal,
                       | live face=99 days=3, wait 3, receive 9 payer=nobody,
                       | close                           | state first | overdue
"""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A world where a job has time for little, as its audit knows."""
    sources = read_sources()
    for path, old, new in (
        ("kit/v1/cover.py", "WEIGHT_MAX = 10_000", "WEIGHT_MAX = 20"),
        ("receivable/late.py", "JUDGED_PAGE = 1000", "JUDGED_PAGE = 2"),
    ):
        assert old in sources[path]
        sources[path] = sources[path].replace(old, new)
    monkeypatch.setattr("ledger.latecheck.WEIGHT_MAX", 20)
    return Stage(sources=sources)


@rows(BEHIND)
def test_money_covers_no_debt_behind_too_many(hasty: Stage, row: Row) -> None:
    """How many debts money is tried on is bounded; the audit counts alike."""
    assert row.answer(hasty) == row.code
