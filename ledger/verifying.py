"""Envelopes read and verified in processes of their own, beside the one that executes.

Form and signatures are most of the work of a ledger and need nothing but bytes.
In threads they share one interpreter with the rules, and two cores do the work
of one and a third. A process gets whole envelopes on its standard input, with
the public keys registered under the ids they name, and answers with what it
read and what is wrong with it; it ends when its input does, so it never
outlives the node.

Nothing is ever taken for verified that was not said to be: an answer belongs to
the very bytes that were sent, a key is known by its digest alone, whoever sent
it, and an answer that does not come, or is not one, is an error of the whole
batch. What needs the ledger stays with whoever asks: ``Chain.verify`` names a
wrong form, then what chain, window, duplicates and keys say, and then only what
is wrong with signatures, so a refusal is the same wherever bytes were read.

Both sides are this software on this machine and trust each other; ``marshal``
carries what they have read, and nobody else's bytes but as bytes.
"""

from __future__ import annotations

import marshal
import os
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, Final, NamedTuple, Self

from ledger.children import start_child
from ledger.errors import LedgerError
from ledger.keys import check_verifier, key_id, verify_signature
from ledger.transactions import (
    SIGNATURES_MAX,
    TYPE_TRANSACTION,
    Envelope,
    Signature,
    Transaction,
    parse_transaction,
)

PROCESSES: Final = 2
# Handing over costs as much as it saves below this; a single transaction is
# verified where it stands, so it waits for nobody.
BATCH_LEAST: Final = 8
# The process that executes goes first; these use what it leaves of the cores.
NICENESS: Final = 5

_LENGTH: Final = struct.Struct(">I")
_BROKEN: Final = (OSError, EOFError, ValueError, TypeError, struct.error)


class Verdict(NamedTuple):
    """What a process found in the bytes of one envelope.

    Attributes:
        transaction: None if its form is wrong.
        refusal: what is wrong with its form, else with its signatures.
    """

    transaction: Transaction | None
    refusal: LedgerError | None


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

    def judge(
        self, raws: Sequence[bytes], find_public: Callable[[str], bytes]
    ) -> list[Verdict | None]:
        """Return what a process found in each envelope; None if it is not for one.

        From any number of threads at once.

        Args:
            raws: envelopes as received.
            find_public: gives the public key registered under an id, empty if
                there is none.

        Raises:
            LedgerError: ``verifier_failed``: nothing was judged.
        """
        if len(raws) < BATCH_LEAST:
            return [None] * len(raws)
        batch = [(raw, [find_public(name) for name in _name_keys(raw)]) for raw in raws]
        return self._choose().judge(batch)

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


_Batch = list[tuple[bytes, list[bytes]]]  # envelopes, and keys that they may name


def _name_keys(raw: bytes) -> list[str]:
    """Return the key ids of an envelope; if its form is wrong, anything."""
    items = raw[raw.rfind(b"[") :].split(b'"keyid":"', SIGNATURES_MAX)
    return [item[:64].decode("latin-1") for item in items[1:]]


class _Asked:
    """What one thread has sent, and the answer it waits for."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: bytes | None = None


class _Worker:
    """One process; answers come in the order of the batches."""

    def __init__(self) -> None:
        self._child = start_child("ledger.verifying")
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._waiting: deque[_Asked] = deque()

    @property
    def process_id(self) -> int:
        return self._child.pid

    def count_waiting(self) -> int:
        return len(self._waiting)

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise LedgerError("verifier_failed", found="no pipe")
        return pipe

    def judge(self, batch: _Batch) -> list[Verdict | None]:
        asked, raw = _Asked(), marshal.dumps(batch)
        try:
            with self._sending:
                self._waiting.append(asked)
                _write(self._pipe(self._child.stdin), raw)
            with self._receiving:
                # Whoever comes first also takes in what others wait for.
                while asked.answer is None:
                    self._waiting[0].answer = _read(self._pipe(self._child.stdout))
                    self._waiting.popleft()
            rows = marshal.loads(asked.answer)  # noqa: S302 - our own process's
            return [
                row and _open_verdict(item[0], *row)
                for item, row in zip(batch, rows, strict=True)
            ]
        except _BROKEN as error:
            # Whatever came after it could be anybody's.
            self._child.kill()
            raise LedgerError("verifier_failed", found=repr(error)) from error

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._pipe(self._child.stdin).close()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._pipe(self._child.stdout).close()


def _open_verdict(raw: bytes, read: Any, refusal: Any) -> Verdict:
    transaction = error = None
    if read is not None:
        payload, signatures, fields = read
        signed = tuple(map(Signature._make, signatures))
        envelope = Envelope(raw, TYPE_TRANSACTION, payload, signed)
        transaction = Transaction(envelope, *fields)
    if refusal is not None:
        code, expected, found, details = refusal
        error = LedgerError(code, expected=expected, found=found, **details)
    return Verdict(transaction, error)


def _write(pipe: IO[bytes], raw: bytes) -> None:
    pipe.write(_LENGTH.pack(len(raw)) + raw)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(pipe.read(_LENGTH.size))
    raw = pipe.read(length)
    if len(raw) != length:
        raise EOFError
    return raw


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
    """Answer each batch with one message, in order."""
    # The node may end in the middle of one; nobody waits for an answer then.
    with suppress(BrokenPipeError, EOFError, struct.error):
        while True:
            batch: _Batch = marshal.loads(_read(batches))  # noqa: S302 - the node's
            _write(answers, marshal.dumps(_judge(batch)))


def _judge(batch: _Batch) -> list[object]:
    # One kind of work after the other: each finds what it uses near at hand.
    parsed = [_try(parse_transaction, raw) for raw, _ in batch]
    rows: list[object] = []
    for (_, publics), found in zip(batch, parsed, strict=True):
        if found is None or found[1] is not None:
            rows.append(found)
            continue
        envelope, *fields = found[0]
        read = envelope.payload, [tuple(item) for item in envelope.signatures], fields
        verified = _try(_verify, envelope, publics)
        rows.append(verified and (read, verified[1]))
    return rows


def _try(step: Callable[..., Any], *given: object) -> tuple[Any, object] | None:
    """Return what a step gives, or None and what it refuses with."""
    try:
        return step(*given), None
    except LedgerError as error:
        return None, (error.code, error.expected, error.found, error.details)
    except Exception:  # noqa: BLE001 - it is raised again where it can be told
        return None


def _verify(envelope: Envelope, publics: list[bytes]) -> None:
    message = envelope.preimage
    known = {key_id(public): public for public in publics}
    for name, value in envelope.signatures:
        if name not in known:
            raise LedgerError("unknown_key", found=name[:16])
        verify_signature(known[name], message, value)
