"""Opening a ledger folder: look, decide, repair, and only then use it.

The same code runs at every start, whether the last stop was clean or not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Final

from ledger.blocklog import BlockLog, Frame, free_name, sync_folder
from ledger.blocks import Header, decode_block
from ledger.errors import LedgerError
from ledger.reading import Contents
from ledger.recovery import ROWS_COPY, Evidence, Plan, apply_to_log, survey
from ledger.rows import (
    IndexState,
    RowsDamagedError,
    check_form,
    check_runs,
    connect,
    connect_reader,
    create_schema,
    envelope_id,
    head_height,
    insert_block,
    is_damage,
    is_empty,
    read_facts,
    read_index_state,
    write_due_run,
    write_facts,
)
from ledger.slots import FACTS, Facts, Slots, newest

DATABASE: Final = "ledger.db"
SEAL: Final = "ledger.db.sha256"
SEAL_CHARS: Final = 64
LOCK: Final = "lock"
FORM_CHECK_BYTES_MAX: Final = 64 * 1024 * 1024
COMPLETION_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """The open files of a ledger that is only read."""

    log: BlockLog
    reader: sqlite3.Connection
    contents: Contents


@dataclass(frozen=True, slots=True)
class Opened:
    """The open files of a ledger that is written.

    Attributes:
        log: block log, ready for the next frame.
        writer: the one connection that writes and checkpoints.
        reader: a connection that can do neither.
        contents: what both copies hold.
        index: how far the runs of transaction ids reach.
    """

    log: BlockLog
    writer: sqlite3.Connection
    reader: sqlite3.Connection
    contents: Contents
    index: IndexState


@dataclass(slots=True)
class _Rows:
    """What could be learnt from the database before the log is read."""

    connection: sqlite3.Connection | None = None
    head: int = -1
    damage: str = ""
    facts: Facts | None = None
    index: IndexState = field(default_factory=IndexState)


def open_for_writing(
    folder: Path, undo: ExitStack, known_size: int, *, thorough: bool
) -> Opened:
    """Return the files of a ledger after making both copies whole and equal.

    Args:
        folder: created if it is not there.
        undo: closes what was opened.
        known_size: log size that must be there.
        thorough: verify every block.

    Raises:
        LedgerError: as ``Store.open``.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            sync_folder(folder.parent)
        undo.callback(os.close, _lock(folder.joinpath(LOCK), fcntl.LOCK_EX))
        if folder.joinpath(SEAL).exists():
            folder.joinpath(SEAL).unlink()
            sync_folder(folder)
        return _Opening(folder, undo, known_size).run(thorough=thorough)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError("storage_failed", found=error) from error


def open_for_audit(folder: Path, undo: ExitStack) -> AuditFiles:
    """Return the files of a ledger without writing anything to its folder.

    Args:
        folder: the ledger.
        undo: closes what was opened.

    Raises:
        LedgerError: as ``Store.read_only``.
    """
    try:
        if folder.joinpath(LOCK).exists():
            undo.callback(os.close, _lock(folder.joinpath(LOCK), fcntl.LOCK_SH))
        return _audit(folder, undo)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError("storage_failed", found=error) from error


def _lock(path: Path, mode: int) -> int:
    """Return the open lock file; the system drops the lock when it closes."""
    flags = os.O_RDONLY if mode == fcntl.LOCK_SH else os.O_RDWR | os.O_CREAT
    file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise LedgerError("store_locked", found=path.parent.name) from error
    return file


def _audit(folder: Path, undo: ExitStack) -> AuditFiles:
    log = BlockLog(folder)
    if not log.segments and not folder.joinpath(DATABASE).exists():
        raise LedgerError("incomplete", expected="a block log")
    rows = _Rows(damage="no file")
    if folder.joinpath(DATABASE).exists():
        try:
            rows = _read_rows(_open_untouched(folder, undo), check=True)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            rows.damage = str(error)
    facts = newest([*Slots(folder.joinpath(FACTS)).read(), rows.facts])
    evidence = Evidence(rows.connection, rows.head, rows.damage, facts)
    plan = survey(log, evidence, thorough=True)
    if _is_seal_broken(folder):
        what = f"{ROWS_COPY}: bytes that hold no row changed since it was closed"
        plan.note_difference(max(plan.log_head, 0), what)
    if plan.first_difference >= 0 or rows.connection is None:
        raise LedgerError(
            "bad_block",
            expected="two whole and equal copies",
            found=plan.difference,
            height=max(plan.first_difference, 0),
        )
    recent = _unindexed(log.read_on(rows.index.next_height, plan.log_head + 1))
    contents = Contents(plan.header, plan.digest, facts, rows.index.runs, recent)
    return AuditFiles(log, rows.connection, contents)


def seal_rows(folder: Path) -> None:
    """Note what a database that was just closed is, for the next audit.

    A page has bytes that hold no row. Nothing reads them, but an auditor who
    flips a byte expects it to be found.

    Raises:
        OSError: the disk refused.
    """
    folder.joinpath(SEAL).write_text(_digest_rows(folder), "ascii")


def _is_seal_broken(folder: Path) -> bool:
    seal = folder.joinpath(SEAL)
    kept = seal.read_bytes() if seal.exists() else b""
    # Cut short by a crash it says nothing.
    return len(kept) == SEAL_CHARS and kept != _digest_rows(folder).encode()


def _digest_rows(folder: Path) -> str:
    with folder.joinpath(DATABASE).open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _open_untouched(folder: Path, undo: ExitStack) -> sqlite3.Connection:
    """Return a connection that leaves no trace in the folder.

    Reading a write-ahead log needs an index file beside it, so a database
    that was not closed cleanly is copied and read elsewhere.
    """
    database = folder.joinpath(DATABASE)
    log = database.with_name(DATABASE + "-wal")
    frozen = not log.exists() or log.stat().st_size == 0
    if not frozen:
        elsewhere = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(log, elsewhere)
        database = Path(shutil.copy(database, elsewhere))
    connection = connect_reader(database, frozen=frozen)
    undo.callback(connection.close)
    return connection


def _read_rows(connection: sqlite3.Connection, *, check: bool) -> _Rows:
    """Return what the database says about itself; damage is a finding."""
    rows = _Rows(connection)
    try:
        rows.head = head_height(connection)
        rows.facts = read_facts(connection)
        rows.index = read_index_state(connection)
        check_runs(connection, rows.index)
        if check:
            check_form(connection)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        rows.damage = str(error)
    except (RowsDamagedError, ValueError, TypeError) as error:
        rows.damage = str(error)
    return rows


def _unindexed(frames: Iterable[Frame]) -> dict[str, int]:
    recent: dict[str, int] = {}
    for frame in frames:
        block = decode_block(frame.body)
        first = Header.decode(block.header).first
        for leaf, envelope in enumerate(block.transactions, start=first):
            recent[envelope_id(envelope)] = leaf
    return recent


class _Opening:
    """One start of a node's store."""

    def __init__(self, folder: Path, undo: ExitStack, known_size: int) -> None:
        self._folder = folder
        self._database = folder.joinpath(DATABASE)
        self._undo = undo
        self._known_size = known_size
        self._log = BlockLog(folder)
        self._slots = Slots(folder.joinpath(FACTS))

    def run(self, *, thorough: bool) -> Opened:
        """Return the files, both copies whole and equal."""
        rows = self._open_rows(thorough=thorough)
        facts = newest([*self._slots.read(), rows.facts])
        try:
            plan = self._repair_log(rows, facts, thorough=thorough)
            if plan.rows_damaged:
                rows = self._start_rows_anew(rows, facts)
            recent = self._complete(rows, plan)
        except sqlite3.Error as error:
            if not is_damage(error) or rows.damage:
                raise
            # Reading went well and writing did not: then nothing in the
            # database is worth keeping, as long as all of the log is whole.
            rows.damage = str(error)
            plan = self._repair_log(rows, facts, thorough=True)
            rows = self._start_rows_anew(rows, facts)
            recent = self._complete(rows, plan)
        return self._finish(rows, plan, facts, recent)

    def _open_rows(self, *, thorough: bool) -> _Rows:
        if not self._database.exists():
            self._move_database_aside()
            return self._create_rows(Facts())
        try:
            connection = connect(self._database)
            self._undo.callback(connection.close)
            if is_empty(connection):
                # The last start ended between creating the file and its tables.
                create_schema(connection)
        except RowsDamagedError as error:
            return _Rows(damage=str(error))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return _Rows(damage=str(error))
        small = self._database.stat().st_size <= FORM_CHECK_BYTES_MAX
        return _read_rows(connection, check=thorough or small)

    def _repair_log(self, rows: _Rows, facts: Facts, *, thorough: bool) -> Plan:
        evidence = Evidence(
            rows.connection, rows.head, rows.damage, facts, self._known_size
        )
        plan = survey(self._log, evidence, thorough=thorough)
        apply_to_log(self._log, plan)
        return plan

    def _start_rows_anew(self, rows: _Rows, facts: Facts) -> _Rows:
        """Return an empty database; the damaged one is kept under another name."""
        if rows.connection is not None:
            rows.connection.close()
        self._move_database_aside()
        return self._create_rows(facts)

    def _move_database_aside(self) -> None:
        target = free_name(self._database.with_name(DATABASE + ".damaged"))
        for ending in ("", "-wal", "-shm"):
            source = self._database.with_name(DATABASE + ending)
            if source.exists():
                source.rename(target.with_name(target.name + ending))
        sync_folder(self._folder)

    def _create_rows(self, facts: Facts) -> _Rows:
        connection = connect(self._database)
        self._undo.callback(connection.close)
        create_schema(connection)
        if facts.sequence:
            connection.execute("BEGIN IMMEDIATE")
            write_facts(connection, facts)
            connection.execute("COMMIT")
        sync_folder(self._folder)
        return _Rows(connection)

    def _complete(self, rows: _Rows, plan: Plan) -> dict[str, int]:
        """Append the blocks the rows lack; return the ids in no run yet."""
        connection, log = rows.connection, self._log
        if connection is None:
            raise LedgerError("storage_failed", expected="a database")
        recent = _unindexed(log.read_on(rows.index.next_height, rows.head + 1))
        pending = 0
        for frame in log.read_on(rows.head + 1, plan.log_head + 1):
            if not pending:
                connection.execute("BEGIN IMMEDIATE")
            recent = self._complete_block(rows, connection, frame, recent)
            pending += frame.size_bytes
            if pending > COMPLETION_BYTES or frame.height == plan.log_head:
                connection.execute("COMMIT")
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                pending = 0
        return recent

    def _complete_block(
        self,
        rows: _Rows,
        connection: sqlite3.Connection,
        frame: Frame,
        recent: dict[str, int],
    ) -> dict[str, int]:
        block = decode_block(frame.body)
        header = Header.decode(block.header)
        added = _unindexed([frame])
        insert_block(connection, block, header, frame, list(added))
        index = write_due_run(connection, rows.index, recent, added, header)
        rows.head = frame.height
        if index is rows.index:
            return recent | added
        rows.index = index
        return {}

    def _finish(
        self, rows: _Rows, plan: Plan, facts: Facts, recent: dict[str, int]
    ) -> Opened:
        if rows.connection is None:
            raise LedgerError("storage_failed", expected="a database")
        self._log.start_appending(plan.log_head + 1, plan.digest)
        self._undo.callback(self._log.close)
        reader = connect_reader(self._database)
        self._undo.callback(reader.close)
        contents = Contents(plan.header, plan.digest, facts, rows.index.runs, recent)
        return Opened(self._log, rows.connection, reader, contents, rows.index)
