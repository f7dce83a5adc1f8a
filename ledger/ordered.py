"""Rows in order, cheap to change anywhere however many there are.

One sorted list moves half of itself at each change: at 100,000 rows that is
most of what a transfer costs outside verification. Here rows stand in runs of
a few hundred; a change finds its run by the runs' first rows and moves no other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Final

# The sort key's UTF-8, a zero byte, the record key: one comparison of bytes is
# half the work of comparing pairs, and the order is the same.
Row = bytes
Entry = tuple[str, bytes]  # sort key, record key

RUN_ROWS: Final = 512
# From this share of a run on, changing it row by row costs more than anew, and
# so few rows never do.
ROWS_PER_CHANGE: Final = 16
FEW_ROWS: Final = 4
_KEY_BYTES: Final = 32
# Sorts after every record key, so that all rows of one sort key come before.
_LAST_KEY: Final = b"\xff" * (_KEY_BYTES + 1)


def make_row(sort: str, key: bytes) -> Row:
    """Return the row of a record key of 32 bytes under a sort key.

    Raises:
        ValueError: the sort key holds a zero byte, and could not be told apart.
    """
    if "\0" in sort:
        raise ValueError("a sort key holds no zero byte")
    return b"%b\0%b" % (sort.encode(), key)


def row_after(sort: str) -> Row:
    """Return what sorts after all rows of a sort key and before all later ones."""
    return make_row(sort, _LAST_KEY)


def read_row(row: Row) -> Entry:
    """Return sort key and record key of a row."""
    return row[: -_KEY_BYTES - 1].decode(), row[-_KEY_BYTES:]


class OrderedRows:
    """Distinct rows in order."""

    __slots__ = ("_count", "_firsts", "_runs")

    def __init__(self) -> None:
        """Start without rows."""
        self._runs: list[list[Row]] = []
        self._firsts: list[Row] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._count

    def after(self, sort: str, limit: int | None) -> Iterator[Row]:
        """Yield rows in order, those after a sort key, all if it is empty."""
        left = self._count if limit is None else limit
        place = row_after(sort)
        at = max(0, bisect_right(self._firsts, place) - 1) if sort else 0
        start = bisect_right(self._runs[at], place) if sort and self._runs else 0
        while at < len(self._runs):
            run = self._runs[at]
            stop = min(len(run), start + left)
            for position in range(start, stop):
                yield run[position]
            left -= max(0, stop - start)
            if not left:
                return
            at, start = at + 1, 0

    def change(self, delta: Mapping[Row, bool]) -> None:
        """Have the rows that are true in the delta, and none that are false."""
        if len(delta) <= FEW_ROWS:
            for row, wanted in delta.items():
                self._change_one(row, wanted=wanted)
            return
        rows = sorted(delta)
        start = 0
        if not self._runs:
            self._runs.append([])
            self._firsts.append(rows[0])
        while start < len(rows):
            at = max(0, bisect_right(self._firsts, rows[start]) - 1)
            end = len(rows)
            if at + 1 < len(self._firsts):
                end = bisect_left(rows, self._firsts[at + 1], start + 1)
            run = self._runs[at]
            before = len(run)
            _change_run(run, rows[start:end], delta)
            self._count += len(run) - before
            self._settle(at)
            start = end

    def _change_one(self, row: Row, *, wanted: bool) -> None:
        if not self._runs:
            self._runs.append([])
            self._firsts.append(row)
        at = 0
        if len(self._firsts) > 1:
            at = max(0, bisect_right(self._firsts, row) - 1)
        run = self._runs[at]
        position = bisect_left(run, row)
        stands = position < len(run) and run[position] == row
        if wanted and not stands:
            run.insert(position, row)
            self._count += 1
        elif stands and not wanted:
            del run[position]
            self._count -= 1
        # Most partitions have one run that needs nothing.
        if len(self._runs) > 1 or not 0 < len(run) <= 2 * RUN_ROWS:
            self._settle(at)
        elif not position:
            self._firsts[0] = run[0]

    def _settle(self, at: int) -> None:
        """Bring a changed run back to its size."""
        run = self._runs[at]
        if len(run) > 2 * RUN_ROWS:
            pieces = [run[n : n + RUN_ROWS] for n in range(0, len(run), RUN_ROWS)]
        elif at + 1 < len(self._runs) and 2 * len(run) < RUN_ROWS:
            # A short one joins the next, else a sweep would leave splinters.
            run += self._runs.pop(at + 1)
            del self._firsts[at + 1]
            return self._settle(at)
        else:
            pieces = [run] if run else []
        if len(pieces) == 1:
            self._firsts[at] = run[0]
        else:
            self._runs[at : at + 1] = pieces
            self._firsts[at : at + 1] = [piece[0] for piece in pieces]
        return None


def _change_run(run: list[Row], rows: list[Row], delta: Mapping[Row, bool]) -> None:
    if len(rows) * ROWS_PER_CHANGE > len(run):
        changed = set(rows)
        kept = [row for row in run if row not in changed]
        kept += [row for row in rows if delta[row]]
        kept.sort()
        run[:] = kept
        return
    for row in rows:
        position = bisect_left(run, row)
        stands = position < len(run) and run[position] == row
        if delta[row] and not stands:
            run.insert(position, row)
        elif stands and not delta[row]:
            del run[position]
