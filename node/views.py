"""Questions people ask, answered from state indexes and from history.

Everything here reads through a sight, so what its reader may not see is absent
from lists, counts and cursors alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import takewhile
from typing import Final

from ledger.currency import EXPONENTS
from ledger.encoding import JSONObject, load_record
from ledger.errors import LedgerError
from ledger.state import State, read_record, scan_records
from node.config import PAGE_ROWS_MAX
from node.streams import describe_event
from node.ties import walk_tiles
from node.visibility import Sight, of_event

PROPOSED: Final = ("submitted", "countered", "issued")
FACTS: Final = (
    *("account", "adjusted_date", "currency", "debtor", "due_date", "face_minor"),
    *("programme", "state", "supplier"),
)
_ITEM: Final = re.compile(r"[0-9a-zA-Z./_-]{1,200}")
_UNITS: Final = re.compile(r"0|[1-9][0-9]{0,15}")

Row = tuple[str, JSONObject]  # sort key, item
Maybe = tuple[str, JSONObject | None]  # the item, if it is to be seen


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is asked for.

    Attributes:
        limit: items at most, 1 to 500.
        after: sort key of the last item known, empty from the start.
        seal: makes a cursor of a sort key.
    """

    limit: int
    after: str
    seal: Callable[[str], str]


def page_of(rows: Iterable[Maybe], page: Page) -> JSONObject:
    """Return a page of rows in order; rows without an item are left out."""
    items: list[JSONObject] = []
    last = ""
    for count, (sort, item) in enumerate(rows):
        full = len(items) >= page.limit and item is not None
        if full or count >= PAGE_ROWS_MAX:
            return {"items": items, "next_cursor": page.seal(last)}
        last = sort
        if item is not None:
            items.append(item)
    return {"items": items}


def _scan(state: State, index: str, partition: str, after: str) -> Iterator[Row]:
    for sort, key in state.entries((index, partition), after, None):
        raw = state.get(key)
        if raw is not None:
            yield sort, load_record(raw)


def _only(rows: Iterable[Row], wanted: Callable[[JSONObject], bool]) -> Iterator[Row]:
    return (row for row in rows if wanted(row[1]))


def need(sight: Sight, kind: str, item: str, scope: str = "") -> JSONObject:
    """Return a record.

    Raises:
        LedgerError: ``not_found``, there is none, or none for this reader.
    """
    declared = sight.base.kinds.get(kind)
    if declared is None or not _ITEM.fullmatch(item) or declared.scoped != bool(scope):
        raise LedgerError("not_found", found=kind)
    if declared.interval and not _UNITS.fullmatch(item):
        raise LedgerError("not_found", found=kind)
    record = read_record(sight.state, kind, item, scope)
    if record is None:
        raise LedgerError("not_found", found=kind)
    return record


# -- members ----------------------------------------------------------------------


def list_members(sight: Sight, page: Page) -> JSONObject:
    """Return the members by name."""
    return page_of(_scan(sight.state, "members", "", page.after), page)


def list_keys(sight: Sight, member: str) -> JSONObject:
    """Return the keys of a member, the ended ones too."""
    need(sight, "member", member)
    return {"items": list(scan_records(sight.state, "keys", member))}


def list_payout_accounts(sight: Sight, member: str) -> JSONObject:
    """Return where a member is paid, as commitments."""
    need(sight, "member", member)
    found = (
        read_record(sight.state, "payout_account", currency, member)
        for currency in sorted(EXPONENTS)
    )
    return {"items": [record for record in found if record is not None]}


def list_kind(sight: Sight, kind: str, page: Page) -> JSONObject:
    """Return all records of a kind."""
    return page_of(_scan(sight.state, "all", kind, page.after), page)


def list_entries(sight: Sight, account: str, since: str, page: Page) -> JSONObject:
    """Return the bank entries of an account from a booking date on."""
    need(sight, "account", account)
    after = max(page.after, since)
    return page_of(_scan(sight.state, "entries", account, after), page)


def list_discrepancies(
    sight: Sight, account: str, state: str, page: Page
) -> JSONObject:
    """Return what did not fit on an account, in the order it was found."""
    need(sight, "account", account)
    states = [state] if state else ["cleared", "open"]
    places = [f"{account}/{each}" for each in states]
    streams = [_scan(sight.state, "discrepancies", p, page.after) for p in places]
    return page_of(merge(*streams, key=lambda row: row[0]), page)


def list_disputes(sight: Sight, receivable: str, page: Page) -> JSONObject:
    """Return the disputes of a receivable, oldest first."""
    need(sight, "receivable", receivable)
    rows = _scan(sight.state, "contests", receivable, page.after)
    return page_of(_only(rows, lambda record: record["kind"] == "dispute"), page)


# How long before a calendar runs out those who keep it are told.
CALENDAR_ALARM_MS: Final = 90 * 86_400_000
_PLACE: Final = re.compile(r"[0-9]{16}/[0-9]{7}")


def list_acts_of_key(sight: Sight, key: str, since: int, page: Page) -> JSONObject:
    """Return what a key signed since a height, oldest first."""
    need(sight, "key", key)
    if page.after and not _PLACE.fullmatch(page.after):
        raise LedgerError("bad_request", expected="a cursor of this interface")
    start = int(page.after[:16]) if page.after else since
    rows = (
        (f"{height:016d}/{position:07d}", act if act and _may(sight, act) else None)
        for height, position, act in sight.history.signed_by(key, start)
    )
    return page_of((row for row in rows if row[0] > page.after), page)


def _may(sight: Sight, act: JSONObject) -> bool:
    return sight.may_see({**act, "kind": "transaction"})


def latest_calendars(state: State) -> list[JSONObject]:
    """Return the latest version of each calendar, and how far it is published."""
    latest = {row["calendar"]: row for row in scan_records(state, "all", "calendar")}
    names = ("calendar", "id", "through", "version")
    return [{name: row[name] for name in names} for row in latest.values()]


def _calendars_to_publish(sight: Sight) -> Iterator[JSONObject]:
    soon = datetime.fromtimestamp((sight.time + CALENDAR_ALARM_MS) // 1000, UTC)
    keeps = sight.reader.roles & {"operator", "lender", "regulator"}
    for row in latest_calendars(sight.base) if keeps else ():
        if row["through"] < soon.date().isoformat():
            yield {**row, "kind": "calendar", "what": "a year to publish"}


# How long a member is told that it got or lost a key; these have no delay.
KEY_NOTICE_MS: Final = 7 * 86_400_000


def _changed_keys(sight: Sight) -> Iterator[JSONObject]:
    """Yield the reader's own keys that were added or ended lately."""
    names = (("from_height", "a key was added"), ("until_height", "a key was ended"))
    for key in scan_records(sight.base, "keys", sight.reader.member):
        for name, what in names:
            height = key.get(name, 0) - 1
            if 0 < height <= sight.history.height:
                told = sight.history.placed(height)
                until = told[0].time + KEY_NOTICE_MS if told else 0
                if until > sight.time:
                    yield {**key, "until_ms": until, "what": what}


def _planned_changes(sight: Sight, currencies: Sequence[str]) -> Iterator[JSONObject]:
    """Yield the reader's own keys, policy and accounts that are to be replaced."""
    own = sight.reader.member
    policy = read_record(sight.base, "policy", own)
    if policy is not None and policy.get("from_time", 0) > sight.time:
        until = policy["from_time"]
        yield {**policy, "until_ms": until, "what": "a change of approvals"}
    recovery = read_record(sight.base, "recovery", own)
    if recovery is not None and recovery["from_time"] > sight.time:
        yield {**recovery, "what": "a recovery you can veto"}
    for currency in currencies:
        record = read_record(sight.base, "payout_account", currency, own)
        planned = {} if record is None else record.get("next", {})
        if record is not None and planned.get("from_time", 0) > sight.time:
            yield {**record, "what": "a change you can veto"}


# -- receivables ----------------------------------------------------------------------


def list_receivables(sight: Sight, state: str | None, page: Page) -> JSONObject:
    """Return the receivables a reader is party to, by due date."""
    holders = [_as_holder(sight, one, page.after) for one in (sight, *sight.views)]
    streams = (_of_members(sight, "parties", page.after), *holders)
    rows = _distinct(merge(*streams, key=lambda row: row[0]))
    return page_of(_only(rows, lambda r: state in (None, r["state"])), page)


def _as_holder(sight: Sight, holder: Sight, after: str) -> Iterator[Row]:
    ever = sight.history.ever_held(holder.reader.member)
    rows = []
    for item in {*holder.held, *holder.offered, *ever}:
        record = read_record(sight.state, "receivable", item)
        if record is not None:
            rows.append((record["adjusted_date"] + "/" + item, record))
    return iter(sorted((row for row in rows if row[0] > after), key=lambda row: row[0]))


def _distinct(rows: Iterable[Row]) -> Iterator[Row]:
    last = ""
    for row in rows:
        if row[0] != last:
            yield row
        last = row[0]


def list_tiles(sight: Sight, receivable: str, page: Page) -> JSONObject:
    """Return the tiles of a receivable that a reader holds, by position."""
    need(sight, "receivable", receivable)
    rows = (
        (f"{tile['lo']:016d}", _name_parent(tile) if sight.may_see(tile) else None)
        for tile in walk_tiles(
            sight.base, receivable, _next_lo(sight, receivable, page)
        )
    )
    return page_of(rows, page)


def _name_parent(tile: JSONObject) -> JSONObject:
    return {**tile, "receivable": tile["scope"]}


def _next_lo(sight: Sight, receivable: str, page: Page) -> int:
    if not page.after:
        return 0
    if not page.after.isdecimal() or len(page.after) > 16:
        raise LedgerError("bad_request", expected="a cursor of this interface")
    tile = read_record(sight.base, "tile", str(int(page.after)), receivable)
    # Cut or joined since: start anew rather than leave something out.
    return 0 if tile is None else int(tile["hi"])


def list_history(sight: Sight, receivable: str, page: Page) -> JSONObject:
    """Return the steps of a receivable that a reader may see, oldest first.

    Raises:
        LedgerError: ``not_found``, the reader has seen none of it.
    """
    if page.after and (not page.after.isdecimal() or len(page.after) > 16):
        raise LedgerError("bad_request", expected="a cursor of this interface")
    start = int(page.after) if page.after else -1
    events = sight.history.events_of(receivable, start)
    rows = (
        (
            str(number),
            describe_event(sight, event) if sight.may_see(of_event(event)) else None,
        )
        for number, event in enumerate(events, start + 1)
    )
    found = page_of(rows, page)
    if not found["items"] and not page.after:
        need(sight, "receivable", receivable)
    return found | {"indexed_height": sight.history.height}


def show_lineage(sight: Sight, receivable: str) -> JSONObject:
    """Return who passed what to whom, as a tree, and what stands now.

    A node of the tree is an interval that passed to a holder; below it are
    the parts that passed on from there. A reader's tree has its own steps.

    Raises:
        LedgerError: ``not_found``, the reader has part in none of it.
    """
    steps = [
        describe_event(sight, event)
        for event in sight.history.events_of(receivable)
        if "receiver" in event.content and sight.may_see(of_event(event))
    ]
    record = read_record(sight.state, "receivable", receivable)
    if record is None and not steps:
        raise LedgerError("not_found", found="receivable")
    tiles = [tile for tile in walk_tiles(sight.base, receivable) if sight.may_see(tile)]
    return {
        "indexed_height": sight.history.height,
        "receivable": receivable,
        "steps": steps,
        "tiles": tiles,
        "tree": _grow_tree(record, steps),
    }


def _grow_tree(record: JSONObject | None, steps: Sequence[JSONObject]) -> JSONObject:
    root: JSONObject = {"children": []}
    if record is not None:
        root |= {"hi": record["face_minor"], "holder": record["supplier"], "lo": 0}
    for step in steps:
        event = step["event"]
        lo, hi = event["lo"], event["hi"]
        node = root
        while True:
            inner = [c for c in node["children"] if c["lo"] <= lo and hi <= c["hi"]]
            if not inner:
                break
            node = inner[-1]
        child = {"children": [], "hi": hi, "holder": event["receiver"], "lo": lo}
        node["children"].append(child | {"from": event["giver"], **_place(step)})
    return root


def _place(step: JSONObject) -> JSONObject:
    return {name: step[name] for name in ("height", "time", "tx") if name in step}


# -- what is mine ---------------------------------------------------------------------


def list_holdings(sight: Sight, page: Page) -> JSONObject:
    """Return the reader's own live tiles with facts of their receivables."""
    rows = _scan(sight.state, "holdings", sight.reader.member, page.after)
    return page_of(((sort, _with_facts(sight, tile)) for sort, tile in rows), page)


def _with_facts(sight: Sight, tile: JSONObject) -> JSONObject:
    record = need(sight, "receivable", tile["scope"])
    facts = {name: record[name] for name in FACTS}
    amount = tile["hi"] - tile["lo"]
    return {
        **facts,
        **tile,
        "amount_minor": amount,
        "receivable": tile["scope"],
        "receivable_state": record["state"],
    }


def list_own(sight: Sight, index: str, page: Page) -> JSONObject:
    """Return the records of an index of both sides of which the reader is one."""
    return page_of(_of_members(sight, index, page.after), page)


def _of_members(sight: Sight, index: str, after: str) -> Iterator[Row]:
    """Yield what an index has for a reader, or for whom it was granted."""
    streams = [_scan(sight.state, index, member, after) for member in sight.members]
    return _distinct(merge(*streams, key=lambda row: row[0]))


def list_paytos(sight: Sight, page: Page) -> JSONObject:
    """Return the changes of account of what a reader holds or owes."""
    state, concerned = sight.state, set()
    for member in sight.members:
        concerned |= {row["id"] for row in scan_records(state, "parties", member)}
        concerned |= {*_held(sight, member)}
    rows = (row for row in _paytos(sight, concerned) if row[0] > page.after)
    return page_of(rows, page)


def _held(sight: Sight, member: str) -> Iterator[str]:
    """Yield the receivables that a member has parts of, each once."""
    after = ""
    while True:
        rows = sight.state.entries(("holdings", member), after, None)
        sort = next((row[0] for row in rows), "")
        if not sort:
            return
        item = sort.partition("/")[0]
        yield item
        after = f"{item}0"  # behind every sort key that begins with it and "/"


def _paytos(sight: Sight, receivables: Iterable[str]) -> Iterator[Row]:
    """Yield changes of account by receivable, with what the reader answered."""
    for item in sorted(receivables):
        for sort, payto in _scan(sight.state, "paytos", item, ""):
            own = read_record(sight.state, "answer", sight.reader.member, payto["id"])
            said = {} if own is None else {"agrees": own["agrees"]}
            yield f"{item}/{sort}", {**payto, **said}


def _paytos_to_answer(sight: Sight) -> Iterator[JSONObject]:
    for _, payto in _paytos(sight, _held(sight, sight.reader.member)):
        is_open = payto["state"] == "open" and payto["until_ms"] >= sight.time
        if is_open and "agrees" not in payto and not sight.is_any(payto["debtor"]):
            yield {**payto, "what": "change of account to pay to"}


def list_inbox(sight: Sight) -> JSONObject:
    """Return the records that wait for an answer of the reader."""
    accounts = scan_records(sight.base, "all", "account")
    currencies = sorted({account["currency"] for account in accounts})
    items = [
        *(
            record
            for index, party, until in ASKING
            for record in _my(sight, index)
            if sight.is_any(record[party])
            and record[until] >= sight.time
            and _has_all(sight, record)
        ),
        *(d for d in _my(sight, "deals") if _is_open_deal(sight, d)),
        *_registered(sight),
        *(r for r in _my(sight, "parties") if _is_my_turn(sight, r)),
        *_unverified_accounts(sight, currencies),
        *_changed_keys(sight),
        *_planned_changes(sight, currencies),
        *_calendars_to_publish(sight),
        *_payouts_to_instruct(sight),
        *_misfits(sight),
        *_open_disputes(sight),
        *_paytos_to_answer(sight),
        *_binding_orders(sight),
    ]
    return {"items": items}


def _my(sight: Sight, index: str) -> Iterator[JSONObject]:
    return scan_records(sight.state, index, sight.reader.member)


# What one side may answer until a moment, by index.
ASKING: Final = (
    ("offers", "receiver", "until_ms"),
    ("requests", "lender", "until_ms"),
    ("quotes", "seller", "until_ms"),
)


def _has_all(sight: Sight, asked: JSONObject) -> bool:
    """Say whether a seller still has all units of which it asked the price."""
    seller, units = asked.get("seller"), asked["hi"] - asked["lo"]
    return not seller or bool(_count_units(sight, seller, asked) == units)


def _is_open_deal(sight: Sight, deal: JSONObject) -> bool:
    if deal.get("owed_minor"):
        return True
    if deal["state"] != "open" or deal["pay_by_ms"] < sight.time:
        return False
    return sight.is_any(deal["payer"]) or deal["way"] == "direct"


def _registered(sight: Sight) -> Iterator[JSONObject]:
    """Yield the reader's deals that ended while a registry record stands."""
    for deal in _my(sight, "deals"):
        ended = any(row["change"] == "discharged" for row in deal.get("filings", []))
        if "registration" not in deal or ended or not sight.is_any(deal["payer"]):
            continue
        if deal["state"] == "open" or (
            deal["state"] == "moved" and _count_units(sight, deal["payer"], deal)
        ):
            continue
        yield {**deal, "what": "a registration to discharge"}


def _count_units(sight: Sight, member: str, part: JSONObject) -> int:
    """Return how many units of a part a member has."""
    item, lo, hi = part["receivable"], part["lo"], part["hi"]
    own = scan_records(sight.base, "holdings", member, f"{item}/")
    tiles = takewhile(lambda tile: tile["scope"] == item, own)
    return sum(max(0, min(t["hi"], hi) - max(t["lo"], lo)) for t in tiles)


def _is_my_turn(sight: Sight, record: JSONObject) -> bool:
    if record["state"] not in PROPOSED or record["deadline_ms"] < sight.time:
        return False
    answers = "debtor" if record["proposer"] == "supplier" else "supplier"
    return sight.is_any(record[answers])


def _unverified_accounts(
    sight: Sight, currencies: Sequence[str]
) -> Iterator[JSONObject]:
    for member in scan_records(sight.state, "members", ""):
        for currency in currencies:
            record = read_record(sight.state, "payout_account", currency, member["id"])
            planned = {} if record is None else record.get("next", {})
            waits = sight.is_any(planned.get("attester")) and not planned["verified"]
            if record is not None and waits:
                yield record


def _payouts_to_instruct(sight: Sight) -> Iterator[JSONObject]:
    for account in scan_records(sight.state, "all", "account"):
        if sight.is_any(account["owner"]):
            for payout in scan_records(sight.state, "payouts", account["id"]):
                if payout["state"] == "due" and payout["amount_minor"]:
                    yield payout


def _misfits(sight: Sight) -> Iterator[JSONObject]:
    for account in scan_records(sight.state, "all", "account"):
        if sight.is_any(account["owner"], account["attester"]):
            yield from scan_records(
                sight.state, "discrepancies", account["id"] + "/open"
            )


def _open_disputes(sight: Sight) -> Iterator[JSONObject]:
    for record in _my(sight, "parties"):
        for found in scan_records(sight.state, "contests", record["id"]):
            is_open = found["kind"] == "dispute" and found["state"] == "open"
            if is_open and found["until_ms"] >= sight.time:
                yield found


def _binding_orders(sight: Sight) -> Iterator[JSONObject]:
    """Yield orders in force on the reader, its units or its money; none of its own."""
    for order in scan_records(sight.base, "all", "order"):
        in_force = order["state"] == "in_force" and order["until_ms"] >= sight.time
        placed = sight.is_any(order["placer"], order.get("guardian"))
        if in_force and not placed and sight.sees_alone("order", order["id"]):
            yield order


def list_payouts(
    sight: Sight, page: Page, account: str, payee: str, state: str
) -> JSONObject:
    """Return payouts of an account, of a payee, or of the reader."""
    if payee or not account:
        payees = [payee] if payee else sight.members
        streams = [_scan(sight.state, "payees", p, page.after) for p in payees]
    else:
        need(sight, "account", account)
        partitions = [account]
        if state == "paid":
            members = scan_records(sight.base, "members", "")
            partitions = [f"{account}/{member['id']}/paid" for member in members]
        streams = [_scan(sight.state, "payouts", p, page.after) for p in partitions]
    rows = merge(*streams, key=lambda row: row[0])
    return page_of(
        _only(
            rows,
            lambda payout: (
                account in ("", payout["account"]) and state in ("", payout["state"])
            ),
        ),
        page,
    )


def list_receipts(sight: Sight, account: str, page: Page) -> JSONObject:
    """Return incoming money of an account that is not distributed yet."""
    found: dict[str, JSONObject] = {}
    listed = any(s.sees_all or s.runs_account(account) for s in (sight, *sight.views))
    for receipt in scan_records(sight.state, "suspense", account):
        if listed or receipt["debtor"]:
            found[receipt["id"]] = receipt
    for member in scan_records(sight.base, "members", ""):
        partition = f"{account}/{member['id']}"
        for receipt in scan_records(sight.state, "unassigned", partition):
            found[receipt["id"]] = receipt
    for share in _waiting_shares(sight, account):
        known = read_record(sight.state, "receipt", share["scope"])
        if known is None:
            continue  # who was granted a receivable sees its share alone
        receipt = found.get(share["scope"], known)
        waiting = [*receipt.get("waiting", []), share]
        found[receipt["id"]] = {**receipt, "waiting": waiting}
    later = (r for r in found.values() if r["order"] > page.after)
    rows = sorted(((r["order"], r) for r in later), key=lambda row: row[0])
    return page_of(rows, page)


def _waiting_shares(sight: Sight, account: str) -> Iterator[JSONObject]:
    for receivable in scan_records(sight.base, "on_account", account):
        if receivable["waiting_minor"]:
            yield from scan_records(sight.state, "shares", receivable["id"])
