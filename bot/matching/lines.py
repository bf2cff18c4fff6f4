"""What the matcher goes by: every line of the content that says what people ask for, with the label it leads to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.content import Content

NONE = ""  # the label of what no entry answers
SMALL_TALK = "small-talk:"
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORTEST_SENTENCE = 15  # characters of an answer's sentence that says something by itself


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


def sentences_of(content: Content) -> Iterator[Line]:
    """Sentences of the answers, which know words that nobody thought to ask in."""
    for entry in content.entries.values():
        for sentence in _SENTENCE.split(entry.answer):
            if len(sentence) >= _SHORTEST_SENTENCE and "{" not in sentence:
                yield Line(sentence, entry.id)
