"""Recourse, repurchase and early redemption: units go back against a price.

Recourse goes to the immediate transferor of the units, one step at a time and
within the notice time. A transferor may also buy back, and a debtor redeem
early, at a price both sides sign. Each opens a deal; the price moves the units.

Each holder has the notice time once: it counts the days on which the trigger stands
and the holder has the units unpaid. It never begins anew, whatever withdraws the
trigger or pays the units for a while, and stands still meanwhile, so that nobody who
has to wait loses any of it.
"""

from contracts.kit.v1 import (
    LATE_STATES,
    Amount,
    Context,
    Hash,
    Input,
    Literal,
    Millis,
    Part,
    Payload,
    Record,
    Rule,
    Signer,
    add_days,
    check_same,
    group_key,
    is_redeemable,
    need_free_tile,
    need_input,
    need_live,
    number_term,
    open_deal,
    owes_back,
    today,
    word_term,
)
from contracts.kit.v1.notice import notice_days, notice_used
from contracts.kit.v1.owed import recourse_price
from contracts.kit.v1.parts import count_group

rule = Rule(
    "receivable",
    part="recourse",
    writes=("deal", "offer", "tile"),
    refusals={
        "no_recourse": (
            "refused",
            "no recourse to whoever passed it on",
            "The immediate transferor gave it without recourse, or there is none.",
            "See who passed it on, and how: run: allonge lineage RECEIVABLE",
        ),
        "no_transferor": (
            "refused",
            "nobody has passed it on",
            "Only who passed a holding to its holder can buy it back.",
            "See who passed it on: run: allonge lineage RECEIVABLE",
        ),
        "recourse_not_due": (
            "refused",
            "recourse has not begun",
            "The programme names what begins it: overdue, or default.",
            "See its state: run: allonge show RECEIVABLE",
        ),
        "notice_passed": (
            "refused",
            "the time to give notice has passed",
            "It runs while the trigger stands, anew only for who gets the units.",
            "Only the debtor owes it now.",
        ),
        "price_differs": (
            "stale",
            "the price is another one",
            "The programme's formula gives another price on this day.",
            "Prepare it again: run: allonge recourse HOLDING",
        ),
        "not_redeemable": (
            "refused",
            "too late to redeem it early",
            "It is due, or money that waits for it already covers these units.",
            "Pay it into the collection account.",
        ),
    },
)


class Call(Payload):
    """``recourse.call``: the holder asks its transferor for the price.

    A whole holding; part of it is called after a split.
    """

    input: Input
    pay_by_ms: Millis
    price_minor: Amount
    receivable: Hash
    way: Literal["account", "direct"]


def sign_call(ctx: Context, body: Call) -> list[Signer]:
    """The holder, for what it would give back, however few persons it is."""
    tile = need_input(ctx, body.input)
    currency = ctx.need("receivable", body.receivable)["currency"]
    units = tile["hi"] - tile["lo"]
    return [Signer(tile["holder"], "give", units, currency, alone=True)]


@rule.action("recourse.call", Call, signers=sign_call, on=("receivable", "receivable"))
def call(ctx: Context, body: Call) -> None:
    """Open a deal with the transferor at the programme's price."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    programme = ctx.need("programme", record["programme"])
    tile = need_free_tile(ctx, record["id"], body.input.lo, body.input.rev)
    # What it owes the account is taken off the price that this receives.
    check_own(ctx, programme, record, tile, netted=body.way == "account")
    if tile["holder"] in ctx.alone and body.way == "direct":
        # Its word that it was paid would move the units; a bank's word may.
        ctx.refuse("wrong_way", way=body.way)
    link = tile["chain"][-1] if tile["chain"] else {"recourse": "without"}
    if link["recourse"] != "with":
        ctx.refuse("no_recourse", lo=tile["lo"])
    check_notice(ctx, programme, record, tile)
    units = tile["hi"] - tile["lo"]
    group = ctx.read("interest", group_key(tile), record["id"]) or {}
    if group:
        group["units"] = count_group(ctx, tile)
    price = recourse_price(programme, record, units, group, today(ctx, programme))
    if body.price_minor != price:
        ctx.refuse("price_differs", price_minor=price)
    # Notice is given once: if money of the debtor ends this call, what is left
    # is called again, whenever that is.
    noticed = {**tile, "noticed": tile["recourse_class"]}
    part = Part(hi=tile["hi"], lo=tile["lo"])
    open_price(ctx, record, noticed, part, body, ("recourse", link["member"]))


def check_own(
    ctx: Context,
    programme: Record,
    record: Record,
    tile: Record,
    *,
    netted: bool = False,
) -> None:
    """Refuse units that are pledged, or whose holder owes money back on them."""
    if "pledge" in tile:
        ctx.refuse("not_transferable", lo=tile["lo"])
    if owes_back(ctx, programme, record, tile["holder"], netted=netted):
        ctx.refuse("claim_open", receivable=record["id"])


def check_notice(ctx: Context, programme: Record, record: Record, tile: Record) -> None:
    """Refuse recourse that has not begun, and notice that comes too late."""
    trigger = word_term(programme, "recourse_trigger")
    if record["state"] not in LATE_STATES or trigger + "_date" not in record:
        ctx.refuse("recourse_not_due", state=record["state"])
    used = notice_used(tile, notice_days(ctx, record))
    left = number_term(programme, "recourse_days") - used
    if left < 0:
        ctx.refuse("notice_passed", last=add_days(today(ctx, programme), left))


def open_price(
    ctx: Context,
    record: Record,
    tile: Record,
    part: Part,
    body: Call,
    to: tuple[str, str],
) -> None:
    """Open the deal of a part: its purpose, and who pays the price."""
    purpose, payer = to
    terms = {
        "aware_overdue": purpose != "redemption",
        "fees": [],
        "hi": part.hi,
        "lo": part.lo,
        "net_minor": body.price_minor,
        "pay_by_ms": body.pay_by_ms,
        "payer": payer,
        "price_minor": body.price_minor,
        "purpose": purpose,
        "way": body.way,
    }
    open_deal(ctx, record, tile, terms)


class Agree(Call):
    """``holding.redeem`` and ``holding.repurchase``: both sides sign a price."""

    part: Part


def sign_with(ctx: Context, body: Agree, payer: str) -> list[Signer]:
    """Who pays, for the price, and the holder, for the part."""
    tile = need_input(ctx, body.input)
    currency = ctx.need("receivable", body.receivable)["currency"]
    amount = max(0, body.part.hi - body.part.lo)
    return [
        Signer(payer, "pay", body.price_minor, currency),
        Signer(tile["holder"], "give", amount, currency),
    ]


def sign_redeem(ctx: Context, body: Agree) -> list[Signer]:
    """The debtor and the holder."""
    return sign_with(ctx, body, ctx.need("receivable", body.receivable)["debtor"])


@rule.action(
    "holding.redeem",
    Agree,
    signers=sign_redeem,
    on=("receivable", "receivable"),
    business=True,
)
def redeem(ctx: Context, body: Agree) -> None:
    """Let the debtor pay a part early, at no more than its face (I9)."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    programme = ctx.need("programme", record["programme"])
    tile = need_free_tile(ctx, record["id"], body.input.lo, body.input.rev)
    check_own(ctx, programme, record, tile)
    units = body.part.hi - body.part.lo
    if not is_redeemable(ctx, programme, record, units):
        ctx.refuse("not_redeemable", receivable=record["id"])
    if body.price_minor > units:
        ctx.refuse("bad_price", price_minor=body.price_minor)
    open_price(ctx, record, tile, body.part, body, ("redemption", record["debtor"]))


def sign_repurchase(ctx: Context, body: Agree) -> list[Signer]:
    """The immediate transferor and the holder."""
    return sign_with(ctx, body, find_transferor(ctx, need_input(ctx, body.input)))


def find_transferor(ctx: Context, tile: Record) -> str:
    """Return who passed a holding to its holder."""
    if not tile["chain"]:
        ctx.refuse("no_transferor", lo=tile["lo"])
    member: str = tile["chain"][-1]["member"]
    return member


@rule.action(
    "holding.repurchase",
    Agree,
    signers=sign_repurchase,
    on=("receivable", "receivable"),
    business=True,
)
def repurchase(ctx: Context, body: Agree) -> None:
    """Let the transferor buy a part back, at any price both have signed."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    programme = ctx.need("programme", record["programme"])
    tile = need_free_tile(ctx, record["id"], body.input.lo, body.input.rev)
    check_own(ctx, programme, record, tile)
    payer = find_transferor(ctx, tile)
    open_price(ctx, record, tile, body.part, body, ("repurchase", payer))
