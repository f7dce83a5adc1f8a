"""Ids that people type, and the errors they make."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.names import (
    ALPHABET,
    ID_CHARS,
    KIND_LETTERS,
    holding_name,
    parse_holding_name,
    parse_id,
    resolve_id,
    short_id,
)

HASHES = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
KINDS = st.sampled_from(sorted(KIND_LETTERS))
ZEROS, ONES = "0" * 64, "f" * 64


def code_of(text: str) -> str:
    """Return the code by which an id is refused, empty if it is understood."""
    try:
        parse_id(text)
    except LedgerError as error:
        return error.code
    return ""


def totals(body: str) -> list[int]:
    """Return the running totals of the check before each is doubled."""
    found, product = [], 32
    for char in body:
        value = 0 if char == "O" else ALPHABET.index(char)
        found.append((product + value) % 32 or 32)
        product = 2 * found[-1] % 33
    return found


def test_ids_are_those_of_the_format() -> None:
    """Kind letter, 60 bits, check character: pinned by examples."""
    assert short_id("receivable", ZEROS) == "R0000000000006"
    assert short_id("offer", ONES)[:-1] == "O" + "Z" * 12
    assert short_id("key", "08421084210842108" + ZEROS[17:])[:13] == "K111111111111"


def test_kinds_have_letters_and_check_values_of_their_own() -> None:
    """No letter stands for two kinds, and no wrong kind letter passes."""
    letters = list(KIND_LETTERS.values())
    assert len(set(letters)) == len(letters)
    for kind, letter in KIND_LETTERS.items():
        whole = short_id(kind, ONES)
        for other in set(letters) - {letter}:
            assert code_of(other + whole[1:]) == "bad_id_check"


@given(KINDS, HASHES)
@settings(max_examples=100, deadline=None)
def test_ids_are_understood_as_people_write_them(kind: str, full: str) -> None:
    """Small letters, dashes and look-alikes make no difference."""
    whole = short_id(kind, full)
    expected = (kind, whole[1:-1])
    assert len(whole) == ID_CHARS + 2
    assert parse_id(whole) == parse_id(whole.lower()) == expected
    assert parse_id(f" {whole[:5]}-{whole[5:9]}-{whole[9:]} ") == expected
    for digit, letters in (("0", "Oo"), ("1", "IiLl")):
        for letter in letters:
            typed = whole[0] + whole[1:].replace(digit, letter)
            assert parse_id(typed) == expected
    assert parse_id(whole[:5]) == (kind, whole[1:5])


@given(KINDS, HASHES)
@settings(max_examples=60, deadline=None)
def test_every_single_wrong_character_is_found(kind: str, full: str) -> None:
    """At each of the 14 places each other character is noticed."""
    whole = short_id(kind, full)
    for at, right in enumerate(whole):
        others = KIND_LETTERS.values() if at == 0 else ALPHABET
        for wrong in set(others) - {right}:
            assert code_of(whole[:at] + wrong + whole[at + 1 :]) == "bad_id_check"


@given(KINDS, HASHES)
@settings(max_examples=100, deadline=None)
def test_swapped_neighbours_are_found_but_for_one_pair_of_totals(
    kind: str, full: str
) -> None:
    """ISO 7064's hybrid has one blind spot, and it is exactly this one."""
    whole = short_id(kind, full)
    for at in range(1, len(whole) - 1):
        swapped = whole[:at] + whole[at + 1] + whole[at] + whole[at + 2 :]
        blind = {totals(whole)[at], totals(swapped)[at]} == {16, 17}
        expected = "" if blind or swapped == whole else "bad_id_check"
        assert code_of(swapped) == expected


def test_few_swaps_are_missed() -> None:
    """The blind spot takes one swap in about five hundred."""
    swaps = missed = 0
    for number in range(2_000):
        whole = short_id(
            "member", f"{number * 0x9E3779B97F4A7C15 % 2**60:015x}" + "0" * 49
        )
        for at in range(1, len(whole) - 1):
            swapped = whole[:at] + whole[at + 1] + whole[at] + whole[at + 2 :]
            swaps += swapped != whole
            missed += swapped != whole and not code_of(swapped)
    assert 0 < missed < swaps / 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R",
        "R123",
        "X0000",
        "0000000",
        "R0000000000000000",
        "R000U",
        "R00 00",
        "R00\u0660000",
        "\u0280000000",
        "R000\u017f0",
        "R/0000",
        "\x1b[2J",
    ],
    ids=[
        "nothing",
        "letter only",
        "three characters",
        "no such kind",
        "no kind",
        "too long",
        "a U",
        "a space inside",
        "a foreign digit",
        "a foreign kind",
        "a long s",
        "a slash",
        "control characters",
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    """The form is judged before anything is looked up."""
    assert code_of(text) == "bad_id"


@pytest.mark.parametrize(
    ("kind", "full"),
    [("ghost", ZEROS), ("member", "0" * 63), ("member", "F" * 64)],
    ids=["kind", "length", "capitals"],
)
def test_only_hashes_of_known_kinds_have_ids(kind: str, full: str) -> None:
    """A wrong argument does not become a wrong name."""
    with pytest.raises(LedgerError) as caught:
        short_id(kind, full)
    assert caught.value.code == "bad_id"


def resolution(text: str, candidates: list[str], kind: str | None = None) -> str:
    """Return the code by which an id is not resolved, or the hash."""
    try:
        return resolve_id(text, candidates, kind)
    except LedgerError as error:
        return error.code


def test_a_beginning_resolves_when_it_fits_one() -> None:
    """Whole ids, whole hashes and unique beginnings name one thing."""
    first, second = "000001" + "0" * 58, "000002" + "0" * 58
    known = [first, second, second]
    whole = short_id("member", second)
    assert resolution(whole, known) == second
    assert resolution(whole, known, "member") == second
    assert resolution(second, known) == second
    assert resolution(whole[:6], known) == second
    assert resolution(whole[:5], known) == "ambiguous_id"
    same = [first, first[:20] + "1" * 44]
    assert resolution(short_id("member", first), same) == "ambiguous_id"
    assert resolution(first, same) == first
    assert resolution(short_id("member", ONES), known) == "not_found"
    assert resolution(ONES, known) == "not_found"
    assert resolution(whole, known, "offer") == "bad_id"


def test_a_typing_error_is_named_before_anything_is_looked_up() -> None:
    """Candidates may be costly; a bad check character asks for none."""

    def candidates() -> list[str]:
        raise AssertionError

    whole = short_id("member", ZEROS)
    wrong = whole[:-1] + ("0" if whole[-1] != "0" else "1")
    with pytest.raises(LedgerError) as caught:
        resolve_id(wrong, (full for _ in [0] for full in candidates()))
    assert caught.value.code == "bad_id_check"


@pytest.mark.parametrize(
    ("lo_minor", "currency", "shown"),
    [
        (6_000_000, "CNY", "60000.00"),
        (0, "EUR", "0.00"),
        (5, "EUR", "0.05"),
        (1_234, "JPY", "1234"),
        (1_234, "KWD", "1.234"),
        (2**53 - 1, "EUR", "90071992547409.91"),
    ],
    ids=["thousands", "zero", "cents", "no decimals", "three decimals", "largest"],
)
def test_holdings_are_named_in_major_units(
    lo_minor: int, currency: str, shown: str
) -> None:
    """The name of a holding is that of its receivable and where it begins."""
    name = holding_name(ONES, lo_minor, currency)
    receivable = short_id("receivable", ONES)
    assert name == f"{receivable}/{shown}"
    assert parse_holding_name(name, currency) == (receivable, lo_minor)
    assert parse_holding_name("R0000/7", "EUR") == ("R0000", 700)


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("R0000", "EUR", "bad_id"),
        ("R0000/", "EUR", "bad_id"),
        ("R0000/.50", "EUR", "bad_id"),
        ("R0000/1.5", "EUR", "bad_id"),
        ("R0000/1.", "JPY", "bad_id"),
        ("R0000/-1.00", "EUR", "bad_id"),
        ("R0000/1,00", "EUR", "bad_id"),
        ("R0000/\u0661.00", "EUR", "bad_id"),
        ("R0000/90071992547409.92", "EUR", "bad_id"),
        ("R0000/" + "9" * 5000, "EUR", "bad_id"),
        ("R0000/1.00", "XAU", "unknown_currency"),
    ],
    ids=[
        "no slash",
        "no amount",
        "no major",
        "one decimal",
        "a point",
        "negative",
        "a comma",
        "a foreign digit",
        "too large",
        "far too large",
        "no currency",
    ],
)
def test_other_names_of_holdings_are_refused(
    text: str, currency: str, code: str
) -> None:
    """Nothing is guessed about an amount."""
    with pytest.raises(LedgerError) as caught:
        parse_holding_name(text, currency)
    assert caught.value.code == code


def test_no_holding_begins_beyond_the_largest_face() -> None:
    """A beginning out of range is refused, not shown."""
    for lo_minor in (-1, 2**53):
        with pytest.raises(LedgerError) as caught:
            holding_name(ONES, lo_minor, "EUR")
        assert caught.value.code == "bad_id"
