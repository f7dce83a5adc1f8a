"""Circulation: split, merge, offer and accept, joint transfer.

An offer names one receiver and the exact part; it locks the tile and cuts
nothing. The cut happens when the receiver signs. Deadlines are judged on
block time here, never by whether a clean-up job has run.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
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
    Text,
    bound,
    check_open_until,
    check_papers,
    check_part,
    check_passing,
    check_pieces,
    check_receiver,
    check_same,
    contested_parts,
    cut_tile,
    lies_in,
    lock_tile,
    merge_tiles,
    need_free_tile,
    need_input,
    need_live,
    need_tile,
    pass_part,
    unlock_tile,
)

# What one person offers above its band cannot be accepted before.
COOLING_MS = 86_400_000

# What two parts have in common that become one.
ALIKE = ("holder", "noticed", "recourse_class")

rule = Rule(
    "receivable",
    part="circulation",
    writes=("deal", "interest", "line", "offer", "tile"),
    refusals={
        "part_too_small": (
            "refused",
            "smaller than the programme's minimum part",
            "Every piece that a cut leaves must reach the minimum.",
            "Choose a larger part, or the whole holding.",
        ),
        "not_mergeable": (
            "refused",
            "these holdings cannot be joined",
            "They lie side by side, came the same way to one holder, and are free.",
            "See both: run: allonge lineage RECEIVABLE",
        ),
        "not_transferable": (
            "refused",
            "the receivable no longer circulates",
            "It is settled or ended, or its transfers are used up.",
            "See its state: run: allonge show RECEIVABLE",
        ),
        "claim_open": (
            "refused",
            "its holder owes money back on it",
            "What a reversal left to claim is repaid from these units first.",
            "Wait for the next payment, or repay the collection account.",
        ),
        "record_date": (
            "refused",
            "too close to the due date",
            "The programme allows no transfer in the last business days.",
            "Hold it until it is paid.",
        ),
        "overdue_unaware": (
            "refused",
            "overdue, and the receiver has not said that it knows",
            "An overdue holding passes only to a receiver who signs to know.",
            "Sign with --aware if you accept it overdue.",
        ),
        "offer_over": (
            "stale",
            "the offer is not open any more",
            "It was accepted, declined, withdrawn or overtaken, or its time is over.",
            "What is open: run: allonge inbox",
        ),
        "offer_changed": (
            "stale",
            "not what the offer says",
            "Receivable or part differ from the offer.",
            "See what is offered: run: allonge inbox",
        ),
        "bad_receiver": (
            "refused",
            "this member cannot receive it",
            "Debtor, present holder and operators cannot receive a holding.",
            "Name another member.",
        ),
        "bad_deadline": (
            "refused",
            "the deadline is not usable",
            "It lies in the future, at most 90 days ahead, and past any cooling time.",
            "Choose another deadline.",
        ),
        "cooling": (
            "refused",
            "the offer cannot be accepted yet",
            "One person made it above its band; for a day it can only withdraw it.",
            "Accept it later; from when on says: run: allonge show OFFER",
        ),
    },
)


class Split(Payload):
    """``receivable.split``: cut a holding at absolute positions."""

    cuts: Annotated[list[Amount], bound(1, 100)]
    input: Input
    receivable: Hash


def sign_split(ctx: Context, body: Split) -> list[Signer]:
    """The holder; nothing is given."""
    return [Signer(need_input(ctx, body.input)["holder"], "manage")]


@rule.action(
    "receivable.split",
    Split,
    signers=sign_split,
    on=("receivable", "receivable"),
    business=True,
)
def split(ctx: Context, body: Split) -> None:
    """Cut a holding; the holder has all pieces."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    tile = need_free_tile(ctx, body.receivable, body.input.lo, body.input.rev)
    edges = [tile["lo"], *body.cuts, tile["hi"]]
    check_rising(ctx, edges)
    check_pieces(ctx, record, edges)
    cut_tile(ctx, tile, body.cuts)
    ctx.emit("split", receivable=body.receivable, pieces=len(body.cuts) + 1)


def check_rising(ctx: Context, edges: list[int]) -> None:
    """Refuse cuts that are not strictly inside and rising."""
    for position in range(len(edges) - 1):
        if edges[position] >= edges[position + 1]:
            ctx.refuse("bad_cut", at=edges[position + 1])


class Merge(Payload):
    """``receivable.merge``: join two neighbouring holdings."""

    left: Input
    receivable: Hash
    right: Input


def sign_merge(ctx: Context, body: Merge) -> list[Signer]:
    """The holder; nothing is given."""
    return [Signer(need_input(ctx, body.left)["holder"], "manage")]


@rule.action(
    "receivable.merge",
    Merge,
    signers=sign_merge,
    on=("receivable", "receivable"),
    business=True,
)
def merge(ctx: Context, body: Merge) -> None:
    """Join neighbours with the same holder and chain of transferors."""
    check_same(ctx, body.receivable, body.left)
    check_same(ctx, body.receivable, body.right)
    parts = contested_parts(ctx, need_live(ctx, body.receivable))
    need_input(ctx, body.right)
    left = need_free_tile(ctx, body.receivable, body.left.lo, body.left.rev)
    right = need_free_tile(ctx, body.receivable, body.right.lo, body.right.rev)
    same = all(left.get(name, "") == right.get(name, "") for name in ALIKE)
    # Of two disputes side by side each keeps its edges.
    same = same and all(lies_in(left, [it]) == lies_in(right, [it]) for it in parts)
    if not same or left["hi"] != right["lo"] or "pledge" in left or "pledge" in right:
        ctx.refuse("not_mergeable", lo=right["lo"])
    merge_tiles(ctx, left, right)
    ctx.emit("merged", receivable=body.receivable, lo=left["lo"], hi=right["hi"])


class Transfer(Payload):
    """``receivable.transfer``: giver and receiver sign at once."""

    aware_overdue: bool
    input: Input
    part: Part
    receivable: Hash
    receiver: Hash
    recourse: Literal["with", "without"]
    document: Hash | None = None
    purpose: Text | None = None


def sign_transfer(ctx: Context, body: Transfer) -> list[Signer]:
    """The giver for the amount, the receiver for accepting it."""
    tile = need_input(ctx, body.input)
    amount = max(0, body.part.hi - body.part.lo)
    currency = ctx.need("receivable", body.receivable, shared=True)["currency"]
    return [
        Signer(tile["holder"], "give", amount, currency),
        Signer(body.receiver, "accept", amount, currency),
    ]


@rule.action(
    "receivable.transfer",
    Transfer,
    signers=sign_transfer,
    on=("receivable", "receivable"),
    business=True,
)
def transfer(ctx: Context, body: Transfer) -> None:
    """Move a part of a holding at once."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    tile = need_free_tile(ctx, body.receivable, body.input.lo, body.input.rev)
    papers = body.document is not None and body.purpose is not None
    aware = body.aware_overdue
    check_passing(ctx, record, tile, body.receiver, aware=aware, papers=papers)
    part = (body.part.lo, body.part.hi)
    pass_part(ctx, record, tile, part, body.receiver, body.recourse)


class Offer(Payload):
    """``receivable.offer``: a part for one receiver until a deadline."""

    input: Input
    part: Part
    receivable: Hash
    receiver: Hash
    recourse: Literal["with", "without"]
    until_ms: Millis
    document: Hash | None = None
    purpose: Text | None = None


def sign_offer(ctx: Context, body: Offer) -> list[Signer]:
    """The holder, for the amount."""
    tile = need_input(ctx, body.input)
    amount = max(0, body.part.hi - body.part.lo)
    currency = ctx.need("receivable", body.receivable, shared=True)["currency"]
    return [Signer(tile["holder"], "give", amount, currency, alone=True)]


@rule.action(
    "receivable.offer",
    Offer,
    signers=sign_offer,
    on=("receivable", "receivable"),
    business=True,
)
def offer(ctx: Context, body: Offer) -> None:
    """Lock the tile for one receiver; nothing is cut yet."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    tile = need_free_tile(ctx, body.receivable, body.input.lo, body.input.rev)
    check_receiver(ctx, record, tile, body.receiver)
    if body.document is None or body.purpose is None:
        check_papers(ctx, ctx.need("programme", record["programme"]))
    check_open_until(ctx, body.until_ms)
    part = body.part
    check_part(ctx, record, tile, part.lo, part.hi)
    # An offer is found by the id of the transaction that made it.
    record_offer = {
        "currency": record["currency"],
        "giver": tile["holder"],
        "hi": part.hi,
        "id": ctx.source,
        "kind": "offer",
        "lo": part.lo,
        "receivable": record["id"],
        "receiver": body.receiver,
        "recourse": body.recourse,
        "rev": tile["rev"] + 1,
        "rule": record["rule"],
        "tile_hi": tile["hi"],
        "tile_lo": tile["lo"],
        "until_ms": body.until_ms,
    }
    if body.document is not None:
        record_offer["document"] = body.document
    if body.purpose is not None:
        record_offer["purpose"] = body.purpose
    if tile["holder"] in ctx.alone:
        record_offer["from_ms"] = ctx.time + COOLING_MS
        if body.until_ms < record_offer["from_ms"]:
            ctx.refuse("bad_deadline", until_ms=body.until_ms)
    ctx.create(record_offer)
    lock = {
        "hi": part.hi,
        "id": ctx.source,
        "kind": "offer",
        "lo": part.lo,
        "until": body.until_ms,
    }
    lock_tile(ctx, tile, lock)
    ctx.schedule(record_offer, "expire", body.until_ms + 1)
    ctx.emit("offered", receivable=record["id"], offer=ctx.source)


class Answer(Payload):
    """``offer.accept``: repeats the part, so that nothing else is signed."""

    aware_overdue: bool
    offer: Hash
    part: Part
    receivable: Hash


def sign_accept(ctx: Context, body: Answer) -> list[Signer]:
    """The receiver, for the amount."""
    made = ctx.need("offer", body.offer)
    amount = made["hi"] - made["lo"]
    return [Signer(made["receiver"], "accept", amount, made["currency"])]


@rule.action(
    "offer.accept",
    Answer,
    signers=sign_accept,
    on=("offer", "offer"),
    business=True,
    gone="offer_over",
)
def accept(ctx: Context, body: Answer) -> None:
    """Cut the part out and move it, all or nothing."""
    made = ctx.need("offer", body.offer)
    same = made["receivable"] == body.receivable
    if not same or made["lo"] != body.part.lo or made["hi"] != body.part.hi:
        ctx.refuse("offer_changed", offer=body.offer)
    if made["until_ms"] < ctx.time:
        ctx.refuse("offer_over", until_ms=made["until_ms"])
    if made.get("from_ms", 0) > ctx.time:
        ctx.refuse("cooling", from_ms=made["from_ms"])
    record = need_live(ctx, body.receivable)
    tile = need_tile(ctx, body.receivable, made["tile_lo"], made["rev"])
    check_passing(ctx, record, tile, made["receiver"], aware=body.aware_overdue)
    unlock_tile(ctx, body.receivable, made["tile_lo"], made["id"])
    ctx.remove("offer", made["id"])
    tile = ctx.need("tile", str(made["tile_lo"]), body.receivable)
    part = (made["lo"], made["hi"])
    pass_part(ctx, record, tile, part, made["receiver"], made["recourse"])


class EndOffer(Payload):
    """``offer.decline`` by the receiver, ``offer.withdraw`` by the giver."""

    offer: Hash


def sign_decline(ctx: Context, body: EndOffer) -> list[Signer]:
    """The receiver."""
    return [Signer(ctx.need("offer", body.offer)["receiver"], "decline")]


@rule.action(
    "offer.decline",
    EndOffer,
    signers=sign_decline,
    on=("offer", "offer"),
    gone="offer_over",
)
def decline(ctx: Context, body: EndOffer) -> None:
    """The receiver does not want it; the tile is free."""
    end_offer(ctx, ctx.need("offer", body.offer), "declined")


def sign_withdraw(ctx: Context, body: EndOffer) -> list[Signer]:
    """The giver."""
    return [Signer(ctx.need("offer", body.offer)["giver"], "decline")]


@rule.action(
    "offer.withdraw",
    EndOffer,
    signers=sign_withdraw,
    on=("offer", "offer"),
    gone="offer_over",
)
def withdraw(ctx: Context, body: EndOffer) -> None:
    """The giver takes it back before it is accepted; the tile is free."""
    end_offer(ctx, ctx.need("offer", body.offer), "withdrawn")


def end_offer(ctx: Context, made: Record, how: str) -> None:
    """Remove an offer and its lock."""
    unlock_tile(ctx, made["receivable"], made["tile_lo"], made["id"])
    ctx.remove("offer", made["id"])
    ctx.emit(how, offer=made["id"], receivable=made["receivable"])


@rule.job("offer", "expire")
def expire(ctx: Context, target: Record) -> None:
    """Tidy up an offer nobody accepted; its deadline has long counted."""
    if target["until_ms"] < ctx.time:
        end_offer(ctx, target, "expired")
