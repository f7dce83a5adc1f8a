"""All records of a state by kind, sums over them, and what is said of a wrong one.

The checks of whole states and of blocks (``*check.py``) share this and nothing
with the rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Final

from ledger.encoding import JSONObject, load_record
from ledger.errors import LedgerError

UNIT_STATES: Final = ("live", "retired", "reduced")
UNIT_SUMS: Final = tuple(f"{state}_minor" for state in UNIT_STATES)
# Of receivables: their debtor owes; it owes and its due day has passed.
LATE: Final = ("overdue", "default", "recovering")
OWED: Final = ("live", "part_paid", *LATE)
# Of payouts: no bank was told.
UNSENT: Final = ("due", "small", "held")

Sums = Counter[str]
Table = dict[str, JSONObject]


class Books:
    """All records of a state.

    Attributes:
        records: by kind.
        receivables: by id.
        tiles: by receivable, in order.
    """

    def __init__(self, stored: Iterable[bytes]) -> None:
        """Take the canonical bytes of all records."""
        self.records: dict[str, list[JSONObject]] = defaultdict(list)
        for raw in stored:
            record = load_record(raw)
            self.records[record["kind"]].append(record)
        self._tables: dict[str, Table] = {}
        self.receivables = self.by_id("receivable")
        self.tiles: dict[str, list[JSONObject]] = defaultdict(list)
        for tile in self.records["tile"]:
            self.tiles[tile["scope"]].append(tile)
        for tiles in self.tiles.values():
            tiles.sort(key=lambda tile: int(tile["lo"]))

    def __getitem__(self, kind: str) -> list[JSONObject]:
        """Return the records of a kind."""
        return self.records.get(kind, [])

    def by_id(self, kind: str) -> Table:
        """Return the records of an unscoped kind by their ids."""
        if kind not in self._tables:
            self._tables[kind] = {record["id"]: record for record in self[kind]}
        return self._tables[kind]

    def programme_of(self, receivable: JSONObject) -> JSONObject:
        """Return the terms that a receivable is under."""
        return self.by_id("programme")[receivable["programme"]]


# A field, or what to ask of a record instead.
Asked = str | Callable[[JSONObject], Any]


def sum_by(
    records: Iterable[JSONObject], key: Asked, amount: Asked = "amount_minor"
) -> Sums:
    """Return sums of what records say, by what they say."""
    name = itemgetter(key) if isinstance(key, str) else key
    count = itemgetter(amount) if isinstance(amount, str) else amount
    sums: Sums = Counter()
    for record in records:
        sums[name(record)] += count(record)
    return sums


def was_live(receivable: JSONObject) -> bool:
    """Say whether a receivable has units, or had some."""
    return any(receivable.get(name) for name in UNIT_SUMS)


def goes_live(was: JSONObject, now: JSONObject) -> bool:
    """Say whether a receivable got its first units from one record to the other."""
    return was_live(now) and not was_live(was)


def normal_number(number: str) -> str:
    """Return an invoice number as identities compare it."""
    return "".join(
        char.upper() if char.isascii() else char for char in number if char != " "
    )


def line_paid(line: JSONObject) -> int:
    """Return what a line was paid, before anything was taken back."""
    return int(line["principal_minor"] + line["interest_minor"])


def line_back(line: JSONObject) -> int:
    """Return what was taken back of a line."""
    return int(line["reversed_principal_minor"] + line["reversed_interest_minor"])


def line_net(line: JSONObject) -> int:
    """Return what a line was paid and nobody took back."""
    return line_paid(line) - line_back(line)


def line_name(line: JSONObject) -> str:
    """Return what a claim on the payee of a line is called."""
    return f"{line['receivable']}/{line['holder']}"


def wrong(name: str, item: object, expected: object, found: object) -> LedgerError:
    """Return the finding that a record breaks an invariant."""
    return LedgerError(
        "books_wrong", expected=expected, found=found, invariant=name, record=item
    )


def compare(name: str, item: object, expected: object, found: object) -> None:
    """Accept a record in which what is found is as expected.

    Raises:
        LedgerError: ``books_wrong``.
    """
    if expected != found:
        raise wrong(name, item, expected, found)
