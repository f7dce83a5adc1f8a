"""``pay-to``, ``misdirected``: where a debtor pays, what went past it."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import click

from cli.disputes import document_option
from cli.people import check_id
from cli.session import Session, with_signing
from cli.typed import check_moment, read_date, read_hash, read_moment
from ledger.encoding import JSONObject


@click.group("pay-to", short_help="Change the account to pay to: propose, answer.")
def pay_to() -> None:
    """Pay to another account, with those whose money it is."""


@pay_to.command("propose")
@click.argument("receivable")
@click.argument("account")
@document_option
@click.option("--until", required=True, metavar="SPAN", help="When it is judged.")
@with_signing
def propose(
    session: Session, receivable: str, account: str, document: str, until: str
) -> None:
    """Give notice that a RECEIVABLE is to be paid to another ACCOUNT.

    The account's owner tells its full id. Holders answer by the id of this
    transaction, in ten to ninety days.
    """
    check_id(receivable, "receivable")
    check_moment(until)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    body: JSONObject = {"document": read_hash(document)}
    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    body |= {"account": read_hash(account), "receivable": found["id"]}
    body["until_ms"] = read_moment(until, session.now_ms())
    run_acts(session, [Act("payto.propose", body, lookup.facts(found))])


@pay_to.command("answer")
@click.argument("change")
@click.argument("word", metavar="yes|no", type=click.Choice(["yes", "no"]))
@with_signing
def answer(session: Session, change: str, word: str) -> None:
    """Agree to a CHANGE of account, by its id, or refuse it, as a holder."""
    item = read_hash(change)
    from cli.acting import Act, run_acts
    from cli.lookup import Lookup

    lookup = Lookup(session)
    found = lookup.record("payto", item)
    body: JSONObject = {"agrees": word == "yes", "holder": session.member}
    body["payto"] = found["id"]
    run_acts(session, [Act("payto.answer", body, lookup.parties(session.member))])


@click.command("misdirected")
@click.argument("receivable")
@click.argument("amount", metavar='"CNY 1000.00"')
@click.option("--to", "recipient", required=True, metavar="MEMBER", help="Who got it.")
@click.option("--on", "paid", required=True, metavar="DATE", help="When it was paid.")
@document_option
@with_signing
def misdirected(
    session: Session,
    receivable: str,
    amount: str,
    recipient: str,
    paid: str,
    document: str,
) -> None:
    """Report that a RECEIVABLE was paid to a member directly; it is owed as before."""
    check_id(receivable, "receivable")
    check_id(recipient, "member")
    from cli.acting import Act, run_acts
    from cli.amounts import parse_amount
    from cli.lookup import Lookup, read_amount

    parse_amount(amount)
    body: JSONObject = {"document": read_hash(document), "paid_date": read_date(paid)}
    lookup = Lookup(session)
    found = lookup.find("receivable", receivable)
    member = lookup.find("member", recipient)["id"]
    body["amount_minor"] = read_amount(amount, found["currency"])
    body |= {"receivable": found["id"], "recipient": member, "reporter": session.member}
    facts = [*lookup.facts(found), *lookup.parties(member)]
    run_acts(session, [Act("receivable.misdirected", body, facts)])
