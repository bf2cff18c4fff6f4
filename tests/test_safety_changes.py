"""What another person's typing does not change. Every line and every item: ``python benchmarks/evidence.py``."""

from itertools import chain
from random import Random

import pytest

from bot.content import Content
from bot.safety import Level, Screener
from tests.changes import changed, one_after_the_other, real_words, sample, with_slips, without_punctuation
from tests.frames import Frames

LINES = 10  # of each kind, each in two dozen changes


@pytest.fixture(scope="module")
def screener(content: Content) -> Screener:
    return Screener(content.red_flags)


def is_loud(screener: Screener, text: str) -> bool:
    return any(f.level in {Level.URGENT, Level.EMERGENCY} for f in screener.find_red_flag(text).findings)


def share(kept: list[bool]) -> float:
    return sum(kept) / len(kept)


def test_a_changed_line_keeps_its_verdict(content: Content, screener: Screener) -> None:
    questions = [entry.question for entry in content.entries.values()][::5]
    rules = [rule for rule in content.red_flags.rules if rule.level != "soon"]
    fire = sample(list(chain.from_iterable(rule.must_fire for rule in rules)), LINES)
    quiet = sample(list(chain.from_iterable(rule.must_not_fire for rule in rules)), LINES)
    heard = [is_loud(screener, new) for text in fire for _, new in changed(text, questions)]
    still = [not is_loud(screener, new) for text in quiet for _, new in changed(text, questions)]
    assert share(heard) >= 0.98
    assert share(still) >= 0.98


def test_every_sign_gets_the_verdict_of_its_frame(content: Content, screener: Screener) -> None:
    frames = Frames(content.red_flags, screener)
    framed = list(frames.framed(most_items=6, most_each=1))
    assert {(one.sign.rule, one.sign.concept) for one in framed} == {
        (rule.id, concept) for rule, concept, _ in frames.concepts
    }, "a sign that none of its first items raises"
    right = [(one.must_speak, frames.speaks(one.sign.rule, one.text) == one.must_speak) for one in framed]
    assert share([is_right for must_speak, is_right in right if must_speak]) >= 0.99
    assert share([is_right for must_speak, is_right in right if not must_speak]) >= 0.97


def test_everyday_questions_raise_nothing(content: Content, screener: Screener) -> None:
    asked = sample(list(chain.from_iterable(entry.phrasings for entry in content.entries.values())), 1000)
    tops = [screener.find_red_flag(text).top for text in asked]
    assert share([top is None or top.level in {Level.SOON, Level.CHECK} for top in tops]) >= 0.998
    assert share([top is None or top.level is not Level.CHECK for top in tops]) >= 0.97


def test_a_slip_makes_no_english_word_and_spares_short_ones() -> None:
    for seed in range(200):
        slipped = with_slips("my leg is completely numb tonight", 1, Random(seed))
        new = set(slipped.split()) - {"my", "leg", "is", "completely", "numb", "tonight"}
        assert slipped.startswith("my leg is ")
        assert len(new) == 1
        assert new.isdisjoint(real_words())


def test_changes_are_the_same_at_every_run() -> None:
    assert list(changed("my leg is numb", ["Does ice help?"])) == list(changed("my leg is numb", ["Does ice help?"]))


def test_marks_go_and_numbers_stay() -> None:
    assert without_punctuation("It's 39.5, pain 8/10 - help!") == "Its 39.5 pain 8/10 - help"
    assert one_after_the_other("my leg", "Why?") == "my leg. Why?"
    assert one_after_the_other("Why?", "my leg") == "Why? my leg"
