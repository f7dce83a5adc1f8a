"""Nodes under test: one in this process, or a real one behind a socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from ledger.chain import Chain
from ledger.encoding import encode, encode_base64
from ledger.transactions import TYPE_READ, sign_payload
from node.api import create_app
from node.clock import FileClock
from node.engine import Node
from tests.world import DAY_MS, World

ROOT = Path(__file__).parents[2]
ENVELOPE = {"Content-Type": "application/vnd.dsse+json"}
LINES = {"Content-Type": "application/x-ndjson"}
WAIT = {"Prefer": "wait=10"}
PROBLEM = "application/problem+json"


def sign_grant(world: World, name: str, **fields: Any) -> dict[str, str]:
    """Return the header by which a member reads."""
    actor = world.actors[name]
    payload = {
        "chain": world.chain.chain_id,
        "member": actor.id,
        "scope": "read",
        "until": world.time + 600_000,
        "v": 1,
        **fields,
    }
    raw = sign_payload(TYPE_READ, encode(payload), [actor.keys[0]])
    return {"Authorization": "Allonge " + encode_base64(raw)}


def tick(world: World, name: str) -> bytes:
    """Return a signed act that changes nothing."""
    return world.build("ledger.tick", {"member": world.member(name)}, by=[name])


@dataclass
class Served:
    """A node in this process, on the clock file of a world."""

    world: World
    node: Node
    clock: Path
    client: TestClient
    failures: list[BaseException] = field(default_factory=list)
    receivable: str = ""
    things: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, reader: str | None = None, **options: Any) -> Any:
        """Return the answer to a read by a member, or by nobody."""
        headers = {} if reader is None else sign_grant(self.world, reader)
        return self.client.get(path, headers=headers, **options)

    def post(self, raw: bytes, *, wait: bool = True, **headers: str) -> Any:
        """Return the answer to one envelope."""
        own = {**ENVELOPE, **(WAIT if wait else {}), **headers}
        return self.client.post("/v1/transactions", content=raw, headers=own)

    def advance(self, time_ms: int) -> None:
        """Move the clock file."""
        self.world.time = time_ms
        write_clock(self.clock, time_ms)


def write_clock(path: Path, time_ms: int) -> None:
    """Replace a clock file as a whole."""
    part = path.with_name(path.name + ".part")
    part.write_text(f"{time_ms}\n", "ascii")
    part.replace(path)


@contextmanager
def serve_world(world: World, folder: Path) -> Iterator[Served]:
    """Serve a world that was founded in a folder of its own; stop at the end."""
    clock = folder / "clock"
    write_clock(clock, world.time)
    failures: list[BaseException] = []
    node = Node(world.chain, FileClock(clock), on_failure=failures.append)
    node.start()
    client = TestClient(create_app(node), raise_server_exceptions=False)
    try:
        yield Served(world, node, clock, client, failures)
    finally:
        client.close()
        node.close()
    assert not failures


@dataclass
class Process:
    """A node process."""

    popen: subprocess.Popen[bytes]
    facts: dict[str, Any]

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.facts["url"])

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Return the exit code after a signal."""
        self.popen.send_signal(number)
        return self.popen.wait(15)


@contextmanager
def run_node(data: Path, *options: str) -> Iterator[Process]:
    """Start a node process; whatever happens, it is gone at the end."""
    popen = subprocess.Popen(
        [sys.executable, "-m", "node", "start", "--data", str(data), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert popen.stdout is not None
        yield Process(popen, json.loads(popen.stdout.readline() or b"{}"))
    finally:
        if popen.poll() is None:
            popen.kill()
        popen.wait()
        if popen.stdout is not None:
            popen.stdout.close()


def found_world(folder: Path, **options: Any) -> World:
    """Return a world whose ledger stands in ``folder/ledger``."""
    return World(folder=folder / "ledger", **options)


def close_world(world: World) -> None:
    """Close the store of a world, so that a process can open it."""
    world.chain.close()


def reopen(folder: Path) -> Chain:
    """Return the chain of a folder."""
    return Chain.open(folder)


__all__ = ["DAY_MS", "Served", "serve_world", "sign_grant", "tick"]
