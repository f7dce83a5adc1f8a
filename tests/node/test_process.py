"""A node as a process: start, streams, deadlines, stop, and kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

import node.__main__
from ledger.chain import Chain
from ledger.encoding import load_record
from ledger.errors import lookup
from node import config, server
from node.api import create_app
from node.clock import Clock
from node.engine import Node
from tests.node.serving import (
    ENVELOPE,
    PROBLEM,
    ROOT,
    SECONDS_MAX,
    WAIT,
    Process,
    found_world,
    run_node,
    sign_grant,
    tick,
    write_clock,
)
from tests.world import SECRET, World

KILLS = 50
KILL_SECONDS = 600  # on a machine that is busy with something else


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[World, Process]]:
    """A process that serves a world with a receivable."""
    folder = tmp_path_factory.mktemp("process")
    world = found_world(folder)
    world.open_account()
    world.open_programme()
    world.receivable = world.issue_live(1_000, "2026-05-04")
    world.chain.close()
    write_clock(folder / "clock", world.time)
    options = ("--clock", str(folder / "clock"), "--port-file", str(folder / "port"))
    with run_node(folder / "ledger", *options) as process:
        assert (folder / "port").read_text() == f"{process.address[1]}\n"
        yield world, process


def post(process: Process, raw: bytes) -> Any:
    """Return the answer to one envelope."""
    return httpx.post(
        process.url + "/v1/transactions",
        content=raw,
        headers=ENVELOPE | WAIT,
        timeout=SECONDS_MAX,
    )


def test_the_first_line_says_where_it_is(running: tuple[World, Process]) -> None:
    """One line of JSON is printed when connections are taken, and is true."""
    world, process = running
    assert process.facts.keys() == {"chain", "height", "url"}
    facts = httpx.get(process.url + "/v1/node", timeout=SECONDS_MAX).json()
    assert facts["chain"] == process.facts["chain"] == world.chain.chain_id
    assert facts["test_chain"] is True


class Stream:
    """Reads a stream of events."""

    def __init__(self, lines: Iterator[str]) -> None:
        """Read from the lines of a response."""
        self._lines = lines

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return id and data of the next event."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in fields:
                return fields["id"], json.loads(fields["data"])
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        raise AssertionError("the stream ended")


@contextmanager
def open_stream(
    running: tuple[World, Process], reader: str, query: str = "", **headers: str
) -> Iterator[Stream]:
    """Open the stream of a member."""
    world, process = running
    own = sign_grant(world, reader) | headers
    url = process.url + "/v1/events" + query
    with httpx.stream("GET", url, headers=own, timeout=SECONDS_MAX) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response.iter_lines())


def test_a_stream_is_resumed_by_id(running: tuple[World, Process]) -> None:
    """From the beginning, and again from the middle: the same events."""
    with open_stream(running, "alpha", "?after=0.0") as stream:
        first = [stream.next() for _ in range(3)]
    names = [data["event"]["event"] for _, data in first]
    assert names == ["programme_created", "submitted", "live"]
    resumed = {"Last-Event-ID": first[0][0]}
    with open_stream(running, "alpha", "?after=0.0", **resumed) as stream:
        assert [stream.next() for _ in range(2)] == first[1:]


def test_a_stream_tells_what_happens_now(running: tuple[World, Process]) -> None:
    """An event arrives soon after its block, at those who may see it alone."""
    world, process = running
    with (
        open_stream(running, "alpha") as own,
        open_stream(running, "gamma") as other,
    ):
        first = post(process, tick(world, "alpha")).json()
        post(process, tick(world, "gamma"))
        place, data = own.next()
        assert place.startswith(f"{first['height']}.")
        assert data["tx"] == first["id"]
        assert other.next()[1]["height"] > first["height"]


def test_streams_of_a_member_are_bounded(running: tuple[World, Process]) -> None:
    """One member cannot take all streams."""
    world, process = running
    url, headers = process.url + "/v1/events", sign_grant(world, "lender")
    count = config.STREAMS_A_MEMBER_MAX
    clients = [httpx.Client(timeout=SECONDS_MAX) for _ in range(count)]
    opened = []
    for client in clients:
        request = client.build_request("GET", url, headers=headers)
        opened.append(client.send(request, stream=True))
    assert {response.status_code for response in opened} == {200}
    refused = httpx.get(url, headers=headers, timeout=SECONDS_MAX)
    assert (refused.status_code, refused.json()["code"]) == (429, "node_busy")
    for response, client in zip(opened, clients, strict=True):
        response.close()
        client.close()


RAW = {
    "no_http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "bad_length": b"POST /v1/transactions HTTP/1.1\r\nHost: a\r\n"
    b"Content-Length: x\r\n\r\n",
    "two_lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "smuggling": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: foo\r\n\r\n0\r\n\r\n",
    "long_head": b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW.keys())
def test_what_is_no_http_gets_a_problem(
    running: tuple[World, Process], raw: bytes
) -> None:
    """Below the framework too, the answer is a problem and the connection ends."""
    _, process = running
    with socket.create_connection(process.address, SECONDS_MAX) as connection:
        connection.sendall(raw)
        found = b""
        while piece := connection.recv(65_536):
            found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), head
    assert PROBLEM.encode() in head
    assert json.loads(body)["status"] in (400, 404)


HALF_BODY = (
    b"POST /v1/transactions HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
)


@pytest.mark.parametrize(
    "start",
    [b"GET /livez HT", HALF_BODY],
    ids=["half_head", "half_body"],
)
def test_half_a_request_has_a_deadline(
    tmp_path: Path, start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that sends half a request does not stay open."""
    monkeypatch.setattr(server, "REQUEST_S_MAX", 0.2)
    world = found_world(tmp_path)
    node = Node(world.chain, Clock())
    listener = server.bind(config.Config(tmp_path))
    found: list[bytes] = []

    def attack() -> None:
        with socket.create_connection(
            listener.getsockname(), SECONDS_MAX
        ) as connection:
            connection.sendall(start)
            while piece := connection.recv(65_536):
                found.append(piece)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=attack)
    asyncio.run(
        server.serve(create_app(node), config.Config(tmp_path), listener, thread.start)
    )
    thread.join()
    node.store.close()
    assert b"request_timeout" in b"".join(found)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """It stops with exit code 0, streams included, and leaves a snapshot."""
    world = found_world(tmp_path)
    world.chain.close()
    write_clock(tmp_path / "clock", world.time)
    data = tmp_path / "ledger"
    with run_node(data, "--clock", str(tmp_path / "clock")) as process:
        assert post(process, tick(world, "alpha")).status_code == 200
        with open_stream((world, process), "alpha"):
            assert process.stop(number) == 0
    assert sorted(data.glob("snapshot-*1.bin"))
    chain = Chain.open(data)
    assert chain.header.height == 1
    chain.close()


def test_two_nodes_never_share_a_folder(tmp_path: Path) -> None:
    """The second start is refused by name, on its output too."""
    world = found_world(tmp_path)
    with run_node(tmp_path / "ledger") as process:
        assert process.facts["code"] == "store_locked"
        assert process.popen.wait(SECONDS_MAX) == 1
    world.chain.close()


def run_here(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """Run a command that must fail in this process; return what it says."""
    assert node.__main__.main([str(word) for word in words]) == 1
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_every_failure_to_start_has_a_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A taken port, no ledger, an empty one, no clock: each by a code with a fix."""
    found_world(tmp_path).chain.close()
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        clock = str(tmp_path / "no clock")
        secure = ("--certificate", clock, "--key", clock)
        cases = {
            ("ledger", "--port", port): "address_in_use",
            ("ledger", "--host", "192.0.2.1", *secure): "address_unusable",
            ("ledger", *secure): "node_file_unusable",
            ("ledger", "--clock", clock): "node_file_unusable",
            ("empty",): "no_ledger",
            ("nowhere",): "no_ledger",
        }
        for (name, *options), code in cases.items():
            facts = run_here(capsys, "start", "--data", tmp_path / name, *options)
            assert facts["code"] == code, facts
            assert facts["fix"] == lookup(code).fix != ""
    assert not (tmp_path / "nowhere").exists()


def test_init_founds_a_ledger_from_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ``init`` makes has the chain that the genesis names, once."""
    world = World()
    source = tmp_path / "genesis"
    source.mkdir()
    (source / "genesis.json").write_bytes(world.genesis + b"\n")
    (source / "publications.ndjson").write_bytes(b"\n".join(world.publications))
    (source / "salt_secret").write_text(SECRET.hex())
    words = ["init", "--data", str(tmp_path / "ledger"), "--genesis-dir", str(source)]
    command = [sys.executable, "-m", "node", *words]
    first = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert load_record(first.stdout)["chain"] == world.chain.chain_id
    assert run_here(capsys, *words)["code"] == "occupied"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])
def test_plain_http_stays_on_this_machine(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without TLS no other address is listened on."""
    facts = run_here(capsys, "start", "--data", tmp_path, "--host", host)
    assert facts["code"] == "not_secure"


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    """Killed at random moments under load, it has all it ever acknowledged."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.node.killing", str(tmp_path / "ledger")),
            *(str(KILLS), str(KILL_SECONDS)),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    facts = json.loads(done.stdout)
    assert not facts["lost"]
    assert facts["kills"] == KILLS
    assert facts["acknowledged"] > KILLS
