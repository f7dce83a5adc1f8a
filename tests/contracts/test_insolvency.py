"""Insolvency: what lapses, what stands, who gets the money, who attests next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import make_actor


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    more = (
        make_actor("regulator", "regulator"),
        make_actor("insider", "lender", group="bloc"),
        make_actor("agent", "settlement_bank", group="bloc"),
        make_actor("delta", "supplier"),
        make_actor("buyer", "debtor"),
    )
    stage = Stage(more=more)
    yield stage
    stage.check()


DECLARED = """
of nobody                | live                   | ruin nobody | not_found
by the operator alone    | live                   | ruin alpha via=operator | no_channel
by whom it is about      | live | ruin lender via=operator vouch=lender | group_conflict
effective in the future  | live                   | ruin alpha ms=2000 | bad_effect
by a regulator           | live                   | ruin alpha | ok
with a guardian          | live              | ruin alpha via=operator vouch=lender | ok
dismissed by its channel | live, ruin alpha       | lift | ok
dismissed by another     | live, ruin alpha       | lift operator lender | no_channel
"""

HOLDERS = """
its offers lapse              | live, offer 0 5, ruin alpha | take | offer_over
an offer to it stands         | live, offer 0 5, ruin beta | take | ok
it gives nothing more         | live, ruin alpha       | transfer 0 5 | insolvent
nor offers                    | live, ruin alpha       | offer 0 5 | insolvent
nor asks for a price          | live, ruin alpha       | ask 0 5 | insolvent
nor cancels                   | live, ruin alpha       | cancel_live | insolvent
unless the order says so      | live, ruin alpha disposal=1 | transfer 0 5 | ok
once dismissed                | live, ruin alpha, lift | transfer 0 5 | ok
money to its administrator    | live days=3, ruin alpha, wait 3,
                              | receive 9              | payable alpha sent_on | 9
money due before              | paid 9, ruin alpha     | payable alpha sent_on | 9
money sent before             | sent 9, ruin alpha     | payable alpha instructed | 9
can be sent                   | paid 9, ruin alpha, pick | instruct | ok
after a freeze of rank one    | live days=3, ruin alpha, freeze_amount 4 rank=1, wait 3,
                              | receive 9              | payable alpha sent_on | 5
the freeze gets its amount    | live days=3, ruin alpha, freeze_amount 4 rank=1, wait 3,
                              | receive 9              | payable alpha held | 4
dismissed, it is the member's | paid 9, ruin alpha, lift | payable alpha due | 9
"""

DEBTORS = """
recourse parties pay       | backed 9, ruin debtor, call 1001,
                           | price payer=alpha      | held beta | 0
and the holder gets it     | backed 9, ruin debtor, call 1001,
                           | price payer=alpha      | payable beta due | 1001
waiting money              | early 9, ruin debtor   | sum_of waiting | 0
goes to suspense           | early 9, ruin debtor   | books suspense | 9
unnamed money too          | live, receive 9, ruin debtor | books suspense | 9
and later money            | live, ruin debtor, receive 9 | books suspense | 9
named money too            | live, ruin debtor, receive 9 names=it | books suspense | 9
when it is due             | live days=3, ruin debtor, wait 3,
                           | receive 9              | books suspense | 9
what was paid out stands   | paid 9, ruin debtor    | payable alpha due | 9
it does not fall due       | early 9 days=3, ruin debtor, wait 3 | sum_of retired | 0
it is no cover             | live days=3, ruin debtor, receive 1000000, wait 3,
                           | close                  | state | overdue
the debtor matches nothing | early 9, ruin debtor   | match 9 | money_held
nor pays early             | early 9, ruin debtor   | pay_early | wrong_state
its owner sends it on      | early 9, ruin debtor,
                           | give_back 9            | payable debtor sent_on | 9
it does not age away       | early 9, ruin debtor, wait 100 | books suspense | 9
dismissed, it is matched   | early 9, ruin debtor, lift | match 9 | ok
another member's payment   | stray 9 buyer, ruin debtor | match 9 | ok
which waits on             | stray 9 buyer, match 9, ruin debtor | sum_of waiting | 9
and is paid out            | live days=3, receive 9 payer=buyer, match 9, ruin debtor,
                           | wait 3                 | payable alpha due | 9
"""

# A match of what an insolvent member paid is refused: it covers no debt.
STRANGERS = """
money of a stranger covers | live days=3, wait 3, receive 1000000 payer=beta,
                           | close                  | state | live
if it is insolvent, not    | live days=3, wait 3, ruin beta,
                           | receive 1000000 payer=beta, close | state | overdue
whatever it names          | live days=3, wait 3, ruin beta,
                           | receive 1000000 payer=beta names=it,
                           | close                  | state | overdue
until that is over         | live days=3, wait 3, ruin beta, lift,
                           | receive 1000000 payer=beta, close | state | live
"""

ATTESTERS = """
its accounts are vacant     | live, ruin bank        | attested_by | nobody blocked
it attests no more          | live, ruin bank        | entry charge 5 | wrong_attester
nor is anything sent        | paid 9, pick, ruin bank | instruct | account_blocked
nor while it has one        | live                   | succeed | not_vacant
by a supplier               | live, ruin bank        | succeed delta | not_a_bank
a supplier's word           | live, ruin bank        | succeed agent beta | no_channel
its own group's word        | live, ruin bank   | succeed agent insider | group_conflict
without the owner           | live, ruin bank  | succeed by=agent+lender | wrong_signers
by itself                   | live, ruin bank        | succeed bank | insolvent
by a successor              | live, ruin bank        | succeed | ok
who attests                 | live, ruin bank,
                            | succeed               | entry charge 5 attester=agent | ok
and closes days             | live, ruin bank, succeed | close attester=agent | ok
and is known                | live, ruin bank, succeed | attested_by | agent open
what is due is sent         | paid 9, pick, ruin bank, succeed | instruct | ok
dismissed, it attests again | live, ruin bank, lift  | attested_by | bank open
a successor stays           | live, ruin bank, succeed, lift | attested_by | agent open
"""


def answer(stage: Stage, row: Row) -> str:
    """Return a row's answer; its orders end with it."""
    found = row.answer(stage)
    calm(stage)
    return found


@rows(DECLARED, HOLDERS)
def test_holders(stage: Stage, row: Row) -> None:
    """An insolvent holder gives nothing, and its administrator is paid."""
    assert answer(stage, row) == row.code


@rows(STRANGERS, DEBTORS)
def test_debtors(stage: Stage, row: Row) -> None:
    """What an insolvent debtor pays waits for its administrator."""
    assert answer(stage, row) == row.code


@rows(ATTESTERS)
def test_attesters(stage: Stage, row: Row) -> None:
    """An insolvent attester's accounts wait for a successor."""
    assert answer(stage, row) == row.code
