"""Puts an edit live: checked, numbered, written, committed, in force. All ways to edit the content end here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.staff import git
from bot.staff.checker import Checker
from bot.staff.folder import Changed, ChangedMeanwhile, Files, Folder, version_of
from bot.staff.history import Change, History
from bot.staff.snapshots import Snapshots, Verdict
from bot.staff.yaml_edit import Edit

TRIES = 8

Rework = Callable[[Files], Changed]  # what becomes of which files; raises a BotError when it can't be done


def edited(edits: Sequence[Edit]) -> Rework:
    """The rework that ``edits`` are, one after the other."""

    def rework(files: Files) -> Changed:
        after: dict[str, bytes | None] = {}
        for edit in edits:
            after[edit.file] = edit.apply(after[edit.file] if edit.file in after else files.get(edit.file))
        return after

    return rework


def taken_back(undoes: int, summary: Sequence[str]) -> tuple[str, ...]:
    """The summary of an undo, which says so first."""
    return (f"Change {undoes} is taken back.", *summary)


def reworked(files: Files, changed: Changed) -> dict[str, bytes]:
    return {name: raw for name, raw in {**files, **changed}.items() if raw is not None}


@dataclass(frozen=True, slots=True)
class Published:
    """What came of an edit: ``change`` is None if the verdict refused it, or if it changed nothing."""

    verdict: Verdict
    change: Change | None = None


class Publisher:
    """``base`` names the snapshot to compare with, ``go_live`` takes over what was written, ``missed`` lists recent
    questions that nobody could answer.

    ``settle`` first takes in what somebody saved and nobody has numbered yet; it returns the refusal if there is one.
    """

    def __init__(
        self,
        folder: Folder,
        snapshots: Snapshots,
        history: History,
        checker: Checker,
        *,
        base: Callable[[], str],
        settle: Callable[[Files], Awaitable[Verdict | None]],
        go_live: Callable[[Verdict, int], Awaitable[None]],
        missed: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        self.folder = folder
        self.snapshots = snapshots
        self.history = history
        self._checker = checker
        self._base = base
        self._settle = settle
        self._go_live = go_live
        self._missed = missed
        # Held while files are written until they are live, so that the watcher does not take them for an editor's.
        self.writing = asyncio.Lock()

    async def check(self, files: Files) -> Verdict:
        """What would be said of ``files``."""
        return await self._checker.check(files, self._base(), await self._missed())

    async def preview(self, rework: Rework) -> Verdict:
        """What would be said of the folder after ``rework``. Raises a BotError when it can't be done at all."""
        files = await asyncio.to_thread(self.folder.read)
        return await self.check(await asyncio.to_thread(lambda: reworked(files, rework(files))))

    async def publish(
        self, rework: Rework, *, who: str, how: str, undoes: int = 0, checked: Verdict | None = None
    ) -> Published:
        """Checks, numbers, writes, takes over. ``checked``: the verdict of a preview, good while nothing else changed.

        What somebody saves meanwhile is not lost: the edit is made again on it. Raises BotError when it can't be made.
        """
        async with self.writing:
            for attempt in range(TRIES):
                files = await asyncio.to_thread(self.folder.read)
                if refusal := await self._settle(files):
                    return Published(refusal)
                # Reading YAML takes tens of milliseconds, which an answer must not wait for.
                changed = await asyncio.to_thread(rework, files)
                version = await asyncio.to_thread(version_of, reworked(files, changed))
                is_checked = checked is not None and checked.is_good and checked.version == version
                verdict = checked if is_checked and checked else await self.check(reworked(files, changed))
                if not verdict.is_good or version == version_of(files):
                    return Published(verdict)
                try:
                    change = await asyncio.to_thread(self._write, files, changed, verdict, who, how, undoes)
                except ChangedMeanwhile:
                    if attempt == TRIES - 1:
                        raise
                    continue
                await self._go_live(verdict, change.number)
                return Published(verdict, change)
        raise AssertionError("not reached")

    def _write(self, files: Files, changed: Changed, verdict: Verdict, who: str, how: str, undoes: int) -> Change:
        with self.folder.locked():
            if version_of(self.folder.read()) != version_of(files):
                raise ChangedMeanwhile("The content was changed by somebody else a moment ago.")
            before = {name: files.get(name) for name in changed}
            summary = taken_back(undoes, verdict.summary) if undoes else verdict.summary
            change = self.history.record(before, changed, who=who, how=how, summary=summary, undoes=undoes)
            try:
                self.folder.write({name: raw for name, raw in changed.items() if raw != before[name]}, before)
            except BaseException:
                self.history.drop(change)
                raise
            commit = git.commit(self.folder.path, change)
            return self.history.committed(change, commit) if commit else change
