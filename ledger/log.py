"""The append-only log: an RFC 6962 Merkle tree, its proofs and its tiles.

Only hashes are held. Every complete subtree is kept, one byte array a level,
so a root or a proof at any past size is a look-up of a few hashes. Positions
follow RFC 6962: the node of level k and index i covers the leaves
``[i * 2**k, (i + 1) * 2**k)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from ledger.errors import LedgerError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
TILE_LEVEL_MAX: Final = 63 // TILE_HEIGHT


def hash_leaf(entry: bytes) -> bytes:
    """Return the leaf hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two hashes."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, ``EMPTY_ROOT`` if there are none."""
    row = list(leaf_hashes)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        # A last node without a partner rises unchanged: the same tree as
        # RFC 6962's split at the largest power of two below the size.
        above = [hash_children(a, b) for a, b in zip(row[::2], row[1::2], strict=False)]
        if len(row) % 2:
            above.append(row[-1])
        row = above
    return row[0]


class Log:
    """A log that only grows; there is deliberately no way to shorten it."""

    __slots__ = ("_levels", "_size")

    def __init__(self) -> None:
        self._levels: list[bytearray] = [bytearray()]
        self._size = 0

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def append(self, entry: bytes) -> int:
        """Add an entry and return its index."""
        return self.append_hash(hash_leaf(entry))

    def append_hash(self, leaf_hash: bytes) -> int:
        """Add the leaf hash of an entry and return its index.

        Raises:
            ValueError: the hash is not 32 bytes.
        """
        if len(leaf_hash) != HASH_BYTES:
            raise ValueError("a leaf hash has 32 bytes")
        index = position = self._size
        level, node = 0, leaf_hash
        self._levels[0] += node
        while position & 1:
            row = self._levels[level]
            node = hash_children(bytes(row[-2 * HASH_BYTES : -HASH_BYTES]), node)
            level, position = level + 1, position >> 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += node
        self._size += 1
        return index

    def leaf_hash(self, index: int) -> bytes:
        """Return the leaf hash at an index.

        Raises:
            LedgerError: ``beyond_log``.
        """
        self._check_within(index + 1, least=1)
        return self._node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first ``size`` leaves, all by default.

        Raises:
            LedgerError: ``beyond_log``.
        """
        size = self._size if size is None else size
        self._check_within(size, least=0)
        return self._range_root(0, size) if size else EMPTY_ROOT

    def root_with(self, extra: Sequence[bytes]) -> bytes:
        """Return the root as if these leaf hashes were appended; appends none."""
        peaks = self._peaks(0, self._size)
        for leaf_hash in extra:
            level, node = 0, leaf_hash
            while peaks and peaks[-1][0] == level:
                node = hash_children(peaks.pop()[1], node)
                level += 1
            peaks.append((level, node))
        return _fold(peaks) if peaks else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the hashes that lead from a leaf to the root at ``size``.

        Raises:
            LedgerError: ``beyond_log``.
        """
        self._check_within(size, least=1)
        self._check_within(index + 1, least=1, most=size)
        proof: list[bytes] = []
        lo, hi = 0, size
        while hi - lo > 1:
            middle = lo + _split(hi - lo)
            if index < middle:
                proof.append(self._range_root(middle, hi))
                hi = middle
            else:
                proof.append(self._range_root(lo, middle))
                lo = middle
        return proof[::-1]

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Return the hashes showing that the log at ``new`` extends ``old``.

        Raises:
            LedgerError: ``beyond_log``, unless ``1 <= old <= new <= size``.
        """
        self._check_within(new, least=1)
        self._check_within(old, least=1, most=new)
        proof: list[bytes] = []
        lo, hi = 0, new
        while old != hi:
            middle = lo + _split(hi - lo)
            if old <= middle:
                proof.append(self._range_root(middle, hi))
                hi = middle
            else:
                proof.append(self._range_root(lo, middle))
                lo = middle
        if lo:  # the old tree is not the whole left part: name its last subtree
            proof.append(self._range_root(lo, hi))
        return proof[::-1]

    def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return ``width`` hashes of a tile, as C2SP tlog-tiles serves them.

        Args:
            level: tile level; one tile level is eight tree levels.
            index: which tile of that level, from 0.
            width: 1 to 256 hashes; less than 256 is a partial tile.

        Raises:
            LedgerError: ``bad_tile``, no such shape; ``beyond_log``, the log
                has not filled that much of the tile.
        """
        _check_tile(level, index, width)
        start = index * TILE_WIDTH
        covered = (start + width) << (level * TILE_HEIGHT)
        self._check_within(covered, least=1)
        row = self._levels[level * TILE_HEIGHT]
        return bytes(row[start * HASH_BYTES : (start + width) * HASH_BYTES])

    def _check_within(self, size: int, *, least: int, most: int | None = None) -> None:
        most = self._size if most is None else most
        if not least <= size <= most:
            raise LedgerError(
                "beyond_log", expected=f"a size from {least} to {most}", found=size
            )

    def _node(self, level: int, index: int) -> bytes:
        start = index * HASH_BYTES
        return bytes(self._levels[level][start : start + HASH_BYTES])

    def _peaks(self, lo: int, hi: int) -> list[tuple[int, bytes]]:
        """Return the complete subtrees of ``[lo, hi)``, widest first.

        ``lo`` must be a multiple of the widest one, which holds for every
        range that RFC 6962 ever splits off.
        """
        peaks: list[tuple[int, bytes]] = []
        while lo < hi:
            level = (hi - lo).bit_length() - 1
            peaks.append((level, self._node(level, lo >> level)))
            lo += 1 << level
        return peaks

    def _range_root(self, lo: int, hi: int) -> bytes:
        return _fold(self._peaks(lo, hi))


def _fold(peaks: Sequence[tuple[int, bytes]]) -> bytes:
    root = peaks[-1][1]
    for _, peak in reversed(peaks[:-1]):
        root = hash_children(peak, root)
    return root


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """The leaf hash is proven to be leaf ``index`` of the tree with this root.

    Raises:
        LedgerError: ``bad_proof``.
    """
    _check_hashes((leaf_hash, root, *proof))
    if not 0 <= index < size:
        raise LedgerError("bad_proof", expected=f"an index below {size}", found=index)
    node = leaf_hash
    turns = _turns(index, size - 1, len(proof))
    for sibling, on_left in zip(proof, turns, strict=True):
        node = hash_children(sibling, node) if on_left else hash_children(node, sibling)
    _check_root(node, root)


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """The tree with ``new_root`` is proven to extend the one with ``old_root``.

    An old size of 0 is refused: that every log extends the empty one says
    nothing, and a caller who asks has mixed something up.

    Raises:
        LedgerError: ``bad_proof``.
    """
    if not 1 <= old <= new:
        raise LedgerError("bad_proof", expected=f"a size from 1 to {new}", found=old)
    if old == new:
        _check_same(proof, old_root, new_root)
        return
    _check_hashes((old_root, new_root, *proof))
    # A complete tree is its own first subtree, so the proof leaves it out.
    complete = old & (old - 1) == 0
    hashes = [old_root, *proof] if complete else list(proof)
    if not hashes:
        raise LedgerError("bad_proof", expected="a longer proof")
    position, last = old - 1, new - 1
    while position & 1:  # up to the widest subtree that ends where the old tree did
        position, last = position >> 1, last >> 1
    old_node = new_node = hashes[0]
    turns = _turns(position, last, len(hashes) - 1)
    for sibling, on_left in zip(hashes[1:], turns, strict=True):
        if on_left:
            old_node = hash_children(sibling, old_node)
            new_node = hash_children(sibling, new_node)
        else:  # what lies right of it came later
            new_node = hash_children(new_node, sibling)
    _check_root(old_node, old_root)
    _check_root(new_node, new_root)


def _check_same(proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    if proof:
        raise LedgerError("bad_proof", expected="an empty proof for equal sizes")
    _check_root(new_root, old_root)


def _turns(position: int, last: int, count: int) -> list[bool]:
    """Return, per sibling on the way up, whether it stands on the left.

    Args:
        position: index of the node to start from, in its level.
        last: index of the last node of that level.
        count: number of siblings the proof has.

    Raises:
        LedgerError: ``bad_proof``, the way to the root has another length.
    """
    turns: list[bool] = []
    while last and len(turns) < count:
        on_left = bool(position & 1) or position == last
        # The last node of a level may have no partner: it rises as it is.
        while on_left and position and not position & 1:
            position, last = position >> 1, last >> 1
        turns.append(on_left)
        position, last = position >> 1, last >> 1
    if last or len(turns) != count:
        raise LedgerError("bad_proof", expected="a proof of another length")
    return turns


def _check_hashes(hashes: Sequence[bytes]) -> None:
    for found in hashes:
        if len(found) != HASH_BYTES:
            raise LedgerError(
                "bad_proof", expected="hashes of 32 bytes", found=f"{len(found)} bytes"
            )


def _check_root(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise LedgerError("bad_proof", expected=expected.hex(), found=found.hex())


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a hash tile, e.g. ``tile/0/x001/067.p/7``.

    Raises:
        LedgerError: ``bad_tile``.
    """
    _check_tile(level, index, width)
    return f"tile/{level}/{_index_path(index, width)}"


def _check_tile(level: int, index: int, width: int) -> None:
    if not (0 <= level <= TILE_LEVEL_MAX and index >= 0 and 1 <= width <= TILE_WIDTH):
        raise LedgerError(
            "bad_tile",
            expected=f"a level up to {TILE_LEVEL_MAX} and a width of 1 to {TILE_WIDTH}",
            found=f"level {level}, index {index}, width {width}",
        )


def _index_path(index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    path = "/".join(reversed(groups))
    return path if width == TILE_WIDTH else f"{path}.p/{width}"
