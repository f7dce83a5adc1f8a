"""Who may open accounts and programmes, and where members are paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.errors import LedgerError
from ledger.execution import prepare_act
from ledger.gas import Meter, metered
from ledger.state import Layer, key_of
from tests.order_verbs import relieve
from tests.rows import Row, rows
from tests.stage import Stage
from tests.verbs import register, verify, wait
from tests.world import DAY_MS, World, default_actors, digest_of, make_actor

DELAY_MS = 3 * DAY_MS


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


ACCOUNTS = """
owner is suspended           |  | open_account idle            | member_suspended
owner is unknown             |  | open_account nobody          | not_found
owner is no bank             |  | open_account alpha           | not_a_bank
owner is an operator too     |  | open_account double          | not_a_bank
attester is no bank          |  | open_account bank auditor    | not_a_bank
attester is an operator too  |  | open_account bank double     | not_a_bank
attester has not signed      |  | open_account bank agent bank | wrong_signers
the operator's group owns it |  | open_account housebank       | not_a_bank
an agent attests             |  | open_account bank agent      | ok
a bank owns and attests      |  | open_account bank            | ok
"""

PROGRAMMES = """
an undertaking of no kind |      | deal undertaking=half             | bad_body
no zone west of the globe |      | deal offset_minutes=-721          | bad_body
debtor is suspended       |      | deal debtor=idle                  | member_suspended
debtor is unknown         |      | deal debtor=nobody                | not_found
debtor is none            |      | deal debtor=alpha                 | role_missing
debtor is an operator too |      | deal debtor=double                | role_missing
lender is unknown         |      | deal lenders=nobody               | not_found
lender is none            |      | deal lenders=beta                 | not_a_lender
lender is an operator too |      | deal lenders=double               | not_a_lender
second lender is none     |      | deal lenders=lender+bank          | not_a_lender
debtor lends to itself    |      | deal debtor=merged lenders=merged | not_a_lender
signed by the debtor only |      | deal by=debtor                    | wrong_signers
signed by the lender only |      | deal by=lender                    | wrong_signers
by one of two lenders | | deal lenders=lender+merged by=debtor+lender | wrong_signers
account is unknown        |      | deal account=x                    | not_found
another currency          |      | deal currency=EUR                 | account_mismatch
papers demanded nowhere   |      | deal documents=never              | bad_body
papers demanded twice     |      | deal documents=transfer+confirmation | ok
norm above the cap        |      | deal tenor_norm_days=366          | bad_terms
norm at the cap           |      | deal tenor_norm_days=365          | ok
grace above the cap       |      | deal grace_days=366               | bad_terms
grace at the cap          |      | deal grace_days=365               | ok
it replaces none          |      | deal replaces=none                | not_found
it replaces another's     | deal | deal debtor=buyer replaces=it     | bad_terms
a new version             | deal | deal replaces=it                  | ok
two lenders               |      | deal lenders=lender+merged        | ok
a preset nobody knows     |      | deal preset=cn_1999               | bad_terms
norm above the preset's   |      | deal preset=cn_2025 tenor_norm_days=181 | bad_terms
cap above the preset's    |      | deal preset=cn_2025 tenor_cap_days=366  | bad_terms
as the preset says        |      | deal preset=cn_2025               | ok
below the preset          |      | deal preset=cn_2025 tenor_cap_days=200  | ok
the zone furthest west    |      | deal offset_minutes=-720          | ok
the zone furthest east    |      | deal offset_minutes=840           | ok
"""

PAYEES = """
registered with no bank |                 | register gamma one lender | not_a_bank
nobody registered one   |                 | verify auditor            | not_found
a first account         |                 | register gamma            | ok
another bank verifies   | register gamma  | verify gamma one agent    | account_mismatch
another is verified     | register gamma  | verify gamma two          | account_mismatch
it is verified          | register gamma  | verify gamma              | ok
the same once more      | register buyer,
                        | verify buyer    | verify buyer              | ok
planned, and once more  | register beta two, verify beta two,
                        |                 | verify beta two           | ok
when its time has come  | register beta six, verify beta six,
                        | wait 7          | verify beta six           | ok
and ever after          | register beta ten, verify beta ten, wait 7,
                        | verify beta ten | verify beta ten           | ok
the old one meanwhile   | register beta nine, verify beta nine, wait 7,
                        | register beta new | verify beta nine        | account_mismatch
nobody has an account   |                 | keep_account lender       | not_found
its first is stopped    | register debtor | keep_account debtor       | ok
none is left to verify  | register operator, keep_account operator,
                        |                 | verify operator           | account_mismatch
it counts already       | register agent,
                        | verify agent    | keep_account agent        | no_change
a change is stopped     | register auditor, verify auditor,
                        | register auditor two,
                        | verify auditor two | keep_account auditor   | ok
"""

# The limit of the whole stays, so each row has a debtor of its own.
LIMITS = """
over the debtor's limit | deal debtor=merged debtor_max_minor=999999,
                        | submit | confirm | debtor_limit
at the debtor's limit   | deal debtor=buyer debtor_max_minor=1000000,
                        | submit | confirm | ok
"""

# delta is one person and gives 1000 a day.
COOLING = """
it gives in its band      | alone, live supplier=delta | transfer 0 1000 | ok
above it, not at once     | alone, live supplier=delta | transfer 0 1001 | one_person
nor in parts of a day     | alone, live supplier=delta,
                          | transfer 0 1000 | transfer 1000 1001 tile=1000 | one_person
nor for a price           | alone, live supplier=delta, ask 0 1001,
                          | bid seller=delta           | buy             | one_person
for one in its band       | alone, live supplier=delta, ask 0 1000,
                          | bid seller=delta           | buy             | ok
above it it may offer     | alone, live supplier=delta | offer 0 1001    | ok
what nobody could accept  | alone,
                          | live supplier=delta | offer 0 1001 ms=-1 | bad_deadline
accepted too early        | alone, live supplier=delta,
                          | offer 0 1001, deadline -1  | take            | cooling
accepted after a day      | alone, live supplier=delta,
                          | offer 0 1001, deadline 0   | take            | ok
withdrawn while it cools  | alone, live supplier=delta,
                          | offer 0 1001               | withdraw        | ok
in its band nothing cools | alone, live supplier=delta,
                          | offer 0 1000               | take            | ok
it accepts without limit  | alone, live, offer 0 1000000 delta | take    | ok
"""


# A suspended member begins nothing; what it has begun goes on.
SUSPENDED = """
it claims nothing       | suspend gamma | submit supplier=gamma | member_suspended
it confirms nothing     | submit, suspend debtor | confirm | member_suspended
but rejects             | submit, suspend debtor | reject | ok
it offers nothing       | live supplier=gamma, suspend gamma,
                        | | offer 0 5 | member_suspended
but withdraws           | live supplier=gamma, offer 0 5, suspend gamma | withdraw | ok
what it offered passes  | live supplier=gamma, offer 0 5, suspend gamma | take | ok
it accepts nothing      | live, offer 0 5 gamma, suspend gamma | take | member_suspended
but declines            | live, offer 0 5 gamma, suspend gamma | refuse | ok
it sells nothing        | live supplier=gamma, ask 0 1000, bid seller=gamma,
                        | suspend gamma | buy | member_suspended
what it sold passes     | live supplier=gamma, ask 0 1000, bid seller=gamma, buy,
                        | suspend gamma, price | deal_state | moved
paid directly too       | live supplier=gamma, ask 0 1000, bid seller=gamma way=direct,
                        | buy, suspend gamma | got | ok
it is paid              | live supplier=gamma days=3, suspend gamma, wait 3, receive 9,
                        | | credited gamma | 9
it calls on who gave it | live days=3, transfer 0 1000 gamma recourse=with, wait 9,
                        | close -1, suspend gamma | call 1001 | ok
it forgives a rest      | deal tolerance_minor=4, live supplier=gamma days=3 face=9,
                        | wait 3, receive 5, suspend gamma | waive 4 | ok
a debtor's money counts | live days=3, suspend debtor, wait 3, receive 9 names=it,
                        | | sum_of retired | 9
it says what it is for  | stray 9, suspend debtor | match 9 | ok
it has it back          | early 9, suspend debtor | give_back 9 early | ok
a bank's word counts    | live days=3, suspend bank, wait 3, receive 9 names=it,
                        | | sum_of retired | 9
it closes days          | live, suspend bank | close | ok
it pays out             | paid 9, pick, suspend bank | instruct | ok
but opens no account    | suspend bank | open_account | member_suspended
once resumed            | suspend gamma, resume gamma | submit supplier=gamma | ok
"""


@rows(SUSPENDED)
def test_suspension(stage: Stage, row: Row) -> None:
    """Suspension stops new business and nothing else."""
    found = row.answer(stage)
    relieve(stage)
    assert found == row.code


@rows(ACCOUNTS, PROGRAMMES, PAYEES, LIMITS, COOLING)
def test_rows(stage: Stage, row: Row) -> None:
    """Each operation is answered with its code."""
    assert row.answer(stage) == row.code


def in_force(stage: Stage, member: str) -> str:
    """Return the commitment payouts go to now, as a reader has to work it out."""
    record = stage.read("payout_account", "CNY", stage.member(member))
    pending = record.get("next", {"verified": False})
    if pending["verified"] and pending["from_time"] <= stage.time:
        return str(pending["commitment"])
    return str(record.get("commitment", ""))


def test_change_counts_after_its_delay(stage: Stage) -> None:
    """The old account stays until the delay of a sole person has passed, to the ms."""
    register(stage, "delta", "old")
    verify(stage, "delta", "old")
    register(stage, "delta", "new")
    start = stage.time
    verify(stage, "delta", "new")
    seen = []
    for time in (start + 2 * DELAY_MS - 1, start + 2 * DELAY_MS):
        stage.time = time
        seen.append(in_force(stage, "delta"))
    assert seen == [digest_of("old"), digest_of("new")]


def test_only_person_of_a_firm_waits_twice_as_long() -> None:
    """Two persons change an account; who is alone signs alone, and waits longer."""
    pair, solo = (
        make_actor("pair", "supplier", persons=2),
        make_actor("solo", "supplier"),
    )
    world = World([*default_actors(), pair, solo])
    for actor, delays in ((pair, 1), (solo, 2)):
        world.register_payee(actor.name)
        body = {
            "attester": world.member("bank"),
            "commitment": digest_of("new"),
            "currency": "CNY",
            "member": actor.id,
        }
        if delays == 1:
            with pytest.raises(LedgerError) as caught:
                world.act("payout_account.register", body, keys=actor.keys[:1])
            assert caught.value.code == "policy_not_met"
        world.act("payout_account.register", body)
        planned = world.read("payout_account", "CNY", actor.id)["next"]
        head = world.chain.header.time
        assert planned["from_time"] == head + delays * DELAY_MS
        world.act("payout_account.veto", body_of_veto(actor.id), keys=actor.keys[:1])


def body_of_veto(member: str) -> dict[str, str]:
    """Return the body by which a change is stopped."""
    return {"currency": "CNY", "member": member}


def test_lender_consents_while_units_are_pledged() -> None:
    """Whoever lends on units of a member signs where their money goes."""
    world = World()
    world.open_account()
    world.open_programme()
    world.register_payee("alpha")
    item = world.issue_live(100, "2026-03-16")
    state, lender = world.chain.state, world.member("lender")
    tile = {**world.read("tile", "0", item), "pledge": f"{lender}.{digest_of('loan')}"}
    layer = Layer(state, state.kinds)
    with metered(Meter(10**6)):
        layer.put(key_of(state.kinds, tile), tile)
    body = {
        "attester": world.member("bank"),
        "commitment": digest_of("new"),
        "currency": "CNY",
        "member": world.member("alpha"),
    }
    situation = world.chain.situation(world.time)
    prepared = prepare_act(layer, "payout_account.register", body, situation)
    assert set(prepared.by) == {lender, world.member("alpha")}


def test_change_of_a_change_keeps_what_is_in_force(stage: Stage) -> None:
    """A third registration never brings the first account back."""
    for name in ("one", "two"):
        register(stage, "merged", name)
        verify(stage, "merged", name)
    assert in_force(stage, "merged") == digest_of("one")
    wait(stage, 7)
    register(stage, "merged", "three")
    assert in_force(stage, "merged") == digest_of("two")


def test_programme_pins_whose_account_it_is(stage: Stage) -> None:
    """Owner, attester and hash of the number stand in the terms as they were."""
    stage.begin()
    stage.deal()
    pinned = stage.read("programme", stage.programme)["collects"]
    account = stage.read("account", stage.account)
    assert pinned == {n: account[n] for n in ("attester", "commitment", "owner")}


def test_debtor_limit_counts_all_programmes() -> None:
    """What a debtor owes under any programme fills the lowest limit of them all."""
    world = World()
    world.open_account()
    first = world.open_programme(debtor_max_minor=500)
    world.issue_live(300, "2026-03-16", number="A")
    world.open_programme(name="another")
    world.issue_live(200, "2026-03-16", number="B")
    with pytest.raises(LedgerError, match="limit of all"):
        world.issue_live(1, "2026-03-16", number="C")
    owed = world.read("exposure", world.member("debtor") + "/CNY")
    assert (owed["used_minor"], owed["limits"][0]["max_minor"]) == (500, 500)
    world.open_programme(name="later", replaces=first, debtor_max_minor=600)
    world.issue_live(100, "2026-03-16", number="D")
    with pytest.raises(LedgerError, match="limit of all"):
        world.issue_live(1, "2026-03-16", number="E")
