"""Orders, insolvencies, reductions and disputes as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.wallets import Stage, open_stage
from tests.world import World

COURT = ["--authority", "Intermediate Court", "--reference", "(2026) 7"]
COURT += ["--document", "ab" * 32]
MADE: list[str] = []


class Setting:
    """A stage with receivables that may be contested, and a folder for files."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        """Take what ``prepare`` has made."""
        self.stage, self.folder = stage, folder
        self.first, self.second, self.lost = MADE

    def sign_all(self, *words: str, by: tuple[str, ...], typed: str) -> str:
        """Let members sign one prepared file and send it; return what it made."""
        file = self.folder / f"{len(list(self.folder.iterdir()))}.altx"
        self.stage.do(by[0], *words, "--prepare", str(file))
        for name in by:
            self.stage.do(name, "sign", str(file), typed=typed)
        made = self.stage.do(by[0], "send", str(file))
        return str(made.get("created", made)["id"])

    def order(self, *words: str, typed: str = "1") -> str:
        """Let the operator and a lender place an order; return its id."""
        guardian = self.stage.world.member("lender")
        return self.sign_all(
            *words,
            *COURT,
            "--guardian",
            guardian,
            by=("operator", "lender"),
            typed=typed,
        )


def prepare(world: World) -> None:
    """Let three receivables be live, one of them in default."""
    world.let_see_all("auditor")
    world.open_account()
    world.open_programme(undertaking="subject_to_defences", tenor_norm_days=365)
    MADE.clear()
    for number, due in (("A", "2026-12-01"), ("B", "2026-12-02"), ("C", "2026-03-02")):
        item = world.issue_live(1_000_000, due, number=number)
        MADE.append(item)
        world.transfer(item, 0, 0, 100_000, "beta")
    world.advance("2026-03-14")
    world.close_day("2026-03-13")


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """Serve the world to wallets."""
    folder = tmp_path_factory.mktemp("stage")
    files = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch, prepare) as s:
        yield Setting(s, files)


def test_units_are_frozen_and_released(setting: Setting) -> None:
    """Who holds them and who placed the order see it; the debtor does not."""
    stage = setting.stage
    order = setting.order(
        "freeze", "units", setting.first, "--amount", "CNY 50.00", typed="50.00"
    )
    for reader in ("operator", "lender", "beta", "auditor"):
        assert stage.do(reader, "show", order)["reference"] == "(2026) 7"
    for stranger in ("debtor", "alpha", "gamma"):
        assert stage.refusal(stranger, "show", order) == "not_found"
        assert stage.do(stranger, "freeze", "list") == {"items": []}
    (row,) = [r for r in stage.do("beta", "inbox")["items"] if r["kind"] == "order"]
    assert (row["id"], row["command"][:14]) == (order, "allonge show F")
    shown = stage.run("beta", "inbox").out
    assert "freeze: Intermediate Court, (2026) 7" in shown
    for other in ("operator", "lender", "debtor", "alpha", "auditor"):
        kinds = [row["kind"] for row in stage.do(other, "inbox")["items"]]
        assert "order" not in kinds
    (total,) = stage.do("beta", "balance", "totals")["items"]
    assert total["locked_minor"] == 5_000
    words = ["offer", setting.first, "--to", stage.world.member("gamma")]
    assert stage.refusal("beta", *words, typed="50.00") in ("frozen", "which_holding")
    ended = stage.run("beta", "offer", f"{setting.first}/0.00", *words[2:])
    assert "lo=CNY 0.00" in ended.err, ended.err
    released = ["freeze", "release", order]
    setting.order(*released)
    assert stage.do("lender", "show", order)["state"] == "released"
    assert "order" not in [r["kind"] for r in stage.do("beta", "inbox")["items"]]


def test_a_holder_sees_what_is_frozen(setting: Setting) -> None:
    """An order on an amount is counted once; one on a member marks all it has."""
    stage = setting.stage
    words = ["freeze", "member", stage.world.member("beta")]
    sums = ["--amount", "CNY 10.00"]
    orders = []
    for more, typed, text, locked in (
        (sums, "10.00", "freeze of CNY 10.00 in all", 1_000),
        ([], "1", "freeze", 300_000),
    ):
        orders.append(setting.order(*words, *more, typed=typed))
        rows = stage.do("beta", "balance", "holdings")["items"]
        assert {row["locked"] for row in rows} == {text}
        (total,) = stage.do("beta", "balance", "totals")["items"]
        assert total["locked_minor"] == locked
    (whole, limited) = [
        [line for line in stage.run("beta", "inbox").out.splitlines() if mark in line]
        for mark in ("freeze: Intermediate Court", "CNY 10.00")
    ]
    assert (len(whole), len(limited)) == (2, 1)
    for order in orders:
        setting.order("freeze", "release", order)


def test_a_member_is_frozen(setting: Setting) -> None:
    """It sees the order about it; its money goes where the order says."""
    stage = setting.stage
    member = stage.world.member("gamma")
    words = ["freeze", "member", member, "--payee", "Court", "--commitment", "cd" * 32]
    order = setting.order(*words)
    assert stage.do("gamma", "show", order)["redirect"]["payee"] == "Court"
    assert [row["id"] for row in stage.do("gamma", "freeze", "list")["items"]] == [
        order
    ]
    amount = ["freeze", "member", member, "--amount", "CNY 10.00", "--until", "3d"]
    limited = setting.order(*amount, typed="10.00")
    assert stage.do("gamma", "show", limited)["limit_minor"] == 1000


def test_an_amount_is_contested(setting: Setting) -> None:
    """Holders see it; it is extended for a case and withdrawn."""
    stage = setting.stage
    words = ["dispute", "open", setting.second, "CNY 20.00", "--document", "ef" * 32]
    made = stage.do("debtor", *words, typed="20.00")["created"]
    assert made["kind"] == "dispute"
    rows = stage.do("beta", "dispute", "list", setting.second)["items"]
    assert [row["amount_minor"] for row in rows] == [2000]
    assert stage.refusal("gamma", "show", made["id"]) == "not_found"
    case = ["--case", "District Court", "3 O 4/26", "ab" * 32]
    stage.do(
        "debtor", "dispute", "extend", made["id"], "--until", "90d", *case, typed="1"
    )
    stage.do("debtor", "dispute", "withdraw", made["id"], typed="1")
    assert stage.do("beta", "dispute", "list", setting.second)["items"] == []


def test_a_dispute_is_limited_to_a_holding(setting: Setting) -> None:
    """Its holder prepares it, the debtor signs too; others need not know."""
    stage = setting.stage
    words = ["dispute", "open", setting.second, "CNY 2.00", "--document", "ef" * 32]
    words += ["--of", setting.second]
    assert stage.refusal("debtor", *words, typed="2.00") == "not_found"
    assert stage.refusal("beta", *words, typed="2.00") == "policy_not_met"
    setting.sign_all(*words, by=("beta", "debtor"), typed="2.00")
    (row,) = stage.do("debtor", "dispute", "list", setting.second)["items"]
    assert row["hi"] - row["lo"] == row["amount_minor"] == 200
    assert "tile" not in row
    stage.do("debtor", "dispute", "withdraw", row["id"], typed="1")


def test_less_is_owed(setting: Setting) -> None:
    """Debtor and supplier sign one file."""
    words = ["reduce", setting.second, "CNY 30.00", "--document", "ef" * 32]
    setting.sign_all(*words, by=("debtor", "alpha"), typed="30.00")
    found = setting.stage.do("debtor", "show", setting.second)
    assert (found["reduced_minor"], found["live_minor"]) == (3000, 997_000)


def test_holders_close_a_default(setting: Setting) -> None:
    """One by one; nobody else learns who has agreed."""
    stage = setting.stage
    stage.do("beta", "close", setting.lost, typed="1")
    assert stage.do("debtor", "show", setting.lost)["state"] == "default"
    stage.do("alpha", "close", setting.lost, typed="1")
    assert stage.do("debtor", "show", setting.lost)["state"] == "closed"


def test_an_insolvency_is_reported(setting: Setting) -> None:
    """What the member did since the effective time is listed for the court."""
    stage = setting.stage
    words = ["insolvency", "declare", stage.world.member("beta"), "--payee", "Estate"]
    words += ["--commitment", "cd" * 32, "--effective", "2026-01-02T00:00:00+00:00"]
    order = setting.order(*words)
    report = stage.do("auditor", "insolvency", "report", order)
    acts = [row["act"] for row in report["acts"]]
    assert acts.count("receivable.transfer") == 3
    assert acts[-1] == "insolvency.declare"
    assert stage.refusal("beta", "insolvency", "report", order) == "role_missing"
