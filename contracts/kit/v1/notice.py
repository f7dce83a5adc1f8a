"""The time in which a holder may call on its transferor.

Each holder has it once: it counts the days on which the programme's trigger stands
and the holder has the units unpaid. A receivable counts for how many days its trigger
has stood, as ``notice_days``, less those since a date that it bears; a part, of which
of them on they are its holder's, as ``notice_from``; and a link of a chain, how many
its receiver had used when it passed the units on, as ``used_days``.
"""

from contracts.kit.v1.calendars import date_of_ms, days_between
from contracts.kit.v1.rule import Context, Record
from contracts.kit.v1.terms import word_term


def notice_days(ctx: Context, receivable: Record) -> int:
    """Return for how many days so far the trigger of recourse has stood."""
    days: int = receivable.get("notice_days", 0)
    # Every part that passes asks, and most are of what is not overdue.
    if "overdue_date" not in receivable:
        return days
    programme = ctx.need("programme", receivable["programme"], shared=True)
    today = date_of_ms(ctx.time, programme["offset_minutes"])
    trigger = word_term(programme, "recourse_trigger")
    return days + days_between(receivable.get(trigger + "_date", today), today)


def keep_notice(ctx: Context, receivable: Record, after: Record) -> Record:
    """Return a receivable, not written, without dates it bore; its days are kept."""
    if len(after) == len(receivable):
        return after
    days = notice_days(ctx, receivable)
    kept = days > notice_days(ctx, after)
    return {**after, "notice_days": days} if kept else after


def notice_used(tile: Record, days: int) -> int:
    """Return how much of its time for notice the holder of a tile has had, in days.

    That time is not counted once notice was given.

    Args:
        tile: a live tile.
        days: ``notice_days`` of its receivable.
    """
    if tile.get("noticed", "") == tile["recourse_class"]:
        return 0
    return days - int(tile.get("notice_from", 0))


def begin_notice(tile: Record, since: int) -> Record:
    """Return a tile, not written, whose new holder's time runs since so many days."""
    if "noticed" in tile or "notice_from" in tile:
        gone = ("noticed", "notice_from")
        tile = {name: tile[name] for name in tile if name not in gone}
    return {**tile, "notice_from": since} if since else tile
