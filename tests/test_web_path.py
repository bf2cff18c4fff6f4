"""A message's whole way from the page and back, through the real inbox, store and outbox."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from chat_page import CARD, FALLBACK, StandIn, answer

from bot.assistant.conversation import Conversation, Forget, Message, Outcome, Reply, Turn
from bot.channels.web import WebChannel, create_app
from bot.delivery.inbox import Inbox
from bot.delivery.metrics import Metrics
from bot.delivery.outbox import Outbox
from bot.errors import StoreError
from bot.safety import Finding, Level, Screening
from bot.store import open_store

SCRIPT = {"accept": "application/json"}


class Assistant:
    """The answers of ``chat_page`` with the assistant's manners."""

    version = "test"

    def parse(self, texts: Sequence[str]) -> list[str]:
        return list(texts)

    def reply(self, message: Message, conversation: Conversation, screening: Screening | None = None) -> Turn:
        reply, toast = answer(message)
        records = (Forget(),) if message.action == "forget" else ()
        heard = screening or self.screen(message, conversation)
        return Turn(Outcome.ANSWER, reply, conversation, heard, toast=toast, records=records)

    def screen(self, message: Message, _conversation: Conversation, _before: str = "") -> Screening:
        found = (Finding(Level.EMERGENCY, "cauda-equina", ()),) if "numb" in message.text else ()
        return Screening(found)

    def card(self, screening: Screening) -> Reply | None:
        return CARD if screening.top else None

    def fallback(self, _message: Message) -> Reply:
        return FALLBACK


class Bot:
    """Store, inbox, outbox and page, as the service puts them together."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(f"sqlite:///{folder}/bot.db")
        metrics = Metrics()
        self.page = WebChannel(lambda messages: self.inbox.accept(messages), self.front)
        self.outbox = Outbox(self.store, [self.page], metrics)
        assistant = Assistant()
        self.inbox = Inbox(
            self.store, lambda: assistant, self.outbox.put, self.outbox.send_now, lambda: len(self.outbox), metrics
        )

    @staticmethod
    def front(now: datetime):
        return StandIn.front(now)

    @contextlib.asynccontextmanager
    async def serving(self) -> "AsyncIterator[Bot]":
        tasks = [asyncio.create_task(self.inbox.run()), asyncio.create_task(self.outbox.run())]
        try:
            yield self
        finally:
            self.page.close()
            await self.inbox.stop()
            await self.outbox.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.store.close()

    def client(self, cookies: httpx.Cookies | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(self.page)), base_url="http://127.0.0.1", cookies=cookies
        )


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with Bot(tmp_path).serving() as bot:
        yield bot


async def post(client: httpx.AsyncClient, **fields: str) -> SimpleNamespace:
    response = await client.post("/messages", data=fields, headers=SCRIPT)
    return SimpleNamespace(**response.json(), status=response.status_code)


async def test_a_question_is_stored_and_its_answer_comes_with_the_post(bot):
    async with bot.client() as client:
        news = await post(client, text="does ice help?", id="abcdef12")
        assert news.answered
        assert "Yes, ice can ease" in news.items[1]["html"]
        again = await post(client, text="does ice help?", id="abcdef12")
        assert (again.items, again.lost) == (news.items, False)


async def test_a_menu_is_edited_in_place_and_a_toast_shows_under_its_button(bot):
    async with bot.client() as client:
        menu = (await post(client, text="/topics")).items[1]
        edited = (await post(client, tap=f"{menu['id']} t:relief Relief at home")).items
        assert [item["id"] for item in edited][1:] == [menu["id"]]
        assert "Back to all topics" in edited[1]["html"]
        entry = (await post(client, tap=f"{menu['id']} m:ice Does ice help?")).items
        assert len(entry) == 2
        noted = (await post(client, tap=f"{menu['id']} f:+:ice 👍 Helped me")).items
        assert '<p class="status">Thank you, noted.</p>' in noted[1]["html"]


async def test_forget_leaves_nothing_of_the_chat_on_the_page(bot):
    async with bot.client() as client:
        await post(client, text="does ice help?")
        (item,) = (await post(client, text="/forget")).items
        assert item["erases"]


async def test_many_messages_at_once_are_all_answered_in_order(bot):
    async with bot.client() as client:
        await post(client, text="echo 0", id="message-0")
        for number in range(1, 12):
            await post(client, text=f"echo {number}", id=f"message-{number}")
        items = (await client.get("/messages", headers=SCRIPT)).json()["items"]
        answers = [item["html"].partition("<p>")[2].partition("</p>")[0] for item in items if item["who"] == "bot"]
        assert answers == [str(number) for number in range(12)]


async def test_after_a_crash_the_page_learns_that_its_answer_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("bot.channels.web.channel._SCRIPT_WAITS", 0.3)
    async with Bot(tmp_path).serving() as bot, bot.client() as client:
        await post(client, text="does ice help?", id="abcdef12")
        cookies = client.cookies
    async with Bot(tmp_path).serving() as bot, bot.client(cookies) as client:
        assert (await post(client, text="does ice help?", id="abcdef12")).lost
        news = await post(client, text="does ice help?", id="abcdef13")
        assert news.answered
        assert [item["who"] for item in news.items] == ["you", "bot"]


async def test_an_answer_that_waited_for_the_restart_reaches_its_page(tmp_path):
    before = Bot(tmp_path)
    async with before.client() as client:
        asking = asyncio.create_task(post(client, text="does ice help?", id="abcdef12"))
        await asyncio.sleep(0.3)  # stored, and nobody there to answer
        before.page.close()
        cookies = (await asyncio.wait_for(asking, 5), client.cookies)[1]
    before.store.close()
    async with Bot(tmp_path).serving() as bot, bot.client(cookies) as client:
        await bot.inbox.recover()
        await bot.outbox.recover()
        news = await post(client, text="does ice help?", id="abcdef12")
        assert news.answered
        assert not news.lost
        assert len(news.items) == 2


async def test_with_the_store_down_a_card_comes_from_memory_and_all_else_is_refused(bot, monkeypatch):
    async def fail(_arrivals: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(bot.store, "accept", fail)
    async with bot.client() as client:
        card = await post(client, text="i am numb down there", id="abcdef12")
        assert (card.status, card.stored) == (200, False)
        assert "Emergency: call 999 now" in card.items[1]["html"]
        refused = await post(client, text="does ice help?", id="abcdef13")
        assert refused.status == 503
        assert "In an emergency call 999." in refused.error
