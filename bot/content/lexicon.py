"""The clinic's own lexicon: which words mean the same thing here, and what a word asks for by itself."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from bot.content.entries import Id, Model, Text

Wordings = Annotated[tuple[Text, ...], Field(min_length=1)]


class Lexicon(Model):
    """Concepts, each with every word or word group that patients use for it.

    A word group may leave a gap of up to three words, written ``...``: ``threw ... out`` is met by "threw my whole
    back out". Spelling slips and endings need no lines of their own: words are compared by their stems.

    ``alone`` gives, by entry id, what people type who type a word or two: "parking". Entries that the content does not
    have are passed over, so that several clinics can share one lexicon.
    """

    concepts: dict[Id, Wordings] = Field(default_factory=dict)
    alone: dict[Id, Wordings] = Field(default_factory=dict)

    def wordings(self) -> Iterator[tuple[str, str]]:
        """Every pair of concept and word group."""
        for concept, wordings in self.concepts.items():
            for wording in wordings:
                yield concept, wording
