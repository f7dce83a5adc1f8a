"""The façade: a chain on disk comes back as it was, however it ended."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.chain import Chain
from ledger.errors import LedgerError
from ledger.sealing import BlockInput
from tests.world import CALENDAR, World

DUE = "2026-03-16"


def live_a_little(world: World) -> str:
    """Make a receivable that is split, paid in part and waits for more."""
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(1_000_000, DUE)
    world.transfer(receivable, 0, 600_000, 1_000_000, "beta")
    world.receive("early", 100_000, names=receivable)
    world.advance(DUE)
    return receivable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger folder with a history, closed as after a crash: no snapshot."""
    world = World(folder=tmp_path / "live")
    live_a_little(world)
    assert world.chain.store is not None
    world.chain.store.close()
    return tmp_path / "live"


def test_replay_brings_the_same_head_back(folder: Path) -> None:
    """Without a snapshot every block is replayed from the log."""
    chain = Chain.open(folder)
    assert chain.state.map.root.hex() == chain.header.state_root
    chain.close()


def test_snapshot_and_replay_agree(folder: Path) -> None:
    """A start from the snapshot gives the state that a full replay gives."""
    first = Chain.open(folder)
    replayed = dict(first.state.records), first.header, dict(first.seen)
    first.close()
    second = Chain.open(folder)
    assert (dict(second.state.records), second.header) == replayed[:2]
    assert second.log.root() == first.log.root()
    assert replayed[2].keys() <= second.seen.keys() | replayed[2].keys()
    second.close()


def test_start_reports_progress(folder: Path) -> None:
    """Long replays tell how far they are."""
    calls: list[tuple[int, int]] = []
    chain = Chain.open(folder, report=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (chain.header.height, chain.header.height)
    chain.close()


def test_sealed_transaction_is_a_duplicate_after_a_restart(tmp_path: Path) -> None:
    """Replay protection is rebuilt from the log, with and without snapshot."""
    world = World(folder=tmp_path / "live")
    tick = world.build("ledger.tick", {"member": world.member("alpha")})
    world.seal(tick)
    for _ in range(2):
        world.chain.close()
        chain = Chain.open(tmp_path / "live")
        with pytest.raises(LedgerError, match="already on the ledger"):
            chain.check(tick, world.time)
        world.chain = chain
    chain.close()


def test_work_goes_on_after_a_restart(folder: Path) -> None:
    """Planned work is state, so a new process finds it."""
    chain = Chain.open(folder)
    due = chain.next_due_ms()
    assert due is None or due >= chain.header.time
    chain.close()


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without its founded ledger is no chain."""
    empty = tmp_path / "empty"
    with pytest.raises(LedgerError) as caught:
        Chain.open(empty)
    assert caught.value.code == "incomplete"


def test_founding_twice_is_refused(folder: Path) -> None:
    """A folder holds one ledger."""
    with pytest.raises(LedgerError) as caught:
        World(folder=folder)
    assert caught.value.code == "occupied"


def test_copy_without_database_is_completed(folder: Path, tmp_path: Path) -> None:
    """The block log is the ledger: the second copy can be lost."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in copy.glob("ledger.db*"):
        path.unlink()
    original, completed = Chain.open(folder), Chain.open(copy)
    assert completed.header == original.header
    original.close()
    completed.close()


def test_execute_changes_nothing() -> None:
    """A candidate can be dropped: the same input gives the same block again."""
    world = World()
    tick = world.build("ledger.tick", {"member": world.member("alpha")})
    given = BlockInput(world.time + 1, [tick])
    root = world.chain.state.map.root
    first, second = world.chain.execute(given), world.chain.execute(given)
    assert first.block == second.block
    assert world.chain.state.map.root == root


def test_empty_input_makes_no_block() -> None:
    """Nothing happened: no header, no height, an idle engine stays idle."""
    world = World()
    candidate = world.chain.execute(BlockInput(world.time + 1, []))
    world.chain.commit(candidate)
    assert candidate.block is None
    assert world.chain.header.height == 0


def test_time_never_stands_still() -> None:
    """Two blocks of one millisecond differ by one in time."""
    world = World()
    for expected in (1, 2):
        tick = world.build("ledger.tick", {"member": world.member("alpha")})
        world.seal(tick, time=world.chain.founded.genesis.time)
        assert world.chain.header.time == world.chain.founded.genesis.time + expected


@pytest.mark.parametrize(
    "change",
    [
        {"holidays": ["2026-02-30"]},
        {"through": "soon"},
        {"weekend": [6, 5]},
        {"holidays": ["2026-05-01"], "workdays": ["2026-05-01"]},
    ],
    ids=["no date", "no end", "weekend reversed", "both"],
)
def test_unusable_calendar_founds_no_chain(change: dict[str, object]) -> None:
    """No due date could be computed with it for as long as the chain lives."""
    with pytest.raises(LedgerError) as caught:
        World(parameters={"calendar": {**CALENDAR, **change}})
    assert caught.value.code == "bad_payload"


def test_other_verifier_opens_no_ledger(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that judges signatures otherwise must not judge this ledger."""
    monkeypatch.setattr("ledger.keys._verifies", lambda *_: True)
    with pytest.raises(LedgerError) as caught:
        Chain.open(folder)
    assert caught.value.code == "bad_verifier"
