"""Rules that cheat by whom they ask, and by where they put money.

Each row founds a chain whose genesis names rules with some lines changed, and
plays a short story on it.
"""

from __future__ import annotations

import pytest

from tests import bank_verbs, order_verbs, sale_verbs, verbs
from tests.ledger.test_cheating_rules import Changes, Story, find_cheat, shared
from tests.stage import Stage
from tests.world import digest_of


def two(stage: Stage, names: str = "") -> None:
    """Let money come in when two receivables are due."""
    verbs.live(stage, face=900, days=3)
    verbs.live(stage, face=900, days=4)
    verbs.wait(stage, 5)
    verbs.receive(stage, 300, names=names)


def named(stage: Stage) -> None:
    """Let money come in that names the younger of two."""
    two(stage, "it")


def foreign(stage: Stage) -> None:
    """Let a member's money name what another member owes."""
    verbs.live(stage, face=900, days=3)
    verbs.wait(stage, 3)
    verbs.receive(stage, 300, names="it", payer="buyer")


def early(stage: Stage) -> None:
    """Let money come in before the due date."""
    verbs.early(stage, 100)


def taken_back(stage: Stage) -> None:
    """Let some of what was shared out be taken back."""
    shared(stage)
    verbs.reverse(stage, 100)


def ruined(stage: Stage) -> None:
    """Let a debtor that has paid early become insolvent."""
    verbs.early(stage, 300, face=900, days=3)
    order_verbs.ruin(stage, "debtor")
    verbs.wait(stage, 3)


def redirected(stage: Stage) -> None:
    """Let an order send money elsewhere."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_member(stage, elsewhere=1)


def released(stage: Stage) -> None:
    """Let whom an order is about release it."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_member(stage)
    order_verbs.lift(stage, by="alpha")


def in_part(stage: Stage) -> None:
    """Let some units be frozen."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_units(stage, 100, 200)


def waived(stage: Stage) -> None:
    """Let one of two holders waive what is left."""
    stage.deal(tolerance_minor=100, tolerance_days=5)
    verbs.live(stage, face=900, days=3)
    verbs.transfer(stage, 0, 400)
    verbs.wait(stage, 3)
    verbs.receive(stage, 850)
    body = {"interest_minor": 5, "principal_minor": 50, "receivable": stage.it}
    stage.act("receivable.waive", body, by=["alpha"])


def reduced(stage: Stage) -> None:
    """Let debtor and supplier reduce another holder's units."""
    order_verbs.soft(stage, face=900, days=3)
    verbs.transfer(stage, 0, 400)
    order_verbs.reduce(stage, 700, tile=0, units=300, by="debtor+alpha")


def paid_out(stage: Stage, by: str = "") -> None:
    """Let what came in be sent."""
    verbs.live(stage, face=900, days=3)
    verbs.wait(stage, 3)
    verbs.receive(stage, 900)
    verbs.pick(stage)
    verbs.instruct(stage, by=by)


def sent_by_payee(stage: Stage) -> None:
    """Let a payee send its own payout."""
    paid_out(stage, "alpha")


def sent_twice(stage: Stage) -> None:
    """Let a payout be sent once more before its bank has said anything."""
    paid_out(stage)
    verbs.instruct(stage)


def beyond(stage: Stage) -> None:
    """Let more be sent than a mandate allows."""
    verbs.open_account(stage, limit=100)
    paid_out(stage)


def invented(stage: Stage) -> None:
    """Let a debtor say that its money came in."""
    verbs.live(stage, face=900, days=3)
    verbs.wait(stage, 3)
    verbs.receive(stage, 300, attester="debtor", by="debtor")


def confirmed(stage: Stage) -> None:
    """Let a supplier confirm what it submitted."""
    verbs.submit(stage, face=900, days=3)
    verbs.confirm(stage, by="alpha")


def received(stage: Stage) -> None:
    """Let a buyer say that it has paid directly."""
    sale_verbs.sold(stage, way="direct")
    net = stage.read("deal", stage.deal_id)["net_minor"]
    body = {"deal": stage.deal_id, "received_minor": net}
    stage.act("deal.received", body, by=["lender"])


def matched(stage: Stage) -> None:
    """Let a debtor take another member's money for its own debt."""
    verbs.stray(stage, 50, "buyer")
    verbs.match(stage, 50, by="debtor")


def moved(stage: Stage) -> None:
    """Let a debtor want to pay elsewhere, and its holder refuse that."""
    verbs.live(stage)
    bank_verbs.propose(stage, of="agent")
    bank_verbs.answer(stage, "no")
    verbs.wait(stage, 21)


def registered(stage: Stage) -> None:
    """Let a bank say where a member is paid."""
    body = {
        "attester": stage.member("bank"),
        "commitment": digest_of("mine"),
        "currency": "CNY",
        "member": stage.member("gamma"),
    }
    stage.act("payout_account.register", body, by=["bank"])


def returned(stage: Stage) -> None:
    """Let a payout come back, less what banks kept."""
    paid_out(stage)
    verbs.attest(stage)
    bank_verbs.bounce(stage, 5)


def passed_late(stage: Stage) -> None:
    """Let units pass whose late interest was paid first."""
    stage.deal(order="interest_first")
    verbs.live(stage, face=900_000, days=3)
    verbs.wait(stage, 13)
    verbs.receive(stage, 400_000)
    verbs.transfer(stage, 0, 100_000, aware=1)


def closed(stage: Stage) -> None:
    """Let an account's owner close a day that its attester has not."""
    verbs.open_account(stage, "bank", "agent")
    verbs.live(stage, face=900, days=3)
    verbs.wait(stage, 1)
    date = stage.day(-1)
    body = {"account": stage.account, "attester": stage.member("agent"), "date": date}
    more = {"closing_minor": 0, "file_hash": digest_of("f"), "no_movement": True}
    stage.act("bank.close", {**body, **more}, by=["bank"])


def bound(stage: Stage) -> None:
    """Let a frozen member pass units on."""
    verbs.live(stage, face=900, days=3)
    order_verbs.freeze_member(stage)
    verbs.transfer(stage, 0, 400)


def broken(stage: Stage) -> None:
    """Let an insolvent member pass units on."""
    verbs.live(stage, face=900, days=3)
    order_verbs.ruin(stage, "alpha")
    verbs.transfer(stage, 0, 400)


def bankrupt(stage: Stage) -> None:
    """Let an account's attester be insolvent."""
    verbs.live(stage, face=900, days=3)
    order_verbs.ruin(stage, "bank")


def aged(stage: Stage) -> None:
    """Let money that nobody can place grow old."""
    verbs.stray(stage, 50, "buyer")
    verbs.wait(stage, 100)


PLACED = '    order = place_order(ctx, "freeze", given)'
ATTESTS = '    if ctx.need("account", account_id)["attester"] != attester:'
BY_DEBTORS = (
    '    if "debtor" in ctx.need("member", attester)["roles"]:\n'
    f'        return Signer(attester, "attest")\n{ATTESTS}'
)
# what is changed where, the story, what it breaks
CHEATS: dict[str, tuple[Changes, Story, str]] = {
    "early money is swept unasked": (
        {
            "kit/v1/owed.py": (
                'return bool(receivable["adjusted_date"] <= today(ctx, programme))',
                "return bool(receivable)",
            )
        },
        early,
        "I8",
    ),
    "money is not for what it names": (
        {"kit/v1/entries.py": ("else find_named(ctx, payer, reference)", 'else ""')},
        named,
        "I8",
    ),
    "what fell due last is paid first": (
        {
            "kit/v1/allocation.py": (
                "found.append(receivable)",
                "found = [receivable, *found]",
            )
        },
        two,
        "I8",
    ),
    "one member's money pays another's debt": (
        {
            "kit/v1/entries.py": (
                'fits = fits and payer in ("", receivable["debtor"])',
                "fits = fits or payer",
            )
        },
        foreign,
        "I8",
    ),
    "its payer is not asked": (
        {
            "receivable/suspense.py": (
                '    if payer == record["debtor"]:',
                "    if payer:",
            )
        },
        matched,
        "I8",
    ),
    "what is taken back falls on one holder": (
        {
            "kit/v1/reversals.py": (
                "[_left_of_line(line) for line in lines]",
                "[_left_of_line(line) if line == lines[0] else 0 for line in lines]",
            )
        },
        taken_back,
        "I9",
    ),
    "an insolvent debtor's money is shared out": (
        {
            "receivable/sweep.py": (
                'if find_insolvency(ctx, target["debtor"]) and',
                'if not target["debtor"] and',
            ),
            "receivable/orders.py": ("    suspend_money(ctx, body.member)\n", ""),
        },
        ruined,
        "orders",
    ),
    "an order sends money to somebody else": (
        {
            "receivable/orders.py": (
                PLACED,
                PLACED.replace(
                    "given",
                    '{**given, "redirect": {**given["redirect"], "payee": "x"}}',
                ),
            )
        },
        redirected,
        "I12",
    ),
    "an order ends sooner than it says": (
        {
            "receivable/orders.py": (
                PLACED,
                PLACED.replace("given", '{**given, "until_ms": ctx.time + 9}'),
            )
        },
        in_part,
        "I12",
    ),
    "whom an order is about ends it": (
        {
            "receivable/orders.py": (
                "    # Without a guardian only a regulator is a channel.\n",
                '    return [Signer(order["member"], "order")]\n',
            )
        },
        released,
        "I12",
    ),
    "an order locks nothing": (
        {
            "receivable/orders.py": (
                "lock_tile(ctx, piece, lock)",
                "release_locks(ctx, piece)",
            )
        },
        in_part,
        "orders",
    ),
    "one waives for all": (
        {
            "receivable/late.py": (
                "in sorted(given.items())",
                'in given.items() if holder == record["supplier"]',
            )
        },
        waived,
        "I12",
    ),
    "units are reduced of who was not asked": (
        {
            "receivable/disputes.py": (
                "return signers\n\n\ndef need_part(",
                "return signers[:2]\n\n\ndef need_part(",
            )
        },
        reduced,
        "I12",
    ),
    "a payee sends its own payout": (
        {
            "receivable/payouts.py": (
                'return [Signer(account["owner"], "pay", total, account["currency"])]',
                'return [Signer(ctx.need("payout", body.payouts[0])["payee"], "give")]',
            )
        },
        sent_by_payee,
        "I12",
    ),
    "a payout is sent twice": (
        {"receivable/payouts.py": ('sent = payout["state"] != "due" or', "sent =")},
        sent_twice,
        "I12",
    ),
    "more is sent than was allowed": (
        {"receivable/payouts.py": ('if used > mandate["limit_minor"] or', "if")},
        beyond,
        "I12",
    ),
    "a debtor says that it has paid": (
        {
            "kit/v1/books.py": (
                ATTESTS,
                BY_DEBTORS,
            )
        },
        invented,
        "I12",
    ),
    "a bank says where a member is paid": (
        {
            "receivable/programme.py": (
                'return [Signer(body.member, "account")]',
                'return [Signer(body.attester, "attest")]',
            )
        },
        registered,
        "I12",
    ),
    "an owner closes the day of its account": (
        {
            "receivable/bank.py": (
                "[sign_attestation(ctx, body.account, body.attester, file_hash)]",
                '[Signer(ctx.need("account", body.account)["owner"], "terms")]',
            )
        },
        closed,
        "I12",
    ),
    "a debt is paid elsewhere against its holder": (
        {"receivable/payto.py": ('return "holders"', 'return ""')},
        moved,
        "I12",
    ),
    "who is paid bears what banks keep": (
        {
            "kit/v1/discrepancies.py": (
                'if payout["charges_to"] != "payee" or',
                "if",
            )
        },
        returned,
        "I9",
    ),
    "interest that was paid is owed again": (
        {"kit/v1/parts.py": ("given[name] -= part", "given[name] -= part + 1")},
        passed_late,
        "I9",
    ),
    "a frozen member passes units on": (
        {
            "kit/v1/standing.py": (
                'order["cover"] in BINDING:',
                'order["cover"] in ():',
            )
        },
        bound,
        "I3",
    ),
    "an insolvent member passes units on": (
        {
            "kit/v1/standing.py": (
                '== INSOLVENCY and not order["disposal"]:',
                "== INSOLVENCY and not order:",
            )
        },
        broken,
        "I3",
    ),
    "who is insolvent goes on attesting": (
        {
            "receivable/orders.py": (
                'if account["attester"] == order["member"]:',
                'if account["attester"] == "":',
            )
        },
        bankrupt,
        "orders",
    ),
    "what nobody can place stays": (
        {
            "receivable/suspense.py": (
                'if not target["suspense_minor"] or return_ms(ctx, target) > ctx.time:',
                "if target:",
            )
        },
        aged,
        "work_omitted",
    ),
    "what was sent is not counted": (
        {"receivable/payouts.py": ('"used_minor": used}', '"used_minor": 0 * used}')},
        paid_out,
        "I12",
    ),
    "a supplier says what is owed to it": (
        {
            "receivable/receivable.py": (
                'return [Signer(record["debtor"], "confirm", body.face_minor,',
                'return [Signer(record["supplier"], "give", body.face_minor,',
            )
        },
        confirmed,
        "I12",
    ),
    "a buyer says that it has paid": (
        {
            "receivable/deals.py": (
                'return [Signer(deal["payee"], "give", deal["net_minor"],',
                'return [Signer(deal["payer"], "give", deal["net_minor"],',
            )
        },
        received,
        "I12",
    ),
}


@pytest.mark.parametrize(
    ("changes", "story", "expected"), CHEATS.values(), ids=CHEATS.keys()
)
def test_rules_that_ask_the_wrong_member_are_named(
    changes: Changes, story: Story, expected: str
) -> None:
    """Whoever had to sign did, and money went to where it was due."""
    assert find_cheat(changes, story) == expected
