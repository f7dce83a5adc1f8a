"""Money in the naive model: allocation, suspense, sweeps and reversals."""

from collections.abc import Iterable

from tests.model_judging import JudgingModel
from tests.model_records import (
    DAY_MS,
    REFUNDS,
    REMITTER,
    Group,
    Line,
    Part,
    Receipt,
    Receivable,
    RefusedError,
    Tile,
    groups_of,
    need,
    operation,
    parse_date,
    share,
    strict_number,
)


class MoneyModel(JudgingModel):
    """What happens to money that comes in, and that is taken back."""

    def follow_up(self) -> None:
        """Do what follows from an operation of itself."""
        self.place_idle()
        self.seize()
        self.ripen()
        self.date_suspense()

    def date_suspense(self) -> None:
        """Note since when money is in suspense. Choice suspense-age: its first day."""
        for receipt in self.receipts.values():
            if not receipt.suspense:
                receipt.suspended_ms, receipt.held_until = 0, ""
            elif not receipt.suspended_ms:
                receipt.suspended_ms = self.now

    def place_idle(self) -> None:
        """Give money that waits for nothing to what is due and needs it.

        Again while that moves any: what a sweep leaves may be for another one.
        """
        before = None
        while before != (now := [x.unassigned for x in self.receipts.values()]):
            before = now
            self.place_all()

    def place_all(self) -> None:
        """Place once what waits for nothing."""
        for receipt in self.receipts.values():
            amount, receipt.unassigned = receipt.unassigned, 0
            self.place(receipt, amount)
        self.sweep_waiting()
        if not self.open_receivables():
            for receipt in self.receipts.values():
                receipt.suspense += receipt.unassigned
                receipt.unassigned = 0

    # Allocation

    def assign(self, receipt: Receipt, rec: Receivable, amount: int) -> None:
        """Reserve money of a receipt to a receivable."""
        if amount:
            receipt.waiting[rec.rid] = receipt.waiting.get(rec.rid, 0) + amount

    def place(self, receipt: Receipt, amount: int) -> None:
        """Give money that names nothing to what is due; the rest is excess."""
        due = [rec for rec in self.open_receivables() if self.is_due(rec)]
        for date in sorted({self.adjust(rec.due_date) for rec in due}):
            same = [rec for rec in due if self.adjust(rec.due_date) == date]
            rooms = [self.room(rec, receipt.value_date) for rec in same]
            parts = share(min(amount, sum(rooms)), rooms)
            for rec, part in zip(same, parts, strict=True):
                self.assign(receipt, rec, part)
            amount -= sum(parts)
        if self.open_receivables():
            receipt.unassigned += amount
        else:
            receipt.suspense += amount

    def find_receipt(self, ref: str) -> Receipt:
        """Return a receipt, or refuse."""
        receipt = self.receipts.get(ref)
        if receipt is None:
            raise RefusedError("no such receipt")
        return receipt

    def named(self, reference: str | None, payer: str | None) -> Receivable | None:
        """Return the open receivable a payment names by id or invoice number."""
        if reference in self.receivables:
            found = [self.receivables[reference]]
        else:
            number = strict_number(reference or "")
            found = [
                rec
                for rec in self.open_receivables()
                if number in {strict_number(invoice[0]) for invoice in rec.invoices}
            ]
            # A number says something only together with whose invoice it is.
            found = found if payer == self.terms["debtor"] else []
        return found[0] if len(found) == 1 and self.is_open(found[0]) else None

    def keep(self, receipt: Receipt) -> Receipt:
        """Record a credit with its receipt."""
        self.receipts[receipt.ref] = receipt
        self.book(receipt.amount)
        return receipt

    @operation
    def receipt(
        self,
        ref: str,
        amount: int,
        value_date: str,
        payer: str | None,
        names: str | None = None,
    ) -> None:
        """Apply a credit: named receivable, what is due, excess, in this order."""
        self.check_attester()
        need(that=ref not in self.receipts, reason="applied once")
        need(that=amount > 0, reason="no amount")
        parse_date(value_date)
        named = self.named(names, payer)
        receipt = self.keep(Receipt(ref, amount, value_date, payer=payer or ""))
        strange = payer not in {None, self.terms["debtor"]} or not (payer or named)
        bankrupt = self.terms["debtor"] in self.insolvent
        if strange or bankrupt:
            receipt.suspense, receipt.administered = amount, not strange
            return
        first = min(amount, self.room(named, value_date)) if named else 0
        if named:
            self.assign(receipt, named, first)
        self.place(receipt, amount - first)
        self.sweep_waiting()

    @operation
    def pay_early(self, rid: str) -> None:
        """The debtor lets the money waiting for a receivable be swept now."""
        need(that=self.reserved(rid) > 0, reason="nothing waits")
        self.sweep_waiting(early=rid)

    @operation
    def match(self, ref: str, rid: str, amount: int) -> None:
        """The debtor assigns money in suspense as if the payment had named it."""
        receipt, rec = self.find_receipt(ref), self.receivables.get(rid)
        if rec is None or not self.is_open(rec):
            raise RefusedError("not open")
        able = self.terms["debtor"] not in self.insolvent
        need(that=able, reason="the debtor is insolvent")
        need(that=0 < amount <= receipt.suspense, reason="not in suspense")
        need(that=not self.is_held(receipt), reason="an order holds it")
        room = self.room(rec, receipt.value_date)
        need(that=amount <= room, reason="more than is owed")
        receipt.suspense -= amount
        self.assign(receipt, rec, amount)
        self.sweep_waiting()

    def by_due_date(self, rids: Iterable[str]) -> list[str]:
        """Return receivables by adjusted due date, then order of confirmation."""
        recs = [self.receivables[rid] for rid in rids]
        recs.sort(key=lambda rec: (self.adjust(rec.due_date), rec.confirmed))
        return [rec.rid for rec in recs]

    def take_back(self, receipt: Receipt, amount: int) -> int:
        """Take money from unassigned, then waiting, latest due; tell the rest."""
        part = min(amount, receipt.unassigned)
        receipt.unassigned -= part
        amount -= part
        for rid in reversed(self.by_due_date(receipt.waiting)):
            part = min(amount, receipt.waiting[rid])
            receipt.waiting[rid] -= part
            amount -= part
        receipt.waiting = {rid: left for rid, left in receipt.waiting.items() if left}
        return amount

    @operation
    def return_early(self, ref: str, amount: int) -> None:
        """The debtor has money that still waits sent back where it came from."""
        receipt = self.find_receipt(ref)
        early = receipt.unswept - receipt.suspense
        need(that=0 < amount <= early, reason="not that much waits")
        need(that=not self.is_held(receipt), reason="an order holds it")
        self.take_back(receipt, amount)
        self.refund(receipt, amount)

    @operation
    def return_suspense(self, ref: str, amount: int) -> None:
        """Money in suspense is sent back where it came from."""
        receipt = self.find_receipt(ref)
        need(that=0 < amount <= receipt.suspense, reason="not in suspense")
        need(that=not self.is_held(receipt, asked=True), reason="an order holds it")
        receipt.suspense -= amount
        self.refund(receipt, amount, asked=True)

    @operation
    def hold(self, ref: str, until: str) -> None:
        """The account's owner keeps money in suspense although it has aged."""
        receipt = self.find_receipt(ref)
        need(that=bool(receipt.suspense), reason="not in suspense")
        need(that=until > self.today, reason="not in the future")
        receipt.held_until = until

    def is_held(self, receipt: Receipt, *, asked: bool = False) -> bool:
        """Tell whether an order holds a receipt's money in suspense (§6).

        Choices: suspense-orders, an order on the account does, and one on a member
        who paid it does, unless it is for an amount; insolvent-refund, if somebody
        asks, an insolvent member's may go to the administrator.
        """
        covers = {"member", "payout_account"}
        return any(
            order.ref == receipt.ref
            if order.cover == "receipt"
            else order.cover == "account"
            or (order.cover in covers and order.member == receipt.payer)
            for order in self.freezes.values()
            if order.in_force
            if not (asked and order.order_id == f"insolvency of {order.member}")
        )

    def return_aged(self) -> None:
        """Return what is in suspense for more than N days (§6: after N days).

        Choice suspense-zone: the days are those of UTC.
        """
        days = self.terms["suspense_days"]
        for receipt in self.receipts.values():
            if not receipt.suspense or receipt.administered or self.is_held(receipt):
                continue
            aged = self.now // DAY_MS - receipt.suspended_ms // DAY_MS > days
            if aged and self.today >= receipt.held_until:
                self.refund(receipt, receipt.suspense)
                receipt.suspense = 0

    def refund(self, receipt: Receipt, amount: int, *, asked: bool = False) -> None:
        """Make a payout to whom the money came from, unless an order holds it (§6).

        Choice refund-held: then it stays in suspense.
        """
        if self.is_held(receipt, asked=asked):
            receipt.suspense += amount
            return
        receipt.returned += amount
        line = Line(receipt.ref, "", REMITTER, (), receipt.value_date, amount, 0, 0)
        line.party = self.terms["debtor"] if receipt.administered else receipt.payer
        line.add((frozenset(), ""), amount)
        self.refunds.append(line)

    # Sweep

    def sweep_waiting(self, early: str = "") -> None:
        """Sweep what waits for due receivables, a receipt after the other.

        Of a receipt in the order of allocation: what it names first (§6).
        """
        for receipt in self.receipts.values():
            for rid in receipt.waiting:
                rec = self.receivables[rid]
                if self.is_due(rec) or rid == early:
                    left = self.sweep(rec, receipt, receipt.waiting.pop(rid))
                    self.place(receipt, left)
                    # What is left may wait for another one that is due.
                    self.sweep_waiting(early)
                    return

    def sweep(self, rec: Receivable, receipt: Receipt, money: int) -> int:
        """Pay a receivable from one receipt; tell what it did not need."""
        date = receipt.value_date
        interest = self.interest_due(rec, date)
        principal = min(money, rec.outstanding)
        if self.terms["order"] == "interest_first":
            principal = min(money - min(money, interest), rec.outstanding)
        interest = min(money - principal, interest)
        held = {
            group: sum(tile.size for tile in rec.live if tile.group == group)
            for group in groups_of(rec.live)
        }
        unpaid = self.interest_by_group(rec, date)
        principals = dict(zip(held, share(principal, [*held.values()]), strict=True))
        interests = dict(zip(unpaid, share(interest, [*unpaid.values()]), strict=True))
        for group in groups_of(rec.tiles):
            owed = held.get(group, 0) + unpaid[group]
            parts = principals.get(group, 0), interests[group]
            for line in self.lines_of(rec, receipt, group, *parts):
                line.owed = owed
                line.in_default = rec.default
                self.lines.append(line)
                self.pay_out(line)
                line.credited = line.unsent
        # Money valued in time but booked after the close corrects the judgement.
        if rec.overdue and date <= self.adjust(rec.due_date):
            self.judge(rec, self.closed, self.covered(self.closed).get(rec.rid))
        if not self.owed(rec, date):
            self.clear_overdue(rec)
            self.return_interest(rec)
        return money - principal - interest

    def return_interest(self, rec: Receivable) -> None:
        """Place late interest anew that a settled receivable did not owe after all.

        Money of an earlier value date shows it. That it is withdrawn is decided:
        it withdraws "overdue and its interest" (§8), and "nobody receives more
        than owed" (I9). Where it goes then is, too: by the allocation, as all
        money (§6). Choice unowed-interest: the last paid gives first.
        """
        surplus = self.interest_paid(rec) - self.interest_total(rec, self.today)
        for line in reversed([line for line in self.lines if line.rid == rec.rid]):
            part = min(max(0, surplus), line.interest)
            surplus -= part
            self.take_interest(line, part)

    def take_interest(self, line: Line, amount: int) -> None:
        """Take late interest back from a line; its money is placed anew."""
        line.give_interest(amount)
        self.unpay(line, amount)
        self.offset_claims()
        if amount:
            self.place(self.receipts[line.ref], amount)

    def lines_of(
        self, rec: Receivable, receipt: Receipt, group: Group, units: int, interest: int
    ) -> list[Line]:
        """Retire units of a group; return lines, one for those under like orders.

        Choices: freeze-lines, they are lines of their own; freeze-interest,
        interest is shared among all units of the group by their unit-days, ties to
        those under orders.
        """
        days: dict[frozenset[str], int] = {}
        for tile in rec.tiles:
            if tile.group == group:
                late = self.days_late(rec, tile, receipt.value_date)
                for orders, lo, hi in self.segments(rec.rid, tile.lo, tile.hi):
                    days[orders] = days.get(orders, 0) + (hi - lo) * late
        paid: dict[frozenset[str], list[Tile]] = {}
        for orders, tile in self.retire(rec, group, units):
            paid.setdefault(orders, []).append(tile)
        keys = sorted(days, key=lambda orders: (not orders, sorted(orders)))
        interests = share(interest, [days[orders] for orders in keys])
        found: list[Line] = []
        for orders, part in zip(keys, interests, strict=True):
            mine = paid.get(orders, [])
            principal = sum(tile.size for tile in mine)
            where = receipt.ref, rec.rid, *group, receipt.value_date
            line = Line(*where, principal, part, 0, orders=orders)
            line.groups[group] = part
            for tile in mine:
                tile.line = line
            found += [line] if line.net else []
        return found

    def retire(
        self, rec: Receivable, group: Group, units: int
    ) -> list[tuple[frozenset[str], Tile]]:
        """Take units of a group from the highest downwards, cut where orders end."""
        found = []
        for tile in reversed(rec.live):
            part = min(units, tile.size) if tile.group == group else 0
            if part:
                self.end_offers(tile)
                units -= part
                rec.tiles.remove(tile)
                if part < tile.size:
                    rec.tiles.append(Tile(tile.lo, tile.hi - part, *group))
                for orders, lo, hi in self.segments(rec.rid, tile.hi - part, tile.hi):
                    rec.tiles.append(Tile(lo, hi, *group))
                    found.append((orders, rec.tiles[-1]))
        return found

    def end_offers(self, tile: Tile) -> None:
        """End the offers on a tile."""
        for offer in self.offers.values():
            offer.is_open = offer.is_open and offer.tile is not tile

    # Reversal

    @operation
    def reverse(self, ref: str, original_ref: str, amount: int) -> None:
        """Take back a receipt in whole or in part; what it paid is owed again."""
        self.check_attester()
        need(that=ref not in self.reversals, reason="applied once")
        # Choice closed-day: somebody types it, who is told.
        need(that=self.today > self.closed, reason="the day is closed")
        receipt = self.find_receipt(original_ref)
        order = self.by_due_date(self.receivables)
        lines = [line for line in self.lines if line.ref == original_ref]
        lines.sort(key=lambda line: order.index(line.rid))
        spent = receipt.priced + sum(line.net for line in lines)
        left = receipt.unswept + spent + receipt.returned - receipt.recalled
        need(that=0 < amount <= left, reason="more than is left of the receipt")
        self.reversals[ref] = amount
        receipt.reversed += amount
        self.book(-amount)
        part = min(amount, receipt.suspense)
        receipt.suspense -= part
        rest = self.take_back(receipt, amount - part)
        rest -= self.keep_refunds(receipt, rest)
        if rest > spent:
            self.recall(receipt, rest - spent)
            rest = spent
        if receipt.priced:
            self.return_price(receipt, rest)
            return
        # "By largest remainder of what each retired" (§7). Choices: reverse-idle, of
        # what no line has used first; reverse-interest, interest counts as retired.
        parts = share(rest, [line.net for line in lines])
        for line, part in zip(lines, parts, strict=True):
            self.undo(line, part)
        self.offset_claims()

    def keep_refunds(self, receipt: Receipt, amount: int) -> int:
        """Cancel refunds not sent, what is free first; tell how much.

        "Its own payout lines are cancelled where unsent; what was sent becomes a
        claim owed to the collection account" (§7); a refund is such a line.
        """
        rest = min(amount, receipt.returned - receipt.recalled)
        mine = [line for line in self.refunds if line.ref == receipt.ref]
        kept = 0
        for line, free in (*((x, True) for x in mine), *((x, False) for x in mine)):
            part = line.cancel(min(rest - kept, line.due) if free else rest - kept)
            line.principal -= part
            kept += part
        receipt.returned -= kept
        return kept

    def recall(self, receipt: Receipt, amount: int) -> None:
        """Claim what was sent back to a remitter, whose bank took it, too.

        §7, as above. A refund is on no receivable, so "later payouts to that payee
        on that receivable" is silent; choice recalled-refund: any payout reduces it.
        """
        receipt.recalled += amount
        self.charge(receipt.payer, REFUNDS, amount)
        self.charged[receipt.payer] = self.charged.get(receipt.payer, 0) + amount

    def reopen_payout(self, line: Line, part: Part, amount: int) -> None:
        """Let a payout be due again, less what a bank took back meanwhile.

        "A return reopens that payout at its full amount" (§6), but "nobody receives
        more than owed, net of claims" (I9): what was undone of a line, and the
        refund of what was recalled, is owed no more, and the claim for it ends.
        """
        kept = min(amount, line.lost, self.claims.get((line.holder, line.rid), 0))
        if kept:
            self.settle_claim(line, kept)
        super().reopen_payout(line, part, amount - kept)
        receipt = self.receipts[line.ref]
        claim = self.claims.get((receipt.payer, REFUNDS), 0)
        if any(line is x for x in self.refunds) and claim and receipt.recalled:
            kept = line.cancel(min(claim, receipt.recalled, amount))
            line.principal -= kept
            receipt.recalled -= kept
            receipt.returned -= kept
            self.claims[receipt.payer, REFUNDS] -= kept
            self.charged[receipt.payer] -= kept

    def return_price(self, receipt: Receipt, amount: int) -> None:
        """Take back the price of a deal."""
        del receipt, amount

    def undo(self, line: Line, amount: int) -> None:
        """Take an amount back from a line: its units, interest and payout."""
        rec = self.receivables[line.rid]
        settled = not self.is_open(rec)
        principal = min(amount, line.principal)
        self.reopen(rec, line, principal)
        line.principal -= principal
        line.give_interest(amount - principal)
        self.unpay(line, amount)
        if settled and amount:
            rec.stage = "live"  # closed uncollectable is over too
            self.clear_overdue(rec)

    def unpay(self, line: Line, amount: int) -> None:
        """Cancel the payout of what is undone; what was sent becomes a claim (§7)."""
        unsent = line.cancel(amount)
        line.undone += amount
        line.cancelled += unsent
        self.charge(line.holder, line.rid, amount - unsent)

    def settle_claim(self, line: Line, amount: int) -> None:
        """Let a claim end with as much of a line's payout."""
        self.claims[line.holder, line.rid] -= amount
        line.cancelled += amount

    def offset_claims(self) -> None:
        """Cancel what came back and is due although its line was undone (I9).

        Later money had paid the claim for it, and that was taken back, too.
        """
        for line in self.lines:
            claim = self.claims.get((line.holder, line.rid), 0)
            kept = line.cancel(min(line.lost, claim))
            if kept:
                self.settle_claim(line, kept)

    def charge(self, holder: str, rid: str, amount: int) -> None:
        """Let a holder owe money to the collection account."""
        if amount:
            self.claims[holder, rid] = self.claims.get((holder, rid), 0) + amount

    def reopen(self, rec: Receivable, line: Line, units: int) -> None:
        """Make units that a line retired live again, lowest first."""
        mine = [tile for tile in rec.tiles if tile.line is line]
        for tile in sorted(mine, key=lambda tile: tile.lo):
            part = min(units, tile.size)
            if part == tile.size:
                tile.line = None
            elif part:
                rec.tiles.append(Tile(tile.lo, tile.lo + part, *tile.group))
                tile.lo += part
            units -= part
