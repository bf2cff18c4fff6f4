"""Whatever is typed, screening ends, in work that grows with the text and no faster, and says the same twice.

Work is counted in lines of code run, not in seconds: a busy machine counts the same.
"""

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.content import Content
from bot.safety import Heard, Screener
from bot.safety.screening import MOST_CHARACTERS

MOST_WORK = 600_000  # lines of code for 4,096 characters; the worst known text (one sign that stands for 18 letters) takes 360,000
MOST_GROWTH = 6  # times the work of a text for four times the text
EXAMPLES = 15
LONG_EXAMPLES = 300

PIECES = (
    "a", "cantfeelmylegs", "leg numb ", "no numbness or ", "can i not ", "numb,leg,", "nmubness lgeg tinglign ", "numb\n", "🦵🩸",
    "qwertyuiopasdfghjklzxcvbn ", "cant pee my leg since ", "не могу ", "39.5 ", "severe pain in my back and belly ", "what if i ",
    "years ago my dog had ", "is it numb? ", "my mum's leg ", "'", ".,", "https://", "İ", "ﷺ",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(
    lambda pieces: ("".join(pieces) * MOST_CHARACTERS)[:MOST_CHARACTERS]
)
HEARD = st.builds(
    Heard,
    st.sampled_from(
        ["numb", "pregnant", "saddle_said", "bladder", "gone from the content", "", '"leg"', "fever_words"]
    ),
    st.sampled_from(["said", "denied", "?"]),
    st.sampled_from(["now", "past", "?"]),
)


@pytest.fixture(scope="module")
def screener(content: Content) -> Screener:
    return Screener(content.red_flags)


def work(call: Callable[[], object]) -> int:
    """How many lines of ``bot/safety`` run in ``call``."""
    count = 0

    def each(frame: FrameType, event: str, _: object) -> object:
        nonlocal count
        if event == "call":
            return each if "safety" in frame.f_code.co_filename else None
        count += event == "line"
        return each

    before = sys.gettrace()
    sys.settrace(each)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def check(screener: Screener, text: str) -> None:
    most = work(lambda: screener.find_red_flag(text))
    assert most <= MOST_WORK
    assert most <= MOST_GROWTH * max(work(lambda: screener.find_red_flag(text[: len(text) // 4])), 1000)


@settings(max_examples=EXAMPLES)
@given(HOSTILE)
def test_work_grows_with_the_text_and_no_faster(screener: Screener, text: str) -> None:
    check(screener, text)


@pytest.mark.long
@settings(max_examples=LONG_EXAMPLES)
@given(HOSTILE | st.text(min_size=200, max_size=MOST_CHARACTERS))
def test_work_is_bounded_for_hundreds_of_hostile_texts(screener: Screener, text: str) -> None:
    check(screener, text)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=12).map("".join), st.lists(HEARD, max_size=4))
def test_any_text_after_any_other_says_the_same_twice(screener: Screener, text: str, earlier: list[Heard]) -> None:
    first = screener.find_red_flag(text, earlier)
    assert not first.is_degraded
    assert first == screener.find_red_flag(text, earlier)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=8).map("".join), st.lists(HEARD, max_size=3))
@settings(max_examples=40)
def test_what_was_heard_before_never_lowers(screener: Screener, text: str, earlier: list[Heard]) -> None:
    alone, after = screener.find_red_flag(text), screener.find_red_flag(text, earlier)
    rank = {finding.rule: finding.level.rank for finding in after.findings}
    assert all(rank.get(finding.rule, 0) >= finding.level.rank for finding in alone.findings)
