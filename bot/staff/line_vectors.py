"""Vectors of the lines that a check reads: thousands, at 2 ms each, of which an edit changes a few."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.understanding import Encoder, Vectors
from bot.understanding.vectors import key_of, write_vectors


class LineEncoder(Encoder):
    """The encoder, with the vectors of earlier checks from a file in ``cache_dir``.

    A vector depends on nothing but text and model, so none can be stale. Half precision moves a cosine by less than 0.0001.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._known: dict[int, Vectors] = {}
        self._used: dict[int, Vectors] = {}
        super().__init__()  # which encodes a text, to see that it can
        self._used.clear()
        self._file = cache_dir / f"lines-{self.version}.npz"
        self._known = self._read()

    def _read(self) -> dict[int, Vectors]:
        try:
            with self._file.open("rb") as file, np.load(file) as kept:
                return {
                    key: Vectors(*both[:, None])
                    for key, both in zip(kept["keys"].tolist(), kept["vectors"].astype(np.float32), strict=True)
                }
        except Exception:  # none, or a damaged one: computed again
            return {}

    def encode(self, texts: Sequence[str]) -> list[Vectors]:
        return [self._find(text) for text in texts]

    def _find(self, text: str) -> Vectors:
        key = key_of(text)
        if key not in self._used:
            # One by one, as patients' messages are: int8 makes a vector depend a little on what is encoded beside it.
            known = self._known.get(key)
            self._used[key] = known or super().encode([text])[0]
        return self._used[key]

    def keep(self) -> None:
        """Writes down the vectors of all texts that were read so far, if there are new ones; others are let go."""
        kept = {
            key: np.concatenate(both).astype(np.float16) for key, both in self._used.items() if len(both.signs) == 1
        }
        if kept.keys() <= self._known.keys():
            return
        with contextlib.suppress(OSError):  # a cache: the next check takes longer, nothing else
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_vectors(self._file, kept)
