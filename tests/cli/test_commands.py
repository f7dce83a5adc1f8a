"""Command lines that are wrong: a code with cause and fix, never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli import main as program
from cli.client import NodeClient
from cli.explain import all_codes
from cli.keyring import ROLES
from cli.main import COMMANDS, allonge
from cli.terminal import EXIT_MEANINGS
from cli.wallet.folder import open_folder
from cli.wallet.keyfile import save_key
from cli.wallet.keyheader import TEST_COST
from ledger.encoding import encode
from ledger.errors import KINDS, LedgerError
from ledger.forms import Role
from ledger.keys import SigningKey
from ledger.names import short_id
from tests.cli.bodies import ALPHA, LENDER, OFFER, R, hash_of

ROOT = Path(__file__).parents[2]
RID, MID, OID = short_id("receivable", R), short_id("member", ALPHA), "O1234"
TYPO = RID[:5] + ("0" if RID[5] != "0" else "1") + RID[6:]
SUBMIT = ["submit", "--invoice", "1", "--issued", "2031-01-02", "--due", "2031-03-04"]
OPEN = ["bank", "open", "--currency", "CNY", "--commitment", "ab" * 32]
TRANSFER = ["transfer", RID, "--to", MID]


class NetworkUsedError(Exception):
    """A command asked a node before it had read its own words."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home with a wallet of a chain, and no way to a node."""
    monkeypatch.setenv("ALLONGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    folder = open_folder()
    folder.create()
    key = SigningKey.from_seed(bytes(range(32)))
    save_key(folder.key_path, key, "x", "x", cost=TEST_COST, test=True)
    record = {
        "chain": hash_of("chain"),
        "member": ALPHA,
        "node_url": "http://127.0.0.1:1",
        "t": "allonge.wallet.v1",
        "test_chain": True,
    }
    folder.config_path.write_bytes(encode(record))

    def refuse(_self: NodeClient) -> Any:
        raise NetworkUsedError

    monkeypatch.setattr(NodeClient, "_connect", refuse)
    (tmp_path / "dir").mkdir()
    (tmp_path / "text").write_text("nothing of ours")
    (tmp_path / "bad.toml").write_text("name = [")
    return tmp_path


def run(*words: str) -> tuple[int, dict[str, Any]]:
    """Run a command line; return exit code and the JSON on stdout."""
    result = CliRunner().invoke(allonge, [*words, "--json"])
    return result.exit_code, json.loads(result.stdout)


WRONG: list[tuple[list[str], str, int]] = [
    # ids, named before a node is asked
    (["split", TYPO, "CNY 1.00"], "bad_id_check", 2),
    (["confirm", TYPO], "bad_id_check", 2),
    (["confirm", "R12"], "bad_id", 2),
    (["confirm", MID], "wrong_id_kind", 2),
    (["accept", MID], "wrong_id_kind", 2),
    (["decline", "Rzzzz!"], "bad_id", 2),
    (["cancel", ""], "bad_id", 2),
    (["cancel-live", OID], "wrong_id_kind", 2),
    (["withdraw", RID], "wrong_id_kind", 2),
    (["merge", RID, TYPO], "bad_id_check", 2),
    (["offer", f"{TYPO}/5.00", "--to", MID], "bad_id_check", 2),
    (["offer", RID, "--to", RID], "wrong_id_kind", 2),
    (["lineage", MID], "wrong_id_kind", 2),
    (["show", "Z1234"], "bad_id", 2),
    (["receipt", "deadbeef"], "wrong_id_kind", 2),
    (["programme", "show", RID], "wrong_id_kind", 2),
    (["member", "show", RID], "wrong_id_kind", 2),
    (["member", "suspend", "M1", "--reason", "x"], "bad_id", 2),
    (["member", "key", "revoke", MID], "wrong_id_kind", 2),
    (["payout", "instruct", RID], "wrong_id_kind", 2),
    (["payout", "list", "--account", RID], "wrong_id_kind", 2),
    (["bank", "match", RID, "--to", RID, "--amount", "CNY 1"], "wrong_id_kind", 2),
    (["bank", "return", "E1", "--amount", "CNY 1"], "bad_id", 2),
    (["quote", "request", RID, "--to", RID], "wrong_id_kind", 2),
    (["quote", "give", RID, "--rate", "4.5%"], "wrong_id_kind", 2),
    (["take", RID], "wrong_id_kind", 2),
    (["deal", "received", RID], "wrong_id_kind", 2),
    (["deal", "cancel", TYPO], "bad_id_check", 2),
    # amounts
    (["split", RID, "30000"], "currency_missing", 2),
    (["split", RID, "CNY 1,000"], "ambiguous_amount", 2),
    (["split", RID, "JPY 1.5"], "too_many_decimals", 7),
    (["split", RID, "CNY 1.00", "XQX 1.00"], "unknown_currency", 2),
    ([*TRANSFER, "--amount", "¥5"], "currency_missing", 2),
    ([*SUBMIT, "--amount", "CNY -5"], "bad_amount", 2),
    ([*SUBMIT, "--amount", "CNY 5", "--use", "EUR 5"], "other_currency", 2),
    (["bank", "close-day", "2031-01-02", "--closing", "5"], "currency_missing", 2),
    ([*OPEN, "--closed", "2031-01-02", "--opening", "x"], "bad_amount", 2),
    # dates, moments, hashes
    ([*SUBMIT[:-1], "4 March", "--amount", "CNY 5"], "not_a_date", 2),
    (["counter", RID, "--due", "2031-02-30"], "not_a_date", 2),
    (["offer", RID, "--to", MID, "--until", "soon"], "bad_moment", 2),
    (["offer", RID, "--to", MID, "--until", "2031-01-02"], "bad_moment", 2),
    ([*TRANSFER, "--document", "ab"], "bad_hash", 2),
    ([*TRANSFER, "--document", "@missing"], "file_missing", 6),
    (["payout", "attest", "--all", "--date", "1.2.2031"], "not_a_date", 2),
    # what belongs together
    (["submit"], "terms_missing", 2),
    (["submit", "text"], "bad_draft", 2),
    (["submit", "dir"], "file_unreadable", 2),
    (["issue", *SUBMIT[1:], "--amount", "CNY 5"], "usage", 2),
    (
        [*SUBMIT, "--amount", "CNY 5", "--deduct", "gift", "CNY 1", "ab" * 32],
        "bad_deduction",
        2,
    ),
    (["payout", "instruct"], "usage", 2),
    (["payout", "instruct", "--all", short_id("payout", R)], "usage", 2),
    (["offer", RID], "usage", 2),
    (["offer", RID, "--to", MID, "--recourse", "maybe"], "usage", 2),
    (["balance", "extra"], "usage", 2),
    (["splitt", RID], "usage", 2),
    # files
    (["sign", "missing"], "file_missing", 6),
    (["sign", "text"], "bad_signing_file", 2),
    (["send"], "usage", 2),
    (["send", "text"], "bad_signing_file", 2),
    (["bank", "import", "text"], "bad_csv", 2),
    (["programme", "new", "bad.toml"], "bad_terms_file", 2),
    (["programme", "new", "dir"], "file_unreadable", 2),
    (["member", "admit", "text"], "bad_request_file", 2),
    (["member", "account", "verify", "text"], "bad_request_file", 2),
    (["member", "policy", "set", "bad.toml", "--from", "3d"], "bad_policy_file", 2),
    (["member", "request", "-o", "m"], "usage", 2),
    (["node", "init", "n", "--member", "text"], "bad_request_file", 2),
    (["node", "init", "n"], "usage", 2),
    (["node", "genesis", "sign", "text"], "bad_genesis_file", 2),
    (["node", "genesis", "publish", "dir"], "file_missing", 6),
    (["node", "start", "dir"], "file_missing", 6),
    # wallets and codes
    (["balance", "--wallet", "none"], "wallet_missing", 6),
    (["balance", "--wallet", "../x"], "bad_wallet_name", 2),
    (["balance", "--node", "http://node.example"], "node_not_secure", 2),
    (["wallet", "connect", "node.example"], "usage", 2),
    (["wallet", "connect", "http://x", "--chain", "12"], "usage", 2),
    (["wallet", "connect", "http://x", "--member", MID], "bad_id", 2),
    (["errors", "no_such_code"], "unknown_code", 6),
    (["show", "nonsense"], "wrong_id_kind", 2),
]


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    WRONG,
    ids=[f"{n}-{words[0]}" for n, (words, _, _) in enumerate(WRONG) if words],
)
def test_a_wrong_command_line_is_named(
    home: Path, words: list[str], code: str, exit_code: int
) -> None:
    """The code is the cause, with a fix, and no node was asked."""
    assert home
    found, facts = run(*words)
    assert (facts["code"], found) == (code, exit_code), facts
    assert facts["cause"]
    assert facts["fix"]


@pytest.mark.parametrize(
    "words",
    [
        ["split", RID, "CNY 30000.00"],
        ["offer", f"{RID}/60000.00", "--to", MID, "--amount", "CNY 1.00"],
        ["confirm", R],
        ["accept", short_id("offer", OFFER)],
        [*SUBMIT, "--amount", "CNY 1.00"],
        ["bank", "close-day", "2031-01-02", "--closing", "CNY 0.00"],
        ["balance"],
        ["member", "show", short_id("member", LENDER)],
    ],
    ids=lambda words: words[0],
)
def test_a_right_command_line_reaches_for_the_node(
    home: Path, words: list[str]
) -> None:
    """What is well typed is read to the end, so the table above tests mistakes."""
    assert home
    facts = run(*words)[1]
    assert (facts["code"], facts["found"]) == ("internal_error", "NetworkUsedError")


def leaf_commands(group: click.Command, path: tuple[str, ...] = ()) -> list[list[str]]:
    """Return the words of every command."""
    if not isinstance(group, click.Group):
        return [list(path)]
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += leaf_commands(command, (*path, name))
    return found


# Started as processes, or ending only when told: not for a fuzzer.
NOT_FUZZED = (["demo"], ["bench"], ["node", "start"])
LEAVES = [words for words in leaf_commands(allonge) if words not in NOT_FUZZED]
WORD = st.one_of(
    # No argument of a process holds a zero byte or half a surrogate pair.
    st.text(
        st.characters(exclude_categories=("Cs",), exclude_characters="\x00"),
        max_size=20,
    ),
    st.sampled_from(
        [
            *(RID, TYPO, MID, R, f"{RID}/5.00", "CNY 5.00", "CNY", "-", "--", "@", "/"),
            *("2031-02-30", "2031-03-04", "3d", "text", "dir", "bad.toml", "9" * 40),
            *("--to", "--amount", "--account", "--all", "--due", "--until", "-o"),
            *("--type-amount", "--valid-days", "--prepare", "--node", "--wallet"),
            *(
                "--closing",
                "--date",
                "--member",
                "--json",
                "--help",
                "\udcff",
                "é\u202e",
            ),
        ]
    ),
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(command=st.sampled_from(LEAVES), words=st.lists(WORD, max_size=6))
def test_no_words_make_a_traceback(
    home: Path, command: list[str], words: list[str]
) -> None:
    """Any words end in one of the documented exit codes, with a code and a fix."""
    assert home
    result = CliRunner().invoke(allonge, [*command, *words])
    assert result.exit_code in EXIT_MEANINGS
    said = result.output + result.stderr
    # The only defect allowed here is the network that is not there.
    is_defect = result.exit_code == 1 and "internal_error" in said
    assert not is_defect or "NetworkUsedError" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_helps_and_takes_json(words: list[str]) -> None:
    """Help names the command's purpose; --json is everywhere but where it serves."""
    result = CliRunner().invoke(allonge, [*words, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_every_code_has_cause_and_fix() -> None:
    """Whatever a command ends with can be looked up by name."""
    rows = all_codes()
    assert len(rows) > 150
    for code, row in rows.items():
        assert row.code == code
        assert row.kind in KINDS
        assert row.title
        assert row.cause, code
        assert row.fix, code
    assert {"part_locked", "bad_grant", "field_not_shown", "stale_input"} <= set(rows)


def test_a_code_of_a_rule_is_explained() -> None:
    """Codes of rules are found without running a rule."""
    found, facts = run("errors", "exposure_exceeded")
    assert (found, facts["exit"], facts["kind"]) == (0, 7, "refused")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["offer", "--help"],
        ["offer", TYPO, "--to", MID],
        ["errors", "stale_input"],
        ["help", "exit-codes"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_local_command_answers_at_once(words: list[str]) -> None:
    """What unlocks no key loads little: some 170 modules, none of the heavy ones.

    How long that takes, some 100 ms, is measured among the slow tests.
    """
    ended = subprocess.run(
        [sys.executable, "-c", COUNTED, *words],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    loaded = json.loads(ended.stderr.splitlines()[-1])
    assert len(loaded) < 200
    heavy = {"asyncio", "fastapi", "http", "lxml", "pydantic", "sqlite3", "ssl"}
    assert not heavy & {name.partition(".")[0] for name in loaded}
    assert not {"ledger.loader", "ledger.transactions"} & {*loaded}


COUNTED = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps([*sys.modules]), file=sys.stderr))
from cli.main import main
main()
"""


def test_all_commands_of_the_help_exist() -> None:
    """A line of the help that leads nowhere would be a lie."""
    assert program.COMMANDS is COMMANDS
    for name in COMMANDS:
        command = allonge.get_command(click.Context(allonge), name)
        assert command is not None


def test_an_unforeseen_error_is_no_traceback() -> None:
    """The last resort names the class and nothing private."""
    error = LedgerError("internal_error", found="ValueError")
    assert error.row.kind == "internal"


def test_the_readme_lists_the_exit_codes() -> None:
    """The documented table is the one that commands end by."""
    text = (ROOT / "cli" / "README.md").read_text("utf-8")
    for code, meaning in EXIT_MEANINGS.items():
        assert f"| {code} | {meaning} |" in text


def test_roles_offered_are_those_of_the_kernel() -> None:
    """The wallet repeats them to start fast; the repetition must be true."""
    assert set(ROLES) == set(get_args(Role))
