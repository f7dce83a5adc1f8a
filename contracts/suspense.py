"""Incoming money that nobody could place: matched, held, returned.

What ages in suspense goes back to where it came from. Money that a debtor paid
to somebody else than the account is reported here: it discharged nobody who
had notice, and comes in once more through whoever got it.
"""

from contracts.kit.v1 import (
    Amount,
    Context,
    Date,
    Hash,
    Literal,
    Payload,
    Record,
    Rule,
    Signer,
    date_of_ms,
    is_open,
    move_books,
    need_minor,
    pay_out,
)
from contracts.kit.v1.allocation import suspense_end_ms
from contracts.kit.v1.calendars import ms_of_date
from contracts.kit.v1.entries import place_suspense
from contracts.kit.v1.standing import find_hold

rule = Rule(
    "receivable",
    part="suspense",
    writes=(
        "account",
        "misdirected",
        "order",
        "payout",
        "receipt",
        "receivable",
        "share",
    ),
    refusals={
        "not_enough": (
            "refused",
            "more than there is",
            "The amount is more than what is in suspense, waiting or owed.",
            "See what there is: run: allonge bank receipts",
        ),
        "not_vouched": (
            "unauthorised",
            "nobody vouches for an unknown payer",
            "Money of a payer nobody knows needs the word of owner or attester too.",
            "Let the account's owner or attester sign with you.",
        ),
        "money_held": (
            "refused",
            "the money is held",
            "An order of an authority keeps it where it is.",
            "Ask who placed the order for its release.",
        ),
        "not_a_party": (
            "unauthorised",
            "not a party to the receivable",
            "Only its debtor, supplier and holders act, and none on its debtor.",
            "Name supplier, debtor or a holder: run: allonge lineage RECEIVABLE",
        ),
    },
)


class Match(Payload):
    """``bank.match``: the debtor says what money in suspense is for.

    Attributes:
        vouched_by: the account's owner or attester, where no payer is known.
    """

    amount_minor: Amount
    receipt: Hash
    receivable: Hash
    vouched_by: Hash | None = None


def sign_match(ctx: Context, body: Match) -> list[Signer]:
    """The debtor, and the payer if another member; if unknown, the account's side."""
    record = ctx.need("receivable", body.receivable)
    receipt = ctx.need("receipt", body.receipt)
    payer = receipt["payer"]
    currency = record["currency"]
    signers = [Signer(record["debtor"], "pay", body.amount_minor, currency)]
    if payer == record["debtor"]:
        return signers
    if payer and ctx.read("member", payer) is not None:
        return [*signers, Signer(payer, "pay", body.amount_minor, currency)]
    account = ctx.need("account", receipt["account"])
    if body.vouched_by not in (account["owner"], account["attester"]):
        ctx.refuse("not_vouched", receipt=receipt["id"])
    return [*signers, Signer(body.vouched_by or "", "attest")]


@rule.action("bank.match", Match, signers=sign_match, on=("receipt", "receipt"))
def match(ctx: Context, body: Match) -> None:
    """Assign money in suspense to a receivable, up to what that needs."""
    receipt = ctx.need("receipt", body.receipt)
    receivable = ctx.need("receivable", body.receivable)
    programme = ctx.need("programme", receivable["programme"])
    if receivable["account"] != receipt["account"] or not is_open(receivable):
        ctx.refuse("not_found")
    if find_hold(ctx, receipt):
        ctx.refuse("money_held", receipt=receipt["id"])
    need = need_minor(ctx, programme, receivable, receipt["value_date"])
    if body.amount_minor > min(need, receipt["suspense_minor"]):
        ctx.refuse("not_enough", need=need, suspense=receipt["suspense_minor"])
    place_suspense(ctx, receipt, receivable, body.amount_minor)
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
    # What an insolvent member paid goes back to its administrator.
    if find_hold(ctx, receipt, estate=False):
        ctx.refuse("money_held", receipt=receipt["id"])
    suspense, unassigned, waiting = 0, 0, 0
    if body.source == "suspense":
        suspense = min(body.amount_minor, receipt["suspense_minor"])
    else:
        unassigned = min(body.amount_minor, receipt["unassigned_minor"])
        waiting = return_waiting(ctx, receipt, body.amount_minor - unassigned)
    short = body.amount_minor - suspense - unassigned - waiting
    if short:
        ctx.refuse("not_enough", short_minor=short)
    send_back(ctx, receipt, suspense, unassigned, waiting)


def send_back(
    ctx: Context, receipt: Record, suspense: int, unassigned: int, waiting: int
) -> None:
    """Make a payout to the remitter of what was taken from each place."""
    account = ctx.need("account", receipt["account"])
    amount = suspense + unassigned + waiting
    like = {
        "date": date_of_ms(ctx.time, 840),
        "payee": receipt["payer"],
        "purpose": "return",
        "receipt": receipt["id"],
    }
    pay_out(ctx, account, like, amount)
    ctx.write(
        {
            **receipt,
            "returned_minor": receipt["returned_minor"] + amount,
            "suspense_minor": receipt["suspense_minor"] - suspense,
            "unassigned_minor": receipt["unassigned_minor"] - unassigned,
        }
    )
    move_books(
        ctx,
        account["id"],
        payable_minor=amount,
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


class Hold(Payload):
    """``bank.hold``: money in suspense is not returned before a day.

    Attributes:
        document: hash of the reason.
        until: its first day without the hold; one that has come ends it.
    """

    document: Hash
    receipt: Hash
    until: Date


def sign_hold(ctx: Context, body: Hold) -> list[Signer]:
    """The account's owner."""
    receipt = ctx.need("receipt", body.receipt)
    return [Signer(ctx.need("account", receipt["account"])["owner"], "terms")]


@rule.action("bank.hold", Hold, signers=sign_hold, on=("receipt", "receipt"))
def hold(ctx: Context, body: Hold) -> None:
    """Keep money in suspense although it has aged."""
    receipt = ctx.need("receipt", body.receipt)
    if not receipt["suspense_minor"]:
        ctx.refuse("not_enough", suspense=0)
    held = {**receipt, "hold": {"document": body.document, "until": body.until}}
    ctx.write(held)
    ctx.schedule(held, "suspense", return_ms(ctx, held))
    ctx.emit("suspense_held", receipt=receipt["id"])


def return_ms(ctx: Context, receipt: Record) -> int:
    """Return when money in suspense goes back if nobody says anything more."""
    due = suspense_end_ms(ctx, receipt)
    if "hold" in receipt:
        due = max(due, ms_of_date(receipt["hold"]["until"], 0))
    return due


@rule.job("receipt", "suspense")
def return_aged(ctx: Context, target: Record) -> None:
    """Send back what has aged in suspense, unless an order holds it."""
    if not target["suspense_minor"] or return_ms(ctx, target) > ctx.time:
        # Another moment is planned, from when money came here, or of a hold.
        return
    if find_hold(ctx, target):
        ctx.schedule(target, "suspense", ctx.time + 86_400_000)
        return
    ctx.emit("suspense_aged", receipt=target["id"])
    send_back(ctx, target, target["suspense_minor"], 0, 0)


class Misdirected(Payload):
    """``receivable.misdirected``: the debtor paid somebody directly.

    Attributes:
        recipient: who got what was due to the account.
        reporter: supplier, debtor or a holder.
    """

    amount_minor: Amount
    document: Hash
    paid_date: Date
    receivable: Hash
    recipient: Hash
    reporter: Hash


def sign_misdirected(ctx: Context, body: Misdirected) -> list[Signer]:
    """Whoever reports it; whether another member holds units is not told by it."""
    record = ctx.need("receivable", body.receivable)
    sides = (record["debtor"], record["supplier"])
    if body.reporter not in sides and not holds(ctx, body.reporter, record["id"]):
        ctx.refuse("not_a_party", member=body.reporter)
    ctx.need("member", body.recipient)
    if body.recipient == record["debtor"]:
        ctx.refuse("not_a_party", member=body.recipient)
    return [Signer(body.reporter, "manage")]


def holds(ctx: Context, member: str, receivable: str) -> bool:
    """Say whether a member holds live units of a receivable."""
    found = ctx.scan("holdings", member, receivable, 1)
    return bool(found) and found[0]["scope"] == receivable


@rule.action(
    "receivable.misdirected",
    Misdirected,
    signers=sign_misdirected,
    on=("receivable", "receivable"),
)
def report_misdirected(ctx: Context, body: Misdirected) -> None:
    """Record the report; the debtor had notice and owes as before.

    Money the recipient pays in for this receivable counts for it, up to the
    amount reported.
    """
    record = ctx.need("receivable", body.receivable)
    if not is_open(record):
        ctx.refuse("not_found")
    item = ctx.allocate("misdirected")
    ctx.create(
        {
            "amount_minor": body.amount_minor,
            "debtor": record["debtor"],
            "discharged": False,
            "document": body.document,
            "id": item,
            "kind": "misdirected",
            "open_minor": body.amount_minor,
            "paid_date": body.paid_date,
            "receivable": record["id"],
            "recipient": body.recipient,
            "reporter": body.reporter,
        }
    )
    ctx.emit("misdirected", misdirected=item, amount_minor=body.amount_minor)
