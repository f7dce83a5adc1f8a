"""Rules of random lives for money that waits: small payouts, ageing suspense."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from contracts.kit.v1.calendars import add_days
from tests.driver_views import HOLDERS
from tests.properties.lives import Walker
from tests.world import DAY_MS


class Waiting(Walker):
    """Walks over what accumulates and what ages."""

    @rule(data=st.data())
    def request(self, data: st.DataObject) -> None:
        """Ask for what is small."""
        small = [name for name in HOLDERS if self.model.accumulating(name)]
        self.driver.request(self.pick(data, small, HOLDERS))

    def suspended(self) -> list[str]:
        """Return the receipts with money in suspense."""
        return [x.ref for x in self.model.receipts.values() if x.suspense]

    @precondition(lambda self: self.suspended())
    @rule(data=st.data(), days=st.sampled_from([1, 2, 8]))
    def hold(self, data: st.DataObject, days: int) -> None:
        """Keep money in suspense for some days more."""
        ref = self.pick(data, self.suspended(), self.model.receipts)
        self.driver.hold(ref, add_days(self.model.today, days))

    @rule(amount=st.sampled_from([1, 7, 30]), payer=st.sampled_from(["beta", None]))
    def stray(self, amount: int, payer: str | None) -> None:
        """Let money come in that nobody can place."""
        ref = self.next_id("M")
        self.driver.receive(ref, amount, self.model.today, payer, None)

    @rule(
        member=st.sampled_from(["alpha", "beta"]),
        name=st.sampled_from(["register", "register", "verify", "verify", "veto"]),
        account=st.sampled_from(["one", "two"]),
    )
    def change_account(self, member: str, name: str, account: str) -> None:
        """Plan, verify or stop a change of where a member is paid."""
        self.driver.change_account(name, member, account)

    @precondition(lambda self: self.model.changes)
    @rule(data=st.data(), late=st.sampled_from([-1, 0, 1]))
    def let_change(self, data: st.DataObject, late: int) -> None:
        """Let time pass to when a change takes effect, or next to it."""
        member = data.draw(st.sampled_from(sorted(self.model.changes)))
        moment = self.model.changes[member].from_ms + late
        if moment > self.model.now:
            self.driver.wait(moment)

    @precondition(lambda self: self.suspended())
    @rule(data=st.data(), late=st.sampled_from([0, 0, 1]))
    def let_age(self, data: st.DataObject, late: int) -> None:
        """Let time pass to the day on which money has aged, or go on one more."""
        ref = data.draw(st.sampled_from(self.suspended()))
        since = self.model.receipts[ref].suspended_ms // DAY_MS
        day = since + self.model.terms["suspense_days"] + late
        if day * DAY_MS > self.model.now:
            self.driver.wait(day * DAY_MS - 1)
            self.driver.wait(day * DAY_MS)
