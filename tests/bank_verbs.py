"""Verbs of tables on what a bank attests: misfits, mandates, attempts, suspense."""

from __future__ import annotations

from typing import Any

from ledger.state import read_record
from tests import verbs
from tests.stage import Body, Stage
from tests.world import DAY_MS, digest_of


def _open_misfits(stage: Stage) -> list[Body]:
    return stage.scan("discrepancies", f"{stage.account}/open")


def misfit(stage: Stage, n: int = 0) -> str:
    """Return the code of the account's n-th open discrepancy, ``none`` without."""
    found = _open_misfits(stage)
    return str(found[n]["code"]) if len(found) > n else "none"


def clear(
    stage: Stage, outcome: str = "own", off: int = 0, by: str = "", **named: Any
) -> None:
    """Let owner and attester say what the oldest misfit was.

    ``off`` is by how much its amount is misread; ``end=sent`` names the row's
    payout's last attempt; ``of`` names a receipt by its key; ``where`` makes it
    that of another account.
    """
    found = [*_open_misfits(stage), *stage.scan("discrepancies", _cleared(stage))]
    body: Body = {
        "account": stage.account,
        "discrepancy": found[0]["id"] if found else digest_of("none"),
        "net_minor": (found[0]["net_minor"] if found else 0) + off,
        "outcome": outcome,
    }
    if "end" in named:
        body["end_to_end"] = _attempt(stage, -1)
    if "of" in named:
        body["original"] = named["of"]
    if "where" in named:
        verbs.open_account(stage)
        body["account"] = stage.account
    stage.act("discrepancy.clear", body, **stage.as_members(by))


def _cleared(stage: Stage) -> str:
    return f"{stage.account}/cleared"


def _attempt(stage: Stage, n: int) -> str:
    return str(stage.record_of("payout")["attempts"][n])


def take_back(
    stage: Stage, amount: int, key: str = "b1", of: str = "k1", **named: Any
) -> None:
    """Let a statement say that a receipt is taken back, by its key."""
    verbs.entry(stage, "reversal", amount, key, original=of, **named)


def bounce(stage: Stage, kept: int = 0, *, key: str = "") -> None:
    """Let the row's payout come back, less what banks kept."""
    payout = stage.record_of("payout")
    name = payout["attempts"][-1]
    amount, key = payout["amount_minor"] - kept, key or name
    verbs.entry(stage, "return", amount, key, end_to_end=name, charges_minor=kept)


def fee(stage: Stage, amount: int, *, attempt: int = -1) -> None:
    """Let the bank charge for an attempt of the row's payout."""
    end = _attempt(stage, attempt)
    verbs.entry(stage, "charge", amount, f"fee/{end}", end_to_end=end)


def status(
    stage: Stage,
    word: str,
    end: str = "",
    *,
    attempt: int = -1,
    attester: str = "bank",
    reason: str = "",
) -> None:
    """Let the bank accept or reject an attempt of the row's payout."""
    row = {"end_to_end": end or _attempt(stage, attempt), "status": word}
    if reason:
        row["reason"] = reason
    body = {
        "account": stage.account,
        "attester": stage.id_of(attester),
        "file_hash": digest_of("pain.002"),
        "statuses": [row],
    }
    stage.act("payout.status", body)


def request(stage: Stage, payee: str = "alpha", by: str = "") -> None:
    """Let a payee ask for what is below the minimum."""
    body = {"account": stage.account, "payee": stage.id_of(payee)}
    stage.act("payout.request", body, **stage.as_members(by))


def mandate(
    stage: Stage, limit: int = 10**12, until: int = 9, name: str = "new", by: str = ""
) -> None:
    """Let the owner give a mandate that ends so many days from now."""
    body = {
        "account": stage.account,
        "document": digest_of(name),
        "limit_minor": limit,
        "until": stage.day(until),
    }
    stage.act("mandate.set", body, **stage.as_members(by))


def end_mandate(stage: Stage, name: str = "mandate", by: str = "") -> None:
    """Let the owner withdraw the mandate of a name."""
    body = {"account": stage.account, "document": digest_of(name)}
    stage.act("mandate.withdraw", body, **stage.as_members(by))


def hold(stage: Stage, days: int, by: str = "") -> None:
    """Let the owner keep the row's money in suspense for so many days."""
    receipt = stage.receipt or digest_of("none")
    body = {"document": digest_of("why"), "receipt": receipt, "until": stage.day(days)}
    stage.act("bank.hold", body, **stage.as_members(by))


def misdirect(
    stage: Stage,
    amount: int,
    recipient: str = "alpha",
    reporter: str = "debtor",
    by: str = "",
) -> None:
    """Let somebody report that the debtor paid somebody directly."""
    body = {
        "amount_minor": amount,
        "document": digest_of("proof"),
        "paid_date": stage.day(0),
        "receivable": stage.it,
        "recipient": stage.id_of(recipient),
        "reporter": stage.id_of(reporter),
    }
    stage.act("receivable.misdirected", body, **stage.as_members(by))


def propose(
    stage: Stage,
    days: int = 20,
    of: str = "",
    by: str = "",
    *,
    same: int = 0,
    attester: str = "",
) -> None:
    """Let the debtor propose to pay to a new account, of the bank or another's.

    The row's account stays the old one; ``same`` proposes that one.
    """
    old = stage.account
    if not same:
        verbs.open_account(stage, of or "bank", attester or of or "bank")
    body = {
        "account": stage.account,
        "document": digest_of("notice"),
        "receivable": stage.it,
        "until_ms": stage.next_ms + days * DAY_MS,
    }
    stage.account = old
    stage.payto = stage.act("payto.propose", body, **stage.as_members(by))


def answer(stage: Stage, word: str, holder: str = "alpha", by: str = "") -> None:
    """Let a holder agree (``yes``) to the row's change of account or refuse it."""
    body = {
        "agrees": word == "yes",
        "holder": stage.id_of(holder),
        "payto": stage.payto,
    }
    stage.act("payto.answer", body, **stage.as_members(by))


def proposed_to(stage: Stage) -> None:
    """Turn to the account that the row's debtor wants to pay to."""
    stage.account = stage.read("payto", stage.payto)["account"]


def judged(stage: Stage) -> str:
    """Return what became of the row's change of account, and why."""
    payto = stage.read("payto", stage.payto)
    moved = stage.record_of()["account"] == payto["account"]
    return f"{payto['state']} {payto.get('reason', '')} {moved}".replace("  ", " ")


# -- what is read instead of a code ----------------------------------------------------


def field(stage: Stage, kind: str, name: str) -> str:
    """Return a field of the row's account, receipt or payout, ``none`` without it."""
    item = stage.account if kind == "account" else getattr(stage, kind)
    return str(stage.read(kind, item).get(name, "none"))


def outcomes(stage: Stage) -> str:
    """Return what became of the attempts of the row's payout."""
    return " ".join(stage.record_of("payout")["outcomes"])


def distinct_ends(stage: Stage) -> str:
    """Return how many end-to-end ids the row's payout has had."""
    return str(len(set(stage.record_of("payout")["attempts"])))


def longest_end(stage: Stage) -> str:
    """Return the most characters of them, or 35 if none has more."""
    return str(max(35, *map(len, stage.record_of("payout")["attempts"])))


def used(stage: Stage) -> str:
    """Return the running total of the account's mandate."""
    return str(stage.read("account", stage.account)["mandate"]["used_minor"])


def payouts(stage: Stage, member: str = "alpha") -> str:
    """Return state and amount of a member's payouts from the account."""
    mine = [p for p in stage.payouts(member) if p["account"] == stage.account]
    return " ".join(f"{p['state']}/{p['amount_minor']}" for p in mine)


def remitted(stage: Stage) -> str:
    """Return what the lines of the row's payout come to."""
    lines = stage.scan("remittance", stage.payout)
    return " ".join(str(line["principal_minor"]) for line in lines)


def remits(stage: Stage) -> str:
    """Return what the row's payout still has of each of its lines."""
    lines = stage.scan("remittance", stage.payout)
    kept = (line["principal_minor"] - line["cancelled_minor"] for line in lines)
    return " ".join(str(minor) for minor in kept)


def owes_charges(stage: Stage, member: str = "alpha") -> str:
    """Return what a member owes back for charges."""
    name = f"charges/{stage.member(member)}"
    record = read_record(stage.chain.state, "claim", name, stage.account)
    return str(record["amount_minor"]) if record else "0"


def owes_refund(stage: Stage, member: str) -> str:
    """Return what a member owes that went back to it, and its bank took as well."""
    name = f"refunds/{stage.member(member)}"
    record = read_record(stage.chain.state, "claim", name, stage.account)
    return str(record["amount_minor"]) if record else "0"


def reported(stage: Stage, recipient: str = "alpha") -> str:
    """Return what a report of misdirected money still leaves open."""
    partition = f"{stage.it}/{stage.member(recipient)}"
    found = stage.scan("misdirected", partition)
    return " ".join(str(row["open_minor"]) for row in found)


def advise(
    stage: Stage,
    *rows: int,
    by: str = "",
    payer: str = "debtor",
    days: int = 30,
    of: str = "",
) -> None:
    """Let a payer say what a payment is for: ``it`` first, then the ``first``."""
    names = [digest_of(of) if of else stage.it, stage.first]
    body = {
        "account": stage.account,
        "payer": stage.id_of(payer),
        "rows": [
            {"amount_minor": amount, "receivable": names[n % 2]}
            for n, amount in enumerate(rows)
        ],
        "until_ms": stage.next_ms + days * DAY_MS,
    }
    stage.advice = stage.act("payment.advise", body, **stage.as_members(by))


def pay_advised(stage: Stage, amount: int, *, off: str = "", **options: Any) -> None:
    """Let money come in under the reference of the row's advice."""
    reference = f"ALA{stage.advice[:32]}{off}".lower()
    verbs.receive(stage, amount, names=reference, **options)


def waits(stage: Stage) -> str:
    """Return what waits for ``it`` and for the ``first``, what for neither."""
    names = (stage.it, stage.first)
    found = [stage.read("receivable", name)["waiting_minor"] for name in names]
    books = stage.read("account", stage.account)
    rest = books["unassigned_minor"], books["suspense_minor"]
    return " ".join(str(sum_minor) for sum_minor in (*found, *rest))
