"""Who may see what: the table of the business rules, written apart from the node.

Each row names, for a kind of record, an act or an event, the parties of the
thing itself. A word is one of

* a field that holds a member or several, ``giver``;
* a path over fields that hold ids of records, ``receivable>debtor``;
* ``=`` and a path to a record: whoever may see that one;
* ``@`` and a role: all members that have it; ``*``: every member;
* ``?`` and a question that one field cannot answer, see ``Facts``.

Whoever signed a transaction sees it and its events in any case. What no row
names is for nobody, except under a grant of the whole chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ledger.encoding import load_record
from ledger.state import HEIGHT_BYTES
from ledger.transactions import Transaction, parse_transaction
from node.history import PlacedEvent
from tests.node.serving import Answer, Asker, Served
from tests.world import World

Thing = Mapping[str, Any]

BANKS = "account>owner account>attester"
# Those between whom a claim came to be, and those who have, had to the end, or
# are being given a part of it.
OF_RECEIVABLE = "debtor supplier ?holders ?paid ?approached"

RECORDS = {
    "account": "owner attester",
    "advice": f"payer {BANKS}",
    "answer": "id",
    "calendar": "*",
    "chain": "*",
    "claim": "payee scope:account>owner scope:account>attester",
    "closing": "id",
    "deal": "payer payee ?banks_of_deal",
    "discrepancy": BANKS,
    "dispute": "=receivable",
    "entry": f"payer {BANKS}",
    "exposure": "?exposed",
    "grant": "auditor guardian member operator subject",
    "interest": "holder",
    "invoice": "debtor seller",
    "job": "",
    "key": "member @operator",
    "line": "holder",
    "member": "*",
    "misdirected": f"reporter recipient {BANKS} ?named_to_debtor".replace(
        "account>", "receivable>account>"
    ),
    "near": "",
    "offer": "giver receiver",
    "order": f"placer guardian member {BANKS} =receipt ?frozen",
    "payout": f"payee {BANKS}",
    "payout_account": "member attester ?planned_attester ?owner_who_pays",
    "payto": "debtor ?holders_of_its_receivable",
    "person": "scope",
    "policy": "id @operator",
    "programme": "debtor lenders ?eligible ?of_its_receivables",
    "quarantine": "",
    "quote": "seller lender",
    "receipt": f"debtor {BANKS} ?price ?unknown_payer",
    "receivable": OF_RECEIVABLE,
    "recovery": "id @operator",
    "reduction": "debtor supplier",
    "request": "seller lender",
    "rule_file": "*",
    "share": "=scope:receipt",
    "standing": "",
    "sweep": BANKS,
    "tile": "holder",
    "total": "scope",
}

SIDES = "receivable>debtor receivable>supplier"
ACTS = {
    "account.open": "owner attester",
    "account.successor": f"attester guardian {BANKS}",
    "bank.close": BANKS,
    "bank.hold": "=receipt",
    "bank.match": "vouched_by =receipt",
    "bank.record": BANKS,
    "bank.return": "=receipt",
    "calendar.publish": "@operator guardian",
    "deal.cancel": "=deal",
    "deal.received": "=deal",
    "deal.register": "=deal",
    "discrepancy.clear": BANKS,
    "dispute.extend": "=dispute",
    "dispute.open": "",
    "dispute.withdraw": "=dispute",
    "freeze.order": "member =receipt",
    "grant.end": "member operator guardian @operator",
    "grant.give": "auditor member operator guardian subject @operator",
    "holding.redeem": "",
    "holding.repurchase": "",
    "insolvency.declare": "member",
    "key.add": "member @operator",
    "key.compromised": "member @operator",
    "key.revoke": "member @operator",
    "ledger.tick": "member @operator",
    "mandate.set": BANKS,
    "mandate.withdraw": BANKS,
    "member.admit": "operator guardian @operator",
    "member.resume": "member @operator",
    "member.suspend": "member @operator",
    "offer.accept": "?sides_of_offer",
    "offer.decline": "?sides_of_offer",
    "offer.withdraw": "?sides_of_offer",
    "order.release": "=order",
    "payment.advise": "payer",
    "payout.instruct": BANKS,
    "payout.request": f"payee {BANKS}",
    "payout.status": BANKS,
    "payout_account.register": "member attester",
    "payout_account.verify": "member attester",
    "payout_account.veto": "member",
    "payto.answer": "holder",
    "payto.propose": "",
    "policy.set": "member @operator",
    "programme.new": "debtor lenders suppliers",
    "receipt.reverse": f"{BANKS} =receipt",
    "receivable.accept": SIDES,
    "receivable.cancel": SIDES,
    "receivable.close": "holders",
    "receivable.confirm": SIDES,
    "receivable.counter": SIDES,
    "receivable.decline": SIDES,
    "receivable.issue": "supplier programme>debtor",
    "receivable.merge": "",
    "receivable.misdirected": "recipient reporter",
    "receivable.offer": "receiver",
    "receivable.pay_early": SIDES,
    "receivable.reduce": "",
    "receivable.reject": SIDES,
    "receivable.split": "",
    "receivable.submit": "supplier programme>debtor",
    "receivable.transfer": "receiver",
    "receivable.cancel_live": "",
    "receivable.waive": "",
    "recourse.call": "",
    "recovery.start": "member @operator",
    "recovery.veto": "member @operator",
    "role.grant": "member operator guardian @operator",
    "role.remove": "member operator guardian @operator",
    "rules.publish": "*",
    "sale.quote": "seller",
    "sale.request": "",
    "sale.take": "buyer",
}

TERMS = "=receivable"
EVENTS = {
    **dict.fromkeys(
        (
            *("submitted", "issued", "countered", "live", "rejected", "declined"),
            *("cancelled", "expired", "paid_early", "assigned", "matched", "reduced"),
            *("sweep_planned", "swept", "overdue", "overdue_withdrawn", "defaulted"),
            *("overdue_corrected", "paid_short", "bank_data_late", "waived"),
            *("date_moved", "closed", "disputed", "dispute_extended"),
            *("dispute_ended", "interest_returned"),
        ),
        TERMS,
    ),
    **dict.fromkeys(("split", "merged", "closing_agreed", "tick"), ""),
    "transferred": "giver receiver",
    **dict.fromkeys(
        (
            *("offered", "offer_ended", "withdrawn:offer", "declined:offer"),
            "expired:offer",
        ),
        "?sides_of_offer",
    ),
    **dict.fromkeys(
        (
            *("deal_opened", "deal_moved", "deal_lapsed", "deal_cancelled"),
            *("price_refunded", "price_reversed", "owed_received", "price_owed"),
            "registration_changed",
        ),
        "=deal",
    ),
    "payment_advised": "=advice",
    "price_asked": "=request",
    "price_quoted": "=quote",
    **dict.fromkeys(("account_opened", "day_closed", "mandate_set"), "=account"),
    **dict.fromkeys(("balance_mismatch", "mandate_withdrawn"), "=account"),
    **dict.fromkeys(("attester_vacant", "attester_named"), "=account"),
    **dict.fromkeys(("discrepancy", "discrepancy_cleared"), "=account"),
    "entry": "=entry",
    **dict.fromkeys(
        ("suspense_minor", "suspense_held", "suspense_aged", "unassigned_minor"),
        "=receipt",
    ),
    "reversed": "=receipt",
    "line_reversed": "=line",
    **dict.fromkeys(
        (
            *("instructed", "paid", "returned", "payout_due"),
            *("accepted:payout", "rejected:payout"),
        ),
        "=payout",
    ),
    **dict.fromkeys(("order_placed", "order_ended"), "=order"),
    "misdirected": "=misdirected",
    **dict.fromkeys(("payto_proposed", "payto_judged"), "=payto"),
    "programme_created": "=programme",
    **dict.fromkeys(("grant_given", "grant_ended"), "=grant"),
    "calendar_published": "*",
    **dict.fromkeys(
        (
            *("member_admitted", "member_suspended", "member_resumed"),
            *("roles_granted", "roles_removed"),
        ),
        "*",
    ),
    **dict.fromkeys(
        (
            *("key_added", "key_revoked", "key_compromised", "policy_set"),
            *("recovery_started", "recovery_vetoed", "payout_account_registered"),
            *("payout_account_kept", "payout_account_verified"),
        ),
        "member @operator",
    ),
    "rule_published": "",
}
OPEN_KINDS = (("offer", "receiver"), ("request", "lender"), ("quote", "lender"))


class Facts:
    """The whole ledger, looked at from above.

    Attributes:
        records: (kind, scope, id) -> record.
        acts: transaction id -> transaction.
    """

    def __init__(self, world: World) -> None:
        """Read all records and blocks."""
        self.time = world.time
        self.names = {actor.id: name for name, actor in world.actors.items()}
        self.records: dict[tuple[str, str, str], Thing] = {}
        for raw in world.chain.state.records.values():
            record = load_record(raw[HEIGHT_BYTES:])
            self.records[place_of(record)] = record
        store = world.chain.store
        assert store is not None
        self.acts: dict[str, Transaction] = {}
        for height in range(1, world.chain.header.height + 1):
            for envelope in store.block(height).transactions:
                made = parse_transaction(envelope)
                self.acts[made.id] = made

    def all(self, kind: str) -> Iterator[Thing]:
        """Yield the records of a kind."""
        return (r for (k, _, _), r in self.records.items() if k == kind)

    def find(self, kind: str, item: object, scope: str = "") -> Thing | None:
        """Return a record, None without it."""
        return self.records.get((kind, scope, str(item)))

    # -- who sees a thing -----------------------------------------------------------

    def audience(self, kind: str, thing: Thing) -> set[str]:
        """Return the names of those to whom a record is shown as its parties."""
        return self._gather(RECORDS[kind], thing)

    def of_act(self, made: Transaction) -> set[str]:
        """Return the names of those to whom a transaction is shown."""
        return self._gather(ACTS[made.act], made.body) | self._named(list(made.by))

    def of_event(self, content: Thing, cause: Transaction | None) -> set[str]:
        """Return the names of those to whom an event is shown."""
        name = content["event"]
        own = [f"{name}:{field}" for field in content if f"{name}:{field}" in EVENTS]
        signers = self._named(list(cause.by)) if cause is not None else set()
        return self._gather(EVENTS[(own or [name])[0]], content) | signers

    def _gather(self, words: str, thing: Thing) -> set[str]:
        found: set[str] = set()
        for word in words.split():
            if word == "*":
                found |= set(self.names.values())
            elif word[0] == "@":
                found |= self._with_role(word[1:])
            elif word[0] == "?":
                found |= self._named(list(getattr(self, word[1:])(thing)))
            elif word[0] == "=":
                target = self._follow(word[1:], thing)
                found |= self.audience(target["kind"], target) if target else set()
            else:
                found |= self._named(self._read(word, thing))
        return found

    def _read(self, path: str, thing: Thing) -> Any:
        *steps, last = path.split(">")
        at: Thing | None = thing
        for step in steps:
            at = self._follow(step, at or {})
        return (at or {}).get(last)

    def _follow(self, step: str, thing: Thing) -> Thing | None:
        name, _, kind = step.partition(":")
        item = thing.get(name)
        return self.find(kind or name, item) if isinstance(item, str) else None

    def _named(self, value: Any) -> set[str]:
        ids = value if isinstance(value, list) else [value]
        return {self.names[item] for item in ids if item in self.names}

    def _with_role(self, role: str) -> set[str]:
        rows = self.all("member")
        return {self.names[row["id"]] for row in rows if role in row["roles"]}

    # -- what one field cannot answer -------------------------------------------------

    def holders(self, receivable: Thing) -> set[str]:
        """Return who holds live units of it."""
        return {t["holder"] for t in self._tiles(receivable) if t["state"] == "live"}

    def paid(self, receivable: Thing) -> set[str]:
        """Return who held units until they were paid or reduced."""
        return {t["holder"] for t in self._tiles(receivable) if t["state"] != "live"}

    def _tiles(self, receivable: Thing) -> Iterator[Thing]:
        return (t for t in self.all("tile") if t["scope"] == receivable["id"])

    def approached(self, receivable: Thing) -> set[str]:
        """Return to whom a part may pass: offered, asked, priced, being sold."""
        item, found = receivable["id"], set()
        for kind, side in OPEN_KINDS:
            for row in self.all(kind):
                if row["receivable"] == item and row["until_ms"] >= self.time:
                    found.add(row[side])
        for row in self.all("deal"):
            in_time = row["state"] == "open" and row["pay_by_ms"] >= self.time
            if row["receivable"] == item and in_time:
                found.add(row["payer"])
        return found

    def holders_of_its_receivable(self, thing: Thing) -> set[str]:
        """Return who holds live units of the receivable that it names."""
        receivable = self.find("receivable", thing["receivable"])
        return self.holders(receivable) if receivable else set()

    def exposed(self, exposure: Thing) -> set[str]:
        """Return debtor and lenders of a programme, or the debtor of the whole."""
        debtor, _, whole = exposure["id"].partition("/")
        if whole:
            return {debtor}
        programme = self.find("programme", exposure["id"])
        assert programme is not None
        return {programme["debtor"], *programme["lenders"]}

    def banks_of_deal(self, deal: Thing) -> set[str]:
        """Return those on whose account the price is paid."""
        account = self.find("account", deal.get("account"))
        if deal["way"] != "account" or account is None:
            return set()
        return {account["owner"], account["attester"]}

    def named_to_debtor(self, report: Thing) -> set[str]:
        """Return the debtor, if the report names no holder to it."""
        record = self.find("receivable", report["receivable"])
        assert record is not None
        known = {record["debtor"], record["supplier"]}
        return (
            {record["debtor"]}
            if {report["reporter"], report["recipient"]} <= known
            else set()
        )

    def frozen(self, order: Thing) -> set[str]:
        """Return whose units are locked, and whose payouts held, under an order."""
        found = {
            tile["holder"]
            for tile in self.all("tile")
            if tile["state"] == "live"
            and any(lock["id"] == order["id"] for lock in tile["locks"])
        }
        payouts = self.all("payout")
        sums = {p["payee"] for p in payouts if p.get("order") == order["id"]}
        return found | sums

    def planned_attester(self, record: Thing) -> list[str]:
        """Return who is to verify a change."""
        return [record.get("next", {}).get("attester", "")]

    def owner_who_pays(self, record: Thing) -> set[str]:
        """Return who owns an account from which its member is still to be paid."""
        found = set()
        for payout in self.all("payout"):
            account = self.find("account", payout["account"])
            waits = payout["state"] not in ("paid", "cancelled")
            own = payout["payee"] == record["scope"]
            if account and waits and own and payout["currency"] == record["id"]:
                found.add(account["owner"])
        return found

    def eligible(self, programme: Thing) -> set[str]:
        """Return the suppliers that may use a programme."""
        if "suppliers" in programme:
            return set(programme["suppliers"])
        rows = self.all("member")
        return {row["id"] for row in rows if "supplier" in row["roles"]}

    def of_its_receivables(self, programme: Thing) -> set[str]:
        """Return who holds, or is being given, a part under a programme."""
        found = set()
        for row in self.all("receivable"):
            if row["programme"] == programme["id"]:
                found |= self.holders(row) | self.approached(row)
        return found

    def price(self, receipt: Thing) -> set[str]:
        """Return who paid a price, and both sides once it was passed on."""
        deal = self.find("deal", receipt.get("deal"))
        if deal is None:
            return set()
        passed = "passed_minor" in receipt
        return {receipt["payer"], *([deal["payer"], deal["payee"]] if passed else [])}

    def unknown_payer(self, receipt: Thing) -> set[str]:
        """Return every debtor of the account, while nobody knows whose money it is."""
        if receipt["debtor"] or not receipt["suspense_minor"] or "deal" in receipt:
            return set()
        rows = self.all("programme")
        return {r["debtor"] for r in rows if r["account"] == receipt["account"]}

    def sides_of_offer(self, thing: Thing) -> set[str]:
        """Return who gave an offer and to whom, even if it has ended."""
        made = self.acts[thing["offer"]]
        return {*made.by, made.body["receiver"]}

    # -- what is granted --------------------------------------------------------------

    def of_grant(self, covers: str, item: str, kind: str, thing: Thing) -> bool:
        """Say whether a thing is of a programme or a receivable.

        It is that one, or names it, or names something else that does.
        """
        if (kind, thing.get("id")) == (covers, item) or thing.get(covers) == item:
            return True
        if kind == "exposure" and covers == "programme":
            return bool(thing["id"] == item)
        for name in NAMING:
            target = self._named_record(kind, name, thing)
            if target is not None:
                return self.of_grant(covers, item, target["kind"], target)
        return False

    def _named_record(self, kind: str, name: str, thing: Thing) -> Thing | None:
        if name == "scope":
            kinds = ("closing", "interest", "tile")
            parent = {**dict.fromkeys(kinds, "receivable"), "answer": "payto"}
            return self.find(parent.get(kind, ""), thing.get("scope"))
        found = self.find(name, thing.get(name))
        if found is None and name == "offer" and thing.get("offer") in self.acts:
            ended = self.acts[str(thing["offer"])].body
            found = {"kind": "ended", "receivable": ended["receivable"]}
        return found


# Fields that tie a thing to a receivable or programme.
NAMING = (
    *("receivable", "scope", "offer", "deal", "quote", "request", "dispute"),
    *("payto", "misdirected", "line", "discrepancy"),
)


def place_of(record: Thing) -> tuple[str, str, str]:
    """Return kind, scope and id, the three that name a record."""
    item = str(record["lo"]) if record["kind"] == "tile" else record["id"]
    return record["kind"], str(record.get("scope", "")), item


class Seen(NamedTuple):
    """A served ledger, and what everybody may see of it.

    Attributes:
        served: the node.
        facts: the ledger, looked at from above.
        headers: by which each reader reads.
        events: all events in order.
        asker: asks the node.
    """

    served: Served
    facts: Facts
    headers: dict[str, dict[str, str]]
    events: list[PlacedEvent]
    asker: Asker

    def get(self, path: str, reader: str) -> Answer:
        """Return the answer to a read."""
        return self.asker.ask(path, self.headers[reader])

    def who(self, kind: str, thing: Thing, parties: set[str]) -> set[str]:
        """Return all who see a thing: its parties, and by grant."""
        facts, found = self.facts, set(parties)
        found |= {"full"} | ({"keen"} if "alpha" in parties else set())
        for name, covers in (("narrow", "programme"), ("close", "receivable")):
            item = self.served.things[covers]
            if facts.of_grant(covers, item, kind, thing):
                found.add(name)
        return found

    def of_record(self, record: Thing) -> set[str]:
        """Return all who see a record."""
        kind = record["kind"]
        return self.who(kind, record, self.facts.audience(kind, record))

    def of_act(self, item: str) -> set[str]:
        """Return all who see a transaction."""
        made = self.facts.acts[item]
        return self.who("transaction", made.body, self.facts.of_act(made))

    def of_event(self, event: PlacedEvent) -> set[str]:
        """Return all who see an event."""
        parties = self.facts.of_event(event.content, event.cause)
        return self.who("event", event.content, parties)
