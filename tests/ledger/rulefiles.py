"""A kit of a few lines, and rule files around single functions, for tests."""

from collections.abc import Mapping
from textwrap import dedent, indent

KIT = {
    "kit/v1/__init__.py": '''"""What rules import."""

from typing import Annotated, Any, Literal

from contracts.kit.v1.parts import cut_tile
from contracts.kit.v1.rule import (
    Amount,
    Context,
    Hash,
    Payload,
    Rule,
    Signer,
    bound,
)

__all__ = (
    "Amount",
    "Annotated",
    "Any",
    "Context",
    "Hash",
    "Literal",
    "Payload",
    "Rule",
    "Signer",
    "bound",
    "cut_tile",
)
''',
    "kit/v1/parts.py": '''"""Parts."""

from datetime import date


def cut_tile(lo: int, hi: int, at: int) -> list[int]:
    """Return the bounds of two parts."""
    return [lo, at, hi] if lo < at < hi else [lo, hi]


def read_year(text: str) -> int:
    """Return the year of a date."""
    return date.fromisoformat(text).year
''',
    "kit/v1/rule.py": '''"""Rules."""

from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Amount = Annotated[int, Field(ge=1, le=9_007_199_254_740_991)]


def bound(least: int, most: int) -> FieldInfo:
    """Return bounds of a length."""
    field: FieldInfo = Field(min_length=least, max_length=most)
    return field


class Payload(BaseModel):
    """A body."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Signer(NamedTuple):
    """Who signs."""

    member: str
    action: str
    amount_minor: int = 0
    currency: str = ""


class Context(Protocol):
    """What a rule reaches."""

    time: int

    def need(self, kind: str, item: str) -> Any:
        """Return a record."""

    def remove(self, kind: str, item: str) -> None:
        """Delete a record."""

    def emit(self, event: str, **fields: int | str) -> None:
        """Tell."""


class Rule:
    """Declarations."""

    def __init__(self, name: str, *, part: str, writes: tuple[str, ...] = ()) -> None:
        """Start."""
        self.name = name
        self.part = part
        self.writes = writes
        self.actions: dict[str, Any] = {}

    def action(self, act: str, payload: Any, *, signers: Any = None) -> Any:
        """Register."""

        def add(apply: Any) -> Any:
            self.actions[act] = (payload, signers, apply)
            return apply

        return add
''',
}

HEAD = '''"""A rule."""

from contracts.kit.v1 import Amount, Annotated, Context, Hash, Literal
from contracts.kit.v1 import Payload, Rule, Signer, bound, cut_tile

rule = Rule("receivable", part="attack")
'''

PATH = "receivable/attack.py"


def file_of(top: str) -> str:
    """Return a rule file with these statements below the imports."""
    return HEAD + "\n\n" + dedent(top).lstrip("\n")


def function_of(body: str) -> str:
    """Return a rule file with one function ``attack(ctx, n)`` of this body."""
    lines = indent(dedent(body).strip("\n"), "    ")
    return file_of(
        f'def attack(ctx: Context, n: int) -> object:\n    """Do."""\n{lines}\n'
    )


def rulebook_files(source: str, **kit: str) -> Mapping[str, str]:
    """Return the files of a rulebook with this one rule file.

    Args:
        source: of the rule file.
        kit: module name -> source, in place of the kit's own or beside it.
    """
    files = {f"kit/v1/{name}.py": text for name, text in kit.items()}
    return {**KIT, **files, PATH: source}
