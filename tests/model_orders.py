"""What goes wrong in the naive model: day closes, orders, disputes, insolvency."""

from typing import Any

from tests.model_freezes import FreezesModel
from tests.model_records import (
    DAY_MS,
    Dispute,
    Receivable,
    RefusedError,
    Tile,
    need,
    operation,
    parse_date,
)


class OrdersModel(FreezesModel):
    """What keeps receivables from being simply paid."""

    def __init__(self, programme: dict[str, Any]) -> None:
        super().__init__(programme)
        self.suspended: set[str] = set()

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
        self.check_attester()
        parse_date(date)
        need(that=self.closed < date <= self.today, reason="not the next day")
        self.blocked = closing != self.balance(date)
        if self.blocked:
            return
        self.closed = date
        covered = self.covered(date)
        for rec in self.open_receivables():
            if self.adjust(rec.due_date) <= date:
                self.judge(rec, date, covered.get(rec.rid))

    def bank_data_late(self) -> bool:
        """Tell whether a due day stays unclosed longer than the programme says."""
        return any(self.is_data_late(rec) for rec in self.open_receivables())

    def is_data_late(self, rec: Receivable) -> bool:
        """Tell whether the due day is unclosed "after N days" (§8)."""
        late = self.days_between(rec, self.today) > self.terms["late_close_days"]
        return late and self.adjust(rec.due_date) > self.closed

    def end_disputes(self, ms: int) -> None:
        """End the disputes whose deadline is over."""
        for dispute in self.disputes.values():
            dispute.is_open = dispute.is_open and ms <= dispute.deadline_ms

    # Disputes and reduction

    @operation
    def dispute(self, dispute_id: str, rid: str, amount: int, deadline_ms: int) -> None:
        """The debtor disputes an amount until a deadline.

        Choice dispute-room: all disputes together name no more than is outstanding;
        the deadline lies within the programme's days and is itself in time.
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

        "The supplier's own units first, then a claim on the supplier" (§8). Choice
        reduce-room: no more than is outstanding, whatever is claimed; frozen units
        are not taken.
        """
        self._check_defences()
        rec = self._open(rid)
        # Choice reduce-covered: not what money that waits will pay.
        room = rec.outstanding - self.reserved(rid)
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

        Choice waive-room: from the due day on; late interest of any amount may go,
        but no principal above the tolerance and nothing that is frozen.
        """
        rec = self._open(rid)
        need(that=self.is_due(rec), reason="not due")
        short = rec.outstanding <= self.terms["tolerance_minor"]
        need(that=short, reason="more than the tolerance")
        need(that=not self.any_frozen(rec), reason="frozen")
        owed = self.interest_by_group(rec, self.today)
        for tile in rec.tiles if any(owed.values()) else ():
            orders = self.segments(rid, tile.lo, tile.hi)
            frozen = self.is_frozen(tile.holder) or any(run[0] for run in orders)
            need(that=not (owed[tile.group] and frozen), reason="frozen")
        for group, part in owed.items():
            rec.waived[group] = rec.waived.get(group, 0) + part
        for tile in rec.live:
            self._take_away(rec, tile, tile.size, "waived")
        self.clear_overdue(rec)

    @operation
    def close_uncollectable(self, rid: str) -> None:
        """All holders give up in default: the claim stays, exposure is freed.

        Where no unit is live nobody holds any: interest alone is waived.
        Choice closed-money: money for it is then for nothing that is open.
        """
        rec = self._open(rid)
        need(that=rec.default, reason="not in default")
        need(that=bool(rec.live), reason="nobody holds anything")
        need(that=not self.any_frozen(rec), reason="frozen")
        rec.stage = "closed"
        for tile in rec.live:
            self.end_offers(tile)
