"""One block: transactions, automatic work, roots and the header.

``execute_block`` is what the embedded writer, a consensus engine and the
auditor all call; they differ only in where the input comes from.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ledger.automatic import has_due_work, run_due_work
from ledger.blocks import Block, Header
from ledger.encoding import JSONObject, encode
from ledger.errors import InvariantBroken, LedgerError, invariant
from ledger.execution import (
    SealableError,
    Situation,
    VerifiedEnvelopes,
    check_form,
    check_keys,
    execute_transaction,
)
from ledger.invariants import check_backstop
from ledger.log import Log, hash_leaf, root_of
from ledger.state import Layer, State
from ledger.statemap import StateMap
from ledger.transactions import Transaction

BLOCK_TRANSACTIONS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class BlockInput:
    """All that may reach the core from outside.

    Attributes:
        time: block time, UTC milliseconds, greater than the last block's.
        transactions: envelope bytes in order.
        building: drop what is refused instead of sealing or failing.
    """

    time: int
    transactions: Sequence[bytes]
    building: bool = True


@dataclass(slots=True)
class Candidate:
    """An executed block that is not committed yet.

    Attributes:
        layer: its writes above the committed state.
        map: the state map after it.
        header: None if nothing happened and there is no block.
        block: what would be stored.
        transactions: what was sealed, in order.
        leaves: their leaf hashes.
        dropped: position in the input, and why.
    """

    layer: Layer
    map: StateMap
    header: Header | None = None
    block: Block | None = None
    transactions: list[Transaction] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    receipts: list[JSONObject] = field(default_factory=list)
    dropped: list[tuple[int, LedgerError]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Position:
    """Where the chain stands before a block.

    Attributes:
        log: all leaves so far.
        prev: hash of the last header, 64 zeros before block 0.
    """

    log: Log
    prev: str


def execute_block(
    state: State,
    position: Position,
    situation: Situation,
    given: BlockInput,
    seen: Container[str] = frozenset(),
    verified: VerifiedEnvelopes = MappingProxyType({}),
) -> Candidate:
    """Return the block that this input makes on this state; changes neither.

    Args:
        state: committed state of the height before.
        position: the log and the last header.
        situation: height, time and rules of the block.
        given: time and transactions.
        seen: ids of sealed transactions whose window is still open.
        verified: envelopes whose signatures were verified before.

    Raises:
        LedgerError: ``bad_block`` when not building and the input contains
            what no honest builder puts into a block.
        InvariantBroken: the backstop found a defect; the node must stop.
    """
    layer = Layer(state, state.kinds)
    candidate = Candidate(layer, state.map)
    if len(given.transactions) > BLOCK_TRANSACTIONS_MAX:
        raise LedgerError("bad_block", expected=f"{BLOCK_TRANSACTIONS_MAX} at most")
    if not given.transactions and not has_due_work(state, given.time):
        return candidate
    events = _run_transactions(candidate, situation, given, seen, verified)
    automatic: list[JSONObject] = []
    if candidate.transactions or has_due_work(state, given.time):
        automatic, rows = run_due_work(layer, situation)
        events += rows
    if not candidate.transactions and not automatic:
        return candidate
    _check_backstop(layer, situation)
    _assemble(candidate, state, position, situation, (automatic, events))
    return candidate


def _run_transactions(
    candidate: Candidate,
    situation: Situation,
    given: BlockInput,
    seen: Container[str],
    verified: VerifiedEnvelopes,
) -> list[bytes]:
    events: list[bytes] = []
    inside: set[str] = set()
    for index, raw in enumerate(given.transactions):
        try:
            transaction = check_form(raw, situation, seen, verified)
            if transaction.id in inside:
                raise LedgerError("duplicate", found=transaction.id)
            keys = check_keys(candidate.layer, transaction, situation, verified)
            layer, receipt, rows = execute_transaction(
                candidate.layer,
                transaction,
                keys,
                situation,
                position=len(candidate.transactions),
            )
        except LedgerError as error:
            if given.building:
                candidate.dropped.append((index, error))
                continue
            if not isinstance(error, SealableError):
                raise LedgerError(
                    "bad_block",
                    found=error.code,
                    height=situation.height,
                    transaction=index,
                ) from error
            receipt, rows = _refusal(transaction, error), []
        else:
            candidate.layer.absorb(layer)
        inside.add(transaction.id)
        candidate.transactions.append(transaction)
        candidate.receipts.append(receipt)
        events += rows
    return events


def _refusal(transaction: Transaction, error: LedgerError) -> JSONObject:
    return {"code": error.code, "tx": transaction.id}


def _check_backstop(layer: Layer, situation: Situation) -> None:
    try:
        check_backstop(layer, situation.rulebook.check_changes)
    except LedgerError as error:
        raise InvariantBroken(f"block {situation.height}: {error.found}") from error


def _assemble(
    candidate: Candidate,
    state: State,
    position: Position,
    situation: Situation,
    made: tuple[list[JSONObject], list[bytes]],
) -> None:
    automatic, events = made
    envelopes = [item.envelope.raw for item in candidate.transactions]
    candidate.leaves = [hash_leaf(raw) for raw in envelopes]
    receipts = [encode(item) for item in (*candidate.receipts, *automatic)]
    changes = state.commitments(candidate.layer, situation.height)
    candidate.map = state.map.update(changes)
    header = Header(
        count=len(envelopes),
        first=position.log.size,
        height=situation.height,
        log_root=position.log.root_with(candidate.leaves).hex(),
        prev=position.prev,
        results_root=root_of_entries(receipts).hex(),
        rules=situation.rulebook.hash,
        state_root=candidate.map.root.hex(),
        time=situation.time,
    )
    invariant(header.height == situation.height, "header height")
    candidate.header = header
    candidate.block = Block(
        height=situation.height,
        header=header.encode(),
        transactions=tuple(envelopes),
        receipts=tuple(receipts),
        events=tuple(events),
    )


def root_of_entries(entries: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over entries."""
    return root_of([hash_leaf(entry) for entry in entries])
