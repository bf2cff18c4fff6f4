"""The decision table, whole: floor phrase × what the model thinks × length × level."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import cast

import pytest

from bot.safety.decide import LEAST_NAMED, Opinion, decide, opinion_of, weigh_phrase
from bot.safety.floor import Hit
from bot.safety.levels import Finding, Level
from bot.safety.model import Judgement, SignModel

LEVELS = {"legs": Level.EMERGENCY, "fever": Level.URGENT, "weeks": Level.SOON, "chest": Level.EMERGENCY}


class FakeModel:
    sure, unsure, harmless, soon, emergency = 0.5, 0.1, 0.01, 0.5, 0.3


MODEL = cast(SignModel, FakeModel())
# Probability of an alarm that stands for each opinion.
ALARM = {Opinion.ALARM: 0.9, Opinion.UNSURE: 0.3, Opinion.QUIET: 0.05, Opinion.HARMLESS: 0.001}


def make_judgement(alarm: float, signs: Mapping[str, float] | None = None) -> Judgement:
    return Judgement(signs or {"chest": alarm}, alarm, alarm)


def findings(
    hits: Sequence[Hit], opinion: Opinion, words: int, signs: Mapping[str, float] | None = None
) -> dict[str, Level]:
    judgement = None if opinion is Opinion.MISSING else make_judgement(ALARM[opinion], signs)
    found: dict[str, Level] = {}
    for finding in decide(hits, judgement, MODEL if judgement else None, LEVELS, words):
        if finding.rule not in found or finding.level.rank > found[finding.rule].rank:
            found[finding.rule] = finding.level
    return found


# What a phrase of an emergency or urgent page leads to. Columns: the model's opinion, in a short and in a long message.
#                  ALARM        UNSURE       QUIET        HARMLESS     MISSING
#                  short long   short long   short long   short long   short long
PHRASE = {
    "always heard": "card  card   card  card   card  card   card  ask    card  card",
    "alone":        "card  card   card  card   card  card   card  card   card  card",
    "supposed":     "card  card   ask   ask    ask   ask    -     -      ask   ask",
    "alone and supposed":
                    "card  card   ask   ask    ask   ask    -     -      ask   ask",
}  # fmt: skip
# What a phrase of a "soon" page leads to: its line, or nothing.
SOON_PHRASE = {
    "always heard": "line  line   line  line   line  line   line  -      line  line",
    "alone":        "line  line   line  line   line  line   line  -      line  line",
    "supposed":     "-     -      -     -      -     -      -     -      -     -",
    "alone and supposed":
                    "-     -      -     -      -     -      -     -      -     -",
}  # fmt: skip
# What the model alone leads to.
NO_PHRASE = "card  card   ask   ask    -     -      -     -      -     -"
COLUMNS = list(product(Opinion, (7, 8)))


def cells(table: Mapping[str, str]) -> list[tuple[str, Opinion, int, str]]:
    assert all(len(row.split()) == len(COLUMNS) for row in table.values())
    return [
        (kind, opinion, words, wanted)
        for kind, row in table.items()
        for (opinion, words), wanted in zip(COLUMNS, row.split(), strict=True)
    ]


def make_hit(page: str, kind: str) -> Hit:
    return Hit(page, "a phrase", is_alone="alone" in kind, is_supposed="supposed" in kind)


@pytest.mark.parametrize("page", ["legs", "fever"])
@pytest.mark.parametrize(("kind", "opinion", "words", "wanted"), cells(PHRASE))
def test_a_phrase_of_an_emergency_or_urgent_page(
    page: str, kind: str, opinion: Opinion, words: int, wanted: str
) -> None:
    level = findings([make_hit(page, kind)], opinion, words).get(page)
    assert level == {"card": LEVELS[page], "ask": Level.CHECK, "-": None}[wanted]


@pytest.mark.parametrize(("kind", "opinion", "words", "wanted"), cells(SOON_PHRASE))
def test_a_phrase_of_a_soon_page(kind: str, opinion: Opinion, words: int, wanted: str) -> None:
    level = findings([make_hit("weeks", kind)], opinion, words).get("weeks")
    assert level == {"line": Level.SOON, "-": None}[wanted]


@pytest.mark.parametrize(("_", "opinion", "words", "wanted"), cells({"no phrase": NO_PHRASE}))
def test_the_model_alone(_: str, opinion: Opinion, words: int, wanted: str) -> None:
    level = findings([], opinion, words).get("chest")
    assert level == {"card": Level.EMERGENCY, "ask": Level.CHECK, "-": None}[wanted]


@pytest.mark.parametrize(("opinion", "words"), COLUMNS)
def test_a_phrase_that_is_said_is_never_met_with_silence(opinion: Opinion, words: int) -> None:
    for is_alone in (False, True):
        assert weigh_phrase(opinion, is_alone=is_alone, is_supposed=False, words=words) is not None


@pytest.mark.parametrize(
    ("alarm", "opinion"),
    [
        (1.0, Opinion.ALARM),
        (0.5, Opinion.ALARM),
        (0.499, Opinion.UNSURE),
        (0.1, Opinion.UNSURE),
        (0.099, Opinion.QUIET),
        (0.01, Opinion.QUIET),
        (0.009, Opinion.HARMLESS),
        (0.0, Opinion.HARMLESS),
    ],
)
def test_opinions_by_the_models_own_thresholds(alarm: float, opinion: Opinion) -> None:
    assert opinion_of(make_judgement(alarm), MODEL) is opinion


def test_no_judgement_or_no_model_is_missing() -> None:
    assert opinion_of(None, MODEL) is Opinion.MISSING
    assert opinion_of(make_judgement(1.0), None) is Opinion.MISSING


@pytest.mark.parametrize(
    ("signs", "found"),
    [
        # the higher level wins where its likeliest sign has its share of the alarm; many faint ones are no sign
        ({"fever": 0.5, "chest": 0.25, "legs": 0.15}, {"fever": Level.URGENT}),
        ({"fever": 0.6, "chest": 0.29, "legs": 0.01}, {"chest": Level.EMERGENCY}),
        ({"chest": 0.3, "legs": 0.6}, {"legs": Level.EMERGENCY}),
        # signs of days may stand beside it; what the content has no page for counts as nothing
        ({"weeks": 0.6, "chest": 0.9, "unknown": 0.9}, {"chest": Level.EMERGENCY, "weeks": Level.SOON}),
        ({"weeks": 0.49, "chest": 0.9}, {"chest": Level.EMERGENCY}),
    ],
)
def test_the_sign_that_the_model_names(signs: dict[str, float], found: dict[str, Level]) -> None:
    assert findings([], Opinion.ALARM, 20, signs) == found


def test_in_doubt_it_asks_for_the_higher_level() -> None:
    assert findings([], Opinion.UNSURE, 20, {"fever": 0.2, "chest": 0.1}) == {"chest": Level.CHECK}


def test_a_soon_sign_needs_no_alarm() -> None:
    assert findings([], Opinion.QUIET, 20, {"weeks": 0.5, "chest": 0.05}) == {"weeks": Level.SOON}
    assert findings([], Opinion.HARMLESS, 20, {"weeks": 0.49}) == {}


def test_every_finding_says_what_spoke_for_it() -> None:
    found = decide([make_hit("legs", "")], make_judgement(0.9), MODEL, LEVELS, 20)
    assert [finding.evidence for finding in found] == [("phrase: a phrase",), ("model: alarm 0.90, chest 0.90",)]
    assert all(isinstance(finding, Finding) for finding in found)


def test_an_alarm_that_names_no_sign_is_asked_about() -> None:
    spread = Judgement({"chest": 0.1, "legs": 0.1, "fever": 0.1}, 0.9, LEAST_NAMED - 0.01)
    assert opinion_of(spread, MODEL) is Opinion.UNSURE
    assert opinion_of(Judgement(spread.signs, 0.9, LEAST_NAMED), MODEL) is Opinion.ALARM
