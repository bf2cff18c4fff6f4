"""How a message is read: which words count, where thoughts end, whose a thing is, what a number is worth."""

from dataclasses import asdict

import pytest

from bot.safety.reading import COMMA, LONG_ENOUGH, NONE, QUESTION, STOP, Fillers, Reading, read

FILLERS = Fillers(frozenset({"my", "his", "the", "am", "very"}), frozenset({"my", "his"}))
SAME = {"im": "i am here", "cannot": "cant", "luv": "love"}


class Apart:
    """Spelling that takes one run-together word apart."""

    def read(self, word: str) -> tuple[str, ...]:
        return ("cant", "luv") if word == "cantluv" else (word,)


def reading(message: str) -> Reading:
    return read(message, Apart(), FILLERS, SAME)


def test_all_lists_of_a_reading_go_together() -> None:
    assert asdict(reading("i, my leg 39.5. his very foot? b4 the (end)")) == {
        "words": ["i", "leg", "39.5", "foot", "before", "end"],
        "values": [None, None, 39.5, None, None, None],
        "places": [1, 3, 4, 8, 14, 15],
        "breaks": [NONE, COMMA, NONE, STOP, QUESTION, NONE],
        "owned": ["", "my", "", "his", "", ""],
        "sentences": [0, 0, 0, 1, 2, 2],
        "asks": [False, True, False],
    }


def test_nothing_is_read_as_nothing() -> None:
    assert asdict(reading("")) == {
        "words": [], "values": [], "places": [], "breaks": [], "owned": [], "sentences": [], "asks": [False],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("can't", ["cant"]),
        ("couldn't've", ["couldn"]),
        ("mum's leg", ["mum", "leg"]),
        ("he'd go", ["he", "go"]),
        ("men's", ["men"]),
        ("bit't", ["bit"]),
        ("im", ["i", "here"]),
        ("cannot", ["cant"]),
        ("cantluv", ["cant", "love"]),
        ("can not feel", ["cant", "feel"]),
        ("the can not", ["cant"]),
        ("i am not ok", ["i", "aint", "ok"]),
        ("am not", ["aint"]),
        ("leg is very not", ["leg", "is", "not"]),
        ("can, not", ["can", "not"]),
        ("can. not", ["can", "not"]),
        ("can not not", ["cant", "not"]),
        ("is not is not", ["isnt", "isnt"]),
        ("do the not", ["do", "not"]),
        ("leg not", ["leg", "not"]),
        ("did am not", ["did", "aint"]),
        ('x-ray (two) "legs"', ["x", "ray", "two", "legs"]),
        ("2nite gr8", ["tonight", "great"]),
        ("22nd", ["22", "nd"]),
        ("in '98 leg", ["in", "1998", "leg"]),
        ("in '45", ["in", "45"]),
        ("'98'", ["98"]),
        ("x'98", ["x", "98"]),
        ("not just leg", ["not", "only", "leg"]),
        ("not merely", ["not", "only"]),
        ("is not simply", ["isnt", "simply"]),
        ("not, just", ["not", "just"]),
        ("just", ["just"]),
        ("leg just", ["leg", "just"]),
        ("10/10 12:30", ["10/10", "12:30"]),
    ],
)
def test_words_are_led_to_one_form(message: str, words: list[str]) -> None:
    assert reading(message).words == words


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("39", [39]),
        ("39.5", [39.5]),
        ("39,5", [39.5]),
        ("12:30", [None]),
        ("1.2.3", [None]),
        ("zero leg", [0, None]),
        ("twenty five", [25]),
        ("20 five", [25]),
        ("ninety nine", [99]),
        ("twenty one", [21]),
        ("twenty, five", [20, 5]),
        ("twenty zero", [20, 0]),
        ("twenty ten", [20, 10]),
        ("twenty five five", [25, 5]),
        ("nineteen five", [19, 5]),
        ("ten five", [10, 5]),
        ("hundred five", [100, 5]),
        ("twenty leg five", [20, None, 5]),
        ("five", [5]),
        ("five twenty", [5, 20]),
        ("leg five", [None, 5]),
        ("dozen couple fourty", [12, 2, 40]),
        ("20 5", [20, 5]),
    ],
)
def test_numbers_have_their_value(message: str, values: list[float | None]) -> None:
    assert reading(message).values == values


@pytest.mark.parametrize(
    ("between", "strength", "distance"),
    [
        (" ", NONE, 1),
        (" - ", NONE, 1),
        (' "', NONE, 1),
        (" (", NONE, 1),
        (", ", COMMA, 2),
        (": ", COMMA, 2),
        (") ", COMMA, 2),
        ("/", COMMA, 2),
        (" & ", COMMA, 2),
        (" -- ", COMMA, 2),
        (" – ", COMMA, 2),
        (".. ", COMMA, 2),
        ("... ", COMMA, 2),
        ("… ", COMMA, 2),
        (". ", STOP, 4),
        ("! ", STOP, 4),
        ("; ", STOP, 4),
        ("\n", STOP, 4),
        (", . ", STOP, 4),
        (". , ", STOP, 4),
        ("? ", QUESTION, 6),
        ("?! ", QUESTION, 6),
        (". ? ", QUESTION, 6),
    ],
)
def test_marks_break_a_text_by_their_strength(between: str, strength: int, distance: int) -> None:
    read_ = reading(f"leg{between}foot")
    assert read_.breaks == [NONE, strength]
    assert read_.places == [1, 1 + distance]
    assert read_.sentences == [0, int(strength >= STOP)]


@pytest.mark.parametrize(
    ("message", "sentences", "asks"),
    [
        ("leg? foot", [0, 1], [True, False]),
        ("leg. foot?", [0, 1], [False, True, False]),
        ("leg.", [0], [False, False]),
        ("? leg", [0], [False]),
        (". leg. foot", [0, 1], [False, False]),
        ("leg. . foot", [0, 1], [False, False]),
        ("leg. ? foot", [0, 1], [False, False]),
        ("leg? foot? arm", [0, 1, 2], [True, True, False]),
    ],
)
def test_sentences_are_counted_and_say_whether_they_ask(message: str, sentences: list[int], asks: list[bool]) -> None:
    read_ = reading(message)
    assert (read_.sentences, read_.asks) == (sentences, asks)


@pytest.mark.parametrize(
    ("message", "owned"),
    [
        ("my leg foot", ["my", ""]),
        ("my very leg", ["my"]),
        ("my his leg", ["his"]),
        ("my, leg", ["my"]),
        ("my. leg", [""]),
        ("my? leg", [""]),
        ("leg my", [""]),
        ("leg my foot", ["", "my"]),
        ("my 5 legs", ["my", ""]),
    ],
)
def test_an_owner_stands_before_what_is_owned(message: str, owned: list[str]) -> None:
    assert reading(message).owned == owned


def kept(*words: str) -> int:
    """How many of ``words`` are left after five fewer than a long message has, none of them twice."""
    start = [first + second for first in "bcdfghkl" for second in "aeiouzx"][: LONG_ENOUGH - 5]
    assert len(start) == LONG_ENOUGH - 5
    return len(reading(" ".join([*start, *words])).words) - len(start)


def test_repetition_is_left_out_of_a_long_message_only() -> None:
    others = [f"n{letter}" for letter in "abcdefghijklm"]
    assert kept(*["leg"] * 20) == 5
    assert kept(*["leg"] * 5) == 5
    assert len(reading(" ".join(["leg"] * LONG_ENOUGH)).words) == LONG_ENOUGH
    assert kept(*["leg"] * 4, *others[:12], "leg") == 16
    assert kept(*["leg"] * 4, *others, "leg") == 18
    assert kept(*["leg"] * 3, *others[:9], "leg") == 13


def test_a_match_is_shown_as_its_words() -> None:
    assert reading("my leg and foot numb").text(0b1101) == "leg foot numb"
    assert reading("leg").text(0) == ""
