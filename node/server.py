"""HTTP on a socket: deadlines, bounds and stopping, which uvicorn leaves open.

A request must arrive whole within a bounded time, and connections are
counted; otherwise whoever sends half a header keeps a connection for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable, Generator
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ledger.errors import LedgerError
from node.config import (
    CONNECTIONS_MAX,
    KEEP_ALIVE_S,
    REQUEST_S_MAX,
    STOP_S_MAX,
    Config,
)
from node.problems import MEDIA_TYPE, encode_problem, status_of


class Protocol(H11Protocol):
    """One connection, with a deadline for each request."""

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Count the connection, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            self._end(LedgerError("node_busy", expected=f"{CONNECTIONS_MAX} at once"))
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; its deadline ends with its last byte."""
        super().data_received(data)
        cycle = self._current
        if cycle is None or cycle.response_complete or cycle.more_body:
            self._arm()
        else:
            self._disarm()

    def on_response_complete(self) -> None:
        """Wait for the next request; the keep-alive time bounds that."""
        cycle = self._current
        if cycle is not None and not cycle.more_body:
            self._disarm()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        del msg
        self._end(LedgerError("bad_request", expected="HTTP/1.1"))

    @property
    def _current(self) -> RequestResponseCycle | None:
        return self.cycle

    def _arm(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REQUEST_S_MAX, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._end(LedgerError("request_timeout", expected=f"{REQUEST_S_MAX} s"))

    def _end(self, error: LedgerError) -> None:
        self._disarm()
        if self.transport.is_closing():
            return
        # While an answer is under way, another one would only garble it.
        cycle = self._current
        if cycle is None or not cycle.response_started:
            self.transport.write(_encode_answer(error))
        self.transport.close()


def _encode_answer(error: LedgerError) -> bytes:
    body = encode_problem(error)
    return (
        b"HTTP/1.1 %d Error\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%b"
    ) % (status_of(error), MEDIA_TYPE.encode(), len(body), body)


class Server(uvicorn.Server):
    """Serves until a signal, then stops in order."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        """Serve an application.

        Args:
            config: uvicorn's settings.
            on_ready: called once connections are accepted.
        """
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections and say so."""
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the node: ending well is exit code 0."""
        yield


def bind(config: Config) -> socket.socket:
    """Return the listening socket.

    Raises:
        LedgerError: ``address_in_use``; ``address_unusable``.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        code = "address_unusable"
        if error.errno == errno.EADDRINUSE:
            code = "address_in_use"
        found = f"{config.host}, port {config.port}: {error.strerror}"
        raise LedgerError(code, found=found) from error
    listener.setblocking(False)  # noqa: FBT003 - its name says it
    return listener


async def serve(
    app: FastAPI,
    config: Config,
    listener: socket.socket,
    on_ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT; afterwards nothing is accepted."""
    loop = asyncio.get_running_loop()
    app.state.streams.attach(loop)
    secure: dict[str, Any] = {}
    if config.is_secure:
        secure = {"ssl_certfile": config.certificate, "ssl_keyfile": config.key}
    server = Server(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S_MAX,
            **secure,
        ),
        on_ready,
    )

    def stop() -> None:
        server.should_exit = True
        app.state.streams.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve(sockets=[listener])
