"""Where the money of a block went, held against orders, claims and what was sent.

Sums may add up and still be paid to one who owes it back, past an order, or
claimed of one who never had it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from ledger.books import UNSENT, Sums, compare, line_back, line_paid, sum_by, wrong
from ledger.encoding import JSONObject
from ledger.state import scan_records
from ledger.sweepcheck import (
    group_name,
    is_contested,
    late_days,
    split,
    walk_tiles,
)
from ledger.written import Block

# Of a group's retired units no more tiles count for what frozen ones earned.
RETIRED_MAX: Final = 2000


def check_paid(block: Block) -> None:
    """Return if a block paid, claimed and cancelled what it had to.

    Raises:
        LedgerError: ``books_wrong``, naming the invariant and the record.
    """
    _check_claims(block)
    _check_cancelled(block)
    _check_charges(block)
    _check_orders(block)


def _check_claims(block: Block) -> None:
    """I9: nobody is paid on what it owes money back on."""
    rows = [row for pair in block.writes["claim"] for row in pair if row is not None]
    touched = {(row["scope"], row["id"]) for row in rows}
    for line in block.new("line"):
        if "deal" in line or "payout" not in line:
            continue
        record = block.read("receivable", line["receivable"])
        place = (record.get("account", ""), f"{record.get('id')}/{line['holder']}")
        owed = block.read("claim", place[1], place[0]).get("amount_minor", 0)
        # One that the block wrote may have been raised after the line.
        if owed and place not in touched:
            raise wrong("I9", line["id"], f"{owed} of it kept", line["claimed_minor"])


def _check_charges(block: Block) -> None:
    """I9: what banks kept is claimed of a payee only as its programme says."""
    for line in block.new("line"):
        payout = block.read("payout", line.get("payout", ""))
        if payout and "deal" not in line:
            record = block.read("receivable", line["receivable"])
            terms = block.read("programme", record["programme"])
            bears = terms.get("charges_to", "owner")
            if payout["charges_to"] != bears:
                raise wrong("I9", payout["id"], f"charges to {bears}", "others")
    for was, entry in block.left("entry"):
        charged = entry.get("charged_minor", 0)
        if charged > was.get("charged_minor", 0):
            kept = entry["amount_minor"] if entry["type"] == "charge" else 0
            ends = scan_records(block.view, "attempts", entry.get("end_to_end", ""))
            bears_it = any(payout["charges_to"] == "payee" for payout in ends)
            most = entry.get("charges_minor", kept) if bears_it else 0
            if charged > most:
                raise wrong("I9", entry["id"], f"at most {most} claimed", charged)


# What was taken back in part by a claim, and the payouts it had been paid with.
Taken = tuple[str, list[str]]


def _check_cancelled(block: Block) -> None:
    """I9: what is taken back is cancelled where unsent, and claimed where it was sent.

    Where a payout was sent or came back in the same block, nobody can say which.
    """
    for was, after in block.changed("payout"):
        same = was["state"] not in UNSENT and was["outcomes"] == after["outcomes"]
        if same and after["amount_minor"] < was["amount_minor"]:
            least = f"{was['amount_minor']}, since it was sent"
            raise wrong("I9", after["id"], least, after["amount_minor"])
    claimed = list(_list_claimed(block))
    credited = sum_by(
        block.new("line"),
        lambda line: line.get("payout", ""),
        lambda line: line_paid(line) - line["claimed_minor"],
    )
    for item, payouts in claimed:
        for payout in payouts:
            left = _count_unsent(block, payout, credited)
            if left > 0:
                raise wrong("I9", item, f"{left} of {payout} cancelled", "a claim")


def _list_claimed(block: Block) -> Iterator[Taken]:
    for was, line in block.changed("line"):
        left = line_back(line) - line_back(was)
        left -= line["cancelled_minor"] - was["cancelled_minor"]
        whole = line_paid(line) - line["claimed_minor"] - line["cancelled_minor"]
        if left > 0 and whole and "payout" in line:
            yield line["id"], [line["payout"]]
    for was, receipt in block.changed("receipt"):
        if receipt.get("recalled_minor", 0) > was.get("recalled_minor", 0):
            refunds = scan_records(block.view, "refunds", receipt["id"])
            yield receipt["id"], [payout["id"] for payout in refunds]
        fell = was.get("passed_minor", 0) - receipt.get("passed_minor", 0)
        if fell > 0:
            yield from _claimed_price(block, receipt["deal"], fell)


def _claimed_price(block: Block, item: str, fell: int) -> Iterator[Taken]:
    """Yield a deal of whose price more was taken back than was cancelled."""
    for was, deal in block.changed("deal"):
        if deal["id"] == item:
            cancelled = deal.get("cancelled_minor", 0) - was.get("cancelled_minor", 0)
            # What is paid on the same receivable may go to its seller instead.
            lines = (line["receivable"] for line in block.new("line"))
            if cancelled < fell and deal["receivable"] not in lines:
                yield item, deal["payouts"]


def _count_unsent(block: Block, item: str, credited: Sums) -> int:
    """Return what is unsent of a payout and its cuts but for what a block credited."""
    origin = block.read("payout", item).get("origin", item)
    whole, left = block.read("payout", origin), 0
    for payout in (whole, *scan_records(block.view, "cuts", origin)):
        was = block.was("payout", payout["id"])
        if not was and payout is whole:
            return 0
        if was and was["outcomes"] != payout["outcomes"]:
            return 0
        if payout["state"] in UNSENT:
            left += payout["amount_minor"] - credited[payout["id"]]
    return left


def _check_orders(block: Block) -> None:
    """Money for whom an order stands on is not paid as if there were none."""
    if not any(block.view.entries(("all", "standing"), "", 1)):
        return
    pledged = {line.get("payout") for line in block.new("line") if "pledge" in line}
    for was, payout in block.left("payout"):
        item, amount = payout["id"], payout["amount_minor"]
        sent = len(payout["attempts"]) > len(was.get("attempts", []))
        grown = amount > was.get("amount_minor", 0)
        if "order" not in payout and (sent or grown):
            for order in _orders_on(block, payout):
                taken = order["taken_minor"]
                left = order.get("limit_minor", taken + 1) > taken
                free = item in pledged and not order["pledged"]
                if left and (sent or not free):
                    raise wrong("orders", item, order["id"], amount)
    _check_locks(block)
    _check_frozen(block)


def _check_locks(block: Block) -> None:
    """A payout remembers the orders on the units that earned it."""
    for was, after in block.changed("payout"):
        compare("orders", after["id"], was.get("locks"), after.get("locks"))
    for line in block.new("line"):
        payout = block.read("payout", line.get("payout", ""))
        for tile in scan_records(block.view, "retired", line["id"]) if payout else ():
            for lock in block.freezes(tile):
                known = lock["id"] in payout.get("locks", ())
                if not known and block.binds(lock["id"]):
                    raise wrong("orders", line["id"], lock["id"], "no trace of it")


def _check_frozen(block: Block) -> None:
    """Frozen units get of their group's late interest what they earned, by days."""
    paid: dict[str, list[JSONObject]] = defaultdict(list)
    for line in block.new("line"):
        if "deal" not in line:
            paid[line["sweep"]].append(line)
    sweeps = [block.read("sweep", item) for item in paid]
    tiles: dict[str, list[JSONObject]] = {}
    # Of several on one receivable the last comes first: it is undone for the others.
    for sweep in sorted(sweeps, key=lambda row: str(row["order"]), reverse=True):
        item, own = sweep["receivable"], paid[sweep["id"]]
        if not block.read("standing", item):
            continue
        record = block.read("receivable", item)
        ids = {line["id"] for line in own}
        met = [
            {**tile, "state": "live"} if tile.get("line") in ids else tile
            for tile in tiles.get(item) or walk_tiles(block.view, record)
        ]
        tiles[item] = met
        programme = block.read("programme", record["programme"])
        names = {group_name(line) for line in own if line["interest_minor"]}
        for name in sorted(names):
            group = [line for line in own if group_name(line) == name]
            mine = [tile for tile in met if group_name(tile) == name]
            mine.sort(key=lambda tile: (not is_contested(sweep, tile), tile["lo"]))
            weights = _weigh_frozen(block, programme, record, sweep, mine)
            _check_parts(block, group, weights)


# By the orders on units: unit-days, and units.
Weights = dict[tuple[str, ...], tuple[int, int]]


def _weigh_frozen(
    block: Block,
    programme: JSONObject,
    record: JSONObject,
    sweep: JSONObject,
    tiles: list[JSONObject],
) -> Weights:
    """Return for how long the units of a group bore interest, by orders on them."""
    weights: Weights = {}
    live = [tile for tile in tiles if tile["state"] == "live"]
    retired = [tile for tile in tiles if tile["state"] == "retired"]
    for tile in (*live, *retired[:RETIRED_MAX]):
        paid_by = sweep
        if tile["state"] == "retired":
            paid_by = block.read("receipt", tile["receipt"])
        # What was paid directly bore none.
        date = paid_by.get("value_date") or record["adjusted_date"]
        days, units = late_days(programme, record, date), tile["hi"] - tile["lo"]
        binding = tuple(sorted(lock["id"] for lock in block.freezes(tile)))
        before = weights.get(binding, (0, 0))
        weights[binding] = (before[0] + units * days, before[1] + units)
    return weights


def _check_parts(block: Block, lines: list[JSONObject], weights: Weights) -> None:
    """Return if no units got more of a group's interest than is theirs."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in lines if len(weights) > 1 else ():
        if "payout" in line:
            payout = block.read("payout", line["payout"])
            found[tuple(payout.get("locks", ()))] += line["interest_minor"]
    by_days = any(days for days, _ in weights.values())
    # Of what does not divide, frozen units get the more.
    names = sorted(weights, key=lambda name: not name)
    rows = [
        ("/".join(name), place, weights[name][not by_days])
        for place, name in enumerate(names)
    ]
    total = sum(line["interest_minor"] for line in lines)
    shares = split(total, rows)
    for name, amount in found.items():
        most = shares.get("/".join(name), 0)
        if amount > most:
            raise wrong("orders", lines[0]["id"], f"at most {most}", amount)


def _orders_on(block: Block, payout: JSONObject) -> Iterator[JSONObject]:
    """Yield what binds a payout's money and stands as it stood before the block."""
    found = [*payout.get("locks", ())]
    for name in ("payee", "account", "receipt"):
        found += block.read("standing", payout.get(name, "")).get("orders", ())
    for item in found:
        order = block.read("order", item)
        same = order.get("currency", payout["currency"]) == payout["currency"]
        if same and not block.written("order", item) and block.binds(item):
            yield order
