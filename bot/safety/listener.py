"""A second listener, learned from lines: it hears what no rule foresaw.

It may only raise, never lower: to a question (``CHECK``), or to the level of the rule where it is very sure. Screening
works without it. What it learns from is content (red-flags.yaml, overheard/, the entries); ``learning`` does that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.safety.traits import BLOCKS, Traits, place_of

# Logits from which it asks, raises, and raises where the rules would have asked; those from which of two levels it
# takes the lower. Chosen after cross-validation over writers and kinds of FAQ lines; what is known of them: docs/rounds.md.
ASK_AT = 1.0
RAISE_AT = 3.0
RAISE_CHECK_AT = 2.0
URGENT_BELOW = -1.0
MOST_CERTAIN = 30.0  # logit
MOST_TELLING = 3

Halves = NDArray[np.float16]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Opinion:
    """How sure the listener is (0..1) that ``rule`` was met, and what that is worth."""

    rule: str
    certainty: float
    asks: bool
    raises: bool


_BLOCKS = np.arange(len(BLOCKS))
_WEIGHTS = np.array([weight for weight, _ in BLOCKS.values()])
_TINY = 1e-9
QUIET = Opinion("", 0.0, False, False)


@dataclass(frozen=True, eq=False)
class Listener:
    """Learned weights, by place of a trait. A place with ``rarity`` 0 was never learned.

    ``alarm`` says red flag or harmless, ``emergency`` says emergency or only urgent; ``constants`` belong to both.
    ``by_rule`` (one row for each place in ``slots`` that it knows, plus an empty last one) tells the rules apart.
    """

    rarity: Halves
    alarm: Halves
    emergency: Halves
    constants: tuple[float, float]
    slots: NDArray[np.int32]
    by_rule: Halves
    rules: tuple[str, ...]
    emergencies: NDArray[np.bool_]

    def hear(self, heard: Traits, is_asking: bool = False) -> Opinion:
        """The opinion on a message of these traits; ``is_asking``: a rule has met a sign that is not clear."""
        logit, places, values = self.alarm_logit(heard)
        asks = logit >= ASK_AT
        raises = logit >= (RAISE_CHECK_AT if is_asking else RAISE_AT)
        if not (asks or raises):
            return QUIET
        rule = self.rule(heard, places, values)
        return Opinion(rule, certainty(logit), True, raises)

    def alarm_logit(self, heard: Traits) -> tuple[float, NDArray[np.int32], Floats]:
        """How sure that it is a red flag, as logit; with the places and values of the traits that count."""
        places, values = weighed(heard, self.rarity)
        return float(values @ self.alarm[places].astype(np.float32)) + self.constants[0], places, values

    def telling(self, words: Sequence[str]) -> list[str]:
        """The ``MOST_TELLING`` words that speak most for a red flag, for people."""
        speaks = {word: float(self.alarm[place_of(word)] * self.rarity[place_of(word)]) for word in words}
        return sorted((word for word in speaks if speaks[word] > 0), key=lambda word: -speaks[word])[:MOST_TELLING]

    def rule(self, heard: Traits, places: NDArray[np.int32], values: Floats) -> str:
        """The likeliest rule of the likelier level; at doubt the higher level."""
        is_urgent = float(values @ self.emergency[places].astype(np.float32)) + self.constants[1] < URGENT_BELOW
        known = np.concatenate((heard.blocks[0], heard.blocks[2]))
        at = np.minimum(np.searchsorted(self.slots, known), len(self.slots) - 1)
        likely = self.by_rule[at[self.slots[at] == known]].astype(np.float32).sum(axis=0)
        fits = self.emergencies != is_urgent
        return self.rules[int(np.where(fits if fits.any() else True, likely, -np.inf).argmax())]


def weighed(heard: Traits, rarity: NDArray[Any]) -> tuple[NDArray[np.int32], Floats]:
    """The places that count and their values: each block by rarity (idf), of the block's own length."""
    places = np.concatenate(heard.blocks)
    block = np.repeat(_BLOCKS, [len(one) for one in heard.blocks])
    value = rarity[places].astype(np.float32)
    length = np.bincount(block, value * value, len(_BLOCKS))
    share = _WEIGHTS / np.sqrt(np.maximum(length, _TINY))
    return places, value * share.astype(np.float32)[block]


def certainty(logit: float) -> float:
    """A logit as probability."""
    return 1 / (1 + math.exp(-max(min(logit, MOST_CERTAIN), -MOST_CERTAIN)))
