"""Which version of a business calendar decides a date, and from when it stands.

A programme names its calendar, convention and zone. The version in force 30
days before a nominal date decides every date adjusted from it; until then the
date may still move, and later versions change nothing.
"""

from typing import Any

from contracts.kit.v1.calendars import add_business_days, add_days, adjust, ms_of_date
from contracts.kit.v1.rule import INTEGER_MAX, Context, Record, order_key
from contracts.kit.v1.terms import word_term

DECIDED_DAYS = 30


def decided_ms(programme: Record, due_date: str) -> int:
    """Return the moment whose version of the calendar decides a nominal date."""
    day = add_days(due_date, -DECIDED_DAYS)
    return ms_of_date(day, programme["offset_minutes"])


def find_calendar(ctx: Context, programme: Record, due_date: str) -> Any:
    """Return the version that decides a nominal date, or would if it were now."""
    name = word_term(programme, "calendar")
    moment = min(decided_ms(programme, due_date), ctx.time)
    found = ctx.scan("calendars", name, order_key(INTEGER_MAX - moment), 1)
    # Before the first version the first one counts.
    return found[0] if found else need_calendar(ctx, name)


def need_calendar(ctx: Context, name: str) -> Record:
    """Return the first version of a calendar."""
    record: Record = ctx.need("calendar", name + ".1")
    return record


def adjust_due_date(ctx: Context, programme: Record, due_date: str) -> str:
    """Return the business day on which a nominal due date falls."""
    calendar = find_calendar(ctx, programme, due_date)
    return adjust(due_date, programme["convention"], calendar)


def put_dates(ctx: Context, programme: Record, record: Record) -> Record:
    """Return a receivable with its adjusted date, and until when that may move."""
    due: str = record["due_date"]
    calendar = find_calendar(ctx, programme, due)
    dated = {name: record[name] for name in record if name != "provisional_until_ms"}
    dated["adjusted_date"] = adjust(due, programme["convention"], calendar)
    dated["calendar"] = calendar["id"]
    decided = decided_ms(programme, due)
    if decided > ctx.time and programme["convention"] != "none":
        dated["provisional_until_ms"] = decided
    return dated


def record_date(ctx: Context, programme: Record, record: Record) -> str:
    """Return the first day without transfers; the due date if there is none."""
    adjusted: str = record["adjusted_date"]
    if not programme["record_days"]:
        return adjusted
    calendar = find_calendar(ctx, programme, record["due_date"])
    return add_business_days(adjusted, -programme["record_days"], calendar)
