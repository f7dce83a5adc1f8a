"""Facts that do not fit: named, in the way of payouts, explained or signed for."""

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


# Nothing of this is refused; the account just pays nothing out.
NAMED = """
nothing                    | paid 9                    | misfit | none
on a closed day            | live, close, entry charge 5 | misfit | late_booking
on a day before it         | live, close,
                           | entry charge 5 booked=-1  | misfit | late_booking
a payout without an end    | live, entry payout 5      | misfit | unknown_payout
a return without an end    | live, entry return 5      | misfit | unknown_payout
a payout of no end         | live,
                           | entry payout 5 end_to_end=AL1 | misfit | unknown_payout
from elsewhere             | sent 9,
                           | open_account, attest      | misfit | unknown_payout
a smaller payout           | sent 9, attest off=-1     | misfit | amount_mismatch
a larger payout            | sent 9, attest off=1      | misfit | amount_mismatch
the payout twice           | sent 9,
                           | attest, attest key=k2     | misfit | wrong_state_of_payout
a payout due again         | sent 9, attest,
                           | attest return, attest key=k2,
                           | | misfit | wrong_state_of_payout
a return of nothing paid   | sent 9, attest return     | misfit | wrong_state_of_payout
a smaller return           | sent 9,
                           | attest, attest return -1  | misfit | amount_mismatch
the first attempt again    | sent 9, attest, attest return,
                           | instruct, attest attempt=0 key=k2,
                           | | misfit | wrong_state_of_payout
a reversal of no key       | early 9, take_back 9 of=k7 | misfit | unknown_original
a reversal without a key   | early 9, entry reversal 9 | misfit | unknown_original
a reversal too large       | early 9, take_back 10     | misfit | reversal_too_large
beyond what is left        | early 9,
                           | take_back 4, take_back 6 b2 | misfit | reversal_too_large
during a sweep             | live days=3, transfer 0 9,
                           | start 20, take_back 20    | misfit | none
a wrong balance            | paid 9, close off=1       | misfit | balance_mismatch
accepted by no bank        | sent 9, status accepted AL9 | misfit | unknown_payout
rejected, though paid      | sent 9, attest,
                           | status rejected           | misfit | wrong_state_of_payout
accepted, though rejected  | sent 9, status rejected,
                           | status accepted           | misfit | wrong_state_of_payout
"""

# A misfit keeps money in its account, and out of nobody's debt.
GOING_ON = """
money comes in             | live days=3, wait 3, entry payout 5,
                           | receive 9                 | sum_of retired | 9
days are closed            | live, entry payout 5      | close  | ok
units pass on              | live, entry payout 5      | transfer 0 5 | ok
debts are settled          | live days=3, wait 3, entry payout 5,
                           | receive 1000000           | state  | settled
"""

# The row's payout is due; the misfit is in its way, under its code.
IN_THE_WAY = """
a late booking       | paid 9, pick, close, entry charge 5  | instruct | late_booking
an unknown payment   | paid 9, pick, entry payout 5         | instruct | unknown_payout
a wrong amount       | sent 9, attest off=1                 | instruct | amount_mismatch
a wrong state        | sent 9, attest, attest key=k2 | instruct | wrong_state_of_payout
an unknown original  | paid 9, pick, take_back 9 of=k7 | instruct | unknown_original
too large a reversal | paid 9, pick, take_back 10 | instruct | reversal_too_large
the oldest of two    | paid 9, pick, entry payout 5,
                     | close off=1                          | instruct | unknown_payout
the other of two     | paid 9, pick, entry payout 5,
                     | close off=1, clear | instruct | balance_mismatch
another account's    | paid 9, open_account, entry payout 5,
                     | open_account, deal, paid 9, pick     | instruct | ok
"""

EXPLAINED = """
a late booking by the close    | paid 9, pick, close, entry charge 5,
                               | wait 1, close            | instruct | ok
a balance by the next one      | paid 9, pick, close off=1, close | instruct | ok
not by what is missing         | paid 9, pick, close off=1,
                               | entry interest 1         | instruct | balance_mismatch
an unknown payment by its return | paid 9, pick, entry payout 5 end_to_end=AL1,
                               | entry return 5 end_to_end=AL1 | instruct | ok
not by another's return        | paid 9, pick, entry payout 5 end_to_end=AL1,
                               | entry return 5 end_to_end=AL2,
                               | | instruct | unknown_payout
not by a part of it            | paid 9, pick, entry payout 5 end_to_end=AL1,
                               | entry return 4 end_to_end=AL1,
                               | | instruct | unknown_payout
a payment twice by its return  | sent 9, attest, attest key=k2,
                               | attest return            | outcomes | paid
a wrong amount by its return   | sent 9, attest off=1,
                               | attest return off=1      | outcomes | returned
and is due again               | sent 9, attest off=1,
                               | attest return off=1      | instruct | ok
a return before its payment    | sent 9,
                               | attest return, attest    | outcomes | returned
its payout is due again        | sent 9,
                               | attest return, attest    | instruct | ok
a reversal before its receipt  | early 4, take_back 9 of=k2,
                               | receive 9 k2             | misfit   | none
takes it back                  | early 4, take_back 9 of=k2,
                               | receive 9 k2             | books unassigned | 0
a rejection by the return      | sent 9, attest,
                               | status rejected, attest return | misfit | none
a reversal after the sweep     | live days=3, transfer 0 9,
                               | start 20, take_back 20   | sum_of retired | 0
"""

SIGNED = """
of nothing                 | paid 9                     | clear          | not_found
by the owner alone         | open_account bank housebank, live,
                           | entry payout 5 attester=housebank,
                           | | clear by=bank | wrong_signers
by the attester alone      | open_account bank housebank, live,
                           | entry payout 5 attester=housebank,
                           | | clear by=housebank | wrong_signers
by both                    | open_account bank housebank, live,
                           | entry payout 5 attester=housebank | clear       | ok
of another account         | live, entry payout 5       | clear where=other | not_found
misread                    | live, entry payout 5       | clear off=1    | not_to_apply
twice                      | live, entry payout 5,
                           | clear                      | clear          | not_to_apply
as the owner's own         | live, entry payout 5       | clear          | ok
is the owner's own         | live, entry payout 5, clear | books own     | -5
blocks no more             | paid 9, pick,
                           | entry payout 5, clear      | instruct       | ok
a balance as the owner's   | paid 9, pick, close off=1,
                           | clear                      | instruct       | ok
and the day closes         | paid 9, close off=1, clear,
                           | close                      | books own      | 1
a late one                 | paid 9, pick, close,
                           | entry charge 5, clear      | instruct       | ok
nothing to apply           | paid 9, close off=1        | clear apply    | not_to_apply
the payment it was         | sent 9, attest off=-1,
                           | clear apply                | outcomes       | paid
with the rest as own       | sent 9, attest off=-1,
                           | clear apply                | books own      | 1
the return it was          | sent 9, attest, attest return -1,
                           | clear apply                | outcomes       | returned
with what is missing       | sent 9, attest, attest return -1,
                           | clear apply                | books own      | -1
another attempt            | sent 9, entry payout 9 end_to_end=AL1,
                           | clear apply end=sent       | outcomes       | paid
still none                 | live, entry payout 9 | clear apply | unknown_payout
paid already               | sent 9, attest, attest key=k2,
                           | | clear apply | wrong_state_of_payout
rejected before            | sent 9, status rejected,
                           | attest, clear apply        | outcomes       | paid
a reversal, as far as it goes | early 9, take_back 10,
                           | clear apply                | sum_of waiting | 0
the rest is own            | early 9, take_back 10,
                           | clear apply                | books own      | -1
nothing left               | early 9, take_back 9,
                           | take_back 1 b2 | clear apply | reversal_too_large
of another receipt         | early 9, take_back 9 of=k7,
                           | clear apply of=k1          | sum_of waiting | 0
of a receipt still unknown | early 9, take_back 9 of=k7 | clear apply | unknown_original
"""


@rows(NAMED, GOING_ON, EXPLAINED)
def test_misfits(stage: Stage, row: Row) -> None:
    """A bank's word that does not fit is kept under a name, until one does."""
    assert row.answer(stage) == row.code


@rows(IN_THE_WAY, SIGNED)
def test_ways_out(stage: Stage, row: Row) -> None:
    """Payouts wait for a fact or for the signatures of owner and attester."""
    assert row.answer(stage) == row.code
