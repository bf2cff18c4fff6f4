"""Parsing: slips mended, words and breaks, one pass of the encoder; whatever is typed, and with the model missing or damaged."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from work import count_lines

from bot.content import Content
from bot.understanding import (
    MOST_CHARACTERS,
    Encoder,
    ModelError,
    Speller,
    Understanding,
    Vectors,
    load_understanding,
    split_words,
)
from bot.understanding.encoder import FOLDER, MANIFEST, MOST_PIECES, MOST_WINDOWS

WIDTH = 384
KNOWN = (
    "gon sing cant feel legs numb tingling numbness weakness pee peeing cancer overdose incontinent drooping back spasm over done between "
    "diarrhoea banana week since shoulder clot tumour hello leg bleeding my"
).split()
REAL = "tee cant were cot rumours drool canton weed".split()


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller(KNOWN, REAL)


@pytest.fixture(scope="module")
def understanding(content: Content) -> Understanding:
    return load_understanding(content)


# The speller


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("nubm", "numb"),  # neighbours swapped
        ("numbb", "numb"),
        ("tinglng", "tingling"),
        ("tingeling", "tingling"),
        ("weekness", "weakness"),
        ("bleding", "bleeding"),
        ("sapsm", "spasm"),
        ("diarhoea", "diarrhoea"),
        ("diarreoa", "diarrhoea"),  # two slips in a long word
        ("cantfeelmylegs", "cant feel my legs"),
        ("numblegs", "numb legs"),
        ("sinceicantpee", "since i cant pee"),
    ],
)
def test_slips_are_led_to_known_words(speller: Speller, typed: str, meant: str) -> None:
    assert speller.correct(typed) == meant


@pytest.mark.parametrize(
    "word",
    [
        "teeing",  # a form of a real word, not "peeing"
        "canter",  # not "cancer"
        "cots",  # not "clots"
        "rumour",  # not "tumour"
        "drooling",  # not "drooping"
        "incontinence",  # a form of a known word
        "spasms",
        "cab",  # too short to judge
        "4mg",
        "x" * 60,
        "agonising",  # not "a gon i sing"
    ],
)
def test_real_words_stay(speller: Speller, word: str) -> None:
    assert speller.correct(word) == word


def test_two_words_run_together_come_before_a_slip(speller: Speller) -> None:
    assert speller.correct("overdone") == "over done"  # and never "overdose"


@pytest.mark.parametrize(
    "said",
    "don't doesn't didn't isn't wasn't aren't weren't haven't hasn't hadn't won't wouldn't couldn't can't she's they've".split(),
)
def test_contractions_are_words(understanding: Understanding, said: str) -> None:
    assert understanding.parse(said).corrected == said
    assert understanding.parse(said.replace("'", "")).corrected == said.replace("'", "")


@pytest.mark.parametrize(
    "piece", ["nmubness lgeg tinglign ", "cantfeelmylegs", "ab", "qwertyuiopasdf ", "no x, ", "ﷺ", "a'b'"]
)
def test_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    def work(length: int) -> int:
        understanding = Understanding({"numbness", "leg", "tingling", "cant", "feel", "legs"}, None)
        text = (piece * length)[:length]
        return count_lines(lambda: understanding.parse(text))

    assert work(MOST_CHARACTERS) < 6 * work(MOST_CHARACTERS // 4) + 1_000
    assert work(4 * MOST_CHARACTERS) < 1.1 * work(MOST_CHARACTERS) + 100  # what is longer is not read


def test_no_character_makes_a_text_longer_than_is_read() -> None:
    assert len(Understanding((), None).parse("ﷺ" * MOST_CHARACTERS).normal) == MOST_CHARACTERS


# Words and breaks


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("I can't pee", "i cant pee"),
        ("cannot pee, could not pee, couldn't pee", "cant pee cant pee cant pee"),
        ("unable to pee", "cant pee"),
        ("haven't been able to pee", "cant pee"),
        ("I wasn't able to stand", "i cant stand"),
        ("can no longer feel it", "cant feel it"),
        ("the patient, able to walk", "the patient able to walk"),
        ("he doesn't, it's not, she won't", "he do not it is not she will not"),
        ("they weren't and hadn't", "they is not and have not"),
    ],
)
def test_ways_to_say_one_thing_are_written_alike(said: str, words: str) -> None:
    assert split_words(said.lower())[0] == tuple(words.split())


@pytest.mark.parametrize(
    ("said", "breaks"),
    [
        ("a b", ["", ""]),
        ("a, b", ["", ","]),
        ("a (b) c", ["", ",", ","]),
        ("a - b", ["", ","]),
        ("a-b", ["", ""]),
        ("a: b", ["", ":"]),
        ("a. b", ["", "."]),
        ("a\nb", ["", "."]),
        ("a? b", ["", "?"]),
        ("a?! b", ["", "?"]),
        ("a,\nb", ["", "."]),
    ],
)
def test_breaks(said: str, breaks: list[str]) -> None:
    assert list(split_words(said)[2]) == breaks


@settings(max_examples=60)
@given(st.text(max_size=400) | st.text("numb lgs cant.,?'’\n🦵\ud800ﷺ", max_size=400))
def test_any_text_is_parsed(understanding: Understanding, text: str) -> None:
    parsed = understanding.parse(text)
    assert parsed.text == text
    assert len(parsed.words) == len(parsed.stems) == len(parsed.breaks)
    assert parsed.vectors is not None
    for vectors in parsed.vectors:
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


# The encoder


def test_a_long_text_is_read_in_windows_its_beginning_and_its_end(understanding: Understanding) -> None:
    def shape(words: int) -> tuple[int, ...]:
        vectors = understanding.parse("stiff back today and " * (words // 4)).vectors
        return () if vectors is None else vectors.signs.shape

    assert shape(40) == (1, WIDTH)
    assert shape(MOST_PIECES + 40)[0] == 2
    assert shape(3_000) == (MOST_WINDOWS, WIDTH)
    first = understanding.parse("I can't pee. " + "stiff back today and " * 700)
    last = understanding.parse("stiff back today and " * 700 + "I can't pee.")
    filler = understanding.parse("stiff back today and " * 700)
    assert first.vectors is not None
    assert last.vectors is not None
    assert filler.vectors is not None
    assert not np.allclose(first.vectors.signs[0], filler.vectors.signs[0], atol=1e-3)
    assert not np.allclose(last.vectors.signs[-1], filler.vectors.signs[-1], atol=1e-3)


def test_a_message_means_the_same_in_a_batch_as_alone(understanding: Understanding, content: Content) -> None:
    texts = [text for page in content.red_flags.pages[:6] for text in page.must_raise]
    batch = Understanding((), understanding.encoder).parse_all([*texts, "word " * 900])
    for text, one in zip(texts, batch, strict=False):
        alone = Understanding((), understanding.encoder).parse(text)
        assert alone.vectors is not None
        assert one.vectors is not None
        assert np.allclose(one.vectors, alone.vectors, atol=1e-5)


def test_threads_share_one_understanding(understanding: Understanding, content: Content) -> None:
    texts = [text for page in content.red_flags.pages[:3] for text in page.must_raise]
    alone = Understanding((), understanding.encoder).parse_all(texts)
    shared = Understanding((), understanding.encoder)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(shared.parse, texts * 3))
    for one, other in zip(together, alone * 3, strict=True):
        assert one.stems == other.stems
        assert one.vectors is not None
        assert np.allclose(one.vectors, other.vectors, atol=1e-5)


# The model missing, damaged or breaking


class BrokenEncoder:
    words: frozenset[str] = frozenset()

    def encode(self, _: object) -> object:
        raise RuntimeError("the runtime gave up")


def test_a_breaking_encoder_leaves_the_words_and_is_asked_again() -> None:
    encoder = BrokenEncoder()
    understanding = Understanding({"numb"}, encoder)  # type: ignore[arg-type]
    parsed = understanding.parse("nubm leg")
    assert (parsed.corrected, parsed.vectors) == ("numb leg", None)
    encoder.encode = lambda _: [Vectors(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))]  # type: ignore[method-assign,assignment]
    assert understanding.parse("nubm leg").vectors is not None


def test_without_the_model_words_are_still_read() -> None:
    understanding = Understanding({"numb"}, None, "the model is missing")
    assert understanding.parse("nubm").stems == ("numb",)
    assert understanding.parse("nubm").vectors is None
    assert understanding.trouble


def delete(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def cut_threshold(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["emergency"]
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (delete(MANIFEST), "manifest.json can't be read (No such file"),
        (delete("encoder.onnx"), "encoder.onnx can't be read (No such file"),
        (delete("heads.npz"), "heads.npz can't be read (No such file"),
        (write("encoder.onnx", "cut off"), "encoder.onnx is damaged"),
        (write("tokenizer.json", "{}"), "tokenizer.json is damaged"),
        (write(MANIFEST, "{"), "manifest.json "),
        (write(MANIFEST, "[]"), "manifest.json "),
        (write(MANIFEST, '{"sha256": []}'), "manifest.json "),
        (write(MANIFEST, '{"sha256": {}}'), "manifest.json "),
        (cut_threshold, "manifest.json does not name emergency"),
    ],
)
def test_a_missing_or_damaged_model_is_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Content, damage: Callable[[Path], object], told: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(FOLDER, folder)
    damage(folder)
    with pytest.raises(ModelError) as raised:
        Encoder(folder)
    assert told in str(raised.value)
    monkeypatch.setattr("bot.understanding.load_encoder", lambda: (None, str(raised.value)))
    understanding = load_understanding(content)
    assert told in understanding.trouble
    assert understanding.parse("I can't pee").vectors is None


def test_of_two_words_as_near_the_commoner_one_is_meant() -> None:
    assert Speller({"passed": 3, "paced": 1}).correct("pased") == "passed"
    assert Speller({"passed": 1, "paced": 3}).correct("pased") == "paced"
