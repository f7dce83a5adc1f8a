"""All that an audit holds a block against, whatever its rules say of it."""

from __future__ import annotations

from typing import Final

from ledger.books import OWED, wrong
from ledger.consentcheck import check_consent
from ledger.encoding import JSONObject
from ledger.latecheck import check_closed
from ledger.paidcheck import check_paid
from ledger.placecheck import check_placed
from ledger.sealing import Candidate
from ledger.signedcheck import check_signed
from ledger.state import scan_records
from ledger.sweepcheck import SweepAccount, SweepWatch
from ledger.written import Block

# What a receivable is never changes once it is live.
FIXED: Final = ("currency", "debtor", "due_date", "face_minor", "programme")
TERMINAL: Final = ("rejected", "expired", "declined", "cancelled", "settled")


class BlockWatch:
    """Follows all blocks from the first and checks each.

    Attributes:
        sweeps: how many were recomputed.
        judged: how often a receivable was judged as a day was closed.
    """

    def __init__(self) -> None:
        """Start before block 1."""
        self.sweeps = self.judged = 0
        self._sweeps = SweepWatch()

    def observe(self, candidate: Candidate) -> list[SweepAccount]:
        """Return the sweeps that a block ended, recomputed, if all of it is right.

        Args:
            candidate: the executed block; nothing is checked if there is none.

        Raises:
            LedgerError: ``books_wrong``, ``sweep_wrong``, naming the record.
        """
        if candidate.header is None:
            return []
        block = Block.of(candidate, candidate.header.time)
        for check in (check_lives, check_signed, check_consent, check_paid):
            check(block)
        check_placed(block)
        accounts = self._sweeps.observe(block)
        self.sweeps += len(accounts)
        self.judged += check_closed(block)
        return accounts


def check_lives(block: Block) -> None:
    """I6 and I11: what a receivable is, and its end, change by named acts.

    Raises:
        LedgerError: ``books_wrong``, naming the receivable.
    """
    reverses = any("reversed_minor" in entry for _, entry in block.left("entry"))
    for before, after in block.writes["receivable"]:
        if before is not None:
            # A payout from the debtor's own account may have come back.
            unpaid = before["state"] == "settled" and any(
                scan_records(block.view, "undischarged", before["id"])
            )
            check_life(before, after, reverses=reverses or unpaid)


def check_life(before: JSONObject, after: JSONObject | None, *, reverses: bool) -> None:
    """Return if a receivable changed only as it may.

    Args:
        before: its record before a block.
        after: after it; nothing if it is gone.
        reverses: the block holds a reversal, or a payout of it came back.

    Raises:
        LedgerError: ``books_wrong`` naming I6 or I11.
    """
    item = before["id"]
    if after is None:
        raise wrong("I11", item, "a receivable for ever", "none")
    if before["state"] in OWED:
        for name in FIXED:
            if before[name] != after[name]:
                raise wrong("I6", item, f"{name} {before[name]}", after[name])
        moved = before["adjusted_date"] != after["adjusted_date"]
        until = "provisional_until_ms"
        if moved and (until not in before or until in after):
            raise wrong("I6", item, before["adjusted_date"], after["adjusted_date"])
    reopened = before["state"] == "settled" and reverses
    stays = after["state"] == before["state"] or before["state"] not in TERMINAL
    if not stays and not reopened:
        raise wrong("I11", item, before["state"], after["state"])
