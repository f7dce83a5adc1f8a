"""What goes wrong in the naive model: day closes, orders, disputes, insolvency."""

from itertools import pairwise
from typing import Any

from tests.model_money import MoneyModel
from tests.model_records import (
    DAY_MS,
    Dispute,
    Freeze,
    Line,
    Receivable,
    RefusedError,
    Tile,
    need,
    operation,
    parse_date,
    share,
)


class OrdersModel(MoneyModel):
    """What keeps receivables from being simply paid."""

    def __init__(self, programme: dict[str, Any]) -> None:
        super().__init__(programme)
        self.suspended: set[str] = set()
        self.freezes: dict[str, Freeze] = {}
        self.disputes: dict[str, Dispute] = {}

    def follow_up(self) -> None:
        """Hold what orders cover, then end the offers on what is frozen."""
        super().follow_up()
        for order in self.freezes.values():
            if order.in_force and order.member:
                self._capture(order)
        for offer in self.offers.values():
            where = offer.rid, offer.tile.holder, offer.lo, offer.hi
            offer.is_open = offer.is_open and not self.frozen(*where)

    def _open(self, rid: str) -> Receivable:
        rec = self.receivables.get(rid)
        if rec is None or not self.is_open(rec):
            raise RefusedError("nothing is owed")
        return rec

    def _check_defences(self) -> None:
        subject = self.terms["undertaking"] == "subject_to_defences"
        need(that=subject, reason="the undertaking is absolute")

    # Day close

    def balance(self, date: str) -> int:
        """Return what the account should hold at the end of a date."""
        return sum(amount for booked, amount in self.entries if booked <= date)

    @operation
    def close_day(self, date: str, closing: int) -> None:
        """Close a day on its balance and judge what is overdue, or block."""
        parse_date(date)
        need(that=self.closed < date <= self.today, reason="not the next day")
        self.blocked = closing != self.balance(date)
        if self.blocked:
            return
        self.closed = date
        idle = self.idle()
        for rec in self.open_receivables():
            if self.adjust(rec.due_date) <= date:
                self._judge(rec, date, idle)

    def _judge(self, rec: Receivable, date: str, idle: int) -> None:
        """Judge one receivable at the close of a day.

        Choices: one close makes one step, so default needs an overdue judged at
        an earlier close; the grace is over with the close of its last day; a
        default holds nothing more than the overdue it follows, and is withdrawn
        with it; a dispute keeps default away if it covers all principal owed.
        """
        was = rec.overdue
        rec.overdue = idle < self.owed(rec, date) and not self.is_short(rec)
        if not rec.overdue:
            self.clear_overdue(rec)
            return
        if not was:
            rec.overdue_ms = self.now
        late = self.days_between(rec, date) - self.terms["grace_days"]
        direct = self.terms["default_reading"] == "direct"
        graced = late > 0 if direct else was and late >= 0
        denied = self.disputed(rec.rid) >= rec.outstanding > 0
        if graced and not denied and not rec.default:
            rec.default, rec.default_ms = True, self.now

    def bank_data_late(self) -> bool:
        """Tell whether a due day stays unclosed longer than the programme says."""
        return any(
            self.adjust(rec.due_date) > self.closed
            and self.days_between(rec, self.today) > self.terms["late_close_days"]
            for rec in self.open_receivables()
        )

    # Freeze

    def frozen(self, rid: str, holder: str, lo: int, hi: int) -> bool:
        """Tell whether an order keeps any of these units from passing.

        Choice: an order for an amount of a member's freezes all of its units
        until that amount is held.
        """
        return any(
            order.member == holder and self._to_hold(order) != 0
            if order.member
            else order.rid == rid and max(lo, order.lo) < min(hi, order.hi)
            for order in self.freezes.values()
            if order.in_force
        )

    def _to_hold(self, order: Freeze) -> int | None:
        """Return what an order for an amount still lacks."""
        if order.amount is None:
            return None
        held = sum(
            part
            for line in self.payouts()
            for orders, part in line.held.items()
            if order.order_id in orders
        )
        return max(0, order.amount - held)

    def _place_order(self, order: Freeze) -> None:
        need(that=order.order_id not in self.freezes, reason="id used")
        need(that=order.expires_ms > self.now, reason="expired already")
        self.freezes[order.order_id] = order

    @operation
    def freeze(
        self, order_id: str, rid: str, lo: int, hi: int, expires_ms: int
    ) -> None:
        """Freeze units, and hold what they are paid from now on.

        Choice: an order is in force up to and including the moment it names;
        a payout due before it came is not held, unlike under a member's order.
        """
        rec = self.receivables.get(rid)
        if rec is None or rec.stage != "live":
            raise RefusedError("no such receivable")
        need(that=0 <= lo < hi <= rec.face, reason="not its units")
        self._place_order(Freeze(order_id, rid, lo, hi, "", None, expires_ms))

    @operation
    def freeze_member(
        self, order_id: str, member: str, amount: int | None, expires_ms: int
    ) -> None:
        """Freeze all a member holds, and hold its unsent payouts, or an amount.

        Choice: what others hold of the same payout counts for both orders, what
        is free is taken first.
        """
        need(that=amount is None or amount > 0, reason="no amount")
        self._place_order(Freeze(order_id, "", 0, 0, member, amount, expires_ms))

    def _capture(self, order: Freeze) -> None:
        """Hold what is due to the member of an order."""
        name = frozenset({order.order_id})
        for line in self.payouts():
            if line.holder != order.member:
                continue
            self._hold(order, line, line.due, frozenset())
            for orders, part in list(line.held.items()):
                if not name <= orders:
                    self._hold(order, line, part, orders)

    def _hold(
        self, order: Freeze, line: Line, part: int, others: frozenset[str]
    ) -> None:
        """Let an order hold a part of a payout, which other orders may hold."""
        lack = self._to_hold(order)
        part = part if lack is None else min(part, lack)
        if not part:
            return
        if others:
            line.held[others] -= part
        else:
            line.due -= part
        both = others | {order.order_id}
        line.held[both] = line.held.get(both, 0) + part

    @operation
    def release(self, order_id: str) -> None:
        """End an order; what it alone held is due."""
        order = self.freezes.get(order_id)
        if order is None or not order.in_force:
            raise RefusedError("no such order in force")
        self._let_go(order)

    def _let_go(self, order: Freeze) -> None:
        order.in_force = False
        for line in self.payouts():
            before, line.held = line.held, {}
            for orders, part in before.items():
                left = orders - {order.order_id}
                if left:
                    line.held[left] = line.held.get(left, 0) + part
                else:
                    line.due += part

    def expire_orders(self, ms: int) -> None:
        """End the orders and disputes whose time is over."""
        for order in self.freezes.values():
            if order.in_force and order.expires_ms < ms:
                self._let_go(order)
        for dispute in self.disputes.values():
            dispute.is_open = dispute.is_open and ms <= dispute.deadline_ms

    def _segments(self, rid: str, lo: int, hi: int) -> list[tuple[frozenset[str], int]]:
        """Return the orders on units, run by run, with the number of units."""
        orders = [x for x in self.freezes.values() if x.in_force and x.rid == rid]
        edges = {lo, hi} | {x for order in orders for x in (order.lo, order.hi)}
        return [
            (
                frozenset(x.order_id for x in orders if x.lo <= start and end <= x.hi),
                end - start,
            )
            for start, end in pairwise(sorted(x for x in edges if lo <= x <= hi))
        ]

    def holding(self, line: Line) -> dict[frozenset[str], int]:
        """Return what orders on units hold of a new line's payout.

        Choice: interest is shared between frozen and free units of the group by
        largest remainder of their unit-days, ties to the frozen ones.
        """
        rec = self.receivables[line.rid]
        principals: dict[frozenset[str], int] = {}
        unit_days: dict[frozenset[str], int] = {}
        for tile in rec.tiles:
            if tile.group == (line.holder, line.chain):
                days = self.days_late(rec, tile, line.value_date)
                for orders, size in self._segments(rec.rid, tile.lo, tile.hi):
                    unit_days[orders] = unit_days.get(orders, 0) + size * days
                    paid = size if tile.line is line else 0
                    principals[orders] = principals.get(orders, 0) + paid
        keys = sorted(unit_days, key=lambda orders: (not orders, sorted(orders)))
        interests = share(line.interest, [unit_days[orders] for orders in keys])
        return {
            orders: principals[orders] + interest
            for orders, interest in zip(keys, interests, strict=True)
            if orders and principals[orders] + interest
        }

    # Disputes and reduction

    def disputed(self, rid: str) -> int:
        """Return what is disputed of what is owed; every unit has its share."""
        amounts = [
            x.amount for x in self.disputes.values() if x.is_open and x.rid == rid
        ]
        return min(sum(amounts), self.receivables[rid].outstanding)

    @operation
    def dispute(self, dispute_id: str, rid: str, amount: int, deadline_ms: int) -> None:
        """The debtor disputes an amount until a deadline.

        Choices: all disputes together name no more than is outstanding; the
        deadline lies within the programme's days and is itself in time.
        """
        self._check_defences()
        rec = self._open(rid)
        need(that=dispute_id not in self.disputes, reason="id used")
        room = rec.outstanding - self.disputed(rid)
        need(that=0 < amount <= room, reason="more than is owed")
        last_ms = self.now + self.terms["dispute_days"] * DAY_MS
        need(that=self.now < deadline_ms <= last_ms, reason="deadline")
        self.disputes[dispute_id] = Dispute(dispute_id, rid, amount, deadline_ms)

    @operation
    def end_dispute(self, dispute_id: str) -> None:
        """The dispute is over; the next close judges."""
        dispute = self.disputes.get(dispute_id)
        if dispute is None or not dispute.is_open:
            raise RefusedError("no such open dispute")
        dispute.is_open = False

    def _take_away(self, rec: Receivable, tile: Tile, units: int, why: str) -> None:
        """Take the highest units of a tile; they are owed no more."""
        self.end_offers(tile)
        if units == tile.size:
            tile.gone, tile.gone_date = why, self.today
        elif units:
            gone = Tile(tile.hi - units, tile.hi, *tile.group)
            gone.gone, gone.gone_date = why, self.today
            rec.tiles.append(gone)
            tile.hi -= units

    @operation
    def reduce(self, rid: str, amount: int) -> None:
        """Debtor and supplier reduce what is owed, at the supplier's expense.

        Choices: no more than is outstanding and not yet claimed of the supplier;
        frozen units are not taken; late interest so far stays owed.
        """
        self._check_defences()
        rec = self._open(rid)
        room = rec.outstanding - rec.reduction_claim
        need(that=0 < amount <= room, reason="more than is owed")
        for tile in reversed(rec.live):
            frozen = self.frozen(rid, tile.holder, tile.lo, tile.hi)
            if amount and tile.holder == rec.supplier and not frozen:
                part = min(amount, tile.size)
                self._take_away(rec, tile, part, "reduced")
                amount -= part
        rec.reduction_claim += amount
        self.free_excess(rec)

    def free_excess(self, rec: Receivable) -> None:
        """Let go of money that waits for more than is still owed, latest first."""
        excess = max(0, self.reserved(rec.rid) - self.owed(rec, self.today))
        for receipt in reversed(self.receipts.values()):
            part = min(excess, receipt.waiting.get(rec.rid, 0))
            if part:
                receipt.waiting[rec.rid] -= part
                self.place(receipt, part)
                excess -= part
            if receipt.waiting.get(rec.rid) == 0:
                del receipt.waiting[rec.rid]
        if not self.is_open(rec):
            self.clear_overdue(rec)

    @operation
    def waive(self, rid: str) -> None:
        """All holders waive what is short and the late interest with it.

        Choices: from the due day on; late interest of any amount may go, but no
        principal above the tolerance and none that is frozen.
        """
        rec = self._open(rid)
        need(that=self.is_due(rec), reason="not due")
        short = rec.outstanding <= self.terms["tolerance_minor"]
        need(that=short, reason="more than the tolerance")
        need(that=not self._any_frozen(rec), reason="frozen")
        for group, part in self.interest_by_group(rec, self.today).items():
            rec.waived[group] = rec.waived.get(group, 0) + part
        for tile in rec.live:
            self._take_away(rec, tile, tile.size, "waived")
        self.clear_overdue(rec)

    def _any_frozen(self, rec: Receivable) -> bool:
        places = [(tile.holder, tile.lo, tile.hi) for tile in rec.live]
        return any(self.frozen(rec.rid, *place) for place in places)

    @operation
    def close_uncollectable(self, rid: str) -> None:
        """All holders give up in default: the claim stays, exposure is freed.

        Choice: money for it is then money for nothing that is open.
        """
        rec = self._open(rid)
        need(that=rec.default, reason="not in default")
        rec.stage = "closed"
        for tile in rec.live:
            self.end_offers(tile)

    # Insolvency

    @operation
    def insolvency(self, member: str) -> None:
        """A member is insolvent from now on.

        Choices: offers by it and to it end; it signs no new business; what the
        debtor's administrator is to have is neither matched nor returned.
        """
        need(that=member not in self.insolvent, reason="known")
        self.insolvent.add(member)
        for offer in self.offers.values():
            party = member in {offer.tile.holder, offer.to}
            offer.is_open = offer.is_open and not party
        for receipt in self.receipts.values():
            early = receipt.unswept - receipt.suspense
            if member == self.terms["debtor"] and early:
                self.take_back(receipt, early)
                receipt.suspense += early
                receipt.administered = True
