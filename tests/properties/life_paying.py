"""Rules of random lives for money that comes in, goes out and goes back."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from contracts.kit.v1.calendars import add_days
from tests.driver_views import ELSEWHERE, HOLDERS
from tests.model_records import REMITTER
from tests.properties.lives import DUES, HOUR_MS, OPEN, Walker
from tests.world import DAY_MS, ms_of

PAYERS = st.sampled_from(["debtor"] * 5 + [None, "beta"])
PAYEES = [*HOLDERS, REMITTER, *ELSEWHERE]


class Paying(Walker):
    """Walks over money, and over time."""

    @precondition(lambda self: self.in_waiting())
    @rule(data=st.data())
    def pay_early(self, data: st.DataObject) -> None:
        """The debtor lets early money be swept."""
        rid = self.pick(data, self.in_waiting(), self.model.receivables)
        self.driver.end("pay_early", rid)

    def in_waiting(self) -> list[str]:
        """Return the receivables for which money waits."""
        return [rid for rid in self.model.receivables if self.model.waiting(rid)]

    @rule(
        data=st.data(),
        late=st.sampled_from([-9, -1, 0, 0, 0, 3]),
        payer=PAYERS,
        again=st.integers(0, 19),
    )
    def receive(
        self, data: st.DataObject, late: int, payer: str | None, again: int
    ) -> None:
        """Let money come in, valued around today; a reference may come twice."""
        value = add_days(self.model.today, late)
        rid = self.pick_rid(data, "live", "part_paid", "overdue")
        rec = self.model.receivables.get(rid)
        hint = self.model.owed(rec, value) if rec and rec.tiles else 100
        amount = self.pick_amount(data, hint)
        ref = self.next_id("M")
        if again == 0 and self.model.receipts:
            ref = data.draw(st.sampled_from([*self.model.receipts]))
        number = rec.invoices[0][0].lower() if rec else "?"
        names = data.draw(st.sampled_from([None, rid, rid, rid, number]))
        self.driver.receive(ref, amount, value, payer, names)

    def holding(self, *places: str) -> list[str]:
        """Return the receipts with money in one of the places."""
        return [
            ref
            for ref, receipt in self.model.receipts.items()
            if any(getattr(receipt, place) for place in places)
        ]

    @precondition(lambda self: self.holding("unassigned", "waiting"))
    @rule(data=st.data())
    def return_early(self, data: st.DataObject) -> None:
        """Return early money to its remitter."""
        ref = self.pick(
            data, self.holding("unassigned", "waiting"), self.model.receipts
        )
        receipt = self.model.receipts[ref]
        amount = self.pick_amount(data, receipt.unswept - receipt.suspense)
        self.driver.send_back("early", ref, amount)

    @precondition(lambda self: self.holding("suspense"))
    @rule(data=st.data(), back=st.booleans())
    def end_suspense(self, data: st.DataObject, back: bool) -> None:
        """Return money in suspense, or let the debtor assign it."""
        ref = self.pick(data, self.holding("suspense"), self.model.receipts)
        receipt = self.model.receipts[ref]
        amount = self.pick_amount(data, receipt.suspense)
        if back:
            self.driver.send_back("suspense", ref, amount)
            return
        rid = self.pick_rid(data, "live", "part_paid", "overdue")
        rec = self.model.receivables.get(rid)
        room = self.model.room(rec, receipt.value_date) if rec and rec.tiles else 1
        self.driver.match(ref, rid, max(1, min(amount, room)))

    @precondition(lambda self: self.model.receipts)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        """Reverse a receipt in whole or in part."""
        receipts = self.model.receipts
        ref = data.draw(st.sampled_from([*receipts]))
        left = receipts[ref].amount - receipts[ref].reversed
        self.driver.reverse(self.next_id("V"), ref, self.pick_amount(data, left))

    def payees(self, figure: Callable[[str], int]) -> list[str]:
        """Return those payees of whom a figure is not 0."""
        return [name for name in PAYEES if figure(name)]

    @precondition(lambda self: self.payees(self.model.payable))
    @rule(data=st.data(), paid=st.sampled_from([True, True, False]))
    def pay(self, data: st.DataObject, paid: bool) -> None:
        """Send what is due to a payee, and mostly let it be paid."""
        payee = self.pick(data, self.payees(self.model.payable), PAYEES)
        self.driver.instruct(payee)
        if paid:
            self.driver.attest_paid(payee)

    @precondition(lambda self: self.payees(self.model.sent))
    @rule(data=st.data())
    def attest_paid(self, data: st.DataObject) -> None:
        """Let what was sent be paid."""
        payee = self.pick(data, self.payees(self.model.sent), PAYEES)
        self.driver.attest_paid(payee)

    @precondition(lambda self: self.payees(self.model.paid))
    @rule(data=st.data())
    def return_payout(self, data: st.DataObject) -> None:
        """Let a payment come back."""
        payee = self.pick(data, self.payees(self.model.paid), PAYEES)
        self.driver.return_payout(payee)

    @rule(wrong=st.sampled_from([0, 0, 0, 1]), late=st.sampled_from([1, 1, 0]))
    def close(self, wrong: int, late: int) -> None:
        """Close today, sometimes on a wrong balance, and mostly go on to tomorrow."""
        self.driver.close(wrong)
        if late:
            self.driver.wait_for(add_days(self.model.today, late))

    @rule(
        days=st.sampled_from([0, 1, 1, 3, 9, None]),
        due=st.sampled_from(DUES),
        hour=st.sampled_from([0, 9]),
    )
    def wait(self, days: int | None, due: str, hour: int) -> None:
        """Let days pass, or a due date come."""
        if days is None:
            self.driver.wait_for(self.model.adjust(due), hour)
        else:
            self.driver.wait(self.driver.world.time + days * DAY_MS + HOUR_MS)

    @precondition(lambda self: self.model.lines)
    @rule(data=st.data(), bounces=st.sampled_from([(), (), (0,), (1,), (2,), (0, 2)]))
    def claim_back(self, data: st.DataObject, bounces: tuple[int, ...]) -> None:
        """Reverse money that was paid out, and let more come in.

        What was paid may come back, too: before, between or after.
        """
        line = data.draw(st.sampled_from(self.model.lines))
        for payee in self.payees(self.model.payable):
            self.driver.instruct(payee)
            self.driver.attest_paid(payee)
        receipt = self.model.receipts[line.ref]
        back = self.pick_amount(data, receipt.amount - receipt.reversed)
        more, ref = self.pick_amount(data, back), self.next_id("M")
        today = self.model.today
        steps = [
            lambda: self.driver.reverse(self.next_id("V"), line.ref, back),
            lambda: self.driver.receive(ref, more, today, "debtor", line.rid),
            lambda: None,
        ]
        for i, step in enumerate(steps):
            if i in bounces:
                self.driver.return_payout(line.holder)
            step()

    @precondition(lambda self: self.in_state(*OPEN))
    @rule(
        data=st.data(),
        short=st.sampled_from([0, 0, 1]),
        back=st.sampled_from([False, False, True]),
    )
    def cover(self, data: st.DataObject, short: int, back: bool) -> None:
        """Close a due day on which unassigned money covers a debt, or nearly.

        Or the money goes back, and the next day is closed without it.
        """
        rid = self.pick_rid(data, *OPEN)
        rec = self.model.receivables.get(rid)
        if not rec or not rec.tiles:
            return
        self.driver.wait(max(self.driver.now, ms_of(self.model.adjust(rec.due_date))))
        today = self.model.today
        idle = self.model.suspense() + self.model.unassigned()
        missing = self.model.owed(rec, today) - idle - short
        if missing > 0:
            self.driver.receive(self.next_id("M"), missing, today, "beta", None)
        self.driver.close()
        for ref in self.holding("suspense") if back else ():
            self.driver.send_back("suspense", ref, self.model.receipts[ref].suspense)
        if back:
            self.driver.wait_for(add_days(today, 1))
            self.driver.close()

    @precondition(lambda self: self.model.receipts)
    @rule(data=st.data())
    def reopen_beside_early(self, data: st.DataObject) -> None:
        """Reverse a payment while early money waits for nothing in particular."""
        today = self.model.today
        amount = self.pick_amount(data, 300)
        self.driver.receive(self.next_id("M"), amount, today, "debtor", None)
        ref = data.draw(st.sampled_from([*self.model.receipts]))
        left = self.model.receipts[ref].amount - self.model.receipts[ref].reversed
        self.driver.reverse(self.next_id("V"), ref, self.pick_amount(data, left))
