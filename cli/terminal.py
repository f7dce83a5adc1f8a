"""What every command says, where it says it, and how it ends.

Results go to stdout and everything else to stderr, so that a pipe carries
data alone. With ``--json`` stdout holds exactly one canonical JSON object,
on failure too. Whatever comes from outside is printed with control and
direction characters spelt out: no name in a file can repaint the screen.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import getpass
import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final, TypeVar

import click

from cli.private import read_private
from ledger.encoding import INTEGER_MAX, JSONObject, encode
from ledger.errors import LedgerError, register, registry

PROGRAM: Final = "allonge"
PASSPHRASE_FILE_BYTES_MAX: Final = 1026  # the longest passphrase and a line end
AMOUNT_TRIES_MAX: Final = 3
# Milliseconds below these are a span; above them is no moment of the calendar.
MOMENT_MS_MIN: Final = 100_000_000_000
MOMENT_MS_MAX: Final = 253_402_300_800_000

EXIT: Final = {
    "malformed": 2,
    "too_large": 2,
    "unauthenticated": 4,
    "unauthorised": 4,
    "not_found": 6,
    "stale": 9,
    "refused": 7,
    "busy": 5,
    "unavailable": 5,
    "tampered": 20,
    "incomplete": 21,
    "untrusted": 22,
    "mismatch": 23,
    "internal": 1,
}
# Codes that end otherwise than their kind: kinds are shared with HTTP.
EXIT_OF_CODE: Final = {
    "declined": 3,
    "outcome_unknown": 8,
    "storage_failed": 8,
    "interrupted": 130,
    "key_version": 4,
    "key_cost_weak": 4,
    "key_cost_high": 4,
}
EXIT_MEANINGS: Final = {
    0: "done",
    1: "failure of the program or the system",
    2: "usage: the command line or a given file is not of the required form",
    3: "declined by the user; nothing was signed or sent",
    4: "key or authority: passphrase, signature, role or approval",
    5: "node unreachable or busy; nothing was accepted, try again",
    6: "not found, or not yours to see",
    7: "refused by a rule or a limit",
    8: "outcome unknown: it may have been accepted; ask before sending again",
    9: "conflict: superseded, duplicate, expired or existing already",
    20: "verification: tampered",
    21: "verification: incomplete",
    22: "verification: key or genesis not vouched for",
    23: "verification: another rule, kit or engine than the ledger names",
    130: "interrupted",
}

Command = TypeVar("Command", bound=Callable[..., Any] | click.Command)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)
passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read the passphrase from a file of mode 600, or a pipe.",
)
# So that one line of options serves every command of a script.
unread_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    expose_value=False,
    help="Taken and not read: no passphrase is needed.",
)
amount_option = click.option(
    "--type-amount",
    "typed",
    metavar="AMOUNT",
    help="The amount you would type to confirm, for scripts.",
)


def wallet_options(function: Command) -> Command:
    """Give a command ``--wallet NAME`` and ``--home DIR``."""
    named = click.option(
        "--wallet", default="default", show_default=True, help="Which wallet."
    )
    placed = click.option(
        "--home", metavar="DIR", help="Wallet folder, instead of ALLONGE_HOME."
    )
    return named(placed(function))


def printable(text: object) -> str:
    """Return the text with everything spelt out that steers a terminal."""
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in str(text)
    )


def print_json(result: Mapping[str, object]) -> None:
    """Write one canonical JSON object and a line end to stdout."""
    click.echo(encode(dict(result)) + b"\n", nl=False)


def print_text(text: str) -> None:
    """Write one line of data to stdout."""
    click.echo(printable(text))


def print_note(text: str) -> None:
    """Write one line for the user to stderr."""
    click.echo(printable(as_called(text)), err=True)


def called_name() -> str:
    """Return how to call this program: by its name, or by the path it was called by."""
    called = Path(sys.argv[0])
    found = str(called.parent) in os.environ.get("PATH", "").split(os.pathsep)
    return PROGRAM if found or called.name != PROGRAM else shlex.quote(str(called))


def as_called(text: str) -> str:
    """Return a text whose commands can be run as they stand."""
    return text.replace(f"run: {PROGRAM} ", f"run: {called_name()} ")


def print_facts(facts: Mapping[str, object]) -> None:
    """Write names and values to stdout, one a line, values aligned."""
    width = max(map(_columns, facts), default=0)
    for name, value in facts.items():
        gap = " " * (width - _columns(name) + 2)
        shown = ("yes" if value else "no") if type(value) is bool else value
        click.echo(f"{name}{gap}{printable(shown)}")


def print_set(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Write facts as one JSON object, or for people, one a line."""
    if as_json:
        print_json(facts)
        return
    shown = {
        name.replace("_", " "): ", ".join(value) if isinstance(value, list) else value
        for name, value in facts.items()
    }
    print_facts(shown)


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Iterable[int] = (),
) -> None:
    """Write a table to stdout; no cell is ever cut, so that ids can be copied.

    On a terminal that is too narrow, columns go on in an indented line. That
    there is no row is said on stderr.

    Args:
        columns: headings.
        rows: one value a column.
        numeric: indexes of the columns that are aligned to the right.
    """
    cells = [[printable(value) for value in row] for row in (columns, *rows)]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    right = set(numeric)
    for number, row in enumerate(cells):
        for indent, indexes in _lines_of(widths):
            texts = []
            for index in indexes:
                gap = " " * (widths[index] - _columns(row[index]))
                parts = (gap, row[index]) if index in right else (row[index], gap)
                texts.append("".join(parts))
            line = (indent + "  ".join(texts)).rstrip()
            if line and number == 0 and wants_colour(sys.stdout):
                line = click.style(line, bold=True)
            if line:
                click.echo(line)
    if len(cells) == 1:
        print_note("There is none.")


def _lines_of(widths: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Return which columns stand on which line of a row, and its indent."""
    limit = terminal_width(sys.stdout)
    lines: list[tuple[str, list[int]]] = [("", [])]
    used = 0
    for index, width in enumerate(widths):
        if lines[-1][1] and used + width > limit:
            lines.append(("    ", []))
            used = 4
        lines[-1][1].append(index)
        used += width + 2
    return lines


def terminal_width(stream: Any) -> int:
    """Return how many columns a line may have, without a bound if piped."""
    return get_terminal_size().columns if stream.isatty() else sys.maxsize


def wants_colour(stream: Any) -> bool:
    """Tell whether escapes may be written: a terminal, and not declined."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return bool(stream.isatty()) and not plain


def exit_code(code: str, kind: str) -> int:
    """Return the exit code of an error."""
    return EXIT_OF_CODE.get(code, EXIT[kind])


def describe_error(error: LedgerError) -> JSONObject:
    """Return an error as data; a ``fix`` among its details is the better one."""
    row = error.row
    details = {
        name: _plain(value)
        for name, value in error.details.items()
        if re.fullmatch(r"[a-z][a-z0-9_]*", name)
    }
    return details | {
        "fix": as_called(str(details.get("fix", row.fix))),
        "code": error.code,
        "kind": row.kind,
        "title": row.title,
        "cause": row.cause,
        "expected": _plain(error.expected),
        "found": _plain(error.found),
    }


def _plain(value: object) -> object:
    if type(value) is bool or (type(value) is int and abs(value) <= INTEGER_MAX):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def print_error(error: LedgerError, *, as_json: bool = False) -> None:
    """Write an error to stderr: a line, its cause, its fix; or JSON to stdout."""
    facts = describe_error(error)
    if as_json:
        print_json(facts)
        return
    shown = ("code", "kind", "title", "cause", "fix", "expected", "found")
    parts = [str(facts["title"])]
    parts += [f"{name} {facts[name]}" for name in shown[5:] if facts[name] != ""]
    if error.code == "usage" and error.found:
        parts = [error.found]
    parts += [_detail(name, facts) for name in facts if name not in shown]
    head = f"error[{facts['code']}]"
    if wants_colour(sys.stderr):
        head = click.style(head, fg="red", bold=True)
    click.echo(f"{head}: {printable(', '.join(parts))}", err=True)
    for name in ("cause", "fix"):
        if facts[name]:
            click.echo(f"{name}: {printable(facts[name])}", err=True)


def _detail(name: str, facts: JSONObject) -> str:
    """Return a detail as people read it, by the unit that its name ends in."""
    from cli.amounts import format_amount
    from cli.signing.screen import show_moment

    value = facts[name]
    if value is True:
        return name
    field, _, unit = name.rpartition("_")
    if type(value) is int and unit == "ms" and MOMENT_MS_MIN < value < MOMENT_MS_MAX:
        return f"{field}={show_moment(value - value % 60_000)}"
    if type(value) is int and (unit == "minor" or name in ("lo", "hi")):
        with suppress(KeyError, LedgerError):
            return f"{field or name}={format_amount(value, str(facts['currency']))}"
        return f"{field or name}={value} minor units"
    return f"{name}={_name_item(name, str(value))}"


def _name_item(name: str, value: str) -> str:
    """Return the people's id of what a detail names, where its field says of what."""
    from cli.people import MEMBERS, NAMED_KINDS, name_id

    kind = "member" if name in MEMBERS else name
    return name_id(kind, value) if kind in NAMED_KINDS else value


def read_passphrase(
    passphrase_file: Path | None = None,
    *,
    prompt: str = "Passphrase: ",
    confirm: bool = False,
) -> str:
    """Return the passphrase from a private file or pipe, else ask for it.

    It is never taken from the command line or the environment, where other
    processes and shell histories would see it.

    Args:
        passphrase_file: its first and only line is the passphrase.
        prompt: what to ask.
        confirm: ask twice, for a new passphrase.

    Raises:
        LedgerError: those of ``read_private``; ``no_terminal``;
            ``bad_passphrase``; ``declined`` at end of input.
    """
    if passphrase_file is not None:
        return _passphrase_of_file(passphrase_file)
    if not sys.stdin.isatty():
        raise LedgerError("no_terminal", fix="use --passphrase-file FILE")
    try:
        passphrase = getpass.getpass(prompt)
        if confirm and getpass.getpass("Once more:  ") != passphrase:
            raise LedgerError("bad_passphrase", found="two different ones")
    except EOFError as error:
        raise LedgerError("declined") from error
    return passphrase


def _passphrase_of_file(path: Path) -> str:
    raw = read_private(path, size_bytes_max=PASSPHRASE_FILE_BYTES_MAX, pipe=True)
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise LedgerError("bad_passphrase", expected="UTF-8", path=path) from error
    if not text or "\n" in text or "\x00" in text:
        raise LedgerError("bad_passphrase", expected="one line", path=path)
    return text


def read_answer(question: str, *, fix: str) -> str:
    """Ask on stderr and return the line typed, stripped.

    Args:
        question: what to ask, with its final space.
        fix: what to do instead where nobody can answer.

    Raises:
        LedgerError: ``no_terminal`` unless both sides are a terminal;
            ``declined`` at end of input.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise LedgerError("no_terminal", fix=fix)
    click.echo(printable(question), nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        click.echo(err=True)
        raise LedgerError("declined")
    return line.strip()


def confirm_amount(expected_text: str, *, typed: str | None = None) -> None:
    """Return only if the user has typed exactly this amount.

    Args:
        expected_text: the amount in major units, e.g. ``40000.00``.
        typed: what a script gave by ``--type-amount``; then nobody is asked.

    Raises:
        LedgerError: ``declined``; ``no_terminal`` if there is no one to ask.
    """
    if typed is not None:
        if typed.strip() != expected_text:
            raise LedgerError("declined", expected=expected_text, found=typed)
        return
    for _ in range(AMOUNT_TRIES_MAX):
        answer = read_answer(
            f"Type {expected_text} to sign, or n: ",
            fix=f'use --type-amount "{expected_text}"',
        )
        if answer == expected_text:
            return
        if answer.lower() in ("", "n", "no"):
            break
        print_note("It is not that.")
    raise LedgerError("declined")


class CommandGroup(click.Group):
    """A group that ends every failure by the table of exit codes."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's interface
        **extra: Any,
    ) -> Any:
        """Run the command line; in standalone mode end the process."""
        if standalone_mode:
            sys.exit(run_command(self, args))
        return super().main(
            args, prog_name, complete_var, standalone_mode=False, **extra
        )


def run_command(command: click.Command, args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; nothing escapes as traceback.

    A command may return an ``int`` as its exit code; otherwise it is 0.

    Args:
        command: the group of all commands, or one command.
        args: without the program's name; by default those of the process.
    """
    words = list(sys.argv[1:] if args is None else args)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # Closed by the caller: no file of ours may get its number and be written to.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # A narrow locale must not turn a name into a crash.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        result = command.main(words, PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the outer edge
        return _report(error, _command_path(command, words), _asks_json(words))
    except KeyboardInterrupt as error:
        return _report(error, _command_path(command, words), _asks_json(words))
    return result if type(result) is int else 0


def _command_path(command: click.Command, words: Sequence[str]) -> str:
    """Return the name of the command that the words begin with."""
    names = [PROGRAM]
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            break
        names.append(word)
        command = found
    return " ".join(names)


def _asks_json(words: Sequence[str]) -> bool:
    # Read by hand, for the command line may be what is wrong.
    end = words.index("--") if "--" in words else len(words)
    return "--json" in words[:end]


def _report(error: BaseException, path: str, as_json: bool) -> int:  # noqa: FBT001
    if os.environ.get("ALLONGE_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return EXIT["malformed"]
    known = _as_ledger_error(error)
    _complete(known, path)
    try:
        print_error(known, as_json=as_json)
    except (OSError, LedgerError):
        # Stdout is what failed: full, or closed.
        print_error(known)
    _settle_stdout()
    return exit_code(known.code, known.row.kind)


def _complete(error: LedgerError, path: str) -> None:
    """Give an error the fix that fits the command, and a row if it has none."""
    if error.code == "usage":
        error.details.setdefault("fix", f"run: {path} --help")
    if error.code not in registry() and not error.row.fix:
        # The code belongs to a module or rule that this command did not load.
        from cli.explain import all_codes

        row = all_codes(error.code).get(error.code)
        if row is not None:
            register(row)


def _settle_stdout() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        # What is still buffered would fail again at exit, under another code.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _as_ledger_error(error: BaseException) -> LedgerError:
    if isinstance(error, LedgerError):
        return error
    if isinstance(error, click.Abort):
        ended = isinstance(error.__cause__, EOFError)
        return LedgerError("declined" if ended else "interrupted")
    if isinstance(error, KeyboardInterrupt):
        return LedgerError("interrupted")
    if isinstance(error, click.ClickException):
        return _usage_error(error)
    if isinstance(error, OSError):
        path = {"path": error.filename} if error.filename else {}
        return LedgerError("system_error", found=error.strerror or "", **path)
    # The text of an unforeseen exception may hold anything, so its class only.
    return LedgerError("internal_error", found=type(error).__name__)


def _usage_error(error: click.ClickException) -> LedgerError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    message = " ".join(error.format_message().split())
    return LedgerError("usage", found=message, fix=f"run: {path} --help")
