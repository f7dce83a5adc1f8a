"""The kinds of records the rules keep, their indexes and their invariants.

Fields that later rules need stand here from the start: a tile's pledge and
chain of transferors, the exact interest accumulator of a group, claims owed
back to a collection account, classes of bank entries, held payouts.

Kinds and what their records hold (optional fields in brackets):

``programme``  debtor, lenders, terms; immutable, a new version is a new record
``account``    a collection account: owner, attester, its books, closed days
``payout_account``  where a member is paid, as a salted commitment
``receivable`` parties, face, dates, state, sums of its units, money waiting
``invoice``    identity, amount, used amount; ``near`` lists look-alikes
``tile``       ``[lo, hi)`` live, retired or reduced; holder, rev, locks,
               chain of transferors, transfers, [pledge, receipt, line]
``offer``      who offers which part to whom until when
``entry``      one line of a bank statement, applied once
``receipt``    incoming money and what became of it
``share``      money of a receipt waiting for one receivable
``sweep``      the plan of a distribution and its cursor
``line``       what one group got of one sweep
``interest``   accumulator of a group's retired units, and what it was paid
``payout``     what is due to a holder, its attempts; [held]
``claim``      what a holder owes back to the account after a reversal
"""

from contracts.kit.v1.rule import Kind, Record, order_key

LIVE = "live"
RETIRED = "retired"
REDUCED = "reduced"

# A debtor still owes on these; money may be assigned to them.
OPEN_STATES = ("live", "part_paid", "overdue")


def group_key(tile: Record) -> str:
    """Return what makes units one group in a sweep, as a sort key."""
    parts: list[str] = [
        tile["holder"],
        tile.get("pledge", ""),
        tile["recourse_class"],
    ]
    return "/".join(parts)


def index_live(tile: Record) -> list[tuple[str, str]]:
    """Order live tiles of a receivable by group, then by start."""
    if tile["state"] != LIVE:
        return []
    return [(tile["scope"], group_key(tile) + "/" + order_key(tile["lo"]))]


def index_holdings(tile: Record) -> list[tuple[str, str]]:
    """Order a member's live tiles."""
    if tile["state"] != LIVE:
        return []
    return [(tile["holder"], tile["scope"] + "/" + order_key(tile["lo"]))]


def index_retired(tile: Record) -> list[tuple[str, str]]:
    """Order the tiles that one line of a sweep retired."""
    if tile["state"] != RETIRED:
        return []
    return [(tile["line"], order_key(tile["lo"]))]


def index_retired_groups(tile: Record) -> list[tuple[str, str]]:
    """Order a group's retired tiles by start."""
    if tile["state"] != RETIRED:
        return []
    return [(tile["scope"] + "/" + group_key(tile), order_key(tile["lo"]))]


def index_owed(receivable: Record) -> list[tuple[str, str]]:
    """Order a debtor's open receivables on an account by due date, then age."""
    if receivable["state"] not in OPEN_STATES:
        return []
    return [
        (
            receivable["account"] + "/" + receivable["debtor"],
            order_key(receivable["adjusted_date"], receivable["confirmed_order"]),
        )
    ]


def index_on_account(receivable: Record) -> list[tuple[str, str]]:
    """Order all open receivables of an account by due date, then age."""
    if receivable["state"] not in OPEN_STATES:
        return []
    return [
        (
            receivable["account"],
            order_key(receivable["adjusted_date"], receivable["confirmed_order"]),
        )
    ]


def index_parties(receivable: Record) -> list[tuple[str, str]]:
    """List receivables under their debtor and their supplier."""
    sort = receivable["adjusted_date"] + "/" + receivable["id"]
    return [(receivable["debtor"], sort), (receivable["supplier"], sort)]


def index_offers(offer: Record) -> list[tuple[str, str]]:
    """List offers under giver and receiver."""
    sort = order_key(offer["until_ms"]) + "/" + offer["id"]
    return [(offer["giver"], sort), (offer["receiver"], sort)]


def index_unassigned(receipt: Record) -> list[tuple[str, str]]:
    """Order a debtor's money that waits for nothing in particular yet."""
    if not receipt["unassigned_minor"]:
        return []
    return [(receipt["account"] + "/" + receipt["debtor"], receipt["order"])]


def index_suspense(receipt: Record) -> list[tuple[str, str]]:
    """Order an account's money that nobody could assign."""
    if not receipt["suspense_minor"]:
        return []
    return [(receipt["account"], receipt["order"])]


def index_shares(share: Record) -> list[tuple[str, str]]:
    """Order the money waiting for a receivable by attestation."""
    return [(share["receivable"], share["order"])]


def index_shares_of_receipt(share: Record) -> list[tuple[str, str]]:
    """Order what waits of a receipt."""
    return [(share["scope"], share["receivable"])]


def index_lines(line: Record) -> list[tuple[str, str]]:
    """Order the lines a receipt paid."""
    return [(line["receipt"], line["order"])]


def index_interest(interest: Record) -> list[tuple[str, str]]:
    """Order a receivable's groups that have an accumulator."""
    return [(interest["scope"], interest["id"])]


def index_payouts(payout: Record) -> list[tuple[str, str]]:
    """Order an account's payouts that are not paid yet, and each payee's."""
    sort = order_key(payout["date"]) + "/" + payout["id"]
    rows = [(payout["account"] + "/" + payout["payee"] + "/" + payout["state"], sort)]
    if payout["state"] != "paid":
        rows.append((payout["account"], sort))
    return rows


def index_payees(payout: Record) -> list[tuple[str, str]]:
    """Order all payouts of a payee."""
    return [(payout["payee"], payout["date"] + "/" + payout["id"])]


def index_attempts(payout: Record) -> list[tuple[str, str]]:
    """Find a payout by the end-to-end id of any of its attempts."""
    return [(attempt, payout["id"]) for attempt in payout["attempts"]]


def index_by_name(record: Record) -> list[tuple[str, str]]:
    """List all records of a kind by id."""
    return [(record["kind"], record["id"])]


def index_used(receivable: Record) -> list[tuple[str, str]]:
    """Find the open receivables of a debtor that use an invoice number."""
    if receivable["state"] not in OPEN_STATES:
        return []
    return [
        (receivable["debtor"] + "/" + use["number"], receivable["id"])
        for use in receivable["invoices"]
    ]


KINDS = (
    Kind("programme", indexes=(("all", index_by_name),)),
    Kind("account", indexes=(("all", index_by_name),)),
    Kind("payout_account", scoped=True),
    Kind(
        "receivable",
        indexes=(
            ("owed", index_owed),
            ("on_account", index_on_account),
            ("parties", index_parties),
            ("used", index_used),
        ),
    ),
    Kind("invoice"),
    Kind("near"),
    Kind(
        "tile",
        scoped=True,
        interval=True,
        indexes=(
            ("live", index_live),
            ("holdings", index_holdings),
            ("retired", index_retired),
            ("retired_groups", index_retired_groups),
        ),
    ),
    Kind("offer", indexes=(("offers", index_offers),)),
    Kind("entry"),
    Kind(
        "receipt",
        indexes=(("unassigned", index_unassigned), ("suspense", index_suspense)),
    ),
    Kind(
        "share",
        scoped=True,
        indexes=(("shares", index_shares), ("receipt_shares", index_shares_of_receipt)),
    ),
    Kind("sweep"),
    Kind("line", indexes=(("lines", index_lines),)),
    Kind("interest", scoped=True, indexes=(("interest", index_interest),)),
    Kind(
        "payout",
        indexes=(
            ("payouts", index_payouts),
            ("payees", index_payees),
            ("attempts", index_attempts),
        ),
    ),
    Kind("claim", scoped=True),
)

Change = tuple[Record | None, Record | None]

# I6: what a receivable is never changes.
FIXED = (
    "account",
    "adjusted_date",
    "currency",
    "debtor",
    "face_minor",
    "programme",
    "rule",
    "terms",
)


def check_changes(changes: list[Change]) -> str:
    """Return the name of a broken invariant over touched records, or ""."""
    units: dict[str, int] = {}
    for before, after in changes:
        _add_units(units, before, -1)
        _add_units(units, after, 1)
    for before, after in changes:
        if after is not None:
            broken = _check_record(before, after, units)
            if broken:
                return broken
    return "I2" if any(units.values()) else ""


def _check_record(before: Record | None, after: Record, units: dict[str, int]) -> str:
    if after["kind"] == "receivable":
        return _check_receivable(before, after, units) or _check_fixed(before, after)
    if after["kind"] == "account":
        return _check_account(after)
    if after["kind"] == "invoice" and after["used_minor"] > after["amount_minor"]:
        return "I4"
    return ""


def _add_units(units: dict[str, int], tile: Record | None, sign: int) -> None:
    if tile is not None and tile["kind"] == "tile":
        key = tile["scope"] + "/" + tile["state"]
        units[key] = units.get(key, 0) + sign * (tile["hi"] - tile["lo"])


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
    return "I6" if changed else ""


def _check_account(account: Record) -> str:
    came = account["receipts_minor"] - account["reversals_minor"]
    went = (
        account["paid_minor"]
        + account["payable_minor"]
        + account["waiting_minor"]
        + account["unassigned_minor"]
        + account["undistributed_minor"]
        + account["suspense_minor"]
        - account["claims_minor"]
    )
    return "" if came == went else "I8"
