"""Keys and policies: who signs for a member, and how lost keys are recovered."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from ledger.authority import (
    ADMINS,
    PERSONS,
    Signer,
    check_approvals,
    highest_band,
    in_force,
    is_ended,
)
from ledger.context import Context
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.forms import (
    KEYS_MAX,
    Action,
    Form,
    Hash,
    Height,
    Minor,
    NewKey,
    Word,
    dump_form,
    sign_guarded,
    sign_own,
)
from ledger.keys import admit_public_key, key_id
from ledger.transactions import check_possession


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


class AddKey(Form):
    """``key.add``: another key of a member; counts from the next block."""

    key: NewKey
    member: Hash


class RevokeKey(Form):
    """``key.revoke``: ends a key from the next block."""

    compromised_since_height: Height | None = None
    key: Hash
    member: Hash


class FlagKey(Form):
    """``key.compromised``: what a key did since a height is doubtful."""

    key: Hash
    member: Hash
    since_height: Height


class StartRecovery(Form):
    """``recovery.start``: other keys take the place of lost ones after a delay.

    By an admin of the member; for a firm of one person by operator and
    guardian on the hash of an identity check.
    """

    ends: Annotated[list[Hash], Field(min_length=1, max_length=KEYS_MAX)]
    keys: Annotated[list[NewKey], Field(min_length=1, max_length=KEYS_MAX)]
    member: Hash
    document: Hash | None = None
    guardian: Hash | None = None
    operator: Hash | None = None


class OwnAct(Form):
    """``recovery.veto``: by any key of the member."""

    member: Hash


class SetPolicy(Form):
    """``policy.set``: another policy from a time after the delay."""

    from_time: Minor
    member: Hash
    policy: Policy


def check_proof(new: NewKey, chain: str) -> None:
    """Return if a new key has signed for this chain itself.

    Raises:
        LedgerError: ``bad_key``; ``bad_body``, no proof; ``bad_signature``.
    """
    public = bytes.fromhex(new.public)
    admit_public_key(public)
    if new.proof is None:
        raise LedgerError("bad_body", expected="a proof of possession")
    check_possession(public, key_id(public), chain, new.proof)


def enter_key(
    ctx: Context, member: str, new: NewKey, from_height: int, from_time: int = 0
) -> str:
    """Write the record of an admitted key, and of its person if new; return its id.

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
    record = {
        "alg": "ed25519",
        "duties": sorted(set(new.duties)),
        "from_height": from_height,
        "id": item,
        "kind": "key",
        "member": member,
        "person": new.person,
        "public": new.public,
    }
    ctx.create({**record, "from_time": from_time} if from_time else record)
    return item


def _standing(ctx: Context, member: str) -> list[JSONObject]:
    """Return the keys of a member that have not ended, planned ones too."""
    return [k for k in ctx.scan("keys", member) if not is_ended(k, ctx.time)]


def _check_count(count: int) -> None:
    if count > KEYS_MAX:
        raise LedgerError("limit_exceeded", expected=f"{KEYS_MAX} keys")


def _add_key(ctx: Context, body: AddKey) -> None:
    _check_count(len(_standing(ctx, body.member)) + 1)
    check_proof(body.key, ctx.parameters["chain"])
    enter_key(ctx, body.member, body.key, ctx.height + 1)
    ctx.emit("key_added", member=body.member)


def _need_key(ctx: Context, member: str, item: str) -> JSONObject:
    key: JSONObject = ctx.need("key", item)
    if key["member"] != member:
        ctx.refuse("not_found")
    return key


def _revoke_key(ctx: Context, body: RevokeKey) -> None:
    key = _need_key(ctx, body.member, body.key)
    if is_ended(key, ctx.time):
        ctx.refuse("not_found")
    others = [
        other
        for other in _standing(ctx, body.member)
        # What a recovery plans may be vetoed, what it ends is lost.
        if other["id"] != body.key and "until_time" not in other
        if other.get("from_time", 0) <= ctx.time
    ]
    if not any("admin" in other["duties"] for other in others):
        raise LedgerError("last_admin", found=body.key[:16])
    key["until_height"] = ctx.height + 1
    if body.compromised_since_height is not None:
        key["compromised_since_height"] = body.compromised_since_height
    ctx.write(key)
    ctx.emit("key_revoked", member=body.member, key=body.key)


def _flag_key(ctx: Context, body: FlagKey) -> None:
    key = _need_key(ctx, body.member, body.key)
    since = min(key.get("compromised_since_height", ctx.height), body.since_height)
    ctx.write({**key, "compromised_since_height": since})
    ctx.emit("key_compromised", member=body.member, key=body.key, since=since)


# --- recovery


def _sign_recovery(ctx: Context, body: StartRecovery) -> list[Signer]:
    member = ctx.need("member", body.member)
    if body.operator is None:
        if body.guardian is not None or body.document is not None:
            raise LedgerError("bad_body", expected="an operator too, or the member")
        return [Signer(body.member, ADMINS, persons=1)]
    if len({key["person"] for key in _standing(ctx, body.member)}) != 1:
        raise LedgerError("recovery_own", found=body.member[:12])
    if body.document is None:
        raise LedgerError("bad_body", expected="the hash of an identity check")
    return sign_guarded(ctx, body.operator, body.guardian, member)


def _start_recovery(ctx: Context, body: StartRecovery) -> None:
    known = ctx.read("recovery", body.member)
    if known is not None and known["from_time"] > ctx.time:
        raise LedgerError("recovery_pending", found=body.member[:12])
    standing = {key["id"]: key for key in _standing(ctx, body.member)}
    if any(item not in standing for item in body.ends):
        ctx.refuse("not_found")
    lost = [standing.pop(item) for item in dict.fromkeys(body.ends)]
    _check_count(len(standing) + len(body.keys))
    duties = [*(k["duties"] for k in standing.values()), *(k.duties for k in body.keys)]
    if not any("admin" in row for row in duties):
        raise LedgerError("last_admin", found=body.member[:12])
    delay = ctx.parameters["policy_delay_ms"] * (1 if body.operator is None else 2)
    from_time = ctx.time + delay
    for key in lost:
        ctx.write({**key, "until_time": from_time})
    entered = []
    for new in body.keys:
        check_proof(new, ctx.parameters["chain"])
        item = enter_key(ctx, body.member, new, ctx.height + 1, from_time)
        entered.append(item)
    record = {
        **{name: dump_form(body)[name] for name in dump_form(body) if name != "keys"},
        "from_time": from_time,
        "id": body.member,
        "keys": entered,
        "kind": "recovery",
    }
    (ctx.create if known is None else ctx.write)(record)
    ctx.emit("recovery_started", member=body.member, from_time=from_time)


def _sign_veto(ctx: Context, body: OwnAct) -> list[Signer]:
    ctx.need("member", body.member)
    return [Signer(body.member, PERSONS, persons=1)]


def _veto(ctx: Context, body: OwnAct) -> None:
    planned = ctx.read("recovery", body.member)
    if planned is None or planned["from_time"] <= ctx.time:
        raise LedgerError("no_recovery", found=body.member[:12])
    for item in planned["keys"]:
        ctx.write({**ctx.need("key", item), "until_height": ctx.height + 1})
    for item in planned["ends"]:
        key = ctx.need("key", item)
        ctx.write({name: key[name] for name in key if name != "until_time"})
    ctx.remove("recovery", body.member)
    ctx.emit("recovery_vetoed", member=body.member)


# --- policy


def _policy(ctx: Context, member: str) -> JSONObject:
    return in_force(ctx.need("policy", member), member, ctx.time)


def _sign_policy(ctx: Context, body: SetPolicy) -> list[Signer]:
    # As many as the old policy asks for at most, or whoever is there.
    persons = {key["person"] for key in _standing(ctx, body.member)}
    most = min(highest_band(_policy(ctx, body.member)), len(persons))
    return [*sign_own(ctx, body), Signer(body.member, PERSONS, persons=most)]


def _set_policy(ctx: Context, body: SetPolicy) -> None:
    check_approvals([dump_form(row) for row in body.policy.approvals])
    earliest = ctx.time + ctx.parameters["policy_delay_ms"]
    if body.from_time < earliest:
        raise LedgerError("delay_too_short", expected=earliest, found=body.from_time)
    stored = _policy(ctx, body.member)
    stored["next"] = dump_form(body.policy)
    stored["from_time"] = body.from_time
    ctx.write(stored)
    ctx.emit("policy_set", member=body.member, from_time=body.from_time)


ACTIONS: Final = (
    Action("key.add", AddKey, sign_own, _add_key),
    Action("key.revoke", RevokeKey, sign_own, _revoke_key),
    Action("key.compromised", FlagKey, sign_own, _flag_key),
    Action("recovery.start", StartRecovery, _sign_recovery, _start_recovery),
    Action("recovery.veto", OwnAct, _sign_veto, _veto),
    Action("policy.set", SetPolicy, _sign_policy, _set_policy),
)
