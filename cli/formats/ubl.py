"""The fields of a UBL 2.1 invoice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cli.formats.identifiers import (
    Identifier,
    account_identifier,
    named_identifier,
    register_identifier,
    tax_identifier,
)
from cli.formats.invoice_parts import Account, Syntax, text_of
from cli.formats.markup import Element

_SCHEMA: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
UBL_CREDIT_NOTE_ROOT: Final = f"{{{_SCHEMA}CreditNote-2}}CreditNote"
_ZONE: Final = re.compile(r"(?<=\d\d-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)$")


def _read_date(element: Element | None) -> str:
    return _ZONE.sub("", text_of(element))


def _identifiers(party: Element, country: str) -> Iterator[Identifier]:
    for number in UBL.all(party, "cac:PartyIdentification/cbc:ID"):
        scheme = number.attributes.get("schemeID", "")
        yield named_identifier(scheme, text_of(number), country)
    for number in UBL.all(party, "cac:PartyLegalEntity/cbc:CompanyID"):
        scheme = number.attributes.get("schemeID", "")
        yield register_identifier(scheme, text_of(number), country)
    for tax in UBL.all(party, "cac:PartyTaxScheme"):
        scheme = UBL.text(tax, "cac:TaxScheme/cbc:ID")
        yield tax_identifier(scheme, UBL.text(tax, "cbc:CompanyID"), country)


def _accounts(root: Element) -> Iterator[Account]:
    for account in UBL.all(root, "cac:PaymentMeans/cac:PayeeFinancialAccount"):
        number = UBL.only(account, "cbc:ID")
        if number is None or not text_of(number):
            continue
        scheme = number.attributes.get("schemeID", "")
        bic = UBL.text(account, "cac:FinancialInstitutionBranch/cbc:ID")
        name = UBL.text(account, "cbc:Name")
        yield Account(account_identifier(scheme, text_of(number)), bic, name)


UBL: Final = Syntax(
    name="ubl",
    namespaces={
        "cac": f"{_SCHEMA}CommonAggregateComponents-2",
        "cbc": f"{_SCHEMA}CommonBasicComponents-2",
        "ubl": f"{_SCHEMA}Invoice-2",
    },
    root="ubl:Invoice",
    kept=(
        *("cbc:ID", "cbc:IssueDate", "cbc:DueDate", "cbc:InvoiceTypeCode", "cbc:Note"),
        *("cbc:DocumentCurrencyCode", "cac:LegalMonetaryTotal", "cac:PaymentMeans"),
        *("cac:AccountingSupplierParty", "cac:AccountingCustomerParty"),
        *("cac:PayeeParty", "cac:PaymentTerms/cbc:Note"),
        "cac:PaymentTerms/cbc:InstallmentDueDate",
        "cac:PaymentTerms/cbc:PaymentDueDate",
    ),
    single=(),
    fields={
        "type_code": "cbc:InvoiceTypeCode",
        "number": "cbc:ID",
        "issue_date": "cbc:IssueDate",
        "currency": "cbc:DocumentCurrencyCode",
        "sums": "cac:LegalMonetaryTotal",
        "payable": "cbc:PayableAmount",
        "total": "cbc:TaxInclusiveAmount",
        "prepaid": "cbc:PrepaidAmount",
        "rounding": "cbc:PayableRoundingAmount",
        "seller": "cac:AccountingSupplierParty/cac:Party",
        "buyer": "cac:AccountingCustomerParty/cac:Party",
        "payee": "cac:PayeeParty",
        "country": "cac:PostalAddress/cac:Country/cbc:IdentificationCode",
    },
    lists={
        "due": (
            "cbc:DueDate",
            "cac:PaymentMeans/cbc:PaymentDueDate",
            "cac:PaymentTerms/cbc:PaymentDueDate",
            "cac:PaymentTerms/cbc:InstallmentDueDate",
        ),
        "means": ("cac:PaymentMeans/cbc:PaymentMeansCode",),
        "names": (
            "cac:PartyLegalEntity/cbc:RegistrationName",
            "cac:PartyName/cbc:Name",
        ),
        "notes": ("cbc:Note", "cac:PaymentTerms/cbc:Note"),
    },
    read_date=_read_date,
    identifiers=_identifiers,
    accounts=_accounts,
)
