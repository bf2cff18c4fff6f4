"""The lines that the model learns from: ``messages/*.jsonl``, and the content's own ways to ask, which are harmless."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.content import Content
from bot.content.red_flags import HARMLESS
from bot.matching.lines import NONE

MESSAGES = Path(__file__).parent / "messages"
TRAIN, HELD_OUT = "train", "held-out"
OUTSIDE = "none"  # in place of an entry's id: no entry answers this


@dataclass(frozen=True, slots=True)
class Line:
    """``label``: a page's id or ``harmless``. ``entries``: what would answer it, ``none`` if nothing would, empty if nobody
    has said. ``source``: "invented", "real", "terse", "faq" or "pages"."""

    text: str
    label: str
    source: str
    level: str = "none"
    entries: tuple[str, ...] = ()
    doubt: bool = False
    split: str = TRAIN

    @classmethod
    def read(cls, stored: dict[str, object], source: str) -> Self:
        entries = tuple(str(one) for one in stored.get("entries") or ())  # type: ignore[union-attr]
        if not entries and stored["level"] == "none" and source != "invented":
            entries = (OUTSIDE,)
        return cls(
            str(stored["text"]), str(stored["label"]), source, str(stored["level"]), entries, bool(stored.get("doubt")),
            str(stored["split"]),
        )  # fmt: skip


def read_messages() -> list[Line]:
    """Every line of ``messages/``, those held out for measuring too."""
    sources = {"invented": "invented", "signs": "invented", "terse": "terse"}
    return [
        Line.read(json.loads(line), sources.get(path.stem, "real"))
        for path in sorted(MESSAGES.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


def lines_of(content: Content) -> list[Line]:
    """The content's own ways to ask, none of which is an alarm, and the examples of its red-flag pages."""
    asked = [(text, entry.id) for entry in content.entries.values() for text in (entry.question, *entry.phrasings)]
    asked += [(text, OUTSIDE) for text in content.out_of_scope]
    asked += [(text, OUTSIDE) for talk in content.small_talk.values() for text in talk.phrasings]
    lines = [Line(text, HARMLESS, "faq", entries=(entry,)) for text, entry in asked]
    for page in content.red_flags.pages:
        lines += [Line(text, page.id, "pages", page.level) for text in page.must_raise]
        lines += [Line(text, HARMLESS, "pages") for text in page.must_stay_quiet]
    return lines


def find_held_out() -> list[tuple[str, tuple[str, ...]]]:
    """Ordinary messages in real words that were not taught, each with the matcher's labels that would answer it."""
    lines = (line for line in read_messages() if line.split == HELD_OUT and line.level in ("none", "soon"))
    return [
        (line.text, tuple(entry.replace(OUTSIDE, NONE) for entry in line.entries)) for line in lines if line.entries
    ]


JOINTS = (". ", " ", ", ", " and also ", "\n")
_NEXT_KEYS = {
    "a": "sqwz", "e": "wrd", "i": "uok", "o": "ipl", "u": "yij", "n": "bm", "t": "ry", "s": "ad", "r": "et", "l": "k",
    "d": "sf", "h": "gj", "m": "n", "c": "xv",
}  # fmt: skip
# How often a line is changed in a way that changes nothing. A sign is often buried in another question, or told among
# other things; thumbs slip.
BURIED, BURIED_REAL, TOLD_AMONG, SLIPPED, UNPUNCTUATED = 0.2, 0.1, 0.1, 0.2, 0.12
MOST_TOLD = 60  # words of each of two messages told as one


class Changes:
    """Changes lines at random in ways that leave what they say."""

    def __init__(self, lines: Sequence[Line], chance: random.Random) -> None:
        self._questions = [line.text for line in lines if line.source == "faq" and line.entries != (OUTSIDE,)]
        self._ordinary = [
            line.text for line in lines if line.source == "real" and line.label == HARMLESS and _is_short(line.text)
        ]
        self._chance = chance

    def of(self, line: Line) -> str:
        said, chance = line.text, self._chance
        if line.source in ("real", "terse", "faq") and chance.random() < TOLD_AMONG and _is_short(said):
            said = self._join(said, chance.choice(self._ordinary))
        if line.label != HARMLESS and chance.random() < (BURIED_REAL if line.source == "real" else BURIED):
            said = self._join(said, chance.choice(self._questions))
        if chance.random() < SLIPPED:
            said = self._slip(said)
        if chance.random() < UNPUNCTUATED:
            said = "".join(char for char in said if char.isalnum() or char == " ")
        return said.lower()

    def _join(self, *both: str) -> str:
        return self._chance.choice(JOINTS).join(self._chance.sample(both, 2))

    def _slip(self, said: str) -> str:
        """One or two slips of the thumb: letters swapped, lost, doubled, or the key beside."""
        chars = list(said)
        for _ in range(self._chance.choice((1, 1, 2))):
            at, kind = self._chance.randrange(max(1, len(chars) - 1)), self._chance.random()
            if len(chars) < 5 or not chars[at].isalpha():
                continue
            if kind < 0.3:
                chars[at], chars[at + 1] = chars[at + 1], chars[at]
            elif kind < 0.55:
                del chars[at]
            elif kind < 0.75:
                chars.insert(at, chars[at])
            else:
                chars[at] = self._chance.choice(_NEXT_KEYS.get(chars[at].lower(), "e"))
        return "".join(chars)


def _is_short(text: str) -> bool:
    return len(text.split()) < MOST_TOLD


def draw_endlessly(lines: Sequence[Line], chance: random.Random) -> Iterator[Line]:
    """``lines`` in random order, again and again."""
    while True:
        order = list(lines)
        chance.shuffle(order)
        yield from order
