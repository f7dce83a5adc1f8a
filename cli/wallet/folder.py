"""The wallet folder: where keys and settings are kept, and what is pinned.

One wallet is one directory, ``HOME/wallets/NAME``, with the key file and a
settings file. HOME is ``--home``, else ``ALLONGE_HOME``, else the user's data
directory. What a wallet has once pinned or verified it never forgets: another
chain is refused, and its last verified head only moves forward.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from cli.private import (
    OTHERS_WRITE,
    make_private_directory,
    read_private,
    write_private,
)
from ledger.encoding import INTEGER_MAX, JSONObject, decode, encode
from ledger.errors import LedgerError

DEFAULT_WALLET: Final = "default"
VERSION: Final = "allonge.wallet.v1"
CONFIG_BYTES_MAX: Final = 32_768
CHECKPOINT_CHARS_MAX: Final = 16_384

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_URL: Final = re.compile(r"https?://[!-~]{1,240}")
_LOG_KEY: Final = re.compile(r"[!-~]{1,256}")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest point of the log that a wallet has verified.

    Attributes:
        size: leaves of the log.
        log_root: root of the log at that size, 64 hexadecimal digits.
    """

    size: int
    log_root: str


@dataclass(frozen=True, slots=True)
class WalletConfig:
    """Settings of one wallet; an empty text means not set yet.

    Attributes:
        node_url: where the wallet asks, ``http://`` or ``https://``.
        chain: digest of the genesis it trusts, pinned once set.
        test_chain: whether that genesis declares a test chain.
        member: id of the member the key belongs to.
        log_key: the pinned node's log key, as in a signed note.
        head: newest verified point.
        checkpoint: the signed note that vouches for ``head``.
    """

    node_url: str = ""
    chain: str = ""
    test_chain: bool = False
    member: str = ""
    log_key: str = ""
    head: Head | None = None
    checkpoint: str = ""

    @property
    def genesis_fingerprint(self) -> str:
        """The start of the genesis digest, for comparing by telephone."""
        return fingerprint(self.chain)

    def to_record(self) -> JSONObject:
        """Return the settings as they stand in the file."""
        record: JSONObject = {"t": VERSION}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Head):
                record[field.name] = {"log_root": value.log_root, "size": value.size}
            elif value:
                record[field.name] = value
        return record


def fingerprint(digest_hex: str) -> str:
    """Return the first 12 digits of a digest as ``3F9C-71AE-04D2``."""
    start = digest_hex[:12].upper()
    return "-".join(re.findall("....", start))


def parse_config(raw: bytes) -> WalletConfig:
    """Return the settings of the bytes of a settings file.

    Raises:
        LedgerError: ``wallet_damaged``; ``found`` names the field.
    """
    try:
        record = decode(raw)
        head = Head(**record["head"]) if "head" in record else None
        texts = {name: value for name, value in record.items() if name != "t"}
        config = WalletConfig(**texts | {"head": head})
    except LedgerError as error:
        raise LedgerError("wallet_damaged", found="not canonical JSON") from error
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise LedgerError("wallet_damaged", found="unknown form") from error
    check_config(config)
    # Refuses a missing version and empty fields that should have been left out.
    if encode(config.to_record()) != raw:
        raise LedgerError("wallet_damaged", expected=VERSION)
    return config


def check_config(config: WalletConfig) -> None:
    """Do nothing if every setting has its form.

    Raises:
        LedgerError: ``wallet_damaged``; ``found`` names the field.
    """
    forms = {"node_url": _URL, "chain": _HASH, "member": _HASH, "log_key": _LOG_KEY}
    for name, form in forms.items():
        value: object = getattr(config, name)
        if not isinstance(value, str) or (value and not form.fullmatch(value)):
            raise LedgerError("wallet_damaged", found=name)
    note: object = config.checkpoint
    if not isinstance(note, str) or len(note) > CHECKPOINT_CHARS_MAX:
        raise LedgerError("wallet_damaged", found="checkpoint")
    if type(config.test_chain) is not bool:
        raise LedgerError("wallet_damaged", found="test_chain")
    if config.head is not None:
        _check_head(config.head)
    # Trust that hangs on a genesis is nothing without that genesis.
    dependent = (config.test_chain, config.log_key, config.head, note)
    if any(dependent) and not config.chain:
        raise LedgerError("wallet_damaged", found="chain")


def _check_head(head: Head) -> None:
    size: object = head.size
    if type(size) is not int or not 0 <= size <= INTEGER_MAX:
        raise LedgerError("wallet_damaged", found="head.size")
    root: object = head.log_root
    if not isinstance(root, str) or not _HASH.fullmatch(root):
        raise LedgerError("wallet_damaged", found="head.log_root")


def find_home(home: str | Path | None = None) -> Path:
    """Return the wallet home: ``home``, else ALLONGE_HOME, else the default."""
    chosen = home or os.environ.get("ALLONGE_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("allonge")


def list_wallets(home: Path) -> list[str]:
    """Return the names of the wallets in a home, sorted."""
    directory = home / "wallets"
    if not directory.is_dir():
        return []
    names = (entry.name for entry in directory.iterdir())
    return sorted(
        name
        for name in names
        if _NAME.fullmatch(name) and WalletFolder(home, name).exists()
    )


@dataclass(frozen=True, slots=True)
class WalletFolder:
    """One wallet's directory; made by ``open_folder``.

    Attributes:
        home: directory of all wallets.
        name: the wallet's name.
    """

    home: Path
    name: str

    @property
    def path(self) -> Path:
        """The wallet's directory."""
        return self.home / "wallets" / self.name

    @property
    def key_path(self) -> Path:
        """The encrypted key file."""
        return self.path / "key.json"

    @property
    def config_path(self) -> Path:
        """The settings file."""
        return self.path / "wallet.json"

    def exists(self) -> bool:
        """Tell whether the wallet holds a key."""
        return os.path.lexists(self.key_path)

    def require(self) -> None:
        """Do nothing if the wallet exists.

        Raises:
            LedgerError: ``wallet_missing``.
        """
        if not self.exists():
            fix = f"run: allonge wallet init --wallet {self.name}"
            others = list_wallets(self.home)
            if others:
                fix = f"Name one with --wallet: {', '.join(others[:8])}; or {fix}"
            raise LedgerError(
                "wallet_missing", found=self.name, home=self.home, fix=fix
            )

    def create(self) -> None:
        """Make the directory with empty settings, ready for its key file.

        Settings come first: a key without settings is damage and not a
        wallet that has forgotten what it had pinned.

        Raises:
            LedgerError: ``wallet_exists``.
        """
        if self.exists():
            raise LedgerError("wallet_exists", found=self.name, home=self.home)
        make_private_directory(self.path)
        write_private(
            self.config_path, encode(WalletConfig().to_record()), replace=True
        )

    def load_config(self) -> WalletConfig:
        """Return the wallet's settings.

        Raises:
            LedgerError: ``wallet_missing``, ``wallet_damaged``, or
                ``file_exposed`` if others may change the file.
        """
        self.require()
        try:
            raw = read_private(
                self.config_path,
                size_bytes_max=CONFIG_BYTES_MAX,
                forbidden_mode=OTHERS_WRITE,
            )
            return parse_config(raw)
        except LedgerError as error:
            if error.code == "file_exposed":
                raise
            if error.code == "wallet_damaged":
                error.details["path"] = self.config_path
                raise
            raise LedgerError(
                "wallet_damaged", found=error.row.title, path=self.config_path
            ) from error

    def save_config(self, config: WalletConfig, *, anew: bool = False) -> WalletConfig:
        """Store settings and return what now stands.

        A head behind the stored one is not taken over, so two commands at
        once cannot move the wallet back.

        Args:
            config: the settings.
            anew: forget the stored head first.

        Raises:
            LedgerError: ``wallet_damaged``, a field lacks its form;
                ``chain_pinned``, chain, test flag or log key would change;
                ``head_conflict``, another root at the same size.
        """
        check_config(config)
        with self._locked():
            old = self.load_config()
            if anew:
                old = replace(old, head=None, checkpoint="")
            merged = _merge_config(old, config)
            raw = encode(merged.to_record())
            write_private(self.config_path, raw, replace=True)
        return merged

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.require()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self.path / "lock", flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _merge_config(old: WalletConfig, new: WalletConfig) -> WalletConfig:
    if old.chain and (old.chain, old.test_chain) != (new.chain, new.test_chain):
        raise LedgerError("chain_pinned", expected=old.chain, found=new.chain)
    if old.log_key and old.log_key != new.log_key:
        raise LedgerError("chain_pinned", expected=old.log_key, found=new.log_key)
    if old.head is None:
        return new
    if new.head is None or new.head.size < old.head.size:
        return replace(new, head=old.head, checkpoint=old.checkpoint)
    if new.head.size == old.head.size and new.head != old.head:
        raise LedgerError(
            "head_conflict",
            expected=old.head.log_root,
            found=new.head.log_root,
            size=old.head.size,
        )
    return new


def open_folder(
    name: str = DEFAULT_WALLET, home: str | Path | None = None
) -> WalletFolder:
    """Return the folder of a wallet, whether it exists or not.

    Raises:
        LedgerError: ``bad_wallet_name``.
    """
    if not _NAME.fullmatch(name):
        raise LedgerError("bad_wallet_name", found=name[:64])
    return WalletFolder(find_home(home), name)
