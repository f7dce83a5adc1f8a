"""``allonge calendar``: which days are business days, as the ledger has it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import click

from cli.command import argument, signs
from cli.forms import read_form
from cli.lookup import Lookup
from cli.session import Session, with_node
from cli.signing.screen import show_moment
from cli.tables import print_list, table
from cli.terminal import json_option, print_facts, print_json, print_text
from cli.typed import MEMBER, Argument, option
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

WEEKDAYS: Final = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
SPAN: Final = ".."
# Like a Chinese year with its moved workdays; the official notice is what counts.
EXAMPLE: Final = """\
calendar = "default"
weekend = ["saturday", "sunday"]

[[years]]
year = 2026
holidays = [
  "2026-01-01..2026-01-03",
  "2026-02-15..2026-02-23",
  "2026-04-04..2026-04-06",
  "2026-05-01..2026-05-05",
  "2026-06-19..2026-06-21",
  "2026-09-25..2026-09-27",
  "2026-10-01..2026-10-07",
]
workdays = [
  "2026-01-04", "2026-02-14", "2026-02-28",
  "2026-05-09", "2026-09-20", "2026-10-10",
]
"""


@click.group("calendar")
def calendar() -> None:
    """Publish and show business calendars."""


@calendar.command("publish")
@argument("file", Argument("FILE", lambda text: read_calendar(Path(text))))
@option("--guardian", MEMBER, "Signs too.", required=True)
@signs("calendar.publish")
def publish(lookup: Lookup, file: JSONObject, guardian: JSONObject) -> JSONObject:
    """Publish years of a calendar from a TOML or JSON FILE, as operator.

    FILE has weekend (names of weekdays), [[years]] with year, holidays and
    workdays (dates, or first..last), and calendar, "default" if left out. A
    lender or regulator of another group signs too (--prepare). What was
    published decides due dates that are more than 30 days ahead.
    """
    return {**file, "guardian": guardian, "operator": lookup.own}


def read_calendar(path: Path) -> JSONObject:
    """Return the calendar of a file as the ledger takes it.

    Raises:
        LedgerError: those of ``read_form``; ``bad_calendar_file``.
    """
    given = read_form(path, "bad_calendar_file")
    try:
        return {
            "calendar": str(given.get("calendar", "default")),
            "weekend": sorted(WEEKDAYS.index(day) for day in given["weekend"]),
            "years": [_read_year(row) for row in given["years"]],
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LedgerError("bad_calendar_file", path=path) from error


def _read_year(row: dict[str, Any]) -> JSONObject:
    return {
        "holidays": _read_days(row.get("holidays", [])),
        "workdays": _read_days(row.get("workdays", [])),
        "year": int(row["year"]),
    }


def _read_days(texts: list[str]) -> list[str]:
    days: list[str] = []
    for text in texts:
        first, _, last = str(text).partition(SPAN)
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            days.append(day.isoformat())
            day += timedelta(days=1)
    return sorted(days)


@calendar.command("show")
@click.argument("name", required=False)
@with_node
def show(session: Session, name: str | None) -> None:
    """Show the versions of all calendars, or the days of the latest of one."""
    rows = list(session.client.items("/v1/calendars"))
    if name is not None:
        rows = [row for row in rows if row["calendar"] == name][-1:]
        if not rows:
            raise LedgerError("not_found", found=name[:40])
    if name is None or session.as_json:
        columns = table(
            "calendar | version | published through=through | since:moment=from_time"
        )
        print_list(session, columns, rows)
        return
    days = [WEEKDAYS[day] for day in rows[0]["weekend"]]
    print_facts(
        {
            "calendar": rows[0]["id"],
            "published through": rows[0]["through"],
            "since": show_moment(rows[0]["from_time"]),
            "weekend": ", ".join(days) or "none",
            "holidays": " ".join(rows[0]["holidays"]) or "none",
            "workdays": " ".join(rows[0]["workdays"]) or "none",
            "after that": "weekends alone count, and dates are provisional",
        }
    )


@calendar.command("example")
@json_option
def example(*, as_json: bool) -> None:
    """Print a file of business days to start from, with moved workdays."""
    if as_json:
        print_json({"text": EXAMPLE})
        return
    for line in EXAMPLE.splitlines():
        print_text(line)
