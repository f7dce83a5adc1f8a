"""Cancelling a live receivable: its debtor and its one holder agree."""

from contracts.kit.v1 import (
    Context,
    Hash,
    Payload,
    Record,
    Rule,
    Signer,
    add_exposure,
    claim_left,
    free_uses,
    is_locked,
    is_open,
    need_disposal,
    need_kept,
    need_unfrozen,
    release_unassigned,
)

# All its parts are cancelled in one act; joining them first is one more.
CANCELLED_TILES_MAX = 10_000

rule = Rule(
    "receivable",
    part="consent",
    writes=("receivable", "tile", "invoice", "exposure", "receipt", "account"),
    refusals={
        "encumbered": (
            "refused",
            "not free to be cancelled",
            "One holder has all; no offer, payment, claim or retention drawn.",
            "Withdraw offers first; paid receivables end by payment.",
        ),
    },
)


class CancelLive(Payload):
    """``receivable.cancel_live``: nothing is owed any more."""

    receivable: Hash


def sign_cancel_live(ctx: Context, body: CancelLive) -> list[Signer]:
    """Debtor and the one holder, who gives up all that is owed."""
    record = ctx.need("receivable", body.receivable)
    holder = first_holder(ctx, record)
    given = Signer(holder, "give", record["live_minor"], record["currency"])
    return [Signer(record["debtor"], "confirm"), given]


def first_holder(ctx: Context, record: Record) -> str:
    """Return the holder of the lowest units, or of others if those are reduced."""
    tile = ctx.need("tile", "0", record["id"])
    live = ctx.scan("live", record["id"], limit=1)
    holder: str = live[0]["holder"] if live and "reduction" in tile else tile["holder"]
    return holder


def was_passed(ctx: Context, record: Record) -> bool:
    """Say whether any unit, even one reduced since, was ever passed on."""
    position = 0
    while position < record["face_minor"]:
        tile = ctx.need("tile", str(position), record["id"])
        if tile["transfers"]:
            return True
        position = tile["hi"]
    return False


def check_unpaid(ctx: Context, record: Record) -> None:
    """Refuse to cancel what was paid in part, or draws on what it retained."""
    if "sweep" in record:
        ctx.refuse("sweep_running", receivable=record["id"])
    if not is_open(record) or record["retired_minor"]:
        ctx.refuse("wrong_state", state=record["state"])
    if record["interest_paid_minor"] or record["waiting_minor"]:
        ctx.refuse("encumbered", receivable=record["id"])
    if record.get("retention_drawn_minor", 0):
        # Its invoice would be free again while the retention stands.
        ctx.refuse("encumbered", receivable=record["id"])


@rule.action(
    "receivable.cancel_live",
    CancelLive,
    signers=sign_cancel_live,
    on=("receivable", "receivable"),
)
def cancel_live(ctx: Context, body: CancelLive) -> None:
    """Cancel a live receivable by consent of its debtor and only holder."""
    record = ctx.need("receivable", body.receivable)
    check_unpaid(ctx, record)
    transferred = was_passed(ctx, record)
    holder = first_holder(ctx, record)
    need_disposal(ctx, holder)
    if claim_left(ctx, record["account"], record["id"], holder):
        # Its holder was paid, and nothing would be left to repay that from.
        ctx.refuse("encumbered", receivable=record["id"])
    if ctx.count_rows("live", record["id"]) > CANCELLED_TILES_MAX:
        ctx.refuse("encumbered", receivable=record["id"], tiles_max=CANCELLED_TILES_MAX)
    for tile in ctx.scan("live", record["id"], limit=CANCELLED_TILES_MAX):
        need_unfrozen(ctx, tile)
        need_kept(ctx, record, tile, tile["hi"] - tile["lo"])
        if tile["holder"] != holder or is_locked(ctx, tile) or "pledge" in tile:
            ctx.refuse("encumbered", lo=tile["lo"])
        ctx.write({**tile, "rev": tile["rev"] + 1, "state": "reduced"})
    if not transferred:
        free_uses(ctx, record)
    add_exposure(ctx, record["programme"], -record["live_minor"])
    ctx.write(
        {
            **record,
            "live_minor": 0,
            "reduced_minor": record["face_minor"],
            "state": "cancelled",
        }
    )
    release_unassigned(ctx, record["account"], record["debtor"])
    ctx.emit("cancelled", receivable=record["id"])
