"""A second verifier, written from ledger/README.md and not from the code.

It imports nothing of the project: the standard library hashes and parses, and
the Ed25519 of ``cryptography`` verifies. Every function raises ``ValueError``
on what it does not accept.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TX = "application/vnd.allonge.tx.v1+json"
GENESIS = "application/vnd.allonge.genesis.v1+json"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def require(condition: object, what: str) -> None:
    """Go on only if the condition holds."""
    if not condition:
        raise ValueError(what)


def digest(raw: bytes) -> bytes:
    """Return SHA-256."""
    return sha256(raw).digest()


# --- canonical JSON


def refuse(text: str) -> NoReturn:
    """Refuse a token outside the profile."""
    raise ValueError(text)


def canonical(value: Any) -> bytes:
    """Return the canonical bytes of a value."""
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    ).encode()


def load(raw: bytes, *, keys: str = r"[a-z][a-z0-9_]*") -> Any:
    """Return the value of canonical bytes."""
    value = json.loads(raw.decode("utf-8"), parse_float=refuse, parse_constant=refuse)
    check_profile(value, 16, re.compile(keys))
    require(canonical(value) == raw, "not canonical")
    return value


def check_profile(value: Any, levels: int, keys: re.Pattern[str]) -> None:
    """Check what canonical bytes alone do not show."""
    if isinstance(value, dict | list):
        require(levels, "too deep")
        inside = value.values() if isinstance(value, dict) else value
        for item in inside:
            check_profile(item, levels - 1, keys)
        if isinstance(value, dict):
            require(all(keys.fullmatch(key) for key in value), "a key")
    elif isinstance(value, int):
        require(abs(value) < 2**53, "an integer out of bounds")
    else:
        require(isinstance(value, str), "null")


# --- envelopes


def key_id(public: bytes) -> str:
    """Return the id of a public key."""
    return digest(b"ed25519\0" + public).hex()


def pae(kind: str, payload: bytes) -> bytes:
    """Return what signatures of an envelope cover."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify one signature; R of small order and large S are left to OpenSSL."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature as error:
        raise ValueError("signature") from error


def from_base64(text: str) -> bytes:
    """Return the bytes of the one accepted spelling."""
    raw = base64.b64decode(text, validate=True)
    require(base64.b64encode(raw).decode() == text, "base64")
    return raw


def open_envelope(raw: bytes, kind: str, publics: dict[str, bytes]) -> tuple[str, Any]:
    """Return transaction id and payload of an envelope with good signatures."""
    require(len(raw) <= 65_535, "size")
    envelope = load(raw, keys="payload|payloadType|signatures|keyid|sig")
    require(envelope["payloadType"] == kind, "type")
    payload = from_base64(envelope["payload"])
    message = pae(kind, payload)
    rows = envelope["signatures"]
    require(1 <= len(rows) <= 16, "number of signatures")
    require(all(a["keyid"] < b["keyid"] for a, b in pairwise(rows)), "order")
    for row in rows:
        verify(publics[row["keyid"]], message, from_base64(row["sig"]))
    return digest(message).hex(), load(payload)


# --- the log


def leaf(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return digest(b"\0" + entry)


def tree(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, as RFC 6962 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else digest(b"")
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return digest(b"\1" + tree(leaves[:k]) + tree(leaves[k:]))


def inclusion(index: int, size: int, leaf_hash: bytes, proof: list[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    position, last, node = index, size - 1, leaf_hash
    for sibling in proof:
        require(last, "too long")
        if position & 1 or position == last:
            node = digest(b"\1" + sibling + node)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = digest(b"\1" + node + sibling)
        position, last = position >> 1, last >> 1
    require(not last, "too short")
    return node


def consistency(
    old: int, new: int, old_root: bytes, proof: list[bytes]
) -> tuple[bytes, bytes]:
    """Return old and new root of a consistency proof (RFC 9162, 2.1.4.2)."""
    if old == new:
        require(not proof, "too long")
        return old_root, old_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        require(last, "too long")
        if position & 1 or position == last:
            first = digest(b"\1" + sibling + first)
            second = digest(b"\1" + sibling + second)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            second = digest(b"\1" + second + sibling)
        position, last = position >> 1, last >> 1
    require(not last, "too short")
    return first, second


# --- the state map


def bit(key: bytes, n: int) -> int:
    """Return bit n of a key, 0 being the highest bit of the first byte."""
    return key[n // 8] >> (7 - n % 8) & 1


def tip(key: bytes, pub: int, value: bytes) -> bytes:
    """Return the hash of a leaf of the map."""
    return digest(b"\0" + key + pub.to_bytes(8, "big") + value)


def fork(d: int, most: int, left: bytes, right: bytes) -> bytes:
    """Return the hash of a node of the map."""
    return digest(b"\1" + bytes([d]) + most.to_bytes(8, "big") + left + right)


def map_root(items: Sequence[tuple[bytes, int, bytes]]) -> bytes:
    """Return the root of a map from its items in order of their keys."""
    if len(items) < 2:
        return tip(*items[0]) if items else bytes(32)
    first, last = items[0][0], items[-1][0]
    d = next(n for n in range(256) if bit(first, n) != bit(last, n))
    ones = [n for n, item in enumerate(items) if bit(item[0], d)]
    most = max(item[1] for item in items)
    return fork(d, most, map_root(items[: ones[0]]), map_root(items[ones[0] :]))


def map_key(kind: str, scope: str, item: bytes) -> bytes:
    """Return the key of a record."""
    return digest(kind.encode() + b"\0" + scope.encode())[:16] + item


def key_of(record: dict[str, Any]) -> bytes:
    """Return the key of a record from what it says of itself."""
    if record["kind"] == "tile":
        item = record["lo"].to_bytes(8, "big") + bytes(8)
    else:
        item = digest(record["id"].encode())[:16]
    return map_key(record["kind"], record.get("scope", ""), item)


def salt_of(secret: bytes, key: bytes, height: int) -> bytes:
    """Return the salt of a record's commitment."""
    return hmac.digest(secret, key + height.to_bytes(8, "big"), "sha256")


def climb(key: bytes, node: bytes, steps: list[list[Any]], sought: bytes) -> bytes:
    """Return the root that a path of steps, root first, leads to."""
    require(all(a[0] < b[0] for a, b in pairwise(steps)), "bits grow")
    for d, most, sibling in reversed(steps):
        require(bit(key, d) == bit(sought, d), "a turn")
        pair = (node, bytes.fromhex(sibling))
        node = fork(d, most, *(pair[::-1] if bit(key, d) else pair))
    return node


def exists(key: bytes, pub: int, value: bytes, proof: dict[str, Any]) -> bytes:
    """Return the root under which a record's commitment is proven."""
    require(proof.keys() == {"steps"}, "a proof of existence")
    return climb(key, tip(key, pub, value), proof["steps"], key)


def absent(key: bytes, proof: dict[str, Any]) -> bytes:
    """Return the root under which a key is proven to be absent."""
    if "leaf" not in proof:
        require(not proof["steps"], "a leaf")
        return bytes(32)
    other, pub, value = proof["leaf"]
    found = bytes.fromhex(other)
    require(found != key, "the key itself")
    return climb(found, tip(found, pub, bytes.fromhex(value)), proof["steps"], key)


Part = tuple[bytes, bytes | None, int | None]  # hash, a key below, bound maximum


class RangeReader:
    """Reads the items of a no-overlap proof: root, left part, right part."""

    def __init__(self, items: list[Any], scope: bytes, lo: int, hi: int) -> None:
        """Start before the root."""
        self.items = list(items)
        self.scope, self.lo, self.hi = scope, lo, hi
        self.own = scope + lo.to_bytes(8, "big") + bytes(8)

    def read(self, above: int) -> Part:
        """Return what the next part shows; its bit must be greater."""
        kind, *rest = self.items.pop(0)
        if kind == "hash":
            return bytes.fromhex(rest[0]), None, None
        if kind == "leaf":
            return self.read_leaf(bytes.fromhex(rest[0]), rest[1], rest[2])
        d, most, *hashes = rest
        require(d > above, "bits grow")
        if kind == "bound":
            left, right = map(bytes.fromhex, hashes)
            return fork(d, most, left, right), None, most
        require(kind == "node", "an item")
        left_part, right_part = self.read(d), self.read(d)
        key = left_part[1] or right_part[1]
        require(key is not None, "a key below an open node")
        for side, part in enumerate((left_part, right_part)):
            self.judge(part, key or b"", d, side)
        return fork(d, most, left_part[0], right_part[0]), key, None

    def read_leaf(self, key: bytes, pub: int, value: str) -> Part:
        """Return an opened leaf that does no harm."""
        begins = int.from_bytes(key[16:24], "big")
        harms = key[:16] == self.scope and begins < self.hi and pub > self.lo
        require(key == self.own or not harms, "an overlap")
        return tip(key, pub, bytes.fromhex(value)), key, None

    def judge(self, part: Part, key: bytes, d: int, side: int) -> None:
        """Check the turn of an open part and the harmlessness of a folded one."""
        _, inside, maximum = part
        shift = 255 - d
        first = (int.from_bytes(key, "big") >> (shift + 1) << 1 | side) << shift
        last = first + (1 << shift) - 1
        if inside is not None:
            require(first <= int.from_bytes(inside, "big") <= last, "a turn")
            return
        start = int.from_bytes(self.scope, "big") << 128
        if last >= start and first < start + (self.hi << 64):
            require(maximum is not None and maximum <= self.lo, "harmless")


def free(scope: bytes, lo: int, hi: int, proof: dict[str, Any]) -> bytes:
    """Return the root under which one tile alone reaches into ``[lo, hi)``.

    That tile is the one that begins at ``lo``.
    """
    reader = RangeReader(proof["items"], scope, lo, hi)
    root, key, _ = reader.read(-1)
    require(key is not None and not reader.items, "all items")
    return root


# --- people's ids


def short_id(letter: str, full: str) -> str:
    """Return the id of a hash as people type it."""
    number = int(full[:15], 16)
    chars = [CROCKFORD[number >> shift & 31] for shift in range(55, -1, -5)]
    own = "0" if letter == "O" else letter
    values = [CROCKFORD.index(char) for char in (own, *chars)]
    total = 32
    for value in values:
        total = ((total + value) % 32 or 32) * 2 % 33
    return letter + "".join(chars) + CROCKFORD[(1 - total) % 32]
