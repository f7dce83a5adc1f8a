"""Seal a signing key in a file under a passphrase, and open it again.

The seed is encrypted by ChaCha20-Poly1305 under a key derived by Argon2id (or
scrypt) from the passphrase and a fresh salt; ``cli.wallet.keyheader`` describes the
container. Nothing here ever writes an unencrypted seed, and no message holds
a passphrase, a seed or a part of one.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cli.private import write_private
from cli.wallet.folder import WalletFolder
from cli.wallet.keyheader import (
    NONCE_BYTES,
    SALT_BYTES,
    Argon2idCost,
    KeyCost,
    KeyHeader,
    check_cost,
    check_label,
    encode_container,
    read_container,
)
from ledger.errors import LedgerError
from ledger.keys import SigningKey

DEFAULT_COST: Final = Argon2idCost()
PASSPHRASE_CHARS_MIN: Final = 12
PASSPHRASE_DISTINCT_MIN: Final = 5
PASSPHRASE_BYTES_MAX: Final = 1024


def save_key(
    path: Path,
    key: SigningKey,
    passphrase: str,
    label: str,
    *,
    cost: KeyCost = DEFAULT_COST,
    test: bool = False,
) -> KeyHeader:
    """Write a new key file, durable, readable by its owner only.

    Args:
        path: must not exist; its directory must.
        key: the key to seal.
        passphrase: at least 12 characters, for a test key at least one.
        label: 1 to 64 printable characters, readable without the passphrase.
        cost: below the minimum of ``BOUNDS`` for test keys only.
        test: mark it as a test key, which ``load_key`` refuses by default.

    Raises:
        LedgerError: ``bad_label``, ``key_cost_weak``, ``key_cost_high``,
            ``weak_passphrase``, ``too_large`` or ``file_exists``.
        OSError: the system refuses to write.
    """
    check_label(label)
    check_cost(cost, is_test=test)
    check_passphrase(passphrase, test=test)
    header = KeyHeader(
        label=label,
        public=key.public,
        key_id=key.key_id,
        cost=cost,
        salt=os.urandom(SALT_BYTES),
        nonce=os.urandom(NONCE_BYTES),
        is_test=test,
    )
    cipher = ChaCha20Poly1305(_derive(passphrase, header))
    sealed = cipher.encrypt(header.nonce, key.seed, header.associated_data())
    write_private(path, encode_container(header, sealed))
    return header


def load_key(path: Path, passphrase: str, *, allow_test: bool = False) -> SigningKey:
    """Return the key of a key file.

    Args:
        path: a file only its owner has access to.
        passphrase: as typed; its Unicode spelling does not matter.
        allow_test: open test keys too. Whoever signs for a chain passes
            whether that chain is a test chain (see ``unlock``).

    Raises:
        LedgerError: those of ``read_container``; ``test_key``; then
            ``key_unreadable``, the passphrase is wrong or the file damaged.
    """
    header, sealed = read_container(path)
    if header.is_test and not allow_test:
        raise LedgerError("test_key", path=path)
    try:
        cipher = ChaCha20Poly1305(_derive(passphrase, header))
        seed = cipher.decrypt(header.nonce, sealed, header.associated_data())
    except InvalidTag as error:
        raise LedgerError("key_unreadable", path=path) from error
    key = SigningKey.from_seed(seed)
    # This cipher does not commit to its key: a file made to open under two
    # passphrases shows itself here.
    if key.public != header.public:
        raise LedgerError("key_unreadable", path=path)
    return key


def unlock(folder: WalletFolder, passphrase: str) -> SigningKey:
    """Return a wallet's key for signing on the chain the wallet is pinned to.

    Raises:
        LedgerError: ``wallet_missing``, ``wallet_damaged``, or those of
            ``load_key``; ``test_key`` unless the pinned chain is a test chain.
    """
    config = folder.load_config()
    return load_key(folder.key_path, passphrase, allow_test=config.test_chain)


def check_passphrase(passphrase: str, *, test: bool = False) -> None:
    """Do nothing if a new passphrase resists a short search.

    Raises:
        LedgerError: ``weak_passphrase`` or ``too_large``.
    """
    length, distinct = len(passphrase), len(set(passphrase))
    if not length:
        raise LedgerError("weak_passphrase", found="nothing")
    if not test and length < PASSPHRASE_CHARS_MIN:
        raise LedgerError(
            "weak_passphrase", expected=f"at least {PASSPHRASE_CHARS_MIN} characters"
        )
    if not test and distinct < PASSPHRASE_DISTINCT_MIN:
        raise LedgerError(
            "weak_passphrase",
            expected=f"at least {PASSPHRASE_DISTINCT_MIN} different characters",
        )
    _passphrase_bytes(passphrase)


def _passphrase_bytes(passphrase: str) -> bytes:
    # Systems and input methods spell one character in different ways, full
    # width letters among them; what looks the same opens the file.
    try:
        raw = unicodedata.normalize("NFKC", passphrase).encode("utf-8")
    except UnicodeEncodeError as error:
        raise LedgerError("key_unreadable") from error
    if len(raw) > PASSPHRASE_BYTES_MAX:
        expected = f"a passphrase of at most {PASSPHRASE_BYTES_MAX} bytes"
        raise LedgerError("too_large", expected=expected)
    return raw


def _derive(passphrase: str, header: KeyHeader) -> bytes:
    secret, cost = _passphrase_bytes(passphrase), header.cost
    try:
        if isinstance(cost, Argon2idCost):
            return Argon2id(
                salt=header.salt,
                length=32,
                iterations=cost.iterations,
                lanes=cost.lanes,
                memory_cost=cost.memory_kib,
            ).derive(secret)
        return Scrypt(salt=header.salt, length=32, n=cost.n, r=cost.r, p=cost.p).derive(
            secret
        )
    except MemoryError as error:
        raise LedgerError("key_cost_high", found="not enough memory") from error
