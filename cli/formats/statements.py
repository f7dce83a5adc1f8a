"""What a bank booked, and the same as a CSV file: one row an entry.

Header, in any order; the last six columns may be missing or empty::

    type,amount,currency,booking_date,value_date,key,
    end_to_end,payer,reference,reverses,charges

``type`` is receipt, return, payout, charge, interest, other or reversal;
``amount`` is in major units, without sign and grouping; ``key`` names the
entry at the bank and is used once. ``end_to_end`` names our payout, in rows
of payouts and returns, and of charges for one. ``payer`` is a member's id,
``reference`` a receivable's id or an invoice number. A reversal names in
``reverses`` the key of the receipt that the bank took back; a return states in
``charges`` what banks kept of the payout.

UTF-8, with or without a byte order mark; comma or semicolon; fields quoted
as in RFC 4180. A file is read as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cli.amounts import format_amount, parse_minor
from cli.formats.rows import parse_table
from cli.typed import read_date
from ledger.errors import LedgerError

KEY_CHARS_MAX: Final = 140
END_TO_END_CHARS_MAX: Final = 35
TYPES: Final = (
    *("receipt", "return", "payout", "charge", "interest", "other"),
    "reversal",
)
NEEDED: Final = ("type", "amount", "currency", "booking_date", "value_date", "key")
OPTIONAL: Final = ("end_to_end", "payer", "reference", "reverses", "charges")
CREDITS: Final = ("receipt", "return", "interest")


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as the bank booked it.

    Attributes:
        row: its line in the file, the header being 1; or its place.
        currency: ISO 4217 code.
        booking_date: ISO date.
        value_date: ISO date.
        type: one of ``TYPES``.
        amount_minor: above zero.
        key: of the entry at the bank.
        end_to_end: our payout attempt, for payouts, returns and their charges.
        payer: member id as written, or "".
        payer_number: the account that paid, or "".
        payer_name: the name on it, or "".
        payer_bank: BIC or national code of its bank, or "".
        reference: receivable id or invoice number as written, or "".
        reverses: key of the receipt taken back, for reversals.
        charges_minor: what banks kept of a returned payout.
    """

    row: int
    currency: str
    booking_date: str
    value_date: str
    type: str = ""
    amount_minor: int = 0
    key: str = ""
    end_to_end: str = ""
    payer: str = ""
    payer_number: str = ""
    payer_name: str = ""
    payer_bank: str = ""
    reference: str = ""
    reverses: str = ""
    charges_minor: int = 0

    @property
    def signed_minor(self) -> int:
        """What it moves on the account, minor units."""
        return self.amount_minor if self.type in CREDITS else -self.amount_minor


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance at the beginning or end of a day, minor units, any sign."""

    amount_minor: int
    currency: str
    date: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that is not booked: its place, direction, amount and status."""

    row: int
    sign: str
    amount_minor: int
    currency: str
    status: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file, or one statement of a file, says of one account.

    Attributes:
        entries: booked entries, in order.
        file_sha256: of the file's bytes.
        message: kind of the message, as an account names it.
        account: number of the account, "" if the file does not say.
        currency: of the account, "" if the file does not say.
        id: of the statement at the bank.
        sequence: its number, 0 if it has none.
        opening: balance before the entries.
        closing: balance at the end of a day.
        left_out: entries that are not booked.
        is_whole: whether no page follows.
    """

    entries: tuple[EntryRow, ...]
    file_sha256: str
    message: str = "csv"
    account: str = ""
    currency: str = ""
    id: str = ""
    sequence: int = 0
    opening: Balance | None = None
    closing: Balance | None = None
    left_out: tuple[LeftOut, ...] = ()
    is_whole: bool = True

    @property
    def main_currency(self) -> str:
        """The currency it is in, as far as it says, else ""."""
        found = [each.currency for each in self.entries[:1]]
        found += [each.currency for each in (self.opening, self.closing) if each]
        return self.currency or next(iter(found), "")

    def check(self, currency: str) -> None:
        """Do nothing if all is in one currency and the balances add up.

        Raises:
            LedgerError: ``other_currency``, ``balance_differs``.
        """
        units = {each.currency for each in self.entries} | {currency}
        units |= {each.currency for each in (self.opening, self.closing) if each}
        units |= {self.currency} - {""}
        if len(units) > 1:
            found = ", ".join(sorted(units - {currency}))
            raise LedgerError("other_currency", expected=currency, found=found)
        if self.opening is None or self.closing is None or not self.is_whole:
            return
        moved = sum(entry.signed_minor for entry in self.entries)
        total = self.opening.amount_minor + moved
        if total != self.closing.amount_minor:
            raise LedgerError(
                "balance_differs",
                expected=format_amount(self.closing.amount_minor, currency),
                found=format_amount(total, currency),
                statement=self.id,
            )


def read_statements(
    raw: bytes, attempts: Mapping[str, str] | None = None
) -> tuple[Statement, ...]:
    """Return the statements of a file, XML or CSV.

    Args:
        raw: the file.
        attempts: end-to-end ids of our payouts by their UETR.

    Raises:
        LedgerError: those of ``parse_camt`` and ``parse_statement``.
    """
    from cli.formats.camt import parse_camt  # noqa: PLC0415 - it stands on this

    if is_xml(raw):
        return parse_camt(raw, attempts)
    return (parse_statement(raw),)


def is_xml(raw: bytes) -> bool:
    """Tell whether a file is XML rather than CSV."""
    return raw.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def parse_statement(raw: bytes) -> Statement:
    """Return the entries of the bytes of a CSV file.

    Raises:
        LedgerError: ``bad_csv``; ``too_large``; ``bad_csv_row`` and the codes
            of amounts and dates, naming the row.
    """
    table = parse_table(raw, NEEDED, OPTIONAL)
    found = [_read_row(row.number, row.values) for row in table.rows]
    check_keys(found, "bad_csv_row")
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
        charges_minor=parse_minor(values["charges"] or "0", values["currency"]),
    )
    _check_row(entry)
    return entry


def _check_row(entry: EntryRow) -> None:
    if entry.type not in TYPES:
        raise _bad(f"type {entry.type[:40]!r}", ", ".join(TYPES))
    if not entry.amount_minor:
        raise _bad("amount", "more than zero")
    if not 1 <= len(entry.key) <= KEY_CHARS_MAX:
        raise _bad("key", f"1 to {KEY_CHARS_MAX} characters")
    of_payout = entry.type in ("payout", "return")
    if bool(entry.end_to_end) != of_payout and entry.type != "charge":
        raise _bad("end_to_end", "in rows of payouts and returns, and only there")
    if len(entry.end_to_end) > END_TO_END_CHARS_MAX:
        raise _bad("end_to_end", f"at most {END_TO_END_CHARS_MAX} characters")
    _check_place(entry)


def _check_place(entry: EntryRow) -> None:
    """Refuse values that have no place in a row of this type."""
    if (entry.payer or entry.reference) and entry.type != "receipt":
        raise _bad("payer, reference", "in rows of receipts only")
    if bool(entry.reverses) != (entry.type == "reversal"):
        raise _bad("reverses", "in rows of reversals, and only there")
    if entry.charges_minor and entry.type != "return":
        raise _bad("charges", "in rows of returns only")


def _bad(column: str, expected: str) -> LedgerError:
    return LedgerError("bad_csv_row", expected=expected, found=column)


def check_keys(entries: Iterable[EntryRow], code: str = "bank_entry_twice") -> None:
    """Do nothing if each class has each key once.

    Raises:
        LedgerError: the code given.
    """
    seen = set()
    for entry in entries:
        name = (entry.type, entry.key)
        if name in seen:
            raise LedgerError(
                code, expected="a key once", found=entry.key, row=entry.row
            )
        seen.add(name)
