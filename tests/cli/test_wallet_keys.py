"""`allonge wallet` from outside: a whole life of a key, and how fast it answers."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import allonge
from cli.session import Session
from cli.wallet.folder import WalletConfig, open_folder
from cli.wallet.keyfile import save_key, unlock
from cli.wallet.keyheader import TEST_COST
from cli.wallet.recovery import encode_recovery
from ledger.errors import LedgerError
from ledger.keys import SigningKey

PASSPHRASE = "correct horse battery"
KEY = SigningKey.from_seed(bytes(range(32)))
PROGRAM = "from cli.main import main; main()"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty wallet home that commands use by default."""
    home = tmp_path / "home"
    monkeypatch.setenv("ALLONGE_HOME", str(home))
    return home


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """Return the path of a passphrase file."""
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return str(path)


def run(*words: str) -> Result:
    """Run a command line in this process."""
    return CliRunner().invoke(allonge, words)


def plant_test_wallet(home: Path, name: str = "default") -> None:
    """Make a wallet with a cheap test key, as the demo does."""
    folder = open_folder(name, home)
    folder.create()
    save_key(folder.key_path, KEY, PASSPHRASE, name, cost=TEST_COST, test=True)


def test_a_key_lives_through_paper(home: Path, secret: str, tmp_path: Path) -> None:
    """Init, export, restore under another name: the same key, no test mark."""
    made = run("wallet", "init", "--passphrase-file", secret, "--json")
    assert made.exit_code == 0, made.output
    first = json.loads(made.stdout)
    assert first["test_key"] is False
    assert "wallet export --recovery-code" in made.stderr
    shown = run("wallet", "export", "--recovery-code", "--passphrase-file", secret)
    code = shown.stdout.split("recovery code")[1].split()[0]
    paper = tmp_path / "paper"
    paper.write_text(code.lower().replace("-", " "))
    paper.chmod(0o600)
    words = ["--recovery-file", str(paper), "--passphrase-file", secret]
    back = run("wallet", "restore", "--wallet", "two", "--json", *words)
    second = json.loads(back.stdout)
    assert (second["key_id"], second["wallets"]) == (
        first["key_id"],
        ["default", "two"],
    )
    key = unlock(open_folder("two", home), PASSPHRASE)
    assert encode_recovery(key.seed) == code


def test_secrets_are_printed_on_request_only(home: Path, secret: str) -> None:
    """Show and the public export print neither seed nor recovery code."""
    plant_test_wallet(home)
    code = encode_recovery(KEY.seed)
    for words in (["show"], ["show", "--json"], ["export"], ["export", "--json"]):
        result = run("wallet", *words)
        assert result.exit_code == 0
        assert KEY.key_id in result.stdout
        assert not {code, KEY.seed.hex()} & set(result.output.split())
        assert code not in result.output
    words = ["export", "--recovery-code", "--passphrase-file", secret, "--json"]
    assert json.loads(run("wallet", *words).stdout)["recovery_code"] == code


def test_show_says_what_is_pinned_and_warns(home: Path) -> None:
    """Chain, member and head are shown; tests are marked on stderr."""
    plant_test_wallet(home)
    config = WalletConfig(node_url="http://n", chain="ab" * 32, test_chain=True)
    open_folder(home=home).save_config(config)
    result = run("wallet", "show")
    assert "ABAB-ABAB-ABAB" in result.stdout
    assert "TEST KEY" in result.stderr
    assert "TEST CHAIN" in result.stderr
    assert "TEST" not in result.stdout


@pytest.mark.parametrize("test_chain", [True, False, None])
def test_a_test_key_signs_on_test_chains_only(
    home: Path, test_chain: bool | None
) -> None:
    """On another chain, or before any is pinned, it does not open."""
    plant_test_wallet(home)
    folder = open_folder(home=home)
    if test_chain is not None:
        folder.save_config(WalletConfig(chain="ab" * 32, test_chain=test_chain))
    if test_chain:
        assert unlock(folder, PASSPHRASE).seed == KEY.seed
        return
    with pytest.raises(LedgerError) as caught:
        unlock(folder, PASSPHRASE)
    assert caught.value.code == "test_key"


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["show", "--wallet", "none"], "wallet_missing", 6),
        (["show", "--wallet", "../x"], "bad_wallet_name", 2),
        (["export", "--wallet", "none"], "wallet_missing", 6),
        (["init"], "wallet_exists", 9),
        (["restore"], "wallet_exists", 9),
        (["init", "--wallet", "new"], "no_terminal", 2),
        (["init", "--wallet", "new", "--label", "a\x07"], "bad_label", 2),
        (["restore", "--wallet", "new"], "no_terminal", 2),
        (["export", "--recovery-code"], "no_terminal", 2),
        (["export", "--recovery-code", "--passphrase-file", "/"], "file_unreadable", 2),
        (["init", "--passphrase", "x"], "usage", 2),
    ],
    ids=lambda value: "_".join(value).replace("/", "") if type(value) is list else "",
)
def test_failures_are_named(
    home: Path, words: list[str], code: str, status: int
) -> None:
    """Each ends with its code, asks nothing and makes nothing."""
    plant_test_wallet(home)
    result = run("wallet", *words, "--json")
    assert (json.loads(result.stdout)["code"], result.exit_code) == (code, status)
    assert not (home / "wallets" / "new").exists()


def test_a_wrong_passphrase_is_one_line(home: Path, tmp_path: Path) -> None:
    """Exit 4, no traceback, and nothing of what was typed."""
    plant_test_wallet(home)
    wrong = tmp_path / "wrong"
    wrong.write_text("hunter2 hunter2")
    wrong.chmod(0o600)
    words = ["export", "--recovery-code", "--passphrase-file", str(wrong)]
    result = run("wallet", *words)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert result.stderr.startswith("error[key_unreadable]: ")
    assert "hunter2" not in result.output


@pytest.mark.parametrize(("wrong", "is_open"), [(2, True), (3, False)])
def test_a_passphrase_is_asked_three_times(
    home: Path, monkeypatch: pytest.MonkeyPatch, wrong: int, is_open: bool
) -> None:
    """A slip of the hand does not cost what was typed before it."""
    plant_test_wallet(home)
    folder = open_folder(home=home)
    folder.save_config(WalletConfig(chain="ab" * 32, test_chain=True))
    typed = iter([*["wrong"] * wrong, PASSPHRASE])
    monkeypatch.setattr("cli.session.read_passphrase", lambda _: next(typed))
    with contextlib.nullcontext() if is_open else pytest.raises(LedgerError):
        assert Session(folder).key().seed == KEY.seed
    assert list(typed) == ([] if is_open else [PASSPHRASE])


def test_a_weak_passphrase_makes_no_wallet(home: Path, tmp_path: Path) -> None:
    """The wallet has no way to a cheap key."""
    weak = tmp_path / "weak"
    weak.write_text("short")
    weak.chmod(0o600)
    result = run("wallet", "init", "--passphrase-file", str(weak))
    assert (result.exit_code, home.exists()) == (7, False)
    assert not [word for word in ("--test", "--cost") if word in help_of("init")]


def help_of(command: str) -> str:
    """Return the help of a wallet command."""
    return run("wallet", command, "--help").stdout


def converse(
    words: list[str], answers: list[tuple[bytes, bytes]], program: str = PROGRAM
) -> tuple[int, str]:
    """Run a program on a terminal of its own, answering prompt by prompt."""
    terminal, inside = pty.openpty()
    # Without a controlling terminal there is no control-C.
    # A shell's background job hands on an interrupt that is ignored.
    adopt = (
        "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", adopt + program, *words],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        cwd=ROOT,
    )
    os.close(inside)
    seen = b""
    for prompt, answer in answers:
        start = len(seen)
        while prompt not in seen[start:]:
            seen += os.read(terminal, 1024)
        os.write(terminal, answer)
    with contextlib.suppress(OSError):  # so Linux ends a terminal
        while chunk := os.read(terminal, 1024):
            seen += chunk
    os.close(terminal)
    return child.wait(), seen.decode()


def test_on_a_terminal_the_passphrase_is_not_echoed(home: Path) -> None:
    """Restore by hand: a slip is named, then the key is made, then it opens."""
    code = encode_recovery(KEY.seed)
    slip = code[:-1] + ("0" if code[-1] != "0" else "2")
    status, seen = converse(
        ["wallet", "restore"],
        [
            (b"groups: ", slip.encode() + b"\n"),
            (b"groups: ", code.encode() + b"\n"),
            (b"New passphrase: ", PASSPHRASE.encode() + b"\n"),
            (b"Once more: ", PASSPHRASE.encode() + b"\n"),
        ],
    )
    assert status == 0, seen
    assert "a mistake in group 13" in seen
    assert PASSPHRASE not in seen
    assert KEY.key_id in seen
    assert unlock(open_folder(home=home), PASSPHRASE).seed == KEY.seed


@pytest.mark.parametrize(
    ("answers", "status", "code"),
    [
        ([(b"phrase: ", b"a\n"), (b"more: ", b"b\n")], 2, "bad_passphrase"),
        ([(b"phrase: ", b"\x04")], 3, "declined"),
        ([(b"phrase: ", b"\x03")], 130, "interrupted"),
    ],
    ids=["two different", "end of input", "control-C"],
)
def test_a_terminal_can_say_no(
    home: Path, answers: list[tuple[bytes, bytes]], status: int, code: str
) -> None:
    """Each way of not answering has its exit code and makes nothing."""
    ended, seen = converse(["wallet", "init"], answers)
    assert ended == status, seen
    assert f"[{code}]" in seen
    assert "Traceback" not in seen
    assert not home.exists()


CONFIRM = (
    "from cli.terminal import confirm_amount, run_command; import click, sys;"
    "command = click.Command('x', callback=lambda: confirm_amount('40000.00'));"
    "sys.exit(run_command(command, []))"
)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"40000.00\n"], 0),
        ([b"4000.00\n", b" 40000.00 \n"], 0),
        ([b"n\n"], 3),
        ([b"\n"], 3),
        ([b"\x04"], 3),
        ([b"1\n", b"2\n", b"3\n"], 3),
    ],
    ids=["right", "second try", "no", "nothing", "end of input", "three wrong"],
)
def test_the_amount_is_typed_on_a_terminal(lines: list[bytes], status: int) -> None:
    """Only the amount itself is consent."""
    answers = [(b"or n: ", line) for line in lines]
    assert converse([], answers, CONFIRM)[0] == status


def modules_after(words: list[str]) -> set[str]:
    """Return the top-level modules a command line has loaded when it ends."""
    code = (
        "import sys, atexit;"
        "atexit.register(lambda: print('\\n', *sys.modules, file=sys.stderr));"
        + PROGRAM
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
    )
    return {name.split(".")[0] for name in done.stderr.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["wallet", "show"],
        ["wallet", "show", "--json"],
        ["help", "exit-codes"],
    ],
    ids=" ".join,
)
def test_quick_commands_load_nothing_heavy(home: Path, words: list[str]) -> None:
    """What unlocks no key answers without cryptography, web or table libraries."""
    plant_test_wallet(home)
    heavy = {"fastapi", "pydantic", "cryptography", "rich", "lxml", "sqlite3", "node"}
    assert not heavy & modules_after(words)


def test_a_narrow_locale_is_no_failure(home: Path) -> None:
    """What the terminal cannot show is spelt out."""
    folder = open_folder(home=home)
    folder.create()
    save_key(folder.key_path, KEY, PASSPHRASE, "工商", cost=TEST_COST, test=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "wallet", "show"],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        cwd=ROOT,
    )
    assert b"\\u5de5\\u5546" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--help"], ["wallet", "show"]], ids=" ".join)
def test_quick_commands_start_in_150_ms(home: Path, words: list[str]) -> None:
    """The best of seven starts is what an idle core gives."""
    plant_test_wallet(home)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *words],
            capture_output=True,
            check=True,
            cwd=ROOT,
        )
        times.append(time.perf_counter() - started)
    assert min(times) <= 0.150
