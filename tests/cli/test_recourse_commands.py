"""Recourse, repurchase, redemption and waivers as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.wallets import Stage, open_stage
from tests.world import World


class Setting:
    """A stage with receivables of beta, one overdue and one not due yet.

    Attributes:
        stage: of wallets.
        folder: for signing files.
        late: in default; beta has 1000.00 of it from alpha, with recourse.
        short: due and paid but for 0.05.
        next: due a year later; beta has 1000.00 of it.
        served: as ``late``, but half of its late interest was paid.
    """

    def __init__(self, stage: Stage, folder: Path) -> None:
        """Take what ``prepare`` has made."""
        self.stage, self.folder = stage, folder
        self.late, self.short, self.next, self.served = MADE

    def sign_both(self, one: str, other: str, *words: str, typed: str) -> str:
        """Let two members sign one prepared file and send it; return its deal."""
        file = self.folder / f"{words[0]}-{len(list(self.folder.iterdir()))}.altx"
        self.stage.do(one, *words, "--prepare", str(file))
        self.stage.do(one, "sign", str(file), typed=typed)
        self.stage.do(other, "sign", str(file), typed=typed)
        made = self.stage.do(one, "send", str(file))
        return str(made.get("created", made)["id"])

    def pay(self, deal: str, amount: int, payer: str) -> None:
        """Let the bank attest a price."""
        world = self.stage.world
        entry = {
            "amount_minor": amount,
            "booking_date": world.today,
            "currency": "CNY",
            "key": f"price-{deal[:8]}",
            "payer": world.member(payer),
            "reference": deal,
            "type": "receipt",
            "value_date": world.today,
        }
        body = {
            "account": world.account,
            "attester": world.member("bank"),
            "entries": [entry],
            "file_hash": "ab" * 32,
        }
        answer = self.stage.served.post(world.build("bank.record", body))
        assert answer.json()["status"] == "committed", answer.text


MADE: list[str] = []


def prepare(world: World) -> None:
    """Let parts pass on with recourse, and a due day be closed unpaid."""
    world.open_account()
    world.open_programme(tolerance_minor=5, tolerance_days=99, tenor_norm_days=365)
    MADE.clear()
    late = "2026-03-02"
    for number, due in (("L", late), ("S", late), ("N", "2026-12-01"), ("I", late)):
        if number == "I":
            world.open_programme(order="interest_first")
        item = world.issue_live(1_000_000, due, number=number)
        MADE.append(item)
        world.transfer(item, 0, 0, 100_000, "beta", recourse="with")
    world.register_payee("beta")
    world.advance("2026-03-02")
    world.receive("short", 999_995, names=MADE[1])
    world.advance("2026-03-14")
    world.receive("interest", 1000, names=MADE[3])
    world.close_day("2026-03-13")


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """Serve the world to wallets."""
    folder = tmp_path_factory.mktemp("stage")
    files = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch, prepare) as s:
        yield Setting(s, files)


def test_a_debtor_is_told_what_is_late(setting: Setting) -> None:
    """The amount to pay in stands in the inbox and in the balance."""
    debtor = setting.stage
    rows = [row for row in debtor.do("debtor", "inbox")["items"] if row.get("what")]
    (late,) = [row for row in rows if row["id"] == setting.late]
    assert (late["what"], late["amount_minor"]) == ("default: pay in now", 1_000_000)
    assert late["command"] == "allonge balance funding"
    assert debtor.do("debtor", "balance")["funding"][0]["window"] == "now"
    shown = debtor.run("debtor", "inbox").out
    assert "CNY 10000.00" in shown
    assert debtor.do("beta", "balance")["funding"] == []


def test_recourse_goes_back_one_step(setting: Setting) -> None:
    """The price is computed by the wallet; paid, the part is the transferor's."""
    stage = setting.stage
    rows = stage.do("beta", "inbox")["items"]
    (late,) = [row for row in rows if row.get("receivable") == setting.late]
    assert late["what"] == "in default, with recourse"
    # In default since 14 March; the last of 30 days to call ends at midnight.
    ends = datetime.fromisoformat("2026-04-14T00:00+08:00")
    assert late["until_ms"] == ends.timestamp() * 1000
    # 1000.00 at 6 % for 12 days are 2.00.
    made = stage.do("beta", "recourse", setting.late, typed="1002.00")
    deal = made["created"]
    assert deal["kind"] == "deal"
    for reader in ("alpha", "beta"):
        assert stage.do(reader, "show", deal["id"])["price_minor"] == 100_200
    for stranger in ("debtor", "lender"):
        assert stage.refusal(stranger, "show", deal["id"]) == "not_found"
    setting.pay(deal["id"], 100_200, "alpha")
    tile = stage.world.read("tile", "0", setting.late)
    assert (tile["holder"], tile["chain"]) == (stage.world.member("alpha"), [])


def test_recourse_costs_no_interest_twice(setting: Setting) -> None:
    """What a holder was paid of the 2.00 is not in its price."""
    made = setting.stage.do("beta", "recourse", setting.served, typed="1001.00")
    deal = setting.stage.do("beta", "show", made["created"]["id"])
    assert deal["price_minor"] == 100_100


def test_a_first_holder_has_no_recourse(setting: Setting) -> None:
    """The refusal says whom one could have called on."""
    found = setting.stage.refusal(
        "alpha", "recourse", f"{setting.late}/1000.00", typed="9018.00"
    )
    assert found == "no_recourse"


def test_a_transferor_buys_back(setting: Setting) -> None:
    """Both sign one file; the price moves the part, and the debtor sees neither."""
    stage = setting.stage
    words = ["repurchase", setting.next, "--price", "CNY 390.00"]
    words += ["--amount", "CNY 400.00", "--pay-by", "3d"]
    deal = setting.sign_both("beta", "alpha", *words, typed="390.00")
    assert stage.refusal("debtor", "show", deal) == "not_found"
    setting.pay(deal, 39_000, "alpha")
    tiles = [t for t in stage.world.tiles(setting.next) if t["lo"] == 0]
    assert stage.world.name_of(tiles[0]["holder"]) == "alpha"
    assert tiles[0]["hi"] == 40_000


def test_a_debtor_redeems_early(setting: Setting) -> None:
    """What is redeemed is owed no more, and was never the debtor's."""
    stage = setting.stage
    words = ["redeem", f"{setting.next}/400.00", "--price", "CNY 590.00", "--direct"]
    deal = setting.sign_both("beta", "debtor", *words, typed="590.00")
    stage.do("beta", "deal", "received", deal, typed="590.00")
    record = stage.do("debtor", "show", setting.next)
    assert record["retired_minor"] == 60_000
    assert record["state"] == "part_paid"


def test_holders_waive_a_small_rest(setting: Setting) -> None:
    """Who shares the rest is seen by nobody but those who sign."""
    stage = setting.stage
    words = ["waive", setting.short]
    file = setting.folder / "waive.altx"
    stage.do("alpha", *words, "--prepare", str(file))
    holders = {
        tile["holder"]
        for tile in stage.world.tiles(setting.short)
        if tile["state"] == "live"
    }
    for name in sorted(stage.world.name_of(holder) for holder in holders):
        stage.do(name, "sign", str(file), typed="0.05")
    stage.do("alpha", "send", str(file))
    assert stage.do("debtor", "show", setting.short)["state"] == "settled"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["recourse", "RXXXXXXXXXXXXX"], "bad_id_check"),
        (["redeem", "R", "--price", "390"], "bad_id"),
        (["repurchase", "M0", "--price", "CNY 1.00"], "wrong_id_kind"),
        (["waive", "O0000"], "wrong_id_kind"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_typos_are_named(setting: Setting, words: list[str], code: str) -> None:
    """An id is judged before a node is asked."""
    assert setting.stage.refusal("beta", *words) in (code, "bad_id")
