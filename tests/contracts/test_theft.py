"""A dishonest member's ways to be paid more, or to keep others from being paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.state import State, scan_records
from tests import verbs
from tests.stage import Stage
from tests.world import SECRET


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


def test_many_due_dates_do_not_keep_money_out(stage: Stage) -> None:
    """A debtor with something due on each of many days can still pay."""
    stage.begin()
    verbs.deal(stage, tenor_norm_days=365)
    for n in range(150):
        verbs.live(stage, face=1, days=3 + n)
    verbs.wait(stage, 160)
    verbs.receive(stage, 10_000)
    assert verbs.state(stage) == "settled"


def test_restart_knows_an_invoice_listed_twice_once(stage: Stage) -> None:
    """A node restored from records names the same receivable as one that ran."""
    stage.begin()
    use = {**stage.make_use(100, "TWICE", "2026-01-02"), "used_minor": 50}
    stage.propose("submit", face=100, invoices=[use, use])
    verbs.confirm(stage)
    running = stage.chain.state
    restored = State(running.kinds, SECRET)
    restored.restore(running.records.items())
    place = ("used", stage.member("debtor") + "/TWICE")
    assert len(list(scan_records(running, *place))) == 1
    assert len(list(scan_records(restored, *place))) == 1
