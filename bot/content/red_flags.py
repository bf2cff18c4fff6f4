"""The red flags: one page a sign in ``red-flags/``, which a clinician can read aloud and sign, and other languages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, RootModel, field_validator, model_validator

from bot.content.entries import Id, Model, Text

HARMLESS = "harmless"  # the class of what raises nothing, beside the ids of the pages
NEAR = " near "
MOST_LINES = 70  # of a page: three minutes to read aloud


def _split(value: object) -> object:
    """``"numb, no feeling"`` as two items; a list stays one."""
    if not isinstance(value, str):
        return value
    return tuple(item for part in value.replace("\n", ",").split(",") if (item := part.strip()))


Items = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _two_sides(phrase: str) -> str:
    sides = groups(phrase)
    if len(sides) > 2 or not all(sides) or f" {phrase} ".count(NEAR) >= len(sides):
        raise ValueError("`near` stands between two groups of words. | Write words on both sides of one `near`.")
    return phrase


Phrase = Annotated[Text, AfterValidator(_two_sides)]


class Card(Model):
    """What an emergency or urgent page says: one ``action``, its reason, at most five ``if`` bullets, whose number."""

    action: Text
    because: Text
    bullets: Annotated[tuple[Text, ...], Field(alias="if", max_length=5)] = ()
    number: Literal["emergency", "crisis", "poison", "advice"] = "emergency"


class Check(Model):
    """One closed question and what its two buttons say."""

    question: Text
    yes: Text
    no: Text


class RedFlag(Model):
    """One page. ``rank`` orders signs of one level: the lowest is the one that can wait least (red-flags reference,
    "Several rules at once"). ``alone`` and ``always_heard`` are the floor's phrases."""

    id: Id
    level: Literal["emergency", "urgent", "soon"]
    rank: Annotated[int, Field(ge=1, le=999)] = 500
    name: Text
    what: Text
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    signed_by: str = ""
    signed_on: date | None = None
    card: Card | None = None
    line: str = ""
    check: Check | None = None
    alone: tuple[Phrase, ...] = ()
    always_heard: Annotated[tuple[Phrase, ...], Field(min_length=1)]
    must_raise: Annotated[tuple[Text, ...], Field(min_length=1)]
    must_stay_quiet: tuple[Text, ...] = ()

    @field_validator("signed_on", mode="before")
    @classmethod
    def _not_yet(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.level == "soon" and not self.line:
            raise ValueError("a `soon` page says nothing. | Write its `line`.")
        if self.level != "soon" and self.card is None:
            raise ValueError(f"an {self.level} page has no card. | Write its `card`.")
        if self.level != "soon" and self.check is None:
            raise ValueError(f"an {self.level} page asks nothing where it is in doubt. | Write its `check`.")
        return self

    def phrases(self) -> Iterator[tuple[str, int, str]]:
        """Every phrase with where it stands."""
        for name in ("alone", "always_heard"):
            for index, phrase in enumerate(getattr(self, name)):
                yield name, index, phrase


class Language(Model):
    """Another language: words that tell it, and the worst signs as people say them."""

    words: Items = ()
    signs: dict[str, Items] = {}


class Languages(RootModel[dict[str, Language]]):
    """``other-languages.yaml``, by the name of the language."""


@dataclass(frozen=True)
class RedFlags:
    """All pages, those that can wait least first, and the other languages."""

    pages: tuple[RedFlag, ...]
    languages: Mapping[str, Language] = field(default_factory=dict)

    def page(self, page_id: str) -> RedFlag | None:
        """The page with this id."""
        return next((page for page in self.pages if page.id == page_id), None)


def groups(phrase: str) -> tuple[tuple[str, ...], ...]:
    """A phrase as its groups of wordings: one group of one wording, or the two sides of ``near``."""
    if NEAR not in phrase:
        return ((phrase.strip(),),)
    sides = phrase.split(NEAR)
    return tuple(tuple(item for part in side.split(",") if (item := part.strip())) for side in sides)
