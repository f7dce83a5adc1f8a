"""Orders, reductions and disputes, recomputed from single records."""

from __future__ import annotations

from collections import defaultdict

from ledger.books import UNSENT, Books, Table, compare, sum_by, wrong
from ledger.encoding import JSONObject


def check_orders(books: Books) -> int:
    """Each order in force stands where it says, and no payout is held for nothing.

    Returns:
        How many orders were checked.

    Raises:
        LedgerError: ``books_wrong``, naming the order, standing or payout.
    """
    orders = books.by_id("order")
    standing = [(s["id"], item) for s in books["standing"] for item in s["orders"]]
    stands = [item for _, item in standing]
    running = [item for item in orders if orders[item]["state"] == "in_force"]
    compare("orders", "standing", sorted(running), sorted(stands))
    for subject, item in standing:
        compare("orders", item, subject, _subject(orders[item]))
    taken = sum_by(books["payout"], lambda payout: payout.get("order", ""))
    for payout in books["payout"]:
        order = orders.get(payout.get("order", ""))
        if payout["state"] == "held" or "redirect" in payout:
            compare("orders", payout["id"], "an order", "an order" if order else "none")
        if order is not None:
            kept = order.get("redirect")
            compare("orders", payout["id"], kept, payout.get("redirect"))
    for item in running:
        if "limit_minor" in orders[item]:
            compare("orders", item, taken[item], orders[item]["taken_minor"])
            least = min(taken[item], orders[item]["limit_minor"])
            compare("orders", item, least, taken[item])
    _check_loose(books, standing, orders)
    _check_frozen(books, [orders[item] for item in running])
    _check_vacant(books, [orders[item] for item in running])
    return len(orders)


def _check_vacant(books: Books, running: list[JSONObject]) -> None:
    """Return if nobody who is insolvent attests an account."""
    ruined = [order["member"] for order in running if order["what"] == "insolvency"]
    for account in books["account"] if ruined else ():
        if account["attester"] in ruined:
            raise wrong("orders", account["id"], "no attester", account["attester"])


def _check_frozen(books: Books, running: list[JSONObject]) -> None:
    """Return if orders on units lock them all, for as long as they say."""
    frozen = [order for order in running if order["cover"] == "units"]
    for tile in books["tile"] if frozen else ():
        for order in frozen:
            lo, hi = max(tile["lo"], order["lo"]), min(tile["hi"], order["hi"])
            here = order["receivable"] == tile["scope"] and lo < hi
            if here and tile["state"] != "reduced":
                own = [lock for lock in tile["locks"] if lock["id"] == order["id"]]
                found = [(lock["lo"], lock["hi"], lock["until"]) for lock in own]
                compare("orders", order["id"], [(lo, hi, order["until_ms"])], found)


def _check_loose(books: Books, standing: list[tuple[str, str]], orders: Table) -> None:
    """Return if no payout that can still be sent is out of reach of its orders."""
    running = {job["target"] for job in books["job"] if job["what"] == "hold"}
    pledged = {line.get("payout") for line in books["line"] if "pledge" in line}
    bound: dict[str, list[JSONObject]] = defaultdict(list)
    stands = {item for _, item in standing}
    for subject, item in standing:
        taken = orders[item]["taken_minor"]
        left = taken < orders[item].get("limit_minor", taken + 1)
        if left and item not in running:
            bound[subject].append(orders[item])
    for payout in books["payout"]:
        if payout["state"] not in UNSENT or "order" in payout:
            continue
        own = [orders[item] for item in payout.get("locks", ()) if item in stands]
        for name in ("payee", "account", "receipt"):
            own += bound[payout.get(name, "")]
        for order in own:
            same = order.get("currency", payout["currency"]) == payout["currency"]
            reached = order["pledged"] or payout["id"] not in pledged
            if same and reached:
                compare("orders", payout["id"], 0, payout["amount_minor"])


def _subject(order: JSONObject) -> object:
    names = ("account", "member", "receipt", "receivable")
    return next((order[name] for name in names if name in order), None)


def check_contests(books: Books) -> int:
    """Reduced units are those of their reductions; open disputes are the listed.

    Returns:
        How many reductions and disputes were checked.

    Raises:
        LedgerError: ``books_wrong``, naming the reduction or receivable.
    """
    reduced = [it for it in books["tile"] if it["state"] == "reduced"]
    named = [tile for tile in reduced if "reduction" in tile]
    units = sum_by(named, "reduction", lambda tile: tile["hi"] - tile["lo"])
    for record in books["reduction"]:
        claimed = record["amount_minor"] - record["claim_minor"]
        compare("reductions", record["id"], units.pop(record["id"], 0), claimed)
    compare("reductions", "tiles", {}, dict(units))
    listed: dict[str, list[JSONObject]] = defaultdict(list)
    names = ("amount_minor", "hi", "id", "lo", "until_ms")
    for dispute in books["dispute"]:
        if dispute["state"] == "open":
            row = {name: dispute[name] for name in names if name in dispute}
            listed[dispute["receivable"]].append(row)
    for record in books["receivable"]:
        rows = sorted(record.get("disputes", []), key=lambda row: str(row["id"]))
        own = sorted(listed[record["id"]], key=lambda row: str(row["id"]))
        compare("disputes", record["id"], own, rows)
    return len(books["reduction"]) + len(books["dispute"])
