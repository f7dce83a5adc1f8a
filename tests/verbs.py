"""The verbs of scenario tables: each does one thing on a stage.

Members are called by name, days are counted from today, amounts are minor
units. ``by`` lets other members sign than those the rule asks for.
"""

from __future__ import annotations

from typing import Any

from ledger.transactions import object_id
from tests.stage import FACE, Body, Stage
from tests.world import digest_of

# -- parties ---------------------------------------------------------------------


def open_account(
    stage: Stage, owner: str = "bank", attester: str = "bank", by: str = ""
) -> None:
    """Open a collection account."""
    body: Body = {
        "attester": stage.id_of(attester),
        "closed_date": stage.day(-1),
        "commitment": digest_of("account"),
        "currency": "CNY",
        "opening_minor": 0,
        "owner": stage.id_of(owner),
    }
    source = stage.act("account.open", body, **stage.as_members(by))
    stage.account = object_id("account", source, 0)


def deal(stage: Stage, **terms: Any) -> None:
    """Create a programme, on a new account if the row has none yet."""
    for name in ("debtor", "lenders"):
        if name in terms:
            ids = [stage.id_of(member) for member in terms[name].split("+")]
            terms[name] = ids[0] if name == "debtor" else ids
    if "suppliers" in terms:
        terms["suppliers"] = [stage.id_of(terms["suppliers"])]
    if "account" in terms:
        terms["account"] = digest_of(terms["account"])
    if "replaces" in terms:
        known = terms["replaces"] == "it"
        terms["replaces"] = stage.programme if known else digest_of("none")
    stage.deal(**terms)


def _pair(stage: Stage, member: str, name: str, attester: str) -> Body:
    return {
        "attester": stage.id_of(attester),
        "commitment": digest_of(name),
        "currency": "CNY",
        "member": stage.id_of(member),
    }


def register(
    stage: Stage, member: str, name: str = "one", attester: str = "bank"
) -> None:
    """Register where a member is paid."""
    stage.act("payout_account.register", _pair(stage, member, name, attester))


def verify(
    stage: Stage, member: str, name: str = "one", attester: str = "bank"
) -> None:
    """Verify where a member is paid."""
    stage.act("payout_account.verify", _pair(stage, member, name, attester))


# -- time --------------------------------------------------------------------------


def wait(stage: Stage, days: int) -> None:
    """Let days pass, doing what falls due on the way."""
    stage.advance(stage.day(days))


def deadline(stage: Stage, after_ms: int) -> None:
    """Set the clock to the row's deadline and so many ms beyond.

    What falls due on the way is left to the block of the next operation.
    """
    if stage.offer:
        stage.time = stage.record_of("offer")["until_ms"] + after_ms
    else:
        stage.time = stage.record_of()["deadline_ms"] + after_ms


# -- from a proposal to a live receivable --------------------------------------------


def submit(stage: Stage, **options: Any) -> None:
    """Let the supplier submit; ``programme=x`` names none that exists."""
    if "programme" in options:
        options["programme"] = digest_of("none")
    stage.propose("submit", **options)


def issue(stage: Stage, **options: Any) -> None:
    """Let the debtor issue."""
    stage.propose("issue", **options)


def _decide(stage: Stage, verb: str, by: str, changes: Body) -> None:
    face = stage.record_of()["face_minor"]
    body = {"face_minor": face, "receivable": stage.it, **changes}
    stage.act(f"receivable.{verb}", body, **stage.as_members(by))


def confirm(stage: Stage, by: str = "", **changes: Any) -> None:
    """Let the debtor confirm the face that stands, or another one."""
    _decide(stage, "confirm", by, changes)


def agree(stage: Stage, by: str = "", **changes: Any) -> None:
    """Let the supplier accept the face that stands, or another one."""
    _decide(stage, "accept", by, changes)


def counter(
    stage: Stage,
    party: str,
    days: int = 60,
    gross: int = FACE,
    cut: int = 0,
    **extra: Any,
) -> None:
    """Propose other terms."""
    terms = stage.make_terms(days, gross, cut, "other")
    body = {"party": party, "receivable": stage.it, "terms": terms, **extra}
    stage.act("receivable.counter", body)


def reject(stage: Stage, by: str = "") -> None:
    """Let the debtor refuse, or take its issue back."""
    _end(stage, "reject", by)


def decline(stage: Stage, by: str = "") -> None:
    """Let the supplier decline."""
    _end(stage, "decline", by)


def cancel(stage: Stage, by: str = "") -> None:
    """Let the supplier take its proposal back."""
    _end(stage, "cancel", by)


def void(stage: Stage, by: str = "") -> None:
    """Cancel a live receivable by consent."""
    _end(stage, "void", by)


def _end(stage: Stage, verb: str, by: str) -> None:
    body = {"receivable": stage.it or digest_of("none")}
    stage.act(f"receivable.{verb}", body, **stage.as_members(by))


def live(stage: Stage, **options: Any) -> None:
    """Let a receivable be submitted and confirmed."""
    submit(stage, **options)
    confirm(stage)
