"""Payouts: what is due, told to the bank, accepted or rejected, paid.

Each attempt has its own end-to-end id and ends once; a rejected or returned
payout is due again. Nothing leaves an account without a live mandate of its
owner, nor while a fact about that account does not fit.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Context,
    Date,
    Hash,
    Literal,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    attestation_order,
    bound,
    date_of_ms,
    end_to_end_id,
)
from contracts.kit.v1.books import end_attempt, fall_due, sign_attestation
from contracts.kit.v1.discrepancies import (
    awaits,
    find_payout,
    list_open,
    open_discrepancy,
    outcome_of,
)
from contracts.kit.v1.standing import place_payout

PAYOUTS_MAX = 100
SMALL_PAGE = 500

rule = Rule(
    "receivable",
    part="payouts",
    writes=(
        "account",
        "claim",
        "deal",
        "discrepancy",
        "line",
        "order",
        "payout",
        "receipt",
    ),
    refusals={
        "account_blocked": (
            "refused",
            "the account is blocked",
            "Its attester is insolvent and no successor is named.",
            "See it: run: allonge show ACCOUNT",
        ),
        "no_mandate": (
            "refused",
            "no live payment mandate",
            "Without the owner's mandate payout lists are shown, not instructed.",
            "Ask the account's owner for a mandate.",
        ),
        "no_payout_account": (
            "refused",
            "the payee has no verified account",
            "A payout goes to an account its attester has verified.",
            "Ask the payee to register one: run: allonge member account --help",
        ),
    },
)


class SetMandate(Payload):
    """``mandate.set``: the owner's standing order to the bank, or its renewal.

    Attributes:
        document: hash of the mandate as the bank has it.
        limit_minor: limit of all that is instructed and neither rejected nor
            returned under it.
        until: its last day.
    """

    account: Hash
    document: Hash
    limit_minor: Amount
    until: Date


def sign_mandate(ctx: Context, body: SetMandate) -> list[Signer]:
    """The account's owner, for the limit."""
    account = ctx.need("account", body.account)
    return [Signer(account["owner"], "pay", body.limit_minor, account["currency"])]


@rule.action("mandate.set", SetMandate, signers=sign_mandate, on=("account", "account"))
def set_mandate(ctx: Context, body: SetMandate) -> None:
    """Replace the mandate; its running total begins at nothing."""
    account = ctx.need("account", body.account)
    if body.until < zone_today(ctx):
        ctx.refuse("no_mandate", until=body.until)
    # The one an account is opened with has number 1.
    number = account.get("mandates", 1) + 1
    mandate = {
        "document": body.document,
        "limit_minor": body.limit_minor,
        "number": number,
        "until": body.until,
        "used_minor": 0,
    }
    ctx.write({**account, "mandate": mandate, "mandates": number})
    ctx.emit("mandate_set", account=account["id"], limit_minor=body.limit_minor)


class WithdrawMandate(Payload):
    """``mandate.withdraw``: the owner ends its mandate."""

    account: Hash
    document: Hash


def sign_withdrawal(ctx: Context, body: WithdrawMandate) -> list[Signer]:
    """The account's owner."""
    return [Signer(ctx.need("account", body.account)["owner"], "terms")]


@rule.action(
    "mandate.withdraw",
    WithdrawMandate,
    signers=sign_withdrawal,
    on=("account", "account"),
)
def withdraw_mandate(ctx: Context, body: WithdrawMandate) -> None:
    """End the mandate; what was instructed stays so."""
    account = ctx.need("account", body.account)
    mandate = account.get("mandate", {"document": ""})
    if mandate["document"] != body.document:
        ctx.refuse("no_mandate", account=body.account)
    ctx.write({name: account[name] for name in account if name != "mandate"})
    ctx.emit("mandate_withdrawn", account=body.account)


class Instruct(Payload):
    """``payout.instruct``: the owner sends payouts to the bank."""

    account: Hash
    payouts: Annotated[list[Hash], bound(1, PAYOUTS_MAX)]


def sign_instruct(ctx: Context, body: Instruct) -> list[Signer]:
    """The account's owner, for the sum."""
    account = ctx.need("account", body.account)
    total = sum([ctx.need("payout", item)["amount_minor"] for item in body.payouts])
    return [Signer(account["owner"], "pay", total, account["currency"])]


@rule.action(
    "payout.instruct", Instruct, signers=sign_instruct, on=("account", "account")
)
def instruct(ctx: Context, body: Instruct) -> None:
    """Give each payout a new attempt with its own end-to-end id."""
    account = ctx.need("account", body.account)
    if account["status"] != "open":
        ctx.refuse("account_blocked", account=account["id"])
    if account["discrepancies"]:
        found = list_open(ctx, account["id"])[0]
        ctx.refuse(found["code"], discrepancy=found["id"])
    mandate = account.get("mandate", {"limit_minor": 0, "number": 0, "until": ""})
    total = 0
    for item in body.payouts:
        known = ctx.need("payout", item)
        payout = place_payout(ctx, known)
        # A reversal may have left nothing of it, an order part of what is signed.
        cut = payout["amount_minor"] != known["amount_minor"]
        sent = payout["state"] != "due" or not payout["amount_minor"] or cut
        if payout["account"] != account["id"] or sent:
            ctx.refuse("wrong_state_of_payout", state=payout["state"])
        if payout["purpose"] != "return":
            check_payee(ctx, payout)
        attempt = end_to_end_id(payout)
        told = {
            **payout,
            "attempts": [*payout["attempts"], attempt],
            "mandate": mandate["number"],
            "outcomes": [*payout["outcomes"], "instructed"],
            "state": "instructed",
        }
        ctx.write(told)
        total += payout["amount_minor"]
        ctx.emit("instructed", payout=item, attempt=attempt)
    used = mandate.get("used_minor", 0) + total
    if used > mandate["limit_minor"] or mandate["until"] < zone_today(ctx):
        ctx.refuse("no_mandate", total_minor=used)
    account["mandate"] = {**mandate, "used_minor": used}
    ctx.write(account)


def check_payee(ctx: Context, payout: Record) -> None:
    """Refuse to pay a payee without a verified account."""
    if "redirect" in payout:
        return
    record = ctx.read("payout_account", payout["currency"], payout["payee"])
    pending = {} if record is None else record.get("next", {})
    taken_effect = pending.get("verified", False) and pending["from_time"] <= ctx.time
    if record is None or not ("commitment" in record or taken_effect):
        ctx.refuse("no_payout_account", payout=payout["id"])


def zone_today(ctx: Context) -> str:
    """Return the date of block time as far ahead as any zone is."""
    return date_of_ms(ctx.time, 840)


class Status(Payload):
    """What the bank says of one attempt."""

    end_to_end: Annotated[str, bound(1, 35)]
    status: Literal["accepted", "rejected"]
    reason: Text | None = None


class ReportStatus(Payload):
    """``payout.status``: the bank accepts or rejects attempts."""

    account: Hash
    attester: Hash
    file_hash: Hash
    statuses: Annotated[list[Status], bound(1, PAYOUTS_MAX)]


def sign_status(ctx: Context, body: ReportStatus) -> list[Signer]:
    """The account's attester."""
    return [sign_attestation(ctx, body.account, body.attester, body.file_hash)]


@rule.action(
    "payout.status", ReportStatus, signers=sign_status, on=("account", "account")
)
def report_status(ctx: Context, body: ReportStatus) -> None:
    """Apply each status; what contradicts the statement does not fit."""
    for n in range(len(body.statuses)):
        apply_status(ctx, body.account, body.statuses[n], attestation_order(ctx, n))


def apply_status(ctx: Context, account: str, given: Status, order: str) -> None:
    """Write what became of an attempt; said twice, or late, it says nothing new."""
    end = given.end_to_end
    payout = find_payout(ctx, account, end)
    code = ""
    if payout is None:
        code = "unknown_payout"
    elif awaits(payout, end):
        if payout["outcomes"][-1] != given.status:
            end_attempt(ctx, payout, given.status)
            ctx.emit(given.status, payout=payout["id"], attempt=end)
    else:
        # A bank that accepted may have paid by now; rejected, it never paid.
        known = ("rejected",) if given.status == "rejected" else ("paid", "returned")
        if outcome_of(payout, end) not in known:
            code = "wrong_state_of_payout"
    if not code:
        return
    found = {"account": account, "code": code, "end": end, "net_minor": 0}
    item = ctx.hash_text("status/" + account + "/" + given.status + "/" + end)
    if ctx.read("discrepancy", item) is None:
        open_discrepancy(ctx, {**found, "id": item, "order": order})


class Request(Payload):
    """``payout.request``: a payee wants what has not reached the minimum."""

    account: Hash
    payee: Hash


def sign_request(ctx: Context, body: Request) -> list[Signer]:
    """The payee."""
    ctx.need("account", body.account)
    return [Signer(body.payee, "accept")]


@rule.action("payout.request", Request, signers=sign_request, on=("account", "account"))
def request(ctx: Context, body: Request) -> None:
    """Let the payee's small payouts fall due."""
    partition = body.account + "/" + body.payee + "/small"
    found = ctx.scan("payouts", partition, limit=PAYOUTS_MAX)
    if not found:
        ctx.refuse("wrong_state_of_payout", payee=body.payee)
    for payout in found:
        make_due(ctx, payout)


def make_due(ctx: Context, payout: Record) -> None:
    """Let a small payout fall due today."""
    ctx.write(fall_due(payout, date_of_ms(ctx.time, 0)))
    ctx.emit("payout_due", payout=payout["id"])


@rule.job("payout", "mature")
def mature(ctx: Context, target: Record) -> None:
    """A small payout has waited long enough."""
    if target["state"] == "small":
        make_due(ctx, target)


@rule.job("receivable", "small")
def pay_small(ctx: Context, target: Record) -> None:
    """A receivable is settled, or only waits for that: its small sums fall due."""
    waits = ctx.count_rows("undischarged", target["id"])
    if target["state"] != "settled" and not waits:
        return
    found = ctx.scan("small", target["id"], limit=SMALL_PAGE)
    for payout in found:
        make_due(ctx, payout)
    if len(found) == SMALL_PAGE:
        ctx.schedule(target, "small", ctx.time + 1)
