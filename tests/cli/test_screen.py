"""The signing screen: complete, exact, and different for different bytes."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.amounts import format_amount
from cli.signing import lines
from cli.signing.acting import print_pages
from cli.signing.file import FACTS_OF, SigningFile
from cli.signing.screen import (
    Facts,
    draw,
    leaves,
    name_path,
    quote,
    show_minute,
    show_moment,
)
from cli.trust import check_rule, find_installed, load_installed
from ledger import kernel
from ledger.encoding import decode, encode
from ledger.errors import LedgerError
from ledger.transactions import transaction_id
from tests.cli.bodies import BODIES, FACTS, MOMENT_MS, R, hash_of, payload_of
from tests.cli.test_terminal import Screen as Terminal

ACTS = sorted(BODIES)
LAST_MOMENT_MS = 253_402_300_799_999  # of the year 9999


def other(value: object) -> Any:
    """Return another value of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    text = str(value)
    if text == "CNY":
        return "EUR"
    if len(text) >= 32 and set(text) <= set("0123456789abcdef"):
        return text[:-1] + ("0" if text[-1] != "0" else "1")
    return text[:-1] + ("Z" if text[-1] != "Z" else "Y")


# For every thing there is another with the very same facts: only its id tells.
TWINS = {
    "records": [
        *FACTS["records"],
        *({**row, "id": other(row["id"])} for row in FACTS["records"]),
    ]
}


def lines_of(payload: dict[str, Any], facts: dict[str, Any] | None = None) -> list[str]:
    """Return a screen without the line that only repeats a hash of it all."""
    item = transaction_id(encode(payload))
    screen = draw(payload, Facts(TWINS if facts is None else facts), item)
    return [line for line in screen.lines if item not in line]


def replaced(payload: dict[str, Any], path: tuple[str | int, ...], value: Any) -> Any:
    """Return a payload in which one value stands for another."""
    changed = copy.deepcopy(payload)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def cases() -> list[tuple[str, tuple[str | int, ...]]]:
    """Return every single value of every act's payload but those of the frame."""
    found = []
    for act in ACTS:
        payload = {"body": BODIES[act]}
        found += [(act, path) for path in leaves(payload)]
    return found


def test_every_act_has_a_screen() -> None:
    """An act nobody can read cannot be signed; publishing rules is not read."""
    acts = {act for rule in load_installed().rules for act in rule.actions}
    assert acts | set(kernel.ACTIONS) - {"rules.publish"} == set(ACTS)


def test_what_screens_state_of_things_is_kept_for_them() -> None:
    """A fact that no signing file holds would never be seen."""
    text = Path(lines.__file__).with_name("screens.txt").read_text("utf-8")
    for kind, name in re.findall(r"\{([a-z_]+)>([a-z_]+)", text):
        assert name in FACTS_OF[kind], kind


@pytest.mark.parametrize("act", ACTS)
def test_the_bodies_are_complete_and_fit_the_rules(act: str) -> None:
    """Each sample has every field of its model, so that none goes untested."""
    check_rule(decode(payload_of(act)))
    model = find_installed(act)[1]
    assert set(model.model_fields) == set(BODIES[act])


@pytest.mark.parametrize("act", ACTS)
def test_act_and_amount_stand_above_the_prompt(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody types an amount on a terminal of 80 by 24 without seeing what for."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stderr", Terminal())
    payload = decode(payload_of(act))
    screen = draw(payload, Facts({**FACTS, "test_chain": True}), "00" * 32)
    print_pages("SIGN", [(screen.lines, screen.matter)], again=True)
    seen = sys.stderr.getvalue().splitlines()[-22:]  # type: ignore[attr-defined]
    text = " ".join(" ".join(line.split()) for line in seen)
    assert f"({act})" in text
    if screen.is_amount:
        assert format_amount(screen.amount_minor, screen.currency) in text


@pytest.mark.parametrize(
    ("act", "path"), cases(), ids=[f"{act}-{name_path(path)}" for act, path in cases()]
)
def test_any_change_of_a_body_changes_the_screen(
    act: str, path: tuple[str | int, ...]
) -> None:
    """What is signed is what is read: no value can change unseen."""
    payload = decode(payload_of(act))
    value: Any = payload
    for step in path:
        value = value[step]
    before = lines_of(payload)
    assert lines_of(replaced(payload, path, other(value))) != before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("by", [hash_of("somebody else")]),
        ("chain", hash_of("another chain")),
        ("nonce", "cd" * 16),
        ("not_after", MOMENT_MS + 1),
        ("rule", hash_of("another rule")),
        ("v", 2),
    ],
    ids=["by", "chain", "nonce", "not_after", "rule", "v"],
)
def test_any_change_of_the_frame_changes_the_screen(field: str, value: Any) -> None:
    """Chain, rule, signers and window are read like the body."""
    payload = decode(payload_of("receivable.offer"))
    assert lines_of({**payload, field: value}) != lines_of(payload)


@pytest.mark.parametrize(
    ("offset", "zone"),
    [(480, "2031-02-28 07:13 UTC+08:00"), (0, "2031-02-27 23:13 UTC")],
)
def test_moments_are_read_in_the_programmes_zone(offset: int, zone: str) -> None:
    """To the minute; what is within it is shown only if there is any."""
    payload = decode(payload_of("receivable.offer"))
    row = {"id": hash_of("its"), "kind": "programme", "offset_minutes": offset}
    rest = [each for each in FACTS["records"] if each["kind"] != "programme"]
    facts = {"records": [row, *rest]}
    for until_ms, shown in (
        (1_930_000_380_000, zone),
        (1_930_000_380_001, zone.replace(":13 ", ":13:00.001 ")),
    ):
        changed = replaced(payload, ("body", "until_ms"), until_ms)
        lines = lines_of(changed, facts)
        assert f" offer ends    {shown}" in lines


def test_a_moment_at_the_end_of_time_is_shown_in_utc() -> None:
    """Where a zone has no such moment."""
    assert show_moment(LAST_MOMENT_MS, 480).startswith("9999-12-31 23:59:59.999 UTC")
    assert show_minute(LAST_MOMENT_MS).startswith("9999-12-31 ")


@pytest.mark.parametrize("act", ACTS)
def test_a_field_without_words_is_not_signed(act: str) -> None:
    """A field that a newer rule adds is named, not passed over."""
    payload = decode(payload_of(act))
    payload["body"]["fee_minor"] = 1
    with pytest.raises(LedgerError, match="fee_minor") as caught:
        lines_of(payload)
    assert caught.value.code == "field_not_shown"


@pytest.mark.parametrize("act", ["rules.publish", "receivable.steal", "x"])
def test_an_act_without_words_is_not_signed(act: str) -> None:
    """An unknown act is refused by name."""
    payload = {**decode(payload_of("ledger.tick")), "act": act}
    with pytest.raises(LedgerError) as caught:
        lines_of(payload)
    assert caught.value.code == "unknown_act"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_two_texts_look_the_same(one: str, two: str) -> None:
    """Free text is quoted so that nothing in it can pose as something else."""
    assert (quote(one) == quote(two)) == (one == two)
    assert quote(one).isprintable()


@settings(max_examples=150, deadline=None)
@given(
    lo=st.integers(0, 2**53 - 2),
    size=st.integers(1, 2**53 - 1),
    until=st.integers(1, 2**53 - 1),
)
def test_an_offer_says_its_amount_and_what_is_kept(
    lo: int, size: int, until: int
) -> None:
    """For any numbers: shown exactly and to be typed, or refused by a code."""
    body = copy.deepcopy(BODIES["receivable.offer"])
    body["input"] |= {"hi": 2**53 - 1, "lo": 0}
    body["part"] = {"hi": min(lo + size, 2**53 - 1), "lo": lo}
    body["until_ms"] = until
    payload = decode(payload_of("receivable.offer", body))
    amount = body["part"]["hi"] - lo
    if until > LAST_MOMENT_MS:
        with pytest.raises(LedgerError) as caught:
            draw(payload, Facts(FACTS), "")
        assert caught.value.code == "bad_body"
        return
    screen = draw(payload, Facts(FACTS), "")
    major = f"{amount // 100}.{amount % 100:02d}"
    assert screen.expected == major
    assert screen.is_amount
    assert any(f"CNY {major}, units" in line for line in screen.lines)
    kept = 2**53 - 1 - amount
    assert any(f"CNY {kept // 100}.{kept % 100:02d}" in line for line in screen.lines)


def test_without_a_currency_nothing_is_signed() -> None:
    """A number of minor units says nothing, so the screen is not drawn."""
    payload = decode(payload_of("receivable.offer"))
    with pytest.raises(LedgerError) as caught:
        lines_of(payload, {"records": []})
    assert caught.value.code == "fact_missing"


def test_the_currency_decides_the_decimals() -> None:
    """Yen have none: the same units are another amount."""
    facts = {
        "records": [{"currency": "JPY", "id": R, "kind": "receivable"}],
    }
    payload = decode(payload_of("receivable.offer"))
    assert draw(payload, Facts(facts), "").expected == "3000000"


def test_a_test_chain_says_so_first_and_last() -> None:
    """Nobody takes practice for the real thing, or the other way round."""
    file = SigningFile(payload_of("receivable.offer"), (), FACTS)
    shown = file.draw(member="", test_chain=True).lines
    assert "TEST CHAIN" in shown[0]
    assert "TEST CHAIN" in shown[-1]
    shown = file.draw(member="", test_chain=False).lines
    assert "TEST CHAIN" not in "\n".join(shown)


def test_facts_cannot_name_what_they_do_not_know() -> None:
    """A name in the facts stands beside the id, in quotation marks."""
    facts = copy.deepcopy(FACTS)
    member = BODIES["receivable.offer"]["receiver"]
    facts["records"].append(
        {"id": member, "kind": "member", "name": 'Bank"\n kept  CNY 1\u202e'}
    )
    shown = lines_of(decode(payload_of("receivable.offer")), facts)
    line = next(line for line in shown if line.startswith(" to "))
    assert '"Bank\\"\\n kept  CNY 1\\u202e" M' in line


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("rule", hash_of("another rule"), "rule_mismatch"),
        ("act", "receivable.steal", "unknown_act"),
        ("body", {}, "bad_body"),
        ("body", {**BODIES["receivable.offer"], "recourse": "maybe"}, "bad_body"),
    ],
    ids=["rule", "act", "empty", "value"],
)
def test_other_rules_than_the_installed_are_not_signed(
    field: str, value: Any, code: str
) -> None:
    """The rule hash and the form of the body are those of the rules here."""
    payload = {**decode(payload_of("receivable.offer")), field: value}
    with pytest.raises(LedgerError) as caught:
        check_rule(payload)
    assert caught.value.code == code
