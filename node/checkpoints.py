"""The node's word on history: signed checkpoints of the log.

They are made after a block is durable and never on its way, by a key of the
node's own that signs nothing else. One that a power cut takes is signed again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ledger.chain import Chain
from ledger.checkpoint import LogKey, encode_checkpoint, origin, sign_note
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from node.gate import Gate

LOG_KEY_FILE: Final = "log_key"


def load_log_key(folder: Path) -> SigningKey:
    """Return the node's log key; it is made at the first start.

    Raises:
        LedgerError: ``bad_key``, the file is damaged or others may read it.
        OSError: it can be neither read nor made.
    """
    path = folder / LOG_KEY_FILE
    if not path.exists():
        _create(path, SigningKey.generate())
    if path.stat().st_mode & 0o077:
        raise LedgerError("bad_key", expected="mode 600", found=LOG_KEY_FILE)
    text = path.read_text("ascii", errors="replace").strip()
    try:
        return SigningKey.from_seed(bytes.fromhex(text))
    except ValueError as error:
        raise LedgerError("bad_key", expected="a seed", found=LOG_KEY_FILE) from error


def _create(path: Path, key: SigningKey) -> None:
    # Under another name first: a crash in between must not leave half a key.
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, key.seed.hex().encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    part.rename(path)


class Checkpoints:
    """Signs the head of a chain's log.

    Attributes:
        origin: of the log; also the name of the key.
    """

    def __init__(self, chain: Chain, gate: Gate, key: SigningKey) -> None:
        """Sign for a chain that is read through a gate."""
        self.origin = origin(chain.chain_id)
        self._chain = chain
        self._gate = gate
        self._key = key

    @property
    def vkey(self) -> str:
        """The verifier key that others pin."""
        return LogKey(self.origin, self._key.public).to_vkey()

    def sign_head(self) -> None:
        """Sign the log at its head, unless that is done."""
        chain = self._chain
        if chain.store is None:
            return
        size, root = self._gate.read(lambda: (chain.header.size, chain.log.root()))
        known = chain.store.latest_checkpoint()
        if known is not None and known[0] >= size:
            return
        text = encode_checkpoint(self.origin, size, root)
        note = sign_note(text, self.origin, self._key)
        chain.store.add_checkpoint(size, note.decode())

    def latest(self) -> str:
        """Return the latest signed note.

        Raises:
            LedgerError: ``not_found``, there is none yet.
        """
        known = None
        if self._chain.store is not None:
            known = self._chain.store.latest_checkpoint()
        if known is None:
            raise LedgerError("not_found", found="checkpoint")
        return known[1]
