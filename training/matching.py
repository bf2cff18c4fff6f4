"""Learns the weights of the pairs of message and entry on the shipped content, and packs the vectors of its lines.

Every line is judged by a head, and by neighbours, that have not seen it. What may be answered is set on messages that the
encoder was not tuned on either: the content's own tests, and the real lines held out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.content import Content
from bot.matching.lines import NONE, questions_of, sentences_of
from bot.matching.scoring import Lines, compare_words, find_likeness, fit_head, stack_signals
from bot.understanding.encoder import Encoder, Floats
from bot.understanding.text import normalize
from bot.understanding.vectors import VectorStore, key_of, pack_vector, write_vectors

DECAY = 1e-3
TOLERANCE = 1e-4
# Of what is out of scope at most this share may be answered; of what is in scope, at most this share wrongly.
MOST_OUTSIDE, MOST_WRONG = 0.10, 0.08
SUGGEST_FROM = 0.04
BOUNDS = (0.4, 0.7)  # below, a wrong answer is nearly as likely as a right one; above, one spared costs five right ones


def learn_pairs(
    content: Content, encoder: Encoder, folder: Path, strangers: Sequence[tuple[str, str]]
) -> dict[str, float]:
    """Writes ``vectors.npz`` and ``matching.npz`` into ``folder``; returns figures of ``strangers``.

    ``strangers``: messages that the encoder was not tuned on, each with the entry that it asks for, empty for none.
    """
    (folder / "vectors.npz").unlink(missing_ok=True)
    by_label: dict[str, list[str]] = {}
    for line in questions_of(content):
        by_label.setdefault(line.label, []).append(line.text)
    outside = by_label.pop(NONE)
    asked = [*by_label.values(), outside]
    said: dict[str, list[str]] = {label: [] for label in by_label}
    for sentence in sentences_of(content):
        said[sentence.label].append(sentence.text)
    answers = [said[label] or by_label[label][:1] for label in by_label] + [outside[:1]]
    store = VectorStore(encoder, None, folder)
    texts = [text for one in asked for text in one]
    lines = Lines.of(asked, store.find(texts))
    sentences = Lines.of(answers, store.find([text for one in answers for text in one]))
    known = {text for one in (*asked, *answers) for text in one}
    known |= {text for test in content.utterances for text in test.utterances}
    known |= {text for page in content.red_flags.pages for text in (*page.must_raise, *page.must_stay_quiet)}
    every = sorted(known)
    write_vectors(
        folder / "vectors.npz",
        {key_of(text): pack_vector(one) for text, one in zip(every, store.find(every), strict=True)},
    )
    owners = np.repeat(np.arange(len(asked)), [len(one) for one in asked])
    weights = fit_weights(find_features(lines, sentences, owners, len(asked)), owners)
    head = fit_head(lines.vectors, owners, len(asked))[0]
    at = {label: place for place, label in enumerate((*by_label, NONE))}
    strangers = [(text, label) for text, label in strangers if label in at]
    features = judge_strangers([text for text, _ in strangers], store, lines, sentences, head)
    owners = np.array([at[label] for _, label in strangers])
    chances = _chances(features, weights)
    first, best = chances[:, :-1].argmax(1), chances[:, :-1].max(1)
    is_in = owners < len(asked) - 1
    is_right = is_in & (first == owners)
    answer_from = _answer_from(best, is_in, is_right)
    np.savez(folder / "matching.npz", **weights, answer_from=answer_from, suggest_from=SUGGEST_FROM)
    return {
        "first right": float(is_right[is_in].mean()), "answered right": float((is_right & (best >= answer_from))[is_in].mean()),
        "answered wrong": float((~is_right & (best >= answer_from))[is_in].mean()), "answer from": answer_from,
        "outside answered": float((best[~is_in] >= answer_from).mean()),
    }  # fmt: skip


def _answer_from(best: Floats, is_in: np.ndarray, is_right: np.ndarray) -> float:
    """The lowest probability from which on few enough of the answers would be wrong, and little out of scope answered."""
    for probability in np.arange(BOUNDS[0], BOUNDS[1], 0.01):
        is_answered = best >= probability
        wrong, outside = (is_answered & is_in & ~is_right).sum(), (is_answered & ~is_in).sum()
        if wrong <= MOST_WRONG * is_in.sum() and outside <= MOST_OUTSIDE * (~is_in).sum():
            return float(probability)
    return BOUNDS[1]


def find_features(lines: Lines, sentences: Lines, owners: np.ndarray, count: int) -> Floats:
    """Features of every line as if it were a stranger's message."""
    _, head = fit_head(lines.vectors, owners, count)
    near = lines.vectors @ lines.vectors.T
    np.fill_diagonal(near, -1.0)
    words = np.zeros((len(near), count), np.float32)
    for row, text in enumerate(lines.texts):
        words[row] = compare_words(normalize(text), near[row], lines)[0]
    answer = np.maximum.reduceat(lines.vectors @ sentences.vectors.T, sentences.starts, axis=1)
    answer[:, -1] = 0.0
    return stack_signals(head, find_likeness(near, lines.starts), words, answer)


def judge_strangers(texts: Sequence[str], store: VectorStore, lines: Lines, sentences: Lines, head: Floats) -> Floats:
    """Features of messages that are no lines of the content."""
    vectors = store.find(texts)
    near = vectors @ lines.vectors.T
    words = np.stack([compare_words(normalize(text), row, lines)[0] for text, row in zip(texts, near, strict=True)])
    answer = np.maximum.reduceat(vectors @ sentences.vectors.T, sentences.starts, axis=1)
    answer[:, -1] = 0.0
    scores = np.hstack([vectors, np.ones((len(vectors), 1), np.float32)]) @ head
    return stack_signals(scores, find_likeness(near, lines.starts), words, answer)


def fit_weights(features: Floats, owners: np.ndarray, used: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """A conditional logit by Newton's method: all entries share their weights, "nothing fits" has its own.

    ``used``: which features take part (all if None); the weights of the others are zero.
    """
    rows, labels, width = features.shape
    center, scale = features.reshape(-1, width).mean(0), features.reshape(-1, width).std(0) + 1e-6
    used = np.ones(width, bool) if used is None else used
    scaled = ((features - center) / scale)[..., used]
    count = int(used.sum())
    design = np.zeros((rows, labels, 2 * count + 1))
    design[:, :-1, :count], design[:, -1, count:-1], design[:, -1, -1] = scaled[:, :-1], scaled[:, -1], 1.0
    penalty = 2 * DECAY * np.append(np.ones(2 * count), 0.0)

    def find_loss(weights: np.ndarray) -> float:
        right = _soften(design @ weights)[np.arange(rows), owners]
        return float(-np.log(right.clip(1e-12)).mean() + (penalty * weights**2).sum() / 2)

    weights, step = np.zeros(2 * count + 1), np.ones(1)
    while np.abs(step).max() > TOLERANCE:
        chances = _soften(design @ weights)
        expected = np.einsum("nl,nlf->nf", chances, design)
        slope = (expected - design[np.arange(rows), owners]).mean(0) + penalty * weights
        weighted = (design * np.sqrt(chances)[..., None]).reshape(-1, len(weights))
        curvature = (weighted.T @ weighted - expected.T @ expected) / rows + np.diag(penalty)
        step, loss = np.linalg.solve(curvature, slope), find_loss(weights)
        while find_loss(weights - step) > loss and np.abs(step).max() > TOLERANCE:
            step = step / 2  # a whole step of Newton's may lead past the valley
        weights = weights - step
    entry, none = np.zeros(width, np.float32), np.zeros(width, np.float32)
    entry[used], none[used] = weights[:count], weights[count:-1]
    return {
        "center": center.astype(np.float32), "scale": scale.astype(np.float32), "entry": entry, "none": none,
        "bias": np.float32(weights[-1]),
    }  # fmt: skip


def _soften(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    chances: Floats = powers / powers.sum(1, keepdims=True)
    return chances


def _chances(features: Floats, weights: dict[str, np.ndarray]) -> Floats:
    scaled = (features - weights["center"]) / weights["scale"]
    scores = np.concatenate(
        [scaled[:, :-1] @ weights["entry"], scaled[:, -1:] @ weights["none"] + weights["bias"]], axis=1
    )
    return _soften(scores)
