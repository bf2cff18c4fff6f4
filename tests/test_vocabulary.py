"""Words are compared by their stems."""

from bot.understanding.vocabulary import stem


def test_stems_join_the_forms_of_a_word():
    assert stem("stretching") == stem("stretches") == stem("stretch")
    assert stem("") == ""
