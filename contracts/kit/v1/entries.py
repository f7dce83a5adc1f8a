"""What an entry of a bank statement does, class by class.

Each function applies an entry that is written and counted, or returns the
code of what keeps it from fitting and leaves everything as it was.
"""

from contracts.kit.v1.allocation import (
    allocate_receipt,
    assign,
    find_advice,
    find_named,
)
from contracts.kit.v1.books import (
    claim_again,
    end_attempt,
    entry_id,
    move_books,
    undo_cuts,
)
from contracts.kit.v1.deals import find_deal, settle_deal
from contracts.kit.v1.discrepancies import (
    OPEN_MAX,
    PAYMENTS,
    awaits,
    book_charges,
    close_discrepancy,
    explain_pair,
    explain_status,
    find_payout,
    gross_minor,
)
from contracts.kit.v1.owed import is_open, need_minor
from contracts.kit.v1.reversals import (
    LINES_AT_ONCE,
    left_of,
    reverse_receipt,
    why_not_reversed,
)
from contracts.kit.v1.rule import Context, Record


def apply_entry(ctx: Context, entry: Record, order: str) -> str:
    """Let an entry have its effect; return "" or the code of what does not fit.

    Args:
        ctx: the context.
        entry: as it stands in state.
        order: its place among all that was attested.
    """
    kind, amount, account = entry["type"], entry["amount_minor"], entry["account"]
    if kind == "receipt":
        receive(ctx, entry, order)
        return ""
    if kind == "reversal":
        return apply_reversal(ctx, entry, entry.get("original", ""), amount)
    if kind in PAYMENTS:
        if explain_pair(ctx, entry):
            return ""
        code = apply_payment(ctx, entry, entry.get("end_to_end", ""), exact=True)[0]
        if not code:
            explain_status(ctx, entry)
        return code
    if kind == "charge":
        book_charges(ctx, entry, amount)
    elif kind == "interest":
        move_books(ctx, account, interest_minor=amount)
    else:
        move_books(ctx, account, own_minor=-amount)
    return ""


def apply_payment(
    ctx: Context, entry: Record, end: str, *, exact: bool
) -> tuple[str, int]:
    """Mark a payout as paid or returned, at its full amount.

    Args:
        ctx: the context.
        entry: of class payout or return.
        end: end-to-end id of the attempt.
        exact: whether amount and state must fit; owner and attester may sign
            that an attempt was paid though its amount differs, or though a bank
            rejected it before.

    Returns:
        A code or "", and by how much the balance differs from the full amount.
    """
    payout = find_payout(ctx, entry["account"], end)
    if payout is None:
        return "unknown_payout", 0
    full, gross = payout["amount_minor"], gross_minor(entry)
    if exact and full != gross:
        return "amount_mismatch", 0
    back = entry["type"] == "return"
    expected = awaits(payout, end)
    last, outcome = payout["attempts"][-1] == end, payout["outcomes"][-1]
    unpaid = payout["state"] in ("due", "cancelled") and outcome == "rejected"
    if back or not exact:
        expected = last and (outcome == "paid" if back else expected or unpaid)
    if not expected:
        return "wrong_state_of_payout", 0
    if not exact and not back:
        full += undo_cuts(ctx, payout, end, gross - full)
        if unpaid:
            full += claim_again(ctx, payout, gross - full)
        payout = {**payout, "amount_minor": full}
    if back:
        move_books(ctx, entry["account"], paid_minor=-full, payable_minor=full)
        end_attempt(ctx, payout, "returned")
        book_charges(ctx, entry, entry.get("charges_minor", 0))
    else:
        end_attempt(ctx, payout, "paid")
        move_books(ctx, entry["account"], paid_minor=full, payable_minor=-full)
    word = "returned" if back else "paid"
    ctx.emit(word, payout=payout["id"], amount_minor=full)
    return "", gross - full if back else full - gross


def apply_reversal(
    ctx: Context,
    entry: Record,
    original: str,
    amount_minor: int,
    most: int = LINES_AT_ONCE,
) -> str:
    """Take the receipt back that a reversal names; return "" or a code.

    Args:
        ctx: the context.
        entry: the reversal.
        original: the bank's key of the receipt's entry.
        amount_minor: how much of it.
        most: lines that there is time for now.
    """
    item = entry_id(ctx, entry["account"], "receipt", original)
    receipt: Record | None = ctx.read("receipt", item) if original else None
    if receipt is None:
        return "unknown_original"
    code = why_not_reversed(ctx, receipt, amount_minor, most)
    if not code:
        take_back(ctx, entry, receipt, amount_minor, most)
    return code


def take_back(
    ctx: Context,
    entry: Record,
    receipt: Record,
    amount_minor: int,
    most: int = LINES_AT_ONCE,
) -> None:
    """Reverse a receipt under an entry that says so."""
    found = {"receipt": receipt["id"], "reversed_minor": amount_minor}
    ctx.write({**entry, **found})
    reverse_receipt(ctx, receipt, amount_minor, most)


def apply_what_fits(
    ctx: Context, entry: Record, end: str, original: str
) -> tuple[str, int]:
    """Apply an entry that did not fit, as owner and attester say.

    Returns:
        A code or "", and how much of it is the owner's own.
    """
    if entry["type"] != "reversal":
        return apply_payment(ctx, entry, end, exact=False)
    item = entry_id(ctx, entry["account"], "receipt", original)
    receipt: Record | None = ctx.read("receipt", item) if original else None
    amount: int = entry["amount_minor"]
    if receipt is not None:
        amount = min(amount, left_of(receipt))
        if not amount:
            return "reversal_too_large", 0
    code = apply_reversal(ctx, entry, original, amount)
    return code, amount - int(entry["amount_minor"])


def receive(ctx: Context, entry: Record, order: str) -> None:
    """Write incoming money and place it: a price, a debt, or suspense."""
    account = ctx.need("account", entry["account"])
    payer, reference = entry.get("payer", ""), entry.get("reference", "")
    deal = find_deal(ctx, reference)
    advice = {} if deal else find_advice(ctx, account["id"], reference)
    named = "" if deal or advice else find_named(ctx, payer, reference)
    debtor, rows = "" if deal else payer, advice.get("rows", [])
    reported: list[Record] = []
    if named:
        reported = ctx.scan("misdirected", named + "/" + (payer or "-"), limit=100)
        rows = [{"amount_minor": entry["amount_minor"], "receivable": named}]
    if rows:
        # Another member's money is for nothing that it does not owe itself.
        receivable = ctx.need("receivable", rows[0]["receivable"])
        fits = advice or receivable["account"] == account["id"]
        fits = fits and payer in ("", receivable["debtor"])
        debtor = receivable["debtor"] if fits else ""
        rows = rows if fits else []
    receipt = {
        "account": account["id"],
        "amount_minor": entry["amount_minor"],
        "booking_date": entry["booking_date"],
        "debtor": debtor,
        "id": entry["id"],
        "kind": "receipt",
        "order": order,
        "payer": payer or debtor,
        "returned_minor": 0,
        "reversed_minor": 0,
        "rule": account["rule"],
        "suspense_minor": 0,
        "unassigned_minor": 0,
        "value_date": entry["value_date"],
    }
    if deal:
        receipt["deal"] = deal["id"]
    if advice and rows:
        receipt["advice"] = advice["id"]
        ctx.remove("advice", advice["id"])
    ctx.create(receipt)
    move_books(ctx, account["id"], receipts_minor=entry["amount_minor"])
    if deal:
        settle_deal(ctx, deal, receipt)
    else:
        allocate_receipt(ctx, receipt, entry["amount_minor"], rows)
    for report in reported:
        repay(ctx, report, entry["id"])
    explain_reversals(ctx, entry)


def repay(ctx: Context, report: Record, receipt_id: str) -> None:
    """Let a member that got the debtor's money pay it in for what it was for."""
    receipt = ctx.need("receipt", receipt_id)
    receivable = ctx.need("receivable", report["receivable"])
    if receivable["account"] != receipt["account"] or not is_open(receivable):
        return
    programme = ctx.need("programme", receivable["programme"])
    need = need_minor(ctx, programme, receivable, receipt["value_date"])
    taken = min(need, report["open_minor"], receipt["suspense_minor"])
    if taken:
        ctx.write({**report, "open_minor": report["open_minor"] - taken})
        place_suspense(ctx, receipt, receivable, taken)


def place_suspense(
    ctx: Context, receipt: Record, receivable: Record, amount_minor: int
) -> None:
    """Assign money in suspense to a receivable, as if the payment had named it."""
    left = receipt["suspense_minor"] - amount_minor
    taken = {**receipt, "suspense_minor": left}
    if not receipt["unassigned_minor"]:
        # What turns out to be too much is this debtor's.
        taken["debtor"] = receivable["debtor"]
    ctx.write(taken)
    move_books(ctx, receipt["account"], suspense_minor=-amount_minor)
    assign(ctx, taken, receivable, amount_minor)


def explain_reversals(ctx: Context, entry: Record) -> None:
    """Take a receipt back whose reversal was recorded before it."""
    partition = entry["account"] + "/" + entry["key"]
    for found in ctx.scan("ends", partition, limit=OPEN_MAX):
        if found["code"] == "unknown_original":
            other = ctx.need("entry", found["entry"])
            if not apply_reversal(ctx, other, entry["key"], other["amount_minor"]):
                close_discrepancy(ctx, found, "explained", entry["id"])
