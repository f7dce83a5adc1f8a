"""``freeze`` and ``insolvency``: orders of an authority, and what they led to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from cli.amounts import parse_minor
from cli.command import add_options, argument, only_with, reads, signs
from cli.lookup import Lookup
from cli.people import check_id
from cli.requests import make_card
from cli.session import Session, with_node
from cli.tables import print_list, print_rows, table
from cli.terminal import print_json, print_note
from cli.typed import AMOUNT, HASH, MEMBER, MOMENT, Amount, Argument, Asked, an_id
from cli.wallet.cards import Cards
from ledger.encoding import JSONObject, decode_base64
from ledger.errors import LedgerError
from ledger.transactions import parse_transaction

FREEZE_DAYS: Final = "180d"
authority_options = add_options(
    click.option("--authority", required=True, metavar="NAME", help="Who ordered it."),
    click.option("--reference", required=True, metavar="TEXT", help="Its own number."),
    click.option(
        "--document", type=HASH, required=True, help="The order; its hash is signed."
    ),
    click.option(
        "--guardian",
        type=MEMBER,
        help="For an operator: the lender or regulator that signs too (--prepare).",
    ),
)
money_options = add_options(
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
    click.option("--commitment", type=HASH, help="If it is known already."),
)
freeze_options = add_options(
    authority_options,
    money_options,
    click.option(
        "--until",
        type=MOMENT,
        default=FREEZE_DAYS,
        show_default=True,
        help="Its last moment: a span such as 30d, or a date and time.",
    ),
)


def read_authority(lookup: Lookup, given: dict[str, Any]) -> JSONObject:
    """Return an authority's order as typed; this wallet's member places it."""
    order = only_with(given, "authority", "document", "guardian", "reference")
    return {**order, "placer": lookup.own}


def _redirect(lookup: Lookup, given: dict[str, Any], currency: str) -> JSONObject:
    """Return where an order sends money; a number is kept in this wallet."""
    if bool(given["commitment"]) == bool(given["number"]):
        raise LedgerError("usage", found="give --commitment or --number with --payee")
    commitment = given["commitment"]
    if not commitment:
        account = {name: given[name] for name in ("bic", "number")}
        card = make_card(lookup.own, currency, {**account, "name": given["payee"]})
        commitment = Cards(lookup.session).keep(card)
    return {"commitment": commitment, "payee": given["payee"]}


@click.group("freeze", short_help="Orders of an authority: place, release, list.")
def freeze() -> None:
    """Put an authority's order on the ledger, release it, or list orders.

    A regulator places it, or an operator with a lender or regulator of another
    group; neither of the group that it is about or pays. What is frozen stays where
    it is; its money is held, or goes where the order says.
    """


def _freeze(lookup: Lookup, given: dict[str, Any], **covered: Any) -> JSONObject:
    """Return the body of an order from what it covers and how."""
    redirect = None
    if given["payee"] is not None:
        redirect = _redirect(lookup, given, covered.get("currency", ""))
    return {
        **covered,
        "order": read_authority(lookup, given),
        "pledged": given["pledged"],
        "rank": given["rank"],
        "redirect": redirect,
        "until_ms": given["until"],
    }


@freeze.command("member")
@argument("member", MEMBER)
@click.option("--amount", type=AMOUNT, help="Only up to this amount.")
@click.option("--account", metavar="CUR", help="Only what goes to its account.")
@freeze_options
@signs("freeze.order")
def freeze_member(
    lookup: Lookup,
    member: JSONObject,
    *,
    amount: Amount | None,
    account: str | None,
    **given: Any,
) -> JSONObject:
    """Freeze all that a MEMBER holds and is paid, or a part of it."""
    covered: JSONObject = {"cover": "member", "member": member}
    if amount is not None:
        sums = {"amount_minor": amount.minor, "currency": amount.currency}
        covered |= {"cover": "amount", **sums}
    elif account is not None:
        covered |= {"cover": "payout_account", "currency": account}
    return _freeze(lookup, given, **covered)


def _read_frozen(text: str) -> Asked:
    """Read a receivable's id; an operator has it from the order and sees no more."""
    check_id(text, "receivable")

    def find(lookup: Lookup) -> JSONObject:
        try:
            return lookup.find("receivable", text)
        except LedgerError as error:
            if error.code != "not_found":
                raise
            return {"id": text.strip().lower(), "kind": "receivable"}

    return Asked(find)


@freeze.command("units")
@argument("receivable", Argument("RECEIVABLE", _read_frozen))
@click.option("--at", metavar="START", default="0", help="Where the units start.")
@click.option("--amount", type=AMOUNT, help="How many; all by default.")
@freeze_options
@signs("freeze.order")
def freeze_units(
    lookup: Lookup,
    receivable: JSONObject,
    *,
    at: str,
    amount: Amount | None,
    **given: Any,
) -> JSONObject:
    """Freeze units of a RECEIVABLE, whoever holds them."""
    if "currency" not in receivable:
        if amount is None:
            raise LedgerError("not_found", found=receivable["id"][:60])
        receivable["currency"] = amount.currency
        lookup.keep(receivable)
    lo = parse_minor(at, receivable["currency"])
    hi = receivable.get("face_minor")
    if amount is not None:
        hi = lo + amount.of(receivable["currency"])
    units = {"hi": hi, "lo": lo, "receivable": receivable}
    return _freeze(lookup, given, cover="units", **units)


@freeze.command("account")
@argument("account", an_id("account"))
@freeze_options
@signs("freeze.order")
def freeze_account(lookup: Lookup, account: JSONObject, **given: Any) -> JSONObject:
    """Freeze what is paid from a collection ACCOUNT."""
    return _freeze(lookup, given, cover="account", account=account)


@freeze.command("receipt")
@argument("receipt", an_id("receipt"))
@freeze_options
@signs("freeze.order")
def freeze_receipt(lookup: Lookup, receipt: JSONObject, **given: Any) -> JSONObject:
    """Freeze incoming money that waits in suspense."""
    return _freeze(lookup, given, cover="receipt", receipt=receipt)


@freeze.command("release")
@argument("order", an_id("order"))
@authority_options
@signs("order.release")
def release(lookup: Lookup, order: JSONObject, **given: Any) -> JSONObject:
    """Release an ORDER before its time, through the channel that placed it."""
    return {"ending": read_authority(lookup, given), "order": order}


@freeze.command("list")
@with_node
def list_orders(session: Session) -> None:
    """List the orders that you placed or that bind you, ended ones too."""
    columns = table(
        "order:order=id | what | cover | on:member=member | of=authority | "
        "reference | rank:number | state"
    )
    print_list(session, columns, session.client.items("/v1/orders"))


# --- insolvency ---


@click.group("insolvency", short_help="Declare it, name an attester, list for a court.")
def insolvency() -> None:
    """Declare a member insolvent, name who attests next, report to the court."""


def _check_payee(given: dict[str, Any]) -> None:
    if given["payee"] is None:
        raise LedgerError("usage", found="--payee, the administrator, is missing")


@insolvency.command("declare")
@argument("member", MEMBER)
@authority_options
@money_options
@click.option(
    "--effective", type=MOMENT, required=True, help="In law: a date, time and zone."
)
@click.option("--disposal", is_flag=True, help="Its holdings may still pass on.")
@signs("insolvency.declare", _check_payee)
def declare(lookup: Lookup, effective: int, **given: Any) -> JSONObject:
    """Declare a MEMBER insolvent by order of a court."""
    return {
        "administrator": _redirect(lookup, given, ""),
        "effective_ms": effective,
        "order": read_authority(lookup, given),
        **only_with(given, "disposal", "member", "pledged", "rank"),
    }


@insolvency.command("successor")
@argument("account", an_id("account"))
@click.option("--attester", type=MEMBER, required=True, help="Who attests it.")
@click.option("--guardian", type=MEMBER, required=True, help="Lender, regulator.")
@signs("account.successor")
def successor(_: Lookup, **given: Any) -> JSONObject:
    """Name who attests an ACCOUNT after its attester's insolvency (--prepare)."""
    return given


@insolvency.command("report")
@argument("order", an_id("order"))
@reads
def report(lookup: Lookup, order: JSONObject) -> None:
    """List what a member did and was paid since an ORDER took effect in law.

    For regulators and auditors with a grant that covers the member; computed
    from the blocks themselves.
    """
    session = lookup.session
    if order["what"] != "insolvency":
        raise LedgerError("not_found", found="an insolvency")
    _need_grant(session, order["member"])
    rows = list(list_acts(session, order["member"], order["effective_ms"]))
    payouts = [
        row
        for row in session.client.items("/v1/payouts", payee=order["member"])
        if row["state"] in ("instructed", "accepted", "paid", "returned")
    ]
    if session.as_json:
        print_json({"acts": rows, "order": order, "payouts": payouts})
        return
    name = lookup.name_of(order["member"])
    print_note(f"What {name} signed or was named in since the order took effect.")
    columns = table(
        "time:moment | block:number=height | act | part | receivable:receivable | "
        "transaction:transaction=id"
    )
    print_rows(lookup, columns, rows)
    print_note("Payouts sent to it or for it:")
    money = table("payout:payout=id | date | state | amount:money")
    print_rows(lookup, money, payouts)


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
