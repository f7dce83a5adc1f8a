"""Bytes on their way to their signatures, whatever they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from cli.private import write_private
from ledger.encoding import JSONObject, decode_base64, encode, encode_base64
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.transactions import SIGNATURES_MAX, Signature, pack_envelope, preimage


@dataclass(frozen=True, slots=True)
class Signed:
    """A payload with the signatures it has so far.

    Attributes:
        payload: the bytes that are signed.
        signatures: sorted by key id.
        payload_type: part of what is signed.
        version: of the file that holds it.
    """

    payload: bytes
    signatures: tuple[Signature, ...]
    payload_type: ClassVar[str]
    version: ClassVar[str]

    def sign(self, key: SigningKey) -> Self:
        """Return it with one more signature.

        Raises:
            LedgerError: ``limit_exceeded``, it has as many as it may have.
        """
        value = key.sign(preimage(self.payload_type, self.payload))
        return self.add([Signature(key.key_id, value)])

    def add(self, signatures: Iterable[Signature]) -> Self:
        """Return it with more signatures, each key's once.

        Raises:
            LedgerError: ``limit_exceeded``.
        """
        # Ed25519 is deterministic: a second signature of a key is the first.
        by_key = {item.key_id: item for item in (*self.signatures, *signatures)}
        if len(by_key) > SIGNATURES_MAX:
            raise LedgerError("limit_exceeded", expected=f"{SIGNATURES_MAX} signatures")
        ordered = tuple(by_key[name] for name in sorted(by_key))
        return replace(self, signatures=ordered)

    def envelope(self) -> bytes:
        """Return the bytes that go on the ledger."""
        return pack_envelope(self.payload_type, self.payload, self.signatures)

    def record(self) -> JSONObject:
        """Return what the file holds."""
        rows = [
            {"keyid": item.key_id, "sig": encode_base64(item.value)}
            for item in self.signatures
        ]
        payload = encode_base64(self.payload)
        return {"payload": payload, "signatures": rows, "t": self.version}

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return encode(self.record())

    def save(self, path: Path, *, replacing: bool = False) -> None:
        """Write the file, complete or not at all.

        Raises:
            LedgerError: ``file_exists``.
        """
        write_private(path, self.encode(), replace=replacing)


def read_signatures(rows: Iterable[Any]) -> tuple[Signature, ...]:
    """Return the signatures of a file.

    Raises:
        LedgerError: ``bad_envelope``.
        KeyError: a field is missing.
        TypeError: a row has another form.
    """
    return tuple(
        Signature(str(item["keyid"]), decode_base64(item["sig"])) for item in rows
    )
