"""The walkthrough of the wallet's README, run as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import ROOT, blocks_of

PROGRAM = """#!/bin/sh
exec '{python}' -c 'from cli.main import main; main()' "$@"
"""


@pytest.mark.slow
def test_the_walkthrough_runs(tmp_path: Path) -> None:
    """Every command from founding a chain to the auditor's succeeds in order."""
    program = tmp_path / "bin" / "allonge"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    blocks = [b.text for b in blocks_of("cli/README.md") if b.language == "sh"]
    # The node of the walkthrough is a job of this shell and ends with it.
    script = "\n".join(("set -e", "trap 'kill %1' EXIT", *blocks))
    path = f"{program.parent}:{os.environ['PATH']}"
    folder = tmp_path / "work"
    folder.mkdir()
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-2_000:].decode()
    assert (folder / "holding.html").exists()
