"""Selling on the command line: rates, estimates, the chapter of the demo."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import allonge
from cli.sale import read_rate
from cli.signing.lines import annual_cost
from ledger.errors import LedgerError

ESTIMATE = ("quote", "estimate", "CNY 1000000.00", "--due", "2027-03-01")


@pytest.mark.parametrize(
    ("text", "ppm"),
    [("4.5%", 45_000), ("4.5", 45_000), ("0 %", 0), ("0.0001%", 1), ("100%", 10**6)],
)
def test_a_rate_is_read_exactly(text: str, ppm: int) -> None:
    """A percentage with up to four decimals is a whole number of ppm."""
    assert read_rate(text) == ppm


@pytest.mark.parametrize(
    "text", ["", "%", "4,5%", "-1%", "4.50001%", "100.0001%", "1e1", "4.5%%", "9999"]
)
def test_what_is_no_rate_is_named(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(LedgerError) as refusal:
        read_rate(text)
    assert refusal.value.code == "bad_rate"


def estimate(*words: str) -> tuple[int, dict[str, Any]]:
    """Return exit code and facts of an estimate, which asks no node."""
    result = CliRunner().invoke(allonge, [*ESTIMATE, *words, "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize(
    ("words", "net"),
    [
        (("--rate", "4.5%"), 98_875_000),
        (("--rate", "4.5%", "--method", "true"), 98_887_515),
        (("--rate", "4.35%", "--basis", "act365f"), 98_927_397),
        (("--rate", "4.5%", "--fee", "CNY 10.00"), 98_874_000),
        (("--rate", "4.5%", "--fee-rate", "0.1%"), 98_775_000),
    ],
    ids=["bank", "true", "on_365", "fixed_fee", "fee_rate"],
)
def test_an_estimate_needs_no_node(words: tuple[str, ...], net: int) -> None:
    """What a sale would bring is computed offline, by the rule's functions."""
    code, found = estimate("--from", "2026-12-01", *words)
    assert (code, found["net_minor"]) == (0, net)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--from", "2027-03-02", "--rate", "4.5%"), "usage"),
        (("--from", "2026-12-01", "--rate", "x"), "bad_rate"),
        (("--from", "soon", "--rate", "4.5%"), "not_a_date"),
        (("--rate", "4.5%", "--fee", "EUR 1"), "other_currency"),
    ],
)
def test_an_estimate_that_makes_no_sense_is_refused(
    words: tuple[str, ...], code: str
) -> None:
    """Each by the code that names what is wrong."""
    assert estimate(*words)[1]["code"] == code


def test_the_annual_cost_says_how_it_is_counted() -> None:
    """Days, basis and rounding are named; where none can be named, that is said."""
    told = annual_cost(100_000_000, 98_875_000, "2026-12-01", "2027-03-01")
    assert told == "4.6144 %: simple, on what is received, 90 days of 365, half up"
    assert "0 days" in annual_cost(100, 99, "2026-12-01", "2026-12-01")
    assert "not known" in annual_cost(100, 99, "2026-12-01", "")
