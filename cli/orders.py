"""``freeze`` and ``insolvency``: orders of an authority, and what they led to."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import click

from cli.people import check_id
from cli.session import Session, with_node, with_signing
from cli.typed import check_moment, read_hash, read_moment
from ledger.encoding import JSONObject, decode_base64
from ledger.errors import LedgerError
from ledger.transactions import parse_transaction

FREEZE_DAYS: Final = "180d"
# Fields that say what an order covers.
COVERED: Final = (
    *("account", "amount_minor", "currency", "hi", "lo"),
    *("member", "receipt", "receivable"),
)
authority_options: Final = (
    click.option("--authority", required=True, metavar="NAME", help="Who ordered it."),
    click.option("--reference", required=True, metavar="TEXT", help="Its own number."),
    click.option(
        "--document",
        required=True,
        metavar="SHA256|@FILE",
        help="The order; its hash is signed.",
    ),
    click.option(
        "--guardian",
        metavar="MEMBER",
        help="For an operator: the lender or regulator that signs too (--prepare).",
    ),
)
money_options: Final = (
    click.option(
        "--rank",
        type=click.IntRange(0, 1_000_000),
        default=1,
        show_default=True,
        help="Which of several orders takes its part of money first.",
    ),
    click.option("--pledged", is_flag=True, help="Money of pledged units is covered."),
    click.option("--payee", metavar="NAME", help="Send money to this one's account,"),
    click.option("--number", metavar="IBAN|NUMBER", help="kept here; only its hash"),
    click.option("--bic", metavar="BIC", default="", help="goes on the ledger."),
    click.option(
        "--commitment", metavar="SHA256|@FILE", help="If it is known already."
    ),
)


Run = Callable[..., Any]


def add_options(*options: Any) -> Callable[[Run], Run]:
    """Return a decorator that adds options in their order."""

    def add(function: Run) -> Run:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def read_authority(lookup: Any, given: dict[str, Any]) -> JSONObject:
    """Return an authority's order as typed; this wallet's member places it."""
    order: JSONObject = {
        "authority": given["authority"],
        "document": read_hash(given["document"]),
        "placer": lookup.session.member,
        "reference": given["reference"],
    }
    if given["guardian"] is not None:
        order["guardian"] = lookup.find("member", given["guardian"])["id"]
    return order


def _redirect(session: Session, given: dict[str, Any], currency: str) -> JSONObject:
    """Return where an order sends money; a number is kept in this wallet."""
    if bool(given["commitment"]) == bool(given["number"]):
        raise LedgerError("usage", found="give --commitment or --number with --payee")
    if given["commitment"]:
        commitment = read_hash(given["commitment"])
    else:
        from cli.cards import Cards
        from cli.requests import make_card

        account = {name: given[name] for name in ("bic", "number")}
        card = make_card(session.member, currency, {**account, "name": given["payee"]})
        commitment = Cards(session).keep(card)
    return {"commitment": commitment, "payee": given["payee"]}


def _check_words(given: dict[str, Any]) -> None:
    """Check what can be checked before a node is asked."""
    read_hash(given["document"])
    if given.get("guardian") is not None:
        check_id(given["guardian"], "member")
    if given.get("until") is not None:
        check_moment(given["until"])


@click.group("freeze", short_help="Orders of an authority: place, release, list.")
def freeze() -> None:
    """Put an authority's order on the ledger, release it, or list orders.

    A regulator places it, or an operator with a lender or regulator of another
    group. What is frozen stays where it is; its money is held, or goes where
    the order says.
    """


def freezing(function: Run) -> Run:
    """Add the options that every freeze has."""
    until = click.option(
        "--until",
        default=FREEZE_DAYS,
        show_default=True,
        metavar="SPAN",
        help="Its last moment: a span such as 30d, or a date and time.",
    )
    return add_options(*authority_options, *money_options, until)(
        with_signing(function)
    )


def _run_freeze(
    session: Session, cover: str, given: dict[str, Any], facts: list[JSONObject]
) -> None:
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    body: JSONObject = {name: given[name] for name in COVERED if name in given}
    body |= {
        "cover": cover,
        "order": read_authority(lookup, given),
        "pledged": given["pledged"],
        "rank": given["rank"],
        "until_ms": read_moment(given["until"], session.now_ms()),
    }
    if given["payee"] is not None:
        body["redirect"] = _redirect(session, given, given.get("currency", ""))
    facts = [*facts, *lookup.parties(str(given.get("member", "")))]
    run_acts(session, [Act("freeze.order", body, facts)])


@freeze.command("member")
@click.argument("member")
@click.option("--amount", metavar='"CNY 1000.00"', help="Only up to this amount.")
@click.option("--account", metavar="CUR", help="Only what goes to its account.")
@freezing
def freeze_member(session: Session, **given: Any) -> None:
    """Freeze all that a MEMBER holds and is paid, or a part of it."""
    check_id(given["member"], "member")
    _check_words(given)
    from cli.amounts import parse_amount
    from cli.lookup import Lookup

    amount, account = given.pop("amount"), given.pop("account")
    cover = "member"
    if amount is not None:
        cover = "amount"
        given["amount_minor"], given["currency"] = parse_amount(amount)
    elif account is not None:
        cover, given["currency"] = "payout_account", account
    given["member"] = Lookup(session).find("member", given["member"])["id"]
    _run_freeze(session, cover, given, [])


@freeze.command("units")
@click.argument("receivable")
@click.option("--at", metavar="START", default="0", help="Where the units start.")
@click.option("--amount", metavar='"CNY 1000.00"', help="How many; all by default.")
@freezing
def freeze_units(session: Session, **given: Any) -> None:
    """Freeze units of a RECEIVABLE, whoever holds them."""
    check_id(given["receivable"], "receivable")
    _check_words(given)
    from cli.amounts import parse_amount, parse_minor
    from cli.lookup import Lookup, read_amount

    lookup = Lookup(session)
    amount = given.pop("amount")
    try:
        found = lookup.find("receivable", given["receivable"])
    except LedgerError as error:
        if error.code != "not_found" or amount is None:
            raise
        # An operator sees no receivable; it has the id from the order itself.
        item = given["receivable"].strip().lower()
        found = {"currency": parse_amount(amount)[1], "id": item, "kind": "receivable"}
    given["receivable"] = found["id"]
    given["lo"] = parse_minor(given.pop("at"), found["currency"])
    if amount is None:
        given["hi"] = found["face_minor"]
    else:
        given["hi"] = given["lo"] + read_amount(amount, found["currency"])
    _run_freeze(session, "units", given, lookup.facts(found))


@freeze.command("account")
@click.argument("account")
@freezing
def freeze_account(session: Session, **given: Any) -> None:
    """Freeze what is paid from a collection ACCOUNT."""
    check_id(given["account"], "account")
    _check_words(given)
    from cli.lookup import Lookup

    found = Lookup(session).find("account", given["account"])
    _run_freeze(session, "account", {**given, "account": found["id"]}, [found])


@freeze.command("receipt")
@click.argument("receipt")
@freezing
def freeze_receipt(session: Session, **given: Any) -> None:
    """Freeze incoming money that waits in suspense."""
    check_id(given["receipt"], "receipt")
    _check_words(given)
    from cli.lookup import Lookup

    found = Lookup(session).find("receipt", given["receipt"])
    _run_freeze(session, "receipt", {**given, "receipt": found["id"]}, [])


@freeze.command("release")
@click.argument("order")
@add_options(*authority_options)
@with_signing
def release(session: Session, order: str, **given: Any) -> None:
    """Release an ORDER before its time, through the channel that placed it."""
    check_id(order, "order")
    _check_words(given)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("order", order)
    body = {"ending": read_authority(lookup, given), "order": found["id"]}
    run_acts(session, [Act("order.release", body, lookup.facts(found))])


@freeze.command("list")
@with_node
def list_orders(session: Session) -> None:
    """List the orders that you placed or that bind you, ended ones too."""
    from cli.lookup import Lookup
    from cli.tables import Column, print_rows
    from cli.terminal import print_json

    rows = list(session.client.items("/v1/orders"))
    if session.as_json:
        print_json({"items": rows})
        return
    columns = (
        Column("order", "order", "id"),
        Column("what"),
        Column("cover"),
        Column("on", "member", "member"),
        Column("of", "text", "authority"),
        Column("reference"),
        Column("rank", "number"),
        Column("state"),
    )
    print_rows(Lookup(session), columns, rows)


# --- insolvency ---


@click.group("insolvency", short_help="Declare it, name an attester, list for a court.")
def insolvency() -> None:
    """Declare a member insolvent, name who attests next, report to the court."""


@insolvency.command("declare")
@click.argument("member")
@add_options(*authority_options, *money_options)
@click.option(
    "--effective",
    required=True,
    metavar="MOMENT",
    help="In law: a date, time and zone.",
)
@click.option("--disposal", is_flag=True, help="Its holdings may still pass on.")
@with_signing
def declare(session: Session, member: str, **given: Any) -> None:
    """Declare a MEMBER insolvent by order of a court."""
    check_id(member, "member")
    _check_words(given)
    check_moment(given["effective"])
    if given["payee"] is None:
        raise LedgerError("usage", found="--payee, the administrator, is missing")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("member", member)
    body = {
        "administrator": _redirect(session, given, ""),
        "disposal": given["disposal"],
        "effective_ms": read_moment(given["effective"], session.now_ms()),
        "member": found["id"],
        "order": read_authority(lookup, given),
        "pledged": given["pledged"],
        "rank": given["rank"],
    }
    run_acts(session, [Act("insolvency.declare", body, lookup.parties(found["id"]))])


@insolvency.command("successor")
@click.argument("account")
@click.option("--attester", required=True, metavar="MEMBER", help="Who attests it.")
@click.option("--guardian", required=True, metavar="MEMBER", help="Lender, regulator.")
@with_signing
def successor(session: Session, account: str, attester: str, guardian: str) -> None:
    """Name who attests an ACCOUNT after its attester's insolvency (--prepare)."""
    check_id(account, "account")
    for text in (attester, guardian):
        check_id(text, "member")
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.find("account", account)
    body = {
        "account": found["id"],
        "attester": lookup.find("member", attester)["id"],
        "guardian": lookup.find("member", guardian)["id"],
    }
    facts = [found, *lookup.parties(body["attester"], body["guardian"])]
    run_acts(session, [Act("account.successor", body, facts)])


@insolvency.command("report")
@click.argument("order")
@with_node
def report(session: Session, order: str) -> None:
    """List what a member did and was paid since an ORDER took effect in law.

    For regulators and auditors with a grant that covers the member; computed
    from the blocks themselves.
    """
    check_id(order, "order")
    from cli.lookup import Lookup
    from cli.tables import Column, print_rows
    from cli.terminal import print_json, print_note

    lookup = Lookup(session)
    found = lookup.find("order", order)
    if found["what"] != "insolvency":
        raise LedgerError("not_found", found="an insolvency")
    _need_grant(session, found["member"])
    rows = list(list_acts(session, found["member"], found["effective_ms"]))
    payouts = [
        row
        for row in session.client.items("/v1/payouts", payee=found["member"])
        if row["state"] in ("instructed", "accepted", "paid", "returned")
    ]
    if session.as_json:
        print_json({"acts": rows, "order": found, "payouts": payouts})
        return
    name = lookup.name_of(found["member"])
    print_note(f"What {name} signed or was named in since the order took effect.")
    columns = (
        Column("time", "moment"),
        Column("block", "number", "height"),
        Column("act"),
        Column("part"),
        Column("receivable", "receivable"),
        Column("transaction", "transaction", "id"),
    )
    print_rows(lookup, columns, rows)
    print_note("Payouts sent to it or for it:")
    money = (Column("payout", "payout", "id"), Column("date"), Column("state"))
    print_rows(lookup, (*money, Column("amount", "money", "amount_minor")), payouts)


def _need_grant(session: Session, member: str) -> None:
    """Refuse who would see a part of a member's acts and take it for all."""
    now_ms = session.now_ms()
    for grant in session.client.items("/v1/grants"):
        covers = grant["covers"] == "all" or grant.get("subject") == member
        own = grant["auditor"] == session.member
        if own and covers and grant["until_ms"] > now_ms:
            return
    raise LedgerError("role_missing", expected="a grant of all, or of the member")


def list_acts(session: Session, member: str, since_ms: int) -> Iterator[JSONObject]:
    """Yield the transactions that a member signed or was named in, in order."""
    client = session.client
    head = int(client.get("/v1/node")["height"])
    for height in range(find_height(session, since_ms, head), head + 1):
        block = client.get(f"/v1/blocks/{height}")
        for raw in block["transactions"]:
            made = parse_transaction(decode_base64(raw))
            signed = member in made.by
            if signed or member in str(made.body):
                yield {
                    "act": made.act,
                    "height": height,
                    "id": made.id,
                    "part": "signed" if signed else "named",
                    "receivable": made.body.get("receivable", ""),
                    "time": block["header"]["time"],
                }


def find_height(session: Session, since_ms: int, head: int) -> int:
    """Return the first block at or after a moment, from 1."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        found = session.client.get("/v1/headers", **{"from": middle, "limit": 1})
        if found["items"][0]["time"] < since_ms:
            low = middle + 1
        else:
            high = middle
    return low
