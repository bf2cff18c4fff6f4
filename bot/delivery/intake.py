"""The way of a message into the store: screened first, so that it is known who overtakes whom.

When it can't be stored, the cards of alarms go out from here. A message that is itself the reason stops only itself.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.assistant import Assistant
from bot.assistant.conversation import Conversation, Message, Reply
from bot.delivery.log import describe, log
from bot.delivery.metrics import Metrics
from bot.delivery.turns import alarm_of
from bot.errors import StoreError
from bot.store import Arrival, ChatKey, Handled, Incoming, Origin, Outgoing, Priority, Store, Verdict

MAX_CARDED: Final = 5_000
TROUBLE_STAYS: Final = 120.0  # seconds, if nothing more comes that could be stored


@dataclass(frozen=True, slots=True)
class Screened:
    """A message ready to be stored and, if it raises an alarm, the card that goes out should that fail."""

    arrival: Arrival
    card: Reply | None


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message, what its channel wants back in ``Outgoing.origin``, and why it could not be read, if so."""

    message: Message
    origin: Origin
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Call:
    """One ``accept`` that waits for its messages to be stored."""

    arriving: Sequence[Arriving]
    future: "asyncio.Future[tuple[bool, ...]]"

    def succeed(self, answer: tuple[bool, ...]) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(StoreError(str(error)) if isinstance(error, StoreError) else error)


class Intake:
    """``load_conversations`` gives what is remembered of the chats of messages; ``enqueue`` gets each message as soon as it is stored,
    to be answered."""

    def __init__(
        self,
        store: Store,
        current: Callable[[], Assistant],
        send_now: Callable[[Outgoing], Awaitable[bool]],
        load_conversations: Callable[[Sequence[Arriving]], Awaitable[dict[ChatKey, Conversation]]],
        enqueue: Callable[[Iterable[Incoming]], None],
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._current = current
        self._send_now = send_now
        self._load_conversations = load_conversations
        self._enqueue = enqueue
        self._calls: list[_Call] = []
        self._accepting: asyncio.Task[None] | None = None
        self._metrics = metrics
        self._trouble = ""
        self._failed_at = 0.0
        self._accepted = 0
        self._failing: OrderedDict[tuple[str, str], int] = OrderedDict()  # by message: ``_accepted`` when it failed
        self._carded: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def trouble(self) -> str:
        """Why the last message could not be stored; "" once one was."""
        return self._trouble if time.monotonic() - self._failed_at < TROUBLE_STAYS else ""

    async def accept(self, arriving: Sequence[Arriving]) -> tuple[bool, ...]:
        """True for each that is new; all are on disk when it returns. Raises StoreError."""
        call = _Call(arriving, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        if self._accepting is None or self._accepting.done():
            self._accepting = asyncio.create_task(self._accept_calls())
        return await call.future

    async def _accept_calls(self) -> None:
        """Deliveries that come while others are being stored go together: one look at the store, one flush."""
        while self._calls:
            calls, self._calls = self._calls, []
            arriving = [one for call in calls for one in call.arriving]
            try:
                answers = iter(await self._accept_messages(arriving, await self._load_conversations(arriving)))
            except Exception as error:
                for call in calls:
                    call.fail(error)
            else:
                for call in calls:
                    call.succeed(tuple(next(answers) for _ in call.arriving))

    async def _accept_messages(
        self, arriving: Sequence[Arriving], remembered: Mapping[ChatKey, Conversation]
    ) -> list[bool]:
        screened = await asyncio.to_thread(
            self._screen_messages, arriving, remembered
        )  # encoding must not hold up the loop
        try:
            stored = await self._store.accept([one.arrival for one in screened])
        except StoreError as error:
            await self._record_failure(str(error), screened)
            raise
        except Exception as error:
            if len(arriving) == 1:
                return [await self._fail_alone(screened[0], error)]
            return await self._accept_each(arriving, remembered)
        self._trouble = ""
        self._accepted += len(stored)
        self._enqueue(one for one in stored if one is not None)
        for came, one in zip(arriving, stored, strict=True):
            self._metrics.received[came.message.kind.value] += one is not None
            self._metrics.duplicates += one is None
        return [one is not None for one in stored]

    async def _accept_each(
        self, arriving: Sequence[Arriving], remembered: Mapping[ChatKey, Conversation]
    ) -> list[bool]:
        """One by one; what failed is tried again when the others are stored, and then known for what it is."""
        answers: dict[int, bool] = {}
        for _ in range(2):
            failure: StoreError | None = None
            for place, one in enumerate(arriving):
                if place not in answers:
                    try:
                        (answers[place],) = await self._accept_messages([one], remembered)
                    except StoreError as error:
                        failure = error
        if failure:
            raise failure
        return [answers[place] for place in range(len(arriving))]

    async def _fail_alone(self, one: Screened, error: Exception) -> bool:
        """A bug, met by one message. If others were stored since it first failed, it is the message's fault and it is
        dropped; if not, nobody knows yet, and it is not acknowledged."""
        key = (one.arrival.message.channel, one.arrival.message.update_id)
        await self._record_failure(
            f"Messages can't be stored ({type(error).__name__}). See `python -m bot doctor`.", [one]
        )
        if self._failing.setdefault(key, self._accepted) == self._accepted:
            if len(self._failing) > MAX_CARDED:
                self._failing.popitem(last=False)
            raise StoreError(self._trouble) from error
        del self._failing[key]
        self._trouble = ""
        self._metrics.dead_letters += 1
        log().error("a message that can't be stored is dropped", error=describe(error))
        return False

    async def _record_failure(self, trouble: str, screened: Sequence[Screened]) -> None:
        self._trouble, self._failed_at = trouble, time.monotonic()
        self._metrics.store_failures += 1
        await self._send_cards(screened)

    def _screen_messages(
        self, arriving: Sequence[Arriving], remembered: Mapping[ChatKey, Conversation]
    ) -> list["Screened"]:
        """Each message with its verdict; earlier messages of the same chat among them are heard too."""
        assistant = self._current()
        heard = dict(remembered)
        said: dict[ChatKey, str] = {}  # by chat, what its earlier messages of this batch say
        screened = []
        assistant.parse([one.message.text for one in arriving])
        for one in arriving:
            message = one.message
            key = (message.channel, message.chat)
            conversation = heard.get(key, Conversation())
            level, card, verdict = None, None, None
            try:
                screening = assistant.screen(message, conversation, said.get(key, ""))
                said[key] = f"{said[key]}\n{message.text}" if key in said else message.text
                verdict = Verdict(screening, conversation.heard_lately(message.now), assistant.version)
                heard[key] = conversation.hearing(screening.heard, message.now)
                if level := alarm_of(screening):
                    card = assistant.card(screening)
            except Exception as error:
                log().error("the screening at intake broke", error=describe(error))
            screened.append(Screened(Arrival(message, one.origin, level, verdict, one.fault), card))
        return screened

    async def _send_cards(self, screened: Sequence["Screened"]) -> None:
        """What was screened just now can't be stored: sends the cards of alarms, once per update id."""
        for one in screened:
            if one.card and one.arrival.message.chat:
                await self._send_once(one.arrival.message, one.arrival.origin, one.card)

    async def send_alarms(self, handled: Sequence[Handled]) -> None:
        """Answers that can't be stored: sends those that are alarms, once per update id."""
        for one in handled:
            if one.reply and Priority.of(one.reply.level) < Priority.NORMAL:
                await self._send_once(one.incoming.message, one.incoming.origin, one.reply)

    async def _send_once(self, message: Message, origin: Origin, card: Reply) -> None:
        key = (message.channel, message.update_id)
        if key in self._carded:
            return
        self._carded[key] = None
        if len(self._carded) > MAX_CARDED:
            self._carded.popitem(last=False)
        is_sent = await self._send_now(
            Outgoing(
                id=0,
                channel=message.channel,
                chat=message.chat,
                reply=replace(card, replaces=False),
                answers=message.update_id,
                message_id=message.message_id,
                origin=origin,
                priority=Priority.EMERGENCY,
            )
        )
        if not is_sent:
            self._carded.pop(key, None)
        log().warning("an alarm's card went out past the store", is_sent=is_sent)
