"""What people type: dates, moments, hashes, amounts, and ids of things.

As types of a command's arguments they are checked before a node is asked; what
only a node knows, such as the record of an id, is an ``Asked`` until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from cli.amounts import parse_amount
from cli.people import check_id
from cli.private import read_private
from ledger.errors import LedgerError

DOCUMENT_BYTES_MAX: Final = 256 * 2**20
MINUTE_MS: Final = 60_000
SPANS_MS: Final = {"d": 86_400_000, "h": 3_600_000}

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SPAN: Final = re.compile(r"([0-9]{1,3})([dh])")
_OFFSET: Final = re.compile(r"[+-][0-9]{2}:[0-9]{2}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def read_date(text: str) -> str:
    """Return an ISO date that exists.

    Raises:
        LedgerError: ``not_a_date``.
    """
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise LedgerError("not_a_date", expected="2031-12-31", found=text[:40])


def read_moment(text: str, now_ms: int) -> int:
    """Return a moment in UTC milliseconds: a span from now, or ISO 8601.

    A span ends with a whole minute, for that is how screens show moments.

    Raises:
        LedgerError: ``bad_moment``.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        then_ms = now_ms + int(span[1]) * SPANS_MS[span[2]]
        return then_ms - then_ms % MINUTE_MS
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise LedgerError("bad_moment", found=text[:40]) from error
    if moment.tzinfo is None:
        raise LedgerError("bad_moment", expected="a zone", found=text[:40])
    passed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1000


def end_of_day(text: str, zone: str) -> int:
    """Return a date's last millisecond in a zone, Europe/Paris or +08:00, as UTC.

    Raises:
        LedgerError: ``not_a_date``; ``usage``, no such zone.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few commands need it

    day = read_date(text)
    try:
        if _OFFSET.fullmatch(zone):
            begins = datetime.fromisoformat(f"{day}T00:00{zone}")
        else:
            begins = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
        # Added to the wall clock: a day of 23 or 25 hours ends where it does.
        ends = begins + timedelta(days=1)
    except (KeyError, ValueError, OSError, OverflowError) as error:
        raise LedgerError("usage", found=f"no zone or date: {zone[:40]}") from error
    return int(ends.timestamp()) * 1000 - 1


def check_moment(text: str) -> None:
    """The text is a moment, whatever time it is now.

    Raises:
        LedgerError: ``bad_moment``.
    """
    read_moment(text, 0)


def read_hash(text: str) -> str:
    """Return a SHA-256 in lower case, of a file where the text is ``@FILE``.

    Raises:
        LedgerError: ``bad_hash``; those of ``read_private``.
    """
    if text.startswith("@"):
        path = Path(text[1:])
        raw = read_private(path, size_bytes_max=DOCUMENT_BYTES_MAX, forbidden_mode=0)
        return sha256(raw).hexdigest()
    if not _HASH.fullmatch(text.lower()):
        raise LedgerError("bad_hash", found=text[:64])
    return text.lower()


# --- options ---

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def option(names: str, kind: Any, text: str = "", **more: Any) -> Decorator:
    """Return an option that takes a value; a default is shown in the help.

    Args:
        names: as typed, and as the function calls it: ``--from giver``.
        kind: a type, or for a plain text how help shows it.
        text: of the help.
        more: what ``click.option`` takes besides.
    """
    typed = {"metavar": kind} if isinstance(kind, str) else {"type": kind}
    given = {"show_default": bool(more.get("default"))} | typed | more
    return click.option(*names.split(), help=text or None, **given)


def flag(names: str, text: str) -> Decorator:
    """Return an option without a value."""
    return click.option(*names.split(), is_flag=True, help=text)


# --- as types of arguments ---


class Amount(NamedTuple):
    """An amount as typed: minor units and their currency."""

    minor: int
    currency: str

    def of(self, currency: str) -> int:
        """Return the minor units where the currency is the expected one.

        Raises:
            LedgerError: ``other_currency``.
        """
        if self.currency != currency:
            raise LedgerError("other_currency", expected=currency, found=self.currency)
        return self.minor


@dataclass(frozen=True, slots=True)
class Asked:
    """What is typed and of the right form; ``find`` asks what it stands for."""

    find: Callable[[Any], Any]


class Argument(click.ParamType[Any, Any]):
    """A type of argument: how help shows it, and the function that reads a text."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        """Read texts with a function that raises ``LedgerError``."""
        self.name = name
        self.read = read

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return what help shows for a value; an argument shows its own name."""
        del ctx
        return None if isinstance(param, click.Argument) else self.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return what a text says; what was read already stays."""
        del param, ctx
        return self.read(value) if isinstance(value, str) else value


def an_id(*kinds: str) -> Argument:
    """Return the type of an id of these kinds: a command gets the thing's record."""

    def read(text: str) -> Asked:
        check_id(text, *kinds)
        if len(kinds) > 1:
            return Asked(lambda lookup: lookup.find_any(text, *kinds))
        return Asked(lambda lookup: lookup.find(kinds[0], text))

    return Argument(kinds[0].upper() if len(kinds) == 1 else "ID", read)


def _read_holding(text: str) -> Asked:
    check_id(text.partition("/")[0], "receivable")
    return Asked(lambda lookup: lookup.find_holding(text))


def _ask_moment(text: str) -> Asked:
    check_moment(text)
    return Asked(lambda lookup: read_moment(text, lookup.session.now_ms()))


def read_balance(text: str) -> Amount:
    """Return a balance as typed; below zero it has its sign before the digits.

    Raises:
        LedgerError: those of ``parse_amount``.
    """
    unsigned = re.sub(r"(^|\s)-(?=[0-9])", r"\1", text, count=1)
    minor, currency = parse_amount(unsigned)
    return Amount(minor if unsigned == text else -minor, currency)


AMOUNT: Final = Argument('"CNY 40000.00"', lambda text: Amount(*parse_amount(text)))
BALANCE: Final = Argument(AMOUNT.name, read_balance)
DATE: Final = Argument("DATE", read_date)
PATH: Final = Argument("FILE", Path)
HASH: Final = Argument("SHA256|@FILE", read_hash)
HOLDING: Final = Argument("HOLDING", _read_holding)
MEMBER: Final = an_id("member")
MOMENT: Final = Argument("SPAN", _ask_moment)
RECEIVABLE: Final = an_id("receivable")
