"""``submit``, ``issue``, ``confirm``, ``counter``, ``accept`` and their ends."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any, Final

import click

from cli.amounts import parse_amount
from cli.command import Act, add_options, argument, make_act, perform, signs
from cli.lookup import Lookup, read_amount
from cli.parts import make_acceptance
from cli.people import check_id, name_id
from cli.private import OTHERS_WRITE, read_private
from cli.session import Session, with_signing
from cli.typed import DATE, PATH, RECEIVABLE, an_id, flag, option, read_date, read_hash
from ledger.encoding import JSONObject, decode
from ledger.errors import LedgerError

DRAFT_BYTES_MAX: Final = 1_048_576
# What chooses among all that wait.
WANTED: Final = ("only", "giver", "currency")
DEDUCTION_TYPES: Final = ("withholding_tax", "retention", "advance", "other")

deduct_option = option(
    "--deduct",
    (str, str, str),
    "Less what is withheld; TYPE is one of " + ", ".join(DEDUCTION_TYPES) + ".",
    metavar="TYPE AMOUNT SHA256|@FILE",
    multiple=True,
)
reason_option = option(
    "--reason", "WORD", "Why the tenor is over the programme's norm."
)
different_option = option(
    "--different",
    "SHA256",
    "Invoice that looks like another one and is not; the refusal names it.",
    multiple=True,
)
parties_option = flag(
    "--parties-agreed",
    "The invoice's parties are these members, whatever numbers it has.",
)
delivery_option = option(
    "--delivery",
    "SHA256|@FILE",
    "The goods receipt it rests on, where the programme demands one.",
)
file_option = option(
    "--file", PATH, "Do all lines of a CSV file; the wallet's README lists its columns."
)
all_option = flag("--all every", "All that wait for you.")
from_option = option(
    "--from giver", "MEMBER", "Of --all, what this member asks of you."
)
currency_option = option("--currency", "CODE", "Of --all, what is in this currency.")
only_option = option(
    "--only",
    click.Choice(["claims", "offers"]),
    "Of --all, claims on debtors or offers of parts.",
)
keep_going_option = flag("--keep-going", "Leave out refused lines and do the others.")
claim_options: Final = add_options(
    click.argument("draft", type=PATH, required=False),
    option("--programme", "ID", "Under which terms."),
    option("--invoice", "NUMBER", "Instead of a draft."),
    option("--issued", "DATE", "Date of that invoice."),
    option("--amount", '"CNY 1000.00"', "Amount of that invoice."),
    option("--due", "DATE", "When it is to be paid."),
    option("--use", '"CNY 1000.00"', "Draw on a part of it only."),
    parties_option,
    deduct_option,
)


@click.command("submit")
@claim_options
@with_signing
def submit(session: Session, **given: Any) -> None:
    """Claim an invoice from the debtor: a DRAFT file, or its figures."""
    _propose(session, "receivable.submit", given)


@click.command("issue")
@claim_options
@option("--supplier", "MEMBER", "Whose invoice it is.")
@reason_option
@different_option
@delivery_option
@file_option
@keep_going_option
@with_signing
def issue(
    session: Session, file: Path | None, *, keep_going: bool, **given: Any
) -> int | None:
    """Undertake to pay approved invoices; the suppliers accept or decline.

    One by its DRAFT or figures, or all lines of a CSV --file in one screen.
    """
    if file is not None:
        if any(given.values()):
            raise LedgerError("usage", found="--file stands alone")
        from cli.batch import issue_file

        return issue_file(session, file, keep_going=keep_going)
    if given["supplier"] is None:
        raise LedgerError("usage", found="--supplier is missing")
    check_id(given["supplier"], "member")
    _propose(session, "receivable.issue", given)
    return None


def _propose(session: Session, act: str, given: dict[str, Any]) -> None:
    # Everything typed is read before a node is asked.
    claim = _read_claim(given)
    if given["programme"] is not None:
        check_id(given["programme"], "programme")
    deductions = read_deductions(given["deduct"], claim["currency"])
    lookup = Lookup(session)
    programme = _find_programme(lookup, given, claim)
    supplier = session.member
    if given.get("supplier") is not None:
        supplier = lookup.find("member", given["supplier"])["id"]
    if not given["parties_agreed"] and claim["parties"]:
        from cli.parties import check_parties

        check_parties(lookup, claim["parties"], supplier, programme["debtor"])
    due = claim["due_date"]
    body = propose(programme["id"], supplier, claim["invoice"], due, deductions)
    if claim["document"]:
        body["document"] = claim["document"]
    if claim["accounts"]:
        from cli.parties import warn_of_account

        warn_of_account(lookup, claim["accounts"], programme, supplier)
    if act == "receivable.submit":
        _warn_of_tenor(lookup, programme, due)
    perform(lookup, make_act(lookup, act, {**body, **read_answers(given)}))


def propose(
    programme: str,
    supplier: str,
    invoice: JSONObject,
    due_date: str,
    deductions: list[JSONObject],
) -> JSONObject:
    """Return the body of a claim on one invoice, or on a part of it."""
    return {
        "invoices": [invoice],
        "programme": programme,
        "supplier": supplier,
        "terms": _terms(due_date, invoice["used_minor"], deductions),
    }


def _warn_of_tenor(lookup: Lookup, programme: JSONObject, due: str) -> None:
    """Warn on the screen if the debtor could not confirm it today."""
    from datetime import date

    from cli.recourse import today_in

    today = today_in(lookup.session, programme)
    left = (date.fromisoformat(due) - date.fromisoformat(today)).days
    cap = programme["tenor_cap_days"]
    if left > cap:
        lookup.warn(
            f"it is due in {left} days, and the programme allows {cap}: the debtor can "
            f"confirm it {left - cap} days from now, or with an earlier due date."
        )


def _terms(due_date: str, gross_minor: int, deductions: list[JSONObject]) -> JSONObject:
    terms: JSONObject = {"due_date": due_date, "gross_minor": gross_minor}
    if deductions:
        terms["deductions"] = deductions
    return terms


def read_answers(given: Mapping[str, Any]) -> JSONObject:
    """Return what a claim, or an answer to one, says besides its terms.

    Raises:
        LedgerError: those of ``read_hash``.
    """
    found: JSONObject = {}
    if given.get("reason") is not None:
        found["reason"] = given["reason"]
    if given.get("different"):
        found["different"] = [read_hash(text) for text in given["different"]]
    if given.get("delivery") is not None:
        found["delivery"] = read_hash(given["delivery"])
    if given.get("parties_agreed"):
        found["linked"] = True
    return found


def _read_claim(given: dict[str, Any]) -> JSONObject:
    parties: JSONObject = {}
    accounts: list[JSONObject] = []
    if given["draft"] is not None:
        from cli.parties import draft_parties

        terms = read_draft(given["draft"])
        number, issued = terms["invoice_number"], terms["issue_date"]
        amount, currency = terms["face_minor"], terms["currency"]
        due, document = terms["due_date"], terms["document_sha256"]
        parties, accounts = draft_parties(terms), terms["pay_to"]
    else:
        needed = ("invoice", "issued", "amount", "due")
        missing = [f"--{name}" for name in needed if given[name] is None]
        if missing:
            raise LedgerError("terms_missing", expected=", ".join(missing))

        amount, currency = parse_amount(given["amount"])
        number, issued = given["invoice"], read_date(given["issued"])
        due, document = "", ""
    used = amount
    if given["use"] is not None:
        used = read_amount(given["use"], currency)
    if given["due"] is not None:
        due = read_date(given["due"])
    return {
        "accounts": accounts,
        "currency": currency,
        "document": document,
        "due_date": due,
        "invoice": {
            "amount_minor": amount,
            "issue_date": issued,
            "number": number,
            "used_minor": used,
        },
        "parties": parties,
    }


def read_draft(path: Path) -> JSONObject:
    """Return the terms of a draft file.

    Raises:
        LedgerError: those of ``read_private``; ``bad_draft``.
    """
    from cli.draft import DRAFT_VERSION
    from cli.parties import are_parties

    raw = read_private(
        path, size_bytes_max=DRAFT_BYTES_MAX, forbidden_mode=OTHERS_WRITE
    )
    texts = ("invoice_number", "issue_date", "currency", "due_date", "document_sha256")
    try:
        terms = decode(raw)
        sound = (
            terms["version"] == DRAFT_VERSION
            and type(terms["face_minor"]) is int
            and all(isinstance(terms[name], str) for name in texts)
            and are_parties(terms)
        )
    except (LedgerError, KeyError, TypeError):
        sound = False
    if not sound:
        wrong = LedgerError("bad_draft", expected=DRAFT_VERSION, path=path)
        if raw.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith((b"<", b"%PDF")):
            invoice = quote(str(path))
            wrong.details["fix"] = f"It is the invoice: run: allonge draft {invoice}"
        raise wrong
    found: JSONObject = terms
    return found


def read_deductions(
    rows: tuple[tuple[str, str, str], ...], currency: str
) -> list[JSONObject]:
    """Return deductions as typed.

    Raises:
        LedgerError: ``bad_deduction``; those of ``read_amount`` and
            ``read_hash``.
    """
    found = []
    for kind, amount, document in rows:
        if kind not in DEDUCTION_TYPES:
            raise LedgerError(
                "bad_deduction", expected=", ".join(DEDUCTION_TYPES), found=kind[:40]
            )
        found.append(
            {
                "amount_minor": read_amount(amount, currency),
                "document": read_hash(document),
                "type": kind,
            }
        )
    return found


def unclear_programme(currency: str, fitting: list[JSONObject]) -> LedgerError:
    """Return the error of a currency for which no programme fits, or several."""
    names = [name_id("programme", str(row["id"])) for row in fitting]
    found = " and ".join(names) or "none"
    wanted = f"one programme in {currency}"
    return LedgerError("which_programme", expected=wanted, found=found)


def _find_programme(lookup: Any, given: dict[str, Any], claim: JSONObject) -> Any:
    if given["programme"] is not None:
        return lookup.find("programme", given["programme"])
    rows = lookup.session.client.items("/v1/programmes")
    fitting = [row for row in rows if row.get("currency") == claim["currency"]]
    if len(fitting) != 1:
        raise unclear_programme(claim["currency"], fitting)
    return lookup.record("programme", fitting[0]["id"])


# --- answers ---


@click.command("confirm")
@click.argument("receivable", required=False)
@reason_option
@different_option
@delivery_option
@option(
    "--invoice", PATH, "Compare the invoice you have: number, amount, bytes, account."
)
@parties_option
@file_option
@all_option
@from_option
@currency_option
@keep_going_option
@with_signing
def confirm(session: Session, receivable: str | None, **given: Any) -> int | None:
    """Undertake to pay a submitted RECEIVABLE when it is due, or many at once."""
    if _is_batch(receivable, given):
        return _answer_batch(session, "confirm", given)
    answers, lookup = read_answers(given), Lookup(session)
    found = lookup.find("receivable", receivable or "")
    if given["invoice"] is not None:
        agreed = given["parties_agreed"]
        _compare_invoice(lookup, given["invoice"], found, agreed=agreed)
    body = {**agreed_terms(found), **answers}
    perform(lookup, make_act(lookup, "receivable.confirm", body))
    return None


def _is_batch(item: str | None, given: dict[str, Any]) -> bool:
    """Tell whether several are asked for; of ID, --file and --all one is given.

    Raises:
        LedgerError: ``usage``; those of ``check_id``.
    """
    asked = (item is not None, given["file"] is not None, given["every"])
    if sum(asked) != 1:
        raise LedgerError("usage", found="give an ID, --file FILE or --all")
    if not given["every"] and any(given.get(name) for name in WANTED):
        raise LedgerError("usage", found="--only, --from and --currency go with --all")
    single = ("reason", "different", "delivery", "invoice", "aware", "parties_agreed")
    if item is None and any(given.get(name) for name in single):
        raise LedgerError("usage", found="a reason stands in the lines of a file")
    if item is not None:
        check_id(item, "receivable", "offer")
    return item is None


def _answer_batch(session: Session, verb: str, given: dict[str, Any]) -> int:
    from cli.batch import answer_batch

    wanted = {name: given[name] for name in WANTED if given.get(name)}
    keep_going = given["keep_going"]
    return answer_batch(session, verb, given["file"], wanted, keep_going=keep_going)


def agreed_terms(found: JSONObject) -> JSONObject:
    """Return the part of an answer that repeats the terms of a proposal."""
    terms = _terms(found["due_date"], found["gross_minor"], found.get("deductions", []))
    return {
        "face_minor": found["face_minor"],
        "receivable": found["id"],
        "terms": terms,
    }


def _compare_invoice(
    lookup: Any, path: Path, found: JSONObject, *, agreed: bool
) -> None:
    """Refuse another invoice; warn of one that asks to be paid elsewhere."""
    from cli.formats.invoices import read_invoice
    from cli.parties import check_invoice, check_parties, draft_parties, warn_of_account

    number = lookup.members()[found["supplier"]]["identifiers"][0]
    submitter = f"{number['scheme']}:{number['value']}"
    try:
        invoice = read_invoice(path, submitter=submitter)
    except LedgerError as error:
        if error.code != "no_due_date":
            raise
        invoice = read_invoice(path, due_date=found["due_date"], submitter=submitter)
    check_invoice(found, invoice)
    if not agreed:
        parties = draft_parties(invoice.to_json())
        check_parties(lookup, parties, found["supplier"], found["debtor"])
    accounts = [account.to_json() for account in invoice.pay_to]
    programme = lookup.record("programme", found["programme"])
    warn_of_account(lookup, accounts, programme, found["supplier"])


@click.command("counter")
@argument("receivable", RECEIVABLE)
@option("--due", DATE, "Another due date.")
@deduct_option
@reason_option
@different_option
@delivery_option
@signs("receivable.counter")
def counter(lookup: Lookup, receivable: JSONObject, **given: Any) -> JSONObject:
    """Propose other terms for a RECEIVABLE; the other side agrees or not."""
    due = given["due"] or receivable["due_date"]
    deductions = read_deductions(given["deduct"], receivable["currency"])
    return {
        "party": "debtor" if receivable["debtor"] == lookup.own else "supplier",
        "receivable": receivable,
        "terms": _terms(due, receivable["gross_minor"], deductions),
        **read_answers(given),
    }


@click.command("accept")
@click.argument("item", required=False)
@flag("--aware", "Take an overdue holding knowingly.")
@reason_option
@parties_option
@file_option
@all_option
@only_option
@from_option
@currency_option
@keep_going_option
@with_signing
def accept(session: Session, item: str | None, **given: Any) -> int | None:
    """Accept an offer, or the terms a debtor issued or proposed, or many at once."""
    if _is_batch(item, given):
        return _answer_batch(session, "accept", given)
    answers, lookup = read_answers(given), Lookup(session)
    found = lookup.find_any(item or "", "receivable", "offer")
    if found["kind"] == "offer":
        act = make_acceptance(lookup, found, aware=given["aware"])
    else:
        body = {**agreed_terms(found), **answers}
        act = make_act(lookup, "receivable.accept", body)
    perform(lookup, act)
    return None


@click.command("decline")
@argument("item", an_id("receivable", "offer"))
@signs()
def decline(lookup: Lookup, item: JSONObject) -> Act:
    """Decline an offer, or refuse what was submitted or issued to you."""
    if item["kind"] == "offer":
        return make_act(lookup, "offer.decline", {"offer": item})
    is_debtor = item["debtor"] == lookup.own
    act = "receivable.reject" if is_debtor else "receivable.decline"
    return make_act(lookup, act, {"receivable": item})


@click.command("cancel")
@argument("receivable", RECEIVABLE)
@signs("receivable.cancel")
def cancel(_: Lookup, receivable: JSONObject) -> JSONObject:
    """Take a RECEIVABLE back that was proposed and is not live yet."""
    return {"receivable": receivable}


@click.command("cancel-live")
@argument("receivable", RECEIVABLE)
@signs("receivable.cancel_live")
def cancel_live(_: Lookup, receivable: JSONObject) -> JSONObject:
    """Cancel a live RECEIVABLE; debtor and holder sign one file (--prepare)."""
    return {"receivable": receivable}


@click.command("pay-early")
@argument("receivable", RECEIVABLE)
@signs("receivable.pay_early")
def pay_early(_: Lookup, receivable: JSONObject) -> JSONObject:
    """Let money waiting for a RECEIVABLE be paid out before the due date."""
    return {"receivable": receivable}
