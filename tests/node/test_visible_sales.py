"""Who sees requests, prices and deals: lenders are sealed from each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import sale_verbs
from tests.node.serving import Served, serve_world
from tests.stage import Stage
from tests.verbs import live
from tests.world import digest_of

READERS = (
    *("operator", "debtor", "lender", "lender_two", "bank"),
    *("auditor", "alpha", "beta"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node on which two lenders gave prices; see ``play``."""
    folder = tmp_path_factory.mktemp("sales")
    stage = Stage(more=sale_verbs.bidders(), folder=folder / "ledger")
    things = play(stage)
    with serve_world(stage, folder) as node:
        node.things = things
        yield node


def play(stage: Stage) -> dict[str, str]:
    """Act out the story; return the ids of what it made.

    ``it``: alpha asked lender and lender_two, both gave a price, lender's is taken.
    ``asked``: the same again, nothing is taken. ``done``: lender's price has come.
    """
    stage.begin()
    stage.let_see_all("auditor")
    stage.deal(suppliers=[stage.member("alpha"), stage.member("beta")])
    things = {"account": stage.account}
    for name in ("done", "it", "asked"):
        live(stage)
        things[name] = stage.it
        sale_verbs.ask(stage, 0, 100_000, "lender+lender_two")
        things["request"], things["request_two"] = stage.requests
        things["ask_tx"] = stage.source
        sale_verbs.bid(stage, 1, rate_ppm=50_000)
        things["quote_two"] = stage.quote
        sale_verbs.bid(stage)
        things["quote"] = stage.quote
        if name == "asked":
            break
        sale_verbs.buy(stage)
        things["deal"] = stage.deal_id
        if name == "done":
            sale_verbs.price(stage)
            things |= {"moved": stage.deal_id, "price": stage.receipt}
    return things


def url(served: Served, path: str) -> str:
    """Fill the ids of things into a path."""
    return path.format(**served.things)


#                                     o d l l b  a a b
OBJECTS = {
    "/v1/receivables/{asked}": ".xxx. xx.",
    "/v1/receivables/{done}": ".xxx. xx.",
    "/v1/requests/{request}": "..x.. xx.",
    "/v1/requests/{request_two}": "...x. xx.",
    "/v1/quotes/{quote}": "..x.. xx.",
    "/v1/quotes/{quote_two}": "...x. xx.",
    "/v1/deals/{deal}": "..x.x xx.",
    "/v1/deals/{moved}": "..x.x xx.",
    "/v1/records/receipt/{price}": "..x.x xx.",
    "/v1/records/entry/{price}": "..x.x x..",
    "/v1/transactions/{ask_tx}": "..... xx.",
    "/v1/transactions/{quote}": "..x.. xx.",
    "/v1/transactions/{quote_two}": "...x. xx.",
    "/v1/transactions/{deal}": "..x.. xx.",
    "/v1/records/tile/0?scope={done}": "..x.. x..",
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


@pytest.mark.parametrize("path", OBJECTS)
def test_what_is_hidden_answers_like_what_is_not(served: Served, path: str) -> None:
    """A lender that lost cannot tell a competitor's price from nothing."""
    absent = {name: digest_of(name) for name in served.things}
    reader = READERS[OBJECTS[path].replace(" ", "").index(".")]
    hidden, nothing = (
        served.get(full, reader) for full in (url(served, path), path.format(**absent))
    )
    assert hidden.status_code == 404
    assert hidden.json() == nothing.json()


LISTS = {
    "/v1/requests": [0, 0, 3, 3, 0, 6, 6, 0],
    "/v1/quotes": [0, 0, 1, 3, 0, 4, 4, 0],
    "/v1/deals": [0, 0, 2, 0, 0, 2, 2, 0],
    "/v1/holdings": [0, 0, 1, 0, 0, 0, 3, 0],
    "/v1/payouts": [0, 0, 0, 0, 0, 1, 1, 0],
}


@pytest.mark.parametrize(("path", "counts"), LISTS.items(), ids=LISTS.keys())
def test_lists_hold_what_their_reader_may_see(
    served: Served, path: str, counts: list[int]
) -> None:
    """The number of items is that of the table."""
    answers = [served.get(path, name).json()["items"] for name in READERS]
    assert [len(items) for items in answers] == counts


@pytest.mark.parametrize("reader", ["debtor", "lender_two"])
def test_nothing_names_the_buyer_to_those_outside(served: Served, reader: str) -> None:
    """Neither the debtor nor a lender that lost learns who bought at which price."""
    buyer = served.world.member("lender")
    paths = [
        *("/v1/receivables", "/v1/receivables/{done}", "/v1/receivables/{done}/tiles"),
        *("/v1/receivables/{done}/history", "/v1/receivables/{it}/history"),
        *("/v1/receivables/{done}/lineage", "/v1/requests", "/v1/quotes", "/v1/deals"),
        *("/v1/payouts", "/v1/inbox", "/v1/records/receipt/{price}"),
    ]
    for path in paths:
        text = served.get(url(served, path), reader).text
        assert buyer not in text, path
        assert "99250" not in text, path
