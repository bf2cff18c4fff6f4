"""Frames: one sign denied, asked about, over, supposed or told of a third person, with the verdict that each must get."""

from pathlib import Path

import pytest

from bot.content import load
from bot.safety import Level, Screener

SCREENER = Screener(load(Path(__file__).resolve().parent.parent / "faq").red_flags)
LOUD = {Level.URGENT, Level.EMERGENCY}

# (as a noun, as the patient says it, as said of somebody)
SIGNS = [
    ("numbness in the foot", "my foot is numb", "his foot is numb"),
    ("weakness in the leg", "my leg is weak", "his leg is weak"),
    ("loss of bladder control", "I lost control of my bladder", "he lost control of his bladder"),
    ("chest pain", "I have chest pain", "he has chest pain"),
    ("slurred speech", "my speech is slurred", "his speech is slurred"),
    ("numbness between the legs", "I am numb between my legs", "he is numb between his legs"),
]


def is_loud(text: str) -> bool:
    return any(finding.level in LOUD for finding in SCREENER.find_red_flag(text).findings)


@pytest.mark.parametrize("noun", [noun for noun, _, _ in SIGNS])
@pytest.mark.parametrize(
    "frame",
    [
        "no {}",
        "I have no {}, just a stiff back",
        "there is no {}",
        "is {} dangerous?",
        "what if I ever get {}?",
        "without {}",
    ],
)
def test_denied_asked_and_supposed_stay_quiet(noun: str, frame: str) -> None:
    assert not is_loud(frame.format(noun))


@pytest.mark.parametrize("said", [said for _, *both in SIGNS for said in both])
@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        "{} since yesterday",
        "no fever, but {}",
        "sorry to bother you, {}, does ice help?",
        "is it dangerous that {}?",
        "my back went on Monday and now {}",
    ],
)
def test_reported_signs_are_heard(said: str, frame: str) -> None:
    assert is_loud(frame.format(said))
