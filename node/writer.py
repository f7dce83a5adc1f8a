"""The embedded engine: one thread that seals, and others that admit.

Signatures are verified once, at admission, many at a time in processes beside
this one. What is admitted waits in one of two lanes; the lane of attesting
roles goes first, so that no flood of offers keeps a bank statement out. A block
is sealed as soon as the writer is free, and holds all that came while the last
one became durable: a single transaction never waits for company. Whoever waits
is told only after the commit. A storage error, a broken invariant or a verifier
that has ended ends the process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ledger.chain import Chain
from ledger.encoding import JSONObject, load_record
from ledger.errors import LedgerError
from ledger.execution import Situation, check_keys
from ledger.kernel import GUARDIAN_ROLES, TRUSTED_ROLES
from ledger.sealing import BlockInput, Candidate
from ledger.state import read_record
from ledger.transactions import Transaction, parse_transaction
from ledger.verifying import PROCESSES, Verdict, Verifiers
from node.clock import Clock
from node.config import (
    BLOCK_AGE_S,
    BLOCK_MAX,
    CALLS_A_MEMBER_MAX,
    CALLS_MAX,
    HEARTBEAT_S,
    VERIFYING_MAX,
    WAITING_MAX,
)
from node.gate import Gate
from node.tally import Tally

T = TypeVar("T")

# Threads that wait for verdicts: two chunks for each process, so that none is
# idle while its last is being taken in.
ADMITTERS: Final = 2 * PROCESSES
CHUNK_LEAST: Final = 32
CALLS_A_TURN: Final = 8
REFUSALS_KEPT: Final = 10_000
# Their word is what others wait for.
ATTESTING_ROLES: Final = TRUSTED_ROLES - GUARDIAN_ROLES

log = logging.getLogger("node.writer")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one envelope.

    Attributes:
        id: of the transaction; empty if the bytes were none.
        height: of its block; -1 if it was refused.
        receipt: from its block, empty if it was refused.
        error: why it was refused.
    """

    id: str
    height: int = -1
    receipt: JSONObject = field(default_factory=dict)
    error: LedgerError | None = None


class Ticket:
    """A number of envelopes that were handed in together.

    Attributes:
        ids: of each, empty until admitted or refused with an unreadable form.
        outcomes: of each, None while it waits.
        admitted: done when all are verified and wait, or are refused.
        done: done when all have an outcome.
    """

    def __init__(self, count: int) -> None:
        """Expect so many envelopes."""
        self.ids = [""] * count
        self.outcomes: list[Outcome | None] = [None] * count
        self.admitted: Future[None] = Future()
        self.done: Future[None] = Future()
        self._lock = threading.Lock()
        self._unadmitted = count
        self._open = count

    def admit(self, count: int) -> None:
        """Note that so many more are past admission."""
        with self._lock:
            self._unadmitted -= count
            finished = not self._unadmitted
        if finished:
            self.admitted.set_result(None)

    def settle(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Note what became of some."""
        with self._lock:
            for index, outcome in outcomes:
                self.outcomes[index] = outcome
                self.ids[index] = outcome.id
            self._open -= len(outcomes)
            finished = not self._open
        if finished:
            self.done.set_result(None)


@dataclass(slots=True)
class Waiting:
    """A verified envelope that waits for a block."""

    transaction: Transaction
    ticket: Ticket
    index: int

    @property
    def raw(self) -> bytes:
        """The envelope's bytes."""
        return self.transaction.envelope.raw


@dataclass(slots=True)
class _Work:
    """What one turn of the writer does."""

    batch: list[Waiting]
    calls: list[Callable[[], None]]
    stop: bool = False


class Writer:
    """The one writer of a chain.

    Attributes:
        chain: what it writes.
        clock: what block times come from.
        gate: how others read what it writes.
        failed: set when the writer has ended without being told to.
        tally: what it counts and measures.
    """

    def __init__(
        self,
        chain: Chain,
        clock: Clock,
        *,
        on_block: Callable[[Candidate], None],
        on_failure: Callable[[BaseException], None],
        redact: Callable[[Transaction, LedgerError], LedgerError],
    ) -> None:
        """Take over a chain.

        Args:
            chain: at its head; nobody else may write it.
            clock: the engine's time.
            on_block: told of each committed block, on the writer's thread.
            on_failure: ends the process; the state in memory is of no use.
            redact: takes out of a refusal what the signers may not see.
        """
        self.chain = chain
        self.clock = clock
        self.gate = Gate()
        self._on_block = on_block
        self._on_failure = on_failure
        self._redact = redact
        self._quota = int(chain.parameters["quota"])
        self._wake = threading.Condition()
        self._lanes: tuple[deque[Waiting], deque[Waiting]] = (deque(), deque())
        self._calls: deque[Callable[[], None]] = deque()
        self._by_member: Counter[str] = Counter()
        self._calls_by: Counter[str] = Counter()
        self._verifying = 0
        self.tally = Tally()
        self._stopping = False
        self._refused: OrderedDict[str, tuple[Transaction, LedgerError]] = OrderedDict()
        self._verifiers = Verifiers()
        self._pool = ThreadPoolExecutor(ADMITTERS, thread_name_prefix="admit")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    # -- from any thread ------------------------------------------------------------

    def start(self) -> None:
        """Begin to seal."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it seals and takes more."""
        return self._thread.is_alive() and not self._stopping

    def submit(self, envelopes: Sequence[bytes]) -> Ticket:
        """Return the ticket of envelopes that are being verified from now on.

        Raises:
            LedgerError: ``node_stopping``; ``node_busy``.
        """
        with self._wake:
            if self._stopping:
                raise LedgerError("node_stopping")
            if self._verifying + len(envelopes) > VERIFYING_MAX:
                raise LedgerError("node_busy", expected=f"{VERIFYING_MAX} at once")
            self._verifying += len(envelopes)
        ticket = Ticket(len(envelopes))
        size = max(CHUNK_LEAST, -(-len(envelopes) // ADMITTERS))
        for start in range(0, len(envelopes), size):
            chunk = list(enumerate(envelopes[start : start + size], start))
            self._pool.submit(self._admit, ticket, chunk)
        return ticket

    def call(self, function: Callable[[], T], member: str) -> Future[T]:
        """Return what a function gives on the writer's thread between blocks.

        Rules run in one thread at a time, and this is the one.

        Args:
            function: without effects on the chain.
            member: on whose behalf; no one may take up all of the thread.

        Raises:
            LedgerError: ``node_stopping``; ``node_busy``.
        """
        future: Future[T] = Future()

        def run() -> None:
            with self._wake:
                self._calls_by[member] -= 1
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)

        with self._wake:
            if self._stopping:
                raise LedgerError("node_stopping")
            if len(self._calls) >= CALLS_MAX:
                raise LedgerError("node_busy", expected=f"{CALLS_MAX} waiting")
            if self._calls_by[member] >= CALLS_A_MEMBER_MAX:
                raise LedgerError("node_busy", expected=f"{CALLS_A_MEMBER_MAX} waiting")
            self._calls_by[member] += 1
            self._calls.append(run)
            self._wake.notify()
        return future

    @property
    def pending(self) -> int:
        """How many verified transactions wait for a block."""
        return self._count_waiting()

    def refusal(self, transaction_id: str) -> tuple[Transaction, LedgerError] | None:
        """Return a transaction that was lately dropped by a builder, and why."""
        return self._refused.get(transaction_id)

    def stop(self) -> None:
        """Take nothing more, seal what waits, end the threads."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        # In this order: what is being verified may still join the last block.
        self._pool.shutdown(wait=True)
        self._verifiers.close()
        with self._wake:
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    # -- admission, on the pool's threads ---------------------------------------------

    def _admit(self, ticket: Ticket, chunk: Sequence[tuple[int, bytes]]) -> None:
        admitted: list[Waiting] = []
        settled: list[tuple[int, Outcome]] = []
        try:
            started = time.perf_counter()
            verdicts = self._verifiers.judge(
                [raw for _, raw in chunk], self.chain.find_public
            )
            situation = self.chain.situation(self.clock.now_ms())
            for (index, raw), verdict in zip(chunk, verdicts, strict=True):
                found = self._try(raw, situation, verdict)
                if isinstance(found, Outcome):
                    settled.append((index, found))
                else:
                    ticket.ids[index] = found.id
                    admitted.append(Waiting(found, ticket, index))
            self.tally.measure("verify_seconds", time.perf_counter() - started)
            settled += self._enqueue(admitted)
            refused = [o.error.code for _, o in settled if o.error is not None]
            self.tally.count("refusals_total", refused)
        except BaseException as error:
            self._on_failure(error)
            raise
        finally:
            with self._wake:
                self._verifying -= len(chunk)
                self._wake.notify()
        ticket.settle(settled)
        ticket.admit(len(chunk))

    def _try(
        self, raw: bytes, situation: Situation, verdict: Verdict | None
    ) -> Transaction | Outcome:
        try:
            return self.check(raw, situation, verdict)
        except LedgerError as error:
            return Outcome("", error=error)
        except Exception as error:
            # Nothing is changed yet, so one strange envelope is not worth the
            # node.
            log.exception("admission failed")
            return Outcome(
                "", error=LedgerError("node_fault", found=type(error).__name__)
            )

    def check(
        self, raw: bytes, situation: Situation, verdict: Verdict | None = None
    ) -> Transaction | Outcome:
        """Return a verified transaction, or the outcome it has already.

        Raises:
            LedgerError: those of ``Chain.verify``.
        """
        try:
            return self.chain.verify(raw, situation, verdict)[0]
        except LedgerError as error:
            # A window that has passed says nothing about what was done in it.
            if error.code in ("duplicate", "expired"):
                known = self._find_known(raw, situation)
                if known is not None:
                    return known
            raise

    def _find_known(self, raw: bytes, situation: Situation) -> Outcome | None:
        transaction = parse_transaction(raw)
        if transaction.chain != situation.chain or self.chain.store is None:
            return None
        sealed = self.chain.store.find_transaction(transaction.id)
        if sealed is None:
            return None
        if sealed.envelope != raw:
            # Other signatures under the same payload: the receipt is for those
            # whose keys could have sealed it, not for whoever knows the text.
            check_keys(self.chain.state, transaction, situation, {})
        receipt = load_record(sealed.receipt) if sealed.receipt else {"code": "ok"}
        return Outcome(transaction.id, sealed.height, receipt)

    def _enqueue(self, admitted: Sequence[Waiting]) -> list[tuple[int, Outcome]]:
        refused = []
        with self._wake:
            for item in admitted:
                error = self._place(item)
                if error is not None:
                    outcome = Outcome(item.transaction.id, error=error)
                    refused.append((item.index, outcome))
        return refused

    def _place(self, item: Waiting) -> LedgerError | None:
        for member in item.transaction.by:
            if self._by_member[member] >= self._quota:
                return LedgerError("quota_exceeded", expected=self._quota)
        lane = self._lanes[0 if self._is_attesting(item.transaction) else 1]
        if len(lane) >= WAITING_MAX:
            return LedgerError("node_busy", expected=f"{WAITING_MAX} waiting")
        self._by_member.update(item.transaction.by)
        lane.append(item)
        return None

    def _is_attesting(self, transaction: Transaction) -> bool:
        for member in transaction.by:
            record = read_record(self.chain.state, "member", member)
            if record is not None and ATTESTING_ROLES & set(record["roles"]):
                return True
        return False

    # -- the writer's thread -----------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                work = self._next_work()
                for run in work.calls:
                    run()
                if work.batch or self._is_due():
                    self._seal(work.batch)
                if work.stop and not work.batch:
                    return
        except BaseException as error:
            self._on_failure(error)
            raise

    def _next_work(self) -> _Work:
        with self._wake:
            while not self._has_work():
                if self._stopping and not self._verifying:
                    return _Work([], [], stop=True)
                self._wake.wait(self._idle_s())
                if self._is_due():
                    break
            deadline = time.monotonic() + BLOCK_AGE_S
            while self._verifying and 0 < self._count_waiting() < BLOCK_MAX:
                left = deadline - time.monotonic()
                if left <= 0 or not self._wake.wait(left):
                    break
            calls = [
                self._calls.popleft()
                for _ in range(min(CALLS_A_TURN, len(self._calls)))
            ]
            return _Work(self._take_batch(), calls)

    def _has_work(self) -> bool:
        return bool(self._count_waiting() or self._calls or self._is_due())

    def _count_waiting(self) -> int:
        return len(self._lanes[0]) + len(self._lanes[1])

    def _take_batch(self) -> list[Waiting]:
        first, second = self._lanes
        batch: list[Waiting] = []
        # Neither lane may starve the other: half a block is always left.
        reserved = BLOCK_MAX - min(len(second), BLOCK_MAX // 2)
        while first and len(batch) < reserved:
            batch.append(first.popleft())
        while second and len(batch) < BLOCK_MAX:
            batch.append(second.popleft())
        return batch

    def _next_time(self) -> int:
        return max(self.chain.header.time + 1, self.clock.now_ms())

    def _is_due(self) -> bool:
        due = self.chain.next_due_ms()
        return due is not None and due <= self._next_time()

    def _idle_s(self) -> float | None:
        due = self.chain.next_due_ms()
        if due is None:
            return None
        if self.clock.can_jump:
            return HEARTBEAT_S
        return min(max(due - self._next_time(), 1) / 1000, 60.0)

    def _seal(self, batch: Sequence[Waiting]) -> None:
        started = time.perf_counter()
        for item in batch:
            self.chain.remember_verified(item.transaction)
        given = BlockInput(self._next_time(), [item.raw for item in batch])
        candidate = self.chain.execute(given)
        # Before the block changes what there is to see: what a refusal is
        # about may end with this very block, as an offer that has expired.
        dropped = {
            position: (error, self._redact(batch[position].transaction, error))
            for position, error in candidate.dropped
        }
        self.chain.make_durable(candidate)
        with self.gate.writing():
            self.chain.advance(candidate)
        codes = [
            str(row["code"])
            for row in candidate.receipts[: len(candidate.transactions)]
        ]
        self.tally.count("transactions_total", codes)
        refused = [error.code for _, error in candidate.dropped]
        self.tally.count("refusals_total", refused)
        self._settle(batch, candidate, dropped)
        if candidate.header is not None:
            self.tally.count("blocks_total")
            self.tally.measure("block_seconds", time.perf_counter() - started)
        if candidate.header is not None:
            self._on_block(candidate)

    def _settle(
        self,
        batch: Sequence[Waiting],
        candidate: Candidate,
        dropped: dict[int, tuple[LedgerError, LedgerError]],
    ) -> None:
        height = -1 if candidate.header is None else candidate.header.height
        sealed = {
            transaction.id: Outcome(transaction.id, height, receipt)
            for transaction, receipt in zip(
                candidate.transactions, candidate.receipts, strict=True
            )
        }
        tickets: dict[int, tuple[Ticket, list[tuple[int, Outcome]]]] = {}
        for position, item in enumerate(batch):
            if position in dropped:
                outcome = self._refuse(item.transaction, dropped[position], sealed)
            else:
                outcome = sealed[item.transaction.id]
            rows = tickets.setdefault(id(item.ticket), (item.ticket, []))[1]
            rows.append((item.index, outcome))
        with self._wake:
            for item in batch:
                self._by_member.subtract(item.transaction.by)
            self._by_member += Counter()  # forget who has nothing waiting
        for ticket, rows in tickets.values():
            ticket.settle(rows)

    def _refuse(
        self,
        transaction: Transaction,
        errors: tuple[LedgerError, LedgerError],
        sealed: dict[str, Outcome],
    ) -> Outcome:
        error, told = errors
        if error.code == "duplicate":
            known = sealed.get(transaction.id)
            if known is None:
                situation = self.chain.situation(self.clock.now_ms())
                known = self._find_known(transaction.envelope.raw, situation)
            if known is not None:
                return known
        if told is not error:
            # What it is about may have come into sight with this very block.
            told = self._redact(transaction, error)
        self._refused[transaction.id] = (transaction, told)
        while len(self._refused) > REFUSALS_KEPT:
            self._refused.popitem(last=False)
        return Outcome(transaction.id, error=told)


def end_process(error: BaseException) -> Any:
    """Log why and end the process at once: the next start decides what holds."""
    logging.getLogger("node").critical("the node ends: %r", error, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_FAILED)


EXIT_FAILED: Final = 70
