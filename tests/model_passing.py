"""How parts of receivables pass on in the naive model: cuts, offers, transfers."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from tests.model_orders import OrdersModel
from tests.model_records import (
    RECOURSE,
    Group,
    Notice,
    Offer,
    Receivable,
    RefusedError,
    Tile,
    is_business_day,
    need,
    operation,
    parse_date,
)


class PassingModel(OrdersModel):
    """What holders do with their parts."""

    def _sign(self, *members: str) -> None:
        for member in members:
            need(that=member not in self.suspended, reason=f"{member} is suspended")
            need(that=member not in self.insolvent, reason=f"{member} is insolvent")

    def _take_part(self, member: str) -> None:
        """Refuse who is suspended. Choice insolvent-receives: who is insolvent may."""
        need(that=member not in self.suspended, reason=f"{member} is suspended")

    def _find(self, rid: str, stages: Iterable[str]) -> Receivable:
        rec = self.receivables.get(rid)
        if rec is None or rec.stage not in stages:
            raise RefusedError("no such receivable in this state")
        return rec

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
        self._check_frozen(rid, left.holder, left.lo, right.hi)
        notices = self.notices(rec, left) + self.notices(rec, right)
        same = len({notice.given for notice in notices}) == 1
        need(that=same, reason="one was called on")
        most = [max(days) for days in zip(*(x.days for x in notices), strict=True)]
        for notice in notices:
            notice.days = [*most]
        rec.tiles.remove(right)
        left.hi = right.hi

    def _check_inside(self, tile: Tile, lo: int, hi: int) -> None:
        inside = tile.lo <= lo < hi <= tile.hi
        need(that=inside, reason="not inside the part")
        self._check_sizes(sorted({tile.lo, lo, hi, tile.hi}))

    def _check_receiver(self, tile: Tile, to: str) -> None:
        need(that=to not in {self.terms["debtor"], tile.holder}, reason="receiver")

    def _check_no_claim(self, rec: Receivable, tile: Tile) -> None:
        claimed = self.claims.get((tile.holder, rec.rid), 0)
        need(that=not claimed, reason="the holder owes money back")

    def _check_passing(self, rec: Receivable, tile: Tile, *, aware: bool) -> None:
        self._check_no_claim(rec, tile)
        known = aware or not (rec.overdue or self.disputed(rec.rid))
        need(that=known, reason="overdue or disputed, and the receiver does not know")
        seen = len(tile.chain)
        need(that=seen < self.terms["transfer_max"], reason="transferred too often")
        shut = self.record_date(rec) <= self.today < self.adjust(rec.due_date)
        need(that=not shut, reason="too close to the due date")

    def record_date(self, rec: Receivable) -> str:
        """Return the first day on which nothing passes before the due date."""
        first = parse_date(self.adjust(rec.due_date))
        for _ in range(self.terms["record_days"]):
            first -= dt.timedelta(days=1)
            while not is_business_day(first, self.terms["calendar"]):
                first -= dt.timedelta(days=1)
        return first.isoformat()

    def _check_frozen(self, rid: str, holder: str, lo: int, hi: int) -> None:
        need(that=not self.frozen(rid, holder, lo, hi), reason="frozen")

    def _cut_out(self, rec: Receivable, tile: Tile, lo: int, hi: int) -> Tile:
        """Cut a part out of a tile, which ends whatever hung on the tile."""
        self.end_offers(tile)
        rec.tiles.remove(tile)
        edges = sorted({tile.lo, lo, hi, tile.hi})
        parts = [Tile(start, end, *tile.group) for start, end in pairwise(edges)]
        rec.tiles += parts
        return next(part for part in parts if part.lo == lo)

    def _pass_on(
        self, rec: Receivable, tile: Tile, lo: int, hi: int, group: Group
    ) -> None:
        self.hand_over(rec, self._cut_out(rec, tile, lo, hi), group)

    def hand_over(self, rec: Receivable, part: Tile, group: Group) -> None:
        """Let a part be of another group, with the interest its units were paid."""
        self.carry_interest(rec, part, group)
        for notice in self.notices(rec, part):
            notice.given = False
            if len(group[1]) > len(part.chain):
                notice.days.append(0)
            else:
                notice.days.pop()
        part.holder, part.chain = group
        rec.passed = True

    def triggered(self, rec: Receivable) -> bool:
        """Tell whether what recourse waits for has come."""
        late = self.terms["recourse_trigger"] == "overdue"
        return rec.overdue if late else rec.default

    def notices(self, rec: Receivable, tile: Tile) -> list[Notice]:
        """Return what is known of the notice of a tile's units, run by run."""
        for edge in (tile.lo, tile.hi):
            for run in [run for run in rec.notices if run.lo < edge < run.hi]:
                rec.notices.append(replace(run, lo=edge, days=[*run.days]))
                run.hi = edge
        return [run for run in rec.notices if tile.lo <= run.lo and run.hi <= tile.hi]

    def count_notice(self) -> None:
        """Let who has units use a day of the notice time (§8)."""
        for rec in self.receivables.values():
            for tile in rec.live if self.triggered(rec) else ():
                for notice in self.notices(rec, tile):
                    notice.days[-1] += 1

    def _next(self, tile: Tile, to: str, *, recourse: bool) -> Group:
        """Return the group of units that pass to somebody."""
        link = tile.holder + (RECOURSE if recourse else "")
        return to, (*tile.chain, link)

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
        self._check_inside(tile, lo, hi)
        self._check_receiver(tile, to)
        frozen = self.frozen(rid, tile.holder, lo, hi, offered=True)
        need(that=not frozen, reason="frozen")
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
        self._take_part(offer.to)
        self._check_passing(rec, offer.tile, aware=aware)
        self._check_frozen(rec.rid, offer.tile.holder, offer.lo, offer.hi)
        group = self._next(offer.tile, offer.to, recourse=offer.recourse)
        self._pass_on(rec, offer.tile, offer.lo, offer.hi, group)

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
        self._sign(tile.holder)
        self._take_part(to)
        self._check_inside(tile, lo, hi)
        self._check_receiver(tile, to)
        self._check_passing(rec, tile, aware=aware)
        self._check_frozen(rid, tile.holder, lo, hi)
        self._pass_on(rec, tile, lo, hi, self._next(tile, to, recourse=recourse))
