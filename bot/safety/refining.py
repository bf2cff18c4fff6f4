"""Learns the lines that came after the shipped weights on top of them, so that what staff add counts at once.

The encoder stays as it is; only the weights on its vectors move, and no further from the shipped ones than the new
lines ask for. ``training/second_listener.py`` teaches the encoder itself anew.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.content import Content
from bot.content.red_flags import HARMLESS
from bot.learning import logistic
from bot.learning.sentences import SentenceModel, find
from bot.learning.storing import keep_newest, load_arrays, save_arrays
from bot.safety.learning import Line, lines_of, listening
from bot.safety.meaning import SHIPPED, Meaning, Shipped, key_of, levels_of, shipped
from bot.safety.screening import Screener

Floats = NDArray[np.float32]

# Weight of half the squared distance to the shipped weights against the summed loss of the new lines: one clear line
# moves its own verdict and hardly another's.
PENALTY = 0.05
STEPS = 60
# A vector takes some 10 ms; a content with more new lines than this wants its encoder taught anew.
MOST_NEW = 1_000
# Known lines that must keep their verdict, taken evenly from all: new lines of one kind alone would draw everything to them.
ANCHORS = 200
# What a rule without any shipped weight starts from (logit against the others): rare.
UNKNOWN = -4.0
KEPT = 4


def listening_closely(content: Content, cache_dir: Path | None = None) -> Screener:
    """The screener of ``content`` with all its listeners: also the one that goes by meaning, where its wheel is installed.

    Where that one should be there and fails, the rest stands and every screening is degraded.
    """
    screener = listening(content, cache_dir)
    try:
        meaning = meaning_of(content, cache_dir)
    except Exception:  # broken weights must not take the rules with them
        return screener.without_listener()
    return screener.with_meaning(meaning) if meaning else screener


def meaning_of(content: Content, cache_dir: Path | None = None) -> Meaning | None:
    """The tuned listener for ``content``; None where its wheel or its shipped weights are missing, or where the content
    has none of its rules."""
    folder, ready = find(), shipped()
    levels: dict[str, str] = {rule.id: rule.level for rule in content.red_flags.rules}
    if folder is None or ready is None or levels.keys().isdisjoint(ready.classes):
        return None
    encoder = _encoder(folder, SHIPPED.stat().st_mtime_ns)
    fresh, anchors = new_lines(content, ready)
    classes = (*ready.classes, *sorted({line.rule for line in fresh} - set(ready.classes)))
    weights = _weights(ready, classes, [*fresh, *anchors], encoder, cache_dir) if fresh else ready.weights
    return Meaning(encoder, weights, classes, levels_of(classes, levels))


@lru_cache(maxsize=1)
def _encoder(folder: Path, _shipped_at: int) -> SentenceModel:
    """The tuned encoder, read once: a reload of content must not hold 45 MB a second time."""
    ready = shipped()
    assert ready
    return SentenceModel(folder, ready.tuning)


def new_lines(content: Content, ready: Shipped) -> tuple[list[Line], list[Line]]:
    """Lines of rules that the shipped weights were not learned from, and some of all lines that they were.

    A new harmless line waits for ``make train``: learned on top, "it isn't that I can't pee" would silence "can't pee".
    """
    fresh, known = [], []
    for line in lines_of(content, with_soon=True):
        if key_of(line.text, line.rule) in ready.known:
            known.append(line)
        elif line.rule != HARMLESS:
            fresh.append(line)
    return fresh[:MOST_NEW], known[:: max(1, len(known) // ANCHORS)]


def _weights(
    ready: Shipped, classes: Sequence[str], lines: Sequence[Line], encoder: SentenceModel, cache_dir: Path | None
) -> Floats:
    digest = hashlib.sha256(SHIPPED.read_bytes() + Path(__file__).read_bytes())
    digest.update("\n".join(f"{line.rule} {line.text}" for line in lines).encode())
    path = cache_dir / f"meaning-{digest.hexdigest()[:16]}.npz" if cache_dir else None
    kept = load_arrays(path) if path else None
    if kept and "weights" in kept and kept["weights"].shape == (len(ready.weights), len(classes)):
        return kept["weights"].astype(np.float32)
    weights = refine(ready.weights, classes, lines, encoder.vectors([line.text for line in lines]))
    if path and cache_dir and save_arrays(path, {"weights": weights}):
        keep_newest(cache_dir, "meaning-*.npz", KEPT)
    return weights


def refine(weights: Floats, classes: Sequence[str], lines: Sequence[Line], vectors: Floats) -> Floats:
    """``weights`` (vector and constant × ``classes``; new classes stand last) moved so that ``lines``, whose vectors are
    given, get the class of their rule."""
    added = np.zeros((len(weights), len(classes) - weights.shape[1]), np.float32)
    added[-1] = UNKNOWN
    own = np.array([classes.index(line.rule) for line in lines])
    return logistic.fit(vectors, own, len(classes), PENALTY, STEPS, np.concatenate([weights, added], axis=1))
