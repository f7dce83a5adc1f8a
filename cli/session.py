"""What a command works with: a wallet, its node, and the key when needed.

The passphrase is asked at most once a command. A grant to read is signed by
the wallet's key and kept, for its owner only, as long as it is valid.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from cli.client import NodeClient, NodeError, grant_header
from cli.private import read_private, write_private
from cli.terminal import (
    amount_option,
    json_option,
    passphrase_option,
    print_json,
    print_note,
    read_passphrase,
    wallet_options,
)
from cli.typed import flag, option
from cli.wallet.folder import WalletConfig, WalletFolder, open_folder
from cli.wallet.following import follow_log
from ledger.encoding import JSONObject, decode, decode_base64, encode, encode_base64
from ledger.errors import LedgerError

GRANT_MS: Final = 10 * 60_000
PASSPHRASE_TRIES_MAX: Final = 3
GRANT_SPARE_MS: Final = 20_000
GRANT_BYTES_MAX: Final = 8_192
DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
WAIT_S: Final = 30


@dataclass
class Session:
    """One command's wallet, node and key.

    Attributes:
        folder: the wallet.
        node_url: ``--node``, else "" for the wallet's own.
        passphrase_file: where the passphrase stands, if not asked.
        as_json: print one JSON object.
        prepare: write the unsigned file there instead of signing.
        typed: the amount given by ``--type-amount``.
        valid_days: how long signatures may be collected; a day by default.
        quiet: print nothing but the id of what was made.
        remark: what stands above the prompt besides.
    """

    folder: WalletFolder
    node_url: str = ""
    passphrase_file: Path | None = None
    as_json: bool = False
    prepare: Path | None = None
    typed: str | None = None
    valid_days: int | None = None
    quiet: bool = False
    remark: str = ""
    _config: WalletConfig | None = field(default=None, repr=False)
    _client: NodeClient | None = field(default=None, repr=False)
    # A SigningKey, whose module loads cryptography, which reading does without.
    _key: Any = field(default=None, repr=False)

    @property
    def config(self) -> WalletConfig:
        """The wallet's settings."""
        if self._config is None:
            self._config = self.folder.load_config()
        return self._config

    @property
    def chain(self) -> str:
        """The pinned chain.

        Raises:
            LedgerError: ``not_connected``.
        """
        return _need(self.config.chain, "chain")

    @property
    def member(self) -> str:
        """The member the wallet signs for.

        Raises:
            LedgerError: ``not_connected``.
        """
        return _need(self.config.member, "member")

    @property
    def client(self) -> NodeClient:
        """The node, whose log goes on from what the wallet has seen.

        Raises:
            LedgerError: ``not_connected``; ``node_unreachable``;
                ``chain_pinned``, it serves another chain than the pinned one;
                those of ``follow_log``.
        """
        if self._client is None:
            url = _need(self.node_url or self.config.node_url, "node")
            client = NodeClient(url, self._authorise)
            try:
                self._check_chain(client.node())
                self._config = follow_log(self.folder, self.config, client)
            except LedgerError:
                client.close()
                raise
            self._client = client
        return self._client

    def _check_chain(self, found: JSONObject) -> None:
        pinned = (self.chain, self.config.test_chain)
        if (found["chain"], found.get("test_chain") is True) != pinned:
            raise LedgerError(
                "chain_pinned", expected=self.chain, found=found["chain"][:64]
            )

    def key(self) -> Any:
        """Return the wallet's ``SigningKey``; the passphrase is asked the first time.

        Raises:
            LedgerError: those of ``unlock`` and ``read_passphrase``.
        """
        if self._key is None:
            from cli.wallet.keyfile import unlock

            self.folder.require()
            for tries_left in reversed(range(PASSPHRASE_TRIES_MAX)):
                passphrase = read_passphrase(self.passphrase_file)
                try:
                    self._key = unlock(self.folder, passphrase)
                    break
                except LedgerError as error:
                    is_asked = self.passphrase_file is None and tries_left
                    if error.code != "key_unreadable" or not is_asked:
                        raise
                    print_note("It does not open the key. Once more.")
        return self._key

    def now_ms(self) -> int:
        """Return the time that counts: the node's on a test chain, else here."""
        if self.config.test_chain:
            node_time = self.client.node().get("time")
            if type(node_time) is int:
                return max(node_time, 1)
        return time.time_ns() // 10**6

    def not_after_ms(self) -> int | None:
        """Return until when a new transaction counts, None for the default."""
        if not self.valid_days:
            return None
        until_ms = self.now_ms() + self.valid_days * DAY_MS
        return until_ms - until_ms % MINUTE_MS

    def close(self) -> None:
        """Close the connection to the node, if one was opened."""
        if self._client is not None:
            self._client.close()

    def pin(self, **settings: Any) -> WalletConfig:
        """Store settings in the wallet and return what now stands.

        Raises:
            LedgerError: those of ``save_config``.
        """
        self._config = self.folder.save_config(replace(self.config, **settings))
        return self._config

    def tell(self, result: JSONObject, note: str) -> None:
        """Print a result where JSON is asked for, and a note for people."""
        if self.as_json:
            print_json(result)
        print_note(note)

    # -- grants to read --

    def _authorise(self) -> str:
        kept = self._kept_grant()
        return grant_header(kept if kept is not None else self._new_grant())

    def _kept_grant(self) -> bytes | None:
        path = self.folder.path / "grant.json"
        try:
            raw = read_private(path, size_bytes_max=GRANT_BYTES_MAX)
            kept = decode(raw)
            known = (kept["chain"], kept["member"]) == (self.chain, self.member)
            left_ms = kept["until"] - time.time_ns() // 10**6
            if known and GRANT_SPARE_MS < left_ms <= GRANT_MS:
                return decode_base64(kept["grant"])
        except (LedgerError, KeyError, TypeError):
            # Absent or damaged: it is only a copy of what can be made anew.
            return None
        return None

    def _new_grant(self) -> bytes:
        from ledger.transactions import TYPE_READ, sign_payload

        payload: JSONObject = {
            "chain": self.chain,
            "member": self.member,
            "scope": "read",
            "until": time.time_ns() // 10**6 + GRANT_MS,
            "v": 1,
        }
        grant = sign_payload(TYPE_READ, encode(payload), [self.key()])
        kept = {
            "chain": self.chain,
            "grant": encode_base64(grant),
            "member": self.member,
            "until": payload["until"],
        }
        write_private(self.folder.path / "grant.json", encode(kept), replace=True)
        return grant


def _need(value: str, name: str) -> str:
    if not value:
        raise LedgerError("not_connected", found=f"no {name}")
    return value


Run = Callable[..., Any]

node_option = option("--node node_url", "URL", "Another node to ask.", default="")
prepare_option = option(
    "--prepare",
    click.Path(path_type=Path),
    "Write it unsigned, to be signed by several or offline.",
    metavar="FILE",
)
valid_option = option(
    "--valid-days",
    click.IntRange(1, 29),
    "How long signatures may be collected; a day by default.",
    metavar="DAYS",
)
quiet_option = flag("-q --quiet", "Print only the full id of what was made.")
_TAKEN: Final = (
    *("passphrase_file", "as_json", "prepare", "node_url", "quiet", "typed"),
    "valid_days",
)


def with_wallet(function: Run) -> Run:
    """Give a local command a ``Session`` as first argument; no node is asked."""
    return wallet_options(json_option(passphrase_option(_pass_session(function))))


def with_node(function: Run) -> Run:
    """Give a reading command a ``Session`` as first argument."""
    wrapped = json_option(passphrase_option(node_option(_pass_session(function))))
    return wallet_options(wrapped)


def with_signing(function: Run) -> Run:
    """Give a signing command a ``Session`` as first argument."""
    wrapped = prepare_option(valid_option(amount_option(quiet_option(function))))
    return with_node(wrapped)


def _pass_session(function: Run) -> Run:
    @wraps(function)
    def run(**given: Any) -> Any:
        folder = open_folder(given.pop("wallet"), given.pop("home"))
        taken = {name: given.pop(name) for name in _TAKEN if name in given}
        session = Session(folder, **taken)
        try:
            return function(session, **given)
        finally:
            session.close()

    return run


def is_missing(error: LedgerError) -> bool:
    """Tell whether a node answered that there is no such thing."""
    return isinstance(error, NodeError) and error.status == 404
