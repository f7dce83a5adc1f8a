"""A small UBL 2.1 invoice with one line, for the demo and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from cli.amounts import format_amount, parse_amount

_SCHEMA: Final = "urn:oasis:names:specification:ubl:schema:xsd:"

_DOCUMENT: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="{schema}Invoice-2"
    xmlns:cac="{schema}CommonAggregateComponents-2"
    xmlns:cbc="{schema}CommonBasicComponents-2">
  <cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
  <cbc:ID>{number}</cbc:ID>
  <cbc:IssueDate>{issue_date}</cbc:IssueDate>
  <cbc:DueDate>{due_date}</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty>{seller}</cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty>{buyer}</cac:AccountingCustomerParty>
  <cac:TaxTotal>
    <cbc:TaxAmount currencyID="{currency}">0</cbc:TaxAmount>
  </cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="{currency}">{major}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="{currency}">{major}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="{currency}">{major}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="{currency}">{major}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  <cac:InvoiceLine>
    <cbc:ID>1</cbc:ID>
    <cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="{currency}">{major}</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>Goods as ordered</cbc:Name></cac:Item>
    <cac:Price>
      <cbc:PriceAmount currencyID="{currency}">{major}</cbc:PriceAmount>
    </cac:Price>
  </cac:InvoiceLine>
</Invoice>
"""

_PARTY: Final = """
    <cac:Party>{identifier}
      <cac:PostalAddress>
        <cac:Country>
          <cbc:IdentificationCode>{country}</cbc:IdentificationCode>
        </cac:Country>
      </cac:PostalAddress>
      <cac:PartyLegalEntity>
        <cbc:RegistrationName>{name}</cbc:RegistrationName>
      </cac:PartyLegalEntity>
    </cac:Party>
  """

_IDENTIFIER: Final = """
      <cac:PartyIdentification>
        <cbc:ID schemeID={scheme}>{value}</cbc:ID>
      </cac:PartyIdentification>"""


def write_sample_invoice(  # noqa: PLR0913 - one argument a field of the form
    path: Path,
    *,
    number: str,
    issue_date: str,
    due_date: str,
    amount: str,
    currency: str,
    seller: Mapping[str, str],
    buyer: Mapping[str, str],
) -> None:
    """Write an invoice that ``allonge draft`` reads back as given.

    Args:
        path: the file to write, overwritten if it exists.
        number: of the invoice.
        issue_date: ``YYYY-MM-DD``.
        due_date: ``YYYY-MM-DD``.
        amount: major units with a decimal point, as ``40000.00``.
        currency: ISO 4217 code.
        seller: ``name``, and if known ``country``, ``scheme`` and ``value``.
        buyer: as the seller.

    Raises:
        LedgerError: the amount is none of that currency.
    """
    amount_minor, _ = parse_amount(f"{currency} {amount}")
    text = _DOCUMENT.format(
        schema=_SCHEMA,
        number=escape(number),
        issue_date=escape(issue_date),
        due_date=escape(due_date),
        currency=currency,
        major=format_amount(amount_minor, currency).removeprefix(f"{currency} "),
        seller=_party(seller),
        buyer=_party(buyer),
    )
    path.write_text(text, encoding="utf-8")


def _party(party: Mapping[str, str]) -> str:
    identifier = ""
    if party.get("value"):
        scheme = quoteattr(party.get("scheme", ""))
        identifier = _IDENTIFIER.format(scheme=scheme, value=escape(party["value"]))
    return _PARTY.format(
        identifier=identifier,
        country=escape(party.get("country", "")),
        name=escape(party["name"]),
    )
