"""Ranks the entries for one message."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

import numpy as np
from rapidfuzz import fuzz, process

from bot.content import Content
from bot.matching.lines import NONE, SMALL_TALK, questions_of, sentences_of
from bot.matching.ranking import Candidate, Confidence, Ranking
from bot.matching.scoring import (
    Lines,
    PairWeights,
    compare_words,
    find_likeness,
    fit_head,
    stack_signals,
)
from bot.understanding import Floats, Parsed, Understanding
from bot.understanding.text import normalize
from bot.understanding.vectors import VectorStore, join_windows

MOST_CANDIDATES: Final = 5
MOST_SUGGESTED: Final = 3
MOST_REASONS: Final = 3
SAME_WORDS: Final = (
    0.93  # likeness of words from which on a message is the line that staff wrote, a slip or two allowed
)
SMALL_TALK_FROM: Final = 0.5
LIKE_WORDS: Final = 0.8  # without vectors: from here on a line's entry is offered
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
        by_label: dict[str, list[str]] = {}
        for line in questions_of(content):
            by_label.setdefault(line.label, []).append(line.text)
        outside = by_label.pop(NONE, []) or ["asdf"]
        self.labels = (*by_label, NONE)
        asked = [*by_label.values(), outside]
        said: dict[str, list[str]] = {label: [] for label in by_label}
        for sentence in sentences_of(content):
            said[sentence.label].append(sentence.text)
        answers = [said[label] or by_label[label][:1] for label in by_label] + [outside[:1]]
        self._understanding = understanding
        self._store = VectorStore(understanding.encoder, cache_dir) if understanding.encoder else None
        self._asked, self._said = self._lines(asked), self._lines(answers)
        self._normal = [normalize(text) for text in self._asked.texts]
        if self._store:
            self._store.keep([*self._asked.texts, *self._said.texts])
            self._weights = PairWeights.load()
            owners = np.repeat(np.arange(len(asked)), [len(texts) for texts in asked])
            self._head = fit_head(self._asked.vectors, owners, len(asked))[0]

    @classmethod
    def of(cls, content: Content, understanding: Understanding, cache_dir: Path | None = None) -> Self:
        return cls(content, understanding, cache_dir)

    def _lines(self, by_label: Sequence[Sequence[str]]) -> Lines:
        texts = [text for texts in by_label for text in texts]
        vectors = self._store.find(texts) if self._store else np.empty((len(texts), 0), np.float32)
        return Lines.of(by_label, vectors)

    def rank(self, parsed: Parsed) -> Ranking:
        """Entries for a message, the best first. Any message is allowed, also an empty one."""
        if not parsed.words:
            return Ranking()
        if parsed.vectors is None or self._store is None:
            return self._rank_by_words(parsed.corrected)
        chances, exact, near = self._judge(parsed.corrected, join_windows(parsed.vectors))
        questions = self._questions(parsed)
        by_question = [
            self._judge(one.corrected, join_windows(one.vectors)) for one in questions if one.vectors is not None
        ]
        if by_question and len(parsed.words) > STORY_FROM:
            # The story names what it is about, the question what is wanted: each counts half.
            chances = np.sqrt(chances * by_question[-1][0])
            chances /= chances.sum()
        ranking = self._ranking(chances, exact or next((one for _, one, _ in by_question if one), ""), near)
        return self._with_second_question(ranking, [one for one, _, _ in by_question])

    def _judge(self, said: str, vector: Floats) -> tuple[Floats, str, list[int]]:
        """Probabilities by label, the label whose very words were said (empty if none, or two), and the nearest lines."""
        near = self._asked.vectors @ vector
        words, compared = compare_words(said, near, self._asked)
        likeness = find_likeness(near[None], self._asked.starts)
        answer = np.maximum.reduceat(self._said.vectors @ vector, self._said.starts)[None]
        answer[:, -1] = 0.0
        head = (np.append(vector, np.float32(1.0)) @ self._head)[None]
        chances = self._weights.find_chances(stack_signals(head, likeness, words[None], answer))[0]
        same = {self._asked.label_of(line) for ratio, line in compared if ratio >= SAME_WORDS}
        exact = self.labels[same.pop()] if len(same) == 1 else ""
        nearest = np.argsort(-near)[:MOST_REASONS]
        return chances, exact, nearest.tolist()

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
        suggested = tuple(one for one in candidates if one.score >= self._weights.suggest_from)[:MOST_SUGGESTED]
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
            why=tuple(f"near: {self._asked.texts[line]}" for line in near),
        )

    def _rank_by_words(self, said: str) -> Ranking:
        """Without vectors: what staff wrote is answered when it is typed as it stands, and offered when it is nearly so."""
        found = process.extract(
            said, self._normal, scorer=fuzz.token_sort_ratio, score_cutoff=100 * LIKE_WORDS, limit=8
        )
        best: dict[str, float] = {}
        for _, ratio, line in found:
            label = self.labels[self._asked.label_of(line)]
            best.setdefault(label, ratio / 100)
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
