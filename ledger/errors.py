"""The one registry of error codes, and the exceptions that carry them.

A code is a promise: it never changes its meaning and is never reused. Rules
add their own codes to the registry when they are loaded; texts live here and
in the rules and never enter anything that is hashed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

KINDS: Final = (
    "malformed",  # the bytes or the request are not of the required form
    "too_large",  # a named bound is exceeded
    "unauthenticated",  # a signature or grant does not verify
    "unauthorised",  # who signed may not do this
    "not_found",  # absent, or not yours to see: the same answer on purpose
    "stale",  # was right once: superseded input, duplicate, passed deadline
    "refused",  # a rule or a limit of the programme says no
    "busy",  # try again later
    "unavailable",  # node not reachable or not able to answer now
    "tampered",  # verification found a contradiction
    "incomplete",  # verification lacks material
    "untrusted",  # verified under a key or genesis that nobody vouched for
    "mismatch",  # rule, kit or engine of another version than the ledger asks
    "internal",  # a defect of this software
)


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the registry.

    Attributes:
        code: stable name, ``[a-z][a-z0-9_]*``.
        kind: one of ``KINDS``; decides HTTP status and exit code.
        title: what happened, in one short line.
        cause: why it happens.
        fix: what to do about it; a command after ``run:`` can be executed.
    """

    code: str
    kind: str
    title: str
    cause: str
    fix: str


_REGISTRY: dict[str, Code] = {}


def register(*codes: Code) -> None:
    """Add codes to the registry; the same row twice changes nothing.

    Raises:
        ValueError: unknown kind, or a code that stands with another meaning.
    """
    for row in codes:
        if row.kind not in KINDS:
            raise ValueError(f"code {row.code}: unknown kind {row.kind}")
        known = _REGISTRY.setdefault(row.code, row)
        if known != row:
            raise ValueError(f"code {row.code} is already taken")


def lookup(code: str) -> Code:
    """Return the row of a code; an unknown code is shown as a refusal."""
    row = _REGISTRY.get(code)
    if row is None:
        return Code(code, "refused", code.replace("_", " "), "A rule refused.", "")
    return row


def registry() -> Mapping[str, Code]:
    """Return all rows by code."""
    return dict(_REGISTRY)


class LedgerError(Exception):
    """An expected failure: a stable code with what was expected and found.

    Attributes:
        code: name in the registry.
        expected: what would have been right; empty if that says nothing.
        found: what was there instead.
        details: further facts for machines, e.g. the height of a bad block.
    """

    def __init__(
        self,
        code: str,
        *,
        expected: object = "",
        found: object = "",
        **details: object,
    ) -> None:
        self.code = code
        self.expected = str(expected)
        self.found = str(found)
        self.details = details
        super().__init__(self._text())

    def _text(self) -> str:
        row = lookup(self.code)
        parts = [row.title]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.found:
            parts.append(f"found {self.found}")
        parts += [f"{name}={value}" for name, value in self.details.items()]
        return ", ".join(parts)

    @property
    def row(self) -> Code:
        """The registry's row for this error."""
        return lookup(self.code)


class InvariantBroken(Exception):  # noqa: N818 - the name is the message
    """A defect of this software: a checked invariant does not hold."""


def invariant(condition: bool, name: str, **facts: object) -> None:
    """Do nothing if the condition holds.

    Unlike ``assert`` this survives ``python -O``.

    Raises:
        InvariantBroken: the condition does not hold.
    """
    if not condition:
        raise InvariantBroken(f"{name}: {facts}")


def fail(code: str, **facts: object) -> NoReturn:
    """Raise ``LedgerError(code)``; for use inside expressions."""
    raise LedgerError(code, **facts)


_FORM = "Compare the bytes with ledger/README.md, sections 1 to 3."

register(
    Code(
        "bad_json",
        "malformed",
        "not canonical JSON",
        "The bytes are not the one canonical encoding of their content.",
        _FORM,
    ),
    Code(
        "too_large",
        "too_large",
        "over the size limit",
        "A named bound of the format is exceeded.",
        "Send less at once; the bound is in the message.",
    ),
    Code(
        "bad_envelope",
        "malformed",
        "not a transaction envelope",
        "The envelope does not have exactly the DSSE form.",
        _FORM,
    ),
    Code(
        "bad_type",
        "malformed",
        "another kind of signed thing",
        "The payload type is not the one that is verified here.",
        "Send this file to the command that made its kind.",
    ),
    Code(
        "bad_payload",
        "malformed",
        "not a transaction payload",
        "A field of the payload is missing, unknown or of the wrong form.",
        _FORM,
    ),
    Code(
        "bad_body",
        "malformed",
        "the body does not fit the act",
        "A field of the body is missing, unknown or out of range.",
        "Build it with: run: allonge --help",
    ),
    Code(
        "unknown_act",
        "malformed",
        "no such act",
        "The rule named by the payload has no act of this name.",
        "run: allonge --help",
    ),
    Code(
        "wrong_chain",
        "malformed",
        "signed for another chain",
        "The chain digest is that of another genesis.",
        "Check the node address with: run: allonge wallet show",
    ),
    Code(
        "bad_key",
        "malformed",
        "not an admissible public key",
        "Only canonical Ed25519 points of prime order are admitted.",
        "Make a key with: run: allonge wallet init",
    ),
    Code(
        "bad_signature",
        "unauthenticated",
        "a signature does not verify",
        "The bytes were changed after signing or the key is another one.",
        "Sign the original file again with: run: allonge sign FILE",
    ),
    Code(
        "unknown_key",
        "unauthenticated",
        "a key that is not active",
        "The key is not registered, is revoked, or is not active yet.",
        "run: allonge member list",
    ),
    Code(
        "wrong_signers",
        "unauthorised",
        "not the members that must sign",
        "The field 'by' or the signatures differ from what the rule asks.",
        "Prepare it anew; the screen lists who must sign.",
    ),
    Code(
        "policy_not_met",
        "unauthorised",
        "the approval policy asks for more",
        "Too few distinct persons, or no maker and different checker.",
        "Let a second person sign with: run: allonge sign FILE",
    ),
    Code(
        "member_suspended",
        "unauthorised",
        "the member is suspended",
        "A suspended member starts no new business.",
        "Ask the operator; running claims are paid all the same.",
    ),
    Code(
        "role_missing",
        "unauthorised",
        "the member lacks the role",
        "The act is open to members of a certain role only.",
        "run: allonge member list",
    ),
    Code(
        "expired",
        "stale",
        "the time window has passed",
        "Block time is after not_after.",
        "Prepare and sign it anew.",
    ),
    Code(
        "window_too_long",
        "malformed",
        "the time window is too long",
        "not_after lies more than 30 days ahead of block time.",
        "Prepare and sign it anew.",
    ),
    Code(
        "duplicate",
        "stale",
        "already on the ledger",
        "A transaction with this id was sealed before.",
        "Ask for its receipt with: run: allonge receipt ID",
    ),
    Code(
        "rule_changed",
        "stale",
        "signed under another rule",
        "The rule hash is not the one that governs this record.",
        "Read the screen again and sign anew.",
    ),
    Code(
        "not_found",
        "not_found",
        "no such thing",
        "It does not exist, or it is not yours to see.",
        "run: allonge balance",
    ),
    Code(
        "stale_input",
        "stale",
        "the holding has changed since",
        "An input is not a live tile with this revision any more.",
        "run: allonge balance",
    ),
    Code(
        "occupied",
        "refused",
        "it exists already",
        "A record with this id stands already.",
        "Use the existing one.",
    ),
    Code(
        "out_of_gas",
        "refused",
        "the act needs too much work",
        "The metered work of one transaction is bounded.",
        "Split it into smaller transactions.",
    ),
    Code(
        "rule_fault",
        "internal",
        "the rule failed",
        "A rule raised something that is not a declared refusal.",
        "Report it with the transaction id; nothing was changed.",
    ),
    Code(
        "limit_exceeded",
        "refused",
        "over a named limit",
        "A bound of the rule or of the programme is exceeded.",
        "The message names the bound.",
    ),
    Code(
        "quota_exceeded",
        "busy",
        "too many waiting transactions",
        "Each member may have a bounded number waiting.",
        "Wait for the next block and send again.",
    ),
    Code(
        "storage_failed",
        "unavailable",
        "storage failed, outcome unknown",
        "The disk reported an error; the node stops and recovers at start.",
        "run: allonge node doctor",
    ),
    Code(
        "bad_block",
        "tampered",
        "a block is not what it should be",
        "Bytes, links, signatures or results of a block contradict each other.",
        "Keep the copy as evidence; restore from another with: run: allonge node restore",
    ),
    Code(
        "bad_checkpoint",
        "tampered",
        "a checkpoint does not fit",
        "A signed tree head contradicts the log.",
        "Keep both as evidence.",
    ),
    Code(
        "bad_proof",
        "tampered",
        "the proof does not verify",
        "The proof does not lead to the root it claims.",
        "Ask for the proof again from another node.",
    ),
    Code(
        "incomplete",
        "incomplete",
        "something is missing",
        "The material ends before what it claims to hold.",
        "Export again with: run: allonge audit export",
    ),
    Code(
        "untrusted",
        "untrusted",
        "not a root of trust you named",
        "The genesis or log key is not the one you pinned.",
        "Compare the fingerprint by another channel.",
    ),
    Code(
        "rule_mismatch",
        "mismatch",
        "another rule than the ledger names",
        "The loaded rule or kit bytes do not have the expected hash.",
        "Install the version the ledger names.",
    ),
    Code(
        "rule_refused",
        "refused",
        "the rule breaks the subset",
        "The source uses something rules may not use.",
        "The message names line and substitute.",
    ),
    Code(
        "invariant_broken",
        "refused",
        "an invariant would break",
        "The change would leave books or intervals inconsistent.",
        "Report it; nothing was changed.",
    ),
)
