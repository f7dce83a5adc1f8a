"""The kernel's own records and acts: members, keys, policies, rule files.

Kernel acts have the same shape as a rule's: a closed body, declared signers
and a handler on a ``Context``. They run under the kernel's manifest hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ledger.authority import ADMIN, Signer, check_approvals
from ledger.context import Context
from ledger.encoding import JSONObject, encode, hex_digest
from ledger.errors import Code, LedgerError, register
from ledger.keys import admit_public_key, key_id
from ledger.state import Kind
from ledger.transactions import check_possession

# Roles whose word others must rely on: the operator alone may not hand them out.
TRUSTED_ROLES: Final = frozenset(
    (
        "lender",
        "regulator",
        "settlement_bank",
        "settlement_agent",
        "collateral_manager",
        "appraiser",
        "ip_centre",
        "delivery_attester",
    )
)
GUARDIAN_ROLES: Final = frozenset(("lender", "regulator"))
KEYS_MAX: Final = 16

register(
    Code(
        "key_taken",
        "refused",
        "the key is registered already",
        "A key belongs to one member for ever.",
        "Make another key with: run: allonge wallet init",
    ),
    Code(
        "last_admin",
        "refused",
        "no admin key would be left",
        "Without an active admin key a member could never act on its keys again.",
        "Add another admin key first.",
    ),
    Code(
        "delay_too_short",
        "refused",
        "the change takes effect too early",
        "Changes of policy need the delay that genesis names.",
        "Prepare it anew with a later time.",
    ),
    Code(
        "group_conflict",
        "unauthorised",
        "the co-signer is of the same group",
        "Trusted roles need a lender or regulator of another group: not the new"
        " member's, nor the operator's.",
        "Ask a lender or regulator outside the group to sign.",
    ),
    Code(
        "rules_fixed",
        "refused",
        "rule files are published in block 0 only",
        "Later versions take the vote that genesis names.",
        "Wait for a release with governance of rules.",
    ),
)

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Proof = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Label = Annotated[str, Field(min_length=1, max_length=140)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Minor = Annotated[int, Field(ge=1, le=2**53 - 1)]
Role = Literal[
    "operator",
    "debtor",
    "supplier",
    "lender",
    "settlement_bank",
    "settlement_agent",
    "collateral_manager",
    "appraiser",
    "ip_centre",
    "delivery_attester",
    "auditor",
    "regulator",
]
Duty = Literal["admin", "checker", "maker"]


class Form(BaseModel):
    """A strict, closed and frozen part of a signed body."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Band(Form):
    """How many persons sign up to an amount; the last band has no limit."""

    persons: Annotated[int, Field(ge=1, le=KEYS_MAX)]
    up_to_minor: Minor | None = None


class Approval(Form):
    """Bands of one action class, in one currency or without amount."""

    action: Word
    bands: Annotated[list[Band], Field(min_length=1, max_length=8)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


class Policy(Form):
    """A member's approval policy."""

    approvals: Annotated[list[Approval], Field(min_length=1, max_length=32)]
    offset_minutes: Annotated[int, Field(ge=-840, le=840)]


class Identifier(Form):
    """An identifier of a member under a named scheme, e.g. LEI or VAT."""

    scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9:._-]{1,20}$")]
    value: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.:/_-]{0,49}$")]


class NewKey(Form):
    """A key asking for admission, with its proof of possession."""

    duties: Annotated[list[Duty], Field(min_length=1, max_length=3)]
    person: Hash
    proof: Proof | None = None
    public: Hash


class NewMember(Form):
    """A member as admitted."""

    group: Word | None = None
    identifiers: Annotated[list[Identifier], Field(min_length=1, max_length=8)]
    keys: Annotated[list[NewKey], Field(min_length=1, max_length=KEYS_MAX)]
    name: Label
    policy: Policy
    roles: Annotated[list[Role], Field(min_length=1, max_length=12)]


class Admit(Form):
    """``member.admit``: a new member with its keys and policy."""

    guardian: Hash | None = None
    member: NewMember
    operator: Hash


class ChangeStatus(Form):
    """``member.suspend`` and ``member.resume``."""

    member: Hash
    operator: Hash
    reason: Label


class AddKey(Form):
    """``key.add``: another key of a member; counts from the next block."""

    key: NewKey
    member: Hash


class RevokeKey(Form):
    """``key.revoke``: ends a key from the next block."""

    compromised_since_height: Annotated[int, Field(ge=0)] | None = None
    key: Hash
    member: Hash


class SetPolicy(Form):
    """``policy.set``: another policy from a time after the delay."""

    from_time: Minor
    member: Hash
    policy: Policy


class PublishRule(Form):
    """``rules.publish``: the source of one file of rules or kit."""

    operator: Hash
    path: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)*\.py$")]
    source: Annotated[str, Field(min_length=1, max_length=46_900)]


class Tick(Form):
    """``ledger.tick``: moves block time on and changes nothing else."""

    member: Hash


class Action(NamedTuple):
    """One act of the kernel, of the same shape as a rule's."""

    act: str
    payload: type[Form]
    signers: Callable[[Context, Any], list[Signer]]
    apply: Callable[[Context, Any], None]
    on: tuple[str, str] | None = None
    business: bool = False


def _index_jobs(record: JSONObject) -> list[tuple[str, str, str]]:
    sort = f"{record['due_ms']:016d}/{record['order']}"
    return [("jobs", str(record["phase"]), sort)]


def _index_keys(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("keys", record["member"], record["id"])]


def _index_members(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("members", "", f"{record['name']}/{record['id']}")]


def _index_files(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("rule_files", "", record["id"])]


KINDS: Final = (
    Kind("chain"),
    Kind("member", places=_index_members),
    Kind("person", scoped=True),
    Kind("key", places=_index_keys),
    Kind("policy"),
    Kind("total", scoped=True),
    Kind("rule_file", places=_index_files),
    Kind("job", places=_index_jobs),
    Kind("quarantine"),
)
WRITES: Final = frozenset(kind.name for kind in KINDS)


def dump_form(form: Form) -> JSONObject:
    """Return a form as the JSON object that was signed: absent is omitted."""
    return form.model_dump(exclude_none=True)


def enter_member(ctx: Context, member: str, new: NewMember, from_height: int) -> None:
    """Write the records of a new member: itself, policy, persons and keys.

    Raises:
        LedgerError: ``bad_key``, ``bad_body``; ``key_taken``; ``last_admin``.
    """
    policy = dump_form(new.policy)
    check_approvals(policy["approvals"])
    record = {
        "id": member,
        "identifiers": [dump_form(item) for item in new.identifiers],
        "kind": "member",
        "name": new.name,
        "roles": sorted(set(new.roles)),
        "status": "active",
    }
    if new.group is not None:
        record["group"] = new.group
    ctx.create(record)
    ctx.create({"kind": "policy", "id": member, **policy})
    if not any("admin" in key.duties for key in new.keys):
        raise LedgerError("last_admin", found=new.name)
    for key in new.keys:
        enter_key(ctx, member, key, from_height)


def enter_key(ctx: Context, member: str, new: NewKey, from_height: int) -> None:
    """Write the record of an admitted key, and of its person if new.

    Raises:
        LedgerError: ``bad_key``; ``key_taken``.
    """
    public = bytes.fromhex(new.public)
    admit_public_key(public)
    item = key_id(public)
    if ctx.read("key", item) is not None:
        raise LedgerError("key_taken", found=item[:16])
    if ctx.read("person", new.person, member) is None:
        ctx.create({"id": new.person, "kind": "person", "scope": member})
    ctx.create(
        {
            "alg": "ed25519",
            "duties": sorted(set(new.duties)),
            "from_height": from_height,
            "id": item,
            "kind": "key",
            "member": member,
            "person": new.person,
            "public": new.public,
        }
    )


def _check_proof(new: NewKey, chain: str) -> None:
    public = bytes.fromhex(new.public)
    admit_public_key(public)
    if new.proof is None:
        raise LedgerError("bad_body", expected="a proof of possession")
    check_possession(public, key_id(public), chain, new.proof)


def _sign_admit(ctx: Context, body: Admit) -> list[Signer]:
    _need_role(ctx, body.operator, frozenset(("operator",)))
    signers = [Signer(body.operator, ADMIN)]
    if TRUSTED_ROLES & set(body.member.roles):
        if body.guardian is None:
            raise LedgerError("wrong_signers", expected="a lender or regulator too")
        guardian = _need_role(ctx, body.guardian, GUARDIAN_ROLES)
        if guardian["status"] == "suspended":
            raise LedgerError("member_suspended", found=body.guardian[:12])
        operator = ctx.need("member", body.operator)
        if "operator" in guardian["roles"] or _is_related(guardian, operator):
            raise LedgerError("group_conflict", found=body.guardian[:12])
        if body.member.group is not None and guardian.get("group") == body.member.group:
            raise LedgerError("group_conflict", found=body.member.group)
        signers.append(Signer(body.guardian, ADMIN))
    elif body.guardian is not None:
        raise LedgerError("bad_body", expected="no guardian for these roles")
    return signers


def _is_related(one: JSONObject, other: JSONObject) -> bool:
    return "group" in one and one["group"] == other.get("group")


def _admit(ctx: Context, body: Admit) -> None:
    for key in body.member.keys:
        _check_proof(key, ctx.parameters["chain"])
    member = ctx.allocate("member")
    enter_member(ctx, member, body.member, ctx.height + 1)
    ctx.emit("member_admitted", member=member)


def _need_role(ctx: Context, member: str, roles: frozenset[str]) -> JSONObject:
    record: JSONObject = ctx.need("member", member)
    if not roles & set(record["roles"]):
        raise LedgerError("role_missing", expected=" or ".join(sorted(roles)))
    return record


def _sign_status(ctx: Context, body: ChangeStatus) -> list[Signer]:
    _need_role(ctx, body.operator, frozenset(("operator",)))
    return [Signer(body.operator, ADMIN)]


def _suspend(ctx: Context, body: ChangeStatus) -> None:
    member = ctx.need("member", body.member)
    ctx.write({**member, "status": "suspended"})
    ctx.emit("member_suspended", member=body.member)


def _resume(ctx: Context, body: ChangeStatus) -> None:
    member = ctx.need("member", body.member)
    ctx.write({**member, "status": "active"})
    ctx.emit("member_resumed", member=body.member)


def _sign_own(ctx: Context, body: Any) -> list[Signer]:
    ctx.need("member", body.member)
    return [Signer(body.member, ADMIN)]


def _add_key(ctx: Context, body: AddKey) -> None:
    keys = ctx.scan("keys", body.member)
    if len([key for key in keys if "until_height" not in key]) >= KEYS_MAX:
        raise LedgerError("limit_exceeded", expected=f"{KEYS_MAX} keys")
    _check_proof(body.key, ctx.parameters["chain"])
    enter_key(ctx, body.member, body.key, ctx.height + 1)
    ctx.emit("key_added", member=body.member)


def _revoke_key(ctx: Context, body: RevokeKey) -> None:
    key = ctx.need("key", body.key)
    if key["member"] != body.member or "until_height" in key:
        ctx.refuse("not_found")
    others = [
        other
        for other in ctx.scan("keys", body.member)
        if other["id"] != body.key and "until_height" not in other
    ]
    if not any("admin" in other["duties"] for other in others):
        raise LedgerError("last_admin", found=body.key[:16])
    key["until_height"] = ctx.height + 1
    if body.compromised_since_height is not None:
        key["compromised_since_height"] = body.compromised_since_height
    ctx.write(key)
    ctx.emit("key_revoked", member=body.member, key=body.key)


def _set_policy(ctx: Context, body: SetPolicy) -> None:
    check_approvals([dump_form(row) for row in body.policy.approvals])
    earliest = ctx.time + ctx.parameters["policy_delay_ms"]
    if body.from_time < earliest:
        raise LedgerError("delay_too_short", expected=earliest, found=body.from_time)
    stored = ctx.need("policy", body.member)
    if "next" in stored and stored["from_time"] <= ctx.time:
        stored = {**stored, **stored["next"]}
    stored["next"] = dump_form(body.policy)
    stored["from_time"] = body.from_time
    ctx.write(stored)
    ctx.emit("policy_set", member=body.member, from_time=body.from_time)


def _sign_publish(ctx: Context, body: PublishRule) -> list[Signer]:
    _need_role(ctx, body.operator, frozenset(("operator",)))
    return [Signer(body.operator, ADMIN)]


def _publish(ctx: Context, body: PublishRule) -> None:
    if ctx.height != 0:
        raise LedgerError("rules_fixed")
    if "\r" in body.source:
        raise LedgerError("bad_body", expected="lines ending in LF")
    ctx.create({"id": body.path, "kind": "rule_file", "source": body.source})
    ctx.emit("rule_published", path=body.path)


def _sign_tick(ctx: Context, body: Tick) -> list[Signer]:
    ctx.need("member", body.member)
    return [Signer(body.member, "tick")]


def _tick(ctx: Context, body: Tick) -> None:
    del body
    ctx.emit("tick")


ACTIONS: Final = {
    action.act: action
    for action in (
        Action("member.admit", Admit, _sign_admit, _admit),
        Action("member.suspend", ChangeStatus, _sign_status, _suspend),
        Action("member.resume", ChangeStatus, _sign_status, _resume),
        Action("key.add", AddKey, _sign_own, _add_key),
        Action("key.revoke", RevokeKey, _sign_own, _revoke_key),
        Action("policy.set", SetPolicy, _sign_own, _set_policy),
        Action("rules.publish", PublishRule, _sign_publish, _publish),
        Action("ledger.tick", Tick, _sign_tick, _tick),
    )
}

MANIFEST: Final = encode(
    {
        "acts": sorted(ACTIONS),
        "kinds": sorted(WRITES),
        "name": "kernel",
        "version": 1,
    }
)
MANIFEST_HASH: Final = hex_digest(b"rule/v1\0" + MANIFEST)
