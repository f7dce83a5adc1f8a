"""The program ``allonge`` for shell scripts of tests, without its start each time.

One process loads the program and its rules once and forks for each command, with
the caller's arguments, folder, environment and streams. Keys it makes are cheap to
open. A command that serves, ``node start``, is run as users run it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.main import allonge
from cli.terminal import run_command
from cli.trust import load_installed
from cli.wallet import keyfile
from cli.wallet.keyheader import TEST_COST

PROGRAM = """#!/bin/sh
if [ "$1 $2" = 'node start' ]; then
  exec '{python}' -c 'from cli.main import main; main()' "$@"
fi
exec '{python}' -I -S -c '{caller}' '{socket}' "$@"
"""
CALLER = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[1])
    asked = {"words": sys.argv[2:], "folder": os.getcwd(), "env": dict(os.environ)}
    socket.send_fds(line, [json.dumps(asked).encode()], [0, 1, 2])
    line.shutdown(socket.SHUT_WR)
    sys.exit(int(line.makefile().read() or 1))
"""


@contextmanager
def program(folder: Path) -> Iterator[Path]:
    """Serve commands; yield the folder to put first in PATH."""
    path = folder / "bin" / "allonge"
    path.parent.mkdir()
    place = str(folder / "line")
    path.write_text(PROGRAM.format(python=sys.executable, caller=CALLER, socket=place))
    path.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        serving = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forking", str(listening.fileno())],
            pass_fds=[listening.fileno()],
            cwd=Path(__file__).parent.parent.parent,
        )
        # Its own alone: when it has ended, a caller is refused and does not wait.
        listening.close()
        try:
            yield path.parent
        finally:
            serving.terminate()
            serving.wait()


def _serve(listening: socket.socket) -> None:
    keyfile.save_key.__kwdefaults__ = {"cost": TEST_COST, "test": True}
    load_installed()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        line, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(line)
        line.close()


def _answer(line: socket.socket) -> None:
    raw, streams, _, _ = socket.recv_fds(line, 1 << 20, 3)
    while more := line.recv(1 << 20):
        raw += more
    asked = json.loads(raw)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    # The streams of the process that serves know nothing of these.
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    code = run_command(allonge, asked["words"])
    sys.stdout.flush()
    sys.stderr.flush()
    line.sendall(str(code).encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
