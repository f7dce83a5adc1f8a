"""Ways to be paid what an order covers, or again, or to undo what was agreed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage
from tests.verbs import close, live, receive, state, wait
from tests.world import make_actor

# A bank rejects an attempt, an order takes a part, and it was paid after all.
PAID_AFTER_ALL = """
its payee has all of it   | live face=9 days=3, wait 3, receive 9, pick, instruct,
                          | status rejected, freeze_amount 4, pick alpha due,
                          | attest off=4, clear apply | payable alpha paid | 9
and nothing again         | live face=9 days=3, wait 3, receive 9, pick, instruct,
                          | status rejected, freeze_amount 4, pick alpha due,
                          | attest off=4, clear apply, lift | payable alpha due | 0
nobody else pays for it   | live face=9 days=3, wait 3, receive 9, pick, instruct,
                          | status rejected, freeze_amount 4, pick alpha due,
                          | attest off=4, clear apply | books own | 0
the order has it next     | live face=9 days=3, wait 3, receive 4, pick, instruct,
                          | status rejected, freeze_amount 3, pick alpha due,
                          | attest off=3, clear apply,
                          | receive 5 k2 | payable alpha held | 3
what it had before stays  | live face=9 days=3, wait 3, receive 9, freeze_amount 4,
                          | pick alpha due, instruct, status rejected,
                          | attest off=4, clear apply | payable alpha held | 4
and is the bank's loss    | live face=9 days=3, wait 3, receive 9, freeze_amount 4,
                          | pick alpha due, instruct, status rejected,
                          | attest off=4, clear apply | books own | -4
"""

# Cuts of one payout, of which some was sent, some comes back, some is taken back.
CUT = """
held goes after due       | live face=9 days=3, wait 3, receive 9, freeze_amount 4,
                          | reverse 7 | payable alpha held | 2
what was sent is owed     | live face=9 days=3, wait 3, receive 9, freeze_amount 4,
                          | pick alpha due, instruct, attest, reverse 7,
                          | lift | claimed alpha | 3
a price, all of it        | bought, freeze_amount 400, pick alpha due, instruct,
                          | attest, price_back | claimed alpha | 98850
a redemption's price      | live face=1000 days=30, redeem 0 400 400,
                          | price payer=debtor, freeze_amount 100, pick alpha due,
                          | instruct, attest, price_back | claimed alpha | 300
a refund, recalled        | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, freeze_amount 4 gamma, take_back 7,
                          | bounce | payable gamma held | 2
two orders, one ends      | live face=1000 days=3, freeze_amount 300,
                          | freeze_amount 300 rank=0, wait 3, receive 1000,
                          | reverse 500, lift | payable alpha held | 300
"""

# Who gave up for lost had agreed on what was paid by then.
REOPENED = """
all agree anew            | live days=3, transfer 0 5 gamma, wait 5, close -1,
                          | receive 400000, give_up gamma, give_up alpha, reverse 1,
                          | close, give_up alpha | state | default
and close it again        | live days=3, transfer 0 5 gamma, wait 5, close -1,
                          | receive 400000, give_up gamma, give_up alpha, reverse 1,
                          | close, give_up alpha, give_up gamma | state | closed
redeemed, then taken back | live face=1000 days=30, redeem 0 400 400,
                          | price payer=debtor, wait 32, close -1, give_up alpha,
                          | price_back -300 | exposed | 700
"""

# A holder is paid from one account, and again from another when the first is recalled.
MOVED = """
a part may be recalled    | deal recall_days=30, live face=1000 days=60,
                          | receive 400 names=it, pay_early, propose,
                          | wait 21 | judged | lapsed busy False
so may a price            | deal recall_days=30, live face=1000 days=60,
                          | redeem 0 400 400, price payer=debtor, propose,
                          | wait 21 | judged | lapsed busy False
it no longer may          | deal recall_days=9, live face=1000 days=60,
                          | receive 400 names=it, pay_early, propose,
                          | wait 21 | judged | made True
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    more = (make_actor("regulator", "regulator"), make_actor("rival", "lender"))
    stage = Stage(more=more)
    yield stage
    stage.check()


@rows(PAID_AFTER_ALL, CUT)
def test_cuts_pay_once(stage: Stage, row: Row) -> None:
    """What orders cut from a payout is part of it, whatever a bank says when."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(MOVED)
def test_accounts_move_when_all_is_final(stage: Stage, row: Row) -> None:
    """What one account has paid is not taken back when another pays."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(REOPENED)
def test_all_agree_anew(stage: Stage, row: Row) -> None:
    """What is taken back takes their agreement from those who had given up."""
    calm(stage)
    assert row.answer(stage) == row.code


def test_small_sums_do_not_keep_a_day_open(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money of many value dates that nearly pays a debt takes little to judge."""
    calm(stage)
    stage.begin()
    live(stage, face=400_000, days=3)
    wait(stage, 50)
    for n in range(40):
        receive(stage, 10_000, f"k{n}", payer="nobody", value=-1 - n)
    monkeypatch.setattr("ledger.automatic.JOB_GAS_MAX", 25_000)
    close(stage, -1)
    assert state(stage) == "default"
