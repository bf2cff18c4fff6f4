"""What screening says: levels, findings, and what is kept of a message for an hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Level(StrEnum):
    """How soon a person needs help; ``rank`` orders them, emergency highest."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    SOON = "soon"
    CHECK = "check"

    @property
    def rank(self) -> int:
        return _RANKS[self]


# Asking comes before a "soon" line: it may turn out to be an emergency.
_RANKS = {Level.EMERGENCY: 4, Level.URGENT: 3, Level.CHECK: 2, Level.SOON: 1}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that was met. ``evidence`` says for people which words met which concept."""

    level: Level
    rule: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """A concept that a message spoke of, kept for an hour in place of the words. Never holds words of the patient."""

    concept: str
    polarity: str  # "said" | "denied"
    time: str = "now"  # "now" | "past"

    def to_json(self) -> dict[str, str]:
        return {"concept": self.concept, "polarity": self.polarity, "time": self.time}

    @classmethod
    def from_json(cls, kept: Mapping[str, str]) -> Self:
        """The opposite of ``to_json``; missing keys take their plainest meaning."""
        return cls(str(kept.get("concept", "")), str(kept.get("polarity", "said")), str(kept.get("time", "now")))


@dataclass(frozen=True, slots=True)
class Screening:
    """What one message gave: ``findings`` highest first, at equal level in the order of the file.

    ``blocked`` tells for people what was met and why it does not count. ``is_foreign``: another script or language than
    the bot reads, so that the number and the clinic's phone must go out at once. ``is_degraded``: a part of the
    screening failed; what was found still counts, and the safety line must go out.
    """

    findings: tuple[Finding, ...] = ()
    blocked: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    is_foreign: bool = False
    is_degraded: bool = False

    @property
    def top(self) -> Finding | None:
        return self.findings[0] if self.findings else None
