"""Learns the weights of the pairs of message and entry on the shipped content, and packs the vectors of its lines.

They are learned on the content's own lines, each judged by parts that have not seen it (messages in real words beside them
changed nothing). What may be answered is set on messages that are no lines: the content's own tests, and real ones held out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.content import Content
from bot.matching.lines import lines_by_label
from bot.matching.scoring import Lines, Scorer, find_likeness, stack_signals, widen
from bot.understanding import read_plainly
from bot.understanding.encoder import Encoder, Floats
from bot.understanding.vectors import VectorStore, key_of, pack_vector, write_vectors

DECAY = 1e-3
TOLERANCE = 1e-4
# Of what is out of scope at most this share may be answered; of what is in scope, at most this share wrongly.
MOST_OUTSIDE, MOST_WRONG = 0.085, 0.08
SUGGEST_FROM = 0.04
BOUNDS = (0.4, 0.7)  # below, a wrong answer is nearly as likely as a right one; above, one spared costs five right ones

Asked = Sequence[tuple[str, Sequence[str]]]  # messages, each with the labels that would answer it


def learn_pairs(content: Content, encoder: Encoder, folder: Path, strangers: Asked) -> dict[str, float]:
    """Writes ``vectors.npz`` and ``matching.npz`` into ``folder``; returns figures of ``strangers``."""
    (folder / "vectors.npz").unlink(missing_ok=True)
    labels, by_label = lines_by_label(content)
    texts = [text for one in by_label for text in one]
    store = VectorStore(encoder, None, folder)
    _write_vectors(content, texts, store, folder)
    plain = list(map(read_plainly, texts))
    owners = np.repeat(np.arange(len(labels)), list(map(len, by_label)))
    scorer = Scorer(Lines(tuple(line.stems for line in plain), store.find(texts), owners))
    weights = fit_weights(find_features(scorer), owners)
    chances = _chances(judge_messages([text for text, _ in strangers], store, scorer), weights)
    accept = mark_accepted(strangers, labels)
    first, best = chances[:, :-1].argmax(1), chances[:, :-1].max(1)
    is_in = ~accept[:, -1]
    is_right = is_in & accept[np.arange(len(accept)), first]
    answer_from = _answer_from(best, is_in, is_right)
    np.savez(folder / "matching.npz", **weights, answer_from=answer_from, suggest_from=SUGGEST_FROM)
    return {
        "first right": float(is_right[is_in].mean()), "answered right": float((is_right & (best >= answer_from))[is_in].mean()),
        "answered wrong": float((~is_right & (best >= answer_from))[is_in].mean()), "answer from": answer_from,
        "outside answered": float((best[~is_in] >= answer_from).mean()),
    }  # fmt: skip


def _write_vectors(content: Content, texts: Sequence[str], store: VectorStore, folder: Path) -> None:
    """Those of the lines, and of the messages that the content is tested with."""
    known = {*texts, *(text for test in content.utterances for text in test.utterances)}
    known |= {text for page in content.red_flags.pages for text in (*page.must_raise, *page.must_stay_quiet)}
    every = sorted(known)
    vectors = zip(every, store.find(every), strict=True)
    write_vectors(folder / "vectors.npz", {key_of(text): pack_vector(one) for text, one in vectors})


def mark_accepted(asked: Asked, labels: Sequence[str]) -> np.ndarray:
    """Which labels are right for each message (messages × labels)."""
    return np.array([[label in accepted for label in labels] for _, accepted in asked])


def _answer_from(best: Floats, is_in: np.ndarray, is_right: np.ndarray) -> float:
    """The lowest probability from which on few enough of the answers would be wrong, and little out of scope answered."""
    for probability in np.arange(BOUNDS[0], BOUNDS[1], 0.01):
        is_answered = best >= probability
        wrong, outside = (is_answered & is_in & ~is_right).sum(), (is_answered & ~is_in).sum()
        if wrong <= MOST_WRONG * is_in.sum() and outside <= MOST_OUTSIDE * (~is_in).sum():
            return float(probability)
    return BOUNDS[1]


def find_features(scorer: Scorer) -> Floats:
    """Features of every line (lines × labels × features) as if it were a stranger's message."""
    lines, owners = scorer.lines, scorer.lines.owners
    near = lines.vectors @ lines.vectors.T
    np.fill_diagonal(near, -1.0)
    bayes = np.stack([scorer.bayes.score_without(*one) for one in zip(lines.stems, owners, strict=True)])
    head = score_left_out(lines.vectors, owners, scorer.head)
    return stack_signals(head, find_likeness(near, scorer.starts), bayes)


def score_left_out(vectors: Floats, labels: np.ndarray, head: Floats) -> Floats:
    """What ``head`` would give each line had it been fitted without it (lines × labels), in closed form."""
    wide, gram = widen(vectors)
    wanted = np.zeros((len(vectors), head.shape[1]), np.float32)
    wanted[np.arange(len(vectors)), labels] = 1.0
    leverage = np.einsum("ij,ij->i", wide @ np.linalg.inv(gram), wide)[:, None]
    left_out: Floats = ((wide @ head - wanted * leverage) / (1 - leverage).clip(1e-3)).astype(np.float32)
    return left_out


def judge_messages(texts: Sequence[str], store: VectorStore, scorer: Scorer) -> Floats:
    """Features of messages that are no lines of the content."""
    stems = [read_plainly(text).stems for text in texts]
    return np.stack([scorer.find_features(*one)[0] for one in zip(stems, store.find(texts), strict=True)])


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
