"""Proofs about the state map, and their verification without the map.

A *path proof* leads from one leaf to the root: the leaf is in the map, or,
when it is the leaf at which the search for another key ends, that key is not.
A *range proof* is the map with all irrelevant parts folded into their hashes;
it shows that no tile of a scope reaches into an interval. What it folds away
must be harmless by its position or by a maximum that its parent's hash binds:
the maximum of a folded part is never taken on the prover's word.

Both rest on the map being what its definition says; whoever holds all records
checks that by building it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

from ledger.encoding import INTEGER_MAX, JSONObject
from ledger.errors import LedgerError

EMPTY_ROOT: Final = bytes(32)
KEY_BYTES: Final = 32
KEY_BITS: Final = 256
SCOPE_BYTES: Final = 16
HASH_BYTES: Final = 32
# Two paths of at most 256 branches, each with at most one folded neighbour,
# and one more path to the tile that is allowed.
RANGE_ITEMS_MAX: Final = 3 * 2 * KEY_BITS
_ITEM_BITS: Final = 128
_LO_SHIFT: Final = 64


def hash_leaf(key: bytes, pub: int, value: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + key + pub.to_bytes(8, "big") + value).digest()


def hash_branch(bit: int, maximum: int, left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two hashes."""
    head = b"\x01" + bit.to_bytes(1, "big") + maximum.to_bytes(8, "big")
    return sha256(head + left + right).digest()


def bit_of(key: bytes, bit: int) -> int:
    """Return a bit of a key, 0 being the first."""
    return key[bit >> 3] >> (7 - (bit & 7)) & 1


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
class Step:
    """A node on the way from the root to a leaf.

    Attributes:
        bit: first bit at which the keys below differ, 0 to 255.
        maximum: the largest public number below.
        sibling: hash of the child that is not on the way.
    """

    bit: int
    maximum: int
    sibling: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """A way from the root to one leaf.

    Attributes:
        steps: root first.
        leaf: for absence, the other leaf at which the search ended; None for
            existence and for the empty map.
    """

    steps: tuple[Step, ...] = ()
    leaf: Leaf | None = None

    def to_json(self) -> JSONObject:
        """Return the proof as a canonical JSON object."""
        steps = [[s.bit, s.maximum, s.sibling.hex()] for s in self.steps]
        if self.leaf is None:
            return {"steps": steps}
        return {"leaf": _leaf_row(self.leaf), "steps": steps}

    @classmethod
    def from_json(cls, value: object) -> Proof:
        """Return the proof of a JSON object.

        Raises:
            LedgerError: ``bad_proof``, another form.
        """
        names = {"steps"} | ({"leaf"} if isinstance(value, dict) else set())
        if not isinstance(value, dict) or not {"steps"} <= set(value) <= names:
            raise _malformed("an object of steps and perhaps a leaf")
        leaf = _read_leaf(_row(value["leaf"], 3)) if "leaf" in value else None
        rows = [_row(step, 3) for step in _list(value["steps"], KEY_BITS)]
        steps = (Step(_bit(r[0]), _number(r[1]), _bytes(r[2])) for r in rows)
        return cls(tuple(steps), leaf)


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
class RangeProof:
    """The map, folded wherever it has nothing to say about one interval.

    Attributes:
        items: the nodes in the order root, left part, right part; none for
            the empty map. Flat, as JSON of the ledger is at most 16 deep.
    """

    items: tuple[Item, ...] = ()

    def leaf(self, key: bytes) -> Leaf | None:
        """Return the opened leaf of a key; proven once the proof is verified."""
        for item in self.items:
            if isinstance(item, Leaf) and item.key == key:
                return item
        return None

    def to_json(self) -> JSONObject:
        """Return the proof as a canonical JSON object."""
        return {"items": [_item_row(item) for item in self.items]}

    @classmethod
    def from_json(cls, value: object) -> RangeProof:
        """Return the proof of a JSON object.

        Raises:
            LedgerError: ``bad_proof``, another form.
        """
        if not isinstance(value, dict) or set(value) != {"items"}:
            raise _malformed("an object of items")
        rows = _list(value["items"], RANGE_ITEMS_MAX)
        return cls(tuple(_read_item(row) for row in rows))


def _leaf_row(leaf: Leaf) -> list[object]:
    return [leaf.key.hex(), leaf.pub, leaf.value.hex()]


def _item_row(item: Item) -> list[object]:
    if isinstance(item, Leaf):
        return ["leaf", *_leaf_row(item)]
    if isinstance(item, Branch):
        return ["node", item.bit, item.maximum]
    if isinstance(item, Bound):
        return ["bound", item.bit, item.maximum, item.left.hex(), item.right.hex()]
    return ["hash", item.node_hash.hex()]


def _read_item(value: object) -> Item:
    match value:
        case ["leaf", *row]:
            return _read_leaf(_row(row, 3))
        case ["node", bit, maximum]:
            return Branch(_bit(bit), _number(maximum))
        case ["bound", bit, maximum, left, right]:
            return Bound(_bit(bit), _number(maximum), _bytes(left), _bytes(right))
        case ["hash", found]:
            return Folded(_bytes(found))
        case _:
            raise _malformed("an item of a range proof")


def _read_leaf(row: Sequence[object]) -> Leaf:
    return Leaf(_bytes(row[0]), _number(row[1]), _bytes(row[2]))


def _malformed(expected: str) -> LedgerError:
    return LedgerError("bad_proof", expected=expected)


def _list(value: object, most: int) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise _malformed(f"a list of at most {most}")
    return value


def _row(value: object, length: int) -> list[object]:
    if not isinstance(value, list) or len(value) != length:
        raise _malformed(f"a list of {length}")
    return value


def _number(value: object, most: int = INTEGER_MAX) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _malformed(f"a number up to {most}")
    return value


def _bit(value: object) -> int:
    return _number(value, KEY_BITS - 1)


def _bytes(value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * HASH_BYTES:
        raise _malformed("64 hexadecimal digits")
    if set(value) - set("0123456789abcdef"):
        raise _malformed("64 hexadecimal digits")
    return bytes.fromhex(value)


def verify_existence(
    root: bytes, key: bytes, pub: int, value: bytes, proof: Proof
) -> None:
    """The key stands in the map of this root with this number and value.

    Args:
        root: 32 bytes, from a header that is itself verified.
        key: 32 bytes.
        pub: ``hi`` of a tile, 0 otherwise.
        value: the salted commitment, from ``commit_value``.
        proof: from ``StateMap.prove``.

    Raises:
        LedgerError: ``bad_proof``.
    """
    if proof.leaf is not None:
        raise _malformed("a proof of existence, not of absence")
    _number(pub)
    _climb(root, Leaf(key, pub, value), proof.steps)


def verify_absence(root: bytes, key: bytes, proof: Proof) -> None:
    """The key does not stand in the map of this root.

    Raises:
        LedgerError: ``bad_proof``.
    """
    _check_length(key)
    leaf = proof.leaf
    if leaf is None:
        if root != EMPTY_ROOT or proof.steps:
            raise _malformed("the leaf at which the search ends")
        return
    if leaf.key == key:
        raise LedgerError("bad_proof", expected="absence", found="the key itself")
    _climb(root, leaf, proof.steps)
    for step in proof.steps:
        # Otherwise the search for the key leaves this way, and the leaf at its
        # end says nothing about it.
        if bit_of(key, step.bit) != bit_of(leaf.key, step.bit):
            raise LedgerError("bad_proof", expected="the way to the absent key")


def _climb(root: bytes, leaf: Leaf, steps: Sequence[Step]) -> None:
    _check_length(leaf.key, leaf.value, *(step.sibling for step in steps))
    bits = [step.bit for step in steps]
    if any(low >= high for low, high in pairwise(bits)):
        raise _malformed("bits that grow towards the leaf")
    node = hash_leaf(leaf.key, leaf.pub, leaf.value)
    for step in reversed(steps):
        pair = (
            (step.sibling, node) if bit_of(leaf.key, step.bit) else (node, step.sibling)
        )
        node = hash_branch(step.bit, step.maximum, *pair)
    if node != root:
        raise LedgerError("bad_proof", expected=root.hex(), found=node.hex())


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

    def harms(self, key: bytes, pub: int) -> bool:
        """Return whether a leaf is another tile that reaches into it."""
        if key[:SCOPE_BYTES] != self.scope or key == self.allow:
            return False
        lo = int.from_bytes(key[SCOPE_BYTES : SCOPE_BYTES + 8], "big")
        return lo < self.hi and pub > self.lo

    def concerns(self, place: Place) -> bool:
        """Return whether a tile at this place could reach into it."""
        start = int.from_bytes(self.scope, "big") << _ITEM_BITS
        end = start + (self.hi << _LO_SHIFT)  # first key that is out of reach
        return place.first < end and place.last >= start


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


def verify_no_overlap(
    root: bytes,
    scope: bytes,
    lo: int,
    hi: int,
    proof: RangeProof,
    allow: bytes | None = None,
) -> None:
    """No tile of the scope but the allowed one reaches into ``[lo, hi)``.

    Every leaf opened in the proof then stands in the map too.

    Args:
        root: 32 bytes, from a header that is itself verified.
        scope: first 16 bytes of the tiles' keys.
        lo: first unit of the interval.
        hi: first unit after it.
        proof: from ``StateMap.prove_range``.
        allow: key of the tile that may be there, normally the holder's own.

    Raises:
        LedgerError: ``bad_proof``.
    """
    interval = Interval(scope, lo, hi, allow)
    interval.check_form()
    found = EMPTY_ROOT
    if proof.items:
        found = _Reader(proof.items, interval).read_all()
    if found != root:
        raise LedgerError("bad_proof", expected=root.hex(), found=found.hex())


def verify_tile(
    root: bytes, key: bytes, hi: int, value: bytes, proof: RangeProof
) -> None:
    """The tile stands in the map and no other tile overlaps it.

    Args:
        root: 32 bytes, from a header that is itself verified.
        key: the tile's key; it holds scope and ``lo``.
        hi: first unit after the tile.
        value: the salted commitment to the tile's record.
        proof: from ``StateMap.prove_range`` with ``allow=key``.

    Raises:
        LedgerError: ``bad_proof``.
    """
    _check_length(key)
    lo = int.from_bytes(key[SCOPE_BYTES : SCOPE_BYTES + 8], "big")
    verify_no_overlap(root, key[:SCOPE_BYTES], lo, hi, proof, key)
    if proof.leaf(key) != Leaf(key, hi, value):
        raise LedgerError("bad_proof", expected="the tile itself, opened")


@dataclass(frozen=True, slots=True)
class _Part:
    """What reading a part of a range proof has shown.

    Attributes:
        node_hash: its hash.
        key: a key below it, None if none was opened.
        maximum: a maximum that its hash binds, None if there is none.
    """

    node_hash: bytes
    key: bytes | None = None
    maximum: int | None = None


class _Reader:
    """Reads the items of a range proof once, from the root on."""

    def __init__(self, items: Sequence[Item], interval: Interval) -> None:
        self._items = items
        self._interval = interval
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
        if self._interval.harms(leaf.key, leaf.pub):
            raise LedgerError(
                "bad_proof", expected="no overlapping tile", found=leaf.key.hex()
            )
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
        if not self._interval.concerns(place):
            return
        if part.maximum is None or part.maximum > self._interval.lo:
            raise LedgerError(
                "bad_proof", expected="an open part", found="one folded away"
            )
