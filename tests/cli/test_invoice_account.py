"""The account an invoice asks to be paid to, against the one that counts."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from cli.draft import draft
from cli.formats.sample_invoice import write_sample_invoice
from cli.terminal import run_command
from ledger.names import short_id
from tests.cli.test_walkthrough import DUE, _found_programme
from tests.cli.wallets import Stage, open_stage

COLLECTS, OWN, FOREIGN = (
    "DE02120300000000202051",
    "DE893704",
    "NL57RABO0107307510",
)
MEANS = """
  <cac:PaymentMeans>
    <cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
    <cac:PayeeFinancialAccount><cbc:ID>{}</cbc:ID></cac:PayeeFinancialAccount>
  </cac:PaymentMeans>
  <cac:TaxTotal>"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage on which debtor and supplier know the collection account."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch) as stage:
        _found_programme(stage, folder, ("--holder", "Bank", "--number", COLLECTS))
        card = folder / "collection.card"
        stage.do("bank", "bank", "card", "-o", str(card))
        for name in ("alpha", "debtor"):
            stage.do(name, "member", "account", "keep", str(card))
        yield stage


def write_invoice(folder: Path, number: str, account: str, amount: str = "7.00") -> str:
    """Write an invoice of alpha that asks to be paid to an account."""
    path = folder / f"{number}.xml"
    write_sample_invoice(
        path,
        number=number,
        issue_date="2026-01-02",
        due_date=DUE,
        amount=amount,
        currency="CNY",
        seller={"name": "Alpha", "scheme": "TEST", "value": "ALPHA"},
        buyer={"name": "Buyer", "scheme": "TEST", "value": "DEBTOR"},
    )
    text = path.read_text()
    path.write_text(text.replace("\n  <cac:TaxTotal>", MEANS.format(account), 1))
    return str(path)


def write_draft(invoice: str) -> str:
    """Return the path of an invoice's draft."""
    target = f"{invoice}.json"
    assert run_command(draft, [invoice, "-o", target]) == 0
    return target


@pytest.mark.parametrize(
    ("who", "account", "words"),
    [
        ("alpha", COLLECTS, ""),
        ("alpha", "DE02 1203 0000 0000 2020 51", ""),
        ("alpha", OWN, "the seller's own account: after confirmation only bank's"),
        ("alpha", FOREIGN, f"NOT to {COLLECTS} of bank, where this programme is paid"),
        ("debtor", OWN, "NOT to"),
        ("beta", FOREIGN, "is not known here. Ask bank for the account's card"),
    ],
    ids=["the same", "spelled otherwise", "its own", "foreign", "unknown", "no card"],
)
def test_another_account_stands_on_the_screen(
    stage: Stage, tmp_path: Path, who: str, account: str, words: str
) -> None:
    """Whoever proposes is warned before it signs; nothing is refused."""
    path = write_draft(write_invoice(tmp_path, "X-1", account))
    verb = ["issue", path, "--supplier", "TEST:ALPHA"]
    ended = stage.run(
        who,
        *(verb if who == "debtor" else ["submit", path, "--parties-agreed"]),
        typed="no",
    )
    assert ended.exit_code == 3, ended.err
    text = " ".join(ended.err.split())
    assert ("WARNING" in text, words in text) == (bool(words), True)


@pytest.mark.parametrize(
    ("who", "account", "warned"),
    [
        ("alpha", "DE02 1203 0000 0000 2020 51", False),
        ("alpha", FOREIGN, True),
        ("operator", FOREIGN, False),
        ("nobody", FOREIGN, False),
    ],
    ids=["known", "on no card", "no cards", "no wallet"],
)
def test_a_draft_tells_an_account_that_is_on_no_card(
    stage: Stage, tmp_path: Path, who: str, account: str, warned: bool
) -> None:
    """No node is asked, and without a wallet's cards nothing can be said."""
    invoice = write_invoice(tmp_path, "X-5", account)
    found = stage.do(who, "draft", invoice, "--dry-run")["warnings"]
    assert [row["subject"] for row in found if row["code"] == "account"] == (
        ["pay to"] if warned else []
    )


def test_a_second_signer_reads_the_warning_too(stage: Stage, tmp_path: Path) -> None:
    """It travels with the signing file."""
    path = write_draft(write_invoice(tmp_path, "X-2", FOREIGN))
    file = tmp_path / "submit.altx"
    stage.do("alpha", "submit", path, "--prepare", str(file))
    ended = stage.run("alpha", "sign", str(file), typed="no")
    assert f"asks to be paid to {FOREIGN}" in " ".join(ended.err.split())


def test_a_debtor_compares_the_invoice_it_has(stage: Stage, tmp_path: Path) -> None:
    """Another number, amount or file is refused; another account is told."""
    invoice = write_invoice(tmp_path, "X-3", FOREIGN)
    made = stage.do("alpha", "submit", write_draft(invoice), typed="7.00")
    words = ["confirm", short_id("receivable", made["created"]["id"]), "--invoice"]
    for number, account, amount, found in (
        ("X-4", FOREIGN, "7.00", "X-4"),
        ("X-3", FOREIGN, "7.01", "amount 701"),
        ("X-3", COLLECTS, "7.00", "SHA-256"),
    ):
        (tmp_path / found).mkdir()
        other = write_invoice(tmp_path / found, number, account, amount)
        facts = stage.run("debtor", *words, other, "--json", typed="7.00").facts
        assert facts["code"] == "other_invoice"
        assert facts["found"].startswith(found)
    ended = stage.run("debtor", *words, invoice, typed="no")
    text = " ".join(ended.err.split())
    assert f"asks to be paid to {FOREIGN}, NOT to {COLLECTS}" in text
    assert "no set-off, dispute or credit note from now on" in text
    stage.do("debtor", *words, invoice, typed="7.00")


def test_a_goods_receipt_is_named_by_its_file(stage: Stage, tmp_path: Path) -> None:
    """What the debtor confirms on stands in the receivable, by its hash."""
    note = tmp_path / "delivery.pdf"
    note.write_bytes(b"received in full")
    made = stage.do(
        "alpha",
        *("submit", "--invoice", "X-9", "--issued", "2026-01-02", "--due", DUE),
        *("--amount", "CNY 3.00"),
        typed="3.00",
    )
    item = made["created"]["id"]
    stage.do("debtor", "confirm", item, "--delivery", f"@{note}", typed="3.00")
    found = stage.do("alpha", "show", item)
    assert found["delivery"] == sha256(b"received in full").hexdigest()
    words = ["--to", stage.world.member("beta"), "--purpose", "goods of order 7"]
    offer = stage.do(
        "alpha", "offer", item, *words, "--document", f"@{note}", typed="3.00"
    )["created"]["id"]
    shown = stage.run("beta", "accept", offer, typed="no").err
    assert '"goods of order 7"' in shown
