"""The books of a whole state: every planted error is found under its name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from contracts import read_sources
from ledger.blockcheck import check_life
from ledger.bookcheck import check_books, check_due_work
from ledger.books import Books
from ledger.encoding import encode
from ledger.errors import LedgerError
from ledger.replay import replay_ledger
from ledger.state import HEIGHT_BYTES
from ledger.sweepcheck import share_out
from tests.lives import live, live_in, read_life
from tests.world import SECRET, World, ms_of

Record = dict[str, Any]
SWEEP_RULE = "receivable/sweep.py"


@lru_cache(maxsize=1)
def settled() -> World:
    """Return a world after a full life, made once."""
    world = World()
    world.receivable = live(world)  # type: ignore[attr-defined]
    return world


@lru_cache(maxsize=1)
def waiting() -> World:
    """Return a world where early money waits for the due day."""
    world = World()
    world.open_account()
    world.open_programme()
    world.receivable = world.issue_live(5_000, "2026-03-02")  # type: ignore[attr-defined]
    world.receive("early", 6_000, names=world.receivable)  # type: ignore[attr-defined]
    return world


def books_of(world: World) -> Books:
    """Return fresh books that a test may spoil."""
    stored = world.chain.state.records.values()
    return Books(raw[HEIGHT_BYTES:] for raw in stored)


def spoil(kind: str, name: str, change: object, n: int = 0) -> Callable[[Books], None]:
    """Return damage to a field of the n-th record of a kind."""

    def damage(books: Books) -> None:
        record = books.records[kind][n]
        record[name] = record[name] + change if isinstance(change, int) else change

    return damage


def drop(kind: str) -> Callable[[Books], None]:
    """Return damage: a record of a kind is gone."""
    return lambda books: books.records[kind].remove(books.records[kind][0])


def repeat_attempt(books: Books) -> None:
    """Let two payouts share an attempt."""
    first, second = books.records["payout"][:2]
    first["attempts"] = second["attempts"] = ["AL-1"]


def give_to_debtor(books: Books) -> None:
    """Make the debtor a holder."""
    tile = books.records["tile"][0]
    tile["holder"] = books.receivables[tile["scope"]]["debtor"]


def overlap_locks(books: Books) -> None:
    """Put two locks on the same units."""
    tile = books.records["tile"][0]
    lock = {"id": "x", "hi": tile["hi"], "kind": "offer", "lo": tile["lo"], "until": 1}
    tile["locks"] = [lock, dict(lock)]


ERRORS: dict[str, tuple[Callable[[Books], None], str]] = {
    "a tile reaches too far": (spoil("tile", "hi", 1), "I1"),
    "a tile of nothing known": (spoil("tile", "scope", "00" * 32), "I1"),
    "a sum of live units": (spoil("receivable", "live_minor", 1), "I2"),
    "a sum of retired units": (spoil("receivable", "retired_minor", -1), "I2"),
    "a holder that is no member": (spoil("tile", "holder", "00" * 32), "I3"),
    "locks that overlap": (overlap_locks, "I3"),
    "the debtor as holder": (give_to_debtor, "I5"),
    "uses of an invoice": (spoil("invoice", "used_minor", -1), "I4"),
    "an invoice used too much": (spoil("invoice", "amount_minor", -1), "I4"),
    "a missing invoice": (drop("invoice"), "I4"),
    "money received": (spoil("account", "receipts_minor", 1), "I8"),
    "money paid": (spoil("account", "paid_minor", 1), "I8"),
    "claims": (spoil("account", "claims_minor", 1), "I8"),
    "charges": (spoil("account", "charges_minor", 1), "I8"),
    "charges of payees": (spoil("account", "charged_minor", 1), "I8"),
    "interest of the bank": (spoil("account", "interest_minor", 1), "I8"),
    "what is the owner's own": (spoil("account", "own_minor", 1), "I8"),
    "what nothing explains": (spoil("account", "unexplained_minor", 1), "I8"),
    "what does not fit": (spoil("account", "discrepancies", 1), "I8"),
    "the opening balance": (spoil("account", "opening_minor", 1), "I8"),
    "a payout": (spoil("payout", "amount_minor", 1), "I8"),
    "an entry's amount": (spoil("entry", "amount_minor", 1), "I8"),
    "a receipt's reversal": (spoil("receipt", "reversed_minor", 5, 1), "I8"),
    "a missing entry": (drop("entry"), "I8"),
    "a line's principal": (spoil("line", "principal_minor", 1), "I8"),
    "interest paid": (spoil("receivable", "interest_paid_minor", 1), "I9"),
    "an unknown reference": (spoil("entry", "key", "another"), "I10"),
    "an attempt twice": (repeat_attempt, "I10"),
    "another due date": (spoil("receivable", "adjusted_date", "2026-03-03"), "I6"),
    "another version": (spoil("receivable", "calendar", "default.2"), "I6"),
    "a holiday": (spoil("calendar", "holidays", ["2026-03-02"]), "I6"),
    "interest earned": (spoil("receivable", "retired_accumulator", "1"), "I8"),
    "interest of a group": (spoil("interest", "accumulator", "1"), "I8"),
    "a state that nobody judged": (spoil("receivable", "state", "overdue"), "I11"),
    "a state that is not earned": (spoil("receivable", "state", "live"), "I11"),
    "more exposure": (spoil("exposure", "used_minor", 1), "I13"),
}


# What the story has none of.
NOT_IN_STORY = ["orders", "contests"]


def test_good_books_are_good() -> None:
    """The figures of the story's end add up, and something was looked at."""
    found = check_books(books_of(settled()))
    assert [name for name, count in found.items() if not count] == NOT_IN_STORY
    check_books(books_of(waiting()))


@pytest.mark.parametrize(("damage", "name"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_in_the_books_is_named(
    damage: Callable[[Books], None], name: str
) -> None:
    """One planted error is reported under the invariant it breaks."""
    books = books_of(settled())
    damage(books)
    # The groups by receivable were made from the records as they were.
    spoilt = Books(encode(record) for rows in books.records.values() for record in rows)
    with pytest.raises(LedgerError) as caught:
        check_books(spoilt)
    assert caught.value.code == "books_wrong"
    assert caught.value.details["invariant"] == name


@pytest.mark.parametrize(
    ("change", "reverses", "name"),
    [
        ({"face_minor": 1}, False, "I6"),
        ({"adjusted_date": "2030-01-01"}, True, "I6"),
        ({"due_date": "2030-01-01"}, False, "I6"),
        (None, False, "I11"),
    ],
    ids=["face", "date", "nominal", "gone"],
)
def test_what_a_live_receivable_is_stays(
    change: Record | None, reverses: bool, name: str
) -> None:
    """Face and nominal date stand still, the adjusted one unless it is decided."""
    before = books_of(waiting()).records["receivable"][0]
    after = None if change is None else before | change
    with pytest.raises(LedgerError) as caught:
        check_life(before, after, reverses=reverses)
    assert caught.value.details["invariant"] == name


def test_a_due_date_moves_once() -> None:
    """It moves when it is decided, and is no longer provisional then."""
    undecided = books_of(waiting()).records["receivable"][0]
    undecided["provisional_until_ms"] = 1
    decided = {**undecided, "adjusted_date": "2030-01-01"}
    del decided["provisional_until_ms"]
    check_life(undecided, decided, reverses=False)
    with pytest.raises(LedgerError):
        check_life(decided, undecided, reverses=False)


@pytest.mark.parametrize(
    ("state", "reverses", "is_good"),
    [
        ("settled", True, True),
        ("settled", False, False),
        ("cancelled", True, False),
        ("rejected", False, False),
    ],
)
def test_an_end_is_undone_by_a_reversal_alone(
    state: str, reverses: bool, is_good: bool
) -> None:
    """Settled reopens with a reversal in the block; other ends never."""
    receivable = copy.deepcopy(books_of(settled()).records["receivable"][0])
    before, after = receivable | {"state": state}, receivable | {"state": "part_paid"}
    if is_good:
        check_life(before, after, reverses=reverses)
        return
    with pytest.raises(LedgerError) as caught:
        check_life(before, after, reverses=reverses)
    assert caught.value.details["invariant"] == "I11"


def test_due_work_that_nothing_plans_is_named() -> None:
    """Money waits, the day has come, and no job is there."""
    books = books_of(waiting())
    assert check_due_work(books, ms_of("2026-02-01")) == []
    books.records["job"].clear()
    for day in ("2026-02-01", "2026-03-02"):
        with pytest.raises(LedgerError) as caught:
            check_due_work(books, ms_of(day, 1))
        assert caught.value.code == "work_omitted"


def test_work_set_aside_is_a_remark() -> None:
    """What failed three times is listed, with why."""
    books = books_of(waiting())
    (job,) = [job for job in books.records["job"] if job["what"] == "due"]
    books.records["quarantine"] = [job | {"code": "rule_fault"}]
    (remark,) = check_due_work(books, ms_of("2026-03-02", 1))
    assert "due of receivable" in remark
    assert remark.endswith("rule_fault")


def test_shares_are_exact_and_serve_ties_by_the_lowest_key() -> None:
    """Largest remainder first, equal ones by key; a zero weight gets nothing."""
    rows = share_out(10, [("c", 30, 1), ("a", 10, 1), ("b", 20, 1), ("z", 0, 0)])
    assert [row.share_minor for row in rows] == [3, 4, 3, 0]
    assert share_out(0, [("a", 1, 5)]) == []
    assert share_out(5, [("a", 1, 0)]) == []


CHEATS = {
    "lowest units first": {"reversed(tiles)": "tiles"},
    "ties by the highest unit": {
        '"key": tile["lo"],': '"key": -tile["lo"],',
        'key = tiles[0]["lo"]': 'key = -tiles[0]["lo"]',
    },
    "everything to the first": {
        'principal = share_by(sweep["cut_principal"], units, key)': (
            'principal = 0 if sums["principal"] else sweep["principal_minor"]'
        )
    },
}


@pytest.mark.parametrize("changes", CHEATS.values(), ids=CHEATS.keys())
def test_rules_that_share_wrongly_are_found(
    changes: dict[str, str], tmp_path: Path
) -> None:
    """A ledger that follows its own rules to the byte is no proof of fair ones."""
    sources = read_sources()
    for old, new in changes.items():
        path = SWEEP_RULE if old in sources[SWEEP_RULE] else "kit/v1/groups.py"
        assert old in sources[path]
        sources[path] = sources[path].replace(old, new)
    folder = tmp_path / "ledger"
    world = World(sources=sources, folder=folder)
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(900, "2026-03-02")
    # Three equal groups, one of them in two places.
    world.transfer(receivable, 0, 100, 400, "beta")
    world.transfer(receivable, 400, 600, 900, "gamma")
    world.advance("2026-03-02")
    world.receive("odd", 100, names=receivable)
    world.chain.close()
    with pytest.raises(LedgerError) as caught:
        replay_ledger(read_life(folder, world).blocks, SECRET)
    assert caught.value.code == "sweep_wrong"
    assert caught.value.details["check"] == 8


def test_a_life_with_interest_first_replays(tmp_path: Path) -> None:
    """The other order of the buckets is recomputed as well."""
    folder = tmp_path / "ledger"
    world = World(folder=folder)
    world.open_account()
    world.open_programme(order="interest_first", late_basis="act365f", late_ppm=90_001)
    receivable = world.issue_live(100_003, "2026-03-02")
    world.transfer(receivable, 0, 0, 33_334, "beta")
    world.advance("2026-03-20")
    world.receive("a", 50_001, names=receivable)
    world.advance("2026-04-07")
    world.receive("b", 51_500, names=receivable)
    world.advance("2026-04-09")
    world.receive("c", 10_000, names=receivable)
    world.chain.close()
    found = replay_ledger(read_life(folder, world).blocks, SECRET)
    assert found.sweeps >= 2


def test_stored_and_read_lives_are_the_same(tmp_path: Path) -> None:
    """The recorded life replays in this process, too."""
    folder = tmp_path / "ledger"
    world = live_in(folder)
    found = replay_ledger(read_life(folder, world).blocks, SECRET)
    assert found.state_root == world.chain.header.state_root
