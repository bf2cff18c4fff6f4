"""Where the staff's chat is and whether the bot can work there: Telegram may move it, and people may lock the bot out."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.delivery.log import log
from bot.delivery.metrics import Metrics
from bot.errors import StoreError
from bot.staff import wording
from bot.staff.people import Person, Role
from bot.staff.switches import Notes

MOVED: Final = "staff chat moved"  # a note: the id in the settings, and the one that Telegram gave the group since
LOOK_SECONDS: Final = 600.0
TROUBLE_LOOK_SECONDS: Final = 60.0
ANONYMOUS_STAYS: Final = 86_400.0  # a look can't tell when it is over: not all who write are listed


@dataclass(frozen=True, slots=True)
class Look:
    """What Telegram says of a chat: ``trouble`` keeps the bot from posting there, ``remarks`` from hearing some.

    Each is one line with its cure. ``moved_to``: the chat's new id.
    """

    trouble: str = ""
    remarks: tuple[str, ...] = ()
    moved_to: str = ""


def moved_to(noted: str, configured: str) -> str:
    """The id that a note says the chat of the settings has now; "" if it says nothing about it."""
    old, _, new = noted.partition(" ")
    return new if old == configured else ""


class StaffChat:
    """``id`` is where the chat is now; ``trouble`` and ``remarks`` are for the operator."""

    def __init__(self, channel: str, configured: str, people: Mapping[str, Person], notes: Notes) -> None:
        self.channel = channel
        self.id = configured
        self.people = people
        self.trouble = ""
        self.remarks: tuple[str, ...] = ()
        self._hidden_at = -ANONYMOUS_STAYS
        self.was_refused = False  # a post was, since the last look
        self._configured = configured
        self._notes = notes
        self.changed = asyncio.Event()

    def problems(self) -> list[str]:
        moved = [wording.MOVED.format(id=self.id)] if self.id != self._configured else []
        hidden = [wording.ANONYMOUS_SEEN] if time.monotonic() - self._hidden_at < ANONYMOUS_STAYS else []
        return [*filter(None, [self.trouble]), *moved, *hidden, *self.remarks]

    async def find(self) -> None:
        """Goes where an earlier run followed the group."""
        with contextlib.suppress(StoreError):
            self.id = moved_to(await self._notes.noted(MOVED), self._configured) or self.id

    async def follow(self, old: str, new: str) -> None:
        """The group became a supergroup, if it is the staff's."""
        if old != self.id or new == old:
            return
        self.id = new
        self.changed.set()
        log().warning("the staff's group has a new id; set STAFF_CHAT_ID to it", id=new)
        with contextlib.suppress(StoreError):
            await self._notes.note(MOVED, f"{self._configured} {new}")

    def refuse(self) -> None:
        """Something that the bot posted was refused."""
        self.was_refused = True
        self.changed.set()

    def notice_anonymous(self) -> None:
        """Somebody wrote whom Telegram does not name."""
        if time.monotonic() - self._hidden_at >= ANONYMOUS_STAYS:
            log().warning("the staff chat needs the operator", why=wording.ANONYMOUS_SEEN)
        self._hidden_at = time.monotonic()


class Watch:
    """Looks whether the bot can work in the staff's chat, and tells operator and staff when that changes.

    ``look`` asks the channel; None where it can't tell now. ``post`` writes to the staff chat, ``write`` to a person's
    own, ``release`` sends what was kept for the staff chat while it was shut.
    """

    def __init__(
        self,
        chat: StaffChat,
        look: Callable[[str], Awaitable[Look | None]],
        post: Callable[[str], Awaitable[None]],
        write: Callable[[str, str], Awaitable[None]],
        release: Callable[[tuple[str, str]], None],
        metrics: Metrics,
    ) -> None:
        self._chat = chat
        self._look = look
        self._post = post
        self._write = write
        self._release = release
        self._metrics = metrics
        self._told_of = chat.id
        self._is_trying = False

    async def run(self) -> None:
        while True:
            self._chat.changed.clear()
            look = await self._look(self._chat.id)
            if look is None and (self._chat.was_refused or self._is_unexplained):
                look = Look()
            if look:
                await self.take(look)
            await self._tell_of_move()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TROUBLE_LOOK_SECONDS if self._chat.trouble else LOOK_SECONDS):
                    await self._chat.changed.wait()

    @property
    def _is_unexplained(self) -> bool:
        return self._chat.trouble == wording.REFUSED.format(id=self._chat.id)

    async def take(self, look: Look) -> None:
        """Takes over what was seen, and tells of what is new in it."""
        chat = self._chat
        if look.moved_to:
            await chat.follow(chat.id, look.moved_to)
            return
        trouble = look.trouble
        if not trouble and chat.was_refused:
            trouble, self._is_trying = wording.REFUSED.format(id=chat.id), False
        elif not trouble and self._is_unexplained and not self._is_trying:
            trouble, self._is_trying = chat.trouble, True  # it is over when what is sent now is not refused
            self._release((chat.channel, chat.id))
        chat.was_refused = False
        before, chat.trouble = chat.trouble, trouble
        if trouble:
            self._metrics.staff_chat_failures += 1
            if trouble != before:
                await self._tell_of_trouble(trouble)
            return
        if before:
            log().info("the staff chat works again")
        self._release((chat.channel, chat.id))
        new = [remark for remark in look.remarks if remark not in chat.remarks]
        chat.remarks = look.remarks
        for remark in new:
            log().warning("the staff chat needs the operator", why=remark)
            await self._post(remark)

    async def _tell_of_trouble(self, trouble: str) -> None:
        """To the operator, and to staff in their own chats: those who once wrote to the bot get it."""
        log().error("the staff chat can't be used", why=trouble)
        admins = [one for one in self._chat.people.values() if one.role is Role.ADMIN]
        for person in admins or self._chat.people.values():
            await self._write(person.id, f"{wording.SHUT}\n\n{trouble}")

    async def _tell_of_move(self) -> None:
        if self._told_of != self._chat.id:
            self._told_of = self._chat.id
            await self._post(wording.MOVED.format(id=self._chat.id))
