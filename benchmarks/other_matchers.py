"""Matchers that are not ours, for benchmarks/accuracy.py: what a library gives in a few lines on the same content.

Each gives scores of every message for every entry (messages × entries), less that of "nothing fits" where it knows it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bot.content import Content
from bot.matching import Matcher
from bot.matching.lines import SMALL_TALK, questions_of
from bot.understanding import Parsed, read_plainly
from bot.understanding.vectors import join_windows

Scores = np.ndarray


class Lines:
    """What every matcher learns from: phrasings and questions, and what is out of scope, one label after the other."""

    def __init__(self, content: Content) -> None:
        lines = [line for line in questions_of(content) if not line.label.startswith(SMALL_TALK)]
        self.entries = list(dict.fromkeys(line.label for line in lines if line.label))
        lines.sort(key=lambda line: self.entries.index(line.label) if line.label else len(self.entries))
        self.texts = [line.text for line in lines]
        self.owners = np.array([self.entries.index(line.label) if line.label else len(self.entries) for line in lines])
        self.starts = np.searchsorted(self.owners, np.arange(len(self.entries) + 1))

    def best(self, scores: Scores) -> Scores:
        """The highest score of each entry's lines, less that of the best line that is out of scope."""
        return less_none(np.maximum.reduceat(scores, self.starts, axis=1))


def less_none(scores: Scores) -> Scores:
    return scores[:, :-1] - scores[:, -1:]


def score_fuzzily(lines: Lines, texts: Sequence[str], scorer_name: str) -> Scores:
    from rapidfuzz import fuzz, process, utils

    inside = int(lines.starts[-1])
    prepared = ([utils.default_process(text) for text in some] for some in (texts, lines.texts[:inside]))
    return np.maximum.reduceat(process.cdist(*prepared, scorer=getattr(fuzz, scorer_name)), lines.starts[:-1], axis=1)


def score_by_bm25(lines: Lines, texts: Sequence[str]) -> Scores:
    import bm25s

    retriever = bm25s.BM25()
    retriever.index([list(read_plainly(text).stems) for text in lines.texts], show_progress=False)
    scores = np.zeros((len(texts), len(lines.texts)))
    for row, text in enumerate(texts):
        if known := [stem for stem in read_plainly(text).stems if stem in retriever.vocab_dict]:
            scores[row] = retriever.get_scores(known)
    return lines.best(scores)


def chances_by_tfidf(lines: Lines, texts: Sequence[str]) -> Scores:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2)
    features = make_union(words, letters)
    return regress(features.fit_transform(lines.texts), lines, features.transform(texts))


def chances_by_vectors(lines: Lines, parsed: Sequence[Parsed], ours: Matcher) -> Scores:
    assert ours._store
    return regress(ours._store.find(lines.texts), lines, np.stack([vector_of(one) for one in parsed]))


def vector_of(parsed: Parsed) -> np.ndarray:
    return np.zeros(384, np.float32) if parsed.vectors is None else join_windows(parsed.vectors.meaning)


def regress(known: Any, lines: Lines, asked: Any) -> Scores:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, max_iter=200, tol=1e-3).fit(known, lines.owners).predict_proba(asked)
