"""Grants to read: a member's signed word that the bearer reads as the member.

A grant is a DSSE envelope of its own type, so no verifier of transactions
accepts one, and none of these can ever be sealed. It is short-lived and names
chain and member; its key is looked up at every use, so that revoking a key
ends its grants with the next block.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from ledger.authority import is_active
from ledger.chain import Chain
from ledger.encoding import decode, decode_base64
from ledger.errors import LedgerError
from ledger.keys import verify_signature
from ledger.state import read_record
from ledger.transactions import TYPE_READ, Envelope, parse_envelope
from node.config import GRANT_BYTES_MAX, GRANT_MS_MAX
from node.visibility import Reader, find_reader

SCHEME: Final = "Allonge "
GRANTS_KEPT: Final = 4_096
_FIELDS: Final = {"chain", "member", "scope", "until", "v"}


@dataclass(frozen=True, slots=True)
class Grant:
    """A verified grant.

    Attributes:
        member: who may read.
        key_id: whose signature it has.
        until: UTC milliseconds, inclusive.
    """

    member: str
    key_id: str
    until: int


class Grants:
    """Verifies grants for one chain and remembers those that hold."""

    def __init__(self, chain: Chain) -> None:
        """Start without any."""
        self._chain = chain
        self._known: OrderedDict[str, Grant] = OrderedDict()

    def verify(self, header: str | None, *times_ms: int) -> tuple[Grant, Reader]:
        """Return the grant of an Authorization header, and who reads by it.

        Args:
            header: its value, if there was one.
            times_ms: what the node takes for now; one that fits is enough.

        Raises:
            LedgerError: ``bad_grant``; ``grant_expired``.
        """
        if header is None or not header.startswith(SCHEME):
            raise LedgerError("bad_grant", expected="Authorization: Allonge …")
        grant = self._known.get(header) or self._read(header)
        if not any(now <= grant.until for now in times_ms):
            raise LedgerError("grant_expired")
        if not any(now <= grant.until <= now + GRANT_MS_MAX for now in times_ms):
            raise LedgerError("bad_grant", expected="15 minutes at most")
        reader = self._find_reader(grant)
        self._known[header] = grant
        while len(self._known) > GRANTS_KEPT:
            self._known.popitem(last=False)
        return grant, reader

    def _read(self, header: str) -> Grant:
        text = header[len(SCHEME) :]
        if len(text) > GRANT_BYTES_MAX:
            raise LedgerError("bad_grant", expected=f"{GRANT_BYTES_MAX} bytes")
        try:
            envelope = parse_envelope(decode_base64(text), TYPE_READ)
            payload = decode(envelope.payload)
        except LedgerError as error:
            raise LedgerError("bad_grant", found=error.code) from error
        return self._check(envelope, payload)

    def _check(self, envelope: Envelope, payload: object) -> Grant:
        if not isinstance(payload, dict) or payload.keys() != _FIELDS:
            raise LedgerError("bad_grant", expected="exactly the fields of read.v1")
        if payload["chain"] != self._chain.chain_id:
            raise LedgerError("bad_grant", expected="this chain")
        fixed = payload["scope"] == "read" and payload["v"] == 1
        if not fixed or type(payload["v"]) is not int:
            raise LedgerError("bad_grant", expected="scope read, v 1")
        if not isinstance(payload["member"], str) or type(payload["until"]) is not int:
            raise LedgerError("bad_grant", expected="a member and a time")
        if len(envelope.signatures) != 1:
            raise LedgerError("bad_grant", expected="one signature")
        signature = envelope.signatures[0]
        grant = Grant(payload["member"], signature.key_id, payload["until"])
        public = bytes.fromhex(self._find_key(grant)["public"])
        try:
            verify_signature(public, envelope.preimage, signature.value)
        except LedgerError as error:
            raise LedgerError("bad_grant", found=error.code) from error
        return grant

    def _find_key(self, grant: Grant) -> dict[str, str]:
        record = read_record(self._chain.state, "key", grant.key_id)
        head = self._chain.header
        if (
            record is None
            or record["member"] != grant.member
            or not is_active(record, head.height + 1, head.time)
        ):
            raise LedgerError("bad_grant", expected="an active key of the member")
        return record

    def _find_reader(self, grant: Grant) -> Reader:
        self._find_key(grant)
        return find_reader(self._chain.state, grant.member)
