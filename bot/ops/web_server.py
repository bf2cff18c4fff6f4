"""The web port: health for machines and, where they are wanted, the chat page and Telegram's deliveries."""

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bot.delivery.metrics import Metrics
from bot.errors import StartError

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


def bind(host: str, port: int) -> socket.socket:
    """Takes the port at once, long before anything is served from it. Raises StartError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(1024)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            cure = "is in use by another program. Stop that program, or set WEB_PORT to a free port."
        else:
            cure = (
                f"can't be opened ({error.strerror}). WEB_HOST must be an address of this machine, such as 127.0.0.1."
            )
        raise StartError(f"Port {port} on {host} {cure}") from error
    taken.setblocking(False)
    return taken


def health_routes(readiness: Callable[[], dict[str, Any]], metrics: Metrics) -> "list[BaseRoute]":
    """``readiness`` tells the state; its ``ready`` decides between 200 and 503."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        state = readiness()
        return JSONResponse(state, 200 if state["ready"] else 503)

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", show_metrics)]


class WebServer:
    def __init__(self, taken: socket.socket, routes: "Sequence[BaseRoute]") -> None:
        import uvicorn
        from starlette.applications import Starlette

        from bot.ops.connections import BoundedProtocol

        class Quiet(uvicorn.Server):
            """Leaves signals alone: uvicorn raises SIGTERM again after its own stop, which would end the bot in 143."""

            @contextlib.contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        config = uvicorn.Config(
            Starlette(routes=list(routes)),
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=64 * 1024,
            limit_concurrency=1000,
        )
        self._taken = taken
        self._server = Quiet(config)

    async def run(self) -> None:
        await self._server.serve(sockets=[self._taken])

    def begin_stop(self) -> None:
        """Takes no new requests; ``run`` ends when those in hand are answered."""
        self._server.should_exit = True
