"""Scenario tables: one operation a row, in order of the checks, last the code.

A table is text. Its columns are the row's name, what stands before, the one
operation that is judged, and the code it is answered with, ``ok`` if it is
accepted, or the figure it reads::

    late by a millisecond | submit, deadline 1 | confirm | deadline_passed

An operation is a verb of ``tests/verbs.py`` with its arguments. Rows share a
world, but each has its own account, programme and invoices, so that none
depends on another having run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import pytest

from ledger.errors import LedgerError
from tests import bank_verbs, late_verbs, order_verbs, sale_verbs, verbs
from tests.stage import Stage

# Where the verbs of tables are, in the order of looking.
VERBS = (verbs, sale_verbs, late_verbs, bank_verbs, order_verbs)


class Step(NamedTuple):
    """A verb with its arguments."""

    verb: FunctionType
    words: list[int | str]
    named: dict[str, int | str]

    def do(self, stage: Stage) -> object:
        """Act on the stage, or read from it."""
        return self.verb(stage, *self.words, **self.named)


class Row(NamedTuple):
    """A row of a table."""

    name: str
    given: list[Step]
    act: Step
    code: str

    def answer(self, stage: Stage) -> str:
        """Return the code the operation is answered with, or what it reads."""
        stage.begin()
        for step in self.given:
            step.do(stage)
        try:
            found = self.act.do(stage)
        except LedgerError as error:
            return error.code
        return "ok" if found is None else str(found)


def read_table(text: str) -> Iterator[Row]:
    """Yield the rows of a table; a line that ends in a comma goes on in the next."""
    held = ""
    for line in text.strip().splitlines():
        whole = f"{held} {line.split('|', 1)[1]}" if held else line
        held = whole if whole.endswith(",") else ""
        if not held:
            name, given, act, code = (cell.strip() for cell in whole.split("|"))
            steps = [read_step(cell) for cell in given.split(",") if cell.strip()]
            yield Row(name, steps, read_step(act), code)


def read_step(cell: str) -> Step:
    """Return the verb of a cell with its arguments."""
    first, *rest = cell.split()
    words = [read_word(word) for word in rest if "=" not in word]
    pairs = [word.split("=", 1) for word in rest if "=" in word]
    named = {name: read_word(word) for name, word in pairs}
    home = next((module for module in VERBS if hasattr(module, first)), verbs)
    return Step(getattr(home, first), words, named)


def read_word(word: str) -> int | str:
    """Return a number or a word; quotes keep a number a word."""
    return int(word) if re.fullmatch(r"-?\d+", word) else word.strip("'")


def rows(*tables: str) -> pytest.MarkDecorator:
    """Return the mark that runs a test once a row."""
    found = [row for text in tables for row in read_table(text)]
    names = [f"{row.act.verb.__name__}: {row.name}" for row in found]
    return pytest.mark.parametrize("row", found, ids=names)


def tables_of(module: Mapping[str, Any]) -> list[str]:
    """Return the texts of a test module's tables."""
    return [
        text
        for name, text in module.items()
        if name.isupper() and isinstance(text, str) and " | " in text
    ]
