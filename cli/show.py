"""``balance``, ``inbox``, ``show``, ``lineage``, ``receipt``: reading."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from cli.amounts import format_amount
from cli.command import argument, reads
from cli.incoming import spread_incoming
from cli.lookup import OWN_ACCOUNT, Lookup
from cli.people import NAMED_KINDS, SHOWN_KINDS, check_id, find_id, name_id
from cli.records import describe_record
from cli.session import Session, with_node
from cli.signing.screen import show_minute
from cli.tables import Column, print_rows, save_csv, table, write_csv
from cli.terminal import (
    MOMENT_MS_MAX,
    called_name,
    print_facts,
    print_json,
    print_note,
    print_text,
)
from cli.typed import PATH, RECEIVABLE, an_id, flag, option
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.names import short_id

VIEW_NAMES: Final = (
    *("totals", "due", "holdings", "payouts", "paid", "funding", "exposure"),
    *("suspense", "receivables", "members"),
)
BALANCE: Final = (*VIEW_NAMES[:4], "funding")


@click.command("balance")
@click.argument("view", type=click.Choice(VIEW_NAMES), required=False)
@option("--csv output", PATH, "Write the VIEW for spreadsheets, to a new file.")
@flag("--bom", "Begin that file with a byte order mark.")
@option("--as-at", "DATE", "All members at the end of that date.")
@option("--zone", "ZONE", "Whose date it is.", default="UTC", show_default=False)
@option("--source", "SOURCE", "An export, instead of your node.")
@with_node
def balance(session: Session, view: str | None, **given: Any) -> int | None:
    """Show what is owed to you, due, in suspense and paid, and what you owe.

    A VIEW shows one list: a debtor's funding forecast, a lender's exposure,
    a bank's aged suspense, and so on. With --as-at an auditor replays the
    ledger up to the end of a date, in any zone.
    """
    if given["as_at"] is not None:
        from cli.audit import show_balances

        return show_balances(session, given["as_at"], given["zone"], given["source"])
    if given["output"] is not None and view is None:
        raise LedgerError("usage", found="--csv writes one VIEW; name it")
    from cli.views import VIEWS

    lookup = Lookup(session)
    names = (view,) if view else BALANCE
    found = {name: VIEWS[name].read(lookup) for name in names}
    height = session.client.height
    if given["output"] is not None:
        text = write_csv(lookup, VIEWS[names[0]].columns, found[names[0]])
        save_csv(given["output"], text, marked=given["bom"])
    if session.as_json:
        print_json({"height": height, **({"items": found[view]} if view else found)})
        return None
    if given["output"] is None:
        for name, rows in found.items():
            if rows or view:
                print_text(f"{VIEWS[name].title}:")
                print_rows(lookup, VIEWS[name].columns, rows)
    _note_rest(found, height, is_empty=view is None and not any(found.values()))
    return None


def _note_rest(found: JSONObject, height: int, *, is_empty: bool) -> None:
    if any(row.get("discharges") for row in found.get("payouts", [])):
        print_note(OWN_ACCOUNT)
    nothing = "Nothing is owed to you or by you. " if is_empty else ""
    print_note(f"{nothing}As of block {height}.")


# What agrees to what waits, or deals with it, by kind.
ANSWERS: Final = {
    "account": "bank close-day DATE --closing AMOUNT --account ID",
    "calendar": "calendar publish FILE",
    "deal": "deal received ID",
    "discrepancy": "bank clear ID",
    **dict.fromkeys(("key", "policy"), "member show"),
    "dispute": "dispute list RECEIVABLE",
    "offer": "accept ID",
    "payout": "payout instruct ID",
    "payout_account": "member account verify CARD",
    "payto": "pay-to answer ID yes",
    "quote": "take ID",
    "recovery": "member key veto",
    "tile": "recourse ID",
    "receipt": "bank match ID --to RECEIVABLE --amount AMOUNT",
    "request": "quote give ID --rate RATE",
}


@click.command("inbox")
@option(
    "--files",
    click.Path(path_type=Path, exists=True, file_okay=False),
    "Also list the signing files there, and who is missing.",
    metavar="DIR",
)
@with_node
def inbox(session: Session, files: Path | None) -> None:
    """List all that waits for you, each with the command that answers it.

    Offers, claims, accounts, payouts and files that lack signatures; what you
    offered yourself; money to place; days to close; calendars running out.
    """
    from cli.views import read_files, read_suspense, read_work

    lookup = Lookup(session)
    waits = (_tell(lookup, row) for row in session.client.whole("/v1/inbox"))
    items = [*waits, *read_work(lookup)]
    items += read_files(lookup, files) if files else []
    items = [{**row, "command": answer_to(session, row)} for row in items]
    offers = session.client.items("/v1/offers")
    made = [row for row in offers if row["giver"] == session.member]
    money = read_suspense(lookup)
    if session.as_json:
        print_json({"items": items, "made": made, "suspense": money})
        return
    headings = ("what", "id", "with", "amount", "until", "to answer")
    if items:
        print_rows(lookup, [Column(n) for n in headings], _draw_inbox(lookup, items))
    else:
        print_note("Nothing waits for you.")
    if made:
        print_text("")
        _print_offers(lookup, made)
        print_note("To take one back: run: allonge withdraw OFFER")
    if money:
        from cli.views import INCOMING

        print_text("")
        columns = (Column("your money in suspense", "receipt", "id"), *INCOMING[1:])
        print_rows(lookup, columns, spread_incoming(money))
        print_note("To say what it is for: run: allonge bank match --help")


def _tell(lookup: Lookup, row: JSONObject) -> JSONObject:
    """Return a row; an order says whose it is, what did not fit says why."""
    if row.get("kind") == "order":
        return {**row, "what": "{what}: {authority}, {reference}".format(**row)}
    if row.get("kind") != "discrepancy":
        return row
    currency = lookup.record("account", row["account"])["currency"]
    return {**row, "currency": currency, "what": f"discrepancy: {row['code']}"}


def _draw_inbox(lookup: Any, items: list[JSONObject]) -> Iterator[JSONObject]:

    for row in items:
        kind, amount = str(row.get("kind", "")), _amount_of(row)
        until = next((row[n] for n in UNTIL if type(row.get(n)) is int), 0)
        other = _other_side(lookup.session, row)
        yield {
            "amount": format_amount(amount, row["currency"]) if amount else "",
            "id": name_id(kind, str(row.get("id", ""))) if kind in NAMED_KINDS else "",
            "to_answer": row["command"],
            "until": show_minute(until) if 0 < until < MOMENT_MS_MAX else "",
            "what": row.get("what", kind.replace("_", " ")),
            "with": lookup.name_of(other) if other else "",
        }


UNTIL: Final = ("until_ms", "deadline_ms", "expires_ms", "pay_by_ms")
SIDES: Final = (
    *("giver", "supplier", "debtor", "payee", "payer", "seller", "lender", "member"),
)


def _amount_of(row: JSONObject) -> int | None:
    """Return what an answer is about, if it is money."""
    if row.get("kind") in ("offer", "request"):
        return int(row["hi"] - row["lo"])
    if row.get("kind") == "quote":
        return int(row["price"]["net_minor"])
    names = (
        *("amount_minor", "face_minor", "owed_minor", "price_minor"),
        *("net_minor", "limit_minor"),
    )
    return next((row[name] for name in names if row.get(name)), None)


def _print_offers(lookup: Any, offers: list[JSONObject]) -> None:

    columns = table(
        "offers you made:offer=id | receivable:receivable | part:money=part | "
        "to:member=receiver | until:moment=until_ms"
    )
    rows = []
    for row in offers:
        receivable = lookup.record("receivable", row["receivable"])
        part = {"currency": receivable["currency"], "part": row["hi"] - row["lo"]}
        rows.append({**row, **part})
    print_rows(lookup, columns, rows)


def _other_side(session: Session, row: JSONObject) -> str:
    for name in SIDES:
        value = row.get(name)
        if isinstance(value, str) and value != session.member:
            return value
    return ""


def answer_to(session: Session, row: JSONObject) -> str:
    """Return the command that agrees to what waits, or deals with it."""
    kind = str(row.get("kind", ""))
    if kind == "file":
        return f"{called_name()} {row['fix']}" if row["fix"] else "others sign"
    verb = ANSWERS.get(kind, "show ID" if "id" in row else "")
    if kind == "receivable":
        verb = "confirm ID" if row.get("debtor") == session.member else "accept ID"
        verb = "balance funding" if row.get("amount_minor") else verb
    if kind == "deal" and row.get("payee") != session.member:
        verb = "deal list"
    if kind == "payout_account" and row.get("member") == session.member:
        verb = f"member account veto --currency {row['currency']}"
    if row.get("what") == "a registration to discharge":
        verb = "deal register ID discharged"
    if row.get("what") == "payout to attest":
        verb = "payout attest ID --date DATE"
    name = name_id(kind, str(row.get("id", ""))) if kind in NAMED_KINDS else ""
    words = verb.replace("ID", name or str(row.get("holding") or row.get("id", "")))
    if kind == "dispute":
        words = words.replace("RECEIVABLE", name_id("receivable", row["receivable"]))
    return f"{called_name()} {words}" if verb else ""


@click.command("show")
@argument("item", an_id(*SHOWN_KINDS), metavar="ID")
@reads
def show(lookup: Lookup, item: JSONObject) -> None:
    """Show what an ID names: a receivable, an offer, a member, a payout and so on."""
    if lookup.session.as_json:
        print_json(item)
        return
    print_facts(describe_record(lookup, item))
    if item["kind"] == "receivable" and lookup.is_on_own(item):
        print_note(OWN_ACCOUNT)


@click.command("lineage")
@argument("receivable", RECEIVABLE, metavar="ID")
@reads
def lineage(lookup: Lookup, receivable: JSONObject) -> None:
    """Show how a receivable was cut and who holds and held its parts."""
    session, record = lookup.session, receivable
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
    if lookup.is_on_own(record):
        print_note(OWN_ACCOUNT)
    for depth, node in walk_tree(found.get("tree", {})):
        amount = format_amount(node["hi"] - node["lo"], currency)
        start = format_amount(node["lo"], currency).partition(" ")[2]
        print_text(f"{'  ' * depth}- {amount} from {start}: {holder_of(lookup, node)}")
    if not found.get("tiles"):
        return
    rows = []
    for tile in found["tiles"]:
        holders = [*(link["member"] for link in tile.get("chain", [])), tile["holder"]]
        row = {
            "amount_minor": tile["hi"] - tile["lo"],
            "currency": currency,
            "from": format_amount(tile["lo"], currency).partition(" ")[2],
            "holders": " > ".join(map(lookup.name_of, holders)),
        }
        rows.append({**tile, **row})
    columns = "from:number | amount:money | state | "
    columns += "holders, the last is the present one=holders"
    print_rows(lookup, table(columns), rows)


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
@option(
    "--html paper",
    PATH,
    "Write it as a paper, with all that was signed, to a new file.",
)
@with_node
def receipt(session: Session, transaction: str, paper: Path | None) -> None:
    """Show what became of a transaction, by its id or a unique beginning of it."""
    check_id(transaction, "transaction")
    item = find_id(transaction, lambda: _list_sealed(session, transaction))
    try:
        found = session.client.get(f"/v1/transactions/{item}")
    except LedgerError as error:
        if error.code == "not_found":
            error.found = transaction[:64]
        raise
    if paper is not None:
        from cli.certificate import save_receipt

        save_receipt(session, found, paper)
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


def _list_sealed(session: Session, text: str) -> Iterator[str]:
    """Yield what the member may see, the newest first; a whole id ends the search."""
    typed = text.strip().upper().replace("-", "")
    for height in range(session.client.node()["height"], 0, -1):
        for item in session.client.get(f"/v1/blocks/{height}").get("ids", []):
            yield item
            if short_id("transaction", item) == typed:
                return
