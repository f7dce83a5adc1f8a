"""``allonge member``: who takes part, with which keys, accounts and policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from cli.command import argument, make_act, perform, reads, signs
from cli.keyring import (
    ROLES,
    duty_option,
    grant_group,
    key_group,
    make_proof,
    output_option,
    policy_group,
    role_group,
)
from cli.lookup import Lookup
from cli.people import FULL, name_id
from cli.private import write_private
from cli.records import describe_record
from cli.requests import (
    MEMBER_VERSION,
    check_form,
    commit_card,
    make_card,
    make_key,
    make_policy,
    read_card,
    read_identifier,
    read_member,
)
from cli.session import Session, is_missing, with_node, with_signing, with_wallet
from cli.terminal import print_facts, print_json, print_table
from cli.typed import MEMBER, PATH, Argument, option
from cli.wallet.cards import Cards
from ledger.currency import exponent
from ledger.encoding import JSONObject, encode
from ledger.errors import LedgerError

# Of a key or an account of a member, what the member's own lines say, or nobody reads.
SAID_BY_MEMBER: Final = ("alg", "kind", "member", "person", "public", "scope")
CARD_FILE: Final = Argument("FILE", lambda text: read_card(Path(text)))


@click.group("member")
def member() -> None:
    """List and admit members; change keys, policies, roles and accounts."""


for _group in (key_group, policy_group, role_group, grant_group):
    member.add_command(_group)


@member.command("list")
@with_node
def list_members(session: Session) -> None:
    """List all members with their roles."""
    rows = sorted(session.client.items("/v1/members"), key=lambda row: row["name"])
    if session.as_json:
        print_json({"items": rows})
        return
    print_table(
        ("member", "name", "identifier", "roles", "status"),
        [
            (
                name_id("member", row["id"]),
                row["name"],
                " ".join(
                    f"{each['scheme']}:{each['value']}"
                    for each in row.get("identifiers", [])
                ),
                ", ".join(row.get("roles", [])),
                row.get("status", ""),
            )
            for row in rows
        ],
    )


@member.command("show")
@argument("item", MEMBER, metavar="ID", required=False)
@reads
def show_member(lookup: Lookup, item: JSONObject | None) -> None:
    """Show a member, your own without ID, with keys and policy if you may."""
    session = lookup.session
    record = item or lookup.find("member", lookup.own)
    found: JSONObject = {**record, "kind": "member"}
    for name in ("keys", "policy", "accounts"):
        try:
            found[name] = session.client.get(f"/v1/members/{record['id']}/{name}")
        except LedgerError as error:
            if not is_missing(error) and error.row.kind != "unauthorised":
                raise
    if session.as_json:
        print_json(found)
        return
    names = [f"{row['scheme']}:{row['value']}" for row in found["identifiers"]]
    parts: JSONObject = {
        name: [
            {field: row[field] for field in row if field not in SAID_BY_MEMBER}
            for row in found[name]["items"]
        ]
        for name in ("keys", "accounts")
        if name in found
    }
    print_facts(describe_record(lookup, {**found, **parts, "identifiers": names}))


# --- asking to be let in ---


@member.command("request")
@option("--name", str, "The member's name.")
@option("--role", click.Choice(ROLES), "May repeat.", multiple=True)
@option("--identifier", "SCHEME:VALUE", "May repeat.", multiple=True)
@option("--group", "WORD", "Group of related companies.")
@option(
    "--two-above",
    '"CNY 100000.00"',
    "Two persons sign above this amount a day; one always by default.",
)
@option(
    "--add",
    PATH,
    "Add this wallet's key to the member file of a colleague.",
    metavar="FILE",
)
@duty_option
@option("-o --output", PATH, metavar="FILE")
@with_wallet
def request_member(session: Session, **given: Any) -> None:
    """Write a member file with this wallet's key, for genesis or admission.

    Before there is a chain no passphrase is needed. Once the wallet is
    connected to a chain, the file carries the key's proof for that chain.
    """
    from ledger.kernel import NewMember  # noqa: PLC0415 - loads pydantic

    add, output = given["add"], given["output"] or given["add"]
    if output is None:
        raise LedgerError("usage", found="--output is missing")
    # A wrong name or role is named before the passphrase is asked.
    found = _new_member(given) if add is None else read_member(add)
    session.folder.require()
    key = make_key(session.folder, given["duty"], make_proof(session))
    if key["public"] in [row["public"] for row in found["keys"]]:
        raise LedgerError("key_taken", found=name_id("key", key["public"]))
    found["keys"] = [*found["keys"], key]
    check_form(NewMember, found, output)
    raw = encode({"member": found, "t": MEMBER_VERSION})
    write_private(output, raw, replace=add is not None and output == add)
    told = {"member": found, "output": str(output)}
    session.tell(told, f"Written to {output}. Give it to the operator.")


def _new_member(given: dict[str, Any]) -> JSONObject:
    missing = [f"--{n}" for n in ("name", "role", "identifier") if not given[n]]
    if missing:
        raise LedgerError("usage", found=f"{', '.join(missing)} missing")
    found: JSONObject = {
        "identifiers": [read_identifier(text) for text in given["identifier"]],
        "keys": [],
        "name": given["name"],
        "policy": make_policy(given["two_above"]),
        "roles": sorted(set(given["role"])),
    }
    if given["group"] is not None:
        found["group"] = given["group"]
    return found


@member.command("admit")
@argument("file", Argument("FILE", lambda text: read_member(Path(text))))
@option("--guardian", MEMBER, "Lender or regulator who vouches.")
@signs("member.admit")
def admit(
    lookup: Lookup, file: JSONObject, *, guardian: JSONObject | None
) -> JSONObject:
    """Admit, as operator, the member of a member FILE.

    Lenders, regulators and those who attest need a --guardian of another
    group, who signs too (--prepare).
    """
    return {"guardian": guardian, "member": file, "operator": lookup.own}


reason_option = option("--reason", str, "Why; it is recorded.", required=True)


@member.command("suspend")
@argument("member", MEMBER, metavar="ID")
@reason_option
@signs("member.suspend")
def suspend(lookup: Lookup, **given: Any) -> JSONObject:
    """Stop a member's new business, as operator; its claims are paid."""
    return {**given, "operator": lookup.own}


@member.command("resume")
@argument("member", MEMBER, metavar="ID")
@reason_option
@signs("member.resume")
def resume(lookup: Lookup, **given: Any) -> JSONObject:
    """Let a suspended member do business again, as operator."""
    return {**given, "operator": lookup.own}


# --- payout accounts ---


@member.group("account")
def account_group() -> None:
    """Say where your member is paid; as attester, verify it."""


def _warn_of_number(lookup: Lookup, number: str) -> None:
    from cli.formats.identifiers import account_identifier  # noqa: PLC0415 - slow

    if account_identifier("", number).valid is False:
        lookup.warn(f"{number} has wrong check digits or length for an IBAN.")


@account_group.command("register")
@option("--currency", "CODE", "ISO 4217 code.", required=True)
@option("--attester", MEMBER, "Bank or agent.", required=True)
@option("--holder", "NAME", "Name on the account.", required=True)
@option("--number", str, "IBAN or account number.", required=True)
@option("--bic", str, "BIC or national bank code.", default="")
@output_option
@signs("payout_account.register", lambda given: exponent(given["currency"]))
def register_account(lookup: Lookup, **given: Any) -> JSONObject:
    """Register a payout account; only its salted hash goes to the ledger.

    A change takes two persons and a delay; the only person of a firm signs
    alone and waits twice as long.
    The card in FILE holds it in clear: give it to the attester, who verifies.
    """
    _warn_of_number(lookup, given["number"])
    account = {"bic": given["bic"], "name": given["holder"], "number": given["number"]}
    card = make_card(lookup.own, given["currency"], account)
    # Written first: a commitment nobody can open would be worth nothing.
    write_private(given["output"], encode(card))
    Cards(lookup.session).keep(card)
    return {
        "attester": given["attester"],
        "commitment": commit_card(card),
        "currency": given["currency"],
        "member": lookup.own,
    }


@account_group.command("veto")
@option("--currency", "CODE", "ISO 4217 code.", required=True)
@signs("payout_account.veto")
def veto_account(lookup: Lookup, *, currency: str) -> JSONObject:
    """Stop a planned change of where your member is paid; one person signs."""
    return {"currency": currency, "member": lookup.own}


@account_group.command("verify")
@argument("card", CARD_FILE)
@with_signing
def verify_account(session: Session, card: JSONObject) -> None:
    """Verify, as attester, the account on a member's CARD, and keep the card."""
    member_id = card["member"]
    if not isinstance(member_id, str) or not FULL.fullmatch(member_id):
        raise LedgerError("bad_request_file", found="member")
    body = {
        "attester": session.member,
        "commitment": commit_card(card),
        "currency": card["currency"],
        "member": member_id,
    }
    shown = ", ".join(str(value) for value in card["account"].values())
    session.remark = f"The account on the card: {shown}"
    lookup = Lookup(session)
    _warn_of_number(lookup, str(card["account"].get("number", "")))
    perform(lookup, make_act(lookup, "payout_account.verify", body))
    Cards(session).keep(card)


@account_group.command("keep")
@argument("card", CARD_FILE)
@with_wallet
def keep_account(session: Session, card: JSONObject) -> None:
    """Keep what a CARD says in this wallet, for files to and from a bank."""
    session.folder.require()
    item = Cards(session).keep(card)
    session.tell({"commitment": item}, f"Kept under its hash {item}.")


@account_group.command("forget")
@argument("member", MEMBER)
@reads
def forget_account(lookup: Lookup, member: JSONObject) -> None:
    """Erase every card of a MEMBER from this wallet; the ledger has hashes only."""
    count = Cards(lookup.session).forget(member["id"])
    lookup.session.tell({"erased": count}, f"Erased: {count} cards.")
