"""The readable half of a key file: whose key it is and how it is sealed.

Container, version 1, canonical JSON::

    {"header":{"cipher":"chacha20-poly1305",
               "kdf":{"iterations":3,"lanes":4,"memory_kib":65536,
                      "name":"argon2id"},
               "key_id":"<64 hex>","label":"…","nonce":"<base64, 12 bytes>",
               "public":"<64 hex>","salt":"<base64, 32 bytes>",
               "t":"allonge.key.v1"},
     "sealed":"<base64: encrypted seed and tag, 48 bytes>"}

``"test":true`` stands in the header of a key for test chains, the only ones
whose derivation cost may be below the minimum. The whole header is associated
data of the cipher, so no field can be changed without the passphrase. This
module needs no cryptography: showing a wallet stays fast.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

from cli.private import read_private
from ledger.encoding import (
    JSONObject,
    decode,
    decode_base64,
    encode,
    encode_base64,
    hex_digest,
)
from ledger.errors import LedgerError

VERSION: Final = "allonge.key.v1"
CIPHER: Final = "chacha20-poly1305"
KEY_FILE_BYTES_MAX: Final = 4096
LABEL_CHARS_MAX: Final = 64
SALT_BYTES: Final = 32
NONCE_BYTES: Final = 12
SEALED_BYTES: Final = 32 + 16


class Bound(NamedTuple):
    """What a cost parameter may be: test keys start lower, all end alike."""

    test_min: int
    min: int
    max: int


# The minimum is about 0.15 s on one present-day core and 64 MiB; the maximum
# keeps a planted file from eating more than 1 GiB or some twenty seconds.
BOUNDS: Final = {
    "argon2id.memory_kib": Bound(64, 65_536, 1_048_576),
    "argon2id.iterations": Bound(1, 3, 8),
    "argon2id.lanes": Bound(1, 1, 8),
    "scrypt.n": Bound(2, 2**17, 2**20),
    "scrypt.r": Bound(1, 8, 8),
    "scrypt.p": Bound(1, 1, 4),
}


@dataclass(frozen=True, slots=True)
class Argon2idCost:
    """Cost of Argon2id (RFC 9106); the default is its second recommendation."""

    memory_kib: int = 65_536
    iterations: int = 3
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """Cost of scrypt (RFC 7914); ``n`` is a power of two."""

    n: int = 2**17
    r: int = 8
    p: int = 1


KeyCost = Argon2idCost | ScryptCost

# For tests and the demo: only a file marked as a test key may carry it.
TEST_COST: Final = Argon2idCost(memory_kib=64, iterations=1, lanes=1)

_KDF_NAMES: Final = {Argon2idCost: "argon2id", ScryptCost: "scrypt"}


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """What a key file says about its key without the passphrase.

    Until the file has been opened with the passphrase these are claims: only
    that the key id belongs to the public key has been checked.

    Attributes:
        label: name given by its owner, printable.
        public: raw Ed25519 public key, 32 bytes.
        key_id: the ledger's name of that key, 64 hexadecimal digits.
        cost: what one guess of the passphrase costs.
        salt: 32 bytes, fresh for each file.
        nonce: 12 bytes, fresh for each file.
        is_test: the key may be used on test chains only.
    """

    label: str
    public: bytes
    key_id: str
    cost: KeyCost
    salt: bytes
    nonce: bytes
    is_test: bool

    def to_record(self) -> JSONObject:
        """Return the header as it stands in the file."""
        kdf = {"name": _KDF_NAMES[type(self.cost)], **asdict(self.cost)}
        record: JSONObject = {
            "cipher": CIPHER,
            "kdf": kdf,
            "key_id": self.key_id,
            "label": self.label,
            "nonce": encode_base64(self.nonce),
            "public": self.public.hex(),
            "salt": encode_base64(self.salt),
            "t": VERSION,
        }
        return record | {"test": True} if self.is_test else record

    def associated_data(self) -> bytes:
        """Return the bytes the cipher binds the sealed seed to."""
        return encode(self.to_record())


def read_header(path: Path) -> KeyHeader:
    """Return what a key file says without its passphrase.

    Raises:
        LedgerError: as ``read_container``.
    """
    return read_container(path)[0]


def read_container(path: Path) -> tuple[KeyHeader, bytes]:
    """Return header and sealed seed of a key file.

    Raises:
        LedgerError: those of ``read_private``; ``key_version``;
            ``key_unreadable``; ``key_cost_weak`` or ``key_cost_high``.
    """
    raw = read_private(path, size_bytes_max=KEY_FILE_BYTES_MAX)
    try:
        return _parse_container(raw)
    except LedgerError as error:
        if error.code in _OWN_CODES:
            error.details["path"] = path
            raise
        raise LedgerError("key_unreadable", path=path) from error
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise LedgerError("key_unreadable", path=path) from error


_OWN_CODES: Final = frozenset({"key_version", "key_cost_weak", "key_cost_high"})


def encode_container(header: KeyHeader, sealed: bytes) -> bytes:
    """Return the bytes of a key file."""
    return encode({"header": header.to_record(), "sealed": encode_base64(sealed)})


def _parse_container(raw: bytes) -> tuple[KeyHeader, bytes]:
    container = decode(raw)
    record = container["header"]
    version = record["t"]
    if version != VERSION and str(version).startswith("allonge.key."):
        raise LedgerError("key_version", expected=VERSION, found=str(version)[:32])
    sealed = decode_base64(container["sealed"])
    header = KeyHeader(
        label=record["label"],
        public=bytes.fromhex(record["public"]),
        key_id=record["key_id"],
        cost=_parse_cost(record["kdf"]),
        salt=decode_base64(record["salt"]),
        nonce=decode_base64(record["nonce"]),
        is_test="test" in record,
    )
    # One comparison refuses every unknown, missing or differently spelt field.
    if encode_container(header, sealed) != raw:
        raise LedgerError("key_unreadable")
    _check_sizes(header, sealed)
    check_label(header.label)
    check_cost(header.cost, is_test=header.is_test)
    return header, sealed


def _parse_cost(record: JSONObject) -> KeyCost:
    parameters = {name: value for name, value in record.items() if name != "name"}
    if any(type(value) is not int for value in parameters.values()):
        raise LedgerError("key_unreadable")
    if record["name"] == "argon2id":
        return Argon2idCost(**parameters)
    if record["name"] == "scrypt":
        return ScryptCost(**parameters)
    raise LedgerError("key_unreadable")


def _check_sizes(header: KeyHeader, sealed: bytes) -> None:
    sizes = (len(header.public), len(header.salt), len(header.nonce), len(sealed))
    if sizes != (32, SALT_BYTES, NONCE_BYTES, SEALED_BYTES):
        raise LedgerError("key_unreadable")
    # The ledger's formula, repeated because ledger.keys loads cryptography;
    # a test holds the two together.
    if hex_digest(b"ed25519\x00" + header.public) != header.key_id:
        raise LedgerError("key_unreadable")


def check_label(label: str) -> None:
    """Do nothing if a label can be shown on any terminal.

    Raises:
        LedgerError: ``bad_label``.
    """
    if not (0 < len(label) <= LABEL_CHARS_MAX and label.isprintable()):
        raise LedgerError("bad_label", found=f"{len(label)} characters")


def check_cost(cost: KeyCost, *, is_test: bool) -> None:
    """Do nothing if a derivation cost lies within its named bounds.

    Args:
        cost: parameters of the derivation function.
        is_test: whether the lower minimum of test keys applies.

    Raises:
        LedgerError: ``key_cost_weak`` or ``key_cost_high``, naming the bound.
    """
    for field, value in asdict(cost).items():
        name = f"{_KDF_NAMES[type(cost)]}.{field}"
        bound = BOUNDS[name]
        lowest = bound.test_min if is_test else bound.min
        if value < lowest:
            raise _cost_error("key_cost_weak", f"at least {lowest}", value, name)
        if value > bound.max:
            raise _cost_error("key_cost_high", f"at most {bound.max}", value, name)
    if isinstance(cost, ScryptCost) and cost.n & (cost.n - 1):
        raise _cost_error("key_cost_weak", "a power of two", cost.n, "scrypt.n")


def _cost_error(code: str, expected: str, found: int, bound: str) -> LedgerError:
    return LedgerError(code, expected=expected, found=found, bound=bound)
