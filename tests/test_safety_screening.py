"""Screening as a whole: what must be heard, what must not, and that nothing breaks it."""

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.content import load
from bot.content.red_flags import RedFlags
from bot.safety import Heard, Level, Screener

ROOT = Path(__file__).resolve().parent.parent
RED_FLAGS = load(ROOT / "faq").red_flags
SCREENER = Screener(RED_FLAGS)
FIRE = [(text, rule.level) for rule in RED_FLAGS.rules for text in rule.must_fire]
QUIET = [text for rule in RED_FLAGS.rules for text in rule.must_not_fire]
LOUD = {Level.URGENT, Level.EMERGENCY}
RANK = {level.value: level.rank for level in Level}
SAMPLE = 150


def level_of(text: str, screener: Screener = SCREENER) -> Level | None:
    top = screener.find_red_flag(text).top
    return top.level if top else None


def is_loud(text: str) -> bool:
    return any(finding.level in LOUD for finding in SCREENER.find_red_flag(text).findings)


def sample(lines: list, count: int = SAMPLE) -> list:
    return random.Random(7).sample(lines, min(count, len(lines)))


def test_every_rule_of_the_reference_has_its_lines() -> None:
    assert len(RED_FLAGS.rules) == 38
    for rule in RED_FLAGS.rules:
        assert len(rule.must_fire) >= 20, rule.id
        assert len(rule.must_not_fire) >= 12, rule.id


def test_no_line_of_an_evaluation_set_stands_in_the_rules() -> None:
    held_back = {
        json.loads(line)["text"].casefold().strip()
        for path in (ROOT / "tests" / "eval").glob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
        if line.strip()
    }
    assert held_back.isdisjoint(text.casefold().strip() for text in [*QUIET, *(text for text, _ in FIRE)])


def test_must_fire_lines_raise_their_level() -> None:
    missed = [text for text, level in FIRE if RANK.get(str(level_of(text) or ""), 0) < RANK[level]]
    assert not missed


def test_must_not_fire_lines_stay_quiet() -> None:
    assert [text for text in QUIET if is_loud(text)] == []


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("I can't pee", Level.EMERGENCY),
        ("cantfeelmylegs", Level.EMERGENCY),
        ("my leg is nubm and I cnat feel my foot", Level.EMERGENCY),
        ("NUMB BETWEEN MY LEGS", Level.EMERGENCY),
        ("my husband can't feel his legs", Level.EMERGENCY),
        ("no fever but my foot won't lift", Level.EMERGENCY),
        ("is it dangerous that I can't feel my foot?", Level.EMERGENCY),
        ("not just pain, it's numb too, my whole foot", Level.EMERGENCY),
        ("I don't want to live any more", Level.EMERGENCY),
        ("no puedo orinar", Level.EMERGENCY),
        ("胸痛", Level.EMERGENCY),
        ("it's not that I can't pee", None),
        ("no numbness, no weakness, no bladder trouble", None),
        ("is numbness dangerous?", None),
        ("can sciatica make you incontinent?", None),
        ("I'd die for a massage", None),
        ("wet myself laughing", None),
        ("my dog can't walk", None),
        # whom a walk is denied, and what one can't stand
        ("I can't walk", Level.EMERGENCY),
        ("I can't walk to yours, the road is shut", None),
        ("can't stand my new desk chair", None),
        # what is denied or fine where it stands completes no sign elsewhere
        ("he has no chest pain. The ache is from lifting cabinets", None),
        ("chest is fine, ribs sore", None),
        ("chest is fine but I can't breathe", Level.EMERGENCY),
        ("kept awake every night by lambing, not by my back", None),
        ("my foot is numb, not just the heel", Level.EMERGENCY),
        # asked and answered
        ("fever? no. Just a sore back", None),
        ("fever? yes. Also a sore back", Level.URGENT),
        ("numb between my legs? no idea, it feels dead", Level.EMERGENCY),
        # people of a story, and the writer's own
        ("in the film he couldn't feel his legs", None),
        ("in the film my dad and I watched I lost all feeling in my leg", Level.EMERGENCY),
        # long past
        ("broke my neck in '88, healed", None),
        # a thing is no subject behind a preposition
        ("on the bike, both feet have gone numb and stay numb", Level.EMERGENCY),
        # a cause, and that it passed with it
        ("foot fell asleep kneeling by the bath, fine now", None),
        ("foot fell asleep kneeling by the bath and never came back", Level.EMERGENCY),
        ("foot fell asleep by itself on Monday and is still numb", Level.EMERGENCY),
    ],
)
def test_rules_of_language(said: str, level: Level | None) -> None:
    assert level_of(said) == level


def test_signs_in_two_messages_add_up() -> None:
    first = SCREENER.find_red_flag("I'm pregnant")
    second = SCREENER.find_red_flag("and I am bleeding", earlier=first.heard)
    assert second.top is not None
    assert second.top.level is Level.EMERGENCY


def test_what_is_kept_for_an_hour_holds_no_words_and_survives_json() -> None:
    heard = SCREENER.find_red_flag("my granny Ermintrude fell and her back hurts").heard
    kept = json.dumps([one.to_json() for one in heard])
    assert "ermintrude" not in kept.casefold()
    assert tuple(Heard.from_json(one) for one in json.loads(kept)) == heard


def test_another_script_is_told() -> None:
    assert SCREENER.find_red_flag("у меня болит спина").is_foreign
    assert not SCREENER.find_red_flag("my back hurts").is_foreign


def changed(text: str) -> Iterator[str]:
    """``text`` as others would type it, meaning the same."""
    yield text.upper()
    yield "Hello, " + text
    yield text + " thanks"
    yield text + " 🙏"
    yield text.replace("'", "’")
    yield "  " + text.replace(" ", "  ")


def test_a_change_that_means_nothing_keeps_the_verdict() -> None:
    variants = [(text, new) for text, _ in sample(FIRE) for new in changed(text)]
    lost = [new for text, new in variants if is_loud(text) and not is_loud(new)]
    assert len(lost) <= 0.005 * len(variants), lost
    quiet = [new for text in sample(QUIET) for new in changed(text)]
    raised = [new for new in quiet if is_loud(new)]
    assert len(raised) <= 0.005 * len(quiet), raised


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=600))
def test_any_text_is_screened_without_failing(text: str) -> None:
    first = SCREENER.find_red_flag(text)
    assert not first.is_degraded
    assert first == SCREENER.find_red_flag(text)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["leg", "numb", "can't", "pee", "no", "my", "?", ",", "not", "both", "if", "dog"]), max_size=700
    )
)
def test_words_of_the_rules_in_any_order_are_screened_in_bounded_time(words: list[str]) -> None:
    start = time.thread_time()
    assert not SCREENER.find_red_flag(" ".join(words)).is_degraded
    assert time.thread_time() - start < 0.5


def test_a_sign_behind_a_very_long_text_is_heard() -> None:
    assert level_of("my back is a bit stiff today. " * 300 + " I can't pee") is Level.EMERGENCY


def test_threads_share_a_screener() -> None:
    texts = [text for text, _ in sample(FIRE, 40)]
    alone = [SCREENER.find_red_flag(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(SCREENER.find_red_flag, texts)) == alone


class _Broken:
    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __call__(self, *_: object) -> object:
        raise RuntimeError("broken")


@pytest.mark.parametrize("piece", ["_languages", "_lexicon", "_scope_words"])
def test_a_broken_piece_is_told_and_never_raises(piece: str) -> None:
    screener = Screener(_small())
    object.__setattr__(screener, piece, _Broken())
    assert screener.find_red_flag("I can't pee").is_degraded


def test_a_broken_rule_asks_instead_of_losing_the_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    screener = Screener(_small())
    monkeypatch.setattr("bot.safety.rules.Combination.matches", _Broken())
    screening = screener.find_red_flag("I can't pee")
    assert screening.is_degraded
    assert screening.top is not None
    assert screening.top.level is Level.CHECK


def test_a_broken_scope_lets_the_alarm_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.safety.scope.MessageScope.why_blocked", _Broken())
    assert level_of("no trouble, I can't pee", Screener(_small())) is Level.EMERGENCY


def _small() -> RedFlags:
    """The first rule alone: quick to compile."""
    return RED_FLAGS.model_copy(update={"rules": RED_FLAGS.rules[:1]})
