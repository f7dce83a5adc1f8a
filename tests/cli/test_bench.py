"""The bench measures what it says, and notices when a ledger misbehaves."""

from collections.abc import Iterator
from typing import Any

import pytest

from cli.bench.command import BUDGETS, MEASUREMENTS, run_bench
from cli.bench.ledger import (
    Bench,
    Plan,
    build,
    check_run,
    submit_load,
)
from cli.bench.workload import Workload
from ledger.encoding import decode, encode
from ledger.errors import LedgerError

TINY = Plan(
    holders=20,
    rounds=2,
    round_seconds=0.1,
    work_transfers=40,
    submits=5,
    limit_seconds=0.05,
)
NOW_MS = 1_795_132_800_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give a small filled ledger to load."""
    folder = tmp_path_factory.mktemp("bench")
    made = Bench(TINY, folder, Workload(TINY.holders, NOW_MS), lambda _text: None)
    with made.verifiers:
        build(made)
        yield made
    made.bare.close()


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """Give all rows of one tiny run."""
    return run_bench(TINY, MEASUREMENTS)


def test_every_row_is_measured(result: dict[str, Any]) -> None:
    """A run of everything has each row once, in order, with a positive value."""
    assert [row["name"] for row in result["rows"]] == list(BUDGETS)
    assert all(float(row["value"]) > 0 for row in result["rows"])


def test_shares_are_shares(result: dict[str, Any]) -> None:
    """Nothing verifies much faster than the machine that does nothing else.

    What else the machine did while the one was measured may have ended meanwhile.
    """
    shares = [
        float(row["value"]) for row in result["rows"] if "verify limit" in row["unit"]
    ]
    assert len(shares) == 3
    assert all(share < 10 for share in shares)


def test_planted_refusals_are_counted(result: dict[str, Any]) -> None:
    """Of a hundred transfers two are planted, and only the others count."""
    row = next(row for row in result["rows"] if row["name"] == "transfer")
    detail = row["detail"]
    assert detail["refused"] * 49 == detail["committed"]
    assert detail["rounds"] == TINY.rounds


def test_stages_add_up(result: dict[str, Any]) -> None:
    """Stages outside verification are the value of the row."""
    row = next(row for row in result["rows"] if row["name"] == "work")
    stages = {k: float(v) for k, v in row["detail"].items() if k.endswith("_us")}
    outside = sum(stages.values()) - stages["verify_us"]
    # What lies between the clocks is spread over few transfers here.
    assert outside == pytest.approx(float(row["value"]), rel=0.05)


def test_result_is_canonical(result: dict[str, Any]) -> None:
    """What ``--json`` prints is canonical JSON: numbers are text or whole."""
    assert decode(encode(result)) == result


def test_load_is_refused_where_planted(filled: Bench) -> None:
    """False signatures and double spends are refused to the last one."""
    with filled.copied() as (chain, _folder):
        load = filled.workload.transfers(chain, 200)
        run = submit_load(chain, load.envelopes, filled.verifiers)
    assert (load.bad, load.double, run.committed) == (2, 2, 196)
    assert run.refused == {"bad_signature": 2, "stale_input": 2}
    check_run(load, run)


def test_wrong_count_ends_the_run(filled: Bench) -> None:
    """A ledger that commits too little gives no figures."""
    with filled.copied() as (chain, _folder):
        load = filled.workload.transfers(chain, 10, planted=False)
        run = submit_load(chain, load.envelopes[1:], filled.verifiers)
    with pytest.raises(LedgerError) as caught:
        check_run(load, run)
    assert caught.value.code == "bench_contradiction"


def test_copies_leave_nothing(filled: Bench) -> None:
    """A measurement neither changes the filled ledger nor leaves its copy."""
    with filled.copied() as (chain, folder):
        head = chain.header.hash.hex()
        load = filled.workload.transfers(chain, 10)
        submit_load(chain, load.envelopes, filled.verifiers)
    with filled.copied() as (chain, _folder):
        assert chain.header.hash.hex() == head == filled.head
    assert not folder.exists()
