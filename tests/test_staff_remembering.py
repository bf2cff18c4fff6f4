"""What a check remembers must be what would be found out anew, and an edit finds out anew only what it can change."""

from dataclasses import replace
from pathlib import Path

import pytest
from bot.safety.learning import listening

from bot.content import load
from bot.safety import Screener
from bot.staff.remembering import RememberingScreener, hearing_key

FAQ = Path(__file__).parent.parent / "faq"
# Longer than a window, another language, another script, nothing: what lines of the content seldom are.
OTHERS = ("my back hurts " * 200 + "and i cant pee", "ich habe starke brustschmerzen und angst", "胸が痛い", "")


@pytest.fixture(scope="module")
def content():
    """A fifteenth of the shipped content: a second listener learns from it within a second."""
    whole = load(FAQ)
    rules = tuple(rule.model_copy(update={"must_fire": rule.must_fire[:4], "must_not_fire": rule.must_not_fire[:3]})
                  for rule in whole.red_flags.rules)  # fmt: skip
    entries = {
        name: entry.model_copy(update={"phrasings": entry.phrasings[:5]}) for name, entry in whole.entries.items()
    }
    return replace(
        whole, red_flags=whole.red_flags.model_copy(update={"rules": rules}), entries=entries, overheard={},
        utterances=whole.utterances[:5], out_of_scope=whole.out_of_scope[:50],
    )  # fmt: skip


@pytest.fixture(scope="module")
def lines(content):
    entries, rules = content.entries.values(), content.red_flags.rules
    return {said for one in entries for said in one.phrasings} | {
        line for rule in rules for line in (*rule.must_fire, *rule.must_not_fire)
    }


@pytest.fixture(scope="module")
def folder(content, lines, tmp_path_factory):
    """Where a check of ``content`` has kept its results."""
    folder = tmp_path_factory.mktemp("cache")
    first = RememberingScreener(content, folder)
    for line in lines:
        first.find_red_flag(line)
    first.keep(lines)
    return folder


def said(screening):
    return [(one.level, one.rule) for one in screening.findings], screening.is_foreign, screening.is_degraded


def with_phrasing(content, phrasing):
    ice = content.entries["ice"]
    taught = ice.model_copy(update={"phrasings": (*ice.phrasings, phrasing)})
    return replace(content, entries={**content.entries, "ice": taught})


def test_what_is_remembered_is_what_the_screener_says(content, lines, folder):
    screener, remembering = listening(content, folder), RememberingScreener(content, folder)
    for message in (*sorted(lines), *OTHERS):
        assert said(remembering.find_red_flag(message)) == said(screener.find_red_flag(message)), message


def test_a_listener_that_learned_something_new_judges_what_was_heard_before(content, lines, folder, monkeypatch):
    taught = with_phrasing(content, "kimono weather for my spine")
    screener, remembering = listening(taught, folder), RememberingScreener(taught, folder)
    monkeypatch.delattr(Screener, "hearing")
    for line in sorted(lines):
        assert said(remembering.find_red_flag(line)) == said(screener.find_red_flag(line)), line


def test_an_edit_of_a_line_changes_only_the_keys_of_what_depends_on_it(content, tmp_path):
    rule = content.red_flags.rules[0]

    def ruled(**changed):
        rules = (rule.model_copy(update=changed), *content.red_flags.rules[1:])
        return replace(content, red_flags=content.red_flags.model_copy(update={"rules": rules}))

    def rules_key(edited):
        return RememberingScreener(edited, tmp_path).key

    line = ruled(must_fire=(*rule.must_fire, "one more line"))
    assert rules_key(line) != rules_key(content)
    assert hearing_key(line) == hearing_key(content)
    assert hearing_key(ruled(level="soon")) != hearing_key(content)
    # What is not for us teaches the second listener too.
    assert rules_key(replace(content, out_of_scope=())) != rules_key(content)


def test_results_of_patients_are_not_written_down(content, folder):
    remembering = RememberingScreener(content, folder)
    remembering.find_red_flag("my own secret words")
    remembering.keep(set())
    assert not any(b"secret words" in file.read_bytes() for file in folder.glob("*.results"))


def test_many_lines_are_read_by_two_processes_and_say_the_same(content, lines, tmp_path, monkeypatch):
    monkeypatch.setattr("bot.staff.remembering.MUCH", 1)
    few = sorted(lines)[:60]
    remembering = RememberingScreener(content, tmp_path)
    remembering.find_out(few)
    monkeypatch.delattr(Screener, "hearing")
    plain = listening(content, tmp_path)
    assert [said(remembering.find_red_flag(line)) for line in few] == [said(plain.find_red_flag(line)) for line in few]
