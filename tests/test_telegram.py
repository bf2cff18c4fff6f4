"""The whole path over real HTTP: Telegram's update to the patient's reply, with what Telegram does wrong on the way."""

import asyncio
import time
from pathlib import Path

import pytest
from botapi import BotApi
from serving import EMERGENCY, FakeAssistant, serving


async def test_a_question_is_answered_with_buttons_and_a_quote(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(7, "does ice help?")
        (sent,) = await api.wait_for(1)
        assert sent.text == "1: does ice help?"
        assert sent.parameters["reply_parameters"]["message_id"] > 1
        assert sent.parameters["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "f:+:ice"


async def test_what_a_patient_writes_is_never_markup(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(7, "<b>5 < 6 & </i>")
        (sent,) = await api.wait_for(1)
        assert sent.parameters["parse_mode"] == "HTML"
        assert sent.text == "1: &lt;b&gt;5 &lt; 6 &amp; &lt;/i&gt;"


async def test_what_is_refused_goes_again_as_bare_text(tmp_path: Path) -> None:
    async with BotApi(plain_only=True) as api, serving(tmp_path, api):
        api.write(7, f"I have {EMERGENCY}")
        (sent,) = await api.wait_for(1)
        assert sent.text == "Emergency: call now\n\n112"
        assert set(sent.parameters) == {"chat_id", "text"}


async def test_a_chat_is_answered_in_order(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        for number in range(20):
            for chat in range(1, 6):
                api.write(chat, f"question {number}")
        await api.wait_for(100)
        for chat in range(1, 6):
            assert [sent.text for sent in api.of(chat)] == [f"{n + 1}: question {n}" for n in range(20)]


async def test_an_update_delivered_twice_is_answered_once(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api) as running:
        api.write(7, "hello")
        api.updates.append(api.updates[0])
        await api.wait_for(1)
        assert len(await api.quiet()) == 1
        assert running.service._metrics.duplicates == 1


@pytest.mark.parametrize(
    "kind", ["500", "502", "429", "401", "404", "404-own", "409", "hang", "reset-before", "garbage"]
)
@pytest.mark.parametrize("method", ["getUpdates", "sendMessage"])
async def test_no_fault_loses_or_doubles_a_question(tmp_path: Path, method: str, kind: str) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(1, "before")
        await api.wait_for(1)
        api.fault(method, kind)
        for chat in range(2, 22):
            api.write(chat, f"from {chat}")
        await asyncio.sleep(0.4)
        api.clear()
        # What hangs when the fault ends is noticed when its time is over.
        await api.wait_for(21, seconds=14 if kind == "hang" else 8)
        await api.quiet(0.2)
        assert sorted(sent.chat for sent in api.sent) == list(range(1, 22))


async def test_a_reset_after_sending_doubles_only_what_was_in_flight(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.fault("sendMessage", "reset-after")
        for chat in range(1, 201):
            api.write(chat, "hello")
        await asyncio.sleep(2.5)
        api.clear()
        async with asyncio.timeout(10):
            while {sent.chat for sent in api.sent if sent.was_acknowledged} != set(range(1, 201)):
                await asyncio.sleep(0.1)
        assert len(await api.quiet()) <= 200 + 16 + 8
        assert max(len(api.of(chat)) for chat in range(1, 201)) <= 3


async def test_an_update_that_cannot_be_read_stops_only_itself(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.push({"message": {"odd": True}})
        api.push({"something_new": {"id": 1}})
        api.push({"callback_query": {"id": "1"}})
        api.push({"message": None})
        api.write(7, "still there?")
        (sent,) = await api.wait_for(1)
        assert sent.text.endswith("still there?")
        assert api.calls["getupdates"] < 10


async def test_emergencies_overtake_other_chats(tmp_path: Path) -> None:
    async with BotApi(latency=0.05) as api, serving(tmp_path, api):
        for chat in range(1, 201):
            api.write(chat, "hello")
        api.write(999, EMERGENCY)
        await api.wait_for(60)
        assert 999 in {sent.chat for sent in api.sent[:60]}


async def test_an_emergency_does_not_overtake_its_own_chat(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(7, "hello")
        api.write(7, EMERGENCY)
        first, second = await api.wait_for(2)
        assert (first.text, second.text[:16]) == ("1: hello", "<b>Emergency: ca")


async def test_edited_messages_captions_and_forwards_are_screened(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        edited = api.message(1, f"now {EMERGENCY}") | {"edit_date": int(time.time())}
        api.push({"edited_message": edited})
        api.push({"message": api.message(2, photo=[{"file_id": "x"}], caption=f"see, {EMERGENCY}")})
        api.write(3, f"fwd: {EMERGENCY}", forward_origin={"type": "hidden_user", "sender_user_name": "Bo", "date": 1})
        await api.wait_for(3)
        assert all("112" in sent.text for sent in api.sent)


@pytest.mark.parametrize("kind", ["voice", "sticker", "photo", "location", "contact", "poll", "paid_media"])
async def test_what_cannot_be_read_gets_a_reply(tmp_path: Path, kind: str) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.push({"message": api.message(7, **{kind: {"file_id": "x"}})})
        (sent,) = await api.wait_for(1)
        assert sent.text


async def test_service_messages_channels_and_other_bots_commands_get_none(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.push({"message": api.message(-7, new_chat_members=[{"id": 1}])})
        api.push({"channel_post": api.message(-8, "news")})
        api.write(-9, "/start@other_bot")
        api.write(-9, "talk among people")
        api.write(-9, "/start@test_bot")
        (sent,) = await api.wait_for(1)
        assert sent.text == "1: start"
        assert len(await api.quiet()) == 1


async def test_taps_are_confirmed_and_menus_edited_in_place(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(7, "does ice help?")
        (sent,) = await api.wait_for(1)
        api.tap(7, sent, "f:+:ice")
        api.tap(7, sent, "t")
        api.tap(7, sent, "t")
        async with asyncio.timeout(5):
            while len(api.toasts) < 3:
                await asyncio.sleep(0.02)
        assert api.toasts[0]["text"] == "Thank you"
        await api.quiet()
        assert [edit["text"] for edit in api.edits] == ["Topics"]
        assert len(api.sent) == 1


async def test_a_thumb_down_carries_the_question_back(tmp_path: Path) -> None:
    assistant = FakeAssistant()
    async with BotApi() as api, serving(tmp_path, api, assistant):
        api.write(7, "does ice help?")
        (sent,) = await api.wait_for(1)
        api.tap(7, sent, "f:-:ice", question="does ice help?")
        await api.wait_for(2)
        assert assistant.asked[-1] == "does ice help?"


async def test_an_edit_that_is_refused_is_sent_anew(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(7, "hello")
        (sent,) = await api.wait_for(1)
        sent.message_id += 1000  # the message under the button is gone
        api.tap(7, sent, "t")
        sent.message_id -= 1000
        await api.wait_for(2)
        assert api.sent[1].text == "Topics"


async def test_blocked_and_deleted_chats_stop_only_themselves(tmp_path: Path) -> None:
    async with BotApi(blocked={1}, missing={2}) as api, serving(tmp_path, api) as running:
        for chat in (1, 2, 3):
            api.write(chat, "hello")
        await api.wait_for(1)
        await api.quiet()
        assert [sent.chat for sent in api.sent] == [3]
        assert await running.store.load_outbox() == []


async def test_a_migrated_group_gets_its_reply_under_the_new_id(tmp_path: Path) -> None:
    async with BotApi(migrated={-5: -1005}) as api, serving(tmp_path, api):
        api.write(-5, "/start")
        (sent,) = await api.wait_for(1)
        assert sent.chat == -1005


async def test_late_messages_get_an_apology(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        api.write(7, "hello", date=time.time() - 400)
        (sent,) = await api.wait_for(1)
        assert sent.text.startswith("Sorry for the delay.")


async def test_floods_of_one_chat_get_one_notice_and_still_their_alarms(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        for number in range(50):
            api.write(7, f"spam {number}")
        api.write(7, EMERGENCY)
        api.write(8, "a quiet one")
        await api.wait_for(33)
        await api.quiet()
        assert [sent.text for sent in api.of(7)][-2:] == ["Too many messages.", "<b>Emergency: call now</b>\n\n112"]
        assert len(api.of(7)) == 32
        assert len(api.of(8)) == 1


async def test_telegrams_limits_are_kept(tmp_path: Path) -> None:
    async with BotApi(limits=True) as api, serving(tmp_path, api, telegram_send_rate=30) as running:
        for chat in range(1, 61):
            api.write(chat, "hello")
        for number in range(8):
            api.write(99, f"more {number}")
        await api.wait_for(68)
        assert not running.service._metrics.retries["flood limit"]


async def test_the_profile_is_written_once(tmp_path: Path) -> None:
    async with BotApi() as api:
        for _ in range(2):
            async with serving(tmp_path, api), asyncio.timeout(5):
                while api.profile["menu"]["type"] != "commands":
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.2)
        assert api.profile["description"] == "Ask me."
        assert api.calls["setmycommands"] == api.calls["setmydescription"] == api.calls["setchatmenubutton"] == 1


async def test_a_webhook_left_behind_is_removed_for_polling(tmp_path: Path) -> None:
    async with BotApi(webhook={"url": "http://127.0.0.1:1/x"}) as api, serving(tmp_path, api):
        await asyncio.sleep(0.3)
        api.write(7, "hello")
        await api.wait_for(1)
        assert api.webhook is None


async def test_a_conversation_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async with BotApi() as api:
        async with serving(tmp_path, api):
            api.write(7, "one")
            await api.wait_for(1)
        async with serving(tmp_path, api):
            api.write(7, "two")
            await api.wait_for(2)
        assert [sent.text for sent in api.sent] == ["1: one", "2: two"]
