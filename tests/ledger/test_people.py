"""Lost keys, firms of one person, roles after admission, and what auditors see."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.keys import SigningKey
from ledger.state import read_record
from tests.ledger.stage import TWO_ABOVE, world_of
from tests.ledger.test_members import code_of, describe_key, try_act
from tests.world import DAY_MS, Actor, World, digest_of, make_actor

DELAY_MS = 2 * DAY_MS
TWO_PERSONS = {
    "approvals": [{"action": "any", "bands": [{"persons": 2}]}],
    "offset_minutes": 0,
}


def key_named(seed: str) -> SigningKey:
    """Return the key that ``describe_key`` describes."""
    return SigningKey.from_seed(bytes.fromhex(digest_of(seed)))


def recovery(
    world: World, firm: Actor, *lost: int, seed: str = "fresh", **fields: Any
) -> dict[str, Any]:
    """Return the body that puts one new key in the place of lost ones."""
    new = describe_key(world, seed, "admin", "checker", "maker")
    ends = [firm.keys[n].key_id for n in lost]
    return {"ends": ends, "keys": [new], "member": firm.id, **fields}


def by_platform(world: World, guardian: str = "regulator") -> dict[str, str]:
    """Return the fields by which operator and guardian recover keys."""
    return {
        "document": digest_of("identity check"),
        "guardian": world.member(guardian),
        "operator": world.member("operator"),
    }


def tick(world: World, firm: Actor, key: SigningKey) -> str:
    """Let a key sign an act of its member; return the code."""
    world.time += 1
    return try_act(world, "ledger.tick", {"member": firm.id}, keys=[key], by=["firm"])


def two_persons() -> tuple[World, Actor]:
    """Return a world with a firm that takes two persons for everything."""
    firm = make_actor("firm", "supplier", persons=2, policy=TWO_PERSONS)
    return world_of(firm), firm


# --- recovery


def test_one_admin_recovers_the_key_of_another_after_a_delay() -> None:
    """The new key counts from its millisecond on, and the lost one no more."""
    firm = make_actor("firm", "supplier", persons=2)
    world = world_of(firm)
    kept, lost = firm.keys
    start = world.time + 1
    body = recovery(world, firm, 1)
    assert try_act(world, "recovery.start", body, keys=[kept]) == "ok"
    world.time = start + DELAY_MS - 3
    fresh = key_named("fresh")
    assert tick(world, firm, fresh) == "unknown_key"
    assert tick(world, firm, lost) == "ok"
    assert world.chain.header.time == start + DELAY_MS - 1
    world.time = start + DELAY_MS
    assert tick(world, firm, fresh) == "ok"
    assert tick(world, firm, lost) == "unknown_key"


def test_recovery_needs_one_admin_where_the_policy_needs_two() -> None:
    """Who has lost the second key cannot meet the policy, and need not."""
    world, firm = two_persons()
    key = {"key": describe_key(world, "fresh", "admin"), "member": firm.id}
    assert try_act(world, "key.add", key, keys=firm.keys[:1]) == "policy_not_met"
    body = recovery(world, firm, 1)
    assert try_act(world, "recovery.start", body, keys=firm.keys[:1]) == "ok"
    assert try_act(world, "key.add", key, keys=firm.keys[:1]) == "policy_not_met"


def test_maker_recovers_nothing() -> None:
    """Only an admin starts a recovery; every key may stop one."""
    firm = make_actor("firm", "supplier", persons=2)
    firm.duties = [["admin"], ["maker"]]
    world = world_of(firm)
    admin, maker = firm.keys
    body = recovery(world, firm, 0)
    assert try_act(world, "recovery.start", body, keys=[maker]) == "policy_not_met"
    assert try_act(world, "recovery.start", body, keys=[admin]) == "ok"
    assert try_act(world, "recovery.veto", {"member": firm.id}, keys=[maker]) == "ok"


def test_old_key_vetoes() -> None:
    """A veto leaves everything as it was, and the new key never counts."""
    world, firm = two_persons()
    body = recovery(world, firm, 1)
    veto = {"member": firm.id}
    assert try_act(world, "recovery.veto", veto, keys=firm.keys) == "no_recovery"
    assert try_act(world, "recovery.start", body, keys=firm.keys[:1]) == "ok"
    again = recovery(world, firm, 1, seed="other")
    pending = try_act(world, "recovery.start", again, keys=firm.keys[:1])
    assert pending == "recovery_pending"
    assert try_act(world, "recovery.veto", veto, keys=firm.keys[1:]) == "ok"
    assert read_record(world.chain.state, "recovery", firm.id) is None
    world.time += 3 * DELAY_MS
    assert "until_time" not in world.read("key", firm.keys[1].key_id)
    assert tick(world, firm, key_named("fresh")) == "unknown_key"
    assert try_act(world, "recovery.start", again, keys=firm.keys[:1]) == "ok"
    world.time += DELAY_MS
    late = try_act(world, "recovery.veto", veto, keys=firm.keys[:1])
    assert late == "no_recovery"


@pytest.mark.parametrize(
    ("change", "persons", "code"),
    [
        ({}, 1, "ok"),
        ({}, 2, "recovery_own"),
        ({"document": None}, 1, "bad_body"),
        ({"operator": None}, 1, "bad_body"),
        ({"guardian": None}, 1, "wrong_signers"),
        ({"guardian": "firm"}, 1, "group_conflict"),
        ({"guardian": "lender"}, 1, "group_conflict"),
        ({"guardian": "operator"}, 1, "role_missing"),
        ({"operator": "lender"}, 1, "role_missing"),
    ],
    ids=[
        *("one_person", "two_persons", "no_check", "no_operator", "no_guardian"),
        *("itself", "its_group", "the_operator", "no_operators_role"),
    ],
)
def test_platform_recovers_for_one_person_with_a_guardian(
    change: dict[str, Any], persons: int, code: str
) -> None:
    """Operator and a lender or regulator of another group, never one of them alone."""
    firm = make_actor("firm", "lender", persons=persons, group="blue")
    world = world_of(firm)
    fields = by_platform(world) | {
        name: world.member(value) if value else None for name, value in change.items()
    }
    body = {
        name: value
        for name, value in recovery(world, firm, 0, **fields).items()
        if value is not None
    }
    by = sorted({"operator", *(["regulator"] if code == "ok" else [])})
    assert code_of(world, world.build("recovery.start", body, by=by)) == code


def test_platform_waits_twice_as_long_and_the_old_key_can_stop_it() -> None:
    """A platform that recovers what was never lost is stopped by its owner."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    body = recovery(world, firm, 0, **by_platform(world))
    keys = world.actors["operator"].keys
    alone = world.build("recovery.start", body, by=["operator"], keys=keys)
    assert code_of(world, alone) == "wrong_signers"
    start = world.time + 1
    assert try_act(world, "recovery.start", body) == "ok"
    planned = world.read("recovery", firm.id)
    assert planned["from_time"] == start + 2 * DELAY_MS
    assert try_act(world, "recovery.veto", {"member": firm.id}) == "ok"
    assert tick(world, firm, firm.keys[0]) == "ok"


def test_recovery_moves_authority_and_never_holdings() -> None:
    """What the member owns stays the member's; only who signs for it changes."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    world.act("lot.new", {"owner": firm.id, "size": 5})
    before = {
        key: raw
        for key, raw in world.chain.state.records.items()
        if b'"kind":"lot"' in raw or b'"kind":"tile"' in raw
    }
    assert try_act(world, "recovery.start", recovery(world, firm, 0)) == "ok"
    records = world.chain.state.records
    assert {key: records[key] for key in before} == before


@pytest.mark.parametrize(
    ("ends", "duties", "code"),
    [
        ([0, 1], ("maker",), "last_admin"),
        ([0], ("maker",), "ok"),
        ([], ("admin",), "bad_body"),
    ],
    ids=["no_admin_left", "another_admin", "nothing_lost"],
)
def test_recovery_leaves_an_admin(
    ends: list[int], duties: tuple[str, ...], code: str
) -> None:
    """Afterwards somebody can still act on the member's keys."""
    firm = make_actor("firm", "supplier", persons=2)
    world = world_of(firm)
    body = recovery(world, firm, *ends)
    body["keys"] = [describe_key(world, "fresh", *duties)]
    keys = [firm.keys[1]]
    assert try_act(world, "recovery.start", body, keys=keys, by=["firm"]) == code


def test_recovery_ends_keys_of_the_member_only() -> None:
    """Another member's key, or one that has ended, is not found."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    body = recovery(world, firm, 0)
    foreign = {**body, "ends": [world.actors["lender"].keys[0].key_id]}
    assert try_act(world, "recovery.start", foreign) == "not_found"
    taken = {**body, "keys": [firm.describe(world.chain.chain_id)["keys"][0]]}
    assert try_act(world, "recovery.start", taken) == "key_taken"


def test_key_that_a_recovery_plans_keeps_no_other_from_being_the_last() -> None:
    """Until it counts it may be vetoed, so the old admin stays."""
    firm = make_actor("firm", "supplier", persons=2)
    firm.duties = [["admin"], ["maker"]]
    world = world_of(firm)
    body = recovery(world, firm, 1)
    assert try_act(world, "recovery.start", body, keys=firm.keys[:1]) == "ok"
    revoke = {"key": firm.keys[0].key_id, "member": firm.id}
    assert try_act(world, "key.revoke", revoke, keys=firm.keys[:1]) == "last_admin"


# --- compromise


def test_key_is_flagged_even_after_it_ended() -> None:
    """The earliest height stands; flagging alone ends no key."""
    firm = make_actor("firm", "supplier", persons=2)
    world = world_of(firm)
    lost = firm.keys[1].key_id
    flag = {"key": lost, "member": firm.id, "since_height": 7}
    keys = firm.keys[:1]
    assert try_act(world, "key.compromised", flag, keys=keys) == "ok"
    height = world.chain.header.height
    assert world.read("key", lost)["compromised_since_height"] == height
    revoke = {"key": lost, "member": firm.id}
    assert try_act(world, "key.revoke", revoke, keys=keys) == "ok"
    flag["since_height"] = 0
    assert try_act(world, "key.compromised", flag, keys=keys) == "ok"
    assert world.read("key", lost)["compromised_since_height"] == 0
    flag["key"] = world.actors["lender"].keys[0].key_id
    assert try_act(world, "key.compromised", flag, keys=keys) == "not_found"


# --- firms of one person


def give(world: World, lot: str, amount: int) -> str:
    """Let the firm give a lot to the lender at once; return the code."""
    body = {
        "amount_minor": amount,
        "currency": "CNY",
        "lo": 0,
        "lot": lot,
        "to": world.member("lender"),
    }
    return code_of(world, world.build("lot.give", body))


@pytest.mark.parametrize(
    ("persons", "keys", "amount", "code"),
    [
        (1, 1, 1000, "ok"),
        (1, 1, 1001, "one_person"),
        (2, 1, 1001, "policy_not_met"),
        (2, 2, 1001, "ok"),
    ],
    ids=["in_its_band", "above_it", "one_of_two", "both"],
)
def test_one_person_gives_at_once_in_its_band_only(
    persons: int, keys: int, amount: int, code: str
) -> None:
    """Above it the firm is told to offer; where there is another person, to ask it."""
    firm = make_actor("firm", "supplier", persons=persons, policy=TWO_ABOVE)
    world = world_of(firm)
    tx = world.act("lot.new", {"owner": firm.id, "size": 9}, keys=firm.keys)
    lot = digest_of("")
    for record in world.chain.state.records.values():
        if b'"kind":"lot"' in record:
            lot = record.split(b'"id":"')[1][:64].decode()
    assert tx
    firm.keys = firm.keys[:keys]
    assert give(world, lot, amount) == code


@pytest.mark.parametrize(
    ("act", "persons", "keys", "code"),
    [
        ("key.add", 1, 1, "ok"),
        ("key.add", 2, 1, "policy_not_met"),
        ("lot.new", 1, 1, "ok"),
        ("lot.new", 2, 1, "policy_not_met"),
        ("ledger.tick", 1, 1, "policy_not_met"),
    ],
    ids=["keys", "keys_of_two", "submitting", "of_two", "anything_else"],
)
def test_one_person_submits_and_keeps_its_keys_alone(
    act: str, persons: int, keys: int, code: str
) -> None:
    """A policy of two persons binds nobody who is alone in what only it can do."""
    firm = make_actor("firm", "supplier", persons=persons, policy=TWO_PERSONS)
    world = world_of(firm)
    bodies: dict[str, dict[str, Any]] = {
        "key.add": {"key": describe_key(world, "new", "maker"), "member": firm.id},
        "ledger.tick": {"member": firm.id},
        "lot.new": {"owner": firm.id, "size": 1},
    }
    assert try_act(world, act, bodies[act], keys=firm.keys[:keys]) == code


def test_policy_change_takes_the_old_top_band_over_all_classes() -> None:
    """A limit on what is given is not lifted by whoever may change the rest."""
    firm = make_actor("firm", "supplier", persons=3, policy=TWO_ABOVE)
    firm.duties = [["admin"], ["checker"], ["maker"]]
    world = world_of(firm)
    loose = {"approvals": [TWO_ABOVE["approvals"][0]], "offset_minutes": 0}  # type: ignore[index]
    body = {
        "from_time": world.time + 5 * DAY_MS,
        "member": firm.id,
        "policy": loose,
    }
    admin, checker, maker = firm.keys
    assert try_act(world, "policy.set", body, keys=[admin]) == "policy_not_met"
    both = try_act(world, "policy.set", body, keys=[checker, maker])
    assert both == "policy_not_met"
    assert try_act(world, "policy.set", body, keys=[admin, checker]) == "ok"


# --- roles and grants


def change_roles(
    world: World, member: str, *roles: str, guardian: str = "regulator"
) -> dict[str, Any]:
    """Return the body of a grant or removal of roles."""
    return {
        "guardian": world.member(guardian),
        "member": world.member(member),
        "operator": world.member("operator"),
        "reason": "agreed",
        "roles": list(roles),
    }


@pytest.mark.parametrize(
    ("act", "member", "roles", "guardian", "code"),
    [
        ("role.grant", "firm", ["debtor"], "regulator", "ok"),
        ("role.grant", "firm", ["lender"], "regulator", "ok"),
        ("role.grant", "firm", ["lender", "supplier"], "regulator", "role_change"),
        ("role.grant", "firm", ["lender"], "lender", "group_conflict"),
        ("role.grant", "firm", ["lender"], "operator", "role_missing"),
        ("role.grant", "regulator", ["lender"], "regulator", "group_conflict"),
        ("role.grant", "firm", ["king"], "regulator", "bad_body"),
        ("role.grant", "firm", ["operator"], "regulator", "role_change"),
        ("role.grant", "operator", ["lender"], "regulator", "role_change"),
        ("role.remove", "firm", ["supplier"], "regulator", "ok"),
        ("role.remove", "firm", ["supplier", "debtor"], "regulator", "role_change"),
        ("role.remove", "firm", ["lender"], "regulator", "role_change"),
        ("role.remove", "lender", ["lender"], "regulator", "role_change"),
        ("role.remove", "operator", ["operator"], "regulator", "role_change"),
    ],
    ids=[
        *("plain", "trusted", "has_one", "same_group", "no_guardian", "itself"),
        *("unknown", "party_to_operator", "operator_to_party", "removed"),
        *("not_all_there", "not_there", "its_last", "operators_own"),
    ],
)
def test_roles_change_by_signers_of_two_kinds(
    act: str, member: str, roles: list[str], guardian: str, code: str
) -> None:
    """After admission no role comes or goes by the operator alone."""
    world = world_of(
        make_actor("firm", "supplier", "appraiser", group="blue"),
    )
    body = change_roles(world, member, *roles, guardian=guardian)
    by = sorted({"operator", guardian})
    raw = world.build(act, body, by=by)
    assert code_of(world, raw) == code
    if code == "ok":
        alone = world.build(act, body, by=by, keys=world.actors["operator"].keys)
        assert code_of(world, alone) == "wrong_signers"


def test_granted_role_counts() -> None:
    """A member made lender vouches for others; removed, it does not."""
    world = world_of(make_actor("firm", "supplier"))
    body = change_roles(world, "firm", "lender")
    assert try_act(world, "role.grant", body) == "ok"
    assert world.read("member", world.member("firm"))["roles"] == ["lender", "supplier"]
    other = change_roles(world, "lender", "debtor", guardian="firm")
    assert try_act(world, "role.grant", other) == "ok"
    assert try_act(world, "role.remove", body) == "ok"
    other["roles"] = ["supplier"]
    assert try_act(world, "role.grant", other, by=["operator"]) == "role_missing"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"member": "firm", "covers": "member", "subject": "firm"}, "ok"),
        (
            {"member": "firm", "covers": "member", "subject": "lender"},
            "bad_grant_terms",
        ),
        ({"member": "firm", "covers": "all"}, "bad_grant_terms"),
        ({"member": "firm", "covers": "member"}, "bad_grant_terms"),
        ({"member": "firm", "operator": "operator", "covers": "all"}, "bad_body"),
        ({"covers": "all"}, "bad_body"),
        ({"operator": "operator", "covers": "all"}, "wrong_signers"),
        ({"operator": "operator", "guardian": "lender", "covers": "all"}, "ok"),
        (
            {
                "operator": "operator",
                "guardian": "lender",
                "covers": "member",
                "subject": "firm",
            },
            "ok",
        ),
        (
            {
                "operator": "operator",
                "guardian": "lender",
                "covers": "member",
                "subject": "nobody",
            },
            "not_found",
        ),
        (
            {"auditor": "lender", "member": "firm", "covers": "member"},
            "role_missing",
        ),
        (
            {"member": "firm", "covers": "member", "subject": "firm", "until_ms": 1},
            "bad_grant_terms",
        ),
        (
            {
                "member": "firm",
                "covers": "member",
                "subject": "firm",
                "until_ms": 401 * DAY_MS,
            },
            "bad_grant_terms",
        ),
    ],
    ids=[
        *("own", "anothers", "all_by_a_member", "of_whom", "two_kinds", "by_nobody"),
        *("no_guardian", "governance", "of_a_member", "of_nobody", "no_auditor"),
        *("over", "too_long"),
    ],
)
def test_auditors_are_granted_what_they_may_see(
    fields: dict[str, Any], code: str
) -> None:
    """A member grants its own data; all of it takes operator and guardian."""
    firm, auditor = make_actor("firm", "supplier"), make_actor("auditor", "auditor")
    world = world_of(firm, auditor)
    names = {"auditor": "auditor", **fields}
    until = world.time + int(names.pop("until_ms", 10 * DAY_MS))
    if until == world.time + 1:
        until = 1
    body: dict[str, Any] = {"covers": names.pop("covers"), "until_ms": until}
    for name, value in names.items():
        known = value in world.actors
        body[name] = world.member(value) if known else digest_of(value)
    by = sorted({fields.get(n, "") for n in ("member", "operator", "guardian")} - {""})
    assert code_of(world, world.build("grant.give", body, by=by or ["firm"])) == code


def test_grant_is_ended_by_who_gave_it() -> None:
    """It ends with its time, or before by its giver, and never twice."""
    firm, auditor = make_actor("firm", "supplier"), make_actor("auditor", "auditor")
    world = world_of(firm, auditor)
    body = {
        "auditor": auditor.id,
        "member": firm.id,
        "covers": "member",
        "subject": firm.id,
        "until_ms": world.time + DAY_MS,
    }
    assert try_act(world, "grant.give", body) == "ok"
    (grant,) = world.scan("grants", auditor.id)
    assert (grant["covers"], grant["subject"]) == ("member", firm.id)
    lender = {"grant": grant["id"], "member": world.member("lender")}
    assert try_act(world, "grant.end", lender) == "not_found"
    end = {"grant": grant["id"], "member": firm.id}
    assert try_act(world, "grant.end", end) == "ok"
    assert world.scan("grants", auditor.id)[0]["until_ms"] == world.chain.header.time
    assert try_act(world, "grant.end", end) == "not_found"
