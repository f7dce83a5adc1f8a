"""Whether an invoice is the one that is meant: its parties, its account, itself.

An invoice names its parties by numbers of others, the ledger by members who
have shown theirs. They are compared by scheme and normalised value; names
decide nothing. An account that is not the one to pay to is a warning: invoices
are altered on their way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.formats.identifiers import (
    UNNAMED,
    compact_number,
    is_same_number,
    named_identifier,
)
from cli.formats.invoices import Invoice
from cli.lookup import Lookup
from cli.wallet.cards import Cards
from ledger.errors import LedgerError

Row = Mapping[str, Any]


def are_parties(terms: Row) -> bool:
    """Tell whether the parties in the terms of a draft can be compared.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is of another form.
    """
    rows = [terms[role] for role in ("creditor", "debtor", "payee") if role in terms]
    texts = [row[name] for row in rows for name in ("name", "country")]
    numbers = [each for row in rows for each in row["identifiers"]]
    numbers += terms["pay_to"]
    texts += [each[name] for each in numbers for name in ("scheme", "value")]
    roles = "creditor" in terms and "debtor" in terms
    return roles and all(isinstance(text, str) for text in texts)


def draft_parties(terms: Row) -> dict[str, Any]:
    """Return who is owed and who owes by a draft, by their roles in it."""
    # A payee who is not the seller has the claim already: it is its own.
    role = "payee" if "payee" in terms else "creditor"
    return {role: terms[role], "debtor": terms["debtor"]}


def check_parties(
    lookup: Lookup, parties: Mapping[str, Any], supplier: str, debtor: str
) -> None:
    """Refuse a draft whose parties are others; warn where nothing tells.

    Args:
        lookup: where members are read.
        parties: of the draft by role, those of ``draft_parties``.
        supplier: id of the member who is owed.
        debtor: id of the member who owes.

    Raises:
        LedgerError: ``parties_differ``.
    """
    for role, party in parties.items():
        _check_party(lookup, role, party, debtor if role == "debtor" else supplier)


def _check_party(lookup: Lookup, role: str, party: Row, item: str) -> None:
    stated = _numbers(party["identifiers"], party["country"])
    known = _numbers(lookup.members().get(item, {}).get("identifiers", []), "")
    if not stated:
        lookup.warn(
            f"the invoice names its {role}, {party['name']}, by no identifier under "
            f"a named scheme; nothing shows that it is {lookup.name_of(item)}."
        )
    elif not set(stated) & set(known):
        raise LedgerError(
            "parties_differ",
            expected=f"{role} {lookup.name_of(item)}, {_line(known)}",
            found=f"{party['name']}, {_line(stated)}",
        )


def _numbers(rows: Sequence[Row], country: str) -> list[tuple[str, str]]:
    """Return schemes and values in one spelling, without unnamed schemes."""
    found = []
    for row in rows:
        number = named_identifier(row["scheme"], row["value"], country)
        value = compact_number(number.value)
        if number.scheme == "VAT" and not value[:2].isalpha():
            value = country + value
        if number.scheme.lower() != UNNAMED:
            found.append((number.scheme, value))
    return found


def _line(numbers: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{scheme} {value}" for scheme, value in numbers) or "no number"


def warn_of_account(
    lookup: Lookup, accounts: Iterable[Row], programme: Row, supplier: str
) -> None:
    """Warn on the screen of an account that is not paid to.

    The debtor pays to the collection account of its programme alone; the wallet
    knows its number from a card that hashes to what the programme pins.

    Args:
        lookup: where members are read.
        accounts: those that the invoice asks to be paid to.
        programme: its record.
        supplier: id of the member whose invoice it is.
    """
    cards = Cards(lookup.session)
    # Terms that an older rule made pin no number.
    pinned = programme.get("collects", {"commitment": "", "owner": ""})
    owner = lookup.name_of(str(pinned["owner"]))
    card = cards.find(str(pinned["commitment"]))
    number = str(card.get("number", ""))
    others = [
        str(each["value"])
        for each in accounts
        if not card or not is_same_number(str(each["value"]), number)
    ]
    if not others:
        return
    owners = {cards.owners().get(compact_number(each), "") for each in others}
    asked = f"The invoice asks to be paid to {', '.join(others)}"
    if owners == {supplier}:
        text = f"{asked}, the seller's own account: after confirmation only {owner}'s"
        text += f" account {number} counts." if card else " collection account counts."
    elif card:
        text = (
            f"{asked}, NOT to {number} of {owner}, where this programme is paid. "
            "So do invoices that were altered: ask the seller by a way you know."
        )
    else:
        text = (
            f"{asked}; whether that is where this programme is paid is not known "
            f"here. Ask {owner} for the account's card: allonge bank card -o FILE"
        )
    lookup.warn(text)


def check_invoice(found: Row, invoice: Invoice) -> None:
    """Return if an invoice file is the one that a receivable draws on.

    Raises:
        LedgerError: ``other_invoice``, naming the first thing that differs.
    """
    numbers = {_spelled(use["number"]): use for use in found["invoices"]}
    use = numbers.get(_spelled(invoice.number))
    if use is None:
        raise LedgerError(
            "other_invoice", expected=" or ".join(numbers), found=invoice.number
        )
    for name, expected, stated in (
        ("issue date", use["issue_date"], invoice.issue_date),
        ("amount", use["amount_minor"], invoice.face_minor),
        ("currency", found["currency"], invoice.currency),
        ("SHA-256", found.get("document"), invoice.document_sha256),
    ):
        if expected is not None and stated != expected:
            raise LedgerError(
                "other_invoice", expected=f"{name} {expected}", found=f"{name} {stated}"
            )


def _spelled(number: str) -> str:
    """Return an invoice number as the ledger compares it: no spaces, no case."""
    return "".join(number.split()).upper()
