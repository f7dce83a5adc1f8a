"""Replay of a whole ledger: every block executed anew and compared.

The rules come from block 0 of the ledger itself and from nowhere else. This
runs foreign code, so an audit runs it in a confined process and only after
headers, roots and rule hashes have been found right; signatures are verified
by the other process, beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ledger.blockcheck import BlockWatch
from ledger.blocks import Block, Header
from ledger.bookcheck import check_books, check_due_work
from ledger.books import Books
from ledger.encoding import JSONObject, decode
from ledger.errors import InvariantBroken, LedgerError
from ledger.execution import Situation
from ledger.founding import Foundation, execute_block_zero
from ledger.log import Log
from ledger.sealing import BlockInput, Candidate, Position, execute_block
from ledger.state import HEIGHT_BYTES, State
from ledger.sweepcheck import SweepAccount
from ledger.transactions import parse_transaction

CHECK_REPLAY: Final = 6
CHECK_BOOKS: Final = 7
CHECK_SWEEPS: Final = 8

PRUNE_BLOCKS: Final = 64


@dataclass(slots=True)
class ReplayReport:
    """What a replay found.

    Attributes:
        blocks: blocks that came out equal.
        transactions: transactions in them.
        steps: steps of automatic work in them.
        state_root: root after the last block, hex.
        books: how much was checked of each invariant.
        sweeps: sweeps recomputed.
        aside: work that failed and was set aside.
        test_chain: the chain may run on a clock file.
        explained: what was asked to be explained.
    """

    blocks: int = 0
    transactions: int = 0
    steps: int = 0
    state_root: str = ""
    books: dict[str, int] = field(default_factory=dict)
    sweeps: int = 0
    aside: list[str] = field(default_factory=list)
    test_chain: bool = False
    explained: JSONObject = field(default_factory=dict)


# Called with the state before a block, the block, what executing it made, and
# the sweeps it ended.
Explain = Callable[[State, Block, Candidate, list[SweepAccount]], None]


def replay_ledger(
    blocks: Iterable[Block],
    secret: bytes,
    *,
    report: Callable[[int], None] | None = None,
    explain: Explain | None = None,
) -> ReplayReport:
    """Return what was checked if every block replays and the books add up.

    Args:
        blocks: all blocks from height 0.
        secret: S of the salted commitments.
        report: called with the number of blocks done.
        explain: follows each block from height 1.

    Raises:
        LedgerError: ``replay_differs``, ``books_wrong``, ``sweep_wrong``,
            ``work_omitted``, ``incomplete`` or what block 0 refuses, with
            ``check`` and ``height``.
    """
    replay: Replay | None = None
    height = 0
    for block in blocks:
        height = block.height
        try:
            if replay is None:
                replay = Replay(block, secret)
            else:
                replay.advance(block, explain)
        except LedgerError as error:
            raise located(error, height) from error
        except InvariantBroken as error:
            broken = LedgerError("replay_differs", found=error)
            raise located(broken, height) from error
        if report is not None:
            report(replay.found.blocks)
    if replay is None:
        raise LedgerError("incomplete", expected="a block", check=CHECK_REPLAY)
    try:
        return replay.finish()
    except LedgerError as error:
        raise located(error, height) from error


def located(error: LedgerError, height: int, check: int = 0) -> LedgerError:
    """Return the error with the block and the check that found it."""
    checks = {
        "books_wrong": CHECK_BOOKS,
        "sweep_wrong": CHECK_SWEEPS,
        "work_omitted": CHECK_SWEEPS,
    }
    facts = {
        "check": check or checks.get(error.code, CHECK_REPLAY),
        "height": height,
        **error.details,
    }
    return LedgerError(error.code, expected=error.expected, found=error.found, **facts)


class Replay:
    """A ledger replayed up to a block.

    Attributes:
        found: what was checked so far.
        state: after the last block.
    """

    def __init__(self, block: Block, secret: bytes) -> None:
        """Execute block 0.

        Raises:
            LedgerError: those of ``execute_block_zero``; ``replay_differs``.
        """
        if not block.transactions:
            raise LedgerError("replay_differs", expected="a genesis", found="nothing")
        foundation: Foundation = execute_block_zero(
            block.transactions[0], list(block.transactions[1:]), secret
        )
        compare_blocks(foundation.block, block)
        self.founded = foundation.founded
        self.rulebook = foundation.rulebook
        self.state = foundation.state
        self.header = foundation.header
        self.found = ReplayReport(test_chain=self.founded.genesis.parameters.test_chain)
        self._parameters = self.founded.parameters
        self._log = Log()
        self._seen = {item.id: item.not_after for item in foundation.transactions}
        self._watch = BlockWatch()
        self._enter(block, foundation.header)

    def _enter(self, block: Block, header: Header) -> None:
        for raw in block.transactions:
            self._log.append(raw)
        self._log.append(block.header)
        self.header = header
        self.found.blocks += 1
        self.found.transactions += len(block.transactions)
        self.found.steps += max(0, len(block.receipts) - len(block.transactions))

    def advance(self, block: Block, explain: Explain | None = None) -> None:
        """Execute the next block and make it the state if it comes out equal.

        Raises:
            LedgerError: ``replay_differs``, naming the part that differs;
                ``bad_block``; ``sweep_wrong``; ``books_wrong``.
            InvariantBroken: the block breaks an invariant.
        """
        header = Header.decode(block.header)
        situation = Situation(
            height=self.header.height + 1,
            time=header.time,
            chain=self.founded.chain,
            parameters=self._parameters,
            rulebook=self.rulebook,
        )
        candidate = execute_block(
            self.state,
            Position(self._log, self.header.hash.hex()),
            situation,
            BlockInput(header.time, block.transactions, building=False),
            seen=self._seen,
            # Signatures are verified in another process, which runs no rules.
            verified={raw: parse_transaction(raw) for raw in block.transactions},
        )
        if candidate.block is None:
            raise LedgerError("replay_differs", expected="no block", found="a block")
        compare_blocks(candidate.block, block)
        accounts = self._watch.observe(candidate)
        if explain is not None:
            explain(self.state, block, candidate, accounts)
        self.state.apply(candidate.layer, candidate.map, header.height)
        for item in candidate.transactions:
            self._seen[item.id] = item.not_after
        if header.height % PRUNE_BLOCKS == 0:
            self._seen = {i: at for i, at in self._seen.items() if at >= header.time}
        self._enter(block, header)

    def finish(self) -> ReplayReport:
        """Return the report after checking the books of the whole state.

        Raises:
            LedgerError: ``books_wrong``, ``work_omitted``.
        """
        books = Books(stored[HEIGHT_BYTES:] for stored in self.state.records.values())
        self.found.books = check_books(books)
        self.found.aside = check_due_work(books, self.header.time)
        self.found.sweeps = self._watch.sweeps
        self.found.state_root = self.header.state_root
        return self.found


def compare_blocks(made: Block, stored: Block) -> None:
    """Return if a stored block is what its execution makes.

    Raises:
        LedgerError: ``replay_differs``, naming the first part that differs.
    """
    for part in ("transactions", "receipts", "events"):
        _compare_rows(part, getattr(made, part), getattr(stored, part))
    if made.header != stored.header:
        own, found = decode(made.header), decode(stored.header)
        for name in sorted(own):
            if own[name] != found[name]:
                raise LedgerError(
                    "replay_differs", expected=own[name], found=found[name], part=name
                )
    if made != stored:
        raise LedgerError("replay_differs", expected=made.height, found=stored.height)


def _compare_rows(
    part: str, made: tuple[bytes, ...], stored: tuple[bytes, ...]
) -> None:
    if made == stored:
        return
    for n in range(max(len(made), len(stored))):
        own = made[n] if n < len(made) else b"nothing"
        found = stored[n] if n < len(stored) else b"nothing"
        if own != found:
            raise LedgerError(
                "replay_differs",
                expected=own[:400].decode("utf-8", "replace"),
                found=found[:400].decode("utf-8", "replace"),
                part=part,
                position=n,
            )
