"""``allonge draft``: an invoice file becomes a local draft of a receivable.

No node and no wallet is needed; one that keeps account cards tells accounts that
are on none. A draft is a file of its maker and no ledger state; submitting it is
another command.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from cli.private import write_private
from cli.terminal import (
    json_option,
    print_facts,
    print_json,
    print_note,
    unread_option,
    wallet_options,
)
from cli.typed import PATH, flag, option
from ledger.encoding import encode
from ledger.errors import LedgerError

DRAFT_VERSION: Final = "draft/v1"


def _check_due(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> str:
    if text is None:
        return ""
    try:
        given = date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write a date like 2031-12-31") from error
    return given.isoformat()


@click.command("draft")
@click.argument("file", type=PATH)
@option(
    "--due", "YYYY-MM-DD", "Due date, if the invoice states none.", callback=_check_due
)
@option(
    "--submitter",
    "SCHEME:NUMBER",
    "Your identifier, if you are the payee named on the invoice.",
    default="",
)
@option(
    "-o --output", PATH, "Where to write the draft; FILE.draft.json here by default."
)
@flag("--dry-run", "Show the draft, write nothing.")
@wallet_options
@unread_option
@json_option
def draft(
    file: Path,
    *,
    due: str,
    submitter: str,
    output: Path | None,
    dry_run: bool,
    as_json: bool,
    **wallet_of: Any,
) -> None:
    """Read the invoice FILE into a draft: UBL 2.1 or CII, or a PDF with it inside."""
    from cli.formats.invoices import read_invoice

    try:
        terms = read_invoice(file, due_date=due, submitter=submitter).to_json()
    except LedgerError as error:
        _name_file(error, file)
        raise
    terms["warnings"] += _warn_of_accounts(terms["pay_to"], **wallet_of)
    target = None if dry_run else output or Path(f"{file.name}.draft.json")
    if target:
        write_private(target, encode({"version": DRAFT_VERSION, **terms}))
    if as_json:
        print_json(terms)
    else:
        _show(terms)
    if target:
        print_note(f"Draft written to {target}. Next: run: allonge submit {target}")


def _name_file(error: LedgerError, file: Path) -> None:
    """Put the file's name into the advice, so that it can be run as it stands."""
    fix = error.row.fix.replace("FILE", shlex.quote(str(file)))
    if fix != error.row.fix:
        error.details.setdefault("fix", fix)


def _warn_of_accounts(
    accounts: list[dict[str, Any]], wallet: str, home: str | None
) -> list[dict[str, Any]]:
    """Return a warning for each account that is on none of the cards that are kept."""
    from cli.formats.identifiers import compact_number
    from cli.formats.invoices import Warned
    from cli.session import Session
    from cli.wallet.cards import Cards
    from cli.wallet.folder import open_folder

    known = Cards(Session(open_folder(wallet, home))).owners() if accounts else {}
    text = (
        "is on no account card of this wallet; to pay, ask the payee by a way you know"
    )
    return [
        Warned("account", "pay to", f"{each['value']} {text}").to_json()
        for each in accounts
        if known and compact_number(str(each["value"])) not in known
    ]


def _show(terms: dict[str, Any]) -> None:
    rows = {
        "Face": terms["face"],
        "Due": terms["due_date"],
        "Invoice": f"{terms['invoice_number']} of {terms['issue_date']}",
        "Debtor": _party_line(terms["debtor"]),
        "Creditor": _party_line(terms["creditor"]),
    }
    if "payee" in terms:
        rows["Payee"] = _party_line(terms["payee"])
    for account in terms["pay_to"]:
        rows.setdefault("Pay to", f"{account['scheme']} {account['value']}")
    rows["Document"] = f"sha256 {terms['document_sha256']}"
    print_facts(rows)
    for warning in terms["warnings"]:
        print_note(f"Warning: {warning['subject']}: {warning['text']}")


def _party_line(party: dict[str, Any]) -> str:
    numbers = [f"{each['scheme']} {each['value']}" for each in party["identifiers"]]
    place = f" ({party['country']})" if party["country"] else ""
    return f"{party['name']}{place}" + "".join(f", {each}" for each in numbers)
