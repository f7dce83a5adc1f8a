"""What is public: hashes and proofs of the log; and what the machine may measure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from ledger.log import TILE_WIDTH, root_of, verify_consistency, verify_inclusion
from node.api import create_app
from tests.node.serving import Served, found_world, serve_world, tick
from tests.world import digest_of


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node whose log is longer than one tile."""
    folder = tmp_path_factory.mktemp("log")
    world = found_world(folder)
    world.open_account()
    with serve_world(world, folder) as node:
        lines = b"\n".join(tick(world, "alpha") for _ in range(300))
        headers = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
        node.client.post("/v1/transactions", content=lines, headers=headers)
        yield node


def test_tiles_rebuild_the_root(served: Served) -> None:
    """Whole and partial tiles of level 0 hold every leaf; level 1 holds their roots."""
    size = served.node.chain.header.size
    whole, rest = divmod(size, TILE_WIDTH)
    raw = b""
    places = [f"{index:03d}" for index in range(whole)]
    for place in [*places, *([f"{whole:03d}.p/{rest}"] if rest else [])]:
        answer = served.client.get(f"/v1/log/tile/0/{place}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        raw += answer.content
    leaves = [raw[n : n + 32] for n in range(0, len(raw), 32)]
    assert len(leaves) == size
    assert root_of(leaves) == served.node.chain.log.root()
    first = served.client.get("/v1/log/tile/1/000.p/1").content
    assert first == root_of(leaves[:TILE_WIDTH])


def test_proofs_verify(served: Served) -> None:
    """Of a leaf, and of growth, each against roots that it names."""
    size = served.node.chain.header.size
    for index in (0, 40, size - 1):
        told = served.client.get(f"/v1/log/inclusion?index={index}").json()
        proof = [bytes.fromhex(each) for each in told["proof"]]
        leaf, root = (bytes.fromhex(told[name]) for name in ("leaf_hash", "root"))
        assert leaf == served.node.chain.log.leaf_hash(index)
        verify_inclusion(leaf, index, told["size"], proof, root)
    told = served.client.get(f"/v1/log/consistency?from=41&to={size}").json()
    proof = [bytes.fromhex(each) for each in told["proof"]]
    roots = [bytes.fromhex(told[name]["root"]) for name in ("old", "new")]
    assert roots[1] == served.node.chain.log.root()
    verify_consistency(41, size, proof, *roots)


def test_the_checkpoint_is_where_tile_clients_look(served: Served) -> None:
    """The same note by both of its paths."""
    served.node.checkpoints.sign_head()
    notes = [
        served.client.get(f"/v1/{path}").content
        for path in ("log/checkpoint", "checkpoints/latest")
    ]
    assert notes[0] == notes[1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tile/0/999", 404),
        ("tile/0/000.p/0", 400),
        ("tile/0/000.p/257", 400),
        ("tile/0/000.p/256", 400),
        ("tile/0/x000/000", 400),
        ("tile/0/0", 400),
        ("tile/9/000", 400),
        ("tile/64/000", 400),
        ("tile/entries/000", 400),
        ("inclusion", 400),
        ("inclusion?index=99999", 404),
        ("inclusion?index=5&size=5", 404),
        ("consistency?from=0", 404),
        ("consistency?from=9&to=8", 404),
    ],
)
def test_what_the_log_does_not_have(served: Served, path: str, status: int) -> None:
    """Each is a problem by name; what entries hold is not public."""
    answer = served.client.get(f"/v1/log/{path}")
    assert answer.status_code == status
    assert answer.json()["code"] in ("bad_tile", "beyond_log", "bad_request")


def metrics(served: Served, **headers: str) -> dict[str, float]:
    """Return the samples a program on this machine is told."""
    near = TestClient(create_app(served.node), client=("127.0.0.1", 9))
    answer = near.get("/metrics", headers=headers)
    if answer.status_code != 200:
        return {}
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [line for line in answer.text.splitlines() if line[0] != "#"]
    form = re.compile(r'allonge_[a-z_]+(\{code="[a-z_]+"\})? [-+0-9.e]+')
    assert all(form.fullmatch(line) for line in samples)
    return {name: float(value) for name, value in (s.rsplit(" ", 1) for s in samples)}


def test_metrics_count_what_happens(served: Served) -> None:
    """Sealed, refused, waiting; where log, rows, index and checkpoint stand."""
    before = metrics(served)
    world = served.world
    body = {"offer": digest_of("none")}
    served.post(tick(world, "alpha"))
    served.post(world.build("offer.decline", body, by=["gamma"]))
    after = metrics(served)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['allonge_transactions_total{code="ok"}'] == 1
    refused = [name for name in grown if name.startswith("allonge_refusals_total{")]
    assert [grown[name] for name in refused if grown[name]] == [1]
    assert grown["allonge_blocks_total"] == grown["allonge_height"] == 1
    assert grown["allonge_block_seconds_count"] == 1
    assert grown["allonge_verify_seconds_count"] == 2
    assert grown["allonge_log_size"] == 2
    heights = {after[f"allonge_{name}height"] for name in ("", "log_", "rows_")}
    assert heights == {served.node.chain.header.height}
    for name in ("pending_transactions", "jobs_quarantined", "discrepancies_open"):
        assert after[f"allonge_{name}"] == 0
    assert not [name for name in after if world.member("alpha")[:8] in name]


def test_metrics_are_for_this_machine(served: Served) -> None:
    """Elsewhere, and through a proxy that says so, there are none, unless opened."""
    assert served.client.get("/metrics").status_code == 404
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert metrics(served, **forwarded) == {}
    opened = TestClient(create_app(served.node, shows_metrics=True))
    assert opened.get("/metrics").status_code == 200
