"""Business calendars: governed data, in versions that no upgrade can move.

A version is a whole calendar. What is published replaces single years of the
version before; a reader takes the one that was in force at its moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from ledger.authority import Signer
from ledger.context import Context
from ledger.encoding import INTEGER_MAX, JSONObject
from ledger.errors import LedgerError
from ledger.forms import Action, Form, Hash, Word, sign_guarded

DEFAULT: Final = "default"
YEARS_MAX: Final = 8
# The longest public closures last a fortnight.
CLOSED_DAYS_MAX: Final = 31
VERSIONS_MAX: Final = 999_999

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Year(Form):
    """The days of one year that are not what their weekday says."""

    holidays: Annotated[list[Day], Field(max_length=120)]
    workdays: Annotated[list[Day], Field(max_length=60)]
    year: Annotated[int, Field(ge=1970, le=9998)]


class Publish(Form):
    """``calendar.publish``: years of a calendar, new ones or better ones."""

    calendar: Word
    guardian: Hash
    operator: Hash
    weekend: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(max_length=3)]
    years: Annotated[list[Year], Field(min_length=1, max_length=YEARS_MAX)]


def index_calendars(record: JSONObject) -> list[tuple[str, str, str]]:
    """List versions of a calendar, the latest first, and all of all."""
    name, version = record["calendar"], record["version"]
    latest = f"{INTEGER_MAX - record['from_time']:016d}/{VERSIONS_MAX - version:06d}"
    return [("calendars", name, latest), ("all", "calendar", f"{name}/{version:06d}")]


def make_version(
    name: str, version: int, from_time: int, days: Mapping[str, Any]
) -> JSONObject:
    """Return the record of a version of a calendar."""
    kept = {part: days[part] for part in ("holidays", "through", "weekend", "workdays")}
    return {
        **kept,
        "calendar": name,
        "from_time": from_time,
        "id": f"{name}.{version}",
        "kind": "calendar",
        "version": version,
    }


def _unusable(expected: str, found: object) -> LedgerError:
    return LedgerError("calendar_unusable", expected=expected, found=found)


def _days_of(texts: Sequence[str], year: int) -> list[date]:
    try:
        days = [date.fromisoformat(text) for text in texts]
    except ValueError as error:
        raise _unusable("dates of the calendar", year) from error
    if days != sorted(set(days)) or any(day.year != year for day in days):
        raise _unusable(f"dates of {year} in order, each once", year)
    return days


def check_year(given: Year, weekend: Sequence[int]) -> None:
    """Return if a year can be used with a weekend.

    Raises:
        LedgerError: ``calendar_unusable``.
    """
    holidays = frozenset(_days_of(given.holidays, given.year))
    workdays = frozenset(_days_of(given.workdays, given.year))
    if holidays & workdays or any(d.weekday() not in weekend for d in workdays):
        raise _unusable("workdays on weekends that are no holidays", given.year)
    day, closed = date(given.year, 1, 1), 0
    while day.year == given.year:
        open_ = day in workdays or not (day in holidays or day.weekday() in weekend)
        closed = 0 if open_ else closed + 1
        if closed > CLOSED_DAYS_MAX:
            raise _unusable(f"at most {CLOSED_DAYS_MAX} closed days in a row", day)
        day += timedelta(days=1)


def _sign_publish(ctx: Context, body: Publish) -> list[Signer]:
    return sign_guarded(ctx, body.operator, body.guardian)


def _publish(ctx: Context, body: Publish) -> None:
    if body.weekend != sorted(set(body.weekend)):
        raise _unusable("weekdays in order, each once", body.weekend)
    years = [row.year for row in body.years]
    if years != list(range(years[0], years[0] + len(years))):
        raise _unusable("years that follow each other", years)
    for row in body.years:
        check_year(row, body.weekend)
    known = next(iter(ctx.scan("calendars", body.calendar, limit=1)), None)
    last = years[0] - 1
    if known is not None:
        through = known["through"]
        last = int(through[:4]) if through.endswith("-12-31") else int(through[:4]) - 1
    if years[0] > last + 1:
        raise _unusable(f"the year {last + 1} first", years[0])
    days: dict[str, Any] = {"weekend": body.weekend}
    for part in ("holidays", "workdays"):
        kept = [] if known is None else known[part]
        other = [day for day in kept if int(day[:4]) not in years]
        new = [day for row in body.years for day in getattr(row, part)]
        days[part] = sorted([*other, *new])
    days["through"] = f"{max(last, years[-1])}-12-31"
    version = 1 if known is None else known["version"] + 1
    ctx.create(make_version(body.calendar, version, ctx.time, days))
    ctx.emit("calendar_published", calendar=f"{body.calendar}.{version}")


ACTIONS: Final = (Action("calendar.publish", Publish, _sign_publish, _publish),)
