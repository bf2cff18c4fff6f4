"""What there is to learn from, read once: the examples of a content, their features, and the rows that learning needs."""

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Self

from bot.content import Content
from bot.matching.concepts import ConceptFinder, stemmed
from bot.matching.examples import Example, examples, labels
from bot.matching.features import MOST_WORDS, Reader, Space, features
from bot.matching.rows import Rows
from bot.text import words
from bot.vocabulary import Vocabulary


@dataclass(frozen=True)
class Lesson:
    """``rows`` are the vectors of ``lines`` in ``space``."""

    lines: tuple[Example, ...]
    labels: tuple[str, ...]
    vocabulary: dict[str, int]
    wordings: tuple[tuple[str, str], ...]
    space: Space
    rows: Rows

    @classmethod
    def of(cls, content: Content) -> Self:
        lines = tuple(examples(content))
        written = tuple(content.lexicon.wordings())
        wordings = tuple((concept, stemmed(wording)) for concept, wording in written)
        typed = [words(line.text) for line in lines]
        known = Counter(chain.from_iterable(typed))
        known.update(word for _, wording in written for word in words(wording))
        reader = Reader(Vocabulary(known), ConceptFinder(wordings))
        found = [features(reader.read_words(said[:MOST_WORDS])) for said in typed]
        space = Space.learn(found)
        rows = Rows([space.vector(one) for one in found], len(space))
        return cls(lines, labels(content), dict(known), wordings, space, rows)
