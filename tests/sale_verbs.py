"""Verbs of sales and deals: ask, quote, take a price, pay it.

A sale's figures are computed here by the written formula, apart from the rule.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.transactions import object_id
from tests.stage import Body, Stage
from tests.verbs import (
    attest,
    close,
    deal,
    entry,
    instruct,
    live,
    open_account,
    pay_early,
    receive,
    reverse,
    transfer,
    wait,
)
from tests.world import DAY_MS, Actor, digest_of, make_actor

FEES = (
    ("platform", "seller", "gamma", 1_000, 50),
    ("transfer", "buyer", "bank", 0, 30),
)


def bidders() -> list[Actor]:
    """Return lenders of one group and another, one of them a bank."""
    return [
        make_actor("lender_two", "lender"),
        make_actor("sister_one", "lender", group="family"),
        make_actor("sister_two", "lender", group="family"),
        make_actor("lbank", "lender", "settlement_bank", group="bank"),
        make_actor("cousin", "lender", group="bank"),
    ]


def own_bank(stage: Stage) -> None:
    """Open an account that a lender attests, and a programme on it."""
    open_account(stage, "lbank", "lbank")
    stage.deal()


def apart(
    stage: Stage, owner: str = "bank", attester: str = "bank", debtor: str = "debtor"
) -> None:
    """Open two accounts: one for debts, and one to which prices are paid."""
    open_account(stage)
    debts = stage.account
    open_account(stage, owner, attester)
    stage.other, stage.account = stage.account, debts
    stage.deal(settlement_account=stage.other, debtor=stage.id_of(debtor))


def own(
    stage: Stage,
    owner: str = "debtor",
    attester: str = "bank",
    *,
    debtor: str = "debtor",
    prices: str = "bank",
    **terms: Any,
) -> None:
    """Create a programme on an account of the debtor's own, but for prices."""
    open_account(stage, prices)
    stage.other = stage.account
    open_account(stage, owner, attester)
    ids = {"debtor": stage.id_of(debtor), "settlement_account": stage.other}
    stage.deal(own_account=True, **ids, **terms)


def owed(stage: Stage, hands: int = 0) -> None:
    """Let 9 fall due on such an account, so much of it beta's."""
    own(stage)
    live(stage, face=9, days=3)
    if hands:
        transfer(stage, 0, hands)
    wait(stage, 3)


def repaid(stage: Stage) -> None:
    """Let a buyer on such an account owe its seller when the debtor pays."""
    own(stage)
    live(stage, days=9)
    sold(stage)
    turn(stage)
    price(stage)
    transfer(stage, 0, 5)
    price_back(stage)
    turn(stage)
    wait(stage, 9)
    receive(stage, 1_000_000)


def in_place(stage: Stage, *, debtors: int = 0) -> None:
    """Let a buyer of 400 that passed on 5 owe its seller, and 1000 come in.

    They come on an account of the debtor's own, or on another than the price.
    They come on an account of the debtor's own, or on that of the price.
    """
    (own if debtors else apart)(stage)
    live(stage, face=1000, days=9)
    sold(stage, 0, 400)
    turn(stage)
    price(stage)
    transfer(stage, 0, 5, "gamma")
    price_back(stage)
    turn(stage)
    wait(stage, 9)
    receive(stage, 1000)


def pay_all(stage: Stage, payee: str, purpose: str = "") -> None:
    """Let all that is due to a member, for one purpose or any, be sent and paid."""
    stage.register_payee(payee)
    for found in stage.payouts(payee):
        mine = found["account"] == stage.account and found["state"] == "due"
        if mine and purpose in ("", found["purpose"]):
            stage.payout = found["id"]
            instruct(stage)
            attest(stage)


def turn(stage: Stage) -> None:
    """Turn to the other of the two accounts."""
    stage.account, stage.other = stage.other, stage.account


def fee_deal(stage: Stage, **terms: Any) -> None:
    """Create a programme whose sales have fees of seller and buyer."""
    names = ("name", "payer", "payee", "ppm", "fixed_minor")
    rows = [dict(zip(names, fee, strict=True)) for fee in FEES]
    for row in rows:
        row["payee"] = stage.id_of(str(row["payee"]))
    deal(stage, fees=rows, **terms)


def fees_owed(stage: Stage, off: int = 0) -> None:
    """Let a buyer that keeps its units owe a price with fees, or all but so much."""
    fee_deal(stage)
    live(stage, days=5)
    bought(stage, pay_days=4)
    transfer(stage, 0, 5, "gamma")
    price_back(stage, off)


def registry_deal(stage: Stage) -> None:
    """Create a programme that demands a registry record of each sale."""
    stage.deal(registration=True)


def ask(
    stage: Stage,
    lo: int,
    hi: int,
    to: str = "lender",
    *,
    tile: int = 0,
    days: int = 7,
    ms: int = 0,
    by: str = "",
    **off: int,
) -> None:
    """Ask lenders, joined by ``+``, for a price of a part."""
    found = stage.input(stage.it, tile)
    body = {
        "input": {**found, "rev": found["rev"] + off.get("rev", 0)},
        "lenders": [stage.id_of(name) for name in to.split("+")],
        "part": {"hi": hi, "lo": lo},
        "receivable": stage.it,
        "until_ms": stage.next_ms + days * DAY_MS + ms,
    }
    source = stage.act("sale.request", body, **stage.as_members(by))
    stage.source = source
    count = len(to.split("+"))
    stage.requests = [object_id("request", source, n) for n in range(count)]
    stage.part = (lo, hi)
    stage.deadline_ms = body["until_ms"]


def quoted(stage: Stage, **terms: Any) -> None:
    """Let a lender give a firm price for 100000 units that it was asked for."""
    if not stage.it:
        live(stage)
    ask(stage, 0, 100_000)
    bid(stage, **terms)


def quoted_late(stage: Stage, **terms: Any) -> None:
    """Let a lender give a flat price for an overdue part."""
    live(stage, days=3)
    wait(stage, 3)
    close(stage)
    quoted(stage, flat=5, **terms)


def priced(stage: Stage) -> None:
    """Compute a price that nobody gives."""
    stage.price = make_price(stage)


def make_price(stage: Stage, **terms: Any) -> Body:
    """Return the price of the row's part: bank discount at 4.5 % on ACT/360.

    Names of its fields change them; ``plus_net`` and the like miss a figure.
    """
    off = {name[5:]: terms.pop(name) for name in list(terms) if name[:5] == "plus_"}
    days = terms.pop("pay_days", 2)
    if terms.pop("absurd", 0):
        terms |= dict.fromkeys(("discount_minor", "net_minor", "price_minor"), 1)
        terms |= {"from_date": "2020-01-02", "rate_ppm": 1_000_000}
    if "flat" in terms:
        terms |= {"discount_minor": terms.pop("flat"), "method": "flat", "rate_ppm": 0}
    price = {
        "aware_overdue": bool(terms.pop("aware", 0)),
        "basis": "act360",
        "from_date": stage.day(terms.pop("from_days", 0)),
        "method": "bank_discount",
        "pay_by_ms": stage.next_ms + days * DAY_MS + terms.pop("ms", 0),
        "rate_ppm": 45_000,
        "recourse": "without",
        "way": "account",
        **terms,
    }
    face = stage.part[1] - stage.part[0]
    bare = price.pop("no_fees", 0)
    figures = price_of(stage, face, price)
    price |= {name: figures[name] for name in figures if name not in terms}
    if bare:
        price["fees"] = []
    for name, more in off.items():
        price["rate_ppm" if name == "rate" else f"{name}_minor"] += more
    return price


def price_of(stage: Stage, face: int, price: Body) -> Body:
    """Return discount, fees, net and price by the formulas as they are written."""
    record = stage.record_of()
    discount = price.get("discount_minor", 0)
    if price["method"] != "flat":
        days = max(0, days_between(price["from_date"], record["adjusted_date"]))
        base = 365 if price["basis"] == "act365f" else 360
        part, whole = price["rate_ppm"] * days, 1_000_000 * base
        if price["method"] == "true_discount":
            whole += part
        discount = (2 * face * part + whole) // (2 * whole)
    fees = [
        {
            "amount_minor": fee["fixed_minor"]
            + (2 * face * fee["ppm"] + 1_000_000) // 2_000_000,
            **{name: fee[name] for name in ("name", "payee", "payer")},
        }
        for fee in stage.read("programme", record["programme"]).get("fees", [])
    ]
    paid = {
        side: sum(fee["amount_minor"] for fee in fees if fee["payer"] == side)
        for side in ("seller", "buyer")
    }
    return {
        "discount_minor": discount,
        "fees": fees,
        "net_minor": face - discount - paid["seller"],
        "price_minor": face - discount + paid["buyer"],
    }


def days_between(start: str, end: str) -> int:
    """Return the days from one date to another."""
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


def bid(
    stage: Stage,
    n: int = 0,
    by: str = "",
    *,
    days: int = 1,
    until_ms: int = 0,
    lo: int = 0,
    hi: int = 0,
    of: str = "",
    seller: str = "alpha",
    **terms: Any,
) -> None:
    """Give a firm price on the n-th request; ``lo`` and ``hi`` misread its part."""
    part = stage.part
    stage.price = make_price(stage, **terms)
    body = {
        "part": {"hi": part[1] + hi, "lo": part[0] + lo},
        "price": stage.price,
        "receivable": digest_of(of) if of else stage.it,
        "request": stage.requests[n] if stage.requests else digest_of("none"),
        "seller": stage.id_of(seller),
        "until_ms": stage.next_ms + days * DAY_MS + until_ms,
    }
    stage.quote = stage.act("sale.quote", body, **stage.as_members(by))
    stage.deadline_ms = body["until_ms"]


def buy(
    stage: Stage,
    buyer: str = "lender",
    by: str = "",
    *,
    tile: int = 0,
    lo: int = 0,
    hi: int = 0,
    rev: int = 0,
    of: str = "",
    registered: int = 0,
    **changes: Any,
) -> None:
    """Let the seller take the row's quote; changes are made to its price."""
    part = stage.part
    found = stage.input(stage.it, tile)
    body = {
        "buyer": stage.id_of(buyer),
        "input": {**found, "rev": found["rev"] + rev},
        "part": {"hi": part[1] + hi, "lo": part[0] + lo},
        "price": {**stage.price, **changes},
        "quote": stage.quote or digest_of("none"),
        "receivable": digest_of(of) if of else stage.it,
    }
    if registered:
        body["registration"] = {
            "date": stage.day(0),
            "number": "77",
            "registry": "central",
            "search": digest_of("search"),
        }
    stage.deal_id = stage.act("sale.take", body, **stage.as_members(by))
    stage.deadline_ms = stage.price["pay_by_ms"]


def sold(stage: Stage, lo: int = 0, hi: int = 100_000, **terms: Any) -> None:
    """Let a part be asked for, quoted and taken; nothing is paid yet."""
    if not stage.it:
        live(stage)
    to, registered = terms.pop("to", "lender"), terms.pop("registered", 0)
    tile = terms.pop("tile", 0)
    ask(stage, lo, hi, to, tile=tile)
    bid(stage, **terms)
    buy(stage, to, tile=tile, registered=registered)


def pause_until(stage: Stage, after_ms: int) -> None:
    """Set the clock to the last deadline and so many ms beyond, doing nothing."""
    stage.time = stage.deadline_ms + after_ms


def price(
    stage: Stage,
    off: int = 0,
    key: str = "p1",
    *,
    payer: str = "lender",
    names: str = "id",
    by: str = "",
    **fields: Any,
) -> None:
    """Let the bank attest the price of the row's deal, wrong by so much.

    ``names`` says how the reference is written: its id, short, or in capitals.
    """
    made = stage.read("deal", stage.deal_id)
    texts = {"id": made["id"], "short": made["reference"]}
    texts["capitals"] = made["reference"].upper()
    texts["spaced"] = f"{made['reference'][:8]} {made['reference'][8:]}"
    named = {} if payer == "nobody" else {"payer": stage.id_of(payer)}
    amount = made["price_minor"] + off
    reference = texts.get(names, names)
    fields |= {"reference": reference, **named}
    entry(stage, "receipt", amount, key, by=by, **fields)


def own_price(stage: Stage, payer: str, by: str = "") -> None:
    """Let a bank that also lends attest a price on its own account."""
    price(stage, payer=payer, attester="lbank", by=by)


def bought(stage: Stage, lo: int = 0, hi: int = 100_000, **terms: Any) -> None:
    """Let a part be sold and its price be attested."""
    sold(stage, lo, hi, **terms)
    price(stage, 0, f"p{lo}", payer=terms.get("to", "lender"))


def price_back(stage: Stage, off: int = 0, key: str = "r1") -> None:
    """Let the bank take the price back, or all of it but so much."""
    stage.receipt = stage.read("deal", stage.deal_id)["receipt"]
    amount = stage.read("receipt", stage.receipt)["amount_minor"]
    reverse(stage, amount + off, key)


def send_price(stage: Stage) -> None:
    """Let the payouts of the row's deal be sent to the bank."""
    for item in stage.read("deal", stage.deal_id)["payouts"]:
        stage.payout = item
        instruct(stage)


def pay_now(stage: Stage, amount: int) -> None:
    """Let the debtor pay so much at once, before the due date."""
    receive(stage, amount, "d1", names="it")
    pay_early(stage)


def got(stage: Stage, off: int = 0, by: str = "", *, short: int = 0) -> None:
    """Let the payee sign that it has the price, less a named shortfall."""
    item = stage.deal_id or digest_of("none")
    net = stage.read("deal", item)["net_minor"] if stage.deal_id else 1
    body: Body = {"deal": item, "received_minor": net + off}
    if short:
        body["shortfall"] = {"amount_minor": short, "reason": "bank charges"}
    stage.act("deal.received", body, **stage.as_members(by))


def owed_got(stage: Stage, off: int = 0, *, short: int = 0) -> None:
    """Let the seller sign that it has what the buyer still owed it."""
    owed = stage.read("deal", stage.deal_id)["owed_minor"]
    body: Body = {"deal": stage.deal_id, "received_minor": owed + off}
    if short:
        body["shortfall"] = {"amount_minor": short, "reason": "bank charges"}
    stage.act("deal.received", body)


def end_deal(stage: Stage, by: str = "") -> None:
    """Let both sides end the row's deal."""
    stage.act("deal.cancel", {"deal": stage.deal_id}, **stage.as_members(by))


# -- what is read instead of a code ----------------------------------------------------


def deal_state(stage: Stage) -> str:
    """Return the state of the row's deal, and why it lapsed."""
    made = stage.read("deal", stage.deal_id)
    return " ".join([made["state"], made.get("reason", "")]).strip()


def paid_out(stage: Stage, purpose: str) -> str:
    """Return the payouts of a purpose from the row's account, as name:amount."""
    rows = [
        f"{stage.name_of(row['payee']) if row['payee'] else '?'}:{row['amount_minor']}"
        for row in stage.scan("payouts", stage.account)
        if row["purpose"] == purpose
    ]
    return "+".join(sorted(rows)) or "none"


def origin(stage: Stage, lo: int = 0) -> str:
    """Return holder and transferors of the tile at a position."""
    tile = stage.read("tile", str(lo), stage.it)
    links = [
        f"{stage.name_of(link['member'])}/{link['recourse']}" for link in tile["chain"]
    ]
    return " < ".join([stage.name_of(tile["holder"]), *reversed(links)])


def order_taken(stage: Stage) -> str:
    """Return what the row's order has taken of the amount it names."""
    return str(stage.record_of("order")["taken_minor"])


def figure(stage: Stage, name: str) -> str:
    """Return a figure of the row's deal, without its unit."""
    return str(stage.read("deal", stage.deal_id)[f"{name}_minor"])


def filed(stage: Stage, change: str = "discharged", by: str = "") -> None:
    """Let the buyer note what became of the registry record of the row's deal."""
    body = {
        "change": change,
        "date": stage.day(0),
        "deal": stage.deal_id or digest_of("none"),
        "number": "78",
        "registry": "central",
    }
    stage.act("deal.register", body, **stage.as_members(by))
