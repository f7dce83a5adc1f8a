"""Which test provokes which code: the rows of ``tests/codes.txt``."""

from __future__ import annotations

from pathlib import Path

TABLE = Path(__file__).with_suffix(".txt")
ROWS = [line.split(maxsplit=1) for line in TABLE.read_text("utf-8").splitlines()]
# Test id -> codes.
PROVOKED: dict[str, set[str]] = {}
for code, test in ROWS:
    PROVOKED.setdefault(f"tests/{test}", set()).add(code)
