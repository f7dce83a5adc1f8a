"""Answers from a stored ledger: verified against the log, never from rows alone.

What is answered comes from frames of the block log, whose digests are checked
on every read; SQLite only says where to look. If a frame is damaged while the
store is open, its block is taken from the rows, provided they rebuild exactly
the frame that the one above it names. Nothing is written by reading.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NoReturn, Protocol

from ledger.blocklog import BlockLog, Frame
from ledger.blocks import Block, Header, decode_block
from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError
from ledger.rows import (
    RowsDamagedError,
    envelope_id,
    find_height,
    find_leaves,
    head_height,
    rebuild_frame,
)
from ledger.slots import FACTS, Facts, Slots, newest
from ledger.snapshots import load_snapshots


@dataclass(frozen=True, slots=True)
class Head:
    """The last block of a stored ledger.

    Attributes:
        height: its height.
        hash: hash of its header, 32 bytes.
        size: size of the log just after it.
        time: its block time in UTC milliseconds.
    """

    height: int
    hash: bytes
    size: int
    time: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A transaction with its place in the ledger.

    Attributes:
        height: height of its block.
        position: position in the block, from 0.
        leaf: index of its leaf in the log.
        envelope: its bytes.
        receipt: canonical JSON; empty where a block gives none, as block 0.
    """

    height: int
    position: int
    leaf: int
    envelope: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """An event with its place: ``(height, position)`` is its cursor."""

    height: int
    position: int
    content: bytes


@dataclass(slots=True)
class Contents:
    """What the opened files hold; replaced piece by piece as blocks arrive.

    Attributes:
        header: header of the last block, none in an empty ledger.
        digest: digest of its frame.
        facts: the node's small facts.
        runs: sorted runs of transaction ids that the rows hold.
        recent: ids that are in no run yet, with their leaves.
    """

    header: Header | None
    digest: bytes
    facts: Facts
    runs: int
    recent: dict[str, int]


class Files(Protocol):
    """The open files a stored ledger reads from."""

    @property
    def log(self) -> BlockLog:
        """The block log."""

    @property
    def reader(self) -> sqlite3.Connection:
        """A connection that cannot write."""

    @property
    def contents(self) -> Contents:
        """What was found in them."""


class StoredLedger:
    """A stored ledger that can be read, by any number of threads."""

    def __init__(self, folder: Path, files: Files) -> None:
        """Wrap files that were opened and checked; see ``Store``."""
        self.folder = folder
        self._log = files.log
        self._reader = files.reader
        # Reads must not wait for the sync of a commit, so they have their own
        # connection; one is enough, a lookup holds it for microseconds.
        self._reader_lock = threading.Lock()
        self._contents = files.contents
        self._release = ExitStack()
        self._failure = ""

    def _check_usable(self) -> None:
        if self._failure:
            raise LedgerError("storage_failed", found=self._failure)

    def _fail(self, error: BaseException) -> NoReturn:
        # After a storage error nobody knows what the disk holds, and pages
        # that were not written may read as if they were. Only a new start,
        # which reads everything again, can tell.
        self._failure = f"{type(error).__name__}: {error}"
        raise LedgerError("storage_failed", found=self._failure) from error

    @property
    def head(self) -> Head | None:
        """The last block; none in an empty ledger."""
        self._check_usable()
        header = self._contents.header
        if header is None:
            return None
        return Head(header.height, header.hash, header.size, header.time)

    def heights(self) -> tuple[int, int]:
        """Return the last height of the block log, and that of the rows."""
        self._check_usable()
        try:
            with self._reader_lock:
                return self._last, head_height(self._reader)
        except sqlite3.Error as error:
            self._fail(error)

    def block(self, height: int) -> Block:
        """Return the block of this height, verified.

        Raises:
            LedgerError: ``storage_failed``; ``not_found``, there is none yet;
                ``bad_block``, both copies of it are damaged.
        """
        self._check_usable()
        if not 0 <= height <= self._last:
            raise LedgerError("not_found", found=f"block {height}")
        try:
            return decode_block(self._frame(height).body)
        except OSError as error:
            self._fail(error)

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yield the blocks from this height up to the present head.

        Raises:
            LedgerError: as ``block``.
        """
        self._check_usable()
        height, stop = start, self._last + 1
        while height < stop:
            try:
                for frame in self._log.read_on(height, stop):
                    yield decode_block(frame.body)
                    height = frame.height + 1
            except LedgerError:
                yield self.block(height)
                height += 1
            except OSError as error:
                self._fail(error)

    @property
    def _last(self) -> int:
        header = self._contents.header
        return -1 if header is None else header.height

    def _frame(self, height: int) -> Frame:
        try:
            return self._log.read(height)
        except LedgerError:
            frame = self._frame_from_rows(height)
            if frame is None:
                raise
            return frame

    def _frame_from_rows(self, height: int) -> Frame | None:
        """Return the frame rebuilt from rows, if the one above names it."""
        try:
            if height == self._last:
                named = self._contents.digest
            else:
                named = self._log.read(height + 1).link
            with self._reader_lock:
                frame = rebuild_frame(self._reader, height)
        except (LedgerError, RowsDamagedError):
            return None
        except sqlite3.Error as error:
            self._fail(error)
        return frame if frame is not None and frame.digest == named else None

    def find_transaction(self, transaction_id: str) -> Sealed | None:
        """Return the sealed transaction of this id, or nothing.

        Args:
            transaction_id: 64 hex digits.

        Raises:
            LedgerError: ``storage_failed``, the index is damaged; ``bad_block``,
                the block it is in is damaged.
        """
        self._check_usable()
        recent = self._contents.recent.get(transaction_id)
        if recent is not None:
            return self._read_sealed(recent, transaction_id)
        try:
            with self._reader_lock:
                leaves = list(
                    find_leaves(self._reader, self._contents.runs, transaction_id)
                )
        except (sqlite3.Error, RowsDamagedError) as error:
            self._fail(error)
        found = (self._read_sealed(leaf, transaction_id) for leaf in leaves)
        return next((sealed for sealed in found if sealed is not None), None)

    def _read_sealed(self, leaf: int, transaction_id: str) -> Sealed | None:
        try:
            with self._reader_lock:
                height = find_height(self._reader, leaf)
        except (sqlite3.Error, RowsDamagedError) as error:
            self._fail(error)
        block = self.block(height)
        position = leaf - Header.decode(block.header).first
        if not 0 <= position < len(block.transactions):
            self._fail(RowsDamagedError(f"transaction row {leaf}"))
        envelope = block.transactions[position]
        if envelope_id(envelope) != transaction_id:
            return None  # only the first 40 bits were the same
        receipt = next(islice(block.receipts, position, None), b"")
        return Sealed(height, position, leaf, envelope, receipt)

    def events(self, after: tuple[int, int] | None, limit: int) -> list[Event]:
        """Return the events behind a cursor, oldest first.

        Args:
            after: height and position of the last event already known; none
                for all from the first.
            limit: at most so many.

        Raises:
            LedgerError: as ``block``.
        """
        height, position = (0, -1) if after is None else after
        found: list[Event] = []
        for block in self.blocks(max(height, 0)):
            skipped = position + 1 if block.height == height else 0
            for number in range(skipped, len(block.events)):
                if len(found) >= limit:
                    return found
                found.append(Event(block.height, number, block.events[number]))
            if len(found) >= limit:
                break
        return found

    def meta(self, name: str) -> str | None:
        """Return what the node set under this name, or nothing."""
        self._check_usable()
        return self._contents.facts.meta.get(name)

    def latest_checkpoint(self) -> tuple[int, str] | None:
        """Return size and signed note of the latest checkpoint, if any."""
        self._check_usable()
        facts = self._contents.facts
        return (facts.size, facts.note) if facts.size else None

    def load_snapshot(
        self,
    ) -> tuple[int, bytes, Iterator[tuple[bytes, bytes]]] | None:
        """Return the newest whole snapshot that belongs to this ledger.

        Returns:
            Height, hash of that block's header and the items; nothing if no
            snapshot is whole or all were taken of another history.

        Raises:
            LedgerError: ``storage_failed``, the disk failed.
        """
        self._check_usable()
        try:
            for snapshot in load_snapshots(self.folder):
                if snapshot.height <= self._last:
                    header = Header.decode(self.block(snapshot.height).header)
                    if header.hash == snapshot.head_hash:
                        return snapshot.height, snapshot.head_hash, snapshot.items()
        except OSError as error:
            self._fail(error)
        return None

    def close(self) -> None:
        """Close the files; nothing can be read afterwards."""
        if not self._failure:
            self._failure = "closed"
        self._reader.close()
        self._log.close()
        self._release.close()


class RunningLedger:
    """The ledger of a node that is serving it, up to the last checkpoint.

    Nothing is asked, locked or touched: no frame is ever changed once it is
    durable, and the node signs a checkpoint only over frames that are.

    Attributes:
        head: the block under the checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        """Find the last checkpoint and its block.

        Raises:
            LedgerError: ``incomplete``, there is no checkpoint or the log ends
                before it; ``bad_block`` with the height.
            OSError: the disk failed.
        """
        self._facts = newest(Slots(folder.joinpath(FACTS)).read())
        self._log = BlockLog(folder)
        self.head = self._find_head(self._facts.size)

    def _find_head(self, size: int) -> Head:
        for first in reversed(self._log.segments if size else ()):
            for frame in self._log.read_on(first, INTEGER_MAX):
                header = Header.decode(decode_block(frame.body).header)
                if header.size == size:
                    return Head(header.height, header.hash, size, header.time)
                if header.size > size:
                    break
        raise LedgerError("incomplete", expected="a log up to a checkpoint")

    def block(self, height: int) -> Block:
        """Return the block of this height, verified.

        Raises:
            LedgerError: ``bad_block``, it is damaged.
        """
        return decode_block(self._log.read(height).body)

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yield the blocks from this height up to the head.

        Raises:
            LedgerError: as ``block``.
        """
        for frame in self._log.read_on(start, self.head.height + 1):
            yield decode_block(frame.body)

    def meta(self, name: str) -> str | None:
        """Return what the node set under this name, or nothing."""
        return self._facts.meta.get(name)

    def latest_checkpoint(self) -> tuple[int, str]:
        """Return size and signed note of the checkpoint."""
        return self._facts.size, self._facts.note
