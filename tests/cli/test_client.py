"""The wallet's HTTP: bounded, coded, and never wrong about an outcome."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli import client as module
from cli.client import NodeClient, NodeError
from cli.terminal import exit_code
from ledger.errors import LedgerError

ENVELOPE = b'{"payload":"eA==","payloadType":"t","signatures":[]}'
TRANSACTION = "5c" * 32
COMMITTED = {"height": 4, "receipt": {"code": "ok"}, "status": "committed"}

Reply = tuple[int, Any] | None  # None: close without an answer


class Server(ThreadingHTTPServer):
    """Answers what the test says and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.answer: Callable[[str, str], Reply] = lambda _method, _path: (404, {})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the server's answer."""

    server: Server

    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, raw, dict(self.headers)))
        reply = self.server.answer(self.command, self.path)
        if reply is None:
            self.close_connection = True
            return
        status, value = reply
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Ledger-Height", "17")
        self.end_headers()
        self.wfile.write(body)

    do_GET = _handle  # noqa: N815 - as the base class calls it
    do_POST = _handle  # noqa: N815 - as above

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that answers 404 until told otherwise."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between tries."""
    monkeypatch.setattr(module, "POLL_S", 0.001)


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[NodeClient]]:
    """Close every client a test has made."""
    made: list[NodeClient] = []
    start = NodeClient.__init__

    def note(self: NodeClient, *given: Any, **named: Any) -> None:
        start(self, *given, **named)
        made.append(self)

    monkeypatch.setattr(NodeClient, "__init__", note)
    yield made
    for client in made:
        client.close()


def refusal(act: Callable[[], object]) -> LedgerError:
    """Return the error that a call raises."""
    with pytest.raises(LedgerError) as caught:
        act()
    return caught.value


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://node.example:80", "node_not_secure"),
        ("http://192.168.0.9", "node_not_secure"),
        ("ftp://localhost", "node_unreachable"),
        ("localhost:80", "node_unreachable"),
        ("http://[::1", "node_unreachable"),
        ("http://localhost:99999", "node_unreachable"),
        ("", "node_unreachable"),
    ],
)
def test_only_safe_addresses_are_spoken_to(url: str, code: str) -> None:
    """Grants are bearer tokens: away from this machine only over TLS."""
    assert refusal(lambda: NodeClient(url)).code == code


def test_nobody_listens() -> None:
    """A refused connection is told apart from a lost answer: nothing was sent."""
    with Server() as closed:
        url = closed.url
    client = NodeClient(url)
    error = refusal(client.node)
    assert url in str(error.found)
    assert (error.code, exit_code(error.code, error.row.kind)) == (
        "node_unreachable",
        5,
    )
    error = refusal(lambda: client.submit(ENVELOPE, TRANSACTION, 1))
    assert error.code == "node_unreachable"


@pytest.mark.parametrize(
    "reply",
    [None, (500, b"<html>"), (503, {"code": "storage_failed"}), (200, b"nonsense")],
    ids=["closed", "fault", "storage", "no json"],
)
def test_an_outcome_that_is_not_known_is_called_so(
    server: Server, reply: Reply
) -> None:
    """The same bytes go again; then it is neither done nor failed: exit 8."""
    server.answer = lambda method, _: reply if method == "POST" else (404, {})
    client = NodeClient(server.url)
    error = refusal(lambda: client.submit(ENVELOPE, TRANSACTION, 0))
    assert (error.code, exit_code(error.code, error.row.kind)) == ("outcome_unknown", 8)
    assert TRANSACTION in str(error.details["fix"])
    sent = [raw for method, _, raw, _ in server.asked if method == "POST"]
    assert len(sent) == module.SENDS_MAX
    assert set(sent) == {ENVELOPE}


def test_a_lost_answer_is_found_again(server: Server) -> None:
    """Sending again is safe: the node knows the transaction and says so."""
    replies: list[Reply] = [None, (200, COMMITTED)]
    server.answer = lambda _method, _path: replies.pop(0)
    client = NodeClient(server.url)
    assert client.submit(ENVELOPE, TRANSACTION, 1) == COMMITTED
    assert client.height == 17


def test_an_accepted_transaction_is_asked_for_until_it_is_sealed(
    server: Server,
) -> None:
    """202 is no outcome; the answer comes by id."""
    gets: list[Reply] = [(404, {"code": "not_found"}), (200, COMMITTED)]

    def answer(method: str, path: str) -> Reply:
        if method == "POST":
            return 202, {"id": TRANSACTION, "status": "accepted"}
        assert path == f"/v1/transactions/{TRANSACTION}"
        return gets.pop(0)

    server.answer = answer
    assert NodeClient(server.url).submit(ENVELOPE, TRANSACTION, 5) == COMMITTED


def test_an_accepted_transaction_that_stays_out_is_unknown(server: Server) -> None:
    """Waiting ends; what the ledger will do is then still open."""
    server.answer = lambda method, _: (
        (202, {"status": "accepted"}) if method == "POST" else (404, {})
    )
    client = NodeClient(server.url)
    assert refusal(lambda: client.submit(ENVELOPE, TRANSACTION, 0)).code == (
        "outcome_unknown"
    )


@pytest.mark.parametrize(
    ("status", "problem", "code", "exit_status"),
    [
        (409, {"code": "stale_input", "kind": "stale"}, "stale_input", 9),
        (422, {"code": "bad_new_code", "kind": "refused"}, "bad_new_code", 7),
        (403, {"code": "bad_new_code", "kind": "unauthorised"}, "bad_new_code", 4),
        (422, {"code": "bad_new_code", "kind": "nonsense"}, "bad_new_code", 7),
        (404, {"code": "not_found"}, "not_found", 6),
        (429, {"code": "quota_exceeded"}, "quota_exceeded", 5),
        (400, {"code": "../../x"}, "node_failed", 5),
        (418, {"detail": "teapot"}, "node_failed", 5),
        (302, b"", "node_failed", 5),
    ],
)
def test_a_problem_keeps_its_code(
    server: Server, status: int, problem: Any, code: str, exit_status: int
) -> None:
    """Known codes speak with this release's words, new ones with the node's."""
    server.answer = lambda _method, _path: (status, problem)
    error = refusal(lambda: NodeClient(server.url).get("/v1/members"))
    assert error.code == code
    assert exit_code(error.code, error.row.kind) == exit_status
    assert error.row.title


def test_a_problem_cannot_repaint_a_known_code(server: Server) -> None:
    """What a code means is not for the node to say."""
    problem = {"code": "stale_input", "title": "all is well", "kind": "internal"}
    server.answer = lambda _method, _path: (409, problem)
    error = refusal(lambda: NodeClient(server.url).get("/v1/members"))
    assert isinstance(error, NodeError)
    assert (error.row.kind, "well" in error.row.title) == ("stale", False)


def test_refusals_are_not_sent_again(server: Server) -> None:
    """A named refusal is an answer: it is not repeated."""
    server.answer = lambda _method, _path: (422, {"code": "past_due"})
    client = NodeClient(server.url)
    assert refusal(lambda: client.submit(ENVELOPE, TRANSACTION, 0)).code == "past_due"
    assert len(server.asked) == 1


def test_lists_are_read_to_their_end(server: Server) -> None:
    """No page is left out, and a list without end is an error."""
    pages = {
        "/v1/offers?limit=500": {"items": [{"n": 1}], "next_cursor": "a b"},
        "/v1/offers?limit=500&cursor=a+b": {"items": [{"n": 2}]},
    }
    server.answer = lambda _method, path: (200, pages[path])
    client = NodeClient(server.url, lambda: "Allonge grant")
    assert list(client.items("/v1/offers")) == [{"n": 1}, {"n": 2}]
    assert {asked[3]["Authorization"] for asked in server.asked} == {"Allonge grant"}


@pytest.mark.parametrize("value", [[], {"items": {}}, {"rows": []}, "text"])
def test_an_answer_of_another_form_is_named(server: Server, value: Any) -> None:
    """A confused node fails by name, not by traceback."""
    server.answer = lambda _method, _path: (200, value)
    client = NodeClient(server.url)
    assert refusal(lambda: list(client.items("/v1/offers"))).code == "node_failed"
    assert refusal(client.node).code == "node_failed"


def test_too_long_an_answer_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node cannot fill the wallet's memory."""
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 100)
    server.answer = lambda _method, _path: (200, b"9" * 200)
    assert refusal(lambda: NodeClient(server.url).get("/v1/x")).code == "node_failed"


def test_a_kept_connection_that_was_closed_is_opened_again(server: Server) -> None:
    """A read over a connection that the node has ended meanwhile is repeated."""
    replies: list[Reply] = [(200, {"n": 1}), None, (200, {"n": 2})]
    server.answer = lambda _method, _path: replies.pop(0)
    client = NodeClient(server.url)
    assert client.get("/v1/a") == {"n": 1}
    assert client.get("/v1/a") == {"n": 2}
    assert len(server.asked) == 3
