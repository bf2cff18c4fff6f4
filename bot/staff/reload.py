"""Live reload: what staff save is checked in a child, then taken over in one step or refused."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from bot.assistant import Assistant, Overrides
from bot.content import Content, load, unread
from bot.delivery.log import describe, log
from bot.errors import BotError, ContentError, Problem
from bot.staff.comparing import leads_alike
from bot.staff.folder import Files, Folder, version_of
from bot.staff.history import Change
from bot.staff.publishing import Published, Publisher
from bot.staff.snapshots import SnapshotError, Snapshots, Verdict

SETTLE_SECONDS: Final = 0.2  # editors save in several steps
LOOK_SECONDS: Final = 10.0  # some disks send no events, and none come from behind a link
# After a start, patients whose messages have waited come first: what answers is checked when they have been served.
CALM_SECONDS: Final = 60.0
# While content is loaded beside answering, threads take turns this often: an answer waits for less than 20 ms.
TURN_SECONDS: Final = 0.0005
_SWAPPED: Final = "..data"  # the link by which Kubernetes puts all files of a ConfigMap in place at once


class Holder(Protocol):
    """Holds the assistant in force; ``trouble`` says in /readyz what is wrong with the content on disk."""

    trouble: str

    def __call__(self) -> Assistant: ...
    def swap(self, assistant: Assistant) -> None: ...


async def _tell_nobody(_news: Published) -> None:
    return


def starting_content(faq_dir: Path, snapshots: Snapshots) -> Content:
    """What to answer with from the first moment on: the checked snapshot goes before files that nobody has checked yet.

    Of those a copy is kept, which edits are compared with. Raises ContentError when there is neither.
    """
    try:
        content = snapshots.content(snapshots.current()[0])
    except (SnapshotError, ContentError):
        content = load(faq_dir)
        with contextlib.suppress(OSError, BotError):  # without it, a reviewer must read the first edit
            snapshots.add(Folder(faq_dir).read())
    return _without_lines(content)


def _without_lines(content: Content) -> Content:
    """``content`` without what only a check needs, which a child makes: half of its memory."""
    return replace(content, documents={})


class Reloader(Publisher):
    """Watches the FAQ folder.

    ``build`` makes the assistant of a checked content, ``missed`` lists recent questions that nobody could answer,
    ``tell`` hears what became of file edits: live as a change, refused, or good without a change where what was refused is
    mended, or where its remarks name files that are not read.
    """

    def __init__(
        self,
        faq_dir: Path,
        state: Path,
        cache_dir: Path,
        holder: Holder,
        build: Callable[[Content], Assistant],
        missed: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        super().__init__(faq_dir, state, cache_dir)
        self.tell: Callable[[Published], Awaitable[None]] = _tell_nobody
        self.refused: Verdict | None = None
        self.overrides = Overrides()
        self._holder = holder
        self._build = build
        self._missed = missed
        self._asked = asyncio.Event()
        self._seen = ""
        self._unread: tuple[Problem, ...] = ()

    def current(self) -> Assistant:
        """The assistant in force."""
        return self._holder()

    def whole(self) -> Content:
        """The content in force with what staff silenced."""
        return self._holder().with_overrides(Overrides()).content

    def override(self, overrides: Overrides) -> None:
        """Silences entries or pauses, at once and after every reload."""
        self.overrides = overrides
        self._holder.swap(self._holder().with_overrides(overrides))

    def ask(self) -> None:
        """Look at the folder again now (SIGHUP, a button), also when what is there was refused before."""
        self._seen = ""
        self._asked.set()

    async def run(self) -> None:
        """Takes over what is saved until cancelled."""
        beside = [
            asyncio.create_task(watch(self.folder.path, self._asked.set)),
            asyncio.create_task(self._check_what_is_live()),
        ]
        try:
            await asyncio.to_thread(self._begin_with_what_answers)
            while True:
                await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._asked.wait()
                self._asked.clear()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _begin_with_what_answers(self) -> None:
        """From now on a restart serves what answers now; what an earlier run's code thought of it is forgotten."""
        if version := self._find_base():
            self.snapshots.forget_verdict(version)
            if version != self.snapshots.current()[0]:
                self.snapshots.make_current(version, self.history.last_number())

    async def _check_what_is_live(self) -> None:
        """What any check finds out once is found out before staff wait for it."""
        await asyncio.sleep(CALM_SECONDS)
        version = self._find_base()
        with contextlib.suppress(OSError, BotError):
            if version and self.snapshots.verdict(version) is None:
                await self._checker.check(await asyncio.to_thread(self.snapshots.bytes, version), version)

    def _find_base(self) -> str:
        version = self._holder().version
        return version if self.snapshots.has(version) else ""

    async def _list_missed(self) -> Sequence[str]:
        return await self._missed()

    async def _look(self) -> None:
        try:
            # Nearly always nothing has changed, and the files need not be held.
            version = await asyncio.to_thread(lambda: version_of(self.folder.read()))
            if version != self._holder().version:
                files = await self._read_settled()
                version = version_of(files)
            if version == self._holder().version:
                is_mended = self.refused is not None
                self._note_all_is_well(version)
                if is_mended:
                    await self.tell(Published(Verdict(version)))
            elif version != self._seen:
                await self._take_over(files, version)
            await self._name_unread(version)
        except BotError as error:
            self._holder.trouble = str(error)
            log().error("the content can't be read", why=str(error))

    async def _name_unread(self, version: str) -> None:
        """Says once which files somebody put into the folder in vain."""
        found = await asyncio.to_thread(lambda: tuple(unread(self.folder.path)))
        new = tuple(one for one in found if one not in self._unread)
        self._unread = found
        if new:
            log().warning("files in the FAQ folder are not read", count=len(new), first=str(new[0]))
            await self.tell(Published(Verdict(version, remarks=new)))

    def _note_all_is_well(self, version: str) -> None:
        self._seen, self._holder.trouble, self.refused = version, "", None

    async def _read_settled(self) -> Files:
        """The files once nobody has written to them for a moment."""
        files = None
        while files != (again := await asyncio.to_thread(self.folder.read)):
            files = again
            await asyncio.sleep(SETTLE_SECONDS)
        return again

    async def _take_over(self, files: Files, version: str) -> None:
        async with self._writing:
            verdict = await self._settle(files)
            if not verdict:
                return
            if await self._is_saved_again(version):
                return  # what was checked is of no interest
        self._seen, self.refused, first = version, verdict, verdict.refused[0]
        self._holder.trouble = f"edited content is refused ({len(verdict.refused)} problems, first: {first})"
        log().error(
            "edited content is refused; the last good one answers", problems=len(verdict.refused), first=str(first)
        )
        await self.tell(Published(verdict))

    async def _is_saved_again(self, version: str) -> bool:
        is_so = version_of(await asyncio.to_thread(self.folder.read)) != version
        if is_so:
            self._asked.set()  # soon we look again
        return is_so

    async def _settle(self, files: Files) -> Verdict | None:
        """Takes over what somebody saved, as a change of its own; the verdict if it is refused."""
        if version_of(files) == self._holder().version:
            return None
        verdict = await self.check(files)
        if not verdict.is_good:
            return verdict
        if not await self._is_saved_again(verdict.version):
            change = await asyncio.to_thread(self._record, files, verdict)
            await self._go_live(verdict, self.history.last_number())
            if change:
                await self.tell(Published(verdict, change))
        return None

    def _record(self, files: Files, verdict: Verdict) -> Change | None:
        """Numbers what an editor saved: all that no numbered change since the snapshot in force accounts for."""
        version, last = self.snapshots.current()
        before: dict[str, bytes | None] = {**self.snapshots.bytes(version)}
        if not before:
            return None
        with self.folder.locked():
            later = [change for change in self.history.newest_first() if change.number > last]
            for change in reversed(later):
                before |= change.files_after
            changed = {name: files.get(name) for name in {*before, *files} if before.get(name) != files.get(name)}
            who = "an edit of the files"
            return (
                self.history.record(before, changed, who=who, how="file", summary=verdict.summary) if changed else None
            )

    async def _go_live(self, verdict: Verdict, change: int) -> None:
        """Loads the checked snapshot beside answering and swaps one reference."""
        pause = sys.getswitchinterval()
        sys.setswitchinterval(TURN_SECONDS)
        try:
            assistant = await asyncio.to_thread(self._load, verdict.version)
        finally:
            sys.setswitchinterval(pause)
        self._holder.swap(assistant.with_overrides(self.overrides) if self.overrides else assistant)
        log().info("new content answers", version=verdict.version, change=change, checked_in=verdict.seconds)
        self._note_all_is_well(verdict.version)
        await asyncio.to_thread(self.snapshots.make_current, verdict.version, change)

    def _load(self, version: str) -> Assistant:
        content = _without_lines(self.snapshots.content(version))
        return self._holder().renewed(content) if leads_alike(self.whole(), content) else self._build(content)


async def watch(folder: Path, noticed: Callable[[], None]) -> None:
    """Calls ``noticed`` after each change of a file of ``folder``, until cancelled."""
    from watchfiles import awatch

    while True:
        try:
            async for _ in awatch(folder, debounce=200, step=50, recursive=True, watch_filter=_is_content):
                noticed()
        except Exception as error:  # the folder was replaced; until it can be watched again others look by themselves
            log().warning("the FAQ folder can't be watched; looking every few seconds", error=describe(error))
        await asyncio.sleep(LOOK_SECONDS)


def _is_content(_change: object, path: str) -> bool:
    name = Path(path).name
    is_passing = name.startswith((".", "#", "~")) or name.endswith(("~", ".swp", ".tmp"))
    return name == _SWAPPED or not is_passing
