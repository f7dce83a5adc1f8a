"""Which receivable incoming money is for.

What it names comes first, up to what that still needs; the rest goes to the
debtor's due receivables on the account, oldest due date first and equal dates
pro rata on what they need. Money that is early waits; only what nothing of
the debtor can take is excess and goes to suspense.
"""

from contracts.kit.v1.arithmetic import allocate_pro_rata
from contracts.kit.v1.books import move_books
from contracts.kit.v1.calendars import (
    OFFSET_MINUTES_MAX,
    add_days,
    date_of_ms,
    ms_of_date,
)
from contracts.kit.v1.numbers import normalise_number
from contracts.kit.v1.owed import OWED_PAGE, is_due, is_open, need_minor
from contracts.kit.v1.rule import Context, Record, order_key
from contracts.kit.v1.standing import find_insolvency
from contracts.kit.v1.terms import number_term

OWED_MAX = 1000
SUSPENSE_DAYS = 90


def allocate_receipt(
    ctx: Context, receipt: Record, amount_minor: int, named: list[Record]
) -> None:
    """Assign new money of a receipt; afterwards none of it is unplaced.

    Args:
        ctx: the context.
        receipt: as it stands in state, with the amount not in any of its sums.
        amount_minor: the money to place.
        named: receivables that the payment or its payer's list names, in order,
            each with the most that is for it.
    """
    allocate_unassigned(ctx, receipt["account"], receipt["debtor"])
    rest = amount_minor
    for row in named:
        receivable = ctx.need("receivable", row["receivable"])
        elsewhere = receivable["account"] != receipt["account"]
        if elsewhere or find_insolvency(ctx, receipt["debtor"]):
            continue
        programme = ctx.need("programme", receivable["programme"])
        need = need_minor(ctx, programme, receivable, receipt["value_date"])
        rest -= assign(ctx, receipt, receivable, min(rest, need, row["amount_minor"]))
    rest = allocate_to_due(ctx, receipt, rest)
    place_rest(ctx, receipt["id"], rest)


def assign(ctx: Context, receipt: Record, receivable: Record, amount_minor: int) -> int:
    """Let money wait for a receivable; it is swept at once if that is due.

    Returns:
        The amount assigned.
    """
    if amount_minor <= 0:
        return 0
    share: Record | None = ctx.read("share", receivable["id"], receipt["id"])
    if share is None:
        ctx.create(
            {
                "amount_minor": amount_minor,
                "due": order_key(
                    receivable["adjusted_date"], receivable["confirmed_order"]
                ),
                "id": receivable["id"],
                "kind": "share",
                "order": receipt["order"],
                "receivable": receivable["id"],
                "scope": receipt["id"],
                "value_date": receipt["value_date"],
            }
        )
    else:
        ctx.write({**share, "amount_minor": share["amount_minor"] + amount_minor})
    waiting = receivable["waiting_minor"] + amount_minor
    ctx.write({**receivable, "waiting_minor": waiting})
    move_books(ctx, receipt["account"], waiting_minor=amount_minor)
    ctx.emit("assigned", receivable=receivable["id"], amount_minor=amount_minor)
    programme = ctx.need("programme", receivable["programme"])
    if receivable["early"] or is_due(ctx, programme, receivable):
        ctx.schedule(receivable, "sweep", ctx.time)
    return amount_minor


def allocate_rest(ctx: Context, receipt_id: str, amount_minor: int) -> None:
    """Place again what a sweep did not need: due receivables first."""
    if amount_minor <= 0:
        return
    receipt = ctx.need("receipt", receipt_id)
    place_rest(ctx, receipt_id, allocate_to_due(ctx, receipt, amount_minor))


def allocate_to_due(ctx: Context, receipt: Record, amount_minor: int) -> int:
    """Assign money to the debtor's due receivables, oldest first.

    Returns:
        What none of them needs.
    """
    rest = amount_minor
    if find_insolvency(ctx, receipt["debtor"]):
        return rest
    same: list[Record] = []
    for receivable in _due_receivables(ctx, receipt):
        if same and same[0]["adjusted_date"] != receivable["adjusted_date"]:
            rest -= _allocate_date(ctx, receipt, same, rest)
            same = []
        if rest <= 0:
            return 0
        same.append(receivable)
    return rest - _allocate_date(ctx, receipt, same, rest)


def _due_receivables(ctx: Context, receipt: Record) -> list[Record]:
    """Return a debtor's due receivables in order; looks no further than those."""
    partition = receipt["account"] + "/" + receipt["debtor"]
    latest = date_of_ms(ctx.time, OFFSET_MINUTES_MAX)
    found: list[Record] = []
    after = ""
    while len(found) < OWED_MAX:
        page = ctx.scan("owed", partition, after, OWED_PAGE)
        for receivable in page:
            if receivable["adjusted_date"] > latest:
                return found
            programme = ctx.need("programme", receivable["programme"])
            if is_due(ctx, programme, receivable):
                found.append(receivable)
        if len(page) < OWED_PAGE:
            return found
        after = order_key(page[-1]["adjusted_date"], page[-1]["confirmed_order"])
    return found


def _allocate_date(
    ctx: Context, receipt: Record, same: list[Record], amount_minor: int
) -> int:
    needs = []
    for receivable in same:
        programme = ctx.need("programme", receivable["programme"])
        needs.append(need_minor(ctx, programme, receivable, receipt["value_date"]))
    total = min(amount_minor, sum(needs))
    if total <= 0:
        return 0
    shares = allocate_pro_rata(total, needs)
    for position in range(len(same)):
        assign(ctx, receipt, same[position], shares[position])
    return total


def place_rest(ctx: Context, receipt_id: str, amount_minor: int) -> None:
    """Keep money for later while the debtor owes anything, else in suspense."""
    if amount_minor <= 0:
        return
    receipt: Record = ctx.need("receipt", receipt_id)
    owes = owes_anything(ctx, receipt["account"], receipt["debtor"])
    if not owes or find_insolvency(ctx, receipt["debtor"]):
        suspend(ctx, receipt, amount_minor)
        return
    early = receipt["unassigned_minor"] + amount_minor
    ctx.write({**receipt, "unassigned_minor": early})
    move_books(ctx, receipt["account"], unassigned_minor=amount_minor)
    ctx.emit("unassigned_minor", receipt=receipt_id, amount_minor=amount_minor)


def suspend(ctx: Context, receipt: Record, amount_minor: int) -> None:
    """Put money of a receipt into suspense; it goes back when it has aged."""
    after = {**receipt, "suspense_minor": receipt["suspense_minor"] + amount_minor}
    if not receipt["suspense_minor"]:
        after["suspense_date"] = date_of_ms(ctx.time, 0)
        ctx.schedule(receipt, "suspense", suspense_end_ms(ctx, after))
    ctx.write(after)
    move_books(ctx, receipt["account"], suspense_minor=amount_minor)
    ctx.emit("suspense_minor", receipt=receipt["id"], amount_minor=amount_minor)


def suspense_end_ms(ctx: Context, receipt: Record) -> int:
    """Return when money in suspense goes back by itself, after so many whole days.

    Whose terms it falls under is not known, so the account's most patient
    programme decides.
    """
    days = SUSPENSE_DAYS
    terms = ctx.scan("terms", receipt["account"], limit=OWED_MAX)
    if terms:
        days = max([number_term(programme, "suspense_days") for programme in terms])
    return ms_of_date(add_days(receipt["suspense_date"], days + 1), 0)


def owes_anything(ctx: Context, account: str, debtor: str) -> bool:
    """Say whether an open receivable of the debtor stands on the account."""
    if not debtor:
        return False
    return bool(ctx.scan("owed", account + "/" + debtor, limit=1))


def allocate_unassigned(ctx: Context, account: str, debtor: str) -> None:
    """Give early money to what has fallen due, in order of attestation."""
    if not debtor:
        return
    satisfied = ""
    for receipt in ctx.scan("unassigned", account + "/" + debtor, limit=OWED_MAX):
        # Money of a later value date is needed for more, never for less.
        if receipt["value_date"] <= satisfied:
            continue
        early = receipt["unassigned_minor"]
        taken = early - allocate_to_due(ctx, receipt, early)
        if taken < early:
            satisfied = receipt["value_date"]
        if taken:
            ctx.write({**receipt, "unassigned_minor": early - taken})
            move_books(ctx, account, unassigned_minor=-taken)


def release_unassigned(ctx: Context, account: str, debtor: str) -> None:
    """Move early money to suspense once the debtor owes nothing any more."""
    if owes_anything(ctx, account, debtor):
        return
    for receipt in ctx.scan("unassigned", account + "/" + debtor, limit=OWED_MAX):
        suspend_unassigned(ctx, receipt)


def suspend_unassigned(ctx: Context, receipt: Record) -> None:
    """Move what is not assigned of a receipt to suspense."""
    amount = receipt["unassigned_minor"]
    move_books(ctx, receipt["account"], unassigned_minor=-amount)
    suspend(ctx, {**receipt, "unassigned_minor": 0}, amount)


def suspend_money(ctx: Context, debtor: str) -> None:
    """Move what an insolvent debtor paid and nobody got yet to suspense."""
    after = ""
    while True:
        page = ctx.scan("all", "account", after, OWED_PAGE)
        for account in page:
            partition = account["id"] + "/" + debtor
            for receipt in ctx.scan("unassigned", partition, limit=OWED_MAX):
                suspend_unassigned(ctx, receipt)
            for receivable in ctx.scan("owed", partition, limit=OWED_MAX):
                if receivable["waiting_minor"]:
                    suspend_waiting(ctx, receivable)
        if len(page) < OWED_PAGE:
            return
        after = page[-1]["id"]


def suspend_waiting(ctx: Context, receivable: Record) -> Record:
    """Move what waits for a receivable to suspense; return the receivable.

    What another member paid for its debtor goes on waiting.
    """
    debtor, suspended = receivable["debtor"], 0
    for share in ctx.scan("shares", receivable["id"], limit=OWED_MAX):
        receipt = ctx.need("receipt", share["scope"])
        if receipt["payer"] in ("", debtor):
            suspend(ctx, receipt, share["amount_minor"])
            ctx.remove("share", share["id"], share["scope"])
            suspended += share["amount_minor"]
    waiting = receivable["waiting_minor"] - suspended
    early = receivable["early"] and waiting > 0
    after = {**receivable, "early": early, "waiting_minor": waiting}
    ctx.write(after)
    move_books(ctx, receivable["account"], waiting_minor=-suspended)
    return after


def find_named(ctx: Context, debtor: str, reference: str) -> str:
    """Return the open receivable a reference names, "" if none or several.

    Args:
        ctx: the context.
        debtor: who is known to pay, "" if unknown.
        reference: a receivable's id, or an invoice number.
    """
    if len(reference) == 64:
        receivable: Record | None = ctx.read("receivable", reference)
        return reference if receivable is not None and is_open(receivable) else ""
    if not debtor:
        return ""
    found = ctx.scan("used", debtor + "/" + normalise_number(reference), limit=2)
    return found[0]["id"] if len(found) == 1 else ""


def find_advice(ctx: Context, account: str, reference: str) -> Record:
    """Return the list that a payment's reference names, {} if none is expected."""
    place = account + "/" + normalise_number(reference)
    for advice in ctx.scan("advice_refs", place, limit=2):
        if advice["until_ms"] >= ctx.time:
            return dict(advice)
    return {}
