"""What an edit changes for patients: which messages would now get another reply."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from bot.assistant import Assistant
from bot.assistant.asking import ask
from bot.assistant.conversation import Outcome
from bot.content import Content


@dataclass(frozen=True, slots=True)
class Shown:
    """What one message gets: ``what`` in a word, ``entries`` answered or suggested, ``alarm`` level and rule."""

    what: str
    entries: tuple[str, ...] = ()
    alarm: str = ""

    def is_like(self, other: Self) -> bool:
        """Whether a patient is led to the same: the first button counts, the order of those behind it does not."""
        return (self.what, self.entries[:1], self.alarm) == (other.what, other.entries[:1], other.alarm)

    def words(self, content: Content) -> str:
        """As staff read it."""
        names = " / ".join(f"“{entry.question}”" for one in self.entries if (entry := content.entry(one)))
        said = {"answer": names, "suggest": f"did you mean {names}?", "nothing": "“I do not know”"}.get(
            self.what, self.what
        )
        return f"{self.alarm}{', then ' + said if self.entries else ''}" if self.alarm else said


@dataclass(frozen=True, slots=True)
class Difference:
    """One message that would now get another reply. ``source``: test, missed, or red flag (a line of a rule)."""

    utterance: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"«{self.utterance}»: {self.before} → {self.after}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


def shown(assistant: Assistant, utterance: str, now: datetime) -> Shown:
    """What a fresh conversation would show for ``utterance``."""
    turn = ask(assistant, utterance, now)
    top = turn.screening.top if turn.screening else None
    alarm = f"{top.level.value} {top.rule}" if top else ""
    if turn.outcome is Outcome.DISAMBIGUATION:
        return Shown("suggest", tuple(candidate.entry for candidate in turn.suggestions), alarm)
    if turn.entry:
        return Shown("answer", (turn.entry,), alarm)
    return Shown("nothing" if turn.outcome is Outcome.FALLBACK else turn.outcome.value.replace("_", " "), (), alarm)


def leads_alike(old: Content, new: Content) -> bool:
    """Whether every message leads where it led: all that differs is the clinic's facts and what is said beside answers."""
    return replace(old, clinic=new.clinic, phrases=new.phrases, version=new.version) == new


def tests(content: Content) -> set[str]:
    """Messages that the content itself says must reach an entry."""
    return {utterance for test in content.utterances for utterance in test.utterances}


def red_flag_lines(content: Content) -> set[str]:
    """Messages that must raise an alarm, or must not."""
    return {line for page in content.red_flags.pages for line in (*page.must_raise, *page.must_stay_quiet)}


def alarm(assistant: Assistant, utterance: str) -> str:
    """The verdict of the screening in few words."""
    top = assistant.find_red_flag(utterance).top
    return f"{top.level.value} {top.rule}" if top else "no alarm"


def differences(old: Assistant, new: Assistant, missed: Iterable[str], now: datetime) -> Iterator[Difference]:
    """Known and recently missed messages that would now get another reply, those of red flags first.

    Of a red flag's lines only the alarm counts: what is answered beside it is of no interest there. Of a known message,
    whose own entry is shown in any case, the later buttons do not count: one new phrasing moves dozens of them.
    """
    if old.content.red_flags != new.content.red_flags:
        for line in sorted(red_flag_lines(old.content) | red_flag_lines(new.content)):
            if (was := alarm(old, line)) != (now_is := alarm(new, line)):
                yield Difference(line, was, now_is, "red flag")
    recent = set(missed)
    for utterance in sorted(recent) + sorted((tests(old.content) | tests(new.content)) - recent):
        before, after = shown(old, utterance, now), shown(new, utterance, now)
        source = "missed" if utterance in recent else "test"
        if before != after and not (source == "test" and before.is_like(after)):
            yield Difference(utterance, before.words(old.content), after.words(new.content), source)
