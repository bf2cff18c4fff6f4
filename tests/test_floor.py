"""The floor: phrases of the pages, heard whatever the model says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from work import count_lines

from bot.content.red_flags import Card, Check, RedFlag
from bot.safety.floor import NEAR_WORDS, Floor
from bot.understanding import Parsed, read_plainly


def make_page(page_id: str, *always: str, alone: tuple[str, ...] = (), level: str = "emergency") -> RedFlag:
    return RedFlag(
        id=page_id,
        level=level,  # type: ignore[arg-type]
        name=page_id,
        what="A sign.",
        sources=("Nobody",),
        card=Card(action="Call.", because="It counts."),  # type: ignore[call-arg]
        check=Check(question="Is it so?", yes="Yes", no="No"),
        alone=alone,
        always_heard=always,
        must_raise=("It is so.",),
    )


FLOOR = Floor(
    [
        make_page("bladder", "wet myself", "can't pee", "no bladder control", alone=("can't pee since",)),
        make_page("legs", "both legs, both feet near numb, no feeling", "my leg is heavy"),
        make_page("fever", "fever near back pain", level="urgent"),
    ]
)


def hits(said: str, earlier: tuple[str, ...] = ()) -> list[str]:
    return [hit.phrase for hit in FLOOR.listen(read_plainly(said), earlier).hits]


@pytest.mark.parametrize(
    "said",
    [
        "I wet myself",
        "WETTING MYSELF",  # by stems
        "wet all myself",  # one word between
        "wet my very own self, I mean wet myself",
        "cannot pee",
        "haven't been able to pee",
        "can't even pee",
        "no bladder control",  # its own "no" denies nothing
        "no control of bladder, no bladder control",
        "leg heavy",  # "my", "is" don't count
        "his legs are really quite heavy",
        "numb in both feet",  # the sides in either order
        "both of my legs have gone all numb",
        "no feeling in both legs",
        "both legs (the left one too) numb",
    ],
)
def test_a_phrase_is_heard(said: str) -> None:
    assert hits(said)


@pytest.mark.parametrize(
    "said",
    [
        "wet bed and myself",  # two words between
        "myself wet",  # another order
        "can't. Pee is fine",  # over a full stop
        "no problem with bladder control",
        "both legs ache. My bum is numb",  # near: in one sentence
        "both legs ache?\nnumb bum",
        "both legs " + "and " * (NEAR_WORDS + 1) + "numb",
        "one leg numb",
        "pee",
        "",
    ],
)
def test_a_phrase_is_not_heard(said: str) -> None:
    assert not hits(said)


def test_how_near_is_near() -> None:
    assert hits("both legs " + "and " * NEAR_WORDS + "numb")
    assert hits("numb " + "and " * NEAR_WORDS + "both legs")


def test_what_is_enough_alone_and_what_is_supposed_is_told() -> None:
    def flags(said: str) -> set[tuple[bool, bool]]:
        return {(hit.is_alone, hit.is_supposed) for hit in FLOOR.listen(read_plainly(said)).hits}

    assert flags("can't pee") == {(False, False)}
    assert flags("can't pee since noon") == {(True, False), (False, False)}
    assert flags("what if I can't pee") == {(False, True)}
    assert flags("what if I can't pee? I can't pee") == {(False, False)}  # said outright once


def test_a_denied_phrase_is_reported_and_raises_nothing() -> None:
    heard = FLOOR.listen(read_plainly("I never wet myself, not numb in both legs"))
    assert not heard.hits
    assert {hit.phrase for hit in heard.denied} == {"wet myself", "both legs, both feet near numb, no feeling"}
    assert hits("never wet myself before, but today I wet myself") == ["wet myself"]  # one is true
    assert not hits("wet, I mean not, myself")  # a denial between its words


def test_two_halves_over_two_messages() -> None:
    first = FLOOR.listen(read_plainly("it is both legs"))
    assert not first.hits
    assert len(first.halves) == 1
    assert hits("all numb now", first.halves)
    assert not hits("all numb now")
    assert not hits("it's both legs again", first.halves)  # the same half twice
    assert not hits("not numb", first.halves)
    long_one = "the dentist made my jaw numb so I had soup and went to bed early"
    assert not hits(long_one, first.halves)  # a long message speaks for itself


def test_halves_are_kept_for_emergencies_only_hold_no_words_and_outlive_an_edit() -> None:
    assert not FLOOR.listen(read_plainly("I have a fever")).halves
    assert not FLOOR.listen(read_plainly("no, not both legs")).halves
    (half,) = FLOOR.listen(read_plainly("Ermintrude says both legs")).halves
    assert "both" not in half
    assert "ermintrude" not in half.lower()
    edited = Floor([make_page("legs", "a new phrase before it", "both legs, both feet near numb, no feeling")])
    assert edited.listen(read_plainly("numb"), (half,)).hits
    assert not edited.listen(read_plainly("numb"), ("legs", "legs/x/y", "", "gone/00000000/0")).hits


WORDS = "wet myself can't pee no both legs numb fever back pain , . ? if my since".split()


@given(st.lists(st.sampled_from(WORDS), max_size=40), st.lists(st.sampled_from(WORDS), max_size=8))
def test_what_was_heard_before_only_adds(words: list[str], before: list[str]) -> None:
    parsed: Parsed = read_plainly(" ".join(words))
    halves = FLOOR.listen(read_plainly(" ".join(before))).halves
    assert set(FLOOR.listen(parsed).hits) <= set(FLOOR.listen(parsed, halves).hits)


HOSTILE = (
    "both legs numb ",
    "no numbness or ",
    "no x, ",
    "what if i ",
    "if a, ",
    "numb,leg,",
    "no ",
    "is it numb? ",
    "wet myself no ",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    def work(length: int) -> int:
        parsed = read_plainly((piece * length)[:length])
        return count_lines(lambda: FLOOR.listen(parsed))

    assert work(16_000) < 6 * work(4_000) + 1_000
