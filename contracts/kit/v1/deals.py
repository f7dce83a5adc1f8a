"""Deals: a price is paid first, then units move. One engine for four purposes.

A deal locks its part until a pay-by moment. The price is paid to the
programme's settlement account under the deal's reference, or directly; then
only the payee's signature counts. Money that does not fit goes back to where
it came from, and nothing moves. A lapsed deal keeps its record, so that a
price that still comes is known.
"""

from contracts.kit.v1.allocation import release_unassigned, suspend
from contracts.kit.v1.books import (
    add_claim,
    cancel_failed,
    cancel_price,
    keep_claim,
    list_cuts,
    move_books,
    owed_to,
    pay_out,
    pay_small_sums,
    take_back,
    unpay_line,
)
from contracts.kit.v1.calendars import date_of_ms, ms_of_date
from contracts.kit.v1.days import record_date
from contracts.kit.v1.exposure import move_exposure
from contracts.kit.v1.notice import notice_days
from contracts.kit.v1.numbers import normalise_number
from contracts.kit.v1.owed import (
    discharge,
    is_disputed,
    is_due,
    is_open,
    keep_recallable,
    owe_again,
    today,
)
from contracts.kit.v1.parts import (
    cut_part,
    end_deal,
    lock_tile,
    move_part,
    release_locks,
    reopen_units,
    retire_units,
    return_tile,
    unlock_tile,
)
from contracts.kit.v1.passing import check_part, check_record_date, owes_back
from contracts.kit.v1.records import LIVE, UNSENT, group_key
from contracts.kit.v1.relations import is_related
from contracts.kit.v1.rule import INTEGER_MAX, Context, Record, Signer, order_key
from contracts.kit.v1.standing import (
    find_amount_freeze,
    find_freeze,
    find_hold,
    find_insolvency,
    need_kept,
)
from contracts.kit.v1.terms import settlement_account

DEAL_MS_MAX = 90 * 86_400_000
# What happens to the units when the price is paid: they pass on to the payer,
# go back one step to the payer, or are retired as if the debtor had paid them.
PASS, RETURN, RETIRE = "pass", "return", "retire"
MOVES = {
    "recourse": RETURN,
    "redemption": RETIRE,
    "repurchase": RETURN,
    "sale": PASS,
}


def open_deal(ctx: Context, record: Record, tile: Record, terms: Record) -> Record:
    """Lock a part until its price is paid; return the deal, written.

    Args:
        ctx: the context; the deal's id is its source.
        record: the open receivable.
        tile: a free tile as ``need_free_tile`` returned it; its holder is paid.
        terms: ``purpose``, ``lo``, ``hi``, ``payer``, ``fees`` (rows of name,
            payer, payee, amount_minor), ``price_minor`` (all that the payer
            pays), ``net_minor`` (what the holder gets), ``way`` (account or
            direct), ``pay_by_ms``, ``aware_overdue``; ``recourse`` of a sale;
            more fields are kept as they are.

    Raises:
        Refusal: ``bad_cut``, ``part_too_small``; ``bad_receiver``, the units
            cannot go to the payer; ``record_date``; ``bad_pay_by``; ``bad_price``;
            ``frozen``, an order on an amount would not let them go.
    """
    programme = ctx.need("programme", record["programme"])
    check_part(ctx, record, tile, terms["lo"], terms["hi"])
    recourse = terms.get("recourse", "without")
    if MOVES[terms["purpose"]] == RETURN:
        link = tile["chain"][-1] if tile["chain"] else {"member": ""}
        if link["member"] != terms["payer"]:
            ctx.refuse("bad_receiver", receiver=terms["payer"])
        recourse = link["recourse"]
    check_record_date(ctx, programme, record)
    check_pay_by(ctx, programme, record, terms["pay_by_ms"])
    fees = sum([fee["amount_minor"] for fee in terms["fees"]])
    price = terms["price_minor"]
    if (
        terms["net_minor"] < 1
        or price > INTEGER_MAX
        or terms["net_minor"] + fees != price
    ):
        ctx.refuse("bad_price", price_minor=price)
    if not is_worth(terms):
        need_kept(ctx, record, tile, terms["hi"] - terms["lo"])
    deal = {
        **terms,
        "account": settlement_account(programme),
        "currency": record["currency"],
        "id": ctx.source,
        "kind": "deal",
        "payee": tile["holder"],
        "receivable": record["id"],
        "recourse": recourse,
        "reference": "ALD" + ctx.source[:32],
        "state": "open",
        "tile_lo": tile["lo"],
    }
    ctx.create(deal)
    lock = {
        "hi": deal["hi"],
        "id": deal["id"],
        "kind": "deal",
        "lo": deal["lo"],
        "until": deal["pay_by_ms"],
    }
    lock_tile(ctx, tile, lock)
    ctx.schedule(deal, "lapse", deal["pay_by_ms"] + 1)
    ctx.emit("deal_opened", deal=deal["id"], purpose=deal["purpose"])
    return deal


def check_pay_by(
    ctx: Context, programme: Record, record: Record, pay_by_ms: int
) -> None:
    """Refuse a pay-by that has passed, is far off, or runs into the record date."""
    last = record_date(ctx, programme, record)
    end = ms_of_date(last, programme["offset_minutes"])
    latest = ctx.time + DEAL_MS_MAX
    if ctx.time < end:
        latest = min(latest, end - 1)
    if pay_by_ms <= ctx.time or pay_by_ms > latest:
        ctx.refuse("bad_pay_by", pay_by_ms=pay_by_ms, latest_ms=latest)


def find_deal(ctx: Context, reference: str) -> Record:
    """Return the deal that a reference of a payment names, {} if none.

    Args:
        ctx: the context.
        reference: a deal's id, or its short reference in any case or spacing.
    """
    if len(reference) == 64:
        deal: Record | None = ctx.read("deal", reference)
        return deal or {}
    found = ctx.scan("deal_refs", normalise_number(reference), limit=2)
    return found[0] if len(found) == 1 else {}


def sign_prices(ctx: Context, attester: str, references: list[str]) -> list[Signer]:
    """Return who signs receipts of prices beside the account's attester.

    A buyer that attests its own payment is believed by the seller alone.

    Args:
        ctx: the context.
        attester: of the account.
        references: of the receipts.
    """
    signers: dict[str, Signer] = {}
    for reference in references:
        deal = find_deal(ctx, reference)
        own = deal and deal["state"] == "open" and deal["payee"] != attester
        if own and is_related(ctx, deal["payer"], attester):
            signers[deal["payee"]] = Signer(deal["payee"], "attest")
    return [signers[payee] for payee in sorted(signers)]


def settle_deal(ctx: Context, deal: Record, receipt: Record) -> None:
    """Take an attested price: the units move, or the money goes back.

    Args:
        ctx: the context.
        deal: in any state.
        receipt: written, its money in the account's receipts and nowhere else.
    """
    fault = find_fault(ctx, deal, receipt)
    if fault in ("late", "touched"):
        lapse_deal(ctx, deal, fault)
    if fault:
        refund(ctx, deal, receipt, fault)
        return
    paid = move_deal(ctx, deal, receipt["id"])
    paid["payouts"] = pay_price(ctx, deal)
    ctx.write({**keep_claim(ctx, paid), "receipt": receipt["id"]})
    ctx.write({**receipt, "passed_minor": receipt["amount_minor"]})


def find_fault(ctx: Context, deal: Record, receipt: Record) -> str:
    """Return why an attested price does not move the units, "" if it does."""
    if deal["state"] != "open" or deal["way"] != "account":
        return "not_awaited"
    if ctx.time > deal["pay_by_ms"]:
        return "late"
    if not is_possible(ctx, deal):
        return "touched"
    if receipt["account"] != deal["account"]:
        return "wrong_account"
    if receipt["payer"] not in ("", deal["payer"]):
        return "wrong_payer"
    return "" if receipt["amount_minor"] == deal["price_minor"] else "wrong_amount"


def is_possible(ctx: Context, deal: Record) -> bool:
    """Say whether the units of an open deal can still move."""
    record = ctx.need("receivable", deal["receivable"])
    tile = ctx.read("tile", str(deal["tile_lo"]), deal["receivable"])
    if tile is None or tile["state"] != LIVE or find_freeze(ctx, tile):
        return False
    locked = any(lock["id"] == deal["id"] for lock in tile["locks"])
    if not locked or not is_open(record) or "sweep" in record:
        return False
    how, units = MOVES[deal["purpose"]], deal["hi"] - deal["lo"]
    doubtful = record["state"] not in ("live", "part_paid")
    doubtful = doubtful or (how == PASS and is_disputed(ctx, record, tile))
    if doubtful and not deal["aware_overdue"]:
        return False
    programme = ctx.need("programme", record["programme"])
    if not is_worth(deal) and find_amount_freeze(ctx, record, tile, units):
        return False
    if how == RETIRE and not is_redeemable(ctx, programme, record, units):
        return False
    netted = deal["purpose"] == "recourse" and deal["way"] == "account"
    return not owes_back(ctx, programme, record, tile["holder"], netted=netted)


def is_worth(deal: Record) -> bool:
    """Say whether a deal brings an order on an amount money in place of the units."""
    returns = MOVES[deal["purpose"]] != PASS and deal["way"] == "account"
    return bool(returns and deal["net_minor"] >= deal["hi"] - deal["lo"])


def is_redeemable(ctx: Context, programme: Record, record: Record, units: int) -> bool:
    """Say whether so many units can be retired early, before money already waits.

    What an insolvent debtor pays is not for one holder alone.
    """
    if find_insolvency(ctx, record["debtor"]):
        return False
    coming = record["waiting_minor"] + record["undistributed_minor"]
    return record["live_minor"] - units >= coming and not is_due(ctx, programme, record)


def move_deal(ctx: Context, deal: Record, source: str) -> Record:
    """Move the units of a deal that has been paid; return the deal, not written.

    Args:
        ctx: the context.
        deal: open and possible.
        source: what paid it: the receipt's id, or the deal's.
    """
    unlock_tile(ctx, deal["receivable"], deal["tile_lo"], deal["id"])
    tile = ctx.need("tile", str(deal["tile_lo"]), deal["receivable"])
    how, part = MOVES[deal["purpose"]], (deal["lo"], deal["hi"])
    moved = {**deal, "state": "moved"}
    if how == PASS:
        passed = move_part(ctx, tile, part, deal["payer"], deal["recourse"])
        moved["group"] = group_key(passed)
    elif how == RETURN:
        moved["group"] = group_key(return_tile(ctx, cut_part(ctx, tile, *part)))
    else:
        moved["line"] = redeem(ctx, deal, cut_part(ctx, tile, *part), source)
    ctx.emit(
        "transferred",
        receivable=deal["receivable"],
        lo=deal["lo"],
        hi=deal["hi"],
        giver=deal["payee"],
        receiver=deal["payer"],
    )
    ctx.emit("deal_moved", deal=deal["id"], purpose=deal["purpose"])
    return moved


def redeem(ctx: Context, deal: Record, piece: Record, source: str) -> str:
    """Retire a piece that its debtor has redeemed; return the line's id."""
    units = piece["hi"] - piece["lo"]
    record = ctx.need("receivable", deal["receivable"])
    item = ctx.allocate("line")
    line = {
        "cancelled_minor": 0,
        "claimed_minor": 0,
        "deal": deal["id"],
        "holder": piece["holder"],
        "id": item,
        "interest_minor": 0,
        "kind": "line",
        "order": order_key(record["adjusted_date"], record["confirmed_order"]),
        "principal_minor": units,
        "receipt": source,
        "receivable": record["id"],
        "recourse_class": piece["recourse_class"],
        "reversed_interest_minor": 0,
        "reversed_principal_minor": 0,
        "sweep": deal["id"],
    }
    ctx.create(line)
    retire_units(ctx, piece, units, source, item)
    programme = ctx.need("programme", record["programme"])
    add_retired(ctx, keep_recallable(ctx, programme, record, source), units)
    return item


def add_retired(ctx: Context, record: Record, units: int) -> None:
    """Count units as retired early."""
    after = {
        **record,
        "live_minor": record["live_minor"] - units,
        "retired_minor": record["retired_minor"] + units,
    }
    if record["state"] == "live":
        after["state"] = "part_paid"
    move_exposure(ctx, record, after)
    if not after["live_minor"]:
        after = discharge(ctx, after)
    ctx.write(after)
    pay_small_sums(ctx, after)
    release_unassigned(ctx, record["account"], record["debtor"])


def pay_price(ctx: Context, deal: Record) -> list[str]:
    """Make the payouts of an attested price; return their ids."""
    account = ctx.need("account", deal["account"])
    record = ctx.need("receivable", deal["receivable"])
    date = today(ctx, ctx.need("programme", record["programme"]))
    rows = [(deal["payee"], "price", deal["net_minor"])]
    rows += [(fee["payee"], "fee", fee["amount_minor"]) for fee in deal["fees"]]
    payouts = []
    for payee, purpose, amount in rows:
        if amount:
            like = {"date": date, "deal": deal["id"], "payee": payee}
            payouts += pay_out(ctx, account, {**like, "purpose": purpose}, amount)
    move_books(ctx, account["id"], payable_minor=deal["price_minor"])
    return payouts


def refund(ctx: Context, deal: Record, receipt: Record, reason: str) -> None:
    """Send all of a receipt back to the account it came from.

    Money that an order holds stays in suspense.
    """
    amount = receipt["amount_minor"]
    ctx.emit("price_refunded", deal=deal["id"], amount_minor=amount, reason=reason)
    if find_hold(ctx, receipt):
        suspend(ctx, receipt, amount)
        return
    account = ctx.need("account", receipt["account"])
    like = {
        "date": date_of_ms(ctx.time, 0),
        "deal": deal["id"],
        "payee": receipt["payer"],
        "purpose": "return",
        "receipt": receipt["id"],
    }
    pay_out(ctx, account, like, amount)
    ctx.write({**receipt, "returned_minor": receipt["returned_minor"] + amount})
    move_books(ctx, account["id"], payable_minor=amount)


def lapse_deal(ctx: Context, deal: Record, reason: str) -> None:
    """End an open deal and free its part."""
    unlock_tile(ctx, deal["receivable"], deal["tile_lo"], deal["id"])
    end_deal(ctx, deal["id"], reason)


def undo_deal(ctx: Context, receipt: Record, amount_minor: int) -> int:
    """Answer a price that the bank took back after the units had moved.

    Payouts not sent yet are cancelled. If all of the price is gone and nothing
    was passed on, the units return and what was sent is owed by its payees;
    else the payer owes it and keeps the units: what was sent to the account, what
    was cancelled to whom it was to go; the payee signs when its part has come.

    Returns:
        How much of the payouts was cancelled; the rest is now claimed.

    Raises:
        Refusal: ``sweep_running``.
    """
    deal = ctx.need("deal", receipt["deal"])
    item = deal["receivable"]
    if "sweep" in ctx.need("receivable", item):
        ctx.refuse("sweep_running", receivable=item)
    if MOVES[deal["purpose"]] == RETIRE:
        return undo_redemption(ctx, deal, receipt, amount_minor)
    tiles = []
    if amount_minor == deal["price_minor"]:
        tiles = find_moved(ctx, deal)
    cancelled = 0
    for number in deal["payouts"]:
        part = take_back(ctx, number, amount_minor - cancelled)
        cancelled += part
        payout = ctx.need("payout", number)
        deal = cancel_price(deal, payout, part, owed=not tiles)
    claim = amount_minor - cancelled
    after = {**deal, "claimed_minor": deal.get("claimed_minor", 0) + claim}
    if tiles:
        claim_sent(ctx, deal)
        give_back(ctx, deal, tiles)
        after["state"] = "returned"
    elif claim:
        add_claim(ctx, receipt["account"], item, deal["payer"], claim)
    ctx.write(after)
    ctx.emit("price_reversed", deal=deal["id"], amount_minor=amount_minor)
    return cancelled + cancel_parties(ctx, deal, receipt["account"])


def cancel_parties(ctx: Context, deal: Record, account: str) -> int:
    """Cancel lost money that came back to who may owe a deal's price now."""
    parties = [deal["payer"], deal["payee"], *[fee["payee"] for fee in deal["fees"]]]
    return sum([cancel_failed(ctx, account, member) for member in parties])


def claim_sent(ctx: Context, deal: Record) -> None:
    """Let payees owe what they were sent of a price that is gone, or owed before."""
    if "kept_minor" in deal:
        place = (deal["account"], deal["receivable"], deal["payee"])
        add_claim(ctx, *place, deal["kept_minor"])
    for number in deal["payouts"]:
        for payout in list_cuts(ctx, number):
            if payout["amount_minor"] and payout["state"] not in UNSENT:
                place = (payout["account"], deal["receivable"], payout["payee"])
                add_claim(ctx, *place, payout["amount_minor"])


def undo_redemption(
    ctx: Context, deal: Record, receipt: Record, amount_minor: int
) -> int:
    """Let a debtor owe again what its bank took back, by its part of the price."""
    price, units = deal["price_minor"], deal["hi"] - deal["lo"]
    back = price - receipt["passed_minor"] + amount_minor
    line = ctx.need("line", deal["line"])
    again = -(-units * back // price) - line["reversed_principal_minor"]
    waited = notice_days(ctx, ctx.need("receivable", deal["receivable"]))
    rest = again
    for tile in ctx.scan("retired", deal["line"], limit=1_000_000):
        part = min(rest, tile["hi"] - tile["lo"])
        if part:
            reopen_units(ctx, tile, part, waited)
            rest -= part
    record = ctx.need("receivable", deal["receivable"])
    reopened = {**record, "live_minor": record["live_minor"] + again}
    reopened["retired_minor"] = record["retired_minor"] - again
    owe_again(ctx, record, reopened, receipt["value_date"])
    back_units = line["reversed_principal_minor"] + again
    ctx.write({**line, "reversed_principal_minor": back_units})
    cancelled = 0
    for number in deal["payouts"]:
        cancelled += take_back(ctx, number, amount_minor - cancelled)
    claim = amount_minor - cancelled
    if claim:
        item = deal["receivable"]
        add_claim(ctx, receipt["account"], item, deal["payee"], claim)
    state = "returned" if back == price else deal["state"]
    after = {
        **deal,
        "cancelled_minor": deal.get("cancelled_minor", 0) + cancelled,
        "claimed_minor": deal.get("claimed_minor", 0) + claim,
        "state": state,
    }
    ctx.write(after)
    ctx.emit("price_reversed", deal=deal["id"], amount_minor=amount_minor)
    return cancelled + cancel_parties(ctx, deal, receipt["account"])


def repay_sellers(
    ctx: Context, account: Record, like: Record, receivable: str, amount_minor: int
) -> int:
    """Pay sellers, then their fees, what a holder is due and owes of their prices.

    Args:
        ctx: the context.
        account: what the holder would be paid from.
        like: its payout, and the line that pays it.
        receivable: what the money is for.
        amount_minor: what it is due.

    Returns:
        What went to them.
    """
    rest = amount_minor
    owing = like["payee"] + "/" + receivable
    if not ctx.count_rows("owing", owing):
        return 0
    names = ("date", "discharges", "line")
    kept: Record = {name: like[name] for name in names if name in like}
    for deal in ctx.scan("owing", owing):
        price = [{"payee": deal["payee"], "purpose": "price"}]
        price += [{"payee": fee["payee"], "purpose": "fee"} for fee in deal["fees"]]
        left = deal
        for part in price:
            taken = min(rest, owed_to(left, part))
            if taken:
                pay_out(ctx, account, {**kept, **part, "deal": deal["id"]}, taken)
                left = cancel_price(left, part, -taken)
                rest -= taken
        ctx.write(left)
    return amount_minor - rest


def unpay_sellers(ctx: Context, line: Record, amount_minor: int) -> int:
    """Let a holder owe its prices again, as far as its line paid and did not send them.

    Returns:
        How much of their payouts was cancelled.
    """
    taken = 0
    for payout in ctx.scan("repaid", line["id"]):
        part = take_back(ctx, payout["id"], amount_minor - taken)
        if part:
            unpay_line(ctx, line, payout, part)
            taken += part
    return taken


def find_moved(ctx: Context, deal: Record) -> list[Record]:
    """Return the tiles a deal moved if all are still where it put them, else []."""
    found, units = [], 0
    group = deal["group"]
    for tile in ctx.scan("live", deal["receivable"], group + "/", 1_000_000):
        if group_key(tile) != group or tile["lo"] >= deal["hi"]:
            break
        common = min(tile["hi"], deal["hi"]) - max(tile["lo"], deal["lo"])
        if common > 0 and not find_freeze(ctx, tile):
            found.append(tile)
            units += common
    return found if units == deal["hi"] - deal["lo"] else []


def give_back(ctx: Context, deal: Record, tiles: list[Record]) -> None:
    """Move the units of a deal back to where they came from."""
    how = MOVES[deal["purpose"]]
    for tile in tiles:
        lo, hi = max(tile["lo"], deal["lo"]), min(tile["hi"], deal["hi"])
        free = release_locks(ctx, tile)
        if how == PASS:
            return_tile(ctx, cut_part(ctx, free, lo, hi))
        else:
            move_part(ctx, free, (lo, hi), deal["payee"], deal["recourse"])
    ctx.emit(
        "transferred",
        receivable=deal["receivable"],
        lo=deal["lo"],
        hi=deal["hi"],
        giver=deal["payer"],
        receiver=deal["payee"],
    )
