"""``allonge wallet``: make a key, rebuild it from paper, show it, back it up.

Only ``show`` and the public ``export`` work without a passphrase; they load
no cryptography, so that they answer at once.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from cli.private import read_private
from cli.session import Session, with_wallet
from cli.terminal import (
    json_option,
    print_note,
    print_set,
    read_answer,
    read_passphrase,
    unread_option,
    wallet_options,
)
from cli.typed import PATH, flag, option
from cli.wallet.connect import connect
from cli.wallet.folder import WalletFolder, fingerprint, list_wallets, open_folder
from cli.wallet.keyheader import KeyHeader, check_label, read_header
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

RECOVERY_FILE_BYTES_MAX = 512
RECOVERY_TRIES_MAX = 3


@click.group("wallet")
def wallet() -> None:
    """Make, restore, show and back up the keys you sign with."""


label_option = option(
    "--label", str, "A name for the key, readable without the passphrase."
)


@wallet.command("init")
@label_option
@with_wallet
def init_wallet(session: Session, *, label: str | None) -> None:
    """Make a new key, sealed under a passphrase."""
    folder = session.folder
    _write_key(session, label, lambda: None)
    print_note(
        "Back the key up on paper now: "
        f"run: allonge wallet export --recovery-code --wallet {folder.name}"
    )


@wallet.command("restore")
@label_option
@option(
    "--recovery-file",
    PATH,
    "Read the recovery code from a file of mode 600, or a pipe.",
)
@with_wallet
def restore_wallet(
    session: Session, *, label: str | None, recovery_file: Path | None
) -> None:
    """Rebuild a key from its recovery code under a new passphrase."""
    _write_key(session, label, lambda: _read_recovery(recovery_file))
    print_note("Compare the key id with the one on the paper.")


def _write_key(
    session: Session, label: str | None, read_seed: Callable[[], bytes | None]
) -> None:
    from cli.wallet.keyfile import check_passphrase, save_key
    from ledger.keys import SigningKey

    # Whatever can be refused is refused before anything is asked.
    folder = session.folder
    if folder.exists():
        raise LedgerError("wallet_exists", found=folder.name, home=folder.home)
    name = folder.name if label is None else label
    check_label(name)
    seed = read_seed()
    passphrase = read_passphrase(
        session.passphrase_file, prompt="New passphrase: ", confirm=True
    )
    check_passphrase(passphrase)
    key = SigningKey.generate() if seed is None else SigningKey.from_seed(seed)
    folder.create()
    save_key(folder.key_path, key, passphrase, name)
    _print_wallet(folder, as_json=session.as_json)


def _read_recovery(recovery_file: Path | None) -> bytes:
    from cli.wallet.recovery import decode_recovery

    if recovery_file is not None:
        raw = read_private(
            recovery_file, size_bytes_max=RECOVERY_FILE_BYTES_MAX, pipe=True
        )
        return decode_recovery(raw.decode("utf-8", "replace"))
    for _ in range(RECOVERY_TRIES_MAX - 1):
        try:
            return decode_recovery(_ask_recovery())
        except LedgerError as error:
            if error.code != "bad_recovery_code":
                raise
            print_note(f"{error}. Once more, please.")
    return decode_recovery(_ask_recovery())


def _ask_recovery() -> str:
    return read_answer("Recovery code, 13 groups: ", fix="use --recovery-file FILE")


@wallet.command("show")
@wallet_options
@unread_option
@json_option
def show_wallet(*, wallet: str, home: str | None, as_json: bool) -> None:
    """Show a wallet's key, chain and member; needs no passphrase."""
    _print_wallet(open_folder(wallet, home), as_json=as_json)


def _print_wallet(folder: WalletFolder, *, as_json: bool) -> None:
    config = folder.load_config()
    header = read_header(folder.key_path)
    facts = _key_facts(folder, header) | {
        "key_file": str(folder.key_path),
        "wallets": list_wallets(folder.home),
    }
    facts |= {
        "node": config.node_url,
        "chain": config.chain,
        "genesis_fingerprint": config.genesis_fingerprint,
        "log_key": config.log_key,
        "member": config.member,
    }
    if config.chain:
        facts["test_chain"] = config.test_chain
    if config.head is not None:
        facts |= {"log_size": config.head.size, "log_root": config.head.log_root}
    _print_known(facts, as_json=as_json)
    if header.is_test:
        print_note("TEST KEY: it opens cheaply and signs on test chains only.")
    if config.test_chain:
        print_note("TEST CHAIN: nothing on it has value.")


def _key_facts(folder: WalletFolder, header: KeyHeader) -> JSONObject:
    return {
        "wallet": folder.name,
        "label": header.label,
        "key_id": header.key_id,
        "fingerprint": fingerprint(header.key_id),
        "public": header.public.hex(),
        "test_key": header.is_test,
    }


def _print_known(facts: JSONObject, *, as_json: bool) -> None:
    known = {name: value for name, value in facts.items() if value not in ("", [])}
    print_set(known, as_json=as_json)


@wallet.command("export")
@flag(
    "--recovery-code",
    "Also print the secret recovery code, after asking the passphrase.",
)
@with_wallet
def export_wallet(session: Session, *, recovery_code: bool) -> None:
    """Print the public key to give away, or the paper backup to hide."""
    folder = session.folder
    folder.require()
    facts = _key_facts(folder, read_header(folder.key_path))
    if recovery_code:
        facts["recovery_code"] = _recovery_code(session)
    _print_known(facts, as_json=session.as_json)
    if recovery_code:
        print_note("Whoever reads this code owns the key. Paper only; no photograph.")


def _recovery_code(session: Session) -> str:
    from cli.wallet.keyfile import load_key
    from cli.wallet.recovery import encode_recovery

    # A backup signs nothing, so a test key may be backed up on any chain.
    passphrase = read_passphrase(session.passphrase_file)
    key = load_key(session.folder.key_path, passphrase, allow_test=True)
    return encode_recovery(key.seed)


wallet.add_command(connect)
