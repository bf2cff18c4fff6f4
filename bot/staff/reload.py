"""Live reload: what staff save is checked in a child, then taken over in one step or refused."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from bot.assistant import Assistant, Overrides
from bot.content import Content, load, unread
from bot.delivery.log import log
from bot.errors import BotError, ContentError, Problem
from bot.staff.checker import Checker
from bot.staff.comparing import leads_alike
from bot.staff.folder import Files, Folder, hash_of, version_of
from bot.staff.history import Change, History
from bot.staff.publishing import Publisher
from bot.staff.snapshots import SnapshotError, Snapshots, Verdict
from bot.staff.watching import LOOK_SECONDS, watch

SETTLE_SECONDS: Final = 0.2  # editors save in several steps
# After a start, patients whose messages have waited come first: what answers is checked when they have been served.
CALM_SECONDS: Final = 60.0
# While content is loaded beside answering, threads take turns this often: an answer waits for less than 20 ms.
TURN_SECONDS: Final = 0.0005


class Holder(Protocol):
    """Holds the assistant in force; ``trouble`` says in /readyz what is wrong with the content on disk."""

    trouble: str

    def __call__(self) -> Assistant: ...
    def swap(self, assistant: Assistant) -> None: ...


@dataclass(frozen=True, slots=True)
class News:
    """Something staff want to know: a file edit went live as ``change``, or was refused.

    A good verdict without a change: files are not read, which its remarks name, or what was refused is mended.
    """

    verdict: Verdict
    change: Change | None = None


async def _nobody(_news: News) -> None:
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


class Reloader:
    """Watches the FAQ folder.

    ``build`` makes the assistant of a checked content, ``missed`` lists recent questions that nobody could answer,
    ``tell`` hears what became of file edits.
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
        self.folder = Folder(faq_dir)
        self.snapshots = Snapshots(state / "snapshots")
        self.history = History(state)
        self.tell: Callable[[News], Awaitable[None]] = _nobody
        self.refused: Verdict | None = None
        self._checker = Checker(self.snapshots, cache_dir)
        self.publisher = Publisher(
            self.folder, self.snapshots, self.history, self._checker,
            base=self._base, settle=self._settle, go_live=self._go_live, missed=missed,
        )  # fmt: skip
        self._holder = holder
        self._build = build
        self._asked = asyncio.Event()
        self._seen = ""
        self._unread: tuple[Problem, ...] = ()
        self.overrides = Overrides()

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

    def _base(self) -> str:
        version = self._holder().version
        return version if self.snapshots.has(version) else ""

    def ask(self) -> None:
        """Look at the folder again now (SIGHUP, a button), also when what is there was refused before."""
        self._seen = ""
        self._asked.set()

    async def run(self) -> None:
        """Takes over what is saved until cancelled."""
        beside = [
            asyncio.create_task(watch(self.folder.path, self._noticed)),
            asyncio.create_task(self._check_what_is_live()),
        ]
        try:
            await asyncio.to_thread(self._make_first_current)
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

    async def _noticed(self) -> None:
        self._asked.set()

    def _make_first_current(self) -> None:
        """At a first start: from now on a restart serves what answers now."""
        if (version := self._base()) and version != self.snapshots.current()[0]:
            self.snapshots.make_current(version, self._last_change())

    async def _check_what_is_live(self) -> None:
        """At a first start, or one with newer code: what any check finds out once is found out before staff wait for it."""
        await asyncio.sleep(CALM_SECONDS)
        version = self._base()
        with contextlib.suppress(OSError, BotError):
            if version and self.snapshots.verdict(version) is None:
                await self._checker.check(await asyncio.to_thread(self.snapshots.bytes, version), version)

    async def _look(self) -> None:
        try:
            # Nearly always nothing has changed, and the files need not be held.
            version = await asyncio.to_thread(lambda: version_of(self.folder.read()))
            if version != self._holder().version:
                files = await self._settled()
                version = version_of(files)
            if version == self._holder().version:
                is_mended = self.refused is not None
                self._is_well(version)
                if is_mended:
                    await self.tell(News(Verdict(version)))
            elif version != self._seen:
                await self._take(files, version)
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
            await self.tell(News(Verdict(version, remarks=new)))

    def _is_well(self, version: str) -> None:
        self._seen, self._holder.trouble, self.refused = version, "", None

    async def _settled(self) -> Files:
        """The files once nobody has written to them for a moment."""
        files = await asyncio.to_thread(self.folder.read)
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            again = await asyncio.to_thread(self.folder.read)
            if again == files:
                return files
            files = again

    async def _take(self, files: Files, version: str) -> None:
        async with self.publisher.writing:
            refusal = await self._settle(files)
            if not refusal:
                return
            if version_of(await asyncio.to_thread(self.folder.read)) != version:
                self._asked.set()  # saved again meanwhile: what was checked is of no interest
                return
        self._seen = version
        await self._refuse(refusal)

    async def _settle(self, files: Files) -> Verdict | None:
        """Takes over what somebody saved, as a change of its own; the verdict if it is refused."""
        if version_of(files) == self._holder().version:
            return None
        verdict = await self.publisher.check(files)
        if not verdict.is_good:
            return verdict
        if version_of(await asyncio.to_thread(self.folder.read)) == verdict.version:
            change = await asyncio.to_thread(self._record, files, verdict)
            await self._go_live(verdict, change.number if change else self._last_change())
            if change:
                await self.tell(News(verdict, change))
        else:
            self._asked.set()  # saved again meanwhile: soon we look again
        return None

    async def _refuse(self, verdict: Verdict) -> None:
        self.refused = verdict
        first = verdict.refused[0]
        self._holder.trouble = f"edited content is refused ({len(verdict.refused)} problems, first: {first})"
        log().error(
            "edited content is refused; the last good one answers", problems=len(verdict.refused), first=str(first)
        )
        await self.tell(News(verdict))

    def _last_change(self) -> int:
        newest = next(self.history.newest_first(), None)
        return newest.number if newest else 0

    def _record(self, files: Files, verdict: Verdict) -> Change | None:
        """Numbers what an editor saved: all that no numbered change since the snapshot in force accounts for."""
        version, last = self.snapshots.current()
        known: dict[str, bytes] = self.snapshots.bytes(version)
        if not known:
            return None
        hashes = {name: hash_of(raw) for name, raw in known.items()}
        later = [change for change in self.history.newest_first() if change.number > last]
        for change in reversed(later):
            hashes |= {name: after for name, (_, after) in change.files.items()}
        changed = [name for name in {*hashes, *files} if hashes.get(name) != hash_of(files.get(name))]
        if not changed:
            return None
        before = {name: self._former(name, hashes.get(name), known) for name in changed}
        after = {name: files.get(name) for name in changed}
        return self.history.record(before, after, who="an edit of the files", how="file", summary=verdict.summary)

    def _former(self, name: str, wanted: str | None, known: dict[str, bytes]) -> bytes | None:
        return known[name] if hash_of(known.get(name)) == wanted and name in known else self.history.bytes_of(wanted)

    def _made(self, version: str) -> Assistant:
        content = _without_lines(self.snapshots.content(version))
        return self._holder().renewed(content) if leads_alike(self.whole(), content) else self._build(content)

    async def _go_live(self, verdict: Verdict, change: int) -> None:
        """Loads the checked snapshot beside answering and swaps one reference."""
        pause = sys.getswitchinterval()
        sys.setswitchinterval(TURN_SECONDS)
        try:
            assistant = await asyncio.to_thread(self._made, verdict.version)
        finally:
            sys.setswitchinterval(pause)
        self._holder.swap(assistant.with_overrides(self.overrides) if self.overrides else assistant)
        log().info("new content answers", version=verdict.version, change=change, checked_in=verdict.seconds)
        self._is_well(verdict.version)
        await asyncio.to_thread(self.snapshots.make_current, verdict.version, change)
