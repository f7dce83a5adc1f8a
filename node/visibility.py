"""Who sees what: one function, used by every route, list, event and proof.

A member sees what it is party to, for the time it is. The debtor sees what it
owes but neither holders nor prices; whoever has passed a part on keeps its own
steps; the operator sees members, not commerce; auditors and regulators see
everything. What one may not see does not exist: reads go through a state in
which such records are absent, so lists, counts and errors cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Any, Final, NamedTuple

from ledger.encoding import JSONObject, load_record
from ledger.kernel import MANIFEST_HASH
from ledger.state import Entry, Partition, State, read_record, scan_records
from ledger.transactions import Transaction
from node.history import History, PlacedEvent

ALL_SEEING: Final = frozenset(("auditor", "regulator"))
LIVE: Final = "live"
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
        *("disputed", "dispute_extended", "dispute_ended"),
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

    @property
    def sees_all(self) -> bool:
        """Whether nothing is hidden from it."""
        return bool(self.roles & ALL_SEEING)


class Sight:
    """One reader's look at the state of one height.

    Attributes:
        reader: who looks.
        base: the whole state.
        time: block time of the head; deadlines are judged by it.
        history: what happened.
    """

    def __init__(
        self, reader: Reader, base: State, time: int, history: History
    ) -> None:
        """Look once; a new sight is made for every request."""
        self.reader = reader
        self.base = base
        self.time = time
        self.history = history

    @cached_property
    def state(self) -> State:
        """The state as far as the reader may see it."""
        return self.base if self.reader.sees_all else visible_state(self)

    def may_see(self, thing: Mapping[str, Any]) -> bool:
        """Say whether the reader may see a record, transaction or event.

        Args:
            thing: a record; or what ``of_transaction`` and ``of_event`` give.
        """
        if self.reader.sees_all:
            return True
        rule = AUDIENCES.get(thing["kind"])
        return rule is not None and rule(self, thing)

    def sees(self, kind: str, item: str, scope: str = "") -> bool:
        """Say whether a record exists that the reader may see."""
        return read_record(self.state, kind, item, scope) is not None

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

    def load(self, key: bytes) -> JSONObject | None:
        raw = self.get(key)
        return None if raw is None else load_record(raw)

    def entries(
        self, partition: Partition, after: str, limit: int | None
    ) -> Iterator[Entry]:
        for row in self._base.entries(partition, after, None):
            if limit is not None and limit <= 0:
                return
            if self.get(row[1]) is not None:
                limit = None if limit is None else limit - 1
                yield row


def visible_state(*sights: Sight) -> State:
    """Return the state without what none of these sights shows."""
    return _VisibleState(sights)


def walk_tiles(state: State, receivable: str, lo: int = 0) -> Iterator[JSONObject]:
    """Yield the tiles of a receivable from one that starts at ``lo``."""
    tile = read_record(state, "tile", str(lo), receivable)
    while tile is not None:
        yield tile
        tile = read_record(state, "tile", str(tile["hi"]), receivable)


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
    if sight.reader.sees_all:
        return content
    return {name: content[name] for name in content if name not in HIDDEN_FIELDS}


# -- who sees which kind of thing -----------------------------------------------------


def _everyone(sight: Sight, thing: Mapping[str, Any]) -> bool:
    del sight, thing
    return True


def _key(sight: Sight, key: Mapping[str, Any]) -> bool:
    return sight.is_any(key["member"]) or "operator" in sight.reader.roles


def _policy(sight: Sight, policy: Mapping[str, Any]) -> bool:
    return sight.is_any(policy["id"]) or "operator" in sight.reader.roles


def _grant(sight: Sight, grant: Mapping[str, Any]) -> bool:
    sides = ("auditor", "guardian", "member", "operator", "subject")
    return sight.is_any(*(grant.get(side) for side in sides))


def _exposure(sight: Sight, record: Mapping[str, Any]) -> bool:
    debtor, _, whole = record["id"].partition("/")
    if whole:
        return sight.is_any(debtor)
    programme = read_record(sight.base, "programme", record["id"])
    return programme is not None and sight.is_any(
        programme["debtor"], *programme["lenders"]
    )


def _own_scope(sight: Sight, record: Mapping[str, Any]) -> bool:
    return sight.is_any(record["scope"])


def _programme(sight: Sight, programme: Mapping[str, Any]) -> bool:
    if sight.is_any(programme["debtor"], *programme["lenders"]):
        return True
    listed = programme.get("suppliers")
    if listed is None and "supplier" in sight.reader.roles:
        return True
    if listed is not None and sight.is_any(*listed):
        return True
    return programme["id"] in sight.programmes


def _account(sight: Sight, account: Mapping[str, Any]) -> bool:
    return sight.is_any(account["owner"], account["attester"])


def _payout_account(sight: Sight, record: Mapping[str, Any]) -> bool:
    planned = record.get("next", {}).get("attester")
    return sight.is_any(record["member"], record.get("attester"), planned)


def _receivable(sight: Sight, record: Mapping[str, Any]) -> bool:
    if sight.is_any(record["debtor"], record["supplier"]):
        return True
    item = record["id"]
    return sight.holds(item) or item in sight.offered or sight.was_paid(item)


def _invoice(sight: Sight, invoice: Mapping[str, Any]) -> bool:
    return sight.is_any(invoice["debtor"], invoice["seller"])


def _holder(sight: Sight, record: Mapping[str, Any]) -> bool:
    return sight.is_any(record["holder"])


def _offer(sight: Sight, offer: Mapping[str, Any]) -> bool:
    return sight.is_any(offer["giver"], offer["receiver"])


def _asking(sight: Sight, record: Mapping[str, Any]) -> bool:
    return sight.is_any(record["seller"], record["lender"])


def _deal(sight: Sight, deal: Mapping[str, Any]) -> bool:
    # Who attests or keeps its account has to know the price and the reference.
    if sight.is_any(deal["payer"], deal["payee"]):
        return True
    return deal["way"] == "account" and sight.runs_account(deal["account"])


def _entry(sight: Sight, entry: Mapping[str, Any]) -> bool:
    return sight.is_any(entry.get("payer")) or sight.runs_account(entry["account"])


def _receipt(sight: Sight, receipt: Mapping[str, Any]) -> bool:
    account = receipt["account"]
    if sight.is_any(receipt["debtor"]) or sight.runs_account(account):
        return True
    if "deal" in receipt:
        own = sight.is_any(receipt["payer"])
        return own or (
            "passed_minor" in receipt and sight.sees("deal", receipt["deal"])
        )
    # Money nobody is known to have paid can be matched by any debtor of the
    # account who is told its id; no list names it.
    return bool(
        not receipt["debtor"]
        and receipt["suspense_minor"]
        and sight.owes_through(account)
    )


def _share(sight: Sight, share: Mapping[str, Any]) -> bool:
    return sight.sees("receipt", share["scope"])


def _sweep(sight: Sight, sweep: Mapping[str, Any]) -> bool:
    if sight.runs_account(sweep["account"]) or sight.holds(sweep["receivable"]):
        return True
    return sight.was_paid(sweep["receivable"])


def _payout(sight: Sight, payout: Mapping[str, Any]) -> bool:
    return sight.is_any(payout["payee"]) or sight.runs_account(payout["account"])


def _discrepancy(sight: Sight, found: Mapping[str, Any]) -> bool:
    return sight.runs_account(found["account"])


def _misdirected(sight: Sight, report: Mapping[str, Any]) -> bool:
    """Show a report to who made it and whom it names, not a holder to the debtor."""
    record = read_record(sight.base, "receivable", report["receivable"])
    if record is None or sight.is_any(report["reporter"], report["recipient"]):
        return record is not None
    known = (record["debtor"], record["supplier"])
    sides = (report["reporter"] in known, report["recipient"] in known)
    return sight.runs_account(record["account"]) or (
        all(sides) and sight.is_any(record["debtor"])
    )


def _order(sight: Sight, order: Mapping[str, Any]) -> bool:
    """Show an order to who placed it and whom it binds; others see its effects."""
    sides = [order.get(name) for name in ("placer", "guardian", "member")]
    if sight.is_any(*sides) or sight.runs_account(order.get("account")):
        return True
    if "receipt" in order:
        return sight.sees("receipt", order["receipt"])
    item, member = order.get("receivable", ""), sight.reader.member
    own = scan_records(sight.base, "holdings", member, f"{item}/")
    tiles = takewhile(lambda tile: tile["scope"] == item, own) if item else ()
    if any(lock["id"] == order["id"] for tile in tiles for lock in tile["locks"]):
        return True
    held = scan_records(sight.base, "ordered", order["id"])
    return any(payout["payee"] == member for payout in held)


def _contest(sight: Sight, record: Mapping[str, Any]) -> bool:
    return sight.sees("receivable", record["receivable"])


def _reduction(sight: Sight, record: Mapping[str, Any]) -> bool:
    return sight.is_any(record["debtor"], record["supplier"])


def _closing(sight: Sight, record: Mapping[str, Any]) -> bool:
    return sight.is_any(*record["holders"])


def _payto(sight: Sight, payto: Mapping[str, Any]) -> bool:
    return sight.is_any(payto["debtor"]) or sight.holds(payto["receivable"])


def _answer(sight: Sight, answer: Mapping[str, Any]) -> bool:
    return sight.is_any(answer["id"])


def _claim(sight: Sight, claim: Mapping[str, Any]) -> bool:
    return sight.is_any(claim["payee"]) or sight.runs_account(claim["scope"])


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
    return any(sight.sees(kind, body[kind]) for kind in kinds)


def _is_side_of_terms(sight: Sight, body: Mapping[str, Any]) -> bool:
    for kind, sides in (("receivable", ("supplier", "debtor")), *_PROGRAMME_SIDES):
        record = read_record(sight.base, kind, str(body.get(kind, "")))
        if record is not None:
            return sight.is_any(*(record[side] for side in sides))
    return False


_PROGRAMME_SIDES: Final = (("programme", ("debtor",)),)


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
        return of_terms and sight.sees("receivable", content["receivable"])
    kinds = [kind for kind in KINDS_IN_EVENTS if kind in content]
    return any(sight.sees(kind, content[kind]) for kind in kinds)


# What acts are on whose bodies name no member.
KINDS_IN_ACTS: Final = ("deal", "dispute", "order", "receipt")
KINDS_IN_EVENTS: Final = (
    *("account", "entry", "line", "member", "misdirected", "payout", "payto"),
    *("programme", "receipt", "calendar", "grant"),
    *("deal", "quote", "request"),
    *("order", "dispute"),
)

AUDIENCES: Final[Mapping[str, Callable[[Sight, Mapping[str, Any]], bool]]] = {
    "answer": _answer,
    "account": _account,
    "calendar": _everyone,
    "chain": _everyone,
    "claim": _claim,
    "closing": _closing,
    "deal": _deal,
    "discrepancy": _discrepancy,
    "dispute": _contest,
    "entry": _entry,
    "event": _event,
    "exposure": _exposure,
    "grant": _grant,
    "interest": _holder,
    "invoice": _invoice,
    "key": _key,
    "line": _holder,
    "member": _everyone,
    "misdirected": _misdirected,
    "offer": _offer,
    "order": _order,
    "payout": _payout,
    "payto": _payto,
    "payout_account": _payout_account,
    "person": _own_scope,
    "policy": _policy,
    "programme": _programme,
    "quote": _asking,
    "receipt": _receipt,
    "receivable": _receivable,
    "recovery": _policy,
    "reduction": _reduction,
    "request": _asking,
    "rule_file": _everyone,
    "share": _share,
    "sweep": _sweep,
    "tile": _holder,
    "total": _own_scope,
    "transaction": _transaction,
}
