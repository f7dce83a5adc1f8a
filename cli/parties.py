"""Whether the parties of an invoice are the members who act on it.

An invoice names its parties by numbers of others, the ledger by members who
have shown theirs. They are compared by scheme and normalised value; names
decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.formats.identifiers import UNNAMED, compact_number, named_identifier
from cli.lookup import Lookup
from cli.terminal import print_note
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
        print_note(
            f"Warning: the draft names its {role}, {party['name']}, by no identifier "
            f"under a named scheme; nothing shows that it is {lookup.name_of(item)}."
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
