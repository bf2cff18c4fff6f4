"""Deliveries over real HTTP: 200 only when stored, one answer however often delivered."""

import asyncio
import io
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from botapi import BotApi, Refusal
from serving import Running, serving, settings_for

from bot.channels.telegram_webhook import HEADER, PATH, secret_of
from bot.errors import StoreError
from bot.ops.doctor import report
from bot.ops.web_server import bind


def free_port() -> int:
    with bind("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


def hooked(folder: Path, api: BotApi, **more: Any) -> Any:
    port = free_port()
    return serving(folder, api, telegram_webhook_url=f"http://127.0.0.1:{port}", web_port=port, **more)


async def is_set(api: BotApi) -> None:
    async with asyncio.timeout(5):
        while not api.webhook:
            await asyncio.sleep(0.02)


async def post(running: Running, body: Any, secret: str | None) -> int:
    headers = {HEADER: secret} if secret is not None else {}
    async with aiohttp.ClientSession() as session:
        address = f"http://127.0.0.1:{running.port}{PATH}"
        async with session.post(address, data=body, headers=headers) as response:
            return response.status


async def test_deliveries_are_answered(tmp_path: Path) -> None:
    async with BotApi() as api, hooked(tmp_path, api):
        await is_set(api)
        for chat in range(1, 51):
            api.write(chat, "hello")
        await api.wait_for(50)
        assert api.calls["getupdates"] == 0


async def test_a_200_that_telegram_never_saw_doubles_nothing(tmp_path: Path) -> None:
    async with BotApi(lose_answers=30) as api, hooked(tmp_path, api) as running:
        await is_set(api)
        for chat in range(1, 31):
            api.write(chat, "hello")
        await api.wait_for(30)
        assert len(await api.quiet()) == 30
        assert running.service._metrics.duplicates >= 30


async def test_a_wrong_secret_is_refused(tmp_path: Path) -> None:
    async with BotApi() as api, hooked(tmp_path, api, telegram_webhook_secret="right") as running:
        await is_set(api)
        update = json.dumps({"update_id": 1, "message": api.message(7, "hello")}).encode()
        assert await post(running, update, None) == 403
        assert await post(running, update, "wrong") == 403
        assert await post(running, update, "ünïcode") == 403
        assert await post(running, update, "right") == 200
        await api.wait_for(1)


async def test_what_is_no_update_is_refused_and_what_is_odd_is_taken(tmp_path: Path) -> None:
    async with BotApi() as api, hooked(tmp_path, api, telegram_webhook_secret="s") as running:
        await is_set(api)
        assert await post(running, b"not json", "s") == 400
        assert await post(running, io.BytesIO(b"x" * 1_100_000), "s") == 413
        assert await post(running, b'{"update_id": 5, "brand_new": {}}', "s") == 200
        assert await post(running, b"[]", "s") == 200  # or it would come again for ever


async def test_what_cannot_be_stored_is_not_acknowledged(tmp_path: Path) -> None:
    async with BotApi() as api, hooked(tmp_path, api) as running:
        await is_set(api)
        real = running.store.accept
        left = [3]

        async def broken(arrivals: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                raise StoreError("The disk is full.")
            return await real(arrivals)

        running.store.accept = broken  # type: ignore[method-assign]
        api.write(7, "hello")
        (sent,) = await api.wait_for(1)
        assert sent.text == "1: hello"
        assert api.deliveries == 4


async def test_the_webhook_is_set_again_at_every_start(tmp_path: Path) -> None:
    async with BotApi() as api:
        for count in (1, 2):
            async with hooked(tmp_path, api):
                async with asyncio.timeout(5):
                    while api.calls["setwebhook"] < count:
                        await asyncio.sleep(0.02)
        assert api.webhook is not None
        assert api.webhook["url"].endswith(PATH)
        assert len(api.webhook["secret_token"]) == 64


async def test_a_webhook_that_another_program_took_is_set_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.channels.telegram_webhook.CHECK_SECONDS", 0.1)
    async with BotApi() as api, hooked(tmp_path, api):
        await is_set(api)
        api.webhook = None
        await is_set(api)


async def test_setting_the_webhook_outlives_an_outage(tmp_path: Path) -> None:
    async with BotApi() as api:
        api.fault("*", "502")
        async with hooked(tmp_path, api):
            await asyncio.sleep(0.5)
            api.clear()
            await is_set(api)
            api.write(7, "hello")
            await api.wait_for(1)


@pytest.mark.parametrize("captions", [("", "", "is this a bruise?", ""), ("is this a bruise?", "", ""), ("", "", "")])
async def test_an_album_that_comes_picture_by_picture_gets_one_reply(tmp_path: Path, captions: tuple[str, ...]) -> None:
    async with BotApi() as api, hooked(tmp_path, api) as running, asyncio.timeout(30):
        await is_set(api)
        photo = {"photo": [{"file_id": "a"}], "media_group_id": "7"}
        for caption in captions:
            api.push({"message": api.message(14, **photo, **({"caption": caption} if caption else {}))})
        while api.deliveries < len(captions) or len(running.service._inbox) + len(running.service._outbox):
            await asyncio.sleep(0.01)
        assert [sent.text for sent in api.of(14)] == [f"1: {''.join(captions) or 'photo'}"]


def refuse_webhook(api: BotApi, description: str) -> None:
    def refuse(_: Any) -> None:
        raise Refusal(400, f"Bad Request: {description}")

    api._on_setwebhook = refuse  # type: ignore[method-assign]


async def test_why_telegram_refuses_the_webhook_is_told_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bot.channels.telegram_webhook.CHECK_SECONDS", 0.05)
    async with BotApi() as api, asyncio.timeout(60):
        refuse_webhook(api, "bad webhook: IP address 10.0.0.1 is reserved")
        async with hooked(tmp_path, api) as running:
            while "reserved" not in str(running.service._readiness()["problems"]):
                await asyncio.sleep(0.01)
            assert not running.service._readiness()["ready"]
            url = {"telegram_webhook_url": f"http://127.0.0.1:{running.port}"}
            assert "reserved" in await doctored(tmp_path, api, **url)
            del api._on_setwebhook  # the address resolves by now
            while not running.service._readiness()["ready"]:
                await asyncio.sleep(0.01)
            assert "the webhook is set" in await doctored(tmp_path, api, **url)
            api.webhook = None
            refuse_webhook(api, "bad webhook: certificate has expired")
            while "expired" not in str(running.service._readiness()["problems"]):
                await asyncio.sleep(0.01)
    logged = capsys.readouterr().out
    assert logged.count("reserved") == 1  # not at every try
    assert "expired" in logged


async def doctored(folder: Path, api: BotApi, **more: Any) -> str:
    chosen = settings_for(folder, telegram_bot_token=api.token, telegram_api_base_url=api.url, **more)
    return "\n".join(map(str, await asyncio.to_thread(report, chosen)))


async def test_waiting_messages_come_when_the_bot_moves_from_polling(tmp_path: Path) -> None:
    async with BotApi() as api:
        async with serving(tmp_path, api):
            api.write(1, "polled")
            await api.wait_for(1)
        api.write(2, "between")
        async with hooked(tmp_path, api):
            await api.wait_for(2)
        assert [sent.chat for sent in api.sent] == [1, 2]


async def test_a_flood_is_put_off_not_kept_in_memory(tmp_path: Path) -> None:
    async with BotApi() as api, hooked(tmp_path, api, telegram_webhook_secret="s") as running:
        await is_set(api)
        running.service._inbox._waiting_out = lambda: 2000
        update = json.dumps({"update_id": 1, "message": api.message(7, "hello", date=time.time())}).encode()
        assert await post(running, update, "s") == 503


def test_there_is_always_a_secret() -> None:
    assert secret_of("1:x", "mine") == "mine"
    assert secret_of("1:x", "") != secret_of("1:y", "")
