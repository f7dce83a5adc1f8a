"""Kills a loaded writer at random moments and looks what was lost.

A process of its own, because it forks: a child opens the ledger, runs the real
writer under load and names each transaction it was told is committed; the
parent kills it, opens the ledger, and everything named must be there. Opening
replays every block since the last snapshot and refuses half ones.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import select
import signal
import sys
import threading
import time
from pathlib import Path

from ledger.chain import Chain
from ledger.kernel import MANIFEST_HASH
from ledger.transactions import TYPE_TRANSACTION, build_payload, sign_payload
from node.clock import Clock
from node.engine import Node
from tests.world import DAY_MS, World

ID_CHARACTERS = 64
CLIENTS = 3
NAMES = ("alpha", "beta", "gamma", "debtor", "lender")


def sign_tick(world: World, name: str) -> bytes:
    """Return an act of a member that changes nothing, fresh at any time."""
    member = world.actors[name].id
    payload = build_payload(
        act="ledger.tick",
        body={"member": member},
        by=[member],
        chain=world.chain.chain_id,
        nonce=secrets.token_hex(16),
        not_after=Clock().now_ms() + DAY_MS,
        rule=MANIFEST_HASH,
    )
    return sign_payload(TYPE_TRANSACTION, payload, world.actors[name].keys)


def load(node: Node, world: World, name: str, told: int) -> None:
    """Submit for ever, one or some at a time, and name what is committed."""
    while True:
        count = random.choice((1, 1, 1, 7))
        ticket = node.writer.submit([sign_tick(world, name) for _ in range(count)])
        ticket.done.result()
        for outcome in ticket.outcomes:
            if outcome is not None and outcome.error is None:
                os.write(told, outcome.id.encode())


def run_child(folder: Path, world: World, told: int) -> None:
    """Open, serve and be killed."""
    node = Node(Chain.open(folder), Clock())
    node.start()
    for name in NAMES[:CLIENTS]:
        arguments = (node, world, name, told)
        threading.Thread(target=load, args=arguments, daemon=True).start()
    time.sleep(600)


def kill_once(folder: Path, world: World) -> set[str]:
    """Return the ids that a child named before it was killed."""
    reader, told = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            run_child(folder, world, told)
        finally:
            os._exit(99)
    os.close(told)
    ready = select.select([reader], [], [], 60)[0]  # under load, or ended
    if ready and random.random() < 0.8:
        time.sleep(random.random() * 0.08)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"the child ended by itself: {status}")
    raw = b""
    while piece := os.read(reader, 65_536):
        raw += piece
    os.close(reader)
    whole = len(raw) - len(raw) % ID_CHARACTERS
    return {
        raw[at : at + ID_CHARACTERS].decode() for at in range(0, whole, ID_CHARACTERS)
    }


def main(folder: Path, kills: int, seconds: float) -> None:
    """Kill so many times, or as often as the time allows; print what was seen."""
    world = World(folder=folder, parameters={"test_chain": False})
    if world.chain.store is None:
        raise SystemExit("no store")
    world.chain.store.close()
    started = time.monotonic()
    acknowledged: set[str] = set()
    lost: list[str] = []
    done = heights = 0
    while done < kills and time.monotonic() - started < seconds:
        named = kill_once(folder, world)
        chain = Chain.open(folder)
        if chain.store is None:
            raise SystemExit("no store")
        lost += [item for item in named if chain.store.find_transaction(item) is None]
        acknowledged |= named
        if chain.header.height < heights:
            lost.append("a block")
        heights = chain.header.height
        if done % 3 == 2:
            chain.save_snapshot()
        chain.store.close()
        done += 1
    chain = Chain.open(folder)
    if chain.store is not None:
        find = chain.store.find_transaction
        lost += [item for item in acknowledged if find(item) is None]
    facts = {"acknowledged": len(acknowledged), "height": heights, "kills": done}
    print(json.dumps({**facts, "lost": lost}))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
