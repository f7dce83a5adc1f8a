"""Deals of the naive model: units that move when their price is paid."""

import math
from fractions import Fraction
from typing import Any

from tests.model_passing import PassingModel
from tests.model_records import (
    Deal,
    Group,
    Line,
    Part,
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

    Choices: deal-lock, a deal locks its whole tile and cuts it when units move;
    deal-misfit, a payment that does not fit goes back and leaves it open.
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

    def pay_out(self, line: Line) -> None:
        """Pay a seller first what a buyer owes it for what the line paid.

        "A claim on the buyer" (§5): choice unpaid-seller, later payouts to it on
        that receivable reduce it, as they do what is owed to the account (§7). Nobody
        gets more than it is owed (I9): fees go to whom they were for, after the price.
        What an order covers of them it has first: it "is held until release" (§2).
        """
        super().pay_out(line)
        if self.receipts[line.ref].priced:
            return
        self._end_calls(line)
        for deal in self.agreed.values():
            if deal.owed and (deal.buyer, deal.rid) == (line.holder, line.rid):
                self.seize()
                for n, payee in enumerate(deal.payees):
                    self._pay_owed(deal, n, payee, line)

    def _pay_owed(self, deal: Deal, n: int, payee: str, line: Line) -> None:
        part = line.cancel(min(deal.owing[n], line.due))
        deal.owing[n] -= part
        deal.claim -= part
        self.charged[line.holder] = self.charged.get(line.holder, 0) + part
        paid = Line(line.ref, line.rid, payee, (), line.value_date, part, 0, part)
        paid.party, paid.made_ms = payee, self.now
        paid.add((frozenset(), ""), part)
        self.prices += [paid] if part else []

    def _end_calls(self, line: Line) -> None:
        """End recourse calls at a price with interest that the line paid, too.

        "A sweep ends recourse calls on what it touches" (§7), and nobody is paid
        twice (I9).
        """
        group = line.holder, line.chain
        for deal in self.agreed.values():
            mine = deal.rid == line.rid and deal.before == group and line.interest
            if mine and deal.kind == "recourse" and deal.price > deal.hi - deal.lo:
                deal.state = "lapsed" if deal.state == "open" else deal.state

    def _locked(self, tile: Tile) -> bool:
        deals = (x for x in self.agreed.values() if x.state == "open")
        return super()._locked(tile) or any(deal.tile is tile for deal in deals)

    def _check_no_claim(self, rec: Receivable, tile: Tile) -> None:
        """Choice claim-passing: who owes a seller a price passes nothing on either."""
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
            return self.triggered(rec)
        bankrupt = deal.buyer == self.terms["debtor"] and deal.buyer in self.insolvent
        meanwhile = rec.overdue and not (deal.is_late or deal.aware)
        return not (meanwhile or bankrupt)

    def _fits(self, deal: Deal) -> bool:
        """Tell whether a part may pass for its price.

        "Disputed parts may pass only if the receiver signs that it knows" (§5), and
        waiting money pays no units that are redeemed (redeem-covered). Choice
        disputed-deal: it stays open till a price that comes has to go back.
        """
        if deal.kind == "redemption":
            return self._uncovered(self.receivables[deal.rid], deal.lo, deal.hi)
        return deal.aware or deal.kind != "sale" or not self.disputed(deal.rid)

    def _uncovered(self, rec: Receivable, lo: int, hi: int) -> bool:
        """Tell whether money that waits leaves so many units unpaid."""
        return hi - lo <= rec.outstanding - self.reserved(rec.rid)

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
        deal = Deal(did, kind, rid, tile, lo, hi, *parties, *terms)
        deal.is_late = self.receivables[rid].overdue
        self.agreed[did] = deal

    def _check_agreed(
        self, rec: Receivable, tile: Tile, lo: int, hi: int, pay_by_ms: int
    ) -> None:
        """Check what all deals have in common that two sides agree on."""
        self._check_inside(tile, lo, hi)
        self._check_no_claim(rec, tile)
        # "Overdue parts may pass" (§5): choice sale-due, from the due date on there
        # is no record date any more.
        early = self.is_due(rec) or zone_date(pay_by_ms) < self.record_date(rec)
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

        "Net = face - discount - listed fees" (§5): the price includes what fees
        the buyer pays. Choice no-premium: nobody pays more than face and fees.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder)
        self._take_part(buyer)
        self._check_receiver(tile, buyer)
        self._check_agreed(rec, tile, lo, hi, pay_by_ms)
        self._check_passing(rec, tile, aware=aware)
        fees = self.fees(hi - lo)
        extra = sum(amount for payer, _, amount in fees if payer == "buyer")
        need(that=price - extra <= hi - lo, reason="no discount")
        need(that=price > sum(fee[2] for fee in fees), reason="nothing is left")
        group = self._next(tile, buyer, recourse=recourse)
        what = (rid, lo, hi), group, (price, pay_by_ms)
        self._enter_deal(did, "sale", tile, *what)
        deal = self.agreed[did]
        deal.fees = tuple((payee, amount) for _, payee, amount in fees)
        deal.aware = aware

    def fees(self, units: int) -> list[tuple[str, str, int]]:
        """Return payer, payee and amount of each fee of a sale of so many units."""
        return [
            (
                fee["payer"],
                fee["payee"],
                fee["fixed_minor"]
                + math.floor(Fraction(units * fee["ppm"], 1_000_000) + Fraction(1, 2)),
            )
            for fee in self.terms["fees"]
        ]

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

        Choice no-premium, as in a sale.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder, self.terms["debtor"])
        self._check_agreed(rec, tile, lo, hi, pay_by_ms)
        need(that=price <= hi - lo, reason="more than is owed")
        need(that=not self.is_due(rec), reason="not early")  # §1 "early redemption"
        # Choice redeem-covered: not what money that waits will pay.
        need(that=self._uncovered(rec, lo, hi), reason="money for it waits")
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

        Choice repurchase-any: whether that step was with recourse does not matter,
        nor how often the units passed; the price is theirs to agree.
        """
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder)
        self._take_part(buyer)
        need(that=bool(tile.chain), reason="nobody passed it on")
        need(that=transferor(tile.chain)[0] == buyer, reason="not the transferor")
        self._check_agreed(rec, tile, lo, hi, pay_by_ms)
        group = buyer, tile.chain[:-1]
        what = (rid, lo, hi), group, (price, pay_by_ms)
        self._enter_deal(did, "repurchase", tile, *what)

    # Recourse

    @operation
    def recourse_call(self, did: str, rid: str, tile_lo: int, pay_by_ms: int) -> None:
        """A holder calls on who passed the part to it with recourse.

        Choices: call-always, suspension, insolvency and a claim on the holder do
        not stand in its way (the claim is first taken from the price); call-notice,
        whole days, each holder its own, and notice once given stays so. Interest
        that the holder was paid for these units is not paid again (I9).
        """
        rec, tile = self._free_tile(rid, tile_lo)
        need(that=self.triggered(rec), reason="nothing triggered it")
        need(that=bool(tile.chain), reason="nobody passed it on")
        member, stands_in = transferor(tile.chain)
        need(that=stands_in, reason="without recourse")
        notices = self.notices(rec, tile)
        given = any(notice.given for notice in notices)
        used = max(notice.days[-1] for notice in notices)
        in_time = given or used <= self.terms["recourse_days"]
        need(that=in_time, reason="notice too late")
        price = tile.size
        if self.terms["recourse_price"] == "face_interest":
            price += self._interest_on(rec, tile)
        group = member, tile.chain[:-1]
        what = (rid, tile.lo, tile.hi), group, (price, pay_by_ms)
        self._enter_deal(did, "recourse", tile, *what)
        for notice in notices:
            notice.given = True

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

        An insolvent debtor's "later money goes to suspense" (§2).
        """
        self.check_attester()
        deal = self._find_deal(did)
        need(that=ref not in self.receipts, reason="applied once")
        need(that=amount > 0, reason="no amount")
        receipt = self.keep(
            Receipt(ref, amount, self.today, deal=did, payer=deal.buyer)
        )
        if deal.buyer == self.terms["debtor"] and deal.buyer in self.insolvent:
            receipt.suspense = amount
            receipt.administered = True
        elif deal.state != "open" or amount != deal.price or not self._fits(deal):
            self.refund(receipt, amount)
            if deal.state == "open" and not self._fits(deal):
                deal.state = "lapsed"
        else:
            receipt.priced = amount
            net = amount - sum(fee for _, fee in deal.fees)
            for payee, part in ((deal.seller, net), *deal.fees):
                line = Line(ref, deal.rid, payee, (), receipt.value_date, part, 0, part)
                self.prices.append(line)
                self.pay_out(line)
            self._move(deal)

    @operation
    def received(self, did: str, shortfall: int = 0) -> None:
        """The payee signs that it was paid directly, but for a named shortfall."""
        deal = self._find_deal(did)
        need(that=deal.state == "open", reason="not open")
        need(that=self._fits(deal), reason="disputed, or money for it waits")
        net = deal.price - sum(fee for _, fee in deal.fees)
        need(that=0 <= shortfall < net, reason="shortfall")
        ruined = deal.seller in self.insolvent - self.disposing
        bound = ruined or self.is_frozen(deal.seller)
        need(that=not (shortfall and bound), reason="it may not give up what is short")
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
        self.hand_over(rec, part, deal.after)

    # A price that goes back

    def return_price(self, receipt: Receipt, amount: int) -> None:
        """Take a price back: the units return, or the buyer owes it.

        "Ownership returns if nothing was passed on, else a claim on the buyer" (§5);
        payouts are "cancelled where unsent; what was sent becomes a claim owed to
        the collection account" (§7), here of who has the better of it. Choices:
        price-part, ownership returns for the whole price only, at once, and if all
        units are live, unfrozen and as the deal left them; redeemed-part, what was
        redeemed cannot have been passed on and is owed again, by the part of the
        price that went back; returned-fees, the seller's part goes before the fees.
        """
        deal = self.agreed[receipt.deal]
        lines = [line for line in self.prices if line.ref == receipt.ref]
        unsent, sent = [], []
        left = amount
        for line in lines:
            unsent.append(line.cancel(left))
            left -= unsent[-1]
        for line, kept in zip(lines, unsent, strict=True):
            sent.append(min(left, line.owed - line.undone - kept))
            line.undone += kept + sent[-1]
            left -= sent[-1]
        receipt.priced -= amount
        redeemed = deal.kind == "redemption"
        if redeemed:
            self._owe_again(self.receivables[deal.rid], deal, receipt.priced)
        back = not redeemed and amount == deal.price and self._give_back(deal)
        if back:
            deal.state = "returned"
        elif not redeemed:
            deal.claim += amount
            owing = deal.owing or [0] * len(lines)
            deal.owing = [a + b for a, b in zip(owing, unsent, strict=True)]
        deal.lost += sum(sent)
        for line, part, kept in zip(lines, sent, unsent, strict=True):
            line.principal -= kept + (part if back or redeemed else 0)
            debtor = self._answers(deal, line)
            self.charge(debtor, deal.rid, part)
            if debtor != line.holder:
                self.charged[debtor] = self.charged.get(debtor, 0) + part
        self.offset_claims()

    def _answers(self, deal: Deal, line: Line) -> str:
        """Return who owes the account a price that went back: who has the better."""
        keeps = deal.kind != "redemption" and deal.state != "returned"
        return deal.buyer if keeps else line.holder

    def reopen_payout(self, line: Line, part: Part, amount: int) -> None:
        """Let what a price paid be due again, less what of it went back (I9).

        Where the buyer keeps the units, it owes it to who was paid instead.
        """
        deal, kept = self.agreed.get(self.receipts[line.ref].deal), 0
        if deal and any(line is x for x in self.prices):
            debtor = self._answers(deal, line)
            claim = self.claims.get((debtor, deal.rid), 0)
            kept = min(amount, deal.lost, claim)
            deal.lost -= kept
            if kept:
                self.claims[debtor, deal.rid] -= kept
            if kept and debtor != line.holder:
                self.charged[debtor] -= kept
                line.principal -= kept
                lines = [x for x in self.prices if x.ref == line.ref]
                deal.owing[next(n for n, x in enumerate(lines) if x is line)] += kept
        super().reopen_payout(line, part, amount - kept)

    def _give_back(self, deal: Deal) -> bool:
        rec = self.receivables[deal.rid]
        tiles = [t for t in rec.tiles if max(t.lo, deal.lo) < min(t.hi, deal.hi)]
        same = all(tile.is_live and tile.group == deal.after for tile in tiles)
        frozen = self.frozen(deal.rid, deal.buyer, deal.lo, deal.hi)
        if not same or frozen or rec.stage != "live":
            return False
        for tile in tiles:
            lo, hi = max(tile.lo, deal.lo), min(tile.hi, deal.hi)
            self._pass_on(rec, tile, lo, hi, deal.before)
        return True

    def _owe_again(self, rec: Receivable, deal: Deal, priced: int) -> None:
        """Let redeemed units be owed again by what went back of their price.

        Choice redeemed-part: a begun unit is owed again, lowest first.
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
