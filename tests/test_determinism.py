"""One chain, replayed elsewhere: other hash seeds, time zones and Pythons.

A replay compares every receipt, event and root with what is recorded, so it
is enough that it ends without a finding and says the same digest.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.export import export_pieces
from tests.lives import full_life

ROOT = Path(__file__).parents[1]
CHILD = """
import hashlib, json, sys
from ledger.export import Export
from ledger.replay import replay_ledger
with open(sys.argv[1], "rb") as stream:
    export = Export(stream)
    running = hashlib.sha256()
    def follow(state, block, candidate, accounts):
        made = candidate.block
        for raw in (made.header, *made.transactions, *made.receipts, *made.events):
            running.update(len(raw).to_bytes(4, "big") + raw)
        for key in sorted(candidate.layer.writes):
            running.update(key + (candidate.layer.writes[key] or b""))
    found = replay_ledger(export.blocks(), export.facts.secret, explain=follow)
print(json.dumps({"digest": running.hexdigest(), "root": found.state_root,
    "version": sys.version_info[:2]}))
"""
PROBE = "import cryptography, orjson, pydantic"
# What that needs, of the lock file.
NEEDED = (
    *("annotated-types", "cffi", "cryptography", "orjson", "pycparser", "pydantic"),
    *("pydantic-core", "typing-extensions", "typing-inspection"),
)
SECONDS_MAX = 240


def replay_with(python: str, export: Path, **environment: str) -> dict[str, object]:
    """Return what another process finds in an export.

    Args:
        python: the interpreter.
        export: the file.
        environment: on top of nothing at all.
    """
    ended = subprocess.run(
        [python, "-B", "-c", CHILD, str(export)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found: dict[str, object] = json.loads(ended.stdout)
    return found


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a full life."""
    life = full_life()
    path = tmp_path_factory.mktemp("determinism") / "life.export"
    path.write_bytes(b"".join(export_pieces(life.facts, life.blocks)))
    return path


@pytest.fixture(scope="module")
def own(export: Path) -> dict[str, object]:
    """What a process of this Python finds in it."""
    return replay_with(sys.executable, export, PYTHONHASHSEED="0", TZ="UTC")


def test_hash_seed_time_zone_and_language_change_nothing(
    export: Path, own: dict[str, object]
) -> None:
    """Three surroundings, one digest of everything that was made."""
    east = {"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai"}
    west = {"PYTHONHASHSEED": "4242", "TZ": "America/New_York"}
    west |= {"LC_ALL": "C", "PYTHONOPTIMIZE": "2"}
    for surroundings in (east, west):
        assert replay_with(sys.executable, export, **surroundings) == own


def candidates() -> Iterator[str]:
    """Yield interpreters of other versions than this one, newest first."""
    home = Path.home() / ".pyenv" / "versions"
    places = sorted(home.glob("3.1[1-9]*/bin/python"), reverse=True)
    for minor in range(19, 10, -1):
        found = shutil.which(f"python3.{minor}")
        if found is not None:
            places.append(Path(found))
    for place in places:
        version = version_of(str(place))
        if version is not None and version != list(sys.version_info[:2]):
            yield str(place)


def version_of(python: str) -> list[int] | None:
    """Return the version of an interpreter that starts, if it is new enough."""
    code = "import json, sys; print(json.dumps(sys.version_info[:2]))"
    try:
        ended = subprocess.run(
            [python, "-c", code], capture_output=True, timeout=20, check=False
        )
        version: list[int] = json.loads(ended.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return version if version >= [3, 11] else None


def has_dependencies(python: str) -> bool:
    """Tell whether an interpreter can import what the ledger needs."""
    ended = subprocess.run([python, "-c", PROBE], capture_output=True, check=False)
    return ended.returncode == 0


def build_environment(python: str, folder: Path) -> str:
    """Return the interpreter of a new environment with the locked dependencies."""
    ready = folder / "bin" / "python"
    if not (ready.exists() and has_dependencies(str(ready))):
        shutil.rmtree(folder, ignore_errors=True)
        lock = (ROOT / "requirements.lock").read_text("utf-8")
        blocks = re.findall(r"(?m)^[a-z][^=]*==.*(?:\n +.*)*", lock)
        wanted = [block for block in blocks if block.partition("==")[0] in NEEDED]
        chosen = folder.with_name("second.lock")
        chosen.write_text("\n".join(wanted), "utf-8")
        pip = [sys.executable, "-m", "pip", "--python", str(ready), "install"]
        strict = ["--quiet", "--only-binary", ":all:", "--require-hashes"]
        for command in (
            [python, "-m", "venv", "--without-pip", str(folder)],
            [*pip, *strict, "--retries", "1", "-r", str(chosen)],
        ):
            try:
                subprocess.run(
                    command, capture_output=True, timeout=SECONDS_MAX, check=True
                )
            except subprocess.SubprocessError:
                pytest.skip("second interpreter: its dependencies do not install")
    return str(ready)


def test_another_python_makes_the_same_bytes(
    export: Path, own: dict[str, object], pytestconfig: pytest.Config
) -> None:
    """Receipts, gas, roots and records are equal under another version."""
    others = list(candidates())
    if not others:
        pytest.skip("second interpreter absent")
    python = next((other for other in others if has_dependencies(other)), "")
    if not python:
        cache = getattr(pytestconfig, "cache", None)
        if cache is None:
            pytest.skip("second interpreter: no cache folder")
        python = build_environment(others[0], cache.mkdir("second-python") / "env")
    other = replay_with(python, export)
    assert other["version"] != own["version"]
    assert other == {**own, "version": other["version"]}
