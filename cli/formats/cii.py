"""The fields of a UN/CEFACT Cross Industry Invoice (D16B)."""

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

_STANDARD: Final = "urn:un:unece:uncefact:data:standard:"
_ROOT_NAMESPACE: Final = f"{_STANDARD}CrossIndustryInvoice:100"
CII_ROOT: Final = f"{{{_ROOT_NAMESPACE}}}CrossIndustryInvoice"
_COMPACT_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_TAXES: Final = {"VA": "VAT"}


def _rsm(name: str) -> str:
    return f"{{{_ROOT_NAMESPACE}}}{name}"


def _ram(name: str) -> str:
    return f"{{{_STANDARD}ReusableAggregateBusinessInformationEntity:100}}{name}"


_DATE: Final = f"{{{_STANDARD}UnqualifiedDataType:100}}DateTimeString"
_DOCUMENT: Final = _rsm("ExchangedDocument")
_TRADE: Final = _rsm("SupplyChainTradeTransaction")
_AGREEMENT: Final = _ram("ApplicableHeaderTradeAgreement")
_SETTLEMENT: Final = _ram("ApplicableHeaderTradeSettlement")
_SELLER: Final = _ram("SellerTradeParty")
_BUYER: Final = _ram("BuyerTradeParty")
_PAYEE: Final = _ram("PayeeTradeParty")
_CURRENCY: Final = _ram("InvoiceCurrencyCode")
_TERMS: Final = _ram("SpecifiedTradePaymentTerms")
_MEANS: Final = _ram("SpecifiedTradeSettlementPaymentMeans")
_SUMMATION: Final = _ram("SpecifiedTradeSettlementHeaderMonetarySummation")
_ID: Final = _ram("ID")

CII_PLAN: Final[Plan] = {
    _DOCUMENT: True,
    _TRADE: {
        _AGREEMENT: {_SELLER: True, _BUYER: True},
        _SETTLEMENT: {
            _PAYEE: True,
            _CURRENCY: True,
            _TERMS: True,
            _MEANS: True,
            _SUMMATION: True,
        },
    },
}


def read_cii(root: Element) -> Statement:
    """Return what a Cross Industry Invoice states.

    Raises:
        LedgerError: ``invoice_field_repeated`` or ``bad_invoice_field``.
    """
    only(root, _DOCUMENT)
    only(root, _TRADE)
    settlement = (_TRADE, _SETTLEMENT)
    total = only(root, *settlement, _SUMMATION)
    payee = only(root, *settlement, _PAYEE)
    return Statement(
        syntax="cii",
        type_code=only_text(root, _DOCUMENT, _ram("TypeCode")),
        number=only_text(root, _DOCUMENT, _ID),
        issue_date=_date(only(root, _DOCUMENT, _ram("IssueDateTime"), _DATE)),
        due_dates=_due_dates(root),
        currency=only_text(root, *settlement, _CURRENCY),
        payable=only_amount(total, _ram("DuePayableAmount")),
        total=only_amount(total, _ram("GrandTotalAmount")),
        prepaid=only_amount(total, _ram("TotalPrepaidAmount")),
        rounding=only_amount(total, _ram("RoundingAmount")),
        seller=_party(only(root, _TRADE, _AGREEMENT, _SELLER)),
        buyer=_party(only(root, _TRADE, _AGREEMENT, _BUYER)),
        payee=_party(payee) if payee else None,
        accounts=_accounts(root),
        means=tuple(
            text_of(code) for code in root.all(*settlement, _MEANS, _ram("TypeCode"))
        ),
        notes=(
            *note_texts(root, _DOCUMENT, _ram("IncludedNote"), _ram("Content")),
            *note_texts(root, *settlement, _TERMS, _ram("Description")),
        ),
    )


def _date(element: Element | None) -> str:
    # Another format code, as for a month, leaves a text that is no date.
    text = text_of(element)
    match = _COMPACT_DATE.fullmatch(text)
    if element is None or match is None or element.attributes.get("format") != "102":
        return text
    return "-".join(match.groups())


def _due_dates(root: Element) -> tuple[str, ...]:
    path = (_TRADE, _SETTLEMENT, _TERMS, _ram("DueDateDateTime"), _DATE)
    return tuple(dict.fromkeys(text for text in map(_date, root.all(*path)) if text))


def _party(party: Element | None) -> Party:
    if party is None:
        return Party("", "", ())
    country = country_code(
        only_text(party, _ram("PostalTradeAddress"), _ram("CountryID"))
    )
    names = (
        *party.all(_ram("Name")),
        *party.all(_ram("SpecifiedLegalOrganization"), _ram("TradingBusinessName")),
    )
    name = next((text for text in map(text_of, names) if text), "")
    return Party(name, country, tuple(dict.fromkeys(_identifiers(party, country))))


def _identifiers(party: Element, country: str) -> list[Identifier]:
    found = []
    for number in (*party.all(_ram("GlobalID")), *party.all(_ID)):
        scheme = number.attributes.get("schemeID", "")
        found.append(named_identifier(scheme, text_of(number), country))
    for number in party.all(_ram("SpecifiedLegalOrganization"), _ID):
        scheme = number.attributes.get("schemeID", "")
        found.append(register_identifier(scheme, text_of(number), country))
    for number in party.all(_ram("SpecifiedTaxRegistration"), _ID):
        code = number.attributes.get("schemeID", "")
        tax = _TAXES.get(code, code)
        found.append(tax_identifier(tax, text_of(number), country))
    return [each for each in found if each.value]


def _accounts(root: Element) -> tuple[Account, ...]:
    found = []
    for means in root.all(_TRADE, _SETTLEMENT, _MEANS):
        bank = (_ram("PayeeSpecifiedCreditorFinancialInstitution"), _ram("BICID"))
        bic = only_text(means, *bank)
        for account in means.all(_ram("PayeePartyCreditorFinancialAccount")):
            iban = only_text(account, _ram("IBANID"))
            local = only_text(account, _ram("ProprietaryID"))
            number = account_identifier("IBAN" if iban else "", iban or local)
            name = only_text(account, _ram("AccountName"))
            if number.value:
                found.append(Account(number, bic, name))
    return tuple(dict.fromkeys(found))
