"""The routes that need no grant: the node, the log's hashes, codes, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.routing import APIRoute, APIRouter
from starlette.responses import PlainTextResponse, Response

from ledger import kernel
from ledger.encoding import JSONObject, decode
from ledger.errors import LedgerError, registry
from node import tiles, views
from node.config import PAGE_ITEMS, PAGE_ITEMS_MAX
from node.engine import Node
from node.metrics import MEDIA_TYPE as METRICS_TYPE
from node.metrics import encode_metrics
from node.problems import describe_problem
from node.submitting import check_parameters, json_response

Place = Annotated[int, Query(ge=0, le=2**53)]
Item = Annotated[str, Path(min_length=1, max_length=200)]


class StrictRoute(APIRoute):
    """A route that knows its query parameters and refuses all others."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the framework's handler, behind a look at the query."""
        handle = super().get_route_handler()
        known = [str(field.alias) for field in _query_fields(self.dependant)]

        async def strict(request: Request) -> Response:
            check_parameters(request, *known)
            response: Response = await handle(request)
            return response

        return strict


def _query_fields(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query_fields(inner)


public = APIRouter(route_class=StrictRoute)


@public.get("/livez")
def live() -> Response:
    """Say that the process answers."""
    return json_response({"status": "ok"})


@public.get("/readyz")
def ready(request: Request) -> Response:
    """Say that the node seals and reads; otherwise a problem."""
    node: Node = request.app.state.node
    if not node.is_ready:
        raise LedgerError("node_stopping")
    return json_response({"height": node.chain.header.height, "status": "ready"})


@public.get("/v1/node")
def show_node(request: Request) -> Response:
    """Return which chain this is, where it stands and what is active."""
    node: Node = request.app.state.node
    chain = node.chain

    def read() -> JSONObject:
        header = chain.header
        return {
            "block_time": header.time,
            "calendars": views.latest_calendars(chain.state),
            "chain": chain.chain_id,
            "head_hash": header.hash.hex(),
            "height": header.height,
            "kernel": kernel.MANIFEST_HASH,
            "log_key": node.checkpoints.vkey,
            "manifests": chain.rulebook.manifests,
            "origin": node.checkpoints.origin,
            "parameters": chain.parameters,
            "rulebook": chain.rulebook.hash,
            "test_chain": chain.parameters["test_chain"],
            "time": node.times_ms()[0],
            "version": version("allonge"),
        }

    found = node.writer.gate.read(read)
    return json_response(found, {"Ledger-Height": str(found["height"])})


@public.get("/v1/checkpoints/latest")
def latest_checkpoint(request: Request) -> Response:
    """Return the latest signed head of the log, a C2SP signed note."""
    return PlainTextResponse(request.app.state.node.checkpoints.latest())


@public.get("/v1/log/checkpoint")
def log_checkpoint(request: Request) -> Response:
    """Return the latest signed head of the log where C2SP tlog-tiles has it."""
    return latest_checkpoint(request)


@public.get("/v1/log/tile/{level}/{place:path}")
def log_tile(
    request: Request,
    level: Annotated[int, Path(ge=0, le=63)],
    place: Annotated[str, Path(min_length=1, max_length=40)],
) -> Response:
    """Return a tile of hashes of the log, as C2SP tlog-tiles names it."""
    raw = tiles.read_tile(request.app.state.node, level, place)
    # What is in a tile never changes; a wider one has another name.
    own = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(raw, 200, own, media_type="application/octet-stream")


@public.get("/v1/log/inclusion")
def log_inclusion(request: Request, index: Place, size: Place = 0) -> Response:
    """Return the proof that a leaf stands in the log of a size, or of today."""
    node: Node = request.app.state.node
    return json_response(tiles.prove_inclusion(node, index, size))


@public.get("/v1/log/consistency")
def log_consistency(
    request: Request, old: Annotated[Place, Query(alias="from")], to: Place = 0
) -> Response:
    """Return the proof that the log of one size begins with that of another."""
    node: Node = request.app.state.node
    return json_response(tiles.prove_consistency(node, old, to))


@public.get("/metrics")
def show_metrics(request: Request) -> Response:
    """Return what the node measures, as Prometheus reads it."""
    told = {"forwarded", "via", "x-forwarded-for"} & set(request.headers)
    peer = request.client.host if request.client is not None else ""
    near = peer in ("127.0.0.1", "::1") and not told
    if not near and not request.app.state.shows_metrics:
        raise LedgerError("not_found", found="metrics")
    raw = encode_metrics(request.app.state.node)
    own = {"Cache-Control": "no-store"}
    return Response(raw, 200, own, media_type=METRICS_TYPE)


@public.get("/v1/headers")
def list_headers(
    request: Request,
    start: Annotated[int, Query(alias="from", ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS,
) -> Response:
    """Return headers in order of height."""
    node: Node = request.app.state.node
    stop = min(start + limit, node.chain.header.height + 1)
    heights = range(start, max(start, stop))
    return json_response(
        {"items": [decode(node.store.block(height).header) for height in heights]}
    )


@public.get("/v1/errors")
def list_errors() -> Response:
    """Return all error codes with cause and fix."""
    return json_response({"items": [_code(code) for code in sorted(registry())]})


@public.get("/v1/errors/{code}")
def show_error(code: Item) -> Response:
    """Return one error code with cause and fix."""
    if code not in registry():
        raise LedgerError("not_found", found="code")
    return json_response(_code(code))


def _code(code: str) -> JSONObject:
    problem = describe_problem(LedgerError(code))
    return {name: problem[name] for name in problem if name != "detail"}


@public.get("/v1/openapi.json", include_in_schema=False)
def show_interface(request: Request) -> Response:
    """Return this interface as OpenAPI."""
    return json_response(request.app.openapi())
