"""Tables of records: declared once, for people, for pipes and for spreadsheets.

A column says what kind of value a field is. On a terminal amounts carry their
currency and members their names; in CSV amounts are plain numbers, the
currency stands beside them, and ids stand in full. Text that a spreadsheet
would run as a formula gets an apostrophe in front; numbers and dates never.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.amounts import format_amount
from cli.lookup import Lookup
from cli.people import name_id
from cli.private import write_private
from cli.session import Session
from cli.signing.screen import show_minute
from cli.terminal import print_json, print_note, print_table
from ledger.encoding import JSONObject

# What begins a formula somewhere, full-width forms and line ends included.
FORMULA_MARKS: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
BYTE_ORDER_MARK: Final = "\ufeff"


class Column(NamedTuple):
    """A column.

    Attributes:
        heading: as people read it.
        kind: ``money``, ``member``, ``moment``, ``number``, ``text``, or the
            kind of thing that an id names.
        field: of the record; the heading with underscores by default; of several
            that a ``|`` parts, the first that is there.
        csv_only: shown in spreadsheets, and not where lines are short.
    """

    heading: str
    kind: str = "text"
    field: str = ""
    csv_only: bool = False

    @property
    def name(self) -> str:
        """Field of the record."""
        return self.field or self.heading.replace(" ", "_")

    @property
    def is_numeric(self) -> bool:
        """Whether it is aligned to the right."""
        return self.kind in ("money", "number")

    def show(self, lookup: Any, row: JSONObject) -> str:
        """Return the value as people read it."""
        names = self.name.split("|")
        value: Any = next((row[name] for name in names if row.get(name, "") != ""), "")
        if self.kind == "money":
            return format_amount(value, row["currency"]) if value != "" else ""
        if self.kind == "moment":
            return show_minute(value) if value != "" else ""
        if self.kind == "member":
            return lookup.name_of(str(value)) if value else "not known"
        return str(value) if self.kind in PLAIN else name_id(self.kind, str(value))

    def cells(self, lookup: Any, row: JSONObject) -> list[str]:
        """Return the value as cells of a spreadsheet."""
        shown = self.show(lookup, row)
        if self.kind == "money":
            currency, _, number = shown.partition(" ")
            return [number, currency]
        if self.kind in PLAIN:
            return [shown if self.kind == "number" else safe_cell(shown)]
        return [safe_cell(shown), safe_cell(str(row.get(self.name, "")))]

    def headings(self) -> list[str]:
        """Return the headings of ``cells``."""
        if self.kind == "money":
            return [self.heading, f"{self.heading} currency"]
        if self.kind in PLAIN:
            return [self.heading]
        return [self.heading, f"{self.heading} in full"]


def table(text: str) -> tuple[Column, ...]:
    """Return columns as they are written: ``heading:kind=field | heading | …``.

    Without a kind it is text; without a field the heading names it, of money
    followed by ``_minor``. What stands in brackets is for spreadsheets only.
    """
    columns = []
    for part in text.split(" | "):
        words, _, field = part.strip("()").partition("=")
        heading, _, kind = words.partition(":")
        if kind == "money" and not field:
            field = f"{heading.replace(' ', '_')}_minor"
        columns.append(Column(heading, kind or "text", field, part.startswith("(")))
    return tuple(columns)


PLAIN: Final = ("money", "number", "text")


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_MARKS) else text


def print_rows(
    lookup: Any, columns: Sequence[Column], rows: Iterable[JSONObject]
) -> None:
    """Write a table of records to stdout."""
    columns = [column for column in columns if not column.csv_only]
    print_table(
        [column.heading for column in columns],
        [[column.show(lookup, row) for column in columns] for row in rows],
        numeric=[n for n, column in enumerate(columns) if column.is_numeric],
    )


def print_list(
    session: Session,
    columns: Sequence[Column],
    rows: Iterable[JSONObject],
    note: str = "",
) -> None:
    """Print a list of records as a table and what comes next, or as JSON."""
    rows = list(rows)
    if session.as_json:
        print_json({"items": rows})
        return
    print_rows(Lookup(session), columns, rows)
    if note:
        print_note(note)


def write_csv(
    lookup: Any, columns: Sequence[Column], rows: Iterable[JSONObject]
) -> str:
    """Return a table of records as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([name for column in columns for name in column.headings()])
    for row in rows:
        writer.writerow([c for column in columns for c in column.cells(lookup, row)])
    return text.getvalue()


def save_csv(path: Path, text: str, *, marked: bool = False) -> None:
    """Write CSV to a new file, with a byte order mark for old spreadsheets."""
    write_private(path, ((BYTE_ORDER_MARK if marked else "") + text).encode())
