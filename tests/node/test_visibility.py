"""Who sees what: an independent table of routes, readers and objects.

The letters of a row say for each reader whether it gets the object (x) or the
answer that a thing which does not exist gets (.). The table was written from
the business rules, not from the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger.transactions import object_id
from tests.node.serving import Served, found_world, serve_world
from tests.world import World, default_actors, digest_of, make_actor, ms_of

READERS = (
    *("operator", "debtor", "lender", "bank", "auditor", "regulator"),
    *("alpha", "beta", "gamma", "delta", "stranger"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with commerce of all kinds; see ``play``."""
    folder = tmp_path_factory.mktemp("sight")
    actors = [
        *default_actors(),
        make_actor("regulator", "regulator"),
        make_actor("delta", "supplier"),
        make_actor("stranger", "debtor"),
    ]
    world = found_world(folder, actors=actors)
    things = play(world)
    with serve_world(world, folder) as node:
        node.things = things
        yield node


def play(world: World) -> dict[str, str]:
    """Act out the story; return the ids of what it made.

    ``live``: supplier alpha; beta holds a part, alpha offers another to gamma.
    ``passed``: beta had it all from alpha and gave all to gamma.
    ``paid``: alpha and beta hold it and are paid on its due day.
    ``submitted``: alpha proposes, the debtor has not answered.
    """
    world.let_see_all("auditor", "regulator")
    things = {"account": world.open_account()}
    suppliers = [world.member(n) for n in ("alpha", "beta")]
    things["programme"] = world.open_programme(suppliers=sorted(suppliers))
    live = things["live"] = world.issue_live(100_000, "2026-05-04", number="L-1")
    things["split_tx"] = world.act(
        "receivable.split",
        {"cuts": [60_000], "input": world.input(live, 0), "receivable": live},
    )
    things["transfer_tx"] = world.transfer(live, 0, 0, 60_000, "beta")
    body = {
        "input": world.input(live, 60_000),
        "part": {"hi": 90_000, "lo": 60_000},
        "receivable": live,
        "receiver": world.member("gamma"),
        "recourse": "without",
        "until_ms": world.time + 30 * 86_400_000,
    }
    things["offer"] = world.act("receivable.offer", body)
    passed = things["passed"] = world.issue_live(50_000, "2026-05-05", number="L-2")
    world.transfer(passed, 0, 0, 50_000, "beta")
    world.transfer(passed, 0, 0, 50_000, "gamma")
    paid = things["paid"] = world.issue_live(20_000, "2026-01-12", number="L-3")
    world.transfer(paid, 0, 0, 5_000, "beta")
    things["submitted"] = world.submit(7_000, "2026-05-06", number="L-4")
    world.register_payee("beta")
    world.advance("2026-01-12")
    things["receipt"] = world.receive("R-1", 20_000, names=paid)
    world.settle()
    things["payout"] = world.payouts("beta")[0]["id"]
    for name in ("debtor", "gamma"):
        report = {
            "amount_minor": 5,
            "document": digest_of("proof"),
            "paid_date": world.today,
            "receivable": passed,
            "recipient": world.member("alpha"),
            "reporter": world.member(name),
        }
        source = world.act("receivable.misdirected", report)
        things[f"report_{name}"] = object_id("misdirected", source, 0)
    charge = {"amount_minor": 5, "booking_date": world.today, "currency": "CNY"}
    stray = {**charge, "key": "P-1", "type": "payout", "value_date": world.today}
    world.record(stray)
    things["misfit"] = world.scan("discrepancies", f"{world.account}/open")[0]["id"]
    place_orders(world, things)
    return things


def place_orders(world: World, things: dict[str, str]) -> None:
    """Freeze beta's units of ``live``, and all that delta may come to hold."""
    order = {
        "cover": "units",
        "order": {
            "authority": "court",
            "document": digest_of("order"),
            "placer": world.member("regulator"),
            "reference": "7",
        },
        "pledged": False,
        "rank": 1,
        "until_ms": world.time + 30 * 86_400_000,
    }
    units = {"hi": 60_000, "lo": 0, "receivable": things["live"]}
    things["units_tx"] = world.act("freeze.order", {**order, **units})
    member = {"cover": "member", "member": world.member("delta")}
    things["member_tx"] = world.act("freeze.order", {**order, **member})
    for name in ("units", "member"):
        things[f"{name}_order"] = object_id("order", things[f"{name}_tx"], 0)


def url(served: Served, path: str) -> str:
    """Fill the ids of things and members into a path."""
    members = {name: actor.id for name, actor in served.world.actors.items()}
    return path.format(**members, **served.things)


#                                             o d l b a r  a b g d s
OBJECTS = {
    "/v1/members/{beta}": "xxxxxx xxxxx",
    "/v1/members/{beta}/policy": "x...xx .x...",
    "/v1/programmes/{programme}": ".xx.xx xxx..",
    "/v1/accounts/{account}": "...xxx .....",
    "/v1/receivables/{live}": ".x..xx xxx..",
    "/v1/receivables/{passed}": ".x..xx x.x..",
    "/v1/receivables/{paid}": ".x..xx xx...",
    "/v1/receivables/{submitted}": ".x..xx x....",
    "/v1/receivables/{live}/tiles": ".x..xx xxx..",
    "/v1/receivables/{passed}/tiles": ".x..xx x.x..",
    "/v1/receivables/{live}/history": ".x..xx xxx..",
    "/v1/receivables/{passed}/history": ".x..xx xxx..",
    "/v1/receivables/{passed}/lineage": ".x..xx xxx..",
    "/v1/records/tile/0?scope={live}": "....xx .x...",
    "/v1/records/tile/60000?scope={live}": "....xx x....",
    "/v1/records/tile/0?scope={passed}": "....xx ..x..",
    "/v1/records/payout_account/CNY?scope={beta}": "...xxx .x...",
    "/v1/records/receipt/{receipt}": ".x.xxx .....",
    "/v1/records/entry/{receipt}": ".x.xxx .....",
    "/v1/records/discrepancy/{misfit}": "...xxx .....",
    "/v1/records/misdirected/{report_debtor}": ".x.xxx x....",
    # The debtor does not learn that gamma holds it; who got the money must.
    "/v1/records/misdirected/{report_gamma}": "...xxx x.x..",
    "/v1/records/policy/{beta}": "x...xx .x...",
    "/v1/records/chain/chain": "xxxxxx xxxxx",
    "/v1/offers/{offer}": "....xx x.x..",
    "/v1/payouts/{payout}": "...xxx .x...",
    "/v1/transactions/{split_tx}": "....xx x....",
    "/v1/transactions/{transfer_tx}": "....xx xx...",
    "/v1/transactions/{offer}": "....xx x.x..",
    "/v1/orders/{units_order}": "....xx .x...",
    "/v1/orders/{member_order}": "....xx ...x.",
    "/v1/transactions/{units_tx}": "....xx .....",
    "/v1/transactions/{member_tx}": "....xx ...x.",
    "/v1/records/standing/{delta}": "....xx .....",
    "/v1/blocks/3": "xxxxxx xxxxx",
    "/v1/export": "....xx .....",
}


@pytest.mark.parametrize(("path", "row"), OBJECTS.items(), ids=OBJECTS.keys())
def test_each_object_is_shown_to_its_audience_alone(
    served: Served, path: str, row: str
) -> None:
    """Each reader gets the object, or what a thing that is not there gets."""
    full = url(served, path)
    found = "".join(
        "x" if served.get(full, name).status_code == 200 else "." for name in READERS
    )
    assert found == row.replace(" ", "")


@pytest.mark.parametrize(
    ("path", "row"),
    [(path, row) for path, row in OBJECTS.items() if "." in row],
    ids=[path for path, row in OBJECTS.items() if "." in row],
)
def test_what_is_hidden_answers_like_what_is_not(
    served: Served, path: str, row: str
) -> None:
    """The whole answer is the same, so nobody can tell the two apart."""
    absent = {name: digest_of(name) for name in served.things}
    members = {name: digest_of(name) for name in served.world.actors}
    reader = READERS[row.replace(" ", "").index(".")]
    hidden = served.get(url(served, path), reader)
    nothing = served.get(path.format(**members, **absent), reader)
    assert hidden.status_code == 404
    if "export" not in path:
        assert hidden.json() == nothing.json()
        assert sorted(hidden.headers) == sorted(nothing.headers)


LISTS = {
    "/v1/members": [11] * 11,
    "/v1/programmes": [0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0],
    "/v1/accounts": [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0],
    "/v1/receivables": [0, 4, 0, 0, 4, 4, 4, 2, 2, 0, 0],
    "/v1/receivables?state=live": [0, 2, 0, 0, 2, 2, 2, 1, 2, 0, 0],
    "/v1/holdings": [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0],
    "/v1/offers": [0, 0, 0, 0, 1, 1, 1, 0, 1, 0, 0],
    "/v1/orders": [0, 0, 0, 0, 2, 2, 0, 1, 0, 1, 0],
    "/v1/payouts": [0, 0, 0, 0, 2, 2, 1, 1, 0, 0, 0],
    "/v1/payouts?account={account}": [None, None, None, 2, 2, 2, *[None] * 5],
    "/v1/payouts?payee={beta}": [0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0],
    "/v1/inbox": [0, 1, 0, 3, 0, 0, 0, 0, 1, 0, 0],
    "/v1/members/{beta}/keys": [1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0],
    "/v1/members/{beta}/accounts": [0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0],
    "/v1/receivables/{live}/tiles": [None, 0, None, None, 2, 2, 1, 1, 0, None, None],
    "/v1/receipts?account={account}": [0] * 11,
}


@pytest.mark.parametrize(("path", "counts"), LISTS.items(), ids=LISTS.keys())
def test_lists_hold_what_their_reader_may_see(
    served: Served, path: str, counts: list[int | None]
) -> None:
    """The number of items is that of the table; None is an answer of 404."""
    found = []
    for name in READERS:
        answer = served.get(url(served, path), name)
        items = answer.json().get("items") if answer.status_code == 200 else None
        found.append(None if items is None else len(items))
    assert found == counts


def names_of(served: Served, path: str, reader: str) -> list[str]:
    """Return the names of the events in a history."""
    items = served.get(url(served, path), reader).json()["items"]
    return [item["event"]["event"] for item in items]


HISTORIES: dict[tuple[str, str], list[str]] = {
    ("live", "auditor"): ["submitted", "live", "split", "transferred", "offered"],
    ("live", "debtor"): ["submitted", "live"],
    ("live", "alpha"): ["submitted", "live", "split", "transferred", "offered"],
    ("live", "beta"): ["submitted", "live", "transferred"],
    ("live", "gamma"): ["submitted", "live", "offered"],
    ("passed", "alpha"): ["submitted", "live", "transferred"],
    ("passed", "beta"): ["transferred", "transferred"],
    ("passed", "gamma"): ["submitted", "live", "transferred"],
    ("passed", "debtor"): ["submitted", "live"],
}


@pytest.mark.parametrize(("story", "expected"), HISTORIES.items())
def test_histories_are_each_readers_own(
    served: Served, story: tuple[str, str], expected: list[str]
) -> None:
    """The debtor sees no transfer, a past holder its own steps and no other."""
    thing, reader = story
    path = "/v1/receivables/{" + thing + "}/history"
    assert names_of(served, path, reader) == expected


def test_the_debtor_learns_no_holder(served: Served) -> None:
    """No answer the debtor can get names a holder of what it owes."""
    holders = [served.world.member(n) for n in ("beta", "gamma")]
    paths = [
        *("/v1/receivables", "/v1/receivables/{live}", "/v1/receivables/{live}/tiles"),
        *("/v1/receivables/{live}/lineage", "/v1/receivables/{live}/history"),
        *("/v1/receivables/{paid}/history", "/v1/receivables/{passed}/lineage"),
        *("/v1/payouts", "/v1/offers", "/v1/inbox", "/v1/records/receipt/{receipt}"),
    ]
    for path in paths:
        text = served.get(url(served, path), "debtor").text
        assert not [holder for holder in holders if holder in text], path
        assert '"groups"' not in text
        assert '"lines"' not in text


def test_lineage_is_a_tree_of_transfers(served: Served) -> None:
    """What passed on stands below what it came from."""
    shown: Any = served.get(url(served, "/v1/receivables/{passed}/lineage"), "auditor")
    tree = shown.json()["tree"]
    member = served.world.member
    assert (tree["holder"], tree["lo"], tree["hi"]) == (member("alpha"), 0, 50_000)
    (first,) = tree["children"]
    assert (first["from"], first["holder"]) == (member("alpha"), member("beta"))
    (second,) = first["children"]
    assert (second["from"], second["holder"]) == (member("beta"), member("gamma"))


def test_an_offer_that_has_lapsed_shows_its_receivable_no_more(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A receiver is party for as long as the offer stands."""
    folder = tmp_path_factory.mktemp("lapse")
    world = found_world(folder)
    world.open_account()
    world.open_programme(suppliers=[world.member("alpha")])
    live = world.issue_live(1_000, "2026-05-04")
    body = {
        "input": world.input(live, 0),
        "part": {"hi": 1_000, "lo": 0},
        "receivable": live,
        "receiver": world.member("gamma"),
        "recourse": "without",
        "until_ms": world.time + 3_600_000,
    }
    offer = world.act("receivable.offer", body)
    with serve_world(world, folder) as served:
        assert served.get(f"/v1/receivables/{live}", "gamma").status_code == 200
        raw = world.build("offer.withdraw", {"offer": offer}, by=["alpha"])
        assert served.post(raw).status_code == 200
        assert served.get(f"/v1/receivables/{live}", "gamma").status_code == 404
        assert served.get(f"/v1/transactions/{offer}", "gamma").status_code == 200
        served.advance(ms_of("2026-01-06"))
