"""Files by which members and keys ask to be let in, and account cards.

A member file is what genesis or ``member.admit`` takes, with one key for each
person who has added one. A key file asks for one more key. An account card
holds in clear what the ledger knows by its salted hash only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli.amounts import parse_amount, parse_minor
from cli.forms import read_form
from cli.private import read_record
from cli.wallet.folder import WalletFolder
from cli.wallet.keyheader import read_header
from ledger.encoding import JSONObject, encode, hex_digest
from ledger.errors import LedgerError

MEMBER_VERSION: Final = "allonge.member.v1"
KEY_VERSION: Final = "allonge.newkey.v1"
CARD_VERSION: Final = "allonge.account.v1"
FILE_BYTES_MAX: Final = 65_536
REFUSED: Final = "bad_request_file"
DUTIES: Final = ("admin", "checker", "maker")
SALT_BYTES: Final = 32


def read_member(path: Path) -> JSONObject:
    """Return the member of a member file, in the form the kernel demands.

    Raises:
        LedgerError: those of ``read_record``; ``bad_request_file``, naming
            the field; ``bad_identifier``.
    """
    from ledger.kernel import NewMember  # noqa: PLC0415 - loads pydantic

    file = read_record(path, MEMBER_VERSION, REFUSED, FILE_BYTES_MAX)
    found = check_form(NewMember, file.get("member"), path)
    for row in found["identifiers"]:
        _check_digits(row["scheme"], row["value"])
    return found


def read_new_key(path: Path) -> JSONObject:
    """Return the key of a key file.

    Raises:
        LedgerError: those of ``read_record``; ``bad_request_file``.
    """
    from ledger.kernel import NewKey  # noqa: PLC0415 - loads pydantic

    file = read_record(path, KEY_VERSION, REFUSED, FILE_BYTES_MAX)
    return check_form(NewKey, file.get("key"), path)


def check_form(form: Any, value: object, path: Path) -> JSONObject:
    """Return a value that fits a form of the kernel.

    Raises:
        LedgerError: ``bad_request_file``, naming the field.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - slow to load

    try:
        form.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LedgerError(
            "bad_request_file", expected=first["msg"], found=place, path=path
        ) from error
    found: JSONObject = value  # type: ignore[assignment]
    return found


def make_key(folder: WalletFolder, duties: tuple[str, ...], proof: str) -> JSONObject:
    """Return a wallet's key as it asks for admission.

    Args:
        folder: the wallet; its key stays closed.
        duties: ``maker``, ``checker``, ``admin``; all three if empty.
        proof: signature for the chain, "" before there is a chain.
    """
    header = read_header(folder.key_path)
    key: JSONObject = {
        "duties": sorted(set(duties or DUTIES)),
        # A person is a random number: whoever it is stands in no record.
        "person": os.urandom(32).hex(),
        "public": header.public.hex(),
    }
    if proof:
        key["proof"] = proof
    return key


def read_identifier(text: str) -> JSONObject:
    """Return an identifier typed as ``SCHEME:VALUE``.

    Raises:
        LedgerError: ``bad_request_file``; ``bad_identifier``.
    """
    scheme, mark, value = text.partition(":")
    if not mark or not scheme or not value:
        raise LedgerError(
            "bad_request_file", expected="SCHEME:VALUE, e.g. LEI:5493…", found=text[:60]
        )
    _check_digits(scheme, value)
    return {"scheme": scheme, "value": value}


def _check_digits(scheme: str, value: str) -> None:
    from cli.formats.identifiers import named_identifier  # noqa: PLC0415

    if named_identifier(scheme, value, "").valid is False:
        raise LedgerError("bad_identifier", found=f"{scheme}:{value}"[:72])


def make_policy(limit: str | None) -> JSONObject:
    """Return a policy: one person signs, above a limit two.

    Args:
        limit: an amount with its currency, or None: one person always.

    Raises:
        LedgerError: those of ``parse_amount``.
    """
    one: JSONObject = {"persons": 1}
    approvals: list[JSONObject] = [{"action": "any", "bands": [one]}]
    if limit is not None:
        amount, currency = parse_amount(limit)
        bands = [{"persons": 1, "up_to_minor": amount}, {"persons": 2}]
        # Without an amount one signs; the other currency's top band is two.
        approvals.append({"action": "any", "bands": bands, "currency": currency})
    return {"approvals": approvals, "offset_minutes": 480}


def read_policy(path: Path) -> JSONObject:
    """Return the policy of a TOML or JSON file.

    Raises:
        LedgerError: those of ``read_form``; ``bad_policy_file``; those of
            amounts.
    """
    given = read_form(path, "bad_policy_file")
    try:
        rows = [_read_approval(row) for row in given["approvals"]]
        found: JSONObject = {
            "approvals": rows,
            "offset_minutes": given.get("offset_minutes", 480),
        }
        encode(found)
    except (KeyError, TypeError, AttributeError) as error:
        raise LedgerError("bad_policy_file", path=path) from error
    except LedgerError as error:
        if error.code == "bad_json":
            raise LedgerError("bad_policy_file", path=path) from error
        raise
    return found


def _read_approval(row: Mapping[str, Any]) -> JSONObject:
    currency = row.get("currency", "")
    bands: list[JSONObject] = []
    for band in row["bands"]:
        found: JSONObject = {"persons": band["persons"]}
        if "up_to" in band:
            found["up_to_minor"] = parse_minor(str(band["up_to"]), currency)
        bands.append(found)
    approval: JSONObject = {"action": row["action"], "bands": bands}
    if currency:
        approval["currency"] = currency
    return approval


def make_card(member: str, currency: str, account: Mapping[str, str]) -> JSONObject:
    """Return the card of a payout account with a fresh salt."""
    return {
        "account": {name: value for name, value in account.items() if value},
        "currency": currency,
        "member": member,
        "salt": os.urandom(SALT_BYTES).hex(),
        "t": CARD_VERSION,
    }


def commit_card(card: Mapping[str, Any]) -> str:
    """Return the salted hash by which the ledger knows an account."""
    named = {name: card[name] for name in ("account", "currency", "member")}
    return hex_digest(bytes.fromhex(card["salt"]) + encode(named))


def read_card(path: Path) -> JSONObject:
    """Return the card of a file.

    Raises:
        LedgerError: those of ``read_record``; ``bad_request_file``.
    """
    card = read_record(path, CARD_VERSION, REFUSED, FILE_BYTES_MAX)
    try:
        sound = len(bytes.fromhex(card["salt"])) == SALT_BYTES
        commit_card(card)
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError("bad_request_file", path=path) from error
    if not sound or not isinstance(card["account"], dict):
        raise LedgerError("bad_request_file", expected=CARD_VERSION, path=path)
    return card
