"""Who may open accounts and programmes, and where members are paid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rows import Act, Body, Given, Row, Stage, answer, rows
from tests.world import DAY_MS, date_of, digest_of

DELAY_MS = 3 * DAY_MS


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


def nothing(stage: Stage) -> None:
    """Prepare nothing."""


def opens(owner: str = "bank", attester: str = "bank", by: str = "") -> Act:
    """Open a collection account."""

    def act(stage: Stage, _: object) -> object:
        body: Body = {
            "attester": stage.member(attester),
            "closed_date": date_of(stage.time - DAY_MS),
            "commitment": digest_of("account"),
            "currency": "CNY",
            "opening_minor": 0,
            "owner": stage.member(owner),
        }
        return stage.act("account.open", body, by=[by] if by else None)

    return act


ACCOUNTS: list[Row] = [
    ("owner is suspended", nothing, opens("idle"), "member_suspended"),
    ("owner is no bank", nothing, opens("alpha"), "not_a_bank"),
    ("attester is no bank", nothing, opens("bank", "auditor"), "not_a_bank"),
    ("owner is an operator too", nothing, opens("double"), "not_a_bank"),
    ("attester is an operator too", nothing, opens("bank", "double"), "not_a_bank"),
    (
        "attester has not signed",
        nothing,
        opens("bank", "agent", "bank"),
        "wrong_signers",
    ),
    ("operator's group owns it", nothing, opens("housebank"), "not_a_bank"),
    ("an agent attests", nothing, opens("bank", "agent"), "ok"),
    ("a bank owns and attests", nothing, opens(), "ok"),
]


def account(stage: Stage) -> None:
    """Open the account a programme needs."""
    stage.open_account()


def replaced(stage: Stage) -> str:
    """Create a programme of the usual debtor that another may replace."""
    stage.open_account()
    return stage.open_programme()


def creates(*lenders: str, debtor: str = "debtor", **terms: Any) -> Act:
    """Create a programme; ``replaces`` takes the one that stands, if any."""

    def act(stage: Stage, before: str | None) -> object:
        parties: Body = {"debtor": stage.member(debtor)}
        if lenders:
            parties["lenders"] = [stage.member(name) for name in lenders]
        if before:
            parties["replaces"] = before
        return stage.open_programme(**parties, **terms)

    return act


PROGRAMMES: list[Row] = [
    ("undertaking of another name", account, creates(undertaking="x"), "bad_body"),
    ("no lender", account, creates(lenders=[]), "bad_body"),
    ("lender unknown", account, creates(lenders=[digest_of("x")]), "not_found"),
    ("debtor is none", account, creates(debtor="alpha"), "role_missing"),
    ("lender is none", account, creates("beta"), "not_a_lender"),
    ("second lender is none", account, creates("lender", "bank"), "not_a_lender"),
    (
        "debtor lends to itself",
        account,
        creates("merged", debtor="merged"),
        "not_a_lender",
    ),
    ("account unknown", account, creates(account=digest_of("x")), "not_found"),
    ("another currency", account, creates(currency="EUR"), "account_mismatch"),
    ("norm above the cap", account, creates(tenor_norm_days=366), "bad_terms"),
    ("norm at the cap", account, creates(tenor_norm_days=365), "ok"),
    ("grace above the cap", account, creates(grace_days=366), "bad_terms"),
    ("grace at the cap", account, creates(grace_days=365), "ok"),
    ("replaces an unknown one", account, creates(replaces=digest_of("x")), "not_found"),
    ("replaces another debtor's", replaced, creates(debtor="buyer"), "bad_terms"),
    ("a new version", replaced, creates(), "ok"),
    ("two lenders", account, creates("lender", "merged"), "ok"),
]


def pair(stage: Stage, member: str, attester: str, name: str) -> Body:
    """Return the body with which an account is registered or verified."""
    return {
        "attester": stage.member(attester),
        "commitment": digest_of(name),
        "currency": "CNY",
        "member": stage.member(member),
    }


def registers(member: str, name: str = "one", attester: str = "bank") -> Act:
    """Register a payout account."""
    return lambda stage, _: stage.act(
        "payout_account.register", pair(stage, member, attester, name)
    )


def verifies(member: str, name: str = "one", attester: str = "bank") -> Act:
    """Verify a payout account."""
    return lambda stage, _: stage.act(
        "payout_account.verify", pair(stage, member, attester, name)
    )


def registered(member: str, *names: str) -> Given:
    """Register accounts one after the other, the last one not verified."""

    def given(stage: Stage) -> None:
        for n, name in enumerate(names):
            registers(member, name)(stage, None)
            if n < len(names) - 1:
                verifies(member, name)(stage, None)

    return given


def changed(member: str) -> Given:
    """Change an account and let the change take effect."""

    def given(stage: Stage) -> None:
        registered(member, "one", "two")(stage)
        stage.wait(4)
        verifies(member, "two")(stage, None)

    return given


PAYEES: list[Row] = [
    (
        "verifier is no bank",
        nothing,
        registers("gamma", attester="lender"),
        "not_a_bank",
    ),
    ("nobody registered one", nothing, verifies("auditor"), "not_found"),
    ("a first account", nothing, registers("gamma"), "ok"),
    (
        "another attester verifies",
        registered("gamma", "one"),
        verifies("gamma", attester="agent"),
        "account_mismatch",
    ),
    (
        "another account is verified",
        registered("gamma", "one"),
        verifies("gamma", "two"),
        "account_mismatch",
    ),
    ("the account is verified", registered("gamma", "one"), verifies("gamma"), "ok"),
    (
        "nothing is left to verify",
        changed("lender"),
        verifies("lender", "two"),
        "account_mismatch",
    ),
]


@rows(ACCOUNTS, PROGRAMMES, PAYEES)
def test_rows(stage: Stage, given: Given, act: Act, code: str) -> None:
    """Each operation is answered with its code."""
    assert answer(stage, given, act) == code


def in_force(stage: Stage, member: str) -> str:
    """Return the commitment payouts go to now, as a reader has to work it out."""
    record = stage.read("payout_account", "CNY", stage.member(member))
    pending = record.get("next", {"verified": False})
    if pending["verified"] and pending["from_time"] <= stage.time:
        return str(pending["commitment"])
    return str(record.get("commitment", ""))


def test_change_counts_after_its_delay(stage: Stage) -> None:
    """The old account stays in force until the delay has passed, to the ms."""
    registered("delta", "old", "new")(stage)
    start = stage.time
    verifies("delta", "new")(stage, None)
    seen = []
    for time in (start + DELAY_MS - 1, start + DELAY_MS):
        stage.wait_until(time)
        seen.append(in_force(stage, "delta"))
    assert seen == [digest_of("old"), digest_of("new")]


def test_change_of_a_change_keeps_what_is_in_force(stage: Stage) -> None:
    """A third registration never brings the first account back."""
    registered("merged", "one", "two", "three")(stage)
    assert in_force(stage, "merged") == digest_of("one")
    verifies("merged", "three")(stage, None)
    stage.wait(4)
    registers("merged", "four")(stage, None)
    assert in_force(stage, "merged") == digest_of("three")
