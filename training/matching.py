"""Learns the weights of the pairs of message and entry on the shipped content, and packs the vectors of its lines.

Every line is judged by a head, and by neighbours, that have not seen it nor the lines that stand beside it in the content
of the same post; so the weights know what to trust of a stranger's words.
"""

from pathlib import Path

import numpy as np
import torch

from bot.content import Content
from bot.matching.lines import NONE, questions_of, sentences_of
from bot.matching.scoring import Lines, compare_words, find_likeness, fit_head, stack_signals
from bot.text import normalize
from bot.understanding.encoder import Encoder, Floats
from bot.understanding.vectors import VectorStore, key_of, pack_vector, write_vectors

DECAY = 1e-3
STEPS = 150
# Of what is out of scope (near misses, chosen as such) at most this share may be answered; of known lines, at most this
# share of the answers may be wrong.
MOST_OUTSIDE, MOST_WRONG = 0.04, 0.06
SUGGEST_FROM = 0.06
BOUNDS = (
    0.4,
    0.7,
)  # below, a wrong answer is nearly as likely as a right one; above, each one spared costs five right ones


def learn_pairs(content: Content, encoder: Encoder, folder: Path) -> dict[str, float]:
    """Writes ``vectors.npz`` and ``matching.npz`` into ``folder``; returns figures of the held-out judgements."""
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
    features = _features(lines, sentences, owners, len(asked))
    weights = _fit(features, owners)
    chances = _chances(features, weights)
    first, best = chances[:, :-1].argmax(1), chances[:, :-1].max(1)
    is_in = owners < len(asked) - 1
    is_right = is_in & (first == owners)
    outside_from = float(np.quantile(best[~is_in], 1 - MOST_OUTSIDE))
    answer_from = min(max(outside_from, _sure_from(best[is_in], is_right[is_in]), BOUNDS[0]), BOUNDS[1])
    np.savez(folder / "matching.npz", **weights, answer_from=answer_from, suggest_from=SUGGEST_FROM)
    return {
        "first right": float(is_right[is_in].mean()), "answered right": float((is_right & (best >= answer_from))[is_in].mean()),
        "answered wrong": float((~is_right & (best >= answer_from))[is_in].mean()), "answer from": answer_from,
        "outside answered": float((best[~is_in] >= answer_from).mean()),
    }  # fmt: skip


def _sure_from(best: Floats, is_right: np.ndarray) -> float:
    """The probability from which on at most ``MOST_WRONG`` of the answers would be wrong."""
    order = np.argsort(-best)
    wrong = np.cumsum(~is_right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(wrong <= MOST_WRONG)
    return float(best[order[good[-1]]]) if len(good) else 1.0


def _features(lines: Lines, sentences: Lines, owners: np.ndarray, count: int) -> Floats:
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


def _fit(features: Floats, owners: np.ndarray) -> dict[str, np.ndarray]:
    """A conditional logit: all entries share their weights, "nothing fits" has its own."""
    width = features.shape[-1]
    center, scale = features.reshape(-1, width).mean(0), features.reshape(-1, width).std(0) + 1e-6
    scaled = torch.tensor((features - center) / scale)
    wanted = torch.tensor(owners)
    entry, none, bias = (torch.zeros(size, requires_grad=True) for size in (width, width, 1))
    solver = torch.optim.LBFGS([entry, none, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        scores = torch.cat([scaled[:, :-1] @ entry, scaled[:, -1:] @ none + bias], dim=1)
        value = torch.nn.functional.cross_entropy(scores, wanted) + DECAY * (entry.square().sum() + none.square().sum())
        value.backward()
        return value

    solver.step(loss)
    return {
        "center": center.astype(np.float32), "scale": scale.astype(np.float32), "entry": entry.detach().numpy(),
        "none": none.detach().numpy(), "bias": bias.detach().numpy()[0],
    }  # fmt: skip


def _chances(features: Floats, weights: dict[str, np.ndarray]) -> Floats:
    scaled = (features - weights["center"]) / weights["scale"]
    scores = np.concatenate(
        [scaled[:, :-1] @ weights["entry"], scaled[:, -1:] @ weights["none"] + weights["bias"]], axis=1
    )
    powers = np.exp(scores - scores.max(1, keepdims=True))
    chances: Floats = powers / powers.sum(1, keepdims=True)
    return chances
