"""A record as people read it: its fields by the labels of the signing screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cli.amounts import format_amount
from cli.people import FULL, MEMBERS, NAMED_KINDS, name_id
from cli.signing.lines import label_of, read_words
from cli.signing.screen import show_minute, show_offset, show_rate
from ledger.encoding import JSONObject

# What people look for first; all else follows as the record has it.
FIRST: Final = (
    *("id", "name", "state", "status", "debtor", "supplier", "giver", "receiver"),
    *("seller", "buyer", "lender", "payer", "payee", "receivable", "face_minor"),
    *("live_minor", "amount_minor", "price_minor", "due_date", "adjusted_date"),
)
UNITS: Final[dict[str, Callable[[int], str]]] = {
    "days": "{} days".format,
    "minutes": show_offset,
    "ms": show_minute,
    "ppm": show_rate,
}


def describe_record(lookup: Any, record: JSONObject) -> dict[str, object]:
    """Return a record's fields by label, those first that people look for.

    What only a machine needs is left out, and amounts of nothing.
    """
    currency = record.get("currency", "")
    for kind in ("account", "receivable"):
        if not currency and isinstance(record.get(kind), str):
            currency = lookup.record(kind, record[kind]).get("currency", "")
    place = {name: number for number, name in enumerate(FIRST)}
    names = sorted(record, key=lambda name: place.get(name, len(FIRST)))
    told = {n: record[n] for n in names if record[n] or not n.endswith("_minor")}
    return _describe(lookup, told, record["kind"], currency)


def _describe(
    lookup: Any, fields: JSONObject, kind: str, currency: str
) -> dict[str, object]:
    facts: dict[str, object] = {}
    for name, value in fields.items():
        label = label_of(kind, name)
        if label in facts:
            label = name.replace("_", " ")
        if label and value not in ("", [], {}):
            own = f"{kind}s" if name == "id" else name
            facts[label] = _show(lookup, own, value, kind, currency)
    return facts


def _show(lookup: Any, name: str, value: Any, kind: str, currency: str) -> object:
    if isinstance(value, dict):
        # What is within has no kind of its own.
        inner = _describe(lookup, value, "", value.get("currency", currency))
        return ", ".join(f"{label} {text}" for label, text in inner.items())
    if isinstance(value, list):
        shown = [str(_show(lookup, name, item, kind, currency)) for item in value]
        return "; ".join(shown)
    if type(value) is str and FULL.fullmatch(value):
        return _show_id(lookup, name, value)
    if type(value) is bool:
        value = read_words(name).get(value, "yes" if value else "no")
    if type(value) is int:
        return _show_number(name, value, currency)
    return read_words(name).get(value, value)


def _show_number(name: str, value: int, currency: str) -> object:
    unit = name.rpartition("_")[2]
    if unit in UNITS:
        return UNITS[unit](value)
    is_amount = unit in ("minor", "lo", "hi")
    return format_amount(value, currency) if currency and is_amount else value


def _show_id(lookup: Any, name: str, value: str) -> str:
    single = name.removesuffix("s")
    if name in MEMBERS or (single in MEMBERS and single != "member"):
        return f"{lookup.name_of(value)} {name_id('member', value)}"
    return name_id(single, value) if single in NAMED_KINDS else value
