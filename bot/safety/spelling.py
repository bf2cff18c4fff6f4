"""Unknown words led back to the words that the rules know: slips, missing spaces.

Built for safety rather than beauty: a short word is never changed, a real English word never drifts, and each look-up
takes a bounded number of dictionary look-ups whatever a patient types (deletion neighbours, as in SymSpell).
"""

from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from pathlib import Path

SHORTEST_SWAPPED = 4  # "nubm": two neighbours swapped, letters all there
SHORTEST_ONE_SLIP = 5  # letters of the known word; below that a neighbour is too often another word
SHORTEST_TWO_SLIPS = 8
LONGEST = 24
SHORTEST_RUN_TOGETHER = 7
LONGEST_RUN_TOGETHER = 40
ENGLISH = Path(__file__).with_name("english-words.txt")
_ONE_LETTER_WORDS = frozenset({"i", "a"})


@cache
def english_words() -> frozenset[str]:
    """Common English words of four and more letters, which are no slips for a word of the rules."""
    return frozenset(ENGLISH.read_text("utf-8").split())


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
        self._real = (frozenset(real) | english_words()) - self._known
        self._pieces = self._known | frozenset(real) | frozenset(joints)
        self._by_deletion: dict[str, list[str]] = {}
        spelled = {*base, *(self._known & english_words())} if base else self._known  # no slip leads to "lightheadeded"
        for word in sorted(spelled):
            if SHORTEST_SWAPPED <= len(word) <= LONGEST and word.isalpha():
                for shorter in _deletions(word, 2 if len(word) >= SHORTEST_TWO_SLIPS and word in base else 1):
                    self._by_deletion.setdefault(shorter, []).append(word)
        self.read = lru_cache(maxsize=20_000)(self._read)

    def _read(self, word: str) -> tuple[str, ...]:
        """``word`` as known words: itself, its correction, or its parts; ``(word,)`` where nothing is near."""
        if word in self._known or word in self._real or not word.isalpha() or len(word) < SHORTEST_SWAPPED:
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
        best: tuple[int, bool, str] | None = None
        for shorter in _deletions(word, slips):
            for known in self._by_deletion.get(shorter, ()):
                if len(known) < SHORTEST_ONE_SLIP and sorted(known) != sorted(word):
                    continue
                if slips == 2 and (len(known) < SHORTEST_TWO_SLIPS or known[0] != word[0]):
                    continue
                if known[0] != word[0] and (len(known) < 6 or known[1:2] not in word[:2]):
                    continue
                distance = _slips(word, known, slips)
                if distance <= slips and (best is None or (distance, known[0] != word[0], known) < best):
                    best = (distance, known[0] != word[0], known)
        return best[2] if best else ""

    def _split(self, word: str) -> tuple[str, ...]:
        """The fewest known words that ``word`` is made of, or nothing."""
        best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - 14), end):
                before, piece = best[start], word[start:end]
                if before is None or piece not in self._pieces:
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


def _deletions(word: str, count: int) -> set[str]:
    found = {word}
    edge = {word}
    for _ in range(count):
        edge = {text[:i] + text[i + 1 :] for text in edge for i in range(len(text))}
        found |= edge
    return found


def _without_doubles(word: str) -> str:
    return "".join(char for index, char in enumerate(word) if index == 0 or char != word[index - 1])


def _one_double_fewer(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(1, len(word)) if word[i] == word[i - 1]]


def _slips(first: str, second: str, limit: int) -> int:
    """Optimal string alignment distance; ``limit + 1`` where it is larger than ``limit``."""
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before_last: list[int] = []
    last = list(range(len(second) + 1))
    for i, char in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char != other))
            if i > 1 and j > 1 and char == second[j - 2] and first[i - 2] == other:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return min(last[-1], limit + 1)
