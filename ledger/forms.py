"""What the kernel's acts are made of: closed forms, and who has to sign them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ledger.authority import ADMIN, Signer
from ledger.context import Context
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

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
OPERATOR: Final = frozenset(("operator",))
GUARDIAN_ROLES: Final = frozenset(("lender", "regulator"))
KEYS_MAX: Final = 16

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Proof = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Label = Annotated[str, Field(min_length=1, max_length=140)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Minor = Annotated[int, Field(ge=1, le=2**53 - 1)]
Height = Annotated[int, Field(ge=0, le=2**53 - 1)]
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


class NewKey(Form):
    """A key asking for admission, with its proof of possession."""

    duties: Annotated[list[Duty], Field(min_length=1, max_length=3)]
    person: Hash
    proof: Proof | None = None
    public: Hash


class Action(NamedTuple):
    """One act of the kernel, of the same shape as a rule's."""

    act: str
    payload: type[Form]
    signers: Callable[[Context, Any], list[Signer]]
    apply: Callable[[Context, Any], None]
    on: tuple[str, str] | None = None
    business: bool = False


def dump_form(form: Form) -> JSONObject:
    """Return a form as the JSON object that was signed: absent is omitted."""
    return form.model_dump(exclude_none=True)


def need_role(ctx: Context, member: str, roles: frozenset[str]) -> JSONObject:
    """Return a member that has one of these roles.

    Raises:
        LedgerError: ``not_found``; ``role_missing``.
    """
    record: JSONObject = ctx.need("member", member)
    if not roles & set(record["roles"]):
        raise LedgerError("role_missing", expected=" or ".join(sorted(roles)))
    return record


def sign_own(ctx: Context, body: Any) -> list[Signer]:
    """Return the member itself, by its admins, as who has to sign."""
    ctx.need("member", body.member)
    return [Signer(body.member, ADMIN)]


def sign_operator(ctx: Context, body: Any) -> list[Signer]:
    """Return the operator as who has to sign."""
    need_role(ctx, body.operator, OPERATOR)
    return [Signer(body.operator, ADMIN)]


def sign_guarded(
    ctx: Context, operator: str, guardian: str | None, *concerned: JSONObject
) -> list[Signer]:
    """Return operator and guardian as who has to sign.

    Args:
        ctx: the context.
        operator: member id.
        guardian: a lender or regulator that is no operator either.
        concerned: members that it is about or who gain by it.

    Raises:
        LedgerError: ``wrong_signers``, no guardian; ``role_missing``;
            ``member_suspended``; ``group_conflict``.
    """
    signing = need_role(ctx, operator, OPERATOR)
    if guardian is None:
        raise LedgerError("wrong_signers", expected="a lender or regulator too")
    vouching = need_role(ctx, guardian, GUARDIAN_ROLES)
    if vouching["status"] == "suspended":
        raise LedgerError("member_suspended", found=guardian[:12])
    related = any(is_related(vouching, other) for other in (signing, *concerned))
    if related or "operator" in vouching["roles"]:
        raise LedgerError("group_conflict", found=guardian[:12])
    return [Signer(operator, ADMIN), Signer(guardian, ADMIN)]


def is_related(one: JSONObject, other: JSONObject) -> bool:
    """Say whether two members are the same, or belong to one group."""
    return any(one.get(name, "") == other.get(name) for name in ("group", "id"))
