"""What a member's figures are made of: each view is rows and their columns."""

# ruff: noqa: PLC0415 - rules take longer to load than most commands to run

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.amounts import format_amount
from cli.incoming import list_incoming, spread_incoming
from cli.lookup import name_holding
from cli.session import is_missing
from cli.signing.file import read_signing_file
from cli.signing.sending import read_batch
from cli.tables import Column, table
from cli.wallet.keyheader import read_header
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

OWING: Final = ("live", "part_paid", "overdue", "default", "recovering")
LATE: Final = ("overdue", "default", "recovering")
FUNDED_DAYS: Final = (5, 1)
# Covers of orders on all that a member holds; an insolvency is one on payouts.
WHOLE: Final = ("member", "payouts")
BANDS: Final = ((7, "to 7"), (30, "to 30"), (90, "to 90"))

Rows = list[JSONObject]


class View(NamedTuple):
    """A list of records that people ask for.

    Attributes:
        title: one line.
        columns: of each row.
        read: returns the rows, from what the member may see.
    """

    title: str
    columns: tuple[Column, ...]
    read: Callable[[Any], Rows]


def today_of(lookup: Any) -> date:
    """Return the ledger's date in UTC."""
    return datetime.fromtimestamp(lookup.session.now_ms() // 1000, UTC).date()


def sum_rows(rows: Iterable[JSONObject], *keys: str, field: str) -> Rows:
    """Return the sum and the count of a field for each combination of keys."""
    sums: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        sums.setdefault(tuple(str(row[key]) for key in keys), []).append(row[field])
    return [
        {**dict(zip(keys, name, strict=True)), "count": len(found), field: sum(found)}
        for name, found in sorted(sums.items())
    ]


# -- what one holds --


def read_holdings(lookup: Any) -> Rows:
    """Return the member's live parts with their receivable's facts."""
    rows = []
    orders = _list_own_orders(lookup)
    everything = {row["what"] for row in orders if row["cover"] in WHOLE}
    for tile in lookup.session.client.items("/v1/holdings"):
        record = {**tile, "id": tile["receivable"]}
        locks = {str(lock.get("kind", "lock")) for lock in tile.get("locks", [])}
        locks |= everything
        kept = 0 if locks else _sum_kept(orders, tile["currency"])
        if kept:
            locks = {f"freeze of {format_amount(kept, tile['currency'])} in all"}
        rows.append(
            {
                **tile,
                "amount_minor": tile["hi"] - tile["lo"],
                "giver": tile["chain"][-1]["member"] if tile.get("chain") else "",
                "holding": name_holding(record, tile),
                "kept_minor": kept,
                "kind": "tile",
                "locked": ", ".join(sorted(locks)),
            }
        )
    return rows


def _list_own_orders(lookup: Any) -> Rows:
    """Return the orders in force that keep the member from passing parts on."""
    now_ms = lookup.session.now_ms()
    return [
        row
        for row in lookup.session.client.items("/v1/orders")
        if row.get("member") == lookup.session.member
        and row["state"] == "in_force"
        and row["until_ms"] >= now_ms
        and not row.get("disposal")
    ]


def _sum_kept(orders: Rows, currency: str) -> int:
    """Return what orders on an amount want kept, of no part in particular."""
    return sum(
        row["limit_minor"] - row["taken_minor"]
        for row in orders
        if row["cover"] == "amount" and row["currency"] == currency
    )


def read_payouts(lookup: Any) -> Rows:
    """Return what was, is and will be paid out to the member."""
    rows = lookup.session.client.items("/v1/payouts", payee=lookup.session.member)
    return [row for row in rows if row.get("amount_minor")]


def read_claims(lookup: Any) -> Rows:
    """Return the payouts to the member that the bank has not attested paid."""
    return [row for row in read_payouts(lookup) if row["state"] != "paid"]


def read_suspense(lookup: Any) -> Rows:
    """Return the money in suspense that the member itself paid in."""
    member = lookup.session.member
    rows = list_incoming(lookup.session)
    return [row for row in rows if row["suspense_minor"] and row["debtor"] == member]


def read_totals(lookup: Any) -> Rows:
    """Return what is owed, claimed, paid and in suspense, by currency."""
    holdings, payouts = read_holdings(lookup), read_payouts(lookup)
    late = [row for row in holdings if row["receivable_state"] in LATE]
    locked = [row for row in holdings if row["locked"] and not row["kept_minor"]]
    parts: dict[str, tuple[Rows, str]] = {
        "amount_minor": (holdings, "amount_minor"),
        "overdue_minor": (late, "amount_minor"),
        "locked_minor": (locked, "amount_minor"),
        "claims_minor": ([r for r in payouts if r["state"] != "paid"], "amount_minor"),
        "paid_minor": ([r for r in payouts if r["state"] == "paid"], "amount_minor"),
        "suspense_minor": (read_suspense(lookup), "suspense_minor"),
    }
    totals: dict[str, JSONObject] = {}
    for name, (rows, field) in parts.items():
        for row in sum_rows(rows, "currency", field=field):
            empty = {"currency": row["currency"], **dict.fromkeys(parts, 0)}
            totals.setdefault(row["currency"], empty)[name] = row[field]
    for currency, total in totals.items():
        kept = {r["kept_minor"] for r in holdings if r["currency"] == currency}
        free = total["amount_minor"] - total["locked_minor"]
        total["locked_minor"] += min(free, max(kept, default=0))
    return [totals[currency] for currency in sorted(totals)]


def read_due(lookup: Any) -> Rows:
    """Return what is owed to the member by date and currency."""
    rows = read_holdings(lookup)
    return sum_rows(rows, "adjusted_date", "currency", field="amount_minor")


def read_exposure(lookup: Any) -> Rows:
    """Return what is held by debtor, by supplier and by currency."""
    names = ("debtor", "supplier", "currency")
    held = read_holdings(lookup)
    late = [row for row in held if row["receivable_state"] in LATE]
    overdue = {
        tuple(row[name] for name in names): row["amount_minor"]
        for row in sum_rows(late, *names, field="amount_minor")
    }
    return [
        {**row, "overdue_minor": overdue.get(tuple(row[name] for name in names), 0)}
        for row in sum_rows(held, *names, field="amount_minor")
    ]


# -- what one has to pay, or to place --


def read_receivables(lookup: Any) -> Rows:
    """Return every receivable the member may see."""
    return list(lookup.session.client.items("/v1/receivables"))


def read_funding(lookup: Any) -> Rows:
    """Return what a debtor has to have on which account, and when."""
    client = lookup.session.client
    member, today = lookup.own, today_of(lookup)
    calendars = {row["calendar"]: row for row in client.items("/v1/calendars")}
    named = {
        row["id"]: row.get("calendar", "default")
        for row in client.items("/v1/programmes")
    }
    needed = [
        {**row, "calendar": named.get(row["programme"], "default")}
        for row in _owed_by(member, read_receivables(lookup))
        if row["state"] in OWING
    ]
    names = ("adjusted_date", "account", "currency", "calendar")
    rows = []
    for row in sum_rows(needed, *names, field="amount_minor"):
        due = date.fromisoformat(row["adjusted_date"])
        calendar = calendars.get(row["calendar"], {})
        first, last = (step_back(due, days, calendar) for days in FUNDED_DAYS)
        window = f"{first} to {last}" if last >= today else "now"
        rows.append({**row, "window": window})
    return rows


def _owed_by(member: str, rows: Rows) -> Iterator[JSONObject]:
    """Yield what a debtor still has to pay in, less what waits already."""
    for row in rows:
        amount = row["live_minor"] - row.get("waiting_minor", 0)
        if row["debtor"] == member and amount > 0:
            yield {**row, "amount_minor": amount}


def step_back(day: date, days: int, calendar: Mapping[str, Any]) -> date:
    """Return the business day that lies so many business days before a date."""
    weekend = calendar.get("weekend", [5, 6])
    while days:
        day -= timedelta(days=1)
        text = day.isoformat()
        is_free = day.weekday() in weekend or text in calendar.get("holidays", [])
        days -= not is_free or text in calendar.get("workdays", [])
    return day


def read_unmatched(lookup: Any) -> Rows:
    """Return incoming money nobody could assign yet, with its age in days."""
    today = today_of(lookup)
    rows = []
    for row in spread_incoming(list_incoming(lookup.session)):
        age = (today - date.fromisoformat(row["value_date"])).days
        band = next((text for days, text in BANDS if age <= days), "over 90")
        if row["state"] != "waiting":
            rows.append({**row, "age_days": age, "band": band})
    return sorted(rows, key=lambda row: -int(row["age_days"]))


# -- what waits for no other member's answer --


def read_work(lookup: Any) -> Rows:
    """Return what waits besides answers: late debts, days, payouts, files."""
    session = lookup.session
    accounts = [
        row
        for row in session.client.items("/v1/accounts")
        if row.get("attester") == session.member
    ]
    found = [row for account in accounts for row in _bank_work(lookup, account)]
    for state in LATE:
        late = list(session.client.items("/v1/receivables", state=state))
        for row in _owed_by(session.member, late):
            what = f"{state}: pay in now"
            found.append({**row, "kind": "receivable", "what": what})
    found += _recourse_work(lookup)
    for path in sorted(session.folder.path.glob("*.alt[xb]")):
        if path.name.startswith("unknown-") or path.name.endswith("-all.altb"):
            what, fix = "sent, no answer yet", f"send {path}"
            found.append({"kind": "file", "what": what, "fix": fix})
    return found


def _recourse_work(lookup: Any) -> Iterator[JSONObject]:
    """Yield late parts whose transferor may still be called on, and until when."""
    for row in read_holdings(lookup):
        state = row["receivable_state"]
        last = (row.get("chain") or [{}])[-1]
        if state in LATE and last.get("recourse") == "with" and not row["locks"]:
            told = "in default" if state == "default" else state
            until = _time_for_notice(lookup, row)
            if until is not None:
                yield {**row, **until, "what": f"{told}, with recourse"}


def _time_for_notice(lookup: Any, tile: JSONObject) -> JSONObject | None:
    """Return until when its holder may call; None, it has not begun or is over."""
    from contracts.kit.v1.terms import number_term, word_term

    debt = lookup.record("receivable", tile["receivable"])
    terms = lookup.record("programme", debt["programme"])
    began = debt.get(word_term(terms, "recourse_trigger") + "_date")
    if began is None:
        return None
    if tile.get("noticed", "") == tile["recourse_class"]:
        return {}
    left = number_term(terms, "recourse_days") + tile.get("notice_from", 0)
    day = date.fromisoformat(began) + timedelta(left - debt.get("notice_days", 0) + 1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    until = int(midnight.timestamp()) * 1000 - terms["offset_minutes"] * 60_000
    return {"until_ms": until} if until > lookup.session.now_ms() else None


def read_files(lookup: Any, folder: Path) -> Rows:
    """Return the signing files of a folder and what each of them lacks.

    Raises:
        LedgerError: those of ``read_signing_file`` and ``read_batch``.
    """
    session = lookup.session
    own = read_header(session.folder.key_path).key_id
    rows: Rows = []
    for path in sorted(folder.glob("*.alt[xb]")):
        is_batch = path.suffix == ".altb"
        files = read_batch(path) if is_batch else [read_signing_file(path)]
        payload, signed = files[0].open(), files[0].signatures
        persons = sum(row["persons"] for row in files[0].facts["signers"])
        lacking = max(persons, len(payload["by"])) - len(signed)
        if payload["chain"] != session.chain or session.member not in payload["by"]:
            continue
        mine = own in [each.key_id for each in signed]
        verb = "sign" if lacking > 0 and not mine else "send"
        count = f"{len(files)} of " if is_batch else ""
        what = f"{count}{payload['act']}, {max(lacking, 0)} to sign"
        fix = "" if mine and lacking > 0 else f"{verb} {path}"
        rows.append({"kind": "file", "what": what, "fix": fix})
    return rows


def _bank_work(lookup: Any, account: JSONObject) -> Iterator[JSONObject]:
    for row in lookup.session.client.items("/v1/payouts", account=account["id"]):
        if row.get("amount_minor") and row["state"] in ("instructed", "accepted"):
            yield {**row, "kind": "payout", "what": "payout to attest"}
    for row in spread_incoming(list_incoming(lookup.session, account["id"])):
        if row["state"] == "in suspense":
            yield {**row, "kind": "receipt", "what": "money in suspense"}
    closed = str(account.get("closed_date", "9999-12-31"))
    if date.fromisoformat(closed) < today_of(lookup) - timedelta(days=1):
        yield {**account, "kind": "account", "what": f"days after {closed} to close"}
    if account.get("status") == "blocked":
        yield {**account, "kind": "account", "what": "blocked account"}


def list_rows(path: str) -> Callable[[Any], Rows]:
    """Return a function that reads a list of the node as it is."""

    def read(lookup: Any) -> Rows:
        try:
            return list(lookup.session.client.items(path))
        except LedgerError as error:
            if not is_missing(error):
                raise
            return []

    return read


_INCOMING: Final = "id:receipt | date=value_date | amount:money | state | payer:member"
INCOMING: Final = table(_INCOMING)
_PAYOUT: Final = "payout:payout=id | date | state | amount:money"

VIEWS: Final = {
    "totals": View(
        "by currency",
        table(
            "owed to you:money=amount_minor | of it overdue:money=overdue_minor | "
            "locked:money | to be paid out:money=claims_minor | "
            "paid out:money=paid_minor | in suspense:money=suspense_minor"
        ),
        read_totals,
    ),
    "due": View(
        "by date",
        table("paid on=adjusted_date | parts:number=count | amount:money"),
        read_due,
    ),
    "holdings": View(
        "what you hold",
        table(
            "holding | debtor:member | paid on=adjusted_date | "
            "state=receivable_state | amount:money | locked | (receivable:receivable)"
        ),
        read_holdings,
    ),
    "payouts": View(
        "not attested paid yet",
        table(f"{_PAYOUT} | to:member=payee | purpose"),
        read_claims,
    ),
    "funding": View(
        "what you have to have on an account, and when",
        table("paid on=adjusted_date | amount:money | account:account | pay in=window"),
        read_funding,
    ),
    "exposure": View(
        "what others owe you, by who owes and who supplied",
        table(
            "debtor:member | supplier:member | parts:number=count | amount:money | "
            "overdue:money"
        ),
        read_exposure,
    ),
    "suspense": View(
        "incoming money nobody could assign, oldest first",
        table(
            f"age:number=age_days | days=band | {_INCOMING} | reference | "
            "account:account"
        ),
        read_unmatched,
    ),
    "receivables": View(
        "every receivable you may see",
        table(
            "receivable:receivable=id | debtor:member | supplier:member | "
            "paid on=adjusted_date | state | face:money | live:money | retired:money | "
            "waiting:money"
        ),
        read_receivables,
    ),
    "members": View(
        "the members",
        table("member:member=id | status | roles"),
        list_rows("/v1/members"),
    ),
    "paid": View(
        "every payout to you", table(f"{_PAYOUT} | account:account"), read_payouts
    ),
}
