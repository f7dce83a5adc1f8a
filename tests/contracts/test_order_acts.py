"""Every act of a holder under an order, and every act for which somebody vouches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.errors import LedgerError
from ledger.transactions import object_id
from tests.ledger.test_people import recovery
from tests.order_verbs import calm
from tests.rows import Row, read_table, rows
from tests.stage import Body, Stage
from tests.world import DAY_MS, digest_of, make_actor


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    more = (
        make_actor("regulator", "regulator"),
        make_actor("insider", "lender", group="house"),
        make_actor("kin", "lender", group="blue"),
        make_actor("kinreg", "regulator", group="blue"),
        make_actor("ward", "debtor", "supplier", group="blue"),
        make_actor("watcher", "auditor", group="blue"),
        make_actor("agent", "settlement_agent", "settlement_bank", group="blue"),
    )
    stage = Stage(more=more)
    yield stage
    stage.check()


# The act; what stands before, where ``bound`` puts an order on a holder and its units;
# the operation; its answers to an order on the units, on the member, on an amount: all
# that it has. That one binds no unit, but refuses what leaves the holder too little,
# when units go or a price is agreed that will not be taken in their place.
HOLDERS = """
receivable.split        | live, bound alpha 1000000 | split 5 | frozen frozen ok
receivable.merge        | live, split 5, bound alpha 1000000,
                        | | merge 0 5 | frozen frozen ok
receivable.offer        | live, bound alpha 1000000 | offer 0 5 | frozen frozen ok
offer.withdraw          | live, offer 0 5, bound alpha 1000000,
                        | | withdraw | offer_over offer_over ok
offer.accept, of it     | live, offer 0 5, bound alpha 1000000,
                        | | take | offer_over offer_over frozen
offer.accept, to it     | live supplier=gamma, transfer 0 9 alpha,
                        | offer 9 20 alpha tile=9, bound alpha 9,
                        | | take | ok ok ok
offer.decline           | live supplier=gamma, transfer 0 9 alpha,
                        | offer 9 20 alpha tile=9, bound alpha 9,
                        | | refuse | ok ok ok
receivable.transfer     | live, bound alpha 1000000,
                        | | transfer 0 5 | frozen frozen frozen
sale.request            | live, bound alpha 1000000 | ask 0 5 | ok ok ok
sale.quote              | live, ask 0 5, bound alpha 1000000 | bid | ok ok ok
sale.take               | live, ask 0 5, bid, bound alpha 1000000,
                        | | buy | frozen frozen frozen
sale.take, paid         | sold, bound alpha 1000000, price | held lender | 0 0 0
deal.received           | sold way=direct, bound alpha 1000000,
                        | | got | deal_closed deal_closed deal_closed
deal.received, owed     | bought, price_back -1, bound alpha 1000000,
                        | | owed_got | ok ok ok
deal.received, short    | bought, price_back -1, bound alpha 1000000,
                        | | owed_got -25 short=25 | ok frozen ok
deal.cancel             | sold, bound alpha 1000000,
                        | | end_deal | deal_closed deal_closed deal_closed
deal.register           | registry_deal, sold registered=1, price, bound lender 100000,
                        | | filed amended | ok ok ok
recourse.call           | backed 9, bound beta 1000 | call 1001 | frozen frozen ok
holding.redeem          | live, bound alpha 1000000 | redeem 0 9 9 | frozen frozen ok
holding.repurchase      | live, transfer 0 1000, bound beta 1000,
                        | | rebuy 0 1000 999 | frozen frozen frozen
holding.repurchase, all | live, transfer 0 1000, bound beta 1000,
                        | | rebuy 0 1000 1000 | frozen frozen ok
receivable.cancel_live  | live, bound alpha 1000000 | cancel_live | frozen frozen frozen
receivable.reduce, own  | soft, bound alpha 1000000, reduce 5 | left_claim | 5 5 5
receivable.reduce       | soft, transfer 0 500000, bound beta 500000,
                        | | reduce 500005 tile=0 units=9 | frozen frozen frozen
dispute.open            | soft, bound alpha 1000000,
                        | | contest 5 tile=0 | frozen frozen ok
receivable.close        | lost, bound alpha 1000000,
                        | | give_up alpha | frozen frozen frozen
receivable.close, part  | deal, live days=3, split 9, wait 5, close -1, bound alpha 9,
                        | | give_up alpha | frozen frozen frozen
receivable.close, then  | live days=3, transfer 0 9, wait 5, close -1, give_up beta,
                        | bound beta 9, give_up alpha,
                        | | state | default default default
receivable.waive        | deal tolerance_minor=9, live face=9 days=3, wait 3,
                        | bound alpha 9,
                        | | waive 9 | frozen frozen frozen
receivable.waive, late  | live days=3, wait 15, receive 1000000, bound alpha 1000000,
                        | | waive 0 2000 | frozen frozen ok
payto.answer            | live, propose, bound alpha 1000000,
                        | | answer yes | frozen frozen ok
payto.answer, no        | live, propose, bound alpha 1000000 | answer no | ok ok ok
payto.answer, of a part | live, split 9, propose, bound alpha 9,
                        | | answer yes | frozen frozen ok
payto.answer, of others | live, transfer 0 9, propose, bound beta 9,
                        | | answer yes | ok ok ok
receivable.misdirected  | live, bound alpha 1000000,
                        | | misdirect 9 beta reporter=alpha | ok ok ok
payout.request          | deal payout_min_minor=100, paid 9, bound alpha 999991,
                        | | request | ok wrong_state_of_payout wrong_state_of_payout
payout_account.register | live, bound alpha 1000000 | register alpha new | ok ok ok
payout_account.veto     | live, register alpha newer, bound alpha 1000000,
                        | | keep_account alpha | ok ok ok
"""

# Acts by which nobody gives or keeps units or money that it holds: of parties before
# there are units, of debtors, banks, buyers and authorities, of members and their keys.
OTHERS = """
account.open account.successor bank.close bank.hold bank.match bank.record bank.return
calendar.publish discrepancy.clear dispute.extend dispute.withdraw freeze.order
grant.end grant.give insolvency.declare key.add key.compromised key.revoke ledger.tick
mandate.set mandate.withdraw member.admit member.resume member.suspend order.release
payment.advise payout.instruct payout.status payout_account.verify payto.propose
policy.set programme.new receipt.reverse receivable.accept receivable.cancel
receivable.confirm receivable.counter receivable.decline receivable.issue
receivable.pay_early receivable.reject receivable.submit recovery.start recovery.veto
role.grant role.remove rules.publish
"""
COVERS = ("units", "member", "amount")


def answer(stage: Stage, row: Row) -> str:
    """Return a row's answer; its orders end with it."""
    found = row.answer(stage)
    calm(stage)
    return found


@pytest.mark.parametrize("cover", COVERS)
@rows(HOLDERS)
def test_holders(stage: Stage, row: Row, cover: str) -> None:
    """What would dispose of what is frozen is refused, the rest is not."""
    stage.cover = cover
    assert answer(stage, row) == row.code.split()[COVERS.index(cover)]


def test_every_act_is_of_holders_or_of_others(stage: Stage) -> None:
    """No act of the rules is left out."""
    ours = {row.name.split(",")[0] for row in read_table(HOLDERS)}
    others = set(OTHERS.split())
    assert ours & others == set()
    assert ours | others == {act for _, act in stage.chain.rulebook.actions}


# Named kin, kinreg, ward, watcher and agent are of one group. Vouching are a lender or
# regulator with the operator, placing a regulator alone.
CHANNELS = """
freeze.order         | live | freeze_member ward vouch=kin | no
by its sister alone  | live | freeze_member ward via=kinreg | no
by others            | live | freeze_member ward vouch=lender | ok
of the operator      | live | freeze_member operator vouch=lender | no
an amount            | live | freeze_amount 5 ward via=kinreg | no
where it is paid     | live,
                     | | freeze payout_account member=ward currency=CNY via=kinreg | no
an account of its    | open_account agent agent,
                     | | freeze account account=it via=kinreg | no
it only attests      | open_account bank agent,
                     | | freeze account account=it via=kinreg | ok
its payment          | stray 9 ward | freeze receipt receipt=it via=kinreg | no
its early money      | deal debtor=ward, live, receive 9 payer=ward names=it,
                     | | freeze receipt receipt=it via=kinreg | no
nobody's payment     | stray 9 | freeze receipt receipt=it via=kinreg | ok
its units            | live, transfer 5 9 ward | freeze_units 0 6 via=kinreg | no
units beside them    | live, transfer 5 9 ward | freeze_units 0 5 via=kinreg | ok
units beyond them    | live, transfer 5 9 ward | freeze_units 9 12 via=kinreg | ok
what they were paid  | live days=3, transfer 0 999991 beta,
                     | transfer 999991 1000000 ward tile=999991, wait 3, receive 9,
                     | | freeze_units 0 1000000 via=kinreg | no
to who vouches       | live | freeze_member vouch=lender elsewhere=lender | no
to who places it     | live | freeze_member vouch=lender elsewhere=operator | no
to the regulator     | live | freeze_member via=regulator elsewhere=regulator | no
to a sister          | live | freeze_member vouch=kin elsewhere=ward | no
to another member    | live | freeze_member vouch=lender elsewhere=ward | ok
order.release        | live, freeze_member ward vouch=lender | lift kinreg | no
a sister's units     | live, transfer 0 5 ward, freeze_units 0 5 vouch=lender,
                     | | lift kinreg | no
it pays a sister     | live, freeze_member elsewhere=ward vouch=lender,
                     | | lift kinreg | no
by the guardian      | live, freeze_member ward vouch=lender | lift vouch=lender | ok
insolvency.declare   | live | ruin ward vouch=kin | no
by a sister alone    | live | ruin ward via=kinreg | no
by who vouches       | live | ruin ward vouch=lender payee=lender | no
by a sister          | live | ruin alpha via=kinreg payee=ward | no
an administrator     | live | ruin alpha via=kinreg | ok
account.successor    | open_account, ruin bank | succeed agent kin | no
a sister's account   | open_account agent bank, ruin bank | succeed agent kin | no
after a sister       | open_account bank agent, ruin agent | succeed bank kin | no
another lender       | open_account bank agent, ruin agent | succeed bank lender | ok
receivable.reduce    | deal undertaking=subject_to_defences debtor=ward, live,
                     | | reduce 5 order=kinreg | no
that has sold        | soft supplier=ward | reduce 5 order=kinreg | no
that holds           | soft, transfer 0 9 ward,
                     | | reduce 1000000 tile=0 units=9 order=kinreg | no
of others            | soft | reduce 5 order=kinreg | ok
dispute.extend       | deal undertaking=subject_to_defences debtor=ward, live,
                     | contest 5,
                     | | prolong 60 0 kinreg | no
by another           | deal undertaking=subject_to_defences debtor=ward, live,
                     | contest 5,
                     | | prolong 60 0 regulator | ok
with a case          | soft, contest 5 | prolong 60 | ok
"""


@rows(CHANNELS)
def test_channels(stage: Stage, row: Row) -> None:
    """Nobody places or ends an order that is on its own group, or pays it."""
    code = "group_conflict" if row.code == "no" else row.code
    assert answer(stage, row) == code


def admit(stage: Stage) -> Body:
    """Return an admission to the group of some members."""
    new = make_actor("branch", "lender", group="blue")
    return {"member": new.describe(stage.chain.chain_id)}


def change_roles(stage: Stage) -> Body:
    """Return a change of one of these members' roles."""
    roles = {"reason": "test", "roles": ["lender"]}
    return {"member": stage.member("ward"), **roles}


def show_all(stage: Stage) -> Body:
    """Return a grant to one of these members."""
    until = {"covers": "all", "until_ms": stage.next_ms + DAY_MS}
    return {"auditor": stage.member("watcher"), **until}


def hide(stage: Stage) -> Body:
    """Return the end of a grant by which a stranger sees one of these members."""
    body = {
        "auditor": stage.member("auditor"),
        "covers": "member",
        "guardian": stage.member("lender"),
        "operator": stage.member("operator"),
        "subject": stage.member("ward"),
        "until_ms": stage.next_ms + DAY_MS,
    }
    return {"grant": object_id("grant", stage.act("grant.give", body), 0)}


def recover(stage: Stage) -> Body:
    """Return a recovery of one of these members' only key."""
    ward = stage.actors["ward"]
    return {"document": digest_of("check"), **recovery(stage, ward, 0)}


def publish(_: Stage) -> Body:
    """Return a year of a calendar; it concerns nobody more than others."""
    year = {"holidays": [], "workdays": [], "year": 2031}
    return {"calendar": "default", "weekend": [], "years": [year]}


GUARDED = {
    "calendar.publish": publish,
    "grant.end": hide,
    "grant.give": show_all,
    "member.admit": admit,
    "recovery.start": recover,
    "role.grant": change_roles,
    "role.remove": change_roles,
}


@pytest.mark.parametrize("act", GUARDED)
def test_guardians(stage: Stage, act: str) -> None:
    """Nobody vouches for its own group, nor for the operator's."""
    codes = []
    for guardian in ("insider", "kin", "lender"):
        pair = {name: stage.member(name) for name in ("operator",)}
        body = {**pair, "guardian": stage.member(guardian), **GUARDED[act](stage)}
        try:
            stage.act(act, body)
        except LedgerError as error:
            codes.append(error.code)
        else:
            codes.append("ok")
    related = "ok" if act == "calendar.publish" else "group_conflict"
    assert codes == ["group_conflict", related, "ok"]


def test_every_guarded_act_is_tried(stage: Stage) -> None:
    """No act that a guardian or an authority's channel signs is left out."""
    guarded = {
        act
        for (_, act), action in stage.chain.rulebook.actions.items()
        if "guardian" in str(action.payload.model_json_schema())
    }
    tried = {row.name.split(",")[0] for row in read_table(CHANNELS)}
    assert guarded == {act for act in tried if "." in act} | set(GUARDED)
