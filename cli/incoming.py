"""Incoming money that is not distributed yet: whose lists name it, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cli.people import check_id, find_id
from cli.session import Session
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

STATES: Final = (
    ("waiting_minor", "waiting"),
    ("unassigned_minor", "unassigned"),
    ("suspense_minor", "in suspense"),
)


def list_incoming(session: Session, account: str | None = None) -> list[JSONObject]:
    """Return incoming money of one account, or of all the member may see.

    Each row is the receipt with its ``currency`` and ``waiting_minor``.

    Args:
        session: of the member who asks.
        account: id as typed, or None for all.

    Raises:
        LedgerError: those of ``check_id`` and ``find_id``; ``not_found``.
    """
    if account is not None:
        check_id(account, "account")
    currencies = _currencies(session)
    chosen: Iterable[str] = currencies
    if account is not None:
        found = find_id(account, lambda: currencies)
        if found not in currencies:
            raise LedgerError("not_found", found=f"account {found}")
        chosen = [found]
    rows = []
    for item in chosen:
        for row in session.client.items("/v1/receipts", account=item):
            waiting = sum(share["amount_minor"] for share in row.get("waiting", []))
            more = {"currency": currencies[item], "waiting_minor": waiting}
            rows.append({**row, **more})
    return rows


def _currencies(session: Session) -> dict[str, str]:
    # Who pays into an account sees its programme, and not the account itself.
    found = {
        str(row["account"]): str(row["currency"])
        for row in session.client.items("/v1/programmes")
    }
    for row in session.client.items("/v1/accounts"):
        found[str(row["id"])] = str(row["currency"])
    return found


def spread_incoming(rows: Iterable[JSONObject]) -> Iterator[JSONObject]:
    """Yield a row for each state of incoming money: ``state``, ``amount_minor``."""
    for row in rows:
        for name, state in STATES:
            if row.get(name):
                yield {**row, "amount_minor": row[name], "state": state}
