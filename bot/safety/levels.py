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
    """A sign that was heard. ``evidence`` says for people what spoke for it."""

    level: Level
    rule: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """One side of a floor phrase that a message spoke of, kept for an hour in place of the words: page, number, side.
    Never holds words of the patient."""

    concept: str

    def to_json(self) -> dict[str, str]:
        return {"concept": self.concept}

    @classmethod
    def from_json(cls, kept: Mapping[str, str]) -> Self:
        """The opposite of ``to_json``; what earlier versions kept besides is passed over."""
        return cls(str(kept.get("concept", "")))


@dataclass(frozen=True, slots=True)
class Screening:
    """What one message gave: ``findings`` highest first, at equal level the one that can wait least.

    ``blocked`` tells for people what was met and why it does not count. ``is_foreign``: another script or language than
    the bot reads, so that the number and the clinic's phone must go out at once. ``is_degraded``: a part of the
    screening is missing or failed; what was found still counts, and the safety line must go out.
    """

    findings: tuple[Finding, ...] = ()
    blocked: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    is_foreign: bool = False
    is_degraded: bool = False

    @property
    def top(self) -> Finding | None:
        return self.findings[0] if self.findings else None
