"""People's ids on the command line: shown short, typed short, signed in full.

A typo is named before anything is asked of a node; then the ids of what the
wallet may see decide what a prefix means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ledger.errors import LedgerError
from ledger.names import parse_id, resolve_id, short_id

FULL: Final = re.compile(r"[0-9a-f]{64}")
# Members are known by numbers of others too: LEI, VAT and so on.
IDENTIFIER: Final = re.compile(r"([A-Za-z0-9._-]{1,20}):([A-Za-z0-9][ -~]{0,49})")
# Kinds of things that can be shown by their ids.
SHOWN_KINDS: Final = (
    *("receivable", "offer", "member", "programme", "account", "payout"),
    *("deal", "dispute", "order", "quote", "receipt", "request"),
)
# Those, and what is named by its id in a command of its own alone.
NAMED_KINDS: Final = (*SHOWN_KINDS, "discrepancy")
# Fields that hold the id of a member; the others are called after their kind.
MEMBERS: Final = (
    *("attester", "debtor", "giver", "guardian", "holder", "lender", "member"),
    *("owner", "payee", "payer", "placer", "receiver", "seller", "supplier"),
)
# Incoming money is named by the bank entry that brought it.
SAME_ID: Final = {"receipt": "entry"}


def name_id(kind: str, full: str) -> str:
    """Return the people's id of a hash, or the text where it is no hash."""
    if not FULL.fullmatch(full):
        return full
    return short_id(SAME_ID.get(kind, kind), full)


def check_id(text: str, *kinds: str) -> str:
    """Return the kind an id is of, "" for a full hash; asks nobody.

    Args:
        text: as typed: a people's id, a prefix of one, 64 hex digits, or for
            a member an identifier such as ``LEI:5493…``.
        kinds: what is wanted here.

    Raises:
        LedgerError: ``bad_id``, ``bad_id_check``; ``wrong_id_kind``.
    """
    typed = text.strip()
    if FULL.fullmatch(typed.lower()):
        return ""
    if "member" in kinds and IDENTIFIER.fullmatch(typed):
        return "member"
    found = parse_id(typed)[0]
    wanted = [kind for kind in kinds if SAME_ID.get(kind, kind) == found]
    if kinds and not wanted:
        wanted_kinds = " or ".join(kinds)
        raise LedgerError("wrong_id_kind", expected=wanted_kinds, found=typed[:40])
    return wanted[0] if kinds else found


def has_identifier(member: Mapping[str, Any], text: str) -> bool:
    """Tell whether a member has an identifier, typed as ``SCHEME:VALUE``."""
    match = IDENTIFIER.fullmatch(text.strip())
    if match is None:
        return False
    typed = (match[1].upper(), match[2].upper())
    return typed in [
        (str(row.get("scheme", "")).upper(), str(row.get("value", "")).upper())
        for row in member.get("identifiers", [])
    ]


def find_id(text: str, list_ids: Callable[[], Iterable[str]]) -> str:
    """Return the full id that was typed; only a short one asks for the list.

    Raises:
        LedgerError: ``not_found``; ``ambiguous_id``.
    """
    typed = text.strip()
    if FULL.fullmatch(typed.lower()):
        return typed.lower()
    return resolve_id(typed, list_ids())
