"""Late receivables: what a closed day says of them, and what holders waive.

Nothing is overdue before the attester has closed the due day, nor while money
nobody has assigned yet could cover it. A bank that closes no day is late with
its data; that says nothing of the debtor.
"""

from contracts.kit.v1 import (
    REDUCED,
    Context,
    Hash,
    Minor,
    Payload,
    Record,
    Rule,
    Signer,
    add_exposure,
    claim_left,
    gather_groups,
    is_due,
    is_open,
    judge_lateness,
    judged_from,
    need_free_units,
    need_kept,
    order_key,
    owed_at,
    pay_small_sums,
    put_judged,
    release_locks,
    release_unassigned,
    take_whole,
    today,
    unpaid_interest,
)
from contracts.kit.v1.cover import (
    WEIGHT_MAX,
    Money,
    add_cover,
    shared_cover,
    take_cover,
    weigh,
)
from contracts.kit.v1.owed import cover_left, discharge, is_judged, owes_nothing

# Receivables judged in one job; only the pace depends on it.
JUDGED_PAGE = 1000

rule = Rule(
    "receivable",
    part="late",
    writes=(
        "account",
        "deal",
        "exposure",
        "interest",
        "offer",
        "receipt",
        "receivable",
        "tile",
    ),
    refusals={
        "waiver_too_large": (
            "refused",
            "more than the programme tolerates",
            "Principal is waived only up to the tolerance of short payments.",
            "Close it as uncollectable, with all holders, after default.",
        ),
        "waiver_differs": (
            "stale",
            "another amount is owed by now",
            "A waiver names the principal left, and interest up to what it forgives.",
            "Prepare it again: run: allonge waive RECEIVABLE --prepare FILE",
        ),
    },
)


@rule.job("account", "judge")
def judge_day(ctx: Context, target: Record) -> None:
    """After a day is closed: what fell due by then and is owed is overdue.

    What was called overdue is withdrawn as soon as unassigned money covers it.
    """
    closed = target["closed_date"]
    page = ctx.scan("on_account", target["id"], target.get("judged", ""), JUDGED_PAGE)
    shared = shared_cover(ctx, target)
    covers: dict[str, Money] = {}
    weights: dict[str, int] = {}
    looked = 0
    for position in range(len(page)):
        receivable = page[position]
        if receivable["adjusted_date"] > closed:
            break
        if looked > WEIGHT_MAX:
            go_on(ctx, target, page[position - 1])
            return
        programme = ctx.need("programme", receivable["programme"])
        if not is_judged(ctx, programme, receivable, closed):
            continue
        debtor = receivable["debtor"]
        if debtor not in covers:
            cover = add_cover(ctx, target, debtor, shared)
            left, weight = cover_left(ctx, target, receivable, cover)
            covers[debtor] = left
            weights[debtor] = weight
            looked += weight
        judged = judge_lateness(ctx, programme, receivable, closed, covers[debtor])
        weights[debtor] += weigh(receivable, judged.covered_minor)
        covers[debtor] = take_cover(
            covers[debtor], judged.covered_minor, weights[debtor]
        )
        put_judged(ctx, programme, receivable, judged.lateness)
    full = len(page) == JUDGED_PAGE
    go_on(ctx, target, page[-1] if full else {"adjusted_date": "9999"})


def go_on(ctx: Context, account: Record, last: Record) -> None:
    """Judge what falls due behind a receivable in another job."""
    kept = {name: account[name] for name in account if name != "judged"}
    if last["adjusted_date"] <= account["closed_date"]:
        kept["judged"] = order_key(last["adjusted_date"], last["confirmed_order"])
        ctx.schedule(kept, "judge", ctx.time + 1)
    if kept != account:
        ctx.write(kept)


@rule.job("receivable", "data_late")
def miss_close(ctx: Context, target: Record) -> None:
    """Say once that the bank has not closed the due day; nobody is overdue."""
    programme = ctx.need("programme", target["programme"])
    closed = ctx.need("account", target["account"])["closed_date"]
    owes = is_open(target) and not owes_nothing(programme, target)
    said = "bank_data_late" in target
    if owes and not said and closed < judged_from(programme, target):
        ctx.write({**target, "bank_data_late": today(ctx, programme)})
        ctx.emit("bank_data_late", receivable=target["id"])


class Waive(Payload):
    """``receivable.waive``: the holders forgive what is left of a due debt.

    Attributes:
        interest_minor: the most late interest that is forgiven.
        principal_minor: exactly what is left of the principal.
    """

    interest_minor: Minor
    principal_minor: Minor
    receivable: Hash


def sign_waive(ctx: Context, body: Waive) -> list[Signer]:
    """Every holder of live units and every owner of unpaid late interest."""
    record = ctx.need("receivable", body.receivable)
    programme = ctx.need("programme", record["programme"])
    groups = gather_groups(ctx, record["id"])
    owing = unpaid_interest(programme, record, groups)
    given: dict[str, int] = {}
    for name, group in groups.items():
        amount = group["units"] + owing.get(name, 0)
        if amount:
            given[group["holder"]] = given.get(group["holder"], 0) + amount
    return [
        Signer(holder, "give", amount, record["currency"])
        for holder, amount in sorted(given.items())
    ]


@rule.action(
    "receivable.waive", Waive, signers=sign_waive, on=("receivable", "receivable")
)
def waive(ctx: Context, body: Waive) -> None:
    """Reduce what is left and let its interest go: the debtor is discharged."""
    record = ctx.need("receivable", body.receivable)
    programme = ctx.need("programme", record["programme"])
    owes = is_open(record) and not owes_nothing(programme, record)
    if not owes or not is_due(ctx, programme, record):
        ctx.refuse("wrong_state", state=record["state"])
    if "sweep" in record or record["waiting_minor"]:
        ctx.refuse("sweep_running", receivable=record["id"])
    owed = owed_at(programme, record, today(ctx, programme))
    if body.principal_minor != owed.principal_minor:
        ctx.refuse("waiver_differs", principal_minor=owed.principal_minor)
    if body.interest_minor < owed.interest_minor:
        ctx.refuse("waiver_differs", interest_minor=owed.interest_minor)
    if owed.principal_minor > programme["tolerance_minor"]:
        ctx.refuse("waiver_too_large", tolerance_minor=programme["tolerance_minor"])
    waived = waive_interest(ctx, programme, record)
    reduce_all(ctx, record)
    settled = {
        **record,
        "interest_waived_minor": record.get("interest_waived_minor", 0) + waived,
        "live_minor": 0,
        "reduced_minor": record["reduced_minor"] + record["live_minor"],
        "state": "part_paid",
    }
    settled = discharge(ctx, settled)
    ctx.write(settled)
    add_exposure(ctx, programme["id"], -record["live_minor"])
    pay_small_sums(ctx, put_judged(ctx, programme, settled, ""))
    release_unassigned(ctx, record["account"], record["debtor"])
    ctx.emit(
        "waived",
        receivable=record["id"],
        principal_minor=owed.principal_minor,
        interest_minor=owed.interest_minor,
    )


def waive_interest(ctx: Context, programme: Record, record: Record) -> int:
    """Count the unpaid interest of retired units as waived; return its sum."""
    groups = gather_groups(ctx, record["id"])
    owing = unpaid_interest(programme, record, groups)
    for name, amount in owing.items():
        paid = ctx.scan("retired_groups", record["id"] + "/" + name, limit=1_000_000)
        need_free_units(ctx, take_whole(groups[name]["holder"], paid))
        group = ctx.need("interest", name, record["id"])
        waived = group.get("waived_minor", 0) + amount
        ctx.write({**group, "waived_minor": waived})
    return sum(owing.values())


def reduce_all(ctx: Context, record: Record) -> None:
    """Reduce all live units that no pledge and no order binds."""
    for tile in ctx.scan("live", record["id"], limit=10_000):
        if claim_left(ctx, record["account"], record["id"], tile["holder"]):
            # Its holder was paid, and nothing would be left to repay that from.
            ctx.refuse("encumbered", lo=tile["lo"])
        if "pledge" in tile:
            ctx.refuse("encumbered", lo=tile["lo"])
        need_free_units(ctx, tile)
        need_kept(ctx, record, tile, tile["hi"] - tile["lo"])
        free = release_locks(ctx, tile)
        ctx.write({**free, "rev": tile["rev"] + 1, "state": REDUCED})
