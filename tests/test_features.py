"""What the best ledgers of receivables have, one test a row of their comparison.

The rows, and what each peer lacks, are in the research on the mission, §4.1; a
test has its row's number. It shows what holds, end to end on a real chain, and
then what peers let through. Rows on files, sight and evidence: see
``test_features_outside.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from tests import verbs
from tests.ledger.stage import TWO_ABOVE
from tests.ledger.test_members import admission, describe_key, try_act
from tests.order_verbs import calm
from tests.rows import read_table
from tests.stage import Stage
from tests.world import CALENDAR, Actor, World, default_actors, digest_of, make_actor


def cast() -> list[Actor]:
    """Return whom the features need beside the usual cast."""
    return [
        make_actor("regulator", "regulator"),
        make_actor("factor", "lender", group="family"),
        make_actor("sister", "lender", group="family"),
        make_actor("buyer", "debtor"),
        make_actor("pair", "supplier", persons=2, policy=TWO_ABOVE),
    ]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One chain for all rows; its books are added up in the end."""
    stage = Stage(more=cast())
    for name in ("lender", "gamma", "bank"):
        stage.register_payee(name)
    yield stage
    stage.check()


def hold(stage: Stage, table: str) -> None:
    """Assert every row of a table; orders end with their row. Begin anew."""
    for row in read_table(table):
        assert (row.name, row.answer(stage)) == (row.name, row.code)
        calm(stage)
    stage.begin()


def code_of(world: World, act: str, body: dict[str, Any], **options: Any) -> str:
    """Return the code an act is answered with."""
    try:
        world.act(act, body, **options)
    except LedgerError as error:
        return error.code
    return "ok"


def key_of(seed: str) -> list[SigningKey]:
    """Return the key that ``describe_key`` describes."""
    return [SigningKey.from_seed(bytes.fromhex(digest_of(seed)))]


# -- from the invoice to the units -----------------------------------------------------


def test_01_debtor_signs_before_issue(stage: Stage) -> None:
    """No unit exists before the debtor's own key has signed for the face."""
    hold(
        stage,
        """
        nothing is held        | submit | held alpha | 0
        once confirmed it is   | submit, confirm | held alpha | 1000000
        an issue waits as well | issue | held alpha | 0
        not by the supplier    | submit | confirm alpha | wrong_signers
        nor by a bank          | submit | confirm bank | wrong_signers
        nor another amount     | submit | confirm face_minor=999999 | stale_input
        """,
    )
    verbs.submit(stage)
    body = {"face_minor": 1_000_000, "receivable": stage.it}
    forged = stage.actors["alpha"].keys
    assert code_of(stage, "receivable.confirm", body, keys=forged) == "wrong_signers"


def test_02_split_by_amount_conserved(stage: Stage) -> None:
    """Parts add up to the face, and a rule that loses a unit is stopped."""
    hold(
        stage,
        """
        cut in three      | live, split 1 999999 | held alpha | 1000000
        a part is given   | live, transfer 5 9 | held beta | 4
        the rest stays    | live, transfer 5 9 | held alpha | 999996
        more than all     | live | transfer 0 1000001 | bad_cut
        given once more   | live, transfer 5 9 | transfer 5 9 gamma | bad_cut
        what stood before | live, split 5 | split 3 rev=-1 | stale_input
        """,
    )
    sources = read_sources()
    path, whole = "kit/v1/parts.py", '"hi": hi, "lo": lo, "locks"'
    assert whole in sources[path]
    sources[path] = sources[path].replace(whole, '"hi": hi - 1, "lo": lo, "locks"')
    world = World(sources=sources)
    world.open_account()
    world.open_programme()
    item = world.issue_live(1_000, "2026-03-16")
    body = {"cuts": [500], "input": world.input(item, 0), "receivable": item}
    assert code_of(world, "receivable.split", body) == "invariant_broken"


def test_03_identity_of_sub_units(stage: Stage) -> None:
    """A unit is a place in its receivable, wherever it goes and once it is paid."""
    given = "live days=3, transfer 5 9, transfer 6 8 gamma tile=5"
    hold(
        stage,
        f"""
        where it went | {given} | origin 6 | gamma < beta/without < alpha/without
        its neighbour | {given} | origin 8 | beta < alpha/without
        not another's | {given} | transfer 6 8 lender tile=5 | bad_cut
        """,
    )
    verbs.paid(stage, 9)
    units = [(t["lo"], t["hi"], t.get("receipt", "")) for t in stage.tiles(stage.it)]
    assert units == [(0, 999_991, ""), (999_991, 1_000_000, stage.receipt)]


def test_04_merge(stage: Stage) -> None:
    """Neighbours of one origin are one part again, no others."""
    hold(
        stage,
        """
        of one cut          | live, split 5, merge 0 5 | transfer 0 1000000 | ok
        given in two        | live, transfer 0 5, transfer 5 9 tile=5 | merge 0 5 | ok
        by other terms      | live, transfer 0 5, transfer 5 9 tile=5 recourse=with,
                            | | merge 0 5 | not_mergeable
        of others           | live, transfer 0 5 | merge 0 5 | not_mergeable
        not neighbours      | live, split 5 9 | merge 0 9 | not_mergeable
        promised to another | live, split 5, offer 0 5 | merge 0 5 | part_locked
        """,
    )


# -- passing on ------------------------------------------------------------------------


def test_05_receiver_must_accept(stage: Stage) -> None:
    """Nobody becomes a holder by another's signature."""
    hold(
        stage,
        """
        an offer moves nothing | live, offer 0 5 | held beta | 0
        its acceptance does    | live, offer 0 5, take | held beta | 5
        not by the giver       | live, offer 0 5 | take by=alpha | wrong_signers
        nor by a third         | live, offer 0 5 | take by=gamma | wrong_signers
        at once both sign      | live | transfer 0 5 by=alpha | wrong_signers
        exactly what was said  | live, offer 0 5 | take hi=1 | offer_changed
        it may decline         | live, offer 0 5, refuse | split 5 | ok
        """,
    )


def test_06_offer_expiry_enforced(stage: Stage) -> None:
    """The deadline counts to the millisecond, whether or not a job has run."""
    hold(
        stage,
        """
        at the deadline     | live, offer 0 5, deadline 0 | take | ok
        a millisecond later | live, offer 0 5, deadline 1 | take | offer_over
        its part is free    | live, offer 0 5, deadline 1 | split 5 | ok
        and not before      | live, offer 0 5, deadline 0 | split 5 | part_locked
        tidied up           | live, offer 0 5, wait 2 | take | offer_over
        a price in time     | sold, pause_until 0, price | deal_state | moved
        a price too late    | sold, pause_until 1, price | deal_state | lapsed late
        """,
    )


def test_07_atomic_dvp_multi_leg(stage: Stage) -> None:
    """Units, price and fees move in one act, or the whole price goes back."""
    hold(
        stage,
        """
        not before       | fee_deal, sold | held lender | 0
        the units        | fee_deal, sold, price | held lender | 100000
        the price        | fee_deal, sold, price | paid_out price | alpha:99100
        the fees         | fee_deal, sold, price | paid_out fee | bank:30+gamma:150
        one short        | fee_deal, sold, price -1 | held lender | 0
        pays nobody      | fee_deal, sold, price -1 | paid_out fee | none
        but goes back    | fee_deal, sold, price -1 | paid_out return | lender:99279
        nothing to move  | sold, freeze_units 0 5, price,
                         | | paid_out return | lender:99250
        taken back later | bought, price_back | origin | alpha
        """,
    )


def test_09_partial_freeze_forced_action(stage: Stage) -> None:
    """An order binds units, not more; it moves their money, the operator never."""
    few, some = "freeze_units 0 5", "freeze_units 999995 1000000"
    hold(
        stage,
        f"""
        some of a holding       | live, {few} | transfer 0 5 | frozen
        the rest is free        | live, {few} | transfer 5 9 tile=5 | ok
        their money is held     | live days=3, {some}, wait 3, receive 9,
                                | | payable alpha held | 5
        the other is paid       | live days=3, {some}, wait 3, receive 9,
                                | | payable alpha due | 4
        or goes elsewhere       | paid 9, freeze_member elsewhere=1,
                                | | payable alpha sent_on | 9
        paid and back, still so | paid 9, freeze_units 999990 1000000, reverse 9,
                                | | transfer 999995 1000000 tile=999991 aware=1 | frozen
        not once it is over     | live, {few} days=1, past 1 | transfer 0 5 | ok
        not by the operator     | live | freeze_member via=operator | no_channel
        nor lifted by it        | live, {few} | lift operator | no_channel
        """,
    )


def test_10_member_registry_and_role(stage: Stage) -> None:
    """Who may do what is on the ledger, and no operator alone puts it there."""
    hold(
        stage,
        """
        a debtor's part    |  | deal debtor=alpha | role_missing
        a lender's part    |  | deal lenders=beta | not_a_lender
        a bank's part      |  | open_account alpha | not_a_bank
        a supplier's part  |  | submit supplier=auditor | supplier_not_eligible
        a suspended member |  | submit supplier=idle | member_suspended
        """,
    )
    bank = make_actor("bank2", "settlement_bank")
    known = admission(stage, bank, "regulator")
    alone = admission(stage, bank)
    for body in (alone, known):
        assert try_act(stage, "member.admit", body, by=["operator"]) == "wrong_signers"
    assert try_act(stage, "member.admit", known) == "ok"
    tick = {"member": stage.member("alpha")}
    code = try_act(stage, "ledger.tick", tick, by=["alpha"], keys=key_of("stranger"))
    assert code == "unknown_key"


def test_11_transfer_compliance_rules(stage: Stage) -> None:
    """Terms decide what passes, each programme by its own, for a debt's whole life."""
    hold(
        stage,
        """
        as a rule           | live | transfer 0 5 | ok
        not transferable    | deal transfer_max=0, live,
                            | | transfer 0 5 | not_transferable
        too small           | deal part_min_minor=6, live,
                            | | transfer 0 5 | part_too_small
        too late            | deal record_days=3, live days=3,
                            | | transfer 0 5 | record_date
        others' suppliers   | deal suppliers=beta | submit | supplier_not_eligible
        to its debtor       | live | transfer 0 5 debtor | bad_receiver
        not registered      | registry_deal, live, quoted | buy | registration_missing
        new terms, old debt | deal transfer_max=0, live,
                            | deal transfer_max=8 replaces=it,
                            | | transfer 0 5 | not_transferable
        """,
    )


def test_12_m_of_n_approval(stage: Stage) -> None:
    """Above a band two persons sign, and parts of one day add up."""
    stage.begin()
    verbs.live(stage, supplier="pair")
    pair, beta = stage.actors["pair"].keys, stage.actors["beta"].keys

    def give(lo: int, hi: int, count: int) -> str:
        body = {
            "aware_overdue": False,
            "input": stage.input(stage.it, lo),
            "part": {"hi": hi, "lo": lo},
            "receivable": stage.it,
            "receiver": stage.member("beta"),
            "recourse": "without",
        }
        keys = [*pair[:count], *beta]
        return code_of(stage, "receivable.transfer", body, keys=keys)

    alone = [give(0, 1_001, 1), give(0, 1_000, 1), give(1_000, 1_001, 1)]
    assert alone == ["policy_not_met", "ok", "policy_not_met"]
    assert give(1_000, 3_000, 2) == "ok"


def test_13_key_rotation_and_recovery() -> None:
    """Authority moves to another key, holdings never; the platform alone cannot."""
    world = World([*default_actors(), make_actor("regulator", "regulator")])
    world.open_account()
    world.open_programme()
    item = world.issue_live(100, "2026-03-16", supplier="gamma")
    gamma, held = world.actors["gamma"], world.tiles(item)
    old, tick = list(gamma.keys), {"member": gamma.id}
    duties = ("admin", "checker", "maker")
    new = {"key": describe_key(world, "second", *duties), "member": gamma.id}
    assert try_act(world, "key.add", new) == "ok"
    gamma.keys = key_of("second")
    revoke = {"key": old[0].key_id, "member": gamma.id}
    assert try_act(world, "key.revoke", revoke) == "ok"
    assert try_act(world, "ledger.tick", tick, keys=old) == "unknown_key"
    lost = {
        "document": digest_of("identity check"),
        "ends": [gamma.keys[0].key_id],
        "guardian": world.member("regulator"),
        "keys": [describe_key(world, "third", *duties)],
        "member": gamma.id,
        "operator": world.member("operator"),
    }
    assert try_act(world, "recovery.start", lost, by=["operator"]) == "wrong_signers"
    assert try_act(world, "recovery.start", lost) == "ok"
    third = key_of("third")
    assert try_act(world, "ledger.tick", tick, keys=third) == "unknown_key"
    world.time = world.read("recovery", gamma.id)["from_time"]
    assert try_act(world, "ledger.tick", tick, keys=third) == "ok"
    assert try_act(world, "ledger.tick", tick) == "unknown_key"
    assert world.tiles(item) == held


def test_14_day_count_and_calendars(stage: Stage) -> None:
    """Dates move by a calendar on the ledger; days are counted by a named basis."""
    calendar = {**CALENDAR, "holidays": ["2026-03-16"], "workdays": ["2026-03-21"]}
    world = World(parameters={"calendar": calendar})
    world.open_account()
    world.open_programme()
    # A Saturday before a holiday, and one that is worked.
    for day, adjusted in (("2026-03-14", "2026-03-17"), ("2026-03-21", "2026-03-21")):
        item = world.submit(100, day, number=day)
        assert world.read("receivable", item)["adjusted_date"] == adjusted
    by_365 = "deal late_basis=act365f, live days=3, wait 15"
    hold(
        stage,
        f"""
        on 360 days a year | sold | figure net | 99250
        on 365             | sold basis=act365f | figure net | 99260
        on the net         | sold method=true_discount | figure net | 99256
        miscounted         | live, ask 0 100000 | bid plus_discount=1 | price_wrong
        late on 360        | live days=3, wait 15, receive 1002000 | state | settled
        late on 365        | {by_365}, receive 1001973 | state | settled
        and no less        | {by_365}, receive 1001972 | state | part_paid
        """,
    )


def test_15_discounting_and_bidding(stage: Stage) -> None:
    """Two lenders bid apart, the seller takes the better price, and only one."""
    two = "live, ask 0 100000 lender+factor, bid rate_ppm=60000, bid 1"
    hold(
        stage,
        f"""
        the dearer one       | {two} rate_ppm=70000, buy factor | figure net | 98833
        the better one       | {two}, buy factor, price payer=factor,
                             | | held factor | 100000
        at its price         | {two}, buy factor | figure net | 99250
        not changed          | {two} | buy factor net_minor=99999 | quote_changed
        not once it is over  | quoted, pause_until 1 | buy | quote_over
        not sold to two      | live, ask 0 100000 lender+factor, bid, buy, bid 1,
                             | | buy factor | part_locked
        no two of one family | live | ask 0 5 factor+sister | related_bidders
        no supplier bids     | live | ask 0 5 beta | not_a_lender
        """,
    )


# -- money -----------------------------------------------------------------------------


def test_17_partial_payment(stage: Stage) -> None:
    """Any part is taken and retires as many units; what is too much is not kept."""
    hold(
        stage,
        """
        a part                | paid 9 | state | part_paid
        retires as much       | paid 9 | sum_of retired | 9
        the rest              | paid 9, receive 999991 k2 | state | settled
        one short             | paid 9, receive 999990 k2 | state | part_paid
        one over              | paid 9, receive 999992 k2 | books suspense | 1
        early, it waits       | early 9 | sum_of waiting | 9
        one reference, once   | paid 9 | receive 9 | reference_used
        only the bank says so | live | receive 9 by=debtor | wrong_signers
        """,
    )


def test_18_exact_pro_rata_to_many_holders(stage: Stage) -> None:
    """Six groups, odd sums: to the unit each time, and each gets exactly its own."""
    stage.begin()
    verbs.live(stage, face=10_007, days=3)
    sizes = {"beta": 1, "gamma": 997, "lender": 3, "factor": 3_001, "sister": 2_003}
    lo = 0
    for name, size in sizes.items():
        verbs.transfer(stage, lo, lo + size, name, tile=lo)
        lo += size
    sizes["alpha"] = 10_007 - lo
    verbs.wait(stage, 3)
    got = dict.fromkeys(sizes, 0)
    sums = [1, 2, 3_333, 1, 4_999, 7]
    for n, amount in enumerate([*sums, 10_007 - sum(sums)]):
        left = {name: size - got[name] for name, size in sizes.items()}
        verbs.receive(stage, amount, f"k{n}", names="it")
        now = {name: int(verbs.credited(stage, name)) for name in sizes}
        shares = {name: now[name] - got[name] for name in sizes}
        owed, got = sum(left.values()), now
        assert sum(shares.values()) == amount
        for name, share in shares.items():
            assert 0 <= share <= left[name]
            assert abs(share * owed - amount * left[name]) < owed
    assert (got, verbs.state(stage)) == (sizes, "settled")


def test_19_overdue_and_default_states(stage: Stage) -> None:
    """Judged when the bank has closed the day; late debt is still paid in full."""
    grace = "deal grace_days=2, live days=3"
    late = "live days=3, wait 15, close -1"
    hold(
        stage,
        f"""
        overdue              | live days=3, wait 3, close | state | overdue
        not by a silent bank | live days=3, wait 9 | state | live
        in default           | {grace}, wait 6, close | state | default
        not in the grace     | {grace}, wait 5, close | state | overdue
        it takes money       | lost, receive 9 | state | recovering
        and all of it        | {late}, receive 1002000 | state | settled
        with its interest    | {late}, receive 1001999 | state | recovering
        no stranger ends it  | lost | give_up beta | not_holder
        nor forgives it      | lost | waive 1000000 9999 by=beta | wrong_signers
        """,
    )


def test_20_recourse_chain(stage: Stage) -> None:
    """A call goes one step back, in time; who paid calls on its own transferor."""
    called = "passed 9, call 1001, price payer=beta"
    hold(
        stage,
        f"""
        to the transferor | {called} | origin | beta < alpha/with
        then to the next  | {called}, call 1001, price payer=alpha key=p2,
                          | | held alpha | 1000000
        never past it     | passed 9, call 1001, price payer=alpha | held gamma | 1000
        another price     | passed 9 | call 1000 | price_differs
        before default    | live days=3, transfer 0 1000 recourse=with,
                          | | call 1000 | recourse_not_due
        too late          | backed 5, wait 31 | call 1006 | notice_passed
        without recourse  | live days=3, transfer 0 1000, wait 9, close -1,
                          | | call 1001 | no_recourse
        """,
    )


def test_24_duplicate_invoice_control(stage: Stage) -> None:
    """One invoice is one claim, whoever brings it and however it is written."""
    hold(
        stage,
        """
        once more           | submit number=D-1 | submit number=D-1 | invoice_overused
        in small letters    | submit number=D-2 | submit number=d-2 | invoice_overused
        from the other side | submit number=D-3 | issue number=D-3 | invoice_overused
        more than it says   | use D-4 600 | use D-4 401 | invoice_overused
        even when paid      | live number=D-5 days=3, wait 3, receive 1000000,
                            | | submit number=D-5 | invoice_overused
        slightly altered    | live number=D-006, submit number=D-6,
                            | | confirm | near_duplicate
        the debtor's word   | live number=D-007, submit number=D-7,
                            | | confirm different=D-7 | ok
        another seller's    | submit number=D-8 | submit number=D-8 supplier=beta | ok
        refused, free again | submit number=D-9, reject | submit number=D-9 | ok
        """,
    )
