"""Reversals of receipts, and what a closed day says of late receivables.

A receipt is reversed under the attester's reference, whole or in part. Money
that was not distributed yet is taken first. The rest is split over the
receipt's lines by what each paid; each line reopens its units for the holder
at retirement, as if they had never been paid.
"""

from contracts.kit.v1 import (
    RETIRED,
    Amount,
    Context,
    Date,
    Hash,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    accrue,
    add_claim,
    add_day,
    add_exposure,
    allocate_pro_rata,
    allocate_unassigned,
    date_of_ms,
    days_between,
    group_key,
    late_days,
    move_books,
    owed_at,
    reopen_units,
    today,
)

LINES_MAX = 20_000

rule = Rule(
    "receivable",
    part="reversal",
    writes=(
        "account",
        "entry",
        "receipt",
        "share",
        "exposure",
        "receivable",
        "tile",
        "line",
        "interest",
        "payout",
        "claim",
    ),
    refusals={
        "reversal_too_large": (
            "refused",
            "more than the receipt still has",
            "Reversals of a receipt never exceed what it brought.",
            "Check the bank's reference to the original entry.",
        ),
    },
)


class Reverse(Payload):
    """``receipt.reverse``: the bank took a credit back."""

    account: Hash
    amount_minor: Amount
    attester: Hash
    booking_date: Date
    key: Text
    receipt: Hash


def sign_reverse(ctx: Context, body: Reverse) -> list[Signer]:
    """The account's attester."""
    if ctx.need("account", body.account)["attester"] != body.attester:
        ctx.refuse("wrong_attester", attester=body.attester)
    return [Signer(body.attester, "attest")]


@rule.action(
    "receipt.reverse", Reverse, signers=sign_reverse, on=("receipt", "receipt")
)
def reverse(ctx: Context, body: Reverse) -> None:
    """Take a receipt back: undistributed money first, then its lines."""
    receipt = ctx.need("receipt", body.receipt)
    account = ctx.need("account", body.account)
    if receipt["account"] != body.account:
        ctx.refuse("not_found")
    book_reversal(ctx, account, body)
    left = receipt["amount_minor"] - receipt["reversed_minor"]
    left -= receipt["returned_minor"]
    if body.amount_minor > left:
        ctx.refuse("reversal_too_large", left_minor=left)
    suspense = min(body.amount_minor, receipt["suspense_minor"])
    rest = body.amount_minor - suspense
    unassigned = min(rest, receipt["unassigned_minor"])
    rest -= unassigned
    waiting = take_waiting(ctx, receipt, rest)
    rest -= waiting
    ctx.write(
        {
            **receipt,
            "reversed_minor": receipt["reversed_minor"] + body.amount_minor,
            "suspense_minor": receipt["suspense_minor"] - suspense,
            "unassigned_minor": receipt["unassigned_minor"] - unassigned,
        }
    )
    cancelled = reverse_lines(ctx, receipt, rest) if rest else 0
    move_books(
        ctx,
        account["id"],
        claims_minor=rest - cancelled,
        payable_minor=-cancelled,
        reversals_minor=body.amount_minor,
        suspense_minor=-suspense,
        unassigned_minor=-unassigned,
        waiting_minor=-waiting,
    )
    allocate_unassigned(ctx, account["id"], receipt["debtor"])
    ctx.emit("reversed", receipt=receipt["id"], amount_minor=body.amount_minor)


def book_reversal(ctx: Context, account: Record, body: Reverse) -> None:
    """Write the entry once and count it in the day's movements."""
    item = ctx.hash_text("entry/" + body.account + "/reversal/" + body.key)
    if body.booking_date <= account["closed_date"]:
        ctx.refuse("day_closed", date=body.booking_date)
    if body.booking_date > date_of_ms(ctx.time, 840):
        ctx.refuse("day_in_future", date=body.booking_date)
    if ctx.read("entry", item) is not None:
        ctx.refuse("reference_used", key=body.key)
    ctx.create(
        {
            "account": body.account,
            "amount_minor": body.amount_minor,
            "booking_date": body.booking_date,
            "id": item,
            "key": body.key,
            "kind": "entry",
            "receipt": body.receipt,
            "type": "reversal",
        }
    )
    add_day(account, body.booking_date, -body.amount_minor)
    ctx.write(account)


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
    if len(lines) >= LINES_MAX:
        ctx.refuse("limit_exceeded", lines_max=LINES_MAX)
    left = []
    for line in lines:
        paid = line["principal_minor"] + line["interest_minor"]
        back = line["reversed_principal_minor"] + line["reversed_interest_minor"]
        left.append(paid - back)
    if sum(left) < amount_minor:
        # The rest is in a sweep that has not reached its lines yet.
        ctx.refuse("sweep_running", receipt=receipt["id"])
    shares = allocate_pro_rata(amount_minor, left)
    cancelled = 0
    for position in range(len(lines)):
        if shares[position]:
            cancelled += reverse_line(ctx, receipt, lines[position], shares[position])
    return cancelled


def reverse_line(ctx: Context, receipt: Record, line: Record, amount_minor: int) -> int:
    """Reopen a line's units; return how much of its payout was cancelled."""
    receivable = ctx.need("receivable", line["receivable"])
    if "sweep" in receivable:
        ctx.refuse("sweep_running", receivable=receivable["id"])
    principal_left = line["principal_minor"] - line["reversed_principal_minor"]
    principal = min(amount_minor, principal_left)
    interest = amount_minor - principal
    gained = reopen_line(ctx, receipt, receivable, line, principal, interest)
    cancelled = cancel_payout(ctx, line, amount_minor)
    if amount_minor > cancelled:
        claim = amount_minor - cancelled
        add_claim(ctx, receipt["account"], receivable["id"], line["holder"], claim)
    ctx.write(
        {
            **line,
            "cancelled_minor": line["cancelled_minor"] + cancelled,
            "reversed_interest_minor": line["reversed_interest_minor"] + interest,
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
    changed["state"] = state_after(ctx, changed, receipt["value_date"])
    ctx.write(changed)
    add_exposure(ctx, receivable["programme"], principal)
    ctx.emit("line_reversed", line=line["id"], amount_minor=amount_minor)
    return cancelled


def state_after(ctx: Context, receivable: Record, value_date: str) -> str:
    """Return the state of a receivable whose units or interest are owed again."""
    state: str = receivable["state"]
    if state not in ("settled", "part_paid"):
        return state
    programme = ctx.need("programme", receivable["programme"])
    owed = owed_at(programme, receivable, value_date)
    if state == "settled" and not owed.principal_minor + owed.interest_minor:
        return state
    return "part_paid" if receivable["retired_minor"] else "live"


def reopen_line(
    ctx: Context,
    receipt: Record,
    receivable: Record,
    line: Record,
    principal: int,
    interest: int,
) -> int:
    """Turn a line's lowest retired units live; return their accumulator."""
    programme = ctx.need("programme", receivable["programme"])
    rest = principal
    name = ""
    for tile in ctx.scan("retired", line["id"], limit=1_000_000):
        name = group_key(tile)
        units = min(rest, tile["hi"] - tile["lo"])
        if units and tile["state"] == RETIRED:
            reopen_units(ctx, tile, units)
            rest -= units
    days = late_days(programme, receivable, receipt["value_date"])
    gained = accrue(principal, programme["late_ppm"], days)
    if not name:
        pledge = line.get("pledge", "")
        name = line["holder"] + "/" + pledge + "/" + line["recourse_class"]
    record = ctx.read("interest", name, receivable["id"])
    if record is not None:
        accumulator = int(record["accumulator"]) - gained
        paid = record["paid_minor"] - interest
        ctx.write({**record, "accumulator": str(accumulator), "paid_minor": paid})
    return gained


def cancel_payout(ctx: Context, line: Record, amount_minor: int) -> int:
    """Reduce the line's payout if it was not sent; return by how much."""
    payout = ctx.read("payout", line.get("payout", "0"))
    if payout is None or payout["state"] != "due":
        return 0
    credited = line["principal_minor"] + line["interest_minor"] - line["claimed_minor"]
    # Only cancellations left the payout: what was reversed while it was sent
    # became a claim, and the whole payout may have come back since.
    still = credited - line["cancelled_minor"]
    cancelled: int = min(amount_minor, still, payout["amount_minor"])
    ctx.write({**payout, "amount_minor": payout["amount_minor"] - cancelled})
    return cancelled


@rule.job("account", "judge")
def judge_day(ctx: Context, target: Record) -> None:
    """After a day is closed: what fell due by then and is owed is overdue.

    Nothing is overdue while money nobody has assigned yet could cover it, and
    what was called overdue is withdrawn as soon as that is so.
    """
    closed = target["closed_date"]
    covers: dict[str, int] = {}
    for receivable in ctx.scan("on_account", target["id"], limit=100_000):
        if receivable["adjusted_date"] > closed:
            break
        programme = ctx.need("programme", receivable["programme"])
        if receivable["adjusted_date"] > today(ctx, programme):
            # A bank may be ahead of the programme's zone; the day is not over.
            continue
        debtor = receivable["debtor"]
        if debtor not in covers:
            covers[debtor] = count_cover(ctx, target, debtor)
        late = is_late(programme, receivable, closed, covers[debtor])
        if late and receivable["state"] != "overdue":
            ctx.write({**receivable, "overdue_date": closed, "state": "overdue"})
            ctx.emit("overdue", receivable=receivable["id"])
        elif not late and receivable["state"] == "overdue":
            state = "part_paid" if receivable["retired_minor"] else "live"
            ctx.write({**receivable, "state": state})
            ctx.emit("overdue_withdrawn", receivable=receivable["id"])


def count_cover(ctx: Context, account: Record, debtor: str) -> int:
    """Return the money that may yet turn out to be for what a debtor owes."""
    own = ctx.scan("unassigned", account["id"] + "/" + debtor, limit=10_000)
    cover: int = account["suspense_minor"]
    cover += sum([receipt["unassigned_minor"] for receipt in own])
    return cover


def is_late(programme: Record, receivable: Record, closed: str, cover: int) -> bool:
    """Say whether a receivable is overdue once its due day is closed."""
    owed = owed_at(programme, receivable, closed)
    coming = receivable["waiting_minor"] + receivable["undistributed_minor"]
    owes = owed.principal_minor + owed.interest_minor - coming
    if owes <= cover:
        return False
    waited = days_between(receivable["adjusted_date"], closed)
    tolerated = owes <= programme["tolerance_minor"]
    return not (tolerated and waited < programme["tolerance_days"])
