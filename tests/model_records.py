"""What the naive model remembers: receivables, tiles, offers, receipts, lines."""

import datetime as dt
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

DAY_MS = 86_400_000
ZONE_MS = 480 * 60_000


class Places(Protocol):
    """What an operation leaves behind in whatever model it belongs to."""

    reason: str

    def follow_up(self) -> None:
        """Do what follows from an operation of itself."""


M = TypeVar("M", bound=Places)
P = ParamSpec("P")

REFUNDS = "refunds"  # stands for a receivable where money went back twice
REMITTER = "remitter"  # stands for whoever a payment came from
RECOURSE = " with recourse"  # ends the name of a transferor that stands in

DEFAULTS: dict[str, Any] = {
    "recourse_trigger": "default",
    "recourse_days": 30,
    "recourse_price": "face_interest",
    "late_close_days": 3,
    "day_basis": "booking",
    "tolerance_minor": 0,
    "tolerance_days": 0,
    "undertaking": "absolute",
    "dispute_days": 30,
    "suspense_days": 90,
    "payout_min_minor": 0,
    "payout_days": 30,
    "exposure_max_minor": None,
    "fees": [],
    "account_delay_days": 3,
}

Group = tuple[str, tuple[str, ...]]  # holder, chain of transferors
Part = tuple[frozenset[str], str]  # orders on the units paid; the one that has it
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
        model.follow_up()
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
    """What one sweep paid one group of one receivable, or a price, or a refund.

    Its payout is in parts: each is of units under the same orders, and one order
    at most has it. Parts wait here, are sent to a payee, and are paid.
    """

    ref: str
    rid: str
    holder: str
    chain: tuple[str, ...]
    value_date: str
    principal: int  # what stands, earlier reversals taken off
    interest: int
    owed: int  # what the group was owed just before
    orders: frozenset[str] = frozenset()  # on the units it paid
    party: str = ""  # whom an order on a member means by it
    parts: dict[Part, int] = field(default_factory=dict)  # not yet sent
    sent: dict[tuple[str, Part], int] = field(default_factory=dict)  # not yet paid
    paid: dict[tuple[str, Part], int] = field(default_factory=dict)  # not returned
    groups: dict[Group, int] = field(default_factory=dict)  # with whose units it is
    carried: dict[Group, int] = field(default_factory=dict)  # the same, when it went
    in_default: bool = False  # swept while the receivable was in default
    is_small: bool = False  # waits for more to be paid together
    credited: int = 0  # what its holder was to get, claims taken off
    undone: int = 0  # of what it paid
    cancelled: int = 0  # of what was undone
    made_ms: int = 0
    due_on: str = ""  # the date of its payout

    @property
    def net(self) -> int:
        """What the line paid and nobody took back."""
        return self.principal + self.interest

    def give_interest(self, amount: int) -> None:
        """Let late interest go back, from whosever units it went with.

        Choice carried-interest: what is left is shared as it was when it went.
        """
        self.interest -= amount
        weights = self.carried or self.groups
        parts = share(self.interest, [*weights.values()][::-1])[::-1]
        self.groups = dict(zip(weights, parts, strict=True))

    @property
    def lost(self) -> int:
        """What was undone when it had been sent, and did not come back since."""
        return max(0, min(self.undone, self.credited) - self.cancelled)

    @property
    def unsent(self) -> int:
        """What was not sent to the bank, held or not."""
        return sum(self.parts.values())

    @property
    def due(self) -> int:
        """What was not sent and no order has."""
        return sum(amount for (_, order), amount in self.parts.items() if not order)

    def add(self, part: Part, amount: int) -> None:
        """Let an amount wait in a part; or take it away, if negative."""
        amount += self.parts.pop(part, 0)
        if amount:
            self.parts[part] = amount

    def taken(self, order: str) -> int:
        """Return what an order has of the payout, sent and paid included."""
        moved = [*self.sent.items(), *self.paid.items()]
        places = [*self.parts.items(), *((key[1], amount) for key, amount in moved)]
        return sum(amount for part, amount in places if part[1] == order)

    def cancel(self, amount: int) -> int:
        """Cancel up to an amount that is not sent. Choice cancel-free: free first."""
        left = amount
        for part in sorted(self.parts, key=lambda x: (bool(x[1]), x[1], sorted(x[0]))):
            gone = min(left, self.parts[part])
            self.add(part, -gone)
            left -= gone
        return amount - left


@dataclass
class Tile:
    """Units of a receivable that were cut together."""

    lo: int
    hi: int
    holder: str
    chain: tuple[str, ...]
    line: Line | None = None  # the line that retired it
    gone: str = ""  # "redeemed", "reduced" or "waived" if no payment retired it
    gone_date: str = ""

    @property
    def is_live(self) -> bool:
        """Whether the debtor still owes it."""
        return not self.line and not self.gone

    @property
    def kind(self) -> str:
        """What has become of the units, in one word."""
        if self.is_live:
            return "live"
        return "reduced" if self.gone in {"reduced", "waived"} else "retired"

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
    recalled: int = 0  # by its bank, though it had been sent back
    payer: str = ""
    priced: int = 0  # paid the price of a deal
    deal: str = ""  # the deal whose price it paid
    suspended_ms: int = 0  # since when money of it is in suspense
    held_until: str = ""  # first day on which its owner no longer keeps it
    administered: bool = False  # in suspense for the debtor's administrator
    waiting: dict[str, int] = field(default_factory=dict)  # by receivable

    @property
    def unswept(self) -> int:
        """Money that is still to be used."""
        return self.suspense + self.unassigned + sum(self.waiting.values())


@dataclass
class Notice:
    """Days on which who has units could call on recourse, and could before."""

    lo: int
    hi: int
    days: list[int]  # from the supplier on, by whom the units went through
    given: bool = False  # who has them did call


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
    default: bool = False
    waived: dict[Group, int] = field(default_factory=dict)  # late interest
    reduction_claim: int = 0  # on the supplier
    passed: bool = False  # ever, whoever holds it now
    notices: list[Notice] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)

    @property
    def face(self) -> int:
        """The confirmed net."""
        return self.gross - sum(self.deductions)

    @property
    def live(self) -> list[Tile]:
        """Live tiles, lowest first."""
        return sorted((t for t in self.tiles if t.is_live), key=lambda t: t.lo)

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


@dataclass
class Deal:
    """A price agreed for part of a tile: what moves when it is paid."""

    did: str
    kind: str  # "sale", "recourse", "redemption" or "repurchase"
    rid: str
    tile: Tile
    lo: int
    hi: int
    seller: str  # who holds the part and is paid
    buyer: str  # who pays
    price: int
    pay_by_ms: int
    before: Group
    after: Group
    span: tuple[int, int]  # the whole tile, which stays locked as it is
    state: str = "open"  # then "done" or "lapsed"; done may become "returned"
    claim: int = 0  # on the buyer, for a price that went back
    owing: list[int] = field(default_factory=list)  # to each payee who never got it
    again: int = 0  # redeemed units that are owed again
    lost: int = 0  # of its price, that went back when it had been sent
    shortfall: int = 0  # named by a payee who was paid directly
    fees: tuple[tuple[str, int], ...] = ()  # payee and amount, out of the price
    is_late: bool = False  # of a part that the buyer knew to be overdue
    aware: bool = False

    @property
    def owed(self) -> int:
        """What the buyer owes of its price to those it was for."""
        return sum(self.owing)

    @property
    def payees(self) -> list[str]:
        """Whom the price is for, the seller and then those of the fees."""
        return [self.seller, *(payee for payee, _ in self.fees)]


@dataclass
class Freeze:
    """An order on units, a member, an amount of a member's, or an account.

    Insolvency is an order on a member that sends its money to an administrator.
    """

    order_id: str
    cover: str  # "units", "member", "amount", "payout_account", "account", "receipt"
    expires_ms: int | None
    rid: str = ""
    lo: int = 0
    hi: int = 0
    member: str = ""
    amount: int = 0  # up to so much
    ref: str = ""
    rank: int = 1
    redirect: str = ""  # to whom money goes, else it is held
    may_dispose: bool = False  # units may pass on although it is in force
    in_force: bool = True


@dataclass
class Change:
    """A planned change of where a member is paid."""

    name: str
    from_ms: int
    is_verified: bool = False


@dataclass
class Dispute:
    """An amount the debtor says it does not owe."""

    dispute_id: str
    rid: str
    amount: int
    deadline_ms: int
    is_open: bool = True


def zone_date(ms: int) -> str:
    """Return the date in the programme's zone."""
    days = (ms + ZONE_MS) // DAY_MS
    return (dt.date(1970, 1, 1) + dt.timedelta(days=days)).isoformat()


def transferor(chain: tuple[str, ...]) -> tuple[str, bool]:
    """Return the last transferor of a chain and whether it stands in."""
    name = chain[-1].removesuffix(RECOURSE)
    return name, name != chain[-1]


def groups_of(tiles: Iterable[Tile]) -> list[Group]:
    """Return the groups by their lowest live unit, or retired if none is live."""
    lowest: dict[Group, tuple[bool, int]] = {}
    for tile in tiles:
        place = not tile.is_live, tile.lo
        lowest[tile.group] = min(lowest.get(tile.group, place), place)
    return sorted(lowest, key=lambda group: lowest[group][1])


def is_business_day(day: dt.date, calendar: dict[str, Any]) -> bool:
    """Tell whether banks work: a make-up workday beats everything."""
    if day.isoformat() in calendar["workdays"]:
        return True
    weekend = day.weekday() in calendar["weekend"]
    return not weekend and day.isoformat() not in calendar["holidays"]


def adjust(text: str, calendar: dict[str, Any]) -> str:
    """Return the business day on or after a date."""
    day = parse_date(text)
    while not is_business_day(day, calendar):
        day += dt.timedelta(days=1)
    return day.isoformat()


def rounded(unit_days: int, terms: dict[str, Any]) -> int:
    """Return late interest on so many unit-days, rounded half up."""
    parts = 1_000_000 * terms["late_basis"]
    exact = Fraction(unit_days * terms["late_rate_ppm"], parts)
    return math.floor(exact + Fraction(1, 2))
