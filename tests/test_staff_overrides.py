"""What staff switch off is given to nobody; screening goes on whatever is switched off."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.assistant import Assistant, Overrides
from bot.assistant.asking import ask
from bot.assistant.conversation import Conversation, Outcome
from bot.content import load
from bot.matching import Candidate
from bot.safety import Level
from tests.fakes import READS_ONLY, FakeMatcher, FakeScreener, command, sure, tap, text, unsure
from tests.small_faq import make_faq

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory):
    content = load(make_faq(tmp_path_factory.mktemp("faq")))
    content = replace(
        content, entries={**content.entries, "heat": content.entries["heat"].model_copy(update={"see_also": ("ice",)})}
    )
    matcher = FakeMatcher(
        {"both": unsure("ice", "heat"), "cold": sure("ice"), "warm": sure("heat", also=Candidate("ice", 0.5))}
    )
    screener = FakeScreener({"chest": (Level.EMERGENCY, "chest-pain-breathing")})
    return Assistant(content, READS_ONLY, screener, matcher)


def labels(turn):
    return [button.label for row in turn.reply.buttons for button in row]


def test_a_silenced_entry_is_given_to_nobody(assistant):
    quiet = assistant.with_overrides(Overrides(frozenset({"ice"})))
    assert ask(assistant, "cold", NOW).entry == "ice"
    assert ask(quiet, "cold", NOW).outcome is Outcome.FALLBACK
    assert ask(quiet, "both", NOW).outcome is Outcome.FALLBACK
    warm = ask(quiet, "warm", NOW)
    assert warm.entry == "heat"
    assert "Does ice help?" not in labels(warm)
    assert "Does ice help?" in labels(ask(assistant, "warm", NOW))
    for action in ("e:ice", "m:ice", "t:relief"):
        assert "Wrap it" not in quiet.reply(tap(action), Conversation()).reply.plain()
        assert "Does ice help?" not in labels(quiet.reply(tap(action), Conversation()))


def test_a_pause_leaves_screening_and_the_clinics_phone(assistant):
    paused = assistant.with_overrides(Overrides(is_paused=True))
    phone = assistant.content.clinic.phone
    for turn in (
        ask(paused, "cold", NOW),
        ask(paused, "what", NOW),
        paused.reply(tap("e:ice"), Conversation()),
        paused.reply(tap("m:ice"), Conversation()),
        paused.reply(command("start", "ice"), Conversation()),
        paused.reply(command("start"), Conversation()),
    ):
        assert turn.outcome is Outcome.HANDOFF
        assert phone in turn.reply.plain()
        assert "paused" in turn.reply.plain()
        assert "call 999 now" in turn.reply.plain()
        assert "Wrap it" not in turn.reply.plain()
    assert ask(paused, "chest", NOW).outcome is Outcome.ESCALATION
    assert paused.reply(command("forget"), Conversation()).records


def test_all_comes_back_as_it_was(assistant):
    again = assistant.with_overrides(Overrides(frozenset({"ice"}), True)).with_overrides(Overrides())
    assert again.content is assistant.content
    assert ask(again, "cold", NOW).entry == "ice"
    assert again.version == assistant.version
    assert again.reply(text("cold"), Conversation()).outcome is Outcome.ANSWER
