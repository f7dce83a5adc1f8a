"""Receipts taken back: what gives way first, and which units are owed again.

Money that was not distributed yet is taken first. The rest is split over the
receipt's lines by what each paid; each line reopens its units for the holder
at retirement, as if they had never been paid.
"""

from contracts.kit.v1.allocation import allocate_rest, allocate_unassigned
from contracts.kit.v1.arithmetic import accrue, allocate_pro_rata
from contracts.kit.v1.books import (
    REFUNDS,
    add_claim,
    cancel_failed,
    move_books,
    recalled_from,
    take_back,
)
from contracts.kit.v1.deals import undo_deal, unpay_sellers
from contracts.kit.v1.notice import notice_days
from contracts.kit.v1.owed import late_days, owe_again, owed_at
from contracts.kit.v1.parts import reopen_units
from contracts.kit.v1.records import RETIRED, UNSENT, group_key, paid_groups
from contracts.kit.v1.rule import Context, Record

# Lines that a job takes back: there is gas for what each may have come to mean.
LINES_MAX = 15_000
# Lines that the bank's own act takes back; more are a job's work.
LINES_AT_ONCE = 5_000
REFUNDS_MAX = 1_000


def left_of(receipt: Record) -> int:
    """Return what a receipt still has that its bank could take back."""
    return int(receipt["amount_minor"]) - int(receipt["reversed_minor"])


def refunded_minor(receipt: Record) -> int:
    """Return what went back of a receipt and was not taken back, too."""
    return int(receipt["returned_minor"]) - int(receipt.get("recalled_minor", 0))


def unsent_refunds(ctx: Context, receipt: Record) -> int:
    """Return what no bank was told of yet of the money that goes back."""
    found = ctx.scan("refunds", receipt["id"], limit=REFUNDS_MAX)
    unsent: int = sum([p["amount_minor"] for p in found if p["state"] in UNSENT])
    return min(unsent, refunded_minor(receipt))


def why_not_reversed(
    ctx: Context, receipt: Record, amount_minor: int, most: int = LINES_AT_ONCE
) -> str:
    """Return the code of what keeps a reversal from being applied, "" if nothing.

    Of more lines than there is time for it is as if they were still being paid.
    """
    if amount_minor > left_of(receipt):
        return "reversal_too_large"
    lines = ctx.scan("lines", receipt["id"], limit=LINES_MAX)
    if len(lines) >= LINES_MAX:
        return "limit_exceeded"
    if len(lines) > most:
        return "sweep_running"
    shares = ctx.scan("receipt_shares", receipt["id"], limit=1000)
    placed = sum([share["amount_minor"] for share in shares])
    placed += receipt["suspense_minor"] + receipt["unassigned_minor"]
    placed += unsent_refunds(ctx, receipt)
    rest = max(0, amount_minor - placed)
    if not rest:
        return ""
    receivables = {line["receivable"]: line for line in lines}
    if "deal" in receipt:
        receivables[ctx.need("deal", receipt["deal"])["receivable"]] = receipt
    for item in receivables:
        if "sweep" in ctx.need("receivable", item):
            return "sweep_running"
    # The rest may be in a sweep that has not reached its first line yet.
    paid = sum([_left_of_line(line) for line in lines])
    paid += receipt.get("passed_minor", 0)
    paid += refunded_minor(receipt) - unsent_refunds(ctx, receipt)
    return "sweep_running" if paid < rest else ""


def reverse_receipt(
    ctx: Context, receipt: Record, amount_minor: int, most: int = LINES_AT_ONCE
) -> None:
    """Take a receipt back: undistributed money first, then its lines.

    Raises:
        Refusal: what ``why_not_reversed`` names.
    """
    code = why_not_reversed(ctx, receipt, amount_minor, most)
    if code:
        ctx.refuse(code, left_minor=left_of(receipt))
    suspense = min(amount_minor, receipt["suspense_minor"])
    rest = amount_minor - suspense
    unassigned = min(rest, receipt["unassigned_minor"])
    rest -= unassigned
    waiting = take_waiting(ctx, receipt, rest)
    rest -= waiting
    unsent = cancel_refunds(ctx, receipt, rest)
    rest -= unsent
    # Nothing is left undistributed here: the rest was paid on, or had gone back.
    recalled = 0
    if rest:
        paid = left_of(receipt) - suspense - unassigned - waiting
        recalled = max(0, rest - paid + refunded_minor(receipt))
        rest -= recalled
    changed = {
        **receipt,
        "returned_minor": receipt["returned_minor"] - unsent,
        "reversed_minor": receipt["reversed_minor"] + amount_minor,
        "suspense_minor": receipt["suspense_minor"] - suspense,
        "unassigned_minor": receipt["unassigned_minor"] - unassigned,
    }
    cancelled = 0
    if recalled:
        recall_refunds(ctx, changed, recalled)
    if "passed_minor" in receipt and rest:
        changed["passed_minor"] = receipt["passed_minor"] - rest
        cancelled = undo_deal(ctx, receipt, rest)
    elif rest:
        cancelled = reverse_lines(ctx, receipt, rest)
    ctx.write(changed)
    move_books(
        ctx,
        receipt["account"],
        claims_minor=rest - cancelled + recalled,
        payable_minor=-cancelled - unsent,
        reversals_minor=amount_minor,
        suspense_minor=-suspense,
        unassigned_minor=-unassigned,
        waiting_minor=-waiting,
    )
    allocate_unassigned(ctx, receipt["account"], receipt["debtor"])
    ctx.emit("reversed", receipt=receipt["id"], amount_minor=amount_minor)


def cancel_refunds(ctx: Context, receipt: Record, amount_minor: int) -> int:
    """Keep what was to go back and its bank takes itself; return how much."""
    rest = min(amount_minor, unsent_refunds(ctx, receipt))
    taken = 0
    for payout in ctx.scan("refunds", receipt["id"], limit=REFUNDS_MAX):
        taken += take_back(ctx, payout["id"], rest - taken)
    return taken


def recall_refunds(ctx: Context, receipt: Record, amount_minor: int) -> None:
    """Let who got a receipt back and took it back, too, owe it."""
    receipt["recalled_minor"] = receipt.get("recalled_minor", 0) + amount_minor
    owing = recalled_from(ctx, receipt)
    add_claim(ctx, receipt["account"], REFUNDS, owing, amount_minor)


def take_waiting(ctx: Context, receipt: Record, amount_minor: int) -> int:
    """Take back what still waits of a receipt; return how much."""
    rest = amount_minor
    for share in reversed(ctx.scan("receipt_shares", receipt["id"], limit=1000)):
        taken = min(rest, share["amount_minor"])
        if not taken:
            continue
        receivable = ctx.need("receivable", share["receivable"])
        if taken == share["amount_minor"]:
            ctx.remove("share", share["id"], share["scope"])
        else:
            ctx.write({**share, "amount_minor": share["amount_minor"] - taken})
        left = receivable["waiting_minor"] - taken
        early = receivable["early"] and left > 0
        ctx.write({**receivable, "early": early, "waiting_minor": left})
        rest -= taken
    return amount_minor - rest


def reverse_lines(ctx: Context, receipt: Record, amount_minor: int) -> int:
    """Split a reversal over the receipt's lines; return what was unsent."""
    lines = ctx.scan("lines", receipt["id"], limit=LINES_MAX)
    shares = allocate_pro_rata(amount_minor, [_left_of_line(line) for line in lines])
    cancelled = 0
    for position in range(len(lines)):
        if shares[position]:
            cancelled += reverse_line(ctx, receipt, lines[position], shares[position])
    for holder in {line["holder"]: True for line in lines}:
        cancelled += cancel_failed(ctx, receipt["account"], holder)
    return cancelled


def _left_of_line(line: Record) -> int:
    paid: int = line["principal_minor"] + line["interest_minor"]
    back: int = line["reversed_principal_minor"] + line["reversed_interest_minor"]
    return paid - back


def reverse_line(ctx: Context, receipt: Record, line: Record, amount_minor: int) -> int:
    """Reopen a line's units; return how much of its payout was cancelled."""
    receivable = ctx.need("receivable", line["receivable"])
    principal_left = line["principal_minor"] - line["reversed_principal_minor"]
    principal = min(amount_minor, principal_left)
    interest = amount_minor - principal
    gained = reopen_line(ctx, receipt, receivable, line, principal)
    cancelled = cancel_payout(ctx, line, amount_minor)
    unpaid = unpay_sellers(ctx, line, amount_minor - cancelled)
    claim = amount_minor - cancelled - unpaid
    if claim:
        add_claim(ctx, receipt["account"], receivable["id"], line["holder"], claim)
    ctx.write(
        {
            **take_paid(ctx, line, interest),
            "cancelled_minor": line["cancelled_minor"] + cancelled,
            "reversed_principal_minor": line["reversed_principal_minor"] + principal,
        }
    )
    accumulator = int(receivable["retired_accumulator"]) - gained
    changed: Record = {
        **receivable,
        "interest_paid_minor": receivable["interest_paid_minor"] - interest,
        "live_minor": receivable["live_minor"] + principal,
        "retired_accumulator": str(accumulator),
        "retired_minor": receivable["retired_minor"] - principal,
    }
    owe_again(ctx, receivable, changed, receipt["value_date"])
    ctx.emit("line_reversed", line=line["id"], amount_minor=amount_minor)
    return cancelled + unpaid


def reopen_line(
    ctx: Context, receipt: Record, receivable: Record, line: Record, principal: int
) -> int:
    """Turn a line's lowest retired units live; return their accumulator."""
    programme = ctx.need("programme", receivable["programme"])
    paid_on = ctx.need("sweep", line["sweep"])["notice_days"]
    waited = notice_days(ctx, receivable) - paid_on
    rest = principal
    for tile in ctx.scan("retired", line["id"], limit=1_000_000):
        units = min(rest, tile["hi"] - tile["lo"])
        if units and tile["state"] == RETIRED:
            reopen_units(ctx, tile, units, waited)
            rest -= units
    days = late_days(programme, receivable, receipt["value_date"])
    gained = accrue(principal, programme["late_ppm"], days)
    record = ctx.read("interest", group_key(line), receivable["id"])
    if record is not None:
        accumulator = int(record["accumulator"]) - gained
        ctx.write({**record, "accumulator": str(accumulator)})
    return gained


def take_paid(ctx: Context, line: Record, amount_minor: int) -> Record:
    """Return a line, not written, of which so much interest is taken back.

    Each group with whose units it went is owed its part again.
    """
    back = line["reversed_interest_minor"] + amount_minor
    after = {**line, "reversed_interest_minor": back}
    was, left = paid_groups(line), paid_groups(after)
    for name in was:
        if was[name] != left[name]:
            record = ctx.need("interest", name, line["receivable"])
            paid = record["paid_minor"] - was[name] + left[name]
            ctx.write({**record, "paid_minor": paid})
    return after


def cancel_payout(ctx: Context, line: Record, amount_minor: int) -> int:
    """Reduce the line's payout if it was not sent; return by how much."""
    if "payout" not in line:
        return 0
    credited = line["principal_minor"] + line["interest_minor"] - line["claimed_minor"]
    # Only cancellations left the payout: what was reversed while it was sent
    # became a claim, and the whole payout may have come back since.
    still = credited - line["cancelled_minor"]
    return take_back(ctx, line["payout"], min(amount_minor, still))


def return_interest(ctx: Context, programme: Record, receivable: Record) -> Record:
    """Give back late interest that a settled receivable did not owe after all.

    It was paid before principal, for units that money of an earlier value date
    has paid since. The last to get interest give it back first; the money is
    placed anew, as if its sweep had not needed it.

    Returns:
        The receivable as it then stands in state.
    """
    total = owed_at(programme, receivable, receivable["adjusted_date"])
    paid: int = receivable["interest_paid_minor"]
    surplus = paid - total.interest_total_minor
    if surplus <= 0:
        return receivable
    item, left = receivable["id"], surplus
    for line in reversed(ctx.scan("interest_lines", item, limit=1_000_000)):
        open_minor = line["interest_minor"] - line["reversed_interest_minor"]
        taken = min(left, open_minor)
        if taken:
            take_interest(ctx, receivable["account"], line, taken)
            left -= taken
    after = {**ctx.need("receivable", item), "interest_paid_minor": paid - surplus}
    ctx.write(after)
    ctx.emit("interest_returned", receivable=item, interest_minor=surplus)
    return after


def take_interest(ctx: Context, account: str, line: Record, amount_minor: int) -> None:
    """Take interest of a line back and place the money it was paid with anew."""
    cancelled = cancel_payout(ctx, line, amount_minor)
    claim = amount_minor - cancelled
    if claim:
        add_claim(ctx, account, line["receivable"], line["holder"], claim)
    back = take_paid(ctx, line, amount_minor)
    ctx.write({**back, "cancelled_minor": line["cancelled_minor"] + cancelled})
    cancelled += cancel_failed(ctx, account, line["holder"])
    claim = amount_minor - cancelled
    move_books(ctx, account, claims_minor=claim, payable_minor=-cancelled)
    allocate_rest(ctx, line["receipt"], amount_minor)
