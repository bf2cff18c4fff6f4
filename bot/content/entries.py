"""One FAQ subject and its tests."""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$", max_length=50)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Model(BaseModel):
    """Strict about keys, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Model):
    """Where the facts of an answer come from."""

    title: Text
    publisher: Text
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] = ""


class Entry(Model):
    """One FAQ subject: how patients ask for it and what the bot says."""

    id: Id
    group: Id = "other"
    question: Annotated[Text, StringConstraints(max_length=60)]
    phrasings: Annotated[tuple[Text, ...], Field(min_length=1)]
    not_for: tuple[Text, ...] = ()  # without effect since one encoder matches; read so that older folders load
    answer: Text
    disclaimer: Id = "general"
    see_also: tuple[Id, ...] = ()
    sources: tuple[Source, ...] = ()
    reviewed_by: str = ""
    reviewed_on: date | None = None
    review_by: date | None = None
    aliases: tuple[Id, ...] = ()

    @field_validator("reviewed_on", "review_by", mode="before")
    @classmethod
    def _no_date_yet(cls, value: object) -> object:
        return None if value == "" else value


class UtteranceTests(Model):
    """Messages that must reach an entry: as its answer or among the suggestions."""

    entry: Id
    utterances: Annotated[tuple[Text, ...], Field(min_length=1)]


class OutOfScope(Model):
    """Messages that no entry answers; the matcher learns them as a class of its own."""

    messages: tuple[Text, ...] = ()
    groups: dict[str, tuple[Text, ...]] = {}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.messages and not self.groups:
            raise ValueError("no message stands in it. | Add at least one, or delete the file.")
        return self

    def all_messages(self) -> tuple[str, ...]:
        return self.messages + tuple(message for group in self.groups.values() for message in group)
