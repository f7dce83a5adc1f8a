"""Verbs of tables on what goes wrong: late money, waivers, recourse."""

from __future__ import annotations

from typing import Any

from tests.sale_verbs import apart, price
from tests.stage import Body, Stage
from tests.verbs import (
    attest,
    close,
    instruct,
    live,
    open_account,
    pick,
    receive,
    reverse,
    split,
    transfer,
    wait,
)
from tests.world import DAY_MS, digest_of


def waive(stage: Stage, principal: int = 0, interest: int = 0, by: str = "") -> None:
    """Let the holders forgive the rest, and so much late interest."""
    body = {
        "interest_minor": interest,
        "principal_minor": principal,
        "receivable": stage.it or digest_of("none"),
    }
    stage.act("receivable.waive", body, **stage.as_members(by))


def told(stage: Stage, event: str) -> str:
    """Return how often an event told something of the receivable."""
    found = [e for e in stage.told if e["event"] == event]
    return str(sum(1 for e in found if e.get("receivable") == stage.it))


def corrected(stage: Stage, name: str) -> str:
    """Return an amount of the correction that withdrew overdue."""
    found = [e for e in stage.told if e["event"] == "overdue_corrected"]
    return str(found[-1][f"{name}_minor"])


def mark(stage: Stage, name: str) -> str:
    """Return in how many days from today a mark's date is, ``none`` without it."""
    date = stage.record_of().get(name if name == "bank_data_late" else f"{name}_date")
    for days in range(-99, 99):
        if stage.day(days) == date:
            return str(days)
    return "none"


def exposed(stage: Stage) -> str:
    """Return what counts against the limit of the row's programme."""
    return str(stage.read("exposure", stage.programme)["used_minor"])


# -- recourse, repurchase, redemption ----------------------------------------------


def _price(stage: Stage, tile: int, price: int, off: Body) -> Body:
    found = stage.input(stage.it, tile)
    return {
        "input": {**found, "rev": found["rev"] + off.pop("rev", 0)},
        "pay_by_ms": stage.next_ms + off.pop("days", 5) * DAY_MS + off.pop("ms", 0),
        "price_minor": price,
        "receivable": stage.it,
        "way": off.pop("way", "account"),
    }


def backed(stage: Stage, days: int) -> None:
    """Let beta have 1000 of alpha with recourse, and nothing be paid until a day.

    They are due on day 3; the day before today is closed.
    """
    live(stage, days=3)
    transfer(stage, 0, 1000, recourse="with")
    wait(stage, days)
    close(stage, -1)


def owing(stage: Stage, amount: int = 100_000, *, cut: int = 0, other: int = 0) -> None:
    """Let beta be paid its part of so much, and owe it back; prices may come apart."""
    (apart if other else open_account)(stage)
    backed(stage, 9)
    if cut:
        split(stage, cut)
    receive(stage, amount, names="it")
    pick(stage, "beta")
    instruct(stage)
    attest(stage)
    reverse(stage, amount)


def passed(stage: Stage, days: int) -> None:
    """Let it be as with ``backed``, but beta has passed them to gamma, likewise."""
    live(stage, days=3)
    transfer(stage, 0, 1000, recourse="with")
    transfer(stage, 0, 1000, "gamma", recourse="with")
    wait(stage, days)
    close(stage, -1)


def stepped(stage: Stage) -> None:
    """Let gamma's half of what beta has of alpha, with recourse, go back to beta."""
    live(stage, days=3)
    transfer(stage, 0, 1000, recourse="with")
    transfer(stage, 0, 500, "gamma", recourse="with")
    wait(stage, 5)
    close(stage, -1)
    wait(stage, 28)
    call(stage, 503)
    price(stage, payer="beta")


def pass_late(
    stage: Stage, lo: int, hi: int, to: str = "gamma", *, tile: int = 0
) -> None:
    """Let a part pass, with recourse, to who signs to know that it is late."""
    transfer(stage, lo, hi, to, tile=tile, aware=1, recourse="with")


def call(stage: Stage, price: int, tile: int = 0, by: str = "", **off: Any) -> None:
    """Let the holder of a tile call on its transferor at a price."""
    body = _price(stage, tile, price, off)
    stage.deal_id = stage.act("recourse.call", body, **stage.as_members(by))


def _agree(stage: Stage, act: str, spread: tuple[int, int, int], off: Body) -> None:
    lo, hi, price = spread
    by = off.pop("by", "")
    body = _price(stage, off.pop("tile", 0), price, off)
    body["part"] = {"hi": hi, "lo": lo}
    stage.deal_id = stage.act(act, body, **stage.as_members(by))


def redeem(stage: Stage, lo: int, hi: int, price: int, **off: Any) -> None:
    """Let debtor and holder agree on an early redemption."""
    _agree(stage, "holding.redeem", (lo, hi, price), off)


def rebuy(stage: Stage, lo: int, hi: int, price: int, **off: Any) -> None:
    """Let transferor and holder agree on a repurchase."""
    _agree(stage, "holding.repurchase", (lo, hi, price), off)
