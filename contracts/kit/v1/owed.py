"""What a receivable owes and when: dates, units, late interest.

Every unit of one receivable accrues from the same day at the same rate, so
the interest of live units is a formula, and only retired units need a record:
an exact accumulator (unit · ppm · day) a group, fixed at the value date of
the money that retired them.
"""

from typing import NamedTuple

from contracts.kit.v1.arithmetic import accrue, accumulator_to_minor, count_days
from contracts.kit.v1.calendars import (
    add_days,
    date_of_ms,
    days_between,
    ms_of_date,
)
from contracts.kit.v1.records import OPEN_STATES
from contracts.kit.v1.rule import Context, Record


class Owed(NamedTuple):
    """What a receivable owes for money of one value date.

    Attributes:
        principal_minor: units not retired.
        interest_minor: late interest, rounded once, less what was paid.
        interest_total_minor: rounded late interest of all units ever.
    """

    principal_minor: int
    interest_minor: int
    interest_total_minor: int


def today(ctx: Context, programme: Record) -> str:
    """Return the date of block time in the programme's zone."""
    return date_of_ms(ctx.time, programme["offset_minutes"])


def due_moment_ms(programme: Record, adjusted_date: str) -> int:
    """Return 00:00 of an adjusted due date in the programme's zone."""
    return ms_of_date(adjusted_date, programme["offset_minutes"])


def is_open(receivable: Record) -> bool:
    """Say whether the debtor still owes on a confirmed receivable."""
    return receivable["state"] in OPEN_STATES


def late_days(programme: Record, receivable: Record, value_date: str) -> int:
    """Return for how many days money of a value date is late, 0 if in time."""
    start = receivable["adjusted_date"]
    if programme["late_from"] == "grace":
        start = add_days(start, programme["grace_days"])
    if days_between(start, value_date) <= 0:
        return 0
    return count_days(start, value_date, programme["late_basis"])[0]


def late_base(programme: Record) -> int:
    """Return the days of a year of the programme's basis."""
    return 365 if programme["late_basis"] == "act365f" else 360


def owed_at(programme: Record, receivable: Record, value_date: str) -> Owed:
    """Return what money of a value date has to pay.

    Args:
        programme: its terms.
        receivable: an open receivable.
        value_date: the money's value date.
    """
    days = late_days(programme, receivable, value_date)
    live = receivable["live_minor"]
    accumulator = int(receivable["retired_accumulator"])
    if days:
        accumulator += accrue(live, programme["late_ppm"], days)
    total = accumulator_to_minor(accumulator, late_base(programme))
    interest = max(0, total - receivable["interest_paid_minor"])
    return Owed(live, interest, total)


def need_minor(
    ctx: Context, programme: Record, receivable: Record, value_date: str
) -> int:
    """Return how much more money of a value date a receivable can take."""
    if not is_open(receivable):
        return 0
    owed = owed_at(programme, receivable, value_date)
    waiting: int = receivable["waiting_minor"] + receivable["undistributed_minor"]
    return max(0, owed.principal_minor + owed.interest_minor - waiting)


def is_due(ctx: Context, programme: Record, receivable: Record) -> bool:
    """Say whether its adjusted due date has begun."""
    return bool(receivable["adjusted_date"] <= today(ctx, programme))
