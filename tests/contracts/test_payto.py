"""Another account to pay to: who is asked, whose silence counts, what stops it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage, extras
from tests.world import make_actor


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage(more=[*extras(), make_actor("regulator", "regulator")])
    yield stage
    stage.check()


PROPOSED = """
of nothing            | open_account                | propose          | not_found
by somebody else      | live                        | propose by=alpha | wrong_signers
of one not live       | submit                      | propose          | not_found
to where it is        | live | propose same=1 | account_mismatch
from a frozen one     | live, freeze account account=it | propose | money_held
to a frozen one       | live, propose, proposed_to, freeze account account=it,
                      | | propose same=1 | money_held
once it is released   | live, freeze account account=it, lift | propose | ok
in nine days          | live                        | propose 9        | bad_notice
in ten days           | live                        | propose 10       | ok
in ninety days        | live                        | propose 90       | ok
in ninety-one days    | live                        | propose 91       | bad_notice
a third one           | live, propose, propose      | propose          | ok
a fourth one          | live, propose, propose, propose | propose      | limit_exceeded
when one has ended    | live, propose 30, propose 30, propose,
                      | answer no, wait 21          | propose          | ok
"""

ANSWERS = """
by somebody else      | live, propose               | answer yes by=beta | wrong_signers
by no holder          | live, propose               | answer yes beta  | not_a_party
by the holder         | live, propose               | answer yes       | ok
changed               | live, propose, answer yes   | answer no        | ok
after the deadline    | live, propose, wait 21      | answer no        | notice_over
"""

JUDGED = """
not before its time   | live, propose, wait 19      | judged | open False
by silence            | live, propose, wait 21      | judged | made True
by agreement          | live, propose, answer yes, wait 21 | judged | made True
refused               | live, propose, answer no, wait 21,
                      | | judged | lapsed holders False
refused after all     | live, propose, answer yes, answer no,
                      | wait 21                     | judged | lapsed holders False
by one of two         | live, transfer 0 9, propose, answer no beta,
                      | wait 21                     | judged | lapsed holders False
a lender's silence    | live, transfer 0 9 lender, propose,
                      | wait 21                     | judged | lapsed holders False
a lender's word       | live, transfer 0 9 lender, propose, answer yes lender,
                      | wait 21                     | judged | made True
another attester's    | live, propose 20 agent, wait 21 | judged | lapsed holders False
and all agree         | live, propose 20 agent, answer yes,
                      | wait 21                     | judged | made True
who holds no more     | live, transfer 0 9, redeem 0 9 9, price payer=debtor,
                      | propose 20 agent, answer yes, wait 21 | judged | made True
money on its way      | early 9, propose, wait 21   | judged | lapsed busy False
settled meanwhile     | live days=3, propose, wait 3, receive 1000000,
                      | wait 21                     | judged | lapsed busy False
frozen since          | live, propose, freeze account account=it, wait 21,
                      | | judged | lapsed held False
though all agree      | live, propose, answer yes, freeze account account=it, wait 21,
                      | | judged | lapsed held False
the new one frozen    | live, propose, proposed_to, freeze account account=it, wait 21,
                      | | judged | lapsed held False
frozen for a while    | live, propose, freeze account account=it days=5, wait 21,
                      | | judged | made True
its holder is frozen  | live, propose 20 agent, freeze_member, wait 21,
                      | | judged | lapsed holders False
it agreed before      | live, propose 20 agent, answer yes, freeze_member, wait 21,
                      | | judged | made True
money still held then | live days=30, propose, freeze_member days=60, wait 30,
                      | proposed_to, receive 9 | payable alpha held | 9
of frozen units too   | live days=30, propose, freeze_units 999995 1000000 days=60,
                      | wait 30, proposed_to, receive 9 | payable alpha held | 5
a claim on the old    | sent 9, reverse 9, propose,
                      | wait 21                     | judged | lapsed holders False
"""


def answer(stage: Stage, row: Row) -> str:
    """Return a row's answer; its orders end with it."""
    found = row.answer(stage)
    calm(stage)
    return found


@rows(PROPOSED, ANSWERS)
def test_answers(stage: Stage, row: Row) -> None:
    """The debtor proposes with notice, each holder answers for itself."""
    assert answer(stage, row) == row.code


@rows(JUDGED)
def test_changes(stage: Stage, row: Row) -> None:
    """At the deadline the account changes if nobody stands against it."""
    assert answer(stage, row) == row.code
