"""What a look at the bot finds, and how it is said."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    FINE = "ok"
    NOTE = "note"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and the cure when it is not fine."""

    state: State
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.state.value:<6} {self.what}" + (f" → {self.cure}" if self.cure else "")


def fine(what: str) -> Finding:
    return Finding(State.FINE, what)


def wrong(what: str, cure: str) -> Finding:
    return Finding(State.WRONG, what, cure)


def note(what: str, cure: str = "") -> Finding:
    return Finding(State.NOTE, what, cure)
