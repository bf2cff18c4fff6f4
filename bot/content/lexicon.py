"""The clinic's own lexicon: which words mean the same thing here."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from bot.content.entries import Id, Model, Text


class Lexicon(Model):
    """Concepts, each with every word or word group that patients use for it.

    A word group may leave a gap of up to three words, written ``...``: ``threw ... out`` is met by "threw my whole
    back out". Spelling slips and endings need no lines of their own: words are compared by their stems.
    """

    concepts: dict[Id, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(default_factory=dict)

    def wordings(self) -> Iterator[tuple[str, str]]:
        """Every pair of concept and word group."""
        for concept, wordings in self.concepts.items():
            for wording in wordings:
                yield concept, wording
