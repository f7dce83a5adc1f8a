"""The two stories of the business rules, to the cent, on the real chain.

Pledges come later: in story one the half that would be pledged has passed to
the lender, so that its payouts reach the same account. The other half is sold:
asked for, quoted, taken, and moved by its price.
"""

from __future__ import annotations

import pytest

from contracts.kit.v1.calendars import add_days
from ledger.transactions import object_id
from tests.driver import WatchedWorld
from tests.world import DAY_MS, default_actors, make_actor

DUE = "2026-03-10"  # a Tuesday
PAYEES = {"P": "lender", "B": "factor", "C": "gamma"}
DISCOUNT_MINOR = 330_000

Three = tuple[int, int, int]


def make_world(**terms: str) -> WatchedWorld:
    """Return a world with a programme and payees who can be paid."""
    world = WatchedWorld([*default_actors(), make_actor("factor", "lender")])
    world.open_account()
    world.open_programme(**terms)
    for name in ("alpha", *PAYEES.values()):
        world.register_payee(name)
    return world


def state_of(world: WatchedWorld, receivable: str) -> str:
    """Return the state of a receivable."""
    return str(world.read("receivable", receivable)["state"])


def share_out(world: WatchedWorld) -> str:
    """Give half of A's 60 % to P, sell the other to B with recourse, the rest to C."""
    receivable = world.issue_live(100_000_000, DUE)
    world.transfer(receivable, 0, 60_000_000, 100_000_000, "gamma")
    world.transfer(receivable, 0, 0, 30_000_000, "lender")
    sell(world, receivable, 30_000_000, 60_000_000)
    return receivable


def sell(world: WatchedWorld, receivable: str, lo: int, hi: int) -> None:
    """Sell a holding of A to B with recourse; its price moves the units."""
    common = {"part": {"hi": hi, "lo": lo}, "receivable": receivable}
    body = {**common, "input": world.input(receivable, lo)}
    until = world.time + 2 * DAY_MS
    asked = {**body, "lenders": [world.member("factor")], "until_ms": until}
    request = object_id("request", world.act("sale.request", asked), 0)
    net = hi - lo - DISCOUNT_MINOR
    price = {
        "aware_overdue": False,
        "basis": "act360",
        "discount_minor": DISCOUNT_MINOR,
        "fees": [],
        "from_date": world.today,
        "method": "flat",
        "net_minor": net,
        "pay_by_ms": until,
        "price_minor": net,
        "rate_ppm": 0,
        "recourse": "with",
        "way": "account",
    }
    common |= {"price": price}
    quote = {"request": request, "seller": world.member("alpha"), "until_ms": until}
    made = world.act("sale.quote", {**common, **quote})
    taken = {**body, **common, "buyer": world.member("factor"), "quote": made}
    deal = world.act("sale.take", taken)
    assert world.tiles(receivable)[1]["holder"] == world.member("alpha")
    world.receive("price", net, payer="factor", names=deal)
    tile = world.tiles(receivable)[1]
    assert tile["holder"] == world.member("factor")
    assert tile["chain"] == [{"member": world.member("alpha"), "recourse": "with"}]
    assert world.pay_out("alpha") == net


def live_units(world: WatchedWorld, receivable: str) -> Three:
    """Return what P, B and C still hold."""
    held = dict.fromkeys(PAYEES, 0)
    for tile in world.tiles(receivable):
        for name, member in PAYEES.items():
            if tile["state"] == "live" and tile["holder"] == world.member(member):
                held[name] += tile["hi"] - tile["lo"]
    return held["P"], held["B"], held["C"]


def lines_of(world: WatchedWorld, receipt: str) -> Three:
    """Return what a receipt paid to P, B and C, claims not yet taken off."""
    paid = dict.fromkeys(PAYEES, 0)
    for line in world.scan("lines", receipt):
        for name, member in PAYEES.items():
            if line["holder"] == world.member(member):
                paid[name] += line["principal_minor"] + line["interest_minor"]
    return paid["P"], paid["B"], paid["C"]


def claims_on(world: WatchedWorld, receivable: str) -> Three:
    """Return what P, B and C owe back to the account."""
    keys = [f"{receivable}/{world.member(member)}" for member in PAYEES.values()]
    amounts = [world.read("claim", key, world.account)["amount_minor"] for key in keys]
    return amounts[0], amounts[1], amounts[2]


def pay_out(world: WatchedWorld) -> Three:
    """Send and pay what is due to P, B and C."""
    paid = [world.pay_out(member) for member in PAYEES.values()]
    return paid[0], paid[1], paid[2]


@pytest.mark.parametrize(
    ("basis", "interest", "rest"),
    [
        ("act360", 90_000, (13_527_000, 13_527_000, 18_035_999)),
        ("act365f", 88_767, (13_526_630, 13_526_630, 18_035_506)),
    ],
    ids=["act360", "act365f"],
)
def test_story_one(basis: str, interest: int, rest: Three) -> None:
    """Early money, the due day, a reversal, late interest and claims to the cent."""
    world = make_world(late_basis=basis)
    receivable = share_out(world)
    early = world.receive("early", 40_000_001, names=receivable)
    record = world.read("receivable", receivable)
    assert (record["waiting_minor"], record["state"]) == (40_000_001, "live")
    world.advance(DUE)
    assert lines_of(world, early) == (12_000_000, 12_000_000, 16_000_001)
    second = world.receive("second", 25_000_000, names=receivable)
    assert lines_of(world, second) == (7_500_000, 7_500_000, 10_000_000)
    assert world.read("receivable", receivable)["live_minor"] == 34_999_999
    assert state_of(world, receivable) == "part_paid"
    assert pay_out(world) == (19_500_000, 19_500_000, 26_000_001)
    world.close_day(closing=0)
    assert state_of(world, receivable) == "overdue"
    check_reversal(world, receivable, second)
    check_settlement(world, receivable, interest, rest)


def check_reversal(world: WatchedWorld, receivable: str, receipt: str) -> None:
    """Take 100,000.00 of the second receipt back on the next day."""
    world.advance(add_days(DUE, 1))
    world.reverse("back", receipt, 10_000_000)
    assert live_units(world, receivable) == (13_500_000, 13_500_000, 17_999_999)
    assert world.read("receivable", receivable)["live_minor"] == 44_999_999
    assert claims_on(world, receivable) == (3_000_000, 3_000_000, 4_000_000)
    assert pay_out(world) == (0, 0, 0)
    # What was sent is gone, and the account is overdrawn by what was reversed.
    world.close_day(closing=-10_000_000)


def check_settlement(
    world: WatchedWorld, receivable: str, interest: int, rest: Three
) -> None:
    """Pay what is owed twelve days late, net of claims."""
    world.advance(add_days(DUE, 12))
    last = world.receive("rest", 44_999_999 + interest)
    record = world.read("receivable", receivable)
    assert (record["state"], record["live_minor"]) == ("settled", 0)
    assert record["interest_paid_minor"] == interest
    assert lines_of(world, last) == rest
    assert claims_on(world, receivable) == (0, 0, 0)
    net = (rest[0] - 3_000_000, rest[1] - 3_000_000, rest[2] - 4_000_000)
    assert pay_out(world) == net
    if interest == 90_000:
        assert net == (10_527_000, 10_527_000, 14_035_999)
    world.close_day(closing=0)
    account = world.read("account", world.account)
    sums = ("claims", "payable", "suspense", "unassigned", "undistributed", "waiting")
    assert [account[f"{name}_minor"] for name in sums] == [0] * 6


@pytest.mark.parametrize("early", [True, False], ids=["waits", "on_the_day"])
def test_story_two_names_one(early: bool) -> None:
    """What the named receivable does not need settles the other one as well."""
    world = make_world()
    first = world.issue_live(60_000_000, DUE, number="1")
    second = world.issue_live(40_000_000, DUE, number="2")
    if early:
        world.receive("all", 100_000_000, names=first)
        account = world.read("account", world.account)
        assert account["waiting_minor"] == 60_000_000
        assert account["unassigned_minor"] == 40_000_000
    world.advance(DUE)
    if not early:
        world.receive("all", 100_000_000, names=first)
    assert [state_of(world, item) for item in (first, second)] == ["settled"] * 2
    assert world.pay_out("alpha") == 100_000_000
    assert world.read("account", world.account)["suspense_minor"] == 0


def test_story_two_names_nothing() -> None:
    """Half of what is owed, without a reference, is shared by what is owed."""
    world = make_world()
    first = world.issue_live(60_000_000, DUE, number="1")
    second = world.issue_live(40_000_000, DUE, number="2")
    world.advance(DUE)
    world.receive("half", 50_000_000)
    retired = [world.read("receivable", x)["retired_minor"] for x in (first, second)]
    assert retired == [30_000_000, 20_000_000]
    assert [state_of(world, item) for item in (first, second)] == ["part_paid"] * 2
