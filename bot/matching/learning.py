"""Learns one weight for each feature and label: ridge regression on the examples, one label against the rest.

Closed form, so that the result is the same on every machine, and so that the scores each example would have had if
its fold had been left out (for calibration and thresholds) come from the same matrix at no further cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.examples import Example
from bot.matching.rows import Floats, Rows

# Strength of the ridge, from cross-validation; the result is flat between 0.5 and 2.
PENALTY = 1.0
FOLDS = 5
# Rounds in which look-alikes settle on a score for the labels that they say nothing about; they converge in two.
_LOOK_ALIKE_ROUNDS = 3


@dataclass(frozen=True)
class Learned:
    """``weights`` (features × labels) and ``bias`` (labels) give scores; ``held_out`` (examples × labels) are the
    scores of each example as if its fold had not been learned."""

    weights: Floats
    bias: Floats
    held_out: Floats


def folds(examples: Sequence[Example], count: int = FOLDS) -> NDArray[np.int64]:
    """The fold of each example: turn by turn within its label, so that every label is in every fold."""
    seen: dict[tuple[str, bool], int] = {}
    result = np.zeros(len(examples), np.int64)
    for index, example in enumerate(examples):
        turn = seen.get((example.label, example.is_not), 0)
        seen[example.label, example.is_not] = turn + 1
        result[index] = turn % count
    return result


def learn(rows: Rows, examples: Sequence[Example], labels: Sequence[str]) -> Learned:
    """Weights for ``labels`` from ``rows``, the vectors of ``examples``."""
    column = {label: at for at, label in enumerate(labels)}
    own = np.array([column[example.label] for example in examples])
    is_not = np.array([example.is_not for example in examples])
    targets = np.zeros((len(rows), len(labels)), np.float32)
    targets[~is_not, own[~is_not]] = 1
    bias = targets[~is_not].mean(axis=0)
    targets -= bias
    kernel = rows.gram()
    np.fill_diagonal(kernel, kernel.diagonal() + np.float32(PENALTY))
    inverse: Floats = np.asarray(np.linalg.inv(kernel), np.float32)
    spread = np.diag(inverse)[is_not, None]
    for _ in range(_LOOK_ALIKE_ROUNDS if is_not.any() else 0):
        left_out = targets[is_not] - inverse[is_not] @ targets / spread
        left_out[np.arange(len(left_out)), own[is_not]] = -bias[own[is_not]]
        targets[is_not] = left_out
    signal: Floats = inverse @ targets
    return Learned(rows.back(signal), bias, _held_out(inverse, signal, targets, folds(examples)) + bias)


def _held_out(inverse: Floats, signal: Floats, targets: Floats, fold: NDArray[np.int64]) -> Floats:
    # The identity for leaving out a whole block of a ridge regression: error = (inverse of the block)⁻¹ · signal.
    result = np.empty_like(targets)
    for number in range(int(fold.max(initial=-1)) + 1):
        block = np.flatnonzero(fold == number)
        result[block] = targets[block] - np.linalg.solve(inverse[np.ix_(block, block)], signal[block])
    return result
