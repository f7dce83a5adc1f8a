"""What orders of an authority stand on whom, and what they do to money.

An order covers units, a member, an account, an amount of what a member holds,
or a receipt. Who or what is covered has one record, its ``standing``, that
lists the orders on it; where no order exists anywhere nobody looks further
than a count. Whether an order is in force is judged on block time.

Of money that is due to somebody, the orders on it take their part by rank,
each up to its amount; the rest is paid as if there were no order. What an
order takes is held until its release, or goes to the account it names.
"""

from contracts.kit.v1.records import UNSENT
from contracts.kit.v1.relations import need_guardian, need_unrelated
from contracts.kit.v1.rule import (
    INTEGER_MAX,
    Context,
    Hash,
    Payload,
    Record,
    Signer,
    Text,
)

ORDERS_MAX = 32
HOLDINGS_PAGE = 200
HOLDINGS_PAGES_MAX = 20
FREEZE = "freeze"
INSOLVENCY = "insolvency"
# Covers whose orders bind the units a member holds, whatever their number.
BINDING = ("member",)


class Authority(Payload):
    """Whose order it is, on which paper, and who puts it on the ledger.

    Attributes:
        authority: who ordered it.
        document: hash of the order, which is signed.
        placer: a regulator; or an operator, with a guardian.
        reference: the authority's own.
        guardian: a lender or regulator of another group than the operator.
    """

    authority: Text
    document: Hash
    placer: Hash
    reference: Text
    guardian: Hash | None = None


def sign_authority(
    ctx: Context, given: Authority, concerned: list[str]
) -> list[Signer]:
    """Return who signs that an authority ordered something.

    Args:
        ctx: the context.
        given: the order and its channel.
        concerned: whom it is about and who gains by it, as ``need_unrelated`` takes
            them; nobody vouches for what is its own.

    Raises:
        Refusal: ``no_channel``, an operator alone, or neither role;
            ``group_conflict``, one of them is not independent.
    """
    placer = ctx.need("member", given.placer)
    if "regulator" in placer["roles"] and given.guardian is None:
        need_unrelated(ctx, given.placer, concerned)
        return [Signer(given.placer, "order")]
    if "operator" not in placer["roles"] or given.guardian is None:
        ctx.refuse("no_channel", placer=given.placer)
    need_guardian(ctx, given.guardian, [given.placer, *concerned])
    need_unrelated(ctx, given.placer, concerned)
    return [Signer(given.placer, "order"), Signer(given.guardian, "order")]


# -- which orders are in force ---------------------------------------------------------


def any_orders(ctx: Context) -> bool:
    """Say whether an order stands on anybody; the one look without orders."""
    return ctx.count_rows("all", "standing") > 0


def in_force(ctx: Context, order: Record) -> bool:
    """Say whether an order binds at block time."""
    return bool(order["state"] == "in_force" and order["until_ms"] >= ctx.time)


def find_orders(ctx: Context, subject: str) -> list[Record]:
    """Return the orders in force on a member, account, receipt, by rank."""
    standing: Record | None = ctx.read("standing", subject) if subject else None
    if standing is None:
        return []
    orders = [ctx.need("order", item) for item in standing["orders"]]
    return rank_orders([order for order in orders if in_force(ctx, order)])


def rank_orders(orders: list[Record]) -> list[Record]:
    """Return orders by rank, those of one rank as they were placed."""
    return sorted(orders, key=lambda order: (order["rank"], order["placed"]))


def put_standing(ctx: Context, subject: str, order: str) -> None:
    """Let an order stand on a member, account or receipt."""
    standing: Record | None = ctx.read("standing", subject)
    if standing is None:
        ctx.create({"id": subject, "kind": "standing", "orders": [order]})
        return
    if len(standing["orders"]) >= ORDERS_MAX:
        ctx.refuse("limit_exceeded", orders_max=ORDERS_MAX)
    ctx.write({**standing, "orders": [*standing["orders"], order]})


def drop_standing(ctx: Context, subject: str, order: str) -> None:
    """Let an order stand on somebody no longer."""
    standing: Record | None = ctx.read("standing", subject)
    if standing is None:
        return
    left = [item for item in standing["orders"] if item != order]
    if left:
        ctx.write({**standing, "orders": left})
    else:
        ctx.remove("standing", subject)


def find_insolvency(ctx: Context, member: str) -> str:
    """Return the insolvency order on a member, "" if it is solvent."""
    if not member or not any_orders(ctx):
        return ""
    for order in find_orders(ctx, member):
        if order["what"] == INSOLVENCY:
            item: str = order["id"]
            return item
    return ""


def need_solvent(ctx: Context, *members: str) -> None:
    """Refuse what any insolvent member may not begin any more.

    Raises:
        Refusal: ``insolvent``.
    """
    for member in members:
        order = find_insolvency(ctx, member)
        if order:
            ctx.refuse("insolvent", member=member, order=order)


# -- units -----------------------------------------------------------------------------


def freeze_locks(ctx: Context, tile: Record) -> list[str]:
    """Return the orders on the units of a tile themselves, by its locks."""
    return [
        lock["id"]
        for lock in tile["locks"]
        if lock["kind"] == FREEZE and lock["until"] >= ctx.time
    ]


def find_freeze(ctx: Context, tile: Record) -> str:
    """Return the order that freezes a tile, "" if it may pass on.

    It is on the units themselves, a lock, or on all that their holder has.
    """
    locks = freeze_locks(ctx, tile)
    if locks:
        return locks[0]
    if any_orders(ctx):
        for order in find_orders(ctx, tile["holder"]):
            if order["what"] == FREEZE and order["cover"] in BINDING:
                return str(order["id"])
    return ""


def need_unfrozen(ctx: Context, tile: Record) -> None:
    """Refuse to touch units that an order freezes.

    Raises:
        Refusal: ``frozen``.
    """
    order = find_freeze(ctx, tile)
    if order:
        ctx.refuse("frozen", lo=tile["lo"], order=order)


def need_disposal(ctx: Context, member: str) -> None:
    """Refuse new business with what an insolvent member holds.

    What was priced before the insolvency does not ask here.

    Raises:
        Refusal: ``insolvent``.
    """
    if any_orders(ctx):
        for order in find_orders(ctx, member):
            if order["what"] == INSOLVENCY and not order["disposal"]:
                ctx.refuse("insolvent", member=member, order=order["id"])


def need_free_units(ctx: Context, tile: Record) -> None:
    """Refuse units that an order freezes, or whose holder is insolvent.

    Raises:
        Refusal: ``frozen``; ``insolvent``.
    """
    if tile["locks"] or any_orders(ctx):
        need_unfrozen(ctx, tile)
        need_disposal(ctx, tile["holder"])


def take_whole(holder: str, tiles: list[Record]) -> Record:
    """Return units of a holder as if they were one tile, as far as orders bind it.

    Without tiles it is bound by what is on all that the holder has.
    """
    locks = [lock for tile in tiles for lock in tile["locks"]]
    return {"holder": holder, "lo": 0, "locks": locks}


def need_kept(ctx: Context, record: Record, tile: Record, units: int) -> None:
    """Refuse to let units go of which their holder would keep too little.

    Raises:
        Refusal: ``frozen``, an order on an amount.
    """
    order = find_amount_freeze(ctx, record, tile, units)
    if order:
        ctx.refuse("frozen", lo=tile["lo"], order=order)


def find_amount_freeze(ctx: Context, record: Record, tile: Record, units: int) -> str:
    """Return the order of which a holder would keep too little, "" if none.

    Orders on an amount bind no unit in particular: the holder may pass on what
    it has beyond them. What they took of its money by now counts for them.

    Args:
        ctx: the context.
        record: the receivable.
        tile: any free tile of it that the holder has.
        units: how many of the holder's units would go.
    """
    if not any_orders(ctx):
        return ""
    holder, currency = tile["holder"], record["currency"]
    keep, last = find_kept(ctx, holder, currency)
    if keep <= 0:
        return ""
    wanted = keep + units
    return last if count_free(ctx, holder, currency, wanted) < wanted else ""


def find_kept(ctx: Context, holder: str, currency: str) -> tuple[int, str]:
    """Return what orders on an amount let a holder keep, and the last of them."""
    keep, last = 0, ""
    for order in find_orders(ctx, holder):
        if order["cover"] == "amount" and order["currency"] == currency:
            keep += order["limit_minor"] - order["taken_minor"]
            last = order["id"]
    return keep, last


def count_free(ctx: Context, holder: str, currency: str, wanted: int) -> int:
    """Return a holder's free units in a currency, counted until they are enough."""
    after, free = "", 0
    known: dict[str, str] = {}
    for _ in range(HOLDINGS_PAGES_MAX):
        page = ctx.scan("holdings", holder, after, HOLDINGS_PAGE)
        for tile in page:
            if tile["scope"] not in known:
                other = ctx.need("receivable", tile["scope"])
                known[tile["scope"]] = other["currency"]
            same = known[tile["scope"]] == currency
            bound = "pledge" in tile or freeze_locks(ctx, tile)
            if same and not bound:
                free += tile["hi"] - tile["lo"]
        if free >= wanted or len(page) < HOLDINGS_PAGE:
            break
        after = page[-1]["scope"] + "/" + str(page[-1]["lo"]).rjust(16, "0")
    return free


# -- money -----------------------------------------------------------------------------

# An order, {} for none, and what it takes of each sum that is to be paid.
Portion = tuple[Record, list[int]]


def money_orders(
    ctx: Context, like: Record, account: Record, *, pledged: bool
) -> list[Record]:
    """Return the orders in force on money that is to be paid, by rank.

    Args:
        ctx: the context.
        like: payee; [locks], the orders that were on the units themselves when
            these were paid; [receipt], what goes back.
        account: what it is paid from.
        pledged: whether the units that earned it were pledged before; only
            orders that say so reach behind a pledge.
    """
    if not any_orders(ctx):
        return []
    subjects = (like["payee"], account["id"], like.get("receipt", ""))
    orders = [order for subject in subjects for order in find_orders(ctx, subject)]
    currency = account["currency"]
    reaching = [
        order
        for order in orders
        if order.get("currency", currency) == currency
        and (order["pledged"] or not pledged)
    ]
    own = [ctx.need("order", item) for item in like.get("locks", [])]
    return rank_orders([*reaching, *[order for order in own if in_force(ctx, order)]])


def divide_money(orders: list[Record], amounts: list[int]) -> list[Portion]:
    """Return what each order takes of sums due to one payee, then the rest.

    Args:
        orders: those on the money, by rank; one with an amount takes of the
            first sum first.
        amounts: principal and interest, or a single sum.
    """
    rest = list(amounts)
    portions: list[Portion] = []
    for order in orders:
        left, taken = left_of(order), []
        for position in range(len(rest)):
            part = min(left, rest[position])
            taken.append(part)
            rest[position] -= part
            left -= part
        if sum(taken):
            portions.append((order, taken))
    if sum(rest) or not portions:
        portions.append(({}, rest))
    return portions


def left_of(order: Record) -> int:
    """Return how much more money an order takes; more than there is for no limit."""
    if "limit_minor" not in order:
        return INTEGER_MAX
    left: int = order["limit_minor"] - order["taken_minor"]
    return max(0, left)


def count_taken(ctx: Context, order: Record, amount_minor: int) -> None:
    """Count money, or less of it, towards the amount of an order.

    What it has no more, it takes of what else is due.
    """
    if "limit_minor" not in order or not amount_minor:
        return
    order["taken_minor"] += amount_minor
    if amount_minor < 0:
        order["held_to"] = ""
        ctx.schedule(order, "hold", ctx.time)
    ctx.write(order)


def under_order(order: Record) -> Record:
    """Return the fields of an unsent payout that an order takes; {} for none."""
    if not order:
        return {}
    if "redirect" in order:
        return {"order": order["id"], "redirect": order["redirect"], "state": "due"}
    return {"order": order["id"], "state": "held"}


def lift_order(ctx: Context, payout: Record) -> Record:
    """Return a payout as block time says: an order that has ended holds nothing."""
    if payout["state"] not in UNSENT or "order" not in payout:
        return payout
    if in_force(ctx, ctx.need("order", payout["order"])):
        return payout
    names = ("order", "redirect")
    kept = {name: payout[name] for name in payout if name not in names}
    return {**kept, "state": "due"}


def place_payout(ctx: Context, payout: Record) -> Record:
    """Return an unsent payout, not written, as the orders on its money leave it.

    What an order has it keeps while it is in force. Of the rest each takes its
    part by rank; all parts but the last become payouts of their own.
    """
    after = lift_order(ctx, payout)
    if after["state"] not in UNSENT or "order" in after or not after["amount_minor"]:
        return after
    account = ctx.need("account", after["account"])
    orders = money_orders(ctx, after, account, pledged=False)
    portions = divide_money(orders, [after["amount_minor"]])
    for order, shares in portions:
        count_taken(ctx, order, shares[0])
    bound = {**after, "receivables": []}
    whole = after.get("origin", after["id"])
    for order, shares in portions[:-1]:
        cut = {**bound, **under_order(order), "amount_minor": shares[0]}
        # What a bank rejected it may have paid: then there is nothing to cut.
        own = {"id": ctx.allocate("payout"), "tried": after["attempts"][-1:]}
        ctx.create({**cut, **own, "attempts": [], "origin": whole, "outcomes": []})
    order, shares = portions[-1]
    kept = bound if order else after
    return {**kept, **under_order(order), "amount_minor": shares[0]}


def find_hold(ctx: Context, receipt: Record, *, estate: bool = True) -> str:
    """Return the order that keeps money in suspense, "" if it may go back.

    An order on its payer, its debtor, its account or the money itself does.

    Args:
        ctx: the context.
        receipt: the money.
        estate: whether an insolvent member's money is kept, too, until its
            administrator asks for it.
    """
    if not any_orders(ctx):
        return ""
    for subject in (
        receipt["id"],
        receipt["payer"],
        receipt["account"],
        receipt["debtor"],
    ):
        for order in find_orders(ctx, subject):
            kept = estate or order["what"] != INSOLVENCY
            if order["cover"] != "amount" and kept:
                item: str = order["id"]
                return item
    return ""
