"""Unknown words led back to the words that the rules know: slips, missing spaces.

Built for safety rather than beauty: a short word is never changed, a real English word never drifts, and each look-up
compares with the few hundred known words of about its length and first letter only, whatever a patient types.
"""

import weakref
from collections.abc import Collection, Iterable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST_SWAPPED = 4  # "nubm": two neighbours swapped, letters all there
SHORTEST_ONE_SLIP = 5  # letters of the known word; below that a neighbour is too often another word
SHORTEST_TWO_SLIPS = 8
SHORTEST_WRONG_START = 6  # a slip in the first letter changes a shorter word too much
LONGEST = 24
SHORTEST_RUN_TOGETHER = 7
LONGEST_RUN_TOGETHER = 40
ENGLISH = Path(__file__).with_name("english-words.txt")
_ONE_LETTER_WORDS = frozenset({"i", "a"})


def english_words() -> frozenset[str]:
    """Common English words of four and more letters, which are no slips for a word of the rules."""
    return frozenset(ENGLISH.read_text("utf-8").split())


class WordList:
    """Many words of which only is asked whether one is there, in a tenth of the memory of a set."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = np.array(sorted(word.encode() for word in words))

    def __contains__(self, word: str) -> bool:
        asked = word.encode("utf-8", "replace")
        at = int(np.searchsorted(self._words, asked))
        return at < len(self._words) and bool(self._words[at] == asked)


class Speller:
    """Known words and how to get back to them; immutable, safe to share between threads.

    ``known`` are the words of the rules; ``real`` are other English words, which stay as they are ("gas" is no slip for
    "was"); ``joints`` are the short words that may stand in a run-together word ("cantfeelmylegs"); ``base`` are the
    words as written in the rules, without their endings, which alone may be two slips away.
    """

    def __init__(
        self, known: Iterable[str], real: Collection[str] = (), joints: Iterable[str] = (), base: Collection[str] = ()
    ) -> None:
        self._known = frozenset(known)
        english = english_words()
        self._real, self._english = frozenset(real), WordList(english)
        self._joints = self._real | frozenset(joints)
        self._by_start: dict[tuple[str, int], list[str]] = {}  # by first letter and length
        self._long_by_start: dict[tuple[str, int], list[str]] = {}  # those that may be two slips away
        self._by_tail: dict[str, list[str]] = {}  # by all letters but the first
        spelled = {*base, *(self._known & english)} if base else self._known  # no slip leads to "lightheadeded"
        for word in sorted(spelled):
            if SHORTEST_SWAPPED <= len(word) <= LONGEST and word.isalpha():
                self._by_start.setdefault((word[0], len(word)), []).append(word)
                if len(word) >= SHORTEST_TWO_SLIPS and (not base or word in base):
                    self._long_by_start.setdefault((word[0], len(word)), []).append(word)
                if len(word) >= SHORTEST_WRONG_START:
                    self._by_tail.setdefault(word[1:], []).append(word)
        # A proxy, as a cache that holds its owner would keep the words of replaced rules for ever.
        self.read = lru_cache(maxsize=10_000)(partial(Speller._read, weakref.proxy(self)))

    def _read(self, word: str) -> tuple[str, ...]:
        """``word`` as known words: itself, its correction, or its parts; ``(word,)`` where nothing is near."""
        if word in self._known or word in self._real or word in self._english:
            return (word,)
        if not word.isalpha() or len(word) < SHORTEST_SWAPPED:
            return (word,)
        if len(single := _without_doubles(word)) < len(word):
            for candidate in (single, *_one_double_fewer(word)):
                if candidate in self._known:
                    return (candidate,)
        if len(word) <= LONGEST and (near := self._nearest(word, 1)):
            return (near,)
        if SHORTEST_RUN_TOGETHER <= len(word) <= LONGEST_RUN_TOGETHER and (parts := self._split(word)):
            return parts
        if SHORTEST_TWO_SLIPS <= len(word) <= LONGEST and (near := self._nearest(word, 2)):
            return (near,)
        return (word,)

    def _nearest(self, word: str, slips: int) -> str:
        """The known word at most ``slips`` away (optimal string alignment), or nothing; ties by the alphabet."""
        lists = self._by_start if slips == 1 else self._long_by_start
        near = [
            (int(distance), known)
            for length in range(len(word) - slips, len(word) + slips + 1)
            for known, distance, _ in process.extract(
                word, lists.get((word[0], length), ()), scorer=OSA.distance, score_cutoff=slips, limit=None
            )
            if len(known) >= SHORTEST_ONE_SLIP or sorted(known) == sorted(word)
        ]
        if near:
            return min(near)[1]
        return min(self._wrong_start(word), default="") if slips == 1 else ""

    def _wrong_start(self, word: str) -> list[str]:
        """Known words that ``word`` becomes by changing, adding or swapping its first letter."""
        swapped = word[1] + word[0] + word[2:]
        found = [*self._by_tail.get(word[1:], ()), *self._by_tail.get(word, ())]
        return [*found, swapped] if swapped in self._by_tail.get(swapped[1:], ()) else found

    def _split(self, word: str) -> tuple[str, ...]:
        """The fewest known words that ``word`` is made of, or nothing."""
        best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - 14), end):
                before, piece = best[start], word[start:end]
                if before is None or (piece not in self._known and piece not in self._joints):
                    continue
                if len(piece) < 2 and piece not in _ONE_LETTER_WORDS:
                    continue
                current = best[end]
                if current is None or len(before) + 1 < len(current):
                    best[end] = (*before, piece)
        found = best[len(word)]
        if found is None or len(found) * 2 > len(word) or not any(len(p) > 2 and p in self._known for p in found):
            return ()
        return found


def _without_doubles(word: str) -> str:
    return "".join(char for index, char in enumerate(word) if index == 0 or char != word[index - 1])


def _one_double_fewer(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(1, len(word)) if word[i] == word[i - 1]]
