"""The books of a collection account: money in, money out, claims, payouts.

No cash is kept on the ledger. These are sums over what the bank attested, and
every movement between them goes through one of these functions, so that what
came in is always what went out, waits or is claimed back (I8).
"""

from contracts.kit.v1.rule import Context, Record, order_key


def move_books(ctx: Context, account: str, **deltas: int) -> Record:
    """Add to sums of an account, e.g. ``waiting_minor=-5``.

    Raises:
        Refusal: ``books_negative``, a sum would fall below zero.
    """
    record: Record = ctx.need("account", account)
    for name, delta in deltas.items():
        record[name] += delta
        if record[name] < 0:
            ctx.refuse("books_negative", sum=name)
    ctx.write(record)
    return record


def attestation_order(ctx: Context, n: int) -> str:
    """Return a sort key for the n-th thing attested by this transaction."""
    return order_key(ctx.height, ctx.position, n)


def add_day(account: Record, booking_date: str, net_minor: int) -> None:
    """Add a booked entry to the account's movements of a day not closed yet."""
    for day in account["days"]:
        if day["date"] == booking_date:
            day["net_minor"] += net_minor
            return
    account["days"].append({"date": booking_date, "net_minor": net_minor})


def open_payout(ctx: Context, account: Record, payee: str, date: str) -> Record:
    """Return the payee's payout of a date that can still grow, new if none."""
    partition = account["id"] + "/" + payee + "/due"
    for payout in ctx.scan("payouts", partition, date, 10):
        if payout["date"] == date and payout["purpose"] == "holding":
            found: Record = payout
            return found
    return new_payout(ctx, account, payee, date, "holding")


def new_payout(
    ctx: Context, account: Record, payee: str, date: str, purpose: str
) -> Record:
    """Return a new payout of nothing yet, not written."""
    return {
        "account": account["id"],
        "amount_minor": 0,
        "attempts": [],
        "currency": account["currency"],
        "date": date,
        "id": ctx.allocate("payout"),
        "kind": "payout",
        "payee": payee,
        "purpose": purpose,
        "rule": ctx.rule,
        "state": "due",
    }


def end_to_end_id(payout: Record) -> str:
    """Return the id of a payout's next attempt, at most 35 characters."""
    number = str(len(payout["attempts"]) + 1).rjust(3, "0")
    item: str = payout["id"]
    return "AL" + item[:28] + "-" + number


def put_payout(ctx: Context, payout: Record) -> None:
    """Write a payout whether it is new or not."""
    if ctx.read("payout", payout["id"]) is None:
        ctx.create(payout)
    else:
        ctx.write(payout)


def claim_key(receivable: str, payee: str) -> str:
    """Return the id of a payee's claim on one receivable."""
    return receivable + "/" + payee


def add_claim(
    ctx: Context, account: str, receivable: str, payee: str, amount_minor: int
) -> None:
    """Record that a payee owes money back to the account."""
    item = claim_key(receivable, payee)
    claim: Record | None = ctx.read("claim", item, account)
    if claim is None:
        ctx.create(
            {
                "amount_minor": amount_minor,
                "id": item,
                "kind": "claim",
                "payee": payee,
                "receivable": receivable,
                "scope": account,
            }
        )
    else:
        ctx.write({**claim, "amount_minor": claim["amount_minor"] + amount_minor})


def claim_left(ctx: Context, account: str, receivable: str, payee: str) -> int:
    """Return what a payee still owes back on one receivable, 0 if nothing."""
    claim: Record | None = ctx.read("claim", claim_key(receivable, payee), account)
    return 0 if claim is None else int(claim["amount_minor"])


def net_claim(
    ctx: Context, account: str, receivable: str, payee: str, amount_minor: int
) -> int:
    """Let a payment to a payee reduce what it owes back.

    Returns:
        How much of the amount the claim took; the rest is to be paid out.
    """
    claim: Record | None = ctx.read("claim", claim_key(receivable, payee), account)
    if claim is None or not claim["amount_minor"]:
        return 0
    taken: int = min(amount_minor, claim["amount_minor"])
    ctx.write({**claim, "amount_minor": claim["amount_minor"] - taken})
    return taken
