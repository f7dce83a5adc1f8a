"""Nodes under test: one in this process, or a real one behind a socket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

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
WAIT = {"Prefer": "wait=30"}
PROBLEM = "application/problem+json"
SECONDS_MAX = 60  # for what takes a moment, on a machine that is busy


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once a condition holds; fail after a long time."""
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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


def find_words(words: list[str], text: str) -> list[str]:
    """Return the words that stand in a text by themselves.

    Five digits within a hash are no amount: a run met some by chance.
    """
    whole = r"(?<![0-9A-Za-z]){}(?![0-9A-Za-z])"
    return [word for word in words if re.search(whole.format(word), text)]


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


def wait_for_checkpoint(served: Served) -> None:
    """Return when the node has signed its head."""
    for _ in range(200):
        known = served.node.store.latest_checkpoint()
        if known is not None and known[0] == served.world.chain.header.size:
            return
        time.sleep(0.01)
    raise AssertionError("no checkpoint")


@contextmanager
def serve_world(world: World, folder: Path) -> Iterator[Served]:
    """Serve a world that was founded in a folder of its own; stop at the end."""
    clock = folder / "clock"
    write_clock(clock, world.time)
    failures: list[BaseException] = []
    node = Node(world.chain, FileClock(clock), on_failure=failures.append)
    node.start()
    try:
        # Entered, it has one event loop for all requests, not one for each.
        with TestClient(create_app(node), raise_server_exceptions=False) as client:
            yield Served(world, node, clock, client, failures)
    finally:
        node.close()
    assert not failures


class Answer(NamedTuple):
    """An answer as a server sends it."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def json(self) -> Any:
        """Return the body as data."""
        return json.loads(self.content)


class Asker:
    """Asks an application thousands of times, without what a client does for once."""

    def __init__(self, app: Any) -> None:
        """Run an event loop in a thread of its own."""
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        # One task lives as long as the loop: worker threads end with the first.
        waits = (self._end.wait(),)
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=waits
        )
        self._thread.start()

    def ask(
        self, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Return the answer to GET, or to POST with a body."""
        asked = self._ask(path, headers, body)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(SECONDS_MAX)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _ask(
        self, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        place, _, query = path.partition("?")
        rows = [(n.lower().encode(), v.encode()) for n, v in headers.items()]
        scope = {
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"testserver"), *rows],
            "http_version": "1.1",
            "method": "GET" if body is None else "POST",
            "path": unquote(place),
            "query_string": query.encode(),
            "raw_path": place.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("testserver", 80),
            "type": "http",
        }
        told: list[Any] = []
        bodies = [body or b""]

        async def receive() -> dict[str, Any]:
            if not bodies:
                await self._end.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        head = {n.decode(): v.decode() for n, v in told[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in told)
        return Answer(told[0]["status"], head, content)


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
        return self.popen.wait(SECONDS_MAX)


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
