"""The durable ledger of a node: block log first, SQLite second.

A block is acknowledged when both copies are synced. The order is what makes
every crash harmless: the frame is in the log before SQLite commits, so after
a crash SQLite holds at most what the log holds, and the log at most one block
more, which is then completed. Any storage error ends the use of the store;
the next start decides what is there.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from ledger.blocklog import Frame
from ledger.blocks import Block, Header, check_header, encode_block
from ledger.errors import LedgerError, invariant
from ledger.opening import (
    Opened,
    open_for_audit,
    open_for_writing,
    seal_rows,
)
from ledger.reading import StoredLedger
from ledger.rows import (
    PAGE_BYTES,
    check_settings,
    envelope_id,
    insert_block,
    write_due_run,
    write_facts,
)
from ledger.slots import FACTS, Facts, Slots
from ledger.snapshots import save_snapshot

WAL_BYTES_MAX: Final = 32 * 1024 * 1024
# Pages that even an empty block writes: the right edge of each table.
_EDGE_BYTES: Final = 6 * PAGE_BYTES


class Store(StoredLedger):
    """The one writer of a ledger folder."""

    def __init__(self, folder: Path, opened: Opened) -> None:
        """Take over opened files; see ``open``."""
        super().__init__(folder, opened)
        self._writer = opened.writer
        self._index = opened.index
        self._slots = Slots(folder.joinpath(FACTS))
        self._write_lock = threading.Lock()
        self._unsaved = False
        self._wal_bytes = 0

    @classmethod
    def open(
        cls, folder: Path, *, known_size: int = 0, thorough: bool = False
    ) -> Store:
        """Return a store whose two copies are whole and equal.

        Args:
            folder: created if it is not there.
            known_size: largest log size that a checkpoint known from elsewhere
                vouches for; a ledger that ends before it is refused.
            thorough: verify every block, not only the last two segments.

        Raises:
            LedgerError: ``store_locked``; ``store_version``; ``bad_block``
                with the height, the copies contradict each other or cannot be
                repaired; ``storage_failed``.
        """
        with ExitStack() as undo:
            opened = open_for_writing(folder, undo, known_size, thorough=thorough)
            store = cls(folder, opened)
            store._release = undo.pop_all()
        return store

    @classmethod
    def read_only(cls, folder: Path) -> StoredLedger:
        """Return a ledger for audit; every block was verified, nothing written.

        Raises:
            LedgerError: ``incomplete``, there is no ledger; ``store_locked``, a
                node is writing it; ``bad_block`` with the first height at which
                the copies are not whole and equal; ``storage_failed``.
        """
        with ExitStack() as undo:
            ledger = StoredLedger(folder, open_for_audit(folder, undo))
            ledger._release = undo.pop_all()  # noqa: SLF001 - its own kin
        return ledger

    def append(
        self,
        block: Block,
        *,
        ids: Sequence[str] | None = None,
        meta: Mapping[str, str] | None = None,
    ) -> None:
        """Make the block durable in both copies; it is the head afterwards.

        Args:
            block: the block that follows the head.
            ids: ids of its transactions in order, if the caller knows them;
                finding them out costs 10 us a transaction.
            meta: names to set in the same SQLite transaction.

        Raises:
            LedgerError: ``bad_json`` or ``bad_block``, it does not follow the
                head, and nothing was written; ``too_large``; ``storage_failed``,
                whether it survives is unknown and the store is of no use.
        """
        with self._write_lock:
            self._check_usable()
            header = check_header(block, self._contents.header)
            body = encode_block(block)
            names = _take_ids(block, ids)
            facts = self._contents.facts
            for name, value in (meta or {}).items():
                facts = facts.with_meta(name, value)
            if meta:
                facts.encode()
            with self._fatal():
                if self._wal_bytes > WAL_BYTES_MAX:
                    self._checkpoint("PASSIVE")
                # A crash before this line leaves no trace of the block. One
                # inside it leaves a tail that the next start moves aside or,
                # if it is whole, completes in SQLite: nobody was told yet.
                frame = self._log.append(block.height, body)
                # A crash from here on finds the frame durable and SQLite one
                # block behind, until the commit has returned.
                self._commit_block(block, header, frame, names, facts)

    def _commit_block(
        self,
        block: Block,
        header: Header,
        frame: Frame,
        ids: list[str],
        facts: Facts,
    ) -> None:
        contents, known = self._contents, self._contents.facts
        check_settings(self._writer)
        self._writer.execute("BEGIN IMMEDIATE")
        insert_block(self._writer, block, header, frame, ids)
        if self._unsaved or facts is not known:
            write_facts(self._writer, facts)
        added = dict(zip(ids, range(header.first, header.leaf), strict=True))
        index = write_due_run(self._writer, self._index, contents.recent, added, header)
        self._writer.execute("COMMIT")
        self._wal_bytes += len(frame.body) + _EDGE_BYTES
        self._unsaved = False
        contents.facts, contents.digest, contents.header = facts, frame.digest, header
        # Readers ask `recent` first and may do so at any moment: an id is
        # added only when its block can be read, and leaves only when the run
        # it went to is known.
        if index is self._index:
            contents.recent.update(added)
        else:
            self._index, contents.runs, contents.recent = index, index.runs, {}
        if facts is not known:
            self._slots.write(facts)

    @contextmanager
    def _fatal(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self._fail(error)
        except BaseException as error:
            # An interrupt between log and SQLite leaves them apart as well.
            self._failure = repr(error)
            raise

    def _save_facts(self, facts: Facts) -> None:
        check_settings(self._writer)
        self._writer.execute("BEGIN IMMEDIATE")
        write_facts(self._writer, facts)
        self._writer.execute("COMMIT")
        self._contents.facts = facts
        self._unsaved = False

    def add_checkpoint(self, size: int, note_text: str) -> None:
        """Remember a signed checkpoint if it is the latest.

        It reaches SQLite with the next block; one that a power cut takes is
        simply signed again, so it costs no sync.

        Args:
            size: log size it covers, just after a header of this ledger.
            note_text: the signed note.

        Raises:
            LedgerError: ``bad_checkpoint``, it is ahead of the ledger;
                ``too_large``; ``storage_failed``.
        """
        with self._write_lock:
            self._check_usable()
            header = self._contents.header
            own = 0 if header is None else header.size
            if size > own:
                raise LedgerError("bad_checkpoint", expected=f"<= {own}", found=size)
            if size <= self._contents.facts.size:
                return
            facts = self._contents.facts.with_checkpoint(size, note_text)
            facts.encode()
            with self._fatal():
                self._slots.write(facts)
            self._contents.facts = facts
            self._unsaved = True

    def save_snapshot(
        self, height: int, head_hash: bytes, items: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Write a hashed snapshot of the state after a block; two are kept.

        It takes no lock, so it may run beside ``append``.

        Args:
            height: height of the block after which the state stands.
            head_hash: hash of its header, 32 bytes.
            items: key and value, in any order.

        Raises:
            LedgerError: ``storage_failed``.
        """
        self._check_usable()
        try:
            save_snapshot(self.folder, height, head_hash, items)
        except OSError as error:
            self._fail(error)

    def _checkpoint(self, mode: str) -> None:
        self._writer.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        self._wal_bytes = 0

    def close(self) -> None:
        """Close the ledger; what is still in memory is written first.

        Raises:
            LedgerError: ``storage_failed``; the files are closed all the same.
        """
        with self._write_lock:
            try:
                if not self._failure:
                    self._finish()
            finally:
                # With the reader still open, closing a failed writer is not
                # the last close, and SQLite moves nothing out of a
                # write-ahead log that nobody can trust.
                self._writer.close()
                super().close()

    def _finish(self) -> None:
        with self._fatal():
            if self._unsaved:
                self._save_facts(self._contents.facts)
            with self._reader_lock:
                self._reader.close()
            self._checkpoint("TRUNCATE")
            self._writer.close()
            seal_rows(self.folder)


def _take_ids(block: Block, ids: Sequence[str] | None) -> list[str]:
    """Return the ids of a block's transactions; given ones are sampled."""
    if ids is None:
        return [envelope_id(envelope) for envelope in block.transactions]
    invariant(len(ids) == len(block.transactions), "one id a transaction")
    if ids:
        # One a block finds a caller that confuses them; the next start
        # compares every id with its envelope.
        sample = block.height % len(ids)
        own = envelope_id(block.transactions[sample])
        invariant(ids[sample] == own, "id of the envelope", leaf=sample)
    return list(ids)
