"""The books of a collection account: money in, money out, claims, payouts.

No cash is kept on the ledger. These are sums over what the bank attested, and
every movement between them goes through one of these functions, so that what
came in is always what went out, waits or is claimed back (I8).
"""

from contracts.kit.v1.calendars import add_days
from contracts.kit.v1.records import UNSENT, lost_minor
from contracts.kit.v1.rule import Context, Record, Signer, order_key
from contracts.kit.v1.standing import (
    count_taken,
    divide_money,
    money_orders,
    place_payout,
    under_order,
)
from contracts.kit.v1.terms import number_term, word_term

CREDITS = ("receipt", "return", "interest")
# Sums that may be below zero: what is the owner's own, and what nothing explains.
SIGNED = ("own_minor", "unexplained_minor")
DAY_MS = 86_400_000
RECEIVABLES_MAX = 50
# Lines of one payout that were taken back while it was sent.
LOST_MAX = 35_000
FAILED_MAX = 2_000
CHARGES = "charges"
REFUNDS = "refunds"


def move_books(ctx: Context, account: str, **deltas: int) -> Record:
    """Add to sums of an account, e.g. ``waiting_minor=-5``.

    Raises:
        Refusal: ``books_negative``, a sum would fall below zero.
    """
    record: Record = ctx.need("account", account)
    for name, delta in deltas.items():
        record[name] += delta
        if record[name] < 0 and name not in SIGNED:
            ctx.refuse("books_negative", sum=name)
    ctx.write(record)
    return record


def attestation_order(ctx: Context, n: int) -> str:
    """Return a sort key for the n-th thing attested by this transaction."""
    return order_key(ctx.height, ctx.position, n)


def sign_attestation(
    ctx: Context, account_id: str, attester: str, file_hash: str = ""
) -> Signer:
    """Return the attester's signature; an agent needs two persons and a file.

    Raises:
        Refusal: ``wrong_attester``; ``file_hash_missing``.
    """
    if ctx.need("account", account_id)["attester"] != attester:
        ctx.refuse("wrong_attester", attester=attester)
    roles = ctx.need("member", attester)["roles"]
    if "settlement_bank" in roles or "settlement_agent" not in roles:
        return Signer(attester, "attest")
    if not file_hash:
        ctx.refuse("file_hash_missing", attester=attester)
    return Signer(attester, "attest", persons=2)


def count_entry(ctx: Context, entry: Record) -> bool:
    """Write an entry and count it in its day, the next open one if it is late.

    Returns:
        Whether its day was closed when it came.

    Raises:
        Refusal: ``reference_used``, the bank's key is known (I10).
    """
    if ctx.read("entry", entry["id"]) is not None:
        ctx.refuse("reference_used", key=entry["key"])
    account = ctx.need("account", entry["account"])
    late: bool = entry["booking_date"] <= account["closed_date"]
    if late:
        entry["day"] = add_days(account["closed_date"], 1)
    ctx.create(entry)
    day = entry["day"] if late else entry["booking_date"]
    add_day(account, day, signed_minor(entry))
    ctx.write(account)
    return late


def entry_id(ctx: Context, account: str, kind: str, key: str) -> str:
    """Return the id under which an entry of a bank stands once."""
    return ctx.hash_text("entry/" + account + "/" + kind + "/" + key)


def signed_minor(entry: Record) -> int:
    """Return what an entry adds to the account's balance."""
    amount: int = entry["amount_minor"]
    return amount if entry["type"] in CREDITS else -amount


def add_day(account: Record, booking_date: str, net_minor: int) -> None:
    """Add a booked entry to the account's movements of a day not closed yet."""
    for day in account["days"]:
        if day["date"] == booking_date:
            day["net_minor"] += net_minor
            return
    account["days"].append({"date": booking_date, "net_minor": net_minor})


# -- what is to be paid out ------------------------------------------------------------


def pay(
    ctx: Context,
    account: Record,
    like: Record,
    amount_minor: int,
    programme: Record | None = None,
    receivable: str = "",
) -> str:
    """Credit a payee; return its payout. Every credit comes through here.

    The caller has moved, or moves, the sum in the account's books. What holdings
    earn is grouped by holder, account and date, and small sums accumulate to
    the programme's minimum; anything else is a payout of its own.

    Args:
        ctx: the context.
        account: the account it is paid from.
        like: payee (a member, or "" for a remitter nobody knows), date, purpose
            (``holding``, ``price``, ``fee`` or ``return``), what ``under_order``
            says of it, and more fields of a new payout; [discharges], receivables
            that their debtor owes until it is paid.
        amount_minor: what it is credited with.
        programme: the terms, for holdings.
        receivable: what a holding is paid for.
    """
    least = 0
    like = {"charges_to": "owner", **like}
    if programme is not None:
        least = number_term(programme, "payout_min_minor")
        like["charges_to"] = word_term(programme, "charges_to")
    payout = None
    if like["purpose"] == "holding":
        payout = _find_growing(ctx, account["id"], like, least)
    fresh = payout is None
    if payout is None:
        payout = new_payout(ctx, account, like)
        if amount_minor < least and payout["state"] == "due":
            payout["state"] = "small"
            payout["receivables"] = []
    payout["amount_minor"] += amount_minor
    _join_discharges(payout, like)
    if payout["state"] == "small":
        _accumulate(payout, least, like["date"], receivable)
    if not fresh:
        ctx.write(payout)
        return str(payout["id"])
    ctx.create(payout)
    if payout["state"] == "small" and programme is not None:
        wait = number_term(programme, "payout_days") * DAY_MS
        ctx.schedule(payout, "mature", ctx.time + wait)
    return str(payout["id"])


def pay_out(
    ctx: Context, account: Record, like: Record, amount_minor: int
) -> list[str]:
    """Credit a payee as the orders on its money say; return the payouts."""
    orders = money_orders(ctx, like, account, pledged=False)
    made = []
    for order, shares in divide_money(orders, [amount_minor]):
        count_taken(ctx, order, shares[0])
        made.append(pay(ctx, account, {**like, **under_order(order)}, shares[0]))
    return made


def list_cuts(ctx: Context, item: str) -> list[Record]:
    """Return a payout with all it was cut into, what no order has first."""
    origin = ctx.need("payout", item).get("origin", item)
    found = [ctx.need("payout", origin), *ctx.scan("cuts", origin)]
    return sorted(found, key=lambda payout: "order" in payout)


def take_back(ctx: Context, item: str, amount_minor: int) -> int:
    """Reduce a payout as far as no bank was told of it; return by how much."""
    rest = amount_minor
    for payout in list_cuts(ctx, item):
        taken = min(rest, payout["amount_minor"])
        if taken and payout["state"] in UNSENT:
            reduce_payout(ctx, payout, taken)
            rest -= taken
    return amount_minor - rest


def reduce_payout(ctx: Context, payout: Record, amount_minor: int) -> None:
    """Take so much of an unsent payout, and of what its order has."""
    ctx.write(shrink(ctx, payout, amount_minor))


def shrink(ctx: Context, payout: Record, amount_minor: int) -> Record:
    """Return an unsent payout, not written, less an amount; of nothing it is over."""
    left = payout["amount_minor"] - amount_minor
    if "order" in payout:
        count_taken(ctx, ctx.need("order", payout["order"]), -amount_minor)
    state = payout["state"] if left else "cancelled"
    if not left:
        judge_discharge(ctx, payout)
    return {**payout, "amount_minor": left, "state": state}


def undo_cuts(ctx: Context, payout: Record, end: str, most_minor: int) -> int:
    """Reduce what orders cut from a payout since an attempt; return by how much."""
    rest = most_minor
    for cut in list_cuts(ctx, payout["id"]):
        taken = min(rest, cut["amount_minor"]) if end in cut.get("tried", []) else 0
        if taken > 0 and cut["state"] in UNSENT:
            reduce_payout(ctx, cut, taken)
            rest -= taken
    return most_minor - rest


def claim_again(ctx: Context, payout: Record, most_minor: int) -> int:
    """Claim what was cancelled of a payout that its bank had paid; return how much.

    A payee whom its bank paid as rejected has what its lines had lost by then.
    """
    account, rest = payout["account"], most_minor
    for cut in list_cuts(ctx, payout["id"]):
        for line in ctx.scan("remittance", cut["id"], limit=LOST_MAX):
            part = min(rest, line["cancelled_minor"])
            if part > 0:
                add_claim(ctx, account, line["receivable"], line["holder"], part)
                left = line["cancelled_minor"] - part
                ctx.write({**line, "cancelled_minor": left})
                rest -= part
    claim = most_minor - rest
    move_books(ctx, account, claims_minor=claim, payable_minor=claim)
    return claim


def _find_growing(
    ctx: Context, account: str, like: Record, least: int
) -> Record | None:
    """Return the payee's payout that a credit still joins, None for a new one."""
    places = [(like.get("state", "due"), like["date"])]
    if least and "order" not in like:
        places.append(("small", ""))
    partition = account + "/" + like["payee"] + "/"
    for state, after in places:
        for payout in ctx.scan("payouts", partition + state, after, 10):
            same = state == "small" or payout["date"] == like["date"]
            same = same and not payout["attempts"]
            same = same and len(payout.get("discharges", [])) < RECEIVABLES_MAX
            for name in ("charges_to", "locks", "order", "purpose", "redirect"):
                same = same and payout.get(name, "") == like.get(name, "")
            if same:
                found: Record = payout
                return found
    return None


def _join_discharges(payout: Record, like: Record) -> None:
    """Let a payout discharge of what a credit does, too, once it is paid."""
    known = payout.get("discharges", [])
    new = [item for item in like.get("discharges", []) if item not in known]
    if new:
        payout["discharges"] = [*known, *new]


def _accumulate(payout: Record, least: int, date: str, receivable: str) -> None:
    """Let a small payout fall due once it has reached the minimum."""
    if receivable and receivable not in payout["receivables"]:
        payout["receivables"] = [*payout["receivables"], receivable]
    full = len(payout["receivables"]) >= RECEIVABLES_MAX
    if payout["amount_minor"] >= least or full:
        fall_due(payout, date)


def fall_due(payout: Record, date: str) -> Record:
    """Turn a small payout into one that is due on a date."""
    if payout["state"] == "small":
        payout["state"] = "due"
        payout["date"] = date
        payout["receivables"] = []
    return payout


def pay_small_sums(ctx: Context, receivable: Record) -> None:
    """Let small sums of a receivable, as it stands in state, fall due if settled."""
    settled = receivable["state"] == "settled"
    if settled and ctx.scan("small", receivable["id"], limit=1):
        ctx.schedule(receivable, "small", ctx.time)


def new_payout(ctx: Context, account: Record, like: Record) -> Record:
    """Return a new payout of nothing yet, not written."""
    return {
        "account": account["id"],
        "amount_minor": 0,
        "attempts": [],
        "charges_to": "owner",
        "currency": account["currency"],
        "id": ctx.allocate("payout"),
        "kind": "payout",
        "outcomes": [],
        "rule": ctx.rule,
        "state": "due",
        **like,
    }


def end_attempt(ctx: Context, payout: Record, outcome: str) -> Record:
    """Write what became of a payout's last attempt; a failed one is due again."""
    states = {"rejected": "due", "returned": "due"}
    outcomes = [*payout["outcomes"][:-1], outcome]
    ended = {**payout, "outcomes": outcomes, "state": states.get(outcome, outcome)}
    if ended["state"] == "due":
        unuse_mandate(ctx, payout)
        ended = place_payout(ctx, cancel_lost(ctx, ended))
    ctx.write(ended)
    judge_discharge(ctx, ended)
    return ended


def judge_discharge(ctx: Context, payout: Record) -> None:
    """Judge again, now, whether debtors are discharged whose own account pays it."""
    for item in payout.get("discharges", []):
        ctx.schedule(ctx.need("receivable", item), "discharge", ctx.time)


def cancel_lost(ctx: Context, payout: Record) -> Record:
    """Return a payout that did not arrive, not written, less what it lost meanwhile.

    What was taken back of its money is cancelled, as if no bank had been told of
    it, and owed no more, as far as later payouts have not paid it.
    """
    if "receipt" in payout:
        lost = lose_refund(ctx, payout)
    elif "line" in payout:
        lost = lose_repaid(ctx, payout)
    elif "deal" in payout:
        lost = lose_price(ctx, payout)
    else:
        lost = lose_lines(ctx, payout, payout["amount_minor"])
    if not lost:
        return payout
    move_books(ctx, payout["account"], claims_minor=-lost, payable_minor=-lost)
    return shrink(ctx, payout, lost)


def lose_refund(ctx: Context, payout: Record) -> int:
    """End the claim for what the bank took back of a refund, too; return it."""
    receipt = ctx.need("receipt", payout["receipt"])
    recalled: int = receipt.get("recalled_minor", 0)
    most = min(recalled, payout["amount_minor"])
    lost = end_claim(ctx, payout["account"], REFUNDS, recalled_from(ctx, receipt), most)
    if lost:
        back = receipt["returned_minor"] - lost
        left = {"recalled_minor": recalled - lost, "returned_minor": back}
        ctx.write({**receipt, **left})
    return lost


def lose_price(ctx: Context, payout: Record) -> int:
    """End the claim for a price that was taken back; return how much.

    A buyer that keeps the units owes it to the payee instead.
    """
    deal = ctx.need("deal", payout["deal"])
    claimed: int = deal.get("claimed_minor", 0)
    keeps = deal["state"] == "moved" and deal["purpose"] != "redemption"
    owing = deal["payer"] if keeps else payout["payee"]
    most = min(claimed, payout["amount_minor"])
    lost = end_claim(ctx, payout["account"], deal["receivable"], owing, most)
    if lost:
        after = cancel_price(deal, payout, lost, owed=keeps)
        ctx.write({**after, "claimed_minor": claimed - lost})
    return lost


def cancel_price(
    deal: Record, payout: Record, amount_minor: int, *, owed: bool = True
) -> Record:
    """Return a deal, not written, of whose price so much of a payout is cancelled.

    Args:
        deal: it.
        payout: the payee and purpose of a part of its price.
        amount_minor: how much; below 0 if it is paid again.
        owed: whether the payer keeps the units, and owes it to the payee.
    """
    after = {**deal, "cancelled_minor": deal.get("cancelled_minor", 0) + amount_minor}
    left, payee = owed_to(deal, payout) + amount_minor, payout["payee"]
    if owed and payout["purpose"] == "price":
        after["owed_minor"] = left
    elif owed:
        fees = [fee for fee in deal.get("owed_fees", []) if fee["payee"] != payee]
        mine = {"amount_minor": left, "payee": payee}
        after["owed_fees"] = [*fees, mine] if left else fees
    return after


def owed_to(deal: Record, payout: Record) -> int:
    """Return what the payer of a deal owes of a part of its price."""
    if payout["purpose"] == "price":
        return int(deal.get("owed_minor", 0))
    fees = deal.get("owed_fees", [])
    return sum([fee["amount_minor"] for fee in fees if fee["payee"] == payout["payee"]])


def lose_repaid(ctx: Context, payout: Record) -> int:
    """End the claim for what a line paid of a price and was reversed; return it.

    Its holder owes it to the payee instead, as before.
    """
    line = ctx.need("line", payout["line"])
    own = line["principal_minor"] + line["interest_minor"] - line["claimed_minor"]
    back = line["reversed_principal_minor"] + line["reversed_interest_minor"]
    most = min(max(0, back - own), payout["amount_minor"])
    account, item = payout["account"], line["receivable"]
    lost = end_claim(ctx, account, item, line["holder"], most)
    unpay_line(ctx, line, payout, lost)
    return lost


def unpay_line(ctx: Context, line: Record, payout: Record, amount_minor: int) -> None:
    """Let a holder owe of a price again what a line was to pay in its place."""
    deal = ctx.need("deal", payout["deal"])
    ctx.write(cancel_price(deal, payout, amount_minor))
    line["cancelled_minor"] += amount_minor
    line["claimed_minor"] -= amount_minor
    ctx.write(line)


def lose_lines(ctx: Context, payout: Record, most_minor: int) -> int:
    """End the claims for lines that were reversed meanwhile; return how much."""
    account, rest = payout["account"], most_minor
    for cut in list_cuts(ctx, payout["id"]):
        for line in ctx.scan("lost", cut["id"], limit=LOST_MAX):
            most = min(rest, lost_minor(line))
            lost = end_claim(ctx, account, line["receivable"], line["holder"], most)
            if lost:
                cancelled = line["cancelled_minor"] + lost
                ctx.write({**line, "cancelled_minor": cancelled})
                rest -= lost
    return most_minor - rest


def cancel_failed(ctx: Context, account: str, payee: str) -> int:
    """Cancel lost money that came back once later payouts had paid its claim.

    It is what a new claim is taken from first, as it is not sent; return how much.
    """
    cancelled = 0
    found = ctx.scan("failed", account + "/" + payee, limit=FAILED_MAX)
    for payout in sorted(found, key=lambda payout: "order" in payout):
        if payout["purpose"] == "holding":
            lost = lose_lines(ctx, payout, payout["amount_minor"])
            if lost:
                reduce_payout(ctx, payout, lost)
                cancelled += lost
    return cancelled


def end_claim(
    ctx: Context, account: str, name: str, payee: str, amount_minor: int
) -> int:
    """Reduce what somebody owes an account; return by how much."""
    claim: Record | None = ctx.read("claim", claim_key(name, payee), account)
    taken = 0 if claim is None else min(amount_minor, claim["amount_minor"])
    if taken and claim is not None:
        ctx.write({**claim, "amount_minor": claim["amount_minor"] - taken})
    return taken


def keep_claim(ctx: Context, deal: Record) -> Record:
    """Return a paid deal, not written, off whose price goes what its payee owes."""
    place = (deal["account"], deal["receivable"], deal["payee"])
    kept = end_claim(ctx, *place, deal["net_minor"])
    if not kept:
        return deal
    rest = kept
    for number in deal["payouts"]:
        rest -= take_back(ctx, number, rest)
    move_books(ctx, deal["account"], claims_minor=-kept, payable_minor=-kept)
    return {**deal, "cancelled_minor": kept, "kept_minor": kept}


def recalled_from(ctx: Context, receipt: Record) -> str:
    """Return who owes what went back of a receipt and its bank took, too.

    What nobody known got is the loss of the account's owner: it owes it.
    """
    payer: str = receipt["payer"]
    if payer and ctx.read("member", payer) is not None:
        return payer
    return str(ctx.need("account", receipt["account"])["owner"])


def unuse_mandate(ctx: Context, payout: Record) -> None:
    """Take what did not leave the account off its mandate's running total."""
    account = ctx.need("account", payout["account"])
    mandate = account.get("mandate", {"number": 0})
    if mandate["number"] == payout["mandate"]:
        used = mandate["used_minor"] - payout["amount_minor"]
        account["mandate"] = {**mandate, "used_minor": max(0, used)}
        ctx.write(account)


def end_to_end_id(payout: Record) -> str:
    """Return the id of a payout's next attempt, at most 35 characters."""
    number = str(len(payout["attempts"]) + 1).rjust(3, "0")
    item: str = payout["id"]
    return "AL" + item[:28] + "-" + number


def claim_key(receivable: str, payee: str) -> str:
    """Return the id of a payee's claim on a receivable, for charges or refunds."""
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
    if not ctx.count_rows("burdens", receivable):
        return 0
    claim: Record | None = ctx.read("claim", claim_key(receivable, payee), account)
    return 0 if claim is None else int(claim["amount_minor"])


def net_claim(
    ctx: Context, account: str, receivable: str, payee: str, amount_minor: int
) -> int:
    """Let a payment to a payee reduce what it owes back.

    Claims on the receivable come first, then charges of returned payouts, then
    refunds of money that its bank took back.

    Returns:
        How much of the amount the claims took; the rest is to be paid out.
    """
    rest = amount_minor
    for name in (receivable, CHARGES, REFUNDS):
        rest -= end_claim(ctx, account, name, payee, rest)
    return amount_minor - rest
