"""The chat page with a hand-written inbox that knows a few answers, and a real server for it on a free port."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import uvicorn

from bot.assistant.conversation import Block, BlockKind, Button, Kind, Message, Reply
from bot.channels.web import Front, WebChannel, create_app
from bot.delivery.inbox import Full
from bot.errors import StoreError
from bot.safety import Level
from bot.store.values import Outgoing

FEEDBACK = (Button("👍 Helped me", "f:+:ice"), Button("👎 Not my question", "f:-:ice"))


def paragraph(text: str) -> Block:
    return Block(BlockKind.PARAGRAPH, text)


GREETING = Reply(
    (
        paragraph("Hello. I answer questions about back spasms for Example Chiropractic Clinic."),
        paragraph("Ask in your own words. " + "I am a program. " * 30),
    ),
    ((Button("Does ice help?", "e:ice"),), (Button("All topics", "t"),)),
)
ICE = Reply(
    (
        paragraph("Yes, ice can ease the pain of a fresh spasm. Ask us: +44 20 7946 0123."),
        Block(BlockKind.BULLETS, items=("Wrap it in a towel.", "Ten minutes are enough.")),
        Block(BlockKind.NOTE, "General information, not a diagnosis."),
    ),
    (FEEDBACK, (Button("Does heat help?", "e:heat"),)),
    quotes=True,
)
CARD = Reply(
    (
        Block(BlockKind.HEADING, "Emergency: call 999 now if you can not feel between your legs."),
        Block(BlockKind.NUMBER, "999"),
        paragraph("Nerves at the end of the spine may be pressed. Hours count."),
        Block(BlockKind.BULLETS, items=("You can not pee.", "You lost control of your bowels.")),
        Block(BlockKind.NOTE, "I am a program. Nobody reads this chat round the clock."),
    ),
    ((Button("Help is on its way", "h"),),),
    Level.EMERGENCY,
)
URGENT = Reply(
    (
        Block(BlockKind.HEADING, "Urgent, today: see a doctor about the fever."),
        Block(BlockKind.NUMBER, "111"),
        paragraph("It may be an infection."),
    ),
    ((Button("Help is on its way", "h"),),),
    Level.URGENT,
)
TOPICS = Reply((paragraph("What is it about?"),), ((Button("Relief at home", "t:relief"),),), replaces=True)
GROUP = Reply(
    (paragraph("Relief at home"),),
    ((Button("Does ice help?", "m:ice"),), (Button("Back to all topics", "t"),)),
    replaces=True,
)
FORGOTTEN = Reply((paragraph("Erased: everything."),))
FALLBACK = Reply(
    (paragraph("I do not have an answer to that. In an emergency call 999."),), ((Button("All topics", "t"),),)
)


def answer(message: Message) -> tuple[Reply | None, str]:
    """The reply and the toast of the stand-in for the assistant."""
    if message.kind is Kind.COMMAND:
        menu = Reply(TOPICS.blocks, TOPICS.buttons)
        return {"topics": menu, "forget": FORGOTTEN, "start": GREETING}.get(message.action, FALLBACK), ""
    if message.kind is Kind.BUTTON:
        if message.action.startswith("f:"):
            return None, "Thank you, noted."
        replies = {"t": TOPICS, "t:relief": GROUP, "e:ice": ICE, "m:ice": Reply(ICE.blocks, ICE.buttons, replaces=True)}
        return replies.get(message.action, FALLBACK), ""
    text = message.text.lower()
    for word, reply in {"numb": CARD, "fever": URGENT, "ice": ICE}.items():
        if word in text:
            return reply, ""
    if text.startswith("echo "):
        return Reply((paragraph(message.text[5:]),)), ""
    return FALLBACK, ""


@dataclass
class StandIn:
    """Inbox, assistant and outbox in one: stores once per update id and hands the reply to the channel."""

    stored: list[Message] = field(default_factory=list)
    is_down: bool = False
    is_full: bool = False
    is_silent: bool = False
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.channel = WebChannel(self.accept, self.front)
        self._sent = 0

    @staticmethod
    def front(_now: datetime) -> Front:
        return Front("Example Chiropractic Clinic", "+44 20 7946 0123", "999", GREETING)

    async def accept(self, messages: Sequence[Message]) -> tuple[bool, ...]:
        (message,) = messages
        if self.is_full:
            raise Full("Too many messages wait.")
        reply, toast = answer(message)
        if self.is_down:
            if reply and reply.level is Level.EMERGENCY:
                await self.channel.send(self._outgoing(message, reply, "", 0))
            raise StoreError("The disk is full.")
        if message.update_id in self.known:
            return (False,)
        self.known.add(message.update_id)
        self.stored.append(message)
        if not self.is_silent:
            self._sent += 1
            await self.channel.send(self._outgoing(message, reply, toast, self._sent))
        return (True,)

    async def say(self, chat: str, reply: Reply) -> None:
        """Something that the clinic says unasked."""
        self._sent += 1
        await self.channel.send(Outgoing(id=self._sent, channel="web", chat=chat, reply=reply))

    async def answer_late(self, message: Message) -> None:
        self._sent += 1
        reply, toast = answer(message)
        await self.channel.send(self._outgoing(message, reply, toast, self._sent))

    @staticmethod
    def _outgoing(message: Message, reply: Reply | None, toast: str, number: int) -> Outgoing:
        return Outgoing(
            id=number, channel="web", chat=message.chat, reply=reply, toast=toast,
            answers=message.update_id, message_id=message.message_id,
        )  # fmt: skip


class Served:
    """A ``StandIn`` behind uvicorn in a thread of its own; can be stopped and started again on the same port."""

    def __init__(self) -> None:
        self.stand_in = StandIn()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        config = uvicorn.Config(
            create_app(self.stand_in.channel), "127.0.0.1", self.port, log_config=None, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the test server did not start")
            threading.Event().wait(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def _run(self) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()

    def call(self, coroutine: object) -> object:
        """Runs a coroutine of the stand-in in the server's thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(5)  # type: ignore[arg-type]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self.stand_in.channel.close)
        self._server.should_exit = True
        self._thread.join(5)

    def restart_empty(self) -> None:
        """As after a crash: what was stored is known, what was in memory is gone."""
        known = self.stand_in.known
        self.stop()
        self.stand_in = StandIn(known=known)
        self.start()


@contextlib.contextmanager
def served() -> Iterator[Served]:
    server = Served()
    try:
        yield server
    finally:
        server.stop()


NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
