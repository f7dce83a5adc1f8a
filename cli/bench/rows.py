"""The rows of ``allonge bench``: one function measures what belongs together.

A figure counts what was committed and durable, never what was sent. Rates are
given as a share of the verify limit, taken before and after each round.
"""

# ruff: noqa: PLC0415 - an audit is loaded only where one is measured

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from cli.bench.command import decimal
from cli.bench.http import measure_http
from cli.bench.ledger import (
    Bench,
    Figure,
    check_head,
    check_run,
    cut_blocks,
    expect,
    leave,
    percentile,
    seal,
    submit_load,
)
from cli.bench.sampler import OTHER, Stages, sampled
from cli.bench.workload import DAY_MS, DUE_DAYS, Load, Workload
from cli.bench.yardstick import Watch, resident_bytes
from ledger.chain import Chain
from ledger.state import read_record, scan_records
from ledger.store import Store

WARM_UP: Final = 300

VERIFY, FORM, AUTHORITY, RULE = "verify", "form", "authority", "rule"
STATE, MAP, LOG, STORAGE = "state", "map", "log", "storage"
PARTS: Final = (FORM, AUTHORITY, RULE, MAP, STATE, LOG, STORAGE)
# Encoding and plain state access serve all stages: there the caller decides.
STAGES: Final[Stages] = {
    "ledger.keys": {"": VERIFY},
    "ledger.transactions": {"": FORM},
    "ledger.authority": {"": AUTHORITY},
    "ledger.statemap": {"": MAP},
    "ledger.log": {"": LOG},
    "ledger.store": {"": STORAGE},
    "ledger.blocklog": {"": STORAGE},
    "ledger.rows": {"": STORAGE},
    "ledger.invariants": {"": RULE},
    "ledger.context": {"": RULE},
    "ledger.state": {"commitments": MAP, "apply": STATE},
    "ledger.execution": {"": RULE, "check_form": FORM, "check_keys": AUTHORITY},
    "ledger.sealing": {"": LOG},
    "ledger.chain": {"": LOG, "admit": FORM, "verify": FORM},
}


# -- rates --------------------------------------------------------------------


def measure_transfers(bench: Bench, chain: Chain) -> list[Figure]:
    """Measure committed joint transfers against the verify limit."""
    work = bench.workload

    def make(wanted: int) -> list[Load]:
        # Whole hundreds, so that each has its planted ones.
        wanted = max(100, min(wanted, work.tiles // 2) // 100 * 100)
        return [work.transfers(chain, wanted)]

    rounds = [Round(bench, chain, make, 2) for _ in range(bench.plan.rounds)]
    how = f"joint transfers, half of them cut, {work.tiles} holdings, blocks of 500"
    return [summarise("transfer", how, rounds)]


def measure_pairs(bench: Bench, chain: Chain) -> list[Figure]:
    """Measure committed offers with their acceptances."""

    def make(wanted: int) -> list[Load]:
        # Two transactions each, and no holding twice.
        wanted = max(20, min(wanted // 2, bench.workload.tiles // 2))
        return list(bench.workload.offers(chain, wanted))

    rounds = [Round(bench, chain, make, 1) for _ in range(min(3, bench.plan.rounds))]
    how = "offers, then all their acceptances, one signature each"
    return [summarise("pair", how, rounds)]


class Round:
    """One load between two measurements of the verify limit.

    Attributes:
        runs: what came of it.
        limit: signatures a second that are the unit.
        share: signatures committed a second by the verify limit.
        cpu_share: the same by CPU seconds, which others disturb less.
        cpu_us: CPU time a transaction, verification included.
        committed_a_second: transactions.
        quiet: whether nobody else used the machine.
    """

    def __init__(
        self,
        bench: Bench,
        chain: Chain,
        make: Callable[[int], list[Load]],
        signatures: int,
    ) -> None:
        """Sign and submit a load.

        Args:
            bench: the bench.
            chain: under load.
            make: signs about so many transactions; what it returns is
                submitted one after the other.
            signatures: each transaction carries.
        """
        before = bench.bare.measure(bench.plan.limit_seconds)
        loads = make(max(WARM_UP, int(bench.pace * bench.plan.round_seconds)))
        self.runs = [
            submit_load(chain, load.envelopes, bench.verifiers) for load in loads
        ]
        for load, run in zip(loads, self.runs, strict=True):
            check_run(load, run)
        after = bench.bare.measure(bench.plan.limit_seconds)
        self.limit = (before.a_second + after.a_second) / 2
        verify_us = (before.cpu_us + after.cpu_us) / 2
        seconds = sum(run.watch.seconds for run in self.runs)
        cpu_us = sum(run.watch.cpu_seconds for run in self.runs) * 1e6
        self.committed_a_second = self.committed / seconds
        bench.pace = self.committed_a_second
        self.share = self.committed * signatures / seconds / self.limit
        self.cpu_share = self.committed * signatures * verify_us / cpu_us
        self.cpu_us = cpu_us / self.committed
        self.quiet = all(run.watch.quiet for run in self.runs)

    @property
    def committed(self) -> int:
        """Transactions that are durable."""
        return sum(run.committed for run in self.runs)


def summarise(name: str, how: str, rounds: Sequence[Round]) -> Figure:
    """Return the median round; noisy ones are left out if there are others."""
    quiet = [each for each in rounds if each.quiet]
    counted = quiet or rounds
    shares = sorted(each.share for each in counted)
    runs = [run for each in counted for run in each.runs]
    detail: dict[str, str | int] = {
        "committed": sum(each.committed for each in rounds),
        "committed_a_second": int(median(each.committed_a_second for each in counted)),
        "cpu_us": decimal(median(each.cpu_us for each in counted), 0),
        "foreign_cores": decimal(max(run.watch.foreign_cores for run in runs), 2),
        "highest": decimal(shares[-1], 3),
        "lowest": decimal(shares[0], 3),
        "refused": sum(run.refused.total() for each in rounds for run in each.runs),
        "rounds": len(rounds),
        "rounds_disturbed": len(rounds) - len(quiet),
        "share_by_cpu_time": decimal(median(each.cpu_share for each in counted), 3),
        "verify_limit": int(median(each.limit for each in counted)),
    }
    return Figure(name, median(shares), how, detail)


# -- one thread, one transaction -----------------------------------------------


def measure_work(bench: Bench, chain: Chain) -> list[Figure]:
    """Measure CPU time outside verification, by stage, in one thread."""
    load = bench.workload.transfers(chain, bench.plan.work_transfers, planted=False)
    began = time.thread_time()
    with sampled(STAGES) as spent:
        for part in cut_blocks(load.envelopes):
            timed_block(chain, part)
    total = time.thread_time() - began
    each = 1e6 / len(load.envelopes)
    detail: dict[str, str | int] = {
        f"{stage}_us": decimal(spent.get(stage, 0.0) * each, 1)
        for stage in (*PARTS, OTHER, VERIFY)
    }
    detail["transfers"] = len(load.envelopes)
    how = "CPU time of one thread; verification, two signatures, is left out"
    return [Figure("work", (total - spent[VERIFY]) * each, how, detail)]


def measure_submits(bench: Bench, chain: Chain) -> list[Figure]:
    """Measure one transaction after the other, each durable before the next."""
    load = bench.workload.transfers(chain, bench.plan.submits, planted=False)
    spent = time.thread_time()
    taken = sorted(timed_block(chain, [raw]) * 1e3 for raw in load.envelopes)
    spent = time.thread_time() - spent
    how = "one joint transfer a block, admitted, executed and synced, in process"
    detail: dict[str, str | int] = {
        "cpu_ms": decimal(spent * 1e3 / len(taken), 2),
        "highest_ms": decimal(taken[-1], 2),
        "lowest_ms": decimal(taken[0], 2),
        "submits": len(taken),
    }
    return [
        Figure("submit_p50", percentile(taken, 50), how, detail),
        Figure("submit_p99", percentile(taken, 99), how, {}),
    ]


# -- automatic work -----------------------------------------------------------


def measure_sweep(bench: Bench) -> list[Figure]:
    """Measure the distribution of one payment over all holdings."""
    work = bench.workload
    with bench.copied() as (chain, folder):
        due = work.start_ms // DAY_MS * DAY_MS + DUE_DAYS * DAY_MS
        run_due(chain, due)
        payment = work.payment(chain, due)
        watch = Watch()
        blocks = [timed_block(chain, [payment])]
        blocks += run_due(chain, due)
        watch.stop()
        check_sweep(chain, work)
        check_head(chain, folder)
    how = f"one payment over {work.tiles} holdings of {work.count} holders, durable"
    detail: dict[str, str | int] = {
        "blocks": len(blocks),
        "cpu_seconds": decimal(watch.cpu_seconds, 2),
        "foreign_cores": decimal(watch.foreign_cores, 2),
        "median_block_ms": decimal(median(blocks) * 1e3, 0),
    }
    return [
        Figure("sweep", sum(blocks), how, detail),
        Figure("sweep_block", max(blocks) * 1e3, "the longest block of the sweep", {}),
    ]


def run_due(chain: Chain, time_ms: int) -> list[float]:
    """Seal blocks until nothing is due; return the seconds of each."""
    taken = []
    while chain.has_due_work(max(time_ms, chain.header.time + 1)):
        taken.append(timed_block(chain, [], time_ms))
    return taken


def timed_block(chain: Chain, envelopes: Sequence[bytes], time_ms: int = 0) -> float:
    """Seal a block of sound transactions; return its seconds."""
    began = time.perf_counter()
    for raw in envelopes:
        chain.admit(raw, chain.header.time + 1)
    candidate = seal(chain, envelopes, time_ms)
    expect("committed", len(envelopes), len(candidate.transactions))
    return time.perf_counter() - began


def check_sweep(chain: Chain, work: Workload) -> None:
    """Return if every unit was paid and every minor unit has a payee.

    Raises:
        LedgerError: ``bench_contradiction``.
    """
    receivable = read_record(chain.state, "receivable", work.receivable) or {}
    account = read_record(chain.state, "account", work.account) or {}
    due = sum(
        payout["amount_minor"]
        for holder in work.holders
        for payout in scan_records(chain.state, "payees", holder)
    )
    expect("state", "settled", receivable.get("state"))
    expect("retired", work.face_minor, receivable.get("retired_minor"))
    expect("payable", work.face_minor, account.get("payable_minor"))
    expect("payouts", work.face_minor, due)


# -- start, memory, audit -------------------------------------------------------


class Start(NamedTuple):
    """What a fresh process found on opening the filled ledger."""

    seconds: float
    grown_bytes: int
    head: str


def open_fresh(founded: Path, filled: Path) -> Start:
    """Open the founded ledger, then the filled one, and compare.

    Called in a process of its own, for memory once used is not given back.
    """
    # The first has all code and rules loaded, so the second shows the data.
    first = Chain.open(founded)
    gc.collect()
    before = resident_bytes()
    began = time.perf_counter()
    second = Chain.open(filled)
    seconds = time.perf_counter() - began
    gc.collect()
    grown = resident_bytes() - before
    leave(first)
    leave(second)
    return Start(seconds, grown, second.header.hash.hex())


def measure_start(bench: Bench) -> list[Figure]:
    """Measure how a fresh process opens the filled ledger."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        founded = bench.folder / "founded"
        start = pool.submit(open_fresh, founded, bench.filled).result()
    tiles = bench.workload.tiles
    expect("head", bench.head, start.head)
    how = f"Chain.open in a fresh process, snapshot of {tiles} holdings, no replay"
    grown = f"resident memory after opening {tiles} holdings less after founding"
    return [
        Figure("start", start.seconds, how, {"holdings": tiles}),
        Figure("memory", start.grown_bytes / tiles, grown, {}),
    ]


def measure_audit(bench: Bench, folder: Path) -> Figure:
    """Measure the full audit of a closed ledger against the verify limit."""
    from ledger.audit import StoredSource, Trust, verify_ledger

    watch = Watch()
    ledger = Store.read_only(folder)
    try:
        report = verify_ledger(StoredSource(ledger), Trust(genesis=bench.chain))
    finally:
        ledger.close()
    watch.stop()
    if report.fault is not None:
        raise report.fault
    expect("verdict", "VALID", report.verdict)
    limit = bench.bare.measure(bench.plan.limit_seconds)
    verified = report.signatures
    how = "all eight checks, signatures beside the replay in a confined process"
    detail: dict[str, str | int] = {
        "cpu_seconds": decimal(watch.cpu_seconds, 1),
        "foreign_cores": decimal(watch.foreign_cores, 2),
        "seconds": decimal(watch.seconds, 1),
        "share_by_cpu_time": decimal(
            verified * limit.cpu_us / 1e6 / watch.cpu_seconds, 3
        ),
        "signatures": verified,
        "transactions": report.facts.transactions,
        "verify_limit": int(limit.a_second),
    }
    share = verified / watch.seconds / limit.a_second
    return Figure("audit", share, how, detail)


# -- all of them ----------------------------------------------------------------

LOADS: Final = {
    "submit": measure_submits,
    "work": measure_work,
    "transfer": measure_transfers,
    "pair": measure_pairs,
}


def measure(bench: Bench, names: Sequence[str]) -> list[Figure]:
    """Return the figures of the named measurements.

    Raises:
        LedgerError: ``bench_contradiction``; whatever the ledger refuses.
    """
    figures: list[Figure] = []
    if "start" in names:
        bench.note("start: opening it in a fresh process")
        figures += measure_start(bench)
    if "sweep" in names:
        bench.note("sweep: paying every holding")
        figures += measure_sweep(bench)
    loads = [name for name in LOADS if name in names]
    if loads or "audit" in names:
        figures += measure_loads(bench, loads, audited="audit" in names)
    if "http" in names:
        bench.note("http: loading a node")
        figures += measure_http(bench)
    return figures


def measure_loads(bench: Bench, names: Sequence[str], *, audited: bool) -> list[Figure]:
    """Return figures under load; the ledger that came of it is then judged."""
    figures: list[Figure] = []
    with bench.copied() as (chain, folder):
        for name in names:
            bench.note(f"{name}: loading the ledger")
            figures += LOADS[name](bench, chain)
        bench.note("replaying it to the same head")
        check_head(chain, folder)
        if audited:
            bench.note("audit: verifying all of it")
            figures.append(measure_audit(bench, folder))
    return figures
