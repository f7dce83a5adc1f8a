"""Verbs of tables on orders, insolvencies, reductions and disputes."""

from __future__ import annotations

from typing import Any

from ledger.state import read_record
from ledger.transactions import object_id
from tests import verbs
from tests.stage import Body, Stage
from tests.world import DAY_MS, digest_of


def _authority(stage: Stage, via: str, vouch: str) -> Body:
    """Return a court's order by a regulator, or by an operator with who vouches."""
    via = via or ("operator" if vouch else "regulator")
    order: Body = {
        "authority": "court",
        "document": digest_of("order"),
        "placer": stage.id_of(via),
        "reference": "7 K 12/26",
    }
    if vouch:
        order["guardian"] = stage.id_of(vouch)
    return order


def _covered(stage: Stage, named: Body) -> Body:
    """Return what an order names, with ids in place of names."""
    body = dict(named)
    if "member" in body:
        body["member"] = stage.id_of(body["member"])
    for name, own in (("account", stage.account), ("receipt", stage.receipt)):
        if name in body:
            body[name] = own if body[name] == "it" else digest_of(str(body[name]))
    if "receivable" in body:
        body["receivable"] = stage.it
    return body


def freeze(
    stage: Stage,
    cover: str,
    *,
    via: str = "",
    vouch: str = "",
    rank: int = 1,
    days: int = 30,
    ms: int = 0,
    pledged: int = 0,
    elsewhere: int | str = 0,
    by: str = "",
    **named: Any,
) -> None:
    """Put a freeze on the ledger; ``elsewhere`` redirects money, to a court or whom."""
    body: Body = {
        **_covered(stage, named),
        "cover": cover,
        "order": _authority(stage, via, vouch),
        "pledged": bool(pledged),
        "rank": rank,
        "until_ms": stage.next_ms + days * DAY_MS + ms,
    }
    if elsewhere:
        payee = "court" if elsewhere == 1 else elsewhere
        body["redirect"] = {"commitment": digest_of("court"), "payee": payee}
    source = stage.act("freeze.order", body, **stage.as_members(by))
    stage.order = object_id("order", source, 0)
    stage.deadline_ms = body["until_ms"]


def freeze_units(stage: Stage, lo: int, hi: int, **named: Any) -> None:
    """Freeze an interval of the row's receivable."""
    freeze(stage, "units", receivable="it", lo=lo, hi=hi, **named)


def freeze_amount(
    stage: Stage, amount: int, member: str = "alpha", **named: Any
) -> None:
    """Freeze an amount of what a member holds; what other rows left due is sent."""
    for payout in stage.payouts(member):
        ids = {"account": payout["account"]}
        if payout["account"] == stage.account or not payout["amount_minor"]:
            continue
        if payout["state"] == "small":
            stage.act("payout.request", {**ids, "payee": payout["payee"]})
        if payout["state"] in ("due", "small"):
            stage.act("payout.instruct", {**ids, "payouts": [payout["id"]]})
    fixed = {"amount_minor": amount, "currency": "CNY", "member": member}
    freeze(stage, "amount", **{**fixed, **named})


def freeze_but(stage: Stage, free: int, member: str = "delta", **named: Any) -> None:
    """Freeze all that a member holds but so many units."""
    tiles = stage.scan("holdings", stage.id_of(member))
    freeze_amount(stage, sum(t["hi"] - t["lo"] for t in tiles) - free, member, **named)


def freeze_member(stage: Stage, member: str = "alpha", **named: Any) -> None:
    """Freeze all that a member holds and is paid."""
    freeze(stage, "member", member=member, **named)


def bound(stage: Stage, member: str, units: int) -> None:
    """Freeze the first units of the receivable, their holder, or all it has in sum."""
    if stage.cover == "units":
        freeze_units(stage, 0, units)
    elif stage.cover == "member":
        freeze_member(stage, member)
    else:
        freeze_but(stage, 0, member)


def lift(stage: Stage, via: str = "", vouch: str = "", by: str = "") -> None:
    """Release the row's order."""
    item = stage.order or digest_of("none")
    body = {"ending": _authority(stage, via, vouch), "order": item}
    stage.act("order.release", body, **stage.as_members(by))


def ruin(
    stage: Stage,
    member: str,
    *,
    via: str = "",
    vouch: str = "",
    disposal: int = 0,
    pledged: int = 0,
    rank: int = 5,
    ms: int = 0,
    by: str = "",
    payee: str = "estate",
) -> None:
    """Declare a member insolvent, effective now or so many ms later."""
    body = {
        "administrator": {"commitment": digest_of("estate"), "payee": payee},
        "disposal": bool(disposal),
        "effective_ms": stage.next_ms + ms,
        "member": stage.id_of(member),
        "order": _authority(stage, via, vouch),
        "pledged": bool(pledged),
        "rank": rank,
    }
    source = stage.act("insolvency.declare", body, **stage.as_members(by))
    stage.order = object_id("order", source, 0)


def succeed(
    stage: Stage, attester: str = "agent", vouch: str = "lender", by: str = ""
) -> None:
    """Name who attests the row's account from now on."""
    body = {
        "account": stage.account,
        "attester": stage.id_of(attester),
        "guardian": stage.id_of(vouch),
    }
    stage.act("account.successor", body, **stage.as_members(by))


# -- suspension -----------------------------------------------------------------------


def suspend(stage: Stage, member: str) -> None:
    """Let the operator suspend a member."""
    _change_status(stage, "suspend", member)


def resume(stage: Stage, member: str) -> None:
    """Let the operator admit a suspended member again."""
    _change_status(stage, "resume", member)


def relieve(stage: Stage) -> None:
    """Let every suspended member act again, but for who always is."""
    for name, actor in stage.actors.items():
        if name != "idle" and stage.read("member", actor.id)["status"] != "active":
            resume(stage, name)


def _change_status(stage: Stage, verb: str, member: str) -> None:
    ids = {"member": stage.id_of(member), "operator": stage.id_of("operator")}
    stage.act(f"member.{verb}", {**ids, "reason": "test"})


# -- reductions, disputes, closing -----------------------------------------------------


def soft(stage: Stage, **options: Any) -> None:
    """Let a receivable be live whose debtor may raise defences."""
    stage.deal(undertaking="subject_to_defences")
    verbs.live(stage, **options)


def lost(stage: Stage) -> None:
    """Let a receivable be in default; nothing of it was paid."""
    verbs.live(stage, days=3)
    verbs.wait(stage, 5)
    verbs.close(stage, -1)


def rest_lost(stage: Stage, beta: int = 0) -> None:
    """Let 600 of 1000 be paid, and the rest be given up by its holders."""
    stage.deal()
    verbs.live(stage, face=1000, days=3)
    if beta:
        verbs.transfer(stage, 0, beta)
    verbs.wait(stage, 3)
    verbs.receive(stage, 600)
    verbs.wait(stage, 2)
    verbs.close(stage, -1)
    give_up(stage, "alpha", *(["beta"] if beta else []))


def reduce(
    stage: Stage,
    amount: int,
    by: str = "",
    *,
    tile: int = -1,
    units: int = 0,
    rev: int = 0,
    order: str = "",
    settles: int = 0,
) -> None:
    """Reduce by an amount; ``tile`` adds another holder's units."""
    body: Body = {
        "amount_minor": amount,
        "document": digest_of("credit note"),
        "receivable": stage.it,
    }
    if tile >= 0:
        found = stage.input(stage.it, tile)
        body["parts"] = [
            {
                "hi": found["hi"],
                "lo": tile,
                "rev": found["rev"] + rev,
                "units_minor": units,
            }
        ]
    if order:
        body["order"] = _authority(stage, order, "")
    if settles:
        body["dispute"] = stage.dispute
    stage.act("receivable.reduce", body, **stage.as_members(by))


def contest(
    stage: Stage, amount: int, by: str = "", *, tile: int = -1, rev: int = 0
) -> None:
    """Let the debtor contest an amount, or the highest units of a tile."""
    body: Body = {
        "amount_minor": amount,
        "document": digest_of("complaint"),
        "receivable": stage.it,
    }
    if tile >= 0:
        found = stage.input(stage.it, tile)
        body["tile"] = {"hi": found["hi"], "lo": tile, "rev": found["rev"] + rev}
    source = stage.act("dispute.open", body, **stage.as_members(by))
    stage.dispute = object_id("dispute", source, 0)
    stage.deadline_ms = stage.read("dispute", stage.dispute)["until_ms"]


def prolong(
    stage: Stage, days: int, case: int = 1, order: str = "", by: str = ""
) -> None:
    """Extend the row's dispute until so many days from now."""
    body: Body = {
        "dispute": stage.dispute,
        "until_ms": stage.next_ms + days * DAY_MS,
    }
    if case:
        body["case"] = {
            "court": "court",
            "document": digest_of("claim"),
            "reference": "3 O 4/26",
        }
    if order:
        body["order"] = _authority(stage, order, "")
    stage.act("dispute.extend", body, **stage.as_members(by))


def concede(stage: Stage, by: str = "") -> None:
    """Let the debtor withdraw the row's dispute."""
    stage.act("dispute.withdraw", {"dispute": stage.dispute}, **stage.as_members(by))


def give_up(stage: Stage, *holders: str, by: str = "") -> None:
    """Let holders agree that the receivable is uncollectable."""
    ids = [stage.id_of(name) for name in holders]
    body = {"holders": ids, "receivable": stage.it}
    stage.act("receivable.close", body, **stage.as_members(by))


def gave_up(stage: Stage) -> str:
    """Return who has agreed that the receivable is uncollectable."""
    state = stage.chain.state
    return " ".join(
        name
        for name in ("alpha", "beta", "gamma")
        if read_record(state, "closing", stage.member(name), stage.it)
    )


def past(stage: Stage, ms: int = 1) -> None:
    """Set the clock to the row's last deadline and so many ms beyond."""
    stage.time = stage.deadline_ms + ms


# -- what is read instead of a code ----------------------------------------------------


def payable(stage: Stage, member: str, state: str) -> str:
    """Return the sum of a member's payouts of the account in a state.

    ``sent_on`` is what an order redirects; ``due`` is without that.
    """
    total = 0
    for payout in stage.payouts(member):
        name = "sent_on" if "redirect" in payout else payout["state"]
        if payout["account"] == stage.account and name == state:
            total += payout["amount_minor"]
    return str(total)


def contested(stage: Stage) -> str:
    """Return what disputes stand on the receivable, whatever the time."""
    rows = stage.record_of().get("disputes", [])
    return str(sum(row["amount_minor"] for row in rows))


def left_claim(stage: Stage) -> str:
    """Return what the last reduction left as a claim on the supplier."""
    return str(stage.scan("contests", stage.it)[-1]["claim_minor"])


def has_offer(stage: Stage) -> str:
    """Return whether the row's offer is still open."""
    found = [o["id"] for o in stage.scan("offers", stage.member("alpha"))]
    return "yes" if stage.offer in found else "no"


def order_state(stage: Stage) -> str:
    """Return the state of the row's order."""
    return str(stage.record_of("order")["state"])


def attested_by(stage: Stage) -> str:
    """Return who attests the row's account, ``nobody`` if it is blocked for that."""
    account = stage.read("account", stage.account)
    name = account["attester"]
    status = str(account["status"])
    return f"{stage.name_of(name) if name else 'nobody'} {status}"


def calm(stage: Stage) -> None:
    """Release every order in force, so that no row meets another's."""
    stage.settle()
    for order in stage.scan("all", "order"):
        if order["state"] == "in_force" and order["until_ms"] > stage.next_ms:
            names = ("authority", "document", "guardian", "placer", "reference")
            ending = {name: order[name] for name in names if name in order}
            stage.act("order.release", {"ending": ending, "order": order["id"]})


def halves(stage: Stage) -> None:
    """Give beta half of a receivable that is due; contest some of alpha's half."""
    verbs.deal(stage, undertaking="subject_to_defences")
    verbs.live(stage, days=3)
    verbs.transfer(stage, 0, 500_000)
    contest(stage, 100_000, tile=500_000)
    verbs.wait(stage, 3)


def alone(stage: Stage, member: str = "delta") -> None:
    """Let a firm of one person give no more than 1000 a day, and begin a day."""
    rows = [
        {"action": "any", "bands": [{"persons": 1}]},
        {
            "action": "give",
            "bands": [{"persons": 1, "up_to_minor": 1000}, {"persons": 2}],
            "currency": "CNY",
        },
    ]
    body = {
        "from_time": stage.next_ms + 2 * DAY_MS,
        "member": stage.id_of(member),
        "policy": {"approvals": rows, "offset_minutes": 480},
    }
    stage.act("policy.set", body)
    verbs.wait(stage, 3)
