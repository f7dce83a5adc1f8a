"""The one registry of error codes, and the exceptions that carry them.

A code is a promise: it never changes its meaning and is never reused. The
rooms ``ledger``, ``node`` and ``cli`` keep theirs in a ``codes.txt`` each and
register them when they are imported, rules when they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
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


def read_codes(room: str) -> Iterator[Code]:
    """Yield the rows of a room's ``codes.txt``.

    A row is a line of code, kind and title; below it stand cause and fix.
    """
    path = Path(__file__).parents[1].joinpath(room, "codes.txt")
    lines = path.read_text("utf-8").splitlines()
    rows = [line for line in lines if line and not line.startswith("#")]
    for head, cause, fix in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        code, kind, title = head.split(" | ")
        yield Code(code, kind, title, cause.strip(), fix.strip())


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


register(*read_codes("ledger"))
