"""What the naive model remembers: receivables, tiles, offers, receipts, lines."""

import datetime as dt
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Concatenate, ParamSpec, Protocol, TypeVar

DAY_MS = 86_400_000
ZONE_MS = 480 * 60_000


class Places(Protocol):
    """What an operation leaves behind in whatever model it belongs to."""

    reason: str

    def place_idle(self) -> None:
        """Give money that waits for nothing to what is due and needs it."""


M = TypeVar("M", bound=Places)
P = ParamSpec("P")

REMITTER = "remitter"  # stands for whoever a payment came from

Group = tuple[str, tuple[str, ...]]  # holder, chain of transferors
Invoice = tuple[str, str, int, int]  # number, issue date, amount, amount used


class RefusedError(Exception):
    """Raised inside an operation that changes nothing."""


def need(*, reason: str, that: bool) -> None:
    """Stop the operation for this reason unless the condition holds."""
    if not that:
        raise RefusedError(reason)


def operation(
    act: Callable[Concatenate[M, P], None],
) -> Callable[Concatenate[M, P], str]:
    """Turn a method that may raise a refusal into one that answers."""

    @functools.wraps(act)
    def answer(model: M, /, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            act(model, *args, **kwargs)
        except RefusedError as refusal:
            model.reason = str(refusal)
            return "refused"
        model.reason = ""
        model.place_idle()
        return "ok"

    return answer


def share(amount: int, weights: Sequence[int]) -> list[int]:
    """Share an amount by largest remainder; ties go to the earlier weight."""
    total = sum(weights)
    if total == 0:
        return [0 for _ in weights]
    exact = [Fraction(amount * weight, total) for weight in weights]
    shares = [math.floor(value) for value in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_rest[: amount - sum(shares)]:
        shares[i] += 1
    return shares


def strict_number(number: str) -> str:
    """Return an invoice number as its identity has it."""
    return "".join(number.upper().split())


def parse_date(text: str) -> dt.date:
    """Return the date an ISO text names, or refuse."""
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise RefusedError("not a date") from None
    need(that=date.isoformat() == text, reason="not a date as the rules write it")
    return date


@dataclass
class Line:
    """What one sweep paid one group of one receivable."""

    ref: str
    rid: str
    holder: str
    chain: tuple[str, ...]
    value_date: str
    principal: int  # what stands, earlier reversals taken off
    interest: int
    owed: int  # what the group was owed just before
    due: int = 0  # of its payout, not yet sent to the bank
    sent: int = 0  # of its payout, sent and not yet paid
    paid: int = 0  # of its payout, paid and not returned

    @property
    def net(self) -> int:
        """What the line paid and nobody took back."""
        return self.principal + self.interest


@dataclass
class Tile:
    """Units of a receivable that were cut together."""

    lo: int
    hi: int
    holder: str
    chain: tuple[str, ...]
    line: Line | None = None  # the line that retired it

    @property
    def size(self) -> int:
        """Number of units."""
        return self.hi - self.lo

    @property
    def group(self) -> Group:
        """Those that are paid together."""
        return self.holder, self.chain


@dataclass
class Receipt:
    """A credit, and where the part of it is that no sweep has used."""

    ref: str
    amount: int
    value_date: str
    suspense: int = 0
    unassigned: int = 0
    returned: int = 0
    reversed: int = 0
    waiting: dict[str, int] = field(default_factory=dict)  # by receivable

    @property
    def unswept(self) -> int:
        """Money that is still to be used."""
        return self.suspense + self.unassigned + sum(self.waiting.values())


@dataclass
class Receivable:
    """One receivable from its first proposal on."""

    rid: str
    supplier: str
    gross: int
    deductions: list[int]
    due_date: str
    invoices: list[Invoice]
    stage: str  # as the state, but "live" for all that follows confirmation
    proposer: str
    created_ms: int
    holds_uses: bool = True
    confirmed: int = 0  # order of confirmation
    overdue: bool = False
    tiles: list[Tile] = field(default_factory=list)

    @property
    def face(self) -> int:
        """The confirmed net."""
        return self.gross - sum(self.deductions)

    @property
    def live(self) -> list[Tile]:
        """Live tiles, lowest first."""
        return sorted((t for t in self.tiles if not t.line), key=lambda t: t.lo)

    @property
    def outstanding(self) -> int:
        """Live units."""
        return sum(tile.size for tile in self.live)


@dataclass
class Offer:
    """Part of a tile offered to one receiver."""

    oid: str
    rid: str
    tile: Tile
    lo: int
    hi: int
    to: str
    deadline_ms: int
    recourse: bool
    is_open: bool = True


def groups_of(tiles: Iterable[Tile]) -> list[Group]:
    """Return the groups by their lowest live unit, or retired if none is live."""
    lowest: dict[Group, tuple[bool, int]] = {}
    for tile in tiles:
        place = bool(tile.line), tile.lo
        lowest[tile.group] = min(lowest.get(tile.group, place), place)
    return sorted(lowest, key=lambda group: lowest[group][1])
