"""A world for scenario tables: a larger cast, and dates counted from today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ledger.blockcheck import BlockWatch
from ledger.bookcheck import check_books, check_due_work
from ledger.books import Books
from ledger.sealing import Candidate
from ledger.state import HEIGHT_BYTES
from ledger.transactions import object_id
from tests.world import (
    CALENDAR,
    DAY_MS,
    Actor,
    World,
    date_of,
    default_actors,
    digest_of,
    make_actor,
)

FACE = 1_000_000
Body = dict[str, Any]


def extras() -> list[Actor]:
    """Return whom few tables need; a genesis has room for sixteen keys."""
    return [
        make_actor("housebank", "settlement_bank", group="house"),
        make_actor(
            "double", "debtor", "lender", "operator", "settlement_bank", "supplier"
        ),
        make_actor("agent", "settlement_agent"),
        make_actor("buyer", "debtor"),
        make_actor("merged", "debtor", "lender", "supplier"),
        make_actor("delta", "supplier"),
    ]


class Stage(World):
    """A world on which rows play one after the other without meeting.

    Attributes:
        it: the last receivable of the row.
        first: the first receivable of the row.
        pausing: whether automatic work waits for the next operation's block.
        offer: the offer of the row.
        part: what it offers.
        receipt: the incoming payment of the row.
        payout: the payout of the row.
        payto: the change of account of the row.
        requests: the requests for a price, one a lender.
        quote: the firm price of the row, and its ``price``.
        deal_id: the deal of the row.
        order: the order of an authority of the row.
        cover: what an order is on by which the row binds a holder.
        dispute: the dispute of the row.
        advice: what the row's payer said a payment is for.
        deadline_ms: of the row's last quote, deal, order or dispute.
        told: all events of the row.
    """

    pausing = False
    part = (0, 0)
    told: tuple[Body, ...] = ()
    it = first = offer = receipt = payout = quote = deal_id = order = dispute = ""
    source = payto = other = advice = cover = ""
    deadline_ms = 0

    def __init__(
        self,
        *,
        more: Sequence[Actor] = (),
        folder: Path | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Found it, with other extras if a table needs any; no day is a holiday."""
        self.watch = BlockWatch()
        usual = [actor for actor in default_actors() if actor.name != "operator"]
        cast = [
            make_actor("operator", "operator", group="house"),
            *usual,
            *(more or extras()),
            make_actor("idle", "debtor", "settlement_bank", "supplier"),
        ]
        parameters = {"calendar": {**CALENDAR, "weekend": []}}
        super().__init__(cast, folder=folder, parameters=parameters, sources=sources)
        self._numbers = 0
        for name in ("alpha", "beta"):
            self.register_payee(name)
        operator = self.member("operator")
        body = {"member": self.member("idle"), "operator": operator, "reason": "test"}
        self.act("member.suspend", body)

    def settle(self) -> None:
        """Seal blocks until no automatic work is due, unless that is to wait."""
        if not self.pausing:
            super().settle()

    def seal(self, *envelopes: bytes, time: int | None = None) -> Candidate:
        """Seal a block as ever, compute it once more, keep what it told."""
        candidate = super().seal(*envelopes, time=time)
        self.told += tuple(self.events())
        self.watch.observe(candidate)
        return candidate

    def begin(self) -> None:
        """Forget what the last row made."""
        self.pausing = False
        self.settle()
        self.told = ()
        self.it = self.first = self.offer = self.receipt = self.payout = ""
        self.quote, self.deal_id, self.deadline_ms = "", "", 0
        self.order = self.dispute = ""
        self.requests: list[str] = []
        self.price: Body = {}
        self.account = self.programme = ""

    def deal(self, **terms: Any) -> None:
        """Open an account and a programme that no other row knows."""
        if not self.account:
            self.open_account()
        self.open_programme(**{"convention": "none", **terms})

    def day(self, days: int) -> str:
        """Return the date so many days from today."""
        return date_of(self.time + days * DAY_MS)

    def number(self) -> str:
        """Return an invoice number that no other row uses."""
        self._numbers += 1
        return f"N{self._numbers}"

    def id_of(self, name: str) -> str:
        """Return a member's id, or the id of nobody for another name."""
        return self.member(name) if name in self.actors else digest_of(name)

    def as_members(self, by: str) -> Body:
        """Return the option that lets somebody else sign, if named."""
        return {"by": by.split("+")} if by else {}

    def make_terms(self, days: int, gross: int, cut: int, cut_type: str) -> Body:
        """Return terms that fall due so many days from today."""
        terms: Body = {"due_date": self.day(days), "gross_minor": gross}
        if cut:
            row = {"amount_minor": cut, "document": digest_of("cut"), "type": cut_type}
            terms["deductions"] = [row]
        return terms

    def make_use(self, amount: int, number: str, date: str) -> Body:
        """Return a use of all of an invoice."""
        return {
            "amount_minor": amount,
            "issue_date": date,
            "number": number,
            "used_minor": amount,
        }

    def invoice_id(self, number: str, date: str = "2026-01-02") -> str:
        """Return the identity of an invoice of alpha to the debtor."""
        parties = (self.member("debtor"), self.member("alpha"))
        return digest_of("/".join((*parties, "CNY", date, number)))

    def make_proposal(
        self,
        face: int = FACE,
        days: int = 60,
        *,
        supplier: str = "alpha",
        number: str = "",
        date: str = "2026-01-02",
        of: int = 0,
        used: int = 0,
        cut: int = 0,
        cut_type: str = "other",
        **extra: Any,
    ) -> Body:
        """Return the body with which a receivable is submitted or issued.

        Args:
            face: the gross amount.
            days: until it falls due.
            supplier: name of the supplier.
            number: of the invoice, fresh if none.
            date: of the invoice.
            of: amount of the invoice, the gross if 0.
            used: how much of the invoice is used, the gross if 0.
            cut: a deduction, 0 for none.
            cut_type: what the deduction is for.
            extra: other fields of the body.
        """
        use = self.make_use(of or face, number or self.number(), date)
        use["used_minor"] = used or face
        return {
            "invoices": [use],
            "programme": self.programme,
            "supplier": self.id_of(supplier),
            "terms": self.make_terms(days, face, cut, cut_type),
            **extra,
        }

    def propose(self, verb: str, **options: Any) -> str:
        """Submit or issue; return the receivable's id."""
        if not self.programme:
            self.deal()
        body = self.make_proposal(**options)
        source = self.act(f"receivable.{verb}", body)
        self.it = object_id("receivable", source, 0)
        self.first = self.first or self.it
        return self.it

    @property
    def next_ms(self) -> int:
        """The block time of the next operation."""
        return max(self.time, self.chain.header.time + 1)

    def record_of(self, kind: str = "receivable") -> Body:
        """Return the row's record of a kind."""
        names = {"receivable": "it"}
        return self.read(kind, getattr(self, names.get(kind, kind)))

    def check(self) -> None:
        """Add all books up again from single records; no work was set aside."""
        stored = self.chain.state.records.values()
        books = Books(raw[HEIGHT_BYTES:] for raw in stored)
        check_books(books)
        assert check_due_work(books, self.chain.header.time) == []
