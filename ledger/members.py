"""Members: who is admitted with which roles, and who may see them as auditor."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from ledger.authority import ADMIN, Signer, check_approvals
from ledger.context import Context
from ledger.errors import LedgerError
from ledger.forms import (
    KEYS_MAX,
    TRUSTED_ROLES,
    Action,
    Form,
    Hash,
    Label,
    Minor,
    NewKey,
    Role,
    Word,
    dump_form,
    need_role,
    sign_guarded,
    sign_operator,
)
from ledger.keyring import Policy, check_proof, enter_key

AUDITOR: Final = frozenset(("auditor", "regulator"))
GRANT_MS_MAX: Final = 400 * 86_400_000
_LEI: Final = ("LEI", "0199")
_USCC: Final = ("USCC", "CN:USCC")
_USCC_CHARS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"


class Identifier(Form):
    """An identifier of a member under a named scheme, e.g. LEI or VAT."""

    scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9:._-]{1,20}$")]
    value: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.:/_-]{0,49}$")]


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


class ChangeRoles(Form):
    """``role.grant`` and ``role.remove``: by signers of two kinds."""

    guardian: Hash
    member: Hash
    operator: Hash
    reason: Label
    roles: Annotated[list[Role], Field(min_length=1, max_length=12)]


class GiveGrant(Form):
    """``grant.give``: what an auditor or regulator may see, until when.

    By a member for its own data, or by operator and guardian for all, a
    member's, a programme's or a receivable's.
    """

    auditor: Hash
    covers: Literal["all", "member", "programme", "receivable"]
    until_ms: Minor
    document: Hash | None = None
    guardian: Hash | None = None
    member: Hash | None = None
    operator: Hash | None = None
    subject: Hash | None = None


class EndGrant(Form):
    """``grant.end``: by who gave it."""

    grant: Hash
    guardian: Hash | None = None
    member: Hash | None = None
    operator: Hash | None = None


def is_wrong_identifier(scheme: str, value: str) -> bool:
    """Say whether the check digits of a number are wrong.

    The ledger itself judges LEI (ISO 17442: mod 97 is 1) and the Chinese USCC
    (GB 32100: weights 3**n mod 31); for other schemes a wallet does.
    """
    name = scheme.upper()
    if name in _LEI:
        shaped = len(value) == 20 and value.isalnum() and value[18:].isdigit()
        return not shaped or int("".join(str(int(c, 36)) for c in value)) % 97 != 1
    if name in _USCC:
        places = [_USCC_CHARS.find(char) for char in value]
        shaped = len(places) == 18 and min(places) >= 0
        total = sum(place * pow(3, n, 31) for n, place in enumerate(places[:17]))
        return not shaped or (total + places[17]) % 31 != 0
    return False


def enter_member(ctx: Context, member: str, new: NewMember, from_height: int) -> None:
    """Write the records of a new member: itself, policy, persons and keys.

    Raises:
        LedgerError: ``bad_identifier``; ``bad_key``, ``bad_body``;
            ``key_taken``; ``last_admin``.
    """
    for item in new.identifiers:
        if is_wrong_identifier(item.scheme, item.value):
            raise LedgerError("bad_identifier", found=f"{item.scheme}:{item.value}")
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


def _sign_admit(ctx: Context, body: Admit) -> list[Signer]:
    if TRUSTED_ROLES & set(body.member.roles):
        new = dump_form(body.member)
        return sign_guarded(ctx, body.operator, body.guardian, new)
    if body.guardian is not None:
        raise LedgerError("bad_body", expected="no guardian for these roles")
    return sign_operator(ctx, body)


def _admit(ctx: Context, body: Admit) -> None:
    for key in body.member.keys:
        check_proof(key, ctx.parameters["chain"])
    member = ctx.allocate("member")
    enter_member(ctx, member, body.member, ctx.height + 1)
    ctx.emit("member_admitted", member=member)


def _suspend(ctx: Context, body: ChangeStatus) -> None:
    member = ctx.need("member", body.member)
    ctx.write({**member, "status": "suspended"})
    ctx.emit("member_suspended", member=body.member)


def _resume(ctx: Context, body: ChangeStatus) -> None:
    member = ctx.need("member", body.member)
    ctx.write({**member, "status": "active"})
    ctx.emit("member_resumed", member=body.member)


# --- roles


def _sign_roles(ctx: Context, body: ChangeRoles) -> list[Signer]:
    member = ctx.need("member", body.member)
    return sign_guarded(ctx, body.operator, body.guardian, member)


def _grant_roles(ctx: Context, body: ChangeRoles) -> None:
    member = ctx.need("member", body.member)
    if set(body.roles) & set(member["roles"]):
        raise LedgerError("role_change", found=" ".join(body.roles))
    roles = sorted({*member["roles"], *body.roles})
    if "operator" in roles:
        # It may own or attest an account, owe or hold something already, and
        # whoever is the operator is never a party.
        raise LedgerError("role_change", found="operator")
    ctx.write({**member, "roles": roles})
    ctx.emit("roles_granted", member=body.member)


def _remove_roles(ctx: Context, body: ChangeRoles) -> None:
    member = ctx.need("member", body.member)
    kept = [role for role in member["roles"] if role not in body.roles]
    if not kept or len(kept) + len(set(body.roles)) != len(member["roles"]):
        raise LedgerError("role_change", found=" ".join(body.roles))
    if body.member == body.operator and "operator" in body.roles:
        # The chain would be left without the one who admits.
        raise LedgerError("role_change", found="operator")
    ctx.write({**member, "roles": kept})
    ctx.emit("roles_removed", member=body.member)


# --- what auditors may see


def _sign_grant(ctx: Context, body: GiveGrant | EndGrant) -> list[Signer]:
    if body.member is not None:
        if body.operator is not None or body.guardian is not None:
            raise LedgerError("bad_body", expected="a member, or an operator")
        ctx.need("member", body.member)
        return [Signer(body.member, ADMIN)]
    if body.operator is None:
        raise LedgerError("bad_body", expected="a member, or an operator")
    # An auditor gains by what it is shown, a member by what is no longer shown of it.
    gains = body.auditor if isinstance(body, GiveGrant) else _shown(ctx, body.grant)
    concerned = [ctx.need("member", gains)] if gains else []
    return sign_guarded(ctx, body.operator, body.guardian, *concerned)


def _shown(ctx: Context, grant: str) -> str:
    given = ctx.need("grant", grant)
    return str(given["subject"]) if given["covers"] == "member" else ""


def _give_grant(ctx: Context, body: GiveGrant) -> None:
    need_role(ctx, body.auditor, AUDITOR)
    own = body.covers == "member" and body.subject == body.member
    plain = (body.covers == "all") == (body.subject is None)
    in_time = ctx.time < body.until_ms <= ctx.time + GRANT_MS_MAX
    if not plain or not in_time or (body.member is not None and not own):
        raise LedgerError("bad_grant_terms", found=body.covers)
    if body.subject is not None:
        ctx.need(body.covers, body.subject)
    record = {
        **dump_form(body),
        "from_time": ctx.time,
        "id": ctx.allocate("grant"),
        "kind": "grant",
    }
    ctx.create(record)
    ctx.emit("grant_given", grant=record["id"])


def _end_grant(ctx: Context, body: EndGrant) -> None:
    grant = ctx.need("grant", body.grant)
    if grant.get("member") != body.member or grant["until_ms"] <= ctx.time:
        ctx.refuse("not_found")
    ctx.write({**grant, "until_ms": ctx.time})
    ctx.emit("grant_ended", grant=body.grant)


ACTIONS: Final = (
    Action("member.admit", Admit, _sign_admit, _admit),
    Action("member.suspend", ChangeStatus, sign_operator, _suspend),
    Action("member.resume", ChangeStatus, sign_operator, _resume),
    Action("role.grant", ChangeRoles, _sign_roles, _grant_roles),
    Action("role.remove", ChangeRoles, _sign_roles, _remove_roles),
    Action("grant.give", GiveGrant, _sign_grant, _give_grant),
    Action("grant.end", EndGrant, _sign_grant, _end_grant),
)
