"""What a good editor would say is said, on the line it is about; plain text is left alone."""

from datetime import UTC, datetime

import pytest

from bot.checking.editor import hours_ahead, remarks
from bot.content import load
from bot.errors import Severity
from tests.small_faq import make_faq

ICE = "en/entries/ice.yaml"


@pytest.fixture
def faq(tmp_path):
    return make_faq(tmp_path)


def said(faq, name, old, new):
    before = {str(one) for one in remarks(load(faq))}
    text = (faq / name).read_text()
    assert old in text
    (faq / name).write_text(text.replace(old, new, 1))
    return [one for one in remarks(load(faq)) if str(one) not in before]


@pytest.mark.parametrize(
    ("new", "message", "severity"),
    [
        ("Yes.\n\n  Utilise a towel first.", "`Utilise` is a hard word. Say `use`.", Severity.WARNING),
        ("Yes.\n\n  It will cure you.", "`will cure` promises or judges", Severity.ERROR),
        ("Yes.\n\n  It is harmless.", "`harmless` promises or judges", Severity.ERROR),
    ],
)
def test_hard_words_and_promises_are_marked_on_their_line(faq, new, message, severity):
    (found,) = said(faq, ICE, "Yes, ice can ease a new spasm. Wrap it in a towel first.", new)
    assert message in str(found)
    assert found.severity is severity
    assert (faq / ICE).read_text().splitlines()[found.line - 1].strip() in new


def test_a_denied_promise_is_none(faq):
    assert said(faq, ICE, "Yes, ice can ease a new spasm.", "No pack will cure a spasm.") == []


def test_ways_to_ask_that_two_entries_share_are_named(faq):
    (found,) = said(faq, "en/entries/heat.yaml", "  - heat?\n", "  - should i put ice on it now\n  - heat?\n")
    assert "`should i put ice on it` is nearly `should i put ice on it now` of heat" in str(found)


def test_entries_without_tests_are_named(faq):
    untested = {one.path for one in remarks(load(faq)) if "no test message" in one.message}
    assert untested == {"en/entries/rest.yaml", "en/entries/booking.yaml"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "action: Call {emergency_number} now",
            "action: Call now. Lie down. Wait.",
            "more than one short sentence",
        ),
        ("because: Pain in the chest may be the heart.", "because: See www.example.com", "a link stands on the card"),
        ("if: [It spreads to the arm.]", "if: [You feel very unwell.]", "is vague"),
    ],
)
def test_a_card_outside_its_grammar_is_named(faq, old, new, message):
    (found,) = said(faq, "en/red-flags/chest-pain-breathing.yaml", old, new)
    assert message in found.message
    assert found.path == "en/red-flags/chest-pain-breathing.yaml"


def test_the_next_two_weeks_are_said_in_words(faq):
    lines = list(hours_ahead(load(faq), datetime(2026, 12, 21, 12, tzinfo=UTC)))
    assert lines[:4] == [
        "Mon 21 Dec: 08:00-12:00 and 13:00-18:00",
        "Tue 22 Dec: 08:00-12:00 and 13:00-18:00",
        "Wed 23 Dec: 08:00-12:00 and 13:00-18:00",
        "Thu 24 Dec: 08:00-12:00",
    ]
    assert lines[4] == "Fri 25 Dec: closed"
    assert len(lines) == 14
