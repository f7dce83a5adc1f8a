"""Requests, quotes, sales and deals as people type them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.wallets import Stage, open_stage
from tests.world import World

MADE: list[str] = []


def prepare(world: World) -> None:
    """Let alpha hold a receivable of 10000.00 that is due in autumn."""
    world.open_account()
    world.open_programme(tenor_norm_days=365)
    MADE.clear()
    MADE.append(world.issue_live(1_000_000, "2026-09-01", number="S"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Serve the world to wallets."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch, prepare) as s:
        yield s


def offer_price(stage: Stage, at: str, *words: str) -> str:
    """Let alpha ask for a price of 1000.00, and the lender give one; return it."""
    holding = f"{MADE[0]}/{at}"
    asking = ["quote", "request", holding, "--to", stage.world.member("lender")]
    asked = stage.do("alpha", *asking, "--amount", "CNY 1000.00", typed="1")
    request = asked["created"]["id"]
    giving = ["quote", "give", request, "--flat", "CNY 10.00", *words]
    made = stage.do("lender", *giving, typed="990.00")
    return str(made["created"]["id"])


def take(stage: Stage, quote: str) -> str:
    """Let alpha take a quote; return the deal."""
    return str(stage.do("alpha", "take", quote, typed="1000.00")["created"]["id"])


def test_a_direct_sale_moves_on_the_sellers_word(stage: Stage) -> None:
    """The price less named bank charges is signed for; then the part is sold."""
    quote = offer_price(stage, "0.00", "--direct", "--recourse")
    assert stage.refusal("debtor", "show", quote) == "not_found"
    deal = take(stage, quote)
    assert stage.refusal("alpha", "take", quote) == "quote_over"
    for reader in ("alpha", "lender"):
        rows = stage.do(reader, "deal", "list")["items"]
        assert [(row["id"], row["state"]) for row in rows] == [(deal, "open")]
        assert stage.do(reader, "show", deal)["price_minor"] == 99_000
    words = ["deal", "received", deal, "--shortfall", "CNY 1.00"]
    assert stage.refusal("alpha", *words) == "usage"
    stage.do("alpha", *words, "--reason", "bank charges", typed="989.00")
    tile = stage.world.read("tile", "0", MADE[0])
    assert stage.world.name_of(tile["holder"]) == "lender"
    assert tile["chain"][0]["recourse"] == "with"
    # What is its own now needs no price of it any more.
    kinds = [row["kind"] for row in stage.do("lender", "inbox")["items"]]
    assert "request" not in kinds


def test_both_end_a_sale(stage: Stage) -> None:
    """One file is signed by both; the part is free to be asked for again."""
    deal = take(stage, offer_price(stage, "1000.00"))
    assert stage.refusal("alpha", "deal", "cancel", deal) == "policy_not_met"
    file = str(stage.served.clock.parent / "cancel.altx")
    stage.do("alpha", "deal", "cancel", deal, "--prepare", file)
    for name in ("alpha", "lender"):
        stage.do(name, "sign", file, typed="1")
    stage.do("lender", "send", file)
    assert stage.do("alpha", "show", deal)["state"] == "lapsed"
    take(stage, offer_price(stage, "1000.00"))


def test_what_waits_is_in_the_inbox_with_its_command(stage: Stage) -> None:
    """Who is to answer a request, a quote or a deal finds the command to do it."""
    offer_price(stage, "1000.00")
    found = {name: stage.do(name, "inbox")["items"] for name in ("alpha", "lender")}
    commands = {row["kind"]: row["command"] for row in found["alpha"]}
    assert commands["quote"].startswith("allonge take Q")
    commands = {row["kind"]: row["command"] for row in found["lender"]}
    assert commands["request"].startswith("allonge quote give S")
    assert commands["deal"] == "allonge deal list"


def test_a_quote_needs_a_rate_or_a_sum(stage: Stage) -> None:
    """One of the two, and not both."""
    for words in ([], ["--rate", "4.5%", "--flat", "CNY 1.00"]):
        given = ["quote", "give", "S" + "0" * 4, *words]
        assert stage.refusal("lender", *given) == "usage"
