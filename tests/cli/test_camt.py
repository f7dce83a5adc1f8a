"""What a bank says it booked: every shape, every mistake by its name."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cli.formats.camt import parse_camt
from cli.formats.pain import uetr_of
from cli.formats.statements import EntryRow
from ledger.currency import exponent
from ledger.errors import LedgerError, registry
from tests.cli.bank_files import DAY, NUMBER, Lines, camt, entry, message, statement

ROOT = Path(__file__).parents[2]
BANK = Path(os.environ.get("ALLONGE_SHARED", ROOT.parent / "shared")) / "data" / "bank"
UETR = "255ae394-9965-4438-ac86-f406feada396"
OURS = "AL" + "ab" * 14 + "-001"
OTHER = "AL" + "cd" * 14 + "-002"
OUR_UETR = uetr_of(OURS)
ATTEMPTS = {OUR_UETR: OURS}


def told(row: EntryRow) -> str:
    """Return a row in one line: class, amount, key, and what else it has."""
    places = exponent(row.currency)
    digits = str(row.amount_minor).rjust(places + 1, "0")
    amount = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    more = {
        "e2e": row.end_to_end,
        "for": row.reference.replace(" ", "~"),
        "from": row.payer_number,
        "of": row.reverses,
        "kept": row.charges_minor or "",
    }
    words = [f"{name}={value}" for name, value in more.items() if value]
    return " ".join((row.type, amount, row.key, *words))


def judge(raw: bytes, currency: str = "") -> list[list[str]]:
    """Return the rows of each statement of a file that holds together."""
    found = parse_camt(raw, ATTEMPTS)
    for each in found:
        each.check(currency or each.main_currency)
    return [[told(row) for row in each.entries] for each in found]


def outcome(raw: bytes) -> str | list[list[str]]:
    """Return the rows of each statement, or the code of the refusal."""
    try:
        return judge(raw)
    except LedgerError as error:
        return error.code


def refusal(raw: bytes) -> LedgerError:
    """Return the error that reading or judging a file raises."""
    with pytest.raises(LedgerError) as caught:
        judge(raw, "CNY")
    assert caught.value.code in registry()
    assert caught.value.row.fix
    return caught.value


# What stands in the file, and the rows it must give.
SHAPES: dict[str, tuple[Lines, list[str]]] = {
    "a receipt under the bank's reference": (
        [("C 100.00 ref=A1", "100.00 doc=INV-1 from=" + NUMBER)],
        [f"receipt 100.00 CRDT/R/A1/1 for=INV-1 from={NUMBER}"],
    ),
    "free text, and what a payer leaves out": (
        [("C 1.00 ref=A1", "- text=two~words e2e=NOTPROVIDED")],
        ["receipt 1.00 CRDT/R/A1/1 for=two~words"],
    ),
    "the payer's own id, if it wrote nothing else": (
        [("C 1.00 ref=A1", "- e2e=INV-7")],
        ["receipt 1.00 CRDT/R/A1/1 for=INV-7"],
    ),
    "a UETR before the reference": (
        [("C 100.00 ref=A1", f"- uetr={UETR.upper()}")],
        [f"receipt 100.00 CRDT/U/{UETR}"],
    ),
    "no reference at all": (
        ["C 5.00", "C 5.00 ref=NONREF"],
        ["receipt 5.00 CRDT/S/S1/1/1", "receipt 5.00 CRDT/S/S1/2/1"],
    ),
    "one entry for several payments": (
        [("C 100.00 ref=A1", "60.00 doc=INV-1", "40.00 doc=INV-2 ref=B2")],
        [
            "receipt 60.00 CRDT/R/A1/1 for=INV-1",
            "receipt 40.00 CRDT/R/B2/2 for=INV-2",
        ],
    ),
    "details on both sides of a net entry": (
        [("C 60.00 ref=A1", "100.00", f"40.00 sign=D e2e={OURS}")],
        ["receipt 100.00 CRDT/R/A1/1", f"payout 40.00 DBIT/R/A1/2 e2e={OURS}"],
    ),
    "paid in another currency": (
        [("C 100.00 ref=A1", "13.37 ccy=USD")],
        ["receipt 100.00 CRDT/R/A1/1"],
    ),
    "our payouts, booked as one": (
        [("D 30.00 ref=A1", f"10.00 e2e={OURS}", f"20.00 e2e={OTHER}")],
        [
            f"payout 10.00 DBIT/R/A1/1 e2e={OURS}",
            f"payout 20.00 DBIT/R/A1/2 e2e={OTHER}",
        ],
    ),
    "our payout by its UETR alone": (
        [("D 10.00 ref=A1", f"- uetr={OUR_UETR}")],
        [f"payout 10.00 DBIT/U/{OUR_UETR} e2e={OURS}"],
    ),
    "a payout with its charge": (
        [("D 12.00 ref=A1", f"12.00 e2e={OURS} fee=2.00")],
        [
            f"payout 10.00 DBIT/R/A1/1 e2e={OURS}",
            f"charge 2.00 DBIT/R/A1/1/charge e2e={OURS}",
        ],
    ),
    "a payout with its charge beside it": (
        [("D 12.00 ref=A1", f"10.00 e2e={OURS} fee=2.00")],
        [
            f"payout 10.00 DBIT/R/A1/1 e2e={OURS}",
            f"charge 2.00 DBIT/R/A1/1/charge e2e={OURS}",
        ],
    ),
    "a return with its reason": (
        [("C 10.00 ref=A2", f"- e2e={OURS} ret=AC04")],
        [f"return 10.00 CRDT/R/A2/1 e2e={OURS}"],
    ),
    "a return without a reason": (
        [("C 10.00 ref=A2", f"- e2e={OURS}")],
        [f"return 10.00 CRDT/R/A2/1 e2e={OURS}"],
    ),
    "a return by its UETR alone": (
        [("C 10.00 ref=A2", f"- uetr={OUR_UETR}")],
        [f"return 10.00 CRDT/U/{OUR_UETR} e2e={OURS}"],
    ),
    "a return of nothing we know": (
        [("C 10.00 ref=A2", "- ret=AC04"), "C 3.00 ref=A3 code=RRTN"],
        ["return 10.00 CRDT/R/A2/1", "return 3.00 CRDT/R/A3/1"],
    ),
    "a return less charges": (
        [("C 8.50 ref=A2", f"8.50 e2e={OURS} ret=AC04 fee=1.50")],
        [f"return 8.50 CRDT/R/A2/1 e2e={OURS} kept=150"],
    ),
    "a return whose detail is whole": (
        [("C 8.50 ref=A2", f"10.00 e2e={OURS} ret=AC04 fee=1.50")],
        [f"return 8.50 CRDT/R/A2/1 e2e={OURS} kept=150"],
    ),
    "a return, the charge named by the entry": (
        [("C 8.50 ref=A2 fee=1.50", f"10.00 e2e={OURS}")],
        [f"return 8.50 CRDT/R/A2/1 e2e={OURS} kept=150"],
    ),
    "a receipt booked less charges": (
        [("C 98.00 ref=A1", "100.00 fee=2.00")],
        ["receipt 100.00 CRDT/R/A1/1", "charge 2.00 DBIT/R/A1/1/charge"],
    ),
    "a receipt that came less charges": (
        [("C 98.00 ref=A1", "98.00 fee=2.00")],
        ["receipt 98.00 CRDT/R/A1/1"],
    ),
    "charges of an entry of several": (
        [("C 98.00 ref=A1 fee=2.00", "60.00", "40.00")],
        [
            "receipt 60.00 CRDT/R/A1/1",
            "receipt 40.00 CRDT/R/A1/2",
            "charge 2.00 DBIT/S/S1/1/0",
        ],
    ),
    "a reversal of the whole": (
        [("D 100.00 ref=Z9 rvsl=true", f"- uetr={UETR}")],
        [f"reversal 100.00 DBIT/U/{UETR} of=CRDT/U/{UETR}"],
    ),
    "a reversal of a part, by the bank's reference": (
        [("D 40.00 rvsl=true", "- ref=A1")],
        ["reversal 40.00 DBIT/R/A1/1 of=CRDT/R/A1/1"],
    ),
    "a reversal by its code": (
        ["D 40.00 ref=A1 code=RPCR"],
        ["reversal 40.00 DBIT/R/A1/1 of=CRDT/R/A1/1"],
    ),
    "a reversal by its reason": (
        [("D 40.00 ref=A1", "- ret=FOCR")],
        ["reversal 40.00 DBIT/R/A1/1 of=CRDT/R/A1/1"],
    ),
    "a reversal of nothing named": (
        ["D 40.00 rvsl=true"],
        ["reversal 40.00 DBIT/S/S1/1/1"],
    ),
    "no reversal": (["C 1.00 ref=A1 rvsl=false"], ["receipt 1.00 CRDT/R/A1/1"]),
    "charges and interest": (
        [
            "D 2.00 ref=A1 code=CHRG",
            "C 3.00 ref=A2 code=INTR",
            "D 4.00 ref=A3 code=INTR",
            "C 2.00 ref=A4 code=CHRG rvsl=true",
        ],
        [
            "charge 2.00 DBIT/R/A1/1",
            "interest 3.00 CRDT/R/A2/1",
            "charge 4.00 DBIT/R/A3/1",
            "interest 2.00 CRDT/R/A4/1",
        ],
    ),
    "a charge for one of our payouts": (
        [("D 2.00 ref=A1 code=CHRG", f"- e2e={OURS}")],
        [f"charge 2.00 DBIT/R/A1/1 e2e={OURS}"],
    ),
    "any other debit": (["D 7.00 ref=A1"], ["other 7.00 DBIT/R/A1/1"]),
    "zeros behind the decimals": (["C 1.50000 ref=A"], ["receipt 1.50 CRDT/R/A/1"]),
}


@pytest.mark.parametrize(("lines", "rows"), SHAPES.values(), ids=SHAPES.keys())
def test_an_entry_gives_its_rows(lines: Lines, rows: list[str]) -> None:
    """Class, amount and key are as the business rules say, and sum to the entry."""
    (found,) = parse_camt(camt(lines), ATTEMPTS)
    assert [told(row) for row in found.entries] == rows
    booked = 0
    for line in lines:
        side, amount, *_ = (line if isinstance(line, str) else line[0]).split()
        minor = int(amount[: amount.index(".") + 3].replace(".", ""))
        booked += minor if side == "C" else -minor
    assert sum(row.signed_minor for row in found.entries) == booked


@pytest.mark.parametrize("version", ["02", "03", "04", "06", "08", "13"])
@pytest.mark.parametrize("name", ["camt.052", "camt.053", "camt.054"])
def test_versions_read_alike(name: str, version: str) -> None:
    """Status, amounts and references moved between versions; rows stay."""
    lines = [("C 100.00 ref=A1", "60.00 doc=INV-1", "40.00"), "D 2.00 ref=A2 code=CHRG"]
    found = parse_camt(camt(lines, name=name, version=version))[0]
    assert found.message == name.replace(".", "_")
    assert [told(row) for row in found.entries] == [
        "receipt 60.00 CRDT/R/A1/1 for=INV-1",
        "receipt 40.00 CRDT/R/A1/2",
        "charge 2.00 DBIT/R/A2/1",
    ]


@pytest.mark.parametrize(
    ("currency", "number", "minor"),
    [
        *(("CNY", "8.85", 885), ("JPY", "500", 500), ("JPY", "500.00", 500)),
        *(("KWD", "1.234", 1_234), ("KWD", "1.2", 1_200)),
    ],
)
def test_amounts_have_their_currencys_decimals(
    currency: str, number: str, minor: int
) -> None:
    """Two, none, three: from ISO 4217 and not from habit."""
    (found,) = parse_camt(camt([f"C {number} ref=A"], currency=currency))
    assert [row.amount_minor for row in found.entries] == [minor]
    found.check(currency)


def test_what_is_not_booked_is_listed_and_left_out() -> None:
    """Pending and informational entries move nothing, nor do they count."""
    lines = ["C 9.00 ref=P status=PDNG", "C 1.00 ref=A", "D 3.00 status=INFO on=-"]
    (found,) = parse_camt(camt(lines, balances="OPBD=0.00 CLBD=1.00"))
    found.check("CNY")
    assert [row.amount_minor for row in found.entries] == [100]
    assert [(each.row, each.status, each.amount_minor) for each in found.left_out] == [
        (1, "PDNG", 900),
        (3, "INFO", 300),
    ]


def test_dates_are_those_of_the_entry_else_of_the_statement() -> None:
    """Booking and value date; an entry without is booked when it was told."""
    lines = ["C 1.00 ref=A on=2026-02-27 value=2026-03-01", "C 1.00 ref=B on=-"]
    (found,) = parse_camt(camt(lines))
    dates = [(row.booking_date, row.value_date) for row in found.entries]
    assert dates == [("2026-02-27", "2026-03-01"), (DAY, DAY)]


def test_a_statement_says_what_it_is() -> None:
    """Account, number and balances; the nearest opening, the last closing."""
    raw = camt(
        ["C 1.00 ref=A"],
        balances="PRCD=-5.00 OPBD=2.00 ITBD=9.00 CLBD=3.00 CLAV=7.00",
        sequence="315",
    )
    (found,) = parse_camt(raw)
    assert (found.account, found.sequence, found.id) == (NUMBER, 315, "S1")
    assert found.opening is not None
    assert found.closing is not None
    ends = (found.opening.amount_minor, found.closing.amount_minor)
    assert (*ends, found.closing.date) == (200, 300, DAY)
    found.check("CNY")


def test_several_statements_stay_apart() -> None:
    """Keys by place begin anew with each statement."""
    parts = [statement([entry("C 1.00")], item=item) for item in ("S1", "S2")]
    found = parse_camt(message(*parts))
    keys = [row.key for each in found for row in each.entries]
    assert keys == ["CRDT/S/S1/1/1", "CRDT/S/S2/1/1"]


WRONG: dict[str, tuple[Lines, dict[str, str], str]] = {
    "five decimals": (["C 1.00001 ref=A"], {}, "too_many_decimals"),
    "decimals of a currency without": (
        ["C 1.50 ref=A"],
        {"currency": "JPY"},
        "too_many_decimals",
    ),
    "zero": (["C 0.00 ref=A"], {}, "bad_bank_field"),
    "zero in a detail": ([("C 1.00", "1.00", "0.00")], {}, "bad_bank_field"),
    "a sign": (["C -1.00 ref=A"], {}, "bad_bank_field"),
    "a comma": (["C 1,000.00 ref=A"], {}, "bad_bank_field"),
    "an exponent": (["C 1e3 ref=A"], {}, "bad_bank_field"),
    "too much": (["C 90071992547409.92 ref=A"], {}, "amount_too_large"),
    "no such currency": (["C 1.00 ccy=XXQ"], {}, "unknown_currency"),
    "another currency": (["C 1.00 ccy=USD"], {}, "other_currency"),
    "an account in another currency": (
        ["C 1.00 ccy=CNY"],
        {"currency": "USD"},
        "other_currency",
    ),
    "no such day": (["C 1.00 on=2026-02-30"], {}, "not_a_date"),
    "details that do not sum": ([("C 3.00", "1.00", "1.00")], {}, "details_differ"),
    "one detail that differs": ([("C 3.00", "1.00")], {}, "details_differ"),
    "details without amounts": (
        [("C 3.00", "- ref=A", "- ref=B")],
        {},
        "details_differ",
    ),
    "details of another currency": (
        [("C 3.00", "1.00 ccy=USD", "2.00 ccy=USD")],
        {},
        "details_differ",
    ),
    "details on the wrong side": ([("C 3.00", "3.00 sign=D")], {}, "details_differ"),
    "a balance that does not add up": (
        ["C 3.00 ref=A"],
        {"balances": "OPBD=1.00 CLBD=4.01"},
        "balance_differs",
    ),
    "an entry that stands twice": (
        ["C 3.00 ref=A", "C 3.00 ref=A"],
        {},
        "bank_entry_twice",
    ),
    "payments with one UETR": (
        [("C 3.00", f"1.00 uetr={UETR}", f"2.00 uetr={UETR}")],
        {},
        "bank_entry_twice",
    ),
}


@pytest.mark.parametrize(("lines", "has", "code"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named(lines: Lines, has: dict[str, str], code: str) -> None:
    """Nothing of the file counts; which entry it is, is told."""
    error = refusal(camt(lines, **has))
    assert error.code == code
    named = error.details.keys() & {"entry", "row", "statement"}
    assert named or code == "other_currency"


@pytest.mark.parametrize("tag", ["Amt", "CdtDbtInd"])
def test_a_missing_field_is_named(tag: str) -> None:
    """Without amount or side an entry says nothing."""
    raw = camt(["C 1.00 ref=A"])
    begin, end = raw.index(f"<{tag}".encode()), raw.index(f"</{tag}>".encode())
    error = refusal(raw[:begin] + raw[end + len(tag) + 3 :])
    assert (error.code, error.found) == ("bank_field_missing", tag)
    assert error.details["entry"] == 1


BOMB = '<!DOCTYPE b [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'
EXTERNAL = '<!DOCTYPE b SYSTEM "file:///etc/passwd">'
PART = statement([entry("C 1.00 ref=A")])
HOSTILE = {
    "an entity bomb": (message(PART, prefix=BOMB), "xml_entities"),
    "a foreign document type": (message(PART, prefix=EXTERNAL), "xml_entities"),
    "an entity of nobody": (
        message(PART).replace(b"<Ntry>", b"<Ntry>&x;", 1),
        "xml_entities",
    ),
    "too deep": (message(PART + "<a>" * 200 + "</a>" * 200), "xml_too_deep"),
    "one huge text": (
        message(PART.replace("S1", "S" * 30_000)),
        "xml_too_large",
    ),
    "an entry without end": (
        message(statement(["<Ntry>" + "<Chrgs><Rcrd/></Chrgs>" * 4_000 + "</Ntry>"])),
        "xml_too_large",
    ),
    "cut short": (message(PART)[:-30], "xml_broken"),
    "another message": (
        message(PART).replace(b"camt.053", b"camt.060"),
        "unknown_bank_file",
    ),
    "an invoice": (b"<Invoice/>", "unknown_bank_file"),
    "an empty message": (message(), "unknown_bank_file"),
    "two documents": (message(PART) + b"<Document/>", "several_documents"),
    "the wrong root": (
        message(PART).replace(b"Document", b"Envelope"),
        "unknown_bank_file",
    ),
}


@pytest.mark.parametrize(("raw", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_by_name(raw: bytes, code: str) -> None:
    """No entity is expanded, no depth or size is unbounded."""
    assert refusal(raw).code == code


SAMPLE = "EURNL26VAYB8060476890"
# Read from the files by eye: rows of each statement, or why it is refused.
OTHERS: dict[str, str | list[list[str]]] = {
    "camt052.v1": [["other 200000.00 DBIT/R/AAAASESS-FP-ACCR-01/1"]],
    "camt052.v2.with-account-name": [
        ["other 200000.00 DBIT/S/AAAASESS-FP-ACCR001/1/1"]
    ],
    "camt052.v4": [[]],
    "camt052.v6": [[]],
    "camt053.v2.all-balance-types": "balance_differs",
    "camt053.v2.minimal.ultimate": "other_currency",
    "camt053.v2.multi.statement": [
        [
            f"receipt 8.85 CRDT/S/253{SAMPLE}/1/1 for=Transaction~Description~1",
        ],
        [f"other 7.00 DBIT/S/254{SAMPLE}/1/1"],
    ],
    "camt053.v2.with-party-ids": "other_currency",
    "camt053.v3": "details_differ",
    "camt053.v8": "other_currency",
    "camt054.v2": "details_differ",
    "camt054.v8-with-UETR": [[f"other 200000.00 DBIT/U/{UETR}"]],
    "camt054.v8": "details_differ",
}


@pytest.mark.parametrize(("name", "expected"), OTHERS.items(), ids=OTHERS.keys())
def test_files_of_others(name: str, expected: str | list[list[str]]) -> None:
    """Samples mix currencies and sums; what holds is read, the rest is named."""
    path = BANK / "camt" / f"{name}.xml"
    if not path.exists():
        pytest.skip("shared data absent: bank files")
    assert outcome(path.read_bytes()) == expected


@pytest.mark.parametrize("version", ["02", "08"])
@pytest.mark.parametrize("name", ["camt.053", "camt.054"])
def test_our_own_files_are_valid(name: str, version: str) -> None:
    """What the tests write is what a bank may write, by the schemas."""
    path = BANK / "xsd" / f"{name}.001.{version}.xsd"
    if not path.exists():
        pytest.skip("shared data absent: bank schemas")
    schema = etree.XMLSchema(etree.parse(path))
    for case, (lines, _) in SHAPES.items():
        if version == "02" and ("uetr" in str(lines) or "fee" in str(lines)):
            continue
        balances = "OPBD=0.00 CLBD=0.00" if name == "camt.053" else ""
        raw = camt(lines, name=name, version=version, balances=balances, sequence="1")
        raw = raw.replace(UETR.upper().encode(), UETR.encode())
        if not schema.validate(etree.fromstring(raw)):
            pytest.fail(f"{case}: {schema.error_log.last_error}")


def many(count: int) -> bytes:
    """Return a statement of so many receipts."""
    text = "text=a~payment~of~nobody~in~particular from=" + NUMBER
    lines = [(f"C 1.00 ref=N{n}", f"1.00 e2e=INV-{n} {text}") for n in range(count)]
    return camt(lines, balances=f"OPBD=0.00 CLBD={count}.00")


def test_a_long_file_is_read_fast_in_little_memory() -> None:
    """Entries are turned into rows as they end; none of the tree stays."""
    raw = many(2_000)
    began = time.process_time()
    (found,) = parse_camt(raw)
    spent = time.process_time() - began
    assert len(found.entries) == 2_000
    assert spent < 15  # of one or two, where nothing else runs
    tracemalloc.start()
    parse_camt(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 2**20 + 2 * len(raw)


def test_the_number_of_entries_is_bounded() -> None:
    """Ten thousand entries of one detail each are read, and no more."""
    rows = entry("D 1.00") * 20_001
    assert refusal(message(statement([rows]))).code == "too_large"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_nothing_but_rows_or_a_code_comes_out(data: st.DataObject) -> None:
    """Whatever is cut, doubled or exchanged: rows that sum, or a named mistake."""
    raw = bytearray(camt([line for lines, _ in SHAPES.values() for line in lines][:8]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(start + data.draw(st.integers(0, 40)), len(raw))
        piece = data.draw(
            st.sampled_from((b"", b"<", b">", b"&", b"-1", b"\xff", b"0"))
        )
        raw[start:end] = (
            piece if data.draw(st.booleans()) else bytes(raw[start:end]) * 2
        )
    found = outcome(bytes(raw))
    assert found in registry() if isinstance(found, str) else all(map(all, found))
