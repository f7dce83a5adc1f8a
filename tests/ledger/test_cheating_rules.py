"""Rules that cheat: a ledger that follows them to the byte is named by the audit.

Each row founds a chain whose genesis names rules with one line changed, and plays
a short story on it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from tests import bank_verbs, order_verbs, sale_verbs, verbs
from tests.stage import Stage
from tests.world import make_actor

Story = Callable[[Stage], None]
# By file of the rules, what is replaced by what.
Changes = dict[str, tuple[str, str]]


def shared(stage: Stage) -> None:
    """Let three have parts, and some money come in."""
    verbs.live(stage, face=900, days=3)
    verbs.transfer(stage, 0, 400)
    verbs.transfer(stage, 400, 700, "gamma", tile=400)
    verbs.wait(stage, 3)
    verbs.receive(stage, 300, names="it")


def contested(stage: Stage) -> None:
    """Let money come in for what is contested in part."""
    order_verbs.soft(stage, face=900, days=3)
    verbs.transfer(stage, 0, 400)
    order_verbs.contest(stage, 100, tile=400)
    verbs.wait(stage, 3)
    verbs.receive(stage, 300, names="it")


def claimed(stage: Stage) -> None:
    """Let money come in again after a reversal of what was paid out."""
    shared(stage)
    verbs.pick(stage)
    verbs.instruct(stage)
    verbs.attest(stage)
    verbs.reverse(stage, 300)
    verbs.receive(stage, 200, "k2", names="it")


def ordered(stage: Stage) -> None:
    """Let what a frozen member is due be sent to it."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_member(stage)
    verbs.wait(stage, 3)
    verbs.receive(stage, 900)
    verbs.pick(stage)
    verbs.instruct(stage)
    verbs.attest(stage)


def limited(stage: Stage) -> None:
    """Let money come in of which an order takes an amount."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_amount(stage, 100)
    verbs.wait(stage, 3)
    verbs.receive(stage, 900)


def due(stage: Stage) -> None:
    """Let an order take an amount of what is due."""
    verbs.live(stage, face=900, days=3)
    verbs.wait(stage, 3)
    verbs.receive(stage, 900)
    order_verbs.freeze_amount(stage, 100)


def cut_and_sent(stage: Stage) -> None:
    """Let money be taken back of a payout of which an order held a part."""
    due(stage)
    verbs.pick(stage, state="due")
    verbs.instruct(stage)
    verbs.reverse(stage, 50)


def bounced(stage: Stage) -> None:
    """Let a payout come back of which money was taken back while it was sent."""
    verbs.sent(stage, 9)
    verbs.attest(stage)
    verbs.reverse(stage, 4)
    bank_verbs.bounce(stage)


def bounced_late(stage: Stage) -> None:
    """Let it come back once later money had paid that, which is taken back then."""
    verbs.sent(stage, 9)
    verbs.attest(stage)
    verbs.reverse(stage, 4)
    verbs.receive(stage, 4, "k2")
    bank_verbs.bounce(stage)
    verbs.reverse(stage, 4, "r2")


def frozen_late(stage: Stage) -> None:
    """Let late interest be paid for units of which some are frozen."""
    verbs.live(stage, face=900_000, days=3)
    order_verbs.freeze_units(stage, 0, 300_000, days=60)
    verbs.wait(stage, 13)
    verbs.receive(stage, 450_000)
    verbs.wait(stage, 10)
    verbs.receive(stage, 455_000, "k2")


def twice(stage: Stage) -> None:
    """Let money come in for units that two orders freeze."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_units(stage, 0, 900, days=4)
    order_verbs.freeze_units(stage, 0, 900)
    verbs.wait(stage, 3)
    verbs.receive(stage, 900)
    verbs.wait(stage, 2)


def sold(stage: Stage) -> None:
    """Let a receivable become late while a sale of its units waits for its price."""
    verbs.live(stage, days=3)
    verbs.wait(stage, 3)
    sale_verbs.sold(stage, flat=5)
    verbs.close(stage)


def given_up(stage: Stage) -> None:
    """Let a holder give up, and money that paid some of it be taken back."""
    order_verbs.lost(stage)
    verbs.receive(stage, 900)
    order_verbs.give_up(stage, "alpha")
    verbs.reverse(stage, 9)


def one_of_two(stage: Stage) -> None:
    """Let one of two holders give up."""
    verbs.live(stage, days=3)
    verbs.transfer(stage, 0, 5)
    verbs.wait(stage, 5)
    verbs.close(stage, -1)
    order_verbs.give_up(stage, "alpha")


def late(stage: Stage) -> None:
    """Let nobody pay while an order stands on somebody."""
    verbs.live(stage, days=3)
    order_verbs.freeze_member(stage, "gamma")
    verbs.wait(stage, 5)
    verbs.close(stage, -1)


def frozen(stage: Stage) -> None:
    """Let frozen units be passed on."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_units(stage, 100, 200)
    verbs.transfer(stage, 100, 200, tile=100)


def carried(stage: Stage) -> None:
    """Let late interest be taken back after some of its units passed on."""
    verbs.deal(stage, order="interest_first")
    verbs.live(stage, days=3)
    verbs.wait(stage, 9)
    verbs.receive(stage, 900)
    verbs.transfer(stage, 0, 500_000)
    verbs.reverse(stage, 600)


def returned(stage: Stage) -> None:
    """Let money go back to who sent it."""
    verbs.stray(stage, 50, "buyer")
    verbs.give_back(stage, 50)


NO_ORDERS = {
    "kit/v1/standing.py": (
        "    if not any_orders(ctx):\n        return []\n    subjects",
        "    if True:\n        return []\n    subjects",
    )
}
WEIGHED = "count_days(ctx, sweep, own[name]) if paid[1] else 0"
AGREES_NOT = (
    'agreed is None:\n            return True\n        if agreed["default_date"]'
)
# what is changed where, the story, what it breaks
CHEATS: dict[str, tuple[Changes, Story, str]] = {
    "who was paid interest gives back what went with its units": (
        {
            "kit/v1/reversals.py": (
                'record["paid_minor"] - was[name] + left[name]',
                'record["paid_minor"] - (name == group_key(line)) * amount_minor',
            )
        },
        carried,
        "I9",
    ),
    "who is contested is not told": (
        {
            "receivable/sweep.py": (
                "    parts = contested_parts(ctx, receivable)\n",
                "    parts = []\n",
            )
        },
        contested,
        "sweep_wrong",
    ),
    "the price goes to the owner of the account": (
        {"kit/v1/deals.py": ('rows = [(deal["payee"],', 'rows = [(account["owner"],')},
        sale_verbs.bought,
        "I9",
    ),
    "less of a price than was agreed": (
        {
            "kit/v1/deals.py": (
                "    deal = {\n        **terms,",
                '    terms["price_minor"] -= 1\n    deal = {\n        **terms,',
            )
        },
        sale_verbs.sold,
        "I9",
    ),
    "somebody else owes what was taken back": (
        {
            "kit/v1/reversals.py": (
                'receivable["id"], line["holder"], claim)',
                'receivable["id"], receivable["debtor"], claim)',
            )
        },
        claimed,
        "I9",
    ),
    "a claim is not kept of the next money": (
        {
            "receivable/sweep.py": (
                'net_claim(ctx, sweep["account"], receivable, tile["holder"], amount)',
                "0",
            )
        },
        claimed,
        "I9",
    ),
    "what was lost is sent again": (
        {
            "kit/v1/books.py": (
                "place_payout(ctx, cancel_lost(ctx, ended))",
                "place_payout(ctx, ended)",
            )
        },
        bounced,
        "I9",
    ),
    "what was lost, and again, is sent": (
        {
            "kit/v1/reversals.py": (
                'cancel_failed(ctx, receipt["account"], holder)',
                "0",
            )
        },
        bounced_late,
        "I9",
    ),
    "an order on a member is passed over": (NO_ORDERS, ordered, "orders"),
    "an order on an amount is passed over": (NO_ORDERS, limited, "orders"),
    "what is due is not held": (
        {
            "receivable/orders.py": (
                "ctx.scan(index, subject_of(target), after, PAGE)",
                "ctx.scan(index, subject_of(target), after, 0)",
            )
        },
        due,
        "orders",
    ),
    "an order on units is not remembered": (
        {
            "receivable/sweep.py": (
                '        like["locks"] = sorted(locks)\n',
                '        like["locks"] = sorted(locks[:1])\n',
            )
        },
        twice,
        "orders",
    ),
    "it is passed over when another ends": (
        {
            "kit/v1/standing.py": (
                "money_orders(ctx, after, account, pledged=False)",
                'money_orders(ctx, {**after, "locks": []}, account, pledged=False)',
            )
        },
        twice,
        "orders",
    ),
    "it is forgotten when another ends": (
        {
            "kit/v1/standing.py": (
                "    after = lift_order(ctx, payout)\n",
                '    after = {**lift_order(ctx, payout), "locks": []}\n',
            )
        },
        twice,
        "orders",
    ),
    "an order has had its amount from the beginning": (
        {
            "receivable/orders.py": (
                '"taken_minor": 0,',
                '"taken_minor": given.get("limit_minor", 0),',
            )
        },
        limited,
        "orders",
    ),
    "frozen units get no late interest": (
        {"receivable/sweep.py": (WEIGHED, f"{WEIGHED[:-7]} and not name else 0")},
        frozen_late,
        "orders",
    ),
    "frozen units get it by units, not by days": (
        {"receivable/sweep.py": (WEIGHED, "count_units(own[name])")},
        frozen_late,
        "orders",
    ),
    "what an order holds of a payout is claimed, not cancelled": (
        {
            "kit/v1/books.py": (
                "in list_cuts(ctx, item):",
                'in [ctx.need("payout", item)]:',
            )
        },
        cut_and_sent,
        "I9",
    ),
    "what was sent of a payout is cancelled, not claimed": (
        {
            "kit/v1/books.py": (
                'if taken and payout["state"] in UNSENT:',
                "if taken:",
            )
        },
        cut_and_sent,
        "I9",
    ),
    "who does not know buys what is late": (
        {
            "receivable/deals.py": (
                'ctx.scan("unaware", target["id"], limit=DEALS_PAGE)',
                'ctx.scan("unaware", target["id"], limit=0)',
            )
        },
        sold,
        "I11",
    ),
    "what was given up stays so": (
        {"kit/v1/owed.py": ('("closed", "part_paid",', '("part_paid",')},
        given_up,
        "I11",
    ),
    "one gives up for all": (
        {
            "receivable/disputes.py": (
                'agreed is None or agreed["default_date"]',
                AGREES_NOT,
            )
        },
        one_of_two,
        "I11",
    ),
    "nothing is late while an order stands": (
        {
            "kit/v1/owed.py": (
                "    covered = find_cover(programme, receivable, closed, cover)\n",
                '    covered = -1 + ctx.count_rows("all", "standing")\n',
            )
        },
        late,
        "I11",
    ),
    "frozen units pass": (
        {
            "kit/v1/standing.py": ("    if locks:\n", "    if not locks:\n"),
            "kit/v1/parts.py": (
                'any(lock["until"] >= ctx.time for',
                'any(lock["until"] >= ctx.time + 9 * 10**12 for',
            ),
        },
        frozen,
        "I3",
    ),
    "a refund goes to the owner of the account": (
        {
            "receivable/suspense.py": (
                '"payee": receipt["payer"],',
                '"payee": account["owner"],',
            )
        },
        returned,
        "I8",
    ),
    "the lender gets what another was to get": (
        {
            "receivable/circulation.py": (
                "tile, part, body.receiver,",
                'tile, part, ctx.need("programme", record["programme"])["lenders"][0],',
            ),
        },
        shared,
        "I3",
    ),
    "a cent less was attested": (
        {
            "receivable/bank.py": (
                '        **fields,\n        "account"',
                '        **fields,\n        "amount_minor": 1,\n        "account"',
            )
        },
        shared,
        "I8",
    ),
    "a line of a statement is left out": (
        {
            "receivable/bank.py": (
                "range(len(body.entries)):\n        record_entry",
                "range(len(body.entries) - 1):\n        record_entry",
            )
        },
        shared,
        "I8",
    ),
    "a greater face than was signed": (
        {
            "receivable/receivable.py": (
                "    live = {\n        **put_dates(",
                '    record["face_minor"] += 1\n    live = {\n        **put_dates(',
            )
        },
        shared,
        "I2",
    ),
}


def find_cheat(changes: Changes, story: Story) -> object:
    """Return what is found where a story is played under changed rules.

    Each block is looked at as it is made, and the books are added up at the end.
    """
    sources = dict(read_sources())
    for path, (old, new) in changes.items():
        assert sources[path].count(old) >= 1, path
        sources[path] = sources[path].replace(old, new)
    more = (
        make_actor("regulator", "regulator"),
        make_actor("buyer", "debtor"),
        make_actor("agent", "settlement_agent"),
    )
    try:
        stage = Stage(more=more, sources=sources)
        stage.begin()
        story(stage)
        stage.check()
    except LedgerError as error:
        return error.details.get("invariant", error.code)
    return "nothing"


@pytest.mark.parametrize(
    ("changes", "story", "expected"), CHEATS.values(), ids=CHEATS.keys()
)
def test_rules_that_cheat_are_named(
    changes: Changes, story: Story, expected: str
) -> None:
    """What a block wrote is held against what was signed, and the books."""
    assert find_cheat(changes, story) == expected


def test_a_reference_may_stand_in_two_classes_of_one_statement() -> None:
    """A bank names a payment and its charge alike: nobody cheated."""
    stage = Stage()
    stage.begin()
    verbs.live(stage, face=900, days=3)
    day, common = stage.day(0), {"currency": "CNY", "key": "k1"}
    dates = {"booking_date": day, "value_date": day}
    received = {**common, **dates, "amount_minor": 50, "type": "receipt"}
    charged = {**common, **dates, "amount_minor": 50, "type": "charge"}
    stage.record(received, charged)
    stage.check()


def test_units_may_pass_through_several_hands_in_a_block() -> None:
    """Offered and taken, and passed on at once: everybody signed."""
    stage = Stage()
    stage.begin()
    verbs.live(stage, face=900, days=3)
    verbs.offer(stage, 0, 900)
    part, claim = {"hi": 900, "lo": 0}, {"receivable": stage.it}
    taken = {"aware_overdue": False, "offer": stage.offer, "part": part, **claim}
    rev = stage.input(stage.it, 0)["rev"] + 2
    passed = {
        **claim,
        "aware_overdue": False,
        "input": {**claim, **part, "rev": rev},
        "part": part,
        "receiver": stage.member("gamma"),
        "recourse": "without",
    }
    made = (
        stage.build("offer.accept", taken),
        stage.build(
            "receivable.transfer",
            passed,
            by=["beta", "gamma"],
            rule=stage.chain.rulebook.current_rule("receivable.transfer"),
        ),
    )
    assert not stage.seal(*made).dropped
    assert stage.tiles(stage.it)[0]["holder"] == stage.member("gamma")
