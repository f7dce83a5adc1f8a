"""The fields of a UBL 2.1 invoice."""

from __future__ import annotations

import re
from typing import Final

from cli.formats.identifiers import (
    Identifier,
    account_identifier,
    named_identifier,
    register_identifier,
    tax_identifier,
)
from cli.formats.invoice_parts import (
    Account,
    Party,
    Statement,
    country_code,
    note_texts,
    only,
    only_amount,
    only_text,
    text_of,
)
from cli.formats.markup import Element, Plan

_SCHEMA: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
UBL_ROOT: Final = f"{{{_SCHEMA}Invoice-2}}Invoice"
UBL_CREDIT_NOTE_ROOT: Final = f"{{{_SCHEMA}CreditNote-2}}CreditNote"
_ZONE: Final = re.compile(r"(?<=\d\d-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)$")


def _cbc(name: str) -> str:
    return f"{{{_SCHEMA}CommonBasicComponents-2}}{name}"


def _cac(name: str) -> str:
    return f"{{{_SCHEMA}CommonAggregateComponents-2}}{name}"


_ID: Final = _cbc("ID")
_DUE: Final = _cbc("DueDate")
_MEANS: Final = _cac("PaymentMeans")
_PAYMENT_DUE: Final = _cbc("PaymentDueDate")
_TERMS: Final = _cac("PaymentTerms")
_INSTALMENT_DUE: Final = _cbc("InstallmentDueDate")
_TOTAL: Final = _cac("LegalMonetaryTotal")
_PARTY: Final = _cac("Party")
_LEGAL: Final = _cac("PartyLegalEntity")
_NUMBER: Final = _cbc("CompanyID")
_COUNTRY: Final = _cbc("IdentificationCode")

UBL_PLAN: Final[Plan] = {
    _ID: True,
    _cbc("IssueDate"): True,
    _DUE: True,
    _cbc("InvoiceTypeCode"): True,
    _cbc("DocumentCurrencyCode"): True,
    _cbc("Note"): True,
    _cac("AccountingSupplierParty"): True,
    _cac("AccountingCustomerParty"): True,
    _cac("PayeeParty"): True,
    _MEANS: True,
    _TERMS: {_cbc("Note"): True, _INSTALMENT_DUE: True, _PAYMENT_DUE: True},
    _TOTAL: True,
}


def read_ubl(root: Element) -> Statement:
    """Return what a UBL invoice states.

    Raises:
        LedgerError: ``invoice_field_repeated`` or ``bad_invoice_field``.
    """
    total = only(root, _TOTAL)
    payee = only(root, _cac("PayeeParty"))
    return Statement(
        syntax="ubl",
        type_code=only_text(root, _cbc("InvoiceTypeCode")),
        number=only_text(root, _ID),
        issue_date=_ZONE.sub("", only_text(root, _cbc("IssueDate"))),
        due_dates=_due_dates(root),
        currency=only_text(root, _cbc("DocumentCurrencyCode")),
        payable=only_amount(total, _cbc("PayableAmount")),
        total=only_amount(total, _cbc("TaxInclusiveAmount")),
        prepaid=only_amount(total, _cbc("PrepaidAmount")),
        rounding=only_amount(total, _cbc("PayableRoundingAmount")),
        seller=_party(only(root, _cac("AccountingSupplierParty"), _PARTY)),
        buyer=_party(only(root, _cac("AccountingCustomerParty"), _PARTY)),
        payee=_party(payee) if payee else None,
        accounts=_accounts(root),
        means=tuple(
            text_of(code) for code in root.all(_MEANS, _cbc("PaymentMeansCode"))
        ),
        notes=(
            *note_texts(root, _cbc("Note")),
            *note_texts(root, _TERMS, _cbc("Note")),
        ),
    )


def _due_dates(root: Element) -> tuple[str, ...]:
    paths = (
        (_DUE,),
        (_MEANS, _PAYMENT_DUE),
        (_TERMS, _PAYMENT_DUE),
        (_TERMS, _INSTALMENT_DUE),
    )
    texts = (text_of(each) for path in paths for each in root.all(*path))
    return tuple(dict.fromkeys(_ZONE.sub("", text) for text in texts if text))


def _party(party: Element | None) -> Party:
    if party is None:
        return Party("", "", ())
    country = country_code(
        only_text(party, _cac("PostalAddress"), _cac("Country"), _COUNTRY)
    )
    names = (
        *party.all(_LEGAL, _cbc("RegistrationName")),
        *party.all(_cac("PartyName"), _cbc("Name")),
    )
    name = next((text for text in map(text_of, names) if text), "")
    return Party(name, country, tuple(dict.fromkeys(_identifiers(party, country))))


def _identifiers(party: Element, country: str) -> list[Identifier]:
    found = []
    for number in party.all(_cac("PartyIdentification"), _ID):
        scheme = number.attributes.get("schemeID", "")
        found.append(named_identifier(scheme, text_of(number), country))
    for number in party.all(_LEGAL, _NUMBER):
        scheme = number.attributes.get("schemeID", "")
        found.append(register_identifier(scheme, text_of(number), country))
    for tax in party.all(_cac("PartyTaxScheme")):
        scheme = only_text(tax, _cac("TaxScheme"), _ID)
        found.append(tax_identifier(scheme, only_text(tax, _NUMBER), country))
    return [each for each in found if each.value]


def _accounts(root: Element) -> tuple[Account, ...]:
    found = []
    for account in root.all(_MEANS, _cac("PayeeFinancialAccount")):
        number = only(account, _ID)
        if number is None or not text_of(number):
            continue
        scheme = number.attributes.get("schemeID", "")
        bic = only_text(account, _cac("FinancialInstitutionBranch"), _ID)
        name = only_text(account, _cbc("Name"))
        found.append(Account(account_identifier(scheme, text_of(number)), bic, name))
    return tuple(dict.fromkeys(found))
