"""A diff tells what matters to patients, and nothing that would hide it."""

from datetime import UTC, datetime

import pytest

from bot.assistant import Assistant
from bot.content import load
from bot.matching import Candidate, Confidence, Ranking
from bot.safety import Screener
from bot.staff.comparing import differences
from tests.fakes import READS_ONLY
from tests.small_faq import make_faq

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
SAID = "ice on my back"  # a test of the content


class Ranks:
    """Suggests these entries whatever is asked."""

    def __init__(self, *entries):
        found = tuple(Candidate(entry, 0.3) for entry in entries)
        self._ranking = Ranking(found, Confidence.MEDIUM, suggested=found)

    def rank(self, _parsed):
        return self._ranking


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return load(make_faq(tmp_path_factory.mktemp("small")))


@pytest.fixture
def told(content):
    def told(before, after, missed=()):
        screener = Screener(content.red_flags, READS_ONLY)
        old, new = (Assistant(content, READS_ONLY, screener, Ranks(*entries)) for entries in (before, after))
        return {one.utterance: one.source for one in differences(old, new, missed, NOW)}

    return told


def test_another_first_button_is_told(told):
    assert told(("ice", "heat"), ("heat", "ice"))[SAID] == "test"


def test_other_buttons_behind_the_first_are_told_of_missed_questions_only(told):
    assert told(("ice", "heat"), ("ice", "rest"), missed=["kimono weather"]) == {"kimono weather": "missed"}
