"""``balance``, ``inbox``, ``show``, ``lineage``, ``receipt``: reading."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from cli.people import FULL, check_id, name_id
from cli.session import Session, with_node
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

SHOWN_KINDS: Final = (
    *("receivable", "offer", "member", "programme", "account", "payout"),
    "receipt",
)
# Fields that are ids, and of what.
ID_FIELDS: Final = {
    **dict.fromkeys(
        (
            *("debtor", "supplier", "giver", "receiver", "holder", "payee"),
            *("owner", "attester", "member"),
        ),
        "member",
    ),
    "account": "account",
    "offer": "offer",
    "programme": "programme",
    "receivable": "receivable",
    "receipt": "receipt",
}


@click.command("balance")
@with_node
def balance(session: Session) -> None:
    """List what your member holds, and what is due to it."""
    from cli.amounts import format_amount
    from cli.lookup import Lookup, name_holding
    from cli.terminal import print_json, print_note, print_table

    lookup = Lookup(session)
    holdings = list(session.client.items("/v1/holdings"))
    query = {"payee": session.member}
    payouts = [
        row
        for row in session.client.items("/v1/payouts", **query)
        if row.get("amount_minor") and row.get("state") != "paid"
    ]
    if session.as_json:
        print_json(
            {
                "height": session.client.height,
                "holdings": holdings,
                "payouts": payouts,
                "totals": sum_up(lookup, holdings),
            }
        )
        return
    rows = []
    for tile in holdings:
        record = receivable_of(lookup, tile)
        rows.append(
            (
                name_holding(record, tile),
                lookup.name_of(record["debtor"]),
                record["adjusted_date"],
                record["state"],
                format_amount(tile["hi"] - tile["lo"], record["currency"]),
                "offered" if tile.get("locks") else "",
            )
        )
    print_table(
        ("holding", "debtor", "paid on", "state", "amount", ""), rows, numeric=(4,)
    )
    for row in sum_up(lookup, holdings):
        print_note(f"In all: {format_amount(row['amount_minor'], row['currency'])}")
    for row in payouts:
        amount = format_amount(row["amount_minor"], row["currency"])
        print_note(f"Payout {name_id('payout', row['id'])}: {amount} {row['state']}")
    print_note(f"As of block {session.client.height}.")


def receivable_of(lookup: Any, tile: JSONObject) -> JSONObject:
    """Return the receivable of a holding, from the row itself if it is there."""
    if "receivable_state" in tile:
        state = tile["receivable_state"]
        return {**tile, "id": tile["receivable"], "state": state}
    found: JSONObject = lookup.record("receivable", tile["scope"])
    return found


def sum_up(lookup: Any, holdings: list[JSONObject]) -> list[JSONObject]:
    """Return what holdings amount to, by currency."""
    totals: dict[str, int] = {}
    for tile in holdings:
        currency = receivable_of(lookup, tile)["currency"]
        totals[currency] = totals.get(currency, 0) + tile["hi"] - tile["lo"]
    return [
        {"amount_minor": totals[currency], "currency": currency}
        for currency in sorted(totals)
    ]


@click.command("inbox")
@with_node
def inbox(session: Session) -> None:
    """List what waits for your answer, the offers you made, and money to place."""
    from cli.amounts import format_amount
    from cli.incoming import draw_incoming
    from cli.lookup import Lookup
    from cli.terminal import print_json, print_note, print_table, print_text

    lookup = Lookup(session)
    items = session.client.whole("/v1/inbox")
    offers = session.client.items("/v1/offers")
    made = [row for row in offers if row["giver"] == session.member]
    money = own_suspense(session)
    if session.as_json:
        print_json({"items": items, "made": made, "suspense": money})
        return
    rows = []
    for row in items:
        kind = str(row.get("kind", ""))
        name = name_id(kind, str(row.get("id", ""))) if kind in SHOWN_KINDS else ""
        amount = row.get("amount_minor", row.get("face_minor"))
        if kind == "offer":
            amount = row["hi"] - row["lo"]
        shown = format_amount(amount, row["currency"]) if amount else ""
        other = _other_side(session, row)
        called = lookup.name_of(other) if other else ""
        rows.append((kind, name, called, shown, answer_to(session, row)))
    print_table(("what", "id", "with", "amount", "to agree"), rows, numeric=(3,))
    if not rows:
        print_note("Nothing waits for you.")
    if made:
        print_text("")
        columns = ("offers you made", "receivable", "part", "to", "until")
        print_table(columns, draw_offers(lookup, made), numeric=(2,))
        print_note("To take one back: run: allonge withdraw ID")
    if money:
        print_text("")
        columns = ("your money in suspense", "date", "amount", "state", "payer")
        print_table(columns, list(draw_incoming(lookup, money)), numeric=(2,))
        print_note("To say what it is for: run: allonge bank match --help")


def own_suspense(session: Session) -> list[JSONObject]:
    """Return the money in suspense that the member itself paid in."""
    from cli.incoming import list_incoming

    return [
        row
        for row in list_incoming(session)
        if row["suspense_minor"] and row["debtor"] == session.member
    ]


def draw_offers(lookup: Any, offers: list[JSONObject]) -> list[tuple[str, ...]]:
    """Return id, receivable, part, receiver and deadline of offers."""
    from cli.amounts import format_amount
    from cli.screen import show_moment

    rows: list[tuple[str, ...]] = []
    for row in offers:
        receivable = lookup.record("receivable", row["receivable"])
        rows.append(
            (
                name_id("offer", row["id"]),
                name_id("receivable", row["receivable"]),
                format_amount(row["hi"] - row["lo"], receivable["currency"]),
                lookup.name_of(row["receiver"]),
                show_moment(row["until_ms"])[:16] + " UTC",
            )
        )
    return rows


def _other_side(session: Session, row: JSONObject) -> str:
    for name in ("giver", "supplier", "debtor", "payee", "member"):
        value = row.get(name)
        if isinstance(value, str) and value != session.member:
            return value
    return ""


def answer_to(session: Session, row: JSONObject) -> str:
    """Return the command that agrees to what waits."""
    kind, item = row.get("kind"), str(row.get("id", ""))
    if kind == "offer":
        return f"allonge accept {name_id('offer', item)}"
    if kind == "receivable":
        verb = "confirm" if row.get("debtor") == session.member else "accept"
        return f"allonge {verb} {name_id('receivable', item)}"
    if kind == "payout":
        return f"allonge payout instruct {name_id('payout', item)}"
    if kind == "payout_account":
        return "allonge member account verify CARD"
    return ""


@click.command("show")
@click.argument("item", metavar="ID")
@with_node
def show(session: Session, item: str) -> None:
    """Show what an ID names: a receivable, an offer, a member, a payout and so on."""
    from cli.lookup import Lookup
    from cli.terminal import print_facts, print_json

    check_id(item, *SHOWN_KINDS)
    lookup = Lookup(session)
    record = lookup.find_any(item, *SHOWN_KINDS)
    if session.as_json:
        print_json(record)
        return
    print_facts(describe_record(lookup, record))


def describe_record(lookup: Any, record: JSONObject) -> dict[str, object]:
    """Return a record's fields as people read them."""
    from cli.amounts import format_amount
    from cli.screen import show_moment

    account = record.get("account")
    currency = record.get("currency", "")
    if not currency and isinstance(account, str):
        currency = lookup.record("account", account).get("currency", "")
    facts: dict[str, object] = {}
    for name, value in record.items():
        label = name.replace("_", " ").removesuffix(" minor").removesuffix(" ms")
        kind = record["kind"] if name == "id" else ID_FIELDS.get(name, "")
        is_id = isinstance(value, str) and bool(FULL.fullmatch(value))
        if is_id and kind == "member" and name != "id":
            facts[label] = f"{lookup.name_of(value)} {name_id(kind, value)}"
        elif is_id and kind in SHOWN_KINDS:
            facts[label] = name_id(kind, value)
        elif type(value) is int and name.endswith("_ms"):
            facts[label] = show_moment(value)
        elif type(value) is int and currency and _is_amount(name):
            facts[label] = format_amount(value, currency)
        else:
            facts[label] = _plain(value)
    return facts


def _is_amount(name: str) -> bool:
    return name.endswith("_minor") or name in ("lo", "hi")


def _plain(value: object) -> object:
    if not isinstance(value, dict | list):
        return value
    import json

    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@click.command("lineage")
@click.argument("receivable", metavar="ID")
@with_node
def lineage(session: Session, receivable: str) -> None:
    """Show how a receivable was cut and who holds and held its parts."""
    from cli.amounts import format_amount
    from cli.lookup import Lookup
    from cli.terminal import print_json, print_table, print_text

    check_id(receivable, "receivable")
    lookup = Lookup(session)
    record = lookup.find("receivable", receivable)
    found = session.client.get(f"/v1/receivables/{record['id']}/lineage")
    if session.as_json:
        print_json(found)
        return
    currency = record["currency"]
    print_text(
        f"{name_id('receivable', record['id'])}  "
        f"{format_amount(record['face_minor'], currency)}  "
        f"{lookup.name_of(record['debtor'])}  {record['state']}"
    )
    for depth, node in walk_tree(found.get("tree", {})):
        amount = format_amount(node["hi"] - node["lo"], currency)
        start = format_amount(node["lo"], currency).partition(" ")[2]
        print_text(f"{'  ' * depth}- {amount} from {start}: {holder_of(lookup, node)}")
    print_table(
        ("from", "amount", "state", "holders, the last is the present one"),
        [
            (
                format_amount(tile["lo"], currency).partition(" ")[2],
                format_amount(tile["hi"] - tile["lo"], currency),
                tile["state"],
                " > ".join(
                    lookup.name_of(member)
                    for member in (
                        *(link["member"] for link in tile.get("chain", [])),
                        tile["holder"],
                    )
                ),
            )
            for tile in found.get("tiles", [])
        ],
        numeric=(0, 1),
    )


def walk_tree(node: JSONObject, depth: int = 0) -> Iterator[tuple[int, JSONObject]]:
    """Yield the steps of a lineage with their depth, the first holder first."""
    if "holder" in node:
        yield depth, node
    for child in node.get("children", []):
        yield from walk_tree(child, depth + 1)


def holder_of(lookup: Any, node: JSONObject) -> str:
    """Return who had the units of a step, and since which block."""
    since = f", block {node['height']}" if "height" in node else ""
    return f"{lookup.name_of(node['holder'])}{since}"


@click.command("receipt")
@click.argument("transaction", metavar="ID")
@with_node
def receipt(session: Session, transaction: str) -> None:
    """Show what became of a transaction; ID is as printed when it was sent."""
    from cli.terminal import print_facts, print_json

    item = transaction.strip().lower()
    if not FULL.fullmatch(item):
        check_id(transaction, "transaction")
        raise LedgerError("bad_id", expected="the full id, 64 hexadecimal digits")
    found = session.client.get(f"/v1/transactions/{item}")
    if session.as_json:
        print_json(found)
        return
    facts: dict[str, object] = {
        name: found[name]
        for name in ("status", "act", "height", "position", "leaf")
        if name in found
    }
    for name, value in found.get("receipt", {}).items():
        facts[name.replace("_", " ")] = value
    print_facts(facts)
