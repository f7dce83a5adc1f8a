"""The signing screen: what a payload's bytes do, in words, and all of it.

The screen is a pure function of the payload and of facts to read it by. Every
field of a payload has to be put on the screen, under a name; a payload with a
field that no line shows cannot be signed. Full hashes stand at the end, so
that no change of a signed byte leaves the screen as it was.

Facts (names, currencies, terms of a receivable) come from a node and are
marked as such. What moves, how much and to whom comes from the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cli.amounts import format_amount
from cli.people import name_id
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

LABEL_COLUMNS: Final = 14
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS: Final = 60_000
DAY_MINUTES: Final = 1_440
FRAME: Final = ("act", "body", "by", "chain", "nonce", "not_after", "rule", "v")

Place = tuple[str | int, ...]


class Facts:
    """What a node says about the things a payload names.

    Members, receivables and so on are looked up by id; an absent one is shown
    by its id alone.
    """

    def __init__(self, facts: Mapping[str, Any] | None = None) -> None:
        """Take facts as a signing file holds them: rows with kind and id."""
        given = facts or {}
        self.test_chain = given.get("test_chain") is True
        self.member = str(given.get("member", ""))
        self.rows: list[JSONObject] = [
            row for row in given.get("records", []) if isinstance(row, dict)
        ]

    def record(self, kind: str, item: object) -> JSONObject:
        """Return the facts about a thing, empty if there are none."""
        for row in self.rows:
            if row.get("kind") == kind and row.get("id") == item:
                return row
        return {}

    def account_currency(self, account: object) -> str:
        """Return an account's currency, from itself or a programme on it."""
        for row in self.rows:
            is_it = row.get("kind") == "account" and row.get("id") == account
            currency = row.get("currency")
            if (is_it or row.get("account") == account) and isinstance(currency, str):
                return currency
        return ""

    @property
    def offset_minutes(self) -> int:
        """The zone in which moments are shown: that of the one programme, or UTC."""
        found = [row for row in self.rows if row.get("kind") == "programme"]
        offset = found[0].get("offset_minutes", 0) if len(found) == 1 else 0
        return offset if type(offset) is int and abs(offset) < DAY_MINUTES else 0

    def text(self, kind: str, item: object, name: str) -> str:
        """Return one fact as text, "" if it is not known."""
        value = self.record(kind, item).get(name, "")
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Screen:
    """A finished screen.

    Attributes:
        act: what is done, in words and by its name.
        lines: to be printed in order.
        expected: what the user types to sign: an amount or a count.
        is_amount: whether it is an amount in major units.
        currency: of the amount, "" for a count.
        amount_minor: the amount or the count.
        matter: those lines that say what is done and until when.
    """

    act: str
    lines: tuple[str, ...]
    expected: str
    is_amount: bool
    currency: str
    amount_minor: int
    matter: tuple[str, ...]


@dataclass
class Page:
    """A screen being written: takes fields of the body and shows them.

    Attributes:
        body: of the act.
        facts: to read it by.
        lines: what is shown so far.
        hashes: full hashes by the name they are shown under.
    """

    body: JSONObject
    facts: Facts
    lines: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    left: set[Place] = field(default_factory=set)
    asked: tuple[str, int, str] = ("", 0, "")

    def __post_init__(self) -> None:
        """Note every field of the body as not shown yet."""
        self.left = set(leaves(self.body))

    def has(self, *path: str | int) -> bool:
        """Tell whether the body has a field."""
        return self._find(path) is not None

    def take(self, *path: str | int) -> Any:
        """Return a single value of the body, which the caller shows.

        Raises:
            LedgerError: ``bad_body``, there is none.
        """
        value = self._find(path)
        if value is None or isinstance(value, dict | list):
            raise LedgerError("bad_body", expected=name_path(path))
        self.left.discard(path)
        return value

    def number(self, *path: str | int) -> int:
        """Return a whole number of the body.

        Raises:
            LedgerError: ``bad_body``, it is none.
        """
        value = self.take(*path)
        if type(value) is not int:
            raise LedgerError("bad_body", expected=f"{name_path(path)}: a number")
        return value

    def text(self, *path: str | int) -> str:
        """Return a text of the body.

        Raises:
            LedgerError: ``bad_body``, it is none.
        """
        value = self.take(*path)
        if not isinstance(value, str):
            raise LedgerError("bad_body", expected=f"{name_path(path)}: a text")
        return value

    def items(self, *path: str | int) -> int:
        """Return how many items a list of the body has, 0 if it is absent.

        Raises:
            LedgerError: ``bad_body``, it is no list, or empty.
        """
        value = self._find(path)
        if value is None:
            return 0
        if not isinstance(value, list) or not value:
            raise LedgerError("bad_body", expected=f"{name_path(path)}: a list")
        return len(value)

    def is_empty(self, *path: str | int) -> bool:
        """Tell whether a field is an empty list, which the caller then shows."""
        if self._find(path) != []:
            return False
        self.left.discard(path)
        return True

    def _find(self, path: Place) -> Any:
        value: Any = self.body
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def moment(self, moment_ms: object) -> str:
        """Return a moment in the zone of the facts' programme, or in UTC."""
        return show_moment(moment_ms, self.facts.offset_minutes)

    def line(self, label: str, text: str) -> None:
        """Add a line."""
        self.lines.append(f" {label:<{LABEL_COLUMNS - 1}} {text}")

    def hash(self, value: str, kind: str = "") -> str:
        """Return a short name of a hash; the whole stands at the end."""
        short = name_id(kind, value) if kind else f"{value[:8]}…{value[-4:]}"
        if self.hashes.setdefault(short, value) != value:
            return value
        return short

    def id(self, kind: str, *path: str | int) -> str:
        """Return the name under which an id of the body is shown."""
        return self.name(kind, self.text(*path))

    def name(self, kind: str, item: str) -> str:
        """Return the name of a thing: its id, for a member its name too."""
        short = self.hash(item, kind)
        called = self.facts.text(kind, item, "name")
        return f"{quote(called)} {short}" if called else short

    def money(self, amount_minor: int, currency: str) -> str:
        """Return an amount with its currency.

        Raises:
            LedgerError: ``fact_missing``, the currency is not known.
        """
        if not currency:
            raise LedgerError("fact_missing", expected="the currency")
        return format_amount(amount_minor, currency)

    def ask_amount(self, amount_minor: int, currency: str) -> None:
        """Let the user type an amount in major units."""
        text = self.money(amount_minor, currency).partition(" ")[2]
        self.asked = (text, amount_minor, currency)

    def ask_count(self, count: int) -> None:
        """Let the user type a count, for acts without an amount."""
        self.asked = (str(count), count, "")


def draw(payload: JSONObject, facts: Facts, transaction: str) -> Screen:
    """Return the screen of a payload.

    Args:
        payload: the decoded payload, all its bytes.
        facts: to read it by.
        transaction: id of the transaction, from the same bytes.

    Raises:
        LedgerError: ``bad_payload``; ``unknown_act``; ``bad_body``;
            ``fact_missing``; ``field_not_shown``, naming the field.
    """
    from cli.signing.lines import show_act  # noqa: PLC0415 - it writes on this page

    if set(payload) != set(FRAME) or not isinstance(payload["body"], dict):
        raise LedgerError("bad_payload", expected="exactly the fields of v1")
    act = str(payload["act"])
    page = Page(payload["body"], facts)
    title = f"{show_act(page, act)} ({act})"
    if page.left:
        first = min(page.left, key=str)
        raise LedgerError("field_not_shown", found=f"{act}: {name_path(first)}")
    for row in facts.rows:
        if row.get("kind") == "warning":
            words = "".join(_spell(char) for char in str(row.get("text", "")))
            page.lines.insert(0, f" {'WARNING':<{LABEL_COLUMNS}}{words}")
    # Drawn before its own lines, the title stands on top of them.
    page.lines.insert(0, f" {'act':<{LABEL_COLUMNS}}{title}")
    _draw_signers(page, payload)
    matter = tuple(page.lines)
    _draw_frame(page, payload, transaction)
    text, amount, currency = page.asked
    lines = [*_banner(facts), *page.lines, *_banner(facts)]
    return Screen(title, tuple(lines), text, bool(currency), currency, amount, matter)


def _banner(facts: Facts) -> list[str]:
    if facts.test_chain:
        return ["*** TEST CHAIN: nothing on it has value ***"]
    return []


def _draw_signers(page: Page, payload: JSONObject) -> None:
    by = payload["by"]
    if not isinstance(by, list) or not all(isinstance(item, str) for item in by):
        raise LedgerError("bad_payload", expected="by: member ids")
    for position, item in enumerate(by):
        own = ", you" if item == page.facts.member else ""
        label = "signed by" if position == 0 else ""
        page.line(label, page.name("member", item) + own)
    page.line("valid until", page.moment(payload["not_after"]))


def _draw_frame(page: Page, payload: JSONObject, transaction: str) -> None:
    page.line("rule", f"the one installed here, {page.hash(payload['rule'])}")
    page.line("chain", page.hash(payload["chain"]))
    page.line("nonce", str(payload["nonce"]))
    page.line("format", f"version {payload['v']}")
    page.line("transaction", transaction)
    if page.facts.rows:
        page.line("as stated", "names, currencies, parties and dates: by the node")
    if page.hashes:
        page.lines.append(" in full")
        page.lines += [f" {short:<14} {full}" for short, full in page.hashes.items()]


def leaves(value: object, path: Place = ()) -> Iterator[Place]:
    """Yield the path of every single value, and of every empty list or object."""
    inner: Sequence[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    if not inner:
        yield path
    for step, item in inner:
        yield from leaves(item, (*path, step))


def name_path(path: Place) -> str:
    """Return a path as one text, e.g. ``entries.0.key``."""
    return ".".join(str(step) for step in path)


def quote(text: str) -> str:
    """Return a text in quotation marks such that no two texts look the same."""
    kept = [_spell(char) for char in text]
    return '"' + "".join(kept) + '"'


def _spell(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def show_offset(minutes: int) -> str:
    """Return an offset from UTC, e.g. ``UTC+08:00``."""
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def show_rate(ppm: int) -> str:
    """Return a rate of parts per million as an exact percentage."""
    return f"{ppm // 10_000}.{ppm % 10_000:04d} %"


def show_moment(moment_ms: object, offset_minutes: int = 0) -> str:
    """Return a moment to the minute in a zone of fixed offset, which is named.

    What is within the minute is shown if there is any, so that no two look alike.

    Raises:
        LedgerError: ``bad_body``, it is no moment of the calendar.
    """
    if type(moment_ms) is not int:
        raise LedgerError("bad_body", expected="milliseconds", found=moment_ms)
    try:
        shifted = EPOCH + timedelta(milliseconds=moment_ms, minutes=offset_minutes)
    except OverflowError as error:
        if offset_minutes:
            return show_moment(moment_ms)
        raise LedgerError("bad_body", expected="a moment") from error
    spec = "milliseconds" if moment_ms % MINUTE_MS else "minutes"
    text = shifted.replace(tzinfo=None).isoformat(sep=" ", timespec=spec)
    return f"{text} {show_offset(offset_minutes) if offset_minutes else 'UTC'}"


def show_minute(moment_ms: int) -> str:
    """Return the minute of a moment in the zone of this machine, for lists."""
    whole_ms = moment_ms - moment_ms % MINUTE_MS
    try:
        here = datetime.fromtimestamp(whole_ms / 1000, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return show_moment(whole_ms)
    passed = here.utcoffset() or timedelta()
    return show_moment(whole_ms, int(passed.total_seconds()) // 60)
