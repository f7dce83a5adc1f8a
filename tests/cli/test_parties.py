"""An invoice's parties against the members, against a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.draft import draft
from cli.formats.sample_invoice import write_sample_invoice
from cli.terminal import run_command
from ledger.encoding import decode, encode
from tests.cli.test_walkthrough import _found_programme
from tests.cli.wallets import Stage, open_stage

DUE = "2026-03-02"
ALPHA = {"name": "Any name", "country": "CN", "scheme": "TEST", "value": "ALPHA"}
DEBTOR = {"name": "Any buyer", "country": "CN", "scheme": "TEST", "value": "DEBTOR"}
NOBODY = {"name": "alpha", "country": "CN"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with one programme."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch) as stage:
        _found_programme(stage, folder)
        yield stage


def make_draft(folder: Path, number: str, seller: Any, buyer: Any) -> str:
    """Write an invoice between two parties; return the path of its draft."""
    invoice, target = folder / "invoice.xml", folder / "invoice.draft.json"
    write_sample_invoice(
        invoice,
        number=number,
        issue_date="2026-01-02",
        due_date=DUE,
        amount="7.00",
        currency="CNY",
        seller=seller,
        buyer=buyer,
    )
    assert run_command(draft, [str(invoice), "-o", str(target)]) == 0
    return str(target)


@pytest.mark.parametrize(
    ("seller", "buyer"),
    [
        (ALPHA, DEBTOR),
        (ALPHA | {"value": "al-pha"}, DEBTOR | {"scheme": "test"}),
    ],
    ids=["as registered", "spelled otherwise"],
)
def test_a_draft_between_these_members_is_submitted(
    stage: Stage, tmp_path: Path, seller: Any, buyer: Any
) -> None:
    """Scheme and normalised number decide, not the name; nothing is warned of."""
    path = make_draft(tmp_path, f"P-{seller['value']}", seller, buyer)
    ended = stage.run("alpha", "submit", path, "--json", typed="7.00")
    assert (ended.exit_code, "Warning" in ended.err) == (0, False), ended.err


@pytest.mark.parametrize(
    ("seller", "buyer", "expected", "found"),
    [
        (
            *(ALPHA | {"value": "BETA"}, DEBTOR),
            *("creditor alpha, TEST ALPHA", "Any name, TEST BETA"),
        ),
        (
            *(ALPHA, DEBTOR | {"value": "BETA"}),
            *("debtor debtor, TEST DEBTOR", "Any buyer, TEST BETA"),
        ),
        (
            *(ALPHA, DEBTOR | {"scheme": "OTHER"}),
            *("debtor debtor, TEST DEBTOR", "Any buyer, OTHER DEBTOR"),
        ),
    ],
    ids=["creditor", "debtor", "scheme"],
)
def test_a_draft_between_others_is_refused(
    stage: Stage, tmp_path: Path, seller: Any, buyer: Any, expected: str, found: str
) -> None:
    """Both parties are named, and the option by which both sides answer for it."""
    path = make_draft(tmp_path, "Q-1", seller, buyer)
    ended = stage.run("alpha", "submit", path, "--json", typed="7.00")
    facts = ended.facts
    assert (ended.exit_code, facts["code"]) == (7, "parties_differ")
    assert (facts["expected"], facts["found"]) == (expected, found)
    assert "--parties-agreed" in facts["fix"]


def test_what_both_sides_agreed_on_is_submitted(stage: Stage, tmp_path: Path) -> None:
    """The option lets pass what was refused without it, if both sides sign it."""
    path = make_draft(tmp_path, "Q-2", ALPHA | {"value": "BETA"}, DEBTOR)
    assert stage.refusal("alpha", "submit", path, typed="7.00") == "parties_differ"
    made = stage.do("alpha", "submit", path, "--parties-agreed", typed="7.00")
    words = ["confirm", made["created"]["id"]]
    assert stage.refusal("debtor", *words, typed="7.00") == "link_unsigned"
    invoice = str(tmp_path / "invoice.xml")
    compared = stage.refusal("debtor", *words, "--invoice", invoice, typed="7.00")
    assert compared == "parties_differ"
    ended = stage.run("debtor", *words, "--parties-agreed", typed="7.00")
    assert ended.exit_code == 0, ended.err
    assert "are THESE MEMBERS, though the invoice names them" in ended.err


def test_a_debtor_issues_to_whom_the_draft_names(stage: Stage, tmp_path: Path) -> None:
    """An issue compares the supplier that is named, not who signs."""
    path = make_draft(tmp_path, "Q-3", ALPHA, DEBTOR)
    words = ["issue", path, "--supplier"]
    other = stage.refusal("debtor", *words, "TEST:BETA", typed="7.00")
    assert other == "parties_differ"
    stage.do("debtor", *words, "TEST:ALPHA", typed="7.00")


@pytest.mark.parametrize(
    ("number", "seller"),
    [("R-1", NOBODY), ("R-2", ALPHA | {"scheme": "", "value": "BETA"})],
    ids=["none", "of no named scheme"],
)
def test_a_party_without_identifiers_is_a_warning(
    stage: Stage, tmp_path: Path, number: str, seller: Any
) -> None:
    """The submission goes on; stderr says that nothing shows who it is."""
    path = make_draft(tmp_path, number, seller, DEBTOR)
    ended = stage.run("alpha", "submit", path, "--json", typed="7.00")
    assert ended.exit_code == 0, ended.err
    assert f"names its creditor, {seller['name']}, by no identifier" in ended.err
    assert "names its debtor" not in ended.err


@pytest.mark.parametrize(
    "change",
    [
        {"debtor": "somebody"},
        {"creditor": {"name": "x", "country": "CN", "identifiers": [{"scheme": 1}]}},
        {"payee": {"name": "x", "country": "CN", "identifiers": 5}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_draft_with_damaged_parties_is_no_draft(
    stage: Stage, tmp_path: Path, change: dict[str, Any]
) -> None:
    """A draft is a file anybody may edit, so its parties are read with care."""
    path = Path(make_draft(tmp_path, "S-1", ALPHA, DEBTOR))
    path.write_bytes(encode(decode(path.read_bytes()) | change))
    assert stage.refusal("alpha", "submit", str(path)) == "bad_draft"


def test_an_invoice_is_not_its_draft(stage: Stage, tmp_path: Path) -> None:
    """Who submits the invoice itself is told what makes a draft of it."""
    make_draft(tmp_path, "S-2", ALPHA, DEBTOR)
    invoice = str(tmp_path / "invoice.xml")
    ended = stage.run("alpha", "submit", invoice, "--json")
    assert ended.facts["code"] == "bad_draft"
    assert ended.facts["fix"].endswith(f"run: allonge draft {invoice}")


def test_a_payee_submits_what_was_passed_to_it(stage: Stage, tmp_path: Path) -> None:
    """Where another than the seller is paid, the payee is who is compared."""
    path = Path(make_draft(tmp_path, "S-2", ALPHA, DEBTOR))
    number = {"scheme": "TEST", "value": "BETA"}
    payee = {"name": "x", "country": "", "identifiers": [number]}
    path.write_bytes(encode(decode(path.read_bytes()) | {"payee": payee}))
    refused = stage.refusal("alpha", "submit", str(path), typed="7.00")
    assert refused == "parties_differ"
    stage.do("beta", "submit", str(path), typed="7.00")
