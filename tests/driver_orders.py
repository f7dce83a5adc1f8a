"""Takes the steps of what goes wrong in both worlds: orders, insolvency, disputes."""

from __future__ import annotations

from typing import Any

from ledger.transactions import object_id
from tests.driver_deals import DealDriver
from tests.world import DAY_MS, digest_of


class OrderDriver(DealDriver):
    """Acts in both worlds, with orders, disputes and what waits, too."""

    def __init__(self, **options: Any) -> None:
        self.placed = 0
        self.orders: dict[str, str] = {}
        self.disputes: dict[str, str] = {}
        super().__init__(**options)

    # -- when it goes wrong ---------------------------------------------------------

    def waive(self, rid: str) -> str:
        """All holders waive what is left."""
        rec = self.model.receivables[rid]
        body = {
            "interest_minor": self.model.interest_due(rec, self.model.today),
            "principal_minor": rec.outstanding,
            "receivable": self.item(rid),
        }
        act = lambda: self.act("receivable.waive", **body)  # noqa: E731
        return self.both("waive", act, rid)

    def give_up(self, rid: str) -> str:
        """All holders close it as uncollectable."""
        rec = self.model.receivables[rid]
        names = {tile.holder for tile in rec.live} or {rec.supplier}
        holders = sorted(self.world.member(name) for name in names)
        body = {"holders": holders, "receivable": self.item(rid)}
        act = lambda: self.act("receivable.close", **body)  # noqa: E731
        return self.both("close_uncollectable", act, rid)

    def paper(self) -> dict[str, Any]:
        """Return an authority's order and its channel."""
        return {
            "authority": "court",
            "document": digest_of("order"),
            "placer": self.world.member("regulator"),
            "reference": "7 K 12/26",
        }

    def freeze(
        self,
        cover: str,
        until_ms: int,
        *,
        rank: int = 1,
        redirect: str = "",
        **what: Any,
    ) -> str:
        """Place an order; ``what`` names its member, amount, receipt or units."""
        name = self.next_order()
        body: dict[str, Any] = {
            "cover": cover,
            "order": self.paper(),
            "pledged": False,
            "rank": rank,
            "until_ms": until_ms,
        }
        step, covered = self.covering(cover, what)
        how: dict[str, Any] = {} if cover == "receipt" else {"rank": rank}
        if redirect:
            body["redirect"] = {"commitment": digest_of("court"), "payee": redirect}
            how["redirect"] = redirect

        def act() -> None:
            source = self.act("freeze.order", **body, **covered)
            self.orders[name] = object_id("order", source, 0)

        acts = {"units": "freeze", "receipt": "freeze_receipt"}
        acts |= dict.fromkeys(("account", "payout_account"), "freeze_account")
        said = acts.get(cover, "freeze_member")
        return self.both(said, act, name, *step, until_ms, **how)

    def covering(
        self, cover: str, what: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what an order covers, as the model takes it and as it is signed."""
        if cover == "units":
            edges = {"hi": what["hi"], "lo": what["lo"]}
            named = {"receivable": self.item(what["rid"]), **edges}
            return (what["rid"], what["lo"], what["hi"]), named
        if cover == "receipt":
            return (what["ref"],), {"receipt": self.receipt_item(what["ref"])}
        if cover == "account":
            return ("",), {"account": self.world.account}
        body: dict[str, Any] = {"member": self.world.member(what["member"])}
        if cover != "member":
            body["currency"] = "CNY"
        if cover == "amount":
            body["amount_minor"] = what["amount"]
        if cover == "payout_account":
            return (what["member"],), body
        return (what["member"], what.get("amount")), body

    def next_order(self) -> str:
        """Return a name that no order has, though one may be refused."""
        self.placed += 1
        return f"F{self.placed}"

    def insolvency(self, member: str, *, rank: int = 1) -> str:
        """A court declares a member insolvent."""
        estate = "administrator:" + member
        body = {
            "administrator": {"commitment": digest_of(estate), "payee": estate},
            "disposal": False,
            "effective_ms": self.now,
            "member": self.world.member(member),
            "order": self.paper(),
            "pledged": False,
            "rank": rank,
        }
        act = lambda: self.act("insolvency.declare", **body)  # noqa: E731
        return self.both("insolvency", act, member, rank=rank)

    def lose_attester(self) -> str:
        """Who attests the account is insolvent."""
        body = {
            "administrator": {"commitment": digest_of("bank"), "payee": "bank"},
            "disposal": False,
            "effective_ms": self.now,
            "member": self.world.member("bank"),
            "order": self.paper(),
            "pledged": False,
            "rank": 1,
        }
        act = lambda: self.act("insolvency.declare", **body)  # noqa: E731
        return self.both("lose_attester", act)

    def name_successor(self) -> str:
        """Owner and a lender name who attests the account from now on."""
        actors = self.world.actors
        body = {
            "account": self.world.account,
            "attester": actors["spare"].id,
            "guardian": self.world.member("lender"),
        }

        def act() -> None:
            self.act("account.successor", **body)
            actors["ruined"], actors["bank"] = actors["bank"], actors.pop("spare")

        return self.both("name_successor", act)

    def release(self, oid: str) -> str:
        """End an order before its time."""
        body = {"ending": self.paper(), "order": self.orders[oid]}
        act = lambda: self.act("order.release", **body)  # noqa: E731
        return self.both("release", act, oid)

    def dispute(self, name: str, rid: str, amount: int) -> str:
        """The debtor contests an amount for as long as the programme says."""
        until_ms = self.now + 30 * DAY_MS
        body = {
            "amount_minor": amount,
            "document": digest_of("complaint"),
            "receivable": self.item(rid),
        }

        def act() -> None:
            self.disputes[name] = object_id(
                "dispute", self.act("dispute.open", **body), 0
            )

        return self.both("dispute", act, name, rid, amount, until_ms)

    def end_dispute(self, name: str) -> str:
        """The debtor contests it no longer."""
        body = {"dispute": self.disputes[name]}
        act = lambda: self.act("dispute.withdraw", **body)  # noqa: E731
        return self.both("end_dispute", act, name)

    def reduce(self, rid: str, amount: int) -> str:
        """Debtor and supplier reduce what is owed."""
        body = {
            "amount_minor": amount,
            "document": digest_of("credit note"),
            "receivable": self.item(rid),
        }
        act = lambda: self.act("receivable.reduce", **body)  # noqa: E731
        return self.both("reduce", act, rid, amount)

    # -- what waits ------------------------------------------------------------------

    def change_account(self, name: str, member: str, account: str = "") -> str:
        """``register``, ``verify`` or ``veto`` a change of where a member is paid."""
        body = {"currency": "CNY", "member": self.world.member(member)}
        args: tuple[str, ...] = (member,)
        if name != "veto":
            body["attester"] = self.world.member("bank")
            body["commitment"] = digest_of(account)
            args = member, account
        act = lambda: self.act(f"payout_account.{name}", **body)  # noqa: E731
        return self.both(f"{name}_account", act, *args)

    def request(self, payee: str) -> str:
        """A payee asks for what is small."""
        body = {"account": self.world.account, "payee": self.world.member(payee)}
        act = lambda: self.act("payout.request", **body)  # noqa: E731
        return self.both("request", act, payee)

    def hold(self, ref: str, until: str) -> str:
        """The account's owner keeps money in suspense."""
        body = {
            "document": digest_of("why"),
            "receipt": self.receipt_item(ref),
            "until": until,
        }
        return self.both("hold", lambda: self.act("bank.hold", **body), ref, until)

    def reject(self, payee: str) -> str:
        """The bank rejects what was sent for a payee."""
        sent = self.payouts(payee, "instructed")
        body = {
            "account": self.world.account,
            "attester": self.world.member("bank"),
            "file_hash": digest_of("pain.002"),
            "statuses": [
                {
                    "end_to_end": payout["attempts"][-1],
                    "reason": "AC04",
                    "status": "rejected",
                }
                for payout in sent
            ],
        }
        act = lambda: self.act("payout.status", **body)  # noqa: E731
        return self.both("reject_payout", act, payee)
