"""An edit on its way from a tap to patients: checked in the child, shown, put live or thrown away.

Every step is in the store, so a restart goes on where it was. What is put live is what was shown: when something it
replaces was changed since, or it was shown long ago, it is shown again first.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from bot.assistant.conversation import Block, Reply
from bot.delivery.log import describe, log
from bot.errors import BotError, ContentError
from bot.staff import wording
from bot.staff.editing import Edit
from bot.staff.edits import signed
from bot.staff.folder import Changed, Files
from bot.staff.people import Person
from bot.staff.publishing import Rework, edited, taken_back
from bot.staff.reload import Reloader
from bot.staff.snapshots import SnapshotError, Verdict
from bot.store.staff import DONE, OPEN, WORKING, StaffStore, Step

# Sends to the staff chat a reply, the message it replaces and the update id of what it answers ("" for none).
Post = Callable[[Reply, str, str], Awaitable[None]]
KIND = "change"
SHOWN_SECONDS: Final = 3600.0  # after that a preview must be looked at again


class StaleError(BotError):
    """What an edit would replace is no longer what it was when the edit was shown."""


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _replaced(made: Iterable[Edit], files: Files) -> list[str]:
    return [edit.replaced(files.get(edit.file)) for edit in made]


def _targets(made: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """What edits overwrite: two proposals that share one of these compete."""
    return {(one["file"], str(list(one["path"]))) for one in made if one["action"] not in ("add", "remove")}


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
    ) -> Step:
        """Begins to check an edit or an undo; its preview is posted. Raises a BotError if it can't be made.

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
            "by": person.name,
            "may": person.may_publish(is_medical=True),
            "on": _today(),
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
        is_old = time.time() - step.details.get("shown_at", 0) > SHOWN_SECONDS
        details = {**step.details, "phase": "check" if is_old else "publish", "message": message_id}
        details |= {"again": wording.SHOWN_LONG_AGO} if is_old else {"by": person.name, "on": _today()}
        await self._store.save(step.id, details, WORKING)
        self._start(replace(step, details=details))
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
            await self._post(wording.said(f"That can't be done: {error}", replaces=bool(message)), message, "")
        except Exception as error:
            log().error("a step of the staff chat broke", step=step.id, error=describe(error))
            await self._store.save(step.id, step.details, DONE)
            failed = "That failed by a fault of mine; nothing was changed."
            await self._post(wording.said(failed, replaces=bool(message)), message, "")

    async def _close_competing(self, made: Iterable[Mapping[str, Any]]) -> list[str]:
        """Of two open proposals for one thing the newer stands; whose the older were."""
        targets = _targets(made)
        found = []
        for step in await self._store.opened(KIND):
            if targets & _targets(step.details["edits"]) and await self._store.take(step.id, OPEN, DONE):
                await self._store.save(step.id, {}, DONE)
                found.append(str(step.details["who"]))
        return found

    def _rework(self, details: Mapping[str, Any]) -> Rework:
        number = int(details["undoes"])
        if number:
            return lambda files: self._reloader.history.taken_back(number, files)
        made = [Edit.from_json(one) for one in details["edits"]]
        is_publishing = details["phase"] == "publish"
        signature = str(details["by"]) if is_publishing or details["may"] else ""
        edit = edited([*made, *signed(made, signature, str(details["on"]) if signature else "")])

        def rework(files: Files) -> Changed:
            changed = edit(files)
            is_made = all(files.get(name) == raw for name, raw in changed.items())  # before a kill
            if (
                is_publishing
                and not is_made
                and details["replaced"] != [one.replaced(files.get(one.file)) for one in made]
            ):
                raise StaleError(wording.CHANGED_SINCE)
            return changed

        return rework

    async def _check(self, step: Step) -> None:
        details = step.details
        files = await asyncio.to_thread(self._reloader.folder.read)
        verdict = await self._reloader.publisher.preview(self._rework(details))
        if details["undoes"]:
            verdict = replace(verdict, summary=taken_back(int(details["undoes"]), verdict.summary))
        checked = {**details, "verdict": replace(verdict, by_lines=(), in_use=()).to_json(), "shown_at": time.time()}
        checked["replaced"] = _replaced([Edit.from_json(one) for one in details["edits"]], files)
        # Taking something back is one tap; its undo is one tap too.
        if details["undoes"] and verdict.is_good and (details["may"] or not verdict.is_medical):
            await self._store.save(step.id, checked, WORKING)
            await self._put_live(replace(step, details=checked))
            return
        made = details["edits"] if verdict.is_good else ()
        instead_of = await self._close_competing(made)
        await self._store.save(step.id, checked, OPEN)
        shown = await asyncio.to_thread(self._shown, verdict, str(details["entry"]))
        message = str(details["message"])
        notes = [str(details["again"])] if "again" in details else []
        waits_again = not verdict.is_good and await self._store.take(int(details.get("typed", 0)), DONE, OPEN)
        notes += [wording.TRY_AGAIN] if waits_again else []
        notes += [wording.INSTEAD_OF.format(who=who) for who in instead_of]
        preview = wording.proposal(verdict, step.id, shown, notes, replaces=bool(message))
        await self._post(preview, message, details["prompt"] if waits_again else "")

    def _shown(self, verdict: Verdict, entry: str) -> tuple[Block, ...]:
        if not (entry and verdict.is_good):
            return ()
        try:
            content = self._reloader.snapshots.content(verdict.version)
        except (SnapshotError, ContentError):
            return ()
        return wording.preview(content, entry, datetime.now(UTC))

    async def _put_live(self, step: Step) -> None:
        details, message = step.details, str(step.details["message"])
        checked = Verdict.from_json(details["verdict"]) if "verdict" in details else None
        undoes = int(details["undoes"])
        by, proposer = str(details["by"]), str(details["who"])
        try:
            published = await self._reloader.publisher.publish(
                self._rework(details),
                who=by if by == proposer else f"{by}, proposed by {proposer}",
                how="undo" if undoes else "tap",
                undoes=undoes,
                checked=checked,
            )
        except StaleError:
            details = {**details, "phase": "check", "again": wording.CHANGED_SINCE}
            await self._store.save(step.id, details, WORKING)
            await self._check(replace(step, details=details))
            return
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
        await self._post(reply, message, "")
