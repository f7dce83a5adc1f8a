"""``allonge bench``: what this software does on this machine, against budgets.

The unit of every rate is measured in the same run, so that a slow or shared
machine moves both sides of a ratio. A missed budget is shown, not an error.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from cli.terminal import json_option, print_facts, print_json, print_note, print_table
from cli.typed import flag, option
from ledger.encoding import JSONObject

TILES_A_HOLDER: Final = 20
MEASUREMENTS: Final = (
    *("transfer", "work", "pair", "submit"),
    *("http", "sweep", "audit", "start"),
)


class Budget(NamedTuple):
    """A row: what is measured and what it is to reach.

    Attributes:
        title: what the row is about.
        unit: of value and target.
        places: decimals that mean something.
        most: largest value that is right, if there is one.
        least: smallest value that is right, if there is one.
    """

    title: str
    unit: str
    places: int
    most: float | None = None
    least: float | None = None

    @property
    def target(self) -> str:
        """The target as text, empty if the row is only reported."""
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}"

    def judge(self, value: float) -> str:
        """Return ``ok``, ``miss``, or ``report`` for a row without target."""
        if self.least is not None:
            return "ok" if value >= self.least else "miss"
        if self.most is not None:
            return "ok" if value <= self.most else "miss"
        return "report"


LIMIT: Final = "of the verify limit"
BUDGETS: Final = {
    "transfer": Budget("joint transfer", LIMIT, 3, least=0.40),
    "work": Budget("work outside verification, joint transfer", "us", 1, most=120),
    "pair": Budget("offer and acceptance", LIMIT, 3),
    "submit_p50": Budget("one durable submit and wait, p50", "ms", 2, most=3),
    "submit_p99": Budget("one durable submit and wait, p99", "ms", 2, most=10),
    "http_many": Budget("many over HTTP", "of in process", 2),
    "http_submit_p50": Budget("one submit over HTTP, p50", "ms", 2),
    "http_submit_p99": Budget("one submit over HTTP, p99", "ms", 2),
    "sweep": Budget("sweep over all holdings", "s", 2, most=10),
    "sweep_block": Budget("longest block of the sweep", "ms", 0),
    "audit": Budget("full audit", LIMIT, 3),
    "start": Budget("start from a snapshot", "s", 2),
    "memory": Budget("memory a holding, everything", "bytes", 0),
}


@click.command("bench")
@json_option
@flag("--quick", "Smaller sizes: under a minute.")
@option(
    "--seconds",
    click.FloatRange(0.1, 120),
    "Seconds a round of the throughput rows; 3, or 0.8 if quick.",
)
@option(
    "--holdings",
    click.IntRange(400, 2_000_000),
    "How many holdings; 100000, or 10000 if quick.",
)
@option(
    "--row names",
    click.Choice(MEASUREMENTS),
    "Only these measurements; may be repeated.",
    multiple=True,
)
@option(
    "--folder",
    click.Path(path_type=Path, exists=True, file_okay=False),
    "Where to keep the ledgers meanwhile; it decides what a sync costs.",
)
def bench(
    *,
    as_json: bool,
    quick: bool,
    seconds: float | None,
    holdings: int | None,
    names: tuple[str, ...],
    folder: Path | None,
) -> None:
    """Measure rates, work, delays, memory and sweeps against their budgets.

    A ledger is founded and filled in a temporary folder by signed acts, then
    loaded, paid out, replayed and audited. Rates are shares of the rate at
    which this machine verifies signatures on two cores and does nothing else.
    """
    from cli.bench.ledger import QUICK, Plan

    plan = QUICK if quick else Plan()
    if holdings is not None:
        plan = replace(plan, holders=holdings // TILES_A_HOLDER)
    if seconds is not None:
        plan = replace(plan, round_seconds=seconds)
    result = run_bench(plan, names or MEASUREMENTS, folder, print_note)
    result["quick"] = quick
    if as_json:
        print_json(result)
    else:
        show(result)


def run_bench(
    plan: Any,
    names: Sequence[str],
    folder: Path | None = None,
    note: Callable[[str], None] = lambda _text: None,
) -> JSONObject:
    """Return the rows of the named measurements and what they depend on.

    Args:
        plan: how much is measured, a ``cli.bench.ledger.Plan``.
        names: out of ``MEASUREMENTS``.
        folder: where ledgers are kept meanwhile; the system's if None.
        note: told what is going on.

    Raises:
        LedgerError: ``bench_contradiction``, a count or total is wrong, so
            that no figure can be trusted; ``storage_failed``.
    """
    from cli.bench.ledger import Bench, build
    from cli.bench.rows import measure
    from cli.bench.workload import Workload

    began = time.monotonic()
    # Clean-up may lag behind an interrupt while processes still end.
    with tempfile.TemporaryDirectory(
        prefix="allonge-bench-", dir=folder, ignore_cleanup_errors=True
    ) as name:
        work = Workload(plan.holders, time.time_ns() // 1_000_000)
        made = Bench(plan, Path(name), work, note)
        with made.verifiers:
            build(made)
            try:
                figures = measure(made, names)
                setting = describe_run(made)
            finally:
                made.bare.close()
    rows = [describe_row(*figure) for figure in figures]
    rows.sort(key=lambda row: list(BUDGETS).index(row["name"]))
    setting["seconds"] = decimal(time.monotonic() - began, 1)
    return {"machine": setting, "rows": rows}


def describe_run(made: Any) -> JSONObject:
    """Return machine, sizes and the bare costs measured beside the rows."""
    from cli.bench.yardstick import describe_machine, sync_p50_ms

    one = made.bare.measure(made.plan.limit_seconds, cores=1)
    two = made.bare.measure(made.plan.limit_seconds)
    return {
        **describe_machine(),
        "build_seconds": decimal(made.build_seconds, 1),
        "holders": made.workload.count,
        "holdings": made.workload.tiles,
        "sync_p50_ms": decimal(sync_p50_ms(made.folder), 3),
        "verify_one_core": int(one.a_second),
        "verify_two_cores": int(two.a_second),
        "verify_us": decimal(one.cpu_us, 1),
    }


def describe_row(
    name: str, value: float, how: str, detail: dict[str, str | int]
) -> JSONObject:
    """Return a figure with its budget, numbers as decimal text."""
    budget = BUDGETS[name]
    row: JSONObject = {
        "how": how,
        "name": name,
        "title": budget.title,
        "unit": budget.unit,
        "value": decimal(value, budget.places),
        "verdict": budget.judge(value),
    }
    if budget.target:
        row["target"] = budget.target
    return {**row, "detail": detail} if detail else row


def decimal(value: float, places: int) -> str:
    """Return a number as decimal text: canonical JSON knows no other."""
    return f"{value:.{places}f}"


def show(result: JSONObject) -> None:
    """Print the rows as a table, and below what they depend on."""
    columns = ("", "value", "unit", "target", "", "how")
    rows = []
    for row in result["rows"]:
        target = row.get("target", "")
        cells = (row["value"], row["unit"], target, row["verdict"], row["how"])
        rows.append((row["title"], *cells))
    print_table(columns, rows, numeric=(1,))
    print_note("")
    for row in result["rows"]:
        for name, value in row.get("detail", {}).items():
            print_note(f"{row['name']}: {name.replace('_', ' ')} {value}")
    print_facts({name.replace("_", " "): v for name, v in result["machine"].items()})
    if result["quick"]:
        print_note("Quick sizes: use it to look for changes, not to judge budgets.")
