"""The naive model itself: the two stories and its edges."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from tests.model import Model, loose_numbers
from tests.model_records import share

DAY_MS = 86_400_000
START, DUE = "2025-03-03", "2025-06-03"  # a Monday and a Tuesday
PROGRAMME: dict[str, Any] = {
    "debtor": "D",
    "currency": "CNY",
    "late_rate_ppm": 60_000,
    "late_basis": 360,
    "grace_days": 0,
    "order": "principal_first",
    "transfer_max": 3,
    "part_min_minor": 1,
    "record_days": 0,
    "confirm_days": 10,
    "tenor_cap_days": 180,
    "calendar": {
        "weekend": [5, 6],
        "holidays": ["2025-06-02"],
        "workdays": ["2025-06-07"],
    },
}
INTEREST_FIRST = {"order": "interest_first"}


def at(date: str, hour: int = 12) -> int:
    """Return UTC milliseconds of a zone hour (UTC+08:00) of a date."""
    days = (dt.date.fromisoformat(date) - dt.date(1970, 1, 1)).days
    return days * DAY_MS + (hour - 8) * 3_600_000


def day(offset: int) -> str:
    """Return the date so many days after the due date."""
    return (dt.date.fromisoformat(DUE) + dt.timedelta(days=offset)).isoformat()


def new(**terms: Any) -> Model:
    """Return a model at noon of the first day."""
    model = Model({**PROGRAMME, **terms})
    model.advance_to(at(START))
    return model


def do(*answers: str) -> None:
    """Assert that every step was carried out."""
    assert set(answers) == {"ok"}


def submit(model: Model, rid: str, face: int, due: str = DUE) -> str:
    """Submit a receivable of supplier S with an invoice of its own."""
    return model.submit(rid, "S", face, [], due, [(rid, "2025-03-01", face, face)])


def live(model: Model, rid: str, face: int, due: str = DUE) -> None:
    """Bring a receivable of supplier S to life."""
    do(submit(model, rid, face, due), model.confirm(rid))


def pay(model: Model, ref: str, amount: int, names: str | None = None) -> str:
    """Let the debtor pay with today's value date."""
    return model.receipt(ref, amount, model.today, "D", names)


def close(model: Model) -> str:
    """Close today on the right balance."""
    return model.close_day(model.today, model.balance(model.today))


def amounts(read: Callable[[str], int], members: str = "PBC") -> list[int]:
    """Return one figure for each member."""
    return [read(member) for member in members]


def shared(model: Model) -> None:
    """Give S's units of R to A (60 %) and C, and halves of A's to P and B."""
    live(model, "R", 100_000_000)
    do(
        model.transfer("R", 0, 60_000_000, 100_000_000, "C"),
        model.transfer("R", 0, 0, 60_000_000, "A"),
        model.transfer("R", 0, 0, 30_000_000, "P"),
        model.transfer("R", 30_000_000, 30_000_000, 60_000_000, "B"),
    )


@pytest.mark.parametrize(
    ("basis", "interest"), [(360, 90_000), (365, 88_767)], ids=["360", "365"]
)
def test_story_one(basis: int, interest: int) -> None:
    """Early money, a sweep on the day, a reversal and late interest to the cent."""
    model = new(late_basis=basis)
    shared(model)
    do(pay(model, "early", 40_000_001, "R"))
    assert (model.waiting("R"), model.outstanding("R")) == (40_000_001, 100_000_000)
    do(model.advance_to(at(DUE, 0)))
    assert amounts(model.payable) == [12_000_000, 12_000_000, 16_000_001]
    do(pay(model, "second", 25_000_000, "R"))
    assert amounts(model.payable) == [19_500_000, 19_500_000, 26_000_001]
    do(*(model.pay_payouts(member) for member in "PBC"))
    assert model.outstanding("R") == 34_999_999
    do(model.advance_to(at(day(1))), model.reverse("back", "second", 10_000_000))
    assert model.outstanding("R") == 44_999_999
    live_units = dict.fromkeys("PBC", 0)
    for lo, hi, holder, kind in model.tiles("R"):
        live_units[holder] += hi - lo if kind == "live" else 0
    assert [*live_units.values()] == [13_500_000, 13_500_000, 17_999_999]
    owed_back = amounts(lambda member: model.claim(member, "R"))
    assert owed_back == [3_000_000, 3_000_000, 4_000_000]
    do(close(model))
    assert model.state("R") == "default"
    do(model.advance_to(at(day(12))))
    assert model.interest_owed("R", day(12)) == interest
    do(pay(model, "rest", 44_999_999 + interest))
    assert model.state("R") == "settled"
    rest = [line.net for line in model.lines if line.ref == "rest"]
    assert sum(rest) == 44_999_999 + interest
    if basis == 360:
        assert rest == [13_527_000, 13_527_000, 18_035_999]
        assert amounts(model.payable) == [10_527_000, 10_527_000, 14_035_999]
    assert amounts(lambda member: model.claim(member, "R")) == [0, 0, 0]
    model.check()


@pytest.mark.parametrize("early", [True, False], ids=["waits", "on_the_day"])
def test_story_two_names_one(early: bool) -> None:
    """Money naming R1 satisfies R1, and the rest settles R2 on the same day."""
    model = new()
    live(model, "R1", 60_000_000)
    live(model, "R2", 40_000_000)
    if early:
        do(pay(model, "a", 100_000_000, "R1"))
        assert (model.waiting("R1"), model.unassigned()) == (60_000_000, 40_000_000)
    do(model.advance_to(at(DUE)))
    if not early:
        do(pay(model, "a", 100_000_000, "R1"))
    assert {model.state("R1"), model.state("R2")} == {"settled"}
    assert (model.payable("S"), model.suspense()) == (100_000_000, 0)
    model.check()


def test_story_two_names_nothing() -> None:
    """Half of what is owed, without a reference, is shared by what is owed."""
    model = new()
    live(model, "R1", 60_000_000)
    live(model, "R2", 40_000_000)
    do(model.advance_to(at(DUE)), pay(model, "a", 50_000_000))
    assert [line.net for line in model.lines] == [30_000_000, 20_000_000]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (3, [1, 1], [2, 1]),
        (7, [2, 0, 5], [2, 0, 5]),
        (0, [], []),
        (1, [1, 2, 2], [0, 1, 0]),
    ],
    ids=["tie", "over", "exact", "nobody", "largest"],
)
def test_share(amount: int, weights: list[int], parts: list[int]) -> None:
    """What is left goes to the largest remainders, ties to the first."""
    assert share(amount, weights) == parts


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("0012", "12", True),
        ("00-12", "12", True),
        ("inv 7", "INV-007", True),
        ("A10", "A1", False),
        ("A-000", "A0", True),
        ("7-001", "7001", True),
        ("7-001", "71", True),
        ("7001", "71", False),
    ],
    ids=[
        "zeros",
        "dash",
        "letters",
        "trailing",
        "zero",
        "left_out",
        "parted",
        "neither",
    ],
)
def test_loose_numbers(one: str, other: str, alike: bool) -> None:
    """Leading zeros and signs do not make an invoice another one."""
    assert bool(loose_numbers(one) & loose_numbers(other)) is alike


@pytest.mark.parametrize(
    ("date", "adjusted"),
    [
        ("2025-05-31", "2025-06-03"),
        ("2025-06-07", "2025-06-07"),
        ("2025-06-08", "2025-06-09"),
    ],
    ids=["holiday", "make_up", "sunday"],
)
def test_due_dates_are_adjusted(date: str, adjusted: str) -> None:
    """The following business day counts, make-up workdays included."""
    assert new().adjust(date) == adjusted


@pytest.mark.parametrize(
    ("second", "date", "amount", "answer"),
    [
        (60, "2025-03-01", 100, "refused"),
        (50, "2025-03-01", 100, "ok"),
        (50, "2025-03-01", 90, "refused"),
        (60, "2025-03-02", 100, "ok"),
    ],
    ids=["too_much", "just", "other_amount", "other_date"],
)
def test_invoice_uses(second: int, date: str, amount: int, answer: str) -> None:
    """Uses of one invoice never exceed it, whatever its number's spelling."""
    model = new()
    do(model.submit("R1", "S", 50, [], DUE, [("A 1", "2025-03-01", 100, 50)]))
    invoices = [("a1", date, amount, second)]
    assert model.submit("R2", "S", second, [], DUE, invoices) == answer
    assert model.used("A1", "2025-03-01") == (
        100 if (date, answer) == ("2025-03-01", "ok") else 50
    )


def test_near_duplicates_need_the_debtor() -> None:
    """Confirmation, issue and the debtor's counter name the invoice, or fail."""
    model = new()
    live(model, "12", 100)
    do(submit(model, "0012", 100))
    assert model.counter("0012", "debtor", [1], DUE) == "refused"
    assert model.confirm("0012") == "refused"
    assert model.confirm("0012", different=["12"]) == "refused"
    do(model.confirm("0012", different=["0012"]))
    near = [("1-2", "2025-03-01", 9, 9)]
    assert model.issue("I", "S", 9, [], DUE, near) == "refused"
    do(model.issue("I", "S", 9, [], DUE, near, different=["1-2"]))
    do(model.issue("J", "T", 9, [], DUE, near))


def test_counter_proposals_take_turns() -> None:
    """Whoever did not propose last may agree, and the terms are the last ones."""
    model = new()
    do(submit(model, "R", 100))
    assert model.counter("R", "supplier", [1], DUE) == "refused"
    assert model.agree("R") == "refused"
    do(model.counter("R", "debtor", [10], DUE))
    assert model.confirm("R") == "refused"
    do(model.counter("R", "supplier", [5], day(1)))
    assert (model.state("R"), model.agree("R")) == ("countered", "refused")
    do(model.confirm("R"))
    assert model.tiles("R") == [(0, 95, "S", "live")]


@pytest.mark.parametrize(
    ("late_ms", "state"), [(0, "live"), (1, "expired")], ids=["last_moment", "after"]
)
def test_confirmation_has_a_deadline(late_ms: int, state: str) -> None:
    """The deadline itself is in time; afterwards the invoice is free again."""
    model = new()
    do(submit(model, "R", 100), model.advance_to(at(START) + 10 * DAY_MS + late_ms))
    assert (model.confirm("R") == "ok") is (state == "live")
    assert model.state("R") == state
    assert model.used("R", "2025-03-01") == (100 if state == "live" else 0)


@pytest.mark.parametrize(
    ("due", "submitted", "confirmed"),
    [
        (START, "refused", "refused"),
        ("2025-08-29", "ok", "ok"),
        ("2025-08-30", "ok", "refused"),
    ],
    ids=["today", "179_days", "182_when_adjusted"],
)
def test_tenor(due: str, submitted: str, confirmed: str) -> None:
    """The due date lies ahead; the cap is judged adjusted and at confirmation."""
    model = new()
    assert submit(model, "R", 100, due) == submitted
    assert model.confirm("R") == confirmed


def test_suspension_stops_new_business_only() -> None:
    """A suspended holder passes nothing on but is paid."""
    model = new()
    live(model, "R", 100)
    do(submit(model, "Q", 100), model.suspend("S"))
    assert model.offer("o", "R", 0, 0, 9, "B", at(DUE)) == "refused"
    assert model.transfer("R", 0, 0, 9, "B") == "refused"
    do(model.confirm("Q"), model.advance_to(at(DUE)), pay(model, "a", 100, "R"))
    do(model.pay_payouts("S"), model.resume("S"), model.split("Q", 0, [5]))


def test_offers_lock_cut_late_and_expire() -> None:
    """An offer holds its tile, the cut waits for acceptance, time ends it."""
    model = new()
    live(model, "R", 100)
    deadline_ms = model.now + 1000
    do(model.offer("o", "R", 0, 20, 40, "B", deadline_ms))
    assert model.offer("p", "R", 0, 60, 70, "B", deadline_ms) == "refused"
    assert model.split("R", 0, [50]) == "refused"
    assert model.tiles("R") == [(0, 100, "S", "live")]
    do(model.advance_to(deadline_ms), model.accept("o"))
    assert [tile[2] for tile in model.tiles("R")] == ["S", "B", "S"]
    do(model.offer("q", "R", 0, 0, 20, "B", deadline_ms + 1))
    do(model.advance_to(deadline_ms + 2))
    assert (model.accept("q"), model.open_offers()) == ("refused", set())


def test_merge_needs_one_history() -> None:
    """Neighbours of one holder join only if they came the same way."""
    model = new()
    live(model, "R", 100)
    do(model.split("R", 0, [30, 60]), model.merge("R", 0))
    do(model.transfer("R", 0, 0, 60, "B"), model.transfer("R", 60, 60, 100, "C"))
    do(model.transfer("R", 60, 60, 100, "B"))
    assert model.merge("R", 0) == "refused"


@pytest.mark.parametrize(
    ("date", "answer"),
    [("2025-05-28", "ok"), ("2025-05-29", "refused"), (DUE, "ok")],
    ids=["before", "two_business_days", "due_day"],
)
def test_record_date(date: str, answer: str) -> None:
    """Nothing passes in the last business days before the due date."""
    model = new(record_days=2)
    live(model, "R", 100)
    do(model.advance_to(at(date)))
    assert model.transfer("R", 0, 0, 50, "B") == answer


def test_overdue_parts_pass_knowingly() -> None:
    """The receiver of an overdue part says that it knows."""
    model = new()
    live(model, "R", 100)
    do(model.advance_to(at(DUE)), close(model))
    assert model.state("R") == "overdue"
    assert model.transfer("R", 0, 0, 50, "B") == "refused"
    do(model.transfer("R", 0, 0, 50, "B", aware=True))


def test_cancellation_by_consent() -> None:
    """Uses come free unless the units ever passed to somebody."""
    model = new()
    live(model, "R", 100)
    live(model, "Q", 100)
    do(model.transfer("Q", 0, 0, 50, "B"))
    assert model.cancel_live("Q") == "refused"
    do(model.transfer("Q", 50, 50, 100, "B"), model.cancel_live("Q"))
    do(model.cancel_live("R"))
    uses = [model.used(rid, "2025-03-01") for rid in "RQ"]
    assert uses == [0, 100]


@pytest.mark.parametrize(
    ("payer", "names", "waits", "suspense"),
    [
        ("D", "R", 50, 0),
        (None, "R", 50, 0),
        ("X", "R", 0, 50),
        (None, None, 0, 50),
        (None, "gone", 0, 50),
        ("D", None, 0, 0),
    ],
    ids=["debtor", "named", "stranger", "nothing", "nowhere", "early"],
)
def test_where_money_goes(
    payer: str | None, names: str | None, waits: int, suspense: int
) -> None:
    """Payer and reference decide between waiting, unassigned and suspense."""
    model = new()
    live(model, "R", 100)
    do(model.receipt("a", 50, START, payer, names))
    assert model.receipt("a", 50, START, payer, names) == "refused"
    assert (model.waiting("R"), model.suspense()) == (waits, suspense)
    assert model.unassigned() == 50 - waits - suspense


def test_excess_ends_in_suspense_and_is_matched() -> None:
    """What nobody is owed any more waits in suspense for a match or its return."""
    model = new()
    live(model, "R", 100)
    do(pay(model, "a", 150, "R"))
    assert model.unassigned() == 50
    do(model.pay_early("R"))
    assert (model.state("R"), model.suspense()) == ("settled", 50)
    live(model, "Q", 30)
    assert model.match("a", "Q", 31) == "refused"
    do(model.match("a", "Q", 30), model.return_suspense("a", 20))
    do(model.return_early("a", 10))
    assert (model.payable("remitter"), model.balance(START)) == (30, 150)
    do(model.pay_payouts("remitter"))
    assert (model.waiting("Q"), model.balance(START)) == (20, 120)
    model.check()


def test_unassigned_money_keeps_overdue_away() -> None:
    """Nothing is overdue while money that nobody assigned could cover it."""
    model = new()
    live(model, "R", 100)
    do(model.advance_to(at(DUE)), model.receipt("x", 100, DUE, "X", "R"))
    assert model.close_day(DUE, 99) == "ok"
    assert model.account_status() == "blocked"
    do(close(model))
    assert (model.account_status(), model.state("R")) == ("open", "live")
    do(model.return_suspense("x", 1), model.advance_to(at(day(1))), close(model))
    assert (model.state("R"), close(model)) == ("default", "refused")


@pytest.mark.parametrize(
    ("terms", "outstanding", "owed"),
    [({}, 99_000_000, 331_667), (INTEREST_FIRST, 99_166_667, 165_277)],
    ids=["principal", "interest"],
)
def test_order_of_principal_and_interest(
    terms: dict[str, str], outstanding: int, owed: int
) -> None:
    """Ten days late, the programme says what money pays first."""
    model = new(**terms)
    live(model, "R", 100_000_000)
    do(model.advance_to(at(day(10))), pay(model, "a", 1_000_000))
    assert model.outstanding("R") == outstanding
    assert model.interest_owed("R", day(20)) == owed


def test_interest_is_not_paid_twice_after_a_transfer() -> None:
    """What a transferor was paid for the units is not owed again to the next."""
    model = new(**INTEREST_FIRST)
    live(model, "R", 100_000_000)
    do(model.advance_to(at(day(10))), pay(model, "a", 1_000_000))
    do(model.transfer("R", 0, 0, 99_166_667, "B"), model.advance_to(at(day(20))))
    do(pay(model, "b", 99_166_667 + 165_277 + 1))
    assert model.state("R") == "settled"
    assert (model.payable("B"), model.suspense()) == (99_166_667 + 165_277, 1)
    model.check()


def test_a_sweep_ends_offers_on_what_it_touches() -> None:
    """Units retire from the highest, and only offers on touched tiles end."""
    model = new()
    live(model, "R", 100)
    do(model.split("R", 0, [50]), pay(model, "a", 20, "R"))
    do(model.offer("low", "R", 0, 0, 50, "B", at(day(9))))
    do(model.offer("high", "R", 50, 50, 60, "B", at(day(9))), model.pay_early("R"))
    assert model.open_offers() == {"low"}
    assert model.retired_runs("R") == [(80, 100, "S")]
    assert model.state("R") == "part_paid"


def test_returned_payouts_are_due_again() -> None:
    """The last payout comes back in full, once."""
    model = new()
    live(model, "R", 100)
    do(model.advance_to(at(DUE)), pay(model, "a", 60), model.pay_payouts("S"))
    assert model.pay_payouts("S") == "refused"
    assert model.return_payout("S", 59) == "refused"
    do(model.return_payout("S", 60))
    assert model.return_payout("S", 60) == "refused"
    assert (model.payable("S"), model.paid("S")) == (60, 0)


def test_reversal_takes_idle_money_first() -> None:
    """Suspense, then unassigned and waiting money go before paid units reopen."""
    model = new()
    live(model, "R", 100)
    live(model, "Q", 100, day(7))
    do(model.advance_to(at(DUE)), pay(model, "a", 250, "Q"))
    assert (model.waiting("Q"), model.unassigned()) == (100, 50)
    do(model.reverse("r1", "a", 120))
    assert (model.waiting("Q"), model.unassigned()) == (30, 0)
    do(model.reverse("r2", "a", 40))
    assert (model.waiting("Q"), model.outstanding("R")) == (0, 10)
    assert model.tiles("R")[0] == (0, 10, "S", "live")
    assert (model.payable("S"), model.claim("S", "R")) == (90, 0)
    do(model.pay_payouts("S"), model.reverse("r3", "a", 90))
    assert (model.claim("S", "R"), model.state("R")) == (90, "live")
    assert model.reverse("r4", "a", 1) == "refused"
    model.check()


def plant_hole(model: Model) -> None:
    """Let a unit vanish."""
    model.receivables["R"].tiles[0].hi -= 1


def plant_use(model: Model) -> None:
    """Use more of an invoice than there is."""
    model.receivables["R"].invoices *= 2


def plant_money(model: Model) -> None:
    """Pay out a unit that nobody paid in."""
    model.lines[0].add((frozenset(), ""), 1)


def plant_lock(model: Model) -> None:
    """Offer what is not there."""
    model.offers["o"].hi += 1000


def plant_holder(model: Model) -> None:
    """Give the debtor what it owes."""
    model.receivables["R"].tiles[0].holder = "D"


@pytest.mark.parametrize(
    "plant", [plant_hole, plant_use, plant_money, plant_lock, plant_holder]
)
def test_check_finds_planted_faults(plant: Callable[[Model], None]) -> None:
    """The invariants do not hold by chance."""
    model = new()
    live(model, "R", 100)
    do(model.split("R", 0, [50]), pay(model, "a", 20, "R"), model.pay_early("R"))
    do(model.offer("o", "R", 0, 0, 50, "B", at(day(9))))
    model.check()
    plant(model)
    with pytest.raises(AssertionError):
        model.check()
