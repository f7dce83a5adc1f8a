"""From a proposal to a live receivable, or to its end: every refusal in order."""

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


# The usual programme: 10 days to answer, tenor norm 180 days, cap 365 days.

PROPOSALS = """
a suspended supplier   |               | submit supplier=idle | member_suspended
due on no day          |               | submit terms=x    | bad_body
programme unknown      |               | submit programme=x | not_found
nothing left           |               | submit cut=1000000 | sum_mismatch
one unit left          |               | submit cut=999999 | ok
supplier is none       |               | submit supplier=auditor | supplier_not_eligible
it is an operator too  |               | submit supplier=double | supplier_not_eligible
supplier is the debtor |               | submit supplier=debtor | supplier_not_eligible
not named              | deal suppliers=beta | submit            | supplier_not_eligible
named                  | deal suppliers=alpha | submit            | ok
due yesterday          |               | submit days=-1    | past_due
due today              |               | submit days=0     | past_due
due tomorrow           |               | submit days=1     | ok
uses below the gross   |               | submit used=999999 | sum_mismatch
uses above the gross   |               | submit used=9 face=8 of=9 | sum_mismatch
issued above the cap   |               | issue days=366    | tenor_too_long
issued at the cap      |               | issue days=365 reason=why | ok
issued above the norm  |               | issue days=181    | reason_needed
issued at the norm     |               | issue days=180    | ok
submitted above both   |               | submit days=366   | ok
"""

PAPERS = """
without a goods receipt    | deal documents=confirmation,
                           | submit                | confirm | document_missing
with one                   | deal documents=confirmation,
                           | submit                | confirm delivery=note | ok
where none is demanded     | submit                | confirm delivery=note | ok
issued without             | deal documents=confirmation | issue | document_missing
issued with one            | deal documents=confirmation | issue delivery=note | ok
countered without          | deal documents=confirmation,
                           | submit                | counter debtor | document_missing
by the supplier            | deal documents=confirmation, submit,
                           | counter debtor delivery=note | counter supplier | ok
the debtor's stays         | deal documents=confirmation, submit,
                           | counter debtor delivery=note,
                           | counter supplier      | confirm | ok
the supplier gives none    | deal documents=confirmation, submit,
                           | counter debtor delivery=note | agree | ok
nor may it                 | deal documents=confirmation, submit,
                           | counter debtor delivery=note | agree delivery=x | bad_body
after the look-alike       | deal documents=confirmation, submit number=PA7,
                           | submit number=PA07    | confirm | near_duplicate
and before the tenor       | deal documents=confirmation,
                           | submit days=366       | confirm | document_missing
of what passes it says nothing | deal documents=confirmation,
                           | submit, confirm delivery=note | transfer 0 5 | ok
"""

CONFIRMING = """
somebody else confirms    | submit             | confirm lender      | wrong_signers
confirmed twice           | live               | confirm             | wrong_state
confirmed at the deadline | submit, deadline 0 | confirm             | ok
confirmed one ms late     | submit, deadline 1 | confirm             | deadline_passed
confirmed days late       | submit, wait 11    | confirm             | wrong_state
debtor confirms its issue | issue              | confirm             | not_your_turn
its counter               | submit,
                          | counter debtor     | confirm             | not_your_turn
another face              | submit             | confirm face_minor=999999 | stale_input
another due date          | submit             | confirm due=61      | stale_input
another deduction         | submit cut=5       | confirm cut=4       | stale_input
its own deduction         | submit cut=5       | confirm             | ok
other parties by number   | submit linked=1    | confirm             | link_unsigned
signed by both            | submit linked=1    | confirm linked=1    | ok
no link to sign           | submit             | confirm linked=1    | ok
said to be none           | submit linked=1    | confirm linked=0    | link_unsigned
issued to other numbers   | issue linked=1     | agree               | link_unsigned
accepted as these         | issue linked=1     | agree linked=1      | ok
on the due day            | submit days=5,
                          | wait 5             | confirm             | past_due
on the day before         | submit days=5,
                          | wait 4             | confirm             | ok
tenor above the cap       | submit days=366    | confirm reason=why  | tenor_too_long
tenor at the cap          | submit days=365    | confirm reason=why  | ok
a day later under the cap | submit days=366,
                          | wait 1             | confirm reason=why  | ok
tenor above the norm      | submit days=181    | confirm             | reason_needed
with a reason             | submit days=181    | confirm reason=why  | ok
tenor at the norm         | submit days=180    | confirm             | ok
exposure above the limit  | deal exposure_max_minor=999999,
                          | submit             | confirm             | exposure_exceeded
exposure at the limit     | deal exposure_max_minor=1000000,
                          | submit             | confirm             | ok
exposure of two above it  | deal exposure_max_minor=1999999,
                          | live, submit       | confirm             | exposure_exceeded
a cancelled one frees     | deal exposure_max_minor=1000000,
                          | live, cancel_live, submit | confirm             | ok
a paid one frees exposure | deal exposure_max_minor=1000000, paid 1000000,
                          | submit             | confirm             | ok
a paid part frees as much | deal exposure_max_minor=1000000, paid 9,
                          | submit face=9      | confirm             | ok
and not a unit more       | deal exposure_max_minor=1000000, paid 9,
                          | submit face=10     | confirm             | exposure_exceeded
a reversal binds it again | deal exposure_max_minor=1000000, paid 9, reverse 1,
                          | submit face=9      | confirm             | exposure_exceeded
the supplier's counter    | submit, counter debtor,
                          | counter supplier   | confirm             | ok
"""

ACCEPTING = """
the supplier's own       | submit                 | agree              | not_your_turn
somebody else            | issue                  | agree beta         | wrong_signers
at the deadline          | issue, deadline 0      | agree              | ok
one ms late              | issue, deadline 1      | agree              | deadline_passed
another face             | issue                  | agree face_minor=1 | stale_input
on the due day           | issue days=5, wait 5   | agree              | past_due
above the norm, reasoned | issue days=181 reason=why | agree              | ok
the debtor's counter     | submit, counter debtor | agree              | ok
a counter above the norm | submit,
                         | counter debtor 181 reason=why | agree              | ok
"""

COUNTERS = """
of nothing left          | submit         | counter debtor cut=1000000 | sum_mismatch
by somebody else         | submit         | counter debtor by=alpha    | wrong_signers
once live                | live           | counter debtor             | wrong_state
at the deadline          | submit,
                         | deadline 0     | counter debtor             | ok
one ms late              | submit,
                         | deadline 1     | counter debtor             | deadline_passed
supplier on its own      | submit         | counter supplier           | not_your_turn
debtor on its own        | submit,
                         | counter debtor | counter debtor             | not_your_turn
supplier on the debtor's | submit,
                         | counter debtor | counter supplier           | ok
due today                | submit         | counter debtor 0           | past_due
of another gross         | submit         | counter debtor 60 1000001  | sum_mismatch
debtor above the cap     | submit         | counter debtor 366         | tenor_too_long
debtor above the norm    | submit         | counter debtor 181         | reason_needed
debtor with a reason     | submit         | counter debtor 181 reason=why | ok
supplier above the norm  | submit,
                         | counter debtor | counter supplier 181       | ok
of what was issued       | issue          | counter supplier           | wrong_state
a deduction              | submit         | counter debtor cut=1       | ok
"""

ENDS = """
reject nothing           |                        | reject         | not_found
reject for the debtor    | submit                 | reject alpha   | wrong_signers
reject once live         | live                   | reject         | wrong_state
reject at the deadline   | submit, deadline 0     | reject         | ok
reject one ms late       | submit, deadline 1     | reject         | deadline_passed
reject twice             | submit, reject         | reject         | wrong_state
reject its own issue     | issue                  | reject         | wrong_state
decline its own          | submit                 | decline        | wrong_state
decline for the supplier | issue                  | decline debtor | wrong_signers
decline one ms late      | issue, deadline 1      | decline        | deadline_passed
decline an issue         | issue                  | decline        | ok
decline a counter        | submit, counter debtor | decline        | wrong_state
cancel its own issue     | issue                  | cancel         | ok
cancel another's issue   | issue                  | cancel alpha   | wrong_signers
cancel for the supplier  | submit                 | cancel debtor  | wrong_signers
cancel once live         | live                   | cancel         | wrong_state
cancel twice             | submit, cancel         | cancel         | wrong_state
cancel its own           | submit                 | cancel         | ok
cancel what is countered | submit, counter debtor | cancel         | ok
"""

CANCELLATIONS = """
nothing live yet      | submit                      | cancel_live        | not_found
holder has not signed | live                        | cancel_live debtor | wrong_signers
settled               | paid 1000000                | cancel_live        | wrong_state
part paid             | paid 1                      | cancel_live        | wrong_state
money waits           | live, receive 1 names=it    | cancel_live        | encumbered
overdue               | live days=5, wait 5, close  | cancel_live        | ok
two holders           | live, transfer 0 1          | cancel_live        | encumbered
a part is offered     | live, offer 0 1             | cancel_live        | encumbered
an offer has expired  | live, offer 0 1, wait 2     | cancel_live        | ok
an offer just expired | live, offer 0 1, deadline 1 | cancel_live        | ok
one later holder      | live, transfer 0 1000000    | cancel_live        | ok
two parts, one holder | live, split 500000          | cancel_live        | ok
"""


@rows(PROPOSALS)
def test_proposals(stage: Stage, row: Row) -> None:
    """Each proposal is answered with its code."""
    assert row.answer(stage) == row.code


@rows(PAPERS, CONFIRMING, ACCEPTING)
def test_agreements(stage: Stage, row: Row) -> None:
    """Each yes to a proposal is answered with its code."""
    assert row.answer(stage) == row.code


@rows(COUNTERS)
def test_counters(stage: Stage, row: Row) -> None:
    """Each counter-proposal is answered with its code."""
    assert row.answer(stage) == row.code


@rows(ENDS, CANCELLATIONS)
def test_ends(stage: Stage, row: Row) -> None:
    """Each end of a proposal, or by consent, is answered with its code."""
    assert row.answer(stage) == row.code
