"""A lot of units that is cut and given, and ends at a moment."""

from contracts.kit.v1.rule import (
    Amount,
    Context,
    Currency,
    Hash,
    Minor,
    Note,
    Payload,
    Record,
    Rule,
    Signer,
)

rule = Rule(
    "lot",
    part="lot",
    writes=("lot", "tile"),
    refusals={
        "cut_outside": (
            "refused",
            "not inside the holding",
            "A cut must leave something on both of its sides.",
            "Choose another position.",
        ),
    },
)


class NewLot(Payload):
    """``lot.new``: units that one member holds in one piece."""

    owner: Hash
    size: Amount
    note: Note | None = None
    until_ms: Amount | None = None


def sign_new(ctx: Context, body: NewLot) -> list[Signer]:
    """The owner, who must be a member."""
    ctx.need("member", body.owner)
    return [Signer(body.owner, "submit")]


@rule.action("lot.new", NewLot, signers=sign_new, business=True)
def new(ctx: Context, body: NewLot) -> None:
    """Create the lot and its one tile."""
    lot: Record = {
        "id": ctx.allocate("lot"),
        "kind": "lot",
        "owner": body.owner,
        "size": body.size,
    }
    ctx.create(lot)
    tile: Record = {
        "hi": body.size,
        "holder": body.owner,
        "kind": "tile",
        "lo": 0,
        "rev": 1,
        "scope": lot["id"],
    }
    ctx.create(tile)
    if body.until_ms is not None:
        ctx.schedule(lot, "end", body.until_ms)
    ctx.emit("lot_made", lot=lot["id"], size=body.size)


class Cut(Payload):
    """``lot.cut``: one tile becomes two."""

    at: Minor
    lo: Minor
    lot: Hash


def sign_cut(ctx: Context, body: Cut) -> list[Signer]:
    """The holder."""
    tile = ctx.need("tile", str(body.lo), body.lot)
    return [Signer(tile["holder"], "give")]


@rule.action("lot.cut", Cut, signers=sign_cut, on=("lot", "lot"))
def cut(ctx: Context, body: Cut) -> None:
    """Cut a tile at a position inside it."""
    tile = ctx.need("tile", str(body.lo), body.lot)
    if body.at <= body.lo or body.at >= tile["hi"]:
        ctx.refuse("cut_outside", at=body.at)
    rev = tile["rev"] + 1
    ctx.write({**tile, "hi": body.at, "rev": rev})
    ctx.create({**tile, "lo": body.at, "rev": rev})
    ctx.emit("cut", lot=body.lot, at=body.at)


class Give(Payload):
    """``lot.give``: a tile for another holder, at a stated worth."""

    amount_minor: Minor
    currency: Currency
    lo: Minor
    lot: Hash
    to: Hash


def sign_give(ctx: Context, body: Give) -> list[Signer]:
    """The holder for the worth, and the receiver."""
    tile = ctx.need("tile", str(body.lo), body.lot)
    return [
        Signer(tile["holder"], "give", body.amount_minor, body.currency),
        Signer(body.to, "accept"),
    ]


@rule.action("lot.give", Give, signers=sign_give, on=("lot", "lot"), business=True)
def give(ctx: Context, body: Give) -> None:
    """Change the holder of a tile, unless nothing would change."""
    tile = ctx.need("tile", str(body.lo), body.lot)
    if tile["holder"] == body.to:
        ctx.refuse("cut_outside", lo=body.lo)
    ctx.write({**tile, "holder": body.to, "rev": tile["rev"] + 1})
    ctx.emit("given", lot=body.lot, lo=body.lo, to=body.to)


@rule.job("lot", "end")
def end(ctx: Context, lot: Record) -> None:
    """Note that the lot has ended."""
    ctx.write({**lot, "ended_ms": ctx.time})
    ctx.emit("lot_ended", lot=lot["id"])
