"""An utterance as features: what the learned model counts.

Five blocks, each weighted by TF-IDF and brought to unit length before they are put together, so that a block with
many features (characters) does not drown one with few (concepts).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from bot.matching.concepts import ConceptFinder
from bot.text import words
from bot.vocabulary import Vocabulary, stem

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# Prefix of each block's features, its weight, and in how many phrasings a feature must stand to count.
# Weights from five-fold cross-validation over the shipped phrasings, looked at on the development set too; the
# result is flat around them.
BLOCKS: dict[str, tuple[float, int]] = {
    "word": (1.0, 1),
    "pair": (0.9, 1),
    "concept": (0.7, 1),
    "concepts": (0.5, 1),
    "letters": (1.0, 2),
}
# Blocks whose rare features are given up, one sighting more for each so many phrasings: of 50,000 phrasings nearly
# all features are rare pairs and pieces of words, which cost time and memory and teach nothing that words do not.
THINNED = ("pair", "letters")
ONE_MORE_EVERY = 5_000
# Concepts further apart than this (counted in concepts) make no pair: in a story they belong to different sentences.
PAIR_REACH = 4
# A wall of text is cut here; what the question is was said before, and the time for one message stays bounded.
MOST_WORDS = 400


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of one utterance after correction, their stems, and the concepts in them."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    concepts: tuple[str, ...]
    unknown: int = 0


class Reader:
    """Reads utterances with one vocabulary and one lexicon."""

    def __init__(self, vocabulary: Vocabulary, finder: ConceptFinder) -> None:
        self._vocabulary = vocabulary
        self._finder = finder

    def read(self, utterance: str) -> Reading:
        return self.read_words(words(utterance)[:MOST_WORDS])

    def read_words(self, typed: Iterable[str]) -> Reading:
        corrected = [word for token in typed for word in self._vocabulary.correct(token).split()]
        stems = tuple(stem(word) for word in corrected)
        unknown = sum(word not in self._vocabulary for word in corrected)
        return Reading(tuple(corrected), stems, self._finder.find(stems), unknown)


def _pieces(word: str) -> tuple[str, ...]:
    padded = f" {word} "
    return tuple(padded[at : at + size] for size in (3, 4, 5) for at in range(len(padded) - size + 1))


_letters = lru_cache(maxsize=50_000)(_pieces)  # for learning, which meets a word again and again
Features = dict[str, list[str]]


def features(reading: Reading, *, with_letters: bool = True) -> Features:
    """Features of each block, each once, in the order they stand; the last block only ``with_letters``."""
    concepts = reading.concepts
    near = (
        f"{min(a, b)}+{max(a, b)}" for (i, a), (j, b) in combinations(enumerate(concepts), 2) if j - i <= PAIR_REACH
    )
    found = {
        "word": list(dict.fromkeys(reading.stems)),
        "pair": list(dict.fromkeys(map(" ".join, zip(("^", *reading.stems), (*reading.stems, "$"), strict=True)))),
        "concept": list(concepts),
        "concepts": list(dict.fromkeys(near)),
    }
    if with_letters:
        found["letters"] = list(dict.fromkeys(part for word in reading.words for part in _letters(word)))
    return found


@dataclass(frozen=True, slots=True)
class Vector:
    """The features of one utterance that are known: where in the model (``at``) and how strong (``value``)."""

    at: Ints
    value: Floats


Names = Mapping[str, Sequence[str]]


class Space:
    """The known features (``names`` by block, blocks in the order of ``BLOCKS``) and their inverse document frequencies."""

    def __init__(self, names: Names, idf: Floats) -> None:
        self.names = names
        self.idf = idf
        self._at: dict[str, dict[str, int]] = {}
        start = 0
        for block in BLOCKS:
            self._at[block] = dict(zip(names[block], range(start, start + len(names[block])), strict=True))
            start += len(names[block])
        self._letters_at = lru_cache(maxsize=10_000)(self._places_of_letters)

    def __len__(self) -> int:
        return len(self.idf)

    @classmethod
    def learn(cls, texts: Sequence[Features]) -> "Space":
        """The space of the features that stand in ``texts`` often enough."""
        names: dict[str, tuple[str, ...]] = {}
        seen: list[int] = []
        for block, (_, least) in BLOCKS.items():
            fewest = least + (len(texts) // ONE_MORE_EVERY if block in THINNED else 0)
            counts = Counter(chain.from_iterable(text[block] for text in texts))
            names[block] = tuple(name for name, times in counts.items() if times >= fewest)
            seen += [times for times in counts.values() if times >= fewest]
        return cls(names, np.log((1 + len(texts)) / (1 + np.array(seen, np.float32))) + 1)

    def name(self, at: int) -> tuple[str, str]:
        """Block and name of the feature at place ``at``."""
        for block, names in self.names.items():
            if at < len(names):
                return block, names[at]
            at -= len(names)
        raise IndexError(at)

    def vector(self, text: Features) -> Vector:
        """The known features of ``text``, each block weighted and of unit length."""
        at: list[int] = []
        ends: list[int] = []
        for block, names in text.items():
            at += [place for place in map(self._at[block].get, names) if place is not None]
            ends.append(len(at))
        return self._weighted(at, ends)

    def read(self, reading: Reading) -> Vector:
        """``vector`` of the features of ``reading``; where the pieces of a word stand is looked up once a word."""
        at: list[int] = []
        ends: list[int] = []
        for block, names in features(reading, with_letters=False).items():
            at += [place for place in map(self._at[block].get, names) if place is not None]
            ends.append(len(at))
        at += dict.fromkeys(chain.from_iterable(map(self._letters_at, reading.words)))
        ends.append(len(at))
        return self._weighted(at, ends)

    def _places_of_letters(self, word: str) -> tuple[int, ...]:
        known = self._at["letters"]
        return tuple(known[part] for part in _pieces(word) if part in known)

    def _weighted(self, at: Sequence[int], ends: Sequence[int]) -> Vector:
        rows = np.array(at, np.int32)
        value = self.idf[rows]
        start = 0
        for (weight, _), end in zip(BLOCKS.values(), ends, strict=True):
            part = value[start:end]
            if end > start:
                part *= weight / np.sqrt(part @ part)
            start = end
        return Vector(rows, value)
