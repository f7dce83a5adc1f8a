"""Rules of random lives for what goes wrong: waivers, orders, disputes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.driver_views import HOLDERS
from tests.properties.life_deals import Returns
from tests.properties.lives import OPEN


class GivingUp(Returns):
    """Walks over waivers and uncollectable receivables."""

    def unclaimed(self, *states: str) -> list[str]:
        """Return receivables in these states on which nobody owes money back."""
        names = [*HOLDERS, "debtor"]
        return [
            rid
            for rid in self.in_state(*states)
            if not any(self.owes(name, rid) for name in names)
        ]

    @precondition(lambda self: self.unclaimed(*OPEN))
    @rule(data=st.data())
    def waive(self, data: st.DataObject) -> None:
        """Waive what is left."""
        self.driver.waive(data.draw(st.sampled_from(self.unclaimed(*OPEN))))

    @precondition(lambda self: self.in_state("default", "recovering"))
    @rule(data=st.data(), really=st.integers(0, 3))
    def give_up(self, data: st.DataObject, really: int) -> None:
        """Close as uncollectable, not too often."""
        lost = self.unclaimed("default", "recovering")
        if lost and not really:
            self.driver.give_up(data.draw(st.sampled_from(lost)))


class Defences(GivingUp):
    """Walks over disputes and reductions."""

    def undisputed(self) -> list[str]:
        """Return what was never contested and is not being sold.

        What is contested again, or while its price is due, is a choice.
        """
        known = {dispute.rid for dispute in self.model.disputes.values()}
        return [rid for rid in self.in_state(*OPEN) if rid not in known]

    @precondition(lambda self: self.undisputed())
    @rule(data=st.data(), more=st.sampled_from([0, 0, 1]), part=st.sampled_from([1, 2]))
    def dispute(self, data: st.DataObject, more: int, part: int) -> None:
        """Contest all of it, or a part."""
        rid = data.draw(st.sampled_from(self.undisputed()))
        amount = max(1, self.model.outstanding(rid) // part + more)
        self.driver.dispute(self.next_id("S"), rid, amount)

    @precondition(lambda self: self.driver.disputes)
    @rule(data=st.data())
    def end_dispute(self, data: st.DataObject) -> None:
        """End a dispute, open or not."""
        self.driver.end_dispute(data.draw(st.sampled_from([*self.driver.disputes])))

    @precondition(lambda self: self.unclaimed(*OPEN))
    @rule(data=st.data(), part=st.sampled_from([1, 2, 3, 9, 0]))
    def reduce(self, data: st.DataObject, part: int) -> None:
        """Reduce by a part of what the supplier holds, or by all that is owed."""
        rid = data.draw(st.sampled_from(self.unclaimed(*OPEN)))
        rec = self.model.receivables[rid]
        if self.model.interest_paid(rec):
            return  # whose interest that was, and who gives it back, is left open
        own = sum(tile.size for tile in rec.live if tile.holder == rec.supplier)
        self.driver.reduce(rid, max(1, own // part if part else rec.outstanding))
