"""Amounts typed by people: one spelling, one meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.amounts import format_amount, parse_amount
from ledger.currency import EXPONENTS
from ledger.encoding import INTEGER_MAX
from ledger.errors import LedgerError


@pytest.mark.parametrize(
    ("text", "amount_minor", "currency"),
    [
        ("CNY 40000.00", 4_000_000, "CNY"),
        ("40000.00 CNY", 4_000_000, "CNY"),
        ("CNY 40000", 4_000_000, "CNY"),
        ("CNY 40000.5", 4_000_050, "CNY"),
        ("  EUR   0.01 ", 1, "EUR"),
        ("EUR 0", 0, "EUR"),
        ("EUR 007.10", 710, "EUR"),
        ("JPY 40000", 40_000, "JPY"),
        ("KWD 1.234", 1_234, "KWD"),
        ("CLF 1.2345", 12_345, "CLF"),
        ("EUR 40,000.00", 4_000_000, "EUR"),
        ("EUR 1,000,000", 100_000_000, "EUR"),
        ("JPY 1,000,000", 1_000_000, "JPY"),
        ("EUR 90071992547409.91", INTEGER_MAX, "EUR"),
    ],
)
def test_amounts_with_one_meaning_are_read(
    text: str, amount_minor: int, currency: str
) -> None:
    """Minor units follow the exponent of the currency exactly."""
    assert parse_amount(text) == (amount_minor, currency)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("40000.00", "currency_missing"),
        ("$ 40000.00", "currency_missing"),
        ("", "currency_missing"),
        ("CNY", "bad_amount"),
        ("CNY40000.00", "bad_amount"),
        ("cny 40000.00", "bad_amount"),
        ("XYZ 1.00", "unknown_currency"),
        ("XAU 1", "unknown_currency"),
        ("EUR -1.00", "bad_amount"),
        ("EUR +1.00", "bad_amount"),
        ("EUR 1e3", "bad_amount"),
        ("EUR .50", "bad_amount"),
        ("EUR 1.", "bad_amount"),
        ("EUR \u0661\u0662", "bad_amount"),
        ("EUR 1 EUR", "bad_amount"),
        ("EUR " + "9" * 41, "bad_amount"),
        ("EUR 40,000", "ambiguous_amount"),
        ("EUR 40.000,00", "ambiguous_amount"),
        ("EUR 1,50", "ambiguous_amount"),
        ("EUR 1.000.000", "ambiguous_amount"),
        ("EUR 40 000.00", "ambiguous_amount"),
        ("EUR 4,0000.00", "ambiguous_amount"),
        ("EUR 1'000'000.00", "ambiguous_amount"),
        ("EUR 40.000", "too_many_decimals"),
        ("JPY 1.0", "too_many_decimals"),
        ("KWD 1.2345", "too_many_decimals"),
        ("EUR 90071992547409.92", "amount_too_large"),
    ],
)
def test_other_spellings_are_refused_by_code(text: str, code: str) -> None:
    """Nothing is guessed, rounded or cut."""
    with pytest.raises(LedgerError) as caught:
        parse_amount(text)
    assert caught.value.code == code


@given(st.integers(0, INTEGER_MAX), st.sampled_from(sorted(EXPONENTS)))
def test_what_is_shown_is_read_back(amount_minor: int, currency: str) -> None:
    """Formatting and parsing are inverse for every currency."""
    text = format_amount(amount_minor, currency)
    assert text.startswith(f"{currency} ")
    assert parse_amount(text) == (amount_minor, currency)


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_refusal(text: str) -> None:
    """No text raises anything but LedgerError."""
    try:
        amount_minor, currency = parse_amount(text)
    except LedgerError:
        return
    assert amount_minor >= 0
    assert currency in EXPONENTS


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (-5, "EUR", "EUR -0.05"),
        (5, "KWD", "KWD 0.005"),
        (5, "JPY", "JPY 5"),
        (12_345, "UYW", "UYW 1.2345"),
    ],
)
def test_amounts_are_shown_with_all_decimals(
    amount_minor: int, currency: str, text: str
) -> None:
    """The ISO code and every decimal of the currency are shown."""
    assert format_amount(amount_minor, currency) == text
