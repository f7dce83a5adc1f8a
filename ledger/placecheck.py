"""Where incoming money was placed, and of whom it was taken back.

It pays what it names, else what its debtor has owed longest; it is swept when
that is due; and what its bank takes back falls on all whom it paid alike.
"""

from __future__ import annotations

from collections import defaultdict

from ledger.blocks import date_at
from ledger.books import OWED, compare, line_back, line_net, normal_number, wrong
from ledger.encoding import JSONObject
from ledger.state import scan_records
from ledger.sweepcheck import split
from ledger.written import Block


def check_placed(block: Block) -> None:
    """Return if a block placed, swept and took back money as it had to.

    Raises:
        LedgerError: ``books_wrong``, naming the invariant and the record.
    """
    _check_swept(block)
    for was, receipt in block.left("receipt"):
        _check_debtor(block, was, receipt)
    back = [
        now["id"]
        for was, now in block.changed("receipt")
        if now["reversed_minor"] > was["reversed_minor"]
    ]
    for item in back:
        _check_reversed(block, item)
    # What is owed again in the same block may not have been so before.
    if not back and not any(block.changed("line")):
        for item, receivables in _list_placed(block).items():
            _check_receipt(block, block.read("receipt", item), receivables)


def _check_swept(block: Block) -> None:
    """I8: money is swept when due, or its debtor said so, and while it is solvent."""
    for sweep in block.new("sweep"):
        item = sweep["receivable"]
        record = block.read("receivable", item)
        receipt = block.read("receipt", sweep["receipt"])
        programme = block.read("programme", record["programme"])
        early = block.was("receivable", item).get("early")
        early = early or record["debtor"] in block.signers(item)
        today = date_at(block.time, programme["offset_minutes"])
        if record["adjusted_date"] > today and not early:
            raise wrong("I8", item, f"due on {record['adjusted_date']}", "swept before")
        own = receipt["payer"] in ("", record["debtor"])
        if own and _is_insolvent(block, record["debtor"]):
            raise wrong("orders", item, "kept for an administrator", "swept")


def _is_insolvent(block: Block, member: str) -> bool:
    return any(order["what"] == "insolvency" for order in block.orders_on(member))


# -- what it is for --------------------------------------------------------------------


def _check_debtor(block: Block, was: JSONObject, receipt: JSONObject) -> None:
    """I8: money is for another member's debts by the word of its payer only."""
    known = was or block.read("entry", receipt["id"])
    payer, debtor = known.get("payer", ""), receipt["debtor"]
    if debtor in ("", payer, known.get("debtor")) or not (was or payer):
        return
    account = block.read("account", receipt["account"])
    is_member = bool(block.read("member", payer))
    knows = {payer} if is_member else {account["owner"], account["attester"]}
    signed = block.signers(receipt["id"])
    if not (debtor in signed and knows & signed) and not _is_repaid(block, receipt):
        raise wrong("I8", receipt["id"], f"for debts of {payer}", debtor)


def _is_repaid(block: Block, receipt: JSONObject) -> bool:
    """Say whether its payer pays in what it had got past the account."""
    reports = (report for _, report in block.changed("misdirected"))
    return any(report["recipient"] == receipt["payer"] for report in reports)


def _list_placed(block: Block) -> dict[str, set[str]]:
    """Return the receivables that got money of each receipt in this block."""
    placed: dict[str, set[str]] = defaultdict(set)
    shares = block.writes["share"]
    stood = {(was["scope"], was["receivable"]) for was, _ in shares if was is not None}
    for was, share in block.left("share"):
        if share["amount_minor"] > was.get("amount_minor", 0):
            placed[share["scope"]].add(share["receivable"])
    for sweep in block.new("sweep"):
        if (sweep["receipt"], sweep["receivable"]) not in stood:
            placed[sweep["receipt"]].add(sweep["receivable"])
    for receipt in block.new("receipt"):
        placed[receipt["id"]] |= set()
    return placed


def _check_receipt(block: Block, receipt: JSONObject, placed: set[str]) -> None:
    """I8: money is where it says, else where it has been owed longest."""
    item, entry = receipt["id"], block.read("entry", receipt["id"])
    own = "deal" in receipt or "advice" in receipt
    if own or block.naming(item):
        return
    records = [block.read("receivable", receivable) for receivable in sorted(placed)]
    for record in records:
        if record["debtor"] != receipt["debtor"] and not _is_repaid(block, receipt):
            raise wrong("I8", item, receipt["debtor"], record["debtor"])
    first: list[JSONObject] = []
    if "reference" not in entry:
        first = _list_older(block, receipt, records)
    elif not block.was("receipt", item):
        named = _find_named(block, entry)
        rest = receipt["suspense_minor"] + receipt["unassigned_minor"]
        first = [named] if rest or placed - {named.get("id")} else []
    for record in first:
        if _needs_more(block, record):
            raise wrong("I8", item, f"for {record['id']}", sorted(placed))


def _list_older(
    block: Block, receipt: JSONObject, records: list[JSONObject]
) -> list[JSONObject]:
    """Return what its debtor has owed for longer than what money was placed for."""
    found: list[JSONObject] = []
    partition = f"{receipt['account']}/{receipt['debtor']}"
    latest = max((record["adjusted_date"] for record in records), default="")
    for other in scan_records(block.view, "owed", partition) if records else ():
        if other["adjusted_date"] >= latest:
            break
        programme = block.read("programme", other["programme"])
        if other["adjusted_date"] <= date_at(block.time, programme["offset_minutes"]):
            found.append(other)
    return found


def _needs_more(block: Block, record: JSONObject) -> bool:
    """Say whether principal is owed that no money waits for."""
    if record.get("state") not in OWED or _is_insolvent(block, record["debtor"]):
        return False
    was = block.was("receivable", record["id"])
    coming = record["waiting_minor"] + record["undistributed_minor"]
    same = was.get("account") == record["account"] and was["state"] in OWED
    return bool(same and record["live_minor"] > coming)


def _find_named(block: Block, entry: JSONObject) -> JSONObject:
    """Return the receivable that a payment names and may pay, {} if none."""
    text, payer = entry["reference"], entry.get("payer", "")
    number = normal_number(text)
    record = block.read("receivable", text)
    if not record and payer:
        used = list(scan_records(block.view, "used", f"{payer}/{number}", limit=2))
        ended = (
            was["debtor"] == payer and was["state"] in OWED and now["state"] not in OWED
            for was, now in block.changed("receivable")
        )
        record = used[0] if len(used) == 1 and not any(ended) else {}
    lists = scan_records(block.view, "advice_refs", f"{entry['account']}/{number}")
    own = record.get("account") == entry["account"] and not any(lists)
    return record if own and payer in ("", record["debtor"]) else {}


# -- what was taken back ---------------------------------------------------------------


def _check_reversed(block: Block, item: str) -> None:
    """I9: one reversal falls on all the lines of its receipt by what each had left."""
    entries = [entry for _, entry in block.left("entry") if "reversed_minor" in entry]
    own = [entry for entry in entries if entry["receipt"] == item]
    # A sweep that ends may give interest back of its own.
    if len(own) != 1 or block.writes["sweep"] or not any(block.changed("line")):
        return
    rows, taken = [], dict[str, int]()
    for place, line in enumerate(scan_records(block.view, "lines", item)):
        if "deal" not in line:
            before = block.was("line", line["id"]) or line
            rows.append((line["id"], place, line_net(before)))
            taken[line["id"]] = line_back(line) - line_back(before)
    shares = split(sum(taken.values()), rows)
    for name, amount in taken.items():
        compare("I9", name, shares.get(name, 0), amount)
