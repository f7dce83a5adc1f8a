"""Foreign rules can do nothing but compute, or they are not run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.children import build_filter
from ledger.confined import ConfinedReplay, Limits
from ledger.errors import LedgerError
from tests.lives import full_life
from tests.world import SECRET

ROOT = Path(__file__).parents[2]
# One process imports everything once, and forks for each attempt: a row is what
# the child writes of it to its own stdout, or nothing if it did not live to.
ATTEMPTS = """
import ctypes, json, os, signal, socket, subprocess, sys, threading, urllib.request
from ledger.children import confine_process, limit_resources
found = []
for attempt in json.load(sys.stdin):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        limit_resources(2**31, 20)
        confine_process()
        try:
            exec(attempt)
            said = b"it worked"
        except BaseException as error:
            said = type(error).__name__.encode()
        os.write(1, said)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as stream:
        found.append(stream.read().decode())
    os.waitpid(child, 0)
print(json.dumps(found))
"""
CANNOT = (
    "open('{target}', 'wb')",
    "open('/etc/hostname')",
    "os.listdir('/')",
    "os.unlink('{target}')",
    "os.mkdir('{target}.d')",
    "socket.socket()",
    "socket.socketpair()",
    "socket.create_connection(('127.0.0.1', 80))",
    "os.fork()",
    "subprocess.run(['true'])",
    "os.execv('/bin/true', ['true'])",
    "os.kill(os.getppid(), 0)",
    "threading.Thread(target=print).start()",
    "bytearray(2**32)",
    "os.setuid(0)",
    "os.chdir('/')",
    "os.pipe()",
    "os.memfd_create('name')",
)
CAN = "sorted(range(10**6))"
REFUSALS = ("PermissionError", "MemoryError", "RuntimeError", "LookupError")
linux = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")


class Attempts(NamedTuple):
    """What confined processes said, and the folder they had to leave alone."""

    said: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Attempts:
    """Attempt everything, each in a confined process of its own."""
    folder = tmp_path_factory.mktemp("confined")
    target = folder / "target"
    target.write_bytes(b"kept")
    asked = (*CANNOT, CAN)
    ended = subprocess.run(
        [sys.executable, "-B", "-c", ATTEMPTS],
        cwd=ROOT,
        env={},
        input=json.dumps([attempt.format(target=target) for attempt in asked]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return Attempts(dict(zip(asked, json.loads(ended.stdout), strict=True)), folder)


@linux
@pytest.mark.parametrize(
    "attempt", CANNOT, ids=lambda text: text.partition("(")[0] + text[-9:-2]
)
def test_a_confined_process_cannot(attempt: str, attempts: Attempts) -> None:
    """Files, network, processes, signals and large memory are out of reach."""
    # Some modules look for a file first, and say in their own way that they may not.
    assert attempts.said[attempt] in REFUSALS
    assert (attempts.folder / "target").read_bytes() == b"kept"
    assert [path.name for path in attempts.folder.iterdir()] == ["target"]


@linux
def test_a_confined_process_can_compute(attempts: Attempts) -> None:
    """The same frame around harmless work says that it worked."""
    assert attempts.said[CAN] == "it worked"


def test_an_unknown_machine_is_refused() -> None:
    """Where the numbers of system calls are not known, nothing is run."""
    with pytest.raises(LedgerError) as caught:
        build_filter("pdp11")
    assert caught.value.code == "not_confined"


def test_a_replay_reports_progress_and_result() -> None:
    """Blocks go in, one report comes out."""
    life = full_life()
    with ConfinedReplay(SECRET, Limits()) as child:
        assert all(child.send(block) for block in life.blocks)
        found = child.finish()
    assert (found.blocks, found.sweeps) == (len(life.blocks), 3)


def test_a_replay_without_blocks_is_none() -> None:
    """Nothing replayed is nothing found right."""
    with (
        ConfinedReplay(SECRET, Limits()) as child,
        pytest.raises(LedgerError) as caught,
    ):
        child.finish()
    assert caught.value.code == "incomplete"


@linux
def test_a_replay_that_runs_out_of_memory_is_no_verdict() -> None:
    """The parent says that the replay did not finish, and ends cleanly."""
    life = full_life()
    with ConfinedReplay(SECRET, Limits(memory_bytes=2**20)) as child:
        for block in life.blocks:
            child.send(block)
        with pytest.raises(LedgerError) as caught:
            child.finish()
    assert caught.value.code == "replay_stopped"


def test_a_child_that_is_given_up_is_ended() -> None:
    """Leaving the block before the end leaves no process behind."""
    with ConfinedReplay(SECRET, Limits()) as child:
        child.send(full_life().blocks[0])
        process = child._child
    assert process.returncode is not None
