"""A message as the rules read it: words without fillers, where each stands, where thoughts end."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

# How strongly the text breaks before a word. Distances between signs are counted in words; a break counts as several.
NONE, COMMA, STOP, QUESTION = range(4)
_PLACES = (1, 2, 4, 6)
LONG_ENOUGH = 60  # words, before repetition is left out
RECENT = 16

_PIECE = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|\.{2,}|[.!;\n…]+|\?[?!.]*|[,:()–—/&+\"]|-+")
_SHORTHAND = {
    "b4": "before", "w8": "wait", "gr8": "great", "l8": "late", "2day": "today", "2nite": "tonight",
    "2moro": "tomorrow", "2nd": "second", "1st": "first", "3rd": "third", "4eva": "forever", "any1": "anyone", "some1": "someone",
    "c0ck": "cock",
}  # fmt: skip
_SHORTHAND_AT = re.compile(r"\b(" + "|".join(_SHORTHAND) + r")\b")
# "in '98", half a life ago; a later year may be part of what is now.
_SHORT_YEAR_AT = re.compile(r"(?<![\w'])'([5-9]\d)\b(?!')")
_NUMBERS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {word: 10 * tens for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_NUMBERS |= {"hundred": 100, "dozen": 12, "couple": 2, "fourty": 40}
# "can not", "do not" as one word, so that the rules need one form.
_JOINED_WITH_NOT = {
    "can": "cant", "do": "dont", "does": "doesnt", "did": "didnt", "is": "isnt", "are": "arent", "was": "wasnt",
    "were": "werent", "have": "havent", "has": "hasnt", "had": "hadnt", "will": "wont", "would": "wouldnt",
    "could": "couldnt", "should": "shouldnt", "am": "aint",
}  # fmt: skip


_MERELY = frozenset({"just", "merely", "simply", "solely"})


class Spelling(Protocol):
    def read(self, word: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Fillers:
    """Words that carry no sign (``silent``), and those among them that name a person (``owners``: my, his, mum's)."""

    silent: frozenset[str]
    owners: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """The words that count, in order, with what stands between them. All lists have the same length."""

    words: list[str]
    values: list[float | None]  # a number's value: "39.5", "twenty"
    places: list[int]  # position in words, breaks counted in
    breaks: list[int]  # break before the word
    owned: list[str]  # "my", "his" … where it stands directly before, else empty
    sentences: list[int]
    asks: list[bool]  # by sentence: whether it ends in a question mark

    def text(self, mask: int) -> str:
        """The words of a match, for people."""
        return " ".join(word for index, word in enumerate(self.words) if mask >> index & 1)


def read(normal: str, spelling: Spelling, fillers: Fillers, same: Mapping[str, str]) -> Reading:
    """A normalised text as a ``Reading``; ``same`` leads variants to one form (``im`` to ``i``). Takes linear time."""
    if any(char.isdigit() for char in normal):
        normal = _SHORTHAND_AT.sub(lambda match: _SHORTHAND[match.group()], normal)
        normal = _SHORT_YEAR_AT.sub(r"19\1", normal)
    reading = Reading([], [], [], [], [], [], [])
    writer = _Writer(reading, fillers)
    for piece in _PIECE.findall(normal):
        first = piece[0]
        if first.isalpha():
            word = _without_apostrophe(piece)
            word = same.get(word, word)
            for part in spelling.read(word):
                for final in same.get(part, part).split():
                    writer.word(final)
        elif first.isdigit():
            writer.word(piece, _value(piece))
        elif first == "?":
            writer.stop(QUESTION)
        elif piece not in {"-", '"', "("}:  # an opening mark or a hyphen parts nothing
            # Two dots and more are a breath, not an end: "my foot.. it's numb".
            writer.stop(STOP if first in ".!;\n" and not piece.startswith("..") else COMMA)
    writer.finish()
    return reading


def _without_apostrophe(word: str) -> str:
    if "'" not in word:
        return word
    head, _, tail = word.partition("'")
    return head + tail if head.endswith("n") and tail == "t" else head


def _value(piece: str) -> float | None:
    try:
        return float(piece.replace(",", "."))
    except ValueError:
        return None


class _Writer:
    """Puts words into a ``Reading`` one by one."""

    def __init__(self, reading: Reading, fillers: Fillers) -> None:
        self._to, self._fillers = reading, fillers
        self._place = 0
        self._break = NONE
        self._owned = ""
        self._sentence = 0
        self._last = ""  # last word typed, fillers included

    def stop(self, strength: int) -> None:
        if strength >= STOP and self._to.words and self._break < STOP:
            self._sentence += 1
            self._to.asks.append(strength == QUESTION)
        self._break = max(self._break, strength)
        if strength >= STOP:
            self._owned = ""

    def word(self, word: str, value: float | None = None) -> None:
        to, before = self._to, self._last
        if word == "not" and self._break == NONE and self._last in _JOINED_WITH_NOT:
            joined = _JOINED_WITH_NOT[self._last]
            self._last = joined
            if to.words and _JOINED_WITH_NOT.get(to.words[-1]) == joined:
                to.words[-1] = joined
                return
            word = joined
        else:
            self._last = word
        if self._last in _MERELY and before == "not" and self._break == NONE:
            word = "only"  # "not just pain, numb too" denies no pain
        if value is None and word in _NUMBERS:
            value = float(_NUMBERS[word])
            tens = to.values[-1] if to.values and self._break == NONE else None
            if tens is not None and tens >= 20 and tens % 10 == 0 and 0 < value < 10 and tens < 100:
                to.values[-1] = tens + value
                return
        if word in self._fillers.owners:
            self._owned = word
        if word in self._fillers.silent or self._is_repetition(word):
            return
        self._place += _PLACES[self._break]
        to.words.append(word)
        to.values.append(value)
        to.places.append(self._place)
        to.breaks.append(self._break)
        to.owned.append(self._owned)
        to.sentences.append(self._sentence)
        self._break, self._owned = NONE, ""

    def _is_repetition(self, word: str) -> bool:
        """Whether ``word`` has just stood there again and again ("🦵🦵🦵🦵 …"), so that once more says nothing new."""
        words = self._to.words
        return len(words) >= LONG_ENOUGH and words[-RECENT:].count(word) >= RECENT // 4

    def finish(self) -> None:
        self._to.asks.extend([False] * (self._sentence + 1 - len(self._to.asks)))
