"""A dishonest member's ways to be paid more, or to keep others from being paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from ledger.state import State, scan_records
from tests import verbs
from tests.rows import Row, rows
from tests.stage import Stage
from tests.world import DAY_MS, SECRET, World, date_of, default_actors, make_actor

# The supplier was paid, the bank took the money back, the units are owed again.
TAKEN_BACK = """
passed on before it is repaid | sent 9, attest, reverse 9 | transfer 0 9   | claim_open
offered and taken             | sent 9, attest, reverse 9, offer 0 9 | take | claim_open
cancelled with the debtor     | sent 1000000, attest,
                              | reverse 1000000           | cancel_live    | encumbered
passed on when repaid         | sent 9, attest, reverse 9,
                              | receive 9 k2              | transfer 0 9   | ok
passed on by another holder   | live days=3, transfer 0 9, wait 3, receive 1000000,
                              | pick, instruct, attest, reverse 1000000,
                              | split 4                   | transfer 0 4 gamma | ok
"""

# A number that only looks like another one, in letters and digits of elsewhere.
LOOK_ALIKES = """
a Cyrillic A   | live number=QA-A1 | live number=QA-\u04101    | near_duplicate
a Cyrillic i   | live number=IB-A1 | live number=\u0456B-A1    | near_duplicate
a Greek N      | live number=QN-A1 | live number=Q\u039d-A1    | near_duplicate
an Arabic 1    | live number=QC-A1 | live number=QC-A\u0661    | near_duplicate
a Persian 1    | live number=QD-A1 | live number=QD-A\u06f1    | near_duplicate
a Hindi 1      | live number=QE-A1 | live number=QE-A\u0967    | near_duplicate
a letter apart | live number=QF-A1 | live number=QF-\u0395\u0391 | ok
"""

# Money of one debtor does not keep another one's debt from being overdue.
COVER = """
another's money     | live days=3, deal debtor=buyer, live days=9 supplier=beta,
                    | receive 1000000 payer=buyer, go_first,
                    | wait 3, close                 | state | overdue
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


def test_many_due_dates_do_not_keep_money_out(stage: Stage) -> None:
    """A debtor with something due on each of many days can still pay."""
    stage.begin()
    verbs.deal(stage, tenor_norm_days=365)
    for n in range(150):
        verbs.live(stage, face=1, days=3 + n)
    verbs.wait(stage, 160)
    verbs.receive(stage, 10_000)
    assert verbs.state(stage) == "settled"


def test_restart_knows_an_invoice_listed_twice_once(stage: Stage) -> None:
    """A node restored from records names the same receivable as one that ran."""
    stage.begin()
    use = {**stage.make_use(100, "TWICE", "2026-01-02"), "used_minor": 50}
    stage.propose("submit", face=100, invoices=[use, use])
    verbs.confirm(stage)
    running = stage.chain.state
    restored = State(running.kinds, SECRET)
    restored.restore(running.records.items())
    place = ("used", stage.member("debtor") + "/TWICE")
    assert len(list(scan_records(running, *place))) == 1
    assert len(list(scan_records(restored, *place))) == 1


@rows(TAKEN_BACK)
def test_claims_are_repaid_first(stage: Stage, row: Row) -> None:
    """Whoever was paid and owes that back is not paid by somebody else too."""
    assert row.answer(stage) == row.code


def test_cancelling_takes_the_persons_of_giving_it_all() -> None:
    """One person who may give 100 does not give up a million by cancelling."""
    one, two = {"persons": 1, "up_to_minor": 100}, {"persons": 2}
    approvals = [
        {"action": "any", "bands": [{"persons": 1}]},
        {"action": "any", "bands": [one, two], "currency": "CNY"},
    ]
    policy = {"approvals": approvals, "offset_minutes": 480}
    others = [actor for actor in default_actors() if actor.name != "alpha"]
    alpha = make_actor("alpha", "supplier", persons=2, policy=policy)
    world = World([*others, alpha])
    world.open_account()
    world.open_programme()
    body = {"receivable": world.issue_live(1_000_000, "2026-03-02")}
    keys = [alpha.keys[0], *world.actors["debtor"].keys]
    with pytest.raises(LedgerError, match="policy"):
        world.act("receivable.cancel_live", body, keys=keys)
    world.act("receivable.cancel_live", body)


@rows(LOOK_ALIKES, COVER)
def test_others_are_not_deceived(stage: Stage, row: Row) -> None:
    """One invoice is not financed twice; no debtor hides behind another's money."""
    assert row.answer(stage) == row.code


@pytest.mark.parametrize("way", ["itself", "group", "suspended"])
def test_operator_vouches_for_nobody(way: str) -> None:
    """Not even a lender may be its own operator's second word."""
    usual = [actor for actor in default_actors() if actor.name != "operator"]
    roles = ("operator", "lender") if way == "itself" else ("operator",)
    operator = make_actor("operator", *roles, group="house")
    world = World([*usual, operator, make_actor("pet", "lender", group="house")])
    if way == "suspended":
        named = {"member": world.member("lender"), "reason": "test"}
        world.act("member.suspend", {**named, "operator": world.member("operator")})
    guardian = {"itself": "operator", "group": "pet", "suspended": "lender"}[way]
    body = {
        "guardian": world.member(guardian),
        "member": make_actor("bank2", "settlement_bank").describe(world.chain.chain_id),
        "operator": world.member("operator"),
    }
    with pytest.raises(LedgerError) as caught:
        world.act("member.admit", body)
    expected = "member_suspended" if way == "suspended" else "group_conflict"
    assert caught.value.code == expected


def test_money_of_many_holdings_can_be_taken_back(stage: Stage) -> None:
    """A holding cut to dust does not keep the bank from recording a reversal."""
    stage.begin()
    verbs.live(stage, face=8_001, days=3)
    for lo in range(0, 8_000, 100):
        verbs.split(stage, *range(lo + 1, lo + 101), tile=lo)
    verbs.wait(stage, 3)
    verbs.receive(stage, 8_001)
    verbs.reverse(stage, 8_001)
    assert verbs.state(stage) == "live"


def test_freed_look_alikes_take_no_place(stage: Stage) -> None:
    """Numbers proposed and taken back do not shut out the one that counts."""
    stage.begin()
    verbs.deal(stage)
    for n in range(51):
        verbs.submit(stage, number="FREED", date=date_of(stage.time - n * DAY_MS))
        verbs.cancel(stage)


def test_a_day_has_one_payout_however_old_others_are(stage: Stage) -> None:
    """A payee without an account cannot make the bank a payout a receipt."""
    stage.begin()
    for n in range(12):
        verbs.live(stage, face=10, days=1, supplier="delta")
        verbs.wait(stage, 1)
        verbs.receive(stage, 5, f"a{n}", names="it")
        verbs.receive(stage, 5, f"b{n}", names="it")
    assert len(stage.scan("payouts", stage.account)) == 12


def test_nobody_cuts_a_receivable_too_fine() -> None:
    """The bound on parts is met exactly: at it yes, one beyond it no."""
    sources = read_sources()
    path, bound = "kit/v1/passing.py", "PARTS_MAX = 150_000"
    assert bound in sources[path]
    sources[path] = sources[path].replace(bound, "PARTS_MAX = 4")
    world = World(sources=sources)
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(100, "2026-03-16")
    body = {"cuts": [10, 20, 30], "receivable": receivable}
    world.act("receivable.split", {**body, "input": world.input(receivable, 0)})
    assert len(world.tiles(receivable)) == 4
    body = {"cuts": [40], "receivable": receivable}
    with pytest.raises(LedgerError) as caught:
        world.act("receivable.split", {**body, "input": world.input(receivable, 30)})
    assert caught.value.code == "limit_exceeded"
