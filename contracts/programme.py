"""Programmes, collection accounts and payout accounts.

A programme is the signed terms under which one debtor's receivables are
issued; it never changes, a new version is a new record. Law, presets and
conventions are its data, nothing of them is code.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Balance,
    Context,
    Currency,
    Date,
    Days,
    Hash,
    Literal,
    Minor,
    Offset,
    Payload,
    Ppm,
    Record,
    Rule,
    Signer,
    Text,
    Word,
    between,
    bound,
    is_related,
    limit_debtor,
    need_calendar,
    need_solvent,
    pledge_lenders,
    preset_breach,
    to_record,
)
from contracts.kit.v1.relations import is_bank, need_apart

MEMBERS_PAGE = 1000

rule = Rule(
    "receivable",
    part="programme",
    writes=("programme", "account", "exposure", "payout_account"),
    refusals={
        "not_a_bank": (
            "unauthorised",
            "not a settlement bank or agent",
            "They attest accounts, and own them, unless the debtor's own group does.",
            "Name a member with that role: run: allonge member list",
        ),
        "debtors_account": (
            "refused",
            "the debtor's own group has the account",
            "It attests none, and owns one, never for prices, if own_account says so.",
            "Name another bank's. See whose it is: run: allonge show ACCOUNT",
        ),
        "not_a_lender": (
            "unauthorised",
            "not a lender",
            "Lenders sign a programme, at least one, and are asked for prices.",
            "Name a member with that role: run: allonge member list",
        ),
        "bad_terms": (
            "refused",
            "the terms contradict each other",
            "A term is out of the range that another one sets.",
            "The message names the term.",
        ),
        "no_change": (
            "stale",
            "no change of the payout account is planned",
            "It was never registered, was stopped, or counts already.",
            "See your account: run: allonge member show",
        ),
        "account_mismatch": (
            "refused",
            "the account does not fit",
            "Currency, attester or owner differ from what is asked for.",
            "See it: run: allonge show ACCOUNT",
        ),
    },
)


class Mandate(Payload):
    """The account owner's standing order to the bank."""

    document: Hash
    limit_minor: Amount
    until: Date


class OpenAccount(Payload):
    """``account.open``: a collection account enters the books."""

    attester: Hash
    closed_date: Date
    commitment: Hash
    currency: Currency
    opening_minor: Balance
    owner: Hash
    mandate: Mandate | None = None
    message: Word | None = None


def sign_open(ctx: Context, body: OpenAccount) -> list[Signer]:
    """The account's owner, and the bank or agent that attests it."""
    ctx.need("member", body.owner)
    need_bank(ctx, body.attester)
    signers = [Signer(body.owner, "terms")]
    if body.attester != body.owner:
        signers.append(Signer(body.attester, "attest"))
    return signers


def need_bank(ctx: Context, member: str) -> None:
    """Refuse whoever is no settlement bank or agent."""
    if not is_bank(ctx, member):
        ctx.refuse("not_a_bank", member=member)


@rule.action("account.open", OpenAccount, signers=sign_open, business=True)
def open_account(ctx: Context, body: OpenAccount) -> None:
    """Create the account with empty books.

    A bank or agent owns it, or a debtor or a company of its group; nobody of the
    operator's.
    """
    roles = group_roles(ctx, ctx.need("member", body.owner))
    if "operator" in roles or not ("debtor" in roles or is_bank(ctx, body.owner)):
        ctx.refuse("not_a_bank", member=body.owner)
    need_solvent(ctx, body.attester)
    account: Record = {
        "attester": body.attester,
        "charged_minor": 0,
        "charges_minor": 0,
        "claims_minor": 0,
        "closed_date": body.closed_date,
        "closing_minor": body.opening_minor,
        "commitment": body.commitment,
        "currency": body.currency,
        "days": [],
        "discrepancies": 0,
        "id": ctx.allocate("account"),
        "interest_minor": 0,
        "kind": "account",
        "opening_minor": body.opening_minor,
        "own_minor": 0,
        "owner": body.owner,
        "paid_minor": 0,
        "payable_minor": 0,
        "receipts_minor": 0,
        "reversals_minor": 0,
        "rule": ctx.rule,
        "status": "open",
        "suspense_minor": 0,
        "sweeps": 0,
        "unassigned_minor": 0,
        "undistributed_minor": 0,
        "unexplained_minor": 0,
        "waiting_minor": 0,
    }
    if body.message is not None:
        account["message"] = body.message
    if body.mandate is not None:
        account["mandate"] = {**to_record(body.mandate), "number": 1, "used_minor": 0}
    ctx.create(account)
    ctx.emit("account_opened", account=account["id"])


def group_roles(ctx: Context, member: Record) -> list[str]:
    """Return the roles of a member and of its whole group, however large that is."""
    roles, group, after = member["roles"], member.get("group", ""), ""
    while group:
        page = ctx.scan("members", "", after, MEMBERS_PAGE)
        for other in page:
            if other.get("group", "") == group:
                roles = [*roles, *other["roles"]]
        if len(page) < MEMBERS_PAGE:
            break
        after = page[-1]["name"] + "/" + page[-1]["id"]
    return list(roles)


class Fee(Payload):
    """What a sale costs beside its discount, and who pays whom."""

    fixed_minor: Minor
    name: Word
    payee: Hash
    payer: Literal["seller", "buyer"]
    ppm: Ppm


# Where the hash of a paper is demanded: of the goods receipt on which the debtor
# undertakes to pay; of the trade document, with its purpose, for which a part passes.
Demand = Literal["confirmation", "transfer"]


class NewProgramme(Payload):
    """``programme.new``: the terms, signed by debtor and lenders."""

    account: Hash
    confirm_days: Annotated[int, between(1, 365)]
    convention: Literal[
        "none", "following", "modified_following", "preceding", "modified_preceding"
    ]
    currency: Currency
    debtor: Hash
    disclosure: Hash
    forum: Text
    grace_days: Days
    late_basis: Literal["act360", "act365f"]
    late_from: Literal["due", "grace"]
    late_ppm: Ppm
    law: Text
    lenders: Annotated[list[Hash], bound(1, 8)]
    name: Text
    offset_minutes: Offset
    order: Literal["principal_first", "interest_first"]
    part_min_minor: Amount
    record_days: Annotated[int, between(0, 60)]
    registration: bool
    tenor_cap_days: Annotated[int, between(1, 3660)]
    tenor_norm_days: Annotated[int, between(1, 3660)]
    tolerance_minor: Minor
    tolerance_days: Days
    transfer_max: Annotated[int, between(0, 32)]
    undertaking: Literal["absolute", "subject_to_defences"]
    undertaking_text: Hash
    calendar: Word | None = None
    charges_to: Literal["owner", "payee"] | None = None
    day_basis: Literal["booking", "value"] | None = None
    dispute_days: Days | None = None
    exposure_max_minor: Amount | None = None
    fees: Annotated[list[Fee], bound(1, 8)] | None = None
    late_close_days: Days | None = None
    payout_days: Days | None = None
    payout_min_minor: Minor | None = None
    debtor_max_minor: Amount | None = None
    own_account: bool | None = None
    documents: Annotated[list[Demand], bound(1, 2)] | None = None
    early_payment: Literal["allowed", "refused"] | None = None
    preset: Word | None = None
    recall_days: Days | None = None
    recourse_days: Days | None = None
    recourse_price: Literal["face", "face_interest"] | None = None
    recourse_trigger: Literal["overdue", "default"] | None = None
    replaces: Hash | None = None
    settlement_account: Hash | None = None
    suppliers: Annotated[list[Hash], bound(1, 64)] | None = None
    suspense_days: Days | None = None


def sign_programme(ctx: Context, body: NewProgramme) -> list[Signer]:
    """The debtor, every lender named, and those whose limit it replaces."""
    roles = ctx.need("member", body.debtor)["roles"]
    if "debtor" not in roles or "operator" in roles:
        ctx.refuse("role_missing", role="debtor")
    signers = [Signer(body.debtor, "terms")]
    for lender in body.lenders:
        roles = ctx.need("member", lender)["roles"]
        if "lender" not in roles or "operator" in roles or lender == body.debtor:
            ctx.refuse("not_a_lender", member=lender)
        signers.append(Signer(lender, "terms"))
    if body.replaces is not None:
        ended = ctx.need("programme", body.replaces)
        if "debtor_max_minor" in ended:
            signers += [Signer(lender, "terms") for lender in ended["lenders"]]
    return signers


@rule.action("programme.new", NewProgramme, signers=sign_programme, business=True)
def create_programme(ctx: Context, body: NewProgramme) -> None:
    """Create a programme whose terms do not contradict each other."""
    account = ctx.need("account", body.account)
    paid_to = ctx.need("account", body.settlement_account or body.account)
    if account["currency"] != body.currency or paid_to["currency"] != body.currency:
        ctx.refuse("account_mismatch", field="currency")
    own = body.own_account or False
    if own and not is_related(ctx, body.debtor, account["owner"]):
        ctx.refuse("bad_terms", field="own_account")
    need_apart(ctx, account, body.debtor, own=own)
    need_apart(ctx, paid_to, body.debtor)
    need_calendar(ctx, body.calendar or "default")
    for fee in body.fees or []:
        ctx.need("member", fee.payee)
    check_terms(ctx, body)
    # Whose account it is, and which, is pinned in every receivable.
    names = ("attester", "commitment", "owner")
    record = {
        **to_record(body),
        "collects": {name: account[name] for name in names},
        "id": ctx.allocate("programme"),
        "kind": "programme",
        "rule": ctx.rule,
    }
    breach = preset_breach(record)
    if breach:
        ctx.refuse("bad_terms", field=breach)
    ctx.create(record)
    limit_debtor(ctx, record)
    ctx.emit("programme_created", programme=record["id"])


def check_terms(ctx: Context, body: NewProgramme) -> None:
    """Refuse days that contradict each other, and to replace another debtor's terms."""
    if body.tenor_norm_days > body.tenor_cap_days:
        ctx.refuse("bad_terms", field="tenor_norm_days")
    if body.late_from == "due" and body.grace_days > body.tenor_cap_days:
        ctx.refuse("bad_terms", field="grace_days")
    replaced = body.replaces or ""
    if replaced and ctx.need("programme", replaced)["debtor"] != body.debtor:
        ctx.refuse("bad_terms", field="replaces")


class RegisterAccount(Payload):
    """``payout_account.register``: where a member wants to be paid."""

    attester: Hash
    commitment: Hash
    currency: Currency
    member: Hash


def sign_register(ctx: Context, body: RegisterAccount) -> list[Signer]:
    """The member; for a change two of its persons, and whoever lends to it.

    The only person of a firm signs alone and waits twice as long.
    """
    need_bank(ctx, body.attester)
    ctx.need("member", body.member)
    known = ctx.read("payout_account", body.currency, body.member)
    if not is_change(ctx, known):
        return [Signer(body.member, "account")]
    signers = [Signer(body.member, "account", persons=2, alone=True)]
    lenders = pledge_lenders(ctx, body.member)
    return signers + [Signer(lender, "terms") for lender in lenders]


def is_change(ctx: Context, known: Record | None) -> bool:
    """Say whether money already goes to an account that would be replaced."""
    return known is not None and "commitment" in take_effect(ctx, known)


@rule.action("payout_account.register", RegisterAccount, signers=sign_register)
def register_account(ctx: Context, body: RegisterAccount) -> None:
    """Register an account, or plan its change; the attester verifies it."""
    known = ctx.read("payout_account", body.currency, body.member)
    pending: Record = {
        "attester": body.attester,
        "commitment": body.commitment,
        "from_time": ctx.time,
        "verified": False,
    }
    if known is None:
        ctx.create(
            {
                "currency": body.currency,
                "id": body.currency,
                "kind": "payout_account",
                "member": body.member,
                "next": pending,
                "rule": ctx.rule,
                "scope": body.member,
            }
        )
    else:
        if is_change(ctx, known):
            delay = ctx.parameters["account_delay_ms"]
            times = 2 if body.member in ctx.alone else 1
            pending["from_time"] = ctx.time + times * delay
        ctx.write({**take_effect(ctx, known), "next": pending})
    ctx.emit(
        "payout_account_registered",
        member=body.member,
        from_time=pending["from_time"],
    )


def take_effect(ctx: Context, known: Record) -> Record:
    """Return the record with a verified change in force if its time has come."""
    pending = known.get("next", {})
    if not pending.get("verified", False) or pending["from_time"] > ctx.time:
        return known
    return {
        **known,
        "attester": pending["attester"],
        "commitment": pending["commitment"],
    }


class StopChange(Payload):
    """``payout_account.veto``: a planned change does not happen."""

    currency: Currency
    member: Hash


def sign_stop(ctx: Context, body: StopChange) -> list[Signer]:
    """Any one person of the member, whatever its policy says."""
    ctx.need("payout_account", body.currency, body.member)
    return [Signer(body.member, "persons", persons=1)]


@rule.action("payout_account.veto", StopChange, signers=sign_stop)
def stop_change(ctx: Context, body: StopChange) -> None:
    """Drop a change before it counts; the account in force stays."""
    record = ctx.need("payout_account", body.currency, body.member)
    pending = record.get("next", {"from_time": 0, "verified": True})
    if pending["verified"] and pending["from_time"] <= ctx.time:
        ctx.refuse("no_change", currency=body.currency)
    ctx.write({name: record[name] for name in record if name != "next"})
    ctx.emit("payout_account_kept", member=body.member)


class VerifyAccount(Payload):
    """``payout_account.verify``: the attester knows the account."""

    attester: Hash
    commitment: Hash
    currency: Currency
    member: Hash


def sign_verify(ctx: Context, body: VerifyAccount) -> list[Signer]:
    """The attester whom the member named."""
    record = ctx.need("payout_account", body.currency, body.member)
    if record.get("next", record).get("attester", "") != body.attester:
        ctx.refuse("account_mismatch", field="attester")
    return [Signer(body.attester, "attest")]


@rule.action("payout_account.verify", VerifyAccount, signers=sign_verify)
def verify_account(ctx: Context, body: VerifyAccount) -> None:
    """Mark a planned account as verified; it counts from its time on.

    Said again of the account that is planned, or counts if none is, it changes nothing.
    """
    record = ctx.need("payout_account", body.currency, body.member)
    pending = record.get("next", {**record, "from_time": 0})
    if pending["commitment"] != body.commitment:
        ctx.refuse("account_mismatch", field="commitment")
    active = {name: record[name] for name in record if name != "next"}
    if pending["from_time"] > ctx.time:
        active["next"] = {**pending, "verified": True}
    else:
        active["attester"] = body.attester
        active["commitment"] = body.commitment
    ctx.write(active)
    ctx.emit("payout_account_verified", member=body.member)
