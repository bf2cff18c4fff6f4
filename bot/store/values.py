"""What the store keeps on the way in and on the way out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from bot.assistant.conversation import Conversation, Message, Record, Reply
from bot.safety import Heard, Level, Screening

ChatKey = tuple[str, str]  # channel, chat
MAX_TRIES = 5  # then a message is a dead letter
Origin = Mapping[str, str]  # what a channel needs to answer a message; comes back unchanged in Outgoing.origin


class Priority(IntEnum):
    """Lower goes first among different chats; within a chat the order of arrival always stands."""

    EMERGENCY = 0
    URGENT = 1
    NORMAL = 5

    @classmethod
    def of(cls, level: Level | None) -> "Priority":
        return (
            {Level.EMERGENCY: cls.EMERGENCY, Level.URGENT: cls.URGENT}.get(level, cls.NORMAL) if level else cls.NORMAL
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the screening at intake said: of which content, and beside which concepts heard before."""

    screening: Screening
    heard: tuple[Heard, ...]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A stored message that waits to be answered. ``attempts``: tries that failed by the message's own fault; with a
    ``fault`` it could not even be read or stored as it came."""

    id: int
    message: Message
    origin: Origin = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    attempts: int = 0
    is_recovered: bool = False
    fault: str = ""
    verdict: Verdict | None = None

    @property
    def key(self) -> ChatKey:
        return self.message.channel, self.message.chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A reply on its way to a chat.

    ``answers`` is the update id of the message it answers and ``message_id`` that message's id in the channel: what is
    quoted, or edited when ``reply.replaces``. ``reply`` is None when only the ``toast`` of a tapped button is due.
    ``id`` is 0 for a card sent from memory because the store is down. ``is_alarm``: an alarm record waits for its time.
    ``since``: when it was stored, seconds since 1970.
    """

    id: int
    channel: str
    chat: str
    reply: Reply | None
    toast: str = ""
    answers: str = ""
    message_id: str = ""
    origin: Origin = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    attempts: int = 0
    is_alarm: bool = False
    since: float = 0.0

    @property
    def key(self) -> ChatKey:
        return self.channel, self.chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What a turn leaves: stored in one transaction together with the mark that the message is done."""

    incoming: Incoming
    conversation: Conversation
    reply: Reply | None
    toast: str = ""
    records: tuple[Record, ...] = ()
    content_version: str = ""
