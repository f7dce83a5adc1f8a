"""The façade of a ledger: check, execute, commit, prove, head, next due.

It has the shape of a consensus engine's application on purpose: the embedded
writer and a distributed engine drive the same calls. One thread executes and
commits; reading and checking may happen beside it between commits.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ledger.authority import ActingKey, load_keys
from ledger.automatic import has_due_work, next_due_ms
from ledger.blocks import Block, Header
from ledger.encoding import JSONObject, decode, encode_base64
from ledger.errors import LedgerError
from ledger.execution import (
    Prepared,
    Situation,
    VerifiedEnvelopes,
    check_form,
    check_keys,
    execute_transaction,
    prepare_act,
)
from ledger.founding import Foundation, execute_block_zero, load_published
from ledger.genesis import parse_genesis
from ledger.keys import check_verifier
from ledger.log import Log, hash_leaf
from ledger.mapproofs import Interval, Leaf
from ledger.rulebook import Rulebook
from ledger.sealing import BlockInput, Candidate, Position, execute_block
from ledger.state import Layer, State, key_of, publish, read_record
from ledger.store import Store
from ledger.transactions import Transaction, parse_transaction
from ledger.verifying import Verdict

# Objects, then collections, between collections. Two blocks hold some 25,000, all
# looked at in vain each time, and a transfer leaves a dozen.
GARBAGE_YOUNG, GARBAGE_MIDDLE, GARBAGE_OLD = 50_000, 20, 50
SALT_META = "salt_secret"
# Some blocks ahead; of 65 kB each they are half a gigabyte.
VERIFIED_MAX = 8_192


class Chain:
    """A ledger at its head, in memory, with or without a store behind it.

    Attributes:
        founded: the checked genesis.
        rulebook: what is active.
        state: committed state at the head.
        log: all leaves.
        header: the last header.
        store: the durable copies; None for a chain in memory only.
    """

    def __init__(
        self, foundation: Foundation | None, store: Store | None = None
    ) -> None:
        """Start at block 0; ``found`` and ``open`` are the ways in."""
        self.store = store
        self.log = Log()
        self.seen: dict[str, int] = {}
        self.verified: dict[bytes, Transaction] = {}
        if foundation is not None:
            self.founded = foundation.founded
            self.rulebook = foundation.rulebook
            self.state = foundation.state
            self._enter(foundation.block, foundation.header, _leaves(foundation.block))
            for item in foundation.transactions:
                self.seen[item.id] = item.not_after

    @classmethod
    def found(
        cls,
        genesis: bytes,
        publications: list[bytes],
        secret: bytes,
        folder: Path | None = None,
    ) -> Chain:
        """Return a new chain at height 0; with a folder it is durable there.

        Raises:
            LedgerError: those of ``execute_block_zero``; ``occupied``, the
                folder holds a ledger; ``storage_failed``.
        """
        foundation = execute_block_zero(genesis, publications, secret)
        store = None
        if folder is not None:
            store = Store.open(folder)
            if store.head is not None:
                store.close()
                raise LedgerError("occupied", found="a ledger")
            store.append(foundation.block, meta={SALT_META: secret.hex()})
        return cls(foundation, store)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        report: Callable[[int, int], None] | None = None,
    ) -> Chain:
        """Return the chain a folder holds, recovered: snapshot, then replay.

        Args:
            folder: of the store.
            report: called with blocks done and blocks in all.

        Raises:
            LedgerError: those of ``Store.open``; ``incomplete``, no ledger;
                ``bad_block``, replay contradicts a header, with the height.
        """
        # Another build of the verifier must not judge this ledger otherwise.
        check_verifier()
        store = Store.open(folder)
        try:
            return cls._open(store, report)
        except BaseException:
            store.close()
            raise

    @classmethod
    def _open(cls, store: Store, report: Callable[[int, int], None] | None) -> Chain:
        head, secret = store.head, store.meta(SALT_META)
        if head is None or secret is None:
            raise LedgerError("incomplete", expected="a founded ledger")
        snapshot = store.load_snapshot()
        if snapshot is None:
            block = store.block(0)
            foundation = execute_block_zero(
                block.transactions[0],
                list(block.transactions[1:]),
                bytes.fromhex(secret),
            )
            if foundation.block != block:
                raise LedgerError("bad_block", expected="block 0", height=0)
            chain = cls(foundation, store)
            start = 1
        else:
            chain = cls(None, store)
            chain._restore(snapshot[0], snapshot[2], bytes.fromhex(secret))
            start = snapshot[0] + 1
        for block in store.blocks(start):
            chain.replay(block)
            if report is not None:
                report(block.height, head.height)
        # Near together in memory, and no first transfer of anybody waits for it.
        load_keys(chain.state)
        return chain

    def _restore(
        self, height: int, items: Iterator[tuple[bytes, bytes]], secret: bytes
    ) -> None:
        if self.store is None:
            raise LedgerError("incomplete", expected="a store")
        since = Header.decode(self.store.block(height).header).time
        for block in self.store.blocks(0):
            if block.height > height:
                break
            header = Header.decode(block.header)
            if block.height == 0:
                self.founded = parse_genesis(block.transactions[0])
                published = block.transactions[1:]
            else:
                published = block.transactions
            self._enter(block, header, _leaves(block))
            self._remember(published, since)
        plain = State(Rulebook().kinds, secret)
        records = list(items)
        # The rules that say how records are indexed are records themselves.
        plain.records = dict(records)
        self.rulebook = load_published_records(plain, self.founded.genesis.rulebook)
        self.state = State(self.rulebook.kinds, secret)
        self.state.restore(records)
        if self.state.map.root.hex() != self.header.state_root:
            raise LedgerError("bad_block", expected="state root", height=height)

    def _remember(self, envelopes: tuple[bytes, ...], since: int) -> None:
        for raw in envelopes:
            transaction = parse_transaction(raw)
            if transaction.not_after >= since:
                self.seen[transaction.id] = transaction.not_after

    def _enter(self, block: Block, header: Header, leaves: list[bytes]) -> None:
        for leaf in leaves:
            self.log.append_hash(leaf)
        self.log.append(block.header)
        self.header = header

    @property
    def chain_id(self) -> str:
        """Hex digest of the genesis payload."""
        return self.founded.chain

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The chain's parameters."""
        return self.founded.parameters

    def situation(self, time: int) -> Situation:
        """Return where the next block stands at a time."""
        return Situation(
            height=self.header.height + 1,
            time=max(self.header.time + 1, time),
            chain=self.chain_id,
            parameters=self.parameters,
            rulebook=self.rulebook,
        )

    def verify(
        self, raw: bytes, situation: Situation, verdict: Verdict | None = None
    ) -> tuple[Transaction, list[ActingKey]]:
        """Return the transaction and its acting keys if they may sign, and did.

        Args:
            raw: the envelope.
            situation: of the next block.
            verdict: what a process found in these very bytes; None if it is to
                be found here.

        Raises:
            LedgerError: those of ``check_form`` and ``check_keys``, in the order
                in which they would be found here.
        """
        found, refusal = verdict or (None, None)
        if found is None and refusal is not None:
            raise refusal
        # A verdict waits its turn: what the ledger says of a transaction comes first.
        known = self.verified if found is None else {raw: found}
        transaction = check_form(raw, situation, self.seen, known)
        keys = check_keys(self.state, transaction, situation, known)
        if refusal is not None:
            raise refusal
        return transaction, keys

    def check(self, raw: bytes, time: int) -> tuple[Transaction, JSONObject]:
        """Return the transaction and the receipt it would get now.

        Nothing is changed, but its signatures are remembered as verified.

        Raises:
            LedgerError: the first check that fails, in the documented order.
        """
        situation = self.situation(time)
        transaction, keys = self.verify(raw, situation)
        self.remember_verified(transaction)
        _, receipt, _ = execute_transaction(
            Layer(self.state, self.state.kinds), transaction, keys, situation
        )
        return transaction, receipt

    def admit(
        self, raw: bytes, time: int, verdict: Verdict | None = None
    ) -> Transaction:
        """Return the transaction if form and signatures hold; runs no rule.

        Raises:
            LedgerError: those of ``verify``.
        """
        transaction, _ = self.verify(raw, self.situation(time), verdict)
        self.remember_verified(transaction)
        return transaction

    def find_public(self, key_id: str) -> bytes:
        """Return the public key registered under an id, empty if there is none.

        Whether it may sign is for ``verify``.
        """
        known = self.state.people.get(key_id)
        if known is not None:
            return bytes(known.public)
        record = read_record(self.state, "key", key_id)
        return b"" if record is None else bytes.fromhex(record["public"])

    def prepare(self, act: str, body: JSONObject, time: int) -> Prepared:
        """Return under which rule an act is signed, and by whom.

        Raises:
            LedgerError: ``unknown_act``, ``not_found``, ``bad_body``, and
                what the act's signers function refuses.
        """
        layer = Layer(self.state, self.state.kinds)
        return prepare_act(layer, act, body, self.situation(time))

    def remember_verified(self, transaction: Transaction) -> None:
        """Note that all signatures of a transaction's envelope are valid."""
        if len(self.verified) >= VERIFIED_MAX:
            # Several threads admit at once; forgetting only costs a second look.
            self.verified.clear()
        self.verified[transaction.envelope.raw] = transaction

    def execute(self, given: BlockInput) -> Candidate:
        """Return the candidate for the next block; changes nothing.

        Raises:
            LedgerError: ``bad_block`` when the input is no builder's.
            InvariantBroken: a defect; the node must stop.
        """
        return self._execute(given, self.verified)

    def _execute(self, given: BlockInput, verified: VerifiedEnvelopes) -> Candidate:
        return execute_block(
            self.state,
            Position(self.log, self.header.hash.hex()),
            self.situation(given.time),
            given,
            seen=self.seen,
            verified=verified,
        )

    def commit(self, candidate: Candidate) -> None:
        """Make a candidate durable, then make it the head.

        Raises:
            LedgerError: ``storage_failed``: the outcome is unknown and the
                process must end, so that the next start decides.
        """
        self.make_durable(candidate)
        self.advance(candidate)

    def make_durable(self, candidate: Candidate) -> None:
        """Store a candidate; memory still shows the block before it.

        Raises:
            LedgerError: as ``commit``.
        """
        if candidate.block is not None and self.store is not None:
            ids = [item.id for item in candidate.transactions]
            self.store.append(candidate.block, ids=ids)

    def advance(self, candidate: Candidate) -> None:
        """Make a durable candidate the head; nothing here waits for a disk."""
        block, header = candidate.block, candidate.header
        if block is None or header is None:
            return
        self.state.apply(candidate.layer, candidate.map, header.height)
        self._enter(block, header, candidate.leaves)
        for item in candidate.transactions:
            self.seen[item.id] = item.not_after
            self.verified.pop(item.envelope.raw, None)
        if header.height % 64 == 0:
            for item_id in [i for i, until in self.seen.items() if until < header.time]:
                del self.seen[item_id]

    def replay(self, block: Block) -> None:
        """Execute a stored block and make it the head if it comes out equal.

        Raises:
            LedgerError: ``bad_block`` with the height.
        """
        header = Header.decode(block.header)
        # This node verified the signatures when it sealed them, and the frames
        # they come from are hashed into the chain; the audit does so again.
        sealed = {raw: parse_transaction(raw) for raw in block.transactions}
        candidate = self._execute(
            BlockInput(header.time, block.transactions, building=False), sealed
        )
        if candidate.block != block:
            raise LedgerError(
                "bad_block", expected="the replayed block", height=block.height
            )
        self.advance(candidate)

    def save_snapshot(self) -> None:
        """Write the state at the head, so that the next start is short."""
        if self.store is not None:
            self.store.save_snapshot(
                self.header.height, self.header.hash, self.state.records.items()
            )

    def has_due_work(self, time: int) -> bool:
        """Say whether a block at this time has automatic work."""
        return has_due_work(self.state, time)

    def next_due_ms(self) -> int | None:
        """Return when automatic work falls due next."""
        return next_due_ms(self.state)

    def prove(self, *shown: JSONObject) -> JSONObject:
        """Return the proof that records stand at the head, which discloses them.

        Args:
            shown: the records; of a tile given first also that nothing overlaps it.
        """
        state = self.state
        keys = [key_of(state.kinds, record) for record in shown]
        leaves = [
            Leaf(key, publish(state.kinds, record), state.value_of(key))
            for key, record in zip(keys, shown, strict=True)
        ]
        tiling = state.kinds[shown[0]["kind"]].interval
        free = Interval.of_tile(leaves[0]) if tiling else None
        return {
            "header": decode(self.header.encode()),
            "items": state.map.prove(state.value_of, keys, free).to_json(leaves),
            "salts": [encode_base64(state.salt_of(key)) for key in keys],
        }

    def close(self) -> None:
        """Write a snapshot and close the store."""
        if self.store is not None:
            self.save_snapshot()
            self.store.close()


def _leaves(block: Block) -> list[bytes]:
    return [hash_leaf(raw) for raw in block.transactions]


def settle_memory() -> None:
    """What is loaded is no longer searched for garbage, the rest less often.

    A loaded ledger lives as long as its process, and what a block leaves
    behind is either kept for good or gone with the next one: with Python's own
    thresholds the collector walks it three times over for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_YOUNG, GARBAGE_MIDDLE, GARBAGE_OLD)


def load_published_records(plain: State, expected_hash: str) -> Rulebook:
    """Return the rulebook of a plain record set without indexes."""
    wanted = State(plain.kinds, plain.secret)
    wanted.restore(
        (key, stored)
        for key, stored in plain.records.items()
        if b'"kind":"rule_file"' in stored[:100_000]
    )
    return load_published(wanted, expected_hash)
