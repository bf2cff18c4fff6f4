"""A second listener, learned from lines: it hears what no rule foresaw.

It may only raise, never lower: to a question (``CHECK``), or to the level of the rule where it is very sure. Screening
works without it. What it learns from is content (red-flags.yaml, overheard.yaml, the entries); ``learning`` does that.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.safety.concepts import Found, Lexicon
from bot.safety.reading import COMMA, Reading

WIDTH = 1 << 16  # features are hashed into this many places
NARROW = 1 << 13  # … and into this many for the question which rule it is
MOST_WORDS = 160
LONGEST_WORD = 14

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Opinion:
    """How sure the listener is that ``rule`` was met (0..1), and what that is worth."""

    rule: str
    certainty: float
    asks: bool
    raises: bool


@dataclass(frozen=True, eq=False)
class Listener:
    """Learned weights. ``ask_at`` and ``raise_at`` are the certainties from which it asks, and raises."""

    weights: Floats  # WIDTH + 1, the last for the constant
    by_rule: Floats  # NARROW × number of rules
    rules: tuple[str, ...]
    ask_at: float
    raise_at: float

    def hear(self, features: Indices) -> Opinion:
        """The opinion on a message of these features."""
        share = 1 / max(len(features), 1) ** 0.5
        logit = float(self.weights[features].sum()) * share + float(self.weights[WIDTH])
        certainty = float(1 / (1 + np.exp(-max(min(logit, 30.0), -30.0))))
        if certainty < self.ask_at:
            return Opinion("", certainty, False, False)
        likely = self.by_rule[features & (NARROW - 1)].sum(axis=0)
        return Opinion(self.rules[int(likely.argmax())], certainty, True, certainty >= self.raise_at)


def features(reading: Reading, found: Found, lexicon: Lexicon, blocked: Iterable[str]) -> Indices:
    """What the listener goes by: words, pairs of words, pieces of words, concepts, and what the rules found blocked."""
    words = reading.words[:MOST_WORDS]
    names = [f"w {word}" for word in words]
    names += [f"p {first} {second}" for first, second in _neighbours(reading, words)]
    for word in set(words):
        if 4 <= len(word) <= LONGEST_WORD:
            framed = f"<{word}>"
            names += [f"c {framed[i : i + 4]}" for i in range(len(framed) - 3)]
    concepts = [name for concept in found if (name := lexicon.names[concept])[0] != '"']
    names += [f"k {name}" for name in concepts]
    names += [f"b {reason.split(':', 1)[0]} {reason.rsplit('(', 1)[-1]}" for reason in blocked]
    return np.unique(np.array([zlib.crc32(name.encode()) & (WIDTH - 1) for name in names], np.int64))


def _neighbours(reading: Reading, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    for index in range(1, len(words)):
        if reading.breaks[index] <= COMMA:
            yield words[index - 1], words[index]
            if index >= 2 and reading.breaks[index - 1] <= COMMA:
                yield words[index - 2], "_ " + words[index]
