"""Takes every step on the real chain and on the naive model, and compares.

The chain is driven by signed transactions in real blocks; the model knows the
business rules only. Both must give the same answer, "ok" or "refused", and
afterwards show the same world. What the chain may never do on the way: fail
inside a rule, break an invariant, run out of gas, or fail at automatic work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger.blockcheck import BlockWatch
from ledger.bookcheck import check_books
from ledger.books import Books
from ledger.encoding import load_record
from ledger.errors import LedgerError
from ledger.sealing import Candidate
from ledger.state import read_record
from ledger.transactions import object_id
from tests.driver_views import HOLDERS, Views
from tests.model import Model
from tests.model_records import Invoice, strict_number
from tests.world import (
    CALENDAR,
    DAY_MS,
    Actor,
    World,
    date_of,
    default_actors,
    digest_of,
    make_actor,
    ms_of,
)

NEVER = {"rule_fault", "invariant_broken", "out_of_gas", "limit_exceeded", "occupied"}
BASES = {360: "act360", 365: "act365f"}
TERMS: dict[str, Any] = {
    "debtor": "debtor",
    "currency": "CNY",
    "late_rate_ppm": 60_000,
    "late_basis": 360,
    "grace_days": 0,
    "order": "principal_first",
    "transfer_max": 8,
    "part_min_minor": 1,
    "record_days": 0,
    "confirm_days": 10,
    "tenor_cap_days": 365,
    "calendar": CALENDAR,
}
OPTIONAL = (
    "dispute_days",
    "exposure_max_minor",
    "grace_days",
    "late_close_days",
    "payout_days",
    "payout_min_minor",
    "recourse_days",
    "recourse_price",
    "recourse_trigger",
    "suspense_days",
    "tolerance_days",
    "tolerance_minor",
    "undertaking",
)


def cast() -> list[Actor]:
    """Return the usual cast, with a second lender and banks to spare."""
    usual = [actor for actor in default_actors() if actor.name != "gamma"]
    more = [make_actor(name, "settlement_bank") for name in ("house", "spare")]
    more += [make_actor("regulator", "regulator")]
    return [*usual, make_actor("gamma", "lender", "supplier"), *more]


class WatchedWorld(World):
    """A world whose blocks are judged as an audit judges them, one by one."""

    def __init__(self, *given: Any, **options: Any) -> None:
        """Watch it from its first block on."""
        self.watch = BlockWatch()
        super().__init__(*given, **options)

    def open_account(self, opening: int = 0) -> str:
        """Open an account of one bank's that another one attests."""
        bank = self.actors["bank"]
        named = self.actors.get("house", bank)
        pair = {"attester": bank.id, "owner": named.id}
        mandate = {
            "document": digest_of("mandate"),
            "limit_minor": 10**12,
            "until": "2035-12-31",
        }
        body = {
            **pair,
            "closed_date": date_of(self.time - DAY_MS),
            "commitment": digest_of("collection account"),
            "currency": "CNY",
            "mandate": mandate,
            "opening_minor": opening,
        }
        self.account = object_id("account", self.act("account.open", body), 0)
        return self.account

    def seal(self, *envelopes: bytes, time: int | None = None) -> Candidate:
        """Seal a block; assert that all its jobs and sweeps are right."""
        candidate = super().seal(*envelopes, time=time)
        for raw in candidate.block.receipts if candidate.block else ():
            receipt = load_record(raw)
            assert receipt["code"] == "ok", receipt
        self.watch.observe(candidate)
        return candidate


class Driver(Views):
    """Acts in both worlds."""

    world: WatchedWorld

    def __init__(
        self, *, sources: Mapping[str, str] | None = None, **terms: Any
    ) -> None:
        self.terms = {**TERMS, **terms}
        world = WatchedWorld(
            cast(), parameters={"calendar": self.terms["calendar"]}, sources=sources
        )
        super().__init__(world, Model(self.terms))
        self.paid: dict[str, list[list[str]]] = {}
        self.code = ""
        self.open()

    def open(self) -> None:
        """Open account, programme and everybody's payout account."""
        terms = self.terms
        self.world.open_account()
        self.world.open_programme(
            confirm_days=terms["confirm_days"],
            late_basis=BASES[terms["late_basis"]],
            late_ppm=terms["late_rate_ppm"],
            order=terms["order"],
            part_min_minor=terms["part_min_minor"],
            record_days=terms["record_days"],
            tenor_cap_days=terms["tenor_cap_days"],
            tenor_norm_days=terms["tenor_cap_days"],
            transfer_max=terms["transfer_max"],
            **{name: terms[name] for name in OPTIONAL if name in terms},
            **self.describe_fees(),
        )
        for name in HOLDERS:
            self.world.register_payee(name)
        self.follow()

    def describe_fees(self) -> dict[str, Any]:
        """Return the fees of sales as a programme names them."""
        fees = self.terms.get("fees", [])
        rows = [{**fee, "payee": self.world.member(fee["payee"])} for fee in fees]
        for row, name in zip(rows, ("first", "second"), strict=False):
            row["name"] = name
        return {"fees": rows} if rows else {}

    # -- one step ---------------------------------------------------------------

    @property
    def now(self) -> int:
        """Block time of the next block, UTC milliseconds."""
        return self.world.chain.situation(self.world.time).time

    def follow(self) -> None:
        """Do what is due by now, and let the model's clock catch up."""
        world = self.world
        while any(self.goes_on(job) for job in world.scan("jobs", "1")):
            world.seal(time=world.time + 1)
        assert self.model.advance_to(world.time) == "ok"

    def goes_on(self, job: dict[str, Any]) -> bool:
        """Tell whether work is due: one sweep a payment, a millisecond each."""
        grace_ms = 0 if job["what"] == "expire" else 1
        return bool(job["due_ms"] <= self.world.time + grace_ms)

    def both(self, name: str, act: Callable[[], object], *args: Any, **kw: Any) -> str:
        """Take a step in both worlds and compare; tell what they answer."""
        # Jobs due at this very moment run behind the act, in the same block.
        self.world.time = self.now
        assert self.model.advance_to(self.world.time) == "ok"
        said = getattr(self.model, name)(*args, **kw)
        reason = self.model.reason
        did = self.attempt(act)
        assert said == did, f"{name}{args}{kw}: {reason}, {self.code}"
        self.follow()
        self.compare()
        return str(said)

    def attempt(self, act: Callable[[], object]) -> str:
        """Act on the chain; a refusal must be one that a user can understand."""
        self.code = ""
        try:
            act()
        except LedgerError as error:
            self.code = error.code
        assert self.code not in NEVER
        return "refused" if self.code else "ok"

    def act(self, act: str, **body: Any) -> str:
        """Sign and seal one act on the chain."""
        given = {name: value for name, value in body.items() if value is not None}
        return self.world.act(act, given)

    def wait(self, target_ms: int) -> None:
        """Let time pass in both worlds, sealing blocks for what falls due."""
        world = self.world
        while True:
            due = world.chain.next_due_ms()
            if due is None or due > target_ms:
                break
            world.time = max(world.time + 1, due)
            world.seal(time=world.time)
        world.time = max(world.time, target_ms)
        self.follow()
        self.compare()

    def wait_for(self, date: str, hour: int = 9) -> None:
        """Let time pass to an hour of a date."""
        self.wait(ms_of(date, hour))

    def compare(self) -> None:
        """Assert that both worlds show the same, and that the books add up."""
        seen = self.see_chain()
        for name in HOLDERS if self.terms.get("payout_min_minor") else ():
            self.model.be_told_small(name, seen[f"payouts of {name}"][-1])
        expected = self.see_model()
        wrong = {
            name: (seen[name], "expected", expected[name])
            for name in expected
            if seen[name] != expected[name]
        }
        assert not wrong, wrong
        stored = self.world.chain.state.records.values()
        check_books(Books(raw[8:] for raw in stored))
        self.model.check()

    # -- ways in ----------------------------------------------------------------

    def item(self, rid: str) -> str:
        """Return the id of a receivable, or one that nothing has."""
        return self.ids.get(rid) or digest_of(f"no receivable {rid}")

    def propose(  # noqa: PLR0917 - said in this order everywhere
        self,
        name: str,
        rid: str,
        supplier: str,
        gross: int,
        deductions: list[int],
        due_date: str,
        invoices: list[Invoice],
        different: Iterable[str] | None = None,
    ) -> str:
        """``submit`` or ``issue``."""

        def act() -> None:
            tx = self.act(
                f"receivable.{name}",
                different=self.called(supplier, invoices, different),
                invoices=[
                    {
                        "amount_minor": amount,
                        "issue_date": issued,
                        "number": number,
                        "used_minor": used,
                    }
                    for number, issued, amount, used in invoices
                ],
                programme=self.world.programme,
                supplier=self.world.member(supplier),
                terms=self.describe(gross, deductions, due_date),
            )
            self.ids[rid] = object_id("receivable", tx, 0)

        terms = supplier, gross, deductions, due_date, invoices
        given = {} if different is None else {"different": different}
        return self.both(name, act, rid, *terms, **given)

    def called(
        self, supplier: str, invoices: list[Invoice], different: Iterable[str] | None
    ) -> list[str] | None:
        """Return the ids of those invoices the debtor calls different."""
        words = {strict_number(number) for number in different or ()}
        ids = [
            self.invoice_item(supplier, number, issued)
            for number, issued, *_ in invoices
            if strict_number(number) in words
        ]
        return ids or None

    def called_of(self, rid: str, different: Iterable[str]) -> list[str] | None:
        """Return the same of a receivable that was proposed."""
        rec = self.model.receivables.get(rid)
        return self.called(rec.supplier, rec.invoices, different) if rec else None

    def describe(
        self, gross: int, deductions: list[int], due_date: str
    ) -> dict[str, Any]:
        """Return terms as they are signed."""
        terms: dict[str, Any] = {"due_date": due_date, "gross_minor": gross}
        if deductions:
            terms["deductions"] = [
                {
                    "amount_minor": part,
                    "document": digest_of("deduction"),
                    "type": "other",
                }
                for part in deductions
            ]
        return terms

    def counter(
        self,
        rid: str,
        by: str,
        deductions: list[int],
        due_date: str,
        different: Iterable[str] = (),
    ) -> str:
        """One side proposes other terms."""
        rec = self.model.receivables.get(rid)
        body: dict[str, Any] = {
            "different": self.called_of(rid, different),
            "party": by,
            "receivable": self.item(rid),
            "terms": self.describe(rec.gross if rec else 1, deductions, due_date),
        }
        act = lambda: self.act("receivable.counter", **body)  # noqa: E731
        return self.both("counter", act, rid, by, deductions, due_date, different)

    def confirm(self, rid: str, different: Iterable[str] = ()) -> str:
        """The debtor agrees."""
        body = {**self.agreed(rid), "different": self.called_of(rid, different)}
        act = lambda: self.act("receivable.confirm", **body)  # noqa: E731
        return self.both("confirm", act, rid, different)

    def agreed(self, rid: str) -> dict[str, Any]:
        """Return what a side signs that agrees."""
        rec = self.model.receivables.get(rid)
        return {"face_minor": rec.face if rec else 1, "receivable": self.item(rid)}

    def agree(self, rid: str) -> str:
        """The supplier agrees to an issue or to a counter-proposal."""
        rec = self.model.receivables.get(rid)
        name = "accept_issue" if rec and rec.stage == "issued" else "agree"
        body = self.agreed(rid)
        return self.both(name, lambda: self.act("receivable.accept", **body), rid)

    def end(self, name: str, rid: str) -> str:
        """End a proposal, or a live receivable, or pay it early, by name."""
        verb = "decline" if name == "decline_issue" else name
        act = f"receivable.{verb}"
        return self.both(name, lambda: self.act(act, receivable=self.item(rid)), rid)

    # -- passing on -------------------------------------------------------------

    def input(self, rid: str, lo: int) -> dict[str, Any]:
        """Return the input that names the tile at a position, there or not."""
        item = self.item(rid)
        tile = read_record(self.world.chain.state, "tile", str(lo), item)
        hi, rev = (tile["hi"], tile["rev"]) if tile else (lo + 1, 1)
        return {"hi": hi, "lo": lo, "receivable": item, "rev": rev}

    def split(self, rid: str, lo: int, cuts: list[int]) -> str:
        """Cut a part."""
        body = {
            "cuts": cuts,
            "input": self.input(rid, lo),
            "receivable": self.item(rid),
        }
        act = lambda: self.act("receivable.split", **body)  # noqa: E731
        return self.both("split", act, rid, lo, cuts)

    def merge(self, rid: str, lo: int) -> str:
        """Join a part and its right neighbour."""
        left = self.input(rid, lo)
        body = {
            "left": left,
            "receivable": self.item(rid),
            "right": self.input(rid, left["hi"]),
        }
        act = lambda: self.act("receivable.merge", **body)  # noqa: E731
        return self.both("merge", act, rid, lo)

    def giving(
        self, rid: str, tile_lo: int, lo: int, hi: int, to: str, *, recourse: bool
    ) -> dict[str, Any]:
        """Return what offer and transfer have in common."""
        return {
            "input": self.input(rid, tile_lo),
            "part": {"hi": hi, "lo": lo},
            "receivable": self.item(rid),
            "receiver": self.world.member(to),
            "recourse": "with" if recourse else "without",
        }

    def transfer(
        self,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        to: str,
        *,
        aware: bool = False,
        recourse: bool = False,
    ) -> str:
        """Pass a part on at once."""
        body = self.giving(rid, tile_lo, lo, hi, to, recourse=recourse)
        act = lambda: self.act("receivable.transfer", aware_overdue=aware, **body)  # noqa: E731
        args = rid, tile_lo, lo, hi, to
        return self.both("transfer", act, *args, aware=aware, recourse=recourse)

    def offer(  # noqa: PLR0917 - as in the model
        self,
        oid: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        to: str,
        deadline_ms: int,
        *,
        recourse: bool = False,
    ) -> str:
        """Offer a part."""
        body = self.giving(rid, tile_lo, lo, hi, to, recourse=recourse)

        def act() -> None:
            made = self.act("receivable.offer", until_ms=deadline_ms, **body)
            self.offers[oid] = made

        args = oid, rid, tile_lo, lo, hi, to, deadline_ms
        return self.both("offer", act, *args, recourse=recourse)

    def answer(self, name: str, oid: str, *, aware: bool = False) -> str:
        """``accept``, ``decline`` or ``withdraw`` an offer."""
        body: dict[str, Any] = {"offer": self.offers.get(oid, digest_of("no offer"))}
        made = self.model.offers.get(oid)
        if name != "accept":
            return self.both(name, lambda: self.act(f"offer.{name}", **body), oid)
        body["aware_overdue"] = aware
        body["part"] = {"hi": made.hi if made else 1, "lo": made.lo if made else 0}
        body["receivable"] = self.item(made.rid if made else "")
        act = lambda: self.act("offer.accept", **body)  # noqa: E731
        return self.both("accept", act, oid, aware=aware)

    def standing(self, name: str, member: str) -> str:
        """``suspend`` or ``resume`` a member; doing it twice is no difference."""
        status = self.world.read("member", self.world.member(member))["status"]
        if (status == "suspended") is (name == "suspend"):
            return "ok"
        body = {
            "member": self.world.member(member),
            "operator": self.world.member("operator"),
            "reason": "test",
        }
        return self.both(name, lambda: self.act(f"member.{name}", **body), member)

    # -- money ------------------------------------------------------------------

    def receive(
        self,
        ref: str,
        amount: int,
        value_date: str,
        payer: str | None,
        names: str | None = None,
    ) -> str:
        """Let money come in."""
        # A receivable's name stands for its id, anything else for a number.
        known = names if names is None else self.ids.get(names, names)
        options = {"value": value_date, "payer": payer or "", "names": known or ""}

        def act() -> None:
            self.receipts[ref] = self.world.receive(ref, amount, **options)

        return self.both("receipt", act, ref, amount, value_date, payer, names)

    def receipt_item(self, ref: str) -> str:
        """Return the id of a receipt, or one that nothing has."""
        return self.receipts.get(ref) or digest_of(f"no receipt {ref}")

    def match(self, ref: str, rid: str, amount: int) -> str:
        """The debtor assigns money in suspense."""
        body = {
            "amount_minor": amount,
            "receipt": self.receipt_item(ref),
            "receivable": self.item(rid),
        }
        known = ref in self.receipts
        if known and not self.world.read("receipt", body["receipt"])["payer"]:
            body["vouched_by"] = self.world.member("bank")
        act = lambda: self.act("bank.match", **body)  # noqa: E731
        return self.both("match", act, ref, rid, amount)

    def send_back(self, source: str, ref: str, amount: int) -> str:
        """Return ``early`` money or money in ``suspense`` to its remitter."""
        body = {
            "amount_minor": amount,
            "receipt": self.receipt_item(ref),
            "source": source,
        }
        act = lambda: self.act("bank.return", **body)  # noqa: E731
        return self.both(f"return_{source}", act, ref, amount)

    def reverse(self, ref: str, original_ref: str, amount: int) -> str:
        """The bank takes a receipt back."""
        # Which units an order for an amount had of a payment is left open.
        mine = {x.holder for x in self.model.lines if x.ref == original_ref}
        orders = self.model.freezes.values()
        if any(order.cover == "amount" and order.member in mine for order in orders):
            return "left open"
        item = self.receipt_item(original_ref)
        act = lambda: self.world.reverse(ref, item, amount)  # noqa: E731
        return self.both("reverse", act, ref, original_ref, amount)

    def close(self, wrong_minor: int = 0) -> str:
        """Close today, on the right balance or beside it."""
        today = self.world.today
        closing = self.model.balance(today) + wrong_minor
        act = lambda: self.world.close_day(today, closing)  # noqa: E731
        return self.both("close_day", act, today, closing)

    def instruct(self, holder: str) -> str:
        """Send all that is due to a holder to the bank."""
        due = [payout["id"] for payout in self.payouts(holder, "due")]
        body = {"account": self.world.account, "payouts": due}
        act = lambda: self.act("payout.instruct", **body)  # noqa: E731
        return self.both("instruct", act, holder)

    def attest_paid(self, holder: str) -> str:
        """Let the bank attest all that was sent for a holder."""
        sent = [payout["id"] for payout in self.payouts(holder, "instructed")]

        def act() -> None:
            self.attest("payout", sent)
            self.paid.setdefault(holder, []).append(sent)

        return self.both("attest_paid", act, holder)

    def attest(self, kind: str, payouts: list[str]) -> None:
        """Record one entry a payout: its payment, or its return."""
        entries = []
        for item in payouts:
            payout = self.world.read("payout", item)
            attempt = payout["attempts"][-1]
            entries.append(
                {
                    "amount_minor": payout["amount_minor"],
                    "booking_date": self.world.today,
                    "currency": "CNY",
                    "end_to_end": attempt,
                    "key": f"{kind}-{attempt}",
                    "type": kind,
                    "value_date": self.world.today,
                }
            )
        self.world.record(*entries)

    def return_payout(self, holder: str) -> str:
        """Let the last payment to a holder come back."""
        stack = self.paid.get(holder, [])
        back = stack[-1] if stack else []
        amount = sum(self.world.read("payout", x)["amount_minor"] for x in back)

        def act() -> None:
            self.attest("return", back)
            stack.pop()

        return self.both("return_payout", act, holder, amount)
