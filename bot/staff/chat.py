"""The staff chat: what staff write and tap is answered at once; what takes seconds is begun and posted later.

A step in the store is something begun: a text that is waited for, a missed question, a change on its way to patients. It is
open until somebody types or taps what it waits for.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from bot.assistant.conversation import Kind, Message, Reply
from bot.errors import BotError, StoreError
from bot.staff import edits, wording
from bot.staff import missed_questions as missed
from bot.staff.group import Person, StaffGroup
from bot.staff.proposals import KIND as CHANGE
from bot.staff.proposals import Proposals
from bot.staff.publishing import Published
from bot.staff.reload import Reloader
from bot.staff.switches import Switches
from bot.staff.wording import button, column, said
from bot.store import Store
from bot.store.staff import DONE, OPEN, Step

TEXT: Final = "text"
TEXT_WAITS: Final = 3600.0
LEARN_SECONDS: Final = 15.0
SHOWN: Final = 10
COMMANDS: Final = frozenset(
    "edit entry hours closed phone off on pause resume history show undo missed reload report help start".split()
)
Answer = Reply | str | None  # a text alone is a toast; None where the rest comes later


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered at once; ``reply`` is None when the rest comes later."""

    reply: Reply | None = None
    toast: str = ""


class StaffChat:
    """``report`` writes the weekly report."""

    def __init__(
        self,
        group: StaffGroup,
        store: Store,
        reloader: Reloader,
        report: Callable[[], Awaitable[tuple[str, Mapping[str, str]]]],
    ) -> None:
        self._group = group
        self._store = store.staff
        self._reloader = reloader
        self._report = report
        self._turned_away: dict[str, float] = {}  # when, by user
        self._switches = Switches(store, reloader)
        self.missed = missed.MissedQuestions(store.staff, reloader.current)
        self.proposals = Proposals(store.staff, reloader, group.post)

    # What runs beside answering

    async def start(self) -> None:
        """Takes up what an earlier run had in hand."""
        if switched_off := await self._switches.restore():
            await self._group.post(switched_off)
        await self.proposals.resume()

    async def show_missed(self) -> None:
        """Shows staff what nobody could answer, as it comes in."""
        while True:
            with contextlib.suppress(StoreError):
                if not self._group.trouble:
                    await self._post_missed()
            await asyncio.sleep(LEARN_SECONDS)

    async def _post_missed(self) -> None:
        for reply in await self.missed.begin_new():
            await self._group.post(reply)

    async def tell(self, news: Published) -> None:
        """An edit of a file went live, was refused, is mended, or changed a file that is not read."""
        await self._group.post(wording.describe_news(news.verdict, news.change))

    # What comes in

    async def take(self, message: Message) -> Said:
        """What a member of the staff wrote or tapped. Raises StoreError."""
        person = self._group.people.get(message.user)
        if person is None:
            return self._turn_away(message)
        if not self._group.has(message):
            return Said(said(wording.ELSEWHERE.format(id=message.chat)))
        take = {Kind.BUTTON: self._take_tap, Kind.COMMAND: self._take_command}.get(message.kind, self._take_text)
        try:
            answer = await take(person, message)
        except StoreError:
            raise
        except BotError as error:
            return Said(said(str(error)), toast=str(error)[:190])
        return Said(toast=answer) if isinstance(answer, str) else Said(answer)

    def _turn_away(self, message: Message) -> Said:
        """Whoever writes is told why nothing comes of it; for talk among people once an hour is enough."""
        if message.kind is Kind.BUTTON:
            return Said(toast=wording.NOT_STAFF.format(user=message.user))
        now = time.monotonic()
        if message.kind is not Kind.COMMAND and now - self._turned_away.get(message.user, -TEXT_WAITS) < TEXT_WAITS:
            return Said()
        self._turned_away[message.user] = now
        if message.user.startswith("-"):
            self._group.notice_anonymous()
            return Said(said(wording.ANONYMOUS))
        return Said(said(wording.NOT_STAFF.format(user=message.user or "you")))

    async def _take_command(self, person: Person, message: Message) -> Answer:
        rest = message.text.strip()
        match message.action:
            case "edit" | "entry":
                return wording.show_entry(self._reloader.current(), rest)
            case "hours" | "closed" | "phone":
                return await self._change_fact(person, message, rest)
            case "off" | "on" | "pause" | "resume":
                return await self._switches.turn(message.action, rest)
            case "history":
                return wording.list_changes([*islice(self._reloader.history.newest_first(), SHOWN)])
            case "show":
                return wording.show_change(self._reloader.history.get(_read_number(rest)))
            case "undo":
                return await self._undo(person, rest)
            case "missed":
                await self._post_missed()
                return said(await self.missed.count())
            case "reload":
                self._reloader.ask()
                return said(wording.LOOKING)
            case "report":
                text, origin = await self._report()
                await self._group.post(said(text), origin=origin)
                return None
        return said(wording.HELP)

    async def _take_text(self, person: Person, message: Message) -> Answer:
        if message.kind is Kind.UNREADABLE:
            return said(wording.ONLY_TEXT)
        if message.text.startswith("/"):  # no command of ours, or a slip in one
            typed = message.text[1:].partition(" ")[0].lower()
            if near := get_close_matches(typed, COMMANDS, 1, 0.75):
                return said(wording.NEAR.format(typed=typed, near=near[0]))
            if message.chat.startswith("-"):
                return None
        step = await self._store.awaited(message, time.time() - TEXT_WAITS)
        if step is None:
            return wording.show_as_patient(self._reloader.current(), message)
        if not await self._store.take(step.id, OPEN, DONE):
            return said(wording.OVER)
        try:
            return await self._take_awaited(person, step, message)
        except BotError:
            # What is wrong is said in answer to the text; the next try may reply to that as well.
            again = {**step.details, "prompts": [*step.details["prompts"], message.update_id]}
            await self._store.save(step.id, again, OPEN)
            raise

    async def _take_awaited(self, person: Person, step: Step, message: Message) -> Reply:
        """The text that a step waited for."""
        details, text, content = step.details, message.text, self._reloader.current().content
        entry, rows, asked = "", [], 0
        match details["wants"]:
            case "search":
                return self.missed.find_entries(int(details["asked"]), text)
            case "answer":
                entry = details["entry"]
                made = edits.set_answer(entry, text)
            case "phrasing":
                made = edits.add_phrasings(content, details["entry"], [text])
            case "new":
                rows, asked = details["rows"], details["asked"]
                found = await self._store.missed(rows)
                entry, made = edits.make_entry(content, text, [row.utterance for row in found])
            case fact:
                entry, made = edits.change_fact(fact, text, self._find_today(message))
        return await self.proposals.propose(person, edits=made, entry=entry, rows=rows, asked=asked, typed=step)

    async def _take_tap(self, person: Person, message: Message) -> Answer:
        kind, _, rest = message.action.partition(":")
        if kind == "u":
            return await self._undo(person, rest, message.message_id)
        number, _, verb = rest.partition(":")
        if kind != "s" or not number.isdigit():
            return wording.OVER
        if number == "0":
            return await self._take_plain_tap(person, verb, message)
        step = await self._store.step(int(number))
        if step is None or step.state != OPEN or step.kind == TEXT:
            return wording.OVER
        take = self._take_change_tap if step.kind == CHANGE else self._take_missed_tap
        return await take(person, step, verb, message)

    async def _take_plain_tap(self, person: Person, verb: str, message: Message) -> Answer:
        """Buttons that need no step: what they are about stands in them."""
        what, _, about = verb.partition(":")
        match what:
            case "e":
                return wording.show_entry(self._reloader.current(), about)
            case "c":
                return await self._wait_for(person, message, "answer", "Send the new answer.", entry=about)
            case "p":
                return await self._wait_for(person, message, "phrasing", "Send the words of a patient.", entry=about)
            case "off" | "on" | "resume":
                return await self._switches.turn(what, about, replaces=what != "off")
            case "open":
                entry, made = edits.reopen(self._reloader.current().content, about)
                return await self.proposals.propose(person, edits=made, entry=entry, message_id=message.message_id)
            case "reload":
                self._reloader.ask()
                return wording.LOOKING
        return wording.OVER

    async def _take_change_tap(self, person: Person, step: Step, verb: str, message: Message) -> Answer:
        if verb == "a":
            if not person.may_publish(is_medical=bool(step.details["verdict"]["is_medical"])):
                return wording.NEEDS_REVIEWER
            is_first = await self.proposals.publish(step, person, message.message_id)
            return said(wording.WAITING, replaces=True) if is_first else wording.OVER
        if not await self._store.take(step.id, OPEN, DONE):
            return wording.OVER
        await self._store.save(step.id, {}, DONE)
        asked = await self._store.step(int(step.details["asked"]))
        group = await self.missed.find_group(asked) if asked else None
        if asked and group:
            return self.missed.show(asked, group, replaces=True)
        return said("Thrown away. Nothing was changed.", replaces=True)

    async def _take_missed_tap(self, person: Person, step: Step, verb: str, message: Message) -> Answer:
        what, _, about = verb.partition(":")
        group = await self.missed.find_group(step)
        if group is None:
            return said(wording.ERASED, replaces=True)
        content = self._reloader.current().content
        match what:
            case "f":
                how = "Send a word of the right question."
                return await self._wait_for(person, message, "search", how, asked=step.id)
            case "n":
                return await self._wait_for(person, message, "new", wording.NEW_ENTRY, asked=step.id, rows=group.ids)
            case "q":
                return self.missed.show(step, group, replaces=True)
            case "i":
                await self._store.deal_with(group.ids)
                await self._store.save(step.id, {}, DONE)
                return said("Ignored.", replaces=True)
            case "o":
                made = edits.add_out_of_scope(content, group.utterances)
            case _:
                entry = about if what == "b" else step.details["guesses"][int(what[1:])]
                made = edits.add_phrasings(content, entry, group.utterances)
        return await self.proposals.propose(
            person, edits=made, rows=group.ids, asked=step.id, message_id=message.message_id
        )

    # Texts that are waited for, the clinic's facts, history

    async def _wait_for(self, person: Person, message: Message, wants: str, ask_for: str, **details: object) -> Reply:
        """Asks for a text, in answer to ``message``; only what ``person`` replies to that very question is it."""
        await self._store.begin(TEXT, {"wants": wants, "prompts": [message.update_id], **details}, user=person.id)
        return said(f"{ask_for} Reply to this message.")

    async def _change_fact(self, person: Person, message: Message, text: str) -> Reply:
        """/hours, /closed and /phone: with a text the change itself, without one what holds and a question."""
        fact, clinic = message.action, self._reloader.current().content.clinic
        if text:
            entry, made = edits.change_fact(fact, text, self._find_today(message))
            return await self.proposals.propose(person, edits=made, entry=entry)
        reply = await self._wait_for(person, message, fact, wording.ask_for_fact(fact, clinic))
        closed = clinic.closed if fact == "closed" else ()
        rows = column(button(0, f"open:{at}", f"Open again: {line}") for at, line in enumerate(closed))
        return Reply(reply.blocks, rows)

    def _find_today(self, message: Message) -> date:
        return message.now.astimezone(ZoneInfo(self._reloader.current().content.clinic.timezone)).date()

    async def _undo(self, person: Person, text: str, message_id: str = "") -> Reply:
        number = _read_number(text)
        self._reloader.history.get(number)
        return await self.proposals.propose(person, undoes=number, message_id=message_id)


def _read_number(text: str) -> int:
    digits = text.strip().lstrip("#")
    if not digits.isdigit():
        raise edits.NotPossible("Which change? Write its number, such as /show 17. /history lists them.")
    return int(digits)
