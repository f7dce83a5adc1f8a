"""Canonical JSON and digests: the one form of everything signed or stored.

The profile is RFC 8785 without floats and null, with integers within
±(2**53 - 1), keys ``[a-z][a-z0-9_]*`` and at most 16 levels. Bytes are
accepted only if they are the encoding of what they decode to, so there is one
byte string for one content and nothing is ever "cleaned up".
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Any, Final

import orjson

from ledger.errors import LedgerError

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 16
TRANSACTION_BYTES_MAX: Final = 65_535

JSONObject = dict[str, Any]

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
# One pass over the tokens: what is not in this grammar is not in the profile.
# Floats, exponents, null, white space and foreign keys have no alternative
# here; possessive quantifiers keep the scan linear.
_STRING = rb'"(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00[01][0-9a-f])*+"'
_ATOMS = rb"|[\[\]{},]|-?+[0-9]++|true|false"
_PROFILE: Final = re.compile(
    rb'(?:"[a-z][a-z0-9_]*+":|' + _STRING + rb"(?!:)" + _ATOMS + rb")*+"
)
_FOREIGN_KEYS: Final = re.compile(rb"(?:" + _STRING + rb":?+" + _ATOMS + rb")*+")
_STRINGS: Final = re.compile(_STRING)


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


def _check_profile(value: object, levels: int) -> None:
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return
    if not levels:
        raise LedgerError("bad_json", expected=f"at most {DEPTH_MAX} levels")
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if key not in _known_keys:
                _check_key(key)
            inner = type(item)
            if inner is not str and inner is not int:
                _check_profile(item, levels - 1)
    elif kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            _check_profile(item, levels - 1)
    else:
        raise LedgerError("bad_json", found=kind.__name__)


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


def decode(raw: bytes, *, foreign_keys: bool = False) -> Any:
    """Return the value of canonical bytes.

    Args:
        raw: the bytes as received, at most what the caller allows.
        foreign_keys: accept any key, for formats of others such as DSSE.

    Raises:
        LedgerError: ``bad_json``, if ``encode(decode(raw)) != raw`` or the
            bytes are outside the profile.
    """
    grammar = _FOREIGN_KEYS if foreign_keys else _PROFILE
    if not grammar.fullmatch(raw):
        raise LedgerError("bad_json", expected="the JSON profile of the ledger")
    if _depth(raw) > DEPTH_MAX:
        raise LedgerError("bad_json", expected=f"at most {DEPTH_MAX} levels")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise LedgerError("bad_json", found="no JSON") from error
    if _dump(value) != raw:
        raise LedgerError("bad_json", expected="the canonical encoding")
    return value


def _depth(raw: bytes) -> int:
    if raw.count(b"{") + raw.count(b"[") <= DEPTH_MAX:
        return 0  # cannot be deeper than it has openings
    level = deepest = 0
    for byte in _STRINGS.sub(b"", raw):
        if byte in b"{[":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"}]":
            level -= 1
    return deepest


def load_foreign(raw: bytes) -> object:
    """Return the value of JSON bytes, whatever their spelling.

    For forms whose canonical bytes the caller rebuilds and compares.

    Raises:
        LedgerError: ``bad_json``, no JSON.
    """
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise LedgerError("bad_json", found="no JSON") from error
    return value


def load_record(raw: bytes) -> JSONObject:
    """Decode canonical bytes that this process itself encoded."""
    record: JSONObject = orjson.loads(raw)
    return record


def digest(raw: bytes) -> bytes:
    """Return SHA-256 of the bytes."""
    return sha256(raw).digest()


def hex_digest(raw: bytes) -> str:
    """Return SHA-256 of the bytes as 64 lowercase hexadecimal digits."""
    return sha256(raw).hexdigest()


def encode_base64(raw: bytes) -> str:
    """Return standard padded base64."""
    return base64.b64encode(raw).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard padded base64 that re-encodes to itself.

    Raises:
        LedgerError: ``bad_envelope``, any other spelling.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise LedgerError("bad_envelope", expected="base64") from error
    if encode_base64(raw) != text:
        raise LedgerError("bad_envelope", expected="canonical base64")
    return raw
