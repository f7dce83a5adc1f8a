"""Rows of malformed envelopes and payloads, for the tests of acceptance."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from ledger.encoding import encode
from ledger.keys import SigningKey
from ledger.transactions import (
    TYPE_READ,
    TYPE_TRANSACTION,
    pack_envelope,
    preimage,
    sign_payload,
)
from tests.ledger.stage import Row, Stage

# --- size, envelope, payload type


def in_envelope(old: str, new: str) -> Callable[[Stage], bytes]:
    """Return a maker that replaces text in the bytes of a valid envelope."""

    def make(stage: Stage) -> bytes:
        raw = stage.tick()
        assert raw.count(old.encode()) >= 1
        return raw.replace(old.encode(), new.encode(), 1)

    return make


def in_signature(change: Callable[[str], str]) -> Callable[[Stage], bytes]:
    """Return a maker that changes the base64 text of the signature.

    Nonces are tried until the text has both characters that base64's
    alphabets disagree about.
    """

    def make(stage: Stage) -> bytes:
        for n in range(200):
            raw = stage.tick(nonce=f"{n:032x}")
            text = raw.decode().split('"sig":"')[1].split('"')[0]
            if "+" in text and "/" in text:
                return raw.replace(text.encode(), change(text).encode())
        raise AssertionError("no signature with + and /")

    return make


def in_payload_text(
    rest: int, change: Callable[[str], str]
) -> Callable[[Stage], bytes]:
    """Return a maker that changes the base64 text of the payload.

    Args:
        rest: length of the payload modulo 3, which decides the padding.
        change: from the text to another.
    """

    def make(stage: Stage) -> bytes:
        for digits in range(3):
            payload = encode(stage.fields(not_after=10 ** (12 + digits)))
            if len(payload) % 3 == rest:
                text = base64.b64encode(payload).decode()
                raw = stage.sign(payload)
                return raw.replace(text.encode(), change(text).encode())
        raise AssertionError("no payload of this length")

    return make


def bump_last(text: str) -> str:
    """Return another spelling of base64: unused bits of the last digit set."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    return body[:-1] + digits[digits.index(body[-1]) + 1] + text[len(body) :]


def with_signatures(*keys: Callable[[Stage], SigningKey]) -> Callable[[Stage], bytes]:
    """Return a maker of an envelope whose signatures keep this order."""

    def make(stage: Stage) -> bytes:
        payload = encode(stage.fields())
        message = preimage(TYPE_TRANSACTION, payload)
        whole = pack_envelope(TYPE_TRANSACTION, payload, [])
        rows = [
            {"keyid": k.key_id, "sig": base64.b64encode(k.sign(message)).decode()}
            for k in (key(stage) for key in keys)
        ]
        return whole.replace(b"[]", encode(rows))

    return make


def of_size(step: int) -> Callable[[Stage], bytes]:
    """Return a maker of the largest valid envelope, or of the next size above."""

    def make(stage: Stage) -> bytes:
        body = {"note": "", "owner": stage.member("alpha"), "size": 1}
        fields = {"act": "lot.new", "body": body, "rule": stage.lot_rule}
        blank = len(encode(stage.fields(**fields)))
        frame = len(stage.tick(**fields)) - (blank + 2) // 3 * 4
        # Base64 turns 3 bytes into 4, so an envelope grows in steps of 4.
        body["note"] = "n" * ((65_535 - frame) // 4 * 3 - blank + step)
        return stage.tick(**fields)

    return make


def beta(stage: Stage) -> SigningKey:
    """Return the key of beta."""
    return stage.key("beta")


def alpha(stage: Stage) -> SigningKey:
    """Return the key of alpha."""
    return stage.key("alpha")


def low_and_high(stage: Stage) -> tuple[SigningKey, SigningKey]:
    """Return the keys of a member with two keys, in order of their ids."""
    first, second = sorted(stage.world.actors["pair"].keys, key=lambda k: k.key_id)
    return first, second


NUMBER_FOR_PAYLOAD = (
    b'{"payload":1,"payloadType":"application/vnd.allonge.tx.v1+json","signatures":[]}'
)


def reorder(raw: bytes) -> bytes:
    """Return an envelope with its type before its payload."""
    head, tail = raw.split(b',"signatures":')
    payload, kind = head.removeprefix(b"{").split(b',"payloadType":')
    return b'{"payloadType":' + kind + b"," + payload + b',"signatures":' + tail


def upper_key_id(raw: bytes) -> bytes:
    """Return an envelope whose key id is written in capitals."""
    text = raw.split(b'"keyid":"')[1][:64]
    return raw.replace(text, text.upper())


def by_many(stage: Stage, *more: SigningKey) -> bytes:
    """Return a tick signed by sixteen keys of one member, and more."""
    member = stage.member("many")
    keys = stage.world.actors["many"].keys
    return stage.tick(*keys, *more, by=[member], body={"member": member})


ENVELOPES = [
    Row("valid", "ok", lambda s: s.tick()),
    Row("largest", "ok", of_size(0)),
    Row("next_size", "too_large", of_size(1)),
    Row("noise_at_bound", "bad_json", lambda _: b"x" * 65_535),
    Row("noise_beyond_bound", "too_large", lambda _: b"x" * 65_536),
    Row("empty", "bad_json", lambda _: b""),
    Row("space", "bad_json", in_envelope('":"', '": "')),
    Row("newline_after", "bad_json", lambda s: s.tick() + b"\n"),
    Row("byte_order_mark", "bad_json", lambda s: b"\xef\xbb\xbf" + s.tick()),
    Row("escape", "bad_json", in_envelope('"payload":"e', '"payload":"\\u0065')),
    Row("escaped_slash", "bad_json", in_envelope("application/", "application\\/")),
    Row("doubled_key", "bad_json", in_envelope('{"pay', '{"payload":"","pay')),
    Row("order", "bad_json", lambda s: reorder(s.tick())),
    Row("unknown_key", "bad_envelope", in_envelope('{"pay', '{"kid":"","pay')),
    Row("no_signatures", "bad_envelope", lambda s: s.tick().split(b',"sig')[0] + b"}"),
    Row("list", "bad_envelope", lambda s: b"[" + s.tick() + b"]"),
    Row("null", "bad_envelope", lambda s: s.tick().split(b"[")[0] + b"null}"),
    Row("payload_of_number", "bad_envelope", lambda _: NUMBER_FOR_PAYLOAD),
    Row("url_safe", "bad_envelope", in_signature(lambda t: t.replace("+", "-"))),
    Row("no_padding", "bad_envelope", in_signature(lambda t: t.rstrip("="))),
    Row("space_in_base64", "bad_envelope", in_signature(lambda t: t[:-2] + " ==")),
    Row("loose_bits_2", "bad_envelope", in_signature(bump_last)),
    Row("loose_bits_payload_2", "bad_envelope", in_payload_text(1, bump_last)),
    Row("loose_bits_payload_1", "bad_envelope", in_payload_text(2, bump_last)),
    Row("short_signature", "bad_envelope", in_signature(lambda t: t[4:])),
    Row("upper_case_key_id", "bad_envelope", lambda s: upper_key_id(s.tick())),
    Row("unsigned", "bad_envelope", with_signatures()),
    Row("doubled_signature", "bad_envelope", with_signatures(alpha, alpha)),
    Row(
        "unsorted_signatures",
        "bad_envelope",
        with_signatures(lambda s: low_and_high(s)[1], lambda s: low_and_high(s)[0]),
    ),
    Row("sixteen_signatures", "ok", by_many),
    Row("seventeen_signatures", "bad_envelope", lambda s: by_many(s, alpha(s))),
    Row("genesis_type", "bad_type", in_envelope("tx.v1", "genesis.v1")),
    Row(
        "type_of_read_grant",
        "bad_type",
        lambda s: sign_payload(TYPE_READ, encode(s.fields()), [alpha(s)]),
    ),
]
# --- payload


def in_payload(old: str, new: str) -> Callable[[Stage], bytes]:
    """Return a maker that replaces text in the payload before signing it."""

    def make(stage: Stage) -> bytes:
        payload = encode(stage.fields())
        assert payload.count(old.encode()) >= 1
        changed = payload.replace(old.encode(), new.encode("utf-8", "surrogatepass"), 1)
        return stage.sign(changed)

    return make


def in_body(text: str) -> Callable[[Stage], bytes]:
    """Return a maker that adds a field ``a`` of this text to the body."""
    return in_payload('"body":{', f'"body":{{"a":{text},')


def field_of(**changes: Any) -> Callable[[Stage], bytes]:
    """Return a maker that replaces fields of the payload."""
    return lambda stage: stage.tick(**changes)


def without(name: str) -> Callable[[Stage], bytes]:
    """Return a maker that leaves out a field of the payload."""

    def make(stage: Stage) -> bytes:
        fields = stage.fields()
        del fields[name]
        return stage.sign(encode(fields))

    return make


PAYLOADS = [
    Row("p_doubled_key", "bad_json", in_payload('"v":1', '"v":1,"v":1')),
    Row("p_space", "bad_json", in_payload('"v":1', '"v": 1')),
    Row("p_newline_after", "bad_json", lambda s: s.sign(encode(s.fields()) + b"\n")),
    Row(
        "p_order", "bad_json", in_payload('{"act":"ledger.tick",', '{"v":1,"act":"a",')
    ),
    Row("p_float", "bad_json", in_body("1.0")),
    Row("p_exponent", "bad_json", in_body("1e3")),
    Row("p_null", "bad_json", in_body("null")),
    Row("p_minus_zero", "bad_json", in_body("-0")),
    Row("p_leading_zero", "bad_json", in_body("01")),
    Row("p_not_a_number", "bad_json", in_body("NaN")),
    Row("p_integer_at_bound", "bad_body", in_body(str(2**53 - 1))),
    Row("p_integer_beyond", "bad_json", in_body(str(2**53))),
    Row("p_negative_at_bound", "bad_body", in_body(str(1 - 2**53))),
    Row("p_negative_beyond", "bad_json", in_body(str(-(2**53)))),
    Row("p_integer_of_65_bits", "bad_json", in_body(str(2**64))),
    Row("p_lone_surrogate", "bad_json", in_body('"\\ud800"')),
    Row("p_surrogate_bytes", "bad_json", in_body('"\ud800"')),
    Row("p_escaped_letter", "bad_json", in_body('"\\u0041"')),
    Row("p_escaped_slash", "bad_json", in_body('"\\/"')),
    Row("p_capital_escape", "bad_json", in_body('"\\u001F"')),
    Row("p_long_escape", "bad_json", in_body('"\\u000a"')),
    Row("p_due_escapes", "bad_body", in_body('"\\n\\u001f\\"\\\\"')),
    Row("p_raw_control", "bad_json", in_body('"\n"')),
    Row("p_capital_key", "bad_json", in_body('{"A":1}')),
    Row("p_empty_key", "bad_json", in_body('{"":1}')),
    Row("p_deepest", "bad_body", in_body("[" * 14 + "]" * 14)),
    Row("p_too_deep", "bad_json", in_body("[" * 15 + "]" * 15)),
    Row("p_list", "bad_payload", lambda s: s.sign(b"[]")),
    Row("p_unknown_field", "bad_payload", field_of(zone="x")),
    *(
        Row(f"p_without_{name}", "bad_payload", without(name))
        for name in ("act", "body", "by", "chain", "nonce", "not_after", "rule", "v")
    ),
    Row("p_version", "bad_payload", field_of(v=2)),
    Row("p_version_true", "bad_payload", field_of(v=True)),
    Row("p_version_text", "bad_payload", field_of(v="1")),
    Row("p_end_true", "bad_payload", field_of(not_after=True)),
    Row("p_end_text", "bad_payload", field_of(not_after="1795219200000")),
    Row("p_end_zero", "bad_payload", field_of(not_after=0)),
    Row("p_act_without_dot", "bad_payload", field_of(act="tick")),
    Row("p_act_in_capitals", "bad_payload", field_of(act="Ledger.tick")),
    Row("p_nonce_short", "bad_payload", field_of(nonce="7" * 31)),
    Row("p_nonce_capital", "bad_payload", field_of(nonce="A" * 32)),
    Row("p_chain_short", "bad_payload", field_of(chain="0" * 63)),
    Row("p_rule_short", "bad_payload", field_of(rule="0" * 63)),
    Row("p_body_list", "bad_payload", field_of(body=[])),
    Row("p_by_empty", "bad_payload", field_of(by=[])),
    Row("p_by_text", "bad_payload", field_of(by="0" * 64)),
    Row("p_by_short", "bad_payload", field_of(by=["0" * 63])),
    Row("p_by_unsorted", "bad_payload", field_of(by=["1" * 64, "0" * 64])),
    Row("p_by_doubled", "bad_payload", field_of(by=["1" * 64, "1" * 64])),
    Row("p_by_seventeen", "bad_payload", field_of(by=[f"{n:064x}" for n in range(17)])),
]
