"""The staff's group: who may do what there, where it is and whether the bot can work there. Telegram may move it, people lock it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from bot.assistant.conversation import Message, Reply
from bot.delivery.log import log
from bot.delivery.metrics import Metrics
from bot.errors import StoreError
from bot.staff import wording
from bot.staff.wording import said
from bot.store import Outgoing, Store

MOVED: Final = "staff chat moved"  # a note: the id in the settings, and the one that Telegram gave the group since
LOOK_SECONDS: Final = 600.0
TROUBLE_LOOK_SECONDS: Final = 60.0
ANONYMOUS_STAYS: Final = 86_400.0  # a look can't tell when it is over: not all who write are listed


class Role(IntEnum):
    """Each may do what those below may. An editor proposes medical changes, a reviewer puts them live."""

    EDITOR = 1
    REVIEWER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Person:
    """``id`` is the user's id in the channel, ``name`` what stands in the history."""

    id: str
    role: Role
    name: str

    def may_publish(self, *, is_medical: bool) -> bool:
        return self.role >= Role.REVIEWER or not is_medical


def staff_of(listed: Mapping[int, str]) -> dict[str, Person]:
    """By user id, from STAFF_USER_IDS as the settings read it: ``111`` → ``reviewer:Ben``."""
    people = {}
    for user_id, described in listed.items():
        role, _, name = described.partition(":")
        people[str(user_id)] = Person(str(user_id), Role[role.upper()], name or f"{role} {user_id}")
    return people


@dataclass(frozen=True, slots=True)
class Look:
    """What Telegram says of a chat: ``trouble`` keeps the bot from posting there, ``remarks`` from hearing some.

    Each is one line with its cure. ``moved_to``: the chat's new id.
    """

    trouble: str = ""
    remarks: tuple[str, ...] = ()
    moved_to: str = ""


AskChannel = Callable[[str], Awaitable[Look | None]]  # None where it can't tell now
Release = Callable[[tuple[str, str]], None]  # sends what was kept for a chat while it was shut


def moved_to(noted: str, configured: str) -> str:
    """The id that a note says the chat of the settings has now; "" if it says nothing about it."""
    old, _, new = noted.partition(" ")
    return new if old == configured else ""


class StaffGroup:
    """``id`` is where the staff's chat is now, "" where there is none; ``people`` may work there, ``put`` hands stored
    posts to the outbox."""

    def __init__(
        self,
        channel: str,
        configured: str,
        people: Mapping[str, Person],
        store: Store,
        metrics: Metrics,
        put: Callable[[list[Outgoing]], None],
    ) -> None:
        self.channel = channel
        self.id = configured
        self.people = people
        self.trouble = ""
        self.changed = asyncio.Event()
        self._remarks: tuple[str, ...] = ()
        self._hidden_at = -ANONYMOUS_STAYS
        self._was_refused = False  # something posted was, since the last look
        self._is_trying = False
        self._configured = configured
        self._store = store
        self._metrics = metrics
        self._put = put

    def has(self, message: Message) -> bool:
        """Whether ``message`` was written there."""
        return bool(self.id) and (message.channel, message.chat) == (self.channel, self.id)

    def list_problems(self) -> list[str]:
        """For the operator."""
        moved = [wording.MOVED.format(id=self.id)] if self.id != self._configured else []
        hidden = [wording.ANONYMOUS_SEEN] if time.monotonic() - self._hidden_at < ANONYMOUS_STAYS else []
        return [*filter(None, [self.trouble]), *moved, *hidden, *self._remarks]

    async def post(
        self,
        reply: Reply,
        replaced: str = "",
        answers: str = "",
        origin: Mapping[str, str] | None = None,
        chat: str = "",
    ) -> None:
        """Sends something to the group, or another chat; what can't be stored is logged as not sent.

        ``replaced``: the message it replaces; ``answers``: the update id of what it answers.
        """
        where = {"message_id": replaced, "answers": answers}
        try:
            self._put([await self._store.staff.post(self.channel, chat or self.id, reply, origin=origin, **where)])
        except StoreError as error:
            log().error("staff could not be told", why=str(error))

    async def find(self) -> None:
        """Goes where an earlier run followed the group."""
        with contextlib.suppress(StoreError):
            self.id = moved_to(await self._store.noted(MOVED), self._configured) or self.id

    async def follow(self, old: str, new: str) -> None:
        """The group became a supergroup, if it is the staff's."""
        if old != self.id or new == old:
            return
        self.id = new
        self.changed.set()
        log().warning("the staff's group has a new id; set STAFF_CHAT_ID to it", id=new)
        with contextlib.suppress(StoreError):
            await self._store.note(MOVED, f"{self._configured} {new}")

    def notice_refusal(self) -> None:
        """Something that the bot posted was refused."""
        self._metrics.staff_chat_failures += 1
        self._was_refused = True
        self.changed.set()

    def notice_anonymous(self) -> None:
        """Somebody wrote whom Telegram does not name."""
        if time.monotonic() - self._hidden_at >= ANONYMOUS_STAYS:
            log().warning("the staff chat needs the operator", why=wording.ANONYMOUS_SEEN)
        self._hidden_at = time.monotonic()

    async def watch(self, ask_channel: AskChannel, release: Release) -> None:
        """Looks whether the bot can work in the group, and tells operator and staff when that changes."""
        told_of = self._configured
        while True:
            self.changed.clear()
            look = await ask_channel(self.id)
            if look is None and (self._was_refused or self._is_unexplained):
                look = Look()
            if look and look.moved_to:
                await self.follow(self.id, look.moved_to)
            elif look:
                await self._take_over(look, release)
            if told_of != self.id:
                told_of = self.id
                await self.post(said(wording.MOVED.format(id=self.id)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TROUBLE_LOOK_SECONDS if self.trouble else LOOK_SECONDS):
                    await self.changed.wait()

    @property
    def _is_unexplained(self) -> bool:
        return self.trouble == wording.REFUSED.format(id=self.id)

    async def _take_over(self, look: Look, release: Release) -> None:
        """Makes what was seen what holds, and tells of what is new in it."""
        trouble = look.trouble
        if not trouble and self._was_refused:
            trouble, self._is_trying = wording.REFUSED.format(id=self.id), False
        elif not trouble and self._is_unexplained and not self._is_trying:
            trouble, self._is_trying = self.trouble, True  # it is over when what is sent now is not refused
            release((self.channel, self.id))
        self._was_refused = False
        before, self.trouble = self.trouble, trouble
        if trouble:
            self._metrics.staff_chat_failures += 1
            if trouble != before:
                await self._tell_of_trouble()
            return
        if before:
            log().info("the staff chat works again")
        release((self.channel, self.id))
        new = [remark for remark in look.remarks if remark not in self._remarks]
        self._remarks = look.remarks
        for remark in new:
            log().warning("the staff chat needs the operator", why=remark)
            await self.post(said(remark))

    async def _tell_of_trouble(self) -> None:
        """To the operator, and to staff in their own chats: those who once wrote to the bot get it."""
        log().error("the staff chat can't be used", why=self.trouble)
        admins = [one for one in self.people.values() if one.role is Role.ADMIN]
        for person in admins or self.people.values():
            await self.post(said(f"{wording.SHUT}\n\n{self.trouble}"), chat=person.id)
