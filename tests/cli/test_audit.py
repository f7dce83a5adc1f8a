"""The command ``allonge audit``: what it prints, how it ends, what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import stat
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.audit import audit
from cli.genesis import GenesisFile
from cli.terminal import run_command
from ledger.checkpoint import LogKey, encode_checkpoint, origin, sign_note
from ledger.export import Export
from ledger.keys import SigningKey
from ledger.log import Log
from ledger.transactions import TYPE_GENESIS, parse_envelope
from tests.lives import flip, live_in, replay_here
from tests.world import SECRET

Capture = pytest.CaptureFixture[str]
LOG_KEY = SigningKey.from_seed(b"\x07" * 32)


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


class Setting(NamedTuple):
    """A ledger folder, its export, and what the auditor knows."""

    folder: Path
    file: Path
    genesis: str
    transaction: str


def run(capsys: Capture, *arguments: object) -> Ended:
    """Run the command as the command line does."""
    code = run_command(audit, [str(each) for each in arguments])
    return Ended(code, *capsys.readouterr())


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """A finished ledger and its export."""
    home = tmp_path_factory.mktemp("audit")
    world = live_in(home / "ledger")
    file = home / "ledger.export"
    arguments = ["export", str(home / "ledger"), "-o", str(file)]
    assert run_command(audit, arguments) == 0
    last = world.last
    assert last is not None
    return Setting(home / "ledger", file, world.chain.chain_id, last.transactions[0].id)


def test_an_export_is_private_and_never_over_a_file(
    setting: Setting, capsys: Capture
) -> None:
    """It holds the salt secret: readable by its owner only, written once."""
    assert stat.S_IMODE(setting.file.stat().st_mode) == 0o600
    before = setting.file.read_bytes()
    ended = run(capsys, "export", setting.folder, "-o", setting.file)
    assert ended.exit_code == 9
    assert setting.file.read_bytes() == before


@pytest.mark.parametrize("source", ["folder", "file"])
def test_a_valid_ledger_ends_with_0(
    setting: Setting, capsys: Capture, source: str
) -> None:
    """Eight checks, a verdict, nothing on stderr where it is no terminal."""
    place = getattr(setting, source)
    with nullcontext() if source == "file" else replay_here():
        ended = run(capsys, "verify", place, "--genesis", setting.genesis)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "VERDICT  VALID  (exit 0)" in ended.stdout
    assert max(map(len, ended.stdout.splitlines()[:9])) <= 80
    lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:9]] == [str(n) for n in range(1, 9)]
    assert "test chain" in ended.stdout


def test_json_has_every_check(setting: Setting, capsys: Capture) -> None:
    """One object for machines."""
    arguments = ("--genesis", setting.genesis, "--json", "--workers", 1)
    with replay_here():
        ended = run(capsys, "verify", setting.file, *arguments)
    found = json.loads(ended.stdout)
    assert (found["verdict"], found["exit"]) == ("VALID", 0)
    assert [row["number"] for row in found["checks"]] == list(range(1, 9))
    assert found["signatures"] > found["transactions"]


def test_without_genesis_it_ends_with_22_and_says_how(
    setting: Setting, capsys: Capture
) -> None:
    """The hash found is printed for comparing, not for believing."""
    ended = run(capsys, "verify", setting.file)
    assert ended.exit_code == 22
    assert f"--genesis {setting.genesis}" in ended.stderr


def test_the_genesis_may_be_a_file(
    setting: Setting, capsys: Capture, tmp_path: Path
) -> None:
    """With the hash as text, the genesis envelope itself, or what founders sign."""
    text, envelope = tmp_path / "hash", tmp_path / "genesis.json"
    unsigned = tmp_path / "genesis.altg"
    text.write_text(setting.genesis + "\n")
    with setting.file.open("rb") as stream:
        first = next(Export(stream).blocks())
    envelope.write_bytes(first.transactions[0])
    payload = parse_envelope(first.transactions[0], TYPE_GENESIS).payload
    GenesisFile(payload, ()).save(unsigned)
    for path in (text, envelope, unsigned):
        arguments = ("verify", setting.file, "--genesis", path, "--json")
        with replay_here():
            assert run(capsys, *arguments).exit_code == 0


def test_a_kept_checkpoint_and_log_key_are_used(
    setting: Setting, capsys: Capture, tmp_path: Path
) -> None:
    """Agreement is counted; another root ends with 20."""
    log = Log()
    with setting.file.open("rb") as stream:
        for block in list(Export(stream).blocks())[:6]:
            for raw in (*block.transactions, block.header):
                log.append(raw)
    vkey = LogKey("node.example", LOG_KEY.public).to_vkey()
    kept = tmp_path / "kept.chk"
    for root, code in ((log.root(), 0), (bytes(32), 20)):
        text = encode_checkpoint(origin(setting.genesis), log.size, root)
        kept.write_bytes(sign_note(text, "node.example", LOG_KEY))
        given = ("--checkpoint", kept, "--log-key", vkey)
        with replay_here():
            ended = run(
                capsys, "verify", setting.file, "--genesis", setting.genesis, *given
            )
        assert ended.exit_code == code
    assert "5 agrees with checkpoints" in ended.stdout


def test_tampering_ends_with_20_and_names_block_and_check(
    setting: Setting, capsys: Capture, tmp_path: Path
) -> None:
    """The report says where, what was expected and what was found."""
    raw = setting.file.read_bytes()
    damaged = tmp_path / "damaged.export"
    damaged.write_bytes(flip(raw, len(raw) - 3_000))
    arguments = ("verify", damaged, "--genesis", setting.genesis)
    ended = run(capsys, *arguments)
    assert ended.exit_code == 20
    for word in ("height", "check", "expected", "found", "VERDICT  TAMPERED"):
        assert word in ended.stdout
    fault = json.loads(run(capsys, *arguments, "--json").stdout)["fault"]
    assert fault["height"] > 0
    assert fault["code"] == "export_damaged"


@pytest.mark.parametrize("kept", [0, 70, 5_000, -10])
def test_a_cut_file_ends_with_21(
    setting: Setting, capsys: Capture, tmp_path: Path, kept: int
) -> None:
    """Whatever is missing, it is incomplete and never a smaller ledger."""
    cut = tmp_path / "cut.export"
    cut.write_bytes(setting.file.read_bytes()[:kept])
    ended = run(capsys, "verify", cut, "--genesis", setting.genesis)
    assert ended.exit_code == 21
    assert "VERDICT  INCOMPLETE" in ended.stdout
    told = json.loads(run(capsys, "verify", cut, "--json").stdout)
    # What is counted is what was read, not what the first line says.
    assert told["blocks"] == told.get("fault", {}).get("height", 0)


def test_another_genesis_ends_with_22(setting: Setting, capsys: Capture) -> None:
    """What was pinned is what counts."""
    ended = run(capsys, "verify", setting.file, "--genesis", "ab" * 32)
    assert ended.exit_code == 22


@pytest.mark.parametrize(
    ("name", "copy"),
    [("blocks-*.log", "the block log"), ("ledger.db", "the SQLite copy: ")],
)
def test_a_damaged_folder_ends_with_20(
    setting: Setting, capsys: Capture, tmp_path: Path, name: str, copy: str
) -> None:
    """A flipped byte in either copy is a finding that names it, not a crash."""
    folder = tmp_path / "copy"
    shutil.copytree(setting.folder, folder)
    (file,) = folder.glob(name)
    raw = file.read_bytes()
    file.write_bytes(flip(raw, len(raw) // 2))
    arguments = ("verify", folder, "--genesis", setting.genesis)
    ended = run(capsys, *arguments)
    assert ended.exit_code == 20
    assert "VERDICT  TAMPERED" in ended.stdout
    fault = json.loads(run(capsys, *arguments, "--json").stdout)["fault"]
    assert fault["found"].startswith(copy)


@pytest.mark.parametrize(
    ("content", "code"), [(b"hello\n", 2), (b"x" * 70_000, 2)], ids=["text", "long"]
)
def test_what_is_no_export_is_a_wrong_argument(
    capsys: Capture, tmp_path: Path, content: bytes, code: int
) -> None:
    """A wrong file is not called tampered."""
    file = tmp_path / "file"
    file.write_bytes(content)
    assert run(capsys, "verify", file).exit_code == code
    assert run(capsys, "verify", tmp_path / "absent").exit_code == 6


def test_a_sweep_is_explained_in_words(setting: Setting, capsys: Capture) -> None:
    """Each group's division stands there, with names and remainders."""
    arguments = ("explain", setting.file, setting.transaction)
    ended = run(capsys, *arguments, "--genesis", setting.genesis)
    assert ended.exit_code == 0
    for words in (
        "bank.record, receipt ok",
        "late interest CNY 900.00",
        "44999999 · 17999999 / 44999999 = 17999999 remainder 0",
        "and one of the units left over",
        "gets CNY 180359.99, of which CNY 40000.00 pays back what it owed",
    ):
        assert words in ended.stdout
    assert "With --genesis" in run(capsys, *arguments).stderr


def test_a_block_is_explained_as_data(setting: Setting, capsys: Capture) -> None:
    """The same facts for machines, by height."""
    arguments = ("explain", setting.file, 4, "--genesis", setting.genesis, "--json")
    with replay_here():
        ended = run(capsys, *arguments)
    found = json.loads(ended.stdout)
    assert found["height"] == 4
    assert re.fullmatch("[0-9a-f]{64}", found["hash"])
    assert found["transactions"][0]["code"] == "ok"
    assert run(capsys, "explain", setting.file, 99).exit_code == 6


def test_the_secret_is_in_no_report(setting: Setting, capsys: Capture) -> None:
    """Neither table nor JSON gives away what opens all commitments."""
    for extra in ((), ("--json",)):
        arguments = ("verify", setting.file, "--genesis", setting.genesis, *extra)
        with replay_here():
            ended = run(capsys, *arguments)
        assert SECRET.hex() not in ended.stdout + ended.stderr


def test_a_malformed_log_key_is_refused(setting: Setting, capsys: Capture) -> None:
    """A typo in a key is a typo, not a finding."""
    ended = run(capsys, "verify", setting.file, "--log-key", "node+00+AA==")
    assert ended.exit_code == 2
    assert "bad_vkey" in ended.stderr
