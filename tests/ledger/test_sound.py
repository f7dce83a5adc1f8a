"""What is judged once is judged again as soon as anything has changed it."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from cli.bench.workload import key_of
from ledger import transactions
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.invariants import Change, check_backstop, check_layer
from ledger.state import Kind, Layer, State
from ledger.state import key_of as record_key_of
from ledger.transactions import TYPE_TRANSACTION, parse_envelope, sign_payload

KINDS: Final = {"tile": Kind("tile", scoped=True, interval=True)}
SPELLINGS: Final = b' ="\\,{}[]A+/u0'


def put(layer: Layer, lo: int, hi: int) -> None:
    """Write an interval."""
    tile: JSONObject = {"hi": hi, "kind": "tile", "lo": lo, "scope": "lot"}
    layer.put(record_key_of(KINDS, tile), tile)


def judge(changes: list[Change]) -> str:
    """Find everything broken that is looked at."""
    return "I9" if changes else ""


def test_backstop_looks_again_at_what_was_written_since() -> None:
    """A write past every savepoint has the whole block judged."""
    block = Layer(State(KINDS, bytes(32)), KINDS)
    above = Layer(block, KINDS)
    put(above, 0, 10)
    check_layer(above, lambda _: "")
    block.absorb(above)
    check_backstop(block, judge)
    put(block, 5, 10)
    with pytest.raises(LedgerError) as caught:
        check_backstop(block, lambda _: "")
    assert caught.value.code == "invariant_broken"


def mutate(raw: bytes, chance: random.Random) -> bytes:
    """Return an envelope with one byte changed, left out or put in."""
    at = chance.randrange(len(raw))
    put_in = bytes([chance.choice(SPELLINGS)])
    return raw[:at] + chance.choice((put_in, b"")) + raw[at + chance.randrange(2) :]


def verdict(raw: bytes) -> Any:
    """Return the envelope, or all that is said of what is wrong with it."""
    try:
        return parse_envelope(raw, TYPE_TRANSACTION)
    except LedgerError as error:
        return error.code, error.expected, error.found


def test_canonical_envelopes_are_read_as_any_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The quick way in gives what the slow one gives, sound or not."""
    chance = random.Random(7)
    keys = [key_of(f"key {n}") for n in range(3)]
    raws = []
    for n in range(600):
        payload = chance.randbytes(chance.randrange(40))
        raw = sign_payload(TYPE_TRANSACTION, payload, keys[: 1 + n % 3])
        raws.append(mutate(raw, chance) if n % 3 else raw)
    quick = [verdict(raw) for raw in raws]
    monkeypatch.setattr(transactions, "_read_canonical", lambda *_: None)
    assert quick == [verdict(raw) for raw in raws]
