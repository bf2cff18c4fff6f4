"""The second listener's better ear: what a message means, by sentence vectors that were tuned to red flags.

Words alone don't carry over to the next person's: of signs told by what happens in daily life ("my slipper keeps coming
off the left foot") the rules hear about half, sentence vectors nearly all (docs/rounds.md). The encoder's tuning and the
weights on its vectors come with the package, learned by ``training/second_listener.py`` from the lines of the content;
lines that came later are learned on top of them (``refining``).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.content.red_flags import HARMLESS
from bot.learning.sentences import SentenceModel, Tuning
from bot.learning.storing import load_arrays, unpack
from bot.safety.levels import Level
from bot.safety.listener import certainty

Floats = NDArray[np.float32]

SHIPPED = Path(__file__).with_name("shipped-meaning.npz")
# A longer message is also heard part by part, so that a sign in a long story does not drown in it.
PART_WORDS = 40
PART_STEP = 25
MOST_PARTS = 8
_LEAST = 1e-6

# How much meaning and words count in the sum (logits), and from where on it raises or asks. Fitted on rounds 7 to 12, whose
# writers neither listener had met; raised by one when ordinary questions of strangers were alarmed at (docs/rounds.md).
CONSTANT, MEANING, WORDS = -1.0, 0.9, 0.4
MOST_WORDS = 6.0  # logit
RAISE_AT, ASK_AT = 1.0, -1.3
# From this share of the alarm on it is an emergency: at doubt the higher level.
EMERGENCY_SHARE = 0.35
SOON_FROM = 0.6  # probability


@dataclass(frozen=True, slots=True)
class Chances:
    """What a message may be about, as probabilities (0..1) that sum to at most 1: by red flag of each level."""

    emergency: float
    urgent: float
    soon: float
    rules: dict[str, str]  # the likeliest rule by level

    @property
    def alarm(self) -> float:
        return self.emergency + self.urgent

    @property
    def logit(self) -> float:
        """How sure that it is an alarm, as logit (about -14 to 14)."""
        share = min(max(self.alarm, _LEAST), 1 - _LEAST)
        return math.log(share / (1 - share))


@dataclass(frozen=True, eq=False)
class Meaning:
    """The tuned encoder and one column of ``weights`` for each of ``classes``, ``harmless`` and ids of rules.

    ``levels`` gives the level of each class, empty for ``harmless`` and for rules that the content does not have.
    Never changed: threads may share it.
    """

    encoder: SentenceModel
    weights: Floats  # vector and constant × classes
    classes: tuple[str, ...]
    levels: tuple[str, ...]

    def hear(self, utterance: str) -> Chances:
        """The chances of ``utterance``: of the part that sounds most like an alarm. About 1 ms a word piece."""
        found = [self._chances(row) for row in self.encoder.vectors(parts(utterance))]
        return max(found, key=lambda chances: chances.alarm)

    def _chances(self, vector: Floats) -> Chances:
        logits = vector @ self.weights[:-1] + self.weights[-1]
        powers = np.exp(logits - logits.max())
        shares = (powers / powers.sum()).tolist()
        total = {"emergency": 0.0, "urgent": 0.0, "soon": 0.0}
        best: dict[str, tuple[float, str]] = {}
        for share, rule, level in zip(shares, self.classes, self.levels, strict=True):
            if level:
                total[level] += share
                best[level] = max(best.get(level, (0.0, "")), (share, rule))
        return Chances(**total, rules={level: rule for level, (_, rule) in best.items()})


def parts(utterance: str) -> list[str]:
    """``utterance`` and, if it is long, its stretches of ``PART_WORDS`` words, at most ``MOST_PARTS`` in all."""
    words = utterance.split()
    if len(words) <= PART_WORDS + PART_STEP // 2:
        return [utterance]
    starts = range(0, len(words) - PART_WORDS + PART_STEP, PART_STEP)
    stretches = [" ".join(words[start : start + PART_WORDS]) for start in starts]
    return [utterance, *stretches[: MOST_PARTS - 1]]


@dataclass(frozen=True, eq=False)
class Shipped:
    """What comes with the package: the tuning, the weights and the keys of the lines that they were learned from."""

    tuning: Tuning
    weights: Floats
    classes: tuple[str, ...]
    known: frozenset[int]


def shipped(path: Path = SHIPPED) -> Shipped | None:
    """The listener that comes with the package; None if its file is missing or broken."""
    kept = load_arrays(path)
    try:
        if kept is None:
            return None
        names = unpack(kept["layers"])
        tuning = {
            name: (kept[f"down {at}"].astype(np.float32), kept[f"up {at}"].astype(np.float32))
            for at, name in enumerate(names)
        }
        classes, weights = unpack(kept["classes"]), kept["weights"].astype(np.float32)
        if weights.shape[1] != len(classes) or classes[0] != HARMLESS or not np.isfinite(weights).all():
            return None
        return Shipped(tuning, weights, classes, frozenset(kept["known"].tolist()))
    except (KeyError, ValueError, IndexError, UnicodeDecodeError):
        return None


def levels_of(classes: Sequence[str], rules: dict[str, str]) -> tuple[str, ...]:
    """The level of each class in a content whose ``rules`` have these levels."""
    return tuple(rules.get(name, "") for name in classes)


def key_of(text: str, rule: str) -> int:
    """64 bits that tell a line from others, so that what was learned already is known again."""
    return int.from_bytes(hashlib.sha256(f"{rule}\n{text}".encode()).digest()[:8], "little")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level and rule that a message sounds like, and how sure that is (0..1 that it is an alarm)."""

    level: Level
    rule: str
    certainty: float


def judge(chances: Chances, words: float) -> Verdict | None:
    """What meaning and words are worth together; None where that is nothing. ``words`` is the logit of the listener that
    goes by words."""
    is_emergency = chances.emergency >= EMERGENCY_SHARE * chances.alarm
    level = Level.EMERGENCY if is_emergency else Level.URGENT
    rule = chances.rules.get(level) or chances.rules.get(Level.URGENT) or chances.rules.get(Level.EMERGENCY)
    logit = CONSTANT + MEANING * chances.logit + WORDS * max(-MOST_WORDS, min(MOST_WORDS, words))
    if rule and logit >= RAISE_AT:
        return Verdict(level, rule, certainty(logit))
    if rule and logit >= ASK_AT:
        return Verdict(Level.CHECK, rule, certainty(logit))
    if chances.soon >= SOON_FROM and (soon := chances.rules.get(Level.SOON)):
        return Verdict(Level.SOON, soon, chances.soon)
    return None
