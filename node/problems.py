"""Every error as an RFC 9457 problem document; nothing else leaves the node.

The status follows from the kind of the code. What was sent is never echoed:
``expected`` and ``found`` are cut, and stripped of whatever is not plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from ledger.encoding import INTEGER_MAX, JSONObject
from ledger.errors import LedgerError

MEDIA_TYPE: Final = "application/problem+json"
TEXT_CHARACTERS_MAX: Final = 160

STATUS_OF_KIND: Final = {
    "malformed": 400,
    "too_large": 413,
    "unauthenticated": 401,
    "unauthorised": 403,
    "not_found": 404,
    "stale": 409,
    "refused": 422,
    "busy": 429,
    "unavailable": 503,
    "mismatch": 503,
    "tampered": 500,
    "incomplete": 500,
    "untrusted": 500,
    "internal": 500,
}
STATUS_OF_CODE: Final = {
    "wrong_method": 405,
    "request_timeout": 408,
    "wrong_media_type": 415,
}
RETRYABLE: Final = frozenset(("busy", "unavailable"))

_UNSAFE: Final = re.compile(r"[^ -~]")
_OWN: Final = frozenset(
    (
        *("type", "title", "status", "detail", "code", "kind", "cause", "fix"),
        *("expected", "found", "retryable"),
    )
)


def status_of(error: LedgerError) -> int:
    """Return the HTTP status of an error."""
    own = STATUS_OF_CODE.get(error.code)
    return STATUS_OF_KIND[error.row.kind] if own is None else own


def describe_problem(error: LedgerError) -> JSONObject:
    """Return the problem document of an error."""
    row = error.row
    problem: JSONObject = {
        "cause": row.cause,
        "code": error.code,
        "detail": plain(str(error)),
        "fix": row.fix,
        "kind": row.kind,
        "retryable": row.kind in RETRYABLE,
        "status": status_of(error),
        "title": row.title,
        "type": f"/v1/errors/{error.code}",
    }
    if error.expected:
        problem["expected"] = plain(error.expected)
    if error.found:
        problem["found"] = plain(error.found)
    for name, value in error.details.items():
        if name in _OWN:
            continue
        if isinstance(value, int) and abs(value) <= INTEGER_MAX:
            problem[name] = value
        elif isinstance(value, str | int):
            problem[name] = plain(str(value))
    return problem


def plain(text: str) -> str:
    """Return a text cut to a bounded length of printable ASCII."""
    return _UNSAFE.sub("?", text[:TEXT_CHARACTERS_MAX])


def encode_problem(error: LedgerError) -> bytes:
    """Return the bytes of the problem document of an error."""
    return dump_json(describe_problem(error))


def problem_response(error: LedgerError) -> Response:
    """Return the answer that says what went wrong."""
    status = status_of(error)
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Allonge"
    if error.row.kind in RETRYABLE:
        headers["Retry-After"] = "1"
    return Response(encode_problem(error), status, headers, media_type=MEDIA_TYPE)


def dump_json(value: Any) -> bytes:
    """Return JSON bytes with sorted keys."""
    return orjson.dumps(value, _open_mapping, orjson.OPT_SORT_KEYS)


def _open_mapping(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError
