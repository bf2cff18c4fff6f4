"""The staff's chat moves, is shut, or hides who writes: followed, kept, told. The whole service over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi, Sent
from serving import settings_for
from sqlalchemy import insert

from bot.assistant import build
from bot.ops.current import Current
from bot.ops.doctor import report
from bot.ops.findings import State
from bot.ops.service import Service
from bot.ops.web_server import bind
from bot.staff import chat as staff_chat
from bot.staff import group, services
from bot.staff.reload import starting_content
from bot.staff.snapshots import Snapshots
from bot.store import open_store
from bot.store.tables import missed
from tests.small_faq import make_faq

GROUP, NEW, OTHER = -500, -1001557912345, -900
ANNA = {"id": 111, "is_bot": False, "first_name": "Anna"}
DANA = {"id": 444, "is_bot": False, "first_name": "Dana"}
NOBODY = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
PHOTO = [{"file_id": "a", "file_unique_id": "a", "width": 1, "height": 1}]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("content")
    faq = make_faq(folder)
    return faq, build(starting_content(faq, Snapshots(folder / "snapshots")))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "TROUBLE_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(staff_chat, "LEARN_SECONDS", 0.1)


@dataclass
class Bot:
    api: BotApi
    service: Any

    def say(self, text: str | None = None, who: Any = ANNA, chat: int = GROUP, **more: Any) -> None:
        self.api.push({"message": self.api.message(chat, text, **{"from": who}, **more)})

    async def told(self, words: str, chat: int = GROUP) -> Sent:
        return await until(lambda: next((sent for sent in self.api.of(chat) if words in sent.text), None))

    async def settled(self) -> None:
        """Until all that came is answered."""
        count = len(self.api.of(7))
        self.api.write(7, "does ice help")
        await until(lambda: len(self.api.of(7)) > count)
        await until(lambda: not len(self.service._inbox) + len(self.service._outbox))

    def problems(self) -> str:
        return " ".join(self.service._readiness()["staff_chat_problems"])

    async def miss(self, utterance: str) -> None:
        row = {"person": "x", "utterance": utterance, "reason": "not understood", "candidates": "[]"}
        row |= {"created_at": time.time()}  # type: ignore[dict-item]
        await self.service._store._writer.write(lambda c: c.execute(insert(missed), row))


async def until(found: Callable[[], Any]) -> Any:
    async with asyncio.timeout(30):
        while not (value := found()):
            await asyncio.sleep(0.01)
        return value


def settings(folder: Path, api: BotApi, faq: Path, **more: Any) -> Any:
    fields = {
        "telegram_bot_token": api.token,
        "telegram_api_base_url": api.url,
        "faq_dir": faq,
        "staff_chat_id": GROUP,
        "staff_user_ids": {111: "admin:Anna"},
    }
    return settings_for(folder, **(fields | more))


@asynccontextmanager
async def serving(folder: Path, made: Any, api: BotApi, **more: Any) -> AsyncIterator[Bot]:
    faq, assistant = made
    chosen = settings(folder, api, faq, **more)
    taken = bind(chosen.web_host, chosen.web_port)
    store = open_store(chosen.database_url)
    service = Service(chosen, Current(assistant), store, taken, lambda _: assistant)
    task = asyncio.create_task(service.serve())
    try:
        await until(lambda: getattr(service, "_web_task", None))
        yield Bot(api, service)
    finally:
        service._stopping.set()
        await task
        store.close()
        taken.close()


async def examined(folder: Path, made: Any, api: BotApi, **more: Any) -> str:
    found = await asyncio.to_thread(report, settings(folder, api, made[0], **more))
    return "\n".join(str(one) for one in found if one.state is not State.FINE)


# The group becomes a supergroup


async def test_a_group_that_becomes_a_supergroup_is_followed_over_a_restart(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api:
        async with serving(tmp_path, made, api) as bot:
            api.migrated[GROUP] = NEW
            bot.say(migrate_to_chat_id=NEW)
            bot.say("/hours", chat=NEW)
            await bot.told("The ordinary week is", NEW)
            await bot.told(f"STAFF_CHAT_ID={NEW}", NEW)
            assert f"STAFF_CHAT_ID={NEW}" in bot.problems()
            assert bot.service._readiness()["ready"]
        api.migrated.clear()
        api.missing.add(GROUP)  # it is not said again
        api.push({"message": api.message(NEW, "/history", **{"from": ANNA})})
        async with serving(tmp_path, made, api) as bot:
            await bot.told("Nothing was changed yet", NEW)
            assert f"Set STAFF_CHAT_ID={NEW}" in await examined(tmp_path, made, api)
        async with serving(tmp_path, made, api, staff_chat_id=NEW) as bot:
            assert bot.problems() == ""
            assert "new id" not in await examined(tmp_path, made, api, staff_chat_id=NEW)


@pytest.mark.parametrize("how", ["the new group says it", "a post is sent there", "it was while the bot was off"])
async def test_the_new_id_is_found_however_telegram_tells_it(tmp_path: Path, made: Any, how: str) -> None:
    async with BotApi() as api:
        if how.startswith("it was"):
            api.migrated[GROUP] = NEW
        async with serving(tmp_path, made, api) as bot:
            api.migrated[GROUP] = NEW
            if how.startswith("the new"):
                bot.say(migrate_from_chat_id=GROUP, chat=NEW)
            elif how.startswith("a post"):
                await bot.miss("zebra xylophone")
                await bot.told("zebra xylophone", NEW)
            await bot.told(f"STAFF_CHAT_ID={NEW}", NEW)
            bot.say("/hours", chat=NEW)
            await bot.told("The ordinary week is", NEW)


async def test_another_group_that_moves_is_not_followed(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        bot.say(migrate_to_chat_id=NEW, chat=OTHER)
        bot.say("/history")
        await bot.told("Nothing was changed yet")
        assert bot.problems() == ""


# It is shut


def shut(api: BotApi, how: str) -> None:
    match how:
        case "no such chat":
            api.missing.add(GROUP)
        case "kicked":
            api.blocked.add(GROUP)
        case "muted":
            api.muted.add(GROUP)
        case "left":
            api.status[GROUP] = "left"


@pytest.mark.parametrize("how", ["no such chat", "kicked", "muted"])
async def test_what_is_posted_while_the_chat_is_shut_is_kept_and_all_are_told(
    tmp_path: Path, made: Any, how: str
) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        await bot.settled()
        shut(api, how)
        await bot.miss("zebra xylophone")
        told = await bot.told("can't write in the staff's chat", 111)
        assert told.text
        await until(bot.problems)
        assert bot.service._readiness()["ready"]
        assert b"bot_staff_chat_failures_total 0" not in bot.service._metrics.render()
        assert "staff's" in await examined(tmp_path, made, api) or "STAFF_CHAT_ID" in await examined(
            tmp_path, made, api
        )
        for closed in (api.missing, api.blocked, api.muted):
            closed.clear()
        await bot.told("zebra xylophone")
        await until(lambda: not bot.problems())
        assert len(api.of(111)) == 1


@pytest.mark.parametrize("how", ["no such chat", "kicked", "muted", "left"])
async def test_a_chat_that_is_shut_at_the_start_is_told_before_anything_is_posted(
    tmp_path: Path, made: Any, how: str
) -> None:
    async with BotApi() as api:
        shut(api, how)
        async with serving(tmp_path, made, api) as bot:
            await bot.told("can't write in the staff's chat", 111)
            assert bot.problems()


async def test_what_was_kept_outlives_a_restart(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api:
        async with serving(tmp_path, made, api) as bot:
            await bot.settled()
            shut(api, "kicked")
            await bot.miss("zebra xylophone")
            await until(bot.problems)
        api.blocked.clear()
        async with serving(tmp_path, made, api) as bot:
            await bot.told("zebra xylophone")


async def test_a_refusal_that_no_look_explains_is_told_once(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        api.fault("getChat", "404-own")  # a Bot API that does not know it
        await bot.settled()
        shut(api, "kicked")
        await bot.miss("zebra xylophone")
        assert f"STAFF_CHAT_ID {GROUP}" in (await bot.told("can't write in the staff's chat", 111)).text
        failures = bot.service._metrics.staff_chat_failures
        await until(lambda: bot.service._metrics.staff_chat_failures > failures + 4)
        assert len(api.of(111)) == 1
        api.blocked.clear()
        await bot.told("zebra xylophone")
        await until(lambda: not bot.problems())


async def test_a_change_of_the_bots_rights_is_looked_at_at_once(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        await until(lambda: api.calls["getchatadministrators"])
        shut(api, "left")
        api.push({"my_chat_member": {"chat": {"id": GROUP, "type": "group"}, "from": ANNA, "date": 1}})
        await until(bot.problems)


async def test_a_channel_is_no_staff_chat(tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with BotApi() as api:
        monkeypatch.setattr(api, "_on_getchat", lambda _: {"id": GROUP, "type": "channel"}, raising=False)
        assert "is a channel" in await examined(tmp_path, made, api)


# Who writes


async def test_whoever_writes_as_the_group_is_told_why_nothing_comes_of_it(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        bot.say("/closed today", who=NOBODY, sender_chat={"id": GROUP, "type": "group"})
        await bot.told("Remain anonymous")
        assert "anonymous" in bot.problems()


async def test_an_anonymous_admin_of_the_staff_is_named_to_operator_and_staff(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api:
        api.admins[GROUP] = [{"status": "administrator", "user": ANNA, "is_anonymous": True}]
        async with serving(tmp_path, made, api) as bot:
            await bot.told("Anna is an anonymous admin")
            assert "Anna" in bot.problems()
            assert "Anna is an anonymous admin" in await examined(tmp_path, made, api)


async def test_who_is_not_listed_is_told_so_and_not_at_every_word(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        for text in ("ask the patient", "/closed today", "and again"):
            bot.say(text, who=DANA)
        await bot.settled()
        assert [sent.text.endswith("add 444.") for sent in api.of(GROUP)] == [True, True]


async def test_staff_in_a_group_that_is_not_the_staffs_are_told_its_id(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        bot.say("/hours", chat=OTHER)
        await bot.told(f"STAFF_CHAT_ID={OTHER}", OTHER)
        bot.say("/hours", who=DANA, chat=OTHER)
        await bot.settled()
        assert len(api.of(OTHER)) == 1


async def test_without_a_staff_chat_staff_learn_how_to_get_one(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api, staff_chat_id=None) as bot:
        bot.say("/closed today")
        await bot.told(f"STAFF_CHAT_ID={GROUP}")


# What is read there


async def test_plain_words_show_what_a_patient_gets(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        bot.say("does ice help")
        bot.say("@test_bot does ice help")
        topic = {"message_id": 1, "from": DANA, "forum_topic_created": {"name": "x"}}
        bot.say("does ice help", is_topic_message=True, message_thread_id=1, reply_to_message=topic)
        await until(lambda: len(api.of(GROUP)) == 3)
        assert all("Yes, ice can ease a new spasm." in sent.text for sent in api.of(GROUP))


async def test_a_slip_in_a_command_is_pointed_out(tmp_path: Path, made: Any) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        bot.say("/closd today")
        await bot.told("Did you mean /closed?")


async def test_talk_and_service_messages_get_nothing_and_are_not_what_a_step_waits_for(
    tmp_path: Path, made: Any
) -> None:
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        bot.say("/hours")
        await bot.told("The ordinary week is")
        bot.say(forum_topic_edited={"name": "x"})
        bot.say(photo=PHOTO)
        bot.say("/weather")
        bot.say("@dana lunch?")
        api.push({"edited_message": api.message(GROUP, "lunch!", **{"from": ANNA})})
        bot.say("yes", reply_to_message={"message_id": 1, "from": DANA})
        await bot.settled()
        assert len(api.of(GROUP)) == 1
        asked = {"message_id": 1, "from": {"id": 123456, "is_bot": True, "username": "test_bot"}}
        bot.say(photo=PHOTO, reply_to_message=asked)
        await bot.told("I can only read text")
        assert len(await bot.service._store.staff.opened("text")) == 1


async def test_staff_are_told_of_messages_that_were_set_aside(
    tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "TALLY_SECONDS", 0.05)
    async with BotApi() as api, serving(tmp_path, made, api) as bot:
        api.write(8, "my back \ud83d")
        assert "1 message(s)" in (await bot.told("were set aside")).text
