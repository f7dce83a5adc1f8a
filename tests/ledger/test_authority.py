"""Who may act: approval policies, their bands and the totals of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.authority import (
    ActingKey,
    Signer,
    check_approvals,
    check_demands,
    check_persons,
    choose_persons,
    find_bands,
)
from ledger.blocks import date_at
from ledger.errors import LedgerError
from ledger.transactions import object_id
from tests.ledger.stage import world_of
from tests.lots import read_lot_sources
from tests.world import DAY_MS, World, digest_of, make_actor

HOUR_MS = 3_600_000
BAND_CNY = {
    "action": "give",
    "bands": [
        {"persons": 1, "up_to_minor": 1000},
        {"persons": 2, "up_to_minor": 5000},
        {"persons": 3},
    ],
    "currency": "CNY",
}
BAND_ANY = {"action": "any", "bands": [{"persons": 1}]}


def policy_of(*rows: dict[str, Any], offset_minutes: int = 0) -> dict[str, Any]:
    """Return a policy of approval rows."""
    return {"approvals": list(rows), "offset_minutes": offset_minutes}


# --- bands


@pytest.mark.parametrize(
    ("rows", "demand", "persons", "counted"),
    [
        ([BAND_CNY, BAND_ANY], ("give", 0, "CNY"), 1, False),
        ([BAND_CNY, BAND_ANY], ("give", 1000, "CNY"), 1, True),
        ([BAND_CNY, BAND_ANY], ("give", 1001, "CNY"), 2, True),
        ([BAND_CNY, BAND_ANY], ("give", 5000, "CNY"), 2, True),
        ([BAND_CNY, BAND_ANY], ("give", 5001, "CNY"), 3, True),
        ([BAND_CNY, BAND_ANY], ("give", 1, "EUR"), 3, False),
        ([BAND_CNY, BAND_ANY], ("give", 0, ""), 3, False),
        ([BAND_CNY, BAND_ANY], ("confirm", 9999, "CNY"), 1, False),
        ([{**BAND_CNY, "action": "any"}], ("confirm", 1001, "CNY"), 2, True),
        ([{**BAND_CNY, "action": "any"}], ("confirm", 1, "EUR"), 3, False),
        ([{**BAND_CNY, "action": "any"}], ("admin", 0, ""), 3, False),
        ([{**BAND_CNY, "action": "admin"}, BAND_ANY], ("admin", 0, "CNY"), 3, False),
        ([BAND_ANY, {**BAND_CNY, "action": "any"}], ("admin", 0, ""), 3, False),
    ],
    ids=[
        *("nothing_given", "at_limit", "above_limit", "at_second", "top_band"),
        *("other_currency", "no_currency", "other_class", "any_class"),
        *("any_class_other_currency", "admin_by_any", "admin_own", "admin_highest"),
    ],
)
def test_band_decides_how_many_persons_sign(
    rows: list[dict[str, Any]],
    demand: tuple[str, int, str],
    persons: int,
    counted: bool,
) -> None:
    """What no band covers takes the top band, and so does every admin act."""
    signer = Signer(digest_of("m"), *demand)
    bands, found = find_bands(policy_of(*rows), signer)
    assert (choose_persons(bands, demand[1]), found) == (persons, counted)


def test_policy_that_is_silent_permits_nothing() -> None:
    """A class of acts without any row cannot be signed for."""
    with pytest.raises(LedgerError, match="asks for more"):
        find_bands(policy_of(BAND_CNY), Signer(digest_of("m"), "confirm"))


def key_of(person: str, *duties: str) -> ActingKey:
    """Return an acting key of a person."""
    name = person + "".join(duties)
    return ActingKey(digest_of(name), bytes(32), digest_of("m"), person, duties)


MAKER, CHECKER = key_of("ann", "maker"), key_of("bob", "checker")
ADMIN = key_of("eve", "admin")
BOTH = key_of("cat", "checker", "maker")


@pytest.mark.parametrize(
    ("keys", "needed", "admin", "met"),
    [
        ([MAKER], 1, False, True),
        ([CHECKER], 1, False, True),
        ([ADMIN], 1, False, False),
        ([], 1, False, False),
        ([MAKER, CHECKER], 2, False, True),
        ([MAKER, key_of("ann", "checker")], 2, False, False),
        ([MAKER, key_of("bob", "maker")], 2, False, False),
        ([CHECKER, key_of("ann", "checker")], 2, False, False),
        ([BOTH, key_of("bob", "maker")], 2, False, True),
        ([BOTH, key_of("cat", "maker")], 2, False, False),
        ([MAKER, ADMIN], 2, False, False),
        ([MAKER, CHECKER], 3, False, False),
        ([MAKER, CHECKER, BOTH], 3, False, True),
        ([ADMIN], 1, True, True),
        ([MAKER, CHECKER, BOTH], 1, True, False),
        ([ADMIN, key_of("eve", "admin", "maker")], 2, True, False),
        ([ADMIN, key_of("ann", "admin")], 2, True, True),
    ],
    ids=[
        *("maker", "checker", "admin_key_for_business", "nobody", "maker_checker"),
        *("one_person_two_keys", "two_makers", "two_checkers", "one_is_both"),
        *("both_but_one_person", "admin_is_no_checker", "two_of_three", "three"),
        *("admin", "no_admin", "one_admin_twice", "two_admins"),
    ],
)
def test_persons_and_their_duties_are_counted(
    keys: Sequence[ActingKey], needed: int, admin: bool, met: bool
) -> None:
    """Distinct persons count, and from two on a maker with another's check."""
    if met:
        check_persons(keys, needed, admin=admin)
        return
    with pytest.raises(LedgerError) as caught:
        check_persons(keys, needed, admin=admin)
    assert caught.value.code == "policy_not_met"


@pytest.mark.parametrize(
    ("least", "count", "met"), [(0, 1, True), (2, 1, False), (2, 2, True)]
)
def test_rule_may_ask_for_more_persons_than_the_policy(
    least: int, count: int, met: bool
) -> None:
    """A rule's own minimum holds where a policy would let one person sign."""
    firm = make_actor("firm", "supplier", persons=2)
    world = world_of(firm)
    state, policy = world.chain.state, world.read("policy", firm.id)
    plain = ActingKey("", bytes(32), firm.id, "", ("maker", "checker"), policy=policy)
    keys = [plain._replace(person=str(n)) for n in range(count)]
    demands = [Signer(firm.id, "attest", persons=least)]
    if met:
        granted = check_demands(state, demands, [firm.id], keys, world.time)
        assert granted == ([], ())
        return
    with pytest.raises(LedgerError) as caught:
        check_demands(state, demands, [firm.id], keys, world.time)
    assert caught.value.code == "policy_not_met"


@pytest.mark.parametrize(
    "rows",
    [
        [BAND_CNY],
        [BAND_ANY, BAND_ANY],
        [{**BAND_ANY, "bands": [{"persons": 1, "up_to_minor": 5}]}],
        [{**BAND_ANY, "bands": [{"persons": 1}, {"persons": 2}]}],
        [{**BAND_CNY, "bands": BAND_CNY["bands"][::-1]}, BAND_ANY],
        [
            BAND_ANY,
            {
                **BAND_CNY,
                "bands": [
                    {"persons": 1, "up_to_minor": 5},
                    {"persons": 1, "up_to_minor": 5},
                    {"persons": 2},
                ],
            },
        ],
        [
            BAND_ANY,
            {
                **BAND_CNY,
                "bands": [{"persons": 2, "up_to_minor": 5}, *[{"persons": 1}]],
            },
        ],
    ],
    ids=[
        *("not_for_any_act", "row_twice", "limit_on_last", "none_on_first"),
        *("falling_limits", "equal_limits", "fewer_for_more"),
    ],
)
def test_unusable_policy_is_refused(rows: list[dict[str, Any]]) -> None:
    """A policy has one row for any act, and bands that rise."""
    with pytest.raises(LedgerError) as caught:
        check_approvals(rows)
    assert caught.value.code == "bad_body"


@pytest.mark.parametrize(
    ("moment", "offset_minutes", "date"),
    [
        ("2026-01-05T15:59:59.999", 480, "2026-01-05"),
        ("2026-01-05T16:00:00.000", 480, "2026-01-06"),
        ("2026-01-05T04:59:59.999", -300, "2026-01-04"),
        ("2026-01-05T05:00:00.000", -300, "2026-01-05"),
        ("2028-02-29T23:29:59.999", 30, "2028-02-29"),
        ("2028-02-29T23:30:00.000", 30, "2028-03-01"),
    ],
)
def test_day_ends_at_the_policy_s_midnight(
    moment: str, offset_minutes: int, date: str
) -> None:
    """The day of a total is that of the policy's fixed offset, to the millisecond."""
    stamp = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    time = int(stamp.timestamp()) * 1000 + stamp.microsecond // 1000
    assert date_at(time, offset_minutes) == date


# --- day totals


def give_world(offset_minutes: int = 480) -> tuple[World, str]:
    """Return a world and a lot of a firm of two under bands up to 1000 a day."""
    rows = (
        {**BAND_CNY, "bands": [{"persons": 1, "up_to_minor": 1000}, {"persons": 2}]},
        BAND_ANY,
    )
    firm = make_actor(
        "firm",
        "supplier",
        persons=2,
        policy=policy_of(*rows, offset_minutes=offset_minutes),
    )
    actors = [
        make_actor("operator", "operator"),
        make_actor("lender", "lender"),
        make_actor("buyer", "supplier"),
        firm,
    ]
    world = World(actors, sources=read_lot_sources())
    body = {"owner": firm.id, "size": 100}
    return world, object_id("lot", world.act("lot.new", body), 0)


def give(world: World, lot: str, amount: int, *, persons: int = 1, **extra: Any) -> str:
    """Give a worth to the buyer and back again; return the code of the first."""
    body = {"amount_minor": amount, "currency": "CNY", "lo": 0, "lot": lot, **extra}
    firm, buyer = world.actors["firm"], world.actors["buyer"]
    keys = [*firm.keys[:persons], *buyer.keys]
    raw = world.build("lot.give", {**body, "to": buyer.id}, keys=keys)
    dropped = world.seal(raw).dropped
    if dropped:
        return dropped[0][1].code
    world.act("lot.give", {**body, "amount_minor": 0, "to": firm.id})
    return "ok"


@pytest.mark.parametrize(
    "steps",
    [
        [("09:00", 1000, 1, "ok"), ("10:00", 1, 1, "policy_not_met")],
        [("09:00", 600, 1, "ok"), ("10:00", 400, 1, "ok")],
        [("09:00", 600, 1, "ok"), ("10:00", 401, 1, "policy_not_met")],
        [("09:00", 1001, 1, "policy_not_met"), ("10:00", 1000, 1, "ok")],
        [("09:00", 9000, 2, "ok"), ("10:00", 1, 1, "policy_not_met")],
        [("09:00", 600, 1, "ok"), ("23:59", 600, 1, "policy_not_met")],
        [
            ("09:00", 600, 1, "ok"),
            ("24:00", 600, 1, "ok"),
            ("25:00", 401, 1, "policy_not_met"),
        ],
        [("09:00", 600, 1, "ok"), ("24:00", 1000, 1, "ok")],
    ],
    ids=[
        *("one_more_minor_unit", "sum_at_limit", "sum_above", "refused_is_not_counted"),
        *("given_by_two_counts", "same_day", "next_day", "total_starts_anew"),
    ],
)
def test_amounts_of_a_day_add_up(steps: list[tuple[str, int, int, str]]) -> None:
    """Cutting an amount into small ones does not go round the band."""
    world, lot = give_world()
    midnight = world.time - 9 * HOUR_MS
    for clock, amount, persons, code in steps:
        hour, minute = map(int, clock.split(":"))
        world.time = max(world.time, midnight + hour * HOUR_MS + minute * 60_000)
        assert give(world, lot, amount, persons=persons) == code


def test_other_currency_takes_the_top_band_and_adds_to_no_total() -> None:
    """A currency without bands needs two persons and leaves the total alone."""
    world, lot = give_world()
    assert give(world, lot, 1, currency="EUR") == "policy_not_met"
    assert give(world, lot, 1, persons=2, currency="EUR") == "ok"
    assert give(world, lot, 1000) == "ok"


def test_totals_of_one_block_add_up() -> None:
    """Two acts in one block are judged one after the other."""
    world, lot = give_world()
    firm, buyer = world.actors["firm"], world.actors["buyer"]
    second = object_id("lot", world.act("lot.new", {"owner": firm.id, "size": 9}), 0)
    raws = [
        world.build(
            "lot.give",
            {
                "amount_minor": 600,
                "currency": "CNY",
                "lo": 0,
                "lot": item,
                "to": buyer.id,
            },
            keys=[firm.keys[0], *buyer.keys],
        )
        for item in (lot, second)
    ]
    candidate = world.seal(*raws)
    assert [(n, e.code) for n, e in candidate.dropped] == [(1, "policy_not_met")]


# --- policies that change


def set_policy(
    world: World, policy: dict[str, Any], from_time: int, **extra: Any
) -> str:
    """Let the firm set its policy; return the code."""
    body = {"from_time": from_time, "member": world.member("firm"), "policy": policy}
    dropped = world.seal(world.build("policy.set", body, **extra)).dropped
    return dropped[0][1].code if dropped else "ok"


def test_policy_takes_effect_after_its_delay() -> None:
    """Until its time the old policy judges, from its millisecond the new one."""
    world, lot = give_world()
    start = world.time + 1 + 2 * DAY_MS
    assert set_policy(world, policy_of(BAND_ANY), start - 1) == "delay_too_short"
    assert set_policy(world, policy_of(BAND_ANY), start) == "ok"
    world.time = start - 1
    assert give(world, lot, 1001) == "policy_not_met"
    world.time = start
    assert give(world, lot, 1001) == "ok"


def test_policy_set_twice_keeps_the_one_in_force() -> None:
    """A change that is still waiting is replaced; one in force becomes the base."""
    world, lot = give_world()
    strict = policy_of({**BAND_ANY, "bands": [{"persons": 2}]})
    delay = 3 * DAY_MS
    assert set_policy(world, strict, world.time + delay) == "ok"
    assert set_policy(world, policy_of(BAND_ANY), world.time + delay) == "ok"
    world.time += delay
    assert give(world, lot, 5000) == "ok"
    assert set_policy(world, strict, world.time + delay) == "ok"
    assert give(world, lot, 5000) == "ok"
    world.time += delay
    assert give(world, lot, 1) == "policy_not_met"


def test_policy_needs_the_old_top_band_of_admins() -> None:
    """A policy of two persons is loosened by two admins, never by one."""
    strict = policy_of({**BAND_ANY, "bands": [{"persons": 2}]})
    firm = make_actor("firm", "supplier", persons=3, policy=strict)
    firm.duties = [["admin", "maker"], ["admin"], ["checker"]]
    world = world_of(firm)
    late = world.time + 5 * DAY_MS
    one, two, checker = firm.keys
    loose = policy_of(BAND_ANY)
    assert set_policy(world, loose, late, keys=[one]) == "policy_not_met"
    assert set_policy(world, loose, late, keys=[one, checker]) == "policy_not_met"
    assert set_policy(world, loose, late, keys=[one, two]) == "ok"
