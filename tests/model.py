"""A naive second model of the business rules, to hold the ledger against.

It shares no line with the ledger and was written without looking at it. Members
are names, money is integers in minor units, dates are ISO texts, time is UTC
milliseconds. Every operation answers "ok" or "refused"; a refusal changes
nothing and leaves a reason.
"""

import re
from collections.abc import Iterable

from tests.model_records import (
    DAY_MS,
    ZONE_MS,
    Invoice,
    Notice,
    Receivable,
    Tile,
    need,
    operation,
    parse_date,
    strict_number,
)
from tests.model_views import ViewsModel

PROPOSED = {"submitted", "countered"}


def loose_numbers(number: str) -> set[str]:
    """Return what somebody may take an invoice number for.

    Marks between digits may be left out, or may part them: ``7-001`` may be
    meant as ``7001`` and as ``7-1``.
    """
    parts = re.findall(r"[A-Z]+|\d+", strict_number(number))
    compact = re.findall(r"[A-Z]+|\d+", "".join(parts))
    return {
        "".join(part.lstrip("0") or "0" for part in form) for form in (parts, compact)
    }


class Model(ViewsModel):
    """The life of the receivables of one programme."""

    # Time and members

    @operation
    def advance_to(self, ms: int) -> None:
        """Let time pass, with every midnight and deadline on the way."""
        need(that=ms >= self.now, reason="time does not go back")
        for moment in self._midnights(ms) if self.now else ():
            self.now = moment
            if (moment + ZONE_MS) % DAY_MS == 0:
                self.count_notice()
            self.expire_orders(moment)
            self.place_idle()
            self.date_suspense()
            if moment % DAY_MS == 0:
                self.return_aged()
            self.seize()
            self.ripen()
        self.now = ms
        self.expire_orders(ms)
        self.end_disputes(ms)
        for offer in self.offers.values():
            offer.is_open = offer.is_open and ms <= offer.deadline_ms
        for rec in self.receivables.values():
            deadline_ms = rec.created_ms + self.terms["confirm_days"] * DAY_MS
            if rec.stage in {*PROPOSED, "issued"} and ms > deadline_ms:
                self._end(rec, "expired")

    def _midnights(self, ms: int) -> list[int]:
        """Return the midnights of zone and UTC from now to a moment."""
        first, last = self.now // DAY_MS, ms // DAY_MS + 1
        days = range(first, last + 1)
        found = [day * DAY_MS - zone for day in days for zone in (ZONE_MS, 0)]
        return [moment for moment in found if self.now < moment <= ms]

    @operation
    def suspend(self, member: str) -> None:
        """Stop a member's new business and nothing else."""
        self.suspended.add(member)

    @operation
    def resume(self, member: str) -> None:
        """Let a member do new business again."""
        self.suspended.discard(member)

    # Ways in

    def _check_terms(self, gross: int, deductions: list[int], due_date: str) -> None:
        need(that=all(part >= 0 for part in deductions), reason="below zero")
        need(that=gross > sum(deductions), reason="nothing due")
        due = parse_date(due_date).isoformat()
        need(that=due > self.today, reason="due date not after today")

    def _check_tenor(self, due_date: str) -> None:
        end, start = parse_date(self.adjust(due_date)), parse_date(self.today)
        need(that=end > start, reason="due date not after today")
        tenor = (end - start).days
        need(that=tenor <= self.terms["tenor_cap_days"], reason="tenor above the cap")

    def _check_invoices(self, seller: str, gross: int, new: list[Invoice]) -> None:
        need(that=sum(used for *_, used in new) == gross, reason="uses are not gross")
        everything = self._invoices_in_use(seller) + new
        for number, date, amount, used in new:
            parse_date(date)
            need(that=bool(strict_number(number)), reason="no number")
            need(that=used > 0, reason="nothing used")
            same = [
                other
                for other in everything
                if (strict_number(other[0]), other[1]) == (strict_number(number), date)
            ]
            one = all(other[2] == amount for other in same)
            need(that=one, reason="invoice known with another amount")
            total = sum(other[3] for other in same)
            need(that=total <= amount, reason="invoice used up")

    def _check_near(self, rec: Receivable, different: Iterable[str]) -> None:
        """Refuse unless the debtor calls every invoice different that needs it."""
        called = {strict_number(number) for number in different}
        others = [*self._invoices_in_use(rec.supplier), *rec.invoices]
        for number, date, *_ in rec.invoices:
            strict = strict_number(number)
            near = any(
                loose_numbers(other) & loose_numbers(number)
                and (strict_number(other), issued) != (strict, date)
                for other, issued, *_ in others
            )
            fits = not near or strict in called
            need(that=fits, reason="looks like another invoice")

    def _propose(self, rec: Receivable) -> None:
        need(that=rec.rid not in self.receivables, reason="id used")
        need(that=rec.supplier != self.terms["debtor"], reason="debtor as supplier")
        self._check_terms(rec.gross, rec.deductions, rec.due_date)
        self._check_invoices(rec.supplier, rec.gross, rec.invoices)

    @operation
    def submit(
        self,
        rid: str,
        supplier: str,
        gross: int,
        deductions: list[int],
        due_date: str,
        invoices: list[Invoice],
    ) -> None:
        """The supplier proposes a receivable."""
        terms = gross, list(deductions), due_date, list(invoices)
        rec = Receivable(rid, supplier, *terms, "submitted", "supplier", self.now)
        self._sign(supplier)
        self._propose(rec)
        self.receivables[rid] = rec

    @operation
    def issue(
        self,
        rid: str,
        supplier: str,
        gross: int,
        deductions: list[int],
        due_date: str,
        invoices: list[Invoice],
        *,
        different: Iterable[str] = (),
    ) -> None:
        """The debtor proposes a receivable from its approved payables."""
        terms = gross, list(deductions), due_date, list(invoices)
        rec = Receivable(rid, supplier, *terms, "issued", "debtor", self.now)
        self._sign(self.terms["debtor"])
        self._propose(rec)
        self._check_tenor(due_date)
        self._check_near(rec, different)
        self.receivables[rid] = rec

    @operation
    def counter(
        self,
        rid: str,
        by: str,
        deductions: list[int],
        due_date: str,
        different: Iterable[str] = (),
    ) -> None:
        """The side that did not propose last proposes other terms."""
        rec = self._find(rid, PROPOSED)
        need(that=by in {"debtor", "supplier"}, reason="no such side")
        need(that=by != rec.proposer, reason="proposed last")
        self._sign(self.terms["debtor"] if by == "debtor" else rec.supplier)
        self._check_terms(rec.gross, deductions, due_date)
        if by == "debtor":
            self._check_tenor(due_date)
            self._check_near(rec, different)
        rec.deductions, rec.due_date = list(deductions), due_date
        rec.proposer, rec.stage = by, "countered"

    @operation
    def confirm(self, rid: str, different: Iterable[str] = ()) -> None:
        """The debtor agrees to what the supplier proposed last."""
        rec = self._find(rid, PROPOSED)
        need(that=rec.proposer == "supplier", reason="the supplier's turn")
        self._sign(self.terms["debtor"])
        self._check_terms(rec.gross, rec.deductions, rec.due_date)
        self._check_tenor(rec.due_date)
        self._check_near(rec, different)
        self._go_live(rec)

    @operation
    def agree(self, rid: str) -> None:
        """The supplier agrees to what the debtor proposed last."""
        rec = self._find(rid, PROPOSED)
        need(that=rec.proposer == "debtor", reason="the debtor's turn")
        self._enter(rec)

    @operation
    def accept_issue(self, rid: str) -> None:
        """The supplier accepts what the debtor issued."""
        self._enter(self._find(rid, {"issued"}))

    def _enter(self, rec: Receivable) -> None:
        self._sign(rec.supplier)
        self._check_terms(rec.gross, rec.deductions, rec.due_date)
        self._check_tenor(rec.due_date)
        self._go_live(rec)

    def _go_live(self, rec: Receivable) -> None:
        limit = self.terms["exposure_max_minor"]
        fits = limit is None or self.exposure() + rec.face <= limit
        need(that=fits, reason="exposure above the limit")
        rec.stage = "live"
        rec.confirmed = 1 + max(r.confirmed for r in self.receivables.values())
        rec.tiles = [Tile(0, rec.face, rec.supplier, ())]
        rec.notices = [Notice(0, rec.face, [0])]

    def _end(self, rec: Receivable, stage: str) -> None:
        rec.stage, rec.holds_uses = stage, False

    @operation
    def decline_issue(self, rid: str) -> None:
        """The supplier declines what the debtor issued."""
        self._end(self._find(rid, {"issued"}), "declined")

    @operation
    def reject(self, rid: str) -> None:
        """The debtor rejects a submission."""
        self._end(self._find(rid, PROPOSED), "rejected")

    @operation
    def cancel(self, rid: str) -> None:
        """The supplier takes back what is not live yet."""
        self._end(self._find(rid, {*PROPOSED, "issued"}), "cancelled")

    @operation
    def cancel_live(self, rid: str) -> None:
        """Debtor and single holder cancel a receivable nothing was paid on."""
        rec = self._find(rid, {"live"})
        one = len({tile.holder for tile in rec.tiles}) == 1
        need(that=one, reason="more than one holder")
        paid = any(line.rid == rid and line.net for line in self.lines)
        need(that=not paid and not self.reserved(rid), reason="money came")
        locked = any(self._locked(tile) for tile in rec.tiles)
        need(that=not locked, reason="an offer is open")
        whole = all(tile.is_live for tile in rec.tiles) and not self.any_frozen(rec)
        need(that=whole, reason="redeemed, reduced or frozen")
        claimed = any(self.claims.get((tile.holder, rid)) for tile in rec.tiles)
        need(that=not claimed, reason="the holder owes money back")
        rec.holds_uses = rec.passed
        rec.stage, rec.tiles = "cancelled", []
