"""Sparse rows: the vectors of many phrasings, and the products that learning needs, in numpy alone.

A few columns (" ba", "back") hold most of the values. They are kept as a dense block, which a processor multiplies
twenty times as fast; the rest is gathered row by row.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bot.matching.features import Vector

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int64]

# A column in more than this share of the rows (and more than so many) is common, at most so many of them.
_COMMON_SHARE = 0.01
_COMMON_ROWS = 40
_MOST_COMMON = 1024
# From so many labels on, a product for each row is faster than sums over many rows at once; those are taken over so many
# numbers as a processor keeps near itself (1 MB).
_WIDE = 200
_CHUNK = 250_000


class Rows:
    """``len`` rows of ``width`` columns from the vectors of as many texts; immutable."""

    def __init__(self, vectors: Sequence[Vector], width: int) -> None:
        self.width = width
        self._length = len(vectors)
        at = np.concatenate([vector.at for vector in vectors] or [np.zeros(0, np.int32)]).astype(np.int64)
        value = np.concatenate([vector.value for vector in vectors] or [np.zeros(0, np.float32)]).astype(np.float32)
        row = np.repeat(np.arange(len(vectors)), [len(vector.at) for vector in vectors])
        seen = np.bincount(at, minlength=width)
        limit = max(_COMMON_ROWS, int(_COMMON_SHARE * len(vectors)))
        self._common = np.sort(np.argsort(-seen, kind="stable")[: min(_MOST_COMMON, int((seen > limit).sum()))])
        place = np.full(width, -1)
        place[self._common] = np.arange(len(self._common))
        is_common = place[at] >= 0
        self._dense = np.zeros((len(vectors), len(self._common)), np.float32)
        self._dense[row[is_common], place[at[is_common]]] = value[is_common]
        self._row, self._at, self._value = row[~is_common], at[~is_common], value[~is_common]

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _by_column(self) -> tuple[Ints, Ints, Floats]:
        order = np.argsort(self._at, kind="stable")
        return self._at[order], self._row[order], self._value[order]

    def times(self, weights: Floats) -> Floats:
        """``rows @ weights``: from ``width × labels`` to ``len × labels``."""
        product: Floats = self._dense @ weights[self._common]
        _add_sums(product, self._row, self._at, self._value, weights)
        return product

    def back(self, signal: Floats) -> Floats:
        """``rows.T @ signal``: from ``len × labels`` to ``width × labels``."""
        product = np.zeros((self.width, signal.shape[1]), np.float32)
        product[self._common] = self._dense.T @ signal
        _add_sums(product, *self._by_column, signal)
        return product

    def nearly_solved(self, penalty: float) -> Callable[[Floats], Floats]:
        """A cheap stand-in for the solution of ``(rows · rowsᵀ + penalty) x = y``: exact for the common columns, while
        what rows share of the rare ones is taken to be half of what each has itself."""
        dense = self._dense
        rare = np.bincount(self._row, self._value**2, self._length).astype(np.float32)
        own = np.float32(penalty) + rare[:, None] / np.float32(2)
        scaled = dense / own
        core = np.linalg.inv(np.eye(dense.shape[1], dtype=np.float32) + dense.T @ scaled)

        def solve(wanted: Floats) -> Floats:
            result: Floats = wanted / own - scaled @ (core @ (scaled.T @ wanted))
            return result

        return solve


def _add_sums(product: Floats, to: Ints, at: Ints, value: Floats, source: Floats) -> None:
    """Adds ``value * source[at]`` to the rows ``to`` (sorted) of ``product``."""
    if source.shape[1] >= _WIDE:
        starts = np.flatnonzero(np.diff(to, prepend=-1))
        ends = [*starts[1:].tolist(), len(to)]
        for row, start, end in zip(to[starts].tolist(), starts.tolist(), ends, strict=False):
            product[row] += value[start:end] @ source[at[start:end]]
        return
    size = _CHUNK // max(1, source.shape[1])
    for low in range(0, len(to), size):
        span = slice(low, low + size)
        firsts = np.flatnonzero(np.diff(to[span], prepend=-1))
        product[to[span][firsts]] += np.add.reduceat(source[at[span]] * value[span, None], firsts, axis=0)
