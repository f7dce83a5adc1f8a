"""Orders of authorities in the naive model, and insolvency."""

from dataclasses import replace

from tests.model_money import MoneyModel
from tests.model_records import Freeze, Receivable, RefusedError, need, operation


class FreezesModel(MoneyModel):
    """What keeps units from passing and payouts from being paid."""

    def follow_up(self) -> None:
        """End the offers on what is frozen."""
        super().follow_up()
        for offer in self.offers.values():
            where = offer.rid, offer.tile.holder, offer.lo, offer.hi
            offer.is_open = offer.is_open and not self.frozen(*where, offered=True)

    def frozen(
        self, rid: str, holder: str, lo: int, hi: int, *, offered: bool = False
    ) -> bool:
        """Tell whether an order keeps any of these units from passing (§2).

        "An amount up to X": a holder may pass on what it holds beyond it. Choice
        amount-offers: of what is offered that is judged when it is accepted.
        """
        return any(
            self._freezes(order, rid, holder, lo, hi)
            for order in self.freezes.values()
            if order.in_force and not order.may_dispose
            if not (offered and order.cover == "amount")
        )

    def _freezes(self, order: Freeze, rid: str, holder: str, lo: int, hi: int) -> bool:
        if order.cover == "units":
            return order.rid == rid and max(lo, order.lo) < min(hi, order.hi)
        if order.member != holder or order.cover == "payout_account":
            return False
        if order.cover == "member":
            return True
        recs = [rec for rec in self.receivables.values() if rec.stage == "live"]
        # Choice amount-frozen: beyond what other orders freeze.
        free = sum(
            end - start
            for rec in recs
            for tile in rec.live
            if tile.holder == holder
            for orders, start, end in self.segments(rec.rid, tile.lo, tile.hi)
            if not orders
        )
        return free - (hi - lo) < self.lack(order) != 0

    def _place_order(self, order: Freeze) -> None:
        need(that=order.order_id not in self.freezes, reason="id used")
        future = order.expires_ms is None or order.expires_ms > self.now
        need(that=future, reason="expired already")
        self.freezes[order.order_id] = order

    @operation
    def freeze(
        self,
        order_id: str,
        rid: str,
        lo: int,
        hi: int,
        expires_ms: int,
        *,
        rank: int = 1,
        redirect: str = "",
    ) -> None:
        """Freeze units; what they are paid from now on is held or redirected.

        Choices: freeze-last, an order is in force up to and including the moment
        it names; freeze-before, a payout made before it came is not of its units.
        """
        rec = self.receivables.get(rid)
        if rec is None or rec.stage != "live":
            raise RefusedError("no such receivable")
        need(that=0 <= lo < hi <= rec.face, reason="not its units")
        order = Freeze(order_id, "units", expires_ms, rid, lo, hi)
        order.rank, order.redirect = rank, redirect
        self._place_order(order)
        self._cut_at(rec, lo)
        self._cut_at(rec, hi)

    def _cut_at(self, rec: Receivable, edge: int) -> None:
        """Cut a tile where frozen units begin or end, paid or not yet.

        Choice freeze-cuts: it is cut at all, and stays so.
        """
        for tile in [tile for tile in rec.tiles if tile.lo < edge < tile.hi]:
            rec.tiles.append(replace(tile, lo=edge))
            tile.hi = edge
            self.end_offers(tile)

    @operation
    def freeze_member(
        self,
        order_id: str,
        member: str,
        amount: int | None,
        expires_ms: int,
        *,
        rank: int = 1,
        redirect: str = "",
    ) -> None:
        """Freeze all a member holds and is paid, or an amount of it."""
        need(that=amount is None or amount > 0, reason="no amount")
        cover = "member" if amount is None else "amount"
        order = Freeze(order_id, cover, expires_ms, member=member, amount=amount or 0)
        order.rank, order.redirect = rank, redirect
        self._place_order(order)

    @operation
    def freeze_account(
        self,
        order_id: str,
        member: str,
        expires_ms: int,
        *,
        rank: int = 1,
        redirect: str = "",
    ) -> None:
        """Freeze what a member's account is paid, or the collection account."""
        cover = "payout_account" if member else "account"
        order = Freeze(order_id, cover, expires_ms, member=member)
        order.rank, order.redirect = rank, redirect
        self._place_order(order)

    @operation
    def freeze_receipt(self, order_id: str, ref: str, expires_ms: int) -> None:
        """Freeze money in suspense."""
        receipt = self.find_receipt(ref)
        need(that=bool(receipt.suspense), reason="nothing in suspense")
        self._place_order(Freeze(order_id, "receipt", expires_ms, ref=ref))

    @operation
    def release(self, order_id: str) -> None:
        """End an order; what it alone held is due."""
        order = self.freezes.get(order_id)
        if order is None or not order.in_force:
            raise RefusedError("no such order in force")
        self.let_go(order)

    def expire_orders(self, ms: int) -> None:
        """End the orders whose time is over."""
        for order in self.freezes.values():
            over = order.expires_ms is not None and order.expires_ms < ms
            if order.in_force and over:
                self.let_go(order)
                self.seize()

    def any_frozen(self, rec: Receivable) -> bool:
        """Tell whether an order covers anything of what is live."""
        held: dict[str, int] = {}
        for tile in rec.live:
            held[tile.holder] = held.get(tile.holder, 0) + tile.size
        amounts = [x for x in self.freezes.values() if x.cover == "amount"]
        return any(
            self.frozen(rec.rid, tile.holder, tile.lo, tile.hi) for tile in rec.live
        ) or any(
            order.in_force and self._freezes(order, rec.rid, holder, 0, units)
            for holder, units in held.items()
            for order in amounts
        )

    def is_frozen(self, member: str) -> bool:
        """Tell whether an order is on all a member holds and is paid."""
        return any(
            order.in_force and order.member == member and not order.may_dispose
            for order in self.freezes.values()
            if order.cover == "member"
        )

    # Insolvency

    @operation
    def insolvency(
        self, member: str, *, rank: int = 1, may_dispose: bool = False
    ) -> None:
        """A member is insolvent from now on (§2).

        "Open offers lapse, sales priced before it stand"; money of the debtor's
        "goes to suspense for the administrator", and a holder's payouts to the
        administrator's account. Choices: insolvent-receiver, offers to it stay
        open; insolvent-signs, it signs no new business, but where the order says
        that its units may pass on, it gives.
        """
        need(that=member not in self.insolvent, reason="known")
        self.insolvent.add(member)
        for offer in self.offers.values():
            offer.is_open = offer.is_open and offer.tile.holder != member
        name = "insolvency of " + member
        order = Freeze(name, "member", None, member=member, rank=rank)
        order.redirect, order.may_dispose = "administrator:" + member, True
        if may_dispose:
            self.disposing.add(member)
        self.freezes[name] = order
        for receipt in self.receipts.values():
            early = receipt.unswept - receipt.suspense
            if member == self.terms["debtor"] and early:
                self.take_back(receipt, early)
                receipt.suspense += early
                receipt.administered = True

    @operation
    def lose_attester(self) -> None:
        """Who attests the account is insolvent: it "is blocked" (§2)."""
        need(that=not self.orphaned, reason="known")
        self.orphaned = True

    @operation
    def name_successor(self) -> None:
        """Somebody attests the account again."""
        need(that=self.orphaned, reason="somebody does")
        self.orphaned = False
