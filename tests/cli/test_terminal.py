"""What commands print, where, and with which exit code they end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli import main as main_module
from cli.main import COMMANDS, SECTIONS, Lazy, allonge
from cli.signing.acting import wrap_line
from cli.terminal import (
    EXIT,
    EXIT_MEANINGS,
    EXIT_OF_CODE,
    confirm_amount,
    describe_error,
    exit_code,
    print_error,
    print_facts,
    print_table,
    printable,
    read_passphrase,
    run_command,
)
from ledger.encoding import decode
from ledger.errors import KINDS, InvariantBroken, LedgerError, registry

ESC = "\x1b"
ROOT = Path(__file__).parents[2]


def command_that(action: Callable[[], object]) -> click.Command:
    """Return a command that does this and has --json."""
    option = click.Option(["--json"], is_flag=True)
    return click.Command("x", params=[option], callback=lambda **_: action())


def raising(error: BaseException) -> Callable[[], object]:
    """Return a function that raises this."""

    def action() -> None:
        raise error

    return action


FAILURES = [
    (LedgerError("stale_input"), "stale_input", 9),
    (LedgerError("declined"), "declined", 3),
    (LedgerError("storage_failed"), "storage_failed", 8),
    (LedgerError("code_of_a_rule"), "code_of_a_rule", 7),
    (KeyboardInterrupt(), "interrupted", 130),
    (EOFError(), "declined", 3),
    (click.UsageError("no"), "usage", 2),
    (click.Abort(), "interrupted", 130),
    (PermissionError(13, "denied", "/x"), "system_error", 1),
    (InvariantBroken("secret"), "internal_error", 1),
    (ValueError("secret"), "internal_error", 1),
    (RecursionError("secret"), "internal_error", 1),
    (MemoryError("secret"), "internal_error", 1),
]
FAILURE_IDS = [type(row[0]).__name__ + "-" + row[1] for row in FAILURES]


@pytest.mark.parametrize(("error", "code", "status"), FAILURES, ids=FAILURE_IDS)
def test_every_failure_has_a_code_and_an_exit_code(
    error: BaseException,
    code: str,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Stdout stays empty, stderr has what, why and a fix, never a traceback."""
    assert run_command(command_that(raising(error)), []) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.lstrip().startswith(f"error[{code}]: ")
    assert "Traceback" not in err
    assert "secret" not in err
    if registry().get(code):
        assert "\ncause: " in err
        assert "\nfix: " in err


@pytest.mark.parametrize(("error", "code", "status"), FAILURES, ids=FAILURE_IDS)
def test_every_failure_is_one_json_object(
    error: BaseException,
    code: str,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --json the same failure is data on stdout."""
    assert run_command(command_that(raising(error)), ["--json"]) == status
    out, _ = capsys.readouterr()
    facts = decode(out.removesuffix("\n").encode())
    assert facts["code"] == code
    assert {"kind", "title", "cause", "fix", "expected", "found"} <= set(facts)
    assert "secret" not in out


def test_a_usage_error_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the command line itself is what is wrong."""
    assert run_command(allonge, ["wallet", "show", "--jso", "--json"]) == 2
    facts = json.loads(capsys.readouterr().out)
    assert (facts["code"], facts["fix"]) == ("usage", "run: allonge wallet show --help")
    assert run_command(allonge, ["--", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_a_near_miss_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped command is answered with the one that was meant."""
    assert run_command(allonge, ["walet"]) == 2
    assert "'wallet'" in capsys.readouterr().err


def test_debug_alone_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who asks by ALLONGE_DEBUG=1 sees everything, on stderr."""
    monkeypatch.setenv("ALLONGE_DEBUG", "1")
    assert run_command(command_that(raising(ValueError("why"))), []) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "ValueError: why" in err


def test_every_exit_code_is_explained() -> None:
    """The table of kinds is complete and help lists what can occur."""
    assert set(EXIT) == set(KINDS)
    used = {0, *EXIT.values(), *EXIT_OF_CODE.values()}
    assert used == set(EXIT_MEANINGS)
    listed = CliRunner().invoke(allonge, ["help", "exit-codes"])
    assert [int(line.split()[0]) for line in listed.stdout.splitlines()] == [
        *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 130)
    ]
    data = CliRunner().invoke(allonge, ["help", "exit-codes", "--json"])
    assert len(json.loads(data.stdout)["exit_codes"]) == len(EXIT_MEANINGS)


def test_every_registered_code_has_an_exit_code() -> None:
    """No code of the registry ends as success."""
    assert all(exit_code(row.code, row.kind) for row in registry().values())


def test_details_stay_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers and lists stay what they are, and a better fix replaces the row's."""
    error = LedgerError(
        "stale_input",
        expected=1,
        found="\udc80\x1b",
        height=7,
        inputs=("a", 2**60),
        fix="run: allonge balance --wallet a",
        ratio=0.5,
        Odd_name=1,
    )
    facts = describe_error(error)
    assert facts["height"] == 7
    assert facts["inputs"] == ["a", str(2**60)]
    assert facts["fix"] == "run: allonge balance --wallet a"
    assert facts["ratio"] == "0.5"
    assert run_command(command_that(raising(error)), ["--json"]) == 9
    decode(capsys.readouterr().out.removesuffix("\n").encode())


def test_details_cannot_pose_as_the_code() -> None:
    """The registry's words win over details of the same name."""
    error = LedgerError("stale_input", kind="fine", title="all well")
    facts = describe_error(error)
    assert (facts["kind"], facts["title"]) == ("stale", error.row.title)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b é 工商", "a b é 工商"),
        (f"{ESC}[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\udc80", "\\udc80"),
    ],
    ids=ascii,
)
def test_text_from_outside_cannot_steer_the_terminal(text: str, shown: str) -> None:
    """Controls, direction marks and lone surrogates are spelt out."""
    assert printable(text) == shown


def test_errors_and_facts_are_spelt_out_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a file says about itself ends harmless on both streams."""
    hostile = LedgerError("not_found", found=f"{ESC}]0;x\a", path=f"{ESC}c")
    run_command(command_that(raising(hostile)), [])
    print_facts({"name": f"{ESC}c"})
    print_table(["name"], [[f"{ESC}c"]])
    out, err = capsys.readouterr()
    assert ESC not in out + err


def test_tables_are_plain_and_whole_when_piped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No escapes, nothing cut, numbers to the right, markup as it stands."""
    rows = [("[red]工商[/red]", "1.00"), ("x" * 300, "40000.00")]
    print_table(["name", "amount"], rows, numeric=[1])
    lines = capsys.readouterr().out.splitlines()
    assert ESC not in "".join(lines)
    assert "[red]工商[/red]" in lines[1]
    assert lines[1].endswith("    1.00")
    assert lines[2] == "x" * 300 + "  40000.00"


def test_no_cell_is_cut_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit goes on in an indented line; wide characters count twice."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    print_table(["name", "id", "amount"], [("工商", "R" * 14, "1.00")], numeric=[2])
    shown = ["name  id", "    amount", f"工商  {'R' * 14}", "      1.00"]
    assert screen.getvalue().splitlines() == shown


def test_a_long_line_of_a_screen_goes_on_under_its_text() -> None:
    """Nothing is lost at the break, and no word is cut."""
    line = f" {'debtor':<14}" + "of long names " * 6 + "x" * 64
    parts = wrap_line(line, 80)
    assert "".join(parts).split() == line.split()
    assert all(part.startswith(" " * 15) for part in parts[1:])
    assert parts[-1].endswith("x" * 64)


def test_every_command_stands_under_a_heading() -> None:
    """The overview begins with one, and each names a command."""
    assert set(SECTIONS) <= set(COMMANDS)
    assert next(iter(COMMANDS)) in SECTIONS


@pytest.mark.parametrize(
    ("closed", "words", "status"),
    [
        (">&-", "errors", 0),
        (">&- 2>&-", "errors none", 6),
        ("<&-", "wallet init --home /nowhere", 2),
    ],
)
def test_a_closed_stream_is_no_defect(closed: str, words: str, status: int) -> None:
    """A caller may close what it does not want to read or write."""
    line = f'exec "$0" -c "from cli.main import main; main()" {words} {closed}'
    command = ["/bin/sh", "-c", line, sys.executable]
    ended = subprocess.run(command, check=False, capture_output=True, cwd=ROOT)
    assert (ended.returncode, b"Traceback" in ended.stderr) == (status, False)


def test_a_full_disk_behind_stdout_is_a_failure() -> None:
    """Lost data must not end as success, and stderr says what happened."""
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    code = "from cli.main import main; main()"
    unflushed = (
        "import click, sys; from cli.terminal import run_command;"
        "say = lambda: sys.stdout.write('data') and None;"
        "sys.exit(run_command(click.Command('x', callback=say), []))"
    )
    for program, *words in (
        (code, "help", "exit-codes"),
        (code, "help", "exit-codes", "--json"),
        (unflushed,),
    ):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-c", program, *words],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
                text=True,
                env=os.environ | {"PYTHONUNBUFFERED": ""},
                cwd=ROOT,
            )
        assert done.returncode == 1
        assert done.stderr.startswith("error[system_error]: ")
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


class Screen(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [("TERM", "xterm", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False)],
)
def test_colour_can_be_declined(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, *, coloured: bool
) -> None:
    """Escapes go to terminals only, and not there against the user's wish."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.stderr", Screen())
    monkeypatch.setattr("sys.stdout", Screen())
    print_error(LedgerError("stale_input"))
    print_table(["name"], [["value"]])
    assert (ESC in sys.stderr.getvalue() + sys.stdout.getvalue()) is coloured


def test_people_read_figures_by_their_unit(capsys: pytest.CaptureFixture[str]) -> None:
    """Moments and money are spelt out; data keeps the numbers."""
    facts = {"until_ms": 1_767_574_800_000, "used_minor": 10_000_000, "lo": 5, "n": 7}
    error = LedgerError("offer_over", **facts)
    print_error(error)
    print_error(LedgerError("offer_over", **facts, currency="CNY"))
    plain, money, *_ = capsys.readouterr().err.split("error[")[1:]
    assert "until=2026-01-05 01:00 UTC, used=10000000 minor units" in plain
    assert "lo=5 minor units, n=7" in plain
    assert "used=CNY 100000.00, lo=CNY 0.05" in money
    print_error(error, as_json=True)
    assert facts.items() <= json.loads(capsys.readouterr().out).items()
    assert run_command(allonge, ["show"]) == 2
    assert "error[usage]: Missing argument 'ID'." in capsys.readouterr().err


def test_the_passphrase_file_is_judged(tmp_path: Path) -> None:
    """One line of text in a private file, or a pipe; all else is refused."""
    path = tmp_path / "passphrase"

    def given(raw: bytes, mode: int = 0o600) -> str:
        path.write_bytes(raw)
        path.chmod(mode)
        try:
            return read_passphrase(path)
        except LedgerError as error:
            return error.code if "hunter2" not in str(error) else "leak"

    assert given(b"hunter2 hunter2\n") == "hunter2 hunter2"
    assert given(b"hunter2 \r\n") == "hunter2 "
    assert given(b"hunter2\nhunter3\n") == "bad_passphrase"
    assert given(b"") == "bad_passphrase"
    assert given(b"hunter2\xff") == "bad_passphrase"
    assert given(b"x" * 1027) == "too_large"
    assert given(b"hunter2", 0o640) == "file_exposed"
    read_end, write_end = os.pipe()
    os.write(write_end, b"from a pipe\n")
    os.close(write_end)
    assert read_passphrase(Path(f"/dev/fd/{read_end}")) == "from a pipe"
    os.close(read_end)


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script never hangs at a prompt, and learns the option to use."""
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    for ask, fix in (
        (read_passphrase, "use --passphrase-file FILE"),
        (
            lambda: confirm_amount("40000.00"),
            'use --type-amount "40000.00"',
        ),
    ):
        with pytest.raises(LedgerError) as caught:
            ask()
        assert caught.value.code == "no_terminal"
        assert caught.value.details["fix"] == fix
    sys.stdin.close()


@pytest.mark.parametrize(
    "typed", ["40000", "40,000.00", "4000.00", "", "n", "\uff140000.00"], ids=ascii
)
def test_another_amount_is_no_consent(typed: str) -> None:
    """Only the very text counts; the exit code is that of a refusal."""
    confirm_amount("40000.00", typed=" 40000.00 ")
    with pytest.raises(LedgerError) as caught:
        confirm_amount("40000.00", typed=typed)
    row = caught.value.row
    assert exit_code(row.code, row.kind) == 3


def test_help_imports_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that cannot be loaded neither breaks help nor completion."""
    monkeypatch.setitem(COMMANDS, "broken", Lazy("cli.none:none", "It is broken."))
    shown = CliRunner().invoke(allonge, ["--help"])
    assert shown.exit_code == 0
    assert "It is broken." in shown.stdout
    completed = CliRunner().invoke(
        allonge,
        [],
        prog_name="allonge",
        env={
            "_ALLONGE_COMPLETE": "bash_complete",
            "COMP_WORDS": "allonge bro",
            "COMP_CWORD": "1",
        },
    )
    assert completed.stdout == "plain,broken\n"
    assert CliRunner().invoke(allonge, ["broken"]).exit_code == 1


def test_help_shows_the_help_of_a_command() -> None:
    """`help wallet init` and `wallet init --help` say the same."""
    asked = CliRunner().invoke(allonge, ["help", "wallet", "init"])
    direct = CliRunner().invoke(allonge, ["wallet", "init", "--help"])
    assert asked.stdout.split() == direct.stdout.split()
    assert CliRunner().invoke(allonge, ["help", "none"]).exit_code == 2
    assert CliRunner().invoke(allonge, ["help", "help", "x"]).exit_code == 2


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_registered_command_loads(name: str) -> None:
    """The table of commands points at commands."""
    result = CliRunner().invoke(main_module.allonge, [name, "--help"])
    assert result.exit_code == 0, result.stderr
    # What a subcommand is for is wrapped, never cut.
    assert "...\n" not in result.stdout.partition("\nCommands:\n")[2]


@pytest.mark.parametrize(
    ("called", "path", "named"),
    [
        ("/opt/bin/allonge", "/usr/bin:/opt/bin", "allonge"),
        ("/opt/bin/allonge", "/usr/bin", "/opt/bin/allonge"),
        (".venv/bin/allonge", "/usr/bin", ".venv/bin/allonge"),
        ("/opt/my bin/allonge", "/usr/bin", "'/opt/my bin/allonge'"),
        ("/usr/lib/pytest", "/usr/bin", "allonge"),
    ],
)
def test_a_fix_names_the_program_as_it_was_called(
    called: str, path: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the bare name leads nowhere, the path that did is shown."""
    monkeypatch.setattr("sys.argv", [called])
    monkeypatch.setenv("PATH", path)
    fix = describe_error(LedgerError("usage"))["fix"]
    assert fix == f"See what can be typed: run: {named} --help"
