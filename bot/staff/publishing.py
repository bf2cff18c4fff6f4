"""Puts an edit live: checked, numbered, written, committed, in force. All ways to edit the content end here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.staff import git
from bot.staff.checker import Checker
from bot.staff.folder import Changed, ChangedMeanwhile, Files, Folder, version_of
from bot.staff.history import Change, History
from bot.staff.snapshots import Snapshots, Verdict
from bot.staff.yaml_edit import Edit

TRIES = 8

Rework = Callable[[Files], Changed]  # what becomes of which files; raises a BotError when it can't be done


def make_rework(edits: Sequence[Edit]) -> Rework:
    """The rework that ``edits`` are, one after the other."""

    def rework(files: Files) -> Changed:
        after: dict[str, bytes | None] = {}
        for edit in edits:
            after[edit.file] = edit.apply(after[edit.file] if edit.file in after else files.get(edit.file))
        return after

    return rework


def apply_rework(rework: Rework, files: Files) -> dict[str, bytes]:
    return {name: raw for name, raw in {**files, **rework(files)}.items() if raw is not None}


def describe_undo(undoes: int, summary: Sequence[str]) -> tuple[str, ...]:
    """The summary of an undo, which says so first."""
    return (f"Change {undoes} is taken back.", *summary) if undoes else tuple(summary)


@dataclass(frozen=True, slots=True)
class Published:
    """What came of an edit: ``change`` is None if the verdict refused it, or if it changed nothing."""

    verdict: Verdict
    change: Change | None = None


class Publisher:
    """Works on the folder itself; the running bot and the command line say what is in force, and take over."""

    def __init__(self, faq_dir: Path, state: Path, cache_dir: Path) -> None:
        self.folder = Folder(faq_dir)
        self.snapshots = Snapshots(state / "snapshots")
        self.history = History(state)
        self._checker = Checker(self.snapshots, cache_dir)
        # Held while files are written until they are live, so that the watcher does not take them for an editor's.
        self._writing = asyncio.Lock()

    def _find_base(self) -> str:
        """The snapshot to compare with; "" if there is none."""
        raise NotImplementedError

    async def _list_missed(self) -> Sequence[str]:
        """Recent questions that nobody could answer."""
        raise NotImplementedError

    async def _settle(self, files: Files) -> Verdict | None:
        """Takes in what somebody saved and nobody has numbered yet; the refusal if there is one."""
        raise NotImplementedError

    async def _go_live(self, verdict: Verdict, change: int) -> None:
        """Takes over what was written."""

    async def check(self, files: Files) -> Verdict:
        """What would be said of ``files``."""
        return await self._checker.check(files, self._find_base(), await self._list_missed())

    async def preview(self, rework: Rework) -> Verdict:
        """What would be said of the folder after ``rework``. Raises a BotError when it can't be done at all."""
        # Reading YAML takes tens of milliseconds, which an answer must not wait for.
        return await self.check(await asyncio.to_thread(lambda: apply_rework(rework, self.folder.read())))

    async def publish(
        self, rework: Rework, *, who: str, how: str, undoes: int = 0, checked: Verdict | None = None
    ) -> Published:
        """Checks, numbers, writes, takes over. ``checked``: the verdict of a preview, good while nothing else changed.

        What somebody saves meanwhile is not lost: the edit is made again on it. Raises BotError when it can't be made.
        """
        async with self._writing:
            for attempt in range(TRIES):
                files = await asyncio.to_thread(self.folder.read)
                if refusal := await self._settle(files):
                    return Published(refusal)
                after = await asyncio.to_thread(apply_rework, rework, files)
                version = version_of(after)
                is_checked = checked is not None and checked.is_good and checked.version == version
                verdict = checked if is_checked and checked else await self.check(after)
                if not verdict.is_good or version == version_of(files):
                    return Published(verdict)
                try:
                    change = await asyncio.to_thread(self._write, files, after, verdict, who, how, undoes)
                except ChangedMeanwhile:
                    if attempt == TRIES - 1:
                        raise
                    continue
                await self._go_live(verdict, change.number)
                return Published(verdict, change)
        raise AssertionError("not reached")

    async def undo(self, number: int, who: str, checked: Verdict | None = None) -> Published:
        """Takes one change back; later ones stay."""
        rework = self.make_undo(number)
        return await self.publish(rework, who=who, how="undo", undoes=number, checked=checked)

    def make_undo(self, number: int) -> Rework:
        return lambda files: self.history.undo(number, files)

    def _write(self, before: Files, after: Files, verdict: Verdict, who: str, how: str, undoes: int) -> Change:
        changed = {name: after.get(name) for name in {*before, *after} if before.get(name) != after.get(name)}
        with self.folder.locked():
            if version_of(self.folder.read()) != version_of(before):
                raise ChangedMeanwhile("The content was changed by somebody else a moment ago.")
            self.folder.write(changed, before)
            summary = describe_undo(undoes, verdict.summary)
            change = self.history.record(before, changed, who=who, how=how, summary=summary, undoes=undoes)
            commit = git.commit(self.folder.path, change)
            return self.history.add_commit(change, commit) if commit else change
