"""Deals: what ends one that was opened, whatever it is for.

A sale, recourse, a repurchase and an early redemption open deals; the bank's
record of the price moves the units. Here the payee of a direct payment signs
that it has the money, both sides end a deal, and a deal nobody paid lapses. The
buyer notes here how the registry record of a sale ended.
"""

from contracts.kit.v1 import (
    LATE_STATES,
    Amount,
    Context,
    Date,
    Hash,
    Literal,
    Minor,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    group_key,
    is_possible,
    lapse_deal,
    move_deal,
    need_free_units,
    order_key,
    take_whole,
    to_record,
)

FILINGS_MAX = 32
# Deals that one job ends; only the pace depends on it.
DEALS_PAGE = 1000
TILES_PAGE = 100

rule = Rule(
    "receivable",
    part="deals",
    writes=(
        "account",
        "deal",
        "exposure",
        "interest",
        "line",
        "offer",
        "receipt",
        "receivable",
        "tile",
    ),
    refusals={
        "bad_pay_by": (
            "refused",
            "the time to pay is not usable",
            "It lies in the future, at most 90 days, and before the record date.",
            "Choose another time.",
        ),
        "bad_price": (
            "refused",
            "the price does not add up",
            "The payer's price is the payee's net and the fees; the net is above 0.",
            "Compute it again.",
        ),
        "deal_closed": (
            "stale",
            "the deal is no longer open",
            "It was paid, has lapsed, or its part was touched meanwhile.",
            "See what is open: run: allonge deal list",
        ),
        "wrong_way": (
            "refused",
            "the price is paid another way",
            "Under a reference only the account's attester says that it came.",
            "Have it paid to the account, and wait until the bank has recorded it.",
        ),
        "wrong_received": (
            "refused",
            "not what the payee is to get",
            "What was received and a named shortfall add up to the net price.",
            "Sign with --shortfall and its reason, or end the deal.",
        ),
        "no_registration": (
            "stale",
            "no registry record to change",
            "The deal began without one, or it was discharged.",
            "See what is open: run: allonge deal list",
        ),
        "still_assigned": (
            "refused",
            "the buyer still has what is registered",
            "A record is discharged when the deal ended, or its units are gone.",
            "Wait until they are paid or passed on; then run: allonge inbox",
        ),
    },
)


class Shortfall(Payload):
    """What a payee lets go, and why."""

    amount_minor: Amount
    reason: Text


class Received(Payload):
    """``deal.received``: a payee has the price; units move on its word alone."""

    deal: Hash
    received_minor: Minor
    shortfall: Shortfall | None = None


def sign_received(ctx: Context, body: Received) -> list[Signer]:
    """The payee, for what it is to get."""
    deal = ctx.need("deal", body.deal)
    return [Signer(deal["payee"], "give", deal["net_minor"], deal["currency"])]


@rule.action("deal.received", Received, signers=sign_received, on=("deal", "deal"))
def receive_price(ctx: Context, body: Received) -> None:
    """Move the units of a deal paid directly; or end what a payer still owes it."""
    deal = ctx.need("deal", body.deal)
    owed = deal.get("owed_minor", 0)
    if owed:
        check_received(ctx, body, deal["payee"], owed)
        ctx.write({**deal, "owed_minor": 0})
        ctx.emit("owed_received", deal=deal["id"])
        return
    if deal["way"] != "direct":
        ctx.refuse("wrong_way", way=deal["way"])
    closed = deal["state"] != "open" or ctx.time > deal["pay_by_ms"]
    if closed or not is_possible(ctx, deal):
        ctx.refuse("deal_closed", state=deal["state"])
    check_received(ctx, body, deal["payee"], deal["net_minor"])
    moved = move_deal(ctx, deal, deal["id"])
    if body.shortfall is not None:
        moved["shortfall_minor"] = body.shortfall.amount_minor
        moved["shortfall_reason"] = body.shortfall.reason
    ctx.write(moved)


def check_received(ctx: Context, body: Received, payee: str, due_minor: int) -> None:
    """Refuse a sum that is not what is due, less a shortfall with a reason.

    That money came is the payee's to say whatever order is on it; none lets it forgive.
    """
    short = 0 if body.shortfall is None else body.shortfall.amount_minor
    if short:
        need_free_units(ctx, take_whole(payee, []))
    if body.received_minor + short != due_minor:
        ctx.refuse("wrong_received", due_minor=due_minor)


class Cancel(Payload):
    """``deal.cancel``: both sides end it before it is paid."""

    deal: Hash


def sign_cancel(ctx: Context, body: Cancel) -> list[Signer]:
    """Payer and payee."""
    deal = ctx.need("deal", body.deal)
    return [Signer(deal["payer"], "decline"), Signer(deal["payee"], "decline")]


@rule.action("deal.cancel", Cancel, signers=sign_cancel, on=("deal", "deal"))
def cancel(ctx: Context, body: Cancel) -> None:
    """End an open deal; its part is free, a price that comes goes back."""
    deal = ctx.need("deal", body.deal)
    if deal["state"] != "open":
        ctx.refuse("deal_closed", state=deal["state"])
    lapse_deal(ctx, deal, "cancelled")


class Register(Payload):
    """``deal.register``: what became of the registry record of a sale.

    Attributes:
        change: ``amended``, say to a later holder, or ``discharged`` at the end.
        number: of the amendment or discharge.
    """

    change: Literal["amended", "discharged"]
    date: Date
    deal: Hash
    number: Text
    registry: Text


def sign_register(ctx: Context, body: Register) -> list[Signer]:
    """The buyer, in whose favour the record stands."""
    return [Signer(ctx.need("deal", body.deal)["payer"], "manage")]


@rule.action("deal.register", Register, signers=sign_register, on=("deal", "deal"))
def register(ctx: Context, body: Register) -> None:
    """Note a change of the registry record that stood before money moved."""
    deal = ctx.need("deal", body.deal)
    filings = deal.get("filings", [])
    if "registration" not in deal or any_discharged(filings):
        ctx.refuse("no_registration", deal=deal["id"])
    if len(filings) >= FILINGS_MAX:
        ctx.refuse("limit_exceeded", filings_max=FILINGS_MAX)
    if body.change == "discharged" and is_standing(ctx, deal):
        ctx.refuse("still_assigned", deal=deal["id"])
    named = to_record(body)
    filing = {name: named[name] for name in named if name != "deal"}
    ctx.write({**deal, "filings": [*filings, filing]})
    ctx.emit("registration_changed", deal=deal["id"], change=body.change)


def any_discharged(filings: list[Record]) -> bool:
    """Say whether a registry record has ended."""
    return any(filing["change"] == "discharged" for filing in filings)


def is_standing(ctx: Context, deal: Record) -> bool:
    """Say whether units of a deal are its buyer's still, or may become so."""
    if deal["state"] != "moved":
        return bool(deal["state"] == "open")
    buyer, after = deal["payer"], deal["payer"] + "/"
    while True:
        tiles = ctx.scan("live", deal["receivable"], after, TILES_PAGE)
        for tile in tiles:
            if tile["holder"] != buyer:
                return False
            if tile["lo"] < deal["hi"] and deal["lo"] < tile["hi"]:
                return True
        if len(tiles) < TILES_PAGE:
            return False
        after = group_key(tiles[-1]) + "/" + order_key(tiles[-1]["lo"])


@rule.job("deal", "lapse")
def lapse(ctx: Context, target: Record) -> None:
    """Tidy up a deal nobody paid in time; its pay-by has long counted."""
    if target["state"] == "open" and target["pay_by_ms"] < ctx.time:
        lapse_deal(ctx, target, "unpaid")


@rule.job("receivable", "unaware")
def lapse_unaware(ctx: Context, target: Record) -> None:
    """End the deals of who has not signed to know that it is overdue."""
    if target["state"] not in LATE_STATES:
        return
    page = ctx.scan("unaware", target["id"], limit=DEALS_PAGE)
    for deal in page:
        lapse_deal(ctx, deal, "touched")
    if len(page) == DEALS_PAGE:
        ctx.schedule(target, "unaware", ctx.time + 1)
