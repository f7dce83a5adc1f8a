"""What a rule is made of: payloads, signers, actions, jobs, kinds.

A rule file builds one ``Rule`` and hangs its functions on it. The ledger
reads the declarations; wallet form, signing screen and HTTP endpoint come
from the same place.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, NamedTuple, NoReturn, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

INTEGER_MAX = 9_007_199_254_740_991
Record = dict[str, Any]


def bound(least: int, most: int) -> FieldInfo:
    """Return the bounds of a list's or text's length, both inclusive."""
    field: FieldInfo = Field(min_length=least, max_length=most)
    return field


def between(least: int, most: int) -> FieldInfo:
    """Return the bounds of a number, both inclusive."""
    field: FieldInfo = Field(ge=least, le=most)
    return field


def _check_date(text: str) -> str:
    date.fromisoformat(text)
    return text


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Minor = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Amount = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
# A bank's balance: reversing what was paid out already overdraws an account.
Balance = Annotated[int, Field(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
# Ten years: the longest term of a programme that is counted in days.
DAYS_MAX = 3_660
Days = Annotated[int, Field(ge=0, le=DAYS_MAX)]
Millis = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
Ppm = Annotated[int, Field(ge=0, le=1_000_000)]
Date = Annotated[
    str,
    Field(pattern=r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
    AfterValidator(_check_date),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Offset = Annotated[int, Field(ge=-720, le=840)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Text = Annotated[str, Field(min_length=1, max_length=140)]


class Payload(BaseModel):
    """The body of an act: strict, closed and frozen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def to_record(payload: Payload) -> Record:
    """Return a body as the JSON object that was signed: absent is omitted."""
    record: Record = payload.model_dump(exclude_none=True)
    return record


class Signer(NamedTuple):
    """A member that must sign, and what its approval policy is asked for.

    Attributes:
        member: member id.
        action: action class of the policy: ``confirm``, ``give``, ``accept``,
            ``submit``, ``terms``, ``attest``, ``pay``.
        amount_minor: what the member gives or undertakes, 0 if nothing.
        currency: ISO 4217 code, empty if no amount.
        persons: distinct persons at least, whatever the policy says.
        alone: the only person of a firm may sign above its band; ``ctx.alone``
            then names the member, and the handler lets the others wait.
    """

    member: str
    action: str
    amount_minor: int = 0
    currency: str = ""
    persons: int = 0
    alone: bool = False


class Context(Protocol):
    """All a rule can reach: records, ids, work on dates, events."""

    time: int
    height: int
    position: int
    source: str
    rule: str
    parameters: Record
    alone: tuple[str, ...]

    def read(
        self, kind: str, item: str, scope: str = "", *, shared: bool = False
    ) -> Any:
        """Return a record or None; a shared one is looked at, never changed."""

    def need(
        self, kind: str, item: str, scope: str = "", *, shared: bool = False
    ) -> Any:
        """Return a record; refuse with ``not_found`` if there is none."""

    def create(self, record: Record) -> None:
        """Write a record whose key must be free."""

    def write(self, record: Record) -> None:
        """Replace a record that exists."""

    def remove(self, kind: str, item: str, scope: str = "") -> None:
        """Delete a record that exists."""

    def scan(
        self, index: str, partition: str, after: str = "", limit: int = 1000
    ) -> list[Any]:
        """Return records of an index's partition in order, after a sort key."""

    def count_rows(self, index: str, partition: str) -> int:
        """Return how many records stand in a partition of an index."""

    def allocate(self, kind: str) -> str:
        """Return a fresh object id."""

    def hash_text(self, text: str) -> str:
        """Return the SHA-256 of a text, 64 hex digits."""

    def schedule(self, target: Record, what: str, due_ms: int) -> None:
        """Plan work on a record for a moment; now means in this block."""

    def emit(self, event: str, **fields: int | str) -> None:
        """Add an event to the receipt."""

    def refuse(self, code: str, **facts: int | str) -> NoReturn:
        """Refuse the act with a declared code."""


SignersFunction = Callable[[Context, Any], list[Signer]]
ActFunction = Callable[[Context, Any], None]
JobFunction = Callable[[Context, Record], None]


class Action(NamedTuple):
    """One act of a rule.

    Attributes:
        act: name in the payload, ``noun.verb``.
        payload: model of the body.
        signers: metered pure function: who must sign, for what.
        apply: the handler.
        on: kind of the record acted on and the body field with its id;
            empty for acts that create.
        business: new business, closed to suspended members.
        gone: code where the record acted on is not there.
    """

    act: str
    payload: type[Payload]
    signers: SignersFunction
    apply: ActFunction
    on: tuple[str, str] | None
    business: bool
    gone: str


class Kind(NamedTuple):
    """One kind of record and its ordered indexes.

    Attributes:
        name: the kind.
        scoped: the key has the parent's id.
        interval: records are intervals ``[lo, hi)`` that tile their scope.
        places: function record -> [(index, partition, sort key)].
    """

    name: str
    scoped: bool = False
    interval: bool = False
    places: Callable[[Record], list[tuple[str, str, str]]] | None = None


Refusal = tuple[str, str, str, str]


class Rule:
    """Declarations of one rule file."""

    def __init__(
        self,
        name: str,
        *,
        part: str,
        writes: tuple[str, ...],
        refusals: dict[str, Refusal] | None = None,
    ) -> None:
        """Start a rule.

        Args:
            name: the rule; all files of a rule share its manifest.
            part: this file.
            writes: kinds this file may write; anything else is a fault.
            refusals: code -> (kind, title, cause, fix).
        """
        self.name = name
        self.part = part
        self.writes = writes
        self.refusals = refusals or {}
        self.actions: dict[str, Action] = {}
        self.jobs: dict[tuple[str, str], JobFunction] = {}

    def action(
        self,
        act: str,
        payload: type[Payload],
        *,
        signers: SignersFunction,
        on: tuple[str, str] | None = None,
        business: bool = False,
        gone: str = "not_found",
    ) -> Callable[[ActFunction], ActFunction]:
        """Register the handler of an act."""

        def add(apply: ActFunction) -> ActFunction:
            self.actions[act] = Action(act, payload, signers, apply, on, business, gone)
            return apply

        return add

    def job(self, kind: str, what: str) -> Callable[[JobFunction], JobFunction]:
        """Register the handler of automatic work on records of a kind."""

        def add(apply: JobFunction) -> JobFunction:
            self.jobs[(kind, what)] = apply
            return apply

        return add


def order_key(*parts: int | str) -> str:
    """Return a sort key: numbers padded, parts in order of importance."""
    return "/".join(
        [str(part).rjust(16, "0") if isinstance(part, int) else part for part in parts]
    )
