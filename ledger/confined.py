"""Foreign rules run in a process that can do nothing but compute.

The child gets blocks on its standard input and answers on its standard
output. Before the first byte of a rule is run it gives up what ``children.py``
takes away. Where this cannot be had, nothing is run.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Final, Self

from ledger.blocks import BLOCK_BYTES_MAX, Block, decode_block, encode_block
from ledger.children import confine_process, limit_resources, start_child
from ledger.encoding import JSONObject, decode, encode
from ledger.errors import LedgerError
from ledger.explain import explain_at
from ledger.replay import CHECK_REPLAY, ReplayReport, replay_ledger

LENGTH_BYTES: Final = 4
PROGRESS_BLOCKS: Final = 32
MEMORY_BYTES: Final = 8 * 1024**3
CPU_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Limits:
    """What the confined process may use.

    Attributes:
        memory_bytes: address space.
        cpu_seconds: processor time.
        confine: give up system calls; without it only the limits hold.
        explain_height: the block whose figures are wanted, 0 for none.
    """

    memory_bytes: int = MEMORY_BYTES
    cpu_seconds: int = CPU_SECONDS
    confine: bool = True
    explain_height: int = 0


# --- the parent --------------------------------------------------------------


class ConfinedReplay:
    """A replay in a child process; blocks are sent, one report comes back."""

    def __init__(
        self,
        secret: bytes,
        limits: Limits,
        report: Callable[[int], None] | None = None,
    ) -> None:
        """Start the child.

        Args:
            secret: S of the salted commitments.
            limits: what the child may use.
            report: called with the number of blocks replayed, from a thread.
        """
        self._child = start_child("ledger.confined", stderr=subprocess.PIPE)
        self._report = report
        self._answer: JSONObject = {}
        self._complaint = b""
        self._readers = [
            threading.Thread(target=self._read_answers, daemon=True),
            threading.Thread(target=self._read_complaint, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self._send(encode({"secret": secret.hex(), **asdict(limits)}))

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] | None = getattr(self._child, name)
        if pipe is None:
            raise LedgerError("replay_stopped", expected=name)
        return pipe

    def _read_answers(self) -> None:
        for line in self._pipe("stdout"):
            content = decode(line.rstrip(b"\n"))
            if "blocks_done" in content:
                if self._report is not None:
                    self._report(content["blocks_done"])
            else:
                self._answer = content

    def _read_complaint(self) -> None:
        # The last words are enough, and a child may say as much as it likes.
        for piece in iter(lambda: self._pipe("stderr").read(4096), b""):
            self._complaint = (self._complaint + piece)[-4096:]

    def _send(self, raw: bytes) -> bool:
        pipe = self._pipe("stdin")
        try:
            pipe.write(len(raw).to_bytes(LENGTH_BYTES, "big") + raw)
            pipe.flush()
        except OSError:
            return False
        return True

    def send(self, block: Block) -> bool:
        """Give the child the next block; false once it listens no more."""
        return self._send(encode_block(block))

    def finish(self) -> ReplayReport:
        """Return what the child found after the last block.

        Raises:
            LedgerError: what the replay found wrong; ``not_confined``;
                ``replay_stopped``.
        """
        self._send(b"")
        self._close()
        if "error" in self._answer:
            raise _read_error(self._answer["error"])
        if "report" not in self._answer:
            words = self._complaint.decode("utf-8", "replace").strip()
            raise LedgerError(
                "replay_stopped",
                found=words.splitlines()[-1] if words else "no answer",
                status=self._child.returncode,
                check=CHECK_REPLAY,
            )
        return ReplayReport(**self._answer["report"])

    def _close(self) -> None:
        # A child that has ended already says why elsewhere.
        with suppress(OSError):
            self._pipe("stdin").close()
        self._child.wait()
        for reader in self._readers:
            reader.join()

    def __enter__(self) -> Self:
        """Return itself; the child never outlives the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child if it still runs, and close the pipes."""
        if self._child.poll() is None:
            self._child.kill()
            self._close()
        for name in ("stdout", "stderr"):
            self._pipe(name).close()


def _read_error(content: JSONObject) -> LedgerError:
    return LedgerError(
        content["code"],
        expected=content["expected"],
        found=content["found"],
        **content["details"],
    )


# --- the child ---------------------------------------------------------------


def main() -> None:
    """Replay what comes in, confined; the answer is the last line out."""
    answers, blocks_in = sys.stdout.buffer, sys.stdin.buffer
    try:
        start = decode(_read_message(blocks_in))
        limit_resources(start["memory_bytes"], start["cpu_seconds"])
        if start["confine"]:
            confine_process()
        explained: JSONObject = {}
        found = replay_ledger(
            _read_blocks(blocks_in),
            bytes.fromhex(start["secret"]),
            report=lambda count: _report(answers, count),
            explain=explain_at(start["explain_height"], explained),
        )
        found.explained = explained
        answer: JSONObject = {"report": asdict(found)}
    except LedgerError as error:
        answer = {"error": _write_error(error)}
    answers.write(encode(answer) + b"\n")
    answers.flush()


def _report(answers: IO[bytes], count: int) -> None:
    if count % PROGRESS_BLOCKS == 0:
        answers.write(encode({"blocks_done": count}) + b"\n")
        answers.flush()


def _write_error(error: LedgerError) -> JSONObject:
    return {
        "code": error.code,
        "details": {
            name: value if type(value) is int else str(value)
            for name, value in error.details.items()
        },
        "expected": error.expected,
        "found": error.found,
    }


def _read_message(stream: IO[bytes]) -> bytes:
    size = int.from_bytes(stream.read(LENGTH_BYTES), "big")
    if size > BLOCK_BYTES_MAX:
        raise LedgerError("too_large", expected=BLOCK_BYTES_MAX, found=size)
    return stream.read(size)


def _read_blocks(stream: IO[bytes]) -> Iterator[Block]:
    while raw := _read_message(stream):
        yield decode_block(raw)
