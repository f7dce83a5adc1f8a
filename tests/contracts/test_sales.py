"""Sales: asking, quoting, taking, paying; every refusal in the order of the checks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rows import Row, rows
from tests.sale_verbs import bidders
from tests.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage(more=bidders())
    yield stage
    stage.check()


# The usual receivable has 1000000 units, all of them alpha's, due in 60 days.

REQUESTS = """
an older revision     | live, split 5      | ask 0 5 rev=-1       | stale_input
for the holder        | live               | ask 0 5 by=beta      | wrong_signers
settled               | paid 1000000       | ask 0 5 by=alpha     | stale_input
an empty part         | live               | ask 5 5              | bad_cut
beyond the holding    | live, split 500    | ask 0 501            | bad_cut
below the minimum     | deal part_min_minor=10, live | ask 0 9 | part_too_small
until now             | live               | ask 0 5 days=0       | bad_deadline
until the next ms     | live               | ask 0 5 days=0 ms=1  | ok
until the 90th day    | live               | ask 0 5 days=90      | ok
one ms beyond it      | live               | ask 0 5 days=90 ms=1 | bad_deadline
from nobody           | live               | ask 0 5 nobody       | not_found
from the debtor       | live               | ask 0 5 debtor       | bad_receiver
from itself           | live               | ask 0 5 alpha        | bad_receiver
from a supplier       | live               | ask 0 5 beta         | not_a_lender
from one twice        | live               | ask 0 5 lender+lender | related_bidders
from one group        | live | ask 0 5 sister_one+sister_two | related_bidders
one group in turn     | live, ask 0 5 sister_one | ask 5 9 sister_two | related_bidders
one lender in turn    | live, ask 0 5      | ask 0 5              | ok
a group, once expired | live, ask 0 5 sister_one days=1,
                      | wait 2 | ask 0 5 sister_two | ok
another receivable    | live, ask 0 5 sister_one, live | ask 0 5 sister_two   | ok
two lenders           | live               | ask 0 5 lender+lender_two | ok
while it is offered   | live, offer 0 5    | ask 0 5              | ok
"""

QUOTES = """
no such request       | live               | bid by=lender        | request_over
for the lender        | live, ask 0 100000 | bid by=alpha         | wrong_signers
for another lender    | live, ask 0 100000 | bid by=lender_two    | wrong_signers
another receivable    | live, ask 0 100000 | bid of=other         | request_changed
to another seller     | live, ask 0 100000 | bid seller=beta      | request_changed
a smaller part        | live, ask 0 100000 | bid hi=-1            | request_changed
a shifted part        | live, ask 5 100000 | bid lo=-1 hi=-1      | request_changed
at its deadline       | live, ask 0 100000, pause_until 0 | bid                  | ok
one ms late           | live, ask 0 100000, pause_until 1 | bid | request_over
long after it         | live, ask 0 100000, wait 9 | bid by=lender        | request_over
settled meanwhile     | live days=3, ask 0 100000, wait 3,
                      | receive 1000000 | bid | not_transferable
until now             | live, ask 0 100000 | bid days=0           | bad_deadline
until the pay-by      | live, ask 0 100000 | bid days=2           | ok
one ms beyond it      | live, ask 0 100000 | bid days=2 until_ms=1 | bad_deadline
to be paid by now     | live, ask 0 100000 | bid pay_days=0       | bad_pay_by
to be paid in 90 days | live days=120, ask 0 100000 | bid pay_days=90      | ok
one ms later          | live days=120, ask 0 100000 | bid pay_days=90 ms=1 | bad_pay_by
on the due date       | live days=3, ask 0 100000 | bid pay_days=3       | bad_pay_by
the day before it     | live days=3, ask 0 100000 | bid pay_days=2       | ok
into the record days  | deal record_days=3, live days=10,
                      | ask 0 100000 | bid pay_days=7 | bad_pay_by
before them           | deal record_days=3, live days=10,
                      | ask 0 100000 | bid pay_days=6 | ok
a flat price's rate   | live, ask 0 100000 | bid flat=5 plus_rate=1 | price_wrong
a flat price          | live, ask 0 100000 | bid flat=5           | ok
true discount         | live, ask 0 100000 | bid method=true_discount | ok
on 365 days           | live, ask 0 100000 | bid basis=act365f    | ok
from the due date on  | live, ask 0 100000 | bid from_days=60     | ok
from after it         | live, ask 0 100000 | bid from_days=61     | dates_reversed
a discount too high   | live, ask 0 100000 | bid absurd=1         | discount_over_face
discount off by one   | live, ask 0 100000 | bid plus_discount=1  | price_wrong
net off by one        | live, ask 0 100000 | bid plus_net=1       | price_wrong
price off by one      | live, ask 0 100000 | bid plus_price=-1    | price_wrong
a fee left out        | fee_deal, live, ask 0 100000 | bid no_fees=1 | price_wrong
with all fees         | fee_deal, live, ask 0 100000 | bid                  | ok
fees above the price  | fee_deal, live, ask 0 50 | bid                  | bad_body
two firm prices       | live, ask 0 100000, bid | bid rate_ppm=40000   | ok
two lenders           | live, ask 0 100000 lender+lender_two, bid | bid 1 | ok
"""

TAKES = """
no such quote        | live, ask 0 100000, priced | buy by=alpha         | quote_over
for the seller       | quoted             | buy by=lender        | wrong_signers
another buyer        | quoted             | buy lender_two       | quote_changed
another receivable   | quoted             | buy of=other         | quote_changed
a smaller part       | quoted             | buy hi=-1            | quote_changed
another net          | quoted             | buy net_minor=99999  | quote_changed
another pay-by       | quoted             | buy pay_by_ms=1      | quote_changed
recourse added       | quoted             | buy recourse=with    | quote_changed
at its deadline      | quoted, pause_until 0 | buy                  | ok
one ms late          | quoted, pause_until 1 | buy                  | quote_over
long after it        | quoted, wait 2     | buy                  | quote_over
twice                | quoted, buy        | buy                  | quote_over
an older revision    | quoted, split 500000 | buy rev=-1           | stale_input
locked               | quoted, offer 0 100000 | buy                  | part_locked
sold to another      | live, ask 0 100000 lender+lender_two, bid, buy,
                     | bid 1 | buy lender_two | part_locked
passed on meanwhile  | quoted, transfer 0 1000000 | buy                  | quote_changed
cut apart meanwhile  | quoted, split 500  | buy                  | bad_cut
cut elsewhere        | quoted, split 500000 | buy                  | ok
transfers used up    | deal transfer_max=0, live, quoted | buy | not_transferable
overdue, not said    | quoted_late        | buy                  | overdue_unaware
overdue, said        | quoted_late aware=1 | buy                  | ok
not registered       | registry_deal, live, quoted | buy | registration_missing
registered           | registry_deal, live, quoted | buy registered=1     | ok
registered anyway    | quoted             | buy registered=1     | ok
all of a tile        | live, ask 0 1000000, bid | buy                  | ok
the middle of a tile | live, ask 5 100000, bid | buy                  | ok
one of two prices    | live, ask 0 100000, bid, bid rate_ppm=40000 | buy | ok
"""


@rows(REQUESTS)
def test_requests(stage: Stage, row: Row) -> None:
    """Each request for a price is answered with its code."""
    assert row.answer(stage) == row.code


@rows(QUOTES)
def test_quotes(stage: Stage, row: Row) -> None:
    """Each firm price is answered with its code; no wrong figure is signed."""
    assert row.answer(stage) == row.code


@rows(TAKES)
def test_takes(stage: Stage, row: Row) -> None:
    """Each taking of a quote is answered with its code."""
    assert row.answer(stage) == row.code
