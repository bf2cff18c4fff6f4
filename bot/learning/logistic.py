"""Multinomial logistic regression in numpy, by L-BFGS (Liu and Nocedal 1989)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_MEMORY = 8
_SUFFICIENT = 1e-4
_SMALLEST_STEP = 1e-6


def fit(
    x: Floats, own: NDArray[np.int64], classes: int, penalty: float, steps: int, start: Floats | None = None
) -> Floats:
    """Weights (columns of ``x`` plus one for the constant × ``classes``) for rows ``x`` whose classes are ``own``.

    ``penalty`` is the weight of half the squared distance to ``start`` (weights of the same shape; else zero) against the
    summed loss; at most ``steps`` steps are made.
    """
    rows = np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)
    picked = np.arange(len(rows))
    shape = (rows.shape[1], classes)
    base = np.zeros(shape) if start is None else start.astype(np.float64)

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        moved = flat.reshape(shape)
        logits = rows @ (base + moved).astype(np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        total = powers.sum(axis=1, keepdims=True)
        value = float((np.log(total[:, 0]) - logits[picked, own]).sum()) + 0.5 * penalty * float((moved**2).sum())
        signal = powers / total
        signal[picked, own] -= 1
        return value, ((rows.T @ signal) + penalty * moved).ravel()

    found = minimize(loss, np.zeros(shape[0] * shape[1]), steps).reshape(shape)
    return (base + found).astype(np.float32)


def scores(x: Floats, weights: Floats) -> Floats:
    """Logits of rows ``x`` under ``weights`` from ``fit``."""
    result: Floats = x @ weights[:-1] + weights[-1]
    return result


def minimize(loss: Callable[[Doubles], tuple[float, Doubles]], start: Doubles, steps: int) -> Doubles:
    """A point near the minimum of the smooth convex ``loss`` (value and gradient), after at most ``steps`` steps."""
    point, (value, slope) = start, loss(start)
    moves: list[tuple[Doubles, Doubles, float]] = []
    for _ in range(steps):
        direction = -_curved(slope, moves)
        descent = float(direction @ slope)
        if descent > -1e-9 * max(1.0, abs(value)):
            break
        step = 1.0 if moves else min(1.0, 1.0 / float(np.abs(slope).sum()))
        moved = point + step * direction
        new_value, new_slope = loss(moved)
        while new_value > value + _SUFFICIENT * step * descent:
            step *= 0.5
            if step < _SMALLEST_STEP:  # what is left to gain is less than the rounding of the loss
                return point
            moved = point + step * direction
            new_value, new_slope = loss(moved)
        change, bend = moved - point, new_slope - slope
        if (curvature := float(change @ bend)) > 1e-12:
            moves = [*moves[1 - _MEMORY :], (change, bend, curvature)]
        point, value, slope = moved, new_value, new_slope
    return point


def _curved(slope: Doubles, moves: list[tuple[Doubles, Doubles, float]]) -> Doubles:
    """``slope`` times the inverse curvature that the last ``moves`` suggest (the two-loop recursion)."""
    result = slope.copy()
    shares = []
    for change, bend, curvature in reversed(moves):
        share = float(change @ result) / curvature
        result -= share * bend
        shares.append(share)
    if moves:
        _, bend, curvature = moves[-1]
        result *= curvature / float(bend @ bend)
    for (change, bend, curvature), share in zip(moves, reversed(shares), strict=True):
        result += (share - float(bend @ result) / curvature) * change
    return result
