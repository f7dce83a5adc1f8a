"""Tables of others as CSV: a header in any order, then one row a thing.

UTF-8, with or without a byte order mark; comma or semicolon; fields quoted as
in RFC 4180. A file is bounded and is read as a whole or not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from cli.private import read_private
from ledger.errors import LedgerError

FILE_BYTES_MAX: Final = 16 * 2**20
ROWS_MAX: Final = 10_000


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        number: its line in the file, the header being 1.
        values: stripped, by column; optional columns that are absent are "".
    """

    number: int
    values: dict[str, str]


class Table(NamedTuple):
    """The rows of a file, and the hash of its bytes."""

    rows: tuple[Row, ...]
    file_sha256: str


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str]) -> Table:
    """Return the rows of a CSV file.

    Raises:
        LedgerError: those of ``read_private`` and ``parse_table``.
    """
    raw = read_private(path, size_bytes_max=FILE_BYTES_MAX, forbidden_mode=0)
    return parse_table(raw, needed, optional)


def parse_table(raw: bytes, needed: Sequence[str], optional: Sequence[str]) -> Table:
    """Return the rows of the bytes of a CSV file; empty rows are left out.

    Args:
        raw: of the file.
        needed: columns it must have.
        optional: columns it may have, and no others.

    Raises:
        LedgerError: ``bad_csv``; ``too_large``; ``bad_csv_row``, a row has
            more or fewer values than there are columns.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LedgerError("bad_csv", expected="UTF-8") from error
    lines = _read_lines(text)
    columns = _read_header(lines[0], needed, optional)
    absent = dict.fromkeys((name for name in optional if name not in columns), "")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(value.strip() for value in line):
            continue
        if len(line) != len(columns):
            raise LedgerError(
                "bad_csv_row",
                expected=f"{len(columns)} values",
                found=len(line),
                row=number,
            )
        values = dict(zip(columns, (value.strip() for value in line), strict=True))
        rows.append(Row(number, values | absent))
    if not rows:
        raise LedgerError("bad_csv", expected="at least one entry")
    return Table(tuple(rows), sha256(raw).hexdigest())


def _read_lines(text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    mark = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows = []
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > ROWS_MAX + 1:
                raise LedgerError("too_large", expected=f"{ROWS_MAX} rows")
    except csv.Error as error:
        raise LedgerError("bad_csv", row=reader.line_num) from error
    if not rows:
        raise LedgerError("bad_csv", expected="a header")
    return rows


def _read_header(
    header: list[str], needed: Sequence[str], optional: Sequence[str]
) -> list[str]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in needed if name not in names]
    if missing:
        raise LedgerError("bad_csv", expected=", ".join(missing))
    known = (*needed, *optional)
    for name in names:
        if name not in known or names.count(name) > 1:
            raise LedgerError("bad_csv", expected=", ".join(known), found=name[:40])
    return names
