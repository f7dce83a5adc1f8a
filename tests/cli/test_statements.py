"""Bank entries as CSV: read whole or not at all, every mistake with its row."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.formats.statements import TYPES, EntryRow, parse_statement
from ledger.errors import LedgerError, registry

HEADER = (
    "type,amount,currency,booking_date,value_date,key,"
    "end_to_end,payer,reference,reverses"
)
RECEIPT = "receipt,1000.50,CNY,2031-03-02,2031-03-01,S1/1,,M1,INV-1,"


def parse(*rows: str, header: str = HEADER) -> tuple[EntryRow, ...]:
    """Return the entries of rows under a header."""
    return parse_statement("\n".join([header, *rows]).encode()).entries


def refusal(raw: bytes) -> LedgerError:
    """Return the error that bytes raise."""
    with pytest.raises(LedgerError) as caught:
        parse_statement(raw)
    return caught.value


def read_or_code(raw: bytes) -> tuple[EntryRow, ...] | str:
    """Return the entries of some bytes, or the code of the refusal."""
    try:
        return parse_statement(raw).entries
    except LedgerError as error:
        return error.code


def test_an_entry_is_read_exactly() -> None:
    """Major units become minor ones; the file's hash is that of its bytes."""
    raw = f"{HEADER}\n{RECEIPT}\n".encode()
    statement = parse_statement(raw)
    assert statement.file_sha256 == sha256(raw).hexdigest()
    assert statement.entries == (
        EntryRow(
            row=2,
            type="receipt",
            amount_minor=100_050,
            currency="CNY",
            booking_date="2031-03-02",
            value_date="2031-03-01",
            key="S1/1",
            end_to_end="",
            payer="M1",
            reference="INV-1",
            reverses="",
        ),
    )


@pytest.mark.parametrize(
    "raw",
    [
        f"\ufeff{HEADER}\r\n{RECEIPT}\r\n".encode(),
        f"{HEADER}\n{RECEIPT}\n\n,,,,,,,,,\n".encode(),
        f"{HEADER}\n{RECEIPT}".replace(",", ";").encode(),
        f"{HEADER.upper()}\n{RECEIPT.replace('INV-1', chr(34) + 'INV-1' + chr(34))}"
        "".encode(),
    ],
    ids=["excel", "blank rows", "semicolons", "quoted"],
)
def test_what_programs_write_is_read(raw: bytes) -> None:
    """Byte order marks, line ends, blank rows and semicolons say nothing."""
    assert parse_statement(raw).entries == parse(RECEIPT)


def test_columns_may_stand_in_any_order_and_be_left_out() -> None:
    """The header decides; a value date is the booking date if it is empty."""
    header = "key,value_date,booking_date,currency,amount,type"
    (row,) = parse("k,,2031-03-02,JPY,500,charge", header=header)
    assert (row.amount_minor, row.value_date, row.payer) == (500, "2031-03-02", "")


def test_returns_say_what_banks_kept_and_charges_for_what() -> None:
    """Both are in columns that may be missing."""
    header = f"{HEADER},charges"
    back, fee = parse(
        "return,8.50,CNY,2031-03-02,,k,e2e,,,,1.50",
        "charge,2.00,CNY,2031-03-02,,k,e2e,,,,",
        header=header,
    )
    assert (back.amount_minor, back.charges_minor) == (850, 150)
    assert (fee.end_to_end, fee.signed_minor) == ("e2e", -200)
    wrong = f"{header}\nreceipt,8.50,CNY,2031-03-02,,k,,,,,1.50"
    assert refusal(wrong.encode()).code == "bad_csv_row"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("receipt,1000.501,CNY,2031-03-02,,k,,,,", "too_many_decimals"),
        ("receipt,1.000,JPY,2031-03-02,,k,,,,", "too_many_decimals"),
        ("receipt,-5,CNY,2031-03-02,,k,,,,", "bad_amount"),
        ("receipt,1e3,CNY,2031-03-02,,k,,,,", "bad_amount"),
        ('receipt,"1,000",CNY,2031-03-02,,k,,,,', "ambiguous_amount"),
        ("receipt,0.00,CNY,2031-03-02,,k,,,,", "bad_csv_row"),
        ("receipt,90071992547409.92,CNY,2031-03-02,,k,,,,", "amount_too_large"),
        ("receipt,5,XXQ,2031-03-02,,k,,,,", "unknown_currency"),
        ("receipt,5,CNY,02.03.2031,,k,,,,", "not_a_date"),
        ("receipt,5,CNY,2031-02-30,,k,,,,", "not_a_date"),
        ("receipt,5,CNY,2031-03-02,tomorrow,k,,,,", "not_a_date"),
        ("credit,5,CNY,2031-03-02,,k,,,,", "bad_csv_row"),
        ("receipt,5,CNY,2031-03-02,,,,,,", "bad_csv_row"),
        (f"receipt,5,CNY,2031-03-02,,{'k' * 141},,,,", "bad_csv_row"),
        ("payout,5,CNY,2031-03-02,,k,,,,", "bad_csv_row"),
        ("return,5,CNY,2031-03-02,,k,,,,", "bad_csv_row"),
        (f"payout,5,CNY,2031-03-02,,k,{'e' * 36},,,", "bad_csv_row"),
        ("other,5,CNY,2031-03-02,,k,e2e,,,", "bad_csv_row"),
        ("charge,5,CNY,2031-03-02,,k,,M1,,", "bad_csv_row"),
        ("charge,5,CNY,2031-03-02,,k,,,INV,", "bad_csv_row"),
        ("reversal,5,CNY,2031-03-02,,k,,,,", "bad_csv_row"),
        ("receipt,5,CNY,2031-03-02,,k,,,,S1/1", "bad_csv_row"),
        ("receipt,5,CNY,2031-03-02,,k", "bad_csv_row"),
        ("receipt,5,CNY,2031-03-02,,k,,,,,,", "bad_csv_row"),
    ],
)
def test_a_mistake_is_named_with_its_row(row: str, code: str) -> None:
    """Nothing of the file counts, and the row is told."""
    error = refusal(f"{HEADER}\n{RECEIPT}\n{row}".encode())
    assert (error.code, error.details.get("row")) == (code, 3)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\xff\xfe",
        HEADER.encode(),
        b"type,amount\nreceipt,5",
        f"{HEADER},iban\n".encode(),
        f"{HEADER},key\n".encode(),
        f'{HEADER}\n"open'.encode(),
    ],
    ids=[
        *("empty", "blank", "no text", "no rows", "columns missing", "unknown column"),
        *("column twice", "open quote"),
    ],
)
def test_what_is_no_statement_is_named(raw: bytes) -> None:
    """The file as a whole is refused."""
    assert refusal(raw).code == "bad_csv"


def test_a_bank_key_counts_once_in_a_file() -> None:
    """The same entry twice is a mistake of the export, not two payments."""
    error = refusal(f"{HEADER}\n{RECEIPT}\n{RECEIPT}".encode())
    assert (error.code, error.details["row"]) == ("bad_csv_row", 3)


def test_the_number_of_rows_is_bounded() -> None:
    """A file that is too long is refused by its size."""
    row = "charge,5,CNY,2031-03-02,,{},,,,"
    rows = [row.format(n) for n in range(10_001)]
    assert refusal("\n".join([HEADER, *rows]).encode()).code == "too_large"


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.lists(
            st.sampled_from([*TYPES, "", "5.00", "CNY", "2031-03-02", "k", '"', "é"]),
            min_size=10,
            max_size=10,
        ).map(lambda cells: f"{HEADER}\n{','.join(cells)}".encode()),
    )
)
def test_nothing_but_entries_or_a_code_comes_out(raw: bytes) -> None:
    """Whatever the file holds, it is entries or a named mistake."""
    found = read_or_code(raw)
    if isinstance(found, str):
        assert found in registry()
    else:
        assert all(entry.amount_minor > 0 for entry in found)
