"""Freeze orders: who places them, what stands still, where money goes."""

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
        make_actor("second", "regulator"),
        make_actor("insider", "lender", group="house"),
        make_actor("agent", "settlement_agent"),
        make_actor("delta", "supplier"),
        make_actor("buyer", "debtor"),
    )
    stage = Stage(more=more)
    yield stage
    stage.check()


CHANNELS = """
by nobody known         | live                   | freeze_member via=nobody | not_found
by the operator alone   | live                 | freeze_member via=operator | no_channel
by a lender             | live                   | freeze_member via=lender | no_channel
by a bank with a lender | live        | freeze_member via=bank vouch=lender | no_channel
a guarded regulator     | live   | freeze_member via=regulator vouch=lender | no_channel
with a supplier         | live      | freeze_member via=operator vouch=beta | no_channel
of the operator's group | live,
                        |    | freeze_member via=operator vouch=insider | group_conflict
by whom it is about     | live, , , ,
                        | ,
         | | freeze_member lender via=operator vouch=lender | group_conflict
without its guardian    | live, , , ,
                        | ,
         | | freeze_member via=operator vouch=lender by=operator | wrong_signers
with too much           | live                   | freeze_member lo=5 | bad_cover
with too little         | live     | freeze amount member=alpha currency=CNY | bad_cover
of nobody               | live                   | freeze_member nobody | not_found
of an unknown account   | live                 | freeze account account=none | not_found
with no time left       | live                   | freeze_member days=0 | bad_expiry
for a millisecond       | live                   | freeze_member delta days=0 ms=1 | ok
an empty interval       | live                   | freeze_units 5 5 | bad_cut
beyond the face         | live                   | freeze_units 5 1000001 | bad_cut
of what is not live     | submit                 | freeze_units 0 5 | not_found
of units by a regulator | live                   | freeze_units 0 5 | ok
with a guardian         | live         | freeze_units 0 5 via=operator vouch=lender | ok
"""

RELEASES = """
of no order            | live                   | lift | not_found
by the operator alone  | live, freeze_units 0 5 | lift operator | no_channel
by another regulator   | live, freeze_units 0 5 | lift second | no_channel
by operator and lender | live, freeze_units 0 5 | lift operator lender | no_channel
by its regulator       | live, freeze_units 0 5 | lift | ok
twice                  | live, freeze_units 0 5, lift | lift | order_over
by its channel         | live, freeze_units 0 5 via=operator vouch=lender,
                       |                        | lift operator lender | ok
at its last moment     | live, freeze_units 0 5 days=1, past 0 | lift | ok
after it               | live, freeze_units 0 5 days=1, past 1 | lift | order_over
what has expired       | live, freeze_units 0 5 days=1, wait 2 | order_state | expired
"""

UNITS = """
expired and joined at once | live, freeze_units 5 10 days=1, past 1,
                           | merge 0 5              | order_state | expired
frozen ones are offered    | live, freeze_units 0 5 | offer 0 5 | frozen
transferred                | live, freeze_units 0 5 | transfer 0 5 | frozen
split                      | live, freeze_units 0 5 | split 2 | frozen
merged                     | live, freeze_units 0 5 | merge 0 5 | frozen
merged from the left       | live, freeze_units 5 10 | merge 0 5 | frozen
cancelled                  | live, freeze_units 0 5 | cancel_live | frozen
what lies beside passes on | live, freeze_units 0 5 | transfer 5 9 tile=5 | ok
an offer of them ends      | live, offer 0 1, freeze_units 0 5 | take | offer_over
one of the same tile too   | live, offer 9 10, freeze_units 0 5 | take | offer_over
one beside it stands       | live, split 9, offer 9 10 tile=9,
                           | freeze_units 0 5       | take | ok
its lock is gone           | live, offer 9 10,
                           | freeze_units 0 5       | transfer 9 20 tile=5 | ok
at the last moment         | live, freeze_units 0 5 days=1,
                           | past 0                 | transfer 0 5 | frozen
a moment later             | live, freeze_units 0 5 days=1, past 1 | transfer 0 5 | ok
released                   | live, freeze_units 0 5, lift | transfer 0 5 | ok
released of one of two     | live, freeze_units 0 9, freeze_units 0 5,
                           | lift                   | transfer 0 5 | frozen
retired and back           | paid 9, freeze_units 999990 1000000, reverse 9,
                           |      | transfer 999995 1000000 tile=999991 aware=1 | frozen
"""

MEMBERS = """
called back by recourse        | backed 9, freeze_member beta | call 1001 | frozen
a frozen member's units        | live supplier=gamma,
                               | freeze_member gamma    | transfer 0 5 | frozen
a frozen member offers nothing | live supplier=gamma,
                               | freeze_member gamma    | offer 0 5 | frozen
its offers end                 | live supplier=gamma, offer 0 5,
                               | freeze_member gamma    | take | offer_over
it may receive                 | live, freeze_member gamma | transfer 0 5 gamma | ok
of a member released           | live supplier=gamma, freeze_member gamma,
                               | lift                   | transfer 0 5 | ok
more than an amount leaves     | live supplier=delta,
                               | freeze_but 400000      | transfer 0 400000 | ok
one unit too many              | live supplier=delta,
                               | freeze_but 400000      | transfer 0 400001 | frozen
from an offer made before      | live supplier=delta, offer 0 400001,
                               | freeze_but 400000      | take | frozen
two amounts add up             | live supplier=delta, freeze_but 400000,
                               | freeze_amount 399999 delta | transfer 0 2 | frozen
two amounts, one unit left     | live supplier=delta, freeze_but 400000,
                               | freeze_amount 399999 delta | transfer 0 1 | ok
in another currency            | live supplier=delta,
                               | freeze_but 0 currency=EUR | transfer 0 400001 | ok
"""


MONEY = """
held for a member           | live days=3, freeze_member, wait 3,
                            | receive 9              | payable alpha held | 9
none of it due              | live days=3, freeze_member, wait 3,
                            | receive 9              | payable alpha due | 0
held for one of two         | live days=3, transfer 0 500000, freeze_member, wait 3,
                            | receive 10             | payable beta due | 5
and for the other           | live days=3, transfer 0 500000, freeze_member, wait 3,
                            | receive 10             | payable alpha held | 5
sent elsewhere              | live days=3, freeze_member elsewhere=1, wait 3,
                            | receive 9              | payable alpha sent_on | 9
what was due before         | paid 9, freeze_member  | payable alpha held | 9
what was sent before        | sent 9, freeze_member  | payable alpha instructed | 9
what comes back             | sent 9, freeze_member, attest,
                            | attest return          | payable alpha held | 9
due again when released     | paid 9, freeze_member, lift | payable alpha due | 9
and to its own account      | paid 9, freeze_member elsewhere=1,
                            | lift                   | payable alpha due | 9
due again when it expires   | paid 9, freeze_member days=1,
                            | wait 2                 | payable alpha due | 9
under the next order        | paid 9, freeze_member rank=2, freeze_member rank=1,
                            | lift                   | payable alpha held | 9
an amount of it             | live days=3, freeze_amount 4, wait 3,
                            | receive 9              | payable alpha held | 4
the rest is free            | live days=3, freeze_amount 4, wait 3,
                            | receive 9              | payable alpha due | 5
not twice                   | live days=3, freeze_amount 4, wait 3, receive 9,
                            | receive 9 k2           | payable alpha held | 4
up to it in two payments    | live days=3, freeze_amount 10, wait 3, receive 9,
                            | receive 9 k2           | payable alpha due | 8
by rank                     | live days=3, freeze_amount 4 rank=2,
                            | freeze_amount 7 rank=1 elsewhere=1, wait 3,
                            | receive 9              | payable alpha held | 2
first rank first            | live days=3, freeze_amount 4 rank=2,
                            | freeze_amount 7 rank=1 elsewhere=1, wait 3,
                            | receive 9              | payable alpha sent_on | 7
by order in one rank        | live days=3, freeze_amount 4, freeze_amount 7 elsewhere=1,
                            | wait 3, receive 9      | payable alpha held | 4
in another currency         | live days=3, freeze_amount 4 currency=EUR, wait 3,
                            | receive 9              | payable alpha due | 9
money of frozen units       | live days=3, freeze_units 999995 1000000, wait 3,
                            | receive 9              | payable alpha held | 5
units below get theirs last | live days=3, freeze_units 0 5, wait 3,
                            | receive 999996         | payable alpha held | 1
all of them                 | live days=3, freeze_units 0 5, wait 3,
                            | receive 1000000        | payable alpha held | 5
units before their holder   | live days=3, freeze_units 999995 1000000 rank=1,
                            | freeze_member rank=2 elsewhere=1, wait 3,
                            | receive 9              | payable alpha held | 5
their holder before them    | live days=3, freeze_units 999995 1000000 rank=2,
                            | freeze_member rank=1 elsewhere=1, wait 3,
                            | receive 9              | payable alpha sent_on | 9
from a frozen account       | live days=3, freeze account account=it, wait 3,
                            | receive 9              | payable alpha held | 9
what it owed before         | paid 9, freeze account account=it | payable alpha held | 9
to a frozen account         | live days=3,
                            | freeze payout_account member=alpha currency=CNY, wait 3,
                            | receive 9              | payable alpha held | 9
whose units are free        | live, freeze payout_account member=alpha currency=CNY,
                            |                        | transfer 0 5 | ok
in the other currency       | live days=3,
                            | freeze payout_account member=alpha currency=EUR, wait 3,
                            | receive 9              | payable alpha due | 9
late interest too           | live days=3, freeze_member, wait 4, close -1,
                            | receive 1000000,
                            | receive 1000 k2        | payable alpha held | 1000167
interest paid last          | live days=3, freeze_units 500000 1000000, wait 4,
                            | close -1, receive 1000000,
                            | receive 1000 k2        | payable alpha held | 500084
with what others still get  | live days=3, freeze_units 500000 1000000, wait 4,
                            | close -1, receive 600000,
                            | receive 1000000 k2     | payable alpha held | 500084
by the days it ran          | live days=3, freeze_units 500000 1000000, wait 4,
                            | close -1, receive 500000, wait 9,
                            | receive 1000000 k2     | payable alpha held | 500083
held is not sent            | paid 9, freeze_member,
                            | pick                   | instruct | wrong_state_of_payout
at the last moment          | paid 9, freeze_member days=1, pick,
                            | past 0                 | instruct | wrong_state_of_payout
a moment later              | paid 9, freeze_member days=1, pick, past 1 | instruct | ok
redirected is sent          | live days=3 supplier=delta,
                            | freeze_member delta elsewhere=1, wait 3, receive 9,
                            | pick delta             | instruct | ok
back when its order is over | paid 9, freeze_member elsewhere=1, pick, instruct,
                            | attest, lift,
                            | attest return          | payable alpha due | 9
a reversal takes it back    | live days=3, freeze_member, wait 3, receive 9,
                            | reverse 9              | payable alpha held | 0
and an amount is free again | live days=3, freeze_amount 4, wait 3, receive 9,
                            | reverse 9, receive 9 k2 | payable alpha held | 4
"""

CUT = """
of what is due an amount    | paid 9, freeze_amount 4 | payable alpha held | 4
and no more                 | paid 9, freeze_amount 4 | payable alpha due | 5
which alone is sent         | paid 9, freeze_amount 4, pick alpha due,
                            | instruct               | payable alpha instructed | 5
held is not                 | paid 9, freeze_amount 4,
                            | pick alpha held        | instruct | wrong_state_of_payout
or goes elsewhere           | paid 9,
                            | freeze_amount 4 elsewhere=1 | payable alpha sent_on | 4
due again                   | paid 9, freeze_amount 4, lift | payable alpha due | 9
of two payments the older   | paid 9, wait 1, receive 3 k2,
                            | freeze_amount 10       | payable alpha due | 2
by two orders               | paid 9, freeze_amount 4, freeze_amount 3 elsewhere=1,
                            |                        | payable alpha held | 4
and by the second           | paid 9, freeze_amount 4, freeze_amount 3 elsewhere=1,
                            |                        | payable alpha sent_on | 3
of what was small           | deal payout_min_minor=100, paid 9,
                            | freeze_amount 4        | payable alpha held | 4
the rest stays small        | deal payout_min_minor=100, paid 9,
                            | freeze_amount 4        | payable alpha small | 5
and is asked for            | deal payout_min_minor=100, paid 9,
                            | freeze_amount 4, request | payable alpha due | 5
of what comes back          | sent 9, freeze_amount 4, attest,
                            | attest return          | payable alpha held | 4
of what a bank rejects      | sent 9, freeze_amount 4,
                            | status rejected        | payable alpha held | 4
the rest is sent once more  | sent 9, freeze_amount 4, status rejected,
                            | pick alpha due, instruct | payable alpha instructed | 5
of what another order frees | paid 9, freeze account account=it days=1,
                            | freeze_amount 4, wait 2 | payable alpha held | 4
only so much of it          | paid 9, freeze account account=it days=1,
                            | freeze_amount 4, wait 2 | payable alpha due | 5
before its work is done     | paid 9, freeze account account=it days=1,
                            | freeze_amount 4 days=1 ms=60000, pick,
                            | past -30000            | instruct | wrong_state_of_payout
of what was cut off before  | paid 9, freeze_amount 7 days=1, freeze_amount 4,
                            | wait 2                 | payable alpha held | 4
all else is free            | paid 9, freeze_amount 7 days=1, freeze_amount 4,
                            | wait 2                 | payable alpha due | 5
a claim comes first         | sent 9, reverse 9, freeze_amount 4,
                            | receive 12 k2          | payable alpha held | 3
reversed: what is free      | paid 9, freeze_amount 4,
                            | reverse 3              | payable alpha held | 4
then what is held           | paid 9, freeze_amount 4,
                            | reverse 7              | payable alpha held | 2
then nothing is             | paid 9, freeze_amount 4, reverse 9 | order_taken | 0
but what was sent is owed   | paid 9, freeze_amount 4, pick alpha due, instruct,
                            | reverse 9              | claimed alpha | 5
cut twice and reversed      | paid 9, freeze_amount 7 days=1, freeze_amount 4,
                            | wait 2, reverse 9      | payable alpha due | 0
of a price                  | sold, price, freeze_amount 250 | payable alpha held | 250
that is taken back          | sold, price, freeze_amount 250,
                            | price_back             | order_taken | 0
what was sent of it is owed | sold, price, freeze_amount 250, pick alpha due,
                            | instruct, price_back   | claimed alpha | 99000
"""

TRICKS = """
small sums are not asked for  | deal payout_min_minor=100, paid 9, freeze_member,
                              |                      | request | wrong_state_of_payout
nor those that come           | deal payout_min_minor=100, live days=3, freeze_member,
                              | wait 3, receive 9    | request | wrong_state_of_payout
nor sent when they are old    | deal payout_min_minor=100 payout_days=1, paid 9,
                              | freeze_member, wait 3 | payable alpha due | 0
nor when all is settled       | deal payout_min_minor=9000000, paid 9, freeze_member,
                              | receive 999991 k2    | payable alpha due | 0
not to another account        | live days=3, freeze_member, register alpha new,
                              | verify alpha new, wait 3, receive 9,
                              | wait 7               | payable alpha due | 0
nor of what it has been paid  | paid 9, freeze payout_account member=alpha currency=CNY,
                              | register alpha newer, verify alpha newer,
                              | wait 7               | payable alpha held | 9
nor of what comes then        | live days=3, register alpha newest, verify alpha newest,
                              | freeze payout_account member=alpha currency=CNY, wait 7,
                              | receive 9            | payable alpha held | 9
to a frozen account sent back | sent 9, freeze payout_account member=alpha currency=CNY,
                              | register alpha last, verify alpha last, wait 7, attest,
                              | attest return        | payable alpha held | 9
not twice in one list         | paid 9, freeze_amount 4, pick alpha due,
                              |                    | instruct 2 | wrong_state_of_payout
not of units passed on        | live days=3, freeze_units 999995 1000000,
                              | transfer 0 999995, wait 3,
                              | receive 1000000      | payable alpha held | 5
"""

AGAIN = """
another order on the units    | live days=3, freeze_units 0 1000000 rank=2,
                              | freeze_units 0 1000000, wait 3, receive 9,
                              | lift                  | payable alpha held | 9
when the first expires        | live days=3, freeze_units 0 1000000 days=4,
                              | freeze_units 0 1000000, wait 3, receive 9,
                              | wait 2                | payable alpha held | 9
at that very moment           | live days=3, freeze_units 0 1000000 rank=2,
                              | freeze_units 0 1000000 days=4, wait 3, receive 9,
                              | pick, past 1          | instruct | wrong_state_of_payout
and says where it goes        | live days=3, freeze_units 0 1000000 days=4,
                              | freeze_units 0 1000000 elsewhere=1, wait 3, receive 9,
                              | wait 2                | payable alpha sent_on | 9
on some of the units          | live days=3, freeze_units 999990 1000000 days=4,
                              | freeze_units 999995 1000000, wait 3, receive 9,
                              | wait 2                | payable alpha held | 5
but not on the others         | live days=3, freeze_units 999990 1000000 days=4,
                              | freeze_units 999995 1000000, wait 3, receive 9,
                              | wait 2                | payable alpha due | 4
that was placed too late      | live days=3, freeze_units 0 1000000 days=4, wait 3,
                              | receive 9, freeze_units 0 1000000,
                              | wait 2                | payable alpha due | 9
when both have ended          | live days=3, freeze_units 0 1000000 days=5,
                              | freeze_units 0 1000000 days=4, wait 3, receive 9,
                              | wait 3                | payable alpha due | 9
then an amount of it          | live days=3, freeze_units 0 1000000 days=4,
                              | freeze_amount 4, wait 3, receive 9,
                              | wait 2                | payable alpha held | 4
their holder, by rank         | live days=3, freeze_units 0 1000000 days=4,
                              | freeze_units 0 1000000 rank=3,
                              | freeze_member rank=2 elsewhere=1, wait 3, receive 9,
                              | wait 2                | payable alpha sent_on | 9
reversed, it is held no more  | live days=3, freeze_units 0 1000000 days=4,
                              | freeze_units 0 1000000, wait 3, receive 9, wait 2,
                              | reverse 9             | payable alpha held | 0
reversed, and paid once more  | live days=3, freeze_units 0 1000000 days=4,
                              | freeze_units 0 1000000, wait 3, receive 9, wait 2,
                              | reverse 9, receive 9 k2 | payable alpha held | 9
"""

SUSPENSE = """
the payer is frozen         | stray 9 buyer,
                            | freeze_member buyer    | give_back 9 | money_held
the money itself            | stray 9,
                            | freeze receipt receipt=it | give_back 9 | money_held
its account                 | stray 9,
                            | freeze account account=it | give_back 9 | money_held
released                    | stray 9, freeze receipt receipt=it,
                            | lift                   | give_back 9 | ok
on its way back already     | stray 9, give_back 9, freeze receipt receipt=it,
                            | pick_return            | instruct | wrong_state_of_payout
due again when let go       | stray 9, give_back 9, freeze receipt receipt=it, lift,
                            | pick_return            | instruct | ok
of a frozen payer           | stray 9 buyer, give_back 9, freeze_member buyer,
                            | pick_return            | instruct | wrong_state_of_payout
early money of a frozen one | early 9,
                            | freeze_member debtor   | give_back 9 early | money_held
"""


DEALS = """
a sale of frozen units ends  | sold, freeze_units 0 5 | deal_state | lapsed touched
of another part of the tile  | sold,
                             | freeze_units 500000 500005 | deal_state | lapsed touched
of a frozen seller           | sold, freeze_member    | deal_state | lapsed frozen
its price goes back          | sold, freeze_member,
                             | price                  | paid_out return | lender:99250
of a frozen buyer            | sold, freeze_member lender | deal_state | open
of more than it may pass on  | sold, freeze_but 99999 alpha | deal_state | lapsed frozen
its part is free             | sold, freeze_but 99999 alpha | split 5    | ok
its price goes back, too     | sold, freeze_but 99999 alpha,
                             | price                  | paid_out return | lender:99250
for less it is taken up      | sold, freeze_but 100000 alpha, price | deal_state | moved
in another currency          | sold, freeze_but 0 alpha currency=EUR | deal_state | open
units for their worth        | backed 9, call 1001,
                             | freeze_but 0 beta      | deal_state | open
the price is held            | sold, price, freeze_member | payable alpha held | 99250
an amount takes of it        | sold, freeze_amount 250, price | payable alpha held | 250
until it is taken back       | sold, freeze_amount 250, price,
                             | price_back             | order_taken | 0
and leaves the rest          | sold, freeze_amount 250,
                             | price                  | payable alpha due | 99000
of an insolvent seller       | sold, ruin alpha       | deal_state | open
stands and is paid           | sold, ruin alpha, price | deal_state | moved
to its administrator         | sold, ruin alpha, price | payable alpha sent_on | 99250
its request has lapsed       | live, ask 0 5, ruin alpha | bid | request_over
its quote has lapsed         | live, ask 0 5, bid, ruin lender | buy | quote_over
"""


def answer(stage: Stage, row: Row) -> str:
    """Return a row's answer; its orders end with it."""
    found = row.answer(stage)
    calm(stage)
    return found


@rows(CHANNELS, RELEASES)
def test_channels(stage: Stage, row: Row) -> None:
    """Each way to place or end an order is answered with its code."""
    assert answer(stage, row) == row.code


@rows(UNITS, MEMBERS, DEALS)
def test_units(stage: Stage, row: Row) -> None:
    """What is frozen stays, what is not passes on."""
    assert answer(stage, row) == row.code


@rows(MONEY, CUT, TRICKS, AGAIN, SUSPENSE)
def test_money(stage: Stage, row: Row) -> None:
    """Money under an order waits or goes where the order says."""
    assert answer(stage, row) == row.code
