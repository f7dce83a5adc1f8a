"""Canonical JSON and digests: the one form of everything signed or stored.

The profile is RFC 8785 without floats and null, with integers within
±(2**53 - 1), keys ``[a-z][a-z0-9_]*`` and at most 16 levels. Bytes are
accepted only if they are the encoding of what they decode to, so there is one
byte string for one content and nothing is ever "cleaned up".
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Collection
from hashlib import sha256
from typing import Any, Final

import orjson

from ledger.errors import LedgerError

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 16
TRANSACTION_BYTES_MAX: Final = 65_535

JSONObject = dict[str, Any]

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def encode(value: object) -> bytes:
    """Return the canonical bytes of a JSON value.

    Raises:
        LedgerError: ``bad_json``, the value is outside the profile.
    """
    _check_profile(value, DEPTH_MAX)
    return _dump(value)


_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")
# Keys seen before; field names are few, and looking one up is all it costs.
_known_keys: set[str] = set()
_KNOWN_KEYS_MAX: Final = 10_000


_LEAVES: Final = frozenset((str, int, bool))


def _check_profile(value: object, levels: int) -> None:
    if type(value) in _LEAVES:
        return
    if not levels:
        raise LedgerError("bad_json", expected=f"at most {DEPTH_MAX} levels")
    items = _open(value)
    # Leaves are passed over at the speed of C, and most values have no others.
    if not _LEAVES.issuperset(map(type, items)):
        for item in items:
            if type(item) not in _LEAVES:
                _check_profile(item, levels - 1)


def _open(value: object) -> Collection[object]:
    if isinstance(value, dict):
        if not _known_keys.issuperset(value):
            for key in value:
                _check_key(key)
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    raise LedgerError("bad_json", found=type(value).__name__)


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise LedgerError("bad_json", expected=f"keys {_KEY.pattern}")
    if len(_known_keys) < _KNOWN_KEYS_MAX:
        _known_keys.add(key)


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerError("bad_json", found=type(error).__name__) from error


def decode(raw: bytes) -> Any:
    """Return the value of canonical bytes.

    Args:
        raw: the bytes as received, at most what the caller allows.

    Raises:
        LedgerError: ``bad_json``, if ``encode(decode(raw)) != raw`` or the
            content is outside the profile.
    """
    value = load_foreign(raw)
    _check_profile(value, DEPTH_MAX)
    if _dump(value) != raw:
        raise LedgerError("bad_json", expected="the canonical encoding")
    return value


_NO_MEMORY: Final = "Not enough memory"


def load_foreign(raw: bytes) -> object:
    """Return the value of JSON bytes, whatever their spelling.

    For forms whose canonical bytes the caller rebuilds and compares.

    Raises:
        LedgerError: ``bad_json``, no JSON.
        MemoryError: there is not enough to tell.
    """
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # The library has no other way to say it, and it is no fault of the bytes.
        if error.msg.startswith(_NO_MEMORY):
            raise MemoryError from error
        raise LedgerError("bad_json", found="no JSON") from error
    return value


def load_record(raw: bytes) -> JSONObject:
    """Decode canonical bytes that this process itself encoded."""
    record: JSONObject = orjson.loads(raw)
    return record


def find_nested(record: JSONObject) -> tuple[str, ...]:
    """Return the names of a decoded record's fields that are lists or objects."""
    return tuple([name for name in record if type(record[name]) not in _LEAVES])


def copy_part(part: Any) -> Any:
    """Return a copy, all the way down, of a list or object out of a record."""
    if type(part) is dict:
        return {
            name: item if type(item) in _LEAVES else copy_part(item)
            for name, item in part.items()
        }
    return [item if type(item) in _LEAVES else copy_part(item) for item in part]


def digest(raw: bytes) -> bytes:
    """Return SHA-256 of the bytes."""
    return sha256(raw).digest()


def hex_digest(raw: bytes) -> str:
    """Return SHA-256 of the bytes as 64 lowercase hexadecimal digits."""
    return sha256(raw).hexdigest()


def encode_base64(raw: bytes) -> str:
    """Return standard padded base64."""
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard padded base64 that re-encodes to itself.

    Raises:
        LedgerError: ``bad_envelope``, any other spelling.
    """
    raw = read_base64(text)
    if encode_base64(raw) != text:
        raise LedgerError("bad_envelope", expected="canonical base64")
    return raw


def read_base64(text: str) -> bytes:
    """Return the bytes of base64 whose spelling the caller compares.

    Raises:
        LedgerError: ``bad_envelope``, no base64.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (ValueError, binascii.Error) as error:
        raise LedgerError("bad_envelope", expected="base64") from error
