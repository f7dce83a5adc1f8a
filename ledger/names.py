"""Ids that people read, type and dictate.

An id is a kind letter, twelve characters for the first 60 bits of the hash
and a check character, as in ``R4T0Q-…``: capital letters and digits without
I, L, O and U, so that a typed ``o`` can only mean zero. They are for display
and typing; whatever is signed carries the whole hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from ledger.currency import exponent
from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError

KIND_LETTERS: Final = MappingProxyType(
    {
        "receivable": "R",
        "member": "M",
        "offer": "O",
        "programme": "P",
        "account": "A",
        "payout": "Y",
        "payout_account": "B",
        "entry": "E",
        "transaction": "T",
        "key": "K",
        "deal": "D",
        "quote": "Q",
        "request": "S",
        "discrepancy": "N",
        "order": "F",
        "dispute": "C",
    }
)
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_CHARS: Final = 12
PREFIX_CHARS_MIN: Final = 4
HASH_DIGITS: Final = 64

_KINDS: Final = MappingProxyType({letter: k for k, letter in KIND_LETTERS.items()})
# Letters that look like digits, read as the digit they look like.
_LOOKALIKES: Final = MappingProxyType({"O": "0", "I": "1", "L": "1"})
_VALUES: Final = MappingProxyType(
    {char: value for value, char in enumerate(ALPHABET)}
    | {char: int(digit) for char, digit in _LOOKALIKES.items()}
)
_BITS_A_CHAR: Final = 5
_HASH_DIGITS_SHOWN: Final = ID_CHARS * _BITS_A_CHAR // 4
_TEXT_SHOWN: Final = 24


def short_id(kind: str, full: str) -> str:
    """Return the id of a hash as people see it, 14 characters.

    Args:
        kind: a key of ``KIND_LETTERS``.
        full: the hash, 64 hexadecimal digits.

    Raises:
        LedgerError: ``bad_id``, no such kind or not a hash.
    """
    letter = KIND_LETTERS.get(kind)
    if letter is None or not _is_hash(full):
        raise LedgerError("bad_id", expected="a kind and a hash", found=_show(full))
    body = letter + _chars_of(full)
    return body + _check_char(body)


def _chars_of(full: str) -> str:
    number = int(full[:_HASH_DIGITS_SHOWN], 16)
    places = range(_BITS_A_CHAR * (ID_CHARS - 1), -1, -_BITS_A_CHAR)
    return "".join(ALPHABET[number >> place & 31] for place in places)


def _is_hash(text: str) -> bool:
    return len(text) == HASH_DIGITS and not set(text) - set("0123456789abcdef")


def _check_char(body: str) -> str:
    """Return the check character: ISO 7064's hybrid construction, M = 32.

    It finds every single wrong character, and all swaps of neighbours but one
    in about 500: those whose running totals are 16 and 17.

    The kind letter counts with its value as an ordinary character, O as the
    zero it looks like; no two kinds share a value.
    """
    total = 32
    for char in body:
        total = (total + _VALUES[char]) % 32 or 32
        total = 2 * total % 33
    return ALPHABET[(1 - total) % 32]


def parse_id(text: str) -> tuple[str, str]:
    """Return kind and characters of a typed id or of its beginning.

    Small letters, dashes between characters and letters that look like digits
    are understood. A whole id carries its check character, which must agree.

    Returns:
        The kind, and 4 to 12 characters of the alphabet, all 12 of a whole id.

    Raises:
        LedgerError: ``bad_id``, another form; ``bad_id_check``, a typing
            error.
    """
    typed = text.strip().upper().replace("-", "")
    kind = _KINDS.get(typed[:1])
    chars = "".join(_LOOKALIKES.get(char, char) for char in typed[1:])
    fits = PREFIX_CHARS_MIN <= len(chars) <= ID_CHARS + 1
    # Some foreign letters have capitals that are ASCII; nobody typed those.
    if kind is None or not fits or not text.isascii():
        raise LedgerError(
            "bad_id", expected="a kind letter and 4 to 13 characters", found=_show(text)
        )
    if set(chars) - set(ALPHABET):
        raise LedgerError(
            "bad_id", expected=f"characters of {ALPHABET}", found=_show(text)
        )
    if len(chars) <= ID_CHARS:
        return kind, chars
    if _check_char(typed[0] + chars[:-1]) != chars[-1]:
        raise LedgerError(
            "bad_id_check", expected="an agreeing last character", found=_show(text)
        )
    return kind, chars[:-1]


def resolve_id(text: str, candidates: Iterable[str], kind: str | None = None) -> str:
    """Return the one candidate that a typed id means.

    Args:
        text: an id, the beginning of one, or a whole hash.
        candidates: hashes of things of the kind in question.
        kind: which kind the id must be of, if that is known.

    Raises:
        LedgerError: ``bad_id`` or ``bad_id_check``, before any candidate is
            looked at; ``not_found``; ``ambiguous_id``.
    """
    if _is_hash(text):
        found = {full for full in candidates if full == text}
    else:
        named, chars = parse_id(text)
        if kind not in (None, named):
            raise LedgerError(
                "bad_id", expected=f"the id of a {kind}", found=f"that of a {named}"
            )
        found = {full for full in candidates if _chars_of(full).startswith(chars)}
    if not found:
        raise LedgerError("not_found", found=_show(text))
    if len(found) > 1:
        raise LedgerError("ambiguous_id", found=_show(text), fitting=len(found))
    return found.pop()


def holding_name(receivable: str, lo_minor: int, currency: str) -> str:
    """Return the name of a holding, e.g. ``R…/60000.00``.

    Args:
        receivable: hash of the receivable, 64 hexadecimal digits.
        lo_minor: where the holding begins, in minor units.
        currency: ISO 4217 code of the receivable.

    Raises:
        LedgerError: ``bad_id``, not a hash or beyond any face;
            ``unknown_currency``.
    """
    if not 0 <= lo_minor <= INTEGER_MAX:
        raise LedgerError("bad_id", expected=f"0 to {INTEGER_MAX}", found=lo_minor)
    name = short_id("receivable", receivable)
    decimals = exponent(currency)
    if not decimals:
        return f"{name}/{lo_minor}"
    major, minor = divmod(lo_minor, 10**decimals)
    return f"{name}/{major}.{minor:0{decimals}d}"


def parse_holding_name(text: str, currency: str) -> tuple[str, int]:
    """Return the typed id and the beginning in minor units of a holding.

    Args:
        text: an id of a receivable, a slash and major units; decimals that
            are all zero may be left out.
        currency: ISO 4217 code of the receivable.

    Raises:
        LedgerError: ``unknown_currency``; ``bad_id``, another form.
    """
    decimals = exponent(currency)
    name, slash, typed = text.strip().partition("/")
    major, point, minor = typed.partition(".")
    digits = major + (minor if point else "0" * decimals)
    whole = digits.isascii() and digits.isdecimal() and bool(major)
    if not slash or not whole or (point and (not decimals or len(minor) != decimals)):
        raise LedgerError(
            "bad_id",
            expected=f"an id, a slash and an amount of {decimals} decimals",
            found=_show(text),
        )
    if len(digits) > len(str(INTEGER_MAX)) or int(digits) > INTEGER_MAX:
        raise LedgerError("bad_id", expected=f"up to {INTEGER_MAX}", found=_show(text))
    return name, int(digits)


def _show(text: str) -> str:
    """Return the beginning of foreign text, safe to print."""
    return ascii(text[:_TEXT_SHOWN])[1:-1]
