"""What a block wrote, held against what was signed in it.

Rules may add everything up and still give a part to somebody nobody named. So
the holders, the faces, the bank's entries, the prices and the payout accounts
that a block leaves behind are looked up in the acts that are said to have made
them; and money that an order or a claim takes did not go elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ledger.dealcheck import compare, wrong
from ledger.encoding import JSONObject
from ledger.ordercheck import UNSENT
from ledger.sealing import Candidate
from ledger.state import Layer, read_record, scan_records
from ledger.sweepcheck import (
    group_name,
    is_contested,
    late_days,
    share_out,
    walk_tiles,
)
from ledger.transactions import Transaction

# Of a group's retired units no more tiles count for what frozen ones earned.
RETIRED_MAX: Final = 2000
UNIT_SUMS: Final = ("live_minor", "retired_minor", "reduced_minor")
STATED: Final = ("amount_minor", "booking_date", "value_date")


class Written(NamedTuple):
    """A record that a block wrote, as it was before and is after."""

    before: JSONObject | None
    after: JSONObject | None


class _Block(NamedTuple):
    """A block looked at.

    Attributes:
        view: the state after it.
        time: UTC milliseconds.
        acts: what was accepted in it.
        passed: receivable, and from whom to whom its units may have passed, since
            both signed one act on it, one offered and the other signed, or by a deal.
        writes: by kind.
    """

    view: Layer
    time: int
    acts: list[Transaction]
    passed: set[tuple[str, str, str]]
    writes: dict[str, list[Written]]


def check_signed(candidate: Candidate) -> None:
    """Return if what a block wrote follows from acts that were accepted.

    Args:
        candidate: the executed block.

    Raises:
        LedgerError: ``books_wrong``, naming the invariant and the record.
    """
    if candidate.header is None:
        return
    layer = candidate.layer
    writes: dict[str, list[Written]] = defaultdict(list)
    for key, before in layer.before.items():
        after = layer.after.get(key)
        kind = (after or before or {}).get("kind", "")
        writes[kind].append(Written(before, after))
    receipts = zip(candidate.transactions, candidate.receipts, strict=True)
    acts = [act for act, receipt in receipts if receipt["code"] == "ok"]
    on = [(str(act.body.get("receivable")), act) for act in acts]
    passed = {(item, one, two) for item, act in on for one in act.by for two in act.by}
    named = {
        (item, one, str(act.body["receiver"]))
        for item, act in on
        if isinstance(act.body.get("receiver"), str)
        for one in act.by
    }
    for offer, _ in writes["offer"]:
        if offer is not None:
            named.add((offer["receivable"], offer["giver"], offer["receiver"]))
    passed |= {row for row in named if (row[0], row[2], row[2]) in passed}
    for _, deal in writes["deal"]:
        if deal is not None:
            sides = (deal["payee"], deal["payer"])
            passed |= {(deal["receivable"], *sides), (deal["receivable"], *sides[::-1])}
    block = _Block(layer, candidate.header.time, acts, passed, writes)
    _check_holders(block)
    _check_faces(block)
    _check_closings(block)
    _check_entries(block)
    _check_accounts(block)
    _check_prices(block)
    _check_claims(block)
    _check_cancelled(block)
    _check_orders(block)


def _new(block: _Block, kind: str) -> Iterator[JSONObject]:
    for before, after in block.writes.get(kind, ()):
        if before is None and after is not None:
            yield after


def _changed(block: _Block, kind: str) -> Iterator[tuple[JSONObject, JSONObject]]:
    for before, after in block.writes.get(kind, ()):
        if before is not None and after is not None:
            yield before, after


# -- units -----------------------------------------------------------------------------


def _check_holders(block: _Block) -> None:
    """I3: units pass from their holder to whom it named, and never while frozen."""
    old: dict[str, list[JSONObject]] = defaultdict(list)
    new: dict[str, list[JSONObject]] = defaultdict(list)
    for before, after in block.writes.get("tile", ()):
        for tile, side in ((before, old), (after, new)):
            if tile is not None:
                side[tile["scope"]].append(tile)
    for item, tiles in new.items():
        was = sorted(old.get(item, ()), key=_lo)
        record = read_record(block.view, "receivable", item) or {}
        first: JSONObject = {"holder": record.get("supplier"), "locks": []}
        for tile, under in _over(sorted(tiles, key=_lo), was):
            before = {**tile, **first} if under is None else under
            if before["holder"] != tile["holder"]:
                _check_passing(block, before, tile)


def _over(
    tiles: list[JSONObject], was: list[JSONObject]
) -> Iterator[tuple[JSONObject, JSONObject | None]]:
    """Yield each tile with each that lay where it lies, None if none did."""
    place = 0
    for tile in tiles:
        while place < len(was) and was[place]["hi"] <= tile["lo"]:
            place += 1
        at = place
        while at < len(was) and was[at]["lo"] < tile["hi"]:
            yield tile, was[at]
            at += 1
        if at == place:
            yield tile, None


def _lo(tile: JSONObject) -> int:
    return int(tile["lo"])


def _check_passing(block: _Block, was: JSONObject, tile: JSONObject) -> None:
    giver, receiver = was["holder"], tile["holder"]
    lo, hi = max(was["lo"], tile["lo"]), min(was["hi"], tile["hi"])
    item = f"{tile['scope']}/{lo}"
    for lock in was["locks"]:
        held = lock["kind"] == "freeze" and lock["lo"] < hi and lo < lock["hi"]
        if held and _binds(block, lock["id"]) and lock["until"] >= block.time:
            raise wrong("I3", item, f"frozen by {lock['id']}", receiver)
    scope = tile["scope"]
    if (scope, giver, receiver) in block.passed:
        return
    reached, before = {giver}, 0
    # In one block it may have passed through several hands.
    while len(reached) > before and receiver not in reached:
        before = len(reached)
        reached |= {
            two for at, one, two in block.passed if at == scope and one in reached
        }
    if receiver not in reached:
        raise wrong("I3", item, f"signed by {giver}", f"passed to {receiver}")


def _binds(block: _Block, order: str) -> bool:
    """Say whether an order that stood before the block still binds after it."""
    record = read_record(block.view, "order", order)
    if record is None or record["state"] != "in_force":
        return False
    own = [w for w in block.writes.get("order", ()) if w.after == record]
    return bool(record["until_ms"] >= block.time and all(w.before for w in own))


# -- what is stated --------------------------------------------------------------------


def _rows(body: object) -> Iterator[JSONObject]:
    """Yield all objects in a body."""
    if isinstance(body, dict):
        yield body
        for value in body.values():
            yield from _rows(value)
    elif isinstance(body, list):
        for value in body:
            yield from _rows(value)


def _said(acts: Iterable[Transaction]) -> Iterator[JSONObject]:
    for act in acts:
        yield from _rows(act.body)


def _check_faces(block: _Block) -> None:
    """I2: what a receivable goes live with was agreed to in the block."""
    stated = {
        (str(act.body.get("receivable")), str(act.body.get("face_minor")))
        for act in block.acts
    }
    for before, after in block.writes.get("receivable", ()):
        if after is None or not any(after[name] for name in UNIT_SUMS):
            continue
        if before is not None and any(before[name] for name in UNIT_SUMS):
            continue
        face = after["face_minor"]
        if (after["id"], str(face)) not in stated:
            raise wrong("I2", after["id"], "a face that was signed", face)


def _check_closings(block: _Block) -> None:
    """I11: what is closed is given up by all who hold it, each in an act of its own."""
    signed = {(act.body.get("receivable"), one) for act in block.acts for one in act.by}
    for _, agreed in block.writes.get("closing", ()):
        if agreed is not None and (agreed["scope"], agreed["id"]) not in signed:
            raise wrong("I11", agreed["scope"], "signed by a holder", agreed["id"])
    for before, after in block.writes.get("receivable", ()):
        if after is None or before is None or after["state"] != "closed":
            continue
        if before["state"] == "closed":
            # What is owed again nobody has given up.
            compare("I11", after["id"], before["live_minor"], after["live_minor"])
            continue
        held: dict[str, int] = defaultdict(int)
        for tile in scan_records(block.view, "live", after["id"]):
            held[tile["holder"]] += tile["hi"] - tile["lo"]
        for holder, units in held.items():
            agreed = read_record(block.view, "closing", holder, after["id"])
            given = agreed["units_minor"] if agreed else 0
            compare("I11", after["id"], units, min(units, given))


def _check_entries(block: _Block) -> None:
    """I8: entries are as stated, and nothing stated is lost."""
    stated: dict[str, list[JSONObject]] = defaultdict(list)
    for row in _said(block.acts):
        if "key" in row and "amount_minor" in row:
            stated[row["key"]].append(row)
    for entry in _new(block, "entry"):
        rows = stated[entry["key"]]
        found = [row for row in rows if _is_stated(entry, row)]
        if not found:
            raise wrong("I8", entry["id"], "as attested", entry["amount_minor"])
        rows.remove(found[0])
    for key, rows in stated.items():
        if rows:
            raise wrong("I8", key, "an entry", "none")


def _is_stated(entry: JSONObject, row: JSONObject) -> bool:
    """Say whether an entry is what a row of an act says; a reversal has no class."""
    same = row.get("type", entry["type"]) == entry["type"]
    return same and all(row.get(name) == entry.get(name) for name in STATED)


def _check_accounts(block: _Block) -> None:
    """I8: an account that is paid from or to is one that somebody named."""
    known: set[object] = set()
    for kind in ("payout_account", "account"):
        for before, after in block.writes.get(kind, ()):
            new = _commitments(after) - _commitments(before)
            if new and not known:
                known = {row.get("commitment") for row in _said(block.acts)}
            if not new <= known:
                found = min(str(it) for it in new if it not in known)
                raise wrong("I8", found, "an account that was named", kind)


def _commitments(record: JSONObject | None) -> set[object]:
    found = {row.get("commitment") for row in _rows(record)}
    return found - {None}


def _check_prices(block: _Block) -> None:
    """I9: a deal has the price, the fees and the net amount that were signed."""
    acts = {act.id: act for act in block.acts}
    for deal in _new(block, "deal"):
        act = acts.get(deal["id"])
        body = act.body if act else {}
        price = body.get("price", body)
        amount = price.get("price_minor")
        stated = (amount, price.get("net_minor", amount), price.get("fees", []))
        found = (deal["price_minor"], deal["net_minor"], deal["fees"])
        if act is None or stated != found or deal["payee"] not in act.by:
            raise wrong("I9", deal["id"], stated, found)


# -- money -----------------------------------------------------------------------------


def _check_claims(block: _Block) -> None:
    """I9: nobody is paid on what it owes money back on."""
    touched = {
        (record["scope"], record["id"])
        for pair in block.writes.get("claim", ())
        for record in pair
        if record is not None
    }
    for line in _new(block, "line"):
        if "deal" in line or "payout" not in line:
            continue
        record = read_record(block.view, "receivable", line["receivable"]) or {}
        place = (record.get("account", ""), f"{record.get('id')}/{line['holder']}")
        claim = read_record(block.view, "claim", place[1], place[0])
        # One that the block wrote may have been raised after the line.
        if claim is not None and claim["amount_minor"] and place not in touched:
            owed = f"{claim['amount_minor']} of it kept"
            raise wrong("I9", line["id"], owed, line["claimed_minor"])


# What was taken back in part by a claim, and the payouts it had been paid with.
Taken = tuple[str, list[str]]


def _check_cancelled(block: _Block) -> None:
    """I9: what is taken back is cancelled where unsent, and claimed where it was sent.

    Where a payout was sent or came back in the same block, nobody can say which.
    """
    for was, after in _changed(block, "payout"):
        same = was["state"] not in UNSENT and was["outcomes"] == after["outcomes"]
        if same and after["amount_minor"] < was["amount_minor"]:
            least = f"{was['amount_minor']}, since it was sent"
            raise wrong("I9", after["id"], least, after["amount_minor"])
    claimed = list(_list_claimed(block))
    credited: dict[str, int] = defaultdict(int)
    for line in _new(block, "line") if claimed else ():
        amount = line["principal_minor"] + line["interest_minor"]
        credited[line.get("payout", "")] += amount - line["claimed_minor"]
    for item, payouts in claimed:
        for payout in payouts:
            left = _count_unsent(block, payout, credited)
            if left > 0:
                raise wrong("I9", item, f"{left} of {payout} cancelled", "a claim")


def _list_claimed(block: _Block) -> Iterator[Taken]:
    for was, line in _changed(block, "line"):
        left = _reversed(line) - _reversed(was)
        left -= line["cancelled_minor"] - was["cancelled_minor"]
        whole = line["principal_minor"] + line["interest_minor"]
        whole -= line["claimed_minor"] + line["cancelled_minor"]
        if left > 0 and whole and "payout" in line:
            yield line["id"], [line["payout"]]
    for was, receipt in _changed(block, "receipt"):
        if receipt.get("recalled_minor", 0) > was.get("recalled_minor", 0):
            refunds = scan_records(block.view, "refunds", receipt["id"])
            yield receipt["id"], [payout["id"] for payout in refunds]
        fell = was.get("passed_minor", 0) - receipt.get("passed_minor", 0)
        if fell > 0:
            yield from _claimed_price(block, receipt["deal"], fell)


def _claimed_price(block: _Block, item: str, fell: int) -> Iterator[Taken]:
    """Yield a deal of whose price more was taken back than was cancelled."""
    for was, deal in _changed(block, "deal"):
        if deal["id"] == item:
            cancelled = deal.get("cancelled_minor", 0) - was.get("cancelled_minor", 0)
            # What is paid on the same receivable may go to its seller instead.
            lines = (line["receivable"] for line in _new(block, "line"))
            if cancelled < fell and deal["receivable"] not in lines:
                yield item, deal["payouts"]


def _reversed(line: JSONObject) -> int:
    back: int = line["reversed_principal_minor"] + line["reversed_interest_minor"]
    return back


def _count_unsent(block: _Block, item: str, credited: dict[str, int]) -> int:
    """Return what is unsent of a payout and its cuts but for what a block credited."""
    origin = (read_record(block.view, "payout", item) or {}).get("origin", item)
    known = {w.after["id"]: w for w in block.writes.get("payout", ()) if w.after}
    left = 0
    whole = read_record(block.view, "payout", origin)
    for payout in (whole, *scan_records(block.view, "cuts", origin)):
        if payout is None:
            continue
        was = known[payout["id"]].before if payout["id"] in known else payout
        if was is None and payout is whole:
            return 0
        if was is not None and was["outcomes"] != payout["outcomes"]:
            return 0
        if payout["state"] in UNSENT:
            left += payout["amount_minor"] - credited[payout["id"]]
    return left


def _check_orders(block: _Block) -> None:
    """Money for whom an order stands on is not paid as if there were none."""
    if not any(True for _ in block.view.entries(("all", "standing"), "", 1)):
        return
    pledged = {line.get("payout") for line in _new(block, "line") if "pledge" in line}
    for before, after in block.writes.get("payout", ()):
        if after is not None and "order" not in after:
            was = before or {"amount_minor": 0, "attempts": []}
            sent = len(after["attempts"]) > len(was["attempts"])
            grown = after["amount_minor"] > was["amount_minor"]
            for order in _orders_on(block, after):
                left = "limit_minor" not in order
                left = left or order["limit_minor"] > order["taken_minor"]
                free = after["id"] in pledged and not order["pledged"]
                if left and (sent or (grown and not free)):
                    found = after["amount_minor"]
                    raise wrong("orders", after["id"], order["id"], found)
    _check_locks(block)
    _check_frozen(block)


def _check_locks(block: _Block) -> None:
    """A payout remembers the orders on the units that earned it."""
    for before, after in block.writes.get("payout", ()):
        if before is not None and after is not None:
            found, known = after.get("locks"), before.get("locks")
            if found != known:
                raise wrong("orders", after["id"], known, found)
    for line in _new(block, "line"):
        payout = read_record(block.view, "payout", line.get("payout", "")) or {}
        for tile in scan_records(block.view, "retired", line["id"]) if payout else ():
            for lock in tile["locks"]:
                binds = lock["kind"] == "freeze" and lock["until"] >= block.time
                known = not binds or lock["id"] in payout.get("locks", ())
                if not known and _binds(block, lock["id"]):
                    raise wrong("orders", line["id"], lock["id"], "no trace of it")


def _check_frozen(block: _Block) -> None:
    """Frozen units get of their group's late interest what they earned, by days."""
    paid: dict[str, list[JSONObject]] = defaultdict(list)
    for line in _new(block, "line"):
        if "deal" not in line:
            paid[line["sweep"]].append(line)
    sweeps = [read_record(block.view, "sweep", item) or {} for item in paid]
    tiles: dict[str, list[JSONObject]] = {}
    # Of several on one receivable the last comes first: it is undone for the others.
    for sweep in sorted(sweeps, key=lambda row: str(row["order"]), reverse=True):
        item, own = sweep["receivable"], paid[sweep["id"]]
        if read_record(block.view, "standing", item) is None:
            continue
        record = read_record(block.view, "receivable", item) or {}
        ids = {line["id"] for line in own}
        met = [
            {**tile, "state": "live"} if tile.get("line") in ids else tile
            for tile in tiles.get(item) or walk_tiles(block.view, record)
        ]
        tiles[item] = met
        programme = read_record(block.view, "programme", record["programme"]) or {}
        for name in {group_name(line) for line in own if line["interest_minor"]}:
            group = [line for line in own if group_name(line) == name]
            mine = [tile for tile in met if group_name(tile) == name]
            mine.sort(key=lambda tile: (not is_contested(sweep, tile), tile["lo"]))
            weights = _weigh_frozen(block, programme, record, sweep, mine)
            _check_parts(block, group, weights)


# By the orders on units: unit-days, and units.
Weights = dict[tuple[str, ...], tuple[int, int]]


def _weigh_frozen(
    block: _Block,
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
        days = late_days(programme, record, sweep["value_date"])
        if tile["state"] == "retired":
            receipt = read_record(block.view, "receipt", tile["receipt"])
            # What was paid directly bore none.
            date = receipt["value_date"] if receipt else record["adjusted_date"]
            days = late_days(programme, record, date)
        binding = sorted(
            lock["id"]
            for lock in tile["locks"]
            if lock["kind"] == "freeze" and lock["until"] >= block.time
        )
        before, units = weights.get(tuple(binding), (0, 0)), tile["hi"] - tile["lo"]
        weights[tuple(binding)] = (before[0] + units * days, before[1] + units)
    return weights


def _check_parts(block: _Block, lines: list[JSONObject], weights: Weights) -> None:
    """Return if no units got more of a group's interest than is theirs."""
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for line in lines if len(weights) > 1 else ():
        if "payout" in line:
            payout = read_record(block.view, "payout", line["payout"]) or {}
            found[tuple(payout.get("locks", ()))] += line["interest_minor"]
    by_days = any(days for days, _ in weights.values())
    # Of what does not divide, frozen units get the more.
    names = sorted(weights, key=lambda name: not name)
    rows = [
        ("/".join(name), place, weights[name][not by_days])
        for place, name in enumerate(names)
    ]
    total = sum(line["interest_minor"] for line in lines)
    most = {row.name: row.share_minor for row in share_out(total, rows)}
    for name, amount in found.items():
        if amount > most.get("/".join(name), 0):
            limit = f"at most {most.get('/'.join(name), 0)}"
            raise wrong("orders", lines[0]["id"], limit, amount)


def _orders_on(block: _Block, payout: JSONObject) -> Iterator[JSONObject]:
    """Yield what binds a payout's money and stands as it stood before the block."""
    changed = {(w.after or w.before or {})["id"] for w in block.writes.get("order", ())}
    found = [*payout.get("locks", ())]
    for name in ("payee", "account", "receipt"):
        subject = payout.get(name)
        standing = read_record(block.view, "standing", subject) if subject else None
        found += standing["orders"] if standing else ()
    for item in found:
        order = read_record(block.view, "order", item) or {}
        same = order.get("currency", payout["currency"]) == payout["currency"]
        if same and item not in changed and _binds(block, item):
            yield order
