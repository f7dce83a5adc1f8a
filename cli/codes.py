"""What the wallet refuses with: the rows of ``codes.txt`` in the one table.

The package registers them, so that whatever of it is loaded knows them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.errors import Code, register


def read_codes() -> Iterator[Code]:
    """Yield the rows: a line of code, kind and title; below it cause and fix."""
    text = Path(__file__).with_name("codes.txt").read_text("utf-8")
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    for head, cause, fix in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        code, kind, title = head.split(" | ")
        yield Code(code, kind, title, cause.strip(), fix.strip())


CODES: Final = tuple(read_codes())

register(*CODES)
