"""Random lives of receivables, on the real chain and in the naive model at once.

Each theme walks over what belongs together. The usual run is the same walks each
time. ``pytest -m slow`` walks further from a new seed, which is printed;
``ALLONGE_SEED`` repeats one, ``ALLONGE_WALKS`` says how many walks.
"""

from __future__ import annotations

import os
import secrets
from typing import ClassVar

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.life_deals import Deals
from tests.properties.life_distress import Defences, GivingUp
from tests.properties.life_entering import Entering
from tests.properties.life_orders import Insolvency, Orders
from tests.properties.life_passing import Passing
from tests.properties.life_paying import Paying
from tests.properties.life_waiting import Waiting
from tests.properties.lives import Walker

DEFENCES = {"undertaking": ["subject_to_defences"]}
FEES = [
    {"payer": "seller", "payee": "gamma", "ppm": 1_000, "fixed_minor": 2},
    {"payer": "buyer", "payee": "beta", "ppm": 0, "fixed_minor": 3},
]


class Claims(Entering, Passing, Paying):
    """From proposals to money."""


class Sales(Deals, Passing, Paying):
    """Parts that are sold, with and without fees."""

    themed: ClassVar = {"fees": [[], FEES]}


class Distress(Defences, Paying):
    """Recourse, redemption, waivers, disputes and reductions."""

    themed: ClassVar = {
        "undertaking": ["absolute", "subject_to_defences", "subject_to_defences"],
        "tolerance_days": [0, 2],
        "grace_days": [0, 2],
    }


class Frozen(Orders, GivingUp, Passing, Paying):
    """Orders of authorities."""

    themed: ClassVar = {"late_rate_ppm": [0, 60_000, 1_000_000]}


class Ruined(Insolvency, Deals, Passing, Paying):
    """Members that fail."""


class Patient(Waiting, Passing, Paying):
    """Small payouts, ageing suspense, bank data that is late."""

    themed: ClassVar = {
        "payout_min_minor": [0, 60, 500],
        "payout_days": [3],
        "suspense_days": [2],
        "late_close_days": [1],
    }


THEMES: list[type[Walker]] = [Claims, Sales, Distress, Frozen, Ruined, Patient]


def usual(walks: int) -> settings:
    """Return the settings of so many walks, the same each time."""
    return settings(
        max_examples=walks,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # to shrink takes minutes; the steps are told
        database=None,
        suppress_health_check=[*HealthCheck],
        print_blob=False,
    )


@pytest.mark.parametrize("theme", THEMES)
def test_chain_and_model_agree(theme: type[Walker]) -> None:
    """They answer alike and show the same after every step."""
    run_state_machine_as_test(theme, settings=usual(7))


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_long_lives(theme: type[Walker]) -> None:
    """They do on thousands of steps from a seed of its own."""
    seed = int(os.environ.get("ALLONGE_SEED") or secrets.randbelow(2**32))
    print(f"ALLONGE_SEED={seed}")  # noqa: T201 - to repeat a failure
    walks = int(os.environ.get("ALLONGE_WALKS", "200"))
    wide = settings(usual(walks), derandomize=False, stateful_step_count=60)
    seeded = hypothesis.seed(seed)(type(theme.__name__, (theme,), {}))
    run_state_machine_as_test(seeded, settings=wide)
