"""How well questions are answered, as patients are served; other matchers beside it; and what each part of ours earns.

Run from the repository: ``python benchmarks/accuracy.py [PART …] [--sample N] [--plot FOLDER]``, where PART is
``served``, ``beside`` or ``parts`` (all unless given). Everything is measured on the same content in one run, invented
and real words side by side; exit 1 where a served figure is worse than its floor in ``FLOORS``.

*first*: what is shown first is right. *shown*: what is right is among what is shown. *right*, *wrong*: answered directly.
*answered*, *offered*: of what is out of scope. Of the other matchers three entries count as shown, and each answers from
the score on at which as many in scope are answered wrongly as the floors allow: a limit taken from the set itself, unlike ours.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from other_matchers import (  # noqa: E402
    Lines,
    Scores,
    chances_by_tfidf,
    chances_by_vectors,
    less_none,
    score_by_bm25,
    score_fuzzily,
)

from bot.assistant import build  # noqa: E402
from bot.assistant.asking import as_json, ask  # noqa: E402
from bot.cli.evaluation import Judged, curve_lines, draw, judge, read, wilson  # noqa: E402
from bot.content import Content, load  # noqa: E402
from bot.matching import Matcher, matcher  # noqa: E402
from bot.matching.lines import SMALL_TALK, questions_of  # noqa: E402
from bot.matching.scoring import SIGNALS, PairWeights  # noqa: E402
from bot.understanding import Parsed, Understanding, known_words, load_understanding  # noqa: E402
from bot.understanding.text import normalize  # noqa: E402

CACHE = ROOT / "build" / "benchmarks"
PLAIN = "questions_plain"
SETS = {"invented": "questions_*", "real": "real_questions_*", "plain": PLAIN}  # of tests/eval
CHANGED = "changed"  # phrasings of the content with a slip, or two words swapped
MOST_CHANGED = 1500

Row = Mapping[str, Any]
Rows = Sequence[Row]

FIGURES: dict[str, tuple[str, Callable[[Judged], bool]]] = {
    "first": ("in", lambda one: one.is_first_right),
    "shown": ("in", lambda one: one.is_shown_right),
    "right": ("in", lambda one: one.is_answered and one.is_first_right),
    "wrong": ("in", lambda one: one.is_answered and not one.is_first_right),
    "alarm": ("in", lambda one: one.reply["level"] in ("emergency", "urgent")),
    "question": ("in", lambda one: one.reply["level"] == "check"),
    "answered": ("out", lambda one: one.is_answered),
    "offered": ("out", lambda one: one.reply["kind"] == "suggest"),
}
COLUMNS = ("first", "shown", "right", "wrong", "answered")  # of the tables beside others, and of parts
AT_LEAST = ("first", "shown", "right")  # per cent; of the others, at most
FLOORS: dict[str, dict[str, float]] = {
    "invented": {"first": 95, "shown": 98.5, "right": 88, "wrong": 1.5, "alarm": 0.5, "question": 2, "answered": 2, "offered": 25},
    "real": {"first": 88, "shown": 95, "right": 72, "wrong": 3, "alarm": 1, "question": 3, "answered": 5, "offered": 40},
    "plain": {"first": 98, "shown": 99, "right": 95, "wrong": 0.5, "alarm": 0, "question": 0},
    CHANGED: {"first": 99.5, "right": 98, "wrong": 0.3},
}  # fmt: skip


# The sets


def read_sets(sample: int) -> dict[str, dict[str, list[Row]]]:
    """Every ``sample``-th row of each file of each set."""
    found: dict[str, dict[str, list[Row]]] = {}
    for name, files in SETS.items():
        paths = sorted((ROOT / "tests/eval").glob(f"{files}.jsonl"))
        found[name] = {path.stem: read(path)[::sample] for path in paths if (path.stem == PLAIN) == (files == PLAIN)}
    return found


def change_phrasings(content: Content, most: int) -> list[Row]:
    """What staff wrote, as somebody might type it: one slip of the thumb in a long word, or two words swapped."""
    owners: dict[str, list[str]] = {}
    for line in questions_of(content):
        if line.label and not line.label.startswith(SMALL_TALK):
            owners.setdefault(normalize(line.text), []).append(line.label)
    random_, rows = random.Random(1), []
    for said, accept in random_.sample(sorted(owners.items()), min(most, len(owners))):
        words = said.split()
        long = [at for at, word in enumerate(words) if len(word) > 5 and word.isalpha()]
        if len(words) > 2 and (not long or random_.random() < 0.5):
            at = random_.randrange(len(words) - 1)
            words[at], words[at + 1] = words[at + 1], words[at]
        elif long:
            at = random_.choice(long)
            word, slip = words[at], random_.randrange(1, len(words[at]) - 1)
            swapped = random_.choice(("", word[slip + 1] + word[slip]))  # one letter left out, or two swapped
            words[at] = word[:slip] + swapped + word[slip + (2 if swapped else 1) :]
        rows.append({"text": " ".join(words), "accept": accept, "kind": "in"})
    return rows


# As served


def measure_served(judged: Sequence[Judged]) -> dict[str, tuple[int, int]]:
    """How many, of how many, for each of ``FIGURES``."""
    kinds = {kind: [one for one in judged if one.kind == kind] for kind in ("in", "out")}
    return {name: (sum(map(is_hit, kinds[kind])), len(kinds[kind])) for name, (kind, is_hit) in FIGURES.items()}


def served_line(name: str, figures: Mapping[str, tuple[int, int]]) -> str:
    cells = []
    for some, of in figures.values():
        low, high = wilson(some, of)
        cells.append(f"{100 * some / of:.1f} ({100 * low:.1f}–{100 * high:.1f})" if of else "-")
    return f"{name:<22}{figures['first'][1]:>5}{figures['answered'][1]:>5}" + "".join(f"{cell:>19}" for cell in cells)


def find_breaches(name: str, figures: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Each figure of the set that is worse than its floor, in words."""
    for figure, bar in FLOORS.get(name, {}).items():
        some, of = figures[figure]
        share = 100 * some / max(of, 1)
        if of and (share < bar if figure in AT_LEAST else share > bar):
            kind = "at least" if figure in AT_LEAST else "at most"
            yield f"BELOW THE FLOOR  {name}, {figure}: {share:.1f} % ({some}/{of}), {kind} {bar} %"


# Scores of every message for every entry


def score_ours(ours: Matcher, parsed: Sequence[Parsed], entries: Sequence[str]) -> Scores:
    """-inf where an entry is no candidate."""
    scores = np.full((len(parsed), len(entries)), -np.inf)
    for row, one in enumerate(parsed):
        for candidate in ours.rank(one).candidates:
            scores[row, entries.index(candidate.entry)] = candidate.score
    return scores


def measure_scores(scores: Scores, rows: Rows, entries: Sequence[str], most_wrong: float) -> tuple[float, ...]:
    """first, shown, right, wrong, answered: shares of the messages."""
    accept = np.array([[entry in row["accept"] for entry in entries] for row in rows]) & np.isfinite(scores)
    is_in, is_out = (np.array([row["kind"] == kind for row in rows]) for kind in ("in", "out"))
    top = scores.max(axis=1)
    is_first = accept[np.arange(len(rows)), scores.argmax(axis=1)]
    shown = np.take_along_axis(accept, np.argsort(-scores, axis=1)[:, :3], axis=1).any(axis=1)
    wrong = np.sort(top[is_in & ~is_first])[::-1]
    allowed = int(most_wrong / 100 * is_in.sum())
    limit = wrong[allowed] if len(wrong) > allowed else -np.inf
    answered = top > limit
    shares = (is_first, shown, is_first & answered, ~is_first & answered)
    return (*(float(one[is_in].mean()) for one in shares), float(answered[is_out].mean()))


# Parts of ours left out


def fit_without(ours: Matcher) -> Iterator[tuple[str, Matcher]]:
    """Ours with the weights learned again, whole and with one signal, or how far each is ahead, left out."""
    from training.matching import find_features, fit_weights

    owners, features = ours.scorer.lines.owners, find_features(ours.scorer)
    own, ahead = np.split(np.arange(features.shape[-1]), 2)
    left_out = {"": [], **{signal: [own[at], ahead[at]] for at, signal in enumerate(SIGNALS)}, "how far ahead": ahead}
    limits = ours._weights.answer_from, ours._weights.suggest_from
    for name, columns in left_out.items():
        fitted = fit_weights(features, owners, ~np.isin(np.arange(features.shape[-1]), columns))
        other = copy(ours)
        other._weights = PairWeights(**fitted, answer_from=limits[0], suggest_from=limits[1])
        yield (f"without {name}" if name else "all, learned here"), other


class Report:
    """Tables of one run. ``groups``: the rows of each set together."""

    def __init__(self, content: Content, sets: Mapping[str, Mapping[str, Rows]]) -> None:
        self.content = content
        self.sets = sets
        self.groups = {name: [row for rows in files.values() for row in rows] for name, files in sets.items()}
        self.understanding = load_understanding(content)
        if self.understanding.trouble:
            sys.exit(f"The model does not hear: {self.understanding.trouble}")
        self.ours = Matcher.of(content, self.understanding, CACHE)
        self.lines = Lines(content)
        self.judged: dict[str, list[Judged]] = {}

    def serve(self, changed: Rows, plot: Path | None) -> bool:
        """The table of what patients get; whether no floor is broken."""
        assistant, now = build(self.content, CACHE), datetime.now(UTC)
        breaches: list[str] = []
        print(f"\n{'as served, per cent':<22}{'in':>5}{'out':>5}" + "".join(f"{name:>19}" for name in FIGURES))
        for name, files in {**self.sets, CHANGED: {CHANGED: changed}}.items():
            judged = {
                file: judge(rows, lambda text: as_json(ask(assistant, text, now))) for file, rows in files.items()
            }
            for file, some in judged.items():
                print(served_line(file, measure_served(some)), flush=True)
            together = self.judged[name] = [one for some in judged.values() for one in some]
            figures = measure_served(together)
            if len(files) > 1:
                print(served_line(f"{name}, together", figures))
            breaches += find_breaches(name, figures)
        known = {normalize(text) for text in self.lines.texts}
        for name, group in self.groups.items():
            said = sum(normalize(row["text"]) in known for row in group)
            print(f"\n{name}: {said} of {len(group)} stand in the content as they are; risk and coverage:")
            print("\n".join(curve_lines(self.judged[name])))
            if plot:
                plot.mkdir(parents=True, exist_ok=True)
                draw(self.judged[name], plot / f"curve-{name}.png")
        print("\n" + ("\n".join(breaches) or "No figure is below its floor."))
        return not breaches

    def compare(self) -> None:
        """Other matchers beside ours."""
        self._head("beside others, per cent")
        lines, texts, parsed = self.lines, self._texts, self._parsed
        self._print("WRatio", score_fuzzily(lines, texts, "WRatio"))
        self._print("token_set_ratio", score_fuzzily(lines, texts, "token_set_ratio"))
        self._print("BM25 of stems", score_by_bm25(lines, texts))
        tfidf, vectors = chances_by_tfidf(lines, texts), chances_by_vectors(lines, parsed, self.ours)
        self._print("TF-IDF + logistic regression", less_none(tfidf))
        self._print("MiniLM + logistic regression", less_none(vectors))
        both = np.sqrt(tfidf * vectors)
        self._print("geometric mean of the two", less_none(both / both.sum(axis=1, keepdims=True)))
        self._print("ours", self._score(self.ours))
        if self.judged:
            served = [measure_served(self.judged[name]) for name in self._names]
            shares = [[figures[name][0] / max(1, figures[name][1]) for name in COLUMNS] for figures in served]
            self._line("ours, as served, own limits", shares)

    def leave_out(self) -> None:
        """Ours with one part left out at a time."""
        self._head("ours with a part left out")
        self._print("all, as shipped", self._score(self.ours))
        for name, other in fit_without(self.ours):
            self._print(name, self._score(other))
        for name, place, attribute, value in (
            ("without what staff wrote", Matcher, "_find_written", lambda *_: ""),
            ("without a story's question", matcher, "STORY_FROM", 10**6),
        ):
            with patch.object(place, attribute, value):
                self._print(name, self._score(self.ours))
        deaf = Understanding(known_words(self.content), None)
        scores = score_ours(Matcher.of(self.content, deaf), deaf.parse_all(self._texts), self.lines.entries)
        self._print("without the model", scores)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in self.groups if name in ("invented", "real"))

    @cached_property
    def _texts(self) -> list[str]:
        return [row["text"] for name in self._names for row in self.groups[name]]

    @cached_property
    def _parsed(self) -> list[Parsed]:
        return self.understanding.parse_all(self._texts)

    def _score(self, ours: Matcher) -> Scores:
        return score_ours(ours, self._parsed, self.lines.entries)

    def _head(self, title: str) -> None:
        print(f"\n{title:<30}" + "   ".join(f"{name:<{9 * len(COLUMNS)}}" for name in self._names))
        print(f"{'':<30}" + "   ".join("".join(f"{name:<9}" for name in COLUMNS) for _ in self._names))

    def _print(self, name: str, scores: Scores) -> None:
        shares, start = [], 0
        for group in self._names:
            rows = self.groups[group]
            part = scores[start : start + len(rows)]
            shares.append(measure_scores(part, rows, self.lines.entries, FLOORS[group]["wrong"]))
            start += len(rows)
        self._line(name, shares)

    def _line(self, name: str, shares: Sequence[Sequence[float]]) -> None:
        print(f"{name:<30}" + "   ".join("".join(f"{100 * one:<9.1f}" for one in some) for some in shares), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="served, beside, parts")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th message only, to try things")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw the curves of risk and coverage there")
    options = parser.parse_args()
    wanted = set(options.parts) or {"served", "beside", "parts"}
    if not wanted <= {"served", "beside", "parts"}:
        parser.error("PART is served, beside or parts")
    content, is_well = load(ROOT / "faq"), True
    report = Report(content, read_sets(options.sample))
    print(f"{len(report.lines.texts)} lines of {len(content.entries)} entries and of what is out of scope")
    if "served" in wanted:
        is_well = report.serve(change_phrasings(content, MOST_CHANGED // options.sample), options.plot)
    if "beside" in wanted:
        report.compare()
    if "parts" in wanted:
        report.leave_out()
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
