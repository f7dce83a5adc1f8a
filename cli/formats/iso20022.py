"""Messages of ISO 20022: which one a file holds, and how their fields read.

A file names its message by its namespace. Only the first element's tag is
looked at for that; everything else comes from the hardened reader, which
reads nothing of a file whose first element is another one.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from cli.formats.markup import Element, Plan, Takers, read_tree, shown
from cli.typed import read_date
from ledger.currency import exponent
from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
# A statement has many times the elements of an invoice, and few of them stay.
SCALE: Final = 4
TEXT_CHARS_MAX: Final = 140
ABSENT: Final = frozenset(("", "NOTPROVIDED", "NONREF"))

_HEAD_BYTES: Final = 4_096
_NAMED: Final = re.compile(
    rb"""xmlns(?::[A-Za-z]\w{0,20})?\s*=\s*["']"""
    + re.escape(NAMESPACE).encode()
    + rb"""((?:camt|pain)\.[0-9]{3})\.001\.([0-9]{2})["']"""
)
_DECIMAL: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{0,18}))?")


class Message(NamedTuple):
    """What a file says it is.

    Attributes:
        name: such as ``camt.053``, "" if it is no message known here.
        version: two digits.
    """

    name: str
    version: str

    @property
    def namespace(self) -> str:
        """The namespace of its elements."""
        return f"{NAMESPACE}{self.name}.001.{self.version}"


def name_message(raw: bytes) -> Message:
    """Return which message a file is, by the namespace in its first bytes."""
    head = raw[:_HEAD_BYTES].replace(b"\x00", b"")  # UTF-16 as well
    found = _NAMED.search(head)
    return Message(found[1].decode(), found[2].decode()) if found else Message("", "")


def read_message(
    raw: bytes, message: Message, plan: Plan, takers: Takers | None = None
) -> Element:
    """Return the named parts of a message below its ``Document``.

    Raises:
        LedgerError: what ``read_tree`` raises; ``unknown_bank_file``.
    """
    root = read_tree(
        raw, {"Document": plan}, namespace=message.namespace, takers=takers, scale=SCALE
    )
    if root.tag != "Document":
        raise LedgerError("unknown_bank_file", found=shown(root.tag))
    return root


def make_plan(text: str) -> dict[str, Any]:
    """Return a plan of tags written as paths, e.g. ``Refs/UETR Amt``."""
    plan: dict[str, Any] = {}
    for path in text.split():
        *above, last = path.split("/")
        place = plan
        for tag in above:
            place = place.setdefault(tag, {})
        place[last] = True
    return plan


def read_money(element: Element) -> tuple[int, str]:
    """Return minor units and currency of an amount.

    Zeros behind the decimals of the currency say nothing; anything else there
    is not rounded but refused.

    Raises:
        LedgerError: ``unknown_currency``, ``bad_bank_field``,
            ``too_many_decimals`` or ``amount_too_large``.
    """
    text, currency = element.text.strip(), element.attributes.get("Ccy", "")
    places = exponent(currency)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise LedgerError("bad_bank_field", expected="a decimal", found=shown(text, 40))
    decimals = (match[2] or "").rstrip("0")
    if len(decimals) > places:
        expected = f"at most {places} for {currency}"
        raise LedgerError("too_many_decimals", expected=expected, found=text)
    minor = int(match[1] + decimals.ljust(places, "0"))
    if minor > INTEGER_MAX:
        raise LedgerError("amount_too_large", found=text)
    return minor, currency


def read_day(element: Element, *path: str) -> str:
    """Return the ISO date of a field that holds ``Dt`` or ``DtTm``, or "".

    Raises:
        LedgerError: ``not_a_date``.
    """
    text = element.first(*path, "Dt") or element.first(*path, "DtTm")[:10]
    return read_date(text) if text else ""


def read_account(element: Element, *path: str) -> str:
    """Return the number of an account, IBAN or other, or ""."""
    for inner in (("IBAN",), ("Othr", "Id"), ("BBAN",), ("PrtryAcct", "Id")):
        found = element.first(*path, "Id", *inner)
        if found:
            return shown(found)
    return ""


def read_text(element: Element, *path: str) -> str:
    """Return the text of a field, fit to be shown and signed, or ""."""
    found = shown(element.first(*path), TEXT_CHARS_MAX)
    return "" if found.upper() in ABSENT else found
