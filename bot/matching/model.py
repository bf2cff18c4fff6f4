"""The learned model: built from content, kept as npz, loaded without learning anything again."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot import text, vocabulary
from bot.content import Content
from bot.learning import logistic
from bot.learning.sentences import find, shared
from bot.learning.storing import keep_newest, load_arrays, pack, save_arrays, unpack
from bot.matching.concepts import ConceptFinder
from bot.matching.confidence import answer_from, sharpness, softmax
from bot.matching.examples import Example, examples
from bot.matching.features import BLOCKS, Names, Reader
from bot.matching.learning import calibrating, in_second_stage, learn, own_labels
from bot.matching.lesson import Lesson
from bot.matching.rows import Floats, Halves
from bot.matching.second import PENALTY, STEPS, Second
from bot.matching.vectors import vectors_of
from bot.vocabulary import Vocabulary

# Kept weights of this many contents; a staff edit that is taken back finds its weights still there.
KEPT = 4


@dataclass(frozen=True)
class Model:
    """Everything that ranking needs, as plain values. The first ``entries`` labels are entries.

    ``wordings`` are the lexicon's word groups as stems: stemming thousands at every start takes longer than all the rest.
    ``weights`` (features × labels) and ``bias`` give the first stage's scores, ``sharpness`` their probabilities;
    ``answer_from`` is the probability from which on the first stage answers.
    """

    labels: tuple[str, ...]
    entries: int
    vocabulary: dict[str, int]
    wordings: tuple[tuple[str, str], ...]
    features: Names
    idf: Floats
    weights: Halves
    bias: Floats
    sharpness: float
    answer_from: float
    second: Second | None = None

    def reader(self) -> Reader:
        return Reader(Vocabulary(self.vocabulary), ConceptFinder(self.wordings))


def build(content: Content, *, second_stage: bool = True, cache_dir: Path | None = None) -> Model:
    """The model of ``content``; the same content gives the same model. Takes seconds for some thousand phrasings.

    With ``second_stage`` (and its wheel installed) also the second stage, about 8 ms a phrasing that is new;
    ``cache_dir`` keeps sentence vectors between builds.
    """
    lesson = Lesson.of(content)
    lines, names = lesson.lines, lesson.labels
    entries, folder = len(content.entries), find() if second_stage else None
    labels, calibrates = own_labels(lines, names), calibrating(lines)
    own = labels[calibrates]
    # Both stages are nearly all matrix products, which let other threads run.
    with ThreadPoolExecutor(1) as beside:
        waits = beside.submit(_second_scores, lines, labels, len(names), folder, cache_dir) if folder else None
        learned = learn(lesson.rows, lines, names)
        second = _second(learned.held_out, own, entries, *waits.result()) if waits else None
    (factor,) = sharpness([learned.held_out], own)
    return Model(
        labels=names,
        entries=entries,
        vocabulary=lesson.vocabulary,
        wordings=lesson.wordings,
        features=lesson.space.names,
        idf=lesson.space.idf,
        weights=learned.weights.astype(np.float16),
        bias=learned.bias,
        sharpness=factor,
        answer_from=answer_from(softmax(np.float32(factor) * learned.held_out), own, entries),
        second=second,
    )


def _second_scores(
    lines: Sequence[Example], own: NDArray[np.int64], labels: int, folder: Path, cache_dir: Path | None
) -> tuple[Floats, Floats]:
    """Weights of the second stage, and the scores of what calibrates as if it had not been learned."""
    chosen = in_second_stage(lines)
    held = np.isin(chosen, calibrating(lines))
    vectors = vectors_of([lines[index].text for index in chosen], shared(folder), cache_dir)
    without = logistic.fit(vectors[~held], own[chosen[~held]], labels, PENALTY, STEPS)
    return logistic.fit(vectors, own[chosen], labels, PENALTY, STEPS), logistic.scores(vectors[held], without)


def _second(first: Floats, own: NDArray[np.int64], entries: int, weights: Floats, held_out: Floats) -> Second:
    one, other = sharpness([first, held_out], own)
    mixed = softmax(np.float32(one) * first + np.float32(other) * held_out)
    return Second(weights, one, other, answer_from(mixed, own, entries))


def weights(content: Content, cache_dir: Path | None, *, second_stage: bool = True) -> Model:
    """The model of ``content``: from ``cache_dir`` if it was built there before, else built and kept there.

    A cache that can't be read or written costs only the time to build.
    """
    if cache_dir is None:
        return build(content, second_stage=second_stage)
    has_second = second_stage and find() is not None
    path = cache_dir / f"matcher-{fingerprint(content)}{'-both' if has_second else ''}.npz"
    if (kept := load(path)) is not None:
        return kept
    model = build(content, second_stage=second_stage, cache_dir=cache_dir)
    save(model, path)
    keep_newest(cache_dir, "matcher-*.npz", KEPT)
    return model


def fingerprint(content: Content) -> str:
    """16 hex digits that change when anything that is learned from changes, or the code that learns."""
    digest = hashlib.sha256()
    for line in examples(content):
        digest.update(repr((line.text, line.label, line.is_not)).encode())
    for wording in content.lexicon.wordings():
        digest.update(repr(wording).encode())
    shared = (Path(str(module.__file__)) for module in (text, vocabulary, logistic))
    sources = [*Path(__file__).parent.glob("*.py"), *shared]
    for source in sorted(sources):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def save(model: Model, path: Path) -> bool:
    """Keeps ``model`` in ``path``; False if that can't be written."""
    second = model.second
    return save_arrays(
        path,
        {
            "labels": pack(model.labels),
            "entries": np.array(model.entries),
            "words": pack(model.vocabulary),
            "counts": np.array(list(model.vocabulary.values()), np.int64),
            "concepts": pack(concept for concept, _ in model.wordings),
            "wordings": pack(wording for _, wording in model.wordings),
            "features": pack(chain.from_iterable(model.features[block] for block in BLOCKS)),
            "blocks": np.array([len(model.features[block]) for block in BLOCKS]),
            "idf": model.idf,
            "weights": model.weights,
            "bias": model.bias,
            "sharpness": np.array(model.sharpness),
            "answer_from": np.array(model.answer_from),
            "second": second.weights if second else np.zeros((0, 0), np.float32),
            "mixing": np.array([second.first_factor, second.second_factor, second.answer_from] if second else []),
        },
    )


def load(path: Path) -> Model | None:
    """The model kept in ``path``, or None if there is none that can be read."""
    kept = load_arrays(path)
    if kept is None:
        return None
    try:
        return Model(
            labels=unpack(kept["labels"]),
            entries=int(kept["entries"]),
            vocabulary=dict(zip(unpack(kept["words"]), kept["counts"].tolist(), strict=True)),
            wordings=tuple(zip(unpack(kept["concepts"]), unpack(kept["wordings"]), strict=True)),
            features=_by_block(unpack(kept["features"]), kept["blocks"].tolist()),
            idf=kept["idf"],
            weights=kept["weights"],
            bias=kept["bias"],
            sharpness=float(kept["sharpness"]),
            answer_from=float(kept["answer_from"]),
            second=Second(kept["second"], *kept["mixing"].tolist()) if kept["second"].size else None,
        )
    except (KeyError, ValueError, UnicodeDecodeError):
        return None


def _by_block(names: Sequence[str], lengths: Sequence[int]) -> Names:
    """``names`` cut into the blocks. ValueError if they are of other blocks."""
    if sum(lengths) != len(names):
        raise ValueError("names of other blocks")
    ends = accumulate(lengths)
    return {block: tuple(names[end - length : end]) for block, length, end in zip(BLOCKS, lengths, ends, strict=True)}
