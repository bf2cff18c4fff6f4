"""The staff chat: messages and taps are answered here at once; what takes seconds is begun and posted later."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from bot.assistant.asking import ask
from bot.assistant.conversation import Kind, Message, Reply
from bot.delivery.log import log
from bot.errors import BotError, StoreError
from bot.staff import edits, wording
from bot.staff.chat import StaffChat
from bot.staff.editing import Edit
from bot.staff.facts import CONTACT, HOURS, Facts
from bot.staff.learning import KIND as MISSED
from bot.staff.learning import Learning
from bot.staff.people import Person
from bot.staff.proposals import KIND as CHANGE
from bot.staff.proposals import Proposals
from bot.staff.questions import Questions
from bot.staff.reload import News, Reloader
from bot.staff.switches import Notes, Switches
from bot.store.staff import DONE, OPEN, StaffStore, Step
from bot.store.values import Outgoing

TEXT_WAITS: Final = 3600.0
LEARN_SECONDS: Final = 15.0
SHOWN: Final = 10
COMMANDS: Final = frozenset(
    "edit entry hours closed phone off on pause resume history show undo missed reload report help start".split()
)


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
        self.chat = StaffChat(channel, chat, people, notes)
        self._people = people
        self._store = store
        self._reloader = reloader
        self._put = put
        self._report = report
        self._turned_away: dict[str, float] = {}  # when, by user
        self._learning = Learning(store, reloader.current)
        self.proposals = Proposals(store, reloader, self.post)
        self._switches = Switches(notes, reloader)
        self._facts = Facts(store, reloader, self.proposals)
        self._questions = Questions(store, reloader, self._learning, self.proposals, self._facts)

    def is_for(self, message: Message) -> bool:
        return message.channel == self.chat.channel and message.chat == self.chat.id

    async def post(
        self,
        reply: Reply,
        replaced: str = "",
        answers: str = "",
        origin: Mapping[str, str] | None = None,
        chat: str = "",
    ) -> None:
        """Sends something to the staff chat, or another; what can't be stored is logged as not sent."""
        channel, chat = self.chat.channel, chat or self.chat.id
        where = {"message_id": replaced, "answers": answers}
        try:
            self._put([await self._store.post(channel, chat, reply, origin=origin, **where)])
        except StoreError as error:
            log().error("staff could not be told", why=str(error))

    # What runs beside answering

    async def start(self) -> None:
        """Takes up what an earlier run had in hand."""
        if switched_off := await self._switches.start():
            await self.post(switched_off)
        await self.proposals.resume()

    async def learn(self) -> None:
        """Shows staff what nobody could answer, as it comes in."""
        while True:
            with contextlib.suppress(StoreError):
                for reply in () if self.chat.trouble else await self._learning.news():
                    await self.post(reply)
            await asyncio.sleep(LEARN_SECONDS)

    async def told(self, news: News) -> None:
        """An edit of a file went live, was refused, is mended, or changed a file that is not read."""
        verdict = news.verdict
        if news.change:
            live = wording.live(news.change, replaces=False)
            await self.post(Reply(live.blocks + wording.said(wording.editor(verdict.remarks)).blocks, live.buttons))
        elif verdict.is_good:
            await self.post(wording.said(wording.editor(verdict.remarks) or wording.FINE_AGAIN))
        elif not verdict.is_good:
            buttons = wording.column((wording.button(0, "reload", "Look again"),))
            await self.post(wording.said(f"A file was saved. {wording.refusal(verdict)}", buttons))

    # Messages

    async def take(self, message: Message) -> Said:
        """What a member of the staff wrote or tapped. Raises StoreError."""
        person = self._people.get(message.user)
        if person is None:
            return self._turn_away(message)
        if not self.is_for(message):
            return Said(wording.said(wording.ELSEWHERE.format(id=message.chat)))
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

    def _turn_away(self, message: Message) -> Said:
        """Whoever writes is told why nothing comes of it; for talk among people once an hour is enough."""
        if message.kind is Kind.BUTTON:
            return Said(toast=wording.NOT_STAFF.format(user=message.user))
        now = time.monotonic()
        if message.kind is not Kind.COMMAND and now - self._turned_away.get(message.user, -TEXT_WAITS) < TEXT_WAITS:
            return Said()
        self._turned_away[message.user] = now
        if message.user.startswith("-"):
            self.chat.notice_anonymous()
            return Said(wording.said(wording.ANONYMOUS))
        return Said(wording.said(wording.NOT_STAFF.format(user=message.user or "you")))

    async def _command(self, person: Person, message: Message) -> Said:
        rest = message.text.strip()
        match message.action:
            case "edit" | "entry":
                return Said(self._facts.entry(rest))
            case "hours":
                return Said(await self._facts.hours(person, rest, message))
            case "closed":
                return Said(await self._facts.closed(person, rest, message))
            case "phone":
                return Said(await self._facts.phone(person, rest, message))
            case "off" | "on" | "pause" | "resume":
                return Said(await self._switches.turn(message.action, rest))
            case "history":
                return self._history()
            case "show":
                return self._show(rest)
            case "undo":
                return await self._undo(person, rest, "")
            case "missed":
                for reply in await self._learning.news():
                    await self.post(reply)
                return Said(await self._questions.count())
            case "reload":
                self._reloader.ask()
                return Said(wording.said("Looking at the files again."))
            case "report":
                text, origin = await self._report()
                await self.post(wording.said(text), origin=origin)
                return Said()
        return Said(wording.said(wording.HELP))

    async def _text(self, person: Person, message: Message) -> Said:
        if message.kind is Kind.UNREADABLE:
            return Said(wording.said(wording.ONLY_TEXT))
        if message.text.startswith("/"):  # no command of ours, or a slip in one
            typed = message.text[1:].partition(" ")[0].lower()
            if near := get_close_matches(typed, COMMANDS, 1, 0.75):
                return Said(wording.said(wording.NEAR.format(typed=typed, near=near[0])))
            if message.chat.startswith("-"):
                return Said()
        step = await self._store.awaited(message, time.time() - TEXT_WAITS)
        if step is None:
            return await self._as_a_patient(message)
        if not await self._store.take(step.id, OPEN, DONE):
            return Said(wording.said(wording.OVER))
        try:
            return await self._typed(person, step, message.text)
        except BotError:
            # What is wrong is said in answer to the text; the next try may reply to that as well.
            again = {**step.details, "prompts": [*step.details["prompts"], message.update_id]}
            await self._store.save(step.id, again, OPEN)
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
        made: list[Edit] = []
        entry, rows, asked = "", [], 0
        match details["wants"]:
            case "answer":
                entry = details["entry"]
                made = edits.answer(entry, text)
            case "phrasing":
                made = edits.learn(content, details["entry"], [text])
            case "hours":
                made, entry = edits.hours(text), HOURS
            case "closed":
                made, entry = edits.closed(text), HOURS
            case "phone":
                made, entry = edits.phone(text), CONTACT
            case "search":
                return Said(await self._questions.found(int(details["asked"]), text))
            case "new":
                rows, asked = details["rows"], details["asked"]
                found = await self._store.missed(rows)
                entry, made = edits.new_entry(content, text, [row.utterance for row in found])
        await self.proposals.propose(person, edits=made, entry=entry, rows=rows, asked=asked, typed=step)
        return Said(wording.said(wording.WAITING))

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
            return Said(await self._questions.tap(person, step, verb, message))
        return Said(toast=wording.OVER)

    async def _plain_tap(self, person: Person, verb: str, message: Message) -> Said:
        """Buttons that need no step: what they are about stands in them."""
        what, _, about = verb.partition(":")
        match what:
            case "e":
                return Said(self._facts.entry(about))
            case "c":
                return Said(await self._facts.wait_for(person, message, "answer", "Send the new answer.", entry=about))
            case "p":
                return Said(
                    await self._facts.wait_for(person, message, "phrasing", "Send the words of a patient.", entry=about)
                )
            case "off" | "on" | "resume":
                return Said(await self._switches.turn(what, about, replaces=what != "off"))
            case "open":
                return Said(await self._facts.open_again(person, about, message))
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


def _number(said: str) -> int:
    digits = said.strip().lstrip("#")
    if not digits.isdigit():
        raise edits.NotPossible("Which change? Write its number, such as /show 17. /history lists them.")
    return int(digits)
