"""The one decision table: what the floor met and the model thinks of it, into findings."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from bot.safety.floor import Hit
from bot.safety.levels import Finding, Level
from bot.safety.model import Judgement, SignModel

LOUD: Final = (Level.EMERGENCY, Level.URGENT)
# From this many words on a message holds enough for the model to know that a phrase means something harmless here.
ENOUGH_WORDS: Final = 8
# An alarm spread thinly over many signs would show a card of the wrong one: below this share of the likeliest, it is asked
# about. At 0.15 the real sets lose one emergency in two hundred to a question and a sixth of the alarms at plain questions.
LEAST_NAMED: Final = 0.15


class Opinion(Enum):
    """What the model thinks of a message as a whole."""

    ALARM = auto()
    UNSURE = auto()  # it may be one: ask
    QUIET = auto()  # rather not, but a phrase of the floor outweighs it
    HARMLESS = auto()  # sure that it is harmless
    MISSING = auto()


def opinion_of(judgement: Judgement | None, model: SignModel | None) -> Opinion:
    """``judgement`` by the thresholds that were set when the model was tuned (probabilities of an alarm)."""
    if judgement is None or model is None:
        return Opinion.MISSING
    if judgement.alarm >= model.sure and judgement.named >= LEAST_NAMED:
        return Opinion.ALARM
    if judgement.alarm >= model.unsure:
        return Opinion.UNSURE
    return Opinion.HARMLESS if judgement.alarm < model.harmless else Opinion.QUIET


def weigh_phrase(opinion: Opinion, *, is_alone: bool, is_supposed: bool, words: int) -> Level | None:
    """What a phrase of an emergency or urgent page leads to: EMERGENCY stands for the page's own level, CHECK for its
    closed question, None for nothing. A sign that is asked about in general is answered as a question."""
    if is_supposed and opinion is not Opinion.ALARM:
        return None if opinion is Opinion.HARMLESS else Level.CHECK
    if is_alone or opinion is not Opinion.HARMLESS or words < ENOUGH_WORDS:
        return Level.EMERGENCY
    return Level.CHECK


def decide(
    hits: Sequence[Hit], judgement: Judgement | None, model: SignModel | None, levels: Mapping[str, Level], words: int
) -> list[Finding]:
    """Findings of one message of so many ``words``, in no particular order. ``levels``: of each page by id."""
    opinion = opinion_of(judgement, model)
    findings = []
    for hit in hits:
        level = levels[hit.rule]
        if level is Level.SOON:
            if not hit.is_supposed and (opinion is not Opinion.HARMLESS or words < ENOUGH_WORDS):
                findings.append(Finding(level, hit.rule, (f"phrase: {hit.phrase}",)))
            continue
        weighed = weigh_phrase(opinion, is_alone=hit.is_alone, is_supposed=hit.is_supposed, words=words)
        if weighed:
            findings.append(
                Finding(Level.CHECK if weighed is Level.CHECK else level, hit.rule, (f"phrase: {hit.phrase}",))
            )
    if judgement and model:
        findings += _by_model(judgement, model, opinion, levels)
    return findings


def _by_model(judgement: Judgement, model: SignModel, opinion: Opinion, levels: Mapping[str, Level]) -> list[Finding]:
    findings = []
    if opinion in (Opinion.ALARM, Opinion.UNSURE):
        # In doubt between two levels the higher one is taken (clinical reference, language rule 11).
        first = judgement.likeliest(levels, (Level.EMERGENCY,))
        share = judgement.signs.get(first, 0.0)
        level = Level.EMERGENCY if share >= model.emergency * judgement.alarm else Level.URGENT
        sign = judgement.likeliest(levels, (level,))
        level = level if opinion is Opinion.ALARM else Level.CHECK
        evidence = f"model: alarm {judgement.alarm:.2f}, {sign} {judgement.signs[sign]:.2f}"
        findings.append(Finding(level, sign, (evidence,)))
    findings += [
        Finding(Level.SOON, sign, (f"model: {sign} {share:.2f}",))
        for sign, share in judgement.signs.items()
        if levels.get(sign) is Level.SOON and share >= model.soon
    ]
    return findings
