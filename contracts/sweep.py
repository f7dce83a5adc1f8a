"""Sweep: distribute money for one receivable to whoever holds each part.

One sweep a payment, in order of attestation. The plan stores only totals and
cut-offs; each group's share is then a formula, so the distribution runs in
chunks of any size and ends the same. From plan to last chunk the receivable
refuses whatever would change its units, and further money queues.
"""

from contracts.kit.v1 import (
    LATE_STATES,
    LIVE,
    Context,
    Portion,
    Record,
    Rule,
    accrue,
    allocate_pro_rata,
    allocate_rest,
    allocate_unassigned,
    any_orders,
    contested_parts,
    correct_overdue,
    count_taken,
    data_late_ms,
    divide_money,
    find_insolvency,
    freeze_locks,
    gather_groups,
    group_key,
    is_due,
    is_in_time,
    is_open,
    late_days,
    lies_in,
    money_orders,
    move_books,
    move_exposure,
    net_claim,
    order_key,
    owed_at,
    paid_state,
    pay,
    pay_small_sums,
    pro_rata_cutoff,
    release_locks,
    release_unassigned,
    repay_sellers,
    retire_units,
    return_interest,
    share_of,
    suspend_waiting,
    today,
    under_order,
)
from contracts.kit.v1.groups import (
    count_days,
    count_units,
    pack_cutoff,
    share_by,
    store_cutoff,
)
from contracts.kit.v1.notice import notice_days
from contracts.kit.v1.owed import (
    discharge,
    discharged_by,
    keep_recallable,
    owes_nothing,
    split_money,
)

# Tiles handled in one job; only the pace depends on it, never the result.
CHUNK_TILES = 2000

rule = Rule(
    "receivable",
    part="sweep",
    writes=(
        "exposure",
        "receivable",
        "tile",
        "deal",
        "offer",
        "share",
        "receipt",
        "sweep",
        "line",
        "interest",
        "order",
        "payout",
        "claim",
        "account",
    ),
    refusals={
        "sweep_running": (
            "stale",
            "a sweep is running",
            "Money is being distributed; units do not change until it is done.",
            "Send it again after the next blocks.",
        ),
    },
)


@rule.job("receivable", "due")
def fall_due(ctx: Context, target: Record) -> None:
    """At 00:00 of the due date: place early money, sweep what waits."""
    if not is_open(target):
        return
    programme = ctx.need("programme", target["programme"])
    ctx.schedule(target, "data_late", data_late_ms(programme, target))
    allocate_unassigned(ctx, target["account"], target["debtor"])
    receivable = ctx.need("receivable", target["id"])
    if receivable["waiting_minor"]:
        ctx.schedule(receivable, "sweep", ctx.time)


@rule.job("receivable", "sweep")
def start_sweep(ctx: Context, target: Record) -> None:
    """Plan the distribution of the oldest money waiting and pay a chunk."""
    if find_insolvency(ctx, target["debtor"]) and "sweep" not in target:
        target = suspend_waiting(ctx, target)
    programme = ctx.need("programme", target["programme"])
    shares = ctx.scan("shares", target["id"], limit=1)
    due = target["early"] or is_due(ctx, programme, target)
    if not shares or "sweep" in target or not due:
        return
    share = shares[0]
    owed = owed_at(programme, target, share["value_date"])
    principal, interest = split_money(programme, owed, share["amount_minor"])
    excess = share["amount_minor"] - principal - interest
    receivable = take_share(ctx, target, share, principal + interest)
    if principal + interest:
        sweep = plan(ctx, programme, receivable, share, principal, interest)
        pay_chunk(ctx, sweep)
    elif receivable["waiting_minor"]:
        ctx.schedule(receivable, "sweep", ctx.time + 1)
    allocate_rest(ctx, share["scope"], excess)


def take_share(
    ctx: Context, receivable: Record, share: Record, distributed: int
) -> Record:
    """Take money out of what waits; what is distributed is now under way."""
    amount = share["amount_minor"]
    ctx.remove("share", share["id"], share["scope"])
    taken = {
        **receivable,
        # Early payment is signed for what waits, not for what may come later.
        "early": receivable["early"] and receivable["waiting_minor"] > amount,
        "undistributed_minor": receivable["undistributed_minor"] + distributed,
        "waiting_minor": receivable["waiting_minor"] - amount,
    }
    ctx.write(taken)
    move_books(
        ctx,
        receivable["account"],
        waiting_minor=-amount,
        undistributed_minor=distributed,
    )
    return taken


def plan(
    ctx: Context,
    programme: Record,
    receivable: Record,
    share: Record,
    principal: int,
    interest: int,
) -> Record:
    """Write the plan: totals and cut-offs over the groups as they stand."""
    parts = contested_parts(ctx, receivable)
    groups = list(gather_groups(ctx, receivable["id"], parts).values())
    weights = [(group["key"], group["units"] - group["contested"]) for group in groups]
    clear = min(principal, sum([units for _, units in weights]))
    days = late_days(programme, receivable, share["value_date"])
    sweep = {
        "account": receivable["account"],
        "cursor": "",
        "cut_interest": [],
        "cut_owed": [],
        "cut_principal": store_cutoff(clear, weights),
        "days": days,
        "id": ctx.allocate("sweep"),
        "interest_minor": interest,
        "kind": "sweep",
        "late_ppm": programme["late_ppm"],
        "lines": 0,
        "notice_days": notice_days(ctx, receivable),
        "order": order_key(
            receivable["adjusted_date"],
            receivable["confirmed_order"],
            count_sweep(ctx, receivable["account"]),
        ),
        "principal_minor": principal,
        "receipt": share["scope"],
        "receivable": receivable["id"],
        "value_date": share["value_date"],
    }
    if parts:
        # Units that a dispute is limited to are paid when all others are.
        doubtful = [(group["key"], group["contested"]) for group in groups]
        sweep["contested"] = parts
        sweep["cut_contested"] = store_cutoff(principal - clear, doubtful)
    if interest:
        plan_interest(ctx, programme, receivable, sweep, groups)
    ctx.create(sweep)
    ctx.write({**receivable, "sweep": sweep["id"]})
    ctx.emit(
        "sweep_planned",
        receivable=receivable["id"],
        principal_minor=principal,
        interest_minor=interest,
        groups=len(groups),
    )
    return sweep


def count_sweep(ctx: Context, account: str) -> int:
    """Return the number of a new sweep on an account, from 1."""
    record = ctx.need("account", account)
    number: int = record["sweeps"] + 1
    ctx.write({**record, "sweeps": number})
    return number


def plan_interest(
    ctx: Context,
    programme: Record,
    receivable: Record,
    sweep: Record,
    groups: list[Record],
) -> None:
    """Add the cut-offs by which late interest is owed and paid."""
    total = owed_at(programme, receivable, sweep["value_date"]).interest_total_minor
    weights = []
    for group in groups:
        running = accrue(group["units"], sweep["late_ppm"], sweep["days"])
        weights.append((group["key"], group["acc"] + running))
    cut = pro_rata_cutoff(total, weights)
    sweep["cut_interest"] = pack_cutoff(cut)
    owing = []
    for position in range(len(groups)):
        key, weight = weights[position]
        due = max(0, share_of(cut, weight, key) - groups[position]["paid"])
        owing.append((key, due))
    sweep["cut_owed"] = store_cutoff(sweep["interest_minor"], owing)


@rule.job("sweep", "chunk")
def continue_sweep(ctx: Context, target: Record) -> None:
    """Pay the next chunk of a sweep."""
    pay_chunk(ctx, target)


def pay_chunk(ctx: Context, sweep: Record) -> None:
    """Pay some groups; plan the next chunk or finish."""
    tiles = next_tiles(ctx, sweep)
    sums = {"accumulator": 0, "claims": 0, "interest": 0, "principal": 0}
    start = 0
    while start < len(tiles):
        name = group_key(tiles[start])
        stop = start
        while stop < len(tiles) and group_key(tiles[stop]) == name:
            stop += 1
        pay_group(ctx, sweep, sums, tiles[start:stop])
        start = stop
    done = not tiles
    if tiles:
        # "~" sorts behind every digit: the whole group is behind the cursor.
        sweep["cursor"] = group_key(tiles[-1]) + "/~"
        done = not ctx.scan("live", sweep["receivable"], sweep["cursor"], 1)
    if done:
        pay_retired_groups(ctx, sweep, sums)
    book_chunk(ctx, sweep, sums)
    ctx.write(sweep)
    if done:
        finish(ctx, sweep)
    else:
        ctx.schedule(sweep, "chunk", ctx.time + 1)


def next_tiles(ctx: Context, sweep: Record) -> list[Record]:
    """Return the tiles of the next whole groups, about a chunk of them."""
    tiles = ctx.scan("live", sweep["receivable"], sweep["cursor"], CHUNK_TILES)
    if len(tiles) < CHUNK_TILES:
        return tiles
    last = group_key(tiles[-1])
    whole = [tile for tile in tiles if group_key(tile) != last]
    if whole:
        return whole
    while len(tiles) % CHUNK_TILES == 0:
        after = last + "/" + order_key(tiles[-1]["lo"])
        more = ctx.scan("live", sweep["receivable"], after, CHUNK_TILES)
        own = [tile for tile in more if group_key(tile) == last]
        tiles = [*tiles, *own]
        if len(own) < CHUNK_TILES:
            break
    return tiles


def pay_group(
    ctx: Context, sweep: Record, sums: dict[str, int], tiles: list[Record]
) -> None:
    """Retire a group's share from its highest units down and credit it."""
    parts = sweep.get("contested", [])
    doubtful = [tile for tile in tiles if lies_in(tile, parts)] if parts else []
    contested, units = count_units(doubtful), count_units(tiles)
    key = tiles[0]["lo"]
    running = accrue(units, sweep["late_ppm"], sweep["days"])
    units -= contested
    principal = share_by(sweep["cut_principal"], units, key)
    if contested:
        principal += share_by(sweep["cut_contested"], contested, key)
        tiles = [*doubtful, *[tile for tile in tiles if tile not in doubtful]]
    gained = accrue(principal, sweep["late_ppm"], sweep["days"])
    interest = pay_interest(ctx, sweep, tiles[0], key, running, gained)
    sums["accumulator"] += gained
    if interest:
        tiles = [end_call(ctx, tile) for tile in tiles]
    takes = []
    left = principal
    for tile in reversed(tiles):
        taken = min(left, tile["hi"] - tile["lo"])
        if taken:
            takes.append({"left": taken, "tile": tile})
            left -= taken
    if any_orders(ctx):
        credit_under_orders(ctx, sweep, sums, tiles, takes, (principal, interest))
    else:
        credit_units(ctx, sweep, sums, tiles[0], takes, ({}, [principal, interest]))


def end_call(ctx: Context, tile: Record) -> Record:
    """Return a tile whose holder is paid late interest.

    A recourse call on it ends if its price contains interest, which else would
    be paid twice.
    """
    for lock in tile["locks"]:
        deal = ctx.need("deal", lock["id"]) if lock["kind"] == "deal" else lock
        units = lock["hi"] - lock["lo"]
        if deal.get("purpose", "") == "recourse" and deal["price_minor"] > units:
            ended = {**release_locks(ctx, tile), "rev": tile["rev"] + 1}
            ctx.write(ended)
            return ended
    return tile


def credit_under_orders(
    ctx: Context,
    sweep: Record,
    sums: dict[str, int],
    tiles: list[Record],
    takes: list[Record],
    paid: tuple[int, int],
) -> None:
    """Credit a group on whose units or holder orders stand: a line for each.

    Frozen units get what retires them, and of late interest what they earned.
    """
    account = ctx.need("account", sweep["account"])
    if paid[1]:
        group = sweep["receivable"] + "/" + group_key(tiles[0])
        tiles = [tile for tile in tiles if tile["state"] == LIVE]
        tiles += ctx.scan("retired_groups", group, limit=CHUNK_TILES)
    found: dict[int, list[str]] = {}
    own: dict[str, list[Record]] = {}
    for tile in tiles:
        found[tile["lo"]] = sorted(freeze_locks(ctx, tile))
        own.setdefault("/".join(found[tile["lo"]]), []).append(tile)
    # Of what does not divide, frozen units get the more.
    names = sorted(own.keys(), key=lambda name: not name)
    weights = [count_days(ctx, sweep, own[name]) if paid[1] else 0 for name in names]
    if not sum(weights):
        weights = [count_units(own[name]) for name in names]
    shares = allocate_pro_rata(paid[1], weights)
    for position in range(len(names)):
        one = own[names[position]][0]
        locks = found[one["lo"]]
        mine = [take for take in takes if found[take["tile"]["lo"]] == locks]
        principal = sum([take["left"] for take in mine])
        like = {"locks": locks, "payee": one["holder"]}
        orders = money_orders(ctx, like, account, pledged="pledge" in one)
        for portion in divide_money(orders, [principal, shares[position]]):
            count_taken(ctx, portion[0], sum(portion[1]))
            credit_units(ctx, sweep, sums, one, mine, portion)


def credit_units(
    ctx: Context,
    sweep: Record,
    sums: dict[str, int],
    tile: Record,
    takes: list[Record],
    portion: Portion,
) -> None:
    """Retire units of the tiles they are taken of, under one line, and credit it."""
    line = ctx.allocate("line")
    left = portion[1][0]
    for take in takes:
        taken = min(left, take["left"])
        if taken:
            retire_units(ctx, take["tile"], taken, sweep["receipt"], line)
            left -= taken
            take["left"] -= taken
        if taken and take["left"]:
            # The next line takes on where this one stopped.
            lo = str(take["tile"]["lo"])
            take["tile"] = ctx.need("tile", lo, sweep["receivable"])
    credit(ctx, sweep, sums, tile, line, portion)


def pay_interest(
    ctx: Context, sweep: Record, tile: Record, key: int, running: int, gained: int
) -> int:
    """Update a group's accumulator and return the interest it gets now.

    Args:
        ctx: the context.
        sweep: the plan.
        tile: any tile of the group.
        key: the group's key in the plan.
        running: accrual of its live units up to the value date.
        gained: the part of that which belongs to units retired now.
    """
    if not running and not sweep["cut_interest"]:
        return 0
    name = group_key(tile)
    record = ctx.read("interest", name, sweep["receivable"])
    before = 0 if record is None else int(record["accumulator"])
    paid = 0 if record is None else record["paid_minor"]
    waived = 0 if record is None else record.get("waived_minor", 0)
    interest = 0
    if sweep["cut_interest"]:
        due = share_by(sweep["cut_interest"], before + running, key) - paid - waived
        interest = share_by(sweep["cut_owed"], max(0, due), key)
    after = {
        "accumulator": str(before + gained),
        "holder": tile["holder"],
        "id": name,
        "kind": "interest",
        "paid_minor": paid + interest,
        "recourse_class": tile["recourse_class"],
        "scope": sweep["receivable"],
        "sweep": sweep["id"],
    }
    if "pledge" in tile:
        after["pledge"] = tile["pledge"]
    if waived:
        after["waived_minor"] = waived
    if record is not None:
        ctx.write(after)
    elif gained or interest:
        ctx.create(after)
    return interest


def pay_retired_groups(ctx: Context, sweep: Record, sums: dict[str, int]) -> None:
    """Pay late interest to groups whose units are all retired."""
    if not sweep["cut_interest"]:
        return
    for record in ctx.scan("interest", sweep["receivable"], limit=10_000_000):
        if record.get("sweep", "") == sweep["id"]:
            continue
        name = sweep["receivable"] + "/" + record["id"]
        tiles = ctx.scan("retired_groups", name, limit=1)
        if tiles:
            interest = pay_interest(ctx, sweep, tiles[0], tiles[0]["lo"], 0, 0)
            if any_orders(ctx):
                credit_under_orders(ctx, sweep, sums, tiles, [], (0, interest))
            else:
                credit_units(ctx, sweep, sums, tiles[0], [], ({}, [0, interest]))


def credit(
    ctx: Context,
    sweep: Record,
    sums: dict[str, int],
    tile: Record,
    line: str,
    portion: Portion,
) -> None:
    """Write a group's line and add it to the holder's payout, claims first.

    What an order takes is a line and a payout of its own.
    """
    order = portion[0]
    principal, interest = portion[1]
    amount = principal + interest
    if not amount:
        return
    receivable = sweep["receivable"]
    claimed = net_claim(ctx, sweep["account"], receivable, tile["holder"], amount)
    account = ctx.need("account", sweep["account"])
    debt = ctx.need("receivable", receivable)
    programme = ctx.need("programme", debt["programme"])
    like = {
        "date": today(ctx, programme),
        "payee": tile["holder"],
        "purpose": "holding",
        **discharged_by(programme, debt),
        **under_order(order),
    }
    locks = freeze_locks(ctx, tile)
    if locks:
        like["locks"] = sorted(locks)
    netted = claimed
    if not order:
        # What its sellers get of it is as good as claimed by them.
        to = {**like, "line": line}
        netted += repay_sellers(ctx, account, to, receivable, amount - claimed)
    record = {
        "cancelled_minor": 0,
        "claimed_minor": netted,
        "holder": tile["holder"],
        "id": line,
        "interest_minor": interest,
        "kind": "line",
        "order": order_key(sweep["order"], tile["lo"]),
        "principal_minor": principal,
        "receipt": sweep["receipt"],
        "receivable": receivable,
        "recourse_class": tile["recourse_class"],
        "reversed_interest_minor": 0,
        "reversed_principal_minor": 0,
        "sweep": sweep["id"],
    }
    if "pledge" in tile:
        record["pledge"] = tile["pledge"]
    if amount > netted:
        record["payout"] = pay(
            ctx, account, like, amount - netted, programme, receivable
        )
    # A claim took part of it before the order could.
    count_taken(ctx, order, -claimed)
    ctx.create(record)
    sweep["lines"] += 1
    sums["principal"] += principal
    sums["interest"] += interest
    sums["claims"] += claimed


def book_chunk(ctx: Context, sweep: Record, sums: dict[str, int]) -> None:
    """Carry a chunk's sums into the receivable and the account."""
    amount = sums["principal"] + sums["interest"]
    receivable = ctx.need("receivable", sweep["receivable"])
    accumulator = int(receivable["retired_accumulator"]) + sums["accumulator"]
    after = {
        **receivable,
        "interest_paid_minor": receivable["interest_paid_minor"] + sums["interest"],
        "live_minor": receivable["live_minor"] - sums["principal"],
        "retired_accumulator": str(accumulator),
        "retired_minor": receivable["retired_minor"] + sums["principal"],
        "undistributed_minor": receivable["undistributed_minor"] - amount,
    }
    ctx.write(after)
    if amount:
        # What is paid no longer counts against the programme's limit (I13).
        move_exposure(ctx, receivable, after)
        move_books(
            ctx,
            sweep["account"],
            claims_minor=-sums["claims"],
            payable_minor=amount - sums["claims"],
            undistributed_minor=-amount,
        )


def finish(ctx: Context, sweep: Record) -> None:
    """End a sweep: judge the state, go on with the next money."""
    receivable = ctx.need("receivable", sweep["receivable"])
    programme = ctx.need("programme", receivable["programme"])
    was = receivable["state"]
    ended = {name: receivable[name] for name in receivable if name != "sweep"}
    if was == "live":
        ended["state"] = paid_state(receivable)
    elif was == "default":
        ended["state"] = "recovering"
    ended = keep_recallable(ctx, programme, ended, sweep["receipt"])
    if owes_nothing(programme, ended):
        ended = discharge(ctx, ended)
    ctx.write(ended)
    pay_small_sums(ctx, ended)
    if was in LATE_STATES and is_in_time(receivable, sweep["value_date"]):
        ended = correct_overdue(ctx, programme, ended, sweep)
    if ended["state"] == "settled":
        ended = return_interest(ctx, programme, ended)
    ctx.emit(
        "swept",
        receivable=receivable["id"],
        principal_minor=sweep["principal_minor"],
        interest_minor=sweep["interest_minor"],
        lines=sweep["lines"],
    )
    if ended["waiting_minor"]:
        ctx.schedule(ended, "sweep", ctx.time + 1)
    # Money behind it in the queue may have kept early money from being assigned.
    allocate_unassigned(ctx, receivable["account"], receivable["debtor"])
    release_unassigned(ctx, receivable["account"], receivable["debtor"])
