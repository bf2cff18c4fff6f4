"""Frames: a sign said, denied, asked about, supposed, told, over, or said of somebody, made for every concept that can be the
sign of a rule, with the verdict that each must get.

What stands in a frame is written by the rules themselves: an item of the sign, and one of each other concept that the
combination needs. The frames know nothing of English grammar ("what if I ever get my leg numb"), nor do many patients.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bot.content.red_flags import RedFlags, Rule
from bot.safety import Level, Screener
from bot.safety.items import GAPS
from bot.text import words

MOST_PARTNERS = 12  # items of another concept that are tried until the rule is met


class Frame(NamedTuple):
    """``{}`` is the sign with what it needs. ``heed``: what blocks it, "" where it must be heard. ``not_with``: kinds of words
    in the sign that make the frame say something else ("no can't pee", "is wet myself dangerous?")."""

    text: str
    heed: str
    not_with: tuple[str, ...] = ()


FRAMES = {
    "denied: no": Frame("I have no {}", "denied", ("denial", "contrast")),
    "denied: without": Frame("without {}", "denied", ("denial", "contrast")),
    "denied: not that": Frame("it's not that I {}", "denied", ("contrast",)),
    "denied: none": Frame("{}: none", "denied", ("denial", "contrast")),
    "past and over": Frame("years ago {}, better now", "past", ("now",)),
    "past and over, as a child": Frame("when I was a kid {}. It went away", "past", ("now",)),
    "supposed: what if": Frame("what if I ever get {}?", "supposed", ("contrast",)),
    "supposed: worried": Frame("worried about {}", "supposed", ("contrast",)),
    "told": Frame("I read about {} in an article", "told", ("person", "contrast")),
    "asked: is": Frame("is {} dangerous?", "asked", ("person", "contrast")),
    "asked: can": Frame("can sciatica lead to {}?", "asked", ("person", "contrast")),
    "asked: what": Frame("what does {} mean?", "asked", ("person", "contrast")),
    "an animal": Frame("my dog has {}", "animal", ("person",)),
    "said": Frame("I have {}", ""),
    "said since": Frame("I have {} since this morning", ""),
    "said of my husband": Frame("my husband has {}", ""),
    "said of a child": Frame("my daughter is here with {}", ""),
    "said beside a denial": Frame("no fever, but {}", ""),
    "said beside thanks": Frame("thanks for the exercises, {}", ""),
    "said, then a question": Frame("{}, does ice help?", ""),
    "said, then what is fine": Frame("{}, no problem with my arms", ""),
    "said after the past": Frame("I had surgery years ago. Now {}", ""),
}
_DENIAL = (
    "no not cant couldnt cannot dont doesnt didnt wont wouldnt isnt arent wasnt havent hasnt aint never without nothing none "
    "nobody neither nor unable"
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A way to say the sign of ``rule``; with what it needs, in ``text``."""

    rule: str
    concept: str
    text: str


@dataclass(frozen=True)
class Framed:
    """A sign in a frame, and whether its rule must speak."""

    sign: Sign
    frame: str
    text: str
    must_speak: bool


class Frames:
    """All frames over the signs of ``red_flags``, as far as ``screener`` hears the bare sign."""

    def __init__(self, red_flags: RedFlags, screener: Screener) -> None:
        self._red_flags, self._screener = red_flags, screener
        self._sayings: dict[str, list[str]] = {}
        scope = red_flags.scope
        self._words: dict[str, frozenset[str]] = {
            "denial": frozenset(_DENIAL.split()),
            "contrast": frozenset(scope.contrasts),
            "now": frozenset(word for cue in scope.now for word in words(cue)),
            "person": frozenset((*scope.people, *scope.owners, "me", "you")),
        }

    @cached_property
    def concepts(self) -> list[tuple[Rule, str, tuple[str, ...]]]:
        """Each concept that can be the sign of a rule, with the others of its first combination there; each pair once."""
        found: dict[tuple[str, str], tuple[Rule, str, tuple[str, ...]]] = {}
        for rule in self._red_flags.rules:
            for combination in (*rule.when.clause, *rule.when.sentence, *rule.when.message):
                sign, *others = (name.strip() for name in combination.split("+"))
                known = found.get((rule.id, sign))
                if known is None or len(known[2]) > len(others):
                    found[rule.id, sign] = (rule, sign, tuple(others))
        return list(found.values())

    def framed(self, most_items: int, most_each: int) -> Iterator[Framed]:
        """Every sign in every frame, in at most ``most_each`` of its first ``most_items`` wordings."""
        for rule, concept, others in self.concepts:
            items = self.sayings(concept)[:most_items]
            texts = [text for item in items if (text := self._completed(rule, item, others))]
            for name, frame in FRAMES.items():
                must_speak = not frame.heed or frame.heed not in rule.heeds
                spoiling = frozenset().union(*(self._words[kind] for kind in frame.not_with))
                fitting = [text for text in texts if must_speak or spoiling.isdisjoint(words(text))]
                for text in fitting[:most_each]:
                    yield Framed(Sign(rule.id, concept, text), name, frame.text.format(text), must_speak)

    def speaks(self, rule: str, text: str) -> bool:
        """Whether ``rule`` raises its level; a closed question is none."""
        return any(f.rule == rule and f.level is not Level.CHECK for f in self._screener.find_red_flag(text).findings)

    def sayings(self, name: str) -> list[str]:
        """Items of a concept as a person would type them: alternatives and references take their first words, a range its
        lowest number, gaps are left out."""
        if name.startswith('"'):
            return [name.strip('"')]
        if name not in self._sayings:
            self._sayings[name] = [self._said(item) for item in self._red_flags.concepts[name]]
        return self._sayings[name]

    def _said(self, item: str) -> str:
        return " ".join(self._piece(piece) for piece in item.split() if piece not in GAPS)

    def _piece(self, piece: str) -> str:
        if piece.startswith("<"):
            return self.sayings(piece.strip("<>"))[0]
        if piece.startswith("#"):
            return piece[1:].split("-")[0]
        return piece.lstrip("=").split("/")[0] if not piece[:1].isdigit() else piece

    def _completed(self, rule: Rule, item: str, others: Sequence[str]) -> str:
        """``item`` with what its combination needs, in the first words that the rule hears; empty if there are none."""
        texts = [item]
        for other in others:
            texts = [f"{text} {partner}" for text in texts for partner in self.sayings(other)[:MOST_PARTNERS]]
        return next((text for text in texts[: MOST_PARTNERS**2] if self.speaks(rule.id, text)), "")
