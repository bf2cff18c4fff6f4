"""What is read, and what is not: the whole path over real HTTP. In groups only what is meant for the bot is answered."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from serving import EMERGENCY, serving

ME = {"id": 123456, "is_bot": True, "first_name": "Bot", "username": "test_bot"}
OTHER_BOT = {"id": 5, "is_bot": True, "first_name": "Other", "username": "test_bot_helper"}
PERSON = {"id": 6, "is_bot": False, "first_name": "Ben"}
PHOTO = [{"file_id": "a", "file_unique_id": "a", "width": 1, "height": 1}]
PLACE = {"latitude": 51.5, "longitude": 0.1, "live_period": 3600}
LAST = 999


async def answers(folder: Path, *updates: Any, **more: Any) -> list[str]:
    """All that is sent for ``updates``, functions of the server."""
    async with BotApi() as api, serving(folder, api, **more) as running, asyncio.timeout(30):
        for update in updates:
            api.push(update(api))
        api.write(LAST, "the last one: those before it are stored by now")
        await settled(api, running.service, 1)
        return [sent.text for sent in api.sent if sent.chat != LAST]


async def settled(api: BotApi, service: Any, last: int) -> None:
    """Until the last questions are answered, and with them all that came before."""
    while len(api.of(LAST)) < last or len(service._inbox) + len(service._outbox):
        await asyncio.sleep(0.01)


def wrote(chat: int, text: str | None = None, kind: str = "message", **more: Any) -> Any:
    return lambda api: {kind: api.message(chat, text, **more)}


@pytest.mark.parametrize(
    "text",
    ["/cant feel my legs, {}", "/ {}", "/weather@other_bot {}", "/help@other_bot {}", "//{}", "/help\n{}", "/HELP {}"],
)
async def test_a_slash_keeps_no_sign_from_being_heard(tmp_path: Path, text: str) -> None:
    (card,) = await answers(tmp_path, wrote(16, text.format(EMERGENCY)))
    assert "112" in card


async def test_only_the_bots_own_commands_are_commands(tmp_path: Path) -> None:
    typed = ("/does ice help", "/help@test_bot", "/hours", "/start@other_bot")
    assert await answers(tmp_path, *(wrote(16, text) for text in typed)) == [
        "1: /does ice help",
        "2: help",
        "3: /hours",
        "4: /start@other_bot",
    ]


@pytest.mark.parametrize(
    "meant",
    [
        wrote(-9, "/help"),
        wrote(-9, "/help@Test_Bot"),
        wrote(-9, "@test_bot help"),
        wrote(-9, "help, @test_bot"),
        wrote(-9, "@test_bot: help"),
        wrote(-9, "help", reply_to_message={"message_id": 1, "from": ME}),
        wrote(-9, "@test_bot help", **{"from": ME | {"id": 1087968824}, "sender_chat": {"id": -9, "type": "group"}}),
        wrote(-9, photo=PHOTO, caption="@test_bot help"),
    ],
)
async def test_in_a_group_what_is_meant_for_the_bot_is_answered_without_its_name(tmp_path: Path, meant: Any) -> None:
    assert [text.removesuffix(",") for text in await answers(tmp_path, meant)] == ["1: help"]


@pytest.mark.parametrize(
    "not_meant",
    [
        wrote(-9, "talk among people"),
        wrote(-9, "/weather"),
        wrote(-9, "/help@test_bot_helper"),
        wrote(-9, "/help@test_bot_helper", reply_to_message={"message_id": 1, "from": ME}),
        wrote(-9, "hey @test_bot_helper does ice help"),
        wrote(-9, "write to me@test_bot.example"),
        wrote(-9, "thanks", reply_to_message={"message_id": 1, "from": PERSON}),
        wrote(-9, "thanks", reply_to_message={"message_id": 1, "from": OTHER_BOT}),
        wrote(-9, "@test_bot help", **{"from": OTHER_BOT}),
        wrote(-9, "@test_bot news", is_automatic_forward=True, sender_chat={"id": -8, "type": "channel"}),
        wrote(-9, "hello", reply_to_message={"message_id": 1, "from": ME, "forum_topic_created": {"name": "x"}}),
        wrote(-9, photo=PHOTO),
        wrote(-9, voice={"file_id": "x"}),
        wrote(-9, forum_topic_edited={"name": "x"}),
        wrote(-9, video_chat_scheduled={"start_date": 1795893000}),
        wrote(-9, new_chat_members=[{"id": 1}]),
        wrote(-9, something_new_in_telegram={"id": 1}),
        wrote(-9, something_new_in_telegram={"id": 1}, reply_to_message={"message_id": 1, "from": ME}),
    ],
)
async def test_in_a_group_all_else_gets_nothing(tmp_path: Path, not_meant: Any) -> None:
    assert await answers(tmp_path, not_meant) == []


async def test_a_bot_called_by_its_name_alone_greets(tmp_path: Path) -> None:
    assert await answers(tmp_path, wrote(-9, "@test_bot")) == ["1: start"]


@pytest.mark.parametrize("service", ["pinned_message", "forum_topic_edited", "users_shared", "chat_background_set"])
async def test_service_messages_in_a_private_chat_get_nothing(tmp_path: Path, service: str) -> None:
    assert await answers(tmp_path, wrote(7, **{service: {"x": 1}})) == []


async def test_what_is_newer_than_the_bot_is_answered_in_a_private_chat(tmp_path: Path) -> None:
    assert await answers(tmp_path, wrote(7, hologram={"file_id": "x"})) == ["1: other"]


async def test_of_a_live_location_only_the_first_is_answered(tmp_path: Path) -> None:
    moves = [wrote(12, kind="edited_message", location=PLACE, message_id=900, edit_date=n) for n in range(1, 7)]
    assert await answers(tmp_path, wrote(12, location=PLACE, message_id=900), *moves) == ["1: location"]


def album(*captions: str, name: str = "77", chat: int = 14) -> list[Any]:
    return [
        wrote(chat, photo=PHOTO, media_group_id=name, **({"caption": caption} if caption else {}))
        for caption in captions
    ]


@pytest.mark.parametrize(
    ("captions", "answer"),
    [
        (("is this a bruise?", "", "", "", ""), "1: is this a bruise?"),
        (("", "", "is this a bruise?"), "1: is this a bruise?"),
        (("", "", ""), "1: photo"),
        (("one", "", "two"), "1: one\ntwo"),
    ],
)
async def test_an_album_gets_one_reply(tmp_path: Path, captions: tuple[str, ...], answer: str) -> None:
    assert await answers(tmp_path, *album(*captions)) == [answer]


async def test_every_caption_of_an_album_is_screened(tmp_path: Path) -> None:
    (card,) = await answers(tmp_path, *album("my back", "", f"and {EMERGENCY}"))
    assert "112" in card


async def test_two_albums_get_two_replies(tmp_path: Path) -> None:
    assert await answers(tmp_path, *album("", ""), *album("", "", name="78")) == ["1: photo", "2: photo"]


@pytest.mark.parametrize("captions", [("", "", ""), ("is this a bruise?", "", "")])
async def test_an_album_in_pieces_gets_one_reply_too(tmp_path: Path, captions: tuple[str, ...]) -> None:
    async with BotApi() as api, serving(tmp_path, api) as running, asyncio.timeout(30):
        for number, update in enumerate(album(*captions), 1):
            api.push(update(api))
            api.write(LAST, "next")
            await settled(api, running.service, number)
        assert len(api.of(14)) == 1
