"""Rules of random lives for deals: what is priced, paid, and goes back."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.driver_deals import DealDriver
from tests.properties.lives import Walker
from tests.world import DAY_MS

BUYERS = ("gamma", "lender")
WAYS = st.sampled_from(["account", "account", "direct"])


class Deals(Walker):
    """Walks over sales."""

    driver: DealDriver

    @rule(
        data=st.data(),
        days=st.sampled_from([1, 2, 5]),
        recourse=st.booleans(),
        way=WAYS,
        cheaper=st.sampled_from([0, 1, 1, 7, -1]),
    )
    def sell(
        self, data: st.DataObject, days: int, recourse: bool, way: str, cheaper: int
    ) -> None:
        """Sell a part, not yet paid; what is due is not sold here."""
        (rid, tile_lo, lo, hi), to = self.pick_part(data)
        buyer = to if to in BUYERS else "lender"
        rec = self.model.receivables.get(rid)
        if rec is None or self.model.is_due(rec):
            return
        pay_by_ms = self.driver.now + days * DAY_MS
        did, price = self.next_id("D"), hi - lo - cheaper
        args = did, rid, tile_lo, lo, hi, buyer, price, pay_by_ms
        self.driver.take(*args, recourse=recourse, way=way)

    def open_deals(self) -> list[str]:
        """Return the deals that can still be paid."""
        return [did for did, state in self.model.deals().items() if state == "open"]

    @precondition(lambda self: self.driver.deals)
    @rule(data=st.data(), wrong=st.sampled_from([0, 0, 0, 0, 1, -1]))
    def pay_for_deal(self, data: st.DataObject, wrong: int) -> None:
        """Pay a price, mostly the right one and in time, the way that was agreed."""
        did = self.pick(data, self.open_deals(), self.driver.deals)
        price = self.model.agreed[did].price
        if self.driver.ways[did] == "direct":
            self.driver.received(did, max(0, wrong))
        else:
            self.driver.pay_deal(self.next_id("M"), did, max(1, price + wrong))

    @precondition(lambda self: self.model.prices)
    @rule(data=st.data(), part=st.sampled_from([0, 0, 1]))
    def return_price(self, data: st.DataObject, part: int) -> None:
        """Let a price go back, mostly in full."""
        line = data.draw(st.sampled_from(self.model.prices))
        receipt = self.model.receipts[line.ref]
        left = receipt.amount - receipt.reversed - part
        self.driver.reverse(self.next_id("V"), line.ref, max(1, left))
