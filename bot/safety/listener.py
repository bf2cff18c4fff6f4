"""A second listener, learned from lines: it hears what no rule foresaw.

It may only raise, never lower: to a question (``CHECK``), or to the level of the rule where it is very sure. Screening
works without it. What it learns from is content (red-flags.yaml, overheard/, the entries); ``learning`` does that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.safety.traits import BLOCKS, Places, Traits, place_of

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
    """Learned weights of the traits whose ``places`` (ascending) were learned.

    ``alarm`` says red flag or harmless, ``emergency`` says emergency or only urgent; ``constants`` belong to both.
    ``by_rule`` (one row for each place in ``slots``, ascending; in 1/16) tells the rules apart.
    """

    places: Places
    rarity: Halves
    alarm: Halves
    emergency: Halves
    constants: tuple[float, float]
    slots: Places
    by_rule: NDArray[np.int8]
    rules: tuple[str, ...]
    emergencies: NDArray[np.bool_]

    def hear(self, heard: Traits, is_asking: bool = False) -> Opinion:
        """The opinion on a message of these traits; ``is_asking``: a rule has met a sign that is not clear."""
        logit, at, values = self.alarm_logit(heard)
        asks = logit >= ASK_AT
        raises = logit >= (RAISE_CHECK_AT if is_asking else RAISE_AT)
        if not (asks or raises):
            return QUIET
        rule = self.rule(heard, at, values)
        return Opinion(rule, certainty(logit), True, raises)

    def alarm_logit(self, heard: Traits) -> tuple[float, NDArray[np.intp], Floats]:
        """How sure that it is a red flag, as logit; with the rows and values of the traits that count."""
        at, is_known = found_in(self.places, np.concatenate(heard.blocks))
        at, block = at[is_known], np.repeat(_BLOCKS, [len(one) for one in heard.blocks])[is_known]
        values = weighed(at, block, 1, self.rarity)
        return float(values @ self.alarm[at].astype(np.float32)) + self.constants[0], at, values

    def telling(self, words: Sequence[str]) -> list[str]:
        """The ``MOST_TELLING`` words that speak most for a red flag, for people."""
        at, is_known = found_in(self.places, np.array([place_of(word) for word in words], np.int32))
        speaks = np.where(is_known, self.alarm[at].astype(np.float32) * self.rarity[at], 0)
        by_word = dict(zip(words, speaks.tolist(), strict=True))
        return sorted((word for word in by_word if by_word[word] > 0), key=lambda word: -by_word[word])[:MOST_TELLING]

    def rule(self, heard: Traits, rows: NDArray[np.intp], values: Floats) -> str:
        """The likeliest rule of the likelier level; at doubt the higher level."""
        is_urgent = float(values @ self.emergency[rows].astype(np.float32)) + self.constants[1] < URGENT_BELOW
        at, is_known = found_in(self.slots, np.concatenate((heard.blocks[0], heard.blocks[2])))
        likely = self.by_rule[at[is_known]].sum(axis=0, dtype=np.int32)
        fits = self.emergencies != is_urgent
        return self.rules[int(np.where(fits if fits.any() else True, likely, -np.inf).argmax())]


def weighed(at: NDArray[np.intp], block: NDArray[np.intp], messages: int, rarity: Halves) -> Floats:
    """The values of traits of so many ``messages``: each by rarity (idf), each block of its own length.

    ``at`` says which place of ``rarity`` a trait is, ``block`` in which block it stands, those of all messages counted on.
    """
    value = rarity[at].astype(np.float32)
    length = np.bincount(block, value * value, messages * len(BLOCKS))
    share = np.tile(_WEIGHTS, messages) / np.sqrt(np.maximum(length, _TINY))
    result: Floats = value * share.astype(np.float32)[block]
    return result


def found_in(places: Places, asked: Places) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each of ``asked`` stands in ``places`` (ascending, not empty), and whether it is there at all."""
    at = np.minimum(np.searchsorted(places, asked), len(places) - 1)
    return at, places[at] == asked


def certainty(logit: float) -> float:
    """A logit as probability."""
    return 1 / (1 + math.exp(-max(min(logit, MOST_CERTAIN), -MOST_CERTAIN)))
