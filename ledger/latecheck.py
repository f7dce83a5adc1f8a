"""Late receivables, recomputed from single records: interest and states.

What units earned while they were late follows from the lines that retired
them and the value dates of the money; a state follows from what is owed and
from the last day that the attester has closed.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Final

from ledger.blocks import date_at
from ledger.books import LATE, OWED, Books, compare, sum_by, was_live, wrong
from ledger.encoding import JSONObject
from ledger.state import View, read_record, scan_records
from ledger.sweepcheck import (
    group_name,
    late_days,
    round_interest,
    share_out,
    walk_tiles,
)
from ledger.termcheck import midnight_ms, own_receivables
from ledger.transactions import job_id
from ledger.written import Block

DEFAULTED: Final = ("default", "recovering")
# What changes what is owed, or the money that covers it, in the same block.
MOVING: Final = ("receipt", "sweep", "line", "tile", "dispute", "order")
# Sums by value date.
Money = Counter[str]
# Value dates of one debtor's cover that are told apart.
DATES_MAX: Final = 16
# Weight of the debts that it may cover; of one that is contested, one that it does not
# cover, and one it does.
WEIGHT_MAX: Final = 10_000
CONTESTED, UNCOVERED, COVERED = 16, 8, 1


def check_late(books: Books) -> int:
    """I2, I8, I9, I11: accumulators are those of the lines, states those of the sums.

    Returns:
        How many receivables have ever been live.

    Raises:
        LedgerError: ``books_wrong``, naming the receivable.
    """
    receipts, accounts = books.by_id("receipt"), books.by_id("account")
    swept = [line for line in books["line"] if "deal" not in line]
    earned: Counter[str] = Counter()
    for line in swept:
        record = books.receivables[line["receivable"]]
        terms = books.programme_of(record)
        units = line["principal_minor"] - line["reversed_principal_minor"]
        days = late_days(terms, record, receipts[line["receipt"]]["value_date"])
        earned[record["id"]] += units * terms["late_ppm"] * days
    _check_paid(books)
    known = sum_by(books["interest"], "scope", lambda row: int(row["accumulator"]))
    waived = sum_by(books["interest"], "scope", lambda row: row.get("waived_minor", 0))
    recalled = _list_recall(books)
    checked = 0
    for item, record in books.receivables.items():
        if not was_live(record):
            continue
        checked += 1
        found = int(record["retired_accumulator"])
        compare("I8", item, (earned[item], known[item]), (found, found))
        compare("I8", item, waived[item], record.get("interest_waived_minor", 0))
        if "sweep" not in record:
            # While one runs, what it ends is not judged yet.
            compare("I11", item, recalled.get(item, 0), record.get("final_ms", 0))
            closed = accounts[record["account"]]["closed_date"]
            _check_state(record, books.programme_of(record), closed)
    _check_discharged(books)
    return checked


def _check_discharged(books: Books) -> None:
    """I11: whose own group's account received money owes until it is paid on."""
    own, payouts = own_receivables(books), books.by_id("payout")
    for line in books["line"]:
        item = line["receivable"]
        if "payout" in line and item in own:
            listed = payouts[line["payout"]].get("discharges", [])
            if item not in listed:
                raise wrong("I11", line["payout"], item, listed)
    judged = {job["target"] for job in books["job"] if job["what"] == "discharge"}
    for payout in payouts.values():
        if payout["state"] != "paid" and payout["amount_minor"]:
            for item in payout.get("discharges", ()):
                settled = books.receivables[item]["state"] == "settled"
                if settled and item not in judged:
                    raise wrong("I11", item, "open until it is paid", "settled")


def _check_paid(books: Books) -> None:
    """I9: a group had the late interest that its units were paid, there or before."""
    had: Counter[tuple[str, str]] = Counter()
    for line in books["line"]:
        left = line["interest_minor"] - line["reversed_interest_minor"]
        rows = line.get("groups", [{"amount_minor": 1, "group": group_name(line)}])
        # Of what does not divide, the last to come get more.
        weights = [(it["group"], -n, it["amount_minor"]) for n, it in enumerate(rows)]
        for part in share_out(left, weights):
            had[line["receivable"], part.name] += part.share_minor
    for record in books["interest"]:
        place = record["scope"], record["id"]
        compare("I9", "/".join(place), had[place], record["paid_minor"])


def _list_recall(books: Books) -> dict[str, int]:
    """Return until when banks may recall what paid each receivable, UTC ms."""
    receipts, last = books.by_id("receipt"), dict[str, int]()
    for line in books["line"]:
        item = line["receivable"]
        terms = books.programme_of(books.receivables[item])
        days = terms.get("recall_days", 0)
        if days and line["receipt"] in receipts:
            booked = receipts[line["receipt"]]["booking_date"]
            until = midnight_ms(booked, days + 1, terms["offset_minutes"])
            last[item] = max(last.get(item, 0), until)
    return last


def _check_state(record: JSONObject, programme: JSONObject, closed: str) -> None:
    """I11: a state is what sums, and the last day closed, allow."""
    item, state = record["id"], record["state"]
    if state == "settled":
        left = _interest_left(programme, record, 0)
        compare("I11", item, (0, 0), (record["live_minor"], left))
    if state == "live":
        compare("I11", item, 0, record["retired_minor"])
    late = state in LATE
    if state in OWED:
        compare("I11", item, late, "overdue_date" in record)
        compare("I11", item, state in DEFAULTED, "default_date" in record)
    if late and closed < record["adjusted_date"]:
        raise wrong("I11", item, "its due day closed", closed)
    if state in DEFAULTED:
        grace = {**programme, "late_from": "grace"}
        if not late_days(grace, record, closed):
            raise wrong("I11", item, "its days of grace over", closed)


def _interest_left(programme: JSONObject, record: JSONObject, days: int) -> int:
    """Return late interest, rounded once, that is neither paid nor waived."""
    exact = int(record["retired_accumulator"])
    exact += record["live_minor"] * programme["late_ppm"] * days
    gone = record["interest_paid_minor"] + record.get("interest_waived_minor", 0)
    return max(0, round_interest(programme, exact) - int(gone))


def check_closed(block: Block) -> int:
    """I11: judge once more what each day says that a block closed, and its ends.

    Of a block that moved what is owed, too, nobody can say.

    Returns:
        How many receivables were judged.

    Raises:
        LedgerError: ``books_wrong``, naming the receivable.
    """
    for _, record in block.left("receivable"):
        if record["state"] == "settled":
            _check_ended(block.view, record, block.time)
    moving, judged = any(any(block.left(kind)) for kind in MOVING), 0
    for was, account in block.changed("account"):
        closed = was["closed_date"] < account["closed_date"] and "judged" not in account
        planned = job_id(account["id"], "judge", block.time)
        if closed and not moving and not block.read("job", planned):
            judged += _judge_account(block.view, account, block.time)
    return judged


def _judge_account(view: View, account: JSONObject, time: int) -> int:
    """Compare what is due on an account with the money that can pay it; count it."""
    judged = 0
    item, closed = account["id"], account["closed_date"]
    shared = _shared_cover(view, item, time)
    cover: dict[str, Money] = {}
    weights: Counter[str] = Counter()
    for record in scan_records(view, "on_account", item):
        programme = read_record(view, "programme", record["programme"])
        if programme is None or not _is_over(programme, record, closed, time):
            continue
        debtor = record["debtor"]
        if debtor not in cover:
            cover[debtor] = Counter(shared)
            for receipt in scan_records(view, "unassigned", f"{item}/{debtor}"):
                cover[debtor][receipt["value_date"]] += receipt["unassigned_minor"]
            cover[debtor] = _join_dates(cover[debtor])
        apart = _count_contested(view, record, time)
        late, used = _judge(programme, record, closed, (apart, cover[debtor]))
        plain = COVERED if used else UNCOVERED
        weights[debtor] += CONTESTED if "disputes" in record else plain
        for value_date in sorted(cover[debtor]):
            taken = min(used, cover[debtor][value_date])
            cover[debtor][value_date] -= taken
            used -= taken
        if weights[debtor] >= WEIGHT_MAX:
            cover[debtor] = Counter()
        compare("I11", record["id"], late > 0, record["state"] in LATE)
        if late == DEFAULT and record["state"] not in DEFAULTED:
            raise wrong("I11", record["id"], "default", record["state"])
        judged += 1
    return judged


def _check_ended(view: View, record: JSONObject, time: int) -> None:
    """I11: what is settled is final, and paid on if its debtor's own account has it."""
    item = record["id"]
    if record.get("final_ms", 0) > time:
        raise wrong("I11", item, "open", "settled before it is final")
    judged = read_record(view, "job", job_id(item, "discharge", time))
    if not judged and any(scan_records(view, "undischarged", item)):
        raise wrong("I11", item, "open", "settled before it is paid on")


OVERDUE, DEFAULT = 1, 2


def _join_dates(cover: Money) -> Money:
    """Return money by value dates, of which no more than so many are told apart."""
    joined: Money = Counter()
    last = ""
    for n, value_date in enumerate(sorted(cover)):
        last = value_date if n < DATES_MAX else last
        joined[last] += cover[value_date]
    return joined


def _shared_cover(view: View, account: str, time: int) -> Money:
    """Return money in suspense but for what is kept for administrators."""
    insolvent = set()
    for standing in scan_records(view, "all", "standing"):
        for item in standing["orders"]:
            order = read_record(view, "order", item) or {"until_ms": 0}
            if order["until_ms"] >= time and order["what"] == "insolvency":
                insolvent.add(standing["id"])
    sums: Money = Counter()
    for receipt in scan_records(view, "suspense", account):
        if not insolvent & {receipt["debtor"], receipt["payer"]}:
            sums[receipt["value_date"]] += receipt["suspense_minor"]
    return sums


def _is_over(programme: JSONObject, record: JSONObject, closed: str, time: int) -> bool:
    """Say whether a due day is complete, in the bank's book and in its zone.

    It is over for nobody who owes nothing any more.
    """
    if not record["live_minor"] and not _interest_left(programme, record, 0):
        return False
    due = date.fromisoformat(record["adjusted_date"])
    last = due + timedelta(days=int(programme.get("day_basis") == "value"))
    today = date_at(time, programme["offset_minutes"])
    return last.isoformat() <= closed and record["adjusted_date"] <= today


def _count_contested(view: View, record: JSONObject, time: int) -> int:
    """Return how many live units disputes contest that stand at block time."""
    units = 0
    for row in record.get("disputes", []):
        if row["until_ms"] >= time and "lo" not in row:
            units += row["amount_minor"]
        elif row["until_ms"] >= time:
            tiles = [t for t in walk_tiles(view, record) if t["state"] == "live"]
            inside = (min(t["hi"], row["hi"]) - max(t["lo"], row["lo"]) for t in tiles)
            units += sum(max(0, common) for common in inside)
    live: int = record["live_minor"]
    return min(units, live)


def _judge(
    programme: JSONObject, record: JSONObject, closed: str, given: tuple[int, Money]
) -> tuple[int, int]:
    """Return how late a debt is, 0 if not, and what it needs of the cover for that.

    Args:
        programme: its terms.
        record: the receivable.
        closed: the last day closed.
        given: what is contested, and the money that nothing before it needs.
    """
    apart, cover = given
    used = _pay(programme, record, closed, (0, cover))
    if used is not None:
        return 0, used
    interest = _interest_left(programme, record, late_days(programme, record, closed))
    owes = record["live_minor"] + interest
    owes -= record["waiting_minor"] + record["undistributed_minor"]
    due = date.fromisoformat(record["adjusted_date"])
    waited = (date.fromisoformat(closed) - due).days
    small = owes <= programme["tolerance_minor"]
    if small and waited < programme["tolerance_days"]:
        return 0, 0
    if waited <= programme["grace_days"]:
        return OVERDUE, 0
    used = _pay(programme, record, closed, (apart, cover))
    return (DEFAULT, 0) if used is None else (OVERDUE, used)


def _pay(
    programme: JSONObject, record: JSONObject, closed: str, given: tuple[int, Money]
) -> int | None:
    """Return how much of the money pays a debt but for what is contested, if it does.

    Each sum pays as if it were assigned, so that only the rest bears interest.
    """
    apart, cover = given
    debt, used = dict(record), 0
    known = record["waiting_minor"] + record["undistributed_minor"]
    for value_date, amount in [(closed, 0), *sorted(cover.items())]:
        days = late_days(programme, record, value_date)
        live, interest = debt["live_minor"], _interest_left(programme, debt, days)
        aside = min(apart, live)
        aside += -(-interest * aside // live) if aside else 0
        needed: int = live + interest - known - aside
        if needed <= amount:
            return used + max(0, needed)
        used += amount
        ahead = interest if programme["order"] == "interest_first" else 0
        units = min(live, max(0, amount - ahead))
        debt["live_minor"] -= units
        debt["interest_paid_minor"] += min(interest, amount - units)
        exact = int(debt["retired_accumulator"])
        debt["retired_accumulator"] = str(exact + units * programme["late_ppm"] * days)
    return None
