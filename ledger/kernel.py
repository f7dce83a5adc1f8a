"""The kernel: its kinds of records, its acts, and what stands in block 0.

Kernel acts have the same shape as a rule's: a closed body, declared signers
and a handler on a ``Context``. They run under the kernel's manifest hash.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from ledger import calendars, keyring, members
from ledger.authority import Signer
from ledger.context import Context
from ledger.encoding import JSONObject, encode, hex_digest
from ledger.errors import LedgerError
from ledger.forms import (
    GUARDIAN_ROLES,
    TRUSTED_ROLES,
    Action,
    Form,
    Hash,
    NewKey,
    Word,
    dump_form,
    sign_operator,
)
from ledger.members import NewMember, enter_member
from ledger.state import Kind

__all__ = [
    "ACTIONS",
    "GUARDIAN_ROLES",
    "KINDS",
    "MANIFEST",
    "MANIFEST_HASH",
    "TRUSTED_ROLES",
    "WRITES",
    "Form",
    "Hash",
    "NewKey",
    "NewMember",
    "Word",
    "dump_form",
    "enter_member",
]


class PublishRule(Form):
    """``rules.publish``: the source of one file of rules or kit."""

    operator: Hash
    path: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)*\.py$")]
    source: Annotated[str, Field(min_length=1, max_length=46_900)]


class Tick(Form):
    """``ledger.tick``: moves block time on and changes nothing else."""

    member: Hash


def _index_jobs(record: JSONObject) -> list[tuple[str, str, str]]:
    sort = f"{record['due_ms']:016d}/{record['order']}"
    return [("jobs", str(record["phase"]), sort)]


def _index_keys(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("keys", record["member"], record["id"])]


def _index_members(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("members", "", f"{record['name']}/{record['id']}")]


def _index_files(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("rule_files", "", record["id"])]


def _index_grants(record: JSONObject) -> list[tuple[str, str, str]]:
    sort = f"{record['until_ms']:016d}/{record['id']}"
    return [("grants", record["auditor"], sort), ("all", "grant", record["id"])]


def _index_all(record: JSONObject) -> list[tuple[str, str, str]]:
    return [("all", record["kind"], record["id"])]


KINDS: Final = (
    Kind("chain"),
    Kind("calendar", places=calendars.index_calendars),
    Kind("grant", places=_index_grants),
    Kind("recovery", places=_index_all),
    Kind("member", places=_index_members),
    Kind("person", scoped=True),
    Kind("key", places=_index_keys),
    Kind("policy"),
    Kind("total", scoped=True),
    Kind("rule_file", places=_index_files),
    Kind("job", places=_index_jobs),
    Kind("quarantine", places=_index_all),
)
WRITES: Final = frozenset(kind.name for kind in KINDS)


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
        *members.ACTIONS,
        *keyring.ACTIONS,
        *calendars.ACTIONS,
        Action("rules.publish", PublishRule, sign_operator, _publish),
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
