"""Stored ledgers for tests: filled, crashed, damaged, asked."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from ledger.errors import LedgerError
from ledger.reading import StoredLedger
from ledger.rows import envelope_id
from ledger.store import Store
from tests.chains import Chain

COUNTS = (1, 3, 0, 2, 1, 2)
LOG = "blocks-000000000000.log"
WAL = "ledger.db-wal"


def fill(folder: Path, chain: Chain, counts: tuple[int, ...] = COUNTS) -> Store:
    """Return an open store with blocks, a checkpoint and a name set."""
    store = Store.open(folder)
    for count in counts:
        store.append(chain.seal(count), meta={"engine_height": str(count)})
        store.add_checkpoint(chain.log.size, chain.note())
    return store


def crash(store: Store, folder: Path) -> None:
    """Leave the folder as a killed process would, and free it for this one."""
    kept = folder.with_name("crashed")
    shutil.copytree(folder, kept)
    store.close()
    shutil.rmtree(folder)
    kept.rename(folder)
    (folder / "ledger.db-shm").unlink(missing_ok=True)


def answers(store: StoredLedger) -> tuple[Any, ...]:
    """Return everything a store says about its ledger."""
    blocks = list(store.blocks())
    ids = [envelope_id(raw) for block in blocks for raw in block.transactions]
    return (
        store.head,
        blocks,
        [store.find_transaction(name) for name in ids],
        store.find_transaction("ab" * 32),
        store.events(None, 1000),
        store.meta("engine_height"),
        store.latest_checkpoint(),
    )


def open_or_refuse(folder: Path) -> Store | LedgerError:
    """Return the store, or the error with which it refuses to open."""
    try:
        return Store.open(folder)
    except LedgerError as error:
        return error


def check_never_wrong(folder: Path, right: tuple[Any, ...], last: int) -> str:
    """Open a damaged folder: right answers, or a refusal naming a block."""
    store = open_or_refuse(folder)
    if isinstance(store, LedgerError):
        assert store.code == "bad_block", store
        height = store.details["height"]
        assert isinstance(height, int)
        assert 0 <= height <= last + 1
        return "refused"
    found = answers(store)
    store.close()
    assert found == right
    again = Store.read_only(folder)
    assert again.head == found[0]
    again.close()
    return "repaired"


def damage_each(folder: Path, right: tuple[Any, ...], name: str) -> dict[str, int]:
    """Flip every 64th byte of one file, each time in a fresh copy."""
    size = (folder / name).stat().st_size
    outcomes = {"repaired": 0, "refused": 0}
    for offset in range(random.Random(name).randrange(64), size, 64):
        copy = folder.with_name("copy")
        shutil.copytree(folder, copy)
        flip(copy / name, offset, offset // 64 % 8)
        outcomes[check_never_wrong(copy, right, len(COUNTS) - 1)] += 1
        shutil.rmtree(copy)
    return outcomes


def flip(path: Path, offset: int, bit: int = 0) -> None:
    """Flip one bit of a file, in place."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))
