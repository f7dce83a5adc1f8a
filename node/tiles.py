"""The log for everybody: tiles of hashes as C2SP says, and proofs over them.

Nothing here tells what an entry holds: headers, checkpoints and hashes are
public, and whoever has an entry can show with them that it is in the log.
"""

from __future__ import annotations

import re
from typing import Final

from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.log import TILE_WIDTH, tile_path
from node.engine import Node

_PLACE: Final = re.compile(r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def read_tile(node: Node, level: int, place: str) -> bytes:
    """Return a tile of hashes by its path, e.g. ``x001/067`` or ``067.p/7``.

    Raises:
        LedgerError: ``bad_tile``; ``beyond_log``.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise LedgerError("bad_tile", expected="001, x001/067 or 067.p/7")
    index = int(match[1].replace("x", "").replace("/", ""))
    width = int(match[2] or TILE_WIDTH)
    if tile_path(level, index, width) != f"tile/{level}/{place}":
        raise LedgerError("bad_tile", expected=tile_path(level, index, width))
    return node.writer.gate.read(lambda: node.chain.log.tile(level, index, width))


def prove_inclusion(node: Node, index: int, size: int) -> JSONObject:
    """Return that a leaf stands in the log of a size; of all leaves for 0.

    Raises:
        LedgerError: ``beyond_log``.
    """
    log = node.chain.log

    def prove() -> JSONObject:
        of = size or node.chain.header.size
        return {
            "index": index,
            "leaf_hash": log.leaf_hash(index).hex(),
            "proof": [each.hex() for each in log.inclusion_proof(index, of)],
            "root": log.root(of).hex(),
            "size": of,
        }

    return node.writer.gate.read(prove)


def prove_consistency(node: Node, old: int, new: int) -> JSONObject:
    """Return that the log of one size begins with that of another.

    Raises:
        LedgerError: ``beyond_log``.
    """
    log = node.chain.log

    def prove() -> JSONObject:
        to = new or node.chain.header.size
        return {
            "new": {"root": log.root(to).hex(), "size": to},
            "old": {"root": log.root(old).hex(), "size": old},
            "proof": [each.hex() for each in log.consistency_proof(old, to)],
        }

    return node.writer.gate.read(prove)
