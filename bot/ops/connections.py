"""HTTP connections that can't be held for ever: uvicorn has no limit for a request that comes in drop by drop."""

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 20.0  # for a whole request, or for none at all: 90 kB by a bad phone line take as long
# Browsers keep a few open; files are limited too (often 1,024 a process), and up to 500 wait for news with all said.
MAX_UNFINISHED: Final = 300


class BoundedProtocol(H11Protocol):
    """Ends a connection whose request is not whole in time; where many are not, the one that has had longest."""

    _unfinished: "dict[BoundedProtocol, asyncio.TimerHandle]" = {}  # oldest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        self._stop_waiting()
        self._unfinished[self] = self.loop.call_later(REQUEST_SECONDS, self._cut)
        if len(self._unfinished) > MAX_UNFINISHED:
            next(iter(self._unfinished))._cut()

    def _stop_waiting(self) -> None:
        timer = self._unfinished.pop(self, None)
        if timer:
            timer.cancel()

    def _cut(self) -> None:
        self._stop_waiting()
        self.transport.abort()
