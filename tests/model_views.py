"""What can be seen of the naive model, and the invariants it keeps."""

from tests.model_deals import DealsModel
from tests.model_records import Invoice, Receivable, strict_number


class ViewsModel(DealsModel):
    """Observables and invariants."""

    def _invoices_in_use(self, seller: str | None = None) -> list[Invoice]:
        return [
            invoice
            for rec in self.receivables.values()
            if rec.holds_uses and seller in {None, rec.supplier}
            for invoice in rec.invoices
        ]

    # What can be seen

    def state(self, rid: str) -> str:
        """Return the name of the receivable's state."""
        rec = self.receivables[rid]
        if rec.stage != "live":
            return rec.stage
        if not self.is_open(rec):
            return "settled"
        if rec.default:
            back = any(x.in_default and x.net for x in self.lines if x.rid == rid)
            return "recovering" if back else "default"
        if rec.overdue:
            return "overdue"
        paid = any(tile.kind == "retired" for tile in rec.tiles)
        return "part_paid" if paid else "live"

    def tiles(self, rid: str) -> list[tuple[int, int, str, str]]:
        """Return the tiles as they are cut, lowest first."""
        return sorted(
            (tile.lo, tile.hi, tile.holder, tile.kind)
            for tile in self.receivables[rid].tiles
        )

    def retired_runs(self, rid: str) -> list[tuple[int, int, str]]:
        """Return the retired units, neighbours of one holder joined."""
        runs: list[tuple[int, int, str]] = []
        for lo, hi, holder, kind in self.tiles(rid):
            if kind != "retired":
                continue
            if runs and runs[-1][1:] == (lo, holder):
                runs[-1] = runs[-1][0], hi, holder
            else:
                runs.append((lo, hi, holder))
        return runs

    def outstanding(self, rid: str) -> int:
        """Return the live units."""
        return self.receivables[rid].outstanding

    def waiting(self, rid: str) -> int:
        """Return early money reserved to the receivable."""
        return self.reserved(rid)

    def unassigned(self) -> int:
        """Return early money that names no receivable."""
        return sum(receipt.unassigned for receipt in self.receipts.values())

    def suspense(self) -> int:
        """Return the money nothing is known to be owed for."""
        return sum(receipt.suspense for receipt in self.receipts.values())

    def payable(self, payee: str) -> int:
        """Return what is due to a payee, neither small nor sent."""
        return self._unsent(payee, small=False)

    def accumulating(self, payee: str) -> int:
        """Return what waits to be paid to a payee with more."""
        return self._unsent(payee, small=True)

    def _unsent(self, payee: str, *, small: bool) -> int:
        return sum(
            amount
            for line in self.payouts()
            for part, amount in line.parts.items()
            if line.is_small is small and self.payee(line, part) == payee
        )

    def held(self, holder: str) -> int:
        """Return payouts of a holder that orders hold."""
        return sum(
            amount
            for line in self.payouts()
            for part, amount in line.parts.items()
            if line.holder == holder and not self.payee(line, part)
        )

    def data_late(self, rid: str) -> bool:
        """Return whether the bank has not said what came in on the due day."""
        rec = self.receivables[rid]
        return self.is_open(rec) and self.is_data_late(rec)

    def deals(self) -> dict[str, str]:
        """Return what has become of the deals."""
        return {did: deal.state for did, deal in self.agreed.items()}

    def deal_claim(self, did: str) -> int:
        """Return what the buyer owes for a price that went back."""
        return self.agreed[did].claim

    def reduction_claim(self, rid: str) -> int:
        """Return what the supplier owes the debtor for a reduction."""
        return self.receivables[rid].reduction_claim

    def exposure(self) -> int:
        """Return what is outstanding and not given up."""
        recs = self.receivables.values()
        return sum(rec.outstanding for rec in recs if rec.stage == "live")

    def sent(self, payee: str) -> int:
        """Return payouts to a payee that were sent and not paid."""
        lines = self.payouts()
        return sum(n for x in lines for key, n in x.sent.items() if key[0] == payee)

    def paid(self, payee: str) -> int:
        """Return payouts to a payee that were paid and did not come back."""
        lines = self.payouts()
        return sum(n for x in lines for key, n in x.paid.items() if key[0] == payee)

    def claim(self, holder: str, rid: str) -> int:
        """Return what a holder owes to the collection account."""
        return self.claims.get((holder, rid), 0)

    def interest_owed(self, rid: str, date: str) -> int:
        """Return late interest not yet paid if all were paid with this value date."""
        return self.interest_due(self.receivables[rid], date)

    def used(self, number: str, date: str) -> int:
        """Return how much of an invoice all receivables together use."""
        key = strict_number(number), date
        return sum(
            used
            for other, issued, _, used in self._invoices_in_use()
            if (strict_number(other), issued) == key
        )

    def open_offers(self) -> set[str]:
        """Return the ids of the offers that can still be accepted."""
        return {oid for oid, offer in self.offers.items() if offer.is_open}

    def account_status(self) -> str:
        """Return whether the account is open or blocked by a wrong balance."""
        return "blocked" if self.blocked or self.orphaned else "open"

    # Invariants

    def check(self) -> None:
        """Assert I1 to I5, I8, I9 and I13 of the business rules."""
        for rec in self.receivables.values():
            self._check_units(rec)
        self._check_locks()
        self._check_deals()
        self._check_uses()
        self._check_money()
        self._check_holders()
        # What a bank takes back is owed again whatever the limit is.
        limit = self.terms["exposure_max_minor"]
        assert limit is None or self.reversals or self.exposure() <= limit, "I13"

    def _check_units(self, rec: Receivable) -> None:
        if rec.stage not in {"live", "closed"}:
            assert not rec.tiles
            return
        at = 0
        for lo, hi, holder, _ in self.tiles(rec.rid):
            assert lo == at < hi, "I1 tiles"
            assert holder != self.terms["debtor"], "I5 debtor holds"
            at = hi
        assert at == rec.face, "I1 face"
        lines = [line for line in self.lines if line.rid == rec.rid]
        paid = sum(line.principal for line in lines)
        gone = sum(tile.size for tile in rec.tiles if tile.gone)
        assert paid + gone + rec.outstanding == rec.face, "I2 sums"
        for line in lines:
            mine = [tile for tile in rec.tiles if tile.line is line]
            assert sum(tile.size for tile in mine) == line.principal, "I2 line"
            assert all(t.group == (line.holder, line.chain) for t in mine), "I3"
            assert min(line.principal, line.interest) >= 0, "I9 below zero"
            assert line.net <= line.owed, "I9 more than owed"
        assert self.reserved(rec.rid) == 0 or not self.is_due(rec), "unswept"
        assert not rec.default or rec.overdue, "default without overdue"

    def _check_locks(self) -> None:
        offers = [offer for offer in self.offers.values() if offer.is_open]
        deals = [deal for deal in self.agreed.values() if deal.state == "open"]
        locks = [*offers, *deals]
        assert len({id(lock.tile) for lock in locks}) == len(locks), "I3 locks"
        for lock in locks:
            rec, tile = self.receivables[lock.rid], lock.tile
            assert rec.stage == "live", "I3 lock on what is over"
            assert any(tile is other for other in rec.live), "I3 lock on nothing"
            assert tile.lo <= lock.lo < lock.hi <= tile.hi, "I3 lock"
            where = lock.rid, tile.holder, lock.lo, lock.hi
            frozen = self.frozen(*where, offered=True)
            assert not frozen, "I3 lock on frozen units"

    def _check_deals(self) -> None:
        for deal in self.agreed.values():
            prices = [x for x in self.receipts.values() if x.deal == deal.did]
            assert sum(x.priced for x in prices) <= deal.price, "I9 price paid twice"
            assert deal.state != "open" or not any(x.priced for x in prices), "I8 price"

    def _check_uses(self) -> None:
        for seller in {rec.supplier for rec in self.receivables.values()}:
            totals: dict[tuple[str, str], int] = {}
            for number, date, amount, used in self._invoices_in_use(seller):
                key = strict_number(number), date
                totals[key] = totals.get(key, 0) + used
                assert totals[key] <= amount, "I4 invoice used up"

    def _check_money(self) -> None:
        lines = self.lines + self.prices
        due = sum(line.unsent + sum(line.sent.values()) for line in lines)
        paid = sum(sum(line.paid.values()) for line in lines)
        claims = sum(self.claims.values())
        receipts = self.receipts.values()
        came = sum(receipt.amount - receipt.reversed for receipt in receipts)
        unswept = sum(receipt.unswept for receipt in receipts)
        returned = sum(receipt.returned for receipt in receipts)
        assert came == paid + due + unswept + returned - claims, "I8 account"
        back = returned - sum(sum(x.paid.values()) for x in self.refunds)
        assert self.balance(self.today) == due + unswept + back - claims, "I8 balance"
        for receipt in receipts:
            used = sum(line.net for line in self.lines if line.ref == receipt.ref)
            used += receipt.priced + receipt.unswept
            done = receipt.returned + receipt.reversed - receipt.recalled
            assert used + done == receipt.amount, "I8 receipt"
            figures = receipt.suspense, receipt.unassigned, *receipt.waiting.values()
            assert min(figures) >= 0, "I8 negative"
        assert all(claim >= 0 for claim in self.claims.values()), "I8 claim"
        for line in self.payouts():
            parts = [*line.parts.values(), *line.sent.values(), *line.paid.values()]
            assert min(parts, default=0) >= 0, "I8 payout"
        for order in self.freezes.values():
            has = sum(line.taken(order.order_id) for line in self.payouts())
            assert order.cover != "amount" or has <= order.amount, "more than ordered"

    def _check_holders(self) -> None:
        lines = self.lines + self.prices
        for holder in {line.holder for line in lines} | {key[0] for key in self.claims}:
            mine = [line for line in lines if line.holder == holder]
            net = sum(line.net for line in mine)
            owes = sum(claim for key, claim in self.claims.items() if key[0] == holder)
            owes -= self.charged.get(holder, 0)
            sent = sum(sum(line.sent.values()) for line in mine)
            paid = sum(sum(line.paid.values()) for line in mine)
            got = paid + sent + sum(line.unsent for line in mine)
            assert got == net + owes, "I9 net of claims"
            insolvent = holder in self.insolvent
            assert not insolvent or not self.payable(holder), "insolvent and payable"
