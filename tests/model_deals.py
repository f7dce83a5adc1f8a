"""Deals of the naive model: units that move when their price is paid."""

from typing import Any

from tests.model_passing import PassingModel
from tests.model_records import (
    DAY_MS,
    Deal,
    Group,
    Line,
    Receipt,
    Receivable,
    RefusedError,
    Tile,
    need,
    operation,
    rounded,
    share,
    transferor,
    zone_date,
)


class DealsModel(PassingModel):
    """Sales, recourse calls, early redemptions and repurchases.

    Choices: a deal locks its whole tile and cuts it when the units move; a
    payment that does not fit goes back and leaves the deal open; a payment that
    names no deal anybody made is refused.
    """

    def __init__(self, programme: dict[str, Any]) -> None:
        super().__init__(programme)
        self.agreed: dict[str, Deal] = {}

    def follow_up(self) -> None:
        """End the deals that can no longer be carried out."""
        super().follow_up()
        for deal in self.agreed.values():
            if deal.state == "open" and not self._possible(deal):
                deal.state = "lapsed"

    def _locked(self, tile: Tile) -> bool:
        deals = (x for x in self.agreed.values() if x.state == "open")
        return super()._locked(tile) or any(deal.tile is tile for deal in deals)

    def _check_no_claim(self, rec: Receivable, tile: Tile) -> None:
        """Choice: whoever owes a seller a price passes nothing on either."""
        super()._check_no_claim(rec, tile)
        mine = (x for x in self.agreed.values() if x.buyer == tile.holder)
        owes = any(deal.owed and deal.rid == rec.rid for deal in mine)
        need(that=not owes, reason="the holder owes a seller its price")

    def _possible(self, deal: Deal) -> bool:
        rec, tile = self.receivables[deal.rid], deal.tile
        there = any(tile is other for other in rec.live)
        same = deal.span == (tile.lo, tile.hi)
        if rec.stage != "live" or not (there and same) or self.now > deal.pay_by_ms:
            return False
        if self.frozen(deal.rid, deal.seller, deal.lo, deal.hi):
            return False
        if deal.kind == "recourse":
            return self._triggered(rec)
        bankrupt = deal.buyer == self.terms["debtor"] and deal.buyer in self.insolvent
        return not rec.overdue and not bankrupt

    def _enter_deal(
        self,
        did: str,
        kind: str,
        tile: Tile,
        where: tuple[str, int, int],
        group: Group,
        price: tuple[int, int],
    ) -> None:
        rid, lo, hi = where
        amount, pay_by_ms = price
        need(that=did not in self.agreed, reason="id used")
        need(that=amount > 0, reason="no price")
        need(that=pay_by_ms > self.now, reason="pay-by time not in the future")
        self._check_frozen(rid, tile.holder, lo, hi)
        parties = tile.holder, group[0]
        terms = amount, pay_by_ms, tile.group, group, (tile.lo, tile.hi)
        self.agreed[did] = Deal(did, kind, rid, tile, lo, hi, *parties, *terms)

    def _check_agreed(
        self, rec: Receivable, tile: Tile, lo: int, hi: int, pay_by_ms: int
    ) -> None:
        """Check what all deals have in common that two sides agree on."""
        self._check_inside(tile, lo, hi)
        self._check_no_claim(rec, tile)
        early = zone_date(pay_by_ms) < self._record_date(rec)
        need(that=early, reason="pay-by time not before the record date")

    @operation
    def take(  # noqa: PLR0917 - said in this order everywhere
        self,
        did: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        buyer: str,
        price: int,
        pay_by_ms: int,
        *,
        recourse: bool = False,
        aware: bool = False,
    ) -> None:
        """A holder and a buyer who quoted agree on a sale; the part is locked.

        Choice: nobody pays more than the units for them.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder, buyer)
        self._check_receiver(tile, buyer)
        self._check_agreed(rec, tile, lo, hi, pay_by_ms)
        self._check_passing(rec, tile, aware=aware)
        need(that=price <= hi - lo, reason="no discount")
        group = self._next(tile, buyer, recourse=recourse)
        what = (rid, lo, hi), group, (price, pay_by_ms)
        self._enter_deal(did, "sale", tile, *what)

    @operation
    def redeem(  # noqa: PLR0917 - as a sale
        self,
        did: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        price: int,
        pay_by_ms: int,
    ) -> None:
        """Debtor and holder agree that units are paid early and then retire.

        Choice: nobody pays more than the units for them.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder, self.terms["debtor"])
        self._check_agreed(rec, tile, lo, hi, pay_by_ms)
        need(that=price <= hi - lo, reason="more than is owed")
        group = self.terms["debtor"], tile.chain
        what = (rid, lo, hi), group, (price, pay_by_ms)
        self._enter_deal(did, "redemption", tile, *what)

    @operation
    def repurchase(  # noqa: PLR0917 - as a sale
        self,
        did: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        buyer: str,
        price: int,
        pay_by_ms: int,
    ) -> None:
        """The immediate transferor agrees with the holder to buy units back.

        Choices: whether that step was with recourse does not matter, nor how
        often the units passed; the price is theirs to agree.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder, buyer)
        need(that=bool(tile.chain), reason="nobody passed it on")
        need(that=transferor(tile.chain)[0] == buyer, reason="not the transferor")
        self._check_agreed(rec, tile, lo, hi, pay_by_ms)
        group = buyer, tile.chain[:-1]
        what = (rid, lo, hi), group, (price, pay_by_ms)
        self._enter_deal(did, "repurchase", tile, *what)

    # Recourse

    def _triggered(self, rec: Receivable) -> bool:
        if self.terms["recourse_trigger"] == "overdue":
            return rec.overdue
        return rec.default

    def _notice_from(self, rec: Receivable, tile: Tile) -> int:
        """Return since when notice runs: the trigger or the last step back."""
        late = self.terms["recourse_trigger"] == "overdue"
        trigger_ms = rec.overdue_ms if late else rec.default_ms
        edges = {edge for lo, hi, _ in rec.steps for edge in (lo, hi)}
        starts = {tile.lo} | {edge for edge in edges if tile.lo < edge < tile.hi}
        return min(
            max([trigger_ms] + [ms for lo, hi, ms in rec.steps if lo <= start < hi])
            for start in starts
        )

    @operation
    def recourse_call(self, did: str, rid: str, tile_lo: int, pay_by_ms: int) -> None:
        """A holder calls on who passed the part to it with recourse.

        Choices: suspension, insolvency and a claim on the holder do not stand in
        its way (the claim is first taken from the price); notice counts 24 hours
        a day from the close that judged, inclusive, for all units of the part;
        interest that the holder was paid for these units is not paid again.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        need(that=self._triggered(rec), reason="nothing triggered it")
        need(that=bool(tile.chain), reason="nobody passed it on")
        member, stands_in = transferor(tile.chain)
        need(that=stands_in, reason="without recourse")
        last_ms = self._notice_from(rec, tile) + self.terms["recourse_days"] * DAY_MS
        need(that=self.now <= last_ms, reason="notice too late")
        price = tile.size
        if self.terms["recourse_price"] == "face_interest":
            price += self._interest_on(rec, tile)
        group = member, tile.chain[:-1]
        what = (rid, tile.lo, tile.hi), group, (price, pay_by_ms)
        self._enter_deal(did, "recourse", tile, *what)

    def _interest_on(self, rec: Receivable, tile: Tile) -> int:
        """Return late interest on a tile to today, less its part of what was paid."""
        mine = tile.size * self.days_late(rec, tile, self.today)
        rest = self.accruals(rec, self.today)[tile.group] - mine
        paid = self.interest_paid(rec, tile.group)
        return max(0, rounded(mine, self.terms) - share(paid, [mine, rest])[0])

    # Payment

    @operation
    def pay_deal(self, ref: str, did: str, amount: int) -> None:
        """The bank attests money for a deal; exact and in time, it moves the units.

        Choice: an insolvent debtor's payment goes to suspense.
        """
        deal = self._find_deal(did)
        need(that=ref not in self.receipts, reason="applied once")
        need(that=amount > 0, reason="no amount")
        receipt = self.keep(
            Receipt(ref, amount, self.today, deal=did, payer=deal.buyer)
        )
        if deal.buyer == self.terms["debtor"] and deal.buyer in self.insolvent:
            receipt.suspense, receipt.administered = amount, True
        elif deal.state != "open" or amount != deal.price:
            self.refund(receipt, amount)
        else:
            receipt.priced = amount
            date, nothing = receipt.value_date, 0
            line = Line(ref, deal.rid, deal.seller, (), date, amount, nothing, amount)
            self.prices.append(line)
            self.pay_out(line)
            self._move(deal)

    @operation
    def received(self, did: str, shortfall: int = 0) -> None:
        """The payee signs that it was paid directly, but for a named shortfall."""
        deal = self._find_deal(did)
        need(that=deal.state == "open", reason="not open")
        need(that=0 <= shortfall < deal.price, reason="shortfall")
        deal.shortfall = shortfall
        self._move(deal)

    def _find_deal(self, did: str) -> Deal:
        if did not in self.agreed:
            raise RefusedError("no such deal")
        return self.agreed[did]

    def _move(self, deal: Deal) -> None:
        rec = self.receivables[deal.rid]
        deal.state = "done"
        part = self._cut_out(rec, deal.tile, deal.lo, deal.hi)
        if deal.kind == "redemption":
            part.gone, part.gone_date = "redeemed", self.today
            self.free_excess(rec)
            return
        self.carry_interest(rec, part, deal.after)
        part.holder, part.chain = deal.after
        rec.passed = True
        if deal.kind == "recourse":
            rec.steps.append((deal.lo, deal.hi, self.now))

    # A price that goes back

    def return_price(self, receipt: Receipt, amount: int) -> None:
        """Take a price back: the units return, or the buyer owes it.

        Choices: units return only if the whole price goes back at once and all
        of them are live, unfrozen and as the deal left them, but what was redeemed
        is owed again by its part of the price; the seller loses a
        payout not yet sent; what was sent is owed to the account by the seller
        who has its units back, or else by the buyer.
        """
        deal = self.agreed[receipt.deal]
        line = next(line for line in self.prices if line.ref == receipt.ref)
        unsent = line.cancel(amount)
        sent = amount - unsent
        line.principal -= unsent
        receipt.priced -= amount
        if deal.kind == "redemption":
            self._owe_again(self.receivables[deal.rid], deal, receipt.priced)
            line.principal -= sent
            debtor = deal.seller
        elif amount == deal.price and self._give_back(deal):
            deal.state = "returned"
            line.principal -= sent
            debtor = deal.seller
        else:
            deal.claim += amount
            deal.owed += unsent
            debtor = deal.buyer
            self.charged[debtor] = self.charged.get(debtor, 0) + sent
        if sent:
            self.charge(debtor, deal.rid, sent)

    def _give_back(self, deal: Deal) -> bool:
        rec = self.receivables[deal.rid]
        tiles = [t for t in rec.tiles if max(t.lo, deal.lo) < min(t.hi, deal.hi)]
        same = all(tile.is_live and tile.group == deal.after for tile in tiles)
        frozen = self.frozen(deal.rid, deal.buyer, deal.lo, deal.hi)
        if not same or frozen or rec.stage != "live":
            return False
        steps = [step for step in rec.steps if step[:2] == (deal.lo, deal.hi)]
        if deal.kind == "recourse":
            rec.steps.remove(steps[-1])  # notice runs as if it had not been
        for tile in tiles:
            lo, hi = max(tile.lo, deal.lo), min(tile.hi, deal.hi)
            self._pass_on(rec, tile, lo, hi, deal.before)
        return True

    def _owe_again(self, rec: Receivable, deal: Deal, priced: int) -> None:
        """Let redeemed units be owed again by what went back of their price.

        Choices: a begun unit is owed again, lowest first.
        """
        settled = not self.is_open(rec)
        units = (deal.hi - deal.lo) * (deal.price - priced)
        left = -(-units // deal.price) - deal.again
        deal.again += left
        deal.state = deal.state if priced else "returned"
        for tile in sorted(rec.tiles, key=lambda tile: tile.lo):
            if tile.gone == "redeemed" and deal.lo <= tile.lo < deal.hi and left:
                part = min(left, tile.size)
                if part < tile.size:
                    rest = Tile(tile.lo + part, tile.hi, *tile.group)
                    rest.gone, rest.gone_date = tile.gone, tile.gone_date
                    rec.tiles.append(rest)
                    tile.hi = tile.lo + part
                tile.gone = tile.gone_date = ""
                left -= part
        if settled:
            rec.stage = "live"
            self.clear_overdue(rec)
