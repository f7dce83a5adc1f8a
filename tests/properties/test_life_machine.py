"""Random lives of receivables, on the real chain and in the naive model at once.

The usual run is the same walks each time. ``pytest -m slow`` walks further from
a new seed, which is printed; ``ALLONGE_SEED`` repeats one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts.kit.v1.calendars import add_days
from tests.driver_deals import DealDriver
from tests.driver_views import HOLDERS
from tests.model_records import REMITTER, Tile
from tests.properties.life_distress import Defences
from tests.world import CALENDAR, DAY_MS, START, ms_of

HOUR_MS = 3_600_000
ISSUED = "2026-01-02"
# A Tuesday, a Saturday, the holiday after it and the Tuesday it moves to.
DUES = [add_days(START, days) for days in (15, 19, 21, 22)]
TERMS = st.fixed_dictionaries(
    {
        "calendar": st.just({**CALENDAR, "holidays": [DUES[2]]}),
        "confirm_days": st.just(3),
        "late_basis": st.sampled_from([360, 365]),
        "late_rate_ppm": st.sampled_from([60_000, 1_000_000]),
        "order": st.sampled_from(["principal_first", "interest_first"]),
        "part_min_minor": st.sampled_from([1, 40]),
        "record_days": st.sampled_from([0, 0, 2]),
        "recourse_price": st.sampled_from(["face", "face_interest"]),
        "recourse_trigger": st.sampled_from(["overdue", "default"]),
        "tenor_cap_days": st.just(40),
        "tolerance_minor": st.sampled_from([0, 60]),
        "undertaking": st.sampled_from(["absolute", "subject_to_defences"]),
        "transfer_max": st.sampled_from([2, 8]),
    }
)
SUPPLIERS = st.sampled_from(["alpha", "beta"])
PAYERS = st.sampled_from(["debtor"] * 5 + [None, "beta"])
PAYEES = [*HOLDERS, REMITTER]
ENDS = {
    "submitted": ["reject", "cancel"],
    "countered": ["reject", "cancel"],
    "issued": ["decline_issue", "cancel"],
}


class Life(Defences):
    """Random walks; the driver compares the two worlds after each step."""

    @initialize(
        terms=TERMS,
        faces=st.lists(st.sampled_from([300, 997, 100_000]), min_size=2, max_size=3),
        dues=st.lists(st.sampled_from(DUES), min_size=3, max_size=3),
    )
    def begin(self, terms: dict[str, Any], faces: list[int], dues: list[str]) -> None:
        """Begin with some receivables that live."""
        self.driver = DealDriver(**terms)
        self.model = self.driver.model
        for face, due in zip(faces, dues, strict=False):
            rid = self.next_id("R")
            invoices = [(rid, ISSUED, face, face)]
            self.driver.propose("submit", rid, "alpha", face, [], due, invoices)
            assert self.driver.confirm(rid) == "ok"

    @rule(
        data=st.data(),
        act=st.sampled_from(["submit", "issue"]),
        supplier=SUPPLIERS,
        number=st.sampled_from(["A-1", "a 1", "A-01", "7-001", "7001", "71", "00"]),
        due=st.sampled_from([*DUES, *DUES, ISSUED, add_days(START, 70)]),
        amounts=st.sampled_from([(500, 250), (500, 250), (500, 251), (400, 250)]),
        called=st.sampled_from([True, True, False]),
    )
    def propose(  # noqa: PLR0917 - said in this order everywhere
        self,
        data: st.DataObject,
        act: str,
        supplier: str,
        number: str,
        due: str,
        amounts: tuple[int, int],
        called: bool,
    ) -> None:
        """Enter by either way, with invoices that look alike."""
        amount, used = amounts
        cuts = data.draw(st.lists(st.sampled_from([1, 20, 490]), max_size=1))
        different = [number] if called else []
        terms = supplier, used, cuts, due, [(number, ISSUED, amount, used)]
        extra = {"different": different} if act == "issue" else {}
        self.driver.propose(act, self.next_id("R"), *terms, **extra)

    def words(self, rid: str, called: bool) -> list[str]:
        """Return the invoices the debtor calls different: all or none."""
        rec = self.model.receivables.get(rid)
        return [invoice[0] for invoice in rec.invoices] if rec and called else []

    @precondition(lambda self: self.in_state("submitted", "countered"))
    @rule(
        data=st.data(),
        due=st.sampled_from([*DUES, START, add_days(START, 70)]),
        called=st.sampled_from([True, True, False]),
    )
    def counter(self, data: st.DataObject, due: str, called: bool) -> None:
        """Propose other terms."""
        rid = self.pick_rid(data, "submitted", "countered")
        rec = self.model.receivables.get(rid)
        turn = "debtor" if rec and rec.proposer == "supplier" else "supplier"
        by = self.pick(data, [turn], ["debtor", "supplier"])
        cuts = data.draw(st.sampled_from([[], [1], [900]]))
        self.driver.counter(rid, by, cuts, due, self.words(rid, called))

    @precondition(lambda self: self.in_state("submitted", "countered"))
    @rule(data=st.data(), called=st.sampled_from([True, True, False]))
    def confirm(self, data: st.DataObject, called: bool) -> None:
        """The debtor agrees."""
        rid = self.pick_rid(data, "submitted", "countered")
        self.driver.confirm(rid, self.words(rid, called))

    @precondition(lambda self: self.in_state("issued", "countered"))
    @rule(data=st.data())
    def agree(self, data: st.DataObject) -> None:
        """The supplier agrees."""
        self.driver.agree(self.pick_rid(data, "issued", "countered"))

    @precondition(lambda self: self.in_state(*ENDS))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """End a proposal, in a way that fits its state or in another."""
        rid = self.pick_rid(data, *ENDS)
        rec = self.model.receivables.get(rid)
        fit = ENDS.get(self.model.state(rid), []) if rec else []
        act = self.pick(data, fit, sorted({x for acts in ENDS.values() for x in acts}))
        self.driver.end(act, rid)

    @rule(data=st.data(), seldom=st.integers(0, 4))
    def void(self, data: st.DataObject, seldom: int) -> None:
        """Cancel what is live by consent; often, and there would be nothing left."""
        rid = self.pick_rid(data, "live", "overdue")
        rec = self.model.receivables.get(rid)
        if seldom == 4 and not (rec and any(tile.gone for tile in rec.tiles)):
            # Whether what is left of a reduced one is cancelled is a choice.
            self.driver.end("cancel_live", rid)

    @precondition(lambda self: self.in_waiting())
    @rule(data=st.data())
    def pay_early(self, data: st.DataObject) -> None:
        """The debtor lets early money be swept."""
        rid = self.pick(data, self.in_waiting(), self.model.receivables)
        self.driver.end("pay_early", rid)

    def in_waiting(self) -> list[str]:
        """Return the receivables for which money waits."""
        return [rid for rid in self.model.receivables if self.model.waiting(rid)]

    # -- passing on -------------------------------------------------------------

    @rule(data=st.data(), aware=st.booleans(), recourse=st.booleans())
    def transfer(self, data: st.DataObject, aware: bool, recourse: bool) -> None:
        """Pass a part on at once."""
        part, to = self.pick_part(data)
        self.driver.transfer(*part, to, aware=aware, recourse=recourse)

    @rule(
        data=st.data(),
        hours=st.sampled_from([0, 1, 30, 30, 90, 90]),
        recourse=st.booleans(),
    )
    def offer(self, data: st.DataObject, hours: int, recourse: bool) -> None:
        """Offer a part."""
        deadline_ms = self.driver.now + hours * HOUR_MS
        part, to = self.pick_part(data)
        oid = self.next_id("O")
        self.driver.offer(oid, *part, to, deadline_ms, recourse=recourse)

    @precondition(lambda self: self.model.open_offers())
    @rule(
        data=st.data(),
        act=st.sampled_from(["accept", "accept", "accept", "decline", "withdraw"]),
        aware=st.booleans(),
    )
    def answer(self, data: st.DataObject, act: str, aware: bool) -> None:
        """Answer an offer, mostly an open one."""
        oid = self.pick(data, sorted(self.model.open_offers()), self.model.offers)
        self.driver.answer(act, oid, aware=aware)

    @rule(data=st.data(), cuts=st.lists(st.integers(1, 9), min_size=1, max_size=3))
    def split(self, data: st.DataObject, cuts: list[int]) -> None:
        """Cut a part at some tenths."""
        rid, lo, hi = self.pick_tile(data)
        rec = self.model.receivables.get(rid)
        holder = next((t.holder for t in rec.live if t.lo == lo), "") if rec else ""
        if self.model.frozen(rid, holder, lo, hi):
            return  # whether frozen units are cut is a choice
        self.driver.split(rid, lo, [lo + (hi - lo) * cut // 10 for cut in sorted(cuts)])

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """Join neighbours, alike or not."""
        pairs: list[tuple[str, Tile]] = []
        for rid, rec in self.model.receivables.items():
            starts = {tile.lo for tile in rec.live}
            pairs += [(rid, tile) for tile in rec.live if tile.hi in starts]
        if pairs:
            rid, tile = data.draw(st.sampled_from(pairs))
            self.driver.merge(rid, tile.lo)

    @rule(member=st.sampled_from(["alpha", "beta", "debtor"]))
    def standing(self, member: str) -> None:
        """Suspend somebody if nobody is suspended, else resume them."""
        for other in sorted(self.model.suspended):
            self.driver.standing("resume", other)
            return
        self.driver.standing("suspend", member)

    # -- money ------------------------------------------------------------------

    @rule(
        data=st.data(),
        late=st.sampled_from([-9, -1, 0, 0, 0, 3]),
        payer=PAYERS,
        again=st.integers(0, 19),
    )
    def receive(
        self, data: st.DataObject, late: int, payer: str | None, again: int
    ) -> None:
        """Let money come in, valued around today; a reference may come twice."""
        value = add_days(self.model.today, late)
        rid = self.pick_rid(data, "live", "part_paid", "overdue")
        rec = self.model.receivables.get(rid)
        hint = self.model.owed(rec, value) if rec and rec.tiles else 100
        amount = self.pick_amount(data, hint)
        ref = self.next_id("M")
        if again == 0 and self.model.receipts:
            ref = data.draw(st.sampled_from([*self.model.receipts]))
        number = rec.invoices[0][0].lower() if rec else "?"
        names = data.draw(st.sampled_from([None, rid, rid, rid, number]))
        self.driver.receive(ref, amount, value, payer, names)

    def holding(self, *places: str) -> list[str]:
        """Return the receipts with money in one of the places."""
        return [
            ref
            for ref, receipt in self.model.receipts.items()
            if any(getattr(receipt, place) for place in places)
        ]

    @precondition(lambda self: self.holding("unassigned", "waiting"))
    @rule(data=st.data())
    def return_early(self, data: st.DataObject) -> None:
        """Return early money to its remitter."""
        ref = self.pick(
            data, self.holding("unassigned", "waiting"), self.model.receipts
        )
        receipt = self.model.receipts[ref]
        amount = self.pick_amount(data, receipt.unswept - receipt.suspense)
        self.driver.send_back("early", ref, amount)

    @precondition(lambda self: self.holding("suspense"))
    @rule(data=st.data(), back=st.booleans())
    def end_suspense(self, data: st.DataObject, back: bool) -> None:
        """Return money in suspense, or let the debtor assign it."""
        ref = self.pick(data, self.holding("suspense"), self.model.receipts)
        receipt = self.model.receipts[ref]
        amount = self.pick_amount(data, receipt.suspense)
        if back:
            self.driver.send_back("suspense", ref, amount)
            return
        rid = self.pick_rid(data, "live", "part_paid", "overdue")
        rec = self.model.receivables.get(rid)
        room = self.model.room(rec, receipt.value_date) if rec and rec.tiles else 1
        self.driver.match(ref, rid, max(1, min(amount, room)))

    @precondition(lambda self: self.model.receipts)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        """Reverse a receipt in whole or in part."""
        receipts = self.model.receipts
        ref = data.draw(st.sampled_from([*receipts]))
        left = receipts[ref].amount - receipts[ref].reversed
        self.driver.reverse(self.next_id("V"), ref, self.pick_amount(data, left))

    def payees(self, figure: Callable[[str], int]) -> list[str]:
        """Return those payees of whom a figure is not 0."""
        return [name for name in PAYEES if figure(name)]

    @precondition(lambda self: self.payees(self.model.payable))
    @rule(data=st.data(), paid=st.sampled_from([True, True, False]))
    def pay(self, data: st.DataObject, paid: bool) -> None:
        """Send what is due to a payee, and mostly let it be paid."""
        payee = self.pick(data, self.payees(self.model.payable), PAYEES)
        self.driver.instruct(payee)
        if paid:
            self.driver.attest_paid(payee)

    @precondition(lambda self: self.payees(self.model.sent))
    @rule(data=st.data())
    def attest_paid(self, data: st.DataObject) -> None:
        """Let what was sent be paid."""
        payee = self.pick(data, self.payees(self.model.sent), PAYEES)
        self.driver.attest_paid(payee)

    @precondition(lambda self: self.payees(self.model.paid))
    @rule(data=st.data())
    def return_payout(self, data: st.DataObject) -> None:
        """Let a payment come back."""
        payee = self.pick(data, self.payees(self.model.paid), PAYEES)
        self.driver.return_payout(payee)

    @rule(wrong=st.sampled_from([0, 0, 0, 1]), late=st.sampled_from([1, 1, 0]))
    def close(self, wrong: int, late: int) -> None:
        """Close today, sometimes on a wrong balance, and mostly go on to tomorrow."""
        self.driver.close(wrong)
        if late:
            self.driver.wait_for(add_days(self.model.today, late))

    # -- time -------------------------------------------------------------------

    @rule(
        days=st.sampled_from([0, 1, 1, 3, 9, None]),
        due=st.sampled_from(DUES),
        hour=st.sampled_from([0, 9]),
    )
    def wait(self, days: int | None, due: str, hour: int) -> None:
        """Let days pass, or a due date come."""
        if days is None:
            self.driver.wait_for(self.model.adjust(due), hour)
        else:
            self.driver.wait(self.driver.world.time + days * DAY_MS + HOUR_MS)

    @precondition(lambda self: self.model.open_offers())
    @rule(data=st.data(), late=st.sampled_from([-1, 0, 1]))
    def accept_at_deadline(self, data: st.DataObject, late: int) -> None:
        """Accept an offer at its last moment, or next to it."""
        oid = data.draw(st.sampled_from(sorted(self.model.open_offers())))
        moment = self.model.offers[oid].deadline_ms + late
        if moment > self.model.now:
            self.driver.wait(moment)
        self.driver.answer("accept", oid, aware=True)

    @precondition(lambda self: self.in_state("submitted", "countered", "issued"))
    @rule(data=st.data(), late=st.sampled_from([-1, 0, 1]))
    def agree_at_deadline(self, data: st.DataObject, late: int) -> None:
        """Agree to a proposal at its last moment, or next to it."""
        rids = self.in_state("submitted", "countered", "issued")
        rid = data.draw(st.sampled_from(rids))
        rec = self.model.receivables[rid]
        days_ms = self.model.terms["confirm_days"] * DAY_MS
        if rec.created_ms + days_ms + late > self.model.now:
            self.driver.wait(rec.created_ms + days_ms + late)
        if rec.proposer == "supplier":
            self.driver.confirm(rid, self.words(rid, called=True))
        else:
            self.driver.agree(rid)

    # -- what seldom comes together by chance -----------------------------------

    @rule(data=st.data(), members=st.permutations(HOLDERS))
    def pass_around(self, data: st.DataObject, members: list[str]) -> None:
        """Pass a whole part from hand to hand, as often as that goes."""
        rid, lo, hi = self.pick_tile(data)
        for to in members[:3]:
            self.driver.transfer(rid, lo, lo, hi, to, aware=True)

    @precondition(lambda self: self.model.lines)
    @rule(data=st.data())
    def claim_back(self, data: st.DataObject) -> None:
        """Reverse money that was paid out, and let more come in."""
        for payee in self.payees(self.model.payable):
            self.driver.instruct(payee)
            self.driver.attest_paid(payee)
        line = data.draw(st.sampled_from(self.model.lines))
        receipt = self.model.receipts[line.ref]
        back = self.pick_amount(data, receipt.amount - receipt.reversed)
        self.driver.reverse(self.next_id("V"), line.ref, back)
        more = self.pick_amount(data, back)
        ref = self.next_id("M")
        self.driver.receive(ref, more, self.model.today, "debtor", line.rid)

    @precondition(lambda self: self.in_state("live", "part_paid", "overdue"))
    @rule(data=st.data(), short=st.sampled_from([0, 0, 1]))
    def cover(self, data: st.DataObject, short: int) -> None:
        """Close a due day on which unassigned money covers a debt, or nearly."""
        rid = self.pick_rid(data, "live", "part_paid", "overdue")
        rec = self.model.receivables.get(rid)
        if rec and rec.tiles:
            self.driver.wait(
                max(self.driver.now, ms_of(self.model.adjust(rec.due_date)))
            )
            idle = self.model.suspense() + self.model.unassigned()
            missing = self.model.owed(rec, self.model.today) - idle - short
            if missing > 0:
                ref = self.next_id("M")
                self.driver.receive(ref, missing, self.model.today, "beta", None)
            self.driver.close()

    @precondition(lambda self: self.model.receipts)
    @rule(data=st.data())
    def reopen_beside_early(self, data: st.DataObject) -> None:
        """Reverse a payment while early money waits for nothing in particular."""
        today = self.model.today
        amount = self.pick_amount(data, 300)
        self.driver.receive(self.next_id("M"), amount, today, "debtor", None)
        ref = data.draw(st.sampled_from([*self.model.receipts]))
        left = self.model.receipts[ref].amount - self.model.receipts[ref].reversed
        self.driver.reverse(self.next_id("V"), ref, self.pick_amount(data, left))


def usual() -> settings:
    """Return the settings of the usual run."""
    return settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[*HealthCheck],
        print_blob=False,
    )


TestLife = Life.TestCase
TestLife.settings = usual()


@pytest.mark.slow
def test_long_lives() -> None:
    """Chain and model agree on thousands of steps from a seed of its own."""
    seed = int(os.environ.get("ALLONGE_SEED") or secrets.randbelow(2**32))
    print(f"ALLONGE_SEED={seed}")  # noqa: T201 - to repeat a failure
    walks = int(os.environ.get("ALLONGE_WALKS", "1000"))
    wide = settings(usual(), max_examples=walks, derandomize=False)

    class Seeded(Life):
        """The same walks under a seed."""

    hypothesis.seed(seed)(Seeded)
    run_state_machine_as_test(Seeded, settings=settings(wide, stateful_step_count=60))
