"""Late receivables, recomputed from single records: interest and states.

What units earned while they were late follows from the lines that retired
them and the value dates of the money; a state follows from what is owed and
from the last day that the attester has closed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from ledger.dealcheck import Records
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.sweepcheck import PPM, late_days

JUDGED: Final = ("overdue", "default", "recovering")
DEFAULTED: Final = ("default", "recovering")


class Terms(NamedTuple):
    """What a receivable is judged by."""

    programme: JSONObject
    closed_date: str


def check_late(books: Records) -> int:
    """I2, I8, I11: accumulators are those of the lines, states those of the sums.

    Returns:
        How many receivables have ever been live.

    Raises:
        LedgerError: ``books_wrong``, naming the receivable.
    """
    programmes = {record["id"]: record for record in books["programme"]}
    closed = {record["id"]: record["closed_date"] for record in books["account"]}
    dates = {record["id"]: record["value_date"] for record in books["receipt"]}
    groups = _sum_groups(books)
    earned: dict[str, int] = defaultdict(int)
    receivables = {record["id"]: record for record in books["receivable"]}
    for line in books["line"]:
        if "deal" not in line:
            record = receivables[line["receivable"]]
            terms = programmes[record["programme"]]
            units = line["principal_minor"] - line["reversed_principal_minor"]
            days = late_days(terms, record, dates[line["receipt"]])
            earned[record["id"]] += units * terms["late_ppm"] * days
    checked = 0
    for item, record in receivables.items():
        if not any(record[f"{s}_minor"] for s in ("live", "retired", "reduced")):
            continue
        checked += 1
        waived = record.get("interest_waived_minor", 0)
        found = (int(record["retired_accumulator"]), waived)
        _compare("I8", item, (earned[item], groups[item][1]), found)
        _compare("I8", item, groups[item][0], found[0])
        terms = programmes[record["programme"]]
        _check_state(record, Terms(terms, closed[record["account"]]))
    return checked


def _sum_groups(books: Records) -> dict[str, tuple[int, int]]:
    """Return accumulators and waived interest of each receivable's groups."""
    sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for record in books["interest"]:
        earned, waived = sums[record["scope"]]
        earned += int(record["accumulator"])
        sums[record["scope"]] = (earned, waived + record.get("waived_minor", 0))
    return sums


def _check_state(record: JSONObject, terms: Terms) -> None:
    item, state = record["id"], record["state"]
    if "sweep" in record:
        return  # it is judged when the distribution has ended
    if state == "settled":
        base = 365 if terms.programme["late_basis"] == "act365f" else 360
        exact, whole = int(record["retired_accumulator"]), PPM * base
        left = (2 * exact + whole) // (2 * whole) - record["interest_paid_minor"]
        left -= record.get("interest_waived_minor", 0)
        _compare("I11", item, (0, 0), (record["live_minor"], max(0, left)))
    if state == "live":
        _compare("I11", item, 0, record["retired_minor"])
    late = state in JUDGED
    if state in ("live", "part_paid", *JUDGED):
        _compare("I11", item, late, "overdue_date" in record)
        _compare("I11", item, state in DEFAULTED, "default_date" in record)
    if late and terms.closed_date < record["adjusted_date"]:
        raise _wrong(item, "its due day closed", terms.closed_date)
    if state in DEFAULTED:
        grace = {**terms.programme, "late_from": "grace"}
        if not late_days(grace, record, terms.closed_date):
            raise _wrong(item, "its days of grace over", terms.closed_date)


def _wrong(item: str, expected: object, found: object) -> LedgerError:
    return LedgerError(
        "books_wrong", expected=expected, found=found, invariant="I11", record=item
    )


def _compare(name: str, item: str, expected: object, found: object) -> None:
    if expected != found:
        raise LedgerError(
            "books_wrong", expected=expected, found=found, invariant=name, record=item
        )
