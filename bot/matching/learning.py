"""Learns one weight for each feature and label: ridge regression on the examples, one label against the rest.

By conjugate gradients, helped by a rough solution that is exact for common features (Golub and Van Loan, Matrix
Computations, 11.5): time grows with the number of examples times labels, where the closed form takes its cube.
One example in some is left out at first, to calibrate on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.examples import Example
from bot.matching.rows import Floats, Rows

Ints = NDArray[np.int64]

# Strength of the ridge, from cross-validation; the result is flat between 0.5 and 2.
PENALTY = 1.0
# A solution is taken when what is left unexplained is this share of what was wanted, or after so many steps. To calibrate,
# more may be left: sharpness moves by less than 1 %. Of 50,000 made-up phrasings nine steps leave 47 % ranked right, twelve
# 57 %; the shipped content is done in eight or nine.
CLOSE, CLOSE_TO_CALIBRATE = 0.05, 0.12
STEPS = 12
# Up to so many examples, one in FEW_LEFT_OUT calibrates and is then learned as well. Of more, one in MANY_LEFT_OUT
# calibrates and is not learned: so few are not missed.
FEW = 8_000
FEW_LEFT_OUT, MANY_LEFT_OUT = 5, 20


@dataclass(frozen=True)
class Learned:
    """``weights`` (features × labels) and ``bias`` (labels) give scores. ``held_out`` are the scores of the
    ``calibrating`` examples as a model gives them that has not seen them."""

    weights: Floats
    bias: Floats
    held_out: Floats


def calibrating(examples: Sequence[Example]) -> Ints:
    """Indices of the examples that ``learn`` calibrates on."""
    return np.flatnonzero(_turns(examples) == 0)


def in_second_stage(examples: Sequence[Example]) -> Ints:
    """Indices of the examples that the second stage learns from: those that calibrate and more; where there are few, all.

    Of many, a tenth is enough for what a sentence vector can tell, and computing one is dear.
    """
    turns = _turns(examples)
    return np.flatnonzero(turns >= 0 if len(examples) <= FEW else (turns == 0) | (turns == 1))


def _turns(examples: Sequence[Example]) -> Ints:
    """The turn of each example within its label, so that every label has every turn; -1 for look-alikes."""
    count = FEW_LEFT_OUT if len(examples) <= FEW else MANY_LEFT_OUT
    seen: dict[str, int] = {}
    result = np.full(len(examples), -1)
    for index, example in enumerate(examples):
        if not example.is_not:
            turn = seen.get(example.label, 0)
            seen[example.label] = turn + 1
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
    # A look-alike says only what it is not; to every other label it is no example at all.
    counts = np.ones_like(targets)
    counts[is_not] = 0
    counts[is_not, own[is_not]] = 1
    held = calibrating(examples)
    is_known = counts.copy()
    is_known[held] = 0
    nearly_solved = rows.nearly_solved(PENALTY)
    close = CLOSE_TO_CALIBRATE if len(rows) <= FEW else CLOSE
    signal = _solved(rows, targets * is_known, is_known, np.zeros_like(targets), nearly_solved, close)
    weights = rows.back(signal)
    held_out = rows.times(weights)[held] + bias
    if len(rows) <= FEW:
        weights = rows.back(_solved(rows, targets * counts, counts, signal, nearly_solved, CLOSE))
    return Learned(weights, bias, held_out)


def _solved(
    rows: Rows, wanted: Floats, counts: Floats, signal: Floats, nearly_solved: Callable[[Floats], Floats], close: float
) -> Floats:
    """The signal (examples × labels) near ``(rows · rowsᵀ + PENALTY)⁻¹ wanted``, for each label among the examples that
    ``counts`` (0 or 1), sought from ``signal`` on. What is left is the share ``close`` of what was wanted, or less."""

    def image(signal: Floats) -> Floats:
        product: Floats = rows.times(rows.back(signal))
        product *= counts
        product += np.float32(PENALTY) * signal
        return product

    rest = wanted - image(signal) if signal.any() else wanted
    direction, size = np.zeros_like(wanted), np.ones(wanted.shape[1], np.float32)
    near = float(close * np.linalg.norm(wanted))
    for _ in range(STEPS):
        if np.linalg.norm(rest) <= near:
            break
        guess = nearly_solved(rest) * counts
        size, last = (rest * guess).sum(axis=0), size
        direction = guess + size / np.maximum(last, 1e-12) * direction
        moved = image(direction)
        step = size / np.maximum((direction * moved).sum(axis=0), 1e-12)
        signal = signal + step * direction
        rest = rest - step * moved
    return signal
