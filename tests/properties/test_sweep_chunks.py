"""A sweep ends in the same records, however many tiles are handled in one job.

One chain is built and then replayed for each size, so that even ids are the
same but for what the steps of a distribution themselves create.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pytest

from contracts import read_sources
from contracts.kit.v1.calendars import add_days
from ledger.blockcheck import BlockWatch
from ledger.blocks import Block
from ledger.chain import Chain
from ledger.errors import LedgerError
from ledger.loader import load_rulebook
from ledger.sealing import Candidate
from ledger.transactions import object_id
from tests.driver import WatchedWorld
from tests.world import SECRET, START, digest_of, make_actor, ms_of

DUE = add_days(START, 15)
LATER = add_days(DUE, 10)
CUTS = 100  # in one act
BLOCK = 250  # acts in a block
Row = tuple[dict[str, Any], list[str]]  # what is signed, and by whom

USUAL = (1_200, 150)  # tiles, holders
HEAVY = (10_000, 700)


class Kept(WatchedWorld):
    """A world that keeps its blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.receipts: list[str] = []
        super().__init__()

    def seal(self, *envelopes: bytes, time: int | None = None) -> Candidate:
        """Seal a block and keep it."""
        candidate = super().seal(*envelopes, time=time)
        if candidate.block is not None:
            self.blocks.append(candidate.block)
        return candidate

    def receive(self, key: str, amount: int, **options: Any) -> str:
        """Let money come in and remember it."""
        self.receipts.append(super().receive(key, amount, **options))
        return self.receipts[-1]

    def fork(self) -> Kept:
        """Return a world whose chain stands where this one stands."""
        other = copy.copy(self)
        other.blocks, other.receipts = [*self.blocks], [*self.receipts]
        other.chain = Chain.found(self.genesis, self.publications, SECRET)
        for block in self.blocks:
            other.chain.replay(block)
        other.watch = BlockWatch()
        return other

    def seal_acts(self, act: str, rows: Sequence[Row]) -> list[str]:
        """Seal blocks of one act and return the ids of the transactions."""
        rule = self.chain.rulebook.current_rule(act)
        ids: list[str] = []
        for first in range(0, len(rows), BLOCK):
            made = [
                self.build(act, body, by=by, rule=rule)
                for body, by in rows[first : first + BLOCK]
            ]
            candidate = self.seal(*made)
            assert not candidate.dropped, candidate.dropped[0]
            ids += [item.id for item in candidate.transactions]
        return ids

    def admit(self, names: list[str]) -> None:
        """Admit suppliers."""
        actors = [make_actor(name, "supplier") for name in names]
        operator = self.member("operator")
        described = [actor.describe(self.chain.chain_id) for actor in actors]
        bodies = [{"member": member, "operator": operator} for member in described]
        ids = self.seal_acts("member.admit", [(body, ["operator"]) for body in bodies])
        for actor, made in zip(actors, ids, strict=True):
            actor.id = object_id("member", made, 0)
            self.actors[actor.name] = actor


@lru_cache
def build(tiles: int, holders: int) -> tuple[Kept, str]:
    """Return a world in which many hold one receivable before it is due."""
    names = [f"holder{n}" for n in range(holders)]
    world = Kept()
    world.admit(names)
    world.open_account()
    world.open_programme(late_ppm=1_000_000, order="interest_first")
    # Sizes that leave a remainder nearly everywhere.
    edges = [n * 997 + n % 7 for n in range(1, tiles)]
    face = edges[-1] + 1_234
    receivable = world.issue_live(face, DUE)
    for start in range(0, tiles - 1, CUTS):
        lo = edges[start - 1] if start else 0
        body = {
            "cuts": edges[start : start + CUTS],
            "input": world.input(receivable, lo),
            "receivable": receivable,
        }
        world.act("receivable.split", body)
    give(world, receivable, [0, *edges], names)
    for n in range(4):
        amount = face * (1 + n) // 17
        world.receive(f"early {n}", amount, names=receivable)
    return world, receivable


def give(world: Kept, receivable: str, starts: list[int], names: list[str]) -> None:
    """Give each tile to a holder; some to the same by other terms, some to nobody."""
    rows: list[Row] = []
    for n, lo in enumerate(starts):
        name = names[n * 31 % len(names)]
        tile = world.input(receivable, lo)
        body = {
            "aware_overdue": False,
            "input": tile,
            "part": {"hi": tile["hi"], "lo": lo},
            "receivable": receivable,
            "receiver": world.member(name),
            "recourse": "with" if n % 7 else "without",
        }
        if n % 11:
            rows.append((body, ["alpha", name]))
    world.seal_acts("receivable.transfer", rows)


def refuses(act: Callable[[], object]) -> str:
    """Return the code with which an act is refused."""
    with pytest.raises(LedgerError) as caught:
        act()
    return caught.value.code


def distribute(world: Kept, receivable: str) -> int:
    """Let money be swept, with attempts in between; return the blocks it took."""
    start = world.chain.header.height
    world.time = ms_of(DUE)
    world.seal()
    before = world.read("receivable", receivable)
    if "sweep" in before:
        check_running(world, receivable)
    world.seal(world.build("bank.record", money(world, receivable)))
    world.receipts.append(digest_of(f"entry/{world.account}/receipt/between"))
    if "sweep" in before:
        after = world.read("receivable", receivable)
        assert after["waiting_minor"] == before["waiting_minor"] + 777
    world.settle()
    world.receive("on the day", 12_345, names=receivable)
    world.advance(LATER)
    for n, amount in enumerate((10_007, 333_333, 10**10)):
        world.receive(f"late {n}", amount)
    return world.chain.header.height - start


def check_running(world: Kept, receivable: str) -> None:
    """While units are being paid, nothing moves them."""
    tile = next(tile for tile in world.tiles(receivable) if tile["state"] == "live")
    held, part = world.name_of(tile["holder"]), (tile["lo"], tile["hi"])
    to = "beta" if held != "beta" else "gamma"
    moves = {
        refuses(lambda: world.transfer(receivable, tile["lo"], *part, to)),
        refuses(lambda: split(world, receivable, tile["lo"])),
    }
    assert moves == {"sweep_running"}


def split(world: Kept, receivable: str, lo: int) -> None:
    """Cut one unit off a tile."""
    given = world.input(receivable, lo)
    body = {"cuts": [lo + 1], "input": given, "receivable": receivable}
    world.act("receivable.split", body)


def money(world: Kept, receivable: str) -> dict[str, Any]:
    """Return what attests 777 more for the receivable."""
    entry = {
        "amount_minor": 777,
        "booking_date": world.today,
        "currency": "CNY",
        "key": "between",
        "payer": world.member("debtor"),
        "reference": receivable,
        "type": "receipt",
        "value_date": world.today,
    }
    return {
        "account": world.account,
        "attester": world.member("bank"),
        "entries": [entry],
        "file_hash": digest_of("file"),
    }


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a record without some of its fields."""
    return {name: value for name, value in record.items() if name not in names}


def photograph(world: Kept, receivable: str) -> dict[str, Any]:
    """Return the records of the distribution, without ids of its own steps."""
    receipts = {
        item: without(world.read("receipt", item), "order") for item in world.receipts
    }
    lines: dict[str, tuple[Any, ...]] = {}
    for item in receipts:
        for line in world.scan("lines", item):
            row = without(line, "id", "payout", "sweep")
            lines[line["id"]] = tuple(sorted(row.items()))
    tiles = [
        {**tile, "line": lines[tile["line"]]} if "line" in tile else tile
        for tile in world.tiles(receivable)
    ]
    payouts = [
        (payout["payee"], payout["date"], payout["amount_minor"], payout["state"])
        for name in world.actors
        for payout in world.payouts(name)
    ]
    return {
        "account": world.read("account", world.account),
        "interest": [
            without(record, "sweep") for record in world.scan("interest", receivable)
        ],
        "lines": sorted(lines.values()),
        "payouts": sorted(payouts),
        "receipts": receipts,
        "receivable": world.read("receivable", receivable),
        "tiles": tiles,
    }


def check_sizes(
    monkeypatch: pytest.MonkeyPatch, tiles: int, holders: int, sizes: tuple[int, ...]
) -> None:
    """Assert that all sizes end alike, and that smaller ones take more blocks."""
    built, receivable = build(tiles, holders)
    namespace = load_rulebook(read_sources()).modules["receivable/sweep.py"]
    seen, blocks = [], []
    for size in sizes:
        monkeypatch.setitem(namespace, "CHUNK_TILES", size)
        world = built.fork()
        blocks.append(distribute(world, receivable))
        seen.append(photograph(world, receivable))
    assert seen[0]["receivable"]["state"] == "settled"
    assert len(seen[0]["lines"]) > 4 * holders
    for size, other in zip(sizes[1:], seen[1:], strict=True):
        for name in seen[0]:
            assert other[name] == seen[0][name], (size, name)
    assert blocks == sorted(blocks, reverse=True)


def test_chunks_end_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven tiles a job, a hundred or two thousand: the same records."""
    check_sizes(monkeypatch, *USUAL, (7, 100, 2_000))


@pytest.mark.slow
def test_large_chunks_end_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with ten thousand tiles and hundreds of holders."""
    check_sizes(monkeypatch, *HEAVY, (7, 63, 1_000, 2_000, 20_000))
