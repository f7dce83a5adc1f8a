"""The fields of a UN/CEFACT Cross Industry Invoice (D16B)."""

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

_STANDARD: Final = "urn:un:unece:uncefact:data:standard:"
_COMPACT_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_TAXES: Final = {"VA": "VAT"}

_DOCUMENT: Final = "rsm:ExchangedDocument"
_TRADE: Final = "rsm:SupplyChainTradeTransaction"
_AGREEMENT: Final = f"{_TRADE}/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT: Final = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_TERMS: Final = f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms"
_MEANS: Final = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
_SUMS: Final = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_SELLER: Final = f"{_AGREEMENT}/ram:SellerTradeParty"
_BUYER: Final = f"{_AGREEMENT}/ram:BuyerTradeParty"
_PAYEE: Final = f"{_SETTLEMENT}/ram:PayeeTradeParty"
_CURRENCY: Final = f"{_SETTLEMENT}/ram:InvoiceCurrencyCode"


def _read_date(element: Element | None) -> str:
    # Another format code, as for a month, leaves a text that is no date.
    text = text_of(element)
    match = _COMPACT_DATE.fullmatch(text)
    if element is None or match is None or element.attributes.get("format") != "102":
        return text
    return "-".join(match.groups())


def _identifiers(party: Element, country: str) -> Iterator[Identifier]:
    for number in CII.all(party, "ram:GlobalID", "ram:ID"):
        scheme = number.attributes.get("schemeID", "")
        yield named_identifier(scheme, text_of(number), country)
    for number in CII.all(party, "ram:SpecifiedLegalOrganization/ram:ID"):
        scheme = number.attributes.get("schemeID", "")
        yield register_identifier(scheme, text_of(number), country)
    for number in CII.all(party, "ram:SpecifiedTaxRegistration/ram:ID"):
        code = number.attributes.get("schemeID", "")
        yield tax_identifier(_TAXES.get(code, code), text_of(number), country)


def _accounts(root: Element) -> Iterator[Account]:
    bank = "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"
    for means in CII.all(root, _MEANS):
        bic = CII.text(means, bank)
        for account in CII.all(means, "ram:PayeePartyCreditorFinancialAccount"):
            iban = CII.text(account, "ram:IBANID")
            local = CII.text(account, "ram:ProprietaryID")
            number = account_identifier("IBAN" if iban else "", iban or local)
            name = CII.text(account, "ram:AccountName")
            if number.value:
                yield Account(number, bic, name)


CII: Final = Syntax(
    name="cii",
    namespaces={
        "ram": f"{_STANDARD}ReusableAggregateBusinessInformationEntity:100",
        "rsm": f"{_STANDARD}CrossIndustryInvoice:100",
        "udt": f"{_STANDARD}UnqualifiedDataType:100",
    },
    root="rsm:CrossIndustryInvoice",
    kept=(_DOCUMENT, _SELLER, _BUYER, _PAYEE, _CURRENCY, _TERMS, _MEANS, _SUMS),
    single=(_DOCUMENT, _TRADE),
    fields={
        "type_code": f"{_DOCUMENT}/ram:TypeCode",
        "number": f"{_DOCUMENT}/ram:ID",
        "issue_date": f"{_DOCUMENT}/ram:IssueDateTime/udt:DateTimeString",
        "currency": _CURRENCY,
        "sums": _SUMS,
        "payable": "ram:DuePayableAmount",
        "total": "ram:GrandTotalAmount",
        "prepaid": "ram:TotalPrepaidAmount",
        "rounding": "ram:RoundingAmount",
        "seller": _SELLER,
        "buyer": _BUYER,
        "payee": _PAYEE,
        "country": "ram:PostalTradeAddress/ram:CountryID",
    },
    lists={
        "due": (f"{_TERMS}/ram:DueDateDateTime/udt:DateTimeString",),
        "means": (f"{_MEANS}/ram:TypeCode",),
        "names": ("ram:Name", "ram:SpecifiedLegalOrganization/ram:TradingBusinessName"),
        "notes": (
            f"{_DOCUMENT}/ram:IncludedNote/ram:Content",
            f"{_TERMS}/ram:Description",
        ),
    },
    read_date=_read_date,
    identifiers=_identifiers,
    accounts=_accounts,
)
