"""Staff's part of the running bot, put together: live reload, the staff chat, the week's counts and report."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.assistant import Assistant
from bot.assistant.conversation import COMMANDS, Kind, Message
from bot.content import Content
from bot.delivery.log import log
from bot.delivery.metrics import Metrics
from bot.errors import StoreError
from bot.staff import wording
from bot.staff.chat import COMMANDS as STAFF_COMMANDS
from bot.staff.chat import Said, StaffChat
from bot.staff.folder import unwritable_folder
from bot.staff.group import AskChannel, Person, Release, StaffGroup
from bot.staff.reload import Holder, Reloader
from bot.staff.wording import said
from bot.store import Outgoing, Store

TALLY_SECONDS: Final = 30.0
REPORT_LOOK_SECONDS: Final = 600.0
REPORT_HOUR: Final = 8  # Monday, the clinic's clock
REPORTED: Final = "weekly report"


class StaffServices:
    """``chat`` is the staff chat, or "" where there is none; then refusals stand in the log and /readyz only."""

    def __init__(
        self,
        *,
        faq_dir: Path,
        state: Path,
        cache_dir: Path,
        holder: Holder,
        build: Callable[[Content], Assistant],
        store: Store,
        metrics: Metrics,
        put: Callable[[list[Outgoing]], None],
        channel: str = "",
        chat: str = "",
        people: Mapping[str, Person] | None = None,
        look: AskChannel | None = None,
        release: Release | None = None,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._state = state
        self._look = look
        self._release = release
        self._set_aside_told = metrics.dead_letters
        self._counted: Counter[tuple[str, str]] = Counter()
        self.reloader = Reloader(faq_dir, state, cache_dir, holder, build, self._missed)
        self.group = StaffGroup(channel, chat, people or {}, store, metrics, put)
        self._chat = StaffChat(self.group, store, self.reloader, self._report)
        if chat:
            self.reloader.tell = self._chat.tell
            if folder := unwritable_folder(faq_dir):
                log().warning("staff's edits can't be written; see FAQ_DIR in docs/running.md", folder=str(folder))

    async def _missed(self) -> Sequence[str]:
        with contextlib.suppress(StoreError):
            return [row.utterance for row in await self._store.staff.missed()]
        return ()

    # For the inbox

    def is_for(self, message: Message) -> bool:
        """Whether ``message`` came from the staff chat, or is a command of staff who are in another group."""
        is_command = message.kind is Kind.COMMAND and message.action in STAFF_COMMANDS - COMMANDS
        is_elsewhere = is_command and self._is_staff_in_group(message.chat, message.user)
        return message.channel == self.group.channel and (self.is_staff_chat(message.chat) or is_elsewhere)

    async def take(self, message: Message) -> Said:
        """What is answered to the staff at once."""
        return await self._chat.take(message)

    # For the channel and the outbox

    def is_staff_chat(self, chat: str) -> bool:
        return bool(chat) and self.group.id == chat

    def commands(self, chat: str, user: str) -> Collection[str]:
        """What may stand behind a slash, there and from that person."""
        knows_all = self.is_staff_chat(chat) or self._is_staff_in_group(chat, user)
        return STAFF_COMMANDS | COMMANDS if knows_all else COMMANDS

    def _is_staff_in_group(self, chat: str, user: str) -> bool:
        return user in self.group.people and chat.startswith("-")

    async def follow(self, old: str, new: str) -> None:
        """A group has a new id."""
        await self.group.follow(old, new)

    async def moved(self, channel: str, old: str, new: str) -> None:
        if channel == self.group.channel:
            await self.follow(old, new)

    def look_again(self) -> None:
        """The bot's rights in the staff chat changed."""
        self.group.changed.set()

    def keeps(self, outgoing: Outgoing) -> bool:
        """Posts to the staff chat are not lost because the bot can't write there for a while."""
        if not self.group.id or outgoing.key != (self.group.channel, self.group.id):
            return False
        self.group.notice_refusal()
        return True

    # For the service

    def jobs(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """By name, what runs for as long as the bot does."""
        jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {"reload": self.reloader.run, "tally": self.tally}
        if self.group.id:
            chat = self._chat
            jobs |= {"learning": chat.show_missed, "weekly report": self.report_weekly, "staff": chat.start}
            if (look := self._look) and (release := self._release):
                jobs["staff chat"] = lambda: self.group.watch(look, release)
        return jobs

    def switched_off(self) -> list[str]:
        """What staff silenced or paused, for /readyz."""
        overrides = self.reloader.overrides
        return [*(["all answers (paused)"] if overrides.is_paused else []), *sorted(overrides.off)]

    async def tally(self) -> None:
        """Writes down what came of messages, so that a week can be counted."""
        try:
            while True:
                await asyncio.sleep(TALLY_SECONDS)
                await self._write_tally()
                if self.group.id and (count := self._metrics.dead_letters - self._set_aside_told):
                    self._set_aside_told += count
                    await self.group.post(said(wording.SET_ASIDE.format(count=count)))
        finally:
            await self._write_tally()

    async def _write_tally(self) -> None:
        now: Counter[tuple[str, str]] = Counter()
        for (outcome, entry, _), times in self._metrics.outcomes.items():
            now[outcome, entry] += times
        try:
            await self._store.staff.tally(now - self._counted)
            self._counted = now
        except StoreError as error:
            log().error("the week's counts could not be written", why=str(error))

    async def report_weekly(self) -> None:
        """Mondays at eight, once."""
        while True:
            with contextlib.suppress(StoreError):
                if await self._is_due():
                    text, origin = await self._report()
                    await self.group.post(said(text), origin=origin)
            await asyncio.sleep(REPORT_LOOK_SECONDS)

    async def _is_due(self) -> bool:
        now = datetime.now(ZoneInfo(self.reloader.current().content.clinic.timezone))
        week = f"{now.isocalendar().year}-{now.isocalendar().week}"
        stored = await self._store.noted(REPORTED)
        is_monday_morning = now.weekday() == 0 and now.hour < REPORT_HOUR
        # A first start in the middle of a week has little to tell; off on Monday, late is better than never.
        if stored == week or is_monday_morning or (not stored and now.weekday() != 0):
            return False
        await self._store.note(REPORTED, week)
        return True

    async def _report(self) -> tuple[str, Mapping[str, str]]:
        from bot.staff.report import count_week, describe_week, draw

        await self._write_tally()
        now = datetime.now(UTC)
        counts = await self._store.staff.counts((now - timedelta(days=7)).timestamp(), now.timestamp())
        week = count_week(self.reloader.current().content, counts, now)
        picture = await asyncio.to_thread(draw, week, self._state / "report.png")
        return "\n".join(describe_week(week)), {"picture": str(picture)} if picture else {}
