"""``red-flags.yaml``: what must be noticed before anything is answered, in a form a clinician can read aloud."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, field_validator, model_validator

from bot.content.entries import Id, Model, Text

_SEPARATOR = re.compile(r"[,\n]+")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


def _split(value: object) -> object:
    """``"numb, no feeling"`` as two items; a list stays one. Lines starting with ``--`` are remarks."""
    if not isinstance(value, str):
        return value
    kept = "\n".join(line for line in value.splitlines() if not line.lstrip().startswith("--"))
    return tuple(item for part in _SEPARATOR.split(kept) if (item := part.strip()))


Items = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Card(Model):
    """What an emergency or urgent rule says: one ``action``, its reason, at most five ``if`` bullets, whose number."""

    action: Text
    because: Text
    bullets: Annotated[tuple[Text, ...], Field(alias="if", max_length=5)] = ()
    number: Literal["emergency", "crisis", "poison", "advice"] = "emergency"


class Check(Model):
    """One closed question and what its two buttons say."""

    question: Text
    yes: Text
    no: Text


class When(Model):
    """Combinations of concepts (``numb + saddle``), by how near together they must stand. The sign stands first."""

    clause: Items = ()  # within about eight words
    sentence: Items = ()  # within about twenty words
    message: Items = ()  # anywhere in the message or in the messages of the last hour

    def __bool__(self) -> bool:
        return bool(self.clause or self.sentence or self.message)


HARMLESS = "harmless"  # in place of a rule id, in ``overheard/``
Heed = Literal["denied", "asked", "supposed", "past", "told", "animal"]
ALL_HEEDS: tuple[Heed, ...] = ("denied", "asked", "supposed", "past", "told", "animal")


class Rule(Model):
    """One red flag. ``unless`` names concepts that explain the sign away (``cause + passed``: both
    must stand near); ``heeds`` which contexts may block it."""

    id: Id
    level: Literal["emergency", "urgent", "soon"]
    what: Text
    source: Text
    card: Card | None = None
    line: str = ""
    check: Check | None = None
    when: When
    ask_when: When = When()
    unless: Items = ()
    heeds: Annotated[tuple[Heed, ...], BeforeValidator(_split)] = ALL_HEEDS
    must_fire: tuple[Text, ...] = ()
    must_not_fire: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.level == "soon" and not self.line:
            raise ValueError("a `soon` rule says nothing. | Write its `line`.")
        if self.level != "soon" and self.card is None:
            raise ValueError(f"an {self.level} rule has no card. | Write its `card`.")
        if self.ask_when and self.check is None:
            raise ValueError("`ask_when` without a question. | Write its `check`.")
        return self


class Scope(Model):
    """Words that decide whether a sign counts: who, when, whether, denied or not."""

    fillers: Items  # carry no sign
    owners: Items  # my, his, mum's: fillers that name a person
    same: Items = ()  # "im = i": variants of one word
    real_words: Items = ()  # English words that are near a word of a rule and must stay as they are
    joints: Items = ()  # short words that may stand in a run-together word
    people: Items  # the patient or somebody whom the writer speaks for
    anyone: Items  # you, people, someone: nobody in particular
    subjects: Items  # words that begin a new thought
    joining: Items  # and, because, so
    contrasts: Items  # but, except
    denials: Items
    whole_denials: Items  # it's not that, not saying
    not_denials: Items  # not only, no idea
    listed: Items  # symptom nouns that carry a denial over a comma
    settled: Items  # ruled out, none
    openers: Items  # can, does, what, is it
    before_question: Items = ()  # hi, please, sorry: may stand before an opener
    modals: Items  # can, could, should: "can I" asks about what may be
    supposed: Items  # what if, if I ever, might
    told: Items  # read about, in a film
    fiction: Items = ()  # in a film, a dream: "he" and "she" after it are people of the story
    lasting: Items = ()  # "it never came back": no harmless cause explains that
    answers_no: Items = ()  # "fever? no."
    examined: Items = ()  # "she asked about numbness, bladder …"
    cleared: Items = ()  # "… all negative"
    unclear: Items = ()  # what keeps an answer from being no to all: "yes", "but", "told her"
    past: Items
    over: Items
    now: Items
    animals: Items
    idioms: Items  # words that mean something else here; they meet no concept


class Language(Model):
    """Another language: words that tell it, and the worst signs as people say them."""

    words: Items = ()
    signs: dict[str, Items] = {}


class Overheard(RootModel[dict[str, tuple[Text, ...]]]):
    """A file of ``overheard/``: messages for the second listener, by rule id, or under ``harmless``."""


class RedFlags(Model):
    """The whole file."""

    signed_by: str = ""
    signed_on: date | None = None
    concepts: dict[Name, Items]
    scope: Scope
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    languages: dict[str, Language] = {}

    @field_validator("signed_on", mode="before")
    @classmethod
    def _not_yet(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        ids = [rule.id for rule in self.rules]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"the rule {', '.join(twice)} stands twice. | Keep one of them.")
        for rule in self.rules:
            used = [
                name.strip()
                for when in (rule.when, rule.ask_when)
                for combination in (*when.clause, *when.sentence, *when.message)
                for name in combination.split("+")
            ]
            excuses = (name.strip() for text in rule.unless for name in text.split("+"))
            unknown = sorted({n for n in (*used, *excuses) if n not in self.concepts and not n.startswith('"')})
            if unknown:
                raise ValueError(
                    f"{rule.id} uses {', '.join(unknown)}, which is no concept. | Add it under `concepts:`."
                )
        return self

    def rule(self, rule_id: str) -> Rule:
        """The rule with this id. KeyError if there is none."""
        return next((rule for rule in self.rules if rule.id == rule_id), None) or _missing(rule_id)


def _missing(rule_id: str) -> Rule:
    raise KeyError(rule_id)
