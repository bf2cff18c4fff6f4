"""Errors that people cause, each with its cure.

What a patient can cause is an ``Outcome``, never one of these.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in the content: ``path`` within the FAQ folder, ``line`` from 1, what it is, and the cure."""

    path: str
    line: int
    message: str
    cure: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        cure = f" {self.cure}" if self.cure else ""
        mark = "warning: " if self.severity is Severity.WARNING else ""
        return f"{self.path}:{self.line}: {mark}{self.message}{cure}"


class BotError(Exception):
    """Base of all errors with a message meant for staff or the operator."""


class ContentError(BotError):
    """The FAQ content can't be used; ``problems`` lists everything that is wrong, all at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingsError(BotError):
    """A setting is missing or unusable; the message names it and the cure."""


class StoreError(BotError):
    """The database can't be used; the message names the cause and the cure."""


class StartError(BotError):
    """The service can't start (token refused, port in use); the message names the cure."""
