"""What goes in, what comes out, and what is remembered of a chat in between. Values only: no clock, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from bot.matching import Candidate
from bot.safety import Heard, Level, Screening

ALARM_STAYS = timedelta(hours=12)
HEARD_STAYS = timedelta(hours=1)
LATE_AFTER = timedelta(minutes=5)
# An hour of chatter leaves few concepts; the limit keeps a flood of messages from growing the stored conversation.
MAX_HEARD = 60
# What patients may type behind a slash; everything else is a message.
COMMANDS = frozenset({"start", "topics", "contact", "help", "privacy", "forget"})


class Kind(StrEnum):
    """What the patient did."""

    TEXT = "text"
    EDITED = "edited"
    BUTTON = "button"
    COMMAND = "command"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing a patient did, as every channel hands it over.

    ``text`` is the utterance: typed, a caption, a button's label, or for a tapped 👎 the quoted question. ``action`` is
    a button's callback action or a command's name without the slash. ``attachment`` names what came with it ("photo",
    "voice"). ``replies_to`` is the id of the message it replies to, if any. ``sent_at`` and ``now`` are aware
    datetimes; the core knows no other clock.
    """

    channel: str
    chat: str
    update_id: str
    kind: Kind
    sent_at: datetime
    now: datetime
    text: str = ""
    action: str = ""
    attachment: str = ""
    user: str = ""
    message_id: str = ""
    replies_to: str = ""
    language: str = ""

    @property
    def is_late(self) -> bool:
        return self.now - self.sent_at > LATE_AFTER

    def texts(self) -> dict[str, str]:
        """What is text, by name."""
        return {name: value for name in self.__slots__ if type(value := getattr(self, name)) is str}

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"sent_at": self.sent_at.isoformat(), "now": self.now.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        times = {name: datetime.fromisoformat(stored[name]) for name in ("sent_at", "now")}
        return cls(**{**stored, **times, "kind": Kind(stored["kind"])})


class BlockKind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    BULLETS = "bullets"
    NUMBER = "number"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a reply. A NUMBER is a phone number on a line of its own; a NOTE is small print."""

    kind: BlockKind
    text: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """``action`` is at most 64 bytes (Telegram's callback data) and carries ids only, so it survives restarts."""

    label: str
    action: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to the patient, before any channel's formatting.

    ``replaces``: edits the message whose button was tapped instead of sending a new one. ``quotes``: shown as an answer
    to the patient's message where the channel can.
    """

    blocks: tuple[Block, ...]
    buttons: tuple[tuple[Button, ...], ...] = ()
    level: Level | None = None
    replaces: bool = False
    quotes: bool = False

    def plain(self) -> str:
        """The reply as bare text: what is sent when anything richer was refused, and what a terminal shows."""
        return "\n\n".join(_plain(block) for block in self.blocks)

    def to_json(self) -> dict[str, Any]:
        # By hand: dataclasses.asdict copies deeply and takes twenty times as long.
        return {
            "blocks": [{"kind": block.kind, "text": block.text, "items": block.items} for block in self.blocks],
            "buttons": [[{"label": one.label, "action": one.action} for one in row] for row in self.buttons],
            "level": self.level,
            "replaces": self.replaces,
            "quotes": self.quotes,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            blocks=tuple(Block(BlockKind(b["kind"]), b["text"], tuple(b["items"])) for b in stored["blocks"]),
            buttons=tuple(tuple(Button(**button) for button in row) for row in stored["buttons"]),
            level=Level(stored["level"]) if stored["level"] else None,
            replaces=stored["replaces"],
            quotes=stored["quotes"],
        )


def _plain(block: Block) -> str:
    if block.kind is BlockKind.BULLETS:
        return "\n".join(f"• {item}" for item in block.items)
    return block.text


class Outcome(StrEnum):
    """What came of a message."""

    ANSWER = "answer"
    DISAMBIGUATION = "disambiguation"
    FALLBACK = "fallback"
    ESCALATION = "escalation"
    HANDOFF = "handoff"
    SMALL_TALK = "small_talk"
    MENU = "menu"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A raised red flag: stays for 12 hours from ``raised_at``, or until the patient says help is on its way."""

    rule: str
    level: Level
    raised_at: datetime

    def is_raised(self, now: datetime) -> bool:
        return now - self.raised_at < ALARM_STAYS


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is remembered of one chat. Concepts and ids only, never the patient's words.

    ``heard``: concepts of the last hour with the time they were heard. ``alarm``: the raised alarm, if any.
    ``denied``: rules whose closed question was answered No. ``misses``: fallbacks in a row. ``last_entry``: the entry
    answered last. ``asked``: the rule whose closed question stands open, so that a typed "yes" answers it.
    """

    heard: tuple[tuple[datetime, Heard], ...] = ()
    alarm: Alarm | None = None
    denied: tuple[str, ...] = ()
    misses: int = 0
    last_entry: str = ""
    asked: str = ""

    def heard_lately(self, now: datetime) -> tuple[Heard, ...]:
        return tuple(heard for at, heard in self.heard if timedelta(0) <= now - at < HEARD_STAYS)

    def hearing(self, heard: tuple[Heard, ...], now: datetime) -> Self:
        """This conversation with ``heard`` added and what is older than an hour dropped."""
        kept = tuple((at, old) for at, old in self.heard if now - at < HEARD_STAYS)
        return replace(self, heard=(kept + tuple((now, new) for new in heard))[-MAX_HEARD:])

    def raised(self, now: datetime) -> Alarm | None:
        """The alarm that still stands at ``now``."""
        return self.alarm if self.alarm and self.alarm.is_raised(now) else None

    def to_json(self) -> dict[str, Any]:
        alarm = self.alarm
        return {
            "heard": [[at.isoformat(), heard.to_json()] for at, heard in self.heard],
            "alarm": [alarm.rule, alarm.level.value, alarm.raised_at.isoformat()] if alarm else None,
            "denied": list(self.denied),
            "misses": self.misses,
            "last_entry": self.last_entry,
            "asked": self.asked,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        alarm = stored.get("alarm")
        return cls(
            heard=tuple((datetime.fromisoformat(at), Heard.from_json(heard)) for at, heard in stored.get("heard", ())),
            alarm=Alarm(alarm[0], Level(alarm[1]), datetime.fromisoformat(alarm[2])) if alarm else None,
            denied=tuple(stored.get("denied", ())),
            misses=stored.get("misses", 0),
            last_entry=stored.get("last_entry", ""),
            asked=stored.get("asked", ""),
        )


@dataclass(frozen=True, slots=True)
class Escalated:
    """To be recorded: an alarm was raised. Holds no words."""

    rule: str
    level: Level
    content_version: str


@dataclass(frozen=True, slots=True)
class Missed:
    """To be recorded until staff have dealt with it: nobody could answer ``utterance`` (identifiers taken out)."""

    utterance: str
    reason: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """To be recorded: 👍 or 👎 under an answer."""

    entry: str
    is_helpful: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """To be done: erase all that is stored about this chat."""


Record = Escalated | Missed | Feedback | Forget


@dataclass(frozen=True, slots=True)
class Turn:
    """What one message led to: the reply, the conversation after it, and what is to be recorded.

    ``toast`` is a short confirmation shown on a tapped button where the channel can. ``reply`` is None only for a tap
    whose whole answer is the toast. ``failure`` names the kind of error that kept an answer from being found; it holds
    no words of the patient.
    """

    outcome: Outcome
    reply: Reply | None
    conversation: Conversation
    screening: Screening | None = None
    entry: str = ""
    suggestions: tuple[Candidate, ...] = ()
    score: float = 0.0
    records: tuple[Record, ...] = ()
    toast: str = ""
    why: tuple[str, ...] = ()
    failure: str = ""
