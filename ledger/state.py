"""Committed state and the overlays in which every change is tried first.

``State`` is the read-only base: records by key, ordered indexes, the Merkle
map. A ``Layer`` holds writes above a base or another layer; dropping a layer
is the rollback, absorbing it into its parent is the savepoint's success.
Records are kept as the canonical bytes that the map commits to, prefixed by
the height of their last write, which the salt of the commitment needs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from typing import Final, Protocol

from ledger.encoding import JSONObject, encode, load_record
from ledger.errors import LedgerError
from ledger.gas import Meter, metered
from ledger.ordered import OrderedRows, Row
from ledger.statemap import StateMap, commit_value, derive_salt, map_key, scope_prefix

HEIGHT_BYTES: Final = 8
DECODED_MAX: Final = 65_536
# Every act reads those of its signers; they stay decoded from the start.
READ_ALWAYS: Final = frozenset({"key", "member", "policy"})
# Index functions are kit code and run on a meter; a restore must not end.
RESTORE_GAS_MAX: Final = 10**15

Entry = Row  # sort key, record key
Partition = tuple[str, str]  # index, partition
PlacesFunction = Callable[[JSONObject], list[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How records of one kind are keyed and indexed.

    Attributes:
        name: the kind.
        scoped: the key has the parent's id as scope.
        interval: records are intervals ``[lo, hi)`` tiling their scope.
        places: function record -> [(index, partition, sort key)].
    """

    name: str
    scoped: bool = False
    interval: bool = False
    places: PlacesFunction | None = None


Kinds = Mapping[str, Kind]


_prefix = lru_cache(maxsize=65_536)(scope_prefix)
_key = lru_cache(maxsize=65_536)(map_key)


def record_key(kind: Kind, item: str, scope: str) -> bytes:
    """Return the 32-byte key of a record in the state map.

    Args:
        kind: its kind; an interval's item is its ``lo`` in decimal.
        item: id of the record within its scope.
        scope: the parent's id, empty for kinds without scope.
    """
    if kind.interval:
        return _prefix(kind.name, scope) + int(item).to_bytes(8, "big") + bytes(8)
    return _key(kind.name, scope, item)


def key_of(kinds: Kinds, record: JSONObject) -> bytes:
    """Return the key a record stands under."""
    kind = kinds[record["kind"]]
    item = str(record["lo"]) if kind.interval else record["id"]
    return record_key(kind, item, record["scope"] if kind.scoped else "")


class View(Protocol):
    """What can be read: the committed state or a layer above it."""

    kinds: Kinds

    def get(self, key: bytes) -> bytes | None:
        """Return the record's canonical bytes."""

    def load(self, key: bytes) -> JSONObject | None:
        """Return the decoded record; shared, so nobody may change it."""

    def entries(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Entry]:
        """Yield index entries in order, after a sort key."""

    def count_rows(self, partition: Partition) -> int:
        """Return how many entries a partition has."""


class State:
    """The committed state at one height.

    Attributes:
        kinds: the kind table.
        records: key -> 8 bytes height of last write ‖ canonical record.
        map: the Merkle map over them.
    """

    def __init__(self, kinds: Kinds, secret: bytes) -> None:
        """Start empty.

        Args:
            kinds: the kind table, kernel and rules together.
            secret: S of the salted commitments, 32 bytes.
        """
        self.kinds = kinds
        self.secret = secret
        self.records: dict[bytes, bytes] = {}
        self.map = StateMap()
        self._indexes: dict[Partition, OrderedRows] = {}
        # What was decoded lately, beside the very bytes it came from: a reader
        # that is late can leave an old record here, but nobody will take it.
        self._decoded: dict[bytes, tuple[bytes, JSONObject]] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the record's canonical bytes, None if there is no record."""
        stored = self.records.get(key)
        return None if stored is None else stored[HEIGHT_BYTES:]

    def load(self, key: bytes) -> JSONObject | None:
        """Return the decoded record; shared, so nobody may change it."""
        stored = self.records.get(key)
        if stored is None:
            return None
        known = self._decoded.get(key)
        if known is not None and known[0] is stored:
            return known[1]
        if len(self._decoded) >= DECODED_MAX:
            self._decoded.clear()
        record = load_record(stored[HEIGHT_BYTES:])
        self._decoded[key] = (stored, record)
        return record

    def entries(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Entry]:
        """Yield index entries in order, after a sort key."""
        rows = self._indexes.get(partition)
        return iter(()) if rows is None else rows.after(after, limit)

    def count_rows(self, partition: Partition) -> int:
        """Return how many entries a partition has."""
        return len(self._indexes.get(partition, ()))

    def commitments(
        self, layer: Layer, height: int
    ) -> dict[bytes, tuple[int, bytes] | None]:
        """Return what the map is told of a layer's writes made at a height."""
        changes: dict[bytes, tuple[int, bytes] | None] = {}
        for key, raw in layer.writes.items():
            record = layer.after[key]
            if raw is None or record is None:
                changes[key] = None
                continue
            value = commit_value(derive_salt(self.secret, key, height), raw)
            changes[key] = publish(self.kinds, record), value
        return changes

    def _commit(self, key: bytes, raw: bytes, height: int) -> tuple[int, bytes]:
        salt = derive_salt(self.secret, key, height)
        return published(self.kinds, raw), commit_value(salt, raw)

    def value_of(self, key: bytes) -> bytes:
        """Return what the map holds of a record: its salted commitment."""
        stored = self.records[key]
        salt = derive_salt(self.secret, key, height_of(stored))
        return commit_value(salt, stored[HEIGHT_BYTES:])

    def apply(self, layer: Layer, new_map: StateMap, height: int) -> None:
        """Make a block's writes the committed state."""
        mark = height.to_bytes(HEIGHT_BYTES, "big")
        for key, raw in layer.writes.items():
            if raw is None:
                self.records.pop(key, None)
            else:
                self.records[key] = mark + raw
        for partition, delta in layer.deltas.items():
            rows = self._indexes.get(partition)
            if rows is None:
                rows = self._indexes[partition] = OrderedRows()
            rows.change(delta)
            if not rows:
                del self._indexes[partition]
        self.map = new_map

    def restore(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Fill an empty state from a snapshot's records; builds map, indexes."""
        found: dict[Partition, dict[Entry, bool]] = {}
        with metered(Meter(RESTORE_GAS_MAX)):
            for key, stored in items:
                self.records[key] = stored
                record = load_record(stored[HEIGHT_BYTES:])
                if record["kind"] in READ_ALWAYS and len(self._decoded) < DECODED_MAX:
                    self._decoded[key] = (stored, record)
                for index, partition, sort in index_entries(self.kinds, record):
                    found.setdefault((index, partition), {})[(sort, key)] = True
        for place, delta in found.items():
            rows = self._indexes[place] = OrderedRows()
            rows.change(delta)
        self.map = StateMap.build(
            (key, *self._commit(key, stored[HEIGHT_BYTES:], height_of(stored)))
            for key, stored in self.records.items()
        )


def height_of(stored: bytes) -> int:
    """Return the height at which a stored record was last written."""
    return int.from_bytes(stored[:HEIGHT_BYTES], "big")


def published(kinds: Kinds, raw: bytes) -> int:
    """Return the number the map publishes of a record: an interval's hi."""
    # Only interval kinds begin their life with an "hi"; the prefix test keeps
    # the common case free of parsing.
    if b'"hi":' not in raw:
        return 0
    return publish(kinds, load_record(raw))


def publish(kinds: Kinds, record: JSONObject) -> int:
    """Return the number the map publishes of a decoded record."""
    return int(record["hi"]) if kinds[record["kind"]].interval else 0


def index_entries(kinds: Kinds, record: JSONObject) -> Iterable[tuple[str, str, str]]:
    """Return index, partition and sort key where a record stands."""
    function = kinds[record["kind"]].places
    return () if function is None else function(record)


@dataclass(slots=True)
class Layer:
    """Writes above a view, invisible to it until absorbed."""

    parent: State | Layer
    kinds: Kinds
    writes: dict[bytes, bytes | None] = field(default_factory=dict)
    deltas: dict[Partition, dict[Entry, bool]] = field(default_factory=dict)
    counts: dict[Partition, int] = field(default_factory=dict)
    # What each written record was in the parent and is now, decoded from the
    # canonical bytes; invariants and indexes read them, nobody changes them.
    before: dict[bytes, JSONObject | None] = field(default_factory=dict)
    after: dict[bytes, JSONObject | None] = field(default_factory=dict)

    def get(self, key: bytes) -> bytes | None:
        """Return the record's bytes as this layer sees them."""
        if key in self.writes:
            return self.writes[key]
        return self.parent.get(key)

    def load(self, key: bytes) -> JSONObject | None:
        """Return the decoded record; shared, so nobody may change it."""
        if key in self.writes:
            return self.after[key]
        return self.parent.load(key)

    def put(self, key: bytes, record: JSONObject | None) -> None:
        """Write or delete a record and keep the ordered indexes in step.

        Raises:
            LedgerError: ``bad_json``, the record is outside the profile.
        """
        raw = None if record is None else encode(record)
        if key in self.writes:
            if self.writes[key] == raw:
                return
            standing = self.after[key]
        else:
            below = self.parent.get(key)
            if below == raw:
                return
            standing = None if below is None else load_record(below)
            self.before[key] = standing
        self.writes[key] = raw
        placed = None if raw is None else load_record(raw)
        self.after[key] = placed
        self._place(key, standing, present=False)
        self._place(key, placed, present=True)

    def _place(self, key: bytes, content: JSONObject | None, *, present: bool) -> None:
        if content is None:
            return
        change = 1 if present else -1
        # A record that names one place twice stands there once.
        for index, name, sort in dict.fromkeys(index_entries(self.kinds, content)):
            partition = (index, name)
            delta = self.deltas.get(partition)
            if delta is None:
                delta = self.deltas[partition] = {}
            delta[(sort, key)] = present
            self.counts[partition] = self.counts.get(partition, 0) + change

    def count_rows(self, partition: Partition) -> int:
        """Return how many entries a partition has, this layer's included."""
        return self.parent.count_rows(partition) + self.counts.get(partition, 0)

    def entries(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Entry]:
        """Yield index entries in order, after a sort key, this layer's included."""
        delta = self.deltas.get(partition)
        if not delta:
            yield from self.parent.entries(partition, after, limit)
            return
        added = sorted(row for row, present in delta.items() if present)
        if after:
            added = added[bisect_right(added, (after, b"\xff" * 33)) :]
        below = (
            row
            for row in self.parent.entries(partition, after, None)
            if row not in delta
        )
        for count, row in enumerate(merge(below, added)):
            if limit is not None and count >= limit:
                return
            yield row

    def absorb(self, above: Layer) -> None:
        """Take over the writes of a layer above that succeeded; it is used up."""
        self.writes.update(above.writes)
        for key, record in above.before.items():
            self.before.setdefault(key, record)
        self.after.update(above.after)
        for partition, delta in above.deltas.items():
            standing = self.deltas.setdefault(partition, delta)
            if standing is not delta:
                standing.update(delta)
        for partition, change in above.counts.items():
            self.counts[partition] = self.counts.get(partition, 0) + change


def load_at(view: View, key: bytes) -> JSONObject:
    """Return the record an index entry leads to."""
    raw = view.get(key)
    if raw is None:
        raise LedgerError("bad_block", expected="an indexed record")
    return load_record(raw)


def read_record(view: View, kind: str, item: str, scope: str = "") -> JSONObject | None:
    """Return a record of a view, None if there is none.

    It is shared with other readers of the same bytes: nobody may change it.
    """
    declared = view.kinds.get(kind)
    if declared is None:
        raise LedgerError("rule_fault", found=f"undeclared kind {kind}")
    return view.load(record_key(declared, item, scope))


def scan_records(
    view: View, index: str, partition: str, after: str = "", limit: int | None = None
) -> Iterator[JSONObject]:
    """Yield the records of an index's partition in order, after a sort key."""
    for _, key in view.entries((index, partition), after, limit):
        raw = view.get(key)
        if raw is not None:
            yield load_record(raw)
