"""Deals: a price is paid, units move; or nothing moves and the money goes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import read_sources
from tests.rows import Row, rows
from tests.sale_verbs import bidders
from tests.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage(more=bidders())
    for name in ("lender", "lender_two", "gamma", "bank"):
        stage.register_payee(name)
    yield stage
    stage.check()


# 100000 units at 4.5 % for 60 days on 360: discount 750, net 99250.

PRICES = """
the price of the deal   | sold               | figure price         | 99250
attested                | sold, price        | deal_state           | moved
to whom                 | sold, price | origin | lender < alpha/without
with recourse           | sold recourse=with, price | origin | lender < alpha/with
what the seller gets    | sold, price        | paid_out price       | alpha:99250
nothing goes back       | sold, price        | paid_out return      | none
the rest stays          | sold, price        | held alpha           | 900000
true discount           | sold method=true_discount | figure net           | 99256
on 365 days             | sold basis=act365f | figure net           | 99260
by the short reference  | sold, price names=short | deal_state           | moved
in capitals             | sold, price names=capitals | deal_state           | moved
with a space in it      | sold, price names=spaced | deal_state           | moved
another reference       | sold, price names=other | deal_state           | open
its money waits         | sold, price names=other payer=nobody | books suspense | 99250
the payer is unknown    | sold, price payer=nobody | deal_state           | moved
at the last moment      | sold, pause_until 0, price | deal_state           | moved
a fee of each side      | fee_deal, sold     | figure price         | 99280
net of the seller's fee | fee_deal, sold     | figure net           | 99100
fees to their payees    | fee_deal, sold, price | paid_out fee | bank:30+gamma:150
the net to the seller   | fee_deal, sold, price | paid_out price       | alpha:99100
all of a holding        | sold 0 1000000, price | held lender          | 1000000
books of the price      | sold, price        | books payable        | 99250
"""

MISFITS = """
one short                | sold, price -1     | deal_state           | open
one short goes back      | sold, price -1     | paid_out return      | lender:99249
one over                 | sold, price 1      | deal_state           | open
one over goes back       | sold, price 1      | paid_out return      | lender:99251
nothing to the seller    | sold, price -1     | paid_out price       | none
short, then right        | sold, price -1, price 0 p2 | deal_state           | moved
right, then again        | sold, price, price 0 p2 | paid_out return      | lender:99250
paid twice, moved once   | sold, price, price 0 p2 | held lender          | 100000
from another member      | sold, price payer=beta | deal_state           | open
back to that member      | sold, price payer=beta | paid_out return      | beta:99250
back to an unknown payer | sold, price -1 payer=nobody | paid_out return      | ?:99249
late by a millisecond    | sold, pause_until 1, price | deal_state | lapsed late
late, refunded           | sold, pause_until 1, price | paid_out return | lender:99250
lapsed, refunded         | sold, wait 3, price | paid_out return      | lender:99250
lapsed                   | sold, wait 3       | deal_state           | lapsed unpaid
the seller has it again  | sold, wait 3       | offer 0 5            | ok
ended, refunded          | sold, end_deal, price | paid_out return      | lender:99250
by another account       | sold, open_account, price | deal_state           | open
refunded from there      | sold, open_account, price | paid_out return | lender:99250
the refund redirected    | sold, price -1     | give_back 1          | not_enough
the debtor's money       | sold, price payer=debtor | paid_out return | debtor:99250
pays no debt of its own  | sold, price payer=debtor | sum_of waiting       | 0
direct, but attested     | sold way=direct, price | deal_state           | open
direct, refunded         | sold way=direct, price | paid_out return      | lender:99250
"""

ACCOUNTS = """
to the one for prices     | apart, live, sold, turn, price | deal_state | moved
to the one for debts      | apart, live, sold, price | deal_state           | open
goes back from there      | apart, live, sold, price | paid_out return | lender:99250
is paid from its own      | apart, live, sold, turn,
                          | price | paid_out price | alpha:99250
taken back, claimed there | apart, live, sold, turn, price, send_price, price_back,
                          | turn | transfer 0 5 | claim_open
"""

MEANWHILE = """
a part paid          | live days=5, sold pay_days=4,
                     | pay_now 900001 | deal_state | lapsed touched
paid elsewhere       | live days=5, transfer 100000 1000000, sold pay_days=4,
                     | pay_now 9 | deal_state | lapsed touched
paid, price refunded | live days=5, sold pay_days=4, pay_now 900001,
                     | price | paid_out return | lender:99937
paid, its rest is free | live days=5, sold pay_days=4,
                     | pay_now 900001 | split 5 | ok
overdue              | live days=3, wait 3, sold flat=5, close,
                     | price | deal_state | lapsed touched
overdue, refunded    | live days=3, wait 3, sold flat=5, close,
                     | price | paid_out return | lender:99995
overdue, it is over  | live days=3, wait 3, sold flat=5,
                     | close              | deal_state           | lapsed touched
overdue, it is free  | live days=3, wait 3, sold flat=5,
                     | close              | transfer 0 5 aware=1 | ok
overdue, known       | live days=3, wait 3, sold flat=5 aware=1,
                     | close              | deal_state           | open
overdue, known, paid | live days=3, wait 3, sold flat=5 aware=1, close,
                     | price              | deal_state           | moved
overdue, then paid   | live days=3, wait 3, sold flat=5, close, wait 1,
                     | receive 999999 value=-1, price | deal_state | lapsed touched
cancel_live          | sold               | cancel_live          | encumbered
split                | sold               | split 5              | part_locked
transfer             | sold               | transfer 0 5         | part_locked
offer                | sold               | offer 500000 500005  | part_locked
sold to two          | live, ask 0 100000 lender+lender_two, bid, buy,
                     | bid 1 | buy lender_two | part_locked
asked again          | sold               | ask 0 5              | ok
"""

REGISTERED = """
no such deal          | live               | filed by=lender      | not_found
by the seller         | sold registered=1  | filed by=alpha       | wrong_signers
of an unregistered one | sold, price       | filed                | no_registration
not paid yet          | sold registered=1  | filed                | still_assigned
but amended           | sold registered=1  | filed amended        | ok
its units are its own | sold registered=1, price | filed          | still_assigned
amended meanwhile     | sold registered=1, price | filed amended  | ok
a part passed on      | sold registered=1, price,
                      | transfer 0 9 gamma | filed                | still_assigned
all passed on         | sold registered=1, price,
                      | transfer 0 100000 gamma | filed           | ok
of other units        | live, sold registered=1, price,
                      | transfer 100000 900000 lender tile=100000,
                      | transfer 0 100000 gamma | filed           | ok
lapsed unpaid         | sold registered=1, wait 3 | filed         | ok
ended by both         | sold registered=1, end_deal | filed       | ok
taken back            | sold registered=1, price, price_back | filed | ok
all paid by the debtor | live days=5, sold registered=1 pay_days=4, price,
                      | pay_now 1000000    | filed                | ok
twice                 | sold registered=1, end_deal, filed | filed | no_registration
amended after its end | sold registered=1, end_deal,
                      | filed              | filed amended        | no_registration
discharged at last    | sold registered=1, filed amended, end_deal | filed | ok
"""

RECEIVED = """
no such deal          | live               | got by=alpha         | not_found
for the payee         | sold way=direct    | got by=lender        | wrong_signers
by both               | sold way=direct    | got by=alpha+lender  | wrong_signers
paid the other way    | sold               | got                  | wrong_way
at the last moment    | sold way=direct, pause_until 0 | got                  | ok
late by a millisecond | sold way=direct, pause_until 1 | got | deal_closed
lapsed                | sold way=direct, wait 3 | got                  | deal_closed
twice                 | sold way=direct, got | got                  | deal_closed
one short             | sold way=direct    | got -1               | wrong_received
one over              | sold way=direct    | got 1                | wrong_received
a named shortfall     | sold way=direct    | got -25 short=25     | ok
a shortfall unnamed   | sold way=direct    | got -25 short=24     | wrong_received
in full               | sold way=direct    | got                  | ok
moves the units       | sold way=direct, got | origin | lender < alpha/without
no payout             | sold way=direct, got | paid_out price       | none
keeps the shortfall   | sold way=direct, got -25 short=25 | figure shortfall     | 25
"""

ENDINGS = """
by the payer alone | sold               | end_deal by=lender   | wrong_signers
by the payee alone | sold               | end_deal by=alpha    | wrong_signers
by both            | sold               | end_deal             | ok
the part is free   | sold, end_deal     | split 5              | ok
twice              | sold, end_deal     | end_deal             | deal_closed
once paid          | sold, price        | end_deal             | deal_closed
once lapsed        | sold, wait 3       | end_deal             | deal_closed
"""

WITNESSES = """
a buyer attests         | own_bank, live,
                        | sold to=lbank | own_price lbank by=lbank | wrong_signers
the seller signs too    | own_bank, live, sold to=lbank | own_price lbank      | ok
by both                 | own_bank, live, sold to=lbank,
                        | own_price lbank | deal_state | moved
a related buyer attests | own_bank, live,
                        | sold to=cousin | own_price cousin by=lbank | wrong_signers
another buyer's price   | own_bank, live, sold | own_price lender by=lbank | ok
"""

REVERSALS = """
units return             | bought, price_back | origin               | alpha
the deal says so         | bought, price_back | deal_state           | returned
nothing was sent         | bought, price_back | claimed alpha        | 0
the payout is gone       | bought, price_back | paid_out price       | none
it was sent              | bought, send_price, price_back | claimed alpha        | 99250
units return then too    | bought, send_price, price_back | origin               | alpha
and are bound            | bought, send_price, price_back | transfer 0 5 | claim_open
passed on                | bought, transfer 0 5 gamma,
                         | price_back | origin | gamma < lender/without < alpha/without
the buyer owes           | bought, send_price, transfer 0 5 gamma,
                         | price_back | claimed lender | 99250
the rest is bound        | bought, send_price, transfer 0 5 gamma,
                         | price_back | transfer 5 9 tile=5 gamma | claim_open
merged with others       | bought, bought 100000 200000 tile=100000, merge 0 100000,
                         | price_back | origin 0 | lender < alpha/without
only the second returns  | bought, bought 100000 200000 tile=100000, merge 0 100000,
                         | price_back | origin 100000 | alpha
cut by the buyer         | bought, split 5, price_back | held alpha           | 1000000
offered by the buyer     | bought, offer 0 5 gamma, price_back | held alpha | 1000000
a part comes back        | bought, send_price,
                         | price_back -1 | origin | lender < alpha/without
the buyer owes that      | bought, send_price, price_back -1 | claimed lender | 99249
it was unsent            | bought, price_back -1 | paid_out price       | alpha:1
more than it brought     | bought | price_back 1 | reversal_too_large
twice                    | bought, price_back | price_back 0 r2 | reversal_too_large
and are joined again     | bought, price_back | merge 0 100000         | ok
fees come back too       | fee_deal, bought, price_back | paid_out fee | none
paid by the debtor since | live days=5, bought pay_days=4, pay_now 999999,
                         | price_back | figure owed | 99937
passed on, unsent        | bought, transfer 0 5 gamma, price_back | figure owed | 99250
the rest is bound too    | bought, transfer 0 5 gamma,
                         | price_back | transfer 5 9 tile=5 gamma | claim_open
until the seller has it  | bought, transfer 0 5 gamma,
                         | price_back | owed_got -1 | wrong_received
the seller has it        | bought, transfer 0 5 gamma, price_back | owed_got | ok
then it passes           | bought, transfer 0 5 gamma, price_back,
                         | owed_got | transfer 5 9 tile=5 gamma | ok
signed only once         | bought, transfer 0 5 gamma, price_back,
                         | owed_got | owed_got | wrong_way
of the debtor's money    | fees_owed, pay_now 1000000 | paid_out price | alpha:99787
so much is of fees       | fees_owed, pay_now 1000000 | paid_out fee | bank:30+gamma:150
the seller's come first  | fees_owed, pay_now 150000 | paid_out fee | none
half of the price gone   | fees_owed -49967,
                         | pay_now 1000000 | paid_out price | alpha:49787+alpha:50000
so fees stay as they are | fees_owed -49967,
                         | pay_now 1000000 | paid_out fee | bank:30+gamma:150
all but a fee was sent   | fee_deal, live days=5, bought pay_days=4, send_price,
                         | transfer 0 5 gamma, price_back,
                         | status rejected | figure owed | 0
that fee alone is owed   | fee_deal, live days=5, bought pay_days=4, send_price,
                         | transfer 0 5 gamma, price_back, status rejected,
                         | pay_now 1000000 | paid_out price | alpha:99787
the seller says it has   | fees_owed | owed_got | ok
its own, without fees    | fees_owed | figure owed | 99787
these are owed still     | fees_owed, owed_got,
                         | pay_now 1000000 | paid_out fee | bank:30+gamma:150
and bind the rest        | fees_owed, owed_got | transfer 5 9 tile=5 gamma | claim_open
"""


@rows(PRICES, MISFITS, ACCOUNTS, MEANWHILE)
def test_prices(stage: Stage, row: Row) -> None:
    """What an attested price does, and where money goes that does not fit."""
    assert row.answer(stage) == row.code


@rows(RECEIVED, REGISTERED, ENDINGS)
def test_signed(stage: Stage, row: Row) -> None:
    """What the two sides sign is answered with its code."""
    assert row.answer(stage) == row.code


@rows(WITNESSES)
def test_witnesses(stage: Stage, row: Row) -> None:
    """A buyer that attests its own price is believed by the seller alone."""
    assert row.answer(stage) == row.code


@rows(REVERSALS)
def test_reversals(stage: Stage, row: Row) -> None:
    """A price that the bank takes back brings the units back, or a claim."""
    assert row.answer(stage) == row.code


TWO_SALES = """
the last of them is over | live days=3, split 100000, wait 3, sold flat=5,
                         | sold 100000 200000 tile=100000 flat=5,
                         | close     | deal_state                    | lapsed touched
the last of them is free | live days=3, split 100000, wait 3, sold flat=5,
                         | sold 100000 200000 tile=100000 flat=5,
                         | close     | transfer 100000 100005 tile=100000 aware=1 | ok
the first of them, too   | live days=3, split 100000, wait 3, sold flat=5,
                         | sold 100000 200000 tile=100000 flat=5,
                         | close     | transfer 0 5 aware=1          | ok
"""


@pytest.fixture(scope="module")
def slow_stage() -> Iterator[Stage]:
    """A world that ends one deal a block."""
    sources = read_sources()
    path, line = "receivable/deals.py", "DEALS_PAGE = 1000"
    assert line in sources[path]
    sources[path] = sources[path].replace(line, "DEALS_PAGE = 1")
    stage = Stage(more=bidders(), sources=sources)
    yield stage
    stage.check()


@rows(TWO_SALES)
def test_pages(slow_stage: Stage, row: Row) -> None:
    """All sales of what is overdue end, however many there are."""
    assert row.answer(slow_stage) == row.code
