"""Sentence vectors of phrasings, kept between builds: each takes about 8 ms to compute and never changes.

Those of the shipped content come with the package, so that a first start computes none; those of a clinic's own lines
are kept beside its weights. Kept vectors are rounded to bytes, which moves a cosine by less than 0.002.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.learning.sentences import WIDTH, SentenceModel
from bot.learning.storing import load_arrays, save_arrays
from bot.matching.rows import Floats

SHIPPED = Path(__file__).with_name("shipped-vectors.npz")
FILE = "sentence-vectors.npz"

_Bytes = NDArray[np.int8]


def vectors_of(texts: Sequence[str], model: SentenceModel, cache_dir: Path | None = None) -> Floats:
    """A row of unit length for each of ``texts``; only what is kept nowhere is computed, then kept in ``cache_dir``."""
    path = cache_dir / FILE if cache_dir else None
    known = shipped() | (read(path) if path else {})
    keys = [_key(text) for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        known = known | dict(zip(missing, _rounded(model.vectors(list(missing.values()))), strict=True))
        if path:
            write(path, {key: known[key] for key in keys if key not in shipped()})
    found = np.array([known[key] for key in keys], np.float32).reshape(-1, WIDTH)
    result: Floats = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return result


@cache
def shipped() -> dict[int, _Bytes]:
    """The vectors that come with the package, by key of their text."""
    return read(SHIPPED)


def read(path: Path) -> dict[int, _Bytes]:
    """The vectors kept in ``path``, none if it can't be read."""
    kept = load_arrays(path) or {}
    if kept.keys() < {"keys", "vectors"} or kept["vectors"].shape != (len(kept["keys"]), WIDTH):
        return {}
    return dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))


def write(path: Path, vectors: dict[int, _Bytes]) -> bool:
    """Keeps ``vectors`` in ``path``; False if that can't be written."""
    stacked = np.array(list(vectors.values()), np.int8).reshape(-1, WIDTH)
    return save_arrays(path, {"keys": np.array(list(vectors), np.uint64), "vectors": stacked})


def ship(texts: Sequence[str], model: SentenceModel) -> int:
    """Writes the vectors of ``texts`` into the package; returns how many had to be computed."""
    known = shipped()
    missing = {key: text for text in texts if (key := _key(text)) not in known}
    fresh = known | dict(zip(missing, _rounded(model.vectors(list(missing.values()))), strict=True))
    write(SHIPPED, {key: fresh[key] for key in sorted(map(_key, set(texts)))})
    return len(missing)


def _rounded(vectors: Floats) -> _Bytes:
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True, initial=0), 1e-9)
    result: _Bytes = np.rint(vectors / largest * 127).astype(np.int8)
    return result


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
