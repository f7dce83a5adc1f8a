"""Invoices of others, read into the terms of a receivable.

Two syntaxes of EN 16931 are read: UBL 2.1 Invoice and UN/CEFACT Cross
Industry Invoice D16B, plain or attached to a PDF (Factur-X). The face is the
amount due for payment in the currency of the document. What does not claim one
amount, on one date, for the seller, is refused by name. Nothing here looks at
today's date or at the network.

A corrected invoice (type 384) is refused: EN 16931 lets it state the whole
amount again or only the difference, so the file alone does not tell what is
owed beside the invoice it corrects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import cli.private  # noqa: F401 - registers file_missing and file_unreadable
from cli.amounts import format_amount, parse_minor
from cli.formats.cii import CII
from cli.formats.facturx import MARK, read_attachment
from cli.formats.identifiers import (
    UNNAMED,
    Identifier,
    is_same_number,
    named_identifier,
)
from cli.formats.invoice_parts import Account, Amount, Party, Statement
from cli.formats.markup import SIZE_BYTES_MAX, Element, read_tree, shown
from cli.formats.ubl import UBL, UBL_CREDIT_NOTE_ROOT
from ledger.currency import exponent
from ledger.errors import LedgerError


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Codes of UNTDID 1001, in the groups that matter here.
_CREDIT_NOTES: Final = _codes("81 83 261 262 296 308 381 396 420 458 502 503 532")
_CORRECTED: Final = _codes("384 471 472 473")
_PREPAYMENTS: Final = _codes("386 500")
_FACTORED: Final = _codes("393 501")
_INVOICES: Final = _codes(
    "80 82 84 295 326 331 380 383 385 387 388 389 394 527 575 623 633 780 875 876 877"
)
_DIRECT_DEBITS: Final = _codes("49 59")

_PLANS: Final = {**UBL.plan(), **CII.plan(), UBL_CREDIT_NOTE_ROOT: {}}
_ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DECIMAL: Final = re.compile(r"([+-]?)([0-9]{0,18})(?:\.([0-9]{0,12}))?")
_SCALE: Final = 12


@dataclass(frozen=True, slots=True)
class Warned:
    """A doubt that does not stop anyone.

    Attributes:
        code: stable name.
        subject: what it is about, e.g. ``debtor``.
        text: one sentence.
    """

    code: str
    subject: str
    text: str

    def to_json(self) -> dict[str, str]:
        """Return the JSON object of this warning."""
        return {"code": self.code, "subject": self.subject, "text": self.text}


@dataclass(frozen=True, slots=True)
class Invoice:
    """The terms of a receivable as an invoice states them.

    Attributes:
        syntax: ``ubl`` or ``cii``.
        type_code: UNTDID 1001.
        number: of the invoice.
        issue_date: ``YYYY-MM-DD``.
        due_date: ``YYYY-MM-DD``.
        face_minor: amount due for payment in minor units, positive.
        currency: ISO 4217 code.
        debtor: the buyer.
        creditor: the seller.
        payee: who is to be paid, if that is not the seller.
        pay_to: accounts named on the invoice.
        notes: free text.
        document_sha256: of the bytes of the file, hexadecimal.
        warnings: doubts that do not stop anyone.
    """

    syntax: str
    type_code: str
    number: str
    issue_date: str
    due_date: str
    face_minor: int
    currency: str
    debtor: Party
    creditor: Party
    payee: Party | None
    pay_to: tuple[Account, ...]
    notes: tuple[str, ...]
    document_sha256: str
    warnings: tuple[Warned, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``allonge draft --json`` prints.

        ``payee`` is absent unless somebody else than the seller is paid.
        """
        payee = {"payee": self.payee.to_json()} if self.payee else {}
        return {
            **payee,
            "face": format_amount(self.face_minor, self.currency),
            "face_minor": self.face_minor,
            "currency": self.currency,
            "due_date": self.due_date,
            "issue_date": self.issue_date,
            "invoice_number": self.number,
            "debtor": self.debtor.to_json(),
            "creditor": self.creditor.to_json(),
            "pay_to": [account.to_json() for account in self.pay_to],
            "notes": list(self.notes),
            "type_code": self.type_code,
            "format": self.syntax,
            "document_sha256": self.document_sha256,
            "warnings": [warning.to_json() for warning in self.warnings],
        }


def read_invoice(path: Path, *, due_date: str = "", submitter: str = "") -> Invoice:
    """Return the terms that an invoice file states.

    Args:
        path: the file, at most 20 MB.
        due_date: as for ``parse_invoice``.
        submitter: as for ``parse_invoice``.

    Raises:
        LedgerError: ``file_missing``, ``file_unreadable``, or what
            ``parse_invoice`` raises.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise LedgerError("file_missing", path=shown(str(path))) from error
    except (OSError, ValueError) as error:
        raise LedgerError("file_unreadable", path=shown(str(path))) from error
    return parse_invoice(raw, due_date=due_date, submitter=submitter)


def parse_invoice(raw: bytes, *, due_date: str = "", submitter: str = "") -> Invoice:
    """Return the terms that the bytes of an invoice state.

    Args:
        raw: the file as it was issued.
        due_date: ``YYYY-MM-DD``, used if the invoice states none.
        submitter: who reads, as ``SCHEME:NUMBER`` or a bare number; a payee
            other than the seller is accepted only if it has this identifier.

    Raises:
        LedgerError: ``not_an_invoice``; what ``read_attachment`` and
            ``read_tree`` raise; then, in this order, refusals of the
            document's type, of its currency and amounts, of missing parties,
            of the payee and of its dates.
    """
    if raw.startswith(MARK):
        return _parse_pdf(raw, due_date, submitter)
    if not raw.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        found = "something else" if raw else "an empty file"
        raise LedgerError("not_an_invoice", expected="XML or PDF", found=found)
    stated = _read_statement(read_tree(raw, _PLANS))
    _check_type(stated)
    face_minor = _face_minor(stated)
    _check_parties(stated)
    payee = _other_payee(stated, submitter)
    issued = _check_date(stated.issue_date, "issue date")
    due = _due_date(stated, due_date)
    return Invoice(
        syntax=stated.syntax,
        type_code=stated.type_code,
        number=stated.number,
        issue_date=issued,
        due_date=due,
        face_minor=face_minor,
        currency=stated.currency,
        debtor=stated.buyer,
        creditor=stated.seller,
        payee=payee,
        pay_to=stated.accounts,
        notes=stated.notes,
        document_sha256=sha256(raw).hexdigest(),
        warnings=tuple(_warnings(stated, payee, issued, due)),
    )


def _parse_pdf(raw: bytes, due_date: str, submitter: str) -> Invoice:
    """Return the invoice attached to a PDF; the document is the PDF."""
    name, content = read_attachment(raw)
    if content.startswith(MARK):
        raise LedgerError("not_an_invoice", expected="XML", found=name)
    found = parse_invoice(content, due_date=due_date, submitter=submitter)
    text = f"Read from {name}; nobody compared it with the pages people see."
    return replace(
        found,
        document_sha256=sha256(raw).hexdigest(),
        warnings=(*found.warnings, Warned("attachment", "document", text)),
    )


def _read_statement(root: Element) -> Statement:
    if root.tag == UBL_CREDIT_NOTE_ROOT:
        raise LedgerError("credit_note", expected="an invoice", found="CreditNote")
    for syntax in (UBL, CII):
        if root.tag in syntax.plan():
            return syntax.read(root)
    raise LedgerError(
        "not_an_invoice",
        expected="UBL Invoice-2 or CrossIndustryInvoice:100",
        found=shown(root.tag, 160),
    )


def _check_type(stated: Statement) -> None:
    code = stated.type_code
    if not code:
        raise LedgerError("invoice_field_missing", found="type code")
    for name, codes in (
        ("credit_note", _CREDIT_NOTES),
        ("corrected_invoice", _CORRECTED),
        ("prepayment_invoice", _PREPAYMENTS),
    ):
        if code in codes:
            raise LedgerError(name, expected="type 380", found=f"type {code}")
    if code not in _INVOICES | _FACTORED:
        found = f"type {shown(code, 20)}"
        raise LedgerError("invoice_type_refused", expected="type 380", found=found)


def _face_minor(stated: Statement) -> int:
    currency, payable = stated.currency, stated.payable
    if not currency:
        raise LedgerError("no_currency", expected="an ISO 4217 code")
    exponent(currency)
    for amount in (payable, stated.total, stated.prepaid, stated.rounding):
        if amount.text and amount.currency not in ("", currency):
            found = shown(amount.currency, 20)
            raise LedgerError("currency_contradiction", expected=currency, found=found)
    if not payable.text:
        raise LedgerError("invoice_field_missing", found="amount due for payment")
    _check_totals(stated)
    if _units(payable) <= 0:
        found = f"{currency} {payable.text}"
        raise LedgerError("nothing_due", expected="more than zero", found=found)
    whole, _, decimals = payable.text.removeprefix("+").partition(".")
    return parse_minor((whole or "0") + (f".{decimals}" if decimals else ""), currency)


def _check_totals(stated: Statement) -> None:
    due = _units(stated.payable)
    if not stated.total.text:
        return
    expected = _units(stated.total) - _units(stated.prepaid) + _units(stated.rounding)
    if due != expected:
        raise LedgerError(
            "totals_contradict",
            expected=f"{stated.total.text} - {stated.prepaid.text or 0}"
            f" + {stated.rounding.text or 0}",
            found=f"{stated.payable.text} due",
        )


def _units(amount: Amount) -> int:
    """Return an amount in units of 10**-12; absent is zero."""
    match = _DECIMAL.fullmatch(amount.text)
    digits = (match[2] or "") + (match[3] or "") if match else ""
    if match is None or (amount.text and not digits):
        found = shown(amount.text, 40)
        raise LedgerError("bad_invoice_amount", expected="40000.00", found=found)
    units = int((match[2] or "0") + (match[3] or "").ljust(_SCALE, "0"))
    return -units if match[1] == "-" else units


def _check_parties(stated: Statement) -> None:
    for value, name in (
        (stated.number, "invoice number"),
        (stated.buyer.name, "buyer"),
        (stated.seller.name, "seller"),
    ):
        if not value:
            raise LedgerError("invoice_field_missing", found=name)
    if "\ufffd" in stated.number:
        raise LedgerError("bad_invoice_field", found=f"number {stated.number}")


def _other_payee(stated: Statement, submitter: str) -> Party | None:
    payee = stated.payee
    if payee is None or _is_same_party(payee, stated.seller):
        if stated.type_code not in _FACTORED:
            return None
        payee = None
    if payee is None or not _has_identifier(payee, submitter):
        raise LedgerError(
            "payee_not_seller",
            expected=f"seller {stated.seller.name}",
            found=f"payee {payee.name}" if payee else f"type {stated.type_code}",
        )
    return payee


def _is_same_party(left: Party, right: Party) -> bool:
    """Compare under common schemes; names decide only if there are none."""
    pairs = [
        (mine, other)
        for mine in left.identifiers
        for other in right.identifiers
        if mine.scheme == other.scheme != UNNAMED
    ]
    if pairs:
        return any(is_same_number(mine.value, other.value) for mine, other in pairs)
    return left.name.casefold() == right.name.casefold()


def _has_identifier(party: Party, wanted: str) -> bool:
    scheme, mark, number = wanted.partition(":")
    if not mark:
        scheme, number = "", wanted
    name = named_identifier(scheme, number, party.country).scheme
    return bool(number.strip()) and any(
        each.scheme != UNNAMED
        and each.valid is not False
        and name in (UNNAMED, each.scheme)
        and is_same_number(each.value, number)
        for each in party.identifiers
    )


def _due_date(stated: Statement, given: str) -> str:
    dates = stated.due_dates
    if len(dates) > 1:
        found = ", ".join(shown(each, 20) for each in dates[:4])
        raise LedgerError("several_due_dates", expected="one", found=found)
    if not dates and not given:
        raise LedgerError("no_due_date", expected="a date")
    if not dates:
        return _check_date(given, "due date given")
    due = _check_date(dates[0], "due date")
    if given not in ("", due):
        found = shown(given, 20)
        raise LedgerError("due_date_contradiction", expected=due, found=found)
    return due


def _check_date(text: str, name: str) -> str:
    if not text:
        raise LedgerError("invoice_field_missing", found=name)
    try:
        valid = bool(_ISO_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        valid = False
    if not valid:
        found = f"{name} {shown(text, 30)}"
        raise LedgerError("bad_invoice_date", expected="a calendar date", found=found)
    return text


def _warnings(
    stated: Statement, payee: Party | None, issued: str, due: str
) -> list[Warned]:
    found = [*_party_warnings("debtor", stated.buyer)]
    found += _party_warnings("creditor", stated.seller)
    if payee:
        found += _party_warnings("payee", payee)
        found.append(
            Warned("assigned", "payee", f"The claim is already that of {payee.name}.")
        )
    found += [
        _check_digits("account", account.number)
        for account in stated.accounts
        if account.number.valid is False
    ]
    if _shared_identifier(stated.buyer, stated.seller):
        text = "Buyer and seller carry the same identifier."
        found.append(Warned("same_party", "debtor", text))
    if _units(stated.prepaid):
        text = f"{stated.currency} {stated.prepaid.text} was deducted as prepaid."
        found.append(Warned("prepaid", "face", text))
    if due < issued:
        text = f"Due on {due}, before it was issued on {issued}."
        found.append(Warned("due_before_issue", "due_date", text))
    if _DIRECT_DEBITS.intersection(stated.means):
        text = "The seller collects by direct debit; stop that before assigning."
        found.append(Warned("direct_debit", "pay_to", text))
    return found


def _party_warnings(role: str, party: Party) -> list[Warned]:
    found = [
        _check_digits(role, each) for each in party.identifiers if each.valid is False
    ]
    if all(each.scheme == UNNAMED for each in party.identifiers):
        text = "No identifier under a named scheme; the parties must sign a link."
        found.append(Warned("no_identifier", role, text))
    return found


def _check_digits(subject: str, number: Identifier) -> Warned:
    text = f"{number.scheme} {number.value} has wrong check digits or length."
    return Warned("check_digits", subject, text)


def _shared_identifier(left: Party, right: Party) -> bool:
    return any(
        mine.scheme == other.scheme != UNNAMED
        and is_same_number(mine.value, other.value)
        for mine in left.identifiers
        for other in right.identifiers
    )
