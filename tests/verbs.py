"""The verbs of scenario tables: each does one thing on a stage.

Members are called by name, days are counted from today, amounts are minor
units. ``by`` lets other members sign than those the rule asks for.
"""

from __future__ import annotations

from typing import Any

from ledger.state import read_record
from ledger.transactions import object_id
from tests.stage import FACE, Body, Stage
from tests.world import DAY_MS, date_of, digest_of

# -- parties ---------------------------------------------------------------------------


def open_account(
    stage: Stage,
    owner: str = "bank",
    attester: str = "bank",
    by: str = "",
    *,
    limit: int = 10**12,
    until: int = 1000,
    currency: str = "CNY",
    message: str = "",
) -> None:
    """Open a collection account; a ``limit`` of 0 is no mandate."""
    body: Body = {
        "attester": stage.id_of(attester),
        "closed_date": stage.day(-1),
        "commitment": digest_of("account"),
        "currency": currency,
        "opening_minor": 0,
        "owner": stage.id_of(owner),
    }
    if message:
        body["message"] = message
    if limit:
        body["mandate"] = {
            "document": digest_of("mandate"),
            "limit_minor": limit,
            "until": stage.day(until),
        }
    source = stage.act("account.open", body, **stage.as_members(by))
    stage.account = object_id("account", source, 0)


def deal(stage: Stage, by: str = "", **terms: Any) -> None:
    """Create a programme, on a new account if the row has none yet."""
    for name in ("debtor", "lenders"):
        if name in terms:
            ids = [stage.id_of(member) for member in terms[name].split("+")]
            terms[name] = ids[0] if name == "debtor" else ids
    if "documents" in terms:
        terms["documents"] = terms["documents"].split("+")
    if "suppliers" in terms:
        terms["suppliers"] = [stage.id_of(terms["suppliers"])]
    if "account" in terms:
        terms["account"] = digest_of(terms["account"])
    if "replaces" in terms:
        known = terms["replaces"] == "it"
        terms["replaces"] = stage.programme if known else digest_of("none")
    stage.deal(**terms, **stage.as_members(by))


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


def keep_account(stage: Stage, member: str, currency: str = "CNY") -> None:
    """Let a member stop the planned change of where it is paid."""
    body = {"currency": currency, "member": stage.id_of(member)}
    stage.act("payout_account.veto", body)


# -- time ------------------------------------------------------------------------------


def wait(stage: Stage, days: int) -> None:
    """Let days pass, doing what falls due on the way."""
    stage.advance(stage.day(days))


def go_first(stage: Stage) -> None:
    """Turn to the row's first receivable."""
    stage.it = stage.first


def deadline(stage: Stage, after_ms: int) -> None:
    """Set the clock to the row's deadline and so many ms beyond.

    What falls due on the way is left to the block of the next operation.
    """
    if stage.offer:
        stage.time = stage.record_of("offer")["until_ms"] + after_ms
    else:
        stage.time = stage.record_of()["deadline_ms"] + after_ms


# -- from a proposal to a live receivable ----------------------------------------------


def _named(stage: Stage, options: Body) -> Body:
    """Return options with ids in place of names."""
    made = dict(options)
    if "programme" in made:
        made["programme"] = digest_of("none")
    if "different" in made:
        made["different"] = [stage.invoice_id(made["different"])]
    if "linked" in made:
        made["linked"] = bool(made["linked"])
    if "delivery" in made:
        made["delivery"] = digest_of(made["delivery"])
    return made


def submit(stage: Stage, **options: Any) -> None:
    """Let the supplier submit; ``programme=x`` names none that exists."""
    stage.propose("submit", **_named(stage, options))


def issue(stage: Stage, **options: Any) -> None:
    """Let the debtor issue."""
    stage.propose("issue", **_named(stage, options))


def use(stage: Stage, number: str, amount: int, **options: Any) -> None:
    """Submit from a part of an invoice of 1000."""
    submit(stage, number=number, face=amount, of=1000, **options)


def look_alikes(stage: Stage, number: str, count: int) -> None:
    """Submit from invoices that share their number and differ in their dates."""
    dates = [date_of(stage.time - n * DAY_MS) for n in range(count)]
    for start in range(0, count, 32):
        some = [stage.make_use(1, number, date) for date in dates[start : start + 32]]
        stage.propose("submit", face=len(some), invoices=some)


def _decide(stage: Stage, verb: str, by: str, changes: Body) -> None:
    found, named = stage.record_of(), _named(stage, changes)
    names = ("deductions", "due_date", "gross_minor")
    terms = {name: found[name] for name in names if name in found}
    if "due" in named:
        terms["due_date"] = stage.day(named.pop("due"))
    if "cut" in named:
        terms |= stage.make_terms(60, found["gross_minor"], named.pop("cut"), "other")
    body = {"face_minor": found["face_minor"], "receivable": stage.it, "terms": terms}
    body |= named
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
    by: str = "",
    **extra: Any,
) -> None:
    """Propose other terms."""
    terms = stage.make_terms(days, gross, cut, "other")
    body = {"party": party, "receivable": stage.it, "terms": terms}
    body.update(_named(stage, extra))
    stage.act("receivable.counter", body, **stage.as_members(by))


def reject(stage: Stage, by: str = "") -> None:
    """Let the debtor refuse, or take its issue back."""
    _end(stage, "reject", by)


def decline(stage: Stage, by: str = "") -> None:
    """Let the supplier decline."""
    _end(stage, "decline", by)


def cancel(stage: Stage, by: str = "") -> None:
    """Let the supplier take its proposal back."""
    _end(stage, "cancel", by)


def cancel_live(stage: Stage, by: str = "") -> None:
    """Cancel a live receivable by consent."""
    _end(stage, "cancel_live", by)


def _end(stage: Stage, verb: str, by: str) -> None:
    body = {"receivable": stage.it or digest_of("none")}
    stage.act(f"receivable.{verb}", body, **stage.as_members(by))


def live(stage: Stage, **options: Any) -> None:
    """Let a receivable be submitted and confirmed."""
    submit(stage, **options)
    confirm(stage)


def retain(stage: Stage, number: str, verb: str = "live", **options: Any) -> None:
    """Let 100 of an invoice of 1000 be retained, or deducted for something else."""
    terms = {"cut": 100, "cut_type": "retention", "face": 1000, **options}
    make = live if verb == "live" else submit
    make(stage, number=number, **terms)


def draw(stage: Stage, number: str, amount: int, supplier: str = "alpha") -> None:
    """Submit a receivable for what the row's first one retained."""
    use = {**stage.make_use(1000, number, "2026-01-02"), "used_minor": amount}
    use["retained_by"] = stage.first or digest_of("none")
    stage.propose("submit", face=amount, invoices=[use], supplier=supplier)


def paid(stage: Stage, amount: int) -> None:
    """Let a receivable fall due, and money come in for it."""
    live(stage, days=3)
    wait(stage, 3)
    receive(stage, amount)


# -- circulation -----------------------------------------------------------------------


def _input(stage: Stage, lo: int, rev: int = 0, stretch: int = 0) -> Body:
    """Return the input that names a tile, or misses it by so much."""
    found = stage.input(stage.it, lo)
    return {**found, "hi": found["hi"] + stretch, "rev": found["rev"] + rev}


def split(stage: Stage, *cuts: int, tile: int = 0, by: str = "", **off: int) -> None:
    """Let a holder cut its tile."""
    body = {
        "cuts": list(cuts),
        "input": _input(stage, tile, **off),
        "receivable": stage.it,
    }
    stage.act("receivable.split", body, **stage.as_members(by))


def merge(stage: Stage, left: int, right: int, by: str = "", **off: int) -> None:
    """Let a holder join two tiles; only the right one is missed."""
    body = {
        "left": _input(stage, left),
        "receivable": stage.it,
        "right": _input(stage, right, **off),
    }
    stage.act("receivable.merge", body, **stage.as_members(by))


def _passing(
    stage: Stage, part: tuple[int, int], to: str, tile: int, off: Body
) -> Body:
    recourse = off.pop("recourse", "without")
    papers = {name: off.pop(name) for name in ("document", "purpose") if name in off}
    if "document" in papers:
        papers["document"] = digest_of(papers["document"])
    return {
        **papers,
        "input": _input(stage, tile, **off),
        "part": {"hi": part[1], "lo": part[0]},
        "receivable": stage.it,
        "receiver": stage.id_of(to),
        "recourse": recourse,
    }


def transfer(
    stage: Stage,
    lo: int,
    hi: int,
    to: str = "beta",
    *,
    tile: int = 0,
    aware: int = 0,
    by: str = "",
    **off: Any,
) -> None:
    """Move a part at once, giver and receiver signing."""
    body = {**_passing(stage, (lo, hi), to, tile, off), "aware_overdue": bool(aware)}
    stage.act("receivable.transfer", body, **stage.as_members(by))


def offer(
    stage: Stage,
    lo: int,
    hi: int,
    to: str = "beta",
    *,
    tile: int = 0,
    days: int = 1,
    ms: int = 0,
    by: str = "",
    **off: Any,
) -> None:
    """Offer a part until so many days and milliseconds from now."""
    body = _passing(stage, (lo, hi), to, tile, off)
    body["until_ms"] = stage.next_ms + days * DAY_MS + ms
    stage.offer = stage.act("receivable.offer", body, **stage.as_members(by))
    stage.part = (lo, hi)


def take(
    stage: Stage,
    aware: int = 0,
    by: str = "",
    *,
    lo: int = 0,
    hi: int = 0,
    of: str = "",
) -> None:
    """Accept the row's offer; ``lo`` and ``hi`` are by how much it is misread."""
    part = stage.part
    body = {
        "aware_overdue": bool(aware),
        "offer": stage.offer,
        "part": {"hi": part[1] + hi, "lo": part[0] + lo},
        "receivable": digest_of(of) if of else stage.it,
    }
    stage.act("offer.accept", body, **stage.as_members(by))


def refuse(stage: Stage, by: str = "") -> None:
    """Let the receiver decline the row's offer."""
    stage.act("offer.decline", {"offer": stage.offer}, **stage.as_members(by))


def withdraw(stage: Stage, by: str = "") -> None:
    """Let the giver withdraw the row's offer."""
    stage.act("offer.withdraw", {"offer": stage.offer}, **stage.as_members(by))


# -- money -----------------------------------------------------------------------------


def entry(
    stage: Stage,
    kind: str,
    amount: int,
    key: str = "k1",
    *,
    attester: str = "bank",
    booked: int = 0,
    value: int = 0,
    currency: str = "CNY",
    by: str = "",
    message: str = "",
    **named: Any,
) -> None:
    """Let the attester record one entry, booked and valued so many days from today."""
    made = {
        "amount_minor": amount,
        "booking_date": stage.day(booked),
        "currency": currency,
        "key": key,
        "type": kind,
        "value_date": stage.day(value),
        **{name: text for name, text in named.items() if text},
    }
    body = {
        "account": stage.account,
        "attester": stage.id_of(attester),
        "entries": [made],
        "file_hash": digest_of("file"),
        **({"message": message} if message else {}),
    }
    stage.act("bank.record", body, **stage.as_members(by))
    if kind == "receipt":
        stage.receipt = digest_of(f"entry/{stage.account}/receipt/{key}")


def receive(
    stage: Stage,
    amount: int,
    key: str = "k1",
    *,
    names: str = "",
    payer: str = "debtor",
    **fields: Any,
) -> None:
    """Let money come in; it names ``it``, the ``first`` receivable or a number."""
    known = {"it": stage.it, "first": stage.first}
    payers: Body = {"payer": stage.id_of(payer)} if payer != "nobody" else {}
    reference = known.get(names, names)
    entry(stage, "receipt", amount, key, reference=reference, **payers, **fields)


def stray(stage: Stage, amount: int, payer: str = "nobody", names: str = "") -> None:
    """Let money come in for a live receivable that nobody can place."""
    live(stage)
    receive(stage, amount, payer=payer, names=names)


def early(stage: Stage, amount: int, **options: Any) -> None:
    """Let money come in for a live receivable before its due date."""
    live(stage, **options)
    receive(stage, amount, names="it")


def sent(stage: Stage, amount: int) -> None:
    """Let money come in when due, and the supplier's payout be sent."""
    paid(stage, amount)
    pick(stage)
    instruct(stage)


def start(stage: Stage, amount: int) -> None:
    """Let the receivable fall due and begin, but not end, to distribute money."""
    stage.pausing = False
    wait(stage, 3)
    stage.pausing = True
    receive(stage, amount, names="it")


def close(
    stage: Stage, days: int = 0, off: int = 0, *, quiet: int = 0, attester: str = "bank"
) -> None:
    """Close the day so many days from today; ``off`` is the error of its balance."""
    date = stage.day(days)
    account = stage.read("account", stage.account)
    nets = [day["net_minor"] for day in account["days"] if day["date"] <= date]
    body = {
        "account": stage.account,
        "attester": stage.id_of(attester),
        "closing_minor": account["closing_minor"] + sum(nets) + off,
        "date": date,
        "no_movement": bool(quiet),
    }
    stage.act("bank.close", body)


def match(stage: Stage, amount: int, by: str = "", *, word: str = "bank") -> None:
    """Let the debtor say what money in suspense is for.

    ``word`` is who vouches for a payer whom nobody knows.
    """
    body = {
        "amount_minor": amount,
        "receipt": stage.receipt or digest_of("none"),
        "receivable": stage.it,
    }
    item = str(body["receipt"])
    receipt = read_record(stage.chain.state, "receipt", item)
    if word != "nobody" and receipt is not None and not receipt["payer"]:
        body["vouched_by"] = stage.id_of(word)
    stage.act("bank.match", body, **stage.as_members(by))


def give_back(
    stage: Stage, amount: int, source: str = "suspense", by: str = ""
) -> None:
    """Return money of the row's receipt to where it came from."""
    receipt = stage.receipt or digest_of("none")
    body = {"amount_minor": amount, "receipt": receipt, "source": source}
    stage.act("bank.return", body, **stage.as_members(by))


def pay_early(stage: Stage, by: str = "") -> None:
    """Let the debtor have waiting money swept before the due date."""
    body = {"receivable": stage.it}
    stage.act("receivable.pay_early", body, **stage.as_members(by))


def pick(stage: Stage, payee: str = "alpha", state: str = "") -> None:
    """Turn to what the row's account owes a member, or a remitter."""
    mine = [p for p in stage.payouts(payee) if p["account"] == stage.account]
    stage.payout = [p for p in mine if state in ("", p["state"])][-1]["id"]


def pick_return(stage: Stage) -> None:
    """Turn to the payout that returns money of the row's receipt."""
    found = stage.scan("payouts", stage.account)
    mine = [p for p in found if p.get("receipt") == stage.receipt]
    stage.payout = mine[-1]["id"]


def instruct(stage: Stage, times: int = 1, by: str = "") -> None:
    """Let the owner send the row's payout to the bank."""
    body = {"account": stage.account, "payouts": [stage.payout] * times}
    stage.act("payout.instruct", body, **stage.as_members(by))


def attest(
    stage: Stage,
    kind: str = "payout",
    off: int = 0,
    *,
    attempt: int = -1,
    key: str = "",
) -> None:
    """Let the bank attest the row's payout or its return, wrong by so much."""
    payout = stage.record_of("payout")
    name = payout["attempts"][attempt]
    amount = payout["amount_minor"] + off
    entry(stage, kind, amount, key or f"{kind}/{name}", end_to_end=name)


def reverse(
    stage: Stage,
    amount: int,
    key: str = "r1",
    *,
    attester: str = "bank",
    booked: int = 0,
    account: str = "",
) -> None:
    """Let the bank take the row's receipt back, whole or in part."""
    body = {
        "account": digest_of(account) if account else stage.account,
        "amount_minor": amount,
        "attester": stage.id_of(attester),
        "booking_date": stage.day(booked),
        "key": key,
        "receipt": stage.receipt,
    }
    stage.act("receipt.reverse", body)


# -- what is read instead of a code ----------------------------------------------------


def state(stage: Stage, which: str = "it") -> str:
    """Return the state of the row's last receivable, or of its ``first``."""
    return str(stage.read("receivable", getattr(stage, which))["state"])


def sum_of(stage: Stage, name: str, which: str = "it") -> str:
    """Return a sum that a receivable keeps, without its unit."""
    return str(stage.read("receivable", getattr(stage, which))[f"{name}_minor"])


def books(stage: Stage, name: str) -> str:
    """Return a sum of the account's books, without its unit."""
    return str(stage.read("account", stage.account)[f"{name}_minor"])


def held(stage: Stage, member: str) -> str:
    """Return how many live units of the receivable a member has."""
    tiles = [t for t in stage.tiles(stage.it) if t["state"] == "live"]
    mine = [t["hi"] - t["lo"] for t in tiles if stage.name_of(t["holder"]) == member]
    return str(sum(mine))


def credited(stage: Stage, member: str) -> str:
    """Return the sum of a member's payouts from the account, in any state."""
    mine = [p for p in stage.payouts(member) if p["account"] == stage.account]
    return str(sum(payout["amount_minor"] for payout in mine))


def claimed(stage: Stage, member: str) -> str:
    """Return what a member owes back on the receivable, 0 if nothing ever."""
    name = f"{stage.it}/{stage.member(member)}"
    record = read_record(stage.chain.state, "claim", name, stage.account)
    return str(record["amount_minor"]) if record else "0"
