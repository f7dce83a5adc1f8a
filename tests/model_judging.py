"""How the naive model judges what is late: what covers a debt, overdue, default."""

from tests.model_payouts import PayoutsModel
from tests.model_records import Receivable, rounded


class JudgingModel(PayoutsModel):
    """What a close, and money that corrects one, say of a debt."""

    def judge(self, rec: Receivable, date: str, covered: bool | None) -> None:
        """Judge one receivable as of a closed day; none if nothing covers it.

        "Disputed amounts stay owed but trigger no default" (§8). Choices:
        default-step, the first day after the grace may say both; default-withdrawn,
        with the overdue it follows; dispute-over, when anything judges again.
        """
        if covered or self.is_short(rec):
            self.clear_overdue(rec)
            return
        rec.overdue = True
        graced = self.days_between(rec, date) > self.terms["grace_days"]
        rec.default = rec.default or (graced and covered is None)

    def idle(self) -> list[tuple[str, int]]:
        """Return value date and amount of what may yet be for what is owed.

        What an administrator is to have cannot cover anything any more. Choice
        cover-insolvent: nor does what an insolvent member paid.
        """
        found = []
        for receipt in self.receipts.values():
            lost = receipt.administered or receipt.payer in self.insolvent
            amount = receipt.unassigned + (0 if lost else receipt.suspense)
            found.append((receipt.value_date, amount))
        return sorted(found, key=lambda money: money[0])

    def covered(self, date: str) -> dict[str, bool]:
        """Return what unassigned money covers of what is due by a date.

        "Nothing is overdue while money we have not assigned could cover it" (§6):
        money is assigned once, so it covers once, and "oldest due date first".
        True is all that is owed; else all that is not disputed. Choices:
        cover-ties, then what was confirmed first; cover-whole, what it does not
        cover whole leaves it to the next.
        """
        money, found = self.idle(), {}
        due = [x for x in self.open_receivables() if self.adjust(x.due_date) <= date]
        for rid in self.by_due_date(rec.rid for rec in due):
            rec = self.receivables[rid]
            for disputed in (0, self.disputed(rid)):
                rest = self.needed(rec, date, money, disputed)
                if rest is not None:
                    found[rid] = not disputed
                    for i, (day, amount) in enumerate(money):
                        money[i] = day, amount - min(amount, rest)
                        rest -= min(amount, rest)
                    break
        return found

    def needed(
        self, rec: Receivable, date: str, money: list[tuple[str, int]], disputed: int
    ) -> int | None:
        """Return how much money pays a debt if assigned now; none if it does not.

        Each amount pays as of its value date. Choice dispute-interest: a part of
        the principal that is disputed is so with its part of interest.
        """
        left, interest_paid, unit_days, spent = rec.outstanding, 0, 0, 0
        gone = sum(tile.size * self.days_late(rec, tile, date) for tile in rec.tiles)
        gone -= left * max(0, self.days_between(rec, date))
        done = self.interest_paid(rec) + sum(rec.waived.values())

        def owed(day: str) -> tuple[int, int]:
            late = max(0, self.days_between(rec, day))
            total = rounded(gone + unit_days + left * late, self.terms)
            interest = max(0, total - done - interest_paid)
            less = min(disputed, left)
            less += -(-interest * less // left) if left else 0
            return interest, left + interest - less - self.reserved(rec.rid)

        if owed(date)[1] <= 0:
            return 0
        for day, amount in money:
            interest, lacks = owed(day)
            if lacks <= amount:
                return spent + max(0, lacks)
            first = interest if self.terms["order"] == "interest_first" else 0
            principal = min(amount - min(amount, first), left)
            interest_paid += min(amount - principal, interest)
            unit_days += principal * max(0, self.days_between(rec, day))
            left -= principal
            spent += amount
        return None

    def disputed(self, rid: str) -> int:
        """Return what is disputed of what is owed; every unit has its share."""
        amounts = [
            x.amount for x in self.disputes.values() if x.is_open and x.rid == rid
        ]
        return min(sum(amounts), self.receivables[rid].outstanding)

    def is_short(self, rec: Receivable) -> bool:
        """Tell whether too little is missing, and not for long, to be overdue.

        Choice short-principal: principal alone is measured; days count to the last
        closed day.
        """
        days = self.days_between(rec, self.closed or self.today)
        little = rec.outstanding <= self.terms["tolerance_minor"]
        return little and days < self.terms["tolerance_days"]

    def clear_overdue(self, rec: Receivable) -> None:
        """Withdraw overdue, and default with it; both may be judged again."""
        rec.overdue = rec.default = False
        for line in self.lines:
            line.in_default = line.in_default and line.rid != rec.rid
