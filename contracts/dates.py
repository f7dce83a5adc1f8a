"""When it is paid: a calendar moves the date once, or the debtor pays early."""

from contracts.kit.v1 import (
    Context,
    Hash,
    Payload,
    Record,
    Rule,
    Signer,
    due_moment_ms,
    is_open,
    put_dates,
    word_term,
)

rule = Rule(
    "receivable",
    part="dates",
    writes=("receivable",),
    refusals={
        "early_refused": (
            "refused",
            "the programme allows no early payment",
            "Holders count on being paid on the due date, and not before.",
            "Wait for it, or agree with a holder: run: allonge redeem --help",
        ),
    },
)


@rule.job("receivable", "decide_date")
def decide_date(ctx: Context, target: Record) -> None:
    """30 days before the nominal date: its business day stands from now on."""
    if not is_open(target) or "provisional_until_ms" not in target:
        return
    programme = ctx.need("programme", target["programme"])
    dated = put_dates(ctx, programme, target)
    ctx.write(dated)
    if dated["adjusted_date"] != target["adjusted_date"]:
        due_ms = due_moment_ms(programme, dated["adjusted_date"])
        ctx.schedule(dated, "due", due_ms)
        ctx.emit(
            "date_moved", receivable=target["id"], adjusted_date=dated["adjusted_date"]
        )


class PayEarly(Payload):
    """``receivable.pay_early``: waiting money is swept before the due date."""

    receivable: Hash


def sign_pay_early(ctx: Context, body: PayEarly) -> list[Signer]:
    """The debtor, for the money waiting."""
    record = ctx.need("receivable", body.receivable)
    amount = record["waiting_minor"]
    return [Signer(record["debtor"], "pay", amount, record["currency"])]


@rule.action(
    "receivable.pay_early",
    PayEarly,
    signers=sign_pay_early,
    on=("receivable", "receivable"),
)
def pay_early(ctx: Context, body: PayEarly) -> None:
    """Let money for this receivable be swept from now on."""
    record = ctx.need("receivable", body.receivable)
    programme = ctx.need("programme", record["programme"])
    if word_term(programme, "early_payment") == "refused":
        ctx.refuse("early_refused", programme=programme["id"])
    if record["state"] not in ("live", "part_paid") or not record["waiting_minor"]:
        ctx.refuse("wrong_state", state=record["state"])
    ctx.write({**record, "early": True})
    ctx.schedule({**record, "early": True}, "sweep", ctx.time)
    ctx.emit("paid_early", receivable=record["id"])
