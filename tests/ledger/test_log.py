"""The log against RFC 6962's own definition and the vectors of others."""

import base64
import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.log import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Log,
    hash_leaf,
    root_of,
    tile_path,
    verify_consistency,
    verify_inclusion,
)

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ALLONGE_SHARED", ROOT.parent / "shared"))
ENTRIES = [f"entry {number}".encode() for number in range(70)]
HASHES = [hash_leaf(entry) for entry in ENTRIES]
SIZES = st.integers(0, len(ENTRIES))


def naive_root(hashes: list[bytes]) -> bytes:
    """Return the root as section 2.1 of RFC 6962 defines it."""
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    sides = naive_root(hashes[:k]) + naive_root(hashes[k:])
    return sha256(b"\1" + sides).digest()


def log_of(size: int) -> Log:
    """Return a log of the first entries."""
    log = Log()
    for index, entry in enumerate(ENTRIES[:size]):
        assert log.append(entry) == index
    return log


def refused(code: str, call: object, *arguments: object) -> None:
    """The call raises this code."""
    assert callable(call)
    with pytest.raises(LedgerError) as caught:
        call(*arguments)
    assert caught.value.code == code


@given(SIZES, SIZES, SIZES)
@settings(max_examples=60, deadline=None)
def test_roots_are_those_of_the_definition(size: int, past: int, extra: int) -> None:
    """Roots of the present, the past and a possible future all agree with it."""
    log, past = log_of(size), min(past, size)
    assert log.size == size
    assert log.root() == root_of(HASHES[:size]) == naive_root(HASHES[:size])
    assert log.root(past) == naive_root(HASHES[:past])
    future = HASHES[:size] + HASHES[:extra]
    assert log.root_with(HASHES[:extra]) == naive_root(future)
    assert log.root() == naive_root(HASHES[:size])


def test_the_empty_log_has_the_root_of_no_bytes() -> None:
    """The empty root is fixed by RFC 6962."""
    assert Log().root() == Log().root_with([]) == root_of([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")


def test_every_inclusion_proof_verifies_for_its_leaf_only() -> None:
    """All leaves at all sizes of a log, and never at another index or size."""
    log = log_of(40)
    for size in range(1, 41):
        root = log.root(size)
        for index in range(size):
            proof = log.inclusion_proof(index, size)
            verify_inclusion(log.leaf_hash(index), index, size, proof, root)
            for other in {index + 1, index - 1, index ^ 2, size - 1 - index} - {index}:
                refused(
                    "bad_proof",
                    verify_inclusion,
                    HASHES[index],
                    other,
                    size,
                    proof,
                    root,
                )


def test_every_consistency_proof_verifies_for_its_sizes_only() -> None:
    """All pairs of sizes of a log, and never with another old size."""
    log = log_of(40)
    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = log.consistency_proof(old, new)
            roots = log.root(old), log.root(new)
            verify_consistency(old, new, proof, *roots)
            if old != new:
                refused("bad_proof", verify_consistency, old, new, proof, *roots[::-1])
                refused("bad_proof", verify_consistency, old - 1, new, proof, *roots)


@given(st.integers(1, 70), st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    """Flipped bits, lost, doubled, added and cut hashes are refused."""
    log = log_of(70)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    bit = data.draw(st.integers(0, 255))
    inclusion = log.inclusion_proof(index, size)
    for forged in mutations(inclusion, bit):
        call = (HASHES[index], index, size, forged, log.root(size))
        refused("bad_proof", verify_inclusion, *call)
    for forged in mutations(log.consistency_proof(old, size), bit):
        call_two = (old, size, forged, log.root(old), log.root(size))
        refused("bad_proof", verify_consistency, *call_two)


def mutations(proof: list[bytes], bit: int) -> list[list[bytes]]:
    """Return proofs that differ from a true one."""
    found = [[*proof, HASHES[0]], [HASHES[0], *proof]]
    for at, node in enumerate(proof):
        flipped = (int.from_bytes(node, "big") ^ 1 << bit).to_bytes(32, "big")
        puts: list[list[bytes]] = [[], [node, node], [flipped], [node[1:]]]
        found += [[*proof[:at], *put, *proof[at + 1 :]] for put in puts]
    return found


def vectors(kind: str) -> list[Path]:
    """Return the vector files of a kind."""
    folder = SHARED / "data" / "merkle" / kind
    if not folder.is_dir():
        pytest.skip("shared data absent: merkle")
    return sorted(folder.rglob("*.json"))


def hashes_of(values: list[str] | None) -> list[bytes]:
    """Return the hashes of a vector; no proof is written as null there."""
    return [base64.b64decode(value) for value in values or []]


def test_inclusion_vectors_of_others() -> None:
    """All 98 inclusion vectors are judged as their authors say."""
    files = vectors("inclusion")
    for path in files:
        case = json.loads(path.read_text("utf-8"))
        leaf, root = hashes_of([case["leafHash"], case["root"]])
        proof = hashes_of(case["proof"])
        call = (leaf, case["leafIdx"], case["treeSize"], proof, root)
        if case["wantErr"]:
            refused("bad_proof", verify_inclusion, *call)
        else:
            verify_inclusion(*call)
    assert len(files) == 98


def test_consistency_vectors_of_others() -> None:
    """All 98 consistency vectors are judged as their authors say."""
    files = vectors("consistency")
    for path in files:
        case = json.loads(path.read_text("utf-8"))
        roots = hashes_of([case["root1"], case["root2"]])
        proof = hashes_of(case["proof"])
        call = (case["size1"], case["size2"], proof, *roots)
        if case["wantErr"]:
            refused("bad_proof", verify_consistency, *call)
        else:
            verify_consistency(*call)
    assert len(files) == 98


def test_nothing_beyond_the_end_is_answered() -> None:
    """Positions and sizes outside the log are refused by name."""
    log = log_of(5)
    refused("beyond_log", log.root, 6)
    refused("beyond_log", log.root, -1)
    refused("beyond_log", log.leaf_hash, 5)
    refused("beyond_log", log.leaf_hash, -1)
    refused("beyond_log", log.inclusion_proof, 3, 3)
    refused("beyond_log", log.inclusion_proof, -1, 3)
    refused("beyond_log", log.inclusion_proof, 0, 6)
    refused("beyond_log", log.consistency_proof, 0, 3)
    refused("beyond_log", log.consistency_proof, 4, 3)
    refused("beyond_log", log.consistency_proof, 3, 6)
    refused("beyond_log", log.tile, 0, 0, 6)
    refused("beyond_log", log.tile, 1, 0, 1)
    with pytest.raises(ValueError, match="32 bytes"):
        log.append_hash(b"short")


def test_tiles_hold_the_hashes_of_their_level() -> None:
    """A tile of level 1 holds the roots of the full tiles of level 0."""
    log = Log()
    for number in range(600):
        log.append(str(number).encode())
    first = log.tile(0, 0)
    assert first[:32] == log.leaf_hash(0)
    assert log.tile(0, 2, 88)[-32:] == log.leaf_hash(599)
    assert log.tile(1, 0, 2)[:32] == root_of(
        [first[at : at + 32] for at in range(0, len(first), 32)]
    )
    refused("beyond_log", log.tile, 0, 2)
    refused("beyond_log", log.tile, 1, 0, 3)


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 67, 7, "tile/0/067.p/7"),
        (1, 1067, 256, "tile/1/x001/067"),
        (2, 1234067, 8, "tile/2/x001/x234/067.p/8"),
        (7, 1000000, 256, "tile/7/x001/x000/000"),
    ],
    ids=["first", "partial", "two groups", "three groups", "zeros"],
)
def test_tile_paths_are_those_of_the_standard(
    level: int, index: int, width: int, path: str
) -> None:
    """Groups of three digits, all but the last with an x before them."""
    assert tile_path(level, index, width) == path


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(-1, 0, 1), (8, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, TILE_WIDTH + 1)],
    ids=["level below", "level above", "index below", "no width", "too wide"],
)
def test_there_is_no_tile_of_another_shape(level: int, index: int, width: int) -> None:
    """Impossible tiles are refused before the log is looked at."""
    refused("bad_tile", tile_path, level, index, width)
    refused("bad_tile", Log().tile, level, index, width)
