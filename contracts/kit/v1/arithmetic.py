"""Money arithmetic: exact shares, one rounding, day counts, interest.

Amounts are integers in minor units, rates integers in parts per million a
year. Nothing here is ever a fraction: a quotient is either shared out to the
last unit or passes through ``divide_half_up``, once, at the end.
"""

from typing import Any, Final, NamedTuple

from contracts.kit.v1.calendars import parse_date

PPM: Final = 1_000_000
Terms = dict[str, Any]


class ArithmeticRefusal(Exception):  # noqa: N818 - rules refuse, they do not err
    """Figures that have no answer.

    Attributes:
        code: ``no_weights``, ``negative_amount``, ``duplicate_key``,
            ``bad_divisor``, ``unknown_basis``, ``dates_reversed``,
            ``discount_over_face`` or ``unknown_method``.
    """

    # How the kernel tells a refusal from a defect.
    is_refusal = True

    def __init__(self, code: str) -> None:
        """Keep the code; results carry codes and never texts."""
        self.code = code


class ProRataCutoff(NamedTuple):
    """A whole apportionment in four integers.

    Each share follows from these, its own weight and its own key, so a sweep
    can pay in chunks of any size and a payee can check one line alone.

    Attributes:
        total: the amount shared out.
        weight_sum: the sum of all weights, above 0.
        remainder: the smallest remainder that still earns a unit; equal to
            ``weight_sum``, which none reaches, when no unit is left over.
        key: among those with just this remainder, the last key that earns one.
    """

    total: int
    weight_sum: int
    remainder: int
    key: int


def allocate_pro_rata(total: int, weights: list[int]) -> list[int]:
    """Split an amount on weights by largest remainder; the sum is exact.

    Every share differs from the ideal one by less than a unit. Equal
    remainders are served in the order given. A weight of 0 gets 0, and no
    share exceeds its weight while the total does not exceed their sum.

    Args:
        total: minor units to share out, 0 or more.
        weights: what each share is measured by, each 0 or more.

    Raises:
        ArithmeticRefusal: ``negative_amount``, a total or weight below 0;
            ``no_weights``, their sum is 0.
    """
    cutoff = pro_rata_cutoff(total, list(enumerate(weights)))
    return [share_of(cutoff, weight, key) for key, weight in enumerate(weights)]


def pro_rata_cutoff(total: int, keyed_weights: list[tuple[int, int]]) -> ProRataCutoff:
    """Return the plan that shares an amount as ``allocate_pro_rata`` does.

    Args:
        total: minor units to share out, 0 or more.
        keyed_weights: ``(key, weight)`` in any order. The keys decide between
            equal remainders, lowest first: for parts of a receivable the
            lowest interval start of each group.

    Raises:
        ArithmeticRefusal: ``negative_amount``, a total or weight below 0;
            ``no_weights``, their sum is 0; ``duplicate_key``, two equal keys
            stand where the last unit ends.
    """
    if total < 0:
        raise ArithmeticRefusal("negative_amount")
    weight_sum = 0
    for _, weight in keyed_weights:
        if weight < 0:
            raise ArithmeticRefusal("negative_amount")
        weight_sum += weight
    if weight_sum == 0:
        raise ArithmeticRefusal("no_weights")
    return _cut_off(total, weight_sum, keyed_weights)


def _cut_off(
    total: int, weight_sum: int, keyed_weights: list[tuple[int, int]]
) -> ProRataCutoff:
    # The remainders sum to a multiple of the weight sum, and that multiple is
    # how many units whole shares leave over. Each remainder is below the weight
    # sum, so more shares have one than there are units left: a zero weight,
    # whose remainder is zero, never earns one.
    ranks = sorted(
        [(-(total * weight % weight_sum), key) for key, weight in keyed_weights]
    )
    left = -sum([negated for negated, _ in ranks]) // weight_sum
    if left == 0:
        return ProRataCutoff(total, weight_sum, weight_sum, 0)
    if ranks[left - 1] == ranks[left]:
        raise ArithmeticRefusal("duplicate_key")
    negated, key = ranks[left - 1]
    return ProRataCutoff(total, weight_sum, -negated, key)


def share_of(cutoff: ProRataCutoff, weight: int, key: int) -> int:
    """Return the share of one weight; over all of them the sum is exact.

    Args:
        cutoff: the plan, made from all weights.
        weight: the same weight under the same key as in the plan.
        key: its position, as in the plan.
    """
    product = cutoff.total * weight
    share = product // cutoff.weight_sum
    remainder = product % cutoff.weight_sum
    if (-remainder, key) <= (-cutoff.remainder, cutoff.key):
        return share + 1
    return share


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return the nearest integer to a quotient, halves upwards.

    This is the one place where anything is rounded.

    Raises:
        ArithmeticRefusal: ``bad_divisor``, the denominator is not above 0;
            ``negative_amount``, the numerator is below 0.
    """
    if denominator <= 0:
        raise ArithmeticRefusal("bad_divisor")
    if numerator < 0:
        raise ArithmeticRefusal("negative_amount")
    return (2 * numerator + denominator) // (2 * denominator)


def count_days(start_date: str, end_date: str, basis: str) -> tuple[int, int]:
    """Return the days between two dates and the days of a year, by the basis.

    The start counts and the end does not. ``30e360`` takes the 31st of a month
    as its 30th, February as it stands.

    Args:
        start_date: first day that bears interest.
        end_date: first day that does not, on or after the start.
        basis: ``act360``, ``act365f`` or ``30e360``.

    Raises:
        CalendarRefusal: ``bad_date``.
        ArithmeticRefusal: ``dates_reversed``, ``unknown_basis``.
    """
    start, end = parse_date(start_date), parse_date(end_date)
    if end < start:
        raise ArithmeticRefusal("dates_reversed")
    if basis == "act360":
        return end.toordinal() - start.toordinal(), 360
    if basis == "act365f":
        return end.toordinal() - start.toordinal(), 365
    if basis == "30e360":
        months = 12 * (end.year - start.year) + end.month - start.month
        return 30 * months + min(end.day, 30) - min(start.day, 30), 360
    raise ArithmeticRefusal("unknown_basis")


def bank_discount(face_minor: int, rate_ppm: int, days: int, base: int) -> int:
    """Return the discount of a price quoted as a rate on the face.

    ``face · rate · days / base``, rounded once. The price is the face less
    this and is never rounded on its own.

    Args:
        face_minor: what falls due, in minor units.
        rate_ppm: parts per million a year.
        days: days to run, as counted by ``count_days``.
        base: days of a year, as returned with them.

    Raises:
        ArithmeticRefusal: ``bad_divisor``, ``negative_amount``,
            ``discount_over_face``.
    """
    discount = accumulator_to_minor(accrue(face_minor, rate_ppm, days), base)
    if discount > face_minor:
        raise ArithmeticRefusal("discount_over_face")
    return discount


def true_discount(face_minor: int, rate_ppm: int, days: int, base: int) -> int:
    """Return the discount at which the price earns the rate until due.

    The price is ``face / (1 + rate · days / base)`` and the discount is the
    rest of the face, rounded once; the price is derived from it.

    Args:
        face_minor: what falls due, in minor units.
        rate_ppm: parts per million a year.
        days: days to run, as counted by ``count_days``.
        base: days of a year, as returned with them.

    Raises:
        ArithmeticRefusal: ``negative_amount``, ``bad_divisor``.
    """
    growth = accrue(1, rate_ppm, days)
    accrued = accrue(face_minor, rate_ppm, days)
    if base <= 0:
        raise ArithmeticRefusal("bad_divisor")
    return divide_half_up(accrued, PPM * base + growth)


def discount_by(
    method: str, face_minor: int, rate_ppm: int, days: int, base: int
) -> int:
    """Return the discount that a named method gives.

    Args:
        method: ``bank_discount`` or ``true_discount``.
        face_minor: what falls due, in minor units.
        rate_ppm: parts per million a year.
        days: days to run.
        base: days of a year.

    Raises:
        ArithmeticRefusal: ``unknown_method``; those of the method.
    """
    if method == "bank_discount":
        return bank_discount(face_minor, rate_ppm, days, base)
    if method == "true_discount":
        return true_discount(face_minor, rate_ppm, days, base)
    raise ArithmeticRefusal("unknown_method")


def fee_minor(face_minor: int, ppm: int, fixed_minor: int) -> int:
    """Return a fee on a face: its rate, rounded once, and its fixed part.

    Raises:
        ArithmeticRefusal: ``negative_amount``.
    """
    if fixed_minor < 0:
        raise ArithmeticRefusal("negative_amount")
    return fixed_minor + divide_half_up(face_minor * ppm, PPM)


def price_part(
    face_minor: int, due_date: str, terms: Terms, fees: list[Terms]
) -> Terms:
    """Return the figures of a sale of a part, each computed from its terms.

    Args:
        face_minor: the units sold.
        due_date: the adjusted due date.
        terms: ``method``; unless that is ``flat``, ``rate_ppm``, ``basis`` and
            ``from_date``; if it is, the ``discount_minor`` itself.
        fees: the programme's: name, payer, payee, ppm, fixed_minor.

    Returns:
        ``discount_minor``; ``fees`` in money; ``net_minor``, the face less
        discount and fees of the seller, which may be below 0; ``price_minor``,
        the face less the discount and with the buyer's fees.

    Raises:
        ArithmeticRefusal: those of ``count_days`` and ``discount_by``;
            ``negative_amount``.
    """
    discount = terms["discount_minor"] if terms["method"] == "flat" else 0
    if terms["method"] != "flat":
        days, base = count_days(terms["from_date"], due_date, terms["basis"])
        rate = terms["rate_ppm"]
        discount = discount_by(terms["method"], face_minor, rate, days, base)
    paid = {"buyer": 0, "seller": 0}
    rows = []
    for fee in fees:
        amount = fee_minor(face_minor, fee["ppm"], fee["fixed_minor"])
        paid[fee["payer"]] += amount
        row = {name: fee[name] for name in ("name", "payee", "payer")}
        rows.append({**row, "amount_minor": amount})
    return {
        "discount_minor": discount,
        "fees": rows,
        "net_minor": face_minor - discount - paid["seller"],
        "price_minor": face_minor - discount + paid["buyer"],
    }


def annual_cost_ppm(face_minor: int, net_minor: int, days: int) -> int:
    """Return what giving up a face for a net today costs a year, on the net.

    Simple interest on ACT/365, ``(face - net) / net * 365 / days``, rounded once
    to the nearest part per million, halves upwards.

    Args:
        face_minor: what is given up.
        net_minor: what is received, above 0.
        days: from the money to the adjusted due date, above 0.

    Raises:
        ArithmeticRefusal: ``negative_amount``, the net exceeds the face;
            ``bad_divisor``.
    """
    return divide_half_up((face_minor - net_minor) * 365 * PPM, net_minor * days)


def accrue(units: int, rate_ppm: int, days: int) -> int:
    """Return the simple interest on units as an exact accumulator.

    Accumulators of the same year base are added and moved about as they are;
    they may exceed what a JSON integer holds.

    Args:
        units: minor units outstanding, 0 or more.
        rate_ppm: parts per million a year, 0 or more.
        days: days they were outstanding, 0 or more.

    Returns:
        Unit · ppm · day.

    Raises:
        ArithmeticRefusal: ``negative_amount``, any of the three is below 0.
    """
    if units < 0 or rate_ppm < 0 or days < 0:
        raise ArithmeticRefusal("negative_amount")
    return units * rate_ppm * days


def accumulator_to_minor(accumulator: int, base: int) -> int:
    """Return the interest in minor units, rounded once.

    Interest on a receivable is rounded here as one sum and then shared by
    ``allocate_pro_rata`` on the accumulators of its groups.

    Args:
        accumulator: unit · ppm · day.
        base: days of a year.

    Raises:
        ArithmeticRefusal: ``bad_divisor``, ``negative_amount``.
    """
    return divide_half_up(accumulator, PPM * base)


def pay_in_order(total: int, dues: list[int]) -> list[int]:
    """Pay debts one after the other, each in full while the money lasts.

    What the payments do not sum to is left for whoever comes next.

    Args:
        total: minor units to pay with, 0 or more.
        dues: what is owed in the order of payment, each 0 or more.

    Raises:
        ArithmeticRefusal: ``negative_amount``, a total or due below 0.
    """
    if total < 0:
        raise ArithmeticRefusal("negative_amount")
    left = total
    paid: list[int] = []
    for due in dues:
        if due < 0:
            raise ArithmeticRefusal("negative_amount")
        payment = min(left, due)
        paid.append(payment)
        left -= payment
    return paid
