"""The one sentence encoder: text in, two vectors of unit length out. onnxruntime and tokenizers are used nowhere else."""

import hashlib
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.errors import BotError

Floats = NDArray[np.float32]

FOLDER = Path(__file__).with_name("model")
MANIFEST = "manifest.json"
_CHECKOUT = Path(__file__).resolve().parents[2]
_FILES = ("encoder.onnx", "tokenizer.json", "heads.npz")
_NEEDED = ("width", "classes", "sure", "unsure", "harmless", "soon", "emergency")
MOST_PIECES = 256  # of one window, the special pieces included; the model was tuned on as many
MOST_WINDOWS = 4  # 4,096 characters of English are about 1,000 pieces; of longer text the beginning and the end
OVERLAP = 32  # pieces


class Vectors(NamedTuple):
    """What the encoder makes of one text: a unit vector for each window of 256 pieces (windows × width), twice.

    Both come from one pass, whose lower layers they share: ``signs`` is tuned to tell red flags from ordinary stories,
    ``meaning`` is left as general as it was, which carries over better to questions in words nobody foresaw.
    """

    signs: Floats
    meaning: Floats


class ModelError(BotError):
    """The model can't be used; the message names the cause and the cure."""


def read_manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of the model in ``folder``, with every file's hash checked. ModelError if one is missing or damaged."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        hashes = manifest["sha256"]
        for name, wanted in hashes.items():
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != wanted:
                raise ModelError(f"{name} is damaged (its hash is {found[:12]}, not {wanted[:12]}). {cure_files()}")
    except OSError as error:
        raise ModelError(
            f"{Path(str(error.filename)).name} can't be read ({error.strerror}). {cure_files()}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{MANIFEST} can't be read ({type(error).__name__}). {cure_files()}") from error
    if missing := [key for key in _NEEDED if key not in manifest] + [name for name in _FILES if name not in hashes]:
        raise ModelError(f"{MANIFEST} does not name {', '.join(missing)}. {cure_files()}")
    return manifest


def cure_files() -> str:
    """How to get the model's files as they belong to this code."""
    if (_CHECKOUT / ".git").exists():
        folder = FOLDER.relative_to(_CHECKOUT)
        return f"Put it back and restart: `git -C {shlex.quote(str(_CHECKOUT))} checkout -- {folder}`"
    return "Install the bot again (in a container: build its image again) and restart."


def _cure_libraries() -> str:
    """Whether they are missing or damaged, pip fetches them anew."""
    pins = _CHECKOUT / "requirements/run.txt"
    if not pins.exists():
        return cure_files()
    python, file = shlex.quote(sys.executable), shlex.quote(str(pins))
    return f"Install the libraries again and restart: `{python} -m pip install --force-reinstall --require-hashes -r {file}`"


class Encoder:
    """all-MiniLM-L6-v2, its upper layers once as they are and once tuned, int8, one thread. Threads may share it.

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
            self._tokenizer.enable_truncation(MOST_PIECES, stride=OVERLAP)
            self._tokenizer.no_padding()
            self.words = frozenset(word for word in self._tokenizer.get_vocab() if word.isalpha() and word.isascii())
            self.check()
        except Exception as error:  # whatever the libraries raise: the floor must go on answering
            said = " ".join(str(error).split())
            raise ModelError(f"it can't be loaded ({type(error).__name__}: {said}). {_cure_libraries()}") from error

    def check(self) -> None:
        """Encodes a text; raises what the libraries raise, or ValueError if no vector comes out."""
        for vectors in self.encode(["my back hurts"])[0]:
            if not 0.99 < np.linalg.norm(vectors) < 1.01:
                raise ValueError("no unit vector comes out")

    def encode(self, texts: Sequence[str]) -> list[Vectors]:
        """The vectors of each text; a text of up to 256 pieces is one window.

        Each window is run by itself: int8 takes its scale from all that runs together, so that neighbours would change
        a verdict.
        """
        return [Vectors(*map(np.concatenate, zip(*map(self._run, self._windows(text)), strict=True))) for text in texts]

    def _windows(self, text: str) -> list[list[int]]:
        encoded = self._tokenizer.encode(text)
        windows = [encoded, *encoded.overflowing]
        if len(windows) > MOST_WINDOWS:
            windows = windows[: MOST_WINDOWS // 2] + windows[-MOST_WINDOWS // 2 :]
        return [one.ids for one in windows]

    def _run(self, ids: Sequence[int]) -> list[Floats]:
        vectors: list[Floats] = self._session.run(list(Vectors._fields), {"ids": np.array([ids], np.int64)})
        return vectors
