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
GUESSES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Missed utterances that say the same, the oldest first."""

    subject: str
    rows: tuple[MissedRow, ...]

    @property
    def utterances(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(" ".join(row.utterance.split()) for row in self.rows))


def grouped(rows: Sequence[MissedRow]) -> list[Group]:
    """Equal but for case, signs and spaces is the same question."""
    found: dict[str, list[MissedRow]] = {}
    for row in rows:
        said = " ".join(words(row.utterance)) or row.utterance
        # A hash: words of patients stay in one table, where they are deleted after 30 days.
        found.setdefault(hashlib.sha256(said.encode()).hexdigest()[:32], []).append(row)
    return [Group(subject, tuple(rows)) for subject, rows in found.items()]


class Learning:
    def __init__(self, store: StaffStore, current: Callable[[], Assistant]) -> None:
        self._store = store
        self._current = current

    async def news(self) -> list[Reply]:
        """Messages about questions that were not shown yet, a few at once."""
        known = await self._store.subjects(KIND)
        groups = [group for group in grouped(await self._store.missed()) if group.subject not in known]
        return [await self._begin(group) for group in groups[:MOST_AT_ONCE]]

    async def _begin(self, group: Group) -> Reply:
        guesses = self.guesses(group)
        details = {"rows": [row.id for row in group.rows], "guesses": guesses}
        step = await self._store.begin(KIND, details, subject=group.subject)
        return self.question(step, group)

    def guesses(self, group: Group) -> list[str]:
        """The three most likely entries; one that was just called not helpful comes last if at all."""
        content = self._current().content
        ranked = [candidate.entry for candidate in self._current().rank(group.utterances[0]).candidates]
        wrong = {entry for row in group.rows if row.reason == "not helpful" for entry in row.candidates}
        likely = [*ranked, *(entry for row in group.rows for entry in row.candidates)]
        order = [entry for entry in dict.fromkeys(likely) if entry in content.entries]
        return sorted(order, key=lambda entry: entry in wrong)[:GUESSES]

    def question(self, step: Step, group: Group, *, replaces: bool = False) -> Reply:
        """The message with its buttons."""
        times = f" ({len(group.rows)} times)" if len(group.rows) > 1 else ""
        reason = group.rows[0].reason
        head = {"not helpful": "👎 The answer did not fit", "not understood": "I could not answer"}.get(
            reason, f"Missed: {reason}"
        )
        entries = self._current().content.entries
        guesses = [
            wording.button(step.id, f"g{at}", entries[entry].question)
            for at, entry in enumerate(step.details["guesses"])
            if entry in entries
        ]
        rows = (
            *wording.column(guesses),
            (wording.button(step.id, "f", "Another answer …"), wording.button(step.id, "n", "New answer …")),
            (wording.button(step.id, "o", "Not for us"), wording.button(step.id, "i", "Ignore")),
        )
        said = "\n".join(f"«{one}»" for one in group.utterances[:5])
        return wording.said(f"{head}{times}:\n{said}\n\nWhere does it belong?", rows, replaces=replaces)

    async def group_of(self, step: Step) -> Group | None:
        """What is left of a step's questions; None when they were erased or dealt with."""
        rows = await self._store.missed(step.details["rows"])
        return Group(step.subject, tuple(rows)) if rows else None
