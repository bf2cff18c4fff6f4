"""An edit on its way from a tap to patients: checked in the child, shown, put live or thrown away.

Every step is in the store, so a restart goes on where it was. What is put live is what was shown: when something it
replaces was changed since, or it was shown long ago, it is shown again first.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from bot.assistant.conversation import Block, Reply
from bot.delivery.log import describe, log
from bot.errors import BotError, ContentError
from bot.staff import wording
from bot.staff.edits import sign
from bot.staff.folder import Changed, Files
from bot.staff.group import Person
from bot.staff.publishing import Rework, describe_undo, make_rework
from bot.staff.reload import Reloader
from bot.staff.snapshots import SnapshotError, Verdict
from bot.staff.yaml_edit import Edit
from bot.store.staff import DONE, OPEN, WORKING, StaffStore, Step

# Sends to the staff chat a reply, the message it replaces and the update id of what it answers ("" for none).
Post = Callable[[Reply, str, str], Awaitable[None]]
Details = Mapping[str, Any]
KIND: Final = "change"
SHOWN_SECONDS: Final = 3600.0  # after that a preview must be looked at again


class StaleError(BotError):
    """What an edit would replace is no longer what it was when the edit was shown."""


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _read_edits(details: Details) -> list[Edit]:
    return [Edit.from_json(one) for one in details.get("edits", ())]


def _find_replaced(details: Details, files: Files) -> list[Any]:
    return [edit.find_replaced(files.get(edit.file)) for edit in _read_edits(details)]


def _find_targets(details: Details) -> set[tuple[str, tuple[str | int, ...]]]:
    """What edits write over: two proposals that share one of these compete."""
    return {(one.file, one.path) for one in _read_edits(details) if one.action not in ("add", "remove")}


def _without_tap(details: Details) -> Details:
    """The step as it was before somebody put it live."""
    return {name: value for name, value in details.items() if name not in ("by", "on")}


class Proposals:
    """The slow half of the staff chat: everything here runs beside answering."""

    def __init__(self, store: StaffStore, reloader: Reloader, post: Post) -> None:
        self._store = store
        self._reloader = reloader
        self._post = post
        self._tasks: set[asyncio.Task[None]] = set()

    async def propose(
        self,
        person: Person,
        *,
        edits: Sequence[Edit] = (),
        undoes: int = 0,
        entry: str = "",
        rows: Sequence[int] = (),
        asked: int = 0,
        typed: Step | None = None,
        message_id: str = "",
    ) -> Reply:
        """Begins to check an edit or an undo, and says so; its preview is posted. Raises a BotError if it can't be made.

        ``rows``: missed questions it deals with; ``asked``: the step that showed them; ``typed``: the step that waited
        for its text, and waits again if it is refused.
        """
        details = {
            "edits": [edit.to_json() for edit in edits],
            "undoes": undoes,
            "entry": entry,
            "rows": list(rows),
            "asked": asked,
            "typed": typed.id if typed else 0,
            "prompt": typed.details["prompts"][0] if typed else "",
            "who": person.name,
            "may": person.may_publish(is_medical=True),
            "message": message_id,
        }
        rework = self._make_rework(details)
        await asyncio.to_thread(lambda: rework(self._reloader.folder.read()))
        await self._start(await self._store.begin(KIND, details), OPEN)
        return wording.said(wording.WAITING, replaces=bool(message_id))

    async def publish(self, step: Step, person: Person, message_id: str) -> bool:
        """Begins to put a checked edit live; False when somebody tapped before."""
        is_old = time.time() - step.details.get("shown_at", 0) > SHOWN_SECONDS
        what = {"again": wording.SHOWN_LONG_AGO} if is_old else {"by": person.name, "on": _today()}
        return await self._start(replace(step, details={**step.details, **what, "message": message_id}), OPEN)

    async def resume(self) -> None:
        """Goes on with what a kill interrupted. An edit that was written already changes nothing the second time."""
        for step in await self._store.working():
            await self._start(step, WORKING)

    async def finish(self) -> None:
        """Waits for what is in hand."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, step: Step, before: str) -> bool:
        if not await self._store.take(step.id, before, WORKING):
            return False
        await self._store.save(step.id, step.details, WORKING)
        task = asyncio.create_task(self._work(step))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _work(self, step: Step) -> None:
        message = str(step.details["message"])
        try:
            await (self._put_live(step) if "by" in step.details else self._check(step))
            return
        except BotError as error:
            failed = f"That can't be done: {error}"
        except Exception as error:
            log().error("a step of the staff chat broke", step=step.id, error=describe(error))
            failed = "That failed by a fault of mine; nothing was changed."
        await self._store.save(step.id, step.details, DONE)
        await self._post(wording.said(failed, replaces=bool(message)), message, "")

    def _make_rework(self, details: Details) -> Rework:
        if details["undoes"]:
            return self._reloader.make_undo(int(details["undoes"]))
        made, is_publishing = _read_edits(details), "by" in details
        # Who proposes a medical text and may put it live is shown with her signature; whoever puts it live signs it.
        name = str(details["by"] if is_publishing else details["who"] if details["may"] else "")
        edit = make_rework([*made, *sign(made, name, str(details.get("on") or _today()) if name else "")])

        def rework(files: Files) -> Changed:
            changed = edit(files)
            is_made = all(files.get(name) == raw for name, raw in changed.items())  # before a kill
            if is_publishing and not is_made and details["replaced"] != _find_replaced(details, files):
                raise StaleError(wording.CHANGED_SINCE)
            return changed

        return rework

    async def _check(self, step: Step) -> None:
        details, message = step.details, str(step.details["message"])
        files = await asyncio.to_thread(self._reloader.folder.read)
        verdict = await self._reloader.preview(self._make_rework(details))
        verdict = replace(verdict, summary=describe_undo(int(details["undoes"]), verdict.summary))
        stored = replace(verdict, by_lines=(), in_use=()).to_json()
        checked = {**details, "verdict": stored, "shown_at": time.time(), "replaced": _find_replaced(details, files)}
        # Taking something back is one tap; its undo is one tap too.
        if details["undoes"] and verdict.is_good and (details["may"] or not verdict.is_medical):
            await self._put_live(replace(step, details={**checked, "by": details["who"]}))
            return
        notes = [str(checked.pop("again"))] if "again" in checked else []
        waits_again = not verdict.is_good and await self._store.take(int(details["typed"]), DONE, OPEN)
        notes += [wording.TRY_AGAIN] if waits_again else []
        notes += await self._close_competing(details) if verdict.is_good else []
        await self._store.save(step.id, checked, OPEN)
        shown = await asyncio.to_thread(self._preview_entry, verdict, str(details["entry"]))
        preview = wording.show_proposal(verdict, step.id, shown, notes, replaces=bool(message))
        await self._post(preview, message, details["prompt"] if waits_again else "")

    async def _close_competing(self, details: Details) -> list[str]:
        """Of two open proposals for one thing the newer stands; says whose the older were."""
        targets, closed = _find_targets(details), []
        for step in await self._store.opened(KIND):
            if targets & _find_targets(step.details) and await self._store.take(step.id, OPEN, DONE):
                await self._store.save(step.id, {}, DONE)
                closed.append(wording.INSTEAD_OF.format(who=step.details["who"]))
        return closed

    def _preview_entry(self, verdict: Verdict, entry: str) -> tuple[Block, ...]:
        if not (entry and verdict.is_good):
            return ()
        try:
            content = self._reloader.snapshots.content(verdict.version)
        except (SnapshotError, ContentError):
            return ()
        return wording.preview_entry(content, entry, datetime.now(UTC))

    async def _put_live(self, step: Step) -> None:
        details, message = step.details, str(step.details["message"])
        checked, undoes = Verdict.from_json(details["verdict"]), int(details["undoes"])
        by, proposer = str(details["by"]), str(details["who"])
        who = by if by == proposer else f"{by}, proposed by {proposer}"
        how = "undo" if undoes else "tap"
        try:
            published = await self._reloader.publish(
                self._make_rework(details), who=who, how=how, undoes=undoes, checked=checked
            )
        except StaleError:
            await self._check(replace(step, details={**_without_tap(details), "again": wording.CHANGED_SINCE}))
            return
        change = published.change
        if change is None and not published.verdict.is_good:
            await self._store.save(step.id, _without_tap(details), OPEN)
            reply = wording.show_proposal(published.verdict, step.id, replaces=bool(message))
        else:
            await self._store.deal_with([int(row) for row in details["rows"]])
            # The edits hold a patient's words, which now stand in the content, or don't where staff took them back.
            await self._store.save(step.id, {"number": change.number if change else 0}, DONE)
            reply = (
                wording.describe_live(change, replaces=bool(message))
                if change
                else wording.said("It was so already.", replaces=bool(message))
            )
        await self._post(reply, message, "")
