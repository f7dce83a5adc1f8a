"""The ledger under load in ``allonge bench``, and how it is loaded.

One thread executes and commits blocks while processes verify what comes next,
as in a node. What was planted to be refused must be refused, to the last one.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from cli.bench.workload import Load, Workload, signatures_of
from cli.bench.yardstick import VerifyLimit, Watch
from ledger.chain import Chain, settle_memory
from ledger.errors import LedgerError
from ledger.sealing import BlockInput, Candidate
from ledger.verifying import PROCESSES, Verifiers

BLOCK_TRANSACTIONS: Final = 500
BLOCKS_AHEAD: Final = 3
# Threads that wait for verdicts, and what each hands over at once: two batches for
# each process, so that none is idle while its last is being taken in.
ADMITTERS: Final = 2 * PROCESSES
CHUNK: Final = BLOCK_TRANSACTIONS // ADMITTERS
SAMPLE_SIGNATURES: Final = 200


def expect(what: str, expected: object, found: object) -> None:
    """Return if a count is what the load was made for.

    Raises:
        LedgerError: ``bench_contradiction``.
    """
    if expected != found:
        raise LedgerError(
            "bench_contradiction", expected=f"{what} {expected}", found=found
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        holders: members that hold parts, twenty each.
        rounds: repeats of the throughput rows; the median counts.
        round_seconds: about how long each takes.
        work_transfers: transfers of the row of CPU time by stage.
        submits: transactions committed one by one.
        limit_seconds: each measurement of the verify limit.
    """

    holders: int = 5_000
    rounds: int = 5
    round_seconds: float = 3.0
    work_transfers: int = 5_000
    submits: int = 500
    limit_seconds: float = 0.5


QUICK: Final = Plan(
    holders=500, rounds=3, round_seconds=0.8, work_transfers=2_000, submits=200
)


class Figure(NamedTuple):
    """A measured value.

    Attributes:
        name: of the row.
        value: in the row's unit.
        how: how it was measured, in one line.
        detail: what explains it, by name.
    """

    name: str
    value: float
    how: str
    detail: dict[str, str | int]


@dataclass(slots=True)
class Run:
    """What came of a load.

    Attributes:
        committed: transactions that are durable.
        refused: how often which code.
        watch: wall, CPU and what others used.
    """

    committed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    watch: Watch = field(default_factory=Watch)

    @property
    def a_second(self) -> float:
        """Committed transactions a second of wall time."""
        return self.committed / self.watch.seconds


@dataclass(slots=True)
class Admission:
    """What of some envelopes passed admission, and why the others did not."""

    envelopes: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Bench:
    """A filled ledger of which every measurement takes a copy.

    Attributes:
        plan: how much is measured.
        folder: for all ledgers; the filled one is in ``filled``.
        note: told what is going on.
        limit: measures the verify limit, once the ledger is filled.
        build_seconds: what filling took.
        chain: id of the ledger.
        head: hash of the filled ledger's last header.
        pace: transactions a second of the last round.
        copies: how many were taken.
        verifiers: processes that verify what is submitted, as in a node.
    """

    plan: Plan
    folder: Path
    workload: Workload
    note: Callable[[str], None]
    limit: VerifyLimit | None = None
    build_seconds: float = 0.0
    chain: str = ""
    head: str = ""
    pace: float = 0.0
    copies: int = 0
    verifiers: Verifiers = field(default_factory=Verifiers)

    @property
    def filled(self) -> Path:
        """Folder of the filled ledger, closed."""
        return self.folder / "filled"

    @property
    def bare(self) -> VerifyLimit:
        """The verify limit of this machine, measured on demand."""
        if self.limit is None:
            raise LedgerError("incomplete", expected="a filled ledger")
        return self.limit

    @contextmanager
    def copied(self) -> Iterator[tuple[Chain, Path]]:
        """Yield an opened copy of the filled ledger; it is removed afterwards."""
        self.copies += 1
        folder = self.folder / f"copy{self.copies}"
        shutil.copytree(self.filled, folder)
        chain = Chain.open(folder)
        before = gc.get_threshold()
        # As a node does.
        settle_memory()
        try:
            yield chain, folder
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()
            leave(chain)
            shutil.rmtree(folder)


def build(bench: Bench) -> None:
    """Found, fill and close the ledger that everything is measured on."""
    workload, began = bench.workload, time.perf_counter()
    chain = workload.found(bench.filled)
    chain.close()
    shutil.copytree(bench.filled, bench.folder / "founded")
    chain = Chain.open(bench.filled)
    for name, sign in (
        (f"admitting {workload.count} members", workload.admissions),
        (f"cutting {workload.tiles // 5} runs", workload.cuts),
        ("passing them on", workload.handouts),
        (f"splitting them into {workload.tiles} holdings", workload.splits),
    ):
        bench.note(name)
        load = sign(chain)
        run = submit_load(chain, load.envelopes, bench.verifiers)
        check_run(load, run)
        bench.pace = run.a_second
    bench.build_seconds = time.perf_counter() - began
    load = workload.transfers(chain, SAMPLE_SIGNATURES // 2, planted=False)
    signed = list(signatures_of(chain, load.envelopes))
    bench.chain, bench.head = chain.chain_id, chain.header.hash.hex()
    chain.close()
    bench.limit = VerifyLimit(signed)


# -- the pipeline -------------------------------------------------------------


def submit_load(chain: Chain, envelopes: Sequence[bytes], verifiers: Verifiers) -> Run:
    """Return what came of envelopes verified beside the blocks they fill."""
    run = Run()
    parts = deque(cut_blocks(envelopes))
    ahead: deque[list[Future[Admission]]] = deque()
    with ThreadPoolExecutor(ADMITTERS) as pool:

        def send() -> None:
            part, now = parts.popleft(), chain.header.time + 1
            ahead.append(
                [
                    pool.submit(
                        admit_all, chain, part[first : first + CHUNK], now, verifiers
                    )
                    for first in range(0, len(part), CHUNK)
                ]
            )

        run.watch = Watch(verifiers.process_ids)
        for _ in range(min(BLOCKS_AHEAD, len(parts))):
            send()
        while ahead:
            done = [job.result() for job in ahead.popleft()]
            if parts:
                send()
            candidate = seal(chain, [raw for part in done for raw in part.envelopes])
            run.refused.update(code for part in done for code in part.refused)
            run.committed += len(candidate.transactions)
            run.refused.update(error.code for _, error in candidate.dropped)
        run.watch.stop()
    return run


def admit_all(
    chain: Chain, raws: Sequence[bytes], time_ms: int, verifiers: Verifiers
) -> Admission:
    """Return what of some envelopes has form and signatures."""
    found = Admission()
    verdicts = verifiers.judge(raws, chain.find_public)
    for raw, verdict in zip(raws, verdicts, strict=True):
        try:
            chain.admit(raw, time_ms, verdict)
        except LedgerError as error:
            found.refused.append(error.code)
        else:
            found.envelopes.append(raw)
    return found


def cut_blocks(envelopes: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield envelopes by the block, as long as a block may be."""
    for first in range(0, len(envelopes), BLOCK_TRANSACTIONS):
        yield envelopes[first : first + BLOCK_TRANSACTIONS]


def seal(chain: Chain, envelopes: Sequence[bytes], time_ms: int = 0) -> Candidate:
    """Execute and commit one block."""
    given = BlockInput(max(time_ms, chain.header.time + 1), envelopes)
    candidate = chain.execute(given)
    chain.commit(candidate)
    return candidate


def check_run(load: Load, run: Run) -> None:
    """Return if exactly the sound transactions were committed.

    Raises:
        LedgerError: ``bench_contradiction``.
    """
    expect("committed", load.sound, run.committed)
    expect("false signatures refused", load.bad, run.refused["bad_signature"])
    expect("double spends refused", load.double, run.refused["stale_input"])
    expect("refused in all", load.bad + load.double, run.refused.total())


def check_head(chain: Chain, folder: Path) -> None:
    """Close the chain without a snapshot and replay it to the same head.

    Raises:
        LedgerError: ``bench_contradiction``; those of ``Chain.open``.
    """
    leave(chain)
    again = Chain.open(folder)
    leave(again)
    expect("head", chain.header.hash.hex(), again.header.hash.hex())


def leave(chain: Chain) -> None:
    """Close a chain's store and write no snapshot; it may be closed already."""
    if chain.store is not None:
        chain.store.close()
        chain.store = None


def percentile(rising: Sequence[float], share: int) -> float:
    """Return the value that so many per cent do not exceed."""
    return rising[min(len(rising) - 1, len(rising) * share // 100)]
