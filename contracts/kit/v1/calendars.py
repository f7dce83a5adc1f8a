"""Dates and business days: ISO texts in, ISO texts out, calendars as data.

A date is the text ``YYYY-MM-DD`` everywhere a rule, a record or a signature
meets it; such texts sort as the days do. A calendar is governed data on the
ledger, never a library: an upgrade must not move a due date. There is no time
zone database either: a day begins at 00:00 of a fixed offset from UTC.
"""

from datetime import date
from typing import Final, TypedDict

MS_PER_MINUTE: Final = 60_000
MS_PER_DAY: Final = 86_400_000
EPOCH_ORDINAL: Final = 719_163  # 1970-01-01, counting 0001-01-01 as day 1
ORDINAL_MAX: Final = 3_652_059  # 9999-12-31
OFFSET_MINUTES_MIN: Final = -720
OFFSET_MINUTES_MAX: Final = 840
# The longest public closures last a fortnight. A calendar without a business
# day in this many days is a mistake, not a closure.
CLOSED_DAYS_MAX: Final = 60
CONVENTIONS: Final = (
    "none",
    "following",
    "modified_following",
    "preceding",
    "modified_preceding",
)


class CalendarRefusal(Exception):  # noqa: N818 - rules refuse, they do not err
    """A date or a calendar that cannot be used.

    Attributes:
        code: ``bad_date``, ``bad_offset``, ``bad_calendar``,
            ``unknown_convention`` or ``no_business_day``.
    """

    # How the kernel tells a refusal from a defect.
    is_refusal = True

    def __init__(self, code: str) -> None:
        """Keep the code; results carry codes and never texts."""
        self.code = code


class Calendar(TypedDict):
    """The business days of one place, as published.

    Attributes:
        weekend: weekdays without business, 0 for Monday to 6 for Sunday.
        holidays: dates without business.
        workdays: dates with business though the weekday says no.
        through: the last date that is published; later ones know only weekends.
    """

    weekend: list[int]
    holidays: list[str]
    workdays: list[str]
    through: str


def parse_date(text: str) -> date:
    """Return the day that ``YYYY-MM-DD`` names; no other spelling is one.

    Raises:
        CalendarRefusal: ``bad_date``, another form or no day of the calendar.
    """
    digits = text[0:4] + text[5:7] + text[8:10]
    well_formed = (
        len(text) == 10
        and text[4] == "-"
        and text[7] == "-"
        and digits.isascii()
        and digits.isdigit()
    )
    if not well_formed:
        raise CalendarRefusal("bad_date")
    year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
    if year < 1 or month < 1 or month > 12 or day < 1 or day > _days_in(year, month):
        raise CalendarRefusal("bad_date")
    return date(year, month, day)


def _days_in(year: int, month: int) -> int:
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _ordinal(text: str) -> int:
    return parse_date(text).toordinal()


def _date_of(ordinal: int) -> str:
    if ordinal < 1 or ordinal > ORDINAL_MAX:
        raise CalendarRefusal("bad_date")
    return date.fromordinal(ordinal).isoformat()


def add_days(start_date: str, days: int) -> str:
    """Return the date so many calendar days later, or earlier if negative.

    Raises:
        CalendarRefusal: ``bad_date``, also for a result outside years 1 to 9999.
    """
    return _date_of(_ordinal(start_date) + days)


def days_between(start_date: str, end_date: str) -> int:
    """Return the calendar days from start inclusive to end exclusive.

    Negative if the end comes before the start.

    Raises:
        CalendarRefusal: ``bad_date``.
    """
    return _ordinal(end_date) - _ordinal(start_date)


def weekday(day_date: str) -> int:
    """Return the weekday, 0 for Monday to 6 for Sunday.

    Raises:
        CalendarRefusal: ``bad_date``.
    """
    return parse_date(day_date).weekday()


def check_calendar(calendar: Calendar) -> None:
    """Return if the calendar can be used as it stands.

    Whoever writes a calendar into state calls this once; the other functions
    take it as done.

    Raises:
        CalendarRefusal: ``bad_date``, a text that is no date; ``bad_calendar``,
            a weekend that is not ascending weekdays or leaves none, dates that
            are not ascending or lie after ``through``, or one date in both lists.
    """
    parse_date(calendar["through"])
    weekend = calendar["weekend"]
    ascending = weekend == [day for day in range(7) if day in weekend]
    if not ascending or len(weekend) > 6:
        raise CalendarRefusal("bad_calendar")
    for dates in (calendar["holidays"], calendar["workdays"]):
        previous = ""
        for day_date in dates:
            parse_date(day_date)
            if day_date <= previous or day_date > calendar["through"]:
                raise CalendarRefusal("bad_calendar")
            previous = day_date
    for day_date in calendar["workdays"]:
        if day_date in calendar["holidays"]:
            raise CalendarRefusal("bad_calendar")


def is_provisional(day_date: str, calendar: Calendar) -> bool:
    """Return whether the date lies after what the calendar has published.

    A date that was moved is provisional if it, or the one it came from, is.

    Raises:
        CalendarRefusal: ``bad_date``.
    """
    parse_date(day_date)
    return day_date > calendar["through"]


def is_business_day(day_date: str, calendar: Calendar) -> bool:
    """Return whether business is done on this date.

    A make-up workday counts even on a weekend. After ``through`` the lists say
    nothing and weekends alone decide.

    Raises:
        CalendarRefusal: ``bad_date``.
    """
    day = parse_date(day_date)
    if day_date <= calendar["through"]:
        if day_date in calendar["workdays"]:
            return True
        if day_date in calendar["holidays"]:
            return False
    return day.weekday() not in calendar["weekend"]


def adjust(day_date: str, convention: str, calendar: Calendar) -> str:
    """Return the business day that this date becomes.

    Args:
        day_date: the nominal date.
        convention: ``none`` leaves it; ``following`` and ``preceding`` take the
            next or last business day; the ``modified_`` forms turn round rather
            than leave the month.
        calendar: the version in force for this date.

    Raises:
        CalendarRefusal: ``bad_date``, ``unknown_convention``,
            ``no_business_day``, none within 60 days or none in the calendar.
    """
    parse_date(day_date)
    if convention not in CONVENTIONS:
        raise CalendarRefusal("unknown_convention")
    if convention == "none":
        return day_date
    step = 1 if convention in ("following", "modified_following") else -1
    found = _nearest_business_day(day_date, step, calendar)
    left_month = found[0:7] != day_date[0:7]
    if left_month and convention in ("modified_following", "modified_preceding"):
        return _nearest_business_day(day_date, -step, calendar)
    return found


def _nearest_business_day(day_date: str, step: int, calendar: Calendar) -> str:
    ordinal = _ordinal(day_date)
    for distance in range(CLOSED_DAYS_MAX + 1):
        found = _date_of(ordinal + step * distance)
        if is_business_day(found, calendar):
            return found
    raise CalendarRefusal("no_business_day")


def add_business_days(start_date: str, days: int, calendar: Calendar) -> str:
    """Return the business day so many business days after the start.

    The start itself is not counted, whether it is a business day or not; zero
    returns it unchanged, a negative number counts backwards.

    Raises:
        CalendarRefusal: ``bad_date``, ``no_business_day``.
    """
    parse_date(start_date)
    step = 1 if days > 0 else -1
    found = start_date
    for _ in range(abs(days)):
        found = _nearest_business_day(add_days(found, step), step, calendar)
    return found


def date_of_ms(time_ms: int, offset_minutes: int) -> str:
    """Return the date of a moment in a zone of fixed offset.

    Args:
        time_ms: UTC milliseconds since 1970-01-01, may be negative.
        offset_minutes: local time minus UTC, -720 to 840.

    Raises:
        CalendarRefusal: ``bad_offset``; ``bad_date``, outside years 1 to 9999.
    """
    _check_offset(offset_minutes)
    local_ms = time_ms + offset_minutes * MS_PER_MINUTE
    return _date_of(EPOCH_ORDINAL + local_ms // MS_PER_DAY)


def ms_of_date(day_date: str, offset_minutes: int) -> int:
    """Return the UTC milliseconds at which this date begins in the zone.

    The first moment of the day, 00:00, belongs to it; the one before does not.

    Args:
        day_date: the local date.
        offset_minutes: local time minus UTC, -720 to 840.

    Raises:
        CalendarRefusal: ``bad_offset``, ``bad_date``.
    """
    _check_offset(offset_minutes)
    local_ms = (_ordinal(day_date) - EPOCH_ORDINAL) * MS_PER_DAY
    return local_ms - offset_minutes * MS_PER_MINUTE


def _check_offset(offset_minutes: int) -> None:
    if offset_minutes < OFFSET_MINUTES_MIN or offset_minutes > OFFSET_MINUTES_MAX:
        raise CalendarRefusal("bad_offset")
