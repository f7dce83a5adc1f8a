"""Account data in clear: on this machine only, for its owner only, erasable.

The ledger knows accounts by salted hashes. What a member handed over, or typed
when it opened an account, is found here by that hash, so that what no longer
hashes to it is not found. Beside it stands what the wallet has learnt of an
account's files: its number, the last statement, what was written to the bank::

    {"cards":[<card>…],"files":[{"attempts":[…],"name":…}…],
     "seen":[{"account":…,"done":[<SHA-256>…],"number":…,"sequence":…}…],
     "t":"allonge.cards.v1"}
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cli.formats.identifiers import compact_number
from cli.private import read_private, write_private
from cli.requests import commit_card
from cli.session import Session
from ledger.encoding import JSONObject, decode, encode
from ledger.errors import LedgerError

VERSION: Final = "allonge.cards.v1"
FILE_BYTES_MAX: Final = 16 * 2**20
FILES_MAX: Final = 1_000


class Cards:
    """The account data that one wallet keeps."""

    def __init__(self, session: Session) -> None:
        """Read the wallet's file, if there is one.

        Raises:
            LedgerError: ``file_exposed``; ``account_data_damaged``.
        """
        self.path: Path = session.folder.path / "accounts.json"
        self._cards: dict[str, JSONObject] = {}
        self._seen: dict[str, JSONObject] = {}
        self._files: dict[str, JSONObject] = {}
        if not self.path.exists():
            return
        try:
            found = decode(read_private(self.path, size_bytes_max=FILE_BYTES_MAX))
            if found["t"] != VERSION:
                raise LedgerError("account_data_damaged", expected=VERSION)
            self._cards = {commit_card(card): card for card in found["cards"]}
            self._seen = {row["account"]: row for row in found["seen"]}
            self._files = {row["name"]: row for row in found["files"]}
        except (KeyError, TypeError, ValueError, LedgerError) as error:
            if isinstance(error, LedgerError) and error.code == "file_exposed":
                raise
            raise LedgerError("account_data_damaged", path=self.path) from error

    def _save(self) -> None:
        found: JSONObject = {
            "cards": list(self._cards.values()),
            "files": list(self._files.values())[-FILES_MAX:],
            "seen": list(self._seen.values()),
            "t": VERSION,
        }
        write_private(self.path, encode(found), replace=True)

    # -- cards --

    def keep(self, card: JSONObject) -> str:
        """Keep a card; return its commitment."""
        item = commit_card(card)
        self._cards[item] = card
        self._save()
        return item

    def find(self, commitment: str) -> JSONObject:
        """Return the account on the card of a commitment, empty if unknown."""
        account: JSONObject = self._cards.get(commitment, {}).get("account", {})
        return account

    def card(self, commitment: str, whose: str) -> JSONObject:
        """Return the whole card of a commitment, as it is handed to others.

        Raises:
            LedgerError: ``account_data_missing``.
        """
        self.need(commitment, whose)
        return self._cards[commitment]

    def need(self, commitment: str, whose: str) -> JSONObject:
        """Return the account on the card of a commitment.

        Raises:
            LedgerError: ``account_data_missing``.
        """
        found = self.find(commitment)
        if not found:
            raise LedgerError("account_data_missing", found=whose)
        return found

    def forget(self, member: str) -> int:
        """Erase the cards of a member; return how many there were."""
        before = len(self._cards)
        self._cards = {
            item: card for item, card in self._cards.items() if card["member"] != member
        }
        self._save()
        return before - len(self._cards)

    def owners(self) -> dict[str, str]:
        """Return whose account a number is, for numbers of one member only."""
        found: dict[str, set[str]] = {}
        for card in self._cards.values():
            number = compact_number(str(card["account"].get("number", "")))
            found.setdefault(number, set()).add(str(card["member"]))
        return {number: next(iter(of)) for number, of in found.items() if len(of) == 1}

    # -- files of the bank --

    def seen(self, account: str) -> JSONObject:
        """Return what was learnt of an account's statements."""
        return self._seen.get(account, {})

    def learn(self, account: str, number: str, sequence: int, done: str) -> None:
        """Remember number, last statement and file of an account."""
        known = self.seen(account)
        self._seen[account] = {
            "account": account,
            "done": [*known.get("done", ()), *([done] if done else [])][-FILES_MAX:],
            "number": number or known.get("number", ""),
            "sequence": sequence or known.get("sequence", 0),
        }
        self._save()

    def remember_file(self, names: list[str], attempts: list[str]) -> None:
        """Remember which attempts went to the bank under a name."""
        for name in names:
            self._files[name] = {"attempts": attempts, "name": name}
        self._save()

    def file_of(self, name: str) -> list[str]:
        """Return the attempts that went to the bank under a name."""
        found: list[str] = self._files.get(name, {}).get("attempts", [])
        return found
