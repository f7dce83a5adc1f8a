"""What a start does about the two copies of the ledger, decided before done.

``survey`` only reads. It walks the block log, compares the rows and returns a
``Plan``; an audit stops there. ``Plan`` is carried out by ``apply_to_log`` and
the store. The rules, in this order:

* a frame that is not whole, at a height the rows hold: rebuilt from the rows,
  if the last rebuilt block is named by the frame above it or by a checkpoint;
* a tail that is not whole, above the rows: moved aside, if nothing whole lies
  behind it, as only a write cut short by a crash looks like that;
* rows that are missing or damaged: written anew from the log;
* two whole copies that differ, a broken chain, or a checkpoint ahead of both:
  refused with the height of the block, as no accident explains it.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass, field
from typing import Final

from ledger.blocklog import MAGIC, NO_LINK, BlockLog, Frame, read_frame
from ledger.blocks import Header, check_header, decode_block
from ledger.encoding import decode_base64
from ledger.errors import LedgerError
from ledger.log import Log
from ledger.rows import RowsDamagedError, rebuild_frame
from ledger.slots import Facts

SEGMENTS_CHECKED: Final = 2
LOG_COPY: Final = "the block log"
ROWS_COPY: Final = "the SQLite copy"


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes of a segment that belong to no block."""

    segment: int
    offset: int
    height: int


@dataclass(frozen=True, slots=True)
class Repair:
    """Frames to be written over what is damaged."""

    segment: int
    offset: int
    raw: bytes
    height: int


@dataclass(slots=True)
class Plan:
    """What has to be done so that both copies are whole and equal.

    Attributes:
        repairs: frames of the log to write anew.
        tails: ends of segments to move aside.
        rows_damaged: the rows must be written anew from block 0.
        rows_head: last height the rows hold, -1 if none.
        header: header of the last block after the repairs.
        digest: digest of its frame.
        head_frame: where the last frame lies, to be written a second time.
        first_difference: lowest height at which the copies differ, -1 if none.
        difference: which copy it is, and what is wrong with it there.
    """

    repairs: list[Repair] = field(default_factory=list)
    tails: list[Tail] = field(default_factory=list)
    rows_damaged: bool = False
    rows_head: int = -1
    header: Header | None = None
    digest: bytes = NO_LINK
    head_frame: Repair | None = None
    first_difference: int = -1
    difference: str = ""

    @property
    def log_head(self) -> int:
        """Last height of the log after the repairs, -1 if none."""
        return -1 if self.header is None else self.header.height

    def note_difference(self, height: int, what: str) -> None:
        """Remember the lowest height at which something is to be done, and what."""
        if self.first_difference < 0 or height < self.first_difference:
            self.first_difference, self.difference = height, what


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known before the log is read.

    Attributes:
        rows: connection to the rows, if they can be opened at all.
        rows_head: last height they claim to hold, -1 if none.
        rows_damage: what SQLite itself found wrong with them, if anything.
        facts: the node's facts, for the latest checkpoint.
        known_size: largest log size that anybody's checkpoint vouches for.
    """

    rows: sqlite3.Connection | None
    rows_head: int
    rows_damage: str
    facts: Facts
    known_size: int = 0


class _NeedsAllError(Exception):
    """What the quick look found cannot be judged without reading everything."""


def survey(log: BlockLog, evidence: Evidence, *, thorough: bool) -> Plan:
    """Return what must be done; read the last segments, or all of them.

    Raises:
        LedgerError: ``bad_block`` with the height; the copies contradict each
            other or what they hold does not suffice.
        sqlite3.Error: the disk failed.
        OSError: the disk failed.
    """
    quick = not thorough and len(log.segments) > SEGMENTS_CHECKED
    try:
        return _Survey(log, evidence, quick=quick).run()
    except _NeedsAllError:
        return _Survey(log, evidence, quick=False).run()


def _refuse(height: int, expected: object = "", found: object = "") -> LedgerError:
    return LedgerError("bad_block", expected=expected, found=found, height=height)


class _Survey:
    """One walk over the log, block by block upwards."""

    def __init__(self, log: BlockLog, evidence: Evidence, *, quick: bool) -> None:
        self._log = log
        self._evidence = evidence
        self._quick = quick
        self._plan = Plan(rows_head=evidence.rows_head)
        self._rows_damage = ""
        self._rebuilt: dict[int, Frame] = {}
        self._height = 0
        self._segment = log.segments[0] if log.segments else 0
        self._offset = 0
        if log.segments and log.segments[0] > 0:
            self._segment = 0  # the file is gone; rows may bring it back

    def run(self) -> Plan:
        """Return the plan of the whole walk."""
        if self._evidence.rows_damage:
            self._mark_damaged()
        if self._quick:
            self._skip_to_last_segments()
        while True:
            frame = self._look()
            if frame is not None:
                self._accept(frame)
                self._compare(frame)
            elif self._height <= self._evidence.rows_head:
                self._rebuild()
            else:
                break
        self._end()
        return self._plan

    def _skip_to_last_segments(self) -> None:
        start = self._log.segments[-SEGMENTS_CHECKED]
        try:
            below = self._log.read(start - 1)
            header = Header.decode(decode_block(below.body).header)
        except LedgerError as error:
            raise _NeedsAllError from error
        self._plan.header, self._plan.digest = header, below.digest
        self._height, self._segment, self._offset = start, start, 0

    def _settle(self) -> None:
        """Step into the segment that is named by this height, if there is one."""
        if self._height in self._log.segments and self._segment != self._height:
            if self._offset < self._segment_bytes():
                self._note_tail()
            self._segment, self._offset = self._height, 0

    def _segment_bytes(self) -> int:
        if self._segment not in self._log.segments:
            return 0
        return self._log.size_bytes(self._segment)

    def _look(self) -> Frame | None:
        """Return the frame of the current height if a whole one is there."""
        self._settle()
        if self._offset >= self._segment_bytes():
            return None
        file = self._log.open_segment(self._segment)
        try:
            frame = read_frame(file, self._offset)
        except LedgerError:
            return None
        finally:
            os.close(file)
        found = (frame.height, frame.link)
        if found != (self._height, self._plan.digest):
            raise _refuse(self._height, "the frame above the last one", frame.height)
        return frame

    def _accept(self, frame: Frame) -> None:
        """Take a frame as the next one, if its header follows the last."""
        try:
            header = check_header(decode_block(frame.body), self._plan.header)
        except LedgerError as error:
            raise _refuse(self._height, error.expected, error.found) from error
        self._plan.header, self._plan.digest = header, frame.digest
        self._plan.head_frame = Repair(
            self._segment, self._offset, frame.raw, self._height
        )
        self._offset += frame.size_bytes
        self._height += 1

    def _compare(self, frame: Frame) -> None:
        """Compare the rows of a block whose frame is whole."""
        if frame.height > self._evidence.rows_head:
            return
        rows = self._read_rows(frame.height)
        if rows is None:
            self._mark_damaged()
            self._plan.note_difference(frame.height, self._rows_damage)
        elif rows.digest != frame.digest:
            raise _refuse(frame.height, frame.digest.hex(), rows.digest.hex())

    def _read_rows(self, height: int) -> Frame | None:
        """Return the frame that the rows give, or nothing and note the damage."""
        self._rows_damage = f"{ROWS_COPY} has no block {height}"
        if self._evidence.rows is None:
            return None
        try:
            return rebuild_frame(self._evidence.rows, height)
        except RowsDamagedError as error:
            self._rows_damage = f"{ROWS_COPY}: {error}"
            return None

    def _mark_damaged(self) -> None:
        if self._quick:
            # All rows will be written anew from the log, so all of the log
            # must be verified first.
            raise _NeedsAllError
        self._plan.rows_damaged = True

    def _note_tail(self) -> None:
        self._plan.tails.append(Tail(self._segment, self._offset, self._height))
        self._plan.note_difference(
            self._height, f"{LOG_COPY}: its tail belongs to no block"
        )

    def _rebuild(self) -> None:
        """Plan frames from rows until the log goes on, or the rows end."""
        first, segment, offset = self._height, self._segment, self._offset
        frames: list[Frame] = []
        while self._height <= self._evidence.rows_head:
            frame = self._read_rows(self._height)
            if frame is None or frame.link != self._plan.digest:
                raise _refuse(self._height, "rows that rebuild the frame")
            frames.append(frame)
            self._rebuilt[frame.height] = frame
            self._accept(frame)
            # A whole frame above that does not link to this one is refused
            # there: the rows are then not what the log once held.
            if self._look() is not None:
                break
        else:
            self._check_by_checkpoint(first)
        raw = b"".join(frame.raw for frame in frames)
        self._plan.repairs.append(Repair(segment, offset, raw, first))
        self._plan.note_difference(first, f"{LOG_COPY}: a frame that is not whole")

    def _check_by_checkpoint(self, first: int) -> None:
        """Return if the latest checkpoint covers exactly what is rebuilt.

        No frame above names the last rebuilt block, so nothing else can tell
        it from one that was made up.
        """
        if self._quick:
            raise _NeedsAllError
        facts, header = self._evidence.facts, self._plan.header
        if header is None or facts.size != header.size:
            raise _refuse(first, "a checkpoint over the rebuilt blocks", facts.size)
        leaves = Log()
        for height in range(header.height + 1):
            frame = self._rebuilt.get(height) or self._log.read(height)
            block = decode_block(frame.body)
            for entry in (*block.transactions, block.header):
                leaves.append(entry)
        lines = facts.note.split("\n")
        root = decode_base64(lines[2]) if len(lines) > 2 else b""
        if leaves.root() != root:
            raise _refuse(first, "the checkpoint's root", leaves.root().hex())

    def _end(self) -> None:
        """Judge what lies above the last block."""
        later = [first for first in self._log.segments if first > self._height]
        if later:
            raise _refuse(self._height, "a frame", f"a segment from {later[0]}")
        if self._offset < self._segment_bytes():
            self._check_nothing_whole()
            self._note_tail()
        size = 0 if self._plan.header is None else self._plan.header.size
        known = max(self._evidence.known_size, self._evidence.facts.size)
        if known > size:
            raise _refuse(self._height, f"{known} leaves, by a checkpoint", size)
        if self._evidence.rows_damage:
            # What SQLite itself finds may be in no block's rows.
            what = f"{ROWS_COPY}: {self._evidence.rows_damage}"
            self._plan.note_difference(max(self._plan.log_head, 0), what)
        elif self._plan.log_head > self._plan.rows_head:
            height = self._plan.rows_head + 1
            self._plan.note_difference(height, f"{ROWS_COPY} ends before it")

    def _check_nothing_whole(self) -> None:
        """Refuse if a whole frame lies behind the bad one.

        A frame is only begun when the one before is durable: a crash leaves
        nothing whole behind a torn write, but damage does.
        """
        file = self._log.open_segment(self._segment)
        try:
            size = self._segment_bytes() - self._offset
            raw = os.pread(file, size, self._offset)
            start = raw.find(MAGIC, 1)
            while start > 0:
                if _is_whole(file, self._offset + start):
                    raise _refuse(self._height, "a whole frame")
                start = raw.find(MAGIC, start + 1)
        finally:
            os.close(file)


def _is_whole(file: int, offset: int) -> bool:
    try:
        read_frame(file, offset)
    except LedgerError:
        return False
    return True


def apply_to_log(log: BlockLog, plan: Plan) -> None:
    """Carry out the plan's part for the log; what is replaced is kept aside.

    Cut short at any point, the next survey plans the rest again.

    Raises:
        OSError: the disk failed.
    """
    for tail in plan.tails:
        size = log.size_bytes(tail.segment) - tail.offset
        log.keep_copy(tail.segment, tail.offset, size, f"torn-{tail.height}")
        log.cut(tail.segment, tail.offset)
    for repair in plan.repairs:
        size = len(repair.raw)
        log.keep_copy(repair.segment, repair.offset, size, f"bad-{repair.height}")
        log.rewrite(repair.segment, repair.offset, repair.raw)
    head = plan.head_frame
    if head is not None and plan.log_head > plan.rows_head:
        # If the crash followed a failed sync, the frame may be readable from
        # memory and yet be absent from the disk, marked clean: only writing
        # it again makes it durable before SQLite is told about it.
        log.rewrite(head.segment, head.offset, head.raw)
