"""Facts that do not fit: named, listed, and in the way of an account's payouts.

A bank's word is never refused because it contradicts the ledger; it stands as
a discrepancy until another fact explains it, or until owner and attester sign
what it was. Nothing but payouts from that account waits for it.
"""

from contracts.kit.v1.books import CHARGES, add_claim, end_attempt, move_books
from contracts.kit.v1.rule import Context, Record

# Cleared by a day whose balance agrees, whatever was wrong before.
CLEARED_BY_CLOSE = ("balance_mismatch", "late_booking")
OPEN_MAX = 1000
PAYMENTS = ("payout", "return")
FAILED = ("rejected", "returned")


def open_discrepancy(ctx: Context, found: Record) -> None:
    """Write a discrepancy, or open one again; its account pays nothing out.

    Args:
        ctx: the context.
        found: account, code, id, order and ``net_minor``, what it moved without
            an explanation; ``entry`` if it is one that moved money; ``end`` if
            a later fact can name it.
    """
    known: Record | None = ctx.read("discrepancy", found["id"])
    record = {**found, "kind": "discrepancy", "opened_ms": ctx.time, "state": "open"}
    if known is None:
        ctx.create(record)
    else:
        ctx.write(record)
    if known is None or known["state"] != "open":
        moved = found["net_minor"] if "entry" in found else 0
        move_books(ctx, found["account"], discrepancies=1, unexplained_minor=moved)
    ctx.emit(
        "discrepancy",
        discrepancy=found["id"],
        account=found["account"],
        code=found["code"],
        net_minor=found["net_minor"],
    )


def close_discrepancy(
    ctx: Context, found: Record, state: str, by: str, own_minor: int = 0
) -> None:
    """End an open discrepancy.

    Args:
        ctx: the context.
        found: as it stands in state.
        state: ``explained`` or ``signed``.
        by: the fact that explains it, or what the signatures say it was.
        own_minor: how much of it is the account owner's own.
    """
    ended = {**found, "cleared_by": by, "own_minor": own_minor, "state": state}
    ctx.write(ended)
    moved = found["net_minor"] if "entry" in found else 0
    move_books(
        ctx,
        found["account"],
        discrepancies=-1,
        own_minor=own_minor,
        unexplained_minor=-moved,
    )
    ctx.emit("discrepancy_cleared", discrepancy=found["id"], account=found["account"])


def list_open(ctx: Context, account: str) -> list[Record]:
    """Return an account's open discrepancies, oldest first."""
    return ctx.scan("discrepancies", account + "/open", limit=OPEN_MAX)


def find_payout(ctx: Context, account: str, end: str) -> Record | None:
    """Return the payout of an account that an end-to-end id names."""
    found = ctx.scan("attempts", end or "-", limit=1)
    if not found or found[0]["account"] != account:
        return None
    payout: Record = found[0]
    return payout


def awaits(payout: Record, end: str) -> bool:
    """Say whether the bank was told of a payout under this id and has not paid."""
    under_way = payout["state"] in ("instructed", "accepted")
    return bool(under_way and payout["attempts"][-1] == end)


def outcome_of(payout: Record, end: str) -> str:
    """Return what became of one of a payout's attempts."""
    for position in range(len(payout["attempts"])):
        if payout["attempts"][position] == end:
            outcome: str = payout["outcomes"][position]
            return outcome
    return ""


def gross_minor(entry: Record) -> int:
    """Return an entry's amount before what banks kept of it."""
    return int(entry["amount_minor"]) + int(entry.get("charges_minor", 0))


def explain_pair(ctx: Context, entry: Record) -> bool:
    """Say whether an entry takes back one that did not fit; both are settled then.

    What was paid and came back under one id leaves its payout due again.
    """
    end = entry.get("end_to_end", "")
    if not end:
        return False
    for found in ctx.scan("ends", entry["account"] + "/" + end, limit=OPEN_MAX):
        other = ctx.need("entry", found["entry"]) if "entry" in found else entry
        opposite = other["type"] in PAYMENTS and other["type"] != entry["type"]
        if not opposite or gross_minor(other) != gross_minor(entry):
            continue
        close_discrepancy(ctx, found, "explained", entry["id"])
        payout = find_payout(ctx, entry["account"], end)
        if payout is not None and awaits(payout, end):
            end_attempt(ctx, payout, "returned")
        for side in (entry, other):
            book_charges(ctx, side, side.get("charges_minor", 0))
        return True
    return False


def explain_status(ctx: Context, entry: Record) -> None:
    """Clear what a payment status contradicted once the statement speaks."""
    end = entry["account"] + "/" + entry.get("end_to_end", "")
    for found in ctx.scan("ends", end, limit=OPEN_MAX):
        if "entry" not in found:
            close_discrepancy(ctx, found, "explained", entry["id"])


def book_charges(ctx: Context, entry: Record, amount_minor: int) -> None:
    """Book charges in their own line; of a returned payout, to whom it names."""
    if not amount_minor:
        return
    account, end = entry["account"], entry.get("end_to_end", "")
    payout = find_payout(ctx, account, end)
    charged = 0
    payee = "" if payout is None else _charged_payee(payout, end)
    if payee:
        charged = amount_minor
        add_claim(ctx, account, CHARGES, payee, charged)
        ctx.write({**entry, "charged_minor": charged})
    move_books(
        ctx,
        account,
        charged_minor=charged,
        charges_minor=amount_minor,
        claims_minor=charged,
    )


def _charged_payee(payout: Record, end: str) -> str:
    """Return the payee if it bears the charges of an attempt that failed."""
    if payout["charges_to"] != "payee" or outcome_of(payout, end) not in FAILED:
        return ""
    return str(payout["payee"])
