"""A running node without HTTP: chain, writer, and what follows behind.

The follower comes after the writer and never holds it up: it indexes history,
signs checkpoints, writes snapshots and wakes whoever waits for events.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ledger.blocks import Block
from ledger.chain import Chain, settle_memory
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.execution import Prepared, prepare_act, rehearse_act
from ledger.sealing import Candidate
from ledger.state import Layer
from ledger.store import Store
from ledger.transactions import Transaction
from node.checkpoints import Checkpoints, load_log_key
from node.clock import Clock, FileClock
from node.config import SNAPSHOT_BLOCKS
from node.cursors import Cursors
from node.grants import Grants
from node.history import History
from node.visibility import Reader, Sight, find_reader, visible_state
from node.writer import Outcome, Writer, end_process

RECENT_BLOCKS: Final = 256

log = logging.getLogger("node")


class Node:
    """A chain that is being written and read.

    Attributes:
        chain: at its head.
        store: its durable copies.
        clock: the engine's time.
        writer: seals.
        history: the derived index of events.
        checkpoints: the node's signed heads.
        cursors: makes places in lists and streams that tell nothing.
        grants: verifies who reads.
    """

    def __init__(
        self,
        chain: Chain,
        clock: Clock,
        *,
        on_failure: Callable[[BaseException], Any] = end_process,
    ) -> None:
        """Take over a chain with a store.

        Raises:
            LedgerError: ``incomplete``, the chain has no store; ``bad_key``,
                the log key cannot be used.
        """
        if chain.store is None:
            raise LedgerError("incomplete", expected="a store")
        self.chain = chain
        self.store: Store = chain.store
        self.clock = clock
        self._on_failure = on_failure
        self.writer = Writer(
            chain,
            clock,
            on_block=self._on_block,
            on_failure=on_failure,
            redact=self._redact,
        )
        self.history = History(self.store)
        key = load_log_key(self.store.folder)
        self.cursors = Cursors(key.seed)
        self.checkpoints = Checkpoints(chain, self.writer.gate, key)
        self.grants = Grants(chain)
        self.on_events: Callable[[], None] = _nothing
        self._recent: OrderedDict[int, Block] = OrderedDict()
        self._snapshot: tuple[int, bytes, dict[bytes, bytes]] | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._follower = threading.Thread(
            target=self._follow, name="follower", daemon=True
        )

    @classmethod
    def open(cls, folder: Path, clock_file: Path | None = None) -> Node:
        """Return the node of a folder, recovered and running.

        Raises:
            LedgerError: those of ``Chain.open``; ``not_a_test_chain``, a clock
                file for a chain of real time.
        """
        chain = Chain.open(folder)
        try:
            clock = open_clock(chain, clock_file)
            node = cls(chain, clock)
            settle_memory()
        except BaseException:
            if chain.store is not None:
                chain.store.close()
            raise
        node.start()
        return node

    def start(self) -> None:
        """Begin to seal, and to follow."""
        self.writer.start()
        self._follower.start()
        self._wake.set()

    def close(self) -> None:
        """Seal what waits, write a snapshot, close the ledger."""
        self.writer.stop()
        self._stopping = True
        self._wake.set()
        if self._follower.ident is not None:
            self._follower.join()
        self.checkpoints.sign_head()
        self.chain.close()

    @property
    def is_ready(self) -> bool:
        """Whether it seals, and what follows behind has caught up once."""
        return self.writer.is_running and self._follower.is_alive()

    def times_ms(self) -> tuple[int, ...]:
        """Return what counts as now: on a clock file, real time as well.

        A wallet of a test chain takes the time from the node or from its own
        machine, and both are right.
        """
        own = max(self.clock.now_ms(), self.chain.header.time)
        return (own, Clock().now_ms()) if self.clock.can_jump else (own,)

    # -- reading --------------------------------------------------------------------

    def look(self, reader: Reader) -> Sight:
        """Return a fresh look of a reader at the head; use it within the gate."""
        return Sight(reader, self.chain.state, self.times_ms()[0], self.history)

    def prepare(
        self, reader: Reader, act: str, body: JSONObject, *, check: bool = False
    ) -> Prepared:
        """Return who must sign an act, as far as the reader may know.

        Only on the writer's thread.

        Args:
            reader: who asks.
            act: the act.
            body: its body.
            check: also run the rule on the state as it is, if the reader is
                the only one who signs: so it learns nothing it could not by
                sending it.

        Raises:
            LedgerError: what preparing raises; ``not_found``, the act is not
                one the reader takes part in; what the rule refuses with.
        """
        sight = self.look(reader)
        situation = self.chain.situation(self.clock.now_ms())
        layer = Layer(sight.state, self.chain.state.kinds)
        prepared = prepare_act(layer, act, body, situation)
        if reader.member not in prepared.by and not sight.sees_all:
            raise LedgerError("not_found", found=act)
        if check and prepared.by == (reader.member,):
            spent = Layer(self.chain.state, self.chain.state.kinds)
            rehearse_act(spent, act, body, prepared, situation)
        return prepared

    def admit(self, raw: bytes) -> Transaction:
        """Return a transaction whose form and signatures hold; runs no rule.

        Raises:
            LedgerError: those of ``Writer.check``; ``duplicate``.
        """
        situation = self.chain.situation(self.clock.now_ms())
        found = self.writer.check(raw, situation)
        if isinstance(found, Outcome):
            raise LedgerError("duplicate", found=found.id)
        return found

    def dry_run(self, transaction: Transaction) -> JSONObject:
        """Return the receipt that an admitted transaction would get now.

        Only on the writer's thread.

        Raises:
            LedgerError: the first check that fails.
        """
        self.chain.remember_verified(transaction)
        try:
            return self.chain.check(transaction.envelope.raw, self.clock.now_ms())[1]
        except LedgerError as error:
            raise self._redact(transaction, error) from error

    def _redact(self, transaction: Transaction, error: LedgerError) -> LedgerError:
        """Return a refusal as it would read if what is hidden did not exist.

        Whether a record exists, and who must sign for it, would otherwise be
        told to anybody who names it in an act.
        """
        state = self.chain.state
        sights = [self.look(find_reader(state, member)) for member in transaction.by]
        if any(sight.sees_all for sight in sights):
            return error
        situation = self.chain.situation(self.clock.now_ms())
        layer = Layer(visible_state(*sights), state.kinds)
        try:
            prepare_act(layer, transaction.act, transaction.body, situation)
        except LedgerError as seen:
            return seen
        return error

    # -- following ------------------------------------------------------------------

    def _on_block(self, candidate: Candidate) -> None:
        block = candidate.block
        if block is None:
            return
        self._recent[block.height] = block
        while len(self._recent) > RECENT_BLOCKS:
            self._recent.popitem(last=False)
        if block.height % SNAPSHOT_BLOCKS == 0:
            # One call of C, so nothing changes while it copies.
            records = self.chain.state.records.copy()
            self._snapshot = (block.height, self.chain.header.hash, records)
        self._wake.set()

    def _follow(self) -> None:
        try:
            while not self._stopping:
                self._wake.wait()
                self._wake.clear()
                self._catch_up()
        except BaseException as error:
            self._on_failure(error)
            raise

    def _catch_up(self) -> None:
        while self.history.height < self.chain.header.height and not self._stopping:
            height = self.history.height + 1
            block = self._recent.get(height)
            self.history.follow(self.store.block(height) if block is None else block)
            if height == self.chain.header.height:
                self.on_events()
        self.checkpoints.sign_head()
        self.on_events()
        taken, self._snapshot = self._snapshot, None
        if taken is not None:
            height, head_hash, records = taken
            self.store.save_snapshot(height, head_hash, records.items())
            log.info("snapshot of block %d written", height)


def open_clock(chain: Chain, clock_file: Path | None) -> Clock:
    """Return real time, or a test chain's clock file.

    Raises:
        LedgerError: ``not_a_test_chain``; ``bad_payload``, it holds no time.
        OSError: it cannot be read.
    """
    if clock_file is None:
        return Clock()
    if not chain.parameters["test_chain"]:
        raise LedgerError("not_a_test_chain")
    return FileClock(clock_file)


def _nothing() -> None:
    """Nobody waits for events yet."""
