"""Reversals of receipts that the attester types by hand, and until when they may be.

The same engine takes a receipt back when a statement's entry says so; here
what does not fit is refused, since whoever types it can correct it.
"""

from contracts.kit.v1 import (
    Amount,
    Context,
    Date,
    Hash,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    date_of_ms,
    is_open,
    pay_small_sums,
    release_unassigned,
    return_interest,
)
from contracts.kit.v1.books import count_entry, entry_id, sign_attestation
from contracts.kit.v1.entries import take_back
from contracts.kit.v1.owed import discharge, owe_again, owes_nothing
from contracts.kit.v1.reversals import LINES_AT_ONCE

rule = Rule(
    "receivable",
    part="reversal",
    writes=(
        "account",
        "claim",
        "deal",
        "entry",
        "exposure",
        "interest",
        "line",
        "offer",
        "order",
        "payout",
        "receipt",
        "receivable",
        "share",
        "tile",
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


@rule.job("receivable", "discharge")
def settle(ctx: Context, target: Record) -> None:
    """Settle what was paid, once no bank can recall it and all is paid on.

    A payout from the debtor's own account that came back takes that back.
    """
    programme = ctx.need("programme", target["programme"])
    if target["state"] == "settled" and ctx.count_rows("undischarged", target["id"]):
        owe_again(ctx, target, target, target["adjusted_date"])
        ctx.emit("undischarged", receivable=target["id"])
    if "sweep" in target or not is_open(target) or not owes_nothing(programme, target):
        return
    settled = discharge(ctx, target)
    if settled["state"] == "settled":
        ctx.write(settled)
        pay_small_sums(ctx, settled)
        return_interest(ctx, programme, settled)
        release_unassigned(ctx, target["account"], target["debtor"])


class Reverse(Payload):
    """``receipt.reverse``: the bank took a credit back."""

    account: Hash
    amount_minor: Amount
    attester: Hash
    booking_date: Date
    key: Text
    receipt: Hash
    file_hash: Hash | None = None


def sign_reverse(ctx: Context, body: Reverse) -> list[Signer]:
    """The account's attester."""
    file_hash = body.file_hash or ""
    return [sign_attestation(ctx, body.account, body.attester, file_hash)]


@rule.action(
    "receipt.reverse", Reverse, signers=sign_reverse, on=("receipt", "receipt")
)
def reverse(ctx: Context, body: Reverse) -> None:
    """Take a receipt back: undistributed money first, then its lines."""
    receipt = ctx.need("receipt", body.receipt)
    account = ctx.need("account", body.account)
    if receipt["account"] != body.account:
        ctx.refuse("not_found")
    if body.booking_date <= account["closed_date"]:
        ctx.refuse("day_closed", date=body.booking_date)
    if body.booking_date > date_of_ms(ctx.time, 840):
        ctx.refuse("day_in_future", date=body.booking_date)
    entry = {
        "account": body.account,
        "amount_minor": body.amount_minor,
        "booking_date": body.booking_date,
        "id": entry_id(ctx, body.account, "reversal", body.key),
        "key": body.key,
        "kind": "entry",
        "type": "reversal",
    }
    if ctx.count_rows("lines", receipt["id"]) > LINES_AT_ONCE:
        # A statement's entry leaves to a job what an act has no time for.
        ctx.refuse("limit_exceeded", lines_max=LINES_AT_ONCE)
    count_entry(ctx, entry)
    take_back(ctx, entry, receipt, body.amount_minor)
