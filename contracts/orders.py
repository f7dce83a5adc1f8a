"""Orders of an authority: freezes, insolvencies, and who attests afterwards.

A regulator puts an order on the ledger, or an operator together with a lender
or regulator of another group; an operator alone never does. What happened
before its block is not undone. Its end is judged on block time; the work that
follows from it is tidying up.
"""

from contracts.kit.v1 import (
    REDUCED,
    Amount,
    Authority,
    Context,
    Count,
    Currency,
    Hash,
    Literal,
    Millis,
    Minor,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    cut_part,
    drop_standing,
    find_insolvency,
    in_force,
    is_related,
    lapse_deal,
    lock_tile,
    need_guardian,
    need_solvent,
    need_unrelated,
    order_key,
    place_payout,
    put_standing,
    release_locks,
    sign_authority,
    suspend_money,
    to_record,
    unlock_tile,
)
from contracts.kit.v1.deals import is_worth
from contracts.kit.v1.relations import is_bank
from contracts.kit.v1.rule import INTEGER_MAX
from contracts.kit.v1.standing import count_free, find_kept
from contracts.kit.v1.terms import settlement_account

# What each cover names.
COVERS = (
    ("account", ("account",)),
    ("amount", ("amount_minor", "currency", "member")),
    ("member", ("member",)),
    ("payout_account", ("currency", "member")),
    ("receipt", ("receipt",)),
    ("units", ("hi", "lo", "receivable")),
)
SUBJECTS = ("account", "member", "receipt", "receivable")
FIGURES = ("amount_minor", "currency", "hi", "lo")
ENDLESS = 9_007_199_254_740_991
PAGE = 100
PAGES_MAX = 20

rule = Rule(
    "receivable",
    part="orders",
    writes=(
        "account",
        "deal",
        "offer",
        "order",
        "payout",
        "quote",
        "receipt",
        "receivable",
        "request",
        "share",
        "standing",
        "tile",
    ),
    refusals={
        "bad_cover": (
            "refused",
            "not what such an order covers",
            "Each kind of order names its own things, and all of them.",
            "See what they cover: run: allonge freeze --help",
        ),
        "bad_expiry": (
            "refused",
            "the order has ended already",
            "An order ends after the block that takes it.",
            "Check its expiry on the document.",
        ),
        "bad_effect": (
            "refused",
            "effective in the future",
            "An insolvency is declared once it is effective.",
            "Declare it when its effective time has come.",
        ),
        "order_over": (
            "stale",
            "the order is not in force",
            "It was released, or its time has passed.",
            "See what is in force: run: allonge freeze list",
        ),
        "not_vacant": (
            "refused",
            "the account has its attester",
            "A successor is named after the attester's insolvency only.",
            "See it: run: allonge show ACCOUNT",
        ),
    },
)


class Redirect(Payload):
    """Where an order sends money: a salted commitment, and whose account it is."""

    commitment: Hash
    payee: Text


class Freeze(Payload):
    """``freeze.order``: nothing passes on, money is held or sent elsewhere.

    Attributes:
        cover: what it is about; the fields that name it are given, no others.
        order: the authority's.
        pledged: whether money of units pledged before is covered too.
        rank: several orders take their part of money in this order.
        until_ms: the last moment at which it binds.
        redirect: where money goes; it is held if there is none.
    """

    cover: Literal["account", "amount", "member", "payout_account", "receipt", "units"]
    order: Authority
    pledged: bool
    rank: Count
    until_ms: Millis
    account: Hash | None = None
    amount_minor: Amount | None = None
    currency: Currency | None = None
    hi: Amount | None = None
    lo: Minor | None = None
    member: Hash | None = None
    receipt: Hash | None = None
    receivable: Hash | None = None
    redirect: Redirect | None = None


def sign_freeze(ctx: Context, body: Freeze) -> list[Signer]:
    """The authority's channel; none of it is concerned."""
    # Who has its units is compared where they are read, once.
    return sign_authority(ctx, body.order, list_concerned(ctx, to_record(body)))


def list_concerned(ctx: Context, order: Record) -> list[str]:
    """Return whom an order is about, but for holders of its units, and whom it pays."""
    found = [order.get("redirect", {"payee": ""})["payee"], order.get("member", "")]
    if "account" in order:
        found.append(ctx.need("account", order["account"])["owner"])
    if "receipt" in order:
        receipt = ctx.need("receipt", order["receipt"])
        found += [receipt["payer"], receipt["debtor"]]
    return found


def list_tiles(ctx: Context, order: Record, start: int) -> list[Record]:
    """Return the tiles, but for reduced ones, that an order on units lies on.

    Nobody vouches for units of its own group.

    Args:
        ctx: the context.
        order: it, with its channel.
        start: where some tile begins, at most where the order does.

    Raises:
        Refusal: ``group_conflict``.
    """
    position, found = start, []
    while position < order["hi"]:
        tile = ctx.need("tile", str(position), order["receivable"])
        position = tile["hi"]
        if position > order["lo"] and tile["state"] != REDUCED:
            found.append(tile)
    holders = list({tile["holder"]: "" for tile in found})
    for name in ("guardian", "placer"):
        if name in order:
            need_unrelated(ctx, order[name], holders)
    return found


@rule.action("freeze.order", Freeze, signers=sign_freeze, business=True)
def freeze(ctx: Context, body: Freeze) -> None:
    """Put a freeze on the ledger; it binds from this block."""
    given = to_record(body)
    check_cover(ctx, given)
    if body.until_ms <= ctx.time:
        ctx.refuse("bad_expiry", until_ms=body.until_ms)
    if "amount_minor" in given:
        given["limit_minor"] = given["amount_minor"]
    order = place_order(ctx, "freeze", given)
    ctx.schedule(order, "expire", body.until_ms + 1)
    if body.cover == "units":
        freeze_units(ctx, order)
    elif body.cover == "member":
        end_offers(ctx, order["member"])
        end_deals(ctx, order["member"])
    hold_payouts(ctx, order)
    if body.cover == "amount":
        end_deals(ctx, order["member"], order["currency"])


def check_cover(ctx: Context, given: Record) -> None:
    """Refuse an order that names other things than its cover, or none there are."""
    found = [name for name in sorted([*FIGURES, *SUBJECTS]) if name in given]
    for row in COVERS:
        if row[0] == given["cover"] and list(row[1]) != found:
            ctx.refuse("bad_cover", cover=row[0])
    for name in SUBJECTS:
        if name in given:
            ctx.need(name, given[name])


def place_order(ctx: Context, what: str, given: Record) -> Record:
    """Write an order and let it stand on what it covers."""
    paper = given["order"]
    names = [name for name in given if name not in ("amount_minor", "order")]
    order = {
        **{name: given[name] for name in names},
        **paper,
        "id": ctx.allocate("order"),
        "kind": "order",
        "placed": order_key(ctx.height, ctx.position),
        "placed_ms": ctx.time,
        "state": "in_force",
        "taken_minor": 0,
        "what": what,
    }
    ctx.create(order)
    put_standing(ctx, subject_of(order), order["id"])
    ctx.emit("order_placed", order=order["id"], what=what)
    return order


def subject_of(order: Record) -> str:
    """Return what an order stands on."""
    subjects = [order[name] for name in SUBJECTS if name in order]
    found: str = subjects[0]
    return found


def freeze_units(ctx: Context, order: Record) -> None:
    """Lock an interval, cut out of its tiles; offers and deals on it end.

    Units that are retired are locked too: a reversal brings them back frozen.
    """
    record = ctx.need("receivable", order["receivable"])
    if order["lo"] >= order["hi"] or order["hi"] > record["face_minor"]:
        ctx.refuse("bad_cut", lo=order["lo"], hi=order["hi"])
    if "sweep" in record:
        ctx.refuse("sweep_running", receivable=record["id"])
    for tile in list_tiles(ctx, order, 0):
        lo, hi = max(tile["lo"], order["lo"]), min(tile["hi"], order["hi"])
        piece = cut_part(ctx, release_locks(ctx, tile), lo, hi)
        lock = {
            "hi": hi,
            "id": order["id"],
            "kind": "freeze",
            "lo": lo,
            "until": order["until_ms"],
        }
        lock_tile(ctx, piece, lock)


def end_offers(ctx: Context, member: str) -> None:
    """End what a member offers; beyond the limit acceptance is refused anyway."""
    after = ""
    for _ in range(PAGES_MAX):
        page = ctx.scan("offers", member, after, PAGE)
        for offer in page:
            if offer["giver"] == member:
                unlock_tile(ctx, offer["receivable"], offer["tile_lo"], offer["id"])
                ctx.remove("offer", offer["id"])
                ctx.emit("offer_ended", offer=offer["id"])
        if len(page) < PAGE:
            return
        after = order_key(page[-1]["until_ms"]) + "/" + page[-1]["id"]


def end_deals(ctx: Context, member: str, currency: str = "") -> None:
    """Let deals lapse by which a frozen member's units would move.

    Where orders are on an amount in a currency, those that leave it too little.
    """
    after, spare = "open/", -1
    if currency:
        free = count_free(ctx, member, currency, INTEGER_MAX)
        spare = free - find_kept(ctx, member, currency)[0]
    for _ in range(PAGES_MAX):
        page = ctx.scan("deals", member, after, PAGE)
        for deal in page:
            mine = deal["payee"] == member and deal["state"] == "open"
            if currency and (deal["currency"] != currency or is_worth(deal)):
                mine = False
            if mine and deal["hi"] - deal["lo"] > spare:
                lapse_deal(ctx, deal, "frozen")
        if len(page) < PAGE or page[-1]["state"] != "open":
            return
        after = "open/" + order_key(page[-1]["pay_by_ms"]) + "/" + page[-1]["id"]


@rule.job("order", "hold")
def hold_payouts(ctx: Context, target: Record) -> None:
    """Put what is due and not sent yet under an order on anything but units.

    What a page leaves is another job's; until then whoever sends a payout asks for
    the orders on it.
    """
    # A payout remembers the orders on the units that earned it.
    if target["cover"] == "units":
        return
    indexes = {"account": "payouts", "receipt": "refunds"}
    index = indexes.get(target["cover"], "unsent")
    after = target.get("held_to", "")
    for _ in range(PAGES_MAX):
        page = ctx.scan(index, subject_of(target), after, PAGE)
        for payout in page:
            put_placed(ctx, payout)
        if len(page) < PAGE:
            return
        after = page[-1]["date"] + "/" + page[-1]["id"]
    # What it took of these payouts may have been counted on it.
    order = {**ctx.need("order", target["id"]), "held_to": after}
    ctx.write(order)
    ctx.schedule(order, "hold", ctx.time + 1)


def put_placed(ctx: Context, payout: Record) -> None:
    """Write a payout under the order that takes it, if another one does now."""
    placed = place_payout(ctx, payout)
    if placed != payout:
        ctx.write(placed)


class Release(Payload):
    """``order.release``: the same channel ends an order before its time."""

    ending: Authority
    order: Hash


def sign_release(ctx: Context, body: Release) -> list[Signer]:
    """The regulator that placed it; an operator with the same guardian, or any."""
    order = ctx.need("order", body.order)
    ending = body.ending
    if "guardian" not in order and ending.placer != order["placer"]:
        ctx.refuse("no_channel", placer=ending.placer)
    # Without a guardian only a regulator is a channel.
    if ending.guardian not in (None, order.get("guardian", ending.guardian)):
        ctx.refuse("no_channel", guardian=ending.guardian)
    return sign_authority(ctx, body.ending, list_concerned(ctx, order))


@rule.action(
    "order.release", Release, signers=sign_release, on=("order", "order"), business=True
)
def release(ctx: Context, body: Release) -> None:
    """End an order; what it held is due again."""
    order = ctx.need("order", body.order)
    if not in_force(ctx, order):
        ctx.refuse("order_over", state=order["state"])
    released = {**order, "released_by": to_record(body.ending), "state": "released"}
    end_order(ctx, released)


@rule.job("order", "expire")
def expire(ctx: Context, target: Record) -> None:
    """Tidy up an order whose time has passed; that has long counted."""
    if target["state"] == "in_force" and target["until_ms"] < ctx.time:
        end_order(ctx, {**target, "state": "expired"})


def end_order(ctx: Context, order: Record) -> None:
    """Write an order that has ended, and undo what it did to units and money."""
    ctx.write(order)
    drop_standing(ctx, subject_of(order), order["id"])
    if order["cover"] == "units" and order["state"] == "released":
        # Locks whose time has passed bind nothing, and go when they are met.
        unfreeze_units(ctx, order)
    restore_attester(ctx, order)
    free_payouts(ctx, order)
    ctx.emit("order_ended", order=order["id"], state=order["state"])


def unfreeze_units(ctx: Context, order: Record) -> None:
    """Take an order's locks off its units.

    Tiles begin and end where it does, and frozen ones are never joined.
    """
    for tile in list_tiles(ctx, {**order, **order["released_by"]}, order["lo"]):
        unlock_tile(ctx, order["receivable"], tile["lo"], order["id"])


@rule.job("order", "free")
def free_payouts(ctx: Context, target: Record) -> None:
    """Let what an ended order held be due, or go under the next order on it."""
    page = ctx.scan("ordered", target["id"], limit=PAGE)
    for payout in page:
        put_placed(ctx, payout)
    if len(page) == PAGE:
        ctx.schedule(target, "free", ctx.time + 1)


class Insolvency(Payload):
    """``insolvency.declare``: a court's order on a member, from its block on.

    Attributes:
        administrator: where the member's money goes.
        disposal: whether its units may pass on all the same.
        effective_ms: from when it counts in law; what happened since is listed
            for the court.
        member: who is insolvent.
        order: the court's.
        pledged: whether money of units pledged before goes there too.
        rank: its place among other orders on the member's money.
    """

    administrator: Redirect
    disposal: bool
    effective_ms: Millis
    member: Hash
    order: Authority
    pledged: bool
    rank: Count


def sign_insolvency(ctx: Context, body: Insolvency) -> list[Signer]:
    """The authority's channel; neither the member's side nor its administrator's."""
    ctx.need("member", body.member)
    return sign_authority(ctx, body.order, [body.member, body.administrator.payee])


@rule.action("insolvency.declare", Insolvency, signers=sign_insolvency, business=True)
def declare(ctx: Context, body: Insolvency) -> None:
    """Let open business lapse and money go to the administrator.

    Sales already priced stand.
    """
    if body.effective_ms > ctx.time:
        ctx.refuse("bad_effect", effective_ms=body.effective_ms)
    given = to_record(body)
    given["redirect"] = given["administrator"]
    fields = {name: given[name] for name in given if name != "administrator"}
    fields["cover"] = "payouts"
    fields["until_ms"] = ENDLESS
    order = place_order(ctx, "insolvency", fields)
    end_offers(ctx, body.member)
    end_quotes(ctx, body.member)
    suspend_money(ctx, body.member)
    vacate_accounts(ctx, order)
    hold_payouts(ctx, order)


def end_quotes(ctx: Context, member: str) -> None:
    """End a member's requests and quotes, as far as nothing was taken."""
    for kind in ("request", "quote"):
        for _ in range(PAGES_MAX):
            page = ctx.scan(kind + "s", member, "", PAGE)
            for found in page:
                ctx.remove(kind, found["id"])
            if len(page) < PAGE:
                break


def vacate_accounts(ctx: Context, order: Record) -> None:
    """Block the accounts a member attests until a successor is named."""
    after = ""
    while True:
        page = ctx.scan("all", "account", after, PAGE)
        for account in page:
            if account["attester"] == order["member"]:
                vacated = {
                    "attester": order["member"],
                    "order": order["id"],
                    "status": account["status"],
                }
                ctx.write(
                    {
                        **account,
                        "attester": "",
                        "status": "blocked",
                        "vacated": vacated,
                    }
                )
                ctx.emit("attester_vacant", account=account["id"])
        if len(page) < PAGE:
            return
        after = page[-1]["id"]


def restore_attester(ctx: Context, order: Record) -> None:
    """Give accounts nobody has taken over back to an attester no longer insolvent."""
    if order["what"] != "insolvency":
        return
    # Declared twice, it is insolvent until both orders have ended.
    other = find_insolvency(ctx, order["member"])
    after = ""
    while True:
        page = ctx.scan("all", "account", after, PAGE)
        for account in page:
            vacated = account.get("vacated", {"order": ""})
            if vacated["order"] == order["id"] and other:
                ctx.write({**account, "vacated": {**vacated, "order": other}})
            elif vacated["order"] == order["id"]:
                fill_account(ctx, account, vacated["attester"])
        if len(page) < PAGE:
            return
        after = page[-1]["id"]


def fill_account(ctx: Context, account: Record, attester: str) -> None:
    """Let an account have an attester again, as blocked or open as it was."""
    filled = {name: account[name] for name in account if name != "vacated"}
    status = account["vacated"]["status"]
    ctx.write({**filled, "attester": attester, "status": status})
    ctx.emit("attester_named", account=account["id"], member=attester)


class Successor(Payload):
    """``account.successor``: who attests an account after an insolvency."""

    account: Hash
    attester: Hash
    guardian: Hash


def sign_successor(ctx: Context, body: Successor) -> list[Signer]:
    """The account's owner, the new attester, and a lender or regulator."""
    account = ctx.need("account", body.account)
    owner, last = account["owner"], account.get("vacated", {"attester": ""})
    if not is_bank(ctx, body.attester):
        ctx.refuse("not_a_bank", member=body.attester)
    need_guardian(ctx, body.guardian, [body.attester, owner, last["attester"]])
    signers = [Signer(owner, "terms"), Signer(body.guardian, "order")]
    if body.attester != owner:
        signers.append(Signer(body.attester, "attest"))
    return signers


def refuse_debtors(ctx: Context, account: str, attester: str) -> None:
    """Refuse an attester of the group of a debtor who pays to the account."""
    after = ""
    while True:
        page = ctx.scan("all", "programme", after, PAGE)
        for programme in page:
            debtor = programme["debtor"]
            pays = account in (programme["account"], settlement_account(programme))
            pays = pays or ctx.count_rows("owed", account + "/" + debtor) > 0
            if pays and is_related(ctx, attester, debtor):
                ctx.refuse("debtors_account", member=attester)
        if len(page) < PAGE:
            return
        after = page[-1]["id"]


@rule.action(
    "account.successor",
    Successor,
    signers=sign_successor,
    on=("account", "account"),
    business=True,
)
def succeed(ctx: Context, body: Successor) -> None:
    """Name the attester of an account whose attester is insolvent."""
    account = ctx.need("account", body.account)
    if "vacated" not in account:
        ctx.refuse("not_vacant", account=account["id"])
    need_solvent(ctx, body.attester)
    refuse_debtors(ctx, account["id"], body.attester)
    fill_account(ctx, account, body.attester)
