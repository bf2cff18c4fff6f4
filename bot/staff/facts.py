"""The clinic's facts and single answers, as staff ask for them and change them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.assistant.conversation import Message, Reply
from bot.staff import edits, wording
from bot.staff.editing import Edit
from bot.staff.people import Person
from bot.staff.proposals import Proposals
from bot.staff.reload import Reloader
from bot.store.staff import StaffStore

TEXT = "text"
# The entries that show the clinic's facts; a preview of one that is not there is left out.
HOURS, CONTACT = "clinic-hours", "clinic-contact"


class Facts:
    def __init__(self, store: StaffStore, reloader: Reloader, proposals: Proposals) -> None:
        self._store = store
        self._reloader = reloader
        self._proposals = proposals

    async def wait_for(self, person: Person, message: Message, wants: str, ask_for: str, **details: object) -> Reply:
        """Asks for a text, in answer to ``message``; only what ``person`` replies to that very question is it."""
        await self._store.begin(TEXT, {"wants": wants, "prompts": [message.update_id], **details}, user=person.id)
        return wording.said(f"{ask_for} Reply to this message.")

    def entry(self, said: str) -> Reply:
        """An entry as patients see it, or the likely ones for the words ``said``."""
        assistant = self._reloader.current()
        content = assistant.content
        entry = content.entry(said)
        if entry is None:
            found = [candidate.entry for candidate in assistant.rank(said).candidates[:5]] if said else []
            known = [name for name in found if name in content.entries]
            rows = wording.column(wording.button(0, f"e:{name}", content.entries[name].question) for name in known)
            return wording.said("Which answer?" if rows else "Write /edit and a word of the question.", rows)
        change = wording.button(0, f"c:{entry.id}", "Change the answer")
        add = wording.button(0, f"p:{entry.id}", "Add a way to ask")
        silence = wording.button(0, f"off:{entry.id}", "Silence it")
        return Reply(wording.preview(content, entry.id, datetime.now(UTC)), ((change, add), (silence,)))

    async def hours(self, person: Person, said: str, message: Message) -> Reply:
        if said:
            return await self._propose(person, edits.hours(said.replace(";", "\n")), HOURS)
        now = "\n".join(f"- {line}" for line in self._reloader.current().content.clinic.hours)
        return await self.wait_for(
            person, message, "hours", f"The ordinary week is:\n{now}\n\nSend it anew, a line each."
        )

    async def closed(self, person: Person, said: str, message: Message) -> Reply:
        clinic = self._reloader.current().content.clinic
        if said.lower() in ("today", "tomorrow"):
            today = message.now.astimezone(ZoneInfo(clinic.timezone)).date()
            day = today + timedelta(days=said.lower() == "tomorrow")
            said = f"{day.day} {day:%b} {day.year}"
        if said:
            return await self._propose(person, edits.closed(said), HOURS)
        asked = "When are you closed? Such as 24 Dec, or 24 Dec 12:00 – 3 Jan."
        waits = await self.wait_for(person, message, "closed", asked)
        again = (wording.button(0, f"open:{at}", f"Open again: {line}") for at, line in enumerate(clinic.closed))
        return Reply(waits.blocks, wording.column(again))

    async def open_again(self, person: Person, about: str, message: Message) -> Reply:
        """Takes the closed time number ``about`` out of the list."""
        content = self._reloader.current().content
        closed = content.clinic.closed
        line = closed[int(about)] if about.isdigit() and int(about) < len(closed) else ""
        found = edits.open_again(content, line)
        await self._proposals.propose(person, edits=found, entry=HOURS, message_id=message.message_id)
        return wording.said(wording.WAITING, replaces=True)

    async def phone(self, person: Person, said: str, message: Message) -> Reply:
        if said:
            return await self._propose(person, edits.phone(said), CONTACT)
        phone = self._reloader.current().content.clinic.phone
        return await self.wait_for(
            person, message, "phone", f"The phone is {phone}. Send the new one, with + and country code."
        )

    async def _propose(self, person: Person, found: list[Edit], entry: str) -> Reply:
        await self._proposals.propose(person, edits=found, entry=entry)
        return wording.said(wording.WAITING)
