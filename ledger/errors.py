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
        "data that is not in the accepted form",
        "There is exactly one accepted way to write data as JSON; this is another.",
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
        "not a signed transaction",
        "What was sent does not have exactly the form of a signed transaction.",
        _FORM,
    ),
    Code(
        "bad_type",
        "malformed",
        "signed for another purpose",
        "What was signed is of another kind than is read here.",
        "Give it to the command that made its kind.",
    ),
    Code(
        "bad_payload",
        "malformed",
        "not a transaction",
        "A field of what was signed is missing, unknown or of the wrong form.",
        _FORM,
    ),
    Code(
        "bad_body",
        "malformed",
        "the details do not fit the act",
        "A field is missing, unknown or out of range; the message names it.",
        "Make it with the command for it: run: allonge --help",
    ),
    Code(
        "unknown_act",
        "malformed",
        "no such act",
        "The rules of this ledger have no act of this name.",
        "What can be done: run: allonge --help",
    ),
    Code(
        "wrong_chain",
        "malformed",
        "signed for another chain",
        "It names another ledger than the one it was meant for.",
        "See which chain this wallet trusts: run: allonge wallet show",
    ),
    Code(
        "bad_key",
        "malformed",
        "not a usable public key",
        "The key is damaged, or of a form that is not safe to accept.",
        "Make a key: run: allonge wallet init --wallet NAME",
    ),
    Code(
        "bad_signature",
        "unauthenticated",
        "a signature does not verify",
        "The bytes were changed after signing or the key is another one.",
        "Sign the original file again: run: allonge sign FILE",
    ),
    Code(
        "unknown_key",
        "unauthenticated",
        "a key that is not active",
        "The key is not registered, is revoked, or is not active yet.",
        "See the keys of your member: run: allonge member show",
    ),
    Code(
        "wrong_signers",
        "unauthorised",
        "not the members that must sign",
        "Somebody signed who need not, or has not signed who must.",
        "Prepare it anew; the screen lists who must sign.",
    ),
    Code(
        "policy_not_met",
        "unauthorised",
        "the approval policy asks for more",
        "The member wants more people to sign, or a second one to check.",
        "Let a second person sign: run: allonge sign FILE",
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
        "See who has which role: run: allonge member list",
    ),
    Code(
        "expired",
        "stale",
        "the time to send it has passed",
        "What is signed names a last moment to be recorded; it came later.",
        "Prepare and sign it anew.",
    ),
    Code(
        "window_too_long",
        "malformed",
        "the time window is too long",
        "What is signed may wait 30 days at most to be recorded.",
        "Prepare it anew with fewer --valid-days, and sign it.",
    ),
    Code(
        "duplicate",
        "stale",
        "already on the ledger",
        "A transaction with these very bytes was recorded before.",
        "See what became of it: run: allonge receipt TRANSACTION",
    ),
    Code(
        "rule_changed",
        "stale",
        "signed under another version of the rules",
        "The rules that govern this are not those that were signed.",
        "Read the screen again and sign anew.",
    ),
    Code(
        "not_found",
        "not_found",
        "no such thing",
        "It does not exist, or it is not yours to see.",
        "See what is yours: run: allonge balance",
    ),
    Code(
        "stale_input",
        "stale",
        "the holding has changed since",
        "It was cut, joined, passed on or paid since this was prepared.",
        "See what you hold, and prepare it anew: run: allonge balance",
    ),
    Code(
        "occupied",
        "refused",
        "it exists already",
        "Something with this id is there already.",
        "Use the one that is there.",
    ),
    Code(
        "out_of_gas",
        "refused",
        "the act needs too much work",
        "The work of one transaction is bounded.",
        "Split it into smaller transactions.",
    ),
    Code(
        "rule_fault",
        "internal",
        "the rule failed",
        "A rule of the ledger ended in a way that nobody provided for.",
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
        "Ask the operator to check the node: run: allonge node doctor",
    ),
    Code(
        "bad_block",
        "tampered",
        "a block is not what it should be",
        "Bytes, links, signatures or results of a block contradict each other.",
        "Keep the copy as evidence; take another from a node: run: allonge audit export SOURCE -o FILE",
    ),
    Code(
        "bad_checkpoint",
        "tampered",
        "a checkpoint does not fit",
        "What a node signed about its ledger contradicts the ledger.",
        "Keep both as evidence.",
    ),
    Code(
        "bad_proof",
        "tampered",
        "the proof does not verify",
        "The proof does not lead to what it claims to prove.",
        "Ask for the proof again from another node.",
    ),
    Code(
        "incomplete",
        "incomplete",
        "something is missing",
        "The material ends before what it claims to hold.",
        "Export again: run: allonge audit export SOURCE -o FILE",
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
        "The rules installed here are not, to the letter, those the ledger names.",
        "Install the version the ledger names.",
    ),
    Code(
        "rule_refused",
        "refused",
        "the rule uses what rules may not",
        "Rules are written in a small part of Python, so that all compute the same.",
        "The message names the line and what to write instead.",
    ),
    Code(
        "invariant_broken",
        "refused",
        "the books would not be sound",
        "Afterwards sums would differ, or two would hold the same units.",
        "Report it; nothing was changed.",
    ),
)
