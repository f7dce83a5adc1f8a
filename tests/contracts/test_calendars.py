"""Dates and business days against the calendar everybody knows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.kit.v1.calendars import (
    Calendar,
    CalendarRefusal,
    add_business_days,
    add_days,
    adjust,
    check_calendar,
    date_of_ms,
    days_between,
    is_business_day,
    is_provisional,
    ms_of_date,
    parse_date,
    weekday,
)

# A long weekend over a turn of month, with the Sunday before worked instead.
CALENDAR: Calendar = {
    "weekend": [5, 6],
    "holidays": ["2026-04-30", "2026-05-01", "2026-10-01", "2026-10-02"],
    "workdays": ["2026-04-26"],
    "through": "2026-12-31",
}
DATES = st.dates(date(1900, 1, 1), date(2200, 12, 31))


def changed(**fields: object) -> Calendar:
    """Return the calendar with some fields replaced."""
    return {**CALENDAR, **fields}  # type: ignore[typeddict-item]


@given(st.dates())
def test_parse_date_reads_back_every_day(day: date) -> None:
    """Every day of the calendar has exactly one text, and it is accepted."""
    assert parse_date(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260101",
        "2026-1-01",
        "2026-01-1",
        "2026-W01-1",
        "2026-001",
        "2026/01/01",
        "2026-01-01 ",
        " 026-01-01",
        "+026-01-01",
        "2026-01-01T00:00",
        "0000-01-01",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2026-06-31",
        "2026-09-31",
        "2026-11-31",
        "2026-02-29",
        "1900-02-29",
        "2026-01-0\u0661",
        "2026-01-0\u00b2",
    ],
)
def test_parse_date_other_spelling_is_refused(text: str) -> None:
    """What is not four, two and two digits of a real day is no date."""
    with pytest.raises(CalendarRefusal) as refusal:
        parse_date(text)
    assert refusal.value.code == "bad_date"


@given(DATES, st.integers(-50_000, 50_000))
def test_add_days_and_days_between_are_inverse(day: date, days: int) -> None:
    """Moving by days and counting them agree with the standard calendar."""
    later = add_days(day.isoformat(), days)
    assert later == (day + timedelta(days=days)).isoformat()
    assert days_between(day.isoformat(), later) == days
    assert weekday(later) == (day + timedelta(days=days)).weekday()


@pytest.mark.parametrize(
    ("day_date", "business"),
    [
        pytest.param("2026-04-24", True, id="friday"),
        pytest.param("2026-04-25", False, id="saturday"),
        pytest.param("2026-04-26", True, id="make_up_sunday"),
        pytest.param("2026-04-30", False, id="holiday"),
        pytest.param("2027-10-01", True, id="unpublished_year"),
        pytest.param("2027-10-02", False, id="unpublished_saturday"),
    ],
)
def test_is_business_day_follows_the_published_lists(
    day_date: str, business: bool
) -> None:
    """Lists beat the weekday, and after the published years only weekends count."""
    assert is_business_day(day_date, CALENDAR) is business


def test_is_business_day_ignores_lists_after_the_published_years() -> None:
    """An entry beyond the published years changes no due date."""
    early = changed(holidays=["2027-10-01"], workdays=["2027-10-02"])
    assert is_business_day("2027-10-01", early)
    assert not is_business_day("2027-10-02", early)


@pytest.mark.parametrize(
    ("day_date", "convention", "adjusted"),
    [
        ("2026-05-02", "none", "2026-05-02"),
        ("2026-04-30", "following", "2026-05-04"),
        ("2026-04-30", "modified_following", "2026-04-29"),
        ("2026-05-01", "preceding", "2026-04-29"),
        ("2026-05-01", "modified_preceding", "2026-05-04"),
        ("2026-04-25", "following", "2026-04-26"),
        ("2026-04-25", "modified_following", "2026-04-26"),
        ("2026-04-25", "preceding", "2026-04-24"),
        ("2026-04-25", "modified_preceding", "2026-04-24"),
        ("2026-04-29", "following", "2026-04-29"),
        ("2026-04-29", "modified_preceding", "2026-04-29"),
        ("2027-01-02", "preceding", "2027-01-01"),
    ],
)
def test_adjust_takes_the_business_day_of_the_convention(
    day_date: str, convention: str, adjusted: str
) -> None:
    """Each convention moves a closed day where it says, and no open one."""
    assert adjust(day_date, convention, CALENDAR) == adjusted


@given(DATES)
def test_adjust_modified_conventions_stay_in_the_month(day: date) -> None:
    """A modified convention lands on a business day of the same month."""
    for convention in ("modified_following", "modified_preceding"):
        found = adjust(day.isoformat(), convention, CALENDAR)
        assert found[:7] == day.isoformat()[:7]
        assert is_business_day(found, CALENDAR)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-04-23", 1, "2026-04-24"),
        ("2026-04-24", 1, "2026-04-26"),
        ("2026-04-24", 2, "2026-04-27"),
        ("2026-04-25", 1, "2026-04-26"),
        ("2026-04-29", 1, "2026-05-04"),
        ("2026-05-04", -1, "2026-04-29"),
        ("2026-05-02", -1, "2026-04-29"),
        ("2026-05-02", 0, "2026-05-02"),
        ("2026-12-31", 1, "2027-01-01"),
    ],
)
def test_add_business_days_skips_what_is_closed(
    start: str, days: int, end: str
) -> None:
    """Only business days count, forwards and backwards."""
    assert add_business_days(start, days, CALENDAR) == end


@given(DATES, st.integers(1, 40))
def test_add_business_days_counts_each_open_day_once(day: date, days: int) -> None:
    """Between start and result lie exactly so many business days."""
    start = day.isoformat()
    end = add_business_days(start, days, CALENDAR)
    passed = [add_days(start, n + 1) for n in range(days_between(start, end))]
    assert sum(is_business_day(one, CALENDAR) for one in passed) == days
    if is_business_day(start, CALENDAR):
        assert add_business_days(end, -days, CALENDAR) == start


def test_is_provisional_begins_after_the_published_years() -> None:
    """The last published date is firm and the next one is not."""
    assert not is_provisional("2026-12-31", CALENDAR)
    assert is_provisional("2027-01-01", CALENDAR)


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1)),  # noqa: DTZ001 - naive draws
    st.integers(-720, 840),
)
def test_date_of_ms_is_the_local_date(moment: datetime, offset_minutes: int) -> None:
    """The date of a moment is the one the standard library gives that zone."""
    aware = moment.replace(tzinfo=UTC)
    time_ms = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    local = aware.astimezone(timezone(timedelta(minutes=offset_minutes)))
    day_date = date_of_ms(time_ms, offset_minutes)
    assert day_date == local.date().isoformat()
    assert ms_of_date(day_date, offset_minutes) <= time_ms
    assert time_ms < ms_of_date(add_days(day_date, 1), offset_minutes)


def test_ms_of_date_first_moment_belongs_to_the_day() -> None:
    """00:00 in Shanghai is 16:00 the day before in UTC, and the day begins there."""
    first_ms = ms_of_date("2026-11-21", 480)
    assert first_ms == 1_795_190_400_000
    assert date_of_ms(first_ms, 480) == "2026-11-21"
    assert date_of_ms(first_ms - 1, 480) == "2026-11-20"
    assert date_of_ms(first_ms, 0) == "2026-11-20"


def test_dates_reach_to_the_ends_of_their_range() -> None:
    """The first and last day, and the outermost zones, are still within."""
    assert add_days("9999-12-30", 1) == "9999-12-31"
    assert add_days("0001-01-02", -1) == "0001-01-01"
    assert date_of_ms(36_000_000, 840) == "1970-01-02"
    assert date_of_ms(43_199_999, -720) == "1969-12-31"


CLOSED: Calendar = changed(weekend=[0, 1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        pytest.param(lambda: add_days("9999-12-31", 1), "bad_date", id="too_late"),
        pytest.param(lambda: add_days("0001-01-01", -1), "bad_date", id="too_early"),
        pytest.param(lambda: add_days("2026-01-01", 10**30), "bad_date", id="huge"),
        pytest.param(lambda: date_of_ms(10**30, 0), "bad_date", id="huge_time"),
        pytest.param(lambda: is_provisional("9", CALENDAR), "bad_date", id="no_date"),
        pytest.param(lambda: date_of_ms(0, 841), "bad_offset", id="east"),
        pytest.param(lambda: ms_of_date("2026-01-01", -721), "bad_offset", id="west"),
        pytest.param(
            lambda: adjust("2026-01-01", "nearest", CALENDAR),
            "unknown_convention",
            id="convention",
        ),
        pytest.param(
            lambda: adjust("2026-01-01", "following", CLOSED),
            "no_business_day",
            id="closed",
        ),
        pytest.param(
            lambda: add_business_days("2026-01-01", -1, CLOSED),
            "no_business_day",
            id="closed_backwards",
        ),
        pytest.param(lambda: check_calendar(CLOSED), "bad_calendar", id="all_closed"),
        pytest.param(
            lambda: check_calendar(changed(weekend=[6, 5])),
            "bad_calendar",
            id="weekend_order",
        ),
        pytest.param(
            lambda: check_calendar(changed(weekend=[7])), "bad_calendar", id="day_seven"
        ),
        pytest.param(
            lambda: check_calendar(changed(holidays=["2026-05-01", "2026-05-01"])),
            "bad_calendar",
            id="holiday_twice",
        ),
        pytest.param(
            lambda: check_calendar(changed(holidays=["2027-01-01"])),
            "bad_calendar",
            id="after_through",
        ),
        pytest.param(
            lambda: check_calendar(changed(workdays=["2026-05-01"])),
            "bad_calendar",
            id="both_lists",
        ),
        pytest.param(
            lambda: check_calendar(changed(through="2026")), "bad_date", id="through"
        ),
        pytest.param(
            lambda: check_calendar(changed(holidays=["x"])), "bad_date", id="holiday"
        ),
    ],
)
def test_calendar_that_has_no_answer_is_refused_by_code(
    attempt: Callable[[], object], code: str
) -> None:
    """A date or calendar that cannot be used is refused, each by its own code."""
    with pytest.raises(CalendarRefusal) as refusal:
        attempt()
    assert refusal.value.code == code


def test_check_calendar_accepts_what_is_published() -> None:
    """A calendar in order passes, with or without lists."""
    check_calendar(CALENDAR)
    check_calendar(changed(weekend=[], holidays=[], workdays=[]))
