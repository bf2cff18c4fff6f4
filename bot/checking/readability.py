"""Reading grade of an answer.

Used by ``check`` only; the bot itself never measures a text.
"""

import math
import re
from functools import cache

import pyphen

_SENTENCE_END = re.compile(r"[.!?:](?:\s+|$)|\n+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")


@cache
def _hyphenator() -> pyphen.Pyphen:
    return pyphen.Pyphen(lang="en_US")


@cache
def syllables(word: str) -> int:
    """Number of syllables of one English word (at least 1), from pyphen's hyphenation points.

    Hyphenation never splits off a single letter, so a vowel count corrects words such as "anatomy";
    the larger of the two would overcount silent e, so the vowel count drops it first.
    """
    letters = re.sub(r"[^a-z]", "", word.lower())
    if len(letters) <= 3:
        return 1
    trimmed = re.sub(r"(?:[^laeiouy]es|[^tdaeiouy]ed|[^laeiouy]e)$", "", letters)
    groups = len(re.findall(r"[aeiouy]+", trimmed)) or 1
    points = len(_hyphenator().positions(letters)) + 1
    return max(points, groups)


def sentences(text: str) -> list[str]:
    """Sentences of ``text``; a line break ends one too, so that a bullet counts as a sentence."""
    return [part for part in _SENTENCE_END.split(text) if _WORD.search(part)]


def polysyllables(text: str) -> list[str]:
    """Words of three syllables or more, in order, each occurrence once."""
    return [word for word in _WORD.findall(text) if max(map(syllables, word.split("-"))) >= 3]


def smog(text: str) -> float:
    """SMOG grade (McLaughlin 1969): US school years needed; 9 or less is read by 93 % of UK adults.

    ``1.0430 * sqrt(polysyllables * 30 / sentences) + 3.1291``. The formula was normed on 30 sentences;
    for a short answer it is an estimate. An empty text has grade 0.
    """
    count = len(sentences(text))
    if count == 0:
        return 0.0
    return 1.0430 * math.sqrt(len(polysyllables(text)) * 30 / count) + 3.1291
