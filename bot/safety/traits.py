"""What the second listener goes by in a message: its words, pieces of words, and the concepts that the rules know.

Each trait is a place in a table of ``WIDTH``; which one is a hash of it (crc32, so the same in every process). Traits
come in blocks, so that the many pieces of words do not drown the few concepts.
"""

import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.content.red_flags import ALL_HEEDS
from bot.safety.concepts import Found, Lexicon, Occurrence
from bot.safety.reading import COMMA, Reading
from bot.safety.scope import Match, MessageScope
from bot.vocabulary import stem

Places = NDArray[np.int32]

WIDTH = 1 << 20
MOST_WORDS = 160
MOST_CONCEPTS = 80  # counted with every occurrence; hostile repetition brings thousands
MOST_ALIKE = 2  # occurrences of one concept
MOST_WEIGHED = 40  # stretches of words asked whether they are denied, past and so on
NEAR = 9  # places between two concepts that make a pair
MOST_NEAR = 8
LONGEST_WORD = 24
PIECES = (3, 4, 5)

# Blocks with their weight and in how many lines a trait must stand to count (cross-validation over writers).
BLOCKS: dict[str, tuple[float, int]] = {
    "words": (1.0, 3),
    "pieces": (1.0, 3),
    "concepts": (1.0, 3),
    "pairs": (0.7, 3),
    "shape": (0.3, 2),
}
_MASK = WIDTH - 1
_TURN = 0x9E3779B1  # an odd number near 2³² / golden ratio mixes well


class Traits(NamedTuple):
    """Places of the traits of one message, each once, by block in the order of ``BLOCKS``."""

    blocks: tuple[Places, ...]


def traits(reading: Reading, found: Found, scope: MessageScope, lexicon: Lexicon) -> Traits:
    """The traits of a message that was read; time is bounded whatever it holds."""
    concepts, pairs = _concepts(reading, found, scope, lexicon)
    return Traits(
        (_places(_words(reading)), _pieces(reading), _places(concepts), _places(pairs), _places(_shape(reading)))
    )


def _places(hashes: set[int]) -> Places:
    return np.array(sorted(hashes), np.int32)


def _crc(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "replace"))


_hash = lru_cache(maxsize=10_000)(_crc)


def _mixed(first: int, second: int) -> int:
    return ((first * _TURN + second) ^ (first >> 7)) & 0xFFFFFFFF


def _place(number: int) -> int:
    return (number ^ (number >> 13)) & _MASK


@lru_cache(maxsize=10_000)
def _stem_hash(word: str) -> int:
    return _hash("w " + stem(word))


def place_of(word: str) -> int:
    """The place of a word by itself."""
    return _place(_stem_hash(word))


def _words(reading: Reading) -> set[int]:
    """Stems, alone and two or three in a row, also with one left out between; and whose they are."""
    stems = [_stem_hash(word) for word in reading.words[:MOST_WORDS]]
    found = {_place(number) for number in stems}
    for index, number in enumerate(stems):
        if reading.owned[index]:
            found.add(_place(_mixed(number, 1)))
        if index and reading.breaks[index] <= COMMA:
            pair = _mixed(stems[index - 1], number)
            found.add(_place(pair))
            if index > 1 and reading.breaks[index - 1] <= COMMA:
                found.add(_place(_mixed(stems[index - 2], pair)))
                found.add(_place(_mixed(_mixed(stems[index - 2], 2), number)))
    return found


@lru_cache(maxsize=10_000)
def _pieces_of(word: str) -> Places:
    framed = f" {word} "
    return _places({_place(_crc("c" + framed[i : i + n])) for n in PIECES for i in range(len(framed) - n + 1)})


def _pieces(reading: Reading) -> Places:
    found = [_pieces_of(word) for word in set(reading.words[:MOST_WORDS]) if len(word) <= LONGEST_WORD]
    if not found:
        return _places(set())
    together = np.sort(np.concatenate(found))
    is_new = np.empty(len(together), np.bool_)
    is_new[0] = True
    np.not_equal(together[1:], together[:-1], out=is_new[1:])
    return together[is_new]


def _concepts(reading: Reading, found: Found, scope: MessageScope, lexicon: Lexicon) -> tuple[set[int], set[int]]:
    """Concepts with what blocks them (said, denied, asked, past …), and pairs of them that stand near each other."""
    alone: set[int] = set()
    where: list[tuple[int, int, bool]] = []
    reasons: dict[Occurrence, str] = {}  # many concepts stand on the same words
    for concept, occurrences in found.items():
        name = lexicon.names[concept]
        if name[0] == '"':
            continue
        number = _hash("k " + name)
        alone.add(_place(number))
        if name.startswith("scope "):
            continue
        for occurrence in occurrences[:MOST_ALIKE]:
            if len(where) >= MOST_CONCEPTS:
                break
            if occurrence not in reasons:
                if len(reasons) >= MOST_WEIGHED:
                    break
                match = Match(occurrence, occurrence.mask, occurrence.start, occurrence.end)
                reasons[occurrence] = scope.why_blocked(match, ALL_HEEDS, ())
            reason = reasons[occurrence]
            alone.add(_place(_mixed(number, _hash(reason))))
            where.append((reading.places[occurrence.start], number, bool(reason)))
    where.sort()
    pairs: set[int] = set()
    for index, (place, number, is_blocked) in enumerate(where):
        for other_place, other, other_blocked in where[index + 1 : index + 1 + MOST_NEAR]:
            if other_place - place > NEAR:
                break
            if other != number:
                pairs.add(_pair(number, other, is_blocked or other_blocked))
    return alone, pairs


@lru_cache(maxsize=10_000)
def _pair(number: int, other: int, is_blocked: bool) -> int:
    """The place of two concepts that stand near each other; kept, because a message has hundreds."""
    low, high = sorted((number, other))
    return _place(_mixed(_mixed(low, high), 3 if is_blocked else 4))


def _shape(reading: Reading) -> set[int]:
    """How long it is, whether it asks, and how it begins."""
    names = [f"length {min(len(reading.words) // 3, 12)}"]
    if any(reading.asks):
        names.append("asks")
    if reading.asks and reading.asks[-1]:
        names.append("asks last")
    if reading.words:
        names.append("first " + stem(reading.words[0]))
    return {_place(_hash("s " + name)) for name in names}
