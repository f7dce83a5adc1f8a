"""The second copy of the ledger: append-only SQLite rows that people query.

From the rows of a block its exact frame can be rebuilt, which is what recovery
repairs the log from. Rows are only ever appended, in key order; the one thing
that must be found by hash, a transaction's id, is kept in sorted runs written
in bulk. A B-tree index on an id prefix cost 12 us and 4.5 kB of write-ahead
log a transaction at 10^6 rows; a run costs less than 1 us.

One connection writes and checkpoints. SQLite before 3.51.3 can lose committed
pages when one connection commits while another one checkpoints (the WAL-reset
race), so there must never be a second that can do either: other processes are
kept out by the store's lock file, and readers open with ``mode=ro``: through
their file descriptor no page can be moved into the database, and the lock that
the last connection takes to do so when it closes is refused to it.
"""

from __future__ import annotations

import sqlite3
from array import array
from binascii import a2b_base64
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
from sqlite_utils import Database

from ledger.blocklog import Frame, make_frame
from ledger.blocks import Block, Header, encode_block
from ledger.errors import LedgerError
from ledger.slots import Facts
from ledger.transactions import preimage

SCHEMA: Final = 1
# An envelope is 1 to 2 kB: larger pages waste less of their ends, smaller ones
# cost less in a block of one transaction.
PAGE_BYTES: Final = 8192
# A block of 5,000 transactions stays in memory until its commit.
CACHE_KIB: Final = 16_384
# What is set is read back: a file system without shared memory falls back to
# another journal without an error, and NORMAL would lose acknowledged blocks.
SETTINGS: Final[Mapping[str, tuple[str, object]]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "wal_autocheckpoint": ("0", 0),
    "foreign_keys": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "cell_size_check": ("ON", 1),
    "fullfsync": ("ON", 1),
    "checkpoint_fullfsync": ("ON", 1),
}
# What the file itself says and recovery must be able to rely on.
FORM: Final[Mapping[str, object]] = {
    "page_size": PAGE_BYTES,
    "encoding": "UTF-8",
    "auto_vacuum": 0,
}

PLACE_SHIFT: Final = 24
RUN_TRANSACTIONS: Final = 32_768
RUN_BUCKETS: Final = 128
_OFFSET_BITS: Final = 24
_OFFSETS: Final = 1 << _OFFSET_BITS
_BUCKET_SHIFT: Final = 64 - RUN_BUCKETS.bit_length() + 1

# Errors that say the disk or the system failed, not that the file is damaged.
_SYSTEM_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
    }
)


class RowsDamagedError(Exception):
    """The rows are not what was written; they can be rebuilt from the log."""


def is_damage(error: sqlite3.Error) -> bool:
    """Tell a damaged file from a disk that failed."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return (code & 0xFF) not in _SYSTEM_CODES


def envelope_id(envelope: bytes) -> str:
    """Return the id of a sealed transaction: SHA-256 of what was signed."""
    # The envelope was checked before it was sealed and is covered by a digest
    # since, so the strict reader would only repeat its work here.
    fields = orjson.loads(envelope)
    payload = a2b_base64(fields["payload"])
    return sha256(preimage(fields["payloadType"], payload)).hexdigest()


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the sorted runs of transaction ids reach.

    Attributes:
        runs: number of runs written.
        next_height: first height whose transactions are in no run yet.
    """

    runs: int = 0
    next_height: int = 0


def connect(path: Path) -> sqlite3.Connection:
    """Return the one writing connection, with its settings read back.

    Raises:
        sqlite3.Error: the file cannot be opened or is not a database.
        LedgerError: ``storage_failed``, a setting did not take effect.
        RowsDamagedError: the file's form is not the one written.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        for name, (value, _) in SETTINGS.items():
            connection.execute(f"PRAGMA {name}={value}").fetchall()
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        check_settings(connection)
        for name, expected in FORM.items():
            found = connection.execute(f"PRAGMA {name}").fetchone()
            if found != (expected,):
                raise RowsDamagedError(f"{name} is {found}")
    except BaseException:
        connection.close()
        raise
    return connection


def check_settings(connection: sqlite3.Connection) -> None:
    """Return if the connection loses nothing that it has committed.

    Raises:
        LedgerError: ``storage_failed``, naming the setting.
    """
    for name, (_, expected) in SETTINGS.items():
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != expected:
            raise LedgerError(
                "storage_failed", expected=f"{name} {expected}", found=found
            )


def connect_reader(path: Path, *, frozen: bool = False) -> sqlite3.Connection:
    """Return a connection that can neither write nor checkpoint.

    Args:
        path: the database.
        frozen: nobody else has it open and it has no write-ahead log; not
            even a lock is taken then and no file appears beside it.
    """
    mode = "mode=ro&immutable=1" if frozen else "mode=ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def create_schema(connection: sqlite3.Connection) -> None:
    """Create every table of an empty database, with empty state rows.

    ``place`` is height times 2^24 plus position: one ascending key, so that
    the rows of a block are neighbours without a second index.
    """
    database = Database(connection, recursive_triggers=False)
    tables: dict[str, dict[str, Any]] = {
        "blocks": {
            "height": int,
            "time": int,
            "first": int,
            "transactions": int,
            "receipts": int,
            "events": int,
            "header": bytes,
            "link": bytes,
            "digest": bytes,
        },
        "transactions": {
            "leaf": int,
            "height": int,
            "position": int,
            "id": str,
            "envelope": bytes,
        },
        "receipts": {"place": int, "height": int, "position": int, "receipt": bytes},
        "events": {"place": int, "height": int, "position": int, "event": bytes},
        "transaction_runs": {"place": int, "first": int, "entries": bytes},
        "state": {"name": str, "content": bytes},
    }
    with database.atomic():
        for name, columns in tables.items():
            key = next(iter(columns))
            database.create_table(name, columns, pk=key, not_null=set(columns) - {key})
        write_index_state(connection, IndexState())
        write_facts(connection, Facts())


def is_empty(connection: sqlite3.Connection) -> bool:
    """Tell whether the file has never held a table."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(pages <= 1 and tables == (0,))


def head_height(connection: sqlite3.Connection) -> int:
    """Return the height of the last block, -1 in an empty database."""
    (height,) = connection.execute("SELECT max(height) FROM blocks").fetchone()
    return -1 if height is None else int(height)


_Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]


def _make_rows(block: Block, header: Header, ids: Sequence[str]) -> _Rows:
    height, base = block.height, block.height << PLACE_SHIFT
    transactions = [
        (header.first + position, height, position, name, envelope)
        for position, (name, envelope) in enumerate(
            zip(ids, block.transactions, strict=True)
        )
    ]
    receipts = [(base + n, height, n, item) for n, item in enumerate(block.receipts)]
    events = [(base + n, height, n, item) for n, item in enumerate(block.events)]
    return transactions, receipts, events


def _make_row(block: Block, header: Header, frame: Frame) -> tuple[Any, ...]:
    counts = (len(block.transactions), len(block.receipts), len(block.events))
    facts = (block.height, header.time, header.first, *counts)
    return (*facts, block.header, frame.link, frame.digest)


def insert_block(
    connection: sqlite3.Connection,
    block: Block,
    header: Header,
    frame: Frame,
    ids: Sequence[str],
) -> None:
    """Append the rows of a block inside the open transaction.

    Args:
        connection: the writing connection.
        block: the block.
        header: its header.
        frame: its frame in the block log.
        ids: ids of its transactions, in order.
    """
    connection.execute(
        "INSERT INTO blocks VALUES (?,?,?,?,?,?,?,?,?)",
        _make_row(block, header, frame),
    )
    transactions, receipts, events = _make_rows(block, header, ids)
    connection.executemany("INSERT INTO transactions VALUES (?,?,?,?,?)", transactions)
    connection.executemany("INSERT INTO receipts VALUES (?,?,?,?)", receipts)
    connection.executemany("INSERT INTO events VALUES (?,?,?,?)", events)


def rebuild_frame(connection: sqlite3.Connection, height: int) -> Frame | None:
    """Return the exact frame of a block, or nothing if it has no row.

    Raises:
        RowsDamagedError: a column is not what the block would be stored as.
        sqlite3.Error: the disk failed.
    """
    try:
        return _rebuild(connection, height)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        raise RowsDamagedError(str(error)) from error
    except (
        LedgerError,
        ArithmeticError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        # A flipped bit can turn a column into any type and any value.
        known = isinstance(error, LedgerError)
        what = error if known else "a column has another form"
        raise RowsDamagedError(f"block {height}: {what}") from error


def _rebuild(connection: sqlite3.Connection, height: int) -> Frame | None:
    row = connection.execute(
        "SELECT * FROM blocks WHERE height=?", (height,)
    ).fetchone()
    if row is None:
        return None
    header = Header.decode(row[6])
    base = height << PLACE_SHIFT
    found = (
        _range(connection, "transactions", "leaf", header.first, header.count),
        _range(connection, "receipts", "place", base, row[4]),
        _range(connection, "events", "place", base, row[5]),
    )
    parts = (tuple(item[-1] for item in rows) for rows in found)
    block = Block(height, row[6], *parts)
    frame = make_frame(height, row[7], encode_block(block))
    ids = [envelope_id(envelope) for envelope in block.transactions]
    if row != _make_row(block, header, frame):
        raise RowsDamagedError(f"block {height}: rows do not give its digest")
    if found != _make_rows(block, header, ids):
        raise RowsDamagedError(f"block {height}: a column was changed")
    return frame


def _range(
    connection: sqlite3.Connection, table: str, key: str, start: int, count: int
) -> list[tuple[Any, ...]]:
    return connection.execute(
        # Both names are constants of this module.
        f"SELECT * FROM {table} WHERE {key}>=? AND {key}<? ORDER BY {key}",  # noqa: S608
        (start, start + count),
    ).fetchall()


def check_form(connection: sqlite3.Connection) -> None:
    """Return if SQLite itself finds nothing wrong with the file.

    Raises:
        RowsDamagedError: what it found.
    """
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise RowsDamagedError(str(found))


def _put_state(connection: sqlite3.Connection, name: str, content: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO state VALUES (?,?)", (name, content))


def _take_state(connection: sqlite3.Connection, name: str) -> bytes:
    row = connection.execute(
        "SELECT content FROM state WHERE name=?", (name,)
    ).fetchone()
    if row is None or type(row[0]) is not bytes:
        raise RowsDamagedError(f"state row {name}")
    return bytes(row[0])


def write_facts(connection: sqlite3.Connection, facts: Facts) -> None:
    """Replace the copy of the node's small facts."""
    _put_state(connection, "facts", facts.encode())


def read_facts(connection: sqlite3.Connection) -> Facts:
    """Return the copy of the node's small facts.

    Raises:
        RowsDamagedError: it is missing or not whole.
    """
    facts = Facts.decode(_take_state(connection, "facts"))
    if facts is None:
        raise RowsDamagedError("state row facts")
    return facts


def write_index_state(connection: sqlite3.Connection, state: IndexState) -> None:
    """Replace how far the runs reach."""
    raw = b"%d %d %d" % (SCHEMA, state.runs, state.next_height)
    _put_state(connection, "index", raw + b" " + _short_check(raw))


def read_index_state(connection: sqlite3.Connection) -> IndexState:
    """Return how far the runs reach.

    Raises:
        RowsDamagedError: the row is missing or not whole.
        LedgerError: ``store_version``, the tables are of another version.
    """
    raw, _, check = _take_state(connection, "index").rpartition(b" ")
    if _short_check(raw) != check:
        raise RowsDamagedError("state row index")
    schema, runs, next_height = map(int, raw.split())
    if schema != SCHEMA:
        raise LedgerError("store_version", expected=SCHEMA, found=schema)
    return IndexState(runs, next_height)


def _short_check(raw: bytes) -> bytes:
    return sha256(raw).hexdigest()[:16].encode()


def insert_run(
    connection: sqlite3.Connection, run: int, leaves: Mapping[str, int]
) -> None:
    """Append one sorted run of transaction ids inside the open transaction.

    An entry is 40 bits of the id and the leaf's distance from the first leaf.
    Entries are cut into buckets by the id's first bits, one row a bucket, so a
    lookup reads 2 kB a run.

    Args:
        connection: the writing connection.
        run: number of the run, from 0.
        leaves: id to leaf; the leaves lie within 2^24 of each other.
    """
    first = min(leaves.values())
    entries = array(
        "Q",
        sorted(
            int(name[:10], 16) << _OFFSET_BITS | (leaf - first)
            for name, leaf in leaves.items()
        ),
    )
    edges = [
        bisect_left(entries, bucket << _BUCKET_SHIFT) for bucket in range(RUN_BUCKETS)
    ]
    rows = []
    for bucket, (lo, hi) in enumerate(
        zip(edges, [*edges[1:], len(entries)], strict=True)
    ):
        place = run * RUN_BUCKETS + bucket
        raw = _big_endian(entries[lo:hi]).tobytes()
        rows.append((place, first, raw + _run_check(place, first, raw)))
    connection.executemany("INSERT INTO transaction_runs VALUES (?,?,?)", rows)


def _run_check(place: int, first: int, raw: bytes) -> bytes:
    return sha256(b"%d %d " % (place, first) + raw).digest()[:8]


def _big_endian(entries: array[int]) -> array[int]:
    copy = array("Q", entries)
    if array("H", [1]).tobytes() == b"\x01\x00":
        copy.byteswap()
    return copy


def _read_bucket(connection: sqlite3.Connection, place: int) -> tuple[int, array[int]]:
    row = connection.execute(
        "SELECT first, entries FROM transaction_runs WHERE place=?", (place,)
    ).fetchone()
    if row is None or type(row[0]) is not int or type(row[1]) is not bytes:
        raise RowsDamagedError(f"run row {place}")
    first, raw = row[0], row[1][:-8]
    if _run_check(place, first, raw) != row[1][-8:]:
        raise RowsDamagedError(f"run row {place}")
    return first, _big_endian(array("Q", raw))


def check_runs(connection: sqlite3.Connection, state: IndexState) -> None:
    """Return if every bucket of every run is whole.

    Raises:
        RowsDamagedError: one is missing or not what was written.
    """
    for place in range(state.runs * RUN_BUCKETS):
        _read_bucket(connection, place)


def find_leaves(connection: sqlite3.Connection, runs: int, name: str) -> Iterator[int]:
    """Yield the leaves whose id begins like this one, newest run first.

    Args:
        connection: any connection.
        runs: number of runs.
        name: transaction id, 64 hex digits.

    Raises:
        RowsDamagedError: a bucket is not what was written.
    """
    prefix = int(name[:10], 16) << _OFFSET_BITS
    bucket = prefix >> _BUCKET_SHIFT
    for run in range(runs - 1, -1, -1):
        first, entries = _read_bucket(connection, run * RUN_BUCKETS + bucket)
        for entry in entries[bisect_left(entries, prefix) :]:
            if entry - prefix >= _OFFSETS:
                break
            yield first + entry - prefix


def find_height(connection: sqlite3.Connection, leaf: int) -> int:
    """Return the height of the block that a transaction leaf is in.

    Raises:
        RowsDamagedError: there is no such row.
    """
    row = connection.execute(
        "SELECT height FROM transactions WHERE leaf=?", (leaf,)
    ).fetchone()
    if row is None or type(row[0]) is not int:
        raise RowsDamagedError(f"transaction row {leaf}")
    return int(row[0])


def write_due_run(
    connection: sqlite3.Connection,
    state: IndexState,
    recent: Mapping[str, int],
    added: Mapping[str, int],
    header: Header,
) -> IndexState:
    """Write the collected ids as a run if it is time; return the new state.

    Args:
        connection: the writing connection, inside a transaction.
        state: how far the runs reach; returned as it is if none is due.
        recent: ids of earlier blocks that are in no run yet, in leaf order.
        added: ids of the block being written.
        header: header of that block.
    """
    first = next(iter(recent.values()), header.first)
    count = len(recent) + len(added)
    # A chain of blocks without transactions spreads few ids over many leaves.
    if not count or (count < RUN_TRANSACTIONS and header.leaf - first < _OFFSETS // 2):
        return state
    insert_run(connection, state.runs, {**recent, **added})
    new = IndexState(state.runs + 1, header.height + 1)
    write_index_state(connection, new)
    return new
