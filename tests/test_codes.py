"""Every code of the one table of errors is provoked by a test."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

import cli
import ledger
import node
from cli.explain import all_codes
from contracts import read_sources
from ledger.errors import registry
from ledger.loader import load_rulebook
from ledger.rulebook import Rulebook
from tests.codes import ROWS


def test_all_codes_are_listed() -> None:
    """``allonge errors`` reads tables and sources; what is registered is in them."""
    for package in (ledger, node, cli):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    Rulebook(load_rulebook(read_sources()))
    listed = all_codes()
    # Rules of other tests in this process may have registered their own.
    shipped = {*registry()} - {"cut_outside", "not_live"}
    assert {
        code: listed.get(code) for code in listed | dict.fromkeys(shipped)
    } == listed


def test_every_code_has_its_test() -> None:
    """No code without a row, no row without a code, each once and in order."""
    codes = [code for code, _ in ROWS]
    assert codes == sorted(all_codes())


def test_rows_name_tests_that_expect_the_code(request: pytest.FixtureRequest) -> None:
    """Each named test runs, and its file or row has the code.

    That it also raises it is judged while it runs, by ``tests/conftest.py``.
    """
    if request.config.option.keyword or any("::" in a for a in request.config.args):
        pytest.skip("of a selection nothing can be said")
    items = {item.nodeid: item for item in request.session.items}
    files = {item.split("::")[0] for item in items}
    rows = [
        (test, code) for code, test in ROWS if f"tests/{test}".split("::")[0] in files
    ]
    assert [test for test, _ in rows if f"tests/{test}" not in items] == []
    assert [row for row in rows if not names(items[f"tests/{row[0]}"], row[1])] == []


def names(item: pytest.Item, code: str) -> bool:
    """Tell whether a test's file or parameters hold a code as a text."""
    assert isinstance(item, pytest.Function)
    given = getattr(item, "callspec", None)
    text = inspect.getsource(item.module) + repr(given.params if given else "")
    return f'"{code}"' in text or f"'{code}'" in text
