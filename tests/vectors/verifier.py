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
from collections.abc import Callable, Sequence
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


Tip = tuple[bytes, int, bytes]  # key, pub, value
Part = tuple[bytes, bytes | None, int | None]  # hash, a key below, bound maximum
Claim = Callable[
    [int, int, int | None], bool
]  # may keys from, to, below a maximum harm


def absent(key: bytes) -> Claim:
    """Return what would contradict that nothing stands at a key."""
    sought = int.from_bytes(key, "big")
    return lambda first, last, _most: first <= sought <= last


def free(scope: bytes, lo: int, hi: int, own: bytes) -> Claim:
    """Return what would contradict that only its own tile is in ``[lo, hi)``."""
    start, mine = int.from_bytes(scope, "big") << 128, int.from_bytes(own, "big")

    def harms(first: int, last: int, most: int | None) -> bool:
        inside = last >= start and first < start + (hi << 64)
        return inside and (most is None or most > lo) and not first == last == mine

    return harms


class MapReader:
    """Reads the items of a proof: root, left part, right part."""

    def __init__(self, items: list[Any], claim: Claim | None, known: list[Tip]) -> None:
        """Start before the root."""
        self.items, self.known = list(items), known
        self.claim = claim or (lambda *_: False)
        self.opened: list[Tip] = []

    def read(self, above: int) -> Part:
        """Return what the next part shows; its bit must be greater."""
        item = self.items.pop(0)
        if isinstance(item, str):
            return hash_in(item), None, None
        if isinstance(item, int):
            return self.read_leaf(self.known[item])
        if len(item) == 3:
            return self.read_leaf((hash_in(item[0]), item[1], hash_in(item[2])))
        d, most, *hashes = item
        require(d > above, "bits grow")
        if hashes:
            left, right = map(hash_in, hashes)
            return fork(d, most, left, right), None, most
        left_part, right_part = self.read(d), self.read(d)
        key = left_part[1] or right_part[1]
        require(key is not None, "a key below an open node")
        for side, part in enumerate((left_part, right_part)):
            self.judge(part, key or b"", d, side)
        return fork(d, most, left_part[0], right_part[0]), key, None

    def read_leaf(self, found: Tip) -> Part:
        """Return an opened leaf that does no harm."""
        place = int.from_bytes(found[0], "big")
        require(not self.claim(place, place, found[1]), "harm of a leaf")
        self.opened.append(found)
        return tip(*found), found[0], None

    def judge(self, part: Part, key: bytes, d: int, side: int) -> None:
        """Check the turn of an open part and the harmlessness of a folded one."""
        _, inside, maximum = part
        shift = 255 - d
        first = (int.from_bytes(key, "big") >> (shift + 1) << 1 | side) << shift
        last = first + (1 << shift) - 1
        if inside is not None:
            require(first <= int.from_bytes(inside, "big") <= last, "a turn")
        else:
            require(not self.claim(first, last, maximum), "harm of a folded part")


def hash_in(text: str) -> bytes:
    """Return the 32 bytes of a hash as proofs have them."""
    raw = from_base64(text)
    require(len(raw) == 32, "a hash")
    return raw


def map_proof(
    items: list[Any], claim: Claim | None = None, known: Sequence[Tip] = ()
) -> tuple[bytes, list[Tip]]:
    """Return the root of a proof in which nothing harms a claim, and what it opens."""
    if not items:
        return bytes(32), []
    reader = MapReader(items, claim, list(known))
    root, key, _ = reader.read(-1)
    require(key is not None and not reader.items, "all items")
    return root, reader.opened


# --- proof files


def checkpoint(note: str, chain: str, vkey: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint of a chain, signed by one log key."""
    text, _, signatures = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    require(origin == "allonge/" + chain[:32], "origin")
    name, key_hash, public = vkey.split("+", 2)
    raw = from_base64(public)
    require(digest(name.encode() + b"\n" + raw)[:4].hex() == key_hash, "key hash")
    found = [line.split(" ") for line in signatures.splitlines()]
    own = [from_base64(line[2]) for line in found if line[1] == name]
    own = [line for line in own if line[:4].hex() == key_hash]
    require(own and raw[:1] == b"\1", "a signature")
    for line in own:
        verify(raw[1:], f"{text}\n".encode(), line[4:])
    return int(size), hash_in(root)


def proof_file(raw: bytes, vkey: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tile that a file proves, and the record it is a part of."""
    data = load(raw)
    require(" ".join(data) == "chain header items log parent record salts t", "fields")
    require(data["t"] == "allonge.proof.v1", "version")
    header, tile, parent = (data[name] for name in ("header", "record", "parent"))
    size, root = checkpoint(data["log"]["checkpoint"], data["chain"], vkey)
    path = [hash_in(item) for item in data["log"]["inclusion"]]
    entry = leaf(canonical(header))
    place = header["first"] + header["count"]
    require(inclusion(place, size, entry, path) == root, "header in the log")
    require((tile["kind"], tile["scope"]) == ("tile", parent["id"]), "a tile of it")
    known = [
        (key_of(record), record.get("hi", 0), digest(hash_in(salt) + canonical(record)))
        for record, salt in zip((tile, parent), data["salts"], strict=True)
    ]
    own = known[0][0]
    claim = free(own[:16], tile["lo"], tile["hi"], own)
    state_root, opened = map_proof(data["items"], claim, known)
    require(state_root.hex() == header["state_root"], "state root")
    require(all(item in opened for item in known), "both records")
    return tile, parent


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
