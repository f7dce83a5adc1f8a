"""Processes of this software's own, which share nothing but two pipes.

A child inherits no lock, no memory and no open file but its pipes, and it runs
the code that stands beside this file, whatever the environment says.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

Child = subprocess.Popen[bytes]


def start_child(module: str, *, stderr: int | None = None) -> Child:
    """Return a new process that runs ``main()`` of a module of the ledger.

    Args:
        module: such as ``ledger.confined``.
        stderr: where its complaints go, as ``Popen`` takes it; here if None.
    """
    root = str(Path(__file__).resolve().parent.parent)
    start = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        f"from {module} import main; main()"
    )
    return subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-I", "-B", "-c", start, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={},
        cwd="/",
        close_fds=True,
    )
