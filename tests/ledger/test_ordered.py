"""Rows in order against a plain sorted set."""

from __future__ import annotations

from random import Random

import pytest

from ledger.ordered import RUN_ROWS, OrderedRows, Row, make_row, read_row


def row(number: int) -> Row:
    """Return a row; four share a sort key."""
    return make_row(f"{number // 4:08d}", number.to_bytes(32, "big"))


@pytest.mark.parametrize("most", [1, 7, 3 * RUN_ROWS], ids=["one", "few", "many"])
def test_rows_stay_as_a_sorted_set_has_them(most: int) -> None:
    """Any changes leave what a set would hold, in order, from any sort key on."""
    random, rows, model = Random(most), OrderedRows(), set[Row]()
    for turn in range(400):
        # First it grows over several runs, then it is emptied again.
        share = 0.8 if turn < 250 else 0.1
        numbers = random.sample(range(20_000), random.randint(1, most))
        delta = {row(n): random.random() < share for n in numbers}
        if turn >= 250:
            delta |= dict.fromkeys(random.sample(sorted(model), len(model) // 9), False)
        rows.change(delta)
        model = {*model, *(r for r, on in delta.items() if on)}
        model -= {r for r, on in delta.items() if not on}
        if turn % 20 == 0:
            check(rows, model, f"{random.randrange(5_000):08d}")
    check(rows, model, "")


def check(rows: OrderedRows, model: set[Row], after: str) -> None:
    """Compare all rows, those after a sort key, and a few of them."""
    known = sorted(model)
    later = [each for each in known if not after or read_row(each)[0] > after]
    assert len(rows) == len(known)
    assert list(rows.after("", None)) == known
    assert list(rows.after(after, None)) == later
    for limit in (0, 1, RUN_ROWS + 1):
        assert list(rows.after(after, limit)) == later[:limit]


def test_no_row_is_left_of_what_was_taken_away() -> None:
    """Rows can go one by one until there is none, and come again."""
    rows = OrderedRows()
    rows.change({row(n): True for n in range(3 * RUN_ROWS)})
    for n in range(3 * RUN_ROWS):
        rows.change({row(n): False, row(n + 9_000): False})
    assert not rows
    assert list(rows.after("", None)) == []
    rows.change({row(1): False, row(2): True})
    assert list(rows.after("", None)) == [row(2)]


TEXTS = ("", "a", "a/", "a0", "ab", "b", "~", "ä", "€", "\U0001f600", "\uffff")


def test_rows_sort_as_pairs_of_sort_key_and_record_key_do() -> None:
    """The bytes of a row give back the pair, and sort as the pairs do."""
    keys = [bytes(32), bytes(31) + b"\1", b"\xff" * 32]
    pairs = sorted((text, key) for text in TEXTS for key in keys)
    assert [read_row(row) for row in sorted(make_row(*each) for each in pairs)] == pairs


def test_a_sort_key_with_a_zero_byte_is_refused() -> None:
    """It ends the sort key, so it cannot be inside one."""
    with pytest.raises(ValueError, match="zero byte"):
        make_row("a\0b", bytes(32))
