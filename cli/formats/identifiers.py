"""Identifiers of parties and accounts: their schemes and check digits.

A scheme is ``LEI``, ``USCC``, ``VAT``, ``GSTIN``, ``SEPA`` or the four digits
of an ISO 6523 identifier code such as ``0088`` (GLN). ``REG-NL`` is a number
in the register of companies of that country, ``TAX-DE`` a national tax
number, and ``unnamed`` a number whose issuer the document does not name: it
identifies nobody outside that document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

UNNAMED: Final = "unnamed"

# Module of python-stdnum that knows the check digits of a scheme.
_ALGORITHMS: Final = {
    "LEI": "lei",
    "USCC": "cn.uscc",
    "GSTIN": "in_.gstin",
    "PAN": "in_.pan",
    "SEPA": "eu.at_02",
    "IBAN": "iban",
    "0002": "fr.siren",
    "0007": "se.orgnr",
    "0009": "fr.siret",
    "0088": "ean",
    "0151": "au.abn",
    "0160": "ean",
    "0183": "ch.uid",
    "0184": "dk.cvr",
    "0188": "jp.cn",
    "0191": "ee.registrikood",
    "0192": "no.orgnr",
    "0195": "sg.uen",
    "0196": "is_.kennitala",
    "0198": "dk.cvr",
    "0208": "be.vat",
    "0210": "it.codicefiscale",
    "0211": "it.iva",
    "0212": "fi.ytunnus",
    "0213": "fi.alv",
}
_VAT_OUTSIDE_EU: Final = {"NO": "no.mva", "CH": "ch.vat", "GB": "gb.vat"}
_VAT_IN_EU: Final = (
    "AT BE BG CY CZ DE DK EE EL ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO "
    "SE SI SK XI"
)
_LENGTHS: Final = {"0088": 13}
_ALIASES: Final = {"0199": "LEI", "GLN": "0088", "CN:USCC": "USCC"}
_SCHEME: Final = re.compile(r"[A-Z0-9][A-Z0-9:_-]{0,19}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number of a party.

    Attributes:
        scheme: who gives out such numbers, see above.
        value: capitals without separators, or as written if the scheme has
            no fixed form.
        valid: whether the check digits are right; ``None`` if the scheme has
            none that are known here.
    """

    scheme: str
    value: str
    valid: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object; ``valid`` is absent if nothing was verified."""
        checked = {} if self.valid is None else {"valid": self.valid}
        return {"scheme": self.scheme, "value": self.value, **checked}


def named_identifier(scheme: str, value: str, country: str) -> Identifier:
    """Return an identifier with its check digits verified.

    Args:
        scheme: as in the document; an ISO 6523 code, a name, or empty.
        value: as in the document.
        country: ISO 3166 code of the party, or empty.
    """
    name = scheme.strip().upper()
    name = _ALIASES.get(name, name)
    if not _SCHEME.fullmatch(name):
        return Identifier(UNNAMED, value, None)
    if name != "VAT" and name not in _ALGORITHMS:
        return Identifier(name, value, None)
    compact = compact_number(value)
    return Identifier(name, compact, _check(name, compact, country))


def register_identifier(scheme: str, value: str, country: str) -> Identifier:
    """Return the identifier of an entry in a register of companies.

    Args:
        scheme: ISO 6523 code if the document gives one, else empty.
        value: as in the document.
        country: ISO 3166 code of the party, or empty.
    """
    if scheme:
        return named_identifier(scheme, value, country)
    uscc = named_identifier("USCC", value, country)
    if country == "CN" and len(uscc.value) == 18:
        return uscc
    return Identifier(f"REG-{country}" if country else "REG", value, None)


def tax_identifier(scheme: str, value: str, country: str) -> Identifier:
    """Return the identifier of a tax registration.

    Args:
        scheme: ``VAT``, ``GST`` or another name of a tax.
        value: as in the document.
        country: ISO 3166 code of the party, or empty.
    """
    name = scheme.strip().upper()
    if name == "VAT":
        return named_identifier("VAT", value, country)
    if name == "GST" and country == "IN":
        return named_identifier("GSTIN", value, country)
    return Identifier(f"TAX-{country}" if country else "TAX", value, None)


def account_identifier(scheme: str, value: str) -> Identifier:
    """Return the identifier of an account: ``IBAN`` checked, else ``LOCAL``.

    Args:
        scheme: ``IBAN`` if the document says so, else anything.
        value: as in the document.
    """
    compact = compact_number(value)
    if scheme.strip().upper() == "IBAN" or _IBAN.fullmatch(compact):
        return Identifier("IBAN", compact, _check("IBAN", compact, ""))
    return Identifier("LOCAL", value, None)


def compact_number(value: str) -> str:
    """Return a number in capitals without spaces, points and hyphens."""
    return re.sub(r"[\s.\-]", "", value).upper()


def is_same_number(left: str, right: str) -> bool:
    """Tell whether two spellings are of the same number."""
    return compact_number(left) == compact_number(right)


def _check(scheme: str, value: str, country: str) -> bool | None:
    module = _vat_module(value, country) if scheme == "VAT" else _ALGORITHMS[scheme]
    if not module:
        return None
    if not value.isascii() or len(value) != _LENGTHS.get(scheme, len(value)):
        return False
    if scheme == "VAT" and not value[:2].isalpha():
        value = country + value
    return bool(import_module(f"stdnum.{module}").is_valid(value))


def _vat_module(value: str, country: str) -> str:
    prefix = value[:2] if value[:2].isalpha() else country
    if prefix in _VAT_IN_EU.split():
        return "eu.vat"
    return _VAT_OUTSIDE_EU.get(prefix, "")
