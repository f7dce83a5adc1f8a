"""A naive second model of the business rules, to hold the ledger against.

It shares no line with the ledger and was written without looking at it. Members
are names, money is integers in minor units, dates are ISO texts, time is UTC
milliseconds. Every operation answers "ok" or "refused"; a refusal changes
nothing and leaves a reason.
"""

import datetime as dt
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from tests.model_money import MoneyModel
from tests.model_records import (
    DAY_MS,
    REMITTER,
    ZONE_MS,
    Invoice,
    Offer,
    Receivable,
    RefusedError,
    Tile,
    need,
    operation,
    parse_date,
    strict_number,
)

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


class Model(MoneyModel):
    """The life of the receivables of one programme."""

    def __init__(self, programme: dict[str, Any]) -> None:
        super().__init__(programme)
        self.suspended: set[str] = set()

    # Time and members

    @operation
    def advance_to(self, ms: int) -> None:
        """Let time pass, with every midnight and deadline on the way."""
        need(that=ms >= self.now, reason="time does not go back")
        before = self.today
        dates = {self.adjust(rec.due_date) for rec in self.open_receivables()}
        for date in sorted(dates):
            midnight = (dt.date.fromisoformat(date) - dt.date(1970, 1, 1)).days
            midnight_ms = midnight * DAY_MS - ZONE_MS
            if before < date and midnight_ms <= ms:
                self.now = midnight_ms
                self.place_idle()
        self.now = ms
        for offer in self.offers.values():
            offer.is_open = offer.is_open and ms <= offer.deadline_ms
        for rec in self.receivables.values():
            deadline_ms = rec.created_ms + self.terms["confirm_days"] * DAY_MS
            if rec.stage in {*PROPOSED, "issued"} and ms > deadline_ms:
                self._end(rec, "expired")

    @operation
    def suspend(self, member: str) -> None:
        """Stop a member's new business and nothing else."""
        self.suspended.add(member)

    @operation
    def resume(self, member: str) -> None:
        """Let a member do new business again."""
        self.suspended.discard(member)

    def _sign(self, *members: str) -> None:
        for member in members:
            need(that=member not in self.suspended, reason=f"{member} is suspended")

    # Ways in

    def _find(self, rid: str, stages: Iterable[str]) -> Receivable:
        rec = self.receivables.get(rid)
        if rec is None or rec.stage not in stages:
            raise RefusedError("no such receivable in this state")
        return rec

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

    def _invoices_in_use(self, seller: str | None = None) -> list[Invoice]:
        return [
            invoice
            for rec in self.receivables.values()
            if rec.holds_uses and seller in {None, rec.supplier}
            for invoice in rec.invoices
        ]

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
        rec.stage = "live"
        rec.confirmed = 1 + max(r.confirmed for r in self.receivables.values())
        rec.tiles = [Tile(0, rec.face, rec.supplier, ())]

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
        claimed = any(self.claims.get((tile.holder, rid)) for tile in rec.tiles)
        need(that=not claimed, reason="the holder owes money back")
        rec.holds_uses = any(tile.chain for tile in rec.tiles)
        rec.stage, rec.tiles = "cancelled", []

    # Passing on

    def _locked(self, tile: Tile) -> bool:
        return any(o.is_open and o.tile is tile for o in self.offers.values())

    def _free_tile(self, rid: str, lo: int) -> tuple[Receivable, Tile]:
        rec = self._find(rid, {"live"})
        for tile in rec.live:
            if tile.lo == lo:
                need(that=not self._locked(tile), reason="an offer is open")
                return rec, tile
        raise RefusedError("no live part starts there")

    @operation
    def split(self, rid: str, lo: int, cuts: list[int]) -> None:
        """The holder cuts a part."""
        rec, tile = self._free_tile(rid, lo)
        self._sign(tile.holder)
        need(that=bool(cuts), reason="no cut")
        edges = [tile.lo, *sorted(cuts), tile.hi]
        self._check_sizes(edges)
        rec.tiles.remove(tile)
        for start, end in pairwise(edges):
            rec.tiles.append(Tile(start, end, *tile.group))

    def _check_sizes(self, edges: list[int]) -> None:
        if len(edges) == 2:  # a whole part passes however small
            return
        least = max(1, self.terms["part_min_minor"])
        for start, end in pairwise(edges):
            need(that=end - start >= least, reason="part too small")

    @operation
    def merge(self, rid: str, lo: int) -> None:
        """The holder joins a part with its right neighbour."""
        rec, left = self._free_tile(rid, lo)
        _, right = self._free_tile(rid, left.hi)
        self._sign(left.holder)
        need(that=left.group == right.group, reason="not alike")
        rec.tiles.remove(right)
        left.hi = right.hi

    def _check_part(self, tile: Tile, lo: int, hi: int, to: str) -> None:
        inside = tile.lo <= lo < hi <= tile.hi
        need(that=inside, reason="not inside the part")
        self._check_sizes(sorted({tile.lo, lo, hi, tile.hi}))
        need(that=to not in {self.terms["debtor"], tile.holder}, reason="receiver")

    def _check_passing(self, rec: Receivable, tile: Tile, *, aware: bool) -> None:
        claimed = self.claims.get((tile.holder, rec.rid), 0)
        need(that=not claimed, reason="the holder owes money back")
        known = aware or self.state(rec.rid) != "overdue"
        need(that=known, reason="overdue and the receiver does not say it knows")
        seen = len(tile.chain)
        need(that=seen < self.terms["transfer_max"], reason="transferred too often")
        due = first = parse_date(self.adjust(rec.due_date))
        for _ in range(self.terms["record_days"]):
            first -= dt.timedelta(days=1)
            while not self.is_business_day(first):
                first -= dt.timedelta(days=1)
        shut = first <= parse_date(self.today) < due
        need(that=not shut, reason="too close to the due date")

    def _pass_on(
        self, tile: Tile, lo: int, hi: int, to: str, *, recourse: bool
    ) -> list[Tile]:
        link = tile.holder + (" with recourse" if recourse else "")
        edges = sorted({tile.lo, lo, hi, tile.hi})
        parts = [Tile(start, end, *tile.group) for start, end in pairwise(edges)]
        for part in parts:
            if part.lo == lo:
                part.holder, part.chain = to, (*tile.chain, link)
        return parts

    @operation
    def offer(  # noqa: PLR0917 - said in this order everywhere
        self,
        oid: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        to: str,
        deadline_ms: int,
        *,
        recourse: bool = False,
    ) -> None:
        """The holder offers part of a tile to one receiver."""
        need(that=oid not in self.offers, reason="id used")
        _, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder)
        self._check_part(tile, lo, hi, to)
        need(that=deadline_ms > self.now, reason="deadline not in the future")
        made = Offer(oid, rid, tile, lo, hi, to, deadline_ms, recourse)
        self.offers[oid] = made

    def _open_offer(self, oid: str) -> Offer:
        offer = self.offers.get(oid)
        if offer is None or not offer.is_open:
            raise RefusedError("no such open offer")
        return offer

    @operation
    def accept(self, oid: str, *, aware: bool = False) -> None:
        """The receiver takes what was offered; only now the tile is cut."""
        offer = self._open_offer(oid)
        rec = self.receivables[offer.rid]
        self._sign(offer.to)
        self._check_passing(rec, offer.tile, aware=aware)
        offer.is_open = False
        rec.tiles.remove(offer.tile)
        what = offer.tile, offer.lo, offer.hi, offer.to
        rec.tiles += self._pass_on(*what, recourse=offer.recourse)

    @operation
    def decline(self, oid: str) -> None:
        """The receiver does not want what was offered."""
        self._open_offer(oid).is_open = False

    @operation
    def withdraw(self, oid: str) -> None:
        """The holder takes its offer back."""
        self._open_offer(oid).is_open = False

    @operation
    def transfer(
        self,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        to: str,
        *,
        aware: bool = False,
        recourse: bool = False,
    ) -> None:
        """Holder and receiver sign together and the part passes at once."""
        rec, tile = self._free_tile(rid, tile_lo)
        self._sign(tile.holder, to)
        self._check_part(tile, lo, hi, to)
        self._check_passing(rec, tile, aware=aware)
        rec.tiles.remove(tile)
        rec.tiles += self._pass_on(tile, lo, hi, to, recourse=recourse)

    # What can be seen

    def state(self, rid: str) -> str:
        """Return the name of the receivable's state."""
        rec = self.receivables[rid]
        if rec.stage != "live":
            return rec.stage
        if not self.is_open(rec):
            return "settled"
        if rec.overdue:
            return "overdue"
        return "part_paid" if rec.outstanding < rec.face else "live"

    def tiles(self, rid: str) -> list[tuple[int, int, str, str]]:
        """Return the tiles as they are cut, lowest first."""
        return sorted(
            (tile.lo, tile.hi, tile.holder, "retired" if tile.line else "live")
            for tile in self.receivables[rid].tiles
        )

    def retired_runs(self, rid: str) -> list[tuple[int, int, str]]:
        """Return the retired units, neighbours of one holder joined."""
        runs: list[tuple[int, int, str]] = []
        for lo, hi, holder, kind in self.tiles(rid):
            if kind == "live":
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

    def payable(self, holder: str) -> int:
        """Return payouts of a holder that are due and not sent."""
        return sum(line.due for line in self.payouts_of(holder))

    def sent(self, holder: str) -> int:
        """Return payouts of a holder that were sent and not paid."""
        return sum(line.sent for line in self.payouts_of(holder))

    def paid(self, holder: str) -> int:
        """Return payouts of a holder that were paid and did not come back."""
        return sum(line.paid for line in self.payouts_of(holder))

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
        return "blocked" if self.blocked else "open"

    # Invariants

    def check(self) -> None:
        """Assert I1 to I5, I8 and I9 of the business rules."""
        for rec in self.receivables.values():
            self._check_units(rec)
        self._check_locks()
        self._check_uses()
        self._check_money()

    def _check_units(self, rec: Receivable) -> None:
        if rec.stage != "live":
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
        assert paid + rec.outstanding == rec.face, "I2 sums"
        for line in lines:
            mine = [tile for tile in rec.tiles if tile.line is line]
            assert sum(tile.size for tile in mine) == line.principal, "I2 line"
            assert all(t.group == (line.holder, line.chain) for t in mine), "I3"
            assert min(line.principal, line.interest) >= 0, "I9 below zero"
            assert line.net <= line.owed, "I9 more than owed"
        assert self.reserved(rec.rid) == 0 or not self.is_due(rec), "unswept"

    def _check_locks(self) -> None:
        offers = [offer for offer in self.offers.values() if offer.is_open]
        assert len({id(offer.tile) for offer in offers}) == len(offers), "I3 locks"
        for offer in offers:
            tiles = self.receivables[offer.rid].live
            assert any(tile is offer.tile for tile in tiles), "I3 lock on nothing"
            assert offer.tile.lo <= offer.lo < offer.hi <= offer.tile.hi, "I3 lock"

    def _check_uses(self) -> None:
        for seller in {rec.supplier for rec in self.receivables.values()}:
            totals: dict[tuple[str, str], int] = {}
            for number, date, amount, used in self._invoices_in_use(seller):
                key = strict_number(number), date
                totals[key] = totals.get(key, 0) + used
                assert totals[key] <= amount, "I4 invoice used up"

    def _check_money(self) -> None:
        holders = {line.holder for line in self.lines}
        due = sum(self.payable(holder) + self.sent(holder) for holder in holders)
        paid = sum(self.paid(holder) for holder in holders)
        claims = sum(self.claims.values())
        receipts = self.receipts.values()
        came = sum(receipt.amount - receipt.reversed for receipt in receipts)
        unswept = sum(receipt.unswept for receipt in receipts)
        returned = sum(receipt.returned for receipt in receipts)
        assert came == paid + due + unswept + returned - claims, "I8 account"
        back = returned - self.paid(REMITTER)
        assert self.balance(self.today) == due + unswept + back - claims, "I8 balance"
        for holder in holders:
            net = sum(line.net for line in self.lines if line.holder == holder)
            owes = sum(claim for key, claim in self.claims.items() if key[0] == holder)
            got = self.paid(holder) + self.sent(holder) + self.payable(holder)
            assert got == net + owes, "I9 net of claims"
        for receipt in receipts:
            used = sum(line.net for line in self.lines if line.ref == receipt.ref)
            parts = used + receipt.unswept + receipt.returned + receipt.reversed
            assert parts == receipt.amount, "I8 receipt"
            figures = receipt.suspense, receipt.unassigned, *receipt.waiting.values()
            assert min(figures) >= 0, "I8 negative"
        assert all(claim >= 0 for claim in self.claims.values()), "I8 claim"
        parts_paid = [min(x.due, x.sent, x.paid) for x in self.lines + self.refunds]
        assert all(part >= 0 for part in parts_paid), "I8 payout"
