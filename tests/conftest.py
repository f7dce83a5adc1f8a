"""What every run of tests does: the same surroundings, and a watch on codes.

A test that ``tests/codes.txt`` names must raise its code outside of the tests
themselves, and pass; else it fails. Whether the table is whole is judged by
``tests/test_codes.py``.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from contracts.kit.v1.arithmetic import ArithmeticRefusal
from contracts.kit.v1.calendars import CalendarRefusal
from ledger.errors import LedgerError
from tests.codes import PROVOKED

# -- the same surroundings, whoever runs the tests and where ------------------------

# What a shell may have set and commands obey, but for what these tests obey.
FOREIGN = r"ALLONGE_(?!SHARED|SEED|WALKS)|NO_COLOR$|FORCE_COLOR$|COLUMNS$|LINES$"
FOREIGN += r"|LANG$|LC_|LANGUAGE$|XDG_|PYTHONOPTIMIZE$|PYTHONWARNINGS$"
for _name in [name for name in os.environ if re.match(FOREIGN, name)]:
    del os.environ[_name]
os.environ |= {
    "ALLONGE_HOME": "/nonexistent",  # nobody's wallets are touched
    "LC_ALL": "C.UTF-8",
    "NO_PROXY": "127.0.0.1,localhost",
    "TERM": "xterm",
}
os.umask(0o022)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job hands on an interrupt that is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The usual run draws the same examples every time; "search" draws new ones.
# Neither judges by the time an example takes: the machine may be busy.
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same")
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, database=None, **UNTIMED)
settings.register_profile("search", print_blob=True, **UNTIMED)
settings.load_profile(PROFILE)
if PROFILE == "same":
    # It would also draw constants of whatever modules were imported before.
    providers._get_local_constants = lambda: providers._local_constants

# Long files of few tests begin first, so that no worker ends alone with one.
LONG = (
    *("test_demo", "test_matrix", "test_process", "test_readme", "test_audit"),
    *("test_store_faults", "test_life_machine", "test_bench", "test_sweep_chunks"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    order = {name: at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


# -- which codes are raised by whom --------------------------------------------------

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
