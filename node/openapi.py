"""The interface as OpenAPI: what the framework knows, and what it cannot."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ledger.encoding import JSONObject
from node.problems import MEDIA_TYPE

GRANT: Final = {
    "description": "Allonge <base64 of a DSSE envelope of type read.v1>",
    "in": "header",
    "name": "Authorization",
    "type": "apiKey",
}
PUBLIC: Final = (
    "/livez",
    "/metrics",
    "/readyz",
    "/v1/checkpoints/latest",
    "/v1/errors",
    "/v1/errors/{code}",
    "/v1/headers",
    "/v1/log/checkpoint",
    "/v1/log/consistency",
    "/v1/log/inclusion",
    "/v1/log/tile/{level}/{place}",
    "/v1/node",
    "/v1/transactions",
    "/v1/transactions:validate",
)
_TEXT: Final = {"type": "string"}
PROBLEM: Final = {
    "description": "RFC 9457 problem document.",
    "properties": {
        **dict.fromkeys(("cause", "code", "detail", "fix", "kind"), _TEXT),
        **dict.fromkeys(("expected", "found", "title", "type"), _TEXT),
        "retryable": {"type": "boolean"},
        "status": {"type": "integer"},
    },
    "required": ["code", "kind", "retryable", "status", "title", "type"],
    "type": "object",
}
ENVELOPE: Final = {
    "additionalProperties": False,
    "properties": {
        "payload": _TEXT,
        "payloadType": _TEXT,
        "signatures": {
            "items": {
                "additionalProperties": False,
                "properties": {"keyid": _TEXT, "sig": _TEXT},
                "required": ["keyid", "sig"],
                "type": "object",
            },
            "maxItems": 16,
            "minItems": 1,
            "type": "array",
        },
    },
    "required": ["payload", "payloadType", "signatures"],
    "type": "object",
}


def describe_interface(app: FastAPI) -> JSONObject:
    """Return the OpenAPI document, built once."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        parts = found.setdefault("components", {})
        parts["schemas"] = {"Envelope": ENVELOPE, "Problem": PROBLEM}
        parts["securitySchemes"] = {"grant": GRANT}
        found["paths"] |= _signed_paths()
        for path, operations in found["paths"].items():
            for operation in operations.values():
                _complete(path, operation)
        app.openapi_schema = found
    return app.openapi_schema


def _complete(path: str, operation: JSONObject) -> None:
    operation["responses"].pop("422", None)
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"]["default"] = {
        "content": problem,
        "description": "What went wrong.",
    }
    if path not in PUBLIC:
        operation["security"] = [{"grant": []}]


def _signed_paths() -> JSONObject:
    envelope = {"schema": {"$ref": "#/components/schemas/Envelope"}}
    one = {"application/json": envelope, "application/vnd.dsse+json": envelope}
    lines = {"application/x-ndjson": {"schema": _TEXT}}
    asked = {
        "additionalProperties": False,
        "properties": {
            "body": {"type": "object"},
            "check": {"type": "boolean"},
            "not_after": {"type": "integer"},
        },
        "required": ["body"],
        "type": "object",
    }
    submit = _post("submit", "Hand in one envelope, or one a line.", one | lines)
    submit["parameters"] = [_parameter("header", "Prefer", required=False)]
    submit["responses"]["202"] = _answer("Taken and not sealed yet; ask by its id.")
    prepare = _post(
        "prepare",
        "Return the unsigned bytes of an act and who must sign them.",
        {"application/json": {"schema": asked}},
    )
    prepare["parameters"] = [_parameter("path", "act", required=True)]
    validate = _post("validate", "Return the receipt an envelope would get.", one)
    return {
        "/v1/prepare/{act}": {"post": prepare},
        "/v1/transactions": {"post": submit},
        "/v1/transactions:validate": {"post": validate},
    }


def _post(name: str, summary: str, content: JSONObject) -> JSONObject:
    return {
        "operationId": name,
        "requestBody": {"content": content, "required": True},
        "responses": {"200": _answer("What became of it.")},
        "summary": summary,
    }


def _answer(text: str) -> JSONObject:
    return {
        "content": {"application/json": {"schema": {"type": "object"}}},
        "description": text,
    }


def _parameter(place: str, name: str, *, required: bool) -> JSONObject:
    return {"in": place, "name": name, "required": required, "schema": _TEXT}
