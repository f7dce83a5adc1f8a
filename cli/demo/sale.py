"""The demo's sale: prices from two lenders, one taken, paid, and what misfits.

A supplier needs its money before the due date. It asks two lenders, who do not
learn of each other, takes the better price, and is paid through the bank. A
price that is short or late goes back to where it came from.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from cli.demo.cast import CAST as USUAL
from cli.demo.cast import Actor
from cli.demo.stage import Stage, expect
from cli.demo.steps import STEPS as LIFE
from cli.demo.steps import (
    Step,
    agree,
    close_day,
    confirm,
    import_receipt,
    main_lines,
    pay_everybody,
    register_payee,
    sum_by,
)
from cli.people import name_id
from ledger.encoding import JSONObject

RATES: Final = (("lender", "4.35%"), ("lender-two", "4.80%"))
SOLD_PERCENT: Final = 60
PAY_DAYS: Final = 3
CAST: Final = (*USUAL, Actor("lender-two", "Other Lender", "lender", ("lender-two",)))
TITLES: Final = {actor.name: actor.title for actor in CAST}


def agree_on_fees(stage: Stage) -> JSONObject:
    """Agree on terms as ever, with a fee of the seller for each sale."""
    payee = name_id("member", stage.member("bank"))
    fee = {"name": "settlement", "payee": payee, "payer": "seller"}
    stage.facts["terms"] = {"fees": [{**fee, "fixed": "5.00", "ppm": 500}]}
    done = agree(stage)
    for member in ("lender", "bank"):
        register_payee(stage, member)
    stage.voice.tell("a seller pays the bank 0.05 % and 5.00 for a sale")
    return done


def ask(stage: Stage) -> JSONObject:
    """Let the supplier ask both lenders for a price; nothing is locked."""
    part = stage.facts["face"] * SOLD_PERCENT // 100
    stage.facts["sold"] = part
    words = ("--amount", stage.money(part))
    stage.act(
        *("tier-one", "quote", "request", stage.facts["name"], *words),
        *(word for name, _ in RATES for word in ("--to", stage.member(name))),
    )
    stage.voice.tell(
        f"Tier One asks two lenders what they pay for {stage.money(part)} of it now"
    )
    for name, _ in RATES:
        seen = stage.run("quote", "list", wallet=name)["requests"]
        expect([stage.member(name)], [row["lender"] for row in seen], what="requests")
    stage.voice.tell("each sees its own request and not whom else was asked")
    return {"asked": [name for name, _ in RATES], "part_minor": part}


def bid(stage: Stage) -> JSONObject:
    """Let each lender give a firm price."""
    bids: list[JSONObject] = []
    for name, rate in RATES:
        asked = stage.run("quote", "list", wallet=name)["requests"][-1]
        item = name_id("request", asked["id"])
        pay = ("--pay-by", f"{PAY_DAYS}d")
        stage.act(name, "quote", "give", item, "--rate", rate, *pay)
        given = stage.run("quote", "list", wallet=name)["quotes"]
        expect([stage.member(name)], [row["lender"] for row in given], what="quotes")
        net = given[-1]["price"]["net_minor"]
        bids.append({"member": name, "net_minor": net})
        stage.voice.tell(
            f"{TITLES[name]}, {rate} a year off the face: net {stage.money(net)}"
        )
    return {"bids": bids}


def take(stage: Stage) -> JSONObject:
    """Let the supplier take the better one; the part is locked until it is paid."""
    rows = stage.run("quote", "list", wallet="tier-one")["quotes"]
    rows.sort(key=lambda row: -int(row["price"]["net_minor"]))
    best, other = (name_id("quote", row["id"]) for row in rows)
    expect(stage.member("lender"), rows[0]["lender"], what="the better price")
    made = stage.act("tier-one", "take", best)
    stage.facts["deal"] = made["created"]["id"]
    stage.voice.tell("Tier One reads what it signs, and takes the better one:")
    stage.voice.show(*main_lines(stage.screen))
    refused = stage.refused(
        lambda: stage.act("tier-one", "take", other), "part_locked", "stale_input"
    )
    stage.voice.tell(f"it cannot sell the same part twice: refused, {refused.code}")
    return {"deal": stage.facts["deal"], "refused": refused.code}


def pay_short(stage: Stage) -> JSONObject:
    """Let a price come that is short by a cent: it goes back, nothing moves."""
    deal = _deal(stage)
    short, name = deal["price_minor"] - 1, deal["reference"]
    import_receipt(stage, short, "SALE-1", payer="lender", reference=name)
    expect("open", _deal(stage)["state"], what="the deal")
    back = _payouts(stage, "return")
    expect([short], [row["amount_minor"] for row in back], what="back")
    stage.voice.tell(
        f"the bank books {stage.money(short)}, a cent short:",
        "    it goes back to the account it came from, and nothing moves",
    )
    return {"returned_minor": back[0]["amount_minor"], "state": "open"}


def pay(stage: Stage) -> JSONObject:
    """Let the price come: the part moves, the seller and the fee are paid."""
    deal = _deal(stage)
    price, name = deal["price_minor"], deal["reference"]
    import_receipt(stage, price, "SALE-2", payer="lender", reference=name)
    expect("moved", _deal(stage)["state"], what="the deal")
    held = stage.run("balance", "holdings", wallet="lender")["items"]
    expect(stage.facts["sold"], sum(row["amount_minor"] for row in held), what="held")
    stage.voice.tell(
        f"the bank books {stage.money(price)} for {name[:9]}...: the part is Lender's",
        f"Tier One is paid {stage.money(deal['net_minor'])}, the bank its fee of "
        f"{stage.money(deal['fees'][0]['amount_minor'])}",
    )
    return {"net_minor": deal["net_minor"], "price_minor": price}


def lapse(stage: Stage) -> JSONObject:
    """Let another sale lapse: the price comes when its time is over."""
    facts = stage.facts
    start_of = stage.money(facts["sold"]).partition(" ")[2]
    lender = stage.member("lender-two")
    holding = f"{facts['name']}/{start_of}"
    stage.act("tier-one", "quote", "request", holding, "--to", lender)
    asked = stage.run("quote", "list", wallet="lender-two")["requests"]
    newest = next(row for row in asked if row["lo"] == facts["sold"])
    item = name_id("request", newest["id"])
    stage.act("lender-two", "quote", "give", item, "--rate", "5%", "--pay-by", "2d")
    rows = stage.run("quote", "list", wallet="tier-one")["quotes"]
    quote = next(row for row in rows if row["lo"] == facts["sold"])
    made = stage.act("tier-one", "take", name_id("quote", quote["id"]))
    facts["deal"] = made["created"]["id"]
    price = quote["price"]["price_minor"]
    stage.voice.tell("Tier One sells the rest to Other Lender, to be paid in two days")
    stage.set_clock(stage.today + timedelta(days=PAY_DAYS))
    import_receipt(stage, price, "SALE-3", payer="lender-two", reference=facts["deal"])
    state = _deal(stage)["state"]
    expect("lapsed", state, what="the deal")
    stage.voice.tell(
        f"... {PAY_DAYS} days pass; only now {stage.money(price)} come: the sale has "
        "lapsed,",
        "    the money goes back, and the part is Tier One's to sell again",
    )
    return {"price_minor": price, "state": state}


def pay_out(stage: Stage) -> JSONObject:
    """Pay out prices, fees and what goes back; nothing stays on the account."""
    rows = pay_everybody(stage)
    sums = sum_by(rows, "purpose")
    close_day(stage, 0)
    told = ", ".join(f"{stage.money(sums[name])} {name}" for name in sorted(sums))
    stage.voice.tell(f"{len(rows)} payouts: {told}; the account is empty again")
    return {"paid_minor": sums}


def _deal(stage: Stage) -> JSONObject:
    path = f"/v1/deals/{stage.facts['deal']}"
    found: JSONObject = stage.session("tier-one").client.get(path)
    return found


def _payouts(stage: Stage, purpose: str) -> list[Any]:
    rows = stage.run("payout", "list", wallet="bank")["items"]
    return [row for row in rows if row["purpose"] == purpose]


STEPS: Final = (
    *LIFE[:2],
    Step("Bank, buyer, lenders and suppliers agree on terms", agree_on_fees),
    Step("An invoice becomes a receivable", confirm),
    Step("The supplier asks two lenders for a price", ask),
    Step("Both give firm prices", bid),
    Step("The supplier takes the better one", take),
    Step("A price comes a cent short", pay_short),
    Step("The price comes", pay),
    Step("Another sale is paid too late", lapse),
    Step("Everybody is paid", pay_out),
    LIFE[-1],
)
