"""The model's half of the screening: a softmax head over the signs and ``harmless``, on the encoder's vectors.

Frozen: it learns from ``training/`` alone, and a change of it is a change of a safety component (see MODEL_CARD.md).
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.content.red_flags import HARMLESS
from bot.understanding import Encoder, Floats
from bot.understanding.encoder import FOLDER

_ALARMS = ("emergency", "urgent")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model hears, as probabilities (0..1): ``signs`` for each page, ``alarm`` for emergency or urgent, and of that
    the likeliest single sign, ``named``."""

    signs: Mapping[str, float]
    alarm: float
    named: float

    def likeliest(self, levels: Mapping[str, str], among: Sequence[str]) -> str:
        """The likeliest sign of one of the levels ``among``; empty if there is none."""
        possible = [(share, sign) for sign, share in self.signs.items() if levels.get(sign) in among]
        return max(possible, default=(0.0, ""))[1]


class SignModel:
    """``weights`` (width × classes) and ``bias`` of a softmax over ``classes``. Immutable.

    Thresholds of the probability of an alarm: from ``sure`` on it is one, from ``unsure`` on it is asked about, below
    ``harmless`` the model is sure that it is none. ``emergency``: share of an alarm from which on its likeliest emergency makes it one.
    ``soon``: probability of a sign of that level from which on its line is shown.
    """

    def __init__(self, encoder: Encoder, levels: Mapping[str, str], folder: Path = FOLDER) -> None:
        """``levels``: of each page by id. Signs that the model knows and the content has not count as nothing."""
        with np.load(folder / "heads.npz") as heads:
            self._weights, self._bias = heads["weights"], heads["bias"]
        self._classes: list[str] = encoder.manifest["classes"]
        self._levels = {name: levels.get(name, "") for name in self._classes}
        self._is_alarm = np.array([self._levels[name] in _ALARMS for name in self._classes])
        self.sure = float(encoder.manifest["sure"])
        self.unsure = float(encoder.manifest["unsure"])
        self.harmless = float(encoder.manifest["harmless"])
        self.soon = float(encoder.manifest["soon"])
        self.emergency = float(encoder.manifest["emergency"])

    def judge(self, vectors: Floats) -> Judgement:
        """The windows of one message together: the loudest of a long message counts for each sign."""
        scores = vectors @ self._weights + self._bias
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        loudest = int(shares[:, self._is_alarm].sum(axis=1).argmax())
        whole = shares.max(axis=0)
        whole[self._is_alarm] = shares[loudest][self._is_alarm]
        if not np.isfinite(whole).all():
            raise FloatingPointError("the model gave no number")
        signs = {name: float(share) for name, share in zip(self._classes, whole, strict=True) if name != HARMLESS}
        loud = whole[self._is_alarm]
        return Judgement(signs, float(loud.sum()), float(loud.max()))


def nearest_taught(vector: Floats, count: int = 3, folder: Path = FOLDER) -> list[tuple[float, str, str]]:
    """The taught messages nearest to ``vector``: likeness (cosine), label, text. For explanations; takes milliseconds."""
    with np.load(folder / "taught.npz") as kept:
        codes, scale, axes = kept["codes"], kept["scale"], kept["axes"]
        lines: list[list[str]] = json.loads(zlib.decompress(kept["lines"].tobytes()))
    asked = vector @ axes
    asked /= np.linalg.norm(asked) or 1.0
    likeness = (codes.astype(np.float32) * scale) @ asked
    return [(float(likeness[at]), lines[at][0], lines[at][1]) for at in np.argsort(-likeness)[:count]]
