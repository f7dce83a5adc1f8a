"""Recovery codes: a key's seed in a form that survives paper and typing.

256 bits of seed and a 4-bit check make 52 Crockford base-32 characters, in 13
groups of four, each followed by a check character of its own. That character
is a weighted sum over GF(32) of the group's number and its characters: one
wrong character, any two exchanged ones and any exchanged or repeated group
are always found, and the group is named. Case, spaces and dashes do not
matter; O is read as 0, I and L as 1.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from ledger.errors import LedgerError

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS: Final = 13
GROUP_CHARS: Final = 5
SEED_BYTES: Final = 32
TEXT_CHARS_MAX: Final = 512

_VALUES: Final = {char: value for value, char in enumerate(ALPHABET)} | {
    "O": 0,
    "I": 1,
    "L": 1,
}
_MODULUS: Final = 0b100101  # x^5 + x^2 + 1, whose root generates GF(32)*


def encode_recovery(seed: bytes) -> str:
    """Return the recovery code of a seed: 13 groups joined by dashes.

    Raises:
        ValueError: the seed does not have 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError("a seed has 32 bytes")
    number = int.from_bytes(seed, "big") << 4 | _seed_check(seed)
    digits = [number >> shift & 31 for shift in range(255, -1, -5)]
    groups = (
        _encode_group(index + 1, digits[4 * index : 4 * index + 4])
        for index in range(GROUPS)
    )
    return "-".join(groups)


def decode_recovery(text: str) -> bytes:
    """Return the seed of a recovery code; the inverse of ``encode_recovery``.

    Messages name the wrong group and never repeat what was typed.

    Raises:
        LedgerError: ``bad_recovery_code``; detail ``group`` is 1 to 13 where
            a single group is at fault.
    """
    number = 0
    groups = _split_groups(text)
    for position, group in enumerate(groups[:GROUPS], start=1):
        for digit in _decode_group(position, group):
            number = number << 5 | digit
    if len(groups) != GROUPS:
        raise LedgerError(
            "bad_recovery_code", expected=f"{GROUPS} groups", found=len(groups)
        )
    seed = (number >> 4).to_bytes(SEED_BYTES, "big")
    if number & 15 != _seed_check(seed):
        raise LedgerError("bad_recovery_code", expected="a code made by allonge")
    return seed


def _split_groups(text: str) -> list[str]:
    if len(text) > TEXT_CHARS_MAX:
        raise LedgerError("bad_recovery_code", expected=f"{GROUPS} groups")
    groups = re.findall(r"[^\s\-]+", text.upper())
    joined = "".join(groups)
    if len(groups) != GROUPS and len(joined) == GROUPS * GROUP_CHARS:
        groups = re.findall("." * GROUP_CHARS, joined)
    return groups


def _encode_group(position: int, digits: list[int]) -> str:
    values = [*digits, _group_check(position, digits)]
    return "".join(ALPHABET[value] for value in values)


def _decode_group(position: int, group: str) -> list[int]:
    if len(group) != GROUP_CHARS:
        raise LedgerError(
            "bad_recovery_code",
            expected=f"{GROUP_CHARS} characters in group {position}",
            found=len(group),
            group=position,
        )
    values = [_VALUES.get(char, -1) for char in group]
    if -1 in values or _group_check(position, values[:4]) != values[4]:
        raise LedgerError(
            "bad_recovery_code", found=f"a mistake in group {position}", group=position
        )
    return values[:4]


def _group_check(position: int, digits: list[int]) -> int:
    total = position
    for digit in digits:
        total = _times_root(total) ^ digit
    return _times_root(total)


def _times_root(value: int) -> int:
    doubled = value << 1
    return doubled ^ _MODULUS if doubled & 32 else doubled


def _seed_check(seed: bytes) -> int:
    return sha256(b"allonge.recovery.v1\x00" + seed).digest()[0] >> 4
