"""Signed transactions: a DSSE envelope over a canonical payload.

Signatures cover the bytes as received: they are verified first and the same
bytes are parsed afterwards. A transaction's id covers type and payload but no
signature, so nobody can change the id of what somebody else signed.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.encoding import (
    TRANSACTION_BYTES_MAX,
    JSONObject,
    decode,
    decode_base64,
    encode,
    encode_base64,
    load_foreign,
    read_base64,
)
from ledger.errors import LedgerError
from ledger.keys import SigningKey, verify_signature

TYPE_PREFIX: Final = "application/vnd.allonge."
TYPE_TRANSACTION: Final = TYPE_PREFIX + "tx.v1+json"
TYPE_GENESIS: Final = TYPE_PREFIX + "genesis.v1+json"
TYPE_POSSESSION: Final = TYPE_PREFIX + "pop.v1+json"
TYPE_READ: Final = TYPE_PREFIX + "read.v1+json"

SIGNATURES_MAX: Final = 16
SIGNERS_MAX: Final = 16
WINDOW_MS_MAX: Final = 30 * 86_400_000
PAYLOAD_BYTES_MAX: Final = 46_900

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_HEX_32: Final = re.compile(r"[0-9a-f]{32}")
_ACT: Final = re.compile(r"[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31})+")
# The parts of an envelope in its one canonical spelling, and a signature's size.
_OPENING: Final = b'{"payload":"'
_SIGNED: Final = re.compile(
    rb'\{"keyid":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/]{86}==)"\},'
)
_SIGNED_BYTES: Final = 174
_TEXTS: Final = {"chain": _HEX_64, "rule": _HEX_64, "nonce": _HEX_32, "act": _ACT}
_FIELDS: Final = frozenset(
    ("act", "body", "by", "chain", "nonce", "not_after", "rule", "v")
)


class Signature(NamedTuple):
    """One signature of an envelope: key id and the 64 bytes."""

    key_id: str
    value: bytes


class Envelope(NamedTuple):
    """A DSSE envelope whose form, not whose signatures, has been checked.

    Attributes:
        raw: the canonical bytes as received; the leaf of the log.
        payload_type: media type, part of what is signed.
        payload: the signed bytes.
        signatures: sorted by key id, at most ``SIGNATURES_MAX``.
    """

    raw: bytes
    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def preimage(self) -> bytes:
        """The bytes every signature covers."""
        return preimage(self.payload_type, self.payload)


class Transaction(NamedTuple):
    """A parsed transaction: envelope, id and the fields of its payload."""

    envelope: Envelope
    id: str
    act: str
    body: JSONObject
    by: tuple[str, ...]
    chain: str
    nonce: str
    not_after: int
    rule: str


def preimage(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding (DSSE v1, "PAE")."""
    kind = payload_type.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_payload(
    payload_type: str, payload: bytes, keys: Iterable[SigningKey]
) -> bytes:
    """Return the canonical envelope of a payload signed by the keys."""
    message = preimage(payload_type, payload)
    return pack_envelope(
        payload_type,
        payload,
        [Signature(key.key_id, key.sign(message)) for key in keys],
    )


def pack_envelope(
    payload_type: str, payload: bytes, signatures: Iterable[Signature]
) -> bytes:
    """Return the canonical envelope bytes; signatures are sorted by key id."""
    ordered = sorted(signatures, key=lambda item: item.key_id)
    texts = [
        f'{{"keyid":"{item.key_id}","sig":"{encode_base64(item.value)}"}}'
        for item in ordered
    ]
    # Written out instead of encoded: DSSE's own key "payloadType" is outside
    # the profile, and every part is base64, hexadecimal or a fixed type.
    return (
        f'{{"payload":"{encode_base64(payload)}","payloadType":"{payload_type}",'
        f'"signatures":[{",".join(texts)}]}}'
    ).encode("ascii")


def parse_envelope(raw: bytes, payload_type: str) -> Envelope:
    """Return the envelope of canonical bytes of one kind of signed thing.

    Raises:
        LedgerError: ``too_large``, ``bad_json``, ``bad_envelope``,
            ``bad_type``.
    """
    if len(raw) > TRANSACTION_BYTES_MAX:
        raise LedgerError(
            "too_large", expected=f"{TRANSACTION_BYTES_MAX} bytes", found=len(raw)
        )
    envelope = _read_canonical(raw, payload_type)
    if envelope is not None:
        return envelope
    value = load_foreign(raw)
    if not isinstance(value, dict) or value.keys() != {
        "payload",
        "payloadType",
        "signatures",
    }:
        raise LedgerError("bad_envelope", expected="exactly the keys of DSSE")
    kind, body = value["payloadType"], value["payload"]
    if not isinstance(kind, str) or not isinstance(body, str):
        raise LedgerError("bad_envelope", expected="text fields")
    if kind != payload_type:
        raise LedgerError("bad_type", expected=payload_type, found=kind[:80])
    payload, signatures = read_base64(body), _parse_signatures(value["signatures"])
    # The one canonical spelling is what these parts would be packed into.
    if pack_envelope(kind, payload, signatures) != raw:
        for text in (body, *(item["sig"] for item in value["signatures"])):
            decode_base64(text)
        raise LedgerError("bad_json", expected="the canonical encoding")
    return Envelope(raw, kind, payload, signatures)


def _read_canonical(raw: bytes, payload_type: str) -> Envelope | None:
    """Return the envelope of canonical bytes, None if something is not as it should.

    What is wrong then is for the slower reading to say.
    """
    middle = b'","payloadType":"%b","signatures":[' % payload_type.encode()
    end = raw.find(b'"', len(_OPENING))
    start = end + len(middle)
    if not (raw.startswith(_OPENING) and raw[end:start] == middle):
        return None
    if not raw.endswith(b"]}"):
        return None
    try:
        payload = _read_text(raw[len(_OPENING) : end])
        signatures = _read_signatures(raw[start:-2] + b",")
    except ValueError:
        return None
    return Envelope(raw, payload_type, payload, signatures)


def _read_signatures(items: bytes) -> tuple[Signature, ...]:
    count, rest = divmod(len(items), _SIGNED_BYTES)
    if rest or not 1 <= count <= SIGNATURES_MAX:
        raise ValueError
    last = b""
    signatures = []
    for at in range(0, len(items), _SIGNED_BYTES):
        match = _SIGNED.fullmatch(items, at, at + _SIGNED_BYTES)
        if match is None or match[1] <= last:
            raise ValueError
        last, text = match.groups()
        signatures.append(Signature(last.decode(), _read_text(text)))
    return tuple(signatures)


def _read_text(text: bytes) -> bytes:
    raw = a2b_base64(text, strict_mode=True)
    # Only its length and the bits left over at its end could be otherwise: what
    # the end encodes to is the one spelling.
    end = len(raw) % 3 or 3
    if b2a_base64(raw[-end:], newline=False) != text[-4:] or (
        len(text) != (len(raw) + 2) // 3 * 4
    ):
        raise ValueError
    return raw


def _parse_signatures(items: object) -> tuple[Signature, ...]:
    if not isinstance(items, list) or not 1 <= len(items) <= SIGNATURES_MAX:
        raise LedgerError("bad_envelope", expected=f"1 to {SIGNATURES_MAX} signatures")
    signatures = []
    last = ""
    for item in items:
        if not isinstance(item, dict) or item.keys() != {"keyid", "sig"}:
            raise LedgerError("bad_envelope", expected="keyid and sig")
        key_id, text = item["keyid"], item["sig"]
        if not isinstance(key_id, str) or not _HEX_64.fullmatch(key_id):
            raise LedgerError("bad_envelope", expected="a key id of 64 hex digits")
        if not isinstance(text, str) or key_id <= last:
            raise LedgerError("bad_envelope", expected="signatures sorted by key id")
        value = read_base64(text)
        if len(value) != 64:
            raise LedgerError("bad_envelope", expected="64 bytes", found=len(value))
        signatures.append(Signature(key_id, value))
        last = key_id
    return tuple(signatures)


def parse_transaction(raw: bytes) -> Transaction:
    """Return the transaction of canonical envelope bytes.

    Says nothing about signatures, authority or time.

    Raises:
        LedgerError: ``too_large``, ``bad_json``, ``bad_envelope``,
            ``bad_type``, then ``bad_payload`` for the payload's fields.
    """
    envelope = parse_envelope(raw, TYPE_TRANSACTION)
    payload = decode(envelope.payload)
    if not isinstance(payload, dict) or payload.keys() != _FIELDS:
        raise LedgerError("bad_payload", expected="exactly the fields of v1")
    if type(payload["v"]) is not int or payload["v"] != 1:
        raise LedgerError("bad_payload", expected="v=1", found=payload["v"])
    for name, form in _TEXTS.items():
        text = payload[name]
        if not isinstance(text, str) or not form.fullmatch(text):
            raise LedgerError("bad_payload", expected=f"{name} as {form.pattern}")
    if type(payload["not_after"]) is not int or payload["not_after"] <= 0:
        raise LedgerError("bad_payload", expected="not_after in milliseconds")
    if not isinstance(payload["body"], dict):
        raise LedgerError("bad_payload", expected="a body object")
    return Transaction(
        envelope=envelope,
        id=sha256(envelope.preimage).hexdigest(),
        act=payload["act"],
        body=payload["body"],
        by=_parse_by(payload["by"]),
        chain=payload["chain"],
        nonce=payload["nonce"],
        not_after=payload["not_after"],
        rule=payload["rule"],
    )


def _parse_by(items: object) -> tuple[str, ...]:
    if not isinstance(items, list) or not 1 <= len(items) <= SIGNERS_MAX:
        raise LedgerError("bad_payload", expected=f"by: 1 to {SIGNERS_MAX} members")
    for item in items:
        if not isinstance(item, str) or not _HEX_64.fullmatch(item):
            raise LedgerError("bad_payload", expected="by: member ids")
    if len(items) > 1 and sorted(set(items)) != items:
        raise LedgerError("bad_payload", expected="by: sorted, each member once")
    return tuple(items)


def build_payload(  # noqa: PLR0913 - the fields of the format, all by name
    *,
    act: str,
    body: JSONObject,
    by: Iterable[str],
    chain: str,
    nonce: str,
    not_after: int,
    rule: str,
) -> bytes:
    """Return the canonical payload of a transaction, ready to be signed."""
    return encode(
        {
            "act": act,
            "body": body,
            "by": sorted(by),
            "chain": chain,
            "nonce": nonce,
            "not_after": not_after,
            "rule": rule,
            "v": 1,
        }
    )


def transaction_id(payload: bytes) -> str:
    """Return the id a payload will have, known before anybody signs."""
    return sha256(preimage(TYPE_TRANSACTION, payload)).hexdigest()


def object_id(kind: str, source: str, n: int) -> str:
    """Return the id of the n-th object of a kind that a source creates.

    Args:
        kind: kind of the new record.
        source: transaction or job id, 64 hex digits.
        n: counter within the source, from 0.
    """
    raw = kind.encode() + b"\0" + bytes.fromhex(source) + n.to_bytes(4, "big")
    return sha256(raw).hexdigest()


def job_id(target: str, what: str, due_ms: int) -> str:
    """Return the id of a piece of automatic work.

    Args:
        target: id of the record the work is for, 64 hex digits.
        what: name of the work.
        due_ms: the moment it was planned for, UTC milliseconds.
    """
    raw = b"job\0" + bytes.fromhex(target) + what.encode() + due_ms.to_bytes(8, "big")
    return sha256(raw).hexdigest()


def prove_possession(key: SigningKey, chain: str) -> str:
    """Return the signature by which a key asks to be admitted to a chain."""
    payload = _possession_payload(key.key_id, chain)
    return key.sign(preimage(TYPE_POSSESSION, payload)).hex()


def check_possession(public: bytes, key_id: str, chain: str, proof: str) -> None:
    """Return if the holder of the key signed for its admission.

    Raises:
        LedgerError: ``bad_signature``.
    """
    payload = _possession_payload(key_id, chain)
    verify_signature(public, preimage(TYPE_POSSESSION, payload), bytes.fromhex(proof))


def _possession_payload(key_id: str, chain: str) -> bytes:
    return encode({"chain": chain, "key": key_id, "v": 1})
