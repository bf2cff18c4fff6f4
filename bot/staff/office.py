"""Staff's part of the running bot: live reload, the staff chat, counts and the weekly report, put together."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
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
from bot.staff.chat import Look, Watch
from bot.staff.desk import COMMANDS as STAFF_COMMANDS
from bot.staff.desk import Desk, Said
from bot.staff.folder import unwritable_folder
from bot.staff.people import Person
from bot.staff.reload import Holder, Reloader
from bot.staff.wording import said
from bot.store import Outgoing, Store

TALLY_SECONDS: Final = 30.0
REPORT_LOOK_SECONDS: Final = 600.0
REPORT_HOUR: Final = 8  # Monday, the clinic's clock
REPORTED: Final = "weekly report"


class Office:
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
        look: Callable[[str], Awaitable[Look | None]] | None = None,
        release: Callable[[tuple[str, str]], None] | None = None,
    ) -> None:
        self._store = store
        self._channel = channel
        self._people = people or {}
        self._set_aside_told = metrics.dead_letters
        self._metrics = metrics
        self._state = state
        self._counted: Counter[tuple[str, str]] = Counter()
        self.reloader = Reloader(faq_dir, state, cache_dir, holder, build, self._missed)
        self._desk: Desk | None = None
        self._watch: Watch | None = None
        if chat:
            desk = Desk(channel, chat, self._people, store.staff, store, self.reloader, put, self._report)
            self._desk = desk
            self.reloader.tell = desk.told
            if folder := unwritable_folder(faq_dir):
                log().warning("staff's edits can't be written; see FAQ_DIR in docs/running.md", folder=str(folder))
            if look and release:
                self._watch = Watch(
                    desk.chat,
                    look,
                    lambda text: desk.post(said(text)),
                    lambda person, text: desk.post(said(text), chat=person),
                    release,
                    metrics,
                )

    async def _missed(self) -> Sequence[str]:
        with contextlib.suppress(StoreError):
            return [row.utterance for row in await self._store.staff.missed()]
        return ()

    # For the inbox

    def is_for(self, message: Message) -> bool:
        """Whether ``message`` came from the staff chat, or is a command of staff who are in another group."""
        if message.channel != self._channel:
            return False
        is_command = message.kind is Kind.COMMAND and message.action in STAFF_COMMANDS - COMMANDS
        return self.is_staff_chat(message.chat) or (is_command and self._is_staff_in_group(message.chat, message.user))

    async def take(self, message: Message) -> Said:
        """What is answered to the staff at once."""
        if self._desk is None:
            return Said(said(wording.ELSEWHERE.format(id=message.chat)))
        return await self._desk.take(message)

    # For the channel and the outbox

    def is_staff_chat(self, chat: str) -> bool:
        return self._desk is not None and self._desk.chat.id == chat

    def commands(self, chat: str, user: str) -> Collection[str]:
        """What may stand behind a slash, there and from that person."""
        knows_all = self.is_staff_chat(chat) or self._is_staff_in_group(chat, user)
        return STAFF_COMMANDS | COMMANDS if knows_all else COMMANDS

    def _is_staff_in_group(self, chat: str, user: str) -> bool:
        return user in self._people and chat.startswith("-")

    async def follow(self, old: str, new: str) -> None:
        """A group has a new id."""
        if self._desk:
            await self._desk.chat.follow(old, new)

    async def moved(self, channel: str, old: str, new: str) -> None:
        if channel == self._channel:
            await self.follow(old, new)

    def look_again(self) -> None:
        """The bot's rights in the staff chat changed."""
        if self._desk:
            self._desk.chat.changed.set()

    def keeps(self, outgoing: Outgoing) -> bool:
        """Posts to the staff chat are not lost because the bot can't write there for a while."""
        if self._desk is None or outgoing.key != (self._channel, self._desk.chat.id):
            return False
        self._metrics.staff_chat_failures += 1
        self._desk.chat.refuse()
        return True

    async def find_chat(self) -> None:
        """To be done before anything is received."""
        if self._desk:
            await self._desk.chat.find()

    def chat_problems(self) -> list[str]:
        """What keeps the bot from working in the staff chat, for /readyz."""
        return self._desk.chat.problems() if self._desk else []

    # For the service

    def jobs(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """By name, what runs for as long as the bot does."""
        jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {"reload": self.reloader.run, "tally": self.tally}
        if self._desk:
            jobs |= {"learning": self._desk.learn, "weekly report": self.report_weekly, "staff": self._desk.start}
        if self._watch:
            jobs["staff chat"] = self._watch.run
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
                await self._tell_of_set_aside()
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

    async def _tell_of_set_aside(self) -> None:
        if self._desk and (count := self._metrics.dead_letters - self._set_aside_told):
            self._set_aside_told += count
            await self._desk.post(said(wording.SET_ASIDE.format(count=count)))

    async def report_weekly(self) -> None:
        """Mondays at eight, once."""
        while True:
            with contextlib.suppress(StoreError):
                if await self._is_due():
                    text, origin = await self._report()
                    assert self._desk is not None
                    await self._desk.post(said(text), origin=origin)
            await asyncio.sleep(REPORT_LOOK_SECONDS)

    async def _is_due(self) -> bool:
        zone = ZoneInfo(self.reloader.current().content.clinic.timezone)
        now = datetime.now(zone)
        week = f"{now.isocalendar().year}-{now.isocalendar().week}"
        stored = await self._store.noted(REPORTED)
        is_monday_morning = now.weekday() == 0 and now.hour < REPORT_HOUR
        # A first start in the middle of a week has little to tell; off on Monday, late is better than never.
        if stored == week or is_monday_morning or (not stored and now.weekday() != 0):
            return False
        await self._store.note(REPORTED, week)
        return True

    async def _report(self) -> tuple[str, Mapping[str, str]]:
        from bot.staff.report import draw, lines, week_of

        await self._write_tally()
        now = datetime.now(UTC)
        week = week_of(self.reloader.current().content, await self._store.staff.counts(*_seven_days(now)), now)
        picture = await asyncio.to_thread(draw, week, self._state / "report.png")
        return "\n".join(lines(week)), {"picture": str(picture)} if picture else {}


def _seven_days(now: datetime) -> tuple[float, float]:
    return (now - timedelta(days=7)).timestamp(), now.timestamp()
