"""Foreign rules can do nothing but compute, or they are not run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.confined import ConfinedReplay, Limits, build_filter
from ledger.errors import LedgerError
from tests.lives import full_life
from tests.world import SECRET

ROOT = Path(__file__).parents[2]
BEFORE = (
    "import os, socket, subprocess, sys, signal, threading, ctypes, urllib.request\n"
)
REFUSALS = ("PermissionError", "MemoryError", "RuntimeError", "LookupError")
linux = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")


def run_confined(attempt: str, target: Path) -> str:
    """Return what a confined process prints after an attempt."""
    lines = attempt.format(target=target).splitlines()
    code = (
        BEFORE
        + "from ledger.confined import confine_process, limit_resources\n"
        + "limit_resources(2**31, 20)\nconfine_process()\ntry:\n"
        + "".join(f"    {line}\n" for line in lines)
        + "    sys.stdout.write('it worked')\n"
        + "except BaseException as error:\n"
        + "    sys.stdout.write(type(error).__name__)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout


@linux
@pytest.mark.parametrize(
    "attempt",
    [
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
    ],
    ids=lambda text: text.partition("(")[0] + text[-9:-2],
)
def test_a_confined_process_cannot(attempt: str, tmp_path: Path) -> None:
    """Files, network, processes, signals and large memory are out of reach."""
    target = tmp_path / "target"
    target.write_bytes(b"kept")
    found = run_confined(attempt, target)
    # Some modules look for a file first, and say in their own way that they may not.
    assert found in REFUSALS
    assert target.read_bytes() == b"kept"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@linux
def test_a_confined_process_can_compute(tmp_path: Path) -> None:
    """The same frame around harmless work prints that it worked."""
    assert run_confined("sorted(range(10**6))", tmp_path / "none") == "it worked"


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
