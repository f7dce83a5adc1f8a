"""A whole life on a chain, as blocks that a test can damage and repair.

``relink`` is what a forger who knows the format does after a change: all
counts, links and roots that need no rule and no key come out right again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest

from ledger.blocks import NO_HASH, Block, Header
from ledger.confined import Limits
from ledger.encoding import JSONObject
from ledger.explain import explain_at
from ledger.export import ExportFacts
from ledger.log import Log, hash_leaf, root_of
from ledger.replay import ReplayReport, replay_ledger
from ledger.store import Store
from tests.world import SECRET, World, digest_of

FACE = 100_000_000


@dataclass(frozen=True)
class Life:
    """A finished ledger.

    Attributes:
        chain: hex digest of the genesis.
        blocks: all of them.
        receivable: id of the one whose life it is.
    """

    chain: str
    blocks: tuple[Block, ...]
    receivable: str

    @property
    def facts(self) -> ExportFacts:
        """What an export of it says."""
        return facts_of(self.chain, self.blocks)


@dataclass(frozen=True)
class MemorySource:
    """Blocks in memory, as an audit reads them."""

    facts: ExportFacts
    given: tuple[Block, ...]

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks."""
        yield from self.given


def facts_of(chain: str, blocks: Sequence[Block], checkpoint: str = "") -> ExportFacts:
    """Return what an honest export of these blocks says."""
    transactions = sum(len(block.transactions) for block in blocks)
    return ExportFacts(chain, len(blocks), transactions, SECRET, checkpoint)


def source_of(chain: str, blocks: Sequence[Block], note: str = "") -> MemorySource:
    """Return blocks as a source whose counts are right."""
    return MemorySource(facts_of(chain, blocks, note), tuple(blocks))


def live(world: World) -> str:
    """Lead a receivable from submission over passing on to settlement.

    Early money, a sweep on the due day, payouts, a part reversal after them,
    late interest net of claims; figures of the domain's first story.
    """
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(FACE, "2026-03-02")
    world.transfer(receivable, 0, 0, 60_000_000, "beta", recourse="with")
    world.transfer(receivable, 0, 0, 30_000_000, "gamma")
    world.advance("2026-02-10")
    world.receive("early", 40_000_001, names=receivable)
    world.advance("2026-03-02", 12)
    world.receive("second", 25_000_000, names=receivable)
    world.advance("2026-03-03")
    world.register_payee("alpha")
    world.pay_out("alpha")
    second = digest_of(f"entry/{world.account}/receipt/second")
    world.reverse("taken back", second, 10_000_000)
    world.close_day()
    world.advance("2026-03-14")
    world.receive("last", 45_089_999, names=receivable)
    world.settle()
    return receivable


def live_in(folder: Path, **options: object) -> World:
    """Return a closed world whose life is stored in a folder."""
    world = World(folder=folder, **options)  # type: ignore[arg-type]
    world.receivable = live(world)  # type: ignore[attr-defined]
    world.chain.close()
    return world


def read_life(folder: Path, world: World) -> Life:
    """Return the blocks that a closed world left in its folder."""
    ledger = Store.read_only(folder)
    try:
        blocks = tuple(ledger.blocks())
    finally:
        ledger.close()
    return Life(world.chain.chain_id, blocks, getattr(world, "receivable", ""))


@lru_cache(maxsize=1)
def full_life() -> Life:
    """Return a finished ledger, made once a test run."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "ledger"
        return read_life(folder, live_in(folder))


def relink(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks with heights, counts, links and roots made right."""
    log, prev, made = Log(), NO_HASH, []
    for height, block in enumerate(blocks):
        header = Header.decode(block.header)
        first = log.size
        for raw in block.transactions:
            log.append(raw)
        header = replace(
            header,
            count=len(block.transactions),
            first=first,
            height=height,
            log_root=log.root().hex(),
            prev=prev,
            results_root=root_of([hash_leaf(raw) for raw in block.receipts]).hex(),
        )
        raw = header.encode()
        log.append(raw)
        prev = header.hash.hex()
        made.append(replace(block, height=height, header=raw))
    return made


def flip(raw: bytes, position: int) -> bytes:
    """Return bytes with the lowest bit of one of them turned."""
    position %= len(raw)
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]


def change_header(block: Block, **fields: object) -> Block:
    """Return a block whose header says something else."""
    header = replace(Header.decode(block.header), **fields)  # type: ignore[arg-type]
    return replace(block, header=header.encode())


@contextmanager
def replay_here() -> Iterator[None]:
    """Let audits replay in this process.

    Another one would compile all rules anew, dozens of times. That it says the
    same is for the tests that start one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.audit.ConfinedReplay", _ReplayHere)
        yield


class _ReplayHere:
    """A replay that begins when it has all blocks."""

    def __init__(self, secret: bytes, limits: Limits, *_: object) -> None:
        """Remember the secret of the salts, and what is to be explained."""
        self._secret = secret
        self._height = limits.explain_height
        self._blocks: list[Block] = []

    def send(self, block: Block) -> bool:
        """Take the next block."""
        self._blocks.append(block)
        return True

    def finish(self) -> ReplayReport:
        """Return what is found in the blocks."""
        explained: JSONObject = {}
        explain = explain_at(self._height, explained)
        found = replay_ledger(self._blocks, self._secret, explain=explain)
        found.explained = explained
        return found

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing."""
