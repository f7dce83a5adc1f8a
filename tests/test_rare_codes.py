"""Codes of defects and mishaps that no scenario can bring about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from cli import nodes
from contracts.kit.v1.books import move_books
from ledger.audit import Trust, verify_ledger
from ledger.blocks import Block
from ledger.context import Context
from ledger.errors import LedgerError
from ledger.execution import run_metered
from ledger.gas import Meter, charge
from node.api import _on_fault
from node.engine import open_clock
from tests.lives import change_header, full_life, replay_here, source_of


def fail() -> None:
    """Be a rule with a defect."""
    raise ZeroDivisionError


def refuse(code: str, **_: object) -> NoReturn:
    """Refuse as a context does."""
    Context.refuse(None, code)  # type: ignore[arg-type]


def take_too_much() -> None:
    """Take more from a sum of an account than it has."""
    account = {"waiting_minor": 4}
    ctx = SimpleNamespace(need=lambda *_: account, refuse=refuse)
    move_books(ctx, "account", waiting_minor=-5)  # type: ignore[arg-type]


def init_nowhere() -> None:
    """Found a ledger from a folder without a genesis."""
    nodes._found_ledger(Path("nowhere"))


def run_on_a_clock_file() -> None:
    """Start a node of a real chain on a clock file."""
    chain: Any = SimpleNamespace(parameters={"test_chain": False})
    open_clock(chain, Path("clock"))


RARE: dict[str, Callable[[], object]] = {
    "books_negative": take_too_much,
    "node_refused": init_nowhere,
    "not_a_test_chain": run_on_a_clock_file,
    "out_of_gas": lambda: run_metered(lambda: charge(2), Meter(1)),
    "rule_fault": lambda: run_metered(fail, Meter(1)),
}


@pytest.mark.parametrize("code", RARE)
def test_a_rare_code_is_raised(code: str) -> None:
    """Each by the function that guards against it."""
    with pytest.raises(LedgerError) as caught:
        RARE[code]()
    assert caught.value.code == code


def test_a_fault_of_a_node_is_named_and_nothing_else_said() -> None:
    """Whatever went wrong, the answer has a code and no text of the exception."""
    request: Any = None
    raw = bytes(_on_fault(request, ValueError("secret")).body)
    assert b'"code":"node_fault"' in raw
    assert b"secret" not in raw


def test_a_source_that_changes_while_it_is_read_is_named() -> None:
    """The second reading finds another block than the one whose links held."""
    life = full_life()
    source = source_of(life.chain, life.blocks)
    readings = 0

    class Changing:
        facts = source.facts

        def blocks(self) -> Iterator[Block]:
            nonlocal readings
            readings += 1
            *most, last = source.blocks()
            yield from most
            yield last if readings == 1 else change_header(last, time=0)

    with replay_here():
        report = verify_ledger(Changing(), Trust(life.chain))
    assert report.fault is not None
    assert report.fault.code == "changed_meanwhile"
