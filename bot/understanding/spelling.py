"""Unknown words led back to known ones: slips of the thumb, missing spaces. Runs before everything, the encoder too.

Built for safety rather than beauty: a short word is never changed, a real English word never drifts, and each look-up
compares with the few known words of about its length and first letter only, whatever somebody types.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.understanding.vocabulary import stem

SHORTEST_SWAPPED = 4  # "nubm": two neighbours swapped, letters all there
SHORTEST_ONE_SLIP = 5  # letters of the known word; below that a neighbour is too often another word
SHORTEST_TWO_SLIPS = 8
SHORTEST_STEM = (
    5  # letters that two words share to be forms of one ("incontinence", "incontinent"; not "weekness", "week")
)
SHORTEST_WRONG_START = 6  # a slip in the first letter changes a shorter word too much
LONGEST = 24
SHORTEST_RUN_TOGETHER = 7
LONGEST_RUN_TOGETHER = 40
_ONE_LETTER_WORDS = frozenset({"i", "a"})
# Short words that people run together with others ("cantfeelmylegs").
_JOINTS = frozenset(
    "i a my the to in on of at it is am im cant dont no not can up and or me he she his her we you do does did was has "
    "have had for if so how go get got".split()
)
_ENDINGS = ("s", "es", "ed", "ing", "er", "est", "ly", "y", "ers", "ings")
_DOUBLES_ITS_END = re.compile("[^aeiou]{0,2}[aeiou][^aeiouwxy]")


class Speller:
    """Known words and how to get back to them; immutable, safe to share between threads.

    ``known``: words that a slip may be led to, those that the content uses. ``real``: other English words, which stay
    as they are ("gas" is no slip for "was").
    """

    def __init__(self, known: Iterable[str], real: Collection[str] = ()) -> None:
        self._count = Counter(known)
        self._known = frozenset(self._count)
        self._real = frozenset(real)
        self._stems = frozenset(map(stem, self._known))
        self._by_start: dict[tuple[str, int], list[str]] = {}
        self._by_tail: dict[str, list[str]] = {}  # by all letters but the first
        for word in sorted(self._known):
            if SHORTEST_SWAPPED <= len(word) <= LONGEST and word.isalpha():
                self._by_start.setdefault((word[0], len(word)), []).append(word)
                if len(word) >= SHORTEST_WRONG_START:
                    self._by_tail.setdefault(word[1:], []).append(word)
        self.correct = lru_cache(maxsize=10_000)(self._correct)

    def _correct(self, word: str) -> str:
        """``word`` (lower case, no apostrophe) as known words: itself, its correction, or its parts with spaces."""
        if not word.isalpha() or len(word) < SHORTEST_SWAPPED or self._is_real(word):
            return word
        for candidate in _with_fewer_doubles(word):
            if candidate in self._known:
                return candidate
        if halves := self._halves(word):  # before a slip: "overdone" is no "overdose"
            return " ".join(halves)
        if len(word) <= LONGEST and (near := self._nearest(word, 1)):
            return near
        if SHORTEST_RUN_TOGETHER <= len(word) <= LONGEST_RUN_TOGETHER and (parts := self._split(word)):
            return " ".join(parts)
        if SHORTEST_TWO_SLIPS <= len(word) <= LONGEST and (near := self._nearest(word, 2)):
            return near
        return word

    def _is_real(self, word: str) -> bool:
        """Whether ``word`` or what it is a form of is known: "teeing" is no slip for "peeing"."""
        root = stem(word)
        if len(root) >= SHORTEST_STEM and root in self._stems:
            return True
        return any(base in self._known or base in self._real for base in _bases(word))

    def _nearest(self, word: str, slips: int) -> str:
        """The known word at most ``slips`` away (optimal string alignment), or nothing; ties go to the commoner word."""
        near = [
            (int(distance), -self._count[known], known)
            for length in range(len(word) - slips, len(word) + slips + 1)
            for known, distance, _ in process.extract(
                word, self._by_start.get((word[0], length), ()), scorer=OSA.distance, score_cutoff=slips, limit=None
            )
            if len(known) >= (SHORTEST_ONE_SLIP if slips == 1 else SHORTEST_TWO_SLIPS) or sorted(known) == sorted(word)
        ]
        if near:
            return min(near)[2]
        return min(self._wrong_start(word), default="") if slips == 1 else ""

    def _wrong_start(self, word: str) -> list[str]:
        """Known words that ``word`` becomes by changing, adding or swapping its first letter."""
        swapped = word[1] + word[0] + word[2:]
        found = [*self._by_tail.get(word[1:], ()), *self._by_tail.get(word, ())]
        return [*found, swapped] if swapped in self._by_tail.get(swapped[1:], ()) else found

    def _halves(self, word: str) -> tuple[str, ...]:
        """Two longer known words that ``word`` is made of, or nothing."""
        cuts = range(SHORTEST_SWAPPED, len(word) - SHORTEST_SWAPPED + 1)
        return next(((word[:at], word[at:]) for at in cuts if {word[:at], word[at:]} <= self._known), ())

    def _split(self, word: str) -> tuple[str, ...]:
        """The fewest known words that ``word`` is made of, or nothing."""
        best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - LONGEST), end):
                before, part = best[start], word[start:end]
                if before is None or not self._may_be_joined(part):
                    continue
                if len(before) > 1 and len(before[-1]) == 1 and part not in _JOINTS:
                    continue  # "agon|i|sing"; "since|i|cant"
                parts = (*before, part)
                if best[end] is None or len(parts) < len(best[end] or ()):
                    best[end] = parts
        parts = best[-1] or ()
        # Of short words nearly anything can be made; one long word must be among them.
        return parts if len(parts) > 1 and max(map(len, parts)) >= SHORTEST_SWAPPED else ()

    def _may_be_joined(self, part: str) -> bool:
        if len(part) == 1:
            return part in _ONE_LETTER_WORDS
        return part in _JOINTS or (len(part) >= 3 and part in self._known)


def _bases(word: str) -> Iterator[str]:
    """``word``, and what it may be an inflected form of, by the rules of English spelling."""
    yield word
    if word[-1] != "s":
        yield word + "s"
    for ending in _ENDINGS:
        base = word.removesuffix(ending)
        if not 3 <= len(base) < len(word):
            continue
        if ending[0] == "s" or not _DOUBLES_ITS_END.fullmatch(base):  # "cut" makes "cutting", "cuting" is a slip
            yield base
        if ending[0] != "s":
            yield base + "e"
            if base[-1] == base[-2]:
                yield base[:-1]
        if base[-1] == "i":
            yield base[:-1] + "y"


def _with_fewer_doubles(word: str) -> Iterable[str]:
    """``word`` with every doubled letter single, then with one double fewer: "nummb", "legss"."""
    single = "".join(char for at, char in enumerate(word) if at == 0 or char != word[at - 1])
    if len(single) < len(word):
        yield single
        for at in range(1, len(word)):
            if word[at] == word[at - 1]:
                yield word[:at] + word[at + 1 :]
