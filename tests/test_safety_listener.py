"""The second listener: it only raises, it is never needed, and it is the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.content import Content, load
from bot.content.red_flags import HARMLESS
from bot.safety import Screener, Screening, learning
from bot.safety.learning import fingerprint, learn, learned, lines_of, listening, save
from bot.safety.levels import Level
from bot.safety.listener import Listener
from bot.safety.traits import BLOCKS, WIDTH

FAQ = Path(__file__).parent.parent / "faq"


@pytest.fixture(scope="module")
def content() -> Content:
    return load(FAQ)


@pytest.fixture(scope="module")
def alone(content) -> Screener:
    return Screener(content.red_flags)


@pytest.fixture(scope="module")
def sample(content):
    """An eighth of the lines: enough to learn from within a second."""
    return lines_of(content)[::8]


@pytest.fixture(scope="module")
def rules(content):
    rules = [rule for rule in content.red_flags.rules if rule.level != "soon"]
    return tuple(rule.id for rule in rules), np.array([rule.level == "emergency" for rule in rules])


@pytest.fixture(scope="module")
def heard(alone, sample):
    return [alone.traits(line.text) for line in sample]


@pytest.fixture(scope="module")
def listener(heard, sample, rules) -> Listener:
    return learn(heard, sample, *rules)


@pytest.fixture(scope="module")
def both(alone, listener) -> Screener:
    return alone.with_listener(listener)


def levels(screening: Screening) -> dict[str, int]:
    return {finding.rule: finding.level.rank for finding in screening.findings}


def never_lower(alone: Screener, both: Screener, text: str) -> None:
    before, after = alone.find_red_flag(text), both.find_red_flag(text)
    assert all(levels(after)[rule] >= rank for rule, rank in levels(before).items())
    if before.top:
        assert after.top
        assert after.top.level.rank >= before.top.level.rank


def test_no_line_is_lowered(alone, both, sample):
    for line in sample[::3]:
        never_lower(alone, both, line.text)


WORDS = (
    "my leg is numb not since ice bladder fine cant feel both if what dog pee 2 days ? . but fell yesterday 🩸".split()
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=200))
def test_no_text_is_lowered(alone, both, text):
    never_lower(alone, both, text)


def test_it_learned_what_it_was_taught(both, alone, sample):
    def raised(screener, lines):
        tops = [screener.find_red_flag(line.text).top for line in lines]
        return sum(top is not None and top.level.rank >= Level.URGENT.rank for top in tops) / len(lines)

    overheard = [line for line in sample if line.rule != HARMLESS and line.writer not in {"rules", "faq", "other"}]
    assert raised(both, overheard) > raised(alone, overheard)


def test_evidence_says_what_it_sounds_like(both, sample):
    for line in sample:
        found = [f for f in both.find_red_flag(line.text).findings if "second listener" in f.evidence[0]]
        if found:
            assert found[0].evidence[0].startswith(f"second listener: sounds like {found[0].rule} (0.")
            return
    pytest.fail("the listener never spoke")


def test_learning_twice_gives_the_same(heard, sample, rules, listener):
    again = learn(heard, sample, *rules)
    assert again.constants == listener.constants
    assert all(np.array_equal(getattr(again, name), getattr(listener, name)) for name in ("alarm", "rarity", "by_rule"))


def test_kept_weights_are_the_same_and_need_no_learning(content, alone, listener, monkeypatch, tmp_path, heard):
    path = tmp_path / f"listener-{fingerprint(content, lines_of(content))}.npz"
    assert save(path, listener)
    monkeypatch.setattr(learning, "learn", lambda *_: pytest.fail("learned again"))
    kept = learned(content, alone, tmp_path)
    assert kept
    assert all(kept.hear(one) == listener.hear(one) for one in heard[:50])


def broken_tables(listener: Listener) -> dict[str, Listener]:
    nothing = np.full_like(listener.alarm, np.nan)
    return {
        "not a number": replace(listener, alarm=nothing),
        "another shape": replace(listener, by_rule=listener.by_rule[:, :-1]),
    }


@pytest.mark.parametrize("kind", ["not a number", "another shape", "cut off"])
def test_broken_weights_are_learned_again(content, alone, listener, monkeypatch, tmp_path, kind):
    path = tmp_path / f"listener-{fingerprint(content, lines_of(content))}.npz"
    save(path, broken_tables(listener).get(kind, listener))
    if kind == "cut off":
        path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(learning, "learn", lambda *_: listener)
    assert learned(content, alone, tmp_path) is listener


def test_without_weights_the_rules_stand_and_say_so(content, monkeypatch):
    monkeypatch.setattr(learning, "learned", lambda *_: 1 / 0)
    screening = listening(content).find_red_flag("I can't feel when I pee and I have wet myself")
    assert screening.top
    assert screening.top.level is Level.EMERGENCY
    assert screening.is_degraded


def test_a_listener_that_fails_takes_nothing_with_it(alone, listener):
    gone = replace(listener, rarity=np.zeros(0, np.float16))
    for text in ("I can't feel when I pee and I have wet myself", "is ice good?"):
        assert levels(alone.with_listener(gone).find_red_flag(text)) == levels(alone.find_red_flag(text))
    assert alone.with_listener(gone).find_red_flag("is ice good?").is_degraded


def test_little_content_has_no_listener_and_is_whole(content):
    small = replace(content, overheard={}, entries={}, utterances=(), small_talk={}, out_of_scope=())
    rules = tuple(rule.model_copy(update={"must_fire": (), "must_not_fire": ()}) for rule in content.red_flags.rules)
    small = replace(small, red_flags=content.red_flags.model_copy(update={"rules": rules}))
    assert not listening(small).find_red_flag("is ice good?").is_degraded


@pytest.mark.parametrize("piece", ["numb ", "numb,leg ", "severe pain in my back ", "a", "é ", "🦵🩸", "not "])
def test_traits_of_hostile_text_are_few(alone, piece):
    blocks = alone.traits((piece * 4096)[:4096]).blocks
    assert len(blocks) == len(BLOCKS)
    assert sum(len(block) for block in blocks) < 6000
    assert all(len(np.unique(block)) == len(block) and (block < WIDTH).all() for block in blocks)
