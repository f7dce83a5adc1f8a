"""What goes wrong in the naive model, with figures worked out by hand."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model import Model
from tests.model_choices import CHAIN_DECIDES
from tests.model_records import REMITTER
from tests.test_model import DAY_MS, DUE, at, close, day, do, live, new, pay
from tests.test_model_deals import FACE, SOON, defaulted, holders

DEFENCES = {"undertaking": "subject_to_defences"}
LATER = at(day(90))


def test_default_comes_after_grace_and_money_makes_it_recover() -> None:
    """Overdue with the due day, default with the first after a day of grace."""
    model = new(grace_days=1)
    live(model, "R", FACE)
    states = []
    for offset in range(3):
        do(model.advance_to(at(day(offset))), close(model))
        states.append(model.state("R"))
    assert states == ["overdue", "overdue", "default"]
    do(model.advance_to(at(day(10))), pay(model, "a", 100))
    assert model.state("R") == "recovering"
    do(model.reverse("r", "a", 100))
    assert model.state("R") == "default"
    do(pay(model, "b", FACE + 6_000), model.advance_to(at(day(11))))
    assert (model.state("R"), model.payable("S")) == ("settled", FACE + 6_000)
    do(model.reverse("r2", "b", 10), close(model))
    assert model.state("R") == "default"
    model.check()


@pytest.mark.parametrize(
    ("value", "paid", "state"),
    [(DUE, 98, "part_paid"), (DUE, 97, "overdue"), (day(1), 98, "overdue")],
    ids=["in_time", "too_short", "late"],
)
def test_credit_valued_in_time_withdraws_overdue(
    value: str, paid: int, state: str
) -> None:
    """Within the tolerance of 2, a credit booked after the close corrects it."""
    model = new(tolerance_minor=2, tolerance_days=5)
    live(model, "R", 100)
    do(model.advance_to(at(DUE)), close(model), model.advance_to(at(day(1))))
    assert model.state("R") == "overdue"
    do(model.receipt("a", paid, value, "D", "R"))
    assert model.state("R") == state


def test_late_money_valued_in_time_costs_no_interest() -> None:
    """Booked two days late, valued on the due date: nothing more is owed."""
    model = new()
    live(model, "R", FACE)
    do(model.advance_to(at(DUE)), close(model), model.advance_to(at(day(2))))
    assert model.interest_owed("R", day(2)) == 1_200
    do(model.receipt("a", FACE, DUE, "D", "R"))
    assert model.state("R") == "settled"


def test_a_little_short_is_overdue_only_after_days() -> None:
    """2 of 100 missing: overdue with the close of the fifth day."""
    model = new(tolerance_minor=2, tolerance_days=5, grace_days=5)
    live(model, "R", 100)
    do(model.advance_to(at(DUE)), pay(model, "a", 98), close(model))
    assert model.state("R") == "part_paid"
    do(model.advance_to(at(day(4))), close(model))
    assert model.state("R") == "part_paid"
    do(model.advance_to(at(day(5))), close(model))
    assert model.state("R") == "overdue"


def test_no_close_is_late_data_and_not_overdue() -> None:
    """Three days may pass without a close; it is never the debtor's fault."""
    model = new()
    live(model, "R", 100)
    do(model.advance_to(at(day(3))))
    assert not model.bank_data_late()
    do(model.advance_to(at(day(4))))
    assert (model.bank_data_late(), model.state("R")) == (True, "live")
    do(model.close_day(DUE, 0))
    assert (model.bank_data_late(), model.state("R")) == (False, "overdue")


def test_waiver_settles_what_is_short() -> None:
    """Principal 2 and any interest go; above the tolerance nothing does."""
    model = new(tolerance_minor=2)
    live(model, "R", FACE)
    do(model.advance_to(at(day(10))), pay(model, "a", FACE - 3))
    assert model.waive("R") == "refused"
    do(pay(model, "b", 1))
    assert model.interest_owed("R", day(10)) == 6_000
    do(model.waive("R"))
    assert (model.state("R"), model.outstanding("R")) == ("settled", 0)
    assert model.tiles("R")[0] == (0, 2, "S", "reduced")
    assert model.payable("S") == FACE - 2
    do(model.advance_to(at(day(11))), model.reverse("r", "b", 1))
    assert (model.outstanding("R"), model.interest_owed("R", day(11))) == (1, 0)
    model.check()


def test_closing_frees_exposure_and_keeps_the_claim() -> None:
    """Only in default; money that comes later finds nothing open."""
    model = new(exposure_max_minor=150)
    live(model, "R", 100)
    do(model.submit("Q", "S", 51, [], day(30), [("Q", "2025-03-01", 51, 51)]))
    assert (model.exposure(), model.confirm("Q")) == (100, "refused")
    assert model.close_uncollectable("R") == "refused"
    do(model.advance_to(at(DUE)), close(model), model.advance_to(at(day(1))))
    do(close(model), model.close_uncollectable("R"))
    assert (model.state("R"), model.exposure()) == ("closed", 0)
    assert (model.outstanding("R"), model.used("R", "2025-03-01")) == (100, 100)
    do(model.advance_to(at(day(2))), pay(model, "a", 100, "R"))
    assert (model.suspense(), model.payable("S")) == (100, 0)
    model.check()


def test_frozen_units_are_paid_but_held() -> None:
    """20 paid retire units 80 to 100, of which the last 10 are frozen."""
    model = new()
    live(model, "R", 100)
    do(model.offer("o", "R", 0, 80, 95, "B", SOON))
    do(model.freeze("f", "R", 90, 100, LATER))
    assert (model.open_offers(), model.offer("p", "R", 0, 80, 91, "B", SOON)) == (
        set(),
        "refused",
    )
    assert model.transfer("R", 90, 90, 100, "B") == "refused"
    assert model.merge("R", 0) == "refused"
    do(model.transfer("R", 0, 0, 50, "B"))
    do(model.transfer("R", 0, 0, 50, "S"), model.advance_to(at(DUE)))
    model.check()
    do(pay(model, "a", 20))
    # S's two ways to its units are two groups: 10 come from either half.
    assert (model.payable("S"), model.held("S")) == (10, 10)
    do(model.reverse("r", "a", 4), model.release("f"))
    assert (model.payable("S"), model.held("S")) == (16, 0)
    assert model.release("f") == "refused"
    model.check()


def test_interest_of_frozen_units_is_held() -> None:
    """A quarter of 3,600,000 is frozen: 1,500 of ten days' 6,000 are held."""
    model = new(order="interest_first")
    live(model, "R", FACE)
    do(model.freeze("f", "R", 2_700_000, FACE, at(day(12))))
    do(model.advance_to(at(day(10))), pay(model, "a", 6_000))
    assert (model.payable("S"), model.held("S")) == (4_500, 1_500)
    do(model.advance_to(at(day(12))))
    assert model.held("S") == 1_500
    do(model.advance_to(at(day(12)) + 1))
    assert (model.payable("S"), model.held("S")) == (6_000, 0)
    model.check()


def test_a_members_order_holds_up_to_its_amount() -> None:
    """30 of 40 are held; then what S has left may pass again."""
    model = new()
    live(model, "R", 100)
    do(model.take("d", "R", 0, 0, 50, "B", 48, SOON), pay(model, "a", 20, "R"))
    do(model.freeze_member("f", "S", 60, LATER))
    assert (model.deals(), model.frozen("R", "S", 0, 41)) == ({"d": "lapsed"}, True)
    do(model.pay_early("R"), model.transfer("R", 0, 0, 40, "B"))
    assert (model.held("S"), model.transfer("R", 40, 40, 41, "B")) == (20, "refused")
    do(pay(model, "b", 60, "R"), model.pay_early("R"))
    assert (model.payable("S"), model.held("S")) == (0, 50)
    do(pay(model, "c", 20, "R"), model.pay_early("R"))
    assert (model.payable("S"), model.held("S"), model.held("B")) == (0, 60, 0)
    do(model.freeze_member("g", "S", None, LATER, rank=0))
    assert (model.payable("S"), model.held("S")) == (0, 60)
    do(model.release("f"))
    assert model.held("S") == 60
    do(model.release("g"))
    assert (model.payable("S"), model.held("S")) == (60, 0)
    model.check()


@pytest.mark.parametrize("sold", ["take", "redeem", "repurchase"])
def test_a_freeze_ends_deals(sold: str) -> None:
    """Only those on frozen units; their price goes back."""
    model = new()
    live(model, "R", 100)
    do(model.transfer("R", 0, 0, 100, "A"), model.split("R", 0, [50]))
    buyer = [] if sold == "redeem" else ["S"]
    for did, lo in (("d", 0), ("e", 50)):
        do(getattr(model, sold)(did, "R", lo, lo, lo + 20, *buyer, 19, SOON))
    do(model.freeze("f", "R", 0, 1, LATER), model.pay_deal("p", "d", 19))
    assert model.deals() == {"d": "lapsed", "e": "open"}
    assert model.payable("remitter") == 19
    model.check()


def test_disputes_keep_default_away_and_lapse() -> None:
    """All that is owed is disputed till day 5; then the next close judges."""
    model = new(**DEFENCES)
    live(model, "R", 100)
    do(model.advance_to(at(day(-20))))
    assert model.dispute("x", "R", 40, at(day(11))) == "refused"
    do(model.dispute("x", "R", 40, at(day(5))))
    assert model.dispute("y", "R", 61, at(day(5))) == "refused"
    assert model.transfer("R", 0, 0, 50, "B") == "refused"
    do(model.transfer("R", 0, 0, 50, "B", aware=True))
    do(model.advance_to(at(DUE)), pay(model, "a", 60))
    for offset in (0, 1, 5):
        do(model.advance_to(at(day(offset))), close(model))
    assert (model.disputed("R"), model.state("R")) == (40, "overdue")
    do(model.advance_to(at(day(6))), close(model))
    assert (model.disputed("R"), model.state("R")) == (0, "default")


def test_an_absolute_undertaking_knows_no_defences() -> None:
    """Neither dispute nor reduction, whoever agrees."""
    model = new()
    live(model, "R", 100)
    assert model.dispute("x", "R", 40, at(day(-80))) == "refused"
    assert model.reduce("R", 40) == "refused"


def test_an_ended_dispute_lets_a_default_come() -> None:
    """Part of what is owed is not disputed: that is in default anyway."""
    for amount, state in ((99, "default"), (100, "overdue")):
        model = new(**DEFENCES, dispute_days=200)
        live(model, "R", 100)
        do(model.dispute("x", "R", amount, LATER))
        for offset in (0, 1):
            do(model.advance_to(at(day(offset))), close(model))
        assert model.state("R") == state
        do(model.end_dispute("x"), model.advance_to(at(day(2))), close(model))
        assert (model.state("R"), model.end_dispute("x")) == ("default", "refused")


def test_reduction_takes_the_suppliers_units_first() -> None:
    """S has 40 left of 100: of 50 reduced, 10 remain a claim on S."""
    model = new(**DEFENCES)
    live(model, "R", 100)
    do(
        model.transfer("R", 0, 0, 60, "B"),
        model.take("d", "R", 60, 60, 70, "C", 9, SOON),
    )
    do(pay(model, "a", 40, "R"), model.reduce("R", 30))
    assert model.tiles("R")[1:] == [(60, 70, "S", "live"), (70, 100, "S", "reduced")]
    assert (model.deals(), model.state("R")) == ({"d": "lapsed"}, "live")
    assert model.reduce("R", 31) == "refused"
    do(model.reduce("R", 20))
    assert (model.outstanding("R"), model.reduction_claim("R")) == (60, 10)
    assert model.reduce("R", 51) == "refused"
    do(model.advance_to(at(DUE)))
    assert (model.payable("B"), model.state("R")) == (40, "part_paid")
    model.check()


def test_an_insolvent_debtors_money_is_its_administrators() -> None:
    """What waits and what comes later is in suspense and covers nothing."""
    model = new()
    live(model, "R", 100)
    do(model.transfer("R", 0, 0, 100, "B", recourse=True))
    do(pay(model, "a", 30, "R"), model.redeem("d", "R", 0, 0, 50, 49, SOON))
    do(model.insolvency("D"), pay(model, "b", 100, "R"), model.pay_deal("p", "d", 49))
    assert (model.suspense(), model.waiting("R")) == (179, 0)
    assert (model.deals(), model.insolvency("D")) == ({"d": "lapsed"}, "refused")
    assert model.match("b", "R", 100) == "refused"
    for offset in (0, 1):
        do(model.advance_to(at(day(offset))), close(model))
    assert model.state("R") == "default"
    do(model.recourse_call("e", "R", 0, at(day(9))), model.advance_to(at(day(2))))
    do(model.pay_deal("q", "e", 100), model.reverse("r", "a", 30))
    assert (holders(model), model.payable("B")) == ([(0, 100, "S")], 100)
    model.check()


def test_an_insolvent_holders_payouts_go_to_its_administrator() -> None:
    """Offers lapse, the sale taken stands, and a returned payout is redirected."""
    model = new()
    live(model, "R", 100)
    live(model, "Q", 100)
    do(pay(model, "a", 10, "Q"), model.pay_early("Q"), model.pay_payouts("S"))
    do(model.take("d", "R", 0, 0, 60, "B", 57, SOON))
    do(model.offer("o", "Q", 0, 0, 50, "B", SOON), model.insolvency("S"))
    assert (model.open_offers(), model.deals()) == (set(), {"d": "open"})
    assert model.transfer("Q", 0, 0, 50, "B") == "refused"
    do(model.pay_deal("p", "d", 57), model.return_payout("S", 10))
    assert (model.payable("S"), model.payable("administrator:S")) == (0, 67)
    do(model.pay_payouts("administrator:S"))
    assert (model.paid("S"), model.paid("administrator:S")) == (0, 67)
    model.check()


def test_small_payouts_accumulate_and_suspense_ages() -> None:
    """Below 30 waits 30 days or for settlement; 90 days are enough in suspense."""
    model = new(payout_min_minor=30)
    live(model, "R", 100)
    start = model.now
    do(pay(model, "a", 20, "R"), model.pay_early("R"))
    assert model.accumulating("S") == 20
    do(model.advance_to(start + 30 * DAY_MS))
    assert (model.payable("S"), model.accumulating("S")) == (20, 0)
    do(model.pay_payouts("S"), pay(model, "b", 10, "R"), model.pay_early("R"))
    assert (model.payable("S"), model.accumulating("S")) == (0, 10)
    do(pay(model, "c", 19, "R"), model.pay_early("R"))
    assert (model.payable("S"), model.accumulating("S")) == (0, 29)
    do(model.request("S"))
    assert (model.payable("S"), model.request("S")) == (29, "refused")
    do(pay(model, "d", 51, "R"), model.advance_to(at(DUE)))
    assert (model.state("R"), model.payable("S")) == ("settled", 80)
    do(model.receipt("x", 7, DUE, "X", None), model.advance_to(at(day(90))))
    assert model.suspense() == 7
    do(model.advance_to(at(day(91))))
    assert (model.suspense(), model.payable(REMITTER)) == (0, 7)


def plant_price(model: Model) -> None:
    """Pay a seller more than the buyer paid."""
    model.prices[0].add((frozenset(), ""), 1)


def plant_hold(model: Model) -> None:
    """Hold what nobody earned."""
    model.lines[0].add((frozenset({"f"}), "f"), 1)


def plant_thaw(model: Model) -> None:
    """Leave a deal on frozen units open."""
    model.agreed["d"].state = "open"


def plant_limit(model: Model) -> None:
    """Lower the limit below what is outstanding."""
    model.terms["exposure_max_minor"] = 1


@pytest.mark.parametrize("plant", [plant_price, plant_hold, plant_thaw, plant_limit])
def test_check_finds_planted_faults(plant: Callable[[Model], None]) -> None:
    """The invariants of deals and orders do not hold by chance."""
    model = new()
    live(model, "R", 100)
    do(model.split("R", 0, [50]), pay(model, "a", 20, "R"), model.pay_early("R"))
    do(model.take("c", "R", 50, 50, 80, "B", 28, SOON), model.pay_deal("p", "c", 28))
    do(model.take("d", "R", 0, 0, 50, "B", 48, SOON))
    do(model.freeze("f", "R", 0, 50, LATER))
    model.check()
    plant(model)
    with pytest.raises(AssertionError):
        model.check()


def test_default_and_recourse_end_with_a_withdrawn_judgement() -> None:
    """Money in suspense could cover it after all: the call lapses."""
    model = defaulted("B", face=100)
    do(model.advance_to(at(day(3))), model.recourse_call("d", "R", 0, LATER))
    do(model.receipt("x", 200, DUE, "X", "R"), close(model))
    assert (model.state("R"), model.deals()) == ("live", {"d": "lapsed"})


def test_every_choice_is_in_the_table() -> None:
    """What the rules leave open is named where it is made and in one table."""
    sources = [path.read_text("utf-8") for path in Path(__file__).parent.glob("model*")]
    text = " ".join(" ".join(source.split()) for source in sources)
    text = text.replace("# ", "")
    said = set(re.findall(r"[Cc]hoices?:? ([a-z]+-[a-z]+)", text))
    assert said <= set(CHAIN_DECIDES)
    for name in CHAIN_DECIDES:
        assert text.count(name) > 1, name


def test_money_covers_once_in_due_order() -> None:
    """10 in suspense cover the first debt of 10, or the second after one of 11."""
    for faces, states in (
        ((10, 10), ["live", "overdue"]),
        ((11, 10), ["overdue", "live"]),
    ):
        model = new()
        live(model, "R", faces[0])
        live(model, "Q", faces[1])
        do(model.advance_to(at(DUE)), model.receipt("x", 10, DUE, "X", None))
        do(close(model))
        assert [model.state("R"), model.state("Q")] == states


def test_rank_decides_who_takes_first() -> None:
    """An amount of rank 0 takes 30 of 50, the account's order the rest, to a court."""
    model = new()
    live(model, "R", 100)
    do(model.freeze_account("a", "", LATER, redirect="court"))
    do(model.freeze_member("f", "S", 30, LATER, rank=0))
    do(pay(model, "p", 50, "R"), model.pay_early("R"))
    assert (model.held("S"), model.payable("court"), model.payable("S")) == (30, 20, 0)
    do(model.pay_payouts("court"), model.release("f"))
    assert (model.held("S"), model.payable("court"), model.paid("court")) == (0, 30, 20)
    do(model.release("a"), model.return_payout("court", 20))
    assert (model.payable("S"), model.payable("court")) == (50, 0)
    model.check()


def test_fees_are_paid_out_of_the_price() -> None:
    """1 % and 2 of 100 from the seller, 3 from the buyer: 98 are paid, 92 left."""
    fees = [
        {"payer": "seller", "payee": "P", "ppm": 10_000, "fixed_minor": 2},
        {"payer": "buyer", "payee": "C", "ppm": 0, "fixed_minor": 3},
    ]
    model = new(fees=fees)
    live(model, "R", 100)
    assert model.take("x", "R", 0, 0, 100, "B", 104, SOON) == "refused"
    do(model.take("d", "R", 0, 0, 100, "B", 98, SOON), model.pay_deal("p", "d", 98))
    assert [model.payable(name) for name in "SPC"] == [92, 3, 3]
    do(model.reverse("r", "p", 98))
    assert [model.payable(name) for name in "SPC"] == [0, 0, 0]
    assert (holders(model), model.deals()) == ([(0, 100, "S")], {"d": "returned"})
    model.check()


def test_a_lost_attester_stops_the_account() -> None:
    """Nothing is attested until somebody is named who does."""
    model = new()
    live(model, "R", 100)
    do(model.lose_attester())
    assert (pay(model, "a", 9, "R"), model.account_status()) == ("refused", "blocked")
    do(model.name_successor(), pay(model, "a", 9, "R"))
    assert (model.waiting("R"), model.account_status()) == (9, "open")
