"""More ways to be paid twice, to pay nothing, or to stop others' money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import read_sources
from contracts.kit.v1.passing import PARTS_MAX
from ledger.context import EVENTS_MAX
from ledger.errors import LedgerError
from tests import bank_verbs, order_verbs, verbs
from tests.order_verbs import calm
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import make_actor

# The supplier was paid and the bank took the money back: what is owed again is all
# that can repay it.
GIVEN_UP = """
reduced with the debtor  | soft days=3, wait 3, receive 1000000, pick, instruct,
                         | attest, reverse 1000000 | reduce 1000000 | claim_open
closed as uncollectable  | live days=3, wait 3, receive 1000000, pick, instruct, attest,
                         | wait 1, close -1, reverse 1000000, wait 2,
                         | close -1 | give_up alpha | claim_open
"""

# 5000 of interest a month; half the units are gamma's. Who gets units that have
# been paid their first month is not paid for it again out of gamma's second.
INTEREST = """
nothing is passed on    | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, wait 30, receive 5000 k2 | credited gamma | 5000
beta's to a friend      | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, transfer 0 500000 delta aware=1,
                        | wait 30, receive 5000 k2 | credited gamma | 5000
in many small parts     | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, transfer 0 100 delta aware=1,
                        | transfer 100 9000 delta aware=1 tile=100,
                        | transfer 9000 500000 delta aware=1 tile=9000,
                        | wait 30, receive 5000 k2 | credited gamma | 5000
taken back since        | deal order=interest_first, live days=3, transfer 0 500000,
                        | transfer 500000 1000000 gamma tile=500000, wait 33, close -1,
                        | receive 5000, transfer 0 500000 delta aware=1, reverse 5000,
                        | wait 30, receive 10000 k2 | credited gamma | 5000
"""

# An order on an amount takes money; units that are worth it go for none.
EVASIONS = """
bought back for nothing  | live, transfer 0 1000, freeze_but 0 beta,
                         | | rebuy 0 1000 1 way=direct | frozen
for a little by the bank | live, transfer 0 1000, freeze_but 0 beta,
                         | | rebuy 0 1000 1 | frozen
for what they are worth  | live, transfer 0 1000, freeze_but 0 beta,
                         | rebuy 0 1000 1000, price payer=alpha | order_taken | 1000
redeemed for nothing     | live, freeze_but 0 alpha,
                         | | redeem 0 1000000 1 way=direct | frozen
cancelled                | live, freeze_but 0 alpha | cancel_live | frozen
reduced                  | soft, freeze_but 0 alpha, reduce 9 | sum_of live | 1000000
another's part reduced   | soft, transfer 0 9, freeze_but 0 beta,
                         | | reduce 1000000 tile=0 units=9 | frozen
waived by a frozen firm  | deal tolerance_minor=9, live face=9 days=3, wait 3,
                         | freeze_member | waive 9 | frozen
waived by its directors  | deal tolerance_minor=9, live face=9 days=3, wait 3,
                         | ruin alpha | waive 9 | insolvent
closed by its directors  | lost, ruin alpha | give_up alpha | insolvent
"""

# What an insolvent debtor pays is for all; its bank stays out while any order stands.
ESTATES = """
redeemed for one holder  | live, ruin debtor | redeem 0 9 9 | not_redeemable
paid after the order     | live, redeem 0 9 9, ruin debtor,
                         | price payer=debtor | sum_of live | 1000000
kept for all             | live, redeem 0 9 9, ruin debtor,
                         | price payer=debtor | books suspense | 9
"""

# Owner, new attester and who vouches for it are three that nothing joins.
VOUCHED = """
by the owner             | open_account lbank agent, ruin agent,
                         | | succeed bank vouch=lbank | group_conflict
on another account       | ruin agent | open_account lbank agent | insolvent
by another               | open_account lbank agent, ruin agent,
                         | succeed bank | attested_by | bank open
"""

# What the bank takes back of a redemption's price its debtor owes again.
REDEEMED = """
half of the price        | live, redeem 0 400000 390000, price payer=debtor,
                         | reverse 195000 | sum_of live | 800000
the rest of it           | live, redeem 0 400000 390000, price payer=debtor,
                         | reverse 195000, reverse 195000 r2 | sum_of live | 1000000
all but a cent, when due | live days=5, redeem 0 1000000 1000000 days=2,
                         | price payer=debtor, wait 5, reverse 999999,
                         | close | state | overdue
the holder owes it back  | live, redeem 0 1000000 1000000, price payer=debtor, pick,
                         | instruct, attest, reverse 999999 | claimed alpha | 999999
and is owed it again     | live, redeem 0 1000000 1000000, price payer=debtor, pick,
                         | instruct, attest, reverse 999999 | sum_of live | 999999
"""

# A buyer passes one unit on, so that the others do not return, and bounces its price.
BOUNCED = """
the seller is paid first | live days=9, bought, transfer 0 1 gamma, price_back, wait 9,
                         | receive 1000000 k9 | credited alpha | 999887
the buyer gets the rest  | live days=9, bought, transfer 0 1 gamma, price_back, wait 9,
                         | receive 1000000 k9 | credited lender | 112
it owes nothing more     | live days=9, bought, transfer 0 1 gamma, price_back, wait 9,
                         | receive 1000000 k9 | figure owed | 0
and what is short        | live days=9, bought, transfer 0 1 gamma, price_back, wait 9,
                         | receive 500000 k9 | figure owed | 49888
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


@pytest.fixture(scope="module")
def court() -> Iterator[Stage]:
    """One world for all rows with orders of an authority."""
    more = (
        make_actor("regulator", "regulator"),
        make_actor("agent", "settlement_bank"),
        make_actor("lbank", "lender", "settlement_bank"),
        make_actor("sister", "lender", group="family"),
        make_actor("brother", "supplier", group="family"),
    )
    court = Stage(more=more)
    yield court
    court.check()


def answer(court: Stage, row: Row) -> str:
    """Play a row after every order of the rows before is released."""
    calm(court)
    return row.answer(court)


@rows(GIVEN_UP)
def test_what_repays_a_claim_is_not_given_up(stage: Stage, row: Row) -> None:
    """Whoever owes money back does not let go of what would repay it."""
    assert row.answer(stage) == row.code


@rows(BOUNCED)
def test_a_price_that_bounced_is_paid_first(stage: Stage, row: Row) -> None:
    """Nobody is paid for units it has not paid for, while their seller waits."""
    assert row.answer(stage) == row.code


@rows(REDEEMED)
def test_nobody_is_discharged_by_what_was_taken_back(stage: Stage, row: Row) -> None:
    """A debtor that redeems with money its bank recalls owes that again."""
    assert row.answer(stage) == row.code


@rows(INTEREST)
def test_interest_paid_goes_with_the_units(stage: Stage, row: Row) -> None:
    """Passing units on does not let them earn the same interest twice."""
    assert row.answer(stage) == row.code


def test_a_limit_ends_with_who_asked_for_it(stage: Stage) -> None:
    """Another lender's word does not lift the limit that one asked for."""
    stage.begin()
    verbs.deal(stage, debtor_max_minor=9)
    programme = stage.read("programme", stage.programme)
    names = ("collects", "id", "kind", "rule", "debtor_max_minor")
    terms = {name: programme[name] for name in programme if name not in names}
    terms |= {"lenders": [stage.member("merged")], "replaces": stage.programme}
    with pytest.raises(LedgerError) as caught:
        stage.act("programme.new", terms, by=["debtor", "merged"])
    assert caught.value.code == "wrong_signers"
    stage.act("programme.new", terms)


@rows(EVASIONS)
def test_orders_are_not_evaded(court: Stage, row: Row) -> None:
    """What an order wants is not given away for less than it is worth."""
    assert answer(court, row) == row.code


@rows(ESTATES, VOUCHED)
def test_estates_are_for_all(court: Stage, row: Row) -> None:
    """No holder comes first, and nobody vouches for its own attester."""
    assert answer(court, row) == row.code


def test_an_attester_insolvent_twice_stays_out(court: Stage) -> None:
    """One order's end does not give it back what another one took."""
    calm(court)
    court.begin()
    verbs.open_account(court, "bank", "agent")
    order_verbs.ruin(court, "agent")
    first = court.order
    order_verbs.ruin(court, "agent")
    second, court.order = court.order, first
    order_verbs.lift(court)
    assert order_verbs.attested_by(court) == "nobody blocked"
    court.order = second
    order_verbs.lift(court)
    assert order_verbs.attested_by(court) == "agent open"


def test_a_sister_does_not_vouch_against_an_order(court: Stage) -> None:
    """The guardian of an order is not of the group of the member it is about."""
    calm(court)
    court.begin()
    with pytest.raises(LedgerError) as caught:
        order_verbs.freeze_member(court, "brother", via="operator", vouch="sister")
    assert caught.value.code == "group_conflict"


def test_dust_is_frozen_like_the_rest(court: Stage) -> None:
    """Nobody cuts what it has so fine that an order on it is too much work."""
    calm(court)
    court.begin()
    verbs.live(court, face=14_001, days=3)
    for lo in range(0, 14_000, 100):
        verbs.split(court, *range(lo + 1, lo + 101), tile=lo)
    order_verbs.freeze_units(court, 0, 14_001)


def test_several_orders_stand_on_the_same_units(court: Stage) -> None:
    """The audit takes no offence at that, whether they are live or retired."""
    calm(court)
    court.begin()
    verbs.live(court, days=3)
    order_verbs.freeze_units(court, 0, 997)
    verbs.wait(court, 3)
    verbs.receive(court, 999_008)
    order_verbs.freeze_units(court, 332, 997)
    assert [len(tile["locks"]) for tile in court.tiles(court.it)] == [1, 2, 2, 0]
    court.check()
    calm(court)


def test_every_part_may_be_on_offer_when_money_comes() -> None:
    """A sweep tells of the end of as many offers as a receivable has parts."""
    assert EVENTS_MAX > PARTS_MAX


def test_many_late_receivables_hide_no_later_one() -> None:
    """However much is owed on an account, all that is due is judged."""
    sources = read_sources()
    path, page = "receivable/late.py", "JUDGED_PAGE = 1000"
    assert page in sources[path]
    sources[path] = sources[path].replace(page, "JUDGED_PAGE = 2")
    stage = Stage(sources=sources)
    stage.begin()
    due = []
    for _ in range(5):
        verbs.live(stage, days=3)
        due.append(stage.it)
    verbs.live(stage, days=9)
    verbs.wait(stage, 9)
    # Three of them with the interest of six days, and one less than another needs.
    verbs.receive(stage, 4_002_999, payer="nobody")
    verbs.close(stage, -3)
    assert verbs.state(stage) == "live"
    verbs.close(stage)
    assert verbs.state(stage) == "overdue"
    assert "judged" not in stage.read("account", stage.account)
    states = [stage.read("receivable", item)["state"] for item in due]
    assert states == ["live"] * 3 + ["default"] * 2


def test_many_groups_do_not_escape_a_reversal() -> None:
    """What is too much for the bank's own act is taken back by a job after it."""
    sources = read_sources()
    path, bound = "kit/v1/reversals.py", "LINES_AT_ONCE = 5_000"
    assert bound in sources[path]
    sources[path] = sources[path].replace(bound, "LINES_AT_ONCE = 2")
    stage = Stage(sources=sources)
    stage.begin()
    verbs.live(stage, face=9, days=3)
    verbs.transfer(stage, 0, 1)
    verbs.transfer(stage, 1, 2, "gamma", tile=1)
    verbs.wait(stage, 3)
    verbs.receive(stage, 9)
    with pytest.raises(LedgerError) as caught:
        verbs.reverse(stage, 9)
    assert caught.value.code == "limit_exceeded"
    bank_verbs.take_back(stage, 9)
    assert verbs.state(stage) == "live"
    assert bank_verbs.misfit(stage) == "none"


def test_more_lines_than_a_job_takes_back_are_named() -> None:
    """They are a misfit of the account, which its owner and attester clear."""
    sources = read_sources()
    path, bound = "kit/v1/reversals.py", "LINES_MAX = 15_000"
    assert bound in sources[path]
    sources[path] = sources[path].replace(bound, "LINES_MAX = 2")
    stage = Stage(sources=sources)
    stage.begin()
    verbs.live(stage, face=9, days=3)
    verbs.transfer(stage, 0, 1)
    verbs.wait(stage, 3)
    verbs.receive(stage, 9)
    bank_verbs.take_back(stage, 9)
    assert bank_verbs.misfit(stage) == "limit_exceeded"
    assert verbs.state(stage) == "settled"
    bank_verbs.clear(stage)
    assert bank_verbs.misfit(stage) == "none"
    stage.check()


@pytest.fixture
def busy() -> Stage:
    """A world in which alpha is due three payouts, and an act looks at one."""
    sources = read_sources()
    path, page, pages = "receivable/orders.py", "PAGE = 100", "PAGES_MAX = 20"
    assert page in sources[path]
    assert pages in sources[path]
    text = sources[path].replace(page, "PAGE = 1").replace(pages, "PAGES_MAX = 1")
    more = (make_actor("regulator", "regulator"),)
    stage = Stage(more=more, sources={**sources, path: text})
    for _ in range(3):
        stage.begin()
        verbs.paid(stage, 9)
        verbs.pick(stage)
    return stage


def test_a_freeze_holds_however_many_payouts(busy: Stage) -> None:
    """What the order's own act has no time for is held by jobs after it."""
    order_verbs.freeze_member(busy)
    found = [payout["state"] for payout in busy.payouts("alpha")]
    assert found == ["held"] * 3
    busy.check()


@pytest.mark.parametrize("elsewhere", [0, 1])
def test_a_payout_is_not_sent_before_it_is_held(busy: Stage, elsewhere: int) -> None:
    """Whoever sends it asks for the orders on it, whether or not a job has run."""
    busy.pausing = True
    order_verbs.freeze_member(busy, elsewhere=elsewhere)
    left = [p for p in busy.payouts("alpha") if "order" not in p]
    busy.payout, busy.account = left[-1]["id"], left[-1]["account"]
    if elsewhere:
        verbs.instruct(busy)
        assert busy.record_of("payout")["redirect"]["payee"] != "alpha"
    else:
        with pytest.raises(LedgerError) as caught:
            verbs.instruct(busy)
        assert caught.value.code == "wrong_state_of_payout"


def test_what_an_amount_takes_is_not_sent_before(busy: Stage) -> None:
    """Of what an order takes a part nothing is sent until that is cut off."""
    busy.pausing = True
    what = {"amount_minor": 12, "currency": "CNY", "member": "alpha"}
    order_verbs.freeze(busy, "amount", **what)
    left = [p for p in busy.payouts("alpha") if "order" not in p]
    busy.payout, busy.account = left[-1]["id"], left[-1]["account"]
    with pytest.raises(LedgerError) as caught:
        verbs.instruct(busy)
    assert caught.value.code == "wrong_state_of_payout"
    busy.pausing = False
    busy.settle()
    found = [p["amount_minor"] for p in busy.payouts("alpha") if p["state"] == "held"]
    assert sorted(found) == [3, 9]
    busy.check()


@pytest.mark.parametrize("recipient", ["beta", "gamma"])
def test_a_report_does_not_ask_who_holds(stage: Stage, recipient: str) -> None:
    """A debtor that tries one name after the other learns of no holder."""
    stage.begin()
    verbs.live(stage)
    verbs.transfer(stage, 0, 9)
    bank_verbs.misdirect(stage, 5, recipient)
