"""Words made comparable: stems, and unknown words led back to known ones.

Used by matching and by screening. Nothing here knows about backs; what counts as known is given by the caller.
"""

import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial

import Stemmer
from rapidfuzz import process
from rapidfuzz.distance import OSA

# A word of fewer letters is never changed: at three letters every word is one slip away from many others.
SHORTEST_CORRECTED = 4
# From this many letters two slips are allowed (measured: +1.5 points of first right against one slip everywhere).
TWO_SLIPS_FROM = 7
# From this many letters the first one may differ too ("kiropractor").
ANY_START_FROM = 9
# A word longer than this is no word; comparing it would only cost time.
LONGEST_CORRECTED = 24
# Both halves of a word typed without its space must be at least this long ("icepack" gives "ice pack").
SHORTEST_HALF = 3


class _Stemming(threading.local):
    """A stemmer for each thread: one holds the word it is at."""

    def __init__(self) -> None:
        self.stemmer = Stemmer.Stemmer("english", 0)


_STEMMING = _Stemming()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Stem of one lower-case word (Porter 2): ``stretches``, ``stretching`` give ``stretch``. Any string is allowed."""
    return str(_STEMMING.stemmer.stemWord(word))


class Vocabulary:
    """Known words with how often each was seen; immutable, so that threads may share it.

    ``words`` are what a typed word may be led to; ``real`` are words that stay as they are although they were never
    seen ("hard" is not a slip for "card").
    """

    def __init__(self, words: Mapping[str, int] | Iterable[str], real: Iterable[str] = ()) -> None:
        self._count: Counter[str] = Counter(words)
        self._real = frozenset(real)
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(self._count):
            if len(word) >= SHORTEST_CORRECTED:
                self._by_length.setdefault(len(word), []).append(word)
        self._within: dict[tuple[int, int], list[str]] = {}
        # A proxy, as a cache that holds its owner would keep the words of replaced content for ever.
        self.correct = lru_cache(maxsize=10_000)(partial(Vocabulary._correct, weakref.proxy(self)))

    def __contains__(self, word: object) -> bool:
        return word in self._count or word in self._real

    def __len__(self) -> int:
        return len(self._count)

    def _correct(self, word: str) -> str:
        """The known word nearest to ``word``; two known words with a space if one was left out; else ``word`` itself.

        Nearest by optimal string alignment distance (insert, drop, change, swap neighbours): at most 1, from 7 letters
        2, and the first letter must agree where the word is short or two slips are made. Ties go to the commoner word.
        """
        if word in self or not SHORTEST_CORRECTED <= len(word) <= LONGEST_CORRECTED or not word.isalpha():
            return word
        near = self._near(word, 2 if len(word) >= TWO_SLIPS_FROM else 1)
        if near and near[0][0] == 1:
            return near[0][-1]
        return self._split(word) or (near[0][-1] if near else word)

    def _near(self, word: str, slips: int) -> list[tuple[int, bool, int, str]]:
        """Known words up to ``slips`` away, best first: distance, begins otherwise, minus how often seen, word."""
        found = process.extract(
            word, self._of_length(len(word), slips), scorer=OSA.distance, processor=None, score_cutoff=slips, limit=None
        )
        is_short = len(word) <= SHORTEST_CORRECTED + 1
        return sorted(
            (distance, known[0] != word[0], -self._count[known], known)
            for known, distance, _ in found
            if known[0] == word[0]
            or (not is_short and (distance == 1 or len(word) >= ANY_START_FROM))
            or sorted(known) == sorted(word)
        )

    def _of_length(self, length: int, slips: int) -> list[str]:
        """Known words whose length is within ``slips`` of ``length``; gathered once, as a long message asks often."""
        if (length, slips) not in self._within:
            lengths = range(length - slips, length + slips + 1)
            self._within[length, slips] = [known for one in lengths for known in self._by_length.get(one, ())]
        return self._within[length, slips]

    def _split(self, word: str) -> str:
        halves = (
            (min(self._count[left], self._count[right]), f"{left} {right}")
            for at in range(SHORTEST_HALF, len(word) - SHORTEST_HALF + 1)
            if (left := word[:at]) in self._count and (right := word[at:]) in self._count
        )
        return max(halves, default=(0, ""))[1]
