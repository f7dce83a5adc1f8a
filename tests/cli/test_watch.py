"""Events followed across breaks; words completed; a node looked after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.client import NodeClient
from cli.main import allonge
from cli.wallet.folder import open_folder
from cli.watch import follow
from ledger.encoding import encode
from ledger.errors import LedgerError
from tests.cli.wallets import Stage
from tests.node.serving import ROOT, close_world, run_node
from tests.world import World


class _Told:
    """What a stage needs of a node that is a process of its own."""

    def __init__(self, world: World) -> None:
        self.world = world


def run(stage: Stage, *words: str) -> str:
    """Return what a command prints."""
    own = ["--home", str(stage.home), "--passphrase-file", str(stage.secret)]
    result = CliRunner().invoke(allonge, [*words, *own])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_all_events_once_and_in_order(tmp_path: Path) -> None:
    """In pieces behind a kept id they are what they are in one go."""
    world = World(folder=tmp_path / "ledger")
    world.open_account()
    world.open_programme()
    for number in range(5):
        world.issue_live(100 + number, "2026-03-02", number=f"W-{number}")
    count = sum(len(world.chain.store.block(h).events) for h in range(1, 8))
    assert count
    told: Any = _Told(world)
    (tmp_path / "home").mkdir()
    stage = Stage(told, tmp_path / "home")
    height = world.chain.header.height
    close_world(world)
    clock = tmp_path / "clock"
    clock.write_text(f"{world.time}\n")
    with run_node(tmp_path / "ledger", "--clock", str(clock)) as node:
        words = ["watch", "--wallet", "debtor", "--node", node.url]
        whole = run(stage, *words, "--after", "0.0", "--count", "10").splitlines()
        places = [json.loads(row)["id"].split(".") for row in whole]
        order = [(int(h), int(p)) for h, p in places]
        assert order == sorted(set(order))
        assert order[-1][0] <= height
        kept = tmp_path / "kept"
        pieces = run(
            stage, *words, "--after", "0.0", "--keep", str(kept), "--count", "3"
        )
        for _ in range(7):
            pieces += run(stage, *words, "--keep", str(kept), "--count", "1")
        assert pieces.splitlines() == whole
        checked = _doctor(tmp_path, node.url)
    assert {row["state"] for row in checked} == {"ok", "none"}
    names = {row["check"] for row in checked}
    assert {"calendar published through", "log and SQLite agree", "SQLite"} <= names
    offline = _doctor(tmp_path, "")
    assert "blocks" in next(r["found"] for r in offline if r["check"].startswith("log"))
    with (tmp_path / "ledger" / "ledger.db").open("r+b") as file:
        file.write(b"\0" * 100)
    assert [r["state"] for r in _doctor(tmp_path, "")][-2] == "FAILED"


def _doctor(folder: Path, url: str) -> list[dict[str, str]]:
    asked = ["node", "doctor", str(folder), "--home", str(folder / "none")]
    asked += ["--node", url] if url else []
    found = CliRunner().invoke(allonge, [*asked, "--json"])
    items: list[dict[str, str]] = json.loads(found.stdout)["items"]
    return items


class _Session:
    """A session whose node breaks off again and again."""

    def __init__(self, *turns: list[str] | str) -> None:
        self.turns = list(turns)
        self.asked: list[str] = []
        self.client = self

    def stream(self, _path: str, headers: dict[str, str]) -> Any:
        """Yield the lines of a turn, then break off."""
        self.asked.append(headers.get("Last-Event-ID", ""))
        turn = self.turns.pop(0)
        if isinstance(turn, str):
            raise LedgerError(turn)
        yield from turn
        raise LedgerError("node_failed")


def event(place: str) -> list[str]:
    """Return the lines of an event."""
    return [f"id: {place}", "event: x", f'data: {{"n":"{place}"}}', ""]


def test_a_broken_stream_goes_on_behind_the_last_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing twice, nothing missing, half an event is none; at last it gives up."""
    monkeypatch.setattr("cli.watch.PAUSES_S", (0, 0))
    half = event("2.0")[:2]
    session: Any = _Session(
        [": open", *event("1.0"), *half],
        "node_unreachable",
        [*event("2.0"), *event("2.1")],
        *["node_unreachable"] * 3,
    )
    found = []
    with pytest.raises(LedgerError) as raised:
        found.extend((each["id"], each["line"]) for each in follow(session, ""))
    assert raised.value.code == "node_unreachable"
    assert [place for place, _ in found] == ["1.0", "2.0", "2.1"]
    assert json.loads(found[0][1]) == {"id": "1.0", "n": "1.0"}
    assert (
        session.asked == ["", "1.0", "1.0", "2.1", "2.1", "2.1"][: len(session.asked)]
    )


def test_a_kept_id_is_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no id is refused before a node is asked."""
    folder = open_folder("default", tmp_path)
    folder.create()
    folder.config_path.write_bytes(
        encode({"chain": "ab" * 32, "t": "allonge.wallet.v1", "test_chain": True})
    )
    monkeypatch.setattr(NodeClient, "_connect", lambda _: pytest.fail("asked"))
    (tmp_path / "id").write_text("seven")
    (tmp_path / "id").chmod(0o600)
    for words in (["--after", "7"], ["--keep", str(tmp_path / "id")]):
        asked = ["watch", *words, "--home", str(tmp_path), "--json"]
        found = CliRunner().invoke(allonge, asked)
        assert json.loads(found.stdout)["code"] == "bad_event_id"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_shells_complete_words(shell: str) -> None:
    """The script asks this program, which answers without loading commands."""
    found = CliRunner().invoke(allonge, ["completion", shell, "--json"])
    assert "_ALLONGE_COMPLETE" in json.loads(found.stdout)["script"]


def test_a_word_is_completed() -> None:
    """As a shell asks for it."""
    env = {
        **os.environ,
        "COMP_CWORD": "1",
        "COMP_WORDS": "allonge cert",
        "PYTHONPATH": str(ROOT),
        "_ALLONGE_COMPLETE": "bash_complete",
    }
    words = [sys.executable, "-c", "from cli.main import main; main()"]
    ended = subprocess.run(words, env=env, capture_output=True, check=False)
    assert ended.stdout == b"plain,certificate\n"
