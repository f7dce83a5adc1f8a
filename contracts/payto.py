"""Where a debtor pays: changed only with everybody whose money it is.

The debtor proposes, with notice. Each holder answers for itself, so that none
is shown to another or to the debtor. At the deadline a lender that holds must
have agreed; silence of others is consent only to another account of the same
attester and owner; one refusal is enough to leave all as it was.
"""

from contracts.kit.v1 import (
    Context,
    Hash,
    Millis,
    Payload,
    Record,
    Rule,
    Signer,
    allocate_unassigned,
    claim_left,
    find_orders,
    gather_groups,
    is_open,
    move_exposure,
    need_free_units,
    order_key,
    release_unassigned,
    take_whole,
)
from contracts.kit.v1.relations import need_apart, own_side

NOTICE_MS_MIN = 10 * 86_400_000
NOTICE_MS_MAX = 90 * 86_400_000
# Changes of one receivable's account that are open at once.
OPEN_MAX = 3
# Parts of one holder that its answer looks at; its gas is enough for this many.
TILES_MAX = 20_000

rule = Rule(
    "receivable",
    part="payto",
    writes=(
        "account",
        "answer",
        "exposure",
        "payto",
        "receipt",
        "receivable",
        "share",
    ),
    refusals={
        "bad_notice": (
            "refused",
            "the notice is too short or too long",
            "Holders get ten to ninety days to answer a change of account.",
            "Choose another deadline.",
        ),
        "notice_over": (
            "stale",
            "the change is not open any more",
            "It was made, refused or has lapsed.",
            "See the receivable: run: allonge show RECEIVABLE",
        ),
    },
)


class Propose(Payload):
    """``payto.propose``: the debtor wants to pay to another account.

    Attributes:
        document: hash of the notice.
        until_ms: until when holders answer.
    """

    account: Hash
    document: Hash
    receivable: Hash
    until_ms: Millis


def sign_propose(ctx: Context, body: Propose) -> list[Signer]:
    """The debtor."""
    return [Signer(ctx.need("receivable", body.receivable)["debtor"], "terms")]


@rule.action(
    "payto.propose", Propose, signers=sign_propose, on=("receivable", "receivable")
)
def propose(ctx: Context, body: Propose) -> None:
    """Open a change that is judged at its deadline."""
    record = ctx.need("receivable", body.receivable)
    account = ctx.need("account", body.account)
    if not is_open(record):
        ctx.refuse("not_found")
    same = record["account"] == body.account
    if same or account["currency"] != record["currency"]:
        ctx.refuse("account_mismatch", account=body.account)
    need_apart(ctx, account, record["debtor"])
    if is_held(ctx, record["account"]) or is_held(ctx, body.account):
        ctx.refuse("money_held", receivable=record["id"])
    wait = body.until_ms - ctx.time
    if wait < NOTICE_MS_MIN or wait > NOTICE_MS_MAX:
        ctx.refuse("bad_notice", until_ms=body.until_ms)
    later = ctx.scan("paytos", record["id"], order_key(ctx.time), OPEN_MAX)
    if len(later) == OPEN_MAX:
        ctx.refuse("limit_exceeded", open_max=OPEN_MAX)
    payto = {
        "account": body.account,
        "debtor": record["debtor"],
        "document": body.document,
        "id": ctx.source,
        "kind": "payto",
        "receivable": body.receivable,
        "state": "open",
        "until_ms": body.until_ms,
    }
    ctx.create(payto)
    ctx.schedule(ctx.need("payto", ctx.source), "judge", body.until_ms + 1)
    ctx.emit("payto_proposed", payto=ctx.source)


def is_held(ctx: Context, account: str) -> bool:
    """Say whether an order stands on what is paid from an account."""
    return len(find_orders(ctx, account)) > 0


class Answer(Payload):
    """``payto.answer``: a holder agrees to a change of account, or refuses it."""

    agrees: bool
    holder: Hash
    payto: Hash


def sign_answer(ctx: Context, body: Answer) -> list[Signer]:
    """The holder."""
    ctx.need("payto", body.payto)
    return [Signer(body.holder, "terms")]


@rule.action("payto.answer", Answer, signers=sign_answer, on=("payto", "payto"))
def answer(ctx: Context, body: Answer) -> None:
    """Write a holder's answer; the last one before the deadline counts.

    Whose units are frozen may only refuse: all stays where an order found it.
    """
    payto = ctx.need("payto", body.payto)
    if payto["state"] != "open" or payto["until_ms"] < ctx.time:
        ctx.refuse("notice_over", state=payto["state"])
    found = ctx.scan("holdings", body.holder, payto["receivable"], 1)
    if not found or found[0]["scope"] != payto["receivable"]:
        ctx.refuse("not_a_party", member=body.holder)
    if body.agrees:
        own = list_bound(ctx, payto["receivable"], body.holder)
        need_free_units(ctx, take_whole(body.holder, own))
    given = {
        "agrees": body.agrees,
        "id": body.holder,
        "kind": "answer",
        "scope": body.payto,
    }
    if ctx.read("answer", body.holder, body.payto) is None:
        ctx.create(given)
    else:
        ctx.write(given)


def list_bound(ctx: Context, receivable: str, holder: str) -> list[Record]:
    """Return a holder's live tiles as far as orders on units may bind them.

    Raises:
        Refusal: ``too_many_parts``.
    """
    if not find_orders(ctx, receivable):
        return []
    tiles = ctx.scan("live", receivable, holder + "/", TILES_MAX)
    own = [tile for tile in tiles if tile["holder"] == holder]
    if len(own) == TILES_MAX:
        ctx.refuse("too_many_parts", tiles_max=TILES_MAX)
    return own


@rule.job("payto", "judge")
def judge_payto(ctx: Context, target: Record) -> None:
    """Change the account if nobody whose money it is stands against it."""
    record = ctx.need("receivable", target["receivable"])
    # The account may have got another attester since it was named.
    new = ctx.need("account", target["account"])
    own = own_side(ctx, new, record["debtor"])
    reason = "own" if own else find_objection(ctx, target, record)
    state = "lapsed" if reason else "made"
    ctx.write({**target, "reason": reason, "state": state})
    ctx.emit("payto_judged", payto=target["id"], state=state)
    if reason:
        return
    old, moved = record["account"], {**record, "account": target["account"]}
    ctx.write(moved)
    move_exposure(ctx, record, moved)
    release_unassigned(ctx, old, record["debtor"])
    allocate_unassigned(ctx, target["account"], record["debtor"])


def find_objection(ctx: Context, payto: Record, record: Record) -> str:
    """Return why an account stays as it is, "" if it changes.

    ``busy``: money is on its way to holders, a bank may still recall what paid a part,
    for which the new account keeps nothing, or all is paid and nobody is left to ask.
    ``held``: an order stands on one of the accounts, and money would escape it or be
    led into it.
    ``holders``: not all of them are for it, units are pledged, or a holder owes the old
    account; the debtor is not to know which.
    """
    coming = record["waiting_minor"] + record["undistributed_minor"]
    asks = is_open(record) and record["live_minor"]
    recallable = record.get("final_ms", 0) > ctx.time
    unpaid = ctx.count_rows("undischarged", record["id"])
    if not asks or coming or unpaid or recallable or "sweep" in record:
        return "busy"
    if is_held(ctx, record["account"]) or is_held(ctx, payto["account"]):
        return "held"
    old = ctx.need("account", record["account"])
    new = ctx.need("account", payto["account"])
    alike = old["owner"] == new["owner"] and old["attester"] == new["attester"]
    groups = gather_groups(ctx, record["id"])
    asked: dict[str, bool] = {}
    for name in groups:
        holder = groups[name]["holder"]
        if groups[name]["units"] and not name.startswith(holder + "//"):
            return "holders"
        if not groups[name]["units"] or holder in asked:
            continue
        asked[holder] = True
        said = ctx.read("answer", holder, payto["id"])
        lends = "lender" in ctx.need("member", holder)["roles"]
        agrees = alike and not lends if said is None else said["agrees"]
        if not agrees or claim_left(ctx, old["id"], record["id"], holder):
            return "holders"
    return ""
