"""A whole ledger as one file that says where it ends.

One line of canonical JSON opens it: chain, counts, the salt secret without
which no state root can be recomputed, and the latest signed checkpoint. Then
the blocks, each behind its length and digest, and one closing line with the
digest of everything before it. What is cut off, added or damaged is noticed
and named; what was changed by someone who recomputed all of that is for the
audit to find, which trusts nothing in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final, Protocol, TypeGuard

from ledger.blocks import BLOCK_BYTES_MAX, Block, decode_block, encode_block
from ledger.encoding import INTEGER_MAX, JSONObject, decode, digest, encode
from ledger.errors import LedgerError
from ledger.genesis import parse_genesis

FORMAT: Final = "allonge.export"
VERSION: Final = 1
LINE_BYTES_MAX: Final = 65_536
LENGTH_BYTES: Final = 4
DIGEST_BYTES: Final = 32
SALT_NAME: Final = "salt_secret"
# A length is believed only as far as bytes follow it.
_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What the first line says; nothing of it is trusted for its own sake.

    Attributes:
        chain: hex digest of the genesis payload.
        blocks: number of blocks, from height 0.
        transactions: number of transaction leaves.
        secret: S of the salted commitments, 32 bytes.
        checkpoint: the latest signed note, empty if there is none.
    """

    chain: str
    blocks: int
    transactions: int
    secret: bytes
    checkpoint: str = ""


class Head(Protocol):
    """The last block of a ledger."""

    @property
    def height(self) -> int:
        """Its height."""

    @property
    def size(self) -> int:
        """Size of the log just after it."""


class Readable(Protocol):
    """A ledger whose blocks can be read from the first."""

    @property
    def head(self) -> Head | None:
        """The last block; none in an empty ledger."""

    def block(self, height: int) -> Block:
        """Return the block of a height."""

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yield blocks from a height up to the head."""

    def meta(self, name: str) -> str | None:
        """Return what was set under a name."""

    def latest_checkpoint(self) -> tuple[int, str] | None:
        """Return size and signed note of the latest checkpoint."""


def describe_ledger(ledger: Readable) -> ExportFacts:
    """Return the facts of a ledger as it stands now.

    Raises:
        LedgerError: ``incomplete``, there is no block or no secret; those of
            ``parse_genesis``; those of reading.
    """
    head, secret = ledger.head, ledger.meta(SALT_NAME)
    if head is None or secret is None:
        raise LedgerError("incomplete", expected="a founded ledger")
    genesis = ledger.block(0).transactions
    if not genesis:
        raise LedgerError("bad_block", expected="a genesis", height=0)
    checkpoint = ledger.latest_checkpoint()
    return ExportFacts(
        chain=parse_genesis(genesis[0]).chain,
        blocks=head.height + 1,
        transactions=head.size - head.height - 1,
        secret=bytes.fromhex(secret),
        checkpoint="" if checkpoint is None else checkpoint[1],
    )


def write_export(ledger: Readable, stream: BinaryIO) -> ExportFacts:
    """Write a ledger as it stands now to a stream and return its facts.

    The caller opens and closes the stream; blocks that are added meanwhile
    are not in it.

    Raises:
        LedgerError: those of ``describe_ledger`` and ``export_pieces``.
    """
    facts = describe_ledger(ledger)
    stream.writelines(export_pieces(facts, ledger.blocks()))
    return facts


def export_pieces(facts: ExportFacts, blocks: Iterable[Block]) -> Iterator[bytes]:
    """Yield the bytes of an export, a piece a block, for any kind of stream.

    Args:
        facts: what the first line will say.
        blocks: from height 0; those behind ``facts.blocks`` are left out.

    Raises:
        LedgerError: ``incomplete``, there are fewer blocks than the facts
            say; ``bad_block``, the transactions are not as many; ``too_large``.
    """
    running = sha256()
    count = transactions = 0
    opening = _encode_facts(facts)
    running.update(opening)
    yield opening
    for block in blocks:
        if count == facts.blocks:
            break
        frame = _encode_frame(block)
        running.update(frame)
        yield frame
        count += 1
        transactions += len(block.transactions)
    if count < facts.blocks:
        raise LedgerError("incomplete", expected=f"{facts.blocks} blocks", found=count)
    if transactions != facts.transactions:
        raise LedgerError("bad_block", expected=facts.transactions, found=transactions)
    yield _encode_closing(facts, running.digest())


def _encode_facts(facts: ExportFacts) -> bytes:
    content: JSONObject = {
        "blocks": facts.blocks,
        "chain": facts.chain,
        "format": FORMAT,
        "secret": facts.secret.hex(),
        "transactions": facts.transactions,
        "v": VERSION,
    }
    if facts.checkpoint:
        content["checkpoint"] = facts.checkpoint
    return encode(content) + b"\n"


def _encode_frame(block: Block) -> bytes:
    body = encode_block(block)
    return len(body).to_bytes(LENGTH_BYTES, "big") + digest(body) + body


def _encode_closing(facts: ExportFacts, running: bytes) -> bytes:
    content = {
        "blocks": facts.blocks,
        "end": FORMAT,
        "sha256": running.hex(),
        "transactions": facts.transactions,
    }
    return encode(content) + b"\n"


class Export:
    """An export that can be read, block by block, as often as needed.

    Attributes:
        facts: what its first line says.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Read the first line; the stream must be able to seek.

        Raises:
            LedgerError: ``not_an_export``; ``export_cut``, no whole line.
        """
        self._stream = stream
        stream.seek(0)
        self._opening = _read_line(stream)
        self.facts = _parse_facts(self._opening)

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks, then check that the file ends as it should.

        Raises:
            LedgerError: ``export_cut`` or ``export_damaged`` with the height
                that was due, ``bad_block``; after the last block the same for
                the closing line.
        """
        self._stream.seek(len(self._opening))
        running = sha256(self._opening)
        transactions = 0
        for height in range(self.facts.blocks):
            head = _read_exactly(self._stream, LENGTH_BYTES + DIGEST_BYTES, height)
            size = int.from_bytes(head[:LENGTH_BYTES], "big")
            if size > BLOCK_BYTES_MAX:
                raise _damaged(height, f"at most {BLOCK_BYTES_MAX} bytes", size)
            body = _read_exactly(self._stream, size, height)
            if digest(body) != head[LENGTH_BYTES:]:
                found = digest(body).hex()
                raise _damaged(height, head[LENGTH_BYTES:].hex(), found)
            running.update(head)
            running.update(body)
            block = decode_block(body)
            if block.height != height:
                raise _damaged(height, f"block {height}", f"block {block.height}")
            transactions += len(block.transactions)
            yield block
        self._check_closing(running.digest(), transactions)

    def _check_closing(self, running: bytes, transactions: int) -> None:
        blocks = self.facts.blocks
        if transactions != self.facts.transactions:
            raise _damaged(blocks, f"{self.facts.transactions} in all", transactions)
        line = _read_line(self._stream)
        expected = _encode_closing(self.facts, running)
        if line != expected:
            raise _damaged(blocks, expected[:-1].decode(), line[:-1].hex()[:200])
        if self._stream.read(1):
            raise _damaged(blocks, "the end of the file", "more bytes")


def _damaged(height: int, expected: object, found: object) -> LedgerError:
    return LedgerError("export_damaged", expected=expected, found=found, height=height)


def _read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(LINE_BYTES_MAX)
    if not line.endswith(b"\n"):
        code = "not_an_export" if len(line) == LINE_BYTES_MAX else "export_cut"
        raise LedgerError(code, expected="a whole line", found=f"{len(line)} bytes")
    return line


def _read_exactly(stream: BinaryIO, size: int, height: int) -> bytes:
    pieces = []
    left = size
    while left:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise LedgerError(
                "export_cut", expected=f"{left} bytes more", height=height
            )
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _parse_facts(line: bytes) -> ExportFacts:
    try:
        content = decode(line[:-1])
    except LedgerError as error:
        raise LedgerError("not_an_export", found=error.code) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise LedgerError("not_an_export", expected=FORMAT)
    if content.get("v") != VERSION:
        raise LedgerError("not_an_export", expected=f"version {VERSION}")
    facts = _take_facts(content)
    # Whatever else stood there would have been read and ignored.
    if facts is None or _encode_facts(facts) != line:
        raise LedgerError("not_an_export", expected="exactly the fields of v1")
    return facts


def _take_facts(content: JSONObject) -> ExportFacts | None:
    blocks, transactions = content.get("blocks"), content.get("transactions")
    if not _is_count(blocks) or not _is_count(transactions):
        return None
    texts = [content.get(name, "") for name in ("chain", "secret", "checkpoint")]
    if not all(isinstance(text, str) for text in texts):
        return None
    try:
        chain, secret = bytes.fromhex(texts[0]), bytes.fromhex(texts[1])
    except ValueError:
        return None
    if len(chain) != DIGEST_BYTES or len(secret) != DIGEST_BYTES:
        return None
    return ExportFacts(chain.hex(), blocks, transactions, secret, texts[2])


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= INTEGER_MAX
