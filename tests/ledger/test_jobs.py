"""Automatic work in a block: same job twice, failures, retries, quarantine."""

from __future__ import annotations

import pytest

from ledger.automatic import RETRY_MS
from ledger.encoding import load_record
from ledger.transactions import job_id, object_id
from tests.lots import read_lot_sources
from tests.world import World, make_actor

END = '''    """Note that the lot has ended."""
'''
TWICE = """    if "copy" not in lot:
        copy = ctx.allocate("lot")
        ctx.create({"id": copy, "kind": "lot", "owner": lot["id"], "size": 1})
        lot = {**lot, "copy": copy}
        ctx.schedule(lot, "end", ctx.time)
    else:
        again = ctx.allocate("lot")
        ctx.create({"id": again, "kind": "lot", "owner": lot["copy"], "size": 1})
"""
FAULT = """    ctx.refuse("cut_outside", size=lot["size"])
"""


def world_with(lines: str) -> tuple[World, str, int]:
    """Return a world whose lots end with these lines, a lot and its end."""
    sources = read_lot_sources()
    sources["lot/lot.py"] = sources["lot/lot.py"].replace(END, END + lines)
    actors = [make_actor("operator", "operator"), make_actor("lender", "lender")]
    world = World(actors, sources=sources)
    end = world.time + 60_000
    body = {"owner": world.member("lender"), "size": 10, "until_ms": end}
    return world, object_id("lot", world.act("lot.new", body), 0), end


def test_job_that_runs_twice_in_a_block_makes_different_objects() -> None:
    """Ids count from the number of the step, so nothing is occupied."""
    world, lot, end = world_with(TWICE)
    candidate = world.seal(time=end)
    assert candidate.block is not None
    receipts = [load_record(raw) for raw in candidate.block.receipts]
    job = job_id(lot, "end", end)
    assert [(r["code"], r["job"]) for r in receipts] == [("ok", job)] * 2
    first, second = object_id("lot", job, 0), object_id("lot", job, 1 << 16)
    assert world.read("lot", first)["owner"] == lot
    assert world.read("lot", second)["owner"] == first


def test_job_that_fails_is_tried_again_and_then_set_aside() -> None:
    """A failing job keeps its id, changes nothing and stops no block."""
    world, lot, end = world_with(FAULT)
    job, before = job_id(lot, "end", end), world.read("lot", lot)
    waits = (0, RETRY_MS, 3 * RETRY_MS)
    for attempt, wait in enumerate(waits, 1):
        candidate = world.seal(time=end + wait)
        assert candidate.block is not None
        receipt = load_record(candidate.block.receipts[0])
        assert (receipt["code"], receipt["job"]) == ("cut_outside", job)
        if attempt < len(waits):
            assert world.read("job", job)["attempt"] == attempt
    aside = world.read("quarantine", job)
    assert (aside["attempt"], aside["code"]) == (3, "cut_outside")
    assert world.read("lot", lot) == before
    assert not world.chain.has_due_work(end + 100 * RETRY_MS)


def test_want_of_memory_is_no_fault_of_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops the node: in a block it would be what no other machine replays."""
    world = World()
    world.open_account()
    world.open_programme()
    world.issue_live(900, "2026-03-02")
    handler = world.chain.rulebook.find_job
    monkeypatch.setattr(
        world.chain.rulebook,
        "find_job",
        lambda *given: (run_out, handler(*given)[1]),
    )
    with pytest.raises(MemoryError):
        world.advance("2026-03-02")


def run_out(*given: object) -> None:
    """Fail as a rule does where there is too little memory."""
    raise MemoryError(given)
