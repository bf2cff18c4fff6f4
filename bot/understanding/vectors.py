"""Vectors of the content's own lines: those of the shipped content come with the package, a clinic's own are computed once.

The only cache of the bot. A vector depends on nothing but the text and the encoder, so no edit can make one stale.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bot.understanding.encoder import FOLDER, Encoder, Floats
from bot.understanding.text import normalize

SHIPPED = "vectors.npz"
_AT_A_TIME = 256  # texts encoded together


class VectorStore:
    """Vectors by text. ``cache_dir``: where those that were not shipped are kept; nowhere if None."""

    def __init__(self, encoder: Encoder, cache_dir: Path | None = None, folder: Path = FOLDER) -> None:
        self._encoder = encoder
        self._file = cache_dir / f"vectors-{encoder.version}.npz" if cache_dir else None
        self._known = _read(folder / SHIPPED)
        self._shipped = frozenset(self._known)
        if self._file:
            self._known |= _read(self._file)

    def find(self, texts: Sequence[str]) -> Floats:
        """The unit vectors (texts × width) of ``texts``; what is not known is encoded, about 2 ms a line."""
        normal = [normalize(text) for text in texts]
        keys = [_key(text) for text in normal]
        missing = {key: text for key, text in zip(keys, normal, strict=True) if key not in self._known}
        todo = list(missing.items())
        for start in range(0, len(todo), _AT_A_TIME):
            batch = todo[start : start + _AT_A_TIME]
            for (key, _), encoded in zip(batch, self._encoder.encode([text for _, text in batch]), strict=True):
                self._known[key] = pack_vector(join_windows(encoded.meaning))
        vectors: Floats = (
            np.stack([self._known[key] for key in keys]).astype(np.float32) if keys else np.empty((0, 1), np.float32)
        )
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-6)
        return vectors

    def keep(self, texts: Iterable[str]) -> None:
        """Writes down the vectors of ``texts`` that were not shipped; those of other texts are let go. A folder that can't
        be written costs the next start their encoding, nothing else."""
        wanted = {_key(normalize(text)) for text in texts} - self._shipped
        kept = {key: self._known[key] for key in sorted(wanted) if key in self._known}
        if self._file is None or kept.keys() == _read(self._file).keys():
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_vectors(self._file, kept)


def join_windows(vectors: Floats) -> Floats:
    """One unit vector for a text, whatever its length."""
    whole: Floats = vectors.mean(axis=0)
    return whole / max(float(np.linalg.norm(whole)), 1e-6)


def pack_vector(vector: Floats) -> np.ndarray:
    """A unit vector in 8 bits a number; cosines change by less than 0.002."""
    packed: np.ndarray = np.round(vector * (127 / max(float(np.abs(vector).max()), 1e-6))).astype(np.int8)
    return packed


def write_vectors(path: Path, vectors: dict[int, np.ndarray]) -> None:
    """Writes ``vectors`` in one step: a reader meets the old file or the new one."""
    place = path.with_name(f".{path.name}.{os.getpid()}.npz")
    keys = np.fromiter(vectors, np.uint64, len(vectors))
    values = np.stack(list(vectors.values())) if vectors else np.empty((0, 0), np.int8)
    np.savez(place, keys=keys, vectors=values)
    place.replace(path)


def _read(path: Path) -> dict[int, np.ndarray]:
    """Vectors by key; none where the file is missing or damaged, as they can be computed again."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as kept:
            return dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))
    except Exception:
        return {}


def _key(normal: str) -> int:
    return int.from_bytes(hashlib.blake2b(normal.encode(), digest_size=8).digest(), "big")


def key_of(text: str) -> int:
    """Under what the vector of ``text`` is kept."""
    return _key(normalize(text))
