"""Rules of random lives for what holders do with their parts."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.driver_views import HOLDERS
from tests.model_records import Tile
from tests.properties.lives import HOUR_MS, Walker


class Passing(Walker):
    """Walks over cuts, offers and transfers."""

    @rule(data=st.data(), aware=st.booleans(), recourse=st.booleans())
    def transfer(self, data: st.DataObject, aware: bool, recourse: bool) -> None:
        """Pass a part on at once."""
        part, to = self.pick_part(data)
        self.driver.transfer(*part, to, aware=aware, recourse=recourse)

    @rule(
        data=st.data(),
        hours=st.sampled_from([0, 1, 30, 30, 90, 90]),
        recourse=st.booleans(),
    )
    def offer(self, data: st.DataObject, hours: int, recourse: bool) -> None:
        """Offer a part."""
        deadline_ms = self.driver.now + hours * HOUR_MS
        part, to = self.pick_part(data)
        oid = self.next_id("O")
        self.driver.offer(oid, *part, to, deadline_ms, recourse=recourse)

    @precondition(lambda self: self.model.open_offers())
    @rule(
        data=st.data(),
        act=st.sampled_from(["accept", "accept", "accept", "decline", "withdraw"]),
        aware=st.booleans(),
    )
    def answer(self, data: st.DataObject, act: str, aware: bool) -> None:
        """Answer an offer, mostly an open one."""
        oid = self.pick(data, sorted(self.model.open_offers()), self.model.offers)
        self.driver.answer(act, oid, aware=aware)

    @rule(data=st.data(), cuts=st.lists(st.integers(1, 9), min_size=1, max_size=3))
    def split(self, data: st.DataObject, cuts: list[int]) -> None:
        """Cut a part at some tenths."""
        rid, lo, hi = self.pick_tile(data)
        rec = self.model.receivables.get(rid)
        holder = next((t.holder for t in rec.live if t.lo == lo), "") if rec else ""
        if self.model.frozen(rid, holder, lo, hi):
            return  # whether frozen units are cut is a choice
        self.driver.split(rid, lo, [lo + (hi - lo) * cut // 10 for cut in sorted(cuts)])

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """Join neighbours, alike or not."""
        pairs: list[tuple[str, Tile]] = []
        for rid, rec in self.model.receivables.items():
            starts = {tile.lo for tile in rec.live}
            pairs += [(rid, tile) for tile in rec.live if tile.hi in starts]
        if pairs:
            rid, tile = data.draw(st.sampled_from(pairs))
            self.driver.merge(rid, tile.lo)

    @rule(member=st.sampled_from(["alpha", "beta", "debtor"]))
    def standing(self, member: str) -> None:
        """Suspend somebody if nobody is suspended, else resume them."""
        for other in sorted(self.model.suspended):
            self.driver.standing("resume", other)
            return
        self.driver.standing("suspend", member)

    @precondition(lambda self: self.model.open_offers())
    @rule(data=st.data(), late=st.sampled_from([-1, 0, 1]))
    def accept_at_deadline(self, data: st.DataObject, late: int) -> None:
        """Accept an offer at its last moment, or next to it."""
        oid = data.draw(st.sampled_from(sorted(self.model.open_offers())))
        moment = self.model.offers[oid].deadline_ms + late
        if moment > self.model.now:
            self.driver.wait(moment)
        self.driver.answer("accept", oid, aware=True)

    @rule(data=st.data(), members=st.permutations(HOLDERS))
    def pass_around(self, data: st.DataObject, members: list[str]) -> None:
        """Pass a whole part from hand to hand, as often as that goes."""
        rid, lo, hi = self.pick_tile(data)
        for to in members[:3]:
            self.driver.transfer(rid, lo, lo, hi, to, aware=True)
