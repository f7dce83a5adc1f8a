"""The life of a receivable up to the moment it circulates.

Two ways in: the supplier submits and the debtor confirms, or the debtor
issues and the supplier accepts. Either way both have signed the same terms;
anything but the last proposal is a counter-proposal for the other to sign.
"""

from contracts.kit.v1 import (
    LIVE,
    Amount,
    Annotated,
    Context,
    Date,
    Hash,
    InvoiceUse,
    Literal,
    Payload,
    Record,
    Rule,
    Signer,
    Word,
    add_exposure,
    adjust_due_date,
    bound,
    days_between,
    debtor_room,
    due_moment_ms,
    free_uses,
    need_solvent,
    order_key,
    put_dates,
    reserve_uses,
    to_record,
    today,
)

DAY_MS = 86_400_000
SUBMITTED = ("submitted", "countered")
ISSUED = ("issued",)
PROPOSED = ("submitted", "countered", "issued")

rule = Rule(
    "receivable",
    part="receivable",
    writes=("receivable", "tile", "invoice", "near", "exposure"),
    refusals={
        "wrong_state": (
            "stale",
            "not possible in this state",
            "The receivable has moved on since.",
            "See its state: run: allonge show RECEIVABLE",
        ),
        "deadline_passed": (
            "stale",
            "the deadline has passed",
            "What was to be decided by then has lapsed.",
            "Submit or issue it again.",
        ),
        "not_your_turn": (
            "unauthorised",
            "the other side has to answer",
            "A proposal is agreed to by the side that did not make it.",
            "Wait for the other side, or cancel.",
        ),
        "past_due": (
            "refused",
            "the due date is not in the future",
            "Only a receivable that falls due after today can be issued.",
            "Check the due date, or settle it outside the ledger.",
        ),
        "tenor_too_long": (
            "refused",
            "the tenor is over the programme's cap",
            "Days from confirmation to the adjusted due date exceed the cap.",
            "Agree on an earlier due date: run: allonge counter RECEIVABLE --due DATE",
        ),
        "reason_needed": (
            "refused",
            "the tenor is over the norm",
            "Above the programme's norm a reason code is signed.",
            "Confirm again with a reason.",
        ),
        "sum_mismatch": (
            "refused",
            "the amounts do not add up",
            "Gross less deductions is the face; invoice uses add up to the gross.",
            "Correct the draft.",
        ),
        "supplier_not_eligible": (
            "unauthorised",
            "not a supplier of this programme",
            "The programme names its suppliers, and the debtor is not one.",
            "Ask the debtor for a programme that admits you.",
        ),
        "exposure_exceeded": (
            "refused",
            "over the programme's exposure limit",
            "What the debtor owes under the programme would exceed its limit.",
            "Wait for repayments or agree on a higher limit.",
        ),
        "debtor_limit": (
            "refused",
            "over a limit of all the debtor's programmes",
            "What the debtor owes in all would exceed the lowest limit agreed.",
            "Wait for repayments or agree on a higher limit.",
        ),
        "link_unsigned": (
            "refused",
            "the invoice names its parties by other numbers",
            "Who agrees signs, too, that the parties are these members.",
            "Compare the invoice; if it is right, sign with --parties-agreed.",
        ),
        "document_missing": (
            "refused",
            "the programme demands a paper",
            "A goods receipt to confirm on, or purpose and trade document to pass for.",
            "Name it: --delivery SHA256|@FILE, or --purpose and --document.",
        ),
    },
)


class Deduction(Payload):
    """An amount by which the confirmed face is less than the gross."""

    amount_minor: Amount
    document: Hash
    type: Literal["withholding_tax", "retention", "advance", "other"]


class Terms(Payload):
    """What both sides sign of a receivable."""

    due_date: Date
    gross_minor: Amount
    deductions: Annotated[list[Deduction], bound(1, 16)] | None = None


class Submit(Payload):
    """``receivable.submit``: the supplier's claim from its invoices.

    Attributes:
        linked: the invoices name their parties by other numbers than the members
            have; whoever agrees signs that they are these, too.
    """

    invoices: Annotated[list[InvoiceUse], bound(1, 32)]
    programme: Hash
    supplier: Hash
    terms: Terms
    document: Hash | None = None
    linked: bool | None = None


class Issue(Submit):
    """``receivable.issue``: the debtor's approved payable.

    Attributes:
        delivery: hash of the goods receipt on which the debtor undertakes to pay.
    """

    delivery: Hash | None = None
    different: Annotated[list[Hash], bound(1, 32)] | None = None
    reason: Word | None = None


def face_of(ctx: Context, terms: Terms) -> int:
    """Return gross less deductions, above zero."""
    face = terms.gross_minor - sum([row.amount_minor for row in terms.deductions or []])
    if face <= 0:
        ctx.refuse("sum_mismatch", face=face)
    return face


def sign_submit(ctx: Context, body: Submit) -> list[Signer]:
    """The supplier, for the face."""
    programme = ctx.need("programme", body.programme)
    face = face_of(ctx, body.terms)
    return [Signer(body.supplier, "submit", face, programme["currency"])]


@rule.action("receivable.submit", Submit, signers=sign_submit, business=True)
def submit(ctx: Context, body: Submit) -> None:
    """Create a submission and reserve its invoices."""
    programme = ctx.need("programme", body.programme)
    propose(ctx, programme, body, "submitted", "supplier")


def sign_issue(ctx: Context, body: Issue) -> list[Signer]:
    """The debtor, for the face."""
    programme = ctx.need("programme", body.programme)
    face = face_of(ctx, body.terms)
    return [Signer(programme["debtor"], "confirm", face, programme["currency"])]


@rule.action("receivable.issue", Issue, signers=sign_issue, business=True)
def issue(ctx: Context, body: Issue) -> None:
    """Create an issued receivable that the supplier may accept."""
    programme = ctx.need("programme", body.programme)
    check_tenor(ctx, programme, body.terms, body.reason)
    record = propose(ctx, programme, body, "issued", "debtor")
    reserve_uses(ctx, record, body.different or [], confirming=True)
    given = {} if body.reason is None else {"reason": body.reason}
    ctx.write(with_delivery(ctx, programme, {**record, **given}, body.delivery))


def with_delivery(
    ctx: Context, programme: Record, record: Record, delivery: str | None
) -> Record:
    """Return a record with the paper the debtor rests on; refuse if one is missing."""
    if delivery is not None:
        return {**record, "delivery": delivery}
    demanded = "confirmation" in programme.get("documents", [])
    if demanded and "delivery" not in record:
        ctx.refuse("document_missing", programme=programme["id"])
    return record


def propose(
    ctx: Context, programme: Record, body: Submit, state: str, proposer: str
) -> Record:
    """Write a proposed receivable and reserve its invoice uses."""
    check_supplier(ctx, programme, body.supplier)
    need_solvent(ctx, programme["debtor"], body.supplier)
    check_due(ctx, programme, body.terms)
    face = face_of(ctx, body.terms)
    uses = [to_record(use) for use in body.invoices]
    if sum([use["used_minor"] for use in uses]) != body.terms.gross_minor:
        ctx.refuse("sum_mismatch", gross=body.terms.gross_minor)
    deadline_ms = ctx.time + programme["confirm_days"] * DAY_MS
    record = {
        "account": programme["account"],
        "adjusted_date": adjust_due_date(ctx, programme, body.terms.due_date),
        "confirmed_order": "",
        "currency": programme["currency"],
        "deadline_ms": deadline_ms,
        "debtor": programme["debtor"],
        "due_date": body.terms.due_date,
        "early": False,
        "face_minor": face,
        "gross_minor": body.terms.gross_minor,
        "id": ctx.allocate("receivable"),
        "interest_paid_minor": 0,
        "invoices": uses,
        "kind": "receivable",
        "live_minor": 0,
        "programme": programme["id"],
        "proposer": proposer,
        "reduced_minor": 0,
        "retired_accumulator": "0",
        "retired_minor": 0,
        "rule": ctx.rule,
        "state": state,
        "supplier": body.supplier,
        "undistributed_minor": 0,
        "waiting_minor": 0,
    }
    if body.terms.deductions is not None:
        record["deductions"] = [to_record(row) for row in body.terms.deductions]
    if body.document is not None:
        record["document"] = body.document
    if body.linked:
        record["linked"] = True
    reserve_uses(ctx, record, [], confirming=False)
    ctx.create(record)
    ctx.schedule(record, "expire", deadline_ms + 1)
    ctx.emit(state, receivable=record["id"], face_minor=face)
    return record


def check_supplier(ctx: Context, programme: Record, supplier: str) -> None:
    """Refuse suppliers the programme does not admit."""
    roles = ctx.need("member", supplier)["roles"]
    none = "supplier" not in roles or "operator" in roles
    if none or supplier == programme["debtor"]:
        ctx.refuse("supplier_not_eligible", supplier=supplier)
    if "suppliers" in programme and supplier not in programme["suppliers"]:
        ctx.refuse("supplier_not_eligible", supplier=supplier)


def check_due(ctx: Context, programme: Record, terms: Terms) -> None:
    """Refuse a due date that is today or past in the programme's zone."""
    if days_between(today(ctx, programme), terms.due_date) <= 0:
        ctx.refuse("past_due", due_date=terms.due_date)


def check_tenor(
    ctx: Context, programme: Record, terms: Terms, reason: str | None
) -> None:
    """Judge the tenor from today to the adjusted due date, once."""
    adjusted = adjust_due_date(ctx, programme, terms.due_date)
    tenor = days_between(today(ctx, programme), adjusted)
    if tenor > programme["tenor_cap_days"]:
        ctx.refuse("tenor_too_long", days=tenor)
    if tenor > programme["tenor_norm_days"] and reason is None:
        ctx.refuse("reason_needed", days=tenor)


class Decide(Payload):
    """``receivable.accept``; ``face_minor`` and ``terms`` repeat what is agreed to."""

    face_minor: Amount
    receivable: Hash
    linked: bool | None = None
    reason: Word | None = None
    terms: Terms | None = None


class Confirm(Decide):
    """``receivable.confirm``: the debtor undertakes to pay; see ``Issue``."""

    delivery: Hash | None = None
    different: Annotated[list[Hash], bound(1, 32)] | None = None


def need_proposal(
    ctx: Context,
    receivable: str,
    answerer: str,
    states: tuple[str, ...] = PROPOSED,
) -> Record:
    """Return a proposal that a side may still answer; "" for either side."""
    record: Record = ctx.need("receivable", receivable)
    if record["state"] not in states:
        ctx.refuse("wrong_state", state=record["state"])
    if record["deadline_ms"] < ctx.time:
        ctx.refuse("deadline_passed", deadline_ms=record["deadline_ms"])
    if answerer and record["proposer"] == answerer:
        ctx.refuse("not_your_turn", proposer=answerer)
    return record


def sign_confirm(ctx: Context, body: Confirm) -> list[Signer]:
    """The debtor, for the face."""
    record = ctx.need("receivable", body.receivable)
    return [Signer(record["debtor"], "confirm", body.face_minor, record["currency"])]


@rule.action(
    "receivable.confirm",
    Confirm,
    signers=sign_confirm,
    on=("receivable", "receivable"),
    business=True,
)
def confirm(ctx: Context, body: Confirm) -> None:
    """The debtor agrees to the supplier's last proposal: it is live."""
    record = need_proposal(ctx, body.receivable, "debtor")
    reserve_uses(ctx, record, body.different or [], confirming=True)
    programme = ctx.need("programme", record["programme"])
    make_live(ctx, with_delivery(ctx, programme, record, body.delivery), body)


def sign_agree(ctx: Context, body: Decide) -> list[Signer]:
    """The supplier, for the face."""
    record = ctx.need("receivable", body.receivable)
    return [Signer(record["supplier"], "accept", body.face_minor, record["currency"])]


@rule.action(
    "receivable.accept",
    Decide,
    signers=sign_agree,
    on=("receivable", "receivable"),
    business=True,
)
def accept(ctx: Context, body: Decide) -> None:
    """The supplier agrees to what the debtor issued or countered: live."""
    make_live(ctx, need_proposal(ctx, body.receivable, "supplier"), body)


def make_live(ctx: Context, record: Record, body: Decide) -> None:
    """Give the supplier the whole interval and plan the due date."""
    programme = ctx.need("programme", record["programme"])
    names = ("deductions", "due_date", "gross_minor")
    standing = {name: record[name] for name in names if name in record}
    terms = Terms(due_date=record["due_date"], gross_minor=record["gross_minor"])
    if body.face_minor != record["face_minor"]:
        ctx.refuse("stale_input", face_minor=record["face_minor"])
    if body.terms is not None and to_record(body.terms) != standing:
        ctx.refuse("stale_input", due_date=record["due_date"])
    if "linked" in record and not body.linked:
        ctx.refuse("link_unsigned", receivable=record["id"])
    need_solvent(ctx, record["debtor"], record["supplier"])
    check_due(ctx, programme, terms)
    # The debtor's side of a counter-proposal or issue gave its reason then.
    reason = body.reason or record.get("reason", None)
    check_tenor(ctx, programme, terms, reason)
    used = add_exposure(ctx, programme["id"], record["face_minor"])
    if used > programme.get("exposure_max_minor", used):
        ctx.refuse("exposure_exceeded", programme=programme["id"])
    if debtor_room(ctx, programme) < 0:
        ctx.refuse("debtor_limit", debtor=programme["debtor"])
    live = {
        **put_dates(ctx, programme, record),
        "confirmed_order": order_key(ctx.height, ctx.position),
        "live_minor": record["face_minor"],
        "state": "live",
    }
    ctx.write(live)
    ctx.create(
        {
            "chain": [],
            "hi": record["face_minor"],
            "holder": record["supplier"],
            "kind": "tile",
            "lo": 0,
            "locks": [],
            "recourse_class": "",
            "rev": 1,
            "rule": record["rule"],
            "scope": record["id"],
            "state": LIVE,
            "transfers": 0,
        }
    )
    ctx.schedule(live, "due", due_moment_ms(programme, live["adjusted_date"]))
    if "provisional_until_ms" in live:
        ctx.schedule(live, "decide_date", live["provisional_until_ms"])
    ctx.emit("live", receivable=record["id"], face_minor=record["face_minor"])


class Counter(Payload):
    """``receivable.counter``: other terms for the other side to agree to."""

    party: Literal["debtor", "supplier"]
    receivable: Hash
    terms: Terms
    delivery: Hash | None = None
    different: Annotated[list[Hash], bound(1, 32)] | None = None
    reason: Word | None = None


def sign_counter(ctx: Context, body: Counter) -> list[Signer]:
    """The side that proposes, for the new face."""
    record = ctx.need("receivable", body.receivable)
    action = "confirm" if body.party == "debtor" else "submit"
    face = face_of(ctx, body.terms)
    return [Signer(record[body.party], action, face, record["currency"])]


@rule.action(
    "receivable.counter",
    Counter,
    signers=sign_counter,
    on=("receivable", "receivable"),
    business=True,
)
def counter(ctx: Context, body: Counter) -> None:
    """Replace the terms; the invoices stay, so the gross stays."""
    # An issue is the debtor's list of what it owes: taken as it is, or declined.
    record = need_proposal(ctx, body.receivable, body.party, SUBMITTED)
    need_solvent(ctx, record["debtor"], record["supplier"])
    programme = ctx.need("programme", record["programme"])
    check_due(ctx, programme, body.terms)
    if body.terms.gross_minor != record["gross_minor"]:
        ctx.refuse("sum_mismatch", gross=record["gross_minor"])
    kept = [name for name in record if name not in ("deductions", "reason")]
    changed = {name: record[name] for name in kept}
    changed["adjusted_date"] = adjust_due_date(ctx, programme, body.terms.due_date)
    changed["due_date"] = body.terms.due_date
    changed["face_minor"] = face_of(ctx, body.terms)
    changed["proposer"] = body.party
    changed["state"] = "countered"
    if body.terms.deductions is not None:
        changed["deductions"] = [to_record(row) for row in body.terms.deductions]
    if body.party == "debtor":
        reserve_uses(ctx, record, body.different or [], confirming=True)
        check_tenor(ctx, programme, body.terms, body.reason)
        if body.reason is not None:
            changed["reason"] = body.reason
        changed = with_delivery(ctx, programme, changed, body.delivery)
    ctx.write(changed)
    ctx.emit("countered", receivable=record["id"], face_minor=changed["face_minor"])


class End(Payload):
    """An answer that ends a proposal or a receivable."""

    receivable: Hash


def sign_reject(ctx: Context, body: End) -> list[Signer]:
    """The debtor."""
    return [Signer(ctx.need("receivable", body.receivable)["debtor"], "decline")]


@rule.action(
    "receivable.reject", End, signers=sign_reject, on=("receivable", "receivable")
)
def reject(ctx: Context, body: End) -> None:
    """The debtor refuses; the invoices are free again."""
    end_proposal(ctx, need_proposal(ctx, body.receivable, "", SUBMITTED), "rejected")


def sign_supplier(ctx: Context, body: End) -> list[Signer]:
    """The supplier."""
    return [Signer(ctx.need("receivable", body.receivable)["supplier"], "decline")]


@rule.action(
    "receivable.decline", End, signers=sign_supplier, on=("receivable", "receivable")
)
def decline(ctx: Context, body: End) -> None:
    """The supplier declines what was issued; the invoices are free again."""
    record = need_proposal(ctx, body.receivable, "supplier", ISSUED)
    end_proposal(ctx, record, "declined")


def sign_cancel(ctx: Context, body: End) -> list[Signer]:
    """Who began it: the supplier what it submitted, the debtor what it issued."""
    record = ctx.need("receivable", body.receivable)
    issued = record["state"] in ISSUED
    return [Signer(record["debtor"] if issued else record["supplier"], "decline")]


@rule.action(
    "receivable.cancel", End, signers=sign_cancel, on=("receivable", "receivable")
)
def cancel(ctx: Context, body: End) -> None:
    """Whoever began it takes a submission or an issue back."""
    end_proposal(ctx, need_proposal(ctx, body.receivable, ""), "cancelled")


def end_proposal(ctx: Context, record: Record, state: str) -> None:
    """End a proposal; nothing was ever live, the invoices are free."""
    free_uses(ctx, record)
    ctx.write({**record, "state": state})
    ctx.emit(state, receivable=record["id"])


@rule.job("receivable", "expire")
def expire(ctx: Context, target: Record) -> None:
    """Free the invoices of a proposal nobody answered in time."""
    if target["state"] in PROPOSED:
        end_proposal(ctx, target, "expired")
