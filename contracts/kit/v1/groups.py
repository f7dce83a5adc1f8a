"""Groups of units that are paid as one, what each is owed and gets of an amount."""

from contracts.kit.v1.arithmetic import (
    ProRataCutoff,
    accumulator_to_minor,
    pro_rata_cutoff,
    share_of,
)
from contracts.kit.v1.owed import late_base, late_days, lies_in
from contracts.kit.v1.records import RETIRED, group_key
from contracts.kit.v1.rule import Context, Record


def gather_groups(
    ctx: Context, receivable: str, contested: list[Record] | None = None
) -> dict[str, Record]:
    """Return all groups with units, accumulator, what was paid, and a key.

    Of their units ``contested`` counts those that disputes are limited to.

    The key is the group's lowest live unit, or its lowest retired one if it
    has none live; no two groups share it, so it breaks ties. What was waived
    counts as paid.
    """
    groups: dict[str, Record] = {}
    for tile in ctx.scan("live", receivable, limit=10_000_000):
        name = group_key(tile)
        if name not in groups:
            groups[name] = _make_group(tile)
        groups[name]["units"] += tile["hi"] - tile["lo"]
        if contested and lies_in(tile, contested):
            groups[name]["contested"] += tile["hi"] - tile["lo"]
    for record in ctx.scan("interest", receivable, limit=10_000_000):
        name = record["id"]
        if name not in groups:
            tiles = ctx.scan("retired_groups", receivable + "/" + name, limit=1)
            if not tiles:
                continue
            groups[name] = _make_group(tiles[0])
        groups[name]["acc"] = int(record["accumulator"])
        groups[name]["paid"] = record["paid_minor"] + record.get("waived_minor", 0)
    return groups


def _make_group(tile: Record) -> Record:
    return {
        "acc": 0,
        "contested": 0,
        "holder": tile["holder"],
        "key": tile["lo"],
        "paid": 0,
        "units": 0,
    }


def unpaid_interest(
    programme: Record, receivable: Record, groups: dict[str, Record]
) -> dict[str, int]:
    """Return what groups are owed of the late interest of retired units."""
    total = accumulator_to_minor(
        int(receivable["retired_accumulator"]), late_base(programme)
    )
    if not total:
        return {}
    weights = [(group["key"], group["acc"]) for group in groups.values()]
    cut = pro_rata_cutoff(total, weights)
    owing = {}
    for name, group in groups.items():
        due = share_of(cut, group["acc"], group["key"]) - group["paid"]
        if due > 0:
            owing[name] = due
    return owing


def store_cutoff(total: int, weights: list[tuple[int, int]]) -> list[str]:
    """Return a cut-off in its stored form; empty if there is nothing to share."""
    return pack_cutoff(pro_rata_cutoff(total, weights)) if total else []


def pack_cutoff(cut: ProRataCutoff) -> list[str]:
    """Return a cut-off as decimal strings: weights may pass 2**53."""
    return [str(cut.total), str(cut.weight_sum), str(cut.remainder), str(cut.key)]


def share_by(stored: list[str], weight: int, key: int) -> int:
    """Return a group's share by a stored cut-off."""
    if not stored:
        return 0
    cut = ProRataCutoff(int(stored[0]), int(stored[1]), int(stored[2]), int(stored[3]))
    return share_of(cut, weight, key)


def count_units(tiles: list[Record]) -> int:
    """Return how many units tiles have."""
    return sum([tile["hi"] - tile["lo"] for tile in tiles])


def count_days(ctx: Context, sweep: Record, tiles: list[Record]) -> int:
    """Return the unit-days for which tiles bear interest, up to a sweep's money."""
    total = 0
    for tile in tiles:
        days: int = sweep["days"]
        if tile["state"] == RETIRED:
            receipt = ctx.read("receipt", tile["receipt"])
            record = ctx.need("receivable", sweep["receivable"])
            programme = ctx.need("programme", record["programme"])
            # What was redeemed and paid directly bore none.
            days = late_days(programme, record, receipt["value_date"]) if receipt else 0
        total += (tile["hi"] - tile["lo"]) * days
    return total
