"""Scenario tables: one operation a row, in order of the checks, last the code.

A row has a name, what stands before (``given``), the one operation that is
judged (``act``) and the code it is answered with, ``ok`` if it is accepted.
Rows of a table share one world; each prepares its own account, programme and
invoices, so that none depends on another having run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ledger.bookcheck import Books, check_books, check_due_work
from ledger.errors import LedgerError
from ledger.state import HEIGHT_BYTES
from ledger.transactions import object_id
from tests.world import (
    CALENDAR,
    DAY_MS,
    World,
    date_of,
    default_actors,
    make_actor,
)

FACE = 1_000_000

Given = Callable[["Stage"], Any]
Act = Callable[["Stage", Any], object]
Row = tuple[str, Given, Act, str]
Body = dict[str, Any]


def rows(*tables: Sequence[Row]) -> pytest.MarkDecorator:
    """Return the mark that runs a test once a row."""
    return pytest.mark.parametrize(
        ("given", "act", "code"),
        [
            pytest.param(given, act, code, id=name)
            for table in tables
            for name, given, act, code in table
        ],
    )


def answer(stage: Stage, given: Given, act: Act) -> str:
    """Return the code an operation is answered with after what stands before."""
    thing = given(stage)
    try:
        act(stage, thing)
    except LedgerError as error:
        return error.code
    return "ok"


class Stage(World):
    """A world with a larger cast, where all dates are counted from today."""

    def __init__(
        self,
        *,
        calendar: Mapping[str, Any] | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Found it; every day is a business day unless a calendar says else."""
        usual = [actor for actor in default_actors() if actor.name != "operator"]
        cast = [
            make_actor("operator", "operator", group="house"),
            *usual,
            make_actor("housebank", "settlement_bank", group="house"),
            make_actor("double", "operator", "settlement_bank"),
            make_actor("agent", "settlement_agent"),
            make_actor("buyer", "debtor"),
            make_actor("merged", "debtor", "lender", "supplier"),
            make_actor("delta", "supplier"),
            make_actor("idle", "debtor", "settlement_bank", "supplier"),
        ]
        plain = {**CALENDAR, "weekend": []}
        super().__init__(
            cast, parameters={"calendar": calendar or plain}, sources=sources
        )
        self._numbers = 0
        for name in ("alpha", "beta"):
            self.register_payee(name)
        self.set_status("idle", "suspend")

    def set_status(self, name: str, act: str) -> None:
        """Suspend a member, or let it resume."""
        operator = self.member("operator")
        body = {"member": self.member(name), "operator": operator, "reason": "test"}
        self.act(f"member.{act}", body, by=["operator"])

    # -- what stands before a row ----------------------------------------------

    def deal(self, **terms: Any) -> None:
        """Open an account and a programme that no other row knows."""
        self.open_account()
        self.open_programme(convention="none", **terms)

    def day(self, days: int) -> str:
        """Return the date so many days from today."""
        return date_of(self.time + days * DAY_MS)

    def wait(self, days: int) -> None:
        """Let days pass, doing what falls due on the way."""
        self.advance(self.day(days))

    def wait_until(self, time_ms: int) -> None:
        """Set the clock, without doing what falls due on the way."""
        self.time = time_ms

    def number(self) -> str:
        """Return an invoice number that no other row uses."""
        self._numbers += 1
        return f"N{self._numbers}"

    def use(self, amount: int = FACE, **changes: Any) -> Body:
        """Return a use of a fresh invoice, all of it unless changed."""
        return {
            "amount_minor": amount,
            "issue_date": "2026-01-02",
            "number": self.number(),
            "used_minor": amount,
            **changes,
        }

    def proposal(self, face: int = FACE, days: int = 60, **changes: Any) -> Body:
        """Return the body with which a receivable is submitted or issued."""
        return {
            "invoices": [self.use(face)],
            "programme": self.programme,
            "supplier": self.member("alpha"),
            "terms": {"due_date": self.day(days), "gross_minor": face},
            **changes,
        }

    def propose(self, act: str = "submit", **options: Any) -> str:
        """Submit or issue; return the receivable's id."""
        source = self.act(f"receivable.{act}", self.proposal(**options))
        return object_id("receivable", source, 0)

    def decide(self, act: str, receivable: str, **changes: Any) -> str:
        """Confirm or accept with the face that stands, unless changed."""
        face = self.read("receivable", receivable)["face_minor"]
        body = {"face_minor": face, "receivable": receivable, **changes}
        return self.act(f"receivable.{act}", body)

    def end(self, act: str, receivable: str, **options: Any) -> str:
        """Reject, decline, cancel or void."""
        return self.act(f"receivable.{act}", {"receivable": receivable}, **options)

    def live(self, face: int = FACE, days: int = 60, **options: Any) -> str:
        """Submit and confirm; return the receivable's id."""
        receivable = self.propose(face=face, days=days, **options)
        self.decide("confirm", receivable)
        return receivable

    def state(self, receivable: str) -> str:
        """Return the state of a receivable."""
        return str(self.read("receivable", receivable)["state"])

    # -- what holds after all rows ----------------------------------------------

    def check(self) -> None:
        """Add all books up again from single records; no work was set aside."""
        stored = self.chain.state.records.values()
        books = Books(raw[HEIGHT_BYTES:] for raw in stored)
        check_books(books)
        assert check_due_work(books, self.chain.header.time) == []
