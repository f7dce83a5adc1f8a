"""``allonge member``: who takes part, with which keys, accounts and policies."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

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
from cli.people import FULL, check_id, name_id
from cli.session import Session, with_node, with_signing, with_wallet
from ledger.encoding import JSONObject
from ledger.errors import LedgerError


@click.group("member")
def member() -> None:
    """List and admit members; change keys, policies, roles and accounts."""


for _group in (key_group, policy_group, role_group, grant_group):
    member.add_command(_group)


@member.command("list")
@with_node
def list_members(session: Session) -> None:
    """List all members with their roles."""
    from cli.terminal import print_json, print_table

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
@click.argument("item", metavar="ID", required=False)
@with_node
def show_member(session: Session, item: str | None) -> None:
    """Show a member, your own without ID, with keys and policy if you may."""
    from cli.lookup import Lookup
    from cli.session import is_missing
    from cli.show import describe_record
    from cli.terminal import print_facts, print_json

    if item is not None:
        check_id(item, "member")
    lookup = Lookup(session)
    record = lookup.find("member", item or session.member)
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
    print_facts(describe_record(lookup, found))


# --- asking to be let in ---


@member.command("request")
@click.option("--name", help="The member's name.")
@click.option("--role", multiple=True, type=click.Choice(ROLES), help="May repeat.")
@click.option("--identifier", multiple=True, metavar="SCHEME:VALUE", help="May repeat.")
@click.option("--group", metavar="WORD", help="Group of related companies.")
@click.option(
    "--two-above",
    metavar='"CNY 100000.00"',
    help="Two persons sign above this amount a day; one always by default.",
)
@click.option(
    "--add",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add this wallet's key to the member file of a colleague.",
)
@duty_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@with_wallet
def request_member(session: Session, **given: Any) -> None:
    """Write a member file with this wallet's key, for genesis or admission.

    Before there is a chain no passphrase is needed. Once the wallet is
    connected to a chain, the file carries the key's proof for that chain.
    """
    from cli.private import write_private
    from cli.requests import MEMBER_VERSION, check_form, make_key, read_member
    from cli.terminal import print_json, print_note
    from ledger.encoding import encode
    from ledger.kernel import NewMember

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
    if session.as_json:
        print_json({"member": found, "output": str(output)})
    print_note(f"Written to {output}. Give it to the operator.")


def _new_member(given: dict[str, Any]) -> JSONObject:
    from cli.requests import make_policy, read_identifier

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
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--guardian", metavar="MEMBER", help="Lender or regulator who vouches.")
@with_signing
def admit(session: Session, file: Path, *, guardian: str | None) -> None:
    """Admit, as operator, the member of a member FILE.

    Lenders, regulators and those who attest need a --guardian of another
    group, who signs too (--prepare).
    """
    from cli.requests import read_member

    body: JSONObject = {"member": read_member(file)}
    if guardian is not None:
        check_id(guardian, "member")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    body["operator"] = session.member
    if guardian is not None:
        body["guardian"] = lookup.find("member", guardian)["id"]
    facts = lookup.parties(*(body[n] for n in ("guardian",) if n in body))
    run_acts(session, [Act("member.admit", body, facts)])


def _change_status(session: Session, act: str, text: str, reason: str) -> None:
    check_id(text, "member")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    item = lookup.find("member", text)["id"]
    body = {"member": item, "operator": session.member, "reason": reason}
    run_acts(session, [Act(act, body, lookup.parties(item))])


reason_option = click.option("--reason", required=True, help="Why; it is recorded.")


@member.command("suspend")
@click.argument("item", metavar="ID")
@reason_option
@with_signing
def suspend(session: Session, item: str, *, reason: str) -> None:
    """Stop a member's new business, as operator; its claims are paid."""
    _change_status(session, "member.suspend", item, reason)


@member.command("resume")
@click.argument("item", metavar="ID")
@reason_option
@with_signing
def resume(session: Session, item: str, *, reason: str) -> None:
    """Let a suspended member do business again, as operator."""
    _change_status(session, "member.resume", item, reason)


# --- payout accounts ---


@member.group("account")
def account_group() -> None:
    """Say where your member is paid; as attester, verify it."""


def _warn_of_number(number: str) -> None:
    from cli.formats.identifiers import account_identifier
    from cli.terminal import print_note

    if account_identifier("", number).valid is False:
        print_note(f"WARNING: {number} has wrong check digits or length for an IBAN.")


@account_group.command("register")
@click.option("--currency", required=True, metavar="CODE", help="ISO 4217 code.")
@click.option("--attester", required=True, metavar="MEMBER", help="Bank or agent.")
@click.option("--holder", required=True, metavar="NAME", help="Name on the account.")
@click.option("--number", required=True, help="IBAN or account number.")
@click.option("--bic", default="", help="BIC or national bank code.")
@output_option
@with_signing
def register_account(session: Session, **given: Any) -> None:
    """Register a payout account; only its salted hash goes to the ledger.

    A change takes two persons and a delay; the only person of a firm signs
    alone and waits twice as long.
    The card in FILE holds it in clear: give it to the attester, who verifies.
    """
    from ledger.currency import exponent

    exponent(given["currency"])
    check_id(given["attester"], "member")
    from cli.acting import Act, run_acts
    from cli.cards import Cards
    from cli.lookup import Lookup
    from cli.private import write_private
    from cli.requests import commit_card, make_card
    from ledger.encoding import encode

    _warn_of_number(given["number"])
    lookup = Lookup(session)
    attester = lookup.find("member", given["attester"])["id"]
    account = {
        "bic": given["bic"],
        "name": given["holder"],
        "number": given["number"],
    }
    card = make_card(session.member, given["currency"], account)
    # Written first: a commitment nobody can open would be worth nothing.
    write_private(given["output"], encode(card))
    Cards(session).keep(card)
    body = {
        "attester": attester,
        "commitment": commit_card(card),
        "currency": given["currency"],
        "member": session.member,
    }
    act = Act("payout_account.register", body, lookup.parties(attester))
    run_acts(session, [act])


@account_group.command("veto")
@click.option("--currency", required=True, metavar="CODE", help="ISO 4217 code.")
@with_signing
def veto_account(session: Session, *, currency: str) -> None:
    """Stop a planned change of where your member is paid; one person signs."""
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    body = {"currency": currency, "member": session.member}
    facts = Lookup(session).parties()
    run_acts(session, [Act("payout_account.veto", body, facts)])


@account_group.command("verify")
@click.argument("card", type=click.Path(path_type=Path))
@with_signing
def verify_account(session: Session, card: Path) -> None:
    """Verify, as attester, the account on a member's CARD, and keep the card."""
    from cli.cards import Cards
    from cli.requests import commit_card, read_card
    from cli.terminal import print_note

    found = read_card(card)
    member_id = found["member"]
    if not isinstance(member_id, str) or not FULL.fullmatch(member_id):
        raise LedgerError("bad_request_file", found="member", path=card)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    facts = Lookup(session).parties(member_id)
    body = {
        "attester": session.member,
        "commitment": commit_card(found),
        "currency": found["currency"],
        "member": member_id,
    }
    shown = ", ".join(str(value) for value in found["account"].values())
    print_note(f"The account on the card: {shown}")
    _warn_of_number(str(found["account"].get("number", "")))
    run_acts(session, [Act("payout_account.verify", body, facts)])
    Cards(session).keep(found)


@account_group.command("keep")
@click.argument("card", type=click.Path(path_type=Path))
@with_wallet
def keep_account(session: Session, card: Path) -> None:
    """Keep what a CARD says in this wallet, for files to and from a bank."""
    from cli.cards import Cards
    from cli.requests import read_card
    from cli.terminal import print_json, print_note

    session.folder.require()
    item = Cards(session).keep(read_card(card))
    if session.as_json:
        print_json({"commitment": item})
    print_note(f"Kept under its hash {item}.")


@account_group.command("forget")
@click.argument("item", metavar="MEMBER")
@with_node
def forget_account(session: Session, item: str) -> None:
    """Erase every card of a MEMBER from this wallet; the ledger has hashes only."""
    from cli.cards import Cards
    from cli.lookup import Lookup
    from cli.terminal import print_json, print_note

    check_id(item, "member")
    count = Cards(session).forget(Lookup(session).find("member", item)["id"])
    if session.as_json:
        print_json({"erased": count})
    print_note(f"Erased: {count} cards.")
