"""Automatic work: what falls due runs inside block execution on block time.

Money triggers of this block run first, then work carried over from earlier
blocks, then what is newly due, each in its own savepoint. One gas budget
bounds the work of a block; what does not fit keeps its original date. A job
that fails is tried again later and in the end set aside; none stops the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.context import PHASE_DUE, PHASE_MONEY
from ledger.encoding import JSONObject, load_record
from ledger.errors import InvariantBroken, LedgerError
from ledger.execution import Situation, open_context, run_metered
from ledger.gas import Meter
from ledger.invariants import check_layer
from ledger.kernel import MANIFEST_HASH
from ledger.state import Layer, State, key_of, record_key, scan_records

JOB_GAS_MAX: Final = 60_000_000
# Sized so that a block of sweep chunks stays near 100 ms on a slow core.
AUTOMATIC_GAS_MAX: Final = 3_000_000
# Steps stand behind any number of transactions a block can have.
STEPS_START: Final = 1_000_000
ATTEMPTS_MAX: Final = 3
RETRY_MS: Final = 3_600_000


def has_due_work(state: State, time: int) -> bool:
    """Say whether a block at this time would have automatic work."""
    return next(_due_jobs(state, time), None) is not None


def next_due_ms(state: State) -> int | None:
    """Return when the next planned work falls due, None if there is none."""
    for phase in (PHASE_MONEY, PHASE_DUE):
        job = next(scan_records(state, "jobs", str(phase), limit=1), None)
        if job is not None:
            return int(job["due_ms"])
    return None


def _due_jobs(view: State | Layer, time: int) -> Iterator[JSONObject]:
    for phase in (PHASE_MONEY, PHASE_DUE):
        job = next(scan_records(view, "jobs", str(phase), limit=1), None)
        if job is not None and job["due_ms"] <= time:
            yield job


def run_due_work(
    block: Layer, situation: Situation
) -> tuple[list[JSONObject], list[bytes]]:
    """Run what is due on a block's layer within the budget.

    Returns:
        The receipts of the steps in order, and their events.
    """
    receipts: list[JSONObject] = []
    events: list[bytes] = []
    budget = AUTOMATIC_GAS_MAX
    while budget > 0:
        job = next(_due_jobs(block, situation.time), None)
        if job is None:
            break
        receipt, rows = run_job(block, job, situation, step=len(receipts))
        # Even an empty step costs something, so that the loop ends.
        budget -= max(receipt["gas"], 1_000)
        receipts.append(receipt)
        events += rows
    return receipts, events


def run_job(
    block: Layer, job: JSONObject, situation: Situation, *, step: int = 0
) -> tuple[JSONObject, list[bytes]]:
    """Run one job in its own savepoint; a failure leaves only the retry.

    Args:
        block: the block's layer.
        job: its record.
        situation: of the block.
        step: number of the step within the block, from 0.

    Returns:
        Its receipt, with code ``ok`` or why it failed, and its events.
    """
    layer = Layer(block, block.kinds)
    meter = Meter(JOB_GAS_MAX)
    receipt = {"code": "ok", "job": job["id"], "what": job["what"]}
    try:
        rows, receipt["events"] = _run_handler(layer, job, situation, (meter, step))
    except (LedgerError, InvariantBroken) as error:
        layer = Layer(block, block.kinds)
        rows = []
        receipt["code"] = getattr(error, "code", "invariant_broken")
        _put_off(layer, job, receipt["code"], situation)
    block.absorb(layer)
    return {**receipt, "gas": meter.used}, rows


def _run_handler(
    layer: Layer, job: JSONObject, situation: Situation, run: tuple[Meter, int]
) -> tuple[list[bytes], str]:
    meter, step = run
    kind = layer.kinds[job["target_kind"]]
    raw = layer.get(record_key(kind, job["target"], job.get("target_scope", "")))
    layer.put(key_of(layer.kinds, job), None)
    handler, writes = situation.rulebook.find_job(
        job["rule"], job["target_kind"], job["what"]
    )
    ctx = open_context(
        layer,
        situation,
        job["id"],
        job["rule"],
        writes,
        step=step,
        position=STEPS_START + step,
    )
    if raw is not None:
        run_metered(lambda: handler(ctx, load_record(raw)), meter)
    check_layer(layer, situation.rulebook.check_changes)
    return ctx.take_events()


def _put_off(layer: Layer, job: JSONObject, code: str, situation: Situation) -> None:
    layer.put(key_of(layer.kinds, job), None)
    attempt = job["attempt"] + 1
    if attempt >= ATTEMPTS_MAX:
        aside = {**job, "attempt": attempt, "code": code, "kind": "quarantine"}
        layer.put(key_of(layer.kinds, aside), aside)
        return
    # The id stays: it names what was planned, not when it was tried.
    again = {
        **job,
        "attempt": attempt,
        "due_ms": situation.time + attempt * RETRY_MS,
        "phase": PHASE_DUE,
        "rule": job.get("rule", MANIFEST_HASH),
    }
    layer.put(key_of(layer.kinds, again), again)
