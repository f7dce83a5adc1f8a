"""Who may act: keys, persons and approval policies, judged by the kernel.

A rule only declares which members must sign and what each gives. Whether the
keys under an envelope speak for those members is decided here, from state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from ledger.blocks import date_at
from ledger.encoding import INTEGER_MAX, JSONObject
from ledger.errors import LedgerError
from ledger.state import View, read_record, scan_records
from ledger.transactions import Envelope

ANY: Final = "any"
ADMIN: Final = "admin"
# Classes no policy knows: as many persons, or admins, as the act itself says.
PERSONS: Final = "persons"
ADMINS: Final = "admins"
GIVE: Final = "give"
# What the only person of a firm signs for alone, whatever its bands say.
ALONE: Final = frozenset((ADMIN, "accept", "submit"))
DUTIES: Final = ("maker", "checker", "admin")


class Signer(NamedTuple):
    """A member that must sign and what its policy is asked for.

    Attributes:
        persons: distinct persons at least, whatever the policy says.
        alone: the only person of a firm may sign above its band; the act's
            handler is told and lets the others wait.
    """

    member: str
    action: str
    amount_minor: int = 0
    currency: str = ""
    persons: int = 0
    alone: bool = False


class Demand(Protocol):
    """The shape of a declared signer, whoever declares it."""

    @property
    def member(self) -> str:
        """Member id."""

    @property
    def action(self) -> str:
        """Action class of the policy."""

    @property
    def amount_minor(self) -> int:
        """What the member gives, minor units."""

    @property
    def currency(self) -> str:
        """ISO 4217 code, empty without amount."""


class ActingKey(NamedTuple):
    """A registered key, and what else its member's acts are judged by.

    Attributes:
        duties: ``maker``, ``checker``, ``admin``.
        heights: from which and until before which it counts.
        times: the same in block times.
        suspended: whether its member is.
        policy: of its member; it may hold a next one.
        flat: how many persons that policy asks for, whatever the act, now and
            later; 0 if it depends.
    """

    key_id: str
    public: bytes
    member: str
    person: str
    duties: tuple[str, ...]
    heights: tuple[int, int] = (0, INTEGER_MAX)
    times: tuple[int, int] = (0, INTEGER_MAX)
    suspended: bool = False
    policy: JSONObject | None = None
    flat: int = 0


class Granted(NamedTuple):
    """What signatures that satisfy every policy amount to.

    Attributes:
        totals: day totals to write if the act succeeds.
        alone: members whose only person signed above its band.
    """

    totals: list[DayTotal]
    alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DayTotal:
    """A running total that a successful act adds to."""

    member: str
    action: str
    currency: str
    date: str
    total_minor: int


Totals = dict[tuple[str, str, str], DayTotal]  # by member, class and currency


def find_acting_keys(
    view: View, envelope: Envelope, height: int, time: int, by: Sequence[str]
) -> list[ActingKey]:
    """Return the active keys of an envelope's signatures.

    Raises:
        LedgerError: ``unknown_key``, a key that is not registered or not
            active at this height and time; ``wrong_signers``, a key of a member that
            does not act, or an acting member without a signature.
    """
    # Taken before anything is read: what changes meanwhile has another one.
    people = view.people
    keys = []
    for key_id, _ in envelope.signatures:
        key = people.get(key_id) or _load_key(view, people, key_id)
        since, until = key.heights
        since_ms, until_ms = key.times
        if not (since <= height < until and since_ms <= time < until_ms):
            raise LedgerError("unknown_key", found=key_id[:16])
        keys.append(key)
    signing = {key.member for key in keys}
    if signing != set(by):
        raise LedgerError(
            "wrong_signers",
            expected=_short(by),
            found=_short(signing),
        )
    return keys


_KNOWN_MAX: Final = 65_536
# One of each for all keys, and so near at hand.
_DUTIES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}


def _load_key(view: View, people: dict[str, ActingKey], key_id: str) -> ActingKey:
    record = read_record(view, "key", key_id)
    if record is None:
        raise LedgerError("unknown_key", found=key_id[:16])
    member = record["member"]
    duties = tuple(record["duties"])
    policy = read_record(view, "policy", member)
    key = ActingKey(
        key_id,
        bytes.fromhex(record["public"]),
        member,
        record["person"],
        _DUTIES.setdefault(duties, duties),
        (record["from_height"], record.get("until_height", INTEGER_MAX)),
        _times_of(record),
        is_suspended(view, member),
        policy,
        _flat_persons(policy),
    )
    if len(people) >= _KNOWN_MAX:
        people.clear()
    people[key_id] = key
    return key


def load_keys(view: View) -> None:
    """Have all members' keys known, as when each had signed once."""
    people = view.people
    for member in scan_records(view, "members", ""):
        for key in scan_records(view, "keys", member["id"]):
            if len(people) < _KNOWN_MAX:
                _load_key(view, people, key["id"])


def _flat_persons(policy: JSONObject | None) -> int:
    if policy is None or "next" in policy or len(policy["approvals"]) > 1:
        return 0
    (row,) = policy["approvals"]
    plain = row["action"] == ANY and len(row["bands"]) == 1
    return _persons_of(row["bands"][0]) if plain else 0


def _short(members: Iterable[str]) -> str:
    return " ".join(sorted(member[:12] for member in members))


def _times_of(key: JSONObject) -> tuple[int, int]:
    # Only a recovery plans ahead; it may be vetoed until then.
    return key.get("from_time", 0), key.get("until_time", INTEGER_MAX)


def is_active(key: JSONObject, height: int, time: int) -> bool:
    """Say whether a key record counts in a block of this height and time."""
    until: int = key.get("until_height", INTEGER_MAX)
    from_time, until_time = _times_of(key)
    counts = key["from_height"] <= height < until
    return bool(counts and from_time <= time < until_time)


def is_ended(key: JSONObject, time: int) -> bool:
    """Say whether a key record was revoked, or replaced by a recovery."""
    return "until_height" in key or _times_of(key)[1] <= time


def count_persons(view: View, member: str, time: int) -> int:
    """Return how many persons stand behind the keys a member has not ended."""
    keys = scan_records(view, "keys", member)
    return len({key["person"] for key in keys if not is_ended(key, time)})


def check_demands(
    view: View,
    demands: Sequence[Demand],
    by: Sequence[str],
    keys: Sequence[ActingKey],
    time: int,
) -> Granted:
    """Return the day totals to write if the signatures satisfy every policy.

    Several demands on one member are met one by one and their amounts add up.

    Raises:
        LedgerError: ``wrong_signers``, ``by`` differs from the declared
            members; ``policy_not_met``, too few distinct persons, or no maker
            with another person as checker; ``one_person``, the only person of
            a firm gives more than its band.
    """
    if {demand.member for demand in demands} != set(by):
        raise LedgerError(
            "wrong_signers",
            expected=_short({demand.member for demand in demands}),
            found=_short(by),
        )
    totals: Totals = {}
    alone: dict[str, None] = {}
    for demand in demands:
        own = [key for key in keys if key.member == demand.member]
        if demand.action in (ADMINS, PERSONS):
            check_number(own, demand)
            continue
        asked = own[0].flat or _persons_by_policy(
            view, demand, own[0].policy, time, totals
        )
        needed = max(asked, least_persons(demand))
        if needed > 1 and len({key.person for key in own}) == 1:
            needed = persons_of_one(view, demand, needed, time, alone)
        check_persons(own, needed, admin=demand.action == ADMIN)
    return Granted(list(totals.values()), tuple(alone))


def _persons_by_policy(
    view: View, demand: Demand, stored: JSONObject | None, time: int, totals: Totals
) -> int:
    policy = in_force(stored, demand.member, time)
    bands, counted = find_bands(policy, demand)
    total = demand.amount_minor
    if counted:
        place = (demand.member, demand.action, demand.currency)
        date = date_at(time, policy["offset_minutes"])
        pending = totals.get(place)
        total += (
            read_total(view, demand, date) if pending is None else pending.total_minor
        )
        totals[place] = DayTotal(*place, date, total)
    return choose_persons(bands, total)


def persons_of_one(
    view: View, demand: Demand, needed: int, time: int, alone: dict[str, None]
) -> int:
    """Return 1 where a firm's only person may sign though more are needed.

    Args:
        view: the state.
        demand: one that more persons would have to meet.
        needed: how many.
        time: block time.
        alone: is told the member if the act has to wait for that.

    Raises:
        LedgerError: ``one_person``, it is told what it may do instead.
    """
    if count_persons(view, demand.member, time) != 1:
        return needed
    if getattr(demand, "alone", False):
        alone[demand.member] = None
        return 1
    if demand.action == GIVE:
        raise LedgerError("one_person", expected=f"{needed} persons")
    return 1 if demand.action in ALONE else needed


def check_number(keys: Sequence[ActingKey], demand: Demand) -> None:
    """Return if the keys stand for as many persons as the act itself asks for.

    Raises:
        LedgerError: ``policy_not_met``.
    """
    counting = [k for k in keys if demand.action == PERSONS or "admin" in k.duties]
    persons, needed = len({key.person for key in counting}), least_persons(demand)
    if persons < needed:
        raise LedgerError("policy_not_met", expected=f"{needed} persons", found=persons)


def in_force(policy: JSONObject | None, member: str, time: int) -> JSONObject:
    """Return what a policy's record says at a block time."""
    if policy is None:
        raise LedgerError("wrong_signers", found=f"no member {member[:12]}")
    if "next" in policy and policy["from_time"] <= time:
        return {**policy, **policy["next"]}
    return policy


def total_id(action: str, currency: str, date: str) -> str:
    """Return the id of a running total within its member's scope."""
    return f"{action}/{currency}/{date}"


def read_total(view: View, demand: Demand, date: str) -> int:
    """Return what a member gave so far on a day, in a class and currency."""
    item = total_id(demand.action, demand.currency, date)
    record = read_record(view, "total", item, demand.member)
    return 0 if record is None else int(record["total_minor"])


def find_bands(policy: JSONObject, demand: Demand) -> tuple[list[JSONObject], bool]:
    """Return the bands that judge a demand, and whether totals count.

    No matching band, or another currency, means the top band: an unknown
    currency must never be a way around a limit. Acts on keys and policies
    always take the top band.

    Raises:
        LedgerError: ``policy_not_met``, the policy says nothing of the class.
    """
    approvals = policy["approvals"]
    for action in (demand.action, ANY):
        rows = approvals
        if len(approvals) != 1 or approvals[0]["action"] != action:
            rows = [row for row in approvals if row["action"] == action]
        if not rows:
            continue
        currency = demand.currency
        matching = [row for row in rows if row.get("currency", "") == currency]
        if not matching or demand.action == ADMIN:
            top: JSONObject = rows[0]["bands"][-1]
            if len(rows) > 1:
                top = max((row["bands"][-1] for row in rows), key=_persons_of)
            return [top], False
        bands = matching[0]["bands"]
        return bands, len(bands) > 1 and demand.amount_minor > 0
    raise LedgerError("policy_not_met", expected=f"a policy for {demand.action}")


def persons_for(view: View, demand: Demand, time: int) -> int:
    """Return how many persons of a member a demand asks for as things stand.

    Raises:
        LedgerError: ``policy_not_met``; ``one_person``.
    """
    if demand.action in (ADMINS, PERSONS):
        return least_persons(demand)
    stored = read_record(view, "policy", demand.member)
    asked = _persons_by_policy(view, demand, stored, time, {})
    needed = max(asked, least_persons(demand))
    return persons_of_one(view, demand, needed, time, {}) if needed > 1 else needed


def highest_band(policy: JSONObject) -> int:
    """Return the most persons a policy asks for, whatever the act."""
    return max(_persons_of(row["bands"][-1]) for row in policy["approvals"])


def least_persons(demand: Demand) -> int:
    """Return how many persons the rule itself asks for, 0 if it says nothing."""
    return int(getattr(demand, "persons", 0))


def _persons_of(band: JSONObject) -> int:
    return int(band["persons"])


def choose_persons(bands: Sequence[JSONObject], total_minor: int) -> int:
    """Return how many persons a running total asks for."""
    for band in bands[:-1]:
        if total_minor <= band["up_to_minor"]:
            return _persons_of(band)
    return _persons_of(bands[-1])


_ADMINISTERING: Final = frozenset(("admin",))
_ACTING: Final = frozenset(("maker", "checker"))


def check_persons(keys: Sequence[ActingKey], needed: int, *, admin: bool) -> None:
    """Return if the keys of one member stand for enough distinct persons.

    Args:
        keys: acting keys of one member.
        needed: distinct persons the policy asks for, 1 or more.
        admin: the act is on keys and policies; only admins count.

    Raises:
        LedgerError: ``policy_not_met``.
    """
    duties = _ADMINISTERING if admin else _ACTING
    counting = [key for key in keys if not duties.isdisjoint(key.duties)]
    if needed == 1 and counting:
        return
    persons = {key.person for key in counting}
    if len(persons) < needed:
        raise LedgerError(
            "policy_not_met", expected=f"{needed} persons", found=len(persons)
        )
    if needed == 1 or admin:
        return
    makers = {key.person for key in counting if "maker" in key.duties}
    checkers = {key.person for key in counting if "checker" in key.duties}
    if not any(maker != checker for maker in makers for checker in checkers):
        raise LedgerError("policy_not_met", expected="a maker and a different checker")


def check_not_suspended(view: View, members: Iterable[str]) -> None:
    """Return if none of the members is suspended.

    Raises:
        LedgerError: ``member_suspended``.
    """
    for member in members:
        if is_suspended(view, member):
            raise LedgerError("member_suspended", found=member[:12])


def check_keys_free(keys: Sequence[ActingKey]) -> None:
    """Return if no member that acts was suspended when its key was found.

    Raises:
        LedgerError: ``member_suspended``.
    """
    suspended = [key.member for key in keys if key.suspended]
    if suspended:
        raise LedgerError("member_suspended", found=min(suspended)[:12])


def is_suspended(view: View, member: str) -> bool:
    """Say whether a member may do no new business."""
    record = read_record(view, "member", member)
    return record is not None and record["status"] == "suspended"


def check_approvals(approvals: Sequence[Mapping[str, object]]) -> None:
    """Return if a list of approval rows is a usable policy.

    Raises:
        LedgerError: ``bad_body``, no row for any act, bands out of order, a
            last band with a limit, or two rows for one act and currency.
    """
    seen = set()
    for row in approvals:
        name = (row["action"], row.get("currency", ""))
        if name in seen:
            raise LedgerError("bad_body", expected="one row an act and currency")
        seen.add(name)
        bands: list[JSONObject] = row["bands"]  # type: ignore[assignment]
        if "up_to_minor" in bands[-1]:
            raise LedgerError("bad_body", expected="no limit on the last band")
        limits = [band.get("up_to_minor", 0) for band in bands[:-1]]
        if limits != sorted(set(limits)) or 0 in limits:
            raise LedgerError("bad_body", expected="bands in rising order")
        persons = [band["persons"] for band in bands]
        if persons != sorted(persons):
            raise LedgerError("bad_body", expected="not fewer persons for more money")
    if (ANY, "") not in seen:
        raise LedgerError("bad_body", expected="a row for action any")
