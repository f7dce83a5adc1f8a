"""Every fix that names a command names one that runs, as it is printed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.explain import all_codes
from cli.formats.sample_invoice import write_sample_invoice
from cli.main import allonge
from cli.wallet.folder import open_folder
from cli.wallet.keyfile import save_key
from cli.wallet.keyheader import TEST_COST
from cli.wallet.recovery import encode_recovery
from ledger.keys import SigningKey
from ledger.names import short_id
from tests.cli.wallets import PASSPHRASE, URL, Stage, open_stage
from tests.world import World

ROOT = Path(__file__).parents[2]
RUN = "run: "
KEY = SigningKey.from_seed(bytes(range(32)))
ENTRIES = """\
type,amount,currency,booking_date,value_date,key,end_to_end,payer,reference,reverses
charge,2.00,CNY,2026-01-05,,S1/3,,,,
"""
# Commands that another test runs as a process, for they end only when told.
ELSEWHERE = {
    "allonge demo": "tests/cli/test_demo.py",
    "allonge node start {folder}": "tests/cli/test_readme.py",
    "allonge node genesis sign {target}": "tests/cli/test_genesis.py",
    "allonge node genesis sign {unsigned}": "tests/cli/test_genesis.py",
}
# Who has the role that a command asks for; alpha holds what is shown.
WHO = {
    "allonge confirm": "debtor",
    "allonge counter": "debtor",
    "allonge bank": "bank",
    "allonge payout": "bank",
    "allonge audit": "auditor",
    "allonge show ACCOUNT": "bank",
}
# What is wrong with the words, or names nothing; and a defect.
WRONG = (1, 2, 6)


def commands() -> Iterator[str]:
    """Yield what stands behind ``run:`` in any text of the program."""
    for row in all_codes().values():
        _, run, command = row.fix.rpartition(RUN)
        if run:
            yield command
    for room in ("cli", "contracts", "ledger", "node"):
        for path in (ROOT / room).rglob("*.py"):
            yield from commands_in(ast.parse(path.read_text("utf-8")))


def commands_in(tree: ast.Module) -> Iterator[str]:
    """Yield what stands behind ``run:`` in the texts of a file."""
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = ast.unparse(node)[2:-1]
        elif isinstance(node, ast.Constant) and id(node) not in inner:
            text = str(node.value)
        else:
            continue
        _, run, command = text.rpartition(RUN)
        # Docstrings say what happens, and one text puts another together.
        if run and "\n" not in text and command[:1] not in ("", "{"):
            yield command


COMMANDS = sorted(set(commands()) - set(ELSEWHERE))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Serve a chain with a programme, live and submitted claims and an offer."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch, found) as s:
        yield s


MADE: dict[str, str] = {}


def found(world: World) -> None:
    """Make one of each thing that a fix may name."""
    account = world.open_account()
    world.open_programme()
    world.let_see_all("auditor")
    MADE.clear()
    live = world.issue_live(1_000_000, "2026-03-02", number="F")
    MADE["RECEIVABLE"] = MADE["HOLDING"] = short_id("receivable", live)
    MADE["ACCOUNT"] = short_id("account", account)
    MADE["MEMBER"] = world.member("alpha")
    MADE["HASH"] = world.chain.chain_id


@pytest.fixture(scope="module")
def words(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what stands for what is in capitals, and for what the program puts in."""
    folder = tmp_path_factory.mktemp("files")
    return MADE | write_files(stage, folder) | act_once(stage, folder)


def write_files(stage: Stage, folder: Path) -> dict[str, str]:
    """Write a file of each form that a fix may name."""
    invoice, day = folder / "invoice.xml", folder / "day.csv"
    write_sample_invoice(
        invoice,
        number="A-1",
        issue_date="2026-01-02",
        due_date="2026-03-09",
        amount="1000.00",
        currency="CNY",
        seller={"name": "Seller"},
        buyer={"name": "Buyer"},
    )
    day.write_text(ENTRIES)
    draft = folder / "draft"
    CliRunner().invoke(allonge, ["draft", str(invoice), "-o", str(draft)])
    code = folder / "code"
    code.write_text(encode_recovery(bytes(32)))
    code.chmod(0o600)
    card, key = folder / "a.card", folder / "a.key"
    stage.do(
        *("alpha", "member", "account", "register", "--currency", "CNY"),
        *("--attester", stage.world.member("bank"), "--holder", "alpha"),
        *("--number", "DE89 3704", "-o", str(card)),
        typed="1",
    )
    stage.do("alpha", "member", "key", "request", "-o", str(key))
    return {
        "CARD": str(card),
        "bank import FILE": f"bank import {day}",
        "draft FILE": f"draft {invoice}",
        "draft {invoice}": f"draft {invoice}",
        "key add {output}": f"key add {key}",
        "recovery": str(code),
        "submit {target}": f"submit {draft}",
    }


def act_once(stage: Stage, folder: Path) -> dict[str, str]:
    """Do once what a fix may name; return what stands for it."""
    file, paper = folder / "a.altx", folder / "a.html"
    name = MADE["RECEIVABLE"]
    lender = stage.world.member("lender")
    asked = stage.do("alpha", "quote", "request", name, "--to", lender, typed="1")
    give = ["quote", "give", asked["created"]["id"], "--flat", "CNY 10.00"]
    quote = stage.do("lender", *give, typed="9990.00")
    give = ["offer", name, "--to", stage.world.member("beta")]
    offer = stage.do("alpha", *give, typed="10000.00")
    stage.do("alpha", "split", name, "CNY 1.00", "--prepare", str(file))
    stage.do("alpha", "certificate", name, "-o", str(paper))
    return {
        "DATE": "2026-03-09",
        "HEIGHT": str(offer["height"]),
        "ID": name,
        "NAME": "other",
        "NUMBER": "ALPHA",
        "OFFER": short_id("offer", offer["id"]),
        "QUOTE": short_id("quote", quote["id"]),
        "SCHEME": "TEST",
        "SHA256": "ab" * 32,
        "SOURCE": URL,
        "TRANSACTION": offer["id"],
        "URL": URL,
        "--prepare FILE": f"--prepare {folder}/new.altx",
        "-o FILE": f"-o {folder}/new.export",
        "FILE": str(file),
        "verify {output}": f"verify {paper}",
        "{files[0]}": str(file),
        "{folder.name}": "alpha",
        "{kept}": str(file),
        "{name}": str(file),
        "{path}": str(file),
        "{self.name}": "default",
        "{transaction}": offer["id"],
        "{verb}": "sign",
    }


def options_of(line: list[str]) -> set[str]:
    """Return the options of the command that a line begins with."""
    command: click.Command = allonge
    for word in line:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word) or command
    return {name for option in command.params for name in option.opts}


def fill(command: str, words: dict[str, str]) -> list[str]:
    """Return the words of a command with things in the places of their names."""
    longest = sorted(words, key=len, reverse=True)
    names = "|".join(re.escape(name) for name in longest if name != "recovery")
    pattern = rf"(?<![A-Za-z])({names})(?![A-Za-z])"
    return shlex.split(re.sub(pattern, lambda match: words[match[0]], command))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_fix_can_be_run(
    stage: Stage,
    words: dict[str, str],
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is understood, and finds what it names; what it signs is not confirmed."""
    monkeypatch.chdir(tmp_path)
    program, *line = fill(command, words)
    if program != "allonge":
        assert (program, line[0]) in (("chmod", "600"), ("sudo", "chown"))
        return
    known = options_of(line)
    wallet = next((w for start, w in WHO.items() if command.startswith(start)), "alpha")
    if "--help" not in line:
        if "--wallet" in known and "--wallet" not in line and line[1:] != ["init"]:
            line += ["--wallet", wallet]
        if "--recovery-file" in known:
            line += ["--recovery-file", words["recovery"]]
        if "--home" in known:
            line += ["--home", str(stage.home)]
        if "--passphrase-file" in known:
            line += ["--passphrase-file", str(stage.secret)]
        if "--type-amount" in known:
            line += ["--type-amount", "no"]
    ended = CliRunner().invoke(allonge, line)
    assert ended.exit_code not in WRONG, (line, ended.stdout, ended.stderr)


def test_a_fix_ends_with_its_command() -> None:
    """Who copies what stands behind the colon has the command, whole."""
    assert COMMANDS
    for command in COMMANDS:
        assert not command.endswith((".", ";", ",")), command


CLAIM = ("--invoice", "1", "--issued", "2026-01-02", "--due", "2026-03-09")
CANNOT = {
    "lines_refused": ("debtor", "confirm", "--file", "lines.csv"),
    "node_unhealthy": ("alpha", "node", "doctor", "nowhere"),
    "not_connected": ("alone", "balance"),
    "which_programme": ("alpha", "submit", *CLAIM, "--amount", "EUR 5.00"),
}


@pytest.mark.parametrize("code", CANNOT)
def test_what_a_wallet_cannot_do_is_named(
    stage: Stage, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its cause and its fix, on a line of its own."""
    monkeypatch.chdir(tmp_path)
    lines = f"receivable,amount,currency\n{'ab' * 32},5.00,CNY\n"
    Path("lines.csv").write_text(lines)
    wallet, *line = CANNOT[code]
    own = ["--home", str(stage.home), "--wallet", wallet]
    if wallet == "alone":
        folder = open_folder(wallet, stage.home)
        folder.create()
        save_key(folder.key_path, KEY, PASSPHRASE, wallet, cost=TEST_COST, test=True)
    if code != "node_unhealthy":
        own += ["--passphrase-file", str(stage.secret)]
    found = CliRunner().invoke(allonge, [*line, *own]).stderr
    assert f"error[{code}]: " in found
    assert "\ncause: " in found
    assert "\nfix: " in found
