"""How random lives choose: what fits mostly, and sometimes what does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from contracts.kit.v1.calendars import add_days
from tests.driver_orders import OrderDriver
from tests.driver_views import HOLDERS
from tests.model import Model
from tests.world import CALENDAR, START

T = TypeVar("T")
HOUR_MS = 3_600_000
ISSUED = "2026-01-02"
OPEN = ("live", "part_paid", "overdue", "default", "recovering")
# A Tuesday, a Saturday, the holiday after it and the Tuesday it moves to.
DUES = [add_days(START, days) for days in (15, 19, 21, 22)]
TERMS: dict[str, list[Any]] = {
    "calendar": [{**CALENDAR, "holidays": [DUES[2]]}],
    "confirm_days": [3],
    "late_basis": [360, 365],
    "late_rate_ppm": [60_000, 1_000_000],
    "order": ["principal_first", "interest_first"],
    "part_min_minor": [1, 40],
    "record_days": [0, 0, 2],
    "recourse_days": [2, 30],
    "recourse_price": ["face", "face_interest"],
    "recourse_trigger": ["overdue", "default"],
    "tenor_cap_days": [40],
    "tolerance_minor": [0, 60],
    "transfer_max": [2, 8],
    "undertaking": ["absolute"],
}


class Walker(RuleBasedStateMachine):
    """Someone who walks through both worlds and draws where to go."""

    driver: OrderDriver
    model: Model
    themed: ClassVar[dict[str, list[Any]]] = {}  # terms of its own

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @initialize(
        data=st.data(),
        faces=st.lists(st.sampled_from([300, 997, 100_000]), min_size=2, max_size=3),
        dues=st.lists(st.sampled_from(DUES), min_size=3, max_size=3),
    )
    def begin(self, data: st.DataObject, faces: list[int], dues: list[str]) -> None:
        """Begin with some receivables that live."""
        ranges = {**TERMS, **self.themed}
        terms = {name: data.draw(st.sampled_from(ranges[name])) for name in ranges}
        room = data.draw(st.sampled_from([400, 10**9]))
        self.driver = OrderDriver(**terms, exposure_max_minor=sum(faces) + room)
        self.model = self.driver.model
        for face, due in zip(faces, dues, strict=False):
            rid = self.next_id("R")
            invoices = [(rid, ISSUED, face, face)]
            self.driver.propose("submit", rid, "alpha", face, [], due, invoices)
            assert self.driver.confirm(rid) == "ok"

    def next_id(self, letter: str) -> str:
        """Return a name that nothing has."""
        self.count += 1
        return f"{letter}{self.count}"

    def pick(self, data: st.DataObject, fit: Iterable[T], all_of: Iterable[T]) -> T:
        """Return one of the things that fit, one time in twelve any."""
        odd = data.draw(st.integers(0, 11)) == 11
        things = [*fit] if not odd else []
        return data.draw(st.sampled_from(things or [*all_of]))

    def in_state(self, *states: str) -> list[str]:
        """Return the receivables in one of the states."""
        return [x for x in self.model.receivables if self.model.state(x) in states]

    def pick_rid(self, data: st.DataObject, *states: str) -> str:
        """Return a receivable, mostly one in one of the states."""
        return self.pick(data, self.in_state(*states), [*self.model.receivables, "?"])

    def pick_tile(self, data: st.DataObject) -> tuple[str, int, int]:
        """Return a live tile: receivable, start, end; seldom a locked one."""
        locked = [o.tile for o in self.model.offers.values() if o.is_open]
        deals = self.model.agreed.values()
        locked += [deal.tile for deal in deals if deal.state == "open"]
        tiles = [
            ((rid, tile.lo, tile.hi), any(tile is other for other in locked))
            for rid, rec in self.model.receivables.items()
            for tile in rec.live
        ]
        free = [place for place, is_locked in tiles if not is_locked]
        return self.pick(data, free, [("?", 0, 9), *(place for place, _ in tiles)])

    def pick_part(self, data: st.DataObject) -> tuple[tuple[str, int, int, int], str]:
        """Return receivable, tile's start, start, end of a part; and a receiver."""
        rid, lo, hi = self.pick_tile(data)
        middle = (lo + hi) // 2
        fit = [(lo, hi), (lo, middle), (middle, hi), (lo + (hi - lo) // 3, middle)]
        part = self.pick(data, fit, [(lo, hi + 1), (lo, lo), (lo, lo + 1)])
        rec = self.model.receivables.get(rid)
        held = {tile.holder for tile in rec.live if tile.lo == lo} if rec else set()
        to = self.pick(data, [x for x in HOLDERS if x not in held], [*held, "debtor"])
        return (rid, lo, *part), to

    def pick_amount(self, data: st.DataObject, hint: int) -> int:
        """Return an amount at or about a hint."""
        amounts = [hint, hint, hint // 2, hint // 3, hint + 1, 2 * hint + 7, 1]
        return max(1, data.draw(st.sampled_from(amounts)))
