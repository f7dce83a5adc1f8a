"""Who sees what a key did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.keys import key_id
from ledger.transactions import object_id
from tests.ledger.test_members import describe_key
from tests.node.serving import Served, found_world, serve_world
from tests.world import DAY_MS, ONE, World, default_actors, digest_of


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
    change_beta(world)
    return {**things, "key": key, "debtor": world.member("debtor")}


def change_beta(world: World) -> None:
    """Let beta add a key and end it, change its approvals and where it is paid."""
    beta = world.member("beta")
    new = describe_key(world, "second", "maker")
    world.act("key.add", {"key": new, "member": beta})
    item = key_id(bytes.fromhex(new["public"]))
    world.act("key.revoke", {"key": item, "member": beta})
    from_time = world.time + 3 * DAY_MS
    world.act("policy.set", {"from_time": from_time, "member": beta, "policy": ONE})
    world.register_payee("beta")
    account = {"attester": world.member("bank"), "commitment": digest_of("other")}
    account |= {"currency": "CNY", "member": beta}
    world.act("payout_account.register", account)


def test_a_member_hears_of_what_changes_for_it(served: Served) -> None:
    """Until it counts, or a week long; nobody else is told of it."""

    def told(reader: str) -> list[str]:
        rows = served.get("/v1/inbox", reader).json()["items"]
        return [row["what"] for row in rows if "what" in row]

    changes = ["a key was added", "a key was ended", "a change of approvals"]
    assert sorted(told("beta")) == sorted([*changes, "a change you can veto"])
    assert told("alpha") == ["a key was added", "a recovery you can veto"]
    assert told("gamma") == []
    # The only person of a firm waits twice as long for another account.
    served.advance(served.world.time + 6 * DAY_MS + DAY_MS // 2)
    assert sorted(told("beta")) == sorted(changes[:2])
    served.advance(served.world.time + DAY_MS)
    assert told("beta") == told("alpha") == []


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
