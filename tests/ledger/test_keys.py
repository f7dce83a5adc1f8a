"""Keys, admission and the one verifier, against the edge cases of others."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ledger import keys
from ledger.errors import LedgerError
from ledger.keys import (
    ORDER,
    SMALL_ORDER,
    VERIFIER_CASES,
    SigningKey,
    admit_public_key,
    check_verifier,
    key_id,
    verify_signature,
)

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ALLONGE_SHARED", ROOT.parent / "shared"))
KEY = SigningKey.from_seed(bytes(range(32)))
P = 2**255 - 19


def shared(name: str) -> Any:
    """Return a file of vectors."""
    path = SHARED / "data" / "crypto" / name
    if not path.is_file():
        pytest.skip("shared data absent: crypto")
    return json.loads(path.read_text("utf-8"))


def admission(public: bytes) -> str:
    """Return why a key is refused, empty if it is admitted."""
    try:
        admit_public_key(public)
    except LedgerError as error:
        return error.expected if error.code == "bad_key" else "another code"
    return ""


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the verifier takes a signature."""
    try:
        verify_signature(public, message, signature)
    except LedgerError as error:
        if error.code != "bad_signature":
            raise
        return False
    return True


def test_a_key_signs_and_shows_no_secret() -> None:
    """Signatures verify, seeds come back, and no text contains the seed."""
    again = SigningKey.from_seed(KEY.seed)
    assert again.public == KEY.public
    assert KEY.key_id == key_id(KEY.public)
    verify_signature(KEY.public, b"message", KEY.sign(b"message"))
    assert KEY.seed.hex() not in repr(KEY)
    fresh = SigningKey.generate()
    admit_public_key(fresh.public)
    assert fresh.seed != SigningKey.generate().seed


def test_a_seed_of_another_length_is_refused() -> None:
    """A seed has exactly 32 bytes."""
    with pytest.raises(LedgerError) as caught:
        SigningKey.from_seed(bytes(31))
    assert caught.value.code == "bad_key"


def test_any_change_of_a_signature_is_refused() -> None:
    """Each flipped bit of key, message and signature, and S + L, is found."""
    message, signature = b"message", KEY.sign(b"message")
    whole = KEY.public + signature
    for bit in range(8 * len(whole)):
        number = int.from_bytes(whole, "big") ^ 1 << bit
        changed = number.to_bytes(len(whole), "big")
        assert not verifies(changed[:32], message, changed[32:])
    assert not verifies(KEY.public, message + b".", signature)
    assert not verifies(KEY.public, message, signature[:-1])
    assert not verifies(KEY.public[:-1], message, signature)
    higher = int.from_bytes(signature[32:], "little") + ORDER
    assert not verifies(
        KEY.public, message, signature[:32] + higher.to_bytes(32, "little")
    )


def test_the_fourteen_small_order_encodings_are_refused() -> None:
    """None is admitted as a key and none is taken as R."""
    assert len(SMALL_ORDER) == 14
    for raw in SMALL_ORDER:
        assert admission(raw)
        assert not verifies(KEY.public, b"", raw + bytes(32))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (bytes(31), "32 bytes"),
        (bytes(33), "32 bytes"),
        (b"\xff" * 32, "a canonical encoding"),
        (P.to_bytes(32, "little"), "a canonical encoding"),
        ((P + 1).to_bytes(32, "little"), "a canonical encoding"),
        ((2).to_bytes(32, "little"), "a point on the curve"),
        ((1 | 1 << 255).to_bytes(32, "little"), "no sign for x = 0"),
        ((P - 1 | 1 << 255).to_bytes(32, "little"), "no sign for x = 0"),
        ((1).to_bytes(32, "little"), "not of small order"),
        (bytes(32), "not of small order"),
        (bytes.fromhex(VERIFIER_CASES[8].public), "a point of prime order"),
    ],
    ids=[
        "short",
        "long",
        "largest",
        "y = p",
        "y = p + 1",
        "off the curve",
        "signed identity",
        "signed order two",
        "identity",
        "order four",
        "mixed order",
    ],
)
def test_each_reason_of_refusal(raw: bytes, reason: str) -> None:
    """Admission names what is wrong with a key."""
    assert admission(raw) == reason


def test_a_prime_order_key_plus_torsion_is_refused() -> None:
    """Only one of the eight points beside each good key is admitted."""
    good = point(KEY.public)
    canonical = [raw for raw in SMALL_ORDER if point(raw) is not None]
    admitted = 0
    seen = set()
    for raw in canonical:
        torsion = point(raw)
        assert good is not None
        assert torsion is not None
        mixed = encode_point(keys._add(good, torsion))
        if mixed in seen:
            continue
        seen.add(mixed)
        admitted += admission(mixed) == ""
    assert (len(seen), admitted) == (8, 1)


def point(raw: bytes) -> tuple[int, int, int, int] | None:
    """Return the point of a canonical encoding, None if it is not one."""
    bits = int.from_bytes(raw, "little")
    sign, y = bits >> 255, bits & (2**255 - 1)
    x = keys._x_of(y, sign)
    if y >= P or x is None or x & 1 != sign:
        return None
    return x, y, 1, x * y % P


def encode_point(found: tuple[int, int, int, int]) -> bytes:
    """Return the canonical encoding of a point."""
    inverse = pow(found[2], -1, P)
    x, y = found[0] * inverse % P, found[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def test_wycheproof_vectors_are_judged_as_published() -> None:
    """All 151 results hold; each key is admitted, or nothing valid hangs on it."""
    cases = shared("wycheproof/ed25519_test.json")
    count, refused_keys = 0, []
    for group in cases["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        if admission(public):
            refused_keys.append(public.hex())
        for case in group["tests"]:
            count += 1
            message = bytes.fromhex(case["msg"])
            found = verifies(public, message, bytes.fromhex(case["sig"]))
            assert found == (case["result"] == "valid"), case["tcId"]
    assert count == cases["numberOfTests"] == 151
    assert refused_keys == []


def test_speccheck_cases_are_all_refused() -> None:
    """Each of the twelve edge cases fails at admission or at verification."""
    cases = shared("speccheck/cases.json")
    stops = []
    for case in cases:
        public = bytes.fromhex(case["pub_key"])
        taken = verifies(
            public, bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
        )
        stops.append("key" if admission(public) else "signature")
        assert stops[-1] == "key" or not taken
    # Cases 6 and 7 have a good key and an S that is not reduced.
    assert stops == ["key"] * 6 + ["signature"] * 2 + ["key"] * 4


def test_the_start_up_check_holds_here() -> None:
    """The locked library passes the embedded cases."""
    check_verifier()


@pytest.mark.parametrize("accepting", [True, False], ids=["lax", "strict"])
def test_a_library_that_judges_differently_is_named(
    accepting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verifier that takes or refuses everything stops the start."""

    def judge(_public: bytes, _message: bytes, _signature: bytes) -> None:
        if not accepting:
            raise LedgerError("bad_signature")

    monkeypatch.setattr(keys, "verify_signature", judge)
    with pytest.raises(LedgerError) as caught:
        check_verifier()
    assert caught.value.code == "bad_verifier"
    assert caught.value.details["case"] in {case.name for case in VERIFIER_CASES}
