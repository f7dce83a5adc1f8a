"""Rows of a bank file whose keys are known, against a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_walkthrough import DUE, HEADER, _found_programme
from tests.cli.wallets import Stage, open_stage

NEW = f"charge,1.00,CNY,{DUE},,S9/9,,,,"
RECEIPT = f"receipt,500.01,CNY,{DUE},,S1/1,,,what is this,"
REVERSAL = f"reversal,100.00,CNY,{DUE},,S1/3,,,,S1/1"
KNOWN = (RECEIPT, f"receipt,10.00,CNY,{DUE},,S1/2,,,,", REVERSAL)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage on which the known rows are recorded."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch) as stage:
        _found_programme(stage, folder)
        stage.advance(DUE)
        stage.do("bank", *import_of(folder, *KNOWN[:2]), typed="2")
        stage.do("bank", *import_of(folder, *KNOWN), typed="1")
        yield stage


def import_of(folder: Path, *rows: str) -> list[str]:
    """Write a file of rows; return the words that import it."""
    file = folder / "day.csv"
    file.write_text(HEADER + "\n".join(rows))
    return ["bank", "import", str(file)]


def test_a_file_of_known_rows_is_nothing_new(stage: Stage, tmp_path: Path) -> None:
    """The same facts under the same keys are left out, reversals as well."""
    assert stage.refusal("bank", *import_of(tmp_path, *KNOWN)) == "nothing_new"


@pytest.mark.parametrize(
    ("row", "old", "new", "expected", "found"),
    [
        (RECEIPT, "500.01", "500.10", "amount CNY 500.01", "amount CNY 500.10"),
        (
            *(RECEIPT, f"{DUE},,", f"2026-03-01,{DUE},"),
            *(f"booking_date {DUE}", "booking_date 2026-03-01"),
        ),
        (
            *(RECEIPT, f"{DUE},,", f"{DUE},2026-03-03,"),
            *(f"value_date {DUE}", "value_date 2026-03-03"),
        ),
        (REVERSAL, "100.00", "10.00", "amount CNY 100.00", "amount CNY 10.00"),
    ],
    ids=["amount", "booking date", "value date", "reversal"],
)
def test_a_known_key_with_other_facts_refuses_the_file(
    stage: Stage,
    tmp_path: Path,
    *,
    row: str,
    old: str,
    new: str,
    expected: str,
    found: str,
) -> None:
    """Row, key, what is recorded and what is stated are named; nothing is sent."""
    (before,) = stage.world.scan("all", "account")
    words = import_of(tmp_path, NEW, row.replace(old, new))
    facts = stage.run("bank", *words, "--json", typed="1.00").facts
    assert (facts["code"], facts["kind"]) == ("entry_differs", "refused")
    assert (facts["expected"], facts["found"]) == (expected, found)
    assert (facts["row"], facts["key"]) == (3, row.split(",")[5])
    assert stage.world.scan("all", "account") == [before]


def test_another_currency_refuses_the_file(stage: Stage, tmp_path: Path) -> None:
    """An account is in one currency, whatever is known of the key."""
    words = import_of(tmp_path, NEW, RECEIPT.replace("CNY", "USD"))
    assert stage.refusal("bank", *words) == "other_currency"


def test_a_known_reversal_of_another_receipt_refuses_the_file(
    stage: Stage, tmp_path: Path
) -> None:
    """Which receipt was taken back is a fact of the entry too."""
    words = import_of(tmp_path, REVERSAL.replace("S1/1", "S1/2"))
    facts = stage.run("bank", *words, "--json").facts
    assert facts["code"] == "entry_differs"
    assert facts["found"] == "receipt reversed S1/2"
