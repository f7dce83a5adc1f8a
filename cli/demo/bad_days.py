"""The demo's bad days: unpaid when due, a late bank, default, recourse.

Two invoices of one supplier. A part of one is contested and agreed away; its money
was there in time, and only its booking was late. The other is not paid, and its
parts go back step by step to whoever passed them on, until the debtor pays with
interest. A court freezes a part meanwhile. In the end the debtor is insolvent, and
what it pays after that waits for its administrator.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from cli.demo.cast import TITLES
from cli.demo.stage import Stage, expect
from cli.demo.steps import STEPS as LIFE
from cli.demo.steps import (
    Step,
    agree,
    close_day,
    confirm,
    import_receipt,
    late_interest,
    pay_everybody,
    pay_with,
    sum_by,
)
from cli.people import name_id
from ledger.encoding import JSONObject, hex_digest

GRACE_DAYS: Final = 5
LATE_DAYS: Final = GRACE_DAYS + 2
STEPS_BACK: Final = (("tier-three", "tier-two"), ("tier-two", "tier-one"))


def agree_on_grace(stage: Stage) -> JSONObject:
    """Agree on terms as ever, with days of grace before default."""
    stage.facts["terms"] = {
        "grace_days": GRACE_DAYS,
        "recourse_trigger": "default",
        "undertaking": "subject_to_defences",
    }
    done = agree(stage)
    stage.voice.tell(
        f"unpaid {GRACE_DAYS} days after it was due is default; then whoever "
        "passed a part on with recourse pays for it"
    )
    return done


def confirm_second(stage: Stage) -> JSONObject:
    """Let a second, smaller invoice be confirmed, due on the same day."""
    facts = stage.facts
    facts["first_id"] = facts["receivable"]
    facts["small"] = small = facts["face"] // 5
    facts["second_id"] = item = _submit(stage, "INV-SMALL", facts["due"])
    stage.act("buyer-1 buyer-2", "confirm", name_id("receivable", item))
    stage.voice.tell(f"a second one of {stage.money(small)}, due on the same day")
    return {"face_minor": small, "receivable": item}


def _submit(stage: Stage, number: str, due: date) -> str:
    """Let Tier One submit an invoice by hand; return the receivable's id."""
    made = stage.act(
        *("tier-one", "submit", "--invoice", number, "--amount"),
        *(stage.money(stage.facts["small"]), "--issued", stage.today.isoformat()),
        *("--due", due.isoformat()),
        *("--programme", name_id("programme", stage.facts["programme"])),
    )
    return str(made["created"]["id"])


def contest(stage: Stage) -> JSONObject:
    """Let the debtor contest a part; nobody takes it unaware; they agree on less."""
    facts = stage.facts
    name = name_id("receivable", facts["second_id"])
    amount = facts["small"] // 10
    paper = ("--document", hex_digest(b"one pallet arrived wet"))
    made = stage.act(
        *("buyer-1 buyer-2", "dispute", "open", name, stage.money(amount), *paper)
    )
    dispute = made["created"]["id"]
    receiver = name_id("member", stage.member("tier-two"))
    offered = stage.act("tier-one", "offer", f"{name}/0.00", "--to", receiver)
    offer = name_id("offer", offered["created"]["id"])
    refused = stage.refused(
        lambda: stage.act("tier-two", "accept", offer), "disputed_unaware"
    )
    stage.act("tier-one", "withdraw", offer)
    words = ("reduce", name, stage.money(amount), "--dispute", dispute, *paper)
    stage.act("tier-one buyer-1 buyer-2", *words)
    facts["small"] -= amount
    record = _read(stage, "second_id")
    expect(facts["small"], record["live_minor"], what="owed after the reduction")
    stage.voice.tell(
        f"Anchor Buyer contests {stage.money(amount)} of it: goods arrived wet",
        f"Tier Two would take it without knowing: refused, {refused.code}",
        f"both sign that {stage.money(facts['small'])} are owed: the dispute is over",
    )
    return {"reduced_minor": amount, "refused": refused.code}


def pass_on(stage: Stage) -> JSONObject:
    """Pass parts of the first on with recourse, down two tiers."""
    face = stage.facts["face"]
    first, second = face * 60 // 100, face * 25 // 100
    stage.facts["parts"] = {"tier-two": first - second, "tier-three": second}
    pay_with(stage, "tier-one", "tier-two", first, "--recourse", "with")
    pay_with(stage, "tier-two", "tier-three", second, "--recourse", "with")
    return {"tier_two_minor": first, "tier_three_minor": second}


def miss_due_day(stage: Stage) -> JSONObject:
    """Let the due day pass without money; nobody is late until it is closed."""
    facts = stage.facts
    stage.set_clock(facts["due"] + timedelta(days=1))
    expect("live", _state(stage, "first_id"), what="before the day is closed")
    stage.voice.tell(
        f"{stage.today}: nothing has come; until the bank closes the due day, "
        "nobody is overdue"
    )
    close_day(stage, 0, facts["due"])
    for name in ("first_id", "second_id"):
        _wait_state(stage, name, "overdue")
    stage.voice.tell("the bank closes it with nothing on the account: both overdue")
    return {"states": ["overdue", "overdue"]}


def correct(stage: Stage) -> JSONObject:
    """Let money come that was valued in time and booked a day too late."""
    facts = stage.facts
    small, item = facts["small"], facts["second_id"]
    import_receipt(stage, small, "BAD-1", reference=item, value=facts["due"])
    _wait_state(stage, "second_id", "settled")
    record = _read(stage, "second_id")
    receipt = record["overdue_corrected"]
    expect(0, record["interest_paid_minor"], what="late interest")
    stage.voice.tell(
        f"the bank books {stage.money(small)} a day late, valued {facts['due']}:",
        "    it never was overdue; the correction names the receipt, no interest",
    )
    return {"corrected_by": receipt, "interest_minor": 0, "state": "settled"}


def default(stage: Stage) -> JSONObject:
    """Let the grace pass: the first is in default."""
    facts = stage.facts
    close_day(stage, facts["small"])
    stage.set_clock(facts["due"] + timedelta(days=LATE_DAYS))
    close_day(stage, facts["small"], stage.today - timedelta(days=1))
    _wait_state(stage, "first_id", "default")
    stage.voice.tell(
        f"{GRACE_DAYS} days of grace are over and still nothing has come: "
        f"{facts['name']} is in default"
    )
    return {"state": "default"}


def go_back(stage: Stage) -> JSONObject:
    """Let each holder call on who passed it on, one step at a time."""
    back = []
    for holder, transferor in STEPS_BACK:
        # What came back and what was kept are two holdings: their notices differ.
        tiles = _tiles(stage, holder)
        back += [_call(stage, holder, transferor, tile) for tile in tiles]
    holding = f"{stage.facts['name']}/0.00"
    refused = stage.refused(
        lambda: stage.act("tier-one", "recourse", holding), "no_recourse"
    )
    stage.voice.tell(f"Tier One has nobody to call on: refused, {refused.code}")
    return {"calls": back, "refused": refused.code}


def _call(stage: Stage, holder: str, transferor: str, tile: JSONObject) -> JSONObject:
    facts = stage.facts
    units = tile["hi"] - tile["lo"]
    price = units + late_interest(units, LATE_DAYS)
    start_of = stage.money(tile["lo"]).partition(" ")[2]
    made = stage.act(holder, "recourse", f"{facts['name']}/{start_of}")
    deal = made["created"]["id"]
    key = f"BAD-{len(facts.setdefault('prices', [])) + 2}"
    facts["prices"].append(price)
    import_receipt(stage, price, key, payer=transferor, reference=deal)
    stage.wait_for("the step back", lambda: _holder(stage, tile["lo"]) == transferor)
    stage.voice.tell(
        f"{TITLES[holder]} calls on {TITLES[transferor]}, which pays "
        f"{stage.money(price)} for {stage.money(units)}: the part goes back"
    )
    return {"from": holder, "price_minor": price, "to": transferor}


def freeze(stage: Stage) -> JSONObject:
    """Let a court freeze the lowest units; they cannot pass, and still get money."""
    facts = stage.facts
    facts["frozen"] = amount = facts["face"] // 10
    made = stage.act(
        *("operator lender", "freeze", "units", facts["first_id"]),
        *("--amount", stage.money(amount), *_order(stage, b"order of the court")),
    )
    facts["order"] = made["created"]["id"]
    offer = ("offer", f"{facts['name']}/0.00", "--amount", stage.money(amount))
    receiver = name_id("member", stage.member("tier-two"))
    refused = stage.refused(
        lambda: stage.act("tier-one", *offer, "--to", receiver), "frozen"
    )
    stage.voice.tell(
        f"Operator and Lender put a court's order on {stage.money(amount)} of it; the "
        "operator alone never could",
        f"Tier One offers that part: refused, {refused.code}",
    )
    return {"frozen_minor": amount, "order": facts["order"], "refused": refused.code}


def _order(stage: Stage, document: bytes) -> tuple[str, ...]:
    return (
        *("--authority", "Demo Court", "--reference", "No. 7"),
        *("--document", hex_digest(document)),
        *("--guardian", name_id("member", stage.member("lender"))),
    )


def release(stage: Stage) -> JSONObject:
    """Let the court release what it had frozen: its money was held, not lost."""
    facts = stage.facts
    listed = ("payout", "list", "--state", "held")
    held = stage.run(*listed, wallet="bank")["items"]
    amount = sum(row["amount_minor"] for row in held)
    share = facts["paid"] * facts["frozen"] // facts["face"]
    # A sweep gives each group whole units, and what is left over unit by unit.
    expect(share, amount, what="held", is_one_of=(share, share + 1))
    stage.voice.tell(f"of it {stage.money(amount)} are held for the frozen part")
    order = name_id("order", facts["order"])
    words = ("freeze", "release", order, *_order(stage, b"order lifted"))
    stage.act("operator lender", *words)
    stage.wait_for("release", lambda: not stage.run(*listed, wallet="bank")["items"])
    stage.voice.tell("the court releases them: due to Tier One like the rest")
    return {"held_minor": amount, "state": "released"}


def pay_at_last(stage: Stage) -> JSONObject:
    """Let the debtor pay with interest; all of it is the first supplier's now."""
    facts = stage.facts
    interest = late_interest(facts["face"], LATE_DAYS)
    facts["paid"] = total = facts["face"] + interest
    import_receipt(stage, total, "BAD-9", reference=facts["first_id"])
    _wait_state(stage, "first_id", "settled")
    stage.voice.tell(
        f"Anchor Buyer pays {stage.money(total)}, of it {stage.money(interest)} "
        "late interest: settled"
    )
    return {"interest_minor": interest, "received_minor": total, "state": "settled"}


def pay_out(stage: Stage) -> JSONObject:
    """Pay out prices and receivables; nothing stays on the account."""
    rows = pay_everybody(stage)
    sums = sum_by(rows, "payee")
    for holder, _ in STEPS_BACK:
        amount = sums[stage.member(holder)]
        stage.voice.tell(
            f"    {TITLES[holder]} has been paid {stage.money(amount)} in all"
        )
    return {"paid_minor": sum(sums.values()), "payouts": len(rows)}


def end_insolvent(stage: Stage) -> JSONObject:
    """Let a court open insolvency: the debtor's money waits for who administers it."""
    facts = stage.facts
    item = _submit(stage, "INV-LATER", stage.today + timedelta(days=30))
    stage.act("buyer-1 buyer-2", "confirm", name_id("receivable", item))
    stage.act(
        *("operator lender", "insolvency", "declare"),
        *(name_id("member", stage.member("buyer")), "--payee", "Administrator"),
        *("--commitment", hex_digest(b"the administrator's account")),
        *("--effective", f"{stage.today}T00:00+08:00"),
        *_order(stage, b"insolvency opened"),
    )
    later = stage.today + timedelta(days=40)
    refused = stage.refused(lambda: _submit(stage, "INV-NEVER", later), "insolvent")
    import_receipt(stage, facts["small"], "BAD-10", reference=item)
    (money,) = stage.run("balance", "suspense", wallet="bank")["items"]
    expect(facts["small"], money["suspense_minor"], what="money in suspense")
    stage.voice.tell(
        "a court declares Anchor Buyer insolvent; Operator and Lender record it",
        f"Tier One submits another invoice on it: refused, {refused.code}",
        f"{stage.money(facts['small'])} come from it all the same: they are not swept, "
        "but wait for its administrator",
    )
    return {"refused": refused.code, "suspense_minor": money["suspense_minor"]}


def _read(stage: Stage, name: str) -> JSONObject:
    path = f"/v1/receivables/{stage.facts[name]}"
    record: JSONObject = stage.session("auditor").client.get(path)
    return record


def _state(stage: Stage, name: str) -> str:
    return str(_read(stage, name)["state"])


def _wait_state(stage: Stage, name: str, state: str) -> None:
    stage.wait_for(state, lambda: _state(stage, name) == state)


def _tiles(stage: Stage, holder: str) -> list[JSONObject]:
    item = stage.facts["first_id"]
    rows = stage.session(holder).client.items(f"/v1/receivables/{item}/tiles")
    mine = stage.member(holder)
    return [row for row in rows if (row["holder"], row["state"]) == (mine, "live")]


def _holder(stage: Stage, lo: int) -> str:
    path = f"/v1/receivables/{stage.facts['first_id']}/tiles"
    rows = stage.session("auditor").client.items(path)
    names = {stage.member(name): name for name in stage.facts["members"]}
    tile = next(row for row in rows if row["lo"] <= lo < row["hi"])
    return str(names[tile["holder"]])


STEPS: Final = (
    *LIFE[:2],
    Step("Bank, buyer, lender and suppliers agree on terms", agree_on_grace),
    Step("An invoice becomes a receivable", confirm),
    Step("And a second one", confirm_second),
    Step("A part of it is contested", contest),
    Step("Parts pass on with recourse", pass_on),
    Step("On the due date nothing comes", miss_due_day),
    Step("Money was there in time, and booked late", correct),
    Step("The grace is over", default),
    Step("Parts go back, step by step", go_back),
    Step("A court freezes a part", freeze),
    Step("The debtor pays, with interest", pay_at_last),
    Step("What was frozen is released", release),
    Step("Everybody is paid", pay_out),
    Step("The debtor is insolvent", end_insolvent),
    LIFE[-1],
)
