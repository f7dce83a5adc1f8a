"""Hashed snapshots of live state: a faster start, never a source of truth.

A snapshot is written off the commit path, under a temporary name, and gets
its name only when every byte is durable. One that is not whole is skipped;
at worst the start replays more blocks.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from ledger.blocklog import sync_folder

SNAPSHOTS_KEPT: Final = 2

_MAGIC: Final = b"ALLSNAP\x01"
_HEAD: Final = struct.Struct(">8sQ32s")
_LENGTHS: Final = struct.Struct(">II")
_DIGEST_BYTES: Final = 32
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot whose digest was verified.

    Attributes:
        height: height of the block after which it was taken.
        head_hash: hash of that block's header, 32 bytes.
        path: its file.
    """

    height: int
    head_hash: bytes
    path: Path

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value in the order they were saved."""
        with self.path.open("rb") as stream:
            stream.seek(_HEAD.size)
            rest = self.path.stat().st_size - _HEAD.size - _DIGEST_BYTES
            buffer = b""
            while rest:
                chunk = stream.read(min(rest, _CHUNK_BYTES))
                rest -= len(chunk)
                buffer += chunk
                offset = yield from _split(buffer)
                buffer = buffer[offset:]


def _split(buffer: bytes) -> Generator[tuple[bytes, bytes], None, int]:
    """Yield the whole items of a buffer; return where the next one begins."""
    offset, end = 0, len(buffer)
    while offset + _LENGTHS.size <= end:
        key_bytes, value_bytes = _LENGTHS.unpack_from(buffer, offset)
        key_end = offset + _LENGTHS.size + key_bytes
        value_end = key_end + value_bytes
        if value_end > end:
            break
        yield buffer[offset + _LENGTHS.size : key_end], buffer[key_end:value_end]
        offset = value_end
    return offset


def save_snapshot(
    folder: Path, height: int, head_hash: bytes, items: Iterable[tuple[bytes, bytes]]
) -> Path:
    """Return the durable file that now holds these items; older ones go.

    Args:
        folder: folder of the ledger.
        height: height of the block after which the state stands.
        head_hash: hash of that block's header.
        items: key and value, in any order.

    Raises:
        OSError: the disk refused; no snapshot has changed.
    """
    target = folder / f"snapshot-{height:012d}.bin"
    temporary = folder / f"snapshot-{height:012d}.tmp"
    try:
        with temporary.open("wb") as stream:
            _write(stream, _HEAD.pack(_MAGIC, height, head_hash), items)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    for old in _files(folder)[SNAPSHOTS_KEPT:]:
        old.unlink()
    return target


def _write(stream: BinaryIO, head: bytes, items: Iterable[tuple[bytes, bytes]]) -> None:
    check = sha256(head)
    stream.write(head)
    parts: list[bytes] = []
    pending = 0
    for key, value in items:
        parts += (_LENGTHS.pack(len(key), len(value)), key, value)
        pending += len(key) + len(value)
        if pending >= _CHUNK_BYTES:
            raw = b"".join(parts)
            check.update(raw)
            stream.write(raw)
            parts, pending = [], 0
    raw = b"".join(parts)
    check.update(raw)
    stream.write(raw + check.digest())


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("snapshot-*.bin"), reverse=True)


def load_snapshots(folder: Path) -> Iterator[Snapshot]:
    """Yield the whole snapshots of a folder, newest first."""
    for path in _files(folder):
        snapshot = _verify(path)
        if snapshot is not None:
            yield snapshot


def _verify(path: Path) -> Snapshot | None:
    rest = path.stat().st_size - _DIGEST_BYTES
    if rest < _HEAD.size:
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD.size)
        magic, height, head_hash = _HEAD.unpack(head)
        check = sha256(head)
        rest -= len(head)
        while rest:
            chunk = stream.read(min(rest, _CHUNK_BYTES))
            if not chunk:
                return None
            check.update(chunk)
            rest -= len(chunk)
        whole = stream.read() == check.digest()
    if magic != _MAGIC or not whole:
        return None
    return Snapshot(height, head_hash, path)
