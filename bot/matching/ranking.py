"""What the matcher says about one utterance."""

from dataclasses import dataclass
from enum import StrEnum


class Confidence(StrEnum):
    """How sure the matcher is: HIGH is answered, MEDIUM is asked back with suggestions, LOW falls back."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may fit, with the calibrated probability (0..1) that it does."""

    entry: str
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Entries for one utterance, the best first (at most five), and how far to trust them.

    ``margin`` is the first score minus the second (0..1). ``none`` is the probability that no entry fits (0..1).
    ``small_talk`` is the kind of small talk that the utterance is, if it is one. ``suggested`` are the did-you-mean
    buttons, at most three, empty unless the confidence is MEDIUM. ``also`` is a second question in the same utterance.
    ``why`` are the words that counted for the first candidate, the strongest first.
    """

    candidates: tuple[Candidate, ...] = ()
    confidence: Confidence = Confidence.LOW
    margin: float = 0.0
    none: float = 1.0
    small_talk: str | None = None
    also: Candidate | None = None
    suggested: tuple[Candidate, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None
