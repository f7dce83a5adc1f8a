"""Payouts of the naive model: who gets what a sweep made, and who has it held."""

from itertools import pairwise

from tests.model_owed import OwedModel
from tests.model_records import (
    DAY_MS,
    REFUNDS,
    Change,
    Freeze,
    Line,
    Part,
    RefusedError,
    need,
    operation,
)


class PayoutsModel(OwedModel):
    """What becomes of payouts between a sweep and the bank's word."""

    def payouts(self) -> list[Line]:
        """Return what all payouts consist of."""
        return self.lines + self.refunds + self.prices

    def pay_out(self, line: Line) -> None:
        """Make the line's payout, less what its holder has to give back (§7)."""
        line.due_on = self.today
        line.made_ms, line.party = self.now, line.party or line.holder
        line.add((line.orders, ""), line.net)
        # "Small amounts accumulate" (§7); choice small-which: but prices do not.
        priced = self.receipts[line.ref].priced
        line.is_small = bool(self.terms["payout_min_minor"]) and not priced
        for name in (line.rid,) if priced else (line.rid, REFUNDS):
            claim = self.claims.get((line.holder, name), 0)
            if claim:
                self.claims[line.holder, name] = claim - line.cancel(claim)

    def segments(
        self, rid: str, lo: int, hi: int
    ) -> list[tuple[frozenset[str], int, int]]:
        """Return the orders on units, run by run."""
        orders = [
            order
            for order in self.freezes.values()
            if order.in_force and order.cover == "units" and order.rid == rid
        ]
        edges = {lo, hi} | {x for order in orders for x in (order.lo, order.hi)}
        inside = sorted(edge for edge in edges if lo <= edge <= hi)
        return [
            (
                frozenset(x.order_id for x in orders if x.lo <= start and end <= x.hi),
                start,
                end,
            )
            for start, end in pairwise(inside)
        ]

    # Orders on payouts

    def covers(self, order: Freeze, line: Line, part: Part) -> bool:
        """Tell whether an order in force covers a part of a payout (§2)."""
        if order.cover == "units":
            return order.order_id in part[0]
        if order.cover in {"member", "amount", "payout_account"}:
            return line.party == order.member
        if order.cover == "receipt":
            return any(line is x for x in self.refunds if x.ref == order.ref)
        return order.cover == "account"

    def lack(self, order: Freeze) -> int:
        """Return how much an order for an amount does not have yet."""
        has = sum(line.taken(order.order_id) for line in self.payouts())
        return max(0, order.amount - has)

    def in_rank(self) -> list[Freeze]:
        """Return the orders in force by rank, then as they were placed."""
        orders = [order for order in self.freezes.values() if order.in_force]
        return sorted(orders, key=lambda order: order.rank)

    def seize(self) -> None:
        """Give what no order has of unsent payouts to the orders that cover it.

        Choice rank-keeps: rank decides who takes first; what an order has it keeps.
        """
        for order in self.in_rank():
            for line in self.payouts():
                for part, amount in list(line.parts.items()):
                    if not part[1] and self.covers(order, line, part):
                        if order.cover == "amount":
                            amount = min(amount, self.lack(order))  # noqa: PLW2901
                        line.add(part, -amount)
                        line.add((part[0], order.order_id), amount)

    def let_go(self, order: Freeze) -> None:
        """End an order; what it had and did not send is free for the next one."""
        order.in_force = False
        for line in self.payouts():
            for part, amount in list(line.parts.items()):
                if part[1] == order.order_id:
                    line.add(part, -amount)
                    line.add((part[0], ""), amount)

    def payee(self, line: Line, part: Part) -> str:
        """Return to whom a part goes, nobody if an order holds it."""
        return self.freezes[part[1]].redirect if part[1] else line.holder

    # Small payouts

    def ripen(self) -> None:
        """Let small payouts be due that are no longer small, old or the last ones.

        "Small amounts accumulate to the programme's minimum, and are paid at
        settlement, on request or after N days" (§7). Choice small-days: days of
        24 hours from when it was made. Choice small-all: one that is ripe takes along
        all. Choice small-joins: "grouped per holder, account and date" (§7), what is
        made on the date of a payout that is due joins it or not, as is told.
        """
        wait_ms = self.terms["payout_days"] * DAY_MS
        for payee in sorted({line.holder for line in self.lines if line.is_small}):
            mine = [x for x in self.lines if x.is_small and x.holder == payee and x.due]
            ripe = any(
                self.now >= line.made_ms + wait_ms
                or not self.is_open(self.receivables[line.rid])
                for line in mine
            )
            total = sum(line.due for line in mine)
            if ripe or total >= self.terms["payout_min_minor"]:
                self._fall_due(mine)

    def be_told_small(self, payee: str, small: int) -> None:
        """Take from somebody else what is small beside a payout due the same day."""
        mine = [x for x in self.lines if x.holder == payee and x.due]
        beside = [x for x in mine if x.due_on == self.today and not x.is_small]
        if beside and not small:
            self._fall_due(mine)
        for line in reversed(beside):
            if sum(x.due for x in mine if x.is_small) + line.due <= small:
                line.is_small = True

    def _fall_due(self, lines: list[Line]) -> None:
        for line in lines:
            line.is_small, line.due_on = False, self.today

    @operation
    def request(self, payee: str) -> None:
        """A payee asks for what is small."""
        small = [x for x in self.lines if x.is_small and x.holder == payee and x.due]
        need(that=bool(small), reason="nothing accumulates")
        self._fall_due(small)

    # Where members are paid

    def account_of(self, member: str) -> str:
        """Return the account to which a member is paid, by a name of it."""
        change = self.changes.get(member)
        if change and change.is_verified and change.from_ms <= self.now:
            return change.name
        return self.accounts.get(member, member)

    @operation
    def register_account(self, member: str, name: str) -> None:
        """A firm of one person plans to be paid elsewhere, after twice the delay.

        "One signature, new verification by the attester and double the delay" (§2).
        Choice account-again: another plan takes the place of one.
        """
        self.accounts[member] = self.account_of(member)
        delay_ms = 2 * self.terms["account_delay_days"] * DAY_MS
        self.changes[member] = Change(name, self.now + delay_ms)

    @operation
    def verify_account(self, member: str, name: str) -> None:
        """The attester verifies the account that is planned, or else in force."""
        self.check_attester()
        change = self.changes.get(member)
        known = change.name if change else self.account_of(member)
        need(that=name == known, reason="another account")
        if change:
            change.is_verified = True

    @operation
    def veto_account(self, member: str) -> None:
        """A member stops its plan before it takes effect."""
        change = self.changes.get(member)
        need(that=change is not None, reason="nothing planned")
        current = self.account_of(member)
        need(that=not change or current != change.name, reason="in effect already")
        del self.changes[member]

    # To the bank and back

    @operation
    def pay_payouts(self, payee: str) -> None:
        """Everything due to a payee is sent to the bank, which attests it paid."""
        self.send(payee)
        self.settle(payee)

    @operation
    def instruct(self, payee: str) -> None:
        """Everything due to a payee is sent to the bank."""
        self.send(payee)

    @operation
    def attest_paid(self, payee: str) -> None:
        """The bank attests that everything sent for a payee was paid."""
        self.settle(payee)

    def send(self, payee: str) -> None:
        """Send what is due; from now on it can no longer be cancelled."""
        need(that=not (self.blocked or self.orphaned), reason="account blocked")
        found = [
            (line, part)
            for line in self.payouts()
            for part in line.parts
            if not line.is_small and self.payee(line, part) == payee
        ]
        need(that=bool(found), reason="nothing is due")
        for line, part in found:
            line.sent[payee, part] = line.sent.get((payee, part), 0) + line.parts[part]
            del line.parts[part]

    def settle(self, payee: str) -> None:
        """Take what was sent for paid, as one payment."""
        self.check_attester()
        found = [(x, key) for x in self.payouts() for key in x.sent if key[0] == payee]
        need(that=bool(found), reason="nothing was sent")
        payment = [(line, key[1], line.sent.pop(key)) for line, key in found]
        self.payments.setdefault(payee, []).append(payment)
        for line, part, amount in payment:
            line.paid[payee, part] = line.paid.get((payee, part), 0) + amount
        self.book(-sum(amount for *_, amount in payment))

    @operation
    def reject_payout(self, payee: str) -> None:
        """The bank does not execute what was sent for a payee; it is due again."""
        self.check_attester()
        found = [(x, key) for x in self.payouts() for key in x.sent if key[0] == payee]
        need(that=bool(found), reason="nothing was sent")
        for line, key in found:
            self.reopen_payout(line, key[1], line.sent.pop(key))

    @operation
    def return_payout(self, payee: str, amount_paid_before: int) -> None:
        """The last payment to a payee comes back in full and is due again."""
        self.check_attester()
        payments = self.payments.get(payee, [])
        need(that=bool(payments), reason="nothing was paid")
        total = sum(amount for *_, amount in payments[-1])
        need(that=amount_paid_before == total, reason="not its full amount")
        for line, part, amount in payments.pop():
            line.paid[payee, part] -= amount
            self.reopen_payout(line, part, amount)
        self.book(total)

    def reopen_payout(self, line: Line, part: Part, amount: int) -> None:
        """Let a payout be due again; an order that is in force still has it."""
        order = self.freezes.get(part[1])
        line.add(part if order and order.in_force else (part[0], ""), amount)
        line.due_on = ""  # it is a payout of its own

    def check_attester(self) -> None:
        """Refuse unless somebody attests the account (§2)."""
        if self.orphaned:
            raise RefusedError("nobody attests the account")

    def book(self, amount: int) -> None:
        """Record a credit (or, negative, a debit) of today.

        If today is closed that does not fit: it blocks payouts to the next close.
        """
        self.blocked = self.blocked or self.today <= self.closed
        self.entries.append((self.today, amount))
