"""Learns one weight for each feature and label: ridge regression on the examples, one label against the rest.

Up to some thousand examples in closed form: the same matrix also gives the score each example would have had if its
fold had been left out, at no further cost. That takes time with the cube of their number; beyond, a few steps of
conjugate gradients, and one example in ten is left out to calibrate on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.examples import Example
from bot.matching.rows import Floats, Rows

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Strength of the ridge, from cross-validation; the result is flat between 0.5 and 2.
PENALTY = 1.0
FOLDS = 5
CLOSED_FORM_UP_TO = 8_000
# Steps of conjugate gradients; stopping early is a ridge of its own. On the shipped content 4 steps reach 82 % first right,
# 12 reach 94 %, as the closed form does.
STEPS = 12
LEFT_OUT = 10
_SMALL = 512
# Rounds in which look-alikes settle on a score for the labels that they say nothing about; they converge in two.
_LOOK_ALIKE_ROUNDS = 3


@dataclass(frozen=True)
class Learned:
    """``weights`` (features × labels) and ``bias`` (labels) give scores. ``held_out`` are the scores of the
    ``calibrating`` examples as a model gives them that has not seen them."""

    weights: Floats
    bias: Floats
    held_out: Floats


def folds(examples: Sequence[Example], count: int = FOLDS) -> Ints:
    """The fold of each example: turn by turn within its label, so that every label is in every fold."""
    seen: dict[tuple[str, bool], int] = {}
    result = np.zeros(len(examples), np.int64)
    for index, example in enumerate(examples):
        turn = seen.get((example.label, example.is_not), 0)
        seen[example.label, example.is_not] = turn + 1
        result[index] = turn % count
    return result


def own_labels(examples: Sequence[Example], labels: Sequence[str]) -> Ints:
    """The place of each example's label among ``labels``."""
    column = {label: at for at, label in enumerate(labels)}
    return np.array([column[example.label] for example in examples], np.int64)


def learn(rows: Rows, examples: Sequence[Example], labels: Sequence[str]) -> Learned:
    """Weights for ``labels`` from ``rows``, the vectors of ``examples``."""
    own, is_not = own_labels(examples, labels), np.array([example.is_not for example in examples], bool)
    targets = np.zeros((len(rows), len(labels)), np.float32)
    targets[~is_not, own[~is_not]] = 1
    bias: Floats = targets[~is_not].mean(axis=0)
    targets -= bias
    if len(rows) <= CLOSED_FORM_UP_TO:
        return _closed_form(rows, targets, bias, own, is_not, folds(examples))
    return _stepwise(rows, targets, bias, own, is_not, folds(examples, LEFT_OUT) == 0)


def calibrating(examples: Sequence[Example]) -> Ints:
    """Indices of the examples that ``learn`` calibrates on."""
    taught = np.array([not example.is_not for example in examples], bool)
    return np.flatnonzero(taught if len(taught) <= CLOSED_FORM_UP_TO else taught & (folds(examples, LEFT_OUT) == 0))


def _closed_form(rows: Rows, targets: Floats, bias: Floats, own: Ints, is_not: Mask, fold: Ints) -> Learned:
    kernel = rows.gram()
    np.fill_diagonal(kernel, kernel.diagonal() + np.float32(PENALTY))
    inverse = _inverse(kernel)
    spread = np.diag(inverse)[is_not, None]
    for _ in range(_LOOK_ALIKE_ROUNDS if is_not.any() else 0):
        _set_look_alikes(targets, targets[is_not] - inverse[is_not] @ targets / spread, bias, own, is_not)
    signal: Floats = inverse @ targets
    held_out = np.empty_like(targets)
    # Leaving out a whole block of a ridge regression: its error is (inverse of the block)⁻¹ · signal.
    for number in np.unique(fold):
        block = np.flatnonzero(fold == number)
        held_out[block] = targets[block] - np.linalg.solve(inverse[np.ix_(block, block)], signal[block])
    return Learned(rows.back(signal), bias, held_out[~is_not] + bias)


def _inverse(matrix: Floats) -> Floats:
    """The inverse of a symmetric positive definite matrix, half by half: nearly all of it is matrix products, which
    takes half the time of a general inverse."""
    if len(matrix) <= _SMALL:
        return np.asarray(np.linalg.inv(matrix), np.float32)
    half = len(matrix) // 2
    corner = _inverse(matrix[:half, :half])
    across = corner @ matrix[:half, half:]
    rest = _inverse(matrix[half:, half:] - matrix[half:, :half] @ across)
    moved = across @ rest
    result = np.empty_like(matrix)
    result[:half, :half] = moved @ across.T
    result[:half, :half] += corner
    np.negative(moved, out=result[:half, half:])
    result[half:, :half] = result[:half, half:].T
    result[half:, half:] = rest
    return result


def _stepwise(rows: Rows, targets: Floats, bias: Floats, own: Ints, is_not: Mask, is_left_out: Mask) -> Learned:
    learned = ~is_left_out & ~is_not
    weights = rows.back(_conjugate_gradients(rows, targets, learned))
    if is_not.any():
        _set_look_alikes(targets, rows.times(weights)[is_not], bias, own, is_not)
        weights = rows.back(_conjugate_gradients(rows, targets, ~is_left_out))
    return Learned(weights, bias, rows.times(weights)[is_left_out & ~is_not] + bias)


def _set_look_alikes(targets: Floats, scores: Floats, bias: Floats, own: Ints, is_not: Mask) -> None:
    # A look-alike says only what it is not: for every other label its target is the score that it has anyway.
    scores[np.arange(len(scores)), own[is_not]] = -bias[own[is_not]]
    targets[is_not] = scores


def _conjugate_gradients(rows: Rows, targets: Floats, counts: Mask) -> Floats:
    """The signal (examples × labels) near ``(rows · rowsᵀ + PENALTY)⁻¹ targets``, of the examples that ``counts``."""
    mask = counts[:, None].astype(np.float32)
    signal = np.zeros_like(targets)
    rest = targets * mask
    direction = rest.copy()
    size = (rest * rest).sum(axis=0)
    for _ in range(STEPS):
        image = rows.times(rows.back(direction)) * mask + np.float32(PENALTY) * direction
        step = size / np.maximum((direction * image).sum(axis=0), 1e-12)
        signal += step * direction
        rest -= step * image
        new_size = (rest * rest).sum(axis=0)
        direction = rest + new_size / np.maximum(size, 1e-12) * direction
        size = new_size
    return signal
