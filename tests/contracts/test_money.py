"""Money in and out: entries, closed days, suspense, payouts, in check order."""

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


ENTRIES = """
of no class              | live        | entry bonus 5         | bad_body
of nothing               | live        | entry receipt 0       | bad_body
by another attester      | live        | entry charge 5 attester=agent | wrong_attester
in another currency      | live        | entry charge 5 currency=EUR | wrong_currency
and money, likewise      | live        | receive 5 currency=EUR | wrong_currency
on a closed day          | live, close | entry charge 5        | ok
on a day before it       | live, close | entry charge 5 booked=-1 | ok
on the day after it      | live, close,
                         | wait 1      | entry charge 5        | ok
in two days              | live        | entry charge 5 booked=2 | day_in_future
a charge                 | live        | entry charge 5        | ok
interest                 | live        | entry interest 5      | ok
another debit            | live        | entry other 5         | ok
its reference again      | live,
                         | entry charge 5 | entry charge 5        | reference_used
another sum              | live,
                         | entry charge 5 | entry charge 6        | reference_used
another day              | live, entry charge 5,
                         | wait 1      | entry charge 5        | reference_used
of another class         | live,
                         | entry charge 5 | entry interest 5      | ok
another reference        | live,
                         | entry charge 5 | entry charge 5 k2     | ok
a receipt                | live        | receive 5 names=it    | ok
a receipt again          | live,
                         | receive 5 names=it | receive 5 names=it    | reference_used
a receipt of nobody      | live        | receive 5 payer=nobody | ok
charges of a receipt     | live        | entry receipt 5 charges_minor=1 | wrong_field
a receipt that reverses  | live        | entry receipt 5 original=k1 | wrong_field
of no named type of message | live     | entry charge 5 message=csv | not_authoritative
of the account's type    | open_account message=csv,
                         | live        | entry charge 5 message=csv | ok
of another type          | open_account message=csv,
                         | live | entry charge 5 message=mt940 | not_authoritative
of no type at all        | open_account message=csv,
                         | live        | entry charge 5        | not_authoritative
by one person of an agent | open_account bank agent,
                         | live        | entry charge 5 attester=agent | policy_not_met
a day of an agent        | open_account bank agent,
                         | live        | close attester=agent  | file_hash_missing
"""

CLOSING = """
by another attester           | live             | close attester=agent | wrong_attester
a closed day                  | live, close      | close                | day_closed
a day before it               | live, close      | close -1             | day_closed
in two days                   | live             | close 2              | day_in_future
tomorrow                      | live             | close 1              | day_in_future
with the right balance        | paid 9           | close                | ok
with a wrong one              | paid 9           | close off=1          | ok
no movement, though there was | paid 9           | close quiet=1        | ok
no movement                   | live             | close quiet=1        | ok
again, with the right one     | paid 9,
                              | close off=1      | close                | ok
again, after what was missing | paid 9, close off=1,
                              | entry interest 1 | close                | ok
"""

SUSPENSE = """
of no receipt            | live                      | match 5           | not_found
not signed by the debtor | stray 9                   | match 9 by=alpha  | wrong_signers
of another account       | stray 9,
                         | open_account, deal, live  | match 9           | not_found
for one not live         | stray 9, submit           | match 9           | not_found
for a settled one        | paid 1000000,
                         | receive 9 k2 payer=nobody | match 9           | not_found
above the suspense       | stray 9                   | match 10          | not_enough
above the need           | live face=8,
                         | receive 9 payer=nobody    | match 9           | not_enough
all of both              | live face=9,
                         | receive 9 payer=nobody    | match 9           | ok
a part                   | stray 9                   | match 4           | ok
the rest                 | stray 9, match 4          | match 5           | ok
beyond the rest          | stray 9, match 4          | match 6           | not_enough
nobody's word for it     | stray 9                   | match 9 word=nobody | not_vouched
a debtor's word for it   | stray 9                   | match 9 word=debtor | not_vouched
the attester's word      | open_account bank housebank, live,
                         | receive 9 payer=nobody attester=housebank,
                         | | match 9 word=housebank | ok
another member's money   | stray 9 buyer             | match 9 by=debtor | wrong_signers
with its payer's word    | stray 9 buyer             | match 9           | ok
of a wrong payer         | stray 9 buyer names=it    | match 9 by=debtor | wrong_signers
swept at once when due   | live days=3, receive 9 payer=nobody,
                         | wait 3                    | match 9           | ok
"""

# Money that names nothing, or not all that it pays, in one account.
PLACING = """
what it names first   | live days=3 face=5, live days=4 face=5, wait 4,
                      | receive 7 names=it       | state                   | settled
then the oldest due   | live days=3 face=5, live days=4 face=5, wait 4,
                      | receive 7 names=it       | sum_of retired first    | 2
the oldest due first  | live days=3 face=600, live days=4 face=400, wait 4,
                      | receive 700              | sum_of retired          | 100
not what is later     | live days=3 face=600, live days=9, wait 3,
                      | receive 700              | sum_of waiting          | 0
equal dates in ratio  | live days=3 face=600, live days=3 face=400, wait 3,
                      | receive 500              | sum_of retired first    | 300
on what is owed still | live days=3 face=600, live days=3 face=400, wait 3,
                      | receive 500 names=first,
                      | receive 250 k2           | sum_of retired first    | 550
by an invoice's number | live days=3 face=5 number=PL-1, live days=3, wait 3,
                      | receive 5 names=PL-1     | state first             | settled
a number of two       | use PL-2 400, confirm, use PL-2 600, confirm,
                      | receive 5 names=PL-2     | books unassigned        | 5
all beyond is excess  | live days=3 face=5, live days=3 face=5, wait 3,
                      | receive 11 names=it      | books suspense          | 1
another payer's       | live, receive 9 payer=buyer names=it | books suspense | 9
for another currency's | live, open_account currency=EUR,
                      | receive 9 names=it currency=EUR | books suspense    | 9
from an unknown payer | live, receive 9 payer=nobody names=it | sum_of waiting | 9
one sweep a payment   | live days=3, receive 5 names=it, receive 4 k2 names=it,
                      | wait 3                   | told swept              | 2
"""

# Units of two groups; beta's lie lowest.
UNITS = """
an odd one to the lowest | live days=3, transfer 0 500000, wait 3,
                         | receive 1               | held beta  | 499999
and to no other          | live days=3, transfer 0 500000, wait 3,
                         | receive 1               | held alpha | 500000
the highest are paid     | live days=3, split 500000, wait 3,
                         | receive 500001          | transfer 0 500000 | bad_cut
down to one part         | live days=3, split 500000, wait 3,
                         | receive 500001          | transfer 0 499999 | ok
by all of a holder       | live days=3, split 5, transfer 0 5, wait 3,
                         | receive 999998          | held beta  | 0
"""

RETURNS = """
of no receipt         | live                 | give_back 5               | not_found
for the owner         | stray 9              | give_back 9 by=debtor     | wrong_signers
of suspense           | stray 9              | give_back 9               | ok
of a part of suspense | stray 9              | give_back 4               | ok
beyond suspense       | stray 9              | give_back 10              | not_enough
twice                 | stray 9, give_back 9 | give_back 1               | not_enough
for the debtor        | early 9              | give_back 9 early by=bank | wrong_signers
of early money        | early 9              | give_back 9 early         | ok
of unnamed money      | live, receive 9      | give_back 9 early         | ok
of both               | live face=5, live,
                      | receive 9 names=first | give_back 9 early         | ok
beyond early money    | early 9              | give_back 10 early        | not_enough
the day before        | early 9 days=3,
                      | wait 2               | give_back 9 early         | ok
on the due day        | early 9 days=3,
                      | wait 3               | give_back 9 early         | not_enough
once paid early       | early 9, pay_early   | give_back 9 early         | not_enough
"""

EARLY = """
by somebody else      | early 9            | pay_early by=alpha | wrong_signers
with no money waiting | live               | pay_early          | wrong_state
with unnamed money    | live, receive 9    | pay_early          | wrong_state
with money waiting    | early 9            | pay_early          | ok
where it is refused   | deal early_payment=refused,
                      | early 9            | pay_early          | early_refused
once more             | early 9, pay_early | pay_early          | wrong_state
a proposal            | submit             | pay_early          | wrong_state
on the due day        | paid 9             | pay_early          | wrong_state
"""

PAYOUTS = """
by somebody else         | paid 9, pick            | instruct by=debtor | wrong_signers
with a wrong balance     | paid 9,
                         | pick, close off=1       | instruct    | balance_mismatch
from one blocked no more | paid 9, pick,
                         | close off=1, close      | instruct    | ok
of another account       | paid 9,
                         | pick, open_account      | instruct    | wrong_state_of_payout
sent                     | sent 9                  | instruct    | wrong_state_of_payout
paid                     | sent 9, attest          | instruct    | wrong_state_of_payout
twice in one list        | paid 9, pick            | instruct 2  | wrong_state_of_payout
cancelled                | paid 9, pick, reverse 9 | instruct    | wrong_state_of_payout
to one without account   | live days=3 supplier=gamma, wait 3,
                         | receive 9, pick gamma   | instruct    | no_payout_account
to one not verified      | live days=3 supplier=delta, wait 3, receive 9, pick delta,
                         | register delta          | instruct    | no_payout_account
to a verified one        | paid 9, pick            | instruct    | ok
without a mandate        | open_account limit=0,
                         | paid 9, pick            | instruct    | no_mandate
above its limit          | open_account limit=8,
                         | paid 9, pick            | instruct    | no_mandate
at its limit             | open_account limit=9,
                         | paid 9, pick            | instruct    | ok
on its last day          | open_account until=3,
                         | paid 9, pick            | instruct    | ok
after its last day       | open_account until=2,
                         | paid 9, pick            | instruct    | no_mandate
returned                 | sent 9,
                         | attest, attest return   | instruct    | ok
to a remitter            | stray 9, give_back 9,
                         | pick_return             | instruct    | ok
"""


@rows(ENTRIES)
def test_entries(stage: Stage, row: Row) -> None:
    """Each entry of a statement is answered with its code."""
    assert row.answer(stage) == row.code


@rows(CLOSING, SUSPENSE, RETURNS, EARLY)
def test_days_and_suspense(stage: Stage, row: Row) -> None:
    """Each closing and each word on money not assigned gets its code."""
    assert row.answer(stage) == row.code


@rows(PLACING, UNITS)
def test_placing(stage: Stage, row: Row) -> None:
    """Money goes to what it names, then to the oldest due, pro rata and to the unit."""
    assert row.answer(stage) == row.code


@rows(PAYOUTS)
def test_payouts(stage: Stage, row: Row) -> None:
    """Each instruction to the bank is answered with its code."""
    assert row.answer(stage) == row.code
