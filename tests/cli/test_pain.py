"""Files that tell a bank to pay, and its answers."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cli.formats.pain import (
    PAIN_001,
    Party,
    Payment,
    Status,
    is_pain002,
    message_id,
    parse_pain002,
    uetr_of,
    write_pain001,
)
from ledger.errors import LedgerError, registry
from tests.cli.bank_files import answer, camt

MADE_MS = 1_772_400_000_000
PAYER = Party("结算银行 & Co", "6222 0000 0000 1234", "102100000021")
PAYEES = (
    Party("甲公司", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX"),
    Party("Beta <Ltd>", "1234567", ""),
    Party("Gamma", "GB82 WEST 1234 5698 7654 32", "308584000013"),
)
PAYMENTS = tuple(
    Payment(f"AL{n:028x}-001", 12_345 + n, f"2026-03-{2 + n % 2:02}", payee, f"no. {n}")
    for n, payee in enumerate(PAYEES)
)
NS = {"p": PAIN_001.namespace}


def schema() -> etree.XMLSchema:
    """Return the schema that a published package ships; it is not ours to copy."""
    path = os.environ.get("ALLONGE_PAIN_XSD", "")
    found = find_spec("sepaxml")
    if not path and found is not None and found.origin:
        path = str(Path(found.origin).parent / "schemas" / "pain.001.001.09.xsd")
    if not path:
        pytest.skip("schema absent: pain.001.001.09, in ALLONGE_PAIN_XSD or sepaxml")
    return etree.XMLSchema(etree.parse(path))


def texts(raw: bytes, path: str) -> list[str]:
    """Return the texts of elements under a path of tags."""
    steps = "/".join(f"p:{step}" for step in path.split("/"))
    return etree.fromstring(raw).xpath(f".//{steps}/text()", namespaces=NS)


@pytest.mark.parametrize("currency", ["CNY", "EUR", "JPY", "KWD"])
def test_files_of_every_currency_are_valid(currency: str) -> None:
    """By the schema that banks use."""
    raw, _ = write_pain001(PAYER, currency, PAYMENTS, MADE_MS)
    schema().assertValid(etree.fromstring(raw))


@pytest.mark.parametrize(
    ("currency", "amounts", "total"),
    [
        ("CNY", ["123.45", "123.47", "123.46"], "370.38"),
        ("JPY", ["12345", "12347", "12346"], "37038"),
        ("KWD", ["12.345", "12.347", "12.346"], "37.038"),
    ],
)
def test_amounts_are_exact(currency: str, amounts: list[str], total: str) -> None:
    """Each in its currency's decimals; the control sum is theirs."""
    raw, _ = write_pain001(PAYER, currency, PAYMENTS, MADE_MS)
    assert texts(raw, "Amt/InstdAmt") == amounts
    assert texts(raw, "GrpHdr/CtrlSum") == [total]
    assert texts(raw, "GrpHdr/NbOfTxs") == ["3"]


def test_accounts_and_banks_are_named_as_they_are() -> None:
    """IBAN or local number, BIC or national code, nothing made up."""
    raw, _ = write_pain001(PAYER, "CNY", PAYMENTS, MADE_MS)
    assert texts(raw, "CdtrAcct/Id/IBAN") == [
        "DE89370400440532013000",
        "GB82WEST12345698765432",
    ]
    assert texts(raw, "CdtrAcct/Id/Othr/Id") == ["1234567"]
    assert texts(raw, "CdtrAgt/FinInstnId/BICFI") == ["COBADEFFXXX"]
    assert texts(raw, "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId") == ["308584000013"]
    assert texts(raw, "DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd") == [
        "CNAPS",
        "CNAPS",
    ]
    assert texts(raw, "Cdtr/Nm") == ["甲公司", "Gamma", "Beta <Ltd>"]


def test_ids_are_short_and_the_same_payments_have_the_same() -> None:
    """A bank that gets a file twice can tell; dates have parts of their own."""
    raw, ids = write_pain001(PAYER, "CNY", PAYMENTS, MADE_MS)
    again, same = write_pain001(PAYER, "CNY", PAYMENTS[::-1], MADE_MS + 5_000)
    assert ids == same == texts(raw, "MsgId") + texts(raw, "PmtInfId")
    assert ids[0] == message_id(PAYMENTS) != message_id(PAYMENTS[:2])
    assert all(len(item) <= 35 for item in ids + texts(raw, "EndToEndId"))
    assert texts(raw, "ReqdExctnDt/Dt") == ["2026-03-02", "2026-03-03"]
    assert len(texts(again, "UETR")) == len({*texts(again, "UETR")}) == 3
    assert texts(raw, "UETR")[0] == uetr_of(PAYMENTS[0].end_to_end)


@pytest.mark.parametrize(
    "party",
    [
        Party("", "1234567", ""),
        Party("A", " ", ""),
        Party("A" * 141, "1", ""),
        Party("A", "1" * 35, ""),
        Party("A\u202eB", "1", ""),
        Party("A\x00", "1", ""),
        Party("A", "1", "\n"),
    ],
)
def test_what_no_bank_can_use_is_named(party: Party) -> None:
    """Lengths, emptiness and characters that do not show."""
    for payer, payee in ((party, PAYEES[0]), (PAYER, party)):
        rows = [PAYMENTS[0]._replace(payee=payee)]
        with pytest.raises(LedgerError) as caught:
            write_pain001(payer, "CNY", rows, MADE_MS)
        assert caught.value.code == "bad_account_data"


@settings(max_examples=100, deadline=None)
@given(st.builds(Party, st.text(), st.text(max_size=40), st.text(max_size=40)))
def test_any_account_is_written_or_named(party: Party) -> None:
    """Whatever stands on a card: XML that reads back, or a named refusal."""
    try:
        raw, _ = write_pain001(party, "CNY", PAYMENTS, MADE_MS)
    except LedgerError as error:
        raw, code = b"", error.code
    assert texts(raw, "Dbtr/Nm")[0] == party.name if raw else code == "bad_account_data"


# --- answers ---

KNOWN = {"G1": ["E1", "E2", "E3"], "P1": ["E1", "E2"]}


def statuses(raw: bytes) -> list[tuple[str, str, str]]:
    """Return id, outcome and reason of each payment answered."""
    assert is_pain002(raw)
    found = parse_pain002(raw, lambda name: KNOWN.get(name, []))
    return [(each.end_to_end, each.outcome, each.reason) for each in found]


@pytest.mark.parametrize("version", ["03", "10", "12"])
def test_each_payment_is_answered(version: str) -> None:
    """Accepted, rejected with its reason, or not decided yet."""
    rows = ["E1 ACSP", "E2 RJCT AC04 closed", "E3 PDNG", "E4 ACTC"]
    assert statuses(answer(*rows, version=version)) == [
        ("E1", "accepted", ""),
        ("E2", "rejected", "AC04 closed"),
        ("E3", "", ""),
        ("E4", "", ""),
    ]


@pytest.mark.parametrize(
    ("group", "part", "rows", "expected"),
    [
        ("G1 RJCT", "P0 ", [], {"E1": "rejected", "E2": "rejected", "E3": "rejected"}),
        (
            "G1 ACCP",
            "P1 RJCT",
            [],
            {"E1": "rejected", "E2": "rejected", "E3": "accepted"},
        ),
        ("G1 PART", "P1 PART", ["E1 RJCT"], {"E1": "rejected"}),
        ("G1 ", "P1 ACSC", ["E2 RJCT"], {"E1": "accepted", "E2": "rejected"}),
        ("G0 RJCT", "P0 ", ["E9 ACCC"], {"E9": "accepted"}),
    ],
)
def test_an_answer_about_a_file_counts_for_its_payments(
    group: str, part: str, rows: list[str], expected: dict[str, str]
) -> None:
    """A payment's own answer goes before that of its part, and that before all."""
    found = statuses(answer(*rows, group=group, part=part))
    assert {end: outcome for end, outcome, _ in found} == expected


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (answer(), "bank_field_missing"),
        (answer(group="G0 RJCT"), "bank_field_missing"),
        (answer("E1 ACSP").replace(b"OrgnlEndToEndId", b"Other"), "bank_field_missing"),
        (answer("E1 ACSP").replace(b"Document", b"Envelope"), "unknown_bank_file"),
        (b"<!DOCTYPE x []>" + answer("E1 ACSP"), "xml_entities"),
        (answer("E1 ACSP")[:-9], "xml_broken"),
    ],
)
def test_an_answer_that_says_nothing_is_named(raw: bytes, code: str) -> None:
    """No payment, no id, another form, or a hostile file."""
    with pytest.raises(LedgerError) as caught:
        statuses(raw)
    assert caught.value.code == code in registry()


def test_a_statement_is_no_answer() -> None:
    """Messages are told apart by their namespace."""
    assert not is_pain002(camt(["C 1.00"]))
    assert Status("E1", "", "XXXX", "").outcome == ""
