"""Remittance advices: who signs one, what it lists, what its payment is for."""

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
    stage = Stage(more=(*extras(), make_actor("regulator", "regulator")))
    yield stage
    stage.check()


# A row's first number is for the last receivable, its second for the first one.

SIGNING = """
of no receivable         | live               | advise 5 of=none  | not_found
of nothing               | live               | advise 0          | bad_body
an empty list            | live               | advise            | bad_body
by the supplier          | live               | advise 5 by=alpha | wrong_signers
for another debtor's     | live               | advise 5 payer=buyer | bad_advice
what is only submitted   | submit             | advise 5          | bad_advice
what is settled          | paid 1000000       | advise 5          | bad_advice
to another account       | live, open_account | advise 5          | bad_advice
named twice              | live               | advise 5 6        | bad_advice
before its deadline      | live               | advise 5 6 days=0 | bad_advice
until now                | live               | advise 5 days=0   | bad_deadline
for 90 days              | live               | advise 5 days=90  | ok
for more                 | live               | advise 5 days=91  | bad_deadline
of two                   | live, live         | advise 5 6        | ok
more than is owed        | live               | advise 2000000    | ok
what is overdue          | live days=3, wait 3, close | advise 5  | ok
"""

# What waits for the last one, for the first, unassigned, in suspense.
PLACING = """
as it says         | live, live, advise 600 400, pay_advised 1000 | waits | 600 400 0 0
in its order       | live, live, advise 600 400, pay_advised 700 | waits | 600 100 0 0
what is too much   | live, live, advise 600 400,
                   | pay_advised 1100             | waits | 600 400 100 0
up to what is owed | live, live, advise 2000000 5,
                   | pay_advised 1500000          | waits | 1000000 5 499995 0
of no known payer  | live, live, advise 600 400,
                   | pay_advised 1000 payer=nobody | waits | 600 400 0 0
of another payer   | live, live, advise 600 400,
                   | pay_advised 1000 payer=beta  | waits | 0 0 0 1000
it is still to come | live, live, advise 600 400, pay_advised 1000 payer=beta,
                   | pay_advised 1000 key=k2      | waits | 600 400 0 1000
once only          | live, live, advise 600 400, pay_advised 1000,
                   | pay_advised 500 key=k2       | waits | 600 400 500 0
a digit missed     | live, live, advise 600 400,
                   | pay_advised 1000 off=7       | waits | 0 0 1000 0
on its last day    | live, live, advise 600 400 days=2, wait 1,
                   | pay_advised 1000             | waits | 600 400 0 0
too late           | live, live, advise 600 400 days=1, wait 2,
                   | pay_advised 1000             | waits | 0 0 1000 0
to another account | live, live, advise 600 400, open_account,
                   | pay_advised 1000             | waits | 0 0 0 1000
of the insolvent   | live, live, advise 600 400, ruin debtor,
                   | pay_advised 1000             | waits | 0 0 0 1000
taken back         | live, live, advise 600 400, pay_advised 1000,
                   | take_back 1000               | waits | 0 0 0 0
settled meanwhile  | live days=3, advise 1000, go_first, wait 3,
                   | receive 1000000 key=k9, pay_advised 1000 | waits | 0 0 0 1000
"""


@rows(SIGNING)
def test_signing(stage: Stage, row: Row) -> None:
    """Each list is answered with its code."""
    assert row.answer(stage) == row.code


@rows(PLACING)
def test_placing(stage: Stage, row: Row) -> None:
    """The list comes first, each row up to what is owed; the rest as ever."""
    found = row.answer(stage)
    calm(stage)
    assert found == row.code


def test_list_comes_before_the_oldest_due_date(stage: Stage) -> None:
    """Without one the older debt would be paid."""
    stage.begin()
    for days in (2, 3):
        stage.propose("submit", days=days)
        stage.confirm(stage.it)
    stage.advance(stage.day(3))
    row = {"amount_minor": 10, "receivable": stage.it}
    body = {
        "account": stage.account,
        "payer": stage.member("debtor"),
        "rows": [row],
        "until_ms": stage.next_ms + 1000,
    }
    item = stage.act("payment.advise", body)
    advice = stage.read("advice", item)
    receipt = stage.receive("k1", 12, names=advice["reference"])
    paid = [
        stage.read("receivable", r)["retired_minor"] for r in (stage.it, stage.first)
    ]
    assert paid == [10, 2]
    assert stage.read("receipt", receipt)["advice"] == item
    left = stage.scan("advices", stage.member("debtor"))
    assert item not in [each["id"] for each in left]
