"""One message's turn: the assistant's answer, a chat's speed limit, and what is said when answering itself breaks."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Protocol

from bot.assistant import Assistant
from bot.assistant.conversation import Alarm, Conversation, Escalated, Message, Outcome, Reply
from bot.delivery.log import describe, log
from bot.delivery.metrics import Metrics
from bot.errors import BotError
from bot.safety import Level, Screening
from bot.store import ChatKey, Handled, Incoming

MAX_PER_MINUTE: Final = 30
MAX_CHATS: Final = 4_000
PIECE_SECONDS: Final = 0.005


class Broken(BotError):
    """The assistant could only fall back because something in it failed; the text names the error's type."""


class ArrivalCounter:
    """Messages of a chat in a minute, by the time they arrived."""

    def __init__(self) -> None:
        self._arrivals: dict[ChatKey, deque[float]] = {}
        self._most = MAX_CHATS

    def count_arrival(self, key: ChatKey, at: float) -> int:
        """How many came in the minute before ``at`` (seconds), this one included."""
        if len(self._arrivals) >= self._most and key not in self._arrivals:
            self._arrivals = {k: times for k, times in self._arrivals.items() if times[-1] > at - 60}
            self._most = max(MAX_CHATS, 2 * len(self._arrivals))  # a flood of chats is not swept at each message
        times = self._arrivals.setdefault(key, deque(maxlen=MAX_PER_MINUTE + 2))
        times.append(at)
        while times[0] <= at - 60:
            times.popleft()
        return len(times)


def alarm_of(screening: Screening) -> Level | None:
    """The level, when it is one that must not wait or get lost."""
    top = screening.top
    return top.level if top and top.level in (Level.EMERGENCY, Level.URGENT) else None


class Answered(Protocol):
    """What is answered to staff at once."""

    @property
    def reply(self) -> Reply | None: ...
    @property
    def toast(self) -> str: ...


class Staff(Protocol):
    """The staff chat's own handler; it takes milliseconds, what takes longer it posts later."""

    def is_for(self, message: Message) -> bool: ...
    async def take(self, message: Message) -> Answered: ...


def _reuse_screening(
    incoming: Incoming, message: Message, conversation: Conversation, assistant: Assistant
) -> Screening | None:
    """The screening at intake, if the same content would hear the same now: it costs as much as an answer."""
    known = incoming.verdict
    if known is None or known.version != assistant.version:
        return None
    return known.screening if known.heard == conversation.heard_lately(message.now) else None


class Turns:
    def __init__(self, current: Callable[[], Assistant], metrics: Metrics, staff: Staff | None = None) -> None:
        self._current = current
        self._staff = staff
        self._metrics = metrics
        self._arrivals = ArrivalCounter()
        self._yielded_at = time.monotonic()

    async def answer_message(self, incoming: Incoming, conversation: Conversation) -> Handled:
        """Answers one message. Raises only when both the answer and the screening broke, or there is no alarm."""
        if self._staff and self._staff.is_for(incoming.message):
            said = await self._staff.take(incoming.message)
            return Handled(incoming=incoming, conversation=conversation, reply=said.reply, toast=said.toast)
        assistant = self._current()
        count = (
            self._arrivals.count_arrival(incoming.key, incoming.message.now.timestamp())
            if incoming.attempts == 0
            else 0
        )
        message = replace(incoming.message, now=datetime.now(UTC))
        if count > MAX_PER_MINUTE:
            return self._answer_too_fast(assistant, replace(incoming, message=message), conversation, count)
        screening = _reuse_screening(incoming, message, conversation, assistant)
        await self._let_others_run()
        began = time.perf_counter()
        try:
            turn = assistant.reply(message, conversation, screening)
        except Exception as error:
            card = self._card_of_screening(assistant, incoming, message, conversation)
            if card is None:
                raise
            log().error("an answer broke; the card goes out", row=incoming.id, error=describe(error))
            return card
        if turn.failure and turn.outcome is Outcome.FALLBACK:
            raise Broken(turn.failure)
        self._metrics.answering.add(time.perf_counter() - began)
        level = alarm_of(turn.screening) if turn.screening else None
        self._metrics.outcomes[turn.outcome.value, turn.entry, level.value if level else ""] += 1
        return Handled(
            incoming=incoming,
            conversation=turn.conversation,
            reply=turn.reply,
            toast=turn.toast,
            records=turn.records,
            content_version=assistant.version,
        )

    async def _let_others_run(self) -> None:
        """Lets sends and arrivals go on between the answers of a batch."""
        if time.monotonic() - self._yielded_at > PIECE_SECONDS:
            await asyncio.sleep(0)
            self._yielded_at = time.monotonic()

    def _card_of_screening(
        self, assistant: Assistant, incoming: Incoming, message: Message, conversation: Conversation
    ) -> Handled | None:
        """The screening's own answer when nothing else works; None when it raises no alarm."""
        screening = assistant.screen(message, conversation)
        level, top, card = alarm_of(screening), screening.top, assistant.card(screening)
        if level is None or top is None or card is None:
            return None
        self._metrics.outcomes["escalation", "", level.value] += 1
        return Handled(
            incoming=incoming,
            conversation=conversation.hearing(screening.heard, message.now),
            reply=card,
            records=(Escalated(top.rule, top.level, assistant.version),),
            content_version=assistant.version,
        )

    def _answer_too_fast(
        self, assistant: Assistant, incoming: Incoming, conversation: Conversation, count: int
    ) -> Handled:
        """Above 30 a minute a chat gets one notice and then nothing but the cards of alarms."""
        self._metrics.rate_limited += 1
        card = self._card_of_screening(assistant, incoming, incoming.message, conversation)
        if card is not None:
            return card
        said = assistant.content.phrases.too_many
        is_first = count == MAX_PER_MINUTE + 1
        reply = assistant.replies.say(said, incoming.message.now, assistant.replies.way_out()) if is_first else None
        screening = assistant.screen(incoming.message, conversation)
        heard = conversation.hearing(screening.heard, incoming.message.now)
        return Handled(incoming=incoming, conversation=heard, reply=reply, content_version=assistant.version)

    async def give_up_on(self, incoming: Incoming, conversation: Conversation) -> Handled:
        """For a message that becomes a dead letter: the card that its screening at intake asked for, else the fallback, with the
        clinic's phone. It is not screened again: that may be what broke."""
        assistant = self._current()
        if not incoming.message.chat:  # of what can't be read nobody may know whose it was
            return Handled(incoming=incoming, conversation=conversation, reply=None, content_version=assistant.version)
        if incoming.fault:  # never tried yet, and what is left of it may well be understood
            try:
                return await self.answer_message(incoming, conversation)
            except Exception as error:
                log().error("what is left of a message could not be answered", error=describe(error))
        screening = incoming.verdict.screening if incoming.verdict else None
        top, card = (screening.top, assistant.card(screening)) if screening else (None, None)
        if screening and top and card:
            self._metrics.outcomes["escalation", "", top.level.value] += 1
            return Handled(
                incoming=incoming,
                conversation=replace(conversation, alarm=Alarm(top.rule, top.level, incoming.message.now)),
                reply=card,
                records=(Escalated(top.rule, top.level, assistant.version),),
                content_version=assistant.version,
            )
        reply = assistant.fallback(replace(incoming.message, now=datetime.now(UTC)))
        return Handled(incoming=incoming, conversation=conversation, reply=reply, content_version=assistant.version)
