"""A chain begins: member files, one genesis signed by all, a founded ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import genesis as module
from cli.genesis import draw_genesis, read_genesis_file
from cli.main import allonge
from cli.wallet.folder import open_folder
from cli.wallet.keyfile import save_key
from cli.wallet.keyheader import TEST_COST
from ledger.chain import Chain
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.state import read_record

PASSPHRASE = "correct horse battery"
FOUNDERS = (("operator", "operator"), ("debtor", "debtor"), ("bank", "lender"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a wallet for each founder and a stranger."""
    monkeypatch.setenv("ALLONGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("pass").write_text(PASSPHRASE)
    Path("pass").chmod(0o600)
    for n, name in enumerate(["operator", "debtor", "bank", "clerk", "stranger"]):
        folder = open_folder(name)
        folder.create()
        key = SigningKey.from_seed(bytes([n + 1]) * 32)
        save_key(folder.key_path, key, PASSPHRASE, name, cost=TEST_COST, test=True)
    return tmp_path


def run(*words: str) -> tuple[int, dict[str, Any]]:
    """Run a command line; return exit code and its JSON."""
    result = CliRunner().invoke(allonge, [*words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def do(*words: str) -> dict[str, Any]:
    """Run a command that must succeed."""
    code, facts = run(*words)
    assert code == 0, facts
    return facts


def make_genesis() -> None:
    """Write the founders' files and the genesis of a test chain."""
    for name, role in FOUNDERS:
        do(
            *("member", "request", "--wallet", name, "--name", name, "--role", role),
            *("--identifier", f"TEST:{name.upper()}", "-o", f"{name}.member"),
        )
    add = ["--add", "bank.member", "--duty", "checker"]
    do("member", "request", "--wallet", "clerk", *add)
    files = [word for name, _ in FOUNDERS for word in ("--member", f"{name}.member")]
    do("node", "init", "chain", "--test", "--time", "2026-01-05T09:00+08:00", *files)


def sign(wallet: str, file: str = "chain/genesis.altg", count: str = "4") -> Any:
    """Let a wallet sign the genesis."""
    words = ["--wallet", wallet, "--passphrase-file", "pass", "--type-amount", count]
    return run("node", "genesis", "sign", file, *words)


def publish(*copies: str, wallet: str = "operator") -> tuple[int, dict[str, Any]]:
    """Let a wallet publish the rules and found the ledger."""
    words = ["--wallet", wallet, "--passphrase-file", "pass"]
    return run("node", "genesis", "publish", "chain", *copies, *words)


def test_a_chain_is_founded_by_all_its_keys(place: Path) -> None:
    """Signed in one file and in a copy; the wallets trust what they signed."""
    make_genesis()
    Path("copy.altg").write_bytes(Path("chain/genesis.altg").read_bytes())
    for name in ("operator", "debtor"):
        assert sign(name)[0] == 0
    code, facts = publish()
    assert (code, facts["code"], facts["expected"]) == (4, "wrong_signers", "bank")
    for name in ("bank", "clerk"):
        assert sign(name, "copy.altg")[0] == 0
    code, facts = publish("copy.altg", wallet="debtor")
    assert (code, facts["code"]) == (4, "role_missing")
    code, facts = publish("copy.altg")
    assert code == 0, facts
    chain = Chain.open(place / "chain" / "ledger")
    try:
        for name in ("operator", "debtor", "bank"):
            config = open_folder(name).load_config()
            assert (config.chain, config.test_chain) == (chain.chain_id, True)
            assert read_record(chain.state, "member", config.member)["name"] == name
        clerk, bank = (open_folder(n).load_config() for n in ("clerk", "bank"))
        assert clerk.member == bank.member
    finally:
        chain.close()
    assert (place / "chain" / "salt_secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("wallet", "count", "code", "exit_code"),
    [
        ("stranger", "4", "not_a_founder", 4),
        ("debtor", "3", "declined", 3),
    ],
    ids=["stranger", "another count"],
)
def test_who_does_not_mean_it_does_not_sign(
    place: Path, wallet: str, count: str, code: str, exit_code: int
) -> None:
    """Nothing is signed and no chain is pinned."""
    make_genesis()
    before = Path("chain/genesis.altg").read_bytes()
    found, facts = sign(wallet, count=count)
    assert (found, facts["code"]) == (exit_code, code)
    assert Path("chain/genesis.altg").read_bytes() == before
    assert open_folder(wallet).load_config().chain == ""
    assert place.exists()


def test_a_genesis_under_other_rules_is_not_signed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rulebook hash is that of the rules installed here: exit 23."""

    class Other:
        hash = "00" * 32

    make_genesis()
    monkeypatch.setattr(module, "load_installed", Other)
    found, facts = sign("debtor")
    assert (found, facts["code"]) == (23, "rule_mismatch")
    assert place.exists()


def test_every_field_of_a_genesis_is_shown(place: Path) -> None:
    """Each key, person, role and parameter stands on the screen."""
    make_genesis()
    file = read_genesis_file(place / "chain" / "genesis.altg")
    lines, count = draw_genesis(file)
    text = "\n".join(lines)
    assert count == 4
    for member in file.open()["members"]:
        for key in member["keys"]:
            assert key["public"] in text
            assert key["person"] in text
    assert "TEST CHAIN" in text
    assert "UTC+08:00" in text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("quota = 0", "bad_config_file"),
        ("color = 1", "bad_config_file"),
        ("policy_delay_days = -1", "bad_config_file"),
        ("quota = [", "bad_config_file"),
        ("[calendar]\nweekend = 'monday'", "bad_config_file"),
    ],
)
def test_parameters_are_checked_before_anyone_signs(
    place: Path, text: str, code: str
) -> None:
    """A wrong parameter is named and no folder is made."""
    do(
        *("member", "request", "--wallet", "bank", "--name", "b", "--role", "lender"),
        *("--identifier", "TEST:B", "-o", "b.member"),
    )
    Path("config.toml").write_text(text)
    words = ["--member", "b.member", "--member", "b.member", "--config", "config.toml"]
    found, facts = run("node", "init", "new", *words)
    assert (found, facts["code"]) == (2, code)
    assert not (place / "new").exists()


@pytest.mark.parametrize(
    "number", ["LEI:213800KUD8LAJWSQ9D16", "VAT:DE123456789", "0088:4000001000006"]
)
def test_an_identifier_with_a_wrong_digit_is_named(place: Path, number: str) -> None:
    """Neither who asks nor who admits takes a mistyped number for a firm."""
    words = ["member", "request", "--wallet", "bank", "--name", "b", "--role", "lender"]
    code, facts = run(*words, "--identifier", number, "-o", "b.member")
    assert (code, facts["code"], facts["found"]) == (7, "bad_identifier", number)
    assert not (place / "b.member").exists()
    do(*words, "--identifier", "TEST:B", "-o", "b.member")
    file = json.loads(Path("b.member").read_bytes())
    scheme, _, value = number.partition(":")
    file["member"]["identifiers"] = [{"scheme": scheme, "value": value}]
    Path("b.member").write_text(json.dumps(file, separators=(",", ":"), sort_keys=True))
    code, facts = run("node", "init", "new", "--member", "b.member")
    assert (code, facts["code"]) == (7, "bad_identifier")


def test_a_member_file_takes_each_key_once(place: Path) -> None:
    """Adding the same key again is refused, and the file stays as it was."""
    make_genesis()
    before = (place / "bank.member").read_bytes()
    words = ["member", "request", "--wallet", "clerk", "--add", "bank.member"]
    assert run(*words)[1]["code"] == "key_taken"
    assert (place / "bank.member").read_bytes() == before
    with pytest.raises(LedgerError):
        read_genesis_file(place / "bank.member")
