"""Every rule of acceptance, one malformed or unauthorised transaction a row.

The rows stand in the documented order. Each is a valid signed transaction with
one thing wrong, and each is tried twice: a node that checks it names the code,
and a proposed block that contains it is no block.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from ledger.encoding import encode, load_record
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.sealing import BlockInput
from ledger.transactions import TYPE_TRANSACTION, Signature, pack_envelope, preimage
from ledger.verifying import BATCH_LEAST, Verdict, Verifiers
from tests.ledger.malformed import ENVELOPES, PAYLOADS
from tests.ledger.stage import STRANGER, Row, Stage, make_stage
from tests.ledger.unauthorised import AUTHORITY, REFUSALS, SIGNATURES, WINDOWS
from tests.lots import read_lot_sources
from tests.world import World, make_actor


@pytest.fixture(scope="module")
def stage() -> Stage:
    """Return the one chain of this module."""
    return make_stage()


EARLY = [*ENVELOPES, *PAYLOADS, *WINDOWS, *SIGNATURES, *AUTHORITY]


def name_of(row: Row) -> str:
    """Return the name of a row for the report."""
    return row.name


@pytest.mark.parametrize("row", [*EARLY, *REFUSALS], ids=name_of)
def test_node_names_the_code(stage: Stage, row: Row) -> None:
    """Whoever sends a transaction is told the first thing wrong with it."""
    assert stage.code_of(row.make(stage)) == row.code


@pytest.mark.parametrize("row", [r for r in EARLY if r.code != "ok"], ids=name_of)
def test_proposal_with_an_early_error_is_no_block(stage: Stage, row: Row) -> None:
    """What fails before its handler can stand in no block, whoever proposes it."""
    chain = stage.world.chain
    inputs = (stage.tick(nonce="9" * 32), row.make(stage))
    with pytest.raises(LedgerError) as caught:
        chain.execute(BlockInput(stage.time, inputs, building=False))
    assert (caught.value.code, caught.value.found) == ("bad_block", row.code)
    assert caught.value.details["transaction"] == 1


@pytest.mark.parametrize("row", [r for r in EARLY if r.code != "ok"], ids=name_of)
def test_builder_drops_an_early_error(stage: Stage, row: Row) -> None:
    """A builder seals what is left when it drops what fails."""
    inputs = (row.make(stage), stage.tick(nonce="9" * 32))
    candidate = stage.world.chain.execute(BlockInput(stage.time, inputs))
    assert [(n, e.code) for n, e in candidate.dropped] == [(0, row.code)]
    assert candidate.header is not None
    assert candidate.header.count == 1


@pytest.mark.parametrize("row", REFUSALS, ids=name_of)
def test_refusal_past_authority_is_a_leaf_with_its_code(stage: Stage, row: Row) -> None:
    """A rule's refusal changes nothing but may stand in a block."""
    raw = row.make(stage)
    built = stage.world.chain.execute(BlockInput(stage.time, (raw,)))
    assert [e.code for _, e in built.dropped] == [row.code]
    assert built.block is None
    proposed = stage.world.chain.execute(BlockInput(stage.time, (raw,), building=False))
    assert proposed.block is not None
    assert proposed.block.transactions == (raw,)
    receipt = load_record(proposed.block.receipts[0])
    assert (receipt["code"], proposed.layer.writes) == (row.code, {})


def test_block_contains_a_transaction_once(stage: Stage) -> None:
    """The same id twice in one proposal is no block, with any signatures."""
    pair, member = stage.world.actors["pair"], stage.member("pair")
    fields = {"by": [member], "body": {"member": member}}
    first, second = (stage.tick(key, **fields) for key in pair.keys)
    with pytest.raises(LedgerError) as caught:
        stage.world.chain.execute(
            BlockInput(stage.time, (first, second), building=False)
        )
    assert (caught.value.code, caught.value.found) == ("bad_block", "duplicate")


@dataclass(frozen=True)
class Defect:
    """A defect that can be combined with all later ones."""

    code: str
    fields: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    text: tuple[bytes, bytes] = (b"", b"")
    envelope: tuple[bytes, bytes] = (b"", b"")


# In the documented order; those without changes are made by ``combine``.
LADDER = {
    "size": Defect("too_large"),
    "type": Defect("bad_type", envelope=(b"tx.v1", b"read.v1")),
    "json": Defect("bad_json", text=(b'"v":', b'"v": ')),
    "payload": Defect("bad_payload", fields={"v": 2}),
    "chain": Defect("wrong_chain", fields={"chain": "0" * 64}),
    "window": Defect("expired", fields={"not_after": 1}),
    "key": Defect("unknown_key"),
    "unsigned": Defect("wrong_signers"),
    "signature": Defect("bad_signature"),
    "rule": Defect("rule_changed", fields={"rule": "0" * 64}),
    "body": Defect("bad_body", body={"zone": "x"}),
    "suspended": Defect("member_suspended"),
    "by": Defect("wrong_signers"),
    "policy": Defect("one_person", body={"amount_minor": 1001, "currency": "EUR"}),
    "handler": Defect("cut_outside"),
}


def combine(stage: Stage, names: list[str]) -> bytes:
    """Return a gift with all of these defects at once."""
    giver = "gamma" if "suspended" in names else "solo"
    receiver = giver if "handler" in names else "alpha"
    acting = {giver, receiver} | ({"beta"} if "by" in names else set())
    if "unsigned" in names:
        acting.add("lender")
    body = {
        "amount_minor": 0,
        "currency": "CNY",
        "lo": 0,
        "lot": stage.lots[giver],
        "to": stage.member(receiver),
    }
    fields = stage.fields(
        act="lot.give",
        by=sorted(stage.member(name) for name in acting),
        rule=stage.lot_rule,
    )
    chosen = [LADDER[name] for name in names]
    for defect in chosen:
        body |= defect.body
        fields |= defect.fields
    payload = encode({**fields, "body": body})
    for defect in chosen:
        payload = payload.replace(*defect.text) if defect.text[0] else payload
    keys = [stage.key(name) for name in sorted(acting - {"lender"})]
    signed = preimage(TYPE_TRANSACTION, payload + b"!" * ("signature" in names))
    signatures = [Signature(key.key_id, key.sign(signed)) for key in keys]
    if "key" in names:
        signatures.append(Signature(STRANGER.key_id, STRANGER.sign(signed)))
    raw = pack_envelope(TYPE_TRANSACTION, payload, signatures)
    for defect in chosen:
        raw = raw.replace(*defect.envelope) if defect.envelope[0] else raw
    return raw + b" " * 65_535 * ("size" in names)


@pytest.mark.parametrize("first", LADDER)
def test_checks_run_in_the_documented_order(stage: Stage, first: str) -> None:
    """Of several defects the one that is cheapest to find is named."""
    names = list(LADDER)
    defects = names[names.index(first) :]
    assert stage.code_of(combine(stage, defects)) == LADDER[first].code


def told(stage: Stage, raw: bytes, verdict: Verdict | None = None) -> object:
    """Return what verifying gives, or everything its refusal tells."""
    chain = stage.world.chain
    try:
        return chain.verify(raw, chain.situation(stage.time), verdict)
    except LedgerError as error:
        return (error.code, error.expected, error.found, error.details)


def test_processes_find_the_same(stage: Stage) -> None:
    """Whoever reads the bytes, the first thing wrong is named in the same words."""
    names = list(LADDER)
    raws = [row.make(stage) for row in (*EARLY, *REFUSALS)]
    raws += [combine(stage, names[n:]) for n in range(len(names) + 1)]
    with Verifiers(1) as verifiers:
        verdicts = verifiers.judge(raws, stage.world.chain.find_public)
    for raw, verdict in zip(raws, verdicts, strict=True):
        assert verdict is not None
        assert told(stage, raw, verdict) == told(stage, raw)


def test_a_key_that_came_too_late_has_verified_nothing(stage: Stage) -> None:
    """A key registered while processes were at work was not one they had."""
    raws = [stage.tick(nonce=f"{n:032x}") for n in range(BATCH_LEAST)]
    with Verifiers(1) as verifiers:
        verdicts = verifiers.judge(raws, lambda _: b"")
    expected = ("unknown_key", "", stage.key("alpha").key_id[:16], {})
    for raw, verdict in zip(raws, verdicts, strict=True):
        assert told(stage, raw, verdict) == expected


def test_no_defect_is_needed_for_the_ladder(stage: Stage) -> None:
    """Without any defect the transaction of the ladder is accepted."""
    assert stage.code_of(combine(stage, [])) == "ok"


def test_duplicate_is_named_before_its_keys_are_looked_up(stage: Stage) -> None:
    """A sealed id is a duplicate whoever signed it again."""
    payload = base64.b64decode(load_record(stage.sealed)["payload"])
    assert stage.code_of(stage.sign(payload, STRANGER)) == "duplicate"


def test_keys_count_from_the_next_block() -> None:
    """A revoked key signs to the end of its block, a new one from the next on."""
    world = World(
        [make_actor("operator", "operator"), make_actor("lender", "lender")],
        sources=read_lot_sources(),
    )
    operator = world.actors["operator"]
    old, new = operator.keys[0], SigningKey.from_seed(b"new key!" * 4)
    operator.keys = [new]
    described = operator.describe(world.chain.chain_id)["keys"][0]
    body = {"member": operator.id}
    add = world.build("key.add", {**body, "key": described}, keys=[old])
    early = world.build("ledger.tick", body, keys=[new])
    candidate = world.seal(add, early)
    assert [(n, e.code) for n, e in candidate.dropped] == [(1, "unknown_key")]
    revoke = world.build("key.revoke", {**body, "key": old.key_id}, keys=[old])
    late = world.build("ledger.tick", body, keys=[old])
    assert not world.seal(revoke, late, early).dropped
    again = world.build("ledger.tick", body, keys=[old])
    fresh = world.build("ledger.tick", body, keys=[new])
    candidate = world.seal(again, fresh)
    assert [(n, e.code) for n, e in candidate.dropped] == [(0, "unknown_key")]


def test_failed_signature_is_not_remembered(stage: Stage) -> None:
    """Bad signatures under an id never keep the good ones out."""
    payload = encode(stage.fields(nonce="a" * 32))
    key = stage.key("alpha")
    bad = pack_envelope(
        TYPE_TRANSACTION, payload, [Signature(key.key_id, b"\1" * 32 + bytes(32))]
    )
    assert stage.code_of(bad) == "bad_signature"
    assert stage.code_of(stage.sign(payload)) == "ok"
    assert stage.code_of(bad) == "bad_signature"
