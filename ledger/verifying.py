"""Signatures verified in processes of their own, beside the one that executes.

Verification is most of the work of a ledger and needs nothing but bytes. In
threads it shares one interpreter with the rules, and two cores do the work of
one and a third. A process gets batches on its standard input and answers with
one byte a signature; it ends when its input does, so it never outlives the
node. An answer that does not come, or is not one, is an error of the whole
batch: nothing is ever taken for verified that was not said to be.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Final, Self

from ledger.children import start_child
from ledger.errors import LedgerError, invariant
from ledger.keys import Claim, check_verifier, verify_signature

PROCESSES: Final = 2
# Handing over costs as much as it saves below this; a single transaction is
# verified where it stands, so it waits for nobody.
BATCH_LEAST: Final = 8
# The process that executes goes first; these use what it leaves of the cores.
NICENESS: Final = 5

_COUNT: Final = struct.Struct(">I")
_LENGTHS: Final = struct.Struct(">III")
_BAD, _GOOD = 0, 1


class Verifiers:
    """Processes that verify; started when there is first enough to do."""

    def __init__(self, processes: int = PROCESSES) -> None:
        """Remember how many; none is started yet."""
        self._count = processes
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def process_ids(self) -> list[int]:
        """The processes that run."""
        return [worker.process_id for worker in self._workers]

    def judge(self, groups: Sequence[Sequence[Claim]]) -> list[LedgerError | None]:
        """Return for each group None if all of its claims hold, else the refusal.

        From any number of threads at once.

        Args:
            groups: the claims of one envelope each.

        Raises:
            LedgerError: ``verifier_failed``: nothing was judged.
        """
        invariant(all(groups), "an envelope has signatures")
        claims = [claim for group in groups for claim in group]
        if len(claims) < BATCH_LEAST:
            return [_judge_here(group) for group in groups]
        held = iter(self._choose().verify(claims))
        rows = [[next(held) for _ in group] for group in groups]
        return [None if all(row) else LedgerError("bad_signature") for row in rows]

    def _choose(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise LedgerError("verifier_failed", found="closed")
            while len(self._workers) < self._count:
                self._workers.append(_Worker())
        return min(self._workers, key=_Worker.count_waiting)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.close()

    def __enter__(self) -> Self:
        """Return itself; no process outlives the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        self.close()


def _judge_here(group: Sequence[Claim]) -> LedgerError | None:
    try:
        for claim in group:
            verify_signature(*claim)
    except LedgerError as error:
        return error
    return None


class _Batch:
    """What one thread has sent and waits for."""

    __slots__ = ("count", "verdicts")

    def __init__(self, count: int) -> None:
        self.count = count
        self.verdicts: list[bool] | None = None


class _Worker:
    """One process; answers come in the order of the batches."""

    def __init__(self) -> None:
        self._child = start_child("ledger.verifying")
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._waiting: deque[_Batch] = deque()

    @property
    def process_id(self) -> int:
        return self._child.pid

    def count_waiting(self) -> int:
        return len(self._waiting)

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise LedgerError("verifier_failed", found="no pipe")
        return pipe

    def verify(self, claims: Sequence[Claim]) -> list[bool]:
        batch, raw = _Batch(len(claims)), pack_claims(claims)
        try:
            with self._sending:
                self._waiting.append(batch)
                pipe = self._pipe(self._child.stdin)
                pipe.write(raw)
                pipe.flush()
            with self._receiving:
                # Whoever comes first also takes in what others wait for.
                while batch.verdicts is None:
                    self._receive(self._waiting[0])
        except (OSError, ValueError) as error:
            raise LedgerError("verifier_failed", found=repr(error)) from error
        return batch.verdicts

    def _receive(self, batch: _Batch) -> None:
        answer = self._pipe(self._child.stdout).read(batch.count)
        if len(answer) != batch.count or not set(answer) <= {_BAD, _GOOD}:
            # Whatever came after it could be anybody's.
            self._child.kill()
            raise LedgerError("verifier_failed", found=f"{len(answer)} verdicts")
        batch.verdicts = [verdict == _GOOD for verdict in answer]
        self._waiting.popleft()

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._pipe(self._child.stdin).close()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._pipe(self._child.stdout).close()


def pack_claims(claims: Sequence[Claim]) -> bytes:
    """Return a batch as the processes take it."""
    parts = [_COUNT.pack(len(claims))]
    for public, message, signature in claims:
        parts += (
            _LENGTHS.pack(len(public), len(message), len(signature)),
            public,
            message,
            signature,
        )
    return b"".join(parts)


# -- the process ----------------------------------------------------------------


def main() -> None:
    """Answer batches until the input ends."""
    # What ends the node reaches everybody, but it first seals what waits; the
    # end of its input is how a process learns of it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    check_verifier()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(batches: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each batch with one byte a claim, in order."""
    try:
        while head := batches.read(_COUNT.size):
            count = _COUNT.unpack(head)[0]
            answers.write(bytes(_verdict(batches) for _ in range(count)))
            answers.flush()
    except (BrokenPipeError, struct.error):
        # The node has ended in the middle of it; nobody waits for an answer.
        return


def _verdict(batches: IO[bytes]) -> int:
    public, message, signature = _LENGTHS.unpack(batches.read(_LENGTHS.size))
    claim = batches.read(public + message + signature)
    try:
        verify_signature(
            claim[:public], claim[public : public + message], claim[public + message :]
        )
    except LedgerError:
        return _BAD
    return _GOOD
