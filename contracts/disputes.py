"""What a debtor no longer owes, contests, or will never pay.

Reductions and disputes exist only under an undertaking that is subject to
defences. A reduction takes the supplier's own units first and leaves the rest
as the debtor's claim on the supplier; whoever bought units from it keeps them,
unless it signs or an order says so. A dispute lets no default happen while it
stands; what is contested stays owed and is paid like the rest.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Authority,
    Context,
    Count,
    Hash,
    Millis,
    Minor,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    add_exposure,
    bound,
    check_part,
    contested_parts,
    cut_part,
    find_amount_freeze,
    find_freeze,
    group_key,
    is_open,
    lies_in,
    move_exposure,
    need_disposal,
    need_free_tile,
    need_free_units,
    need_kept,
    need_tile,
    need_unfrozen,
    number_term,
    order_key,
    owes_back,
    paid_state,
    pay_small_sums,
    reduce_units,
    release_locks,
    release_unassigned,
    sign_authority,
    take_whole,
    to_record,
)
from contracts.kit.v1.groups import count_units
from contracts.kit.v1.owed import discharge, owes_nothing

DAY_MS = 86_400_000
EXTEND_DAYS_MAX = 3660
DISPUTES_MAX = 16
# Parts of its signers that an act counts; its gas is enough for this many.
TILES_MAX = 20_000
PAGE = 500
SIGNED_MAX = 12
LOST = ("default", "recovering")

rule = Rule(
    "receivable",
    part="disputes",
    writes=(
        "account",
        "closing",
        "deal",
        "dispute",
        "exposure",
        "offer",
        "receipt",
        "receivable",
        "reduction",
        "tile",
    ),
    refusals={
        "absolute": (
            "refused",
            "the debtor has waived its defences",
            "Under an absolute undertaking nothing is reduced or contested.",
            "Settle it with the supplier, outside the ledger.",
        ),
        "over_owed": (
            "refused",
            "more than is owed and not contested or paid yet",
            "What waits to be distributed pays units already.",
            "See what is owed: run: allonge show RECEIVABLE",
        ),
        "dispute_over": (
            "stale",
            "the dispute has ended",
            "It was withdrawn, agreed on, or its deadline has passed.",
            "See what is open: run: allonge dispute list RECEIVABLE",
        ),
        "bad_case": (
            "refused",
            "not what extends a dispute",
            "A later deadline, within ten years, and either a case or an order.",
            "See what does: run: allonge dispute extend --help",
        ),
        "not_holder": (
            "refused",
            "not a holder of live units",
            "Only who holds units of it now agrees to close it.",
            "If only interest is left, forgive it: run: allonge waive RECEIVABLE",
        ),
        "too_many_parts": (
            "refused",
            "held in too many parts",
            "All that the signers have is counted at once, up to so many parts.",
            "Let holders sign one by one, or join parts: run: allonge merge --help",
        ),
    },
)


def need_contestable(ctx: Context, receivable: str) -> Record:
    """Return an open receivable whose debtor may raise defences."""
    record: Record = ctx.need("receivable", receivable)
    if not is_open(record):
        ctx.refuse("wrong_state", state=record["state"])
    programme = ctx.need("programme", record["programme"])
    if programme["undertaking"] != "subject_to_defences":
        ctx.refuse("absolute", programme=programme["id"])
    return record


def need_repaid(ctx: Context, record: Record, holder: str) -> None:
    """Refuse a holder who was paid, while nothing else is left to repay that from."""
    programme = ctx.need("programme", record["programme"])
    if owes_back(ctx, programme, record, holder):
        ctx.refuse("claim_open", receivable=record["id"])


# -- reductions ------------------------------------------------------------------------


class Tile(Payload):
    """A whole live tile, named with its revision."""

    hi: Amount
    lo: Minor
    rev: Count


class Part(Tile):
    """The highest units of another holder's tile, as far as they are needed."""

    units_minor: Amount


class Reduce(Payload):
    """``receivable.reduce``: the debtor owes less, by a document of both.

    Attributes:
        dispute: what this settles.
        order: an authority's, in place of the signatures of other holders.
        parts: other holders' units, used once the supplier has no more.
    """

    amount_minor: Amount
    document: Hash
    receivable: Hash
    dispute: Hash | None = None
    order: Authority | None = None
    parts: Annotated[list[Part], bound(1, SIGNED_MAX)] | None = None


def sign_reduce(ctx: Context, body: Reduce) -> list[Signer]:
    """Debtor and supplier; every other holder for its units, or an authority."""
    record = ctx.need("receivable", body.receivable)
    amount, currency = body.amount_minor, record["currency"]
    signers = [
        Signer(record["debtor"], "confirm", amount, currency),
        Signer(record["supplier"], "give", amount, currency),
    ]
    parts = body.parts or []
    holders = [need_part(ctx, body.receivable, part)["holder"] for part in parts]
    if body.order is not None:
        concerned = [record["debtor"], record["supplier"], *holders]
        return [*signers, *sign_authority(ctx, body.order, concerned)]
    for position in range(len(parts)):
        units = parts[position].units_minor
        signers.append(Signer(holders[position], "give", units, currency))
    return signers


def need_part(ctx: Context, receivable: str, part: Part) -> Record:
    """Return the live tile of a part, exactly as it was signed."""
    if part.units_minor > part.hi - part.lo:
        ctx.refuse("stale_input", hi=part.hi)
    return need_whole(ctx, receivable, part)


def need_whole(ctx: Context, receivable: str, given: Tile) -> Record:
    """Return a live tile, exactly as it was signed."""
    tile = need_tile(ctx, receivable, given.lo, given.rev)
    if tile["hi"] != given.hi:
        ctx.refuse("stale_input", hi=tile["hi"])
    return tile


@rule.action(
    "receivable.reduce", Reduce, signers=sign_reduce, on=("receivable", "receivable")
)
def reduce(ctx: Context, body: Reduce) -> None:
    """Take the supplier's units, then those agreed on; the rest is a claim."""
    record = need_contestable(ctx, body.receivable)
    if "sweep" in record:
        ctx.refuse("sweep_running", receivable=record["id"])
    need_disposal(ctx, record["supplier"])
    need_repaid(ctx, record, record["supplier"])
    if body.amount_minor > record["live_minor"] - record["waiting_minor"]:
        ctx.refuse("over_owed", live_minor=record["live_minor"])
    item = ctx.allocate("reduction")
    agreed = [ctx.need("dispute", body.dispute)] if body.dispute is not None else []
    left = reduce_own(ctx, record, item, body.amount_minor, agreed)
    for part in body.parts or []:
        tile = need_part(ctx, record["id"], part)
        if body.order is None:
            need_unfrozen(ctx, tile)
            need_disposal(ctx, tile["holder"])
            need_kept(ctx, record, tile, part.units_minor)
            need_repaid(ctx, record, tile["holder"])
        units = min(left, part.units_minor)
        if units:
            reduce_units(ctx, tile, units, item)
            left -= units
    reduction = {
        **to_record(body),
        "claim_minor": left,
        "debtor": record["debtor"],
        "id": item,
        "kind": "reduction",
        "placed": order_key(ctx.height, ctx.position),
        "supplier": record["supplier"],
    }
    ctx.create(reduction)
    if body.dispute is not None:
        record = end_dispute(ctx, need_dispute(ctx, body.dispute, record), "agreed")
    count_reduced(ctx, record, body.amount_minor - left)
    ctx.emit(
        "reduced",
        receivable=record["id"],
        amount_minor=body.amount_minor,
    )


def reduce_own(
    ctx: Context, record: Record, item: str, amount_minor: int, agreed: list[Record]
) -> int:
    """Reduce the supplier's own free units; return what is left.

    Those that the dispute was limited to first, then the highest.
    """
    parts = [dispute for dispute in agreed if "lo" in dispute]
    supplier, left = record["supplier"], amount_minor
    own = own_tiles(ctx, record["id"], supplier)
    tiles = [tile for tile in own if "pledge" not in tile]
    for tile in sorted(tiles, key=lambda tile: (not lies_in(tile, parts), -tile["lo"])):
        units = min(left, tile["hi"] - tile["lo"])
        kept = find_freeze(ctx, tile) or find_amount_freeze(ctx, record, tile, units)
        if units and not kept:
            reduce_units(ctx, tile, units, item)
            left -= units
    return left


def count_reduced(ctx: Context, record: Record, units: int) -> None:
    """Write a receivable of which so many units are owed no more.

    Uses of its invoices stay as they are.
    """
    programme = ctx.need("programme", record["programme"])
    after = {
        **record,
        "live_minor": record["live_minor"] - units,
        "reduced_minor": record["reduced_minor"] + units,
    }
    if record["state"] in ("live", "part_paid"):
        after["state"] = paid_state(after)
    if owes_nothing(programme, after):
        after = discharge(ctx, after)
    ctx.write(after)
    pay_small_sums(ctx, after)
    add_exposure(ctx, programme["id"], -units)
    release_unassigned(ctx, record["account"], record["debtor"])


# -- disputes --------------------------------------------------------------------------


class Open(Payload):
    """``dispute.open``: the debtor contests an amount, pro rata on all units.

    Attributes:
        tile: whose highest units alone are contested, if its holder agrees.
    """

    amount_minor: Amount
    document: Hash
    receivable: Hash
    tile: Tile | None = None


def sign_open(ctx: Context, body: Open) -> list[Signer]:
    """The debtor, and the holder of the units it is limited to."""
    record = ctx.need("receivable", body.receivable)
    signers = [Signer(record["debtor"], "decline")]
    if body.tile is None:
        return signers
    holder = need_whole(ctx, body.receivable, body.tile)["holder"]
    return [*signers, Signer(holder, "give", body.amount_minor, record["currency"])]


def cut_contested(ctx: Context, record: Record, given: Tile, amount: int) -> Record:
    """Cut off the units that a dispute is limited to; return where they lie."""
    if "sweep" in record:
        ctx.refuse("sweep_running", receivable=record["id"])
    tile = need_free_tile(ctx, record["id"], given.lo, given.rev)
    if "pledge" in tile or lies_in(tile, contested_parts(ctx, record)):
        ctx.refuse("part_locked", lo=tile["lo"])
    lo, hi = tile["hi"] - amount, tile["hi"]
    check_part(ctx, record, tile, lo, hi)
    cut_part(ctx, tile, lo, hi)
    return {"hi": hi, "lo": lo}


@rule.action("dispute.open", Open, signers=sign_open, on=("receivable", "receivable"))
def open_dispute(ctx: Context, body: Open) -> None:
    """Record what is contested until the programme's deadline."""
    record = need_contestable(ctx, body.receivable)
    disputes = record.get("disputes", [])
    # What was contested and lapsed, or was conceded, is not contested again.
    contested = sum([row["amount_minor"] for row in disputes])
    contested += record.get("contested_minor", 0)
    if body.amount_minor > record["live_minor"] - contested:
        ctx.refuse("over_owed", live_minor=record["live_minor"])
    if len(disputes) >= DISPUTES_MAX:
        ctx.refuse("limit_exceeded", disputes_max=DISPUTES_MAX)
    programme = ctx.need("programme", record["programme"])
    until = ctx.time + number_term(programme, "dispute_days") * DAY_MS
    part = {}
    if body.tile is not None:
        part = cut_contested(ctx, record, body.tile, body.amount_minor)
    signed = to_record(body)
    dispute = {
        **{name: signed[name] for name in signed if name != "tile"},
        **part,
        "debtor": record["debtor"],
        "id": ctx.allocate("dispute"),
        "kind": "dispute",
        "placed": order_key(ctx.height, ctx.position),
        "state": "open",
        "until_ms": until,
    }
    ctx.create(dispute)
    names = ("amount_minor", "hi", "id", "lo", "until_ms")
    row = {name: dispute[name] for name in names if name in dispute}
    ctx.write({**record, "disputes": [*disputes, row]})
    ctx.schedule(dispute, "lapse", until + 1)
    ctx.emit("disputed", receivable=record["id"], amount_minor=body.amount_minor)


def need_dispute(ctx: Context, item: str, record: Record) -> Record:
    """Return a dispute that stands at block time on a receivable."""
    dispute: Record = ctx.need("dispute", item)
    if dispute["receivable"] != record["id"]:
        ctx.refuse("not_found")
    if dispute["state"] != "open" or dispute["until_ms"] < ctx.time:
        ctx.refuse("dispute_over", state=dispute["state"])
    return dispute


class Case(Payload):
    """A case pending before a court or tribunal."""

    court: Text
    document: Hash
    reference: Text


class Extend(Payload):
    """``dispute.extend``: a case or an order keeps a dispute from lapsing."""

    dispute: Hash
    until_ms: Millis
    case: Case | None = None
    order: Authority | None = None


def sign_extend(ctx: Context, body: Extend) -> list[Signer]:
    """The debtor with its case, or the channel of an order."""
    debtor = ctx.need("dispute", body.dispute)["debtor"]
    if body.order is not None:
        return sign_authority(ctx, body.order, [debtor])
    return [Signer(debtor, "decline")]


@rule.action("dispute.extend", Extend, signers=sign_extend, on=("dispute", "dispute"))
def extend(ctx: Context, body: Extend) -> None:
    """Move a dispute's deadline."""
    known = ctx.need("dispute", body.dispute)
    record = ctx.need("receivable", known["receivable"])
    dispute = need_dispute(ctx, body.dispute, record)
    latest = ctx.time + EXTEND_DAYS_MAX * DAY_MS
    if (body.case is None) == (body.order is None):
        ctx.refuse("bad_case", field="case")
    if body.until_ms <= dispute["until_ms"] or body.until_ms > latest:
        ctx.refuse("bad_case", until_ms=body.until_ms)
    after = {**dispute, **to_record(body), "id": dispute["id"]}
    extended = {name: after[name] for name in after if name != "dispute"}
    ctx.write(extended)
    rows = [
        {**row, "until_ms": body.until_ms} if row["id"] == dispute["id"] else row
        for row in record["disputes"]
    ]
    ctx.write({**record, "disputes": rows})
    ctx.schedule(extended, "lapse", body.until_ms + 1)
    ctx.emit("dispute_extended", receivable=record["id"], until_ms=body.until_ms)


class Withdraw(Payload):
    """``dispute.withdraw``: the debtor contests it no longer."""

    dispute: Hash


def sign_withdraw(ctx: Context, body: Withdraw) -> list[Signer]:
    """The debtor."""
    return [Signer(ctx.need("dispute", body.dispute)["debtor"], "confirm")]


@rule.action(
    "dispute.withdraw", Withdraw, signers=sign_withdraw, on=("dispute", "dispute")
)
def withdraw(ctx: Context, body: Withdraw) -> None:
    """End a dispute; all of it is owed as before."""
    known = ctx.need("dispute", body.dispute)
    record = ctx.need("receivable", known["receivable"])
    ctx.write(end_dispute(ctx, need_dispute(ctx, body.dispute, record), "withdrawn"))


@rule.job("dispute", "lapse")
def lapse(ctx: Context, target: Record) -> None:
    """Tidy up a dispute whose deadline has passed; that has long counted."""
    if target["state"] == "open" and target["until_ms"] < ctx.time:
        ctx.write(end_dispute(ctx, target, "lapsed"))


def end_dispute(ctx: Context, dispute: Record, state: str) -> Record:
    """Write how a dispute ended; return its receivable without it, not written."""
    record = ctx.need("receivable", dispute["receivable"])
    ctx.write({**dispute, "state": state})
    rows = [row for row in record["disputes"] if row["id"] != dispute["id"]]
    if state != "agreed":
        contested = record.get("contested_minor", 0) + dispute["amount_minor"]
        record["contested_minor"] = contested
    ctx.emit("dispute_ended", receivable=record["id"], state=state)
    if rows:
        return {**record, "disputes": rows}
    return {name: record[name] for name in record if name != "disputes"}


# -- what will never be paid -----------------------------------------------------------


class Close(Payload):
    """``receivable.close``: holders agree that a default is uncollectable."""

    holders: Annotated[list[Hash], bound(1, SIGNED_MAX)]
    receivable: Hash


def sign_close(ctx: Context, body: Close) -> list[Signer]:
    """The holders named, each for the units it gives up hope of."""
    record = ctx.need("receivable", body.receivable)
    signers = []
    counted = 0
    for holder in body.holders:
        tiles = own_tiles(ctx, record["id"], holder, TILES_MAX - counted)
        counted += len(tiles)
        units = count_units(tiles)
        signers.append(Signer(holder, "give", units, record["currency"]))
    return signers


def own_tiles(
    ctx: Context, receivable: str, holder: str, most: int = TILES_MAX
) -> list[Record]:
    """Return all live tiles of a holder.

    Raises:
        Refusal: ``too_many_parts``.
    """
    found: list[Record] = []
    after = holder + "/"
    while True:
        page = ctx.scan("live", receivable, after, PAGE)
        own = [tile for tile in page if tile["holder"] == holder]
        found += own
        if len(found) > most:
            ctx.refuse("too_many_parts", tiles_max=TILES_MAX)
        if len(own) < PAGE:
            return found
        after = group_key(own[-1]) + "/" + order_key(own[-1]["lo"])


@rule.action(
    "receivable.close", Close, signers=sign_close, on=("receivable", "receivable")
)
def close(ctx: Context, body: Close) -> None:
    """Agree to close it; it is, once all who hold units have, at once or one by one.

    The claim and the uses of its invoices stay; the programme's limit is free.
    """
    record = ctx.need("receivable", body.receivable)
    if record["state"] not in LOST:
        ctx.refuse("wrong_state", state=record["state"])
    if "sweep" in record:
        ctx.refuse("sweep_running", receivable=record["id"])
    if record["waiting_minor"]:
        ctx.refuse("encumbered", receivable=record["id"])
    for holder in body.holders:
        tiles = own_tiles(ctx, record["id"], holder)
        if not tiles:
            ctx.refuse("not_holder", holder=holder)
        units = count_units(tiles)
        need_free_units(ctx, take_whole(holder, tiles))
        need_kept(ctx, record, tiles[0], units)
        need_repaid(ctx, record, holder)
        agreed = {
            "default_date": record["default_date"],
            "id": holder,
            "kind": "closing",
            "retired_minor": record["retired_minor"],
            "scope": record["id"],
            "units_minor": units,
        }
        if ctx.read("closing", holder, record["id"]) is None:
            ctx.create(agreed)
        else:
            ctx.write(agreed)
    ctx.emit("closing_agreed", receivable=record["id"])
    ctx.schedule(record, "agreed", ctx.time)


@rule.job("receivable", "agreed")
def end_agreed(ctx: Context, target: Record) -> None:
    """Close it if all agree; a job has time to look at whatever parts there are."""
    paying = "sweep" in target or target["waiting_minor"]
    if target["state"] not in LOST or paying or not all_agree(ctx, target):
        return
    closed = {**target, "state": "closed"}
    ctx.write(closed)
    move_exposure(ctx, target, closed)
    release_unassigned(ctx, target["account"], target["debtor"])
    ctx.emit("closed", receivable=target["id"])
    ctx.schedule(closed, "closed", ctx.time)


@rule.job("receivable", "closed")
def free_parts(ctx: Context, target: Record) -> None:
    """End what is offered or being sold of it: whoever looks sees that it is over."""
    if target["state"] != "closed":
        return
    for tile in ctx.scan("live", target["id"], limit=10_000_000):
        if tile["locks"]:
            ctx.write({**release_locks(ctx, tile), "rev": tile["rev"] + 1})


def all_agree(ctx: Context, record: Record) -> bool:
    """Say whether every holder has agreed, of this default, for all it holds now.

    Each in a record of its own: only they see who holds what. What was frozen since
    is not given up.
    """
    held: dict[str, list[Record]] = {}
    for tile in ctx.scan("live", record["id"], limit=10_000_000):
        held.setdefault(tile["holder"], []).append(tile)
    for holder, tiles in held.items():
        agreed = ctx.read("closing", holder, record["id"])
        if agreed is None or agreed["default_date"] != record["default_date"]:
            return False
        # What was paid may have been taken back since.
        units = count_units(tiles)
        changed = agreed["retired_minor"] > record["retired_minor"]
        if changed or agreed["units_minor"] < units:
            return False
        frozen = find_freeze(ctx, take_whole(holder, tiles))
        if frozen or find_amount_freeze(ctx, record, tiles[0], units):
            return False
    return True
