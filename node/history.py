"""What happened, found again: events with the transaction that caused each.

Blocks keep events in order but not whose they are; the hash in each receipt
says how many belong to it. The index over them is derived, follows behind the
head with a height of its own, and is built anew at every start.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from ledger.blocks import Block, Header
from ledger.encoding import JSONObject, load_record
from ledger.errors import LedgerError
from ledger.store import Store
from ledger.transactions import TYPE_TRANSACTION, Transaction, parse_transaction

PLACE_BITS: Final = 24
BLOCKS_KEPT: Final = 256
_NO_EVENTS: Final = sha256(b"[]").hexdigest()


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """An event, where it stands, and what caused it.

    Attributes:
        height: of its block.
        position: in the block's events, from 0.
        time: of its block, UTC milliseconds.
        content: the event.
        cause: the transaction; None for automatic work.
    """

    height: int
    position: int
    time: int
    content: JSONObject
    cause: Transaction | None


def place_events(block: Block) -> tuple[PlacedEvent, ...]:
    """Return the events of a block with their causes."""
    time = Header.decode(block.header).time
    causes = _find_causes(block)
    return tuple(
        PlacedEvent(
            block.height,
            position,
            time,
            load_record(raw),
            None if cause < 0 else parse_transaction(block.transactions[cause]),
        )
        for position, (raw, cause) in enumerate(zip(block.events, causes, strict=True))
    )


def _find_causes(block: Block) -> list[int]:
    """Return the number of the transaction of each event, -1 for none."""
    causes = [-1] * len(block.events)
    position = 0
    for number, raw in enumerate(block.receipts[: len(block.transactions)]):
        named = load_record(raw).get("events", _NO_EVENTS)
        count = _count_events(block.events[position:], named)
        causes[position : position + count] = [number] * count
        position += count
    return causes


def _count_events(rows: Sequence[bytes], named: str) -> int:
    """Return how many of the next events a receipt's hash covers."""
    if named == _NO_EVENTS:
        return 0
    running = sha256(b"[")
    for count, row in enumerate(rows, 1):
        running.update(row if count == 1 else b"," + row)
        closed = running.copy()
        closed.update(b"]")
        if closed.hexdigest() == named:
            return count
    raise LedgerError("bad_block", expected="the events of the receipts")


def _describe_act(made: Transaction, block: Block, receipt: JSONObject) -> JSONObject:
    return {
        "act": made.act,
        "body": made.body,
        "by": list(made.by),
        "code": receipt["code"],
        "height": block.height,
        "id": made.id,
        "rule": made.rule,
        "time": Header.decode(block.header).time,
    }


class History:
    """The derived index, and the blocks it was read from.

    Attributes:
        height: of the last block it knows; it only grows.
    """

    def __init__(self, store: Store) -> None:
        """Start before the first block."""
        self._store = store
        self.height = -1
        self._by_receivable: dict[str, array[int]] = {}
        self._held: dict[str, dict[str, None]] = {}
        self.placed = lru_cache(maxsize=BLOCKS_KEPT)(self._place)

    def _place(self, height: int) -> tuple[PlacedEvent, ...]:
        return place_events(self._store.block(height))

    def follow(self, block: Block) -> None:
        """Add the next block to the index; blocks known already are left out."""
        if block.height <= self.height:
            return
        for position, raw in enumerate(block.events):
            if b'"receivable":"' in raw:
                self._index(load_record(raw), block.height << PLACE_BITS | position)
        self.height = block.height

    def _index(self, event: JSONObject, place: int) -> None:
        receivable = event["receivable"]
        self._by_receivable.setdefault(receivable, array("Q")).append(place)
        if "receiver" in event:
            for member in (event["giver"], event["receiver"]):
                self._held.setdefault(member, {})[receivable] = None

    def events_of(self, receivable: str, after: int = -1) -> Iterator[PlacedEvent]:
        """Yield the events that name a receivable, oldest first.

        Args:
            receivable: its id.
            after: number of events to leave out, less one.
        """
        places = self._by_receivable.get(receivable)
        for place in places[after + 1 :] if places is not None else ():
            height, position = place >> PLACE_BITS, place & (1 << PLACE_BITS) - 1
            yield self.placed(height)[position]

    def signed_by(self, key: str, since: int) -> Iterator[tuple[int, int, JSONObject]]:
        """Yield what a key signed since a height, block by block.

        Yields:
            Height, position in the block, and the act; an empty one ends each
            block, so that whoever reads a page can stop there.
        """
        for height in range(max(since, 1), self.height + 1):
            block = self._store.block(height)
            for position, raw in enumerate(block.transactions):
                if key.encode() not in raw:
                    continue
                made = parse_transaction(raw)
                if key in [item.key_id for item in made.envelope.signatures]:
                    receipt = load_record(block.receipts[position])
                    yield height, position, _describe_act(made, block, receipt)
            yield height, len(block.transactions), {}

    def has_held(self, member: str, receivable: str) -> bool:
        """Say whether a part ever passed to or from a member."""
        return receivable in self._held.get(member, ())

    def ever_held(self, member: str) -> list[str]:
        """Return the receivables of which a part passed to or from a member."""
        return list(self._held.get(member, ()))

    def find_transaction(self, transaction_id: str) -> Transaction | None:
        """Return a sealed transaction, None if there is none of this id."""
        sealed = self._store.find_transaction(transaction_id)
        if sealed is None or TYPE_TRANSACTION.encode() not in sealed.envelope:
            return None
        return parse_transaction(sealed.envelope)
