"""The append-only block log: the ledger itself, one frame a block.

A frame is 64 bytes of head, the body and 32 bytes of digest::

    magic 8 | height 8 | body size 8 | link 32 | check 8 | body | digest 32

``check`` is the start of SHA-256 over the 56 bytes before it, so a length is
believed only when its own checksum holds. ``digest`` is SHA-256 over head and
body, and ``link`` is the digest of the frame below (zeros at height 0): every
frame pins the exact bytes of all frames under it.

Frames lie in segment files named by the height of their first frame. Nothing
here decides what to do about damage; ``recovery`` does.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from array import array
from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.blocks import BLOCK_BYTES_MAX
from ledger.errors import LedgerError

MAGIC: Final = b"ALLONGE\x01"
NO_LINK: Final = bytes(32)
SEGMENT_BYTES: Final = 32 * 1024 * 1024

_HEAD: Final = struct.Struct(">8sQQ32s8s")
_HEAD_BYTES: Final = 64
_DIGEST_BYTES: Final = 32
_CHECK_BYTES: Final = 8
_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose checksums have been verified or just been made.

    Attributes:
        height: height of the block in it.
        link: digest of the frame below.
        body: encoded block.
        digest: SHA-256 over head and body.
    """

    height: int
    link: bytes
    body: bytes
    digest: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes the frame takes in its segment."""
        return _HEAD_BYTES + len(self.body) + _DIGEST_BYTES

    @property
    def raw(self) -> bytes:
        """The bytes as they lie in the segment."""
        head = _pack_head(self.height, self.link, len(self.body))
        return b"".join((head, self.body, self.digest))


def make_frame(height: int, link: bytes, body: bytes) -> Frame:
    """Return the one frame of this body on top of the frame ``link``."""
    check = sha256(_pack_head(height, link, len(body)))
    check.update(body)
    return Frame(height, link, body, check.digest())


def _pack_head(height: int, link: bytes, body_bytes: int) -> bytes:
    plain = _HEAD.pack(MAGIC, height, body_bytes, link, b"")[:-_CHECK_BYTES]
    return plain + sha256(plain).digest()[:_CHECK_BYTES]


def read_frame(file: int, offset: int) -> Frame:
    """Return the whole frame at this place of an open file.

    Raises:
        LedgerError: ``bad_block``, there is no whole frame there.
    """
    link, height, body_bytes = _read_head(file, offset)
    rest = os.pread(file, body_bytes + _DIGEST_BYTES, offset + _HEAD_BYTES)
    if len(rest) != body_bytes + _DIGEST_BYTES:
        raise LedgerError("bad_block", expected="a whole frame", height=height)
    frame = make_frame(height, link, rest[:body_bytes])
    if frame.digest != rest[body_bytes:]:
        raise LedgerError(
            "bad_block",
            expected=frame.digest.hex(),
            found=rest[body_bytes:].hex(),
            height=height,
        )
    return frame


def _read_head(file: int, offset: int) -> tuple[bytes, int, int]:
    raw = os.pread(file, _HEAD_BYTES, offset)
    if len(raw) != _HEAD_BYTES:
        raise LedgerError("bad_block", expected="a frame", found=f"{len(raw)} bytes")
    magic, height, body_bytes, link, _ = _HEAD.unpack(raw)
    if _pack_head(height, link, body_bytes) != raw:
        raise LedgerError("bad_block", expected="a frame head", found=magic.hex())
    if body_bytes > BLOCK_BYTES_MAX:
        raise LedgerError("bad_block", expected=f"at most {BLOCK_BYTES_MAX} bytes")
    return link, height, body_bytes


def write_fully(file: int, raw: bytes, offset: int) -> None:
    """Write all bytes at the offset.

    Raises:
        OSError: the system took fewer bytes and would not say why.
    """
    view = memoryview(raw)
    while view:
        written = os.pwrite(file, view, offset)
        if written <= 0:
            raise OSError(errno.EIO, "short write")
        view = view[written:]
        offset += written


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: creation, renaming, removal."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_name(path: Path) -> Path:
    """Return the path, with a number added if it is taken."""
    number, candidate = 1, path
    while candidate.exists():
        candidate = path.with_name(f"{path.name}.{number}")
        number += 1
    return candidate


class BlockLog:
    """The segments of one folder, read by anyone and appended to by one.

    Reading never trusts an index: places are found by walking frame heads
    and every frame is verified when it is read.
    """

    def __init__(self, folder: Path) -> None:
        """Look at the segments that are there; nothing is created."""
        self.folder = folder
        names = folder.glob("blocks-*.log") if folder.is_dir() else ()
        self.segments: list[int] = sorted(
            int(path.stem[7:]) for path in names if path.stem[7:].isdigit()
        )
        self._places: dict[int, array[int]] = {}
        self._lock = threading.Lock()
        self._file = -1
        self._end = 0
        self._link = NO_LINK

    def path(self, segment: int) -> Path:
        """Return the file of the segment that begins at this height."""
        return self.folder / f"blocks-{segment:012d}.log"

    def size_bytes(self, segment: int) -> int:
        """Return the size of a segment's file."""
        return self.path(segment).stat().st_size

    def open_segment(self, segment: int) -> int:
        """Return a file descriptor for reading; the caller closes it."""
        return os.open(self.path(segment), os.O_RDONLY | os.O_CLOEXEC)

    def read(self, height: int) -> Frame:
        """Return the frame of this height, verified.

        Raises:
            LedgerError: ``bad_block`` with the height; it is not there or
                not whole.
        """
        segment = self._segment_of(height)
        file = self.open_segment(segment)
        try:
            frame = read_frame(file, self._place(file, segment, height))
        except LedgerError as error:
            raise LedgerError(
                "bad_block", expected=error.expected, found=error.found, height=height
            ) from error
        finally:
            os.close(file)
        if frame.height != height:
            raise LedgerError("bad_block", found=frame.height, height=height)
        return frame

    def read_on(self, start: int, stop: int) -> Iterator[Frame]:
        """Yield the frames of heights ``[start, stop)``, verified."""
        height = start
        while height < stop:
            segment = self._segment_of(height)
            file = self.open_segment(segment)
            try:
                offset = self._place(file, segment, height)
                end = os.fstat(file).st_size
                while height < stop and offset < end:
                    frame = read_frame(file, offset)
                    if frame.height != height:
                        raise LedgerError("bad_block", found=frame.height)
                    yield frame
                    height, offset = height + 1, offset + frame.size_bytes
            except LedgerError as error:
                raise LedgerError(
                    "bad_block",
                    expected=error.expected,
                    found=error.found,
                    height=height,
                ) from error
            finally:
                os.close(file)

    def _segment_of(self, height: int) -> int:
        index = bisect_right(self.segments, height) - 1
        if index < 0:
            raise LedgerError("bad_block", expected="a segment", height=height)
        return self.segments[index]

    def _place(self, file: int, segment: int, height: int) -> int:
        # A sealed segment is walked once, head by head (2 us each), and its
        # offsets are kept as 8 bytes a block: no index file that could lie.
        with self._lock:
            places = self._places.setdefault(segment, array("Q"))
            while len(places) <= height - segment:
                offset = 0
                if places:
                    offset = places[-1]
                    _, _, body_bytes = _read_head(file, offset)
                    offset += _HEAD_BYTES + body_bytes + _DIGEST_BYTES
                _read_head(file, offset)
                places.append(offset)
            return places[height - segment]

    def start_appending(self, height: int, link: bytes) -> None:
        """Open the last segment for writing on top of frame ``link``.

        Args:
            height: height of the next frame.
            link: digest of the last frame; zeros in an empty log.
        """
        if not self.segments:
            self.create_segment(height)
        last = self.segments[-1]
        self._file = os.open(self.path(last), os.O_RDWR | os.O_CLOEXEC)
        self._end = os.fstat(self._file).st_size
        self._link = link

    def append(self, height: int, body: bytes) -> Frame:
        """Make the block of this height durable and return its frame.

        Raises:
            OSError: the disk refused; whether the frame survives is unknown.
        """
        frame = make_frame(height, self._link, body)
        if self._end and self._end + frame.size_bytes > SEGMENT_BYTES:
            self._roll(height)
        write_fully(self._file, frame.raw, self._end)
        os.fdatasync(self._file)
        self._note_place(height, self._end)
        self._end += frame.size_bytes
        self._link = frame.digest
        return frame

    def _note_place(self, height: int, offset: int) -> None:
        with self._lock:
            segment = self.segments[-1]
            places = self._places.setdefault(segment, array("Q"))
            if len(places) == height - segment:
                places.append(offset)

    def _roll(self, height: int) -> None:
        file, self._file = self._file, -1
        os.close(file)
        self.create_segment(height)
        self._file = os.open(self.path(height), os.O_RDWR | os.O_CLOEXEC)
        self._end = 0

    def create_segment(self, height: int) -> None:
        """Create an empty segment file whose name is durable."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.open(self.path(height), flags, _FILE_MODE)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        # Without this a power cut could lose the whole file although every
        # frame in it was synced.
        sync_folder(self.folder)
        insort(self.segments, height)

    def rewrite(self, segment: int, offset: int, raw: bytes) -> None:
        """Write repaired frames into a segment and make them durable."""
        if segment not in self.segments:
            self.create_segment(segment)
        file = os.open(self.path(segment), os.O_RDWR | os.O_CLOEXEC)
        try:
            write_fully(file, raw, offset)
            os.fsync(file)
        finally:
            os.close(file)
        self._places.clear()

    def keep_copy(self, segment: int, offset: int, size_bytes: int, name: str) -> None:
        """Copy bytes of a segment into a durable file next to it.

        Args:
            segment: segment to copy from.
            offset: first byte.
            size_bytes: bytes to copy, fewer if the file ends before.
            name: what the new file's name ends with.
        """
        source = self.path(segment)
        if not source.exists():
            return
        with source.open("rb") as stream:
            stream.seek(offset)
            raw = stream.read(size_bytes)
        if raw:
            target = free_name(source.with_name(f"{source.name}.{name}"))
            with target.open("xb") as copy:
                copy.write(raw)
                copy.flush()
                os.fsync(copy.fileno())
            sync_folder(self.folder)

    def cut(self, segment: int, offset: int) -> None:
        """Shorten a segment to this many bytes, durably."""
        file = os.open(self.path(segment), os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(file, offset)
            os.fsync(file)
        finally:
            os.close(file)
        self._places.clear()

    def close(self) -> None:
        """Close the segment that is open for writing, if any."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
