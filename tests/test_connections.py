"""Half-sent requests are bounded in time and number; whole ones are served meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.ops.web_server import WebServer, bind

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HALF_SENT = {
    "nothing": b"",
    "head": b"GET / HTTP/1.1\r\nHost: x\r\nA: ",
    "body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nte",
    "chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nte",
}


@asynccontextmanager
async def served(
    answer: Callable[[], Awaitable[object]] | None = None,
) -> AsyncIterator[Callable[[bytes], Awaitable[Streams]]]:
    async def respond(request: Request) -> Response:
        await request.body()
        if answer:
            await answer()
        return PlainTextResponse("whole")

    taken = bind("127.0.0.1", 0)
    server = WebServer(taken, [Route("/", respond, methods=["GET", "POST"])])
    task = asyncio.create_task(server.run())
    opened: list[asyncio.StreamWriter] = []

    async def send(raw: bytes) -> Streams:
        reader, writer = await asyncio.open_connection(*taken.getsockname())
        opened.append(writer)
        writer.write(raw)
        await writer.drain()
        return reader, writer

    try:
        async with asyncio.timeout(60):
            yield send
    finally:
        for writer in opened:
            writer.close()
        server.begin_stop()
        await task
        taken.close()


async def ends(streams: Streams) -> bool:
    """Waits until the server ends the connection."""
    with suppress(ConnectionResetError):
        await streams[0].read()
    return True


async def is_answered(streams: Streams) -> bool:
    return b"200 OK" in await streams[0].readuntil(b"whole")


@pytest.mark.parametrize("sent", HALF_SENT.values(), ids=HALF_SENT)
async def test_a_request_has_to_be_whole_in_time(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr("bot.ops.connections.REQUEST_SECONDS", 0.05)
    async with served() as send:
        assert await ends(await send(sent))


async def test_the_next_request_of_a_connection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as send:
        streams = await send(GET)
        monkeypatch.setattr("bot.ops.connections.REQUEST_SECONDS", 0.05)
        assert await is_answered(streams)
        streams[1].write(GET[:20])
        assert await ends(streams)


async def test_an_answer_may_take_longer_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.ops.connections.REQUEST_SECONDS", 0.05)
    go_on = asyncio.Event()
    async with served(go_on.wait) as send:
        poll = await send(GET)
        for _ in range(3):
            assert await ends(await send(HALF_SENT["head"]))
        go_on.set()
        assert await is_answered(poll)


async def test_of_many_half_sent_ones_the_oldest_goes_and_whole_ones_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.ops.connections.MAX_UNFINISHED", 5)
    async with served() as send:
        first = [await send(raw) for raw in HALF_SENT.values()]
        later = [await send(HALF_SENT["head"]) for _ in range(8)]
        assert await is_answered(await send(GET))
        assert all([await ends(streams) for streams in first])
        later[-1][1].write(b"b\r\n\r\n")
        assert await is_answered(later[-1])
