"""Blocks, headers and their one encoding."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.blocks import (
    HEADER_FIELDS,
    NO_HASH,
    Block,
    Header,
    check_header,
    decode_block,
    encode_block,
)
from ledger.encoding import decode, encode
from ledger.errors import LedgerError
from tests.chains import Chain

HEADER = Header(
    count=2,
    first=41,
    height=7,
    log_root="aa" * 32,
    prev="bb" * 32,
    results_root="cc" * 32,
    rules="dd" * 32,
    state_root="ee" * 32,
    time=1_795_132_800_123,
)
BLOCK = Block(7, b"H", (b"t0", b"t1!"), (b"r0",), ())
GOLDEN_BLOCK = (
    "0000000000000007"  # height
    "00000001"  # header bytes
    "000000020000000100000000"  # transactions, receipts, events
    "000000020000000300000002"  # their lengths
    "48"
    "74307431217230"
)


def test_header_has_one_encoding() -> None:
    """The bytes of a header are pinned, and reading gives the same header."""
    raw = HEADER.encode()
    assert raw.startswith(b'{"count":2,"first":41,"height":7,"log_root":"aa')
    assert raw.endswith(b'"t":"allonge.header.v1","time":1795132800123}')
    assert tuple(decode(raw)) == HEADER_FIELDS
    assert Header.decode(raw) == HEADER
    assert HEADER.hash == sha256(raw).digest()
    assert (HEADER.leaf, HEADER.size) == (43, 44)


@pytest.mark.parametrize(
    "change",
    [
        {"count": -1},
        {"height": True},
        {"time": 2**53},
        {"first": "41"},
        {"prev": "BB" * 32},
        {"log_root": "aa" * 31},
        {"state_root": 0},
        {"t": "allonge.header.v2"},
        {"signature": "00"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_header_of_another_form_is_refused(change: dict[str, object]) -> None:
    """A field too many, of another type or out of range is no header."""
    content = decode(HEADER.encode()) | change
    with pytest.raises(LedgerError):
        Header.decode(encode(content))


@pytest.mark.parametrize("name", HEADER_FIELDS)
def test_header_needs_every_field(name: str) -> None:
    """A header that lacks a field is refused."""
    content = decode(HEADER.encode())
    del content[name]
    with pytest.raises(LedgerError, match="header's fields"):
        Header.decode(encode(content))


def test_header_that_is_not_an_object_is_refused() -> None:
    """Any other canonical JSON is no header."""
    with pytest.raises(LedgerError):
        Header.decode(b"[]")


def test_golden_block() -> None:
    """The encoding of a block is pinned byte for byte."""
    assert encode_block(BLOCK).hex() == GOLDEN_BLOCK
    assert decode_block(bytes.fromhex(GOLDEN_BLOCK)) == BLOCK


PARTS = st.lists(st.binary(max_size=40), max_size=5).map(tuple)


@given(st.integers(0, 2**63), st.binary(max_size=40), PARTS, PARTS, PARTS)
def test_blocks_survive_encoding(
    height: int,
    header: bytes,
    transactions: tuple[bytes, ...],
    receipts: tuple[bytes, ...],
    events: tuple[bytes, ...],
) -> None:
    """Any block comes back from its bytes, also with empty parts."""
    block = Block(height, header, transactions, receipts, events)
    assert decode_block(encode_block(block)) == block


@pytest.mark.parametrize("size", range(len(GOLDEN_BLOCK) // 2))
def test_shortened_block_is_refused(size: int) -> None:
    """No beginning of a block is a block."""
    with pytest.raises(LedgerError):
        decode_block(bytes.fromhex(GOLDEN_BLOCK)[:size])


def test_lengthened_block_is_refused() -> None:
    """Nothing may follow the last part."""
    with pytest.raises(LedgerError):
        decode_block(bytes.fromhex(GOLDEN_BLOCK) + b"\0")


def test_block_over_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block has a named largest size."""
    monkeypatch.setattr("ledger.blocks.BLOCK_BYTES_MAX", 40)
    with pytest.raises(LedgerError) as caught:
        encode_block(BLOCK)
    assert caught.value.code == "too_large"


def test_headers_follow_each_other() -> None:
    """Blocks of one chain pass, from the first on."""
    chain = Chain()
    previous = None
    for count in (2, 0, 1):
        block = chain.seal(count)
        previous = check_header(block, previous)
    assert previous == chain.header


@pytest.mark.parametrize(
    "change",
    [
        {"height": 2},
        {"prev": NO_HASH},
        {"first": 9},
        {"count": 2},
        {"time": 1_795_132_800_000},
    ],
    ids=lambda change: next(iter(change)),
)
def test_header_that_does_not_follow_is_refused(change: dict[str, Any]) -> None:
    """Height, link, place, count and time are compared with the block below."""
    chain = Chain()
    chain.seal(1)
    previous = chain.header
    block = chain.seal(1)
    header = replace(Header.decode(block.header), **change)
    with pytest.raises(LedgerError) as caught:
        check_header(replace(block, header=header.encode()), previous)
    assert caught.value.details["height"] == 1


def test_block_that_names_another_height_is_refused() -> None:
    """The height outside the header is the one inside."""
    block = Chain().seal(1)
    with pytest.raises(LedgerError):
        check_header(replace(block, height=1), None)
