"""How random lives choose: what fits mostly, and sometimes what does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tests.driver_deals import DealDriver
from tests.driver_views import HOLDERS
from tests.model import Model

T = TypeVar("T")


class Walker(RuleBasedStateMachine):
    """Someone who walks through both worlds and draws where to go."""

    driver: DealDriver
    model: Model

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

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
