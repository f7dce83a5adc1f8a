"""A wallet's own view of the log: what it has seen once, a node has to build on.

Whenever a wallet speaks to its node it takes the signed checkpoint, and unless
that is the one it knows, the proof that the log goes on from there. A node that
has rewritten history, or has lost some, is refused before anything it says is
believed. Both signed checkpoints are kept: of one size they convince everybody
who knows the log key, else the node owes others the same proof.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cli.client import NodeClient
from cli.private import write_private
from cli.wallet.folder import Head, WalletConfig, WalletFolder
from ledger.encoding import encode
from ledger.errors import LedgerError

CONFLICT: Final = "allonge.conflict.v1"


def follow_log(
    folder: WalletFolder, config: WalletConfig, client: NodeClient
) -> WalletConfig:
    """Return the settings, which now know the log as the node shows it.

    A wallet without a log key follows none.

    Raises:
        LedgerError: those of ``verify_checkpoint``; ``log_shorter``, the wallet
            has seen more; ``head_conflict``, the log does not go on from what
            the wallet has seen; ``node_failed``, another answer.
    """
    if not config.log_key:
        return config
    note = client.request("GET", "/v1/checkpoints/latest").raw
    if note == config.checkpoint.encode():
        return config
    from ledger.checkpoint import LogKey, origin, verify_checkpoint
    from ledger.log import verify_consistency

    keys = [LogKey.from_vkey(config.log_key)]
    found = verify_checkpoint(note, origin(config.chain), keys)
    shown = Head(found.size, found.root.hex())
    known = config.head
    if known is not None and shown.size < known.size:
        raise LedgerError("log_shorter", expected=known.size, found=shown.size)
    if known is not None and shown != known:
        proof = _ask_proof(client, known, shown)
        try:
            roots = (bytes.fromhex(known.log_root), found.root)
            verify_consistency(known.size, shown.size, proof, *roots)
        except LedgerError as error:
            path = folder.path / f"conflict-{known.size}-{shown.size}.json"
            conflict = {"known": config.checkpoint, "shown": note.decode()}
            write_private(path, encode({**conflict, "t": CONFLICT}), replace=True)
            raise LedgerError(
                "head_conflict",
                expected=f"{known.size} leaves, {known.log_root[:16]}",
                found=f"{shown.size} leaves, {shown.log_root[:16]}",
                path=path,
            ) from error
    return folder.save_config(replace(config, head=shown, checkpoint=note.decode()))


def _ask_proof(client: NodeClient, known: Head, shown: Head) -> list[bytes]:
    path = f"/v1/log/consistency?from={known.size}&to={shown.size}"
    try:
        return [
            bytes.fromhex(item) for item in client.request("GET", path).value()["proof"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError("node_failed", expected="a proof of consistency") from error
