"""The only thing a rule can reach: records, ids, planned work, events.

There is no clock, no randomness and no I/O behind it. Everything a rule does
here costs gas and stays inside one layer until the kernel absorbs that layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NoReturn

from ledger.encoding import JSONObject, encode, hex_digest, load_record
from ledger.errors import LedgerError
from ledger.gas import Shared
from ledger.state import Layer, key_of, record_key
from ledger.transactions import job_id, object_id

GAS_READ: Final = 20
GAS_WRITE: Final = 60
GAS_ROW: Final = 12
GAS_EVENT: Final = 20
# An event for each part of a holding whose offer a payment ends, and a few more.
EVENTS_MAX: Final = 200_000

STEP_BITS: Final = 16

PHASE_MONEY: Final = 0
PHASE_DUE: Final = 1


class RefusalError(LedgerError):
    """A rule said no with one of its declared codes."""


class Context:
    """Access of one transaction or job to the state through its own layer.

    Attributes:
        time: block time, UTC milliseconds.
        height: height of the block being made.
        source: id of the transaction or job, 64 hex digits.
        position: its place among the block's transactions and steps.
        rule: manifest hash that new records will name.
        parameters: the chain's parameters from genesis; read only.
        alone: members whose only person signed above its band.
    """

    def __init__(  # noqa: PLR0913 - everything a rule may know, by name
        self,
        layer: Layer,
        *,
        time: int,
        height: int,
        source: str,
        rule: str,
        parameters: Mapping[str, Any],
        writable: Collection[str],
        charge: Callable[[int], object],
        step: int = 0,
        position: int = 0,
    ) -> None:
        """Open access for one source of changes.

        The same job can run twice in one block, so the ids it allocates count
        from the step's number within the block.
        """
        self.time = time
        self.height = height
        self.source = source
        self.rule = rule
        self.parameters = parameters
        self.position = position
        self.alone: tuple[str, ...] = ()
        self._layer = layer
        self._writable = writable
        self._charge = charge
        self._allocated = step << STEP_BITS
        self._scheduled = 0
        # What was asked since the last write.
        self._counted: dict[tuple[str, str], int] = {}
        self._looked: dict[tuple[str, str, str], Shared | None] = {}
        self._events: list[JSONObject] = []

    def _key(self, kind: str, item: str, scope: str) -> bytes:
        declared = self._layer.kinds.get(kind)
        if declared is None:
            raise LedgerError("rule_fault", found=f"undeclared kind {kind}")
        if declared.scoped != bool(scope):
            raise LedgerError("rule_fault", found=f"scope of kind {kind}")
        return record_key(declared, item, scope)

    def read(
        self, kind: str, item: str, scope: str = "", *, shared: bool = False
    ) -> Any:
        """Return a record, None if there is none.

        Args:
            kind: its kind.
            item: its id.
            scope: its parent, for kinds that have one.
            shared: it is only looked at; it cannot be changed, nor can its parts.
        """
        self._charge(GAS_READ)
        if not shared:
            opened = self._layer.open(self._key(kind, item, scope))
            return None if opened is None else opened.copy()
        place = (kind, item, scope)
        if place not in self._looked:
            opened = self._layer.open(self._key(kind, item, scope))
            self._looked[place] = None if opened is None else opened.share()
        return self._looked[place]

    def need(
        self, kind: str, item: str, scope: str = "", *, shared: bool = False
    ) -> Any:
        """Return a record, as ``read`` does.

        Raises:
            RefusalError: ``not_found``.
        """
        record = self.read(kind, item, scope, shared=shared)
        if record is None:
            raise RefusalError("not_found", found=f"{kind} {item[:16]}")
        return record

    def create(self, record: JSONObject) -> None:
        """Write a record whose key is free; it names the rule that governs it.

        Raises:
            RefusalError: ``occupied``.
        """
        key = self._check_write(record)
        if self._layer.get(key) is not None:
            raise RefusalError("occupied", found=record["kind"])
        self._put(key, record)

    def write(self, record: JSONObject) -> None:
        """Replace a record that exists."""
        key = self._check_write(record)
        if self._layer.get(key) is None:
            raise LedgerError("rule_fault", found=f"write of no {record['kind']}")
        self._put(key, record)

    def _put(self, key: bytes, record: JSONObject | None) -> None:
        self._layer.put(key, record)
        self._counted.clear()
        self._looked.clear()

    def _check_write(self, record: JSONObject) -> bytes:
        kind = str(record.get("kind"))
        if kind not in self._writable:
            raise LedgerError("rule_fault", found=f"undeclared write of {kind}")
        record.setdefault("rule", self.rule)
        self._charge(GAS_WRITE)
        if self._layer.kinds[kind].scoped != ("scope" in record):
            raise LedgerError("rule_fault", found=f"scope of kind {kind}")
        return key_of(self._layer.kinds, record)

    def remove(self, kind: str, item: str, scope: str = "") -> None:
        """Delete a record that exists."""
        if kind not in self._writable:
            raise LedgerError("rule_fault", found=f"undeclared write of {kind}")
        self._charge(GAS_WRITE)
        key = self._key(kind, item, scope)
        if self._layer.get(key) is None:
            raise LedgerError("rule_fault", found=f"removal of no {kind}")
        self._put(key, None)

    def scan(
        self, index: str, partition: str, after: str = "", limit: int = 1000
    ) -> list[Any]:
        """Return records of an index's partition in order, after a sort key."""
        rows = []
        for _, key in self._layer.entries((index, partition), after, limit):
            self._charge(GAS_ROW)
            raw = self._layer.get(key)
            if raw is not None:
                rows.append(load_record(raw))
        return rows

    def count_rows(self, index: str, partition: str) -> int:
        """Return how many records stand in a partition of an index."""
        self._charge(GAS_READ)
        place = (index, partition)
        known = self._counted.get(place)
        if known is None:
            known = self._counted[place] = self._layer.count_rows(place)
        return known

    def allocate(self, kind: str) -> str:
        """Return a fresh object id: hash of kind, source and a counter."""
        self._allocated += 1
        return object_id(kind, self.source, self._allocated - 1)

    def hash_text(self, text: str) -> str:
        """Return the SHA-256 of a text as 64 hexadecimal digits."""
        self._charge(GAS_READ)
        return hex_digest(text.encode())

    def schedule(self, target: JSONObject, what: str, due_ms: int) -> None:
        """Plan work on a record; the same work at the same moment stands once.

        Args:
            target: the record the work is for; its rule will run it.
            what: name of the rule's job.
            due_ms: block time from which it is due, UTC ms; a moment that is
                not in the future makes it a money trigger of this block.
        """
        phase = PHASE_DUE if due_ms > self.time else PHASE_MONEY
        due_ms = max(due_ms, self.time)
        item = job_id(target["id"], what, due_ms)
        self._charge(GAS_WRITE)
        key = self._key("job", item, "")
        if self._layer.get(key) is not None:
            return
        self._scheduled += 1
        record = {
            "attempt": 0,
            "due_ms": due_ms,
            "id": item,
            "kind": "job",
            "order": f"{self.height:012d}/{self.position:07d}/{self._scheduled:06d}",
            "phase": phase,
            "planned_ms": due_ms,
            "rule": target["rule"],
            "target": target["id"],
            "target_kind": target["kind"],
            "what": what,
        }
        if "scope" in target:
            record["target_scope"] = target["scope"]
        self._put(key, record)

    def emit(self, event: str, **fields: int | str) -> None:
        """Add an event; events explain the change and are hashed, not stored."""
        self._charge(GAS_EVENT)
        if len(self._events) >= EVENTS_MAX:
            raise LedgerError("rule_fault", found="too many events")
        self._events.append({"event": event, **fields})

    def refuse(self, code: str, **facts: int | str) -> NoReturn:
        """Refuse with a declared code; facts go to the log, not to receipts.

        Raises:
            RefusalError: always.
        """
        raise RefusalError(code, **facts)

    def take_events(self) -> tuple[list[bytes], str]:
        """Return the events' canonical bytes and their common hash."""
        rows = [encode(event) for event in self._events]
        return rows, hex_digest(b"[" + b",".join(rows) + b"]")
