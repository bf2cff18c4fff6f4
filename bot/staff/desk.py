"""The staff chat: messages and taps are answered here at once; what takes seconds is begun and posted later."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from bot.asking import ask
from bot.assistant import Overrides
from bot.conversation import Kind, Message, Reply
from bot.errors import BotError, StoreError
from bot.logs import log
from bot.staff import edits, wording
from bot.staff.learning import KIND as MISSED
from bot.staff.learning import Learning
from bot.staff.people import Person
from bot.staff.proposals import KIND as CHANGE
from bot.staff.proposals import Proposals
from bot.staff.reload import News, Reloader
from bot.store.staff import DONE, OPEN, StaffStore, Step
from bot.store.values import Outgoing

TEXT: Final = "text"
TEXT_WAITS: Final = 3600.0
LEARN_SECONDS: Final = 15.0
SHOWN: Final = 10
OVERRIDES: Final = "staff overrides"


class Notes(Protocol):
    """Small facts kept across restarts."""

    async def note(self, name: str, value: str) -> None: ...
    async def noted(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered at once; ``reply`` is None when the rest comes later."""

    reply: Reply | None = None
    toast: str = ""


class Desk:
    """``channel`` and ``chat`` are the staff's, ``people`` who may do what, ``put`` hands stored posts to the outbox,
    ``report`` writes the weekly report."""

    def __init__(
        self,
        channel: str,
        chat: str,
        people: Mapping[str, Person],
        store: StaffStore,
        notes: Notes,
        reloader: Reloader,
        put: Callable[[list[Outgoing]], None],
        report: Callable[[], Awaitable[tuple[str, Mapping[str, str]]]],
    ) -> None:
        self._channel = channel
        self._chat = chat
        self._people = people
        self._store = store
        self._notes = notes
        self._reloader = reloader
        self._put = put
        self._report = report
        self._learning = Learning(store, reloader.current)
        self.proposals = Proposals(store, reloader, self.post)

    def is_for(self, message: Message) -> bool:
        return message.channel == self._channel and message.chat == self._chat

    async def post(self, reply: Reply, replaced: str = "", origin: Mapping[str, str] | None = None) -> None:
        """Sends something to the staff chat; what can't be stored is logged as not sent."""
        try:
            self._put([await self._store.post(self._channel, self._chat, reply, message_id=replaced, origin=origin)])
        except StoreError as error:
            log().error("staff could not be told", why=str(error))

    # What runs beside answering

    async def start(self) -> None:
        """Takes up what an earlier run had in hand."""
        stored = await self._notes.noted(OVERRIDES)
        if stored:
            kept = json.loads(stored)
            self._reloader.override(Overrides(frozenset(kept["off"]), kept["is_paused"]))
        await self.proposals.resume()

    async def learn(self) -> None:
        """Shows staff what nobody could answer, as it comes in."""
        while True:
            with contextlib.suppress(StoreError):
                for reply in await self._learning.news():
                    await self.post(reply)
            await asyncio.sleep(LEARN_SECONDS)

    async def told(self, news: News) -> None:
        """An edit of a file went live, or was refused."""
        verdict = news.verdict
        if news.change:
            await self.post(wording.live(news.change, replaces=False))
        elif not verdict.is_good:
            buttons = wording.column((wording.button(0, "reload", "Look again"),))
            await self.post(wording.said(f"A file was saved. {wording.refusal(verdict)}", buttons))

    # Messages

    async def take(self, message: Message) -> Said:
        """What a member of the staff wrote or tapped. Raises StoreError."""
        person = self._people.get(message.user)
        if person is None:
            return Said(toast=wording.NOT_STAFF.format(user=message.user)) if message.kind is Kind.BUTTON else Said(
                wording.said(wording.NOT_STAFF.format(user=message.user or "you"))
            )  # fmt: skip
        try:
            if message.kind is Kind.BUTTON:
                return await self._tap(person, message)
            if message.kind is Kind.COMMAND:
                return await self._command(person, message)
            return await self._text(person, message)
        except StoreError:
            raise
        except BotError as error:
            return Said(wording.said(str(error)), toast=str(error)[:190])

    async def _command(self, person: Person, message: Message) -> Said:
        rest = message.text.strip()
        match message.action:
            case "edit" | "entry":
                return await self._entry(rest)
            case "hours":
                return await self._hours(person, rest)
            case "closed":
                return await self._closed(person, rest, message)
            case "phone":
                return await self._phone(person, rest)
            case "off" | "on" | "pause" | "resume":
                return await self._override(message.action, rest)
            case "history":
                return self._history()
            case "show":
                return self._show(rest)
            case "undo":
                return await self._undo(person, rest, "")
            case "missed":
                return await self._missed()
            case "reload":
                self._reloader.ask()
                return Said(wording.said("Looking at the files again."))
            case "report":
                text, origin = await self._report()
                await self.post(wording.said(text), origin=origin)
                return Said()
        return Said(wording.said(wording.HELP))

    async def _text(self, person: Person, message: Message) -> Said:
        step = await self._store.awaited(person.id, time.time() - TEXT_WAITS)
        if step is None:
            return await self._as_a_patient(message)
        if not await self._store.take(step.id, OPEN, DONE):
            return Said(wording.said(wording.OVER))
        try:
            return await self._typed(person, step, message.text)
        except BotError:
            await self._store.take(step.id, DONE, OPEN)  # said what is wrong; the next try may be right
            raise

    async def _as_a_patient(self, message: Message) -> Said:
        turn = ask(self._reloader.current(), message.text, message.now)
        if turn.reply is None:
            return Said(wording.said(wording.HELP))
        names = [turn.entry] if turn.entry else [candidate.entry for candidate in turn.suggestions]
        rows = wording.column(wording.button(0, f"e:{name}", f"Edit “{name}”") for name in names if name)
        head = wording.said("A patient who writes that gets:").blocks
        return Said(Reply(head + turn.reply.blocks, rows))

    async def _typed(self, person: Person, step: Step, text: str) -> Said:
        """The text that a step waited for."""
        content, details = self._reloader.current().content, step.details
        match details["wants"]:
            case "answer":
                await self.proposals.propose(person, edits=edits.answer(details["entry"], text), entry=details["entry"])
            case "phrasing":
                await self.proposals.propose(person, edits=edits.learn(content, details["entry"], [text]))
            case "hours":
                await self.proposals.propose(person, edits=edits.hours(text), entry="clinic-hours")
            case "closed":
                await self.proposals.propose(person, edits=edits.closed(text), entry="clinic-hours")
            case "phone":
                await self.proposals.propose(person, edits=edits.phone(text), entry="clinic-contact")
            case "search":
                return await self._found(details, text)
            case "new":
                rows = await self._store.missed(details["rows"])
                entry, found = edits.new_entry(content, text, [row.utterance for row in rows])
                await self.proposals.propose(
                    person, edits=found, entry=entry, rows=details["rows"], asked=details["asked"]
                )
        return Said(wording.said(wording.WAITING))

    async def _wait_for(self, person: Person, wants: str, ask_for: str, **details: object) -> Said:
        await self._store.begin(TEXT, {"wants": wants, **details}, user=person.id)
        return Said(wording.said(f"{ask_for} Reply to this message."))

    # Entries and the clinic's facts

    async def _entry(self, said: str) -> Said:
        assistant = self._reloader.current()
        content = assistant.content
        entry = content.entry(said)
        if entry is None:
            names = [candidate.entry for candidate in assistant.rank(said).candidates[:5]] if said else []
            rows = wording.column(
                wording.button(0, f"e:{name}", content.entries[name].question)
                for name in names
                if name in content.entries
            )
            return Said(wording.said("Which answer?" if rows else "Write /edit and a word of the question.", rows))
        rows = (
            (
                wording.button(0, f"c:{entry.id}", "Change the answer"),
                wording.button(0, f"p:{entry.id}", "Add a way to ask"),
            ),
            (wording.button(0, f"off:{entry.id}", "Silence it"),),
        )
        return Said(Reply(wording.preview(content, entry.id, self._now()), rows))

    def _now(self) -> datetime:
        return datetime.now(UTC)

    async def _hours(self, person: Person, said: str) -> Said:
        if said:
            await self.proposals.propose(person, edits=edits.hours(said.replace(";", "\n")), entry="clinic-hours")
            return Said(wording.said(wording.WAITING))
        now = "\n".join(f"- {line}" for line in self._reloader.current().content.clinic.hours)
        return await self._wait_for(person, "hours", f"The ordinary week is:\n{now}\n\nSend it anew, a line each.")

    async def _closed(self, person: Person, said: str, message: Message) -> Said:
        clinic = self._reloader.current().content.clinic
        if said.lower() in ("today", "tomorrow"):
            day = message.now.astimezone(ZoneInfo(clinic.timezone)).date() + timedelta(days=said.lower() == "tomorrow")
            said = f"{day.day} {day:%b} {day.year}"
        if said:
            await self.proposals.propose(person, edits=edits.closed(said), entry="clinic-hours")
            return Said(wording.said(wording.WAITING))
        rows = wording.column(
            wording.button(0, f"open:{at}", f"Open again: {line}") for at, line in enumerate(clinic.closed)
        )
        waits = await self._wait_for(person, "closed", "When are you closed? Such as 24 Dec, or 24 Dec 12:00 – 3 Jan.")
        assert waits.reply is not None
        return Said(replace(waits.reply, buttons=rows))

    async def _phone(self, person: Person, said: str) -> Said:
        if said:
            await self.proposals.propose(person, edits=edits.phone(said), entry="clinic-contact")
            return Said(wording.said(wording.WAITING))
        phone = self._reloader.current().content.clinic.phone
        return await self._wait_for(
            person, "phone", f"The phone is {phone}. Send the new number, with + and country code."
        )

    # Silence and pause

    async def _override(self, what: str, said: str, *, replaces: bool = False) -> Said:
        overrides = self._reloader.overrides
        if what in ("off", "on"):
            entry = self._reloader.whole().entry(said)
            if entry is None:
                raise edits.NotPossible(f"There is no entry `{said}`. Write /{what} and its id, such as ice.")
            off = overrides.off | {entry.id} if what == "off" else overrides.off - {entry.id}
            overrides = replace(overrides, off=off)
        else:
            overrides = replace(overrides, is_paused=what == "pause")
        await self._notes.note(OVERRIDES, json.dumps({"off": sorted(overrides.off), "is_paused": overrides.is_paused}))
        self._reloader.override(overrides)
        return Said(self._switches(replaces=replaces))

    def _switches(self, *, replaces: bool) -> Reply:
        overrides, content = self._reloader.overrides, self._reloader.whole()
        rows = [wording.button(0, "resume", "Answer again")] if overrides.is_paused else []
        rows += [wording.button(0, f"on:{name}", f"Give again: {name}") for name in sorted(overrides.off)]
        lines = ["Paused: patients get only warnings and the clinic's phone."] if overrides.is_paused else []
        silenced = [entry.question for name in sorted(overrides.off) if (entry := content.entry(name))]
        lines += [f"Silenced: “{question}”." for question in silenced]
        return wording.said("\n\n".join(lines) or "All answers are given.", wording.column(rows), replaces=replaces)

    # History

    def _history(self) -> Said:
        changes = []
        for change in self._reloader.history.newest_first():
            changes.append(change)
            if len(changes) == SHOWN:
                break
        undone = {change.undoes for change in changes if change.undoes}
        rows = wording.column(wording.undo_button(one.number) for one in changes[:3] if one.number not in undone)
        return Said(wording.said(wording.listed(changes, undone), rows))

    def _show(self, said: str) -> Said:
        change = self._reloader.history.get(_number(said))
        lines = "\n".join(f"- {line}" for line in change.summary) or "- Nothing that patients see."
        files = ", ".join(change.files)
        text = f"Change {change.number}, {change.at:%d %b %Y %H:%M} UTC, by {change.who}:\n{lines}\n\nFiles: {files}"
        return Said(wording.said(text, ((wording.undo_button(change.number),),)))

    async def _undo(self, person: Person, said: str, message_id: str) -> Said:
        number = _number(said)
        self._reloader.history.get(number)
        await self.proposals.propose(person, undoes=number, message_id=message_id)
        return Said(wording.said(wording.WAITING, replaces=bool(message_id)), toast="")

    # Missed questions

    async def _missed(self) -> Said:
        for reply in await self._learning.news():
            await self.post(reply)
        count = len(await self._store.missed())
        return Said(
            wording.said(
                f"{count} question{'s' * (count != 1)} nobody could answer, all shown above."
                if count
                else "None is open."
            )
        )

    async def _found(self, details: Mapping[str, object], text: str) -> Said:
        content = self._reloader.current().content
        names = [candidate.entry for candidate in self._reloader.current().rank(text).candidates]
        names = [name for name in dict.fromkeys([text.strip(), *names]) if name in content.entries][:5]
        asked = int(str(details["asked"]))
        rows = wording.column(wording.button(asked, f"b:{name}", content.entries[name].question) for name in names)
        back = ((wording.button(asked, "q", "Back"),),)
        return Said(wording.said("Which one?" if rows else "Nothing fits those words.", (*rows, *back)))

    # Taps

    async def _tap(self, person: Person, message: Message) -> Said:
        kind, _, rest = message.action.partition(":")
        if kind == "u":
            return await self._undo(person, rest, message.message_id)
        number, _, verb = rest.partition(":")
        if kind != "s" or not number.isdigit():
            return Said(toast=wording.OVER)
        if number == "0":
            return await self._plain_tap(person, verb, message)
        step = await self._store.step(int(number))
        if step is None or step.state != OPEN:
            return Said(toast=wording.OVER)
        if step.kind == CHANGE:
            return await self._change_tap(person, step, verb, message)
        if step.kind == MISSED:
            return await self._missed_tap(person, step, verb, message)
        return Said(toast=wording.OVER)

    async def _plain_tap(self, person: Person, verb: str, message: Message) -> Said:
        """Buttons that need no step: what they are about stands in them."""
        what, _, about = verb.partition(":")
        match what:
            case "e":
                return await self._entry(about)
            case "c":
                return await self._wait_for(person, "answer", "Send the new answer.", entry=about)
            case "p":
                return await self._wait_for(person, "phrasing", "Send the words of a patient.", entry=about)
            case "off" | "on" | "resume":
                return await self._override(what, about, replaces=what != "off")
            case "open":
                closed = self._reloader.current().content.clinic.closed
                line = closed[int(about)] if about.isdigit() and int(about) < len(closed) else ""
                found = edits.open_again(self._reloader.current().content, line)
                await self.proposals.propose(person, edits=found, entry="clinic-hours", message_id=message.message_id)
                return Said(wording.said(wording.WAITING, replaces=True))
            case "reload":
                self._reloader.ask()
                return Said(toast="Looking at the files again.")
        return Said(toast=wording.OVER)

    async def _change_tap(self, person: Person, step: Step, verb: str, message: Message) -> Said:
        if verb == "a":
            if not person.may_publish(is_medical=bool(step.details["verdict"]["is_medical"])):
                return Said(toast=wording.NEEDS_REVIEWER)
            if not await self.proposals.publish(step, person, message.message_id):
                return Said(toast=wording.OVER)
            return Said(wording.said(wording.WAITING, replaces=True))
        if not await self._store.take(step.id, OPEN, DONE):
            return Said(toast=wording.OVER)
        await self._store.save(step.id, {}, DONE)
        asked = await self._store.step(int(step.details["asked"])) if step.details["asked"] else None
        group = await self._learning.group_of(asked) if asked else None
        if asked and group:
            return Said(self._learning.question(asked, group, replaces=True))
        return Said(wording.said("Thrown away. Nothing was changed.", replaces=True))

    async def _missed_tap(self, person: Person, step: Step, verb: str, message: Message) -> Said:
        group = await self._learning.group_of(step)
        if group is None:
            return Said(wording.said(wording.ERASED, replaces=True))
        rows = [row.id for row in group.rows]
        what, _, about = verb.partition(":")
        content = self._reloader.current().content
        if what == "f":
            return await self._wait_for(person, "search", "Send a word of the right question.", asked=step.id)
        if what == "n":
            how = "Send the question on the first line, the answer below it, and last “Source: title, publisher”."
            return await self._wait_for(person, "new", how, asked=step.id, rows=rows)
        if what == "q":
            return Said(self._learning.question(step, group, replaces=True))
        if what == "i":
            await self._store.deal_with(rows)
            await self._store.save(step.id, {}, DONE)
            return Said(wording.said("Ignored.", replaces=True))
        if what == "o":
            found, entry = edits.not_for_us(content, group.utterances), ""
        else:
            entry = about if what == "b" else step.details["guesses"][int(what[1:])]
            found = edits.learn(content, entry, group.utterances)
        await self.proposals.propose(person, edits=found, rows=rows, asked=step.id, message_id=message.message_id)
        return Said(wording.said(wording.WAITING, replaces=True))


def _number(said: str) -> int:
    digits = said.strip().lstrip("#")
    if not digits.isdigit():
        raise edits.NotPossible("Which change? Write its number, such as /show 17. /history lists them.")
    return int(digits)
