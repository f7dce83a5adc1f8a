"""The money side of the naive model: allocation, sweeps, payouts and reversals.

Written from the business rules alone and for clarity alone: every figure is
recomputed from the whole history whenever it is asked for.
"""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from tests.model_records import (
    DEFAULTS,
    REFUNDS,
    REMITTER,
    Group,
    Line,
    Offer,
    Receipt,
    Receivable,
    RefusedError,
    Tile,
    adjust,
    groups_of,
    need,
    operation,
    parse_date,
    rounded,
    share,
    strict_number,
    zone_date,
)


class MoneyModel:
    """What happens to money, on one collection account of one debtor."""

    def __init__(self, programme: dict[str, Any]) -> None:
        self.terms = {**DEFAULTS, **programme}
        self.reason = ""
        self.now = 0
        self.receivables: dict[str, Receivable] = {}
        self.offers: dict[str, Offer] = {}
        self.receipts: dict[str, Receipt] = {}  # in order of attestation
        self.reversals: dict[str, int] = {}
        self.lines: list[Line] = []
        self.claims: dict[tuple[str, str], int] = {}  # holder, receivable
        self.charged: dict[str, int] = {}  # for prices and refunds that went back
        self.refunds: list[Line] = []  # money on its way back to its remitter
        self.prices: list[Line] = []  # what deals paid to who parted with units
        self.insolvent: set[str] = set()
        self.payments: dict[str, list[list[tuple[Line, int]]]] = {}  # by holder
        self.entries: list[tuple[str, int]] = []  # booking date, signed amount
        self.closed = ""
        self.blocked = False

    # Time

    @property
    def today(self) -> str:
        """The date in the programme's zone."""
        return zone_date(self.now)

    def adjust(self, text: str) -> str:
        """Return the business day on or after a date."""
        return adjust(text, self.terms["calendar"])

    def is_due(self, rec: Receivable) -> bool:
        """Tell whether the adjusted due date has begun."""
        return self.adjust(rec.due_date) <= self.today

    def follow_up(self) -> None:
        """Do what follows from an operation of itself."""
        self.place_idle()

    def place_idle(self) -> None:
        """Give money that waits for nothing to what is due and needs it."""
        for receipt in self.receipts.values():
            amount, receipt.unassigned = receipt.unassigned, 0
            self.place(receipt, amount)
        self.sweep_waiting()
        if not self.open_receivables():
            for receipt in self.receipts.values():
                receipt.suspense += receipt.unassigned
                receipt.unassigned = 0

    # What is owed

    def accruals(self, rec: Receivable, date: str) -> dict[Group, int]:
        """Return unit-days after the due date, by group, retired units included."""
        sums = dict.fromkeys(groups_of(rec.tiles), 0)
        for tile in rec.tiles:
            sums[tile.group] += tile.size * self.days_late(rec, tile, date)
        return sums

    def days_late(self, rec: Receivable, tile: Tile, date: str) -> int:
        """Return the days after the due date on which a tile's units were owed."""
        start = parse_date(self.adjust(rec.due_date))
        end = tile.line.value_date if tile.line else tile.gone_date or date
        return max(0, (parse_date(end) - start).days)

    def interest_total(self, rec: Receivable, date: str) -> int:
        """Return late interest to a date, paid or not, rounded once half up."""
        return rounded(sum(self.accruals(rec, date).values()), self.terms)

    def interest_paid(self, rec: Receivable, group: Group | None = None) -> int:
        """Return late interest paid and not reversed, to all or to one group."""
        paid = sum(
            line.interest
            for line in self.lines
            if line.rid == rec.rid and group in {None, (line.holder, line.chain)}
        )
        return paid + (rec.carried.get(group, 0) if group else 0)

    def carry_interest(self, rec: Receivable, tile: Tile, group: Group) -> None:
        """Let interest that a tile's units were paid follow them to a group.

        Choice: by their part of the group's unit-days, rounded half up.
        """
        own = tile.size * self.days_late(rec, tile, self.today)
        if not own:
            return
        part = Fraction(own, self.accruals(rec, self.today)[tile.group])
        for sums, paid in (
            (rec.carried, self.interest_paid(rec, tile.group)),
            (rec.waived, rec.waived.get(tile.group, 0)),
        ):
            moved = math.floor(paid * part + Fraction(1, 2))
            sums[tile.group] = sums.get(tile.group, 0) - moved
            sums[group] = sums.get(group, 0) + moved

    def interest_due(self, rec: Receivable, date: str) -> int:
        """Return late interest of the receivable that is still to be paid."""
        done = self.interest_paid(rec) + sum(rec.waived.values())
        return max(0, self.interest_total(rec, date) - done)

    def interest_by_group(self, rec: Receivable, date: str) -> dict[Group, int]:
        """Return what each group is owed of the interest, by lowest unit."""
        sums = self.accruals(rec, date)
        shares = share(self.interest_total(rec, date), list(sums.values()))
        return {
            group: max(
                0, part - self.interest_paid(rec, group) - rec.waived.get(group, 0)
            )
            for group, part in zip(sums, shares, strict=True)
        }

    def owed(self, rec: Receivable, date: str) -> int:
        """Return principal and interest of a receivable at a value date."""
        return rec.outstanding + self.interest_due(rec, date)

    def is_open(self, rec: Receivable | None) -> bool:
        """Tell whether a receivable is confirmed and not settled."""
        return bool(rec and rec.stage == "live" and self.owed(rec, self.today))

    def open_receivables(self) -> list[Receivable]:
        """Return what the debtor still owes, in order of confirmation."""
        found = [rec for rec in self.receivables.values() if self.is_open(rec)]
        return sorted(found, key=lambda rec: rec.confirmed)

    def reserved(self, rid: str) -> int:
        """Return the money waiting for a receivable."""
        return sum(receipt.waiting.get(rid, 0) for receipt in self.receipts.values())

    def room(self, rec: Receivable, date: str) -> int:
        """Return what is owed less what already waits for it."""
        return max(0, self.owed(rec, date) - self.reserved(rec.rid))

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
        receipt.booked_ms = self.now
        self.receipts[receipt.ref] = receipt
        self.book(receipt.amount)
        return receipt

    def book(self, amount: int) -> None:
        """Record a credit (or, negative, a debit) of today.

        If today is closed that does not fit: it blocks payouts to the next close.
        """
        self.blocked = self.blocked or self.today <= self.closed
        self.entries.append((self.today, amount))

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
        need(that=ref not in self.receipts, reason="applied once")
        need(that=amount > 0, reason="no amount")
        parse_date(value_date)
        named = self.named(names, payer)
        receipt = self.keep(Receipt(ref, amount, value_date, payer=payer or ""))
        strange = payer not in {None, self.terms["debtor"]} or not (payer or named)
        bankrupt = self.terms["debtor"] in self.insolvent
        if strange or bankrupt:
            receipt.suspense = amount
            receipt.administered = not strange
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
        self.take_back(receipt, amount)
        self.refund(receipt, amount)

    @operation
    def return_suspense(self, ref: str, amount: int) -> None:
        """Money in suspense is sent back where it came from."""
        receipt = self.find_receipt(ref)
        need(that=0 < amount <= receipt.suspense, reason="not in suspense")
        need(that=not receipt.administered, reason="for the administrator")
        receipt.suspense -= amount
        self.refund(receipt, amount)

    def refund(self, receipt: Receipt, amount: int) -> None:
        """Make a payout to whom the money came from."""
        receipt.returned += amount
        line = Line(receipt.ref, "", REMITTER, (), receipt.value_date, amount, 0, 0)
        line.due = amount
        self.refunds.append(line)

    # Sweep

    def sweep_waiting(self, early: str = "") -> None:
        """Sweep what waits for due receivables, a receipt after the other."""
        for receipt in self.receipts.values():
            for rid in self.by_due_date(receipt.waiting):
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
            parts = principals.get(group, 0), interests[group]
            if sum(parts):
                owed = held.get(group, 0) + unpaid[group]
                line = Line(receipt.ref, rec.rid, *group, date, *parts, owed)
                line.in_default = rec.default
                self.retire(rec, line)
                self.lines.append(line)
                self.pay_out(line)
        # Money valued in time but booked after the close corrects the judgement.
        in_time = date <= self.adjust(rec.due_date)
        covered = self.idle() >= self.owed(rec, self.closed or date)
        if not self.owed(rec, date) or (in_time and (covered or self.is_short(rec))):
            self.clear_overdue(rec)
        if not self.owed(rec, date):
            self.return_interest(rec)
        return money - principal - interest

    def return_interest(self, rec: Receivable) -> None:
        """Place late interest anew that a settled receivable did not owe after all.

        Choice: money of an earlier value date shows it; the last paid gives first.
        """
        surplus = self.interest_paid(rec) - self.interest_total(rec, self.today)
        for line in reversed([line for line in self.lines if line.rid == rec.rid]):
            part = min(max(0, surplus), line.interest)
            surplus -= part
            self.take_interest(line, part)

    def take_interest(self, line: Line, amount: int) -> None:
        """Take late interest back from a line; its money is placed anew."""
        line.interest -= amount
        unsent = line.cancel(amount)
        if amount > unsent:
            self.charge(line.holder, line.rid, amount - unsent)
        if amount:
            self.place(self.receipts[line.ref], amount)

    def idle(self) -> int:
        """Return the money that may yet turn out to be for what is owed.

        What an administrator is to have cannot cover anything any more.
        """
        return sum(
            receipt.unassigned + (0 if receipt.administered else receipt.suspense)
            for receipt in self.receipts.values()
        )

    def days_between(self, rec: Receivable, date: str) -> int:
        """Return the days from the adjusted due date to a date."""
        return (parse_date(date) - parse_date(self.adjust(rec.due_date))).days

    def is_short(self, rec: Receivable) -> bool:
        """Tell whether too little is missing, and not for long, to be overdue.

        Choices: principal alone is measured; days count to the last closed day.
        """
        days = self.days_between(rec, self.closed or self.today)
        little = rec.outstanding <= self.terms["tolerance_minor"]
        return little and days < self.terms["tolerance_days"]

    def clear_overdue(self, rec: Receivable) -> None:
        """Withdraw overdue, and default with it; both may be judged again."""
        rec.overdue = rec.default = False
        for line in self.lines:
            line.in_default = line.in_default and line.rid != rec.rid

    def retire(self, rec: Receivable, line: Line) -> None:
        """Retire units of the line's group from the highest downwards."""
        left = line.principal
        for tile in reversed(rec.live):
            if left and tile.group == (line.holder, line.chain):
                part = min(left, tile.size)
                if part < tile.size:
                    paid = Tile(tile.hi - part, tile.hi, *tile.group, line)
                    rec.tiles.append(paid)
                    tile.hi -= part
                else:
                    tile.line = line
                left -= part
                self.end_offers(tile)

    def end_offers(self, tile: Tile) -> None:
        """End the offers on a tile."""
        for offer in self.offers.values():
            offer.is_open = offer.is_open and offer.tile is not tile

    def pay_out(self, line: Line) -> None:
        """Make the line's payout due, less what its holder has to give back."""
        line.made_ms = self.now
        line.due = line.net
        priced = self.receipts[line.ref].priced
        for name in (line.rid,) if priced else (line.rid, REFUNDS):
            claim = self.claims.get((line.holder, name), 0)
            kept = min(claim, line.due)
            if claim:
                self.claims[line.holder, name] = claim - kept
            line.due -= kept
        for orders, part in self.holding(line).items():
            moved = min(part, line.due)
            line.held[orders] = moved
            line.due -= moved

    def holding(self, line: Line) -> dict[frozenset[str], int]:
        """Return what orders hold of a new line's payout."""
        del line
        return {}

    # Payouts

    def payouts(self) -> list[Line]:
        """Return what all payouts consist of."""
        return self.lines + self.refunds + self.prices

    def payee(self, holder: str) -> str:
        """Return to whom a holder's payouts go."""
        return "administrator:" + holder if holder in self.insolvent else holder

    @operation
    def pay_payouts(self, holder: str) -> None:
        """Everything due to a holder is sent to the bank, which attests it paid."""
        self.send(holder)
        self.settle(holder)

    @operation
    def instruct(self, holder: str) -> None:
        """Everything due to a holder is sent to the bank."""
        self.send(holder)

    @operation
    def attest_paid(self, holder: str) -> None:
        """The bank attests that everything sent for a holder was paid."""
        self.settle(holder)

    def send(self, holder: str) -> None:
        """Send what is due; from now on it can no longer be cancelled."""
        need(that=not self.blocked, reason="account blocked")
        lines = [
            line
            for line in self.payouts()
            if line.due and self.payee(line.holder) == holder
        ]
        need(that=bool(lines), reason="nothing is due")
        for line in lines:
            line.sent_to[holder] = line.sent_to.get(holder, 0) + line.due
            line.due = 0

    def settle(self, holder: str) -> None:
        """Take what was sent for paid, as one payment."""
        lines = [line for line in self.payouts() if line.sent_to.get(holder)]
        need(that=bool(lines), reason="nothing was sent")
        payment = [(line, line.sent_to.pop(holder)) for line in lines]
        self.payments.setdefault(holder, []).append(payment)
        for line, amount in payment:
            line.paid_to[holder] = line.paid_to.get(holder, 0) + amount
        self.book(-sum(amount for _, amount in payment))

    @operation
    def return_payout(self, holder: str, amount_paid_before: int) -> None:
        """The last payment to a holder comes back in full and is due again."""
        payments = self.payments.get(holder, [])
        need(that=bool(payments), reason="nothing was paid")
        total = sum(amount for _, amount in payments[-1])
        need(that=amount_paid_before == total, reason="not its full amount")
        for line, amount in payments.pop():
            line.due += amount
            line.paid_to[holder] -= amount
        self.book(total)

    # Reversal

    @operation
    def reverse(self, ref: str, original_ref: str, amount: int) -> None:
        """Take back a receipt in whole or in part; what it paid is owed again."""
        need(that=ref not in self.reversals, reason="applied once")
        # Choice: somebody types it, who is told; a statement would block payouts.
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
        parts = share(rest, [line.net for line in lines])
        for line, part in zip(lines, parts, strict=True):
            self.undo(line, part)

    def keep_refunds(self, receipt: Receipt, amount: int) -> int:
        """Cancel refunds not sent, what is free first; tell how much."""
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
        """Claim what was sent back to a remitter, whose bank took it, too."""
        receipt.recalled += amount
        self.charge(receipt.payer, REFUNDS, amount)
        self.charged[receipt.payer] = self.charged.get(receipt.payer, 0) + amount

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
        line.interest -= amount - principal
        unsent = line.cancel(amount)
        if amount > unsent:
            self.charge(line.holder, line.rid, amount - unsent)
        if settled and amount:
            rec.stage = "live"  # closed uncollectable is over too
            self.clear_overdue(rec)

    def charge(self, holder: str, rid: str, amount: int) -> None:
        """Let a holder owe money to the collection account."""
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
