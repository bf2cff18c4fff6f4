"""A score for each pair of message and entry, from a few signals that do not know which entry it is.

The weights carry over to any content: they were learned on the shipped one, each line judged by parts that had not seen
it, and on messages reworded from real posts. They come with the package (``matching.npz``; see MODEL_CARD.md). What is
fitted to a content is a ridge head, in closed form, and naive Bayes, by counting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from rapidfuzz import fuzz

from bot.matching.bayes import NaiveBayes, Stems
from bot.understanding import Floats
from bot.understanding.encoder import FOLDER

PENALTY: Final = 0.3  # of the ridge head, against unit vectors; from 0.1 to 1 the figures are the same
SOFTNESS: Final = 20.0  # of the likeness to all lines of an entry: the nearest few count most
MOST_COMPARED: Final = 64  # nearest lines whose words are compared; those beyond are about something else
SIGNALS: Final = ("head", "likeness", "words", "bayes")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a content, sorted by label: what they say, their stems and their vectors (lines × width).

    ``starts``: where each label's lines begin; every label has at least one.
    """

    texts: tuple[str, ...]
    stems: tuple[Stems, ...]
    vectors: Floats
    starts: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """The label of each line, as a number."""
        return np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.texts)]))

    def label_of(self, line: int) -> int:
        return int(np.searchsorted(self.starts, line, side="right")) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One message against one content. ``features``: labels × 2 signals. ``near``: its likeness to each line (cosine).
    ``compared``: likeness of words (0..1) and line, of the lines nearest by meaning."""

    features: Floats
    near: Floats
    compared: list[tuple[float, int]]


class Scorer:
    """The signals of messages for one content. Immutable: threads may share it."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.head = fit_head(lines.vectors, lines.owners, len(lines.starts))
        self.bayes = NaiveBayes(lines.stems, lines.owners.tolist(), len(lines.starts))

    def judge(self, text: str, stems: Stems, vector: Floats) -> Judged:
        """``text``: corrected; ``stems``: of its words; ``vector``: what it is about."""
        near = self.lines.vectors @ vector
        words, compared = compare_words(text, near, self.lines)
        head = np.append(vector, np.float32(1.0)) @ self.head
        likeness = find_likeness(near[None], self.lines.starts)
        features = stack_signals(head[None], likeness, words[None], self.bayes.score(stems)[None])[0]
        return Judged(features, near, compared)


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


def compare_words(said: str, near: Floats, lines: Lines) -> tuple[Floats, list[tuple[float, int]]]:
    """The best likeness of words (0..1, their order left aside) of ``said`` to a line of each label, and all that were
    compared as likeness and line."""
    best = np.zeros(len(lines.starts), np.float32)
    count = min(MOST_COMPARED, len(near))
    compared = []
    for line in np.argpartition(-near, count - 1)[:count].tolist():
        likeness = fuzz.token_sort_ratio(said, lines.texts[line]) / 100
        compared.append((likeness, line))
        label = lines.label_of(line)
        best[label] = max(best[label], likeness)
    return best, compared


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
