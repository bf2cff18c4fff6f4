"""The second listener that goes by meaning: it only raises, is never needed, and learns what staff add."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.content import load
from bot.learning.sentences import SentenceModel, find
from bot.safety import Finding, Level, Screener, Screening, refining
from bot.safety.learning import Line, listening
from bot.safety.meaning import (
    ASK_AT,
    PART_WORDS,
    RAISE_AT,
    SHIPPED,
    Chances,
    Meaning,
    judge,
    key_of,
    parts,
    shipped,
)
from bot.safety.refining import listening_closely, meaning_of, new_lines, refine

FAQ = Path(__file__).parent.parent / "faq"
pytestmark = pytest.mark.skipif(find() is None, reason="the wheel with the sentence model is not installed")

# Signs told by what happens, with hardly a word of a rule; and talk that only sounds like it. Both our own.
TOLD = (
    "I keep leaving one slipper behind on the stairs and only notice when my foot is cold on the tiles",
    "my knickers are damp again and I never felt a thing happen",
    "since this morning half my face in the mirror does not come along when I smile",
    "he keeps sliding down the wall and can't tell us what day it is, his back hurt all week",
    "she says it would be easier for everybody if she did not wake up tomorrow",
)
ORDINARY = (
    "does a warm bath help when my back locks up?",
    "what time do you open on saturdays and can I park there",
    "peed myself laughing at your poster, can I book for thursday",
    "my dog can't feel his tail since the vet, but I only want to move my appointment",
    "no numbness, no weakness, everything works down there, just a sore back from the garden",
)


STORY = (
    "We drove to my sister's on Sunday and had lunch in the garden, and my brother in law showed us the new wallpaper, "
    "which is green with parrots on it, and then we played cards until the children got tired. On the way home there were "
    "roadworks, so we sat in the car for two hours and my back went stiff, as it does. My husband made tea and I had a warm "
    "bath and watched the news. On Monday I did the washing and carried the basket to the line, and the back was tight but "
    "bearable, so I went to the shop as well, where I met my neighbour, who swears by your clinic and told me to write."
)


@pytest.fixture(scope="module")
def content():
    return load(FAQ)


@pytest.fixture(scope="module")
def rules(content) -> Screener:
    return Screener(content.red_flags)


@pytest.fixture(scope="module")
def meaning(content, tmp_path_factory) -> Meaning:
    found = meaning_of(content, tmp_path_factory.mktemp("weights"))
    assert found
    return found


@pytest.fixture(scope="module")
def close(rules, meaning) -> Screener:
    return rules.with_meaning(meaning)


def level(screener: Screener, text: str) -> Level | None:
    top = screener.listen(text, screener.find_red_flag(text)).top
    return top.level if top else None


def test_signs_told_without_a_word_of_a_rule_are_heard(close, rules):
    heard = [level(close, text) in (Level.EMERGENCY, Level.URGENT, Level.CHECK) for text in TOLD]
    by_rules = [rules.find_red_flag(text).top is not None for text in TOLD]
    assert sum(heard) >= 4
    assert sum(by_rules) < sum(heard)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_talk_raises_nothing(close, text):
    assert level(close, text) not in (Level.EMERGENCY, Level.URGENT)


WORDS = (
    "my leg is numb not since ice bladder fine cant feel both if what dog pee 2 days ? . but fell yesterday 🩸".split()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=200))
def test_no_text_is_lowered_and_the_same_is_heard_twice(close, text):
    before = close.find_red_flag(text)
    after = close.listen(text, before)
    kept = {finding.rule: finding.level.rank for finding in after.findings}
    assert all(kept[finding.rule] >= finding.level.rank for finding in before.findings)
    assert after == close.listen(text, before)


class _Deaf:
    def vectors(self, _texts):
        raise RuntimeError("gone")


def test_a_listener_that_fails_takes_nothing_with_it(rules, meaning):
    broken = rules.with_meaning(replace(meaning, encoder=_Deaf()))
    text = "I think I have shingles, a band of blisters round my ribs"
    screening = broken.listen(text, broken.find_red_flag(text))
    assert screening.findings == rules.find_red_flag(text).findings
    assert screening.is_degraded


def test_an_emergency_of_the_rules_does_not_wait_for_it(rules, meaning):
    broken = rules.with_meaning(replace(meaning, encoder=_Deaf()))
    found = Screening((Finding(Level.EMERGENCY, "both-legs"),))
    assert broken.listen("both my legs are numb", found) is found


def test_a_sign_at_the_end_of_a_long_story_is_heard(close):
    assert level(close, STORY) not in (Level.EMERGENCY, Level.URGENT)
    assert (
        level(close, STORY + " And my slippers keep coming off because that foot has gone missing.") is Level.EMERGENCY
    )


def test_parts_cover_all_of_a_long_message_but_are_few():
    words = [f"w{number}" for number in range(150)]
    cut = parts(" ".join(words))
    assert cut[0] == " ".join(words)
    assert set(" ".join(cut[1:]).split()) == set(words)
    assert all(len(part.split()) <= PART_WORDS for part in cut[1:])
    assert len(parts("a " * 4000)) == 8
    assert parts("short enough") == ["short enough"]


def chances(emergency: float, urgent: float = 0.0, soon: float = 0.0) -> Chances:
    return Chances(
        emergency, urgent, soon, {"emergency": "both-legs", "urgent": "night-pain", "soon": "over-six-weeks"}
    )


def test_more_certainty_never_means_less():
    order = [None, Level.CHECK, Level.EMERGENCY]
    found = [judge(chances(share / 1000), words=0.0) for share in range(1001)]
    levels = [one.level if one else None for one in found]
    assert [order.index(one) for one in levels] == sorted(order.index(one) for one in levels)
    assert set(levels) == set(order)
    assert ASK_AT < RAISE_AT


def test_of_two_levels_the_higher_is_taken_at_doubt():
    verdict = judge(chances(0.45, 0.54), words=0.0)
    assert verdict
    assert (verdict.level, verdict.rule) == (Level.EMERGENCY, "both-legs")
    clear = judge(chances(0.02, 0.97), words=0.0)
    assert clear
    assert (clear.level, clear.rule) == (Level.URGENT, "night-pain")


def test_a_likely_soon_rule_is_a_line_and_no_alarm():
    verdict = judge(chances(0.001, 0.001, 0.9), words=0.0)
    assert verdict
    assert verdict.level is Level.SOON


@pytest.mark.parametrize("damage", ["cut off", "missing", "another shape"])
def test_without_shipped_weights_words_and_rules_stand(content, monkeypatch, tmp_path, damage):
    path = tmp_path / "meaning.npz"
    if damage == "cut off":
        path.write_bytes(SHIPPED.read_bytes()[:5000])
    if damage == "another shape":
        with np.load(SHIPPED) as kept:
            arrays = dict(kept)
        np.savez(path, **{**arrays, "weights": arrays["weights"][:, :3]})
    assert shipped(path) is None
    monkeypatch.setattr(refining, "shipped", lambda: shipped(path))
    screener = listening_closely(content, tmp_path)
    assert not screener.is_slow
    assert screener.find_red_flag("I can't feel when I pee and I have wet myself").top


def test_a_crash_while_it_is_made_leaves_the_rules_and_says_so(content, monkeypatch, tmp_path):
    monkeypatch.setattr(refining, "meaning_of", lambda *_: 1 / 0)
    screening = listening_closely(content, tmp_path).find_red_flag("I can't feel when I pee and I have wet myself")
    assert screening.top
    assert screening.is_degraded


def test_its_words_alone_raise_nothing_beside_it(content, meaning, tmp_path):
    by_words = listening(content, tmp_path)
    both = by_words.with_meaning(meaning)
    lines = [line for messages in content.overheard.values() for line in messages.root.get("limb-weakness", ())][:60]
    assert any("second listener" in str(by_words.find_red_flag(line).findings) for line in lines)
    assert not any("second listener" in str(both.find_red_flag(line).findings) for line in lines)


def test_the_shipped_weights_know_the_shipped_lines(content):
    ready = shipped()
    assert ready
    fresh, known = new_lines(content, ready)
    assert len(fresh) < 200, "the content has moved on: make train"
    assert known


@pytest.fixture(scope="module")
def anchors(content) -> list[Line]:
    ready = shipped()
    assert ready
    return new_lines(content, ready)[1]


def test_a_line_that_staff_add_counts_at_once(meaning, anchors):
    line = Line(
        "the hoover feels like it belongs to somebody else's arm these days", "limb-sensation-loss", writer="rules"
    )
    lines = [line, *anchors]
    weights = refine(meaning.weights, meaning.classes, lines, meaning.encoder.vectors([one.text for one in lines]))
    taught = replace(meaning, weights=weights)
    assert taught.hear(line.text).rules["emergency"] == "limb-sensation-loss"
    assert taught.hear(line.text).emergency > 0.8
    for text in ORDINARY:
        assert taught.hear(text).alarm == pytest.approx(meaning.hear(text).alarm, abs=0.15)


def test_a_harmless_line_that_staff_add_silences_nothing(content):
    rules = tuple(
        rule.model_copy(
            update={"must_not_fire": (*rule.must_not_fire, "it isn't that I can't pee, it only hurts to get up")}
        )
        for rule in content.red_flags.rules
    )
    changed = replace(content, red_flags=content.red_flags.model_copy(update={"rules": rules}))
    ready = shipped()
    assert ready
    assert new_lines(changed, ready)[0] == new_lines(content, ready)[0]


def test_a_rule_that_staff_add_is_learned_from_its_lines(meaning, anchors):
    lines = [
        Line(f"my pacemaker {word} and my back is sore", "pacemaker", writer="rules") for word in ("beeps", "hums")
    ]
    lines += anchors
    classes = (*meaning.classes, "pacemaker")
    weights = refine(meaning.weights, classes, lines, meaning.encoder.vectors([line.text for line in lines]))
    taught = replace(meaning, weights=weights, classes=classes, levels=(*meaning.levels, "urgent"))
    assert taught.hear(lines[0].text).rules["urgent"] == "pacemaker"
    assert taught.hear("does ice help?").urgent < 0.2


def test_refined_weights_are_kept_and_the_same(content, tmp_path, monkeypatch):
    rules = [
        rule.model_copy(update={"must_fire": (*rule.must_fire, "the zip of my boot is a mystery to these fingers")})
        if rule.id == "limb-weakness"
        else rule
        for rule in content.red_flags.rules
    ]
    changed = replace(content, red_flags=content.red_flags.model_copy(update={"rules": tuple(rules)}))
    first = meaning_of(changed, tmp_path)
    monkeypatch.setattr(refining, "refine", lambda *_: pytest.fail("learned again"))
    again = meaning_of(changed, tmp_path)
    assert first
    assert again
    assert np.array_equal(first.weights, again.weights)


def test_a_key_tells_lines_and_rules_apart():
    assert len({key_of("a", "x"), key_of("b", "x"), key_of("a", "y"), key_of("a\nx", "")}) == 4
    assert key_of("a", "x") == key_of("a", "x")


def test_a_tuning_for_a_layer_that_is_not_there_is_refused():
    folder = find()
    assert folder
    with pytest.raises(KeyError):
        SentenceModel(folder, {"encoder.layer.99.output.dense": (np.zeros((1, 384)), np.zeros((384, 1)))})
