"""The genesis on its way to its signatures, and what founders see of it.

Founding members give the operator their member files. Out of them and of the
chain's parameters one payload is made; every key it lists signs it, in one
file or in copies. What a founder has signed is the chain its wallet trusts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from cli.forms import read_form
from cli.private import read_record
from cli.signing.lines import show_block
from cli.signing.screen import (
    Facts,
    Page,
    leaves,
    name_path,
    quote,
    show_moment,
    show_rate,
)
from cli.signing.signed import Signed, read_signatures
from cli.trust import load_installed
from ledger.encoding import JSONObject, decode, decode_base64, encode, hex_digest
from ledger.errors import LedgerError
from ledger.genesis import Genesis, parse_genesis
from ledger.keys import key_id
from ledger.transactions import TYPE_GENESIS, object_id

VERSION: Final = "allonge.genesis.v1"
FILE_BYTES_MAX: Final = 1_048_576
DAY_MS: Final = 86_400_000
# What a configuration file may leave out; delays are in days.
DEFAULTS: Final[Mapping[str, Any]] = {
    "account_delay_days": 3,
    "calendar": {
        "holidays": [],
        "id": "weekends",
        "through": "2035-12-31",
        "weekend": [5, 6],
        "workdays": [],
    },
    "governance_ppm": 666_667,
    "policy_delay_days": 2,
    "quota": 1000,
}
# A test chain waits for nobody.
TEST_DEFAULTS: Final[Mapping[str, Any]] = {
    "account_delay_days": 0,
    "policy_delay_days": 0,
}


@dataclass(frozen=True, slots=True)
class GenesisFile(Signed):
    """A genesis with the signatures it has so far."""

    payload_type = TYPE_GENESIS
    version = VERSION

    @property
    def chain(self) -> str:
        """The hash of the payload: the chain's name."""
        return hex_digest(self.payload)

    def open(self) -> JSONObject:
        """Return the payload's fields."""
        payload: JSONObject = decode(self.payload)
        return payload

    def member_of(self, key: str) -> int:
        """Return the position of the member that lists a key.

        Raises:
            LedgerError: ``not_a_founder``.
        """
        for position, member in enumerate(self.open()["members"]):
            for row in member["keys"]:
                if key_id(bytes.fromhex(row["public"])) == key:
                    return position
        raise LedgerError("not_a_founder", found=key[:16])

    def founder_id(self, key: str) -> str:
        """Return the id of the member that lists a key.

        Raises:
            LedgerError: ``not_a_founder``.
        """
        return object_id("member", self.chain, self.member_of(key))

    def missing(self) -> list[str]:
        """Return the names of the members whose keys have not all signed."""
        signed = {item.key_id for item in self.signatures}
        return [
            member["name"]
            for member in self.open()["members"]
            if any(
                key_id(bytes.fromhex(row["public"])) not in signed
                for row in member["keys"]
            )
        ]

    def envelope(self) -> bytes:
        """Return leaf 0 of the ledger.

        Raises:
            LedgerError: those of ``parse_genesis``.
        """
        raw = Signed.envelope(self)
        parse_genesis(raw)
        return raw


def read_genesis_file(path: Path) -> GenesisFile:
    """Return the genesis of a file, its form checked.

    Raises:
        LedgerError: those of ``read_record``.
    """
    value = read_record(path, VERSION, "bad_genesis_file", FILE_BYTES_MAX)
    try:
        signatures = read_signatures(value["signatures"])
        file = GenesisFile(decode_base64(value["payload"]), ()).add(signatures)
        Genesis.model_validate(file.open())
    except (LedgerError, KeyError, TypeError, ValidationError) as error:
        raise LedgerError("bad_genesis_file", expected=VERSION, path=path) from error
    return file


def read_config(path: Path | None, *, test_chain: bool) -> JSONObject:
    """Return the parameters of a chain, defaults where the file is silent.

    Raises:
        LedgerError: those of ``read_form``; ``bad_config_file``.
    """
    given = {} if path is None else read_form(path, "bad_config_file")
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise LedgerError("bad_config_file", found=unknown[0])
    merged = {**DEFAULTS, **(TEST_DEFAULTS if test_chain else {}), **given}
    calendar = {**DEFAULTS["calendar"], **merged["calendar"]}
    days = (merged.pop("account_delay_days"), merged.pop("policy_delay_days"))
    if not all(type(day) is int and 0 <= day <= 365 for day in days):
        raise LedgerError("bad_config_file", expected="delays of 0 to 365 days")
    return {
        **merged,
        "account_delay_ms": days[0] * DAY_MS,
        "calendar": calendar,
        "policy_delay_ms": days[1] * DAY_MS,
        "test_chain": test_chain,
    }


def make_genesis(
    members: list[JSONObject], parameters: JSONObject, salt: str, time_ms: int
) -> GenesisFile:
    """Return the unsigned genesis of a chain under the installed rules.

    Args:
        members: as their member files have them.
        parameters: of the chain.
        salt: commitment to the secret of the salted hashes.
        time_ms: when the chain begins; 0 for now.

    Raises:
        LedgerError: ``bad_config_file``, naming the field.
    """
    if len(members) < 2:
        raise LedgerError(
            "bad_config_file",
            expected="an operator and a lender or regulator",
            found=f"{len(members)} member",
            fix="Name the file of each founder with --member.",
        )
    # A founder's key signs the genesis itself; it needs no other proof.
    bare = [
        {
            **member,
            "keys": [
                {name: key[name] for name in key if name != "proof"}
                for key in member["keys"]
            ],
        }
        for member in members
    ]
    payload = {
        "members": bare,
        "parameters": parameters,
        "rulebook": load_installed().hash,
        "salt": salt,
        "time": time_ms or time.time_ns() // 10**6,
        "v": 1,
    }
    try:
        Genesis.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LedgerError(
            "bad_config_file", expected=first["msg"], found=place
        ) from error
    return GenesisFile(encode(payload), ())


def draw_genesis(file: GenesisFile) -> tuple[list[str], int]:
    """Return the signing screen of a genesis and how many keys it lists.

    Raises:
        LedgerError: ``rule_mismatch``, other rules than those installed here;
            ``field_not_shown``.
    """
    payload = file.open()
    page = Page(payload, Facts())
    page.line("begin a chain", page.hash(file.chain))
    test = page.take("parameters", "test_chain")
    words = {True: "TEST CHAIN: nothing on it has value", False: "a chain of value"}
    page.line("kind", words.get(test, "unknown"))
    page.line("begins", show_moment(page.take("time")))
    for n in range(page.items("members")):
        show_block(page, "member", "members", n)
    _draw_parameters(page)
    rulebook = page.text("rulebook")
    installed = load_installed().hash
    if rulebook != installed:
        raise LedgerError("rule_mismatch", expected=installed, found=rulebook)
    page.line("rules", f"those installed here, {page.hash(rulebook)}")
    page.line("salt", page.hash(page.text("salt")))
    page.line("format", f"version {page.number('v')}")
    if page.left:
        first = min(page.left, key=str)
        raise LedgerError("field_not_shown", found=name_path(first))
    page.lines.append(" in full")
    page.lines += [f" {short:<14} {full}" for short, full in page.hashes.items()]
    return page.lines, sum(len(member["keys"]) for member in payload["members"])


def _draw_parameters(page: Page) -> None:
    for name, label in (
        ("account_delay_ms", "accounts"),
        ("policy_delay_ms", "policies"),
    ):
        delay = page.number("parameters", name)
        page.line(label, f"change after {delay} ms")
    rate = show_rate(page.number("parameters", "governance_ppm"))
    page.line("new rules", f"take {rate} of the votes")
    page.line("waiting", f"{page.number('parameters', 'quota')} acts a member")
    # Lists of dates may be empty here, so the calendar is shown as a whole.
    calendar = page.body["parameters"]["calendar"]
    page.left -= {("parameters", "calendar", *path) for path in leaves(calendar)}
    page.line("calendar", quote(encode(calendar).decode()))
