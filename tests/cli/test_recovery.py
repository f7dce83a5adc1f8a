"""Recovery codes: every slip of a pen or finger is found and its group named."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.wallet.recovery import (
    ALPHABET,
    GROUPS,
    _encode_group,
    decode_recovery,
    encode_recovery,
)
from ledger.errors import LedgerError

# Computed apart from this code, bit by bit, from the description of the module.
SEED = bytes(range(32))
CODE = "000G0-40R47-0M30J-E209D-185GT-R38E6-1W81Q-24GK4-2GAHK-C5RRE-34D11-P70XS-3RFVX"
HEAD, THIRD, TAIL = CODE[:11], CODE[12:17], CODE[18:]


def refusal(text: str) -> LedgerError:
    """Return the error that a text is refused with."""
    with pytest.raises(LedgerError) as caught:
        decode_recovery(text)
    assert caught.value.code == "bad_recovery_code"
    return caught.value


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_a_code_gives_its_seed_back(seed: bytes) -> None:
    """Encoding and decoding are inverse for any seed."""
    assert decode_recovery(encode_recovery(seed)) == seed


def test_the_code_of_a_known_seed_never_changes() -> None:
    """Codes already on paper must open for ever."""
    assert encode_recovery(SEED) == CODE


@pytest.mark.parametrize(
    "spelling",
    [CODE.lower(), CODE.replace("-", ""), CODE.replace("-", " \n"), f" {CODE}\n"],
    ids=["lower case", "no dashes", "lines", "space around"],
)
def test_spelling_does_not_matter(spelling: str) -> None:
    """Case, spaces, dashes and line ends carry nothing."""
    assert decode_recovery(spelling) == SEED


def test_letters_read_for_digits_are_taken_as_digits() -> None:
    """O is read as 0, and I and L as 1."""
    assert decode_recovery(CODE.replace("0", "O").replace("1", "l")) == SEED
    assert decode_recovery(CODE.replace("1", "I")) == SEED


def test_any_wrong_character_names_its_group() -> None:
    """All 65 x 31 single mistakes are found in the group where they are."""
    groups = CODE.split("-")
    for position, group in enumerate(groups):
        for index, right in enumerate(group):
            for char in set(ALPHABET) - {right}:
                wrong = group[:index] + char + group[index + 1 :]
                text = "-".join([*groups[:position], wrong, *groups[position + 1 :]])
                assert refusal(text).details["group"] == position + 1


def test_any_two_characters_exchanged_in_a_group_are_found() -> None:
    """A swap inside a group names that group."""
    groups = encode_recovery(hashlib.sha256(b"any").digest()).split("-")
    for position, group in enumerate(groups):
        for left in range(5):
            for right in range(left + 1, 5):
                chars = list(group)
                chars[left], chars[right] = chars[right], chars[left]
                if chars == list(group):
                    continue
                swapped = [*groups]
                swapped[position] = "".join(chars)
                assert refusal("-".join(swapped)).details["group"] == position + 1


def test_any_two_groups_exchanged_are_found() -> None:
    """A group is right at its own place only."""
    for left in range(GROUPS):
        for right in range(left + 1, GROUPS):
            groups = CODE.split("-")
            groups[left], groups[right] = groups[right], groups[left]
            assert refusal("-".join(groups)).details["group"] == left + 1


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("", None),
        (CODE[:-6], None),
        (CODE + "-00000", None),
        (f"{HEAD}-{THIRD[:4]}-{TAIL}", 3),
        (f"{HEAD}-{THIRD}0-{TAIL}", 3),
        (f"{HEAD}-{THIRD[:4]}U-{TAIL}", 3),
        (f"{HEAD}-{TAIL}", 3),
        ("é" * 65, 1),
        ("0" * 100_000, None),
    ],
    ids=[
        "nothing",
        "last group left out",
        "a group too many",
        "a character left out",
        "a character too many",
        "a letter not in the alphabet",
        "a group left out",
        "another script",
        "far too long",
    ],
)
def test_damage_of_form_is_refused(text: str, group: int | None) -> None:
    """Whatever is typed is refused by name, with the group where there is one."""
    assert refusal(text).details.get("group") == group


def test_a_mistake_that_keeps_every_group_right_is_still_found() -> None:
    """The four spare bits check the whole code."""
    last = [ALPHABET.index(char) for char in CODE[-5:-1]]
    last[3] ^= 1
    made_up = CODE[:-5] + _encode_group(GROUPS, last)
    assert "group" not in refusal(made_up).details


def test_a_message_never_repeats_the_code() -> None:
    """Messages may end in logs: they hold no group of the code."""
    typed = CODE[:-1] + ("Y" if CODE[-1] != "Y" else "Z")
    shown = str(refusal(typed)).upper()
    assert not [group for group in typed.split("-") if group in shown]
