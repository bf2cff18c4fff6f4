"""What the page shows of each chat: bubbles in memory, gone after an hour. Nothing here reaches the database."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from time import monotonic

from bot.assistant.conversation import Reply
from bot.store.values import Outgoing

KEPT_SECONDS = 3_600
MAX_BUBBLES = 200
# Characters over all chats, some 20 MB of memory: a flood of made-up sessions pushes out the oldest, never the service.
MAX_WEIGHT = 5_000_000
_BUBBLE_WEIGHT = 500


class Who(StrEnum):
    YOU = "you"
    BOT = "bot"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One item of the conversation.

    ``version`` grows with every change in its transcript; ``note`` confirms a tap on one of its buttons; ``erases``:
    what stood before it was erased at the patient's wish.
    """

    id: str
    who: Who
    at: datetime
    version: int = 0
    text: str = ""
    reply: Reply | None = None
    answers: str = ""
    note: str = ""
    erases: bool = False

    @property
    def plain(self) -> str:
        return self.reply.plain() if self.reply else self.text

    @property
    def weight(self) -> int:
        return _BUBBLE_WEIGHT + len(self.plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the patient did, by the browser's own id.

    A tapped button (``is_tap``) gets a bubble only when its reply does not replace the menu it was tapped in.
    """

    id: str
    text: str
    at: datetime
    is_tap: bool = False
    forgets: bool = False


class Transcript:
    """The bubbles of one chat, in the order in which they were first shown."""

    def __init__(self) -> None:
        self._bubbles: dict[str, Bubble] = {}
        self._asked: dict[str, Asked] = {}
        self._answered: set[str] = set()
        self._version = 0
        self._changed = asyncio.Event()
        # Versions start anew after a restart; the epoch tells a browser's old cursor from one of ours.
        self._epoch = secrets.token_hex(4)
        self.used_at = monotonic()
        self.weight = 0
        # Typed into the plain form beside a tapped button: it waits for the page that follows.
        self.draft = ""

    def take_draft(self) -> str:
        draft, self.draft = self.draft, ""
        return draft

    def __iter__(self) -> Iterator[Bubble]:
        return iter(self._bubbles.values())

    def find(self, bubble_id: str) -> Bubble | None:
        return self._bubbles.get(bubble_id)

    @property
    def cursor(self) -> str:
        """Where a browser that shows all of this stands."""
        return f"{self._epoch}.{self._version}"

    def since(self, cursor: str) -> list[Bubble]:
        """Bubbles that are new or changed since ``cursor``; all of them for a cursor of another epoch."""
        epoch, _, version = cursor.partition(".")
        seen = int(version) if epoch == self._epoch and version.isascii() and version.isdigit() else 0
        return sorted((bubble for bubble in self if bubble.version > seen), key=lambda bubble: bubble.version)

    def ask(self, asked: Asked) -> bool:
        """Takes note of what the patient did; False if it is known already."""
        if asked.id in self._asked:
            return False
        self._asked[asked.id] = asked
        if not asked.is_tap:
            self._put(Bubble(id=asked.id, who=Who.YOU, text=asked.text, at=asked.at))
        return True

    def withdraw(self, asked_id: str) -> None:
        """Takes back what could not be stored."""
        self._asked.pop(asked_id, None)
        bubble = self._bubbles.pop(asked_id, None)
        self.weight -= bubble.weight if bubble else 0

    def is_answered(self, asked_id: str) -> bool:
        return asked_id in self._answered

    def receive(self, outgoing: Outgoing, asked_id: str, now: datetime) -> str:
        """Shows a reply and returns its bubble's id. A reply that comes twice is shown once."""
        asked = self._asked.get(asked_id)
        bubble_id = f"{asked_id or 'clinic'}-{outgoing.id}"
        reply = outgoing.reply
        if bubble_id in self._bubbles:
            return bubble_id
        if asked and asked.forgets:
            self._clear()
        # A card that came from memory (id 0) gives way to the stored reply to the same message.
        replaced = self._bubbles.get(outgoing.message_id if reply and reply.replaces else f"{asked_id}-0")
        if reply is None:
            tapped = self._bubbles.get(outgoing.message_id)
            if outgoing.toast:
                note = Bubble(id=bubble_id, who=Who.NOTE, text=outgoing.toast, at=now)
                self._put(replace(tapped, note=outgoing.toast) if tapped else note)
        elif replaced:
            bubble_id = replaced.id
            self._put(replace(replaced, reply=reply, note="", at=now))
        else:
            if asked and asked.is_tap:
                self._put(Bubble(id=asked.id, who=Who.YOU, text=asked.text, at=asked.at))
            erases = bool(asked and asked.forgets)
            self._put(Bubble(id=bubble_id, who=Who.BOT, reply=reply, answers=asked_id, at=now, erases=erases))
        self._answered.add(asked_id)
        self._wake()
        return bubble_id

    async def wait(self, is_enough: Callable[[], bool], seconds: float) -> bool:
        """Waits until ``is_enough``; False if that did not come true within ``seconds``."""
        ends_at = monotonic() + seconds
        while not is_enough():
            left = ends_at - monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return is_enough()
        return True

    def release(self) -> None:
        """Lets everybody who waits look again, now."""
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _put(self, bubble: Bubble) -> None:
        self._version += 1
        old = self._bubbles.get(bubble.id)
        self.weight += bubble.weight - (old.weight if old else 0)
        self._bubbles[bubble.id] = replace(bubble, version=self._version)
        while len(self._bubbles) > MAX_BUBBLES:
            first = next(iter(self._bubbles))
            self.weight -= self._bubbles.pop(first).weight
        while len(self._asked) > MAX_BUBBLES:
            first = next(iter(self._asked))
            del self._asked[first]
            self._answered.discard(first)

    def _clear(self) -> None:
        self._bubbles.clear()
        self.weight = 0


class Transcripts:
    """The transcripts of all chats, least recently used first."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._by_chat: dict[str, Transcript] = {}
        self._kept_seconds = kept_seconds
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._by_chat)

    def __iter__(self) -> Iterator[Transcript]:
        return iter(list(self._by_chat.values()))

    def find(self, chat: str) -> Transcript | None:
        """The transcript of ``chat``, if there is one."""
        transcript = self._by_chat.pop(chat, None)
        if transcript:
            transcript.used_at = monotonic()
            self._by_chat[chat] = transcript
        return transcript

    def open(self, chat: str) -> Transcript:
        """The transcript of ``chat``, a new one if need be."""
        transcript = self.find(chat)
        if transcript is None:
            transcript = self._by_chat[chat] = Transcript()
        self._make_room(transcript)
        if self._sweeping is None:
            self._sweep_after(self._kept_seconds)
        return transcript

    def close(self) -> None:
        """Stops the clock that erases and lets everybody go who waits."""
        if self._sweeping:
            self._sweeping.cancel()
            self._sweeping = None
        for transcript in self:
            transcript.release()

    def _make_room(self, wanted: Transcript) -> None:
        weight = sum(transcript.weight + _BUBBLE_WEIGHT for transcript in self._by_chat.values())
        for chat, transcript in list(self._by_chat.items()):
            if weight <= MAX_WEIGHT or transcript is wanted:
                return
            weight -= transcript.weight + _BUBBLE_WEIGHT
            del self._by_chat[chat]

    def _sweep_after(self, seconds: float) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        oldest = monotonic() - self._kept_seconds
        for chat, transcript in list(self._by_chat.items()):
            if transcript.used_at <= oldest:
                del self._by_chat[chat]
        if self._by_chat:
            first = next(iter(self._by_chat.values()))
            self._sweep_after(max(1.0, first.used_at - oldest))
