"""Blocks and headers: what is sealed, hashed and stored as one piece.

A block is its transactions, the receipts of everything it did, its events and
one header. The header is unsigned canonical JSON, identical on every node, and
the last leaf of its block; the next header names its hash. In block 0 the
transactions are the genesis envelope and one ``rules.publish`` a file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, pairwise
from typing import Final

from ledger.encoding import INTEGER_MAX, decode, digest, encode
from ledger.errors import LedgerError

HEADER_TYPE: Final = "allonge.header.v1"
HEADER_FIELDS: Final = (
    "count",
    "first",
    "height",
    "log_root",
    "prev",
    "results_root",
    "rules",
    "state_root",
    "t",
    "time",
)
NO_HASH: Final = "0" * 64
BLOCK_BYTES_MAX: Final = 256 * 1024 * 1024

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_HEAD: Final = struct.Struct(">QIIII")


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of a block that everything else is proven against.

    Attributes:
        count: number of transaction leaves, without the header's own.
        first: index of the first transaction leaf.
        height: number of the block, from 0.
        log_root: root of the log at size ``first + count``, hex.
        prev: hash of the previous header; 64 zeros at height 0.
        results_root: root over the receipts, hex.
        rules: hash of the rulebook, hex.
        state_root: root of the state map after the block, hex.
        time: block time in UTC milliseconds.
    """

    count: int
    first: int
    height: int
    log_root: str
    prev: str
    results_root: str
    rules: str
    state_root: str
    time: int

    def encode(self) -> bytes:
        """Return the canonical bytes, the last leaf of the block."""
        content = {name: getattr(self, name) for name in _OWN_FIELDS}
        return encode(content | {"t": HEADER_TYPE})

    @classmethod
    def decode(cls, raw: bytes) -> Header:
        """Return the header whose canonical bytes these are.

        Raises:
            LedgerError: ``bad_json``; ``bad_block``, a field is missing,
                unknown or of the wrong form.
        """
        content = decode(raw)
        if not isinstance(content, dict) or tuple(sorted(content)) != HEADER_FIELDS:
            raise LedgerError("bad_block", expected="exactly the header's fields")
        if content.pop("t") != HEADER_TYPE:
            raise LedgerError("bad_block", expected=HEADER_TYPE)
        for name, value in content.items():
            _check_field(name, value)
        return cls(**content)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the canonical bytes: the app hash, 32 bytes."""
        return digest(self.encode())

    @property
    def leaf(self) -> int:
        """Index of the header's own leaf."""
        return self.first + self.count

    @property
    def size(self) -> int:
        """Size of the log just after this header."""
        return self.first + self.count + 1


_OWN_FIELDS: Final = tuple(field.name for field in fields(Header))
_NUMBERS: Final = frozenset({"count", "first", "height", "time"})


def _check_field(name: str, value: object) -> None:
    if name in _NUMBERS:
        # bool is an int in Python; `true` is not a number of this format.
        if type(value) is not int or not 0 <= value <= INTEGER_MAX:
            raise LedgerError("bad_block", expected=f"{name} from 0", found=value)
    elif not isinstance(value, str) or not _HEX_64.fullmatch(value):
        raise LedgerError("bad_block", expected=f"{name} as 64 hex digits", found=value)


@dataclass(frozen=True, slots=True)
class Block:
    """One sealed block, all of it as bytes.

    Attributes:
        height: number of the block, from 0.
        header: canonical header bytes.
        transactions: envelope bytes in leaf order.
        receipts: canonical JSON; transactions in order, then automatic steps.
        events: canonical JSON in the order they happened.
    """

    height: int
    header: bytes
    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    events: tuple[bytes, ...]


def encode_block(block: Block) -> bytes:
    """Return the one byte string of this block.

    Height and counts, then every length, then the parts themselves; big-endian
    and without padding, so equal blocks give equal bytes on every machine.

    Raises:
        LedgerError: ``too_large``, over ``BLOCK_BYTES_MAX``.
    """
    parts = (*block.transactions, *block.receipts, *block.events)
    head = _HEAD.pack(
        block.height,
        len(block.header),
        len(block.transactions),
        len(block.receipts),
        len(block.events),
    )
    lengths = struct.pack(f">{len(parts)}I", *map(len, parts))
    raw = b"".join((head, lengths, block.header, *parts))
    if len(raw) > BLOCK_BYTES_MAX:
        raise LedgerError(
            "too_large", expected=f"at most {BLOCK_BYTES_MAX} bytes", found=len(raw)
        )
    return raw


def decode_block(raw: bytes) -> Block:
    """Return the block whose encoding these bytes are.

    Raises:
        LedgerError: ``bad_block``, the lengths do not add up to the bytes.
    """
    if len(raw) < _HEAD.size:
        raise LedgerError("bad_block", expected="a block", found=f"{len(raw)} bytes")
    height, header_bytes, *counts = _HEAD.unpack_from(raw)
    start = _HEAD.size + 4 * sum(counts)
    if start > len(raw):
        raise LedgerError("bad_block", expected="all lengths", height=height)
    lengths = struct.unpack_from(f">{sum(counts)}I", raw, _HEAD.size)
    ends = list(accumulate(chain((header_bytes,), lengths), initial=start))
    if ends[-1] != len(raw):
        raise LedgerError(
            "bad_block",
            expected=f"{ends[-1]} bytes",
            found=f"{len(raw)} bytes",
            height=height,
        )
    parts = [raw[lo:hi] for lo, hi in pairwise(ends)]
    return Block(height, parts[0], *_group(parts[1:], counts))


def _group(
    parts: Sequence[bytes], counts: Sequence[int]
) -> Iterator[tuple[bytes, ...]]:
    start = 0
    for count in counts:
        yield tuple(parts[start : start + count])
        start += count


def check_header(block: Block, previous: Header | None) -> Header:
    """Return the block's header if it follows the previous one.

    Roots are not checked here: they need the log and the state before.

    Args:
        block: the block to look at.
        previous: header of the block below; none before block 0.

    Raises:
        LedgerError: ``bad_json`` or ``bad_block`` with the height.
    """
    header = Header.decode(block.header)
    expected = {
        "height": 0 if previous is None else previous.height + 1,
        "prev": NO_HASH if previous is None else previous.hash.hex(),
        "first": 0 if previous is None else previous.size,
        "count": len(block.transactions),
    }
    for name, value in expected.items():
        found = getattr(header, name)
        if found != value:
            raise LedgerError(
                "bad_block",
                expected=f"{name} {value}",
                found=found,
                height=block.height,
            )
    if block.height != header.height:
        raise LedgerError("bad_block", expected=header.height, height=block.height)
    if previous is not None and header.time <= previous.time:
        raise LedgerError(
            "bad_block",
            expected=f"time after {previous.time}",
            found=header.time,
            height=block.height,
        )
    return header


def date_at(time: int, offset_minutes: int) -> str:
    """Return the date of a block time, UTC milliseconds, in a zone."""
    moment = datetime.fromtimestamp(0, UTC)
    moment += timedelta(milliseconds=time, minutes=offset_minutes)
    return moment.date().isoformat()
