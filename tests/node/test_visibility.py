"""Who sees what, as a story: histories, lineage, and what no debtor learns.

The whole matrix of routes, readers and objects is in ``test_matrix.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.node.serving import Served, found_world, serve_world
from tests.world import World, default_actors, make_actor, ms_of


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
    return things


def url(served: Served, path: str) -> str:
    """Fill the ids of things and members into a path."""
    members = {name: actor.id for name, actor in served.world.actors.items()}
    return path.format(**members, **served.things)


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
