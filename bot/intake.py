"""The first look at a message, before it is stored: what the screening says decides who overtakes whom.

It needs no store: when that is down, the cards of alarms go out from here.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.conversation import Conversation, Message, Reply
from bot.logs import describe, log
from bot.metrics import Metrics
from bot.store import Arrival, ChatKey, Handled, Origin, Outgoing, Priority
from bot.turns import Answering, alarm_of

MAX_CARDED: Final = 5_000


class Intake:
    def __init__(
        self, current: Callable[[], Answering], send_now: Callable[[Outgoing], Awaitable[bool]], metrics: Metrics
    ) -> None:
        self._current = current
        self._send_now = send_now
        self._metrics = metrics
        self._carded: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._cards: dict[tuple[str, str], Reply] = {}

    def screen(
        self, messages: Sequence[Message], origins: Mapping[str, Origin], remembered: Mapping[ChatKey, Conversation]
    ) -> list[Arrival]:
        """Each message with its verdict; earlier messages of the same chat in ``messages`` are heard too."""
        assistant = self._current()
        heard = dict(remembered)
        self._cards.clear()
        arrivals = []
        for message in messages:
            key = (message.channel, message.chat)
            conversation = heard.get(key, Conversation())
            level = None
            try:
                screening = assistant.screen(message, conversation)
                heard[key] = conversation.hearing(screening.heard, message.now)
                if level := alarm_of(screening):
                    self._cards[message.channel, message.update_id] = assistant.card(screening)
            except Exception as error:
                log().error("the screening at intake broke", error=describe(error))
            arrivals.append(Arrival(message, origins.get(message.update_id, {}), level))
        return arrivals

    async def send_cards(self, arrivals: Sequence[Arrival]) -> None:
        """What was screened just now can't be stored: sends the cards of alarms, once per update id."""
        for arrival in arrivals:
            message = arrival.message
            if card := self._cards.get((message.channel, message.update_id)):
                await self._send_once(message, arrival.origin, card)

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
