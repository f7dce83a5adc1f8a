"""Files of a bank in a few words: statements, notifications, answers.

An entry is one line: ``C`` or ``D``, an amount, and what it has of ``ref``,
``status``, ``code``, ``rvsl``, ``fee``, ``on``, ``value``. A detail is a line of
an amount or ``-``, and ``e2e``, ``uetr``, ``ref``, ``text``, ``doc``, ``from``,
``name``, ``ret``, ``fee``, ``sign``, ``ccy``. A fee is included in the amount;
``~`` is a space.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DAY = "2026-03-02"
NUMBER = "DE75512108001245126199"
SPACE = "urn:iso:std:iso:20022:tech:xsd:"
HOLDERS = {
    "camt.052": ("BkToCstmrAcctRpt", "Rpt"),
    "camt.053": ("BkToCstmrStmt", "Stmt"),
    "camt.054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
SIGNS = {"C": "CRDT", "D": "DBIT"}
Lines = Sequence[str | tuple[str, ...]]


def _tag(name: str, *inner: str) -> str:
    text = "".join(inner)
    return f"<{name}>{text}</{name}>" if text else ""


def _words(line: str) -> tuple[list[str], dict[str, str]]:
    words = line.split()
    named = dict(word.split("=", 1) for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    return plain, {name: value.replace("~", " ") for name, value in named.items()}


def _amount(number: str, currency: str) -> str:
    return f'<Amt Ccy="{currency}">{number}</Amt>'


def _code(sub_family: str) -> str:
    family = _tag("Cd", "RCDT") + _tag("SubFmlyCd", sub_family)
    return _tag("Domn", _tag("Cd", "PMNT"), _tag("Fmly", family))


def _fee(number: str, currency: str, *, old: bool) -> str:
    if not number:
        return ""
    rows = _amount(number, currency) + _tag("CdtDbtInd", "DBIT")
    if old:
        return _tag("Chrgs", rows)
    return _tag("Chrgs", _tag("Rcrd", rows, _tag("ChrgInclInd", "true")))


def _detail(line: str, currency: str, sign: str, *, old: bool) -> str:
    (number, *_), has = _words(line)
    unit = has.get("ccy", currency)
    money = "" if number == "-" else _amount(number, unit)
    if old:
        money = _tag("AmtDtls", _tag("TxAmt", money)) if money else ""
    elif money:
        money += _tag("CdtDbtInd", SIGNS[has["sign"]] if "sign" in has else sign)
    refs = [("ref", "AcctSvcrRef"), ("e2e", "EndToEndId"), ("uetr", "UETR")]
    account = _tag("Id", _tag("IBAN", has.get("from", "")))
    structured = _tag("CdtrRefInf", _tag("Ref", has.get("doc", "")))
    reason = _tag("Rsn", _tag("Cd", has.get("ret", "")))
    return _tag(
        "TxDtls",
        _tag("Refs", *(_tag(tag, has.get(name, "")) for name, tag in refs)),
        money,
        _fee(has.get("fee", ""), unit, old=old),
        _tag("RltdPties", _payer(has, old=old), _tag("DbtrAcct", account)),
        _tag("RmtInf", _tag("Ustrd", has.get("text", "")), _tag("Strd", structured)),
        _tag("RtrInf", reason),
    )


def _payer(has: dict[str, str], *, old: bool) -> str:
    name = _tag("Nm", has.get("name", ""))
    return _tag("Dbtr", name if old else _tag("Pty", name))


def entry(line: str, *details: str, currency: str = "CNY", old: bool = False) -> str:
    """Return one entry as XML."""
    (side, number, *_), has = _words(line)
    status = has.get("status", "BOOK")
    booked, value = has.get("on", DAY), has.get("value", has.get("on", DAY))
    return _tag(
        "Ntry",
        _amount(number, has.get("ccy", currency)),
        _tag("CdtDbtInd", SIGNS[side]),
        _tag("RvslInd", has.get("rvsl", "")),
        _tag("Sts", status if old else _tag("Cd", status)),
        _tag("BookgDt", _tag("Dt", booked)) if booked != "-" else "",
        _tag("ValDt", _tag("Dt", value)) if value != "-" else "",
        _tag("AcctSvcrRef", has.get("ref", "")),
        _tag("BkTxCd", _code(has.get("code", "DMCT"))),
        _fee(has.get("fee", ""), currency, old=old),
        _tag(
            "NtryDtls",
            *(_detail(row, currency, SIGNS[side], old=old) for row in details),
        ),
    )


def _balance(code: str, text: str, currency: str, day: str) -> str:
    number = text.lstrip("-")
    return _tag(
        "Bal",
        _tag("Tp", _tag("CdOrPrtry", _tag("Cd", code))),
        _amount(number, currency),
        _tag("CdtDbtInd", "DBIT" if text.startswith("-") else "CRDT"),
        _tag("Dt", _tag("Dt", day)),
    )


def statement(
    entries: Iterable[str],
    *,
    balances: str = "",
    day: str = DAY,
    number: str = NUMBER,
    currency: str = "CNY",
    item: str = "S1",
    sequence: str = "",
) -> str:
    """Return what a statement holds; balances are ``OPBD=0.00 CLBD=1.00``."""
    account = _tag("Id", _tag("IBAN", number)) + _tag("Ccy", currency)
    pairs = (word.split("=") for word in balances.split())
    return "".join(
        (
            _tag("Id", item),
            _tag("ElctrncSeqNb", sequence),
            _tag("CreDtTm", f"{day}T23:59:00+08:00"),
            _tag("Acct", account),
            *(_balance(code, text, currency, day) for code, text in pairs),
            *entries,
        )
    )


def message(
    *statements: str, name: str = "camt.053", version: str = "08", prefix: str = ""
) -> bytes:
    """Return a file of statements."""
    holder, part = HOLDERS[name]
    head = _tag("GrpHdr", _tag("MsgId", "M1"), _tag("CreDtTm", f"{DAY}T23:59:00"))
    body = _tag(holder, head, *(_tag(part, each) for each in statements))
    space = f"{SPACE}{name}.001.{version}"
    declared = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{declared}{prefix}<Document xmlns="{space}">{body}</Document>'.encode()


def camt(
    lines: Lines, *, version: str = "08", name: str = "camt.053", **has: str
) -> bytes:
    """Return a file of one statement; an entry with details is a tuple."""
    rows = [line if isinstance(line, tuple) else (line,) for line in lines]
    old = int(version) < 4
    currency = has.get("currency", "CNY")
    entries = [entry(*row, currency=currency, old=old) for row in rows]
    return message(statement(entries, **has), name=name, version=version)


def answer(
    *rows: str, group: str = "G1 ", part: str = "P1 ", version: str = "10"
) -> bytes:
    """Return a pain.002; a row is ``END_TO_END CODE [REASON [TEXT]]``."""
    told = []
    for row in rows:
        end, code, *why = row.split()
        reason = _tag("Rsn", _tag("Cd", *why[:1])) if why else ""
        more = _tag("AddtlInf", " ".join(why[1:]))
        told.append(
            _tag(
                "TxInfAndSts",
                _tag("OrgnlEndToEndId", end),
                _tag("TxSts", code),
                _tag("StsRsnInf", reason, more),
            )
        )
    names = [each.partition(" ")[::2] for each in (group, part)]
    (file, file_code), (half, half_code) = names
    body = _tag(
        "CstmrPmtStsRpt",
        _tag("GrpHdr", _tag("MsgId", "A1"), _tag("CreDtTm", f"{DAY}T10:00:00")),
        _tag(
            "OrgnlGrpInfAndSts",
            _tag("OrgnlMsgId", file),
            _tag("OrgnlMsgNmId", "pain.001.001.09"),
            _tag("GrpSts", file_code),
        ),
        _tag(
            "OrgnlPmtInfAndSts",
            _tag("OrgnlPmtInfId", half),
            _tag("PmtInfSts", half_code),
            *told,
        ),
    )
    return f'<Document xmlns="{SPACE}pain.002.001.{version}">{body}</Document>'.encode()
