"""Still more ways to keep what one owes, or to stop what others are owed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import make_actor

# Money on an account of the debtor's own has not left the debtor.
OWN_ACCOUNTS = """
owned by its sister    | open_account firmbank bank | deal debtor=firm | debtors_account
attested by its sister | open_account bank firmbank | deal debtor=firm | debtors_account
of another bank        | open_account firmbank bank | deal             | ok
for prices, owned      | | apart firmbank bank firm             | debtors_account
for prices, attested   | | apart bank firmbank firm             | debtors_account
until it is solvent    | open_account bank firmbank,
                       | ruin firmbank | deal debtor=firm | debtors_account
its sister follows     | deal debtor=firm,
                       | ruin bank     | succeed firmbank | debtors_account
for prices, follows    | apart debtor=firm, turn,
                       | ruin bank     | succeed firmbank | debtors_account
another's sister       | deal, ruin bank | succeed firmbank | ok
it pays to its sister  | deal debtor=firm,
                       | live | propose of=firmbank       | debtors_account
and what it becomes    | deal debtor=firm, live, propose, proposed_to, ruin bank,
                       | succeed firmbank, wait 21 | judged | lapsed own False
"""

# A court's order ends new business, whoever of the two begins it.
INSOLVENT = """
the debtor confirms        | submit, ruin debtor     | confirm           | insolvent
what alpha submitted       | submit, ruin alpha      | confirm           | insolvent
the supplier submits       | deal, ruin alpha        | submit            | insolvent
to an insolvent debtor     | deal, ruin debtor       | submit            | insolvent
the debtor issues          | deal, ruin debtor       | issue             | insolvent
the supplier accepts       | issue, ruin alpha       | agree             | insolvent
what its debtor issued     | issue, ruin debtor      | agree             | insolvent
other terms                | submit, ruin debtor     | counter debtor 30 | insolvent
of the supplier            | submit, counter debtor 30, ruin alpha,
                           |                         | counter supplier 40 | insolvent
it takes its own back      | submit, ruin alpha      | cancel            | ok
a debtor may refuse        | submit, ruin debtor     | reject            | ok
whoever is released again  | submit, ruin debtor, lift | confirm         | ok
"""

# Who vouched for an order lifts it, or whoever needs nobody to vouch.
GUARDED = """
by another guardian   | live, freeze_units 0 5 via=operator vouch=lender,
                      |                     | lift operator rival | no_channel
by the operator alone | live, freeze_units 0 5 via=operator vouch=lender,
                      |                     | lift operator       | no_channel
by the guardian alone | live, freeze_units 0 5 via=operator vouch=lender,
                      |                     | lift lender         | no_channel
by its guardian       | live, freeze_units 0 5 via=operator vouch=lender,
                      |                     | lift operator lender | ok
by a regulator        | live, freeze_units 0 5 via=operator vouch=lender,
                      |                     | lift                | ok
an insolvency         | live, ruin alpha via=operator vouch=lender,
                      |                     | lift operator rival | no_channel
"""

# A term of thousands of years keeps what it is about for ever.
DAYS = """
kept for ten years       | | deal suspense_days=3660                     | ok
a day longer             | | deal suspense_days=3661                     | bad_body
never due                | | deal payout_days=3661                       | bad_body
never late               | | deal late_close_days=3661                   | bad_body
contested for ever       | | deal dispute_days=3661                      | bad_body
called on for ever       | | deal recourse_days=3661                     | bad_body
short for ever           | | deal tolerance_days=3661                    | bad_body
in grace for ever        | | deal grace_days=3661 late_from=grace        | bad_body
in grace for ten years   | | deal grace_days=3660 late_from=grace        | ok
"""

# Delta is one person that gives 1000 a day; it holds 2000 of alpha, with recourse.
ONE_PERSON = """
it calls on who passed it | alone, live days=3, transfer 0 2000 delta recourse=with,
                          | wait 9, close -1 | call 2002 | ok
and gives it back, paid   | alone, live days=3, transfer 0 2000 delta recourse=with,
                          | wait 9, close -1, call 2002,
                          | price payer=alpha | held alpha | 1000000
on its own word never     | alone, live days=3, transfer 0 2000 delta recourse=with,
                          | wait 9, close -1 | call 2002 way=direct | wrong_way
but in its band           | alone, live days=3, transfer 0 999 delta recourse=with,
                          | wait 9, close -1 | call 1000 way=direct | ok
it passes on as before    | alone, live days=3, transfer 0 2000 delta recourse=with,
                          | wait 9,
                          | close -1 | transfer 0 2000 gamma aware=1 | one_person
"""

# Who gets its money back from the account and from its own bank owes one of them.
REFUNDED = """
not sent yet: it stays    | stray 9, give_back 9, take_back 9 | books payable | 0
and nobody owes anything  | stray 9, give_back 9, take_back 9 | books claims | 0
sent: the remitter owes   | stray 9 payer=gamma, give_back 9, pick_return,
                          | instruct, attest, take_back 9 | owes_refund gamma | 9
under way: it owes, too   | stray 9 payer=gamma, give_back 9, pick_return,
                          | instruct, take_back 9 | owes_refund gamma | 9
of nobody known           | stray 9, give_back 9, pick_return,
                          | instruct, attest, take_back 9 | owes_refund bank | 9
no misfit                 | stray 9, give_back 9, pick_return,
                          | instruct, attest, take_back 9 | misfit | none
in two parts              | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 4, take_back 5 b2 | owes_refund gamma | 9
but not twice             | stray 9, give_back 9, pick_return, instruct, attest,
                          | take_back 9, take_back 1 b2 | misfit | reversal_too_large
a part sent, a part not   | stray 9 payer=gamma, give_back 4, pick_return, instruct,
                          | give_back 5, take_back 9 | owes_refund gamma | 4
what is unsent goes first | stray 9 payer=gamma, give_back 4, pick_return, instruct,
                          | give_back 5, take_back 5 | owes_refund gamma | 0
bounced, nothing is owed  | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 9, bounce | owes_refund gamma | 0
and nothing goes again    | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 9, bounce | credited gamma | 0
nor in the books          | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 9, bounce | books payable | 0
what was left of it does  | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 4, bounce | payouts gamma | due/5
rejected: likewise        | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | take_back 9, status rejected | owes_refund gamma | 0
back before it is booked  | stray 9 payer=gamma, give_back 9, pick_return, instruct,
                          | take_back 9, bounce, attest | books payable | 0
of nobody known, bounced  | stray 9, give_back 9, pick_return, instruct,
                          | attest, take_back 9, bounce | owes_refund bank | 0
what a holding repaid     | live face=9 days=3, transfer 0 9 gamma,
                          | receive 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 9, wait 3, receive 4 k2, bounce,
                          | | payouts gamma | due/4
before what holders got   | live face=9 days=3, wait 3, receive 12, give_back 3,
                          | take_back 3 | state | settled
they answer for the rest  | live face=9 days=3, wait 3, receive 12, give_back 3,
                          | take_back 5 | sum_of live | 2
and with what was sent    | live face=9 days=3, wait 3, receive 12, give_back 3,
                          | pick_return, instruct, take_back 12 | sum_of live | 9
kept of what it gets here | live face=9 days=3, transfer 0 9 gamma,
                          | receive 9 payer=gamma, give_back 9, pick_return, instruct,
                          | attest, take_back 9, wait 3, receive 9 k2,
                          | | owes_refund gamma | 0
"""

# A debtor and one friendly holder stop the day from being judged for anybody.
CONTESTED = """
two disputes side by side | soft face=1000 days=3, contest 500 tile=0,
                          | contest 500 tile=0        | merge 0 500 | not_mergeable
their day is judged       | soft face=1000 days=3, contest 500 tile=0,
                          | contest 500 tile=0, wait 9, close -1 | state | overdue
a part of one is joined   | soft face=1000 days=3, contest 500 tile=0,
                          | split 700 tile=500        | merge 500 700 | ok
one ended, both are free  | soft face=1000 days=3, contest 500 tile=0,
                          | contest 500 tile=0, past  | merge 0 500 | ok
"""

# Who gives little up for lost gives up nothing that it gets later.
GIVEN_UP = """
for what it held then     | live days=3, transfer 0 5 gamma, wait 5, close -1,
                          | give_up gamma, transfer 5 900000 gamma tile=5 aware=1,
                          | give_up alpha | state | default
it agrees for all of it   | live days=3, transfer 0 5 gamma, wait 5, close -1,
                          | give_up gamma, transfer 5 900000 gamma tile=5 aware=1,
                          | give_up alpha, give_up gamma | state | closed
for more than is left     | live days=3, transfer 0 900 gamma, wait 5, close -1,
                          | give_up gamma, transfer 0 800 alpha aware=1,
                          | give_up alpha | state | closed
"""

# Money that may be recalled has asked nobody where the next is paid to.
MOVED = """
all paid, may be recalled | deal recall_days=30, live face=1000 days=3, wait 3,
                          | receive 1000, propose, wait 21 | judged | lapsed busy False
proposed before           | deal recall_days=60, live face=1000 days=3, propose,
                          | wait 3, receive 1000, wait 18  | judged | lapsed busy False
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    more = (
        make_actor("regulator", "regulator"),
        make_actor("firm", "debtor", group="firm"),
        make_actor("firmbank", "settlement_bank", group="firm"),
        make_actor("rival", "lender"),
        make_actor("delta", "supplier"),
    )
    stage = Stage(more=more)
    yield stage
    stage.check()


@rows(OWN_ACCOUNTS)
def test_money_leaves_its_debtor(stage: Stage, row: Row) -> None:
    """A debtor is discharged by nothing that its own group keeps."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(INSOLVENT)
def test_the_insolvent_begin_nothing(stage: Stage, row: Row) -> None:
    """Neither side of new business is insolvent."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(GUARDED)
def test_orders_end_as_they_were_vouched_for(stage: Stage, row: Row) -> None:
    """The operator looks for no other guardian to end an order with."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(DAYS)
def test_terms_end(stage: Stage, row: Row) -> None:
    """No term that is counted in days is longer than ten years."""
    assert row.answer(stage) == row.code


@rows(ONE_PERSON)
def test_one_person_calls_on_recourse(stage: Stage, row: Row) -> None:
    """Who holds more than its band is not without recourse for that."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(REFUNDED)
def test_nobody_is_paid_back_twice(stage: Stage, row: Row) -> None:
    """What went back to its remitter and was recalled by its bank is claimed."""
    assert row.answer(stage) == row.code


@rows(CONTESTED)
def test_disputes_keep_apart(stage: Stage, row: Row) -> None:
    """Units of one dispute never join those of another."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(GIVEN_UP)
def test_agreement_is_for_what_was_signed(stage: Stage, row: Row) -> None:
    """An agreement to close covers the units that its signer held."""
    calm(stage)
    assert row.answer(stage) == row.code


@rows(MOVED)
def test_nobody_asked_means_no_change(stage: Stage, row: Row) -> None:
    """A paid receivable keeps the account that its holders knew."""
    calm(stage)
    assert row.answer(stage) == row.code
