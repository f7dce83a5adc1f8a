"""Payments told to a bank, and its answer: pain.001.001.09 and pain.002.

Written is what any bank needs and nothing of one scheme: a currency of any
number of decimals, accounts by IBAN or local number, banks by BIC or national
code. A file of the same payments has the same message id, so that a bank which
gets it twice can refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from lxml import etree

from cli.amounts import format_amount
from cli.formats.identifiers import account_identifier, compact_number
from cli.formats.iso20022 import (
    Message,
    make_plan,
    name_message,
    read_message,
    read_text,
)
from cli.formats.markup import Element, shown
from ledger.encoding import hex_digest
from ledger.errors import LedgerError

PAIN_001: Final = Message("pain.001", "09")
NAME_CHARS_MAX: Final = 140
# Codes by which national clearing systems are named, where a currency has one
# whose member numbers are known by their length.
CLEARING: Final = {("CNY", 12): "CNAPS"}
ACCEPTED: Final = frozenset(("ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"))
REJECTED: Final = frozenset(("RJCT", "CANC"))

_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_REASON: Final = make_plan("StsRsnInf/Rsn/Cd StsRsnInf/Rsn/Prtry StsRsnInf/AddtlInf")
_PLAN: Final = {
    "CstmrPmtStsRpt": {
        "OrgnlGrpInfAndSts": {**make_plan("OrgnlMsgId GrpSts"), **_REASON},
        "OrgnlPmtInfAndSts": {
            **make_plan("OrgnlPmtInfId PmtInfSts"),
            **_REASON,
            "TxInfAndSts": {**make_plan("OrgnlEndToEndId TxSts"), **_REASON},
        },
    }
}


# Elements by their tags: a text, or more of them.
Tree = Mapping[str, Any]


class Party(NamedTuple):
    """Who pays or is paid.

    Attributes:
        name: on the account.
        number: IBAN or local number.
        bank: BIC or national code, "" if unknown.
    """

    name: str
    number: str
    bank: str


class Payment(NamedTuple):
    """One payment.

    Attributes:
        end_to_end: its id, at most 35 characters.
        amount_minor: above zero.
        date: ISO date on which it is to be made.
        payee: who is paid.
        text: what the payee reads.
    """

    end_to_end: str
    amount_minor: int
    date: str
    payee: Party
    text: str


class Status(NamedTuple):
    """What a bank answered about one payment, or all of a file.

    Attributes:
        end_to_end: of the payment, "" for all under ``group``.
        group: id of the file or part of it that was answered, or "".
        code: such as ``ACSP`` or ``RJCT``.
        reason: code and text, or "".
    """

    end_to_end: str
    group: str
    code: str
    reason: str

    @property
    def outcome(self) -> str:
        """``accepted``, ``rejected``, or "" while it is not decided."""
        if self.code in ACCEPTED:
            return "accepted"
        return "rejected" if self.code in REJECTED else ""


def uetr_of(end_to_end: str) -> str:
    """Return the UETR under which a payment is sent: the same for each id."""
    text = hex_digest(f"uetr/{end_to_end}".encode())
    variant = "89ab"[int(text[16], 16) % 4]
    parts = text[:8], text[8:12], "4" + text[13:16], variant + text[17:20], text[20:32]
    return "-".join(parts)


def message_id(payments: Iterable[Payment]) -> str:
    """Return the id of a file of payments."""
    ids = "/".join(sorted(each.end_to_end for each in payments))
    return f"AL{hex_digest(ids.encode())[:30]}"


def write_pain001(
    payer: Party, currency: str, payments: Sequence[Payment], made_ms: int
) -> tuple[bytes, list[str]]:
    """Return a file of payments, and the ids under which a bank may answer.

    Args:
        payer: our collection account.
        currency: of all amounts.
        payments: at least one.
        made_ms: when, UTC milliseconds.

    Raises:
        LedgerError: ``bad_account_data``.
    """
    # An account in clear is a name, a number and perhaps a bank, all shown.
    for party in (payer, *(each.payee for each in payments)):
        _check(party)
    item = message_id(payments)
    spaces: Any = {None: PAIN_001.namespace}
    root = etree.Element(_tag("Document"), nsmap=spaces)
    body = _add(root, "CstmrCdtTrfInitn")
    made = datetime.fromtimestamp(made_ms // 1000, tz=UTC)
    head: Tree = {
        "MsgId": item,
        "CreDtTm": f"{made:%Y-%m-%dT%H:%M:%S}Z",
        **_control(payments, currency),
        "InitgPty": {"Nm": payer.name},
    }
    _add(body, "GrpHdr", head)
    ids = [item]
    ordered = sorted(payments, key=lambda each: (each.date, each.end_to_end))
    for date, group in groupby(ordered, key=lambda each: each.date):
        rows = list(group)
        ids.append(f"{item}{len(ids):03}")
        part = {
            "PmtInfId": ids[-1],
            "PmtMtd": "TRF",
            "BtchBookg": "false",
            **_control(rows, currency),
            "ReqdExctnDt": {"Dt": date},
            "Dbtr": {"Nm": payer.name},
            "DbtrAcct": {**_account(payer), "Ccy": currency},
            "DbtrAgt": _bank(payer, currency),
        }
        info = _add(body, "PmtInf", part)
        for each in rows:
            _add(info, "CdtTrfTxInf", _transfer(each, currency))
    for amount in root.iter(_tag("InstdAmt")):
        amount.set("Ccy", currency)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8"), ids


def _transfer(payment: Payment, currency: str) -> Tree:
    payee = payment.payee
    ids = {"EndToEndId": payment.end_to_end, "UETR": uetr_of(payment.end_to_end)}
    return {
        "PmtId": ids,
        "Amt": {"InstdAmt": _plain(payment.amount_minor, currency)},
        **({"CdtrAgt": _bank(payee, currency)} if payee.bank else {}),
        "Cdtr": {"Nm": payee.name},
        "CdtrAcct": _account(payee),
        "RmtInf": {"Ustrd": payment.text},
    }


def _control(payments: Sequence[Payment], currency: str) -> Tree:
    total = sum(each.amount_minor for each in payments)
    return {"NbOfTxs": str(len(payments)), "CtrlSum": _plain(total, currency)}


def _account(party: Party) -> Tree:
    found = account_identifier("", party.number)
    if found.scheme == "IBAN":
        return {"Id": {"IBAN": found.value}}
    return {"Id": {"Othr": {"Id": party.number.strip()}}}


def _bank(party: Party, currency: str) -> Tree:
    code = compact_number(party.bank)
    if not code:
        return {"FinInstnId": {"Othr": {"Id": "NOTPROVIDED"}}}
    if _BIC.fullmatch(code):
        return {"FinInstnId": {"BICFI": code}}
    system = CLEARING.get((currency, len(code)))
    named: Tree = {"ClrSysId": {"Cd": system}} if system else {}
    return {"FinInstnId": {"ClrSysMmbId": {**named, "MmbId": code}}}


def _add(above: etree._Element, tag: str, inside: str | Tree = "") -> etree._Element:
    """Add an element with a text, or with elements of their own names."""
    element = etree.SubElement(above, _tag(tag))
    if isinstance(inside, str):
        element.text = inside or None
    else:
        for name, part in inside.items():
            _add(element, name, part)
    return element


def _tag(name: str) -> str:
    return f"{{{PAIN_001.namespace}}}{name}"


def _plain(amount_minor: int, currency: str) -> str:
    return format_amount(amount_minor, currency).partition(" ")[2]


def _check(party: Party) -> None:
    """Do nothing if a party can be written down: lengths and characters."""
    for name, value, longest in (
        ("name", party.name, NAME_CHARS_MAX),
        ("number", party.number, 34),
        ("bank", party.bank, 35),
    ):
        bad = len(value) > longest or shown(value, longest) != value
        if bad or (not value.strip() and name != "bank"):
            raise LedgerError("bad_account_data", found=f"{name} {shown(value, 40)!r}")


# --- the bank's answer ---


def is_pain002(raw: bytes) -> bool:
    """Tell whether a file is a bank's answer about payments."""
    return name_message(raw).name == "pain.002"


def parse_pain002(
    raw: bytes, attempts_of: Callable[[str], Sequence[str]]
) -> list[Status]:
    """Return what a bank answered about each payment, in the file's order.

    What it says of a file or a part of one counts for the payments of it that
    are not named themselves.

    Args:
        raw: the file.
        attempts_of: returns the payments sent under the id of a file or part.

    Raises:
        LedgerError: what the hardened reader raises; ``unknown_bank_file``;
            ``bank_field_missing``.
    """
    root = read_message(raw, name_message(raw), _PLAN)
    found: dict[str, Status] = {}
    wide: list[Status] = []
    for group in root.all("CstmrPmtStsRpt", "OrgnlPmtInfAndSts"):
        for each in group.all("TxInfAndSts"):
            status = _status(each, "OrgnlEndToEndId", "TxSts")
            if not status.group or not status.code:
                raise LedgerError("bank_field_missing", found="OrgnlEndToEndId, TxSts")
            found[status.group] = status._replace(end_to_end=status.group)
        wide.append(_status(group, "OrgnlPmtInfId", "PmtInfSts"))
    groups = root.all("CstmrPmtStsRpt", "OrgnlGrpInfAndSts")
    wide += [_status(group, "OrgnlMsgId", "GrpSts") for group in groups]
    for status in wide:
        for attempt in attempts_of(status.group) if status.outcome else ():
            found.setdefault(attempt, status._replace(end_to_end=attempt))
    if not found:
        raise LedgerError("bank_field_missing", found="a payment that we know")
    return list(found.values())


def _status(element: Element, name: str, code: str) -> Status:
    texts: Mapping[str, None] = dict.fromkeys(
        read_text(each, *path)
        for each in element.all("StsRsnInf")
        for path in (("Rsn", "Cd"), ("Rsn", "Prtry"), ("AddtlInf",))
    )
    reason = shown(" ".join(text for text in texts if text), 140)
    return Status("", read_text(element, name), element.first(code), reason)
