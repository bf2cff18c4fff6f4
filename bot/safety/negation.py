"""Negation scope by the published way: ConText (Harkema et al. 2009, J Biomed Inform 42:839) after NegEx (Chapman et al. 2001,
J Biomed Inform 34:301). A trigger reaches to the end of its clause or to a terminating word; a pseudo-trigger reaches
nothing. "can't pee" and "no feeling" are signs, not denials: a trigger that is a word of the phrase denies nothing in it.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bot.understanding.vocabulary import stem

# From the papers' lists, as far as patients use them; one per line of thought, in words as `split_words` gives them.
# A trigger of the first two lists denies what follows it (one of the second all items of a list), of the third what stands
# before it.
_FORWARD: Final = ("not", "never", "ruled out", "rule out")
_LISTING: Final = (
    "no", "without", "nor", "neither", "denies", "deny", "free of", "absence of", "no sign of", "no signs of", "not have", "not had",
    "never had", "negative for", "apart from", "rather than", "instead of", "nothing like",
)  # fmt: skip
_BACKWARD: Final = (
    "unlikely",
    *(f"{verb} {found}" for verb in ("is", "are", "was", "were", "been", "feels")
      for found in ("fine", "normal", "ok", "negative", "ruled out")),
)  # fmt: skip
_PSEUDO: Final = (
    "not only", "not just", "no idea", "not sure", "not certain", "no increase", "no change", "no wonder", "no matter", "not better",
    "no better", "no relief", "no improvement", "not know", "why not", "not to mention", "not help", "not necessarily",
    "no one", "no doubt", "as if", "even if",
)  # fmt: skip
# Hypothetical (ConText): what is asked or supposed in general is answered as a question.
_HYPOTHETICAL: Final = (
    "if", "in case", "can cause", "could cause", "is it a sign", "a sign of", "signs of", "symptom of", "symptoms of", "warning signs",
    "do a", "can a", "could a", "should i worry about", "afraid of", "scared of", "worried about", "read about", "risk of", "prevent",
    "avoid", "watch out for", "look out for", "leaflet",
)  # fmt: skip
# Beside the papers: a question that begins so and names nobody ("does sitting cause numb legs?").
_OPENERS: Final = (
    "is", "are", "can", "could", "do", "would", "what is", "what are", "what do", "what would", "what cause", "whats",
)  # fmt: skip
_TERMINATING: Final = (
    "but", "however", "although", "though", "except", "yet", "still", "because", "since", "which", "aside from", "now", "until", "why",
)  # fmt: skip
_ANSWERS: Final = ("no", "nope", "none", "never", "normal", "fine", "negative", "ruled out")
_MOST_REACHED = 8  # words a trigger reaches at most, counted anew after "or" and a comma; the papers take five
_HARD = frozenset(".?")  # breaks that end a sentence


Table = Mapping[str, Sequence[tuple[str, ...]]]  # phrases in stems by their first word, longest first


def _table(phrases: Sequence[str]) -> Table:
    table: dict[str, list[tuple[str, ...]]] = {}
    for phrase in sorted((tuple(map(stem, phrase.split())) for phrase in phrases), key=len, reverse=True):
        table.setdefault(phrase[0], []).append(phrase)
    return table


FORWARD, LISTING, BACKWARD, PSEUDO, HYPOTHETICAL, OPENERS, TERMINATING, ANSWERS = map(
    _table, (_FORWARD, _LISTING, _BACKWARD, _PSEUDO, _HYPOTHETICAL, _OPENERS, _TERMINATING, _ANSWERS)
)
_OWNERS = frozenset(map(stem, "i my he his she her we our they their you your it".split()))
# A comma before one of these begins a clause of its own; the first of them never follow a "no" that denies.
_SUBJECTS = _OWNERS | frozenset(map(stem, "the this that there also just then both left right cant".split()))
_PERSONS = frozenset(map(stem, "i me my mine he him his she her we us our they them their".split()))
_OR = frozenset(map(stem, ("or", "nor")))


class Scopes:
    """Which words of one message are denied, and which only asked about or supposed."""

    def __init__(self, stems: tuple[str, ...], breaks: Sequence[str]) -> None:
        self._stems, self._breaks = stems, breaks
        self._denied_by: list[set[int]] = [set() for _ in stems]  # for each word, where the words of its triggers stand
        self._supposed: set[int] = set()
        at = 0
        while at < len(stems):
            at += self._mark(at)

    def is_denied(self, words: Iterable[int]) -> bool:
        """Whether a trigger that is none of ``words`` reaches one of them."""
        own = set(words)
        return any(self._denied_by[at] - own for at in own)

    def is_supposed(self, words: Iterable[int]) -> bool:
        return not self._supposed.isdisjoint(words)

    def _mark(self, at: int) -> int:
        """Marks what the trigger at ``at`` reaches; how many words to go on."""
        if length := self._longest(at, PSEUDO):
            return length
        if length := self._longest(at, HYPOTHETICAL) or self._opens_question(at):
            for word in self._clause(at + length):
                if word in self._supposed:
                    break  # by an earlier trigger, to the end of the clause
                self._supposed.add(word)
            return length
        if self._longest(at, BACKWARD) or self._is_answer(at):
            self._deny(self._reach_back(at), at)
        if length := self._longest(at, LISTING):
            self._deny(self._reach(at + length, is_list=True), at)
        elif length := self._longest(at, FORWARD):
            self._deny(self._reach(at + length, is_list=False), at)
        return length or 1

    def _longest(self, at: int, among: Table) -> int:
        """Words of the longest of ``among`` that stands at ``at``; 0 if none does."""
        for phrase in among.get(self._stems[at], ()):
            end = at + len(phrase)
            if self._stems[at:end] == phrase and not any(self._breaks[at + 1 : end]):
                return len(phrase)
        return 0

    def _opens_question(self, at: int) -> int:
        """Words that open a question in general at ``at``, about nobody in particular; 0 if none is opened."""
        length = self._longest(at, OPENERS) if at == 0 or self._breaks[at] else 0
        named = length and any(self._stems[word] in _PERSONS for word in self._clause(at + length))
        return 0 if named else length

    def _is_answer(self, at: int) -> bool:
        """ "fever? no", "stroke ruled out": what ends its clause and denies what was asked or named before it."""
        length = self._longest(at, ANSWERS)
        end = at + length
        is_last = end == len(self._stems) or bool(self._breaks[end])
        return is_last and (length > 1 or (length == 1 and self._breaks[at] in ("?", ":")))

    def _deny(self, reached: Iterable[int], trigger: int) -> None:
        for word in reached:
            self._denied_by[word].add(trigger)

    def _clause(self, start: int) -> Iterator[int]:
        """Words from ``start`` to the end of the clause: a full stop, a contrast or a reason, a comma with a subject behind
        it ("no fever, my foot drags")."""
        for at in range(start, len(self._stems)):
            if self._breaks[at] in _HARD or (self._breaks[at] and self._stems[at] in _SUBJECTS):
                return
            if self._longest(at, TERMINATING):
                return
            yield at

    def _reach(self, start: int, *, is_list: bool) -> list[int]:
        """What a denial reaches that ends before ``start``; at most up to the next one. Over a comma it goes on only in a
        list: "no fever, numbness or weakness" denies all three, "not sleeping, numb foot" one."""
        if start == len(self._stems) or self._breaks[start]:
            return []  # "no, numb foot": an answer
        if self._stems[start - 1] == "no" and self._stems[start] in _OWNERS:
            return []  # the same without its comma
        clause = list(itertools.takewhile(lambda at: not self._is_trigger(at), self._clause(start)))
        is_list = is_list or any(self._stems[at] in _OR for at in clause)
        reached: list[int] = []
        left = _MOST_REACHED
        for at in clause:
            if self._breaks[at] or self._stems[at] in _OR:
                left = _MOST_REACHED
            if left == 0 or (self._breaks[at] and not is_list):
                break
            reached.append(at)
            left -= 1
        return reached

    def _is_trigger(self, at: int) -> bool:
        return bool(self._longest(at, FORWARD) or self._longest(at, LISTING))

    def _reach_back(self, end: int) -> list[int]:
        reached: list[int] = []
        if self._breaks[end] == ".":
            return reached
        for at in range(end - 1, max(-1, end - 1 - _MOST_REACHED), -1):
            if self._longest(at, TERMINATING):
                break
            reached.append(at)
            if self._breaks[at]:
                break
        return reached
