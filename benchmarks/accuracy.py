"""Our matcher beside others, on the same content and the same messages, in one run.

Run from the repository: ``python benchmarks/accuracy.py [FILE.jsonl] [--faq FOLDER]``; the file is
tests/eval/questions_dev.jsonl unless given.

Every matcher learns from the same phrasings (and, where it can, the same out-of-scope messages); ours has the lexicon
too. *first*, *three*: the right entry comes first, is among the first three. *right*, *false*: of the messages in scope
answered rightly, of those out of scope answered at all, when each matcher answers from the score on at which 2 % of the
messages in scope get a wrong answer (a limit taken from the set itself, unlike our own). Small talk is left out.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from bot.content import Content, load  # noqa: E402
from bot.evaluation import read  # noqa: E402
from bot.learning.sentences import SentenceModel, find  # noqa: E402
from bot.matching import Matcher  # noqa: E402
from bot.matching.concepts import stems_of  # noqa: E402
from bot.matching.examples import NONE  # noqa: E402
from bot.matching.vectors import vectors_of  # noqa: E402

# Entries with their scores, best first.
Ranked = list[tuple[str, float]]
Rank = Callable[[str], Ranked]
WRONG = 0.02


@dataclass(frozen=True)
class Lines:
    """What every matcher learns from."""

    texts: list[str]
    labels: list[str]

    @property
    def in_scope(self) -> "Lines":
        pairs = [pair for pair in zip(self.texts, self.labels, strict=True) if pair[1] != NONE]
        return Lines([text for text, _ in pairs], [label for _, label in pairs])


def lines_of(content: Content) -> Lines:
    pairs = [(text, entry.id) for entry in content.entries.values() for text in (entry.question, *entry.phrasings)]
    pairs += [(message, NONE) for message in content.out_of_scope]
    return Lines([text for text, _ in pairs], [label for _, label in pairs])


def best_per_entry(scores: NDArray[np.float64], labels: Sequence[str]) -> Ranked:
    """The highest score of each entry's phrasings; "none of these" takes part and is dropped."""
    best: dict[str, float] = {}
    for at in np.argsort(-scores)[:200]:
        best.setdefault(labels[at], float(scores[at]))
    return without_none(list(best.items()))


def without_none(ranked: Ranked) -> Ranked:
    """Scores lowered by that of "none of these", which is no entry."""
    none = dict(ranked).get(NONE, 0.0)
    return [(label, score - none) for label, score in ranked if label != NONE]


def ours(content: Content, second_stage: bool) -> Rank:
    matcher = Matcher.of(content, ROOT / "build" / "benchmarks", second_stage=second_stage)
    return lambda text: [(candidate.entry, candidate.score) for candidate in matcher.rank(text).candidates]


def fuzzy(lines: Lines, scorer_name: str) -> Rank:
    from rapidfuzz import fuzz, process, utils

    scorer = getattr(fuzz, scorer_name)
    choices = [utils.default_process(text) for text in lines.texts]

    def rank(text: str) -> Ranked:
        query = utils.default_process(text)
        return best_per_entry(process.cdist([query], choices, scorer=scorer)[0].astype(float), lines.labels)

    return rank


def tfidf(lines: Lines) -> Rank:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=lambda text: list(stems_of(text)), sublinear_tf=True)
    matrix = vectorizer.fit_transform(lines.texts)
    return lambda text: best_per_entry((matrix @ vectorizer.transform([text]).T).toarray()[:, 0], lines.labels)


def bm25(lines: Lines) -> Rank:
    import bm25s

    retriever = bm25s.BM25()
    retriever.index([list(stems_of(text)) for text in lines.texts], show_progress=False)

    def rank(text: str) -> Ranked:
        known = [stem for stem in stems_of(text) if stem in retriever.vocab_dict]
        if not known:
            return []
        return best_per_entry(retriever.get_scores(known).astype(float), lines.labels)

    return rank


def linear_svm(lines: Lines) -> Rank:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2)
    model = make_pipeline(make_union(words, letters), LinearSVC(C=0.5)).fit(lines.texts, lines.labels)
    return lambda text: ranked_by(model.classes_, model.decision_function([text])[0])


def sentence_vectors(lines: Lines, model: SentenceModel) -> Rank:
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=10, max_iter=300).fit(vectors_of(lines.texts, model), lines.labels)
    return lambda text: ranked_by(head.classes_, head.predict_proba(model.vectors([text]))[0])


def ranked_by(labels: Sequence[str], scores: NDArray[np.float64]) -> Ranked:
    return without_none([(str(labels[at]), float(scores[at])) for at in np.argsort(-scores)])


def measure(name: str, rank: Rank, rows: Sequence[dict[str, object]]) -> str:
    """One line of the table."""
    first: list[tuple[float, bool]] = []
    out: list[float] = []
    three, times = 0, []
    for row in rows:
        start = time.perf_counter()
        ranked = rank(str(row["text"]))[:3]
        times.append(time.perf_counter() - start)
        accept = row["accept"]
        assert isinstance(accept, list)
        score = ranked[0][1] if ranked else float("-inf")
        if row["kind"] == "in":
            first.append((score, bool(ranked) and ranked[0][0] in accept))
            three += any(entry in accept for entry, _ in ranked)
        elif row["kind"] == "out":
            out.append(score)
    wrong = sorted((score for score, is_right in first if not is_right), reverse=True)
    allowed = int(WRONG * len(first))
    limit = wrong[allowed] if len(wrong) > allowed else float("-inf")
    right = sum(is_right and score > limit for score, is_right in first)
    false = sum(score > limit for score in out)
    return (
        f"{name:<36}{sum(is_right for _, is_right in first) / len(first):7.1%}{three / len(first):8.1%}"
        f"{right / len(first):8.1%}{false / max(1, len(out)):8.1%}"
        f"{statistics.median(times) * 1000:9.2f}{sorted(times)[int(0.99 * len(times))] * 1000:9.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "tests/eval/questions_dev.jsonl")
    parser.add_argument("--faq", type=Path, default=ROOT / "faq")
    arguments = parser.parse_args()
    content, rows = load(arguments.faq), read(arguments.file)
    lines, folder = lines_of(content), find()
    print(f"{len(lines.in_scope.texts)} phrasings of {len(content.entries)} entries, {len(rows)} messages\n")
    print(f"{'':<36}{'first':>7}{'three':>8}{'right':>8}{'false':>8}{'ms p50':>9}{'ms p99':>9}")
    matchers: list[tuple[str, Callable[[], Rank]]] = [
        ("rapidfuzz WRatio", lambda: fuzzy(lines.in_scope, "WRatio")),
        ("rapidfuzz token_set_ratio", lambda: fuzzy(lines.in_scope, "token_set_ratio")),
        ("TF-IDF of stems, nearest phrasing", lambda: tfidf(lines)),
        ("BM25 of stems (bm25s)", lambda: bm25(lines)),
        ("linear SVM, words and characters", lambda: linear_svm(lines)),
    ]
    if folder:
        matchers.append(("MiniLM + logistic regression", lambda: sentence_vectors(lines, SentenceModel(folder))))
    matchers.append(("ours, first stage", lambda: ours(content, second_stage=False)))
    if folder:
        matchers.append(("ours, both stages", lambda: ours(content, second_stage=True)))
    for name, build in matchers:
        print(measure(name, build(), rows), flush=True)


if __name__ == "__main__":
    main()
