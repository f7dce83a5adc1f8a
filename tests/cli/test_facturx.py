"""Invoices inside PDF files: found, refused by name, and never too costly."""

from __future__ import annotations

import json
import resource
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.formats import facturx
from cli.formats.invoices import parse_invoice
from cli.main import allonge
from ledger.errors import LedgerError
from tests.cli.pdfs import assemble, make_pdf, stream

SAMPLES = Path(__file__).parent / "samples"
CII = (SAMPLES / "cii.xml").read_bytes()
UBL = (SAMPLES / "ubl.xml").read_bytes()
CREDIT_NOTE = (SAMPLES / "credit_note.xml").read_bytes()
NAME = "factur-x.xml"


@pytest.mark.parametrize("listed", ["names", "kids", "af", "both"])
@pytest.mark.parametrize("flate", [True, False], ids=["flate", "plain"])
def test_the_attached_invoice_is_read(listed: str, *, flate: bool) -> None:
    """Wherever a PDF lists it; the document is the PDF, and a warning says so."""
    others = [("terms.txt", b"hello"), (NAME, CII)]
    raw = make_pdf(others, listed=listed, flate=flate)
    found, plain = parse_invoice(raw), parse_invoice(CII)
    assert (found.face_minor, found.number) == (plain.face_minor, plain.number)
    assert found.document_sha256 == sha256(raw).hexdigest()
    assert "attachment" in [warning.code for warning in found.warnings]


@pytest.mark.parametrize("name", ["ZUGFeRD-invoice.xml", "xrechnung.xml"])
def test_older_and_other_names_are_known(name: str) -> None:
    """ZUGFeRD 1 and 2 and XRechnung; either syntax."""
    assert parse_invoice(make_pdf([(name, UBL)])).face_minor == 100_000


def encrypted() -> bytes:
    """Return a PDF that names a way of encryption."""
    rule = "/Filter /Standard /V 1 /R 2 /P -4 /Length 40"
    words = f"/O <{'00' * 32}> /U <{'00' * 32}>"
    entry = f"/Encrypt << {rule} {words} >> /ID [<00> <00>]"
    return make_pdf([(NAME, CII)], trailer=entry)


def loop() -> bytes:
    """Return a PDF whose tree of names leads back to itself."""
    catalog = b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles 3 0 R >> >>"
    pages = b"<< /Type /Pages /Kids [] /Count 0 >>"
    return assemble([catalog, pages, b"<< /Kids [3 0 R 3 0 R] >>"])


def bomb() -> bytes:
    """Return a PDF whose attachment unpacks to 200 MB."""
    return make_pdf([(NAME, bytes(200_000_000))])


def cut() -> bytes:
    """Return the first half of a PDF."""
    raw = make_pdf([(NAME, CII)])
    return raw[: len(raw) // 2]


def damaged() -> bytes:
    """Return a PDF whose attachment is not what its filter makes."""
    raw = make_pdf([(NAME, CII)])
    place = raw.index(b"stream\n") + 7
    return raw[:place] + b"\xff" * 40 + raw[place + 40 :]


REFUSED = {
    "encrypted": (encrypted, {"pdf_encrypted"}),
    "no attachment": (lambda: make_pdf([]), {"pdf_no_invoice"}),
    "another name": (lambda: make_pdf([("a.xml", CII)]), {"pdf_no_invoice"}),
    "several": (
        lambda: make_pdf([(NAME, CII), ("xrechnung.xml", UBL)]),
        {"pdf_several_invoices"},
    ),
    "one name twice": (
        lambda: make_pdf([(NAME, CII), (NAME, UBL)]),
        {"pdf_several_invoices"},
    ),
    "half": (cut, {"pdf_broken"}),
    "damaged": (damaged, {"pdf_broken", "xml_broken", "not_an_invoice"}),
    "no more than a mark": (lambda: b"%PDF-", {"pdf_broken"}),
    "noise": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 40, {"pdf_broken"}),
    "a loop": (loop, {"pdf_no_invoice", "pdf_too_large", "pdf_broken"}),
    "a bomb": (bomb, {"pdf_too_large", "pdf_broken"}),
    "many": (
        lambda: make_pdf([(f"{n}.txt", b"x") for n in range(101)]),
        {"pdf_too_large"},
    ),
    "too long": (lambda: b"%PDF-" + bytes(facturx.SIZE_BYTES_MAX), {"pdf_too_large"}),
    "a PDF in a PDF": (
        lambda: make_pdf([(NAME, make_pdf([(NAME, CII)]))]),
        {"not_an_invoice"},
    ),
    "no XML": (lambda: make_pdf([(NAME, b"hello")]), {"not_an_invoice"}),
    "a credit note": (lambda: make_pdf([(NAME, CREDIT_NOTE)]), {"credit_note"}),
    "entities": (
        lambda: make_pdf([(NAME, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")]),
        {"xml_entities"},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_single_invoice_is_refused_by_name(name: str) -> None:
    """Each with its own code; nothing hangs, nothing is guessed."""
    make, codes = REFUSED[name]
    with pytest.raises(LedgerError) as raised:
        parse_invoice(make())
    assert raised.value.code in codes


def test_a_process_that_says_nothing_took_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What its limits end, and what does not end, is refused as too large."""
    monkeypatch.setattr(facturx, "WAIT_S", 0.01)
    with pytest.raises(LedgerError) as raised:
        facturx.read_attachment(make_pdf([(NAME, CII)]))
    assert raised.value.code == "pdf_too_large"
    monkeypatch.setattr(facturx, "WAIT_S", 30)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LedgerError) as raised:
        facturx.read_attachment(b"%PDF-")
    assert raised.value.code == "pdf_too_large"


def test_the_reader_stays_small() -> None:
    """A bomb takes no memory of this process, and a bounded amount of another."""
    with pytest.raises(LedgerError):
        facturx.read_attachment(bomb())
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert used < 1_048_576  # KiB, whatever other tests started


def test_objects_in_streams_are_read() -> None:
    """PDF 1.5 and later pack the objects themselves."""
    spec = b"<< /F (%b) /UF (%b) /EF << /F 3 0 R >> >>" % (NAME.encode(), NAME.encode())
    catalog = (
        b"<< /Type /Catalog /Names << /EmbeddedFiles << /Names [(x) 4 0 R] >> >> >>"
    )
    first = b"1 0 4 %d " % (len(catalog) + 1)
    inside = first + catalog + b" " + spec
    head = f"/Type /ObjStm /N 2 /First {len(first)}"
    raw = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, each in ((2, stream(inside, head)), (3, stream(CII))):
        places[number] = len(raw)
        raw += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    begins = len(raw)
    rows = [
        (0, 0, 65535),
        (2, 2, 0),
        (1, places[2], 0),
        (1, places[3], 0),
        (2, 2, 1),
        (1, begins, 0),
    ]
    table = b"".join(
        bytes([kind]) + place.to_bytes(4, "big") + more.to_bytes(2, "big")
        for kind, place, more in rows
    )
    kind = "/Type /XRef /W [1 4 2] /Size 6 /Root 1 0 R"
    raw += b"5 0 obj\n%b\nendobj\n" % stream(table, kind)
    raw += b"startxref\n%d\n%%%%EOF\n" % begins
    assert parse_invoice(bytes(raw)).face_minor == parse_invoice(CII).face_minor


def test_a_draft_is_made_from_a_pdf(tmp_path: Path) -> None:
    """As from any other file, with the PDF's hash in it."""
    file = tmp_path / "invoice.pdf"
    file.write_bytes(make_pdf([(NAME, CII)]))
    found = CliRunner().invoke(allonge, ["draft", str(file), "--dry-run", "--json"])
    assert found.exit_code == 0, found.stdout
    terms = json.loads(found.stdout)
    assert terms["document_sha256"] == sha256(file.read_bytes()).hexdigest()
