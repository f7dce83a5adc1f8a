"""The state map against a naive definition, and its proofs against forgers."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.encoding import INTEGER_MAX, decode, encode, encode_base64
from ledger.errors import InvariantBroken, LedgerError
from ledger.mapproofs import (
    EMPTY_ROOT,
    ITEMS_MAX,
    Bound,
    Branch,
    Folded,
    Interval,
    Item,
    Leaf,
    Proof,
    hash_branch,
    hash_leaf,
    verify_absence,
    verify_existence,
    verify_no_overlap,
    verify_tile,
)
from ledger.statemap import (
    StateMap,
    bit_of,
    commit_value,
    derive_salt,
    map_key,
    scope_prefix,
)

Content = dict[bytes, tuple[int, bytes]]
SCOPE = scope_prefix("tile", "a")
OTHER = scope_prefix("tile", "b")


def naive_root(content: Mapping[bytes, tuple[int, bytes]]) -> tuple[bytes, int]:
    """Return root and maximum, straight from the definition of the map."""
    if not content:
        return bytes(32), 0
    if len(content) == 1:
        ((key, (pub, value)),) = content.items()
        return sha256(b"\0" + key + pub.to_bytes(8, "big") + value).digest(), pub
    bits = {key: f"{int.from_bytes(key, 'big'):0256b}" for key in content}
    d = next(i for i in range(256) if len({text[i] for text in bits.values()}) == 2)
    sides = [{k: v for k, v in content.items() if bits[k][d] == s} for s in "01"]
    (left, most_left), (right, most_right) = map(naive_root, sides)
    most = max(most_left, most_right)
    head = b"\1" + bytes([d]) + most.to_bytes(8, "big")
    return sha256(head + left + right).digest(), most


def value(number: int) -> bytes:
    """Return a distinct commitment."""
    return sha256(b"value" + number.to_bytes(8, "big")).digest()


def tile(scope: bytes, lo: int) -> bytes:
    """Return the key of a tile."""
    return scope + lo.to_bytes(8, "big") + bytes(8)


# Few scopes, neighbouring tiles and dense random keys make shapes collide.
KEYS = st.one_of(
    st.builds(tile, st.sampled_from([SCOPE, OTHER]), st.integers(0, 40)),
    st.integers(0, 40).map(lambda n: map_key("member", "", str(n))),
    st.integers(0, 40).map(lambda n: n.to_bytes(32, "big")),
    st.integers(0, 255).map(lambda n: (1 << n).to_bytes(32, "big")),
)
ENTRIES = st.tuples(st.integers(0, 60), st.integers(0, 99).map(value))
BATCHES = st.lists(st.dictionaries(KEYS, st.none() | ENTRIES, max_size=30), max_size=6)
CONTENTS = st.dictionaries(KEYS, ENTRIES, max_size=40)


def map_of(content: Content) -> StateMap:
    """Return the map of this content."""
    return StateMap.build((key, *entry) for key, entry in content.items())


def value_of(content: Content) -> dict[bytes, bytes]:
    """Return the values by key, as the keeper of the records has them."""
    return {key: entry[1] for key, entry in content.items()}


@given(BATCHES)
@settings(max_examples=100, deadline=None)
def test_any_history_has_the_root_of_its_content(
    history: list[dict[bytes, tuple[int, bytes] | None]],
) -> None:
    """After each batch of changes the root is that of the naive definition."""
    state, content = StateMap(), Content()
    for batch in history:
        before, root = state, state.root
        state = state.update(batch)
        for key, entry in batch.items():
            if entry is None:
                content.pop(key, None)
            else:
                content[key] = entry
        assert state.root == naive_root(content)[0]
        assert len(state) == len(content)
        assert before.root == root
    assert map_of(content).root == state.root


@given(CONTENTS, st.dictionaries(KEYS, st.none() | ENTRIES, max_size=30), st.data())
@settings(max_examples=60, deadline=None)
def test_splitting_a_batch_changes_nothing(
    content: Content,
    batch: dict[bytes, tuple[int, bytes] | None],
    data: st.DataObject,
) -> None:
    """One batch and the same changes in any order and any pieces agree."""
    start = map_of(content)
    whole = start.update(batch)
    order = data.draw(st.permutations(sorted(batch)))
    width = data.draw(st.integers(1, 7))
    pieces = start
    for at in range(0, len(order), width):
        pieces = pieces.update({key: batch[key] for key in order[at : at + width]})
    assert (pieces.root, len(pieces)) == (whole.root, len(whole))


@pytest.mark.parametrize(
    "entry",
    [
        (bytes(31), 0, bytes(32)),
        (bytes(32), 0, bytes(33)),
        (bytes(32), -1, bytes(32)),
        (bytes(32), INTEGER_MAX + 1, bytes(32)),
    ],
    ids=["short key", "long value", "negative number", "large number"],
)
def test_entries_of_another_size_are_a_defect(entry: tuple[bytes, int, bytes]) -> None:
    """What could not be proven later does not get into the map."""
    with pytest.raises(InvariantBroken):
        StateMap.build([entry])
    with pytest.raises(InvariantBroken):
        StateMap().update({entry[0]: entry[1:]})


def test_a_key_twice_is_a_defect() -> None:
    """A snapshot that holds a record twice does not become a map."""
    with pytest.raises(InvariantBroken):
        StateMap.build([(bytes(32), 0, value(1)), (bytes(32), 0, value(2))])


def test_keys_and_commitments_are_those_of_the_format() -> None:
    """The formulas are pinned by an independent spelling of each."""
    scope = sha256(b"tile\0abc").digest()[:16]
    assert map_key("tile", "abc", "", 258) == scope + bytes(6) + b"\1\2" + bytes(8)
    item = sha256(b"m1").digest()[:16]
    assert map_key("member", "", "m1") == sha256(b"member\0").digest()[:16] + item
    block = b"S" * 32 + bytes(32)
    inner = sha256(bytes(b ^ 0x36 for b in block) + b"k" * 32 + bytes(7) + b"\7")
    salt = sha256(bytes(b ^ 0x5C for b in block) + inner.digest()).digest()
    assert derive_salt(b"S" * 32, b"k" * 32, 7) == salt
    assert commit_value(salt, b"{}") == sha256(salt + b"{}").digest()


@given(CONTENTS, st.lists(KEYS, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_each_key_is_proven_present_or_absent_but_never_both(
    content: Content, keys: list[bytes]
) -> None:
    """Proofs survive JSON, verify for the truth and for nothing else."""
    state = map_of(content)
    known = [Leaf(key, *entry) for key, entry in list(content.items())[:2]]
    made = state.prove(value_of(content).__getitem__, keys)
    proof = Proof.from_json(decode(encode(made.to_json(known))), known)
    assert proof == made
    assert Proof.from_json(decode(encode(made.to_json()))) == made
    for key in keys:
        if key in content:
            leaf = Leaf(key, *content[key])
            verify_existence(state.root, leaf, proof)
            refused(verify_absence, state.root, key, proof)
            other = replace(leaf, pub=leaf.pub + 1)
            refused(verify_existence, state.root, other, proof)
            other = replace(leaf, value=value(100))
            refused(verify_existence, state.root, other, proof)
            refused(verify_existence, value(0), leaf, proof)
        else:
            verify_absence(state.root, key, proof)
            refused(verify_existence, state.root, Leaf(key, 0, value(0)), proof)
            refused(verify_absence, value(0), key, proof)


@given(CONTENTS, KEYS, st.data())
@settings(max_examples=80, deadline=None)
def test_a_changed_proof_of_a_key_proves_nothing(
    content: Content, key: bytes, data: st.DataObject
) -> None:
    """Flipped bits, lost, doubled and swapped items and other keys are refused."""
    state = map_of(content)
    proof = state.prove(value_of(content).__getitem__, [key])
    for items in mutate_items(proof.items, data):
        if items == proof.items:
            continue
        if key in content:
            leaf = Leaf(key, *content[key])
            refused(verify_existence, state.root, leaf, Proof(items))
        else:
            refused(verify_absence, state.root, key, Proof(items))
    for other in content:  # the way to one key says nothing false about another
        refused(verify_absence, state.root, other, proof)


def flip(raw: bytes, bit: int) -> bytes:
    """Return the bytes with one bit turned over."""
    number = int.from_bytes(raw, "big") ^ 1 << (8 * len(raw) - 1 - bit)
    return number.to_bytes(len(raw), "big")


def refused(verify: object, *arguments: object) -> None:
    """A verifier answers with bad_proof."""
    assert callable(verify)
    with pytest.raises(LedgerError) as caught:
        verify(*arguments)
    assert caught.value.code == "bad_proof"


@st.composite
def tilings(draw: st.DrawFn) -> Content:
    """Return scopes of disjoint and of overlapping tiles among other records."""
    content = Content()
    for scope in (SCOPE, OTHER):
        for lo in draw(st.sets(st.integers(0, 40), max_size=12)):
            hi = lo + draw(st.integers(1, 12))
            content[tile(scope, lo)] = (hi, value(lo))
    for number in range(draw(st.integers(0, 12))):
        content[map_key("member", "", str(number))] = (0, value(number))
    return content


@given(tilings(), st.integers(0, 45), st.integers(1, 20), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_range_proof_exists_if_and_only_if_nothing_overlaps(
    content: Content, lo: int, width: int, own: bool
) -> None:
    """The map proves freedom of overlap exactly when it is true."""
    state, hi = map_of(content), lo + width
    allow = tile(SCOPE, lo) if own else None
    free = Interval(SCOPE, lo, hi, allow)
    overlapped = any(
        key[:16] == SCOPE
        and key != allow
        and int.from_bytes(key[16:24], "big") < hi
        and pub > lo
        for key, (pub, _) in content.items()
    )
    keep = value_of(content).__getitem__
    if overlapped:
        with pytest.raises(LedgerError) as caught:
            state.prove(keep, free=free)
        assert caught.value.code == "overlap"
        return
    made = state.prove(keep, free=free)
    proof = Proof.from_json(decode(encode(made.to_json())))
    assert proof == made
    verify_no_overlap(state.root, free, proof)
    refused(verify_no_overlap, value(0), free, proof)


def part_of(content: Content, shape: Iterator[int]) -> list[Item]:
    """Return a true unfolding of the map, opened as a forger's dice say."""
    if len(content) == 1:
        ((key, (pub, found)),) = content.items()
        opened = Leaf(key, pub, found)
        return [opened] if next(shape) % 4 else [Folded(naive_root(content)[0])]
    d = next(i for i in range(256) if len({bit_of(key, i) for key in content}) == 2)
    sides = [{k: v for k, v in content.items() if bit_of(k, d) == s} for s in (0, 1)]
    most = naive_root(content)[1]
    match next(shape) % 4:
        case 0:
            return [Folded(naive_root(content)[0])]
        case 1:
            return [Bound(d, most, naive_root(sides[0])[0], naive_root(sides[1])[0])]
        case _:
            parts = [part_of(side, shape) for side in sides]
            return [Branch(d, most), *parts[0], *parts[1]]


@given(tilings(), st.integers(0, 45), st.integers(1, 20), st.data())
@settings(max_examples=100, deadline=None)
def test_no_unfolding_of_the_map_proves_a_false_claim(
    content: Content, lo: int, width: int, data: st.DataObject
) -> None:
    """A forger who knows everything may fold anything, and still gets nothing."""
    state = map_of(content)
    hi = lo + width
    overlapped = any(
        key[:16] == SCOPE and int.from_bytes(key[16:24], "big") < hi and pub > lo
        for key, (pub, _) in content.items()
    )
    if not overlapped:
        return
    for _ in range(5):
        dice = data.draw(st.binary(min_size=200, max_size=200))
        proof = Proof(tuple(part_of(content, iter(dice))))
        refused(verify_no_overlap, state.root, Interval(SCOPE, lo, hi), proof)


@given(tilings(), st.data())
@settings(max_examples=80, deadline=None)
def test_a_changed_range_proof_proves_nothing(
    content: Content, data: st.DataObject
) -> None:
    """Flipped bits, other numbers, lost, doubled and swapped items are refused."""
    state = map_of(content)
    keys = sorted(key for key in content if key[:16] == SCOPE)
    for key in keys[:3]:
        leaf = Leaf(key, *content[key])
        free = Interval.of_tile(leaf)
        try:
            made = state.prove(value_of(content).__getitem__, free=free)
        except LedgerError:
            continue
        verify_tile(state.root, leaf, made)
        refused(verify_tile, state.root, replace(leaf, value=value(99)), made)
        refused(verify_tile, state.root, replace(leaf, pub=leaf.pub + 1), made)
        for items in mutate_items(made.items, data):
            if items == made.items:
                continue
            forged = Proof(items)
            refused(verify_no_overlap, state.root, free, forged)


def mutate_items(
    items: tuple[Item, ...], data: st.DataObject
) -> Iterator[tuple[Item, ...]]:
    """Yield lists of items that differ from a true one."""
    for at, item in enumerate(items):
        yield items[:at] + items[at + 1 :]
        yield (*items[:at], item, *items[at:])
        if at:
            yield (*items[: at - 1], item, items[at - 1], *items[at + 1 :])
        bit = data.draw(st.integers(0, 255))
        changed: list[Item]
        match item:
            case Leaf(key, pub, found):
                changed = [
                    Leaf(flip(key, bit), pub, found),
                    Leaf(key, pub + 1, found),
                    Leaf(key, pub, flip(found, bit)),
                ]
            case Branch(d, most):
                changed = [Branch(d ^ 1, most), Branch(d, most + 1)]
            case Bound(d, most, left, right):
                changed = [
                    Bound(d, 0 if most else 1, left, right),
                    Bound(d, most, right, left),
                    Bound(d, most, flip(left, bit), right),
                ]
            case Folded(found):
                changed = [Folded(flip(found, bit)), Folded(found[1:])]
        for other in changed:
            yield (*items[:at], other, *items[at + 1 :])


def test_a_folded_maximum_is_not_taken_on_trust() -> None:
    """A longer tile on the left hides no overlap behind the own tile's hi."""
    # The own tile's hi exceeds the overlapping one's, so the parent's maximum
    # is the same whatever the forger says of the left child.
    content: Content = {
        tile(SCOPE, 0): (150, value(0)),
        tile(SCOPE, 100): (200, value(1)),
    }
    state = map_of(content)
    d = next(
        i
        for i in range(256)
        if bit_of(tile(SCOPE, 100), i) != bit_of(tile(SCOPE, 0), i)
    )
    folded = Folded(naive_root({tile(SCOPE, 0): (150, value(0))})[0])
    own = Leaf(tile(SCOPE, 100), 200, value(1))
    proof = Proof((Branch(d, 200), folded, own))
    verify_existence(state.root, own, proof)
    refused(verify_tile, state.root, own, proof)


@pytest.mark.parametrize(("most", "harmless"), [(100, True), (101, False)])
def test_a_bound_maximum_may_reach_the_tile_but_not_into_it(
    most: int, harmless: bool
) -> None:
    """The last unit before ``lo`` may belong to others, ``lo`` itself may not."""
    left: Content = {
        tile(SCOPE, 0): (5, value(0)),
        tile(SCOPE, 5): (most, value(1)),
    }
    own = Leaf(tile(SCOPE, 100), 200, value(2))
    state = map_of({**left, own.key: (own.pub, own.value)})
    split = next(i for i in range(256) if bit_of(own.key, i) and i > 127)
    inner = next(i for i in range(256) if bit_of(tile(SCOPE, 5), i) and i > 127)
    hashes = [naive_root({key: entry})[0] for key, entry in left.items()]
    bound = Bound(inner, most, *hashes)
    proof = Proof((Branch(split, 200), bound, own))
    if harmless:
        verify_tile(state.root, own, proof)
    else:
        refused(verify_tile, state.root, own, proof)


def test_each_tile_of_a_whole_receivable_is_proven() -> None:
    """Neighbours that touch are no overlap, wherever the cuts lie."""
    cuts = [0, 1, 2, 3, 100, 128, 200, 255, 256, 300, INTEGER_MAX]
    content: Content = {tile(SCOPE, lo): (hi, value(lo)) for lo, hi in pairwise(cuts)}
    state = map_of(content)
    for key, (hi, found) in content.items():
        lo = int.from_bytes(key[16:24], "big")
        keep = value_of(content).__getitem__
        proof = state.prove(keep, free=Interval(SCOPE, lo, hi, key))
        verify_tile(state.root, Leaf(key, hi, found), proof)


def test_a_root_of_a_misbuilt_map_proves_nothing() -> None:
    """Even under its own root a leaf on the wrong side of a node is refused."""
    a, b = Leaf(bytes(32), 0, value(0)), Leaf(flip(bytes(32), 3), 0, value(1))
    hashes = [hash_leaf(leaf.key, leaf.pub, leaf.value) for leaf in (a, b)]
    swapped = hash_branch(3, 0, hashes[1], hashes[0])
    for items in ((b, a), (b, Folded(hashes[0]))):
        proof = Proof((Branch(3, 0), *items))
        refused(verify_no_overlap, swapped, Interval(SCOPE, 0, 9), proof)
    twice = hash_branch(3, 0, hash_branch(3, 0, *hashes), value(2))
    inner = (Branch(3, 0), a, Folded(hashes[1]))
    proof = Proof((Branch(3, 0), *inner, Folded(value(2))))
    refused(verify_existence, twice, a, proof)


@pytest.mark.parametrize(
    ("scope", "lo", "hi"),
    [
        (SCOPE, 5, 5),
        (SCOPE, 6, 5),
        (SCOPE, -1, 5),
        (SCOPE[1:], 0, 5),
        (SCOPE, 0, 2**53),
    ],
    ids=["empty", "backwards", "negative", "short scope", "too large"],
)
def test_what_is_no_interval_is_refused(scope: bytes, lo: int, hi: int) -> None:
    """A meaningless claim is not proven by an empty map either."""
    refused(verify_no_overlap, EMPTY_ROOT, Interval(scope, lo, hi), Proof())
    refused(StateMap().prove, value, (), Interval(scope, lo, hi))


def test_a_deep_forgery_is_an_ordinary_refusal() -> None:
    """However deep a proof claims to be, it ends in bad_proof, not in a crash."""
    endless = (Branch(0, 0),) * ITEMS_MAX
    refused(verify_no_overlap, value(0), Interval(SCOPE, 0, 1), Proof(endless))
    items: list[Item] = [Branch(bit, 0) for bit in range(256)]
    leaf = Leaf(bytes(32), 0, value(0))
    items += [leaf, *(Folded(value(n)) for n in range(256))]
    refused(verify_no_overlap, value(0), Interval(SCOPE, 0, 1), Proof(tuple(items)))


def test_an_empty_map_proves_every_absence() -> None:
    """Absence and freedom of overlap in the empty map need no hashes."""
    free = Interval(SCOPE, 0, 9)
    made = StateMap().prove(dict[bytes, bytes]().__getitem__, [value(1)], free)
    verify_absence(EMPTY_ROOT, value(1), made)
    verify_no_overlap(EMPTY_ROOT, free, made)
    refused(verify_existence, EMPTY_ROOT, Leaf(value(1), 0, value(1)), made)
    refused(verify_absence, value(0), value(1), Proof())
    refused(verify_no_overlap, value(0), free, Proof())


HASH = encode_base64(bytes(32))


@pytest.mark.parametrize(
    "form",
    [
        {},
        [[]],
        [[1]],
        [[256, 0]],
        [[True, 0]],
        [[1, -1]],
        [[1, 2**53]],
        [[1, 0, HASH, HASH, HASH]],
        [[1, 0, HASH, 1]],
        [[HASH, "0", HASH]],
        [HASH[:-1]],
        [HASH[4:]],
        ["ab" * 32],
        [HASH[:-2] + "B="],
        [1],
        [-1],
        [True],
        [None],
        [HASH] * (ITEMS_MAX + 1),
    ],
    ids=[
        "an object",
        "an empty item",
        "a node without maximum",
        "a large bit",
        "a truth for a bit",
        "a maximum below 0",
        "a large maximum",
        "three sides",
        "a number for a hash",
        "a text for a number",
        "no padding",
        "a short hash",
        "hexadecimal",
        "other base64",
        "a leaf not known",
        "a leaf from the end",
        "a truth for a leaf",
        "nothing",
        "too many items",
    ],
)
def test_another_form_of_proof_is_refused(form: object) -> None:
    """Only the one JSON form is read."""
    refused(Proof.from_json, form, [Leaf(value(0), 0, value(0))])


def test_node_hashes_bind_every_field() -> None:
    """Bit, maximum and the order of children are all in the hash."""
    a, b = value(1), value(2)
    found = {
        hash_branch(1, 5, a, b),
        hash_branch(2, 5, a, b),
        hash_branch(1, 6, a, b),
        hash_branch(1, 5, b, a),
    }
    assert len(found) == 4
