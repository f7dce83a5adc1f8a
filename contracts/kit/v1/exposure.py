"""What a debtor owes under a programme and over all of them (I13).

Two sums, apart from the terms, which more people may read: one a programme,
one a debtor and currency. Limits are judged where exposure is taken on, at
confirmation; a bank's reversal is a fact that no limit can refuse.
"""

from contracts.kit.v1.records import OPEN_STATES
from contracts.kit.v1.rule import Context, Record
from contracts.kit.v1.terms import is_own


def debtor_exposure_id(programme: Record) -> str:
    """Return the id of what a debtor owes under all programmes of a currency."""
    return str(programme["debtor"] + "/" + programme["currency"])


def add_exposure(ctx: Context, programme: str, delta_minor: int) -> int:
    """Add to what is owed under a programme and in all; return the former."""
    terms = ctx.need("programme", programme)
    add_to(ctx, debtor_exposure_id(terms), delta_minor)
    return add_to(ctx, programme, delta_minor)


def counted_minor(programme: Record, receivable: Record) -> int:
    """Return what of a receivable counts.

    What money on an account of the debtor's own paid does until all is discharged.
    """
    if receivable["state"] not in OPEN_STATES:
        return 0
    paid = receivable["retired_minor"] if is_own(programme, receivable) else 0
    return int(receivable["live_minor"] + paid)


def move_exposure(ctx: Context, before: Record, after: Record) -> None:
    """Count by how much a change of a receivable changes what is owed."""
    programme = ctx.need("programme", after["programme"])
    delta = counted_minor(programme, after) - counted_minor(programme, before)
    if delta:
        add_exposure(ctx, programme["id"], delta)


def add_to(ctx: Context, item: str, delta_minor: int) -> int:
    """Add to one sum; return it."""
    record: Record | None = ctx.read("exposure", item)
    if record is None:
        ctx.create({"id": item, "kind": "exposure", "used_minor": delta_minor})
        return delta_minor
    used: int = record["used_minor"] + delta_minor
    ctx.write({**record, "used_minor": used})
    return used


def debtor_room(ctx: Context, programme: Record) -> int:
    """Return how much more a debtor may owe in all; negative if it is over.

    Each programme may limit the whole; the lowest limit counts, and without
    any there is room for everything.
    """
    record: Record | None = ctx.read("exposure", debtor_exposure_id(programme))
    if record is None or "limits" not in record:
        return 0
    least = min([row["max_minor"] for row in record["limits"]])
    room: int = least - record["used_minor"]
    return room


def limit_debtor(ctx: Context, programme: Record) -> None:
    """Take over a new programme's limit of the whole, and drop the replaced one's.

    It only refuses what is taken on from now on.
    """
    item = debtor_exposure_id(programme)
    record: Record | None = ctx.read("exposure", item)
    if record is None:
        record = {"id": item, "kind": "exposure", "used_minor": 0}
        ctx.create(record)
    ended = programme.get("replaces", "")
    limits = [r for r in record.get("limits", []) if r["programme"] != ended]
    if "debtor_max_minor" in programme:
        row = {"max_minor": programme["debtor_max_minor"], "programme": programme["id"]}
        limits.append(row)
    kept = {name: record[name] for name in record if name != "limits"}
    ctx.write({**kept, "limits": limits} if limits else kept)
