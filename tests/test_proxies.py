"""The page behind the proxies of docs/running.md, where these are installed: the examples there, and bare defaults.

The headers that they send are tested without them in test_web.py.
"""

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from serving import serving

DOCUMENT = (Path(__file__).parent.parent / "docs/running.md").read_text()
SCRIPT = {"accept": "application/json", "x-requested-with": "chat"}
BARE = {
    "nginx": "server {\n listen 443 ssl;\n location / { proxy_pass http://127.0.0.1:8080; }\n}",
    "caddy": "chat.example.org {\n reverse_proxy 127.0.0.1:8080\n}",
    "haproxy": "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
    "frontend f\n bind :443 ssl crt x\n default_backend b\nbackend b\n server s 127.0.0.1:8080\n",
}


def documented(proxy: str) -> str:
    found = re.search(rf"```{proxy}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found, f"docs/running.md has no example for {proxy}"
    return found[1]


def on_loopback(config: str, proxy: str, port: int, bot: int, folder: Path) -> list[str]:
    """Writes an example as one on plain http at ``port``; the command that serves it."""
    config = config.replace("127.0.0.1:8080", f"127.0.0.1:{bot}")
    file = folder / proxy
    if proxy == "nginx":
        config = re.sub(r"listen 443 ssl;|ssl_certificate\w* \S+;", "", config)
        config = config.replace("server {", f"server {{ listen 127.0.0.1:{port};", 1)
        paths = " ".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        start = f"daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;"
        file.write_text(f"{start} events {{}} http {{ access_log off; {paths} {config} }}")
        return ["nginx", "-c", str(file), "-p", str(folder), "-e", str(folder / "log")]
    if proxy == "caddy":
        file.write_text("{\n admin off\n}\n" + config.replace("chat.example.org", f"http://:{port}"))
        return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
    config = config.replace("X-Forwarded-Proto https", "X-Forwarded-Proto http")
    file.write_text(re.sub(r"bind :443 ssl crt \S+", f"bind 127.0.0.1:{port}", config))
    return ["haproxy", "-db", "-f", str(file)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def behind(proxy: str, config: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    if not shutil.which(proxy):
        pytest.skip(f"{proxy} is not installed")
    port = free_port()
    async with serving(folder) as bot:
        command = on_loopback(config, proxy, port, bot.port, folder)
        environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder)}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            try:
                async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                    await until_served(client, running)
                    yield client
            finally:
                running.terminate()


async def until_served(client: httpx.AsyncClient, running: "subprocess.Popen[bytes]") -> None:
    while running.poll() is None:
        try:
            if (await client.get("/")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError(f"the proxy ended with {running.returncode}")


async def ask_raw(port: int, path: str) -> tuple[bytes, bytes]:
    """Status and answer for a path as it stands, which a client would tidy up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.split(b" ", 2)[1], answer


async def talk(client: httpx.AsyncClient) -> None:
    """Two messages of one page whose browser says no more than its origin: one conversation."""
    origin = {"origin": str(client.base_url).rstrip("/")}
    for number, text in enumerate(("does ice help?", "and heat?")):
        news = (await client.post("/messages", data={"text": text}, headers=SCRIPT | origin)).json()
        assert f"{number + 1}: {text}" in news["items"][-1]["html"]
    assert len((await client.get("/messages", headers=SCRIPT)).json()["items"]) == 4


@pytest.mark.parametrize("proxy", BARE)
async def test_the_documented_example_serves_the_page_and_nothing_for_machines(tmp_path: Path, proxy: str) -> None:
    async with behind(proxy, documented(proxy), tmp_path) as client:
        await talk(client)
        address = re.search(r'src="(static/chat\.js\?v=\w+)"', (await client.get("/")).text)
        assert address
        assert (await client.get(address[1])).status_code == 200
        assert (await client.get("/transcript.txt")).status_code == 200
        for path in ("/metrics", "/readyz", "/healthz", "//metrics", "/static/../metrics", "/messages/../metrics"):
            status, answer = await ask_raw(client.base_url.port or 0, path)
            assert status in (b"400", b"404"), path
            assert b"bot_" not in answer


@pytest.mark.parametrize("proxy", BARE)
async def test_bare_defaults_serve_the_page_too(tmp_path: Path, proxy: str) -> None:
    async with behind(proxy, BARE[proxy], tmp_path) as client:
        await talk(client)


@pytest.mark.parametrize("proxy", BARE)
def test_there_is_an_example_for_each(proxy: str) -> None:
    assert "127.0.0.1:8080" in documented(proxy)
    assert "metrics" not in documented(proxy)
