"""Rules of random lives for deals: what is priced, paid, and goes back."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.driver_orders import OrderDriver
from tests.model_records import transferor
from tests.properties.lives import Walker
from tests.world import DAY_MS

BUYERS = ("gamma", "lender")
WAYS = st.sampled_from(["account", "account", "direct"])


class Deals(Walker):
    """Walks over sales."""

    driver: OrderDriver

    @rule(
        data=st.data(),
        days=st.sampled_from([1, 2, 5]),
        recourse=st.booleans(),
        way=WAYS,
        cheaper=st.sampled_from([0, 1, 1, 7, -1]),
        aware=st.booleans(),
    )
    def sell(
        self,
        data: st.DataObject,
        days: int,
        recourse: bool,
        way: str,
        cheaper: int,
        aware: bool,
    ) -> None:
        """Sell a part, overdue or not, and not yet paid."""
        (rid, tile_lo, lo, hi), to = self.pick_part(data)
        buyer = to if to in BUYERS else "lender"
        if self.ends_soon():
            return  # to ask, quote and take are three blocks, a millisecond each
        pay_by_ms = self.driver.now + days * DAY_MS
        fees = sum(fee[2] for fee in self.model.fees(hi - lo) if fee[0] == "buyer")
        did, price = self.next_id("D"), hi - lo + fees - cheaper
        args = did, rid, tile_lo, lo, hi, buyer, price, pay_by_ms
        self.driver.take(*args, recourse=recourse, aware=aware, way=way)

    def ends_soon(self) -> bool:
        """Tell whether a lock or an order ends within the next milliseconds."""
        deals = [deal.pay_by_ms for deal in self.model.agreed.values()]
        offers = [offer.deadline_ms for offer in self.model.offers.values()]
        orders = [order.expires_ms or 0 for order in self.model.freezes.values()]
        ends = deals + offers + orders
        return any(-1 <= end - self.driver.now < 5 for end in ends)

    def open_deals(self) -> list[str]:
        """Return the deals that can still be paid."""
        return [did for did, state in self.model.deals().items() if state == "open"]

    @precondition(lambda self: self.driver.deals)
    @rule(data=st.data(), wrong=st.sampled_from([0, 0, 0, 0, 1, -1]))
    def pay_for_deal(self, data: st.DataObject, wrong: int) -> None:
        """Pay a price, mostly the right one and in time, the way that was agreed."""
        did = self.pick(data, self.open_deals(), self.driver.deals)
        if not self.is_plain(did):
            return
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

    def is_plain(self, did: str) -> bool:
        """Tell whether the rules leave nothing open on a payment of a deal.

        Whether a seller's debt to the account, money that waits, or a trigger that
        is gone, ends a deal already made is a choice; such deals are not paid here.
        """
        deal = self.model.agreed[did]
        gone = deal.kind == "recourse" and deal.state == "lapsed"
        return not (gone or self.owes(deal.seller, deal.rid))

    def owes(self, member: str, rid: str) -> bool:
        """Tell whether a member owes money on a receivable, to whomever."""
        mine = (x for x in self.model.agreed.values() if x.buyer == member)
        owed = any(deal.owed and deal.rid == rid for deal in mine)
        return owed or bool(self.model.claim(member, rid))


class Returns(Deals):
    """Walks over recourse, redemption and repurchase."""

    @rule(
        data=st.data(),
        debtor=st.booleans(),
        days=st.sampled_from([1, 2, 5]),
        way=WAYS,
        cheaper=st.sampled_from([0, 1, 7]),
    )
    def agree_back(
        self, data: st.DataObject, debtor: bool, days: int, way: str, cheaper: int
    ) -> None:
        """Redeem a part early, or buy it back, before the record date."""
        (rid, tile_lo, lo, hi), _ = self.pick_part(data)
        rec = self.model.receivables.get(rid)
        if rec is None:
            return
        chain = next((t.chain for t in rec.live if t.lo == tile_lo), ())
        buyer = transferor(chain)[0] if chain else "beta"
        if not debtor and not self.counts_all():
            return
        pay_by_ms = self.driver.now + days * DAY_MS
        did, price = self.next_id("D"), hi - lo - cheaper
        what = did, rid, tile_lo, lo, hi, "debtor" if debtor else buyer
        self.driver.agree_back(*what, price, pay_by_ms, way=way)

    def counts_all(self) -> bool:
        """Tell whether transfers that were undone do not matter to the count.

        Whether they count is left open; so units go back only where many may pass.
        """
        return bool(self.model.terms["transfer_max"] > 2)

    def callable(self) -> list[tuple[str, int]]:
        """Return the parts that somebody passed on, of what is late."""
        return [
            (rid, tile.lo)
            for rid in self.in_state("overdue", "default", "recovering")
            for tile in self.model.receivables[rid].live
            if tile.chain
            and self.counts_all()
            and not self.model.claim(tile.holder, rid)
        ]

    @precondition(lambda self: self.callable())
    @rule(
        data=st.data(),
        days=st.sampled_from([1, 5]),
        way=WAYS,
        late=st.sampled_from([None, None, 0, 1]),
    )
    def call(self, data: st.DataObject, days: int, way: str, late: int | None) -> None:
        """Call on a transferor; or when notice is over, or almost."""
        rid, tile_lo = data.draw(st.sampled_from(self.callable()))
        if late is not None:
            rec = self.model.receivables[rid]
            tile = next(tile for tile in rec.live if tile.lo == tile_lo)
            used = max(notice.days[-1] for notice in self.model.notices(rec, tile))
            left = self.model.terms["recourse_days"] - used + late
            self.driver.wait(self.driver.world.time + max(0, left) * DAY_MS)
        pay_by_ms = self.driver.now + days * DAY_MS
        self.driver.recourse_call(self.next_id("D"), rid, tile_lo, pay_by_ms, way=way)
