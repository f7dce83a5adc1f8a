"""What wallets say where the debtor's own account is paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.lookup import OWN_ACCOUNT
from ledger.names import short_id
from ledger.transactions import object_id
from tests.cli.wallets import Stage, open_stage
from tests.world import World, date_of, digest_of


def prepare(world: World) -> None:
    """Open an account of the bank for prices, and one that the debtor owns."""
    prices = world.open_account()
    body = {
        "attester": world.member("bank"),
        "closed_date": date_of(world.time - 86_400_000),
        "commitment": digest_of("own"),
        "currency": "CNY",
        "opening_minor": 0,
        "owner": world.member("debtor"),
    }
    world.account = object_id("account", world.act("account.open", body), 0)
    world.prices = prices  # type: ignore[attr-defined]
    world.open_programme(own_account=True, settlement_account=prices)
    world.item = world.issue_live(10_000, "2026-01-12")  # type: ignore[attr-defined]


@pytest.fixture
def stage(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """Return a stage with a receivable of alpha's on that account."""
    folder = tmp_path_factory.mktemp("own")
    with open_stage(folder, monkeypatch, prepare) as stage:
        yield stage


def test_whoever_takes_it_is_told(stage: Stage) -> None:
    """The warning stands on what is signed, and on what is shown of it."""
    name = short_id("receivable", stage.world.item)  # type: ignore[attr-defined]
    words = ["offer", name, "--to", stage.world.member("beta")]
    ended = stage.run("alpha", *words, typed="100.00")
    assert f"WARNING       {OWN_ACCOUNT}" in ended.err
    (offer,) = stage.do("beta", "inbox")["items"]
    ended = stage.run("beta", "accept", short_id("offer", offer["id"]), typed="100.00")
    assert ended.err.count(OWN_ACCOUNT) == 1
    for shown in (("show", name), ("lineage", name)):
        assert OWN_ACCOUNT in stage.run("beta", *shown).err
    assert OWN_ACCOUNT not in stage.run("beta", "balance").err
    stage.advance("2026-01-12")
    payer = stage.world.member("debtor")
    row = f"receipt,100.00,CNY,2026-01-12,2026-01-12,S/1,{payer}"
    file = stage.home / "day.csv"
    head = "type,amount,currency,booking_date,value_date,key,payer"
    file.write_text(f"{head}\n{row}\n")
    words = ["bank", "import", str(file), "--account", stage.world.account]
    stage.do("bank", *words, typed="1")
    assert OWN_ACCOUNT in stage.run("beta", "balance").err
    assert stage.do("beta", "show", name)["state"] == "part_paid"


def test_who_leaves_it_is_not_warned_of_it(stage: Stage) -> None:
    """A change of account is about where it will be paid."""
    name = short_id("receivable", stage.world.item)  # type: ignore[attr-defined]
    words = ["pay-to", "propose", name, stage.world.prices]  # type: ignore[attr-defined]
    words += ["--document", "ef" * 32, "--until", "20d"]
    ended = stage.run("debtor", *words, typed="1")
    assert (ended.exit_code, OWN_ACCOUNT in ended.err) == (0, False)
    (change,) = stage.do("alpha", "pay-to", "list")["items"]
    ended = stage.run("alpha", "pay-to", "answer", change["id"], "yes", typed="1")
    assert (ended.exit_code, OWN_ACCOUNT in ended.err) == (0, False)


def test_a_supplier_is_told_before_it_submits(stage: Stage) -> None:
    """No receivable is there yet: the programme says so."""
    words = ["submit", "--invoice", "I9", "--issued", "2026-01-04"]
    words += ["--due", "2026-03-02", "--amount", "CNY 5.00"]
    ended = stage.run("alpha", *words, typed="5.00")
    assert ended.exit_code == 0, ended.err
    assert OWN_ACCOUNT in ended.err


def test_a_batch_counts_what_it_warns_of(stage: Stage) -> None:
    """One screen for many says how many of them are paid to such an account."""
    words = ["issue", "--supplier", stage.world.member("alpha"), "--invoice", "I8"]
    words += ["--issued", "2026-01-04", "--amount", "CNY 5.00", "--due", "2026-03-02"]
    assert OWN_ACCOUNT in stage.run("debtor", *words, typed="5.00").err
    ended = stage.run("alpha", "accept", "--all", typed="1 CNY 5.00")
    assert "of them       1 with a WARNING" in ended.err
