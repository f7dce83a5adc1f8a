"""Committed state and the overlays in which every change is tried first.

``State`` is the read-only base: records by key, ordered indexes, the Merkle
map. A ``Layer`` holds writes above a base or another layer; dropping a layer
is the rollback, absorbing it into its parent is the savepoint's success.
Records are kept as the canonical bytes that the map commits to, prefixed by
the height of their last write, which the salt of the commitment needs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import Any, Final, Protocol

from ledger.encoding import JSONObject, copy_part, encode, find_nested, load_record
from ledger.errors import LedgerError
from ledger.gas import Meter, OutOfGas, Shared, metered, share
from ledger.ordered import Entry, OrderedRows, Row, make_row, read_row, row_after
from ledger.statemap import StateMap, commit_value, derive_salt, map_key, scope_prefix

HEIGHT_BYTES: Final = 8
DECODED_MAX: Final = 65_536
# Every act reads those of its signers; they stay decoded from the start, and
# what is derived from them is kept until one of them changes.
READ_ALWAYS: Final = frozenset({"key", "member", "policy"})
# Index functions are kit code and run on a meter; a restore must not end.
PLACES_GAS_MAX: Final = 10**12
RESTORE_GAS_MAX: Final = 10**15

Partition = tuple[str, str]  # index, partition
Place = tuple[str, str, str]  # index, partition, sort key
PlacesFunction = Callable[[JSONObject], list[Place]]


class Opened:
    """A decoded record, and what its readers are given of it.

    Attributes:
        record: as decoded; nobody may change it.
    """

    __slots__ = ("_nested", "_shared", "record")

    def __init__(self, raw: bytes) -> None:
        """Decode canonical bytes that this process itself encoded."""
        self.record = load_record(raw)
        self._nested: tuple[str, ...] | None = None
        self._shared: Shared | None = None

    def copy(self) -> JSONObject:
        """Return a copy that shares nothing with it."""
        if self._nested is None:
            self._nested = find_nested(self.record)
        record = self.record.copy()
        for name in self._nested:
            record[name] = copy_part(record[name])
        return record

    def share(self) -> Shared:
        """Return it as nobody can change it, the same for all readers."""
        if self._shared is None:
            self._shared = share(self.record)
        return self._shared


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


# Keys made lately. Plain dictionaries: a list of what was used last costs more
# than making a key anew now and then.
_prefixes: dict[tuple[str, str], bytes] = {}
_keys: dict[tuple[str, str, str], bytes] = {}
KEYS_MAX: Final = 131_072


def record_key(kind: Kind, item: str, scope: str) -> bytes:
    """Return the 32-byte key of a record in the state map.

    Args:
        kind: its kind; an interval's item is its ``lo`` in decimal.
        item: id of the record within its scope.
        scope: the parent's id, empty for kinds without scope.
    """
    if kind.interval:
        return _interval_key(kind.name, scope, int(item))
    place = (kind.name, scope, item)
    known = _keys.get(place)
    if known is None:
        if len(_keys) >= KEYS_MAX:
            _keys.clear()
        known = _keys[place] = map_key(*place)
    return known


def _interval_key(kind: str, scope: str, lo: int) -> bytes:
    known = _prefixes.get((kind, scope))
    if known is None:
        if len(_prefixes) >= KEYS_MAX:
            _prefixes.clear()
        known = _prefixes[(kind, scope)] = scope_prefix(kind, scope)
    return known + lo.to_bytes(8, "big") + _EIGHT


_EIGHT: Final = bytes(8)


def key_of(kinds: Kinds, record: JSONObject) -> bytes:
    """Return the key a record stands under."""
    kind = kinds[record["kind"]]
    if kind.interval:
        return _interval_key(kind.name, record["scope"], int(record["lo"]))
    return record_key(kind, record["id"], record["scope"] if kind.scoped else "")


class View(Protocol):
    """What can be read: the committed state or a layer above it."""

    kinds: Kinds

    @property
    def people(self) -> dict[str, Any]:
        """What was derived from keys, members and policies as they stand here.

        Whoever adds to it took it before reading any of them.
        """

    def get(self, key: bytes) -> bytes | None:
        """Return the record's canonical bytes."""

    def open(self, key: bytes) -> Opened | None:
        """Return the decoded record."""

    def load(self, key: bytes) -> JSONObject | None:
        """Return the decoded record, which nobody may change."""

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
        people: what was derived from keys, members and policies.
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
        self.people: dict[str, Any] = {}
        self._indexes: dict[Partition, OrderedRows] = {}
        # What was decoded lately, beside the very bytes it came from: a reader
        # that is late can leave an old record here, but nobody will take it.
        self._decoded: dict[bytes, tuple[bytes, Opened]] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the record's canonical bytes, None if there is no record."""
        stored = self.records.get(key)
        return None if stored is None else stored[HEIGHT_BYTES:]

    def open(self, key: bytes) -> Opened | None:
        """Return the decoded record."""
        stored = self.records.get(key)
        if stored is None:
            return None
        known = self._decoded.get(key)
        if known is not None and known[0] is stored:
            return known[1]
        opened = Opened(stored[HEIGHT_BYTES:])
        # Intervals are many, and most change the next time they are read.
        if not self.kinds[opened.record["kind"]].interval:
            if len(self._decoded) >= DECODED_MAX:
                self._decoded.clear()
            self._decoded[key] = (stored, opened)
        return opened

    def load(self, key: bytes) -> JSONObject | None:
        """Return the decoded record, which nobody may change."""
        opened = self.open(key)
        return None if opened is None else opened.record

    def entries(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Entry]:
        """Yield index entries in order, after a sort key."""
        return map(read_row, self.rows(partition, after, limit))

    def rows(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Row]:
        """Yield the same as rows, which compare as bytes."""
        rows = self._indexes.get(partition)
        return iter(()) if rows is None else rows.after(after, limit)

    def count_rows(self, partition: Partition) -> int:
        """Return how many entries a partition has."""
        return len(self._indexes.get(partition, ()))

    def commitments(
        self, layer: Layer, height: int
    ) -> dict[bytes, tuple[int, bytes] | None]:
        """Return what the map is told of a layer's writes made at a height."""
        layer.settle()
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
        return commit_value(self.salt_of(key), self.records[key][HEIGHT_BYTES:])

    def salt_of(self, key: bytes) -> bytes:
        """Return the salt of a record, which discloses that one only."""
        return derive_salt(self.secret, key, height_of(self.records[key]))

    def apply(self, layer: Layer, new_map: StateMap, height: int) -> None:
        """Make a block's writes the committed state."""
        layer.settle()
        mark = height.to_bytes(HEIGHT_BYTES, "big")
        for key, raw in layer.writes.items():
            if raw is None:
                self.records.pop(key, None)
            else:
                self.records[key] = mark + raw
        if layer.people is not self.people:
            self.people = {}
        for partition, delta in layer.deltas.items():
            rows = self._indexes.get(partition)
            if rows is None:
                rows = self._indexes[partition] = OrderedRows()
            rows.change(delta.rows)
            if not rows:
                del self._indexes[partition]
        self.map = new_map

    def restore(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Fill an empty state from a snapshot's records; builds map, indexes."""
        found: dict[Partition, dict[Row, bool]] = {}
        with metered(Meter(RESTORE_GAS_MAX)):
            for key, stored in items:
                self.records[key] = stored
                opened = Opened(stored[HEIGHT_BYTES:])
                record = opened.record
                if record["kind"] in READ_ALWAYS and len(self._decoded) < DECODED_MAX:
                    self._decoded[key] = (stored, opened)
                for index, partition, sort in index_entries(self.kinds, record):
                    row = make_row(sort, key)
                    found.setdefault((index, partition), {})[row] = True
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


class _Delta:
    """What a layer changes in one partition of an index.

    Attributes:
        rows: whether a row stands there, where that differs from the parent.
        count: how many rows were added, less those taken out.
    """

    __slots__ = ("count", "rows")

    def __init__(self) -> None:
        self.rows: dict[Row, bool] = {}
        self.count = 0


class Layer:
    """Writes above a view, invisible to it until absorbed.

    Attributes:
        parent: what it stands on.
        kinds: the kind table.
        writes: by key the canonical bytes, None for a deletion.
        before: what each written record was in the parent, and ``after`` what
            it is now, decoded from the canonical bytes; invariants and indexes
            read them, nobody changes them.
        deltas: what changes in the ordered indexes.
        is_sound: whether invariants were found to hold over all writes.
    """

    __slots__ = (
        *("_people", "_read", "_unplaced", "after", "before", "deltas"),
        *("is_sound", "kinds", "parent", "writes"),
    )

    def __init__(self, parent: State | Layer, kinds: Kinds) -> None:
        """Start without writes."""
        self.parent = parent
        self.kinds = kinds
        self.writes: dict[bytes, bytes | None] = {}
        self.before: dict[bytes, JSONObject | None] = {}
        self.after: dict[bytes, JSONObject | None] = {}
        self.deltas: dict[Partition, _Delta] = {}
        self.is_sound = True
        # What was read, as it stands here, until it is written.
        self._read: dict[bytes, Opened] = {}
        # Written, but neither decoded nor placed in the indexes yet.
        self._unplaced: dict[bytes, None] = {}
        # Own from the first change of a key, member or policy on.
        self._people: dict[str, Any] | None = None

    @property
    def people(self) -> dict[str, Any]:
        """What was derived from keys, members and policies as they stand here."""
        if self._unplaced:
            self.settle()
        return self.parent.people if self._people is None else self._people

    def get(self, key: bytes) -> bytes | None:
        """Return the record's bytes as this layer sees them."""
        if key in self.writes:
            return self.writes[key]
        return self.parent.get(key)

    def open(self, key: bytes) -> Opened | None:
        """Return the decoded record."""
        opened = self._read.get(key)
        if opened is not None:
            return opened
        if key in self.writes:
            raw = self.writes[key]
            if raw is None:
                return None
            opened = Opened(raw)
        else:
            opened = self.parent.open(key)
            if opened is None:
                return None
        self._read[key] = opened
        return opened

    def load(self, key: bytes) -> JSONObject | None:
        """Return the decoded record, which nobody may change."""
        opened = self.open(key)
        return None if opened is None else opened.record

    def put(self, key: bytes, record: JSONObject | None) -> None:
        """Write or delete a record.

        Raises:
            LedgerError: ``bad_json``, the record is outside the profile.
        """
        raw = None if record is None else encode(record)
        if raw == self.get(key):
            return
        if key not in self.writes:
            self.before[key] = self.load(key)
        self._read.pop(key, None)
        self.writes[key] = raw
        self._unplaced[key] = None
        self.is_sound = False

    def settle(self) -> None:
        """Decode what was written and keep the ordered indexes in step.

        Once a record however often an act wrote it, before anybody asks. The
        index functions are paid with the write, so no act's meter sees them.

        Raises:
            LedgerError: ``rule_fault``, no index function can place a record.
        """
        unplaced, self._unplaced = self._unplaced, {}
        try:
            with metered(Meter(PLACES_GAS_MAX)):
                for key in unplaced:
                    self._settle(key)
        except MemoryError:
            raise
        except (OutOfGas, Exception) as error:
            raise LedgerError("rule_fault", found=type(error).__name__) from error

    def _settle(self, key: bytes) -> None:
        standing = self.after[key] if key in self.after else self.before[key]
        placed = self.after[key] = self.load(key)
        left, taken = self._places(standing), self._places(placed)
        if left != taken:
            self._place(key, left, taken, -1)
            self._place(key, taken, left, 1)
        if ((placed or standing) or {}).get("kind") in READ_ALWAYS:
            self._people = {}

    def _places(self, record: JSONObject | None) -> Collection[Place]:
        if record is None:
            return ()
        function = self.kinds[record["kind"]].places
        return () if function is None else function(record)

    def _place(
        self,
        key: bytes,
        places: Collection[Place],
        kept: Collection[Place],
        change: int,
    ) -> None:
        # A record that names one place twice stands there once.
        for place in dict.fromkeys(places):
            if place in kept:
                continue
            index, name, sort = place
            partition = (index, name)
            delta = self.deltas.get(partition)
            if delta is None:
                delta = self.deltas[partition] = _Delta()
            delta.rows[make_row(sort, key)] = change > 0
            delta.count += change

    def count_rows(self, partition: Partition) -> int:
        """Return how many entries a partition has, this layer's included."""
        if self._unplaced:
            self.settle()
        count = self.parent.count_rows(partition)
        if self.deltas:
            delta = self.deltas.get(partition)
            return count if delta is None else count + delta.count
        return count

    def entries(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Entry]:
        """Yield index entries in order, after a sort key, this layer's included."""
        return map(read_row, self.rows(partition, after, limit))

    def rows(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Row]:
        """Yield the same as rows, which compare as bytes."""
        if self._unplaced:
            self.settle()
        delta = self.deltas.get(partition)
        if delta is None:
            yield from self.parent.rows(partition, after, limit)
            return
        changed = delta.rows
        added = sorted(row for row, present in changed.items() if present)
        if after:
            added = added[bisect_right(added, row_after(after)) :]
        below = (
            row
            for row in self.parent.rows(partition, after, None)
            if row not in changed
        )
        for count, row in enumerate(merge(below, added)):
            if limit is not None and count >= limit:
                return
            yield row

    def absorb(self, above: Layer) -> None:
        """Take over the writes of a layer above that succeeded; it is used up."""
        if above._unplaced:
            above.settle()
        self.writes.update(above.writes)
        for key in above.writes:
            self._read.pop(key, None)
        for key, record in above.before.items():
            self.before.setdefault(key, record)
        self.after.update(above.after)
        self.is_sound = self.is_sound and above.is_sound
        if above._people is not None:
            self._people = {}
        for partition, delta in above.deltas.items():
            standing = self.deltas.setdefault(partition, delta)
            if standing is not delta:
                standing.rows.update(delta.rows)
                standing.count += delta.count


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
