"""What can be seen of a programme on the real chain, and in the naive model."""

from __future__ import annotations

from typing import Any

from contracts.kit.v1.owed import owed_at
from ledger.state import read_record
from tests.model import Model
from tests.model_records import REMITTER, strict_number
from tests.world import DAY_MS, World, date_of, digest_of

HOLDERS = ("alpha", "beta", "gamma", "lender")
ELSEWHERE = ("court", *("administrator:" + name for name in (*HOLDERS, "debtor")))

# What the chain is known to do otherwise than the rules say, since when. The walk
# keeps away from it, each place by its name, until it is mended.
KNOWN: dict[str, str] = {}


class Views:
    """One programme, in both worlds, to look at.

    Receivables, offers and receipts go by names of the caller's; ``ids``,
    ``offers`` and ``receipts`` tell what the chain calls them.
    """

    def __init__(self, world: World, model: Model) -> None:
        self.world = world
        self.model = model
        self.ids: dict[str, str] = {}
        self.offers: dict[str, str] = {}
        self.receipts: dict[str, str] = {}
        self.deals: dict[str, str] = {}

    def invoice_item(self, supplier: str, number: str, date: str) -> str:
        """Return the id of an invoice's identity."""
        parties = self.world.member("debtor"), self.world.member(supplier)
        return digest_of("/".join([*parties, "CNY", date, strict_number(number)]))

    def payouts(self, payee: str, *states: str) -> list[dict[str, Any]]:
        """Return the payouts that go to a payee, in these states."""
        found = [p for p in self.all_payouts() if p["state"] in states]
        return [payout for payout in found if self.payee(payout) == payee]

    def all_payouts(self) -> list[dict[str, Any]]:
        """Return the payouts of the account that are of anything."""
        names = ["", *(actor.id for actor in self.world.actors.values())]
        found = [p for name in names for p in self.world.scan("payees", name)]
        return [payout for payout in found if payout["amount_minor"]]

    def payee(self, payout: dict[str, Any]) -> str:
        """Return the name of whom a payout goes to; a remitter has none."""
        if "redirect" in payout:
            return str(payout["redirect"]["payee"])
        if payout["purpose"] == "return":
            return REMITTER
        return self.world.name_of(payout["payee"])

    def dates(self) -> list[str]:
        """Return the days for which interest is compared."""
        today = self.world.time
        return [date_of(today - DAY_MS), date_of(today), date_of(today + 30 * DAY_MS)]

    def see_model(self) -> dict[str, Any]:
        """Return all observables of the model."""
        model = self.model
        seen: dict[str, Any] = {
            "offers": model.open_offers(),
            "accounts": [digest_of(model.account_of(name)) for name in HOLDERS],
            "suspense": model.suspense(),
            "unassigned": model.unassigned(),
            "status": model.account_status(),
            "exposure": model.exposure(),
            "deals": model.deals(),
            "uses": {use: model.used(*use) for use in self.uses()},
        }
        for name in (*HOLDERS, REMITTER, *ELSEWHERE):
            seen[f"payouts of {name}"] = (
                model.payable(name),
                model.held(name),
                model.sent(name),
                model.paid(name),
                model.accumulating(name),
            )
        for rid in self.ids:
            live = [tile[:3] for tile in model.tiles(rid) if tile[3] == "live"]
            seen[rid] = {
                "state": self.said(model.state(rid)),
                "live": live,
                "retired": model.retired_runs(rid),
                "outstanding": model.outstanding(rid),
                "waiting": model.waiting(rid),
                "disputed": model.disputed(rid),
                "data_late": model.data_late(rid) and self.is_marked(rid),
                "claims": [model.claim(holder, rid) for holder in HOLDERS],
                "interest": [model.interest_owed(rid, day) for day in self.dates()],
            }
        return seen

    def see_chain(self) -> dict[str, Any]:
        """Return all observables of the chain."""
        world = self.world
        account = world.read("account", world.account)
        seen: dict[str, Any] = {
            "offers": {oid for oid, item in self.offers.items() if self.is_open(item)},
            "accounts": [self.account_of(name) for name in HOLDERS],
            "suspense": account["suspense_minor"],
            "unassigned": account["unassigned_minor"],
            "status": "blocked" if account["discrepancies"] else account["status"],
            "exposure": self.exposure(),
            "deals": {did: self.deal_state(did) for did in self.deals},
            "uses": {use: self.used(*use) for use in self.uses()},
        }
        payouts = self.all_payouts()
        for name in (*HOLDERS, REMITTER, *ELSEWHERE):
            mine = [payout for payout in payouts if self.payee(payout) == name]
            seen[f"payouts of {name}"] = tuple(
                sum(p["amount_minor"] for p in mine if p["state"] == state)
                for state in ("due", "held", "instructed", "paid", "small")
            )
        for rid in self.ids:
            seen[rid] = self.see_receivable(rid)
        return seen

    def see_receivable(self, rid: str) -> dict[str, Any]:
        """Return the observables of one receivable on the chain."""
        item = self.ids[rid]
        record = self.world.read("receivable", item)
        programme = self.world.read("programme", record["programme"])
        state = record["state"]
        if state == "part_paid" and not record["retired_minor"]:
            # Whether what was only reduced is called part paid is left open.
            state = "live"
        live: list[tuple[int, int, str]] = []
        retired: list[tuple[int, int, str]] = []
        for tile in self.world.tiles(item):
            lo, hi = tile["lo"], tile["hi"]
            holder = self.world.name_of(tile["holder"])
            if tile["state"] == "live":
                live.append((lo, hi, holder))
            elif tile["state"] == "retired":
                if retired and retired[-1][1:] == (lo, holder):
                    lo = retired.pop()[0]
                retired.append((lo, hi, holder))
        return {
            "state": self.said(state),
            "live": live,
            "retired": retired,
            "outstanding": record["live_minor"],
            "waiting": record["waiting_minor"] + record["undistributed_minor"],
            "disputed": self.disputed(record),
            # Whether one that is settled keeps the mark is left open.
            "data_late": "bank_data_late" in record and self.is_marked(rid),
            "claims": [self.claim(holder, item) for holder in HOLDERS],
            "interest": [
                owed_at(programme, record, day).interest_minor for day in self.dates()
            ],
        }

    def account_of(self, name: str) -> str:
        """Return the commitment to the account to which a member is paid by now."""
        record = self.world.read("payout_account", "CNY", self.world.member(name))
        plan = record.get("next", {})
        begun = plan.get("verified") and plan["from_time"] <= self.world.time
        return str(plan["commitment"] if begun else record["commitment"])

    def is_marked(self, rid: str) -> bool:
        """Tell whether the mark of late bank data says anything."""
        return self.model.is_open(self.model.receivables[rid])

    def said(self, state: str) -> str:
        """Return a state's name; what a reversal leaves recovering is left open."""
        return "default" if state == "recovering" and self.model.reversals else state

    def disputed(self, record: dict[str, Any]) -> int:
        """Return what is contested by now of what a receivable owes."""
        rows = record.get("disputes", [])
        amounts = [x["amount_minor"] for x in rows if x["until_ms"] >= self.world.time]
        return int(min(sum(amounts), record["live_minor"]))

    def claim(self, holder: str, item: str) -> int:
        """Return what a holder owes back on a receivable."""
        key = f"{item}/{self.world.member(holder)}"
        state = self.world.chain.state
        record = read_record(state, "claim", key, self.world.account)
        return 0 if record is None else int(record["amount_minor"])

    def exposure(self) -> int:
        """Return what counts against the programme's limit."""
        state = self.world.chain.state
        record = read_record(state, "exposure", self.world.programme)
        return int(record["used_minor"]) if record else 0

    def deal_state(self, did: str) -> str:
        """Return the state of a deal; one that cannot move any more has lapsed.

        A record may say later than the rules that a deal is over: what is open
        there is believed, a payment shows it.
        """
        state = self.world.read("deal", self.deals[did])["state"]
        said = self.model.deals()[did]
        if state == "open" and said == "lapsed":
            return said
        return {"moved": "done"}.get(state, str(state))

    def is_open(self, item: str) -> bool:
        """Tell whether an offer can still be accepted."""
        record = read_record(self.world.chain.state, "offer", item)
        return record is not None and record["until_ms"] >= self.world.time

    def uses(self) -> set[tuple[str, str]]:
        """Return number and date of every invoice anybody submitted."""
        receivables = self.model.receivables.values()
        return {(use[0], use[1]) for rec in receivables for use in rec.invoices}

    def used(self, number: str, date: str) -> int:
        """Return how much of an invoice is used, over all sellers."""
        items = [self.invoice_item(name, number, date) for name in HOLDERS]
        state = self.world.chain.state
        records = [read_record(state, "invoice", item) for item in items]
        return sum(int(record["used_minor"]) for record in records if record)
