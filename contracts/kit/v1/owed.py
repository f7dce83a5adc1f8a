"""What a receivable owes and when: dates, units, late interest.

Every unit of one receivable accrues from the same day at the same rate, so
the interest of live units is a formula, and only retired units need a record:
an exact accumulator (unit · ppm · day) a group, fixed at the value date of
the money that retired them.
"""

from typing import NamedTuple

from contracts.kit.v1.arithmetic import (
    accrue,
    accumulator_to_minor,
    count_days,
    divide_half_up,
)
from contracts.kit.v1.calendars import (
    add_days,
    date_of_ms,
    days_between,
    ms_of_date,
)
from contracts.kit.v1.cover import Money, add_cover, shared_cover, take_cover, weigh
from contracts.kit.v1.exposure import move_exposure
from contracts.kit.v1.notice import keep_notice
from contracts.kit.v1.records import LATE_STATES, LIVE, OPEN_STATES
from contracts.kit.v1.rule import Context, Record, order_key
from contracts.kit.v1.terms import is_own, number_term, word_term

# What a closed day, or a day that nobody closes, leaves on a receivable, and the
# event that tells it.
JUDGED = {
    "bank_data_late": "bank_data_late",
    "default_date": "defaulted",
    "overdue_date": "overdue",
    "short_date": "paid_short",
}
OWED_PAGE = 50
DATES = {
    "": (),
    "short": ("short_date",),
    "overdue": ("overdue_date",),
    "default": ("overdue_date", "default_date"),
}


class Owed(NamedTuple):
    """What a receivable owes for money of one value date.

    Attributes:
        principal_minor: units not retired.
        interest_minor: late interest, rounded once, less what was paid or waived.
        interest_total_minor: rounded late interest of all units ever.
    """

    principal_minor: int
    interest_minor: int
    interest_total_minor: int


class Judged(NamedTuple):
    """What a closed day says of an open receivable.

    Attributes:
        lateness: ``""`` if all is paid or covered, ``short`` if what is missing is
            tolerated, else ``overdue`` or, after the grace, ``default``.
        covered_minor: money nobody has assigned yet that spares it.
    """

    lateness: str
    covered_minor: int


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


def interest_of(
    programme: Record, receivable: Record, units: int, value_date: str
) -> int:
    """Return the late interest that so many units bear up to a value date."""
    days = late_days(programme, receivable, value_date)
    earned = accrue(units, programme["late_ppm"], days)
    return accumulator_to_minor(earned, late_base(programme))


def settled_parts(
    programme: Record, receivable: Record, units: int, group: Record, value_date: str
) -> dict[str, int]:
    """Return what of the interest a group was paid, or forgave, goes with units.

    Args:
        programme: its terms.
        receivable: an open receivable.
        units: how many of the group's live units.
        group: its record ``interest``, and how many ``units`` it has live.
        value_date: up to when they bear interest.
    """
    days = late_days(programme, receivable, value_date)
    own = accrue(units, programme["late_ppm"], days)
    whole = accrue(group["units"], programme["late_ppm"], days)
    whole += int(group["accumulator"])
    return {
        name: divide_half_up(group[name] * own, whole)
        for name in ("paid_minor", "waived_minor")
        if own and group.get(name, 0)
    }


def recourse_price(
    programme: Record, receivable: Record, units: int, group: Record, value_date: str
) -> int:
    """Return what recourse for units of a group costs by the programme's formula.

    Late interest that their holder was paid is not paid to it once more.

    Args:
        programme: its terms.
        receivable: an open receivable.
        units: how many of the group's live units.
        group: as ``settled_parts`` takes it, {} if it has no record.
        value_date: up to when they bear interest.
    """
    if word_term(programme, "recourse_price") == "face":
        return units
    left = interest_of(programme, receivable, units, value_date)
    if group:
        parts = settled_parts(programme, receivable, units, group, value_date)
        left -= sum(parts.values())
    return units + max(0, left)


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
    settled = receivable["interest_paid_minor"]
    settled += receivable.get("interest_waived_minor", 0)
    return Owed(live, max(0, total - settled), total)


def paid_state(receivable: Record) -> str:
    """Return the state of a receivable that is open and not late."""
    ended: int = receivable["retired_minor"] + receivable["reduced_minor"]
    return "part_paid" if ended else "live"


def keep_recallable(
    ctx: Context, programme: Record, receivable: Record, receipt: str
) -> Record:
    """Return a receivable, not written, that knows until when a bank may recall it.

    Args:
        ctx: the context.
        programme: its terms.
        receivable: what the money has paid.
        receipt: the money; nothing else can be recalled.
    """
    days = number_term(programme, "recall_days")
    paid = ctx.read("receipt", receipt) if days else None
    if paid is None:
        return receivable
    end = due_moment_ms(programme, add_days(paid["booking_date"], days + 1))
    return {**receivable, "final_ms": max(end, receivable.get("final_ms", 0))}


def discharge(ctx: Context, receivable: Record) -> Record:
    """Return a receivable, not written, that is settled, since nothing is owed on it.

    It counts against no limit then.

    While a bank may recall what paid it, or payouts from an account of the debtor's
    own group are not attested paid, it stays as it is and is settled then.
    """
    final = receivable.get("final_ms", 0)
    if final > ctx.time:
        ctx.schedule(receivable, "discharge", final)
    elif ctx.count_rows("undischarged", receivable["id"]):
        ctx.schedule(receivable, "small", ctx.time)
    else:
        settled = {**receivable, "state": "settled"}
        move_exposure(ctx, receivable, settled)
        return settled
    return receivable


def discharged_by(programme: Record, receivable: Record) -> Record:
    """Return the field of payouts that a debtor owes until they are paid, if it does.

    What an account of its own group receives does not discharge it.
    """
    own = is_own(programme, receivable)
    return {"discharges": [receivable["id"]]} if own else {}


def owes_nothing(programme: Record, receivable: Record) -> bool:
    """Say whether principal and late interest are paid, or owed no more."""
    if receivable["live_minor"]:
        return False
    owed = owed_at(programme, receivable, receivable["adjusted_date"])
    return not owed.interest_minor


def is_in_time(receivable: Record, value_date: str) -> bool:
    """Say whether money of a value date was there on the due day."""
    return bool(value_date <= receivable["adjusted_date"])


def judged_from(programme: Record, receivable: Record) -> str:
    """Return the first booking day whose close says who is overdue.

    By value date the due day is complete when the next day is closed: until
    then a bank books what it values on it.
    """
    due: str = receivable["adjusted_date"]
    return add_days(due, 1) if word_term(programme, "day_basis") == "value" else due


def data_late_ms(programme: Record, receivable: Record) -> int:
    """Return from when a bank that has not closed the due day is late."""
    wait = 1 + number_term(programme, "late_close_days")
    return due_moment_ms(programme, add_days(judged_from(programme, receivable), wait))


def find_cover(
    programme: Record, receivable: Record, closed: str, cover: Money, disputed: int = 0
) -> int:
    """Return how much of the cover pays all that is not contested, -1 if too little.

    It is reckoned as if it were assigned now: by its value dates, so that what it
    covers bears no interest from then on.

    Args:
        programme: its terms.
        receivable: an open receivable.
        closed: up to when what nothing covers bears interest.
        cover: by value date, oldest first.
        disputed: units that are contested.
    """
    record, used = {**receivable}, 0
    coming = record["waiting_minor"] + record["undistributed_minor"]
    if sum(cover.values()) < record["live_minor"] - coming - disputed:
        # Most debts are told apart by their principal alone.
        return -1
    for value_date, amount in [(closed, 0), *cover.items()]:
        owed = owed_at(programme, record, value_date)
        contested = min(disputed, owed.principal_minor)
        if contested:
            # Late interest on what is contested makes no default either.
            contested -= -owed.interest_minor * contested // owed.principal_minor
        needed: int = owed.principal_minor + owed.interest_minor - coming - contested
        if needed <= amount:
            return used + max(0, needed)
        used += amount
        principal, interest = split_money(programme, owed, amount)
        days = late_days(programme, receivable, value_date)
        earned = accrue(principal, programme["late_ppm"], days)
        retired = int(record["retired_accumulator"]) + earned
        record["live_minor"] -= principal
        record["interest_paid_minor"] += interest
        record["retired_accumulator"] = str(retired)
    return -1


def split_money(programme: Record, owed: Owed, amount_minor: int) -> tuple[int, int]:
    """Return what of an amount pays principal and what late interest."""
    if programme["order"] == "interest_first":
        interest = min(amount_minor, owed.interest_minor)
        return min(amount_minor - interest, owed.principal_minor), interest
    principal = min(amount_minor, owed.principal_minor)
    return principal, min(amount_minor - principal, owed.interest_minor)


def is_judged(ctx: Context, programme: Record, receivable: Record, closed: str) -> bool:
    """Say whether a closed day says anything of an open receivable.

    A bank may be ahead of the programme's zone: then its due day is not over.
    What waits for nothing but its bank's last word was judged before.
    """
    begun = receivable["adjusted_date"] <= today(ctx, programme)
    over = begun and judged_from(programme, receivable) <= closed
    return bool(over and not owes_nothing(programme, receivable))


def cover_left(
    ctx: Context, account: Record, receivable: Record, cover: Money
) -> tuple[Money, int]:
    """Return what a debtor's debts before one leave of its cover, and their weight.

    Money is assigned once, so it covers once, in due order.
    """
    left, after, weight = cover, "", 0
    while sum(left.values()):
        partition = account["id"] + "/" + receivable["debtor"]
        page = ctx.scan("owed", partition, after, OWED_PAGE)
        for other in page:
            if other["id"] == receivable["id"]:
                return left, weight
            programme = ctx.need("programme", other["programme"])
            if is_judged(ctx, programme, other, account["closed_date"]):
                judged = judge_lateness(
                    ctx, programme, other, account["closed_date"], left
                )
                weight += weigh(other, judged.covered_minor)
                left = take_cover(left, judged.covered_minor, weight)
        if len(page) < OWED_PAGE:
            break
        after = order_key(page[-1]["adjusted_date"], page[-1]["confirmed_order"])
    return left, weight


def disputed_minor(ctx: Context, receivable: Record) -> int:
    """Return what of a receivable is contested at block time.

    It stays owed and makes no default.
    """
    disputed = 0
    for row in standing_disputes(ctx, receivable):
        own = "lo" in row
        disputed += count_live(ctx, receivable, row) if own else row["amount_minor"]
    live: int = receivable["live_minor"]
    return min(disputed, live)


def standing_disputes(ctx: Context, receivable: Record) -> list[Record]:
    """Return the rows of the disputes that stand at block time."""
    rows = receivable.get("disputes", [])
    return [row for row in rows if row["until_ms"] >= ctx.time]


def contested_parts(ctx: Context, receivable: Record) -> list[Record]:
    """Return the units that disputes were limited to, where these stand."""
    return [row for row in standing_disputes(ctx, receivable) if "lo" in row]


def lies_in(tile: Record, parts: list[Record]) -> bool:
    """Say whether a tile is of such units; none lies across their edges."""
    return any(part["lo"] <= tile["lo"] and tile["hi"] <= part["hi"] for part in parts)


def is_disputed(ctx: Context, receivable: Record, tile: Record) -> bool:
    """Say whether units of a tile are contested, by themselves or pro rata."""
    if "disputes" not in receivable:
        return False
    rows = standing_disputes(ctx, receivable)
    return any("lo" not in row or lies_in(tile, [row]) for row in rows)


def count_live(ctx: Context, receivable: Record, part: Record) -> int:
    """Return how many units of a part are owed, from tile to tile."""
    live, position = 0, part["lo"]
    while position < part["hi"]:
        tile = ctx.need("tile", str(position), receivable["id"])
        if tile["state"] == LIVE:
            live += tile["hi"] - position
        position = tile["hi"]
    return live


def judge_lateness(
    ctx: Context, programme: Record, receivable: Record, closed: str, cover: Money
) -> Judged:
    """Return what a closed day says of an open receivable.

    Args:
        ctx: the context.
        programme: its terms.
        receivable: one whose due day is closed.
        closed: the last day closed.
        cover: money nobody has assigned yet, and nothing else needs.
    """
    covered = find_cover(programme, receivable, closed, cover)
    if covered >= 0:
        return Judged("", covered)
    owes = need_minor(ctx, programme, receivable, closed)
    waited = days_between(receivable["adjusted_date"], closed)
    if owes <= programme["tolerance_minor"] and waited < programme["tolerance_days"]:
        return Judged("short", 0)
    if waited <= programme["grace_days"]:
        return Judged("overdue", 0)
    disputed = disputed_minor(ctx, receivable)
    if disputed:
        covered = find_cover(programme, receivable, closed, cover, disputed)
    return Judged("default", 0) if covered < 0 else Judged("overdue", covered)


def owe_again(ctx: Context, receivable: Record, after: Record, value_date: str) -> None:
    """Write a receivable whose units or interest are owed again, by a reversal.

    Unless it is late it bears no date of that, and the next close judges it again.
    If its holders had given it up for lost, it is closed no longer: they agreed on
    what was left then, so all of it is owed, and counts against the limits, until
    they agree anew. That its bank closes no day stays so, or is said now. What was
    settled is so no longer if a payout from its debtor's own account came back.

    Args:
        ctx: the context.
        receivable: as it stands in state.
        after: the same with what is owed again.
        value_date: of the money that was taken back.
    """
    state = after["state"]
    back = after["retired_minor"] + after["interest_paid_minor"]
    if state == "recovering" and not back:
        state = "default"
    elif state in ("closed", "part_paid", "settled"):
        programme = ctx.need("programme", after["programme"])
        owed = owed_at(programme, after, value_date)
        unpaid = ctx.count_rows("undischarged", after["id"])
        if state != "settled" or unpaid or owed.principal_minor + owed.interest_minor:
            state = paid_state(after)
            closed = ctx.need("account", after["account"])["closed_date"]
            late = closed < judged_from(programme, after)
            kept = [name for name in after if name not in JUDGED]
            if late and "bank_data_late" in after:
                kept.append("bank_data_late")
            after = keep_notice(ctx, after, {name: after[name] for name in kept})
            if is_due(ctx, programme, after):
                late_ms = data_late_ms(programme, after)
                ctx.schedule(after, "data_late", max(late_ms, ctx.time))
    after = {**after, "state": state}
    ctx.write(after)
    move_exposure(ctx, receivable, after)


def put_judged(
    ctx: Context, programme: Record, receivable: Record, lateness: str
) -> Record:
    """Write a receivable as a closed day leaves it; tell what is new.

    Sales that were taken while it was not late end in the same block.

    Returns:
        The receivable as it then stands in state.
    """
    was = receivable["state"]
    if lateness == "overdue" and was in ("default", "recovering"):
        lateness = "default"
    dates = DATES[lateness]
    dropped = [name for name in JUDGED if name not in dates]
    judged = {name: receivable[name] for name in receivable if name not in dropped}
    judged = keep_notice(ctx, receivable, judged)
    for name in dates:
        if name not in judged:
            judged[name] = today(ctx, programme)
            ctx.emit(JUDGED[name], receivable=receivable["id"])
    if lateness in LATE_STATES:
        judged["state"] = was if was == "recovering" else lateness
        if ctx.count_rows("unaware", judged["id"]):
            ctx.schedule(judged, "unaware", ctx.time)
    elif was in LATE_STATES:
        judged["state"] = paid_state(receivable)
        ctx.emit("overdue_withdrawn", receivable=receivable["id"])
    if judged != receivable:
        ctx.write(judged)
    return judged


def correct_overdue(
    ctx: Context, programme: Record, receivable: Record, sweep: Record
) -> Record:
    """Withdraw what was called late although money for it was there in time.

    Its bank booked the money after the due day was closed. The units it paid
    were never late, so they bear no interest.

    Args:
        ctx: the context.
        programme: its terms.
        receivable: as it stands in state after the sweep.
        sweep: the distribution of that money.

    Returns:
        The receivable as it then stands in state.
    """
    account: Record = ctx.need("account", receivable["account"])
    units: int = sweep["principal_minor"]
    ctx.emit(
        "overdue_corrected",
        receivable=receivable["id"],
        receipt=sweep["receipt"],
        principal_minor=units,
        interest_minor=interest_of(programme, receivable, units, today(ctx, programme)),
    )
    corrected = {**receivable, "overdue_corrected": sweep["receipt"]}
    ctx.write(corrected)
    lateness = ""
    if is_open(receivable):
        cover = add_cover(
            ctx, account, receivable["debtor"], shared_cover(ctx, account)
        )
        left = cover_left(ctx, account, receivable, cover)[0]
        lateness = judge_lateness(
            ctx, programme, receivable, account["closed_date"], left
        ).lateness
    return put_judged(ctx, programme, corrected, lateness)


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
