"""The table of currencies."""

import pytest

from ledger.currency import _CODES_BY_EXPONENT, EXPONENTS, exponent
from ledger.errors import LedgerError


@pytest.mark.parametrize(
    ("decimals", "codes"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_unusual_exponents_are_exactly_those_of_the_standard(
    decimals: int, codes: str
) -> None:
    """The currencies without two decimals are named one by one."""
    assert {code for code, found in EXPONENTS.items() if found == decimals} == set(
        codes.split()
    )


def test_common_currencies_have_two_decimals() -> None:
    """The common case stays the common case."""
    codes = (
        "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR INR MGA MRU MXN NOK "
        "PLN RUB SAR SEK SGD SLE THB TRY TWD USD VED XCG ZAR ZWG"
    )
    assert {exponent(code) for code in codes.split()} == {2}


@pytest.mark.parametrize(
    "code",
    ["", "eur", "EURO", "XAU", 3 * "X", "XTS", "XDR", "DEM", "HRK", "ANG", "\x1b[2J"],
)
def test_what_is_no_active_currency_is_refused(code: str) -> None:
    """Metals, units of account, withdrawn and misspelt codes have no exponent."""
    with pytest.raises(LedgerError) as caught:
        exponent(code)
    assert caught.value.code == "unknown_currency"
    assert caught.value.found.isprintable()


def test_every_code_is_three_capitals_and_the_table_is_closed() -> None:
    """Each code stands once, and nobody changes the table at run time."""
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
    written = " ".join(_CODES_BY_EXPONENT.values()).split()
    assert sorted(written) == sorted(EXPONENTS)
    with pytest.raises(TypeError):
        EXPONENTS["ABC"] = 2  # type: ignore[index]
