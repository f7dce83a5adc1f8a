"""The bank's entries as a CSV file: one row an entry.

Header, in any order; the last five columns may be missing or empty::

    type,amount,currency,booking_date,value_date,key,
    end_to_end,payer,reference,reverses

``type`` is receipt, return, payout, charge, interest, other or reversal;
``amount`` is in major units, without sign and grouping; ``key`` names the
entry at the bank and is used once. ``end_to_end`` names our payout, in rows
of payouts and returns. ``payer`` is a member's id, ``reference`` a
receivable's id or an invoice number. A reversal names in ``reverses`` the key
of the receipt that the bank took back.

UTF-8, with or without a byte order mark; comma or semicolon; fields quoted
as in RFC 4180. A file is read as a whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.amounts import parse_minor
from cli.formats.rows import FILE_BYTES_MAX, parse_table
from cli.private import read_private
from cli.typed import read_date
from ledger.errors import LedgerError

KEY_CHARS_MAX: Final = 140
END_TO_END_CHARS_MAX: Final = 35
TYPES: Final = (
    *("receipt", "return", "payout", "charge", "interest", "other"),
    "reversal",
)
NEEDED: Final = ("type", "amount", "currency", "booking_date", "value_date", "key")
OPTIONAL: Final = ("end_to_end", "payer", "reference", "reverses")


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as the bank booked it.

    Attributes:
        row: its line in the file, the header being 1.
        type: one of ``TYPES``.
        amount_minor: above zero.
        currency: ISO 4217 code.
        booking_date: ISO date.
        value_date: ISO date.
        key: of the entry at the bank.
        end_to_end: our payout attempt, for payouts and returns.
        payer: member id as written, or "".
        reference: receivable id or invoice number as written, or "".
        reverses: key of the receipt taken back, for reversals.
    """

    row: int
    type: str
    amount_minor: int
    currency: str
    booking_date: str
    value_date: str
    key: str
    end_to_end: str
    payer: str
    reference: str
    reverses: str


@dataclass(frozen=True, slots=True)
class Statement:
    """The entries of a file, and the hash of its bytes."""

    entries: tuple[EntryRow, ...]
    file_sha256: str


def read_statement(path: Path) -> Statement:
    """Return the entries of a CSV file.

    Raises:
        LedgerError: those of ``read_private`` and ``parse_statement``.
    """
    raw = read_private(path, size_bytes_max=FILE_BYTES_MAX, forbidden_mode=0)
    return parse_statement(raw)


def parse_statement(raw: bytes) -> Statement:
    """Return the entries of the bytes of a CSV file.

    Raises:
        LedgerError: ``bad_csv``; ``too_large``; ``bad_csv_row`` and the codes
            of amounts and dates, naming the row.
    """
    table = parse_table(raw, NEEDED, OPTIONAL)
    found = [_read_row(row.number, row.values) for row in table.rows]
    _check_keys(found)
    return Statement(tuple(found), table.file_sha256)


def _read_row(number: int, values: dict[str, str]) -> EntryRow:
    try:
        return _make_row(number, values)
    except LedgerError as error:
        error.details["row"] = number
        raise


def _make_row(number: int, values: dict[str, str]) -> EntryRow:
    entry = EntryRow(
        row=number,
        type=values["type"].lower(),
        amount_minor=parse_minor(values["amount"], values["currency"]),
        currency=values["currency"],
        booking_date=read_date(values["booking_date"]),
        value_date=read_date(values["value_date"] or values["booking_date"]),
        key=values["key"],
        end_to_end=values["end_to_end"],
        payer=values["payer"],
        reference=values["reference"],
        reverses=values["reverses"],
    )
    if entry.type not in TYPES:
        raise _bad("type", ", ".join(TYPES))
    if not entry.amount_minor:
        raise _bad("amount", "more than zero")
    if not 1 <= len(entry.key) <= KEY_CHARS_MAX:
        raise _bad("key", f"1 to {KEY_CHARS_MAX} characters")
    if bool(entry.end_to_end) != (entry.type in ("payout", "return")):
        raise _bad("end_to_end", "in rows of payouts and returns, and only there")
    if len(entry.end_to_end) > END_TO_END_CHARS_MAX:
        raise _bad("end_to_end", f"at most {END_TO_END_CHARS_MAX} characters")
    if (entry.payer or entry.reference) and entry.type != "receipt":
        raise _bad("payer, reference", "in rows of receipts only")
    if bool(entry.reverses) != (entry.type == "reversal"):
        raise _bad("reverses", "in rows of reversals, and only there")
    return entry


def _bad(column: str, expected: str) -> LedgerError:
    return LedgerError("bad_csv_row", expected=expected, found=column)


def _check_keys(entries: list[EntryRow]) -> None:
    seen = set()
    for entry in entries:
        name = (entry.type, entry.key)
        if name in seen:
            raise LedgerError(
                "bad_csv_row", expected="a key once", found=entry.key, row=entry.row
            )
        seen.add(name)
