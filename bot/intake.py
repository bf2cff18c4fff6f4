"""The first look at a message, before it is stored: what the screening says decides who overtakes whom.

It needs no store: when that is down, the cards of alarms go out from here.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.assistant import Assistant
from bot.conversation import Conversation, Message, Reply
from bot.logs import describe, log
from bot.metrics import Metrics
from bot.store import Arrival, ChatKey, Handled, Origin, Outgoing, Priority, Verdict
from bot.turns import alarm_of

MAX_CARDED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Screened:
    """A message ready to be stored and, if it raises an alarm, the card that goes out should that fail."""

    arrival: Arrival
    card: Reply | None


class Intake:
    def __init__(
        self, current: Callable[[], Assistant], send_now: Callable[[Outgoing], Awaitable[bool]], metrics: Metrics
    ) -> None:
        self._current = current
        self._send_now = send_now
        self._metrics = metrics
        self._carded: OrderedDict[tuple[str, str], None] = OrderedDict()

    def screen(
        self, messages: Sequence[Message], origins: Sequence[Origin], remembered: Mapping[ChatKey, Conversation]
    ) -> list["Screened"]:
        """Each message with its verdict; earlier messages of the same chat in ``messages`` are heard too."""
        assistant = self._current()
        heard = dict(remembered)
        screened = []
        for message, origin in zip(messages, origins, strict=True):
            key = (message.channel, message.chat)
            conversation = heard.get(key, Conversation())
            level, card, verdict = None, None, None
            try:
                screening = assistant.screen(message, conversation)
                verdict = Verdict(screening, conversation.heard_lately(message.now), assistant.version)
                heard[key] = conversation.hearing(screening.heard, message.now)
                if level := alarm_of(screening):
                    card = assistant.card(screening)
            except Exception as error:
                log().error("the screening at intake broke", error=describe(error))
            screened.append(Screened(Arrival(message, origin, level, verdict), card))
        return screened

    async def send_cards(self, screened: Sequence["Screened"]) -> None:
        """What was screened just now can't be stored: sends the cards of alarms, once per update id."""
        for one in screened:
            if one.card:
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
