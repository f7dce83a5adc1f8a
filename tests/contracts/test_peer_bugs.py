"""Bugs found in the closest peer, each as a test that a naive rule fails.

Every scenario answers whether the ledger is safe. It is run against the
shipped rules, and against a copy with one guard taken out, so that the test
is known to be able to fail.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts import read_sources
from ledger.errors import LedgerError
from tests.world import World, digest_of

FACE = 1_000_000
DUE = "2026-03-16"

Patch = tuple[str, str, str]


def make_world(patch: Patch | None) -> World:
    """Return a world with the usual programme, its rules patched or not."""
    sources = read_sources()
    if patch is not None:
        path, old, new = patch
        assert old in sources[path], "the patch no longer fits the rule"
        sources[path] = sources[path].replace(old, new)
    world = World(sources=sources)
    world.open_account()
    world.open_programme()
    return world


def refuses(action: Callable[[], object]) -> str:
    """Return the code with which an action is refused, "" if it is not."""
    try:
        action()
    except LedgerError as error:
        return error.code
    return ""


def confirm_as(world: World, receivable: str, who: str) -> str:
    """Confirm a submission in the name and with the keys of somebody."""
    body = {"face_minor": FACE, "receivable": receivable}
    return refuses(lambda: world.act("receivable.confirm", body, by=[who]))


def anyone_confirms(world: World) -> bool:
    """Only the debtor confirms, whoever else signs."""
    receivable = world.submit(FACE, DUE)
    codes = {confirm_as(world, receivable, who) for who in ("alpha", "beta", "bank")}
    return codes == {"wrong_signers"}


def anyone_attests(world: World) -> bool:
    """Only the account's attester says that money came in."""
    world.issue_live(FACE, DUE)
    entry = {
        "amount_minor": FACE,
        "booking_date": world.today,
        "currency": "CNY",
        "key": "forged",
        "type": "receipt",
        "value_date": world.today,
    }
    body = {
        "account": world.account,
        "attester": world.member("debtor"),
        "entries": [entry],
        "file_hash": digest_of("file"),
    }
    return refuses(lambda: world.act("bank.record", body)) == "wrong_attester"


def parties_unset(world: World) -> bool:
    """A receivable's parties are members of the programme, never empty."""
    code = refuses(lambda: world.submit(FACE, DUE, supplier="auditor"))
    return code == "supplier_not_eligible"


def paid_but_not_settled(world: World) -> bool:
    """Full payment settles, without anybody having to say so."""
    receivable = world.issue_live(FACE, DUE)
    world.advance(DUE)
    world.receive("k1", FACE, names=receivable)
    return world.read("receivable", receivable)["state"] == "settled"


def settled_without_money(world: World) -> bool:
    """Nobody moves a receivable to settled without a payment."""
    receivable = world.issue_live(FACE, DUE)
    world.advance(DUE)
    world.receive("k1", FACE - 1, names=receivable)
    return world.read("receivable", receivable)["state"] == "part_paid"


def overdue_unpayable(world: World) -> bool:
    """An overdue receivable takes money like any other, with its interest."""
    receivable = world.issue_live(FACE, DUE)
    world.advance(DUE)
    world.close_day()
    overdue = world.read("receivable", receivable)["state"]
    world.advance("2026-03-26")
    # 10 days at 6 % on 10,000.00 are 16.67.
    world.receive("k1", FACE + 1_667, names=receivable)
    paid = world.read("receivable", receivable)
    return overdue == "overdue" and paid["state"] == "settled"


def one_sided_offset(world: World) -> bool:
    """Money leaves one sum of the books only by entering another."""
    receivable = world.issue_live(FACE, DUE)
    world.advance(DUE)
    world.receive("k1", FACE, names=receivable)
    account = world.read("account", world.account)
    jobs = [job for job in world.scan("jobs", "1") if job["what"] == "sweep"]
    return account["payable_minor"] == FACE and not jobs


def duplicate_created(world: World) -> bool:
    """The same invoice does not make a second receivable."""
    world.submit(FACE, DUE, number="INV-7")
    code = refuses(lambda: world.submit(FACE, DUE, number="inv-7"))
    return code == "invoice_overused"


def look_alike_confirmed(world: World) -> bool:
    """A slightly altered invoice number needs the debtor's word."""
    world.issue_live(FACE, DUE, number="0012")
    twin = world.submit(FACE, DUE, number="12")
    return refuses(lambda: world.confirm(twin)) == "near_duplicate"


def amount_cut_by_anyone(world: World) -> bool:
    """Terms change only by the party whose turn it is, never once live."""
    receivable = world.submit(FACE, DUE)
    lower = {"due_date": DUE, "gross_minor": FACE}
    lower["deductions"] = [  # type: ignore[assignment]
        {"amount_minor": 1, "document": digest_of("x"), "type": "other"}
    ]
    body = {"party": "debtor", "receivable": receivable, "terms": lower}
    before = refuses(lambda: world.act("receivable.counter", body, by=["beta"]))
    world.confirm(receivable)
    after = refuses(lambda: world.act("receivable.counter", body))
    face = world.read("receivable", receivable)["face_minor"]
    return (before, after, face) == ("wrong_signers", "wrong_state", FACE)


def swept_early(world: World) -> bool:
    """Money that comes early waits for the due date."""
    receivable = world.issue_live(FACE, DUE)
    world.receive("k1", FACE, names=receivable)
    return world.read("receivable", receivable)["waiting_minor"] == FACE


SCENARIOS: dict[str, tuple[Callable[[World], bool], Patch]] = {
    "confirm callable by anyone": (
        anyone_confirms,
        (
            "receivable/receivable.py",
            'Signer(record["debtor"], "confirm", body.face_minor, record["currency"])',
            'Signer(record["supplier"], "confirm")',
        ),
    ),
    "repayment recorded by anyone": (
        anyone_attests,
        (
            "kit/v1/books.py",
            'if ctx.need("account", account_id)["attester"] != attester:',
            'if not ctx.need("account", account_id)["attester"]:',
        ),
    ),
    "guards on parties that were never set": (
        parties_unset,
        (
            "receivable/receivable.py",
            'if none or supplier == programme["debtor"]:',
            'if supplier == "":',
        ),
    ),
    "full repayment leaves the state unchanged": (
        paid_but_not_settled,
        (
            "receivable/sweep.py",
            "if owes_nothing(programme, ended):",
            "if not ended:",
        ),
    ),
    "settled without a balance check": (
        settled_without_money,
        (
            "receivable/sweep.py",
            "if owes_nothing(programme, ended):",
            "if not ended['undistributed_minor']:",
        ),
    ),
    "overdue debt cannot be repaid": (
        overdue_unpayable,
        (
            "kit/v1/records.py",
            'OPEN_STATES = ("live", "part_paid", *LATE_STATES)',
            'OPEN_STATES = ("live", "part_paid")',
        ),
    ),
    "offset reduces only one side": (
        one_sided_offset,
        (
            "receivable/sweep.py",
            '            payable_minor=amount - sums["claims"],\n',
            "",
        ),
    ),
    "duplicate create returns success": (
        duplicate_created,
        (
            "kit/v1/invoices.py",
            'if used > invoice["amount_minor"]:',
            "if used < 0:",
        ),
    ),
    "altered invoice number passes": (
        look_alike_confirmed,
        (
            "kit/v1/invoices.py",
            'if other != item and ctx.need("invoice", other)["used_minor"]:',
            "if other == '':",
        ),
    ),
    "amount cut while confirmed": (
        amount_cut_by_anyone,
        (
            "receivable/receivable.py",
            'SUBMITTED = ("submitted", "countered")',
            'SUBMITTED = ("submitted", "countered", "live")',
        ),
    ),
    "redeemed before maturity": (
        swept_early,
        (
            "kit/v1/owed.py",
            'return bool(receivable["adjusted_date"] <= today(ctx, programme))',
            "return True",
        ),
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_peer_bug_is_absent(name: str) -> None:
    """The shipped rules are safe."""
    scenario, _ = SCENARIOS[name]
    assert scenario(make_world(None))


@pytest.mark.parametrize("name", SCENARIOS)
def test_peer_bug_shows_in_a_naive_rule(name: str) -> None:
    """Without its guard the same scenario is not safe: the test can fail."""
    scenario, patch = SCENARIOS[name]
    world = make_world(patch)
    try:
        safe = scenario(world)
    except (AssertionError, KeyError, LedgerError):
        safe = False
    assert not safe


def test_terms_of_a_live_receivable_never_change() -> None:
    """A rule that edits a programme breaks I16 and is refused by the kernel."""
    sources = read_sources()
    path = "receivable/receivable.py"
    old = '    used = add_exposure(ctx, programme["id"], record["face_minor"])\n'
    assert old in sources[path]
    edit = '    ctx.write({**programme, "name": "other"})\n'
    sources[path] = sources[path].replace(old, edit + old)
    sources[path] = sources[path].replace('"near",', '"near", "programme",', 1)
    world = World(sources=sources)
    world.open_account()
    world.open_programme()
    receivable = world.submit(FACE, DUE)
    assert refuses(lambda: world.confirm(receivable)) == "invariant_broken"
