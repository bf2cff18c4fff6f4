"""Every message is stored here before anybody hears that it arrived, and answered once, in order within its chat."""

from typing import Protocol

from bot.conversation import Conversation, Message, Reply, Turn
from bot.errors import BotError
from bot.safety import Screening


class Full(BotError):
    """More messages wait than memory should hold; the sender is to try again in a second."""


class Answering(Protocol):
    """What the inbox needs of the assistant."""

    version: str
    is_slow: bool

    def reply(self, message: Message, conversation: Conversation) -> Turn: ...
    def screen(self, message: Message, conversation: Conversation) -> Screening: ...
    def card(self, screening: Screening) -> Reply: ...
    def fallback(self) -> Reply: ...
