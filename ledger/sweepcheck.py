"""Every sweep once more, by other code than the one that paid it.

From the units as they stood before, this computes what each group of holdings
had to get: principal by largest remainder on its units, late interest by
largest remainder on what it is owed. Nothing here is shared with the rules;
exact integers, the longest road, no cut-offs and no chunks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from ledger.books import line_back
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.state import View, read_record
from ledger.written import Block

PPM: Final = 1_000_000


@dataclass(slots=True)
class Group:
    """Units of one receivable that are paid as one.

    Attributes:
        name: holder, pledge and recourse class.
        key: lowest live unit before the sweep, else lowest retired one; it
            decides between equal remainders, lowest first.
        units: live units before the sweep.
        contested: how many of them a dispute is limited to.
        accumulator: unit · ppm · day that its retired units had earned.
        paid_minor: late interest it had been paid before.
        tiles: its tiles after the sweep.
    """

    name: str
    key: int
    units: int = 0
    contested: int = 0
    accumulator: int = 0
    paid_minor: int = 0
    tiles: list[JSONObject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Derivation:
    """How one group's share of an amount comes about.

    Attributes:
        name: the group.
        key: what decides between equal remainders.
        weight: what the share is measured by.
        quotient: whole minor units.
        remainder: what the division leaves, of ``weight_sum``.
        extra: 1 if it earned one of the units left over.
        weight_sum: sum of all weights.
    """

    name: str
    key: int
    weight: int
    quotient: int
    remainder: int
    extra: int
    weight_sum: int

    @property
    def share_minor(self) -> int:
        """What the group gets."""
        return self.quotient + self.extra


@dataclass(frozen=True, slots=True)
class SweepAccount:
    """A sweep recomputed: what was owed and how it was shared.

    Attributes:
        sweep: the record of the plan.
        principal: shares of the principal.
        contested: shares of what of it is left for contested units.
        interest_due: shares of all late interest ever, by accumulator.
        interest: shares of the interest paid now, by what each is owed.
        days: days the money was late.
        interest_total_minor: late interest of all units ever, rounded once.
        lines: what the ledger says was paid.
    """

    sweep: JSONObject
    principal: list[Derivation]
    contested: list[Derivation]
    interest_due: list[Derivation]
    interest: list[Derivation]
    days: int
    interest_total_minor: int
    lines: list[JSONObject]


def share_out(total: int, weights: Sequence[tuple[str, int, int]]) -> list[Derivation]:
    """Split an amount on weights by largest remainder; the sum is exact.

    Args:
        total: minor units, 0 or more.
        weights: name, key and weight of each.
    """
    weight_sum = sum(weight for _, _, weight in weights)
    if not total or not weight_sum:
        return []
    parts = [
        (name, key, weight, *divmod(total * weight, weight_sum))
        for name, key, weight in weights
    ]
    left = total - sum(part[3] for part in parts)
    ranked = sorted(parts, key=lambda part: (-part[4], part[1]))
    earning = {part[0] for part in ranked[:left]}
    return [
        Derivation(
            name, key, weight, quotient, remainder, int(name in earning), weight_sum
        )
        for name, key, weight, quotient, remainder in parts
    ]


def split(total: int, weights: Sequence[tuple[str, int, int]]) -> dict[str, int]:
    """Return what each has of an amount by largest remainder, by name."""
    return {row.name: row.share_minor for row in share_out(total, weights)}


def late_days(programme: JSONObject, receivable: JSONObject, value_date: str) -> int:
    """Return for how many days money of a value date is late, 0 if in time."""
    start = date.fromisoformat(receivable["adjusted_date"])
    if programme["late_from"] == "grace":
        start += timedelta(days=programme["grace_days"])
    return max(0, (date.fromisoformat(value_date) - start).days)


def round_interest(programme: JSONObject, exact: int) -> int:
    """Return late interest in minor units, from unit · ppm · days, half up."""
    whole = PPM * (365 if programme["late_basis"] == "act365f" else 360)
    return (2 * exact + whole) // (2 * whole)


def walk_tiles(view: View, receivable: JSONObject) -> list[JSONObject]:
    """Return the tiles of a receivable, each beginning where the last ended.

    Raises:
        LedgerError: ``sweep_wrong``, there is a gap.
    """
    tiles = []
    position = 0
    while position < receivable["face_minor"]:
        tile = read_record(view, "tile", str(position), receivable["id"])
        if tile is None:
            raise _wrong(receivable["id"], f"a tile at {position}", "none")
        tiles.append(tile)
        position = tile["hi"]
    return tiles


class SweepWatch:
    """Follows a replay and recomputes each sweep in the block that ends it."""

    def __init__(self) -> None:
        """Start before block 0."""
        self._lines: dict[str, dict[str, JSONObject]] = {}

    def observe(self, block: Block) -> list[SweepAccount]:
        """Check the sweeps that a block ended; return them recomputed.

        Raises:
            LedgerError: ``sweep_wrong``, with receivable and sweep.
        """
        for _, line in block.left("line"):
            # As it was first written: a reversal changes it later.
            if not line_back(line):
                self._lines.setdefault(line["sweep"], {}).setdefault(line["id"], line)
        for sweep in block.new("sweep"):
            _check_standing(block, sweep)
        ended: dict[str, list[JSONObject]] = {}
        for _, sweep in block.left("sweep"):
            receivable = _need(block.view, "receivable", sweep["receivable"])
            if receivable.get("sweep") != sweep["id"]:
                ended.setdefault(receivable["id"], []).append(sweep)
        return [
            account
            for item, sweeps in sorted(ended.items())
            for account in self._check_receivable(block.view, item, sweeps)
        ]

    def _check_receivable(
        self, view: View, receivable_id: str, sweeps: list[JSONObject]
    ) -> list[SweepAccount]:
        receivable = _need(view, "receivable", receivable_id)
        programme = _need(view, "programme", receivable["programme"])
        after = _After(view, receivable)
        accounts = []
        # One sweep a payment, in order of attestation: undone from the last.
        for sweep in sorted(sweeps, key=lambda item: _order(view, item), reverse=True):
            _check_contested(view, sweep)
            lines = list(self._lines.pop(sweep["id"], {}).values())
            after.undo(sweep, lines, programme)
            accounts.append(recompute(programme, after, sweep, lines))
        for account in accounts:
            check_sweep(account, after)
        return accounts


def _order(view: View, sweep: JSONObject) -> str:
    order: str = _need(view, "receipt", sweep["receipt"])["order"]
    return order


def _need(view: View, kind: str, item: str) -> JSONObject:
    record = read_record(view, kind, item)
    if record is None:
        raise _wrong(item, f"a {kind}", "none")
    return record


def _wrong(item: str, expected: object, found: object, **facts: object) -> LedgerError:
    return LedgerError(
        "sweep_wrong", expected=expected, found=found, record=item, **facts
    )


def group_name(record: JSONObject) -> str:
    """Return holder, pledge and recourse class of a tile or line."""
    return f"{record['holder']}/{record.get('pledge', '')}/{record['recourse_class']}"


class _After:
    """A receivable's units and interest, taken back sweep by sweep."""

    def __init__(self, view: View, receivable: JSONObject) -> None:
        self._view = view
        self.receivable = receivable
        self.tiles = walk_tiles(view, receivable)
        self.interest_paid = receivable["interest_paid_minor"]
        self.interest_paid += receivable.get("interest_waived_minor", 0)
        self.accumulators: dict[str, list[int]] = {}
        for tile in self.tiles:
            name = group_name(tile)
            if name not in self.accumulators:
                self.accumulators[name] = self._read_interest(name)

    def _read_interest(self, name: str) -> list[int]:
        record = read_record(self._view, "interest", name, self.receivable["id"])
        if record is None:
            return [0, 0]
        gone = record["paid_minor"] + record.get("waived_minor", 0)
        return [int(record["accumulator"]), gone]

    def undo(
        self, sweep: JSONObject, lines: list[JSONObject], programme: JSONObject
    ) -> None:
        """Make this the state before a sweep."""
        ids = {line["id"] for line in lines}
        self.tiles = [
            {**tile, "state": "live", "swept": sweep["id"]}
            if tile["state"] == "retired" and tile["line"] in ids
            else tile
            for tile in self.tiles
        ]
        days = late_days(programme, self.receivable, sweep["value_date"])
        for line in lines:
            pair = self.accumulators.setdefault(group_name(line), [0, 0])
            pair[0] -= line["principal_minor"] * programme["late_ppm"] * days
            pair[1] -= line["interest_minor"]
        self.interest_paid -= sweep["interest_minor"]

    def groups(self, sweep: JSONObject) -> list[Group]:
        """Return the groups with units or an accumulator, as a sweep met them."""
        live: dict[str, Group] = {}
        retired: dict[str, Group] = {}
        for tile in self.tiles:
            name = group_name(tile)
            side = live if tile["state"] == "live" else retired
            if tile["state"] != "reduced":
                group = side.setdefault(name, Group(name, tile["lo"]))
                if tile["state"] == "live":
                    group.units += tile["hi"] - tile["lo"]
                    group.tiles.append(tile)
                    if is_contested(sweep, tile):
                        group.contested += tile["hi"] - tile["lo"]
        for name, group in retired.items():
            if self.accumulators[name] != [0, 0]:
                live.setdefault(name, group)
        for name, group in live.items():
            group.accumulator, group.paid_minor = self.accumulators[name]
        return list(live.values())


def recompute(
    programme: JSONObject, before: _After, sweep: JSONObject, lines: list[JSONObject]
) -> SweepAccount:
    """Return what a sweep had to pay on the state before it."""
    groups = before.groups(sweep)
    days = late_days(programme, before.receivable, sweep["value_date"])
    growth = programme["late_ppm"] * days
    weights = [(g.name, g.key, g.accumulator + g.units * growth) for g in groups]
    total = round_interest(programme, sum(weight for _, _, weight in weights))
    due = share_out(total, weights)
    paid = {group.name: group.paid_minor for group in groups}
    owing = [(d.name, d.key, max(0, d.share_minor - paid[d.name])) for d in due]
    units = [(g.name, g.key, g.units - g.contested) for g in groups]
    doubtful = [(g.name, g.key, g.contested) for g in groups if g.contested]
    principal = sweep["principal_minor"]
    first = min(principal, sum(weight for _, _, weight in units))
    account = SweepAccount(
        sweep=sweep,
        principal=share_out(first, [row for row in units if row[2]]),
        contested=share_out(principal - first, doubtful),
        interest_due=due,
        interest=share_out(sweep["interest_minor"], owing),
        days=days,
        interest_total_minor=total,
        lines=lines,
    )
    _check_owed(programme, before, account, sum(g.units for g in groups))
    return account


def _check_standing(block: Block, sweep: JSONObject) -> None:
    """Return if a sweep just planned knows what disputes were limited to."""
    receivable = _need(block.view, "receivable", sweep["receivable"])
    disputes = receivable.get("disputes", [])
    rows = [row for row in disputes if row["until_ms"] >= block.time]
    standing = sorted(row["id"] for row in rows if "lo" in row)
    stated = sorted(part["id"] for part in sweep.get("contested", []))
    if standing != stated:
        raise _wrong(receivable["id"], standing, stated, sweep=sweep["id"])


def _check_contested(view: View, sweep: JSONObject) -> None:
    """Return if what a sweep paid last is what disputes were limited to."""
    names = ("hi", "lo", "receivable")
    for part in sweep.get("contested", []):
        dispute = _need(view, "dispute", part["id"])
        stated = {**part, "receivable": sweep["receivable"]}
        if any(dispute.get(name) != stated[name] for name in names):
            raise _wrong(sweep["receivable"], dispute["id"], part, sweep=sweep["id"])


def is_contested(sweep: JSONObject, tile: JSONObject) -> bool:
    """Say whether a dispute that a sweep met is limited to units of a tile."""
    return any(
        part["lo"] < tile["hi"] and tile["lo"] < part["hi"]
        for part in sweep.get("contested", [])
    )


def _check_owed(
    programme: JSONObject, before: _After, account: SweepAccount, units: int
) -> None:
    """Return if a sweep took no more than was owed, in the agreed order."""
    sweep = account.sweep
    principal, interest = sweep["principal_minor"], sweep["interest_minor"]
    owed = max(0, account.interest_total_minor - before.interest_paid)
    facts = {"sweep": sweep["id"]}
    item = sweep["receivable"]
    if principal > units or interest > owed:
        raise _wrong(
            item, f"at most {units} and {owed}", f"{principal} and {interest}", **facts
        )
    interest_first = programme["order"] == "interest_first"
    first, rest = (interest, principal) if interest_first else (principal, interest)
    if rest and first != (owed if interest_first else units):
        raise _wrong(item, programme["order"], f"{principal} and {interest}", **facts)


def check_sweep(account: SweepAccount, after: _After) -> None:
    """Return if each group got its share and lost its highest units for it.

    Raises:
        LedgerError: ``sweep_wrong``, naming the first group that differs.
    """
    sweep = account.sweep
    principal = [*account.principal, *account.contested]
    expected = _sum_pairs(
        *((row.name, row.share_minor, 0) for row in principal),
        *((row.name, 0, row.share_minor) for row in account.interest),
    )
    found = _sum_pairs(
        *(
            (group_name(line), line["principal_minor"], line["interest_minor"])
            for line in account.lines
        )
    )
    for name in sorted(expected.keys() | found.keys()):
        want, have = expected.get(name, (0, 0)), found.get(name, (0, 0))
        if want != have:
            raise _wrong(sweep["receivable"], want, have, sweep=sweep["id"], group=name)
    _check_units(sweep, expected, after)


def _sum_pairs(*rows: tuple[str, int, int]) -> dict[str, tuple[int, int]]:
    """Return principal and interest by group, without those that get nothing."""
    sums: dict[str, tuple[int, int]] = {}
    for name, principal, interest in rows:
        before = sums.get(name, (0, 0))
        sums[name] = (before[0] + principal, before[1] + interest)
    return {name: pair for name, pair in sums.items() if pair != (0, 0)}


def _check_units(
    sweep: JSONObject, expected: Mapping[str, tuple[int, int]], after: _After
) -> None:
    """Return if exactly the highest live units of each group were retired.

    What is contested goes last, as if it lay below all the others.
    """
    gone: Counter[str] = Counter()
    lowest: dict[str, tuple[bool, int]] = {}
    highest: dict[str, tuple[bool, int]] = {}
    for tile in after.tiles:
        name, is_clear = group_name(tile), not is_contested(sweep, tile)
        if tile.get("swept") == sweep["id"]:
            gone[name] += tile["hi"] - tile["lo"]
            place = (is_clear, tile["lo"])
            lowest[name] = min(place, lowest.get(name, place))
        elif tile["state"] == "live" and "swept" not in tile:
            place = (is_clear, tile["hi"])
            highest[name] = max(place, highest.get(name, place))
    for name, (principal, _) in expected.items():
        if gone[name] != principal:
            raise _wrong(sweep["receivable"], principal, gone[name], group=name)
        if principal and highest.get(name, (False, 0)) > lowest[name]:
            raise _wrong(
                sweep["receivable"],
                "the highest units retired",
                f"unit {lowest[name][1]} below a live one",
                group=name,
            )
