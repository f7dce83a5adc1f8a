"""Keys, policies, roles and grants: ``allonge member key | policy | role | grant``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from cli.command import argument, reads, signs
from cli.lookup import Lookup
from cli.people import FULL, check_id, find_id, name_id
from cli.private import write_private
from cli.requests import DUTIES, KEY_VERSION, make_key, read_new_key, read_policy
from cli.session import Session, is_missing, with_node, with_wallet
from cli.tables import print_list, print_rows, table
from cli.terminal import print_json, print_note
from cli.typed import HASH, MEMBER, MOMENT, PATH, Argument, Asked, flag, option
from ledger.encoding import JSONObject, encode
from ledger.errors import LedgerError
from ledger.transactions import object_id, prove_possession

# As in the kernel, whose module takes longer to load than this command to run.
ROLES: Final = (
    *("operator", "debtor", "supplier", "lender", "settlement_bank"),
    *("settlement_agent", "collateral_manager", "appraiser", "ip_centre"),
    *("delivery_attester", "auditor", "regulator"),
)
PROPOSED: Final = ("submitted", "countered", "issued")

output_option = option("-o --output", PATH, "Where to write it.", required=True)
duty_option = option(
    "--duty",
    click.Choice(DUTIES),
    "What the key may do; all three by default.",
    multiple=True,
)
guardian_option = option(
    "--guardian", MEMBER, "Lender or regulator of another group, who signs too."
)


def _read_key(text: str) -> str:
    check_id(text, "key")
    return text


KEY: Final = Argument("KEY", _read_key)
HEIGHT: Final = click.IntRange(min=0)


def make_proof(session: Session) -> str:
    """Return the wallet key's proof for its chain, "" before there is one."""
    if not session.config.chain:
        return ""
    return prove_possession(session.key(), session.config.chain)


def _find_key(lookup: Lookup, member: str, text: str) -> str:
    path = f"/v1/members/{member}/keys"
    whole = lookup.session.client.whole
    return find_id(text, lambda: [str(row.get("id", "")) for row in whole(path)])


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
    session.folder.require()
    chain = session.chain
    found = make_key(session.folder, duty, make_proof(session))
    write_private(output, encode({"key": found, "t": KEY_VERSION}))
    told = {"chain": chain, "key": found, "output": str(output)}
    next_step = f"run: allonge member key add {output}"
    session.tell(told, f"Written to {output}. Next: {next_step}")


KEY_FILE: Final = Argument("FILE", lambda path: read_new_key(Path(path)))


@key_group.command("add")
@argument("file", KEY_FILE)
@signs("key.add")
def add_key(lookup: Lookup, file: JSONObject) -> JSONObject:
    """Add the key of a key FILE to your member."""
    return {"key": file, "member": lookup.own}


@key_group.command("revoke")
@argument("item", KEY, metavar="ID")
@option(
    "--compromised-since since",
    HEIGHT,
    "Flag what the key did since this block.",
    metavar="HEIGHT",
)
@signs("key.revoke")
def revoke_key(lookup: Lookup, item: str, *, since: int | None) -> JSONObject:
    """End a key of your member from the next block."""
    key = _find_key(lookup, lookup.own, item)
    return {"compromised_since_height": since, "key": key, "member": lookup.own}


@key_group.command("compromised")
@argument("item", KEY, metavar="ID")
@option("--since", HEIGHT, metavar="HEIGHT", required=True)
@signs("key.compromised")
def flag_key(lookup: Lookup, item: str, *, since: int) -> JSONObject:
    """Flag what a key of your member did since a block; it is not undone."""
    key = _find_key(lookup, lookup.own, item)
    return {"key": key, "member": lookup.own, "since_height": since}


@key_group.command("recover")
@argument("files", KEY_FILE, nargs=-1, required=True)
@option("--lost", KEY, "May repeat.", multiple=True, required=True)
@option("--member whose", MEMBER, "As operator: whose keys.")
@option("--document", HASH, "Identity check: SHA-256 or @FILE.")
@guardian_option
@signs("recovery.start")
def recover_keys(
    lookup: Lookup, *, whose: JSONObject | None, **given: Any
) -> JSONObject:
    """Put the keys of key FILES in the place of lost ones, after a delay.

    One admin of the member signs. For a firm of one person operator and
    guardian do, on the hash of an identity check, and wait twice as long.
    Until then any key of the member, the lost one too, may veto.
    """
    member = whose["id"] if whose else lookup.own
    return {
        "document": given["document"],
        "ends": [_find_key(lookup, member, text) for text in given["lost"]],
        "guardian": given["guardian"],
        "keys": list(given["files"]),
        "member": member,
        "operator": lookup.own if whose else None,
    }


@key_group.command("veto")
@signs("recovery.veto")
def veto_recovery(lookup: Lookup) -> JSONObject:
    """Stop the recovery of your member's keys that is under way."""
    return {"member": lookup.own}


# --- what a key did ---


@key_group.command("report")
@argument("item", KEY, metavar="ID")
@option(
    "--since", HEIGHT, "From this block; the flagged one by default.", metavar="HEIGHT"
)
@option("--member whose", MEMBER, "Yours by default.")
@reads
def report_key(
    lookup: Lookup, item: str, *, since: int | None, whose: JSONObject | None
) -> None:
    """List everything a key signed, and how to undo what still can be undone."""
    session = lookup.session
    member = whose["id"] if whose else lookup.own
    key = _find_key(lookup, member, item)
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
    columns = table(
        "block=height | act | result=code | transaction:transaction=id | "
        "to undo it=undo"
    )
    print_rows(lookup, columns, rows)
    undone = len([row for row in rows if row["undo"]])
    print_note(f"{len(rows)} acts since block {since}; {undone} can still be undone.")


def undo_of(session: Session, row: JSONObject) -> str:
    """Return the command that undoes what a key signed, "" if there is none."""
    find = UNDO.get(row["act"])
    if find is None or row["code"] != "ok":
        return ""
    try:
        words = find(session, row)
    except LedgerError as error:
        if not is_missing(error) and error.code != "not_found":
            raise
        return ""
    return f"allonge {words}" if words else ""


def _undo_offer(session: Session, row: JSONObject) -> str:
    session.client.get(f"/v1/offers/{row['id']}")
    return f"withdraw {name_id('offer', row['id'])}"


def _undo_proposal(session: Session, row: JSONObject) -> str:
    item = object_id("receivable", row["id"], 0)
    state = session.client.get(f"/v1/receivables/{item}")["state"]
    return f"cancel {name_id('receivable', item)}" if state in PROPOSED else ""


def _undo_key(session: Session, row: JSONObject) -> str:
    from ledger.keys import key_id  # noqa: PLC0415 - loads the verifier

    item = key_id(bytes.fromhex(row["body"]["key"]["public"]))
    rows = session.client.whole(f"/v1/members/{row['body']['member']}/keys")
    stands = any(key["id"] == item and "until_height" not in key for key in rows)
    return f"member key revoke {name_id('key', item)}" if stands else ""


def _undo_policy(session: Session, row: JSONObject) -> str:
    policy = session.client.get(f"/v1/members/{row['body']['member']}/policy")
    planned = "next" in policy and policy["from_time"] > session.now_ms()
    return "member policy set FILE --from SPAN" if planned else ""


def _undo_account(session: Session, row: JSONObject) -> str:
    body = row["body"]
    for account in session.client.whole(f"/v1/members/{body['member']}/accounts"):
        planned = account.get("next", {})
        if planned.get("commitment") == body["commitment"] and (
            planned["from_time"] > session.now_ms() or not planned["verified"]
        ):
            return f"member account veto --currency {body['currency']}"
    return ""


def _undo_recovery(session: Session, row: JSONObject) -> str:
    found = session.client.get(f"/v1/recoveries/{row['body']['member']}")
    return "member key veto" if found["from_time"] > session.now_ms() else ""


def _undo_grant(session: Session, row: JSONObject) -> str:
    item = object_id("grant", row["id"], 0)
    until = session.client.get(f"/v1/grants/{item}")["until_ms"]
    return f"member grant end {item}" if until > session.now_ms() else ""


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
@argument("file", Argument("FILE", lambda path: read_policy(Path(path))))
@option("--from start", MOMENT, "E.g. 8d.", required=True)
@signs("policy.set")
def set_policy(lookup: Lookup, file: JSONObject, *, start: int) -> JSONObject:
    """Replace your member's policy by that of a TOML or JSON FILE.

    offset_minutes is where days end; [[approvals]] has action (any, give,
    confirm, accept, submit, terms, pay, attest, admin …), currency where it
    is about amounts, and bands: {persons = 1, up_to = "100000.00"}, the last
    without up_to.
    """
    return {"from_time": start, "member": lookup.own, "policy": file}


# --- roles ---


@click.group("role")
def role_group() -> None:
    """Grant and remove roles, as operator with a guardian."""


def _role_command(name: str, act: str, text: str) -> None:
    @role_group.command(name, help=text)
    @argument("member", MEMBER, metavar="ID")
    @click.argument("role", nargs=-1, required=True, type=click.Choice(ROLES))
    @option("--guardian", MEMBER, "Signs too.", required=True)
    @option("--reason", str, "Why; it is recorded.", required=True)
    @signs(act)
    def change(lookup: Lookup, *, role: tuple[str, ...], **given: Any) -> JSONObject:
        return {**given, "operator": lookup.own, "roles": sorted(set(role))}


_role_command("grant", "role.grant", "Let a member act in more roles.")
_role_command("remove", "role.remove", "Take roles from a member.")


# --- grants ---


@click.group("grant")
def grant_group() -> None:
    """Grant auditors and regulators what they may see, until when."""


def _named(kind: str) -> Argument:
    """Return the type of an id that its full form names, seen or not."""

    def read(text: str) -> Asked:
        check_id(text, kind)
        if FULL.fullmatch(text.lower()):
            # An operator does not see commerce: it names it in full.
            return Asked(lambda _: {"id": text.lower()})
        return Asked(lambda lookup: lookup.find(kind, text))

    return Argument("ID", read)


@grant_group.command("give")
@argument("auditor", MEMBER, metavar="MEMBER")
@option("--until", MOMENT, "E.g. 30d, at most 400d.", required=True)
@flag("--all everything", "All; operator and guardian.")
@option("--programme", _named("programme"), "One; operator and guardian.")
@option("--receivable", _named("receivable"), "One; by the same two.")
@option("--member", MEMBER, "A member's data; your own is it.", metavar="ID")
@option("--document", HASH, "Engagement: SHA-256 or @FILE.")
@guardian_option
@signs("grant.give")
def give_grant(lookup: Lookup, auditor: JSONObject, **given: Any) -> JSONObject:
    """Let an auditor see your member's data; with a guardian, as operator, more."""
    return {
        "auditor": auditor,
        "document": given["document"],
        "until_ms": given["until"],
        **_covers(lookup, given),
        **_givers(lookup, given["guardian"]),
    }


def _covers(lookup: Lookup, given: dict[str, Any]) -> JSONObject:
    if given["everything"]:
        return {"covers": "all"}
    for kind in ("programme", "receivable", "member"):
        if given[kind] is not None:
            return {"covers": kind, "subject": given[kind]["id"]}
    return {"covers": "member", "subject": lookup.own}


def _givers(lookup: Lookup, guardian: JSONObject | None) -> JSONObject:
    if guardian is None:
        return {"member": lookup.own}
    return {"guardian": guardian, "operator": lookup.own}


def _read_grant(text: str) -> str:
    if not FULL.fullmatch(text.lower()):
        raise LedgerError("bad_id", expected="64 hexadecimal digits", found=text[:64])
    return text.lower()


@grant_group.command("end")
@argument("item", Argument("ID", _read_grant), metavar="ID")
@guardian_option
@signs("grant.end")
def end_grant(lookup: Lookup, item: str, *, guardian: JSONObject | None) -> JSONObject:
    """End a grant before its time; ID in full, as `grant list` has it."""
    return {"grant": item, **_givers(lookup, guardian)}


@grant_group.command("list")
@with_node
def list_grants(session: Session) -> None:
    """List the grants your member has given or been given."""
    columns = table(
        "grant=id | reader:member=auditor | covers | by:member=member|operator | "
        "until:moment=until_ms"
    )
    print_list(session, columns, session.client.items("/v1/grants"))
