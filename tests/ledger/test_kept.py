"""What is kept of keys, members and policies is never older than they are."""

from __future__ import annotations

import pytest

from ledger.keys import SigningKey
from ledger.sealing import BlockInput
from ledger.state import Kind, Layer, State
from ledger.transactions import object_id
from tests.ledger.stage import TWO_ABOVE, world_of
from tests.ledger.test_members import describe_key
from tests.world import DAY_MS, World, digest_of, make_actor

KINDS = {"member": Kind("member"), "lot": Kind("lot")}
ONE = {
    "approvals": [{"action": "any", "bands": [{"persons": 1}]}],
    "offset_minutes": 0,
}


def trade() -> tuple[World, list[bytes]]:
    """Return a world that knows a firm's keys, and gifts its first key signed."""
    firm = make_actor("firm", "supplier", persons=2, policy=ONE)
    world = world_of(firm, make_actor("buyer", "supplier"))
    return world, [give(world) for _ in range(4)]


def give(world: World, amount: int = 1) -> bytes:
    """Return the gift of a new lot, signed by the firm's first key."""
    firm, buyer = world.actors["firm"], world.actors["buyer"]
    lot = object_id("lot", world.act("lot.new", {"owner": firm.id, "size": 9}), 0)
    body = {"amount_minor": amount, "currency": "CNY", "lo": 0, "lot": lot}
    keys = [firm.keys[0], *buyer.keys]
    return world.build("lot.give", {**body, "to": buyer.id}, keys=keys)


def suspension(world: World, act: str = "member.suspend") -> bytes:
    """Return the signed suspension of the firm, or its end."""
    body = {"member": world.member("firm"), "operator": world.member("operator")}
    return world.build(act, {**body, "reason": "test"})


def codes(world: World, *raws: bytes) -> dict[int, str]:
    """Seal a block; return which of its acts were dropped, and why."""
    return {n: error.code for n, error in world.seal(*raws).dropped}


def test_suspension_holds_within_its_block() -> None:
    """It stops the very next act, and its end lets the very next one go on."""
    world, gifts = trade()
    suspend = suspension(world)
    assert codes(world, gifts[0], suspend, gifts[1]) == {2: "member_suspended"}
    resume = suspension(world, "member.resume")
    found = codes(world, gifts[1], resume, gifts[2])
    assert found == {0: "member_suspended"}
    assert codes(world, gifts[1]) == {}


def test_block_that_is_not_committed_suspends_nobody() -> None:
    """What a candidate was told is gone with it."""
    world, gifts = trade()
    given = BlockInput(world.time + 1, [suspension(world), gifts[0]])
    assert [n for n, _ in world.chain.execute(given).dropped] == [1]
    assert codes(world, gifts[0]) == {}


def test_revoked_key_counts_to_the_end_of_its_block() -> None:
    """The block of its revocation is the last in which it signs."""
    world, gifts = trade()
    firm = world.actors["firm"]
    body = {"key": firm.keys[0].key_id, "member": firm.id}
    revoke = world.build("key.revoke", body, keys=firm.keys[1:])
    assert codes(world, gifts[0], revoke, gifts[1]) == {}
    assert codes(world, gifts[2]) == {0: "unknown_key"}


def test_added_key_counts_from_the_next_block() -> None:
    """A key that was unknown a moment ago is known as soon as it counts."""
    world, _ = trade()
    firm = world.member("firm")
    key = describe_key(world, "fresh", "admin", "checker", "maker")
    fresh = SigningKey.from_seed(bytes.fromhex(digest_of("fresh")))
    tick = world.build("ledger.tick", {"member": firm}, keys=[fresh], by=["firm"])
    add = world.build("key.add", {"key": key, "member": firm})
    assert codes(world, tick, add, tick) == {0: "unknown_key", 2: "unknown_key"}
    assert codes(world, tick) == {}


def test_policy_counts_from_its_millisecond() -> None:
    """Who was enough for any amount is not when the policy has changed."""
    world, gifts = trade()
    start = world.time + DAY_MS * 3
    body = {"from_time": start, "member": world.member("firm"), "policy": TWO_ABOVE}
    assert codes(world, gifts[0], world.build("policy.set", body), gifts[1]) == {}
    world.time = start - DAY_MS // 2
    late = give(world, 1001), give(world, 1001)
    world.time = start - 1
    assert codes(world, late[0]) == {}
    world.time = start
    assert codes(world, late[1]) == {0: "policy_not_met"}


@pytest.mark.parametrize("kind", ["member", "lot"])
def test_only_what_matters_empties_what_is_kept(kind: str) -> None:
    """Layers share what is kept until a member changes; a dropped one is nothing."""
    state = State(KINDS, bytes(32))
    block, matters = Layer(state, KINDS), kind == "member"
    dropped, above = Layer(block, KINDS), Layer(block, KINDS)
    for layer in (dropped, above):
        layer.put(b"k" * 32, {"id": "a", "kind": kind})
        assert (layer.people is not state.people) == matters
    assert block.people is state.people
    block.absorb(above)
    assert (block.people is not state.people) == matters
    before = state.people
    state.apply(block, state.map, 1)
    assert (state.people is not before) == matters
