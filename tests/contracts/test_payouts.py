"""Payouts on their way: mandates, attempts, small sums, charges; and aged money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import make_actor


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows, with an agent of two persons."""
    agent = make_actor("agent", "settlement_agent", persons=2)
    stage = Stage(more=[agent, make_actor("buyer", "debtor")])
    yield stage
    stage.check()


MANDATES = """
by somebody else     | live                        | mandate by=debtor | wrong_signers
of yesterday         | live                        | mandate until=-2  | no_mandate
where there was none | open_account limit=0, paid 9, pick,
                     | mandate                     | instruct          | ok
in place of another  | open_account limit=8, paid 9, pick,
                     | mandate 9                   | instruct          | ok
lower than before    | paid 9, pick, mandate 8     | instruct          | no_mandate
withdrawn            | paid 9, pick, end_mandate   | instruct          | no_mandate
withdrawn by another | live | end_mandate by=alpha | wrong_signers
withdrawn, not known | live                        | end_mandate other | no_mandate
withdrawn twice      | live, end_mandate           | end_mandate       | no_mandate
given once more      | paid 9, pick, end_mandate,
                     | mandate                     | instruct          | ok
used up              | open_account limit=10, sent 9,
                     | wait 1, receive 2 k2, pick | instruct | no_mandate
used up by the paid  | open_account limit=10, sent 9, attest,
                     | wait 1, receive 2 k2, pick | instruct | no_mandate
not by the rejected  | open_account limit=10, sent 9, status rejected,
                     | wait 1, receive 2 k2, pick          | instruct          | ok
not by the returned  | open_account limit=10, sent 9, attest, attest return,
                     | wait 1, receive 2 k2, pick          | instruct          | ok
counted              | sent 9                      | used              | 9
counted no more      | sent 9, status rejected     | used              | 0
of another mandate   | sent 9, mandate, status rejected | used         | 0
"""

ATTEMPTS = """
by another attester   | sent 9 | status accepted attester=debtor | wrong_attester
accepted              | sent 9, status accepted             | outcomes | accepted
accepted twice        | sent 9, status accepted,
                      | status accepted                     | outcomes | accepted
accepted and paid     | sent 9, status accepted, attest     | outcomes | paid
accepted when paid    | sent 9, attest, status accepted     | misfit   | none
rejected              | sent 9, status rejected             | outcomes | rejected
rejected with reason  | sent 9, status rejected reason=AC04 | field payout state | due
rejected twice        | sent 9, status rejected,
                      | status rejected                     | misfit   | none
rejected when accepted | sent 9, status accepted,
                      | status rejected                     | outcomes | rejected
and sent again        | sent 9, status rejected, instruct,
                      | | outcomes | rejected instructed
and paid              | sent 9, status rejected, instruct,
                      | attest                              | outcomes | rejected paid
the older one again   | sent 9, status rejected, instruct,
                      | status rejected attempt=0 | outcomes | rejected instructed
paid and returned     | sent 9, attest, attest return       | outcomes | returned
and paid once more    | sent 9, attest, attest return, instruct,
                      | attest                              | outcomes | returned paid
a claim for the sent  | sent 9, status accepted, reverse 4  | claimed alpha | 4
none for the rejected | sent 9, status rejected, reverse 4  | claimed alpha | 0
one a day             | live days=3, live days=3, wait 3, receive 5 names=first,
                      | receive 4 k2 names=it               | payouts | due/9
another day's apart   | paid 9, wait 1, receive 1 k2 | payouts | due/9 due/1
each attempt its own  | sent 9, status rejected, instruct   | distinct_ends | 2
no longer than banks' | sent 9                              | longest_end | 35
its list of holdings  | sent 9                              | remitted | 9
of two payments       | paid 9, receive 3 k2, pick          | remitted | 9 3
"""

SMALL = """
below the minimum       | deal payout_min_minor=10, paid 9       | payouts | small/9
not to be sent          | deal payout_min_minor=10, paid 9, pick,
                        | | instruct | wrong_state_of_payout
at the minimum          | deal payout_min_minor=10, paid 10      | payouts | due/10
reaching it             | deal payout_min_minor=10, paid 9,
                        | receive 1 k2                           | payouts | due/10
on another day          | deal payout_min_minor=10, paid 9, wait 1,
                        | receive 1 k2                           | payouts | due/10
from another receivable | deal payout_min_minor=10, live days=3, live days=3,
                        | wait 3, receive 5 names=first,
                        | receive 5 k2 names=it                  | payouts | due/10
on request              | deal payout_min_minor=10, paid 9, request  | payouts | due/9
by somebody else        | deal payout_min_minor=10, paid 9,
                        | | request by=beta | wrong_signers
of nothing              | paid 9 | request | wrong_state_of_payout
at settlement           | deal payout_min_minor=10, live days=3 face=9, wait 3,
                        | receive 9                              | payouts | due/9
at an earlier holder's  | deal payout_min_minor=10, live days=3 face=12, wait 3,
                        | receive 9, receive 3 k2                | payouts | due/12
settled by a waiver     | deal payout_min_minor=10 tolerance_minor=4,
                        | live days=3 face=9, wait 3, receive 5,
                        | waive 4                                | payouts | due/5
by early redemption     | deal payout_min_minor=10, live face=9, pay_now 5,
                        | redeem 0 4 3, price payer=debtor | payable alpha due | 8
by a reduction          | deal payout_min_minor=10 undertaking=subject_to_defences,
                        | live days=3 face=9, wait 3, receive 5,
                        | reduce 4                               | payouts | due/5
before its days are over | deal payout_min_minor=10 payout_days=5, paid 9,
                        | wait 4                                 | payouts | small/9
after its days          | deal payout_min_minor=10 payout_days=5, paid 9,
                        | wait 5                                 | payouts | due/9
emptied: its days anew  | deal payout_min_minor=10 payout_days=5, paid 9, reverse 9,
                        | wait 3, receive 5 k2, wait 2       | payouts | small/5
and after them          | deal payout_min_minor=10 payout_days=5, paid 9, reverse 9,
                        | wait 3, receive 5 k2, wait 5       | payouts | due/5
shrinking               | deal payout_min_minor=10, paid 9, reverse 4,
                        | | payouts | small/5
with no claim           | deal payout_min_minor=10, paid 9, reverse 4,
                        | | claimed alpha | 0
"""

# Money of a payout that its bank takes back while it is sent, and then it bounces.
LOST = """
a part of it             | sent 9, attest, reverse 4, bounce     | payouts | due/5
is owed no more          | sent 9, attest, reverse 4, bounce     | claimed alpha | 0
nor in the books         | sent 9, attest, reverse 4, bounce     | books claims | 0
nor to be paid           | sent 9, attest, reverse 4, bounce     | books payable | 5
the rest goes again      | sent 9, attest, reverse 4, bounce, instruct, attest,
                         | | outcomes | returned paid
the whole                | sent 9, attest, reverse 9, bounce     | payouts |
is over                  | sent 9, attest, reverse 9, bounce,
                         | | field payout state | cancelled
is owed no more, either  | sent 9, attest, reverse 9, bounce     | claimed alpha | 0
and is not sent again    | sent 9, attest, reverse 9, bounce,
                         | | instruct | wrong_state_of_payout
later money is paid      | sent 9, attest, reverse 9, bounce, wait 1,
                         | receive 7 k2                          | payouts | due/7
in two reversals         | sent 9, attest, reverse 4, reverse 3 r2, bounce,
                         | | payouts | due/2
one before, one after    | sent 9, attest, reverse 4, bounce, reverse 3 r2,
                         | | payouts | due/2
bounced twice            | sent 9, attest, reverse 4, bounce, instruct, attest key=k2,
                         | reverse 3 r2, bounce                  | payouts | due/2
later money had paid it  | sent 9, attest, reverse 4, wait 1, receive 6 k2,
                         | bounce                                | payouts | due/9 due/2
later money had paid some | sent 9, attest, reverse 4, wait 1, receive 3 k2,
                         | bounce                                | payouts | due/8
and all is quits         | sent 9, attest, reverse 4, wait 1, receive 3 k2,
                         | bounce                                | claimed alpha | 0
told, and rejected       | sent 9, reverse 4, status rejected    | payouts | due/5
accepted, and rejected   | sent 9, status accepted, reverse 4,
                         | status rejected                       | payouts | due/5
told, not known yet      | sent 9, reverse 4                     | claimed alpha | 4
back before it is booked | sent 9, reverse 4, bounce, attest     | payouts | due/5
rejected, yet paid       | sent 9, reverse 4, status rejected, attest off=4,
                         | clear apply                           | books own | 0
all lost, rejected, paid | sent 9, reverse 9, status rejected, attest off=9,
                         | clear apply                           | outcomes | paid
of two receivables       | live days=3, live days=3, wait 3, receive 5 names=first,
                         | receive 4 k2 names=it, pick, instruct, attest, reverse 3,
                         | bounce                                | payouts | due/6
and the books know which | live days=3, live days=3, wait 3, receive 5 names=first,
                         | receive 4 k2 names=it, pick, instruct, attest, reverse 3,
                         | bounce                                | remits | 5 1
another's claim stays    | live days=3, transfer 0 500000, wait 3, receive 10, pick,
                         | instruct, attest, pick beta, instruct, attest, reverse 10,
                         | bounce                                | claimed alpha | 5
what it nets is not lost | sent 9, attest, reverse 4, wait 1, receive 6 k2,
                         | pick, instruct, attest, reverse 5 r2, bounce,
                         | | payouts | paid/9
of that, two is claimed  | sent 9, attest, reverse 4, wait 1, receive 6 k2,
                         | pick, instruct, attest, reverse 5 r2  | claimed alpha | 5
three is, once it is back | sent 9, attest, reverse 4, wait 1, receive 6 k2,
                         | pick, instruct, attest, reverse 5 r2, bounce,
                         | | claimed alpha | 3
paid by money lost, too  | sent 9, attest, reverse 4, wait 1, receive 4 k2,
                         | bounce, reverse 4 r2                  | payouts | due/5
no claim beside it       | sent 9, attest, reverse 4, wait 1, receive 4 k2,
                         | bounce, reverse 4 r2                  | claimed alpha | 0
a part of that           | sent 9, attest, reverse 4, wait 1, receive 4 k2,
                         | bounce, reverse 3 r2                  | payouts | due/6
paid by much, sent, lost | sent 9, attest, reverse 4, wait 1, receive 6 k2, bounce,
                         | pick alpha due, instruct, reverse 6 r2,
                         | | payouts | due/5 instructed/2
charges stay charges     | deal charges_to=payee, sent 9, attest, reverse 4,
                         | bounce 2                              | payouts | due/5
and are owed             | deal charges_to=payee, sent 9, attest, reverse 4,
                         | bounce 2                              | owes_charges | 2
a mandate is freed whole | sent 9, attest, reverse 4, bounce     | used | 0
"""

# The same, of what orders took and of prices.
LOST_APART = """
the order has the rest   | live face=9 days=3, wait 3, receive 9, freeze_amount 4,
                         | pick alpha due, instruct, attest, reverse 7,
                         | bounce                         | payable alpha held | 2
and nothing of the lost  | live face=9 days=3, wait 3, receive 9, freeze_amount 4,
                         | pick alpha due, instruct, attest, reverse 7,
                         | bounce                         | order_taken | 2
placed while it is sent  | sent 9, attest, freeze_member, reverse 4,
                         | bounce                         | payable alpha held | 5
on an amount             | sent 9, attest, freeze_amount 7, reverse 4,
                         | bounce                         | order_taken | 5
on a smaller one         | sent 9, attest, freeze_amount 3, reverse 4,
                         | bounce                         | payable alpha due | 2
sent to a court          | live face=9 days=3, freeze_member elsewhere=1, wait 3,
                         | receive 9, pick, instruct, attest, reverse 4,
                         | bounce                         | payable alpha sent_on | 5
a part sent to a court   | live face=9 days=3, freeze_amount 4 elsewhere=1, wait 3,
                         | receive 9, pick, instruct, attest, reverse 9,
                         | bounce                         | claimed alpha | 0
is no more taken         | live face=9 days=3, freeze_amount 7 elsewhere=1, wait 3,
                         | receive 7, pick, instruct, attest, reverse 3,
                         | bounce                         | order_taken | 4
paid by money lost, held | sent 9, attest, freeze_amount 8, reverse 4, wait 1,
                         | receive 4 k2, bounce, reverse 4 r2 | payouts | held/5
a price, all of it       | bought, pick, instruct, attest, price_back,
                         | bounce                         | claimed alpha | 0
nothing is left of it    | bought, pick, instruct, attest, price_back,
                         | bounce                         | credited alpha | 0
of which one is kept     | bought, pick, instruct, attest, price_back -9,
                         | bounce                         | credited alpha | 9
the buyer owes no bank   | bought, transfer 0 1 gamma, pick, instruct, attest,
                         | price_back, bounce             | claimed lender | 0
but its seller           | bought, transfer 0 1 gamma, pick, instruct, attest,
                         | price_back, bounce             | figure owed | 99250
as if it were not sent    | bought, transfer 0 1 gamma, price_back | figure owed | 99250
a redemption's price     | live face=1000 days=30, redeem 0 400 400,
                         | price payer=debtor, pick, instruct, attest,
                         | price_back -100, bounce        | payouts | due/100
and no claim             | live face=1000 days=30, redeem 0 400 400,
                         | price payer=debtor, pick, instruct, attest,
                         | price_back -100, bounce        | claimed alpha | 0
on an account of its own | apart, live, sold, turn, price, pick, instruct, attest,
                         | price_back, bounce                         | books claims | 0
"""

CHARGES = """
a charge is the owner's   | sent 9, attest, bounce 2 | field account charges_minor | 2
the payout is whole       | sent 9, attest, bounce 2 | field payout amount_minor | 9
too little kept           | sent 9, attest, bounce 2, instruct, attest key=k2,
                          | bounce 0 | outcomes | returned returned
the owner's by its terms  | deal charges_to=owner, sent 9, attest,
                          | bounce 2                            | owes_charges | 0
the payee's by its terms  | deal charges_to=payee, sent 9, attest,
                          | bounce 2                            | owes_charges | 2
charged by an own entry   | deal charges_to=payee, sent 9, attest, attest return,
                          | fee 2                               | owes_charges | 2
of a rejected one         | deal charges_to=payee, sent 9, status rejected,
                          | fee 2                               | owes_charges | 2
not of one that was paid  | deal charges_to=payee, sent 9, attest,
                          | fee 2                               | owes_charges | 0
taken from the next money | deal charges_to=payee, sent 9, attest, bounce 2, wait 1,
                          | receive 5 k2                        | payouts | due/9 due/3
and owed no more          | deal charges_to=payee, sent 9, attest, bounce 2, wait 1,
                          | receive 5 k2                        | owes_charges | 0
interest in its own line  | live, entry interest 5              | books interest | 5
another debit is the owner's | live, entry other 5              | books own | -5
"""

AGENTS = """
two persons and the file | open_account bank agent, live,
                         | | entry charge 5 attester=agent | ok
a day without its file   | open_account bank agent, live,
                         | | close attester=agent | file_hash_missing
a reversal without it    | open_account bank agent, live,
                         | receive 9 names=it attester=agent,
                         | | reverse 9 attester=agent | file_hash_missing
"""

AGED = """
before its days      | stray 9, wait 90                      | books suspense | 9
after its days       | stray 9, wait 91                      | books suspense | 0
goes back            | stray 9, wait 91, pick_return | field payout amount_minor | 9
after the terms' days | deal suspense_days=5, stray 9, wait 6 | books suspense | 0
what is left of it   | deal suspense_days=5, stray 9, match 4, wait 6,
                     | pick_return | field payout amount_minor | 5
held by somebody     | stray 9 | hold 9 by=debtor | wrong_signers
held                 | deal suspense_days=5, stray 9, hold 9, wait 8,
                     | | books suspense | 9
held no more         | deal suspense_days=5, stray 9, hold 9, wait 9,
                     | | books suspense | 0
held again           | deal suspense_days=5, stray 9, hold 9, hold 12,
                     | wait 11                               | books suspense | 9
its hold ended       | deal suspense_days=5, stray 9, hold 9, hold 0,
                     | wait 6                                | books suspense | 0
of nothing           | early 9                               | hold 9 | not_enough
held by an order     | deal suspense_days=5, stray 9,
                     | freeze receipt receipt=it via=operator vouch=lender,
                     | wait 8                                | books suspense | 9
until it is released | deal suspense_days=5, stray 9,
                     | freeze receipt receipt=it via=operator vouch=lender,
                     | wait 8, lift operator lender, wait 1  | books suspense | 0
"""

MISDIRECTED = """
by nobody's side       | live           | misdirect 5 reporter=buyer      | not_a_party
to nobody              | live           | misdirect 5 recipient=nobody    | not_found
to the debtor          | live           | misdirect 5 recipient=debtor    | not_a_party
signed by another      | live | misdirect 5 by=alpha | wrong_signers
by the debtor          | live           | misdirect 5                     | ok
by the supplier itself | live           | misdirect 5 reporter=alpha      | ok
by a holder            | live, transfer 0 9 | misdirect 5 reporter=beta   | ok
of what was passed on  | live, transfer 0 1000000 beta,
                       | | misdirect 5 recipient=beta reporter=alpha        | ok
of one not live        | submit         | misdirect 5                     | not_found
it discharges nobody   | live days=3, misdirect 1000000, wait 3,
                       | close                             | state         | overdue
paid in by who got it  | live, misdirect 5, receive 5 payer=alpha names=it,
                       | | sum_of waiting | 5
counted down           | live, misdirect 5, receive 4 payer=alpha names=it,
                       | | reported | 1
no more than was got   | live, misdirect 5, receive 9 payer=alpha names=it,
                       | | books suspense | 4
and by nobody else     | live, misdirect 5, receive 5 payer=buyer names=it,
                       | | books suspense | 5
"""


@rows(MANDATES, ATTEMPTS)
def test_attempts(stage: Stage, row: Row) -> None:
    """Nothing is told to a bank without a mandate; each attempt ends once."""
    assert row.answer(stage) == row.code


@rows(LOST)
def test_what_bounced_and_was_lost(stage: Stage, row: Row) -> None:
    """An account does not send again what was taken back of a payout meanwhile."""
    assert row.answer(stage) == row.code


@pytest.fixture(scope="module")
def court() -> Iterator[Stage]:
    """One world for all rows with orders of an authority, and sales."""
    court = Stage(more=(make_actor("regulator", "regulator"),))
    yield court
    court.check()


@rows(LOST_APART)
def test_what_bounced_and_an_order_has(court: Stage, row: Row) -> None:
    """What orders took and what prices paid is lost alike."""
    calm(court)
    assert row.answer(court) == row.code


@rows(SMALL, CHARGES, AGENTS)
def test_sums(stage: Stage, row: Row) -> None:
    """Small sums wait, charges go to whom the programme names."""
    assert row.answer(stage) == row.code


@rows(AGED, MISDIRECTED)
def test_strays(stage: Stage, row: Row) -> None:
    """Money nobody could place, and money that went past the account."""
    assert row.answer(stage) == row.code
