"""Due dates and exposure, recomputed from calendars, programmes and receivables."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Final

from ledger.books import OWED, Books, compare
from ledger.encoding import INTEGER_MAX, JSONObject

DECIDED_DAYS: Final = 30
STEPS: Final = {"following": 1, "preceding": -1}
MODIFIED: Final = "modified_"


def check_dates(books: Books) -> int:
    """I6: each due date is its nominal date, adjusted by the version that decides.

    Returns:
        How many due dates were adjusted again.

    Raises:
        LedgerError: ``books_wrong``, naming the receivable.
    """
    versions: dict[str, list[JSONObject]] = defaultdict(list)
    for record in books["calendar"]:
        versions[record["calendar"]].append(record)
    dated = [record for record in books["receivable"] if "calendar" in record]
    for record in dated:
        terms = books.programme_of(record)
        known = versions[terms.get("calendar", "default")]
        known.sort(key=lambda row: int(row["version"]))
        decided = decided_ms(record["due_date"], terms["offset_minutes"])
        until = record.get("provisional_until_ms", decided)
        compare("I6", record["id"], decided, until)
        if "provisional_until_ms" in record or terms["convention"] == "none":
            deciding = next(v for v in known if v["id"] == record["calendar"])
        else:
            deciding = version_at(known, decided)
        compare("I6", record["id"], deciding["id"], record["calendar"])
        adjusted = adjust(record["due_date"], terms["convention"], deciding)
        compare("I6", record["id"], adjusted, record["adjusted_date"])
    return len(dated)


def decided_ms(due_date: str, offset_minutes: int) -> int:
    """Return the moment whose version of the calendar decides a date."""
    return midnight_ms(due_date, -DECIDED_DAYS, offset_minutes)


def midnight_ms(day: str, days: int, offset_minutes: int) -> int:
    """Return when a day in a zone begins that is so many days after another."""
    span = date.fromisoformat(day) - date(1970, 1, 1) + timedelta(days=days)
    return (span - timedelta(minutes=offset_minutes)) // timedelta(milliseconds=1)


def version_at(versions: list[JSONObject], moment_ms: int) -> JSONObject:
    """Return the version in force at a moment; before the first, the first."""
    found = versions[0]
    for version in versions:
        if version["from_time"] <= moment_ms:
            found = version
    return found


def adjust(nominal: str, convention: str, calendar: JSONObject) -> str:
    """Return the business day that a nominal date becomes."""
    if convention == "none":
        return nominal
    step = STEPS[convention.removeprefix(MODIFIED)]
    found = _nearest(nominal, step, calendar)
    if convention.startswith(MODIFIED) and found[:7] != nominal[:7]:
        return _nearest(nominal, -step, calendar)
    return found


def _nearest(nominal: str, step: int, calendar: JSONObject) -> str:
    day = date.fromisoformat(nominal)
    while not _is_open(day, calendar):
        day += timedelta(days=step)
    return day.isoformat()


def _is_open(day: date, calendar: JSONObject) -> bool:
    text = day.isoformat()
    if text <= calendar["through"]:
        if text in calendar["workdays"]:
            return True
        if text in calendar["holidays"]:
            return False
    return day.weekday() not in calendar["weekend"]


def own_receivables(books: Books) -> set[str]:
    """Return what is paid to an account that its debtor's own group has."""
    groups = {row["id"]: row.get("group", row["id"]) for row in books["member"]}
    owners = {row["id"]: groups[row["owner"]] for row in books["account"]}
    return {
        item
        for item, record in books.receivables.items()
        if owners[record["account"]] == groups[record["debtor"]]
    }


def check_exposure(books: Books) -> int:
    """I13: what is owed under each programme, and by each debtor in a currency.

    What such an account received is, until the debtor is discharged.

    Returns:
        How many sums there are.

    Raises:
        LedgerError: ``books_wrong``, naming the sum.
    """
    owed: dict[str, int] = defaultdict(int)
    own = own_receivables(books)
    for item, record in books.receivables.items():
        if record["state"] in OWED:
            owes = record["live_minor"] + record["retired_minor"] * (item in own)
            owed[record["programme"]] += owes
            owed[f"{record['debtor']}/{record['currency']}"] += owes
    terms = books.by_id("programme")
    for record in books["exposure"]:
        compare("I13", record["id"], owed.pop(record["id"], 0), record["used_minor"])
        for row in record.get("limits", []):
            limit = terms[row["programme"]].get("debtor_max_minor", INTEGER_MAX)
            compare("I13", record["id"], limit, row["max_minor"])
    for item, total in owed.items():
        compare("I13", item, 0, total)
    return len(books["exposure"])
