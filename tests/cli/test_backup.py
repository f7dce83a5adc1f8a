"""A ledger is copied while it is served, and comes back as it was or not at all."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from cli import backup
from cli.main import allonge
from cli.wallet.folder import WalletConfig, open_folder
from ledger.encoding import encode
from ledger.export import ExportFacts
from ledger.store import Store
from tests.lives import flip, replay_here
from tests.node.serving import (
    Served,
    close_world,
    serve_world,
    tick,
    wait_for_checkpoint,
)
from tests.world import World


class Ended(NamedTuple):
    """How a command ended, and the object it printed."""

    code: int
    facts: dict[str, Any]


def run(*words: object) -> Ended:
    """Run a command of the operator, who has no wallet here."""
    line = ["node", *map(str, words), "--json"]
    found = CliRunner().invoke(allonge, line)
    return Ended(found.exit_code, json.loads(found.stdout))


class Kept(NamedTuple):
    """A served folder, and two backups of it."""

    served: Served
    folder: Path
    early: Path
    late: Path


@pytest.fixture(autouse=True)
def replays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Replay in this process what is restored, but for once."""
    is_first = request.node.name == "test_a_backup_is_what_was_served"
    with nullcontext() if is_first else replay_here():
        yield


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A node that is serving, backed up twice."""
    folder = tmp_path_factory.mktemp("node")
    world = World(folder=folder / "ledger")
    world.open_account()
    found = Kept(None, folder, folder / "early", folder / "late")  # type: ignore[arg-type]
    with serve_world(world, folder) as served:
        for target in found[2:]:
            assert served.post(tick(world, "alpha")).status_code == 200
            wait_for_checkpoint(served)
            ended = run("backup", folder, target)
            assert (ended.code, ended.facts["blocks"]) == (
                0,
                world.chain.header.height + 1,
            )
        yield found._replace(served=served)


def genesis(kept: Kept) -> str:
    """Return the chain's hash."""
    return kept.served.world.chain.chain_id


def log_key(kept: Kept) -> tuple[str, str]:
    """Return the option that names the node's log key."""
    return "--log-key", kept.served.node.checkpoints.vkey


def test_a_backup_is_what_was_served(kept: Kept, tmp_path: Path) -> None:
    """Made beside the node, restored elsewhere: same head, same key, both copies."""
    folder = tmp_path / "back"
    own = ("--genesis", genesis(kept), *log_key(kept))
    assert run("restore", kept.late, folder, *own).code == 0
    ledger = Store.read_only(folder / "ledger")
    head = kept.served.world.chain.header
    assert ledger.head is not None
    assert (ledger.head.hash, ledger.head.size) == (head.hash, head.size)
    assert ledger.latest_checkpoint() == kept.served.node.store.latest_checkpoint()
    ledger.close()
    for path in (folder, kept.late):
        assert path.stat().st_mode & 0o077 == 0
    key = (folder / "ledger" / "log_key").read_bytes()
    assert key == (kept.folder / "ledger" / "log_key").read_bytes()
    # The genesis beside it serves as an anchor, as the founder's own does.
    again = tmp_path / "again"
    anchor = folder / "genesis.json"
    file = kept.early / "ledger.alx"
    assert run("restore", file, again, "--genesis", anchor).code == 0
    assert not (again / "ledger" / "log_key").exists()


def test_nothing_is_overwritten(kept: Kept, tmp_path: Path) -> None:
    """A folder that is there stays as it is, whatever is in it."""
    for words in (
        ("backup", kept.folder, kept.early),
        ("restore", kept.early, tmp_path, "--genesis", genesis(kept), *log_key(kept)),
    ):
        assert run(*words).facts["code"] == "file_exists"
    assert list(tmp_path.iterdir()) == []


def test_the_log_key_is_the_one_that_is_known(kept: Kept, tmp_path: Path) -> None:
    """A key that came with the copy alone is not taken; a new one may be made."""
    folder, bad = tmp_path / "back", tmp_path / "bad"
    shutil.copytree(kept.late, bad)
    (bad / "log_key").write_text("07" * 32)
    own = ("--genesis", genesis(kept))
    for words in ((bad, folder, *own, *log_key(kept)), (kept.late, folder, *own)):
        ended = run("restore", *words)
        assert (ended.code, ended.facts["code"]) == (22, "other_log_key"), words
        again = ended.facts["fix"].rpartition("allonge node ")[2].split()
        assert run(*again).code == 0
        assert not (folder / "ledger" / "log_key").exists()
        shutil.rmtree(folder)


def test_a_wallet_pins_the_log_key(kept: Kept, tmp_path: Path) -> None:
    """The operator's own wallet vouches for chain and key of a backup."""
    wallet = open_folder("default", tmp_path)
    wallet.create()
    wallet.key_path.touch()
    pinned = WalletConfig(chain=genesis(kept), log_key=log_key(kept)[1])
    wallet.save_config(pinned)
    words = (kept.late, tmp_path / "back", "--home", tmp_path)
    assert run("restore", *words).code == 0


def test_a_bad_backup_leaves_no_folder(kept: Kept, tmp_path: Path) -> None:
    """Damaged, of another chain, or behind a checkpoint that is known."""
    folder = tmp_path / "back"
    raw = (kept.late / "ledger.alx").read_bytes()
    damaged, note = tmp_path / "damaged", tmp_path / "note"
    damaged.write_bytes(flip(raw, len(raw) // 2))
    note.write_text(kept.served.node.checkpoints.latest())
    own = ("--genesis", genesis(kept), *log_key(kept))
    for words, code in (
        ((damaged, folder, *own), 20),
        ((kept.late, folder, "--genesis", "ab" * 32), 22),
        ((kept.early, folder, *own, "--checkpoint", note), 21),
        ((tmp_path / "absent", folder, *own), 6),
        ((kept.late, folder, "--home", tmp_path), 6),
    ):
        assert run("restore", *words).code == code, words
    assert sorted(tmp_path.iterdir()) == [damaged, note]


def test_a_damaged_ledger_is_not_backed_up(tmp_path: Path) -> None:
    """At rest both copies are compared first; nothing is left of the copy."""
    folder = tmp_path / "node"
    world = World(folder=folder / "ledger")
    close_world(world)
    target = tmp_path / "copy"
    assert run("backup", folder, target).code == 0
    database = folder / "ledger" / "ledger.db"
    raw = database.read_bytes()
    database.write_bytes(flip(raw, len(raw) // 2))
    ended = run("backup", folder, tmp_path / "other")
    assert (ended.code, ended.facts["code"]) == (20, "bad_block")
    assert sorted(tmp_path.iterdir()) == [target, folder]


def test_what_reached_the_disk_is_read_again(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that the disk changed is found before the backup has its name."""
    write = backup._write_export

    def write_badly(ledger: Path, path: Path) -> ExportFacts:
        facts = write(ledger, path)
        raw = path.read_bytes()
        path.write_bytes(flip(raw, len(raw) // 2))
        return facts

    monkeypatch.setattr(backup, "_write_export", write_badly)
    ended = run("backup", kept.folder, tmp_path / "copy")
    assert (ended.code, ended.facts["code"]) == (20, "export_damaged")
    assert list(tmp_path.iterdir()) == []


def test_start_passes_on_what_it_is_told(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node's own process is given every option."""
    called: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: called.append(words))
    CliRunner().invoke(allonge, ["node", "start", str(kept.folder), "--metrics"])
    assert called[0][-5:] == ["--metrics", "--host", "127.0.0.1", "--port", "8047"]


@pytest.mark.parametrize(("hours", "state", "code"), [(1, "ok", 0), (30, "FAILED", 5)])
def test_the_doctor_knows_the_last_backup(
    kept: Kept, hours: int, state: str, code: int
) -> None:
    """Its age is judged once there is one; a failed check is an exit code."""
    path = kept.folder / "backup.json"
    record = json.loads(path.read_bytes())
    record["time"] = time.time_ns() // 10**6 - hours * 3_600_000
    path.write_bytes(encode(record))
    ended = run("doctor", kept.folder, "--home", kept.folder / "none")
    row = next(r for r in ended.facts["items"] if "backup" in r["check"])
    assert (row["state"], ended.code) == (state, code)
    assert row["found"].startswith(f"{hours} hours old")
