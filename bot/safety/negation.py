"""Negation scope by the published way: ConText (Harkema et al. 2009, J Biomed Inform 42:839) after NegEx (Chapman et al. 2001,
J Biomed Inform 34:301). A trigger reaches to the end of its clause or to a terminating word; a pseudo-trigger reaches
nothing. "can't pee" and "no feeling" are signs, not denials: they are words of the phrase itself, outside any trigger.
"""

from collections.abc import Sequence
from typing import Final

from bot.vocabulary import stem

# From the papers' lists, as far as patients use them; one per line of thought, in words as `split_words` gives them.
# A trigger of the first list denies what follows it, one of the second what stands before it.
_FORWARD: Final = (
    "no", "not", "never", "without", "nor", "neither", "denies", "deny", "free of", "absence of", "rule out",
    "ruled out", "no sign of", "no signs of", "not have", "did not", "do not", "is not", "have not", "never had",
    "negative for", "apart from", "rather than", "instead of", "nothing like",
)  # fmt: skip
_BACKWARD: Final = (
    "ruled out",
    "unlikely",
    "was negative",
    "is negative",
    "were negative",
    "is fine",
    "are fine",
    "normal",
    "is ok",
)
_PSEUDO: Final = (
    "not only", "not just", "no idea", "not sure", "not certain", "no increase", "no change", "no wonder", "no matter", "not better",
    "no better", "no relief", "no improvement", "not know", "why not", "not to mention", "not help", "not necessarily",
    "no one", "no doubt",
)  # fmt: skip
# Hypothetical (ConText): what is asked or supposed in general is answered as a question.
_HYPOTHETICAL: Final = (
    "what if", "if i", "if you", "if it", "if my", "in case", "can it cause", "could it cause", "can this cause",
    "do it cause", "can cause", "could cause", "is it a sign", "a sign of", "signs of", "symptom of", "symptoms of",
    "warning signs", "what is", "what are", "do a", "can a", "can you get", "can back", "can sciatica",
    "should i worry about", "afraid of", "scared of", "worried about", "read about", "risk of", "prevent", "avoid",
    "watch out for", "look out for", "is there a risk", "leaflet",
)  # fmt: skip
_TERMINATING: Final = (
    "but", "however", "although", "though", "except", "yet", "still", "because", "since", "which", "aside from", "now", "until",
)  # fmt: skip
_MOST_REACHED = 8  # words a trigger reaches at most; the papers take five, patients list more


def _stems(phrases: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(stem(word) for word in phrase.split()) for phrase in phrases)


FORWARD, BACKWARD, PSEUDO, HYPOTHETICAL, TERMINATING = map(
    _stems, (_FORWARD, _BACKWARD, _PSEUDO, _HYPOTHETICAL, _TERMINATING)
)
_LONGEST = 4
Span = tuple[int, int]  # words from .. up to


class Scopes:
    """Which words of one message are denied, and which only asked about or supposed."""

    def __init__(self, stems: Sequence[str], breaks: Sequence[str]) -> None:
        self._stems, self._breaks = stems, breaks
        self._denied_by: list[set[int]] = [set() for _ in stems]  # for each word, where its triggers stand
        self._supposed: set[int] = set()
        at = 0
        while at < len(stems):
            at += self._trigger(at)

    def is_denied(self, spans: Sequence[Span]) -> bool:
        """Whether a trigger that is none of the words of ``spans`` reaches one of them."""
        own = {at for start, end in spans for at in range(start, end)}
        return any(self._denied_by[at] - own for at in own)

    def is_supposed(self, spans: Sequence[Span]) -> bool:
        return any(at in self._supposed for start, end in spans for at in range(start, end))

    def _trigger(self, at: int) -> int:
        """Marks what the trigger at ``at`` reaches; how many words to go on."""
        if length := self._longest(at, PSEUDO):
            return length
        if length := self._longest(at, HYPOTHETICAL):
            self._supposed.update(self._reach(at + length, is_sentence=True))
            return length
        if length := self._longest(at, BACKWARD):
            self._deny(self._reach_back(at), at)
        if length := self._longest(at, FORWARD):
            self._deny(self._reach(at + length), at)
            return length
        return 1

    def _longest(self, at: int, among: frozenset[tuple[str, ...]]) -> int:
        """Words of the longest of ``among`` that stands at ``at``; 0 if none does."""
        for length in range(min(_LONGEST, len(self._stems) - at), 0, -1):
            if tuple(self._stems[at : at + length]) in among and not any(self._breaks[at + 1 : at + length]):
                return length
        return 0

    def _deny(self, reached: Sequence[int], trigger: int) -> None:
        for word in reached:
            self._denied_by[word].add(trigger)

    def _reach(self, start: int, *, is_sentence: bool = False) -> list[int]:
        """Words from ``start`` to the end of the clause. A comma ends it unless a list goes on: "no fever, numbness or
        weakness" denies all three, "no fever, my foot drags" one."""
        reached: list[int] = []
        limit = len(self._stems) if is_sentence else min(len(self._stems), start + _MOST_REACHED)
        for at in range(start, limit):
            if self._breaks[at] == "." or (self._longest(at, TERMINATING) and not is_sentence):
                break
            if self._breaks[at] == "," and not is_sentence and self._begins_clause(at):
                break
            reached.append(at)
        return reached

    def _reach_back(self, end: int) -> list[int]:
        reached: list[int] = []
        for at in range(end - 1, max(-1, end - 1 - _MOST_REACHED), -1):
            if self._longest(at, TERMINATING):
                break
            reached.append(at)
            if self._breaks[at]:
                break
        return reached

    def _begins_clause(self, at: int) -> bool:
        return self._stems[at] in _SUBJECTS


# A comma before one of these begins a clause of its own.
_SUBJECTS = frozenset(
    map(stem, "i my he she we they it you his her the this that there also just then both left right".split())
)
