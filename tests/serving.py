"""The real service in the test's own process, around a hand-written assistant, against the test's Bot API server."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bot.assistant.conversation import (
    Alarm,
    Block,
    BlockKind,
    Button,
    Conversation,
    Escalated,
    Feedback,
    Forget,
    Kind,
    Message,
    Missed,
    Outcome,
    Reply,
    Turn,
)
from bot.ops.current import Current
from bot.ops.service import Service
from bot.ops.settings import Settings
from bot.ops.web_server import bind
from bot.safety import Finding, Heard, Level, Screening
from bot.store import Store, open_store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EMERGENCY = "chest pain"


def said(text: str, **more: Any) -> Reply:
    return Reply((Block(BlockKind.PARAGRAPH, text),), **more)


def message(text: str = "does ice help?", chat: str = "1", update_id: str = "1", **more: Any) -> Message:
    now = datetime.now(UTC)
    fields = {"channel": "web", "kind": Kind.TEXT, "sent_at": now, "now": now, "message_id": "7"} | more
    return Message(chat=chat, update_id=update_id, text=text, **fields)


@dataclass
class FakeAssistant:
    """Echoes; "boom" raises, "poison" fails inside, "chest pain" is an emergency, "miss", "forget" leave records."""

    version: str = "v1"
    trouble: str = ""
    is_broken: bool = False
    is_screening_broken: bool = False
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        profile = SimpleNamespace(description="Ask me.", short_description="A bot.")
        commands = {"start": "Begin", "privacy": "What is stored"}
        phrases = SimpleNamespace(profile=profile, commands=commands, too_many="Too many messages.")
        clinic = SimpleNamespace(name="Test Clinic", phone="0123", emergency_number="112")
        self.content = SimpleNamespace(phrases=phrases, version=self.version, clinic=clinic)
        self.replies = SimpleNamespace(
            say=lambda text, _now, buttons=(): said(text, buttons=buttons),
            way_out=lambda: (),
            greeting=lambda _now: said("Hello."),
        )

    def parse(self, texts: Sequence[str]) -> list[str]:
        return list(texts)

    def screen(self, message: Message, conversation: Conversation, before: str = "") -> Screening:  # noqa: ARG002
        if self.is_screening_broken:
            raise RuntimeError(message.text)
        is_emergency = EMERGENCY in message.text
        heard = (Heard("pain"),) if "pain" in message.text else ()
        return Screening((Finding(Level.EMERGENCY, "chest", ()),) if is_emergency else (), heard=heard)

    def card(self, screening: Screening) -> Reply | None:
        if screening.top is None:
            return None
        blocks = (Block(BlockKind.HEADING, "Emergency: call now"), Block(BlockKind.NUMBER, "112"))
        return Reply(blocks, ((Button("Help is on its way", "h"),),), Level.EMERGENCY)

    def fallback(self, message: Message) -> Reply:  # noqa: ARG002
        return said("I could not answer. Call 0123.")

    def reply(self, message: Message, conversation: Conversation, screening: Screening | None = None) -> Turn:
        time.sleep(self.seconds)
        if self.is_broken or "boom" in message.text:
            raise RuntimeError(f"secret words: {message.text}")
        self.asked.append(message.text)
        screening = self.screen(message, conversation) if screening is None else screening
        after = replace(conversation.hearing(screening.heard, message.now), misses=conversation.misses + 1)
        if screening.top:
            raised = replace(after, alarm=Alarm("chest", Level.EMERGENCY, message.now))
            record = Escalated("chest", Level.EMERGENCY, self.version)
            return Turn(Outcome.ESCALATION, self.card(screening), raised, screening, records=(record,))
        if "poison" in message.text:
            return Turn(Outcome.FALLBACK, self.fallback(message), after, screening, failure="ValueError")
        if message.kind is Kind.BUTTON and message.action == "f:+:ice":
            return Turn(Outcome.FEEDBACK, None, after, screening, records=(Feedback("ice", True),), toast="Thank you")
        if message.kind is Kind.BUTTON and message.action == "t":
            return Turn(Outcome.MENU, said("Topics", replaces=True), after, screening)
        records: tuple[Any, ...] = ()
        if "miss" in message.text:
            records = (Missed(message.text, "not understood", ("ice",)),)
        if message.action == "forget":
            return Turn(Outcome.MENU, said("Erased."), Conversation(), screening, records=(Forget(),))
        late = "Sorry for the delay. " if message.is_late else ""
        buttons = ((Button("👍 Helped", "f:+:ice"), Button("👎 Did not", "f:-:ice")),)
        reply = said(
            f"{late}{after.misses}: {message.text or message.action or message.attachment}",
            buttons=buttons,
            quotes=True,
        )
        return Turn(Outcome.ANSWER, reply, after, screening, entry="ice", records=records)


@dataclass
class Running:
    service: Any
    store: Store
    assistant: Any
    task: "asyncio.Task[int]"
    port: int

    async def stop(self) -> int:
        self.service._stopping.set()
        return await self.task


def settings_for(folder: Path, **more: Any) -> Settings:
    fields = {
        "database_url": f"sqlite:///{folder}/bot.db",
        "telegram_send_rate": 0,
        "web_port": 0,
        "backup_hours": 0,
    } | more
    return Settings(_env_file=None, **fields)  # type: ignore[call-arg]


@asynccontextmanager
async def serving(folder: Path, api: Any = None, assistant: Any = None, **more: Any) -> AsyncIterator[Running]:
    """The service until the block ends; with ``api`` it serves Telegram, else the chat page."""
    if api:
        more = {"telegram_bot_token": api.token, "telegram_api_base_url": api.url} | more
    settings = settings_for(folder, **more)
    assistant = assistant or FakeAssistant()
    taken = bind(settings.web_host, settings.web_port)
    store = open_store(settings.database_url)
    service = Service(settings, Current(assistant), store, taken)
    task = asyncio.create_task(service.serve())
    running = Running(service, store, assistant, task, taken.getsockname()[1])
    try:
        await asyncio.sleep(0)
        yield running
    finally:
        if not task.done():
            service._stopping.set()
        try:
            await task
        finally:
            store.close()
            taken.close()
