"""Moving units: cut, join, move, lock, retire and reopen intervals.

A tile is never edited into another shape by a rule; it goes through here, so
that every change raises its revision and no unit is lost. A lock is judged by
block time alone: whether its clean-up job has run never matters.

Locks are ``{kind, lo, hi, id, until}``. An ``offer`` and a ``deal`` end when
anything else happens to their tile; a ``freeze`` stays on its units, wherever
they go, until it is released or its time has passed.
"""

from contracts.kit.v1.arithmetic import allocate_pro_rata
from contracts.kit.v1.notice import begin_notice, notice_days, notice_used
from contracts.kit.v1.owed import settled_parts, today
from contracts.kit.v1.records import (
    LIVE,
    REDUCED,
    RETIRED,
    group_key,
    paid_groups,
)
from contracts.kit.v1.rule import Context, Record, order_key
from contracts.kit.v1.standing import need_free_units

LASTING = ("freeze",)
GROUP_PAGE = 100


def need_tile(ctx: Context, receivable: str, lo: int, rev: int) -> Record:
    """Return a live tile by start and revision.

    Raises:
        Refusal: ``stale_input``, there is no such live tile any more.
    """
    tile: Record | None = ctx.read("tile", str(lo), receivable)
    if tile is None or tile["state"] != LIVE or tile["rev"] != rev:
        ctx.refuse("stale_input", lo=lo, rev=rev)
    return tile


def is_locked(ctx: Context, tile: Record) -> bool:
    """Say whether a lock of a tile is still in force at block time."""
    return any(lock["until"] >= ctx.time for lock in tile["locks"])


def release_locks(ctx: Context, tile: Record) -> Record:
    """Return the tile with lasting locks only; offers on it end, deals lapse.

    Expired locks go too. The tile is not written.
    """
    kept = []
    for lock in tile["locks"]:
        if lock["kind"] in LASTING and lock["until"] >= ctx.time:
            kept.append(lock)
        elif lock["kind"] == "offer" and ctx.read("offer", lock["id"]) is not None:
            ctx.remove("offer", lock["id"])
            ctx.emit("offer_ended", offer=lock["id"])
        elif lock["kind"] == "deal":
            end_deal(ctx, lock["id"], "touched")
    return {**tile, "locks": kept}


def end_deal(ctx: Context, item: str, reason: str) -> None:
    """Let an open deal lapse; its lock is not touched.

    The record stays, so that a price that still comes is known and refunded.
    """
    deal = ctx.need("deal", item)
    if deal["state"] == "open":
        ctx.write({**deal, "reason": reason, "state": "lapsed"})
        ctx.emit("deal_lapsed", deal=item, reason=reason)


def locks_within(tile: Record, lo: int, hi: int) -> list[Record]:
    """Return a tile's locks as far as they lie in ``[lo, hi)``."""
    return [
        {**lock, "lo": max(lo, lock["lo"]), "hi": min(hi, lock["hi"])}
        for lock in tile["locks"]
        if lock["lo"] < hi and lo < lock["hi"]
    ]


def need_free_tile(ctx: Context, receivable: str, lo: int, rev: int) -> Record:
    """Return a live tile that no lock binds; expired locks are cleared.

    Raises:
        Refusal: ``stale_input``; ``frozen``; ``insolvent``, its holder;
            ``part_locked``.
    """
    tile = need_tile(ctx, receivable, lo, rev)
    need_free_units(ctx, tile)
    if not tile["locks"]:
        return tile
    if is_locked(ctx, tile):
        ctx.refuse("part_locked", lo=lo)
    return release_locks(ctx, tile)


def cut_tile(ctx: Context, tile: Record, cuts: list[int]) -> list[Record]:
    """Replace a tile by its pieces at the cuts; the pieces tile it.

    Args:
        ctx: the context.
        tile: as it stands in state, its locks released; lasting ones are kept.
        cuts: positions inside ``(lo, hi)``, strictly rising.

    Returns:
        The pieces from low to high, written, with a new revision each.
    """
    pieces = split_tile(ctx, tile, cuts)
    for piece in pieces:
        put_piece(ctx, tile, piece)
    return pieces


def split_tile(ctx: Context, tile: Record, cuts: list[int]) -> list[Record]:
    """Return the pieces of a tile at the cuts, with a new revision, not written."""
    pieces, lo, rev = [], tile["lo"], tile["rev"] + 1
    for hi in [*cuts, tile["hi"]]:
        if lo >= hi:
            ctx.refuse("bad_cut", lo=lo, hi=hi)
        locks = locks_within(tile, lo, hi) if tile["locks"] else []
        pieces.append({**tile, "hi": hi, "lo": lo, "locks": locks, "rev": rev})
        lo = hi
    return pieces


def put_piece(ctx: Context, tile: Record, piece: Record) -> None:
    """Write a piece of a tile; the lowest one stands where the tile stood."""
    if piece["lo"] == tile["lo"]:
        ctx.write(piece)
    else:
        ctx.create(piece)


def find_cuts(ctx: Context, tile: Record, lo: int, hi: int) -> list[int]:
    """Return where ``[lo, hi)`` is cut out of a tile; nowhere if it is all of it."""
    low, high = tile["lo"], tile["hi"]
    if lo < low or hi > high or lo >= hi:
        ctx.refuse("bad_cut", lo=lo, hi=hi)
    return [] if hi - lo == high - low else [at for at in (lo, hi) if low < at < high]


def cut_part(ctx: Context, tile: Record, lo: int, hi: int) -> Record:
    """Return the piece ``[lo, hi)`` of a tile, cut out unless it is all of it."""
    cuts = find_cuts(ctx, tile, lo, hi)
    if not cuts:
        return tile
    pieces = cut_tile(ctx, tile, cuts)
    return pieces[0] if lo == tile["lo"] else pieces[1]


def merge_tiles(ctx: Context, left: Record, right: Record) -> Record:
    """Join two neighbouring live tiles; the right one disappears.

    If units of one came earlier to their holder, its time to call on their transferor
    runs for all as it does for those, and that of those before it likewise.
    """
    links = zip(left["chain"], right["chain"], strict=True)
    joined = {
        **{name: left[name] for name in left if name != "notice_from"},
        "chain": [max(it, key=lambda link: link.get("used_days", 0)) for it in links],
        "hi": right["hi"],
        "rev": max(left["rev"], right["rev"]) + 1,
        "transfers": max(left["transfers"], right["transfers"]),
    }
    begun = min(left.get("notice_from", 0), right.get("notice_from", 0))
    if begun:
        joined["notice_from"] = begun
    ctx.remove("tile", str(right["lo"]), right["scope"])
    ctx.write(joined)
    return joined


def chain_class(ctx: Context, chain: list[Record]) -> str:
    """Return the recourse class of a chain of transferors, "" for none."""
    if not chain:
        return ""
    texts = [link["member"] + "/" + link["recourse"] for link in chain]
    return ctx.hash_text(" ".join(texts))


def move_part(
    ctx: Context, tile: Record, part: tuple[int, int], receiver: str, recourse: str
) -> Record:
    """Give a part of a tile to another holder; the giver joins its chain.

    Args:
        ctx: the context.
        tile: a live tile as it stands in state, its locks released.
        part: ``[lo, hi)`` of it; what is left stays with the giver.
        receiver: the new holder.
        recourse: ``with`` or ``without``; the terms between giver and receiver.
    """
    lo, hi = part
    cuts = find_cuts(ctx, tile, lo, hi)
    pieces = split_tile(ctx, tile, cuts) if cuts else [tile]
    place = 0 if lo == tile["lo"] else 1
    piece = pieces[place]
    chain = [*tile["chain"], {"member": tile["holder"], "recourse": recourse}]
    days = notice_days(ctx, ctx.need("receivable", tile["scope"], shared=True))
    used = notice_used(tile, days)
    if used and tile["chain"]:
        chain[-2] = {**chain[-2], "used_days": used}
    moved = {
        **begin_notice(piece, days),
        "chain": chain,
        "holder": receiver,
        "recourse_class": chain_class(ctx, chain),
        "rev": piece["rev"] + 1,
        "transfers": tile["transfers"] + 1,
    }
    carry_interest(ctx, piece, moved)
    pieces[place] = moved
    for piece in pieces:
        put_piece(ctx, tile, piece)
    return moved


def carry_interest(ctx: Context, tile: Record, moved: Record) -> None:
    """Let interest that a tile's units were paid go with them to another group.

    Else they would be owed it once more, and other groups would get less.
    """
    if not ctx.count_rows("burdens", tile["scope"]):
        return
    given: Record | None = ctx.read("interest", group_key(tile), tile["scope"])
    if given is None:
        return
    record = ctx.need("receivable", tile["scope"])
    programme = ctx.need("programme", record["programme"])
    group = {**given, "units": count_group(ctx, tile)}
    units, day = tile["hi"] - tile["lo"], today(ctx, programme)
    parts = settled_parts(programme, record, units, group, day)
    taken: Record | None = ctx.read("interest", group_key(moved), tile["scope"])
    if taken is None:
        names = ("holder", "pledge", "recourse_class", "scope")
        taken = {name: moved[name] for name in names if name in moved}
        taken = {**taken, "accumulator": "0", "kind": "interest", "paid_minor": 0}
        taken["id"] = group_key(moved)
    for name, part in parts.items():
        if part:
            given[name] -= part
            taken[name] = taken.get(name, 0) + part
            ctx.write(given)
            put_interest(ctx, taken)
        if part and name == "paid_minor":
            carry_lines(ctx, given, taken["id"], part)


def carry_lines(ctx: Context, given: Record, name: str, amount_minor: int) -> None:
    """Let the lines that paid a group's interest know how much went to another."""
    own = given["id"]
    lines = ctx.scan("paid_with", given["scope"] + "/" + own, limit=1_000_000)
    shares = allocate_pro_rata(amount_minor, [paid_groups(it)[own] for it in lines])
    for position in range(len(lines)):
        groups, part = paid_groups(lines[position]), shares[position]
        if part:
            after = {**groups, own: groups[own] - part}
            after[name] = groups.get(name, 0) + part
            rows = [{"group": it, "amount_minor": after[it]} for it in after]
            ctx.write({**lines[position], "groups": rows})


def put_interest(ctx: Context, record: Record) -> None:
    """Write a group's interest, new or not."""
    if ctx.read("interest", record["id"], record["scope"]) is None:
        ctx.create(record)
    else:
        ctx.write(record)


def count_group(ctx: Context, tile: Record) -> int:
    """Return how many live units a tile's group has."""
    name = group_key(tile)
    after = name + "/"
    units: int = 0
    while True:
        page = ctx.scan("live", tile["scope"], after, GROUP_PAGE)
        own = [other for other in page if group_key(other) == name]
        units += sum([other["hi"] - other["lo"] for other in own])
        if len(own) < GROUP_PAGE:
            return units
        after = name + "/" + order_key(own[-1]["lo"])


def return_tile(ctx: Context, tile: Record) -> Record:
    """Give a whole tile back to its immediate transferor; the chain gets shorter.

    That it passed on once stays on record: its invoices are not free again.
    """
    giver = tile["chain"][-1]["member"]
    chain, used = tile["chain"][:-1], 0
    if chain:
        used = chain[-1].get("used_days", 0)
        chain[-1] = {name: chain[-1][name] for name in ("member", "recourse")}
    days = notice_days(ctx, ctx.need("receivable", tile["scope"], shared=True))
    moved = {
        **begin_notice(tile, days - used),
        "chain": chain,
        "holder": giver,
        "recourse_class": chain_class(ctx, chain),
        "rev": tile["rev"] + 1,
    }
    carry_interest(ctx, tile, moved)
    ctx.write(moved)
    return moved


def lock_tile(ctx: Context, tile: Record, lock: Record) -> Record:
    """Put a lock on a tile."""
    locked = {**tile, "locks": [*tile["locks"], lock], "rev": tile["rev"] + 1}
    ctx.write(locked)
    return locked


def unlock_tile(ctx: Context, receivable: str, lo: int, lock_id: str) -> None:
    """Take a lock off the tile that has it; nothing happens if it is gone."""
    tile: Record | None = ctx.read("tile", str(lo), receivable)
    if tile is None:
        return
    kept = [lock for lock in tile["locks"] if lock["id"] != lock_id]
    if len(kept) < len(tile["locks"]):
        ctx.write({**tile, "locks": kept, "rev": tile["rev"] + 1})


def retire_units(
    ctx: Context, tile: Record, units: int, receipt: str, line: str
) -> None:
    """Retire a tile's highest units; they remember what paid them.

    Args:
        ctx: the context.
        tile: a live tile as it stands in state.
        units: how many, 1 to its length.
        receipt: the incoming payment.
        line: the line of the sweep.
    """
    tile = release_locks(ctx, tile)
    split = tile["hi"] - units
    paid = {"line": line, "receipt": receipt, "state": RETIRED}
    if split == tile["lo"]:
        ctx.write({**tile, **paid, "rev": tile["rev"] + 1})
        return
    kept, gone = cut_tile(ctx, tile, [split])
    ctx.write({**gone, **paid, "rev": kept["rev"]})


def reduce_units(ctx: Context, tile: Record, units: int, reduction: str) -> None:
    """Let a tile's highest units be owed no more; they remember by what.

    Args:
        ctx: the context.
        tile: a live tile as it stands in state.
        units: how many, 1 to its length.
        reduction: the record that says why.
    """
    tile = release_locks(ctx, tile)
    split = tile["hi"] - units
    if split > tile["lo"]:
        tile = cut_tile(ctx, tile, [split])[1]
    gone = {"locks": [], "reduction": reduction, "state": REDUCED}
    ctx.write({**tile, **gone, "rev": tile["rev"] + 1})


def reopen_units(ctx: Context, tile: Record, units: int, waited: int) -> Record:
    """Turn a retired tile's lowest units live again, for its old holder.

    Args:
        ctx: the context.
        tile: as it stands in state.
        units: how many, 1 to its length.
        waited: days of notice that passed while they were paid.

    Returns:
        The live tile.
    """
    rev = tile["rev"] + 1
    live = {name: tile[name] for name in tile if name not in ("line", "receipt")}
    split = tile["lo"] + units
    live = {**live, "hi": split, "rev": rev, "state": LIVE}
    live["locks"] = locks_within(tile, tile["lo"], split)
    if waited:
        live["notice_from"] = tile.get("notice_from", 0) + waited
    ctx.write(live)
    if split < tile["hi"]:
        locks = locks_within(tile, split, tile["hi"])
        ctx.create({**tile, "lo": split, "locks": locks, "rev": rev})
    return live
