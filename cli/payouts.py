"""``allonge payout``: what is due to whom, told to the bank, paid."""

# ruff: noqa: PLC0415 - formats take longer to load than other commands to run

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from cli.amounts import format_amount
from cli.bank import account_name_option, account_option, find_account, only_account
from cli.command import Act, argument, perform, reads, signs
from cli.lookup import Lookup
from cli.people import check_id, find_id, name_id
from cli.private import write_private
from cli.session import Session, with_signing
from cli.tables import print_rows, safe_cell, table
from cli.terminal import print_json, print_note
from cli.typed import DATE, PATH, an_id, flag, option
from cli.wallet.cards import Cards
from ledger.encoding import JSONObject, encode, hex_digest
from ledger.errors import LedgerError

STATUSES_MAX: Final = 100
LIST: Final = "See what there is: run: allonge payout list"
COLUMNS: Final = (
    *("payout", "date", "state", "payee", "amount", "currency"),
    *("end_to_end", "purpose", "payout_id", "payee_id"),
)

state_option = option(
    "--state",
    click.Choice(["small", "due", "held", "instructed", "accepted", "paid"]),
    "Only payouts in this state.",
)


@click.group("payout")
def payout() -> None:
    """List, export, instruct and attest what is to be paid."""


def _read(
    lookup: Lookup, account: JSONObject | None, state: str | None
) -> list[JSONObject]:
    accounts = [account["id"]] if account else []
    found = lookup.payouts(state, *accounts)
    rows = {row["id"]: row for row in found if row.get("amount_minor")}
    return sorted(rows.values(), key=lambda row: (row["date"], row["id"]))


@payout.command("list")
@state_option
@account_option
@reads
def list_payouts(
    lookup: Lookup, *, state: str | None, account: JSONObject | None
) -> None:
    """List payouts, of your accounts or to you."""
    rows = _read(lookup, account, state)
    if lookup.session.as_json:
        print_json({"items": rows})
        return
    columns = table(
        "payout:payout=id | date | state | to:member=payee | amount:money | "
        "end-to-end id=end_to_end"
    )
    shown = [{**row, "end_to_end": (row.get("attempts") or [""])[-1]} for row in rows]
    print_rows(lookup, columns, shown)


def _check_state(given: dict[str, Any]) -> None:
    if given["form"] == "pain001" and given["state"] not in (None, "instructed"):
        raise LedgerError("usage", found="a bank is told what is instructed")


@payout.command("export")
@state_option
@account_option
@option(
    "--format form",
    click.Choice(["csv", "pain001"]),
    "A table, or the file that tells a bank to pay what is instructed.",
    default="csv",
    show_default=False,
)
@option(
    "--statement statements",
    PATH,
    "Where money that goes back came from; may repeat.",
    multiple=True,
)
@option("-o --output", PATH)
@reads
def export_payouts(lookup: Lookup, *, output: Path | None, **given: Any) -> None:
    """Write payouts to stdout or a FILE: as CSV, one row each, or for a bank.

    A pain.001.001.09 holds what is instructed on one account. Names and numbers
    come from the cards this wallet keeps, each compared with its hash on the
    ledger; one that is missing leaves out its payout, which is listed. Money
    that goes back to who paid it goes to the account that a --statement names.
    """
    _check_state(given)
    if given["form"] == "pain001":
        raw, rows = _order(lookup, given["account"], given["statements"])
    else:
        rows = _read(lookup, given["account"], given["state"])
        raw = _table(lookup, rows)
    if output is not None:
        write_private(output, raw)
    if lookup.session.as_json:
        print_json({"items": rows, "output": str(output or "")})
    elif output is None:
        click.echo(raw, nl=False)
    else:
        _tell_written(output, rows)


def _tell_written(output: Path, rows: list[JSONObject]) -> None:
    from cli.views import sum_rows

    sums = sum_rows(rows, "currency", field="amount_minor")
    totals = [format_amount(row["amount_minor"], row["currency"]) for row in sums]
    print_note(f"{output}: {len(rows)} payouts, {', '.join(totals) or 'nothing'}")


def _table(lookup: Lookup, rows: list[JSONObject]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_csv_row(lookup, row) for row in rows])
    return text.getvalue().encode()


def _csv_row(lookup: Lookup, row: JSONObject) -> list[str]:
    amount = format_amount(row["amount_minor"], row["currency"]).partition(" ")[2]
    cells = [
        *(name_id("payout", row["id"]), row["date"], row["state"]),
        *(lookup.name_of(row["payee"]), amount, row["currency"]),
        *((row.get("attempts") or [""])[-1], row.get("purpose", "")),
        *(row["id"], row["payee"]),
    ]
    return [safe_cell(str(value)) for value in cells]


def _order(
    lookup: Lookup, account: JSONObject | None, statements: tuple[Path, ...]
) -> tuple[bytes, list[JSONObject]]:
    """Return a pain.001 of what is instructed on an account, and its payouts."""
    from cli.formats.pain import Payment, write_pain001

    cards, found = Cards(lookup.session), account or only_account(lookup)
    payer = _party(cards.need(found["commitment"], name_id("account", found["id"])))
    now = lookup.session.now_ms()
    today = datetime.fromtimestamp(now // 1000, tz=UTC).date().isoformat()
    remitters = _remitters(found["id"], statements)
    payments, rows = [], []
    for row in _read(lookup, found, "instructed"):
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


def _commitment(lookup: Lookup, row: JSONObject, now_ms: int) -> str:
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
@click.argument("file", type=PATH)
@account_name_option
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
    from cli.formats.pain import is_pain002, parse_pain002

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
    facts = lookup.facts(found)
    runs = (
        statuses[first : first + STATUSES_MAX]
        for first in range(0, len(statuses), STATUSES_MAX)
    )
    acts = [Act("payout.status", {**body, "statuses": run}, facts) for run in runs]
    perform(lookup, *acts)


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
@account_name_option
@signs("payout.request")
def request_payouts(lookup: Lookup, account: str | None) -> list[JSONObject]:
    """Ask, as payee, for small sums that still accumulate."""
    rows = lookup.session.client.items("/v1/payouts", state="small")
    accounts = list(dict.fromkeys(str(row["account"]) for row in rows))
    if account is not None:
        check_id(account, "account")
        # Who is paid sees the payouts, and not the account.
        named = find_id(account, lambda: accounts)
        accounts = [item for item in accounts if item == named]
    if not accounts:
        raise LedgerError("not_found", found="a small payout to you")
    return [{"account": item, "payee": lookup.own} for item in accounts]


def _check_named(given: dict[str, Any]) -> None:
    if bool(given["payouts"]) == given["every"]:
        raise LedgerError("usage", found="name payouts, or say --all")


def _account_of(lookup: Lookup, payouts: tuple[JSONObject, ...]) -> JSONObject:
    """Return the account that named payouts are of, else the only one there is."""
    if payouts:
        return lookup.record("account", payouts[0]["account"])
    return only_account(lookup)


@payout.command("instruct")
@argument("payouts", an_id("payout"), nargs=-1)
@flag("--all every", "All that are due.")
@account_option
@signs("payout.instruct", _check_named)
def instruct(
    lookup: Lookup,
    payouts: tuple[JSONObject, ...],
    *,
    every: bool,
    account: JSONObject | None,
) -> JSONObject:
    """Tell the bank, as owner of the account, to pay these PAYOUTS."""
    found = account or _account_of(lookup, payouts)
    rows = [
        lookup.keep({**row, "kind": "payout"})
        for row in (_read(lookup, found, "due") if every else payouts)
    ]
    if not rows:
        raise LedgerError("not_found", found="a payout that is due", fix=LIST)
    return {"account": found, "payouts": rows}


@payout.command("attest")
@argument("payouts", an_id("payout"), nargs=-1)
@flag("--all every", "All instructed or accepted.")
@option("--date day", DATE, "Booked on.", required=True)
@flag("--returned", "They came back.")
@account_option
@signs("bank.record", _check_named)
def attest(
    lookup: Lookup,
    payouts: tuple[JSONObject, ...],
    *,
    every: bool,
    day: str,
    returned: bool,
    account: JSONObject | None,
) -> JSONObject:
    """Say, as attester, that the bank paid these PAYOUTS, or that they came back."""
    found = account or _account_of(lookup, payouts)
    states = ("paid",) if returned else ("instructed", "accepted")
    rows = list(payouts)
    if every:
        rows = [row for state in states for row in _read(lookup, found, state)]
    kind = "return" if returned else "payout"
    entries = [_attested(row, kind, day, found["currency"]) for row in rows]
    if not entries:
        wanted = " or ".join(states)
        raise LedgerError("not_found", found=f"payout in state {wanted}", fix=LIST)
    return {
        "account": found,
        "attester": found["attester"],
        "entries": entries,
        "file_hash": hex_digest(encode(entries)),
        "message": found.get("message") or None,
    }


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
