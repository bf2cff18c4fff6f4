"""An edit on its way from a tap to patients: checked in the child, shown, put live or thrown away.

Every step is in the store, so a restart goes on where it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.conversation import Block, Reply
from bot.errors import BotError, ContentError
from bot.logs import describe, log
from bot.staff import wording
from bot.staff.editing import Edit
from bot.staff.people import Person
from bot.staff.publishing import Rework, edited
from bot.staff.reload import Reloader
from bot.staff.snapshots import SnapshotError, Verdict
from bot.store.staff import DONE, OPEN, WORKING, StaffStore, Step

Post = Callable[[Reply, str], Awaitable[None]]  # a reply to the staff chat, and the message it replaces ("" for none)
KIND = "change"


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
        message_id: str = "",
    ) -> Step:
        """Begins to check an edit or an undo; its preview is posted. Raises a BotError if it can't be made.

        ``rows``: missed questions it deals with; ``asked``: the step that showed them.
        """
        details = {
            "edits": [edit.to_json() for edit in edits],
            "undoes": undoes,
            "entry": entry,
            "rows": list(rows),
            "asked": asked,
            "who": person.name,
            "may": person.may_publish(is_medical=True),
            "message": message_id,
            "phase": "check",
        }
        rework = self._rework(details)
        await asyncio.to_thread(lambda: rework(self._reloader.folder.read()))
        step = await self._store.begin(KIND, details)
        await self._store.take(step.id, OPEN, WORKING)
        self._start(step)
        return step

    async def publish(self, step: Step, person: Person, message_id: str) -> bool:
        """Begins to put a checked edit live; False when somebody tapped before."""
        if not await self._store.take(step.id, OPEN, WORKING):
            return False
        details = {**step.details, "phase": "publish", "who": person.name, "message": message_id}
        await self._store.save(step.id, details, WORKING)
        self._start(Step(step.id, step.kind, WORKING, step.subject, step.user, details, step.created_at))
        return True

    async def resume(self) -> None:
        """Goes on with what a kill interrupted. An edit that was written already changes nothing the second time."""
        for step in await self._store.working():
            self._start(step)

    async def finished(self) -> None:
        """Waits for what is in hand."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, step: Step) -> None:
        task = asyncio.create_task(self._work(step))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, step: Step) -> None:
        message = str(step.details["message"])
        try:
            await (self._check(step) if step.details["phase"] == "check" else self._put_live(step))
        except BotError as error:
            await self._store.save(step.id, step.details, DONE)
            await self._post(wording.said(f"That can't be done: {error}", replaces=bool(message)), message)
        except Exception as error:
            log().error("a step of the staff chat broke", step=step.id, error=describe(error))
            await self._store.save(step.id, step.details, DONE)
            await self._post(
                wording.said("That failed by a fault of mine; nothing was changed.", replaces=bool(message)), message
            )

    def _rework(self, details: Mapping[str, Any]) -> Rework:
        number = int(details["undoes"])
        if number:
            return lambda files: self._reloader.history.taken_back(number, files)
        return edited([Edit.from_json(one) for one in details["edits"]])

    async def _check(self, step: Step) -> None:
        details = step.details
        verdict = await self._reloader.publisher.preview(self._rework(details))
        checked = {**details, "verdict": replace(verdict, known=()).to_json()}
        # Taking something back is one tap; its undo is one tap too.
        if details["undoes"] and verdict.is_good and (details["may"] or not verdict.is_medical):
            await self._store.save(step.id, checked, WORKING)
            await self._put_live(Step(step.id, step.kind, WORKING, step.subject, step.user, checked, step.created_at))
            return
        await self._store.save(step.id, checked, OPEN)
        shown = await asyncio.to_thread(self._shown, verdict, str(details["entry"]))
        message = str(details["message"])
        await self._post(wording.proposal(verdict, step.id, shown, replaces=bool(message)), message)

    def _shown(self, verdict: Verdict, entry: str) -> tuple[Block, ...]:
        if not (entry and verdict.is_good):
            return ()
        try:
            content = self._reloader.snapshots.content(verdict.version, like=self._reloader.whole())
        except (SnapshotError, ContentError):
            return ()
        return wording.preview(content, entry, datetime.now(UTC))

    async def _put_live(self, step: Step) -> None:
        details, message = step.details, str(step.details["message"])
        checked = Verdict.from_json(details["verdict"]) if "verdict" in details else None
        undoes = int(details["undoes"])
        published = await self._reloader.publisher.publish(
            self._rework(details),
            who=str(details["who"]),
            how="undo" if undoes else "tap",
            undoes=undoes,
            checked=checked,
        )
        if published.change is None and not published.verdict.is_good:
            await self._store.save(step.id, details, OPEN)
            reply = wording.proposal(published.verdict, step.id, replaces=bool(message))
        else:
            await self._store.deal_with([int(row) for row in details["rows"]])
            # The edits hold a patient's words, which now stand in the content, or don't where staff took them back.
            await self._store.save(step.id, {"number": published.change.number if published.change else 0}, DONE)
            reply = (
                wording.live(published.change, replaces=bool(message))
                if published.change
                else wording.said("It was so already.", replaces=bool(message))
            )
        await self._post(reply, message)
