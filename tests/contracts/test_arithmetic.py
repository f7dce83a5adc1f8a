"""Money arithmetic against hand-checked figures and exact fractions."""

import random
from collections.abc import Callable
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.kit.v1.arithmetic import (
    ArithmeticRefusal,
    accrue,
    accumulator_to_minor,
    allocate_pro_rata,
    annual_cost_ppm,
    bank_discount,
    count_days,
    discount_by,
    divide_half_up,
    fee_minor,
    pay_in_order,
    price_part,
    pro_rata_cutoff,
    share_of,
    true_discount,
)
from contracts.kit.v1.calendars import CalendarRefusal

INTEGER_MAX = 2**53 - 1
TOTALS = st.one_of(st.integers(0, 50), st.integers(0, INTEGER_MAX))
WEIGHTS = st.lists(
    st.one_of(st.integers(0, 5), st.integers(0, INTEGER_MAX)), min_size=1, max_size=30
).filter(any)


def oracle_shares(total: int, weights: list[int]) -> list[int]:
    """Largest remainder in exact fractions, one unit at a time."""
    ideal = [Fraction(total) * weight / sum(weights) for weight in weights]
    shares = [floor(value) for value in ideal]
    while sum(shares) < total:
        gaps = [value - share for value, share in zip(ideal, shares, strict=True)]
        shares[gaps.index(max(gaps))] += 1
    return shares


def oracle_half_up(value: Fraction) -> int:
    """Round an exact fraction, halves upwards."""
    return floor(value + Fraction(1, 2))


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        pytest.param(9_999, [75, 25], [7_499, 2_500], id="tie_to_the_first"),
        pytest.param(1, [1, 1], [1, 0], id="one_unit_for_two"),
        pytest.param(3, [1, 1], [2, 1], id="three_over_two"),
        pytest.param(5, [100, 101, 100, 100], [1, 2, 1, 1], id="largest_remainder"),
        pytest.param(
            7 * 10**15,
            [1, 2],
            [2_333_333_333_333_333, 4_666_666_666_666_667],
            id="beyond_doubles",
        ),
        pytest.param(100, [0, 50, 0, 50], [0, 50, 0, 50], id="zero_weights"),
        pytest.param(1, [0, 0, 3], [0, 0, 1], id="zero_weights_come_first"),
        pytest.param(0, [3, 4], [0, 0], id="nothing_to_share"),
        pytest.param(10, [3], [10], id="more_than_the_weights"),
    ],
)
def test_allocate_pro_rata_known_case_gives_known_shares(
    total: int, weights: list[int], shares: list[int]
) -> None:
    """Cases on which other money libraries were seen to fail come out right."""
    assert allocate_pro_rata(total, weights) == shares


@given(TOTALS, WEIGHTS)
def test_allocate_pro_rata_agrees_with_exact_fractions(
    total: int, weights: list[int]
) -> None:
    """Shares equal an independent computation and have the promised bounds."""
    shares = allocate_pro_rata(total, weights)
    assert shares == oracle_shares(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total) * weight / sum(weights)) < 1
        assert weight > 0 or share == 0
        assert total > sum(weights) or share <= weight


@given(TOTALS, WEIGHTS, st.integers(0, 2**32), st.integers(-9, 9))
def test_pro_rata_cutoff_gives_each_share_alone(
    total: int, weights: list[int], seed: int, first_key: int
) -> None:
    """The plan does not depend on the order it saw and shares as the list does."""
    keyed = [(first_key + 3 * place, weight) for place, weight in enumerate(weights)]
    shuffled = keyed.copy()
    random.Random(seed).shuffle(shuffled)
    cutoff = pro_rata_cutoff(total, shuffled)
    assert cutoff == pro_rata_cutoff(total, keyed)
    alone = [share_of(cutoff, weight, key) for key, weight in keyed]
    assert alone == allocate_pro_rata(total, weights)


@given(WEIGHTS, st.lists(st.integers(1, 10**9), max_size=12))
def test_allocate_pro_rata_partial_payments_end_at_the_face(
    face: list[int], payments: list[int]
) -> None:
    """However the money comes in, nobody is overpaid and all end at their face."""
    owed = face.copy()
    for payment in [*payments, INTEGER_MAX * len(face)]:
        paid = min(payment, sum(owed))
        if not paid:
            break
        shares = allocate_pro_rata(paid, owed)
        owed = [due - share for due, share in zip(owed, shares, strict=True)]
        assert min(owed) >= 0
    assert not any(owed)


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        pytest.param(lambda: allocate_pro_rata(5, []), "no_weights", id="no_weight"),
        pytest.param(lambda: allocate_pro_rata(5, [0, 0]), "no_weights", id="zeros"),
        pytest.param(lambda: allocate_pro_rata(-1, []), "negative_amount", id="total"),
        pytest.param(
            lambda: allocate_pro_rata(5, [6, -1]), "negative_amount", id="weight"
        ),
        pytest.param(
            lambda: pro_rata_cutoff(1, [(7, 1), (7, 1)]), "duplicate_key", id="same_key"
        ),
        pytest.param(lambda: divide_half_up(1, 0), "bad_divisor", id="by_zero"),
        pytest.param(lambda: divide_half_up(1, -2), "bad_divisor", id="by_negative"),
        pytest.param(lambda: divide_half_up(-1, 2), "negative_amount", id="numerator"),
        pytest.param(
            lambda: count_days("2026-01-02", "2026-01-01", "act360"),
            "dates_reversed",
            id="reversed",
        ),
        pytest.param(
            lambda: count_days("2026-01-01", "2026-01-02", "actact"),
            "unknown_basis",
            id="basis",
        ),
        pytest.param(lambda: accrue(-1, 1, 1), "negative_amount", id="units"),
        pytest.param(lambda: accrue(1, -1, 1), "negative_amount", id="rate"),
        pytest.param(lambda: accrue(1, 1, -1), "negative_amount", id="days"),
        pytest.param(
            lambda: bank_discount(100, 1_000_000, 364, 360),
            "discount_over_face",
            id="discount_over_face",
        ),
        pytest.param(lambda: bank_discount(1, 1, 1, 0), "bad_divisor", id="bank_base"),
        pytest.param(
            lambda: true_discount(1, 1, 10**9, -1), "bad_divisor", id="true_base"
        ),
        pytest.param(
            lambda: discount_by("flat", 1, 1, 1, 360), "unknown_method", id="method"
        ),
        pytest.param(lambda: fee_minor(1, 1, -1), "negative_amount", id="fee"),
        pytest.param(lambda: annual_cost_ppm(9, 8, 0), "bad_divisor", id="no_days"),
        pytest.param(lambda: annual_cost_ppm(8, 9, 1), "negative_amount", id="net"),
        pytest.param(lambda: pay_in_order(-1, []), "negative_amount", id="payment"),
        pytest.param(lambda: pay_in_order(1, [-1]), "negative_amount", id="due"),
    ],
)
def test_arithmetic_without_an_answer_is_refused_by_code(
    attempt: Callable[[], object], code: str
) -> None:
    """Figures that make no sense are refused, each by its own code."""
    with pytest.raises(ArithmeticRefusal) as refusal:
        attempt()
    assert refusal.value.code == code


def test_pro_rata_cutoff_equal_keys_away_from_the_cutoff_are_harmless() -> None:
    """Equal keys are refused only where they would leave a unit undecided."""
    cutoff = pro_rata_cutoff(4, [(7, 1), (7, 1), (8, 2)])
    assert [share_of(cutoff, *pair) for pair in [(1, 7), (1, 7), (2, 8)]] == [1, 1, 2]


@given(st.integers(0, 10**40), st.integers(1, 10**30))
def test_divide_half_up_agrees_with_exact_fractions(
    numerator: int, denominator: int
) -> None:
    """The one rounding is exact at any size."""
    expected = oracle_half_up(Fraction(numerator, denominator))
    assert divide_half_up(numerator, denominator) == expected


def test_divide_half_up_takes_halves_upwards_even_to_odd() -> None:
    """A half is never rounded to even, as the language's own rounding would."""
    assert [divide_half_up(n, 2) for n in (1, 3, 5)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("start", "end", "basis", "expected"),
    [
        ("2022-02-23", "2023-02-23", "act360", (365, 360)),
        ("2022-02-23", "2026-02-23", "act365f", (1_461, 365)),
        ("2024-02-28", "2024-03-01", "act365f", (2, 365)),
        ("2026-01-01", "2026-01-01", "act360", (0, 360)),
        ("2026-01-15", "2026-07-15", "30e360", (180, 360)),
        ("2026-01-31", "2026-02-28", "30e360", (28, 360)),
        ("2026-02-28", "2026-03-31", "30e360", (32, 360)),
        ("2026-01-30", "2026-01-31", "30e360", (0, 360)),
        ("2026-08-31", "2026-12-31", "30e360", (120, 360)),
        ("2024-02-29", "2025-02-28", "30e360", (359, 360)),
        ("2026-12-30", "2027-01-02", "30e360", (2, 360)),
        ("2022-02-23", "2023-02-23", "30e360", (360, 360)),
    ],
)
def test_count_days_known_period_gives_days_and_base(
    start: str, end: str, basis: str, expected: tuple[int, int]
) -> None:
    """Published day counts come out, the start included and the end not."""
    assert count_days(start, end, basis) == expected


def test_count_days_of_no_date_is_refused() -> None:
    """A text that is no date never reaches the arithmetic."""
    with pytest.raises(CalendarRefusal):
        count_days("2026-02-29", "2026-03-01", "act360")


@pytest.mark.parametrize(
    ("face_minor", "rate_ppm", "days", "base", "discount_minor"),
    [
        pytest.param(100_000_000, 45_000, 90, 360, 1_125_000, id="price_988750_00"),
        pytest.param(100_000_000, 43_500, 90, 360, 1_087_500, id="act360"),
        pytest.param(100_000_000, 43_500, 90, 365, 1_072_603, id="act365f"),
        pytest.param(100_000_000, 45_000, 0, 360, 0, id="due_today"),
        pytest.param(100, 1_000_000, 360, 360, 100, id="whole_face"),
    ],
)
def test_bank_discount_known_deal_gives_known_discount(
    face_minor: int, rate_ppm: int, days: int, base: int, discount_minor: int
) -> None:
    """The discount on the face is rounded once, from the whole product."""
    assert bank_discount(face_minor, rate_ppm, days, base) == discount_minor


def test_true_discount_differs_from_bank_discount() -> None:
    """The price that earns the rate is another one: 988,875.15, not 988,750.00."""
    face_minor = 100_000_000
    assert face_minor - true_discount(face_minor, 45_000, 90, 360) == 98_887_515
    assert face_minor - bank_discount(face_minor, 45_000, 90, 360) == 98_875_000


@given(
    st.integers(0, INTEGER_MAX),
    st.integers(0, 400_000),
    st.integers(0, 730),
    st.sampled_from([360, 365]),
)
def test_discounts_agree_with_exact_fractions(
    face_minor: int, rate_ppm: int, days: int, base: int
) -> None:
    """Both discounts equal their formula in fractions, rounded once."""
    growth = Fraction(rate_ppm * days, 1_000_000 * base)
    true = oracle_half_up(face_minor - face_minor / (1 + growth))
    bank = oracle_half_up(face_minor * growth)
    assert true_discount(face_minor, rate_ppm, days, base) == true
    if bank <= face_minor:
        assert bank_discount(face_minor, rate_ppm, days, base) == bank


def test_accumulator_is_rounded_once_not_daily() -> None:
    """90 days on 1,234.57 at 4.5 % are 13.89; daily rounding would say 13.50."""
    daily = [accrue(123_457, 45_000, 1) for _ in range(90)]
    assert sum(daily) == accrue(123_457, 45_000, 90)
    assert accumulator_to_minor(sum(daily), 360) == 1_389
    assert sum(accumulator_to_minor(day, 360) for day in daily) == 1_350


@pytest.mark.parametrize(
    ("cash", "paid"),
    [
        (60_000_000, [12_500, 200_000, 800_000, 58_987_500]),
        (100_000_000, [12_500, 200_000, 800_000, 80_000_000]),
        (12_499, [12_499, 0, 0, 0]),
        (0, [0, 0, 0, 0]),
    ],
)
def test_pay_in_order_loan_waterfall_pays_fee_penalty_interest_principal(
    cash: int, paid: list[int]
) -> None:
    """Each tier of a loan is paid in full before the next sees money."""
    principal = 80_000_000
    interest = accumulator_to_minor(accrue(principal, 60_000, 60), 360)
    penalty = accumulator_to_minor(accrue(principal, 90_000, 10), 360)
    assert pay_in_order(cash, [12_500, penalty, interest, principal]) == paid


@given(
    st.integers(0, INTEGER_MAX),
    st.lists(st.integers(0, INTEGER_MAX), max_size=20),
)
def test_pay_in_order_pays_no_tier_before_an_earlier_one_is_full(
    total: int, dues: list[int]
) -> None:
    """Payments sum to what could be paid, and only one tier is paid in part."""
    paid = pay_in_order(total, dues)
    assert sum(paid) == min(total, sum(dues))
    open_tiers = [place for place, due in enumerate(dues) if paid[place] < due]
    assert all(paid[place] == 0 for place in open_tiers[1:])


def subtract(left: list[int], right: list[int]) -> list[int]:
    """Return the differences place by place."""
    return [a - b for a, b in zip(left, right, strict=True)]


def test_story_one_splits_every_payment_to_the_cent() -> None:
    """A pledged, a sold and a kept part get the figures of the first story."""
    owed = [30_000_000, 30_000_000, 40_000_000]
    first = allocate_pro_rata(40_000_001, owed)
    assert first == [12_000_000, 12_000_000, 16_000_001]
    owed = subtract(owed, first)
    second = allocate_pro_rata(25_000_000, owed)
    assert second == [7_500_000, 7_500_000, 10_000_000]
    owed = subtract(owed, second)
    assert sum(owed) == 34_999_999
    reopened = allocate_pro_rata(10_000_000, second)
    assert reopened == [3_000_000, 3_000_000, 4_000_000]
    owed = [due + back for due, back in zip(owed, reopened, strict=True)]
    assert owed == [13_500_000, 13_500_000, 17_999_999]

    accumulators = [accrue(due, 60_000, 12) for due in owed]
    assert accumulator_to_minor(sum(accumulators), 365) == 88_767
    interest = accumulator_to_minor(sum(accumulators), 360)
    assert interest == 90_000
    interest_shares = allocate_pro_rata(interest, accumulators)
    principal_shares = allocate_pro_rata(45_089_999 - interest, owed)
    last = [a + b for a, b in zip(interest_shares, principal_shares, strict=True)]
    assert last == [13_527_000, 13_527_000, 18_035_999]
    assert subtract(last, reopened) == [10_527_000, 10_527_000, 14_035_999]


def test_story_two_serves_the_reference_first_then_pro_rata() -> None:
    """Named money fills its receivable, the rest goes on; unnamed is shared."""
    owed = [60_000_000, 40_000_000]
    assert pay_in_order(100_000_000, owed) == owed
    assert allocate_pro_rata(50_000_000, owed) == [30_000_000, 20_000_000]


@pytest.mark.parametrize(
    ("face_minor", "net_minor", "days", "cost_ppm"),
    [
        (100_000_000, 98_875_000, 90, 46_144),
        (100_000_000, 98_887_515, 90, 45_625),
        (100, 100, 1, 0),
        (101, 100, 365, 10_000),
        (3, 2, 730, 250_000),
    ],
    ids=["bank_discount", "true_discount", "for_nothing", "a_year", "two_years"],
)
def test_annual_cost_is_simple_on_the_net_by_365(
    face_minor: int, net_minor: int, days: int, cost_ppm: int
) -> None:
    """What a sale costs a year is one exact quotient, rounded once."""
    exact = Fraction((face_minor - net_minor) * 365 * 10**6, net_minor * days)
    assert annual_cost_ppm(face_minor, net_minor, days) == oracle_half_up(exact)
    assert annual_cost_ppm(face_minor, net_minor, days) == cost_ppm


def test_price_part_adds_up() -> None:
    """Net is face less discount and the seller's fees; the buyer pays its own."""
    names = ("name", "payer", "payee", "ppm", "fixed_minor")
    rows = [("platform", "seller", "p", 1_000, 50), ("transfer", "buyer", "t", 0, 30)]
    fees = [dict(zip(names, row, strict=True)) for row in rows]
    terms = {"basis": "act360", "from_date": "2026-01-01", "method": "bank_discount"}
    found = price_part(100_000, "2026-03-02", {**terms, "rate_ppm": 45_000}, fees)
    assert found["discount_minor"] == 750
    assert [fee["amount_minor"] for fee in found["fees"]] == [150, 30]
    assert (found["net_minor"], found["price_minor"]) == (99_100, 99_280)
    flat = price_part(100_000, "-", {"discount_minor": 9, "method": "flat"}, [])
    assert (flat["net_minor"], flat["price_minor"]) == (99_991, 99_991)


def test_parts_of_one_discount_are_shared_by_largest_remainder() -> None:
    """One discount is rounded once; what each part bears adds up to it."""
    parts = [333_333, 333_333, 333_334]
    discount = bank_discount(sum(parts), 43_500, 91, 365)
    shares = allocate_pro_rata(discount, parts)
    assert sum(shares) == discount == 10_845
    assert shares == [3_615, 3_615, 3_615]
