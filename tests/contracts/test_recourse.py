"""Units that go back: recourse, repurchase, early redemption."""

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


# Alpha's 1000000 units; beta has the lowest 1000 of alpha, with recourse.
# Due on day 3; on day 4 without grace they are in default: 1000 bear 0.17 a day.
CALLS = """
an older revision       | backed 9 | call 1001 rev=-1 | stale_input
for the holder          | backed 9 | call 1001 by=alpha | wrong_signers
settled                 | backed 9, receive 1001000 | call 1001 | stale_input
locked by an offer      | backed 9, offer 0 9 gamma | call 1001 | part_locked
called twice            | backed 9, call 1001 | call 1001 | part_locked
never passed on         | live days=3, wait 9, close -1 | call 1001000 | no_recourse
passed without          | live days=3, transfer 0 1000, wait 9,
                        | close -1 | call 1001 | no_recourse
not due                 | live days=3,
                        | transfer 0 1000 recourse=with | call 1000 | recourse_not_due
due, no day closed      | live days=3, transfer 0 1000 recourse=with,
                        | wait 99 | call 1016 | recourse_not_due
overdue, not in default | deal grace_days=9, backed 9 | call 1001 | recourse_not_due
overdue as agreed       | deal grace_days=9 recourse_trigger=overdue,
                        | backed 9 | call 1001 | ok
default as agreed       | backed 9 | call 1001 | ok
on the last day         | backed 4, wait 1, close -1, wait 30 | call 1005 | ok
a day later             | backed 5, wait 31 | call 1006 | notice_passed
a day later, as agreed  | deal recourse_days=2, backed 5,
                        | wait 3 | call 1001 | notice_passed
another price           | backed 9 | call 1000 | price_differs
the face, as agreed     | deal recourse_price=face, backed 9 | call 1000 | ok
paid by now             | backed 9 | call 1001 days=0 | bad_pay_by
the face and interest   | deal order=interest_first, backed 9,
                        | receive 1000 names=it | call 1001 | price_differs
interest it was paid    | deal order=interest_first, backed 9,
                        | receive 1000 names=it | call 1000 | ok
more of it by now       | deal order=interest_first, backed 9,
                        | receive 1000 names=it, wait 6 | call 1001 | ok
its part of the group's | deal order=interest_first, live days=3,
                        | transfer 0 600000 recourse=with, split 200000,
                        | wait 9, close -1, receive 500 names=it | call 200100 | ok
some money has come     | backed 9, receive 9 | call 1001 | ok
on what is left         | backed 9, call 1001, receive 500000 | call 501 | ok
notice was given        | backed 9, call 1001, receive 500000, wait 40 | call 504 | ok
"""

STEPS = """
paid: it goes back       | backed 9, call 1001, price payer=alpha | held alpha | 1000000
and the holder is paid   | backed 9, call 1001, price payer=alpha | credited beta | 1001
the chain is shorter     | passed 9, call 1001,
                         | price payer=beta | origin | beta < alpha/with
and on to the next       | passed 9, call 1001, price payer=beta, call 1001,
                         | price payer=alpha key=p2 | held alpha | 1000000
whose time runs anew     | passed 5, wait 28, call 1005, wait 4, price payer=beta,
                         | wait 30 | call 1011 | ok
and ends again           | passed 5, call 1000, price payer=beta,
                         | wait 31 | call 1006 | notice_passed
without ends the chain   | live days=3, transfer 0 1000,
                         | transfer 0 1000 gamma recourse=with, wait 9, close -1,
                         | call 1001, price payer=beta | call 1001 | no_recourse
the first has nobody     | backed 9, call 1001,
                         | price payer=alpha | call 1001 | no_recourse
paid another amount      | backed 9, call 1001, price -1 payer=alpha | held beta | 1000
and it goes back         | backed 9, call 1001,
                         | price -1 payer=alpha | paid_out return | alpha:1000
paid by another member   | backed 9, call 1001,
                         | price payer=gamma | paid_out return | gamma:1001
paid too late            | backed 9, call 1001, wait 6,
                         | price payer=alpha | paid_out return | alpha:1001
the debtor came first    | backed 9, call 1001, receive 9000,
                         | price payer=alpha | held beta | 991
and the price goes back  | backed 9, call 1001, receive 9000,
                         | price payer=alpha | paid_out return | alpha:1001
paid directly            | backed 9, call 1001 way=direct, got | held alpha | 1000000
only the payee says so   | backed 9, call 1001 way=direct | got by=alpha | wrong_signers
interest came first      | deal order=interest_first, backed 9, call 1001,
                         | receive 1000 names=it,
                         | price payer=alpha key=p2 | paid_out return | alpha:1001
and it is called anew    | deal order=interest_first, backed 9, call 1001,
                         | receive 1000 names=it, call 1000,
                         | price payer=alpha key=p2 | held alpha | 1000000
the price taken back     | backed 9, call 1001, price payer=alpha,
                         | reverse 1001 | held beta | 1000
the debtor's money after | backed 15, call 1002, price payer=alpha,
                         | receive 1002000 | credited alpha | 1002000
nobody is paid twice     | backed 15, call 1002, price payer=alpha,
                         | receive 1002000 | state | settled
"""

# Beta got [0,500) back from gamma when 28 days of its 30 were over.
JOINED = """
what came back          | stepped, wait 5              | call 503     | ok
what never went         | stepped, wait 5              | call 503 500 | notice_passed
they join               | stepped                      | merge 0 500  | ok
in time for both        | stepped, merge 0 500         | call 1005    | ok
else the earlier counts | stepped, merge 0 500, wait 5 | call 1006    | notice_passed
both came back          | stepped, split 200,
                        | merge 0 200, wait 5          | call 503     | ok
"""

# The days of notice are those on which default stood while the holder had the units.
# Beta's begin on day 5; money in suspense stops them, what goes back lets them go on.
STOPPED = """
over once, over for good | backed 5, wait 31, receive 1100000 payer=nobody, close,
                         | give_back 1100000, wait 1, close | call 1006 | notice_passed
while it is withdrawn    | backed 5, wait 20, receive 1100000 payer=nobody,
                         | close | call 1004 | recourse_not_due
all that were left       | backed 5, wait 20, receive 1100000 payer=nobody, close,
                         | wait 20, give_back 1100000, close, wait 10 | call 1009 | ok
and not one more         | backed 5, wait 20, receive 1100000 payer=nobody, close,
                         | wait 20, give_back 1100000, close,
                         | wait 11 | call 1009 | notice_passed
withdrawn twice          | backed 5, wait 20, receive 1100000 payer=nobody, close,
                         | give_back 1100000, wait 9, close, wait 9,
                         | receive 1100000 k2 payer=nobody, close, wait 9,
                         | give_back 1100000, close, wait 2 | call 1008 | notice_passed
from overdue on          | deal recourse_trigger=overdue grace_days=9, backed 5,
                         | wait 31, receive 1100000 payer=nobody, close,
                         | give_back 1100000, wait 1, close | call 1006 | notice_passed
notice was given         | backed 5, call 1000, wait 31,
                         | receive 1100000 payer=nobody, close,
                         | give_back 1100000, wait 1, close | call 1006 | ok
paid, then taken back    | backed 5, wait 10, receive 1002000, wait 40,
                         | reverse 1002000, close, wait 20 | call 1012 | ok
as if never paid         | backed 5, wait 10, receive 1002000, wait 40,
                         | reverse 1002000, close, wait 21 | call 1012 | notice_passed
paid when it was over    | backed 5, wait 31, receive 1005500, wait 9,
                         | reverse 1005500, close | call 1007 | notice_passed
paid in part: the rest   | backed 5, wait 10, receive 500000, wait 21,
                         | reverse 500000 | call 503 | notice_passed
and what was paid        | backed 5, wait 10, receive 500000, wait 21,
                         | reverse 500000, wait 20 | call 504 500 | ok
till its own days end    | backed 5, wait 10, receive 500000, wait 21,
                         | reverse 500000, wait 21 | call 504 500 | notice_passed
both joined              | backed 5, wait 10, receive 500000, wait 21, reverse 500000,
                         | merge 0 500 | call 1006 | notice_passed
"""

# Who buys of beta has its own days; beta goes on with those it had left.
BOUGHT = """
the buyer's own time     | backed 5, wait 31, pass_late 0 500, wait 30 | call 505 | ok
ends, too                | backed 5, wait 31, pass_late 0 500,
                         | wait 31 | call 505 | notice_passed
bought while withdrawn   | backed 5, wait 31, receive 1100000 payer=nobody, close,
                         | pass_late 0 500, give_back 1100000,
                         | wait 9, close, wait 30 | call 506 | ok
called back too late     | backed 5, wait 31, pass_late 0 500, call 503,
                         | price payer=beta | call 503 | notice_passed
bought back too late     | backed 5, wait 31, pass_late 0 500, rebuy 0 500 1,
                         | price payer=beta | call 503 | notice_passed
bought meanwhile, called | backed 5, wait 31, receive 1100000 payer=nobody, close,
                         | pass_late 0 500, give_back 1100000, wait 1, close, call 503,
                         | price payer=beta key=p2 | call 503 | notice_passed
its price taken back     | backed 5, wait 31, ask 0 500, bid seller=beta aware=1 flat=5,
                         | buy, price, price_back | call 503 | notice_passed
with days left           | backed 5, wait 20, pass_late 0 500, wait 9, rebuy 0 500 1,
                         | price payer=beta, wait 10 | call 503 | ok
and no more than these   | backed 5, wait 20, pass_late 0 500, wait 9, rebuy 0 500 1,
                         | price payer=beta, wait 11 | call 503 | notice_passed
passed on in time        | passed 5, wait 20, rebuy 0 1000 1, price payer=beta,
                         | wait 30 | call 1009 | ok
joined: the earlier      | backed 5, wait 20, pass_late 1000 2000 beta tile=1000,
                         | merge 0 1000, wait 11 | call 2010 | notice_passed
the later alone          | backed 5, wait 20, pass_late 1000 2000 beta tile=1000,
                         | wait 30 | call 1009 1000 | ok
joined by their buyer    | backed 5, wait 10, pass_late 0 500, wait 10,
                         | pass_late 500 1000 tile=500, merge 0 500, rebuy 0 1000 1,
                         | price payer=beta, wait 11 | call 1005 | notice_passed
and the earlier's left   | backed 5, wait 10, pass_late 0 500, wait 10,
                         | pass_late 500 1000 tile=500, merge 0 500, rebuy 0 1000 1,
                         | price payer=beta, wait 10 | call 1005 | ok
"""

REPURCHASES = """
by anybody else        | live,
                       | transfer 0 1000 | rebuy 0 9 5 by=beta+gamma | wrong_signers
by the holder alone    | live, transfer 0 1000 | rebuy 0 9 5 by=beta | wrong_signers
never passed on        | live | rebuy 0 9 5 | no_transferor
locked                 | live, transfer 0 1000, rebuy 0 9 5 | rebuy 0 9 5 | part_locked
below the minimum      | deal part_min_minor=10, live,
                       | transfer 0 1000 | rebuy 0 9 5 | part_too_small
paid by now            | live, transfer 0 1000 | rebuy 0 9 5 days=0 | bad_pay_by
without recourse too   | live, transfer 0 1000 | rebuy 0 1000 990 | ok
a part of it           | live, transfer 0 1000 | rebuy 5 9 3 | ok
overdue                | live days=3, transfer 0 1000, wait 3, close | rebuy 0 9 5 | ok
in the record days     | deal record_days=3, live days=10, transfer 0 1000,
                       | wait 7 | rebuy 0 9 5 days=1 | record_date
when it is due         | deal record_days=3, live days=10, transfer 0 1000,
                       | wait 10 | rebuy 0 9 5 days=1 | ok
back to the transferor | live, transfer 0 1000, rebuy 5 9 3,
                       | price payer=alpha | held alpha | 999004
paid directly          | live, transfer 0 1000, rebuy 0 1000 9 way=direct,
                       | got | held alpha | 1000000
its chain is shorter   | live, transfer 0 1000, rebuy 0 9 3,
                       | price payer=alpha | origin | alpha
to be joined again     | live, transfer 0 1000, rebuy 0 1000 9,
                       | price payer=alpha | merge 0 1000 | ok
"""

REDEMPTIONS = """
by the debtor alone | live | redeem 0 9 8 by=debtor | wrong_signers
by the holder alone | live | redeem 0 9 8 by=alpha | wrong_signers
above the face      | live | redeem 0 9 10 | bad_price
at the face         | live | redeem 0 9 9 | ok
when it is due      | live days=3, wait 3 | redeem 0 9 8 | not_redeemable
the day before      | live days=3, wait 2 | redeem 0 9 8 days=0 ms=1 | ok
to be paid when due | live days=3, wait 2 | redeem 0 9 8 days=1 | bad_pay_by
in the record days  | deal record_days=3, live days=10,
                    | wait 7 | redeem 0 9 8 days=0 ms=1 | record_date
before them         | deal record_days=3, live days=10,
                    | wait 6 | redeem 0 9 8 days=0 ms=1 | ok
where money waits   | early 999995 | redeem 0 9 8 | not_redeemable
beside what waits   | early 999991 | redeem 0 9 8 | ok
locked              | live, offer 0 9 | redeem 0 9 8 | part_locked
a part of nothing   | live | redeem 9 9 8 | bad_price
"""

REDEEMED = """
paid: units are retired | live, redeem 0 400000 390000,
                        | price payer=debtor | sum_of retired | 400000
the holder gets it      | live, redeem 0 400000 390000,
                        | price payer=debtor | credited alpha | 390000
nothing of it is owed   | live, redeem 0 400000 390000,
                        | price payer=debtor | sum_of live | 600000
part paid               | live, redeem 0 400000 390000,
                        | price payer=debtor | state | part_paid
all of it settles       | live, redeem 0 1000000 990000,
                        | price payer=debtor | state | settled
the exposure falls      | live, redeem 0 400000 390000,
                        | price payer=debtor | exposed | 600000
the debtor holds none   | live, redeem 0 400000 390000,
                        | price payer=debtor | held debtor | 0
the rest when due       | live days=3, redeem 0 400000 390000 days=1,
                        | price payer=debtor, wait 3, receive 600000 | state | settled
paid by another member  | live, redeem 0 400000 390000,
                        | price payer=beta | paid_out return | beta:390000
money came meanwhile    | live, redeem 0 400000 390000, receive 600001 names=it,
                        | price payer=debtor key=p2 | paid_out return | debtor:390000
taken back: reopened    | live, redeem 0 400000 390000, price payer=debtor,
                        | reverse 390000 | sum_of live | 1000000
and the exposure        | live, redeem 0 400000 390000, price payer=debtor,
                        | reverse 390000 | exposed | 1000000
for the holder it had   | live, transfer 0 400000, redeem 0 400000 390000,
                        | price payer=debtor, reverse 390000 | held beta | 400000
paid directly           | live, redeem 0 400000 390000 way=direct,
                        | got | sum_of retired | 400000
"""


@rows(CALLS)
def test_calls(stage: Stage, row: Row) -> None:
    """Recourse goes to the immediate transferor, once it has begun and in time."""
    assert row.answer(stage) == row.code


@rows(JOINED, STEPS)
def test_steps(stage: Stage, row: Row) -> None:
    """A price paid takes the units back one step; any other goes back itself."""
    assert row.answer(stage) == row.code


@rows(STOPPED, BOUGHT)
def test_notice(stage: Stage, row: Row) -> None:
    """A time for notice that has run out is over, whatever money or units do."""
    assert row.answer(stage) == row.code


@rows(REPURCHASES)
def test_repurchases(stage: Stage, row: Row) -> None:
    """A transferor buys back what both sides sign."""
    assert row.answer(stage) == row.code


@rows(REDEMPTIONS, REDEEMED)
def test_redemptions(stage: Stage, row: Row) -> None:
    """The debtor pays a part early; it never holds one."""
    assert row.answer(stage) == row.code
