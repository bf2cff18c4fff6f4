"""Writes what serving needs into ``bot/understanding/model``: the encoder as int8 ONNX, the head of the signs, what was
taught (for explanations), and the manifest with hashes and thresholds."""

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

AXES = 64  # of the taught messages' vectors: enough to find the nearest, a sixth of the size


class Branches(nn.Module):
    """Piece numbers in (0 pads), two unit vectors a row out: the means over the pieces after either upper half."""

    def __init__(
        self, embeddings: nn.Module, shared: nn.ModuleList, signs: nn.ModuleList, meaning: nn.ModuleList
    ) -> None:
        super().__init__()
        self.embeddings, self.shared, self.signs, self.meaning = embeddings, shared, signs, meaning

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        mask = (ids != 0).float()
        states = run_layers(self.shared, self.embeddings(input_ids=ids), mask)
        return pool(run_layers(self.signs, states, mask), mask), pool(run_layers(self.meaning, states, mask), mask)


def run_layers(layers: Iterable[nn.Module], states: Tensor, mask: Tensor) -> Tensor:
    """``states`` (texts × pieces × width) after ``layers``; ``mask`` is 0 where a piece only pads."""
    hidden = (1 - mask)[:, None, None, :] * -1e4
    for layer in layers:
        states = layer(states, hidden)
    return states


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """The mean over the pieces, of unit length."""
    weight = mask[..., None]
    return F.normalize((states * weight).sum(1) / weight.sum(1).clamp(min=1.0), dim=1)


def export_encoder(branches: Branches, folder: Path) -> None:
    """``branches`` as ``encoder.onnx``, weights in 8 bits."""
    branches.eval()
    ids = torch.ones((2, 16), dtype=torch.long)
    with tempfile.TemporaryDirectory() as place:
        full = Path(place) / "full.onnx"
        texts = {0: "texts"}
        torch.onnx.export(
            branches, (ids,), str(full), input_names=["ids"], output_names=["signs", "meaning"],
            dynamic_axes={"ids": {0: "texts", 1: "pieces"}, "signs": texts, "meaning": texts},
            opset_version=17, dynamo=False,
        )  # fmt: skip
        quantize_dynamic(full, folder / "encoder.onnx", per_channel=True, weight_type=QuantType.QInt8)


def export_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))


def export_taught(lines: Sequence[tuple[str, str]], vectors: np.ndarray, folder: Path) -> None:
    """``lines``: label and text of each taught message, in the order of ``vectors`` (lines × width)."""
    axes = np.linalg.svd(vectors[:: max(1, len(vectors) // 4000)], full_matrices=False)[2][:AXES].T.astype(np.float32)
    low = vectors @ axes
    low /= np.linalg.norm(low, axis=1, keepdims=True)
    packed = np.frombuffer(zlib.compress(json.dumps(lines, ensure_ascii=False).encode(), 9), np.uint8)
    np.savez(
        folder / "taught.npz",
        codes=np.round(low * 127).astype(np.int8),
        scale=np.float32(1 / 127),
        axes=axes,
        lines=packed,
    )


def export_manifest(folder: Path, **facts: Any) -> None:
    """``manifest.json``: ``facts`` and the hash of every other file of ``folder``."""
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json" and not path.name.startswith(".")
    }
    (folder / "manifest.json").write_text(json.dumps({**facts, "sha256": hashes}, indent=1) + "\n")
