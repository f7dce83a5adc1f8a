"""The books of a whole state, added up again from single records.

Nothing is taken from a sum that the rules keep: every sum is recomputed from
tiles, entries, receipts, shares, lines, payouts and claims, and then compared
with what the ledger says. The names I1 to I11 are those of the domain.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from ledger.blocks import date_at
from ledger.books import (
    OWED,
    UNIT_STATES,
    UNIT_SUMS,
    UNSENT,
    Books,
    Sums,
    compare,
    line_back,
    line_name,
    line_net,
    line_paid,
    normal_number,
    sum_by,
    was_live,
    wrong,
)
from ledger.dealcheck import check_deals, passed_on
from ledger.encoding import JSONObject, hex_digest
from ledger.errors import LedgerError
from ledger.invariants import check_tiling
from ledger.latecheck import check_late
from ledger.ordercheck import check_contests, check_orders
from ledger.termcheck import check_dates, check_exposure

# Uses of these are free again: nothing was ever owed on them.
FREED: Final = ("rejected", "expired", "declined")
# Work on a receivable that takes money to its holders.
MONEY_WORK: Final = ("due", "sweep")
# What a cut of a payout has from it.
WHOSE: Final = ("account", "deal", "payee", "purpose", "receipt")
# Payouts of which a bank was told, and has said nothing final.
UNDER_WAY: Final = ("instructed", "accepted")
CREDITS: Final = ("receipt", "return", "interest")
# Classes that have a line of their own, and what an entry adds to it.
OWN_LINES: Final = {
    "receipt": ("receipts", 1),
    "interest": ("interest", 1),
    "charge": ("charges", 1),
    "other": ("own", -1),
}
# Where what came to an account is.
PLACES: Final = (
    *("paid", "payable", "waiting", "unassigned"),
    *("undistributed", "suspense", "charged"),
)


def check_books(books: Books) -> dict[str, int]:
    """Return how much was checked of each invariant, by its name.

    Raises:
        LedgerError: ``books_wrong``, naming invariant and record.
    """
    return {name: check(books) for name, check in CHECKS.items()}


def check_tiles(books: Books) -> int:
    """I1: the tiles of each receivable that was ever live tile its face."""
    checked = 0
    for item, tiles in books.tiles.items():
        if item not in books.receivables:
            raise wrong("I1", item, "a receivable", "tiles of none")
        face = books.receivables[item]["face_minor"]
        intervals = [(tile["lo"], tile["hi"]) for tile in tiles]
        if check_tiling({item: intervals}, {item: face}):
            raise wrong("I1", item, f"[0, {face}) covered once", intervals[:20])
        checked += len(tiles)
    for receivable in books.receivables.values():
        expects = was_live(receivable) or receivable["state"] in OWED
        if expects and receivable["id"] not in books.tiles:
            raise wrong("I1", receivable["id"], "tiles", "none")
    return checked


def check_sums(books: Books) -> int:
    """I2: sums of units agree per receivable and state."""
    units = sum_by(books["tile"], _unit_sum, _units)
    for item, receivable in books.receivables.items():
        for name in UNIT_SUMS:
            compare("I2", item, units[f"{item}/{name}"], receivable[name])
    return len(books.receivables)


def _unit_sum(tile: JSONObject) -> str:
    return f"{tile['scope']}/{tile['state']}_minor"


def _units(tile: JSONObject) -> int:
    return int(tile["hi"] - tile["lo"])


def check_holders(books: Books) -> int:
    """I3 and I5: one known holder a tile, not the debtor; locks lie inside."""
    members = books.by_id("member")
    for tile in books["tile"]:
        item = f"{tile['scope']}/{tile['lo']}"
        if tile["holder"] not in members:
            raise wrong("I3", item, "a member", tile["holder"])
        if tile["state"] not in UNIT_STATES:
            raise wrong("I3", item, " or ".join(UNIT_STATES), tile["state"])
        if tile["holder"] == books.receivables[tile["scope"]]["debtor"]:
            raise wrong("I5", item, "another holder", "the debtor")
        end = {"freeze": tile["lo"], "": tile["lo"]}
        for lock in sorted(tile["locks"], key=lambda lock: int(lock["lo"])):
            # Several orders may stand on the same units; nothing else beside them.
            own = "freeze" if lock["kind"] == "freeze" else ""
            apart = end[""] if own else max(end.values())
            if lock["lo"] < apart or lock["hi"] > tile["hi"]:
                raise wrong("I3", item, "locks inside and apart", lock["id"])
            end[own] = max(end[own], lock["hi"])
    return len(books["tile"])


def _uses_stand(books: Books, receivable: JSONObject) -> bool:
    """Say whether a receivable still uses its invoices.

    Cancelled before anything passed on, or before it was live, frees them.
    """
    if receivable["state"] in FREED:
        return False
    if receivable["state"] != "cancelled":
        return True
    return any(tile["transfers"] for tile in books.tiles[receivable["id"]])


def check_invoices(books: Books) -> int:
    """I4: uses over all receivables agree with each invoice, within its amount."""
    used, drawn = Counter[str](), Counter[str]()
    for item, receivable in books.receivables.items():
        face = sum(use["used_minor"] for use in receivable["invoices"])
        face -= sum(row["amount_minor"] for row in receivable.get("deductions", []))
        compare("I4", item, face, receivable["face_minor"])
        if not _uses_stand(books, receivable):
            continue
        for use in receivable["invoices"]:
            if "retained_by" in use:
                drawn[use["retained_by"]] += use["used_minor"]
                continue
            parts = (
                receivable["debtor"],
                receivable["supplier"],
                receivable["currency"],
                use["issue_date"],
                normal_number(use["number"]),
            )
            used[hex_digest("/".join(parts).encode())] += use["used_minor"]
    for invoice in books["invoice"]:
        item = invoice["id"]
        compare("I4", item, used.pop(item, 0), invoice["used_minor"])
        if invoice["used_minor"] > invoice["amount_minor"]:
            limit = f"at most {invoice['amount_minor']}"
            raise wrong("I4", item, limit, invoice["used_minor"])
    for item in used:
        raise wrong("I4", item, "an invoice", "none")
    _check_retentions(books, drawn)
    return len(books["invoice"])


def _check_retentions(books: Books, drawn: Sums) -> None:
    """I4: receivables for a retention draw on a deduction, within its amount."""
    for item, receivable in books.receivables.items():
        total = receivable.get("retention_drawn_minor", 0)
        compare("I4", item, drawn[item], total)
        retained = sum(
            row["amount_minor"]
            for row in receivable.get("deductions", [])
            if row["type"] == "retention"
        )
        if total > retained:
            raise wrong("I4", item, f"at most {retained}", total)


def undistributed(books: Books) -> dict[str, int]:
    """Return what running sweeps have planned and not paid yet, by sweep."""
    paid = sum_by(books["line"], "sweep", line_paid)
    running = {r["sweep"] for r in books.receivables.values() if "sweep" in r}
    return {
        sweep["id"]: line_paid(sweep) - paid[sweep["id"]]
        for sweep in books["sweep"]
        if sweep["id"] in running
    }


def _sum_running(books: Books, key: str) -> Sums:
    """Return what is undistributed by what its sweeps say."""
    running = undistributed(books)
    sweeps = [sweep for sweep in books["sweep"] if sweep["id"] in running]
    return sum_by(sweeps, key, lambda sweep: running[sweep["id"]])


def check_accounts(books: Books) -> int:
    """I8: each account's sums, recomputed from single records, balance."""
    sums = _account_sums(books)
    for account in books["account"]:
        item = account["id"]
        own = {name: table[item] for name, table in sums.items()}
        for name, total in own.items():
            field = name if name == "discrepancies" else f"{name}_minor"
            if account[field] != total:
                raise wrong("I8", item, f"{name} {total}", account[field])
        came = own["receipts"] - own["reversals"]
        went = sum(own[name] for name in PLACES)
        compare("I8", item, came, went - own["claims"])
        found = sum(day["net_minor"] for day in account["days"])
        own_lines = own["interest"] - own["charges"] + own["own"] + own["unexplained"]
        balance = account["opening_minor"] + came - own["paid"] + own_lines
        compare("I8", item, balance, account["closing_minor"] + found)
    return len(books["account"])


def _account_sums(books: Books) -> dict[str, Sums]:
    paid = [payout for payout in books["payout"] if payout["state"] == "paid"]
    unpaid = [payout for payout in books["payout"] if payout["state"] != "paid"]
    opened = [found for found in books["discrepancy"] if found["state"] == "open"]
    return {
        "claims": sum_by(books["claim"], "scope"),
        "paid": sum_by(paid, "account"),
        "payable": sum_by(unpaid, "account"),
        "discrepancies": Counter(found["account"] for found in opened),
        "suspense": sum_by(books["receipt"], "account", "suspense_minor"),
        "unassigned": sum_by(books["receipt"], "account", "unassigned_minor"),
        "undistributed": _sum_running(books, "account"),
        "waiting": sum_by(
            books["share"],
            lambda share: books.receivables[share["receivable"]]["account"],
        ),
        **_entry_sums(books),
    }


def _entry_sums(books: Books) -> dict[str, Sums]:
    """Return what single entries come to by account, and what does not fit."""
    names = ("receipts", "reversals", "interest", "charges", "charged", "own")
    sums: dict[str, Sums] = {name: Counter() for name in (*names, "unexplained")}
    found = books.by_id("discrepancy")
    for entry in books["entry"]:
        account, misfit = entry["account"], found.get(entry["id"], {})
        sums["charged"][account] += entry.get("charged_minor", 0)
        sums["reversals"][account] += entry.get("reversed_minor", 0)
        if entry["type"] in OWN_LINES:
            name, sign = OWN_LINES[entry["type"]]
            sums[name][account] += sign * entry["amount_minor"]
        if misfit.get("state") == "open":
            sums["unexplained"][account] += _signed(entry)
        elif misfit.get("cleared_by") != "own":
            sums["charges"][account] += entry.get("charges_minor", 0)
    for item in books["discrepancy"]:
        sums["own"][item["account"]] += item.get("own_minor", 0)
    return sums


def _signed(entry: JSONObject) -> int:
    """Return how an entry moves the balance of its account."""
    return int(
        entry["amount_minor"] if entry["type"] in CREDITS else -entry["amount_minor"]
    )


def check_days(books: Books) -> int:
    """I8: movements of days not closed yet are those of their entries."""
    accounts = books.by_id("account")
    moved: dict[str, Sums] = defaultdict(Counter)
    for entry in books["entry"]:
        date = entry["day"] if "day" in entry else entry["booking_date"]
        if date > accounts[entry["account"]]["closed_date"]:
            moved[entry["account"]][date] += _signed(entry)
    for found in books["discrepancy"]:
        # A balance that owner and attester signed for has no entry.
        signed = found["code"] == "balance_mismatch" and found["state"] == "signed"
        if signed and found["date"] > accounts[found["account"]]["closed_date"]:
            moved[found["account"]][found["date"]] += found["net_minor"]
    for item, account in accounts.items():
        found = {day["date"]: day["net_minor"] for day in account["days"]}
        compare("I8", item, dict(moved[item]), found)
    return len(books["account"])


def check_receipts(books: Books) -> int:
    """I8: every receipt is an entry, and each unit of it is somewhere."""
    entries, receipts = books.by_id("entry"), books.by_id("receipt")
    reversals = [entry for entry in books["entry"] if "reversed_minor" in entry]
    back = sum_by(reversals, "receipt", "reversed_minor")
    refunds = [payout for payout in books["payout"] if "receipt" in payout]
    returned = sum_by(refunds, "receipt")
    for refund in refunds:
        payer = receipts.get(refund["receipt"], {}).get("payer")
        compare("I8", refund["id"], payer, refund["payee"])
    shares = sum_by(books["share"], "scope")
    of_sweeps = [line for line in books["line"] if "deal" not in line]
    lines = sum_by(of_sweeps, "receipt", line_net)
    prices = passed_on(books)
    under_way = _sum_running(books, "receipt")
    for receipt in books["receipt"]:
        item = receipt["id"]
        entry = entries.get(item, {})
        compare("I8", item, entry.get("amount_minor"), receipt["amount_minor"])
        compare("I8", item, back[item], receipt["reversed_minor"])
        compare("I8", item, returned[item], receipt["returned_minor"])
        left = receipt["amount_minor"] - back[item] - returned[item]
        # What went back and its bank took, too, is claimed.
        left += receipt.get("recalled_minor", 0)
        placed = receipt["suspense_minor"] + receipt["unassigned_minor"]
        placed += shares[item] + lines[item] + under_way[item]
        passed = prices[item] - back[item] if item in prices else 0
        compare("I8", item, passed, receipt.get("passed_minor", 0))
        placed += passed
        compare("I8", item, left, placed)
    return len(books["receipt"])


def check_payees(books: Books) -> int:
    """I9: nobody was paid more than the units and interest it had."""
    principal = sum_by(books["line"], "receivable", _principal_left)
    net = sum_by(books["line"], "receivable", line_net)
    waiting = sum_by(books["share"], "receivable")
    for item, receivable in books.receivables.items():
        compare("I9", item, principal[item], receivable["retired_minor"])
        interest = net[item] - principal[item]
        compare("I9", item, interest, receivable["interest_paid_minor"])
        compare("I9", item, waiting[item], receivable["waiting_minor"])
    _check_lines(books)
    _check_payouts(books)
    _check_claims(books)
    return len(books["line"])


def _principal_left(line: JSONObject) -> int:
    return int(line["principal_minor"] - line["reversed_principal_minor"])


def _check_lines(books: Books) -> None:
    retired = [tile for tile in books["tile"] if tile["state"] == "retired"]
    units = sum_by(retired, "line", _units)
    for line in books["line"]:
        compare("I9", line["id"], _principal_left(line), units.pop(line["id"], 0))
        if not 0 <= line["claimed_minor"] <= line_paid(line) or line_net(line) < 0:
            raise wrong("I9", line["id"], "parts of the line", line["claimed_minor"])
    for item in units:
        raise wrong("I9", item, "a line", "units retired by none")


def _check_payouts(books: Books) -> None:
    paid_by_line = [line for line in books["line"] if "payout" in line]
    payouts = books.by_id("payout")
    # Orders cut payouts: what all the cuts of one may come to is its lines'.
    origins = {item: str(own.get("origin", item)) for item, own in payouts.items()}
    for item, own in payouts.items():
        whole = payouts.get(origins[item], {})
        for name in WHOSE:
            compare("I9", item, whole.get(name), own.get(name))
        if own["amount_minor"] < int(own["state"] in UNSENT):
            raise wrong("I9", item, "something to pay", own["amount_minor"])
    sent = [own for own in books["payout"] if own["state"] in UNDER_WAY]
    told = sum_by(sent, lambda own: f"{own['account']}/{own['mandate']}")
    for account in books["account"]:
        mandate = account.get("mandate", {"number": 0, "used_minor": 0})
        used = told[f"{account['id']}/{mandate['number']}"]
        if used > mandate["used_minor"]:
            raise wrong("I12", account["id"], f"{used} counted", mandate["used_minor"])
    for line in paid_by_line:
        payee = payouts.get(line["payout"], {}).get("payee")
        compare("I9", line["id"], line["holder"], payee)
    credited = sum_by(
        paid_by_line,
        lambda line: origins[line["payout"]],
        lambda line: line_paid(line) - line["claimed_minor"] - line["cancelled_minor"],
    )
    holding = [payout for payout in books["payout"] if payout["purpose"] == "holding"]
    paid = sum_by(holding, lambda payout: origins[payout["id"]])
    for item, amount in paid.items():
        compare("I9", item, credited[item], amount)
    _check_lost(books, paid_by_line, origins)


def _check_lost(
    books: Books, paid_by_line: list[JSONObject], origins: dict[str, str]
) -> None:
    """I9: what is claimed of a payout's lines was sent; else it is cancelled."""
    told = [payout for payout in books["payout"] if payout["state"] not in UNSENT]
    sent = sum_by(told, lambda payout: origins[payout["id"]])
    claims = sum_by(books["claim"], lambda claim: f"{claim['scope']}/{claim['id']}")
    payouts = books.by_id("payout")
    lost: dict[str, Sums] = defaultdict(Counter)
    for line in paid_by_line:
        back = min(line_back(line), line_paid(line) - line["claimed_minor"])
        place = f"{payouts[line['payout']]['account']}/{line_name(line)}"
        lost[origins[line["payout"]]][place] += back - line["cancelled_minor"]
    for item, places in lost.items():
        claimed = sum(min(most, claims[place]) for place, most in places.items())
        if claimed > sent[item]:
            raise wrong("I9", item, f"{claimed} of it cancelled", "a claim")


def _check_claims(books: Books) -> None:
    """I9: a claim is on who was paid what is owed back, and no more than that."""
    most = sum_by(books["line"], line_name, line_back)
    for deal in books["deal"]:
        fees = [fee["payee"] for fee in deal["fees"]]
        for member in dict.fromkeys([deal["payer"], deal["payee"], *fees]):
            most[f"{deal['receivable']}/{member}"] += deal["price_minor"]
    for claim in books["claim"]:
        limit, found = most[claim["id"]], claim["amount_minor"]
        if claim["receivable"] in books.receivables and found > limit:
            raise wrong("I9", claim["id"], f"at most {limit}", found)


def check_references(books: Books) -> int:
    """I10: each bank reference and each payment attempt stands once."""
    for entry in books["entry"]:
        text = f"entry/{entry['account']}/{entry['type']}/{entry['key']}"
        compare("I10", entry["id"], hex_digest(text.encode()), entry["id"])
    seen: dict[str, str] = {}
    for payout in books["payout"]:
        for attempt in payout["attempts"]:
            if seen.setdefault(attempt, payout["id"]) != payout["id"]:
                raise wrong("I10", payout["id"], "an attempt of its own", attempt)
    return len(books["entry"]) + len(seen)


CHECKS: Final[dict[str, Callable[[Books], int]]] = {
    "i1": check_tiles,
    "i2": check_sums,
    "i3_i5": check_holders,
    "i4": check_invoices,
    "i6": check_dates,
    "i8_accounts": check_accounts,
    "i8_days": check_days,
    "i8_receipts": check_receipts,
    "i9": check_payees,
    "i10": check_references,
    "i13": check_exposure,
    "deals": check_deals,
    "late": check_late,
    "orders": check_orders,
    "contests": check_contests,
}


def check_due_work(books: Books, time: int) -> list[str]:
    """Return what was set aside after failing; nothing due lacks its work.

    Args:
        books: all records.
        time: block time of the head, UTC milliseconds.

    Raises:
        LedgerError: ``work_omitted``, naming the receivable.
    """
    jobs = (*books["job"], *books["quarantine"])
    planned = {job["target"] for job in jobs if job["what"] in MONEY_WORK}
    ageing = {job["target"] for job in jobs if job["what"] == "suspense"}
    for receipt in books["receipt"]:
        if receipt["suspense_minor"] and receipt["id"] not in ageing:
            raise LedgerError(
                "work_omitted", expected="its return planned", record=receipt["id"]
            )
    for item, receivable in books.receivables.items():
        if receivable["state"] not in OWED or item in planned or "sweep" in receivable:
            continue
        today = date_at(time, books.programme_of(receivable)["offset_minutes"])
        due = receivable["early"] or receivable["adjusted_date"] <= today
        if due and receivable["waiting_minor"]:
            raise LedgerError(
                "work_omitted",
                expected="a sweep",
                found=f"{receivable['waiting_minor']} waiting",
                record=item,
            )
        if not due:
            raise LedgerError(
                "work_omitted", expected="its due date planned", record=item
            )
    return sorted(
        f"{job['what']} of {job['target_kind']} {job['target']}: {job['code']}"
        for job in books["quarantine"]
    )
