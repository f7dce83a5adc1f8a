"""Random walks of the naive model over all its operations."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.model_records import Tile, transferor
from tests.test_model import DUE, INTEREST_FIRST, START, at, day, new

MEMBERS = st.sampled_from("SPBCD")
AMOUNTS = st.integers(0, 120)
RIDS = st.sampled_from(["R0", "R1", "R2", "R3"])
DATES = st.sampled_from([day(-40), day(-1), DUE, day(3), day(4), day(12)])
NAMES = RIDS | st.none()
OPEN_ACTS = ["confirm", "agree", "reject", "cancel"]
ACTS = {
    "submitted": OPEN_ACTS,
    "countered": OPEN_ACTS,
    "issued": ["accept_issue", "accept_issue", "decline_issue", "cancel"],
    "live": ["pay_early", "pay_early", "pay_early", "cancel_live"],
    "part_paid": ["pay_early", "waive"],
    "overdue": ["waive"],
    "default": ["waive", "close_uncollectable"],
    "recovering": ["waive", "close_uncollectable"],
}
TERMS: list[dict[str, Any]] = [
    {},
    INTEREST_FIRST,
    {
        "undertaking": "subject_to_defences",
        "tolerance_minor": 60,
        "tolerance_days": 2,
        "grace_days": 3,
        "exposure_max_minor": 350,
    },
    {**INTEREST_FIRST, "recourse_trigger": "overdue", "late_rate_ppm": 900_000},
]


class Walk(RuleBasedStateMachine):
    """Random walks over all operations."""

    def __init__(self) -> None:
        super().__init__()
        self.model = new()
        self.count = 0

    def try_out(self, act: str, *args: Any, **options: Any) -> None:
        """Do one operation; a refusal must leave everything as it was."""
        before = self.photograph()
        answer = getattr(self.model, act)(*args, **options)
        assert answer in {"ok", "refused"}
        assert (answer == "refused") == bool(self.model.reason)
        if answer == "refused":
            assert self.photograph() == before

    def photograph(self) -> str:
        """Return everything the model knows, apart from the last reason."""
        return repr({**vars(self.model), "reason": ""})

    def next_id(self) -> str:
        """Return an id that nothing has."""
        self.count += 1
        return f"x{self.count}"

    @initialize(terms=st.sampled_from(TERMS))
    def begin(self, terms: dict[str, Any]) -> None:
        """Begin with two receivables due on one day."""
        self.model = new(record_days=1, part_min_minor=2, **terms)
        self.enter("R0")
        self.enter("R1")

    @rule(rid=RIDS)
    def enter(self, rid: str) -> None:
        """Make a receivable live at once."""
        due = day(4 * (int(rid[1]) // 2))
        invoices = [(rid + "-A", START, 100, 100)]
        self.try_out("submit", rid, "S", 100, [], due, invoices)
        self.try_out("confirm", rid)

    @rule(
        act=st.sampled_from(["submit", "issue"]),
        number=st.sampled_from(["1", "01", "2"]),
        deduction=AMOUNTS,
        due=DATES,
        used=AMOUNTS,
    )
    def propose(
        self, act: str, number: str, deduction: int, due: str, used: int
    ) -> None:
        """Enter by either way, with invoices that look alike."""
        invoices = [(number, START, 100, used)]
        terms = ("S", used, [deduction], due, invoices)
        self.try_out(act, self.next_id(), *terms)

    def some(self, data: st.DataObject, things: Iterable[str]) -> str:
        """Return one of the ids, or one that nothing has."""
        return data.draw(st.sampled_from([*things, "nothing"]))

    @rule(data=st.data(), fit=st.booleans())
    def on_receivable(self, data: st.DataObject, fit: bool) -> None:
        """Do something that takes a receivable alone, mostly in a fitting state."""
        rid = self.some(data, self.model.receivables)
        acts = sorted({act for acts in ACTS.values() for act in acts})
        if fit and rid in self.model.receivables:
            acts = ACTS.get(self.model.state(rid), acts)
        self.try_out(data.draw(st.sampled_from(acts)), rid)

    @rule(
        data=st.data(),
        by=st.sampled_from(["debtor", "supplier"]),
        due=DATES,
        different=st.lists(st.sampled_from(["1", "01"])),
    )
    def counter(
        self, data: st.DataObject, by: str, due: str, different: list[str]
    ) -> None:
        """Propose other terms."""
        states = {rid: self.model.state(rid) for rid in self.model.receivables}
        fit = [rid for rid in states if states[rid] in {"submitted", "countered"}]
        self.try_out("counter", self.some(data, fit), by, [1], due, different)

    def tile(self, data: st.DataObject, rid: str) -> tuple[int, int, int]:
        """Return the start of a live tile and two units inside, if there is one."""
        rec = self.model.receivables.get(rid)
        tiles = [(tile.lo, tile.hi) for tile in rec.live] if rec else []
        lo, hi = data.draw(st.sampled_from(tiles or [(0, 9)]))
        start, end = sorted(data.draw(st.tuples(*[st.integers(lo, hi)] * 2)))
        return lo, start, end

    @rule(
        data=st.data(),
        rid=RIDS,
        to=MEMBERS,
        aware=st.booleans(),
        recourse=st.booleans(),
    )
    def transfer(
        self, data: st.DataObject, rid: str, to: str, aware: bool, recourse: bool
    ) -> None:
        """Pass on a part at once."""
        place = self.tile(data, rid)
        self.try_out("transfer", rid, *place, to, aware=aware, recourse=recourse)

    @rule(
        data=st.data(),
        kind=st.sampled_from(["take", "take", "redeem", "repurchase"]),
        rid=RIDS,
        to=MEMBERS,
        price=st.integers(0, 60),
        days=st.integers(0, 30),
    )
    def deal(
        self, data: st.DataObject, kind: str, rid: str, to: str, price: int, days: int
    ) -> None:
        """Agree on a price for a part."""
        buyer = [] if kind == "redeem" else [to]
        pay_by_ms = self.model.now + days * 24 * 3_600_000
        place = self.tile(data, rid)
        self.try_out(kind, self.next_id(), rid, *place, *buyer, price, pay_by_ms)

    @precondition(lambda self: self.passed())
    @rule(data=st.data(), back=st.booleans(), price=st.integers(1, 60))
    def step_back(self, data: st.DataObject, back: bool, price: int) -> None:
        """Call on a transferor, or let it buy its part back."""
        rid, tile = data.draw(st.sampled_from(self.passed()))
        pay_by_ms = self.model.now + 9 * 24 * 3_600_000
        if back:
            member = transferor(tile.chain)[0]
            place = rid, tile.lo, tile.lo, tile.hi
            what = *place, member, price, pay_by_ms
            self.try_out("repurchase", self.next_id(), *what)
        else:
            what = rid, tile.lo, pay_by_ms
            self.try_out("recourse_call", self.next_id(), *what)

    def passed(self) -> list[tuple[str, Tile]]:
        """Return the live tiles that somebody passed on."""
        recs = self.model.receivables.values()
        return [(rec.rid, tile) for rec in recs for tile in rec.live if tile.chain]

    @precondition(lambda self: self.model.deals())
    @rule(
        data=st.data(),
        wrong=st.sampled_from([0, 0, 0, 1]),
        way=st.sampled_from(["account", "direct"]),
    )
    def pay_for_deal(self, data: st.DataObject, wrong: int, way: str) -> None:
        """Pay a price, mostly the right one."""
        did = self.some(data, self.model.deals())
        price = self.model.agreed[did].price if did in self.model.agreed else 1
        if way == "direct":
            self.try_out("received", did, wrong)
        else:
            self.try_out("pay_deal", self.next_id(), did, price + wrong)

    @precondition(lambda self: self.model.prices)
    @rule(data=st.data(), part=st.booleans())
    def return_price(self, data: st.DataObject, part: bool) -> None:
        """Let a price go back."""
        line = data.draw(st.sampled_from(self.model.prices))
        self.try_out("reverse", self.next_id(), line.ref, line.owed - part)

    @rule(
        data=st.data(),
        rid=RIDS,
        member=st.none() | MEMBERS,
        amount=st.none() | AMOUNTS,
        hours=st.integers(-200, 99),
    )
    def freeze(
        self,
        data: st.DataObject,
        rid: str,
        member: str | None,
        amount: int | None,
        hours: int,
    ) -> None:
        """Freeze units or a member."""
        until_ms = self.model.now + hours * 3_600_000
        if member:
            self.try_out("freeze_member", self.next_id(), member, amount, until_ms)
        else:
            where = self.tile(data, rid)[1:]
            self.try_out("freeze", self.next_id(), rid, *where, until_ms)

    @rule(data=st.data(), act=st.sampled_from(["release", "end_dispute"]))
    def end_order(self, data: st.DataObject, act: str) -> None:
        """End an order or a dispute."""
        model = self.model
        things = model.freezes if act == "release" else model.disputes
        self.try_out(act, self.some(data, things))

    @rule(rid=RIDS, amount=AMOUNTS, act=st.sampled_from(["dispute", "reduce"]))
    def defend(self, rid: str, amount: int, act: str) -> None:
        """Dispute or reduce what is owed."""
        if act == "reduce":
            self.try_out("reduce", rid, amount // 4)
        else:
            deadline_ms = self.model.now + 48 * 3_600_000
            self.try_out("dispute", self.next_id(), rid, amount, deadline_ms)

    @rule(member=st.sampled_from("BBBBCCPSD"), really=st.integers(0, 5))
    def insolvency(self, member: str, really: int) -> None:
        """Let a member fail, not too often."""
        if not really:
            self.try_out("insolvency", member)

    @rule(data=st.data(), rid=RIDS, to=MEMBERS, hours=st.integers(0, 99))
    def offer(self, data: st.DataObject, rid: str, to: str, hours: int) -> None:
        """Offer a part."""
        deadline_ms = self.model.now + hours * 3_600_000
        place = self.tile(data, rid)
        self.try_out("offer", self.next_id(), rid, *place, to, deadline_ms)

    @rule(data=st.data(), rid=RIDS, cut=st.booleans())
    def cut_or_join(self, data: st.DataObject, rid: str, cut: bool) -> None:
        """Split or merge."""
        lo, *cuts = self.tile(data, rid)
        self.try_out("split", rid, lo, cuts) if cut else self.try_out("merge", rid, lo)

    @precondition(lambda self: self.model.open_offers())
    @rule(
        data=st.data(),
        act=st.sampled_from(["accept", "accept", "decline", "withdraw"]),
    )
    def end_offer(self, data: st.DataObject, act: str) -> None:
        """Answer an open offer."""
        self.try_out(act, data.draw(st.sampled_from(sorted(self.model.open_offers()))))

    @rule(
        again=st.sampled_from([False, False, False, True]),
        amount=AMOUNTS,
        late=st.integers(-3, 3),
        payer=st.sampled_from(["D", "D", "D", None, "X"]),
        names=NAMES,
    )
    def receipt(
        self, again: bool, amount: int, late: int, payer: str | None, names: str | None
    ) -> None:
        """Let money come in, valued around today."""
        value = dt.date.fromisoformat(self.model.today) + dt.timedelta(days=late)
        ref = "again" if again else self.next_id()
        self.try_out("receipt", ref, amount, value.isoformat(), payer, names)

    @rule(
        act=st.sampled_from(["return_early", "return_suspense"]),
        data=st.data(),
        amount=AMOUNTS,
    )
    def send_back(self, act: str, data: st.DataObject, amount: int) -> None:
        """Return money to its remitter."""
        self.try_out(act, self.some(data, self.model.receipts), amount)

    @rule(data=st.data(), rid=RIDS, amount=AMOUNTS)
    def match(self, data: st.DataObject, rid: str, amount: int) -> None:
        """Assign money in suspense."""
        receipts = self.model.receipts.values()
        refs = [receipt.ref for receipt in receipts if receipt.suspense]
        self.try_out("match", self.some(data, refs), rid, amount)

    @rule(data=st.data(), amount=AMOUNTS)
    def reverse(self, data: st.DataObject, amount: int) -> None:
        """Reverse a receipt."""
        ref = self.some(data, self.model.receipts)
        self.try_out("reverse", self.next_id(), ref, amount)

    @rule(holder=st.sampled_from("SSSPB"), back=st.booleans())
    def payouts(self, holder: str, back: bool) -> None:
        """Pay a holder, and let it come back."""
        if holder in self.model.insolvent:
            holder = "administrator:" + holder
        amount = self.model.payable(holder)
        self.try_out("pay_payouts", holder)
        if back:
            self.try_out("return_payout", holder, amount)

    @rule(wrong=st.sampled_from([0, 0, 0, 1]))
    def close(self, wrong: int) -> None:
        """Close the day, sometimes on a wrong balance."""
        today = self.model.today
        self.try_out("close_day", today, self.model.balance(today) + wrong)

    @rule(member=MEMBERS, act=st.sampled_from(["suspend"] + ["resume"] * 5))
    def standing(self, member: str, act: str) -> None:
        """Suspend or resume a member."""
        self.try_out(act, member)

    @precondition(lambda self: self.model.today >= day(-1))
    @rule(days=st.integers(1, 5))
    def let_days_close(self, days: int) -> None:
        """Let days pass that the bank closes one by one."""
        for _ in range(days):
            self.try_out("advance_to", self.model.now + 24 * 3_600_000)
            today = self.model.today
            self.try_out("close_day", today, self.model.balance(today))

    @rule(hours=st.sampled_from([-1, 1, 24, 24 * 7]))
    def wait(self, hours: int) -> None:
        """Let time pass."""
        self.try_out("advance_to", self.model.now + hours * 3_600_000)

    @rule(date=DATES)
    def wait_for(self, date: str) -> None:
        """Let a date come."""
        self.try_out("advance_to", at(date))

    @invariant()
    def holds(self) -> None:
        """Every invariant holds after every step."""
        self.model.check()


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
