"""What the READMEs show is run as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from ledger.kernel import ACTIONS
from ledger.names import KIND_LETTERS
from tests.world import World

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A piece of code in a README.

    Attributes:
        language: what stands behind the fence.
        heading: the heading it stands under.
        text: its lines.
    """

    language: str
    heading: str
    text: str


def blocks_of(readme: str) -> Iterator[Block]:
    """Yield the code of a README, told by its path from the root."""
    text = (ROOT / readme).read_text("utf-8")
    for found in BLOCK.finditer(text):
        headings = HEADING.findall(BLOCK.sub("", text[: found.start()]))
        yield Block(found[1], headings[-1] if headings else "", found[2])


def the_block(readme: str, language: str, heading: str) -> str:
    """Return the one block of a language under a heading."""
    found = [
        block.text
        for block in blocks_of(readme)
        if (block.language, block.heading) == (language, heading)
    ]
    assert len(found) == 1, f"{readme} has {len(found)} blocks under {heading}"
    return found[0]


@pytest.fixture(scope="module")
def world() -> World:
    """A world whose ledger knows the rule of the README besides the shipped ones."""
    note = the_block("contracts/README.md", "python", "A rule in thirty lines")
    world = World(sources={**read_sources(), "note/note.py": note})
    world.open_account()
    world.open_programme()
    return world


def test_rule_in_thirty_lines(world: World) -> None:
    """The rule that a newcomer copies works on the ledger."""
    receivable = world.issue_live(100, "2026-03-16")
    world.act("note.leave", {"receivable": receivable, "word": "seen"})
    event = {"event": "note", "receivable": receivable, "word": "seen"}
    assert event in world.events()


def test_trying_a_rule_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines that try the rule run as they stand."""
    note = the_block("contracts/README.md", "python", "A rule in thirty lines")
    (tmp_path / "note.py").write_text(note)
    monkeypatch.chdir(tmp_path)
    lines = the_block("contracts/README.md", "python", "Trying a rule")
    exec(compile(lines, "README", "exec"), {})
    assert "'word': 'seen'" in capsys.readouterr().out


def test_rule_in_thirty_lines_refuses(world: World) -> None:
    """Its own refusal is answered with its own code."""
    receivable = world.submit(100, "2026-03-16", number="INV-2")
    with pytest.raises(LedgerError) as raised:
        world.act("note.leave", {"receivable": receivable, "word": "seen"})
    assert raised.value.code == "not_live"


def test_rule_in_thirty_lines_is_short() -> None:
    """Thirty lines, blank ones and the module's docstring aside."""
    text = the_block("contracts/README.md", "python", "A rule in thirty lines")
    assert len([line for line in text.splitlines() if line.strip()]) <= 31


def commands_of(readme: str, heading: str) -> list[str]:
    """Return the shell commands under a heading, without their comments."""
    return [
        line.split("#")[0].strip()
        for block in blocks_of(readme)
        if (block.language, block.heading) == ("sh", heading)
        for line in block.text.splitlines()
        if line.split("#")[0].strip()
    ]


def test_commands_of_the_first_page_run() -> None:
    """What a newcomer types first works as it stands; targets of make exist."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    ran = 0
    for command in commands_of("README.md", "Five minutes"):
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in targets
            continue
        assert words[0] == ".venv/bin/allonge"
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *words[1:]],
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        ran += 1
    assert ran


def test_the_formats_name_every_kind_act_and_letter(world: World) -> None:
    """A kind stands in its table, told whether records of it have a scope."""
    text = (ROOT / "ledger/README.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| ([^|;]+);[^|]*\|$", text, re.MULTILINE)
    scoped = {
        kind: scope != "none" for row, scope in rows for kind in re.findall(r"\w+", row)
    }
    kinds = world.chain.state.kinds.values()
    own = {kind.name: kind.scoped for kind in kinds if kind.name in scoped}
    assert own == scoped
    assert {kind.name for kind in kinds} - scoped.keys() <= {"note"}
    assert all(f"`{act}`" in text for act in ACTIONS)
    letters = set(re.findall(r"\b([A-Z])\s[a-z]+", text.partition("Letters:")[2][:400]))
    assert set(KIND_LETTERS.values()) <= letters
