"""A small UBL 2.1 invoice with one line, for the demo and for tests.

The file of the same name beside this one is its form.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from cli.amounts import format_amount, parse_amount

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
    form = Path(__file__).with_suffix(".xml").read_text("utf-8")
    text = form.format(
        number=escape(number),
        issue_date=escape(issue_date),
        due_date=escape(due_date),
        currency=currency,
        major=format_amount(amount_minor, currency).removeprefix(f"{currency} "),
        seller=_party(seller),
        buyer=_party(buyer),
    )
    path.write_text(text, encoding="utf-8")


def _party(party: Mapping[str, str]) -> dict[str, str]:
    texts = {"country": "", **{name: escape(party[name]) for name in party}}
    if not party.get("value"):
        return {**texts, "identifier": ""}
    scheme = quoteattr(party.get("scheme", ""))
    number = _IDENTIFIER.format(scheme=scheme, value=texts["value"])
    return {**texts, "identifier": number}
