"""The wallet's side of HTTP: one node, bounded answers, errors with codes.

Every failure becomes a ``LedgerError``. A problem document of the node keeps
its code; texts come from this release where it knows the code. What was sent
and not answered is neither failed nor done: it is asked for by its id, and
only then called unknown.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from cli.people import name_id
from ledger.encoding import JSONObject, encode_base64
from ledger.errors import KINDS, Code, LedgerError, registry
from ledger.names import KIND_LETTERS

ANSWER_BYTES_MAX: Final = 64 * 2**20
TIMEOUT_S: Final = 40
CONNECT_TIMEOUT_S: Final = 5
PAGES_MAX: Final = 10_000
PAGE_ITEMS: Final = 500
SENDS_MAX: Final = 3
POLL_S: Final = 0.5
ENVELOPE_TYPE: Final = "application/vnd.dsse+json"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLAIN_DETAILS: Final = (str, int, bool)
_OF_PROBLEM: Final = (
    *("type", "title", "status", "detail", "instance", "code", "kind", "cause"),
    *("fix", "expected", "found", "retryable"),
)


class NodeError(LedgerError):
    """A refusal as the node worded it."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        """Take over a problem document, as far as it has the agreed form."""
        code = problem.get("code")
        self.status = status
        self.problem = problem
        details = {
            name: value
            for name, value in problem.items()
            if name not in _OF_PROBLEM and isinstance(value, _PLAIN_DETAILS)
        }
        super().__init__(
            code if isinstance(code, str) and _CODE.fullmatch(code) else "node_failed",
            expected=str(problem.get("expected", ""))[:300],
            found=str(problem.get("found", ""))[:300],
            **{name: value for name, value in details.items() if name.isidentifier()},
        )

    @property
    def row(self) -> Code:
        """The row of this release, else what the node says of its code."""
        known = registry().get(self.code)
        if known is not None:
            return known
        kind = self.problem.get("kind")
        texts = {name: str(self.problem.get(name, ""))[:500] for name in _TEXTS}
        texts["title"] = texts["title"] or self.code.replace("_", " ")
        return Code(code=self.code, kind=kind if kind in KINDS else "refused", **texts)


_TEXTS: Final = ("title", "cause", "fix")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answered with success.

    Attributes:
        status: HTTP status, below 400.
        raw: the body.
        height: the ledger's height it was answered at, -1 if not said.
    """

    status: int
    raw: bytes
    height: int

    def value(self) -> Any:
        """Return the body as JSON.

        Raises:
            LedgerError: ``node_failed``, it is none.
        """
        try:
            return json.loads(self.raw)
        except ValueError as error:
            raise LedgerError("node_failed", expected="JSON") from error


class NodeClient:
    """One node over one connection that is opened when it is needed."""

    def __init__(self, url: str, authorise: Callable[[], str] | None = None) -> None:
        """Speak to the node at a URL.

        Args:
            url: ``https://``, or ``http://`` on this machine.
            authorise: returns the Authorization header of reads; called when
                the first read needs it.

        Raises:
            LedgerError: ``node_unreachable``, no URL; ``node_not_secure``.
        """
        try:
            parts = urlsplit(url)
            self._port = parts.port
        except ValueError as error:
            raise _no_url(url) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _no_url(url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise LedgerError("node_not_secure", found=parts.hostname)
        self.url = url
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._base = parts.path.rstrip("/")
        self._authorise = authorise
        # An http.client connection, whose module is loaded with the first one.
        self._connection: Any = None
        self._node: JSONObject | None = None
        self.height = -1

    # -- reading --

    def node(self) -> JSONObject:
        """Return what the node says of itself and its chain; asked once.

        Raises:
            LedgerError: ``node_unreachable``, ``node_failed``.
        """
        if self._node is None:
            found = self.request("GET", "/v1/node").value()
            if not isinstance(found, dict) or not isinstance(found.get("chain"), str):
                raise LedgerError("node_failed", expected="a chain")
            self._node = found
        return self._node

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON a granted read gives.

        Raises:
            LedgerError: what the node refuses with; ``node_unreachable``;
                ``node_failed``.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        full = f"{path}?{urlencode(asked)}" if asked else path
        return self.request("GET", full, granted=True).value()

    def items(self, path: str, **query: object) -> Iterator[JSONObject]:
        """Yield the items of a list, page by page, to its end.

        Raises:
            LedgerError: those of ``get``.
        """
        cursor: object = None
        for _ in range(PAGES_MAX):
            page = self.get(path, limit=PAGE_ITEMS, cursor=cursor, **query)
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise LedgerError("node_failed", expected="a list")
            yield from (item for item in page["items"] if isinstance(item, dict))
            cursor = page.get("next_cursor")
            if cursor is None:
                return
        raise LedgerError("node_failed", expected="a list that ends")

    def whole(self, path: str) -> list[JSONObject]:
        """Return the items of a list that is short and has no pages.

        Raises:
            LedgerError: those of ``get``.
        """
        found = self.get(path)
        if not isinstance(found, dict) or not isinstance(found.get("items"), list):
            raise LedgerError("node_failed", expected="a list")
        return [item for item in found["items"] if isinstance(item, dict)]

    # -- writing --

    def prepare(
        self, act: str, body: JSONObject, not_after: int | None, *, check: bool = False
    ) -> JSONObject:
        """Return the unsigned payload of an act and who has to sign it.

        Args:
            act: the act.
            body: its body.
            not_after: when it lapses, UTC ms; None for the node's default.
            check: let the node run the rule without effect.

        Raises:
            LedgerError: what the node refuses with; ``node_failed``.
        """
        asked: JSONObject = {"body": body, **({"check": True} if check else {})}
        if not_after is not None:
            asked["not_after"] = not_after
        raw = json.dumps(asked).encode()
        path = f"/v1/prepare/{act}"
        try:
            answer = self.request("POST", path, raw, "application/json", granted=True)
        except LedgerError as error:
            if error.found == act:
                # Not for this member to do: what it named says more to it.
                about = [kind for kind in KIND_LETTERS if kind in body]
                named = " ".join(name_id(kind, str(body[kind])) for kind in about)
                error.found = named or act
            raise
        found = answer.value()
        if not isinstance(found, dict) or not isinstance(found.get("payload"), str):
            raise LedgerError("node_failed", expected="a payload")
        return found

    def submit(self, envelope: bytes, transaction: str, wait_s: int) -> JSONObject:
        """Return the outcome of a transaction once it is on the ledger.

        The same bytes are sent again while no answer comes: a transaction
        counts once, whatever happens on the way.

        Args:
            envelope: signed bytes.
            transaction: their id.
            wait_s: how long to wait for a block, 0 to 30.

        Raises:
            LedgerError: what the node refuses with; ``node_unreachable``,
                nothing was sent; ``outcome_unknown``.
        """
        sent = False
        for attempt in range(SENDS_MAX):
            try:
                answer = self.request(
                    "POST",
                    "/v1/transactions",
                    envelope,
                    ENVELOPE_TYPE,
                    {"Prefer": f"wait={wait_s}"},
                )
                return self._await(answer, transaction, wait_s)
            except LedgerError as error:
                if isinstance(error, NodeError) and error.status < 500:
                    raise
                sent = sent or error.code != "node_unreachable"
                if attempt + 1 == SENDS_MAX and not sent:
                    raise
                time.sleep(POLL_S * attempt)
        raise unknown_outcome(transaction)

    def _await(self, answer: Answer, transaction: str, wait_s: int) -> JSONObject:
        found = answer.value()
        deadline = time.monotonic() + wait_s
        while not isinstance(found, dict) or found.get("status") != "committed":
            if time.monotonic() >= deadline:
                raise unknown_outcome(transaction)
            time.sleep(POLL_S)
            try:
                found = self.get(f"/v1/transactions/{transaction}")
            except LedgerError as error:
                if error.row.kind != "not_found":
                    raise unknown_outcome(transaction) from error
        return found

    # -- the connection --

    def request(
        self,
        method: str,
        path: str,
        raw: bytes | None = None,
        kind: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        granted: bool = False,
    ) -> Answer:
        """Return the answer to one request.

        Raises:
            LedgerError: ``node_unreachable``, nothing was sent;
                ``node_failed``, sent but not answered; otherwise the
                problem's code.
        """
        from http.client import HTTPException

        asked = {"Accept": "application/json", **(headers or {})}
        if kind:
            asked["Content-Type"] = kind
        if granted and self._authorise is not None:
            asked["Authorization"] = self._authorise()
        # A kept connection may have been closed by the node meanwhile, and then
        # nobody can tell whether a request was read: only reads go over it.
        kept = self._connection is not None and method == "GET"
        connection = self._connection if kept else self._connect()
        try:
            connection.request(method, self._base + path, raw, asked)
            response = connection.getresponse()
            found = response.read(ANSWER_BYTES_MAX + 1)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            if kept:
                return self.request(method, path, raw, kind, headers, granted=granted)
            raise LedgerError("node_failed", found=type(error).__name__) from error
        if len(found) > ANSWER_BYTES_MAX:
            self.close()
            raise LedgerError("node_failed", expected="a shorter answer")
        if response.status >= 300:
            raise _problem(response.status, found)
        self.height = _height_of(response.headers.get("Ledger-Height", ""))
        return Answer(response.status, found, self.height)

    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines of an event stream until it ends.

        Raises:
            LedgerError: as ``request``; ``node_failed``, it broke off.
        """
        from http.client import HTTPException

        connection = self._connect()
        asked = {"Accept": "text/event-stream", **headers}
        if self._authorise is not None:
            asked["Authorization"] = self._authorise()
        try:
            connection.request("GET", self._base + path, None, asked)
            response = connection.getresponse()
            if response.status >= 300:
                raise _problem(response.status, response.read(ANSWER_BYTES_MAX))
            while line := response.readline(ANSWER_BYTES_MAX):
                yield line.decode("utf-8", "replace").rstrip("\r\n")
        except (OSError, HTTPException, ValueError) as error:
            raise LedgerError("node_failed", found=type(error).__name__) from error
        finally:
            self.close()

    def _connect(self) -> Any:
        from http.client import HTTPConnection, HTTPSConnection

        self.close()
        make = HTTPSConnection if self._secure else HTTPConnection
        connection = make(self._host, self._port, timeout=CONNECT_TIMEOUT_S)
        try:
            connection.connect()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise LedgerError(
                "node_unreachable", found=f"{reason} at {self.url}"
            ) from error
        if connection.sock is not None:
            connection.sock.settimeout(TIMEOUT_S)
        self._connection = connection
        return connection

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _no_url(typed: str) -> LedgerError:
    return LedgerError(
        "node_unreachable", expected="a URL such as https://HOST", found=typed[:100]
    )


def unknown_outcome(transaction: str) -> LedgerError:
    """Return the error of a transaction that was sent and not answered."""
    return LedgerError(
        "outcome_unknown",
        transaction=transaction,
        fix=f"Ask before sending again: run: allonge receipt {transaction}",
    )


def _problem(status: int, raw: bytes) -> LedgerError:
    try:
        problem = json.loads(raw)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        problem = {"code": "node_failed", "found": f"HTTP status {status}"}
    return NodeError(problem, status)


def _height_of(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else -1


def grant_header(envelope: bytes) -> str:
    """Return the Authorization header of a signed grant."""
    return f"Allonge {encode_base64(envelope)}"
