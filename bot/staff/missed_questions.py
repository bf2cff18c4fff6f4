"""Questions that nobody could answer reach the staff chat once, equal ones together."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.assistant import Assistant
from bot.assistant.conversation import Reply
from bot.staff import wording
from bot.store.staff import MissedRow, StaffStore, Step
from bot.understanding.text import words

KIND = "missed"
MOST_AT_ONCE = 5
MOST_FOUND = 5
GUESSES = 3
HEADS = {"not helpful": "👎 The answer did not fit", "not understood": "I could not answer"}


@dataclass(frozen=True, slots=True)
class Group:
    """Missed utterances that say the same, the oldest first."""

    subject: str
    rows: tuple[MissedRow, ...]

    @property
    def utterances(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(" ".join(row.utterance.split()) for row in self.rows))

    @property
    def ids(self) -> list[int]:
        return [row.id for row in self.rows]


def group_missed(rows: Sequence[MissedRow]) -> list[Group]:
    """Equal but for case, signs and spaces is the same question."""
    found: dict[str, list[MissedRow]] = {}
    for row in rows:
        said = " ".join(words(row.utterance)) or row.utterance
        # A hash: words of patients stay in one table, where they are deleted after 30 days.
        found.setdefault(hashlib.sha256(said.encode()).hexdigest()[:32], []).append(row)
    return [Group(subject, tuple(rows)) for subject, rows in found.items()]


class MissedQuestions:
    def __init__(self, store: StaffStore, current: Callable[[], Assistant]) -> None:
        self._store = store
        self._current = current

    async def begin_new(self) -> list[Reply]:
        """Messages about questions that were not shown yet, a few at once."""
        known = await self._store.subjects(KIND)
        groups = [group for group in group_missed(await self._store.missed()) if group.subject not in known]
        return [await self._begin(group) for group in groups[:MOST_AT_ONCE]]

    async def _begin(self, group: Group) -> Reply:
        details = {"rows": group.ids, "guesses": self._guess_entries(group)}
        return self.show(await self._store.begin(KIND, details, subject=group.subject), group)

    def _guess_entries(self, group: Group) -> list[str]:
        """The three most likely entries; one that was just called not helpful comes last if at all."""
        ranked = [candidate.entry for candidate in self._current().rank(group.utterances[0]).candidates]
        wrong = {entry for row in group.rows if row.reason == "not helpful" for entry in row.candidates}
        likely = dict.fromkeys([*ranked, *(entry for row in group.rows for entry in row.candidates)])
        order = [entry for entry in likely if entry in self._current().content.entries]
        return sorted(order, key=lambda entry: entry in wrong)[:GUESSES]

    def show(self, step: Step, group: Group, *, replaces: bool = False) -> Reply:
        """The message with its buttons."""
        times = f" ({len(group.rows)} times)" if len(group.rows) > 1 else ""
        head = HEADS.get(group.rows[0].reason, f"Missed: {group.rows[0].reason}")
        entries = self._current().content.entries
        guesses = enumerate(step.details["guesses"])
        rows = (
            *wording.column(
                wording.button(step.id, f"g{at}", entries[entry].question) for at, entry in guesses if entry in entries
            ),
            (wording.button(step.id, "f", "Another answer …"), wording.button(step.id, "n", "New answer …")),
            (wording.button(step.id, "o", "Not for us"), wording.button(step.id, "i", "Ignore")),
        )
        said = "\n".join(f"«{one}»" for one in group.utterances[:5])
        return wording.said(f"{head}{times}:\n{said}\n\nWhere does it belong?", rows, replaces=replaces)

    def find_entries(self, asked: int, text: str) -> Reply:
        """Entries for the words of staff; ``asked`` is the step of the question."""
        entries = self._current().content.entries
        likely = [text.strip(), *(candidate.entry for candidate in self._current().rank(text).candidates)]
        names = [name for name in dict.fromkeys(likely) if name in entries][:MOST_FOUND]
        rows = wording.column(wording.button(asked, f"b:{name}", entries[name].question) for name in names)
        back = wording.button(asked, "q", "Back")
        return wording.said("Which one?" if rows else "Nothing fits those words.", (*rows, (back,)))

    async def find_group(self, step: Step) -> Group | None:
        """What is left of a step's questions; None when they were erased or dealt with."""
        rows = await self._store.missed(step.details["rows"])
        return Group(step.subject, tuple(rows)) if rows else None

    async def count(self) -> str:
        count = len(await self._store.missed())
        waiting = f"{count} question{'s' * (count != 1)} nobody could answer, all shown above."
        return waiting if count else "None is open."
