"""Ranks the entries for one message."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

import numpy as np
from rapidfuzz import fuzz, process

from bot.content import Content
from bot.matching.lines import NONE, SMALL_TALK, lines_by_label
from bot.matching.ranking import Candidate, Confidence, Ranking
from bot.matching.scoring import Lines, PairWeights, Scorer
from bot.understanding import Floats, Parsed, Understanding, Vectors, read_plainly
from bot.understanding.vectors import VectorStore, join_windows

MOST_CANDIDATES: Final = 5
MOST_SUGGESTED: Final = 3
MOST_REASONS: Final = 3
MOST_ALIKE: Final = 8  # lines of like words that are looked at
# Likeness of words, their order left aside, from which on a message is the line that staff wrote, a slip or two allowed; and
# from which on, without vectors, a line's entry is offered.
SAME_WORDS: Final = 0.93
LIKE_WORDS: Final = 0.8
SMALL_TALK_FROM: Final = 0.5
BESIDE_NONE: Final = 0.18  # an entry that is less likely than this, against that nothing fits, is a guess and no button
STORY_FROM: Final = 25  # words; in longer messages the question is looked for
MOST_QUESTIONS: Final = 3
_SENTENCE = re.compile(
    r"[^.!?\n]+\??"
)  # apart from what asks: one pattern for both takes the square of a long text's time
_ASKING = re.compile(
    r"\?$|\b(?:should i|any (?:advice|tips|ideas?)|can i|how (?:do|can|long|often)|what (?:can|should|helps?)|is it ok)\b"
)


class Matcher:
    """Finds entries for messages of one content. Holds no state that changes: threads may share it."""

    def __init__(self, content: Content, understanding: Understanding, cache_dir: Path | None = None) -> None:
        """``cache_dir`` keeps the vectors of lines that were not shipped; None: compute them now."""
        self.labels, by_label = lines_by_label(content)
        self._texts = [text for texts in by_label for text in texts]
        self._owners = np.repeat(np.arange(len(by_label)), list(map(len, by_label)))
        plain = list(map(read_plainly, self._texts))
        self._sorted = [_sort_words(line.normal) for line in plain]
        self._understanding = understanding
        self._store = VectorStore(understanding.encoder, cache_dir) if understanding.encoder else None
        if self._store:
            stems = tuple(line.stems for line in plain)
            self.scorer = Scorer(Lines(stems, self._store.find(self._texts), self._owners))
            self._store.keep(self._texts)
            self._weights = PairWeights.load()

    @classmethod
    def of(cls, content: Content, understanding: Understanding, cache_dir: Path | None = None) -> Self:
        return cls(content, understanding, cache_dir)

    def rank(self, parsed: Parsed) -> Ranking:
        """Entries for a message, the best first. Any message is allowed, also an empty one."""
        if not parsed.words:
            return Ranking()
        if parsed.vectors is None or self._store is None:
            return self._rank_by_words(parsed)
        chances, near = self._judge(parsed, parsed.vectors)
        questions = self._questions(parsed)
        by_question = [self._judge(one, one.vectors)[0] for one in questions if one.vectors is not None]
        if by_question and len(parsed.words) > STORY_FROM:
            # The story names what it is about, the question what is wanted: each counts half.
            chances = np.sqrt(chances * by_question[-1])
            chances /= chances.sum()
        written = (self._find_written(one) for one in (parsed, *questions))
        ranking = self._ranking(chances, next(filter(None, written), ""), near)
        return self._with_second_question(ranking, by_question)

    def _judge(self, parsed: Parsed, vectors: Vectors) -> tuple[Floats, list[int]]:
        """Probabilities by label, and the nearest lines."""
        features, near = self.scorer.find_features(parsed.stems, join_windows(vectors.meaning))
        nearest = np.argpartition(-near, min(MOST_REASONS, len(near)) - 1)[:MOST_REASONS]
        return self._weights.find_chances(features[None])[0], sorted(nearest.tolist(), key=lambda line: -near[line])

    def _find_written(self, parsed: Parsed) -> str:
        """The label of the line that says what ``parsed`` does, whatever the order; empty if there is none, or two claim it."""
        same = self._find_alike(parsed, SAME_WORDS)
        return next(iter(same)) if len(same) == 1 else ""

    def _find_alike(self, parsed: Parsed, least: float) -> dict[str, float]:
        """Labels of the lines whose words are at ``least`` that like (0..1), the likest first."""
        found = process.extract(
            _sort_words(parsed.corrected), self._sorted, scorer=fuzz.ratio, score_cutoff=100 * least, limit=MOST_ALIKE
        )
        best: dict[str, float] = {}
        for _, ratio, line in found:
            best.setdefault(self.labels[self._owners[line]], ratio / 100)
        return best

    def _questions(self, parsed: Parsed) -> list[Parsed]:
        """The questions of a message that says more than one thing, the last ones."""
        found = [one.strip() for one in _SENTENCE.findall(parsed.corrected) if _ASKING.search(one)]
        found = [one for one in found if len(one.split()) > 2 and one != parsed.corrected.strip()]
        if not found or (len(found) < 2 and len(parsed.words) <= STORY_FROM):
            return []
        return self._understanding.parse_all(found[-MOST_QUESTIONS:])

    def _with_second_question(self, ranking: Ranking, by_question: Sequence[Floats]) -> Ranking:
        """``ranking``, and the entry that another question of the message asks for as clearly."""
        asked: dict[str, float] = {}
        for chances in by_question:
            at = int(chances[:-1].argmax())
            if chances[at] >= self._weights.answer_from and not self.labels[at].startswith(SMALL_TALK):
                asked[self.labels[at]] = max(asked.get(self.labels[at], 0.0), float(chances[at]))
        best = ranking.best
        if best is None or ranking.small_talk or len(asked) < 2:
            return ranking
        if ranking.confidence is not Confidence.HIGH:
            first = max(asked, key=asked.__getitem__)
            ranking = replace(
                ranking, confidence=Confidence.HIGH, suggested=(), candidates=(Candidate(first, asked[first]),)
            )
        first = ranking.candidates[0].entry
        other = max((entry for entry in asked if entry != first), key=asked.__getitem__)
        return replace(ranking, also=Candidate(other, asked[other]))

    def _ranking(self, chances: Floats, exact: str, near: Sequence[int]) -> Ranking:
        none = float(chances[-1])
        first = int(chances.argmax())
        small_talk = [at for at, label in enumerate(self.labels) if label.startswith(SMALL_TALK)]
        if exact.startswith(SMALL_TALK) or (first in small_talk and chances[first] >= SMALL_TALK_FROM):
            kind = exact if exact.startswith(SMALL_TALK) else self.labels[first]
            return Ranking(small_talk=kind.removeprefix(SMALL_TALK), none=none)
        chances = chances.copy()
        chances[small_talk] = 0.0
        order = np.argsort(-chances[:-1], kind="stable")[:MOST_CANDIDATES]
        candidates = [Candidate(self.labels[at], float(chances[at])) for at in order if chances[at] > 0]
        if exact:
            score = max(float(chances[self.labels.index(exact)]), self._weights.answer_from)
            candidates = [Candidate(exact, score), *(one for one in candidates if one.entry != exact)][:MOST_CANDIDATES]
        if not candidates:
            return Ranking(none=none)
        least = max(self._weights.suggest_from, BESIDE_NONE * none)
        suggested = tuple(one for one in candidates if one.score >= least)[:MOST_SUGGESTED]
        sure = Confidence.LOW
        if exact or candidates[0].score >= self._weights.answer_from:
            sure = Confidence.HIGH
        elif suggested:
            sure = Confidence.MEDIUM
        return Ranking(
            candidates=tuple(candidates),
            confidence=sure,
            margin=candidates[0].score - (candidates[1].score if len(candidates) > 1 else 0.0),
            none=none,
            suggested=suggested if sure is Confidence.MEDIUM else (),
            why=tuple(f"near: {self._texts[line]}" for line in near),
        )

    def _rank_by_words(self, parsed: Parsed) -> Ranking:
        """Without vectors: what staff wrote is answered when it is typed as it stands, and offered when it is nearly so."""
        best = self._find_alike(parsed, LIKE_WORDS)
        if (kind := next(iter(best), NONE)).startswith(SMALL_TALK):
            return Ranking(small_talk=kind.removeprefix(SMALL_TALK))
        candidates = tuple(
            Candidate(label, ratio) for label, ratio in best.items() if label and not label.startswith(SMALL_TALK)
        )[:MOST_SUGGESTED]
        if not candidates or kind == NONE:
            return Ranking()
        is_same = candidates[0].score >= SAME_WORDS
        return Ranking(
            candidates,
            Confidence.HIGH if is_same else Confidence.MEDIUM,
            none=0.0,
            suggested=() if is_same else candidates,
        )


def _sort_words(text: str) -> str:
    """The words of ``text`` in alphabetical order: what is asked in another order is the same question."""
    return " ".join(sorted(text.split()))
