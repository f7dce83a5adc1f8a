"""Neither debtor nor losing lender learns from any answer who bought at what price."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import sale_verbs
from tests.node.serving import Served, find_words, serve_world
from tests.stage import Stage
from tests.verbs import live


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
        assert not find_words([buyer, "99250"], text), path
