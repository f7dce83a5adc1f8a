"""What a block wrote, held against what was signed in it.

Rules may add everything up and still give a part to somebody nobody named. So
the holders, the faces, the bank's entries, the prices and the payout accounts
that a block leaves behind are looked up in the acts that are said to have made
them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from ledger.books import compare, goes_live, wrong
from ledger.encoding import JSONObject
from ledger.state import scan_records
from ledger.written import Block, rows_of, said

STATED: Final = ("amount_minor", "booking_date", "value_date")

# Receivable, and from whom to whom its units may have passed, since both signed
# one act on it, one offered and the other signed, or by a deal.
Passed = set[tuple[str, str, str]]


def check_signed(block: Block) -> None:
    """Return if what a block wrote follows from acts that were accepted.

    Raises:
        LedgerError: ``books_wrong``, naming the invariant and the record.
    """
    _check_holders(block, _find_passed(block))
    _check_faces(block)
    _check_closings(block)
    _check_entries(block)
    _check_accounts(block)
    _check_prices(block)


# -- units -----------------------------------------------------------------------------


def _find_passed(block: Block) -> Passed:
    passed: Passed = set()
    named: Passed = set()
    for act in block.acts:
        item, receiver = str(act.body.get("receivable")), act.body.get("receiver")
        passed |= {(item, one, two) for one in act.by for two in act.by}
        named |= {(item, one, str(receiver)) for one in act.by}
    for offer, _ in block.writes["offer"]:
        if offer is not None:
            named.add((offer["receivable"], offer["giver"], offer["receiver"]))
    passed |= {row for row in named if (row[0], row[2], row[2]) in passed}
    for _, deal in block.left("deal"):
        sides = (deal["payee"], deal["payer"])
        passed |= {(deal["receivable"], *sides), (deal["receivable"], *sides[::-1])}
    return passed


def _check_holders(block: Block, passed: Passed) -> None:
    """I3: units pass from their holder to whom it named, and never while frozen."""
    old: dict[str, list[JSONObject]] = defaultdict(list)
    new: dict[str, list[JSONObject]] = defaultdict(list)
    for before, after in block.writes["tile"]:
        for tile, side in ((before, old), (after, new)):
            if tile is not None:
                side[tile["scope"]].append(tile)
    for item, tiles in new.items():
        was = sorted(old.get(item, ()), key=_lo)
        record = block.read("receivable", item)
        first: JSONObject = {"holder": record.get("supplier"), "locks": []}
        for tile, under in _over(sorted(tiles, key=_lo), was):
            before = {**tile, **first} if under is None else under
            if before["holder"] != tile["holder"]:
                _check_passing(block, passed, before, tile)


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


def _check_passing(
    block: Block, passed: Passed, was: JSONObject, tile: JSONObject
) -> None:
    giver, receiver = was["holder"], tile["holder"]
    lo, hi = max(was["lo"], tile["lo"]), min(was["hi"], tile["hi"])
    item = f"{tile['scope']}/{lo}"
    for lock in block.freezes(was):
        if lock["lo"] < hi and lo < lock["hi"] and block.binds(lock["id"]):
            raise wrong("I3", item, f"frozen by {lock['id']}", receiver)
    scope = tile["scope"]
    for order in block.orders_on(giver):
        # What was priced before an insolvency stands.
        sold = any(deal["receivable"] == scope for _, deal in block.left("deal"))
        if order["cover"] == "member" or not (sold or order.get("disposal", True)):
            raise wrong("I3", item, f"bound by {order['id']}", receiver)
    if (scope, giver, receiver) in passed:
        return
    reached, before = {giver}, 0
    # In one block it may have passed through several hands.
    while len(reached) > before and receiver not in reached:
        before = len(reached)
        reached |= {two for at, one, two in passed if at == scope and one in reached}
    if receiver not in reached:
        raise wrong("I3", item, f"signed by {giver}", f"passed to {receiver}")


# -- what is stated --------------------------------------------------------------------


def _check_faces(block: Block) -> None:
    """I2: what a receivable goes live with was agreed to in the block."""
    stated = {
        (str(act.body.get("receivable")), str(act.body.get("face_minor")))
        for act in block.acts
    }
    for before, after in block.left("receivable"):
        face = after["face_minor"]
        if goes_live(before, after) and (after["id"], str(face)) not in stated:
            raise wrong("I2", after["id"], "a face that was signed", face)


def _check_closings(block: Block) -> None:
    """I11: what is closed is given up by all who hold it, each in an act of its own."""
    signed = {(act.body.get("receivable"), one) for act in block.acts for one in act.by}
    for _, agreed in block.left("closing"):
        if (agreed["scope"], agreed["id"]) not in signed:
            raise wrong("I11", agreed["scope"], "signed by a holder", agreed["id"])
    for before, after in block.changed("receivable"):
        if after["state"] != "closed":
            continue
        if before["state"] == "closed":
            # What is owed again nobody has given up.
            compare("I11", after["id"], before["live_minor"], after["live_minor"])
            continue
        held: Counter[str] = Counter()
        for tile in scan_records(block.view, "live", after["id"]):
            held[tile["holder"]] += tile["hi"] - tile["lo"]
        for holder, units in held.items():
            given = block.read("closing", holder, after["id"]).get("units_minor", 0)
            compare("I11", after["id"], units, min(units, given))


def _check_entries(block: Block) -> None:
    """I8: entries are as stated, and nothing stated is lost."""
    stated: dict[str, list[JSONObject]] = defaultdict(list)
    for row in said(block.acts):
        if "key" in row and "amount_minor" in row:
            stated[row["key"]].append(row)
    for entry in block.new("entry"):
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


def _check_accounts(block: Block) -> None:
    """I8: an account that is paid from or to is one that somebody named."""
    known: set[object] = set()
    for kind in ("payout_account", "account"):
        for before, after in block.left(kind):
            new = _commitments(after) - _commitments(before)
            if new and not known:
                known = {row.get("commitment") for row in said(block.acts)}
            if not new <= known:
                found = min(str(it) for it in new if it not in known)
                raise wrong("I8", found, "an account that was named", kind)


def _commitments(record: JSONObject) -> set[object]:
    return {row["commitment"] for row in rows_of(record) if "commitment" in row}


def _check_prices(block: Block) -> None:
    """I9: a deal has the price, the fees and the net amount that were signed."""
    acts = {act.id: act for act in block.acts}
    for deal in block.new("deal"):
        act = acts.get(deal["id"])
        body = act.body if act else {}
        price = body.get("price", body)
        amount = price.get("price_minor")
        stated = (amount, price.get("net_minor", amount), price.get("fees", []))
        found = (deal["price_minor"], deal["net_minor"], deal["fees"])
        if act is None or stated != found or deal["payee"] not in act.by:
            raise wrong("I9", deal["id"], stated, found)
