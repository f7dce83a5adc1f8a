"""Active currencies of ISO 4217 with their exponents: pure data.

The exponent is the number of decimals of the major unit, so an amount of
40000.00 CNY is 4000000 minor units. Codes without an exponent (precious
metals, units of account, testing) are not currencies here: nothing can be
owed in minor units of them. Withdrawn codes are absent on purpose.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ledger.errors import LedgerError

_CODES_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN "
        "BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK "
        "DKK DOP DZD EGP ERN ETB EUR FJD FKP "
        "GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
        "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
        "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN "
        "NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB "
        "SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
        "THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES "
        "WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

EXPONENTS: Final = MappingProxyType(
    {
        code: exponent
        for exponent, codes in _CODES_BY_EXPONENT.items()
        for code in codes.split()
    }
)


def exponent(code: str) -> int:
    """Return the number of decimals of a currency, 0 to 4.

    Args:
        code: three capital letters.

    Raises:
        LedgerError: ``unknown_currency``.
    """
    found = EXPONENTS.get(code)
    if found is None:
        raise LedgerError(
            "unknown_currency",
            expected="an active ISO 4217 code",
            found=ascii(code[:12])[1:-1],
        )
    return found
