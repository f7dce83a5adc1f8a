"""What the demo says while it runs: one line a fact, and never a long silence."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import click

from cli.terminal import printable

SILENCE_S_MAX: Final = 1.5


class Voice:
    """Writes lines with the time since the start.

    Attributes:
        elapsed_s: seconds since the start.
    """

    def __init__(self, stream: Any) -> None:
        """Write to a stream; it is kept, wherever stdout goes meanwhile."""
        self._stream = stream
        self._begun = self._last = time.monotonic()
        self._doing = "the start"
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_talking, daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch for silence."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say nothing more on its own."""
        self._ended.set()
        self._thread.join()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def begin(self, number: int, count: int, title: str) -> None:
        """Say which step begins."""
        self._doing = title
        self.say(f"{number}/{count} {title}")

    def say(self, text: str = "") -> None:
        """Write a line."""
        with self._lock:
            self._write(f"[{self.elapsed_s:5.1f}s] {text}")

    def tell(self, *lines: str) -> None:
        """Write what belongs to the step that has begun."""
        for line in lines:
            self.say(f"    {line}")

    def show(self, *lines: str) -> None:
        """Write lines as they are."""
        with self._lock:
            for line in lines:
                self._write(line)

    def _write(self, line: str) -> None:
        click.echo(printable(line).rstrip(), file=self._stream)
        self._last = time.monotonic()

    def _keep_talking(self) -> None:
        while not self._ended.wait(SILENCE_S_MAX / 5):
            if time.monotonic() - self._last >= SILENCE_S_MAX:
                # If nobody listens, the next step will say so.
                with suppress(OSError):
                    self.tell(f"... still at it: {self._doing}")
