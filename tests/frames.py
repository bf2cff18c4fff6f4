"""Frames: a sign said, denied, asked about, supposed, told, over, or said of somebody, made for every concept that can be the
sign of a rule, with the verdict that each must get.

What stands in a frame is written by the rules themselves: an item of the sign, and one of each other concept that the
combination needs. The frames know nothing of English grammar ("what if I ever get my leg numb"), nor do many patients.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.content.red_flags import RedFlags, Rule
from bot.safety import Level, Screener
from bot.safety.items import GAPS

MOST_PARTNERS = 12  # items of another concept that are tried until the rule is met

# name → (the frame, what blocks it; "" where the sign must be heard). `{}` is the sign with what it needs.
FRAMES: dict[str, tuple[str, str]] = {
    "denied: no": ("I have no {}", "denied"),
    "denied: without": ("without {}", "denied"),
    "denied: not that": ("it's not that I have {}", "denied"),
    "denied: none": ("{}: none", "denied"),
    "past and over": ("years ago {}, all fine now", "past"),
    "past and over: as a child": ("when I was a kid {}. It went away", "past"),
    "supposed: what if": ("what if I ever get {}?", "supposed"),
    "supposed: if": ("worried about {}", "supposed"),
    "told": ("I read about {} in an article", "told"),
    "asked: is": ("is {} dangerous?", "asked"),
    "asked: can": ("can sciatica lead to {}?", "asked"),
    "asked: what": ("what does {} mean?", "asked"),
    "an animal": ("my dog has {}", "animal"),
    "said": ("I have {}", ""),
    "said since": ("I have {} since this morning", ""),
    "said of my husband": ("my husband has {}", ""),
    "said of a child": ("my daughter is here with {}", ""),
    "said beside a denial": ("no fever, but {}", ""),
    "said beside thanks": ("thanks for the exercises, {}", ""),
    "said, then a question": ("{}, does ice help?", ""),
    "said after the past": ("I had surgery years ago. Now {}", ""),
}


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

    def signs(self, most_items: int) -> Iterator[Sign]:
        """At most ``most_items`` ways to say each sign, alone heard by its rule."""
        for rule, concept, others in self.concepts:
            count = 0
            for item in self.sayings(concept):
                if count >= most_items:
                    break
                if text := self._completed(rule, item, others):
                    count += 1
                    yield Sign(rule.id, concept, text)

    def framed(self, most_items: int) -> Iterator[Framed]:
        heeds = {rule.id: frozenset(rule.heeds) for rule in self._red_flags.rules}
        for sign in self.signs(most_items):
            for name, (frame, heed) in FRAMES.items():
                must_speak = not heed or heed not in heeds[sign.rule]
                yield Framed(sign, name, frame.format(sign.text), must_speak)

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

