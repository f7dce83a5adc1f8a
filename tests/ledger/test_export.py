"""The export format: what is cut, added or damaged is refused by name."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256

import pytest

from ledger.blocks import Block
from ledger.encoding import encode
from ledger.errors import LedgerError
from ledger.export import Export, ExportFacts, export_pieces, write_export
from tests.lives import Life, flip, full_life


def exported(life: Life, note: str = "") -> bytes:
    """Return the export of a life."""
    facts = replace(life.facts, checkpoint=note)
    return b"".join(export_pieces(facts, life.blocks))


def read_all(raw: bytes) -> list[Block]:
    """Return the blocks of an export."""
    return list(Export(io.BytesIO(raw)).blocks())


def test_what_is_written_is_read_back_as_often_as_needed() -> None:
    """Facts, note and blocks come back equal, twice from one stream."""
    life = full_life()
    export = Export(io.BytesIO(exported(life, "a note\n")))
    assert export.facts == replace(life.facts, checkpoint="a note\n")
    assert tuple(export.blocks()) == life.blocks
    assert tuple(export.blocks()) == life.blocks


def test_the_same_ledger_gives_the_same_bytes() -> None:
    """Two exports of one ledger are byte-identical."""
    life = full_life()
    assert exported(life) == exported(life)


class Growing:
    """A ledger that has more blocks than its head said."""

    def __init__(self, life: Life, height: int) -> None:
        self.life, self.height = life, height

    @property
    def head(self) -> Growing:
        """Stand in for its own head."""
        return self

    @property
    def size(self) -> int:
        """Leaves up to the head."""
        blocks = self.life.blocks[: self.height + 1]
        return sum(len(block.transactions) + 1 for block in blocks)

    def block(self, height: int) -> Block:
        """Return a block."""
        return self.life.blocks[height]

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yield more blocks than the head says."""
        yield from self.life.blocks[start:]

    def meta(self, name: str) -> str | None:
        """Return the secret."""
        return self.life.facts.secret.hex() if name == "salt_secret" else None

    def latest_checkpoint(self) -> tuple[int, str] | None:
        """Return none."""
        return None


def test_an_export_stands_still_while_the_ledger_grows() -> None:
    """Blocks behind the head of the beginning are left out."""
    life, stream = full_life(), io.BytesIO()
    facts = write_export(Growing(life, 4), stream)
    assert facts.blocks == 5
    assert tuple(Export(stream).blocks()) == life.blocks[:5]


def frame_start(raw: bytes, height: int) -> int:
    """Return where the frame of a block begins."""
    position = raw.index(b"\n") + 1
    for _ in range(height):
        position += 36 + int.from_bytes(raw[position : position + 4], "big")
    return position


def close_anew(raw: bytes) -> bytes:
    """Return an export whose closing line fits what stands before it."""
    start = raw.rindex(b'{"blocks"')
    digest = sha256(raw[:start]).hexdigest()
    old = raw[start:].split(b'"sha256":"')[1][:64]
    return raw[:start] + raw[start:].replace(old, digest.encode())


Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, tuple[Damage, str, int | None]] = {
    "empty": (lambda raw: raw[:0], "export_cut", None),
    "another file": (lambda raw: b"%PDF-1.7\n" + raw, "not_an_export", None),
    "no line end": (lambda raw: raw[:1] * 70_000, "not_an_export", None),
    "cut in the first line": (lambda raw: raw[:50], "export_cut", None),
    "cut after the first line": (
        lambda raw: raw[: raw.index(b"\n") + 1],
        "export_cut",
        0,
    ),
    "cut inside block 3": (
        lambda raw: raw[: frame_start(raw, 3) + 100],
        "export_cut",
        3,
    ),
    "cut before block 7": (lambda raw: raw[: frame_start(raw, 7)], "export_cut", 7),
    "no closing line": (
        lambda raw: raw[: raw.rindex(b'{"blocks"')],
        "export_cut",
        None,
    ),
    "closing line cut": (lambda raw: raw[:-1], "export_cut", None),
    "bytes behind the end": (lambda raw: raw + b"\n", "export_damaged", 20),
    "a byte of block 5": (
        lambda raw: flip(raw, frame_start(raw, 5) + 200),
        "export_damaged",
        5,
    ),
    "the digest of block 6": (
        lambda raw: flip(raw, frame_start(raw, 6) + 10),
        "export_damaged",
        6,
    ),
    "a huge length": (
        lambda raw: raw[: frame_start(raw, 2)] + b"\xff" * 40,
        "export_damaged",
        2,
    ),
    "a length beyond the end": (
        lambda raw: raw[: frame_start(raw, 2)] + b"\x0f" * 40,
        "export_cut",
        2,
    ),
    "block 4 left out": (
        lambda raw: close_anew(raw[: frame_start(raw, 4)] + raw[frame_start(raw, 5) :]),
        "export_damaged",
        4,
    ),
    "another secret": (
        lambda raw: raw.replace(b'"secret":"', b'"secret":"00', 1).replace(
            b'","transactions"', b'"', 1
        ),
        "not_an_export",
        None,
    ),
}


@pytest.mark.parametrize(
    ("damage", "code", "height"), DAMAGES.values(), ids=DAMAGES.keys()
)
def test_damage_is_named(damage: Damage, code: str, height: int | None) -> None:
    """Each kind of damage has its code, and its block where there is one."""
    with pytest.raises(LedgerError) as caught:
        read_all(damage(exported(full_life())))
    assert caught.value.code == code
    if height is not None:
        assert caught.value.details["height"] == height


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": 0},
        {"blocks": -1},
        {"blocks": "18"},
        {"blocks": True},
        {"chain": "00"},
        {"secret": "zz" * 32},
        {"secret": "00" * 31},
        {"format": "allonge.other"},
        {"v": 2},
        {"more": 1},
        {"checkpoint": ""},
        {"checkpoint": 5},
    ],
    ids=str,
)
def test_a_first_line_of_another_form_is_refused(change: dict[str, object]) -> None:
    """Unknown or malformed fields are not passed over."""
    facts = full_life().facts
    content = {
        "blocks": facts.blocks,
        "chain": facts.chain,
        "format": "allonge.export",
        "secret": facts.secret.hex(),
        "transactions": facts.transactions,
        "v": 1,
    }
    with pytest.raises(LedgerError) as caught:
        Export(io.BytesIO(encode(content | change) + b"\n"))
    assert caught.value.code == "not_an_export"


def test_fewer_blocks_than_promised_are_not_exported() -> None:
    """A writer that runs out of blocks never writes a closing line."""
    life = full_life()
    with pytest.raises(LedgerError) as caught:
        b"".join(export_pieces(life.facts, life.blocks[:-1]))
    assert caught.value.code == "incomplete"


def test_an_empty_ledger_cannot_be_exported() -> None:
    """No file can say that nothing is valid."""
    facts = ExportFacts("00" * 32, 0, 0, bytes(32))
    with pytest.raises(LedgerError):
        read_all(b"".join(export_pieces(facts, [])))
