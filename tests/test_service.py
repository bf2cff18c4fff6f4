"""The service as a process: starts, refusals with one line, signals, kills, restarts."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from botapi import BotApi
from serving import EMERGENCY, serving

from bot.errors import StartError
from bot.ops.current import Current
from bot.ops.web_server import bind

HERE = Path(__file__).parent
# The contract says 5; a busy machine gets more here, and benchmarks/reliability.py measures it.
STOP_SECONDS = 20


def environment(folder: Path, api: BotApi | None, **more: str) -> dict[str, str]:
    values = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{HERE}:{HERE.parent}",
        "DATABASE_URL": f"sqlite:///{folder}/bot.db",
        "WEB_PORT": "0",
        "TELEGRAM_SEND_RATE": "0",
        "LOG_LEVEL": "warning",
    }
    if api:
        values |= {"TELEGRAM_BOT_TOKEN": api.token, "TELEGRAM_API_BASE_URL": api.url}
    return values | more


async def start(folder: Path, api: BotApi | None = None, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "serve_fake.py"),
        cwd=folder,
        env=environment(folder, api, **more),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def process(folder: Path, api: BotApi | None = None, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    running = await start(folder, api, **more)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def ended(folder: Path, api: BotApi | None = None, **more: str) -> tuple[int, list[str]]:
    """The exit code and the lines on stderr of a service that ends by itself."""
    running = await start(folder, api, **more)
    async with asyncio.timeout(90):
        _, errors = await running.communicate()
    assert running.returncode is not None
    return running.returncode, errors.decode().splitlines()


async def test_a_refused_token_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    async with BotApi() as api:
        code, lines = await ended(tmp_path, api, TELEGRAM_BOT_TOKEN="999:wrong")
    assert code == 1
    assert len(lines) == 1
    assert "@BotFather" in lines[0]
    assert "999:wrong" not in lines[0]


async def test_a_proxys_404_at_the_start_is_an_outage(tmp_path: Path) -> None:
    async with BotApi() as api:
        api.fault("*", "404")
        async with process(tmp_path, api) as running:
            await asyncio.sleep(2.0)
            assert running.returncode is None
            api.clear()
            api.write(7, "hello")
            await api.wait_for(1)


async def test_a_port_in_use_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        code, lines = await ended(tmp_path, WEB_PORT=str(taken.getsockname()[1]))
    assert code == 1
    assert len(lines) == 1
    assert "WEB_PORT" in lines[0]


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [("DATABASE_URL", "sqlite:////proc/nowhere/bot.db", "DATABASE_URL"), ("WEB_PORT", "many", "WEB_PORT")],
)
async def test_other_wrong_settings_too(tmp_path: Path, name: str, value: str, word: str) -> None:
    code, lines = await ended(tmp_path, **{name: value})
    assert (code, len(lines)) == (1, 1)
    assert word in lines[0]


async def test_a_slip_in_a_settings_name_stands_in_the_log_and_stops_nothing(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        _, lines = await ended(tmp_path, WEB_HOTS="x", WEB_PORT=str(taken.getsockname()[1]))
    assert "Did you mean WEB_HOST?" in lines[0]
    assert "in use by another program" in lines[1]


async def test_a_proxy_that_can_not_be_used_ends_a_start_with_telegram_and_no_other(tmp_path: Path) -> None:
    code, lines = await ended(tmp_path, TELEGRAM_BOT_TOKEN="1:x", ALL_PROXY="socks5://127.0.0.1:1080")
    assert code == 1
    assert "ALL_PROXY names a proxy that can't be used" in lines[-1]
    with bind("127.0.0.1", 0) as taken:
        _, lines = await ended(tmp_path, ALL_PROXY="socks5://127.0.0.1:1080", WEB_PORT=str(taken.getsockname()[1]))
    assert "ALL_PROXY names a proxy that can't be used" in lines[0]
    assert "in use by another program" in lines[1]


def test_an_address_of_another_machine_is_refused_with_its_setting() -> None:
    with pytest.raises(StartError, match="WEB_HOST must be an address of this machine"):
        bind("192.0.2.1", 0)


async def test_a_damaged_database_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"no database " * 500)
    code, lines = await ended(tmp_path)
    assert (code, len(lines)) == (1, 1)
    assert "restore" in lines[0]


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_time_with_code_0_and_nothing_is_lost(tmp_path: Path, name: signal.Signals) -> None:
    async with BotApi(latency=0.05) as api:
        async with process(tmp_path, api) as running:
            for chat in range(1, 401):
                api.write(chat, "hello")
            await api.wait_for(60)
            running.send_signal(name)
            assert await asyncio.wait_for(running.wait(), STOP_SECONDS) == 0
        async with process(tmp_path, api):
            await api.wait_for(400)
            assert len(await api.quiet()) == 400


async def test_a_signal_during_an_outage_ends_it_in_time_too(tmp_path: Path) -> None:
    async with BotApi() as api, process(tmp_path, api) as running:
        api.write(1, "first")
        await api.wait_for(1)
        api.fault("*", "hang")
        for chat in range(2, 90):
            api.write(chat, "hello")
        await asyncio.sleep(0.3)
        running.terminate()
        assert await asyncio.wait_for(running.wait(), STOP_SECONDS) == 0


@pytest.mark.parametrize("is_polling", [True, False])
async def test_a_kill_loses_nothing_and_doubles_at_most_what_was_in_flight(tmp_path: Path, is_polling: bool) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
    hook = {} if is_polling else {"TELEGRAM_WEBHOOK_URL": f"http://127.0.0.1:{port}", "WEB_PORT": port}
    async with BotApi() as api:
        async with process(tmp_path, api, **hook) as running:
            for chat in range(1, 501):
                api.write(chat, "hello")
            await api.wait_for(150)
            running.kill()
            await running.wait()
        async with process(tmp_path, api, **hook):
            async with asyncio.timeout(90):
                while {sent.chat for sent in api.sent} != set(range(1, 501)):
                    await asyncio.sleep(0.05)
            assert len(await api.quiet()) <= 516


async def test_health_tells_what_is_wrong(tmp_path: Path) -> None:
    async def get(session: aiohttp.ClientSession, port: int, path: str) -> tuple[int, Any]:
        async with session.get(f"http://127.0.0.1:{port}{path}") as response:
            is_json = response.content_type == "application/json"
            return response.status, await (response.json() if is_json else response.text())

    async with BotApi() as api, aiohttp.ClientSession() as session, serving(tmp_path, api) as running:
        api.write(7, EMERGENCY)
        await api.wait_for(1)
        await asyncio.sleep(0.3)
        assert (await get(session, running.port, "/healthz"))[0] == 200
        status, ready = await get(session, running.port, "/readyz")
        assert (status, ready["ready"], ready["content"]) == (200, True, "v1")
        _, metrics = await get(session, running.port, "/metrics")
        assert 'bot_outcomes_total{entry="",level="emergency",outcome="escalation"} 1.0' in metrics
        assert "bot_outbox_waiting 0.0" in metrics
        running.service._polling.last_success -= 100
        api.fault("getUpdates", "502")
        running.service._polling.last_success = 1.0
        await asyncio.sleep(0.1)
        running.store._writer.trouble = "The disk is full."
        status, ready = await get(session, running.port, "/readyz")
        assert (status, ready["problems"][0]) == (503, "The disk is full.")
        assert (await get(session, running.port, "/"))[0] == 404


async def test_the_page_is_served_without_a_token(tmp_path: Path) -> None:
    async with process(tmp_path, LOG_LEVEL="info", WEB_PORT="0") as running:
        assert running.stderr is not None
        async with asyncio.timeout(90):
            while b"the chat page is served" not in (line := await running.stderr.readline()):
                pass
        port = int(line.decode().rstrip("/\n").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 2):
            pass
        running.terminate()
        assert await asyncio.wait_for(running.wait(), STOP_SECONDS) == 0


async def test_a_second_bot_on_the_same_database_ends_with_one_line(tmp_path: Path) -> None:
    async with BotApi() as api, process(tmp_path, api):
        api.write(7, "hello")
        await api.wait_for(1)
        code, lines = await ended(tmp_path, api)
        assert (code, len(lines)) == (1, 1)
        assert "Another bot" in lines[0]


async def test_systemd_hears_that_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.setblocking(False)
        loop = asyncio.get_running_loop()
        async with BotApi() as api, process(tmp_path, api, NOTIFY_SOCKET=address, WATCHDOG_USEC="400000") as running:
            states = [(await asyncio.wait_for(loop.sock_recv(heard, 100), 90)).decode() for _ in range(3)]
            running.terminate()
            await running.wait()
            while states[-1] != "STOPPING=1":
                states.append((await asyncio.wait_for(loop.sock_recv(heard, 100), 30)).decode())
    assert states[:3] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]


async def test_a_reload_swaps_one_reference(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api) as running:
        api.write(7, "before")
        await api.wait_for(1)
        current: Current = running.service._current
        other = type(running.assistant)(version="v2")
        current.swap(other)
        api.write(7, "after")
        await api.wait_for(2)
        assert other.asked == ["after"]
        assert running.service._readiness()["content"] == "v2"


async def test_the_heartbeat_is_sent_while_all_is_well(tmp_path: Path) -> None:
    from aiohttp import web

    beats: list[float] = []

    async def beat(_: web.Request) -> web.Response:
        beats.append(time.time())
        return web.Response()

    app = web.Application()
    app.router.add_get("/ping", beat)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping"
    try:
        async with BotApi() as api, serving(tmp_path, api, heartbeat_url=url), asyncio.timeout(20):
            while not beats:
                await asyncio.sleep(0.05)
    finally:
        await runner.cleanup()


async def test_a_signal_before_the_loop_runs_ends_it_with_code_0_too(tmp_path: Path) -> None:
    async with BotApi() as api, process(tmp_path, api, SLOW_START="3") as running:
        assert running.stdout is not None
        await asyncio.wait_for(running.stdout.readline(), 90)
        running.terminate()
        assert await asyncio.wait_for(running.wait(), STOP_SECONDS) == 0
