"""The only one that sends: retry, limits and order are here; a channel just tries once and says what came of it."""

from dataclasses import dataclass
from typing import Protocol

from bot.store.values import Outgoing


@dataclass(frozen=True, slots=True)
class Sent:
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """A flood limit: try again after ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Again:
    """It failed, or nobody knows: try again. ``why`` holds no words of a patient and no token."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Final: it will never arrive."""

    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The chat has another id now."""

    chat: str


Result = Sent | Wait | Again | Refused | Moved


class Channel(Protocol):
    """One way to reach patients. ``name`` is the ``channel`` of its messages: "web", "telegram:<bot id>"."""

    name: str

    async def send(self, outgoing: Outgoing) -> Result: ...
