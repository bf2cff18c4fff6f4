"""One update that can't be read, stored or answered stops only itself: set aside, counted, told; the rest goes on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from serving import EMERGENCY, FakeAssistant, Running, serving
from sqlalchemy.exc import DataError
from test_webhook import hooked, is_set, post

from bot.errors import StoreError
from bot.store import list_dead_letters, queues
from bot.store.tables import conversations

SURROGATE = "my back \ud83d"


@asynccontextmanager
async def running(folder: Path, **more: Any) -> AsyncIterator[tuple[BotApi, Running]]:
    async with BotApi() as api, serving(folder, api, **more) as served, asyncio.timeout(30):
        yield api, served


async def until(found: Callable[[], Any]) -> None:
    while not found():
        await asyncio.sleep(0.01)


def counted(served: Running) -> int:
    return int(served.service._metrics.dead_letters)


def faults(folder: Path) -> list[str]:
    return [one.error for one in list_dead_letters(f"sqlite:///{folder}/bot.db")]


def of(chat: Any, text: Any = "does ice help?", **more: Any) -> dict[str, Any]:
    return {"message_id": 5, "date": int(time.time()), "chat": {"id": chat, "type": "private"}, "text": text} | more


@pytest.mark.parametrize(
    "poison",
    [
        {"message": of(14, SURROGATE)},
        {"message": of(14, "a", **{"from": {"id": 14, "language_code": "\ud83d"}})},
        {"message": of(14, date=10**20)},
        {"message": of(14, date="soon")},
        {"message": of(14, date=None)},
        {"message": of(14, text={"odd": 1}, media_group_id={"x": 1}, date=None)},
        {"edited_message": of(14, SURROGATE, edit_date=int(time.time()))},
        {"callback_query": {"id": "\ud83d", "from": {"id": 14}, "data": "t", "message": of(14)}},
        {"callback_query": {"id": "1", "from": {"id": 14}, "data": "\ud83d", "message": of(14)}},
    ],
)
async def test_what_can_not_be_read_or_stored_is_set_aside_and_the_rest_is_answered(
    tmp_path: Path, poison: dict[str, Any]
) -> None:
    async with running(tmp_path) as (api, served):
        api.push(poison)
        api.write(15, EMERGENCY)
        await until(lambda: api.of(15) and counted(served))
        assert "112" in api.of(15)[0].text
        await until(lambda: api.of(14) or api.edits or api.toasts)
        assert len(faults(tmp_path)) == counted(served) == 1
        assert served.service._readiness()["ready"]
        assert b"bot_set_aside_total 1.0" in served.service._metrics.render()
        asked = api.calls["getupdates"]
        api.write(15, "still there?")
        await until(lambda: len(api.of(15)) == 2)
        assert api.calls["getupdates"] <= asked + 3


@pytest.mark.parametrize(
    "poison", [{"message": of("odd")}, {"message": {"odd": True}}, {"message": of(-9, SURROGATE, date="soon")}]
)
async def test_of_what_nobody_can_be_answered_for_the_operator_is_told(tmp_path: Path, poison: dict[str, Any]) -> None:
    async with running(tmp_path) as (api, served):
        api.push(poison)
        api.write(15, "hello")
        await until(lambda: counted(served) and api.of(15))
        assert len(faults(tmp_path)) == 1
        assert {sent.chat for sent in api.sent} == {15}


async def test_what_is_left_of_it_is_answered_else_the_clinics_phone_is_given(tmp_path: Path) -> None:
    async with running(tmp_path) as (api, served):
        for chat, text in ((14, SURROGATE), (16, "boom \ud83d"), (18, "poison \ud83d")):
            api.push({"message": of(chat, text)})
        await until(lambda: counted(served) == 3)
        await api.wait_for(3)
        assert [api.of(chat)[0].text for chat in (14, 16, 18)] == [
            "1: my back  ",
            *["I could not answer. Call 0123."] * 2,
        ]


async def test_the_card_goes_out_for_a_sign_in_what_can_not_be_stored(tmp_path: Path) -> None:
    async with running(tmp_path) as (api, served):
        api.push({"message": of(14, f"{EMERGENCY} \ud83d")})
        api.push({"message": of(16, EMERGENCY, date="soon")})
        await until(lambda: api.of(14) and api.of(16))
        assert all("112" in sent.text for sent in api.sent)
        await until(lambda: counted(served) == 2)
        alarms = await served.store._writer.write(lambda c: c.exec_driver_sql("SELECT count(*) FROM alarms").scalar())
        assert alarms == 2


async def test_updates_without_an_id_are_dropped_and_not_asked_for_without_a_pause(tmp_path: Path) -> None:
    async with running(tmp_path) as (api, served):
        api.updates.append({"update_id": "x", "message": of(14)})
        api.updates.append(["odd"])  # type: ignore[arg-type]
        api._wake()
        await until(lambda: counted(served) >= 2)
        asked = api.calls["getupdates"]
        await asyncio.sleep(0.2)
        assert api.calls["getupdates"] <= asked + 2


def break_accept(served: Running, breaks: Callable[[str], bool], error: Exception) -> None:
    """From now on a bug or the database fails on some texts."""
    real = served.store.accept

    async def broken(arrivals: Any) -> Any:
        if any(breaks(one.message.text) for one in arrivals):
            raise error
        return await real(arrivals)

    served.store.accept = broken  # type: ignore[method-assign]


async def test_a_bug_that_one_message_meets_drops_that_message_and_not_its_card(tmp_path: Path) -> None:
    async with running(tmp_path) as (api, served):
        break_accept(served, lambda text: "odd" in text, TypeError("secret words"))
        for chat, text in ((1, "one"), (2, f"odd {EMERGENCY}"), (3, "two"), (4, "odd"), (5, "three")):
            api.write(chat, text)
        await until(lambda: counted(served) == 2)
        await until(lambda: {sent.chat for sent in api.sent} == {1, 2, 3, 5})
        assert "112" in api.of(2)[0].text
        assert served.service._readiness()["ready"]


async def test_a_bug_that_every_message_meets_acknowledges_none_and_is_not_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path) as (api, served):
        real = served.store.accept
        break_accept(served, lambda _: True, TypeError("secret words"))
        first = api.write(1, "one")
        api.write(2, "two")
        await until(lambda: served.service._metrics.store_failures >= 5)
        ready = served.service._readiness()
        assert not ready["ready"]
        assert "TypeError" in ready["problems"][0]
        assert "secret" not in json.dumps(ready)
        assert counted(served) == 0
        assert api.updates[0]["update_id"] == first
        served.store.accept = real  # type: ignore[method-assign]
        await api.wait_for(2)
        assert served.service._readiness()["ready"]
        assert capsys.readouterr().out.count("nothing is acknowledged") == 1


async def test_while_messages_can_not_be_stored_it_is_not_ready_although_other_things_can(tmp_path: Path) -> None:
    async with running(tmp_path) as (api, served):
        break_accept(served, lambda _: True, StoreError("The disk is full."))
        api.write(1, "one")
        await until(lambda: served.service._metrics.store_failures >= 2)
        await served.store.note("other", "thing")
        ready = served.service._readiness()
        assert (ready["ready"], ready["problems"][0]) == (False, "The disk is full.")


async def test_a_delivery_that_is_poison_is_acknowledged_once_others_could_be_stored(tmp_path: Path) -> None:
    async with BotApi() as api, hooked(tmp_path, api, telegram_webhook_secret="s") as served, asyncio.timeout(30):
        await is_set(api)
        surrogate = json.dumps({"update_id": 1, "message": of(14, SURROGATE)}).encode()
        assert await post(served, surrogate, "s") == 200
        await until(lambda: counted(served) == 1)
        break_accept(served, lambda text: "odd" in text, TypeError())
        odd = json.dumps({"update_id": 2, "message": of(14, "odd")}).encode()
        assert await post(served, odd, "s") == 503
        assert await post(served, json.dumps({"update_id": 3, "message": of(15)}).encode(), "s") == 200
        assert await post(served, odd, "s") == 200
        assert counted(served) == 2
        assert await post(served, b"[" * 100_000, "s") == 400


async def test_a_values_error_of_the_database_is_no_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = queues.accept

    def refusing(connection: Any, arrivals: Any, now: float) -> Any:
        if any("odd" in one.message.text and not one.fault for one in arrivals):
            raise DataError("INSERT", {}, ValueError("too long"))
        return real(connection, arrivals, now)

    monkeypatch.setattr(queues, "accept", refusing)
    async with running(tmp_path) as (api, served):
        api.write(1, "odd")
        api.write(2, "fine")
        await until(lambda: api.of(2) and api.of(1))
        assert faults(tmp_path) == ["DataError"]
        assert served.service._readiness()["ready"]


async def test_a_conversation_that_can_not_be_read_is_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as (api, served):
        row = {"channel": "telegram:123456", "chat": "7", "state": '{"alarm": ["x"]}', "updated_at": 1.0}
        await served.store._writer.write(lambda c: c.execute(conversations.insert(), row))
        api.write(7, "hello")
        (sent,) = await api.wait_for(1)
        assert sent.text == "1: hello"


class Echoing(FakeAssistant):
    """Leaves what no database takes where it was asked to."""

    def reply(self, message: Any, conversation: Any, screening: Any = None) -> Any:
        if "odd" in message.text:
            message = replace(message, text="miss \ud83d")
        return super().reply(message, conversation, screening)


async def test_an_answer_that_can_not_be_stored_stops_no_other_chat(tmp_path: Path) -> None:
    async with running(tmp_path, assistant=Echoing()) as (api, served):
        api.write(1, "odd")
        for chat in (2, 3, 4):
            api.write(chat, "fine")
        await until(lambda: {sent.chat for sent in api.sent} == {1, 2, 3, 4})
        assert api.of(1)[0].text == "I could not answer. Call 0123."
        assert counted(served) == 1
        assert len(served.service._inbox) == 0
