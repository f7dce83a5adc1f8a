"""The kinds of records the rules keep, their indexes and their invariants.

Fields that later rules need stand here from the start: a tile's pledge and
chain of transferors, the exact interest accumulator of a group, claims owed
back to a collection account, classes of bank entries, held payouts.

Kinds and what their records hold (optional fields in brackets):

``programme``  debtor, lenders, terms; never changes (I16), so its id pins them
``exposure``   what is owed under a programme, or by a debtor in a currency,
               apart from the terms; [limits of the whole, by programme]
``account``    a collection account: owner, attester, its books, closed days
``payout_account``  where a member is paid, as a salted commitment
``receivable`` parties, face, dates, state, sums of its units, money waiting
``invoice``    identity, amount, used amount; ``near`` lists look-alikes
``tile``       ``[lo, hi)`` live, retired or reduced; holder, rev, locks,
               chain of transferors, transfers, [pledge, receipt, line]
``offer``      who offers which part to whom until when
``deal``       a price to be paid before units move: who pays whom for which
               part, fees, way, pay-by, state; [receipt, payouts, line, quote]
``request``    a seller asks one lender for a price of a part
``quote``      a lender's firm price for a part, until when
``entry``      one line of a bank statement, applied once
``advice``     what a payer signed that a payment under its reference is for
``receipt``    incoming money and what became of it; [deal, advice]
``share``      money of a receipt waiting for one receivable
``sweep``      the plan of a distribution and its cursor
``line``       what one group got of one sweep
``interest``   accumulator of a group's retired units, and what it was paid
``payout``     what is due to a holder, its attempts; [held, discharges]
``claim``      what a holder owes back to the account after a reversal
``discrepancy``  a fact that does not fit; blocks the account's payouts
``misdirected``  money of a debtor that went past the account
``payto``      a change of the account a debtor pays to; ``answer``: a holder's
``order``      of an authority: what it covers, rank, expiry, [redirect, limit]
``standing``   the orders on one member, account, receipt or receivable
``dispute``    an amount the debtor contests, until when; [case]
``closing``    that a holder agrees that a default is uncollectable
``reduction``  units that are owed no more, and what a supplier owes instead
"""

from contracts.kit.v1.arithmetic import pro_rata_cutoff, share_of
from contracts.kit.v1.numbers import normalise_number
from contracts.kit.v1.rule import Kind, Record, order_key

LIVE = "live"
RETIRED = "retired"
REDUCED = "reduced"
# Payouts that no bank has been told of yet.
UNSENT = ("due", "small", "held")

# A closed day has called these late; what is paid in between leaves them so.
LATE_STATES = ("overdue", "default", "recovering")
# A debtor still owes on these; money may be assigned to them.
OPEN_STATES = ("live", "part_paid", *LATE_STATES)


def group_key(tile: Record) -> str:
    """Return what makes units one group in a sweep, as a sort key."""
    pledge = tile.get("pledge", "")
    return f"{tile['holder']}/{pledge}/{tile['recourse_class']}"


def paid_groups(line: Record) -> dict[str, int]:
    """Return with which groups' units the interest is that a line paid.

    It goes on with the units it was paid for. What is left of it when some was taken
    back is shared as all of it was; of what does not divide, the last to come get more.
    """
    left = line["interest_minor"] - line["reversed_interest_minor"]
    if "groups" not in line:
        return {group_key(line): left}
    rows = line["groups"]
    weights = [(-n, rows[n]["amount_minor"]) for n in range(len(rows))]
    cut = pro_rata_cutoff(left, weights)
    return {rows[-n]["group"]: share_of(cut, weight, n) for n, weight in weights}


Places = list[tuple[str, str, str]]


def index_tile(tile: Record) -> Places:
    """Order live tiles by group and by holder, retired ones by line and group.

    ``live``: of a receivable, by group, then by start; ``holdings``: of a
    member; ``pledged``: those of its units that are, by lender and loan;
    ``retired``: those one line of a sweep retired; ``retired_groups``: those of
    a group.
    """
    receivable, group, start = tile["scope"], group_key(tile), f"{tile['lo']:016d}"
    if tile["state"] == LIVE:
        sort = f"{receivable}/{start}"
        places = [
            ("live", receivable, f"{group}/{start}"),
            ("holdings", tile["holder"], sort),
        ]
        if "pledge" in tile:
            places.append(("pledged", tile["holder"], f"{tile['pledge']}/{sort}"))
        return places
    if tile["state"] == RETIRED:
        return [
            ("retired", tile["line"], start),
            ("retired_groups", receivable + "/" + group, start),
        ]
    return []


def index_receivable(receivable: Record) -> Places:
    """Order receivables by party, and what is owed by due date, then age.

    ``owed``: of a debtor on an account; ``on_account``: of all its debtors;
    ``used``: by an invoice number of a debtor.
    """
    debtor, account, item = (
        receivable["debtor"],
        receivable["account"],
        receivable["id"],
    )
    sort = receivable["adjusted_date"] + "/" + item
    places = [("parties", debtor, sort), ("parties", receivable["supplier"], sort)]
    if receivable["state"] in OPEN_STATES:
        due = order_key(receivable["adjusted_date"], receivable["confirmed_order"])
        places.append(("owed", account + "/" + debtor, due))
        places.append(("on_account", account, due))
        for use in receivable["invoices"]:
            number = normalise_number(use["number"])
            places.append(("used", debtor + "/" + number, item))
    return places


def index_offer(offer: Record) -> Places:
    """List offers under giver and receiver."""
    sort = order_key(offer["until_ms"]) + "/" + offer["id"]
    return [("offers", offer["giver"], sort), ("offers", offer["receiver"], sort)]


def index_deal(deal: Record) -> Places:
    """List deals under both sides by state; find one by its short reference.

    ``deal_refs``: by what a bank form carries, as references are compared;
    ``owing``: of a payer on a receivable, where its price was taken back;
    ``unaware``: open ones on a receivable that end when it is overdue.
    ``burdens`` counts all that may follow units of a receivable when they pass.
    """
    item, payer = deal["id"], deal["payer"]
    sort = deal["state"] + "/" + order_key(deal["pay_by_ms"]) + "/" + item
    places = [
        ("deals", payer, sort),
        ("deals", deal["payee"], sort),
        ("deal_refs", normalise_number(deal["reference"]), item),
    ]
    if deal["state"] == "open" and not deal["aware_overdue"]:
        places.append(("unaware", deal["receivable"], item))
    if deal.get("owed_minor", 0) or deal.get("owed_fees", []):
        places.append(("owing", payer + "/" + deal["receivable"], item))
        places.append(("burdens", deal["receivable"], item))
    return places


def index_request(request: Record) -> Places:
    """List requests and quotes under seller and lender.

    ``asked``: whom a seller asked about a receivable.
    """
    sort = order_key(request["until_ms"]) + "/" + request["id"]
    kind, seller = request["kind"] + "s", request["seller"]
    places = [(kind, seller, sort), (kind, request["lender"], sort)]
    if kind == "requests":
        places.append(("asked", seller + "/" + request["receivable"], sort))
    return places


def index_entry(entry: Record) -> Places:
    """List an account's entries by booking date."""
    sort = entry["booking_date"] + "/" + entry["id"]
    return [("entries", entry["account"], sort)]


def index_advice(advice: Record) -> Places:
    """List a payer's advices; find one by its reference, as these are compared."""
    sort = order_key(advice["until_ms"]) + "/" + advice["id"]
    place = advice["account"] + "/" + normalise_number(advice["reference"])
    return [
        ("advices", advice["payer"], sort),
        ("advice_refs", place, advice["id"]),
    ]


def index_receipt(receipt: Record) -> Places:
    """Order money nobody could assign, and a debtor's that waits for nothing yet."""
    places = []
    account, order = receipt["account"], receipt["order"]
    if receipt["unassigned_minor"]:
        places.append(("unassigned", account + "/" + receipt["debtor"], order))
    if receipt["suspense_minor"]:
        places.append(("suspense", account, order))
    return places


def index_share(share: Record) -> Places:
    """Order what waits for a receivable by attestation, a receipt's by due date."""
    return [
        ("shares", share["receivable"], share["order"]),
        ("receipt_shares", share["scope"], share["due"] + "/" + share["receivable"]),
    ]


def index_line(line: Record) -> Places:
    """Order the lines a receipt paid, and those a payout consists of.

    ``interest_lines``: those that paid a receivable's late interest; ``paid_with``:
    those of which some may be with a group's units; ``lost``: those of a payout that
    were taken back while it was sent.
    """
    places = [("lines", line["receipt"], line["order"])]
    if line["interest_minor"] > line["reversed_interest_minor"]:
        item, order = line["receivable"], line["order"]
        places.append(("interest_lines", item, order))
        names = paid_groups(line).keys()
        places += [("paid_with", item + "/" + name, order) for name in names]
    if "payout" in line:
        places.append(("remittance", line["payout"], line["order"]))
        if lost_minor(line) > 0:
            places.append(("lost", line["payout"], line["order"]))
    return places


def lost_minor(line: Record) -> int:
    """Return what was taken back of a line while its payout was sent."""
    paid: int = line["principal_minor"] + line["interest_minor"] - line["claimed_minor"]
    back: int = line["reversed_principal_minor"] + line["reversed_interest_minor"]
    return min(back, paid) - int(line["cancelled_minor"])


def index_claim(claim: Record) -> Places:
    """Count the claims on a receivable, so that nobody looks for one in vain."""
    return [("burdens", claim["receivable"], claim["scope"] + "/" + claim["id"])]


def index_interest(interest: Record) -> Places:
    """Order a receivable's groups that have an accumulator."""
    receivable, item = interest["scope"], interest["id"]
    return [("interest", receivable, item), ("burdens", receivable, item)]


def index_payout(payout: Record) -> Places:
    """Order payouts by payee and state, and an account's that are not paid.

    ``attempts`` finds a payout by the end-to-end id of any of its attempts,
    ``refunds`` those that send a receipt back, ``small`` what a receivable's
    settlement makes due, ``failed`` what a payee did not get of those it was sent;
    ``repaid`` those by which a line paid sellers in its holder's place; ``ordered``
    what an order holds or redirects, ``unsent`` what else a payee is due, ``cuts``
    what orders took of one payout; ``undischarged`` those of an account of the
    debtor's own for which it still owes a receivable.
    """
    payee, item = payout["payee"], payout["id"]
    account, state = payout["account"], payout["state"]
    sort = payout["date"] + "/" + item
    places = []
    if state != "cancelled":
        places.append(("payees", payee, sort))
        places.append(("payouts", account + "/" + payee + "/" + state, sort))
    if state not in ("paid", "cancelled"):
        places.append(("payouts", account, sort))
    if state in UNSENT:
        order = payout.get("order", "")
        places.append(("ordered", order, sort) if order else ("unsent", payee, sort))
        if payout["attempts"] or payout.get("tried", []):
            places.append(("failed", account + "/" + payee, sort))
        places += [("small", name, item) for name in payout.get("receivables", [])]
    if "origin" in payout:
        places.append(("cuts", payout["origin"], item))
    sources = (("refunds", "receipt"), ("repaid", "line"))
    places += [(index, payout[of], sort) for index, of in sources if of in payout]
    if state != "paid" and payout["amount_minor"]:
        names = payout.get("discharges", [])
        places += [("undischarged", name, item) for name in names]
    return places + [("attempts", attempt, item) for attempt in payout["attempts"]]


def index_discrepancy(found: Record) -> Places:
    """Order an account's open and cleared discrepancies.

    ``ends`` finds open ones by what a later fact would name.
    """
    account, order, state = found["account"], found["order"], "open"
    if found["state"] != "open":
        state = "cleared"
    places = [("discrepancies", account + "/" + state, order)]
    if state == "open" and "end" in found:
        places.append(("ends", account + "/" + found["end"], order))
    return places


def index_misdirected(report: Record) -> Places:
    """Order what a member got that was due to the account, by receivable."""
    partition = report["receivable"] + "/" + report["recipient"]
    return [("misdirected", partition, report["id"])]


def index_payto(payto: Record) -> Places:
    """List changes of a receivable's account, latest deadline last."""
    sort = order_key(payto["until_ms"]) + "/" + payto["id"]
    return [("paytos", payto["receivable"], sort)]


def index_programme(programme: Record) -> Places:
    """List all programmes, and those of a collection account."""
    item = programme["id"]
    return [("all", "programme", item), ("terms", programme["account"], item)]


def index_contest(record: Record) -> Places:
    """Order a receivable's disputes and reductions."""
    return [("contests", record["receivable"], record["placed"])]


def index_by_name(record: Record) -> Places:
    """List all records of a kind by id."""
    return [("all", record["kind"], record["id"])]


KINDS = (
    Kind("programme", places=index_programme),
    Kind("exposure"),
    Kind("account", places=index_by_name),
    Kind("payout_account", scoped=True),
    Kind("receivable", places=index_receivable),
    Kind("invoice"),
    Kind("near"),
    Kind("tile", scoped=True, interval=True, places=index_tile),
    Kind("offer", places=index_offer),
    Kind("deal", places=index_deal),
    Kind("request", places=index_request),
    Kind("quote", places=index_request),
    Kind("advice", places=index_advice),
    Kind("entry", places=index_entry),
    Kind("receipt", places=index_receipt),
    Kind("share", scoped=True, places=index_share),
    Kind("sweep"),
    Kind("line", places=index_line),
    Kind("interest", scoped=True, places=index_interest),
    Kind("payout", places=index_payout),
    Kind("claim", scoped=True, places=index_claim),
    Kind("discrepancy", places=index_discrepancy),
    Kind("misdirected", places=index_misdirected),
    Kind("payto", places=index_payto),
    Kind("answer", scoped=True),
    Kind("order", places=index_by_name),
    Kind("standing", places=index_by_name),
    Kind("dispute", places=index_contest),
    Kind("reduction", places=index_contest),
    Kind("closing", scoped=True),
)

Change = tuple[Record | None, Record | None]

# I6: what a receivable is never changes.
FIXED = (
    "currency",
    "debtor",
    "due_date",
    "face_minor",
    "programme",
    "rule",
)


def check_changes(changes: list[Change]) -> str:
    """Return the name of a broken invariant over touched records, or ""."""
    units: dict[str, int] = {}
    others = []
    for before, after in changes:
        kind = (before or after or {})["kind"]
        if kind == "tile":
            _move_units(units, before, after)
        elif after is not None:
            others.append((before, after))
    for before, after in others:
        broken = _check_record(before, after, units)
        if broken:
            return broken
    return "I2" if units and any(units.values()) else ""


def _check_record(before: Record | None, after: Record, units: dict[str, int]) -> str:
    if after["kind"] == "receivable":
        return _check_receivable(before, after, units) or _check_fixed(before, after)
    if after["kind"] == "programme" and before is not None:
        return "I16"
    if after["kind"] == "account":
        return _check_account(after)
    if after["kind"] == "invoice" and after["used_minor"] > after["amount_minor"]:
        return "I4"
    return ""


def _move_units(
    units: dict[str, int], before: Record | None, after: Record | None
) -> None:
    if (
        before is not None
        and after is not None
        and before["hi"] == after["hi"]
        and before["state"] == after["state"]
    ):
        return
    if before is not None:
        key = before["scope"] + "/" + before["state"]
        units[key] = units.get(key, 0) - before["hi"] + before["lo"]
    if after is not None:
        key = after["scope"] + "/" + after["state"]
        units[key] = units.get(key, 0) + after["hi"] - after["lo"]


def _check_receivable(
    before: Record | None, after: Record, units: dict[str, int]
) -> str:
    total = 0
    for state in (LIVE, RETIRED, REDUCED):
        name = state + "_minor"
        was = 0 if before is None else before[name]
        key = after["id"] + "/" + state
        if after[name] - was != units.get(key, 0):
            return "I2"
        units[key] = 0
        total += after[name]
    if after["state"] in OPEN_STATES and total != after["face_minor"]:
        return "I2"
    if after["waiting_minor"] < 0 or after["live_minor"] < 0:
        return "I9"
    return ""


def _check_fixed(before: Record | None, after: Record) -> str:
    if before is None or before["state"] not in OPEN_STATES:
        return ""
    changed = [name for name in FIXED if before[name] != after[name]]
    # A due date moves once, when its business day is decided.
    deciding = "provisional_until_ms" in before and "provisional_until_ms" not in after
    moved = before["adjusted_date"] != after["adjusted_date"] and not deciding
    return "I6" if changed or moved else ""


def _check_account(account: Record) -> str:
    """I8: what came in is somewhere, and the bank's balance follows from it."""
    came = account["receipts_minor"] - account["reversals_minor"]
    went = (
        account["paid_minor"]
        + account["payable_minor"]
        + account["waiting_minor"]
        + account["unassigned_minor"]
        + account["undistributed_minor"]
        + account["suspense_minor"]
        + account["charged_minor"]
        - account["claims_minor"]
    )
    balance = (
        account["opening_minor"]
        + came
        - account["paid_minor"]
        + account["interest_minor"]
        - account["charges_minor"]
        + account["own_minor"]
        + account["unexplained_minor"]
    )
    days = sum([day["net_minor"] for day in account["days"]])
    stated = account["closing_minor"] + days
    return "" if came == went and balance == stated else "I8"
