"""Reading the state in memory while one thread changes it.

A reader looks at the version before and after; if a block was being entered
meanwhile it looks again, and in the end waits its turn. So a reader never
keeps the writer waiting unless it was disturbed too often.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")
TRIES: Final = 3


class Gate:
    """One writer, any number of readers that see whole blocks only."""

    def __init__(self) -> None:
        """Start with nothing being written."""
        self._lock = threading.Lock()
        self._version = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What runs inside may change the state."""
        with self._lock:
            self._version += 1
            try:
                yield
            finally:
                self._version += 1

    def read(self, look: Callable[[], T]) -> T:
        """Return what a function of the state gives on one whole block.

        Args:
            look: without effects; it may run more than once.
        """
        for _ in range(TRIES):
            before = self._version
            if before % 2:
                break
            try:
                found = look()
            except Exception:
                # A torn read may raise anything; a real error comes again.
                if self._version == before:
                    raise
                continue
            if self._version == before:
                return found
        with self._lock:
            return look()
