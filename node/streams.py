"""Events as a stream that can be resumed, for as many readers as are allowed.

A stream keeps a cursor and no queue: a slow reader costs the node a number,
and an id names the place to go on from, across restarts too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from node.config import STREAMS_A_MEMBER_MAX, STREAMS_MAX
from node.engine import Node
from node.grants import Grant
from node.history import PlacedEvent
from node.problems import dump_json
from node.visibility import Reader, Sight, of_event, of_transaction, strip_event

KEEP_ALIVE_S: Final = 15.0
BLOCKS_A_TURN: Final = 50
DIGITS_MAX: Final = 15


class Cursor(NamedTuple):
    """The last event that is known: its block, and its number there.

    A number that no event of the block has is a place before its first.
    """

    height: int
    tag: int

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the place that an event's id names.

        Raises:
            LedgerError: ``bad_request``.
        """
        parts = text.split(".")
        if len(parts) != 2 or not all(
            part.isascii() and part.isdecimal() and len(part) <= DIGITS_MAX
            for part in parts
        ):
            raise LedgerError("bad_request", expected="height.number")
        return cls(int(parts[0]), int(parts[1]))


class Streams:
    """All open streams of a node."""

    def __init__(self, node: Node) -> None:
        """Start with none; ``attach`` before the first."""
        self._node = node
        self._open: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake the streams from this loop whenever there are new events."""
        self._loop = loop
        self._node.on_events = self._wake_soon

    def stop(self) -> None:
        """End all streams."""
        self._stopping = True
        self._wake()

    def _wake_soon(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @contextmanager
    def admit(self, member: str) -> Iterator[None]:
        """Count a stream as open.

        Raises:
            LedgerError: ``node_busy``.
        """
        if sum(self._open.values()) >= STREAMS_MAX:
            raise LedgerError("node_busy", expected=f"{STREAMS_MAX} streams")
        if self._open[member] >= STREAMS_A_MEMBER_MAX:
            raise LedgerError("node_busy", expected=f"{STREAMS_A_MEMBER_MAX} streams")
        self._open[member] += 1
        try:
            yield
        finally:
            self._open[member] -= 1
            if not self._open[member]:
                del self._open[member]

    async def run(
        self, grant: Grant, reader: Reader, after: Cursor | None
    ) -> AsyncIterator[bytes]:
        """Yield what a reader may see, from a cursor on, until its grant ends.

        Args:
            grant: checked again for every batch.
            reader: who reads.
            after: the last event it knows; None for only what comes.
        """
        node = self._node
        cursor = after or Cursor(node.history.height + 1, 0)
        yield b": open\n\n"
        while not self._stopping and self._holds(grant):
            changed = self._changed
            events, cursor = await run_in_threadpool(
                partial(self._collect, reader, cursor)
            )
            for event in events:
                yield event
            if cursor.height <= node.history.height:
                continue
            try:
                await asyncio.wait_for(changed.wait(), KEEP_ALIVE_S)
            except TimeoutError:
                yield b": still here\n\n"

    def _holds(self, grant: Grant) -> bool:
        return any(now <= grant.until for now in self._node.times_ms())

    def _collect(self, reader: Reader, cursor: Cursor) -> tuple[list[bytes], Cursor]:
        """Return the visible events of some blocks, and where to go on."""
        node = self._node
        last = min(node.history.height, cursor.height + BLOCKS_A_TURN - 1)
        if last < cursor.height:
            return [], cursor
        found = []
        for height in range(cursor.height, last + 1):
            placed = node.history.placed(height)
            first = self._find_next(placed, cursor) if height == cursor.height else 0
            found += node.writer.gate.read(
                partial(_encode_visible, node, reader, placed[first:])
            )
        return found, Cursor(last + 1, 0)

    def _find_next(self, placed: Sequence[PlacedEvent], cursor: Cursor) -> int:
        """Return the position behind a cursor's event."""
        for event in placed if cursor.tag else ():
            if self._node.cursors.tag(event.height, event.position) == cursor.tag:
                return event.position + 1
        return 0


def _encode_visible(
    node: Node, reader: Reader, placed: tuple[PlacedEvent, ...]
) -> list[bytes]:
    sight = node.look(reader)
    return [
        _encode_event(node, event, describe_event(sight, event))
        for event in placed
        if sight.may_see(of_event(event))
    ]


def describe_event(sight: Sight, event: PlacedEvent) -> JSONObject:
    """Return an event with its place, as this reader is told of it."""
    told: JSONObject = {
        "event": strip_event(sight, event.content),
        "height": event.height,
        "time": event.time,
    }
    cause = event.cause
    if cause is not None and sight.may_see(of_transaction(cause)):
        told |= {"act": cause.act, "by": list(cause.by), "tx": cause.id}
    return told


def _encode_event(node: Node, event: PlacedEvent, told: JSONObject) -> bytes:
    place = f"{event.height}.{node.cursors.tag(event.height, event.position)}"
    name = str(event.content["event"]).encode("ascii", "replace")
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        place.encode(),
        name,
        dump_json(told),
    )
