"""Screening as a whole, as patients are served: what must be heard, what must not, and that nothing breaks it."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.assistant import Assistant
from bot.content import Content
from bot.content.red_flags import RedFlag, groups
from bot.matching import Matcher
from bot.safety import Heard, Level, Screener, Screening
from bot.safety.model import SignModel
from bot.understanding import Understanding, known_words, load_encoder, load_understanding

# Emergencies heard together, the one that can wait least first (the clinical reference, "Several rules at once").
ORDER = (
    "suicidal-self-harm", "painkiller-overdose", "loss-of-consciousness", "chest-pain-breathing", "anaphylaxis", "stroke-signs",
    "one-sided", "aortic-aneurysm", "sepsis-meningitis", "sudden-severe-headache", "gi-bleeding", "pregnancy-emergency", "major-trauma",
    "bladder-bowel-control", "saddle-numbness", "both-legs", "limb-weakness", "limb-sensation-loss", "sexual-sensation-loss",
    "balance-coordination",
)  # fmt: skip
PAGES = (
    *ORDER, "fever-with-pain", "nausea-with-pain", "infection-risk", "cancer-or-weight-loss", "night-pain", "fracture-risk",
    "urine-kidney", "unbearable-pain", "shingles-rash", "calf-swelling", "spine-lump-deformity", "not-better-two-weeks",
    "same-place-again", "over-six-weeks", "age-first-episode", "tingling-persists", "pregnancy-back-pain", "upper-back-pain",
)  # fmt: skip
LOUD = (Level.EMERGENCY, Level.URGENT)


class Served:
    """Understanding and screener as one: text in, screening out."""

    def __init__(self, content: Content, understanding: Understanding) -> None:
        self.content = content
        self.understanding = understanding
        self.screener = Screener(content.red_flags, understanding)

    def __call__(self, text: str, earlier: tuple[Heard, ...] = ()) -> Screening:
        return self.screener.screen(self.understanding.parse(text), earlier)

    def level(self, text: str) -> Level | None:
        top = self(text).top
        return top.level if top else None

    def page(self, page_id: str) -> RedFlag:
        page = self.content.red_flags.page(page_id)
        assert page
        return page


@pytest.fixture(scope="module")
def screen(content: Content) -> Served:
    served = Served(content, load_understanding(content))
    assert not served.understanding.trouble
    return served


@pytest.fixture(scope="module")
def floor_alone(content: Content) -> Served:
    return Served(content, Understanding(known_words(content), None))


# What the pages themselves say


@pytest.mark.parametrize("page_id", PAGES)
def test_must_raise_lines_raise_their_level(screen: Served, page_id: str) -> None:
    page = screen.page(page_id)
    wanted = Level(page.level).rank
    levels = {text: screen.level(text) for text in page.must_raise}
    assert [text for text, level in levels.items() if level is None or level.rank < wanted] == []


@pytest.mark.parametrize("page_id", PAGES)
def test_must_stay_quiet_lines_raise_no_alarm(screen: Served, page_id: str) -> None:
    assert [text for text in screen.page(page_id).must_stay_quiet if screen.level(text) in LOUD] == []


@pytest.mark.parametrize("page_id", PAGES)
def test_every_phrase_is_heard_by_itself_also_without_the_model(
    screen: Served, floor_alone: Served, page_id: str
) -> None:
    page = screen.page(page_id)
    for _, _, phrase in page.phrases():
        said = say(phrase)
        assert page_id in {finding.rule for finding in floor_alone(said).findings}, said
        if page.level != "soon":
            assert page_id in {finding.rule for finding in screen(said).findings}, said


def say(phrase: str) -> str:
    """A message that holds ``phrase`` in the shortest way."""
    return " ".join(side[0] for side in groups(phrase))


# Several at once


@pytest.mark.parametrize(
    ("worse", "milder"), [pair for pair in permutations(ORDER, 2) if ORDER.index(pair[0]) < ORDER.index(pair[1])]
)
def test_the_emergency_that_can_wait_least_wins_and_the_other_is_named(
    screen: Served, floor_alone: Served, worse: str, milder: str
) -> None:
    first, second = (say(screen.page(one).always_heard[0]) for one in (worse, milder))
    for text in (f"{first}. {second}", f"{second}. {first}"):
        found = [finding.rule for finding in floor_alone(text).findings if finding.level is Level.EMERGENCY]
        assert found.index(worse) < found.index(milder)
        assert found[: found.index(worse)] == sorted(found[: found.index(worse)], key=ORDER.index)  # a third, worse one
        served = screen(text)
        assert served.top
        assert ORDER.index(served.top.rule) <= ORDER.index(worse)


def test_the_other_sign_is_named_on_the_card(screen: Served) -> None:
    assistant = Assistant(screen.content, screen.understanding, screen.screener, cast(Matcher, None))
    screening = screen("I have chest pain. Also, numb between my legs")
    card = assistant.card(screening)
    assert card
    assert screening.top
    assert screening.top.rule == "chest-pain-breathing"
    said = " ".join(block.text for block in card.blocks)
    others = [finding.rule for finding in screening.findings[1:] if finding.level is Level.EMERGENCY]
    assert others
    assert all(screen.page(other).name in said for other in others)


def test_the_highest_level_wins_over_the_rank(floor_alone: Served) -> None:
    urgent, emergency = floor_alone.page("fever-with-pain"), floor_alone.page("balance-coordination")
    found = floor_alone(f"{say(urgent.always_heard[0])}. {say(emergency.always_heard[0])}").findings
    assert [finding.level for finding in found] == sorted((f.level for f in found), key=lambda level: -level.rank)
    assert found[0].rule == emergency.id


# What people write


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("I can't pee", Level.EMERGENCY),
        ("cantfeelmylegs", Level.EMERGENCY),
        ("my leg is nubm and I cnat feel my foot", Level.EMERGENCY),
        ("NUMB BETWEEN MY LEGS", Level.EMERGENCY),
        ("my husband can't feel his legs", Level.EMERGENCY),
        ("no fever but I can't feel my foot", Level.EMERGENCY),
        ("no, can't pee", Level.EMERGENCY),
        ("is it dangerous that I can't feel my foot?", Level.EMERGENCY),
        ("I don't want to live any more", Level.EMERGENCY),
        ("marriage collapsed, want to die", Level.EMERGENCY),
        ("ceiling fell, numb from the waist down", Level.EMERGENCY),
        ("the plan: end it all tonight", Level.EMERGENCY),
        ("passed out early this morning", Level.EMERGENCY),
        ("overdose", Level.EMERGENCY),
        ("bowel incontinence", Level.EMERGENCY),
        ("chest pain", Level.EMERGENCY),
        ("haven't been able to pee since last night", Level.EMERGENCY),
        ("I can't pee. Normal otherwise", Level.EMERGENCY),
        ("no puedo orinar", Level.EMERGENCY),
        ("胸痛", Level.EMERGENCY),
        ("/cant feel my legs", Level.EMERGENCY),
        ("no numbness, no weakness, no bladder trouble", None),
        ("I'd die for a massage", None),
        ("wet myself laughing", None),
        ("fever? no. Just a sore back", None),
        ("is teeing off ok with a stiff back", None),
        ("", None),
        ("🙏", None),
    ],
)
def test_how_people_write(screen: Served, said: str, level: Level | None) -> None:
    found = screen.level(said)
    assert found == level if level else found not in LOUD


def changed(text: str) -> Iterator[str]:
    """``text`` as others would type it, meaning the same."""
    yield text.upper()
    yield text.replace("'", "’")
    yield text.replace("'", "")
    yield "  " + text.replace(" ", "  ") + " "
    yield text + " 🙏"


def test_a_change_that_means_nothing_keeps_the_verdict(screen: Served) -> None:
    lines = [text for page in screen.content.red_flags.pages for text in page.must_raise if page.level != "soon"]
    raised = [text for text in random.Random(7).sample(lines, 80) if screen.level(text) in LOUD]
    variants = [new for text in raised for new in changed(text)]
    lost = [new for new in variants if screen.level(new) not in LOUD]
    assert len(lost) <= 0.02 * len(variants), lost  # at a threshold one emoji may tip the model


# Two messages


def test_signs_in_two_messages_add_up(screen: Served) -> None:
    first = screen("it's in both legs")
    second = screen("all numb", first.heard)
    assert second.top
    assert second.top.level is Level.EMERGENCY
    assert "both-legs" in {finding.rule for finding in second.findings}


def test_what_is_kept_for_an_hour_holds_no_words_and_survives_json(screen: Served) -> None:
    heard = screen("Ermintrude says both legs").heard
    assert heard
    kept = json.dumps([one.to_json() for one in heard])
    assert "ermintrude" not in kept.casefold()
    assert tuple(Heard.from_json(one) for one in json.loads(kept)) == heard
    assert Heard.from_json({}) == Heard("")
    assert Heard.from_json({"concept": "legs/1/0", "state": "said", "time": "now"}) == Heard(
        "legs/1/0"
    )  # of older versions


PIECES = (
    "both legs",
    "numb",
    "can't pee",
    "no",
    "my leg",
    "what if",
    "pregnant",
    "bleeding",
    "chest",
    "pain",
    ".",
    ",",
    "?",
    "🦵",
    "\n",
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=12).map(" ".join)


@settings(max_examples=60)
@given(TEXTS, TEXTS)
def test_any_text_is_screened_twice_alike_and_what_was_heard_before_never_lowers(
    screen: Served, text: str, before: str
) -> None:
    alone, after = screen(text), screen(text, screen(before).heard)
    assert not alone.is_degraded
    assert alone == screen(text)
    rank = {finding.rule: finding.level.rank for finding in after.findings}
    assert all(rank.get(finding.rule, 0) >= finding.level.rank for finding in alone.findings)


# Long, foreign, many at once


@pytest.mark.parametrize("repeats", [40, 300])
def test_a_sign_behind_a_very_long_text_is_heard(screen: Served, repeats: int) -> None:
    assert screen.level("my back is a bit stiff today. " * repeats + "I can't pee since noon") is Level.EMERGENCY


def test_every_sign_in_other_languages_is_heard(screen: Served) -> None:
    missed = [
        (language, page_id, phrase)
        for language, said in screen.content.red_flags.languages.items()
        for page_id, phrases in said.signs.items()
        for phrase in phrases
        if page_id not in {finding.rule for finding in screen(phrase.replace("…", "")).findings}
    ]
    assert not missed


def test_another_language_or_script_is_told(screen: Served) -> None:
    assert screen("у меня болит спина").is_foreign
    assert screen("me duele la espalda desde ayer").is_foreign
    assert not screen("my back hurts").is_foreign


def test_threads_share_a_screener(screen: Served) -> None:
    texts = [text for page in screen.content.red_flags.pages[:8] for text in page.must_raise]
    alone = [screen(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(screen, texts * 2)) == alone * 2


def test_the_loudest_window_of_a_long_message_counts(screen: Served) -> None:
    quiet, loud = (
        screen.understanding.parse(text).vectors
        for text in ("does ice help?", "I have not been able to pee since last night")
    )
    assert quiet is not None
    assert loud is not None
    quiet, loud = quiet.signs, loud.signs
    model = SignModel(load_encoder()[0], screen.screener._levels)  # type: ignore[arg-type]
    alone = model.judge(loud).alarm
    assert alone > model.sure
    for windows in ((quiet, loud), (loud, quiet), (quiet, loud, quiet)):
        assert model.judge(np.concatenate(windows)).alarm == pytest.approx(alone)


# Parts that break


class Broken:
    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize("part", ["_languages", "_floor", "_model"])
def test_a_broken_part_is_told_and_the_others_still_hear(content: Content, part: str) -> None:
    served = Served(content, load_understanding(content))
    object.__setattr__(served.screener, part, Broken())
    screening = served("I can't pee since last night and my back is in spasm")
    assert screening.is_degraded
    assert screening.top
    assert (screening.top.rule, screening.top.level) == ("bladder-bowel-control", Level.EMERGENCY)


def test_a_broken_table_lets_the_floor_through(screen: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("bot.safety.screening.decide", break_down)
    screening = screen("I can't pee")
    assert screening.is_degraded
    assert screening.top
    assert screening.top.level is Level.EMERGENCY


def test_without_the_model_the_floor_hears_and_it_is_told(floor_alone: Served) -> None:
    assert floor_alone("hello").is_degraded
    assert floor_alone.level("I can't pee") is Level.EMERGENCY
    assert floor_alone.level("what if I can't pee") is Level.CHECK


def test_a_model_that_gives_no_number_is_told(screen: Served) -> None:
    parsed = screen.understanding.parse("I can't pee")
    assert parsed.vectors is not None
    object.__setattr__(parsed, "vectors", parsed.vectors._replace(signs=parsed.vectors.signs * float("nan")))
    screening = screen.screener.screen(parsed)
    assert screening.is_degraded
    assert screening.top
    screen.understanding._kept.clear()
