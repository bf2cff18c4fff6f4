"""Which entry the words of a message speak for: naive Bayes over stems and pairs of stems. Fitting it is counting.

Words are weighed by TF-IDF and messages brought to unit length first, as in Rennie et al., "Tackling the Poor
Assumptions of Naive Bayes Text Classifiers" (ICML 2003). On invented questions it is as good as ridge regression on the same
features, which takes a matrix of all lines to fit.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from bot.understanding import Floats

SMOOTHING: Final = 0.05  # added to each count; from 0.02 to 0.1 the figures are the same

Stems = Sequence[str]


class NaiveBayes:
    """Log-odds of labels by stems and pairs of stems that follow each other. Immutable."""

    def __init__(self, lines: Sequence[Stems], labels: Sequence[int], count: int) -> None:
        """``lines``: the stems of each line; ``labels``: of each line, from 0 to ``count`` - 1."""
        found: Counter[str] = Counter(feature for stems in lines for feature in set(_features(stems)))
        self._at = {feature: at for at, feature in enumerate(found)}
        self._rarity = (np.log((1 + len(lines)) / (1 + np.fromiter(found.values(), float, len(found)))) + 1).astype(
            np.float32
        )
        counts = np.full((len(found), count), SMOOTHING, np.float32)
        self._totals = np.full(count, SMOOTHING * len(found))
        for stems, label in zip(lines, labels, strict=True):
            at, weights = self._weigh(stems)
            counts[at, label] += weights
            self._totals[label] += weights.sum()
        self._odds = np.log(counts, out=counts)
        self._odds -= np.log(self._totals).astype(np.float32)
        self._middle = self._odds.mean(axis=1)
        self._odds -= self._middle[:, None]

    def score(self, stems: Stems) -> Floats:
        """How much the words speak for each label; words that no line has say nothing."""
        at, weights = self._weigh(stems)
        scores: Floats = weights @ self._odds[at]
        return scores

    def score_without(self, stems: Stems, label: int) -> Floats:
        """``score`` as if the line of ``stems`` and ``label`` had not been among those counted."""
        at, weights = self._weigh(stems)
        scores = weights @ self._odds[at]
        counted = np.exp(self._odds[at, label] + self._middle[at]) * self._totals[label]
        left = (counted - weights).clip(SMOOTHING) / (self._totals[label] - weights.sum())
        change = np.log(left) - np.log(counted / self._totals[label])
        scores[label] += (1 - 1 / len(self._totals)) * float(weights @ change)
        return np.asarray(scores, np.float32)

    def _weigh(self, stems: Stems) -> tuple[np.ndarray, Floats]:
        """Places of the known features, and their weights (as a unit vector)."""
        found = Counter(self._at[feature] for feature in _features(stems) if feature in self._at)
        at = np.fromiter(found, np.intp, len(found))
        weights = (1 + np.log(np.fromiter(found.values(), np.float32, len(found)))) * self._rarity[at]
        return at, weights / max(float(np.linalg.norm(weights)), 1e-6)


def _features(stems: Stems) -> Iterator[str]:
    yield from stems
    yield from (f"{first} {second}" for first, second in itertools.pairwise(stems))
