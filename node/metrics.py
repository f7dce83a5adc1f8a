"""What a node counts and measures, in the text form that Prometheus reads.

Totals only: no member, object or amount is in a name or a label. Written here
rather than taken from a library, as this is all there is to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ledger.state import State, scan_records
from node.engine import Node

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """One metric with its samples: suffix and labels, and value."""

    name: str
    kind: str
    help: str
    samples: Mapping[str, float]


COUNTED: Final = (
    ("blocks_total", "Blocks sealed since the start."),
    ("transactions_total", "Transactions sealed since the start, by code."),
    ("refusals_total", "Transactions not sealed since the start, by code."),
)
MEASURED: Final = (
    ("block_seconds", "From the first transaction of a block until it is durable."),
    ("verify_seconds", "Verifying the signatures of a chunk of envelopes."),
)


def collect(node: Node) -> Iterator[Metric]:
    """Yield all metrics of a node."""
    for name, text in COUNTED:
        counts = node.writer.tally.counts(name).items()
        samples = {f'{{code="{code}"}}' if code else "": n for code, n in counts}
        yield Metric(name, "counter", text, samples or {"": 0})
    for name, text in MEASURED:
        number, total = node.writer.tally.seconds(name)
        yield Metric(name, "summary", text, {"_count": number, "_sum": total})
    for name, text, value in _gauges(node):
        yield Metric(name, "gauge", text, {"": value})


def _gauges(node: Node) -> Iterator[tuple[str, str, float]]:
    chain, store = node.chain, node.store
    header, now = chain.header, node.times_ms()[0]
    log_height, rows_height = store.heights()
    checkpoint = store.latest_checkpoint()
    snapshot_s = _snapshot_age_s(store.folder)
    yield "height", "Height of the last block.", header.height
    yield "log_size", "Leaves of the log.", header.size
    age_s = (now - header.time) / 1000
    yield "block_age_seconds", "Since the time of the last block.", age_s
    yield "log_height", "Last block of the block log.", log_height
    yield "rows_height", "Last block of the SQLite copy.", rows_height
    yield "history_height", "Last block indexed.", node.history.height
    size = 0 if checkpoint is None else checkpoint[0]
    yield "checkpoint_size", "Leaves under the last checkpoint.", size
    yield "pending_transactions", "Waiting for a block.", node.writer.pending
    if snapshot_s is not None:
        yield "snapshot_age_seconds", "Since a snapshot was written.", snapshot_s
    due = chain.next_due_ms()
    late_s = 0 if due is None else max(now - due, 0) / 1000
    yield "work_late_seconds", "Since the first automatic work was due.", late_s
    jobs, found = node.writer.gate.read(lambda: _count_trouble(chain.state))
    yield "jobs_quarantined", "Automatic work set aside after failing.", jobs
    yield "discrepancies_open", "Facts of banks that do not fit.", found


def _snapshot_age_s(folder: Path) -> float | None:
    """Return the seconds since the last snapshot was written, None without one."""
    times = []
    for path in folder.glob("snapshot-*.bin"):
        with suppress(FileNotFoundError):  # an older one is removed just now
            times.append(path.stat().st_mtime)
    return max(time.time() - max(times), 0.0) if times else None


def _count_trouble(state: State) -> tuple[int, int]:
    accounts = scan_records(state, "all", "account")
    found = sum(int(account["discrepancies"]) for account in accounts)
    return state.count_rows(("all", "quarantine")), found


def encode_metrics(node: Node) -> bytes:
    """Return all metrics of a node as text."""
    lines = []
    for metric in collect(node):
        name = f"allonge_{metric.name}"
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
        lines += [f"{name}{rest} {value}" for rest, value in metric.samples.items()]
    return "\n".join([*lines, ""]).encode()
