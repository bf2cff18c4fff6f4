"""The receptionist's morning, over real HTTP: the whole service, a staff chat, the FAQ folder beside it."""

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp
import watchfiles
from botapi import BotApi
from serving import settings_for
from sqlalchemy import insert

from bot.assistant import build
from bot.ops.current import Current
from bot.ops.service import Service
from bot.ops.web_server import bind
from bot.staff import reload, services
from bot.staff.reload import starting_content
from bot.staff.snapshots import Snapshots, state_folder
from bot.store import open_store
from bot.store.tables import missed
from tests.small_faq import make_faq

STAFF, PATIENT = 55, 7


@asynccontextmanager
async def serving(folder, api):
    settings = settings_for(
        folder,
        telegram_bot_token=api.token,
        telegram_api_base_url=api.url,
        faq_dir=folder / "faq",
        staff_chat_id=STAFF,
        staff_user_ids={STAFF: "admin:Anna"},
    )
    taken = bind(settings.web_host, settings.web_port)
    store = open_store(settings.database_url)

    def make(content):
        return build(content, settings.cache_dir, settings.fact)

    content = starting_content(settings.faq_dir, Snapshots(state_folder(store.path) / "snapshots"))
    service = Service(settings, Current(make(content)), store, taken, make)
    task = asyncio.create_task(service.serve())
    try:
        async with asyncio.timeout(60):
            while not (service._staff and service._staff.reloader._seen):
                await asyncio.sleep(0.05)
        yield service, f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        service._stopping.set()
        await task
        store.close()
        taken.close()


async def until(found, seconds=60):
    async with asyncio.timeout(seconds):
        while not (value := found()):
            await asyncio.sleep(0.05)
        return value


def button(sent, label):
    rows = sent.parameters["reply_markup"]["inline_keyboard"]
    return next(one["callback_data"] for row in rows for one in row if one["text"].startswith(label))


async def test_a_morning_at_the_reception(tmp_path):
    faq = make_faq(tmp_path)
    async with BotApi() as api, serving(tmp_path, api) as (service, address):

        def told(words):
            return next((sent for sent in api.of(STAFF) if words in sent.text), None)

        # She breaks a file; patients notice nothing, she reads where and why.
        text = (faq / "clinic.yaml").read_text()
        (faq / "clinic.yaml").write_text(text.replace("mon-fri: 8-12", "mon-fri: 8-25"))
        refused = await until(lambda: told("A file was saved"))
        assert f"clinic.yaml:{text.splitlines().index('hours:') + 1}" in refused.text
        assert "not a time of day" in refused.text
        api.write(PATIENT, "when are you open")
        await until(lambda: api.of(PATIENT))
        async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as response:
            ready = await response.json()
        assert ready["ready"]
        assert "refused" in ready["content_problem"]
        (faq / "clinic.yaml").write_text(text)
        await until(lambda: not service._current.trouble)

        # She closes for today from the chat, sees it as patients do, puts it live.
        api.write(STAFF, "/closed today")
        preview = await until(lambda: told("Closed days:"))
        api.tap(STAFF, preview, button(preview, "Put live"))
        live = await until(lambda: told("Live: change 1 by Anna"))
        api.write(PATIENT, "opening hours")
        await until(lambda: len(api.of(PATIENT)) == 2)
        assert "We are closed now" in api.of(PATIENT)[-1].text

        # What she writes is taken for the new phone only in reply to that very question.
        api.write(STAFF, "/phone")
        asked = await until(lambda: told("The phone is"))
        answered = {"message_id": live.message_id, "from": {"id": 1, "is_bot": True}, "text": live.text}
        api.write(STAFF, "does ice help?", reply_to_message=answered)
        await until(lambda: told("A patient who writes that gets"))
        api.write(STAFF, "+44 20 7946 0111", reply_to_message=answered | {"message_id": asked.message_id})
        await until(lambda: told("Phone: +44 20 7946 0111"))

        # A patient's question that nobody could answer comes to her, and she pauses the bot over lunch.
        row = {"person": "x", "utterance": "zebra xylophone quartz", "reason": "not understood", "candidates": "[]"}
        await service._store._writer.write(lambda c: c.execute(insert(missed), {**row, "created_at": time.time()}))
        await until(lambda: told("zebra xylophone quartz"))
        api.write(STAFF, "/pause")
        await until(lambda: told("Paused"))
        async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as response:
            assert (await response.json())["switched_off"] == ["all answers (paused)"]
        api.write(PATIENT, "i have chest pain")
        await until(lambda: any("999" in sent.text and "chest" in sent.text.lower() for sent in api.of(PATIENT)))

        # One tap takes the closing back.
        api.tap(STAFF, live, button(live, "Undo change 1"))
        await until(lambda: told("Live: change 2 by Anna"))
        assert (faq / "clinic.yaml").read_text() == text


async def test_the_week_is_told_once_on_monday_at_eight(tmp_path, monkeypatch):
    make_faq(tmp_path)
    clock = [datetime(2026, 11, 30, 7, 59, tzinfo=ZoneInfo("Europe/London"))]  # a Monday

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock[0].astimezone(tz)

    monkeypatch.setattr(services, "datetime", Clock)
    monkeypatch.setattr(services, "REPORT_LOOK_SECONDS", 0.02)
    async with BotApi() as api, serving(tmp_path, api):

        def reports():
            return [sent for sent in api.of(STAFF) if "30 Nov" in sent.text]

        await asyncio.sleep(0.5)
        assert not reports()
        clock[0] += timedelta(minutes=2)
        await until(reports)
        clock[0] += timedelta(days=1)
        await asyncio.sleep(0.5)
        assert len(reports()) == 1


async def test_sighup_takes_over_what_no_event_told_of(tmp_path, monkeypatch):
    async def nothing(*_, **__):
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(watchfiles, "awatch", nothing)
    monkeypatch.setattr(reload, "LOOK_SECONDS", 3600)
    faq = make_faq(tmp_path)
    async with BotApi() as api, serving(tmp_path, api) as (service, _):
        before = service._current.assistant.version
        entry = faq / "en/entries/ice.yaml"
        entry.write_text(entry.read_text().replace("a new spasm", "a fresh spasm"))
        await asyncio.sleep(1)
        assert service._current.assistant.version == before
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: service._current.assistant.version != before)
