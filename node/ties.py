"""Which programme and receivable a thing is of, and the tiles of a receivable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ledger.encoding import JSONObject
from ledger.state import State, read_record
from node.history import History

# Fields that tie a thing to a receivable, and scopes that do.
TIES: Final = (
    *("programme", "receivable", "offer", "deal", "quote", "request", "dispute"),
    *("payto", "misdirected", "line", "discrepancy"),
)
WHOLES: Final = {
    "exposure": "programme",
    "programme": "programme",
    "receivable": "receivable",
}
PARENTS: Final = {
    **dict.fromkeys(("closing", "interest", "tile"), "receivable"),
    "answer": "payto",
}

Thing = Mapping[str, Any]


def find_ties(
    state: State, history: History, thing: Thing
) -> Iterator[tuple[str, str]]:
    """Yield the programmes and receivables that a thing is or names, with kind."""
    kind = thing["kind"]
    fields = thing.get("body", thing.get("content", thing))
    named = [(name, fields[name]) for name in TIES if name in fields and name != kind]
    if kind in PARENTS:
        named.append((PARENTS[kind], thing["scope"]))
    if kind in WHOLES:
        yield WHOLES[kind], thing["id"]
    for name, item in named:
        if not isinstance(item, str):
            continue
        if name in WHOLES.values():
            yield name, item
        found = _find_tied(state, history, name, item)
        if found is not None:
            yield from find_ties(state, history, found)
            return  # whatever else it names is of the same receivable


def _find_tied(state: State, history: History, name: str, item: str) -> Thing | None:
    if name != "offer":
        return read_record(state, name, item)
    made = history.find_transaction(item)  # offers that ended leave no record
    return None if made is None else {"body": made.body, "kind": "transaction"}


def walk_tiles(state: State, receivable: str, lo: int = 0) -> Iterator[JSONObject]:
    """Yield the tiles of a receivable from one that starts at ``lo``."""
    tile = read_record(state, "tile", str(lo), receivable)
    while tile is not None:
        yield tile
        tile = read_record(state, "tile", str(tile["hi"]), receivable)
