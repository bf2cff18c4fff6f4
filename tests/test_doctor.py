"""The doctor names what is wrong with its cure, and nothing secret."""

import asyncio
import os
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from serving import serving, settings_for

from bot.ops.backup import Backups, archive_of
from bot.ops.doctor import report
from bot.ops.doctor_telegram import clock
from bot.ops.findings import Finding, State
from bot.ops.settings import load_settings
from bot.store import open_store

FAQ = Path(__file__).parent.parent / "faq"


async def examined(folder: Path, api: BotApi | None = None, **more: Any) -> list[Finding]:
    if api:
        more = {"telegram_bot_token": api.token, "telegram_api_base_url": api.url} | more
    return await asyncio.to_thread(report, settings_for(folder, faq_dir=FAQ, backup_hours=24, **more))


def told(found: list[Finding], words: str) -> Finding:
    (one,) = [finding for finding in found if words in str(finding)]
    return one


async def test_a_bot_that_runs_well_is_fine(tmp_path: Path, assistant: Any) -> None:
    async with BotApi() as api, serving(tmp_path, api, assistant, faq_dir=FAQ) as running:
        while api.profile["menu"]["type"] != "commands":
            await asyncio.sleep(0.05)
        await asyncio.to_thread(Backups(running.store.path, FAQ).create)
        found = await examined(tmp_path, api)
    assert [str(one) for one in found if one.state is State.WRONG and "example" not in one.what] == []
    assert told(found, "@test_bot").state is State.FINE
    assert told(found, "the bot is running").state is State.FINE
    assert told(found, "clock differs").state is State.FINE


async def test_settings_that_do_nothing_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WEB_HOTS=x\nHTTPS_PROXY=socks5://127.0.0.1:1080\n")
    found = await asyncio.to_thread(lambda: report(load_settings()))
    assert told(found, "Did you mean WEB_HOST?").state is State.WRONG
    assert told(found, "HTTPS_PROXY names a proxy that can't be used").state is State.WRONG


async def test_a_staff_chat_whose_edits_can_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(await examined(tmp_path, staff_chat_id=-100), "edits can be written").state is State.FINE
    may_write = os.access
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK and may_write(path, mode))
    finding = told(await examined(tmp_path, staff_chat_id=-100), "edits can't be written")
    assert (finding.state, "FAQ_DIR" in finding.cure) == (State.WRONG, True)


async def test_secrets_and_patients_words_that_others_may_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store(f"sqlite:///{tmp_path}/bot.db").close()
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN_FILE=token\n")
    (tmp_path / "token").write_text("9:secret-token")
    found = await examined(
        tmp_path, telegram_bot_token="9:secret-token", telegram_api_base_url="http://127.0.0.1:1/bot"
    )
    assert not [one for one in found if "read by other users" in one.what]
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN=9:secret-token\n")
    (tmp_path / "bot.db").chmod(0o644)
    found = await examined(
        tmp_path, telegram_bot_token="9:secret-token", telegram_api_base_url="http://127.0.0.1:1/bot"
    )
    assert told(found, ".env holds secrets").cure == "chmod 600 .env"
    assert told(found, "bot.db may be read by other users").state is State.WRONG


async def test_a_refused_token_is_named_and_masked(tmp_path: Path) -> None:
    async with BotApi() as api:
        found = await examined(tmp_path, api, telegram_bot_token="999999:very-secret-token")
    assert told(found, "refuses the token").state is State.WRONG
    assert "very-secret-token" not in "\n".join(map(str, found))


async def test_telegram_out_of_reach_is_told(tmp_path: Path) -> None:
    found = await examined(tmp_path, telegram_bot_token="9:x", telegram_api_base_url="http://127.0.0.1:1/bot")
    assert told(found, "can't be reached").state is State.WRONG


@pytest.mark.parametrize("written", ["http://127.0.0.1:{port}", "user:word@127.0.0.1:{port}"])
async def test_telegram_is_reached_through_the_proxy_of_the_settings(tmp_path: Path, written: str) -> None:
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        proxy = written.format(port=port)
        found = await examined(tmp_path, telegram_bot_token="9:x", all_proxy=proxy)
    assert asked[0].startswith("CONNECT api.telegram.org:443 ")
    assert ("Proxy-Authorization: Basic" in asked[0]) == ("user" in written)
    finding = told(found, "can't be reached")
    assert "ALL_PROXY" in finding.cure
    assert "word" not in str(finding)


async def test_profile_drift_and_a_missing_privacy_command_are_told(tmp_path: Path) -> None:
    async with BotApi() as api:
        api.profile["commands"] = [{"command": "start", "description": "x"}]
        found = await examined(tmp_path, api)
    assert told(found, "/privacy is not").state is State.WRONG
    assert "commands" in told(found, "old texts").what


@pytest.mark.parametrize(
    ("wanted", "is_set", "words"),
    [
        (None, "https://other.example/x", "the bot polls"),
        ("https://a.example", "", "not set to"),
        ("https://a.example", "https://other.example/x", "not set to"),
    ],
)
async def test_a_webhook_that_does_not_fit_the_settings_is_told(
    tmp_path: Path, wanted: str | None, is_set: str, words: str
) -> None:
    async with BotApi(webhook={"url": is_set} if is_set else None) as api:
        found = await examined(tmp_path, api, telegram_webhook_url=wanted)
    assert told(found, words).state is State.WRONG


async def test_old_and_missing_backups_are_told(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/bot.db").close()
    assert told(await examined(tmp_path), "no backup").state is State.WRONG
    made = Backups(tmp_path / "bot.db", FAQ).create()
    os.utime(made.path, (time.time() - 5 * 86400,) * 2)
    assert "hours old" in told(await examined(tmp_path), "last backup").what
    archive_of(made.path).unlink()
    assert told(await examined(tmp_path), "holds no content").state is State.WRONG


async def test_a_damaged_database_and_broken_content_are_told_beside_all_else(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"not a database " * 300)
    found = await asyncio.to_thread(report, settings_for(tmp_path, faq_dir=tmp_path / "nowhere"))
    assert sum(one.state is State.WRONG for one in found) >= 2
    assert told(found, "free in")


def test_a_clock_that_is_wrong_is_told() -> None:
    assert clock(formatdate(time.time() - 600)).state is State.WRONG
    assert clock(formatdate(time.time() - 5)).state is State.FINE
    assert clock("").state is State.NOTE


async def test_without_a_token_the_way_to_one_is_told(tmp_path: Path) -> None:
    assert "@BotFather" in told(await examined(tmp_path), "no TELEGRAM_BOT_TOKEN").cure
