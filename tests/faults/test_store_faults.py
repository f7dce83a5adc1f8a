"""Every single fault of a stored ledger is repaired or refused by height."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from ledger.blocklog import BlockLog, make_frame, read_frame
from ledger.blocks import encode_block
from ledger.errors import LedgerError
from ledger.rows import envelope_id
from ledger.store import Store
from tests.chains import Chain
from tests.stores import (
    COUNTS,
    LOG,
    WAL,
    answers,
    check_never_wrong,
    crash,
    damage_each,
    fill,
    flip,
)


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
