"""The signing file: one transaction on its way to its signatures.

Canonical JSON with the payload's exact bytes, the signatures so far, and what
a screen needs to say in words what the bytes do::

    {"facts":{"records":[…],"signers":[…]},"payload":"<base64>",
     "signatures":[{"keyid":"<64 hex>","sig":"<base64>"}…],
     "t":"allonge.signing.v1"}

One signer or many, online or offline: the file is the same. Facts are never
signed; whoever signs reads amounts and receivers from the payload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.private import OTHERS_WRITE, read_private
from cli.signing.screen import Facts, Screen, draw
from cli.signing.signed import Signed, read_signatures
from ledger.encoding import JSONObject, decode, decode_base64
from ledger.errors import LedgerError
from ledger.transactions import (
    PAYLOAD_BYTES_MAX,
    SIGNATURES_MAX,
    TYPE_TRANSACTION,
    Signature,
    pack_envelope,
    parse_transaction,
    transaction_id,
)

VERSION: Final = "allonge.signing.v1"
FILE_BYTES_MAX: Final = 1_048_576

# What is known of each kind of thing and may leave the wallet in a file.
FACTS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "account": ("attester", "currency", "owner"),
    "deal": ("currency", "payee", "payer", "purpose", "receivable"),
    "discrepancy": ("code",),
    "dispute": ("receivable",),
    "member": ("name",),
    "offer": (
        *("currency", "document", "giver", "hi", "lo", "purpose", "receiver"),
        *("recourse", "until_ms"),
    ),
    "order": ("authority", "member", "reference"),
    "payto": ("account", "receivable", "until_ms"),
    "payout": ("amount_minor", "currency", "payee", "state"),
    "programme": (
        *("account", "currency", "debtor", "name", "offset_minutes", "undertaking"),
    ),
    "receipt": ("account", "amount_minor"),
    "receivable": (
        *("account", "adjusted_date", "currency", "debtor", "due_date", "face_minor"),
        *("programme", "provisional_until_ms", "state", "supplier"),
    ),
    "warning": ("text",),
}


@dataclass(frozen=True, slots=True)
class SigningFile(Signed):
    """A transaction with the signatures it has so far.

    Attributes:
        facts: ``records`` with kind and id, ``signers`` with what is asked.
    """

    facts: JSONObject
    payload_type = TYPE_TRANSACTION
    version = VERSION

    @property
    def transaction(self) -> str:
        """Id of the transaction, whoever signs it."""
        return transaction_id(self.payload)

    def open(self) -> JSONObject:
        """Return the payload's fields, checked as the ledger does.

        Raises:
            LedgerError: ``bad_json``, ``bad_payload``.
        """
        # The form of a payload is judged inside an envelope only.
        signature = Signature("0" * 64, bytes(64))
        raw = pack_envelope(TYPE_TRANSACTION, self.payload, [signature])
        parse_transaction(raw)
        payload: JSONObject = decode(self.payload)
        return payload

    def draw(self, *, member: str, test_chain: bool) -> Screen:
        """Return the signing screen for a member.

        Raises:
            LedgerError: those of ``open`` and of ``cli.signing.screen.draw``.
        """
        given = {**self.facts, "member": member, "test_chain": test_chain}
        return draw(self.open(), Facts(given), self.transaction)

    def merge(self, other: SigningFile) -> SigningFile:
        """Return the file with the signatures of both.

        Raises:
            LedgerError: ``other_payload``; ``limit_exceeded``.
        """
        if other.payload != self.payload:
            raise LedgerError(
                "other_payload",
                expected=self.transaction[:16],
                found=other.transaction[:16],
            )
        return self.add(other.signatures)

    def envelope(self) -> bytes:
        """Return the bytes to send.

        Raises:
            LedgerError: ``policy_not_met``, nobody has signed.
        """
        if not self.signatures:
            raise LedgerError("policy_not_met", found="no signature")
        return Signed.envelope(self)

    def record(self) -> JSONObject:
        """Return what the file holds."""
        return {**Signed.record(self), "facts": self.facts}


def decode_signing_file(raw: bytes) -> SigningFile:
    """Return the signing file of its bytes.

    Raises:
        LedgerError: ``bad_signing_file``.
    """
    try:
        value = decode(raw)
        payload = decode_base64(value["payload"])
        signatures = read_signatures(value["signatures"])
        facts = {
            "records": keep_facts(value["facts"]["records"]),
            "signers": [row for row in value["facts"]["signers"] if keeps_signer(row)],
        }
        found = SigningFile(payload, signatures, facts)
        same = found.encode() == raw and len(payload) <= PAYLOAD_BYTES_MAX
        keys = [item.key_id for item in signatures]
        same = same and keys == sorted(set(keys)) and len(keys) <= SIGNATURES_MAX
        if not same or any(len(item.value) != 64 for item in signatures):
            raise LedgerError("bad_signing_file", expected=VERSION)
        found.open()
    except LedgerError as error:
        if error.code == "bad_signing_file":
            raise
        raise LedgerError("bad_signing_file", found=error.row.title) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LedgerError("bad_signing_file", expected=VERSION) from error
    return found


def read_signing_file(path: Path) -> SigningFile:
    """Return the signing file of a path.

    Raises:
        LedgerError: those of ``read_private``; ``bad_signing_file``.
    """
    raw = read_private(path, size_bytes_max=FILE_BYTES_MAX, forbidden_mode=OTHERS_WRITE)
    try:
        return decode_signing_file(raw)
    except LedgerError as error:
        error.details["path"] = path
        raise


def keep_facts(records: Iterable[Any]) -> list[JSONObject]:
    """Return the facts a file may hold, without anything else a node sent."""
    kept: dict[tuple[str, str], JSONObject] = {}
    for record in records:
        names = FACTS_OF.get(record.get("kind", ""))
        item = record.get("id")
        if names is None or not isinstance(item, str):
            continue
        row = {name: record[name] for name in names if _is_plain(record.get(name))}
        kept[(record["kind"], item)] = {"id": item, "kind": record["kind"], **row}
    return [kept[name] for name in sorted(kept)]


def keep_signers(rows: Iterable[Any]) -> list[JSONObject]:
    """Return who has to sign, as far as the node's answer has the form."""
    kept = []
    for row in rows:
        if isinstance(row, dict):
            # Without a number of persons one is assumed; the ledger decides.
            found = {"member": row.get("member"), "persons": row.get("persons", 1)}
            if keeps_signer(found):
                kept.append(found)
    return kept


def keeps_signer(row: Any) -> bool:
    """Tell whether a row names a member and a number of persons."""
    if not isinstance(row, dict) or set(row) != {"member", "persons"}:
        return False
    return isinstance(row["member"], str) and type(row["persons"]) is int


def _is_plain(value: object) -> bool:
    return isinstance(value, str) or type(value) is int
