"""Keys and members that come and go, and who lets them."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest
from stdnum.cn import uscc
from stdnum.iso7064 import mod_97_10

from ledger.authority import is_active
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.members import is_wrong_identifier
from ledger.transactions import object_id, prove_possession
from tests.ledger.stage import world_of
from tests.world import Actor, World, digest_of, make_actor


def code_of(world: World, raw: bytes) -> str:
    """Return the code a node names for an envelope."""
    try:
        _, receipt = world.chain.check(raw, world.time)
    except LedgerError as error:
        return error.code
    return str(receipt["code"])


# --- keys


def describe_key(
    world: World, seed: str, *duties: str, chain: str = ""
) -> dict[str, Any]:
    """Return a key of a new person as ``key.add`` takes it."""
    key = SigningKey.from_seed(bytes.fromhex(digest_of(seed)))
    return {
        "duties": sorted(duties),
        "person": digest_of("person " + seed),
        "proof": prove_possession(key, chain or world.chain.chain_id),
        "public": key.public.hex(),
    }


def try_act(world: World, act: str, body: dict[str, Any], **options: Any) -> str:
    """Seal one act; return its code."""
    dropped = world.seal(world.build(act, body, **options)).dropped
    return dropped[0][1].code if dropped else "ok"


@pytest.mark.parametrize(
    ("from_height", "until_height", "height", "active"),
    [
        (5, None, 4, False),
        (5, None, 5, True),
        (5, 9, 8, True),
        (5, 9, 9, False),
        (5, 5, 5, False),
    ],
    ids=["before", "first", "last", "revoked", "never"],
)
def test_key_counts_between_two_heights(
    from_height: int, until_height: int | None, height: int, active: bool
) -> None:
    """A key counts from its first height to the one before its last."""
    key: dict[str, Any] = {"from_height": from_height}
    if until_height is not None:
        key["until_height"] = until_height
    assert is_active(key, height, 0) == active


def test_key_rotates() -> None:
    """A member replaces its only key without a gap and without anybody's help."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    old = firm.keys[0]
    entry = describe_key(world, "second", "admin", "maker")
    revoke = {"key": old.key_id, "member": firm.id}
    assert try_act(world, "key.revoke", revoke) == "last_admin"
    assert try_act(world, "key.add", {"key": entry, "member": firm.id}) == "ok"
    firm.keys = [SigningKey.from_seed(bytes.fromhex(digest_of("second")))]
    assert try_act(world, "key.revoke", revoke) == "ok"
    assert (
        try_act(world, "ledger.tick", {"member": firm.id}, keys=[old]) == "unknown_key"
    )
    assert try_act(world, "ledger.tick", {"member": firm.id}) == "ok"
    assert try_act(world, "key.revoke", revoke) == "not_found"
    proof = prove_possession(old, world.chain.chain_id)
    entry = {**entry, "proof": proof, "public": old.public.hex()}
    again = {"key": entry, "member": firm.id}
    assert try_act(world, "key.add", again) == "key_taken"


def test_only_an_admin_of_the_member_changes_its_keys() -> None:
    """Neither the operator nor a maker of the member adds or ends a key."""
    firm = make_actor("firm", "supplier", persons=2)
    firm.duties = [["admin"], ["checker", "maker"]]
    world = world_of(firm)
    admin, maker = firm.keys
    entry = describe_key(world, "new", "maker")
    for act, body in (
        ("key.add", {"key": entry, "member": firm.id}),
        ("key.revoke", {"key": maker.key_id, "member": firm.id}),
    ):
        operator = world.actors["operator"].keys
        by_operator = world.build(act, body, by=["operator"], keys=operator)
        assert code_of(world, by_operator) == "wrong_signers"
        assert code_of(world, world.build(act, body, keys=operator)) == "wrong_signers"
        assert code_of(world, world.build(act, body, keys=[maker])) == "policy_not_met"
        assert code_of(world, world.build(act, body, keys=[admin])) == "ok"


def test_key_of_another_member_is_not_revoked() -> None:
    """A member ends its own keys only."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    foreign = world.actors["lender"].keys[0].key_id
    body = {"key": foreign, "member": firm.id}
    assert try_act(world, "key.revoke", body) == "not_found"


def test_compromise_is_recorded_with_its_height() -> None:
    """The record says from when on a key's signatures are doubtful."""
    firm = make_actor("firm", "supplier", persons=2)
    world = world_of(firm)
    lost = firm.keys[1]
    body = {"compromised_since_height": 0, "key": lost.key_id, "member": firm.id}
    assert try_act(world, "key.revoke", body, keys=[firm.keys[0]]) == "ok"
    record = world.read("key", lost.key_id)
    height = world.chain.header.height
    assert (record["compromised_since_height"], record["until_height"]) == (
        0,
        height + 1,
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "ok"),
        ({"proof": "00" * 64}, "bad_signature"),
        ({"proof": None}, "bad_body"),
        ({"public": "01" + "00" * 31}, "bad_key"),
        ({"public": "ee" + "ff" * 30 + "7f"}, "bad_key"),
        ({"duties": []}, "bad_body"),
        ({"duties": ["owner"]}, "bad_body"),
        ({"person": "ann"}, "bad_body"),
    ],
    ids=[
        *("good", "wrong_proof", "no_proof", "small_order", "not_canonical"),
        *("no_duty", "unknown_duty", "no_person"),
    ],
)
def test_key_is_admitted_with_proof(change: dict[str, Any], code: str) -> None:
    """A key enters as a canonical prime-order point whose holder signed for it."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    entry = {**describe_key(world, "new", "maker"), **change}
    entry = {name: value for name, value in entry.items() if value is not None}
    assert (
        try_act(world, "key.add", {"key": entry, "member": firm.id}, by=["firm"])
        == code
    )


def test_proof_of_possession_is_for_one_chain() -> None:
    """A proof made for one chain is worth nothing on another."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    entry = describe_key(world, "new", "maker", chain="0" * 64)
    body = {"key": entry, "member": firm.id}
    assert try_act(world, "key.add", body) == "bad_signature"


def test_member_has_sixteen_keys_at_most() -> None:
    """The number of active keys of a member is bounded; revoked ones do not count."""
    firm = make_actor("firm", "supplier", persons=2)
    world = world_of(firm)
    for n in range(14):
        body = {"key": describe_key(world, f"k{n}", "maker"), "member": firm.id}
        assert try_act(world, "key.add", body) == "ok"
    extra = {"key": describe_key(world, "extra", "maker"), "member": firm.id}
    assert try_act(world, "key.add", extra) == "limit_exceeded"
    revoke = {"key": firm.keys[1].key_id, "member": firm.id}
    assert try_act(world, "key.revoke", revoke) == "ok"
    assert try_act(world, "key.add", extra, keys=[firm.keys[0]]) == "ok"


# --- admission


def admission(world: World, actor: Actor, guardian: str = "") -> dict[str, Any]:
    """Return the body of an admission."""
    body: dict[str, Any] = {
        "member": actor.describe(world.chain.chain_id),
        "operator": world.member("operator"),
    }
    return {**body, "guardian": world.member(guardian)} if guardian else body


@pytest.mark.parametrize(
    ("role", "group", "guardian", "code"),
    [
        ("supplier", "", "", "ok"),
        ("supplier", "", "lender", "bad_body"),
        ("auditor", "", "", "ok"),
        ("lender", "", "", "wrong_signers"),
        ("lender", "", "lender", "ok"),
        ("lender", "red", "lender", "ok"),
        ("lender", "blue", "lender", "group_conflict"),
        ("lender", "blue", "regulator", "ok"),
        ("settlement_bank", "", "operator", "role_missing"),
        ("settlement_bank", "", "firm", "role_missing"),
        ("settlement_bank", "", "regulator", "ok"),
        ("regulator", "blue", "lender", "group_conflict"),
        ("appraiser", "", "", "wrong_signers"),
        ("collateral_manager", "", "", "wrong_signers"),
        ("ip_centre", "", "", "wrong_signers"),
        ("delivery_attester", "", "", "wrong_signers"),
        ("settlement_agent", "", "", "wrong_signers"),
    ],
)
def test_trusted_roles_need_a_guardian_of_another_group(
    role: str, group: str, guardian: str, code: str
) -> None:
    """The operator alone admits nobody on whose word others rely."""
    world = world_of(make_actor("firm", "supplier"))
    actor = make_actor("newcomer", role, group=group)
    by = sorted({"operator", *([guardian] if guardian else [])})
    raw = world.build("member.admit", admission(world, actor, guardian), by=by)
    assert code_of(world, raw) == code


LEI, USCC = "213800KUD8LAJWSQ9D15", "91110000600037341L"


@pytest.mark.parametrize(
    ("scheme", "value", "code"),
    [
        ("LEI", LEI, "ok"),
        ("0199", LEI, "ok"),
        ("LEI", LEI[:-1] + "6", "bad_identifier"),
        ("lei", "5493" + LEI[4:], "bad_identifier"),
        ("LEI", LEI[:-1], "bad_identifier"),
        ("LEI", LEI[:-1] + "-", "bad_identifier"),
        ("USCC", USCC, "ok"),
        ("CN:USCC", USCC, "ok"),
        ("USCC", USCC[:-1] + "M", "bad_identifier"),
        ("USCC", USCC[:-1] + "I", "bad_identifier"),
        ("USCC", USCC + "0", "bad_identifier"),
        ("VAT", "DE1", "ok"),
    ],
)
def test_an_identifier_enters_with_its_check_digits(
    scheme: str, value: str, code: str
) -> None:
    """LEI and USCC are judged by the ledger, whatever the operator's wallet does."""
    world = world_of()
    body = admission(world, make_actor("newcomer", "supplier"))
    number = {"scheme": scheme, "value": value}
    body["member"] = {**body["member"], "identifiers": [number]}
    assert try_act(world, "member.admit", body) == code


def test_check_digits_are_those_of_another_library() -> None:
    """Two implementations call the same numbers wrong."""
    draw = random.Random(7)
    for _ in range(2_000):
        lei = "".join(draw.choices(string.digits + string.ascii_uppercase, k=18))
        lei += f"{draw.randrange(100):02d}"
        assert is_wrong_identifier("LEI", lei) != mod_97_10.is_valid(lei)
        number = "".join(draw.choices(uscc._alphabet, k=18))
        wrong = uscc.calc_check_digit(number[:-1]) != number[-1]
        assert is_wrong_identifier("USCC", number) == wrong


def test_guardian_must_sign_itself() -> None:
    """Naming a guardian is not enough."""
    world = world_of()
    body = admission(world, make_actor("newcomer", "lender"), "regulator")
    operator = world.actors["operator"].keys
    assert try_act(world, "member.admit", body, keys=operator) == "wrong_signers"
    assert try_act(world, "member.admit", body, by=["operator"]) == "wrong_signers"


@pytest.mark.parametrize("act", ["member.admit", "member.suspend", "member.resume"])
def test_only_the_operator_admits_and_suspends(act: str) -> None:
    """No other member takes the operator's place."""
    world = world_of(make_actor("firm", "supplier"))
    firm = world.member("firm")
    body = {"member": firm, "operator": firm, "reason": "test"}
    if act == "member.admit":
        body = {
            **admission(world, make_actor("newcomer", "supplier")),
            "operator": firm,
        }
    assert try_act(world, act, body, by=["firm"]) == "role_missing"


def test_member_needs_an_admin_from_the_start() -> None:
    """Nobody is admitted who could never change its keys."""
    world = world_of()
    newcomer = make_actor("newcomer", "supplier")
    newcomer.duties = [["checker", "maker"]]
    assert try_act(world, "member.admit", admission(world, newcomer)) == "last_admin"


def test_key_belongs_to_one_member_for_ever() -> None:
    """A newcomer does not bring a key that is registered for another."""
    world = world_of(make_actor("firm", "supplier"))
    newcomer = make_actor("newcomer", "supplier")
    newcomer.keys = world.actors["firm"].keys
    assert try_act(world, "member.admit", admission(world, newcomer)) == "key_taken"


def test_newcomer_acts_from_the_next_block() -> None:
    """The keys of a new member count from the block after its admission."""
    world = world_of()
    newcomer = make_actor("newcomer", "supplier")
    admit = world.build("member.admit", admission(world, newcomer))
    world.actors["newcomer"] = newcomer
    newcomer.id = object_id("member", world.chain.check(admit, world.time)[0].id, 0)
    body = {"member": newcomer.id}
    tick = world.build("ledger.tick", body, by=["newcomer"])
    assert [(n, e.code) for n, e in world.seal(admit, tick).dropped] == [
        (1, "unknown_key")
    ]
    assert not world.seal(tick).dropped


def test_suspended_member_resumes() -> None:
    """Suspension stops new business and nothing else, until it is lifted."""
    firm = make_actor("firm", "supplier")
    world = world_of(firm)
    status = {"member": firm.id, "operator": world.member("operator"), "reason": "x"}
    lot = {"owner": firm.id, "size": 1}
    assert try_act(world, "member.suspend", status) == "ok"
    assert try_act(world, "lot.new", lot) == "member_suspended"
    assert try_act(world, "ledger.tick", {"member": firm.id}) == "ok"
    assert try_act(world, "member.resume", status) == "ok"
    assert try_act(world, "lot.new", lot) == "ok"
