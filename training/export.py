"""Writes what serving needs into ``bot/understanding/model``: the encoder as int8 ONNX, the head of the signs, what was
taught (for explanations), and the manifest with hashes and thresholds."""

import hashlib
import json
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

AXES = 64  # of the taught messages' vectors: enough to find the nearest, a sixth of the size


class Pooled(nn.Module):
    """Piece numbers in (0 pads), one unit vector a row out: the mean over the pieces."""

    def __init__(self, bert: nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: Tensor) -> Tensor:
        mask = (ids != 0).long()
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[..., None].to(states.dtype)
        return F.normalize((states * weight).sum(1) / weight.sum(1).clamp(min=1.0), dim=1)


def export_encoder(bert: nn.Module, folder: Path) -> None:
    """The encoder of ``bert`` as ``encoder.onnx``, weights in 8 bits."""
    bert.eval()
    ids = torch.ones((2, 16), dtype=torch.long)
    with tempfile.TemporaryDirectory() as place:
        full = Path(place) / "full.onnx"
        axes = {"ids": {0: "texts", 1: "pieces"}, "vectors": {0: "texts"}}
        torch.onnx.export(
            Pooled(bert), (ids,), str(full), input_names=["ids"], output_names=["vectors"], dynamic_axes=axes,
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
