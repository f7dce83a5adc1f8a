"""Remittance advices: what a payment is for, as its payer signed before it came.

The payer writes the advice's reference on the payment. When that is attested,
the list comes before everything else, each row up to what is due then; the
rest is placed as ever. An advice is used once, and lapses unused.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Context,
    Hash,
    Millis,
    Payload,
    Record,
    Rule,
    Signer,
    bound,
    check_open_until,
    is_open,
    to_record,
)

rule = Rule(
    "receivable",
    part="advice",
    writes=("advice",),
    refusals={
        "bad_advice": (
            "refused",
            "not a list of what this payer owes there",
            "Each row is an open receivable of its own on that account, named once.",
            "See what you owe: run: allonge balance funding",
        ),
    },
)


class Row(Payload):
    """How much of a payment is for which receivable."""

    amount_minor: Amount
    receivable: Hash


class Advise(Payload):
    """``payment.advise``: a debtor says what a payment under its reference is for.

    Attributes:
        account: where the payment goes.
        until_ms: until when the payment is expected.
    """

    account: Hash
    payer: Hash
    rows: Annotated[list[Row], bound(1, 100)]
    until_ms: Millis


def sign_advise(ctx: Context, body: Advise) -> list[Signer]:
    """The debtor, for the whole payment."""
    currency = ctx.need("receivable", body.rows[0].receivable)["currency"]
    total = sum([row.amount_minor for row in body.rows])
    return [Signer(body.payer, "pay", total, currency)]


@rule.action("payment.advise", Advise, signers=sign_advise)
def advise(ctx: Context, body: Advise) -> None:
    """Write the list until its payment comes."""
    named: list[str] = []
    for row in body.rows:
        record = ctx.need("receivable", row.receivable)
        own = (record["debtor"], record["account"]) == (body.payer, body.account)
        if not own or not is_open(record) or row.receivable in named:
            ctx.refuse("bad_advice", receivable=row.receivable)
        named.append(row.receivable)
    check_open_until(ctx, body.until_ms)
    advice = {
        **to_record(body),
        "currency": ctx.need("account", body.account)["currency"],
        "id": ctx.source,
        "kind": "advice",
        "reference": "ALA" + ctx.source[:32],
    }
    ctx.create(advice)
    ctx.schedule(advice, "expire", body.until_ms + 1)
    ctx.emit("payment_advised", advice=ctx.source)


@rule.job("advice", "expire")
def expire(ctx: Context, target: Record) -> None:
    """Tidy up an advice whose payment never came; its time has long counted."""
    if target["until_ms"] < ctx.time:
        ctx.remove("advice", target["id"])
