"""Who sees what a key did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.transactions import object_id
from tests.ledger.test_members import describe_key
from tests.node.serving import Served, found_world, serve_world
from tests.world import DAY_MS, World, default_actors


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node on which alpha granted, recovered and sold something."""
    folder = tmp_path_factory.mktemp("sight")
    world = found_world(folder, actors=default_actors())
    things = play(world)
    with serve_world(world, folder) as node:
        node.things = things
        yield node


def play(world: World) -> dict[str, str]:
    """Return the ids of one thing of each kind."""
    alpha = world.member("alpha")
    world.let_see_all("auditor")
    world.open_account()
    things = {"programme": world.open_programme(), "member": alpha}
    world.issue_live(100, "2026-03-16")
    grant = {
        "auditor": world.member("auditor"),
        "covers": "member",
        "member": alpha,
        "subject": alpha,
        "until_ms": world.time + DAY_MS,
    }
    things["grant"] = object_id("grant", world.act("grant.give", grant), 0)
    key = world.actors["alpha"].keys[0].key_id
    new = describe_key(world, "new", "admin", "maker")
    body = {"ends": [key], "keys": [new], "member": alpha}
    world.act("recovery.start", body)
    return {**things, "key": key, "debtor": world.member("debtor")}


def test_operator_sees_what_a_key_did_as_far_as_it_sees_it_elsewhere(
    served: Served,
) -> None:
    """Acts on members, not those of commerce, in pages that can be followed."""
    url = f"/v1/keys/{served.things['key']}/acts"
    acts = {
        reader: [row["act"] for row in served.get(url, reader).json()["items"]]
        for reader in ("alpha", "operator")
    }
    assert acts["alpha"] == ["receivable.submit", "grant.give", "recovery.start"]
    assert acts["operator"] == ["grant.give", "recovery.start"]
    found, cursor = [], ""
    for _ in range(9):
        answer = served.get(f"{url}?limit=1{cursor}", "alpha").json()
        found += [row["act"] for row in answer["items"]]
        if "next_cursor" not in answer:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert found == acts["alpha"]
    for text in ("cursor=eA%3D%3D", "since=-1", "since=x"):
        assert served.get(f"{url}?{text}", "alpha").status_code == 400
