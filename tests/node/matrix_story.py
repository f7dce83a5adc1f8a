"""A world with at least one record of every kind, for the matrix of sight."""

from __future__ import annotations

from pathlib import Path

from ledger.transactions import object_id
from tests import bank_verbs, late_verbs, order_verbs, sale_verbs, verbs
from tests.ledger.test_members import describe_key
from tests.stage import Stage
from tests.world import DAY_MS, ONE, make_actor

ADMITTED = {
    "full": ("auditor",),
    "keen": ("auditor",),
    "narrow": ("auditor",),
    "close": ("auditor",),
    "late": ("auditor",),
    "buyer": ("debtor",),
}
# Who reads: every role, and every relation to what others do.
READERS = (
    *("operator", "debtor", "buyer", "lender", "lender_two"),
    *("bank", "housebank", "agent", "regulator"),
    *("auditor", "full", "keen", "narrow", "close", "late"),
    *("alpha", "beta", "gamma", "delta", "ruined", "idle", "stranger"),
)


def found_stage(folder: Path) -> Stage:
    """Return a stage whose ledger stands in ``folder/ledger``, with a large cast."""
    more = [
        make_actor("regulator", "regulator"),
        make_actor("lender_two", "lender"),
        make_actor("delta", "supplier"),
        make_actor("ruined", "supplier"),
        make_actor("agent", "settlement_agent"),
        make_actor("stranger", "debtor", "supplier"),
        make_actor("housebank", "settlement_bank"),
    ]
    stage = Stage(more=more, folder=folder / "ledger")
    for name, roles in ADMITTED.items():
        actor = make_actor(name, *roles)
        body = {
            "member": actor.describe(stage.chain.chain_id),
            "operator": stage.member("operator"),
        }
        source = stage.act("member.admit", body)
        actor.id = object_id("member", source, 0)
        stage.actors[name] = actor
    for name in ("gamma", "delta", "ruined", "lender", "housebank"):
        stage.register_payee(name)
    return stage


def play(stage: Stage) -> dict[str, str]:
    """Act out everything that people do to each other on this ledger.

    Returns:
        The programme and the receivable that auditors were granted.
    """
    stage.begin()
    verbs.open_account(stage, "housebank", "bank")
    verbs.deal(stage, debtor="buyer", lenders="lender_two")
    stage.deal(
        suppliers=sorted(stage.member(n) for n in ("alpha", "ruined")),
        undertaking="subject_to_defences",
    )
    propose(stage)
    circulate(stage)
    sell(stage)
    pay(stage)
    fail(stage)
    contest(stage)
    govern(stage)
    return {"programme": stage.programme, "receivable": stage.first}


def propose(stage: Stage) -> None:
    """Leave proposals in each of their states."""
    verbs.submit(stage, number="Q/12")
    verbs.submit(stage)
    verbs.counter(stage, "debtor", days=50)
    verbs.submit(stage)
    verbs.reject(stage)
    verbs.submit(stage)
    verbs.cancel(stage)
    verbs.issue(stage)
    verbs.issue(stage)
    verbs.decline(stage)
    verbs.issue(stage)
    verbs.agree(stage)
    verbs.live(stage)
    verbs.cancel_live(stage)
    verbs.submit(stage, supplier="ruined")


def circulate(stage: Stage) -> None:
    """Split, pass on, offer: an open offer, one declined, one withdrawn."""
    verbs.live(stage)
    verbs.split(stage, 300_000, 600_000)
    verbs.transfer(stage, 0, 300_000, recourse="with")
    verbs.offer(stage, 300_000, 350_000, "gamma", tile=300_000)
    verbs.refuse(stage)
    verbs.offer(stage, 300_000, 350_000, "gamma", tile=300_000)
    verbs.withdraw(stage)
    verbs.offer(stage, 550_000, 600_000, "stranger", tile=300_000)
    verbs.take(stage)
    verbs.offer(stage, 300_000, 350_000, "delta", tile=300_000, days=40)
    order_verbs.freeze_units(stage, 200_000, 300_000, days=200)
    order_verbs.lift(stage)
    order_verbs.freeze_units(stage, 0, 100_000, days=200)
    # Beta had all of the next and passed it on; who has it now is delta.
    verbs.live(stage)
    verbs.transfer(stage, 0, 1_000_000, recourse="with")
    verbs.transfer(stage, 0, 1_000_000, "delta", recourse="with")
    bank_verbs.misdirect(stage, 5)
    bank_verbs.misdirect(stage, 7, "alpha", "delta")
    bank_verbs.propose(stage, days=30)
    bank_verbs.answer(stage, "yes", "delta")
    verbs.live(stage)
    verbs.split(stage, 400_000)
    verbs.merge(stage, 0, 400_000)


def sell(stage: Stage) -> None:
    """Ask two lenders; take a price and pay it, take one, and take none."""
    for step in ("paid", "taken", "back"):
        ask_for_prices(stage)
        sale_verbs.buy(stage, registered=int(step == "back"))
        if step == "paid":
            sale_verbs.price(stage)
        if step == "back":
            sale_verbs.price(stage, key="p2")
            sale_verbs.send_price(stage)
            sale_verbs.price_back(stage, key="r2")
            sale_verbs.filed(stage)


def ask_for_prices(stage: Stage) -> None:
    """Let two lenders give alpha a price, the first of them the better one."""
    stage.offer = ""
    verbs.live(stage)
    sale_verbs.ask(stage, 0, 100_000, "lender+lender_two", days=20)
    sale_verbs.bid(stage, 1, rate_ppm=50_000)
    sale_verbs.bid(stage)


def pay(stage: Stage) -> None:
    """Let money come in, be shared out, sent, come back and be taken back."""
    stage.offer = ""
    verbs.live(stage, days=30)
    verbs.receive(stage, 9_000, "now", names="it")
    verbs.pay_early(stage)
    verbs.receive(stage, 50_000, "early", names="it")
    verbs.receive(stage, 3, "unknown", payer="nobody")
    verbs.match(stage, 1)
    bank_verbs.hold(stage, 20)
    verbs.receive(stage, 4, "other", payer="nobody")
    verbs.give_back(stage, 1)
    verbs.receive(stage, 9, "stray", payer="stranger")
    freeze_receipt(stage)
    verbs.receive(stage, 11, "buyers", payer="buyer")
    bank_verbs.advise(stage, 6)
    bank_verbs.pay_advised(stage, 6, key="advised")
    bank_verbs.advise(stage, 7, days=90)
    # Alpha, beta and gamma are paid for it on its day, two payouts are sent.
    verbs.live(stage, days=3)
    verbs.transfer(stage, 0, 500_000)
    verbs.transfer(stage, 0, 200_000, "gamma")
    verbs.wait(stage, 3)
    verbs.receive(stage, 400_000, "due", names="it")
    for name in ("alpha", "beta"):
        verbs.pick(stage, name)
        verbs.instruct(stage)
        bank_verbs.status(stage, "accepted")
    verbs.attest(stage)
    bank_verbs.bounce(stage)
    verbs.pick(stage, "alpha")
    verbs.attest(stage)
    verbs.reverse(stage, 100_000, "taken")
    verbs.entry(stage, "payout", 6, "explained")
    bank_verbs.clear(stage)
    verbs.entry(stage, "payout", 5, "unexplained")
    bank_verbs.mandate(stage, until=900)
    verbs.entry(stage, "charge", 2, "monthly")


def freeze_receipt(stage: Stage) -> None:
    """Freeze money in suspense."""
    order_verbs.freeze(stage, "receipt", receipt="it", days=200)


def fail(stage: Stage) -> None:
    """Let what is owed be overdue and in default, and call on a transferor."""
    verbs.live(stage, days=3)
    verbs.transfer(stage, 0, 400_000, recourse="with")
    verbs.wait(stage, 5)
    verbs.close(stage, -1)
    late_verbs.call(stage, 400_133)
    order_verbs.give_up(stage, "alpha")
    verbs.receive(stage, 300_000, "part", names="it")


def contest(stage: Stage) -> None:
    """Dispute and reduce what is owed; freeze and ruin members."""
    stage.offer = ""
    verbs.live(stage)
    verbs.transfer(stage, 0, 400_000, "gamma")
    order_verbs.contest(stage, 500)
    order_verbs.prolong(stage, 100)
    order_verbs.contest(stage, 600)
    order_verbs.concede(stage)
    late_verbs.redeem(stage, 999_000, 1_000_000, 900, tile=400_000)
    sale_verbs.end_deal(stage)
    late_verbs.redeem(stage, 999_000, 1_000_000, 900, tile=400_000, way="direct")
    sale_verbs.got(stage)
    order_verbs.reduce(stage, 700)
    order_verbs.freeze_member(stage, "delta", days=200)
    order_verbs.alone(stage, "gamma")
    verbs.transfer(stage, 0, 500, "beta", tile=0, aware=1)
    verbs.live(stage, supplier="ruined")
    verbs.offer(stage, 0, 1_000, "gamma")
    order_verbs.ruin(stage, "ruined")


def govern(stage: Stage) -> None:
    """Change keys and policies, recover, grant, publish."""
    later = stage.next_ms + 300 * DAY_MS
    key = stage.actors["alpha"].keys[0].key_id
    agent = stage.member("agent")
    policy = {"from_time": later, "member": agent, "policy": ONE}
    stage.act("policy.set", policy)
    new = {"key": describe_key(stage, "agent new", "maker"), "member": agent}
    stage.act("key.add", new)
    verbs.register(stage, "beta", "another")
    verbs.keep_account(stage, "beta")
    verbs.register(stage, "lender", "another")
    stage.act("ledger.tick", {"member": stage.member("stranger")})
    operator = {"member": stage.member("idle"), "operator": stage.member("operator")}
    stage.act("member.resume", {**operator, "reason": "test"})
    stage.act("member.suspend", {**operator, "reason": "test"})
    roles = {**operator, "guardian": stage.member("lender"), "reason": "test"}
    for act in ("role.grant", "role.remove"):
        stage.act(act, {**roles, "roles": ["appraiser"]})
    grant(stage, "keen", "member", stage.member("alpha"), of="alpha")
    grant(stage, "narrow", "programme", stage.programme)
    grant(stage, "close", "receivable", stage.first)
    grant(stage, "full", "all")
    grant(stage, "late", "all", days=1)
    verbs.wait(stage, 2)
    ask_for_prices(stage)
    verbs.offer(stage, 100_000, 200_000, "delta", days=20)
    verbs.live(stage, number="PLAIN")
    sale_verbs.sold(stage)
    recovery = {
        "ends": [key],
        "keys": [describe_key(stage, "alpha new", "admin", "maker")],
        "member": stage.member("alpha"),
    }
    stage.act("recovery.start", recovery)


def grant(
    stage: Stage,
    to: str,
    covers: str,
    subject: str = "",
    *,
    of: str = "",
    days: int = 200,
) -> None:
    """Let a member grant its own data, or operator and lender what is named."""
    body = {
        "auditor": stage.member(to),
        "covers": covers,
        "until_ms": stage.next_ms + days * DAY_MS,
    }
    if of:
        body["member"] = stage.member(of)
    else:
        body |= {"guardian": stage.member("lender")}
        body |= {"operator": stage.member("operator")}
    if subject:
        body["subject"] = subject
    stage.act("grant.give", body)
