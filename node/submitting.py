"""The one way in: signed bytes, one envelope or a line each.

These are plain ASGI routes: the bytes are what was signed, so no framework
reads them first, and it would cost more than the signature.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from concurrent.futures import Future
from typing import Any, Final, NoReturn, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ledger.authority import Demand, persons_for
from ledger.encoding import (
    DEPTH_MAX,
    INTEGER_MAX,
    JSONObject,
    decode,
    encode,
    encode_base64,
)
from ledger.errors import LedgerError
from ledger.transactions import build_payload, transaction_id
from node.config import MANY_BYTES_MAX, MANY_MAX, ONE_BYTES_MAX, WAIT_S_MAX
from node.engine import Node
from node.problems import describe_problem, dump_json, problem_response
from node.visibility import Reader
from node.writer import Outcome, Ticket

T = TypeVar("T")

ENVELOPE_TYPES: Final = ("application/vnd.dsse+json", "application/json")
LINES_TYPE: Final = "application/x-ndjson"
DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*([0-9]{1,4})\s*(?:$|[,;])")


async def submit(node: Node, request: Request) -> Response:
    """Answer ``POST /v1/transactions``.

    Raises:
        LedgerError: what is wrong with the request, or why its only
            transaction was refused.
    """
    check_parameters(request)
    wait_s = parse_wait(request.headers.getlist("prefer"))
    if media_type_of(request) == LINES_TYPE:
        raw = await read_body(request, MANY_BYTES_MAX)
        return await _submit_many(node, raw, wait_s)
    check_media_type(request, (*ENVELOPE_TYPES, LINES_TYPE))
    raw = await read_body(request, ONE_BYTES_MAX)
    ticket = node.writer.submit([raw])
    await wait_until_done(ticket, wait_s)
    outcome = ticket.outcomes[0]
    height = {"Ledger-Height": str(node.chain.header.height)}
    if outcome is None:
        told = {"id": ticket.ids[0], "status": "accepted"}
        return json_response(told, height, status=202)
    if outcome.error is not None:
        return _refused_response(outcome.error)
    return json_response(_describe(outcome), height)


def _refused_response(error: LedgerError) -> Response:
    # A refusal is final only as a receipt in a block, or when the window of
    # the transaction has passed; until then the same bytes may yet succeed.
    return problem_response(_as_provisional(error))


def _as_provisional(error: LedgerError) -> LedgerError:
    details = {**error.details, "provisional": True}
    return LedgerError(
        error.code, expected=error.expected, found=error.found, **details
    )


async def _submit_many(node: Node, raw: bytes, wait_s: int) -> Response:
    lines = raw.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if not 1 <= len(lines) <= MANY_MAX:
        code = "bad_request" if not lines else "too_large"
        raise LedgerError(code, expected=f"1 to {MANY_MAX} lines", found=len(lines))
    ticket = node.writer.submit(lines)
    await wait_until_done(ticket, wait_s)
    results = []
    for transaction, outcome in zip(ticket.ids, ticket.outcomes, strict=True):
        if outcome is None:
            results.append({"id": transaction, "status": "accepted"})
        else:
            results.append(_describe(outcome))
    height = {"Ledger-Height": str(node.chain.header.height)}
    return json_response({"results": results}, height)


def _describe(outcome: Outcome) -> JSONObject:
    told: JSONObject = {"id": outcome.id} if outcome.id else {}
    if outcome.error is None:
        return told | {
            "height": outcome.height,
            "receipt": outcome.receipt,
            "status": "committed",
        }
    problem = describe_problem(_as_provisional(outcome.error))
    return told | {"code": problem["code"], "problem": problem, "status": "refused"}


async def validate(node: Node, request: Request) -> Response:
    """Answer ``POST /v1/transactions:validate``: a dry run of one envelope."""
    check_parameters(request)
    check_media_type(request, ENVELOPE_TYPES)
    raw = await read_body(request, ONE_BYTES_MAX)
    # Only what is signed by a member reaches the thread that seals.
    transaction = await run_in_threadpool(node.admit, raw)
    waiting = node.writer.call(lambda: node.dry_run(transaction), transaction.by[0])
    receipt = await finish(waiting)
    return json_response({"id": transaction.id, "receipt": receipt})


async def prepare(node: Node, request: Request, reader: Reader, act: str) -> Response:
    """Answer ``POST /v1/prepare/{act}``: unsigned bytes and who must sign.

    No key ever reaches a node; what comes back is checked by the wallet, which
    shows what it reads from the bytes and nothing else.
    """
    check_media_type(request, ("application/json",))
    asked = parse_json(await read_body(request, ONE_BYTES_MAX))
    if not isinstance(asked, dict) or not {"body"} <= asked.keys() <= _ASKED:
        raise LedgerError("bad_request", expected="a body, perhaps not_after, check")
    body, not_after = asked["body"], asked.get("not_after")
    check = asked.get("check", False)
    if type(check) is not bool:
        raise LedgerError("bad_request", expected="check as true or false")
    if not isinstance(body, dict):
        raise LedgerError("bad_request", expected="body as an object")
    if not_after is None:
        # People read it on a screen: to the minute.
        not_after = (node.times_ms()[0] + DAY_MS) // MINUTE_MS * MINUTE_MS
    elif type(not_after) is not int or not_after <= 0:
        raise LedgerError("bad_request", expected="not_after in milliseconds")
    waiting = node.writer.call(
        lambda: node.prepare(reader, act, body, check=check), reader.member
    )
    prepared = await finish(waiting)
    payload = build_payload(
        act=act,
        body=body,
        by=prepared.by,
        chain=node.chain.chain_id,
        nonce=secrets.token_hex(16),
        not_after=not_after,
        rule=prepared.rule,
    )
    return json_response(
        {
            "act": act,
            "by": list(prepared.by),
            "id": transaction_id(payload),
            "payload": encode_base64(payload),
            "rule": prepared.rule,
            "signers": [
                _describe_demand(node, reader, demand) for demand in prepared.demands
            ],
        }
    )


_ASKED: Final = {"body", "check", "not_after"}


def _describe_demand(node: Node, reader: Reader, demand: Demand) -> JSONObject:
    told: JSONObject = {"action": demand.action, "member": demand.member}
    if demand.amount_minor:
        told |= {"amount_minor": demand.amount_minor, "currency": demand.currency}
    if demand.member == reader.member:
        # Another member's policy is its own business.
        now = node.times_ms()[0]
        told["persons"] = persons_for(node.chain.state, demand, now)
    return told


# -- waiting ------------------------------------------------------------------------


async def wait_until_done(ticket: Ticket, wait_s: int) -> None:
    """Return when all have an outcome, or when waiting is over.

    Even without waiting, what admission refuses is told at once.
    """
    if not wait_s:
        await finish(ticket.admitted)
        return
    try:
        await asyncio.wait_for(finish(ticket.done), wait_s)
    except TimeoutError:
        await finish(ticket.admitted)


async def finish(future: Future[T]) -> T:
    """Return the result of a future of another thread.

    Giving up waiting leaves the future alone: others may wait for it.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake() -> None:
        if not done.done():
            done.set_result(None)

    def notify(_: Future[T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(notify)
    await done
    return future.result()


# -- reading requests ----------------------------------------------------------------


def check_parameters(request: Request, *known: str) -> None:
    """Return if a query has known parameters only, each once.

    Raises:
        LedgerError: ``bad_request``.
    """
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name not in known or name in seen:
            allowed = " ".join(known) or "no parameters"
            raise LedgerError("bad_request", expected=allowed)
        seen.add(name)


def media_type_of(request: Request) -> str:
    """Return the media type of a request's body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_media_type(request: Request, allowed: tuple[str, ...]) -> None:
    """Return if the body is of one of these types.

    Raises:
        LedgerError: ``wrong_media_type``.
    """
    if media_type_of(request) not in allowed:
        raise LedgerError("wrong_media_type", expected=" or ".join(allowed))


def parse_wait(headers: list[str]) -> int:
    """Return the seconds of ``Prefer: wait=N``, at most 30; 0 without it."""
    for header in headers:
        match = _WAIT.search(header)
        if match:
            return min(int(match[1]), WAIT_S_MAX)
    return 0


async def read_body(request: Request, size_max: int) -> bytes:
    """Return the body of a request.

    Raises:
        LedgerError: ``too_large``; ``bad_request``, it does not end.
    """
    named = request.headers.get("content-length", "")
    if named.isdecimal() and int(named[:16]) > size_max:
        raise LedgerError("too_large", expected=f"{size_max} bytes")
    raw = bytearray()
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > size_max:
                raise LedgerError("too_large", expected=f"{size_max} bytes")
    except ClientDisconnect as error:
        raise LedgerError("bad_request", found="no end of the body") from error
    return bytes(raw)


def parse_json(raw: bytes) -> Any:
    """Return a value of the ledger's JSON profile, however it is laid out.

    Unlike signed bytes, a request may have white space and any order of keys.

    Raises:
        LedgerError: ``bad_json``: no JSON, a key twice, a float, a null, too
            deep, or outside the profile in another way.
    """
    if raw.count(b"[") + raw.count(b"{") > len(raw) // 2 + DEPTH_MAX:
        raise LedgerError("bad_json", expected=f"at most {DEPTH_MAX} levels")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_take_pairs,
            parse_constant=_refuse_number,
            parse_float=_refuse_number,
            parse_int=_take_integer,
        )
    except (ValueError, RecursionError) as error:
        raise LedgerError("bad_json", expected="JSON in UTF-8") from error
    return decode(encode(value))


def _take_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LedgerError("bad_json", expected="each key once")
    return found


def _refuse_number(text: str) -> NoReturn:
    raise LedgerError("bad_json", expected="integers", found=text[:16])


def _take_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > INTEGER_MAX:
        raise LedgerError("bad_json", expected="integers within 2**53 - 1")
    return int(text)


def json_response(
    value: object, headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """Return an answer in JSON."""
    own = {"Cache-Control": "no-store", **(headers or {})}
    return Response(dump_json(value), status, own, media_type="application/json")
