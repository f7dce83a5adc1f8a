"""The naive model's deals, with figures worked out by hand."""

from typing import Any

import pytest

from tests.model import Model
from tests.test_model import (
    DUE,
    START,
    at,
    close,
    day,
    do,
    live,
    new,
    pay,
)

FACE = 3_600_000  # late interest at 6 % on 360 days is 600 a day
SOON = at(day(-10))


def sell(model: Model, did: str, buyer: str = "B", price: int = 57) -> None:
    """Sell the first 60 units of R, which may be worth 60, for a price."""
    do(model.take(did, "R", 0, 0, 60, buyer, price, SOON))


def sold(**terms: Any) -> Model:
    """Return a model in which B is to pay 57 for the first 60 of 100 units."""
    model = new(**terms)
    live(model, "R", 100)
    sell(model, "d")
    return model


def holders(model: Model, rid: str = "R") -> list[tuple[int, int, str]]:
    """Return the live tiles and who holds them."""
    return [tile[:3] for tile in model.tiles(rid) if tile[3] == "live"]


def defaulted(*members: str, face: int = FACE, **terms: Any) -> Model:
    """Return a model in default since day 2; R went through the members."""
    model = new(**{"grace_days": 1, **terms})
    live(model, "R", face)
    for member in members:
        recourse = not member.islower()
        do(model.transfer("R", 0, 0, face, member.upper(), recourse=recourse))
    for offset in range(3):
        do(model.advance_to(at(day(offset))), close(model))
    assert model.state("R") == "default"
    return model


def test_sale_locks_until_the_exact_price_comes() -> None:
    """Too little goes back, 57 moves 60 units, and a second 57 goes back."""
    model = sold()
    assert model.split("R", 0, [10]) == "refused"
    assert model.offer("o", "R", 0, 70, 80, "B", SOON) == "refused"
    assert holders(model) == [(0, 100, "S")]
    do(model.pay_deal("p1", "d", 56))
    assert (model.deals(), model.payable("remitter")) == ({"d": "open"}, 56)
    do(model.pay_deal("p2", "d", 57))
    assert holders(model) == [(0, 60, "B"), (60, 100, "S")]
    assert (model.deals(), model.payable("S")) == ({"d": "done"}, 57)
    do(model.pay_deal("p3", "d", 57))
    assert model.pay_deal("p3", "d", 57) == "refused"
    assert (model.payable("remitter"), model.balance(START)) == (113, 170)
    model.check()


@pytest.mark.parametrize(
    ("late_ms", "state"), [(0, "done"), (1, "lapsed")], ids=["last_moment", "after"]
)
def test_pay_by_time(late_ms: int, state: str) -> None:
    """The pay-by time itself is in time; afterwards the price goes back."""
    model = sold()
    do(model.advance_to(SOON + late_ms), model.pay_deal("p", "d", 57))
    assert model.deals() == {"d": state}
    assert model.payable("remitter") == (57 if late_ms else 0)


@pytest.mark.parametrize(
    ("pay_by_ms", "answer"),
    [(at("2025-05-29", 0) - 1, "ok"), (at("2025-05-29", 0), "refused")],
    ids=["evening_before", "record_date"],
)
def test_sales_are_paid_before_the_record_date(pay_by_ms: int, answer: str) -> None:
    """Two business days before 3 June, with a holiday on Monday: 29 May."""
    model = new(record_days=2)
    live(model, "R", 100)
    assert model.take("d", "R", 0, 0, 60, "B", 57, pay_by_ms) == answer


def test_what_may_be_sold() -> None:
    """Conditions are those of a transfer, and nobody pays above the face."""
    model = new(transfer_max=1, part_min_minor=10)
    live(model, "R", 100)
    assert model.take("d", "R", 0, 0, 60, "B", 61, SOON) == "refused"
    assert model.take("d", "R", 0, 0, 95, "B", 9, SOON) == "refused"
    assert model.take("d", "R", 0, 0, 60, "D", 57, SOON) == "refused"
    assert model.take("d", "R", 0, 0, 60, "B", 57, model.now) == "refused"
    do(model.suspend("B"))
    assert model.take("d", "R", 0, 0, 60, "B", 57, SOON) == "refused"
    do(model.resume("B"))
    sell(model, "d")
    do(model.suspend("B"), model.received("d"), model.resume("B"))
    assert model.take("e", "R", 0, 0, 60, "C", 57, SOON) == "refused"


def test_direct_payment_needs_the_payee() -> None:
    """The seller signs, even for a little less; the account sees nothing."""
    model = sold()
    assert model.received("d", shortfall=57) == "refused"
    do(model.received("d", shortfall=2))
    assert (holders(model)[0], model.payable("S")) == ((0, 60, "B"), 0)
    assert model.received("d") == "refused"
    model.check()


def test_a_sweep_ends_a_sale_on_what_it_touches() -> None:
    """20 retire from the top of the tile; the buyer's 57 go back."""
    model = sold()
    do(pay(model, "a", 20, "R"), model.pay_early("R"), model.pay_deal("p", "d", 57))
    assert (model.deals(), model.payable("remitter")) == ({"d": "lapsed"}, 57)
    assert holders(model) == [(0, 80, "S")]
    model.check()


@pytest.mark.parametrize(
    ("sent", "passed", "state", "claims", "due"),
    [
        (False, False, "returned", (0, 0, 0), 0),
        (True, False, "returned", (57, 0, 0), 0),
        (False, True, "done", (0, 0, 57), 0),
        (True, True, "done", (0, 57, 57), 0),
    ],
    ids=["unsent", "sent", "passed_on", "sent_and_passed_on"],
)
def test_price_goes_back(
    sent: bool, passed: bool, state: str, claims: tuple[int, int, int], due: int
) -> None:
    """Units return unless something was passed on; else the buyer owes 57."""
    model = sold()
    do(model.pay_deal("p", "d", 57))
    if sent:
        do(model.pay_payouts("S"))
    if passed:
        do(model.transfer("R", 0, 0, 1, "C"))
    do(model.reverse("r", "p", 57))
    assert model.deals() == {"d": state}
    owed = model.claim("S", "R"), model.claim("B", "R"), model.deal_claim("d")
    assert (owed, model.payable("S")) == (claims, due)
    assert (holders(model)[0][2] == "S") is not passed
    assert model.reverse("r2", "p", 1) == "refused"
    model.check()


def test_a_claim_on_the_buyer_is_taken_from_what_it_earns() -> None:
    """B holds 59 of 100 units and owes 57: of 59 paid it gets 2."""
    model = sold()
    do(model.pay_deal("p", "d", 57), model.pay_payouts("S"))
    do(model.transfer("R", 0, 0, 1, "C"), model.reverse("r", "p", 57))
    do(model.advance_to(at(DUE)), pay(model, "a", 100))
    assert [model.payable(member) for member in "SBC"] == [40, 2, 1]
    assert model.claim("B", "R") == 0
    model.check()


def test_cancelling_after_a_sale_was_undone_keeps_the_invoice_used() -> None:
    """Uses come free before any transfer only, and there was one."""
    model = sold()
    do(model.pay_deal("p", "d", 57), model.reverse("r", "p", 57))
    do(model.merge("R", 0), model.cancel_live("R"))
    assert model.used("R", "2025-03-01") == 100


def test_recourse_pays_face_and_interest_and_steps_back() -> None:
    """Ten days at 600: S pays 3,606,000 and holds the claim of the debtor."""
    model = defaulted("B")
    do(model.advance_to(at(day(10))))
    do(model.recourse_call("d", "R", 0, at(day(20))))
    do(model.pay_deal("short", "d", FACE), model.pay_deal("p", "d", 3_606_000))
    assert holders(model) == [(0, FACE, "S")]
    assert (model.payable("B"), model.payable("remitter")) == (3_606_000, FACE)
    assert model.recourse_call("e", "R", 0, at(day(20))) == "refused"
    do(model.advance_to(at(day(12))), pay(model, "a", FACE + 7_200))
    assert (model.payable("S"), model.state("R")) == (3_607_200, "settled")
    model.check()


def test_recourse_follows_the_terms_of_the_step() -> None:
    """C came without recourse, though its transferor has it against S."""
    model = defaulted("B", "c")
    assert model.recourse_call("d", "R", 0, at(day(20))) == "refused"


def test_the_next_notice_runs_from_the_step_back() -> None:
    """C calls on B on day 20; B is paid back to on day 25 and has till day 55."""
    for days, answer in ((55, "ok"), (56, "refused")):
        model = defaulted("B", "C", recourse_price="face")
        do(model.advance_to(at(day(20))))
        do(model.recourse_call("d", "R", 0, at(day(26))))
        do(model.advance_to(at(day(25))), model.pay_deal("p", "d", FACE))
        do(model.advance_to(at(day(days))))
        assert model.recourse_call("e", "R", 0, at(day(60))) == answer


@pytest.mark.parametrize(
    ("cover", "days", "answer"),
    [(0, 32, "ok"), (0, 33, "refused"), (1, 33, "ok"), (1, 34, "refused")],
)
def test_notice_time(cover: int, days: int, answer: str) -> None:
    """Judged on day 2, 30 days end with day 32; withdrawn for a day, with day 33."""
    model = defaulted("B", late_rate_ppm=0)
    if cover:
        do(model.advance_to(at(day(9))), model.receipt("x", FACE, DUE, "X"))
        do(close(model), model.advance_to(at(day(10))))
        do(model.return_suspense("x", FACE), close(model))
    do(model.advance_to(at(day(days))))
    assert model.recourse_call("d", "R", 0, at(day(60))) == answer


def test_a_price_that_goes_back_undoes_the_step() -> None:
    """B has its part and a notice time again, and owes what it was sent."""
    model = defaulted("B", recourse_price="face")
    do(model.advance_to(at(day(20))), model.recourse_call("d", "R", 0, at(day(30))))
    do(model.pay_deal("p", "d", FACE), model.pay_payouts("B"))
    do(model.advance_to(at(day(21))), model.reverse("r", "p", FACE))
    assert (holders(model), model.claim("B", "R")) == ([(0, FACE, "B")], FACE)
    do(model.advance_to(at(day(52))))
    assert model.recourse_call("e", "R", 0, at(day(60))) == "refused"
    model.check()


def test_recourse_when_overdue() -> None:
    """The programme may let overdue be enough, and a payment ends the call."""
    model = new(recourse_trigger="overdue", recourse_price="face", grace_days=9)
    live(model, "R", FACE)
    do(model.transfer("R", 0, 0, FACE, "B", recourse=True))
    do(model.advance_to(at(DUE)))
    assert model.recourse_call("d", "R", 0, at(day(20))) == "refused"
    do(close(model), model.recourse_call("d", "R", 0, at(day(20))))
    do(model.advance_to(at(day(1))), pay(model, "a", 1_000))
    do(model.pay_deal("p", "d", FACE))
    assert (model.deals(), model.payable("remitter")) == ({"d": "lapsed"}, FACE)
    model.check()


def test_recourse_does_not_pay_interest_twice() -> None:
    """6,000 of ten days' interest was paid; after 15 days 3,000 are due with it."""
    model = defaulted("B", order="interest_first")
    do(model.advance_to(at(day(10))), pay(model, "a", 6_000))
    do(model.advance_to(at(day(15))))
    do(model.recourse_call("d", "R", 0, at(day(20))))
    assert model.agreed["d"].price == 3_603_000


def test_early_redemption_retires_what_no_money_waits_for() -> None:
    """50 of 100 wait, 50 units retire for 48; while 1 more waits, they do not."""
    model = new()
    live(model, "R", 100)
    do(model.redeem("c", "R", 0, 50, 100, 48, SOON), pay(model, "a", 51, "R"))
    do(model.pay_deal("o", "c", 48), model.return_early("a", 1))
    do(model.redeem("d", "R", 0, 50, 100, 48, SOON), model.pay_deal("p", "d", 48))
    assert model.redeem("e", "R", 0, 0, 50, 48, SOON) == "refused"
    assert model.tiles("R") == [(0, 50, "S", "live"), (50, 100, "S", "retired")]
    assert (model.waiting("R"), model.payable("remitter")) == (50, 49)
    assert (model.payable("S"), model.state("R")) == (48, "part_paid")
    do(model.advance_to(at(DUE)))
    assert model.payable("S") == 98
    assert model.state("R") == "settled"
    do(model.advance_to(at(day(10))), model.reverse("r", "p", 48))
    assert (model.outstanding("R"), model.state("R")) == (50, "part_paid")
    assert model.deals() == {"c": "lapsed", "d": "returned"}
    model.check()


def test_redemption_of_everything_settles() -> None:
    """What is redeemed directly is owed no more."""
    model = new()
    live(model, "R", 100)
    assert model.redeem("d", "R", 0, 0, 100, 101, SOON) == "refused"
    do(model.redeem("d", "R", 0, 0, 100, 97, SOON), model.received("d", 1))
    assert (model.state("R"), model.exposure()) == ("settled", 0)
    assert model.retired_runs("R") == [(0, 100, "S")]


def test_repurchase_pops_the_chain() -> None:
    """Only the last transferor buys back, and the step counts no more."""
    model = new(transfer_max=2)
    live(model, "R", 100)
    do(model.transfer("R", 0, 0, 100, "A"), model.transfer("R", 0, 0, 100, "B"))
    assert model.repurchase("d", "R", 0, 0, 40, "S", 39, SOON) == "refused"
    assert model.transfer("R", 0, 0, 100, "C") == "refused"
    do(model.repurchase("d", "R", 0, 0, 40, "A", 39, SOON))
    do(model.pay_deal("p", "d", 39), model.transfer("R", 0, 0, 40, "C"))
    assert holders(model) == [(0, 40, "C"), (40, 100, "B")]
    assert model.payable("B") == 39
    model.check()
