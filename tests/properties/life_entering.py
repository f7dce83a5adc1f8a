"""Rules of random lives for the ways in: proposals, answers, ends."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from contracts.kit.v1.calendars import add_days
from tests.properties.lives import DUES, ISSUED, Walker
from tests.world import DAY_MS, START

SUPPLIERS = st.sampled_from(["alpha", "beta"])
ENDS = {
    "submitted": ["reject", "cancel"],
    "countered": ["reject", "cancel"],
    "issued": ["decline_issue", "cancel"],
}


class Entering(Walker):
    """Walks over proposals."""

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
    def cancel_live(self, data: st.DataObject, seldom: int) -> None:
        """Cancel what is live by consent; often, and there would be nothing left."""
        rid = self.pick_rid(data, "live", "overdue")
        rec = self.model.receivables.get(rid)
        if seldom == 4 and not (rec and any(tile.gone for tile in rec.tiles)):
            # Whether what is left of a reduced one is cancelled is a choice.
            self.driver.end("cancel_live", rid)

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
