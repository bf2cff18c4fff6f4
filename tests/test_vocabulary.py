"""Slips are led back to known words, and real words are left alone."""

import gc
import weakref

import pytest

from bot.vocabulary import Vocabulary, stem

KNOWN = {
    "stretch": 9, "back": 40, "spasm": 20, "massage": 8, "message": 2, "ice": 9, "pack": 5, "heat": 6,
    "chiropractor": 7,
}  # fmt: skip


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(KNOWN, real=["beach", "peat"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("spsam", "spasm"),
        ("spasmm", "spasm"),
        ("strech", "stretch"),
        ("masage", "massage"),
        ("chiroprator", "chiropractor"),
        ("kiropractor", "chiropractor"),
        ("bakc", "back"),
        ("icepack", "ice pack"),
    ],
)
def test_a_slip_is_led_to_the_word_that_was_meant(vocabulary, typed, meant):
    assert vocabulary.correct(typed) == meant


@pytest.mark.parametrize(
    "word", ["ic", "ace", "mat", "beach", "peat", "xylophone", "2023", "", "a" * 60, "ice", "message"]
)
def test_short_known_real_and_far_words_stay(vocabulary, word):
    """A short word is one slip away from many others; a real word is no slip."""
    assert vocabulary.correct(word) == word


def test_of_two_words_as_near_the_commoner_one_is_meant():
    assert Vocabulary({"message": 2, "massage": 8}).correct("mxssage") == "massage"


def test_a_short_word_keeps_its_first_letter(vocabulary):
    assert vocabulary.correct("seat") == "seat"


def test_stems_join_the_forms_of_a_word():
    assert stem("stretching") == stem("stretches") == stem("stretch")
    assert stem("") == ""


def test_a_vocabulary_goes_with_its_last_user():
    """No cycle may hold it: with each edit of the content there is a new one, and nobody looks for cycles."""
    vocabulary = Vocabulary(["swelling"])
    assert vocabulary.correct("sweling") == "swelling"
    gone = weakref.ref(vocabulary)
    gc.disable()
    try:
        del vocabulary
        assert gone() is None
    finally:
        gc.enable()
