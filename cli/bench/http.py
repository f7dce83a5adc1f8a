"""The rows of ``allonge bench`` that need a node: the same load over HTTP.

The node is a process of its own on a copy of the filled ledger, and the
client shares the two cores with it, as everything here does.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cli.bench.ledger import (
    Bench,
    Figure,
    Run,
    check_run,
    cut_blocks,
    expect,
    leave,
    percentile,
    submit_load,
)
from cli.bench.yardstick import Watch
from ledger.chain import Chain
from ledger.errors import LedgerError

PATH: Final = "/v1/transactions"
CONNECTIONS: Final = 4
START_SECONDS_MAX: Final = 120
WAIT_SECONDS: Final = 30
ONE: Final = "application/vnd.dsse+json"
MANY: Final = "application/x-ndjson"


class Post:
    """One connection to a node that stays open."""

    def __init__(self, url: str) -> None:
        """Connect at the first request."""
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)

    def send(self, raw: bytes, kind: str) -> Any:
        """Return the answer to a submission once its outcome is durable.

        Raises:
            LedgerError: ``node_failed``, no answer or another than success.
        """
        asked = {"Content-Type": kind, "Prefer": f"wait={WAIT_SECONDS}"}
        try:
            self._connection.request("POST", PATH, raw, asked)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            raise LedgerError("node_failed", found=type(error).__name__) from error
        if response.status != 200:
            raise LedgerError("node_failed", found=f"HTTP status {response.status}")
        return json.loads(body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Yield the URL of a node on a ledger folder; it is stopped afterwards.

    Raises:
        LedgerError: ``node_failed``, it does not start.
    """
    command = [sys.executable, "-m", "node", "start", "--data", str(folder)]
    with subprocess.Popen(  # noqa: S603 - our own module on our own folder
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as node:
        try:
            line = b"" if node.stdout is None else node.stdout.readline()
            if not line.startswith(b"{") or b'"url"' not in line:
                raise LedgerError("node_failed", found="it did not start")
            yield json.loads(line)["url"]
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(START_SECONDS_MAX)


def measure_http(bench: Bench) -> list[Figure]:
    """Measure the same load in process and over HTTP, then single submits."""
    plan, work = bench.plan, bench.workload
    wanted = max(200, int(bench.pace * plan.round_seconds) // 100 * 100)
    with bench.copied() as (chain, folder):
        own = work.transfers(chain, wanted)
        inside = submit_load(chain, own.envelopes, bench.verifiers)
        check_run(own, inside)
        load = work.transfers(chain, wanted)
        singles = work.transfers(chain, plan.submits, planted=False).envelopes
        leaves = chain.log.size - chain.header.height
        chain.close()
        chain.store = None
        with serving(folder) as url:
            over = post_many(url, load.envelopes)
            check_run(load, over)
            taken = post_singles(url, singles)
        check_present(folder, leaves + load.sound + len(singles))
    detail: dict[str, str | int] = {
        "committed": over.committed,
        "committed_a_second": int(over.a_second),
        "in_process_a_second": int(inside.a_second),
        "refused": over.refused.total(),
    }
    how = "500 transfers a request, four connections, client on the same cores"
    alone = f"{len(singles)} transfers one by one over one connection"
    return [
        Figure("http_many", over.a_second / inside.a_second, how, detail),
        Figure("http_submit_p50", percentile(taken, 50), alone, {}),
        Figure("http_submit_p99", percentile(taken, 99), alone, {}),
    ]


def post_many(url: str, envelopes: Sequence[bytes]) -> Run:
    """Return what came of envelopes sent many at a time."""
    run = Run()
    parts = deque(cut_blocks(envelopes))

    def send_parts() -> Counter[str]:
        found: Counter[str] = Counter()
        post = Post(url)
        while parts:
            try:
                part = parts.popleft()
            except IndexError:
                break
            for row in post.send(b"\n".join(part), MANY)["results"]:
                found[row.get("code", row["status"])] += 1
        post.close()
        return found

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        run.watch = Watch()
        jobs = [pool.submit(send_parts) for _ in range(CONNECTIONS)]
        for job in jobs:
            run.refused.update(job.result())
        run.watch.stop()
    run.committed = run.refused.pop("committed", 0)
    return run


def post_singles(url: str, envelopes: Sequence[bytes]) -> list[float]:
    """Return the milliseconds of single submissions, rising."""
    post, taken = Post(url), []
    for raw in envelopes:
        began = time.perf_counter()
        found = post.send(raw, ONE)
        taken.append((time.perf_counter() - began) * 1e3)
        expect("status", "committed", found.get("status"))
    post.close()
    return sorted(taken)


def check_present(folder: Path, leaves: int) -> None:
    """Return if all that a node acknowledged is on its ledger.

    Raises:
        LedgerError: ``bench_contradiction``; those of ``Chain.open``.
    """
    chain = Chain.open(folder)
    leave(chain)
    # Besides the transactions there is one leaf a header.
    found = chain.log.size - chain.header.height
    expect("leaves", leaves, found)
