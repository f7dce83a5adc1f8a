"""What a block wrote, and what was signed in it: what the checks of blocks look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ledger.encoding import JSONObject
from ledger.sealing import Candidate
from ledger.state import Layer, read_record
from ledger.transactions import Transaction

# A record that a block wrote, as it was before and is after.
Written = tuple[JSONObject | None, JSONObject | None]


@dataclass
class Block:
    """A block looked at.

    Attributes:
        view: the state after it.
        time: UTC milliseconds.
        acts: what was accepted in it.
        writes: by kind.
    """

    view: Layer
    time: int
    acts: list[Transaction]
    writes: dict[str, list[Written]]
    _by_id: dict[str, dict[str, Written]] = field(default_factory=dict)

    @classmethod
    def of(cls, candidate: Candidate, time: int) -> Block:
        """Return the block that was executed, at a block time."""
        layer = candidate.layer
        writes: dict[str, list[Written]] = defaultdict(list)
        for key, before in layer.before.items():
            after = layer.after.get(key)
            kind = (after or before or {}).get("kind", "")
            writes[kind].append((before, after))
        receipts = zip(candidate.transactions, candidate.receipts, strict=True)
        acts = [act for act, receipt in receipts if receipt["code"] == "ok"]
        return cls(layer, time, acts, writes)

    # -- records -------------------------------------------------------------------

    def read(self, kind: str, item: str, scope: str = "") -> JSONObject:
        """Return a record as the block left it, {} if there is none."""
        return read_record(self.view, kind, item, scope) or {}

    def was(self, kind: str, item: str) -> JSONObject:
        """Return a record as it was before the block, {} if there was none."""
        found = self.written(kind, item)
        return self.read(kind, item) if found is None else found[0] or {}

    def written(self, kind: str, item: str) -> Written | None:
        """Return what the block made of a record of no scope, None if nothing."""
        if kind not in self._by_id:
            rows = self.writes.get(kind, ())
            self._by_id[kind] = {(row[1] or row[0] or {})["id"]: row for row in rows}
        return self._by_id[kind].get(item)

    def left(self, kind: str) -> Iterator[tuple[JSONObject, JSONObject]]:
        """Yield what the block wrote and left, as it was, {} if new, and is."""
        for before, after in self.writes.get(kind, ()):
            if after is not None:
                yield before or {}, after

    def new(self, kind: str) -> Iterator[JSONObject]:
        """Yield what the block created."""
        return (after for before, after in self.left(kind) if not before)

    def changed(self, kind: str) -> Iterator[tuple[JSONObject, JSONObject]]:
        """Yield what the block changed, as it was and is."""
        return (pair for pair in self.left(kind) if pair[0])

    # -- orders --------------------------------------------------------------------

    def binds(self, order: str) -> bool:
        """Say whether an order that stood before the block still binds after it."""
        record = self.read("order", order)
        stood = bool(self.was("order", order)) and record.get("state") == "in_force"
        return stood and bool(record["until_ms"] >= self.time)

    def orders_on(self, subject: str) -> Iterator[JSONObject]:
        """Yield the orders that bind a member, an account or a receipt."""
        for item in self.read("standing", subject).get("orders", ()):
            if self.binds(item):
                yield self.read("order", item)

    def freezes(self, tile: JSONObject) -> list[JSONObject]:
        """Return the locks of orders on a tile's units that have not run out."""
        locks = (lock for lock in tile["locks"] if lock["kind"] == "freeze")
        return [lock for lock in locks if lock["until"] >= self.time]

    # -- acts ----------------------------------------------------------------------

    def signers(self, *items: object) -> set[str]:
        """Return who signed an act that names any of these."""
        return {member for act in self.naming(*items) for member in act.by}

    def naming(self, *items: object) -> list[Transaction]:
        """Return the acts that name any of these somewhere."""
        return [act for item in items for act in self._named.get(item, ())]

    @cached_property
    def _named(self) -> dict[object, list[Transaction]]:
        named: dict[object, list[Transaction]] = defaultdict(list)
        for act in self.acts:
            for text in dict.fromkeys(texts_of(act.body)):
                named[text].append(act)
        return named


def rows_of(body: object) -> Iterator[JSONObject]:
    """Yield all objects in a body."""
    return (found for found in _walk(body) if isinstance(found, dict))


def said(acts: Iterable[Transaction]) -> Iterator[JSONObject]:
    """Yield all objects in the bodies of acts."""
    for act in acts:
        yield from rows_of(act.body)


def texts_of(body: object) -> Iterator[str]:
    """Yield all texts in a body."""
    return (found for found in _walk(body) if isinstance(found, str))


def _walk(body: object) -> Iterator[object]:
    waiting = [body]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, dict):
            waiting += reversed(found.values())
        elif isinstance(found, list):
            waiting += reversed(found)
