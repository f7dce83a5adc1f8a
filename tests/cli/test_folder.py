"""Wallet folders: strict reading, atomic writing, and what is never forgotten."""

from __future__ import annotations

import fcntl
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cli.wallet.folder import (
    CONFIG_BYTES_MAX,
    Head,
    WalletConfig,
    WalletFolder,
    find_home,
    list_wallets,
    open_folder,
    parse_config,
)
from ledger.encoding import encode
from ledger.errors import LedgerError

CHAIN = "ab" * 32
HEAD = Head(size=41, log_root="cd" * 32)
CONFIG = WalletConfig(
    node_url="https://node.example:8443",
    chain=CHAIN,
    test_chain=True,
    member="ef" * 32,
    log_key="node+12345678+AZ09",
    head=HEAD,
    checkpoint="allonge/abab\n41\nroot\n\n— node sig\n",
)


@pytest.fixture
def folder(tmp_path: Path) -> WalletFolder:
    """Return a wallet folder that holds a key file of no meaning."""
    folder = open_folder("sme", tmp_path / "home")
    folder.create()
    folder.key_path.write_bytes(b"{}")
    return folder


def code_of(folder: WalletFolder, config: WalletConfig | None = None) -> LedgerError:
    """Return the error of loading, or of saving a config."""
    with pytest.raises(LedgerError) as caught:
        folder.save_config(config) if config else folder.load_config()
    return caught.value


def test_settings_are_read_back_as_saved(folder: WalletFolder) -> None:
    """Empty settings and full ones survive; the file and folder are private."""
    assert folder.load_config() == WalletConfig()
    assert folder.save_config(CONFIG) == CONFIG
    assert folder.load_config() == CONFIG
    assert folder.config_path.stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o077 == 0
    assert CONFIG.genesis_fingerprint == "ABAB-ABAB-ABAB"


def test_home_is_chosen_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option wins over ALLONGE_HOME, and that over the user's directory."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("ALLONGE_HOME", str(tmp_path / "env"))
    assert find_home(tmp_path / "option") == tmp_path / "option"
    assert find_home() == tmp_path / "env"
    monkeypatch.setenv("ALLONGE_HOME", "")
    assert find_home() == tmp_path / "data" / "allonge"
    monkeypatch.chdir(tmp_path)
    assert find_home("near") == tmp_path / "near"


@pytest.mark.parametrize(
    "name",
    ["", "A", "../x", "a/b", ".", "-a", "a" * 33, "a\n", "é", "a\x00"],
    ids=ascii,
)
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    """A name is one plain word."""
    with pytest.raises(LedgerError) as caught:
        open_folder(name)
    assert caught.value.code == "bad_wallet_name"


def test_several_wallets_are_listed(folder: WalletFolder) -> None:
    """Only folders that hold a key are wallets."""
    other = open_folder("bank", folder.home)
    other.create()
    assert list_wallets(folder.home) == ["sme"]
    other.key_path.write_bytes(b"{}")
    assert list_wallets(folder.home) == ["bank", "sme"]
    assert list_wallets(folder.home / "none") == []


def test_a_wallet_is_made_once(folder: WalletFolder) -> None:
    """A second wallet of the name is refused, and a missing one is named."""
    with pytest.raises(LedgerError) as caught:
        folder.create()
    assert caught.value.code == "wallet_exists"
    missing = code_of(open_folder("none", folder.home))
    assert missing.code == "wallet_missing"
    fix = "Name one with --wallet: sme; or run: allonge wallet init --wallet none"
    assert missing.details["fix"] == fix


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"7",
        b"{}",
        b'{"t":"allonge.wallet.v2"}',
        b'{"t":"allonge.wallet.v1"} ',
        b'{"member":"","t":"allonge.wallet.v1"}',
        b'{"more":1,"t":"allonge.wallet.v1"}',
        b'{"head":[],"t":"allonge.wallet.v1"}',
        b'{"head":{"size":1},"t":"allonge.wallet.v1"}',
        b"\xff" * 8,
        b" " * (CONFIG_BYTES_MAX + 1),
    ],
    ids=lambda raw: ascii(raw[:40]),
)
def test_damaged_settings_are_named(folder: WalletFolder, raw: bytes) -> None:
    """Whatever stands in the file, there is one code and no traceback."""
    folder.config_path.write_bytes(raw)
    assert code_of(folder).code == "wallet_damaged"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node_url", "ftp://node"),
        ("node_url", "https://a b"),
        ("node_url", 7),
        ("chain", "AB" * 32),
        ("member", "ef"),
        ("log_key", "two words"),
        ("test_chain", 1),
        ("head", {"size": -1, "log_root": CHAIN}),
        ("head", {"size": True, "log_root": CHAIN}),
        ("head", {"size": 1, "log_root": "x"}),
        ("checkpoint", "x" * 16_385),
        ("chain", ""),
    ],
    ids=str,
)
def test_each_setting_has_its_form(field: str, value: object) -> None:
    """A setting of the wrong form is refused, and trust without a chain too."""
    record = CONFIG.to_record() | {field: value}
    with pytest.raises(LedgerError) as caught:
        parse_config(encode(record))
    assert caught.value.code == "wallet_damaged"


@pytest.mark.parametrize("field", ["test_chain", "log_key", "head", "checkpoint"])
def test_trust_without_a_chain_is_damage(field: str) -> None:
    """What hangs on a genesis is not read without it."""
    record = {"t": "allonge.wallet.v1", field: CONFIG.to_record()[field]}
    with pytest.raises(LedgerError) as caught:
        parse_config(encode(record))
    assert caught.value.code == "wallet_damaged"


def test_settings_others_may_change_are_refused(folder: WalletFolder) -> None:
    """Readable by others is no danger here; writable is."""
    folder.config_path.chmod(0o644)
    assert folder.load_config() == WalletConfig()
    folder.config_path.chmod(0o620)
    assert code_of(folder).code == "file_exposed"


def test_a_key_without_settings_is_damage(folder: WalletFolder) -> None:
    """Deleting the settings must not make a wallet forget what it pinned."""
    folder.config_path.unlink()
    assert code_of(folder).code == "wallet_damaged"
    assert code_of(folder, CONFIG).code == "wallet_damaged"


@pytest.mark.parametrize(
    "change",
    [{"chain": "00" * 32}, {"test_chain": False}, {"log_key": "other+00000000+AA"}],
    ids=str,
)
def test_what_is_pinned_stays(folder: WalletFolder, change: dict[str, object]) -> None:
    """Chain, its test flag and the log key cannot be exchanged."""
    folder.save_config(CONFIG)
    assert code_of(folder, replace(CONFIG, **change)).code == "chain_pinned"
    assert folder.load_config() == CONFIG


def test_the_head_moves_forward_only(folder: WalletFolder) -> None:
    """An older head is not taken over; other settings are."""
    folder.save_config(CONFIG)
    older = Head(size=40, log_root="11" * 32)
    changed = replace(CONFIG, node_url="http://b", head=older, checkpoint="old")
    assert folder.save_config(changed) == replace(CONFIG, node_url="http://b")
    newer = Head(size=50, log_root="22" * 32)
    forward = replace(changed, head=newer, checkpoint="new")
    assert folder.save_config(forward) == forward


def test_another_root_at_the_same_size_is_evidence(folder: WalletFolder) -> None:
    """Two ledgers of one length are a rewritten history."""
    folder.save_config(CONFIG)
    other = replace(CONFIG, head=replace(HEAD, log_root="11" * 32))
    error = code_of(folder, other)
    assert (error.code, error.row.kind) == ("head_conflict", "tampered")
    assert folder.load_config() == CONFIG


def test_commands_at_once_leave_the_newest_head(folder: WalletFolder) -> None:
    """Many writers in any order end at the largest size, with a whole file."""
    folder.save_config(CONFIG)

    def save(size: int) -> None:
        head = Head(size=size, log_root=f"{size:064x}")
        folder.save_config(replace(CONFIG, head=head))

    threads = [threading.Thread(target=save, args=(100 - n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = json.loads(folder.config_path.read_bytes())
    assert stored["head"]["size"] == 100
    names = {entry.name for entry in folder.path.iterdir()}
    assert names == {"key.json", "wallet.json", "lock"}


def test_a_writer_waits_for_the_one_before(folder: WalletFolder) -> None:
    """Reading, comparing and writing are one step for other processes."""
    folder.save_config(CONFIG)
    with (folder.path / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer = threading.Thread(target=folder.save_config, args=(CONFIG,))
        writer.start()
        writer.join(0.05)
        assert writer.is_alive()
    writer.join(5)
    assert not writer.is_alive()


def test_a_failed_write_leaves_the_old_settings(
    folder: WalletFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk loses nothing and leaves no half file."""
    folder.save_config(CONFIG)

    def fail(handle: int) -> None:
        raise OSError(28, f"no space for {handle}")

    monkeypatch.setattr("cli.private.os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        folder.save_config(replace(CONFIG, node_url="http://b"))
    assert folder.load_config() == CONFIG
    assert not list(folder.path.glob("*.tmp"))
    assert not list(folder.path.glob(".*.tmp"))
