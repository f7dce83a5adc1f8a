"""A collection account that the debtor's own group has: discharged when paid on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from ledger.replay import replay_ledger
from tests import bank_verbs, sale_verbs, verbs
from tests.lives import read_life
from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import SECRET, make_actor

OWNERS = """
the debtor itself         |            | own | ok
a company of its group    |            | own treasury debtor=firm | ok
a bank of its group       |            | own firmbank debtor=firm | ok
it is not said            | open_account debtor | deal | debtors_account
said of a bank's          |            | own bank | bad_terms
another debtor's          |            | own buyer | bad_terms
it is not said either     | open_account buyer  | deal | not_a_bank
another group's company's |            | own treasury | bad_terms
a company of no debtor    |            | open_account alpha | not_a_bank
of the operator's group   |            | open_account housefirm | not_a_bank
its own group attests     |            | own firm firmbank debtor=firm | debtors_account
prices are paid to it     |            | own prices=debtor | debtors_account
moved to another debtor's | deal, live | propose of=firm attester=bank | not_a_bank
moved to its own | deal, live | propose of=debtor attester=bank | debtors_account
"""

# Face 9, due; all of it comes in on the account that the debtor owns.
DISCHARGE = """
received is not paid      | owed, receive 9                       | state | part_paid
though its units are      | owed, receive 9                       | sum_of retired | 9
told to its bank          | owed, receive 9, pick, instruct       | state | part_paid
accepted                  | owed, receive 9, pick, instruct,
                          |                       status accepted | state | part_paid
rejected                  | owed, receive 9, pick, instruct,
                          |                       status rejected | state | part_paid
paid at last              | owed, receive 9, pick, instruct, status rejected,
                          | instruct, attest                      | state | settled
attested paid             | owed, receive 9, pick, instruct, attest | state | settled
of a company of its group | own treasury debtor=firm, live face=9 days=3, wait 3,
                          | receive 9 payer=firm                  | state | part_paid
and paid                  | own treasury debtor=firm, live face=9 days=3, wait 3,
                        | receive 9 payer=firm, pick, instruct, attest | state | settled
a bank's settles at once | deal, live face=9 days=3, wait 3, receive 9 | state | settled
it came back              | owed, receive 9, pick, instruct, attest,
                          | bounce                                | state | part_paid
and is named              | owed, receive 9, pick, instruct, attest,
                          | bounce                               | told undischarged | 1
and is paid again         | owed, receive 9, pick, instruct, attest,
                          | bounce, instruct, attest              | state | settled
of a bank's it settled    | deal, live face=9 days=3, wait 3, receive 9, pick, instruct,
                          | attest, bounce                        | state | settled
not late while it waits   | owed, receive 9, wait 9, close -1     | state | part_paid
nor of interest           | owed, receive 9, wait 40, close -1, pick, instruct,
                          | attest                                | state | settled
late, paid in, not on     | owed, wait 5, close -1, receive 10    | state | recovering
late, and paid on         | owed, wait 5, close -1, receive 10, pick, instruct,
                          | attest                                | state | settled
late, and come back       | owed, wait 5, close -1, receive 10, pick, instruct,
                          | attest, bounce                        | state | part_paid
one of two holders        | owed hands=4, receive 9, pick, instruct,
                          | attest                                | state | part_paid
both of them              | owed hands=4, receive 9, pick, instruct, attest,
                          | pick beta, instruct, attest           | state | settled
one of them came back     | owed hands=4, receive 9, pick, instruct, attest, pick beta,
                          | instruct, attest, bounce              | state | part_paid
held by an order          | owed, freeze_member, receive 9        | state | part_paid
and released              | owed, freeze_member, receive 9, lift, pick, instruct,
                          | attest                                | state | settled
a part of it is held      | owed, freeze_amount 4, receive 9, pick alpha due,
                          | instruct, attest                      | state | part_paid
where the court says      | owed, freeze_member elsewhere=1, receive 9, pick,
                          | instruct, attest                      | state | settled
too small by itself       | own payout_min_minor=100, live face=9 days=3, wait 3,
                          | receive 9                             | payouts | due/9
small until all is paid   | own payout_min_minor=100, live face=9 days=3, wait 3,
                          | receive 4                             | payouts | small/4
with what else is due     | own, live face=9 days=3, live face=5 days=3, wait 3,
                          | receive 14, pick, instruct         | state first | part_paid
all in one payout         | own, live face=9 days=3, live face=5 days=3, wait 3,
                          | receive 14, pick, instruct, attest   | state first | settled
the rest is forgiven      | own tolerance_minor=2, live face=9 days=3, wait 3,
                          | receive 7, waive 2                    | state | part_paid
and what came is paid     | own tolerance_minor=2, live face=9 days=3, wait 3,
                          | receive 7, waive 2, pick, instruct, attest | state | settled
redeemed at another bank  | own, live face=9 days=9, redeem 0 9 9, turn,
                          | price payer=debtor                    | state | settled
recalled before           | own recall_days=2, live face=9 days=3, wait 3, receive 9,
                          | wait 9                                | state | part_paid
recalled and paid         | own recall_days=2, live face=9 days=3, wait 3, receive 9,
                          | pick, instruct, attest                | state | part_paid
paid, no more recalled    | own recall_days=2, live face=9 days=3, wait 3, receive 9,
                          | pick, instruct, attest, wait 3        | state | settled
"""

# The lender passed on a part of what it bought for a price that its bank took back.
SELLERS = """
the rest is the buyer's   | repaid                       | payouts lender | due/108
nothing to its seller     | repaid, pay_all lender, pay_all beta,
                          | pay_all alpha holding                 | state | part_paid
and then that, too        | repaid, pay_all lender, pay_all beta,
                          | pay_all alpha holding, pay_all alpha  | state | settled
"""

REVERSED = """
before it is paid on      | owed, receive 9, take_back 9          | sum_of live | 9
then paid in again        | owed, receive 9, take_back 9, receive 9 k2, pick alpha due,
                          | instruct, attest                      | state | settled
but only received       | owed, receive 9, take_back 9, receive 9 k2 | state | part_paid
a part while it is sent   | owed, receive 9, pick, instruct, take_back 4,
                          | attest                                | state | part_paid
and paid in, kept for it  | owed, receive 9, pick, instruct, take_back 4, attest,
                          | receive 4 k2                          | state | settled
it did not arrive         | owed, receive 9, pick, instruct, take_back 9,
                          | bounce, receive 9 k2                  | state | part_paid
after it settled          | owed, receive 9, pick, instruct, attest,
                          | take_back 4                           | sum_of live | 4
netted is paid            | owed, receive 9, pick, instruct, attest, take_back 4,
                          | receive 4 k2                          | state | settled
"""

# What is received counts against limits until the debtor is discharged.
EXPOSURE = """
of what is paid in        | owed, receive 9                       | exposed | 9
of a bank's at once       | deal, live face=9 days=3, wait 3, receive 4 | exposed | 5
paid on in part           | owed, receive 4, pick, instruct, attest | exposed | 9
paid on                   | owed, receive 9, pick, instruct, attest | exposed | 0
come back                 | owed, receive 9, pick, instruct, attest,
                          | bounce                                | exposed | 9
taken back                | owed, receive 9, take_back 4          | exposed | 9
taken back when settled   | owed, receive 9, pick, instruct, attest,
                          | take_back 4                           | exposed | 9
forgiven                  | own tolerance_minor=2, live face=9 days=3, wait 3,
                          | receive 7, waive 2                    | exposed | 7
redeemed                  | own, live face=9 days=9, redeem 0 4 4, turn,
                          | price payer=debtor                    | exposed | 9
given up                | owed, receive 4, wait 2, close -1, give_up alpha | exposed | 0
"""

MOVED = """
to a bank's               | own, live face=9 days=60, propose, answer yes,
                          | wait 21                               | judged | made True
counts as a bank's        | owed, receive 4, pick, instruct, attest, propose,
                          | answer yes, wait 21                   | exposed | 5
not before it is paid on  | owed, receive 4, propose, answer yes,
                          | wait 21                         | judged | lapsed busy False
then it settles at once   | own, live face=9 days=30, propose, answer yes, wait 21,
                          | proposed_to, wait 9, receive 9        | state | settled
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    more = (
        make_actor("regulator", "regulator"),
        make_actor("firm", "debtor", group="firm"),
        make_actor("firmbank", "settlement_bank", group="firm"),
        make_actor("treasury", "supplier", group="firm"),
        make_actor("housefirm", "debtor", group="house"),
        make_actor("buyer", "debtor"),
    )
    stage = Stage(more=more)
    yield stage
    stage.check()


@rows(OWNERS)
def test_who_owns_a_collection_account(stage: Stage, row: Row) -> None:
    """A bank or agent, or the debtor's own group; a bank or agent attests it."""
    assert row.answer(stage) == row.code


@rows(DISCHARGE, SELLERS, REVERSED, EXPOSURE, MOVED)
def test_discharged_when_paid_on(stage: Stage, row: Row) -> None:
    """Nothing that a debtor's own account received discharges it by itself."""
    calm(stage)
    assert row.answer(stage) == row.code


def paid_and_back(folder: Path, sources: dict[str, str] | None = None) -> Stage:
    """Return a life in which a payout from an own account is paid, and comes back."""
    stage = Stage(folder=folder, sources=sources)
    stage.begin()
    sale_verbs.owed(stage)
    verbs.receive(stage, 9)
    verbs.pick(stage)
    verbs.instruct(stage)
    verbs.attest(stage)
    bank_verbs.bounce(stage)
    return stage


def test_the_audit_follows_what_came_back(tmp_path: Path) -> None:
    """A settled receivable opens again with a payout, or a statement's reversal."""
    folder = tmp_path / "ledger"
    stage = paid_and_back(folder)
    assert verbs.state(stage) == "part_paid"
    verbs.instruct(stage)
    verbs.attest(stage)
    assert verbs.state(stage) == "settled"
    bank_verbs.take_back(stage, 4)
    assert verbs.state(stage) == "part_paid"
    stage.chain.close()
    assert replay_ledger(read_life(folder, stage).blocks, SECRET).sweeps == 1


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("receivable/sweep.py", "        **discharged_by(programme, debt),\n", ""),
        (
            "kit/v1/owed.py",
            'elif ctx.count_rows("undischarged",',
            'elif ctx.count_rows("nothing",',
        ),
    ],
    ids=["payouts that name no debt", "debts that wait for none"],
)
def test_rules_that_settle_too_early_are_found(
    tmp_path: Path, path: str, old: str, new: str
) -> None:
    """The books show that a debtor was discharged before its holders were paid."""
    sources = read_sources()
    assert old in sources[path]
    folder = tmp_path / "ledger"
    cheat = {**sources, path: sources[path].replace(old, new)}
    with pytest.raises(LedgerError) as caught:
        paid_and_back(folder, cheat).check()
    assert caught.value.details["invariant"] == "I11"
