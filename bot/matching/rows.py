"""Sparse rows: the vectors of many phrasings, and the products that learning needs, in numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.features import Vector

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# A feature in at least this many rows is multiplied as part of a dense block; rarer ones pair by pair.
_COMMON = 40
# Values gathered at once; bounds the memory of a product (at 64 classes about 64 MB).
_CHUNK = 250_000


@dataclass(frozen=True)
class Rows:
    """Row ``i`` holds ``value[start[i]:start[i + 1]]`` in the columns ``at`` of the same span, each column once."""

    start: Ints
    at: Ints
    value: Floats
    width: int

    @classmethod
    def of(cls, vectors: Sequence[Vector], width: int) -> "Rows":
        start = np.zeros(len(vectors) + 1, np.int64)
        np.cumsum([len(vector.at) for vector in vectors], out=start[1:])
        at = np.concatenate([vector.at for vector in vectors] or [np.zeros(0, np.int32)]).astype(np.int64)
        value = np.concatenate([vector.value for vector in vectors] or [np.zeros(0, np.float32)]).astype(np.float32)
        return cls(start, at, value, width)

    def __len__(self) -> int:
        return len(self.start) - 1

    def _row_of(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def gram(self) -> Floats:
        """All inner products of rows, ``len × len``."""
        size, row = len(self), self._row_of()
        seen = np.bincount(self.at, minlength=self.width)
        common = seen >= _COMMON
        column = np.cumsum(common) - 1
        mask = common[self.at]
        dense = np.zeros((size, int(common.sum())), np.float32)
        dense[row[mask], column[self.at[mask]]] = self.value[mask]
        product: Floats = dense @ dense.T
        self._add_rare_pairs(product, row, ~mask)
        return product

    def _add_rare_pairs(self, product: Floats, row: Ints, mask: NDArray[np.bool_]) -> None:
        order = np.argsort(self.at[mask], kind="stable")
        row, column, value = row[mask][order], self.at[mask][order], self.value[mask][order]
        # Sorted by column, equal columns stand within _COMMON places of each other.
        places, products = [], []
        for shift in range(_COMMON):
            same = np.flatnonzero(column[: len(column) - shift] == column[shift:])
            a, b, weight = row[same], row[same + shift], value[same] * value[same + shift]
            places += [a * len(self) + b] + ([b * len(self) + a] if shift else [])
            products += [weight] + ([weight] if shift else [])
        flat = np.bincount(np.concatenate(places), np.concatenate(products), minlength=product.size)
        product += flat.reshape(product.shape).astype(np.float32)

    def times(self, weights: Floats) -> Floats:
        """``rows @ weights``: from ``width × classes`` to ``len × classes``."""
        return _sums(self.start, self.at, self.value, weights, len(self))

    def back(self, signal: Floats) -> Floats:
        """``rows.T @ signal``: from ``len × classes`` to ``width × classes``."""
        order = np.argsort(self.at, kind="stable")
        start = np.zeros(self.width + 1, np.int64)
        np.cumsum(np.bincount(self.at, minlength=self.width), out=start[1:])
        return _sums(start, self._row_of()[order], self.value[order], signal, self.width)


def _sums(start: Ints, at: Ints, value: Floats, source: Floats, size: int) -> Floats:
    """For each of ``size`` spans of ``start``: the sum of ``value * source[at]``, a chunk at a time."""
    result = np.zeros((size, source.shape[1]), np.float32)
    low = 0
    while low < size:
        high = int(np.searchsorted(start, start[low] + _CHUNK, side="right")) - 1
        high = min(max(high, low + 1), size)
        span = slice(start[low], start[high])
        filled = low + np.flatnonzero(np.diff(start[low : high + 1]))
        if len(filled):
            gathered = source[at[span]] * value[span, None]
            result[filled] = np.add.reduceat(gathered, start[filled] - start[low], axis=0)
        low = high
    return result
