"""``allonge payout``: what is due to whom, told to the bank, paid."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.bank import account_option, find_account
from cli.people import check_id, find_id, name_id
from cli.session import Session, with_node, with_signing
from cli.typed import read_date
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

COLUMNS: Final = (
    *("payout", "date", "state", "payee", "amount", "currency"),
    *("end_to_end", "purpose", "payout_id", "payee_id"),
)
STATUSES_MAX: Final = 100
LIST: Final = "See what there is: run: allonge payout list"

state_option = click.option(
    "--state",
    type=click.Choice(["small", "due", "held", "instructed", "accepted", "paid"]),
    help="Only payouts in this state.",
)


@click.group("payout")
def payout() -> None:
    """List, export, instruct and attest what is to be paid."""


def _read(
    session: Session, account: str | None, state: str | None
) -> tuple[Any, list[JSONObject]]:
    from cli.lookup import Lookup

    lookup = Lookup(session)
    if account is not None:
        accounts = [lookup.find("account", account)["id"]]
    else:
        # None for what is paid to this member, then each account it keeps.
        own = session.client.items("/v1/accounts")
        accounts = [None, *(row["id"] for row in own)]
    rows = {
        row["id"]: row
        for item in accounts
        for row in session.client.items("/v1/payouts", account=item, state=state)
        if row.get("amount_minor")
    }
    return lookup, sorted(rows.values(), key=lambda row: (row["date"], row["id"]))


@payout.command("list")
@state_option
@account_option
@with_node
def list_payouts(session: Session, *, state: str | None, account: str | None) -> None:
    """List payouts, of your accounts or to you."""
    from cli.tables import Column, print_rows
    from cli.terminal import print_json

    if account is not None:
        check_id(account, "account")
    lookup, rows = _read(session, account, state)
    if session.as_json:
        print_json({"items": rows})
        return
    columns = (
        *(Column("payout", "payout", "id"), Column("date"), Column("state")),
        *(Column("to", "member", "payee"), Column("amount", "money", "amount_minor")),
        Column("end-to-end id", field="end_to_end"),
    )
    shown = [{**row, "end_to_end": (row.get("attempts") or [""])[-1]} for row in rows]
    print_rows(lookup, columns, shown)


@payout.command("export")
@state_option
@account_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "pain001"]),
    default="csv",
    help="A table, or the file that tells a bank to pay what is instructed.",
)
@click.option(
    "--statement",
    "statements",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where money that goes back came from; may repeat.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@with_node
def export_payouts(
    session: Session,
    *,
    state: str | None,
    account: str | None,
    form: str,
    statements: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Write payouts to stdout or a FILE: as CSV, one row each, or for a bank.

    A pain.001.001.09 holds what is instructed on one account. Names and numbers
    come from the cards this wallet keeps, each compared with its hash on the
    ledger; one that is missing leaves out its payout, which is listed. Money
    that goes back to who paid it goes to the account that a --statement names.
    """
    from cli.private import write_private
    from cli.terminal import print_json

    if account is not None:
        check_id(account, "account")
    if form == "pain001":
        if state not in (None, "instructed"):
            raise LedgerError("usage", found="a bank is told what is instructed")
        raw, rows = _order(session, account, statements)
    else:
        lookup, rows = _read(session, account, state)
        raw = _table(lookup, rows)
    if output is not None:
        write_private(output, raw)
    if session.as_json:
        print_json({"items": rows, "output": str(output or "")})
    elif output is None:
        click.echo(raw, nl=False)
    else:
        _tell_written(output, rows)


def _tell_written(output: Path, rows: list[JSONObject]) -> None:
    from cli.amounts import format_amount
    from cli.terminal import print_note
    from cli.views import sum_rows

    sums = sum_rows(rows, "currency", field="amount_minor")
    totals = [format_amount(row["amount_minor"], row["currency"]) for row in sums]
    print_note(f"{output}: {len(rows)} payouts, {', '.join(totals) or 'nothing'}")


def _table(lookup: Any, rows: list[JSONObject]) -> bytes:
    import csv
    import io

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_csv_row(lookup, row) for row in rows])
    return text.getvalue().encode()


def _order(
    session: Session, account: str | None, statements: tuple[Path, ...]
) -> tuple[bytes, list[JSONObject]]:
    """Return a pain.001 of what is instructed on an account, and its payouts."""
    from datetime import UTC, datetime

    from cli.cards import Cards
    from cli.formats.pain import Payment, write_pain001
    from cli.lookup import Lookup
    from cli.terminal import print_note

    lookup, cards = Lookup(session), Cards(session)
    found = find_account(lookup, account, "")
    payer = _party(cards.need(found["commitment"], name_id("account", found["id"])))
    now = session.now_ms()
    today = datetime.fromtimestamp(now // 1000, tz=UTC).date().isoformat()
    remitters = _remitters(found["id"], statements)
    payments, rows = [], []
    for row in _read(session, found["id"], "instructed")[1]:
        name = name_id("payout", row["id"])
        came_from = row.get("purpose") == "return" and "redirect" not in row
        if came_from:
            party = remitters.get(str(row.get("receipt", "")))
        else:
            card = cards.find(_commitment(lookup, row, now))
            party = _party(card) if card else None
        if party is None:
            why = "no --statement says from where" if came_from else "no card"
            print_note(f"Left out: {name} to {lookup.name_of(row['payee'])}: {why}.")
            continue
        date, text = max(row["date"], today), f"Allonge {name}"
        paid = (row["attempts"][-1], row["amount_minor"], date, party, text)
        payments.append(Payment(*paid))
        rows.append(row)
    if not payments:
        found_none = "an instructed payout whose card is kept"
        raise LedgerError("not_found", found=found_none, fix=LIST)
    raw, ids = write_pain001(payer, found["currency"], payments, now)
    cards.remember_file(ids, [each.end_to_end for each in payments])
    return raw, rows


def _remitters(account: str, paths: tuple[Path, ...]) -> dict[str, Any]:
    """Return who paid each receipt that statements name with its account."""
    from cli.formats.pain import Party
    from cli.formats.statements import read_statements
    from cli.importing import entry_id, read_bank

    return {
        entry_id(account, row.type, row.key): Party(
            row.payer_name, row.payer_number, row.payer_bank
        )
        for path in paths
        for each in read_statements(read_bank(path))
        for row in each.entries
        if row.type == "receipt" and row.payer_number and row.payer_name
    }


def _party(account: JSONObject) -> Any:
    from cli.formats.pain import Party

    return Party(*(str(account.get(name, "")) for name in ("name", "number", "bic")))


def _commitment(lookup: Any, row: JSONObject, now_ms: int) -> str:
    """Return the hash of the account that a payout goes to, or ""."""
    if "redirect" in row:
        return str(row["redirect"].get("commitment", ""))
    path = f"/v1/members/{row['payee']}/accounts"
    for record in lookup.session.client.whole(path) if row["payee"] else ():
        if record["currency"] == row["currency"]:
            planned = record.get("next", {})
            if planned.get("verified") and planned["from_time"] <= now_ms:
                return str(planned["commitment"])
            return str(record.get("commitment", ""))
    return ""


@payout.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@account_option
@with_signing
def import_answer(session: Session, file: Path, account: str | None) -> None:
    """Record, as attester, what the bank answers in a pain.002 FILE.

    Accepted payouts wait for the statement; rejected ones are due again, and
    the next instruction gives them a new end-to-end id.
    """
    from cli.importing import read_bank

    raw = read_bank(file)
    if account is not None:
        check_id(account, "account")
    import_statuses(session, raw, account)


def import_statuses(session: Session, raw: bytes, account: str | None) -> None:
    """Record what a pain.002 says of each payout.

    Raises:
        LedgerError: those of ``parse_pain002`` and of acting; ``nothing_new``.
    """
    from cli.acting import Act, run_acts
    from cli.cards import Cards
    from cli.formats.pain import is_pain002, parse_pain002
    from cli.lookup import Lookup
    from cli.terminal import print_note
    from ledger.encoding import hex_digest

    if not is_pain002(raw):
        raise LedgerError("unknown_bank_file", expected="pain.002")
    told = parse_pain002(raw, Cards(session).file_of)
    for each in told:
        if not each.outcome:
            print_note(f"Left out: {each.end_to_end} is {each.code}, not decided.")
    lookup = Lookup(session)
    found = find_account(lookup, account, "")
    known = _outcomes(session, found["id"])
    statuses: list[JSONObject] = [
        {
            "end_to_end": each.end_to_end,
            "status": each.outcome,
            **({"reason": each.reason} if each.reason else {}),
        }
        for each in told
        if each.outcome and known.get(each.end_to_end) != each.outcome
    ]
    if not statuses:
        raise LedgerError("nothing_new", found=len(told))
    body = {
        "account": found["id"],
        "attester": found["attester"],
        "file_hash": hex_digest(raw),
    }
    acts = [
        Act(
            "payout.status",
            {**body, "statuses": statuses[n : n + STATUSES_MAX]},
            lookup.facts(found),
        )
        for n in range(0, len(statuses), STATUSES_MAX)
    ]
    run_acts(session, acts)


def _outcomes(session: Session, account: str) -> dict[str, str]:
    rows = session.client.items("/v1/payouts", account=account)
    return {
        attempt: outcome
        for row in rows
        for attempt, outcome in zip(
            row.get("attempts", []), row.get("outcomes", []), strict=False
        )
    }


@payout.command("request")
@account_option
@with_signing
def request_payouts(session: Session, account: str | None) -> None:
    """Ask, as payee, for small sums that still accumulate."""
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts

    rows = list(session.client.items("/v1/payouts", state="small"))
    accounts = dict.fromkeys(str(row["account"]) for row in rows)
    if account is not None:
        found = find_id(account, lambda: accounts)
        accounts = {item: None for item in accounts if item == found}
    if not accounts:
        raise LedgerError("not_found", found="a small payout to you")
    acts = [
        Act("payout.request", {"account": each, "payee": session.member})
        for each in accounts
    ]
    run_acts(session, acts)


def _csv_row(lookup: Any, row: JSONObject) -> list[str]:
    from cli.amounts import format_amount
    from cli.tables import safe_cell

    amount = format_amount(row["amount_minor"], row["currency"]).partition(" ")[2]
    cells = [
        name_id("payout", row["id"]),
        row["date"],
        row["state"],
        lookup.name_of(row["payee"]),
        amount,
        row["currency"],
        row["attempts"][-1] if row.get("attempts") else "",
        row.get("purpose", ""),
        row["id"],
        row["payee"],
    ]
    return [safe_cell(str(value)) for value in cells]


@payout.command("instruct")
@click.argument("payouts", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are due.")
@account_option
@with_signing
def instruct(
    session: Session, payouts: tuple[str, ...], *, every: bool, account: str | None
) -> None:
    """Tell the bank, as owner of the account, to pay these PAYOUTS."""
    for text in payouts:
        check_id(text, "payout")
    if bool(payouts) == every:
        raise LedgerError("usage", found="name payouts, or say --all")
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = find_account(lookup, account, "")
    if every:
        rows = _read(session, found["id"], "due")[1]
        rows = [{**row, "kind": "payout"} for row in rows]
    else:
        rows = [lookup.find("payout", text) for text in payouts]
    if not rows:
        raise LedgerError("not_found", found="a payout that is due", fix=LIST)
    body = {"account": found["id"], "payouts": [row["id"] for row in rows]}
    run_acts(session, [Act("payout.instruct", body, lookup.facts(found, *rows))])


@payout.command("attest")
@click.argument("payouts", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All instructed or accepted.")
@click.option("--date", "day", required=True, metavar="DATE", help="Booked on.")
@click.option("--returned", is_flag=True, help="They came back.")
@account_option
@with_signing
def attest(
    session: Session,
    payouts: tuple[str, ...],
    *,
    every: bool,
    day: str,
    returned: bool,
    account: str | None,
) -> None:
    """Say, as attester, that the bank paid these PAYOUTS, or that they came back."""
    for text in payouts:
        check_id(text, "payout")
    if bool(payouts) == every:
        raise LedgerError("usage", found="name payouts, or say --all")
    date = read_date(day)
    if account is not None:
        check_id(account, "account")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup
    from ledger.encoding import encode, hex_digest

    lookup = Lookup(session)
    found = find_account(lookup, account, "")
    states = ("paid",) if returned else ("instructed", "accepted")
    if every:
        rows = [row for each in states for row in _read(session, found["id"], each)[1]]
    else:
        rows = [lookup.find("payout", text) for text in payouts]
    kind = "return" if returned else "payout"
    entries = [_attested(row, kind, date, found["currency"]) for row in rows]
    if not entries:
        states_text = " or ".join(states)
        raise LedgerError("not_found", found=f"payout in state {states_text}", fix=LIST)
    body = {
        "account": found["id"],
        "attester": found["attester"],
        "entries": entries,
        "file_hash": hex_digest(encode(entries)),
    }
    if found.get("message"):
        body["message"] = found["message"]
    run_acts(session, [Act("bank.record", body, lookup.facts(found))])


def _attested(row: JSONObject, kind: str, date: str, currency: str) -> JSONObject:
    if not row.get("attempts"):
        raise LedgerError("wrong_state_of_payout", found=name_id("payout", row["id"]))
    attempt = row["attempts"][-1]
    return {
        "amount_minor": row["amount_minor"],
        "booking_date": date,
        "currency": currency,
        "end_to_end": attempt,
        "key": f"{kind}-{attempt}",
        "type": kind,
        "value_date": date,
    }
