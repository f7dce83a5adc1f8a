"""The routes of the node; the contract with wallets and other systems.

Reads run in the thread pool, through the gate and the reader's sight. Every
failure, the framework's own included, leaves as a problem document.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRouter
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ledger.encoding import JSONObject, decode, encode_base64, load_record
from ledger.errors import LedgerError
from ledger.export import describe_ledger, export_pieces
from ledger.transactions import parse_transaction
from node import submitting, views
from node.config import PAGE_ITEMS, PAGE_ITEMS_MAX
from node.engine import Node
from node.grants import Grant
from node.openapi import describe_interface
from node.problems import problem_response
from node.public import Item, StrictRoute, public
from node.streams import Cursor, Streams
from node.submitting import check_parameters, json_response
from node.views import Page
from node.visibility import Reader, Sight, of_transaction

READABLE: Final = {
    "accounts": "account",
    "calendars": "calendar",
    "grants": "grant",
    "recoveries": "recovery",
    "deals": "deal",
    "disputes": "dispute",
    "offers": "offer",
    "orders": "order",
    "payouts": "payout",
    "programmes": "programme",
    "quotes": "quote",
    "receivables": "receivable",
    "requests": "request",
}
# Kinds of which all records are listed together.
LISTED: Final = ("account", "calendar", "grant", "order", "programme", "recovery")

_TRANSACTION: Final = re.compile(r"[0-9a-f]{64}")


class Session:
    """One granted request: who reads, and how answers are made.

    Attributes:
        node: which is read.
        grant: by which.
        reader: who reads.
    """

    def __init__(self, node: Node, grant: Grant, reader: Reader) -> None:
        """Remember node and reader."""
        self.node = node
        self.grant = grant
        self.reader = reader

    def answer(self, look: Callable[[Sight], Any]) -> Response:
        """Return what a function of the reader's sight gives, as JSON."""
        node = self.node

        def read() -> tuple[int, Any]:
            return node.chain.header.height, look(node.look(self.reader))

        height, found = node.writer.gate.read(read)
        return json_response(found, {"Ledger-Height": str(height)})


def _open_session(request: Request) -> Session:
    node: Node = request.app.state.node
    header = request.headers.get("authorization")
    grant, reader = node.grants.verify(header, *node.times_ms())
    return Session(node, grant, reader)


Granted = Annotated[Session, Depends(_open_session)]


def _take_page(
    request: Request,
    session: Granted,
    limit: Annotated[int, Query(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS,
    cursor: str = "",
) -> Page:
    cursors, bound = session.node.cursors, f"{session.reader.member} {request.url.path}"
    return Page(limit, cursors.open(cursor, bound), partial(cursors.seal, bound=bound))


Paged = Annotated[Page, Depends(_take_page)]

granted = APIRouter(route_class=StrictRoute)


# -- members -----------------------------------------------------------------------


@granted.get("/v1/members")
def list_members(session: Granted, page: Paged) -> Response:
    """Return the members by name."""
    return session.answer(lambda sight: views.list_members(sight, page))


@granted.get("/v1/members/{member}")
def show_member(session: Granted, member: Item) -> Response:
    """Return a member: name, roles, status, identifiers."""
    return session.answer(lambda sight: views.need(sight, "member", member))


@granted.get("/v1/members/{member}/keys")
def list_keys(session: Granted, member: Item) -> Response:
    """Return a member's keys: its own, or all for operator and auditors."""
    return session.answer(lambda sight: views.list_keys(sight, member))


@granted.get("/v1/keys/{key}/acts")
def list_acts_of_key(
    session: Granted,
    key: Item,
    page: Paged,
    since: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """Return everything that a member's key signed since a height."""
    return session.answer(lambda sight: views.list_acts_of_key(sight, key, since, page))


@granted.get("/v1/members/{member}/policy")
def show_policy(session: Granted, member: Item) -> Response:
    """Return a member's approval policy, with a change that is planned."""
    return session.answer(lambda sight: views.need(sight, "policy", member))


@granted.get("/v1/members/{member}/accounts")
def list_payout_accounts(session: Granted, member: Item) -> Response:
    """Return where a member is paid, as commitments."""
    return session.answer(lambda sight: views.list_payout_accounts(sight, member))


# -- commerce ----------------------------------------------------------------------


@granted.get("/v1/receivables")
def list_receivables(
    session: Granted, page: Paged, state: str | None = None
) -> Response:
    """Return the receivables a reader is party to, by due date."""
    return session.answer(lambda sight: views.list_receivables(sight, state, page))


@granted.get("/v1/receivables/{receivable}/tiles")
def list_tiles(session: Granted, receivable: Item, page: Paged) -> Response:
    """Return a reader's tiles of a receivable."""
    return session.answer(lambda sight: views.list_tiles(sight, receivable, page))


@granted.get("/v1/receivables/{receivable}/disputes")
def list_disputes(session: Granted, receivable: Item, page: Paged) -> Response:
    """Return the disputes of a receivable, oldest first."""
    return session.answer(lambda sight: views.list_disputes(sight, receivable, page))


@granted.get("/v1/accounts/{account}/entries")
def list_entries(
    session: Granted, account: Item, page: Paged, since: str = ""
) -> Response:
    """Return the bank entries of an account, from a booking date on."""
    return session.answer(lambda sight: views.list_entries(sight, account, since, page))


@granted.get("/v1/accounts/{account}/discrepancies")
def list_discrepancies(
    session: Granted, account: Item, page: Paged, state: str = ""
) -> Response:
    """Return the facts of an account that did not fit, all or those in a state."""
    return session.answer(
        lambda sight: views.list_discrepancies(sight, account, state, page)
    )


@granted.get("/v1/receivables/{receivable}/lineage")
def show_lineage(session: Granted, receivable: Item) -> Response:
    """Return who passed what to whom, as far as a reader took part."""
    return session.answer(lambda sight: views.show_lineage(sight, receivable))


@granted.get("/v1/receivables/{receivable}/history")
def list_history(session: Granted, receivable: Item, page: Paged) -> Response:
    """Return the events of a receivable that a reader may see."""
    return session.answer(lambda sight: views.list_history(sight, receivable, page))


@granted.get("/v1/holdings")
def list_holdings(session: Granted, page: Paged) -> Response:
    """Return a reader's own live tiles, with facts of their receivables."""
    return session.answer(lambda sight: views.list_holdings(sight, page))


@granted.get("/v1/offers")
def list_offers(session: Granted, page: Paged) -> Response:
    """Return the open offers to and from a reader."""
    return session.answer(lambda sight: views.list_own(sight, "offers", page))


@granted.get("/v1/requests")
def list_requests(session: Granted, page: Paged) -> Response:
    """Return the requests for a price that a reader made or got."""
    return session.answer(lambda sight: views.list_own(sight, "requests", page))


@granted.get("/v1/quotes")
def list_quotes(session: Granted, page: Paged) -> Response:
    """Return the firm prices that a reader gave or got."""
    return session.answer(lambda sight: views.list_own(sight, "quotes", page))


@granted.get("/v1/deals")
def list_deals(session: Granted, page: Paged) -> Response:
    """Return the deals in which a reader pays or is paid, by state."""
    return session.answer(lambda sight: views.list_own(sight, "deals", page))


@granted.get("/v1/advices")
def list_advices(session: Granted, page: Paged) -> Response:
    """Return what a reader said of payments that are still to come."""
    return session.answer(lambda sight: views.list_own(sight, "advices", page))


@granted.get("/v1/paytos")
def list_paytos(session: Granted, page: Paged) -> Response:
    """Return the changes of account of what a reader holds or owes."""
    return session.answer(lambda sight: views.list_paytos(sight, page))


@granted.get("/v1/inbox")
def list_inbox(session: Granted) -> Response:
    """Return the records that wait for a reader's answer."""
    return session.answer(views.list_inbox)


@granted.get("/v1/payouts")
def list_payouts(
    session: Granted, page: Paged, account: str = "", payee: str = "", state: str = ""
) -> Response:
    """Return payouts of an account, of a payee, or of the reader."""
    return session.answer(
        lambda sight: views.list_payouts(sight, page, account, payee, state)
    )


@granted.get("/v1/receipts")
def list_receipts(session: Granted, page: Paged, account: str) -> Response:
    """Return incoming money of an account that is not distributed yet."""
    return session.answer(lambda sight: views.list_receipts(sight, account, page))


def _add_record_route(plural: str, kind: str) -> None:
    @granted.get(f"/v1/{plural}/{{item}}", name=f"show_{kind}")
    def show(session: Granted, item: Item) -> Response:
        return session.answer(lambda sight: views.need(sight, kind, item))

    show.__doc__ = f"Return one {kind}."


def _add_list_route(plural: str, kind: str) -> None:
    @granted.get(f"/v1/{plural}", name=f"list_{plural}")
    def show(session: Granted, page: Paged) -> Response:
        return session.answer(lambda sight: views.list_kind(sight, kind, page))

    show.__doc__ = f"Return all {plural} that a reader has to do with."


for _plural, _kind in READABLE.items():
    _add_record_route(_plural, _kind)
    if _kind in LISTED:
        _add_list_route(_plural, _kind)


# -- proofs, blocks, events --------------------------------------------------------


@granted.get("/v1/records/{kind}/{item:path}")
def show_record(
    session: Granted, kind: Item, item: Item, scope: Annotated[str, Query()] = ""
) -> Response:
    """Return a record with the proof that it stands in the state map.

    With a tile come the claim it is a part of, and that no other overlaps it.
    """
    return session.answer(lambda sight: _prove(session.node, sight, kind, item, scope))


def _prove(node: Node, sight: Sight, kind: str, item: str, scope: str) -> JSONObject:
    shown = {"record": views.need(sight, kind, item, scope)}
    if node.chain.state.kinds[kind].interval:
        # With what it is a part of, so that both are under one header.
        shown["parent"] = views.need(sight, "receivable", scope)
    return {**shown, **node.chain.prove(*shown.values())}


@granted.get("/v1/transactions/{transaction}")
def show_transaction(session: Granted, transaction: Item) -> Response:
    """Return a sealed transaction, or why a builder dropped it lately."""
    node = session.node
    if not _TRANSACTION.fullmatch(transaction):
        raise LedgerError("not_found", found="transaction")
    sealed = node.store.find_transaction(transaction)
    if sealed is None:
        _raise_refusal(session, transaction)
        raise LedgerError("not_found", found="transaction")
    if sealed.height == 0 and sealed.position == 0:
        raise LedgerError("not_found", found="transaction")  # genesis is none
    made = of_transaction(parse_transaction(sealed.envelope))

    def show(sight: Sight) -> JSONObject:
        if not sight.may_see(made):
            raise LedgerError("not_found", found="transaction")
        receipt = load_record(sealed.receipt) if sealed.receipt else {"code": "ok"}
        return {
            "act": made["act"],
            "envelope": encode_base64(sealed.envelope),
            "height": sealed.height,
            "id": transaction,
            "leaf": sealed.leaf,
            "position": sealed.position,
            "receipt": receipt,
            "status": "committed",
        }

    return session.answer(show)


def _raise_refusal(session: Session, transaction: str) -> None:
    refused = session.node.writer.refusal(transaction)
    if refused is not None and session.reader.member in refused[0].by:
        error = refused[1]
        details = {**error.details, "provisional": True}
        raise LedgerError(
            error.code, expected=error.expected, found=error.found, **details
        )


@granted.get("/v1/blocks/{height}")
def show_block(
    session: Granted, height: Annotated[int, Path(ge=0, le=2**53)]
) -> Response:
    """Return a block's header, and its transactions that a reader may see.

    Under a grant of the whole chain it has receipts and events as well.
    """
    block = session.node.store.block(height)
    made = [parse_transaction(raw) for raw in block.transactions] if height else []

    def show(sight: Sight) -> JSONObject:
        seen = [one for one in made if sight.may_see(of_transaction(one))]
        found: JSONObject = {
            "header": decode(block.header),
            "ids": [one.id for one in seen],
            "transactions": [encode_base64(one.envelope.raw) for one in seen],
        }
        if sight.sees_all:
            found["events"] = [load_record(raw) for raw in block.events]
            found["receipts"] = [load_record(raw) for raw in block.receipts]
        return found

    return session.answer(show)


@granted.get("/v1/events")
async def stream_events(
    request: Request, session: Granted, after: str = ""
) -> Response:
    """Return events as a stream, from the id behind which one is asked for."""
    known = request.headers.get("last-event-id") or after
    cursor = Cursor.parse(known) if known else None
    streams: Streams = request.app.state.streams
    slot = streams.admit(session.reader.member)
    slot.__enter__()

    async def run() -> AsyncIterator[bytes]:
        try:
            async for piece in streams.run(session.grant, session.reader, cursor):
                yield piece
        finally:
            slot.__exit__(None, None, None)

    headers = {
        "Cache-Control": "no-store",
        "Ledger-Height": str(session.node.chain.header.height),
    }
    return StreamingResponse(run(), 200, headers, media_type="text/event-stream")


@granted.get("/v1/export")
def export_ledger(
    session: Granted, start: Annotated[int, Query(alias="from", ge=0, le=0)] = 0
) -> Response:
    """Return the whole ledger as an export, under a grant of all of it."""
    del start
    node = session.node
    if not node.writer.gate.read(lambda: node.look(session.reader).sees_all):
        raise LedgerError("not_found", found="export")
    facts = describe_ledger(session.node.store)
    pieces = export_pieces(facts, session.node.store.blocks())
    return StreamingResponse(pieces, media_type="application/octet-stream")


# -- signed bytes ------------------------------------------------------------------


async def _submit(request: Request) -> Response:
    return await submitting.submit(request.app.state.node, request)


async def _validate(request: Request) -> Response:
    return await submitting.validate(request.app.state.node, request)


async def _prepare(request: Request) -> Response:
    check_parameters(request)
    session = _open_session(request)
    act = request.path_params["act"]
    return await submitting.prepare(session.node, request, session.reader, act)


# -- the application ---------------------------------------------------------------


class _HeightHeader:
    """Adds ``Ledger-Height`` to every answer that does not say it yet."""

    def __init__(self, app: Any, node: Node) -> None:
        self._app = app
        self._node = node

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_height(message: Any) -> None:
            if message["type"] == "http.response.start":
                names = [name.lower() for name, _ in message["headers"]]
                if b"ledger-height" not in names:
                    height = str(self._node.chain.header.height).encode()
                    message["headers"].append((b"ledger-height", height))
            await send(message)

        await self._app(scope, receive, send_with_height)


def create_app(node: Node, *, shows_metrics: bool = False) -> FastAPI:
    """Return the application of a running node.

    Args:
        node: which is served.
        shows_metrics: to others than programs on this machine as well.
    """
    app = FastAPI(
        title="Allonge node",
        version=version("allonge"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False},
        middleware=[Middleware(_HeightHeader, node=node)],
    )
    app.state.node = node
    app.state.streams = Streams(node)
    app.state.shows_metrics = shows_metrics
    app.router.routes += [
        Route("/v1/transactions", _submit, methods=["POST"]),
        Route("/v1/transactions:validate", _validate, methods=["POST"]),
        Route("/v1/prepare/{act}", _prepare, methods=["POST"]),
    ]
    app.include_router(public)
    app.include_router(granted)
    app.add_exception_handler(LedgerError, _on_ledger_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)
    app.add_exception_handler(Exception, _on_fault)
    app.openapi = lambda: describe_interface(app)  # type: ignore[method-assign]
    return app


def _on_ledger_error(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, LedgerError):
        raise error
    return problem_response(error)


def _on_http_error(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, HTTPException):
        raise error
    codes = {404: "not_found", 405: "wrong_method", 413: "too_large"}
    code = codes.get(error.status_code, "bad_request")
    response = problem_response(LedgerError(code))
    response.headers.update(error.headers or {})
    return response


def _on_bad_parameter(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem_response(
        LedgerError("bad_request", expected=first["msg"], pointer=place)
    )


def _on_fault(request: Request, error: Exception) -> Response:
    del request, error  # the framework logs it after this answer
    return problem_response(LedgerError("node_fault"))
