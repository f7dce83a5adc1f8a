"""The engine's clock: real time, or a file that a test chain is driven by."""

from __future__ import annotations

import time
from pathlib import Path

from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError


class Clock:
    """Real time in UTC milliseconds.

    Attributes:
        can_jump: whether it may move by more than the time that passes.
    """

    can_jump = False

    def now_ms(self) -> int:
        """Return the time."""
        return time.time_ns() // 1_000_000


class FileClock(Clock):
    """The time that a file says; read again whenever the file has changed."""

    can_jump = True

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            LedgerError: ``bad_payload``, it does not hold a time.
        """
        self._path = path
        self._stamp = (-1, -1, -1)
        self._now_ms = 0
        self._read()

    def now_ms(self) -> int:
        """Return the time; while the file cannot be read, the last one."""
        try:
            self._read()
        except (LedgerError, OSError):
            # Whoever replaces the file may be half way through: look again.
            self._stamp = (-1, -1, -1)
        return self._now_ms

    def _read(self) -> None:
        facts = self._path.stat()
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if stamp == self._stamp:
            return
        text = self._path.read_text("ascii", errors="replace").strip()
        if not text.isdecimal() or not 0 < int(text[:16]) <= INTEGER_MAX:
            raise LedgerError("bad_payload", expected="UTC milliseconds in the clock")
        self._stamp, self._now_ms = stamp, int(text[:16])
