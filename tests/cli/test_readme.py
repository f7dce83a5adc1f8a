"""The tour of the first page and the wallet's walkthrough, run as they stand."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger.names import short_id
from tests.cli.forking import program
from tests.test_docs import ROOT, blocks_of

FOUNDING = ("Walkthrough", "Founding a chain", "Account and programme")
START = ("Five minutes",)
SAMPLES = ROOT / "tests" / "cli" / "samples" / "tour"
# Before each command the shell says on which line it stands.
FRAME = """set -e
exec 9>&1
trap 'kill %1' EXIT
trap 'printf "\\n\\001%s\\n" "$LINENO" >&9' DEBUG
"""
FACTS = """for id in "$R" "$OFFER" "$S" "$Q" "$D"; do echo "$id"; done > ids
for who in alpha beta lender; do as $who balance totals --json; done > totals
as debtor balance funding --json > funding
"""
PORT = "8047"


def script_of(
    readme: str, *, only: tuple[str, ...] = (), but: tuple[str, ...] = ()
) -> str:
    """Return the shell blocks of a README under some headings, or all but some."""
    found = [block for block in blocks_of(readme) if block.language == "sh"]
    chosen = [
        b for b in found if (b.heading in only or not only) and b.heading not in but
    ]
    assert chosen
    return "".join(block.text for block in chosen)


def free_port() -> int:
    """Return a port that no connection takes before the node does."""
    # Systems give connections ports above these.
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port")


def run_script(folder: Path, script: str) -> None:
    """Run the script; each line answers with the text that stands behind its mark."""
    text = (FRAME + script).replace(PORT, str(free_port()))
    work = folder / "work"
    work.mkdir()
    (folder / "script").write_text(text)
    with program(folder) as programs:
        ended = subprocess.run(
            ["bash", folder / "script"],
            cwd=work,
            env={
                **os.environ,
                "PATH": f"{programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "SAMPLES": str(SAMPLES),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=300,
        )
    said = ended.stdout.decode()
    assert ended.returncode == 0, said[-2_000:]
    answers: dict[int, str] = {}
    for number, answer in re.findall(r"\x01(\d+)\n([^\x01]*)", said):
        answers[int(number)] = answers.get(int(number), "") + answer
    for number, line in enumerate(text.splitlines(), start=1):
        command, mark, expected = line.partition("#> ")
        assert not mark or expected in answers[number], (command, answers[number])


def _amounts(work: Path, name: str, field: str) -> list[Any]:
    lines = (work / name).read_text().splitlines()
    return [row[field] for line in lines for row in json.loads(line)["items"]]


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the tour was run on a new chain."""
    folder = tmp_path_factory.mktemp("tour")
    founding = script_of("cli/README.md", only=FOUNDING)
    run_script(folder, founding + script_of("README.md", but=START) + FACTS)
    return folder / "work"


def test_the_tour_of_the_first_page_runs(tour: Path) -> None:
    """Supplier, debtor, lender, bank and auditor see what the page says."""
    ids = (tour / "ids").read_text().split()
    assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in ids)
    page = (tour / "holding.html").read_text()
    assert short_id("receivable", ids[0]) in page


def test_the_tour_pays_to_the_cent(tour: Path) -> None:
    """What came in went out, and what is not due yet is still owed."""
    paid = _amounts(tour, "totals", "paid_minor")
    assert paid == [1_500_000, 2_500_000, 6_000_000]
    assert _amounts(tour, "totals", "amount_minor") == [70_000, 30_000, 0]
    assert _amounts(tour, "funding", "amount_minor") == [100_000]


@pytest.mark.slow
def test_the_walkthrough_goes_on_from_there(tmp_path: Path) -> None:
    """Every other command of the wallet's README succeeds after the tour."""
    parts = (
        script_of("cli/README.md", only=FOUNDING),
        script_of("README.md", but=START),
        script_of("cli/README.md", but=FOUNDING),
    )
    run_script(tmp_path, "".join(parts))
