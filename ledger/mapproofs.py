"""Proofs about the state map, and their verification without the map.

A proof is the map with all parts that do not matter folded into their hashes.
What is opened in it stands in the map. That something does not, a tile of a
scope in an interval or a key, follows if whatever is folded away is harmless
by its position or by a maximum that its parent's hash binds: the maximum of a
folded part is never taken on the prover's word.

All this rests on the map being what its definition says; whoever holds all
records checks that by building it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.encoding import INTEGER_MAX, decode_base64, encode_base64
from ledger.errors import LedgerError

EMPTY_ROOT: Final = bytes(32)
KEY_BYTES: Final = 32
KEY_BITS: Final = 256
SCOPE_BYTES: Final = 16
HASH_BYTES: Final = 32
# Two paths of at most 256 branches along an interval, each with at most one
# folded neighbour, one more to the tile that is allowed and one to its parent.
ITEMS_MAX: Final = 4 * 2 * KEY_BITS
_ITEM_BITS: Final = 128
_LO_SHIFT: Final = 64


def hash_leaf(key: bytes, pub: int, value: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + key + pub.to_bytes(8, "big") + value).digest()


def hash_branch(bit: int, maximum: int, left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two hashes."""
    head = b"\x01" + bit.to_bytes(1, "big") + maximum.to_bytes(8, "big")
    return sha256(head + left + right).digest()


@dataclass(frozen=True, slots=True)
class Leaf:
    """An opened leaf.

    Attributes:
        key: 32 bytes.
        pub: the public number, ``hi`` of a tile.
        value: the salted commitment to the record, 32 bytes.
    """

    key: bytes
    pub: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Folded:
    """A part of the map of which only the hash is given."""

    node_hash: bytes


@dataclass(frozen=True, slots=True)
class Bound:
    """A part of the map opened just far enough to bind its maximum.

    Attributes:
        bit: first bit at which the keys below differ.
        maximum: the largest public number below.
        left: hash of the left child.
        right: hash of the right child.
    """

    bit: int
    maximum: int
    left: bytes
    right: bytes


@dataclass(frozen=True, slots=True)
class Branch:
    """An opened node; its left part follows in the list, then its right part.

    Attributes:
        bit: first bit at which the keys below differ.
        maximum: the largest public number below.
    """

    bit: int
    maximum: int


Item = Folded | Bound | Branch | Leaf


@dataclass(frozen=True, slots=True)
class Proof:
    """The map, folded wherever it has nothing to say.

    Attributes:
        items: the nodes in the order root, left part, right part; none for
            the empty map. Flat, as JSON of the ledger is at most 16 deep.
    """

    items: tuple[Item, ...] = ()

    def to_json(self, known: Sequence[Leaf] = ()) -> list[object]:
        """Return the proof as a canonical JSON list.

        Args:
            known: leaves that its reader has, written as their numbers.
        """
        return [_item_row(item, known) for item in self.items]

    @classmethod
    def from_json(cls, value: object, known: Sequence[Leaf] = ()) -> Proof:
        """Return the proof of a JSON list.

        Args:
            value: as decoded.
            known: the leaves that numbers stand for.

        Raises:
            LedgerError: ``bad_proof``, another form.
        """
        if not isinstance(value, list) or len(value) > ITEMS_MAX:
            raise _malformed(f"a list of at most {ITEMS_MAX}")
        return cls(tuple(_read_item(row, known) for row in value))


def _item_row(item: Item, known: Sequence[Leaf]) -> object:
    if isinstance(item, Leaf):
        if item in known:
            return known.index(item)
        return [encode_base64(item.key), item.pub, encode_base64(item.value)]
    if isinstance(item, Branch):
        return [item.bit, item.maximum]
    if isinstance(item, Bound):
        sides = encode_base64(item.left), encode_base64(item.right)
        return [item.bit, item.maximum, *sides]
    return encode_base64(item.node_hash)


def _read_item(value: object, known: Sequence[Leaf]) -> Item:
    match value:
        case str():
            return Folded(_bytes(value))
        case [bit, maximum]:
            return Branch(_bit(bit), _number(maximum))
        case [key, pub, found]:
            return Leaf(_bytes(key), _number(pub), _bytes(found))
        case [bit, maximum, left, right]:
            return Bound(_bit(bit), _number(maximum), _bytes(left), _bytes(right))
        case _:
            return known[_number(value, len(known) - 1)]


def _malformed(expected: str) -> LedgerError:
    return LedgerError("bad_proof", expected=expected)


def _number(value: object, most: int = INTEGER_MAX) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _malformed(f"a number up to {most}")
    return value


def _bit(value: object) -> int:
    return _number(value, KEY_BITS - 1)


def _bytes(value: object) -> bytes:
    try:
        raw = decode_base64(value) if isinstance(value, str) else b""
    except LedgerError:
        raw = b""
    if len(raw) != HASH_BYTES:
        raise _malformed("32 bytes in base64")
    return raw


def _check_length(*values: bytes) -> None:
    if any(len(value) != HASH_BYTES for value in values):
        raise _malformed("keys and hashes of 32 bytes")


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval ``[lo, hi)`` of one scope, and what may stand in it.

    Attributes:
        scope: first 16 bytes of the keys of the scope's tiles.
        lo: first unit.
        hi: first unit after it.
        allow: key of the one tile that may reach into it, if any.
    """

    scope: bytes
    lo: int
    hi: int
    allow: bytes | None = None

    def check_form(self) -> None:
        """The interval is one: right lengths, not empty, not too large.

        Raises:
            LedgerError: ``bad_proof``.
        """
        if len(self.scope) != SCOPE_BYTES:
            raise _malformed("a scope of 16 bytes")
        if self.allow is not None:
            _check_length(self.allow)
        if not 0 <= self.lo < self.hi <= INTEGER_MAX:
            raise LedgerError(
                "bad_proof", expected="lo below hi", found=f"[{self.lo}, {self.hi})"
            )

    def harmed_by(self, place: Place, maximum: int | None) -> bool:
        """Return whether another tile could reach into it from a place.

        Args:
            place: of a leaf or of a part of the map.
            maximum: how far any tile there reaches, None if that is not known.
        """
        start = int.from_bytes(self.scope, "big") << _ITEM_BITS
        end = start + (self.hi << _LO_SHIFT)  # first key that is out of reach
        if place.first >= end or place.last < start:
            return False
        if maximum is not None and maximum <= self.lo:
            return False
        return self.allow is None or place != Place.of(self.allow)

    @classmethod
    def of_tile(cls, tile: Leaf) -> Interval:
        """Return the interval of a tile, in which it alone may stand."""
        lo = int.from_bytes(tile.key[SCOPE_BYTES : SCOPE_BYTES + 8], "big")
        return cls(tile.key[:SCOPE_BYTES], lo, tile.pub, tile.key)


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A key at which nothing may stand.

    Attributes:
        key: 32 bytes.
    """

    key: bytes

    def harmed_by(self, place: Place, maximum: int | None) -> bool:  # noqa: ARG002
        """Return whether the key is in a place; no maximum shows that it is not."""
        return place.first <= int.from_bytes(self.key, "big") <= place.last


@dataclass(frozen=True, slots=True)
class Place:
    """The keys that a part of the map may hold, as numbers.

    Attributes:
        first: the least of them.
        last: the greatest of them.
    """

    first: int
    last: int

    @classmethod
    def of(cls, key: bytes) -> Place:
        """Return the place of one leaf."""
        number = int.from_bytes(key, "big")
        return cls(number, number)

    @classmethod
    def beside(cls, key: bytes, bit: int, side: int) -> Place:
        """Return the place of a child whose parent has this key below it.

        Args:
            key: any key below the parent.
            bit: first bit at which the keys below the parent differ.
            side: 0 for the left child, 1 for the right one.
        """
        below = KEY_BITS - 1 - bit
        prefix = int.from_bytes(key, "big") >> (below + 1)
        first = (prefix << 1 | side) << below
        return cls(first, first | (1 << below) - 1)


EVERYWHERE: Final = Place(0, (1 << KEY_BITS) - 1)


def verify_existence(root: bytes, leaf: Leaf, proof: Proof) -> None:
    """The leaf stands in the map of this root.

    Args:
        root: 32 bytes, from a header that is itself verified.
        leaf: with the salted commitment, from ``commit_value``.
        proof: from ``StateMap.prove``, as in all that follows.

    Raises:
        LedgerError: ``bad_proof``.
    """
    _verify(root, proof, None)
    check_opened(leaf, proof)


def verify_absence(root: bytes, key: bytes, proof: Proof) -> None:
    """The key does not stand in the map of this root.

    Raises:
        LedgerError: ``bad_proof``.
    """
    _check_length(key)
    _verify(root, proof, Vacancy(key))


def verify_no_overlap(root: bytes, interval: Interval, proof: Proof) -> None:
    """No tile but the allowed one reaches into the interval.

    Raises:
        LedgerError: ``bad_proof``.
    """
    interval.check_form()
    _verify(root, proof, interval)


def verify_tile(root: bytes, tile: Leaf, proof: Proof) -> None:
    """The tile stands in the map and no other tile overlaps it.

    Raises:
        LedgerError: ``bad_proof``.
    """
    verify_no_overlap(root, Interval.of_tile(tile), proof)
    check_opened(tile, proof)


def check_opened(leaf: Leaf, proof: Proof) -> None:
    """The leaf is opened in a proof; if that holds, it stands in the map.

    Raises:
        LedgerError: ``bad_proof``.
    """
    if leaf not in proof.items:
        raise LedgerError("bad_proof", expected="the leaf, opened", key=leaf.key.hex())


def _verify(root: bytes, proof: Proof, claim: Interval | Vacancy | None) -> None:
    found = _Reader(proof.items, claim).read_all() if proof.items else EMPTY_ROOT
    if found != root:
        raise LedgerError("bad_proof", expected=root.hex(), found=found.hex())


@dataclass(frozen=True, slots=True)
class _Part:
    """What reading a part of a proof has shown.

    Attributes:
        node_hash: its hash.
        key: a key below it, None if none was opened.
        maximum: a maximum that its hash binds, None if there is none.
    """

    node_hash: bytes
    key: bytes | None = None
    maximum: int | None = None


class _Reader:
    """Reads the items of a proof once, from the root on."""

    def __init__(self, items: Sequence[Item], claim: Interval | Vacancy | None) -> None:
        self._items = items
        self._claim = claim
        self._next = 0

    def read_all(self) -> bytes:
        """Return the root hash, after every part has been judged."""
        part = self._read(-1)
        if self._next != len(self._items):
            raise _malformed("no items after the last part")
        if part.key is None:
            self._check_harmless(part, EVERYWHERE)
        return part.node_hash

    def _read(self, above: int) -> _Part:
        if self._next == len(self._items):
            raise _malformed("an item for each part")
        item = self._items[self._next]
        self._next += 1
        if isinstance(item, Leaf):
            return self._read_leaf(item)
        if isinstance(item, Folded):
            _check_length(item.node_hash)
            return _Part(item.node_hash)
        if item.bit <= above:  # this also bounds how deep the reading goes
            raise _malformed("bits that grow towards the leaves")
        if isinstance(item, Bound):
            _check_length(item.left, item.right)
            found = hash_branch(item.bit, item.maximum, item.left, item.right)
            return _Part(found, None, item.maximum)
        return self._read_branch(item)

    def _read_leaf(self, leaf: Leaf) -> _Part:
        _check_length(leaf.key, leaf.value)
        if self._claim and self._claim.harmed_by(Place.of(leaf.key), leaf.pub):
            raise LedgerError("bad_proof", expected="absence", found=leaf.key.hex())
        return _Part(hash_leaf(leaf.key, leaf.pub, leaf.value), leaf.key)

    def _read_branch(self, branch: Branch) -> _Part:
        bit = branch.bit
        parts = (self._read(bit), self._read(bit))
        keys = [part.key for part in parts if part.key is not None]
        if not keys:  # nothing then tells at which keys the two parts are
            raise _malformed("an open leaf below each open node")
        for side, part in enumerate(parts):
            place = Place.beside(keys[0], bit, side)
            if part.key is None:
                self._check_harmless(part, place)
            elif not place.first <= int.from_bytes(part.key, "big") <= place.last:
                raise _malformed("turns that agree with the keys")
        found = hash_branch(bit, branch.maximum, parts[0].node_hash, parts[1].node_hash)
        return _Part(found, keys[0])

    def _check_harmless(self, part: _Part, place: Place) -> None:
        if self._claim and self._claim.harmed_by(place, part.maximum):
            raise LedgerError(
                "bad_proof", expected="an open part", found="one folded away"
            )
