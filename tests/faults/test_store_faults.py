"""Every single fault of a stored ledger is repaired or refused by height."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.blocklog import BlockLog, make_frame, read_frame
from ledger.blocks import Block, Header, encode_block
from ledger.errors import LedgerError
from ledger.reading import StoredLedger
from ledger.rows import envelope_id
from ledger.store import Store
from tests.chains import Chain

COUNTS = (1, 3, 0, 2, 1, 2)
LOG = "blocks-000000000000.log"
WAL = "ledger.db-wal"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of starts sync a lot."""
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        yield Path(name) / "ledger"


def fill(folder: Path, chain: Chain, counts: tuple[int, ...] = COUNTS) -> Store:
    """Return an open store with blocks, a checkpoint and a name set."""
    store = Store.open(folder)
    for count in counts:
        store.append(chain.seal(count), meta={"engine_height": str(count)})
        store.add_checkpoint(chain.log.size, chain.note())
    return store


def crash(store: Store, folder: Path) -> None:
    """Leave the folder as a killed process would, and free it for this one."""
    kept = folder.with_name("crashed")
    shutil.copytree(folder, kept)
    store.close()
    shutil.rmtree(folder)
    kept.rename(folder)
    (folder / "ledger.db-shm").unlink(missing_ok=True)


def answers(store: StoredLedger) -> tuple[Any, ...]:
    """Return everything a store says about its ledger."""
    blocks = list(store.blocks())
    ids = [envelope_id(raw) for block in blocks for raw in block.transactions]
    return (
        store.head,
        blocks,
        [store.find_transaction(name) for name in ids],
        store.find_transaction("ab" * 32),
        store.events(None, 1000),
        store.meta("engine_height"),
        store.latest_checkpoint(),
    )


def open_or_refuse(folder: Path) -> Store | LedgerError:
    """Return the store, or the error with which it refuses to open."""
    try:
        return Store.open(folder)
    except LedgerError as error:
        return error


def check_never_wrong(folder: Path, right: tuple[Any, ...], last: int) -> str:
    """Open a damaged folder: right answers, or a refusal naming a block."""
    store = open_or_refuse(folder)
    if isinstance(store, LedgerError):
        assert store.code == "bad_block", store
        height = store.details["height"]
        assert isinstance(height, int)
        assert 0 <= height <= last + 1
        return "refused"
    found = answers(store)
    store.close()
    assert found == right
    again = Store.read_only(folder)
    assert again.head == found[0]
    again.close()
    return "repaired"


def damage_each(folder: Path, right: tuple[Any, ...], name: str) -> dict[str, int]:
    """Flip every 64th byte of one file, each time in a fresh copy."""
    whole = (folder / name).read_bytes()
    outcomes = {"repaired": 0, "refused": 0}
    for offset in range(random.Random(name).randrange(64), len(whole), 64):
        copy = folder.with_name("copy")
        shutil.copytree(folder, copy)
        raw = bytearray(whole)
        raw[offset] ^= 1 << (offset // 64 % 8)
        (copy / name).write_bytes(raw)
        outcomes[check_never_wrong(copy, right, len(COUNTS) - 1)] += 1
        shutil.rmtree(copy)
    return outcomes


@pytest.mark.parametrize("name", [LOG, "ledger.db", "facts.slots"])
def test_flipped_bytes_of_a_closed_store(folder: Path, name: str) -> None:
    """A flipped bit in any file of a closed store never changes an answer."""
    store = fill(folder, Chain())
    right = answers(store)
    store.close()
    outcomes = damage_each(folder, right, name)
    assert outcomes["repaired"] >= 0.95 * sum(outcomes.values()), outcomes


@pytest.mark.parametrize("name", [LOG, WAL])
def test_flipped_bytes_of_a_killed_store(folder: Path, name: str) -> None:
    """The same holds while rows are in the write-ahead log only."""
    chain = Chain()
    fill(folder, chain, COUNTS[:4]).close()
    store = fill(folder, chain, COUNTS[4:5])
    right = answers(store)
    crash(store, folder)
    outcomes = damage_each(folder, right, name)
    assert outcomes["repaired"] >= 0.95 * sum(outcomes.values()), outcomes


@pytest.mark.parametrize("part", [0, 0.3, 0.5, 0.99, None], ids=str)
@pytest.mark.parametrize("name", [LOG, "ledger.db", WAL])
def test_truncated_and_deleted_files(
    folder: Path, name: str, part: float | None
) -> None:
    """Any one file cut at any length, or gone, costs nothing."""
    store = fill(folder, Chain())
    right = answers(store)
    crash(store, folder)
    path = folder / name
    if part is None:
        path.unlink()
    else:
        os.truncate(path, int(path.stat().st_size * part))
    assert check_never_wrong(folder, right, len(COUNTS) - 1) == "repaired"


@pytest.mark.parametrize("part", [0, 0.3, 0.5, 0.99, None], ids=str)
def test_lost_facts_cost_at_most_the_last_checkpoint(
    folder: Path, part: float | None
) -> None:
    """SQLite has the checkpoint before, and the node signs the last one again."""
    store = fill(folder, Chain())
    right = answers(store)
    crash(store, folder)
    path = folder / "facts.slots"
    if part is None:
        path.unlink()
    else:
        os.truncate(path, int(path.stat().st_size * part))
    store = Store.open(folder)
    found = answers(store)
    store.close()
    assert found[:-1] == right[:-1]
    assert found[-1] is not None
    assert found[-1][0] in {12, 15}


def test_database_without_its_write_ahead_log(folder: Path) -> None:
    """A database copied without its -wal is completed from the block log."""
    store = fill(folder, Chain())
    right = answers(store)
    copy = folder.with_name("copy")
    copy.mkdir()
    for name in (LOG, "ledger.db", "facts.slots"):
        shutil.copy(folder / name, copy)
    store.close()
    assert check_never_wrong(copy, right, 5) == "repaired"


def test_log_ahead_is_completed(folder: Path) -> None:
    """A frame that SQLite never heard of becomes the head."""
    chain = Chain()
    store = fill(folder, chain)
    block = chain.seal(2)
    store._log.append(block.height, encode_block(block))
    crash(store, folder)
    with pytest.raises(LedgerError) as caught:
        Store.read_only(folder)
    assert caught.value.details["height"] == block.height
    store = Store.open(folder)
    assert store.block(block.height) == block
    assert store.find_transaction(envelope_id(block.transactions[1])) is not None
    store.close()


@pytest.mark.parametrize("cut", [1, 60, 96, 500])
def test_torn_tail_is_moved_aside(folder: Path, cut: int) -> None:
    """What a crash left of an unacknowledged frame is kept beside the log."""
    chain = Chain()
    store = fill(folder, chain)
    right = answers(store)
    block = chain.seal(3)
    frame = make_frame(block.height, store._contents.digest, encode_block(block))
    store.close()
    with (folder / LOG).open("ab") as stream:
        stream.write(frame.raw[:-cut])
    assert check_never_wrong(folder, right, block.height) == "repaired"
    (aside,) = folder.glob("*.torn-*")
    assert aside.read_bytes() == frame.raw[:-cut]
    store = Store.open(folder)
    store.append(block)
    store.close()


def test_whole_frame_behind_a_bad_one_is_refused(folder: Path) -> None:
    """With the database gone, damage in the middle is no torn tail."""
    fill(folder, Chain()).close()
    for name in ("ledger.db", "facts.slots"):
        (folder / name).unlink()
    flip(folder / LOG, frame_start(folder, 3) + 100)
    with pytest.raises(LedgerError) as caught:
        Store.open(folder)
    assert (caught.value.code, caught.value.details["height"]) == ("bad_block", 3)


def flip(path: Path, offset: int) -> None:
    """Flip one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)


def frame_start(folder: Path, height: int) -> int:
    """Return where the frame of a height lies in the first segment."""
    log, offset = BlockLog(folder), 0
    for lower in range(height):
        offset += log.read(lower).size_bytes
    return offset


def test_head_is_repaired_only_under_a_checkpoint(folder: Path) -> None:
    """Nothing above names the head, so rows alone do not restore it."""
    chain = Chain()
    store = fill(folder, chain)
    block = chain.seal(1)
    store.append(block)
    store.close()
    flip(folder / LOG, frame_start(folder, block.height) + 100)
    with pytest.raises(LedgerError) as caught:
        Store.open(folder)
    assert caught.value.details["height"] == block.height


def test_database_ahead_rebuilds_the_log(folder: Path) -> None:
    """Frames that the log lost come back from rows, to the byte."""
    store = fill(folder, Chain())
    right = answers(store)
    store.close()
    whole = (folder / LOG).read_bytes()
    os.truncate(folder / LOG, frame_start(folder, 2))
    assert check_never_wrong(folder, right, 5) == "repaired"
    assert (folder / LOG).read_bytes() == whole


@pytest.mark.parametrize("replaced", [LOG, "ledger.db"])
def test_fork_is_refused(folder: Path, replaced: str) -> None:
    """Two whole copies of different histories name the first difference."""
    other = folder.with_name("other")
    for place, seed in ((folder, "a"), (other, "b")):
        store = Store.open(place)
        chain = Chain("common")
        for count in (1, 1):
            store.append(chain.seal(count))
        chain.seed = seed
        for count in (1, 2):
            store.append(chain.seal(count))
        store.close()
    shutil.copy(other / replaced, folder / replaced)
    for attempt in (Store.open, Store.read_only):
        with pytest.raises(LedgerError) as caught:
            attempt(folder)
        assert (caught.value.code, caught.value.details["height"]) == ("bad_block", 2)


def test_made_up_head_is_refused(folder: Path) -> None:
    """Rows of another head, whole in themselves, fail the checkpoint's root."""
    other = folder.with_name("other")
    for place, seed in ((folder, "a"), (other, "b")):
        store, chain = Store.open(place), Chain("common")
        store.append(chain.seal(1))
        chain.seed = seed
        store.append(chain.seal(2))
        store.add_checkpoint(chain.log.size, chain.note())
        store.close()
    shutil.copy(other / "ledger.db", folder)
    with sqlite3.connect(folder / "ledger.db") as connection:
        connection.execute("UPDATE state SET content=x'' WHERE name='facts'")
    connection.close()
    flip(folder / LOG, frame_start(folder, 1) + 100)
    with pytest.raises(LedgerError, match="root") as caught:
        Store.open(folder)
    assert caught.value.details["height"] == 1


def test_damaged_index_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad run is never asked: refused while open, rebuilt at the next start."""
    monkeypatch.setattr("ledger.rows.RUN_TRANSACTIONS", 4)
    chain = Chain()
    store = fill(folder, chain)
    right = answers(store)
    store._writer.execute("UPDATE transaction_runs SET first=first+1")
    with pytest.raises(LedgerError) as caught:
        store.find_transaction(envelope_id(chain.blocks[0].transactions[0]))
    assert caught.value.code == "storage_failed"
    store.close()
    assert check_never_wrong(folder, right, 5) == "repaired"


def test_old_backup_is_refused(folder: Path) -> None:
    """A ledger behind its own last checkpoint was rolled back."""
    chain = Chain()
    store = fill(folder, chain, (1, 2))
    store.close()
    old = folder.with_name("old")
    shutil.copytree(folder, old)
    store = Store.open(folder)
    store.append(chain.seal(1))
    store.add_checkpoint(chain.log.size, chain.note())
    store.close()
    shutil.copy(folder / "facts.slots", old)
    with pytest.raises(LedgerError) as caught:
        Store.open(old)
    assert caught.value.details["height"] == 2
    (old / "facts.slots").unlink()
    with pytest.raises(LedgerError) as caught:
        Store.open(old, known_size=chain.log.size)
    assert caught.value.details["height"] == 2


def test_edited_row_is_written_anew(folder: Path) -> None:
    """Rows edited by hand lose against a whole log."""
    store = fill(folder, Chain())
    right = answers(store)
    store.close()
    with sqlite3.connect(folder / "ledger.db") as connection:
        connection.execute("UPDATE receipts SET receipt=x'7b7d' WHERE height=3")
    connection.close()
    with pytest.raises(LedgerError) as caught:
        Store.read_only(folder)
    assert caught.value.details["height"] == 3
    assert check_never_wrong(folder, right, 5) == "repaired"
    assert list(folder.glob("ledger.db.damaged*"))


def test_damage_while_open_is_answered_from_rows(folder: Path) -> None:
    """A frame that rots under an open store is read from the other copy."""
    store = fill(folder, Chain())
    right = answers(store)
    for height in (1, 5):
        flip(folder / LOG, frame_start(folder, height) + 100)
        assert answers(store) == right
        flip(folder / LOG, frame_start_known(store, height) + 100)
    store.close()


def frame_start_known(store: Store, height: int) -> int:
    """Return where an open store found the frame of a height."""
    return store._log._places[0][height]


def test_old_block_damaged_in_both_copies_is_refused(folder: Path) -> None:
    """When neither copy is whole, the block is named."""
    store = fill(folder, Chain())
    store.close()
    flip(folder / LOG, frame_start(folder, 3) + 100)
    with sqlite3.connect(folder / "ledger.db") as connection:
        connection.execute("UPDATE events SET event=x'7b7d' WHERE height=3")
    connection.close()
    with pytest.raises(LedgerError) as caught:
        Store.open(folder)
    assert caught.value.details["height"] == 3


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
    reader = store.open_reader()
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


def write_until_killed(folder: Path, pipe: int) -> None:
    """Append blocks for ever and report each one that was acknowledged."""
    store = Store.open(folder)
    chain = Chain()
    for block in store.blocks():
        assert chain.seal(len(block.transactions)) == block
    os.write(pipe, b"%d\n" % (len(chain.blocks) - 1))
    while True:
        block = chain.seal(len(chain.blocks) % 4)
        store.append(block)
        store.add_checkpoint(chain.log.size, chain.note())
        os.write(pipe, b"%d\n" % block.height)


def run_and_kill(folder: Path, delay: float) -> int:
    """Run a writer in a child, kill it and return its last acknowledged height."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_until_killed(folder, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        first = stream.readline()
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        lines = [first, *stream.read().split(b"\n")]
    assert os.WIFSIGNALED(status), "the writer ended by itself"
    return max(int(line) for line in lines if line.strip())


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    """Fifty kills at random moments: what was acknowledged is there, and whole."""
    folder = tmp_path / "ledger"
    source = random.Random(7)
    acknowledged = -1
    for _ in range(KILLS):
        seen = run_and_kill(folder, source.uniform(0, 0.04))
        assert seen >= acknowledged
        acknowledged = seen
    store = Store.open(folder, thorough=True)
    head = store.head
    assert head is not None
    assert acknowledged <= head.height <= acknowledged + 1
    chain = Chain()
    assert list(store.blocks()) == [
        chain.seal(height % 4) for height in range(head.height + 1)
    ]
    store.close()
    Store.read_only(folder).close()


def test_frame_digest_is_pinned(folder: Path) -> None:
    """A golden frame: its head, its checks and its digest, byte for byte."""
    frame = make_frame(7, bytes(range(32)), b"body")
    assert frame.raw.hex() == (
        "414c4c4f4e474501"
        "0000000000000007"
        "0000000000000004"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "f525dd4932b569e4"
        "626f6479"
        "d94e40da4a56eb38082441d580d62412e837b4314ab52f01fa63fab3ea770918"
    )
    folder.write_bytes(b"x" + frame.raw)
    file = os.open(folder, os.O_RDONLY)
    try:
        assert read_frame(file, 1) == frame
        with pytest.raises(LedgerError):
            read_frame(file, 0)
    finally:
        os.close(file)
