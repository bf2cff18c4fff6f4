"""What staff do with a question that nobody could answer."""

from bot.assistant.conversation import Message, Reply
from bot.staff import edits, wording
from bot.staff.facts import Facts
from bot.staff.learning import Learning
from bot.staff.people import Person
from bot.staff.proposals import Proposals
from bot.staff.reload import Reloader
from bot.store.staff import DONE, StaffStore, Step

MOST_FOUND = 5


class Questions:
    def __init__(
        self, store: StaffStore, reloader: Reloader, learning: Learning, proposals: Proposals, facts: Facts
    ) -> None:
        self._store = store
        self._reloader = reloader
        self._learning = learning
        self._proposals = proposals
        self._facts = facts

    async def count(self) -> Reply:
        """How many still wait."""
        count = len(await self._store.missed())
        waiting = f"{count} question{'s' * (count != 1)} nobody could answer, all shown above."
        return wording.said(waiting if count else "None is open.")

    async def found(self, asked: int, text: str) -> Reply:
        """Entries for the words of staff; ``asked`` is the step of the question."""
        assistant = self._reloader.current()
        entries = assistant.content.entries
        likely = [text.strip(), *(candidate.entry for candidate in assistant.rank(text).candidates)]
        names = [name for name in dict.fromkeys(likely) if name in entries][:MOST_FOUND]
        rows = wording.column(wording.button(asked, f"b:{name}", entries[name].question) for name in names)
        back = wording.button(asked, "q", "Back")
        return wording.said("Which one?" if rows else "Nothing fits those words.", (*rows, (back,)))

    async def tap(self, person: Person, step: Step, verb: str, message: Message) -> Reply:
        """A button under a question."""
        group = await self._learning.group_of(step)
        if group is None:
            return wording.said(wording.ERASED, replaces=True)
        rows = [row.id for row in group.rows]
        what, _, about = verb.partition(":")
        if what == "f":
            return await self._facts.wait_for(
                person, message, "search", "Send a word of the right question.", asked=step.id
            )
        if what == "n":
            how = "Send the question on the first line, the answer below it, and last “Source: title, publisher”."
            return await self._facts.wait_for(person, message, "new", how, asked=step.id, rows=rows)
        if what == "q":
            return self._learning.question(step, group, replaces=True)
        if what == "i":
            await self._store.deal_with(rows)
            await self._store.save(step.id, {}, DONE)
            return wording.said("Ignored.", replaces=True)
        content = self._reloader.current().content
        if what == "o":
            wanted = edits.not_for_us(content, group.utterances)
        else:
            entry = about if what == "b" else step.details["guesses"][int(what[1:])]
            wanted = edits.learn(content, entry, group.utterances)
        await self._proposals.propose(person, edits=wanted, rows=rows, asked=step.id, message_id=message.message_id)
        return wording.said(wording.WAITING, replaces=True)
