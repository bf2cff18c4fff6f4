"""What a person typed is made comparable without losing what they meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.text import clean, is_other_script, normalize, utf16_length, words


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("I can’t pee", ["i", "cant", "pee"]),
        ("numb\u200bness", ["numbness"]),
        ("nu\u00admb", ["numb"]),
        ("my lеg", ["my", "leg"]),  # a Cyrillic е
        ("ｎｕｍｂ", ["numb"]),
        ("heeeelp", ["heelp"]),
        ("🩸 in my pee", ["blood", "in", "my", "pee"]),
        ("a\x00b", ["a", "b"]),
        ("café", ["cafe"]),
        ("<b>ice</b>", ["b", "ice", "b"]),
        ("", []),
        ("!!!", []),
    ],
)
def test_words_survive_the_ways_of_typing_them(typed, expected):
    assert words(typed) == expected


def test_a_message_in_another_script_stays_in_it():
    assert clean("не могу") == "не могу"
    assert is_other_script("не могу пописать")
    assert not is_other_script("cant pee")
    assert not is_other_script("123 !!! 😀")


def test_telegram_counts_an_emoji_as_two():
    assert utf16_length("a😀") == 3


@given(st.text(max_size=300))
def test_nothing_typed_can_break_it(typed):
    assert isinstance(normalize(typed), str)
    assert all(words(typed))


@given(st.text(st.characters(max_codepoint=127), max_size=300))
def test_normalizing_twice_changes_nothing(typed):
    once = normalize(typed)
    assert normalize(once) == once
