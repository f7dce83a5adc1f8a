"""The command ``allonge draft``: what it prints, writes and refuses."""

import json
import shlex
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.draft import draft
from cli.formats.invoices import parse_invoice
from cli.terminal import run_command
from ledger.encoding import decode

SAMPLES = Path(__file__).parent / "samples"
UBL = (SAMPLES / "ubl.xml").read_bytes()
CREDIT_NOTE = (SAMPLES / "credit_note.xml").read_bytes()
Capture = pytest.CaptureFixture[str]


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


def run(capsys: Capture, *arguments: object) -> Ended:
    """Run the command as the command line does."""
    code = run_command(draft, [str(each) for each in arguments])
    return Ended(code, *capsys.readouterr())


def test_dry_run_prints_one_json_object_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The figures stand on stdout; no file appears, without it one does."""
    monkeypatch.chdir(tmp_path)
    ended = run(capsys, SAMPLES / "ubl.xml", "--dry-run", "--json")
    assert list(tmp_path.iterdir()) == []
    found = json.loads(ended.stdout)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert found["face_minor"] == 100_000
    assert found["document_sha256"] == sha256(UBL).hexdigest()
    assert run(capsys, SAMPLES / "ubl.xml", "--json").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ubl.xml.draft.json"]


def test_the_draft_is_written_once_and_never_over_a_file(
    tmp_path: Path, capsys: Capture
) -> None:
    """The draft holds the printed terms; a second run is a conflict."""
    target = tmp_path / "draft.json"
    ended = run(capsys, SAMPLES / "ubl.xml", "-o", target)
    assert ended.exit_code == 0
    assert "EUR 1000.00" in ended.stdout
    assert "Warning: face" in ended.stderr
    written = decode(target.read_bytes())
    terms = parse_invoice(UBL).to_json()
    assert written == {"version": "draft/v1", **terms}
    again = run(capsys, SAMPLES / "ubl.xml", "-o", target, "--json")
    assert (again.exit_code, json.loads(again.stdout)["code"]) == (9, "file_exists")
    assert decode(target.read_bytes()) == written


@pytest.mark.parametrize(
    ("name", "raw", "code", "exit_code"),
    [
        ("refused", CREDIT_NOTE, "credit_note", 7),
        ("malformed", b"<a", "xml_broken", 2),
        ("too-deep", b"<a>" * 100, "xml_too_deep", 2),
        ("absent", None, "file_missing", 6),
    ],
    ids=["refused", "malformed", "too-deep", "absent"],
)
def test_a_refusal_is_json_with_cause_and_fix(
    tmp_path: Path,
    capsys: Capture,
    name: str,
    raw: bytes | None,
    code: str,
    exit_code: int,
) -> None:
    """Code, title, cause and fix stand on stdout; the exit code tells the kind."""
    path = tmp_path / name
    if raw is not None:
        path.write_bytes(raw)
    ended = run(capsys, path, "--dry-run", "--json")
    found: dict[str, Any] = json.loads(ended.stdout)
    assert (ended.exit_code, found["code"]) == (exit_code, code)
    assert {"title", "cause", "fix", "expected", "found"} < set(found)
    assert found["cause"]
    assert found["fix"]
    plain = run(capsys, path, "--dry-run")
    assert (plain.exit_code, plain.stdout) == (exit_code, "")
    assert code in plain.stderr


def test_the_advice_can_be_run_as_it_stands(tmp_path: Path, capsys: Capture) -> None:
    """The name of the file is put, quoted, into the command that helps."""
    path = tmp_path / "my invoice.xml"
    path.write_bytes(UBL.replace(b"DueDate>", b"OtherDate>"))
    found = json.loads(run(capsys, path, "--dry-run", "--json").stdout)
    _, _, command = found["fix"].partition(" draft ")
    words = shlex.split(command.replace("DATE", "2031-06-30"))
    ended = run(capsys, *words, "--dry-run", "--json")
    assert json.loads(ended.stdout)["due_date"] == "2031-06-30"


def test_usage_errors_exit_with_two(capsys: Capture) -> None:
    """A date that is none is a mistake of the one who types."""
    for due in ("2031-02-30", "soon", ""):
        ended = run(capsys, SAMPLES / "ubl.xml", "--due", due, "--dry-run")
        assert ended.exit_code == 2


def test_a_folder_is_no_invoice(tmp_path: Path, capsys: Capture) -> None:
    """What cannot be read as a file says so."""
    ended = run(capsys, tmp_path, "--dry-run", "--json")
    assert json.loads(ended.stdout)["code"] == "file_unreadable"
