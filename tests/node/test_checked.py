"""Preparing with a check: the rule says no before anybody signs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.node.serving import Served, serve_world, sign_grant
from tests.world import World


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a node with a programme and a holding of alpha."""
    folder = tmp_path_factory.mktemp("node")
    world = World(folder=folder / "ledger")
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(10_000, "2026-03-02")
    with serve_world(world, folder) as served:
        served.receivable = receivable
        yield served


def prepare(served: Served, who: str, act: str, body: Any, **more: Any) -> Any:
    """Return the answer to a preparation."""
    headers = sign_grant(served.world, who) | {"Content-Type": "application/json"}
    raw = json.dumps({"body": body, **more})
    return served.client.post(f"/v1/prepare/{act}", content=raw, headers=headers)


def test_a_check_runs_the_rule_and_changes_nothing(served: Served) -> None:
    """Without it only the signers are asked for; the ledger stays as it is."""
    cut = {
        "input": served.world.input(served.receivable, 0),
        "receivable": served.receivable,
    }
    before = served.node.chain.header
    for cuts, code in (([5_000], None), ([20_000], "bad_cut")):
        body = {**cut, "cuts": cuts}
        assert prepare(served, "alpha", "receivable.split", body).status_code == 200
        found = prepare(served, "alpha", "receivable.split", body, check=True).json()
        assert found.get("code") == code
    assert served.node.chain.header == before
    assert served.world.tiles(served.receivable)[0]["hi"] == 10_000


def test_nobody_rehearses_what_others_sign_too(served: Served) -> None:
    """A check tells the only signer alone what sending it would tell."""
    world = served.world
    body = {
        "aware_overdue": False,
        "input": {**world.input(served.receivable, 0), "rev": 99},
        "part": {"hi": 10_000, "lo": 0},
        "receivable": served.receivable,
        "receiver": world.member("beta"),
        "recourse": "without",
    }
    answers = [
        prepare(served, "alpha", "receivable.transfer", body, **more)
        for more in ({}, {"check": True})
    ]
    assert len({answer.status_code for answer in answers}) == 1
    assert answers[0].json().get("code") == answers[1].json().get("code")


def test_a_check_is_yes_or_no(served: Served) -> None:
    """Anything else is no request."""
    found = prepare(served, "alpha", "ledger.tick", {}, check="yes").json()
    assert found["code"] == "bad_request"
