"""Bugs found by walking chain and model side by side, one scenario each.

The driver takes each step in both and compares all that can be seen, so that a
scenario needs to assert only what names its bug.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.kit.v1.calendars import add_days
from tests.driver import Driver
from tests.model_records import REMITTER
from tests.world import START

DUE = add_days(START, 15)
LATER = add_days(START, 30)
DEAR = {"late_rate_ppm": 1_000_000}
INTEREST_FIRST = {**DEAR, "order": "interest_first"}


def do(*answers: str) -> None:
    """Assert that every step was carried out."""
    assert set(answers) == {"ok"}


def live(driver: Driver, rid: str, face: int, due: str = DUE) -> None:
    """Bring a receivable of alpha's to life, with an invoice of its own."""
    invoices = [(f"NO {rid}", START, face, face)]
    do(
        driver.propose("submit", rid, "alpha", face, [], due, invoices),
        driver.confirm(rid),
    )


def pay(driver: Driver, ref: str, amount: int, names: str = "", late: int = 0) -> None:
    """Let the debtor pay, valued so many days after the due date or today."""
    value = add_days(DUE, late) if late else driver.world.today
    do(driver.receive(ref, amount, value, "debtor", names or None))


def pay_out(driver: Driver, payee: str = "alpha") -> None:
    """Send and pay what is due to somebody."""
    do(driver.instruct(payee), driver.attest_paid(payee))


def leftover_placed_again(driver: Driver) -> None:
    """What a sweep does not need goes to other due receivables first."""
    live(driver, "R1", 36_000)
    live(driver, "R2", 36_000)
    pay(driver, "in time", 36_000, "R1")
    pay(driver, "late", 1_000, "R1", late=10)
    driver.wait_for(DUE)
    assert driver.model.outstanding("R2") == 35_000


def early_payment_once(driver: Driver) -> None:
    """Early payment is signed for what waits, not for what comes later."""
    live(driver, "R", 100)
    pay(driver, "first", 40, "R")
    do(driver.end("pay_early", "R"))
    pay(driver, "second", 30, "R")
    assert driver.model.waiting("R") == 30


def no_void_after_interest(driver: Driver) -> None:
    """A receivable on which late interest was paid is not cancelled."""
    live(driver, "R", 36_000)
    driver.wait_for(add_days(DUE, 10))
    pay(driver, "interest", 1_000, "R")
    assert driver.model.state("R") == "live"
    assert driver.end("cancel_live", "R") == "refused"


def void_frees_money(driver: Driver) -> None:
    """Money that waits for nothing in particular does not outlive the debt."""
    live(driver, "R", 100)
    pay(driver, "early", 50)
    do(driver.end("cancel_live", "R"))
    assert driver.model.suspense() == 50


def issue_is_not_countered(driver: Driver) -> None:
    """An issue is accepted or declined; only who made it takes it back."""
    invoices = [("1", START, 100, 100)]
    do(driver.propose("issue", "R", "alpha", 100, [], DUE, invoices))
    assert driver.counter("R", "supplier", [1], DUE) == "refused"
    assert driver.end("reject", "R") == "refused"
    do(driver.end("cancel", "R"))


def returned_payout_cancelled(driver: Driver) -> None:
    """A payout that came back can be cancelled in full, not less what was claimed."""
    live(driver, "R", 200)
    driver.wait_for(DUE)
    pay(driver, "one", 40)
    pay_out(driver)
    do(driver.reverse("back one", "one", 40))
    pay(driver, "two", 100)
    pay_out(driver)
    do(driver.reverse("back two", "two", 30), driver.return_payout("alpha"))
    do(driver.reverse("back more", "two", 70))
    assert (driver.model.payable("alpha"), driver.model.claim("alpha", "R")) == (0, 40)


def settled_stays_settled(driver: Driver) -> None:
    """Taking back interest that is no longer owed does not open a debt again."""
    live(driver, "R", 36_000)
    driver.wait_for(add_days(DUE, 10))
    pay(driver, "interest", 1_000, "R")
    do(driver.receive("principal", 36_000, DUE, "debtor", "R"))
    assert driver.model.state("R") == "settled"
    do(driver.reverse("back", "interest", 400))
    assert driver.model.state("R") == "settled"


def early_beside_suspense(driver: Driver) -> None:
    """The debtor gets its early money back though more of it is in suspense."""
    live(driver, "R1", 100)
    driver.wait_for(DUE)
    pay(driver, "a", 150)
    live(driver, "R2", 100, LATER)
    do(driver.match("a", "R2", 30), driver.send_back("early", "a", 10))
    assert (driver.model.waiting("R2"), driver.model.suspense()) == (20, 20)
    pay_out(driver, REMITTER)


def matched_money_returned(driver: Driver) -> None:
    """Money nobody could assign is the debtor's once it has matched it."""
    live(driver, "R", 100)
    do(driver.receive("a", 50, START, None, None))
    do(driver.match("a", "R", 50), driver.send_back("early", "a", 20))
    assert driver.model.waiting("R") == 30


def latest_due_first(driver: Driver) -> None:
    """What waits for the latest due date is taken back first, whatever the ids."""
    do(driver.receive("a", 400, START, None, None))
    for days in (3, 0, 2, 1):
        live(driver, f"R{days}", 100, add_days(DUE, days))
        do(driver.match("a", f"R{days}", 100))
    do(driver.reverse("back", "a", 120), driver.send_back("early", "a", 100))
    waiting = [driver.model.waiting(f"R{days}") for days in range(4)]
    assert waiting == [100, 80, 0, 0]


def number_in_any_form(driver: Driver) -> None:
    """A payer may write an invoice number in small letters and without spaces."""
    live(driver, "R1", 100)
    live(driver, "R2", 100)
    pay(driver, "a", 40, "nor2")
    assert driver.model.waiting("R2") == 40


def overdrawn_account_closed(driver: Driver) -> None:
    """A reversal of what was paid out overdraws the account; the day still closes."""
    live(driver, "R", 100)
    driver.wait_for(DUE)
    pay(driver, "a", 100)
    pay_out(driver)
    do(driver.reverse("back", "a", 100), driver.close())
    assert driver.model.state("R") == "overdue"


def reopened_debt_takes_money(driver: Driver) -> None:
    """Early money goes to a due receivable that a reversal opens again."""
    live(driver, "R1", 100)
    live(driver, "R2", 100, LATER)
    driver.wait_for(DUE)
    pay(driver, "a", 100)
    pay(driver, "b", 60)
    assert driver.model.unassigned() == 60
    do(driver.reverse("back", "a", 100))
    assert driver.model.outstanding("R1") == 40


def tie_of_lines(driver: Driver) -> None:
    """A unit that two lines could lose is the older receivable's."""
    live(driver, "R1", 50)
    live(driver, "R2", 50)
    driver.wait_for(DUE)
    pay(driver, "a", 100, "R2")
    do(driver.reverse("back", "a", 1))
    assert driver.model.outstanding("R1") == 1


def small_part_passes_whole(driver: Driver) -> None:
    """The minimum is about cuts: what a sweep left small passes as a whole."""
    live(driver, "R", 100)
    pay(driver, "a", 80, "R")
    do(driver.end("pay_early", "R"))
    assert driver.transfer("R", 0, 0, 10, "beta") == "refused"
    do(driver.transfer("R", 0, 0, 20, "beta"))


def interest_once_after_transfer(driver: Driver) -> None:
    """Interest paid to a transferor is not owed again to the next holder."""
    live(driver, "R", 36_000)
    driver.wait_for(add_days(DUE, 10))
    pay(driver, "a", 700, "R")
    do(driver.transfer("R", 0, 0, 36_000, "beta"))
    pay(driver, "b", 40_000, "R")
    paid = [driver.model.payable(name) for name in ("alpha", "beta")]
    assert (paid, driver.model.suspense()) == ([700, 36_300], 3_700)


def interest_stays_recovered(driver: Driver) -> None:
    """Late interest paid in default is money recovered, whatever else goes back."""
    live(driver, "R", 36_000)
    driver.wait_for(add_days(DUE, 10))
    do(driver.close())
    driver.wait_for(add_days(DUE, 11))
    pay(driver, "interest", 1_000, "R")
    pay(driver, "principal", 100, "R")
    do(driver.reverse("back", "principal", 100))
    record = driver.world.read("receivable", driver.ids["R"])
    assert (record["state"], record["retired_minor"]) == ("recovering", 0)


ROWS: list[tuple[Callable[[Driver], None], dict[str, Any]]] = [
    (leftover_placed_again, DEAR),
    (early_payment_once, {}),
    (no_void_after_interest, INTEREST_FIRST),
    (void_frees_money, {}),
    (issue_is_not_countered, {}),
    (returned_payout_cancelled, {}),
    (settled_stays_settled, INTEREST_FIRST),
    (early_beside_suspense, {}),
    (matched_money_returned, {}),
    (latest_due_first, {}),
    (number_in_any_form, {}),
    (overdrawn_account_closed, {}),
    (reopened_debt_takes_money, {}),
    (tie_of_lines, {}),
    (small_part_passes_whole, {"part_min_minor": 40}),
    (interest_once_after_transfer, INTEREST_FIRST),
    (interest_stays_recovered, INTEREST_FIRST),
]


@pytest.mark.parametrize(
    ("scenario", "terms"), ROWS, ids=[scenario.__name__ for scenario, _ in ROWS]
)
def test_regression(scenario: Callable[[Driver], None], terms: dict[str, Any]) -> None:
    """What was once wrong is right, and chain and model agree on it."""
    scenario(Driver(**terms))
