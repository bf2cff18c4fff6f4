"""What the matcher goes by: every line of the content that says what people ask for, with the label it leads to."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.content import Content

NONE = ""  # the label of what no entry answers
SMALL_TALK = "small-talk:"


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    label: str


def questions_of(content: Content) -> Iterator[Line]:
    """Ways to ask: phrasings, questions, small talk and what is out of scope, in a fixed order."""
    for entry in content.entries.values():
        yield Line(entry.question, entry.id)
        yield from (Line(phrasing, entry.id) for phrasing in entry.phrasings)
    for kind, talk in content.small_talk.items():
        yield from (Line(phrasing, SMALL_TALK + kind) for phrasing in talk.phrasings)
    yield from (Line(message, NONE) for message in content.out_of_scope)


def lines_by_label(content: Content) -> tuple[tuple[str, ...], list[list[str]]]:
    """The labels, "nothing fits" last, and the lines of each."""
    by_label: dict[str, list[str]] = {}
    for line in questions_of(content):
        by_label.setdefault(line.label, []).append(line.text)
    outside = by_label.pop(NONE, []) or ["asdf"]  # every label needs a line
    return (*by_label, NONE), [*by_label.values(), outside]
