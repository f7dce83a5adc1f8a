"""A kit of the bare minimum: declarations, and nothing that moves money."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, NoReturn, Protocol

from pydantic import BaseModel, ConfigDict, Field

INTEGER_MAX = 9_007_199_254_740_991
Record = dict[str, Any]

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Minor = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Amount = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Note = Annotated[str, Field(max_length=60_000)]


class Payload(BaseModel):
    """The body of an act: strict, closed and frozen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Signer(NamedTuple):
    """A member that must sign, and what its policy is asked for."""

    member: str
    action: str
    amount_minor: int = 0
    currency: str = ""


class Context(Protocol):
    """What a rule reaches."""

    time: int

    def need(self, kind: str, item: str, scope: str = "") -> Any:
        """Return a record; refuse with ``not_found`` if there is none."""

    def create(self, record: Record) -> None:
        """Write a record whose key must be free."""

    def write(self, record: Record) -> None:
        """Replace a record that exists."""

    def allocate(self, kind: str) -> str:
        """Return a fresh object id."""

    def schedule(self, target: Record, what: str, due_ms: int) -> None:
        """Plan work on a record for a moment."""

    def emit(self, event: str, **fields: int | str) -> None:
        """Add an event to the receipt."""

    def refuse(self, code: str, **facts: int | str) -> NoReturn:
        """Refuse the act with a declared code."""


class Action(NamedTuple):
    """One act of a rule."""

    act: str
    payload: type[Payload]
    signers: Callable[[Context, Any], list[Signer]]
    apply: Callable[[Context, Any], None]
    on: tuple[str, str] | None
    business: bool


class Kind(NamedTuple):
    """One kind of record."""

    name: str
    scoped: bool = False
    interval: bool = False
    places: Callable[[Record], list[tuple[str, str, str]]] | None = None


class Rule:
    """Declarations of one rule file."""

    def __init__(
        self,
        name: str,
        *,
        part: str,
        writes: tuple[str, ...],
        refusals: dict[str, tuple[str, str, str, str]],
    ) -> None:
        """Start a rule whose files may write these kinds."""
        self.name = name
        self.part = part
        self.writes = writes
        self.refusals = refusals
        self.actions: dict[str, Action] = {}
        self.jobs: dict[tuple[str, str], Callable[[Context, Record], None]] = {}

    def action(
        self,
        act: str,
        payload: type[Payload],
        *,
        signers: Callable[[Context, Any], list[Signer]],
        on: tuple[str, str] | None = None,
        business: bool = False,
    ) -> Callable[[Any], Any]:
        """Register the handler of an act."""

        def add(apply: Any) -> Any:
            self.actions[act] = Action(act, payload, signers, apply, on, business)
            return apply

        return add

    def job(self, kind: str, what: str) -> Callable[[Any], Any]:
        """Register the handler of automatic work."""

        def add(apply: Any) -> Any:
            self.jobs[(kind, what)] = apply
            return apply

        return add
