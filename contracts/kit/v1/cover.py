"""Money nobody has assigned yet, by value date: what it may cover of what is due."""

from contracts.kit.v1.rule import Context, Record
from contracts.kit.v1.standing import find_insolvency

# Value dates of cover that are told apart.
DATES_MAX = 16
# Weight of the debts of one debtor that its cover is tried on, in due order: there
# is gas in a job for some 1,250 that it does not cover, or 10,000 that it does. What
# is contested is tried with it and without.
WEIGHT_MAX = 10_000
CONTESTED, UNCOVERED = 16, 8
# Sums of money by value date.
Money = dict[str, int]


def shared_cover(ctx: Context, account: Record) -> Money:
    """Return the money that may turn out to be any debtor's, by value date.

    What an insolvent member paid is kept for its administrator and covers nothing.
    """
    sums: Money = {}
    if account["suspense_minor"]:
        for receipt in ctx.scan("suspense", account["id"], limit=10_000):
            payers = (receipt["debtor"], receipt["payer"])
            if not any(find_insolvency(ctx, payer) for payer in payers):
                add_money(sums, receipt["value_date"], receipt["suspense_minor"])
    return sums


def add_cover(ctx: Context, account: Record, debtor: str, shared: Money) -> Money:
    """Return shared money and what waits for what a debtor owes, oldest first.

    Of many value dates the later ones count as the last that has a place: a day is
    judged whatever money comes in small sums.
    """
    sums = {**shared}
    for receipt in ctx.scan("unassigned", account["id"] + "/" + debtor, limit=10_000):
        add_money(sums, receipt["value_date"], receipt["unassigned_minor"])
    cover: Money = {}
    for date in sorted(sums):
        last = list(cover)[-1:] if len(cover) == DATES_MAX else [date]
        add_money(cover, last[0], sums[date])
    return cover


def add_money(sums: Money, value_date: str, amount_minor: int) -> None:
    """Count money of a value date."""
    sums[value_date] = sums.get(value_date, 0) + amount_minor


def take_cover(cover: Money, amount_minor: int, weight: int) -> Money:
    """Return what is left of cover when the oldest of it is needed elsewhere.

    Nothing is once so many debts were looked at that a job has time for no more.
    """
    left, rest = amount_minor, {}
    for value_date, amount in cover.items():
        if left < amount:
            rest[value_date] = amount - left
        left = max(0, left - amount)
    return rest if weight < WEIGHT_MAX else {}


def weigh(receivable: Record, covered_minor: int) -> int:
    """Return the weight of a debt: one that nothing covers needs more looking at."""
    if "disputes" in receivable:
        return CONTESTED
    return 1 if covered_minor else UNCOVERED
