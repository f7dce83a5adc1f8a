"""Every code a rule can answer with is in the registry, with cause and fix."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from contracts import read_sources
from ledger.errors import KINDS, registry
from ledger.loader import load_rulebook
from ledger.rulebook import Rulebook


def refusals_in(source: str) -> Iterator[str]:
    """Yield the literal codes a source refuses with."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name not in ("refuse", "ArithmeticRefusal", "CalendarRefusal"):
            continue
        if isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


@pytest.mark.parametrize("path", sorted(read_sources()))
def test_codes_of_a_file_are_registered(path: str) -> None:
    """A refusal without a row would leave a user without cause and fix."""
    sources = read_sources()
    Rulebook(load_rulebook(sources))
    known = registry()
    assert [code for code in refusals_in(sources[path]) if code not in known] == []


def test_every_row_says_what_to_do() -> None:
    """Title, cause and fix are there, and the kind is one of the known."""
    Rulebook(load_rulebook(read_sources()))
    for row in registry().values():
        assert row.kind in KINDS
        assert all((row.title, row.cause, row.fix)), row.code
