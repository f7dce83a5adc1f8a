"""Genesis and block 0: where a chain's trust begins.

Leaf 0 is the genesis, signed by every key it lists. One ``rules.publish`` a
file of rules and kit follows, signed by the operator's founding key, then
header 0. The hash of the genesis payload is the chain's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from ledger import calendars, kernel
from ledger.encoding import JSONObject, decode, encode, hex_digest
from ledger.errors import LedgerError
from ledger.execution import Situation, open_context
from ledger.gas import Meter, metered
from ledger.kernel import Form, Hash, NewMember, Word
from ledger.keys import SigningKey, admit_public_key, key_id, verify_signature
from ledger.loader import load_rulebook
from ledger.state import Layer
from ledger.transactions import (
    TYPE_GENESIS,
    TYPE_TRANSACTION,
    WINDOW_MS_MAX,
    Envelope,
    build_payload,
    object_id,
    parse_envelope,
    sign_payload,
)

MEMBERS_MAX: Final = 64


class Calendar(Form):
    """The business calendar: weekend days, holidays, make-up workdays."""

    holidays: Annotated[list[str], Field(max_length=400)]
    id: Word
    through: str
    weekend: Annotated[list[int], Field(max_length=3)]
    workdays: Annotated[list[str], Field(max_length=100)]


class Parameters(Form):
    """What never changes without governance.

    Attributes:
        account_delay_ms: notice before a payout account takes effect.
        governance: how many member votes a new rule version needs, in ppm.
        policy_delay_ms: notice before an approval policy takes effect.
        quota: waiting transactions a member may have.
        test_chain: may run on a clock file, and says so everywhere.
    """

    account_delay_ms: Annotated[int, Field(ge=0)]
    calendar: Calendar
    governance_ppm: Annotated[int, Field(ge=500_000, le=1_000_000)]
    policy_delay_ms: Annotated[int, Field(ge=0)]
    quota: Annotated[int, Field(ge=1, le=100_000)]
    test_chain: bool


class Genesis(Form):
    """The genesis payload."""

    members: Annotated[list[NewMember], Field(min_length=2, max_length=MEMBERS_MAX)]
    parameters: Parameters
    rulebook: Hash
    salt: Hash
    time: Annotated[int, Field(ge=1)]
    v: Annotated[int, Field(ge=1, le=1)]


@dataclass(frozen=True)
class Founded:
    """A checked genesis.

    Attributes:
        chain: hex digest of the payload, the chain's name.
        genesis: the parsed payload.
        envelope: leaf 0.
    """

    chain: str
    genesis: Genesis
    envelope: Envelope

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters as rules see them, read only, with the chain's name."""
        plain = {**kernel.dump_form(self.genesis.parameters), "chain": self.chain}
        frozen: Mapping[str, Any] = _freeze(plain)
        return frozen

    @property
    def operator(self) -> str:
        """Member id of the first member with the operator's role."""
        for n, member in enumerate(self.genesis.members):
            if "operator" in member.roles:
                return object_id("member", self.chain, n)
        raise LedgerError("bad_payload", expected="an operator")


def _freeze(value: Any) -> Any:
    # One object serves all rules of all blocks; a rule that could change it
    # would change what the next one sees.
    if isinstance(value, dict):
        return MappingProxyType({key: _freeze(item) for key, item in value.items()})
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return value


def salt_commitment(secret: bytes) -> str:
    """Return what genesis says of the secret S of the salted commitments."""
    return hex_digest(b"allonge-salt\0" + secret)


def parse_genesis(raw: bytes) -> Founded:
    """Return a genesis whose form, founders and signatures are right.

    Raises:
        LedgerError: form errors; ``bad_payload``, wrong field or no operator
            or no lender and no regulator; ``bad_key``; ``wrong_signers``, not
            signed by exactly the keys it lists; ``bad_signature``.
    """
    envelope = parse_envelope(raw, TYPE_GENESIS)
    try:
        genesis = Genesis.model_validate(decode(envelope.payload))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LedgerError("bad_payload", expected=first["msg"], found=place) from error
    roles = {role for member in genesis.members for role in member.roles}
    if "operator" not in roles or not roles & kernel.GUARDIAN_ROLES:
        raise LedgerError(
            "bad_payload", expected="an operator and a lender or regulator"
        )
    listed = {
        key_id(bytes.fromhex(key.public)): bytes.fromhex(key.public)
        for member in genesis.members
        for key in member.keys
    }
    for public in listed.values():
        admit_public_key(public)
    if [item.key_id for item in envelope.signatures] != sorted(listed):
        raise LedgerError("wrong_signers", expected="every key of the genesis")
    for signature in envelope.signatures:
        verify_signature(listed[signature.key_id], envelope.preimage, signature.value)
    return Founded(hex_digest(envelope.payload), genesis, envelope)


def enter_founders(layer: Layer, founded: Founded, situation: Situation) -> None:
    """Write the chain's record and its founding members.

    Raises:
        LedgerError: ``bad_key``, ``key_taken``, ``bad_body``, ``last_admin``.
    """
    ctx = open_context(
        layer, situation, founded.chain, kernel.MANIFEST_HASH, kernel.WRITES
    )
    with metered(Meter(10**9)):
        parameters = kernel.dump_form(founded.genesis.parameters)
        ctx.create({**parameters, "id": "chain", "kind": "chain"})
        first = (calendars.DEFAULT, 1, founded.genesis.time)
        ctx.create(calendars.make_version(*first, parameters["calendar"]))
        for member in founded.genesis.members:
            kernel.enter_member(ctx, ctx.allocate("member"), member, 0)


def build_founding(
    terms: JSONObject,
    files: Mapping[str, str],
    secret: bytes,
    keys: Sequence[SigningKey],
) -> tuple[bytes, list[bytes]]:
    """Return genesis and publications of a chain that begins with these files.

    Args:
        terms: ``members``, ``parameters`` and ``time``, as genesis has them.
        files: path -> source of all rules and their kit.
        secret: S of the salted commitments.
        keys: all of the members, the operator's first.

    Raises:
        LedgerError: those of ``parse_genesis`` and ``load_rulebook``.
    """
    payload = {
        **terms,
        "rulebook": load_rulebook(files).hash,
        "salt": salt_commitment(secret),
        "v": 1,
    }
    genesis = sign_payload(TYPE_GENESIS, encode(payload), keys)
    return genesis, build_publications(parse_genesis(genesis), files, keys[0])


def build_publications(
    founded: Founded, files: Mapping[str, str], key: SigningKey
) -> list[bytes]:
    """Return one signed ``rules.publish`` a file, in order of path."""
    return [
        sign_payload(
            TYPE_TRANSACTION,
            build_payload(
                act="rules.publish",
                body={"operator": founded.operator, "path": path, "source": source},
                by=[founded.operator],
                chain=founded.chain,
                nonce=hex_digest(f"{founded.chain}/{path}".encode())[:32],
                not_after=founded.genesis.time + WINDOW_MS_MAX,
                rule=kernel.MANIFEST_HASH,
            ),
            [key],
        )
        for path, source in sorted(files.items())
    ]
