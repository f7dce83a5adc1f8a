"""Reading invoices: files of others, refusals by name, hostile files."""

import csv
import os
import re
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.formats.invoices import parse_invoice, read_invoice
from cli.formats.sample_invoice import write_sample_invoice
from ledger.errors import LedgerError, registry

SAMPLES = Path(__file__).parent / "samples"
UBL = (SAMPLES / "ubl.xml").read_bytes()
CII = (SAMPLES / "cii.xml").read_bytes()
BASES = {"ubl": UBL, "cii": CII, "credit": (SAMPLES / "credit_note.xml").read_bytes()}
ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ALLONGE_SHARED", ROOT.parent / "shared"))
INVOICES = SHARED / "data" / "invoices"
# Derived from the files by another reader (ElementTree, local names).
with (SAMPLES / "outcomes.csv").open(encoding="utf-8", newline="") as table:
    OUTCOMES = list(csv.DictReader(table))

NAMED_PAYEE = (
    b"<cac:PayeeParty><cac:PartyName><cbc:Name>SUPPLIER One Ltd</cbc:Name>"
    b"</cac:PartyName></cac:PayeeParty>"
)
PAYEE = (
    b"<cac:PayeeParty><cac:PartyIdentification>"
    b'<cbc:ID schemeID="0088">4000002000004</cbc:ID>'
    b"</cac:PartyIdentification><cac:PartyName><cbc:Name>Factor Three SA</cbc:Name>"
    b"</cac:PartyName></cac:PayeeParty>"
)


def edit(raw: bytes, *pairs: tuple[str, str]) -> bytes:
    """Return a sample with texts replaced that must stand in it."""
    for old, new in pairs:
        assert old.encode() in raw
        raw = raw.replace(old.encode(), new.encode())
    return raw


def with_payee(payee: bytes = PAYEE) -> bytes:
    """Return the UBL sample with a payee."""
    return UBL.replace(b"<cac:PaymentMeans>", payee + b"<cac:PaymentMeans>")


def refusal(raw: bytes, **given_: str) -> LedgerError:
    """Return the error that reading raises."""
    with pytest.raises(LedgerError) as caught:
        parse_invoice(raw, **given_)
    assert caught.value.code in registry()
    return caught.value


def outcome(raw: bytes) -> str:
    """Return the code of the refusal, or that the invoice was read."""
    try:
        found = parse_invoice(raw)
    except LedgerError as error:
        return error.code
    return "read" if found.face_minor > 0 else "read a face of nothing"


@pytest.mark.parametrize("row", OUTCOMES, ids=[row["file"] for row in OUTCOMES])
def test_files_of_others_read_or_refused_as_their_text_says(
    row: dict[str, str],
) -> None:
    """Every file gives the figures of an independent reading, or its refusal."""
    path = INVOICES / row["file"]
    if not path.exists():
        pytest.skip("shared data absent: invoices")
    if row["outcome"] != "read":
        with pytest.raises(LedgerError) as caught:
            read_invoice(path)
        assert caught.value.code == row["outcome"]
        return
    found = read_invoice(path)
    assert {
        "face_minor": str(found.face_minor),
        "currency": found.currency,
        "issue_date": found.issue_date,
        "due_date": found.due_date,
        "number": found.number,
    } == {name: row[name] for name in list(row)[2:]}
    assert found.document_sha256 == sha256(path.read_bytes()).hexdigest()


def test_no_file_of_others_is_left_out() -> None:
    """The table names every XML file of the folder."""
    if not INVOICES.exists():
        pytest.skip("shared data absent: invoices")
    present = {str(path.relative_to(INVOICES)) for path in INVOICES.rglob("*.xml")}
    assert present == {row["file"] for row in OUTCOMES}


def test_ubl_fields_are_read_as_written() -> None:
    """Parties, identifiers, account, notes and warnings come out of UBL."""
    found = parse_invoice(UBL).to_json()
    assert found["face"] == "EUR 1000.00"
    assert found["debtor"] == {
        "name": "Buyer Two AG",
        "country": "DE",
        "identifiers": [
            {"scheme": "LEI", "value": "ZZZZ00TESTBUYER00287", "valid": True},
            {"scheme": "unnamed", "value": "C-17"},
        ],
    }
    assert [tuple(each.values()) for each in found["creditor"]["identifiers"]] == [
        ("0088", "4000001000005", True),
        ("REG-NL", "57151520"),
        ("VAT", "NL820098395B01", True),
    ]
    assert found["pay_to"][0]["value"] == "NL57RABO0107307510"
    assert found["pay_to"][0]["bic"] == "RABONL2U"
    assert [each["code"] for each in found["warnings"]] == ["prepaid"]


def test_cii_fields_are_read_as_written() -> None:
    """A currency without decimals, a local account and doubts come out of CII."""
    found = parse_invoice(CII)
    assert (found.face_minor, found.currency) == (4_000_000, "JPY")
    assert (found.issue_date, found.due_date) == ("2031-03-01", "2031-05-30")
    assert found.pay_to[0].number.scheme == "LOCAL"
    assert [(each.code, each.subject) for each in found.warnings] == [
        ("check_digits", "debtor"),
        ("direct_debit", "pay_to"),
    ]


TYPE = "<cbc:InvoiceTypeCode>{}</cbc:InvoiceTypeCode>"
LATER_DUE = "<cbc:PaymentDueDate>2031-06-30</cbc:PaymentDueDate>"
DUE = "<cbc:DueDate>2031-05-30</cbc:DueDate>"
CURRENCY = "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
PAYABLE = '<cbc:PayableAmount currencyID="EUR">1000.00</cbc:PayableAmount>'
JPY_DUE = '<a:DuePayableAmount currencyID="JPY">4000000</a:DuePayableAmount>'
TERMS_END = "</a:SpecifiedTradePaymentTerms>"
INSTALMENT = (
    "<a:SpecifiedTradePaymentTerms><a:DueDateDateTime>"
    '<u:DateTimeString format="102">20310630</u:DateTimeString>'
    "</a:DueDateDateTime></a:SpecifiedTradePaymentTerms>"
)

REFUSALS: list[tuple[str, str, list[tuple[str, str]], str]] = [
    ("credit-note-root", "credit", [], "credit_note"),
    *(
        (f"type-{code}", "ubl", [(TYPE.format(380), TYPE.format(code))], name)
        for name, codes in {
            "credit_note": "81 83 261 262 296 308 381 396 420 458 502 503 532",
            "corrected_invoice": "384 471 472 473",
            "prepayment_invoice": "386 500",
            "payee_not_seller": "393 501",
            "invoice_type_refused": "130 203 211 325 457 751 935 999 x",
        }.items()
        for code in codes.split()
    ),
    ("no-type", "ubl", [(TYPE.format(380), "")], "invoice_field_missing"),
    ("cii-381", "cii", [("Code>380<", "Code>381<")], "credit_note"),
    ("no-currency", "ubl", [(CURRENCY, "")], "no_currency"),
    ("gold", "ubl", [("EUR", "XAU")], "unknown_currency"),
    ("withdrawn", "ubl", [("EUR", "DEM")], "unknown_currency"),
    ("small-letters", "ubl", [("EUR", "eur")], "unknown_currency"),
    (
        "other-currency",
        "ubl",
        [(PAYABLE, PAYABLE.replace("EUR", "SEK"))],
        "currency_contradiction",
    ),
    ("no-amount", "ubl", [(PAYABLE, "")], "invoice_field_missing"),
    (
        "two-amounts",
        "cii",
        [(JPY_DUE, JPY_DUE + JPY_DUE.replace("JPY", "USD"))],
        "invoice_field_repeated",
    ),
    ("comma", "ubl", [(">1000.00</cbc:P", ">1000,00</cbc:P")], "bad_invoice_amount"),
    ("word", "ubl", [(">1000.00</cbc:P", ">x</cbc:P")], "bad_invoice_amount"),
    ("exponent", "ubl", [(">1000.00</cbc:P", ">1E3</cbc:P")], "bad_invoice_amount"),
    ("point", "ubl", [(">1000.00</cbc:P", ">.</cbc:P")], "bad_invoice_amount"),
    ("three-decimals", "ubl", [(">1000.00</c", ">1000.000</c")], "too_many_decimals"),
    ("yen-decimals", "cii", [(">4000000<", ">4000000.5<")], "too_many_decimals"),
    (
        "over-the-face",
        "cii",
        [(">4000000<", ">9007199254740992<")],
        "amount_too_large",
    ),
    (
        "prepaid-forgotten",
        "ubl",
        [(">190.00<", ">190.01<")],
        "totals_contradict",
    ),
    (
        "cii-totals",
        "cii",
        [("<a:GrandTotalAmount>4000000<", "<a:GrandTotalAmount>4000001<")],
        "totals_contradict",
    ),
    (
        "nothing-due",
        "ubl",
        [(">190.00<", ">1190.00<"), (PAYABLE, PAYABLE.replace("1000.00", "0.00"))],
        "nothing_due",
    ),
    (
        "negative",
        "ubl",
        [(">190.00<", ">1191.00<"), (PAYABLE, PAYABLE.replace("1000.00", "-1.00"))],
        "nothing_due",
    ),
    ("no-due-date", "ubl", [(DUE, "")], "no_due_date"),
    ("cii-no-due", "cii", [("DueDateDateTime", "Other")], "no_due_date"),
    ("no-such-day", "ubl", [("2031-05-30", "2031-02-29")], "bad_invoice_date"),
    ("german-date", "ubl", [("2031-05-30", "30.05.2031")], "bad_invoice_date"),
    ("month-format", "cii", [('"102">20310530', '"610">203105')], "bad_invoice_date"),
    ("foreign-digits", "ubl", [("2031-05-30", "2031-05-3\u0660")], "bad_invoice_date"),
    (
        "instalments",
        "cii",
        [(TERMS_END, TERMS_END + INSTALMENT)],
        "several_due_dates",
    ),
    (
        "another-due-date",
        "ubl",
        [("<cbc:PaymentMeansCode>", LATER_DUE + "<cbc:PaymentMeansCode>")],
        "several_due_dates",
    ),
    ("two-numbers", "ubl", [(DUE, "<cbc:ID>2</cbc:ID>")], "invoice_field_repeated"),
    ("no-number", "cii", [("S1-2031-008", " ")], "invoice_field_missing"),
    ("no-issue-date", "cii", [("IssueDateTime", "X")], "invoice_field_missing"),
    ("no-buyer", "cii", [("Buyer Two AG", "")], "invoice_field_missing"),
    ("long-number", "ubl", [("S1-2031-007", "7" * 501)], "bad_invoice_field"),
    ("turned-number", "ubl", [("S1-2031-007", "1\u202e23")], "bad_invoice_field"),
    ("other-namespace", "ubl", [("Invoice-2", "Invoice-3")], "not_an_invoice"),
    ("old-cii", "cii", [("Invoice:100", "Invoice:13")], "not_an_invoice"),
    ("cut-short", "ubl", [("</ubl:Invoice>", "")], "xml_broken"),
    ("bad-encoding-name", "ubl", [('"UTF-8"', '"UTF-7"')], "xml_encoding"),
    ("bare-entity", "ubl", [("Steel", "&steel;")], "xml_entities"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "edits", "code"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_each_flaw_is_refused_by_its_own_code(
    base: str, edits: list[tuple[str, str]], code: str
) -> None:
    """One change to a good sample gives exactly the code of that flaw."""
    assert refusal(edit(BASES[base], *edits)).code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_an_invoice"),
        (b"%PDF-1.7 <", "pdf_broken"),
        (b'{"invoice": 1}', "not_an_invoice"),
        (b"<html/>", "not_an_invoice"),
        (b"<a", "xml_broken"),
        (b"<!-- only a comment -->", "xml_broken"),
        (UBL + CII.partition(b"?>")[2], "several_documents"),
        (b"<box>" + 2 * UBL.partition(b"?>")[2] + b"</box>", "several_documents"),
        (b"<box>" + UBL.partition(b"?>")[2] + b"</box>", "not_an_invoice"),
        (UBL.replace(b"Steel", b"St\xe9el"), "xml_encoding"),
        (b"<a>" + b" " * 20_000_000, "xml_too_large"),
    ],
    ids=[
        "empty", "pdf", "json", "html", "tag-cut", "no-root", "two-in-a-row",
        "two-in-a-box", "one-in-a-box", "latin-as-utf8", "over-20-MB",
    ],
)  # fmt: skip
def test_what_is_no_single_invoice_is_refused(raw: bytes, code: str) -> None:
    """Other files, broken files and several documents have their own codes."""
    assert refusal(raw).code == code


@pytest.mark.parametrize(
    "raw",
    [
        UBL.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        UBL.replace(b"UTF-8", b"ISO-8859-1").replace(b"Buyer Two", b"B\xfcyer Two"),
        b"\xef\xbb\xbf" + UBL,
    ],
    ids=["utf-16", "latin-1", "byte-order-mark"],
)
def test_encodings_of_invoices_are_read(raw: bytes) -> None:
    """The declared encoding decides, and the hash is that of the bytes."""
    found = parse_invoice(raw)
    assert found.debtor.name in ("Buyer Two AG", "Büyer Two AG")
    assert found.document_sha256 == sha256(raw).hexdigest()


def test_a_payee_other_than_the_seller_is_already_assigned() -> None:
    """Only the payee itself, under a checked identifier, may go on."""
    assert refusal(with_payee()).code == "payee_not_seller"
    for submitter in ("0088:4000002000004", "4000002000004", "gln:4000-0020-0000-4"):
        found = parse_invoice(with_payee(), submitter=submitter)
        assert found.payee is not None
        assert found.payee.name == "Factor Three SA"
        assert found.creditor.name == "Supplier One Ltd"
        assert "assigned" in {each.code for each in found.warnings}
    for submitter in ("0088:4000001000005", "LEI:4000002000004", ":", "0088:"):
        code = refusal(with_payee(), submitter=submitter).code
        assert code == "payee_not_seller"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"4000002000004", b"4000002000005"),
        (b' schemeID="0088"', b""),
    ],
    ids=["wrong-check-digit", "unnamed-scheme"],
)
def test_a_doubtful_identifier_makes_nobody_the_payee(old: bytes, new: bytes) -> None:
    """An identifier with wrong check digits or no scheme proves nothing."""
    number = new.decode() if new.isdigit() else "4000002000004"
    raw = with_payee(PAYEE.replace(old, new))
    assert refusal(raw, submitter=number).code == "payee_not_seller"


@pytest.mark.parametrize(
    "payee",
    [
        PAYEE.replace(b"4000002000004", b"4000001000005"),
        NAMED_PAYEE,
    ],
    ids=["same-identifier", "same-name"],
)
def test_a_payee_that_is_the_seller_changes_nothing(payee: bytes) -> None:
    """A payee with the seller's identifier, or only its name, is the seller."""
    assert parse_invoice(with_payee(payee)).payee is None


def test_the_same_name_under_another_identifier_is_another_party() -> None:
    """Names never outweigh identifiers of a common scheme."""
    raw = with_payee(PAYEE.replace(b"Factor Three SA", b"Supplier One Ltd"))
    assert refusal(raw).code == "payee_not_seller"


def test_a_given_due_date_fills_a_gap_and_replaces_nothing() -> None:
    """A date is taken when the file has none and refused when it differs."""
    bare = edit(UBL, (DUE, ""))
    assert parse_invoice(bare, due_date="2031-06-30").due_date == "2031-06-30"
    assert parse_invoice(UBL, due_date="2031-05-30").due_date == "2031-05-30"
    assert refusal(UBL, due_date="2031-06-30").code == "due_date_contradiction"


def test_a_due_date_in_the_past_is_read() -> None:
    """Reading never looks at the calendar of today."""
    found = parse_invoice(edit(UBL, ("2031-", "1931-")))
    assert (found.issue_date, found.due_date) == ("1931-03-01", "1931-05-30")


def bombs() -> dict[str, tuple[bytes, str]]:
    """Return hostile files with the codes that refuse them."""
    lines = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
    ).encode()
    laughs = b'<!DOCTYPE a [<!ENTITY l0 "ha">' + lines + b"]><a>&l11;</a>"
    external = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    quadratic = b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 50_000 + b'">]><a>'
    head, _, tail = UBL.partition(b"<cbc:Note>")
    note = head + b"<cbc:Note>"
    return {
        "laughs": (laughs, "xml_entities"),
        "laughs-utf-16": (laughs.decode().encode("utf-16"), "xml_entities"),
        "external": (external, "xml_entities"),
        "remote-dtd": (b'<!DOCTYPE a SYSTEM "http://[::1]:9/a"><a/>', "xml_entities"),
        "late-doctype": (b"<!--" + b"-x" * 200_000 + b"-->" + laughs, "xml_entities"),
        "late-attribute": (
            b"<!--" + b"-x" * 200_000 + b"-->" + laughs.replace(b"<a>&", b'<a b="&'),
            "xml_entities",
        ),
        "quadratic": (quadratic + b"&x;" * 50_000 + b"</a>", "xml_entities"),
        "deep": (b"<a>" * 100_000, "xml_too_deep"),
        "deep-inside": (note + b"<b>" * 100_000 + tail, "xml_too_deep"),
        "wide": (note + b"</cbc:Note>" + b"<b/>" * 4_000_000, "xml_too_large"),
        "wide-header": (head + b"<cbc:ID/>" * 6_000 + tail, "xml_too_large"),
        "long-text": (note + b"x" * 10_000_000 + tail, "xml_too_large"),
        "long-tag": (head + b'<b c="' + b"x" * 15_000_000, "xml_too_large"),
        "many-attributes": (
            b"<a " + b" ".join(b'b%d=""' % n for n in range(1_000_000)),
            "xml_too_large",
        ),
        "long-comment": (b"<!--" + b"x" * 15_000_000, "xml_too_large"),
        "spaces": (b"<a>" + b" " * 19_000_000, "xml_broken"),
    }


@pytest.mark.parametrize("name", bombs().keys())
def test_hostile_files_are_refused_at_once(name: str) -> None:
    """Nothing expands, fetches, recurses or grows with the file."""
    raw, code = bombs()[name]
    start = time.process_time()
    assert refusal(raw).code == code
    assert time.process_time() - start < 5  # of some tenths


MEASURE = """
import resource, sys
from pathlib import Path
from cli.formats.invoices import read_invoice
from ledger.errors import LedgerError
def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak_kb()
for name in sys.argv[1:]:
    try:
        read_invoice(Path(name))
    except LedgerError:
        print(Path(name).name, peak_kb() - before)
"""


def test_hostile_files_cost_little_more_than_their_bytes(tmp_path: Path) -> None:
    """A process of its own stays below three times the largest file."""
    for name, (raw, _) in bombs().items():
        (tmp_path / name).write_bytes(raw)
    command = [sys.executable, "-c", MEASURE, *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == len(bombs())
    assert max(int(grown_kb) for _, grown_kb in rows) < 60_000


def test_attachments_and_lines_cost_no_memory_of_ours() -> None:
    """A file near the limit, full of attachments and lines, is read."""
    line = b"<cac:InvoiceLine>\n  <cbc:ID>1</cbc:ID>\n</cac:InvoiceLine>\n"
    raw = UBL.replace(b"AAAA", b"QUJD" * 4_000_000)
    raw = raw.replace(b"<cac:InvoiceLine>", line * 20_000 + b"<cac:InvoiceLine>")
    assert parse_invoice(raw).face_minor == 100_000


def test_text_of_strangers_cannot_steer_the_terminal() -> None:
    """Control and direction marks are replaced, joiners of scripts stay."""
    raw = edit(UBL, ("Buyer Two AG", "Bu\u202eyer&#x9b;31m\u200cX"))
    assert parse_invoice(raw).debtor.name == "Bu\ufffdyer\ufffd31m\u200cX"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_refusal(raw: bytes) -> None:
    """Bytes without meaning raise LedgerError and nothing else."""
    for start in (b"", b"<", b"<a>", b"\xff\xfe<\x00"):
        with pytest.raises(LedgerError):
            parse_invoice(start + raw)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([UBL, CII]), st.data())
def test_damaged_invoices_give_an_invoice_or_a_refusal(
    raw: bytes, data: st.DataObject
) -> None:
    """Splices of a good file are read or refused, never anything else."""
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 60)))
    piece = data.draw(st.binary(max_size=12) | st.text(max_size=12).map(str.encode))
    assert outcome(raw[:start] + piece + raw[end:]) in {"read", *registry()}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["ubl", "cii"]), st.data())
def test_any_text_in_a_field_gives_an_invoice_or_a_refusal(
    base: str, data: st.DataObject
) -> None:
    """Well-formed files with any field content are read or refused."""
    fields = re.findall(rb">([^<>\s][^<>]*)</", BASES[base])
    field = data.draw(st.sampled_from(fields))
    text = data.draw(st.text(st.characters(blacklist_characters="<&>"), max_size=20))
    raw = BASES[base].replace(field, text.encode("utf-8", "replace"), 1)
    assert outcome(raw) in {"read", *registry()}


@pytest.mark.parametrize(
    ("amount", "currency", "face_minor"),
    [("40000.00", "CNY", 4_000_000), ("40000", "JPY", 40_000), ("1.234", "KWD", 1_234)],
    ids=["cny", "jpy", "kwd"],
)
def test_a_written_sample_is_read_back(
    tmp_path: Path, amount: str, currency: str, face_minor: int
) -> None:
    """What the sample writer writes is what the reader reads."""
    path = tmp_path / "invoice.xml"
    write_sample_invoice(
        path,
        number="A&B <7>",
        issue_date="2031-03-01",
        due_date="2031-05-30",
        amount=amount,
        currency=currency,
        seller={"name": "Supplier One & Sons Ltd", "country": "NL"},
        buyer={"name": "Buyer", "scheme": "0088", "value": "4000001000005"},
    )
    found = read_invoice(path)
    assert (found.face_minor, found.currency) == (face_minor, currency)
    assert (found.number, found.due_date) == ("A&B <7>", "2031-05-30")
    assert found.creditor.name == "Supplier One & Sons Ltd"
    assert found.debtor.identifiers[0].valid is True
