"""Ways to be paid with money that went back, or to take the time of who takes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import read_sources
from contracts.kit.v1.reversals import LINES_AT_ONCE, LINES_MAX
from ledger.automatic import JOB_GAS_MAX
from ledger.execution import ATTESTED_GAS_MAX
from tests import bank_verbs, order_verbs, verbs
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import make_actor

# Money covers nothing behind three debts that it does not cover, in this world.
CONTESTED = """
two that it does not cover | soft face=99 days=3, live face=99 days=3,
                           | live face=9 days=3, wait 3, receive 9 payer=nobody,
                           | close                           | state | live
two that are contested     | soft face=99 days=3, contest 9, live face=99 days=3,
                           | contest 9, live face=9 days=3, wait 3,
                           | receive 9 payer=nobody, close   | state | overdue
withdrawn: not contested   | soft face=99 days=3, contest 9, concede,
                           | live face=99 days=3, contest 9, concede,
                           | live face=9 days=3, wait 3, receive 9 payer=nobody,
                           | close                           | state | live
"""

# Of 400 that lender bought of alpha 5 are gamma's, its price went back, and 1000 came:
# 395 of it are alpha's, in the lender's place. Then that goes back, too.
IN_ITS_PLACE = """
unsent: nobody owes it    | in_place, reverse 1000 r2 | claimed lender | 0
and its seller gets none  | in_place, reverse 1000 r2 | credited alpha | 0
but is owed it, as before | in_place, reverse 1000 r2 | figure owed    | 400
paid once it comes again  | in_place, reverse 1000 r2, receive 1000 k2,
                          | pay_all alpha price       | figure owed    | 5
a half of it              | in_place, reverse 500 r2  | figure owed    | 202
in two parts              | in_place, reverse 300 r2,
                          | reverse 700 r3            | figure owed    | 400
what an order has, too    | in_place, freeze_amount 700,
                          | reverse 1000 r2           | order_taken    | 0
sent: the buyer owes it   | in_place, pay_all alpha price,
                          | reverse 1000 r2           | claimed lender | 395
it did not arrive         | in_place, pay_all alpha price, reverse 1000 r2,
                          | bounce                    | claimed lender | 0
and is not paid again     | in_place, pay_all alpha price, reverse 1000 r2,
                          | bounce                    | credited alpha | 0
it is owed, as before     | in_place, pay_all alpha price, reverse 1000 r2,
                          | bounce                    | figure owed    | 400
a half: the rest is due   | in_place, pay_all alpha price, reverse 500 r2,
                          | bounce                  | payable alpha due | 498
paid for meanwhile        | in_place, pay_all alpha price, reverse 1000 r2,
                          | receive 1000 k2, bounce | payable alpha due | 995
an own account's debt     | in_place debtors=1,
                          | take_back 1000            | figure owed    | 400
is discharged in the end  | in_place debtors=1, take_back 1000, receive 1000 k2,
                          | pay_all alpha, pay_all lender,
                          | pay_all gamma             | state          | settled
"""

# A bank that said it was rejected had paid 9, of which some had been taken back.
PAID_AFTER_ALL = """
its payee owes that     | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | reverse 4, status rejected, attest off=4,
                        | clear apply                 | claimed alpha | 4
nobody else pays it     | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | reverse 4, status rejected, attest off=4,
                        | clear apply                 | books own     | 0
all of it               | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | reverse 9, status rejected, attest off=9,
                        | clear apply                 | claimed alpha | 9
taken back since        | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | status rejected, reverse 4, attest off=4,
                        | clear apply                 | claimed alpha | 4
an order's part as well | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | status rejected, freeze_amount 4, reverse 2,
                        | pick alpha due, attest off=6,
                        | clear apply                 | claimed alpha | 2
more than it was told   | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | reverse 4, status rejected, attest off=6,
                        | clear apply                 | books own     | -2
nothing was taken back  | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | status rejected, attest, clear apply | claimed alpha | 0
it comes back, too      | live face=9 days=3, wait 3, receive 9, pick, instruct,
                        | reverse 4, status rejected, attest off=4, clear apply,
                        | bounce                      | payouts alpha | due/5
from an own account     | owed, receive 9, pick, instruct, take_back 9,
                        | status rejected, attest off=9, clear apply,
                        | receive 9 k2                | state         | settled
"""

# A debtor pays beta 100, or all, for a while, so that it owes that and cannot call on
# alpha till its time is over.
CALLED = """
who owes money calls on   | owing        | call 901            | ok
but never directly        | owing        | call 901 way=direct | claim_open
nor does it sell          | owing        | rebuy 0 900 5       | claim_open
where prices come apart   | owing other=1 | call 901           | claim_open
it owes nothing any more  | owing, call 901, price payer=alpha | claimed beta | 0
and gets the rest         | owing, call 901, price payer=alpha | payable beta due | 801
an order after the claim  | owing, call 901, freeze_amount 950 beta,
                          | price payer=alpha             | payable beta held | 801
the price goes back       | owing, call 901, price payer=alpha,
                          | price_back 0 r2               | claimed beta | 100
after it was sent         | owing, call 901, price payer=alpha, send_price,
                          | price_back 0 r2               | claimed beta | 901
and came back, too        | owing, call 901, price payer=alpha, send_price,
                          | price_back 0 r2, status rejected | claimed beta | 100
a part of it              | owing, call 901, price payer=alpha,
                          | price_back -501 r2            | payable beta due | 401
what it owed for came back | owing, call 901, price payer=alpha, pick beta paid,
                          | bounce                        | payable beta due | 901
the debtor pays meanwhile | owing, call 901, receive 100000 k2 names=it,
                          | price payer=alpha             | claimed beta | 0
all of the price          | owing 1000000, call 1001,
                          | price payer=alpha             | payable beta due | 1
part by part              | owing 1000000 cut=500, call 501, price payer=alpha,
                          | call 501 500, price key=p2 payer=alpha | claimed beta | 0
"""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A world where a job has time for little, as its audit knows."""
    sources = read_sources()
    path, bound = "kit/v1/cover.py", "WEIGHT_MAX = 10_000"
    assert bound in sources[path]
    sources[path] = sources[path].replace(bound, "WEIGHT_MAX = 20")
    monkeypatch.setattr("ledger.latecheck.WEIGHT_MAX", 20)
    return Stage(sources=sources)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage(more=(make_actor("regulator", "regulator"),))
    yield stage
    stage.check()


@rows(IN_ITS_PLACE, PAID_AFTER_ALL)
def test_nobody_is_paid_with_what_went_back(stage: Stage, row: Row) -> None:
    """Neither a seller in its buyer's place, nor who was paid though rejected."""
    order_verbs.calm(stage)
    assert row.answer(stage) == row.code


@rows(CALLED)
def test_who_owes_money_calls_on_its_transferor(stage: Stage, row: Row) -> None:
    """No debtor keeps a holder from recourse by paying it for a while."""
    order_verbs.calm(stage)
    assert row.answer(stage) == row.code


@rows(CONTESTED)
def test_contested_debts_take_twice_the_time(hasty: Stage, row: Row) -> None:
    """What money covers of a debt that is contested is tried with it and without."""
    assert row.answer(hasty) == row.code


def test_contested_debts_do_not_keep_a_day_open(
    hasty: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debts that money covers only since most of each is contested are bounded."""
    hasty.begin()
    order_verbs.soft(hasty, face=99_999, days=3)
    for cut in range(20):
        verbs.live(hasty, face=80_000 - cut, days=3)
        order_verbs.contest(hasty, 79_999 - cut)
    verbs.wait(hasty, 20)
    for n in range(8):
        verbs.receive(hasty, 10_000, f"k{n}", payer="nobody", value=-1 - n)
    monkeypatch.setattr("ledger.automatic.JOB_GAS_MAX", 100_000)
    verbs.close(hasty, -1)
    assert verbs.state(hasty, "first") == "default"
    hasty.check()


def test_a_bank_has_time_for_all_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many late debts as one receipt may have paid are taken back by its bank."""
    stage, lines = Stage(), 20
    stage.begin()
    for _ in range(lines):
        verbs.live(stage, days=3)
    verbs.wait(stage, 63)
    verbs.close(stage, -1)
    verbs.receive(stage, 30_000_000)
    assert verbs.state(stage) == "settled"
    assert ATTESTED_GAS_MAX * LINES_MAX >= JOB_GAS_MAX * LINES_AT_ONCE
    share = ATTESTED_GAS_MAX * lines // LINES_AT_ONCE
    monkeypatch.setattr("ledger.execution.TRANSACTION_GAS_MAX", share)
    monkeypatch.setattr("ledger.execution.ATTESTED_GAS_MAX", share)
    bank_verbs.take_back(stage, 30_000_000)
    assert bank_verbs.misfit(stage) == "none"
    assert verbs.held(stage, "alpha") == "1000000"
