"""From scores to probabilities, and from probabilities to what may be answered.

Everything here is fitted on held-out scores (see ``learning``), so a probability means what it says on messages that
the model has not seen.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.learning.logistic import minimize
from bot.matching.ranking import Confidence
from bot.matching.rows import Floats

# Answers begin at the probability from which on at most this share of what is out of scope would be answered: of lines
# that were chosen as near misses, so that of what patients really write it is less.
FALSE_ANSWERS = 0.065
# Within these bounds: below, a wrong answer is nearly as likely as a right one; above, each wrong answer that is spared
# costs more than five right ones.
LEAST_SURE, MOST_SURE = 0.55, 0.70
# Where nothing out of scope was given to learn from: a wrong answer is held to be twice as bad as a question back.
WITHOUT_EXAMPLES = 2 / 3
# With a first entry less probable than this, buttons would mostly offend: "I don't know" is the honester reply.
SUGGEST_FROM = 0.03
# The first stage alone spreads its probability wider: the same share of held-out phrasings lies below this.
SUGGEST_FROM_ALONE = 0.01
# Small talk is taken as such only where it is likelier than everything else together.
SMALL_TALK_FROM = 0.5
_STEPS = 40


def confidence(probability: float, answer_from: float, suggest_from: float = SUGGEST_FROM) -> Confidence:
    """What the probability (0..1) of the first entry allows, if answers begin at ``answer_from``."""
    if probability >= answer_from:
        return Confidence.HIGH
    return Confidence.MEDIUM if probability >= suggest_from else Confidence.LOW


def answer_from(held_out: Floats, own: NDArray[np.int64], entries: int) -> float:
    """The probability from which on an entry is answered, from the ``held_out`` probabilities (examples × labels) of
    examples that have none of the leading ``entries`` as their label (``own``)."""
    best = np.sort(held_out[own >= entries, :entries].max(axis=1, initial=0.0))
    if not len(best):
        return WITHOUT_EXAMPLES
    return min(max(float(np.quantile(best, 1 - FALSE_ANSWERS)), LEAST_SURE), MOST_SURE)


def softmax(values: Floats) -> Floats:
    """Probabilities along the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result


def sharpness(held_out: Sequence[Floats], own: NDArray[np.int64]) -> tuple[float, ...]:
    """A factor for each set of ``held_out`` scores (examples × labels), so that the softmax of their weighted sum gives
    the true labels ``own`` the highest likelihood."""
    if not len(own):
        return (1.0,) * len(held_out)
    picked = np.arange(len(own))
    starts = np.array([1.0 / max(float(scores.std()), 1e-6) for scores in held_out]) / len(held_out)

    def loss(factors: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weighted = [np.float32(factor) * scores for factor, scores in zip(factors * starts, held_out, strict=True)]
        chances = softmax(np.sum(weighted, axis=0, dtype=np.float32))
        value = -float(np.log(chances[picked, own].clip(1e-12)).mean())
        chances[picked, own] -= 1
        slope = np.array([float((chances * scores).sum()) / len(own) for scores in held_out])
        return value, slope * starts

    found = minimize(loss, np.ones(len(held_out)), _STEPS) * starts
    return tuple(float(factor) for factor in found)
