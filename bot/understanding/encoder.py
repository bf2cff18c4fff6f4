"""The one sentence encoder: text in, a vector of unit length out. onnxruntime and tokenizers are used nowhere else."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FOLDER = Path(__file__).with_name("model")
MANIFEST = "manifest.json"
MOST_PIECES = 256  # of one window, the special pieces included; the model was tuned on as many
MOST_WINDOWS = 4  # 4,096 characters of English are about 1,000 pieces; of longer text the beginning and the end
OVERLAP = 32  # pieces
_AT_A_TIME = 16  # windows in one run: more gain nothing and cost memory


class ModelError(Exception):
    """The model can't be used; the message says why, and the cure is to install the package again."""


def read_manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of the model in ``folder``, with every file's hash checked. ModelError if one is missing or damaged."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        for name, wanted in manifest["sha256"].items():
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            if found != wanted:
                raise ModelError(f"{name} is damaged (its hash is {found[:12]}, not {wanted[:12]})")
    except OSError as error:
        raise ModelError(f"{Path(str(error.filename)).name} can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{MANIFEST} can't be read ({type(error).__name__})") from error
    return manifest


class Encoder:
    """all-MiniLM-L6-v2 with the project's own tuning, int8, one thread. Threads may share it.

    ``version`` is the hash of the encoder's file, so that whoever keeps vectors knows whose they are. ``words``: whole
    English words that the tokenizer knows.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        """ModelError where the files are missing, damaged or refused by the runtime."""
        self.manifest = read_manifest(folder)
        self.version: str = self.manifest["sha256"]["encoder.onnx"][:12]
        try:
            import onnxruntime
            from tokenizers import Tokenizer

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.enable_cpu_mem_arena = False  # the arena would hold what the longest batch ever took
            options.log_severity_level = 3
            self._session = onnxruntime.InferenceSession(
                str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # whatever the libraries raise: the floor must go on answering
            raise ModelError(f"the model can't be loaded ({type(error).__name__}: {error})") from error
        self._tokenizer.enable_truncation(MOST_PIECES, stride=OVERLAP)
        self._tokenizer.no_padding()
        self.words = frozenset(word for word in self._tokenizer.get_vocab() if word.isalpha() and word.isascii())

    def encode(self, texts: Sequence[str]) -> list[Floats]:
        """One array (windows × width) of unit vectors for each text; a text of up to 256 pieces is one window."""
        windows = [self._windows(text) for text in texts]
        vectors = self._run([ids for one in windows for ids in one])
        ends = np.cumsum([len(one) for one in windows])
        return np.split(vectors, ends[:-1]) if windows else []

    def _windows(self, text: str) -> list[list[int]]:
        encoded = self._tokenizer.encode(text)
        windows = [encoded, *encoded.overflowing]
        if len(windows) > MOST_WINDOWS:
            windows = windows[: MOST_WINDOWS // 2] + windows[-MOST_WINDOWS // 2 :]
        return [one.ids for one in windows]

    def _run(self, windows: Sequence[list[int]]) -> Floats:
        """Vectors of ``windows``; those of like length run together, so that little is padded."""
        order = sorted(range(len(windows)), key=lambda at: len(windows[at]))
        vectors: Floats = np.empty((len(windows), self.manifest["width"]), np.float32)
        for start in range(0, len(order), _AT_A_TIME):
            batch = order[start : start + _AT_A_TIME]
            ids = np.zeros((len(batch), len(windows[batch[-1]])), np.int64)
            for row, at in enumerate(batch):
                ids[row, : len(windows[at])] = windows[at]
            vectors[batch] = self._session.run(None, {"ids": ids})[0]
        return vectors
