"""What a block did, in words: its acts, its events, and each cent of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cli.amounts import format_amount
from cli.people import FULL, find_id, name_id
from cli.signing.screen import Facts, draw, show_moment
from cli.terminal import print_note, print_text
from ledger.audit import Source
from ledger.blocks import Block, Header
from ledger.encoding import JSONObject, decode
from ledger.errors import LedgerError
from ledger.transactions import Transaction, parse_transaction, transaction_id

# Lines of the signing screen that speak of the wallet and its node.
OF_THE_WALLET: Final = (" rule ", " as stated ")
# Fields of events that are ids, and of what.
ID_FIELDS: Final = {
    **dict.fromkeys(("giver", "receiver", "holder", "member"), "member"),
    **{
        name: name
        for name in ("account", "offer", "payout", "programme", "receivable", "receipt")
    },
    "entry": "entry",
}


def find_height(source: Source, what: str) -> int:
    """Return the height that a number names, or the block of a transaction.

    Raises:
        LedgerError: ``not_found``; ``ambiguous_id``, ``bad_id`` and
            ``bad_id_check`` for an id.
    """
    if what.isdigit() and len(what) < 12:
        return int(what)
    heights: dict[str, int] = {}
    for block in source.blocks():
        for raw in block.transactions[1 if block.height == 0 else 0 :]:
            heights[parse_transaction(raw).id] = block.height
    found = heights.get(find_id(what, lambda: heights))
    if found is None:
        raise LedgerError("not_found", found=what)
    return found


def describe_block(block: Block, figures: JSONObject, what: str) -> JSONObject:
    """Return what a block did.

    Args:
        block: a block whose links were checked.
        figures: of its replay, empty if there was none.
        what: as asked; one transaction of the block, or its height for all.
    """
    header = Header.decode(block.header)
    facts = Facts({"records": figures.get("records", [])})
    receipts = [decode(raw) for raw in block.receipts]
    envelopes = block.transactions[1 if block.height == 0 else 0 :]
    transactions = [parse_transaction(raw) for raw in envelopes]
    if not what.isdigit():
        wanted = find_id(what, lambda: [item.id for item in transactions])
        transactions = [item for item in transactions if item.id == wanted]
    by_id = {receipt["tx"]: receipt for receipt in receipts if "tx" in receipt}
    return {
        "events": [decode(raw) for raw in block.events],
        "hash": header.hash.hex(),
        "height": block.height,
        "names": [
            {"id": row["id"], "name": row["name"]}
            for row in facts.rows
            if row["kind"] == "member"
        ],
        "steps": [receipt for receipt in receipts if "job" in receipt],
        "sweeps": figures.get("sweeps", []),
        "time": show_moment(header.time),
        "transactions": [
            {
                "act": item.act,
                "by": list(item.by),
                "code": by_id.get(item.id, {"code": "ok"})["code"],
                "id": item.id,
                "lines": _words(item, facts),
            }
            for item in transactions
        ],
    }


def _words(transaction: Transaction, facts: Facts) -> list[str]:
    """Return the signing screen of a sealed transaction, or its body's fields."""
    payload = decode(transaction.envelope.payload)
    try:
        screen = draw(payload, facts, transaction_id(transaction.envelope.payload))
    except LedgerError:
        # Without the facts that only a replay gives, amounts have no currency.
        return [
            f" {name}: {_field(name, value)}"
            for name, value in sorted(transaction.body.items())
        ]
    return [line for line in screen.lines if not line.startswith(OF_THE_WALLET)]


def _field(name: str, value: object) -> str:
    if isinstance(value, str):
        if name in ID_FIELDS and FULL.fullmatch(value):
            return name_id(ID_FIELDS[name], value)
        return value if len(value) <= 200 else f"{value[:80]}… {len(value)} characters"
    return str(value)


def print_block(described: JSONObject, *, has_figures: bool) -> None:
    """Print what a block did."""
    print_text(f"block {described['height']}, {described['time']}")
    print_text(f"hash {described['hash']}")
    for item in described["transactions"]:
        name = name_id("transaction", item["id"])
        print_text("")
        print_text(f"transaction {name}: {item['act']}, receipt {item['code']}")
        for line in item["lines"]:
            print_text(line)
    if described["events"]:
        print_text("")
        print_text("what happened, in order")
    for event in described["events"]:
        parts = [
            f"{name} {_field(name, value)}"
            for name, value in event.items()
            if name != "event"
        ]
        print_text(f"  {event['event'].replace('_', ' ')}: {', '.join(parts)}")
    names = {row["id"]: row["name"] for row in described["names"]}
    for sweep in described["sweeps"]:
        print_text("")
        for line in word_sweep(sweep, names):
            print_text(line)
    if not has_figures:
        print_note("With --genesis the figures behind sweeps are shown as well.")


def word_sweep(sweep: JSONObject, names: JSONObject) -> Iterator[str]:
    """Yield a sweep in words: what was owed, and each group's division."""
    currency = sweep["currency"]

    def money(amount_minor: int) -> str:
        return format_amount(amount_minor, currency)

    yield (
        f"sweep of {name_id('receivable', sweep['receivable'])}, paid by "
        f"{name_id('receipt', sweep['receipt'])}, value date {sweep['value_date']}"
    )
    yield (
        f"  distributed: principal {money(sweep['principal_minor'])}, "
        f"late interest {money(sweep['interest_minor'])}"
    )
    if sweep["days_late"]:
        yield (
            f"  late {sweep['days_late']} days at {sweep['late_ppm']} ppm a year; "
            "late interest of all units ever, rounded once: "
            f"{money(sweep['interest_total_minor'])}"
        )
    for title, rows, measure in (
        ("principal, by units outstanding", sweep["principal"], "units"),
        ("what is left of it, by contested units", sweep["contested"], "units"),
        ("late interest earned so far, by unit · ppm · day", _if_paid(sweep), "weight"),
        ("late interest paid now, by what is owed of it", sweep["interest"], "owed"),
    ):
        if rows:
            yield f"  {title}"
            yield from _word_shares(rows, names, measure, currency)
    for line in sweep["lines"]:
        total = line["principal_minor"] + line["interest_minor"]
        less = line["claimed_minor"]
        owes = f", of which {money(less)} pays back what it owed" if less else ""
        payout = line.get("payout", "")
        into = f", into payout {name_id('payout', payout)}" if payout else ""
        yield f"  {_name(line['holder'], names)} gets {money(total)}{owes}{into}"


def _if_paid(sweep: JSONObject) -> list[JSONObject]:
    rows: list[JSONObject] = sweep["interest_due"] if sweep["interest_minor"] else []
    return rows


def _name(member: str, names: JSONObject) -> str:
    short = name_id("member", member)
    return f"{names[member]} ({short})" if member in names else short


def _word_shares(
    rows: list[JSONObject], names: JSONObject, measure: str, currency: str
) -> Iterator[str]:
    total = sum(row["share_minor"] for row in rows)
    left = sum(row["extra"] for row in rows)
    for row in rows:
        share = format_amount(row["share_minor"], currency)
        one_more = " and one of the units left over" if row["extra"] else ""
        pledged = ", pledged" if "pledge" in row else ""
        yield (
            f"    {_name(row['holder'], names)}{pledged}, {measure} {row['weight']}: "
            f"{total} · {row['weight']} / {row['weight_sum']} = {row['quotient']} "
            f"remainder {row['remainder']}{one_more} → {share}"
        )
    if left:
        yield (
            f"    left over: {left}; the largest remainders get one each, "
            "equal ones in the order of their lowest unit"
        )
