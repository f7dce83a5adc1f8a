"""What a bank says it booked: camt.053, camt.054, and camt.052 for comparing.

One entry of a file becomes one row or, where it is booked for several
payments, one row for each of its details, which must sum to it. Only booked
entries count; the others are told and left out. A row's key is its direction
and the payment's UETR, else the bank's reference and the detail's place, else
statement, entry and detail. An entry without a date was booked at the latest
on the day its statement was made, which counts then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from cli.formats.iso20022 import (
    Message,
    make_plan,
    name_message,
    read_account,
    read_day,
    read_message,
    read_money,
    read_text,
)
from cli.formats.markup import Element, shown
from cli.formats.rows import ROWS_MAX
from cli.formats.statements import Balance, EntryRow, LeftOut, Statement, check_keys
from cli.typed import read_date
from ledger.errors import LedgerError

CREDIT: Final = "CRDT"
DEBIT: Final = "DBIT"
# What holds the statements of a message, and what a statement is called.
MESSAGES: Final = {
    "camt.052": ("BkToCstmrAcctRpt", "Rpt"),
    "camt.053": ("BkToCstmrStmt", "Stmt"),
    "camt.054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
# Sub-families of bank transaction codes; other codes say nothing here.
COSTS: Final = frozenset(("CHRG", "FEES", "COMM", "COMI", "COME", "INTR"))
BACK: Final = frozenset(("RRTN", "RPCR", "PRDD", "UPDD"))
PARTS_MAX: Final = 2 * ROWS_MAX
OPENING: Final = ("OPBD", "PRCD")
CLOSING: Final = ("CLBD",)
OUR_ATTEMPT: Final = re.compile(r"AL[0-9a-f]{28}-[0-9]{3,4}")

_CODE: Final = "BkTxCd/Domn/Fmly/SubFmlyCd"
_DETAIL: Final = make_plan(
    "Refs/EndToEndId Refs/UETR Refs/AcctSvcrRef Amt CdtDbtInd AmtDtls/TxAmt Chrgs "
    f"{_CODE} RltdPties/Dbtr RltdPties/DbtrAcct RltdAgts/DbtrAgt "
    "RmtInf/Strd RmtInf/Ustrd RtrInf"
)
_ENTRY: Final = {
    **make_plan(f"Amt CdtDbtInd RvslInd Sts BookgDt ValDt AcctSvcrRef Chrgs {_CODE}"),
    "NtryDtls": {"TxDtls": _DETAIL},
    "TxDtls": _DETAIL,
}
_STATEMENT: Final = {
    **make_plan(
        "Id ElctrncSeqNb CreDtTm Acct/Id Acct/Ccy StmtPgntn/LastPgInd "
        "NtfctnPgntn/LastPgInd Bal/Tp Bal/Amt Bal/CdtDbtInd Bal/Dt"
    ),
    "Ntry": _ENTRY,
}


@dataclass(slots=True)
class _Detail:
    """One payment of an entry, as the file states it."""

    money: tuple[int, str] | None = None
    sign: str = ""
    uetr: str = ""
    end_to_end: str = ""
    reference: str = ""
    text: str = ""
    payer: tuple[str, str, str] = ("", "", "")
    code: str = ""
    is_return: bool = False
    fee_minor: int = 0


def parse_camt(
    raw: bytes, attempts: Mapping[str, str] | None = None
) -> tuple[Statement, ...]:
    """Return the statements of a file in its order.

    Args:
        raw: the file.
        attempts: end-to-end ids of our payouts by their UETR.

    Raises:
        LedgerError: what the hardened reader raises; ``unknown_bank_file``;
            and, with the number of the entry, ``bank_field_missing``,
            ``bad_bank_field``, ``details_differ``, ``too_large``,
            ``bank_entry_twice`` or a code of amounts and dates.
    """
    message = name_message(raw)
    if message.name not in MESSAGES:
        raise LedgerError("unknown_bank_file", found=message.name or "something else")
    holder, part = MESSAGES[message.name]
    reader = _Reader(message, sha256(raw).hexdigest(), attempts or {})
    plan = {part: _STATEMENT}
    takers = {
        "TxDtls": reader.take_detail,
        "Ntry": reader.take_entry,
        part: reader.take_statement,
    }
    first_version = f"{holder}V01"
    read_message(raw, message, {holder: plan, first_version: plan}, takers)
    if not reader.statements:
        raise LedgerError("unknown_bank_file", expected=part, found="no statement")
    return tuple(reader.statements)


class _Reader:
    """Turns elements into rows as they end, so that none has to be kept."""

    def __init__(
        self, message: Message, file_sha256: str, attempts: Mapping[str, str]
    ) -> None:
        self._message = message.name.replace(".", "_")
        self._file = file_sha256
        self._attempts = attempts
        self._details: list[_Detail] = []
        self._rows: list[EntryRow] = []
        self._left_out: list[LeftOut] = []
        self._entries = 0
        self._count = 0
        self.statements: list[Statement] = []

    # -- what the parser gives --

    def take_detail(self, element: Element) -> None:
        """Keep what matters of a detail until its entry ends."""
        self._details.append(self._named(_read_detail, element, self._entries + 1))

    def take_entry(self, element: Element) -> None:
        """Turn an entry and its details into rows."""
        self._entries += 1
        details, self._details = self._details or [_Detail()], []
        self._named(lambda each: self._add(each, details), element, self._entries)

    def take_statement(self, element: Element) -> None:
        """Close a statement; entries without a reference are named by it."""
        item = shown(element.first("Id"), 40)
        made = read_date(element.first("CreDtTm")[:10])
        rows = [
            replace(
                row,
                booking_date=row.booking_date or made,
                value_date=row.value_date or made,
                key=row.key.replace("/S//", f"/S/{item}/", 1),
            )
            for row in self._rows
        ]
        check_keys(rows)
        balances = [_read_balance(each) for each in element.all("Bal")]
        sequence = element.first("ElctrncSeqNb")
        pages = ("StmtPgntn", "NtfctnPgntn")
        self.statements.append(
            Statement(
                entries=tuple(rows),
                file_sha256=self._file,
                message=self._message,
                account=read_account(element, "Acct"),
                currency=element.first("Acct", "Ccy"),
                id=item,
                sequence=int(sequence) if re.fullmatch("[0-9]{1,15}", sequence) else 0,
                opening=_choose(balances, OPENING, min),
                closing=_choose(balances, CLOSING, max),
                left_out=tuple(self._left_out),
                is_whole=all(element.first(p, "LastPgInd") != "false" for p in pages),
            )
        )
        self._rows, self._left_out, self._entries = [], [], 0

    def _named(self, step: Callable[[Element], Any], element: Element, n: int) -> Any:
        self._count += 1
        if self._count > PARTS_MAX:
            raise LedgerError("too_large", expected=f"{PARTS_MAX} entries and details")
        try:
            return step(element)
        except LedgerError as error:
            error.details.setdefault("entry", n)
            raise

    # -- one entry --

    def _add(self, element: Element, details: list[_Detail]) -> None:
        money = next(element.all("Amt"), None)
        if money is None:
            raise LedgerError("bank_field_missing", found="Amt")
        amount, currency = read_money(money)
        sign = _sign(element)
        status = element.first("Sts", "Cd") or element.first("Sts")
        if status != "BOOK":
            told = shown(status or element.first("Sts", "Prtry") or "no status", 20)
            self._left_out.append(LeftOut(self._entries, sign, amount, currency, told))
            return
        if not amount:
            raise LedgerError("bad_bank_field", found="Amt zero")
        booked = read_day(element, "BookgDt")
        frame = EntryRow(
            row=self._entries,
            currency=currency,
            booking_date=booked,
            value_date=read_day(element, "ValDt") or booked,
        )
        self._rows += self._split(element, frame, amount, sign, details)

    def _split(
        self,
        element: Element,
        frame: EntryRow,
        amount: int,
        sign: str,
        details: list[_Detail],
    ) -> Iterator[EntryRow]:
        fees = _fees(element, frame.currency)
        if len(details) == 1 and not details[0].fee_minor:
            # A charge that the entry names belongs to its only payment.
            details[0].fee_minor, fees = fees, 0
        _complete(details, amount, sign, frame.currency)
        total = sum(_signed(each.sign, each.money) for each in details)
        booked = _signed(sign, (amount, ""))
        held = fees + sum(each.fee_minor for each in details)
        is_gross = total != booked
        if is_gross and total - held != booked:
            raise LedgerError("details_differ", expected=booked, found=total)
        for place, each in enumerate(details, start=1):
            row = self._make_row(element, frame, each, place)
            yield from _with_charge(row, each, is_gross=is_gross)
        if is_gross and fees:
            key = f"{DEBIT}/S//{frame.row}/0"
            yield replace(frame, type="charge", amount_minor=fees, key=key)

    def _make_row(
        self, element: Element, frame: EntryRow, detail: _Detail, place: int
    ) -> EntryRow:
        credit = detail.sign == CREDIT
        ours = detail.end_to_end if OUR_ATTEMPT.fullmatch(detail.end_to_end) else ""
        ours = ours or self._attempts.get(detail.uetr, "")
        code = detail.code or element.first(*_CODE.split("/"))
        is_back = detail.is_return or code in BACK
        is_back = is_back or element.first("RvslInd") in ("true", "1")
        kind = _classify(code, credit=credit, is_ours=bool(ours), is_back=is_back)
        reference = detail.reference or read_text(element, "AcctSvcrRef")
        if detail.uetr:
            name = f"U/{detail.uetr}"
        elif reference:
            name = f"R/{reference}/{place}"
        else:
            name = f"S//{frame.row}/{place}"
        is_receipt = kind == "receipt"
        number, name_of, bank = detail.payer if is_receipt else ("", "", "")
        return replace(
            frame,
            type=kind,
            amount_minor=_minor(detail),
            key=f"{detail.sign}/{name}",
            end_to_end=ours if kind in ("payout", "return", "charge") else "",
            reference=detail.text if is_receipt else "",
            payer_number=number,
            payer_name=name_of,
            payer_bank=bank,
            # The bank takes back what it once booked under the same reference.
            reverses=f"{CREDIT}/{name}"
            if kind == "reversal" and not name.startswith("S")
            else "",
        )


def _classify(code: str, *, credit: bool, is_ours: bool, is_back: bool) -> str:
    if code in COSTS:
        return "interest" if credit else "charge"
    if is_ours:
        return "return" if credit else "payout"
    if is_back:
        return "return" if credit else "reversal"
    return "receipt" if credit else "other"


def _with_charge(
    row: EntryRow, detail: _Detail, *, is_gross: bool
) -> Iterator[EntryRow]:
    """Yield a row and the charge that the bank kept or took along with it."""
    fee = detail.fee_minor
    if row.type == "return":
        # What came in, and what is missing to what went out.
        net = row.amount_minor - fee if is_gross else row.amount_minor
        yield replace(row, amount_minor=net, charges_minor=fee)
        return
    if row.type == "payout" and not is_gross:
        row = replace(row, amount_minor=row.amount_minor - fee)
    elif not is_gross:
        fee = 0  # what was booked came or went net of it
    yield row
    if fee:
        key = f"{DEBIT}{row.key[len(CREDIT) :]}/charge"
        ours = row.end_to_end
        yield replace(
            row,
            type="charge",
            amount_minor=fee,
            key=key,
            end_to_end=ours,
            reference="",
            reverses="",
        )


def _complete(details: list[_Detail], amount: int, sign: str, currency: str) -> None:
    """Give details their amount and sign where the entry alone states them."""
    for each in details:
        each.sign = each.sign or sign
        if each.money is None or each.money[1] != currency:
            if len(details) > 1:
                found = each.money[1] if each.money else "no amount"
                raise LedgerError("details_differ", expected=currency, found=found)
            # Paid in another currency: what counts is what was booked.
            each.money, each.sign = (amount, currency), sign
        if not each.money[0]:
            raise LedgerError("bad_bank_field", found="Amt zero in a detail")


def _read_detail(element: Element) -> _Detail:
    path = next(
        (p for p in (("Amt",), ("AmtDtls", "TxAmt", "Amt")) if element.first(*p)), ()
    )
    money = read_money(next(element.all(*path))) if path else None
    return _Detail(
        money=money,
        sign=_sign(element) if element.first("CdtDbtInd") else "",
        uetr=read_text(element, "Refs", "UETR").lower(),
        end_to_end=read_text(element, "Refs", "EndToEndId"),
        reference=read_text(element, "Refs", "AcctSvcrRef"),
        text=_remittance(element),
        payer=_payer(element),
        code=element.first(*_CODE.split("/")),
        is_return=any(True for _ in element.all("RtrInf")),
        fee_minor=_fees(element, money[1] if money else ""),
    )


def _payer(element: Element) -> tuple[str, str, str]:
    """Return number, name and bank of who paid, each "" if it is not told."""
    bank = ("RltdAgts", "DbtrAgt", "FinInstnId")
    codes = (("BICFI",), ("BIC",), ("ClrSysMmbId", "MmbId"))
    return (
        read_account(element, "RltdPties", "DbtrAcct"),
        read_text(element, "RltdPties", "Dbtr", "Nm")
        or read_text(element, "RltdPties", "Dbtr", "Pty", "Nm"),
        next(filter(None, (read_text(element, *bank, *code) for code in codes)), ""),
    )


def _remittance(element: Element) -> str:
    """Return what the payer wrote, a structured reference before free text."""
    for path in (
        ("RmtInf", "Strd", "CdtrRefInf", "Ref"),
        ("RmtInf", "Strd", "RfrdDocInf", "Nb"),
    ):
        found = read_text(element, *path)
        if found:
            return found
    free = " ".join(each.text for each in element.all("RmtInf", "Ustrd"))
    return shown(free, 140) or read_text(element, "Refs", "EndToEndId")


def _fees(element: Element, currency: str) -> int:
    """Return the charges included in an amount, minor units; credits are less."""
    total = 0
    for path in (("Chrgs",), ("Chrgs", "Rcrd")):
        for each in element.all(*path):
            if each.first("ChrgInclInd") not in ("true", "1"):
                continue
            amount, unit = read_money(next(each.all("Amt"), Element("Amt", {})))
            if currency and unit != currency:
                raise LedgerError("details_differ", expected=currency, found=unit)
            total += -amount if each.first("CdtDbtInd") == CREDIT else amount
    return max(total, 0)


def _read_balance(element: Element) -> tuple[str, Balance]:
    money = next(element.all("Amt"), Element("Amt", {}))
    amount = read_money(money)
    code = element.first("Tp", "CdOrPrtry", "Cd")
    day = read_day(element, "Dt")
    return code, Balance(_signed(_sign(element), amount), amount[1], day)


def _choose(
    balances: list[tuple[str, Balance]],
    codes: tuple[str, ...],
    pick: Callable[..., Balance],
) -> Balance | None:
    for code in codes:
        found = [balance for name, balance in balances if name == code]
        if found:
            return pick(found, key=lambda balance: balance.date)
    return None


def _sign(element: Element) -> str:
    found = element.first("CdtDbtInd")
    if found not in (CREDIT, DEBIT):
        code = "bad_bank_field" if found else "bank_field_missing"
        raise LedgerError(code, expected=f"{CREDIT} or {DEBIT}", found="CdtDbtInd")
    return found


def _signed(sign: str, money: tuple[int, str] | None) -> int:
    amount = money[0] if money else 0
    return amount if sign == CREDIT else -amount


def _minor(detail: _Detail) -> int:
    return detail.money[0] if detail.money else 0
