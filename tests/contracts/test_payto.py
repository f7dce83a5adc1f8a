"""Another account to pay to: who is asked, whose silence counts, what stops it."""

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


PROPOSED = """
of nothing            | open_account                | propose          | not_found
by somebody else      | live                        | propose by=alpha | wrong_signers
of one not live       | submit                      | propose          | not_found
to where it is        | live | propose same=1 | account_mismatch
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
a claim on the old    | sent 9, reverse 9, propose,
                      | wait 21                     | judged | lapsed holders False
"""


@rows(PROPOSED, ANSWERS)
def test_answers(stage: Stage, row: Row) -> None:
    """The debtor proposes with notice, each holder answers for itself."""
    assert row.answer(stage) == row.code


@rows(JUDGED)
def test_changes(stage: Stage, row: Row) -> None:
    """At the deadline the account changes if nobody stands against it."""
    assert row.answer(stage) == row.code
