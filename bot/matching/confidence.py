"""From scores to probabilities, and from probabilities to what may be answered.

Everything here is fitted on held-out scores (``learning``), so the figures mean what they say on messages that the
model has not seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.ranking import Confidence
from bot.matching.rows import Floats

# Answer when the first candidate is right in at least this share of such cases. A wrong answer is held to be worth
# one and a half questions back: p right > 1.5 × (1 - p), so p > 0.6.
ANSWER_FROM = 0.60
# Below this the suggestions would help fewer than one patient in eight: "I don't know" is the honester reply.
SUGGEST_FROM = 0.12
# Small talk is taken as such only where it is likelier than everything else together.
SMALL_TALK_FROM = 0.5
_SHARPNESS = np.arange(4, 25, 1.0)
_NEWTON_STEPS = 30
_TRUST_RIDGE = 0.1


@dataclass(frozen=True)
class Calibration:
    """``sharpness`` turns scores into probabilities (softmax of ``sharpness × score``); ``trust`` weighs what speaks
    for the first entry being right (see ``evidence``), the constant last."""

    sharpness: float
    trust: NDArray[np.float64]

    def probabilities(self, scores: Floats) -> Floats:
        """Probability of each label, row by row."""
        return softmax(self.sharpness * scores)

    def trust_in(self, scores: Floats, entries: int) -> NDArray[np.float64]:
        """Probability (0..1) that the first of the ``entries`` leading labels is right, row by row."""
        return _sigmoid(evidence(scores, self.probabilities(scores), entries) @ self.trust)


def confidence(trust: float) -> Confidence:
    """What a trust (0..1) allows."""
    if trust >= ANSWER_FROM:
        return Confidence.HIGH
    return Confidence.MEDIUM if trust >= SUGGEST_FROM else Confidence.LOW


def evidence(scores: Floats, probabilities: Floats, entries: int) -> NDArray[np.float64]:
    """What speaks for the first entry, row by row: its probability, its lead over the second and over "none" (all as
    logarithms), its score, and a constant."""
    chances = np.sort(probabilities[:, :entries].astype(np.float64), axis=1)[:, ::-1].clip(1e-9)
    second = chances[:, 1] if entries > 1 else np.full(len(chances), 1e-9)
    none = probabilities[:, entries:].sum(axis=1).clip(1e-9)
    first = chances[:, 0]
    return np.stack(
        [np.log(first), np.log(first / second), np.log(first / none), scores[:, :entries].max(axis=1), np.ones(len(first))],
        axis=1,
    )


def calibrate(held_out: Floats, own: NDArray[np.int64], entries: int) -> Calibration:
    """The calibration for ``held_out`` scores of examples whose labels are the columns ``own``."""
    if not len(own):
        return Calibration(float(_SHARPNESS[0]), np.array([0.0, 0.0, 0.0, 0.0, -10.0]))
    picked = np.arange(len(own))
    losses = [-np.log(softmax(factor * held_out)[picked, own].clip(1e-9)).mean() for factor in _SHARPNESS]
    sharpness = float(_SHARPNESS[int(np.argmin(losses))])
    is_right = held_out[:, :entries].argmax(axis=1) == own
    x = evidence(held_out, softmax(sharpness * held_out), entries)
    return Calibration(sharpness, _logistic(x, is_right.astype(np.float64)))


def softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1 / (1 + np.exp(-values.clip(-30, 30)))
    return result


def _logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression of ``y`` on ``x`` by Newton's method, with a slight ridge."""
    weights = np.zeros(x.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(x @ weights)
        slope = x.T @ (y - p) - _TRUST_RIDGE * weights
        bend = (x * (p * (1 - p))[:, None]).T @ x + _TRUST_RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(bend, slope)
    return weights
