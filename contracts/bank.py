"""Money as the bank attests it: entries, closed days, suspense, payouts.

The ledger keeps no cash; it records what the owner and the attester of an
account say, each bank reference once (I10). A fact that does not fit blocks
the account's payouts under a name; it never blocks the ledger.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Balance,
    Context,
    Date,
    Hash,
    Literal,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    add_day,
    allocate_receipt,
    assign,
    attestation_order,
    bound,
    date_of_ms,
    end_to_end_id,
    find_named,
    is_open,
    move_books,
    need_minor,
    new_payout,
    to_record,
)

CREDITS = ("receipt", "return", "interest")
ENTRIES_MAX = 100
PAYOUTS_MAX = 100

rule = Rule(
    "receivable",
    part="bank",
    writes=(
        "account",
        "entry",
        "receipt",
        "share",
        "receivable",
        "payout",
    ),
    refusals={
        "wrong_attester": (
            "unauthorised",
            "not the attester of this account",
            "Only the account's attester says what happened on it.",
            "run: allonge member account",
        ),
        "wrong_currency": (
            "refused",
            "another currency than the account's",
            "A collection account is kept in one currency.",
            "Correct the file.",
        ),
        "reference_used": (
            "stale",
            "the bank reference was applied before",
            "Each entry of a statement counts once.",
            "Import the file again; entries known are left out.",
        ),
        "day_closed": (
            "stale",
            "the day is closed",
            "Entries are booked on open days, and days are closed in order.",
            "Ask the bank on which day it booked the entry.",
        ),
        "day_in_future": (
            "refused",
            "the day has not ended yet",
            "Nothing is booked or closed ahead of block time.",
            "Wait for the day.",
        ),
        "unknown_payout": (
            "refused",
            "no payout has this end-to-end id",
            "A payment or return names an attempt of ours.",
            "run: allonge payout list",
        ),
        "amount_mismatch": (
            "refused",
            "the amount is not that of the payout",
            "A payout is paid and returned at its full amount.",
            "Record the difference as a charge.",
        ),
        "wrong_state_of_payout": (
            "stale",
            "the payout is not in the right state",
            "Due, then instructed, then paid; a return reopens it.",
            "run: allonge payout list",
        ),
        "account_blocked": (
            "refused",
            "the account is blocked",
            "A closing balance did not match the entries.",
            "Record what is missing and close the day again.",
        ),
        "no_mandate": (
            "refused",
            "no live payment mandate",
            "Without the owner's mandate payout lists are shown, not instructed.",
            "Ask the account's owner for a mandate.",
        ),
        "no_payout_account": (
            "refused",
            "the payee has no verified account",
            "A payout goes to an account its attester has verified.",
            "run: allonge member account --help",
        ),
        "not_enough": (
            "refused",
            "more than there is",
            "The amount is more than what is in suspense, waiting or owed.",
            "run: allonge bank receipts",
        ),
    },
)


class Entry(Payload):
    """One booked entry of a statement.

    Attributes:
        key: identity of the entry at the bank: direction, class and UETR,
            else servicer reference and detail, else statement, entry, detail.
        end_to_end: our payout attempt, for payouts and their returns.
        payer: member the bank knows as payer.
        reference: receivable id or invoice number the payer wrote.
    """

    amount_minor: Amount
    booking_date: Date
    currency: Annotated[str, bound(3, 3)]
    key: Text
    type: Literal["receipt", "return", "payout", "charge", "interest", "other"]
    value_date: Date
    end_to_end: Annotated[str, bound(1, 35)] | None = None
    payer: Hash | None = None
    reference: Text | None = None


class RecordEntries(Payload):
    """``bank.record``: entries of one account."""

    account: Hash
    attester: Hash
    entries: Annotated[list[Entry], bound(1, ENTRIES_MAX)]
    file_hash: Hash


def sign_attester(ctx: Context, body: RecordEntries) -> list[Signer]:
    """The account's attester."""
    account = ctx.need("account", body.account)
    if account["attester"] != body.attester:
        ctx.refuse("wrong_attester", attester=body.attester)
    return [Signer(body.attester, "attest")]


@rule.action(
    "bank.record", RecordEntries, signers=sign_attester, on=("account", "account")
)
def record_entries(ctx: Context, body: RecordEntries) -> None:
    """Apply each entry once, in order."""
    for n in range(len(body.entries)):
        apply_entry(ctx, body, body.entries[n], n)


def zone_today(ctx: Context) -> str:
    """Return the date of block time as far ahead as any zone is."""
    return date_of_ms(ctx.time, 840)


def apply_entry(ctx: Context, body: RecordEntries, entry: Entry, n: int) -> None:
    """Write an entry and what follows from its class."""
    account = ctx.need("account", body.account)
    if entry.currency != account["currency"]:
        ctx.refuse("wrong_currency", currency=entry.currency)
    if entry.booking_date <= account["closed_date"]:
        ctx.refuse("day_closed", date=entry.booking_date)
    if entry.booking_date > zone_today(ctx):
        ctx.refuse("day_in_future", date=entry.booking_date)
    item = ctx.hash_text("entry/" + body.account + "/" + entry.type + "/" + entry.key)
    if ctx.read("entry", item) is not None:
        ctx.refuse("reference_used", key=entry.key)
    ctx.create(
        {
            **to_record(entry),
            "account": body.account,
            "file_hash": body.file_hash,
            "id": item,
            "kind": "entry",
        }
    )
    sign = 1 if entry.type in CREDITS else -1
    add_day(account, entry.booking_date, sign * entry.amount_minor)
    ctx.write(account)
    if entry.type == "receipt":
        receive(ctx, account, entry, item, n)
    elif entry.type == "payout":
        mark_paid(ctx, account, entry)
    elif entry.type == "return":
        mark_returned(ctx, account, entry)
    ctx.emit("entry", entry=item, amount_minor=entry.amount_minor)


def receive(ctx: Context, account: Record, entry: Entry, item: str, n: int) -> None:
    """Write incoming money and allocate it."""
    reference = entry.reference or ""
    named = find_named(ctx, entry.payer or "", reference)
    debtor = entry.payer or ""
    if named:
        receivable = ctx.need("receivable", named)
        fits = receivable["account"] == account["id"]
        if not fits or (debtor and debtor != receivable["debtor"]):
            named, debtor = "", ""
        else:
            debtor = receivable["debtor"]
    receipt = {
        "account": account["id"],
        "amount_minor": entry.amount_minor,
        "booking_date": entry.booking_date,
        "debtor": debtor,
        "id": item,
        "kind": "receipt",
        "order": attestation_order(ctx, n),
        "payer": entry.payer or debtor,
        "returned_minor": 0,
        "reversed_minor": 0,
        "rule": account["rule"],
        "suspense_minor": 0,
        "unassigned_minor": 0,
        "value_date": entry.value_date,
    }
    ctx.create(receipt)
    move_books(ctx, account["id"], receipts_minor=entry.amount_minor)
    allocate_receipt(ctx, receipt, entry.amount_minor, named)


def find_payout(ctx: Context, account: Record, entry: Entry) -> Record:
    """Return the payout an entry's end-to-end id names, at its full amount."""
    found = ctx.scan("attempts", entry.end_to_end or "-", limit=1)
    if not found or found[0]["account"] != account["id"]:
        ctx.refuse("unknown_payout", account=account["id"])
    payout: Record = found[0]
    if payout["amount_minor"] != entry.amount_minor:
        ctx.refuse("amount_mismatch", amount_minor=payout["amount_minor"])
    return payout


def mark_paid(ctx: Context, account: Record, entry: Entry) -> None:
    """The bank paid an instructed payout."""
    payout = find_payout(ctx, account, entry)
    if payout["state"] != "instructed" or payout["attempts"][-1] != entry.end_to_end:
        ctx.refuse("wrong_state_of_payout", state=payout["state"])
    ctx.write({**payout, "state": "paid"})
    amount = payout["amount_minor"]
    move_books(ctx, account["id"], paid_minor=amount, payable_minor=-amount)
    ctx.emit("paid", payout=payout["id"], amount_minor=amount)


def mark_returned(ctx: Context, account: Record, entry: Entry) -> None:
    """A payment of ours came back: the payout is due again, in full."""
    payout = find_payout(ctx, account, entry)
    if payout["state"] != "paid" or payout["attempts"][-1] != entry.end_to_end:
        ctx.refuse("wrong_state_of_payout", state=payout["state"])
    ctx.write({**payout, "state": "due"})
    amount = payout["amount_minor"]
    move_books(ctx, account["id"], paid_minor=-amount, payable_minor=amount)
    ctx.emit("returned", payout=payout["id"], amount_minor=amount)


class CloseDay(Payload):
    """``bank.close``: the attester's closing balance of a day."""

    account: Hash
    attester: Hash
    closing_minor: Balance
    date: Date
    no_movement: bool


def sign_close(ctx: Context, body: CloseDay) -> list[Signer]:
    """The account's attester."""
    account = ctx.need("account", body.account)
    if account["attester"] != body.attester:
        ctx.refuse("wrong_attester", attester=body.attester)
    return [Signer(body.attester, "attest")]


@rule.action("bank.close", CloseDay, signers=sign_close, on=("account", "account"))
def close_day(ctx: Context, body: CloseDay) -> None:
    """Close a day whose balance adds up, else block the account."""
    account = ctx.need("account", body.account)
    if body.date <= account["closed_date"]:
        ctx.refuse("day_closed", date=account["closed_date"])
    if body.date > zone_today(ctx):
        ctx.refuse("day_in_future", date=body.date)
    closing = account["closing_minor"]
    open_days = []
    moved = False
    for day in account["days"]:
        if day["date"] <= body.date:
            closing += day["net_minor"]
            moved = True
        else:
            open_days.append(day)
    if closing != body.closing_minor or (moved and body.no_movement):
        ctx.write({**account, "status": "blocked"})
        ctx.emit("balance_mismatch", account=account["id"], expected_minor=closing)
        return
    closed = {
        **account,
        "closed_date": body.date,
        "closing_minor": closing,
        "days": open_days,
        "status": "open",
    }
    ctx.write(closed)
    ctx.emit("day_closed", account=account["id"], date=body.date)
    ctx.schedule(closed, "judge", ctx.time)


class Match(Payload):
    """``bank.match``: the debtor says what money in suspense is for."""

    amount_minor: Amount
    receipt: Hash
    receivable: Hash


def sign_match(ctx: Context, body: Match) -> list[Signer]:
    """The debtor of the receivable, and the payer if that is another member."""
    record = ctx.need("receivable", body.receivable)
    payer = ctx.need("receipt", body.receipt)["payer"]
    members = [record["debtor"]]
    if payer not in ("", record["debtor"]) and ctx.read("member", payer) is not None:
        members.append(payer)
    return [
        Signer(member, "pay", body.amount_minor, record["currency"])
        for member in members
    ]


@rule.action("bank.match", Match, signers=sign_match, on=("receipt", "receipt"))
def match(ctx: Context, body: Match) -> None:
    """Assign money in suspense to a receivable, up to what that needs."""
    receipt = ctx.need("receipt", body.receipt)
    receivable = ctx.need("receivable", body.receivable)
    programme = ctx.need("programme", receivable["programme"])
    if receivable["account"] != receipt["account"] or not is_open(receivable):
        ctx.refuse("not_found")
    need = need_minor(ctx, programme, receivable, receipt["value_date"])
    if body.amount_minor > min(need, receipt["suspense_minor"]):
        ctx.refuse("not_enough", need=need, suspense=receipt["suspense_minor"])
    suspense = receipt["suspense_minor"] - body.amount_minor
    taken = {**receipt, "suspense_minor": suspense}
    if not receipt["unassigned_minor"]:
        # As if the payment had named it: what is too much is this debtor's.
        taken["debtor"] = receivable["debtor"]
    ctx.write(taken)
    move_books(ctx, receipt["account"], suspense_minor=-body.amount_minor)
    assign(ctx, taken, receivable, body.amount_minor)
    ctx.emit("matched", receipt=receipt["id"], receivable=receivable["id"])


class Return(Payload):
    """``bank.return``: money goes back to the account it came from."""

    amount_minor: Amount
    receipt: Hash
    source: Literal["early", "suspense"]


def sign_return(ctx: Context, body: Return) -> list[Signer]:
    """The debtor for its early money; the account's owner for suspense."""
    receipt = ctx.need("receipt", body.receipt)
    account = ctx.need("account", receipt["account"])
    if body.source == "suspense":
        return [Signer(account["owner"], "pay", body.amount_minor, account["currency"])]
    if not receipt["debtor"]:
        ctx.refuse("not_enough", unassigned=receipt["unassigned_minor"])
    return [Signer(receipt["debtor"], "pay", body.amount_minor, account["currency"])]


@rule.action("bank.return", Return, signers=sign_return, on=("receipt", "receipt"))
def return_money(ctx: Context, body: Return) -> None:
    """Make a payout of suspense, or of early money, to the remitter."""
    receipt = ctx.need("receipt", body.receipt)
    account = ctx.need("account", receipt["account"])
    payout = new_payout(ctx, account, receipt["payer"], zone_today(ctx), "return")
    payout["amount_minor"] = body.amount_minor
    payout["receipt"] = receipt["id"]
    ctx.create(payout)
    suspense, unassigned, waiting = 0, 0, 0
    if body.source == "suspense":
        suspense = min(body.amount_minor, receipt["suspense_minor"])
    else:
        unassigned = min(body.amount_minor, receipt["unassigned_minor"])
        waiting = return_waiting(ctx, receipt, body.amount_minor - unassigned)
    short = body.amount_minor - suspense - unassigned - waiting
    if short:
        ctx.refuse("not_enough", short_minor=short)
    ctx.write(
        {
            **receipt,
            "returned_minor": receipt["returned_minor"] + body.amount_minor,
            "suspense_minor": receipt["suspense_minor"] - suspense,
            "unassigned_minor": receipt["unassigned_minor"] - unassigned,
        }
    )
    move_books(
        ctx,
        account["id"],
        payable_minor=body.amount_minor,
        suspense_minor=-suspense,
        unassigned_minor=-unassigned,
        waiting_minor=-waiting,
    )


def return_waiting(ctx: Context, receipt: Record, amount_minor: int) -> int:
    """Take back what waits of a receipt, latest due first; return how much."""
    rest = amount_minor
    for share in reversed(ctx.scan("receipt_shares", receipt["id"], limit=1000)):
        rest -= take_early(ctx, receipt, share, rest)
    return amount_minor - rest


def take_early(ctx: Context, receipt: Record, share: Record, amount_minor: int) -> int:
    """Take waiting money back from a receivable that is not due yet."""
    taken: int = min(amount_minor, share["amount_minor"])
    receivable = ctx.need("receivable", share["receivable"])
    programme = ctx.need("programme", receivable["programme"])
    now = date_of_ms(ctx.time, programme["offset_minutes"])
    if not taken or receivable["early"] or receivable["adjusted_date"] <= now:
        return 0
    if receivable["debtor"] != receipt["debtor"]:
        return 0
    if taken == share["amount_minor"]:
        ctx.remove("share", share["id"], share["scope"])
    else:
        ctx.write({**share, "amount_minor": share["amount_minor"] - taken})
    waiting = receivable["waiting_minor"] - taken
    ctx.write({**receivable, "waiting_minor": waiting})
    return taken


class Instruct(Payload):
    """``payout.instruct``: the owner sends payouts to the bank."""

    account: Hash
    payouts: Annotated[list[Hash], bound(1, PAYOUTS_MAX)]


def sign_instruct(ctx: Context, body: Instruct) -> list[Signer]:
    """The account's owner, for the sum."""
    account = ctx.need("account", body.account)
    total = sum([ctx.need("payout", item)["amount_minor"] for item in body.payouts])
    return [Signer(account["owner"], "pay", total, account["currency"])]


@rule.action(
    "payout.instruct", Instruct, signers=sign_instruct, on=("account", "account")
)
def instruct(ctx: Context, body: Instruct) -> None:
    """Give each payout a new attempt with its own end-to-end id."""
    account = ctx.need("account", body.account)
    if account["status"] != "open":
        ctx.refuse("account_blocked", account=account["id"])
    mandate = account.get("mandate", {"limit_minor": 0, "until": ""})
    total = 0
    for item in body.payouts:
        payout = ctx.need("payout", item)
        # A reversal may have left nothing of it.
        sent = payout["state"] != "due" or not payout["amount_minor"]
        if payout["account"] != account["id"] or sent:
            ctx.refuse("wrong_state_of_payout", state=payout["state"])
        if payout["purpose"] == "holding":
            check_payee(ctx, payout)
        attempt = end_to_end_id(payout)
        attempts = [*payout["attempts"], attempt]
        ctx.write({**payout, "attempts": attempts, "state": "instructed"})
        total += payout["amount_minor"]
        ctx.emit("instructed", payout=item, attempt=attempt)
    if total > mandate["limit_minor"] or mandate["until"] < zone_today(ctx):
        ctx.refuse("no_mandate", total_minor=total)


def check_payee(ctx: Context, payout: Record) -> None:
    """Refuse to pay a payee without a verified account."""
    record = ctx.read("payout_account", payout["currency"], payout["payee"])
    pending = {} if record is None else record.get("next", {})
    taken_effect = pending.get("verified", False) and pending["from_time"] <= ctx.time
    if record is None or not ("commitment" in record or taken_effect):
        ctx.refuse("no_payout_account", payout=payout["id"])
