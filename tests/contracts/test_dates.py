"""Due dates on calendars that are published while they wait."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.errors import LedgerError
from ledger.state import read_record
from tests.world import CALENDAR, DAY_MS, World, ms_of

DUE = "2026-06-15"  # a Monday, decided on the 16th of May


def year_of(
    year: int, *holidays: str, workdays: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a year as it is published."""
    return {"holidays": list(holidays), "workdays": list(workdays), "year": year}


def publish(world: World, *years: dict[str, Any], name: str = "default") -> None:
    """Publish years of a calendar, by operator and lender."""
    body = {
        "calendar": name,
        "guardian": world.member("lender"),
        "operator": world.member("operator"),
        "weekend": [5, 6],
        "years": list(years) or [year_of(2026)],
    }
    world.act("calendar.publish", body)


def try_publish(world: World, *years: dict[str, Any]) -> str:
    """Publish years of a calendar; return the code."""
    try:
        publish(world, *years)
    except LedgerError as error:
        return error.code
    return "ok"


def make_world(**terms: Any) -> World:
    """Return a world with a programme."""
    world = World()
    world.open_account()
    world.open_programme(**terms)
    return world


def dates_of(world: World, item: str) -> tuple[str, str, bool]:
    """Return adjusted date, version of the calendar, and whether it may move."""
    record = world.read("receivable", item)
    provisional = "provisional_until_ms" in record
    return record["adjusted_date"], record["calendar"], provisional


def test_genesis_calendar_is_the_first_of_default() -> None:
    """A chain has a calendar from its first block on."""
    world = make_world()
    record = world.read("calendar", "default.1")
    assert (record["through"], record["version"]) == (CALENDAR["through"], 1)
    assert dates_of(world, world.issue_live(1, DUE)) == (DUE, "default.1", True)


def test_version_in_force_30_days_before_decides() -> None:
    """A holiday published in time moves the due date, one published late does not."""
    world = make_world()
    item = world.issue_live(100, DUE)
    world.advance("2026-05-15")
    publish(world, year_of(2026, DUE))
    assert dates_of(world, item) == (DUE, "default.1", True)
    world.advance("2026-05-16")
    assert dates_of(world, item) == ("2026-06-16", "default.2", False)
    publish(world, year_of(2026, DUE, "2026-06-16"))
    world.advance("2026-06-15")
    assert dates_of(world, item) == ("2026-06-16", "default.2", False)
    assert world.chain.next_due_ms() == ms_of("2026-06-16")
    world.receive("k1", 100, names=item)
    assert world.read("receivable", item)["waiting_minor"] == 100
    world.advance("2026-06-16")
    assert world.read("receivable", item)["state"] == "settled"


def test_decision_does_not_depend_on_when_its_job_runs() -> None:
    """What is published after the moment is left out, though no block came between."""
    world = make_world()
    item = world.issue_live(100, DUE)
    world.time = ms_of("2026-05-16", 9)
    publish(world, year_of(2026, DUE))
    assert dates_of(world, item) == (DUE, "default.1", False)


@pytest.mark.parametrize(
    ("days", "provisional"), [(30, False), (31, True)], ids=["decided", "open"]
)
def test_short_tenors_are_decided_at_once(days: int, provisional: bool) -> None:
    """30 days before its nominal date nothing is left to be decided."""
    world = make_world()
    world.time = ms_of("2026-06-15") - days * DAY_MS
    found = dates_of(world, world.issue_live(1, DUE))
    assert found == (DUE, "default.1", provisional)


def test_confirmation_takes_the_calendar_of_its_day() -> None:
    """A submission from before a holiday was published is adjusted anew."""
    world = make_world()
    item = world.submit(1, DUE)
    publish(world, year_of(2026, DUE))
    world.confirm(item)
    assert dates_of(world, item) == ("2026-06-16", "default.2", True)


def test_programme_without_convention_has_no_provisional_dates() -> None:
    """What is never adjusted needs no decision."""
    world = make_world(convention="none")
    publish(world, year_of(2026, DUE))
    assert dates_of(world, world.issue_live(1, DUE)) == (DUE, "default.2", False)


def test_programme_names_its_calendar() -> None:
    """Another calendar has versions of its own; one that is not there is refused."""
    world = make_world()
    with pytest.raises(LedgerError, match="no such thing"):
        world.open_programme(calendar="cn")
    publish(world, year_of(2026, DUE), name="cn")
    world.open_programme(calendar="cn")
    assert dates_of(world, world.issue_live(1, DUE)) == ("2026-06-16", "cn.1", True)


def test_make_up_workday_is_a_business_day_and_other_years_know_weekends() -> None:
    """A worked Saturday is kept; after what is published weekends alone count."""
    world = World()
    publish(world, year_of(2026, workdays=("2026-06-13",)), name="cn")
    world.open_account()
    world.open_programme(calendar="cn", tenor_cap_days=700, tenor_norm_days=700)
    saturday = world.issue_live(1, "2026-06-13", number="A")
    later = world.issue_live(1, "2027-06-12", number="B")
    assert dates_of(world, saturday)[0] == "2026-06-13"
    assert dates_of(world, later)[0] == "2027-06-14"
    publish(world, year_of(2027, "2027-06-14"), name="cn")
    world.advance("2027-05-20")
    assert dates_of(world, later) == ("2027-06-15", "cn.2", False)


def test_record_date_counts_by_the_deciding_version() -> None:
    """The last days without transfers are business days of the same calendar."""
    world = make_world(record_days=2)
    item = world.issue_live(100, DUE)
    publish(world, year_of(2026, "2026-06-11", "2026-06-12"))
    world.advance("2026-06-08")
    world.transfer(item, 0, 0, 40, "beta")
    world.advance("2026-06-09")
    with pytest.raises(LedgerError, match="too close"):
        world.transfer(item, 40, 40, 80, "beta")


@pytest.mark.parametrize(
    ("years", "code"),
    [
        ([year_of(2031)], "ok"),
        ([year_of(2031), year_of(2032)], "ok"),
        ([year_of(2029, "2029-01-01")], "ok"),
        ([year_of(2032)], "calendar_unusable"),
        ([year_of(2031), year_of(2033)], "calendar_unusable"),
        ([year_of(2031, "2032-01-01")], "calendar_unusable"),
        ([year_of(2031, "2031-02-29")], "calendar_unusable"),
        ([year_of(2031, "2031-02-02", "2031-02-01")], "calendar_unusable"),
        ([year_of(2031, "2031-02-01", "2031-02-01")], "calendar_unusable"),
        ([year_of(2031, workdays=("2031-01-01",))], "calendar_unusable"),
        (
            [year_of(2031, "2031-01-04", workdays=("2031-01-04",))],
            "calendar_unusable",
        ),
        (
            [year_of(2031, *(f"2031-01-{day:02d}" for day in range(1, 32)))],
            "calendar_unusable",
        ),
    ],
    ids=[
        *("next_year", "two_years", "a_better_year", "a_gap", "years_apart"),
        *("of_another_year", "no_such_day", "out_of_order", "twice"),
        *("workday_on_a_wednesday", "both", "closed_for_a_month"),
    ],
)
def test_calendar_is_published_only_if_it_can_be_used(
    years: list[dict[str, Any]], code: str
) -> None:
    """Each year has its own dates in order, and none is left out between."""
    world = World()
    assert try_publish(world, *years) == code
    if code == "ok":
        kept = world.read("calendar", "default.2")
        assert kept["through"] == f"{max(2030, years[-1]['year'])}-12-31"


def test_operator_alone_publishes_no_calendar() -> None:
    """Operator and a lender or regulator of another group sign, both."""
    world = World()
    body = {
        "calendar": "default",
        "guardian": world.member("lender"),
        "operator": world.member("operator"),
        "weekend": [5, 6],
        "years": [year_of(2031)],
    }
    for change, by, code in (
        ({"guardian": world.member("alpha")}, None, "role_missing"),
        ({"operator": world.member("alpha")}, None, "role_missing"),
        ({"weekend": [6, 5]}, ["lender", "operator"], "calendar_unusable"),
        ({}, ["operator"], "wrong_signers"),
    ):
        with pytest.raises(LedgerError) as caught:
            world.act("calendar.publish", {**body, **change}, by=by)
        assert caught.value.code == code
    assert read_record(world.chain.state, "calendar", "default.2") is None
