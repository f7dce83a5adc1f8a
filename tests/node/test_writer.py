"""The embedded engine: lanes, quotas, due work, and what ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ledger import verifying
from ledger.chain import Chain
from ledger.children import Child, start_child
from ledger.errors import InvariantBroken, LedgerError
from node import config
from node.clock import FileClock
from node.engine import Node, open_clock
from node.gate import Gate
from tests.node.serving import (
    LINES,
    SECONDS_MAX,
    WAIT,
    Served,
    found_world,
    serve_world,
    sign_grant,
    tick,
    wait_for,
    write_clock,
)
from tests.world import default_actors, make_actor, ms_of


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A node whose members may have three transactions waiting."""
    world = found_world(tmp_path, parameters={"quota": 3})
    with serve_world(world, tmp_path) as node:
        yield node


class Held:
    """A writer that is kept busy until it is let go."""

    def __init__(self, served: Served) -> None:
        """Hold the writer of a node."""
        self.go = threading.Event()
        self.held = threading.Event()
        served.node.writer.call(self._wait, "test")
        assert self.held.wait(SECONDS_MAX)

    def _wait(self) -> None:
        self.held.set()
        assert self.go.wait(SECONDS_MAX)


def test_a_member_has_a_quota(served: Served) -> None:
    """The fourth that waits is refused, and it frees nothing of the others."""
    held = Held(served)
    lines = b"\n".join(tick(served.world, "alpha") for _ in range(5))
    ticket = served.node.writer.submit(lines.split(b"\n"))
    ticket.admitted.result(SECONDS_MAX)
    codes = [o.error.code for o in ticket.outcomes if o is not None and o.error]
    assert codes == ["quota_exceeded"] * 2
    other = served.node.writer.submit([tick(served.world, "beta")])
    other.admitted.result(SECONDS_MAX)
    assert other.outcomes == [None]
    held.go.set()
    ticket.done.result(SECONDS_MAX)
    assert [o.height for o in ticket.outcomes if o and not o.error] == [1] * 3
    assert served.post(tick(served.world, "alpha")).status_code == 200


def test_quota_is_429_and_says_when_to_come_back(served: Served) -> None:
    """Over HTTP it is a problem of kind busy with a time to retry."""
    held = Held(served)
    for _ in range(3):
        assert served.post(tick(served.world, "alpha"), wait=False).status_code == 202
    refused = served.post(tick(served.world, "alpha"), wait=False)
    held.go.set()
    assert refused.status_code == 429
    assert refused.json()["code"] == "quota_exceeded"
    assert refused.headers["retry-after"] == "1"


def test_a_member_cannot_take_the_writer_for_dry_runs(served: Served) -> None:
    """Preparations and dry runs of one member wait in a bounded number."""
    held = Held(served)
    waiting = [
        served.node.writer.call(lambda: 7, "alpha")
        for _ in range(config.CALLS_A_MEMBER_MAX)
    ]
    with pytest.raises(LedgerError, match="as much to do"):
        served.node.writer.call(lambda: 7, "alpha")
    other = served.node.writer.call(lambda: 8, "beta")
    held.go.set()
    assert other.result(SECONDS_MAX) == 8
    assert {future.result(SECONDS_MAX) for future in waiting} == {7}
    assert served.node.writer.call(lambda: 9, "alpha").result(SECONDS_MAX) == 9


def test_attesters_go_first(served: Served) -> None:
    """What a bank attests stands in the block before what came earlier."""
    held = Held(served)
    early = served.node.writer.submit([tick(served.world, "alpha")])
    early.admitted.result(SECONDS_MAX)
    late = served.node.writer.submit([tick(served.world, "bank")])
    late.admitted.result(SECONDS_MAX)
    held.go.set()
    late.done.result(SECONDS_MAX)
    early.done.result(SECONDS_MAX)
    block = served.node.store.block(1)
    assert len(block.transactions) == 2
    first = served.node.store.find_transaction(late.ids[0])
    assert first is not None
    assert first.position == 0


def test_what_comes_together_is_sealed_together(served: Served) -> None:
    """Envelopes that are verified at the same moment share a block."""
    lines = b"\n".join(
        tick(served.world, name) for name in ("alpha", "beta", "gamma", "debtor")
    )
    answer = served.client.post("/v1/transactions", content=lines, headers=LINES | WAIT)
    assert {row["height"] for row in answer.json()["results"]} == {1}


def test_two_signings_of_one_payload_are_one_transaction(served: Served) -> None:
    """The second one in the same block is told the receipt of the first."""
    held = Held(served)
    raw = tick(served.world, "alpha")
    tickets = [served.node.writer.submit([raw]) for _ in range(2)]
    for ticket in tickets:
        ticket.admitted.result(SECONDS_MAX)
    held.go.set()
    for ticket in tickets:
        ticket.done.result(SECONDS_MAX)
    assert tickets[0].outcomes == tickets[1].outcomes
    assert len(served.node.store.block(1).transactions) == 1


def test_an_answer_after_the_window_is_still_the_receipt(served: Served) -> None:
    """Whoever asks late learns what happened, not that time has passed."""
    raw = tick(served.world, "alpha")
    first = served.post(raw).json()
    served.advance(served.world.time + 40 * 86_400_000)
    wait_for(lambda: served.node.clock.now_ms() == served.world.time)
    assert served.post(raw).json() == first
    assert served.post(tick(served.world, "beta")).status_code == 200


def test_due_work_runs_without_any_traffic(tmp_path: Path) -> None:
    """Moving the clock file is all it takes to have a receivable paid."""
    world = found_world(tmp_path)
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(10_000, "2026-02-02")
    world.transfer(receivable, 0, 0, 4_000, "beta")
    world.receive("R-1", 10_000, names=receivable)
    with serve_world(world, tmp_path) as served:
        height = served.node.chain.header.height
        time.sleep(0.3)
        assert served.node.chain.header.height == height
        served.advance(ms_of("2026-02-02", 0))
        path = f"/v1/receivables/{receivable}"
        wait_for(lambda: served.get(path, "alpha").json()["state"] == "settled")
        items = served.get("/v1/payouts", "beta").json()["items"]
        assert [item["amount_minor"] for item in items] == [4_000]


def test_stopping_seals_what_waits(tmp_path: Path) -> None:
    """What was accepted before the stop is on the ledger after it."""
    world = found_world(tmp_path)
    with serve_world(world, tmp_path) as served:
        held = Held(served)
        ticket = served.node.writer.submit([tick(world, "alpha")])
        ticket.admitted.result(SECONDS_MAX)
        closing = threading.Thread(target=served.node.writer.stop)
        closing.start()
        held.go.set()
        closing.join(SECONDS_MAX)
        assert ticket.outcomes[0] is not None
        assert ticket.outcomes[0].height == 1
        with pytest.raises(LedgerError, match="stopping"):
            served.node.writer.submit([tick(world, "alpha")])
        ready = served.client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["code"] == "node_stopping"
    again = Chain.open(tmp_path / "ledger")
    assert again.header.height == 1
    again.close()


@pytest.mark.parametrize(
    "failure",
    [LedgerError("storage_failed"), InvariantBroken("sum"), RuntimeError("defect")],
    ids=["storage", "invariant", "defect"],
)
def test_a_failed_commit_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Nobody is told anything after a failure; the next start decides."""
    world = found_world(tmp_path)
    failures: list[BaseException] = []
    node = Node(
        world.chain, world_clock(tmp_path, world.time), on_failure=failures.append
    )

    def fail(*_: Any) -> None:
        raise failure

    monkeypatch.setattr(world.chain, "make_durable", fail)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    node.start()
    ticket = node.writer.submit([tick(world, "alpha")])
    wait_for(lambda: bool(failures))
    assert failures == [failure]
    assert not ticket.done.done()
    assert not node.is_ready
    monkeypatch.undo()
    node.close()


def test_a_lost_verifier_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its processes judge is committed; when one is gone, nothing is."""
    children: list[Child] = []

    def start(module: str) -> Child:
        children.append(start_child(module))
        return children[-1]

    monkeypatch.setattr(verifying, "start_child", start)
    world = found_world(tmp_path)
    failures: list[BaseException] = []
    node = Node(
        world.chain, world_clock(tmp_path, world.time), on_failure=failures.append
    )
    node.start()
    sound = [tick(world, "alpha") for _ in range(verifying.BATCH_LEAST)]
    # The last one's signature is another one's.
    raw, other = tick(world, "alpha"), sound[0]
    mark = b'"sig":"'
    false = raw[: raw.rindex(mark)] + other[other.rindex(mark) :]
    ticket = node.writer.submit([*sound, false])
    ticket.done.result(SECONDS_MAX)
    found = [outcome and outcome.error for outcome in ticket.outcomes]
    assert found[:-1] == [None] * len(sound)
    assert isinstance(found[-1], LedgerError)
    assert found[-1].code == "bad_signature"
    assert len(children) == verifying.PROCESSES

    for child in children:
        child.kill()
    lost = node.writer.submit([tick(world, "alpha") for _ in sound])
    wait_for(lambda: bool(failures))
    assert [getattr(failure, "code", "") for failure in failures] == ["verifier_failed"]
    assert not lost.done.done()
    assert not any(lost.outcomes)
    node.close()


def world_clock(folder: Path, time_ms: int) -> FileClock:
    """Return a clock file of a world."""
    write_clock(folder / "clock", time_ms)
    return FileClock(folder / "clock")


def test_a_chain_of_real_time_takes_no_clock_file(tmp_path: Path) -> None:
    """Only a test chain may be told what time it is."""
    world = found_world(tmp_path, parameters={"test_chain": False})
    write_clock(tmp_path / "clock", world.time)
    with pytest.raises(LedgerError, match="test chain"):
        open_clock(world.chain, tmp_path / "clock")
    world.chain.close()


def test_a_damaged_clock_file_keeps_the_last_time(tmp_path: Path) -> None:
    """Whoever writes the file in place is not caught half way."""
    path = tmp_path / "clock"
    path.write_text("soon")
    with pytest.raises(LedgerError):
        FileClock(path)
    path.write_text("1000\n")
    clock = FileClock(path)
    path.write_text("")
    assert clock.now_ms() == 1000
    path.write_text("2000")
    assert clock.now_ms() == 2000


def test_readers_never_see_half_a_block() -> None:
    """Two facts that always change together are always read together."""
    gate = Gate()
    facts = [0, 0]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with gate.writing():
                facts[0] += 1
                time.sleep(0)
                facts[1] += 1

    def read() -> None:
        for _ in range(2_000):
            first, second = gate.read(lambda: (facts[0], facts[1]))
            assert first == second

    writer = threading.Thread(target=write)
    writer.start()
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(read) for _ in range(3)]:
            future.result()
    stop.set()
    writer.join()


def test_a_revoked_key_reads_no_more(tmp_path: Path) -> None:
    """A grant ends with its key, in the next block."""
    actors = [*default_actors(), make_actor("pair", "supplier", persons=2)]
    world = found_world(tmp_path, actors=actors)
    with serve_world(world, tmp_path) as served:
        grant = sign_grant(world, "pair")
        assert served.client.get("/v1/members", headers=grant).status_code == 200
        body = {
            "key": world.actors["pair"].keys[0].key_id,
            "member": world.member("pair"),
        }
        raw = world.build("key.revoke", body, keys=world.actors["pair"].keys[1:])
        assert served.post(raw).status_code == 200
        refused = served.client.get("/v1/members", headers=grant)
        assert refused.json()["code"] == "bad_grant"
