"""Rules of random lives for what goes wrong: waivers, orders, disputes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.driver_views import HOLDERS
from tests.properties.life_deals import Returns
from tests.world import DAY_MS

OPEN = ("live", "part_paid", "overdue", "default", "recovering")


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
        # Whether money that its bank takes back opens it again is a choice.
        recs = self.model.receivables
        lost = [
            rid
            for rid in self.unclaimed("default", "recovering")
            if all(tile.is_live for tile in recs[rid].tiles)
            and not any(line.rid == rid for line in self.model.lines)
        ]
        if lost and not really:
            self.driver.give_up(data.draw(st.sampled_from(lost)))


class Orders(GivingUp):
    """Walks over freezes of members."""

    @rule(
        days=st.sampled_from([1, 5, 30]),
        really=st.integers(0, 2),
    )
    def freeze(self, days: int, really: int) -> None:
        """Freeze a member, not too often, that never paid anything in.

        The model does not know whose money a refund is, nor so what to hold.
        """
        buyers = {deal.buyer for deal in self.model.agreed.values()}
        if not really and "alpha" not in buyers:
            until_ms = self.driver.now + days * DAY_MS
            self.driver.freeze_member(self.next_id("F"), "alpha", until_ms)

    @precondition(lambda self: self.driver.orders)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Release an order, in force or not."""
        self.driver.release(data.draw(st.sampled_from([*self.driver.orders])))


class Defences(Orders):
    """Walks over disputes and reductions."""

    def undisputed(self) -> list[str]:
        """Return what was never contested and is not being sold.

        What is contested again, or while its price is due, is a choice.
        """
        known = {dispute.rid for dispute in self.model.disputes.values()}
        known |= {self.model.agreed[did].rid for did in self.open_deals()}
        return [rid for rid in self.in_state(*OPEN) if rid not in known]

    @precondition(lambda self: self.undisputed())
    @rule(data=st.data(), more=st.sampled_from([0, 0, 1]))
    def dispute(self, data: st.DataObject, more: int) -> None:
        """Contest all of it; what money and part of it cover is a choice."""
        rid = data.draw(st.sampled_from(self.undisputed()))
        amount = max(1, self.model.outstanding(rid) + more)
        self.driver.dispute(self.next_id("S"), rid, amount)

    @precondition(lambda self: self.driver.disputes)
    @rule(data=st.data())
    def end_dispute(self, data: st.DataObject) -> None:
        """End a dispute, open or not."""
        self.driver.end_dispute(data.draw(st.sampled_from([*self.driver.disputes])))

    @precondition(lambda self: self.unclaimed(*OPEN))
    @rule(data=st.data(), part=st.sampled_from([2, 3, 9]))
    def reduce(self, data: st.DataObject, part: int) -> None:
        """Reduce by a part of what the supplier holds, before anything is due.

        What is claimed beyond it, and late interest on it, are choices.
        """
        rid = data.draw(st.sampled_from(self.unclaimed(*OPEN)))
        rec = self.model.receivables[rid]
        own = sum(tile.size for tile in rec.live if tile.holder == rec.supplier)
        early = not self.model.is_due(rec) and not self.model.waiting(rid)
        if own // part and early:
            self.driver.reduce(rid, own // part)
