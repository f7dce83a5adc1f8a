"""Finding what a user names: ids to records, holdings to tiles, facts to show.

A typo in an id is named before a node is asked; a short id is looked up among
what the wallet's member may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from cli.amounts import format_amount, parse_amount, parse_minor
from cli.people import IDENTIFIER, check_id, find_id, has_identifier, name_id
from cli.session import Session, is_missing
from cli.typed import Amount
from ledger.encoding import JSONObject, hex_digest
from ledger.errors import LedgerError

# Where things of a kind are listed and read.
PATHS: Final = {
    "account": "/v1/accounts",
    "deal": "/v1/deals",
    "dispute": "/v1/disputes",
    "order": "/v1/orders",
    "member": "/v1/members",
    "offer": "/v1/offers",
    "payout": "/v1/payouts",
    "programme": "/v1/programmes",
    "quote": "/v1/quotes",
    "receivable": "/v1/receivables",
    "request": "/v1/requests",
}
# Where to look for what was not found.
LISTED_BY: Final = {
    "member": "run: allonge member list",
    "deal": "run: allonge deal list",
    "payout": "run: allonge payout list",
    "order": "run: allonge freeze list",
    "programme": "run: allonge programme show",
    "receipt": "run: allonge bank receipts",
}
# What has a time and is tidied away after it is answered as late, always.
GONE: Final = {"offer": "offer_over", "quote": "quote_over", "request": "request_over"}
# What else has to be known to read a thing, by its kind: the field that names it.
ABOUT: Final = {
    **dict.fromkeys(("deal", "offer", "payto", "quote", "request"), "receivable"),
    "receivable": "programme",
}
# Fields that hold the id of a member.
PARTY_FIELDS: Final = (
    *("debtor", "supplier", "giver", "receiver", "holder", "payee", "owner"),
    *("attester", "member", "operator", "guardian", "payer", "seller", "lender"),
)

OWN_ACCOUNT: Final = (
    "The debtor's own account keeps the money: it is discharged only when the bank "
    "has attested that its holders are paid."
)


class Holding(NamedTuple):
    """A live tile and its receivable."""

    receivable: JSONObject
    tile: JSONObject

    @property
    def input(self) -> JSONObject:
        """How an act names the whole tile."""
        names = ("hi", "lo", "rev")
        tile = {name: self.tile[name] for name in names}
        return {**tile, "receivable": self.receivable["id"]}

    @property
    def size(self) -> str:
        """Its amount with currency."""
        units = self.tile["hi"] - self.tile["lo"]
        return format_amount(units, self.receivable["currency"])

    def part(self, start: str | None, amount: Amount | None) -> JSONObject:
        """Return the part of it that was typed, all of it by default.

        Raises:
            LedgerError: those of ``parse_minor``; ``other_currency``.
        """
        currency = self.receivable["currency"]
        lo = self.tile["lo"] if start is None else parse_minor(start, currency)
        hi = self.tile["hi"] if amount is None else lo + amount.of(currency)
        return {"hi": hi, "lo": lo}


class Lookup:
    """Reads of one command, each thing asked for once."""

    def __init__(self, session: Session) -> None:
        """Read through a session's node."""
        self.session = session
        self._records: dict[tuple[str, str], JSONObject] = {}
        self._members: dict[str, JSONObject] | None = None
        self._warnings: list[JSONObject] = []
        # Where receivables would be paid by a change of account that is signed.
        self.moved: dict[str, str] = {}

    @property
    def own(self) -> str:
        """The wallet's own member."""
        return self.session.member

    # -- ids --

    def find(self, kind: str, text: str) -> JSONObject:
        """Return the record of a thing by its id as typed.

        Raises:
            LedgerError: ``bad_id``, ``bad_id_check``, ``wrong_id_kind``
                before any network call; ``not_found`` or one of ``GONE``,
                ``ambiguous_id``.
        """
        check_id(text, kind)
        try:
            if kind == "member" and IDENTIFIER.fullmatch(text.strip()):
                return self.record(kind, self._identified(text))
            return self.record(kind, find_id(text, lambda: self._ids(kind)))
        except LedgerError as error:
            if error.row.kind != "not_found":
                raise
            error.found = text[:64]
            if kind in GONE:
                raise LedgerError(GONE[kind], found=text[:60]) from error
            if kind in LISTED_BY:
                error.details["fix"] = LISTED_BY[kind]
            raise

    def _identified(self, text: str) -> str:
        rows = self.members().items()
        found = [item for item, row in rows if has_identifier(row, text)]
        if len(found) != 1:
            code = "ambiguous_id" if found else "not_found"
            raise LedgerError(code, found=text[:60])
        return found[0]

    def find_any(self, text: str, *kinds: str) -> JSONObject:
        """Return the record of a thing of one of several kinds.

        Raises:
            LedgerError: those of ``find``.
        """
        kind = check_id(text, *kinds)
        if kind:
            return self.find(kind, text)
        # A full hash does not say what it names.
        for each in kinds:
            try:
                return self.record(each, text.strip().lower())
            except LedgerError as error:
                if not is_missing(error) and error.code != "not_found":
                    raise
        raise LedgerError("not_found", found=text[:64])

    def _ids(self, kind: str) -> Iterator[str]:
        if kind == "member":
            yield from self.members()
        elif kind == "receipt":
            yield from (row["id"] for row in self.receipts())
        elif kind == "payout":
            # An account's list leaves out what is paid, unless asked for that.
            rows = [row for state in (None, "paid") for row in self.payouts(state)]
            yield from dict.fromkeys(str(row["id"]) for row in rows)
        else:
            for row in self.session.client.items(PATHS[kind]):
                yield str(row.get("id", ""))

    def record(self, kind: str, item: str) -> JSONObject:
        """Return the record of a thing by its full id.

        Raises:
            LedgerError: ``not_found``.
        """
        known = self._records.get((kind, item))
        if known is not None:
            return known
        path = PATHS.get(kind)
        if kind == "member" and item in self.members():
            found = self.members()[item]
        elif path is None:
            answer = self.session.client.get(f"/v1/records/{kind}/{item}")
            found = answer.get("record", {}) if isinstance(answer, dict) else {}
        else:
            found = self.session.client.get(f"{path}/{item}")
        if not isinstance(found, dict):
            raise LedgerError("node_failed", expected="a record")
        return self.keep({"id": item, **found, "kind": kind})

    def keep(self, record: JSONObject) -> JSONObject:
        """Take a record for what is known of a thing, and return it."""
        self._records[(record["kind"], record["id"])] = record
        return record

    def members(self) -> dict[str, JSONObject]:
        """Return all members by id."""
        if self._members is None:
            rows = self.session.client.items(PATHS["member"])
            self._members = {str(row.get("id", "")): row for row in rows}
        return self._members

    def name_of(self, member: str) -> str:
        """Return a member's name, else its id."""
        name = self.members().get(member, {}).get("name", "")
        return str(name) or name_id("member", member)

    def payouts(self, state: str | None = None, *accounts: str) -> Iterator[JSONObject]:
        """Yield what is to be paid from accounts; else to the member, and of its own.

        Args:
            state: only in this state; without it an account's own list leaves
                out what is paid.
            accounts: only of these.
        """
        client = self.session.client
        rows = [] if accounts else client.items(PATHS["account"])
        own = accounts or [None, *(str(row["id"]) for row in rows)]
        for account in own:
            yield from client.items(PATHS["payout"], account=account, state=state)

    def receipts(self) -> Iterator[JSONObject]:
        """Yield incoming money of every account the member pays or keeps."""
        client = self.session.client
        accounts = [str(row["id"]) for row in client.items(PATHS["account"])]
        programmes = client.items(PATHS["programme"])
        accounts += [str(row["account"]) for row in programmes]
        for account in dict.fromkeys(accounts):
            yield from client.items("/v1/receipts", account=account)

    # -- holdings --

    def tiles(self, receivable: str) -> list[JSONObject]:
        """Return the live holdings of the wallet's member in a receivable."""
        rows = self.session.client.items(f"/v1/receivables/{receivable}/tiles")
        own = [
            row
            for row in rows
            if row.get("holder") == self.session.member
            and row.get("state", "live") == "live"
        ]
        return sorted(own, key=lambda row: int(row["lo"]))

    def find_holding(self, text: str) -> Holding:
        """Return receivable and tile of a holding as typed: ``ID`` or ``ID/START``.

        Raises:
            LedgerError: those of ``find``; ``bad_amount``; ``not_found``;
                ``which_holding``, the start is needed.
        """
        name, _, start = text.partition("/")
        receivable = self.find("receivable", name)
        tiles = self.tiles(receivable["id"])
        if start:
            lo = parse_minor(start, receivable["currency"])
            tiles = [tile for tile in tiles if tile["lo"] == lo]
        if not tiles:
            raise LedgerError("not_found", found=f"holding {text[:40]}")
        if len(tiles) > 1:
            raise LedgerError(
                "which_holding",
                expected=" or ".join(name_holding(receivable, tile) for tile in tiles),
            )
        return Holding(receivable, tiles[0])

    # -- facts --

    def warn(self, text: str) -> None:
        """Let a warning stand first on the screen of whoever signs."""
        item = hex_digest(text.encode())
        self._warnings.append({"id": item, "kind": "warning", "text": text})

    def facts_of(self, body: JSONObject) -> list[JSONObject]:
        """Return the facts about all that was read, and the members in a body."""
        named = [text for text in _texts(body) if text in self.members()]
        return [*self.facts(*self._records.values()), *self.parties(*named)]

    def facts(self, *records: JSONObject) -> list[JSONObject]:
        """Return records with what they are about, their members, and warnings."""
        rows = [*self._warnings, *records]
        for row in rows:
            about = ABOUT.get(str(row.get("kind")), "")
            if isinstance(row.get(about), str):
                # What is read here is looked at in its turn.
                rows.append(self.record(about, row[about]))
        debts = [row for row in rows if row.get("kind") == "receivable"]
        debts = debts or [row for row in rows if row.get("kind") == "programme"]
        paid = [{**row, "account": self._paid_to(row)} for row in debts]
        if any(self.is_on_own(row) for row in paid):
            rows.append({"id": "own_account", "kind": "warning", "text": OWN_ACCOUNT})
        parties = {
            str(row[name]) for row in rows for name in PARTY_FIELDS if name in row
        }
        return rows + self.parties(*sorted(parties))

    def _paid_to(self, debt: JSONObject) -> Any:
        return self.moved.get(debt["id"], debt.get("account"))

    def is_on_own(self, record: JSONObject) -> bool:
        """Say whether a receivable or programme is paid to its debtor's own account."""
        item = record.get("programme")
        terms = self.record("programme", item) if item else record
        is_own = terms.get("own_account") is True
        return is_own and record["account"] == terms["account"]

    def parties(self, *members: str) -> list[JSONObject]:
        """Return the facts about members, without those nobody knows."""
        known = self.members()
        rows: Iterable[str] = (*members, self.session.member)
        return [
            {**known[item], "id": item, "kind": "member"}
            for item in dict.fromkeys(rows)
            if item in known
        ]


def name_holding(receivable: JSONObject, tile: JSONObject) -> str:
    """Return the name of a holding: the receivable's id and its start."""
    start = format_amount(tile["lo"], receivable["currency"]).partition(" ")[2]
    return f"{name_id('receivable', receivable['id'])}/{start}"


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a body."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def read_amount(text: str, currency: str) -> int:
    """Return the minor units of an amount typed in the expected currency.

    Raises:
        LedgerError: those of ``parse_amount``; ``other_currency``.
    """
    return Amount(*parse_amount(text)).of(currency)
