"""A store in use: one writer, readers, storage errors, snapshots, events."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from ledger.blocklog import BlockLog
from ledger.blocks import Block, Header
from ledger.errors import LedgerError
from ledger.opening import DATABASE
from ledger.rows import connect_reader, envelope_id
from ledger.store import Store
from tests.chains import Chain
from tests.stores import (
    COUNTS,
    WAL,
    answers,
    check_never_wrong,
    crash,
    fill,
    flip,
)


def test_weaker_sync_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NORMAL would lose acknowledged blocks, so no block is taken under it."""
    chain = Chain()
    store = fill(folder, chain)
    store._writer.execute("PRAGMA synchronous=NORMAL")
    with pytest.raises(LedgerError, match="synchronous"):
        store.append(chain.seal(1))
    with pytest.raises(LedgerError):
        _ = store.head
    store.close()
    settings = {"synchronous": ("NORMAL", 2), "journal_mode": ("WAL", "wal")}
    monkeypatch.setattr("ledger.rows.SETTINGS", settings)
    with pytest.raises(LedgerError, match="synchronous"):
        Store.open(folder)


def test_failed_sync_ends_the_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one failed sync nothing is answered until a new start."""
    chain = Chain()
    store = fill(folder, chain)
    right = answers(store)

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "no")

    block = chain.seal(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(LedgerError) as caught:
            store.append(block)
    assert caught.value.code == "storage_failed"
    with pytest.raises(LedgerError, match="storage failed"):
        _ = store.head
    with pytest.raises(LedgerError, match="storage failed"):
        store.append(block)
    with pytest.raises(LedgerError, match="storage failed"):
        store.find_transaction(envelope_id(block.transactions[0]))
    store.close()
    store = Store.open(folder)
    assert store.block(block.height) == block, "the outcome was unknown: it is there"
    assert answers(store) != right
    store.close()


def test_full_database_ends_the_store(folder: Path) -> None:
    """SQLITE_FULL after the frame was synced: the next start completes it."""
    chain = Chain()
    store = fill(folder, chain)
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count={pages}")
    block = chain.seal(500)
    with pytest.raises(LedgerError, match="full"):
        store.append(block)
    with pytest.raises(LedgerError):
        store.block(0)
    store.close()
    store = Store.open(folder)
    assert store.block(block.height) == block
    store.close()


def test_interrupt_between_log_and_rows_ends_the_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt leaves the copies apart, so it counts as a failure."""
    chain = Chain()
    store = fill(folder, chain)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.store.insert_block", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.append(chain.seal(1))
    with pytest.raises(LedgerError):
        _ = store.head
    store.close()


def test_block_that_does_not_follow_is_refused_without_harm(folder: Path) -> None:
    """A wrong block is the caller's mistake; the store goes on."""
    chain = Chain()
    store = fill(folder, chain)
    with pytest.raises(LedgerError) as caught:
        store.append(Chain().seal(1))
    assert caught.value.code == "bad_block"
    store.append(chain.seal(1))
    store.close()


def test_one_writer_at_a_time(folder: Path) -> None:
    """A second opener is told that the folder is in use."""
    store = fill(folder, Chain())
    for attempt in (Store.open, Store.read_only):
        with pytest.raises(LedgerError) as caught:
            attempt(folder)
        assert caught.value.code == "store_locked"
    store.close()
    Store.open(folder).close()


def test_reader_can_neither_write_nor_checkpoint(folder: Path) -> None:
    """The reading connection cannot take part in the WAL-reset race."""
    store = fill(folder, Chain())
    reader = Database(connect_reader(folder / DATABASE))
    with pytest.raises(sqlite3.OperationalError):
        reader.conn.execute("DELETE FROM blocks")
    size = (folder / WAL).stat().st_size
    with pytest.raises(sqlite3.OperationalError):
        reader.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert reader["blocks"].count == len(COUNTS)
    reader.conn.close()
    assert (folder / WAL).stat().st_size == size
    store.close()


def test_audit_writes_nothing(folder: Path) -> None:
    """An audit of a killed store leaves every byte and every name."""
    store = fill(folder, Chain())
    right = answers(store)
    crash(store, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ledger = Store.read_only(folder)
    assert answers(ledger) == right
    ledger.close()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_row_of_another_form_is_named(folder: Path) -> None:
    """What stands in the rows is a finding in words, whatever it is."""
    store = fill(folder, Chain())
    store.close()
    with closing(sqlite3.connect(folder / "ledger.db")) as rows:
        rows.execute("UPDATE transactions SET envelope=? WHERE height=1", (b"{}",))
        rows.commit()
    with pytest.raises(LedgerError) as caught:
        Store.read_only(folder)
    assert caught.value.code == "bad_block"
    words = "the SQLite copy: block 1: a column has another form"
    assert caught.value.found == words


def test_audit_of_nothing_is_incomplete(folder: Path) -> None:
    """There is nothing to audit in an empty folder."""
    folder.mkdir()
    with pytest.raises(LedgerError) as caught:
        Store.read_only(folder)
    assert caught.value.code == "incomplete"
    assert not list(folder.iterdir())


def test_segments_and_runs_roll(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many segments and many index runs answer as few do, also after a start."""
    monkeypatch.setattr("ledger.blocklog.SEGMENT_BYTES", 4000)
    monkeypatch.setattr("ledger.rows.RUN_TRANSACTIONS", 7)
    chain = Chain()
    store = fill(folder, chain, (3, 1, 0, 5, 2, 4, 1, 1, 6, 2))
    right = answers(store)
    assert store._index.runs >= 3
    store.close()
    assert len(BlockLog(folder).segments) >= 4
    for thorough in (False, True):
        store = Store.open(folder, thorough=thorough)
        assert answers(store) == right
        store.close()
    (folder / "ledger.db").unlink()
    assert check_never_wrong(folder, right, 9) == "repaired"
    for segment in BlockLog(folder).segments:
        copy = folder.with_name("copy")
        shutil.copytree(folder, copy)
        BlockLog(copy).path(segment).unlink()
        store = Store.open(copy, thorough=True)
        assert answers(store) == right
        store.close()
        shutil.rmtree(copy)


def test_snapshots_are_skipped_unless_whole(folder: Path) -> None:
    """A damaged, foreign or too new snapshot is never loaded; two are kept."""
    chain = Chain()
    store = fill(folder, chain)
    items = [(bytes([n]) * 32, b"v" * n) for n in range(200)]
    hashes = {n: sha(block) for n, block in enumerate(chain.blocks)}
    assert store.load_snapshot() is None
    for height in (1, 2, 4):
        store.save_snapshot(height, hashes[height], iter(items))
    paths = sorted(folder.glob("snapshot-*.bin"))
    assert len(paths) == 2
    found = store.load_snapshot()
    assert found is not None
    assert (found[0], found[1], list(found[2])) == (4, hashes[4], items)
    flip(paths[1], paths[1].stat().st_size // 2)
    found = store.load_snapshot()
    assert found is not None
    assert found[0] == 2
    store.save_snapshot(5, hashes[4], [])
    store.save_snapshot(9, hashes[4], [])
    assert store.load_snapshot() is None
    store.close()


def sha(block: Block) -> bytes:
    """Return the hash of a block's header."""
    return Header.decode(block.header).hash


def test_failed_snapshot_leaves_the_old_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that cannot be written is a storage error and leaves no file."""
    chain = Chain()
    store = fill(folder, chain)
    store.save_snapshot(1, sha(chain.blocks[1]), [(b"k", b"v")])

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(LedgerError) as caught:
        store.save_snapshot(2, sha(chain.blocks[2]), [(b"k", b"v")])
    assert caught.value.code == "storage_failed"
    monkeypatch.undo()
    store.close()
    assert not list(folder.glob("*.tmp"))
    store = Store.open(folder)
    assert store.load_snapshot() is not None
    store.close()


def test_event_cursor(folder: Path) -> None:
    """Reading in steps of any size gives every event once, in order."""
    store = fill(folder, Chain())
    everything = store.events(None, 1000)
    assert len(everything) == sum(COUNTS)
    for limit in (1, 2, 4):
        found, after = [], None
        while page := store.events(after, limit):
            found += page
            after = (page[-1].height, page[-1].position)
        assert found == everything
    store.close()


def test_checkpoint_ahead_of_the_ledger_is_refused(folder: Path) -> None:
    """A node cannot have signed what it does not have."""
    store = fill(folder, Chain())
    with pytest.raises(LedgerError) as caught:
        store.add_checkpoint(10_000, "note")
    assert caught.value.code == "bad_checkpoint"
    before = store.latest_checkpoint()
    store.add_checkpoint(1, "older")
    assert store.latest_checkpoint() == before
    store.close()


def test_tables_of_another_version_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer layout is not mistaken for damage."""
    with monkeypatch.context() as patch:
        patch.setattr("ledger.rows.SCHEMA", 2)
        fill(folder, Chain()).close()
    with pytest.raises(LedgerError) as caught:
        Store.open(folder)
    assert caught.value.code == "store_version"


KILLS = 50
