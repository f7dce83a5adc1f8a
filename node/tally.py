"""What happens in a node, counted and measured from any thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping


class Tally:
    """Counts since the start, from any thread."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[str, tuple[int, float]] = {}

    def count(self, name: str, codes: Iterable[str] = ("",)) -> None:
        """Add one for each code."""
        with self._lock:
            self._counts.update((name, code) for code in codes)

    def measure(self, name: str, seconds: float) -> None:
        """Add a duration."""
        with self._lock:
            number, total = self._seconds.get(name, (0, 0.0))
            self._seconds[name] = (number + 1, total + seconds)

    def counts(self, name: str) -> Mapping[str, int]:
        """Return the count of each code."""
        with self._lock:
            return {code: n for (key, code), n in self._counts.items() if key == name}

    def seconds(self, name: str) -> tuple[int, float]:
        """Return how many durations there were, and their sum."""
        with self._lock:
            return self._seconds.get(name, (0, 0.0))
