"""What is owed in the naive model: time, principal, late interest, whose it is.

Written from the business rules alone and for clarity alone: every figure is
recomputed from the whole history whenever it is asked for.
"""

import math
from fractions import Fraction
from typing import Any

from tests.model_records import (
    DEFAULTS,
    Change,
    Dispute,
    Freeze,
    Group,
    Line,
    Offer,
    Part,
    Receipt,
    Receivable,
    Tile,
    adjust,
    groups_of,
    parse_date,
    rounded,
    share,
    zone_date,
)


class OwedModel:
    """One programme of one debtor, with one collection account."""

    def __init__(self, programme: dict[str, Any]) -> None:
        self.terms = {**DEFAULTS, **programme}
        self.reason = ""
        self.now = 0
        self.receivables: dict[str, Receivable] = {}
        self.offers: dict[str, Offer] = {}
        self.receipts: dict[str, Receipt] = {}  # in order of attestation
        self.reversals: dict[str, int] = {}
        self.lines: list[Line] = []
        self.claims: dict[tuple[str, str], int] = {}  # holder, receivable
        self.charged: dict[str, int] = {}  # for prices and refunds that went back
        self.refunds: list[Line] = []  # money on its way back to its remitter
        self.prices: list[Line] = []  # what deals paid to who parted with units
        self.insolvent: set[str] = set()
        self.disposing: set[str] = set()  # of them, who may still pass units on
        self.disputes: dict[str, Dispute] = {}
        self.freezes: dict[str, Freeze] = {}  # in order of placing
        self.payments: dict[str, list[list[tuple[Line, Part, int]]]] = {}  # by payee
        self.entries: list[tuple[str, int]] = []  # booking date, signed amount
        self.accounts: dict[str, str] = {}  # where members are paid
        self.changes: dict[str, Change] = {}  # that are planned, by member
        self.closed = ""
        self.blocked = False
        self.orphaned = False  # nobody attests the account

    # Time

    @property
    def today(self) -> str:
        """The date in the programme's zone."""
        return zone_date(self.now)

    def adjust(self, text: str) -> str:
        """Return the business day on or after a date."""
        return adjust(text, self.terms["calendar"])

    def is_due(self, rec: Receivable) -> bool:
        """Tell whether the adjusted due date has begun."""
        return self.adjust(rec.due_date) <= self.today

    def days_between(self, rec: Receivable, date: str) -> int:
        """Return the days from the adjusted due date to a date."""
        return (parse_date(date) - parse_date(self.adjust(rec.due_date))).days

    # What is owed

    def accruals(self, rec: Receivable, date: str) -> dict[Group, int]:
        """Return unit-days after the due date, by group, retired units included."""
        sums = dict.fromkeys(groups_of(rec.tiles), 0)
        for tile in rec.tiles:
            sums[tile.group] += tile.size * self.days_late(rec, tile, date)
        return sums

    def days_late(self, rec: Receivable, tile: Tile, date: str) -> int:
        """Return the days after the due date on which a tile's units were owed.

        Choice reduced-interest: what was reduced was never owed.
        """
        if tile.gone == "reduced":
            return 0
        start = parse_date(self.adjust(rec.due_date))
        end = tile.line.value_date if tile.line else tile.gone_date or date
        return max(0, (parse_date(end) - start).days)

    def interest_total(self, rec: Receivable, date: str) -> int:
        """Return late interest to a date, paid or not, rounded once half up."""
        return rounded(sum(self.accruals(rec, date).values()), self.terms)

    def interest_paid(self, rec: Receivable, group: Group | None = None) -> int:
        """Return late interest paid and not reversed, to all or to one group."""
        mine = [line for line in self.lines if line.rid == rec.rid]
        if group is None:
            return sum(line.interest for line in mine)
        return sum(line.groups.get(group, 0) for line in mine)

    def carry_interest(self, rec: Receivable, tile: Tile, group: Group) -> None:
        """Let interest that a tile's units were paid follow them to a group.

        Choice carried-interest: by their part of the group's unit-days,
        rounded half up.
        """
        own = tile.size * self.days_late(rec, tile, self.today)
        if not own:
            return
        part = Fraction(own, self.accruals(rec, self.today)[tile.group])
        mine = [line for line in self.lines if line.rid == rec.rid]
        for paid in ([line.groups for line in mine], [rec.waived]):
            sums = [groups.get(tile.group, 0) for groups in paid]
            moved = math.floor(sum(sums) * part + Fraction(1, 2))
            for groups, moves in zip(paid, share(moved, sums), strict=True):
                groups[tile.group] = groups.get(tile.group, 0) - moves
                groups[group] = groups.get(group, 0) + moves
        for line in mine:
            line.carried = {**line.groups}

    def interest_due(self, rec: Receivable, date: str) -> int:
        """Return late interest of the receivable that is still to be paid."""
        done = self.interest_paid(rec) + sum(rec.waived.values())
        return max(0, self.interest_total(rec, date) - done)

    def interest_by_group(self, rec: Receivable, date: str) -> dict[Group, int]:
        """Return what each group is owed of the interest, by lowest unit."""
        sums = self.accruals(rec, date)
        shares = share(self.interest_total(rec, date), list(sums.values()))
        return {
            group: max(
                0, part - self.interest_paid(rec, group) - rec.waived.get(group, 0)
            )
            for group, part in zip(sums, shares, strict=True)
        }

    def owed(self, rec: Receivable, date: str) -> int:
        """Return principal and interest of a receivable at a value date."""
        return rec.outstanding + self.interest_due(rec, date)

    def is_open(self, rec: Receivable | None) -> bool:
        """Tell whether a receivable is confirmed and not settled."""
        return bool(rec and rec.stage == "live" and self.owed(rec, self.today))

    def open_receivables(self) -> list[Receivable]:
        """Return what the debtor still owes, in order of confirmation."""
        found = [rec for rec in self.receivables.values() if self.is_open(rec)]
        return sorted(found, key=lambda rec: rec.confirmed)

    def reserved(self, rid: str) -> int:
        """Return the money waiting for a receivable."""
        return sum(receipt.waiting.get(rid, 0) for receipt in self.receipts.values())

    def room(self, rec: Receivable, date: str) -> int:
        """Return what is owed less what already waits for it."""
        return max(0, self.owed(rec, date) - self.reserved(rec.rid))
