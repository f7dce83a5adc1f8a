"""Rows of well-formed transactions that come too late or from the wrong hands."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.encoding import encode, load_record
from ledger.keys import ORDER, SigningKey
from ledger.transactions import (
    TYPE_GENESIS,
    TYPE_TRANSACTION,
    WINDOW_MS_MAX,
    Signature,
    pack_envelope,
    preimage,
)
from tests.ledger.malformed import field_of
from tests.ledger.stage import STRANGER, Row, Stage

# --- chain, window, duplicates


def ends(ms: int) -> Callable[[Stage], bytes]:
    """Return a maker of a tick that ends so long after the block."""
    return lambda stage: stage.tick(not_after=stage.time + ms)


def sealed_again(stage: Stage) -> bytes:
    """Return the sealed transaction with the other person's signature."""
    raw = load_record(stage.sealed)
    payload = base64.b64decode(raw["payload"])
    return stage.sign(payload, stage.key("pair", 1))


WINDOWS = [
    Row("other_chain", "wrong_chain", field_of(chain="0" * 64)),
    Row("ends_now", "ok", ends(0)),
    Row("ended", "expired", ends(-1)),
    Row("longest", "ok", ends(WINDOW_MS_MAX)),
    Row("too_long", "window_too_long", ends(WINDOW_MS_MAX + 1)),
    Row("sealed_before", "duplicate", lambda s: s.sealed),
    Row("sealed_with_other_signatures", "duplicate", sealed_again),
]


# --- keys and signatures


def with_signature(change: Callable[[Stage, bytes, bytes], bytes]) -> Any:
    """Return a maker that replaces alpha's signature.

    Args:
        change: from stage, message and signature to another signature.
    """

    def make(stage: Stage) -> bytes:
        payload = encode(stage.fields())
        message = preimage(TYPE_TRANSACTION, payload)
        key = stage.key("alpha")
        value = change(stage, message, key.sign(message))
        return pack_envelope(TYPE_TRANSACTION, payload, [Signature(key.key_id, value)])

    return make


def add_order(_: Stage, __: bytes, value: bytes) -> bytes:
    """Return the signature with S + L, which the curve equation cannot tell."""
    s = int.from_bytes(value[32:], "little") + ORDER
    return value[:32] + s.to_bytes(32, "little")


def with_small_order(stage: Stage, message: bytes, _: bytes) -> bytes:
    """Return a signature whose R is the identity and which the library accepts."""
    key = stage.key("alpha")
    point = (1).to_bytes(32, "little")
    secret = int.from_bytes(hashlib.sha512(key.seed).digest()[:32], "little")
    secret = (secret & (2**254 - 8)) | 2**254
    challenge = hashlib.sha512(point + key.public + message).digest()
    s = int.from_bytes(challenge, "little") * secret % ORDER
    value = point + s.to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(key.public).verify(value, message)
    return value


def sign_as_genesis(stage: Stage, _: bytes, __: bytes) -> bytes:
    """Return the signature of the same payload under another type."""
    payload = encode(stage.fields())
    return stage.key("alpha").sign(preimage(TYPE_GENESIS, payload))


def by_both(stage: Stage, **changes: Any) -> bytes:
    """Return a tick by alpha and beta, signed by both."""
    both = sorted([stage.member("alpha"), stage.member("beta")])
    return stage.tick(stage.key("alpha"), stage.key("beta"), by=both, **changes)


def swap_last_signature(raw: bytes, key: SigningKey) -> bytes:
    """Return an envelope whose last signature is by another key."""
    record = load_record(raw)
    payload = base64.b64decode(record["payload"])
    wrong = base64.b64encode(key.sign(payload)).decode()
    record["signatures"][-1]["sig"] = wrong
    return raw[: raw.index(b"[")] + encode(record["signatures"]) + b"}"


SIGNATURES = [
    Row("unregistered_key", "unknown_key", lambda s: s.tick(STRANGER)),
    Row("and_a_stranger", "unknown_key", lambda s: s.tick(s.key("alpha"), STRANGER)),
    Row(
        "member_that_does_not_act",
        "wrong_signers",
        lambda s: s.tick(s.key("alpha"), s.key("beta")),
    ),
    Row("other_member_alone", "wrong_signers", lambda s: s.tick(s.key("beta"))),
    Row(
        "acting_member_unsigned",
        "wrong_signers",
        lambda s: s.tick(by=sorted([s.member("alpha"), s.member("beta")])),
    ),
    Row("unknown_member", "wrong_signers", field_of(by=["0" * 64])),
    Row(
        "other_message",
        "bad_signature",
        with_signature(lambda s, m, _: s.key("alpha").sign(m + b" ")),
    ),
    Row(
        "other_key",
        "bad_signature",
        with_signature(lambda s, m, _: s.key("beta").sign(m)),
    ),
    Row("other_type", "bad_signature", with_signature(sign_as_genesis)),
    Row("zero", "bad_signature", with_signature(lambda *_: bytes(64))),
    Row("s_plus_order", "bad_signature", with_signature(add_order)),
    Row("small_order_r", "bad_signature", with_signature(with_small_order)),
    Row(
        "one_bad_of_two",
        "bad_signature",
        lambda s: swap_last_signature(by_both(s), STRANGER),
    ),
]


# --- rule, body, members, policies


def give(holder: str, to: str, *names: str, **changes: Any) -> Callable[[Stage], bytes]:
    """Return a maker of ``lot.give`` by these members."""

    def make(stage: Stage) -> bytes:
        body = {
            "amount_minor": 1000,
            "currency": "CNY",
            "lo": 0,
            "lot": stage.lots[holder],
            "to": stage.member(to),
            **changes,
        }
        return stage.lot_act("lot.give", body, *(names or (holder, to)))

    return make


def cut(holder: str, **changes: Any) -> Callable[[Stage], bytes]:
    """Return a maker of ``lot.cut`` by the holder."""

    def make(stage: Stage) -> bytes:
        body = {"at": 50, "lo": 0, "lot": stage.lots[holder], **changes}
        return stage.lot_act("lot.cut", body, holder)

    return make


def by_clerk(*keys: int) -> Callable[[Stage], bytes]:
    """Return a maker of ``lot.new`` by some keys of a maker and an admin."""

    def make(stage: Stage) -> bytes:
        member = stage.member("clerk")
        return stage.tick(
            *(stage.key("clerk", n) for n in keys),
            act="lot.new",
            body={"owner": member, "size": 1},
            by=[member],
            rule=stage.lot_rule,
        )

    return make


def tick_by(name: str) -> Callable[[Stage], bytes]:
    """Return a maker of a tick by a member."""

    def make(stage: Stage) -> bytes:
        member = stage.member(name)
        return stage.tick(stage.key(name), by=[member], body={"member": member})

    return make


AUTHORITY = [
    Row("act_nobody_knows", "unknown_act", field_of(act="ledger.tock")),
    Row("rule_nobody_knows", "rule_changed", field_of(rule="0" * 64)),
    Row(
        "rule_of_another_act",
        "rule_changed",
        lambda s: s.tick(rule=s.lot_rule),
    ),
    Row("no_such_record", "not_found", cut("alpha", lot="0" * 64)),
    Row("record_unnamed", "bad_body", cut("alpha", lot=7)),
    Row("body_unknown_field", "bad_body", cut("alpha", zone="x")),
    Row("body_missing_field", "bad_body", field_of(body={})),
    Row("body_true_for_number", "bad_body", cut("alpha", at=True)),
    Row("body_text_for_number", "bad_body", cut("alpha", at="50")),
    Row("body_out_of_range", "bad_body", cut("alpha", at=-1)),
    Row("suspended", "member_suspended", give("gamma", "alpha")),
    Row("suspended_receiver", "member_suspended", give("alpha", "gamma")),
    Row("suspended_but_no_new_business", "ok", cut("gamma")),
    Row("suspended_tick", "ok", tick_by("gamma")),
    Row("no_such_tile", "not_found", cut("alpha", lo=7)),
    Row("by_incomplete", "wrong_signers", give("alpha", "beta", "alpha")),
    Row("by_superfluous", "wrong_signers", by_both),
    Row("by_another", "wrong_signers", give("alpha", "beta", "beta", "lender")),
    Row("joint", "ok", give("alpha", "beta")),
    Row("in_band", "ok", give("solo", "beta")),
    Row("above_band", "one_person", give("solo", "beta", amount_minor=1001)),
    Row("other_currency", "one_person", give("solo", "beta", currency="EUR")),
    Row("above_band_by_two", "ok", give("pair", "beta", amount_minor=1001)),
    Row("maker_of_new_business", "ok", by_clerk(0)),
    Row("admin_key_alone", "policy_not_met", by_clerk(1)),
    Row("admin_key_beside", "ok", by_clerk(0, 1)),
]


ANY = {"action": "any", "bands": [{"persons": 1}]}


def publish(stage: Stage) -> bytes:
    """Return the publication of a rule file long after block 0."""
    operator = stage.member("operator")
    body = {"operator": operator, "path": "lot/late.py", "source": "x"}
    return stage.tick(
        stage.key("operator"), act="rules.publish", body=body, by=[operator]
    )


def set_policy(stage: Stage, rows: list[Any], from_time: int = 2**50) -> bytes:
    """Return a change of alpha's policy that its handler refuses."""
    approvals = rows or [{**ANY, "action": "give"}]
    policy = {"approvals": approvals, "offset_minutes": 0}
    member = stage.member("alpha")
    body = {"from_time": from_time, "member": member, "policy": policy}
    return stage.tick(act="policy.set", body=body)


def new_lot(stage: Stage, size: int) -> bytes:
    """Return a new lot of alpha's."""
    body = {"owner": stage.member("alpha"), "size": size}
    return stage.lot_act("lot.new", body, "alpha")


REFUSALS = [
    Row("cut_at_the_end", "cut_outside", cut("alpha", at=100)),
    Row("given_to_itself", "cut_outside", give("alpha", "alpha", "alpha")),
    Row("rules_after_block_0", "rules_fixed", publish),
    Row("kernel_body", "bad_body", lambda s: set_policy(s, [])),
    Row("kernel_delay", "delay_too_short", lambda s: set_policy(s, [ANY], 1)),
    Row("limit_of_the_kit", "invariant_broken", lambda s: new_lot(s, 10**12 + 1)),
]
