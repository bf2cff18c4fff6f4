"""The learned model: built from content, kept as npz, loaded without learning anything again."""

import hashlib
import io
import os
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot import text, vocabulary
from bot.content import Content
from bot.matching.concepts import ConceptFinder
from bot.matching.confidence import Calibration, calibrate
from bot.matching.examples import examples, labels
from bot.matching.features import Reader, Space
from bot.matching.learning import learn
from bot.matching.rows import Floats, Rows
from bot.text import words
from bot.vocabulary import Vocabulary

# Kept weights of this many contents; a staff edit that is taken back finds its weights still there.
KEPT = 4


@dataclass(frozen=True)
class Model:
    """Everything that ranking needs, as plain values. The first ``entries`` labels are entries."""

    labels: tuple[str, ...]
    entries: int
    vocabulary: dict[str, int]
    wordings: tuple[tuple[str, str], ...]
    features: tuple[str, ...]
    idf: Floats
    weights: Floats
    bias: Floats
    calibration: Calibration

    def reader(self) -> Reader:
        return Reader(Vocabulary(self.vocabulary), ConceptFinder(self.wordings))


def build(content: Content) -> Model:
    """The model of ``content``. Pure: the same content gives the same model. Seconds, for some thousand phrasings."""
    lines = list(examples(content))
    names = labels(content)
    wordings = tuple(content.lexicon.wordings())
    known = Counter(word for line in lines for word in words(line.text))
    known.update(word for _, wording in wordings for word in words(wording))
    reader = Reader(Vocabulary(known), ConceptFinder(wordings))
    readings = [reader.read(line.text) for line in lines]
    space = Space.learn(readings)
    rows = Rows.of([space.vector(reading) for reading in readings], len(space))
    learned = learn(rows, lines, names)
    column = {name: at for at, name in enumerate(names)}
    taught = np.array([not line.is_not for line in lines])
    own = np.array([column[line.label] for line in lines])
    return Model(
        labels=names,
        entries=len(content.entries),
        vocabulary=dict(known),
        wordings=wordings,
        features=space.names,
        idf=space.idf,
        weights=learned.weights,
        bias=learned.bias,
        calibration=calibrate(learned.held_out[taught], own[taught], len(content.entries)),
    )


def weights(content: Content, cache_dir: Path | None) -> Model:
    """The model of ``content``: from ``cache_dir`` if it was built there before, else built and kept there.

    A cache that can't be read or written costs only the time to build.
    """
    if cache_dir is None:
        return build(content)
    path = cache_dir / f"matcher-{fingerprint(content)}.npz"
    if (kept := load(path)) is not None:
        return kept
    model = build(content)
    save(model, path)
    return model


def fingerprint(content: Content) -> str:
    """16 hex digits that change when anything that is learned from changes, or the code that learns."""
    digest = hashlib.sha256()
    for line in examples(content):
        digest.update(repr((line.text, line.label, line.is_not)).encode())
    for wording in content.lexicon.wordings():
        digest.update(repr(wording).encode())
    sources = [*Path(__file__).parent.glob("*.py"), *(Path(str(module.__file__)) for module in (text, vocabulary))]
    for source in sorted(sources):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def save(model: Model, path: Path) -> None:
    """Writes ``model`` so that a reader never sees half a file; a folder that can't be written is left alone."""
    packed = {
        "labels": _pack(model.labels),
        "entries": np.array(model.entries),
        "words": _pack(model.vocabulary),
        "counts": np.array(list(model.vocabulary.values()), np.int64),
        "concepts": _pack(concept for concept, _ in model.wordings),
        "wordings": _pack(" ".join(wording.split()) for _, wording in model.wordings),
        "features": _pack(model.features),
        "idf": model.idf,
        "weights": model.weights,
        "bias": model.bias,
        "sharpness": np.array(model.calibration.sharpness),
        "trust": model.calibration.trust,
    }
    buffer = io.BytesIO()
    np.savez(buffer, **packed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(buffer.getbuffer())
        part.replace(path)
        kept = sorted(path.parent.glob("matcher-*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in kept[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def load(path: Path) -> Model | None:
    """The model kept in ``path``, or None if there is none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Model(
                labels=_unpack(kept["labels"]),
                entries=int(kept["entries"]),
                vocabulary=dict(zip(_unpack(kept["words"]), kept["counts"].tolist(), strict=True)),
                wordings=tuple(zip(_unpack(kept["concepts"]), _unpack(kept["wordings"]), strict=True)),
                features=_unpack(kept["features"]),
                idf=kept["idf"],
                weights=kept["weights"],
                bias=kept["bias"],
                calibration=Calibration(float(kept["sharpness"]), kept["trust"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _pack(lines: object) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)  # type: ignore[call-overload]


def _unpack(packed: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> tuple[str, ...]:
    joined = packed.tobytes().decode()
    return tuple(joined.split("\n")) if joined else ()
