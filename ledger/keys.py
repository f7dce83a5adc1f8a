"""Ed25519 keys and the one signature verifier of the ledger.

The library accepts public keys of small order and in non-canonical
encodings; under some of those one signature fits every message, and other
libraries judge them differently. So a key is admitted once, by arithmetic of
our own, and a signature whose R is of small order is refused. With both rules
every cofactorless verifier gives the same answer to the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from ledger.errors import LedgerError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # L, of the base point

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE: Final = pow(2, (_P - 1) // 4, _P)
_ORDER_BITS: Final = f"{ORDER:b}"
_CACHED_KEYS: Final = 4_096

_Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T = XY/Z
_IDENTITY: Final = (0, 1, 1, 0)


class SigningKey:
    """A private Ed25519 key; its seed never shows in texts or logs."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Return the key of a seed.

        Args:
            seed: 32 bytes.

        Raises:
            LedgerError: ``bad_key``, another length.
        """
        if len(seed) != KEY_BYTES:
            raise LedgerError(
                "bad_key", expected="a seed of 32 bytes", found=f"{len(seed)} bytes"
            )
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes; whoever has them can sign."""
        return self._private.private_bytes_raw()

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._public

    @property
    def key_id(self) -> str:
        """The id of the public key, 64 hexadecimal digits."""
        return key_id(self._public)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        """Return the key id; never the seed."""
        return f"SigningKey({self.key_id})"


def key_id(raw: bytes) -> str:
    """Return the id of a public key, 64 hexadecimal digits."""
    return sha256(b"ed25519\x00" + raw).hexdigest()


@lru_cache(maxsize=_CACHED_KEYS)
def _load(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def verify_signature(public: bytes, message: bytes, signature: bytes) -> None:
    """The signature is one of this message by this key.

    The key must have been admitted once with ``admit_public_key``; that is
    not repeated here.

    Raises:
        LedgerError: ``bad_signature``.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise LedgerError(
            "bad_signature", expected="64 bytes", found=f"{len(signature)} bytes"
        )
    if int.from_bytes(signature[32:], "little") >= ORDER:
        raise LedgerError("bad_signature", expected="S below the group order")
    if signature[:32] in SMALL_ORDER:
        raise LedgerError("bad_signature", expected="R of large order")
    try:
        _load(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise LedgerError("bad_signature") from error


@lru_cache(maxsize=_CACHED_KEYS)
def admit_public_key(raw: bytes) -> None:
    """The bytes are the one encoding of a point of prime order.

    Raises:
        LedgerError: ``bad_key``, in this order: another length, y not below
            p, not on the curve, a sign for x = 0, small order, not in the
            prime-order group.
    """
    if len(raw) != KEY_BYTES:
        raise LedgerError("bad_key", expected="32 bytes", found=f"{len(raw)} bytes")
    bits = int.from_bytes(raw, "little")
    sign, y = bits >> 255, bits & (2**255 - 1)
    if y >= _P:
        raise LedgerError("bad_key", expected="a canonical encoding", found=raw.hex())
    x = _x_of(y, sign)
    if x is None:
        raise LedgerError("bad_key", expected="a point on the curve", found=raw.hex())
    if x & 1 != sign:
        raise LedgerError("bad_key", expected="no sign for x = 0", found=raw.hex())
    if raw in SMALL_ORDER:
        raise LedgerError("bad_key", expected="not of small order", found=raw.hex())
    if not _is_identity(_times_order((x, y, 1, x * y % _P))):
        raise LedgerError("bad_key", expected="a point of prime order", found=raw.hex())


def _square_root(value: int) -> int | None:
    """Return a square root modulo p, None if there is none."""
    root = pow(value, (_P + 3) // 8, _P)
    if (root * root - value) % _P:
        root = root * _ROOT_OF_MINUS_ONE % _P
    return None if (root * root - value) % _P else root


def _x_of(y: int, sign: int) -> int | None:
    """Return x of the curve point with this y and sign bit, None if none.

    For x = 0 the sign cannot be obeyed; the caller compares.
    """
    x = _square_root((y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P)
    if x is None:
        return None
    return _P - x if x and x & 1 != sign else x


def _add(a: _Point, b: _Point) -> _Point:
    """Return the sum of two points; complete, so doubling needs no case."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m = (y1 - x1) * (y2 - x2) % _P
    n = (y1 + x1) * (y2 + x2) % _P
    c = 2 * _D * t1 * t2 % _P
    d = 2 * z1 * z2
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(a: _Point) -> _Point:
    x, y, z, _ = a
    xx, yy = x * x, y * y
    h = xx + yy
    e = (h - (x + y) * (x + y)) % _P
    g = (xx - yy) % _P
    f = (2 * z * z + g) % _P
    h %= _P
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times_order(point: _Point) -> _Point:
    total: _Point = _IDENTITY
    for bit in _ORDER_BITS:
        total = _double(total)
        if bit == "1":
            total = _add(total, point)
    return total


def _is_identity(point: _Point) -> bool:
    x, y, z, _ = point
    return x == 0 and y == z


def _small_order_encodings() -> frozenset[bytes]:
    """Return every encoding, canonical or not, of the eight torsion points."""
    # Orders 1, 2 and 4 have y = 1, -1 and 0. Doubling a point of order 8 gives
    # y = 0, which with the curve equation is d*y**4 + 2*y**2 - 1 = 0; of its
    # two solutions for y**2 one is a square.
    root = _square_root(1 + _D) or 0
    inverse = pow(_D, -1, _P)
    ys = {0, 1, _P - 1}
    for square in ((root - 1) * inverse % _P, (-root - 1) * inverse % _P):
        y = _square_root(square)
        if y is not None:
            ys |= {y, _P - y}
    spellings = ys | {y + _P for y in ys if y + _P < 2**255}
    return frozenset(
        (y | sign << 255).to_bytes(KEY_BYTES, "little")
        for y in spellings
        for sign in (0, 1)
    )


SMALL_ORDER: Final = _small_order_encodings()


@dataclass(frozen=True, slots=True)
class VerifierCase:
    """A public key and signature with the verdicts the format fixes.

    Attributes:
        name: what is special about it.
        admitted: whether ``admit_public_key`` takes the key.
        verified: whether ``verify_signature`` takes the signature; that of an
            inadmissible key is of no consequence but shows another library.
        message: the signed bytes.
        public: the key, hexadecimal.
        signature: 64 bytes, hexadecimal.
    """

    name: str
    admitted: bool
    verified: bool
    message: bytes
    public: str
    signature: str


VERIFIER_CASES: Final = (
    VerifierCase(
        "a plain signature",
        admitted=True,
        verified=True,
        message=b"allonge",
        public="e72d13ad3461b9f2b043b548fb5ba947aa5b01054aa576f668080f04e833130d",
        signature="6319194686c923e6ba54b4ff3c0fa6f7ba756108df97d1eccb11c986a6cd0fa3"
        "afd9d700ace2131fb80a3c317f84c6a4a471331fb7f814ade2475023d561ac0f",
    ),
    VerifierCase(
        "another message",
        admitted=True,
        verified=False,
        message=b"Allonge",
        public="e72d13ad3461b9f2b043b548fb5ba947aa5b01054aa576f668080f04e833130d",
        signature="6319194686c923e6ba54b4ff3c0fa6f7ba756108df97d1eccb11c986a6cd0fa3"
        "afd9d700ace2131fb80a3c317f84c6a4a471331fb7f814ade2475023d561ac0f",
    ),
    VerifierCase(
        "S above the order",
        admitted=True,
        verified=False,
        message=b"allonge",
        public="e72d13ad3461b9f2b043b548fb5ba947aa5b01054aa576f668080f04e833130d",
        signature="6319194686c923e6ba54b4ff3c0fa6f7ba756108df97d1eccb11c986a6cd0fa3"
        "9cadcd5dc64526778ea733d45d7ea5b9a471331fb7f814ade2475023d561ac1f",
    ),
    VerifierCase(
        "R of small order",
        admitted=True,
        verified=False,
        message=b"allonge",
        public="e72d13ad3461b9f2b043b548fb5ba947aa5b01054aa576f668080f04e833130d",
        signature="0100000000000000000000000000000000000000000000000000000000000000"
        "b0cc0210b17d42d9489c0c72a8499f93aeffbb8c95dd5c5c5444942db4e27f0c",
    ),
    VerifierCase(
        "R of mixed order",
        admitted=True,
        verified=False,
        message=b"allonge",
        public="e72d13ad3461b9f2b043b548fb5ba947aa5b01054aa576f668080f04e833130d",
        signature="4c261951fba9f4ba7ece40431f212269f58becc2473c54cecda0e8f1e6f9d253"
        "0a0e09256c8576c627ba896058632e90b51e50a6046344d6ca7220118965390b",
    ),
    VerifierCase(
        "the identity as key",
        admitted=False,
        verified=True,
        message=b"allonge",
        public="0100000000000000000000000000000000000000000000000000000000000000",
        signature="b31b20f50426242514d81b383548bd90de72fd0b8cf2382a88f9f52ce5076b23"
        "e878dca548664051e5e695d8c157b538a506f9a3dd9f0e9cfed7f4de62238207",
    ),
    VerifierCase(
        "the identity spelled y = p + 1",
        admitted=False,
        verified=True,
        message=b"allonge",
        public="eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        signature="b31b20f50426242514d81b383548bd90de72fd0b8cf2382a88f9f52ce5076b23"
        "e878dca548664051e5e695d8c157b538a506f9a3dd9f0e9cfed7f4de62238207",
    ),
    VerifierCase(
        "the identity with a sign",
        admitted=False,
        verified=True,
        message=b"allonge",
        public="0100000000000000000000000000000000000000000000000000000000000080",
        signature="b31b20f50426242514d81b383548bd90de72fd0b8cf2382a88f9f52ce5076b23"
        "e878dca548664051e5e695d8c157b538a506f9a3dd9f0e9cfed7f4de62238207",
    ),
    VerifierCase(
        "a key of mixed order, lucky message",
        admitted=False,
        verified=True,
        message=b"allonge 0",
        public="a20c380b1dd419c879eeb7c55665c2e8d26b2303477994bc85b8c0c8b8dc9f0b",
        signature="b31b20f50426242514d81b383548bd90de72fd0b8cf2382a88f9f52ce5076b23"
        "7502dfdc4c0e26de8672b1dffce16ffb3c58c96a5886b2099c6ec3b563e3510f",
    ),
    VerifierCase(
        "a key of mixed order, other message",
        admitted=False,
        verified=False,
        message=b"allonge 1",
        public="a20c380b1dd419c879eeb7c55665c2e8d26b2303477994bc85b8c0c8b8dc9f0b",
        signature="b31b20f50426242514d81b383548bd90de72fd0b8cf2382a88f9f52ce5076b23"
        "76e938dba746193cceb3a69324e294f14b117b1d07e1329b69fd4ecd02e5700f",
    ),
    VerifierCase(
        "a key off the curve",
        admitted=False,
        verified=False,
        message=b"allonge",
        public="0200000000000000000000000000000000000000000000000000000000000000",
        signature="6319194686c923e6ba54b4ff3c0fa6f7ba756108df97d1eccb11c986a6cd0fa3"
        "afd9d700ace2131fb80a3c317f84c6a4a471331fb7f814ade2475023d561ac0f",
    ),
    VerifierCase(
        "y not below p",
        admitted=False,
        verified=False,
        message=b"allonge",
        public="f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        signature="6319194686c923e6ba54b4ff3c0fa6f7ba756108df97d1eccb11c986a6cd0fa3"
        "afd9d700ace2131fb80a3c317f84c6a4a471331fb7f814ade2475023d561ac0f",
    ),
)


def check_verifier() -> None:
    """The installed library judges the known cases as the format fixes.

    Raises:
        LedgerError: ``bad_verifier``, naming the first case that differs.
    """
    for case in VERIFIER_CASES:
        public = bytes.fromhex(case.public)
        signature = bytes.fromhex(case.signature)
        found = (_admits(public), _verifies(public, case.message, signature))
        if found != (case.admitted, case.verified):
            raise LedgerError(
                "bad_verifier",
                expected=f"admitted, verified = {case.admitted}, {case.verified}",
                found=f"{found[0]}, {found[1]}",
                case=case.name,
            )


def _admits(public: bytes) -> bool:
    try:
        admit_public_key(public)
    except LedgerError:
        return False
    return True


def _verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        verify_signature(public, message, signature)
    except LedgerError:
        return False
    return True
