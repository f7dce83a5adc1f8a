"""Who sees what: one function, used by every route, list, event and proof.

A member sees what it is party to, for the time it is. The debtor sees what it
owes but neither holders nor prices; whoever has passed a part on keeps its own
steps; the operator sees members, not commerce; auditors and regulators see what
a grant in force covers, and by their role alone nothing. What one may not see
does not exist: reads go through a state in which such records are absent, so
lists, counts and errors cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Any, Final, NamedTuple

from ledger.encoding import JSONObject, load_record
from ledger.kernel import MANIFEST_HASH
from ledger.ordered import Row, read_row
from ledger.state import Opened, Partition, State, read_record, scan_records
from ledger.transactions import Transaction
from node.history import History, PlacedEvent
from node.ties import find_ties, walk_tiles

GRANTED_ROLES: Final = frozenset(("auditor", "regulator"))
# Acts that both sides of a receivable's terms may see.
ACTS_OF_TERMS: Final = frozenset(
    f"receivable.{verb}"
    for verb in (
        *("submit", "issue", "confirm", "accept", "counter", "reject"),
        *("decline", "cancel", "pay_early"),
    )
)
# Events of a receivable that tell nobody who holds it.
EVENTS_OF_TERMS: Final = frozenset(
    (
        *("submitted", "issued", "countered", "live", "rejected", "declined"),
        *("cancelled", "expired", "paid_early", "assigned", "matched"),
        *("sweep_planned", "swept", "overdue", "overdue_withdrawn"),
        *("overdue_corrected", "defaulted", "paid_short", "bank_data_late"),
        *("waived", "interest_returned", "date_moved", "reduced", "closed"),
        *("disputed", "dispute_extended", "dispute_ended", "undischarged"),
    )
)
ACTS_OF_ACCOUNTS: Final = (
    *("account.", "bank.", "discrepancy.", "mandate.", "payout.", "receipt."),
)
EVENTS_OF_KEYS: Final = frozenset(
    (
        *("key_added", "key_revoked", "key_compromised", "policy_set"),
        *("recovery_started", "recovery_vetoed", "payout_account_registered"),
        *("payout_account_kept", "payout_account_verified"),
    )
)
# What may bring a part to a member, who that is, and how long.
PASSING: Final = (
    ("offers", "receiver", "until_ms"),
    ("requests", "lender", "until_ms"),
    ("quotes", "lender", "until_ms"),
    ("deals", "payer", "pay_by_ms"),
)
# What names competitors is seen by who signed it; each is asked apart.
ACTS_OF_ONE: Final = frozenset(("sale.request",))
# States of a payout that has still to reach its payee.
_SENT: Final = ("instructed", "accepted", "rejected", "returned")
UNPAID: Final = ("due", "small", "held", *_SENT)
# Counts of holders are holders' business.
HIDDEN_FIELDS: Final = frozenset(("groups", "lines", "pieces"))


class Reader(NamedTuple):
    """Who reads.

    Attributes:
        member: its id.
        roles: its roles at the head.
    """

    member: str
    roles: frozenset[str]


def find_reader(state: State, member: str) -> Reader:
    """Return a member with the roles that it has."""
    record = read_record(state, "member", member)
    roles: Sequence[str] = [] if record is None else record["roles"]
    return Reader(member, frozenset(roles))


class Sight:
    """One reader's look at the state of one height.

    Attributes:
        reader: who looks.
        base: the whole state.
        time: what deadlines are judged by, those of grants too.
        history: what happened.
    """

    def __init__(
        self,
        reader: Reader,
        base: State,
        time: int,
        history: History,
        *,
        alone: bool = False,
    ) -> None:
        """Look once; a new sight is made for every request.

        Args:
            reader: who looks.
            base: the whole state.
            time: now.
            history: what happened.
            alone: leave out what was granted to the reader; a grant of a
                member's data does not hand on what that member was granted.
        """
        self.reader = reader
        self.base = base
        self.time = time
        self.history = history
        self._alone = alone

    @cached_property
    def state(self) -> State:
        """The state as far as the reader may see it."""
        return self.base if self.sees_all else visible_state(self)

    @cached_property
    def grants(self) -> Mapping[str, frozenset[str]]:
        """What is granted to it now: the ids of each kind that is covered."""
        found: dict[str, set[str]] = {}
        if not self._alone and self.reader.roles & GRANTED_ROLES:
            after = f"{self.time:016d}/"
            rows = scan_records(self.base, "grants", self.reader.member, after)
            for grant in rows:
                if grant["until_ms"] > self.time >= grant["from_time"]:
                    ids = found.setdefault(grant["covers"], set())
                    ids.add(grant.get("subject", ""))
        return {kind: frozenset(ids) for kind, ids in found.items()}

    @property
    def sees_all(self) -> bool:
        """Whether nothing is hidden from it."""
        return "all" in self.grants

    @cached_property
    def views(self) -> Sequence[Sight]:
        """The sights of members whose data it was granted."""
        seen = (self.base, self.time, self.history)
        readers = (find_reader(self.base, m) for m in self.grants.get("member", ()))
        return [Sight(reader, *seen, alone=True) for reader in readers]

    @cached_property
    def members(self) -> Sequence[str]:
        """Whose lists it reads: its own, those granted, or everybody's."""
        if self.sees_all or self.grants.keys() & {"programme", "receivable"}:
            return [row["id"] for row in scan_records(self.base, "members", "")]
        return [self.reader.member, *(view.reader.member for view in self.views)]

    def may_see(self, thing: Mapping[str, Any]) -> bool:
        """Say whether the reader may see a record, transaction or event.

        Args:
            thing: a record; or what ``of_transaction`` and ``of_event`` give.
        """
        return (
            self.sees_all
            or any(self._fits(word, thing) for word in AUDIENCES[thing["kind"]])
            or any(view.may_see(thing) for view in self.views)
            or self._is_covered(thing)
        )

    def _fits(self, word: str, thing: Mapping[str, Any]) -> bool:
        asked = QUESTIONS.get(word)
        if asked is not None:
            return asked(self, thing)
        value = thing.get(word)
        member = self.reader.member
        return value == member or (isinstance(value, list) and member in value)

    def _is_covered(self, thing: Mapping[str, Any]) -> bool:
        """Say whether a thing is of a programme or receivable it was granted."""
        kinds = [kind for kind in ("programme", "receivable") if kind in self.grants]
        return bool(kinds) and any(
            kind in kinds and item in self.grants[kind]
            for kind, item in find_ties(self.base, self.history, thing)
        )

    def sees_alone(self, kind: str, item: str) -> bool:
        """Say whether a record exists that it may see as its party."""
        record = read_record(self.base, kind, item)
        return record is not None and any(
            self._fits(word, record) for word in AUDIENCES[kind]
        )

    def is_any(self, *members: object) -> bool:
        """Say whether the reader is one of these members."""
        return self.reader.member in members

    # -- what the reader is party to ------------------------------------------------

    def holds(self, receivable: str) -> bool:
        """Say whether it holds live units of a receivable."""
        rows = self.base.entries(("holdings", self.reader.member), receivable, 1)
        return any(sort.startswith(receivable + "/") for sort, _ in rows)

    def was_paid(self, receivable: str) -> bool:
        """Say whether units that it held to the end were paid or reduced."""
        member = self.reader.member
        record = read_record(self.base, "receivable", receivable)
        if record is None or record["live_minor"] == record["face_minor"]:
            return False
        if record["supplier"] != member and not self.history.has_held(
            member, receivable
        ):
            return False
        return any(
            tile["holder"] == member for tile in walk_tiles(self.base, receivable)
        )

    @cached_property
    def offered(self) -> frozenset[str]:
        """Receivables of which a part may pass to it: offered, asked, quoted, sold."""
        return frozenset(
            record["receivable"]
            for index, party, until in PASSING
            for record in scan_records(self.base, index, self.reader.member)
            if self.is_any(record[party])
            and record[until] >= self.time
            and record.get("state", "open") == "open"
        )

    @cached_property
    def held(self) -> frozenset[str]:
        """Receivables of which it holds live units."""
        found: list[str] = []
        after = ""
        partition = ("holdings", self.reader.member)
        while True:
            row = next(self.base.entries(partition, after, 1), None)
            if row is None:
                return frozenset(found)
            found.append(row[0].split("/")[0])
            after = found[-1] + "/~"  # behind every tile of this receivable

    @cached_property
    def programmes(self) -> frozenset[str]:
        """Programmes of the receivables that it holds or is offered."""
        records = (
            read_record(self.base, "receivable", item)
            for item in self.held | self.offered
        )
        return frozenset(item["programme"] for item in records if item is not None)

    def runs_account(self, account: object) -> bool:
        """Say whether it owns or attests a collection account."""
        if not isinstance(account, str):
            return False
        record = read_record(self.base, "account", account)
        return record is not None and self.is_any(record["owner"], record["attester"])

    def owned(self, currency: str) -> Sequence[str]:
        """Return the collection accounts in a currency that it owns."""
        accounts = scan_records(self.base, "all", "account")
        own = (a for a in accounts if self.is_any(a["owner"]))
        return [account["id"] for account in own if account["currency"] == currency]

    def owes_through(self, account: str) -> bool:
        """Say whether it is the debtor of a programme on a collection account."""
        return any(
            self.is_any(programme["debtor"]) and programme["account"] == account
            for programme in scan_records(self.base, "all", "programme")
        )

    def is_party_to_offer(self, offer: str) -> bool:
        """Say whether it gave or was offered, even if the offer has ended."""
        record = read_record(self.base, "offer", offer)
        if record is not None:
            return self.is_any(record["giver"], record["receiver"])
        made = self.history.find_transaction(offer)
        return made is not None and self.is_any(*made.by, made.body.get("receiver"))


class _VisibleState(State):
    """The state without what none of its readers may see."""

    def __init__(self, sights: Sequence[Sight]) -> None:
        base = sights[0].base
        super().__init__(base.kinds, base.secret)
        self.map = base.map
        self._base = base
        self._sights = sights

    def get(self, key: bytes) -> bytes | None:
        raw = self._base.get(key)
        if raw is None:
            return None
        record = load_record(raw)
        return raw if any(s.may_see(record) for s in self._sights) else None

    def open(self, key: bytes) -> Opened | None:
        raw = self.get(key)
        return None if raw is None else Opened(raw)

    def rows(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Row]:
        for row in self._base.rows(partition, after, None):
            if limit is not None and limit <= 0:
                return
            if self.get(read_row(row)[1]) is not None:
                limit = None if limit is None else limit - 1
                yield row

    def count_rows(self, partition: Partition) -> int:
        return sum(1 for _ in self.rows(partition, "", None))


def visible_state(*sights: Sight) -> State:
    """Return the state without what none of these sights shows."""
    return _VisibleState(sights)


def of_transaction(transaction: Transaction) -> JSONObject:
    """Return a transaction as ``may_see`` takes it."""
    return {
        "act": transaction.act,
        "body": transaction.body,
        "by": transaction.by,
        "kind": "transaction",
        "rule": transaction.rule,
    }


def of_event(event: PlacedEvent) -> JSONObject:
    """Return an event as ``may_see`` takes it."""
    return {"cause": event.cause, "content": event.content, "kind": "event"}


def strip_event(sight: Sight, content: JSONObject) -> JSONObject:
    """Return an event without what counts holders."""
    if sight.sees_all:
        return content
    return {name: content[name] for name in content if name not in HIDDEN_FIELDS}


# -- who sees which kind of thing -----------------------------------------------------


def _everyone(sight: Sight, thing: Mapping[str, Any]) -> bool:
    del sight, thing
    return True


def _operator(sight: Sight, _: Mapping[str, Any]) -> bool:
    return "operator" in sight.reader.roles


def _banks(sight: Sight, thing: Mapping[str, Any]) -> bool:
    """Who owns or attests the account of a thing."""
    scope = thing["scope"] if thing["kind"] == "claim" else ""
    return sight.runs_account(thing.get("account", scope))


def _exposed(sight: Sight, record: Mapping[str, Any]) -> bool:
    debtor, _, whole = record["id"].partition("/")
    if whole:
        return sight.is_any(debtor)
    programme = read_record(sight.base, "programme", record["id"])
    return programme is not None and sight.is_any(
        programme["debtor"], *programme["lenders"]
    )


def _eligible(sight: Sight, programme: Mapping[str, Any]) -> bool:
    """Any supplier, if none is named; and who holds or is offered what is under it."""
    anybody = "suppliers" not in programme and "supplier" in sight.reader.roles
    return anybody or programme["id"] in sight.programmes


def _pays_to(sight: Sight, record: Mapping[str, Any]) -> bool:
    """Who is to verify a change, and who owns an account that owes a payout."""
    if sight.is_any(record.get("next", {}).get("attester")):
        return True
    places = (
        ("payouts", f"{account}/{record['scope']}/{state}")
        for account in sight.owned(record["id"])
        for state in UNPAID
    )
    return any(True for place in places for _ in sight.base.entries(place, "", 1))


def _holder(sight: Sight, record: Mapping[str, Any]) -> bool:
    """Who has, had to the end, or is being given a part of a receivable."""
    item = record["id"]
    return sight.holds(item) or item in sight.offered or sight.was_paid(item)


def _holds_it(sight: Sight, thing: Mapping[str, Any]) -> bool:
    return sight.holds(thing["receivable"])


def _of_receivable(sight: Sight, thing: Mapping[str, Any]) -> bool:
    return sight.sees_alone("receivable", thing["receivable"])


def _of_receipt(sight: Sight, share: Mapping[str, Any]) -> bool:
    return sight.sees_alone("receipt", share["scope"])


def _receives_price(sight: Sight, deal: Mapping[str, Any]) -> bool:
    # Who attests or keeps its account has to know the price and the reference.
    return deal["way"] == "account" and sight.runs_account(deal["account"])


def _price(sight: Sight, receipt: Mapping[str, Any]) -> bool:
    if "deal" not in receipt:
        return False
    passed = "passed_minor" in receipt
    own = sight.is_any(receipt["payer"])
    return own or (passed and sight.sees_alone("deal", receipt["deal"]))


def _unknown_payer(sight: Sight, receipt: Mapping[str, Any]) -> bool:
    # Money nobody is known to have paid can be matched by any debtor of the
    # account who is told its id; no list names it.
    open_money = not receipt["debtor"] and receipt["suspense_minor"]
    return bool(open_money and "deal" not in receipt) and sight.owes_through(
        receipt["account"]
    )


def _misdirected(sight: Sight, report: Mapping[str, Any]) -> bool:
    """Show a report to the banks, and to the debtor unless it names a holder."""
    record = read_record(sight.base, "receivable", report["receivable"])
    if record is None:
        return False
    known = (record["debtor"], record["supplier"])
    sides = (report["reporter"] in known, report["recipient"] in known)
    return sight.runs_account(record["account"]) or (
        all(sides) and sight.is_any(record["debtor"])
    )


def _ordered(sight: Sight, order: Mapping[str, Any]) -> bool:
    """Show an order to whom it binds; others see its effects."""
    if "receipt" in order:
        return sight.sees_alone("receipt", order["receipt"])
    item, member = order.get("receivable", ""), sight.reader.member
    own = scan_records(sight.base, "holdings", member, f"{item}/")
    tiles = takewhile(lambda tile: tile["scope"] == item, own) if item else ()
    if any(lock["id"] == order["id"] for tile in tiles for lock in tile["locks"]):
        return True
    held = scan_records(sight.base, "ordered", order["id"])
    return any(payout["payee"] == member for payout in held)


def _transaction(sight: Sight, made: Mapping[str, Any]) -> bool:
    body, act = made["body"], made["act"]
    named = act not in ACTS_OF_ONE and _is_named(sight, body)
    if named or sight.is_any(*made["by"]):
        return True
    if made["rule"] == MANIFEST_HASH:
        return act == "rules.publish" or "operator" in sight.reader.roles
    if act in ACTS_OF_TERMS:
        return _is_side_of_terms(sight, body)
    if act.startswith(ACTS_OF_ACCOUNTS) and sight.runs_account(body.get("account")):
        return True
    return _acts_on_own(sight, body)


def _is_named(sight: Sight, body: Mapping[str, Any]) -> bool:
    lists = [value for value in body.values() if isinstance(value, list)]
    return sight.is_any(*body.values()) or any(sight.reader.member in x for x in lists)


def _acts_on_own(sight: Sight, body: Mapping[str, Any]) -> bool:
    offer = body.get("offer")
    if isinstance(offer, str) and sight.is_party_to_offer(offer):
        return True
    kinds = [kind for kind in KINDS_IN_ACTS if isinstance(body.get(kind), str)]
    return any(sight.sees_alone(kind, body[kind]) for kind in kinds)


def _is_side_of_terms(sight: Sight, body: Mapping[str, Any]) -> bool:
    known = (("receivable", ("supplier", "debtor")), ("programme", ("debtor",)))
    for kind, sides in known:
        record = read_record(sight.base, kind, str(body.get(kind, "")))
        if record is not None:
            return sight.is_any(*(record[side] for side in sides))
    return False


def _event(sight: Sight, event: Mapping[str, Any]) -> bool:
    content, cause = event["content"], event["cause"]
    if cause is not None and sight.is_any(*cause.by):
        return True
    if "receiver" in content:
        return sight.is_any(content["giver"], content["receiver"])
    if "offer" in content:
        return sight.is_party_to_offer(content["offer"])
    if content["event"] in EVENTS_OF_KEYS:
        return sight.is_any(content["member"]) or "operator" in sight.reader.roles
    if "receivable" in content:
        of_terms = content["event"] in EVENTS_OF_TERMS
        return of_terms and sight.sees_alone("receivable", content["receivable"])
    kinds = [kind for kind in KINDS_IN_EVENTS if kind in content]
    return any(sight.sees_alone(kind, content[kind]) for kind in kinds)


# What acts are on whose bodies name no member.
KINDS_IN_ACTS: Final = ("deal", "dispute", "order", "receipt")
KINDS_IN_EVENTS: Final = (
    *("account", "advice", "entry", "line", "member", "misdirected", "payout", "payto"),
    *("programme", "receipt", "calendar", "grant", "deal", "quote", "request"),
    *("order", "dispute"),
)

QUESTIONS: Final[Mapping[str, Callable[[Sight, Mapping[str, Any]], bool]]] = {
    "+act": _transaction,
    "+banks": _banks,
    "+eligible": _eligible,
    "+event": _event,
    "+everyone": _everyone,
    "+exposed": _exposed,
    "+holder": _holder,
    "+holds_it": _holds_it,
    "+misdirected": _misdirected,
    "+of_receipt": _of_receipt,
    "+of_receivable": _of_receivable,
    "+operator": _operator,
    "+ordered": _ordered,
    "+pays_to": _pays_to,
    "+price": _price,
    "+receives_price": _receives_price,
    "+unknown_payer": _unknown_payer,
}

# Who sees a kind of thing: fields that name a member or several, and questions.
# What is not named here, or has no word, is shown under a grant of all alone.
_WORDS: Final = {
    "account": "owner attester",
    "advice": "payer +banks",
    "answer": "id",
    "calendar": "+everyone",
    "chain": "+everyone",
    "claim": "payee +banks",
    "closing": "id",
    "deal": "payer payee +receives_price",
    "discrepancy": "+banks",
    "dispute": "+of_receivable",
    "entry": "payer +banks",
    "event": "+event",
    "exposure": "+exposed",
    "grant": "auditor guardian member operator subject",
    "interest": "holder",
    "invoice": "debtor seller",
    "job": "",
    "key": "member +operator",
    "line": "holder",
    "member": "+everyone",
    "misdirected": "reporter recipient +misdirected",
    "near": "",
    "offer": "giver receiver",
    "order": "placer guardian member +banks +ordered",
    "payout": "payee +banks",
    "payout_account": "member attester +pays_to",
    "payto": "debtor +holds_it",
    "person": "scope",
    "policy": "id +operator",
    "programme": "debtor lenders suppliers +eligible",
    "quarantine": "",
    "quote": "seller lender",
    "receipt": "debtor +banks +price +unknown_payer",
    "receivable": "debtor supplier +holder",
    "recovery": "id +operator",
    "reduction": "debtor supplier",
    "request": "seller lender",
    "rule_file": "+everyone",
    "share": "+of_receipt",
    "standing": "",
    "sweep": "+banks",  # it counts holders, and its cursor names one
    "tile": "holder",
    "total": "scope",
    "transaction": "+act",
}
AUDIENCES: Final = {kind: words.split() for kind, words in _WORDS.items()}
