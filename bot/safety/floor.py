"""The floor: the phrases of the red-flag pages, heard whatever the model says.

A phrase's words must stand one after the other, with at most one other word between; words are compared by stems, and
"my", "the" … don't count. The two sides of ``near`` stand within a few words of each other in one sentence.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from bot.content.red_flags import RedFlag, groups
from bot.safety.negation import Scopes
from bot.understanding import Parsed, read_plainly

NEAR_WORDS: Final = 6  # words between the two sides of a `near`
LONGEST: Final = 12  # words of one wording, those between them included; where to begin to look for a neighbour
_SILENT: Final = frozenset(
    "my the a an his her their our your its i he she of really very so just quite bit is are am be been".split()
)
_SHORT_ENOUGH: Final = 8  # words of a message that may complete what an earlier one began

Wording = tuple[str, ...]
Place = tuple[int, ...]  # the words of a wording, in their order
Sides = dict[int, dict[int, list[Place]]]  # phrase, side: where it stands


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that was met. ``is_alone``: enough by itself. ``is_supposed``: asked about or supposed, not reported."""

    rule: str
    phrase: str
    is_alone: bool = False
    is_supposed: bool = False


@dataclass(frozen=True, slots=True)
class _Phrase:
    rule: str
    text: str
    is_alone: bool
    sides: tuple[tuple[Wording, ...], ...]

    def half(self, side: int) -> str:
        """What is kept of one side for an hour: no words of anybody, and the same after the other phrases are edited."""
        return f"{self.rule}/{zlib.crc32(self.text.encode()):08x}/{side}"


@dataclass(frozen=True, slots=True)
class FloorHearing:
    """What the floor met in one message. ``denied``: phrases that a negation took back, for whoever asks why.
    ``halves``: sides of a `near` of which the other was not said, as ``"page/phrase/side"``."""

    hits: tuple[Hit, ...] = ()
    denied: tuple[Hit, ...] = ()
    halves: tuple[str, ...] = ()


class Floor:
    """The phrases of all pages, compiled. Immutable."""

    def __init__(self, pages: Iterable[RedFlag]) -> None:
        self._phrases: list[_Phrase] = []
        self._emergencies: set[str] = set()
        # Phrase and side of each wording, by its first two words that count; the second is empty where there is one.
        self._by_words: dict[tuple[str, str], list[tuple[int, int, Wording]]] = {}
        for page in pages:
            if page.level == "emergency":
                self._emergencies.add(page.id)
            for name, _, text in page.phrases():
                self._add(_Phrase(page.id, text, name == "alone", _compiled(text)))

    def _add(self, phrase: _Phrase) -> None:
        number = len(self._phrases)
        self._phrases.append(phrase)
        for side, wordings in enumerate(phrase.sides):
            for wording in dict.fromkeys(wordings):
                first, second, *_ = (*wording, "")
                self._by_words.setdefault((first, second), []).append((number, side, wording))

    def listen(self, parsed: Parsed, earlier: Iterable[str] = ()) -> FloorHearing:
        """The phrases in ``parsed``. ``earlier``: halves that messages of the last hour left open."""
        counting = [at for at, word in enumerate(parsed.words) if word not in _SILENT]
        stems = [parsed.stems[at] for at in counting]
        sides: Sides = {}
        for first, one in enumerate(stems):
            seconds = dict.fromkeys(("", *stems[first + 1 : first + 3]))
            candidates = chain.from_iterable(self._by_words.get((one, second), ()) for second in seconds)
            for number, side, wording in candidates:
                if found := _find(stems, first, wording):
                    place = tuple(counting[word] for word in found)
                    if _is_one_sentence(parsed, place[0], place[-1]):
                        sides.setdefault(number, {}).setdefault(side, []).append(place)
        return self._judged(parsed, sides, set(earlier))

    def _judged(self, parsed: Parsed, sides: Sides, earlier: set[str]) -> FloorHearing:
        scopes = Scopes(parsed.stems, parsed.breaks)
        is_short = len(parsed.words) <= _SHORT_ENOUGH
        hits: list[Hit] = []
        denied: list[Hit] = []
        halves: list[str] = []
        for number in sorted(sides):
            phrase, found = self._phrases[number], sides[number]
            places = list(_places(parsed, found, len(phrase.sides)))
            true = [place for place in places if not scopes.is_denied(place)]
            if true:
                is_supposed = all(scopes.is_supposed(place) for place in true)
                hits.append(Hit(phrase.rule, phrase.text, phrase.is_alone, is_supposed))
            elif places:
                denied.append(Hit(phrase.rule, phrase.text))
            elif len(phrase.sides) == 2 and phrase.rule in self._emergencies and len(found) == 1:
                side = next(iter(found))
                if any(not scopes.is_denied(place) for place in found[side]):
                    halves.append(phrase.half(side))
                    if is_short and phrase.half(1 - side) in earlier:
                        hits.append(Hit(phrase.rule, f"{phrase.text} (with an earlier message)"))
        return FloorHearing(tuple(hits), tuple(denied), tuple(halves))


def _compiled(text: str) -> tuple[tuple[Wording, ...], ...]:
    return tuple(tuple(wording for said in side if (wording := compile_wording(said))) for side in groups(text))


def compile_wording(said: str) -> Wording:
    """The stems that count in a wording; all of them where none would be left."""
    parsed = read_plainly(said)
    counting = tuple(one for word, one in zip(parsed.words, parsed.stems, strict=True) if word not in _SILENT)
    return counting or parsed.stems


def _find(stems: Sequence[str], first: int, wording: Wording) -> list[int]:
    """Where the words of ``wording`` stand that begins at ``first``, one word between allowed; nothing if it does not."""
    found = [first]
    for wanted in wording[1:]:
        at = next((at for at in (found[-1] + 1, found[-1] + 2) if stems[at : at + 1] == [wanted]), None)
        if at is None:
            return []
        found.append(at)
    return found


def _places(parsed: Parsed, found: dict[int, list[Place]], sides: int) -> Iterator[Place]:
    """Where a phrase of so many ``sides`` stands whole."""
    if sides == 1:
        yield from found.get(0, ())
        return
    rights = sorted(found.get(1, ()))
    for left in found.get(0, ()):
        start = bisect_left(rights, (left[0] - NEAR_WORDS - LONGEST,))
        for right in rights[start:]:
            if right[0] > left[-1] + NEAR_WORDS + 1:
                break
            between = max(left[0], right[0]) - min(left[-1], right[-1]) - 1
            if between <= NEAR_WORDS and _is_one_sentence(parsed, min(left[0], right[0]), max(left[-1], right[-1])):
                yield left + right


def _is_one_sentence(parsed: Parsed, first: int, last: int) -> bool:
    return not any(mark in ".?" for mark in parsed.breaks[first + 1 : last + 1] if mark)
