"""A score for each pair of message and entry, from a few signals that do not know which entry it is.

The weights carry over to any content: they were learned on the shipped one, each line judged by parts that had not seen
it. They come with the package (``matching.npz``; see MODEL_CARD.md). What is
fitted to a content is a ridge head, in closed form, and naive Bayes, by counting.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from bot.matching.bayes import NaiveBayes, Stems
from bot.understanding import Floats
from bot.understanding.encoder import FOLDER

PENALTY: Final = 0.3  # of the ridge head, against unit vectors; from 0.1 to 1 the figures are the same
SOFTNESS: Final = 20.0  # of the likeness to all lines of an entry: the nearest few count most
SIGNALS: Final = ("head", "likeness", "bayes")


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The lines of a content, sorted by label: stems, vectors (lines × width) and labels.

    ``owners``: the label of each line, as a number from 0 on; every label has at least one line.
    """

    stems: tuple[Stems, ...]
    vectors: Floats
    owners: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Where each label's lines begin."""
        return np.searchsorted(self.owners, np.arange(self.owners[-1] + 1))


class Scorer:
    """The signals of messages for one content. Immutable: threads may share it."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.starts = lines.starts
        self.head = fit_head(lines.vectors, lines.owners, len(self.starts))
        self.bayes = NaiveBayes(lines.stems, lines.owners.tolist(), len(self.starts))

    def find_features(self, stems: Stems, vector: Floats) -> tuple[Floats, Floats]:
        """Of one message, by its stems and the unit ``vector`` of what it is about: labels × features, and its likeness to
        each line (cosine)."""
        near = self.lines.vectors @ vector
        head = np.append(vector, np.float32(1.0)) @ self.head
        likeness = find_likeness(near[None], self.starts)
        return stack_signals(head[None], likeness, self.bayes.score(stems)[None])[0], near


def fit_head(vectors: Floats, labels: np.ndarray, count: int) -> Floats:
    """Ridge regression from unit ``vectors`` (lines × width) to one of ``count`` labels: weights ((width + 1) × count)."""
    wide, gram = widen(vectors)
    wanted = np.zeros((len(vectors), count), np.float32)
    wanted[np.arange(len(vectors)), labels] = 1.0
    weights: Floats = np.linalg.solve(gram, wide.T @ wanted).astype(np.float32)
    return weights


def widen(vectors: Floats) -> tuple[Floats, Floats]:
    """``vectors`` with a one for the bias at the end of each, and the penalised matrix of their products."""
    wide = np.hstack([vectors, np.ones((len(vectors), 1), np.float32)])
    gram = wide.T @ wide
    gram[np.arange(len(gram) - 1), np.arange(len(gram) - 1)] += PENALTY
    return wide, gram


def find_likeness(near: Floats, starts: np.ndarray) -> Floats:
    """How like a message is to the lines of each label (messages × labels), from its likeness to each line."""
    counts = np.diff([*starts, near.shape[1]])
    powers = np.add.reduceat(np.exp(SOFTNESS * near), starts, axis=1)
    likeness: Floats = np.log(powers / counts).astype(np.float32) / SOFTNESS
    return likeness


def stack_signals(*signals: Floats) -> Floats:
    """Signals (messages × labels each) as features (messages × labels × 2 signals): each as it is, and how far it stands
    above the best of the other labels."""
    return np.stack([*signals, *map(_find_lead, signals)], axis=-1)


def _find_lead(signal: Floats) -> Floats:
    two = np.sort(signal, axis=1)[:, -2:]
    best, second = two[:, 1:], two[:, :1]
    return signal - np.where(signal == best, second, best)


@dataclass(frozen=True, slots=True)
class PairWeights:
    """``entry`` and ``none`` weigh the features of an entry, and of "nothing fits"; ``bias`` is added to the latter.

    ``answer_from``, ``suggest_from``: probabilities from which on an entry is answered, or shown as a button.
    """

    center: Floats
    scale: Floats
    entry: Floats
    none: Floats
    bias: float
    answer_from: float
    suggest_from: float

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Self:
        with np.load(folder / "matching.npz") as kept:
            arrays = (kept[name] for name in ("center", "scale", "entry", "none"))
            return cls(*arrays, *(float(kept[name]) for name in ("bias", "answer_from", "suggest_from")))

    def find_chances(self, features: Floats) -> Floats:
        """Probabilities (messages × labels) of features whose last label is "nothing fits"."""
        scaled = (features - self.center) / self.scale
        scores = np.concatenate([scaled[:, :-1] @ self.entry, (scaled[:, -1:] @ self.none) + self.bias], axis=1)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances: Floats = powers / powers.sum(axis=1, keepdims=True)
        return chances
