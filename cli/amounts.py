"""Amounts as people type and read them, in exact integers.

One spelling has one meaning: the decimal mark is a point, the currency is
always written, and a comma is accepted only where it cannot be taken for a
decimal mark.
"""

from __future__ import annotations

import re
from typing import Final

from ledger.currency import exponent
from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError

_DIGITS_MAX: Final = 40
_PLAIN: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
# Two groups, or one group and a decimal point, leave a comma one meaning.
_GROUPED: Final = re.compile(
    r"([0-9]{1,3}(?:,[0-9]{3}){2,}|[0-9]{1,3},[0-9]{3}(?=\.))(?:\.([0-9]+))?"
)
_SEPARATED: Final = re.compile(r"[0-9][0-9.,' _\u00a0\u202f\u2009]*[0-9]")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def parse_amount(text: str) -> tuple[int, str]:
    """Return minor units and currency of ``CNY 40000.00`` or ``40000.00 CNY``.

    Commas group thousands where nothing else can be meant: ``40,000.00`` and
    ``1,000,000`` are read, ``40,000`` and ``40.000,00`` are refused.

    Raises:
        LedgerError: ``currency_missing``, ``bad_amount``,
            ``unknown_currency``, ``ambiguous_amount``, ``too_many_decimals``
            or ``amount_too_large``, in this order.
    """
    currency, number = _split_currency(text.strip())
    exponent(currency)
    return parse_minor(number, currency), currency


def _split_currency(text: str) -> tuple[str, str]:
    head, _, rest = text.partition(" ")
    if _CURRENCY.fullmatch(head):
        return head, rest.strip()
    rest, _, tail = text.rpartition(" ")
    if _CURRENCY.fullmatch(tail):
        return tail, rest.strip()
    if any(mark.isalpha() for mark in text):
        raise LedgerError("bad_amount", expected="CNY 40000.00", found=_shown(text))
    raise LedgerError("currency_missing", expected="CNY 40000.00", found=_shown(text))


def parse_minor(number: str, currency: str) -> int:
    """Return the minor units of a number in major units.

    Decimals are counted as written: ``1.000`` has three, whatever they are.

    Args:
        number: digits with at most one decimal point, no sign.
        currency: ISO 4217 code.

    Raises:
        LedgerError: ``unknown_currency``, ``bad_amount``,
            ``ambiguous_amount``, ``too_many_decimals`` or
            ``amount_too_large``, in this order.
    """
    decimals_max = exponent(currency)
    if len(number) > _DIGITS_MAX:
        raise LedgerError("bad_amount", expected=f"at most {_DIGITS_MAX} characters")
    match = _PLAIN.fullmatch(number) or _GROUPED.fullmatch(number)
    if match is None:
        code = "ambiguous_amount" if _SEPARATED.fullmatch(number) else "bad_amount"
        raise LedgerError(code, expected="40000.00", found=_shown(number))
    decimals = match[2] or ""
    if len(decimals) > decimals_max:
        raise LedgerError(
            "too_many_decimals",
            expected=f"at most {decimals_max} for {currency}",
            found=number,
        )
    minor = int(match[1].replace(",", "") + decimals.ljust(decimals_max, "0"))
    if minor > INTEGER_MAX:
        raise LedgerError(
            "amount_too_large",
            expected=f"at most {format_amount(INTEGER_MAX, currency)}",
            found=number,
        )
    return minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Return an amount with its ISO code, as ``CNY 40000.00``.

    ``parse_amount`` reads back what this writes, unless it is negative.

    Args:
        amount_minor: minor units, any sign.
        currency: ISO 4217 code.

    Raises:
        LedgerError: ``unknown_currency``.
    """
    decimals = exponent(currency)
    digits = str(abs(amount_minor)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    sign = "-" if amount_minor < 0 else ""
    return f"{currency} {sign}{whole}" + (f".{fraction}" if fraction else "")


def _shown(text: str) -> str:
    return "".join(mark if mark.isprintable() else "?" for mark in text[:40])
