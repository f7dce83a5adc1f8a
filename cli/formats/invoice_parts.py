"""What an invoice states, before anyone judges it.

The readers of the two syntaxes fill a ``Statement``; fields keep the spelling
of the file, absent ones are empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cli.formats.identifiers import Identifier
from cli.formats.markup import Element, shown
from ledger.errors import LedgerError

FIELD_CHARACTERS_MAX: Final = 500
_NOTE_CHARACTERS_MAX: Final = 2_000
_ASK: Final = "Ask the seller for a corrected file."


@dataclass(frozen=True, slots=True)
class Party:
    """A party of the invoice.

    Attributes:
        name: registered name, else trading name.
        country: ISO 3166 code, or empty.
        identifiers: in the order of the file, without repetition.
    """

    name: str
    country: str
    identifiers: tuple[Identifier, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of this party."""
        return {
            "name": self.name,
            "country": self.country,
            "identifiers": [each.to_json() for each in self.identifiers],
        }


@dataclass(frozen=True, slots=True)
class Account:
    """An account the invoice asks to be paid to.

    Attributes:
        number: under scheme ``IBAN`` or ``LOCAL``.
        bic: of the bank, or empty.
        name: of the account's owner, or empty.
    """

    number: Identifier
    bic: str
    name: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of this account."""
        return {**self.number.to_json(), "bic": self.bic, "name": self.name}


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as written.

    Attributes:
        text: number, or empty if absent.
        currency: as the amount itself says, or empty.
    """

    text: str
    currency: str


@dataclass(frozen=True, slots=True)
class Statement:
    """The fields of an invoice that matter for a receivable.

    Attributes:
        syntax: ``ubl`` or ``cii``.
        type_code: UNTDID 1001.
        issue_date: ``YYYY-MM-DD``.
        due_dates: every due date stated, ``YYYY-MM-DD``, without repetition.
        currency: of the document.
        payable: amount due for payment.
        total: amount with VAT.
        prepaid: paid before.
        rounding: added to the amount due.
        payee: who is to be paid, if the invoice says so.
        accounts: where to pay, without repetition.
        means: codes of the ways to pay, UNTDID 4461.
    """

    syntax: str
    type_code: str
    number: str
    issue_date: str
    due_dates: tuple[str, ...]
    currency: str
    payable: Amount
    total: Amount
    prepaid: Amount
    rounding: Amount
    seller: Party
    buyer: Party
    payee: Party | None
    accounts: tuple[Account, ...]
    means: tuple[str, ...]
    notes: tuple[str, ...]


def only(element: Element, *path: str) -> Element | None:
    """Return the one element under a path, or nothing.

    Raises:
        LedgerError: ``invoice_field_repeated``.
    """
    found = list(element.all(*path))
    if len(found) > 1:
        raise LedgerError("invoice_field_repeated", found=local_name(path[-1]))
    return found[0] if found else None


def text_of(element: Element | None) -> str:
    """Return the text of an element on one line; empty if it is absent.

    Raises:
        LedgerError: ``bad_invoice_field``, it is too long.
    """
    if element is None:
        return ""
    text = shown(element.text, FIELD_CHARACTERS_MAX + 1)
    if len(text) > FIELD_CHARACTERS_MAX:
        raise LedgerError(
            "bad_invoice_field",
            expected=f"at most {FIELD_CHARACTERS_MAX} characters",
            found=local_name(element.tag),
        )
    return text


def only_text(element: Element, *path: str) -> str:
    """Return the text of the one element under a path; empty if absent.

    Raises:
        LedgerError: ``invoice_field_repeated`` or ``bad_invoice_field``.
    """
    return text_of(only(element, *path))


def only_amount(element: Element | None, *path: str) -> Amount:
    """Return the one amount under a path; empty if absent.

    Raises:
        LedgerError: ``invoice_field_repeated`` or ``bad_invoice_field``.
    """
    found = only(element, *path) if element else None
    currency = found.attributes.get("currencyID", "") if found else ""
    return Amount(text_of(found), currency.strip())


def note_texts(element: Element, *path: str) -> tuple[str, ...]:
    """Return the texts under a path, each cut to 2,000 characters."""
    texts = (shown(each.text, _NOTE_CHARACTERS_MAX) for each in element.all(*path))
    return tuple(text for text in texts if text)


def country_code(text: str) -> str:
    """Return two capital letters, or nothing."""
    code = text.upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


def local_name(tag: str) -> str:
    """Return a tag without its namespace."""
    return shown(tag.rpartition("}")[2])
