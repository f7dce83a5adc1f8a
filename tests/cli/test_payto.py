"""Changing the account that is paid to, and money that went past it, as typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.names import short_id
from tests.cli.wallets import Stage, open_stage
from tests.node.serving import wait_for
from tests.world import World


@pytest.fixture
def stage(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """Return a stage with a receivable of alpha's, and two accounts of one bank."""

    def prepare(world: World) -> None:
        second = world.open_account()
        world.open_account()
        world.open_programme()
        world.item = world.issue_live(10_000, "2026-06-01")  # type: ignore[attr-defined]
        world.second = second  # type: ignore[attr-defined]

    folder = tmp_path_factory.mktemp("payto")
    with open_stage(folder, monkeypatch, prepare) as stage:
        yield stage


def test_a_debtor_pays_elsewhere_by_agreement(stage: Stage) -> None:
    """It proposes with notice, the holder agrees, others know nothing of it."""
    item, second = stage.world.item, stage.world.second  # type: ignore[attr-defined]
    words = ["pay-to", "propose", short_id("receivable", item)]
    words += [second, "--document", "ef" * 32, "--until"]
    assert stage.refusal("debtor", *words, "9d", typed="1") == "bad_notice"
    change = stage.do("debtor", *words, "20d", typed="1")["id"]
    assert stage.refusal("beta", "pay-to", "answer", change, "yes") == "not_found"
    wrong = stage.run("alpha", "pay-to", "answer", "nonsense", "yes", "--json")
    assert wrong.facts["fix"].endswith("run: allonge pay-to list")
    (row,) = stage.do("alpha", "inbox")["items"]
    assert row["command"].endswith(f"pay-to answer {change} yes")
    assert stage.do("debtor", "inbox")["items"] == []
    seen = stage.run("alpha", "pay-to", "answer", change, "yes", typed="2")
    first = stage.do("alpha", "show", item)["account"]
    for kind, of in (("receivable", item), ("account", first), ("account", second)):
        assert short_id(kind, of) in seen.err, seen.err
    assert "answers by" in seen.err
    stage.do("alpha", "pay-to", "answer", change, "yes", typed="1")
    assert stage.do("alpha", "inbox")["items"] == []
    for wallet, found in (("alpha", ["yes"]), ("debtor", [""]), ("beta", [])):
        rows = stage.do(wallet, "pay-to", "list")["items"]
        assert [row["answer"] for row in rows] == found
    other = short_id("receivable", "ab" * 32)
    assert stage.refusal("alpha", "pay-to", "list", other) == "not_found"
    stage.advance("2026-02-20")
    wait_for(lambda: stage.do("debtor", "show", item)["account"] == second)
    assert stage.world.read("payto", change)["state"] == "made"


def test_money_past_the_account_is_reported(stage: Stage) -> None:
    """The debtor says whom it paid; what it owes stays as it was."""
    name = short_id("receivable", stage.world.item)  # type: ignore[attr-defined]
    words = ["misdirected", name, "CNY 30.00", "--on", "2026-01-04"]
    words += ["--document", "ef" * 32, "--to"]
    itself = stage.world.member("debtor")
    assert stage.refusal("debtor", *words, itself, typed="30.00") == "not_a_party"
    stage.do("debtor", *words, stage.world.member("alpha"), typed="30.00")
    (report,) = stage.world.scan(
        "misdirected",
        "/".join((stage.world.item, stage.world.member("alpha"))),  # type: ignore[attr-defined]
    )
    assert report["open_minor"] == 3_000
    assert stage.do("debtor", "show", name)["live_minor"] == 10_000
