"""The state map: a path-compressed binary Merkle map, immutable.

Its root depends on the content alone, never on the order of changes. Each
node also binds the largest public number below it, so that an overlap of
tiles can be disproved without opening anybody's record. The map holds keys
and hashes only; records are kept elsewhere, and a proof asks
their keeper for the commitments of what it opens.

A node is a plain tuple and both kinds begin alike: hash, a key, maximum. Once
the garbage collector has seen that a tuple holds nothing but bytes and such
tuples it no longer tracks it, which an object with attributes never gains.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, TypeAlias

from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError, invariant
from ledger.mapproofs import (
    EMPTY_ROOT,
    EVERYWHERE,
    HASH_BYTES,
    KEY_BITS,
    KEY_BYTES,
    SCOPE_BYTES,
    Bound,
    Branch,
    Folded,
    Interval,
    Item,
    Leaf,
    Place,
    Proof,
    Vacancy,
)

Change: TypeAlias = tuple[int, bytes] | None  # public number and value, or delete
ValueOf: TypeAlias = Callable[[bytes], bytes]

# hash, key, public number as 8 bytes (which compare like numbers)
_Tip: TypeAlias = tuple[bytes, bytes, bytes]
# hash, some key below, maximum as 8 bytes, bit, left, right
_Fork: TypeAlias = "tuple[bytes, bytes, bytes, int, _Node, _Node]"
_Node: TypeAlias = "_Tip | _Fork"

_ZERO: Final = bytes(8)
_HEADS: Final = [b"\x01" + bytes([bit]) for bit in range(KEY_BITS)]
_MASKS: Final = bytes(0x80 >> (bit & 7) for bit in range(KEY_BITS))


def map_key(kind: str, scope: str, identity: str, lo: int | None = None) -> bytes:
    """Return the key of a record, 32 bytes.

    Args:
        kind: kind of the record.
        scope: id of the parent, empty if the kind has none.
        identity: id of the record; unused for a tile.
        lo: first unit of a tile, which puts the tiles of a scope in order.

    Raises:
        OverflowError: ``lo`` does not fit 8 bytes.
    """
    if lo is None:
        item = sha256(identity.encode()).digest()[:SCOPE_BYTES]
    else:
        item = lo.to_bytes(8, "big") + _ZERO
    return scope_prefix(kind, scope) + item


def scope_prefix(kind: str, scope: str) -> bytes:
    """Return the first 16 bytes of the keys of a kind in a scope."""
    return sha256(kind.encode() + b"\x00" + scope.encode()).digest()[:SCOPE_BYTES]


def derive_salt(secret: bytes, key: bytes, height: int) -> bytes:
    """Return the salt of a record as last written at a height, 32 bytes."""
    begun = _begin_hmac(secret)
    inner, outer = begun[0].copy(), begun[1].copy()
    inner.update(key + height.to_bytes(8, "big"))
    outer.update(inner.digest())
    salt: bytes = outer.digest()
    return salt


@cache
def _begin_hmac(secret: bytes) -> tuple[Any, Any]:
    # As in RFC 2104, for secrets of one block at most; begun once, it costs a
    # third of the library's call.
    invariant(len(secret) <= 64, "a salt's secret fits a block")
    block = secret.ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    return sha256(inner), sha256(outer)


def commit_value(salt: bytes, record: bytes) -> bytes:
    """Return the commitment to a record's canonical bytes, 32 bytes."""
    return sha256(salt + record).digest()


def bit_of(key: bytes, bit: int) -> int:
    """Return a bit of a key, 0 being the first."""
    return key[bit >> 3] >> (7 - (bit & 7)) & 1


class StateMap:
    """A map from keys to public numbers and values; changing it makes another."""

    __slots__ = ("_count", "_top")

    def __init__(self) -> None:
        self._top: _Node | None = None
        self._count = 0

    @classmethod
    def _of(cls, top: _Node | None, count: int) -> StateMap:
        made = cls()
        made._top, made._count = top, count
        return made

    @classmethod
    def build(cls, items: Iterable[tuple[bytes, int, bytes]]) -> StateMap:
        """Return the map of these keys, public numbers and values.

        Raises:
            InvariantBroken: a key twice, or lengths that are not 32 bytes.
        """
        tips = sorted((_tip(*item) for item in items), key=lambda tip: tip[1])
        return cls._of(_grow(tips) if tips else None, len(tips))

    @property
    def root(self) -> bytes:
        """The root hash, 32 zero bytes for the empty map."""
        return EMPTY_ROOT if self._top is None else self._top[0]

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._count

    def update(self, changes: Mapping[bytes, Change]) -> StateMap:
        """Return the map after these changes; deleting an absent key is none.

        Args:
            changes: by key of 32 bytes the public number (0 to 2**53 - 1) and
                the value of 32 bytes, or None to delete the key.

        Raises:
            InvariantBroken: a key, number or value of another size.
        """
        if not changes:
            return self
        batch = _Batch(changes)
        top = batch.apply(self._top, 0, len(changes))
        return self._of(top, self._count + batch.growth)

    def prove(
        self,
        value_of: ValueOf,
        keys: Iterable[bytes] = (),
        free: Interval | None = None,
    ) -> Proof:
        """Return the proof of what stands at keys, and of a free interval.

        Args:
            value_of: gives the value of a key; asked for those of ``keys``, for
                the allowed tile's and those of at most a few neighbours.
            keys: 32 bytes each; what stands there is opened, or that nothing
                does is shown.
            free: into which no tile but the allowed one reaches.

        Raises:
            LedgerError: ``bad_proof``, no such interval; ``overlap``, another
                tile reaches into it.
        """
        claims: list[Interval | Vacancy] = [Vacancy(key) for key in keys]
        if free is not None:
            free.check_form()
            claims.append(free)
        if self._top is None:
            return Proof()
        folding = _Folding(claims, free, value_of)
        folding.visit(self._top, must_open=folding.matters(self._top, EVERYWHERE))
        return Proof(tuple(folding.items))


def _number(node: _Node) -> int:
    return int.from_bytes(node[2], "big")


def _tip(key: bytes, pub: int, value: bytes) -> _Tip:
    invariant(
        len(key) == KEY_BYTES and len(value) == HASH_BYTES and 0 <= pub <= INTEGER_MAX,
        "an entry of the state map has its size",
        key=key,
        pub=pub,
    )
    number = pub.to_bytes(8, "big") if pub else _ZERO
    return sha256(b"\x00" + key + number + value).digest(), key, number


def _join(bit: int, left: _Node, right: _Node) -> _Fork:
    greater = left[2] if left[2] > right[2] else right[2]  # noqa: FURB136 - as below
    found = sha256(_HEADS[bit] + greater + left[0] + right[0]).digest()
    return found, left[1], greater, bit, left, right


def _first_difference(a: bytes, b: bytes) -> int:
    spread = int.from_bytes(a, "big") ^ int.from_bytes(b, "big")
    return KEY_BITS - spread.bit_length()


def _grow(tips: Sequence[_Tip]) -> _Node:
    """Return the map of one or more leaves in order of their keys."""
    nodes: list[_Node] = [tips[0]]
    bits: list[int] = []  # at which each node on the stack parts from the next
    for before, tip in pairwise(tips):
        bit = _first_difference(before[1], tip[1])
        invariant(bit < KEY_BITS, "a key stands in the map once", key=tip[1])
        while bits and bits[-1] > bit:
            right = nodes.pop()
            nodes[-1] = _join(bits.pop(), nodes[-1], right)
        bits.append(bit)
        nodes.append(tip)
    while bits:
        right = nodes.pop()
        nodes[-1] = _join(bits.pop(), nodes[-1], right)
    return nodes[0]


class _Batch:
    """Changes in order of their keys, applied in one descent.

    Attributes:
        growth: how many keys were added, less those deleted.
    """

    __slots__ = ("_keys", "_numbers", "_tips", "growth")

    def __init__(self, changes: Mapping[bytes, Change]) -> None:
        self._keys = sorted(changes)
        self._numbers = [int.from_bytes(key, "big") for key in self._keys]
        self._tips = [
            None if (change := changes[key]) is None else _tip(key, *change)
            for key in self._keys
        ]
        self.growth = 0

    def apply(self, node: _Node | None, start: int, end: int) -> _Node | None:
        """Return a part of the map after the changes ``[start, end)``."""
        if start == end:
            return node
        if node is None:
            tips = [tip for tip in self._tips[start:end] if tip is not None]
            self.growth += len(tips)
            return _grow(tips) if tips else None
        if end - start == 1:
            return self._apply_one(node, start)
        bit, left, right = self._part(node, start, end)
        shift = KEY_BITS - 1 - bit
        pivot = (self._numbers[start] >> shift | 1) << shift
        middle = bisect_left(self._numbers, pivot, start, end)
        new_left = self.apply(left, start, middle)
        new_right = self.apply(right, middle, end)
        if new_left is None or new_right is None:
            return new_right if new_left is None else new_left
        if new_left is left and new_right is right:
            return node
        return _join(bit, new_left, new_right)

    def _part(
        self, node: _Node, start: int, end: int
    ) -> tuple[int, _Node | None, _Node | None]:
        """Return where node and changes part, and what of the node is where."""
        # The changes are in order, so the first and the last show together
        # where any of them leaves the common way.
        first, last = self._numbers[start], self._numbers[end - 1]
        own = int.from_bytes(node[1], "big")
        bit = KEY_BITS - ((first ^ last) | (first ^ own)).bit_length()
        if len(node) != 3 and bit >= node[3]:
            return node[3], node[4], node[5]
        if bit_of(node[1], bit):
            return bit, None, node
        return bit, node, None

    def _apply_one(self, top: _Node, position: int) -> _Node | None:
        """Return a part of the map after one change.

        Most changes end here, so this is a loop with the hashing in line.
        """
        key, new = self._keys[position], self._tips[position]
        masks = _MASKS
        way: list[_Fork] = []
        node = top
        while len(node) != 3:
            way.append(node)
            bit = node[3]
            node = node[5] if key[bit >> 3] & masks[bit] else node[4]
        if new is None:
            return top if node[1] != key else self._without(key, way)
        if node[1] == key:
            if node[0] == new[0]:
                return top
            return _rise(key, new, way)
        self.growth += 1
        bit = _first_difference(node[1], key)
        while way and way[-1][3] > bit:
            node = way.pop()
        pair = (node, new) if bit_of(key, bit) else (new, node)
        return _rise(key, _join(bit, *pair), way)

    def _without(self, key: bytes, way: list[_Fork]) -> _Node | None:
        self.growth -= 1
        if not way:
            return None
        parent = way.pop()
        return _rise(key, parent[4] if bit_of(key, parent[3]) else parent[5], way)


def _rise(key: bytes, node: _Node, way: Sequence[_Fork]) -> _Node:
    """Return the top of a way after the node at its end was replaced."""
    masks, heads = _MASKS, _HEADS
    for fork in reversed(way):
        bit = fork[3]
        if key[bit >> 3] & masks[bit]:
            left, right = fork[4], node
        else:
            left, right = node, fork[5]
        # Spelled out: a call costs more than the comparison, ten times a key.
        greater = left[2] if left[2] > right[2] else right[2]  # noqa: FURB136
        found = sha256(heads[bit] + greater + left[0] + right[0]).digest()
        node = (found, left[1], greater, bit, left, right)
    return node


class _Folding:
    """Collects the items of a proof.

    Attributes:
        items: what has been collected.
    """

    def __init__(
        self,
        claims: Sequence[Interval | Vacancy],
        free: Interval | None,
        value_of: ValueOf,
    ) -> None:
        self.items: list[Item] = []
        self._claims = claims
        self._free = free
        self._value_of = value_of

    def matters(self, node: _Node, place: Place) -> bool:
        """Return whether a part must be opened, as a verifier sees its place."""
        # Only a node can be folded so that its hash still binds its maximum.
        return self._harmed(place, None if len(node) == 3 else _number(node))

    def _harmed(self, place: Place, maximum: int | None) -> bool:
        return any(claim.harmed_by(place, maximum) for claim in self._claims)

    def visit(self, node: _Node, *, must_open: bool) -> None:
        """Collect a part that must be opened or whose maximum is harmless."""
        maximum = _number(node)
        if len(node) == 3:
            self._open(node[1], maximum)
        elif must_open:
            self.items.append(Branch(node[3], maximum))
            self._visit_children(node)
        else:
            self.items.append(Bound(node[3], maximum, node[4][0], node[5][0]))

    def _visit_children(self, fork: _Fork) -> None:
        places = [Place.beside(fork[1], fork[3], side) for side in (0, 1)]
        children = (fork[4], fork[5])
        opened = [self.matters(*pair) for pair in zip(children, places, strict=True)]
        if not any(opened):  # a verifier needs one key below each open node
            opened[0] = True
        for child, place, must_open in zip(children, places, opened, strict=True):
            if must_open or self._harmed(place, None):
                self.visit(child, must_open=must_open)
            else:
                self.items.append(Folded(child[0]))

    def _open(self, key: bytes, pub: int) -> None:
        if self._free is not None and self._free.harmed_by(Place.of(key), pub):
            raise LedgerError("overlap", found=key.hex(), hi=pub)
        self.items.append(Leaf(key, pub, self._value_of(key)))
