"""Batches as people give them: lines of a CSV file, or all that waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cli.amounts import format_amount, parse_minor
from cli.command import Act
from cli.formats.rows import read_table
from cli.lookup import Lookup
from cli.parts import make_acceptance
from cli.people import check_id, find_id, name_id
from cli.receivables import (
    agreed_terms,
    propose,
    read_answers,
    read_deductions,
    unclear_programme,
)
from cli.session import Session
from cli.signing.batch import Line, run_batch
from cli.typed import read_date, read_hash
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

ISSUE_NEEDED: Final = ("supplier", "invoice", "issued", "amount", "currency", "due")
ISSUE_OPTIONAL: Final = (
    *("use", "deductions", "document", "reason", "different", "delivery"),
    "programme",
)
ANSWER_NEEDED: Final = ("receivable", "amount", "currency")
ANSWER_OPTIONAL: Final = ("reason", "different", "delivery")


def issue_file(session: Session, path: Path, *, keep_going: bool) -> int:
    """Issue every approved payable of a CSV file; return the exit code.

    Raises:
        LedgerError: those of ``read_table`` and ``run_batch``.
    """
    table = read_table(path, ISSUE_NEEDED, ISSUE_OPTIONAL)
    lookup = Lookup(session)
    programmes = list(session.client.items("/v1/programmes"))
    known: set[tuple[str, ...]] = set()
    lines = [
        _read_line(row, lambda row: _issue(lookup, programmes, row.values), known)
        for row in table.rows
    ]
    name = f"issue-{table.file_sha256[:16]}"
    return run_batch(session, name, lines, keep_going=keep_going)


def _read_line(row: Any, read: Any, known: set[tuple[str, ...]]) -> Line:
    """Return a row as an act, or with what is wrong with it."""
    name = f"line {row.number}"
    try:
        act, identity = read(row)
        if identity in known:
            raise LedgerError("duplicate_line", found=" ".join(identity[-2:]))
        known.add(identity)
    except LedgerError as error:
        return Line(name, error=error)
    return Line(name, act)


def _issue(lookup: Any, programmes: list[JSONObject], row: dict[str, str]) -> Any:

    currency = row["currency"]
    amount = parse_minor(row["amount"], currency)
    used = parse_minor(row["use"], currency) if row["use"] else amount
    supplier = lookup.find("member", row["supplier"])["id"]
    programme = _programme_of(lookup, programmes, row)
    issued = read_date(row["issued"])
    deductions = _deductions(row["deductions"], currency) if row["deductions"] else []
    invoice = {
        "amount_minor": amount,
        "issue_date": issued,
        "number": row["invoice"],
        "used_minor": used,
    }
    due = read_date(row["due"])
    body = propose(programme["id"], supplier, invoice, due, deductions)
    body |= _answers(row)
    if row["document"]:
        body["document"] = read_hash(row["document"])
    facts = lookup.facts(programme, {"supplier": supplier})
    # The ledger's own form of an invoice number: spaces and case do not count.
    number = "".join(row["invoice"].split()).upper()
    identity = (programme["debtor"], supplier, currency, issued, number)
    return Act("receivable.issue", body, facts), identity


def _programme_of(
    lookup: Any, programmes: list[JSONObject], row: dict[str, str]
) -> JSONObject:
    if row["programme"]:
        found: JSONObject = lookup.find("programme", row["programme"])
        return found
    own = lookup.session.member
    fitting = [
        each
        for each in programmes
        if (each.get("currency"), each.get("debtor")) == (row["currency"], own)
    ]
    if len(fitting) != 1:
        raise unclear_programme(row["currency"], fitting)
    return {**fitting[0], "kind": "programme"}


def _deductions(text: str, currency: str) -> list[JSONObject]:

    rows = []
    for part in text.split("|"):
        words = part.split()
        if len(words) != 3:
            raise LedgerError(
                "bad_deduction", expected="TYPE AMOUNT SHA256", found=part
            )
        rows.append((words[0], f"{currency} {words[1]}", words[2]))
    return read_deductions(tuple(rows), currency)


def _answers(row: dict[str, str]) -> JSONObject:
    given: dict[str, Any] = {name: row.get(name) or None for name in ANSWER_OPTIONAL}
    different = given["different"]
    return read_answers({**given, "different": different and different.split("|")})


def answer_batch(
    session: Session,
    verb: str,
    path: Path | None,
    wanted: JSONObject,
    *,
    keep_going: bool,
) -> int:
    """Confirm or accept all receivables of a CSV file, or all that waits.

    Args:
        session: of the debtor who confirms, or of who accepts.
        verb: ``confirm``, or ``accept``, which is for offers as well.
        path: the file; None for all that waits.
        wanted: of all that waits, ``only`` claims or offers, those of a
            ``giver``, those in a ``currency``.
        keep_going: do the others where lines are refused.

    Raises:
        LedgerError: those of ``read_table`` and ``run_batch``.
    """
    table = read_table(path, ANSWER_NEEDED, ANSWER_OPTIONAL) if path else None
    lookup = Lookup(session)
    act = f"receivable.{verb}"
    rows = _read_waiting(lookup, verb, wanted)
    if table is None:
        lines = [
            Line(
                name_id(row["kind"], row["id"]),
                make_acceptance(lookup, row, aware=False)
                if row["kind"] == "offer"
                else _answer(lookup, act, row, {}),
            )
            for row in rows
        ]
        return run_batch(session, f"{verb}-all", lines, keep_going=keep_going)
    waiting = {row["id"]: row for row in rows if row["kind"] == "receivable"}
    known: set[tuple[str, ...]] = set()
    lines = [
        _read_line(row, lambda row: _named(lookup, act, waiting, row.values), known)
        for row in table.rows
    ]
    name = f"{verb}-{table.file_sha256[:16]}"
    return run_batch(session, name, lines, keep_going=keep_going)


def _read_waiting(lookup: Any, verb: str, wanted: JSONObject) -> list[JSONObject]:
    """Return the claims and offers that a verb answers, as far as wanted."""
    party, giver = ("debtor", "supplier")
    if verb == "accept":
        party, giver = giver, party
    sides = {"receivable": (party, giver), "offer": ("receiver", "giver")}
    if verb == "confirm" or wanted.get("only") == "claims":
        del sides["offer"]
    elif wanted.get("only") == "offers":
        del sides["receivable"]
    other = lookup.find("member", wanted["giver"])["id"] if "giver" in wanted else ""
    found = []
    for row in lookup.session.client.whole("/v1/inbox"):
        if row.get("kind") not in sides:
            continue
        own, by = (row.get(name) for name in sides[row["kind"]])
        fits = wanted.get("currency", row["currency"]).upper() == row["currency"]
        if own == lookup.session.member and other in ("", by) and fits:
            found.append(row)
    return found


def _named(
    lookup: Any, act: str, waiting: dict[str, JSONObject], row: dict[str, str]
) -> Any:

    check_id(row["receivable"], "receivable")
    try:
        record = waiting[find_id(row["receivable"], lambda: waiting)]
    except (KeyError, LedgerError):
        # It may have been answered already: then the node says so by name.
        record = lookup.find("receivable", row["receivable"])
    stated = (parse_minor(row["amount"], row["currency"]), row["currency"])
    if stated != (record["face_minor"], record["currency"]):
        raise LedgerError(
            "line_differs",
            expected=format_amount(record["face_minor"], record["currency"]),
            found=format_amount(*stated),
        )
    item = str(record["id"])
    return _answer(lookup, act, record, row), (act, name_id("receivable", item))


def _answer(lookup: Any, act: str, record: JSONObject, row: dict[str, str]) -> Any:

    record = {**record, "kind": "receivable"}
    return Act(act, {**agreed_terms(record), **_answers(row)}, lookup.facts(record))
