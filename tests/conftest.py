"""What every run of tests does: watch which codes are raised by whom.

A test that ``tests/codes.txt`` names must raise its code outside of the tests
themselves, and pass; else it fails. Whether the table is whole is judged by
``tests/test_codes.py``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from contracts.kit.v1.arithmetic import ArithmeticRefusal
from contracts.kit.v1.calendars import CalendarRefusal
from ledger.errors import LedgerError
from tests.codes import PROVOKED

HOME = str(Path(__file__).parent)
RAISED: set[str] = set()


def _watch(kind: Any) -> None:
    make = kind.__init__

    def make_watched(self: Any, code: str, **facts: Any) -> None:
        # What a test makes itself, to see it shown, is not provoked.
        if not sys._getframe(1).f_code.co_filename.startswith(HOME):
            RAISED.add(code)
        make(self, code, **facts)

    kind.__init__ = make_watched


for _kind in (LedgerError, ArithmeticRefusal, CalendarRefusal):
    _watch(_kind)
_loads = json.loads


def _loads_watched(text: Any, **options: Any) -> Any:
    """Also take note of what another process says as JSON."""
    found = _loads(text, **options)
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        RAISED.add(found["code"])
    return found


json.loads = _loads_watched


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test that does not provoke what it is named for."""
    codes = PROVOKED.get(pyfuncitem.nodeid, set())
    RAISED.clear()
    try:
        result = yield
    except pytest.skip.Exception:
        if codes:
            pytest.fail(f"skipped, and tests/codes.txt names it for {codes}")
        raise
    if not codes <= RAISED:
        pytest.fail(f"not raised, as tests/codes.txt says: {codes - RAISED}")
    return result
