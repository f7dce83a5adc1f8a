"""Whether a part may pass to somebody now, and passing it.

Every act that moves units asks here, at once or when a price has come.
"""

from contracts.kit.v1.books import claim_left
from contracts.kit.v1.days import record_date
from contracts.kit.v1.owed import is_disputed, is_open, today
from contracts.kit.v1.parts import find_cuts, move_part, need_tile
from contracts.kit.v1.records import LATE_STATES
from contracts.kit.v1.rule import Amount, Context, Count, Hash, Minor, Payload, Record
from contracts.kit.v1.standing import need_free_units, need_kept
from contracts.kit.v1.terms import settlement_account

# A sweep pays a group in one job; its gas is enough for this many tiles.
PARTS_MAX = 150_000
# What is offered, asked or quoted stays open for a season at most.
OPEN_MS_MAX = 90 * 86_400_000


class Input(Payload):
    """A whole live tile, named with its revision."""

    hi: Amount
    lo: Minor
    receivable: Hash
    rev: Count


class Part(Payload):
    """An interval of units."""

    hi: Amount
    lo: Minor


def need_input(ctx: Context, given: Input) -> Record:
    """Return the live tile an input names, exactly as it was signed."""
    tile = need_tile(ctx, given.receivable, given.lo, given.rev)
    if tile["hi"] != given.hi:
        ctx.refuse("stale_input", hi=tile["hi"])
    return tile


def need_live(ctx: Context, receivable: str) -> Record:
    """Return an open receivable that no sweep is changing."""
    record: Record = ctx.need("receivable", receivable, shared=True)
    if not is_open(record):
        ctx.refuse("not_transferable", state=record["state"])
    if "sweep" in record:
        ctx.refuse("sweep_running", receivable=receivable)
    return record


def check_pieces(ctx: Context, record: Record, edges: list[int]) -> None:
    """Refuse pieces below the programme's minimum part, and too many of them.

    Nobody may cut a receivable so fine that sweeping it for all holders is
    more work than a job is given.
    """
    programme = ctx.need("programme", record["programme"], shared=True)
    # The tile that is cut is among those counted.
    if ctx.count_rows("live", record["id"]) + len(edges) - 2 > PARTS_MAX:
        ctx.refuse("limit_exceeded", parts_max=PARTS_MAX)
    for position in range(len(edges) - 1):
        size = edges[position + 1] - edges[position]
        if size < programme["part_min_minor"]:
            ctx.refuse("part_too_small", size_minor=size)


def check_same(ctx: Context, receivable: str, given: Input) -> None:
    """Refuse an input of another receivable than the one acted on."""
    if given.receivable != receivable:
        ctx.refuse("stale_input", receivable=given.receivable)


def check_part(ctx: Context, record: Record, tile: Record, lo: int, hi: int) -> None:
    """Refuse what is no part of a tile, or leaves pieces that are too small."""
    cuts = find_cuts(ctx, tile, lo, hi)
    if cuts:
        check_pieces(ctx, record, [tile["lo"], *cuts, tile["hi"]])


def check_papers(ctx: Context, programme: Record) -> None:
    """Refuse what passes without purpose and document where these are demanded."""
    if "transfer" in programme.get("documents", ()):
        ctx.refuse("document_missing", programme=programme["id"])


def check_passing(
    ctx: Context,
    record: Record,
    tile: Record,
    receiver: str,
    *,
    aware: bool,
    papers: bool = True,
) -> None:
    """Judge whether a part of this tile may pass to a receiver now."""
    programme = ctx.need("programme", record["programme"], shared=True)
    check_receiver(ctx, record, tile, receiver)
    # What went back along the chain was undone, and counts no more.
    transfers = len(tile["chain"])
    if transfers >= programme["transfer_max"] or "pledge" in tile:
        ctx.refuse("not_transferable", transfers=transfers)
    if owes_back(ctx, programme, record, tile["holder"]):
        # Else its holder would be paid once by the bank and once by the receiver.
        ctx.refuse("claim_open", receivable=record["id"])
    need_free_units(ctx, tile)
    if record["state"] in LATE_STATES and not aware:
        ctx.refuse("overdue_unaware", receivable=record["id"])
    if is_disputed(ctx, record, tile) and not aware:
        ctx.refuse("disputed_unaware", receivable=record["id"])
    if not papers:
        check_papers(ctx, programme)
    check_record_date(ctx, programme, record)


def check_record_date(ctx: Context, programme: Record, record: Record) -> None:
    """Refuse to move units in the last business days before they are due."""
    if programme["record_days"]:
        last = record_date(ctx, programme, record)
        if last <= today(ctx, programme) < record["adjusted_date"]:
            ctx.refuse("record_date", from_date=last)


def owes_back(
    ctx: Context,
    programme: Record,
    record: Record,
    member: str,
    *,
    netted: bool = False,
) -> bool:
    """Say whether a member owes money on a receivable to an account or a seller.

    What is netted with its price, which the account of prices receives, is no matter.
    """
    if not ctx.count_rows("burdens", record["id"]):
        return False
    if ctx.count_rows("owing", member + "/" + record["id"]):
        return True
    item, paid_to = record["id"], settlement_account(programme)
    other = record["account"] != paid_to
    if other and claim_left(ctx, record["account"], item, member):
        return True
    return not netted and claim_left(ctx, paid_to, item, member) > 0


def check_receiver(ctx: Context, record: Record, tile: Record, receiver: str) -> None:
    """Refuse the debtor (I5), the holder, an operator, and whoever is no member."""
    operates = "operator" in ctx.need("member", receiver, shared=True)["roles"]
    if operates or receiver in (record["debtor"], tile["holder"]):
        ctx.refuse("bad_receiver", receiver=receiver)


def pass_part(
    ctx: Context,
    record: Record,
    tile: Record,
    part: tuple[int, int],
    receiver: str,
    recourse: str,
) -> Record:
    """Cut a part out of its tile and give it to the receiver."""
    lo, hi = part
    check_part(ctx, record, tile, lo, hi)
    need_kept(ctx, record, tile, hi - lo)
    moved = move_part(ctx, tile, part, receiver, recourse)
    ctx.emit(
        "transferred",
        receivable=record["id"],
        lo=lo,
        hi=hi,
        giver=tile["holder"],
        receiver=receiver,
    )
    return moved


def check_open_until(ctx: Context, until_ms: int) -> None:
    """Refuse a deadline that has passed or is too far off."""
    if until_ms <= ctx.time or until_ms > ctx.time + OPEN_MS_MAX:
        ctx.refuse("bad_deadline", until_ms=until_ms)
