"""Rules of random lives for orders of authorities and for insolvency."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.driver_views import HOLDERS
from tests.model_records import REMITTER
from tests.properties.lives import OPEN, Walker
from tests.world import DAY_MS

DAYS = st.sampled_from([1, 5, 30])
RANKS = st.sampled_from([1, 1, 3])
ELSE = st.sampled_from(["", "", "court"])


class Orders(Walker):
    """Walks over freezes of every kind, with rank and release."""

    def in_force(self) -> list[str]:
        """Return the orders in force that can be released."""
        freezes = self.model.freezes
        return [name for name in self.driver.orders if freezes[name].in_force]

    @precondition(lambda self: len(self.in_force()) < 3)
    @rule(data=st.data(), days=DAYS, rank=RANKS, redirect=ELSE)
    def freeze_units(
        self, data: st.DataObject, days: int, rank: int, redirect: str
    ) -> None:
        """Freeze units, whoever holds them."""
        rids = self.in_state(*OPEN)
        if rids:
            rid = data.draw(st.sampled_from(rids))
            face = self.model.receivables[rid].face
            lo = data.draw(st.sampled_from([0, 0, face // 3, face // 2]))
            hi = data.draw(st.sampled_from([face, face, face // 2, lo + 1, face + 1]))
            until_ms = self.driver.now + days * DAY_MS
            where = {"rid": rid, "lo": lo, "hi": max(hi, lo + 1)}
            how = {"rank": rank, "redirect": redirect}
            self.driver.freeze("units", until_ms, **where, **how)

    @precondition(lambda self: len(self.in_force()) < 3)
    @rule(
        member=st.sampled_from(["alpha", "alpha", "beta", "gamma"]),
        cover=st.sampled_from(["member", "amount", "payout_account"]),
        amount=st.sampled_from([1, 100, 400]),
        days=DAYS,
        rank=RANKS,
        redirect=ELSE,
    )
    def freeze_member(
        self, member: str, cover: str, amount: int, days: int, rank: int, redirect: str
    ) -> None:
        """Freeze what a member has, an amount of it, or what its account is paid."""
        until_ms = self.driver.now + days * DAY_MS
        what = {"member": member, "rank": rank, "redirect": redirect}
        if cover == "amount":
            what["amount"] = amount
            if member in self.returning():
                return
        self.driver.freeze(cover, until_ms, **what)

    def returning(self) -> set[str]:
        """Return whose units go back for their price, which may be their worth.

        Whether an order on an amount takes the money in their place is left open.
        """
        open_deals = (x for x in self.model.agreed.values() if x.state == "open")
        return {deal.seller for deal in open_deals if deal.kind != "sale"}

    @precondition(lambda self: len(self.in_force()) < 3)
    @rule(days=DAYS, rank=RANKS, really=st.integers(0, 2))
    def freeze_account(self, days: int, rank: int, really: int) -> None:
        """Freeze what is paid from the collection account, not too often."""
        if not really:
            until_ms = self.driver.now + days * DAY_MS
            self.driver.freeze("account", until_ms, rank=rank)

    def suspended(self) -> list[str]:
        """Return the receipts with money in suspense."""
        return [x.ref for x in self.model.receipts.values() if x.suspense]

    @precondition(lambda self: self.suspended())
    @rule(data=st.data(), days=DAYS)
    def freeze_receipt(self, data: st.DataObject, days: int) -> None:
        """Freeze money in suspense."""
        ref = data.draw(st.sampled_from(self.suspended()))
        until_ms = self.driver.now + days * DAY_MS
        self.driver.freeze("receipt", until_ms, ref=ref)

    @precondition(lambda self: self.driver.orders)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Release an order, mostly one in force."""
        name = self.pick(data, self.in_force(), self.driver.orders)
        self.driver.release(name)

    @precondition(lambda self: self.model.lines)
    @rule(payee=st.sampled_from([*HOLDERS, "court", REMITTER]))
    def send_back_payout(self, payee: str) -> None:
        """Let what was sent be rejected by the bank."""
        if self.model.sent(payee):
            self.driver.reject(payee)


class Insolvency(Walker):
    """Walks over insolvent holders, debtors and attesters."""

    @rule(
        member=st.sampled_from(["alpha", "alpha", "beta", "gamma", "debtor"]),
        rank=RANKS,
        really=st.integers(0, 4),
    )
    def fail(self, member: str, rank: int, really: int) -> None:
        """Let a member fail, not too often."""
        known = self.model.insolvent
        if not really and len(known) < 2 and member not in known:
            self.driver.insolvency(member, rank=rank)

    @precondition(lambda self: not self.model.orphaned)
    @rule(really=st.integers(0, 4))
    def lose_attester(self, really: int) -> None:
        """Let who attests the account fail once, not at once."""
        if not really and "spare" in self.driver.world.actors:
            self.driver.lose_attester()

    @precondition(lambda self: self.model.orphaned)
    @rule()
    def name_successor(self) -> None:
        """Name who attests from now on."""
        self.driver.name_successor()
