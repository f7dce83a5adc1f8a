"""From a file of the bank to acts: what is new, what it moves, what it closes.

One type of message is authoritative for an account; every other one is only
compared with what is recorded. A file counts as a whole or not at all: account,
currency, balances and order are judged before anything is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from cli.amounts import format_amount
from cli.bank import has_moved, tell_misfits
from cli.command import Act
from cli.formats.identifiers import compact_number, is_same_number
from cli.formats.iso20022 import SCALE
from cli.formats.markup import SIZE_BYTES_MAX
from cli.formats.pain import uetr_of
from cli.formats.statements import EntryRow, Statement
from cli.lookup import Lookup
from cli.people import FULL, check_id
from cli.private import read_private
from cli.session import Session
from cli.signing.acting import run_acts
from cli.signing.batch import Line, run_batch
from cli.signing.sending import read_batch, send_files
from cli.tables import print_rows, table
from cli.terminal import print_json, print_note
from cli.wallet.cards import Cards
from ledger.encoding import JSONObject, encode, hex_digest
from ledger.errors import LedgerError

ENTRIES_MAX: Final = 100
ENTRIES_BYTES_MAX: Final = 30_000
# More transactions than these are shown as one batch.
SHOWN_MAX: Final = 4
# What counts for an account that names no type of message.
USUAL: Final = ("camt_053", "csv")
SHARED: Final = ("amount_minor", "booking_date", "currency", "key", "type")


def entry_id(account: str, kind: str, key: str) -> str:
    """Return the id of an entry: each bank reference has one place."""
    return hex_digest(f"entry/{account}/{kind}/{key}".encode())


def find_attempts(lookup: Lookup, account: str) -> dict[str, int]:
    """Return the amounts of an account's payouts by end-to-end id."""
    rows: dict[str, int] = {}
    for state in (None, "paid"):
        for row in lookup.session.client.items(
            "/v1/payouts", account=account, state=state
        ):
            for attempt in row.get("attempts", []):
                rows[attempt] = row["amount_minor"]
    return rows


def by_uetr(attempts: Mapping[str, int]) -> dict[str, str]:
    """Return end-to-end ids by the UETR under which they were sent."""
    return {uetr_of(attempt): attempt for attempt in attempts}


def read_bank(path: Path) -> bytes:
    """Return the bytes of a file of the bank.

    Raises:
        LedgerError: those of ``read_private``.
    """
    return read_private(path, size_bytes_max=SCALE * SIZE_BYTES_MAX, forbidden_mode=0)


# A bank may date an entry anew; so many days before a file are compared too.
DAYS_BEFORE: Final = 60


class Import:
    """The import of one file for one account."""

    def __init__(self, lookup: Lookup, account: JSONObject) -> None:
        """Import for an account of the wallet's member."""
        self.lookup = lookup
        self.session: Session = lookup.session
        self.account = account
        self.cards = Cards(self.session)
        self._known: set[str] = set()

    def run(
        self, statements: Sequence[Statement], *, close: bool, skip_number: bool
    ) -> int:
        """Record what is new, or only compare; return the exit code.

        Raises:
            LedgerError: ``other_account``, ``other_currency``,
                ``balance_differs``, ``entry_differs``, ``statement_gap``;
                ``nothing_new``; those of acting.
        """
        message = statements[0].message
        mine = self._choose(statements)
        for each in mine:
            each.check(self.account["currency"])
            _tell_left_out(each)
        self._resume(mine[0])
        seen = self.cards.seen(self.account["id"])
        if mine[0].file_sha256 in seen.get("done", ()):
            raise LedgerError("nothing_new", found=sum(len(s.entries) for s in mine))
        self._compare(mine)
        own = self.account.get("message")
        if message not in ((own,) if own else USUAL):
            return self._report(mine)
        self._check_order(mine, skip_number=skip_number)
        acts = self._acts(mine, close=close)
        if not acts:
            raise LedgerError("nothing_new", found=sum(len(s.entries) for s in mine))
        code = self._send(acts, mine[0].file_sha256)
        if not code and self.session.prepare is None:
            last = mine[-1]
            done = last.file_sha256 if close or last.closing is None else ""
            self.cards.learn(self.account["id"], last.account, last.sequence, done)
            tell_misfits(self.lookup, {"account": self.account})
        return code

    # -- whose statement --

    def _choose(self, statements: Sequence[Statement]) -> list[Statement]:
        """Return the statements of this account; others of the file are told."""
        card = self.cards.find(self.account["commitment"])
        seen = self.cards.seen(self.account["id"])
        number = str(card.get("number") or seen.get("number", ""))
        stated = [each.account for each in statements if each.account]
        if not number and stated:
            number = stated[0]
            print_note(
                f"The account's number in the file is {number}. Nothing here says "
                "whether it is this account; from now on no other is taken for it."
            )
        mine = [
            each
            for each in statements
            if not each.account or is_same_number(each.account, number)
        ]
        if not mine:
            raise LedgerError("other_account", expected=number, found=stated[0])
        for each in statements:
            if each not in mine:
                print_note(f"Left out: statement {each.id} of account {each.account}.")
        return mine

    # -- what is known --

    def _resume(self, statement: Statement) -> None:
        """Send again what an earlier run signed and did not see answered."""
        journal = self.session.folder.path / f"batch-{_journal(statement)}.altb"
        if journal.exists() and self.session.prepare is None:
            send_files(self.session, read_batch(journal), in_order=True)
            journal.unlink()
            # What it changed is read again.
            self.lookup = Lookup(self.session)
            self.account = self.lookup.record("account", self.account["id"])

    def _compare(self, statements: Sequence[Statement]) -> None:
        """Find out which rows are recorded already, with the same facts."""
        rows = [row for each in statements for row in each.entries]
        if not rows:
            return
        # What was recorded with a date before is refused by the ledger itself.
        first = date.fromisoformat(min(row.booking_date for row in rows))
        since = (first - timedelta(days=DAYS_BEFORE)).isoformat()
        path = f"/v1/accounts/{self.account['id']}/entries"
        listed = self.session.client.items(path, since=since)
        recorded = {entry["id"]: entry for entry in listed}
        for row in rows:
            known = recorded.get(entry_id(self.account["id"], row.type, row.key))
            if known is not None:
                check_known(self.account["currency"], known, row)
                self._known.add(row.type + row.key)

    def is_known(self, row: EntryRow) -> bool:
        """Tell whether a compared row is recorded."""
        return row.type + row.key in self._known

    # -- in order --

    def _check_order(
        self, statements: Sequence[Statement], *, skip_number: bool
    ) -> None:
        """Refuse a statement that does not follow what is recorded."""
        closed = self.account["closed_date"]
        going = []
        for each in statements:
            end = each.closing.date if each.closing is not None else ""
            if not end or end > closed:
                going.append(each)
            elif not all(map(self.is_known, each.entries)):
                raise _gap(each, f"after {closed}", end)
        balance = self.account["closing_minor"]
        balance += sum(day["net_minor"] for day in self.account["days"])
        rows = [row for each in going for row in each.entries]
        balance -= sum(row.signed_minor for row in rows if self.is_known(row))
        last = self.cards.seen(self.account["id"]).get("sequence", 0)
        for each in going:
            self._check_opening(each, balance)
            # Numbers begin anew, usually with a year.
            follows = each.sequence in (0, 1, last, last + 1)
            if last and not follows and not skip_number:
                raise _gap(each, f"number {last + 1}", each.sequence)
            last = each.sequence or last
            balance += sum(row.signed_minor for row in each.entries)

    def _check_opening(self, statement: Statement, balance: int) -> None:
        opening = statement.opening
        if opening is not None and opening.amount_minor != balance:
            currency = self.account["currency"]
            expected = format_amount(balance, currency)
            found = format_amount(opening.amount_minor, currency)
            raise _gap(statement, f"opening {expected}", found)

    # -- acts --

    def _acts(self, statements: Sequence[Statement], *, close: bool) -> list[Act]:
        acts: list[Act] = []
        for each in statements:
            fresh = [row for row in each.entries if not self.is_known(row)]
            for run in self._runs(fresh):
                body = self._body(each, entries=run)
                payers = [entry["payer"] for entry in run if "payer" in entry]
                own = self.lookup.facts(self.account)
                facts = [*own, *self.lookup.parties(*payers)]
                acts.append(Act("bank.record", body, facts))
            end = each.closing
            after = end is not None and end.date > self.account["closed_date"]
            if close and end is not None and after and each.is_whole:
                acts.append(self._close(each, end.date, end.amount_minor))
        return acts

    def _body(self, statement: Statement, **more: Any) -> JSONObject:
        body: JSONObject = {
            "account": self.account["id"],
            "attester": self.account["attester"],
            "file_hash": statement.file_sha256,
            **more,
        }
        if self.account.get("message"):
            body["message"] = statement.message
        return body

    def _close(self, statement: Statement, date: str, closing: int) -> Act:
        late = [row for row in statement.entries if row.booking_date > date]
        if late:
            raise LedgerError(
                "bad_bank_field",
                expected=f"booked up to {date}",
                found=late[0].booking_date,
                entry=late[0].row,
            )
        still = not statement.entries and not has_moved(self.account, date)
        body = self._body(
            statement, closing_minor=closing, date=date, no_movement=still
        )
        body.pop("message", None)
        if not _is_agent(self.lookup, self.account["attester"]):
            del body["file_hash"]
        return Act("bank.close", body, self.lookup.facts(self.account))

    def _runs(self, rows: Sequence[EntryRow]) -> list[list[JSONObject]]:
        """Return entries in runs that fit into one transaction each."""
        owners = self.cards.owners()
        attempts: dict[str, int] = {}
        if any(row.type == "return" for row in rows):
            attempts = find_attempts(self.lookup, self.account["id"])
        runs: list[list[JSONObject]] = []
        size = ENTRIES_BYTES_MAX
        for row in rows:
            with naming_row(row):
                entry = self._entry(row, owners, attempts)
            size += len(encode(entry))
            if size > ENTRIES_BYTES_MAX or len(runs[-1]) == ENTRIES_MAX:
                runs.append([])
                size = len(encode(entry))
            runs[-1].append(entry)
        return runs

    def _entry(
        self, row: EntryRow, owners: Mapping[str, str], attempts: Mapping[str, int]
    ) -> JSONObject:
        entry: JSONObject = {name: getattr(row, name) for name in SHARED}
        entry["value_date"] = row.value_date
        if row.payer:
            entry["payer"] = self.lookup.find("member", row.payer)["id"]
        elif row.payer_number and compact_number(row.payer_number) in owners:
            entry["payer"] = owners[compact_number(row.payer_number)]
        if row.reference:
            entry["reference"] = _reference(self.lookup, row.reference)
        # What is missing to the payout was kept by banks on the way.
        full = attempts.get(row.end_to_end, 0) if row.type == "return" else 0
        charges = row.charges_minor or max(full - row.amount_minor, 0)
        more = {
            "charges_minor": charges,
            "end_to_end": row.end_to_end,
            "original": row.reverses,
        }
        return entry | {name: value for name, value in more.items() if value}

    def _send(self, acts: list[Act], file_sha256: str) -> int:
        if len(acts) <= SHOWN_MAX:
            run_acts(self.session, acts, in_order=True)
            return 0
        lines = [Line(f"part {n}", act) for n, act in enumerate(acts, start=1)]
        name = f"bank-{file_sha256[:16]}-all"
        return run_batch(self.session, name, lines, in_order=True)

    # -- comparing only --

    def _report(self, statements: Sequence[Statement]) -> int:
        """Tell what a file says that is not recorded; nothing is sent."""
        rows = [
            {name: getattr(row, name) for name in SHARED}
            for each in statements
            for row in each.entries
            if not self.is_known(row)
        ]
        own = self.account.get("message") or " or ".join(USUAL)
        print_note(
            f"Only compared: what counts for this account is {own}, and this is "
            f"{statements[0].message}."
        )
        if self.session.as_json:
            print_json({"differences": rows, "recorded": False})
            return 0
        columns = table("not recorded=type | date=booking_date | amount:money | key")
        print_rows(self.lookup, columns, rows)
        if not rows:
            print_note("Every entry of the file is recorded.")
        return 0


def check_known(currency: str, known: JSONObject, row: EntryRow) -> None:
    """Do nothing if an entry is recorded with the facts of its row.

    Raises:
        LedgerError: ``entry_differs``.
    """
    facts = {
        "type": (known["type"], row.type),
        "amount": (
            format_amount(known["amount_minor"], currency),
            format_amount(row.amount_minor, row.currency),
        ),
        "booking_date": (known["booking_date"], row.booking_date),
        "value_date": (known["value_date"], row.value_date),
        "receipt reversed": (known.get("original", ""), row.reverses),
    }
    for name, (recorded, stated) in facts.items():
        if recorded != stated:
            raise LedgerError(
                "entry_differs",
                expected=f"{name} {recorded}",
                found=f"{name} {stated}",
                key=row.key,
                row=row.row,
            )


def _is_agent(lookup: Lookup, member: str) -> bool:
    roles = lookup.record("member", member).get("roles", [])
    return "settlement_agent" in roles and "settlement_bank" not in roles


def _journal(statement: Statement) -> str:
    return f"bank-{statement.file_sha256[:16]}-all"


def _gap(statement: Statement, expected: object, found: object) -> LedgerError:
    return LedgerError(
        "statement_gap", expected=expected, found=found, statement=statement.id
    )


def _tell_left_out(statement: Statement) -> None:
    for each in statement.left_out:
        amount = format_amount(each.amount_minor, each.currency)
        print_note(
            f"Left out: entry {each.row}, {each.sign} {amount}, is not booked "
            f"({each.status})."
        )


def _reference(lookup: Lookup, text: str) -> str:
    """Return what a payer wrote, as a full id where it names a receivable.

    Payers write what they like: what is no id of ours is an invoice number.
    """
    for word in text.replace(",", " ").split():
        if FULL.fullmatch(word):
            return word
        if word[:1] not in "Rr":
            continue
        try:
            if check_id(word) == "receivable":
                return str(lookup.find("receivable", word)["id"])
        except LedgerError as error:
            if error.row.kind == "not_found":
                print_note(f"Warning: no receivable {word} that you may see.")
    return text


def check_members(rows: Sequence[EntryRow]) -> None:
    """Do nothing if every payer is written as a member's id.

    Raises:
        LedgerError: those of ``check_id``.
    """
    for row in rows:
        if row.payer:
            with naming_row(row):
                check_id(row.payer, "member")


@contextmanager
def naming_row(row: EntryRow) -> Iterator[None]:
    """Let an error that a row leads to name it."""
    try:
        yield
    except LedgerError as error:
        error.details.setdefault("row", row.row)
        raise
