"""Keys, policies, roles and grants: ``allonge member key | policy | role | grant``."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from cli.people import FULL, check_id, name_id
from cli.session import Session, is_missing, with_node, with_signing, with_wallet
from cli.typed import check_moment, read_hash, read_moment
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

# As in the kernel, whose module takes longer to load than this command to run.
ROLES: Final = (
    *("operator", "debtor", "supplier", "lender", "settlement_bank"),
    *("settlement_agent", "collateral_manager", "appraiser", "ip_centre"),
    *("delivery_attester", "auditor", "regulator"),
)
DUTIES: Final = ("admin", "checker", "maker")
PROPOSED: Final = ("submitted", "countered", "issued")

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="Where to write it.",
)
duty_option = click.option(
    "--duty",
    multiple=True,
    type=click.Choice(DUTIES),
    help="What the key may do; all three by default.",
)
guardian_option = click.option(
    "--guardian",
    metavar="MEMBER",
    help="Lender or regulator of another group, who signs too.",
)


def make_proof(session: Session) -> str:
    """Return the wallet key's proof for its chain, "" before there is one."""
    if not session.config.chain:
        return ""
    from ledger.transactions import prove_possession

    return prove_possession(session.key(), session.config.chain)


def _run(session: Session, act: str, body: JSONObject, *members: str) -> None:
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    run_acts(session, [Act(act, body, Lookup(session).parties(*members))])


def _find_key(session: Session, member: str, text: str) -> str:
    from cli.people import find_id

    path = f"/v1/members/{member}/keys"
    return find_id(
        text, lambda: [str(row.get("id", "")) for row in session.client.whole(path)]
    )


# --- keys ---


@click.group("key")
def key_group() -> None:
    """Add, revoke, recover and report on your member's keys."""


@key_group.command("request")
@duty_option
@output_option
@with_wallet
def request_key(session: Session, *, duty: tuple[str, ...], output: Path) -> None:
    """Write a key file with which a colleague adds this wallet's key."""
    from cli.private import write_private
    from cli.requests import KEY_VERSION, make_key
    from cli.terminal import print_json, print_note
    from ledger.encoding import encode

    session.folder.require()
    chain = session.chain
    found = make_key(session.folder, duty, make_proof(session))
    write_private(output, encode({"key": found, "t": KEY_VERSION}))
    if session.as_json:
        print_json({"chain": chain, "key": found, "output": str(output)})
    print_note(f"Written to {output}. Next: run: allonge member key add {output}")


@key_group.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@with_signing
def add_key(session: Session, file: Path) -> None:
    """Add the key of a key FILE to your member."""
    from cli.requests import read_new_key

    _run(session, "key.add", {"key": read_new_key(file), "member": session.member})


@key_group.command("revoke")
@click.argument("item", metavar="ID")
@click.option(
    "--compromised-since",
    type=click.IntRange(min=0),
    metavar="HEIGHT",
    help="Flag what the key did since this block.",
)
@with_signing
def revoke_key(session: Session, item: str, *, compromised_since: int | None) -> None:
    """End a key of your member from the next block."""
    check_id(item, "key")
    found = _find_key(session, session.member, item)
    body: JSONObject = {"key": found, "member": session.member}
    if compromised_since is not None:
        body["compromised_since_height"] = compromised_since
    _run(session, "key.revoke", body)


@key_group.command("compromised")
@click.argument("item", metavar="ID")
@click.option("--since", type=click.IntRange(min=0), metavar="HEIGHT", required=True)
@with_signing
def flag_key(session: Session, item: str, *, since: int) -> None:
    """Flag what a key of your member did since a block; it is not undone."""
    check_id(item, "key")
    found = _find_key(session, session.member, item)
    body = {"key": found, "member": session.member, "since_height": since}
    _run(session, "key.compromised", body)


@key_group.command("recover")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--lost", multiple=True, required=True, metavar="KEY", help="May repeat.")
@click.option("--member", "whose", metavar="MEMBER", help="As operator: whose keys.")
@click.option("--document", metavar="HASH", help="Identity check: SHA-256 or @FILE.")
@guardian_option
@with_signing
def recover_keys(session: Session, files: tuple[Path, ...], **given: Any) -> None:
    """Put the keys of key FILES in the place of lost ones, after a delay.

    One admin of the member signs. For a firm of one person operator and
    guardian do, on the hash of an identity check, and wait twice as long.
    Until then any key of the member, the lost one too, may veto.
    """
    from cli.lookup import Lookup
    from cli.requests import read_new_key

    keys = [read_new_key(path) for path in files]
    for text in given["lost"]:
        check_id(text, "key")
    lookup = Lookup(session)
    member = session.member
    body: JSONObject = {"keys": keys}
    if given["whose"] is not None:
        member = lookup.find("member", given["whose"])["id"]
        body["operator"] = session.member
    if given["guardian"] is not None:
        body["guardian"] = lookup.find("member", given["guardian"])["id"]
    if given["document"] is not None:
        body["document"] = read_hash(given["document"])
    body["member"] = member
    body["ends"] = [_find_key(session, member, text) for text in given["lost"]]
    _run(session, "recovery.start", body, member, *_named(body, "guardian"))


def _named(body: Mapping[str, Any], *names: str) -> list[str]:
    return [body[name] for name in names if name in body]


@key_group.command("veto")
@with_signing
def veto_recovery(session: Session) -> None:
    """Stop the recovery of your member's keys that is under way."""
    _run(session, "recovery.veto", {"member": session.member})


# --- what a key did ---


@key_group.command("report")
@click.argument("item", metavar="ID")
@click.option(
    "--since",
    type=click.IntRange(min=0),
    metavar="HEIGHT",
    help="From this block; the flagged one by default.",
)
@click.option("--member", "whose", metavar="MEMBER", help="Yours by default.")
@with_node
def report_key(
    session: Session, item: str, *, since: int | None, whose: str | None
) -> None:
    """List everything a key signed, and how to undo what still can be undone."""
    from cli.lookup import Lookup
    from cli.terminal import print_json, print_note, print_table

    check_id(item, "key")
    lookup = Lookup(session)
    member = session.member if whose is None else lookup.find("member", whose)["id"]
    key = _find_key(session, member, item)
    if since is None:
        keys = session.client.whole(f"/v1/members/{member}/keys")
        flags = [
            row.get("compromised_since_height", 0) for row in keys if row["id"] == key
        ]
        since = flags[0] if flags else 0
    rows = [
        {**row, "undo": undo_of(session, row)}
        for row in session.client.items(f"/v1/keys/{key}/acts", since=str(since))
    ]
    if session.as_json:
        print_json({"items": rows, "key": key, "since": since})
        return
    print_table(
        ("block", "act", "result", "transaction", "to undo it"),
        [
            (
                str(row["height"]),
                row["act"],
                row["code"],
                name_id("transaction", row["id"]),
                row["undo"],
            )
            for row in rows
        ],
    )
    undone = len([row for row in rows if row["undo"]])
    print_note(f"{len(rows)} acts since block {since}; {undone} can still be undone.")


def undo_of(session: Session, row: JSONObject) -> str:
    """Return the command that undoes what a key signed, "" if there is none."""
    find = UNDO.get(row["act"])
    if find is None or row["code"] != "ok":
        return ""
    try:
        return find(session, row)
    except LedgerError as error:
        if is_missing(error) or error.code == "not_found":
            return ""
        raise


def _read(session: Session, path: str) -> JSONObject:
    found: JSONObject = session.client.get(path)
    return found


def _undo_offer(session: Session, row: JSONObject) -> str:
    _read(session, f"/v1/offers/{row['id']}")
    return f"allonge withdraw {name_id('offer', row['id'])}"


def _undo_proposal(session: Session, row: JSONObject) -> str:
    from ledger.transactions import object_id

    item = object_id("receivable", row["id"], 0)
    state = _read(session, f"/v1/receivables/{item}")["state"]
    if state not in PROPOSED:
        return ""
    return f"allonge cancel {name_id('receivable', item)}"


def _undo_key(session: Session, row: JSONObject) -> str:
    from ledger.keys import key_id

    item = key_id(bytes.fromhex(row["body"]["key"]["public"]))
    rows = session.client.whole(f"/v1/members/{row['body']['member']}/keys")
    stands = any(key["id"] == item and "until_height" not in key for key in rows)
    return f"allonge member key revoke {name_id('key', item)}" if stands else ""


def _undo_policy(session: Session, row: JSONObject) -> str:
    policy = _read(session, f"/v1/members/{row['body']['member']}/policy")
    planned = "next" in policy and policy["from_time"] > session.now_ms()
    return "allonge member policy set FILE --from SPAN" if planned else ""


def _undo_account(session: Session, row: JSONObject) -> str:
    body = row["body"]
    found = session.client.whole(f"/v1/members/{body['member']}/accounts")
    for account in found:
        planned = account.get("next", {})
        same = planned.get("commitment") == body["commitment"]
        if same and (
            planned["from_time"] > session.now_ms() or not planned["verified"]
        ):
            return f"allonge member account veto --currency {body['currency']}"
    return ""


def _undo_recovery(session: Session, row: JSONObject) -> str:
    found = _read(session, f"/v1/recoveries/{row['body']['member']}")
    return "allonge member key veto" if found["from_time"] > session.now_ms() else ""


def _undo_grant(session: Session, row: JSONObject) -> str:
    from ledger.transactions import object_id

    item = object_id("grant", row["id"], 0)
    if _read(session, f"/v1/grants/{item}")["until_ms"] <= session.now_ms():
        return ""
    return f"allonge member grant end {item}"


UNDO: Final[Mapping[str, Callable[[Session, JSONObject], str]]] = {
    "grant.give": _undo_grant,
    "key.add": _undo_key,
    "payout_account.register": _undo_account,
    "policy.set": _undo_policy,
    "receivable.issue": _undo_proposal,
    "receivable.offer": _undo_offer,
    "receivable.submit": _undo_proposal,
    "recovery.start": _undo_recovery,
}


# --- policy ---


@click.group("policy")
def policy_group() -> None:
    """Change who must sign."""


@policy_group.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "start", required=True, metavar="SPAN", help="E.g. 8d.")
@with_signing
def set_policy(session: Session, file: Path, *, start: str) -> None:
    """Replace your member's policy by that of a TOML or JSON FILE.

    offset_minutes is where days end; [[approvals]] has action (any, give,
    confirm, accept, submit, terms, pay, attest, admin …), currency where it
    is about amounts, and bands: {persons = 1, up_to = "100000.00"}, the last
    without up_to.
    """
    from cli.requests import read_policy

    check_moment(start)
    policy = read_policy(file)
    body = {
        "from_time": read_moment(start, session.now_ms()),
        "member": session.member,
        "policy": policy,
    }
    _run(session, "policy.set", body)


# --- roles ---


@click.group("role")
def role_group() -> None:
    """Grant and remove roles, as operator with a guardian."""


def _change_roles(session: Session, act: str, item: str, given: dict[str, Any]) -> None:
    check_id(item, "member")
    check_id(given["guardian"], "member")
    from cli.lookup import Lookup

    lookup = Lookup(session)
    body = {
        "guardian": lookup.find("member", given["guardian"])["id"],
        "member": lookup.find("member", item)["id"],
        "operator": session.member,
        "reason": given["reason"],
        "roles": sorted(set(given["role"])),
    }
    _run(session, act, body, body["member"], body["guardian"])


def _role_command(name: str, act: str, text: str) -> None:
    @role_group.command(name, help=text)
    @click.argument("item", metavar="ID")
    @click.argument("role", nargs=-1, required=True, type=click.Choice(ROLES))
    @click.option("--guardian", metavar="MEMBER", required=True, help="Signs too.")
    @click.option("--reason", required=True, help="Why; it is recorded.")
    @with_signing
    def change(session: Session, item: str, **given: Any) -> None:
        _change_roles(session, act, item, given)


_role_command("grant", "role.grant", "Let a member act in more roles.")
_role_command("remove", "role.remove", "Take roles from a member.")


# --- grants ---


@click.group("grant")
def grant_group() -> None:
    """Grant auditors and regulators what they may see, until when."""


@grant_group.command("give")
@click.argument("auditor", metavar="MEMBER")
@click.option(
    "--until", required=True, metavar="MOMENT", help="E.g. 30d, at most 400d."
)
@click.option("--all", "everything", is_flag=True, help="All; operator and guardian.")
@click.option("--programme", metavar="ID", help="One programme; operator and guardian.")
@click.option("--receivable", metavar="ID", help="One receivable; by the same two.")
@click.option(
    "--member", "whose", metavar="ID", help="A member's data; your own is it."
)
@click.option("--document", metavar="HASH", help="Engagement: SHA-256 or @FILE.")
@guardian_option
@with_signing
def give_grant(session: Session, auditor: str, **given: Any) -> None:
    """Let an auditor see your member's data; with a guardian, as operator, more."""
    check_id(auditor, "member")
    check_moment(given["until"])
    from cli.lookup import Lookup

    lookup = Lookup(session)
    body: JSONObject = {
        "auditor": lookup.find("member", auditor)["id"],
        "until_ms": read_moment(given["until"], session.now_ms()),
        **_covers(lookup, given),
        **_givers(lookup, given["guardian"]),
    }
    if given["document"] is not None:
        body["document"] = read_hash(given["document"])
    members = _named(body, "auditor", "guardian")
    if body["covers"] == "member":
        members.append(body["subject"])
    _run(session, "grant.give", body, *members)


def _covers(lookup: Any, given: dict[str, Any]) -> JSONObject:
    if given["everything"]:
        return {"covers": "all"}
    for kind in ("programme", "receivable"):
        text = given[kind]
        if text is not None:
            # An operator does not see commerce: it names it in full.
            whole = FULL.fullmatch(text.lower())
            found = text.lower() if whole else lookup.find(kind, text)["id"]
            return {"covers": kind, "subject": found}
    own = lookup.session.member
    if given["whose"] is not None:
        own = lookup.find("member", given["whose"])["id"]
    return {"covers": "member", "subject": own}


def _givers(lookup: Any, guardian: str | None) -> JSONObject:
    own = lookup.session.member
    if guardian is None:
        return {"member": own}
    return {"guardian": lookup.find("member", guardian)["id"], "operator": own}


@grant_group.command("end")
@click.argument("item", metavar="ID")
@guardian_option
@with_signing
def end_grant(session: Session, item: str, *, guardian: str | None) -> None:
    """End a grant before its time; ID in full, as `grant list` has it."""
    if not FULL.fullmatch(item.lower()):
        raise LedgerError("bad_id", expected="64 hexadecimal digits", found=item[:64])
    from cli.lookup import Lookup

    body = {"grant": item.lower(), **_givers(Lookup(session), guardian)}
    _run(session, "grant.end", body, *_named(body, "guardian"))


@grant_group.command("list")
@with_node
def list_grants(session: Session) -> None:
    """List the grants your member has given or been given."""
    from cli.lookup import Lookup
    from cli.screen import show_moment
    from cli.terminal import print_json, print_table

    rows = list(session.client.items("/v1/grants"))
    if session.as_json:
        print_json({"items": rows})
        return
    lookup = Lookup(session)
    print_table(
        ("grant", "reader", "covers", "by", "until"),
        [
            (
                row["id"],
                lookup.name_of(row["auditor"]),
                row["covers"],
                lookup.name_of(str(row.get("member") or row["operator"])),
                show_moment(row["until_ms"])[:16] + " UTC",
            )
            for row in rows
        ],
    )
