"""``allonge programme``: the terms under which a debtor's receivables live."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.amounts import parse_minor
from cli.command import Act, argument, perform, reads
from cli.forms import read_form
from cli.lookup import Lookup
from cli.people import FULL, check_id
from cli.session import Session, with_signing
from cli.tables import print_list, table
from cli.terminal import print_facts, print_json
from cli.typed import an_id, option, read_hash
from ledger.currency import exponent
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

# What a terms file may leave out. Amounts are in major units of its currency.
DEFAULTS: Final[dict[str, Any]] = {
    "confirm_days": 10,
    "convention": "following",
    "forum": "as agreed between the parties",
    "grace_days": 0,
    "late_basis": "act360",
    "late_from": "due",
    "late_ppm": 0,
    "law": "as agreed between the parties",
    "offset_minutes": 480,
    "order": "principal_first",
    "part_min": "0.01",
    "record_days": 0,
    "registration": False,
    "tenor_cap_days": 365,
    "tenor_norm_days": 180,
    "tolerance": "0",
    "tolerance_days": 0,
    "transfer_max": 8,
    "undertaking": "absolute",
}
NEEDED: Final = (
    "currency",
    "debtor",
    "disclosure",
    "lenders",
    "name",
    "undertaking_text",
)
# Terms under a name; the rule knows the same names and holds programmes to them.
PRESETS: Final[dict[str, dict[str, Any]]] = {
    "cn_2025": {"tenor_cap_days": 365, "tenor_norm_days": 180}
}
TERMS_LISTED: Final = "The terms are listed by: run: allonge programme new --help"
OPTIONAL: Final = (
    *("account", "calendar", "charges_to", "day_basis", "debtor_max"),
    *(
        "dispute_days",
        "documents",
        "early_payment",
        "exposure_max",
        "fees",
        "late_close_days",
        "payout_days",
        "payout_min",
    ),
    *("preset", "recall_days", "recourse_days", "recourse_price", "recourse_trigger"),
    *("own_account", "replaces", "settlement_account", "suppliers", "suspense_days"),
)
MONEY: Final = (*("part_min", "tolerance", "exposure_max", "debtor_max", "payout_min"),)
HASHES: Final = ("disclosure", "undertaking_text")


@click.group("programme")
def programme() -> None:
    """Agree on the terms of receivables, and show them."""


@programme.command("new")
@click.argument("terms", type=click.Path(path_type=Path))
@option("--preset", "NAME", "Named terms, e.g. cn_2025.")
@with_signing
def new_programme(session: Session, terms: Path, *, preset: str | None) -> None:
    """Create a programme from a TOML or JSON file of TERMS.

    Debtor and every lender sign one file (--prepare). A --preset gives terms
    that the file leaves out, and the ledger refuses what it does not allow:
    cn_2025 is the Chinese notice of 2025, a tenor norm of 6 months (180 days)
    and a cap of a year (365).

    Needed: name, debtor, lenders, currency, undertaking_text, disclosure (the
    last two a SHA-256 or @FILE). With a default: confirm_days 10, convention
    "following", grace_days 0, late_ppm 0, late_basis "act360", late_from
    "due", order "principal_first", offset_minutes 480, part_min "0.01" (the
    smallest unit for other currencies), record_days 0, registration false,
    tenor_norm_days 180, tenor_cap_days 365, tolerance "0", tolerance_days 0,
    transfer_max 8, undertaking "absolute", law and forum "as agreed between
    the parties". Optional: account, suppliers, exposure_max, debtor_max (what
    the debtor may owe under all its programmes of the currency), replaces,
    own_account (true if the debtor's own group has the account: it is discharged
    only when its holders are attested paid; needs a settlement_account); and
    with these when left out: settlement_account (the account), calendar
    "default", charges_to "owner", day_basis "booking", dispute_days 30,
    early_payment "allowed", late_close_days 3, payout_days 30, payout_min "0",
    recall_days 0 (for which a bank may take money back, and nothing is
    settled), recourse_trigger "default", recourse_days 30, recourse_price
    "face_interest", suspense_days 90, fees (a list of name, payer "seller" or
    "buyer", payee, ppm, fixed "0"), documents (a list; "confirmation": a goods
    receipt to confirm on, "transfer": purpose and trade document to pass a
    part for).
    """
    if preset is not None and preset not in PRESETS:
        raise LedgerError("usage", found=f"presets: {', '.join(sorted(PRESETS))}")
    given = read_terms(terms, preset or "")
    lookup = Lookup(session)
    body, members = name_parties(lookup, given)
    try:
        perform(lookup, Act("programme.new", body, lookup.parties(*members)))
    except LedgerError as error:
        if error.code == "bad_body":
            error.details["fix"] = TERMS_LISTED
        raise


def name_parties(lookup: Any, given: JSONObject) -> tuple[JSONObject, list[str]]:
    """Return terms with full ids in place of what was typed, and the members.

    Raises:
        LedgerError: those of ``Lookup.find``.
    """
    members: dict[str, str] = {}

    def member(text: str) -> str:
        members[text] = members.get(text) or lookup.find("member", text)["id"]
        return members[text]

    body = {name: value for name, value in given.items() if name != "account"}
    body["debtor"] = member(given["debtor"])
    for name in ("lenders", "suppliers"):
        if name in given:
            body[name] = [member(text) for text in given[name]]
    if "fees" in given:
        body["fees"] = [
            {**fee, "payee": member(fee["payee"])} for fee in fees_of(given)
        ]
    for name in ("account", "settlement_account"):
        if name == "account" or name in given:
            body[name] = _name_account(lookup, given.get(name, ""), given["currency"])
    if "replaces" in given:
        body["replaces"] = lookup.find("programme", given["replaces"])["id"]
    return body, list(members.values())


def _name_account(lookup: Any, text: str, currency: str) -> str:
    from cli.bank import find_account

    # Only who keeps an account sees it; others type its full id.
    if FULL.fullmatch(text.lower()):
        return text.lower()
    return str(find_account(lookup, text or None, currency)["id"])


def read_terms(path: Path, preset: str = "") -> JSONObject:
    """Return the terms of a file as the body wants them, ids as typed.

    Args:
        path: of the file.
        preset: name of the terms to start from, "" for the defaults alone.

    Raises:
        LedgerError: those of ``read_form``; ``bad_terms_file``; those of
            ids, amounts and hashes.
    """
    given = read_form(path, "bad_terms_file")
    preset = preset or str(given.get("preset", ""))
    named = {"preset": preset, **PRESETS.get(preset, {})} if preset else {}
    terms = {**DEFAULTS, **named, **given}
    missing = [name for name in NEEDED if name not in terms]
    if missing:
        raise LedgerError("bad_terms_file", expected=", ".join(missing), path=path)
    unknown = sorted(set(terms) - {*DEFAULTS, *NEEDED, *OPTIONAL})
    if unknown:
        raise LedgerError("bad_terms_file", found=unknown[0], path=path)
    _check_parties(terms)
    return convert_terms(terms)


def fees_of(terms: dict[str, Any]) -> list[JSONObject]:
    """Return the fees of a terms file, none if it has none."""
    fees: list[JSONObject] = terms.get("fees", [])
    return fees


def _check_fees(terms: dict[str, Any]) -> None:
    fees = terms.get("fees", [{}])
    names = {"fixed", "name", "payee", "payer", "ppm"}
    rows = isinstance(fees, list) and all(isinstance(fee, dict) for fee in fees)
    if not rows or not fees or ("fees" in terms and any(set(f) != names for f in fees)):
        raise LedgerError(
            "bad_terms_file", expected=f"fees: {', '.join(sorted(names))}"
        )


def _check_parties(terms: dict[str, Any]) -> None:
    for name in ("lenders", "suppliers"):
        rows = terms.get(name, ["M"])
        if not isinstance(rows, list) or not rows:
            raise LedgerError("bad_terms_file", expected=f"{name}: a list of ids")
    _check_fees(terms)
    texts = [
        ("fees", "member", [fee["payee"] for fee in fees_of(terms)]),
        ("debtor", "member", [terms["debtor"]]),
        ("lenders", "member", terms["lenders"]),
        ("suppliers", "member", terms.get("suppliers", [])),
        *(
            (name, "account", [terms[name]])
            for name in ("account", "settlement_account")
            if name in terms
        ),
        ("replaces", "programme", [terms[n] for n in ("replaces",) if n in terms]),
    ]
    for name, kind, ids in texts:
        for text in ids:
            if not isinstance(text, str):
                raise LedgerError("bad_terms_file", expected=f"{name}: an id")
            check_id(text, kind)


def convert_terms(terms: dict[str, Any]) -> JSONObject:
    """Return terms with amounts in minor units, as the body of an act has them.

    Raises:
        LedgerError: ``bad_terms_file``; those of amounts and hashes.
    """
    currency = terms["currency"]
    if not isinstance(currency, str):
        raise LedgerError("bad_terms_file", expected="currency: a code")
    body: JSONObject = {}
    for name, value in terms.items():
        if name == "fees":
            body[name] = [_convert_fee(fee, currency) for fee in value]
        elif name in MONEY:
            body[f"{name}_minor"] = _convert_money(name, value, currency)
        else:
            body[name] = _convert_plain(name, value)
    return body


def _convert_money(name: str, value: object, currency: str) -> int:

    if not isinstance(value, str):
        raise LedgerError("bad_terms_file", expected=f'{name}: "1000.00"')
    is_smallest = name == "part_min" and value == DEFAULTS["part_min"]
    if is_smallest and exponent(currency) != 2:
        return 1
    return parse_minor(value, currency)


def _convert_plain(name: str, value: object) -> object:
    if name in HASHES:
        if not isinstance(value, str):
            raise LedgerError("bad_terms_file", expected=f"{name}: a SHA-256")
        return read_hash(value)
    if isinstance(value, float):
        raise LedgerError(
            "bad_terms_file", expected=f"{name}: a whole number", found=value
        )
    return value


def _convert_fee(fee: dict[str, Any], currency: str) -> JSONObject:

    if not isinstance(fee["fixed"], str):
        raise LedgerError("bad_terms_file", expected='fixed: "25.00"')
    rest = {name: fee[name] for name in fee if name != "fixed"}
    return {**rest, "fixed_minor": parse_minor(fee["fixed"], currency)}


@programme.command("show")
@argument("item", an_id("programme"), required=False, metavar="[ID]")
@reads
def show_programme(lookup: Lookup, item: JSONObject | None) -> None:
    """Show the terms of a programme, or list those you may see."""
    from cli.records import describe_record

    session = lookup.session
    if item is None:
        columns = table("programme:programme=id | name | debtor:member | currency")
        print_list(session, columns, session.client.items("/v1/programmes"))
    elif session.as_json:
        print_json(item)
    else:
        print_facts(describe_record(lookup, item))
