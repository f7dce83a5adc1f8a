"""A small platform in memory: members with keys around a real chain.

Tests act through it by name: it prepares, signs with every key that is
needed and seals one block an act, on a clock that only moves when told to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts import read_sources
from ledger.chain import Chain
from ledger.encoding import load_record
from ledger.errors import LedgerError
from ledger.genesis import build_founding
from ledger.keys import SigningKey
from ledger.sealing import BlockInput, Candidate
from ledger.state import read_record, scan_records
from ledger.transactions import (
    TYPE_TRANSACTION,
    build_payload,
    object_id,
    prove_possession,
    sign_payload,
)

DAY_MS = 86_400_000
START = "2026-01-05"
OFFSET_MINUTES = 480
SECRET = hashlib.sha256(b"test secret").digest()
CALENDAR = {
    "holidays": [],
    "id": "plain",
    "through": "2030-12-31",
    "weekend": [5, 6],
    "workdays": [],
}
ONE = {
    "approvals": [{"action": "any", "bands": [{"persons": 1}]}],
    "offset_minutes": 480,
}


@dataclass
class Actor:
    """A member under test: its keys, one a person."""

    name: str
    roles: tuple[str, ...]
    keys: list[SigningKey]
    duties: list[list[str]]
    policy: dict[str, Any] = field(default_factory=lambda: dict(ONE))
    group: str = ""
    id: str = ""

    def describe(self, chain: str = "") -> dict[str, Any]:
        """Return the member as genesis or ``member.admit`` takes it."""
        keys = []
        for n, key in enumerate(self.keys):
            entry = {
                "duties": sorted(self.duties[n]),
                "person": digest_of(f"{self.name}/{n}"),
                "public": key.public.hex(),
            }
            if chain:
                entry["proof"] = prove_possession(key, chain)
            keys.append(entry)
        described: dict[str, Any] = {
            "identifiers": [{"scheme": "TEST", "value": self.name.upper()}],
            "keys": keys,
            "name": self.name,
            "policy": self.policy,
            "roles": sorted(self.roles),
        }
        if self.group:
            described["group"] = self.group
        return described


def digest_of(text: str) -> str:
    """Return a stable 64-digit stand-in for a hash or id."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_actor(
    name: str,
    *roles: str,
    persons: int = 1,
    policy: dict[str, Any] | None = None,
    group: str = "",
) -> Actor:
    """Return an actor with one deterministic key a person, all duties each."""
    keys = [
        SigningKey.from_seed(hashlib.sha256(f"{name}/{n}".encode()).digest())
        for n in range(persons)
    ]
    duties = [["admin", "checker", "maker"] for _ in keys]
    return Actor(name, roles, keys, duties, policy or dict(ONE), group)


def default_actors() -> list[Actor]:
    """Return the usual cast."""
    return [
        make_actor("operator", "operator"),
        make_actor("debtor", "debtor"),
        make_actor("lender", "lender"),
        make_actor("bank", "settlement_bank"),
        make_actor("auditor", "auditor"),
        make_actor("alpha", "supplier"),
        make_actor("beta", "supplier"),
        make_actor("gamma", "supplier"),
    ]


class World:
    """A chain, its members, and a clock."""

    def __init__(
        self,
        actors: Sequence[Actor] | None = None,
        *,
        folder: Path | None = None,
        parameters: Mapping[str, Any] | None = None,
        sources: Mapping[str, str] | None = None,
        start: str = START,
    ) -> None:
        """Found a chain whose founders are the actors."""
        self.actors = {actor.name: actor for actor in actors or default_actors()}
        self.sources = dict(sources or read_sources())
        self.time = ms_of(start, 9)
        founders = list(self.actors.values())
        terms = {
            "members": [actor.describe() for actor in founders],
            "parameters": {
                "account_delay_ms": 3 * DAY_MS,
                "calendar": CALENDAR,
                "governance_ppm": 666_667,
                "policy_delay_ms": 2 * DAY_MS,
                "quota": 1000,
                "test_chain": True,
                **(parameters or {}),
            },
            "time": self.time,
        }
        operator_first = sorted(founders, key=lambda actor: actor.name != "operator")
        keys = [key for actor in operator_first for key in actor.keys]
        self.genesis, self.publications = build_founding(
            terms, self.sources, SECRET, keys
        )
        self.chain = Chain.found(self.genesis, self.publications, SECRET, folder=folder)
        for n, actor in enumerate(founders):
            actor.id = object_id("member", self.chain.chain_id, n)
        self._nonce = 0
        self.last: Candidate | None = None

    def member(self, name: str) -> str:
        """Return a member's id."""
        return self.actors[name].id

    # -- acting ---------------------------------------------------------------

    def build(
        self,
        act: str,
        body: Mapping[str, Any],
        *,
        by: Sequence[str] | None = None,
        keys: Sequence[SigningKey] | None = None,
        **fields: Any,
    ) -> bytes:
        """Return a signed transaction; who signs is asked from the rule.

        Args:
            act: the act.
            body: its body.
            by: names of the acting members, instead of what the rule asks.
            keys: the signing keys, instead of all keys of those members.
            fields: payload fields to override.
        """
        self._nonce += 1
        rule = fields.get("rule", "")
        if by is None or "rule" not in fields:
            try:
                prepared = self.chain.prepare(act, dict(body), self.time)
                ids, rule = list(prepared.by), prepared.rule
            except LedgerError:
                if by is None:
                    raise
                ids, rule = [], self.chain.rulebook.current_rule(act)
        if by is not None:
            ids = [self.member(name) for name in by]
        signers = [a for a in self.actors.values() if a.id in ids]
        payload = build_payload(
            **{
                "act": act,
                "body": dict(body),
                "by": ids,
                "chain": self.chain.chain_id,
                "nonce": f"{self._nonce:032x}",
                "not_after": self.time + DAY_MS,
                "rule": rule,
                **fields,
            }
        )
        if keys is None:
            keys = [key for actor in signers for key in actor.keys]
        return sign_payload(TYPE_TRANSACTION, payload, keys)

    def seal(self, *envelopes: bytes, time: int | None = None) -> Candidate:
        """Seal a block of envelopes, and whatever automatic work is due."""
        candidate = self.chain.execute(BlockInput(time or self.time, envelopes))
        self.chain.commit(candidate)
        self.time = max(self.time, self.chain.header.time)
        self.last = candidate
        return candidate

    def act(self, act: str, body: Mapping[str, Any], **options: Any) -> str:
        """Sign and seal one act, with the work it triggers; return its id.

        Raises:
            LedgerError: it was refused.
        """
        candidate = self.seal(self.build(act, body, **options))
        if candidate.dropped:
            raise candidate.dropped[0][1]
        self.settle()
        return candidate.transactions[0].id

    def settle(self) -> None:
        """Seal blocks until no automatic work is due now."""
        while self.chain.has_due_work(self.time + 1):
            self.seal(time=self.time + 1)

    def advance(self, to: str, hour: int = 9) -> None:
        """Move the clock to an hour of a date, doing what falls due on the way."""
        target = ms_of(to, hour)
        while True:
            due = self.chain.next_due_ms()
            if due is None or due > target:
                break
            self.time = max(self.time + 1, due)
            self.seal(time=self.time)
        self.time = max(self.time, target)

    @property
    def today(self) -> str:
        """The date at the programme's offset."""
        return date_of(self.time)

    # -- reading --------------------------------------------------------------

    def read(self, kind: str, item: str, scope: str = "") -> dict[str, Any]:
        """Return a record that must exist."""
        record = read_record(self.chain.state, kind, item, scope)
        if record is None:
            raise KeyError((kind, item))
        return record

    def scan(self, index: str, partition: str) -> list[dict[str, Any]]:
        """Return the records of an index's partition."""
        return list(scan_records(self.chain.state, index, partition))

    def tiles(self, receivable: str) -> list[dict[str, Any]]:
        """Return all tiles of a receivable from low to high."""
        found: list[dict[str, Any]] = []
        position = 0
        while True:
            tile = read_record(self.chain.state, "tile", str(position), receivable)
            if tile is None:
                return found
            found.append(tile)
            position = tile["hi"]

    def name_of(self, member: str) -> str:
        """Return the name behind a member id."""
        return next(a.name for a in self.actors.values() if a.id == member)

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the last block."""
        block = self.last.block if self.last else None
        return [load_record(raw) for raw in block.events] if block else []

    # -- the usual setting ------------------------------------------------------

    def let_see_all(self, *names: str) -> None:
        """Let auditors or regulators see the whole chain for a year."""
        for name in names:
            body = {
                "auditor": self.member(name),
                "covers": "all",
                "guardian": self.member("lender"),
                "operator": self.member("operator"),
                "until_ms": self.time + 365 * DAY_MS,
            }
            self.act("grant.give", body)

    def open_account(self, opening: int = 0) -> str:
        """Open a collection account of the bank; return its id."""
        tx = self.act(
            "account.open",
            {
                "attester": self.member("bank"),
                "closed_date": date_of(self.time - DAY_MS),
                "commitment": digest_of("collection account"),
                "currency": "CNY",
                "mandate": {
                    "document": digest_of("mandate"),
                    "limit_minor": 10**12,
                    "until": "2035-12-31",
                },
                "opening_minor": opening,
                "owner": self.member("bank"),
            },
        )
        self.account = object_id("account", tx, 0)
        return self.account

    def open_programme(self, by: Sequence[str] | None = None, **terms: Any) -> str:
        """Create a programme on the account; return its id."""
        body = {
            "account": self.account,
            "confirm_days": 10,
            "convention": "following",
            "currency": "CNY",
            "debtor": self.member("debtor"),
            "disclosure": digest_of("disclosure"),
            "forum": "forum",
            "grace_days": 0,
            "late_basis": "act360",
            "late_from": "due",
            "late_ppm": 60_000,
            "law": "law",
            "lenders": [self.member("lender")],
            "name": "test programme",
            "offset_minutes": OFFSET_MINUTES,
            "order": "principal_first",
            "part_min_minor": 1,
            "record_days": 0,
            "registration": False,
            "tenor_cap_days": 365,
            "tenor_norm_days": 180,
            "tolerance_days": 0,
            "tolerance_minor": 0,
            "transfer_max": 8,
            "undertaking": "absolute",
            "undertaking_text": digest_of("undertaking"),
            **terms,
        }
        tx = self.act("programme.new", body, by=by)
        self.programme = object_id("programme", tx, 0)
        return self.programme

    def submit(
        self,
        face: int,
        due: str,
        *,
        number: str = "INV-1",
        supplier: str = "alpha",
        **extra: Any,
    ) -> str:
        """Submit a receivable from one invoice; return its id."""
        body = {
            "invoices": [
                {
                    "amount_minor": face,
                    "issue_date": "2026-01-02",
                    "number": number,
                    "used_minor": face,
                }
            ],
            "programme": self.programme,
            "supplier": self.member(supplier),
            "terms": {"due_date": due, "gross_minor": face},
            **extra,
        }
        return object_id("receivable", self.act("receivable.submit", body), 0)

    def confirm(self, receivable: str, **extra: Any) -> None:
        """Let the debtor confirm a submission."""
        face = self.read("receivable", receivable)["face_minor"]
        body = {"face_minor": face, "receivable": receivable, **extra}
        self.act("receivable.confirm", body)

    def issue_live(self, face: int, due: str, **options: Any) -> str:
        """Submit and confirm; return the receivable's id."""
        receivable = self.submit(face, due, **options)
        self.confirm(receivable)
        return receivable

    def input(self, receivable: str, lo: int) -> dict[str, Any]:
        """Return the input that names the live tile at a position."""
        tile = self.read("tile", str(lo), receivable)
        return {
            "hi": tile["hi"],
            "lo": lo,
            "receivable": receivable,
            "rev": tile["rev"],
        }

    def transfer(
        self, receivable: str, tile_lo: int, lo: int, hi: int, to: str, **extra: Any
    ) -> str:
        """Move ``[lo, hi)`` of a tile by a joint transfer."""
        body = {
            "aware_overdue": False,
            "input": self.input(receivable, tile_lo),
            "part": {"hi": hi, "lo": lo},
            "receivable": receivable,
            "receiver": self.member(to),
            "recourse": "without",
            **extra,
        }
        return self.act("receivable.transfer", body)

    def receive(
        self,
        key: str,
        amount: int,
        *,
        value: str = "",
        payer: str = "debtor",
        names: str = "",
    ) -> str:
        """Let the bank attest incoming money of today; return the receipt's id."""
        entry = {
            "amount_minor": amount,
            "booking_date": self.today,
            "currency": "CNY",
            "key": key,
            "type": "receipt",
            "value_date": value or self.today,
        }
        if payer:
            entry["payer"] = self.member(payer)
        if names:
            entry["reference"] = names
        self.record(entry)
        return digest_of(f"entry/{self.account}/receipt/{key}")

    def record(self, *entries: dict[str, Any]) -> str:
        """Let the bank attest entries."""
        body = {
            "account": self.account,
            "attester": self.member("bank"),
            "entries": list(entries),
            "file_hash": digest_of("file"),
        }
        return self.act("bank.record", body)

    def close_day(self, date: str = "", closing: int | None = None) -> None:
        """Close a day, with the balance that adds up unless one is given."""
        account = self.read("account", self.account)
        date = date or self.today
        balance = account["closing_minor"] + sum(
            day["net_minor"] for day in account["days"] if day["date"] <= date
        )
        body = {
            "account": self.account,
            "attester": self.member("bank"),
            "closing_minor": balance if closing is None else closing,
            "date": date,
            "no_movement": False,
        }
        self.act("bank.close", body)

    def reverse(self, key: str, receipt: str, amount: int) -> None:
        """Let the bank take a receipt back, whole or in part."""
        body = {
            "account": self.account,
            "amount_minor": amount,
            "attester": self.member("bank"),
            "booking_date": self.today,
            "key": key,
            "receipt": receipt,
        }
        self.act("receipt.reverse", body)

    def register_payee(self, name: str) -> None:
        """Register and verify a payout account."""
        pair = {"attester": self.member("bank"), "commitment": digest_of(name)}
        body = {**pair, "currency": "CNY", "member": self.member(name)}
        self.act("payout_account.register", body)
        self.act("payout_account.verify", body)

    def payouts(self, name: str) -> list[dict[str, Any]]:
        """Return all payouts of a member."""
        return self.scan("payees", self.member(name))

    def pay_out(self, name: str) -> int:
        """Instruct and pay all that is due to a member; return the sum."""
        due = [p for p in self.payouts(name) if p["state"] == "due"]
        due = [p for p in due if p["amount_minor"]]
        total = 0
        for payout in due:
            body = {"account": self.account, "payouts": [payout["id"]]}
            self.act("payout.instruct", body)
            total += self.attest_payout(payout["id"])
        return total

    def attest_payout(self, payout_id: str, kind: str = "payout") -> int:
        """Let the bank attest a payout, or its return."""
        payout = self.read("payout", payout_id)
        attempt = payout["attempts"][-1]
        self.record(
            {
                "amount_minor": payout["amount_minor"],
                "booking_date": self.today,
                "currency": "CNY",
                "end_to_end": attempt,
                "key": f"{kind}-{attempt}",
                "type": kind,
                "value_date": self.today,
            }
        )
        return int(payout["amount_minor"])


def ms_of(date: str, hour: int = 0) -> int:
    """Return an hour of a date at the programme's offset, UTC ms."""
    moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
    moment += timedelta(hours=hour, minutes=-OFFSET_MINUTES)
    return int(moment.timestamp()) * 1000


def date_of(ms: int) -> str:
    """Return the date of a moment at the programme's offset."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return (moment + timedelta(minutes=OFFSET_MINUTES)).date().isoformat()
